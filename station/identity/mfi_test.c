#include "station/identity/mfi_test.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/identity/keyfile.h"

/* An arc that needs no registration (ITU-T X.667); and the extension that real ones of generation 3.0 have. */
#define MARK "2.25.97531246801357924680135792468013579"
#define CAPABILITIES "1.2.840.113635.100.6.36"
#define DAYS 3650
#define BACKDATE_S 86400

struct mfi_test_chip {
	unsigned generation;
	EVP_PKEY *key;
	uint8_t *certificate;
	size_t certificate_len;
};

/* --- certificates --- */

static bool add_octets(X509 *certificate, const char *oid, bool critical, const char *text)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension = NULL;
	bool good;

	if (object && octets && ASN1_OCTET_STRING_set(octets, (const unsigned char *)text, (int)strlen(text)) == 1)
		extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, octets);
	good = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(object);
	return good;
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	bool good;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	good = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

/* The mark: an OCTET STRING in DER, as extensions are. */
static bool add_mark(X509 *certificate)
{
	return add_octets(certificate, MARK, false,
			  "\x04\x08"
			  "EMULATED");
}

static bool set_name(X509 *certificate, const char *common_name)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"Millrace test", -1, -1, 0) ==
		       1 &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0) == 1;
}

/* `issuer` NULL: the authority itself. `generation` 0: of no coprocessor. */
static X509 *certify(EVP_PKEY *key, const char *common_name, unsigned generation, X509 *issuer, EVP_PKEY *issuer_key,
		     int64_t utc_us)
{
	X509 *certificate = X509_new();
	time_t now = (time_t)(utc_us / 1000000) - BACKDATE_S;
	uint64_t serial = 0;
	bool good;

	assert((issuer == NULL) == (key == issuer_key));
	good = certificate && RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1;
	serial = (serial >> 1) | UINT64_C(1) << 62; /* always eight octets, and positive */
	good = good && X509_set_version(certificate, X509_VERSION_3) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1 &&
	       set_name(certificate, common_name) &&
	       X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate)) == 1 &&
	       X509_time_adj_ex(X509_getm_notBefore(certificate), 0, 0, &now) &&
	       X509_time_adj_ex(X509_getm_notAfter(certificate), DAYS, 0, &now) &&
	       X509_set_pubkey(certificate, key) == 1 &&
	       add_extension(certificate, issuer, NID_basic_constraints,
			     issuer ? "critical,CA:FALSE" : "critical,CA:TRUE") &&
	       add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
	       (!issuer || add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always")) &&
	       (generation != 3 || add_octets(certificate, CAPABILITIES, true, "\x04\x01\x01")) &&
	       add_mark(certificate) && X509_sign(certificate, issuer_key, EVP_sha256()) > 0;
	if (good)
		return certificate;
	X509_free(certificate);
	return NULL;
}

bool mfi_test_is_marked(const X509 *certificate)
{
	ASN1_OBJECT *mark = OBJ_txt2obj(MARK, 1);
	bool marked = !mark || X509_get_ext_by_OBJ(certificate, mark, -1) >= 0; /* without memory nothing is real */

	ASN1_OBJECT_free(mark);
	return marked;
}

uint8_t *mfi_test_wrap(X509 *const *certificates, size_t count, size_t *len)
{
	PKCS7 *p7 = PKCS7_new();
	bool good = p7 && PKCS7_set_type(p7, NID_pkcs7_signed) == 1 && PKCS7_content_new(p7, NID_pkcs7_data) == 1;
	unsigned char *der = NULL, *out = NULL;
	int n = 0;

	for (size_t i = 0; good && i < count; i++)
		good = PKCS7_add_certificate(p7, certificates[i]) == 1;
	if (good)
		n = i2d_PKCS7(p7, &der);
	if (n > 0 && (out = malloc((size_t)n)))
		memcpy(out, der, (size_t)n);
	*len = out ? (size_t)n : 0;
	OPENSSL_free(der);
	PKCS7_free(p7);
	return out;
}

/* --- making them --- */

static bool make_chip(const char *dir, unsigned generation, X509 *ca, EVP_PKEY *ca_key, int64_t utc_us,
		      const struct keyfile_error *error)
{
	static const char *const names[] = { "EMULATED - NOT MFi 2.0C", "EMULATED - NOT MFi 3.0" };
	EVP_PKEY *key = generation == 2 ? EVP_RSA_gen(1024) : EVP_EC_gen("P-256");
	X509 *certificate = key ? certify(key, names[generation - 2], generation, ca, ca_key, utc_us) : NULL;
	char key_name[16], certificate_name[16];
	bool good = certificate != NULL;

	snprintf(key_name, sizeof(key_name), "chip-%u.key", generation);
	snprintf(certificate_name, sizeof(certificate_name), "chip-%u.crt", generation);
	if (!good)
		good = keyfile_complain(error, "OpenSSL makes no emulated coprocessor");
	good = good && keyfile_write_private_key(dir, key_name, key, error) &&
	       keyfile_write_certificate(dir, certificate_name, certificate, error);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return good;
}

int mfi_test_make(const char *dir, int64_t utc_us, char *error, size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, dir };
	EVP_PKEY *ca_key = EVP_EC_gen("P-256");
	X509 *ca = ca_key ? certify(ca_key, "Test authority - NOT Apple's", 0, NULL, ca_key, utc_us) : NULL;
	bool good = ca != NULL;

	if (!good)
		(void)keyfile_complain(&complaint, "OpenSSL makes no authority for tests");
	else if (mkdir(dir, 0700) != 0)
		good = keyfile_complain(&complaint, "%s: %s", dir, strerror(errno));
	good = good && make_chip(dir, 2, ca, ca_key, utc_us, &complaint) &&
	       make_chip(dir, 3, ca, ca_key, utc_us, &complaint) &&
	       keyfile_write_certificate(dir, MFI_TEST_CA, ca, &complaint); /* last: it is there when all is */
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	ERR_clear_error();
	return good ? 0 : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

/* --- a chip --- */

struct mfi_test_chip *mfi_test_open(const char *dir, unsigned generation, char *error, size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, dir };
	struct mfi_test_chip *chip = calloc(1, sizeof(*chip));
	X509 *certificate = NULL;
	char name[16];

	assert(generation == 2 || generation == 3);
	if (!chip) {
		(void)keyfile_complain(&complaint, "no memory");
		return NULL;
	}
	chip->generation = generation;
	snprintf(name, sizeof(name), "chip-%u.key", generation);
	chip->key = keyfile_private_key(dir, name, generation == 2 ? "RSA" : "EC", &complaint);
	snprintf(name, sizeof(name), "chip-%u.crt", generation);
	if (chip->key && (certificate = keyfile_certificate(dir, name, &complaint))) {
		chip->certificate = mfi_test_wrap(&certificate, 1, &chip->certificate_len);
		if (!chip->certificate)
			(void)keyfile_complain(&complaint, "no memory");
	}
	X509_free(certificate);
	if (chip->certificate)
		return chip;
	mfi_test_close(chip);
	return NULL;
}

void mfi_test_close(struct mfi_test_chip *chip)
{
	if (!chip)
		return;
	EVP_PKEY_free(chip->key);
	free(chip->certificate);
	free(chip);
}

struct mr_rd mfi_test_certificate(const struct mfi_test_chip *chip)
{
	return mr_rd_over(chip->certificate, chip->certificate_len);
}

static bool sign_rsa(EVP_PKEY *key, const uint8_t digest[static 20], uint8_t signature[static MR_MFI_RSA_LEN])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	size_t len = MR_MFI_RSA_LEN;
	bool good = ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha1()) == 1 &&
		    EVP_PKEY_sign(ctx, signature, &len, digest, 20) == 1 && len == MR_MFI_RSA_LEN;

	EVP_PKEY_CTX_free(ctx);
	return good;
}

static bool sign_ecdsa(const EVP_PKEY *key, const uint8_t digest[static 32], uint8_t signature[static MR_MFI_ECDSA_LEN])
{
	BIGNUM *number = NULL;
	uint8_t private[32];
	bool good = EVP_PKEY_get_bn_param(key, "priv", &number) == 1 &&
		    BN_bn2binpad(number, private, sizeof(private)) == (int)sizeof(private) &&
		    mr_p256_sign(private, digest, signature);

	BN_clear_free(number);
	OPENSSL_cleanse(private, sizeof(private));
	return good;
}

bool mfi_test_sign(const struct mfi_test_chip *chip, const uint8_t *digest, size_t digest_len, uint8_t *signature)
{
	if (chip->generation == 2)
		return digest_len == 20 && sign_rsa(chip->key, digest, signature);
	return digest_len == 32 && sign_ecdsa(chip->key, digest, signature);
}
