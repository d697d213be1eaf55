/*
 * The station dies at any instant: kill -9 at random points of a batch, then the same job again. The simulated devices
 * keep their flash (station/world/flash.h), so they are found as the dead station left them. Afterwards everybody has
 * passed, and nothing was used twice. Interrupts from the keyboard end with 130 and are gone on from likewise.
 */
#include "tests/line/hall.h"

#include <signal.h>
#include <time.h>

#include "station/command/command.h"

#define DEVICES 10
#define BY_EVENT 30 /* points: the n-th event of the line; they come back with the seed */
#define BY_TIME 20  /* points: an instant of real time, in the middle of a commit as well */

static const struct shape plain = { .devices = DEVICES, .radios = 2, .channels = "1, 6, 11", .loss = "5%" };

/* after this many events (of this step, if there is one) the process sends itself a signal, or two */
struct doom {
	unsigned left;
	int first, second;
	const char *step;
};

static void on_event(void *ctx, const struct line_event *event)
{
	struct doom *doom = ctx;

	if (doom->step && !(event->kind == LINE_STEP && strcmp(event->step, doom->step) == 0))
		return;
	if (doom->left == 0 || --doom->left > 0)
		return;
	kill(getpid(), doom->first);
	if (doom->second)
		kill(getpid(), doom->second);
}

static void count_event(void *ctx, const struct line_event *event)
{
	(void)event;
	++*(unsigned *)ctx;
}

static uint64_t real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Arms the kernel to kill this process, threads and all, when the time is up. */
static void die_after(uint64_t ns)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	struct itimerspec at = { .it_value = { .tv_sec = (time_t)(ns / 1000000000u),
					       .tv_nsec = (long)(ns % 1000000000u) } };
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &at, NULL) != 0)
		_exit(9);
}

/* A child runs the batch until its doom. True: it was killed; false: it had finished before. */
static bool run_until(const struct hall *hall, struct run *run, unsigned events, uint64_t ns)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct doom doom = { .left = events, .first = SIGKILL };
		struct batch_options o = hall_options(hall, run);

		o.ctx = &doom;
		o.event = on_event;
		if (ns)
			die_after(ns);
		_exit(batch_run(&o, &run->result, run->error, sizeof(run->error)) == 0 ? 0 : 8);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
		    (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	return WIFSIGNALED(status);
}

static void goes_on(struct hall *hall, struct run *run, const char *what, uint64_t point)
{
	hall_run(hall, run);
	if (run->result.summary.passed != DEVICES)
		print_error("killed at %s %llu: %u passed, %u failed, %u quarantined\n", what,
			    (unsigned long long)point, run->result.summary.passed, run->result.summary.failed,
			    run->result.summary.quarantined);
	hall_all_passed(hall, run, DEVICES);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM cert"), DEVICES);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM pin"), DEVICES);
}

static void a_station_killed_at_any_event_goes_on(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1000);
	struct entropy *dice = entropy_create_seeded(seed, "kill points");
	unsigned events = 0, killed = 0;
	struct batch_options o;
	struct run run;

	assert_non_null(dice);
	hall_job(hall, &run, &plain, seed);
	o = hall_options(hall, &run);
	o.ctx = &events;
	o.event = count_event;
	assert_int_equal(batch_run(&o, &run.result, run.error, sizeof(run.error)), 0);
	hall_all_passed(hall, &run, DEVICES);
	hall_done(&run);
	for (unsigned i = 0; i < BY_EVENT; i++) {
		unsigned at = 1 + (unsigned)entropy_below(dice, events);

		hall_job(hall, &run, &plain, seed);
		killed += run_until(hall, &run, at, 0);
		if (i % 3 == 0) /* and once more while it goes on */
			(void)run_until(hall, &run, 1 + (unsigned)entropy_below(dice, events / 2), 0);
		goes_on(hall, &run, "event", at);
		hall_done(&run);
	}
	assert_true(killed >= BY_EVENT - 2);
	entropy_destroy(dice);
}

/* Each record is a commit of its own, but for those that belong together: the step is told between the two. */
static void a_receipt_is_on_record_with_the_pass_or_not_at_all(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1003);

	for (unsigned i = 0; i < DEVICES; i++) {
		struct doom doom = { .left = i + 1, .first = SIGKILL, .step = "seal" };
		struct batch_options o;
		struct run run;
		int status;
		pid_t child;

		hall_job(hall, &run, &plain, seed);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			o = hall_options(hall, &run);
			o.ctx = &doom;
			o.event = on_event;
			o.one_by_one = true;
			_exit(batch_run(&o, &run.result, run.error, sizeof(run.error)) == 0 ? 0 : 8);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM receipt"),
				 hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed'"));
		goes_on(hall, &run, "seal", i);
		hall_done(&run);
	}
}

static void a_station_killed_at_any_instant_goes_on(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1001), whole_ns = real_ns();
	struct entropy *dice = entropy_create_seeded(seed, "kill instants");
	unsigned killed = 0;
	struct run run;

	assert_non_null(dice);
	hall_job(hall, &run, &plain, seed);
	hall_run(hall, &run);
	whole_ns = real_ns() - whole_ns;
	hall_done(&run);
	for (unsigned i = 0; i < BY_TIME; i++) {
		uint64_t ns = 1 + entropy_below(dice, whole_ns);

		hall_job(hall, &run, &plain, seed + i);
		killed += run_until(hall, &run, 0, ns);
		goes_on(hall, &run, "nanosecond", ns);
		hall_done(&run);
	}
	assert_true(killed > 0);
	entropy_destroy(dice);
}

/* Killed again and again until it is done: each life adds what it can, none takes anything back. */
static void a_station_killed_every_few_events_still_finishes(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1002);
	int64_t passed = 0;
	unsigned lives = 0;
	struct run run;

	hall_job(hall, &run, &(struct shape){ .devices = DEVICES, .arrival = "400ms", .attempts = "9" }, seed);
	while (run_until(hall, &run, 30, 0)) {
		int64_t now = hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed'");

		assert_true(now >= passed);
		passed = now;
		assert_true(++lives < 60);
	}
	goes_on(hall, &run, "life", lives);
	assert_true(lives >= 3);
	hall_done(&run);
}

/* --- the operator stops it --- */

/* The command itself. The signals wait until its loop asks for them; a second SIGINT would be merged with the first. */
static int run_command(const struct hall *hall, const struct run *run, int first, int second)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const char *const argv[] = { "run",    run->path,  "--db",    run->db,
					     "--keys", hall->keys, "--plain", "--no-compare" };
		char *args[sizeof(argv) / sizeof(argv[0]) + 1] = { 0 };
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGINT);
		sigaddset(&set, SIGTERM);
		sigprocmask(SIG_BLOCK, &set, NULL);
		if (first)
			kill(getpid(), first);
		if (second)
			kill(getpid(), second);
		for (size_t i = 0; i < sizeof(argv) / sizeof(argv[0]); i++)
			args[i] = strdup(argv[i]);
		if (!freopen("/dev/null", "w", stdout))
			_exit(9);
		_exit(command_run((int)(sizeof(argv) / sizeof(argv[0])), args));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void an_interrupted_command_ends_with_130_and_the_next_goes_on_to_0(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1010);

	for (int second = 0; second <= SIGTERM; second += SIGTERM) {
		struct run run;

		hall_job(hall, &run, &plain, seed);
		assert_int_equal(run_command(hall, &run, SIGINT, second), EXIT_INTERRUPTED);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome IS NULL"), 0);
		assert_int_equal(run_command(hall, &run, 0, 0), EXIT_ALL_WELL);
		hall_run(hall, &run);
		hall_all_passed(hall, &run, DEVICES);
		hall_done(&run);
	}
}

/* In the middle of the batch. Returns what the interrupted session left in the record as aborted. */
static int64_t interrupted(struct hall *hall, uint64_t seed, unsigned events, int second)
{
	int64_t aborted;
	struct run run;
	int status;
	pid_t child;

	hall_job(hall, &run, &plain, seed);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct doom doom = { .left = events, .first = SIGINT, .second = second };
		struct batch_options o = hall_options(hall, &run);

		o.ctx = &doom;
		o.event = on_event;
		o.signals = true;
		if (batch_run(&o, &run.result, run.error, sizeof(run.error)) != 0)
			_exit(8);
		_exit(run.result.interrupted && run.result.summary.in_flight == 0 ? 0 : 7);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome IS NULL"), 0);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'active'"), 0);
	aborted = hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome = 'aborted'");
	hall_run(hall, &run);
	hall_all_passed(hall, &run, DEVICES);
	hall_done(&run);
	return aborted;
}

static void one_interrupt_lets_the_devices_in_flight_finish(void **state)
{
	static const unsigned events[] = { 13, 25, 40, 55 };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1020);

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		assert_int_equal(interrupted(hall, seed + i, events[i], 0), 0);
}

static void a_second_interrupt_stops_at_once_and_says_so_in_the_record(void **state)
{
	static const unsigned events[] = { 13, 25, 40, 55 };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1030);
	int64_t aborted = 0;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		aborted += interrupted(hall, seed + i, events[i], SIGTERM);
	assert_true(aborted > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_station_killed_at_any_event_goes_on),
		cmocka_unit_test(a_receipt_is_on_record_with_the_pass_or_not_at_all),
		cmocka_unit_test(a_station_killed_at_any_instant_goes_on),
		cmocka_unit_test(a_station_killed_every_few_events_still_finishes),
		cmocka_unit_test(an_interrupted_command_ends_with_130_and_the_next_goes_on_to_0),
		cmocka_unit_test(one_interrupt_lets_the_devices_in_flight_finish),
		cmocka_unit_test(a_second_interrupt_stops_at_once_and_says_so_in_the_record),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
