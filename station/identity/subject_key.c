#include <openssl/x509.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/identity/identity.h"

int identity_certificate_key(const uint8_t *der, size_t len, uint8_t public_key[static 65])
{
	const uint8_t *at = der;
	X509 *x = d2i_X509(NULL, &at, (long)len);
	const ASN1_BIT_STRING *key = x ? X509_get0_pubkey_bitstr(x) : NULL;
	int result = key && key->length == 65 && key->data[0] == 4 ? 0 : -MR_CAUSE_BAD_RESPONSE;

	for (int i = 0; result == 0 && i < 65; i++)
		public_key[i] = key->data[i];
	X509_free(x);
	return result;
}
