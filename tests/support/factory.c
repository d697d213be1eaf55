#include "tests/support/factory.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>

static X509 *certificate(EVP_PKEY *key, EVP_PKEY *signer, const char *name, long serial)
{
	X509 *c = X509_new();
	X509_NAME *n = X509_NAME_new();
	bool ok;

	assert(c && n);
	ok = X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) &&
	     X509_set_version(c, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(c), serial) &&
	     X509_set_issuer_name(c, n) && X509_set_subject_name(c, n) && X509_set_pubkey(c, key) &&
	     ASN1_TIME_set_string_X509(X509_getm_notBefore(c), "20250101000000Z") &&
	     ASN1_TIME_set_string_X509(X509_getm_notAfter(c), "99991231235959Z") &&
	     X509_sign(c, signer, EVP_sha256()) > 0;
	assert(ok);
	X509_NAME_free(n);
	return c;
}

static size_t to_der(X509 *c, uint8_t *out, size_t cap)
{
	int len = i2d_X509(c, NULL);

	assert(len > 0 && (size_t)len <= cap);
	return (size_t)i2d_X509(c, &out);
}

void factory_make(struct factory *f)
{
	f->key = EVP_EC_gen("P-256");
	assert(f->key);
	f->ca = certificate(f->key, f->key, "Test issuing CA", 1);
	f->ca_len = to_der(f->ca, f->ca_der, sizeof(f->ca_der));
}

void factory_wipe(struct factory *f)
{
	EVP_PKEY_free(f->key);
	X509_free(f->ca);
}

static int subject_is(X509_NAME *name, int nid, const char *want)
{
	char text[64];

	return X509_NAME_get_text_by_NID(name, nid, text, sizeof(text)) == (int)strlen(want) && !strcmp(text, want);
}

size_t factory_certify(struct factory *f, const uint8_t *csr, size_t csr_len, const char *common_name,
		       const char *serial_number, uint8_t *out, size_t cap, uint8_t pub[static 65])
{
	const uint8_t *at = csr;
	X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)csr_len);
	EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
	X509_NAME *name = request ? X509_REQ_get_subject_name(request) : NULL;
	size_t len = 0, pub_len = 0;

	if (key && at == csr + csr_len && X509_REQ_get_version(request) == X509_REQ_VERSION_1 &&
	    X509_REQ_verify(request, key) == 1 && X509_NAME_entry_count(name) == 2 &&
	    subject_is(name, NID_commonName, common_name) && subject_is(name, NID_serialNumber, serial_number) &&
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, pub, 65, &pub_len) == 1 && pub_len == 65) {
		X509 *c = certificate(key, f->key, common_name, 2);

		len = to_der(c, out, cap);
		X509_free(c);
	}
	X509_REQ_free(request);
	return len;
}
