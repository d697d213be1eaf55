/*
 * A whole shift on the simulated air, driven over the real socket as an operator would: what is ordered takes effect,
 * is answered, is on record with who and why, and leaves the record whole.
 */
#include "tests/line/station.h"

#include <dirent.h>
#include <signal.h>

#define DEVICES 12

/* This user is an operator; a lead comes with a badge. */
static const char *settings_text(void)
{
	static char text[300];

	snprintf(text, sizeof(text),
		 "format: 1\ncontrol: {users: {%u: operator}}\n"
		 "badges: [{badge: \"0021\", name: \"Rui\", role: lead}, {badge: \"0003\", name: \"Eve\", role: "
		 "observer}]\n",
		 (unsigned)geteuid());
	return text;
}

static char *request(const char *format, ...)
{
	static char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

/* Nobody is admitted, the clock stands when nothing is in hand, and the run does not end. */
static void pause_and_resume(struct screen *v)
{
	screen_refused(v, "{\"do\":\"resume\"}", "not-now");
	screen_ok(v, "{\"do\":\"pause\",\"reason\":\"labels run out\"}");
	screen_await_run(v, "paused");
	screen_refused(v, "{\"do\":\"pause\",\"reason\":\"again\"}", "not-now");
	assert_string_equal(json_string_value(json_object_get(json_object_get(v->header, "run"), "reason")),
			    "labels run out");
	assert_true(json_is_true(json_object_get(v->header, "simulated")));
	screen_ok(v, "{\"do\":\"resume\"}");
}

/* A scratch is seen on one that has passed. */
static void put_aside(struct screen *v, json_int_t chosen)
{
	screen_refused(v, request("{\"do\":\"quarantine\",\"unit\":%lld}", (long long)chosen), "no-reason");
	screen_refused(v, "{\"do\":\"quarantine\",\"unit\":4711,\"reason\":\"scratched\"}", "no-unit");
	screen_ok(v, request("{\"do\":\"quarantine\",\"unit\":%lld,\"reason\":\"scratched\"}", (long long)chosen));
	screen_await(v, chosen, "quarantined", "put-aside");
	screen_refused(v, request("{\"do\":\"quarantine\",\"unit\":%lld,\"reason\":\"twice\"}", (long long)chosen),
		       "not-now");
}

/* One more try: what was away is back; what is sick is a lead's matter, and stays sick. */
static void try_again(struct screen *v, json_int_t sick, json_int_t absent, json_int_t chosen)
{
	screen_refused(v, request("{\"do\":\"retry\",\"unit\":%lld}", (long long)sick), "not-now");
	screen_refused(v, request("{\"do\":\"retry\",\"unit\":%lld}", (long long)chosen), "not-now");
	screen_ok(v, request("{\"do\":\"retry\",\"unit\":%lld,\"reason\":\"moved closer\"}", (long long)absent));
	screen_await(v, absent, "passed", NULL);
}

static void release_as_lead(struct screen *v, json_int_t sick, json_int_t chosen)
{
	json_t *answer;

	screen_refused(v, request("{\"do\":\"release\",\"unit\":%lld,\"reason\":\"polished\"}", (long long)chosen),
		       "role");
	screen_refused(v, "{\"do\":\"badge\",\"badge\":\"0022\"}", "unknown-badge");
	screen_ok(v, "{\"do\":\"badge\",\"badge\":\"0003\"}"); /* an observer's badge takes nothing away */
	screen_ok(v, "{\"do\":\"badge\",\"badge\":\"0021\"}");
	answer = screen_ask(v, request("{\"do\":\"release\",\"units\":[%lld,%lld,4711],\"reason\":\"polished\"}",
				       (long long)chosen, (long long)sick));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "result"), "done")), 2);
	assert_int_equal(json_array_size(json_object_get(json_object_get(answer, "result"), "refused")), 1);
	json_decref(answer);
	screen_await(v, chosen, "passed", NULL);
	screen_await(v, sick, "quarantined", "selftest-failed");
	screen_ok(v, "{\"do\":\"badge\",\"badge\":\"\"}");
	screen_refused(v, request("{\"do\":\"release\",\"unit\":%lld,\"reason\":\"x\"}", (long long)sick), "role");
}

/* Who, what, why, and what was before. */
static void all_orders_are_on_record(const struct run *run)
{
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM v_pause"), 1);
	assert_int_equal(
		hall_ask(run,
			 "SELECT count(*) FROM v_pause WHERE reason = 'labels run out' AND ended_by = 'line-resume' "
			 "AND until >= since"),
		1);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM v_override WHERE overtaken IS NULL"), 5);
	assert_int_equal(
		hall_ask(run,
			 "SELECT count(*) FROM v_override WHERE action = 'unit-quarantine' AND reason = 'scratched' "
			 "AND was = 'passed' AND serial IS NOT NULL"),
		1);
	assert_int_equal(hall_ask(run,
				  "SELECT count(*) FROM v_override WHERE action = 'unit-retry' AND was = 'failed' AND "
				  "cause = 'no-answer' AND reason = 'moved closer'"),
			 1);
	assert_int_equal(
		hall_ask(run, "SELECT count(*) FROM v_override WHERE action = 'unit-release' AND actor = '0021 Rui' "
			      "AND was = 'quarantined'"),
		2);
	assert_int_equal(
		hall_ask(run, "SELECT count(*) FROM v_override WHERE action = 'line-stop' AND reason = 'end of shift'"),
		1);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM audit WHERE action = 'badge' AND actor = '0021 Rui'"), 1);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM v_attempt WHERE kind = 'operator-retry'"), 2);
	assert_int_equal(
		hall_ask(run, "SELECT count(*) FROM v_attempt WHERE kind = 'operator-retry' AND outcome = 'pass'"), 1);
	/* An order is on record before what it caused. */
	assert_int_equal(
		hall_ask(run,
			 "SELECT count(*) FROM audit AS o WHERE o.action = 'outcome' AND o.body LIKE "
			 "'%put-aside%' AND EXISTS (SELECT 1 FROM audit AS q WHERE q.action = 'unit-quarantine' AND "
			 "q.subject = o.subject AND q.seq < o.seq)"),
		1);
}

static void a_shift_is_driven_over_the_socket(void **state)
{
	struct hall *hall = *state;
	struct station s = { .batch.stay = true };
	struct run run;
	struct screen v;
	json_int_t sick, absent, chosen;

	/* One fails its self-test; one is away for longer than the job is patient; the others are well. */
	hall_job(hall, &run,
		 &(struct shape){ .devices = DEVICES,
				  .radios = 2,
				  .channels = "1, 6",
				  .attempts = "1",
				  .patience = "1s",
				  .faults = "    - {kind: selftest}\n"
					    "    - {kind: power-cut, operation: credentials, after: 2ms, off: 8s}\n" },
		 hall_seed(1));
	station_start(hall, &s, &run, settings_text());
	screen_open(&v, &s);
	assert_string_equal(json_string_value(json_object_get(remote_hello(v.remote), "role")), "operator");
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	screen_await_count(&v, "passed", 1);

	pause_and_resume(&v);
	sick = screen_await(&v, 0, "quarantined", "selftest-failed");
	absent = screen_await(&v, 0, "failed", "no-answer");
	while (screen_count(&v, "unfinished") > 0)
		assert_true(screen_read(&v));
	assert_int_equal(screen_count(&v, "passed"), DEVICES - 2);

	chosen = screen_await(&v, 0, "passed", NULL);
	put_aside(&v, chosen);
	try_again(&v, sick, absent, chosen);
	release_as_lead(&v, sick, chosen);

	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"end of shift\"}");
	while (screen_read(&v))
		;
	assert_string_equal(screen_run(&v), "ended");
	assert_string_equal(json_string_value(json_object_get(v.bye, "reason")), "ended");
	screen_close(&v);
	station_join(&s);
	assert_int_equal(run.result.summary.passed, DEVICES - 1);
	assert_int_equal(run.result.summary.quarantined, 1);
	assert_int_equal(run.result.summary.failed, 0);
	hall_check(hall, &run);

	all_orders_are_on_record(&run);
	hall_done(&run);
}

/* Whatever it is doing: its session ends, its attempt is aborted, the next run leaves it where it is until a lead
 * comes. */
static void a_unit_in_hand_can_be_put_aside(void **state)
{
	struct hall *hall = *state;
	struct station s = { .batch = { .stay = true, .pace = 2 } };
	struct run run;
	struct screen v;
	json_int_t unit;

	hall_job(hall, &run, &(struct shape){ .devices = 4, .arrival = "200ms" }, hall_seed(2));
	station_start(hall, &s, &run, NULL);
	screen_open(&v, &s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	unit = screen_await(&v, 0, "active", NULL);
	screen_ok(&v, request("{\"do\":\"quarantine\",\"unit\":%lld,\"reason\":\"smells\"}", (long long)unit));
	screen_await(&v, unit, "quarantined", "put-aside");
	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"smell\"}");
	screen_close(&v);
	station_join(&s);
	assert_int_equal(run.result.summary.quarantined, 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome = 'aborted'"), 1);

	hall_run(hall, &run);
	assert_int_equal(hall_count(&run, "quarantined", "put-aside"), 1);
	assert_int_equal(hall_count(&run, "passed", "ok"), 3);
	hall_check(hall, &run);
	hall_done(&run);
}

static void an_abort_ends_the_run_and_the_next_one_goes_on(void **state)
{
	struct hall *hall = *state;
	struct station s = { .batch.pace = 2 };
	struct run run;
	struct screen v;

	hall_job(hall, &run, &(struct shape){ .devices = 6, .arrival = "100ms" }, hall_seed(3));
	station_start(hall, &s, &run, NULL);
	screen_open(&v, &s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	(void)screen_await(&v, 0, "active", NULL);
	screen_ok(&v, "{\"do\":\"abort\",\"reason\":\"fire drill\"}");
	screen_close(&v);
	station_join(&s);
	assert_true(run.result.summary.passed < 6);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome IS NULL"), 0);
	assert_int_equal(
		hall_ask(&run, "SELECT count(*) FROM v_override WHERE action = 'line-abort' AND reason = 'fire drill'"),
		1);
	hall_run(hall, &run);
	hall_all_passed(hall, &run, 6);
	hall_done(&run);
}

/* With somebody there a guard waits for him; it is lifted by name, after its banner was acknowledged. */
/* A wrong product is a security failure: each has a banner too, and the guard's is one of them. */
static void acknowledge_guard(struct screen *v)
{
	for (;;) {
		json_t *b;
		size_t i;

		while (!v->banners)
			assert_true(screen_read(v));
		json_array_foreach(v->banners, i, b)
		{
			if (strcmp(json_string_value(json_object_get(b, "kind")), "guard") != 0)
				continue;
			screen_refused(v, "{\"do\":\"ack\",\"banner\":999}", "no-banner");
			screen_ok(v, request("{\"do\":\"ack\",\"banner\":%lld}",
					     (long long)json_integer_value(json_object_get(b, "banner"))));
			return;
		}
		assert_true(screen_read(v));
	}
}

static void a_guard_waits_for_a_person_who_says_why(void **state)
{
	struct hall *hall = *state;
	struct station s = { .batch = { .stay = true, .pace = 4 } };
	struct run run;
	struct screen v;

	hall_job(hall, &run,
		 &(struct shape){ .devices = 10,
				  .arrival = "300ms",
				  .attempts = "1",
				  .faults = "    - {kind: wrong-product, count: 8}\n" },
		 hall_seed(4));
	run.job->guard_consecutive_fail = 3;
	station_start(hall, &s, &run, NULL);
	screen_open(&v, &s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	screen_await_run(&v, "paused");
	assert_string_equal(json_string_value(json_object_get(json_object_get(v.header, "run"), "guard")),
			    "consecutive_fail");
	screen_refused(&v, "{\"do\":\"resume\",\"reason\":\"wrong tray\"}", "not-now");
	acknowledge_guard(&v);
	screen_refused(&v, "{\"do\":\"resume\"}", "no-reason");
	screen_ok(&v, "{\"do\":\"resume\",\"reason\":\"wrong tray taken away\"}");
	screen_await_run(&v, "running");
	while (screen_count(&v, "passed") < 2) { /* where the seed has put three others in a row it strikes again */
		if (strcmp(screen_run(&v), "paused") == 0) {
			acknowledge_guard(&v);
			screen_ok(&v, "{\"do\":\"resume\",\"reason\":\"wrong tray taken away\"}");
			screen_await_run(&v, "running");
		}
		assert_true(screen_count(&v, "passed") >= 2 || screen_read(&v));
	}
	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"done\"}");
	screen_close(&v);
	station_join(&s);
	assert_true(hall_ask(&run, "SELECT count(*) FROM v_override WHERE action = 'guard-override' AND "
				   "reason = 'wrong tray taken away'") >= 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_override WHERE action = 'banner-acknowledge' AND "
					"subject = 'guard consecutive_fail'"),
			 hall_ask(&run, "SELECT count(*) FROM v_override WHERE action = 'guard-override'"));
	assert_true(hall_ask(&run, "SELECT count(*) FROM v_pause WHERE reason = 'guard consecutive_fail' AND "
				   "ended_by = 'guard-override'") >= 1);
	hall_done(&run);
}

/* Our child that holds the keys: the only one of that name. */
static int signer_pid(void)
{
	struct dirent **names;
	int count = scandir("/proc", &names, NULL, NULL), found = 0;

	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		char path[300], name[64] = "";
		int parent = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", names[i]->d_name);
		f = fopen(path, "r");
		if (f && fscanf(f, "%*d (%63[^)]) %*c %d", name, &parent) == 2 && parent == getpid() &&
		    strcmp(name, "millrace-signer") == 0)
			found = atoi(names[i]->d_name);
		if (f)
			fclose(f);
		free(names[i]);
	}
	free(names);
	return found;
}

/* Nobody needs a key just then: it is seen all the same, and the record takes no word more until the next run. */
static void a_signer_that_dies_is_a_guard_with_words(void **state)
{
	struct hall *hall = *state;
	struct station s = { .batch = { .stay = true, .pace = 4 }, .apart = true };
	struct run run;
	struct screen v;
	const char *remedy;
	json_int_t first;
	int pid;

	hall_job(hall, &run, &(struct shape){ .devices = 4 }, hall_seed(5));
	station_start(hall, &s, &run, NULL);
	screen_open(&v, &s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	screen_await_count(&v, "passed", 4);
	pid = signer_pid();
	assert_true(pid > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	screen_await_run(&v, "paused");
	assert_string_equal(json_string_value(json_object_get(json_object_get(v.header, "run"), "guard")), "signer");
	while (json_array_size(v.banners) == 0)
		assert_true(screen_read(&v));
	remedy = json_string_value(json_object_get(json_array_get(v.banners, 0), "remedy"));
	assert_non_null(strstr(remedy, "the process that holds the keys: it was ended by signal 9"));
	assert_non_null(strstr(remedy, "run the job again, which starts another"));
	first = json_integer_value(json_object_get(json_array_get(v.banners, 0), "banner"));
	screen_refused(&v, request("{\"do\":\"ack\",\"banner\":%lld}", (long long)first),
		       "no-record");	   /* nobody can sign it: with that the run ends */
	assert_int_equal(signer_pid(), 0); /* nobody has started another */
	screen_close(&v);
	station_join(&s);
	hall_done(&run);
}

/* What an observer asks for is refused, and changes nothing: not even the seed's run. */
static void an_observer_changes_nothing_and_the_run_repeats_to_the_octet(void **state)
{
	static const char *const wanted[] = { "{\"do\":\"pause\",\"reason\":\"x\"}",
					      "{\"do\":\"stop\",\"reason\":\"x\"}",
					      "{\"do\":\"abort\",\"reason\":\"x\"}",
					      "{\"do\":\"retry\",\"unit\":1}",
					      "{\"do\":\"quarantine\",\"unit\":1,\"reason\":\"x\"}",
					      "{\"do\":\"release\",\"unit\":1,\"reason\":\"x\"}",
					      "{\"do\":\"ack\",\"banner\":1}",
					      "{\"do\":\"run\",\"job\":\"/x.yaml\"}",
					      "{\"do\":\"cancel\",\"job\":1}" };
	struct hall *hall = *state;
	struct station s = { .batch.pace = 4 };
	struct run alone, watched;
	struct screen v;
	uint64_t seed = hall_seed(5);

	hall_job(hall, &alone, &(struct shape){ .devices = 8, .radios = 2, .channels = "1, 6", .loss = "5%" }, seed);
	hall_run(hall, &alone);
	hall_job(hall, &watched, &(struct shape){ .devices = 8, .radios = 2, .channels = "1, 6", .loss = "5%" }, seed);
	station_start(hall, &s, &watched, "format: 1\ncontrol: {others: observer}\n");
	screen_open(&v, &s);
	assert_string_equal(json_string_value(json_object_get(remote_hello(v.remote), "role")), "observer");
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		screen_refused(&v, wanted[i], "role");
	while (screen_read(&v))
		;
	screen_close(&v);
	station_join(&s);
	assert_int_equal(watched.result.summary.makespan_us, alone.result.summary.makespan_us);
	assert_int_equal(watched.result.summary.frames, alone.result.summary.frames);
	assert_int_equal(watched.result.summary.octets, alone.result.summary.octets);
	assert_int_equal(hall_ask(&watched, "SELECT count(*) FROM v_order"), 0);
	hall_all_passed(hall, &watched, 8);
	hall_done(&alone);
	hall_done(&watched);
}

/* What is shown of a device is enough to help it, and nothing that would help somebody else. */
static void a_device_is_shown_in_full_without_its_secrets(void **state)
{
	struct hall *hall = *state;
	struct station s = { .batch.stay = true };
	struct run run;
	struct screen v;
	json_t *answer, *result;
	char *text;

	hall_job(hall, &run, &(struct shape){ .devices = 3 }, hall_seed(6));
	station_start(hall, &s, &run, NULL);
	screen_open(&v, &s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	screen_await_count(&v, "passed", 3);
	screen_refused(&v, "{\"do\":\"device\",\"serial\":\"T999999\"}", "no-unit");
	answer = screen_ask(&v, "{\"do\":\"device\",\"serial\":\"T000002\"}");
	result = json_object_get(answer, "result");
	assert_true(json_is_true(json_object_get(result, "sealed")));
	assert_true(json_array_size(json_object_get(result, "timeline")) >= 8); /* seen, attempt, six steps, passed */
	assert_non_null(strstr(json_string_value(json_object_get(json_object_get(result, "certificate"), "subject")),
			       "T000002"));
	assert_string_equal(json_string_value(json_object_get(json_object_get(result, "certificate"), "not_after")),
			    "never");
	text = json_dumps(answer, 0);
	assert_null(strstr(text, "pin"));
	assert_null(strstr(text, "BEGIN"));
	free(text);
	json_decref(answer);
	answer = screen_ask(&v, "{\"do\":\"find\",\"text\":\"0002\"}");
	assert_int_equal(json_array_size(json_object_get(json_object_get(answer, "result"), "units")), 1);
	json_decref(answer);
	screen_ok(&v, "{\"do\":\"status\"}");
	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"seen\"}");
	screen_close(&v);
	station_join(&s);
	hall_all_passed(hall, &run, 3);
	hall_done(&run);
}

/* A dashboard that is killed, many times, in the middle of a line. */
static void closing_a_client_never_touches_the_line(void **state)
{
	struct hall *hall = *state;
	struct station s = { .batch.pace = 3 };
	struct run run;

	hall_job(hall, &run, &(struct shape){ .devices = 20, .radios = 2, .channels = "1, 6", .arrival = "100ms" },
		 hall_seed(7));
	station_start(hall, &s, &run, NULL);
	for (unsigned i = 0; i < 60; i++) {
		char error[300];
		struct remote *r = remote_open(s.path, error, sizeof(error));

		if (!r)
			break; /* the run is over */
		(void)remote_send(r, json_pack("{s:i, s:s, s:i}", "id", 1, "do", "subscribe", "rate", 60));
		if (i % 3 == 0)
			json_decref(remote_read(r, PATIENCE_MS));
		(void)send(remote_fd(r), "{\"id\":2,\"do\":\"pau", 17, MSG_NOSIGNAL);
		remote_close(r);
	}
	station_join(&s);
	hall_all_passed(hall, &run, 20);
	hall_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shift_is_driven_over_the_socket),
		cmocka_unit_test(a_unit_in_hand_can_be_put_aside),
		cmocka_unit_test(an_abort_ends_the_run_and_the_next_one_goes_on),
		cmocka_unit_test(a_guard_waits_for_a_person_who_says_why),
		cmocka_unit_test(a_signer_that_dies_is_a_guard_with_words),
		cmocka_unit_test(an_observer_changes_nothing_and_the_run_repeats_to_the_octet),
		cmocka_unit_test(a_device_is_shown_in_full_without_its_secrets),
		cmocka_unit_test(closing_a_client_never_touches_the_line),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
