/*
 * Something is wrong with one device, or with the air: the record has the right cause, and everybody else passes.
 */
#include "tests/line/hall.h"

#define DEVICES 8

static void begin(struct hall *hall, struct run *run, const char *faults, unsigned radios, const char *channels,
		  uint64_t seed)
{
	hall_job(hall, run,
		 &(struct shape){ .devices = DEVICES, .radios = radios, .channels = channels, .faults = faults }, seed);
	hall_run(hall, run);
}

/* One device ends in `state` for `cause`; the others pass, none at the cost of a second attempt. */
static void one_ends(struct hall *hall, const char *fault, const char *state, const char *cause, uint64_t seed)
{
	struct run run;
	char lines[160];

	snprintf(lines, sizeof(lines), "    - {%s}\n", fault);
	begin(hall, &run, lines, 1, "6", seed);
	if (hall_count(&run, state, cause) != 1 || run.result.summary.passed != DEVICES - 1)
		print_error("%s: %u passed\n", fault, run.result.summary.passed);
	assert_int_equal(hall_count(&run, state, cause), 1);
	assert_int_equal(hall_count(&run, "passed", "ok"), DEVICES - 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE n > 1 AND unit IN "
					"(SELECT unit FROM unit WHERE state = 'passed')"),
			 0);
	hall_check(hall, &run);
	hall_done(&run);
}

static void a_failing_selftest_is_tried_twice_and_quarantined(void **state)
{
	struct hall *hall = *state;
	struct run run;

	begin(hall, &run, "    - {kind: selftest}\n", 1, "6", hall_seed(1));
	assert_int_equal(hall_count(&run, "quarantined", "selftest-failed"), 1);
	assert_int_equal(hall_count(&run, "passed", "ok"), DEVICES - 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE cause_name = 'selftest-failed'"), 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM measurement WHERE name = 'vbat_mv' AND NOT passed"), 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE serial IS NOT NULL"), DEVICES - 1);
	hall_check(hall, &run);
	hall_done(&run);
}

static void a_storage_that_does_not_write_is_found_at_each_operation(void **state)
{
	static const char *const operations[] = { "key", "identity", "credentials", "commit", "seal" };
	uint64_t seed = hall_seed(10);

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		char fault[80];

		snprintf(fault, sizeof(fault), "kind: storage, operation: %s", operations[i]);
		one_ends(*state, fault, "quarantined", "storage-failed", seed + i);
	}
}

static void a_device_that_vanishes_at_any_operation_fails_with_no_answer(void **state)
{
	/* SEAL: tests/line/sealed.c */
	static const char *const operations[] = { "selftest", "key", "identity", "credentials", "commit", "verify" };
	uint64_t seed = hall_seed(20);

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		char fault[80];

		snprintf(fault, sizeof(fault), "kind: vanish, operation: %s, after: 2ms", operations[i]);
		one_ends(*state, fault, "failed", "no-answer", seed + i);
	}
}

/* Its record was durable before the verdict was said: that the lamp stays dark changes nothing. */
static void a_device_that_vanishes_at_the_verdict_has_passed(void **state)
{
	struct hall *hall = *state;
	struct run run;

	begin(hall, &run, "    - {kind: vanish, operation: finish}\n", 1, "6", hall_seed(30));
	hall_all_passed(hall, &run, DEVICES);
	hall_done(&run);
}

/* The flash is torn wherever the cut meets a write; the delays walk through the erase and the octets. */
static void a_power_cut_at_any_operation_and_instant_costs_no_device(void **state)
{
	static const char *const operations[] = { "status", "selftest", "key",	"identity", "credentials",
						  "commit", "verify",	"seal", "finish" };
	static const unsigned delays_us[] = { 0, 1500, 20000, 46000, 50500, 52000, 80000, 150000 };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(40);

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		char faults[800] = "";
		struct run run;

		for (size_t k = 0; k < sizeof(delays_us) / sizeof(delays_us[0]); k++) {
			size_t at = strlen(faults);

			snprintf(faults + at, sizeof(faults) - at,
				 "    - {kind: power-cut, operation: %s, after: %uus, off: 500ms}\n", operations[i],
				 delays_us[k]);
		}
		begin(hall, &run, faults, 2, "1, 6", seed + i);
		if (run.result.summary.passed != DEVICES)
			print_error("power cuts at %s\n", operations[i]);
		hall_all_passed(hall, &run, DEVICES);
		/* Nobody got a second certificate for his trouble. */
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM cert"), DEVICES);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM pin"), DEVICES);
		hall_done(&run);
	}
}

static void a_device_without_the_batch_key_stays_out(void **state)
{
	struct hall *hall = *state;
	struct run run;

	begin(hall, &run, "    - {kind: wrong-batch-key, count: 2}\n", 1, "6", hall_seed(50));
	assert_int_equal(run.result.summary.passed, DEVICES - 2);
	assert_int_equal(run.result.summary.missing, 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit"), DEVICES - 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM cert"), DEVICES - 2);
	hall_check(hall, &run);
	hall_done(&run);
}

static void another_product_is_quarantined_at_once(void **state)
{
	struct hall *hall = *state;
	struct run run;

	one_ends(hall, "kind: wrong-product", "quarantined", "wrong-product", hall_seed(60));
	begin(hall, &run, "    - {kind: wrong-product}\n", 1, "6", 61);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE cause_name = 'wrong-product'"), 1);
	hall_done(&run);
}

/* Of two devices with one device id at most one can have an identity, and somebody is told. */
static void a_clone_is_noticed_and_gets_nothing(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(70);
	unsigned clones = 0;

	for (unsigned i = 0; i < 6; i++) {
		struct run run;
		int64_t noticed;

		begin(hall, &run, "    - {kind: clone}\n", 1, "6", seed + i);
		noticed = hall_ask(&run, "SELECT count(*) FROM sighting WHERE verdict = 'duplicate-device'");
		if (hall_ask(&run, "SELECT count(*) FROM unit") < DEVICES) { /* the first device has none before it */
			clones++;
			assert_true(noticed >= 1);
			assert_int_equal(run.result.summary.quarantined + run.result.summary.passed, DEVICES - 1);
			/* Also when it was noticed before its first attempt. */
			assert_int_equal(hall_count(&run, "quarantined", "duplicate-device"),
					 run.result.summary.quarantined);
			assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit"), DEVICES - 1);
			assert_true(hall_count(&run, "passed", "ok") >= DEVICES - 2);
		}
		hall_check(hall, &run);
		hall_done(&run);
	}
	assert_true(clones >= 4);
}

static void a_weak_signal_hurts_its_device_alone(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(80);

	for (unsigned i = 0; i < 4; i++) {
		struct run run;
		int64_t others;

		begin(hall, &run, "    - {kind: weak-signal}\n", 1, "6", seed + i);
		others = hall_count(&run, "passed", "ok");
		assert_true(others >= DEVICES - 1);
		if (others < DEVICES)
			assert_true(hall_ask(&run, "SELECT (SELECT count(*) FROM unit WHERE side = 'air') + "
						   "(SELECT count(*) FROM sighting WHERE verdict = 'weak')") > 0 ||
				    run.result.summary.missing == 1);
		hall_check(hall, &run);
		hall_done(&run);
	}
}

static void nobody_minds(struct hall *hall, const char *faults, uint64_t seed)
{
	struct run run;

	begin(hall, &run, faults, 1, "6", seed);
	hall_all_passed(hall, &run, DEVICES);
	assert_int_equal(
		hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome <> 'pass' AND side NOT IN ('air', 'power')"),
		0);
	hall_done(&run);
}

static void garbage_on_the_air_changes_no_outcome(void **state)
{
	uint64_t seed = hall_seed(90);

	for (unsigned i = 0; i < 3; i++)
		nobody_minds(*state, "    - {kind: garbage, count: 400, after: 100ms}\n", seed + i);
}

static void replayed_frames_change_no_outcome(void **state)
{
	uint64_t seed = hall_seed(100);

	for (unsigned i = 0; i < 3; i++)
		nobody_minds(*state, "    - {kind: replay, count: 400, after: 100ms}\n", seed + i);
}

static void a_rogue_station_commands_nobody(void **state)
{
	uint64_t seed = hall_seed(110);

	for (unsigned i = 0; i < 3; i++)
		nobody_minds(*state, "    - {kind: rogue-station, count: 10, after: 50ms}\n", seed + i);
}

static void a_lost_radio_counts_against_no_device(void **state)
{
	static const char *const when[] = { "1ms", "500ms", "700ms", "900ms" };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(120);

	for (unsigned radios = 1; radios <= 2; radios++)
		for (size_t i = 0; i < sizeof(when) / sizeof(when[0]); i++) {
			struct run run;
			char faults[100];

			snprintf(faults, sizeof(faults), "    - {kind: radio-lost, after: %s, off: 3s}\n", when[i]);
			begin(hall, &run, faults, radios, "1, 6", seed + i);
			if (run.result.summary.passed != DEVICES)
				print_error("%u radios, lost after %s\n", radios, when[i]);
			hall_all_passed(hall, &run, DEVICES);
			assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state <> 'passed'"), 0);
			hall_done(&run);
		}
}

static void everything_at_once_leaves_a_record_that_holds(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(130);

	for (unsigned i = 0; i < 4; i++) {
		struct run run;

		hall_job(
			hall, &run,
			&(struct shape){
				.devices = 40,
				.radios = 3,
				.channels = "1, 6, 11, 36",
				.loss = "10%",
				.arrival = "20ms",
				.faults = "    - {kind: selftest, count: 2}\n"
					  "    - {kind: storage, operation: seal}\n"
					  "    - {kind: vanish, operation: key}\n"
					  "    - {kind: power-cut, operation: commit, count: 3, after: 46ms, off: 1s}\n"
					  "    - {kind: wrong-product}\n"
					  "    - {kind: garbage, count: 200, after: 200ms}\n"
					  "    - {kind: replay, count: 200, after: 300ms}\n"
					  "    - {kind: rogue-station, count: 3, after: 1s}\n"
					  "    - {kind: radio-lost, after: 800ms, off: 1s}\n" },
			seed + i);
		hall_run(hall, &run);
		assert_true(run.result.summary.passed >= 32);
		assert_int_equal(hall_count(&run, "quarantined", "selftest-failed"), 2);
		assert_int_equal(hall_count(&run, "quarantined", "wrong-product"), 1);
		hall_check(hall, &run);
		hall_done(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failing_selftest_is_tried_twice_and_quarantined),
		cmocka_unit_test(a_storage_that_does_not_write_is_found_at_each_operation),
		cmocka_unit_test(a_device_that_vanishes_at_any_operation_fails_with_no_answer),
		cmocka_unit_test(a_device_that_vanishes_at_the_verdict_has_passed),
		cmocka_unit_test(a_power_cut_at_any_operation_and_instant_costs_no_device),
		cmocka_unit_test(a_device_without_the_batch_key_stays_out),
		cmocka_unit_test(another_product_is_quarantined_at_once),
		cmocka_unit_test(a_clone_is_noticed_and_gets_nothing),
		cmocka_unit_test(a_weak_signal_hurts_its_device_alone),
		cmocka_unit_test(garbage_on_the_air_changes_no_outcome),
		cmocka_unit_test(replayed_frames_change_no_outcome),
		cmocka_unit_test(a_rogue_station_commands_nobody),
		cmocka_unit_test(a_lost_radio_counts_against_no_device),
		cmocka_unit_test(everything_at_once_leaves_a_record_that_holds),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
