#include "agent/port/linux/ctrl_iface.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/wire/cursor.h"

#define ANSWER_MS 2000

static bool dial(struct mr_ctrl *c)
{
	struct sockaddr_un own = { .sun_family = AF_UNIX }, theirs = { .sun_family = AF_UNIX };
	char answer[16];

	mr_ctrl_close(c);
	c->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memcpy(theirs.sun_path, c->path, sizeof(theirs.sun_path));
	/* Bound by the kernel to an abstract address (unix(7), "autobind"): they can answer, and no file is left
	 * behind. */
	if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&own, sizeof(own.sun_family)) < 0 ||
	    connect(c->fd, (struct sockaddr *)&theirs, sizeof(theirs)) < 0) {
		mr_ctrl_close(c);
		return false;
	}
	return !c->events || (mr_ctrl_ask(c, "ATTACH", answer, sizeof(answer)) && strcmp(answer, "OK\n") == 0);
}

bool mr_ctrl_open(struct mr_ctrl *c, const char *path, bool events)
{
	*c = (struct mr_ctrl){ .fd = -1, .events = events };
	if (strlen(path) >= sizeof(c->path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(c->path, path, strlen(path) + 1);
	return dial(c);
}

void mr_ctrl_close(struct mr_ctrl *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* An answer to a command that was given up on may come late: what waits now is not ours. */
static void forget(struct mr_ctrl *c)
{
	char late[64];

	while (!c->events && recv(c->fd, late, sizeof(late), MSG_DONTWAIT) >= 0)
		;
}

static bool send_to(struct mr_ctrl *c, const char *command)
{
	if (c->fd >= 0) {
		forget(c);
		if (send(c->fd, command, strlen(command), MSG_NOSIGNAL) >= 0)
			return true;
	}
	return !c->events && dial(c) && send(c->fd, command, strlen(command), MSG_NOSIGNAL) >= 0;
}

bool mr_ctrl_ask(struct mr_ctrl *c, const char *command, char *answer, size_t cap)
{
	struct pollfd wait = { .events = POLLIN };
	ssize_t got = -1;

	answer[0] = '\0';
	if (!send_to(c, command))
		return false;
	wait.fd = c->fd;
	for (;;) {
		int ready = poll(&wait, 1, ANSWER_MS);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return false;
		got = recv(c->fd, answer, cap - 1, 0);
		if (got >= 0 || (errno != EINTR && errno != EAGAIN))
			break;
	}
	answer[got < 0 ? 0 : got] = '\0';
	return got >= 0;
}

bool mr_ctrl_do(struct mr_ctrl *c, const char *format, ...)
{
	char command[MR_CTRL_TEXT_MAX], answer[64];
	va_list values;
	int len;
	bool ok;

	va_start(values, format);
	len = vsnprintf(command, sizeof(command), format, values);
	va_end(values);
	ok = len >= 0 && (size_t)len < sizeof(command) && mr_ctrl_ask(c, command, answer, sizeof(answer)) &&
	     strcmp(answer, "OK\n") == 0;
	mr_wipe(command, sizeof(command));
	return ok;
}

bool mr_ctrl_revive(struct mr_ctrl *c) { return (c->fd >= 0 && send(c->fd, "PING", 4, MSG_NOSIGNAL) >= 0) || dial(c); }

bool mr_ctrl_event(struct mr_ctrl *c, char *out, size_t cap)
{
	ssize_t got = c->fd >= 0 ? recv(c->fd, out, cap - 1, MSG_DONTWAIT) : -1;
	char *end;

	if (got < 0)
		return false;
	out[got] = '\0';
	end = out[0] == '<' ? strchr(out, '>') : NULL;
	if (end)
		memmove(out, end + 1, strlen(end + 1) + 1);
	return true;
}
