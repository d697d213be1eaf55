/*
 * CCMP-128 for one MPDU (IEEE 802.11-2020 12.5.3) and BIP-CMAC-128 for one group addressed management frame (12.5.4).
 * Keys, packet numbers and replay counters belong to the caller, who asks `ccmp_peek` for the number, opens, compares
 * the number with the counter of that key, and only then believes the frame.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/wifi/ieee80211.h"

#define CCMP_OVERHEAD 16 /* header 8, MIC 8 */
#define CCMP_PN_MAX 0xffffffffffffu
#define BIP_MME_LEN 18

struct ccmp_info {
	uint64_t pn;
	uint8_t key_id; /* 0: pairwise; 1 to 3: group */
};

/*
 * `mpdu`: a plain MPDU with its header. Gives the protected one, CCMP_OVERHEAD longer, in `out`; 0: it does not fit
 * `cap`, or is no frame. `pn`: never used with this key before, 1 to CCMP_PN_MAX. The same frame with the same number
 * gives the same octets: that is how one is sent again.
 */
size_t ccmp_seal(const uint8_t tk[static 16], struct ccmp_info info, struct mr_rd mpdu, uint8_t *out, size_t cap);

/* What a protected frame says before it is opened; false: no CCMP frame. */
bool ccmp_peek(struct mr_rd mpdu, struct ccmp_info *info);

/* The body in the clear (mpdu.left - header - 16 octets; mpdu.left is always room enough), *body_len; false: it is not
 * true. */
bool ccmp_open(const uint8_t tk[static 16], struct mr_rd mpdu, uint8_t *body, size_t *body_len);

struct bip_info {
	uint64_t ipn;
	uint8_t key_id; /* 4 or 5 */
};

/* Appends the MME to a whole management MPDU in `w`. False: no room. */
bool bip_protect(const uint8_t igtk[static 16], struct bip_info info, struct mr_wr *w);
/* The MME at the end of a group addressed management frame; false: there is none. */
bool bip_peek(struct mr_rd mpdu, struct bip_info *info);
bool bip_verify(const uint8_t igtk[static 16], struct mr_rd mpdu);
