/*
 * Whoever else is on the air: devices that claim another's id at every point in time, ids that no record takes, access
 * points that copy a label, frames in others' names. What strangers do costs time and nobody else's verdict, and each
 * verdict that they cause has a name on record.
 */
#include <sys/stat.h>

#include "tests/line/hall.h"

#define VIA(method) "{method: " method ", ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\"}}"
#define PINNED                                                                                                         \
	"{method: https, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\", certificate: pinned}}"
#define BY_LIST                                                                                                        \
	"{method: micro-ap, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{serial}\", labels: "            \
	"\"hostile.csv\"}}"

static int64_t sightings(const struct run *run, const char *verdict)
{
	char sql[120];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM sighting WHERE verdict = '%s'", verdict);
	return hall_ask(run, sql);
}

static void run_one(struct hall *hall, struct run *run, const struct shape *shape, uint64_t seed)
{
	hall_job(hall, run, shape, seed);
	hall_run(hall, run);
	hall_check(hall, run);
}

/*
 * One of eight has the id of the one before it. It comes a little later each time, and the others lose their power or
 * are thrown out meanwhile, so that some claim falls between two attempts of the unit, some into one, some behind it.
 */
static void a_claimed_id_at_any_time_takes_nothing_from_anybody(void **state)
{
	static const char *const ways[] = { VIA("micro-ap"), VIA("pin"), PINNED, NULL };
	static const char *const operations[] = { "identity", "key", "credentials", "commit" };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(100);
	unsigned noticed = 0;

	for (unsigned i = 0; i < 40; i++) {
		char faults[300];
		struct run run;

		snprintf(faults, sizeof(faults),
			 "    - {kind: clone, count: 2, after: %ums}\n"
			 "    - {kind: power-cut, count: 4, operation: %s, off: %ums}\n",
			 i * 150, operations[i / 4 % 4], 300 + i % 5 * 600);
		run_one(hall, &run, &(struct shape){ .devices = 8, .credentials = ways[i % 4], .faults = faults },
			seed + i);
		/* Six ids are there. Over action frames two devices of one id are both quarantined. */
		if (run.result.summary.passed < (ways[i % 4] ? 6 : 4))
			print_error("%u passed of case %u\n", run.result.summary.passed, i);
		assert_true(run.result.summary.passed >= (ways[i % 4] ? 6u : 4u));
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'quarantined' AND cause_name "
						"<> 'duplicate-device'"),
				 0);
		noticed += sightings(&run, "duplicate-device") > 0;
		hall_done(&run);
	}
	assert_true(noticed >= 20);
}

static void an_id_of_zeros_or_ones_ends_its_device_alone(void **state)
{
	static const char *const ways[] = { VIA("micro-ap"), VIA("pin"), PINNED };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(200);

	for (size_t i = 0; i < 3; i++) {
		struct run run;

		run_one(hall, &run,
			&(struct shape){
				.devices = 12, .credentials = ways[i], .faults = "    - {kind: zero-id, count: 4}\n" },
			seed + i);
		assert_int_equal(run.result.summary.passed, 8);
		assert_int_equal(run.result.summary.failed, 4);
		assert_int_equal(sightings(&run, "record-refused"), 4);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit"), 8);
		/* The record takes the next run as well. */
		hall_run(hall, &run);
		assert_int_equal(run.result.summary.passed, 8);
		hall_done(&run);
	}
}

static void labels_by_ssid(struct hall *hall, unsigned count)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/hostile.csv", hall->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fputs("ssid,passphrase\n", f);
	for (unsigned i = 0; i < count; i++)
		fprintf(f, "AC-%06u,the secret of %u\n", i, i);
	assert_int_equal(fclose(f), 0);
}

static void copies_of_a_label_cost_no_device_its_place(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(300);

	labels_by_ssid(hall, 8);
	for (unsigned i = 0; i < 3; i++) {
		struct run run;

		run_one(hall, &run,
			&(struct shape){ .devices = 8,
					 .credentials = BY_LIST,
					 .arrival = i ? "400ms" : "together",
					 .faults = "    - {kind: fake-ap, count: 20}\n" },
			seed + i);
		assert_int_equal(run.result.summary.passed, 8);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit"), 8);
		hall_done(&run);
	}
}

/* The device before it, and it, under one address: whatever becomes of them, the record says why. */
static void two_of_one_address_are_told_apart_before_both_are_spoilt(void **state)
{
	static const char *const ways[] = { NULL, VIA("micro-ap"), VIA("pin"), PINNED };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(400);

	for (unsigned i = 0; i < 12; i++) {
		char faults[100];
		struct run run;

		snprintf(faults, sizeof(faults), "    - {kind: same-address, after: %ums}\n", i / 4 * 1200);
		run_one(hall, &run, &(struct shape){ .devices = 6, .credentials = ways[i % 4], .faults = faults },
			seed + i);
		/* The first device has none before it. */
		assert_true(sightings(&run, "duplicate-address") > 0 || run.result.summary.passed == 6);
		assert_true(run.result.summary.passed >= 4);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state <> 'passed' AND cause_name <> "
						"'duplicate-address'"),
				 0);
		hall_done(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claimed_id_at_any_time_takes_nothing_from_anybody),
		cmocka_unit_test(an_id_of_zeros_or_ones_ends_its_device_alone),
		cmocka_unit_test(two_of_one_address_are_told_apart_before_both_are_spoilt),
		cmocka_unit_test(copies_of_a_label_cost_no_device_its_place),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
