/*
 * Labels while the line runs, over the real socket: queued, sent, printed, scanned back wrong and right, in the wrong
 * order, too many, of units that are put aside at the same moment. The line goes on, and the record holds.
 */
#include "tests/line/station.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <poll.h>
#include <spawn.h>
#include <stdatomic.h>

#include "tests/unit/fake_printer.h"

#define DEVICES 6
#define CODE "WIFI:T:WPA;S:AC-%d;P:8765432%d;;"

static char *request(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *request(const char *format, ...)
{
	static char text[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

/* What queues the label of a unit whose code says that. */
static char *label_of(const struct run *run, const char *serial, const char *code, const char *more)
{
	uint8_t digest[32];
	char hex[65];

	SHA256((const uint8_t *)code, strlen(code), digest);
	for (unsigned i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return request("{\"do\":\"label\",\"lot\":\"%s\",\"serial\":\"%s\",\"template\":\"plain\",\"kind\":\"print\","
		       "\"digest\":\"%s\","
		       "\"secret\":false%s}",
		       run->job->lot, serial, hex, more);
}

static json_int_t number_in(struct screen *v, const char *request_text, const char *key)
{
	json_t *answer = screen_ask(v, request_text), *value = json_object_get(json_object_get(answer, "result"), key);
	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value))
		fail_msg("%s: %s", request_text, json_dumps(answer, 0));
	json_decref(answer);
	return n;
}

static void scanned(struct screen *v, const char *code, const char *in_hand, const char *is, const char *verdict)
{
	char serial[60] = "";
	json_t *answer, *result;

	if (in_hand)
		snprintf(serial, sizeof(serial), ",\"serial\":\"%s\"", in_hand);
	answer = screen_ask(v, request("{\"do\":\"scan\",\"text\":\"%s\"%s}", code, serial));
	result = json_object_get(answer, "result");
	if (!result || strcmp(json_string_value(json_object_get(result, "is")), is) != 0 ||
	    (verdict && strcmp(json_string_value(json_object_get(result, "verdict")), verdict) != 0))
		fail_msg("%s on %s: %s, not %s %s", code, in_hand ? in_hand : "nothing", json_dumps(answer, 0), is,
			 verdict ? verdict : "");
	json_decref(answer);
}

/* Waits for the banner with that cause, and acknowledges it. */
static void banner(struct screen *v, const char *cause)
{
	for (;;) {
		json_t *first = json_array_get(v->banners, 0);
		const char *said = json_string_value(json_object_get(first, "cause"));

		if (said && strcmp(said, cause) == 0) {
			assert_string_equal(json_string_value(json_object_get(first, "kind")), "label");
			assert_true(json_string_length(json_object_get(first, "remedy")) > 0);
			screen_ok(v, request("{\"do\":\"ack\",\"banner\":%lld}",
					     (long long)json_integer_value(json_object_get(first, "banner"))));
			return;
		}
		if (!screen_read(v))
			fail_msg("no banner ever said %s", cause);
	}
}

static void begin(struct hall *hall, struct station *s, struct run *run, struct screen *v, uint64_t seed,
		  const char *settings)
{
	s->batch.stay = true;
	hall_job(hall, run, &(struct shape){ .devices = DEVICES }, hall_seed(seed));
	station_start(hall, s, run, settings);
	screen_open(v, s);
	screen_ok(v, "{\"do\":\"subscribe\",\"rate\":60}");
	screen_await_count(v, "passed", DEVICES);
}

/* Waits until the header says that of the printer: its state, "none" if it says nothing of one, and a part of the
 * words. */
static void printer(struct screen *v, const char *state, const char *words)
{
	for (;;) {
		json_t *said = json_object_get(json_object_get(v->header, "health"), "printer");
		const char *is = said ? json_string_value(json_object_get(said, "state")) : "none";

		if (v->header && strcmp(is, state) == 0 &&
		    (!said || strstr(json_string_value(json_object_get(said, "text")), words)))
			return;
		if (!screen_read(v))
			fail_msg("the printer never was %s: %s", state, words);
	}
}

/* What somebody else sees who comes now: nobody has done anything to a unit itself. */
static void untouched(const struct station *s)
{
	struct screen v;
	const char *number;
	json_t *row;

	screen_open(&v, s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	screen_await_count(&v, "passed", DEVICES);
	assert_int_equal(json_object_size(v.units), DEVICES);
	json_object_foreach(v.units, number, row)
		assert_string_equal(json_string_value(json_object_get(row, "by")), "");
	screen_close(&v);
}

static void end(struct hall *hall, struct station *s, struct run *run, struct screen *v)
{
	screen_ok(v, "{\"do\":\"stop\",\"reason\":\"tested\"}");
	while (screen_read(v))
		;
	assert_string_equal(screen_run(v), "ended");
	screen_close(v);
	station_join(s);
	assert_string_equal(run->result.failure, "");
	hall_check(hall, run);
	hall_done(run);
}

static void a_label_goes_on_record_and_is_scanned_back(void **state)
{
	struct hall *hall = *state;
	struct station s = { 0 };
	struct run run;
	struct screen v;
	char code[2][60];

	for (int i = 0; i < 2; i++)
		snprintf(code[i], sizeof(code[i]), CODE, i, i);
	begin(hall, &s, &run, &v, 1, NULL);

	/* Nothing of this lot has a label yet: a foreign code is refused, and no alarm is raised. */
	screen_refused(&v, request("{\"do\":\"scan\",\"text\":\"%s\"}", code[0]), "no-label");
	scanned(&v, "T000001", NULL, "unit", NULL);
	screen_refused(&v, "{\"do\":\"scan\",\"text\":\"T000099\"}", "no-unit");

	screen_refused(&v, label_of(&run, "T000099", code[0], ""), "no-unit");
	screen_refused(&v,
		       "{\"do\":\"label\",\"lot\":\"other\",\"serial\":\"T000001\",\"template\":\"plain\",\"kind\":"
		       "\"print\",\"digest\":"
		       "\"0000000000000000000000000000000000000000000000000000000000000001\",\"secret\":false}",
		       "no-run");
	screen_refused(&v,
		       request("{\"do\":\"label\",\"lot\":\"%s\",\"serial\":\"T000001\",\"template\":\"plain\","
			       "\"kind\":\"paper\","
			       "\"digest\":\"%064d\",\"secret\":false}",
			       run.job->lot, 1),
		       "wrong-value");
	screen_refused(&v,
		       request("{\"do\":\"label\",\"lot\":\"%s\",\"serial\":\"T000001\",\"template\":\"plain\","
			       "\"kind\":\"print\","
			       "\"digest\":\"x%063d\",\"secret\":false}",
			       run.job->lot, 1),
		       "wrong-value");
	screen_refused(&v, "{\"do\":\"labelled\",\"label\":1,\"state\":\"sent\"}", "no-label");

	/* Asked for twice before it was sent: it is the same one. */
	assert_int_equal(number_in(&v, label_of(&run, "T000001", code[0], ""), "label"), 1);
	assert_int_equal(number_in(&v, label_of(&run, "T000001", code[0], ""), "label"), 1);
	screen_refused(&v, "{\"do\":\"labelled\",\"label\":1,\"state\":\"printed\"}", "not-now");
	screen_refused(&v, "{\"do\":\"labelled\",\"label\":1,\"state\":\"torn\"}", "wrong-value");
	screen_ok(&v, "{\"do\":\"labelled\",\"label\":1,\"state\":\"sent\"}");
	screen_ok(&v, "{\"do\":\"labelled\",\"label\":1,\"state\":\"printed\"}");
	screen_refused(&v, "{\"do\":\"labelled\",\"label\":1,\"state\":\"printed\"}", "not-now");
	/* Again takes a reason, and the first one counts no longer. */
	screen_refused(&v, label_of(&run, "T000001", code[0], ""), "not-now");
	assert_int_equal(number_in(&v, label_of(&run, "T000001", code[0], ",\"reason\":\"smeared\""), "copy"), 2);
	screen_ok(&v, "{\"do\":\"labelled\",\"label\":2,\"state\":\"sent\"}");
	assert_int_equal(number_in(&v, label_of(&run, "T000002", code[1], ""), "label"), 3);

	scanned(&v, "WIFI:T:WPA;S:AC-9;P:00000000;;", NULL, "label", "unknown");
	banner(&v, "unknown");
	scanned(&v, code[1], "T000001", "label", "wrong-unit");
	banner(&v, "wrong-unit");
	scanned(&v, code[0], "T000001", "label", "right");
	scanned(&v, code[0], NULL, "label", "duplicate");
	banner(&v, "duplicate");
	/* Not sent yet, by the record; but here it is. */
	scanned(&v, code[1], NULL, "label", "right");

	/* A label that says no more than the serial number: its first scan counts, later ones look the unit up. */
	assert_int_equal(number_in(&v, label_of(&run, "T000003", "T000003", ""), "label"), 4);
	scanned(&v, "T000003", NULL, "label", "right");
	scanned(&v, "T000003", NULL, "unit", NULL);
	untouched(&s);
	end(hall, &s, &run, &v);
}

static void what_is_on_record_is_what_was_said(void **state)
{
	struct hall *hall = *state;
	struct station s = { 0 };
	struct run run;
	struct screen v;
	json_int_t unit;

	begin(hall, &s, &run, &v, 2, NULL);
	number_in(&v, label_of(&run, "T000002", "A;1", ""), "label");
	unit = number_in(&v, "{\"do\":\"scan\",\"text\":\"T000002\"}", "unit");
	scanned(&v, "A;1", "T000004", "label", "wrong-unit");
	banner(&v, "wrong-unit");
	/* Taken back: its label is none any more, and a new one is not given. */
	screen_ok(&v, request("{\"do\":\"quarantine\",\"unit\":%lld,\"reason\":\"scratched\"}", (long long)unit));
	scanned(&v, "A;1", "T000002", "label", "not-passed");
	banner(&v, "not-passed");
	screen_refused(&v, label_of(&run, "T000002", "A;1", ",\"reason\":\"again\""), "no-unit");
	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"tested\"}");
	while (screen_read(&v))
		;
	screen_close(&v);
	station_join(&s);
	hall_check(hall, &run);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM label_scan WHERE verdict = 'wrong-unit' AND expected IS "
					"NOT NULL AND label = 1"),
			 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM label_scan"), 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM audit WHERE action = 'banner-acknowledge'"), 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM audit WHERE action = 'label-scan'"), 2);
	hall_done(&run);
}

static void an_observer_touches_no_label(void **state)
{
	struct hall *hall = *state;
	struct station s = { 0 };
	struct run run;
	struct screen v;

	begin(hall, &s, &run, &v, 3,
	      "format: 1\ncontrol: {others: observer}\nbadges: [{badge: \"0417\", name: \"Ana\", role: operator}]\n");
	screen_refused(&v, "{\"do\":\"scan\",\"text\":\"T000001\"}", "role");
	screen_refused(&v, label_of(&run, "T000001", "A;1", ""), "role");
	screen_refused(&v, "{\"do\":\"labelled\",\"label\":1,\"state\":\"sent\"}", "role");
	screen_ok(&v, "{\"do\":\"badge\",\"badge\":\"0417\"}");
	number_in(&v, label_of(&run, "T000001", "A;1", ""), "label");
	end(hall, &s, &run, &v);
}

static void who_prints_says_how_the_printer_is(void **state)
{
	struct hall *hall = *state;
	struct station s = { 0 };
	struct run run;
	struct screen v, first, second;

	begin(hall, &s, &run, &v, 6,
	      "format: 1\ncontrol: {others: observer}\nbadges: [{badge: \"0417\", name: \"Ana\", role: operator}]\n");
	printer(&v, "none", "");
	screen_open(&first, &s);
	screen_refused(&first, "{\"do\":\"printer\",\"state\":\"ok\"}", "role");
	screen_ok(&first, "{\"do\":\"badge\",\"badge\":\"0417\"}");
	screen_refused(&first, "{\"do\":\"printer\",\"state\":\"odd\"}", "wrong-value");
	screen_ok(&first, "{\"do\":\"printer\",\"state\":\"warn\",\"text\":\"the ribbon ends soon\"}");
	printer(&v, "warn", "the ribbon ends soon");
	screen_ok(&first, "{\"do\":\"printer\",\"state\":\"none\"}");
	printer(&v, "none", "");
	/* Another one prints now: that the first one leaves says nothing. */
	screen_ok(&first, "{\"do\":\"printer\",\"state\":\"ok\"}");
	screen_open(&second, &s);
	screen_ok(&second, "{\"do\":\"badge\",\"badge\":\"0417\"}");
	screen_ok(&second, "{\"do\":\"printer\",\"state\":\"ok\",\"text\":\"T000002 printed\"}");
	screen_close(&first);
	printer(&v, "ok", "T000002 printed");
	screen_close(&second);
	printer(&v, "bad", "start millrace labels");
	screen_ok(&v, "{\"do\":\"badge\",\"badge\":\"0417\"}");
	end(hall, &s, &run, &v);
}

/* More than are kept waiting, sent in one breath together with what takes their units away: each has its answer, and
 * the journal is never given a label that it would not take. */
static void a_flood_of_labels_and_orders_ends_well(void **state)
{
	struct hall *hall = *state;
	struct station s = { 0 };
	struct run run;
	struct screen v;
	unsigned answers = 0, wanted = 0;
	json_int_t id = 1000;

	begin(hall, &s, &run, &v, 4, NULL);
	for (int round = 0; round < 30; round++)
		for (int i = 1; i <= DEVICES; i++) {
			char serial[16], code[32];
			json_t *o;

			snprintf(serial, sizeof(serial), "T%06d", i);
			snprintf(code, sizeof(code), "A;%d;%d", i, round);
			if (round % 10 == 9 && i == 3)
				o = json_pack("{s:s, s:s, s:s}", "do", "quarantine", "serial", serial, "reason",
					      "scratched");
			else if (round % 3 == 2)
				o = json_pack("{s:s, s:s}", "do", "scan", "text", code);
			else
				o = json_loads(label_of(&run, serial, code, ",\"reason\":\"again\""), 0, NULL);
			json_object_set_new(o, "id", json_integer(id++));
			assert_true(remote_send(v.remote, o));
			wanted++;
		}
	while (answers < wanted) {
		json_t *o = remote_read(v.remote, PATIENCE_MS);

		assert_non_null(o);
		answers += strcmp(json_string_value(json_object_get(o, "type")), "answer") == 0;
		screen_replace(&v.header, json_object_get(o, "header"));
		json_decref(o);
	}
	end(hall, &s, &run, &v);
}

/* --- a printer that runs out of paper while `labels --follow` prints what passes --- */

struct press {
	int listener;
	atomic_bool paper;
	atomic_uint connected, printed, asked_in_vain;
	pthread_t thread;
};

/* One connection: answers ~HS, counts ^XZ. What is asked may come in pieces; the words are never cut where it matters.
 */
static void press_serve(struct press *press, int fd)
{
	char octets[4096], line[200];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, octets + len, sizeof(octets) - 1 - len, 0)) > 0) {
		char *at = octets, *hs, *end;

		len += (size_t)n;
		octets[len] = '\0';
		while ((hs = strstr(at, "~HS")) || strstr(at, "^XZ")) {
			end = strstr(at, "^XZ");
			if (end && (!hs || end < hs)) {
				atomic_fetch_add(&press->printed, 1);
				at = end + 3;
				continue;
			}
			at = hs + 3;
			atomic_fetch_add(&press->asked_in_vain, !atomic_load(&press->paper));
			snprintf(line, sizeof(line), "\"%u\"%s", atomic_load(&press->printed),
				 atomic_load(&press->paper) ? READY : PAPER_OUT);
			if (!fake_say(fd, line))
				return;
		}
		/* The beginning of a word may be at the end. */
		len -= (size_t)(at - octets);
		memmove(octets, at, len);
		if (len > 2) {
			memmove(octets, octets + len - 2, 2);
			len = 2;
		}
	}
}

static void *press_main(void *ctx)
{
	struct press *press = ctx;
	int fd;

	while ((fd = accept(press->listener, NULL, NULL)) >= 0) {
		atomic_fetch_add(&press->connected, 1);
		press_serve(press, fd);
		close(fd);
	}
	return NULL;
}

static void wait_at_least(const atomic_uint *number, unsigned least)
{
	for (int i = 0; i < PATIENCE_MS / 10 && atomic_load(number) < least; i++)
		(void)poll(NULL, 0, 10);
	assert_true(atomic_load(number) >= least);
}

static void press_open(struct press *press, char address[static 40])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);

	press->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(press->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(press->listener, 1), 0);
	assert_int_equal(getsockname(press->listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(pthread_create(&press->thread, NULL, press_main, press), 0);
	snprintf(address, 40, "127.0.0.1:%u", ntohs(at.sin_port));
}

/* `millrace labels --follow` beside that station; what it says goes to `out`. */
static pid_t follow(const struct station *s, const struct run *run, const char *printer, const char *out)
{
	char *program = getenv("MILLRACE_BIN"), words[600], *rest, *argv[14] = { (char[]){ "millrace" } };
	posix_spawn_file_actions_t actions;
	int argc = 1;
	pid_t child;

	snprintf(words, sizeof(words), "labels\n%s\n--follow\n--operator\nAna\n--printer\n%s\n--db\n%s\n--control\n%s",
		 run->job->lot, printer, run->db, s->path);
	for (char *word = strtok_r(words, "\n", &rest); word; word = strtok_r(NULL, "\n", &rest))
		argv[argc++] = word;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(posix_spawn(&child, program ? program : "build/millrace", &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	return child;
}

/* Its exit status; a signal is none. */
static int status_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void read_out(const char *path, char text[static 4000])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, 3999);

	assert_true(n > 0);
	text[n] = '\0';
	close(fd);
}

static void press_close(struct press *press)
{
	assert_int_equal(shutdown(press->listener, SHUT_RDWR), 0);
	pthread_join(press->thread, NULL);
	close(press->listener);
}

/* In the middle of a label, or idle: what it has begun is on record as printed, and nothing else is begun. */
static void labels_whose_terminal_is_closed_finish_the_one_in_hand(void **state)
{
	static const int signals[] = { SIGHUP, SIGTERM, SIGINT };
	struct hall *hall = *state;
	struct station s = { .batch.pace = 4 };
	struct press press = { .paper = true };
	char address[40], out[120], text[4000];
	struct run run;
	struct screen v;

	press_open(&press, address);
	snprintf(out, sizeof(out), "%s/closed.out", hall->dir);
	s.batch.stay = true;
	hall_job(hall, &run, &(struct shape){ .devices = DEVICES }, hall_seed(6));
	station_start(hall, &s, &run, NULL);
	screen_open(&v, &s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	screen_await_count(&v, "passed", DEVICES);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		pid_t child = follow(&s, &run, address, out);

		wait_at_least(&press.connected, (unsigned)i + 1);
		assert_int_equal(kill(child, signals[i]), 0);
		assert_int_equal(status_of(child), 130);
		read_out(out, text);
		if (!strstr(text, ", 0 unsure, "))
			fail_msg("%s", text);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM label WHERE state <> 'printed'"), 0);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM label"), atomic_load(&press.printed));
	}
	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"tested\"}");
	while (screen_read(&v))
		;
	screen_close(&v);
	station_join(&s);
	hall_check(hall, &run);
	hall_done(&run);
	press_close(&press);
}

static void labels_follow_the_line_and_wait_for_paper(void **state)
{
	struct hall *hall = *state;
	struct station s = { .batch.pace = 4 };
	struct press press = { 0 };
	char address[40], out[120], text[4000];
	struct run run;
	struct screen v;
	int status;
	pid_t child;

	press_open(&press, address);
	snprintf(out, sizeof(out), "%s/follow.out", hall->dir);

	s.batch.stay = true;
	hall_job(hall, &run, &(struct shape){ .devices = DEVICES, .arrival = "1s" }, hall_seed(5));
	station_start(hall, &s, &run, NULL);
	screen_open(&v, &s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	screen_await_count(&v, "passed", 1);

	child = follow(&s, &run, address, out);
	wait_at_least(&press.asked_in_vain, 2);
	printer(&v, "bad", "it has no paper");
	assert_int_equal(atomic_load(&press.printed), 0);
	atomic_store(&press.paper, true);
	screen_await_count(&v, "passed", DEVICES);
	wait_at_least(&press.printed, DEVICES);
	printer(&v, "ok", " printed");
	/* Nothing waits for paper, and yet it is seen that there is none. */
	atomic_store(&press.paper, false);
	printer(&v, "bad", "it has no paper");
	atomic_store(&press.paper, true);
	printer(&v, "ok", "ready");
	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"tested\"}");
	while (screen_read(&v))
		;
	screen_close(&v);
	station_join(&s);
	status = status_of(child);
	read_out(out, text);
	if (status != 0 || !strstr(text, "it has no paper") || !strstr(text, "6 labels, 0 unsure, 0 not yet"))
		fail_msg("status %d: %s", status, text);
	assert_int_equal(atomic_load(&press.printed), DEVICES);
	hall_check(hall, &run);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM label WHERE state = 'printed' AND copy = 1"), DEVICES);
	assert_int_equal(hall_ask(&run, "SELECT count(DISTINCT unit) FROM label"), DEVICES);
	hall_done(&run);
	press_close(&press);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_label_goes_on_record_and_is_scanned_back),
		cmocka_unit_test(what_is_on_record_is_what_was_said),
		cmocka_unit_test(an_observer_touches_no_label),
		cmocka_unit_test(who_prints_says_how_the_printer_is),
		cmocka_unit_test(a_flood_of_labels_and_orders_ends_well),
		cmocka_unit_test(labels_follow_the_line_and_wait_for_paper),
		cmocka_unit_test(labels_whose_terminal_is_closed_finish_the_one_in_hand),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
