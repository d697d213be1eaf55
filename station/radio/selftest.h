/*
 * What an adapter really does, found out by sending: flags and return values of the kernel prove nothing. Blocking;
 * while the loop does not run. Frames are Null frames from the station's own address to one of its addresses, or to
 * nobody's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/radio/radio.h"

struct selftest_result {
	unsigned sent, reported, acked, retries, renumbered;	      /* by the sender's own statuses */
	unsigned received, wrong_rate, wrong_sequence, wrong_channel; /* by the listener */
};

/* `from` sends `count` frames to `receiver`; `to` (NULL: nobody) listens. Both are tuned already. */
void selftest_send(struct radio *from, struct radio *to, const uint8_t receiver[static 6], unsigned count,
		   struct selftest_result *out);
/* How long after a switch to `to`'s channel the first of `from`'s frames is heard there; UINT32_MAX: none was. Both end
 * there. */
uint32_t selftest_settle_us(struct radio *from, struct radio *to, uint16_t here_mhz, uint16_t away_mhz);
/* Two channels on which all of these radios may send; false: there are none. */
bool selftest_channels(struct radio *const *radios, size_t count, uint16_t out_mhz[static 2]);

struct selftest_proof {
	bool reports;	  /* gives statuses at all */
	bool judged;	  /* another radio was there to ask for acknowledgements */
	const char *rung; /* how it is set up now */
};

/*
 * Decides on each radio's rung and fills its caps: acknowledges, acknowledged_max, truthful_status, switch_us.
 * `rungs[i]`: bits of enum setup_rung worth a try. `addresses`: how many are counted at most. Without another radio
 * that can be believed nobody judges: then `acknowledges` is the driver's word, and acknowledged_max 1. They end parked
 * on `out_mhz[1]` of selftest_channels, or where they were when there are no such channels.
 */
void selftest_prove(struct radio *const *radios, const unsigned *rungs, size_t count, unsigned addresses,
		    struct selftest_proof *proofs);
