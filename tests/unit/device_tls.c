/*
 * The device's TLS server against OpenSSL's client: versions, certificates, the binding, and what a stranger may send.
 *
 * links: agent/port/linux/tls_openssl.c agent/port/linux/crypto_openssl.c tests/support/factory.c
 * links: agent/core/csr.c agent/core/der.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "agent/core/csr.h"
#include "agent/port/crypto.h"
#include "agent/port/tls.h"
#include "tests/support/factory.h"

static const uint8_t priv[32] = { 0x31, 4, 1, 5, 9 };
static const uint8_t device_id[8] = { 0xd0, 1, 2, 3, 4, 5, 6, 7 };

struct pair {
	struct factory factory;
	struct mr_tls *server;
	SSL_CTX *ctx;
	SSL *client;
	uint8_t certificate[900], pub[65];
	struct mr_tls_identity identity;
	size_t piece; /* octets moved at a time */
};

static int pair_make(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	uint8_t csr[700];
	struct mr_wr w = mr_wr_over(csr, sizeof(csr));
	size_t len;

	assert_non_null(p);
	factory_make(&p->factory);
	assert_true(mr_p256_public(priv, p->pub) && mr_csr_write(&w, "Brook lamp", device_id, priv, p->pub));
	len = factory_certify(&p->factory, csr, w.len, "Brook lamp", "d001020304050607", p->certificate,
			      sizeof(p->certificate), p->pub);
	assert_int_not_equal(len, 0);
	p->identity = (struct mr_tls_identity){ .priv = priv,
						.certificate = mr_rd_over(p->certificate, len),
						.issuer = mr_rd_over(p->factory.ca_der, p->factory.ca_len),
						.product = "Brook lamp" };
	memcpy(p->identity.device_id, device_id, 8);
	p->piece = 1 << 14;
	*state = p;
	return 0;
}

static void hang_up(struct pair *p)
{
	mr_tls_destroy(p->server);
	SSL_free(p->client);
	SSL_CTX_free(p->ctx);
	p->server = NULL;
	p->client = NULL;
	p->ctx = NULL;
}

static int pair_wipe(void **state)
{
	struct pair *p = *state;

	hang_up(p);
	factory_wipe(&p->factory);
	free(p);
	assert_int_equal(ERR_peek_error(), 0);
	return 0;
}

static void dial(struct pair *p, int version, uint64_t options)
{
	hang_up(p);
	p->server = mr_tls_create(&p->identity);
	assert_non_null(p->server);
	p->ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(p->ctx);
	assert_int_equal(SSL_CTX_set_min_proto_version(p->ctx, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(p->ctx, version), 1);
	SSL_CTX_set_options(p->ctx, options);
	SSL_CTX_set_security_level(p->ctx, version < TLS1_2_VERSION ? 0 : 2);
	p->client = SSL_new(p->ctx);
	SSL_set_bio(p->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(p->client);
}

/* Moves what waits in either direction. false: the server has failed. */
static bool move(struct pair *p)
{
	uint8_t buf[1 << 14];
	bool moved = true, alive = true;

	while (moved && alive) {
		int got = BIO_read(SSL_get_wbio(p->client), buf, (int)p->piece);
		size_t back;

		moved = got > 0;
		if (moved)
			alive = mr_tls_feed(p->server, buf, (size_t)got);
		back = mr_tls_take(p->server, buf, p->piece);
		if (back > 0)
			assert_int_equal(BIO_write(SSL_get_rbio(p->client), buf, (int)back), back);
		moved = moved || back > 0;
		if (!SSL_is_init_finished(p->client))
			(void)SSL_do_handshake(p->client);
		else if (moved)
			(void)SSL_peek(p->client, buf, 1);
		moved = moved || BIO_pending(SSL_get_wbio(p->client)) > 0;
	}
	ERR_clear_error();
	return alive;
}

static bool shake_hands(struct pair *p)
{
	(void)SSL_do_handshake(p->client);
	return move(p) && SSL_is_init_finished(p->client) && mr_tls_ready(p->server);
}

static void both_versions_agree_and_bind_alike_in_any_cuts(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static const size_t pieces[] = { 1, 7, 100, 1 << 14 };
	struct pair *p = *state;
	uint8_t ours[32], theirs[32], before[32] = { 0 }, text[64];
	size_t len;

	for (size_t i = 0; i < 8; i++) {
		p->piece = pieces[i / 2];
		dial(p, versions[i % 2], 0);
		assert_false(mr_tls_ready(p->server));
		assert_false(mr_tls_binding(p->server, ours));
		assert_true(shake_hands(p));
		assert_true(mr_tls_binding(p->server, ours));
		assert_int_equal(
			SSL_export_keying_material(p->client, theirs, 32, "EXPORTER-Channel-Binding", 24, theirs, 0, 1),
			1);
		assert_memory_equal(ours, theirs, 32);
		assert_memory_not_equal(ours, before, 32);
		memcpy(before, ours, 32);
		assert_int_equal(SSL_write(p->client, "GET /", 5), 5);
		assert_true(move(p));
		assert_int_equal(mr_tls_read(p->server, text, 3), 3);
		assert_int_equal(mr_tls_read(p->server, text + 3, sizeof(text) - 3), 2);
		assert_memory_equal(text, "GET /", 5);
		assert_int_equal(mr_tls_read(p->server, text, sizeof(text)), 0);
		assert_true(mr_tls_ready(p->server));
		assert_true(mr_tls_write(p->server, (const uint8_t *)"200", 3));
		assert_true(move(p));
		len = 0;
		assert_int_equal(SSL_read_ex(p->client, text, sizeof(text), &len), 1);
		assert_int_equal(len, 3);
	}
}

static void an_old_version_is_refused(void **state)
{
	struct pair *p = *state;

	dial(p, TLS1_1_VERSION, 0);
	assert_false(shake_hands(p));
	assert_false(mr_tls_ready(p->server));
	assert_false(mr_tls_write(p->server, (const uint8_t *)"x", 1));
}

/* RFC 9266 section 4.1: without the extension a man in the middle could have both ends compute the same exporter, but
 * he would show his own certificate. */
static void without_extended_master_secret_the_certificate_is_bound_too(void **state)
{
	struct pair *p = *state;
	uint8_t out[32], text[16 + 64] = "millrace tls 1.2", want[32];
	unsigned len = 0;
	X509 *shown;

	dial(p, TLS1_2_VERSION, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	assert_true(shake_hands(p));
	assert_true(mr_tls_binding(p->server, out));
	assert_int_equal(
		SSL_export_keying_material(p->client, text + 16, 32, "EXPORTER-Channel-Binding", 24, text, 0, 1), 1);
	shown = SSL_get1_peer_certificate(p->client);
	assert_non_null(shown);
	assert_int_equal(X509_digest(shown, EVP_sha256(), text + 48, &len), 1);
	X509_free(shown);
	assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, text, sizeof(text), want, NULL), 1);
	assert_memory_equal(out, want, 32);
}

static void the_issued_certificate_comes_with_its_issuer(void **state)
{
	struct pair *p = *state;
	X509 *leaf;
	uint8_t *der = NULL;

	dial(p, TLS1_3_VERSION, 0);
	assert_true(shake_hands(p));
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(p->client)), 2);
	leaf = SSL_get1_peer_certificate(p->client);
	assert_int_equal(i2d_X509(leaf, &der), p->identity.certificate.left);
	assert_memory_equal(der, p->certificate, p->identity.certificate.left);
	assert_int_equal(X509_verify(leaf, p->factory.key), 1);
	OPENSSL_free(der);
	X509_free(leaf);
}

static void a_device_without_certificate_makes_one_from_its_key(void **state)
{
	struct pair *p = *state;
	X509 *leaf;
	uint8_t pub[80];
	size_t len = 0;
	char name[200];

	p->identity.certificate = p->identity.issuer = (struct mr_rd){ .bad = true };
	dial(p, TLS1_3_VERSION, 0);
	assert_true(shake_hands(p));
	leaf = SSL_get1_peer_certificate(p->client);
	assert_int_equal(X509_verify(leaf, X509_get0_pubkey(leaf)), 1);
	assert_int_equal(X509_cmp_time(X509_get0_notBefore(leaf), &(time_t){ 1 }), -1);
	assert_int_equal(X509_cmp_current_time(X509_get0_notAfter(leaf)), 1);
	X509_NAME_oneline(X509_get_subject_name(leaf), name, sizeof(name));
	assert_string_equal(name, "/CN=Brook lamp/serialNumber=d001020304050607");
	assert_int_equal(EVP_PKEY_get_octet_string_param(X509_get0_pubkey(leaf), "pub", pub, sizeof(pub), &len), 1);
	assert_memory_equal(pub, p->pub, 65);
	X509_free(leaf);
}

static void a_key_that_is_none_or_another_certificates_is_refused(void **state)
{
	static const uint8_t zero[32], another[32] = { 7 };
	struct pair *p = *state;
	struct mr_tls_identity identity = p->identity;

	identity.priv = NULL;
	assert_null(mr_tls_create(&identity));
	identity.priv = zero;
	assert_null(mr_tls_create(&identity));
	identity.priv = another;
	assert_null(mr_tls_create(&identity));
	identity.priv = priv;
	for (size_t len = 1; len < p->identity.certificate.left; len += 17) {
		identity.certificate = mr_rd_over(p->certificate, len);
		assert_null(mr_tls_create(&identity));
	}
}

static void octets_that_are_no_tls_end_the_connection(void **state)
{
	static const char plain[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct pair *p = *state;
	uint8_t out[200], flip[1 << 14];
	int got;

	dial(p, TLS1_3_VERSION, 0);
	assert_false(mr_tls_feed(p->server, (const uint8_t *)plain, sizeof(plain) - 1));
	(void)mr_tls_take(p->server, out, sizeof(out)); /* an alert, perhaps */
	assert_false(mr_tls_feed(p->server, (const uint8_t *)plain, 1));
	/* A record of the peer's with one bit changed. */
	dial(p, TLS1_3_VERSION, 0);
	assert_true(shake_hands(p));
	assert_int_equal(SSL_write(p->client, "hello", 5), 5);
	got = BIO_read(SSL_get_wbio(p->client), flip, sizeof(flip));
	assert_true(got > 10);
	flip[got - 1] ^= 1;
	assert_false(mr_tls_feed(p->server, flip, (size_t)got));
	assert_int_equal(mr_tls_read(p->server, out, sizeof(out)), 0);
	assert_false(mr_tls_ready(p->server));
	assert_true(mr_tls_take(p->server, out, sizeof(out)) > 0); /* the alert */
}

static void a_good_bye_is_heard_and_said_and_what_came_before_it_is_read(void **state)
{
	struct pair *p = *state;
	uint8_t text[16];

	dial(p, TLS1_3_VERSION, 0);
	assert_true(shake_hands(p));
	assert_int_equal(SSL_write(p->client, "last", 4), 4);
	assert_int_equal(SSL_shutdown(p->client), 0);
	assert_true(move(p));
	assert_int_equal(mr_tls_read(p->server, text, sizeof(text)), 4);
	assert_int_equal(mr_tls_read(p->server, text, sizeof(text)), 0);
	assert_false(mr_tls_feed(p->server, text, 0));
	dial(p, TLS1_2_VERSION, 0);
	assert_true(shake_hands(p));
	mr_tls_close(p->server);
	assert_true(move(p));
	assert_int_equal(SSL_get_shutdown(p->client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

int main(void)
{
#define BY_A_PAIR(test) cmocka_unit_test_setup_teardown(test, pair_make, pair_wipe)
	const struct CMUnitTest tests[] = {
		BY_A_PAIR(both_versions_agree_and_bind_alike_in_any_cuts),
		BY_A_PAIR(an_old_version_is_refused),
		BY_A_PAIR(without_extended_master_secret_the_certificate_is_bound_too),
		BY_A_PAIR(the_issued_certificate_comes_with_its_issuer),
		BY_A_PAIR(a_device_without_certificate_makes_one_from_its_key),
		BY_A_PAIR(a_key_that_is_none_or_another_certificates_is_refused),
		BY_A_PAIR(octets_that_are_no_tls_end_the_connection),
		BY_A_PAIR(a_good_bye_is_heard_and_said_and_what_came_before_it_is_read),
	};

	return cmocka_run_group_tests_name("device_tls", tests, NULL, NULL);
}
