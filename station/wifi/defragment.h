/*
 * An MSDU or MMPDU from its fragments, IEEE 802.11-2020 10.5. One at a time for each sender: a STA without QoS begins
 * no other before the last one is whole. What mixes keys, leaves a packet number out or comes in the clear between
 * sealed fragments is dropped (12.5.3.4.4; "FragAttacks", CVE-2020-24587 and -26146, -26147).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/wifi/ieee80211.h"

#define DEFRAGMENT_LIFETIME_US (512 * 1024) /* dot11MaxReceiveLifetime, 512 TU */

/* Zero it first. Holds IEEE80211_MSDU_MAX octets from the heap while an MSDU is under way. Layout is ours. */
struct defragment {
	uint8_t *bytes;
	uint16_t len, sequence;
	uint8_t next; /* fragment number */
	bool sealed;  /* they come protected */
	uint64_t pn, until_us;
};

void defragment_drop(struct defragment *d); /* also when the key changes */
/*
 * A frame's body in the clear; `pn`: its packet number when it was sealed, 0 when not. True: `body` is now a whole
 * MSDU, valid until the next call. A frame that is whole by itself passes through.
 */
bool defragment_add(struct defragment *d, const struct ieee80211_header *h, uint64_t pn, struct mr_rd *body,
		    uint64_t now_us);
