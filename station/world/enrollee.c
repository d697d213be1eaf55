#include "station/world/enrollee.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/wsc_enrollee.h"
#include "agent/wire/cause.h"
#include "agent/wire/eap.h"
#include "station/wifi/eapol.h"
#include "station/wifi/sta.h"
#include "station/wifi/wpa.h"

#define DWELL_US 110000u      /* on a channel, with a probe: active scans of small chips take 100 to 120 ms */
#define PROBE_DELAY_US 30000u /* chosen, at most */
#define RESCAN_US 500000u     /* wpa_supplicant's wait between two scans that found nothing */
#define THINK_US 20000u	      /* chosen: HMAC, AES and the flash of a small chip, for each message */
#define GROUP_US 250000u      /* chosen: 1536-bit exponentiation in software at 160 MHz */
#define SILENCE_US 30000000u  /* a peer of EAP waits that long for the next request */
#define CHATTER_US 200000u
#define CHATTER_MAX_US 8000000u
#define OFF_US 1000000u
#define LAST_US 2000000u /* the same, when the last message has come */
#define UNASKED_US                                                                                                     \
	5000000u /* by PIN, with nobody who authorizes it: any registrar is tried after that and three scans */
#define UNASKED_SCANS 3u
#define RATE_6M 12u
#define JOIN_PATIENCE_US 4000000u
#define FOUND_MAX 16u
#define START_US 2000000u /* wpa_supplicant's, before it says EAPOL-Start */
#define START_AGAIN_US 400000u
#define VERSION_2_LEN 10u /* of the attribute, the last one of M1 */

enum state { OFF, SCANNING, RESTING, ENROLLING, SEEKING, JOINING, JOINED };

/* An access point with WSC, as last heard in this scan. */
struct found {
	uint8_t bssid[6], ssid[32], ssid_len, uuid[16];
	bool has_uuid, for_me, button, active;
	bool answered; /* by a probe response, which goes before beacons: so cfg80211 keeps them */
	uint16_t freq_mhz;
	struct ieee80211_rsn rsn;
};

struct enrollee {
	struct enrollee_config config;
	struct air *air;
	struct loop *loop;
	struct air_node *node;
	struct entropy *entropy;
	struct mr_wsc_device device;
	struct loop_timer timer, think;
	enum state state;
	size_t channel; /* index, being looked at */
	unsigned scans;
	uint64_t wanted_us; /* since when it wants to be enrolled */
	struct found found[FOUND_MAX];
	size_t found_count;
	struct sta *sta;
	struct sta_config sta_config;
	uint16_t sequence;
	bool asks; /* is to send its probe on this channel */
	bool gone; /* switched off in the middle of a run: that run is to be forgotten */
	bool in_air, struck, has_credentials;
	uint64_t chatter_us, chatter_at_us;
	uint64_t silent_us; /* gives the run up */
	uint64_t start_us;  /* says EAPOL-Start */
	unsigned starts;
	struct mr_eap eap;
	struct mr_wsc_enrollee wsc;
	uint8_t packet[MR_EAP_PACKET_MAX]; /* of EAP, received, being thought about */
	size_t packet_len;
	struct mr_wsc_credential credential;
};

static void pump(struct enrollee *e);

/* --- scanning --- */

static void send(struct enrollee *e, const struct mr_wr *w)
{
	struct radio_tx tx = { .rate_500kbps = RATE_6M, .retries = 0 };

	if (!w->bad)
		(void)air_send(e->node, mr_rd_over(w->buf, w->len), &tx);
}

static void probe(struct enrollee *e)
{
	uint8_t buf[512], body[IEEE80211_ELEMENT_MAX] = { 0x00, 0x50, 0xf2, 4 };
	struct mr_wr w = mr_wr_over(buf, sizeof(buf)), wsc = mr_wr_over(body, sizeof(body));
	struct ieee80211_header h = { .kind = IEEE80211_PROBE_REQUEST, .sequence = e->sequence++ & 0xfff };

	memcpy(h.address1, ieee80211_broadcast, 6);
	memcpy(h.address2, e->config.mac, 6);
	memcpy(h.address3, ieee80211_broadcast, 6);
	ieee80211_header_build(&w, &h);
	ieee80211_put_ssid(&w, e->credential.ssid, e->credential.ssid_len);
	ieee80211_put_rates(&w, e->config.channels[e->channel]);
	if (e->has_credentials) { /* it looks for its network, and wants nothing of a registrar any more */
		send(e, &w);
		return;
	}
	wsc.len = 4;
	mr_wsc_put_number(&wsc, MR_WSC_VERSION, 0x10);
	mr_wsc_put_number(&wsc, MR_WSC_REQUEST_TYPE, MR_WSC_ENROLLEE);
	mr_wsc_put_number(&wsc, MR_WSC_CONFIG_METHODS, e->device.methods);
	mr_wsc_put(&wsc, MR_WSC_UUID_E, e->device.uuid, 16);
	mr_wsc_put(&wsc, MR_WSC_DEVICE_TYPE, e->device.device_type, 8);
	mr_wsc_put_number(&wsc, MR_WSC_RF_BANDS, e->device.rf_bands);
	mr_wsc_put_number(&wsc, MR_WSC_ASSOCIATION_STATE, 0);
	mr_wsc_put_number(&wsc, MR_WSC_CONFIG_ERROR, 0);
	mr_wsc_put_number(&wsc, MR_WSC_PASSWORD_ID, e->config.button ? MR_WSC_BUTTON : MR_WSC_PIN);
	if (!e->config.old)
		mr_wsc_put_version2(&wsc, NULL, 0, true);
	ieee80211_put_element(&w, IEEE80211_VENDOR, body, wsc.len);
	send(e, &w);
}

static struct found *place_of(struct enrollee *e, const uint8_t bssid[static 6])
{
	for (size_t i = 0; i < e->found_count; i++)
		if (mr_equal(e->found[i].bssid, bssid, 6))
			return &e->found[i];
	return e->found_count < FOUND_MAX ? &e->found[e->found_count++] : NULL;
}

/* Is one of the AuthorizedMACs its own, or everybody's? */
static bool authorizes(const struct enrollee *e, struct mr_rd macs)
{
	const uint8_t *mac;

	while (macs.left >= 6 && (mac = mr_rd_take(&macs, 6)))
		if (mr_equal(mac, e->config.mac, 6) || mr_equal(mac, ieee80211_broadcast, 6))
			return true;
	return false;
}

static void note(struct enrollee *e, struct mr_rd mpdu, const struct radio_rx *rx)
{
	static const uint8_t oui[3] = { 0x00, 0x50, 0xf2 };
	struct ieee80211_network n;
	struct ieee80211_header h;
	struct ieee80211_beacon b;
	struct mr_wsc m;
	struct found *f;
	bool selected;

	if (!ieee80211_network_of(mpdu, rx, &n) || !n.wsc || !ieee80211_header_parse(&mpdu, &h) ||
	    !ieee80211_beacon_parse(mpdu, &b) || !mr_wsc_parse(ieee80211_vendor(b.elements, oui, 4), &m) ||
	    !(f = place_of(e, n.bssid)) || (f->answered && h.kind == IEEE80211_BEACON))
		return;
	f->answered = h.kind == IEEE80211_PROBE_RESPONSE;
	memcpy(f->bssid, n.bssid, 6);
	memcpy(f->ssid, n.ssid, n.ssid_len);
	f->ssid_len = n.ssid_len;
	f->freq_mhz = n.freq_mhz;
	f->rsn = n.rsn;
	if (mr_wsc_is(&m, MR_WSC_UUID_E, m.value[MR_WSC_UUID_E].at, 16) && m.value[MR_WSC_UUID_E].at) {
		memcpy(f->uuid, m.value[MR_WSC_UUID_E].at, 16);
		f->has_uuid = true;
	}
	selected = mr_wsc_number(&m, MR_WSC_SELECTED_REGISTRAR, 0) == 1;
	f->button = selected && mr_wsc_number(&m, MR_WSC_PASSWORD_ID, MR_WSC_PIN) == MR_WSC_BUTTON;
	f->active = selected && !f->button;
	/* A registrar of version 2 says whom it authorizes, and its Selected Registrar is not looked at. */
	f->for_me = m.version2 && !e->config.old ? authorizes(e, m.authorized) : f->active;
}

/* As wpa_supplicant chooses; two active registrars of different access points are an overlap, and none is taken. */
static const struct found *choose(const struct enrollee *e, uint64_t now_us)
{
	const struct found *best = NULL;
	bool anybody = e->scans >= UNASKED_SCANS && now_us >= e->wanted_us + UNASKED_US;

	for (size_t i = 0; i < e->found_count; i++) {
		const struct found *f = &e->found[i];

		if (e->config.button && f->button && best)
			return NULL;
		if (e->config.button ? f->button : f->for_me || (anybody && !best))
			best = f;
	}
	return best;
}

static void look(struct enrollee *e, uint64_t now_us)
{
	e->state = SCANNING;
	(void)now_us;
	(void)air_tune(e->node, e->config.channels[e->channel]);
	loop_at(e->loop, &e->timer, UINT64_MAX);
}

static void scan(struct enrollee *e, uint64_t now_us)
{
	e->channel = 0;
	e->found_count = 0;
	e->scans++;
	look(e, now_us);
}

static void rest(struct enrollee *e, uint64_t now_us)
{
	sta_destroy(e->sta);
	e->sta = NULL;
	loop_cancel(e->loop, &e->think);
	e->state = RESTING;
	loop_at(e->loop, &e->timer, now_us + RESCAN_US);
}

/* --- enrolling --- */

static void enroll(struct enrollee *e, const struct found *f, uint64_t now_us)
{
	struct mr_wr w = mr_wr_over(e->sta_config.wsc, sizeof(e->sta_config.wsc));

	e->sta_config = (struct sta_config){ .freq_mhz = f->freq_mhz,
					     .ssid_len = f->ssid_len,
					     .patience_us = JOIN_PATIENCE_US,
					     .entropy = e->entropy,
					     .sequence = &e->sequence };
	memcpy(e->sta_config.own, e->config.mac, 6);
	memcpy(e->sta_config.bssid, f->bssid, 6);
	memcpy(e->sta_config.ssid, f->ssid, f->ssid_len);
	mr_wsc_put_number(&w, MR_WSC_VERSION, 0x10);
	mr_wsc_put_number(&w, MR_WSC_REQUEST_TYPE, MR_WSC_ENROLLEE);
	if (!e->config.old)
		mr_wsc_put_version2(&w, NULL, 0, false);
	assert(!w.bad);
	e->sta_config.wsc_len = (uint8_t)w.len;
	mr_eap_init(&e->eap, false, MR_EAP_ENROLLEE, 0);
	mr_wsc_enrollee_wipe(&e->wsc);
	e->packet_len = 0;
	e->starts = 0;
	e->start_us = UINT64_MAX;
	e->state = ENROLLING;
	e->silent_us = now_us + SILENCE_US;
	e->sta = sta_create(&e->sta_config, now_us);
	if (!e->sta || air_tune(e->node, f->freq_mhz) != 0)
		abort(); /* the simulation itself has run out of memory */
}

static void chosen(struct enrollee *e, uint64_t now_us)
{
	const struct found *f = choose(e, now_us);

	if (f)
		enroll(e, f, now_us);
	else
		rest(e, now_us);
}

static bool draw(void *ctx, uint8_t *out, size_t len)
{
	entropy_fill(ctx, out, len);
	return true;
}

static struct mr_wsc_enrollee_config wsc_config(struct enrollee *e)
{
	struct mr_wsc_enrollee_config c = { .device = &e->device,
					    .pin = e->config.pin,
					    .button = e->config.button,
					    .state = MR_WSC_UNCONFIGURED,
					    .random = draw,
					    .random_ctx = e->entropy };

	memcpy(c.mac, e->config.mac, 6);
	return c;
}

static void say(struct enrollee *e, const struct mr_wr *packet)
{
	uint8_t buf[4 + MR_EAP_PACKET_MAX];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));

	if (packet->bad || packet->len == 0)
		return;
	eapol_build(&w, EAPOL_VERSION_1, EAPOL_EAP, packet);
	(void)sta_send(e->sta, NULL, EAPOL_ETHERTYPE, buf, w.len);
}

static bool tell(const struct enrollee *e, const struct mr_wsc *m)
{
	if (e->config.told)
		e->config.told(e->config.ctx, mr_wsc_type(m));
	return true;
}

/* Does its fault strike at this message? */
static bool strikes(struct enrollee *e, uint8_t type)
{
	if (e->config.fault < ENROLLEE_STALLS || e->config.fault > ENROLLEE_REFUSES || type != e->config.at_message ||
	    (e->struck && e->config.once))
		return false;
	e->struck = true;
	return true;
}

/* For good; or it is put back a second later, and has forgotten all. */
static void switch_off(struct enrollee *e)
{
	air_power(e->node, false);
	e->gone = true;
	if (e->config.once)
		loop_at(e->loop, &e->timer, loop_now_us(e->loop) + OFF_US);
}

static struct mr_wsc_answer refusal(struct enrollee *e, uint8_t buf[static 128])
{
	struct mr_wr w = mr_wr_over(buf, 128);

	mr_wsc_begin(&w, MR_WSC_NACK);
	mr_wsc_put(&w, MR_WSC_ENROLLEE_NONCE, e->wsc.nonce, 16);
	mr_wsc_put(&w, MR_WSC_REGISTRAR_NONCE, e->wsc.registrar_nonce, 16);
	mr_wsc_put_number(&w, MR_WSC_CONFIG_ERROR, MR_WSC_DEVICE_BUSY);
	mr_wsc_put_version2(&w, NULL, 0, false);
	return (struct mr_wsc_answer){ .op = MR_EAP_NACK, .message = mr_wr_written(&w) };
}

static void on_message(struct enrollee *e, const struct mr_eap_message *m, struct mr_wr *reply)
{
	struct mr_wsc_enrollee_config config = wsc_config(e);
	struct mr_wsc_answer answer = { 0 };
	uint8_t buf[128];
	struct mr_wsc parsed;

	if (m->op == MR_EAP_START) {
		if (!mr_wsc_enrollee_begin(&e->wsc, &config, &answer))
			abort();
		if (e->config.old)
			answer.message.left = e->wsc.out_len = (uint16_t)(e->wsc.out_len - VERSION_2_LEN);
	} else if (mr_wsc_parse(m->message, &parsed) && tell(e, &parsed) && strikes(e, mr_wsc_type(&parsed))) {
		if (e->config.fault == ENROLLEE_VANISHES)
			switch_off(e);
		if (e->config.fault != ENROLLEE_REFUSES)
			return;
		answer = refusal(e, buf);
	} else if (mr_wsc_enrollee_receive(&e->wsc, m->op, m->message, &answer) == MR_WSC_CREDENTIALS) {
		e->credential = e->wsc.credential;
		e->has_credentials = true;
	}
	if (answer.op)
		mr_eap_send(&e->eap, (enum mr_eap_op)answer.op, answer.message, reply);
	/* The refusal lies on this stack: it is not repeated. */
	if (answer.message.at == buf)
		e->eap.sent = 0;
}

/* What was received has been thought about. */
static void on_thought(void *ctx, uint64_t now_us)
{
	struct enrollee *e = ctx;
	uint8_t buf[MR_EAP_PACKET_MAX];
	struct mr_wr reply = mr_wr_over(buf, sizeof(buf));
	struct mr_eap_message m;

	if (e->state != ENROLLING || e->packet_len == 0)
		return;
	switch (mr_eap_receive(&e->eap, mr_rd_over(e->packet, e->packet_len), &m, &reply)) {
	case MR_EAP_IGNORED: break;
	case MR_EAP_MESSAGE: on_message(e, &m, &reply); /* fall through */
	case MR_EAP_ANSWERED:
	case MR_EAP_IDENTITY:
		e->silent_us = now_us + (e->has_credentials ? LAST_US : SILENCE_US);
		say(e, &reply);
		break;
	case MR_EAP_OVER: break; /* the deauthentication follows, or silence */
	}
	e->packet_len = 0;
	pump(e);
}

/* What the next packet costs: the group twice in a run, before M1 and before M3. */
static uint32_t cost_us(const struct enrollee *e)
{
	bool group = e->eap.sent != 0 && (e->wsc.out_len == 0 || e->wsc.state == MR_WSC_WAITS_M2);

	return group ? e->config.group_us : e->config.think_us;
}

static void on_eapol(struct enrollee *e, struct mr_rd pdu, uint64_t now_us)
{
	struct mr_rd body = pdu;

	if (eapol_type(&body) != EAPOL_EAP || (e->config.old && e->starts == 0))
		return;
	mr_rd_skip(&body, 4);
	if (body.bad || body.left > sizeof(e->packet))
		return;
	if (body.left > 0 && body.at[0] == 4) { /* EAP-Failure: nothing to think about */
		(void)now_us;
		return;
	}
	if (e->packet_len == 0)
		loop_at(e->loop, &e->think, now_us + cost_us(e));
	memcpy(e->packet, body.at, body.left);
	e->packet_len = body.left;
}

/* --- joining --- */

static void seek(struct enrollee *e, uint64_t now_us)
{
	sta_destroy(e->sta);
	e->sta = NULL;
	loop_cancel(e->loop, &e->think);
	e->channel = 0;
	e->state = SEEKING;
	(void)now_us;
	(void)air_tune(e->node, e->config.channels[0]);
	loop_at(e->loop, &e->timer, UINT64_MAX);
}

static bool take_key(const struct mr_wsc_credential *c, uint8_t pmk[static 32])
{
	char text[65];

	memcpy(text, c->key, c->key_len);
	text[c->key_len] = '\0';
	return wpa_psk(text, c->ssid, c->ssid_len, pmk);
}

static void join(struct enrollee *e, const struct ieee80211_network *n, uint64_t now_us)
{
	e->sta_config = (struct sta_config){ .freq_mhz = n->freq_mhz,
					     .ssid_len = n->ssid_len,
					     .rsn = n->rsn,
					     .secure = e->credential.key_len > 0,
					     .patience_us = JOIN_PATIENCE_US,
					     .entropy = e->entropy,
					     .sequence = &e->sequence };
	memcpy(e->sta_config.own, e->config.mac, 6);
	memcpy(e->sta_config.bssid, n->bssid, 6);
	memcpy(e->sta_config.ssid, n->ssid, n->ssid_len);
	if (e->sta_config.secure && !take_key(&e->credential, e->sta_config.pmk))
		return;
	e->sta = sta_create(&e->sta_config, now_us);
	if (!e->sta)
		abort();
	e->state = JOINING;
}

static void on_network(struct enrollee *e, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct ieee80211_network n;

	if (e->config.fault == ENROLLEE_NO_JOIN || !ieee80211_network_of(mpdu, rx, &n) ||
	    n.ssid_len != e->credential.ssid_len || !mr_equal(n.ssid, e->credential.ssid, n.ssid_len))
		return;
	join(e, &n, rx->time_us);
}

/* --- the STA, whichever it is --- */

static void sta_over(struct enrollee *e, uint64_t now_us)
{
	if (e->has_credentials)
		seek(e, now_us);
	else
		rest(e, now_us);
}

static void on_event(struct enrollee *e, const struct sta_out *out, uint64_t now_us)
{
	switch (out->event) {
	case STA_NOTHING: return;
	case STA_UP:
		if (e->state == ENROLLING && e->config.old)
			e->start_us = now_us + START_US;
		if (e->state != JOINING)
			return;
		e->state = JOINED;
		e->chatter_us = CHATTER_US;
		e->chatter_at_us = now_us + e->chatter_us;
		return;
	case STA_DOWN: sta_over(e, now_us); return;
	case STA_MSDU:
		if (e->state == ENROLLING && out->ethertype == EAPOL_ETHERTYPE)
			on_eapol(e, out->payload, now_us);
		return;
	}
}

static void pump(struct enrollee *e)
{
	uint64_t now_us = loop_now_us(e->loop), at_us;
	struct radio_tx tx = { .rate_500kbps = RATE_6M, .retries = 7 };
	uint8_t frame[RADIO_FRAME_MAX], what;
	size_t len;

	if (!e->sta || e->gone)
		return;
	if (!e->in_air && (len = sta_pull(e->sta, frame, false, &what, now_us)) > 0) {
		tx.cookie = 1u + what;
		e->in_air = air_send(e->node, mr_rd_over(frame, len), &tx) == 0;
		if (!e->in_air)
			sta_sent(e->sta, what, false, 0, now_us);
	}
	at_us = sta_deadline_us(e->sta);
	if (e->state == JOINED && e->chatter_at_us < at_us)
		at_us = e->chatter_at_us;
	if (e->state == ENROLLING && e->silent_us < at_us)
		at_us = e->silent_us;
	if (e->state == ENROLLING && e->start_us < at_us)
		at_us = e->start_us;
	loop_at(e->loop, &e->timer, at_us);
}

static void on_received(void *ctx, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct enrollee *e = ctx;
	struct sta_out out = { .event = STA_NOTHING };
	int result;

	if (e->gone)
		return;
	if (e->state == SCANNING)
		note(e, mpdu, rx);
	else if (e->state == SEEKING)
		on_network(e, mpdu, rx);
	if (e->sta && mpdu.left >= 16 && mr_equal(mpdu.at + 10, e->sta_config.bssid, 6)) {
		result = sta_receive(e->sta, mpdu, rx, &out, rx->time_us);
		if (result < 0)
			sta_over(e, rx->time_us);
		else
			on_event(e, &out, rx->time_us);
		mr_wipe(out.bytes, sizeof(out.bytes));
	}
	pump(e);
}

static void on_status(void *ctx, uint64_t cookie, bool acked, unsigned tries)
{
	struct enrollee *e = ctx;

	if (cookie == 0)
		return;
	e->in_air = false;
	if (e->sta)
		sta_sent(e->sta, (uint8_t)(cookie - 1), acked, tries, loop_now_us(e->loop));
	pump(e);
}

static void on_tuned(void *ctx, uint16_t freq_mhz)
{
	struct enrollee *e = ctx;

	(void)freq_mhz;
	/* Devices that are switched on together do not ask together: 11.1.4.3.2, ProbeDelay and its random part. */
	e->asks = e->state == SCANNING || e->state == SEEKING;
	if (e->asks)
		loop_at(e->loop, &e->timer, loop_now_us(e->loop) + entropy_below(e->entropy, PROBE_DELAY_US));
	pump(e);
}

/* What a device says on a network that it has joined: it asks for an address, again and again with longer pauses. */
static void chatter(struct enrollee *e, uint64_t now_us)
{
	static const uint8_t discover[300] = { 0x45 };

	(void)sta_send(e->sta, ieee80211_broadcast, 0x0800, discover, sizeof(discover));
	e->chatter_us = 2 * e->chatter_us < CHATTER_MAX_US ? 2 * e->chatter_us : CHATTER_MAX_US;
	e->chatter_at_us = now_us + e->chatter_us;
}

/* First to begin, then once in the middle, where it means nothing. */
static void start(struct enrollee *e, uint64_t now_us)
{
	static const uint8_t pdu[4] = { 1, EAPOL_START };

	(void)sta_send(e->sta, NULL, EAPOL_ETHERTYPE, pdu, sizeof(pdu));
	e->start_us = ++e->starts == 1 ? now_us + START_AGAIN_US : UINT64_MAX;
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct enrollee *e = ctx;

	if (e->gone) {
		e->gone = e->in_air = false;
		sta_destroy(e->sta);
		e->sta = NULL;
		loop_cancel(e->loop, &e->think);
		e->state = OFF;
	}
	if (e->asks && (e->state == SCANNING || e->state == SEEKING)) {
		e->asks = false;
		probe(e);
		loop_at(e->loop, &e->timer, now_us + DWELL_US);
		return;
	}
	switch (e->state) {
	case OFF:
		air_power(e->node, true);
		e->wanted_us = now_us;
		scan(e, now_us);
		return;
	case RESTING: scan(e, now_us); return;
	case SCANNING:
		if (++e->channel < e->config.channel_count)
			look(e, now_us);
		else
			chosen(e, now_us);
		return;
	case SEEKING:
		e->channel = (e->channel + 1) % e->config.channel_count;
		(void)air_tune(e->node, e->config.channels[e->channel]);
		loop_at(e->loop, &e->timer, UINT64_MAX);
		return;
	case ENROLLING:
		if (now_us >= e->silent_us) {
			sta_over(e, now_us);
			return;
		}
		if (now_us >= e->start_us)
			start(e, now_us);
		break;
	case JOINING: break;
	case JOINED:
		if (now_us >= e->chatter_at_us)
			chatter(e, now_us);
		break;
	}
	if (e->sta && sta_expire(e->sta, now_us) < 0)
		sta_over(e, now_us);
	pump(e);
}

/* --- from cradle to grave --- */

static bool describe(struct enrollee *e)
{
	e->device = (struct mr_wsc_device){ .manufacturer = "Simulated",
					    .model_name = "Enrollee",
					    .model_number = "1",
					    .serial = e->config.serial,
					    .name = "Simulated enrollee",
					    .device_type = { 0, 11, 0, 0x50, 0xf2, 4, 0, 1 },
					    .methods = e->config.button ? MR_WSC_PUSH_BUTTON : MR_WSC_LABEL,
					    .rf_bands = 1 };
	return mr_wsc_uuid(e->config.mac, e->device.uuid);
}

/* Nobody looks at the check digit. */
void enrollee_spoil_pin(struct enrollee_config *c)
{
	size_t len = strlen(c->pin), at = c->fault == ENROLLEE_WRONG_FIRST ? 0 : len - 2;

	if (c->fault != ENROLLEE_WRONG_FIRST && c->fault != ENROLLEE_WRONG_SECOND)
		return;
	assert(len >= 4);
	c->pin[at] = c->pin[at] == '9' ? '0' : (char)(c->pin[at] + 1);
}

struct enrollee *enrollee_create(struct air *air, const struct enrollee_config *config)
{
	struct enrollee *e = calloc(1, sizeof(*e));
	struct air_node_config node = { .x_m = config->x_m,
					.y_m = config->y_m,
					.tx_dbm = config->tx_dbm,
					.extra_loss_db = config->extra_loss_db,
					.acknowledges = true,
					.ctx = e,
					.received = on_received,
					.status = on_status,
					.tuned = on_tuned };

	assert(config->channel_count > 0);
	if (!e)
		return NULL;
	e->config = *config;
	if (!e->config.think_us)
		e->config.think_us = THINK_US;
	if (!e->config.group_us)
		e->config.group_us = GROUP_US;
	enrollee_spoil_pin(&e->config);
	memcpy(node.mac, config->mac, 6);
	e->air = air;
	e->loop = air_loop(air);
	e->timer = (struct loop_timer){ .fn = on_timer, .ctx = e, .at_us = LOOP_NEVER };
	e->think = (struct loop_timer){ .fn = on_thought, .ctx = e, .at_us = LOOP_NEVER };
	e->entropy = entropy_create_seeded(config->seed, "enrollee");
	e->node = e->entropy && describe(e) ? air_add_node(air, &node) : NULL;
	if (!e->node) {
		enrollee_destroy(e);
		return NULL;
	}
	air_power(e->node, false);
	loop_at(e->loop, &e->timer, config->power_on_us);
	return e;
}

void enrollee_destroy(struct enrollee *e)
{
	if (!e)
		return;
	if (e->node)
		air_node_detach(e->node);
	loop_cancel(e->loop, &e->timer);
	loop_cancel(e->loop, &e->think);
	sta_destroy(e->sta);
	entropy_destroy(e->entropy);
	mr_wipe(e, sizeof(*e));
	free(e);
}
