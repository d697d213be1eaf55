/*
 * Wi-Fi Simple Configuration, the station as access point and registrar: wps-pin and wps-pbc. Foreign devices associate
 * with a BSS of ours, say who they are in M1, and are matched to the list by address or serial number; their session
 * begins when they wait for M2, and its delivery is the rest of the run. Any number of them run side by side on one BSS
 * (wps_bss.h).
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/line/admission.h"
#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/recipe.h"
#include "station/method/target.h"
#include "station/method/wps_bss.h"
#include "station/method/wps_way.h"

#define PATIENCE_US                                                                                                    \
	30000000u	 /* a device that had its turn comes back within that: supplicants rescan after 0.5 s to 10 s */
#define STAY_US 1500000u /* chosen: small chips look at three channels every 0.8 s, and we are on one of them */
#define RUN_US 400000u	 /* the radio stays for that while a run is open: the wait before our second repeat */
#define SSID "millrace-wps"

extern const struct method_ops wps_ops;

/* The BSS on one channel; made when a radio first speaks there. */
struct place {
	struct wps *wps;
	struct channel *channel;
	struct wps_bss *bss;
};

struct wps {
	struct line *line;
	struct mr_wsc_device device;
	struct place places[CHANNELS_MAX];
	const struct radio_rx *rx; /* of the frame that is being heard; NULL: none */
	bool over;		   /* the line ends: its units are gone, and nobody asks how runs end */
};

/* The delivery of one session. */
struct run {
	uint64_t until_us;
	bool admitted, ended;
	int cause;
};

static struct wps *wps_of(const struct session *s) { return line_state(s->line, &wps_ops); }

/* --- whom the list names --- */

/* NULL: it may have a session; else the word of the sighting. */
static const char *refuses(const struct line *line, const uint8_t mac[static 6], const struct wps_enrollee *said,
			   const struct roster_row *row)
{
	const struct method *method = wps_method(line, row);

	if (!wps_is_listed(line, mac, row))
		return "not-on-label-list";
	if (method->ops != &wps_ops || said->button != !(method->needs & METHOD_NEEDS_PIN))
		return "other-method";
	if (method->needs & METHOD_NEEDS_PIN && !wps_has_pin(row))
		return "no-pin";
	return NULL;
}

/* --- the BSS's news --- */

static void admit(struct session *s, struct run *run)
{
	struct wps *wps = wps_of(s);
	const struct wps_way *way = s->unit->way;
	struct mr_wsc_credential credential;

	assert(way && !run->admitted);
	wps_credential(s->line, &credential);
	run->admitted = wps_bss_admit(wps->places[s->channel->index].bss, s->unit->mac, *way->pin ? way->pin : NULL,
				      &credential, session_now(s));
	mr_wipe(&credential, sizeof(credential));
	lane_speak(s->channel, &wps_ops);
}

static void decline(struct place *place, const uint8_t mac[static 6], const char *word, enum mr_wsc_error error)
{
	struct line *line = place->wps->line;

	if (place->wps->rx && word)
		line_stranger(line, mac, place->wps->rx, word);
	wps_bss_decline(place->bss, mac, error, loop_now_us(line->loop));
}

/* A device waits for M2. */
static void on_asked(void *ctx, const uint8_t mac[static 6], const struct wps_enrollee *said)
{
	struct place *place = ctx;
	struct line *line = place->wps->line;
	bool by_serial;
	const struct roster_row *row = wps_row(line, mac, said->serial, &by_serial);
	const char *word = refuses(line, mac, said, row);
	struct unit *u = word ? NULL : wps_unit(line, mac, row, place->wps->rx);
	struct wps_way *way = u && !u->settled ? wps_way(u) : NULL;

	if (!way) {
		decline(place, mac, word, said->button ? MR_WSC_MULTIPLE_PBC : MR_WSC_NO_ERROR);
		return;
	}
	if (u->first_heard_us == 0 && place->wps->rx)
		unit_greet(line, u, place->wps->rx);
	if (place->wps->rx)
		u->rssi_dbm = place->wps->rx->rssi_dbm;
	u->delivered = false; /* it would not ask if it had them */
	way->said = *said;
	way->by_serial = by_serial;
	if (row && !said->button)
		snprintf(way->pin, sizeof(way->pin), "%.8s", row->pin);
	if (!u->session) {
		unit_returned(line, u);
		admission_enqueue(line, u, place->channel);
		admission_fill_channel(line, place->channel);
	} else if (u->session->delivery.state && !((struct run *)u->session->delivery.state)->admitted) {
		admit(u->session, u->session->delivery.state);
	}
}

static void on_ended(void *ctx, const uint8_t mac[static 6], const struct wps_bss_end *end)
{
	struct place *place = ctx;
	struct unit *u = place->wps->over ? NULL : map_get(&place->wps->line->by_mac, map_key_mac(mac));
	struct wps_way *way = u ? u->way : NULL;
	struct run *run = u && u->session && u->session->delivery.ops ? u->session->delivery.state : NULL;

	if (!way || !end->begun)
		return;
	wps_account(u, end->exposed, end->weakness);
	if (!run || !run->admitted || run->ended)
		return;
	run->ended = true;
	run->cause = wps_pin_is_dead(u) ? MR_CAUSE_PIN_EXPOSED : end->cause;
	run->until_us = session_now(u->session);
	/* Its session takes it up by its own timer: this may be inside a frame of another device. */
	lane_touch(u->session);
}

static void on_shown(void *ctx, const uint8_t mac[static 6], unsigned exposed)
{
	struct place *place = ctx;
	struct unit *u = map_get(&place->wps->line->by_mac, map_key_mac(mac));
	const struct run *run = u && u->session && u->session->delivery.ops ? u->session->delivery.state : NULL;

	if (run && run->admitted && !run->ended)
		wps_shown(u->session, exposed);
}

/* A button's registrar is shown to the devices of the list, and to nobody else. */
static bool on_button(void *ctx, const uint8_t mac[static 6])
{
	struct place *place = ctx;
	struct line *line = place->wps->line;
	const struct unit *u = map_get(&line->by_mac, map_key_mac(mac));
	bool by_serial;
	const struct roster_row *row = wps_row(line, mac, "", &by_serial);
	const struct method *method = wps_method(line, row);

	return wps_is_listed(line, mac, row) && method->ops == &wps_ops && !(method->needs & METHOD_NEEDS_PIN) &&
	       !(u && u->settled) && !line->draining;
}

static void on_probed(void *ctx, const uint8_t mac[static 6], bool button)
{
	struct place *place = ctx;
	struct line *line = place->wps->line;
	bool by_serial;

	/* By PIN its serial number, which M1 has, may be on the list; a button is told by its address only. */
	if (button && place->wps->rx && !wps_is_listed(line, mac, wps_row(line, mac, "", &by_serial)) &&
	    !line_stranger_rests(line, mac))
		line_stranger(line, mac, place->wps->rx, "not-on-label-list");
}

/* --- the reach --- */

static int begin(struct line *line, void **state, char *error, size_t error_len)
{
	struct wps *wps = calloc(1, sizeof(*wps));

	*state = wps;
	if (!wps) {
		snprintf(error, error_len, "no memory is left for a BSS of WPS");
		return -MR_CAUSE_NO_MEMORY;
	}
	wps->line = line;
	if (wps_station(line, &wps->device))
		return 0;
	snprintf(error, error_len, "SHA-256 is not available: repair the installation of OpenSSL");
	return -MR_CAUSE_CRYPTO_FAILED;
}

static void end(struct line *line, void *state)
{
	struct wps *wps = state;

	(void)line;
	if (wps)
		wps->over = true;
	for (size_t i = 0; wps && i < CHANNELS_MAX; i++)
		wps_bss_destroy(wps->places[i].bss);
	free(wps);
}

/* Is any device of this run served by PIN? */
static bool has_pins(const struct line *line)
{
	size_t count = line->o.roster ? roster_count(line->o.roster) : 0;

	for (size_t i = 0; i < count; i++)
		if (wps_method(line, roster_row(line->o.roster, i))->needs & METHOD_NEEDS_PIN)
			return true;
	return (line->job->method->needs & METHOD_NEEDS_PIN) != 0;
}

static struct wps_bss *bss_at(struct wps *wps, struct channel *c)
{
	struct place *place = &wps->places[c->index];
	struct line *line = wps->line;
	struct wps_bss_config config = { .ssid = SSID,
					 .ssid_len = sizeof(SSID) - 1,
					 .freq_mhz = c->freq_mhz,
					 .pins = has_pins(line),
					 .device = &wps->device,
					 .entropy = line->o.entropy,
					 .tag = NULL };
	const struct wps_bss_events events = { place, on_asked, on_ended, on_button, on_probed, on_shown };

	if (place->bss)
		return place->bss;
	place->wps = wps;
	place->channel = c;
	/* The radio's own address: the one that every adapter acknowledges. */
	memcpy(config.mac, line->station.mac, 6);
	return place->bss = wps_bss_create(&config, &events, loop_now_us(line->loop));
}

/* The radio waits for those that have not come, and sees runs through. */
static void stay(const struct line *line, struct channel *c, const struct wps_bss *bss, uint64_t now_us)
{
	if (c->window_end_us == 0 && units_unheard(line, c) > 0)
		c->window_end_us = now_us + STAY_US;
	if (wps_bss_runs(bss) > 0 && c->window_end_us < now_us + RUN_US)
		c->window_end_us = now_us + RUN_US;
}

static void speak(struct line *line, void *state, struct channel *c, enum method_occasion why, struct mr_wr *out,
		  struct radio_tx *tx, uint64_t *next_us)
{
	struct wps_bss *bss = bss_at(state, c);
	uint64_t now_us = loop_now_us(line->loop);
	uint8_t frame[RADIO_FRAME_MAX];
	size_t len;

	*next_us = UINT64_MAX;
	if (!bss)
		return;
	/* Devices come to us, wherever we are: so the BSS is where they are seen to join. */
	if (why == METHOD_LEAVING || !target_is_here(line, c)) {
		wps_bss_pause(bss);
		if (why == METHOD_PRESENT)
			target_look_for(line, c, next_us);
		return;
	}
	wps_bss_expire(bss, now_us);
	stay(line, c, bss, now_us);
	len = wps_bss_pull(bss, frame, tx, now_us);
	mr_wr_bytes(out, frame, len);
	*next_us = wps_bss_deadline_us(bss);
	if (*next_us < now_us)
		*next_us = now_us;
}

/* It has joined after we had given up to look for it: another attempt sees so. */
static void hear_member(struct line *line, struct lane *lane, const struct ieee80211_header *h)
{
	const struct ieee80211_network *n = &line->target.network;
	struct unit *u;

	if ((h->kind != IEEE80211_DATA && h->kind != IEEE80211_QOS_DATA) || !(h->flags & IEEE80211_PROTECTED) ||
	    !mr_equal(h->address1, n->bssid, 6))
		return;
	u = map_get(&line->by_mac, map_key_mac(h->address2));
	if (!u || u->method->ops != &wps_ops || !u->delivered || u->settled || u->session)
		return;
	admission_enqueue(line, u, lane->channel);
	admission_fill_channel(line, lane->channel);
}

static bool hear(struct line *line, void *state, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct wps *wps = state;
	struct wps_bss *bss = bss_at(wps, lane->channel);
	struct ieee80211_header h;
	struct mr_rd in = mpdu;
	const uint8_t *bssid;
	bool probe, ours;

	if (!bss || !target_is_here(line, lane->channel) || !ieee80211_header_parse(&in, &h))
		return false;
	bssid = ieee80211_bssid(&h);
	probe = h.kind == IEEE80211_PROBE_REQUEST;
	ours = bssid && mr_equal(bssid, line->station.mac, 6);
	if (!probe && !ours) {
		hear_member(line, lane, &h);
		return false;
	}
	wps->rx = rx;
	wps_bss_receive(bss, mpdu, loop_now_us(line->loop));
	wps->rx = NULL;
	lane_speak(lane->channel, &wps_ops);
	return ours;
}

static enum method_opened open(struct line *line, void *state, struct unit *u, struct channel *home)
{
	(void)state;
	return recipe_open_foreign(line, u, home);
}

const struct method_ops wps_ops = {
	.begin = begin, .end = end, .hear = hear, .speak = speak, .open = open, .forget = wps_way_forget
};

/* --- the delivery --- */

static int deliver(struct session *s)
{
	struct run *run = calloc(1, sizeof(*run));
	const struct wps_bss *bss = wps_of(s)->places[s->channel->index].bss;

	if (!run)
		return -MR_CAUSE_NO_MEMORY;
	s->delivery.state = run;
	if (s->unit->way && wps_pin_is_dead(s->unit))
		return -MR_CAUSE_PIN_EXPOSED; /* the record said so */
	run->until_us = session_now(s) + PATIENCE_US;
	if (bss && s->unit->way && wps_bss_asks(bss, s->unit->mac))
		admit(s, run);
	return DELIVERY_GOES_ON;
}

static uint64_t deadline_us(const struct session *s) { return ((const struct run *)s->delivery.state)->until_us; }

static int expire(struct session *s, uint64_t now_us)
{
	const struct run *run = s->delivery.state;

	(void)now_us;
	if (!run->ended)
		return -MR_CAUSE_NO_ANSWER;
	return run->cause == MR_CAUSE_OK ? DELIVERY_DONE : -run->cause;
}

static void ends(struct session *s)
{
	struct run *run = s->delivery.state;

	if (run && run->admitted && !run->ended) {
		run->ended = true; /* on_ended is for runs that end by themselves */
		wps_bss_dismiss(wps_of(s)->places[s->channel->index].bss, s->unit->mac, MR_CAUSE_STOPPED,
				session_now(s));
		lane_speak(s->channel, &wps_ops);
	}
	free(run);
	s->delivery.state = NULL;
}

const struct delivery_ops wps_delivery = {
	.begin = deliver, .deadline_us = deadline_us, .expire = expire, .evidence = wps_evidence, .end = ends
};
