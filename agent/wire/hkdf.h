/*
 * HKDF with SHA-256: RFC 5869, and its use in the Noise Protocol Framework revision 34 section 4.3, which is the
 * same with an empty `info`. All keys of the protocol come from here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_HKDF_INFO_MAX 64 /* octets of `info` */
#define MR_HKDF_LEN_MAX 96  /* octets of output: the three keys that Noise asks for at most */

/* Extract (salt, then keying material), then expand (info) to `len` octets. false: too long, or the crypto port
 * failed; `out` is then zeros. */
bool mr_hkdf_sha256(const void *salt, size_t salt_len, const void *ikm, size_t ikm_len, const void *info,
		    size_t info_len, uint8_t *out, size_t len);
