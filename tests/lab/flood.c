/*
 * Foreign traffic: `flood INTERFACE FREQ FRAMES-PER-SECOND SECONDS` sends data frames between two strangers from a
 * radio of its own, and prints how many it sent. As root, inside tests/lab/vm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "station/radio/packet.h"
#include "station/radio/setup.h"
#include "station/radio/sysfs.h"

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

int main(int argc, char **argv)
{
	static const uint8_t strangers[2][6] = { { 2, 0, 0, 0xaa, 0, 1 }, { 2, 0, 0, 0xaa, 0, 2 } };
	uint8_t frame[400] = { 0x08 };
	struct setup setup = { 0 };
	struct packet *packet;
	char error[160] = "";
	unsigned long per_s, sent = 0, number;
	uint64_t start_us, us;

	if (argc != 5 || sscanf(argv[1], "phy%lu", &number) != 1) {
		fprintf(stderr, "usage: flood phyN FREQ FRAMES-PER-SECOND SECONDS\n");
		return 2;
	}
	per_s = strtoul(argv[3], NULL, 10);
	us = strtoul(argv[4], NULL, 10) * 1000000u;
	if (setup_up(&setup, (uint32_t)number, SETUP_PLAIN, strangers[0], NULL) < 0 ||
	    setup_tune(&setup, (uint16_t)strtoul(argv[2], NULL, 10)) < 0) {
		fprintf(stderr, "flood: %s\n", setup.error);
		return 1;
	}
	if (packet_open(&packet, setup.plain.name, strangers[0], error, sizeof(error)) < 0) {
		fprintf(stderr, "flood: %s\n", error);
		return 1;
	}
	memcpy(frame + 4, strangers[1], 6);
	memcpy(frame + 10, strangers[0], 6);
	memcpy(frame + 16, strangers[1], 6);
	for (start_us = clock_us(); clock_us() - start_us < us;) {
		unsigned long due = (clock_us() - start_us) * per_s / 1000000u;

		while (sent < due) {
			frame[22] = (uint8_t)(sent << 4);
			frame[23] = (uint8_t)(sent >> 4);
			(void)packet_send(packet, mr_rd_over(frame, sizeof(frame)), 108, 0);
			sent++;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	printf("%lu\n", sent);
	packet_close(packet);
	setup_down(&setup);
	return 0;
}
