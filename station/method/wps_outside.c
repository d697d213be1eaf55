/*
 * Wi-Fi Simple Configuration 2.0.5 section 8.3, the station as external registrar: wps-pin of devices that are access
 * points in setup. The element in their beacons and probe responses says so, and with it whether they are locked; the
 * label is found by address or by the serial number in a probe response, before anything is asked. A session is a STA
 * of ours at the device's own BSS, a peer of EAP, and the registrar of its one run; any number of them share a radio.
 *
 * A device that has taken its settings begins again with them, often before it has answered: hostapd does so 100 ms
 * after M8. The proof is therefore not its word but its beacon (joining.h).
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/channel.h"
#include "agent/wire/eap.h"
#include "station/line/admission.h"
#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/recipe.h"
#include "station/method/wps_way.h"
#include "station/wifi/eapol.h"
#include "station/wifi/sta.h"

#define PROBE_EVERY_US 1000000u
#define PROBE_US 30000u	  /* access points answer a probe request within that */
#define STAY_US 400000u	  /* the radio stays for that while a run is open */
#define AGAIN_US 1000000u /* a device whose run failed is left alone for this time */
#define START_US 1000000u /* an access point of before version 2 waits to be asked: wpa_supplicant does after that */
#define STARTS_MAX 3u
#define SILENCE_US 10000000u /* of EAP: hostapd repeats after 3 s */
#define RESTART_US 15000000u /* chosen: from M8 until a device that rebooted is heard again */
#define FAREWELL_US 100000u  /* for our last frames; nobody waits for them longer */
#define RATE_1M 2u
#define RATE_6M 12u

extern const struct method_ops wps_outside_ops;
extern const struct delivery_ops wps_outside_delivery;

struct outside {
	struct mr_wsc_device device;
	uint64_t probe_us[CHANNELS_MAX];
};

/* RESTARTING: M8 was sent and the device has gone. LEAVING: it is over, our last frames are on their way. */
enum state { ASSOCIATING, ENROLLING, TOLD, RESTARTING, LEAVING };

/* The delivery of one session. Secret. */
struct run {
	enum state state;
	struct sta *sta;
	struct wps_registrar *registrar;
	struct mr_eap eap;
	unsigned starts;
	bool settled, left;
	int result; /* once settled: enum delivery_result, or -(cause) */
	uint64_t until_us, start_us;
	uint8_t what; /* of the frame that is in the air */
	struct sta_out in;
};

static struct outside *outside_of(const struct session *s) { return line_state(s->line, &wps_outside_ops); }

static const char *state_name(enum state state)
{
	static const char *const names[] = { "associating", "enrolling", "told", "restarting", "leaving" };

	return names[state];
}

/* The only writer of `state`, and of how long it may last. */
static void enter(struct session *s, enum state state, uint64_t for_us, const char *why)
{
	struct run *run = s->delivery.state;

	assert(state >= run->state);
	log_state(&s->tag, LOG_WPS, state_name(run->state), state_name(state), "%s", why);
	run->state = state;
	run->until_us = session_now(s) + for_us;
}

/* The run is over, once: what was shown counts, and whether it may be shown again. */
static int settle(struct session *s, int result)
{
	struct run *run = s->delivery.state;
	struct wps_way *way = s->unit->way;

	assert(!run->settled);
	run->settled = true;
	wps_account(s->unit, wps_registrar_exposed(run->registrar), wps_registrar_weakness(run->registrar));
	way->again_us = session_now(s) + AGAIN_US;
	return run->result = result < 0 && wps_pin_is_dead(s->unit) ? -MR_CAUSE_PIN_EXPOSED : result;
}

/* --- which access points are ours --- */

/* A beacon or probe response with the element, as far as it concerns us. */
struct setup {
	const uint8_t *mac;
	struct ieee80211_network network;
	bool locked;
	char serial[MR_WSC_TEXT_MAX + 1];
};

static bool parse_setup(struct mr_rd mpdu, const struct radio_rx *rx, const struct ieee80211_header *h,
			struct setup *out)
{
	static const uint8_t oui[3] = { 0x00, 0x50, 0xf2 };
	struct mr_rd body = mpdu, serial;
	struct ieee80211_beacon beacon;
	struct mr_wsc wsc;

	mr_rd_skip(&body, IEEE80211_HEADER_LEN);
	if (!ieee80211_network_of(mpdu, rx, &out->network) || !out->network.wsc || out->network.ibss ||
	    out->network.freq_mhz != rx->freq_mhz || !ieee80211_beacon_parse(body, &beacon) ||
	    !mr_wsc_parse(ieee80211_vendor(beacon.elements, oui, 4), &wsc))
		return false;
	out->mac = h->address2;
	out->locked = mr_wsc_number(&wsc, MR_WSC_SETUP_LOCKED, 0) != 0;
	serial = wsc.value[MR_WSC_SERIAL_NUMBER];
	if (serial.at && serial.left <= MR_WSC_TEXT_MAX)
		memcpy(out->serial, serial.at, serial.left);
	return mr_equal(out->network.bssid, h->address2, 6);
}

/* NULL: it may have a session; else the word of the sighting, "" for none. */
static const char *refuses(const struct line *line, const struct setup *setup, const struct roster_row *row)
{
	const struct method *method = wps_method(line, row);

	if (!wps_is_listed(line, setup->mac, row))
		return ""; /* a town is full of access points that speak WPS, and a serial number may follow */
	if (method->ops != &wps_outside_ops)
		return "other-method";
	if (!wps_has_pin(row))
		return "no-pin";
	return setup->locked ? "setup-locked" : NULL;
}

static bool may_come(const struct line *line, const struct unit *u, const struct wps_way *way)
{
	return !u->session && !u->settled && !u->waiting && !line->draining && loop_now_us(line->loop) >= way->again_us;
}

static bool is_of_job(const struct line *line, const struct ieee80211_network *n)
{
	return n->ssid_len == line->job->ssid_len && mr_equal(n->ssid, line->job->ssid, n->ssid_len);
}

/* It asks for nothing: that it is there with its element, and not locked, is its announcement. */
static void announce(struct line *line, struct unit *u, struct channel *c, const struct setup *setup,
		     const struct radio_rx *rx)
{
	struct wps_way *way = u->way;

	way->network = setup->network;
	way->again_us = loop_now_us(line->loop) + AGAIN_US;
	if (u->first_heard_us == 0)
		unit_greet(line, u, rx);
	u->delivered &= is_of_job(line, &setup->network); /* back in setup, it has not kept them */
	unit_returned(line, u);
	admission_enqueue(line, u, c);
	admission_fill_channel(line, c);
}

static void hear_setup(struct line *line, struct lane *lane, const struct setup *setup, const struct radio_rx *rx)
{
	bool by_serial;
	const struct roster_row *row = wps_row(line, setup->mac, setup->serial, &by_serial);
	const char *word = refuses(line, setup, row);
	struct unit *u = NULL;
	struct wps_way *way;

	if (!word)
		u = wps_unit(line, setup->mac, row, rx);
	else if (*word && !line_stranger_rests(line, setup->mac))
		line_stranger(line, setup->mac, rx, word);
	way = u && !u->settled ? wps_way(u) : NULL;
	if (!way)
		return;
	u->rssi_dbm = rx->rssi_dbm;
	snprintf(way->pin, sizeof(way->pin), "%.8s", row->pin);
	way->by_serial = by_serial;
	if (may_come(line, u, way))
		announce(line, u, lane->channel, setup, rx);
}

/* It has gone with M8, and is there again: under the name that it was given. */
static void hear_restarted(struct session *s, const struct setup *setup)
{
	const struct run *run = s->delivery.state;

	if (run->state == RESTARTING && is_of_job(s->line, &setup->network))
		session_delivery(s, settle(s, DELIVERY_DONE));
}

static struct session *delivering(const struct line *line, const uint8_t mac[static 6])
{
	const struct unit *u = map_get(&line->by_mac, map_key_mac(mac));
	struct session *s = u ? u->session : NULL;

	return s && s->delivery.ops == &wps_outside_delivery ? s : NULL;
}

static bool hear(struct line *line, void *state, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct ieee80211_header h;
	struct mr_rd in = mpdu;
	struct setup setup = { 0 };
	struct session *s;

	(void)state;
	if (!ieee80211_header_parse(&in, &h))
		return false;
	s = delivering(line, h.address2);
	if (h.kind == IEEE80211_BEACON || h.kind == IEEE80211_PROBE_RESPONSE) {
		if (!parse_setup(mpdu, rx, &h, &setup))
			return false;
		if (s)
			hear_restarted(s, &setup);
		else
			hear_setup(line, lane, &setup, rx);
		return false;
	}
	if (!s || !(mr_equal(h.address1, line->station.mac, 6) || ieee80211_is_group(h.address1)))
		return false;
	s->unit->rssi_dbm = rx->rssi_dbm;
	s->overdue = false;
	session_delivery(s, s->delivery.ops->receive(s, mpdu, rx));
	return true;
}

/* --- the reach --- */

static int begin(struct line *line, void **state, char *error, size_t error_len)
{
	struct outside *o = calloc(1, sizeof(*o));

	*state = o;
	if (!o) {
		snprintf(error, error_len, "no memory is left for WPS");
		return -MR_CAUSE_NO_MEMORY;
	}
	if (wps_station(line, &o->device))
		return 0;
	snprintf(error, error_len, "SHA-256 is not available: repair the installation of OpenSSL");
	return -MR_CAUSE_CRYPTO_FAILED;
}

static void end(struct line *line, void *state)
{
	(void)line;
	free(state);
}

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

	while (s && s->delivery.ops != &wps_outside_delivery)
		s = s->next;
	return s != NULL;
}

static void stay_until(struct channel *c, uint64_t at_us)
{
	if (c->window_end_us < at_us)
		c->window_end_us = at_us;
}

/* Serial numbers are in probe responses only. While runs are open the radio stays: their answers come within that. */
static void speak(struct line *line, void *state, struct channel *c, enum method_occasion why, struct mr_wr *out,
		  struct radio_tx *tx, uint64_t *next_us)
{
	struct outside *o = state;
	uint64_t now_us = loop_now_us(line->loop);

	*next_us = now_us + PROBE_EVERY_US;
	if (why != METHOD_PRESENT)
		return;
	if (has_runs(c)) {
		stay_until(c, now_us + STAY_US);
		*next_us = now_us + STAY_US / 2;
	}
	if (units_unheard(line, c) <= 0 || line->draining || now_us < o->probe_us[c->index])
		return;
	o->probe_us[c->index] = now_us + PROBE_EVERY_US;
	probe(line, c, out, tx);
	stay_until(c, now_us + PROBE_US);
}

static enum method_opened open(struct line *line, void *state, struct unit *u, struct channel *home)
{
	(void)state;
	return recipe_open_foreign(line, u, home);
}

const struct method_ops wps_outside_ops = {
	.begin = begin, .end = end, .hear = hear, .speak = speak, .open = open, .forget = wps_way_forget
};

/* --- the delivery: EAP --- */

/* What is still to be sent is sent, and we leave. */
static int leave(struct session *s, int result, const char *why)
{
	(void)settle(s, result);
	enter(s, LEAVING, FAREWELL_US, why);
	return DELIVERY_GOES_ON;
}

static void send_eapol(struct run *run, enum eapol_type type, const struct mr_wr *packet)
{
	uint8_t buf[4 + MR_EAP_PACKET_MAX];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));

	if (packet && (packet->bad || packet->len == 0))
		return;
	eapol_build(&w, EAPOL_VERSION_1, type, packet);
	(void)sta_send(run->sta, NULL, EAPOL_ETHERTYPE, buf, w.len); /* one that finds no room is asked for again */
}

static void send_answer(struct run *run, const struct wps_answer *answer)
{
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr packet = mr_wr_over(buf, sizeof(buf));

	if (answer->op == 0)
		return;
	mr_eap_send(&run->eap, (enum mr_eap_op)answer->op, answer->message, &packet);
	send_eapol(run, EAPOL_EAP, &packet);
}

static int on_asked(struct session *s, struct run *run)
{
	struct wps_way *way = s->unit->way;
	struct mr_wsc_credential credential;
	struct wps_answer answer;
	bool ok;

	way->said = *wps_registrar_enrollee(run->registrar);
	if (way->said.button)
		return leave(s, -MR_CAUSE_UNSUPPORTED, "its button was pressed, and it has a PIN");
	wps_credential(s->line, &credential);
	ok = wps_registrar_admit(run->registrar, way->pin, &credential, &answer);
	mr_wipe(&credential, sizeof(credential));
	if (!ok)
		return leave(s, -MR_CAUSE_CRYPTO_FAILED, "the cryptography failed");
	send_answer(run, &answer);
	return DELIVERY_GOES_ON;
}

static int on_message(struct session *s, struct run *run, const struct mr_eap_message *m)
{
	struct wps_answer answer;
	struct mr_wsc parsed;
	enum wps_event event = wps_registrar_receive(run->registrar, m->op, m->message, &answer);

	switch (event) {
	case WPS_IGNORED: return DELIVERY_GOES_ON;
	case WPS_ASKED: return on_asked(s, run);
	case WPS_ANSWER:
		wps_shown(s, wps_registrar_exposed(run->registrar));
		send_answer(run, &answer);
		if (mr_wsc_parse(m->message, &parsed) && mr_wsc_type(&parsed) == MR_WSC_M7)
			enter(s, TOLD, SILENCE_US, "m8");
		return DELIVERY_GOES_ON;
	case WPS_DONE: send_answer(run, &answer); return leave(s, DELIVERY_DONE, "it has them");
	case WPS_FAILED:
		send_answer(run, &answer);
		return leave(s, -wps_registrar_cause(run->registrar), "the run has failed");
	}
	return DELIVERY_GOES_ON;
}

/* The device has gone, or has ended the exchange: with M8 behind it, to begin again. */
static int on_gone(struct session *s, int cause, const char *why)
{
	const struct run *run = s->delivery.state;

	switch (run->state) {
	case ASSOCIATING:
	case ENROLLING: log_write(&s->tag, LOG_WPS, LOG_DEBUG, "%s", why); return settle(s, -cause);
	case TOLD: enter(s, RESTARTING, RESTART_US, why); return DELIVERY_GOES_ON;
	case RESTARTING: return DELIVERY_GOES_ON;
	case LEAVING: return run->result;
	}
	return DELIVERY_GOES_ON;
}

static int on_eap(struct session *s, struct run *run, struct mr_rd packet)
{
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr reply = mr_wr_over(buf, sizeof(buf));
	struct mr_eap_message message;

	switch (mr_eap_receive(&run->eap, packet, &message, &reply)) {
	case MR_EAP_IGNORED: return DELIVERY_GOES_ON;
	case MR_EAP_ANSWERED:
	case MR_EAP_IDENTITY:
		send_eapol(run, EAPOL_EAP, &reply);
		run->until_us = session_now(s) + SILENCE_US;
		return DELIVERY_GOES_ON;
	case MR_EAP_MESSAGE: run->until_us = session_now(s) + SILENCE_US; return on_message(s, run, &message);
	case MR_EAP_OVER: return on_gone(s, MR_CAUSE_WPS_REFUSED, "it has ended the exchange");
	}
	return DELIVERY_GOES_ON;
}

static int on_msdu(struct session *s, struct run *run)
{
	struct mr_rd body = run->in.payload;

	if (run->in.ethertype != EAPOL_ETHERTYPE || eapol_type(&body) != EAPOL_EAP || run->state > TOLD)
		return DELIVERY_GOES_ON;
	mr_rd_skip(&body, 4);
	run->start_us = UINT64_MAX;
	return body.bad ? DELIVERY_GOES_ON : on_eap(s, run, body);
}

/* --- the delivery: the STA --- */

static int on_event(struct session *s, struct run *run)
{
	switch (run->in.event) {
	case STA_NOTHING: return DELIVERY_GOES_ON;
	case STA_UP:
		if (run->state != ASSOCIATING)
			return DELIVERY_GOES_ON;
		run->start_us = session_now(s) + START_US;
		enter(s, ENROLLING, SILENCE_US, "associated");
		return DELIVERY_GOES_ON;
	case STA_DOWN: return on_gone(s, MR_CAUSE_LINK_LOST, "it has sent us away");
	case STA_MSDU: return on_msdu(s, run);
	}
	return DELIVERY_GOES_ON;
}

/* Our last message is out: then we say that we go, and that has the time that is left. */
static int look_whether_left(struct session *s, struct run *run)
{
	uint64_t now_us = session_now(s);

	if (run->state != LEAVING || (now_us < run->until_us && sta_queued(run->sta) > 0))
		return DELIVERY_GOES_ON;
	if (now_us >= run->until_us || (run->left && !sta_ready(run->sta)))
		return run->result;
	if (!run->left)
		sta_leave(run->sta, now_us);
	run->left = true;
	return DELIVERY_GOES_ON;
}

static int receive(struct session *s, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct run *run = s->delivery.state;
	int result;

	if (run->state >= RESTARTING)
		return look_whether_left(s, run);
	result = sta_receive(run->sta, mpdu, rx, &run->in, session_now(s));
	result = result < 0 ? on_gone(s, -result, "the association is over") : on_event(s, run);
	mr_wipe(run->in.bytes, sizeof(run->in.bytes));
	return result < 0 ? result : look_whether_left(s, run);
}

static bool speaks(const struct run *run) { return run->state != RESTARTING && sta_ready(run->sta); }

static bool ready(const struct session *s) { return speaks(s->delivery.state); }

static size_t pull(struct session *s, uint8_t *frame, struct radio_tx *tx)
{
	struct run *run = s->delivery.state;
	const struct wps_way *way = s->unit->way;
	bool management;
	size_t len = speaks(run) ? sta_pull(run->sta, frame, false, &run->what, session_now(s)) : 0;

	if (len == 0)
		return 0;
	management = (frame[0] & 0x0c) == 0;
	tx->rate_500kbps = ieee80211_rate_of(management ? way->network.basic : way->network.rates, RATE_6M);
	return len;
}

static void sent(struct session *s, bool acked, unsigned tries)
{
	struct run *run = s->delivery.state;

	sta_sent(run->sta, run->what, acked, tries, session_now(s));
	/* The session takes it up by its own timer: a report must not end it. */
	if (look_whether_left(s, run) != DELIVERY_GOES_ON)
		run->until_us = session_now(s);
}

static uint64_t deadline_us(const struct session *s)
{
	const struct run *run = s->delivery.state;
	uint64_t at_us = run->until_us;

	if (run->state < RESTARTING && sta_deadline_us(run->sta) < at_us)
		at_us = sta_deadline_us(run->sta);
	return run->start_us < at_us ? run->start_us : at_us;
}

static void ask_to_begin(struct session *s, struct run *run, uint64_t now_us)
{
	log_write(&s->tag, LOG_WPS, LOG_DEBUG, "nothing was asked: EAPOL-Start");
	send_eapol(run, EAPOL_START, NULL);
	run->start_us = ++run->starts < STARTS_MAX ? now_us + (START_US << run->starts) : UINT64_MAX;
}

static int expire(struct session *s, uint64_t now_us)
{
	struct run *run = s->delivery.state;
	int result;

	if (run->state == LEAVING)
		return look_whether_left(s, run);
	if (now_us >= run->until_us)
		return leave(s, -MR_CAUSE_NO_ANSWER,
			     run->state == RESTARTING ? "it did not come back with them" : "silent");
	if (now_us >= run->start_us)
		ask_to_begin(s, run, now_us);
	if (run->state == RESTARTING)
		return DELIVERY_GOES_ON;
	result = sta_expire(run->sta, now_us);
	return result < 0	    ? on_gone(s, -result, "the association is over")
	       : result == STA_DOWN ? on_gone(s, MR_CAUSE_LINK_LOST, "the association is over")
				    : DELIVERY_GOES_ON;
}

/* --- the delivery: its beginning and end --- */

static struct sta *associate(struct session *s)
{
	const struct wps_way *way = s->unit->way;
	const struct ieee80211_network *n = &way->network;
	struct sta_config config = { .ssid_len = n->ssid_len,
				     .freq_mhz = n->freq_mhz,
				     .rates = n->rates,
				     .rsn = n->rsn,
				     .patience_us = s->line->job->patience_us,
				     .entropy = s->line->o.entropy,
				     .sequence = &s->line->station.sequence,
				     .tag = &s->tag };
	struct mr_wr w = mr_wr_over(config.wsc, sizeof(config.wsc));

	memcpy(config.own, s->line->station.mac, 6);
	memcpy(config.bssid, n->bssid, 6);
	memcpy(config.ssid, n->ssid, n->ssid_len);
	mr_wsc_put_number(&w, MR_WSC_VERSION, 0x10);
	mr_wsc_put_number(&w, MR_WSC_REQUEST_TYPE, MR_WSC_REGISTRAR);
	mr_wsc_put_version2(&w, NULL, 0, false);
	assert(!w.bad);
	config.wsc_len = (uint8_t)w.len;
	return sta_create(&config, session_now(s));
}

static void wipe(struct run *run)
{
	sta_destroy(run->sta);
	wps_registrar_destroy(run->registrar);
	mr_wipe(run, sizeof(*run));
	free(run);
}

static int deliver(struct session *s)
{
	struct outside *o = outside_of(s);
	struct run *run = wps_pin_is_dead(s->unit) ? NULL : calloc(1, sizeof(*run));

	if (!run) /* the record may have said so */
		return wps_pin_is_dead(s->unit) ? -MR_CAUSE_PIN_EXPOSED : -MR_CAUSE_NO_MEMORY;
	run->sta = associate(s);
	run->registrar = wps_registrar_create(&o->device, true, s->line->o.entropy, &s->tag);
	if (!run->sta || !run->registrar) {
		wipe(run);
		return -MR_CAUSE_NO_MEMORY;
	}
	mr_eap_init(&run->eap, false, MR_EAP_REGISTRAR, 0);
	run->start_us = UINT64_MAX;
	s->delivery.state = run;
	run->until_us = session_now(s) + 2 * s->line->job->patience_us + SILENCE_US; /* the STA gives up before that */
	lane_speak(s->channel, &wps_outside_ops);
	return DELIVERY_GOES_ON;
}

static void ends(struct session *s)
{
	struct run *run = s->delivery.state;

	if (!run)
		return;
	if (!run->settled) /* stopped in the middle: what was shown stays shown */
		(void)settle(s, -MR_CAUSE_STOPPED);
	s->delivery.state = NULL;
	wipe(run);
}

const struct delivery_ops wps_outside_delivery = { .begin = deliver,
						   .receive = receive,
						   .expire = expire,
						   .deadline_us = deadline_us,
						   .ready = ready,
						   .pull = pull,
						   .sent = sent,
						   .evidence = wps_evidence,
						   .end = ends };
