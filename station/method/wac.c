/*
 * Apple's Wireless Accessory Configuration, the station as controller: accessories are open access points whose beacons
 * carry Apple's element and say in it that they are not configured. A session is a STA of ours at the accessory's own
 * BSS, with an address and a connection (wac_delivery.c); then the station meets the accessory again on the network
 * that it was given, where it is a member itself.
 *
 * Which accessories may come is decided by the job's list, or by nearness: the exchange proves that there is a
 * coprocessor of Apple's, not whose accessory it is in.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/apple_ie.h"
#include "agent/wire/channel.h"
#include "agent/wire/wac.h"
#include "station/line/admission.h"
#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/recipe.h"
#include "station/method/wac_way.h"

#define PROBE_EVERY_US 1000000u
#define PROBE_US 30000u /* access points answer a probe request within that */
#define STAY_US 200000u /* the radio stays where an exchange is open; looked at twice as often */
#define RATE_1M 2u
#define RATE_6M 12u

/* --- begin and end --- */

static struct mfi_trust *open_trust(const struct line *line, char *error, size_t error_len)
{
	if (line->o.mfi_trust)
		return mfi_trust_open(line->o.mfi_trust, error, error_len);
	snprintf(error, error_len, "no memory is left for certificates");
	return mfi_trust_none(); /* of a job that takes any signature */
}

static int begin(struct line *line, void **state, char *error, size_t error_len)
{
	static const struct member_events events = { wac_member_up, wac_member_changed, wac_member_ended };
	struct wac *wac = calloc(1, sizeof(*wac));

	*state = wac;
	if (!wac || !line->o.ip || !line->target.pool) {
		snprintf(error, error_len, "no memory is left for links to accessories");
		return -MR_CAUSE_NO_MEMORY;
	}
	if (strlen(line->passphrase) > MR_WAC_PASSPHRASE_MAX) {
		snprintf(error, error_len,
			 "credentials.passphrase: an accessory takes a passphrase of 8 to 63 characters, and no 64 "
			 "hexadecimal digits");
		return -MR_CAUSE_BAD_REQUEST;
	}
	wac->line = line;
	wac->station = (struct bss_station){ .loop = line->loop,
					     .entropy = line->o.entropy,
					     .ip = line->o.ip,
					     .psk = line->target.pool,
					     .sequence = &line->station.sequence };
	memcpy(wac->station.mac, line->station.mac, 6);
	member_init(&wac->member, &wac->station, line->passphrase, line->job->patience_us, &events, wac);
	wac->trust = open_trust(line, error, error_len);
	return wac->trust ? 0 : -MR_CAUSE_BAD_REQUEST;
}

static void end(struct line *line, void *state)
{
	struct wac *wac = state;

	(void)line;
	if (!wac)
		return;
	member_wipe(&wac->member);
	mfi_trust_close(wac->trust);
	map_free(&wac->by_bssid);
	free(wac);
}

static void forget(struct unit *u)
{
	free(u->way);
	u->way = NULL;
}

/* --- which access points are accessories --- */

struct accessory {
	uint8_t mac[6]; /* its own, by its element; else that of its access point */
	struct ieee80211_network network;
};

static bool parse_accessory(struct mr_rd mpdu, const struct radio_rx *rx, struct accessory *out)
{
	struct mr_rd body = mpdu;
	struct ieee80211_beacon beacon;
	struct mr_apple_ie ie;

	mr_rd_skip(&body, IEEE80211_HEADER_LEN);
	if (!ieee80211_network_of(mpdu, rx, &out->network) || out->network.ibss ||
	    out->network.freq_mhz != rx->freq_mhz || !ieee80211_beacon_parse(body, &beacon) ||
	    !mr_apple_ie_parse(ieee80211_vendor(beacon.elements, mr_apple_oui, 0), &ie) ||
	    !mr_apple_ie_flag(&ie, MR_APPLE_UNCONFIGURED) || !mr_apple_ie_flag(&ie, MR_APPLE_CONFIGURES))
		return false;
	memcpy(out->mac, ie.device_id.at ? ie.device_id.at : out->network.bssid, 6);
	return true;
}

static struct unit *unit_of(struct line *line, const struct accessory *a, const struct radio_rx *rx)
{
	struct unit *u = map_get(&line->by_mac, map_key_mac(a->mac));
	uint8_t id[8];

	unit_id_of_mac(a->mac, id);
	if (u || line_stranger_rests(line, a->mac))
		return u;
	if (a->network.security != IEEE80211_OPEN) {
		line_stranger(line, a->mac, rx, "other-security");
		return NULL;
	}
	return admission_newcomer(line, id, a->mac, rx);
}

static bool may_come(const struct line *line, const struct unit *u, const struct wac_way *way)
{
	return !u->session && !u->settled && !u->waiting && !line->draining && loop_now_us(line->loop) >= way->again_us;
}

/* That it is there, and not configured, is its announcement. */
static void announce(struct line *line, struct unit *u, struct channel *c, const struct accessory *a,
		     const struct radio_rx *rx)
{
	struct wac_way *way = u->way;

	way->network = a->network;
	way->again_us = loop_now_us(line->loop) + WAC_AGAIN_US;
	if (u->first_heard_us == 0)
		unit_greet(line, u, rx);
	u->delivered = false; /* it is not configured, whatever was said to it */
	unit_returned(line, u);
	admission_enqueue(line, u, c);
	admission_fill_channel(line, c);
}

static void hear_accessory(struct line *line, struct wac *wac, struct lane *lane, const struct accessory *a,
			   const struct radio_rx *rx)
{
	struct unit *u = unit_of(line, a, rx);

	if (!u || u->settled || u->method->ops != &wac_ops)
		return;
	if (!u->way)
		u->way = calloc(1, sizeof(struct wac_way));
	if (!u->way || !map_put(&wac->by_bssid, map_key_mac(a->network.bssid), u))
		return;
	u->rssi_dbm = rx->rssi_dbm;
	if (may_come(line, u, u->way))
		announce(line, u, lane->channel, a, rx);
}

/* --- frames --- */

static struct session *session_at(const struct wac *wac, const uint8_t bssid[static 6])
{
	return wac_session_of(map_get(&wac->by_bssid, map_key_mac(bssid)));
}

static bool hear(struct line *line, void *state, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct wac *wac = state;
	struct ieee80211_header h;
	struct mr_rd in = mpdu;
	struct accessory a;
	struct session *s;
	bool for_us;

	if (!ieee80211_header_parse(&in, &h))
		return false;
	if (h.kind == IEEE80211_BEACON || h.kind == IEEE80211_PROBE_RESPONSE) {
		if (parse_accessory(mpdu, rx, &a))
			hear_accessory(line, wac, lane, &a, rx);
		else
			wac_network_heard(wac);
		return false;
	}
	for_us = mr_equal(h.address1, line->station.mac, 6);
	if (!for_us && !ieee80211_is_group(h.address1))
		return false;
	if (member_hears(&wac->member, h.address2)) {
		member_receive(&wac->member, mpdu, rx, loop_now_us(line->loop));
		return for_us; /* what is for all may be for the witness too */
	}
	s = session_at(wac, h.address2);
	if (!s)
		return false;
	s->unit->rssi_dbm = rx->rssi_dbm;
	s->overdue = false;
	session_delivery(s, s->delivery.ops->receive(s, mpdu, rx));
	return true;
}

/* --- the voice --- */

static void probe(struct line *line, const struct channel *c, struct mr_wr *out, struct radio_tx *tx)
{
	struct ieee80211_header header = { .kind = IEEE80211_PROBE_REQUEST, .sequence = line->station.sequence };

	tx->rate_500kbps = mr_band(c->freq_mhz) == MR_BAND_2GHZ ? RATE_1M : RATE_6M;
	memcpy(header.address1, ieee80211_broadcast, 6);
	memcpy(header.address2, line->station.mac, 6);
	memcpy(header.address3, ieee80211_broadcast, 6);
	ieee80211_header_build(out, &header);
	ieee80211_put_ssid(out, NULL, 0);
	ieee80211_put_rates(out, c->freq_mhz);
	line->station.sequence = (line->station.sequence + 1) & 0xfff;
}

static bool has_runs(const struct channel *c)
{
	const struct session *s = c->sessions;

	while (s && !wac_holds_radio(s))
		s = s->next;
	return s != NULL;
}

static void stay_until(struct channel *c, uint64_t at_us)
{
	if (c->window_end_us < at_us)
		c->window_end_us = at_us;
}

/* While exchanges are open the radio stays: an accessory that is not acknowledged forgets us. */
static void speak(struct line *line, void *state, struct channel *c, enum method_occasion why, struct mr_wr *out,
		  struct radio_tx *tx, uint64_t *next_us)
{
	struct wac *wac = state;
	uint64_t now_us = loop_now_us(line->loop);

	*next_us = now_us + PROBE_EVERY_US;
	if (why != METHOD_PRESENT)
		return;
	if (has_runs(c)) {
		stay_until(c, now_us + STAY_US);
		*next_us = now_us + STAY_US / 2;
	}
	if (units_unheard(line, c) <= 0 || line->draining || now_us < wac->probe_us[c->index])
		return;
	wac->probe_us[c->index] = now_us + PROBE_EVERY_US;
	probe(line, c, out, tx);
	stay_until(c, now_us + PROBE_US);
}

static enum method_opened open(struct line *line, void *state, struct unit *u, struct channel *home)
{
	(void)state;
	return recipe_open_foreign(line, u, home);
}

const struct method_ops wac_ops = {
	.begin = begin, .end = end, .hear = hear, .speak = speak, .open = open, .forget = forget
};
