/*
 * Frames in and out of one monitor interface, on libpcap: never blocks, filtered in the kernel, small send buffer.
 * Whoever sends sees each of its frames again as a status (struct radiotap, `status`).
 *
 *	packet_open -> { packet_send | wait for packet_fd -> packet_read } ... -> packet_close
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/radio/radio.h"
#include "station/radio/radiotap.h"

struct packet;

typedef void packet_fn(void *ctx, const struct radiotap *about, struct mr_rd frame);

/*
 * `mac`: lets pass what hearing_filter says for it, and at first nothing of others; NULL: everything.
 * 0, or -errno with the reason in `error`.
 */
int packet_open(struct packet **out, const char *interface, const uint8_t *mac, char *error, size_t error_len);
/* `hear`: enum radio_hear. From one frame to the next: no status is missed. 0, or -errno and all is as before. */
int packet_hear(struct packet *packet, const struct radio_addresses *own, unsigned hear);
void packet_close(struct packet *packet);
int packet_fd(const struct packet *packet);

/* 0; -EAGAIN or -ENOBUFS: the driver's queue is full, try later; -ENETDOWN, -ENXIO: the interface went away. */
int packet_send(struct packet *packet, struct mr_rd frame, uint8_t rate_500kbps, uint8_t retries);
/* Hands over what has arrived, `max` frames at most. How many, or -errno. Frames that don't parse are counted. */
int packet_read(struct packet *packet, int max, packet_fn *fn, void *ctx);

struct packet_counts {
	uint64_t garbage; /* not to be parsed, or a wrong checksum */
	uint64_t dropped; /* the ring was full */
};

void packet_count(struct packet *packet, struct packet_counts *out);
