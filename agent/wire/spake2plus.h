/*
 * SPAKE2+ with P256-SHA256-HKDF-SHA256-HMAC-SHA256 (RFC 9383): both roles, as pure functions of bytes. The prover (the
 * station) knows the PIN as w0 and w1, the verifier (the device) has w0 and L; neither learns anything else about it,
 * and a stranger in between has one guess per exchange.
 *
 *	prover     mr_spake2plus_prover_share   -> shareP -> ... shareV, confirmV -> mr_spake2plus_prover_finish
 *	verifier   mr_spake2plus_verifier_share -> shareV;  mr_spake2plus_verifier_finish
 *
 * The verifier confirms first (section 3.3), and its confirmation tells whether the guess was right. So an attempt is
 * counted before the verifier answers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_SPAKE2PLUS_SHARE_LEN 65
#define MR_SPAKE2PLUS_CONFIRM_LEN 32

/* What the transcript names; may be empty. */
struct mr_spake2plus_names {
	const void *context, *prover, *verifier;
	size_t context_len, prover_len, verifier_len;
};

/* Contains secrets: compare `theirs` with mr_equal_ct before `shared` is used, then wipe. */
struct mr_spake2plus_keys {
	uint8_t shared[32];			   /* K_shared */
	uint8_t own[MR_SPAKE2PLUS_CONFIRM_LEN];	   /* to be sent */
	uint8_t theirs[MR_SPAKE2PLUS_CONFIRM_LEN]; /* to be received */
};

/* `x`, `y`: the secret of this exchange, random in 1 to n - 1. w0, w1 likewise (pin_verifier's are). false: not so, or
 * (one in 2^256) the result is no point that could be sent: draw again. */
bool mr_spake2plus_prover_share(const uint8_t w0[static 32], const uint8_t x[static 32], uint8_t share[static 65]);
bool mr_spake2plus_verifier_share(const uint8_t w0[static 32], const uint8_t y[static 32], uint8_t share[static 65]);

/* false: the other end's share is not a point of the curve, or one that leads to the point at infinity: end the
 * exchange. */
bool mr_spake2plus_prover_finish(const struct mr_spake2plus_names *names, const uint8_t w0[static 32],
				 const uint8_t w1[static 32], const uint8_t x[static 32],
				 const uint8_t share_p[static 65], const uint8_t share_v[static 65],
				 struct mr_spake2plus_keys *keys);
bool mr_spake2plus_verifier_finish(const struct mr_spake2plus_names *names, const uint8_t w0[static 32],
				   const uint8_t l[static 65], const uint8_t y[static 32],
				   const uint8_t share_p[static 65], const uint8_t share_v[static 65],
				   struct mr_spake2plus_keys *keys);
