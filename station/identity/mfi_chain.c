#include "station/identity/mfi_chain.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "agent/port/crypto.h"
#include "agent/port/crypto_wac.h"
#include "station/identity/keyfile.h"
#include "station/identity/mfi_test.h"

#define AUTHORITIES_MAX 16u
#define CAPABILITIES "1.2.840.113635.100.6.36" /* critical in certificates of generation 3.0 */

struct mfi_trust {
	X509_STORE *store;
	unsigned count;
};

/* --- whom we believe --- */

/* Of the extensions that OpenSSL does not know, the one that such certificates have is no reason to refuse. */
static bool only_known_extensions(const X509 *certificate)
{
	bool only = true;

	for (int i = 0; i < X509_get_ext_count(certificate); i++) {
		X509_EXTENSION *extension = X509_get_ext(certificate, i);
		char name[64] = "";

		if (!X509_EXTENSION_get_critical(extension) || X509_supported_extension(extension))
			continue;
		(void)OBJ_obj2txt(name, sizeof(name), X509_EXTENSION_get_object(extension), 1);
		only = only && strcmp(name, CAPABILITIES) == 0;
	}
	return only;
}

static int on_verify(int ok, X509_STORE_CTX *ctx)
{
	return ok || (X509_STORE_CTX_get_error(ctx) == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION &&
		      only_known_extensions(X509_STORE_CTX_get_current_cert(ctx)));
}

struct mfi_trust *mfi_trust_none(void)
{
	struct mfi_trust *trust = calloc(1, sizeof(*trust));

	if (trust && !(trust->store = X509_STORE_new())) {
		free(trust);
		return NULL;
	}
	return trust;
}

static bool read_authorities(struct mfi_trust *trust, BIO *bio)
{
	X509 *certificate;
	bool good = true;

	while (good && trust->count < AUTHORITIES_MAX && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		good = X509_STORE_add_cert(trust->store, certificate) == 1;
		X509_free(certificate);
		trust->count++;
	}
	return good;
}

struct mfi_trust *mfi_trust_open(const char *path, char *error, size_t error_len)
{
	struct mfi_trust *trust = mfi_trust_none();
	BIO *bio = trust ? BIO_new_file(path, "r") : NULL;
	bool good = bio && read_authorities(trust, bio) && trust->count > 0;

	if (!bio)
		snprintf(error, error_len, "%s: %s", path, trust ? strerror(errno) : "no memory");
	else if (!good)
		snprintf(error, error_len, "%s: there is no certificate in PEM in it that can be an authority", path);
	BIO_free(bio);
	ERR_clear_error();
	if (good)
		return trust;
	mfi_trust_close(trust);
	return NULL;
}

void mfi_trust_close(struct mfi_trust *trust)
{
	if (!trust)
		return;
	X509_STORE_free(trust->store);
	free(trust);
}

/* --- the certificate --- */

static bool fails(struct mfi_verdict *v, const char *why)
{
	if (!v->why[0])
		snprintf(v->why, sizeof(v->why), "%s", why);
	return false;
}

/* The one certificate of a SignedData that signs nothing. */
static X509 *unwrap(struct mr_rd in, struct mfi_verdict *v)
{
	const unsigned char *at = in.at;
	PKCS7 *p7 = d2i_PKCS7(NULL, &at, (long)in.left);
	X509 *certificate = NULL;

	if (!p7 || at != in.at + in.left || !PKCS7_type_is_signed(p7) || !p7->d.sign)
		(void)fails(v, "its certificate is no SignedData of PKCS #7");
	else if (sk_X509_num(p7->d.sign->cert) != 1)
		(void)fails(v, "it shows no certificate, or more than one");
	else
		certificate = sk_X509_value(p7->d.sign->cert, 0);
	if (certificate && X509_up_ref(certificate) != 1)
		certificate = NULL;
	PKCS7_free(p7);
	return certificate;
}

/* Printable ASCII: octets beyond it are escaped as RFC 2253 has it. */
static void name_text(const X509_NAME *name, char out[static MFI_TEXT_MAX + 1])
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len;

	out[0] = '\0';
	if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0) {
		BIO_free(bio);
		return;
	}
	len = BIO_get_mem_data(bio, &text);
	len = len < MFI_TEXT_MAX ? len : MFI_TEXT_MAX;
	for (long i = 0; i < len; i++)
		out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	out[len] = '\0';
	BIO_free(bio);
}

static void serial_text(const X509 *certificate, char out[static 65])
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	const unsigned char *octets = ASN1_STRING_get0_data(serial);

	out[0] = '\0';
	for (int i = 0; i < ASN1_STRING_length(serial) && i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", octets[i]);
}

static void describe(X509 *certificate, struct mfi_verdict *v)
{
	unsigned len = sizeof(v->sha256);

	name_text(X509_get_subject_name(certificate), v->subject);
	name_text(X509_get_issuer_name(certificate), v->issuer);
	serial_text(certificate, v->serial);
	(void)X509_digest(certificate, EVP_sha256(), v->sha256, &len);
}

static void look_at_chain(const STACK_OF(X509) * chain, struct mfi_verdict *v)
{
	for (int i = 0; i < sk_X509_num(chain); i++)
		v->emulated = v->emulated || mfi_test_is_marked(sk_X509_value(chain, i));
	if (sk_X509_num(chain) > 0)
		name_text(X509_get_subject_name(sk_X509_value(chain, sk_X509_num(chain) - 1)), v->authority);
}

static void chain_up(const struct mfi_trust *trust, X509 *certificate, struct mfi_verdict *v)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	struct tm begins;

	v->emulated = mfi_test_is_marked(certificate);
	if (!ctx || X509_STORE_CTX_init(ctx, trust->store, certificate, NULL) != 1 ||
	    ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &begins) != 1) {
		(void)fails(v, "the chain could not be looked at");
	} else {
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
		X509_STORE_CTX_set_time(ctx, 0, timegm(&begins));
		X509_STORE_CTX_set_verify_cb(ctx, on_verify);
		v->chains = X509_verify_cert(ctx) == 1;
		if (v->chains)
			look_at_chain(X509_STORE_CTX_get0_chain(ctx), v);
		else
			(void)fails(v, X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	}
	X509_STORE_CTX_free(ctx);
}

/* --- the signature --- */

static bool verify_rsa(EVP_PKEY *key, const uint8_t message[static MR_MFI_MESSAGE_LEN], struct mr_rd signature)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t digest[20];
	bool good = ctx && mr_sha1(message, MR_MFI_MESSAGE_LEN, digest) && EVP_PKEY_verify_init(ctx) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha1()) == 1 &&
		    EVP_PKEY_verify(ctx, signature.at, signature.left, digest, sizeof(digest)) == 1;

	EVP_PKEY_CTX_free(ctx);
	return good;
}

static bool verify_ecdsa(const EVP_PKEY *key, const uint8_t message[static MR_MFI_MESSAGE_LEN], struct mr_rd signature)
{
	uint8_t point[65], digest[32];

	return keyfile_point(key, point) && mr_sha256(message, MR_MFI_MESSAGE_LEN, digest) &&
	       mr_p256_verify(point, digest, signature.at);
}

static void check_signature(EVP_PKEY *key, const uint8_t message[static MR_MFI_MESSAGE_LEN], struct mr_rd signature,
			    struct mfi_verdict *v)
{
	uint8_t point[65];

	v->generation = key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == 1024 ? 2
			: key && keyfile_point(key, point)				   ? 3
											   : 0;
	if (v->generation == 0)
		(void)fails(v, "its certificate has a key of neither generation");
	else if (signature.left != (v->generation == 2 ? MR_MFI_RSA_LEN : MR_MFI_ECDSA_LEN))
		(void)fails(v, "its signature is of the other generation");
	else if (!(v->signed_ = v->generation == 2 ? verify_rsa(key, message, signature)
						   : verify_ecdsa(key, message, signature)))
		(void)fails(v, "the key of its certificate has not signed these keys");
}

bool mfi_verify(const struct mfi_trust *trust, enum mfi_accept accept, struct mr_rd pkcs7,
		const uint8_t message[static MR_MFI_MESSAGE_LEN], struct mr_rd signature, struct mfi_verdict *v)
{
	X509 *certificate;

	*v = (struct mfi_verdict){ 0 };
	ERR_set_mark();
	certificate = unwrap(pkcs7, v);
	if (certificate) {
		describe(certificate, v);
		check_signature(X509_get0_pubkey(certificate), message, signature, v);
		chain_up(trust, certificate, v);
	}
	X509_free(certificate);
	ERR_pop_to_mark();
	switch (accept) {
	case MFI_ACCEPT_MFI:
		if (v->chains && v->emulated)
			(void)fails(v, "its coprocessor is an emulation");
		return v->signed_ && v->chains && !v->emulated;
	case MFI_ACCEPT_TEST_CA: return v->signed_ && v->chains;
	case MFI_ACCEPT_ANY: return v->signed_;
	}
	return false;
}
