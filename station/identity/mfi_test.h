/*
 * A certification authority for tests, and two emulated coprocessors under it: what an accessory without Apple's chip
 * signs with, on the simulated air and on a bench. Every certificate says of itself that it is an emulation, and no job
 * that ships takes one.
 *
 *   ca.crt                      the authority; its key is not kept
 *   chip-2.key, chip-2.crt      RSA-1024, as generation 2.0C
 *   chip-3.key, chip-3.crt      P-256, as 3.0
 */
#pragma once

#include <openssl/x509.h>

#include "agent/wire/mfi_sap.h"

#define MFI_TEST_FOLDER "mfi-test" /* in the folder of keys */
#define MFI_TEST_CA "ca.crt"

struct mfi_test_chip;

/* Makes the folder and what is in it; it must not exist. 0 or -(cause). */
int mfi_test_make(const char *dir, int64_t utc_us, char *error, size_t error_len);
/* NULL with a sentence in `error`. `generation`: 2 or 3. */
struct mfi_test_chip *mfi_test_open(const char *dir, unsigned generation, char *error, size_t error_len);
void mfi_test_close(struct mfi_test_chip *chip);

struct mr_rd mfi_test_certificate(const struct mfi_test_chip *chip); /* PKCS #7 */
/* Over 20 octets (SHA-1) to 128, or over 32 (SHA-256) to 64. */
bool mfi_test_sign(const struct mfi_test_chip *chip, const uint8_t *digest, size_t digest_len, uint8_t *signature);

/* Does this certificate say that it is an emulation? */
bool mfi_test_is_marked(const X509 *certificate);
/* Certificates in the form in which accessories show one; NULL: no memory. The caller frees it. */
uint8_t *mfi_test_wrap(X509 *const *certificates, size_t count, size_t *len);
