/*
 * What a listener of sniffer mode hears of a sender: frames with loss, repetitions, other ciphers and directions, from
 * a seed. The frames are built and parsed (overheard.h) where they are open; else their lengths are made up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/smartconfig.h"

struct smart_air {
	uint64_t seed, now_us;
	uint8_t bssid[6], source[6];
	bool from_ds, qos, protected;
	uint16_t above; /* octets of the cipher, and QoS: above an open frame without QoS */
	uint16_t sequence;
	unsigned lost_percent, repeated_percent, swapped_percent;
	unsigned skipped_percent; /* its sequence numbers go on, for frames that are not heard of at all */
	bool unnumbered;	  /* all have the same number */
	bool has_held;		  /* swapped frames: the first waits */
	struct mr_overheard held;
	uint32_t rounds, frames; /* sent */
	bool ended;		 /* with the newest frame, a round */
};

void smart_air_init(struct smart_air *air, uint64_t seed);
/* 0 to `limit` - 1. */
unsigned smart_air_below(struct smart_air *air, unsigned limit);
/* As it is overheard. */
void smart_air_overhear(struct smart_air *air, const struct mr_smart_frame *frame, struct mr_overheard *out);
/* The next frame of the sender to the listener, with what happens to it on the way. The best result of it. */
enum mr_smart_result smart_air_next(struct smart_air *air, struct mr_smart_sender *sender,
				    struct mr_smart_listener *listener);
/* Until it is complete, or so many rounds are over. */
bool smart_air_run(struct smart_air *air, struct mr_smart_sender *sender, struct mr_smart_listener *listener,
		   unsigned rounds);
