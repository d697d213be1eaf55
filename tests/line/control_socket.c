/*
 * The control socket in bad hands: half lines, endless lines, garbage, a thousand connections, a client that never
 * reads, roles that are not there, and the metrics port beside it. The line goes on to its end each time.
 */
#include "tests/line/station.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>

#include "station/control/place.h"

/* A run that lasts until it is stopped, and a client that may stop it. */
static void begin(struct hall *hall, struct station *s, struct run *run, const char *settings, uint64_t seed)
{
	s->batch.stay = true;
	s->batch.pace = 5;
	hall_job(hall, run, &(struct shape){ .devices = 6, .arrival = "50ms" }, hall_seed(seed));
	station_start(hall, s, run, settings);
}

static void end(struct hall *hall, struct station *s, struct run *run)
{
	struct screen v;

	screen_open(&v, s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	screen_await_count(&v, "passed", 6);
	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"tested\"}");
	screen_close(&v);
	station_join(s);
	hall_all_passed(hall, run, 6);
	hall_done(run);
}

static int plug(const struct station *s)
{
	char error[300];
	int fd = place_connect(s->path, error, sizeof(error));

	if (fd < 0)
		fail_msg("%s", error);
	return fd;
}

/* The next line, without its end; NULL: the other side hung up. */
static char *read_line(int fd, char *out, size_t cap)
{
	size_t len = 0;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		if (recv(fd, out + len, 1, 0) <= 0)
			return NULL;
		if (out[len] == '\n')
			break;
		len++;
		assert_true(len < cap);
	}
	out[len] = '\0';
	return out;
}

static void says(const char *line, const char *words)
{
	if (!line || !strstr(line, words))
		fail_msg("\"%s\" is not in: %s", words, line ? line : "(hung up)");
}

static bool put(int fd, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool say(int fd, const char *text) { return put(fd, text, strlen(text)); }

static void a_request_in_single_octets_is_answered(void **state)
{
	static const char text[] = "{\"id\":1,\"do\":\"hello\",\"client\":\"slow\"}\r\n{\"id\":2,\"do\":\"jobs\"}\n";
	static char line[20000];
	struct station s = { 0 };
	struct run run;
	int fd;

	begin(*state, &s, &run, NULL, 1);
	fd = plug(&s);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		assert_true(put(fd, text + i, 1));
	says(read_line(fd, line, sizeof(line)), "\"type\":\"hello\"");
	says(read_line(fd, line, sizeof(line)), "\"id\":1,\"ok\":true");
	says(read_line(fd, line, sizeof(line)), "\"id\":2,\"ok\":true");
	close(fd);
	end(*state, &s, &run);
}

static void what_is_not_our_language_gets_one_answer_and_the_end(void **state)
{
	static const char *const lines[] = { "\n",
					     "GET / HTTP/1.1\r\n",
					     "{\"id\":1,\"do\":\"status\"\n",
					     "[[[[[[[[[[[[[[[[[[[[\n",
					     "{\"id\":1,\"do\":\"\xff\"}\n",
					     "{\"id\":1,\"id\":1,\"do\":\"status\"}\n",
					     "null\n" };
	static char line[20000];
	struct station s = { 0 };
	struct run run;

	begin(*state, &s, &run, NULL, 2);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int fd = plug(&s);

		says(read_line(fd, line, sizeof(line)), "\"type\":\"hello\"");
		assert_true(put(fd, lines[i], strlen(lines[i])));
		says(read_line(fd, line, sizeof(line)), "\"id\":null,\"ok\":false");
		says(line, "not-json");
		says(read_line(fd, line, sizeof(line)), "\"reason\":\"garbage\"");
		assert_null(read_line(fd, line, sizeof(line)));
		close(fd);
	}
	end(*state, &s, &run);
}

static void a_line_of_a_mebibyte_is_cut_off(void **state)
{
	static char line[20000], mebibyte[1 << 20];
	struct station s = { 0 };
	struct run run;
	int fd;

	begin(*state, &s, &run, NULL, 3);
	fd = plug(&s);
	says(read_line(fd, line, sizeof(line)), "\"type\":\"hello\"");
	memset(mebibyte, 'a', sizeof(mebibyte));
	(void)put(fd, mebibyte, sizeof(mebibyte)); /* the station may hang up in the middle of it */
	says(read_line(fd, line, sizeof(line)), "too-long");
	says(read_line(fd, line, sizeof(line)), "\"reason\":\"garbage\"");
	assert_null(read_line(fd, line, sizeof(line)));
	close(fd);
	end(*state, &s, &run);
}

/* Its requests wait while its answers do; when it reads, all of them are there, in order. */
static void a_flood_of_requests_is_answered_as_fast_as_it_is_read(void **state)
{
	static char line[40000];
	struct station s = { 0 };
	struct run run;
	unsigned sent = 0, answered = 0;
	char text[60];
	int fd;

	s.options.drop_us = 30000000; /* it does read, later */
	begin(*state, &s, &run, NULL, 4);
	fd = plug(&s);
	says(read_line(fd, line, sizeof(line)), "\"type\":\"hello\"");
	for (; sent < 20000; sent++) {
		int len = snprintf(text, sizeof(text), "{\"id\":%u,\"do\":\"status\"}\n", sent);

		if (send(fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) != len)
			break; /* it does not read on: that is what keeps its memory small */
	}
	assert_true(sent > 100 && sent < 20000);
	for (; answered < sent; answered++) {
		snprintf(text, sizeof(text), "\"id\":%u,\"ok\":true", answered);
		says(read_line(fd, line, sizeof(line)), text);
	}
	close(fd);
	end(*state, &s, &run);
}

static void a_thousand_connections_leave_room_for_the_next(void **state)
{
	static char line[20000];
	int held[CONTROL_CLIENTS_OF_USER], fd;
	struct station s = { 0 };
	struct run run;
	unsigned refused = 0;

	begin(*state, &s, &run, NULL, 5);
	for (unsigned i = 0; i < 1000; i++) {
		fd = plug(&s);
		read_line(fd, line, sizeof(line));
		if (i < CONTROL_CLIENTS_OF_USER) {
			says(line, "\"type\":\"hello\"");
			held[i] = fd;
			continue;
		}
		says(line, "\"reason\":\"too-many\"");
		assert_null(read_line(fd, line, sizeof(line)));
		refused++;
		close(fd);
	}
	assert_int_equal(refused, 1000 - CONTROL_CLIENTS_OF_USER);
	for (unsigned i = 0; i < CONTROL_CLIENTS_OF_USER; i++)
		close(held[i]);
	/* Those that are gone are noticed by their end, which may still be on its way. */
	for (;;) {
		fd = plug(&s);
		read_line(fd, line, sizeof(line));
		close(fd);
		if (strstr(line, "\"type\":\"hello\""))
			break;
	}
	for (unsigned i = 0; i < 1000; i++) /* and a thousand that say nothing and hang up */
		close(plug(&s));
	for (;;) {
		fd = plug(&s);
		read_line(fd, line, sizeof(line));
		close(fd);
		if (strstr(line, "\"type\":\"hello\""))
			break;
	}
	end(*state, &s, &run);
}

/* It subscribes to everything and reads nothing: the station drops it, and the line never waits. */
static void a_client_that_never_reads_is_dropped(void **state)
{
	static const char ask[] = "{\"id\":1,\"do\":\"subscribe\",\"rate\":60}\n{\"id\":2,\"do\":\"status\"}\n";
	static char line[20000];
	struct station s = { 0 };
	struct run run;
	struct screen v;
	int fd, small = 1;

	s.options.drop_us = 300000;
	s.batch.stay = true;
	s.batch.pace = 20;
	hall_job(*state, &run,
		 &(struct shape){ .devices = 300, .radios = 4, .channels = "1, 6, 11, 36", .arrival = "10ms" },
		 hall_seed(6));
	station_start(*state, &s, &run, NULL);
	fd = plug(&s);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	says(read_line(fd, line, sizeof(line)), "\"type\":\"hello\"");
	for (unsigned i = 0; i < 2000; i++) /* answers enough to fill what the kernel keeps for it */
		if (send(fd, ask, sizeof(ask) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
	screen_open(&v, &s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	screen_await_count(&v, "passed", 300);
	/* Dropped: its end of the line is closed. The kernel gives out what it had kept, then the end. */
	for (struct pollfd p = { .fd = fd, .events = POLLIN };;) {
		ssize_t n;

		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		if (!(p.revents & POLLHUP))
			continue;
		while ((n = recv(fd, line, sizeof(line), 0)) > 0)
			;
		assert_true(n == 0 || errno == ECONNRESET);
		break;
	}
	close(fd);
	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"tested\"}");
	screen_close(&v);
	station_join(&s);
	hall_all_passed(*state, &run, 300);
	hall_done(&run);
}

static void whom_the_settings_give_no_role_is_sent_away(void **state)
{
	char settings[160];
	struct station s = { 0 };
	struct run run;
	char line[400];
	int fd;

	snprintf(settings, sizeof(settings), "format: 1\ncontrol: {others: none, users: {%u: none}}\n",
		 (unsigned)geteuid());
	hall_job(*state, &run, &(struct shape){ .devices = 2, .arrival = "100ms" }, hall_seed(7));
	s.batch.pace = 5;
	station_start(*state, &s, &run, settings);
	fd = plug(&s);
	(void)say(fd, "{\"id\":1,\"do\":\"abort\",\"reason\":\"x\"}\n");
	says(read_line(fd, line, sizeof(line)), "\"reason\":\"refused\"");
	assert_null(read_line(fd, line, sizeof(line)));
	close(fd);
	station_join(&s);
	hall_all_passed(*state, &run, 2);
	hall_done(&run);
}

static void badges_are_not_tried_out(void **state)
{
	static char line[2000];
	struct station s = { 0 };
	struct run run;
	char text[60];
	int fd;

	begin(*state, &s, &run, NULL, 8);
	fd = plug(&s);
	says(read_line(fd, line, sizeof(line)), "\"type\":\"hello\"");
	for (unsigned i = 0; i < 5; i++) {
		assert_true(put(
			fd, text,
			(size_t)snprintf(text, sizeof(text), "{\"id\":%u,\"do\":\"badge\",\"badge\":\"%u\"}\n", i, i)));
		says(read_line(fd, line, sizeof(line)), "unknown-badge");
	}
	/* For a while not even a right one is looked at. Nobody is thrown out: they may have been codes of digits
	 * alone. */
	for (unsigned i = 0; i < 20; i++) {
		assert_true(say(fd, "{\"id\":7,\"do\":\"badge\",\"badge\":\"0021\"}\n"));
		says(read_line(fd, line, sizeof(line)), "\"busy\"");
	}
	assert_true(say(fd, "{\"id\":8,\"do\":\"hello\"}\n"));
	says(read_line(fd, line, sizeof(line)), "\"role\":\"lead\"");
	close(fd);
	end(*state, &s, &run);
}

/* One that says its last and still listens gets its answer. */
static void a_client_that_closes_its_half_is_answered(void **state)
{
	static char line[20000];
	struct station s = { 0 };
	struct run run;
	int fd;

	begin(*state, &s, &run, NULL, 9);
	fd = plug(&s);
	assert_true(say(fd, "{\"id\":1,\"do\":\"pause\",\"reason\":\"x\"}\n{\"id\":2,\"do\":\"resume\"}\n"));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	says(read_line(fd, line, sizeof(line)), "\"type\":\"hello\"");
	/* resume is looked at before the pause has taken effect: it is refused, at once. */
	says(read_line(fd, line, sizeof(line)), "\"id\":2,\"ok\":false");
	says(read_line(fd, line, sizeof(line)), "\"id\":1,\"ok\":true");
	close(fd);
	fd = plug(&s);
	says(read_line(fd, line, sizeof(line)), "\"type\":\"hello\"");
	assert_true(say(fd, "{\"id\":3,\"do\":\"resume\"}\n"));
	says(read_line(fd, line, sizeof(line)), "\"id\":3,\"ok\":true");
	close(fd);
	end(*state, &s, &run);
}

/* --- metrics --- */

static int dial(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static size_t read_all(int fd, char *out, size_t cap)
{
	size_t len = 0;

	for (ssize_t n; len < cap - 1 && (n = recv(fd, out + len, cap - 1 - len, 0)) > 0;)
		len += (size_t)n;
	out[len] = '\0';
	close(fd);
	return len;
}

static unsigned free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	return ntohs(at.sin_port);
}

static void figures_are_given_to_whoever_asks_and_strangers_cost_nothing(void **state)
{
	static char text[60000], flood[8000];
	struct station s = { 0 };
	struct run run;
	unsigned port = free_port();
	char address[32];
	int half[10], fd;

	snprintf(address, sizeof(address), "%u", port);
	s.options.metrics = address;
	begin(*state, &s, &run, NULL, 10);
	for (unsigned i = 0; i < 10; i++) {
		half[i] = dial(port);
		assert_true(say(half[i], "GET /met"));
	}
	fd = dial(port);
	assert_true(say(fd, "DELETE / HTTP/1.1\r\n\r\n"));
	read_all(fd, text, sizeof(text));
	says(text, "HTTP/1.1 405");
	fd = dial(port);
	assert_true(say(fd, "GET /../../etc/passwd HTTP/1.1\r\n\r\n"));
	read_all(fd, text, sizeof(text));
	says(text, "HTTP/1.1 404");
	fd = dial(port);
	memset(flood, 'A', sizeof(flood));
	(void)put(fd, flood, sizeof(flood));
	assert_int_equal(read_all(fd, text, sizeof(text)), 0); /* no end of a header in sight: hung up */
	fd = dial(port);
	assert_true(say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"));
	read_all(fd, text, sizeof(text));
	says(text, "HTTP/1.1 200");
	says(text, "version=0.0.4");
	says(text, "# TYPE millrace_units gauge\n");
	says(text, "millrace_units{state=\"passed\"} ");
	says(text, "millrace_simulated 1\n");
	says(text, "millrace_radio_up{radio=\"radio1\"} 1\n");
	for (unsigned i = 0; i < 10; i++)
		close(half[i]);
	end(*state, &s, &run);
}

static double figure(const char *text, const char *name)
{
	char words[100];
	const char *at;

	snprintf(words, sizeof(words), "\nmillrace_%s ", name);
	at = strstr(text, words);
	if (!at)
		fail_msg("there is no %s in: %s", name, text);
	return strtod(at + strlen(words), NULL);
}

/* Each line of a figure stands below what it is and of which type, and the body is as long as was said. */
static void is_well_formed(char *text)
{
	char *body = strstr(text, "\r\n\r\n") + 4, *length = strstr(text, "Content-Length: ");
	char type[100] = "", *first = strdup(body), *next;

	assert_non_null(length);
	assert_int_equal(strtoul(length + 16, NULL, 10), strlen(body));
	assert_non_null(first);
	for (char *line = first; *line; line = next) {
		next = line + strcspn(line, "\n");
		*next++ = '\0';
		if (sscanf(line, "# TYPE %99s", type) == 1 || strncmp(line, "# HELP ", 7) == 0)
			continue;
		if (strncmp(line, type, strlen(type)) != 0 || !strchr(" {", line[strlen(type)]))
			fail_msg("%s stands below %s", line, type);
	}
	free(first);
}

static void scrape(unsigned port, char *text, size_t cap)
{
	int fd = dial(port);

	assert_true(say(fd, "GET /metrics HTTP/1.1\r\n\r\n"));
	read_all(fd, text, cap);
	is_well_formed(text);
}

static void is_of_radios(const struct run *run, const char *text, const char *figures, const char *column, double unit)
{
	for (int i = 1; i <= 2; i++) {
		char name[80], sql[120];
		double now;
		int64_t at_last;

		snprintf(name, sizeof(name), "radio_%s{radio=\"radio%d\"}", figures, i);
		snprintf(sql, sizeof(sql), "SELECT %s FROM radio WHERE radio = 'radio%d'", column, i);
		now = figure(text, name) / unit;
		at_last = hall_ask(run, sql);
		/* It was paused; what it still did was to end. */
		if (now > (double)at_last + 0.5 || now < (double)at_last * 0.9 - 3)
			fail_msg("%s: %g, at the end %lld", name, now, (long long)at_last);
	}
}

/* Six pass, one is sick, one goes away; then the line is paused. */
static const struct {
	const char *name;
	double value;
} of_the_batch[] = { { "up", 1 },
		     { "run", 1 },
		     { "clients", 1 },
		     { "simulated", 1 },
		     { "paused", 1 },
		     { "database_ok", 1 },
		     { "clock_ok", 1 },
		     { "units{state=\"passed\"}", 6 },
		     { "units{state=\"failed\"}", 1 },
		     { "units{state=\"quarantined\"}", 1 },
		     { "units{state=\"held\"}", 0 },
		     { "units{state=\"unfinished\"}", 0 },
		     { "units{state=\"missing\"}", 0 },
		     { "sessions", 0 },
		     { "waiting", 0 },
		     { "strangers", 0 },
		     { "orders_total", 1 },
		     { "first_pass_yield", 0.75 },
		     { "radio_up{radio=\"radio1\"}", 1 },
		     { "radio_sessions{radio=\"radio2\"}", 0 } };

/* What is told is what is on record in the end. */
static void the_figures_are_those_of_the_record(void **state)
{
	static char before[60000], text[60000];
	struct station s = { .batch = { .stay = true, .pace = 20 } };
	struct run run;
	struct screen v;
	unsigned port = free_port();
	char address[32];

	snprintf(address, sizeof(address), "%u", port);
	s.options.metrics = address;
	hall_job(*state, &run,
		 &(struct shape){ .devices = 8,
				  .radios = 2,
				  .channels = "1, 6",
				  .attempts = "2",
				  .faults = "    - {kind: selftest}\n    - {kind: vanish, operation: credentials}\n" },
		 hall_seed(17));
	station_start(*state, &s, &run, NULL);
	screen_open(&v, &s);
	screen_ok(&v, "{\"do\":\"subscribe\",\"rate\":60}");
	screen_await(&v, 0, "quarantined", "selftest-failed");
	screen_await(&v, 0, "failed", "no-answer");
	screen_await_count(&v, "passed", 6);
	scrape(port, before, sizeof(before));
	assert_true(figure(before, "paused") == 0 && figure(before, "orders_total") == 0);
	screen_ok(&v, "{\"do\":\"pause\",\"reason\":\"to look\"}");
	screen_await_run(&v, "paused");
	scrape(port, text, sizeof(text));
	for (size_t i = 0; i < sizeof(of_the_batch) / sizeof(of_the_batch[0]); i++)
		if (figure(text, of_the_batch[i].name) != of_the_batch[i].value)
			fail_msg("%s: %g, not %g", of_the_batch[i].name, figure(text, of_the_batch[i].name),
				 of_the_batch[i].value);
	assert_int_equal(
		figure(text, "radio_channel{radio=\"radio1\"}") + figure(text, "radio_channel{radio=\"radio2\"}"), 7);
	assert_true(figure(text, "line_seconds") > 9 &&
		    figure(text, "line_seconds") < 100); /* patience, and the lease */
	assert_true(figure(text, "cadence_seconds") > 0.01 && figure(text, "cadence_seconds") < 100);
	screen_ok(&v, "{\"do\":\"stop\",\"reason\":\"tested\"}");
	screen_close(&v);
	station_join(&s);
	assert_int_equal(figure(text, "retries_total"), run.result.summary.retries);
	assert_int_equal(figure(text, "attempts_failed_total"),
			 hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome <> 'pass'"));
	is_of_radios(&run, text, "sent_frames_total", "sent", 1);
	is_of_radios(&run, text, "received_frames_total", "received", 1);
	is_of_radios(&run, text, "unacked_frames_total", "unacked", 1);
	is_of_radios(&run, text, "retries_total", "retries", 1);
	is_of_radios(&run, text, "switches_total", "switches", 1);
	is_of_radios(&run, text, "airtime_seconds_total", "airtime_us", 1e-6);
	hall_done(&run);
}

static void an_address_for_metrics_that_is_none_is_refused(void **state)
{
	static const char *const wrong[] = { "",
					     "x",
					     "0",
					     "65536",
					     "127.0.0.1",
					     "127.0.0.1:",
					     ":9464",
					     "host.example:9464",
					     "127.0.0.1:9464x",
					     "[::1:9464" };
	struct hall *hall = *state;
	struct settings settings;
	struct control *control;
	char error[400], path[120];

	settings_default(&settings);
	snprintf(path, sizeof(path), "%s/metrics.sock", hall->dir);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct control_options o = {
			.settings = &settings, .path = path, .software = "hall", .metrics = wrong[i]
		};

		error[0] = '\0';
		assert_true(control_open(&control, &o, error, sizeof(error)) < 0);
		says(error, "metrics");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_in_single_octets_is_answered),
		cmocka_unit_test(what_is_not_our_language_gets_one_answer_and_the_end),
		cmocka_unit_test(a_line_of_a_mebibyte_is_cut_off),
		cmocka_unit_test(a_flood_of_requests_is_answered_as_fast_as_it_is_read),
		cmocka_unit_test(a_thousand_connections_leave_room_for_the_next),
		cmocka_unit_test(a_client_that_never_reads_is_dropped),
		cmocka_unit_test(whom_the_settings_give_no_role_is_sent_away),
		cmocka_unit_test(badges_are_not_tried_out),
		cmocka_unit_test(a_client_that_closes_its_half_is_answered),
		cmocka_unit_test(figures_are_given_to_whoever_asks_and_strangers_cost_nothing),
		cmocka_unit_test(the_figures_are_those_of_the_record),
		cmocka_unit_test(an_address_for_metrics_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
