/*
 * TLS against an OpenSSL server in the same process: versions, policies, certificates that are wrong, records that are
 * cut, spoiled or missing.
 *
 * links: station/ip/tls.c station/base/entropy.c station/base/log.c agent/wire/cause.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/wire/cause.h"
#include "station/base/entropy.h"
#include "station/ip/tls.h"
#include "tests/support/voice.h"
#include "tests/unit/tls_server.h"

#define NOW_S 1700000000L
#define NOW_US (UINT64_C(1000000) * NOW_S)
#define YEAR_S 31536000L

static struct maker root, issuing, device, expired, unborn, nameless, twice, self, client_only, other_root;
static struct tls_server server;
static struct tls_trust *trust, *any;
static struct tls *tls;
static size_t longest_record;

static struct tls_trust *trust_in(const struct maker *m)
{
	uint8_t der[4096];

	return tls_trust_create(mr_rd_over(der, der_of(m, der)));
}

static int make_all(void **state)
{
	(void)state;
	root = make((struct cert_wish){ "Root", NULL, NULL, NULL, true, NOW_S - YEAR_S, NOW_S + YEAR_S, NULL });
	other_root = make((struct cert_wish){ "Root", NULL, NULL, NULL, true, NOW_S - YEAR_S, NOW_S + YEAR_S, NULL });
	issuing = make((struct cert_wish){ "Issuing", NULL, NULL, &root, true, NOW_S - YEAR_S, NOW_S + YEAR_S, NULL });
	device = make((struct cert_wish){ "device", "SN-0001", NULL, &issuing, false, NOW_S - 10, NOW_S + 10, NULL });
	expired = make((struct cert_wish){ "device", "SN-0001", NULL, &issuing, false, NOW_S - 10, NOW_S - 1, NULL });
	unborn = make((struct cert_wish){ "device", "SN-0001", NULL, &issuing, false, NOW_S + 1, NOW_S + 10, NULL });
	nameless = make((struct cert_wish){ "SN-0001", NULL, NULL, &issuing, false, NOW_S - 10, NOW_S + 10, NULL });
	twice = make(
		(struct cert_wish){ "device", "SN-0001", "SN-0002", &issuing, false, NOW_S - 10, NOW_S + 10, NULL });
	client_only = make(
		(struct cert_wish){ "device", "SN-0001", NULL, &issuing, false, NOW_S - 10, NOW_S + 10, "clientAuth" });
	self = make(
		(struct cert_wish){ "192.168.4.1", NULL, NULL, NULL, false, NOW_S - 2 * YEAR_S, NOW_S - YEAR_S, NULL });
	trust = trust_in(&root);
	any = tls_trust_create(mr_rd_over("", 0));
	return trust && any ? 0 : -1;
}

static int unmake_all(void **state)
{
	struct maker *all[] = { &root,	 &other_root, &issuing, &device,      &expired,
				&unborn, &nameless,   &twice,	&client_only, &self };

	(void)state;
	tls_trust_destroy(trust);
	tls_trust_destroy(any);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		unmake(all[i]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tls_destroy(tls);
	tls = NULL;
	if (server.ssl)
		server_close(&server);
	memset(&server, 0, sizeof(server));
	return 0;
}

static struct tls_policy serial_policy(const char *serial)
{
	return (struct tls_policy){ .serial = serial, .utc_us = NOW_US };
}

static void note_records(const uint8_t *bytes, size_t len)
{
	longest_record = 0;
	for (size_t at = 0; at + 5 <= len;) {
		size_t n = (size_t)bytes[at + 3] << 8 | bytes[at + 4];

		longest_record = n > longest_record ? n : longest_record;
		at += 5 + n;
	}
}

/* Both ways until neither has anything to say; what goes to the client is cut into pieces of `cut` octets. */
static int pump(size_t cut)
{
	static uint8_t bytes[200000];
	int result = TLS_NOTHING, r;
	size_t n;

	do {
		size_t to_server = tls_take(tls, bytes, sizeof(bytes));

		server_receive(&server, bytes, to_server);
		n = server_take(&server, bytes, sizeof(bytes));
		if (n > 0)
			note_records(bytes, n);
		for (size_t at = 0; at < n; at += cut) {
			r = tls_receive(tls, bytes + at, n - at < cut ? n - at : cut);
			if (r != TLS_NOTHING)
				result = r;
		}
		n += to_server;
	} while (n > 0);
	return result;
}

static int connect_to(struct tls_trust *t, struct tls_policy policy, const struct maker *m, const struct maker *more,
		      int version)
{
	teardown(NULL);
	server_open(&server, m, more, version);
	tls = tls_create(t, &policy);
	assert_non_null(tls);
	return pump(100000);
}

static void assert_words(const char *part)
{
	if (!strstr(tls_words(tls), part))
		fail_msg("\"%s\" is not in \"%s\"", part, tls_words(tls));
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* --- what is right --- */

static void a_device_with_its_chain_and_its_serial_is_accepted(void **state)
{
	uint8_t der[4096], sum[32], expected[32];

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		assert_int_equal(connect_to(trust, serial_policy("SN-0001"), &device, &issuing, versions[v]), TLS_UP);
		assert_true(server.up);
		assert_string_equal(tls_version(tls), v == 0 ? "TLSv1.2" : "TLSv1.3");
		assert_non_null(strstr(tls_cipher(tls), "AES"));
		assert_string_equal(tls_words(tls), "");
		assert_null(SSL_get_servername(server.ssl, TLSEXT_NAMETYPE_host_name));
		size_t len = der_of(&device, der);

		assert_int_equal(tls_leaf(tls).left, len);
		assert_memory_equal(tls_leaf(tls).at, der, len);
		assert_true(tls_leaf_sha256(tls, sum));
		assert_true(EVP_Q_digest(NULL, "SHA256", NULL, der, len, expected, NULL));
		assert_memory_equal(sum, expected, 32);
	}
}

static void the_issuing_ca_alone_ends_a_chain_and_pem_does_as_well(void **state)
{
	struct tls_trust *t = trust_in(&issuing);
	BIO *pem = BIO_new(BIO_s_mem());
	char *text;
	long len;

	(void)state;
	assert_non_null(t);
	assert_int_equal(connect_to(t, serial_policy("SN-0001"), &device, NULL, TLS1_3_VERSION), TLS_UP);
	teardown(NULL);
	tls_trust_destroy(t);
	PEM_write_bio_X509(pem, other_root.cert);
	PEM_write_bio_X509(pem, root.cert);
	len = BIO_get_mem_data(pem, &text);
	t = tls_trust_create(mr_rd_over(text, (size_t)len));
	assert_non_null(t);
	assert_int_equal(connect_to(t, serial_policy(NULL), &device, &issuing, TLS1_2_VERSION), TLS_UP);
	teardown(NULL);
	tls_trust_destroy(t);
	assert_null(tls_trust_create(mr_rd_over(text, (size_t)len - 40)));
	text[200] = '*';
	assert_null(tls_trust_create(mr_rd_over(text, (size_t)len)));
	assert_null(tls_trust_create(mr_rd_over("no certificate", 14)));
	assert_null(tls_trust_create(mr_rd_over("0\x82\x01\x01", 4)));
	BIO_free(pem);
}

static void a_self_signed_certificate_is_accepted_and_can_be_held_to(void **state)
{
	struct tls_policy policy = { .utc_us = NOW_US }; /* long expired: its dates are not asked */
	uint8_t pin[32];

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		policy.pin = NULL;
		assert_int_equal(connect_to(any, policy, &self, NULL, versions[v]), TLS_UP);
		assert_true(tls_leaf_sha256(tls, pin));
		policy.pin = pin;
		assert_int_equal(connect_to(any, policy, &self, NULL, versions[v]), TLS_UP);
		pin[31] ^= 1;
		assert_int_equal(connect_to(any, policy, &self, NULL, versions[v]), -MR_CAUSE_CERTIFICATE_REFUSED);
		assert_false(server.up);
		assert_true(server.failed); /* it was told by an alert */
		assert_words("not the one on record");
	}
}

static void both_ends_export_the_same_channel_binding(void **state)
{
	uint8_t here[32], there[32], before[32] = { 0 };

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		assert_int_equal(connect_to(any, serial_policy(NULL), &self, NULL, versions[v]), TLS_UP);
		assert_true(tls_channel_binding(tls, here));
		assert_int_equal(SSL_export_keying_material(server.ssl, there, 32, "EXPORTER-Channel-Binding", 24,
							    (const uint8_t *)"", 0, 1),
				 1);
		assert_memory_equal(here, there, 32);
		assert_memory_not_equal(here, before, 32);
		memcpy(before, here, 32);
	}
	teardown(NULL);
	server_open(&server, &self, NULL, TLS1_2_VERSION);
	SSL_set_options(server.ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	struct tls_policy policy = serial_policy(NULL);

	tls = tls_create(any, &policy);
	assert_false(tls_channel_binding(tls, here));
	assert_int_equal(pump(100000), TLS_UP);
	/* Without extended_master_secret: with the certificate, as docs/protocol.md has it. */
	uint8_t text[16 + 64];

	assert_true(tls_channel_binding(tls, here));
	memcpy(text, "millrace tls 1.2", 16);
	assert_int_equal(SSL_export_keying_material(server.ssl, text + 16, 32, "EXPORTER-Channel-Binding", 24,
						    (const uint8_t *)"", 0, 1),
			 1);
	assert_memory_not_equal(here, text + 16, 32);
	assert_true(tls_leaf_sha256(tls, text + 48));
	assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, text, sizeof(text), there, NULL), 1);
	assert_memory_equal(here, there, 32);
}

static struct maker weak_maker(EVP_PKEY *key, const EVP_MD *md)
{
	struct maker m = { .key = key, .cert = X509_new() };

	assert_non_null(key);
	assert_true(X509_set_pubkey(m.cert, key) && ASN1_INTEGER_set(X509_get_serialNumber(m.cert), 5) &&
		    X509_gmtime_adj(X509_getm_notBefore(m.cert), -86400) &&
		    X509_gmtime_adj(X509_getm_notAfter(m.cert), 864000) && X509_sign(m.cert, key, md) > 0);
	return m;
}

/* "pinned" takes anybody's certificate, but not one that anybody could have. */
static void weak_keys_and_hashes_are_refused_without_anchors_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct maker weak = i == 0   ? weak_maker(EVP_RSA_gen(512), EVP_sha256())
				    : i == 1 ? weak_maker(EVP_RSA_gen(1024), EVP_sha256())
					     : weak_maker(EVP_EC_gen("P-256"), EVP_sha1());

		teardown(NULL);
		server_open(&server, &weak, NULL, TLS1_2_VERSION);
		struct tls_policy policy = serial_policy(NULL);

		tls = tls_create(any, &policy);
		assert_int_equal(pump(100000), -MR_CAUSE_CERTIFICATE_REFUSED);
		assert_words(i < 2 ? "certificate's key is worth" : "certificate's signature is worth");
		X509_free(weak.cert);
		EVP_PKEY_free(weak.key);
	}
}

/* --- certificates that are wrong --- */

static void the_log_tells_what_was_wrong_with_it(void **state)
{
	struct tls_policy policy = serial_policy("SN-0002");
	struct voice v;

	(void)state;
	policy.tag = voice_open(&v, LOG_DEBUG);
	assert_int_equal(connect_to(trust, policy, &device, &issuing, TLS1_3_VERSION), -MR_CAUSE_CERTIFICATE_REFUSED);
	assert_true(voice_says(&v, "tls: handshaking -> failed (certificate-refused: the certificate's serialNumber is "
				   "SN-0001, not SN-0002)\n"));
	assert_true(voice_says(&v, "... refused\n"));
	policy.serial = "SN-0001";
	assert_int_equal(connect_to(trust, policy, &device, &issuing, TLS1_3_VERSION), TLS_UP);
	assert_true(voice_says(&v, "tls: handshaking -> up (TLS_"));
	teardown(NULL);
	voice_close(&v);
}

static void wrong_certificates_are_refused_in_the_handshake(void **state)
{
	const struct {
		const struct maker *cert, *more;
		const char *serial, *words;
	} wrong[] = {
		{ &device, &issuing, "SN-0002", "SN-0001, not SN-0002" },
		{ &device, &issuing, "SN-000", "SN-0001, not SN-000" },
		{ &device, &issuing, "sn-0001", "not sn-0001" },
		{ &device, &issuing, "", "SN-0001, not " },
		{ &device, NULL, "SN-0001", "unable to get local issuer certificate" },
		{ &expired, &issuing, "SN-0001", "certificate has expired" },
		{ &unborn, &issuing, "SN-0001", "not yet valid" },
		{ &nameless, &issuing, "SN-0001", "no serialNumber" },
		{ &twice, &issuing, "SN-0001", "or there are two" },
		{ &client_only, &issuing, "SN-0001", "unsuitable certificate purpose" },
		{ &self, NULL, NULL, "self-signed certificate" },
	};

	(void)state;
	for (size_t v = 0; v < 2; v++)
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			assert_int_equal(connect_to(trust, serial_policy(wrong[i].serial), wrong[i].cert, wrong[i].more,
						    versions[v]),
					 -MR_CAUSE_CERTIFICATE_REFUSED);
			assert_words(wrong[i].words);
			assert_false(server.up);
			assert_true(server.failed);
			assert_true(tls_leaf(tls).left > 0);
			assert_int_equal(tls_receive(tls, "", 0), -MR_CAUSE_CERTIFICATE_REFUSED);
		}
}

static void another_ca_of_the_same_name_is_refused(void **state)
{
	struct tls_trust *t = trust_in(&other_root);

	(void)state;
	for (size_t v = 0; v < 2; v++)
		assert_int_equal(connect_to(t, serial_policy("SN-0001"), &device, &issuing, versions[v]),
				 -MR_CAUSE_CERTIFICATE_REFUSED);
	teardown(NULL);
	tls_trust_destroy(t);
}

static void validity_is_judged_by_the_callers_clock(void **state)
{
	struct tls_policy policy = { .serial = "SN-0001", .utc_us = NOW_US + 9 * UINT64_C(1000000) };

	(void)state;
	assert_int_equal(connect_to(trust, policy, &device, &issuing, TLS1_3_VERSION), TLS_UP);
	policy.utc_us = NOW_US + 11 * UINT64_C(1000000);
	assert_int_equal(connect_to(trust, policy, &device, &issuing, TLS1_3_VERSION), -MR_CAUSE_CERTIFICATE_REFUSED);
	policy.utc_us = NOW_US - 5 * UINT64_C(1000000);
	assert_int_equal(connect_to(trust, policy, &expired, &issuing, TLS1_3_VERSION), TLS_UP);
}

static void pin_and_chain_are_both_asked(void **state)
{
	struct tls_policy policy = serial_policy("SN-0001");
	uint8_t pin[32];

	(void)state;
	connect_to(trust, policy, &device, &issuing, TLS1_3_VERSION);
	assert_true(tls_leaf_sha256(tls, pin));
	policy.pin = pin;
	assert_int_equal(connect_to(trust, policy, &device, &issuing, TLS1_3_VERSION), TLS_UP);
	assert_int_equal(connect_to(trust, policy, &device, NULL, TLS1_3_VERSION), -MR_CAUSE_CERTIFICATE_REFUSED);
	pin[0] ^= 1;
	assert_int_equal(connect_to(trust, policy, &device, &issuing, TLS1_3_VERSION), -MR_CAUSE_CERTIFICATE_REFUSED);
}

/* --- records --- */

static void ciphertext_may_be_cut_anywhere(void **state)
{
	static const size_t cuts[] = { 1, 2, 3, 5, 6, 7, 100, 1000 };
	struct tls_policy policy = serial_policy("SN-0001");

	(void)state;
	for (size_t v = 0; v < 2; v++)
		for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
			teardown(NULL);
			server_open(&server, &device, &issuing, versions[v]);
			tls = tls_create(trust, &policy);
			assert_int_equal(pump(cuts[i]), TLS_UP);
		}
}

static void data_goes_both_ways_and_ends_in_order(void **state)
{
	static uint8_t sent[60000], got[60000];
	size_t taken = 0, n, have = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 31 + i / 256);
	for (size_t v = 0; v < 2; v++) {
		struct tls_policy policy = serial_policy(NULL);

		teardown(NULL);
		server_open(&server, &self, NULL, versions[v]);
		tls = tls_create(any, &policy);
		assert_int_equal(tls_write(tls, sent, 10, &taken), TLS_NOTHING);
		assert_int_equal(taken, 0);
		assert_int_equal(pump(100000), TLS_UP);
		assert_int_equal(pump(100000), TLS_NOTHING); /* UP is said once */
		for (size_t at = 0; at < sizeof(sent); at += taken) {
			assert_int_equal(tls_write(tls, sent + at, sizeof(sent) - at, &taken), TLS_NOTHING);
			assert_true(taken > 0 && (at > 0 || taken < sizeof(sent)));
			pump(100000);
		}
		assert_int_equal(server.got_len, sizeof(sent));
		assert_memory_equal(server.got, sent, sizeof(sent));
		assert_int_equal(SSL_write(server.ssl, sent, sizeof(sent)), sizeof(sent));
		SSL_shutdown(server.ssl);
		pump(777);
		for (have = 0; tls_read(tls, got + have, 1000, &n) == TLS_NOTHING && n > 0; have += n)
			;
		assert_int_equal(have, sizeof(sent));
		assert_memory_equal(got, sent, sizeof(sent));
		assert_int_equal(tls_read(tls, got, 1000, &n), TLS_CLOSED);
		assert_int_equal(tls_end(tls), TLS_CLOSED);
		tls_close(tls);
		pump(100000);
		assert_true(SSL_get_shutdown(server.ssl) & SSL_RECEIVED_SHUTDOWN);
	}
}

static void an_end_without_close_notify_is_an_attack_or_a_fault(void **state)
{
	(void)state;
	connect_to(any, serial_policy(NULL), &self, NULL, TLS1_3_VERSION);
	assert_int_equal(tls_end(tls), -MR_CAUSE_TLS_FAILED);
	assert_words("without close_notify");
	teardown(NULL);
	struct tls_policy policy = serial_policy(NULL);

	tls = tls_create(any, &policy);
	assert_int_equal(tls_end(tls), -MR_CAUSE_TLS_FAILED);
	assert_words("in the handshake");
}

static void small_records_are_asked_for_and_kept(void **state)
{
	static uint8_t sent[5000];
	struct tls_policy policy = serial_policy(NULL);

	(void)state;
	for (unsigned len = 512; len <= 1024; len += 512)
		for (size_t v = 0; v < 2; v++) {
			policy.fragment_len = len;
			assert_int_equal(connect_to(any, policy, &self, NULL, versions[v]), TLS_UP);
			SSL_write(server.ssl, sent, sizeof(sent));
			pump(100000);
			assert_in_range(longest_record, len, len + 64);
			policy.fragment_len = 0;
			assert_int_equal(connect_to(any, policy, &self, NULL, versions[v]), TLS_UP);
			SSL_write(server.ssl, sent, sizeof(sent));
			pump(100000);
			assert_true(longest_record > 5000);
		}
}

static void a_spoiled_record_ends_the_connection(void **state)
{
	uint8_t bytes[2048], got[16];
	size_t n, len;

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		connect_to(any, serial_policy(NULL), &self, NULL, versions[v]);
		SSL_write(server.ssl, "hello", 5);
		len = server_take(&server, bytes, sizeof(bytes));
		bytes[len - 1] ^= 1;
		tls_receive(tls, bytes, len);
		assert_int_equal(tls_read(tls, got, sizeof(got), &n), -MR_CAUSE_TLS_FAILED);
		assert_int_equal(n, 0);
		assert_words("bad record mac");
		assert_int_equal(tls_write(tls, "x", 1, &n), -MR_CAUSE_TLS_FAILED);
	}
}

static void what_is_no_tls_is_refused(void **state)
{
	static const char *const wrong[] = { "HTTP/1.1 400 Bad Request\r\n\r\n",
					     "\x15\x03\x03\x00\x02\x02\x28",
					     "\x15\x03\x01\x00\x02\x02\x46",
					     "\x16\x03\x03\xff\xff",
					     "\x17\x03\x03\x00\x01x",
					     "\x16\x03\x03\x00\x04\x0e\x00\x00\x00" };
	static const size_t lens[] = { 28, 7, 7, 5, 6, 9 };
	static const char *const words[] = { "wrong version number", "handshake failure", "protocol version", "", "",
					     "unexpected message" };
	struct tls_policy policy = serial_policy(NULL);

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		teardown(NULL);
		tls = tls_create(any, &policy);
		assert_int_equal(tls_receive(tls, wrong[i], lens[i]), -MR_CAUSE_TLS_FAILED);
		assert_words(words[i]);
	}
}

static void a_device_that_speaks_only_old_tls_is_refused(void **state)
{
	(void)state;
	teardown(NULL);
	server_open(&server, &self, NULL, 0);
	SSL_set_security_level(server.ssl, 0);
	SSL_set_min_proto_version(server.ssl, TLS1_VERSION);
	SSL_set_max_proto_version(server.ssl, TLS1_1_VERSION);
	struct tls_policy policy = serial_policy(NULL);

	tls = tls_create(any, &policy);
	assert_int_equal(pump(1000), -MR_CAUSE_TLS_FAILED);
	assert_words("protocol version");
}

/* Any octet of the server's first flight changed: neither end believes that it is connected. */
static void a_handshake_spoiled_anywhere_is_not_accepted(void **state)
{
	static uint8_t bytes[8192];
	struct tls_policy policy = serial_policy(NULL);

	(void)state;
	for (size_t v = 0; v < 2; v++)
		for (size_t at = 0, len = 1; at < len; at++) {
			teardown(NULL);
			server_open(&server, &self, NULL, versions[v]);
			tls = tls_create(any, &policy);
			server_receive(&server, bytes, tls_take(tls, bytes, sizeof(bytes)));
			len = server_take(&server, bytes, sizeof(bytes));
			if (at >= len)
				break; /* signatures differ in length */
			assert_true(tls_receive(tls, bytes, at) != TLS_UP);
			bytes[at] ^= 0x55;
			(void)tls_receive(tls, bytes + at, len - at);
			(void)pump(100000);
			/* But for the first record's version, which nobody may look at: RFC 8446 5.1. */
			assert_true(!server.up || at == 2);
		}
}

/* --- repetition --- */

static size_t all_that_is_sent(uint64_t seed, uint8_t *out, size_t cap)
{
	struct entropy *e = entropy_create_seeded(seed, "station");
	struct tls_policy policy = serial_policy(NULL);
	struct tls_trust *t;
	size_t len = 0, n;

	entropy_lend_to_openssl(e);
	t = tls_trust_create(mr_rd_over("", 0));
	server_open(&server, &self, NULL, TLS1_3_VERSION);
	tls = tls_create(t, &policy);
	for (int round = 0; round < 3; round++) {
		n = tls_take(tls, out + len, cap - len);
		server_receive(&server, out + len, n);
		len += n;
		n = server_take(&server, out + len, cap - len);
		(void)tls_receive(tls, out + len, n);
		len += n;
	}
	assert_true(server.up);
	teardown(NULL);
	tls_trust_destroy(t);
	entropy_lend_to_openssl(NULL);
	entropy_destroy(e);
	return len;
}

static void with_lent_entropy_a_handshake_repeats_to_the_byte(void **state)
{
	static uint8_t first[8192], second[8192], other[8192];
	size_t len;

	(void)state;
	teardown(NULL);
	len = all_that_is_sent(3, first, sizeof(first));
	assert_true(len > 1000);
	assert_int_equal(all_that_is_sent(3, second, sizeof(second)), len);
	assert_memory_equal(first, second, len);
	all_that_is_sent(4, other, sizeof(other));
	assert_memory_not_equal(first, other, len);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_log_tells_what_was_wrong_with_it),
		TEST(a_device_with_its_chain_and_its_serial_is_accepted),
		TEST(the_issuing_ca_alone_ends_a_chain_and_pem_does_as_well),
		TEST(a_self_signed_certificate_is_accepted_and_can_be_held_to),
		TEST(both_ends_export_the_same_channel_binding),
		TEST(weak_keys_and_hashes_are_refused_without_anchors_too),
		TEST(wrong_certificates_are_refused_in_the_handshake),
		TEST(another_ca_of_the_same_name_is_refused),
		TEST(validity_is_judged_by_the_callers_clock),
		TEST(pin_and_chain_are_both_asked),
		TEST(ciphertext_may_be_cut_anywhere),
		TEST(data_goes_both_ways_and_ends_in_order),
		TEST(an_end_without_close_notify_is_an_attack_or_a_fault),
		TEST(small_records_are_asked_for_and_kept),
		TEST(a_spoiled_record_ends_the_connection),
		TEST(what_is_no_tls_is_refused),
		TEST(a_device_that_speaks_only_old_tls_is_refused),
		TEST(a_handshake_spoiled_anywhere_is_not_accepted),
		TEST(with_lent_entropy_a_handshake_repeats_to_the_byte),
	};

	return cmocka_run_group_tests(tests, make_all, unmake_all);
}
