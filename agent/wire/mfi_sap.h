/*
 * The exchange POST /auth-setup of Apple's accessories, as openly licensed implementations have it: an X25519 key of
 * each side; the accessory's certificate; its coprocessor's signature over both keys, encrypted. What follows is
 * encrypted with the same key stream, which is never begun anew.
 *
 *   request    1 (u8), client's key (32)
 *   response   server's key (32), length (u32 be), certificate (PKCS #7), length (u32 be), signature, encrypted
 *   signed     server's key, client's key
 */
#pragma once

#include "agent/wire/cursor.h"

#define MR_MFI_REQUEST_LEN 33u
#define MR_MFI_MESSAGE_LEN 64u /* that is signed */
#define MR_MFI_CERTIFICATE_MAX 1280u
#define MR_MFI_RSA_LEN 128u  /* a signature of generation 2.0: RSA-1024, PKCS #1 v1.5, SHA-1 */
#define MR_MFI_ECDSA_LEN 64u /* of 3.0: P-256, r and s, SHA-256 */
#define MR_MFI_RESPONSE_MAX (32u + 4u + MR_MFI_CERTIFICATE_MAX + 4u + MR_MFI_RSA_LEN)

/* Layout is ours. Secret: its owner wipes it. */
struct mr_mfi_stream {
	uint8_t key[16], iv[16];
	uint64_t at; /* octets of the key stream that are used up */
};

struct mr_mfi_response {
	const uint8_t *public_key; /* 32 octets */
	struct mr_rd certificate, signature;
};

/* From the secret of X25519. False: the cryptography failed. */
bool mr_mfi_keys(const uint8_t shared[static 32], struct mr_mfi_stream *out);
/* The next `len` octets of the session, either way: what is encrypted twice is clear. `out` may be `in`. */
bool mr_mfi_crypt(struct mr_mfi_stream *stream, const void *in, size_t len, uint8_t *out);

void mr_mfi_request_build(const uint8_t public_key[static 32], struct mr_wr *w);
/* False: of another length or version. `public_key`: 32 octets of `in`. */
bool mr_mfi_request_parse(struct mr_rd in, const uint8_t **public_key);
/* `signature` is encrypted already. */
void mr_mfi_response_build(const struct mr_mfi_response *response, struct mr_wr *w);
/* False: cut, too long, or its signature has neither of the two lengths. */
bool mr_mfi_response_parse(struct mr_rd in, struct mr_mfi_response *out);
void mr_mfi_message(const uint8_t server[static 32], const uint8_t client[static 32],
		    uint8_t out[static MR_MFI_MESSAGE_LEN]);
