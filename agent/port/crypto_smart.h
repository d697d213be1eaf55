/*
 * What the published schemes of sniffer mode need beside crypto.h and the AES-128-CBC of crypto_wsc.h: an image without
 * them has no need of these. Results as in crypto.h: false means bad input or a library failure, and the output is
 * zeroed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NIST SP 800-38A section 6.1, AES-128; `len` is a multiple of 16. `out` may be `in`. Equal blocks stay equal: cc3000.
 */
bool mr_aes128_ecb_encrypt(const uint8_t key[static 16], const void *in, size_t len, uint8_t *out);
bool mr_aes128_ecb_decrypt(const uint8_t key[static 16], const void *in, size_t len, uint8_t *out);

/* NIST SP 800-38A section 6.2, AES-256; `len` is a multiple of 16, padding is the caller's. `out` may be `in`. */
bool mr_aes256_cbc_encrypt(const uint8_t key[static 32], const uint8_t iv[static 16], const void *in, size_t len,
			   uint8_t *out);
bool mr_aes256_cbc_decrypt(const uint8_t key[static 32], const uint8_t iv[static 16], const void *in, size_t len,
			   uint8_t *out);

/* RFC 8018 section 5.2 with HMAC-SHA-1. */
bool mr_pbkdf2_hmac_sha1(const void *password, size_t password_len, const void *salt, size_t salt_len, unsigned rounds,
			 uint8_t *out, size_t len);
