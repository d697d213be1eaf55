#include "station/control/control_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define GROUPS_MAX 64	 /* of a client; chosen: people are in a few */
#define EVENTS_A_TURN 32 /* chosen: clients do not keep the loop from its radios */
#define STAND_US 20000u	 /* virtual clock: how often a paused line is looked at */
#define CHUNKS_A_TURN 8

uint64_t control_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

int control_watch(struct control *c, struct watch *w, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = w };

	if (epoll_ctl(c->epoll_fd, EPOLL_CTL_MOD, w->fd, &event) == 0)
		return 0;
	return errno == ENOENT ? epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, w->fd, &event) : -1;
}

void control_unwatch(struct control *c, struct watch *w) { (void)epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL); }

struct client *control_client(struct control *c, uint64_t number)
{
	for (struct client *client = c->clients; client; client = client->next)
		if (client->number == number && !client->dead)
			return client;
	return NULL;
}

/* --- the timer: the next moment at which something is due, in real time --- */

static void arm(struct control *c, uint64_t at_us)
{
	struct itimerspec at = { 0 };

	if (c->armed_us && c->armed_us <= at_us)
		return;
	c->armed_us = at_us ? at_us : 1;
	at.it_value.tv_sec = (time_t)(c->armed_us / 1000000u);
	at.it_value.tv_nsec = (long)(c->armed_us % 1000000u * 1000u) + 1;
	(void)timerfd_settime(c->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

void control_turn(struct control *c) { arm(c, control_now_us()); }

/* On a beat that all clients of one rate share: they are told in one turn, and the same text. */
static uint64_t due_us(const struct client *client)
{
	uint64_t beat_us = 1000000u / client->rate;

	return (client->told_us / beat_us + 1) * beat_us;
}

/* Something has changed: each subscriber is told at its next update. */
static void changed(struct control *c)
{
	uint64_t at_us = UINT64_MAX;

	if (c->dirty)
		return;
	for (const struct client *client = c->clients; client; client = client->next)
		if (client->subscribed && due_us(client) < at_us)
			at_us = due_us(client);
	if (at_us == UINT64_MAX)
		return;
	c->dirty = true;
	arm(c, at_us);
}

/* --- lines out --- */

static void interests(struct client *client)
{
	bool reads = client->closing_us == 0 && client->eof_us == 0 && client->out.len - client->out_sent < OUT_ENOUGH;
	bool writes = client->out.len > client->out_sent;

	if (client->dead || (reads == client->reads && writes == client->wants_out))
		return;
	client->reads = reads;
	client->wants_out = writes;
	(void)control_watch(client->control, &client->watch,
			    (reads ? (uint32_t)EPOLLIN : 0u) | (writes ? (uint32_t)EPOLLOUT : 0u));
}

/* Freed at the end of the turn: epoll may still name it in this one. */
static void drop(struct client *client)
{
	if (client->dead)
		return;
	client->dead = true;
	client->control->client_count--;
	model_client_gone(client->control->model, client->number);
	control_unwatch(client->control, &client->watch);
	close(client->watch.fd);
	client->watch.fd = -1;
	control_turn(client->control);
}

static void flush(struct client *client)
{
	while (!client->dead && client->out_sent < client->out.len) {
		ssize_t n = send(client->watch.fd, client->out.at + client->out_sent,
				 client->out.len - client->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (client->blocked_us == 0)
				client->blocked_us = control_now_us();
			break;
		}
		if (n <= 0) {
			drop(client);
			return;
		}
		client->out_sent += (size_t)n;
		client->blocked_us = 0;
	}
	if (client->out_sent == client->out.len) {
		client->out_sent = client->out.len = 0;
		if (client->out.room > 4 * OUT_ENOUGH)
			text_free(&client->out);
		if (client->closing_us) {
			drop(client);
			return;
		}
	}
	interests(client);
}

void client_say(struct client *client, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (client->dead || client->closing_us || !text) {
		free(text);
		return;
	}
	text_add(&client->out, text, strlen(text));
	text_add(&client->out, "\n", 1);
	free(text);
	if (client->out.bad)
		drop(client);
	else
		flush(client);
}

void client_bye(struct client *client, const char *reason, const char *sentence)
{
	if (client->dead || client->closing_us)
		return;
	client_say(client, json_pack("{s:i, s:s, s:s, s:s}", "millrace", 1, "type", "bye", "reason", reason, "sentence",
				     sentence));
	if (client->dead)
		return;
	client->subscribed = false;
	client->closing_us = control_now_us() + CLOSING_US;
	flush(client);
	arm(client->control, client->closing_us);
}

/* One update, and what belongs to it as far as the client takes it. */
static void tell(struct client *client, uint64_t now_us)
{
	struct control *c = client->control;
	uint64_t idle_us = now_us - client->told_us;

	for (int i = 0; i < CHUNKS_A_TURN && !client->dead && client->out.len == 0; i++) {
		if (!client->cursor.more && (i > 0 || (client->cursor.begun && now_us < due_us(client)) ||
					     !model_has_news(c->model, &client->cursor, client->parts, idle_us)))
			return;
		(void)model_state(c->model, &client->cursor, client->parts, &client->out);
		client->told_us = now_us;
		if (client->out.bad)
			drop(client);
		else
			flush(client);
	}
	if (client->cursor.more && client->out.len == 0)
		control_turn(c);
}

/* --- lines in --- */

static bool next_line(struct client *client)
{
	char *end = memchr(client->in, '\n', client->in_len);
	size_t len;

	if (!end)
		return false;
	len = (size_t)(end - client->in);
	client_request(client, client->in, len);
	client->in_len -= len + 1;
	memmove(client->in, end + 1, client->in_len);
	return true;
}

static void work(struct client *client)
{
	unsigned n = 0;

	while (n < REQUESTS_A_TURN && !client->dead && !client->closing_us &&
	       client->out.len - client->out_sent < OUT_ENOUGH && client->in_len > 0 && next_line(client))
		n++;
	if (client->dead || client->closing_us)
		return;
	if (client->in_len > REQUEST_LINE_MAX && !memchr(client->in, '\n', client->in_len)) {
		client_request(client, client->in, client->in_len); /* too long: it says so, and hangs up */
		return;
	}
	if (n == REQUESTS_A_TURN && memchr(client->in, '\n', client->in_len)) {
		client->control->backlog = true;
		control_turn(client->control);
	}
}

static void receive(struct client *client)
{
	size_t room = client->in_room - client->in_len;
	ssize_t n;

	if (room < 1024 && client->in_room <= REQUEST_LINE_MAX) {
		size_t grown_room = client->in_room ? client->in_room * 4 : 4096;
		/* Codes that are scanned may say a PIN. */
		char *grown = OPENSSL_clear_realloc(client->in, client->in_room, grown_room);

		if (!grown) {
			drop(client);
			return;
		}
		client->in = grown;
		client->in_room = grown_room;
		room = client->in_room - client->in_len;
	}
	if (room == 0) { /* lines wait for their turn */
		work(client);
		return;
	}
	n = recv(client->watch.fd, client->in + client->in_len, room, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0) { /* says no more, and may still listen: its last answers are on their way */
		client->eof_us = control_now_us() + CLOSING_US;
		arm(client->control, client->eof_us);
		return;
	}
	if (n < 0) {
		drop(client);
		return;
	}
	client->in_len += (size_t)n;
	work(client);
}

static void on_client(void *ctx, uint32_t events)
{
	struct client *client = ctx;

	if (client->dead)
		return;
	if (events & EPOLLOUT)
		flush(client);
	if (!client->dead && client->subscribed && client->cursor.more)
		tell(client, control_now_us());
	if (!client->dead && client->reads && (events & EPOLLIN))
		receive(client);
	else if (!client->dead && (events & (EPOLLHUP | EPOLLERR)))
		drop(client);
	if (!client->dead)
		interests(client);
}

/* --- new clients --- */

json_t *control_hello(const struct control *c, const struct client *client)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:b, s:i}", "millrace", 1, "type", "hello", "software",
			 c->o.software, "station", c->host, "role", role_name(client->role), "actor", client->actor,
			 "simulated", c->line ? json_boolean(c->simulated) : json_null(), "serves", c->o.run != NULL,
			 "rate_max", (int)REQUEST_RATE_MAX);
}

static void identify(struct client *client)
{
	const struct settings *s = client->control->o.settings;
	struct ucred peer = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	socklen_t len = sizeof(peer);
	gid_t gids[GROUPS_MAX + 1];
	socklen_t gids_len = GROUPS_MAX * sizeof(gid_t);
	size_t gid_count = 0;
	const char *name = NULL;

	if (getsockopt(client->watch.fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return; /* nobody we know: no role */
	if (getsockopt(client->watch.fd, SOL_SOCKET, SO_PEERGROUPS, gids, &gids_len) == 0)
		gid_count = gids_len / sizeof(gid_t);
	gids[gid_count++] = peer.gid;
	client->uid = peer.uid;
	client->own_role = client->role = settings_role(s, peer.uid, gids, gid_count, &name);
	if (name && !text_wrong(name, LINE_ACTOR_MAX))
		snprintf(client->own_actor, sizeof(client->own_actor), "%s", name);
	else
		snprintf(client->own_actor, sizeof(client->own_actor), "uid %u", (unsigned)peer.uid);
	memcpy(client->actor, client->own_actor, sizeof(client->actor));
}

static size_t clients_of(const struct control *c, uid_t uid)
{
	size_t n = 0;

	for (const struct client *client = c->clients; client; client = client->next)
		n += !client->dead && client->uid == uid;
	return n;
}

static void welcome(struct control *c, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		close(fd);
		return;
	}
	client->control = c;
	client->watch = (struct watch){ on_client, client, fd };
	client->number = ++c->next_client;
	client->rate = 10;
	client->parts = MODEL_ALL;
	identify(client);
	bool many = c->client_count >= CONTROL_CLIENTS_MAX || clients_of(c, client->uid) >= CONTROL_CLIENTS_OF_USER;
	client->next = c->clients;
	c->clients = client;
	c->client_count++;
	client->reads = true;
	if (control_watch(c, &client->watch, EPOLLIN) != 0) {
		drop(client);
		return;
	}
	if (many)
		client_bye(client, "too-many", "too many clients are connected; close one");
	else if (client->own_role == ROLE_NONE)
		client_bye(client, "refused", "the settings of this station give you no role");
	else
		client_say(client, control_hello(c, client));
	if (many && !client->dead) /* one that does not even take its goodbye */
		drop(client);
}

int control_accept(struct control *c, int listen_fd)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || c->spare_fd < 0)
		return fd;
	/* No client can be taken, and epoll would report the waiting one for ever: it is refused. */
	close(c->spare_fd);
	fd = accept(listen_fd, NULL, NULL);
	if (fd >= 0)
		close(fd);
	c->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return -1;
}

static void on_listen(void *ctx, uint32_t events)
{
	struct control *c = ctx;
	int fd;

	(void)events;
	for (int i = 0; i < EVENTS_A_TURN && (fd = control_accept(c, c->place.fd)) >= 0; i++)
		welcome(c, fd);
}

/* --- a turn --- */

static void bury(struct control *c)
{
	for (struct client **at = &c->clients; *at;) {
		struct client *client = *at;

		if (!client->dead) {
			at = &client->next;
			continue;
		}
		*at = client->next;
		text_free(&client->out);
		OPENSSL_clear_free(client->in, client->in_room);
		free(client);
	}
}

static void expire(struct client *client, uint64_t now_us)
{
	uint64_t drop_us = client->control->o.drop_us ? client->control->o.drop_us : CONTROL_DROP_US;

	if (client->dead)
		return;
	if ((client->closing_us && now_us >= client->closing_us) || (client->eof_us && now_us >= client->eof_us)) {
		drop(client);
	} else if (client->blocked_us && now_us >= client->blocked_us + drop_us) {
		log_write(LOG_STATION(client->control->log), LOG_CONTROL, LOG_WARN,
			  "%s takes nothing any more and is dropped", client->actor);
		drop(client); /* it would not take a goodbye either */
	}
}

/* The next moment at which a client or the model has something to do. */
static void rearm(struct control *c, uint64_t now_us)
{
	for (struct client *client = c->clients; client; client = client->next) {
		if (client->dead)
			continue;
		if (client->closing_us)
			arm(c, client->closing_us);
		if (client->eof_us)
			arm(c, client->eof_us);
		if (client->blocked_us || client->subscribed)
			arm(c, now_us + SAMPLE_US);
	}
	if (c->metrics && metrics_busy(c->metrics))
		arm(c, now_us + SAMPLE_US);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct control *c = ctx;
	uint64_t now_us = control_now_us(), n;

	(void)events;
	(void)!read(c->timer_fd, &n, sizeof(n));
	c->armed_us = 0;
	c->dirty = false;
	c->backlog = false;
	if (now_us >= c->sampled_us + SAMPLE_US) {
		c->sampled_us = now_us;
		model_sample(c->model);
	}
	for (struct client *client = c->clients; client; client = client->next) {
		expire(client, now_us);
		if (!client->dead && client->in_len > 0)
			work(client);
		if (!client->dead && client->subscribed && client->out.len == 0)
			tell(client, now_us);
		if (!client->dead && client->subscribed && client->out.len == 0 && due_us(client) > now_us &&
		    model_has_news(c->model, &client->cursor, client->parts, 0)) {
			c->dirty = true; /* it is due later, and this is asked again then */
			arm(c, due_us(client));
		}
		if (!client->dead)
			interests(client);
	}
	if (c->metrics)
		metrics_expire(c->metrics, now_us);
	rearm(c, now_us);
}

static void on_ready(void *ctx, uint32_t loop_events)
{
	struct control *c = ctx;
	struct epoll_event events[EVENTS_A_TURN];
	enum loop_side side = loop_enter(c->loop, LOOP_ONLOOKERS);
	struct loop *loop = c->loop;
	int n = epoll_wait(c->epoll_fd, events, EVENTS_A_TURN, 0);

	(void)loop_events;
	for (int i = 0; i < n; i++) {
		struct watch *w = events[i].data.ptr;

		w->fn(w->ctx, events[i].events);
	}
	bury(c);
	control_stand(c);
	(void)loop_enter(loop, side);
}

/* --- a clock that may stop --- */

void control_stand(struct control *c)
{
	if (!c->loop || !loop_is_virtual(c->loop))
		return;
	loop_hold(c->loop, c->line && c->pace <= 0 && line_stands(c->line));
}

static void on_stand(void *ctx, uint64_t now_us)
{
	struct control *c = ctx;
	struct line_view view;

	if (!c->line)
		return;
	control_stand(c);
	line_look(c->line, &view);
	if (view.run == LINE_RUN_PAUSED || view.stays)
		loop_at(c->loop, &c->stand_timer, now_us + STAND_US);
}

/* --- runs --- */

static int new_model(struct control *c, const struct model_options *options)
{
	struct model *model = model_create(options);

	if (!model)
		return -1;
	model_destroy(c->model);
	c->model = model;
	control_jobs_changed(c);
	for (struct client *client = c->clients; client; client = client->next)
		client->cursor = (struct model_cursor){ .seq = client->cursor.seq };
	control_turn(c);
	return 0;
}

int control_begin(struct control *c, const struct control_run *run)
{
	const struct model_options options = {
		.job = run->job, .line = run->line, .simulated = run->simulated, .pace = run->simulated ? run->pace : 1
	};

	c->simulated = run->simulated;
	c->pace = run->pace;
	if (new_model(c, &options) != 0)
		return -1;
	c->line = run->line;
	c->log = run->log ? run->log : c->o.log;
	c->posting = posting_open(c, run);
	if (!c->posting)
		return -1;
	if (c->loop && loop_is_virtual(c->loop) && c->pace <= 0)
		on_stand(c, loop_now_us(c->loop));
	return 0;
}

void control_event(struct control *c, const struct line_event *event)
{
	if (!c->line)
		return;
	model_event(c->model, event);
	if ((event->kind == LINE_ORDER || event->kind == LINE_LABEL || event->kind == LINE_GUARD) && c->pace <= 0 &&
	    c->loop && loop_is_virtual(c->loop))
		loop_at(c->loop, &c->stand_timer, loop_now_us(c->loop) + STAND_US);
	changed(c);
}

void control_ended(struct control *c)
{
	uint64_t now_us = control_now_us();

	model_sample(c->model);
	model_beside(c->model, c->o.jobs ? c->o.jobs(c->o.ctx) : NULL, (unsigned)c->client_count);
	for (struct client *client = c->clients; client; client = client->next) {
		client->told_us = 0;
		if (!client->dead && client->subscribed)
			tell(client, now_us);
	}
	bury(c);
}

void control_end(struct control *c)
{
	c->line = NULL;
	c->log = c->o.log;
	posting_close(c->posting);
	c->posting = NULL;
	(void)new_model(c, &(struct model_options){ 0 });
}

bool control_attended(const struct control *c)
{
	if (c->o.run)
		return true;
	for (const struct client *client = c->clients; client; client = client->next)
		if (!client->dead && client->subscribed && client->role >= ROLE_OPERATOR)
			return true;
	return false;
}

void control_jobs_changed(struct control *c)
{
	model_beside(c->model, c->o.jobs ? c->o.jobs(c->o.ctx) : NULL, (unsigned)c->client_count);
	changed(c);
}

const char *control_path(const struct control *c) { return c->place.path; }

/* --- begin and end --- */

int control_attach(struct control *c, struct loop *loop)
{
	if (loop_attend(loop, c->epoll_fd, on_ready, c) != 0)
		return -1;
	c->loop = loop;
	c->stand_timer = (struct loop_timer){ .fn = on_stand, .ctx = c, .at_us = LOOP_NEVER };
	return 0;
}

void control_detach(struct control *c)
{
	if (!c->loop)
		return;
	loop_cancel(c->loop, &c->stand_timer);
	loop_unattend(c->loop);
	c->loop = NULL;
}

int control_open(struct control **out, const struct control_options *options, char *error, size_t error_len)
{
	struct control *c = calloc(1, sizeof(*c));
	int result;

	*out = NULL;
	if (!c) {
		snprintf(error, error_len, "no memory is left");
		return -ENOMEM;
	}
	c->o = *options;
	c->log = options->log;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	c->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	c->model = model_create(&(struct model_options){ 0 });
	text_host(c->host);
	if (!c->host[0])
		snprintf(c->host, sizeof(c->host), "station");
	result = place_listen(&c->place, options->path, options->settings->has_group ? &options->settings->group : NULL,
			      error, error_len);
	c->listen_watch = (struct watch){ on_listen, c, c->place.fd };
	c->timer_watch = (struct watch){ on_timer, c, c->timer_fd };
	if (result == 0 &&
	    (!c->model || c->epoll_fd < 0 || c->timer_fd < 0 || control_watch(c, &c->listen_watch, EPOLLIN) != 0 ||
	     control_watch(c, &c->timer_watch, EPOLLIN) != 0)) {
		snprintf(error, error_len, "control socket: no memory or no file descriptors are left");
		result = -ENOMEM;
	}
	if (result == 0 && options->metrics)
		result = metrics_open(&c->metrics, c, options->metrics, error, error_len);
	if (result != 0) {
		control_close(c, NULL, NULL);
		return result;
	}
	control_jobs_changed(c);
	*out = c;
	return 0;
}

void control_close(struct control *c, const char *reason, const char *sentence)
{
	if (!c)
		return;
	control_detach(c);
	for (struct client *client = c->clients; client; client = client->next) {
		if (reason)
			client_bye(client, reason, sentence);
		drop(client);
	}
	bury(c);
	metrics_close(c->metrics);
	place_close(&c->place);
	model_destroy(c->model);
	if (c->timer_fd >= 0)
		close(c->timer_fd);
	if (c->epoll_fd >= 0)
		close(c->epoll_fd);
	if (c->spare_fd >= 0)
		close(c->spare_fd);
	free(c);
}
