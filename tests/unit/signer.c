/*
 * The signers behind one seam: the key in a file answers at once; the emulated HSM takes its time, one after
 * another.
 *
 * links: station/identity/signer_slow.c station/identity/signer_file.c station/identity/certificate.c
 * links: station/identity/identity.c station/identity/keyfile.c station/identity/ceremony.c
 * links: station/identity/pin.c station/identity/serial.c station/base/entropy.c station/base/loop.c
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
#include <string.h>
#include <sys/stat.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/base/loop.h"
#include "station/identity/ceremony.h"
#include "station/identity/identity.h"

#define NOW_US (INT64_C(1795426245) * 1000000)
#define SIGNATURE_US 700000

struct bench {
	char dir[64];
	struct entropy *entropy;
	struct identity *identity;
	EVP_PKEY *issuing;
	struct identity_csr csr;
	struct loop *loop;
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
	char error[300] = "", path[128];
	uint8_t private[32];
	X509 *certificate;
	FILE *file;

	(void)snprintf(b->dir, sizeof(b->dir), "/tmp/millrace-signer-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->entropy = entropy_create_seeded(1, "signer");
	if (ceremony_init(&plan, b->entropy, error, sizeof(error)) != 0 ||
	    identity_open(&b->identity, b->dir, "default", NOW_US, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	(void)snprintf(path, sizeof(path), "%s/issuing.crt", b->dir);
	file = fopen(path, "r");
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	b->issuing = X509_get_pubkey(certificate);
	X509_free(certificate);
	(void)fclose(file);
	entropy_fill(b->entropy, private, sizeof(private));
	assert_true(mr_p256_public(private, b->csr.public_key));
	b->loop = loop_create_virtual((uint64_t)NOW_US);
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	loop_destroy(b->loop);
	identity_close(b->identity);
	entropy_destroy(b->entropy);
	EVP_PKEY_free(b->issuing);
	(void)nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(b);
	return 0;
}

struct answer {
	struct loop *loop;
	unsigned *order; /* counts answers; NULL: not counted */
	unsigned calls, place;
	int result;
	uint64_t at_us;
	uint8_t sig[80];
	size_t len;
	struct signer *again;  /* asks again from its answer */
	struct signer *closes; /* closes from its answer */
	struct answer *next;
};

static void on_signed(void *ctx, int result, const uint8_t *sig, size_t len)
{
	struct answer *a = ctx;

	a->calls++;
	a->result = result;
	a->at_us = a->loop ? loop_now_us(a->loop) : 0;
	a->place = a->order ? ++*a->order : 0;
	a->len = len;
	if (result == 0)
		memcpy(a->sig, sig, len);
	if (a->again)
		assert_int_equal(a->again->sign(a->again, (const uint8_t *)"again", 5, on_signed, a->next), 0);
	if (a->closes)
		a->closes->close(a->closes);
}

static bool verifies(struct bench *b, const struct answer *a, const void *tbs, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, b->issuing) == 1 &&
		  EVP_DigestVerify(ctx, a->sig, a->len, tbs, len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static void the_file_signer_answers_before_it_returns(void **state)
{
	struct bench *b = *state;
	struct signer *signer = signer_create_file(b->identity);

	assert_string_equal(signer->kind, "file");
	for (unsigned n = 0; n < 50; n++) {
		struct answer a = { 0 };

		assert_int_equal(signer->sign(signer, (const uint8_t *)&n, sizeof(n), on_signed, &a), 0);
		assert_int_equal(a.calls, 1);
		assert_int_equal(a.result, 0);
		assert_false(verifies(b, &a, "other", 5));
		assert_true(verifies(b, &a, &n, sizeof(n)));
	}
	signer->close(signer);
}

static void the_slow_signer_takes_its_time_for_each_in_turn(void **state)
{
	struct bench *b = *state;
	struct signer *signer = signer_create_slow(b->identity, b->loop, SIGNATURE_US);
	struct answer answers[5] = { 0 };
	char tbs[16] = "";
	unsigned order = 0;
	uint64_t start = loop_now_us(b->loop);

	assert_string_equal(signer->kind, "slow");
	for (unsigned i = 0; i < 5; i++) {
		answers[i].loop = b->loop;
		answers[i].order = &order;
		(void)snprintf(tbs, sizeof(tbs), "request %u", i);
		assert_int_equal(signer->sign(signer, (const uint8_t *)tbs, strlen(tbs), on_signed, &answers[i]), 0);
		assert_int_equal(answers[i].calls, 0);
	}
	memset(tbs, 'x', sizeof(tbs)); /* it has a copy */
	loop_run(b->loop);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(answers[i].calls, 1);
		assert_int_equal(answers[i].place, i + 1);
		assert_int_equal(answers[i].at_us, start + (i + 1) * (uint64_t)SIGNATURE_US);
		(void)snprintf(tbs, sizeof(tbs), "request %u", i);
		assert_true(verifies(b, &answers[i], tbs, strlen(tbs)));
	}
	signer->close(signer);
}

static void a_request_made_while_one_is_answered_waits_a_whole_signature(void **state)
{
	struct bench *b = *state;
	struct signer *signer = signer_create_slow(b->identity, b->loop, SIGNATURE_US);
	struct answer second = { .loop = b->loop }, first = { .loop = b->loop, .again = signer, .next = &second };
	uint64_t start = loop_now_us(b->loop);

	assert_int_equal(signer->sign(signer, (const uint8_t *)"first", 5, on_signed, &first), 0);
	loop_run(b->loop);
	assert_int_equal(first.at_us, start + SIGNATURE_US);
	assert_int_equal(second.calls, 1);
	assert_int_equal(second.at_us, start + 2 * SIGNATURE_US);
	assert_true(verifies(b, &second, "again", 5));
	signer->close(signer);
}

static void closing_answers_what_waits_and_leaves_no_timer(void **state)
{
	struct bench *b = *state;
	struct signer *signer = signer_create_slow(b->identity, b->loop, SIGNATURE_US);
	struct answer answers[3] = { 0 };

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(signer->sign(signer, (const uint8_t *)"x", 1, on_signed, &answers[i]), 0);
	signer->close(signer);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(answers[i].calls, 1);
		assert_int_equal(answers[i].result, -MR_CAUSE_STOPPED);
	}
	loop_run(b->loop);
	assert_int_equal(answers[0].calls, 1);
}

static void it_may_be_closed_from_an_answer(void **state)
{
	struct bench *b = *state;
	struct signer *signer = signer_create_slow(b->identity, b->loop, SIGNATURE_US);
	struct answer second = { 0 }, first = { .closes = signer };

	assert_int_equal(signer->sign(signer, (const uint8_t *)"1", 1, on_signed, &first), 0);
	assert_int_equal(signer->sign(signer, (const uint8_t *)"2", 1, on_signed, &second), 0);
	loop_run(b->loop);
	assert_int_equal(first.result, 0);
	assert_int_equal(second.result, -MR_CAUSE_STOPPED);
	assert_int_equal(second.calls, 1);
}

struct issued {
	unsigned calls;
	int result;
	size_t len;
};

static void on_issued(void *ctx, int result, const struct identity_certificate *certificate)
{
	struct issued *issued = ctx;

	issued->calls++;
	issued->result = result;
	issued->len = certificate ? certificate->len : 0;
}

static const struct identity_profile profile = { .common_name = "AC-100" };

static void certificates_come_one_after_another_and_forgotten_ones_do_not_call_back(void **state)
{
	struct bench *b = *state;
	struct signer *signer = signer_create_slow(b->identity, b->loop, SIGNATURE_US);
	struct issued issued[3] = { 0 };

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(identity_issue(b->identity, signer, b->entropy, &profile, &b->csr, "A", NOW_US,
						on_issued, &issued[i]),
				 0);
	identity_issue_forget(b->identity, &issued[1]);
	identity_issue_forget(b->identity, &issued); /* the same address as the first: it is forgotten as well */
	loop_run(b->loop);
	assert_int_equal(issued[0].calls, 0);
	assert_int_equal(issued[1].calls, 0);
	assert_int_equal(issued[2].calls, 1);
	assert_true(issued[2].len > 300);
	signer->close(signer);
}

static void a_stopped_signer_ends_certificates_under_way(void **state)
{
	struct bench *b = *state;
	struct signer *signer = signer_create_slow(b->identity, b->loop, SIGNATURE_US);
	struct issued issued = { 0 };

	assert_int_equal(
		identity_issue(b->identity, signer, b->entropy, &profile, &b->csr, "A", NOW_US, on_issued, &issued), 0);
	signer->close(signer);
	assert_int_equal(issued.calls, 1);
	assert_int_equal(issued.result, -MR_CAUSE_STOPPED);
}

/* Signers that misbehave, as a token may. */
static int refuses(struct signer *signer, const uint8_t *tbs, size_t len, signer_done_fn *done, void *ctx)
{
	(void)signer, (void)tbs, (void)len, (void)done, (void)ctx;
	return -MR_CAUSE_SIGNER_UNAVAILABLE;
}

static int fails(struct signer *signer, const uint8_t *tbs, size_t len, signer_done_fn *done, void *ctx)
{
	(void)signer, (void)tbs, (void)len;
	done(ctx, -MR_CAUSE_SIGNER_UNAVAILABLE, NULL, 0);
	return 0;
}

static int babbles(struct signer *signer, const uint8_t *tbs, size_t len, signer_done_fn *done, void *ctx)
{
	static const uint8_t raw[200] = { 0x30, 0x10 };

	(void)signer, (void)tbs;
	done(ctx, 0, raw, len % 2 ? sizeof(raw) : 64);
	return 0;
}

static void no_certificate_comes_of_a_signer_that_fails(void **state)
{
	struct bench *b = *state;
	struct issued issued = { 0 };
	struct signer bad = { .sign = refuses };

	assert_int_equal(
		identity_issue(b->identity, &bad, b->entropy, &profile, &b->csr, "A", NOW_US, on_issued, &issued),
		-MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_int_equal(issued.calls, 0);
	bad.sign = fails;
	assert_int_equal(
		identity_issue(b->identity, &bad, b->entropy, &profile, &b->csr, "A", NOW_US, on_issued, &issued), 0);
	assert_int_equal(issued.calls, 1);
	assert_int_equal(issued.result, -MR_CAUSE_SIGNER_UNAVAILABLE);
	bad.sign = babbles;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(identity_issue(b->identity, &bad, b->entropy, &profile, &b->csr, i ? "AB" : "A",
						NOW_US, on_issued, &issued),
				 0);
		assert_int_equal(issued.calls, 2 + i);
		assert_int_equal(issued.result, -MR_CAUSE_SIGNER_UNAVAILABLE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_signer_answers_before_it_returns),
		cmocka_unit_test(the_slow_signer_takes_its_time_for_each_in_turn),
		cmocka_unit_test(a_request_made_while_one_is_answered_waits_a_whole_signature),
		cmocka_unit_test(closing_answers_what_waits_and_leaves_no_timer),
		cmocka_unit_test(it_may_be_closed_from_an_answer),
		cmocka_unit_test(certificates_come_one_after_another_and_forgotten_ones_do_not_call_back),
		cmocka_unit_test(a_stopped_signer_ends_certificates_under_way),
		cmocka_unit_test(no_certificate_comes_of_a_signer_that_fails),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
