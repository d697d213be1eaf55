/*
 * What Apple's Wireless Accessory Configuration (agent/wire/mfi_sap.h) needs beside crypto.h, and nothing else does: an
 * image without it has no need of these. Results as in crypto.h: false means a library failure, and the output is
 * zeroed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FIPS 180-4. For keys and for coprocessors of generation 2.0 only: nothing of ours rests on it. */
bool mr_sha1(const void *bytes, size_t len, uint8_t out[static 20]);

/*
 * NIST SP 800-38A section 6.5, AES-128 in counter mode: exclusive-or of `in` with the key stream from its octet `at`
 * on. `iv` is the first counter block, a big-endian number of 128 bits. `out` may be `in`.
 */
bool mr_aes128_ctr(const uint8_t key[static 16], const uint8_t iv[static 16], uint64_t at, const void *in, size_t len,
		   uint8_t *out);
