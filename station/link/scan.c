#include "station/link/scan.h"

#include <stdlib.h>

struct scan {
	size_t count, max;
	struct ieee80211_network networks[];
};

struct scan *scan_create(size_t networks_max)
{
	struct scan *scan = calloc(1, sizeof(*scan) + networks_max * sizeof(scan->networks[0]));

	if (scan)
		scan->max = networks_max;
	return scan;
}

void scan_destroy(struct scan *scan) { free(scan); }
size_t scan_count(const struct scan *scan) { return scan->count; }

const struct ieee80211_network *scan_at(const struct scan *scan, size_t i)
{
	return i < scan->count ? &scan->networks[i] : NULL;
}

const struct ieee80211_network *scan_next(const struct scan *scan, size_t *i, uint16_t freq_mhz, uint64_t since_us)
{
	while (*i < scan->count) {
		const struct ieee80211_network *n = &scan->networks[(*i)++];

		if ((freq_mhz == 0 || n->freq_mhz == freq_mhz) && n->heard_us >= since_us)
			return n;
	}
	return NULL;
}

static struct ieee80211_network *entry(struct scan *scan, const uint8_t *sender)
{
	for (size_t i = 0; i < scan->count; i++)
		if (mr_equal(scan->networks[i].sender, sender, 6))
			return &scan->networks[i];
	return NULL;
}

const struct ieee80211_network *scan_find(const struct scan *scan, const uint8_t sender[static 6])
{
	for (size_t i = 0; i < scan->count; i++)
		if (mr_equal(scan->networks[i].sender, sender, 6))
			return &scan->networks[i];
	return NULL;
}

const struct ieee80211_network *scan_named(const struct scan *scan, const uint8_t *ssid, size_t ssid_len)
{
	const struct ieee80211_network *best = NULL;

	for (size_t i = 0; i < scan->count; i++) {
		const struct ieee80211_network *n = &scan->networks[i];

		if (n->ssid_len == ssid_len && ssid_len > 0 && mr_equal(n->ssid, ssid, ssid_len) &&
		    (!best || n->rssi_dbm > best->rssi_dbm))
			best = n;
	}
	return best;
}

/* A free entry, or the one heard longest ago. */
static struct ieee80211_network *room(struct scan *scan)
{
	struct ieee80211_network *oldest = &scan->networks[0];

	if (scan->count < scan->max)
		return &scan->networks[scan->count++];
	for (size_t i = 1; i < scan->count; i++)
		if (scan->networks[i].heard_us < oldest->heard_us)
			oldest = &scan->networks[i];
	return oldest;
}

const struct ieee80211_network *scan_heard(struct scan *scan, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct ieee80211_network heard, *n;

	if (!ieee80211_network_of(mpdu, rx, &heard))
		return NULL;
	n = entry(scan, heard.sender);
	if (n && heard.hidden && n->ssid_len > 0) {
		heard.ssid_len = n->ssid_len;
		mr_copy(heard.ssid, n->ssid, sizeof(heard.ssid));
	}
	if (n)
		heard.hidden = heard.hidden || n->hidden;
	if (!n)
		n = room(scan);
	*n = heard;
	return n;
}

void scan_forget(struct scan *scan, uint64_t before_us)
{
	for (size_t i = scan->count; i > 0; i--)
		if (scan->networks[i - 1].heard_us < before_us)
			scan->networks[i - 1] = scan->networks[--scan->count];
}

size_t scan_probe(uint8_t *frame, size_t cap, const uint8_t own[static 6], uint16_t *sequence, const uint8_t *bssid,
		  const uint8_t *ssid, size_t ssid_len, uint16_t freq_mhz)
{
	struct ieee80211_header h = { .kind = IEEE80211_PROBE_REQUEST, .sequence = *sequence };
	struct mr_wr w = mr_wr_over(frame, cap);

	mr_copy(h.address1, bssid ? bssid : ieee80211_broadcast, 6);
	mr_copy(h.address2, own, 6);
	mr_copy(h.address3, bssid ? bssid : ieee80211_broadcast, 6);
	ieee80211_header_build(&w, &h);
	ieee80211_put_ssid(&w, ssid, ssid_len);
	ieee80211_put_rates(&w, freq_mhz);
	if (w.bad)
		return 0;
	*sequence = (*sequence + 1) & 0xfff;
	return w.len;
}
