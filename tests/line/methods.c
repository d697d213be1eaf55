/*
 * Methods that exist in this file only: production code has no line about them. docs/adding-a-method.md walks along it.
 *
 *   test-cast  no reach, a voice of its own that broadcasts the credentials to whoever listens, proof by the witness
 *   test-own   a BSS of ours with an address of its own; devices come to it and are served one at a time, as WPS's
 *              push button will need; proof by the witness
 *
 * links: tests/support/joiner.c
 */
#include "tests/line/station.h"

#include "station/line/admission.h"
#include "station/line/lane.h"
#include "station/line/recipe.h"
#include "station/method/method.h"
#include "tests/support/joiner.h"

#define JOINERS_MAX 24
#define CAST_EVERY_US 20000u
#define LIST_EVERY_US 1000000u
#define CAST_ROUNDS 3u /* whoever has listened to so many has heard one */

static const uint8_t cast_group[6] = { 0x03, 'c', 'a', 's', 't', 0 };

/* --- test-cast: the station's side --- */

struct cast {
	uint64_t rounds, list_us;
};

static const struct method_ops cast_ops;

static int cast_begin(struct line *line, void **state, char *error, size_t error_len)
{
	(void)line, (void)error, (void)error_len;
	*state = calloc(1, sizeof(struct cast));
	return *state ? 0 : -MR_CAUSE_NO_MEMORY;
}

static void cast_end(struct line *line, void *state)
{
	(void)line;
	free(state);
}

static bool somebody_listens(const struct channel *c)
{
	for (const struct session *s = c->sessions; s; s = s->next)
		if (s->phase == PHASE_DELIVERING)
			return true;
	return false;
}

static void put_text(struct mr_wr *w, const void *text, size_t len)
{
	mr_wr_u8(w, (uint8_t)len);
	mr_wr_bytes(w, text, len);
}

static void cast_speak(struct line *line, void *state, struct channel *c, enum method_occasion why, struct mr_wr *out,
		       struct radio_tx *tx, uint64_t *next_us)
{
	struct cast *cast = state;
	uint64_t now_us = loop_now_us(line->loop);
	struct ieee80211_header header = { .kind = IEEE80211_DATA,
					   .flags = IEEE80211_FROM_DS,
					   .sequence = line->station.sequence };

	*next_us = now_us + CAST_EVERY_US;
	if (why != METHOD_PRESENT)
		return;
	if (now_us >= cast->list_us) {
		cast->list_us = now_us + LIST_EVERY_US;
		admission_listed(line, c);
	}
	if (!somebody_listens(c))
		return;
	memcpy(header.address1, cast_group, 6);
	memcpy(header.address2, line->station.mac, 6);
	memcpy(header.address3, line->station.mac, 6);
	line->station.sequence = (line->station.sequence + 1) & 0xfff;
	ieee80211_header_build(out, &header);
	put_text(out, line->job->ssid, line->job->ssid_len);
	put_text(out, line->passphrase, strlen(line->passphrase));
	tx->rate_500kbps = 12;
	cast->rounds++;
}

static enum method_opened cast_open(struct line *line, void *state, struct unit *u, struct channel *home)
{
	(void)state;
	return recipe_open_foreign(line, u, home);
}

static const struct method_ops cast_ops = {
	.begin = cast_begin, .end = cast_end, .speak = cast_speak, .open = cast_open
};

struct listening {
	uint64_t since, next_us;
};

static uint64_t rounds(const struct session *s)
{
	return ((const struct cast *)line_state(s->line, &cast_ops))->rounds;
}

static int cast_deliver(struct session *s)
{
	struct listening *l = calloc(1, sizeof(*l));

	if (!l)
		return -MR_CAUSE_NO_MEMORY;
	s->delivery.state = l;
	l->since = rounds(s);
	l->next_us = session_now(s) + CAST_EVERY_US;
	return DELIVERY_GOES_ON;
}

static uint64_t cast_deadline_us(const struct session *s)
{
	return ((const struct listening *)s->delivery.state)->next_us;
}

static int cast_expire(struct session *s, uint64_t now_us)
{
	struct listening *l = s->delivery.state;

	l->next_us = now_us + CAST_EVERY_US;
	return rounds(s) >= l->since + CAST_ROUNDS ? DELIVERY_DONE : DELIVERY_GOES_ON;
}

static size_t cast_evidence(const struct session *s, char *out, size_t cap)
{
	const struct listening *l = s->delivery.state;

	return (size_t)snprintf(out, cap, "{\"rounds\":%llu}", (unsigned long long)(rounds(s) - l->since));
}

static void cast_ends(struct session *s)
{
	free(s->delivery.state);
	s->delivery.state = NULL;
}

static const struct delivery_ops cast_delivery = { .begin = cast_deliver,
						   .expire = cast_expire,
						   .deadline_us = cast_deadline_us,
						   .evidence = cast_evidence,
						   .end = cast_ends };

static const struct method test_cast = {
	.name = "test-cast",
	.hears = RADIO_HEAR_NETWORKS | RADIO_HEAR_JOINS,
	.flags = METHOD_BROADCAST | METHOD_NO_REQUESTS | METHOD_WEAK,
	.protection = METHOD_BY_NOTHING,
	.devices = METHOD_NOBODY,
	.reach = "none",
	.device_to_station = "nothing",
	.station_to_device = "nothing",
	.listener = "everything",
	.ops = &cast_ops,
	.delivery = &cast_delivery,
};

/* --- test-own: the station's side --- */

#define BEACON_EVERY_US 102400u
#define OWN_PATIENCE_US 2000000u
static const char own_ssid[] = "test-own";
enum { OWN_ASKS = 0x51, OWN_GIVES = 0x52 };

struct own {
	uint8_t bssid[6];
	unsigned busy, most, acked; /* deliveries at the same time; their reports */
};

static const struct method_ops own_ops;

static struct own *own_of(const struct session *s) { return line_state(s->line, &own_ops); }

static int own_begin(struct line *line, void **state, char *error, size_t error_len)
{
	struct own *own = calloc(1, sizeof(*own));

	(void)error, (void)error_len;
	*state = own;
	return own && line_own_address(line, own->bssid) ? 0 : -MR_CAUSE_NO_MEMORY;
}

static struct own last_own; /* as it was when the line ended, for the test */

static void own_end(struct line *line, void *state)
{
	(void)line;
	if (state)
		last_own = *(struct own *)state;
	free(state);
}

static void own_speak(struct line *line, void *state, struct channel *c, enum method_occasion why, struct mr_wr *out,
		      struct radio_tx *tx, uint64_t *next_us)
{
	struct ieee80211_header header = { .kind = IEEE80211_BEACON, .sequence = line->station.sequence };
	struct ieee80211_beacon beacon = { .interval_tu = 100, .capability = 1 /* ESS */ };
	const struct own *own = state;

	(void)c;
	*next_us = loop_now_us(line->loop) + BEACON_EVERY_US;
	if (why != METHOD_PRESENT)
		return;
	memset(header.address1, 0xff, 6);
	memcpy(header.address2, own->bssid, 6);
	memcpy(header.address3, own->bssid, 6);
	line->station.sequence = (line->station.sequence + 1) & 0xfff;
	ieee80211_header_build(out, &header);
	ieee80211_beacon_build(out, &beacon);
	ieee80211_put_ssid(out, (const uint8_t *)own_ssid, strlen(own_ssid));
	tx->rate_500kbps = 12;
}

/* A device that asks at our BSS: a unit if it is on the list; its session hears it. */
static bool own_hear(struct line *line, void *state, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx)
{
	const struct own *own = state;
	struct ieee80211_header header;
	struct mr_rd in = mpdu;
	struct unit *u;
	uint8_t id[8];

	if (!ieee80211_header_parse(&in, &header) || !mr_equal(header.address1, own->bssid, 6))
		return false;
	u = map_get(&line->by_mac, map_key_mac(header.address2));
	unit_id_of_mac(header.address2, id);
	if (!u && !(u = admission_newcomer(line, id, header.address2, rx)))
		return true;
	if (u->first_heard_us == 0)
		unit_greet(line, u, rx);
	u->rssi_dbm = rx->rssi_dbm;
	if (u->session && u->session->delivery.ops) {
		session_delivery(u->session, u->session->delivery.ops->receive(u->session, in, rx));
	} else if (!u->session && !u->settled) {
		unit_returned(line, u);
		admission_enqueue(line, u, lane->channel);
		admission_fill_channel(line, lane->channel);
	}
	return true;
}

static enum method_opened own_open(struct line *line, void *state, struct unit *u, struct channel *home)
{
	(void)state;
	return recipe_open_foreign(line, u, home);
}

static const struct method_ops own_ops = {
	.begin = own_begin, .end = own_end, .speak = own_speak, .hear = own_hear, .open = own_open
};

/* The delivery: the device asks, we answer from our BSS's address until the answer is acknowledged. */
struct giving {
	uint64_t until_us;
	bool asked, in_air, given;
};

static int own_deliver(struct session *s)
{
	struct giving *g = calloc(1, sizeof(*g));
	struct own *own = own_of(s);

	if (!g)
		return -MR_CAUSE_NO_MEMORY;
	s->delivery.state = g;
	g->until_us = session_now(s) + OWN_PATIENCE_US;
	if (++own->busy > own->most)
		own->most = own->busy;
	return DELIVERY_GOES_ON;
}

static int own_receive(struct session *s, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct giving *g = s->delivery.state;

	(void)rx;
	g->asked |= mr_rd_u8(&mpdu) == OWN_ASKS && !mpdu.bad;
	return g->given ? DELIVERY_DONE : DELIVERY_GOES_ON;
}

static bool own_ready(const struct session *s)
{
	const struct giving *g = s->delivery.state;

	return g->asked && !g->in_air && !g->given;
}

static size_t own_pull(struct session *s, uint8_t *frame, struct radio_tx *tx)
{
	struct giving *g = s->delivery.state;
	struct line *line = s->line;
	struct mr_wr w = mr_wr_over(frame, RADIO_FRAME_MAX);
	struct ieee80211_header header = { .kind = IEEE80211_DATA,
					   .flags = IEEE80211_FROM_DS,
					   .sequence = line->station.sequence };

	if (!own_ready(s))
		return 0;
	line->station.sequence = (line->station.sequence + 1) & 0xfff;
	memcpy(header.address1, s->unit->mac, 6);
	memcpy(header.address2, own_of(s)->bssid, 6);
	memcpy(header.address3, own_of(s)->bssid, 6);
	ieee80211_header_build(&w, &header);
	mr_wr_u8(&w, OWN_GIVES);
	put_text(&w, line->job->ssid, line->job->ssid_len);
	put_text(&w, line->passphrase, strlen(line->passphrase));
	tx->rate_500kbps = 12;
	g->in_air = !w.bad;
	return w.bad ? 0 : w.len;
}

static void own_sent(struct session *s, bool acked, unsigned tries)
{
	struct giving *g = s->delivery.state;

	(void)tries;
	g->in_air = false;
	g->given = acked;
	own_of(s)->acked += acked;
	if (acked)
		g->until_us = session_now(s);
}

static uint64_t own_deadline_us(const struct session *s)
{
	return ((const struct giving *)s->delivery.state)->until_us;
}

static int own_expire(struct session *s, uint64_t now_us)
{
	const struct giving *g = s->delivery.state;

	(void)now_us;
	return g->given ? DELIVERY_DONE : -MR_CAUSE_NO_ANSWER;
}

static void own_ends(struct session *s)
{
	free(s->delivery.state);
	s->delivery.state = NULL;
	own_of(s)->busy--;
}

static const struct delivery_ops own_delivery = { .begin = own_deliver,
						  .receive = own_receive,
						  .expire = own_expire,
						  .deadline_us = own_deadline_us,
						  .ready = own_ready,
						  .pull = own_pull,
						  .sent = own_sent,
						  .end = own_ends };

static const struct method test_own = {
	.name = "test-own",
	.hears = RADIO_HEAR_NETWORKS | RADIO_HEAR_JOINS,
	.flags = METHOD_OWN_BSS | METHOD_EXCLUSIVE | METHOD_NO_REQUESTS,
	.protection = METHOD_BY_NOTHING,
	.devices = METHOD_NOBODY,
	.reach = "a BSS of the station",
	.device_to_station = "nothing",
	.station_to_device = "nothing",
	.listener = "everything",
	.ops = &own_ops,
	.delivery = &own_delivery,
};

/* In the place of the program's own table, which is weak. */
const struct method *const method_table[] = { &method_direct, &test_cast, &test_own, NULL };

/* --- the devices --- */

struct floor {
	struct joiner joiners[JOINERS_MAX];
	size_t count;
	unsigned deaf; /* the first so many hear nothing */
	void (*heard)(struct joiner *j, struct mr_rd mpdu, const struct radio_rx *rx);
};

static bool text(struct mr_rd *in, char *out, size_t cap)
{
	struct mr_rd value = mr_rd_sub(in, mr_rd_u8(in));

	if (in->bad || value.left >= cap)
		return false;
	memcpy(out, value.at, value.left);
	out[value.left] = '\0';
	return true;
}

static void on_cast(struct joiner *j, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct ieee80211_header header;
	char ssid[33], passphrase[65];

	(void)rx;
	if (ieee80211_header_parse(&mpdu, &header) && mr_equal(header.address1, cast_group, 6) &&
	    text(&mpdu, ssid, sizeof(ssid)) && text(&mpdu, passphrase, sizeof(passphrase)))
		joiner_join(j, ssid, passphrase);
}

/* It has heard our BSS's beacon: it asks there, and asks again with each beacon until it is given. */
static void on_own(struct joiner *j, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct ieee80211_header header, ask = { .kind = IEEE80211_DATA, .flags = IEEE80211_TO_DS };
	struct ieee80211_network n;
	struct mr_rd in = mpdu;
	char ssid[33], passphrase[65];
	uint8_t frame[64];
	struct mr_wr w = mr_wr_over(frame, sizeof(frame));

	if (!ieee80211_header_parse(&in, &header))
		return;
	if (header.kind == IEEE80211_BEACON && ieee80211_network_of(mpdu, rx, &n) && n.ssid_len == strlen(own_ssid) &&
	    memcmp(n.ssid, own_ssid, n.ssid_len) == 0) {
		memcpy(ask.address1, header.address2, 6);
		memcpy(ask.address2, j->mac, 6);
		memcpy(ask.address3, header.address2, 6);
		ask.sequence = j->sequence++ & 0xfff;
		ieee80211_header_build(&w, &ask);
		mr_wr_u8(&w, OWN_ASKS);
		joiner_send(j, mr_wr_written(&w));
	} else if (header.kind == IEEE80211_DATA && mr_equal(header.address1, j->mac, 6) &&
		   mr_rd_u8(&in) == OWN_GIVES && text(&in, ssid, sizeof(ssid)) &&
		   text(&in, passphrase, sizeof(passphrase))) {
		joiner_join(j, ssid, passphrase);
	}
}

static void address(size_t i, uint8_t mac[static 6])
{
	const uint8_t of[6] = { 0x02, 0xfe, 0, 0, 0, (uint8_t)(i + 1) };

	memcpy(mac, of, 6);
}

static void populate(void *ctx, struct air *air)
{
	struct floor *floor = ctx;
	uint8_t mac[6];

	for (size_t i = 0; i < floor->count; i++) {
		floor->joiners[i].heard = i < floor->deaf ? NULL : floor->heard;
		address(i, mac);
		joiner_create(&floor->joiners[i], air, mac, 2437, i);
	}
}

static void write_list(const struct hall *hall, const char *name, size_t count)
{
	char path[160];
	uint8_t mac[6];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", hall->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	for (size_t i = 0; i < count; i++) {
		address(i, mac);
		fprintf(f, "%02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	}
	assert_int_equal(fclose(f), 0);
}

#define CAST "{method: test-cast, weak-ok: true, ssid: \"hall\", security: wpa2}"
#define OWN "{method: test-own, ssid: \"hall\", security: wpa2}"
#define FOREIGN .recipe = "credentials, verify", .channels = "6", .admission = ", expect: \"list.txt\""

static void run_floor(struct hall *hall, struct run *run, const struct shape *shape, struct floor *floor, uint64_t seed)
{
	struct batch_options o;

	write_list(hall, "list.txt", shape->devices);
	hall_job(hall, run, shape, seed);
	o = hall_options(hall, run);
	o.ctx = floor;
	o.populate = populate;
	if (batch_run(&o, &run->result, run->error, sizeof(run->error)) != 0)
		fail_msg("%s", run->error);
	for (size_t i = 0; i < floor->count; i++)
		joiner_destroy(&floor->joiners[i]);
}

/* What is on record of foreign devices that passed, and what is not. */
static void passed_as_foreign(struct hall *hall, const struct run *run, unsigned devices, const char *method)
{
	char sql[300];

	assert_int_equal(run->result.summary.passed, devices);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM unit WHERE state = 'passed' AND agentless = 1"), devices);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM unit WHERE device_id IS NOT NULL OR serial IS NOT NULL"),
			 0);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM receipt"), 0);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM cert"), 0);
	assert_int_equal(hall_ask(run, "SELECT count(DISTINCT unit) FROM v_networks WHERE observed <> 'no'"), devices);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM v_attempt WHERE outcome = 'pass' AND method = '%s'", method);
	assert_int_equal(hall_ask(run, sql), devices);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM v_unit WHERE not_proven LIKE '%key%' AND not_proven LIKE "
				       "'%certificate%' AND not_proven LIKE '%receipt%'"),
			 devices);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM unit WHERE unit NOT IN (SELECT unit FROM delivery)"), 0);
	hall_verify(hall, run);
}

static void one_broadcast_provisions_every_listener(void **state)
{
	struct floor floor = { .heard = on_cast, .count = 12 };
	struct run run;

	run_floor(*state, &run, &(struct shape){ .devices = 12, .credentials = CAST, FOREIGN }, &floor, hall_seed(100));
	passed_as_foreign(*state, &run, 12, "test-cast");
	for (size_t i = 0; i < floor.count; i++)
		assert_true(floor.joiners[i].joined);
	/* One transmission is for all: far fewer frames than devices times rounds would take one by one. */
	assert_true(run.result.summary.frames < 12 * CAST_ROUNDS);
	hall_done(&run);
}

static void a_deaf_listener_fails_and_says_why(void **state)
{
	struct floor floor = { .heard = on_cast, .count = 5, .deaf = 2 };
	struct run run;

	run_floor(*state, &run, &(struct shape){ .devices = 5, .credentials = CAST, FOREIGN, .attempts = "2" }, &floor,
		  hall_seed(200));
	assert_int_equal(run.result.summary.passed, 3);
	assert_int_equal(hall_count(&run, "failed", "join-timeout"), 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE cause_name = 'join-timeout'"), 4);
	hall_done(&run);
}

static void a_lossy_air_costs_time_and_no_listener(void **state)
{
	struct floor floor = { .heard = on_cast, .count = 8 };
	struct run run;

	run_floor(*state, &run, &(struct shape){ .devices = 8, .credentials = CAST, FOREIGN, .loss = "15%" }, &floor,
		  hall_seed(300));
	passed_as_foreign(*state, &run, 8, "test-cast");
	hall_done(&run);
}

static void a_bss_of_ours_serves_one_device_at_a_time(void **state)
{
	struct floor floor = { .heard = on_own, .count = 9 };
	struct run run;

	run_floor(*state, &run, &(struct shape){ .devices = 9, .credentials = OWN, FOREIGN, .loss = "3%" }, &floor,
		  hall_seed(500));
	passed_as_foreign(*state, &run, 9, "test-own");
	assert_int_equal(last_own.most, 1);
	assert_true(last_own.acked >= 9); /* devices acknowledge to our BSS's address, and we to them */
	hall_done(&run);
}

/* Two of three devices are on the list: the third is a sighting and gets nothing. */
static void who_is_not_on_the_list_gets_nothing(void **state)
{
	struct floor floor = { .heard = on_own, .count = 3 };
	struct run run;

	run_floor(*state, &run, &(struct shape){ .devices = 2, .credentials = OWN, FOREIGN }, &floor, hall_seed(600));
	assert_int_equal(run.result.summary.passed, 2);
	assert_false(floor.joiners[2].joined);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM sighting WHERE verdict = 'not-expected'"), 1);
	hall_done(&run);
}

/* A foreign lot that goes on: who has passed is not asked again. */
static void a_foreign_lot_goes_on_where_its_record_says(void **state)
{
	struct floor first = { .count = 4, .deaf = 4 }, second = { .heard = on_cast, .count = 4 };
	struct hall *hall = *state;
	struct run run;
	struct batch_options o;

	run_floor(hall, &run, &(struct shape){ .devices = 4, .credentials = CAST, FOREIGN, .attempts = "1" }, &first,
		  hall_seed(400));
	assert_int_equal(run.result.summary.failed, 4);
	o = hall_options(hall, &run);
	o.ctx = &second;
	o.populate = populate;
	if (batch_run(&o, &run.result, run.error, sizeof(run.error)) != 0)
		fail_msg("%s", run.error);
	for (size_t k = 0; k < second.count; k++)
		joiner_destroy(&second.joiners[k]);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit"), 4);
	assert_int_equal(run.result.summary.failed, 4); /* outcomes are a person's to change */
	hall_done(&run);
}

static const json_t *row_of(const struct screen *v, json_int_t unit)
{
	char name[24];

	snprintf(name, sizeof(name), "%lld", (long long)unit);
	return json_object_get(v->units, name);
}

static const char *word(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "(left out)";
}

/* Over the real socket: a row says that it has no agent, and what PASS does not prove. */
static void the_socket_says_what_a_foreign_device_did_not_prove(void **state)
{
	static const char said[] = "seen to join; no key, no certificate, no receipt";
	struct floor floor = { .heard = on_cast, .count = 3, .deaf = 1 };
	struct station s = { .batch = { .stay = true, .pace = 20, .ctx = &floor, .populate = populate } };
	json_t *answer, *result;
	struct screen v;
	struct run run;
	json_int_t unit;
	char ask[80];

	write_list(*state, "list.txt", 3);
	hall_job(*state, &run, &(struct shape){ .devices = 3, .credentials = CAST, FOREIGN, .attempts = "1" },
		 hall_seed(600));
	station_start(*state, &s, &run, NULL);
	screen_open(&v, &s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	unit = screen_await(&v, 0, "failed", "join-timeout");
	assert_true(json_is_true(json_object_get(row_of(&v, unit), "agentless")));
	assert_string_equal(word(row_of(&v, unit), "not_proven"), strstr(said, "no key"));
	unit = screen_await(&v, 0, "passed", NULL);
	assert_true(json_is_true(json_object_get(row_of(&v, unit), "agentless")));
	assert_string_equal(word(row_of(&v, unit), "not_proven"), said);
	assert_string_equal(word(row_of(&v, unit), "serial"), "");
	snprintf(ask, sizeof(ask), "{\"do\":\"device\",\"mac\":\"%s\"}", word(row_of(&v, unit), "mac"));
	answer = screen_ask(&v, ask);
	result = json_object_get(answer, "result");
	assert_string_equal(word(json_object_get(result, "unit"), "not_proven"), said);
	assert_string_equal(word(result, "device_id"), "(left out)");
	assert_true(json_is_false(json_object_get(result, "sealed")));
	assert_null(json_object_get(result, "certificate"));
	json_decref(answer);
	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"tested\"}");
	screen_close(&v);
	station_join(&s);
	for (size_t i = 0; i < floor.count; i++)
		joiner_destroy(&floor.joiners[i]);
	assert_int_equal(run.result.summary.passed, 2);
	hall_done(&run);
}

static void a_job_of_foreign_devices_says_that_it_knows(void **state)
{
	static const struct {
		const char *credentials, *recipe, *admission, *words;
	} wrong[] = {
		{ "{method: test-cast, ssid: \"hall\"}", "credentials, verify", ", expect: \"list.txt\"",
		  "is weak: everything" },
		{ CAST, "identify, credentials, verify", ", expect: \"list.txt\"", "allowed: [credentials, verify]" },
		{ CAST, "credentials, verify", "", "admission.expect is missing" },
		{ "{method: test-cast, weak-ok: true, ssid: \"hall\", join: false}", "credentials, verify",
		  ", expect: \"list.txt\"", "credentials.join" },
		{ "{method: test-kast, ssid: \"hall\"}", "credentials, verify", "", "did you mean \"test-cast\"" },
	};
	struct hall *hall = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct shape shape = { .devices = 2,
				       .credentials = wrong[i].credentials,
				       .recipe = wrong[i].recipe,
				       .admission = wrong[i].admission };
		struct job_errors errors = { 0 };
		struct run run;

		hall_write_job(hall, &run, &shape, 1);
		assert_null(job_load(run.path, &errors));
		if (!strstr(errors.text[0], wrong[i].words))
			fail_msg("%s", errors.text[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_broadcast_provisions_every_listener),
		cmocka_unit_test(a_deaf_listener_fails_and_says_why),
		cmocka_unit_test(a_lossy_air_costs_time_and_no_listener),
		cmocka_unit_test(a_bss_of_ours_serves_one_device_at_a_time),
		cmocka_unit_test(who_is_not_on_the_list_gets_nothing),
		cmocka_unit_test(a_foreign_lot_goes_on_where_its_record_says),
		cmocka_unit_test(the_socket_says_what_a_foreign_device_did_not_prove),
		cmocka_unit_test(a_job_of_foreign_devices_says_that_it_knows),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
