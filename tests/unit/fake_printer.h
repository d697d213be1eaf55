/*
 * A ZPL printer on the loopback, for one connection: one that prints and counts, and those that do not.
 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The example of the ZPL II programming guide, "~HS", with the label printed. */
#define READY                                                                                                          \
	"\002030,0,0,1245,000,0,0,0,000,0,0,0\003\r\n\002001,0,0,0,1,2,4,0,00000000,1,000\003\r\n\0021234,0\003\r\n"
#define PAPER_OUT                                                                                                      \
	"\002030,1,0,1245,000,0,0,0,000,0,0,0\003\r\n\002001,0,0,0,1,2,4,0,00000000,1,000\003\r\n\0021234,0\003\r\n"
#define PAUSED                                                                                                         \
	"\002030,0,1,1245,001,0,0,0,000,0,0,0\003\r\n\002001,0,0,0,1,2,4,0,00000000,1,000\003\r\n\0021234,0\003\r\n"
#define HEAD_OPEN                                                                                                      \
	"\002030,0,0,1245,000,0,0,0,000,0,0,0\003\r\n\002001,0,1,0,1,2,4,0,00000000,1,000\003\r\n\0021234,0\003\r\n"
#define HOLDS_ONE                                                                                                      \
	"\002030,0,0,1245,001,0,0,0,000,0,0,0\003\r\n\002001,0,0,0,1,2,4,0,00000001,1,000\003\r\n\0021234,0\003\r\n"

enum behaviour { PRINTS, NEVER_PRINTS, SILENT, NO_PAPER, DIES };

struct fake {
	enum behaviour behaviour;
	int listener;
	char address[40];
	pthread_t thread;
	char got[60000];
	size_t got_len;
};

static inline bool fake_say(int fd, const char *words)
{
	size_t len = strlen(words);

	return send(fd, words, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Answers each ~HS by what it is; counts each ^XZ, if it prints at all. */
static inline void *fake_run(void *ctx)
{
	struct fake *fake = ctx;
	int fd = accept(fake->listener, NULL, NULL), count = 7;
	char octets[512], line[80];
	size_t questions = 0, labels = 0;
	ssize_t n;

	while ((n = recv(fd, octets, sizeof(octets), 0)) > 0) {
		size_t seen = 0, printed = 0;

		if (fake->got_len + (size_t)n >= sizeof(fake->got))
			break;
		memcpy(fake->got + fake->got_len, octets, (size_t)n);
		fake->got_len += (size_t)n;
		fake->got[fake->got_len] = '\0';
		for (const char *at = fake->got; (at = strstr(at, "^XZ")); at++)
			printed++;
		if (printed > labels && fake->behaviour == DIES)
			break;
		count += fake->behaviour == PRINTS ? (int)(printed - labels) : 0;
		labels = printed;
		for (const char *at = fake->got; (at = strstr(at, "~HS")); at++)
			seen++;
		for (; questions < seen && fake->behaviour != SILENT; questions++) {
			snprintf(line, sizeof(line), "\"%d\"", count);
			if (!fake_say(fd, line) || !fake_say(fd, fake->behaviour == NO_PAPER ? PAPER_OUT : READY))
				break;
		}
	}
	close(fd);
	return NULL;
}

static inline void fake_start(struct fake *fake, enum behaviour behaviour)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);

	memset(fake, 0, sizeof(*fake));
	fake->behaviour = behaviour;
	fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fake->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fake->listener, 4), 0);
	assert_int_equal(getsockname(fake->listener, (struct sockaddr *)&at, &len), 0);
	snprintf(fake->address, sizeof(fake->address), "127.0.0.1:%u", ntohs(at.sin_port));
	assert_int_equal(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
}

/* After the other side has closed. */
static inline void fake_stop(struct fake *fake)
{
	pthread_join(fake->thread, NULL);
	close(fake->listener);
}
