/*
 * AES with 128-bit keys in the three shapes that 802.11 security needs, by OpenSSL. All return false when the library
 * fails or octets do not verify; outputs are zeros then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"

/* AES-128-CMAC (RFC 4493) over `a` followed by `b`. */
bool aes_cmac(const uint8_t key[static 16], struct mr_rd a, struct mr_rd b, uint8_t out[static 16]);

/* RFC 3394 with its default IV. `len`: a multiple of 8, 16 or more, of what is wrapped; the wrapped form has 8 more. */
bool aes_wrap(const uint8_t kek[static 16], const uint8_t *plain, size_t len, uint8_t *wrapped);
bool aes_unwrap(const uint8_t kek[static 16], const uint8_t *wrapped, size_t len, uint8_t *plain);

/* RFC 3610 with M = 8, L = 2, as 802.11 has it. `out`: len + 8 octets when sealed, len when opened; may be `in`. */
#define AES_CCM_TAG 8
bool aes_ccm_seal(const uint8_t key[static 16], const uint8_t nonce[static 13], struct mr_rd ad, const uint8_t *in,
		  size_t len, uint8_t *out);
/* `in` has len + 8 octets. */
bool aes_ccm_open(const uint8_t key[static 16], const uint8_t nonce[static 13], struct mr_rd ad, const uint8_t *in,
		  size_t len, uint8_t *out);
