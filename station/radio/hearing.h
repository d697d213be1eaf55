/*
 * Which frames a radio hands over: once for a frame in hand, once as the expression of pcap-filter(7) that lets the
 * kernel drop the others before they cost anything. The two say the same; both implementations of the radio use them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/radio/radio.h"

/* Room for the longest expression, its end included. */
#define HEARING_FILTER_MAX 2048

/*
 * `own`: the radio's addresses; `hear`: enum radio_hear. `frame`: 802.11 header first, any length. false also for what
 * came from one of its own addresses: the radios of a station share them, and overhear each other.
 */
bool hearing_wants(const struct radio_addresses *own, unsigned hear, struct mr_rd frame);
/* Lets the same pass, and whatever was sent from its own addresses: a monitor interface reports in that form. */
void hearing_filter(char *out, size_t out_len, const struct radio_addresses *own, unsigned hear);
