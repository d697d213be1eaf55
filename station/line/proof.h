/*
 * What a device's answers prove: digests of what it has stored against what it was sent, signatures under the key of
 * its certificate. docs/protocol.md, "Digests". Causes are positive here, 0 is proved.
 */
#pragma once

#include "station/line/session.h"

/* Of a PIN, for the device; all zeros: the unit has none. Secret: wipe it after use. */
struct verifier {
	uint8_t w0[32], l[65], iterations[4];
	bool has;
};
int proof_verifier(struct session *s, struct verifier *v); /* 0 or -(cause) */
bool proof_identity_digest(struct session *s, const struct verifier *v, uint8_t out[static 32]);
bool proof_credentials_digest(struct session *s, uint8_t out[static 32]);
bool proof_recompute(struct session *s); /* the digests that a resuming device has behind it */
int proof_digest(const struct mr_message *m, const uint8_t want[static 32]);
/* A STATUS of firmware whose signature covers what it says. False: refuse it, MR_CAUSE_FIRMWARE_OLD. */
bool proof_is_recent(const struct mr_message *m);
/* The same, of a unit that the session is not yet of. */
int proof_claim(struct session *s, const struct mr_message *m, const struct unit *claimed);
int proof_status(struct session *s, const struct mr_message *m);  /* a signed STATUS */
int proof_verify(struct session *s, const struct mr_message *m);  /* the answer to VERIFY */
int proof_receipt(struct session *s, const struct mr_message *m); /* the answer to SEAL */
