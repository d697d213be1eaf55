#include "agent/port/linux/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#define LEAVE_US 2000000  /* for the peer to take the last octets and close */
#define LOOK_US 10000	  /* how often the kernel is asked what has been acknowledged */
#define SHAKE_US 10000000 /* a TLS handshake takes at most this long */

static bool fail(struct mr_linux_server *s, const char *what, const char *address, const char *why)
{
	(void)snprintf(s->error, sizeof(s->error), "%s %.60s: %.60s", what, address, why);
	mr_linux_server_close(s);
	return false;
}

bool mr_linux_server_open(struct mr_linux_server *s, struct mr_agent *agent, enum mr_link link, const char *address,
			  uint16_t port)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char service[8];
	int yes = 1, error;

	memset(s, 0, sizeof(*s));
	s->agent = agent;
	s->link = link;
	s->fd = s->listen_fd = -1;
	(void)snprintf(service, sizeof(service), "%u", port ? port : link == MR_LINK_TLS ? 443u : 80u);
	error = getaddrinfo(address[0] ? address : NULL, service, &hints, &found);
	if (error)
		return fail(s, "no address:", address, gai_strerror(error));
	s->listen_fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The access point's address may come after the agent (IP_FREEBIND, ip(7)). */
	if (s->listen_fd >= 0) {
		(void)setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
		(void)setsockopt(s->listen_fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes));
	}
	error = s->listen_fd < 0 || bind(s->listen_fd, found->ai_addr, found->ai_addrlen) < 0 ||
		listen(s->listen_fd, 4) < 0;
	freeaddrinfo(found);
	return error ? fail(s, "can't listen at", address[0] ? address : "any address", strerror(errno)) : true;
}

void mr_linux_server_hang_up(struct mr_linux_server *s)
{
	if (s->fd >= 0)
		close(s->fd);
	mr_tls_destroy(s->tls);
	mr_api_close(&s->api);
	mr_wipe(s->in, sizeof(s->in));
	mr_wipe(s->out, sizeof(s->out));
	s->fd = -1;
	s->tls = NULL;
	s->open = s->eof = s->leaving = s->unreported = false;
	s->in_at = s->in_len = s->out_at = s->out_len = 0;
}

void mr_linux_server_close(struct mr_linux_server *s)
{
	if (s->fd >= 0)
		mr_linux_server_hang_up(s);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	s->listen_fd = -1;
}

size_t mr_linux_server_fds(const struct mr_linux_server *s, struct pollfd fds[static MR_LINUX_SERVER_FDS])
{
	bool room = s->in_at == s->in_len && !s->eof;

	fds[0] = (struct pollfd){ .fd = s->listen_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = s->fd,
				  .events = (short)((room ? POLLIN : 0) | (s->out_at < s->out_len ? POLLOUT : 0)) };
	return s->fd >= 0 ? 2 : 1;
}

/* --- callers --- */

static void turn_away(struct mr_linux_server *s, int fd)
{
	uint8_t text[512], heard[512];
	size_t len = s->link == MR_LINK_TLS ? 0 : mr_api_busy(text, sizeof(text)); /* in clear it would be no answer */

	if (len > 0)
		(void)send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	while (recv(fd, heard, sizeof(heard), MSG_DONTWAIT) > 0) /* unread octets would make the close a reset */
		;
	close(fd);
}

static void begin(struct mr_linux_server *s, int fd, uint64_t now_us)
{
	struct mr_access_point ap;
	struct mr_tls_identity identity;
	int yes = 1;

	if (!mr_agent_access_point(s->agent, &ap)) { /* finished, or away */
		close(fd);
		return;
	}
	mr_wipe(&ap, sizeof(ap));
	s->fd = fd;
	s->leave_us = now_us + SHAKE_US;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (s->link != MR_LINK_TLS) {
		mr_api_open(&s->api, s->agent, s->link, NULL);
		s->open = true;
		return;
	}
	mr_api_identity(s->agent, &identity);
	s->tls = mr_tls_create(&identity);
	if (!s->tls)
		mr_linux_server_hang_up(s);
}

/* Nothing is under way: a client that keeps its connection for later does not lock others out. */
static bool idle(const struct mr_linux_server *s)
{
	return s->open && mr_api_idle(&s->api) && !s->unreported && s->in_at == s->in_len && s->out_at == s->out_len;
}

static void take_callers(struct mr_linux_server *s, uint64_t now_us)
{
	int fd;

	while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		if (s->fd >= 0 && !s->leaving && !idle(s)) {
			turn_away(s, fd);
			continue;
		}
		if (s->fd >= 0)
			mr_linux_server_hang_up(s);
		begin(s, fd, now_us);
	}
}

/* --- octets; each returns whether something moved --- */

static bool move_in(struct mr_linux_server *s)
{
	uint8_t cipher[2048];
	ssize_t got;

	if (s->in_at < s->in_len)
		return false;
	s->in_at = s->in_len = 0;
	if (s->tls && (s->in_len = mr_tls_read(s->tls, s->in, sizeof(s->in))) > 0)
		return true;
	if (s->eof)
		return false;
	got = s->tls ? recv(s->fd, cipher, sizeof(cipher), 0) : recv(s->fd, s->in, sizeof(s->in), 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		s->eof = true;
		return true;
	}
	if (!s->tls)
		s->in_len = (size_t)got;
	else if (!mr_tls_feed(s->tls, cipher, (size_t)got))
		s->eof = true;
	return true;
}

/* The handshake is done: its binding is known, or it binds nothing and is not good enough. */
static bool move_up(struct mr_linux_server *s)
{
	uint8_t binding[32];

	if (s->open || !s->tls || !mr_tls_ready(s->tls))
		return false;
	if (!mr_tls_binding(s->tls, binding)) {
		s->eof = true;
		return false;
	}
	mr_api_open(&s->api, s->agent, s->link, binding);
	mr_wipe(binding, sizeof(binding));
	s->open = true;
	return true;
}

static bool move_over(struct mr_linux_server *s)
{
	size_t took = s->open && s->in_at < s->in_len ? mr_api_receive(&s->api, s->in + s->in_at, s->in_len - s->in_at)
						      : 0;

	s->in_at += took;
	return took > 0;
}

static bool move_out(struct mr_linux_server *s)
{
	uint8_t plain[1024];
	size_t n;

	if (s->out_at < s->out_len)
		return false;
	s->out_at = s->out_len = 0;
	if (s->tls)
		s->out_len = mr_tls_take(s->tls, s->out, sizeof(s->out));
	if (s->out_len > 0 || !s->open)
		return s->out_len > 0;
	n = s->tls ? mr_api_pull(&s->api, plain, sizeof(plain)) : mr_api_pull(&s->api, s->out, sizeof(s->out));
	if (n == 0)
		return false;
	s->unreported = true;
	if (!s->tls)
		s->out_len = n;
	else if (!mr_tls_write(s->tls, plain, n))
		s->eof = true;
	mr_wipe(plain, sizeof(plain));
	return true;
}

static bool flush(struct mr_linux_server *s)
{
	ssize_t put;

	if (s->out_at == s->out_len)
		return false;
	put = send(s->fd, s->out + s->out_at, s->out_len - s->out_at, MSG_NOSIGNAL);
	if (put > 0)
		s->out_at += (size_t)put;
	else if (errno != EAGAIN && errno != EINTR) {
		s->eof = true;
		s->out_at = s->out_len;
	}
	return put > 0;
}

/* --- the end --- */

static void report(struct mr_linux_server *s, uint64_t now_us)
{
	int queued = 0;

	if (!s->unreported || s->out_at < s->out_len)
		return;
	s->look_us = now_us + LOOK_US;
	if (ioctl(s->fd, SIOCOUTQ, &queued) < 0 || queued > 0)
		return;
	s->unreported = false;
	mr_api_sent(&s->api);
}

static void leave(struct mr_linux_server *s, uint64_t now_us)
{
	if (s->tls)
		mr_tls_close(s->tls);
	while (move_out(s) || flush(s))
		;
	(void)shutdown(s->fd, SHUT_WR);
	s->leaving = true;
	s->leave_us = now_us + LEAVE_US;
}

static void judge(struct mr_linux_server *s, uint64_t now_us)
{
	bool through = s->out_at == s->out_len;
	bool deaf = s->eof && (s->in_at == s->in_len || !s->open);

	if (s->open)
		mr_api_expire(&s->api);
	if (!s->leaving && ((s->open && mr_api_ended(&s->api) && through) || (!s->open && now_us >= s->leave_us)))
		leave(s, now_us);
	if ((deaf && through && !s->unreported) || (s->leaving && now_us >= s->leave_us))
		mr_linux_server_hang_up(s);
}

void mr_linux_server_work(struct mr_linux_server *s, uint64_t now_us)
{
	bool moved = true;

	if (s->listen_fd < 0)
		return;
	if (s->fd < 0 || s->leaving)
		take_callers(s, now_us);
	while (s->fd >= 0 && moved) {
		moved = move_in(s);
		moved = move_up(s) || moved;
		moved = move_over(s) || moved;
		moved = move_out(s) || moved;
		moved = flush(s) || moved;
	}
	if (s->fd >= 0)
		report(s, now_us);
	if (s->fd >= 0)
		judge(s, now_us);
	take_callers(s, now_us);
}

uint64_t mr_linux_server_deadline_us(const struct mr_linux_server *s)
{
	uint64_t at_us = s->fd < 0 ? UINT64_MAX : s->open && !s->leaving ? mr_api_deadline_us(&s->api) : s->leave_us;

	return s->fd >= 0 && s->unreported && s->look_us < at_us ? s->look_us : at_us;
}
