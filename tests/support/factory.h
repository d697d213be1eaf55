/* A factory for tests: checks a device's certificate request with OpenSSL and certifies its key. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

struct factory {
	EVP_PKEY *key;
	X509 *ca;
	uint8_t ca_der[900];
	size_t ca_len;
};

void factory_make(struct factory *f);
void factory_wipe(struct factory *f);
/* The request's own signature is verified, `common_name` and `serial_number` compared; the certificate goes to
 * `out`. Returns its length; 0: the request is wrong. `pub` gets the public key. */
size_t factory_certify(struct factory *f, const uint8_t *csr, size_t csr_len, const char *common_name,
		       const char *serial_number, uint8_t *out, size_t cap, uint8_t pub[static 65]);
