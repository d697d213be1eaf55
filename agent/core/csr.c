#include "agent/core/csr.h"

#include "agent/core/der.h"
#include "agent/port/crypto.h"

/* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING of 65 octets } up to the octets of the key */
static const uint8_t spki_head[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
				     0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };
_Static_assert(sizeof(spki_head) + 65 == MR_SPKI_LEN, "head and key make the whole");

static const uint8_t oid_common_name[] = { 0x55, 0x04, 0x03 };
static const uint8_t oid_serial_number[] = { 0x55, 0x04, 0x05 };
static const uint8_t oid_ecdsa_with_sha256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };

void mr_spki(uint8_t out[static MR_SPKI_LEN], const uint8_t pub[static 65])
{
	mr_copy(out, spki_head, sizeof(spki_head));
	mr_copy(out + sizeof(spki_head), pub, 65);
}

/* RelativeDistinguishedName with one AttributeTypeAndValue */
static void name_part(struct mr_wr *w, const uint8_t oid[static 3], uint8_t tag, const void *text, size_t len)
{
	size_t set = mr_der_open(w, MR_DER_SET), pair = mr_der_open(w, MR_DER_SEQUENCE);

	mr_der_add(w, MR_DER_OID, oid, 3);
	mr_der_add(w, tag, text, len);
	mr_der_close(w, pair);
	mr_der_close(w, set);
}

static void subject(struct mr_wr *w, const char *product, const uint8_t device_id[static 8])
{
	static const char digits[] = "0123456789abcdef";
	size_t name = mr_der_open(w, MR_DER_SEQUENCE), len = 0;
	char id[16];

	while (product[len])
		len++;
	for (size_t i = 0; i < 8; i++) {
		id[2 * i] = digits[device_id[i] >> 4];
		id[2 * i + 1] = digits[device_id[i] & 15];
	}
	name_part(w, oid_common_name, MR_DER_UTF8_STRING, product, len);
	name_part(w, oid_serial_number, MR_DER_PRINTABLE_STRING, id, sizeof(id));
	mr_der_close(w, name);
}

/* CertificationRequestInfo: version 0, subject, key, no attributes */
static void request_info(struct mr_wr *w, const char *product, const uint8_t device_id[static 8],
			 const uint8_t pub[static 65])
{
	static const uint8_t version[1] = { 0 };
	size_t info = mr_der_open(w, MR_DER_SEQUENCE);
	uint8_t spki[MR_SPKI_LEN];

	mr_der_add_integer(w, version, sizeof(version));
	subject(w, product, device_id);
	mr_spki(spki, pub);
	mr_wr_bytes(w, spki, sizeof(spki));
	mr_der_add(w, MR_DER_CONTEXT_0, NULL, 0);
	mr_der_close(w, info);
}

static void signature(struct mr_wr *w, const uint8_t sig[static 64])
{
	size_t bits = mr_der_open(w, MR_DER_BIT_STRING), pair;

	mr_wr_u8(w, 0); /* no unused bits */
	pair = mr_der_open(w, MR_DER_SEQUENCE);
	mr_der_add_integer(w, sig, 32);
	mr_der_add_integer(w, sig + 32, 32);
	mr_der_close(w, pair);
	mr_der_close(w, bits);
}

bool mr_csr_write(struct mr_wr *out, const char *product, const uint8_t device_id[static 8],
		  const uint8_t priv[static 32], const uint8_t pub[static 65])
{
	size_t request = mr_der_open(out, MR_DER_SEQUENCE), algorithm;
	uint8_t hash[32], sig[64];

	request_info(out, product, device_id, pub);
	if (out->bad || !mr_sha256(out->buf + request, out->len - request, hash) || !mr_p256_sign(priv, hash, sig))
		return false;
	algorithm = mr_der_open(out, MR_DER_SEQUENCE);
	mr_der_add(out, MR_DER_OID, oid_ecdsa_with_sha256, sizeof(oid_ecdsa_with_sha256));
	mr_der_close(out, algorithm);
	signature(out, sig);
	mr_der_close(out, request);
	return !out->bad;
}

bool mr_certificate_is_for(struct mr_rd certificate, const uint8_t pub[static 65])
{
	struct mr_rd outer = mr_der_take(&certificate, MR_DER_SEQUENCE), tbs, spki;
	uint8_t want[MR_SPKI_LEN];

	if (certificate.bad || certificate.left > 0)
		return false;
	tbs = mr_der_take(&outer, MR_DER_SEQUENCE);
	if (!tbs.bad && tbs.left > 0 && tbs.at[0] == MR_DER_CONTEXT_0)
		(void)mr_der_take(&tbs, MR_DER_CONTEXT_0); /* version; absent means v1 */
	(void)mr_der_take(&tbs, MR_DER_INTEGER);	   /* serialNumber */
	(void)mr_der_take(&tbs, MR_DER_SEQUENCE);	   /* signature */
	(void)mr_der_take(&tbs, MR_DER_SEQUENCE);	   /* issuer */
	(void)mr_der_take(&tbs, MR_DER_SEQUENCE);	   /* validity */
	(void)mr_der_take(&tbs, MR_DER_SEQUENCE);	   /* subject */
	spki = mr_rd_sub(&tbs, MR_SPKI_LEN);		   /* subjectPublicKeyInfo: ours has this length */
	(void)mr_der_take(&outer, MR_DER_SEQUENCE);	   /* signatureAlgorithm */
	(void)mr_der_take(&outer, MR_DER_BIT_STRING);	   /* signatureValue */
	mr_spki(want, pub);
	return !tbs.bad && !spki.bad && !outer.bad && outer.left == 0 && mr_equal(spki.at, want, MR_SPKI_LEN);
}
