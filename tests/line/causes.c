/*
 * Whatever ends an attempt, its class decides what becomes of the unit, after exactly how many attempts, and under
 * which words that goes on record. The method of this file delivers nothing: it fails for the cause that it is told, or
 * succeeds after so many failures.
 */
#include "tests/line/hall.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "station/line/admission.h"
#include "station/line/recipe.h"
#include "station/method/method.h"

#define LOOK_EVERY_US 500000u

static struct {
	int cause;
	unsigned failures; /* then it succeeds */
	unsigned attempts, ended;
} plan;

static void ends_speak(struct line *line, void *state, struct channel *c, enum method_occasion why, struct mr_wr *out,
		       struct radio_tx *tx, uint64_t *next_us)
{
	(void)state, (void)out, (void)tx;
	*next_us = loop_now_us(line->loop) + LOOK_EVERY_US;
	if (why == METHOD_PRESENT)
		admission_listed(line, c);
}

static enum method_opened ends_open(struct line *line, void *state, struct unit *u, struct channel *home)
{
	(void)state;
	return recipe_open_foreign(line, u, home);
}

/* At the next turn of the loop: a delivery takes its time. */
static int ends_begin(struct session *s)
{
	(void)s;
	plan.attempts++;
	return DELIVERY_GOES_ON;
}

static uint64_t ends_deadline_us(const struct session *s) { return s->phase_us + 20000; }

static int ends_expire(struct session *s, uint64_t now_us)
{
	(void)s, (void)now_us;
	return plan.attempts > plan.failures ? DELIVERY_DONE : -plan.cause;
}

static void ends_end(struct session *s)
{
	(void)s;
	plan.ended++;
}

static const struct method_ops ends_ops = { .speak = ends_speak, .open = ends_open };
static const struct delivery_ops ends_delivery = {
	.begin = ends_begin, .expire = ends_expire, .deadline_us = ends_deadline_us, .end = ends_end
};
static const struct method test_ends = { .name = "test-ends",
					 .hears = RADIO_HEAR_JOINS,
					 .flags = METHOD_BROADCAST | METHOD_NO_REQUESTS,
					 .devices = METHOD_NOBODY,
					 .protection = METHOD_BY_NOTHING,
					 .reach = "none",
					 .device_to_station = "nothing",
					 .station_to_device = "nothing",
					 .listener = "nothing",
					 .ops = &ends_ops,
					 .delivery = &ends_delivery };

/* In the place of the program's own table, which is weak. */
const struct method *const method_table[] = { &method_direct, &test_ends, NULL };

struct seen {
	struct line *line;
	unsigned stop_at; /* the retry at which the run is aborted; 0: never */
	unsigned held, retried, settled;
	int cause;
	enum journal_unit_state state;
	char remedy[200];
};

static void on_event(void *ctx, const struct line_event *e)
{
	struct seen *seen = ctx;

	if (e->kind == LINE_HOLD) {
		seen->held++;
		snprintf(seen->remedy, sizeof(seen->remedy), "%s", e->detail);
	}
	if (e->kind != LINE_UNIT_STATE)
		return;
	seen->retried += e->state == UNIT_SEEN;
	if (e->state == UNIT_SEEN && seen->retried == seen->stop_at)
		assert_int_equal(
			line_order(seen->line, &(struct line_order){ .kind = LINE_ORDER_ABORT, .actor = "hall" }),
			LINE_DONE);
	seen->settled += e->state != UNIT_SEEN;
	seen->state = e->state;
	seen->cause = e->cause;
}

static void on_began(void *ctx, struct line *line, bool simulated, uint64_t seed)
{
	(void)simulated, (void)seed;
	((struct seen *)ctx)->line = line;
}

/* A session of the lot: the first, or one that goes on. */
static void run_session(struct hall *hall, struct run *run, struct seen *seen)
{
	struct batch_options o = hall_options(hall, run);

	o.ctx = seen;
	o.began = on_began;
	o.event = on_event;
	if (batch_run(&o, &run->result, run->error, sizeof(run->error)) != 0)
		fail_msg("%s", run->error);
	assert_int_equal(plan.ended, plan.attempts); /* each delivery was ended */
}

static void run_one(struct hall *hall, struct run *run, const char *attempts, struct seen *seen)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/list.txt", hall->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("02:fe:00:00:00:01\n", f);
	assert_int_equal(fclose(f), 0);
	hall_job(hall, run,
		 &(struct shape){ .devices = 1,
				  .credentials = "{method: test-ends, ssid: \"hall\", security: wpa2}",
				  .recipe = "credentials, verify",
				  .attempts = attempts,
				  .admission = ", expect: \"list.txt\"" },
		 hall_seed(1));
	run_session(hall, run, seen);
}

static int64_t ask(const struct run *run, const char *format, ...)
{
	char sql[300];
	va_list args;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	return hall_ask(run, sql);
}

/* What docs/architecture.md says of a class: the outcome of each attempt, how many there are, the state at the end. */
struct fate {
	const char *outcome, *state;
	unsigned attempts;
};

static struct fate fate_of(int cause, unsigned max)
{
	switch (mr_cause_class(cause)) {
	case MR_CLASS_AIR: return (struct fate){ cause == MR_CAUSE_NO_ANSWER ? "timeout" : "fail", "failed", max };
	case MR_CLASS_DEVICE: return (struct fate){ "fail", "quarantined", max < 2 ? max : 2 };
	case MR_CLASS_SECURITY: return (struct fate){ "fail", "quarantined", 1 };
	case MR_CLASS_POWER: return (struct fate){ "interrupted", "failed", max + 3 };
	case MR_CLASS_STATION: return (struct fate){ "error", "held", 1 };
	case MR_CLASS_OPERATOR:
	case MR_CLASS_NONE: break;
	}
	return (struct fate){ "fail", "held", 1 };
}

static void ends_as_its_class_says(struct hall *hall, int cause, unsigned max)
{
	const struct fate fate = fate_of(cause, max);
	bool held = strcmp(fate.state, "held") == 0;
	const char *side = mr_cause_class_name(mr_cause_class(cause));
	struct seen seen = { 0 };
	char attempts[4];
	struct run run;

	plan.cause = cause;
	plan.failures = UINT32_MAX;
	plan.attempts = plan.ended = 0;
	snprintf(attempts, sizeof(attempts), "%u", max);
	run_one(hall, &run, attempts, &seen);
	if (plan.attempts != fate.attempts)
		fail_msg("%s, at most %u: %u attempts, not %u", mr_cause_name(cause), max, plan.attempts,
			 fate.attempts);
	assert_int_equal(ask(&run, "SELECT count(*) FROM attempt"), fate.attempts);
	assert_int_equal(ask(&run,
			     "SELECT count(*) FROM attempt WHERE outcome = '%s' AND cause = %d AND cause_name = '%s' "
			     "AND side = '%s' AND step = 'credentials' AND ended_us > started_us",
			     fate.outcome, cause, mr_cause_name(cause), side),
			 fate.attempts);
	assert_int_equal(ask(&run,
			     "SELECT count(*) FROM step WHERE seq = 1 AND name = 'credentials' AND outcome = '%s' AND "
			     "cause = %d AND cause_name = '%s' AND side = '%s' AND duration_us BETWEEN 20000 AND 40000",
			     fate.outcome, cause, mr_cause_name(cause), side),
			 fate.attempts);
	assert_int_equal(ask(&run, "SELECT count(*) FROM attempt WHERE kind = iif(n = 1, 'first', '%s')",
			     mr_cause_class(cause) == MR_CLASS_POWER ? "resume" : "auto-retry"),
			 fate.attempts);
	assert_int_equal(ask(&run, "SELECT count(*) FROM unit WHERE state = '%s' AND cause = %d AND side = '%s'",
			     fate.state, cause, side),
			 1);
	assert_int_equal(ask(&run, "SELECT count(*) FROM delivery") + ask(&run, "SELECT count(*) FROM network"), 0);
	assert_int_equal(ask(&run, "SELECT count(*) FROM txn WHERE committed_us IS NOT NULL"), 0);
	assert_int_equal(seen.retried, fate.attempts - 1);
	assert_int_equal(run.result.summary.retries, fate.attempts - 1);
	assert_int_equal(seen.settled, 1);
	assert_int_equal(seen.cause, cause);
	assert_int_equal(seen.held, held);
	assert_int_equal(run.result.summary.held_up, held);
	if (held)
		assert_string_equal(seen.remedy, mr_cause_remedy(cause));
	hall_done(&run);
}

static void every_cause_ends_an_attempt_as_its_class_says(void **state)
{
#define CAUSE_ROW(NAME, number, ...) number,
	static const int causes[] = { MR_CAUSES(CAUSE_ROW) };

	for (size_t i = 1; i < sizeof(causes) / sizeof(causes[0]); i++)
		ends_as_its_class_says(*state, causes[i], 3);
}

static void the_number_of_attempts_is_that_of_the_job(void **state)
{
	static const int causes[] = { MR_CAUSE_NO_ANSWER, MR_CAUSE_LINK_LOST, MR_CAUSE_BAD_RESPONSE,
				      MR_CAUSE_BAD_SIGNATURE, MR_CAUSE_DEVICE_RESTARTED };

	for (unsigned max = 1; max <= 5; max++)
		for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
			ends_as_its_class_says(*state, causes[i], max);
}

/* A station that stops in between gives nobody an attempt more, and takes none: they are counted from the record. */
static void attempts_are_counted_over_sessions(void **state)
{
	static const int causes[] = { MR_CAUSE_LINK_LOST, MR_CAUSE_DEVICE_RESTARTED, MR_CAUSE_BAD_RESPONSE };

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		for (unsigned stop_at = 1; stop_at <= 2 && stop_at < fate_of(causes[i], 3).attempts; stop_at++) {
			const struct fate fate = fate_of(causes[i], 3);
			struct seen seen = { .stop_at = stop_at };
			struct run run;

			plan.cause = causes[i];
			plan.failures = UINT32_MAX;
			plan.attempts = plan.ended = 0;
			run_one(*state, &run, "3", &seen);
			assert_int_equal(plan.attempts, stop_at);
			assert_int_equal(ask(&run, "SELECT count(*) FROM unit WHERE state = 'seen'"), 1);
			seen = (struct seen){ 0 };
			run_session(*state, &run, &seen);
			assert_int_equal(plan.attempts, fate.attempts);
			assert_int_equal(ask(&run,
					     "SELECT count(*) FROM attempt WHERE n = attempt AND kind = iif(n = 1, "
					     "'first', iif(n = %u OR side = 'power', 'resume', 'auto-retry'))",
					     stop_at + 1),
					 fate.attempts);
			assert_int_equal(ask(&run, "SELECT count(*) FROM unit WHERE state = '%s'", fate.state), 1);
			hall_done(&run);
		}
}

/* The last attempt that the job allows counts like the others: nobody saw it join, and that is its cause. */
static void a_delivery_that_succeeds_at_last_is_not_yet_a_join(void **state)
{
	struct seen seen = { 0 };
	struct run run;

	plan.cause = MR_CAUSE_LINK_LOST;
	plan.failures = 2;
	plan.attempts = plan.ended = 0;
	run_one(*state, &run, "3", &seen);
	assert_int_equal(plan.attempts, 3);
	assert_int_equal(
		ask(&run, "SELECT count(*) FROM delivery AS d JOIN attempt AS a ON a.attempt = d.attempt WHERE a.n = 3 "
			  "AND d.n = 1 AND d.method = 'test-ends' AND d.evidence = '{}' AND d.at_us BETWEEN "
			  "a.started_us AND a.ended_us"),
		1);
	assert_int_equal(ask(&run, "SELECT count(*) FROM delivery"), 1);
	assert_int_equal(
		ask(&run,
		    "SELECT count(*) FROM attempt WHERE n = 3 AND cause_name = 'join-timeout' AND step = 'verify' "
		    "AND active_us BETWEEN 20000000 AND 21000000"),
		1);
	assert_int_equal(
		ask(&run, "SELECT count(*) FROM txn WHERE operation = 'credentials' AND committed_us IS NOT NULL"), 1);
	assert_int_equal(
		ask(&run,
		    "SELECT count(*) FROM network WHERE observed = 'no' AND reported = 0 AND joined_us IS NULL AND "
		    "bssid IS NULL AND security = 'wpa2'"),
		1);
	assert_int_equal(run.result.summary.failed, 1);
	assert_int_equal(seen.cause, MR_CAUSE_JOIN_TIMEOUT);
	hall_done(&run);
}

struct filling {
	const char *db;
	unsigned steps, held, passed_after;
	int cause;
	char detail[200];
};

/* At the fourth step that ends the disk takes no octet more. */
static void on_event_fill(void *ctx, const struct line_event *e)
{
	struct filling *f = ctx;
	struct rlimit limit;
	struct stat st;
	char wal[120];

	if (e->kind == LINE_STEP && ++f->steps == 4) {
		snprintf(wal, sizeof(wal), "%s-wal", f->db);
		assert_int_equal(stat(wal, &st), 0);
		assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
		limit.rlim_cur = (rlim_t)st.st_size;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	}
	f->passed_after += f->steps >= 4 && e->kind == LINE_UNIT_STATE && e->state == UNIT_PASSED;
	if (e->kind != LINE_HOLD)
		return;
	f->held++;
	f->cause = e->cause;
	snprintf(f->detail, sizeof(f->detail), "%s", e->detail);
}

/* Nobody is told PASS, the run ends and says why; when there is room again it goes on, and nothing was used twice. */
static void a_record_that_takes_no_more_holds_the_line(void **state)
{
	struct hall *hall = *state;
	struct filling filling = { 0 };
	struct batch_options o;
	struct rlimit limit;
	struct run run;

	hall_job(hall, &run, &(struct shape){ .devices = 6 }, hall_seed(3));
	filling.db = run.db;
	o = hall_options(hall, &run);
	o.ctx = &filling;
	o.event = on_event_fill;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(batch_run(&o, &run.result, run.error, sizeof(run.error)), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(filling.held, 1);
	assert_int_equal(filling.cause, MR_CAUSE_JOURNAL_UNAVAILABLE);
	assert_true(filling.detail[0] != '\0');
	assert_int_equal(filling.passed_after, 0);
	assert_true(run.result.summary.held_up);
	assert_int_equal(run.result.summary.passed, 0);
	assert_true(run.result.failure[0] != '\0');
	hall_run(hall, &run);
	hall_all_passed(hall, &run, 6);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM cert WHERE void_us IS NULL"), 6);
	hall_done(&run);
}

/* The octets of a job are its lot's for good: with a comment more it is another one, and nothing has been touched. */
static void a_lot_with_another_job_does_not_begin(void **state)
{
	struct job_errors errors = { 0 };
	struct hall *hall = *state;
	struct batch_options o;
	struct run run;
	FILE *f;

	hall_job(hall, &run, &(struct shape){ .devices = 1 }, hall_seed(2));
	hall_run(hall, &run);
	job_destroy(run.job);
	f = fopen(run.path, "a");
	assert_non_null(f);
	fputs("# one word more\n", f);
	assert_int_equal(fclose(f), 0);
	run.job = job_load(run.path, &errors);
	assert_non_null(run.job);
	o = hall_options(hall, &run);
	assert_int_equal(batch_run(&o, &run.result, run.error, sizeof(run.error)), -MR_CAUSE_JOURNAL_UNAVAILABLE);
	assert_non_null(strstr(run.error, "another job"));
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM session"), 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed'"), 1);
	hall_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cause_ends_an_attempt_as_its_class_says),
		cmocka_unit_test(the_number_of_attempts_is_that_of_the_job),
		cmocka_unit_test(attempts_are_counted_over_sessions),
		cmocka_unit_test(a_delivery_that_succeeds_at_last_is_not_yet_a_join),
		cmocka_unit_test(a_record_that_takes_no_more_holds_the_line),
		cmocka_unit_test(a_lot_with_another_job_does_not_begin),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
