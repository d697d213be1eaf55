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

/* A list with mac and ssid, of devices that do not say their names. */
static void hidden_devices_are_found_by_their_labels(void **state)
{
	struct hall *hall = *state;
	char path[160];
	struct run run;
	FILE *f;

	snprintf(path, sizeof(path), "%s/hidden.csv", hall->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fputs("mac,ssid,passphrase\n", f);
	for (unsigned i = 1; i <= 6; i++)
		fprintf(f, "06:4d:00:00:00:%02x,box number %u,the secret of %u\n", i, i, i);
	assert_int_equal(fclose(f), 0);
	run_one(hall, &run,
		&(struct shape){ .devices = 6,
				 .credentials = "{method: micro-ap, ssid: \"hall\", security: wpa2, access_point: "
						"{ssid: \"AC-{serial}\", labels: \"hidden.csv\"}}",
				 .faults = "    - {kind: hidden, count: 6}\n" },
		hall_seed(500));
	hall_all_passed(hall, &run, 6);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt"), 6);
	hall_done(&run);
}

/* The verdict did not reach them, and they call again while others are at work: they are told. */
static void told_again(struct hall *hall, const char *way, const char *said, uint64_t seed)
{
	char *text = NULL;
	size_t len = 0;
	struct log log = { .to = open_memstream(&text, &len) };
	struct batch_options o;
	unsigned told = 0;
	struct run run;

	log_level_all(&log, LOG_DEBUG);
	hall_job(hall, &run,
		 &(struct shape){ .devices = 8,
				  .credentials = way,
				  .arrival = "1s",
				  .faults = "    - {kind: power-cut, operation: finish, count: 8, off: 300ms}\n" },
		 seed);
	o = hall_options(hall, &run);
	o.log = &log;
	if (batch_run(&o, &run.result, run.error, sizeof(run.error)) != 0)
		fail_msg("%s", run.error);
	fclose(log.to);
	hall_all_passed(hall, &run, 8);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt"), 8);
	for (const char *at = text; (at = strstr(at, said)); at++)
		told++;
	if (told < 4)
		fail_msg("%s: %u of 8 were told again", way ? way : "direct", told);
	free(text);
	hall_done(&run);
}

static void a_sealed_device_that_missed_its_verdict_is_told_again(void **state)
{
	static const char *const ways[] = { VIA("micro-ap"), VIA("pin"), PINNED };
	uint64_t seed = hall_seed(600);

	told_again(*state, NULL, "handshake -> verdict", seed);
	for (size_t i = 0; i < 3; i++)
		told_again(*state, ways[i], "status -> verdict", seed + i);
}

/* A lot of eight among whatever strangers the seed draws: all that are no strangers are served. */
static void any_mixture_of_strangers_costs_no_device(void **state)
{
	static const char *const ways[] = { NULL, VIA("micro-ap"), VIA("pin"), PINNED, BY_LIST };
	static const char *const of_aps[] = { "fake-ap", "forged-deauth", "hidden" };
	static const char *const of_all[] = { "garbage", "replay", "rogue-station" };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(700);

	labels_by_ssid(hall, 8);
	for (unsigned i = 0; i < 20; i++) {
		struct entropy *entropy = entropy_create_seeded(seed + i, "knobs");
		const char *way = ways[entropy_below(entropy, 5)];
		unsigned after = (unsigned)entropy_below(entropy, 3000);
		char faults[400];
		struct run run;

		snprintf(faults, sizeof(faults), "    - {kind: %s, count: %u, after: %ums}\n",
			 of_all[entropy_below(entropy, 3)], 1 + (unsigned)entropy_below(entropy, 20), after);
		for (unsigned k = 0; way && k < 2; k++)
			snprintf(faults + strlen(faults), sizeof(faults) - strlen(faults),
				 "    - {kind: %s, count: %u, after: %ums}\n",
				 of_aps[entropy_below(entropy, way == ways[4] ? 2 : 3)],
				 1 + (unsigned)entropy_below(entropy, 4), (unsigned)entropy_below(entropy, 3000));
		run_one(hall, &run,
			&(struct shape){ .devices = 8,
					 .credentials = way,
					 .attempts = "6",
					 .arrival = entropy_below(entropy, 2) ? "200ms" : NULL,
					 .faults = faults },
			seed + i);
		if (run.result.summary.passed != 8)
			print_error("seed %llu, %s:\n%s%u passed\n", (unsigned long long)(seed + i),
				    way ? way : "direct", faults, run.result.summary.passed);
		assert_int_equal(run.result.summary.passed, 8);
		hall_done(&run);
		entropy_destroy(entropy);
	}
}

/* `millrace audit failures`, as a person reads it. The caller frees it. */
static char *failures(const struct run *run)
{
	const char *bin = getenv("MILLRACE_BIN");
	char command[300], *text = calloc(1, 65536);
	FILE *f;

	assert_non_null(text);
	snprintf(command, sizeof(command), "%s audit failures --db %s", bin ? bin : "build/millrace", run->db);
	f = popen(command, "r");
	assert_non_null(f);
	(void)!fread(text, 1, 65535, f);
	assert_int_equal(pclose(f), 0);
	return text;
}

/* Who looks afterwards finds each stranger with a word for what was wrong with him. */
static void each_verdict_that_a_stranger_causes_is_among_the_failures(void **state)
{
	static const struct {
		const char *way, *faults, *verdict;
	} rows[] = {
		{ BY_LIST, "    - {kind: fake-ap, count: 20}\n", "crowded" },
		{ VIA("micro-ap"), "    - {kind: zero-id, count: 2}\n", "record-refused" },
		{ VIA("pin"), "    - {kind: clone, count: 2, after: 1500ms}\n", "duplicate-device" },
		{ VIA("micro-ap"), "    - {kind: same-address, after: 1200ms}\n", "duplicate-address" },
	};
	struct hall *hall = *state;
	uint64_t seed = hall_seed(800);

	labels_by_ssid(hall, 8);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned found = 0;
		struct run run;

		for (unsigned k = 0; k < 4; k++) { /* not each seed lets them meet */
			char *text;

			run_one(hall, &run,
				&(struct shape){ .devices = 8, .credentials = rows[i].way, .faults = rows[i].faults },
				seed + k);
			text = failures(&run);
			assert_true((strstr(text, rows[i].verdict) != NULL) == (sightings(&run, rows[i].verdict) > 0));
			found += strstr(text, rows[i].verdict) != NULL;
			free(text);
			hall_done(&run);
		}
		if (found == 0)
			fail_msg("%s is not among the failures", rows[i].verdict);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claimed_id_at_any_time_takes_nothing_from_anybody),
		cmocka_unit_test(an_id_of_zeros_or_ones_ends_its_device_alone),
		cmocka_unit_test(two_of_one_address_are_told_apart_before_both_are_spoilt),
		cmocka_unit_test(hidden_devices_are_found_by_their_labels),
		cmocka_unit_test(a_sealed_device_that_missed_its_verdict_is_told_again),
		cmocka_unit_test(any_mixture_of_strangers_costs_no_device),
		cmocka_unit_test(copies_of_a_label_cost_no_device_its_place),
		cmocka_unit_test(each_verdict_that_a_stranger_causes_is_among_the_failures),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
