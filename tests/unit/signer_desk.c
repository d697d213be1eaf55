/*
 * What a signer does for a station that somebody else may command: everything that a run needs, and nothing more.
 *
 * links: station/identity/signer_desk.c station/identity/signer_file.c station/identity/certificate.c
 * links: station/identity/identity.c station/identity/keyfile.c station/identity/ceremony.c
 * links: station/identity/pin.c station/identity/serial.c station/base/entropy.c
 * links: station/base/log.c agent/wire/hkdf.c agent/wire/cause.c agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/identity/ceremony.h"
#include "station/identity/private.h"
#include "station/identity/signer_desk.h"

#define NOW_US (INT64_C(1795426245) * 1000000) /* 2026-11-23 09:30:45 UTC */
#define PRODUCT "AC-100"

static const struct identity_profile plain = { .organization = "Acme", .common_name = PRODUCT };
static const struct identity_profile full = { .organization = "Acme",
					      .common_name = PRODUCT,
					      .validity_s = 86400,
					      .subject_key_identifier = true,
					      .hw_type_oid = "1.3.6.1.4.1.32473.1" };

struct bench {
	char dir[64];
	struct entropy *entropy;
	struct identity *identity; /* the same keys, in this process: the judge */
	struct signer_desk desk;
	struct identity_csr csr;
	uint8_t room[SIGNER_MESSAGE_MAX];
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	const struct ceremony plan = { .dir = b->dir, .root_days = 20, .issuing_days = 10, .utc_us = NOW_US };
	char error[300] = "";
	uint8_t private[32];

	(void)snprintf(b->dir, sizeof(b->dir), "/tmp/millrace-desk-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->entropy = entropy_create_seeded(1, "desk");
	if (ceremony_init(&plan, b->entropy, error, sizeof(error)) != 0 ||
	    identity_open(&b->identity, b->dir, "default", NOW_US, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	entropy_fill(b->entropy, private, sizeof(private));
	assert_true(mr_p256_public(private, b->csr.public_key));
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	identity_close(b->identity);
	entropy_destroy(b->entropy);
	(void)nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(b);
	return 0;
}

/* Octets of a request, sent; the answer's cause and body. */
static int ask(struct bench *b, enum signer_channel channel, uint8_t kind, const void *body, size_t len,
	       struct mr_rd *answer)
{
	uint8_t request[SIGNER_MESSAGE_MAX];
	struct mr_wr out = mr_wr_over(request, sizeof(request)), in = mr_wr_over(b->room, sizeof(b->room));
	struct signer_head head = { .kind = kind, .number = 7 }, got;

	signer_put_head(&out, &head);
	mr_wr_bytes(&out, body, len);
	assert_true(signer_desk_answer(&b->desk, channel, mr_wr_written(&out), &in));
	*answer = mr_wr_written(&in);
	assert_true(signer_get_answer(answer, &got));
	assert_int_equal(got.kind, kind);
	assert_int_equal(got.number, 7);
	return got.cause;
}

static struct mr_wr set_up_body(uint8_t room[static 1000], const char *dir, const struct identity_profile *profile,
				bool simulated)
{
	struct mr_wr out = mr_wr_over(room, 1000);

	signer_put_text(&out, dir);
	mr_wr_le64(&out, (uint64_t)NOW_US);
	signer_put_text(&out, profile->organization ? profile->organization : "");
	signer_put_text(&out, profile->common_name);
	signer_put_text(&out, profile->hw_type_oid ? profile->hw_type_oid : "");
	mr_wr_le64(&out, (uint64_t)profile->validity_s);
	mr_wr_u8(&out, profile->subject_key_identifier);
	signer_put_text(&out, PRODUCT);
	mr_wr_u8(&out, simulated);
	mr_wr_le64(&out, 1);
	signer_put_text(&out, "test");
	return out;
}

static void set_up(struct bench *b, const struct identity_profile *profile, bool simulated)
{
	uint8_t room[1000];
	struct mr_wr body = set_up_body(room, b->dir, profile, simulated);
	char kek[24], record[24];
	struct mr_rd answer;

	signer_desk_init(&b->desk);
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_SET_UP, body.buf, body.len, &answer), 0);
	signer_get_text(&answer, kek, sizeof(kek));
	signer_get_text(&answer, record, sizeof(record));
	assert_int_equal(answer.left, 32);
	assert_memory_equal(answer.at, identity_station_public(b->identity), 32);
	assert_false(answer.bad);
	assert_string_equal(kek, identity_kek_id(b->identity));
	assert_string_equal(record, identity_record_key_id(b->identity));
	assert_true(signer_desk_try(&b->desk));
}

/* --- what a run needs --- */

struct caught {
	struct signer signer; /* first: the seam */
	uint8_t tbs[IDENTITY_CERT_MAX];
	size_t len;
};

static int catch_tbs(struct signer *signer, const uint8_t *tbs, size_t len, signer_done_fn *done, void *ctx)
{
	struct caught *c = (struct caught *)signer;

	memcpy(c->tbs, tbs, len);
	c->len = len;
	done(ctx, -MR_CAUSE_STOPPED, NULL, 0);
	return 0;
}

static void on_issued(void *ctx, int result, const struct identity_certificate *issued)
{
	(void)ctx, (void)issued;
	assert_int_equal(result, -MR_CAUSE_STOPPED);
}

/* What a station would have signed. */
static struct caught tbs_of(struct bench *b, const struct identity_profile *profile, const char *serial, int64_t utc_us)
{
	struct caught c = { .signer = { .sign = catch_tbs } };

	assert_int_equal(
		identity_issue(b->identity, &c.signer, b->entropy, profile, &b->csr, serial, utc_us, on_issued, NULL),
		0);
	return c;
}

static int ask_for(struct bench *b, const uint8_t *tbs, size_t len, struct mr_rd *sig)
{
	return ask(b, SIGNER_CERTIFICATES, SIGNER_CERTIFICATE, tbs, len, sig);
}

static bool verifies(struct bench *b, const struct caught *c, struct mr_rd sig)
{
	const uint8_t *der = b->identity->issuer_der;
	X509 *issuer = d2i_X509(NULL, &der, (long)b->identity->issuer_der_len);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, X509_get0_pubkey(issuer)) == 1 &&
		  EVP_DigestVerify(ctx, sig.at, sig.left, c->tbs, c->len) == 1;

	EVP_MD_CTX_free(ctx);
	X509_free(issuer);
	return ok;
}

static void certificates_of_the_profile_are_signed(void **state)
{
	static const struct identity_profile *const profiles[] = { &plain, &full };
	static const char *const serials[] = { "A", "AC10000001", "with_underscore",
					       "12345678901234567890123456789012" };
	struct bench *b = *state;

	for (size_t i = 0; i < 2; i++) {
		set_up(b, profiles[i], false);
		for (unsigned n = 0; n < 100; n++) { /* serial numbers of every length and sign */
			struct caught c = tbs_of(b, profiles[i], serials[n % 4], NOW_US + n * INT64_C(999999));
			struct mr_rd sig;

			assert_int_equal(ask_for(b, c.tbs, c.len, &sig), 0);
			assert_true(verifies(b, &c, sig));
		}
		signer_desk_wipe(&b->desk);
	}
}

static void a_record_is_signed_as_record_pub_verifies_it(void **state)
{
	struct bench *b = *state;
	uint8_t hash[33] = { 1, 2, 3 }, public_key[65];
	char error[300];
	struct mr_rd sig;

	set_up(b, &plain, false);
	assert_int_equal(identity_record_public(b->dir, public_key, NULL, error, sizeof(error)), 0);
	assert_int_equal(ask(b, SIGNER_RECORD, SIGNER_SIGN_RECORD, hash, 31, &sig), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(ask(b, SIGNER_RECORD, SIGNER_SIGN_RECORD, hash, 33, &sig), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(ask(b, SIGNER_RECORD, SIGNER_SIGN_RECORD, hash, 32, &sig), 0);
	assert_true(identity_record_verify(public_key, hash, sig.at, sig.left));
	signer_desk_wipe(&b->desk);
}

static void it_agrees_as_station_key_does(void **state)
{
	struct bench *b = *state;
	uint8_t private[32] = { 5 }, peer[33], shared[32];
	struct mr_rd answer;

	set_up(b, &plain, false);
	assert_true(mr_x25519_public(private, peer));
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_AGREE, peer, 31, &answer), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_AGREE, peer, 33, &answer), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_AGREE, peer, 32, &answer), 0);
	assert_true(mr_x25519(private, identity_station_public(b->identity), shared));
	assert_int_equal(answer.left, 32);
	assert_memory_equal(answer.at, shared, 32);
	memset(peer, 0, sizeof(peer));
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_AGREE, peer, 32, &answer), MR_CAUSE_BAD_SIGNATURE);
	signer_desk_wipe(&b->desk);
}

static struct mr_wr unit_body(uint8_t room[static 300], const char *product, const char *serial)
{
	struct mr_wr out = mr_wr_over(room, 300);

	signer_put_text(&out, product);
	if (serial)
		signer_put_text(&out, serial);
	return out;
}

static void pins_of_its_product_are_sealed_looked_up_and_opened(void **state)
{
	struct bench *b = *state;
	uint8_t room[300], value[32], sealed[PIN_SEALED_MAX];
	char pin[IDENTITY_PIN_MAX];
	struct mr_rd answer;
	struct mr_wr body;
	size_t len;

	set_up(b, &plain, false);
	body = unit_body(room, PRODUCT, "A1");
	signer_put_text(&body, "48151623");
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_SEAL, body.buf, body.len, &answer), 0);
	assert_int_equal(pin_open(b->identity, PRODUCT, "A1", answer.at, answer.left, pin), 0);
	assert_string_equal(pin, "48151623");
	assert_int_equal(pin_seal(b->identity, b->entropy, PRODUCT, "A2", "31415927", sealed, &len), 0);
	body = unit_body(room, PRODUCT, "A1");
	mr_wr_bytes(&body, sealed, len);
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_OPEN, body.buf, body.len, &answer), MR_CAUSE_DIGEST_MISMATCH);
	body = unit_body(room, PRODUCT, "A2");
	mr_wr_bytes(&body, sealed, len);
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_OPEN, body.buf, body.len, &answer), 0);
	assert_int_equal(answer.left, 8);
	assert_memory_equal(answer.at, "31415927", 8);
	body = unit_body(room, PRODUCT, NULL);
	signer_put_text(&body, "48151623");
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_LOOKUP, body.buf, body.len, &answer), 0);
	assert_int_equal(pin_lookup(b->identity, PRODUCT, "48151623", value), 0);
	assert_int_equal(answer.left, 32);
	assert_memory_equal(answer.at, value, 32);
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_DIGEST, "MT:Y.K90", 8, &answer), 0);
	assert_int_equal(pin_label_digest(b->identity, "MT:Y.K90", 8, value), 0);
	assert_memory_equal(answer.at, value, 32);
	signer_desk_wipe(&b->desk);
}

/* --- and nothing more --- */

static size_t place_of(const struct caught *c, const void *what, size_t len)
{
	const uint8_t *at = memmem(c->tbs, c->len, what, len);

	assert_non_null(at);
	return (size_t)(at - c->tbs);
}

/* Positions in which two certificates of one profile may differ: number, notBefore, serial number, point. */
static bool may_differ(const struct caught *c, size_t at)
{
	static const uint8_t not_before[] = { 0x17, 0x0d, '2', '6', '1', '1' };
	const size_t number = 11, number_len = c->tbs[10];
	const size_t serial = place_of(c, "AC10000001", 10), time = place_of(c, not_before, sizeof(not_before)) + 2;
	const size_t point = place_of(c, p256_spki, sizeof(p256_spki)) + sizeof(p256_spki);

	assert_int_equal(c->tbs[9], 0x02);
	return (at >= number && at < number + number_len) || (at >= serial && at < serial + 10) ||
	       (at >= time && at < time + 13) || (at > point && at < point + 65);
}

static void one_octet_that_is_not_as_the_profile_has_it_is_refused(void **state)
{
	struct bench *b = *state;
	struct caught c;
	struct mr_rd sig;
	unsigned refused = 0;

	set_up(b, &plain, false);
	c = tbs_of(b, &plain, "AC10000001", NOW_US);
	for (size_t at = 0; at < c.len; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			bool same = may_differ(&c, at);
			int cause;

			c.tbs[at] ^= (uint8_t)(1U << bit);
			cause = ask_for(b, c.tbs, c.len, &sig);
			if (cause == 0 && !same)
				fail_msg("octet %zu of %zu, bit %u: signed", at, c.len, bit);
			refused += cause != 0;
			c.tbs[at] ^= (uint8_t)(1U << bit);
		}
	assert_true(refused > 8 * (c.len - 120)); /* 16 of number, 13 of time, 10 of serial, 64 of key may be others */
	assert_int_equal(ask_for(b, c.tbs, c.len, &sig), 0);
	for (size_t len = 0; len < c.len; len++)
		assert_int_equal(ask_for(b, c.tbs, len, &sig), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(ask_for(b, c.tbs, c.len + 1, &sig), MR_CAUSE_BAD_REQUEST);
	signer_desk_wipe(&b->desk);
}

static void certificates_of_other_profiles_issuers_and_times_are_refused(void **state)
{
	static const struct identity_profile others[] = {
		{ .organization = "Acme", .common_name = "AC-101" },
		{ .organization = "Acne", .common_name = PRODUCT },
		{ .common_name = PRODUCT },
		{ .organization = "Acme", .common_name = PRODUCT, .validity_s = 1 },
		{ .organization = "Acme", .common_name = PRODUCT, .subject_key_identifier = true },
		{ .organization = "Acme", .common_name = PRODUCT, .hw_type_oid = "1.2.3" },
	};
	struct bench *b = *state;
	struct caught c;
	struct mr_rd sig;

	set_up(b, &plain, false);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		c = tbs_of(b, &others[i], "A", NOW_US);
		assert_int_equal(ask_for(b, c.tbs, c.len, &sig), MR_CAUSE_BAD_REQUEST);
	}
	b->identity->not_after_us += INT64_C(1000) * 86400 * 1000000; /* a station that does not look */
	c = tbs_of(b, &plain, "A", NOW_US + INT64_C(11) * 86400 * 1000000);
	b->identity->not_after_us -= INT64_C(1000) * 86400 * 1000000;
	assert_int_equal(ask_for(b, c.tbs, c.len, &sig), MR_CAUSE_BAD_REQUEST);
	b->identity->issuer_subject[b->identity->issuer_subject_len - 1] ^= 1;
	c = tbs_of(b, &plain, "A", NOW_US);
	b->identity->issuer_subject[b->identity->issuer_subject_len - 1] ^= 1;
	assert_int_equal(ask_for(b, c.tbs, c.len, &sig), MR_CAUSE_BAD_REQUEST);
	c = tbs_of(b, &plain, "A", NOW_US);
	assert_int_equal(ask_for(b, c.tbs, c.len, &sig), 0);
	signer_desk_wipe(&b->desk);
}

static void another_products_pins_stay_shut(void **state)
{
	struct bench *b = *state;
	uint8_t room[300], sealed[PIN_SEALED_MAX];
	struct mr_rd answer;
	struct mr_wr body;
	size_t len;

	set_up(b, &plain, false);
	assert_int_equal(pin_seal(b->identity, b->entropy, "AC-101", "A", "31415927", sealed, &len), 0);
	body = unit_body(room, "AC-101", "A");
	mr_wr_bytes(&body, sealed, len);
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_OPEN, body.buf, body.len, &answer), MR_CAUSE_BAD_REQUEST);
	body = unit_body(room, "AC-101", "A");
	signer_put_text(&body, "31415927");
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_SEAL, body.buf, body.len, &answer), MR_CAUSE_BAD_REQUEST);
	body = unit_body(room, "AC-101", NULL);
	signer_put_text(&body, "31415927");
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_LOOKUP, body.buf, body.len, &answer), MR_CAUSE_BAD_REQUEST);
	signer_desk_wipe(&b->desk);
}

/* Every kind on every channel, before the set-up and after it, with every length of a body of zeros. */
static void kinds_are_taken_in_their_order_and_on_their_channel(void **state)
{
	static const uint8_t zeros[64] = { 0 };
	struct bench *b = *state;
	uint8_t room[1000];
	struct mr_wr body = set_up_body(room, b->dir, &plain, false);
	struct mr_rd answer;

	signer_desk_init(&b->desk);
	for (uint8_t kind = 0; kind < 12; kind++)
		for (unsigned channel = 0; channel < SIGNER_CHANNELS; channel++)
			assert_int_not_equal(ask(b, (enum signer_channel)channel, kind, zeros, 32, &answer), 0);
	assert_int_not_equal(ask(b, SIGNER_RECORD, SIGNER_SET_UP, body.buf, body.len, &answer), 0);
	set_up(b, &plain, false);
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_SET_UP, body.buf, body.len, &answer), MR_CAUSE_OUT_OF_ORDER);
	for (uint8_t kind = 0; kind < 12; kind++)
		for (unsigned channel = 0; channel < SIGNER_CHANNELS; channel++)
			for (size_t len = 0; len <= sizeof(zeros); len++) {
				/* a key of zeros agrees with nobody */
				bool right = (kind == SIGNER_SIGN_RECORD && channel == SIGNER_RECORD && len == 32) ||
					     (kind == SIGNER_DIGEST && channel == SIGNER_LINE);
				int cause = ask(b, (enum signer_channel)channel, kind, zeros, len, &answer);

				assert_int_equal(cause == 0, right);
			}
	signer_desk_wipe(&b->desk);
}

static void a_set_up_that_is_cut_or_wrong_opens_nothing(void **state)
{
	struct bench *b = *state;
	uint8_t room[1000];
	struct mr_wr body = set_up_body(room, b->dir, &plain, false);
	char sentence[SIGNER_SENTENCE_MAX];
	struct mr_rd answer;

	signer_desk_init(&b->desk);
	for (size_t len = 0; len < body.len; len++) {
		assert_int_equal(ask(b, SIGNER_LINE, SIGNER_SET_UP, body.buf, len, &answer), MR_CAUSE_BAD_REQUEST);
		assert_null(b->desk.identity);
	}
	body = set_up_body(room, "/nowhere", &plain, false);
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_SET_UP, body.buf, body.len, &answer), MR_CAUSE_SIGNER_UNAVAILABLE);
	signer_get_text(&answer, sentence, sizeof(sentence));
	assert_non_null(strstr(sentence, "/nowhere: there is no such folder"));
	body = set_up_body(room, b->dir, &(struct identity_profile){ .common_name = "" }, false);
	assert_int_equal(ask(b, SIGNER_LINE, SIGNER_SET_UP, body.buf, body.len, &answer), MR_CAUSE_BAD_REQUEST);
	signer_get_text(&answer, sentence, sizeof(sentence));
	assert_non_null(strstr(sentence, "common name"));
	signer_desk_wipe(&b->desk);
}

static void what_is_no_request_ends_the_conversation(void **state)
{
	struct bench *b = *state;
	uint8_t request[6] = { SIGNER_VERSION, SIGNER_DIGEST, 0, 0, 0, 0 };

	set_up(b, &plain, false);
	for (size_t len = 0; len <= sizeof(request); len++) {
		struct mr_wr answer = mr_wr_over(b->room, sizeof(b->room));

		assert_int_equal(signer_desk_answer(&b->desk, SIGNER_LINE, mr_rd_over(request, len), &answer),
				 len == sizeof(request));
	}
	for (unsigned version = 0; version < 256; version++) {
		struct mr_wr answer = mr_wr_over(b->room, sizeof(b->room));

		request[0] = (uint8_t)version;
		assert_int_equal(
			signer_desk_answer(&b->desk, SIGNER_LINE, mr_rd_over(request, sizeof(request)), &answer),
			version == SIGNER_VERSION);
	}
	signer_desk_wipe(&b->desk);
}

/* Simulated: each channel has its own stream, so what the journal asks meanwhile changes nothing for the line. */
static void the_order_between_channels_does_not_matter_to_a_seed(void **state)
{
	struct bench *b = *state;
	struct caught c = tbs_of(b, &plain, "A", NOW_US);
	uint8_t first[3][80], hash[32] = { 9 };
	size_t len[3] = { 0 };

	for (unsigned round = 0; round < 2; round++) {
		struct mr_rd got[3];

		set_up(b, &plain, true);
		for (unsigned n = 0; n < 3; n++) {
			if (round == 1)
				assert_int_equal(ask(b, SIGNER_RECORD, SIGNER_SIGN_RECORD, hash, 32, &got[n]), 0);
			assert_int_equal(ask_for(b, c.tbs, c.len, &got[n]), 0);
			assert_true(verifies(b, &c, got[n]));
			if (round == 1) {
				assert_int_equal(got[n].left, len[n]);
				assert_memory_equal(got[n].at, first[n], len[n]);
			}
			len[n] = got[n].left;
			memcpy(first[n], got[n].at, len[n]);
		}
		signer_desk_wipe(&b->desk);
	}
	assert_memory_not_equal(first[0], first[1], 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_of_the_profile_are_signed),
		cmocka_unit_test(a_record_is_signed_as_record_pub_verifies_it),
		cmocka_unit_test(it_agrees_as_station_key_does),
		cmocka_unit_test(pins_of_its_product_are_sealed_looked_up_and_opened),
		cmocka_unit_test(one_octet_that_is_not_as_the_profile_has_it_is_refused),
		cmocka_unit_test(certificates_of_other_profiles_issuers_and_times_are_refused),
		cmocka_unit_test(another_products_pins_stay_shut),
		cmocka_unit_test(kinds_are_taken_in_their_order_and_on_their_channel),
		cmocka_unit_test(a_set_up_that_is_cut_or_wrong_opens_nothing),
		cmocka_unit_test(what_is_no_request_ends_the_conversation),
		cmocka_unit_test(the_order_between_channels_does_not_matter_to_a_seed),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
