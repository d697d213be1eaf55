/*
 * The device's API (agent/core/api.h) on the kernel's sockets: one listener, one connection, TLS where the method asks
 * for it. Not for an open port on the internet: the address at which it listens is the access point's.
 *
 *	mr_linux_server_open -> { wait for the descriptors or the deadline -> mr_linux_server_work } ... ->
 *		mr_linux_server_close
 */
#pragma once

#include <poll.h>

#include "agent/core/api.h"

#define MR_LINUX_SERVER_FDS 2

/* Layout is ours. */
struct mr_linux_server {
	struct mr_agent *agent;
	enum mr_link link;
	int listen_fd, fd;
	struct mr_tls *tls;
	struct mr_api api;
	bool open;	   /* the API has the connection */
	bool eof, leaving; /* they have said all; we have */
	bool unreported;   /* octets of a response have not been acknowledged yet */
	uint64_t leave_us, look_us;
	uint8_t in[2048], out[2048];
	size_t in_at, in_len, out_at, out_len;
	char error[160];
};

/* `address`: IPv4 or IPv6, "" for all; `port` 0: 80, with TLS 443. false: the reason is in `error`. */
bool mr_linux_server_open(struct mr_linux_server *server, struct mr_agent *agent, enum mr_link link,
			  const char *address, uint16_t port);
void mr_linux_server_close(struct mr_linux_server *server);
/* The connection has no network under it any longer. */
void mr_linux_server_hang_up(struct mr_linux_server *server);
size_t mr_linux_server_fds(const struct mr_linux_server *server, struct pollfd fds[static MR_LINUX_SERVER_FDS]);
void mr_linux_server_work(struct mr_linux_server *server, uint64_t now_us);
uint64_t mr_linux_server_deadline_us(const struct mr_linux_server *server);
