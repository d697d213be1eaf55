/*
 * How long lots take, in virtual time, from seeds: the demo, and one lot of each method. A lot that has become a fifth
 * slower than it was when this was written fails here, for the makespan is what the station is for. Who makes a lot
 * faster writes the new figure down.
 */
#include "tests/line/hall.h"

#define SLACK 1.2

#define VIA(method) "{method: " method ", ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\"}}"
#define WPS(method) "{method: " method ", ssid: \"hall\", security: wpa2, weak-ok: true}"
#define PINNED                                                                                                         \
	"{method: https, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\", certificate: pinned}}"

static double seconds(const struct run *run) { return (double)run->result.summary.makespan_us / 1e6; }

static void no_slower_than(const char *what, double takes_s, double was_s)
{
	printf("           %s: %.2f s, was %.2f s\n", what, takes_s, was_s);
	if (takes_s > was_s * SLACK)
		fail_msg("%s: %.2f s; it took %.2f s", what, takes_s, was_s);
}

/* As `make demo` runs it: its faults are drawn by the job's seed, its keys are the hall's. */
static void the_demo_takes_no_longer_than_it_did(void **state)
{
	struct hall *hall = *state;
	struct job_errors errors = { 0 };
	struct run run = { 0 };
	double bound_s;

	snprintf(run.db, sizeof(run.db), "%s/demo.db", hall->dir);
	run.job = job_load("config/jobs/demo.yaml", &errors);
	if (!run.job)
		fail_msg("%s", errors.text[0]);
	hall_run(hall, &run);
	assert_true(run.result.summary.passed >= 194);
	bound_s = (double)run.result.summary.bound.bound_us / 1e6;
	assert_true(seconds(&run) >= bound_s);
	no_slower_than("the demo", seconds(&run), 17.25);
	/* The ratio that the summary prints: a lot that has become easier has to become faster, too. */
	assert_true(seconds(&run) <= bound_s * 1.41 * SLACK);
	hall_done(&run);
}

static const struct lot {
	const char *what;
	struct shape shape;
	double was_s; /* the mean of SEEDS lots */
	unsigned lost;
} lots[] = {
	{ "direct, 60 devices, 4 radios, 6 channels",
	  { .devices = 60, .radios = 4, .channels = "1, 6, 11, 36, 44, 149", .profile = "mt7612u" },
	  2.09,
	  0 },
	{ "direct, 30 devices, one radio that goes round",
	  { .devices = 30, .channels = "1, 6, 11", .profile = "mt7612u" },
	  3.70,
	  0 },
	{ "micro-ap, 20 devices, 2 radios",
	  { .devices = 20, .radios = 2, .channels = "1, 6", .credentials = VIA("micro-ap") },
	  5.22,
	  0 },
	{ "pin, 20 devices, 2 radios",
	  { .devices = 20, .radios = 2, .channels = "1, 6", .credentials = VIA("pin") },
	  5.33,
	  0 },
	{ "https, 20 devices, 2 radios",
	  { .devices = 20, .radios = 2, .channels = "1, 6", .credentials = PINNED },
	  4.91,
	  0 },
	{ "https, 45 devices at once, one radio", { .devices = 45, .credentials = PINNED }, 7.81, 0 },
	{ "direct, 20 devices, two vanish",
	  { .devices = 20,
	    .radios = 2,
	    .channels = "1, 6, 11",
	    .faults = "    - {kind: vanish, count: 2, operation: credentials, after: 5ms}\n" },
	  12.42,
	  2 },
	{ "wps-pbc, 4 devices",
	  { .devices = 4, .credentials = WPS("wps-pbc"), .recipe = "credentials, verify" },
	  1.37,
	  0 },
	{ "wps-pin, 10 devices",
	  { .devices = 10, .credentials = WPS("wps-pin"), .recipe = "credentials, verify" },
	  0.85,
	  0 },
};
#define SEEDS 3u

static void no_method_takes_longer_than_it_did(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(7000);

	for (size_t i = 0; i < sizeof(lots) / sizeof(lots[0]); i++) {
		double sum_s = 0;

		for (unsigned n = 0; n < SEEDS; n++) {
			struct run run;

			hall_job(hall, &run, &lots[i].shape, seed + n);
			hall_run(hall, &run);
			assert_int_equal(run.result.summary.passed, lots[i].shape.devices - lots[i].lost);
			sum_s += seconds(&run);
			hall_done(&run);
		}
		no_slower_than(lots[i].what, sum_s / SEEDS, lots[i].was_s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_demo_takes_no_longer_than_it_did),
		cmocka_unit_test(no_method_takes_longer_than_it_did),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
