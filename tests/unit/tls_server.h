/* The device's end of a TLS connection, for tests: keys and certificates made on the spot, an OpenSSL server on memory
 * BIOs. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct maker {
	EVP_PKEY *key;
	X509 *cert;
};

struct cert_wish {
	const char *name, *serial, *second_serial;
	const struct maker *issuer; /* NULL: self-signed */
	bool ca;
	long from_s, to_s; /* since 1970 */
	const char *eku;   /* NULL: none */
};

static inline struct maker make(struct cert_wish wish)
{
	static long number = 1;
	struct maker m = { .key = EVP_EC_gen("P-256"), .cert = X509_new() };
	X509_NAME *name = X509_get_subject_name(m.cert);
	X509V3_CTX v3;

	X509_set_version(m.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(m.cert), number++);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)wish.name, -1, -1, 0);
	if (wish.serial)
		X509_NAME_add_entry_by_txt(name, "serialNumber", MBSTRING_ASC, (const uint8_t *)wish.serial, -1, -1, 0);
	if (wish.second_serial)
		X509_NAME_add_entry_by_txt(name, "serialNumber", MBSTRING_ASC, (const uint8_t *)wish.second_serial, -1,
					   -1, 0);
	X509_set_issuer_name(m.cert, wish.issuer ? X509_get_subject_name(wish.issuer->cert) : name);
	ASN1_TIME_set(X509_getm_notBefore(m.cert), wish.from_s);
	ASN1_TIME_set(X509_getm_notAfter(m.cert), wish.to_s);
	X509_set_pubkey(m.cert, m.key);
	X509V3_set_ctx(&v3, wish.issuer ? wish.issuer->cert : m.cert, m.cert, NULL, NULL, 0);
	struct {
		int nid;
		const char *value;
	} extensions[] = { { NID_basic_constraints, wish.ca ? "critical,CA:TRUE" : NULL },
			   { NID_key_usage, wish.ca ? "critical,keyCertSign" : "critical,digitalSignature" },
			   { NID_subject_key_identifier, "hash" },
			   { NID_authority_key_identifier, wish.issuer ? "keyid" : NULL },
			   { NID_ext_key_usage, wish.eku } };

	for (size_t i = 0; i < 5; i++) {
		X509_EXTENSION *e = extensions[i].value
					    ? X509V3_EXT_conf_nid(NULL, &v3, extensions[i].nid, extensions[i].value)
					    : NULL;

		if (e)
			X509_add_ext(m.cert, e, -1);
		X509_EXTENSION_free(e);
	}
	X509_sign(m.cert, wish.issuer ? wish.issuer->key : m.key, EVP_sha256());
	return m;
}

static inline void unmake(struct maker *m)
{
	EVP_PKEY_free(m->key);
	X509_free(m->cert);
}

static inline size_t der_of(const struct maker *m, uint8_t *out) { return (size_t)i2d_X509(m->cert, &out); }

struct tls_server {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
	bool up, failed;
	uint8_t got[70000];
	size_t got_len;
};

/* `more`: a further certificate of the chain, or NULL. */
static inline void server_open(struct tls_server *s, const struct maker *m, const struct maker *more, int version)
{
	memset(s, 0, sizeof(*s));
	s->ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_security_level(s->ctx, 0); /* it shows whatever it is told to */
	SSL_CTX_set_min_proto_version(s->ctx, version);
	SSL_CTX_set_max_proto_version(s->ctx, version);
	SSL_CTX_use_certificate(s->ctx, m->cert);
	SSL_CTX_use_PrivateKey(s->ctx, m->key);
	SSL_CTX_set_session_cache_mode(s->ctx, SSL_SESS_CACHE_OFF);
	if (more) {
		X509_up_ref(more->cert);
		SSL_CTX_add_extra_chain_cert(s->ctx, more->cert);
	}
	s->ssl = SSL_new(s->ctx);
	s->in = BIO_new(BIO_s_mem());
	s->out = BIO_new(BIO_s_mem());
	SSL_set_bio(s->ssl, s->in, s->out);
	SSL_set_accept_state(s->ssl);
}

static inline void server_close(struct tls_server *s)
{
	SSL_free(s->ssl);
	SSL_CTX_free(s->ctx);
}

static inline void server_receive(struct tls_server *s, const uint8_t *bytes, size_t len)
{
	int result = 0;

	if (len > 0)
		BIO_write(s->in, bytes, (int)len);
	if (!s->up) {
		result = SSL_do_handshake(s->ssl);
		s->up = result == 1;
		s->failed |= result != 1 && SSL_get_error(s->ssl, result) != SSL_ERROR_WANT_READ;
	}
	for (size_t n = 1; s->up && n > 0 && s->got_len < sizeof(s->got);) {
		n = 0;
		result = SSL_read_ex(s->ssl, s->got + s->got_len, sizeof(s->got) - s->got_len, &n);
		s->failed |= result != 1 && SSL_get_error(s->ssl, result) == SSL_ERROR_SSL;
		s->got_len += n;
	}
	ERR_clear_error();
}

static inline size_t server_take(struct tls_server *s, uint8_t *out, size_t cap)
{
	int n = BIO_read(s->out, out, (int)cap);

	return n > 0 ? (size_t)n : 0;
}
