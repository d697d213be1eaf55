#include "station/world/found.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STEP 8u /* chosen: most devices hear few networks */

static bool stronger(const struct ieee80211_network *a, const struct ieee80211_network *b)
{
	return a->rssi_dbm != b->rssi_dbm ? a->rssi_dbm > b->rssi_dbm : memcmp(a->bssid, b->bssid, 6) < 0;
}

static bool has_room(struct found *f)
{
	struct ieee80211_network *at;

	if (f->count < f->room || f->room == FOUND_MAX)
		return true;
	at = realloc(f->at, (f->room + STEP) * sizeof(*at));
	if (!at)
		return false;
	f->at = at;
	f->room += STEP;
	return true;
}

static void drop(struct found *f, size_t i)
{
	f->count--;
	memmove(&f->at[i], &f->at[i + 1], (f->count - i) * sizeof(f->at[0]));
}

/* Takes out what is known of it, into `kept`. */
static void take_old(struct found *f, const struct ieee80211_network *n, struct ieee80211_network *kept)
{
	for (size_t i = 0; i < f->count; i++) {
		struct ieee80211_network *old = &f->at[i];
		int8_t best_dbm = old->rssi_dbm > n->rssi_dbm ? old->rssi_dbm : n->rssi_dbm;

		if (memcmp(old->bssid, n->bssid, 6) != 0 || old->freq_mhz != n->freq_mhz)
			continue;
		if (n->hidden && !old->hidden)
			*kept = *old;
		kept->rssi_dbm = best_dbm;
		drop(f, i);
		return;
	}
}

static bool is_wanted(const struct found *f, const struct ieee80211_network *n)
{
	return f->ssid_len > 0 && n->ssid_len == f->ssid_len && memcmp(n->ssid, f->ssid, f->ssid_len) == 0;
}

/* The weakest of those that nobody looks for makes room for `n`; false: it is no better than they are. */
static bool make_room(struct found *f, const struct ieee80211_network *n)
{
	size_t i = f->count;

	if (f->count < FOUND_MAX)
		return has_room(f);
	while (i > 0 && is_wanted(f, &f->at[i - 1]))
		i--;
	if (i == 0 || !(is_wanted(f, n) || stronger(n, &f->at[i - 1])))
		return false;
	drop(f, i - 1);
	return true;
}

void found_want(struct found *f, const uint8_t *ssid, size_t ssid_len)
{
	assert(ssid_len <= sizeof(f->ssid));
	if (ssid_len > 0)
		memcpy(f->ssid, ssid, ssid_len);
	f->ssid_len = (uint8_t)ssid_len;
}

void found_note(struct found *f, const struct ieee80211_network *n)
{
	struct ieee80211_network kept = *n;
	size_t i;

	take_old(f, n, &kept);
	if (!make_room(f, &kept))
		return;
	for (i = f->count; i > 0 && stronger(&kept, &f->at[i - 1]); i--)
		;
	memmove(&f->at[i + 1], &f->at[i], (f->count - i) * sizeof(f->at[0]));
	f->at[i] = kept;
	f->count++;
}

void found_clear(struct found *f)
{
	free(f->at);
	*f = (struct found){ 0 };
}
