/*
 * Radiotap (radiotap.org, version 0): what a monitor interface puts before each frame, and what it takes with one.
 * Little-endian; each field is aligned to its own size from the start of the header.
 */
#pragma once

#include "agent/wire/cursor.h"

#define RADIOTAP_TX_LEN 14 /* octets that radiotap_build_tx writes */

struct radiotap {
	uint16_t freq_mhz;    /* 0: not said */
	int8_t rssi_dbm;      /* 0: not said */
	uint8_t rate_500kbps; /* 0: not said, or not a legacy rate */
	uint8_t retries;      /* TX status: tries after the first */
	bool status;	      /* a report on a frame of ours (TX flags present) */
	bool failed;	      /* status: no ACK came, or the frame wanted none */
	bool bad_fcs;
};

/*
 * Splits what a monitor interface gave into facts and frame (802.11 header first, no FCS; it points into `in`).
 * false: cut short or not radiotap version 0; count it as garbage.
 */
bool radiotap_parse(struct mr_rd in, struct radiotap *out, struct mr_rd *frame);

/* What goes before an injected frame: rate, retries, and "leave the sequence number alone". */
void radiotap_build_tx(struct mr_wr *out, uint8_t rate_500kbps, uint8_t retries);
