/*
 * Which frames a radio hands over: once for a frame in hand, once as the expression of pcap-filter(7) that lets the
 * kernel drop the others before they cost anything. The two say the same; both implementations of the radio use them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"

/* Room for the longest expression, its end included. */
#define HEARING_FILTER_MAX 1024

/*
 * `mac`: the radio's own; `hear`: enum radio_hear. `frame`: 802.11 header first, any length. false also for what came
 * from `mac`: the radios of a station have one address, and overhear each other.
 */
bool hearing_wants(const uint8_t mac[static 6], unsigned hear, struct mr_rd frame);
/* Lets pass the same, and whatever `mac` itself sent: that is how a monitor interface reports on it. */
void hearing_filter(char *out, size_t out_len, const uint8_t mac[static 6], unsigned hear);
