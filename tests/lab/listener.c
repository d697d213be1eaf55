/*
 * A foreign device in sniffer mode on a real radio: `listener phyN FREQ SCHEME SECONDS` overhears one channel until a
 * scheme has given it a network, prints the name and the passphrase, a line each, and how many frames it took on
 * standard error. SCHEME: all. Exit status 1: nothing in that time. As root, inside tests/lab/vm.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/wire/smartconfig.h"
#include "station/radio/packet.h"
#include "station/radio/setup.h"

static const struct mr_smart_coder *const coders[] = MR_SMART_CODERS_ALL;

struct ears {
	struct mr_smart_listener listener;
	enum mr_smart_scheme wanted;
	struct mr_smart_settings settings;
	bool complete;
};

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void on_frame(void *ctx, const struct radiotap *about, struct mr_rd frame)
{
	struct ears *e = ctx;
	struct mr_overheard heard;
	enum mr_smart_scheme scheme;

	if (e->complete || about->bad_fcs || !mr_overheard_parse(frame, &heard) ||
	    mr_smart_hear(&e->listener, &heard, clock_us()) != MR_SMART_COMPLETE)
		return;
	scheme = mr_smart_take(&e->listener, &e->settings);
	e->complete = e->wanted == MR_SMART_NONE || scheme == e->wanted;
}

int main(int argc, char **argv)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0xdd, 0, 1 };
	static struct ears e = { .listener.coders = coders };
	struct setup setup = { 0 };
	struct packet *packet;
	char error[160] = "";
	uint64_t until_us;
	unsigned long number;

	if (argc != 5 || sscanf(argv[1], "phy%lu", &number) != 1) {
		fprintf(stderr, "usage: listener phyN FREQ SCHEME SECONDS\n");
		return 2;
	}
	e.wanted = mr_smart_named(argv[3], strlen(argv[3]));
	if (setup_up(&setup, (uint32_t)number, SETUP_PLAIN, mac, NULL) < 0 ||
	    setup_tune(&setup, (uint16_t)strtoul(argv[2], NULL, 10)) < 0) {
		fprintf(stderr, "listener: %s\n", setup.error);
		return 2;
	}
	if (packet_open(&packet, setup.plain.name, NULL, error, sizeof(error)) < 0) {
		fprintf(stderr, "listener: %s\n", error);
		return 2;
	}
	for (until_us = clock_us() + strtoul(argv[4], NULL, 10) * 1000000u; !e.complete && clock_us() < until_us;) {
		struct pollfd p = { .fd = packet_fd(packet), .events = POLLIN };

		(void)poll(&p, 1, 100);
		(void)packet_read(packet, 64, on_frame, &e);
	}
	packet_close(packet);
	setup_down(&setup);
	fprintf(stderr, "listener: %u frames, %u repeats, %u spoilt\n", e.listener.frames, e.listener.repeats,
		e.listener.spoilt);
	if (!e.complete)
		return 1;
	printf("%.*s\n%.*s\n", (int)e.settings.ssid_len, (const char *)e.settings.ssid, (int)e.settings.passphrase_len,
	       (const char *)e.settings.passphrase);
	return 0;
}
