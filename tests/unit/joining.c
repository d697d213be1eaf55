/*
 * The witness of a join: which network a device is given, which frames between whom count as having been seen, and what
 * of it goes on record. Who judges the handshake's MICs is this file's own, and says what it is told to.
 *
 * links: station/line/joining.c station/line/phase.c station/wifi/ieee80211.c station/wifi/eapol.c station/wifi/aes.c
 * links: station/base/map.c station/base/loop.c station/base/log.c agent/wire/message.c agent/wire/channel.c
 * links: agent/wire/cause.c agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "agent/wire/cause.h"
#include "station/line/events.h"
#include "station/line/joining.h"
#include "station/line/lane.h"
#include "station/line/talk.h"
#include "station/wifi/eapol.h"

static const uint8_t device[6] = { 2, 0, 0, 0, 0, 1 }, ap[6] = { 6, 0, 0, 0, 0, 1 }, other_ap[6] = { 6, 0, 0, 0, 0, 2 };
static const uint8_t station[6] = { 2, 0, 0, 0, 0, 9 };

/* --- what is around it --- */

static struct {
	enum wpa_witness_event says;
	unsigned wiped, heard, asked, cancelled, destroyed, rearmed, records, first, complete;
	bool no_pool, from_ap;
	struct psk_request *request;
	struct journal_record record;
	uint16_t channel_mhz;
} world;

void wpa_witness_init(struct wpa_witness *w, const uint8_t pmk[static 32], const uint8_t aa[static 6],
		      const uint8_t spa[static 6])
{
	*w = (struct wpa_witness){ 0 };
	assert_int_equal(pmk[0], 0x77);
	memcpy(w->aa, aa, 6);
	memcpy(w->spa, spa, 6);
}

void wpa_witness_wipe(struct wpa_witness *w) { (void)w, world.wiped++; }

enum wpa_witness_event wpa_witness_receive(struct wpa_witness *w, bool from_ap, struct mr_rd pdu)
{
	(void)w, (void)pdu;
	world.heard++;
	world.from_ap = from_ap;
	return world.says;
}

struct psk_pool *psk_create(struct loop *loop)
{
	(void)loop;
	return world.no_pool ? NULL : (struct psk_pool *)&world;
}

void psk_destroy(struct psk_pool *pool) { world.destroyed += pool != NULL; }
void psk_cancel(struct psk_pool *pool, struct psk_request *request) { (void)pool, (void)request, world.cancelled++; }

void psk_ask(struct psk_pool *pool, struct psk_request *request, const uint8_t *ssid, size_t ssid_len,
	     const char *passphrase)
{
	(void)pool;
	assert_int_equal(ssid_len, 4);
	assert_memory_equal(ssid, "hall", 4);
	assert_string_equal(passphrase, "correct horse");
	world.asked++;
	world.request = request;
}

void line_submit(struct line *line, const struct journal_record *record)
{
	(void)line;
	world.records++;
	world.record = *record;
}

void talk_rearm(struct session *s) { (void)s, world.rearmed++; }

struct channel *lane_channel(struct line *line, uint16_t freq_mhz)
{
	world.channel_mhz = freq_mhz;
	return freq_mhz ? &line->channels[0] : NULL;
}

static void on_first(struct session *s)
{
	assert_int_equal(s->joining.observed, OBSERVED_NO); /* not yet said */
	world.first++;
}

static void on_complete(struct session *s)
{
	assert_true(s->joining.complete && !s->joining.watched);
	world.complete++;
}

static const struct joining_events events = { on_first, on_complete };

struct scene {
	struct line line;
	struct job job;
	struct method method;
	struct unit unit;
	struct session session;
};

static void set(struct scene *t, enum mr_security security)
{
	static const uint8_t psk[32] = { 0x77 };

	memset(&world, 0, sizeof(world));
	*t = (struct scene){ 0 };
	t->line.job = &t->job;
	t->line.loop = loop_create_virtual(5000000);
	assert_non_null(t->line.loop);
	memcpy(t->line.station.mac, station, 6);
	memcpy(t->job.ssid, "hall", 4);
	t->job.ssid_len = 4;
	t->job.security = security;
	strcpy(t->line.passphrase, "correct horse");
	t->unit.method = &t->method;
	t->unit.id = 7;
	t->session.line = &t->line;
	t->session.unit = &t->unit;
	t->session.attempt = 9;
	t->session.phase = PHASE_JOINING;
	assert_int_equal(joining_prepare(&t->line), 0);
	if (world.request)
		world.request->done(world.request->ctx, psk);
	joining_watch(&t->session, device, &events);
	assert_true(t->session.joining.watched);
}

static void clear(struct scene *t)
{
	joining_unwatch(&t->session);
	joining_end(&t->line);
	assert_int_equal(world.destroyed, 1);
	assert_int_equal(world.cancelled, 1);
	assert_false(t->line.target.has_psk);
	map_free(&t->line.by_witness);
	loop_destroy(t->line.loop);
}

/* --- frames --- */

struct heard {
	uint8_t kind, flags;
	const uint8_t *to, *from, *bssid;
	uint16_t info;	    /* of an EAPOL-Key; 0: something else */
	uint16_t status;    /* of an association response */
	uint16_t ethertype; /* 0: EAPOL's */
};

static void hear(struct scene *t, const struct heard *h)
{
	struct ieee80211_header header = { .kind = h->kind, .flags = h->flags };
	uint8_t bytes[300];
	struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));

	memcpy(header.address1, h->to, 6);
	memcpy(header.address2, h->from, 6);
	memcpy(header.address3, h->bssid ? h->bssid : ap, 6);
	ieee80211_header_build(&w, &header);
	if (h->kind == IEEE80211_ASSOCIATION_RESPONSE) {
		ieee80211_association_response_build(
			&w, &(struct ieee80211_association_response){ .status = h->status, .aid = 1 });
	} else {
		ieee80211_put_snap(&w, h->ethertype ? h->ethertype : EAPOL_ETHERTYPE);
		eapol_key_build(&w, &(struct eapol_key){ .protocol = 2, .info = h->info });
	}
	assert_false(w.bad);
	joining_hear(&t->line, mr_wr_written(&w));
}

#define UP .flags = IEEE80211_TO_DS, .to = ap, .from = device
#define DOWN .flags = IEEE80211_FROM_DS, .to = device, .from = ap
#define MESSAGE_2 (EAPOL_PAIRWISE | EAPOL_MIC)
#define MESSAGE_4 (EAPOL_PAIRWISE | EAPOL_MIC | EAPOL_SECURE)

/* What one frame shows, in a network with WPA2 and in an open one. */
static const struct {
	const char *name;
	struct heard frame;
	enum wpa_witness_event says;
	enum journal_observed wpa2, open;
} shows[] = {
	{ "association, taken", { IEEE80211_ASSOCIATION_RESPONSE, DOWN }, 0, OBSERVED_NO, OBSERVED_SEEN },
	{ "association, refused", { IEEE80211_ASSOCIATION_RESPONSE, DOWN, .status = 17 }, 0, OBSERVED_NO, OBSERVED_NO },
	{ "association response of the device", { IEEE80211_ASSOCIATION_RESPONSE, UP }, 0, OBSERVED_NO, OBSERVED_NO },
	{ "encrypted data up",
	  { IEEE80211_DATA, .flags = IEEE80211_TO_DS | IEEE80211_PROTECTED, .to = ap, .from = device },
	  0,
	  OBSERVED_SEEN,
	  OBSERVED_SEEN },
	{ "encrypted QoS data up",
	  { IEEE80211_QOS_DATA, .flags = IEEE80211_TO_DS | IEEE80211_PROTECTED, .to = ap, .from = device },
	  0,
	  OBSERVED_SEEN,
	  OBSERVED_SEEN },
	{ "encrypted data down",
	  { IEEE80211_DATA, .flags = IEEE80211_FROM_DS | IEEE80211_PROTECTED, .to = device, .from = ap },
	  0,
	  OBSERVED_NO,
	  OBSERVED_NO },
	{ "data in the clear", { IEEE80211_DATA, UP, .ethertype = 0x0800 }, 0, OBSERVED_NO, OBSERVED_NO },
	{ "message 2", { IEEE80211_DATA, UP, .info = MESSAGE_2 }, WPA_WITNESS_HOLDS, OBSERVED_NO, OBSERVED_NO },
	{ "message 2, wrong", { IEEE80211_DATA, UP, .info = MESSAGE_2 }, WPA_WITNESS_WRONG, OBSERVED_NO, OBSERVED_NO },
	{ "message 3, agreed",
	  { IEEE80211_DATA, DOWN, .info = MESSAGE_4 | EAPOL_ACK },
	  WPA_WITNESS_AGREED,
	  OBSERVED_KEY_VERIFIED,
	  OBSERVED_NO },
	{ "message 4",
	  { IEEE80211_QOS_DATA, UP, .info = MESSAGE_4 },
	  WPA_WITNESS_NOTHING,
	  OBSERVED_SEEN,
	  OBSERVED_SEEN },
	{ "message 4, verified",
	  { IEEE80211_DATA, UP, .info = MESSAGE_4 },
	  WPA_WITNESS_JOINED,
	  OBSERVED_KEY_VERIFIED,
	  OBSERVED_SEEN },
	{ "message 4 of the access point",
	  { IEEE80211_DATA, DOWN, .info = MESSAGE_4 },
	  WPA_WITNESS_NOTHING,
	  OBSERVED_NO,
	  OBSERVED_NO },
	{ "a group key's message",
	  { IEEE80211_DATA, UP, .info = EAPOL_MIC | EAPOL_SECURE },
	  WPA_WITNESS_NOTHING,
	  OBSERVED_NO,
	  OBSERVED_NO },
	{ "message 4 that is to be answered",
	  { IEEE80211_DATA, UP, .info = MESSAGE_4 | EAPOL_ACK },
	  WPA_WITNESS_NOTHING,
	  OBSERVED_NO,
	  OBSERVED_NO },
	{ "message 4 without a MIC",
	  { IEEE80211_DATA, UP, .info = EAPOL_PAIRWISE | EAPOL_SECURE },
	  WPA_WITNESS_NOTHING,
	  OBSERVED_NO,
	  OBSERVED_NO },
	{ "of another device",
	  { IEEE80211_DATA, .flags = IEEE80211_TO_DS, .to = ap, .from = other_ap, .info = MESSAGE_4 },
	  WPA_WITNESS_JOINED,
	  OBSERVED_NO,
	  OBSERVED_NO },
	{ "to the station",
	  { IEEE80211_DATA, .flags = IEEE80211_TO_DS, .to = station, .from = device, .info = MESSAGE_4 },
	  WPA_WITNESS_JOINED,
	  OBSERVED_NO,
	  OBSERVED_NO },
};

static void a_frame_shows_what_it_shows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++)
		for (unsigned open = 0; open < 2; open++) {
			enum journal_observed want = open ? shows[i].open : shows[i].wpa2;
			struct scene t;

			set(&t, open ? MR_SECURITY_OPEN : MR_SECURITY_WPA2);
			assert_int_equal(world.asked, !open);
			world.says = shows[i].says;
			hear(&t, &shows[i].frame);
			if (t.session.joining.observed != want)
				fail_msg("%s, %s: %d, not %d", shows[i].name, open ? "open" : "WPA2",
					 (int)t.session.joining.observed, (int)want);
			assert_int_equal(world.first, want != OBSERVED_NO);
			/* Where there is a key, nothing less is the end of it. */
			assert_int_equal(world.complete,
					 want == OBSERVED_KEY_VERIFIED || (open && want == OBSERVED_SEEN));
			assert_int_equal(t.session.joining.watched, !world.complete);
			clear(&t);
		}
}

/* First seen, then verified: told once, and it does not go back. */
static void what_was_seen_only_grows(void **state)
{
	struct scene t;

	(void)state;
	set(&t, MR_SECURITY_WPA2);
	hear(&t, &(struct heard){ IEEE80211_DATA, UP, .info = MESSAGE_4 });
	assert_int_equal(t.session.joining.observed, OBSERVED_SEEN);
	hear(&t, &(struct heard){ IEEE80211_DATA, UP, .info = MESSAGE_4 });
	assert_int_equal(world.first, 1);
	assert_false(world.from_ap);
	world.says = WPA_WITNESS_JOINED;
	hear(&t, &(struct heard){ IEEE80211_DATA, DOWN, .info = MESSAGE_2 });
	assert_true(world.from_ap);
	assert_int_equal(t.session.joining.observed, OBSERVED_KEY_VERIFIED);
	assert_int_equal(world.first, 1);
	assert_int_equal(world.complete, 1);
	assert_int_equal(world.wiped, 1);
	assert_null(t.session.joining.witness);
	hear(&t, &(struct heard){ IEEE80211_DATA, UP, .info = MESSAGE_4 }); /* nobody is watched any more */
	assert_int_equal(world.complete, 1);
	clear(&t);
}

/* The first access point of the network that it shakes hands with; the same frames with another one do not add to it.
 */
static void one_handshake_is_with_one_access_point(void **state)
{
	struct scene t;

	(void)state;
	set(&t, MR_SECURITY_WPA2);
	hear(&t, &(struct heard){ IEEE80211_DATA, UP, .info = MESSAGE_2 });
	assert_int_equal(world.heard, 1);
	world.says = WPA_WITNESS_JOINED;
	hear(&t, &(struct heard){ IEEE80211_DATA, .flags = IEEE80211_TO_DS, .to = other_ap, .from = device,
				  .info = MESSAGE_2 });
	hear(&t, &(struct heard){ IEEE80211_DATA, .flags = IEEE80211_FROM_DS, .to = device, .from = other_ap,
				  .info = MESSAGE_2 });
	assert_int_equal(world.heard, 1);
	assert_int_equal(t.session.joining.observed, OBSERVED_NO);
	hear(&t, &(struct heard){ IEEE80211_DATA, UP, .info = MESSAGE_2 });
	assert_int_equal(t.session.joining.observed, OBSERVED_KEY_VERIFIED);
	clear(&t);
}

static void beacon(struct scene *t, const uint8_t bssid[static 6], const char *ssid, int8_t rssi_dbm, bool ibss)
{
	struct ieee80211_network n = { .freq_mhz = 2437, .rssi_dbm = rssi_dbm, .ibss = ibss, .heard_us = 1 };

	memcpy(n.bssid, bssid, 6);
	n.ssid_len = (uint8_t)strlen(ssid);
	memcpy(n.ssid, ssid, n.ssid_len);
	joining_network(&t->line, &n);
}

/* Once it is known which networks are the job's, and which one it was given, no other one counts. */
static void only_the_network_of_the_job_counts(void **state)
{
	struct scene t;

	(void)state;
	set(&t, MR_SECURITY_OPEN);
	beacon(&t, ap, "hall", -50, false);
	t.session.joining.picked = true;
	memcpy(t.session.joining.network.bssid, ap, 6);
	hear(&t, &(struct heard){ IEEE80211_ASSOCIATION_RESPONSE, .flags = 0, .to = device, .from = other_ap,
				  .bssid = other_ap });
	assert_int_equal(t.session.joining.observed, OBSERVED_NO);
	hear(&t, &(struct heard){ IEEE80211_ASSOCIATION_RESPONSE, .flags = 0, .to = device, .from = ap });
	assert_int_equal(t.session.joining.observed, OBSERVED_SEEN);
	clear(&t);
	/* In the phases of joining alone. */
	for (enum phase phase = 0; phase < PHASE_COUNT; phase++) {
		set(&t, MR_SECURITY_OPEN);
		t.session.phase = phase;
		hear(&t, &(struct heard){ IEEE80211_ASSOCIATION_RESPONSE, .flags = 0, .to = device, .from = ap });
		assert_int_equal(t.session.joining.observed != OBSERVED_NO,
				 phase == PHASE_JOINING || phase == PHASE_DELIVERING);
		clear(&t);
	}
}

static void the_strongest_of_the_networks_name_is_remembered(void **state)
{
	static const uint8_t third[6] = { 6, 0, 0, 0, 0, 3 };
	struct ieee80211_network *target;
	struct scene t;

	(void)state;
	set(&t, MR_SECURITY_WPA2);
	target = &t.line.target.network;
	beacon(&t, ap, "hell", -20, false);
	beacon(&t, ap, "hal", -20, false);
	beacon(&t, ap, "hall2", -20, false);
	beacon(&t, ap, "hall", -20, true);
	assert_int_equal(target->heard_us, 0);
	assert_null(joining_channel(&t.session));
	beacon(&t, ap, "hall", -60, false);
	beacon(&t, other_ap, "hall", -60, false); /* no stronger */
	assert_memory_equal(target->bssid, ap, 6);
	beacon(&t, third, "hall", -59, false);
	assert_memory_equal(target->bssid, third, 6);
	beacon(&t, third, "hall", -90, false); /* the same one, heard less well */
	assert_int_equal(target->rssi_dbm, -90);
	assert_ptr_equal(joining_channel(&t.session), &t.line.channels[0]);
	assert_int_equal(world.channel_mhz, 2437);
	t.session.joining.picked = true;
	t.session.joining.network.freq_mhz = 2412;
	(void)joining_channel(&t.session);
	assert_int_equal(world.channel_mhz, 2412);
	clear(&t);
}

/* Two that claim one address would be each other's witness. */
static void two_devices_with_one_address_are_not_watched(void **state)
{
	struct scene t;
	struct session second;

	(void)state;
	set(&t, MR_SECURITY_OPEN);
	second = t.session;
	second.joining = (struct joining){ 0 };
	joining_watch(&second, device, &events);
	assert_false(second.joining.watched);
	joining_unwatch(&second); /* it takes nothing away from the first */
	hear(&t, &(struct heard){ IEEE80211_ASSOCIATION_RESPONSE, .flags = 0, .to = device, .from = ap });
	assert_int_equal(world.complete, 1);
	clear(&t);
	world.no_pool = true;
	assert_int_equal(joining_prepare(&t.line), -MR_CAUSE_NO_MEMORY);
}

/* --- which one it is given --- */

struct listed {
	const char *ssid;
	int8_t rssi_dbm;
	uint8_t security;
	uint8_t number; /* last octet of its BSSID */
};

/* The answer to NETWORKS, parsed. */
static int pick(struct scene *t, const struct listed list[], size_t count)
{
	static uint8_t bytes[MR_MESSAGE_MAX];
	struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));
	struct mr_message m;

	mr_response_begin(&w, MR_OP_NETWORKS);
	for (size_t i = 0; i < count; i++) {
		struct mr_network n = { .bssid = { 6, 0, 0, 0, 0, list[i].number },
					.freq_mhz = 2437,
					.rssi_dbm = list[i].rssi_dbm,
					.security = list[i].security,
					.ssid_len = (uint8_t)strlen(list[i].ssid) };

		memcpy(n.ssid, list[i].ssid, n.ssid_len);
		mr_network_add(&w, &n);
	}
	mr_response_end(&w, 0, 1000);
	assert_true(mr_message_parse(mr_wr_written(&w), &m));
	return joining_pick(&t->session, &m);
}

static void the_strongest_that_takes_the_credentials_is_picked(void **state)
{
	static const struct listed list[] = {
		{ "hell", -10, MR_SECURITY_WPA2, 1 }, { "hall", -70, MR_SECURITY_WPA2, 2 },
		{ "hall", -50, MR_SECURITY_WPA2, 3 }, { "hall", -50, MR_SECURITY_WPA2, 4 },
		{ "hall", -20, MR_SECURITY_OPEN, 5 }, { "hall", -40, MR_SECURITY_WPA3, 6 }
	};
	struct scene t;

	(void)state;
	set(&t, MR_SECURITY_WPA2);
	assert_int_equal(pick(&t, list, 6), 0);
	assert_true(t.session.joining.picked && t.session.joining.asked);
	assert_int_equal(t.session.joining.network.bssid[5], 3);
	assert_int_equal(t.session.joining.heard, 6);
	assert_int_equal(t.session.joining.candidates, 3);
	assert_string_equal(t.session.joining.reason, "the strongest of those of the job");
	clear(&t);
	/* WPA3's credentials serve where both are spoken, which is called WPA2. */
	set(&t, MR_SECURITY_WPA3);
	assert_int_equal(pick(&t, list, 6), 0);
	assert_int_equal(t.session.joining.network.bssid[5], 6);
	assert_int_equal(t.session.joining.candidates, 4);
	assert_int_equal(world.asked, 0); /* SAE shows nothing to a witness */
	clear(&t);
	set(&t, MR_SECURITY_OPEN);
	assert_int_equal(pick(&t, list, 6), 0);
	assert_int_equal(t.session.joining.network.bssid[5], 5);
	assert_int_equal(t.session.joining.candidates, 1);
	assert_string_equal(t.session.joining.reason, "the only one of the job");
	clear(&t);
}

static void a_name_with_other_security_is_not_looked_for_again(void **state)
{
	static const struct listed list[] = { { "hall", -20, MR_SECURITY_OPEN, 5 } };
	struct scene t;

	(void)state;
	set(&t, MR_SECURITY_WPA2);
	assert_int_equal(pick(&t, list, 1), MR_CAUSE_NETWORK_NOT_SEEN);
	assert_int_equal(t.session.again_us, 0);
	assert_false(t.session.joining.picked);
	clear(&t);
}

static void an_empty_list_is_asked_for_eight_times(void **state)
{
	struct scene t;
	int cause = 0;

	(void)state;
	set(&t, MR_SECURITY_WPA2);
	beacon(&t, ap, "hall", -50,
	       false); /* that the station hears it changes nothing while the device hears nothing */
	for (unsigned asks = 1; asks <= 8; asks++) {
		t.session.again_us = 0;
		cause = pick(&t, NULL, 0);
		assert_int_equal(cause, asks < 8 ? 0 : MR_CAUSE_NETWORK_NOT_SEEN);
		assert_int_equal(t.session.again_us, asks < 8 ? 1800000 : 0);
		assert_int_equal(world.rearmed, asks < 8 ? asks : 7);
	}
	clear(&t);
}

static void one_that_the_station_hears_is_given_after_some_scans_without_it(void **state)
{
	static const struct listed list[] = { { "hell", -20, MR_SECURITY_WPA2, 1 } };
	struct scene t;
	unsigned asks = 0;

	(void)state;
	set(&t, MR_SECURITY_WPA2);
	beacon(&t, ap, "hall", -50, false);
	do {
		t.session.again_us = 0;
		assert_int_equal(pick(&t, list, 1), 0);
		asks++;
	} while (t.session.again_us != 0);
	assert_in_range(asks, 2, 4);
	assert_false(t.session.joining.picked);
	assert_string_equal(t.session.joining.reason, "the station hears it, the device does not");
	clear(&t);
}

static void a_device_without_a_scan_list_is_given_what_the_job_names(void **state)
{
	struct mr_message m = { .cause = MR_CAUSE_UNSUPPORTED };
	struct scene t;

	(void)state;
	set(&t, MR_SECURITY_WPA2);
	assert_int_equal(joining_pick(&t.session, &m), 0);
	assert_false(t.session.joining.asked || t.session.joining.picked);
	assert_string_equal(t.session.joining.reason, "the device has no scan list");
	clear(&t);
}

/* --- on record --- */

static void what_is_known_of_the_join_goes_on_record_once(void **state)
{
	static const struct listed list[] = { { "hall", -70, MR_SECURITY_WPA2, 2 },
					      { "hell", -50, MR_SECURITY_WPA2, 3 } };
	const struct journal_network *n = &world.record.network;
	struct scene t;

	(void)state;
	set(&t, MR_SECURITY_WPA2);
	assert_int_equal(pick(&t, list, 2), 0);
	t.session.joining.observed = OBSERVED_SEEN;
	t.session.joining.reported = true;
	t.session.joining.report.took_ms = 1234;
	joining_record(&t.session);
	joining_record(&t.session);
	assert_int_equal(world.records, 1);
	assert_int_equal(world.record.kind, JOURNAL_NETWORK);
	assert_int_equal(n->attempt, 9);
	assert_int_equal(n->unit, 7);
	assert_int_equal(n->ssid.len, 4);
	assert_memory_equal(n->ssid.at, "hall", 4);
	assert_string_equal(n->security, "wpa2");
	assert_int_equal(n->heard, 2);
	assert_int_equal(n->candidates, 1);
	assert_true(n->picked && n->joined && n->reported);
	assert_memory_equal(n->bssid, ((const uint8_t[]){ 6, 0, 0, 0, 0, 2 }), 6);
	assert_int_equal(n->freq_mhz, 2437);
	assert_int_equal(n->rssi_dbm, -70);
	assert_string_equal(n->reason, "the only one of the job");
	assert_int_equal(n->joined_us, 1234000);
	assert_int_equal(n->observed, OBSERVED_SEEN);
	assert_int_equal(n->at_us, 5000000);
	clear(&t);
	/* Nobody asked it, and it said nothing; a foreign device has joined when it was seen to. */
	for (unsigned i = 0; i < 4; i++) {
		set(&t, MR_SECURITY_WPA3);
		t.method.flags = i & 1 ? METHOD_NO_REQUESTS : METHOD_DEVICE_AP;
		t.session.joining.observed = i & 2 ? OBSERVED_SEEN : OBSERVED_NO;
		joining_record(&t.session);
		assert_int_equal(n->joined, i == 3);
		assert_false(n->reported || n->picked);
		assert_string_equal(n->security, "wpa3");
		assert_string_equal(n->reason, "the job names it");
		clear(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_shows_what_it_shows),
		cmocka_unit_test(what_was_seen_only_grows),
		cmocka_unit_test(one_handshake_is_with_one_access_point),
		cmocka_unit_test(only_the_network_of_the_job_counts),
		cmocka_unit_test(the_strongest_of_the_networks_name_is_remembered),
		cmocka_unit_test(two_devices_with_one_address_are_not_watched),
		cmocka_unit_test(the_strongest_that_takes_the_credentials_is_picked),
		cmocka_unit_test(a_name_with_other_security_is_not_looked_for_again),
		cmocka_unit_test(an_empty_list_is_asked_for_eight_times),
		cmocka_unit_test(one_that_the_station_hears_is_given_after_some_scans_without_it),
		cmocka_unit_test(a_device_without_a_scan_list_is_given_what_the_job_names),
		cmocka_unit_test(what_is_known_of_the_join_goes_on_record_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
