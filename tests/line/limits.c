/*
 * Limits on measurements: at the limit exactly, beyond it, and on what nobody measures. What does not come is no pass.
 */
#include "tests/line/hall.h"

#include "station/line/line.h"

#define DEVICES 6

struct hold {
	int cause;
	char words[240];
};

static void on_event(void *ctx, const struct line_event *event)
{
	struct hold *hold = ctx;

	if (event->kind != LINE_HOLD)
		return;
	hold->cause = event->cause;
	snprintf(hold->words, sizeof(hold->words), "%s", event->detail);
}

/* A lot with these limits, on a record of its own, or on that of `before`. */
static struct run lot(struct hall *hall, const struct run *before, const char *extra, const char *faults,
		      const char *attempts, uint64_t seed, struct hold *hold)
{
	struct run run;
	struct batch_options o;

	hall_job(hall, &run,
		 &(struct shape){ .devices = DEVICES,
				  .extra = extra,
				  .faults = faults,
				  .attempts = attempts,
				  .arrival = "400ms" },
		 seed);
	if (before)
		memcpy(run.db, before->db, sizeof(run.db));
	o = hall_options(hall, &run);
	*hold = (struct hold){ 0 };
	o.event = on_event;
	o.ctx = hold;
	if (batch_run(&o, &run.result, run.error, sizeof(run.error)) != 0)
		fail_msg("%s", run.error);
	return run;
}

static void a_value_at_its_limit_is_good_and_one_beyond_it_is_not(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(41);
	struct hold hold;
	struct run run;

	run = lot(hall, NULL, "limits: [{name: flash_ok, low: 2}]\n", NULL, "3", seed, &hold);
	assert_int_equal(hall_count(&run, "quarantined", "limit-exceeded"), DEVICES);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM measurement WHERE name = 'flash_ok' AND passed = 0"),
			 2 * DEVICES);
	hall_done(&run);
	run = lot(hall, NULL, "limits: [{name: flash_ok, high: 0.999}]\n", NULL, "3", seed, &hold);
	assert_int_equal(hall_count(&run, "quarantined", "limit-exceeded"), DEVICES);
	hall_done(&run);
	run = lot(hall, NULL, "limits: [{name: flash_ok, low: 1, high: 1}]\n", NULL, "3", seed, &hold);
	hall_all_passed(hall, &run, DEVICES);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM measurement WHERE name = 'flash_ok' AND passed = 1 "
					"AND low = 1 AND high = 1 AND value = 1"),
			 DEVICES);
	hall_done(&run);
}

/* A word of the job that no firmware knows. With one attempt for each device, so that each that is lost is seen. */
static void a_limit_that_nobody_measures_holds_the_line_and_loses_no_device(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(42);
	struct hold hold;
	struct run run, mended;

	run = lot(hall, NULL, "limits: [{name: flash_ok, low: 1}, {name: never_reported_mv, low: 3200, high: 3400}]\n",
		  NULL, "1", seed, &hold);
	assert_int_equal(hold.cause, MR_CAUSE_LIMITS_UNKNOWN);
	assert_string_equal(hold.words, "the job limits \"never_reported_mv\", and the self-test reports vbat_mv, "
					"temperature_c, flash_ok");
	assert_true(run.result.summary.held_up);
	assert_int_equal(run.result.summary.passed, 0);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state IN ('passed', 'failed', 'quarantined')"),
			 0);
	assert_true(hall_count(&run, "held", "limits-unknown") >= 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE cause_name <> 'limits-unknown'"), 0);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE serial IS NOT NULL"), 0);
	/* Before the tray is lost: the first that was asked has stopped it. */
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt"), 1);

	mended = lot(hall, &run, "limits: [{name: flash_ok, low: 1}, {name: vbat_mv, low: 3200, high: 3400}]\n", NULL,
		     "1", seed, &hold);
	assert_int_equal(hold.cause, 0);
	hall_all_passed(hall, &mended, DEVICES);
	job_destroy(run.job);
	hall_done(&mended);
}

/* In whichever turn it comes: where others have reported it, its absence is this device's own. */
static void a_device_that_does_not_report_what_others_do_is_quarantined(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(43);
	unsigned held = 0;

	for (uint64_t i = 0; i < 6; i++) {
		struct hold hold;
		struct run run = lot(hall, NULL, "limits: [{name: temperature_c, high: 60}]\n",
				     "    - {kind: no-reading}\n", "3", seed + i, &hold);

		if (hold.cause) { /* it was the first */
			held++;
			assert_int_equal(hall_count(&run, "held", "limits-unknown"), 1);
			assert_int_equal(hall_count(&run, "quarantined", "not-measured"), 0);
		} else {
			assert_int_equal(hall_count(&run, "quarantined", "not-measured"), 1);
			assert_int_equal(hall_ask(&run,
						  "SELECT count(*) FROM attempt WHERE cause_name = 'not-measured' "
						  "AND step = 'selftest' AND side = 'device'"),
					 2);
			assert_int_equal(hall_count(&run, "passed", "ok"), DEVICES - 1);
			assert_int_equal(hall_ask(&run,
						  "SELECT count(*) FROM unit JOIN attempt USING (unit) WHERE state = "
						  "'passed' AND NOT EXISTS (SELECT 1 FROM measurement m WHERE "
						  "m.attempt = attempt.attempt AND name = 'temperature_c')"),
					 0);
			hall_check(hall, &run);
		}
		hall_done(&run);
	}
	assert_true(held < 6);
}

/* A failing item says nothing about the limits, and the limits nothing about it. */
static void a_failing_selftest_is_not_hidden_by_a_limit(void **state)
{
	struct hall *hall = *state;
	struct hold hold;
	struct run run = lot(hall, NULL, "limits: [{name: vbat_mv, low: 3000}]\n", "    - {kind: selftest}\n", "3",
			     hall_seed(44), &hold);

	assert_int_equal(hold.cause, 0);
	assert_int_equal(hall_count(&run, "quarantined", "selftest-failed"), 1);
	assert_int_equal(hall_count(&run, "passed", "ok"), DEVICES - 1);
	hall_check(hall, &run);
	hall_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_at_its_limit_is_good_and_one_beyond_it_is_not),
		cmocka_unit_test(a_limit_that_nobody_measures_holds_the_line_and_loses_no_device),
		cmocka_unit_test(a_device_that_does_not_report_what_others_do_is_quarantined),
		cmocka_unit_test(a_failing_selftest_is_not_hidden_by_a_limit),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
