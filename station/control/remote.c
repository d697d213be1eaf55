#include "station/control/remote.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "station/control/place.h"

#define LINE_MAX_OCTETS (16u << 20) /* chosen: no line of a station is as long */
#define HELLO_MS 10000

struct remote {
	int fd;
	char *in;
	size_t len, room;
	json_t *hello;
	json_t *kept; /* lines that arrived while an answer was waited for, oldest first */
	json_int_t next_id;
	bool ended;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static json_t *take_line(struct remote *r)
{
	char *end = r->len ? memchr(r->in, '\n', r->len) : NULL;
	size_t len;
	json_t *o;

	if (!end)
		return NULL;
	len = (size_t)(end - r->in);
	o = json_loadb(r->in, len, 0, NULL);
	r->len -= len + 1;
	memmove(r->in, end + 1, r->len);
	if (!o)
		r->ended = true; /* not our language */
	return o;
}

/* One read; false: nothing arrived within the time, or the connection has ended. */
static bool fill(struct remote *r, int timeout_ms)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	ssize_t n;

	if (r->room - r->len < 4096) {
		size_t room = r->room ? r->room * 2 : 16384;
		char *grown = room <= LINE_MAX_OCTETS ? OPENSSL_clear_realloc(r->in, r->room, room) : NULL;

		if (!grown) {
			r->ended = true;
			return false;
		}
		r->in = grown;
		r->room = room;
	}
	if (poll(&p, 1, timeout_ms) <= 0)
		return false;
	n = recv(r->fd, r->in + r->len, r->room - r->len, 0);
	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		r->ended = true;
		return false;
	}
	r->len += (size_t)n;
	return true;
}

static json_t *read_line(struct remote *r, int timeout_ms)
{
	int64_t end_ms = now_ms() + timeout_ms;
	json_t *o;

	while (!(o = take_line(r)) && !r->ended) {
		int64_t left_ms = timeout_ms < 0 ? -1 : end_ms - now_ms();

		if ((timeout_ms >= 0 && left_ms < 0) || !fill(r, (int)left_ms))
			break;
	}
	return o;
}

json_t *remote_read(struct remote *r, int timeout_ms)
{
	json_t *o = json_incref(json_array_get(r->kept, 0));

	if (!o)
		return read_line(r, timeout_ms);
	(void)json_array_remove(r->kept, 0);
	return o;
}

bool remote_ended(const struct remote *r) { return r->ended; }
int remote_fd(const struct remote *r) { return r->fd; }
const json_t *remote_hello(const struct remote *r) { return r->hello; }

bool remote_send(struct remote *r, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0, sent = 0;

	json_decref(object);
	if (!text)
		return false;
	text[len++] = '\n'; /* in the place of its NUL */
	while (sent < len) {
		ssize_t n = send(r->fd, text + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	OPENSSL_cleanse(text, len); /* a code that was scanned may say a PIN */
	free(text);
	return sent == len;
}

json_t *remote_ask(struct remote *r, json_t *object, int timeout_ms)
{
	json_int_t id = ++r->next_id;
	int64_t end_ms = now_ms() + timeout_ms;
	json_t *o;

	/* Even if the station has hung up: its last lines are still in the socket. */
	if (object)
		(void)json_object_set_new(object, "id", json_integer(id));
	(void)remote_send(r, object);
	for (;;) {
		int64_t left_ms = timeout_ms < 0 ? -1 : end_ms - now_ms();
		const char *type;
		json_t *of;

		o = timeout_ms >= 0 && left_ms < 0 ? NULL : read_line(r, (int)left_ms);
		if (!o)
			return NULL;
		type = json_string_value(json_object_get(o, "type"));
		of = json_object_get(o, "id");
		if (type && strcmp(type, "answer") == 0 && (json_integer_value(of) == id || json_is_null(of)))
			return o;
		if (json_array_append_new(r->kept, o) != 0)
			r->ended = true; /* no memory: what is shown would be wrong from now on */
	}
}

struct remote *remote_open(const char *path, char *error, size_t error_len)
{
	struct remote *r = calloc(1, sizeof(*r));
	const char *type;

	if (!r) {
		snprintf(error, error_len, "no memory is left");
		return NULL;
	}
	r->fd = place_connect(path, error, error_len);
	if (r->fd < 0) {
		free(r);
		return NULL;
	}
	r->kept = json_array();
	r->hello = read_line(r, HELLO_MS);
	type = json_string_value(json_object_get(r->hello, "type"));
	if (type && strcmp(type, "hello") == 0 && json_integer_value(json_object_get(r->hello, "millrace")) == 1)
		return r;
	if (type && strcmp(type, "bye") == 0)
		snprintf(error, error_len, "the station says: %s",
			 json_string_value(json_object_get(r->hello, "sentence")));
	else
		snprintf(error, error_len,
			 r->hello ? "what answers there is no station of this version"
				  : "the station does not answer; it may be starting: try again");
	remote_close(r);
	return NULL;
}

void remote_close(struct remote *r)
{
	if (!r)
		return;
	close(r->fd);
	json_decref(r->hello);
	json_decref(r->kept);
	OPENSSL_clear_free(r->in, r->room);
	free(r);
}
