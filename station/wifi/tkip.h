/*
 * TKIP for group addressed data (IEEE 802.11-2020 12.5.2): an access point that still serves WPA sends to all under
 * it, and small devices' DHCP servers answer to all. Nothing of ours is ever protected by it: our own frames and those
 * to us are CCMP's. Numbers and replay counters belong to the caller, as with ccmp.h.
 *
 * A key is 32 octets: temporal key 16, Michael key of the access point 8, of STAs 8 (12.7.1.4).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/wifi/ccmp.h"

#define TKIP_KEY_LEN 32
#define TKIP_OVERHEAD 20 /* header 8, MIC 8, ICV 4 */

/* `info->pn` is the TSC. False: no TKIP frame. */
bool tkip_peek(struct mr_rd mpdu, struct ccmp_info *info);
/* The body in the clear of a whole MSDU from an access point; `body` has room for mpdu.left. False: it is not true. */
bool tkip_open(const uint8_t key[static TKIP_KEY_LEN], struct mr_rd mpdu, uint8_t *body, size_t *body_len);
/* As ccmp_seal, TKIP_OVERHEAD octets longer; from an access point. For simulated ones only. */
size_t tkip_seal(const uint8_t key[static TKIP_KEY_LEN], struct ccmp_info info, struct mr_rd mpdu, uint8_t *out,
		 size_t cap);

/* The parts, for tests with the standard's vectors: J.4 (mixing) and J.5 (Michael). */
void tkip_mix(const uint8_t tk[static 16], const uint8_t ta[static 6], uint64_t tsc, uint8_t rc4_key[static 16]);
void tkip_michael(const uint8_t key[static 8], struct mr_rd head, struct mr_rd data, uint8_t mic[static 8]);
