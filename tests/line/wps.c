/*
 * Foreign devices that are enrolled by Wi-Fi Simple Configuration: whole lots on the simulated air, by PIN and by push
 * button, many at the same time on one radio; those that refuse, stall or vanish at each message; who is not on the
 * list.
 */
#include "tests/line/station.h"

#include <sys/stat.h>

#include "station/line/private.h" /* the loop of a line */
#include "station/roster/roster.h"

#define PIN "{method: wps-pin, weak-ok: true, ssid: \"hall\", security: wpa2}"
#define PBC "{method: wps-pbc, weak-ok: true, ssid: \"hall\", security: wpa2}"
#define OUTSIDE "{method: wps-pin, weak-ok: true, ssid: \"hall\", security: wpa2, wps: {role: external-registrar}}"
#define FOREIGN .recipe = "credentials, verify"

static void lot(struct hall *hall, struct run *run, const struct shape *shape, uint64_t seed)
{
	hall_job(hall, run, shape, seed);
	hall_run(hall, run);
}

static void every_device_is_enrolled_by_its_pin(void **state)
{
	struct run run;

	lot(*state, &run, &(struct shape){ .devices = 16, .credentials = PIN, FOREIGN, .channels = "6" }, hall_seed(1));
	assert_int_equal(run.result.summary.passed, 16);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed' AND agentless = 1"), 16);
	assert_int_equal(hall_ask(&run, "SELECT count(DISTINCT unit) FROM v_networks WHERE observed <> 'no'"), 16);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE method = 'wps-pin' AND "
					"json_extract(evidence, '$.proved') = 'pin'"),
			 16);
	hall_verify(*state, &run);
	hall_done(&run);
}

static void every_pressed_button_is_served_side_by_side(void **state)
{
	struct run run;

	lot(*state, &run, &(struct shape){ .devices = 16, .credentials = PBC, FOREIGN, .channels = "6" }, hall_seed(2));
	assert_int_equal(run.result.summary.passed, 16);
	/* Others serve one button in two minutes, and stop at a second one. */
	assert_true(run.result.summary.makespan_us < 16 * UINT64_C(1000000));
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE method = 'wps-pbc' AND "
					"json_extract(evidence, '$.proved') = 'nothing' AND "
					"json_extract(evidence, '$.known_by') = 'address'"),
			 16);
	hall_verify(*state, &run);
	hall_done(&run);
}

static void channels_and_losses_cost_time_and_no_device(void **state)
{
	static const char *const methods[] = { PIN, PBC };

	for (unsigned i = 0; i < 2; i++)
		for (uint64_t seed = 0; seed < 3; seed++) {
			struct run run;

			lot(*state, &run,
			    &(struct shape){ .devices = 20,
					     .credentials = methods[i],
					     FOREIGN,
					     .channels = "1, 6, 11",
					     .radios = 1 + i,
					     .loss = "12%",
					     .attempts = "6",
					     .profile = "mt7612u" },
			    hall_seed(30 + seed));
			assert_int_equal(run.result.summary.passed, 20);
			hall_verify(*state, &run);
			hall_done(&run);
		}
}

/* Two of them have another PIN than their label: each is tried twice, for nobody signs a NACK, then its PIN is dead. */
static void a_wrong_pin_is_shown_twice_and_no_more(void **state)
{
	struct run run;

	lot(*state, &run,
	    &(struct shape){ .devices = 8,
			     .credentials = PIN,
			     FOREIGN,
			     .attempts = "5",
			     .faults = "    - {kind: wrong-secret, count: 2}\n" },
	    hall_seed(4));
	assert_int_equal(run.result.summary.passed, 6);
	assert_int_equal(hall_count(&run, "quarantined", "pin-exposed"), 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt AS a JOIN unit AS u USING (unit) WHERE "
					"u.state = 'quarantined'"),
			 4);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE cause_name = 'wps-refused'"), 2);
	hall_verify(*state, &run);
	hall_done(&run);
}

/* Devices that refuse, stall or vanish fail for a cause of the air or of their PIN; the others' times do not move. */
static void who_stalls_keeps_nobody_waiting(void **state)
{
	static const char *const faults[] = { "hangs-up", "vanish", "busy" };
	struct run clean;
	uint64_t alone_us;

	lot(*state, &clean, &(struct shape){ .devices = 9, .credentials = PIN, FOREIGN }, hall_seed(5));
	assert_int_equal(clean.result.summary.passed, 9);
	alone_us = (uint64_t)hall_ask(&clean, "SELECT max(ended_us) - min(started_us) FROM attempt");
	hall_done(&clean);
	for (unsigned i = 0; i < 3; i++) {
		char line[80];
		struct run run;

		snprintf(line, sizeof(line), "    - {kind: %s, count: 3}\n", faults[i]);
		lot(*state, &run,
		    &(struct shape){ .devices = 12, .credentials = PIN, FOREIGN, .attempts = "2", .faults = line },
		    hall_seed(5));
		assert_int_equal(run.result.summary.passed, 9);
		assert_int_equal(run.result.summary.failed + run.result.summary.quarantined, 3);
		assert_true((uint64_t)hall_ask(&run, "SELECT max(ended_us) - min(started_us) FROM attempt WHERE "
						     "outcome = 'pass'") < 2 * alone_us);
		hall_verify(*state, &run);
		hall_done(&run);
	}
}

static void who_never_joins_has_not_passed(void **state)
{
	struct run run;

	lot(*state, &run,
	    &(struct shape){ .devices = 4,
			     .credentials = PBC,
			     FOREIGN,
			     .attempts = "1",
			     .faults = "    - {kind: no-join, count: 1}\n" },
	    hall_seed(6));
	assert_int_equal(run.result.summary.passed, 3);
	assert_int_equal(hall_count(&run, "failed", "join-timeout"), 1);
	hall_verify(*state, &run);
	hall_done(&run);
}

/* Six devices, and a list of four: by address for a button, by serial number for a PIN. */
static void who_is_not_on_the_list_gets_nothing(void **state)
{
	static const char *const methods[] = { "wps-pin", "wps-pbc" };

	for (unsigned i = 0; i < 2; i++) {
		struct hall *hall = *state;
		struct shape shape = { .devices = 4, FOREIGN };
		char credentials[240], path[112];
		struct roster *all;
		uint8_t id[32];
		struct run run;
		FILE *f;

		snprintf(path, sizeof(path), "%s/labels%u.csv", hall->dir, i);
		snprintf(credentials, sizeof(credentials),
			 "{method: %s, weak-ok: true, ssid: \"hall\", security: wpa2, wps: {labels: \"labels%u.csv\"}}",
			 methods[i], i);
		shape.credentials = credentials;
		assert_true(roster_simulated_id("AC-100", 7, 4, id));
		all = roster_simulated("AC-100", 7, 4);
		assert_non_null(all);
		f = fopen(path, "w");
		assert_non_null(f);
		assert_int_equal(fchmod(fileno(f), 0600), 0);
		fprintf(f, "mac,pin\n");
		for (size_t k = 0; k < 3; k++) { /* the fourth is left out */
			const struct roster_row *row = roster_row(all, k);

			fprintf(f, "%02x:%02x:%02x:%02x:%02x:%02x,%s\n", row->mac[0], row->mac[1], row->mac[2],
				row->mac[3], row->mac[4], row->mac[5], row->pin);
		}
		assert_int_equal(fclose(f), 0);
		roster_destroy(all);
		lot(hall, &run, &shape, 7);
		assert_int_equal(run.result.summary.passed, 3);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit"), 3);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM sighting WHERE verdict = 'not-on-label-list'"),
				 1);
		hall_verify(hall, &run);
		hall_done(&run);
	}
}

/* --- devices that are access points: the station is their external registrar --- */

static void every_access_point_is_set_up_by_its_pin(void **state)
{
	struct run run;

	lot(*state, &run, &(struct shape){ .devices = 8, .credentials = OUTSIDE, FOREIGN, .channels = "6" },
	    hall_seed(11));
	assert_int_equal(run.result.summary.passed, 8);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed' AND agentless = 1"), 8);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt"), 8);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE method = 'wps-pin' AND "
					"json_extract(evidence, '$.proved') = 'pin' AND "
					"json_extract(evidence, '$.role') = 'external-registrar'"),
			 8);
	assert_int_equal(hall_ask(&run, "SELECT count(DISTINCT bssid) FROM v_networks WHERE observed = 'seen'"), 8);
	/* Side by side: one alone takes more than a second, most of it the device's own arithmetic and its restart. */
	assert_true(run.result.summary.makespan_us < 8 * UINT64_C(1000000));
	hall_verify(*state, &run);
	hall_done(&run);
}

static void access_points_survive_channels_and_losses(void **state)
{
	for (uint64_t seed = 0; seed < 3; seed++) {
		struct run run;

		lot(*state, &run,
		    &(struct shape){ .devices = 12,
				     .credentials = OUTSIDE,
				     FOREIGN,
				     .channels = "1, 6, 11",
				     .radios = 1 + (unsigned)seed % 2,
				     .loss = "12%",
				     .attempts = "6",
				     .profile = "mt7612u" },
		    hall_seed(40 + seed));
		assert_int_equal(run.result.summary.passed, 12);
		hall_verify(*state, &run);
		hall_done(&run);
	}
}

/* Two tries with one PIN, and so one below what locks an access point. */
static void a_wrong_pin_never_locks_an_access_point(void **state)
{
	struct run run;

	lot(*state, &run,
	    &(struct shape){ .devices = 8,
			     .credentials = OUTSIDE,
			     FOREIGN,
			     .attempts = "5",
			     .faults = "    - {kind: wrong-secret, count: 2}\n" },
	    hall_seed(12));
	assert_int_equal(run.result.summary.passed, 6);
	assert_int_equal(hall_count(&run, "quarantined", "pin-exposed"), 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt AS a JOIN unit AS u USING (unit) WHERE "
					"u.state = 'quarantined'"),
			 4);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE cause_name = 'wps-locked'"), 0);
	hall_verify(*state, &run);
	hall_done(&run);
}

static void an_access_point_that_stalls_keeps_nobody_waiting(void **state)
{
	static const char *const faults[] = { "hangs-up", "vanish", "busy", "power-cut", "no-join" };

	for (unsigned i = 0; i < 5; i++) {
		bool comes_back = i == 3;
		char line[80];
		struct run run;

		snprintf(line, sizeof(line), "    - {kind: %s, count: 2}\n", faults[i]);
		lot(*state, &run,
		    &(struct shape){ .devices = 6, .credentials = OUTSIDE, FOREIGN, .attempts = "2", .faults = line },
		    hall_seed(13));
		assert_int_equal(run.result.summary.passed, comes_back ? 6 : 4);
		assert_int_equal(run.result.summary.failed + run.result.summary.quarantined, comes_back ? 0 : 2);
		if (strcmp(faults[i], "no-join") == 0)
			assert_int_equal(hall_count(&run, "failed", "join-timeout"), 2);
		hall_verify(*state, &run);
		hall_done(&run);
	}
}

struct abort {
	struct line *line;
	struct loop_timer timer;
	unsigned left; /* events of the line until then */
};

static void aborts(void *ctx, uint64_t now_us)
{
	(void)now_us;
	line_stop(((struct abort *)ctx)->line, true);
}

static void abort_began(void *ctx, struct line *line, bool simulated, uint64_t seed)
{
	struct abort *abort = ctx;

	(void)simulated, (void)seed;
	abort->line = line;
	abort->timer = (struct loop_timer){ .fn = aborts, .ctx = abort, .at_us = LOOP_NEVER };
}

static void abort_event(void *ctx, const struct line_event *event)
{
	struct abort *abort = ctx;

	if (abort->left > 0 && --abort->left == 0)
		loop_at(abort->line->loop, &abort->timer, event->now_us);
}

static void abort_first_refusal(void *ctx, const struct line_event *event)
{
	struct abort *abort = ctx;

	if (abort->left == 0 && event->kind == LINE_UNIT_STATE && event->cause == MR_CAUSE_WPS_REFUSED) {
		abort->left = 1;
		loop_at(abort->line->loop, &abort->timer, event->now_us);
	}
}

/* Whatever a session is at: its delivery ends while it still has its channel. The next run goes on. */
static void an_abort_at_any_event_is_gone_on_with(void **state)
{
	static const char *const methods[] = { PIN, PBC, OUTSIDE };
	struct hall *hall = *state;

	for (unsigned i = 0; i < 3; i++)
		for (unsigned at = 1; at < 14; at += 3) {
			struct batch_options o;
			struct run run;
			struct abort abort = { .left = at };

			hall_job(
				hall, &run,
				&(struct shape){ .devices = 3, .credentials = methods[i], FOREIGN, .channels = "1, 6" },
				hall_seed(60 + at));
			o = hall_options(hall, &run);
			o.ctx = &abort;
			o.began = abort_began;
			o.event = abort_event;
			assert_int_equal(batch_run(&o, &run.result, run.error, sizeof(run.error)), 0);
			assert_int_equal(abort.left, 0);
			hall_run(hall, &run);
			assert_int_equal(run.result.summary.passed, 3);
			hall_verify(hall, &run);
			hall_done(&run);
		}
}

/*
 * The station is stopped between two tries of a wrong PIN: the second run knows of the first try, and makes one more.
 * Somebody gives the device back then, and that is a new beginning; but for the PIN it has not become a right one.
 */
static void what_was_shown_of_a_pin_outlives_the_station(void **state)
{
	static const char *const methods[] = { PIN, OUTSIDE };
	struct hall *hall = *state;

	for (unsigned i = 0; i < 2; i++) {
		struct abort abort = { .left = 0 };
		struct batch_options o;
		struct run run;

		hall_job(hall, &run,
			 &(struct shape){ .devices = 1,
					  .credentials = methods[i],
					  FOREIGN,
					  .attempts = "5",
					  .faults = "    - {kind: wrong-secret, count: 1}\n" },
			 hall_seed(90 + i));
		o = hall_options(hall, &run);
		o.ctx = &abort;
		o.began = abort_began;
		o.event = abort_first_refusal;
		assert_int_equal(batch_run(&o, &run.result, run.error, sizeof(run.error)), 0);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE cause_name = 'wps-refused'"), 1);
		assert_int_equal(hall_ask(&run, "SELECT value FROM measurement WHERE name = 'pin-halves-shown'"), 1);
		hall_run(hall, &run);
		assert_int_equal(hall_count(&run, "quarantined", "pin-exposed"), 1);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM measurement WHERE name = 'pin-halves-shown'"), 2);
		hall_verify(hall, &run);
		hall_done(&run);
	}
}

static void the_same_seed_gives_the_same_run(void **state)
{
	struct run run[2];

	for (unsigned i = 0; i < 2; i++)
		lot(*state, &run[i],
		    &(struct shape){ .devices = 10, .credentials = PIN, FOREIGN, .loss = "5%", .attempts = "4" }, 8);
	assert_int_equal(run[0].result.summary.frames, run[1].result.summary.frames);
	assert_int_equal(run[0].result.summary.makespan_us, run[1].result.summary.makespan_us);
	hall_done(&run[0]);
	hall_done(&run[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_device_is_enrolled_by_its_pin),
		cmocka_unit_test(every_pressed_button_is_served_side_by_side),
		cmocka_unit_test(channels_and_losses_cost_time_and_no_device),
		cmocka_unit_test(a_wrong_pin_is_shown_twice_and_no_more),
		cmocka_unit_test(who_stalls_keeps_nobody_waiting),
		cmocka_unit_test(who_never_joins_has_not_passed),
		cmocka_unit_test(who_is_not_on_the_list_gets_nothing),
		cmocka_unit_test(every_access_point_is_set_up_by_its_pin),
		cmocka_unit_test(access_points_survive_channels_and_losses),
		cmocka_unit_test(a_wrong_pin_never_locks_an_access_point),
		cmocka_unit_test(an_access_point_that_stalls_keeps_nobody_waiting),
		cmocka_unit_test(an_abort_at_any_event_is_gone_on_with),
		cmocka_unit_test(what_was_shown_of_a_pin_outlives_the_station),
		cmocka_unit_test(the_same_seed_gives_the_same_run),
	};

	return cmocka_run_group_tests_name("wps", tests, hall_open, hall_close);
}
