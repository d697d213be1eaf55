/*
 * What the device has to do with X.509: its public key as SubjectPublicKeyInfo (RFC 5480), the certificate request
 * over it (PKCS #10, RFC 2986; ecdsa-with-SHA256, RFC 5758), and finding the key in a certificate (RFC 5280 4.1).
 */
#pragma once

#include "agent/wire/cursor.h"

#define MR_SPKI_LEN 91

void mr_spki(uint8_t out[static MR_SPKI_LEN], const uint8_t pub[static 65]);

/* Subject: CN = product, serialNumber = device id in hexadecimal. false: does not fit, or signing failed. */
bool mr_csr_write(struct mr_wr *out, const char *product, const uint8_t device_id[static 8],
		  const uint8_t priv[static 32], const uint8_t pub[static 65]);

/* Is this a certificate (its outer form is walked, nothing in it is trusted) for this public key? */
bool mr_certificate_is_for(struct mr_rd certificate, const uint8_t pub[static 65]);
