/*
 * Sniffer mode: whole lots on the simulated air. Foreign devices that overhear one of the published schemes, all of
 * them one transmission; those that never join, vanish, or are not on the list. And devices of ours, that take up a
 * sealed broadcast in their sessions.
 */
#include "tests/line/station.h"

#include <sys/stat.h>

#include "station/line/private.h" /* the loop of a line */
#include "station/roster/roster.h"

#define FOREIGN .recipe = "credentials, verify"
#define SEALED "{method: sniffer, scheme: sealed, ssid: \"hall\", security: wpa2}"

static const char *const schemes[] = { "esptouch-v1", "esptouch-v2", "airkiss", "cc3000", "ezconnect" };
#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

static const char *credentials(char out[static 300], const char *scheme, unsigned expect, const char *more)
{
	snprintf(out, 300, "{method: sniffer, scheme: %s, weak-ok: true, expect: %u, ssid: \"hall\", security: wpa2%s}",
		 scheme, expect, more);
	return out;
}

static void lot(struct hall *hall, struct run *run, const struct shape *shape, uint64_t seed)
{
	hall_job(hall, run, shape, seed);
	hall_run(hall, run);
}

static void one_broadcast_serves_every_listener_of_each_scheme(void **state)
{
	char text[300];

	for (size_t i = 0; i < SCHEMES; i++) {
		struct run run;

		lot(*state, &run,
		    &(struct shape){ .devices = 24,
				     .credentials = credentials(text, schemes[i], 24, ""),
				     FOREIGN,
				     .channels = "6" },
		    hall_seed(100 + i));
		assert_int_equal(run.result.summary.passed, 24);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed' AND agentless = 1"),
				 24);
		assert_int_equal(hall_ask(&run, "SELECT count(DISTINCT unit) FROM v_networks WHERE observed <> 'no'"),
				 24);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE method = 'sniffer' AND "
						"json_extract(evidence, '$.weak') = 1 AND "
						"json_extract(evidence, '$.known_by') = 'join'"),
				 24);
		/* One after the other each takes more than a second, its own connecting not counted. */
		assert_true(run.result.summary.makespan_us < 12 * UINT64_C(1000000));
		hall_verify(*state, &run);
		hall_done(&run);
	}
}

/* More sessions than admission.max_in_flight: they cost no air. */
static void the_limit_of_sessions_is_none_of_a_broadcast(void **state)
{
	char text[300];
	struct run run;

	lot(*state, &run,
	    &(struct shape){
		    .devices = 100, .credentials = credentials(text, "airkiss", 100, ""), FOREIGN, .channels = "6" },
	    hall_seed(110));
	assert_int_equal(run.result.summary.passed, 100);
	hall_verify(*state, &run);
	hall_done(&run);
}

static void channels_and_losses_cost_rounds_and_no_device(void **state)
{
	static const char *const losses[] = { "5%", "20%", "40%" };
	char text[300];

	for (size_t i = 0; i < SCHEMES; i++)
		for (size_t loss = 0; loss < 3; loss++) {
			struct run run;

			lot(*state, &run,
			    &(struct shape){ .devices = 10,
					     .credentials = credentials(text, schemes[i], 10, ""),
					     FOREIGN,
					     .channels = "1, 6, 11",
					     .radios = 1 + (unsigned)(i + loss) % 2,
					     .loss = losses[loss],
					     .attempts = "6",
					     /* AirKiss needs six frames in a row for each four octets */
					     .admission = ", quiet: 10min",
					     .profile = "mt7612u" },
			    hall_seed(120 + 3 * i + loss));
			assert_int_equal(run.result.summary.passed, 10);
			hall_verify(*state, &run);
			hall_done(&run);
		}
}

static void who_never_joins_has_not_passed(void **state)
{
	static const char *const faults[] = { "no-join", "vanish", "hangs-up", "power-cut" };
	char text[300], line[80];

	for (unsigned i = 0; i < 4; i++) {
		bool comes_back = i == 3;
		struct run run;

		snprintf(line, sizeof(line), "    - {kind: %s, count: 2}\n", faults[i]);
		lot(*state, &run,
		    &(struct shape){ .devices = 8,
				     .credentials = credentials(text, "esptouch-v1", 8, ""),
				     FOREIGN,
				     .attempts = "1",
				     .channels = "6",
				     .faults = line },
		    hall_seed(140 + i));
		assert_int_equal(run.result.summary.passed, comes_back ? 8 : 6);
		/* Without a list nobody knows whom they are: they are missing, not failed. */
		assert_int_equal(run.result.summary.failed + run.result.summary.quarantined, 0);
		hall_verify(*state, &run);
		hall_done(&run);
	}
}

struct stop {
	struct line *line;
	struct loop_timer timer;
	unsigned left; /* events of the line until then */
};

static void stops(void *ctx, uint64_t now_us)
{
	(void)now_us;
	line_stop(((struct stop *)ctx)->line, true);
}

static void stop_began(void *ctx, struct line *line, bool simulated, uint64_t seed)
{
	struct stop *stop = ctx;

	(void)simulated, (void)seed;
	stop->line = line;
	stop->timer = (struct loop_timer){ .fn = stops, .ctx = stop, .at_us = LOOP_NEVER };
}

static void stop_event(void *ctx, const struct line_event *event)
{
	struct stop *stop = ctx;

	if (stop->left > 0 && --stop->left == 0)
		loop_at(stop->line->loop, &stop->timer, event->now_us);
}

/* Its devices are known by then, and listen again: the next run broadcasts to them. */
static void a_lot_that_was_broken_off_is_gone_on_with(void **state)
{
	static const char *const lots[] = { "airkiss", "esptouch-v1", "sealed" };
	struct hall *hall = *state;
	char text[300];

	for (unsigned i = 0; i < 3; i++)
		for (unsigned at = 1; at < 30; at += 7) {
			struct stop stop = { .left = at };
			struct batch_options o;
			struct run run;

			hall_job(hall, &run,
				 &(struct shape){ .devices = 8,
						  .credentials = i < 2 ? credentials(text, lots[i], 8, "") : SEALED,
						  .recipe = i < 2 ? "credentials, verify" : NULL,
						  .channels = "6" },
				 hall_seed(170 + at));
			o = hall_options(hall, &run);
			o.ctx = &stop;
			o.began = stop_began;
			o.event = stop_event;
			assert_int_equal(batch_run(&o, &run.result, run.error, sizeof(run.error)), 0);
			assert_int_equal(stop.left, 0);
			hall_run(hall, &run);
			assert_int_equal(run.result.summary.passed, 8);
			hall_verify(hall, &run);
			hall_done(&run);
		}
}

/* Writes the addresses of `count` devices of the simulated lot, from the first on. */
static void write_list(const struct hall *hall, const char *name, size_t all, size_t count)
{
	struct roster *roster = roster_simulated("AC-100", 7, all);
	char path[112];
	uint8_t id[32];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", hall->dir, name);
	assert_true(roster_simulated_id("AC-100", 7, all, id));
	assert_non_null(roster);
	f = fopen(path, "w");
	assert_non_null(f);
	for (size_t k = 0; k < count; k++) {
		const struct roster_row *row = roster_row(roster, k);

		fprintf(f, "%02x:%02x:%02x:%02x:%02x:%02x\n", row->mac[0], row->mac[1], row->mac[2], row->mac[3],
			row->mac[4], row->mac[5]);
	}
	assert_int_equal(fclose(f), 0);
	roster_destroy(roster);
}

static void who_is_not_on_the_list_is_a_sighting(void **state)
{
	struct hall *hall = *state;
	struct run run;

	write_list(hall, "list.txt", 6, 4);
	lot(hall, &run,
	    &(struct shape){ .devices = 6,
			     .quantity = 4,
			     .credentials = "{method: sniffer, scheme: airkiss, weak-ok: true, ssid: \"hall\", "
					    "security: wpa2}",
			     FOREIGN,
			     .channels = "6",
			     .admission = ", expect: \"list.txt\"" },
	    7);
	assert_int_equal(run.result.summary.passed, 4);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit"), 4);
	assert_true(hall_ask(&run, "SELECT count(DISTINCT mac) FROM sighting WHERE verdict = 'joined-unlisted'") >= 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE "
					"json_extract(evidence, '$.known_by') = 'address'"),
			 4);
	hall_verify(hall, &run);
	hall_done(&run);
}

/* The operator is told who it is, and what to do. */
static void who_joins_unlisted_is_a_banner(void **state)
{
	struct hall *hall = *state;
	struct station s = { .batch = { .stay = true, .pace = 20 } };
	struct screen v;
	struct run run;

	write_list(hall, "list.txt", 6, 4);
	hall_job(hall, &run,
		 &(struct shape){ .devices = 6,
				  .quantity = 4,
				  .credentials = "{method: sniffer, scheme: airkiss, weak-ok: true, ssid: \"hall\", "
						 "security: wpa2}",
				  FOREIGN,
				  .channels = "6",
				  .admission = ", expect: \"list.txt\"" },
		 7);
	station_start(hall, &s, &run, NULL);
	screen_open(&v, &s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	while (json_array_size(v.banners) == 0)
		assert_true(screen_read(&v));
	assert_string_equal(json_string_value(json_object_get(json_array_get(v.banners, 0), "kind")), "stranger");
	assert_string_equal(json_string_value(json_object_get(json_array_get(v.banners, 0), "cause")),
			    "joined-unlisted");
	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"seen\"}");
	screen_close(&v);
	station_join(&s);
	hall_done(&run);
}

/* A listed device that never comes fails by name; the others' times do not move. */
static void a_listed_device_that_is_missing_fails_by_name(void **state)
{
	struct hall *hall = *state;
	struct run run;

	write_list(hall, "missing.txt", 6, 6);
	lot(hall, &run,
	    &(struct shape){ .devices = 6,
			     .credentials = "{method: sniffer, scheme: airkiss, weak-ok: true, ssid: \"hall\", "
					    "security: wpa2}",
			     FOREIGN,
			     .channels = "6",
			     .attempts = "1",
			     .faults = "    - {kind: vanish, count: 1}\n",
			     .admission = ", expect: \"missing.txt\"" },
	    7);
	assert_int_equal(run.result.summary.passed, 5);
	assert_int_equal(hall_count(&run, "failed", "no-answer"), 1);
	assert_true((uint64_t)hall_ask(&run, "SELECT max(ended_us) - min(started_us) FROM attempt WHERE "
					     "outcome = 'pass'") < UINT64_C(12000000));
	hall_verify(hall, &run);
	hall_done(&run);
}

static void a_shared_key_is_used_by_both_ends(void **state)
{
	static const char *const keyed[] = { "esptouch-v2", "cc3000", "ezconnect" };
	struct hall *hall = *state;
	char text[300], path[112];
	FILE *f;

	snprintf(path, sizeof(path), "%s/scheme.key", hall->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fprintf(f, "0123456789abcdef\n");
	assert_int_equal(fclose(f), 0);
	snprintf(path, sizeof(path), "%s/hall.pass", hall->dir); /* cc3000 carries 31 octets at most with a key */
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fprintf(f, "correct horse\n");
	assert_int_equal(fclose(f), 0);
	for (size_t i = 0; i < 3; i++) {
		struct run run;

		lot(hall, &run,
		    &(struct shape){ .devices = 4,
				     .credentials = credentials(text, keyed[i], 4,
								", scheme_key: \"scheme.key\", passphrase: {file: "
								"\"hall.pass\"}"),
				     FOREIGN,
				     .channels = "6" },
		    hall_seed(150 + i));
		assert_int_equal(run.result.summary.passed, 4);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE "
						"json_extract(evidence, '$.encrypted') = 1"),
				 4);
		hall_done(&run);
	}
}

/* --- sealed --- */

static void a_sealed_broadcast_is_taken_up_in_each_session(void **state)
{
	struct run run;

	lot(*state, &run,
	    &(struct shape){ .devices = 20, .credentials = SEALED, .channels = "1, 6, 11", .radios = 2, .loss = "10%" },
	    hall_seed(160));
	assert_int_equal(run.result.summary.passed, 20);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE method = 'sniffer' AND "
					"json_extract(evidence, '$.protocol') = 'sealed 1' AND "
					"json_extract(evidence, '$.proved') = 'batch-key'"),
			 20);
	/* No key of the network goes by session then. Nearly all have heard it by the time that they are asked; whoever
	 * has not gets it in its session. */
	assert_true(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE json_extract(evidence, '$.by') = "
				   "'broadcast'") >= 16);
	hall_verify(*state, &run);
	hall_done(&run);
}

/* Chips that tell nothing of a frame but its length have it too. */
static void a_sealed_broadcast_by_lengths_is_taken_up_as_well(void **state)
{
	struct run run;

	lot(*state, &run,
	    &(struct shape){ .devices = 8,
			     .credentials = "{method: sniffer, carrier: lengths, ssid: \"hall\", security: wpa2}",
			     .channels = "6",
			     .loss = "10%" },
	    hall_seed(161));
	assert_int_equal(run.result.summary.passed, 8);
	assert_true(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE json_extract(evidence, '$.by') = "
				   "'broadcast'") >= 6);
	hall_verify(*state, &run);
	hall_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_broadcast_serves_every_listener_of_each_scheme),
		cmocka_unit_test(the_limit_of_sessions_is_none_of_a_broadcast),
		cmocka_unit_test(channels_and_losses_cost_rounds_and_no_device),
		cmocka_unit_test(who_never_joins_has_not_passed),
		cmocka_unit_test(a_lot_that_was_broken_off_is_gone_on_with),
		cmocka_unit_test(who_is_not_on_the_list_is_a_sighting),
		cmocka_unit_test(who_joins_unlisted_is_a_banner),
		cmocka_unit_test(a_listed_device_that_is_missing_fails_by_name),
		cmocka_unit_test(a_shared_key_is_used_by_both_ends),
		cmocka_unit_test(a_sealed_broadcast_is_taken_up_in_each_session),
		cmocka_unit_test(a_sealed_broadcast_by_lengths_is_taken_up_as_well),
	};

	return cmocka_run_group_tests_name("sniffer", tests, hall_open, hall_close);
}
