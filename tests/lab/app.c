/*
 * A phone's app: `app SCHEME SSID PASSPHRASE BSSID GATEWAY SECONDS` sends the frames of a scheme of sniffer mode as UDP
 * datagrams of those lengths, from whatever network this host has joined: the kernel and its access point encrypt and
 * relay them. As root (it binds no port, but broadcasts), inside tests/lab/vm.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/wire/smartconfig.h"

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static bool settings_of(char **argv, struct mr_smart_settings *s)
{
	size_t ssid_len = strlen(argv[2]), passphrase_len = strlen(argv[3]);
	unsigned b[6];

	if (ssid_len > sizeof(s->ssid) || passphrase_len > sizeof(s->passphrase) ||
	    sscanf(argv[4], "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		return false;
	s->ssid_len = (uint8_t)ssid_len;
	s->passphrase_len = (uint8_t)passphrase_len;
	memcpy(s->ssid, argv[2], ssid_len);
	memcpy(s->passphrase, argv[3], passphrase_len);
	for (int i = 0; i < 6; i++)
		s->bssid[i] = (uint8_t)b[i];
	return true;
}

static void send_one(int fd, const struct mr_smart_frame *f, const struct in_addr *gateway)
{
	static char payload[MR_OVERHEARD_PAYLOAD_MAX];
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(f->port ? f->port : 7001),
				  .sin_addr = *gateway };
	static const uint8_t nobody[4] = { 0 };

	memset(payload, '1', sizeof(payload));
	if (memcmp(f->destination, nobody, 4) != 0)
		memcpy(&to.sin_addr, f->destination, 4);
	if (sendto(fd, payload, f->length, 0, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != ENOBUFS &&
	    errno != EAGAIN)
		perror("app: sendto");
}

int main(int argc, char **argv)
{
	struct mr_smart_settings settings = { .token = 0x5a };
	struct mr_smart_sender sender;
	struct in_addr gateway;
	uint64_t due_us, until_us;
	int fd, on = 1, hops = 4;

	if (argc != 7 || !settings_of(argv, &settings) || inet_pton(AF_INET, argv[5], &gateway) != 1) {
		fprintf(stderr, "usage: app SCHEME SSID PASSPHRASE BSSID GATEWAY SECONDS\n");
		return 2;
	}
	settings.token = mr_smart_named(argv[1], strlen(argv[1])) == MR_SMART_AIRKISS ? 0x5a : 0;
	if (!mr_smart_begin(&sender, mr_smart_named(argv[1], strlen(argv[1])), &settings)) {
		fprintf(stderr, "app: the scheme cannot carry it\n");
		return 2;
	}
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof(hops)) != 0) {
		perror("app: socket");
		return 2;
	}
	due_us = clock_us();
	for (until_us = due_us + strtoul(argv[6], NULL, 10) * 1000000u; clock_us() < until_us;) {
		struct mr_smart_frame f;
		uint64_t now_us = clock_us();

		if (now_us < due_us) {
			nanosleep(&(struct timespec){ .tv_sec = (time_t)((due_us - now_us) / 1000000u),
						      .tv_nsec = (long)((due_us - now_us) % 1000000u) * 1000 },
				  NULL);
			continue;
		}
		mr_smart_next(&sender, &f);
		send_one(fd, &f, &gateway);
		due_us += f.gap_us;
	}
	close(fd);
	return 0;
}
