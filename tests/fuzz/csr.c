/*
 * Requests from strangers. Whatever is accepted, OpenSSL takes too, with the same key: it reads more forms than
 * we do (BER's lengths, unsigned around the signed part), so the reverse is not asked.
 *
 * links: station/identity/csr.c agent/port/linux/crypto_openssl.c
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "station/identity/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The key, when OpenSSL agrees that this is a good request of the kind that we take. */
static int openssl_takes(const uint8_t *data, size_t len, uint8_t point[static 65])
{
	const uint8_t *at = data;
	X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)len);
	EVP_PKEY *key = req ? X509_REQ_get0_pubkey(req) : NULL;
	char group[32] = "";
	size_t point_len = 0;
	int taken = 0;

	if (key && at == data + len && EVP_PKEY_is_a(key, "EC") &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 && strcmp(group, "prime256v1") == 0 &&
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &point_len) == 1)
		taken = point_len == 65 && point[0] == 4 && X509_REQ_verify(req, key) == 1;
	X509_REQ_free(req);
	ERR_clear_error();
	return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct identity_csr csr;
	uint8_t point[65];

	if (identity_csr_check(data, len, &csr) == 0 &&
	    (!openssl_takes(data, len, point) || memcmp(point, csr.public_key, 65) != 0))
		abort();
	return 0;
}
