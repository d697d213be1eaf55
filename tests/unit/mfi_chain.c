/*
 * What an accessory's certificate and signature are worth: emulated coprocessors of both generations under the
 * authority for tests; strangers', swapped, ended and doubled certificates; signatures over other keys; and that no
 * emulation passes for a real one.
 *
 * links: station/identity/mfi_chain.c station/identity/mfi_test.c station/identity/keyfile.c agent/wire/cause.c
 * links: agent/port/linux/crypto_openssl.c agent/port/linux/crypto_wac_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "agent/port/crypto.h"
#include "agent/port/crypto_wac.h"
#include "station/identity/mfi_chain.h"
#include "station/identity/mfi_test.h"

#define UTC_US (INT64_C(1795000000) * 1000000)
#define DAY_S 86400

static char top[] = "/tmp/millrace-mfi-XXXXXX", ours[64], theirs[64];
static struct mfi_test_chip *chips[2]; /* of generations 2 and 3 */
static struct mfi_trust *trust;
static uint8_t message[MR_MFI_MESSAGE_LEN];

static struct mfi_trust *trust_of(const char *dir)
{
	char path[96], error[300] = "";
	struct mfi_trust *t;

	snprintf(path, sizeof(path), "%s/" MFI_TEST_CA, dir);
	t = mfi_trust_open(path, error, sizeof(error));
	if (!t)
		fail_msg("%s", error);
	return t;
}

static int open_all(void **state)
{
	char error[300] = "";

	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(ours, sizeof(ours), "%s/ours", top);
	snprintf(theirs, sizeof(theirs), "%s/theirs", top);
	assert_int_equal(mfi_test_make(ours, UTC_US, error, sizeof(error)), 0);
	assert_int_equal(mfi_test_make(theirs, UTC_US, error, sizeof(error)), 0);
	assert_true(mfi_test_make(ours, UTC_US, error, sizeof(error)) < 0); /* nothing is ever replaced */
	for (unsigned i = 0; i < 2; i++)
		assert_non_null(chips[i] = mfi_test_open(ours, 2 + i, error, sizeof(error)));
	trust = trust_of(ours);
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	return 0;
}

static int close_all(void **state)
{
	char command[100];

	(void)state;
	mfi_test_close(chips[0]);
	mfi_test_close(chips[1]);
	mfi_trust_close(trust);
	snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command) == 0 ? 0 : -1;
}

/* What a chip makes of the message. */
static struct mr_rd signature_of(const struct mfi_test_chip *chip, const uint8_t text[static MR_MFI_MESSAGE_LEN],
				 unsigned generation, uint8_t out[static MR_MFI_RSA_LEN])
{
	uint8_t digest[32];

	assert_true(generation == 2 ? mr_sha1(text, MR_MFI_MESSAGE_LEN, digest)
				    : mr_sha256(text, MR_MFI_MESSAGE_LEN, digest));
	assert_true(mfi_test_sign(chip, digest, generation == 2 ? 20 : 32, out));
	return mr_rd_over(out, generation == 2 ? MR_MFI_RSA_LEN : MR_MFI_ECDSA_LEN);
}

static void an_emulation_is_taken_for_what_it_is(void **state)
{
	uint8_t room[MR_MFI_RSA_LEN];
	struct mfi_verdict v;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct mr_rd certificate = mfi_test_certificate(chips[i]),
			     signature = signature_of(chips[i], message, 2 + i, room);

		assert_true(certificate.left <= MR_MFI_CERTIFICATE_MAX);
		assert_true(mfi_verify(trust, MFI_ACCEPT_TEST_CA, certificate, message, signature, &v));
		assert_true(v.chains && v.emulated && v.signed_);
		assert_int_equal(v.generation, 2 + i);
		assert_non_null(strstr(v.subject, "EMULATED - NOT MFi"));
		assert_non_null(strstr(v.authority, "Test authority"));
		assert_int_equal(strlen(v.serial), 16);
		assert_string_equal(v.why, "");
		assert_true(mfi_verify(trust, MFI_ACCEPT_ANY, certificate, message, signature, &v));
		/* Whoever trusts the authority for tests as if it were Apple's still gets no emulation through. */
		assert_false(mfi_verify(trust, MFI_ACCEPT_MFI, certificate, message, signature, &v));
		assert_string_equal(v.why, "its coprocessor is an emulation");
	}
}

static void every_bit_of_a_signature_counts(void **state)
{
	uint8_t room[MR_MFI_RSA_LEN], swapped[MR_MFI_MESSAGE_LEN];
	struct mfi_verdict v;

	(void)state;
	memcpy(swapped, message + 32, 32);
	memcpy(swapped + 32, message, 32);
	for (unsigned i = 0; i < 2; i++) {
		struct mr_rd certificate = mfi_test_certificate(chips[i]),
			     signature = signature_of(chips[i], message, 2 + i, room);

		for (size_t bit = 0; bit < 8 * signature.left; bit += 7) {
			room[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(mfi_verify(trust, MFI_ACCEPT_ANY, certificate, message, signature, &v));
			assert_true(v.chains && !v.signed_);
			room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		signature = signature_of(chips[i], swapped, 2 + i, room); /* client's key first */
		assert_false(mfi_verify(trust, MFI_ACCEPT_ANY, certificate, message, signature, &v));
		assert_string_equal(v.why, "the key of its certificate has not signed these keys");
		/* The certificate of another chip. */
		signature = signature_of(chips[i], message, 2 + i, room);
		assert_false(
			mfi_verify(trust, MFI_ACCEPT_ANY, mfi_test_certificate(chips[1 - i]), message, signature, &v));
		assert_string_equal(v.why, "its signature is of the other generation");
	}
}

static void a_strangers_authority_is_none(void **state)
{
	struct mfi_trust *other = trust_of(theirs), *none = mfi_trust_none();
	uint8_t room[MR_MFI_RSA_LEN];
	struct mr_rd signature = signature_of(chips[1], message, 3, room);
	char error[300] = "", path[96];
	struct mfi_verdict v;
	FILE *f;

	(void)state;
	assert_false(mfi_verify(other, MFI_ACCEPT_TEST_CA, mfi_test_certificate(chips[1]), message, signature, &v));
	assert_true(v.signed_ && !v.chains && v.emulated && v.why[0]);
	assert_true(mfi_verify(none, MFI_ACCEPT_ANY, mfi_test_certificate(chips[1]), message, signature, &v));
	assert_true(v.signed_ && !v.chains);
	mfi_trust_close(other);
	mfi_trust_close(none);
	assert_null(mfi_trust_open("/nowhere/at/all.pem", error, sizeof(error)));
	assert_non_null(strstr(error, "/nowhere/at/all.pem"));
	snprintf(path, sizeof(path), "%s/empty.pem", top);
	assert_non_null(f = fopen(path, "w"));
	assert_int_equal(fclose(f), 0);
	assert_null(mfi_trust_open(path, error, sizeof(error)));
	assert_non_null(strstr(error, "no certificate"));
}

/* --- certificates that the authority for tests does not make --- */

struct made {
	X509 *certificate;
	EVP_PKEY *key;
};

static X509 *certify(EVP_PKEY *key, const char *name, time_t from, time_t to, const struct made *issuer, int ca)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();

	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), ca ? 1 : 2), 1);
	assert_int_equal(
		X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer->certificate) : subject), 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(certificate), from));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(certificate), to));
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	constraints->ca = ca ? 0xff : 0;
	assert_int_equal(X509_add1_ext_i2d(certificate, NID_basic_constraints, constraints, 1, 0), 1);
	BASIC_CONSTRAINTS_free(constraints);
	assert_true(X509_sign(certificate, issuer ? issuer->key : key, EVP_sha256()) > 0);
	return certificate;
}

static struct mr_rd sign_with(const EVP_PKEY *key, uint8_t out[static 64])
{
	uint8_t digest[32], private[32];
	BIGNUM *number = NULL;

	assert_true(mr_sha256(message, sizeof(message), digest));
	assert_int_equal(EVP_PKEY_get_bn_param(key, "priv", &number), 1);
	assert_int_equal(BN_bn2binpad(number, private, 32), 32);
	BN_clear_free(number);
	assert_true(mr_p256_sign(private, digest, out));
	return mr_rd_over(out, 64);
}

static struct mfi_trust *trust_in(X509 *certificate)
{
	char path[96], error[300] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/made.pem", top);
	assert_non_null(f = fopen(path, "w"));
	assert_int_equal(PEM_write_X509(f, certificate), 1);
	assert_int_equal(fclose(f), 0);
	return mfi_trust_open(path, error, sizeof(error));
}

/* An authority that has ended still answers for what it certified before: not for what came after. */
static void an_authority_that_has_ended_answers_for_its_own_time(void **state)
{
	const time_t end = 1600000000;
	struct made ca = { .key = EVP_EC_gen("P-256") };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct mfi_trust *t;
	uint8_t room[64];

	(void)state;
	ca.certificate = certify(ca.key, "ended", end - 1000 * DAY_S, end, NULL, 1);
	t = trust_in(ca.certificate);
	assert_non_null(t);
	for (int late = 0; late < 2; late++) {
		time_t from = late ? end + DAY_S : end - DAY_S;
		X509 *leaf = certify(key, "leaf", from, from + 3650 * DAY_S, &ca, 0);
		struct mfi_verdict v;
		size_t len;
		uint8_t *wrapped = mfi_test_wrap(&leaf, 1, &len);

		assert_int_equal(
			mfi_verify(t, MFI_ACCEPT_MFI, mr_rd_over(wrapped, len), message, sign_with(key, room), &v),
			!late);
		assert_int_equal(v.chains, !late);
		assert_false(v.emulated);
		assert_true(v.signed_);
		X509_free(leaf);
		free(wrapped);
	}
	mfi_trust_close(t);
	X509_free(ca.certificate);
	EVP_PKEY_free(ca.key);
	EVP_PKEY_free(key);
}

static void it_shows_exactly_one_certificate(void **state)
{
	struct made ca = { .key = EVP_EC_gen("P-256") };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *both[2];
	struct mfi_trust *t;
	struct mfi_verdict v;
	uint8_t room[64];

	(void)state;
	both[1] = ca.certificate = certify(ca.key, "top", 1500000000, 1900000000, NULL, 1);
	both[0] = certify(key, "leaf", 1600000000, 1900000000, &ca, 0);
	t = trust_in(ca.certificate);
	for (size_t count = 0; count <= 2; count++) {
		size_t len;
		uint8_t *wrapped = mfi_test_wrap(both, count, &len), *longer = malloc(len + 1);

		assert_int_equal(
			mfi_verify(t, MFI_ACCEPT_MFI, mr_rd_over(wrapped, len), message, sign_with(key, room), &v),
			count == 1);
		assert_true(count == 1 || strcmp(v.why, "it shows no certificate, or more than one") == 0);
		memcpy(longer, wrapped, len);
		longer[len] = 0;
		assert_false(
			mfi_verify(t, MFI_ACCEPT_ANY, mr_rd_over(longer, len + 1), message, sign_with(key, room), &v));
		for (size_t cut = 0; cut < len; cut += 5)
			assert_false(mfi_verify(t, MFI_ACCEPT_ANY, mr_rd_over(wrapped, cut), message,
						sign_with(key, room), &v));
		free(wrapped);
		free(longer);
	}
	mfi_trust_close(t);
	X509_free(both[0]);
	X509_free(both[1]);
	EVP_PKEY_free(ca.key);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_emulation_is_taken_for_what_it_is),
		cmocka_unit_test(every_bit_of_a_signature_counts),
		cmocka_unit_test(a_strangers_authority_is_none),
		cmocka_unit_test(an_authority_that_has_ended_answers_for_its_own_time),
		cmocka_unit_test(it_shows_exactly_one_certificate),
	};

	return cmocka_run_group_tests_name("mfi_chain", tests, open_all, close_all);
}
