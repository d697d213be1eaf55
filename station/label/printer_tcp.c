/* The printer over TCP: waits, for the command line. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "station/label/printer.h"

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int wait_ms(uint64_t until_us)
{
	uint64_t now = now_us(), left = until_us > now ? until_us - now : 0;

	return left > 600000000 ? 600000 : (int)((left + 999) / 1000);
}

/* "[::1]:9100", "HOST:PORT", "HOST" */
static bool split(const char *address, char host[256], char port[8])
{
	const char *end = *address == '[' ? strchr(address, ']') : NULL,
		   *colon = end ? strchr(end, ':') : strrchr(address, ':');
	size_t len = end ? (size_t)(end - address) - 1 : colon ? (size_t)(colon - address) : strlen(address);

	if (!end && colon && strchr(address, ':') != colon) { /* an IPv6 address without brackets */
		colon = NULL;
		len = strlen(address);
	}
	if (len == 0 || len >= 256 || (colon && (strlen(colon + 1) < 1 || strlen(colon + 1) > 5)))
		return false;
	memcpy(host, end ? address + 1 : address, len);
	host[len] = '\0';
	snprintf(port, 8, "%s", colon ? colon + 1 : "9100");
	return strspn(port, "0123456789") == strlen(port);
}

static int connect_one(const struct addrinfo *to, uint64_t until_us)
{
	int fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->ai_protocol), failed = 0;
	socklen_t len = sizeof(failed);
	struct pollfd wait = { .fd = fd, .events = POLLOUT };

	if (fd < 0)
		return -1;
	if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
		return fd;
	if (errno != EINPROGRESS)
		failed = errno;
	else if (poll(&wait, 1, wait_ms(until_us)) <= 0)
		failed = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0)
		failed = errno;
	if (failed == 0)
		return fd;
	close(fd);
	errno = failed;
	return -1;
}

int printer_connect(const char *address, uint64_t patience_us, char *error, size_t error_len)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	char host[256], port[8];
	int fd = -1, rc;

	if (!split(address, host, port)) {
		snprintf(error, error_len,
			 "\"%.80s\" is no address of a printer; allowed: HOST, HOST:PORT, [IPv6]:PORT", address);
		return -1;
	}
	rc = getaddrinfo(host, port, &want, &list);
	if (rc != 0) {
		snprintf(error, error_len, "the printer %s is not found: %s", host, gai_strerror(rc));
		return -1;
	}
	for (const struct addrinfo *to = list; to && fd < 0; to = to->ai_next)
		fd = connect_one(to, now_us() + patience_us);
	if (fd < 0)
		snprintf(error, error_len,
			 "the printer %s, port %s, takes no connection: %s; is it on, and is that its address?", host,
			 port, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

/* false: the connection is over. */
static bool exchange(int fd, struct printer *printer, short ready)
{
	char octets[1024];
	const char *out;
	size_t len;
	ssize_t n;

	if (ready & (POLLIN | POLLHUP | POLLERR)) {
		n = recv(fd, octets, sizeof(octets), 0);
		if (n > 0)
			printer_receive(printer, octets, (size_t)n, now_us());
		else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			printer_closed(printer, n == 0 ? "it closed" : strerror(errno));
			return false;
		}
	}
	out = printer_output(printer, &len);
	if (len == 0 || !(ready & POLLOUT))
		return true;
	n = send(fd, out, len, MSG_NOSIGNAL);
	if (n >= 0)
		printer_sent(printer, (size_t)n, now_us());
	else if (errno != EAGAIN && errno != EINTR) {
		printer_closed(printer, strerror(errno));
		return false;
	}
	return true;
}

enum printer_result printer_print(int fd, struct printer *printer, const char *label, size_t len, bool blind,
				  uint64_t patience_us)
{
	printer_start(printer, label, len, blind, patience_us, now_us());
	while (printer_result(printer) == PRINTER_BUSY) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		size_t left;

		(void)printer_output(printer, &left);
		if (left)
			wait.events |= POLLOUT;
		if (poll(&wait, 1, wait_ms(printer_deadline_us(printer))) > 0 && !exchange(fd, printer, wait.revents))
			break;
		printer_expire(printer, now_us());
	}
	return printer_result(printer);
}
