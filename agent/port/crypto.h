/*
 * The cryptography that the agent and the wire formats need, as a link-time seam: port/linux/crypto_openssl.c on
 * Linux and in the station, BearSSL on boards. We write no primitives of our own.
 * All return true on success; false means bad input (a point off the curve, a tag that does not match) or a
 * library failure; outputs are then zeroed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * From now on the library wipes what it gives back to the heap: it keeps keys in more places than it cleans. For a
 * program's main(), before anything else of the library; false: it has been used already.
 */
bool mr_crypto_wipe_freed(void);

/* FIPS 180-4; RFC 2104; RFC 5869 */
bool mr_sha256(const void *bytes, size_t len, uint8_t out[static 32]);
/* Of several pieces, as of one text: the device needs no buffer to put them together. */
struct mr_piece {
	const void *bytes; /* may be NULL when len is 0 */
	size_t len;
};
bool mr_sha256_pieces(const struct mr_piece *pieces, size_t count, uint8_t out[static 32]);
bool mr_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len, uint8_t out[static 32]);
/* Two-part message, saves a copy: HMAC(key, a || b). */
bool mr_hmac_sha256_2(const void *key, size_t key_len, const void *a, size_t a_len, const void *b, size_t b_len,
		      uint8_t out[static 32]);

/* RFC 7748. `priv` any 32 octets. false: the result is all zeros (RFC 7748 section 6.1). */
bool mr_x25519_public(const uint8_t priv[static 32], uint8_t pub[static 32]);
bool mr_x25519(const uint8_t priv[static 32], const uint8_t peer[static 32], uint8_t out[static 32]);

/* NIST SP 800-38D, 256-bit key, 96-bit IV, 128-bit tag appended. `out` may be `in`.
 * seal writes len + 16; open takes len with the tag and writes len - 16. */
bool mr_aes_gcm_seal(const uint8_t key[static 32], const uint8_t iv[static 12], const void *ad, size_t ad_len,
		     const void *in, size_t len, uint8_t *out);
bool mr_aes_gcm_open(const uint8_t key[static 32], const uint8_t iv[static 12], const void *ad, size_t ad_len,
		     const void *in, size_t len, uint8_t *out);

/* P-256 (SP 800-186). Private key: 32 octets big-endian; public key: 65 octets, 0x04 first; signature: r || s.
 * `priv` for mr_p256_public: 32 random octets from the caller; false (draw again) when outside [1, n-1]. */
bool mr_p256_public(const uint8_t priv[static 32], uint8_t pub[static 65]);
bool mr_p256_sign(const uint8_t priv[static 32], const uint8_t hash[static 32], uint8_t sig[static 64]);
bool mr_p256_verify(const uint8_t pub[static 65], const uint8_t hash[static 32], const uint8_t sig[static 64]);

/*
 * The group itself, for SPAKE2+ (agent/wire/spake2plus.h); BearSSL's mul and muladd. Scalars: 32 octets big-endian,
 * 1 to n - 1; points: 65 octets, 0x04 first. false: not so, a point off the curve, or the result is infinity.
 * `out` may be an input.
 */
bool mr_p256_mul(const uint8_t point[static 65], const uint8_t scalar[static 32], uint8_t out[static 65]);
/* a * x + b * y; `b` NULL: the generator. */
bool mr_p256_muladd(const uint8_t a[static 65], const uint8_t x[static 32], const uint8_t *b,
		    const uint8_t y[static 32], uint8_t out[static 65]);
