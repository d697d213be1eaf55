#include "station/ip/tls.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "agent/wire/cause.h"
#include "station/base/log.h"

#define CERTIFICATES_LEN_MAX 16384 /* octets of the chain that a device may send */
#define OUT_WAITING_MAX 32768	   /* octets of ciphertext beyond which no more plaintext is taken */
#define STRENGTH_MIN 112	   /* bits: NIST SP 800-57 part 1 table 2 */
#define SERIAL_MAX 64		   /* X.520: ub-serial-number */

struct tls_trust {
	SSL_CTX *ctx;
	bool anchored;
};

/* ENDED: the peer has said close_notify, and may still be written to. */
enum state { HANDSHAKING, UP, ENDED, FAILED };

struct tls {
	enum state state;
	const struct log_tag *tag;
	SSL *ssl;
	BIO *in, *out; /* `ssl` owns them */
	bool anchored, told;
	int cause; /* of FAILED */
	char serial[SERIAL_MAX + 1];
	bool has_serial, has_pin, has_leaf;
	uint8_t pin[32], sha256[32];
	uint8_t *leaf;
	size_t leaf_len;
	char words[TLS_WORDS_MAX];
};

/* --- trust --- */

static bool add(X509_STORE *store, X509 *cert)
{
	bool added = cert && X509_STORE_add_cert(store, cert);

	X509_free(cert);
	return added;
}

/* The number of certificates; -1: one of them is none. */
static int add_pem(X509_STORE *store, struct mr_rd in)
{
	BIO *bio = BIO_new_mem_buf(in.at, (int)in.left);
	int n = 0;

	for (X509 *cert; bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)); n++)
		if (!add(store, cert)) {
			n = -1;
			break;
		}
	if (n >= 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		n = -1;
	ERR_clear_error();
	BIO_free(bio);
	return n;
}

static int add_der(X509_STORE *store, struct mr_rd in)
{
	const unsigned char *at = in.at, *end = in.at + in.left;
	int n = 0;

	for (; at < end; n++)
		if (!add(store, d2i_X509(NULL, &at, (long)(end - at))))
			return -1;
	return n;
}

static int judge(X509_STORE_CTX *chain, void *arg);

/* TLS 1.2 with forward secrecy and AEAD only, or 1.3; nothing that outlives the connection. */
static bool set_up(SSL_CTX *ctx)
{
	int groups[] = { NID_X25519, NID_X9_62_prime256v1, NID_secp384r1 };

	SSL_CTX_set_security_level(ctx, 2);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, CERTIFICATES_LEN_MAX);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, judge, NULL);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) && SSL_CTX_set_max_proto_version(ctx, 0) &&
	       SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AESCCM") &&
	       SSL_CTX_set1_groups(ctx, groups, 3);
}

struct tls_trust *tls_trust_create(struct mr_rd anchors)
{
	struct tls_trust *trust = calloc(1, sizeof(*trust));
	X509_STORE *store;
	int n = 0;

	if (!trust)
		return NULL;
	trust->ctx = SSL_CTX_new(TLS_client_method());
	trust->anchored = anchors.left > 0;
	if (trust->ctx && set_up(trust->ctx) && anchors.left < INT_MAX) {
		store = SSL_CTX_get_cert_store(trust->ctx);
		if (trust->anchored)
			n = anchors.at[0] == 0x30 ? add_der(store, anchors) : add_pem(store, anchors);
		/* A factory that is given the issuing CA alone need not have its root. */
		if ((n > 0) == trust->anchored && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN))
			return trust;
	}
	tls_trust_destroy(trust);
	return NULL;
}

void tls_trust_destroy(struct tls_trust *trust)
{
	if (!trust)
		return;
	SSL_CTX_free(trust->ctx);
	free(trust);
}

/* --- states --- */

#define BIT(state) (1u << (state))

/* The only writer of `state`. */
static void enter(struct tls *tls, enum state state, const char *why)
{
	static const char *const names[] = {
		[HANDSHAKING] = "handshaking", [UP] = "up", [ENDED] = "ended", [FAILED] = "failed"
	};
	static const uint8_t follows[] = { [HANDSHAKING] = BIT(UP) | BIT(FAILED),
					   [UP] = BIT(ENDED) | BIT(FAILED),
					   [ENDED] = BIT(FAILED),
					   [FAILED] = 0 };

	assert(follows[tls->state] & BIT(state));
	log_state_at(tls->tag, LOG_TLS, state == FAILED ? LOG_INFO : LOG_DEBUG, names[tls->state], names[state],
		     "%s%s%s", state == FAILED ? mr_cause_name(-tls->cause) : "", state == FAILED ? ": " : "", why);
	tls->state = state;
}

static bool is_up(const struct tls *tls) { return tls->state == UP || tls->state == ENDED; }

/* The first failure counts; what OpenSSL says after it is its consequence. */
static int fail(struct tls *tls, int cause, const char *words)
{
	assert(cause < 0);
	if (tls->state == FAILED)
		return tls->cause;
	tls->cause = cause;
	(void)snprintf(tls->words, sizeof(tls->words), "%s", words);
	enter(tls, FAILED, tls->words);
	return tls->cause;
}

/* --- the certificate --- */

/* OpenSSL's last error, which is the nearest to what the peer did. */
static int fail_openssl(struct tls *tls)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);

	(void)fail(tls, -MR_CAUSE_TLS_FAILED, reason ? reason : "no reason given");
	ERR_clear_error();
	return tls->cause;
}

static bool keep_leaf(struct tls *tls, X509 *cert)
{
	unsigned char *der = NULL;
	int len = cert ? i2d_X509(cert, &der) : -1;

	if (len <= 0)
		return false;
	OPENSSL_free(tls->leaf);
	tls->leaf = der;
	tls->leaf_len = (size_t)len;
	tls->has_leaf = EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)len, tls->sha256, NULL);
	return tls->has_leaf;
}

/* IEEE 802.1AR-2018 8.6: the device is named by the one serialNumber of its subject. */
static bool serial_is_right(struct tls *tls, const X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_serialNumber, -1);
	char shown[SERIAL_MAX * 4 + 1], words[TLS_WORDS_MAX];
	unsigned char *text = NULL;
	int len = -1;

	if (at < 0) {
		(void)fail(tls, -MR_CAUSE_CERTIFICATE_REFUSED, "the certificate has no serialNumber");
		return false;
	}
	if (X509_NAME_get_index_by_NID(subject, NID_serialNumber, at) < 0)
		len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (len < 0) {
		(void)fail(tls, -MR_CAUSE_CERTIFICATE_REFUSED,
			   "the certificate's serialNumber is no text, or there are two");
		return false;
	}
	bool right = (size_t)len == strlen(tls->serial) && mr_equal(text, tls->serial, (size_t)len);

	if (!right) {
		(void)snprintf(words, sizeof(words), "the certificate's serialNumber is %.80s, not %s",
			       log_escape(shown, sizeof(shown), text, len < SERIAL_MAX ? (size_t)len : SERIAL_MAX),
			       tls->serial);
		(void)fail(tls, -MR_CAUSE_CERTIFICATE_REFUSED, words);
	}
	OPENSSL_free(text);
	return right;
}

static bool chain_is_right(struct tls *tls, X509_STORE_CTX *chain)
{
	if (X509_verify_cert(chain) > 0)
		return true;
	(void)fail(tls, -MR_CAUSE_CERTIFICATE_REFUSED, X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain)));
	return false;
}

/*
 * Without anchors OpenSSL looks at no chain and so at no strength: a certificate that anybody could imitate is no
 * evidence, though it is put on record. The floor is that of security level 2: RSA of 2048 bits, SHA-256.
 */
static bool is_strong(struct tls *tls, X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	int key_bits = key ? EVP_PKEY_get_security_bits(key) : 0, hash_bits = 0;
	uint32_t flags = 0;
	char words[TLS_WORDS_MAX];

	if (!X509_get_signature_info(cert, NULL, NULL, &hash_bits, &flags))
		hash_bits = 0;
	if (key_bits >= STRENGTH_MIN && hash_bits >= STRENGTH_MIN)
		return true;
	(void)snprintf(words, sizeof(words), "the certificate's %s is worth %d bits, less than %d",
		       key_bits < STRENGTH_MIN ? "key" : "signature", key_bits < STRENGTH_MIN ? key_bits : hash_bits,
		       STRENGTH_MIN);
	(void)fail(tls, -MR_CAUSE_CERTIFICATE_REFUSED, words);
	return false;
}

/* OpenSSL asks in the handshake, at the peer's Certificate message; 0 sends an alert. */
static int judge(X509_STORE_CTX *chain, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *tls = SSL_get_app_data(ssl);
	X509 *cert = X509_STORE_CTX_get0_cert(chain);
	bool good;

	(void)arg;
	good = keep_leaf(tls, cert) && (tls->anchored ? chain_is_right(tls, chain) : is_strong(tls, cert)) &&
	       (!tls->has_serial || serial_is_right(tls, cert));
	if (good && tls->has_pin && !mr_equal(tls->pin, tls->sha256, 32)) {
		(void)fail(tls, -MR_CAUSE_CERTIFICATE_REFUSED, "the certificate is not the one on record");
		good = false;
	}
	if (!good && X509_STORE_CTX_get_error(chain) == X509_V_OK)
		X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
	else if (good)
		X509_STORE_CTX_set_error(chain, X509_V_OK);
	if (tls->has_leaf)
		log_write(tls->tag, LOG_TLS, LOG_DEBUG,
			  "certificate with SHA-256 %02x%02x%02x%02x%02x%02x%02x%02x... %s", tls->sha256[0],
			  tls->sha256[1], tls->sha256[2], tls->sha256[3], tls->sha256[4], tls->sha256[5],
			  tls->sha256[6], tls->sha256[7], good ? "accepted" : "refused");
	return good;
}

/* --- the connection --- */

static bool ask_for_fragments(SSL *ssl, unsigned fragment_len)
{
	assert(fragment_len == 0 || fragment_len == 512 || fragment_len == 1024);
	if (fragment_len == 0)
		return true;
	return SSL_set_tlsext_max_fragment_length(ssl, fragment_len == 512 ? TLSEXT_max_fragment_length_512
									   : TLSEXT_max_fragment_length_1024);
}

static void advance(struct tls *tls)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(tls->ssl);
	if (result == 1 && tls->state == HANDSHAKING)
		enter(tls, UP, SSL_get_cipher_name(tls->ssl));
	else if (result != 1 && SSL_get_error(tls->ssl, result) != SSL_ERROR_WANT_READ)
		(void)fail_openssl(tls);
}

struct tls *tls_create(struct tls_trust *trust, const struct tls_policy *policy)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return NULL;
	assert(!policy->serial || (trust->anchored && strlen(policy->serial) <= SERIAL_MAX));
	tls->tag = policy->tag;
	tls->anchored = trust->anchored;
	tls->has_serial = policy->serial;
	if (policy->serial)
		memcpy(tls->serial, policy->serial, strlen(policy->serial));
	tls->has_pin = policy->pin;
	if (policy->pin)
		memcpy(tls->pin, policy->pin, 32);
	tls->ssl = SSL_new(trust->ctx);
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	if (!tls->ssl || !tls->in || !tls->out) {
		BIO_free(tls->in);
		BIO_free(tls->out);
		tls->in = tls->out = NULL;
		tls_destroy(tls);
		return NULL;
	}
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	SSL_set_app_data(tls->ssl, tls);
	SSL_set_connect_state(tls->ssl);
	X509_VERIFY_PARAM_set_time(SSL_get0_param(tls->ssl), (time_t)(policy->utc_us / 1000000u));
	if (!ask_for_fragments(tls->ssl, policy->fragment_len)) {
		tls_destroy(tls);
		return NULL;
	}
	advance(tls);
	return tls;
}

void tls_destroy(struct tls *tls)
{
	if (!tls)
		return;
	SSL_free(tls->ssl);
	OPENSSL_free(tls->leaf);
	OPENSSL_cleanse(tls, sizeof(*tls));
	free(tls);
}

int tls_receive(struct tls *tls, const void *ciphertext, size_t len)
{
	assert(len <= INT_MAX);
	if (tls->state == FAILED)
		return tls->cause;
	if (len > 0 && BIO_write(tls->in, ciphertext, (int)len) != (int)len)
		return fail(tls, -MR_CAUSE_TLS_FAILED, "no memory");
	if (tls->state == HANDSHAKING)
		advance(tls);
	if (tls->state == FAILED)
		return tls->cause;
	if (!is_up(tls) || tls->told)
		return TLS_NOTHING;
	tls->told = true;
	return TLS_UP;
}

size_t tls_take(struct tls *tls, uint8_t *out, size_t cap)
{
	int n = BIO_read(tls->out, out, cap < INT_MAX ? (int)cap : INT_MAX);

	return n > 0 ? (size_t)n : 0;
}

int tls_read(struct tls *tls, uint8_t *out, size_t cap, size_t *len)
{
	int result;

	*len = 0;
	switch (tls->state) {
	case FAILED: return tls->cause;
	case ENDED: return TLS_CLOSED;
	case HANDSHAKING: return TLS_NOTHING;
	case UP: break;
	}
	ERR_clear_error();
	result = SSL_read_ex(tls->ssl, out, cap, len);
	if (result == 1)
		return TLS_NOTHING;
	*len = 0;
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return TLS_NOTHING;
	case SSL_ERROR_ZERO_RETURN: enter(tls, ENDED, "close_notify"); return TLS_CLOSED;
	default: return fail_openssl(tls);
	}
}

int tls_write(struct tls *tls, const void *bytes, size_t len, size_t *taken)
{
	*taken = 0;
	if (tls->state == FAILED)
		return tls->cause;
	while (is_up(tls) && *taken < len && BIO_ctrl_pending(tls->out) < OUT_WAITING_MAX) {
		size_t n = 0;
		int result;

		ERR_clear_error();
		result = SSL_write_ex(tls->ssl, (const uint8_t *)bytes + *taken, len - *taken, &n);
		if (result != 1)
			return SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_READ ? TLS_NOTHING : fail_openssl(tls);
		*taken += n;
	}
	return TLS_NOTHING;
}

int tls_end(struct tls *tls)
{
	if (tls->state == FAILED)
		return tls->cause;
	if (tls->state == ENDED || (SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN))
		return TLS_CLOSED;
	return fail(tls, -MR_CAUSE_TLS_FAILED,
		    is_up(tls) ? "the connection ended without close_notify" : "the connection ended in the handshake");
}

void tls_close(struct tls *tls)
{
	if (is_up(tls))
		(void)SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

/* --- what it is --- */

const char *tls_version(const struct tls *tls) { return SSL_get_version(tls->ssl); }
const char *tls_cipher(const struct tls *tls) { return SSL_get_cipher_name(tls->ssl); }
const char *tls_words(const struct tls *tls) { return tls->words; }

/*
 * Without extended_master_secret somebody between two connections can have both compute one exporter, but he shows each
 * end a certificate, and to us his own (RFC 7627 section 1): so that is part of the value. docs/protocol.md, "HTTP".
 */
static bool bind_to_certificate(const struct tls *tls, uint8_t out[static TLS_BINDING_LEN])
{
	static const char label[16] = "millrace tls 1.2";
	uint8_t text[sizeof(label) + TLS_BINDING_LEN + 32];
	struct mr_wr w = mr_wr_over(text, sizeof(text));

	mr_wr_bytes(&w, label, sizeof(label));
	mr_wr_bytes(&w, out, TLS_BINDING_LEN);
	mr_wr_bytes(&w, tls->sha256, 32);
	return tls->has_leaf && !w.bad && EVP_Q_digest(NULL, "SHA256", NULL, text, w.len, out, NULL) == 1;
}

bool tls_channel_binding(const struct tls *tls, uint8_t out[static TLS_BINDING_LEN])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (!is_up(tls) || SSL_export_keying_material(tls->ssl, out, TLS_BINDING_LEN, label, sizeof(label) - 1,
						      (const uint8_t *)"", 0, 1) != 1)
		return false;
	return SSL_version(tls->ssl) != TLS1_2_VERSION || SSL_get_extms_support(tls->ssl) == 1 ||
	       bind_to_certificate(tls, out);
}

struct mr_rd tls_leaf(const struct tls *tls) { return mr_rd_over(tls->leaf, tls->leaf_len); }

bool tls_leaf_sha256(const struct tls *tls, uint8_t out[static 32])
{
	if (tls->has_leaf)
		memcpy(out, tls->sha256, 32);
	return tls->has_leaf;
}
