/*
 * What the operator's screen costs and how late it is. `make bench`; operator OUT.json [PREFIX]: appends to OUT.json.
 *
 * The dashboard is the real program in a pseudo-terminal of 120x40; the station is played by this process, which
 * speaks docs/control.md: 2,000 devices, 16 radios, 12 channels, updates at the rate that is asked for, as a station
 * sends them.
 *   busy   every update has the header, all radios and 60 device rows: at 20 a second, 1,200 changes of rows a second
 *   idle   one line a second that says how late it is
 * operator.event_to_screen is from an event at a random moment to its last octet at the terminal; the event waits in
 * the station for the next update (up to 50 ms at 20 a second), as it does there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/support/figures.h"

#define DEVICES 2000u
#define RADIOS 16u
#define CHANNELS 12u
#define ROWS_PER_UPDATE 60u
#define BUSY_US 10000000u
#define IDLE_US 5000000u
#define EVENTS 200u
#define MARK 8

struct played {
	char dir[64], socket[96];
	int listen_fd, fd, pty;
	pid_t pid;
	char in[8192];
	size_t in_len;
	unsigned rate; /* 0: nobody has subscribed */
	uint64_t sent, drawn, x;
	char tail[MARK]; /* the last octets at the terminal */
	char *line;
	size_t line_len;
	struct figures figures;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void die(const char *what)
{
	fprintf(stderr, "bench: operator: %s\n", what);
	exit(2);
}

static uint64_t draw_number(struct played *p, uint64_t below)
{
	p->x ^= p->x << 13, p->x ^= p->x >> 7, p->x ^= p->x << 17;
	return p->x % below;
}

/* --- the station --- */

static void add(struct played *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct played *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	p->line_len += (size_t)vsnprintf(p->line + p->line_len, (4u << 20) - p->line_len, format, args);
	va_end(args);
	if (p->line_len >= 4u << 20)
		die("a line too long");
}

static void send_line(struct played *p)
{
	size_t at = 0;

	add(p, "\n");
	while (at < p->line_len) {
		ssize_t n = send(p->fd, p->line + at, p->line_len - at, MSG_NOSIGNAL);

		if (n < 0)
			die("the dashboard has gone");
		at += (size_t)n;
	}
	p->sent += p->line_len;
	p->line_len = 0;
}

static void begin_state(struct played *p, bool full, bool more, uint64_t at_us)
{
	add(p, "{\"millrace\":1,\"type\":\"state\",\"seq\":1,\"full\":%s,\"more\":%s,\"now_us\":%llu",
	    full ? "true" : "false", more ? "true" : "false", (unsigned long long)at_us);
}

static void add_header(struct played *p, const char *lot, unsigned done)
{
	add(p,
	    ",\"header\":{\"run\":{\"state\":\"running\",\"since_us\":0,\"by\":\"\",\"reason\":\"\",\"guard\":\"\","
	    "\"sentence\":\"\"},"
	    "\"simulated\":true,\"pace\":1,\"lot\":\"%s\",\"product\":\"AC-100\",\"hw_rev\":\"C\",\"work_order\":\"\","
	    "\"test\":true,"
	    "\"job_sha256\":\"00\",\"quantity\":%u,\"counts\":{\"seen\":%u,\"in_flight\":400,\"waiting\":12,\"passed\":"
	    "%u,\"failed\":3,"
	    "\"quarantined\":2,\"held\":0,\"retries\":40},\"fpy\":0.97,\"final\":0.99,\"takt_us\":0,\"cadence_us\":"
	    "90000,\"eta_us\":60000000,"
	    "\"utc_us\":1700000000000000,\"health\":{\"clock\":{\"state\":\"ok\",\"text\":\"\"},\"database\":{"
	    "\"state\":\"ok\",\"text\":\"\"},"
	    "\"ca\":{\"state\":\"ok\",\"text\":\"\"},\"radios\":{\"state\":\"ok\",\"text\":\"\"}},\"clients\":1}",
	    lot, DEVICES, done, done);
}

static void add_radios(struct played *p)
{
	add(p, ",\"radios\":[");
	for (unsigned i = 0; i < RADIOS; i++) {
		add(p,
		    "%s{\"radio\":\"radio%u\",\"path\":\"1-1.%u\",\"driver\":\"mt76x2u\",\"state\":\"here\","
		    "\"channel\":%u,\"sessions\":%u,\"airtime\":0.%u,"
		    "\"sent\":%u,\"acked\":900,\"unacked\":3,\"retries\":9,\"received\":1000,\"dropped\":0,\"rssi\":-"
		    "50,\"passed\":100,\"failed\":1,"
		    "\"switches\":3,\"switch_us\":45000,\"away_us\":100,\"strip\":[",
		    i ? "," : "", i + 1, i + 1, i % CHANNELS * 4 + 36, (unsigned)draw_number(p, 40),
		    (unsigned)draw_number(p, 90) + 10, (unsigned)draw_number(p, 100000));
		for (unsigned k = 0; k < 60; k++)
			add(p, "%s36", k ? "," : "");
		add(p, "]}");
	}
	add(p, "]");
}

static void add_unit(struct played *p, unsigned unit, bool first, uint64_t at_us)
{
	static const char *const steps[] = { "identify", "selftest", "identity", "credentials", "verify", "seal" };
	static const char *const states[] = { "active", "active", "active", "passed", "seen" };
	unsigned step = (unsigned)draw_number(p, 6);

	add(p,
	    "%s{\"unit\":%u,\"serial\":\"AC1%07u\",\"mac\":\"02:4d:52:00:%02x:%02x\",\"state\":\"%s\",\"wait\":\"\","
	    "\"step\":\"%s\",\"done\":%u,"
	    "\"of\":6,\"attempt\":1,\"cause\":\"\",\"side\":\"\",\"sentence\":\"\",\"remedy\":\"\",\"radio\":\"radio%"
	    "u\",\"channel\":%u,\"rssi\":-%u,"
	    "\"first_us\":%u,\"since_us\":%llu,\"by\":\"\"}",
	    first ? "" : ",", unit, unit, unit >> 8, unit & 255, states[draw_number(p, 5)], steps[step], step,
	    unit % RADIOS + 1, unit % CHANNELS * 4 + 36, 30 + (unsigned)draw_number(p, 40), unit * 1000,
	    (unsigned long long)at_us);
}

static void full_state(struct played *p)
{
	for (unsigned from = 1; from <= DEVICES; from += 200) {
		begin_state(p, true, from + 200 <= DEVICES, 1000000);
		if (from == 1) {
			add_header(p, "bench", 0);
			add_radios(p);
			add(p, ",\"channels\":[");
			for (unsigned i = 0; i < CHANNELS; i++)
				add(p,
				    "%s{\"channel\":%u,\"freq_mhz\":5180,\"radio\":\"radio1\",\"sessions\":1,"
				    "\"waiting\":1,\"unheard\":1,\"cells\":[]}",
				    i ? "," : "", i * 4 + 36);
			add(p, "]");
		}
		add(p, ",\"units\":[");
		for (unsigned i = from; i < from + 200; i++)
			add_unit(p, i, i == from, 1000000);
		add(p, "]}");
		send_line(p);
	}
}

static void update(struct played *p, const char *lot, uint64_t at_us)
{
	begin_state(p, false, false, at_us);
	add_header(p, lot, (unsigned)(at_us / 1000000));
	add_radios(p);
	add(p, ",\"units\":[");
	for (unsigned i = 0; i < ROWS_PER_UPDATE; i++)
		add_unit(p, 1 + (unsigned)draw_number(p, DEVICES), i == 0, at_us);
	add(p,
	    "],\"log\":[{\"n\":%llu,\"at_us\":%llu,\"level\":\"info\",\"text\":\"AC10000001 PASS 0.84 "
	    "s\",\"unit\":1}]}",
	    (unsigned long long)at_us, (unsigned long long)at_us);
	send_line(p);
}

static void take_request(struct played *p, const char *line, size_t len)
{
	json_t *o = json_loadb(line, len, 0, NULL);
	const char *what = json_string_value(json_object_get(o, "do"));

	if (what && strcmp(what, "subscribe") == 0) {
		p->rate = (unsigned)json_integer_value(json_object_get(o, "rate"));
		full_state(p);
	}
	json_decref(o);
}

/* The terminal's octets are read all the time; true when they end with the mark. */
static bool read_terminal(struct played *p, char mark)
{
	char octets[65536];
	bool found = false;
	ssize_t n;

	while ((n = read(p->pty, octets, sizeof(octets))) > 0) {
		p->drawn += (uint64_t)n;
		for (ssize_t i = 0; i < n; i++) {
			unsigned same = 0;

			memmove(p->tail, p->tail + 1, MARK - 1);
			p->tail[MARK - 1] = octets[i];
			while (mark && same < MARK && p->tail[same] == mark)
				same++;
			found |= same == MARK;
		}
	}
	return found;
}

/* Up to `until_us`, or until the mark is at the terminal. */
static bool serve(struct played *p, uint64_t until_us, char mark)
{
	for (uint64_t now = now_us(); now < until_us; now = now_us()) {
		struct pollfd fds[2] = { { .fd = p->pty, .events = POLLIN }, { .fd = p->fd, .events = POLLIN } };
		struct timespec wait = { .tv_sec = (time_t)((until_us - now) / 1000000),
					 .tv_nsec = (long)((until_us - now) % 1000000 * 1000) };
		char *end;
		ssize_t n;

		if (ppoll(fds, 2, &wait, NULL) <= 0)
			continue;
		if (fds[0].revents && read_terminal(p, mark))
			return true;
		if (fds[1].revents == 0)
			continue;
		n = read(p->fd, p->in + p->in_len, sizeof(p->in) - p->in_len);
		if (n <= 0)
			die("the dashboard has gone");
		p->in_len += (size_t)n;
		while ((end = memchr(p->in, '\n', p->in_len)) != NULL) {
			take_request(p, p->in, (size_t)(end - p->in));
			p->in_len -= (size_t)(end - p->in) + 1;
			memmove(p->in, end + 1, p->in_len);
		}
	}
	return false;
}

static void open_dashboard(struct played *p)
{
	const char *program = getenv("MILLRACE_BIN");
	struct winsize size = { .ws_row = 40, .ws_col = 120 };
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	memcpy(name.sun_path, p->socket, sizeof(p->socket));
	p->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->listen_fd < 0 || bind(p->listen_fd, (const struct sockaddr *)&name, sizeof(name)) != 0 ||
	    listen(p->listen_fd, 1) != 0)
		die("no socket");
	p->pid = forkpty(&p->pty, NULL, NULL, &size);
	if (p->pid == 0) {
		setenv("TERM", "xterm-256color", 1);
		setenv("LC_ALL", "C.UTF-8", 1);
		unsetenv("NO_COLOR");
		execl(program ? program : "build/millrace", "millrace", "dashboard", "--socket", p->socket,
		      (char *)NULL);
		_exit(127);
	}
	if (p->pid < 0 || fcntl(p->pty, F_SETFL, O_NONBLOCK) != 0)
		die("no pseudo-terminal");
	p->fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	add(p, "{\"millrace\":1,\"type\":\"hello\",\"software\":\"bench\",\"station\":\"bench\",\"role\":\"observer\","
	       "\"actor\":\"bench\","
	       "\"simulated\":true,\"serves\":false,\"rate_max\":60}");
	send_line(p);
	for (unsigned i = 0; i < 50 && p->rate == 0; i++)
		serve(p, now_us() + 100000, 0);
	if (p->rate == 0)
		die("the dashboard does not subscribe");
	serve(p, now_us() + 1000000, 0);
}

/* CPU seconds of the dashboard so far. */
static double cpu(const struct played *p)
{
	unsigned long user = 0, system = 0;
	char path[64], text[1024];
	const char *at;
	FILE *from;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)p->pid);
	from = fopen(path, "r");
	len = from ? fread(text, 1, sizeof(text) - 1, from) : 0;
	text[len] = '\0';
	if (from)
		fclose(from);
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		die("no /proc");
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void busy(struct played *p)
{
	uint64_t from = now_us(), gap = 1000000 / p->rate, sent = p->sent, drawn = p->drawn;
	double before = cpu(p), seconds;

	for (uint64_t at = from; at < from + BUSY_US; at += gap) {
		serve(p, at, 0);
		update(p, "bench", 2000000 + at - from);
	}
	serve(p, now_us() + gap, 0);
	seconds = (double)(now_us() - from) / 1e6;
	figures_report(&p->figures, "operator.busy_updates", p->rate, "1/s", -1, true);
	figures_report(&p->figures, "operator.busy_cpu", 100 * (cpu(p) - before) / seconds, "% of a core", -1, true);
	figures_report(&p->figures, "operator.busy_terminal_octets", (double)(p->drawn - drawn) / seconds, "octets/s",
		       -1, true);
	figures_report(&p->figures, "operator.busy_socket_octets", (double)(p->sent - sent) / seconds, "octets/s", -1,
		       true);
}

static void idle(struct played *p)
{
	uint64_t from = now_us(), drawn = p->drawn;
	double before = cpu(p);

	for (uint64_t at = from; at < from + IDLE_US; at += 1000000) {
		serve(p, at, 0);
		begin_state(p, false, false, 20000000 + at - from);
		add(p, "}");
		send_line(p);
	}
	serve(p, from + IDLE_US, 0);
	figures_report(&p->figures, "operator.idle_cpu", 100 * (cpu(p) - before) / (IDLE_US / 1e6), "% of a core", 0.5,
		       true);
	figures_report(&p->figures, "operator.idle_terminal_octets", (double)(p->drawn - drawn) / (IDLE_US / 1e6),
		       "octets/s", -1, true);
}

/* Events at random moments in a busy line; each is a new lot name, of which every letter is new. */
static void lateness(struct played *p)
{
	uint64_t gap = 1000000 / p->rate, slot = now_us() + gap, event = slot + 300000, started = now_us();
	char lot[MARK + 1] = "";
	double took_ms[EVENTS];
	unsigned done = 0;

	memset(lot, 'A', MARK);
	while (done < EVENTS) {
		bool shown, pending = event <= slot;

		if (pending)
			memset(lot, lot[0] == 'Z' ? 'A' : lot[0] + 1, MARK);
		serve(p, slot, 0);
		update(p, lot, 30000000 + slot - started);
		slot += gap;
		if (!pending)
			continue;
		/* The next updates go on while we look for it. */
		while (!(shown = serve(p, slot, lot[0])) && now_us() < event + 2000000) {
			update(p, lot, 30000000 + slot - started);
			slot += gap;
		}
		if (!shown)
			die("an event never came to the screen");
		took_ms[done++] = (double)(now_us() - event) / 1000;
		event = now_us() + 50000 + draw_number(p, 100000);
	}
	figures_sort(took_ms, EVENTS);
	figures_report(&p->figures, "operator.event_to_screen_median", took_ms[EVENTS / 2], "ms", -1, true);
	figures_report(&p->figures, "operator.event_to_screen_p99", took_ms[EVENTS * 99 / 100], "ms", 100, true);
}

int main(int argc, char **argv)
{
	struct played p = { .dir = "/tmp/millrace-operator-XXXXXX", .x = 0x5eed };
	struct rusage usage;
	int status;

	if (argc < 2)
		die("usage: operator OUT.json [PREFIX]");
	figures_go_on(&p.figures, argv[1], argc > 2 ? argv[2] : "");
	if (!figures_wanted(&p.figures, "operator"))
		return figures_end(&p.figures) ? 0 : 2;
	p.line = malloc(4u << 20);
	if (!p.line || !mkdtemp(p.dir))
		die("no memory or no temporary folder");
	snprintf(p.socket, sizeof(p.socket), "%s/control.sock", p.dir);
	open_dashboard(&p);
	busy(&p);
	idle(&p);
	lateness(&p);
	kill(p.pid, SIGTERM);
	if (wait4(p.pid, &status, 0, &usage) == p.pid)
		figures_report(&p.figures, "operator.rss", (double)usage.ru_maxrss / 1024, "MiB", -1, true);
	unlink(p.socket);
	rmdir(p.dir);
	free(p.line);
	return figures_end(&p.figures) ? 0 : 2;
}
