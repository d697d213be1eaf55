#include "station/dashboard/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "station/control/place.h"

#define CHUNK 65536u
#define CHUNKS_MAX 16u /* then the keyboard has its turn */

struct octets {
	char *at;
	size_t len, room;
};

struct client {
	struct client_options o;
	struct loop_timer timer;
	int fd;
	struct octets in, out;
	size_t looked; /* so much of `in` has no end of line */
	uint64_t wait_us;
	unsigned generation; /* counts connections: a line may hang up under its reader */
};

static bool reserve(struct octets *o, size_t more)
{
	size_t room = o->room ? o->room : CHUNK;
	char *at;

	while (room < o->len + more)
		room *= 2;
	if (room == o->room)
		return true;
	at = OPENSSL_clear_realloc(o->at, o->room, room); /* codes that are scanned may say a PIN */
	if (!at)
		return false;
	o->at = at;
	o->room = room;
	return true;
}

static void lost_because(struct client *c, const char *why, bool nobody)
{
	if (c->fd >= 0) {
		loop_unwatch(c->o.loop, c->fd);
		close(c->fd);
	}
	c->fd = -1;
	c->in.len = c->out.len = c->looked = 0;
	c->generation++;
	loop_at(c->o.loop, &c->timer, loop_now_us(c->o.loop) + c->wait_us);
	c->o.lost(c->o.ctx, why, c->wait_us, nobody);
	c->wait_us = c->wait_us * 2 > CLIENT_WAIT_MOST_US ? CLIENT_WAIT_MOST_US : c->wait_us * 2;
}

static void lost(struct client *c, const char *why) { lost_because(c, why, false); }

void client_hang_up(struct client *c, const char *why)
{
	if (c->fd >= 0)
		lost(c, why);
}

void client_rest(struct client *c) { loop_cancel(c->o.loop, &c->timer); }

void client_greeted(struct client *c) { c->wait_us = CLIENT_WAIT_FIRST_US; }

/* One line without its end. False: the connection is gone. */
static bool take_line(struct client *c, const char *line, size_t len)
{
	unsigned generation = c->generation;
	json_error_t error;
	json_t *o;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	o = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(o)) {
		json_decref(o);
		lost(c, "what answers there does not speak as a station does");
		return false;
	}
	c->o.line(c->o.ctx, o);
	json_decref(o);
	return c->generation == generation;
}

static bool take_lines(struct client *c)
{
	size_t from = 0;
	const char *end;

	while ((end = memchr(c->in.at + from + c->looked, '\n', c->in.len - from - c->looked)) != NULL) {
		size_t len = (size_t)(end - (c->in.at + from));

		c->looked = 0;
		if (!take_line(c, c->in.at + from, len))
			return false;
		from += len + 1;
	}
	memmove(c->in.at, c->in.at + from, c->in.len - from);
	c->in.len -= from;
	c->looked = c->in.len;
	if (c->in.len <= CLIENT_LINE_MAX)
		return true;
	lost(c, "the station sends a line without an end");
	return false;
}

static void receive(struct client *c)
{
	for (unsigned i = 0; i < CHUNKS_MAX; i++) {
		ssize_t n;

		if (!reserve(&c->in, CHUNK)) {
			lost(c, "no memory");
			return;
		}
		n = read(c->fd, c->in.at + c->in.len, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			lost(c, n == 0 ? "the station has closed the connection" : strerror(errno));
			return;
		}
		c->in.len += (size_t)n;
		if (!take_lines(c))
			return;
	}
}

static void on_socket(void *ctx, uint32_t events);

static void flush(struct client *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->fd, c->out.at, c->out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
			lost(c, strerror(errno));
			return;
		}
		if (n < 0)
			break;
		memmove(c->out.at, c->out.at + n, c->out.len - (size_t)n);
		c->out.len -= (size_t)n;
	}
	(void)loop_watch(c->o.loop, c->fd, c->out.len > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN, on_socket, c);
}

static void on_socket(void *ctx, uint32_t events)
{
	struct client *c = ctx;
	unsigned generation = c->generation;

	if (events & EPOLLOUT)
		flush(c);
	if (c->generation == generation && c->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		receive(c);
}

/* A full queue of a station that hangs is EAGAIN here, never a wait. */
static int connect_to(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd, number;

	if (strlen(path) >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	number = errno;
	close(fd);
	return -number;
}

static int connect_usual(char *path)
{
	int fd = -ENOENT, worst = -ENOENT;

	for (unsigned i = 0; fd < 0 && place_usual(i, path); i++) {
		fd = *path ? connect_to(path) : -ENOENT;
		if (fd < 0 && fd != -ENOENT)
			worst = fd;
	}
	return fd < 0 ? worst : fd;
}

static void try(void *ctx, uint64_t now_us)
{
	struct client *c = ctx;
	char path[PLACE_MAX] = "", why[PLACE_MAX + 200];
	int fd = c->o.path ? connect_to(c->o.path) : connect_usual(path);

	(void)now_us;
	if (fd < 0) {
		const char *where = c->o.path ? c->o.path : *path ? path : "the usual places";

		snprintf(why, sizeof(why),
			 fd == -EACCES ? "a station is at %s, but you may not connect: its settings name the group"
			 : fd == -ENOENT || fd == -ECONNREFUSED ? "no station answers at %s"
								: "%s: the station does not take the connection",
			 where);
		lost_because(c, why, fd == -ENOENT || fd == -ECONNREFUSED);
		return;
	}
	c->fd = fd;
	if (loop_watch(c->o.loop, fd, EPOLLIN, on_socket, c) < 0)
		lost(c, strerror(errno));
}

struct client *client_create(const struct client_options *options)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->o = *options;
	c->fd = -1;
	c->wait_us = CLIENT_WAIT_FIRST_US;
	c->timer = (struct loop_timer){ .fn = try, .ctx = c, .at_us = LOOP_NEVER };
	loop_at(c->o.loop, &c->timer, loop_now_us(c->o.loop));
	return c;
}

void client_destroy(struct client *c)
{
	if (!c)
		return;
	loop_cancel(c->o.loop, &c->timer);
	if (c->fd >= 0) {
		loop_unwatch(c->o.loop, c->fd);
		close(c->fd);
	}
	OPENSSL_clear_free(c->in.at, c->in.room);
	OPENSSL_clear_free(c->out.at, c->out.room);
	free(c);
}

bool client_send(struct client *c, json_t *request)
{
	char *text = c->fd >= 0 && request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	bool ok = text && c->out.len + len + 1 <= CLIENT_OUT_MAX && reserve(&c->out, len + 1);

	json_decref(request);
	if (ok) {
		memcpy(c->out.at + c->out.len, text, len);
		c->out.at[c->out.len + len] = '\n';
		c->out.len += len + 1;
		flush(c);
	}
	if (text)
		OPENSSL_cleanse(text, len);
	free(text);
	return ok;
}
