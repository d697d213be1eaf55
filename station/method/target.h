/*
 * The network of the job, for methods whose devices are foreign: what proves such a device is that it is seen to join.
 * So they work on that network's channel, and a radio that has not heard it yet looks for its beacons first.
 */
#pragma once

#include "station/line/private.h"

/* Its access point was heard on this channel. */
static inline bool target_is_here(const struct line *line, const struct channel *c)
{
	const struct ieee80211_network *n = &line->target.network;

	return n->heard_us > 0 && n->freq_mhz == c->freq_mhz;
}

/* For a voice, as long as it was not heard: the radio stays for two beacons. `next_us` as in method_ops.speak. */
static inline void target_look_for(const struct line *line, struct channel *c, uint64_t *next_us)
{
	const uint64_t beacon_us = 110000; /* a beacon of 100 TU, and a little */

	if (line->target.network.heard_us > 0)
		return;
	*next_us = loop_now_us(line->loop) + beacon_us;
	if (c->window_end_us == 0)
		c->window_end_us = loop_now_us(line->loop) + 2 * beacon_us;
}
