/*
 * The dashboard in a real terminal (tmux), before a station of this test's own that speaks docs/control.md and then
 * misbehaves: sizes, UTF-8 and ASCII, a lost socket, hostile lines, terminals that do not do. Text is waited for, with
 * a deadline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/dashboard_state.h"

#define DEADLINE_MS 15000

struct place_of_test {
	char dir[64], socket[96], tmux[128];
	unsigned terminals, accepted;
	char *program;
	int listen_fd, fd;
	char in[65536];
	size_t in_len;
	char asked[65536]; /* all requests so far */
	size_t asked_len;
	char screen[200000];
	bool silent; /* says nothing of itself */
	int64_t said_ms;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- the station of this test --- */

static void open_station(struct place_of_test *p)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	unlink(p->socket);
	memcpy(name.sun_path, p->socket, sizeof(p->socket));
	p->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(p->listen_fd >= 0);
	assert_int_equal(bind(p->listen_fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(p->listen_fd, 4), 0);
}

static void hang_up(struct place_of_test *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->in_len = 0;
}

static void close_station(struct place_of_test *p)
{
	hang_up(p);
	if (p->listen_fd >= 0)
		close(p->listen_fd);
	p->listen_fd = -1;
	unlink(p->socket);
}

static void say(struct place_of_test *p, const char *line, size_t len)
{
	while (p->fd >= 0 && len > 0) {
		ssize_t n = send(p->fd, line, len, MSG_NOSIGNAL);

		if (n < 0)
			return; /* it has hung up, as it may */
		line += n;
		len -= (size_t)n;
	}
}

static void say_line(struct place_of_test *p, const char *line)
{
	say(p, line, strlen(line));
	say(p, "\n", 1);
}

static void answer(struct place_of_test *p, const json_t *request)
{
	const char *what = mirror_text(request, "do");
	char line[600];
	long long id = (long long)json_integer_value(json_object_get(request, "id"));

	if (strcmp(what, "subscribe") == 0) {
		say_line(p, state_day[1]);
	} else if (strcmp(what, "badge") == 0) {
		snprintf(line, sizeof(line),
			 "{\"millrace\":1,\"type\":\"answer\",\"id\":%lld,\"ok\":true,\"result\":{\"role\":\"lead\","
			 "\"actor\":\"0021 Ben\"}}",
			 id);
		say_line(p, line);
	} else if (strcmp(what, "scan") == 0) {
		snprintf(line, sizeof(line),
			 "{\"millrace\":1,\"type\":\"answer\",\"id\":%lld,\"ok\":true,\"result\":{\"is\":\"unit\","
			 "\"unit\":4}}",
			 id);
		say_line(p, line);
	} else if (strcmp(what, "device") == 0) {
		snprintf(line, sizeof(line),
			 "{\"millrace\":1,\"type\":\"answer\",\"id\":%lld,\"ok\":true,\"result\":{\"unit\":{\"unit\":1,"
			 "\"serial\":\"AC10001312\","
			 "\"state\":\"active\",\"since_us\":56000000,\"attempt\":1},\"timeline\":[{\"at_us\":50000000,"
			 "\"event\":\"seen\",\"radio\":\"radio1\",\"channel\":6}],"
			 "\"certificate\":{\"subject\":\"CN=AC-100,serialNumber=AC10001312\"}}}",
			 id);
		say_line(p, line);
	} else {
		snprintf(line, sizeof(line),
			 "{\"millrace\":1,\"type\":\"answer\",\"id\":%lld,\"ok\":true,\"result\":{\"done\":1}}", id);
		say_line(p, line);
	}
}

static void take_requests(struct place_of_test *p)
{
	char *end;

	while ((end = memchr(p->in, '\n', p->in_len)) != NULL) {
		size_t len = (size_t)(end - p->in);
		json_t *o = json_loadb(p->in, len, JSON_REJECT_DUPLICATES, NULL);

		assert_non_null(o);
		if (p->asked_len + len + 2 < sizeof(p->asked)) {
			memcpy(p->asked + p->asked_len, p->in, len + 1);
			p->asked_len += len + 1;
		}
		answer(p, o);
		json_decref(o);
		memmove(p->in, end + 1, p->in_len - len - 1);
		p->in_len -= len + 1;
	}
}

/* Takes connections and requests for `wait_ms` at most. */
static void serve(struct place_of_test *p, int wait_ms)
{
	struct pollfd fds[2] = { { .fd = p->listen_fd, .events = POLLIN }, { .fd = p->fd, .events = POLLIN } };
	ssize_t n;

	if (p->fd >= 0 && !p->silent && now_ms() - p->said_ms >= 1000) {
		say_line(p, STATE "\"now_us\":60000000}");
		p->said_ms = now_ms();
	}
	if (poll(fds, 2, wait_ms) <= 0)
		return;
	if (p->listen_fd >= 0 && fds[0].revents & POLLIN) {
		hang_up(p);
		p->fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		p->accepted += p->fd >= 0;
		say_line(p, state_day[0]);
		return;
	}
	if (p->fd < 0 || !(fds[1].revents & (POLLIN | POLLHUP)))
		return;
	n = read(p->fd, p->in + p->in_len, sizeof(p->in) - p->in_len);
	if (n <= 0) {
		hang_up(p);
		return;
	}
	p->in_len += (size_t)n;
	take_requests(p);
}

/* --- the terminal --- */

static void run(const struct place_of_test *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void run(const struct place_of_test *p, const char *format, ...)
{
	char words[2000], command[2400];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	snprintf(command, sizeof(command), "%s %s", p->tmux, words);
	assert_int_equal(system(command), 0);
}

static void capture(struct place_of_test *p)
{
	char command[200];
	FILE *from;
	size_t len;

	snprintf(command, sizeof(command), "%s capture-pane -p -t t", p->tmux);
	from = popen(command, "r");
	assert_non_null(from);
	len = fread(p->screen, 1, sizeof(p->screen) - 1, from);
	p->screen[len] = '\0';
	pclose(from);
}

/* Serves until the screen has, or has no longer, this text. */
static void wait_for(struct place_of_test *p, const char *text, bool there)
{
	int64_t until = now_ms() + DEADLINE_MS;

	do {
		serve(p, 30);
		capture(p);
		if ((strstr(p->screen, text) != NULL) == there)
			return;
	} while (now_ms() < until);
	puts(p->screen);
	fail_msg("\"%s\" is %s the screen", text, there ? "not on" : "still on");
}

static void shows(struct place_of_test *p, const char *text) { wait_for(p, text, true); }
static void hides(struct place_of_test *p, const char *text) { wait_for(p, text, false); }

static void asked(struct place_of_test *p, const char *text)
{
	int64_t until = now_ms() + DEADLINE_MS;

	while (!strstr(p->asked, text) && now_ms() < until)
		serve(p, 30);
	if (!strstr(p->asked, text))
		fail_msg("nobody asked %s; asked was:\n%s", text, p->asked);
}

/* `env`: what goes before the program; `options`: of the dashboard. */
static void open_terminal(struct place_of_test *p, unsigned cols, unsigned rows, const char *env, const char *options)
{
	/* A server of its own each time: the last one may still be ending. */
	snprintf(p->tmux, sizeof(p->tmux), "TMUX_TMPDIR=%s tmux -u -L t%u", p->dir, p->terminals++);
	run(p,
	    "-f /dev/null new-session -d -s t -x %u -y %u \"LC_ALL=C.UTF-8 TZ=UTC env %s %s dashboard --socket %s %s; "
	    "echo EXIT \\$?; exec sleep 1000\"",
	    cols, rows, env, p->program, p->socket, options);
}

/* As a person's clipboard does it: the terminal says that it is a paste, so nothing here depends on a pace. */
static void paste(struct place_of_test *p, const char *text)
{
	run(p, "set-buffer -- '%s'", text);
	run(p, "paste-buffer -p -t t");
}

static void close_terminal(struct place_of_test *p) { run(p, "kill-server 2>/dev/null || true"); }

static int setup(void **state)
{
	struct place_of_test *p = calloc(1, sizeof(*p));
	const char *program = getenv("MILLRACE_BIN");

	if (!p)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	snprintf(p->dir, sizeof(p->dir), "/tmp/millrace-terminal-XXXXXX");
	p->program = realpath(program ? program : "build/millrace", NULL);
	if (!p->program || !mkdtemp(p->dir))
		return -1;
	/* ncurses keeps a little for good: one panel behind all, and what it had prepared for a terminal that it did
	 * not find. */
	setenv("LSAN_OPTIONS", "suppressions=tests/line/ncurses.supp", 1);
	snprintf(p->socket, sizeof(p->socket), "%s/control.sock", p->dir);
	snprintf(p->tmux, sizeof(p->tmux), "true"); /* no terminal yet */
	p->fd = p->listen_fd = -1;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place_of_test *p = *state;
	char command[120];

	close_terminal(p);
	close_station(p);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	if (system(command) != 0)
		puts("the folder stays");
	free(p->program);
	free(p);
	return 0;
}

static void every_size_in_both_character_sets(void **state)
{
	static const struct {
		unsigned cols, rows;
		const char *options;
	} all[] = {
		{ 80, 24, "" },
		{ 80, 24, "--ascii" },
		{ 120, 40, "" },
		{ 120, 40, "--ascii --palette colour-blind" },
		{ 200, 60, "--palette mono" },
		{ 200, 60, "--ascii" },
	};
	static const struct {
		const char *key, *text;
	} screens[] = {
		{ "r", "NACK" },    { "c", "UNHEARD" }, { "f", "ATTEMPTS" },
		{ "g", "SECONDS" }, { "h", "SIGNS" },	{ "l", "AC10001309" },
	};
	struct place_of_test *p = *state;

	open_station(p);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		bool ascii = strstr(all[i].options, "ascii") != NULL;

		open_terminal(p, all[i].cols, all[i].rows, "", all[i].options);
		shows(p, "AC10001312");
		shows(p, "SIMULATED");
		shows(p, "done 313/480");
		shows(p, "QUAR pin-refused");
		assert_true(!strstr(p->screen, "\342\226\210") == ascii); /* a full block, in the bar */
		for (size_t s = 0; s < sizeof(screens) / sizeof(screens[0]); s++) {
			run(p, "send-keys -t t %s", screens[s].key);
			shows(p, screens[s].text);
			shows(p, "SIMULATED");
			for (const char *c = p->screen; ascii && *c; c++)
				assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
		}
		run(p, "send-keys -t t Enter");
		shows(p, "CN=AC-100");
		run(p, "send-keys -t t q");
		shows(p, "EXIT 0");
		close_terminal(p);
		hang_up(p);
	}
}

static void a_terminal_that_shrinks_waits_and_comes_back(void **state)
{
	struct place_of_test *p = *state;

	open_station(p);
	open_terminal(p, 120, 40, "", "");
	shows(p, "AC10001312");
	run(p, "resize-window -t t -x 70 -y 20");
	shows(p, "70x20 is too small: 80x24 are needed");
	run(p, "resize-window -t t -x 80 -y 24");
	shows(p, "AC10001312");
	hides(p, "too small");
	run(p, "resize-window -t t -x 200 -y 60");
	shows(p, "put it in the red bin"); /* there is room for the remedy in the row now */
}

/*
 * The library tells of a size with a key of its own, and took ours for the cause of the next one: one resize and one
 * key, and the screen was blank for good, at 100 % of a core, and heard no signal.
 */
static void a_key_after_a_resize_is_a_key_and_no_more(void **state)
{
	static const struct {
		unsigned cols, rows;
		const char *key, *text;
	} steps[] = {
		{ 100, 30, "r", "NACK" },     { 80, 24, "f", "ATTEMPTS" }, { 200, 60, "c", "UNHEARD" },
		{ 60, 10, "g", "too small" }, { 90, 30, "Up", "SECONDS" }, { 90, 31, "l", "RADIO/CH" },
		{ 90, 32, "h", "SIGNS" },
	};
	struct place_of_test *p = *state;

	open_station(p);
	open_terminal(p, 80, 24, "", "");
	shows(p, "AC10001312");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		run(p, "resize-window -t t -x %u -y %u", steps[i].cols, steps[i].rows);
		run(p, "send-keys -t t %s", steps[i].key);
		shows(p, steps[i].text);
	}
	/* Sizes come faster than frames when a window is pulled, and keys between them. */
	for (unsigned i = 0; i < 20; i++) {
		run(p, "resize-window -t t -x %u -y %u", 80 + i, 24 + i % 7);
		run(p, "send-keys -t t Down");
	}
	run(p, "send-keys -t t r");
	shows(p, "NACK");
	/* The signals of an end are heard after all that. */
	run(p, "send-keys -t t C-c");
	shows(p, "EXIT 0");
}

static void a_screen_that_is_told_to_end_ends(void **state)
{
	struct place_of_test *p = *state;
	char command[300];

	open_station(p);
	for (unsigned i = 0; i < 2; i++) {
		open_terminal(p, 80, 24, "", "");
		shows(p, "AC10001312");
		run(p, "resize-window -t t -x 90 -y 30");
		run(p, "send-keys -t t r");
		shows(p, "NACK");
		/* The pane's shell has one child, and that is the screen. */
		snprintf(command, sizeof(command),
			 "kill -%s $(cat /proc/$(%s display-message -p -t t '#{pane_pid}')/task/*/children)",
			 i == 0 ? "TERM" : "HUP", p->tmux);
		assert_int_equal(system(command), 0);
		shows(p, "EXIT 0");
		close_terminal(p);
		hang_up(p);
	}
}

static void keys_become_requests(void **state)
{
	struct place_of_test *p = *state;

	open_station(p);
	open_terminal(p, 80, 24, "", "");
	shows(p, "AC10001312");
	run(p, "send-keys -t t F5");
	shows(p, "Pause the line");
	paste(p, "1");
	run(p, "send-keys -t t Enter");
	asked(p, "\"do\":\"pause\",\"reason\":\"labels run out\"");
	shows(p, "paused");
	/* A badge as a scanner types it, then a label with a PIN. */
	run(p, "send-keys -t t 0021 Enter");
	asked(p, "\"badge\":\"0021\"");
	shows(p, "0021 Ben lead");
	run(p, "send-keys -t t 'AC10001309 87654325' Enter");
	shows(p, "AC10001309: QUAR pin-refused");
	assert_null(strstr(p->screen, "876543"));
	/* It goes to the station, which alone can tell whose it is, and nowhere else. */
	asked(p, "\"do\":\"scan\",\"text\":\"AC10001309 87654325\"");
	run(p, "send-keys -t t o");
	shows(p, "Release: AC10001309");
	paste(p, "1");
	run(p, "send-keys -t t Enter");
	asked(p, "\"do\":\"release\",\"units\":[4],\"reason\":\"examined and found good\"");
	run(p, "send-keys -t t '\\'");
	shows(p, "Part of serial");
	paste(p, "fail|quar");
	run(p, "send-keys -t t Enter");
	shows(p, "filter: fail|quar (2 of 5)");
	hides(p, "AC10001312 ");
	run(p, "send-keys -t t Escape");
	shows(p, "AC10001312");
	/* The mouse: a click on the tab of the radios, and on a row. */
	run(p, "send-keys -t t -l \"$(printf '\\033[M )!')\"");
	shows(p, "NACK");
}

/* Octets of a scanner, as they come through a terminal, and a screen that goes on as if nothing had been pressed. */
static void a_scan_is_a_scan_through_a_terminal_too(void **state)
{
	static const struct {
		const char *hex, *asked, *shows;
	} scans[] = {
		{ "70 70 31 30 30 32 30 30 33 30 30 0d", "\"do\":\"find\",\"text\":\"pp100200300\"", "" },
		{ "02 75 75 37 03", "\"do\":\"find\",\"text\":\"uu7\"", "" },
		{ "02 41 43 31 30 30 30 31 33 30 39 03 0d 0a", "", "AC10001309: QUAR" },
		{ "5d 43 31 41 43 31 30 30 30 31 33 30 38 09", "", "AC10001308: FAIL" },
		{ "41 43 31 30 30 30 1d 30 30 30 34 0d", "", "several fields are in it" },
		{ "61 61 2d 39 0d 0a", "\"text\":\"aa-9\"", "" },
		{ "31 32 33 34 35 0d", "\"badge\":\"12345\"", "" },
	};
	struct place_of_test *p = *state;

	open_station(p);
	open_terminal(p, 80, 24, "", "");
	shows(p, "AC10001312");
	say_line(p, STATE_BANNER);
	shows(p, "SECURITY duplicate-key");
	for (size_t i = 0; i < sizeof(scans) / sizeof(scans[0]); i++) {
		run(p, "send-keys -t t -H %s", scans[i].hex);
		if (*scans[i].asked)
			asked(p, scans[i].asked);
		else
			shows(p, scans[i].shows);
	}
	/* In a question as well: the scan is looked up, and the question is as it was. */
	run(p, "send-keys -t t F5");
	shows(p, "Pause the line");
	run(p, "send-keys -t t -H %s", "70 70 39 0d");
	asked(p, "\"text\":\"pp9\"");
	shows(p, "Pause the line");
	assert_null(strstr(p->asked, "\"do\":\"ack\""));
	assert_null(strstr(p->asked, "\"do\":\"pause\""));
	/* A scanner that has no suffix, and says so. */
	run(p, "send-keys -t t C-c");
	shows(p, "EXIT 0");
	close_terminal(p);
	hang_up(p);
	{
		char path[120];
		FILE *f;

		snprintf(path, sizeof(path), "%s/station.yaml", p->dir);
		f = fopen(path, "w");
		assert_non_null(f);
		fputs("format: 1\nscanner: {suffix: none}\n", f);
		fclose(f);
		snprintf(path, sizeof(path), "--settings %s/station.yaml", p->dir);
		open_terminal(p, 80, 24, "", path);
	}
	shows(p, "AC10001312");
	run(p, "send-keys -t t -H %s", "41 43 31 30 30 30 31 33 30 39");
	shows(p, "AC10001309: QUAR");
}

static void a_lost_station_is_said_and_found_again(void **state)
{
	struct place_of_test *p = *state;

	open_terminal(p, 80, 24, "", "");
	shows(p, "no station answers at");
	shows(p, "trying again in");
	open_station(p);
	shows(p, "AC10001312");
	hides(p, "no station");
	close_station(p);
	shows(p, "NOT LIVE");
	shows(p, "AC10001312");
	shows(p, "not connected");
	run(p, "send-keys -t t F5");
	shows(p, "no connection to the station");
	open_station(p);
	hides(p, "NOT LIVE");
	shows(p, "0417 Ana operator");
}

static void a_station_that_hangs_is_told_from_one_that_works(void **state)
{
	struct place_of_test *p = *state;

	open_station(p);
	open_terminal(p, 80, 24, "", "");
	shows(p, "AC10001312");
	p->silent = true;
	shows(p, "NOT LIVE: nothing heard for 3 s");
	shows(p, "NOT LIVE: nothing heard for 4 s");
	shows(p, "AC10001312");
	p->silent = false;
	hides(p, "NOT LIVE");
}

static void between_jobs_the_queue_is_shown(void **state)
{
	struct place_of_test *p = *state;

	open_station(p);
	open_terminal(p, 80, 24, "", "");
	shows(p, "AC10001312");
	say_line(p, "{\"millrace\":1,\"type\":\"state\",\"full\":true,\"more\":false,\"now_us\":1,\"header\":{\"run\":{"
		    "\"state\":\"idle\"},"
		    "\"simulated\":null,\"health\":{},\"jobs\":[{\"job\":1,\"path\":\"/etc/"
		    "a.yaml\",\"lot\":\"A-1\",\"state\":\"failed\","
		    "\"status\":2,\"text\":\"the keys are "
		    "missing\"},{\"job\":2,\"path\":\"/etc/b.yaml\",\"lot\":\"B-2\",\"state\":\"queued\"}]}}");
	shows(p, "IDLE");
	shows(p, "B-2");
	shows(p, "the keys are missing");
	assert_null(strstr(p->screen, "AC10001312"));
}

static void a_banner_stands_until_it_is_acknowledged(void **state)
{
	struct place_of_test *p = *state;

	open_station(p);
	open_terminal(p, 80, 24, "", "");
	shows(p, "AC10001312");
	say_line(p, STATE_BANNER);
	shows(p, "SECURITY duplicate-key AC10001309");
	shows(p, "DO: put it in the red bin");
	run(p, "send-keys -t t a");
	asked(p, "\"do\":\"ack\",\"banner\":7");
	say_line(p, STATE "\"now_us\":63000000,\"banners\":[]}");
	hides(p, "SECURITY");
}

/* It has hung up, and come again. */
static void reconnects(struct place_of_test *p)
{
	unsigned before = p->accepted;

	for (int64_t until = now_ms() + DEADLINE_MS; p->accepted == before && now_ms() < until;)
		serve(p, 30);
	assert_int_equal(p->accepted, before + 1);
}

/* Each of them ends in words on the screen and in another try, never in anything else. */
static void a_hostile_station_does_no_harm(void **state)
{
	static const char *const lines[] = {
		"this is no JSON",
		"[1,2,3]",
		"{\"millrace\":1",
		"{\"millrace\":1,\"millrace\":1,\"type\":\"state\"}",
		"\377\376\375",
		"{\"type\":\"state\"}",
		"\"\\u001b]0;title\\u0007\"",
	};
	struct place_of_test *p = *state;
	char *large = malloc(8 << 20);

	assert_non_null(large);
	open_station(p);
	open_terminal(p, 80, 24, "", "");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		shows(p, "AC10001312");
		say_line(p, lines[i]);
		reconnects(p);
		shows(p, "does not speak as a station does");
	}
	say_line(p, "{\"millrace\":2,\"type\":\"hello\"}");
	reconnects(p);
	shows(p, "another version");
	memset(large, 'x', 8 << 20);
	say(p, large, 8 << 20);
	reconnects(p);
	shows(p, "a line without an end");
	hides(p, "NOT LIVE");
	say_line(p, STATE "\"now_us\":62000000,\"header\":{\"run\":{\"state\":\"running\"},\"lot\":\"\\u001b[2J\\u001b]"
			  "0;pwned\\u0007\"},"
			  "\"log\":[{\"n\":9,\"level\":\"error\",\"text\":\"\\u001bc\\u009b31m\\u202e\"}]}");
	shows(p, "lot \\x1b[2J\\x1b]0;pwned\\x07");
	run(p, "send-keys -t t g");
	shows(p, "\\x1bc\\x9b31m\\u202e");
	/* A bye is told in the station's words. */
	say_line(p,
		 "{\"millrace\":1,\"type\":\"bye\",\"reason\":\"too-many\",\"sentence\":\"64 clients are connected\"}");
	shows(p, "64 clients are connected");
	free(large);
}

static void a_terminal_that_does_not_do_is_refused_with_words(void **state)
{
	struct place_of_test *p = *state;
	char command[600];

	open_terminal(p, 80, 24, "TERM=no-such-terminal", "");
	shows(p, "the terminal \"no-such-terminal\" is not known");
	shows(p, "EXIT 2");
	close_terminal(p);
	open_terminal(p, 80, 24, "TERM=dumb", "");
	shows(p, "cannot place its cursor");
	shows(p, "EXIT 2");
	close_terminal(p);
	open_terminal(p, 80, 24, "-u TERM", "");
	shows(p, "TERM is not set");
	shows(p, "EXIT 2");
	close_terminal(p);
	open_terminal(p, 80, 24, "", "--palette rainbow");
	shows(p, "default, colour-blind or mono");
	shows(p, "EXIT 2");
	snprintf(command, sizeof(command),
		 "%s dashboard </dev/null 2>%s/err; test $? -eq 2 && grep -q 'no terminal' %s/err", p->program, p->dir,
		 p->dir);
	assert_int_equal(system(command), 0);
}

static bool has_colour(const struct place_of_test *p)
{
	char command[400];

	snprintf(command, sizeof(command),
		 "%s capture-pane -e -p -t t | grep -qE '\\[[0-9;]*(3[0-7]|4[0-7]|38;5|48;5)[0-9;]*m'", p->tmux);
	return system(command) == 0;
}

static void a_locale_without_utf8_gets_ascii_and_no_color_gets_none(void **state)
{
	struct place_of_test *p = *state;

	open_station(p);
	open_terminal(p, 80, 24, "LC_ALL=C NO_COLOR=1", "");
	shows(p, "AC10001312");
	for (const char *c = p->screen; *c; c++)
		assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	assert_false(has_colour(p));
	close_terminal(p);
	hang_up(p);
	open_terminal(p, 80, 24, "TERM=screen-256color", "");
	shows(p, "AC10001312");
	assert_true(has_colour(p)); /* the search finds some when there are */
}

static void the_terminal_is_given_back(void **state)
{
	struct place_of_test *p = *state;

	open_station(p);
	open_terminal(p, 80, 24, "", "");
	shows(p, "AC10001312");
	run(p, "send-keys -t t C-z 'C-\\' C-s"); /* no keys of a line */
	shows(p, "that was no scan");
	run(p, "send-keys -t t r");
	shows(p, "NACK");
	run(p, "send-keys -t t z");
	shows(p, "FROZEN");
	run(p, "send-keys -t t C-c");
	shows(p, "EXIT 0");
	assert_null(strstr(p->screen, "AC10001312")); /* the screen before is back */
	close_terminal(p);
	hang_up(p);
	/* Its window is closed: the station sees it go, and nothing else happens. */
	open_terminal(p, 80, 24, "", "");
	shows(p, "AC10001312");
	close_terminal(p);
	for (int64_t until = now_ms() + DEADLINE_MS; p->fd >= 0 && now_ms() < until;)
		serve(p, 30);
	assert_int_equal(p->fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_size_in_both_character_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(a_terminal_that_shrinks_waits_and_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_after_a_resize_is_a_key_and_no_more, setup, teardown),
		cmocka_unit_test_setup_teardown(a_screen_that_is_told_to_end_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_become_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(a_scan_is_a_scan_through_a_terminal_too, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_station_is_said_and_found_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_station_that_hangs_is_told_from_one_that_works, setup, teardown),
		cmocka_unit_test_setup_teardown(between_jobs_the_queue_is_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(a_banner_stands_until_it_is_acknowledged, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hostile_station_does_no_harm, setup, teardown),
		cmocka_unit_test_setup_teardown(a_terminal_that_does_not_do_is_refused_with_words, setup, teardown),
		cmocka_unit_test_setup_teardown(a_locale_without_utf8_gets_ascii_and_no_color_gets_none, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_terminal_is_given_back, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
