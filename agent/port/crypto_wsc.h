/*
 * What Wi-Fi Simple Configuration needs beside crypto.h, and nothing else does: an image without it has no need of
 * these. Results as in crypto.h: false means bad input or a library failure, and the output is zeroed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_MODP1536_LEN 192

/*
 * RFC 3526 section 2, the 1536-bit group with generator 2. Numbers are big-endian at their full length: zeros in front
 * are kept, of which one key in 256 has one. `priv`: 32 random octets from the caller, drawn for one exchange.
 * mr_modp1536 is false for a `peer` outside 2 to p - 2: end the exchange.
 */
bool mr_modp1536_public(const uint8_t priv[static 32], uint8_t pub[static MR_MODP1536_LEN]);
bool mr_modp1536(const uint8_t priv[static 32], const uint8_t peer[static MR_MODP1536_LEN],
		 uint8_t shared[static MR_MODP1536_LEN]);

/* NIST SP 800-38A section 6.2, AES-128; `len` is a multiple of 16, padding is the caller's. `out` may be `in`. */
bool mr_aes128_cbc_encrypt(const uint8_t key[static 16], const uint8_t iv[static 16], const void *in, size_t len,
			   uint8_t *out);
bool mr_aes128_cbc_decrypt(const uint8_t key[static 16], const uint8_t iv[static 16], const void *in, size_t len,
			   uint8_t *out);
