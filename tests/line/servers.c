/*
 * Devices whose servers are busy, hang up or never come to an end, and strangers who answer in their place: each lot
 * ends in time, every verdict says what was wrong, and nobody who did nothing wrong is put aside.
 */
#include "tests/line/hall.h"

#include <signal.h>

#define VIA(method) "{method: " method ", ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\"}}"
#define PINNED                                                                                                         \
	"{method: https, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\", certificate: pinned}}"
#define SECOND_US UINT64_C(1000000)

static const char *const ways[] = { VIA("micro-ap"), VIA("pin"), PINNED };
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* Five sound ones and one that is not: what becomes of it, and how long the lot takes. */
static void one_is_odd(struct hall *hall, const char *fault, const char *credentials, const char *cause, uint64_t seed)
{
	char faults[80], sql[160];
	struct run run;

	snprintf(faults, sizeof(faults), "    - {kind: %s, count: 1}\n", fault);
	hall_job(hall, &run, &(struct shape){ .devices = 6, .credentials = credentials, .faults = faults }, seed);
	hall_run(hall, &run);
	assert_int_equal(run.result.summary.passed, 5);
	assert_int_equal(run.result.summary.quarantined, 0);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM sighting WHERE verdict = '%s'", cause);
	assert_int_equal(hall_count(&run, "failed", cause) + hall_ask(&run, sql), 1);
	assert_true(run.result.summary.makespan_us < 900 * SECOND_US);
	hall_check(hall, &run);
	hall_done(&run);
}

static void a_server_that_is_always_busy_is_one_thing_by_any_method(void **state)
{
	for (size_t i = 0; i < WAYS; i++)
		one_is_odd(*state, "busy", ways[i], "busy", hall_seed(2000) + i);
}

static void a_server_that_hangs_up_for_ever_does_not_hold_its_session(void **state)
{
	for (size_t i = 0; i < WAYS; i++)
		one_is_odd(*state, "hangs-up", ways[i], i < 2 ? "link-lost" : "busy", hall_seed(2010) + i);
}

/* Each octet of an answer is a sign of life. A thousand of them are not an answer. */
static void a_server_that_never_comes_to_an_end_does_not_hold_its_session(void **state)
{
	for (size_t i = 0; i < 2; i++)
		one_is_odd(*state, "trickles", ways[i], "no-answer", hall_seed(2020) + i);
}

static void a_strangers_refusal_costs_time_and_no_device(void **state)
{
	struct hall *hall = *state;
	struct run run;

	hall_job(hall, &run,
		 &(struct shape){
			 .devices = 6, .credentials = VIA("pin"), .faults = "    - {kind: forged, count: 6}\n" },
		 hall_seed(2030));
	hall_run(hall, &run);
	hall_all_passed(hall, &run, 6);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome <> 'pass'"), 0);
	hall_done(&run);
}

static void firmware_that_signs_too_little_is_refused_with_words(void **state)
{
	struct hall *hall = *state;
	struct run run;

	hall_job(hall, &run,
		 &(struct shape){ .devices = 4,
				  .credentials = VIA("micro-ap"),
				  .faults = "    - {kind: old-firmware, count: 1}\n" },
		 hall_seed(2050));
	hall_run(hall, &run);
	assert_int_equal(run.result.summary.passed, 3);
	assert_int_equal(hall_count(&run, "quarantined", "firmware-old"), 1);
	hall_check(hall, &run);
	hall_done(&run);
}

/* Servers as they are sold. Each of these devices is sound, and passes in its first attempt. */
static void odd_servers_are_served(void **state)
{
	static const char faults[] = "    - {kind: other-gateway, count: 1}\n    - {kind: dhcp-terse, count: 1}\n"
				     "    - {kind: dhcp-overload, count: 1}\n    - {kind: dhcp-slow, count: 1}\n"
				     "    - {kind: blank-line, count: 1}\n";
	static const char *const patiences[] = { "4s", "1s" };
	struct hall *hall = *state;

	for (size_t i = 0; i < 4; i++) {
		struct run run;

		hall_job(hall, &run,
			 &(struct shape){ .devices = 6,
					  .credentials = ways[i % 2],
					  .patience = patiences[i / 2],
					  .faults = faults },
			 hall_seed(2060) + i);
		hall_run(hall, &run);
		hall_all_passed(hall, &run, 6);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt"), 6);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM sighting"), 0);
		hall_done(&run);
	}
}

/* Nobody vouches for the number of rounds: more than the job's are not worked for, and harm nobody else. */
static void a_device_does_not_choose_how_long_the_station_computes(void **state)
{
	one_is_odd(*state, "many-rounds", VIA("pin"), "unsupported", hall_seed(2070));
}

static void interrupt_at_the_first(void *ctx, const struct line_event *event)
{
	unsigned *events = ctx;

	(void)event;
	if (++*events == 1)
		kill(getpid(), SIGINT);
}

/* The one in hand never answers and never falls silent: the first Ctrl-C waits for it, but not for ever. */
static void a_graceful_stop_has_an_end(void **state)
{
	static const char *const faults[] = { "busy", "trickles" };
	struct hall *hall = *state;

	for (size_t i = 0; i < 2; i++) {
		char lines[80];
		struct run run;
		int status;
		pid_t child;

		snprintf(lines, sizeof(lines), "    - {kind: %s, count: 3}\n", faults[i]);
		hall_job(hall, &run, &(struct shape){ .devices = 3, .credentials = VIA("pin"), .faults = lines },
			 hall_seed(2040) + i);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct batch_options o = hall_options(hall, &run);
			unsigned events = 0;

			o.ctx = &events;
			o.event = interrupt_at_the_first;
			o.signals = true;
			(void)alarm(60);
			if (batch_run(&o, &run.result, run.error, sizeof(run.error)) != 0)
				_exit(8);
			_exit(run.result.interrupted && run.result.summary.in_flight == 0 ? 0 : 7);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		hall_done(&run);
	}
}

/* A server that has no time is asked again later, and until then its radio is free for the devices of other channels.
 */
static void one_that_is_busy_holds_no_radio(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1600);

	for (unsigned i = 0; i < 3; i++) {
		struct run run;

		hall_job(
			hall, &run,
			&(struct shape){ .devices = 12,
					 .channels = "1, 11",
					 .profile = "mt7610u",
					 .attempts = "2",
					 .credentials = "{method: https, ssid: \"hall\", security: wpa2, access_point: "
							"{ssid: \"AC-{mac}\", certificate: pinned}}",
					 .faults = "    - {kind: busy, count: 3}\n" },
			seed + i);
		hall_run(hall, &run);
		hall_check(hall, &run);
		assert_int_equal(run.result.summary.passed, 9);
		assert_true(hall_ask(&run, "SELECT max(after_us) FROM v_pass") < 60000000);
		hall_done(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_that_is_always_busy_is_one_thing_by_any_method),
		cmocka_unit_test(a_server_that_hangs_up_for_ever_does_not_hold_its_session),
		cmocka_unit_test(a_server_that_never_comes_to_an_end_does_not_hold_its_session),
		cmocka_unit_test(a_strangers_refusal_costs_time_and_no_device),
		cmocka_unit_test(odd_servers_are_served),
		cmocka_unit_test(firmware_that_signs_too_little_is_refused_with_words),
		cmocka_unit_test(a_device_does_not_choose_how_long_the_station_computes),
		cmocka_unit_test(a_graceful_stop_has_an_end),
		cmocka_unit_test(one_that_is_busy_holds_no_radio),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
