/*
 * The station's check of a device's request: what OpenSSL makes is taken, and everything cut, altered or of another
 * kind is refused.
 *
 * links: station/identity/csr.c agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/cause.h"
#include "station/identity/identity.h"

struct request {
	uint8_t *der; /* of malloc, exactly `len`: the sanitizer sees a read past its end */
	size_t len;
};

/* As a device would make it, or differently: subject, extension request, digest. */
static struct request make(EVP_PKEY *key, const char *subject, bool attributes, const EVP_MD *md)
{
	X509_REQ *req = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	X509_EXTENSION *wish;
	struct request out;
	uint8_t *at;

	assert_int_equal(X509_REQ_set_version(req, X509_REQ_VERSION_1), 1);
	assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
	if (subject)
		assert_int_equal(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8,
							    (const unsigned char *)subject, -1, -1, 0),
				 1);
	if (attributes) {
		extensions = sk_X509_EXTENSION_new_null();
		wish = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:TRUE");
		assert_true(sk_X509_EXTENSION_push(extensions, wish) > 0);
		assert_int_equal(X509_REQ_add_extensions(req, extensions), 1);
		sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	}
	assert_true(X509_REQ_sign(req, key, md) > 0);
	out.len = (size_t)i2d_X509_REQ(req, NULL);
	out.der = at = malloc(out.len);
	assert_int_equal(i2d_X509_REQ(req, &at), out.len);
	X509_REQ_free(req);
	return out;
}

static int check(struct request request, struct identity_csr *out)
{
	struct identity_csr scratch;

	return identity_csr_check(request.der, request.len, out ? out : &scratch);
}

static EVP_PKEY *p256(void **state) { return *state; }

static int begin(void **state)
{
	*state = EVP_EC_gen("P-256");
	return *state ? 0 : -1;
}

static int end(void **state)
{
	EVP_PKEY_free(*state);
	return 0;
}

static void a_request_gives_its_key_and_the_hash_of_it(void **state)
{
	struct request request = make(p256(state), "device", false, EVP_sha256());
	struct identity_csr csr;
	uint8_t point[65], hash[32], *spki = NULL;
	size_t len = 0;
	int spki_len;

	assert_int_equal(check(request, &csr), 0);
	assert_int_equal(EVP_PKEY_get_octet_string_param(p256(state), OSSL_PKEY_PARAM_PUB_KEY, point, 65, &len), 1);
	assert_memory_equal(csr.public_key, point, 65);
	spki_len = i2d_PUBKEY(p256(state), &spki);
	assert_true(spki_len > 0);
	assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, spki, (size_t)spki_len, hash, &len), 1);
	assert_memory_equal(csr.spki_sha256, hash, 32);
	OPENSSL_free(spki);
	free(request.der);
}

static void subjects_and_attributes_of_any_kind_are_skipped(void **state)
{
	char long_name[65];
	const char *const subjects[] = { NULL, "device", "Factory root CA", long_name };

	memset(long_name, 'x', 64);
	long_name[64] = '\0';
	for (size_t i = 0; i < 8; i++) {
		struct request request = make(p256(state), subjects[i / 2], i % 2, EVP_sha256());

		assert_int_equal(check(request, NULL), 0);
		free(request.der);
	}
}

static void a_request_without_the_empty_attributes_is_taken_when_it_is_signed_so(void **state)
{
	/* Some encoders leave [0] out. Signed as it stands: SEQUENCE { 0, {}, SPKI }. */
	uint8_t info[128] = { 0x30, 96, 0x02, 1, 0, 0x30, 0 }, der[256] = { 0x30 }, sig[80], *at = info + 7;
	static const uint8_t algorithm[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t sig_len = sizeof(sig), body;

	assert_int_equal(i2d_PUBKEY(p256(state), &at), 91);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, p256(state)), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &sig_len, info, 98), 1);
	body = 98 + sizeof(algorithm) + 3 + sig_len;
	assert_true(body >= 128 && body < 256);
	der[1] = 0x81;
	der[2] = (uint8_t)body;
	memcpy(der + 3, info, 98);
	memcpy(der + 101, algorithm, sizeof(algorithm));
	der[113] = 0x03;
	der[114] = (uint8_t)(sig_len + 1);
	der[115] = 0;
	memcpy(der + 116, sig, sig_len);
	assert_int_equal(check((struct request){ der, 3 + body }, NULL), 0);
	EVP_MD_CTX_free(ctx);
}

static void a_request_cut_anywhere_is_refused(void **state)
{
	struct request whole = make(p256(state), "device", true, EVP_sha256());

	for (size_t len = 0; len < whole.len; len++) {
		struct request cut = { malloc(len ? len : 1), len };
		struct identity_csr csr;

		memcpy(cut.der, whole.der, len);
		memset(&csr, 0xaa, sizeof(csr));
		assert_int_equal(check(cut, &csr), -MR_CAUSE_BAD_RESPONSE);
		for (size_t i = 0; i < sizeof(csr.public_key); i++)
			assert_int_equal(csr.public_key[i], 0);
		free(cut.der);
	}
	free(whole.der);
}

static void octets_after_the_request_are_refused(void **state)
{
	struct request request = make(p256(state), "device", false, EVP_sha256());

	request.der = realloc(request.der, request.len + 1);
	request.der[request.len++] = 0;
	assert_int_equal(check(request, NULL), -MR_CAUSE_BAD_RESPONSE);
	free(request.der);
}

static void no_changed_bit_goes_unnoticed(void **state)
{
	struct request request = make(p256(state), "device", true, EVP_sha256());
	unsigned bad_signature = 0;

	for (size_t bit = 0; bit < 8 * request.len; bit++) {
		int result;

		request.der[bit / 8] ^= (uint8_t)(1 << bit % 8);
		result = check(request, NULL);
		assert_true(result == -MR_CAUSE_BAD_RESPONSE || result == -MR_CAUSE_BAD_SIGNATURE);
		bad_signature += result == -MR_CAUSE_BAD_SIGNATURE;
		request.der[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* Both refusals occur: key, subject and r, s are signed for; the frame around them is syntax. */
	assert_true(bad_signature > 8 * (65 + 60) && bad_signature < 8 * request.len);
	assert_int_equal(check(request, NULL), 0);
	free(request.der);
}

/* Where the public point is in it. */
static uint8_t *point_in(struct request request)
{
	uint8_t *at = memmem(request.der, request.len, (const uint8_t[]){ 0x03, 0x42, 0x00, 0x04 }, 4);

	assert_non_null(at);
	return at + 3;
}

static void the_key_of_another_device_is_refused(void **state)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	struct request mine = make(p256(state), "device", false, EVP_sha256());
	uint8_t point[65];
	size_t len = 0;

	assert_int_equal(EVP_PKEY_get_octet_string_param(other, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &len), 1);
	memcpy(point_in(mine), point, 65);
	assert_int_equal(check(mine, NULL), -MR_CAUSE_BAD_SIGNATURE);
	EVP_PKEY_free(other);
	free(mine.der);
}

static void a_point_off_the_curve_is_refused(void **state)
{
	struct request request = make(p256(state), "device", false, EVP_sha256());
	uint8_t *at = point_in(request);

	memset(at + 1, 0, 64);
	assert_int_equal(check(request, NULL), -MR_CAUSE_BAD_SIGNATURE);
	memset(at + 1, 0xff, 64);
	assert_int_equal(check(request, NULL), -MR_CAUSE_BAD_SIGNATURE);
	free(request.der);
}

static void compressed_points_other_curves_and_other_algorithms_are_refused(void **state)
{
	EVP_PKEY *keys[] = { EVP_EC_gen("P-384"), EVP_EC_gen("secp256k1"), EVP_RSA_gen(2048),
			     EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };
	EVP_PKEY *compressed = EVP_PKEY_dup(p256(state));
	struct request request;

	for (size_t i = 0; i < 4; i++) {
		request = make(keys[i], "device", false, i == 3 ? NULL : EVP_sha256());
		assert_int_equal(check(request, NULL), -MR_CAUSE_BAD_RESPONSE);
		free(request.der);
		EVP_PKEY_free(keys[i]);
	}
	assert_int_equal(
		EVP_PKEY_set_utf8_string_param(compressed, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"),
		1);
	request = make(compressed, "device", false, EVP_sha256());
	assert_int_equal(check(request, NULL), -MR_CAUSE_BAD_RESPONSE);
	free(request.der);
	EVP_PKEY_free(compressed);
	request = make(p256(state), "device", false, EVP_sha384());
	assert_int_equal(check(request, NULL), -MR_CAUSE_BAD_RESPONSE);
	free(request.der);
}

static void lengths_that_lie_are_refused(void **state)
{
	static const uint8_t lies[][8] = {
		{ 0x30, 0x80, 0x00, 0x00 }, /* indefinite */
		{ 0x30, 0x84, 0xff, 0xff, 0xff, 0xff },
		{ 0x30, 0x82, 0xff, 0xff, 0x30, 0x00 },
		{ 0x30, 0x81, 0x02, 0x30, 0x00 }, /* two octets where one is enough */
		{ 0x30, 0x82, 0x00, 0x02, 0x30, 0x00 },
		{ 0x30, 0xff },
		{ 0x31, 0x00 },
		{ 0x30, 0x02, 0x30, 0x7f },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		for (size_t len = 0; len <= sizeof(lies[i]); len++) {
			struct request request = { malloc(len ? len : 1), len };

			memcpy(request.der, lies[i], len);
			assert_int_equal(check(request, NULL), -MR_CAUSE_BAD_RESPONSE);
			free(request.der);
		}
}

#define ORDER                                                                                                          \
	0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,    \
		0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51

static void numbers_of_a_signature_out_of_range_are_refused(void **state)
{
	static const struct {
		int result;
		uint8_t len, rs[72];
	} bad[] = {
		{ -MR_CAUSE_BAD_SIGNATURE, 8, { 0x30, 6, 2, 1, 1, 2, 1, 0 } }, /* s is 0 */
		{ -MR_CAUSE_BAD_SIGNATURE, 8, { 0x30, 6, 2, 1, 0, 2, 1, 0 } }, /* both are */
		{ -MR_CAUSE_BAD_SIGNATURE, 72, { 0x30, 70, 2, 33, 0, ORDER, 2, 33, 0, ORDER } },
		{ -MR_CAUSE_BAD_RESPONSE, 8, { 0x30, 6, 2, 1, 0x81, 2, 1, 1 } },	/* negative */
		{ -MR_CAUSE_BAD_RESPONSE, 9, { 0x30, 7, 2, 2, 0, 1, 2, 1, 1 } },	/* a zero too many */
		{ -MR_CAUSE_BAD_RESPONSE, 7, { 0x30, 5, 2, 0, 2, 1, 1 } },		/* no octet at all */
		{ -MR_CAUSE_BAD_RESPONSE, 40, { 0x30, 38, 2, 33, 1, [37] = 2, 1, 1 } }, /* over 32 octets */
		{ -MR_CAUSE_BAD_RESPONSE, 11, { 0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1 } }, /* a third number */
		{ -MR_CAUSE_BAD_RESPONSE, 9, { 0x30, 6, 2, 1, 1, 2, 1, 1, 0 } },	/* an octet after it */
	};
	struct request request = make(p256(state), "device", false, EVP_sha256());
	size_t frame; /* where the signature's BIT STRING begins */
	uint8_t *bits = memmem(request.der, request.len, (const uint8_t[]){ 0x04, 0x03, 0x02, 0x03 }, 4);

	assert_non_null(bits);
	assert_int_equal(request.der[1], 0x81);
	frame = (size_t)(bits + 3 - request.der);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct request altered = { malloc(frame + 3 + bad[i].len), frame + 3 + bad[i].len };

		assert_in_range(altered.len - 3, 128, 255);
		memcpy(altered.der, request.der, frame);
		altered.der[2] = (uint8_t)(altered.len - 3);
		altered.der[frame] = 3;
		altered.der[frame + 1] = (uint8_t)(bad[i].len + 1);
		altered.der[frame + 2] = 0;
		memcpy(altered.der + frame + 3, bad[i].rs, bad[i].len);
		assert_int_equal(check(altered, NULL), bad[i].result);
		free(altered.der);
	}
	free(request.der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_gives_its_key_and_the_hash_of_it),
		cmocka_unit_test(subjects_and_attributes_of_any_kind_are_skipped),
		cmocka_unit_test(a_request_without_the_empty_attributes_is_taken_when_it_is_signed_so),
		cmocka_unit_test(a_request_cut_anywhere_is_refused),
		cmocka_unit_test(octets_after_the_request_are_refused),
		cmocka_unit_test(no_changed_bit_goes_unnoticed),
		cmocka_unit_test(the_key_of_another_device_is_refused),
		cmocka_unit_test(a_point_off_the_curve_is_refused),
		cmocka_unit_test(compressed_points_other_curves_and_other_algorithms_are_refused),
		cmocka_unit_test(lengths_that_lie_are_refused),
		cmocka_unit_test(numbers_of_a_signature_out_of_range_are_refused),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
