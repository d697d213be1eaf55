/*
 * The access point of simulated devices and networks, against a peer made of formats and the supplicant's handshake,
 * and against the station's own STA through a channel that loses frames and acknowledgements.
 *
 * links: station/wifi/soft_ap.c station/wifi/soft_ap_sta.c station/wifi/soft_ap_data.c
 * links: station/wifi/ieee80211.c
 * links: station/wifi/wpa.c station/wifi/wpa_ap.c station/wifi/wpa_sta.c station/wifi/eapol.c
 * links: station/wifi/ccmp.c station/wifi/tkip.c
 * links: station/wifi/aes.c agent/wire/channel.c station/base/entropy.c station/base/map.c
 * links: agent/wire/cause.c
 * links: station/wifi/sta.c station/wifi/sta_send.c station/wifi/sta_receive.c station/wifi/defragment.c
 * links: station/base/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/cause.h"
#include "station/wifi/soft_ap.h"
#include "station/wifi/ccmp.h"
#include "station/wifi/sta.h"
#include "station/wifi/wpa.h"

#define FRAMES 128
#define SECOND_US UINT64_C(1000000)

static const uint8_t ap_mac[6] = { 0x02, 0x4d, 0x52, 0, 0, 7 };
static const uint8_t own_mac[6] = { 0x02, 0x4d, 0x53, 0, 0, 1 };
static const uint8_t psk[32] = { 1, 2, 3, 4 };

struct heard {
	uint8_t bytes[RADIO_FRAME_MAX];
	size_t len;
	struct radio_tx tx;
};

/* an access point and all that came out of it */
struct bss {
	struct soft_ap *ap;
	struct entropy *entropy;
	uint64_t now_us;
	struct heard frames[FRAMES];
	size_t count, taken;
	bool deaf;	     /* the radio takes nothing */
	bool reports, acked; /* frames are reported as they leave */
	unsigned msdus, joins, leaves;
	int reason;
	uint16_t ethertype;
	uint8_t dst[6], src[6], payload[64];
	size_t payload_len;
	const uint8_t *refused;
};

static bool on_send(void *ctx, struct mr_rd frame, const struct radio_tx *tx)
{
	struct bss *b = ctx;

	if (b->deaf)
		return false;
	assert_true(b->count < FRAMES && frame.left <= RADIO_FRAME_MAX && (tx->cookie & SOFT_AP_COOKIE));
	memcpy(b->frames[b->count].bytes, frame.at, frame.left);
	b->frames[b->count].len = frame.left;
	b->frames[b->count++].tx = *tx;
	return true;
}

static void on_received(void *ctx, const uint8_t *dst, const uint8_t *src, uint16_t ethertype, struct mr_rd payload)
{
	struct bss *b = ctx;

	b->msdus++;
	b->ethertype = ethertype;
	memcpy(b->dst, dst, 6);
	memcpy(b->src, src, 6);
	b->payload_len = payload.left < sizeof(b->payload) ? payload.left : sizeof(b->payload);
	memcpy(b->payload, payload.at, b->payload_len);
}

static bool on_admits(void *ctx, const uint8_t *mac)
{
	struct bss *b = ctx;

	return !b->refused || memcmp(b->refused, mac, 6) != 0;
}

static void on_joined(void *ctx, const uint8_t *mac)
{
	(void)mac;
	((struct bss *)ctx)->joins++;
}

static void on_left(void *ctx, const uint8_t *mac, int reason)
{
	struct bss *b = ctx;

	(void)mac;
	b->leaves++;
	b->reason = reason;
}

static struct soft_ap_config config_of(uint8_t security)
{
	struct soft_ap_config c = {
		.ssid = "AC-1", .ssid_len = 4, .security = security, .freq_mhz = 2437, .stas_max = 4
	};

	memcpy(c.mac, ap_mac, 6);
	memcpy(c.psk, psk, sizeof(psk));
	return c;
}

static struct bss *bss_make(const struct soft_ap_config *config)
{
	struct bss *b = calloc(1, sizeof(*b));
	struct soft_ap_events events = { b, on_send, on_received, on_admits, on_joined, on_left, NULL };

	assert_non_null(b);
	b->entropy = entropy_create_seeded(1, "soft ap");
	b->now_us = 5 * SECOND_US;
	b->ap = soft_ap_create(config, &events, b->entropy, b->now_us);
	assert_non_null(b->ap);
	return b;
}

static void bss_end(struct bss *b)
{
	soft_ap_destroy(b->ap);
	entropy_destroy(b->entropy);
	free(b);
}

/* The next frame of this kind; NULL: none. */
static struct heard *next_of(struct bss *b, uint8_t kind)
{
	while (b->taken < b->count)
		if (b->frames[b->taken++].bytes[0] == kind)
			return &b->frames[b->taken - 1];
	return NULL;
}

static void forget_frames(struct bss *b) { b->count = b->taken = 0; }

static void report_all(struct bss *b, bool acked)
{
	for (size_t i = 0; i < b->count; i++)
		soft_ap_sent(b->ap, b->frames[i].tx.cookie, acked, b->now_us);
	forget_frames(b);
}

static void run_until(struct bss *b, uint64_t until_us)
{
	while (soft_ap_deadline_us(b->ap) <= until_us) {
		b->now_us = soft_ap_deadline_us(b->ap) > b->now_us ? soft_ap_deadline_us(b->ap) : b->now_us;
		soft_ap_expire(b->ap, b->now_us);
		assert_true(soft_ap_deadline_us(b->ap) > b->now_us);
		if (b->reports)
			report_all(b, b->acked);
	}
	b->now_us = until_us;
}

/* --- the peer --- */

struct peer {
	struct bss *b;
	uint8_t mac[6], tk[16], gtk[16], igtk[16];
	struct wpa_sta wpa;
	uint64_t pn;
	uint16_t sequence, aid;
	bool keyed;
	uint8_t flags;		       /* of every frame: power management */
	uint8_t last[RADIO_FRAME_MAX]; /* as it was given to the access point */
	size_t last_len;
};

static struct peer peer_of(struct bss *b)
{
	struct peer p = { .b = b };

	memcpy(p.mac, own_mac, 6);
	return p;
}

static struct mr_wr begin(struct peer *p, uint8_t *buf, uint8_t kind, uint8_t flags)
{
	struct ieee80211_header h = { .kind = kind, .flags = flags | p->flags, .sequence = p->sequence++ & 0xfff };
	struct mr_wr w = mr_wr_over(buf, RADIO_FRAME_MAX);

	memcpy(h.address1, ap_mac, 6);
	memcpy(h.address2, p->mac, 6);
	memcpy(h.address3, ap_mac, 6);
	ieee80211_header_build(&w, &h);
	return w;
}

static void say_again(struct peer *p) { soft_ap_receive(p->b->ap, mr_rd_over(p->last, p->last_len), p->b->now_us); }

static void say(struct peer *p, const struct mr_wr *w)
{
	assert_false(w->bad);
	memcpy(p->last, w->buf, w->len);
	p->last_len = w->len;
	say_again(p);
}

static void say_sealed(struct peer *p, const struct mr_wr *w)
{
	p->last_len = ccmp_seal(p->tk, (struct ccmp_info){ .pn = ++p->pn }, mr_wr_written(w), p->last, sizeof(p->last));
	assert_true(p->last_len > 0);
	say_again(p);
}

static uint16_t authenticate(struct peer *p)
{
	uint8_t buf[RADIO_FRAME_MAX];
	struct mr_wr w = begin(p, buf, IEEE80211_AUTHENTICATION, 0);
	struct ieee80211_authentication a = { .transaction = 1 };
	struct heard *f;

	forget_frames(p->b);
	ieee80211_authentication_build(&w, &a);
	say(p, &w);
	f = next_of(p->b, IEEE80211_AUTHENTICATION);
	assert_non_null(f);
	assert_true(ieee80211_authentication_parse(mr_rd_over(f->bytes + 24, f->len - 24), &a));
	assert_int_equal(a.transaction, 2);
	return a.status;
}

static const struct ieee80211_rsn rsn_ccmp = {
	.group = IEEE80211_CIPHER_CCMP,
	.group_management = IEEE80211_CIPHER_BIP_CMAC,
	.pairwise = IEEE80211_BIT(IEEE80211_CIPHER_CCMP),
	.akm = IEEE80211_BIT(IEEE80211_AKM_PSK),
};

static void ask_to_associate(struct peer *p, const char *ssid, const struct ieee80211_rsn *rsn)
{
	uint8_t buf[RADIO_FRAME_MAX];
	struct mr_wr w = begin(p, buf, IEEE80211_ASSOCIATION_REQUEST, 0);

	ieee80211_association_request_build(
		&w, &(struct ieee80211_association_request){ .capability = IEEE80211_ESS, .listen_interval = 10 });
	ieee80211_put_ssid(&w, (const uint8_t *)ssid, strlen(ssid));
	ieee80211_put_rates(&w, 2437);
	if (rsn)
		ieee80211_put_rsn(&w, rsn);
	say(p, &w);
}

static uint16_t associate(struct peer *p, const char *ssid, const struct ieee80211_rsn *rsn)
{
	struct ieee80211_association_response r;
	struct heard *f;

	forget_frames(p->b);
	ask_to_associate(p, ssid, rsn);
	f = next_of(p->b, IEEE80211_ASSOCIATION_RESPONSE);
	assert_non_null(f);
	assert_true(ieee80211_association_response_parse(mr_rd_over(f->bytes + 24, f->len - 24), &r));
	p->aid = r.aid;
	return r.status;
}

static void say_data(struct peer *p, uint16_t ethertype, const void *payload, size_t len, bool sealed)
{
	uint8_t buf[RADIO_FRAME_MAX];
	struct mr_wr w = begin(p, buf, IEEE80211_DATA, IEEE80211_TO_DS);

	ieee80211_put_snap(&w, ethertype);
	mr_wr_bytes(&w, payload, len);
	(sealed ? say_sealed : say)(p, &w);
}

static void say_null(struct peer *p, bool asleep)
{
	uint8_t buf[RADIO_FRAME_MAX];
	struct mr_wr w;

	p->flags = asleep ? IEEE80211_POWER_MANAGEMENT : 0;
	w = begin(p, buf, IEEE80211_NULL, IEEE80211_TO_DS);
	say(p, &w);
}

/* The MSDU in a data frame, opened when it is sealed. */
static struct mr_rd msdu_of(struct peer *p, struct heard *f, uint16_t *ethertype, uint8_t *buf)
{
	struct mr_rd body = mr_rd_over(f->bytes, f->len);
	struct ieee80211_header h;
	size_t len;

	assert_true(ieee80211_header_parse(&body, &h));
	assert_int_equal(h.flags & (IEEE80211_TO_DS | IEEE80211_FROM_DS), IEEE80211_FROM_DS);
	if (h.flags & IEEE80211_PROTECTED) {
		assert_true(ccmp_open(ieee80211_is_group(h.address1) ? p->gtk : p->tk, mr_rd_over(f->bytes, f->len),
				      buf, &len));
		body = mr_rd_over(buf, len);
	}
	assert_true(ieee80211_snap_parse(&body, ethertype));
	return body;
}

/* Answers every EAPOL frame that came, until nothing more comes. */
static void shake_hands(struct peer *p)
{
	uint8_t buf[RADIO_FRAME_MAX], reply[EAPOL_MAX];
	struct heard *f;

	while ((f = next_of(p->b, IEEE80211_DATA))) {
		struct mr_wr answer = mr_wr_over(reply, sizeof(reply));
		uint16_t ethertype;
		struct mr_rd pdu = msdu_of(p, f, &ethertype, buf);
		int event;

		if (ethertype != EAPOL_ETHERTYPE)
			continue;
		event = wpa_sta_receive(&p->wpa, pdu, &answer);
		assert_true(event >= 0);
		if (answer.len > 0)
			say_data(p, EAPOL_ETHERTYPE, reply, answer.len, p->keyed);
		if (event == WPA_ESTABLISHED) {
			memcpy(p->tk, p->wpa.ptk.tk, 16);
			memcpy(p->gtk, p->wpa.group.gtk, 16);
			memcpy(p->igtk, p->wpa.group.igtk, 16);
			p->keyed = true;
		}
	}
}

static void prepare_wpa(struct peer *p, const uint8_t *key, const struct ieee80211_rsn *rsn,
			const struct ieee80211_rsn *aps)
{
	uint8_t rsne[64];
	struct mr_wr w = mr_wr_over(rsne, sizeof(rsne));

	ieee80211_put_rsn(&w, rsn);
	wpa_sta_init(&p->wpa, IEEE80211_AKM_PSK, key, ap_mac, p->mac, aps, mr_wr_written(&w),
		     rsn->capabilities & aps->capabilities & IEEE80211_MFPC, p->b->entropy);
}

static void join_wpa2(struct peer *p, const struct ieee80211_rsn *rsn, const struct ieee80211_rsn *aps)
{
	prepare_wpa(p, psk, rsn, aps);
	assert_int_equal(authenticate(p), IEEE80211_SUCCESS);
	assert_int_equal(associate(p, "AC-1", rsn), IEEE80211_SUCCESS);
	shake_hands(p);
	assert_true(p->keyed);
}

static void join_open(struct peer *p)
{
	assert_int_equal(authenticate(p), IEEE80211_SUCCESS);
	assert_int_equal(associate(p, "AC-1", NULL), IEEE80211_SUCCESS);
}

static uint16_t reason_of(const struct heard *f)
{
	uint16_t reason = 0;

	assert_non_null(f);
	assert_true(ieee80211_reason_parse(mr_rd_over(f->bytes + 24, f->len - 24), &reason));
	return reason;
}

/* --- what it says about itself --- */

static struct ieee80211_network network_of(const struct heard *f)
{
	struct radio_rx rx = { .freq_mhz = 2437 };
	struct ieee80211_network n;

	assert_non_null(f);
	assert_true(ieee80211_network_of(mr_rd_over(f->bytes, f->len), &rx, &n));
	return n;
}

static void beacons_keep_their_interval_and_say_what_the_network_is(void **state)
{
	static const uint8_t securities[] = { IEEE80211_OPEN,	  IEEE80211_WEP,       IEEE80211_WPA,
					      IEEE80211_WPA2_PSK, IEEE80211_WPA2_WPA3, IEEE80211_WPA3_SAE,
					      IEEE80211_OWE,	  IEEE80211_ENTERPRISE };

	(void)state;
	for (size_t i = 0; i < sizeof(securities); i++) {
		struct soft_ap_config c = config_of(securities[i]);
		struct bss *b = bss_make(&c);
		struct ieee80211_network n;
		uint64_t first_us;

		b->acked = false;
		first_us = soft_ap_deadline_us(b->ap);
		assert_in_range(first_us, b->now_us, b->now_us + 102400);
		for (unsigned k = 0; k < 20; k++) {
			struct heard *f;

			run_until(b, first_us + k * 102400u);
			f = next_of(b, IEEE80211_BEACON);
			n = network_of(f);
			assert_int_equal(f->tx.rate_500kbps, 2);
			report_all(b, false);
		}
		assert_int_equal(soft_ap_counters(b->ap).beacons, 20);
		assert_int_equal(n.security, securities[i]);
		assert_int_equal(n.interval_tu, 100);
		assert_int_equal(n.freq_mhz, 2437);
		assert_false(n.hidden || n.ibss);
		assert_true(n.ssid_len == 4 && memcmp(n.ssid, "AC-1", 4) == 0 && memcmp(n.bssid, ap_mac, 6) == 0);
		bss_end(b);
	}
}

static void a_beacon_that_still_waits_is_not_doubled(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b = bss_make(&c);

	(void)state;
	run_until(b, b->now_us + SECOND_US); /* nothing is reported: a busy channel */
	assert_int_equal(b->count, 1);
	assert_in_range(soft_ap_counters(b->ap).skipped, 8, 9);
	report_all(b, false);
	b->deaf = true;
	run_until(b, b->now_us + SECOND_US); /* the radio is elsewhere */
	b->deaf = false;
	run_until(b, b->now_us + 102400);
	assert_int_equal(b->count, 1);
	bss_end(b);
}

static void probe(struct bss *b, const char *ssid)
{
	struct peer p = peer_of(b);
	uint8_t buf[RADIO_FRAME_MAX];
	struct mr_wr w = begin(&p, buf, IEEE80211_PROBE_REQUEST, 0);

	memset(buf + 4, 0xff, 6);
	ieee80211_put_ssid(&w, (const uint8_t *)ssid, strlen(ssid));
	forget_frames(b);
	say(&p, &w);
}

static void a_hidden_network_answers_only_those_who_know_its_name(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b = bss_make(&c);

	(void)state;
	probe(b, "other");
	assert_int_equal(b->count, 0);
	probe(b, "");
	assert_int_equal(network_of(next_of(b, IEEE80211_PROBE_RESPONSE)).ssid_len, 4);
	bss_end(b);
	c.hidden = true;
	b = bss_make(&c);
	run_until(b, b->now_us + 102400);
	assert_true(network_of(next_of(b, IEEE80211_BEACON)).hidden);
	probe(b, "");
	assert_int_equal(b->count, 0);
	probe(b, "AC-1");
	assert_int_equal(network_of(next_of(b, IEEE80211_PROBE_RESPONSE)).ssid_len, 4);
	bss_end(b);
}

static void a_crowd_that_looks_around_stops_nothing_else(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);
	size_t answers;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		uint8_t buf[RADIO_FRAME_MAX];
		struct mr_wr w = begin(&p, buf, IEEE80211_PROBE_REQUEST, 0);

		memset(buf + 4, 0xff, 6);
		ieee80211_put_ssid(&w, NULL, 0);
		say(&p, &w);
	}
	answers = b->count;
	assert_in_range(answers, 1, 10);
	assert_true(b->frames[0].tx.priority == RADIO_BULK && b->frames[0].tx.retries <= 1);
	say_data(&p, 0x0800, "x", 1, false);
	assert_true(b->count == answers + 1 && b->frames[answers].tx.priority < RADIO_BULK);
	report_all(b, false);
	probe(b, "");
	assert_int_equal(b->count, 1);
	bss_end(b);
}

/* --- coming in --- */

static void an_open_network_passes_msdus_both_ways(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);
	uint8_t buf[RADIO_FRAME_MAX];
	uint16_t ethertype;
	struct heard *f;

	(void)state;
	assert_false(soft_ap_send(b->ap, own_mac, 0x0800, (const uint8_t *)"x", 1, b->now_us));
	join_open(&p);
	assert_true(b->joins == 1 && soft_ap_stas(b->ap) == 1 && p.aid == 1);
	say_data(&p, 0x0800, "hello", 5, false);
	assert_int_equal(b->msdus, 1);
	assert_int_equal(b->ethertype, 0x0800);
	assert_memory_equal(b->payload, "hello", 5);
	assert_memory_equal(b->src, own_mac, 6);
	assert_memory_equal(b->dst, ap_mac, 6);
	forget_frames(b);
	assert_true(soft_ap_send(b->ap, own_mac, 0x0806, (const uint8_t *)"back", 4, b->now_us));
	f = next_of(b, IEEE80211_DATA);
	assert_non_null(f);
	assert_memory_equal(msdu_of(&p, f, &ethertype, buf).at, "back", 4);
	assert_true(ethertype == 0x0806 && f->tx.retries > 0);
	assert_true(soft_ap_send(b->ap, ieee80211_broadcast, 0x0806, (const uint8_t *)"all", 3, b->now_us));
	f = next_of(b, IEEE80211_DATA);
	assert_memory_equal(msdu_of(&p, f, &ethertype, buf).at, "all", 3);
	assert_int_equal(f->tx.retries, 0);
	assert_false(soft_ap_send(b->ap, own_mac, 0x0800, p.last, SOFT_AP_MSDU_MAX + 1, b->now_us));
	bss_end(b);
}

static void what_the_mac_repeats_is_taken_once(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);

	(void)state;
	join_open(&p);
	say_data(&p, 0x0800, "hello", 5, false);
	p.last[1] |= IEEE80211_RETRY;
	say_again(&p);
	assert_int_equal(b->msdus, 1);
	say_data(&p, 0x0800, "hello", 5, false);
	assert_int_equal(b->msdus, 2);
	bss_end(b);
}

static void wpa2_seals_both_ways_and_believes_nothing_else(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_WPA2_PSK);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);
	uint8_t buf[RADIO_FRAME_MAX];
	uint16_t ethertype;
	struct heard *f;

	(void)state;
	join_wpa2(&p, &rsn_ccmp, &rsn_ccmp);
	assert_true(b->joins == 1 && b->msdus == 0);
	say_data(&p, 0x0800, "plain", 5, false);
	assert_int_equal(b->msdus, 0);
	say_data(&p, 0x0800, "sealed", 6, true);
	assert_int_equal(b->msdus, 1);
	assert_memory_equal(b->payload, "sealed", 6);
	say_again(&p); /* without the Retry bit: a replay */
	assert_int_equal(b->msdus, 1);
	p.pn += 5;
	say_data(&p, 0x0800, "gap", 3, true);
	assert_int_equal(b->msdus, 2);
	p.last[p.last_len - 1] ^= 1;
	p.last[24] = (uint8_t)(p.last[24] + 1); /* packet number */
	say_again(&p);
	assert_int_equal(b->msdus, 2);
	assert_int_equal(soft_ap_counters(b->ap).discarded, 3);
	forget_frames(b);
	assert_true(soft_ap_send(b->ap, own_mac, 0x0800, (const uint8_t *)"back", 4, b->now_us));
	assert_true(soft_ap_send(b->ap, ieee80211_broadcast, 0x0800, (const uint8_t *)"all!", 4, b->now_us));
	f = next_of(b, IEEE80211_DATA);
	assert_true(f->bytes[1] & IEEE80211_PROTECTED);
	assert_memory_equal(msdu_of(&p, f, &ethertype, buf).at, "back", 4);
	f = next_of(b, IEEE80211_DATA);
	assert_true(f->bytes[1] & IEEE80211_PROTECTED);
	assert_memory_equal(msdu_of(&p, f, &ethertype, buf).at, "all!", 4);
	bss_end(b);
}

static void another_passphrase_never_gets_in(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_WPA2_PSK);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);
	uint8_t other[32] = { 9 };
	struct heard *f = NULL;

	(void)state;
	prepare_wpa(&p, other, &rsn_ccmp, &rsn_ccmp);
	assert_int_equal(authenticate(&p), IEEE80211_SUCCESS);
	assert_int_equal(associate(&p, "AC-1", &rsn_ccmp), IEEE80211_SUCCESS);
	for (unsigned i = 0; i < 100 && !f; i++) {
		shake_hands(&p);
		forget_frames(b);
		run_until(b, b->now_us + 100000);
		f = next_of(b, IEEE80211_DEAUTHENTICATION);
		b->taken = 0;
	}
	assert_int_equal(reason_of(f), IEEE80211_INVALID_AUTHENTICATION);
	assert_int_equal(soft_ap_counters(b->ap).bad_secrets, 1);
	assert_true(b->joins == 0 && b->leaves == 0 && !p.keyed);
	bss_end(b);
}

static void a_sta_that_falls_silent_in_the_handshake_is_sent_away(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_WPA2_PSK);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);
	struct heard *f;
	unsigned m1 = 0;

	(void)state;
	b->reports = false;
	prepare_wpa(&p, psk, &rsn_ccmp, &rsn_ccmp);
	assert_int_equal(authenticate(&p), IEEE80211_SUCCESS);
	assert_int_equal(associate(&p, "AC-1", &rsn_ccmp), IEEE80211_SUCCESS);
	run_until(b, b->now_us + 10 * SECOND_US);
	b->taken = 0;
	while (next_of(b, IEEE80211_DATA))
		m1++;
	assert_int_equal(m1, 4);
	b->taken = 0;
	f = next_of(b, IEEE80211_DEAUTHENTICATION);
	assert_int_equal(reason_of(f), IEEE80211_4WAY_TIMEOUT);
	bss_end(b);
}

static void who_asks_for_something_else_is_refused_with_the_reason(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_WPA2_PSK);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);
	struct ieee80211_rsn tkip = rsn_ccmp, sae = rsn_ccmp, required = rsn_ccmp;

	(void)state;
	tkip.pairwise = IEEE80211_BIT(IEEE80211_CIPHER_TKIP);
	sae.akm = IEEE80211_BIT(IEEE80211_AKM_SAE);
	required.capabilities = IEEE80211_MFPC | IEEE80211_MFPR;
	ask_to_associate(&p, "AC-1", &rsn_ccmp);
	assert_int_equal(reason_of(next_of(b, IEEE80211_DEAUTHENTICATION)), IEEE80211_NOT_AUTHENTICATED);
	assert_int_equal(authenticate(&p), IEEE80211_SUCCESS);
	assert_int_equal(associate(&p, "AC-2", &rsn_ccmp), IEEE80211_REFUSED);
	assert_int_equal(associate(&p, "AC-1", NULL), IEEE80211_INVALID_ELEMENT);
	assert_int_equal(associate(&p, "AC-1", &tkip), IEEE80211_INVALID_ELEMENT);
	assert_int_equal(associate(&p, "AC-1", &sae), IEEE80211_INVALID_AKM);
	assert_int_equal(associate(&p, "AC-1", &required), IEEE80211_REFUSED_PMF);
	b->refused = own_mac;
	assert_int_equal(associate(&p, "AC-1", &rsn_ccmp), IEEE80211_REFUSED);
	b->refused = NULL;
	assert_int_equal(associate(&p, "AC-1", &rsn_ccmp), IEEE80211_SUCCESS);
	assert_int_equal(soft_ap_counters(b->ap).refused, 6);
	bss_end(b);
	c.pmf_required = true;
	b = bss_make(&c);
	p = peer_of(b);
	assert_int_equal(authenticate(&p), IEEE80211_SUCCESS);
	assert_int_equal(associate(&p, "AC-1", &rsn_ccmp), IEEE80211_REFUSED_PMF);
	bss_end(b);
	c.security = IEEE80211_WPA3_SAE; /* described only */
	b = bss_make(&c);
	p = peer_of(b);
	assert_int_equal(authenticate(&p), IEEE80211_SUCCESS);
	assert_int_equal(associate(&p, "AC-1", &sae), IEEE80211_REFUSED);
	bss_end(b);
}

static void when_it_is_full_the_next_one_is_refused(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);

	(void)state;
	for (uint8_t i = 1; i <= 4; i++) {
		p.mac[5] = i;
		join_open(&p);
		assert_int_equal(p.aid, i);
	}
	p.mac[5] = 5;
	assert_int_equal(authenticate(&p), IEEE80211_TOO_MANY_STAS);
	p.mac[5] = 2;
	soft_ap_dismiss(b->ap, p.mac, IEEE80211_LEAVING, b->now_us);
	assert_int_equal(b->leaves, 1);
	p.mac[5] = 5;
	join_open(&p);
	assert_int_equal(p.aid, 2);
	soft_ap_dismiss(b->ap, NULL, IEEE80211_LEAVING, b->now_us);
	assert_true(b->leaves == 5 && soft_ap_stas(b->ap) == 0);
	bss_end(b);
}

static void two_thousand_stas_are_told_apart(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b;
	struct peer p;

	(void)state;
	c.stas_max = 65535;
	b = bss_make(&c);
	p = peer_of(b);
	for (uint16_t i = 1; i <= SOFT_AP_STAS_MAX; i++) {
		p.mac[4] = (uint8_t)(i >> 8);
		p.mac[5] = (uint8_t)i;
		join_open(&p);
		assert_int_equal(p.aid, i);
	}
	p.mac[3] = 1;
	assert_int_equal(authenticate(&p), IEEE80211_TOO_MANY_STAS);
	bss_end(b);
}

static void strangers_are_told_that_they_are_none_of_ours(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);

	(void)state;
	say_data(&p, 0x0800, "hello", 5, false);
	assert_int_equal(reason_of(next_of(b, IEEE80211_DEAUTHENTICATION)), IEEE80211_NOT_AUTHENTICATED);
	assert_int_equal(authenticate(&p), IEEE80211_SUCCESS);
	forget_frames(b);
	say_data(&p, 0x0800, "hello", 5, false);
	assert_int_equal(reason_of(next_of(b, IEEE80211_DEAUTHENTICATION)), IEEE80211_NOT_ASSOCIATED);
	assert_int_equal(b->msdus, 0);
	bss_end(b);
}

/* Authenticated, and then nothing: its place is free again after 5 s, whatever associated STAs may have. */
static void who_only_authenticates_keeps_no_place(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b;
	struct peer p;

	(void)state;
	c.stas_max = 1;
	b = bss_make(&c);
	p = peer_of(b);
	assert_int_equal(authenticate(&p), IEEE80211_SUCCESS);
	p.mac[5] ^= 1;
	assert_int_equal(authenticate(&p), IEEE80211_TOO_MANY_STAS);
	run_until(b, b->now_us + 6 * SECOND_US);
	assert_int_equal(authenticate(&p), IEEE80211_SUCCESS);
	bss_end(b);
}

static void silent_stas_and_those_who_acknowledge_nothing_are_sent_away(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b;
	struct peer p;

	(void)state;
	c.inactivity_us = 20 * SECOND_US;
	b = bss_make(&c);
	p = peer_of(b);
	b->reports = true;
	join_open(&p);
	run_until(b, b->now_us + 15 * SECOND_US);
	say_null(&p, false);
	run_until(b, b->now_us + 15 * SECOND_US);
	assert_int_equal(b->leaves, 0);
	run_until(b, b->now_us + 6 * SECOND_US);
	assert_true(b->leaves == 1 && b->reason == IEEE80211_INACTIVE);
	join_open(&p);
	forget_frames(b);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(b->leaves, 1);
		assert_true(soft_ap_send(b->ap, own_mac, 0x0800, (const uint8_t *)"x", 1, b->now_us));
		report_all(b, false);
	}
	assert_int_equal(b->leaves, 2);
	bss_end(b);
}

static void the_rate_follows_the_acknowledgements(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);
	uint8_t rate[40];

	(void)state;
	join_open(&p);
	forget_frames(b);
	for (unsigned i = 0; i < 40; i++) {
		assert_true(soft_ap_send(b->ap, own_mac, 0x0800, (const uint8_t *)"x", 1, b->now_us));
		rate[i] = b->frames[0].tx.rate_500kbps;
		report_all(b, i < 5 ? false : true);
	}
	assert_int_equal(rate[0], 12 * 4);
	assert_int_equal(rate[5], 12);
	assert_int_equal(rate[39], 72);
	bss_end(b);
}

/* --- power save --- */

static bool tim_says(struct bss *b, uint16_t aid)
{
	struct ieee80211_elements e;
	struct ieee80211_beacon beacon;
	struct heard *f = next_of(b, IEEE80211_BEACON);

	assert_non_null(f);
	assert_true(ieee80211_beacon_parse(mr_rd_over(f->bytes + 24, f->len - 24), &beacon));
	assert_true(ieee80211_elements_parse(beacon.elements, &e));
	return ieee80211_tim_has(e.tim, aid);
}

static unsigned data_frames(struct bss *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < b->count; i++)
		n += b->frames[i].bytes[0] == IEEE80211_DATA;
	return n;
}

static void a_sleeper_gets_its_frames_in_order_when_it_wakes(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_WPA2_PSK);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);
	uint8_t buf[RADIO_FRAME_MAX];
	uint16_t ethertype;

	(void)state;
	join_wpa2(&p, &rsn_ccmp, &rsn_ccmp);
	forget_frames(b);
	say_null(&p, true);
	for (uint8_t i = 0; i < SOFT_AP_BUFFER_MAX + 3; i++)
		assert_true(soft_ap_send(b->ap, own_mac, 0x0800, &i, 1, b->now_us));
	assert_int_equal(data_frames(b), 0);
	assert_int_equal(soft_ap_counters(b->ap).discarded, 3);
	run_until(b, b->now_us + 102400);
	assert_true(tim_says(b, p.aid));
	report_all(b, true);
	say_null(&p, false);
	for (uint8_t i = 0; i < SOFT_AP_BUFFER_MAX; i++) {
		struct heard *f = next_of(b, IEEE80211_DATA);

		assert_non_null(f);
		assert_int_equal(msdu_of(&p, f, &ethertype, buf).at[0], i);
		assert_int_equal((f->bytes[1] & IEEE80211_MORE_DATA) != 0, i + 1u < SOFT_AP_BUFFER_MAX);
	}
	assert_null(next_of(b, IEEE80211_DATA));
	run_until(b, b->now_us + 102400);
	assert_false(tim_says(b, p.aid));
	bss_end(b);
}

static void poll(struct peer *p, uint16_t aid)
{
	struct ieee80211_header h = { .kind = IEEE80211_PS_POLL, .duration = (uint16_t)(0xc000 | aid) };
	uint8_t buf[16];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));

	memcpy(h.address1, ap_mac, 6);
	memcpy(h.address2, p->mac, 6);
	ieee80211_header_build(&w, &h);
	say(p, &w);
}

static void a_ps_poll_draws_one_frame_and_the_last_one_says_so(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);

	(void)state;
	poll(&p, 1);
	assert_non_null(next_of(b, IEEE80211_DEAUTHENTICATION));
	join_open(&p);
	say_null(&p, true);
	forget_frames(b);
	for (uint8_t i = 0; i < 2; i++)
		assert_true(soft_ap_send(b->ap, own_mac, 0x0800, &i, 1, b->now_us));
	for (uint8_t i = 0; i < 2; i++) {
		poll(&p, p.aid);
		assert_int_equal(data_frames(b), i + 1);
		assert_int_equal((b->frames[i].bytes[1] & IEEE80211_MORE_DATA) != 0, i == 0);
	}
	poll(&p, p.aid);
	assert_int_equal(b->count, 2);
	run_until(b, b->now_us + 102400);
	assert_false(tim_says(b, p.aid));
	bss_end(b);
}

static void group_frames_wait_for_the_dtim_while_somebody_sleeps(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);
	unsigned beacons = 0;

	(void)state;
	join_open(&p);
	say_null(&p, true);
	while (beacons < 2) { /* the next beacon is a DTIM's or the one after */
		forget_frames(b);
		assert_true(soft_ap_send(b->ap, ieee80211_broadcast, 0x0806, (const uint8_t *)"a", 1, b->now_us));
		run_until(b, b->now_us + 102400);
		beacons++;
		if (data_frames(b) > 0)
			break;
		report_all(b, false);
	}
	assert_int_equal(data_frames(b), beacons);
	b->taken = 0;
	assert_true(tim_says(b, 0));
	bss_end(b);
}

/* --- protected management frames --- */

static const struct ieee80211_rsn rsn_pmf = {
	.group = IEEE80211_CIPHER_CCMP,
	.group_management = IEEE80211_CIPHER_BIP_CMAC,
	.pairwise = IEEE80211_BIT(IEEE80211_CIPHER_CCMP),
	.akm = IEEE80211_BIT(IEEE80211_AKM_PSK),
	.capabilities = IEEE80211_MFPC,
};

static void with_pmf_a_forged_end_ends_nothing(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_WPA2_PSK);
	struct bss *b;
	struct peer p;
	uint8_t buf[RADIO_FRAME_MAX], body[RADIO_FRAME_MAX];
	struct mr_wr w;
	struct heard *f;
	size_t len;

	(void)state;
	c.pmf_capable = true;
	b = bss_make(&c);
	p = peer_of(b);
	join_wpa2(&p, &rsn_pmf, &rsn_pmf);
	assert_int_equal(p.wpa.group.igtk_id, 4);
	w = begin(&p, buf, IEEE80211_DEAUTHENTICATION, 0);
	mr_wr_le16(&w, IEEE80211_LEAVING);
	say(&p, &w);
	assert_int_equal(b->leaves, 0);
	assert_int_equal(authenticate(&p), IEEE80211_SUCCESS); /* anybody can say so: the association stays */
	say_data(&p, 0x0800, "still", 5, true);
	assert_int_equal(b->msdus, 1);
	w = begin(&p, buf, IEEE80211_DEAUTHENTICATION, 0);
	mr_wr_le16(&w, IEEE80211_LEAVING);
	say_sealed(&p, &w);
	assert_int_equal(b->leaves, 1);
	p = peer_of(b);
	join_wpa2(&p, &rsn_pmf, &rsn_pmf);
	forget_frames(b);
	soft_ap_dismiss(b->ap, NULL, IEEE80211_LEAVING, b->now_us);
	f = next_of(b, IEEE80211_DEAUTHENTICATION);
	assert_non_null(f);
	assert_true(f->bytes[1] & IEEE80211_PROTECTED);
	assert_true(ccmp_open(p.tk, mr_rd_over(f->bytes, f->len), body, &len));
	assert_true(len == 2 && body[0] == IEEE80211_LEAVING);
	bss_end(b);
}

/* Its SA Query, opened; 0: none. */
static uint16_t query_of(struct peer *p)
{
	struct heard *f = next_of(p->b, IEEE80211_ACTION);
	uint8_t body[RADIO_FRAME_MAX];
	size_t len;

	if (!f)
		return 0;
	assert_true(ccmp_open(p->tk, mr_rd_over(f->bytes, f->len), body, &len));
	assert_true(len == 4 && body[0] == 8 && body[1] == 0);
	return (uint16_t)(body[2] | body[3] << 8);
}

static void with_pmf_a_new_association_waits_for_the_old_one_to_be_silent(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_WPA2_PSK);
	struct bss *b;
	struct peer p;
	uint8_t buf[RADIO_FRAME_MAX];
	struct mr_wr w;
	uint16_t query;

	(void)state;
	c.pmf_capable = true;
	b = bss_make(&c);
	b->reports = true;
	p = peer_of(b);
	join_wpa2(&p, &rsn_pmf, &rsn_pmf);
	assert_int_equal(associate(&p, "AC-1", &rsn_pmf), IEEE80211_TRY_AGAIN_LATER);
	query = query_of(&p);
	assert_int_not_equal(query, 0);
	w = begin(&p, buf, IEEE80211_ACTION, 0); /* the STA answers: it was somebody else */
	mr_wr_u8(&w, 8);
	mr_wr_u8(&w, 1);
	mr_wr_le16(&w, query);
	say_sealed(&p, &w);
	run_until(b, b->now_us + SECOND_US);
	say_data(&p, 0x0800, "still", 5, true);
	assert_true(b->msdus == 1 && b->leaves == 0);
	assert_int_equal(associate(&p, "AC-1", &rsn_pmf), IEEE80211_TRY_AGAIN_LATER);
	run_until(b, b->now_us + SECOND_US); /* now it has lost its keys */
	assert_int_equal(b->leaves, 1);
	p = peer_of(b);
	join_wpa2(&p, &rsn_pmf, &rsn_pmf);
	assert_int_equal(b->joins, 2);
	bss_end(b);
}

/* --- IBSS --- */

static void an_ibss_talks_among_equals(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_OPEN);
	struct bss *b;
	struct peer p;
	uint8_t buf[RADIO_FRAME_MAX], bssid[6];
	struct ieee80211_network n;
	struct mr_wr w;

	(void)state;
	c.ibss = true;
	b = bss_make(&c);
	p = peer_of(b);
	run_until(b, b->now_us + 102400);
	n = network_of(next_of(b, IEEE80211_BEACON));
	memcpy(bssid, n.bssid, 6);
	assert_true(n.ibss && (bssid[0] & 3) == 2 && memcmp(bssid, ap_mac, 6) != 0);
	assert_memory_equal(bssid, soft_ap_bssid(b->ap), 6);
	w = begin(&p, buf, IEEE80211_DATA, 0);
	ieee80211_put_snap(&w, 0x0800);
	mr_wr_bytes(&w, "hello", 5);
	say(&p, &w); /* of another BSSID */
	assert_int_equal(b->msdus, 0);
	memcpy(buf + 16, bssid, 6);
	say(&p, &w);
	assert_int_equal(b->msdus, 1);
	memset(buf + 4, 0xff, 6);
	say(&p, &w);
	assert_int_equal(b->msdus, 2);
	assert_memory_equal(b->dst, ieee80211_broadcast, 6);
	forget_frames(b);
	assert_true(soft_ap_send(b->ap, own_mac, 0x0800, (const uint8_t *)"back", 4, b->now_us));
	assert_memory_equal(b->frames[0].bytes + 4, own_mac, 6);
	assert_memory_equal(b->frames[0].bytes + 10, ap_mac, 6);
	assert_memory_equal(b->frames[0].bytes + 16, bssid, 6);
	assert_int_equal(authenticate(&p), IEEE80211_SUCCESS);
	ask_to_associate(&p, "AC-1", NULL);
	assert_null(next_of(b, IEEE80211_ASSOCIATION_RESPONSE));
	bss_end(b);
}

/* --- against the station's STA --- */

struct pair {
	struct bss *b;
	struct sta *sta;
	struct sta_out out;
	unsigned loss; /* per cent, of frames and of acknowledgements */
	unsigned ups, downs, msdus;
	int over;
};

static bool lost(struct pair *p) { return entropy_below(p->b->entropy, 100) < p->loss; }

static void on_sta(struct pair *p, int result)
{
	if (result < 0)
		p->over = -result;
	p->ups += result >= 0 && p->out.event == STA_UP;
	p->downs += result >= 0 && p->out.event == STA_DOWN;
	p->msdus += result >= 0 && p->out.event == STA_MSDU;
}

/* A frame tried up to eight times; `deliver` gets it each time that it arrives, with the Retry bit from the second try
 * on. */
static bool carry(struct pair *p, uint8_t *frame, size_t len, void (*deliver)(struct pair *p, struct mr_rd frame))
{
	bool group = ieee80211_is_group(frame + 4);

	for (unsigned i = 0; i < (group ? 1 : 8) && !p->over; i++) {
		if (i > 0)
			frame[1] |= IEEE80211_RETRY;
		if (lost(p))
			continue;
		deliver(p, mr_rd_over(frame, len));
		if (!group && !lost(p))
			return true;
	}
	return false;
}

static void to_ap(struct pair *p, struct mr_rd frame) { soft_ap_receive(p->b->ap, frame, p->b->now_us); }

static void to_sta(struct pair *p, struct mr_rd frame)
{
	struct radio_rx rx = { .freq_mhz = 2437, .rssi_dbm = -40, .time_us = p->b->now_us };

	on_sta(p, sta_receive(p->sta, frame, &rx, &p->out, p->b->now_us));
}

/* Everything that either has to say now, in turns. */
static void exchange(struct pair *p)
{
	uint8_t frame[RADIO_FRAME_MAX], what;
	bool busy = true;

	while (busy && !p->over) {
		size_t len = sta_pull(p->sta, frame, false, &what, p->b->now_us);

		busy = len > 0;
		if (len > 0) {
			bool acked = carry(p, frame, len, to_ap);

			sta_sent(p->sta, what, acked, 8, p->b->now_us);
		}
		for (; p->b->taken < p->b->count && !p->over; busy = true) {
			struct heard f = p->b->frames[p->b->taken++];
			bool acked = carry(p, f.bytes, f.len, to_sta);

			soft_ap_sent(p->b->ap, f.tx.cookie, acked, p->b->now_us);
		}
		forget_frames(p->b);
	}
}

static void live_until(struct pair *p, uint64_t until_us)
{
	struct bss *b = p->b;

	exchange(p);
	for (;;) {
		uint64_t ap_us = soft_ap_deadline_us(b->ap), sta_us = sta_deadline_us(p->sta),
			 next_us = ap_us < sta_us ? ap_us : sta_us;

		if (next_us > until_us || p->over)
			break;
		b->now_us = next_us > b->now_us ? next_us : b->now_us + 1;
		if (ap_us <= b->now_us)
			soft_ap_expire(b->ap, b->now_us);
		if (sta_us <= b->now_us) {
			int event = sta_expire(p->sta, b->now_us);

			p->out.event = event >= 0 ? (enum sta_event)event : STA_NOTHING;
			on_sta(p, event);
		}
		exchange(p);
	}
	b->now_us = until_us;
}

static void pair_with_sta(uint8_t security, bool pmf, bool wmm, bool tkip, unsigned loss)
{
	struct soft_ap_config c = config_of(security);
	struct sta_config s = { .ssid = "AC-1",
				.ssid_len = 4,
				.freq_mhz = 2437,
				.secure = security == IEEE80211_WPA2_PSK,
				.qos = wmm,
				.patience_us = 20 * SECOND_US };
	struct pair p = { .loss = loss };
	uint16_t sequence = 0;
	unsigned msdus;

	c.pmf_capable = pmf;
	c.wmm = wmm;
	c.group_tkip = tkip;
	p.b = bss_make(&c);
	memcpy(s.own, own_mac, 6);
	memcpy(s.bssid, ap_mac, 6);
	memcpy(s.pmk, psk, 32);
	s.entropy = p.b->entropy;
	s.sequence = &sequence;
	p.sta = sta_create(&s, p.b->now_us);
	live_until(&p, p.b->now_us + 20 * SECOND_US);
	assert_true(p.over == 0 && p.ups > 0 && sta_up(p.sta));
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(sta_send(p.sta, NULL, 0x0800, "to the access point", 19), 0);
		assert_true(soft_ap_send(p.b->ap, own_mac, 0x0800, (const uint8_t *)"and back", 8, p.b->now_us));
		live_until(&p, p.b->now_us + 50000);
	}
	assert_true(p.over == 0 && p.b->msdus >= 45 && p.msdus >= 45 && p.b->msdus <= 50 && p.msdus <= 50);
	msdus = p.msdus;
	for (unsigned i = 0; i < 10; i++) /* to all: under CCMP, under TKIP, in the clear */
		assert_true(
			soft_ap_send(p.b->ap, ieee80211_broadcast, 0x0800, (const uint8_t *)"to all", 6, p.b->now_us));
	live_until(&p, p.b->now_us + SECOND_US);
	assert_true(p.msdus <= msdus + 10 && p.msdus >= msdus + (loss ? 2 : 10));
	for (unsigned i = 0; i < 5; i++) { /* new keys, with data on its way in both directions */
		soft_ap_rekey(p.b->ap, p.b->now_us);
		for (unsigned k = 0; k < 10; k++) {
			msdus = p.b->msdus;
			assert_int_equal(sta_send(p.sta, NULL, 0x0800, "across a rekey", 14), 0);
			live_until(&p, p.b->now_us + 300000);
			assert_true(p.b->msdus == msdus + 1 || loss > 0);
		}
		assert_true(p.over == 0 && p.downs == 0 && sta_up(p.sta));
	}
	msdus = p.msdus;
	sta_park(p.sta, p.b->now_us);
	live_until(&p, p.b->now_us + SECOND_US);
	for (unsigned i = 0; i < 5; i++)
		assert_true(soft_ap_send(p.b->ap, own_mac, 0x0800, (const uint8_t *)"later", 5, p.b->now_us));
	assert_true(soft_ap_waits(p.b->ap) || loss > 0);
	sta_resume(p.sta, p.b->now_us);
	live_until(&p, p.b->now_us + SECOND_US);
	assert_true(p.msdus >= msdus + 4 && p.msdus <= msdus + 5 && !soft_ap_waits(p.b->ap));
	soft_ap_dismiss(p.b->ap, NULL, IEEE80211_UNSPECIFIED, p.b->now_us);
	live_until(&p, p.b->now_us + 20 * SECOND_US);
	assert_true(p.over == 0 && p.downs == 1 && sta_up(p.sta)); /* it joins again by itself */
	sta_destroy(p.sta);
	bss_end(p.b);
}

static void the_stations_sta_joins_talks_sleeps_and_comes_back(void **state)
{
	(void)state;
	for (unsigned loss = 0; loss <= 30; loss += 15) {
		for (int wmm = 0; wmm < 2; wmm++) {
			pair_with_sta(IEEE80211_OPEN, false, wmm, false, loss);
			pair_with_sta(IEEE80211_WPA2_PSK, false, wmm, false, loss);
			pair_with_sta(IEEE80211_WPA2_PSK, true, wmm, false, loss);
			pair_with_sta(IEEE80211_WPA2_PSK, wmm, wmm, true, loss);
		}
	}
}

/* --- whatever comes --- */

static void frames_cut_anywhere_and_noise_do_no_harm(void **state)
{
	struct soft_ap_config c = config_of(IEEE80211_WPA2_PSK);
	struct bss *b = bss_make(&c);
	struct peer p = peer_of(b);
	uint8_t buf[RADIO_FRAME_MAX], whole[RADIO_FRAME_MAX];
	size_t whole_len;

	(void)state;
	join_wpa2(&p, &rsn_ccmp, &rsn_ccmp);
	for (unsigned kind = 0; kind < 4; kind++) {
		if (kind == 0)
			say_data(&p, 0x0800, "sealed", 6, true);
		else if (kind == 1)
			ask_to_associate(&p, "AC-1", &rsn_ccmp);
		else if (kind == 2)
			poll(&p, p.aid);
		else
			(void)authenticate(&p);
		whole_len = p.last_len;
		memcpy(whole, p.last, whole_len);
		for (size_t len = 0; len < whole_len; len++) {
			uint8_t *exact = malloc(len ? len : 1);

			memcpy(exact, whole, len);
			soft_ap_receive(b->ap, mr_rd_over(exact, len), b->now_us);
			free(exact);
			forget_frames(b);
		}
	}
	for (unsigned i = 0; i < 20000; i++) {
		size_t len = (size_t)entropy_below(b->entropy, 300);

		entropy_fill(b->entropy, buf, len);
		memcpy(buf + 4, ap_mac, 6);
		memcpy(buf + 10, own_mac, 6);
		buf[0] = (uint8_t)(buf[0] & 0xfc);
		soft_ap_receive(b->ap, mr_rd_over(buf, len), b->now_us);
		forget_frames(b);
		if (i % 100 == 0)
			(void)authenticate(&p);
	}
	bss_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beacons_keep_their_interval_and_say_what_the_network_is),
		cmocka_unit_test(a_beacon_that_still_waits_is_not_doubled),
		cmocka_unit_test(a_hidden_network_answers_only_those_who_know_its_name),
		cmocka_unit_test(a_crowd_that_looks_around_stops_nothing_else),
		cmocka_unit_test(an_open_network_passes_msdus_both_ways),
		cmocka_unit_test(what_the_mac_repeats_is_taken_once),
		cmocka_unit_test(wpa2_seals_both_ways_and_believes_nothing_else),
		cmocka_unit_test(another_passphrase_never_gets_in),
		cmocka_unit_test(a_sta_that_falls_silent_in_the_handshake_is_sent_away),
		cmocka_unit_test(who_asks_for_something_else_is_refused_with_the_reason),
		cmocka_unit_test(when_it_is_full_the_next_one_is_refused),
		cmocka_unit_test(two_thousand_stas_are_told_apart),
		cmocka_unit_test(strangers_are_told_that_they_are_none_of_ours),
		cmocka_unit_test(who_only_authenticates_keeps_no_place),
		cmocka_unit_test(silent_stas_and_those_who_acknowledge_nothing_are_sent_away),
		cmocka_unit_test(the_rate_follows_the_acknowledgements),
		cmocka_unit_test(a_sleeper_gets_its_frames_in_order_when_it_wakes),
		cmocka_unit_test(a_ps_poll_draws_one_frame_and_the_last_one_says_so),
		cmocka_unit_test(group_frames_wait_for_the_dtim_while_somebody_sleeps),
		cmocka_unit_test(with_pmf_a_forged_end_ends_nothing),
		cmocka_unit_test(with_pmf_a_new_association_waits_for_the_old_one_to_be_silent),
		cmocka_unit_test(an_ibss_talks_among_equals),
		cmocka_unit_test(the_stations_sta_joins_talks_sleeps_and_comes_back),
		cmocka_unit_test(frames_cut_anywhere_and_noise_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
