/*
 * The method `pin`, the device's side: SPAKE2+ as the verifier, how often somebody may be wrong, and the session under
 * the key that was agreed on. docs/protocol.md, "HTTP".
 *
 *	mr_pin_share -> mr_pin_confirm -> { mr_pin_open -> mr_pin_seal } ...
 *
 * An attempt is counted in the storage when it begins. That is before the device sends its own confirmation, which
 * tells whether the guess was right. Success takes the count back. So neither a power cut nor walking away is a free
 * guess. A session that is idle for two minutes ends, and so does one when another exchange begins.
 */
#pragma once

#include "agent/core/agent.h"

#define MR_PIN_TRIES_MAX 10 /* in a row; then locked until IDENTITY brings another */
#define MR_PIN_FREE 5	    /* the fifth wrong one in a row brings the first pause, 60 s; each further one doubles it */
#define MR_PIN_OVERHEAD 24  /* octets of a sealed message beside the message: counter, tag */

enum mr_pin_result {
	MR_PIN_OK,
	MR_PIN_NONE, /* the device has no PIN */
	MR_PIN_LOCKED,
	MR_PIN_PAUSED,	  /* mr_pin_status says for how long */
	MR_PIN_BAD_SHARE, /* not a point of the curve; not counted: no answer, no guess */
	MR_PIN_REFUSED,	  /* the confirmation does not fit: a wrong PIN. The exchange is over */
	MR_PIN_NOT_OPEN,  /* no exchange or no session is on (any longer) */
	MR_PIN_FAILED,	  /* storage, entropy or cryptography failed */
};

struct mr_pin_status {
	struct mr_rd salt; /* valid until the store changes */
	uint32_t iterations;
	unsigned tries_left;
	uint32_t pause_s; /* before the next attempt */
};
bool mr_pin_status(const struct mr_agent *agent, struct mr_pin_status *out); /* false: no PIN */

/* The prover's share; the device's share and confirmation. Ends a session that is on. */
enum mr_pin_result mr_pin_share(struct mr_agent *agent, const uint8_t theirs[static 65], uint8_t own[static 65],
				uint8_t confirm[static 32]);
enum mr_pin_result mr_pin_confirm(struct mr_agent *agent, const uint8_t confirm[static 32]);
/*
 * A sealed request, opened in place: counter (be64, above all before it), ciphertext, tag. The plaintext begins at
 * octet 8. false: not under this key or not new: nothing changed.
 */
bool mr_pin_open(struct mr_agent *agent, uint8_t *sealed, size_t len);
/* Seals the response to that request: `len` octets from octet 8 on, room for MR_PIN_OVERHEAD more. */
bool mr_pin_seal(struct mr_agent *agent, uint8_t *sealed, size_t len);
