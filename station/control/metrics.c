/*
 * The figures of the line for Prometheus (text format 0.0.4): GET /metrics over HTTP/1.1, one request per connection.
 * Who connects is a stranger: a bounded request, a bounded time, a bounded number of them, and nothing is read but the
 * first line.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/wire/channel.h"
#include "station/control/control_internal.h"

#define CALLERS_MAX 16	 /* chosen: a few scrapers and a person */
#define REQUEST_MAX 4096 /* octets; chosen: a scraper's headers take some hundred */
#define CALL_US 5000000u /* below Prometheus' scrape_timeout, 10 s by default */

struct caller {
	struct watch watch; /* fd -1: free */
	struct metrics *metrics;
	char in[REQUEST_MAX];
	size_t in_len, sent;
	struct text out;
	uint64_t end_us;
};

struct metrics {
	struct control *control;
	struct watch watch;
	struct caller callers[CALLERS_MAX];
};

/* --- the figures --- */

static void head(struct text *t, const char *name, const char *type, const char *help)
{
	text_format(t, "# HELP millrace_%s %s\n# TYPE millrace_%s %s\n", name, help, name, type);
}

static void one(struct text *t, const char *name, const char *type, const char *help, double value)
{
	head(t, name, type, help);
	text_format(t, "millrace_%s %.10g\n", name, value);
}

/* In a label: backslash, quote and line feed are escaped. */
static void label(struct text *t, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			text_add(t, "\\", 1);
		if (*text == '\n')
			text_add(t, "\\n", 2);
		else
			text_add(t, text, 1);
	}
}

static void units(struct text *t, const struct line_view *v)
{
	const struct {
		const char *state;
		unsigned n;
	} rows[] = {
		{ "passed", v->passed }, { "failed", v->failed },	  { "quarantined", v->quarantined },
		{ "held", v->held },	 { "unfinished", v->unfinished }, { "missing", v->missing },
	};

	head(t, "units", "gauge", "devices of the lot by state");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		text_format(t, "millrace_units{state=\"%s\"} %u\n", rows[i].state, rows[i].n);
}

static void radio_row(struct text *t, const struct control *c, const char *name, const char *type, const char *help,
		      double (*value)(const struct line_lane_view *))
{
	struct line_lane_view v;

	head(t, name, type, help);
	for (size_t i = 0; i < line_lane_count(c->line); i++) {
		line_lane_look(c->line, i, &v);
		text_format(t, "millrace_%s{radio=\"", name);
		label(t, v.radio);
		text_format(t, "\"} %.10g\n", value(&v));
	}
}

static double up(const struct line_lane_view *v) { return v->lost ? 0 : 1; }
static double channel(const struct line_lane_view *v) { return v->freq_mhz ? mr_mhz_to_channel(v->freq_mhz) : 0; }
static double sessions(const struct line_lane_view *v) { return (double)v->sessions; }
static double sent(const struct line_lane_view *v) { return (double)v->health.sent; }
static double unacked(const struct line_lane_view *v) { return (double)v->health.unacked; }
static double received(const struct line_lane_view *v) { return (double)v->health.received; }
static double retries(const struct line_lane_view *v) { return (double)v->health.retries; }
static double airtime(const struct line_lane_view *v) { return (double)v->health.airtime_us / 1e6; }
static double switches(const struct line_lane_view *v) { return (double)v->switches; }

static void radios(struct text *t, const struct control *c)
{
	radio_row(t, c, "radio_up", "gauge", "1: the radio is there", up);
	radio_row(t, c, "radio_channel", "gauge", "where it is; 0: nowhere", channel);
	radio_row(t, c, "radio_sessions", "gauge", "devices in hand on its channel", sessions);
	radio_row(t, c, "radio_sent_frames_total", "counter", "frames sent", sent);
	radio_row(t, c, "radio_unacked_frames_total", "counter", "frames that nobody acknowledged", unacked);
	radio_row(t, c, "radio_received_frames_total", "counter", "frames received", received);
	radio_row(t, c, "radio_retries_total", "counter", "repeats by hardware", retries);
	radio_row(t, c, "radio_airtime_seconds_total", "counter", "time on the air of its own frames", airtime);
	radio_row(t, c, "radio_switches_total", "counter", "channel changes", switches);
}

static void figures(struct text *t, const struct control *c)
{
	struct model_totals totals;
	struct line_view v;

	one(t, "up", "gauge", "the station runs", 1);
	one(t, "clients", "gauge", "clients of the control socket", (double)c->client_count);
	one(t, "run", "gauge", "1: a run is in progress", c->line ? 1 : 0);
	if (!c->line)
		return;
	line_look(c->line, &v);
	model_totals(c->model, &totals);
	one(t, "simulated", "gauge", "1: the air is simulated", c->simulated);
	one(t, "paused", "gauge", "1: no device is admitted", v.run != LINE_RUN_RUNNING);
	one(t, "database_ok", "gauge", "1: the record is written", v.record_failure ? 0 : 1);
	one(t, "clock_ok", "gauge", "1: the clock was set", v.clock_ok);
	units(t, &v);
	one(t, "sessions", "gauge", "devices in hand", v.in_flight);
	one(t, "waiting", "gauge", "devices that called and wait for their turn", v.waiting);
	one(t, "strangers", "gauge", "addresses heard that are not of this lot", v.strangers);
	one(t, "retries_total", "counter", "attempts after the first", v.retries);
	one(t, "attempts_failed_total", "counter", "attempts that did not pass", (double)totals.attempts_failed);
	one(t, "orders_total", "counter", "orders of people that took effect", (double)totals.orders);
	if (totals.fpy >= 0)
		one(t, "first_pass_yield", "gauge", "of this session", totals.fpy);
	if (totals.cadence_us >= 0)
		one(t, "cadence_seconds", "gauge", "time per passed device over 15 minutes", totals.cadence_us / 1e6);
	one(t, "line_seconds", "counter", "time of the line since the run began", (double)v.now_us / 1e6);
	radios(t, c);
}

/* --- HTTP --- */

static void hang_up(struct caller *caller)
{
	if (caller->watch.fd < 0)
		return;
	control_unwatch(caller->metrics->control, &caller->watch);
	close(caller->watch.fd);
	caller->watch.fd = -1;
	text_free(&caller->out);
}

static void send_out(struct caller *caller)
{
	while (caller->sent < caller->out.len) {
		ssize_t n = send(caller->watch.fd, caller->out.at + caller->sent, caller->out.len - caller->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			(void)control_watch(caller->metrics->control, &caller->watch, EPOLLOUT);
			return;
		}
		if (n <= 0)
			break;
		caller->sent += (size_t)n;
	}
	(void)shutdown(caller->watch.fd, SHUT_WR);
	hang_up(caller);
}

static void answer(struct caller *caller, const char *status, const char *type, const struct text *body)
{
	text_format(&caller->out,
		    "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
		    "X-Content-Type-Options: nosniff\r\n\r\n",
		    status, type, body->len);
	text_add(&caller->out, body->at, body->len);
	if (caller->out.bad)
		hang_up(caller);
	else
		send_out(caller);
}

static void answer_request(struct caller *caller)
{
	static const char get[] = "GET /metrics ", query[] = "GET /metrics?", any[] = "GET ";
	struct text body = { 0 };

	if (strncmp(caller->in, get, sizeof(get) - 1) == 0 || strncmp(caller->in, query, sizeof(query) - 1) == 0) {
		figures(&body, caller->metrics->control);
		answer(caller, "200 OK", "text/plain; version=0.0.4; charset=utf-8", &body);
	} else if (strncmp(caller->in, any, sizeof(any) - 1) == 0) {
		text_format(&body, "the figures are at /metrics\n");
		answer(caller, "404 Not Found", "text/plain", &body);
	} else {
		text_format(&body, "GET /metrics is all there is\n");
		answer(caller, "405 Method Not Allowed", "text/plain", &body);
	}
	text_free(&body);
}

static void on_caller(void *ctx, uint32_t events)
{
	struct caller *caller = ctx;
	ssize_t n;

	if (caller->watch.fd < 0)
		return;
	if (caller->out.len > 0) {
		send_out(caller);
		return;
	}
	(void)events;
	n = recv(caller->watch.fd, caller->in + caller->in_len, sizeof(caller->in) - 1 - caller->in_len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(caller);
		return;
	}
	caller->in_len += (size_t)n;
	caller->in[caller->in_len] = '\0';
	if (strstr(caller->in, "\r\n\r\n") || strstr(caller->in, "\n\n"))
		answer_request(caller);
	else if (caller->in_len == sizeof(caller->in) - 1)
		hang_up(caller);
}

static void on_listen(void *ctx, uint32_t events)
{
	struct metrics *m = ctx;
	int fd = control_accept(m->control, m->watch.fd);

	(void)events;
	if (fd < 0)
		return;
	for (size_t i = 0; i < CALLERS_MAX; i++) {
		struct caller *caller = &m->callers[i];

		if (caller->watch.fd >= 0)
			continue;
		*caller = (struct caller){ .watch = { on_caller, caller, fd },
					   .metrics = m,
					   .end_us = control_now_us() + CALL_US };
		if (control_watch(m->control, &caller->watch, EPOLLIN) == 0) {
			control_turn(m->control);
			return;
		}
		caller->watch.fd = -1;
		break;
	}
	close(fd);
}

void metrics_expire(struct metrics *m, uint64_t now_us)
{
	for (size_t i = 0; i < CALLERS_MAX; i++)
		if (m->callers[i].watch.fd >= 0 && now_us >= m->callers[i].end_us)
			hang_up(&m->callers[i]);
}

bool metrics_busy(const struct metrics *m)
{
	for (size_t i = 0; i < CALLERS_MAX; i++)
		if (m->callers[i].watch.fd >= 0)
			return true;
	return false;
}

/* "9464", "127.0.0.1:9464", "[::1]:9464": this machine's own address unless another one is named. */
static bool parse_address(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
	const char *colon = strrchr(text, ':'), *port_text = colon ? colon + 1 : text;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	char host[64] = "127.0.0.1", *end;
	unsigned long port = strtoul(port_text, &end, 10);

	*out = (struct sockaddr_storage){ 0 };
	if (*port_text < '0' || *port_text > '9' || *end || port < 1 || port > 65535)
		return false;
	if (colon) {
		size_t host_len = (size_t)(colon - text);
		bool brackets = host_len > 2 && text[0] == '[' && colon[-1] == ']';

		if (host_len >= sizeof(host) || host_len == 0)
			return false;
		memcpy(host, text + brackets, host_len - 2u * brackets);
		host[host_len - 2u * brackets] = '\0';
	}
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		*len = sizeof(*four);
		return true;
	}
	if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		*len = sizeof(*six);
		return true;
	}
	return false;
}

int metrics_open(struct metrics **out, struct control *c, const char *address, char *error, size_t error_len)
{
	struct metrics *m = calloc(1, sizeof(*m));
	struct sockaddr_storage name;
	socklen_t len;
	int yes = 1, number;

	if (!m)
		return -ENOMEM;
	for (size_t i = 0; i < CALLERS_MAX; i++)
		m->callers[i].watch.fd = -1;
	m->control = c;
	m->watch = (struct watch){ on_listen, m, -1 };
	if (!parse_address(address, &name, &len)) {
		snprintf(error, error_len,
			 "metrics: \"%s\" is no address; allowed: a port of this machine (9464), or ADDRESS:PORT "
			 "in numbers",
			 address);
		free(m);
		return -EINVAL;
	}
	m->watch.fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->watch.fd < 0 || setsockopt(m->watch.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
	    bind(m->watch.fd, (const struct sockaddr *)&name, len) != 0 || listen(m->watch.fd, CALLERS_MAX) != 0 ||
	    control_watch(c, &m->watch, EPOLLIN) != 0) {
		number = errno;
		snprintf(error, error_len, "metrics: %s: %s; name another port with --metrics", address,
			 strerror(number));
		if (m->watch.fd >= 0)
			close(m->watch.fd);
		free(m);
		return -number;
	}
	*out = m;
	return 0;
}

void metrics_close(struct metrics *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < CALLERS_MAX; i++)
		hang_up(&m->callers[i]);
	control_unwatch(m->control, &m->watch);
	close(m->watch.fd);
	free(m);
}
