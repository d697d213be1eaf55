/*
 * Behind SEAL: the device may carry its certificate for good, and the station has no receipt. The record shows that
 * until it is known: when the device is heard again in the same session, in a later one, or in another lot.
 */
#include "tests/line/hall.h"

#define DEVICES 5

#define VIA(method)                                                                                                    \
	"\n  method: " method "\n  ssid: \"hall\"\n  security: wpa2\n  join: true\n  access_point: {ssid: "            \
	"\"AC100-{mac}\", secrets: labels}"
#define PINNED                                                                                                         \
	"\n  method: https\n  ssid: \"hall\"\n  security: wpa2\n  join: true\n  access_point: {ssid: "                 \
	"\"AC100-{mac}\", "                                                                                            \
	"secrets: labels, certificate: pinned}"

static const struct {
	const char *name, *credentials;
} ways[] = { { "direct", NULL }, { "micro-ap", VIA("micro-ap") }, { "pin", VIA("pin") }, { "https", PINNED } };

#define WAYS (sizeof(ways) / sizeof(ways[0]))
#define UNANSWERED "SELECT count(*) FROM v_orphan WHERE kind = 'seal-unanswered'"
#define LIVING "SELECT count(*) FROM cert WHERE void_us IS NULL AND revoked_us IS NULL"

/* Nothing was used twice, and who passed has one receipt's worth of proof. */
static void nothing_twice(const struct run *run, unsigned devices)
{
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM cert"), devices);
	assert_int_equal(hall_ask(run, LIVING), devices);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM pin"), devices);
	assert_int_equal(hall_ask(run, "SELECT count(DISTINCT txn) FROM txn WHERE operation = 'seal'"), devices);
}

static void cut(struct hall *hall, struct run *run, size_t way, const char *arrival, unsigned after_ms, const char *off,
		uint64_t seed)
{
	char faults[120];

	snprintf(faults, sizeof(faults), "    - {kind: power-cut, operation: seal, after: %ums, off: %s}\n", after_ms,
		 off);
	hall_job(hall, run,
		 &(struct shape){ .devices = DEVICES,
				  .credentials = ways[way].credentials,
				  .arrival = arrival,
				  .admission = ", quiet: 60s",
				  .attempts = "1",
				  .faults = faults },
		 seed);
	hall_run(hall, run);
}

/* The lot ends without it; the same lot, run again, finds it as it is. */
static void one_that_went_behind_seal_is_an_orphan_until_the_next_session_hears_it(void **state)
{
	static const unsigned after_ms[] = { 0, 5, 60, 120, 200 };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(700);

	for (size_t way = 0; way < WAYS; way++) {
		unsigned orphans = 0;

		for (size_t i = 0; i < sizeof(after_ms) / sizeof(after_ms[0]); i++) {
			struct run run;
			unsigned left;

			cut(hall, &run, way, "together", after_ms[i], "10min", seed + i);
			left = DEVICES - run.result.summary.passed;
			assert_in_range(left, 0, 1);
			assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'failed'"), left);
			assert_int_equal(hall_ask(&run, UNANSWERED), left);
			assert_int_equal(hall_ask(&run, LIVING), DEVICES);
			orphans += left;
			run.job->sim_fault_count = 0; /* the same job to its last octet, and better days */
			if (left)
				hall_run(hall, &run);
			if (run.result.summary.passed != DEVICES)
				print_error("%s, %u ms behind SEAL\n", ways[way].name, after_ms[i]);
			hall_all_passed(hall, &run, DEVICES);
			nothing_twice(&run, DEVICES);
			assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_orphan"), 0);
			hall_done(&run);
		}
		assert_true(orphans > 0);
	}
}

/* It comes back when it has failed already, and others are still in hand. */
static void one_that_comes_back_late_is_taken_up_again(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(720);

	for (size_t way = 0; way < WAYS; way++) {
		unsigned taken_up = 0;

		for (uint64_t i = 0; i < 3; i++) {
			struct run run;

			cut(hall, &run, way, "15s", 60, "25s", seed + i);
			/* The last of all: nobody waits for it, and the run is over. */
			if (hall_ask(&run, UNANSWERED) == 0) {
				hall_all_passed(hall, &run, DEVICES);
				/* It had failed, was found, and went on where it was. */
				assert_int_equal(hall_ask(&run,
							  "SELECT count(*) FROM attempt WHERE kind = 'resume' AND "
							  "outcome = 'pass'"),
						 1);
				taken_up++;
			}
			nothing_twice(&run, DEVICES);
			hall_done(&run);
		}
		if (taken_up == 0)
			fail_msg("%s: none was taken up again", ways[way].name);
	}
}

/* Another lot on the same record: it has what it was given, and can be given nothing else. */
static void one_of_an_earlier_lot_is_finished_in_the_next(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(740);

	for (size_t way = 0; way < WAYS; way++) {
		struct run first, second;

		cut(hall, &first, way, "together", 60, "10min", seed);
		assert_int_equal(hall_ask(&first, UNANSWERED), 1);
		hall_job(hall, &second,
			 &(struct shape){ .devices = DEVICES,
					  .credentials = ways[way].credentials,
					  .admission = ", quiet: 20s" },
			 seed);
		memcpy(second.db, first.db, sizeof(second.db));
		hall_run(hall, &second);
		if (hall_ask(&second, UNANSWERED) != 0)
			print_error("%s\n", ways[way].name);
		assert_int_equal(hall_ask(&second, UNANSWERED), 0);
		assert_int_equal(hall_ask(&second, "SELECT count(*) FROM unit WHERE state = 'passed'"), DEVICES);
		nothing_twice(&second, DEVICES);
		hall_check(hall, &second);
		job_destroy(first.job);
		hall_done(&second);
	}
}

/* The network of the next lot is another: what the sealed device holds is not what that lot gives, and a person is told
 * so in words that are not about a broken device. */
static void one_of_an_earlier_lot_with_another_network_is_told_apart_from_a_broken_one(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(760);
	struct run first, second;

	cut(hall, &first, 0, "together", 60, "10min", seed);
	assert_int_equal(hall_ask(&first, UNANSWERED), 1);
	hall_job(hall, &second,
		 &(struct shape){ .devices = DEVICES,
				  .credentials = "{method: direct, ssid: \"another hall\", security: wpa2}",
				  .admission = ", quiet: 20s" },
		 seed);
	memcpy(second.db, first.db, sizeof(second.db));
	hall_run(hall, &second);
	assert_int_equal(hall_count(&second, "quarantined", "sealed-elsewhere"), 1);
	assert_int_equal(hall_ask(&second, "SELECT count(*) FROM attempt WHERE cause_name = 'digest-mismatch'"), 0);
	assert_int_equal(hall_ask(&second, "SELECT count(*) FROM unit WHERE state = 'passed'"), DEVICES - 1);
	nothing_twice(&second, DEVICES);
	job_destroy(first.job);
	hall_done(&second);
}

/* Whether it is sealed is unknown as long as it is away: the auditor is told, each time that he asks. */
static void one_that_never_comes_back_stays_an_orphan(void **state)
{
	struct hall *hall = *state;
	struct verify verify = { .found = hall_found, .noted = hall_noted, .signature = hall_signature, .ctx = hall };
	char error[300];
	struct run run;
	sqlite3 *db;

	hall_job(hall, &run,
		 &(struct shape){ .devices = DEVICES,
				  .attempts = "1",
				  .faults = "    - {kind: vanish, operation: seal, after: 1ms}\n" },
		 hall_seed(760));
	for (unsigned session = 0; session < 2; session++) {
		hall_run(hall, &run);
		assert_int_equal(hall_count(&run, "failed", "no-answer"), 1);
		assert_int_equal(hall_ask(&run, UNANSWERED), 1);
		verify.findings = 0;
		assert_int_equal(reader_open(&db, run.db, error, sizeof(error)), 0);
		assert_int_equal(verify_record(db, &verify, error, sizeof(error)), 0);
		assert_int_equal(verify.findings, 1);
		sqlite3_close(db);
	}
	hall_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_went_behind_seal_is_an_orphan_until_the_next_session_hears_it),
		cmocka_unit_test(one_that_comes_back_late_is_taken_up_again),
		cmocka_unit_test(one_of_an_earlier_lot_is_finished_in_the_next),
		cmocka_unit_test(one_of_an_earlier_lot_with_another_network_is_told_apart_from_a_broken_one),
		cmocka_unit_test(one_that_never_comes_back_stays_an_orphan),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
