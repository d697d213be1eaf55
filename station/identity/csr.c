/*
 * A device's request: PKCS #10, RFC 2986 section 4, from a stranger. Only what matters is read: the key,
 * which is P-256 and an uncompressed point, and the signature over the request, which shows that the device
 * holds its other half. Subject and attributes are skipped: the station fills the certificate.
 */
#include <assert.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/identity/der.h"
#include "station/identity/identity.h"
#include "station/identity/private.h"

static bool read_exactly(struct mr_rd *in, const uint8_t *expected, size_t len)
{
	const uint8_t *at = mr_rd_take(in, len);

	return at && mr_equal(at, expected, len);
}

/* A positive INTEGER in the shortest form, to 32 octets. */
static bool read_number(struct mr_rd *in, uint8_t out[static 32])
{
	struct mr_rd number = der_read(in, DER_INTEGER, NULL);
	const uint8_t *at = number.at;

	if (number.bad || number.left == 0 || (at[0] & 0x80) || (number.left > 1 && at[0] == 0 && !(at[1] & 0x80)))
		return false;
	if (at[0] == 0)
		mr_rd_skip(&number, 1);
	if (number.left > 32)
		return false;
	mr_zero(out, 32);
	mr_copy(out + 32 - number.left, number.at, number.left);
	return true;
}

/* CertificationRequestInfo ::= version 0, subject, subjectPKInfo, attributes [0] (some encoders leave empty
 * ones out) */
static bool read_info(struct mr_rd info, struct identity_csr *out)
{
	static const uint8_t version_0[] = { 0x02, 0x01, 0x00 };
	const uint8_t *spki;
	size_t spki_len = sizeof(p256_spki) + sizeof(out->public_key);

	if (!read_exactly(&info, version_0, sizeof(version_0)))
		return false;
	(void)der_read(&info, DER_SEQUENCE, NULL);
	spki = mr_rd_take(&info, spki_len);
	if (!spki || !mr_equal(spki, p256_spki, sizeof(p256_spki)) || spki[sizeof(p256_spki)] != 4)
		return false;
	mr_copy(out->public_key, spki + sizeof(p256_spki), sizeof(out->public_key));
	if (info.left > 0)
		(void)der_read(&info, DER_CONTEXT_CONSTRUCTED, NULL);
	return !info.bad && info.left == 0 && mr_sha256(spki, spki_len, out->spki_sha256);
}

/* BIT STRING of SEQUENCE of r and s: RFC 3279 section 2.2.3. */
static bool read_signature(struct mr_rd bits, uint8_t sig[static 64])
{
	struct mr_rd rs;

	if (mr_rd_u8(&bits) != 0) /* unused bits */
		return false;
	rs = der_read(&bits, DER_SEQUENCE, NULL);
	return read_number(&rs, sig) && read_number(&rs, sig + 32) && rs.left == 0 && !bits.bad && bits.left == 0;
}

int identity_csr_check(const uint8_t *der, size_t len, struct identity_csr *out)
{
	struct mr_rd in = mr_rd_over(der, len), whole;
	struct mr_rd request = der_read(&in, DER_SEQUENCE, NULL);
	struct mr_rd info = der_read(&request, DER_SEQUENCE, &whole);
	uint8_t sig[64], hash[32];
	bool ok;

	*out = (struct identity_csr){ 0 };
	ok = !info.bad && in.left == 0 && read_info(info, out) &&
	     read_exactly(&request, ecdsa_with_sha256, sizeof(ecdsa_with_sha256)) &&
	     read_signature(der_read(&request, DER_BIT_STRING, NULL), sig) && request.left == 0;
	if (!ok || !mr_sha256(whole.at, whole.left, hash)) {
		*out = (struct identity_csr){ 0 };
		return -MR_CAUSE_BAD_RESPONSE;
	}
	if (!mr_p256_verify(out->public_key, hash, sig)) {
		*out = (struct identity_csr){ 0 };
		return -MR_CAUSE_BAD_SIGNATURE;
	}
	assert(out->public_key[0] == 4); /* read_info has let no other point pass */
	return 0;
}
