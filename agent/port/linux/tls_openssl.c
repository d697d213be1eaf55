/*
 * agent/port/tls.h on OpenSSL 3.0, over memory BIOs. No sessions are kept or handed out (a device serves a client or
 * two in its life), no renegotiation, ECDHE with ECDSA on P-256 and AEAD ciphers only.
 */
#include "agent/port/tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "agent/port/crypto.h"

#define CIPHERS_1_2                                                                                                    \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-CHACHA20-"     \
	"POLY1305"

struct mr_tls {
	SSL_CTX *ctx;
	SSL *ssl; /* owns both BIOs */
	bool failed;
};

/* --- whom the device shows itself as --- */

static EVP_PKEY *key_of(const uint8_t *priv)
{
	EVP_PKEY_CTX *ctx;
	OSSL_PARAM_BLD *build;
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;
	BIGNUM *d;
	uint8_t pub[65];

	if (!priv || !mr_p256_public(priv, pub))
		return NULL;
	d = BN_secure_new();
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	build = OSSL_PARAM_BLD_new();
	if (d && ctx && build && BN_bin2bn(priv, 32, d) &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, pub, sizeof(pub)) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	if (!params || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	BN_clear_free(d);
	return key;
}

static bool add_name(X509_NAME *name, const char *field, const char *text)
{
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) == 1;
}

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = extension && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

/* RFC 5280 4.1.2.5: 9999-12-31 is for what has no end; the beginning is that of the clock that the device does not
 * have. */
static bool fill(X509 *x, EVP_PKEY *key, const struct mr_tls_identity *identity)
{
	X509_NAME *name = X509_get_subject_name(x);
	BIGNUM *number = BN_new();
	char id[17] = "";
	bool ok;

	for (size_t i = 0; i < 8; i++) {
		id[2 * i] = "0123456789abcdef"[identity->device_id[i] >> 4];
		id[2 * i + 1] = "0123456789abcdef"[identity->device_id[i] & 15];
	}
	ok = number && BN_rand(number, 63, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
	     BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) && X509_set_version(x, X509_VERSION_3) == 1 &&
	     ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "19700101000000Z") == 1 &&
	     ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z") == 1 &&
	     add_name(name, "CN", identity->product) && add_name(name, "serialNumber", id) &&
	     X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1 &&
	     add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
	     add_extension(x, NID_key_usage, "critical,digitalSignature") &&
	     add_extension(x, NID_ext_key_usage, "serverAuth") && X509_sign(x, key, EVP_sha256()) > 0;
	BN_free(number);
	return ok;
}

static X509 *self_signed(EVP_PKEY *key, const struct mr_tls_identity *identity)
{
	X509 *x = X509_new();

	if (x && fill(x, key, identity))
		return x;
	X509_free(x);
	return NULL;
}

static X509 *parse(struct mr_rd der)
{
	const unsigned char *at = der.at;
	X509 *x = der.left > 0 && der.left <= INT32_MAX ? d2i_X509(NULL, &at, (long)der.left) : NULL;

	if (x && at == der.at + der.left)
		return x;
	X509_free(x);
	return NULL;
}

static bool show(SSL_CTX *ctx, const struct mr_tls_identity *identity)
{
	bool issued = !identity->certificate.bad && identity->certificate.left > 0;
	EVP_PKEY *key = key_of(identity->priv);
	X509 *leaf = !key ? NULL : issued ? parse(identity->certificate) : self_signed(key, identity);
	X509 *issuer = leaf && issued ? parse(identity->issuer) : NULL;
	bool ok = leaf && SSL_CTX_use_certificate(ctx, leaf) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
		  SSL_CTX_check_private_key(ctx) == 1 && (!issuer || SSL_CTX_add1_chain_cert(ctx, issuer) == 1);

	X509_free(issuer);
	X509_free(leaf);
	EVP_PKEY_free(key);
	return ok;
}

/* --- the connection --- */

static bool set_up(struct mr_tls *tls, const struct mr_tls_identity *identity)
{
	int groups[] = { NID_X9_62_prime256v1, NID_X25519 };
	BIO *in, *out;

	tls->ctx = SSL_CTX_new(TLS_server_method());
	if (!tls->ctx || SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(tls->ctx, CIPHERS_1_2) != 1 ||
	    SSL_CTX_set1_groups(tls->ctx, groups, sizeof(groups) / sizeof(groups[0])) != 1 ||
	    SSL_CTX_set_num_tickets(tls->ctx, 0) != 1 || !show(tls->ctx, identity))
		return false;
	SSL_CTX_set_options(tls->ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(tls->ctx, SSL_MODE_RELEASE_BUFFERS);
	tls->ssl = SSL_new(tls->ctx);
	in = BIO_new(BIO_s_mem());
	out = BIO_new(BIO_s_mem());
	if (!tls->ssl || !in || !out) {
		BIO_free(in);
		BIO_free(out);
		return false;
	}
	SSL_set_bio(tls->ssl, in, out);
	SSL_set_accept_state(tls->ssl);
	return true;
}

struct mr_tls *mr_tls_create(const struct mr_tls_identity *identity)
{
	struct mr_tls *tls = calloc(1, sizeof(*tls));
	bool ok;

	if (!tls)
		return NULL;
	ERR_set_mark();
	ok = set_up(tls, identity);
	ERR_pop_to_mark();
	if (ok)
		return tls;
	mr_tls_destroy(tls);
	return NULL;
}

void mr_tls_destroy(struct mr_tls *tls)
{
	if (!tls)
		return;
	SSL_free(tls->ssl);
	SSL_CTX_free(tls->ctx);
	free(tls);
}

/* Wanting more octets is no failure; everything else, the peer's good-bye included, ends the connection. */
static void judge(struct mr_tls *tls, int result)
{
	int error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, result);

	tls->failed = tls->failed || (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ);
}

bool mr_tls_feed(struct mr_tls *tls, const uint8_t *octets, size_t len)
{
	uint8_t next;

	if (tls->failed || len > INT32_MAX)
		return false;
	ERR_set_mark();
	if (len > 0 && BIO_write(SSL_get_rbio(tls->ssl), octets, (int)len) != (int)len)
		tls->failed = true;
	else if (!SSL_is_init_finished(tls->ssl))
		judge(tls, SSL_do_handshake(tls->ssl));
	if (!tls->failed && SSL_is_init_finished(tls->ssl))
		judge(tls, SSL_peek(tls->ssl, &next, 1));
	ERR_pop_to_mark();
	/* What came before the good-bye may still be read. */
	return !tls->failed || SSL_pending(tls->ssl) > 0;
}

size_t mr_tls_take(struct mr_tls *tls, uint8_t *out, size_t cap)
{
	int got = cap > 0 ? BIO_read(SSL_get_wbio(tls->ssl), out, cap < INT32_MAX ? (int)cap : INT32_MAX) : 0;

	return got > 0 ? (size_t)got : 0;
}

bool mr_tls_ready(const struct mr_tls *tls) { return SSL_is_init_finished(tls->ssl) && !tls->failed; }

size_t mr_tls_read(struct mr_tls *tls, uint8_t *out, size_t cap)
{
	size_t got = 0;

	ERR_set_mark();
	if (cap > 0 && SSL_is_init_finished(tls->ssl) && SSL_read_ex(tls->ssl, out, cap, &got) != 1) {
		got = 0;
		judge(tls, 0);
	}
	ERR_pop_to_mark();
	return got;
}

bool mr_tls_write(struct mr_tls *tls, const uint8_t *octets, size_t len)
{
	size_t done = 0;

	ERR_set_mark();
	if (len > 0 && !tls->failed && (SSL_write_ex(tls->ssl, octets, len, &done) != 1 || done != len))
		tls->failed = true;
	ERR_pop_to_mark();
	return !tls->failed;
}

void mr_tls_close(struct mr_tls *tls)
{
	ERR_set_mark();
	if (SSL_is_init_finished(tls->ssl) && !tls->failed)
		(void)SSL_shutdown(tls->ssl);
	ERR_pop_to_mark();
}

/* Without extended_master_secret: the exporter, and the certificate that was shown. docs/protocol.md, "HTTP". */
static bool bind_to_certificate(SSL *ssl, uint8_t out[static 32])
{
	static const char label[16] = "millrace tls 1.2";
	uint8_t text[sizeof(label) + 64];
	unsigned len = 0;
	X509 *own = SSL_get_certificate(ssl);

	memcpy(text, label, sizeof(label));
	memcpy(text + sizeof(label), out, 32);
	return own && X509_digest(own, EVP_sha256(), text + sizeof(label) + 32, &len) == 1 && len == 32 &&
	       EVP_Q_digest(NULL, "SHA256", NULL, text, sizeof(text), out, NULL) == 1;
}

/* "Context value: zero-length string" is in TLS 1.2 another than no context (RFC 5705 section 4). */
bool mr_tls_binding(struct mr_tls *tls, uint8_t out[static 32])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	static const uint8_t empty[1];
	bool ok;

	ERR_set_mark();
	ok = mr_tls_ready(tls) &&
	     SSL_export_keying_material(tls->ssl, out, 32, label, sizeof(label) - 1, empty, 0, 1) == 1 &&
	     (SSL_version(tls->ssl) >= TLS1_3_VERSION || SSL_get_extms_support(tls->ssl) == 1 ||
	      bind_to_certificate(tls->ssl, out));
	ERR_pop_to_mark();
	if (!ok)
		memset(out, 0, 32);
	return ok;
}
