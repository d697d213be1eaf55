/*
 * PINs: drawn without bias, never weak, sealed for one unit, looked up with a key, and turned into RFC 9383's
 * verifier.
 *
 * links: station/identity/pin.c station/identity/identity.c station/identity/keyfile.c
 * links: station/identity/ceremony.c station/identity/certificate.c station/identity/serial.c
 * links: station/identity/signer_file.c station/base/log.c station/base/entropy.c agent/wire/hkdf.c
 * links: agent/wire/cause.c agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/identity/ceremony.h"
#include "agent/wire/wsc_pin.h"
#include "station/identity/identity.h"
#include "tests/unit/hex.h"

#define NOW_US (INT64_C(1795426245) * 1000000)

struct factory {
	char dir[64];
	struct identity *identity;
};

struct bench {
	struct entropy *entropy;
	struct factory one, two;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static void found(struct factory *factory, struct entropy *entropy)
{
	const struct ceremony plan = { .dir = factory->dir, .root_days = 20, .issuing_days = 10, .utc_us = NOW_US };
	char error[300] = "";

	(void)snprintf(factory->dir, sizeof(factory->dir), "/tmp/millrace-pin-XXXXXX");
	assert_non_null(mkdtemp(factory->dir));
	if (ceremony_init(&plan, entropy, error, sizeof(error)) != 0 ||
	    identity_open(&factory->identity, factory->dir, "default", NOW_US, error, sizeof(error)) != 0)
		fail_msg("%s", error);
}

static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->entropy = entropy_create_seeded(9383, "pin");
	found(&b->one, b->entropy);
	found(&b->two, b->entropy);
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	identity_close(b->one.identity);
	identity_close(b->two.identity);
	(void)nftw(b->one.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	(void)nftw(b->two.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	entropy_destroy(b->entropy);
	free(b);
	return 0;
}

/* Pearson's statistic of counts that ought to be equal. */
static double chi_square(const unsigned *count, size_t bins, double total)
{
	double expected = total / (double)bins, sum = 0;

	for (size_t i = 0; i < bins; i++)
		sum += ((double)count[i] - expected) * ((double)count[i] - expected) / expected;
	return sum;
}

enum { DRAWS = 1000000 };

/* Critical values at 1 in 10,000: 33.7 for 9 degrees of freedom, 161 for 99. The seed is fixed: so is the
 * outcome. */
static void every_digit_and_every_pair_of_digits_is_equally_likely(void **state)
{
	struct bench *b = *state;
	const struct pin_policy policy = { .digits = 8, .iterations = 1000 };
	static unsigned digit[8][10], pair[7][100];

	for (unsigned n = 0; n < DRAWS; n++) {
		char pin[IDENTITY_PIN_MAX];

		pin_generate(b->entropy, &policy, pin);
		for (unsigned i = 0; i < 8; i++)
			digit[i][pin[i] - '0']++;
		for (unsigned i = 0; i < 7; i++)
			pair[i][10 * (pin[i] - '0') + pin[i + 1] - '0']++;
	}
	for (unsigned i = 0; i < 8; i++)
		assert_true(chi_square(digit[i], 10, DRAWS) < 33.7);
	for (unsigned i = 0; i < 7; i++)
		assert_true(chi_square(pair[i], 100, DRAWS) < 161);
}

/* The test above would see it: 27 bits reduced modulo 100,000,000 is the classic mistake. */
static void the_measure_of_uniformity_sees_the_bias_of_a_plain_modulo(void **state)
{
	struct bench *b = *state;
	static unsigned first[10];

	for (unsigned n = 0; n < DRAWS; n++)
		first[entropy_below(b->entropy, UINT64_C(1) << 27) % 100000000 / 10000000]++;
	assert_true(chi_square(first, 10, DRAWS) > 33.7);
}

static void pins_have_the_digits_that_the_policy_says(void **state)
{
	struct bench *b = *state;

	for (unsigned digits = 6; digits <= 16; digits++)
		for (unsigned n = 0; n < 200; n++) {
			char pin[IDENTITY_PIN_MAX];

			memset(pin, 'x', sizeof(pin));
			pin_generate(b->entropy, &(struct pin_policy){ .digits = digits }, pin);
			assert_int_equal(strlen(pin), digits);
			assert_int_equal(strspn(pin, "0123456789"), digits);
			assert_false(pin_is_weak(pin));
		}
}

static void the_wps_checksum_is_that_of_the_standard(void **state)
{
	struct bench *b = *state;

	assert_int_equal(mr_wsc_pin_check_digit("1234567"), '0');
	assert_int_equal(mr_wsc_pin_check_digit("0000000"), '0');
	assert_int_equal(mr_wsc_pin_check_digit("1000000"), '7');
	assert_int_equal(mr_wsc_pin_check_digit("0100000"), '9');
	assert_int_equal(mr_wsc_pin_check_digit("9999999"), '5'); /* 4 * 27 + 3 * 9 = 135 */
	for (unsigned n = 0; n < 1000; n++) {
		char pin[IDENTITY_PIN_MAX];
		unsigned sum = 0;

		pin_generate(b->entropy, &(struct pin_policy){ .digits = 8, .wps_checksum = true }, pin);
		for (unsigned i = 0; i < 8; i++)
			sum += (unsigned)(pin[i] - '0') * (i % 2 ? 1 : 3);
		assert_int_equal(sum % 10, 0);
	}
}

static void weak_pins_are_known_as_such(void **state)
{
	static const char *const weak[] = {
		"00000000",	     "11111111",	 "999999",   "12345678",
		"87654321",	     "01234567",	 "123456",   "654321",
		"98765432",	     "89012345",	 "21098765", "12345670",
		"12345671",	     "11111110",	 "20202021", "12121212",
		"12341234",	     "123123",		 "121212",   "90909090",
		"11223344",	     "44332211",	 "112233",   "1234567890123456",
		"5555555555555555",  "1212121212121212", "",	     "12345",
		"12345678901234567", "1234567a",	 "4815 623",
	};
	static const char *const strong[] = { "48151623", "73019264",	      "600613",
					      "90210774", "1357924680135799", "31313137" };

	(void)state;
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
		if (!pin_is_weak(weak[i]))
			fail_msg("%s is not seen as weak", weak[i]);
	for (size_t i = 0; i < sizeof(strong) / sizeof(strong[0]); i++)
		if (pin_is_weak(strong[i]))
			fail_msg("%s is taken for weak", strong[i]);
}

static void weak_pins_are_few_enough_not_to_help_who_guesses(void **state)
{
	unsigned weak = 0;
	char pin[8];

	(void)state;
	for (unsigned n = 0; n < 1000000; n++) {
		(void)snprintf(pin, sizeof(pin), "%06u", n);
		weak += pin_is_weak(pin);
	}
	assert_in_range(weak, 300, 2000);
}

static void a_sealed_pin_opens_for_its_own_unit_only(void **state)
{
	struct bench *b = *state;
	uint8_t sealed[PIN_SEALED_MAX];
	char pin[IDENTITY_PIN_MAX];
	size_t len = 0;

	assert_int_equal(pin_seal(b->one.identity, b->entropy, "AC-100", "AC10000001", "48151623", sealed, &len), 0);
	assert_int_equal(len, 12 + 8 + 16);
	assert_null(memmem(sealed, len, "4815", 4));
	assert_true(pin_open(b->one.identity, "AC-100", "AC10000002", sealed, len, pin) < 0);
	assert_true(pin_open(b->one.identity, "AC-101", "AC10000001", sealed, len, pin) < 0);
	/* The border between product and serial is part of it. */
	assert_true(pin_open(b->one.identity, "AC-100A", "C10000001", sealed, len, pin) < 0);
	assert_string_equal(pin, "");
	assert_int_equal(pin_open(b->one.identity, "AC-100", "AC10000001", sealed, len, pin), 0);
	assert_string_equal(pin, "48151623");
}

static void two_factories_do_not_open_each_others_pins(void **state)
{
	struct bench *b = *state;
	uint8_t sealed[PIN_SEALED_MAX], mine[32], theirs[32];
	char pin[IDENTITY_PIN_MAX];
	size_t len = 0;

	assert_int_equal(pin_seal(b->one.identity, b->entropy, "AC-100", "AC10000001", "48151623", sealed, &len), 0);
	assert_true(pin_open(b->two.identity, "AC-100", "AC10000001", sealed, len, pin) < 0);
	assert_string_equal(pin, "");
	assert_int_equal(pin_lookup(b->one.identity, "AC-100", "48151623", mine), 0);
	assert_int_equal(pin_lookup(b->two.identity, "AC-100", "48151623", theirs), 0);
	assert_memory_not_equal(mine, theirs, 32);
	assert_string_not_equal(identity_kek_id(b->one.identity), identity_kek_id(b->two.identity));
}

static void a_sealed_pin_altered_or_cut_anywhere_does_not_open(void **state)
{
	struct bench *b = *state;
	uint8_t sealed[PIN_SEALED_MAX];
	char pin[IDENTITY_PIN_MAX];
	size_t len = 0;

	assert_int_equal(pin_seal(b->one.identity, b->entropy, "AC-100", "A", "4815162342108150", sealed, &len), 0);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(pin_open(b->one.identity, "AC-100", "A", sealed, len, pin) < 0);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_true(pin_open(b->one.identity, "AC-100", "A", sealed, cut, pin) < 0);
	assert_true(pin_open(b->one.identity, "AC-100", "A", sealed, PIN_SEALED_MAX + 1, pin) < 0);
	assert_int_equal(pin_open(b->one.identity, "AC-100", "A", sealed, len, pin), 0);
	assert_string_equal(pin, "4815162342108150");
}

static void the_same_pin_is_sealed_differently_each_time_and_looked_up_alike(void **state)
{
	struct bench *b = *state;
	uint8_t first[PIN_SEALED_MAX], second[PIN_SEALED_MAX], a[32], c[32];
	size_t len = 0;

	assert_int_equal(pin_seal(b->one.identity, b->entropy, "P", "A", "48151623", first, &len), 0);
	assert_int_equal(pin_seal(b->one.identity, b->entropy, "P", "A", "48151623", second, &len), 0);
	assert_memory_not_equal(first, second, 12);
	assert_memory_not_equal(first + 12, second + 12, 8);

	assert_int_equal(pin_lookup(b->one.identity, "P", "48151623", a), 0);
	assert_int_equal(pin_lookup(b->one.identity, "P", "48151623", c), 0);
	assert_memory_equal(a, c, 32);
	assert_int_equal(pin_lookup(b->one.identity, "P", "48151624", c), 0);
	assert_memory_not_equal(a, c, 32);
	assert_int_equal(pin_lookup(b->one.identity, "Q", "48151623", c), 0);
	assert_memory_not_equal(a, c, 32);
	assert_int_equal(pin_lookup(b->one.identity, "P4", "8151623", c), 0);
	assert_memory_not_equal(a, c, 32);
}

static void auditors_open_pins_with_pin_key_alone(void **state)
{
	struct bench *b = *state;
	struct identity *pins;
	uint8_t sealed[PIN_SEALED_MAX];
	char pin[IDENTITY_PIN_MAX], error[300];
	size_t len = 0;

	assert_int_equal(pin_seal(b->one.identity, b->entropy, "P", "A", "48151623", sealed, &len), 0);
	assert_int_equal(identity_open_pins(&pins, b->one.dir, error, sizeof(error)), 0);
	assert_string_equal(identity_kek_id(pins), identity_kek_id(b->one.identity));
	assert_int_equal(pin_open(pins, "P", "A", sealed, len, pin), 0);
	assert_string_equal(pin, "48151623");
	identity_close(pins);
}

static void pins_of_impossible_length_are_not_sealed(void **state)
{
	struct bench *b = *state;
	uint8_t sealed[PIN_SEALED_MAX];
	size_t len = 1;

	assert_true(pin_seal(b->one.identity, b->entropy, "P", "A", "", sealed, &len) < 0);
	assert_int_equal(len, 0);
	assert_true(pin_seal(b->one.identity, b->entropy, "P", "A", "12345678901234567", sealed, &len) < 0);
	assert_int_equal(len, 0);
}

/* Worked out with another implementation of PBKDF2 and of the curve, one that reproduces L from w1 of RFC
 * 9383 appendix C. */
static void the_verifier_is_that_of_rfc_9383(void **state)
{
	static const struct {
		const char *pin, *serial, *salt, *w0, *l;
		uint32_t iterations;
	} vectors[] = {
		{ "48151623", "AC10000001", "000102030405060708090a0b0c0d0e0f",
		  "84fb3171dd40ee6a51415cb801c351f40c6dd74cdd14ef3d1b984b600a0d156e",
		  "043e6a426eb3f137fee94189fa3009487dda6265b85edb5204370028051940e1f1"
		  "33dca7b18b71681427da5655834fd5613e44927376f12ac07495f4ba1994dae6",
		  1000 },
		{ "999999", "A", "ffffffffffffffffffffffffffffffff",
		  "cd3393cce66d15e4160c3b4c7dea906a46fee5ed5c7a42ea5dd089b1966875d7",
		  "043b84bce82f4885749f9bf875aac91ea59c12e91339f15ac59646cc5b092669a8"
		  "892f51aed51c3765bb6642f263b2fab2399e40d17fbbf0318f3a6fae56396077",
		  4321 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t salt[16], expected_w0[32], expected_l[65], w0[32], l[65];

		hex(vectors[i].salt, salt, sizeof(salt));
		hex(vectors[i].w0, expected_w0, sizeof(expected_w0));
		hex(vectors[i].l, expected_l, sizeof(expected_l));
		assert_int_equal(pin_verifier(vectors[i].pin, vectors[i].serial, salt, vectors[i].iterations, w0, l),
				 0);
		assert_memory_equal(w0, expected_w0, 32);
		assert_memory_equal(l, expected_l, 65);
		/* PIN, serial, salt and count all matter. */
		assert_int_equal(pin_verifier("48151624", vectors[i].serial, salt, vectors[i].iterations, w0, l), 0);
		assert_memory_not_equal(w0, expected_w0, 32);
		assert_int_equal(pin_verifier(vectors[i].pin, "B", salt, vectors[i].iterations, w0, l), 0);
		assert_memory_not_equal(w0, expected_w0, 32);
		assert_int_equal(
			pin_verifier(vectors[i].pin, vectors[i].serial, salt, vectors[i].iterations + 1, w0, l), 0);
		assert_memory_not_equal(l, expected_l, 65);
		salt[15] ^= 1;
		assert_int_equal(pin_verifier(vectors[i].pin, vectors[i].serial, salt, vectors[i].iterations, w0, l),
				 0);
		assert_memory_not_equal(l, expected_l, 65);
	}
}

/* RFC 9383 appendix C, P256-SHA256-HKDF-SHA256-HMAC-SHA256: L is w1 times the generator. */
static void l_is_w1_times_the_generator_as_in_the_rfcs_vector(void **state)
{
	uint8_t w1[32], l[65], expected[65];

	(void)state;
	hex("7e945f34d78785b8a3ef44d0df5a1a97d6b3b460409a345ca7830387a74b1dba", w1, sizeof(w1));
	hex("04eb7c9db3d9a9eb1f8adab81b5794c1f13ae3e225efbe91ea487425854c7fc00f"
	    "00bfedcbd09b2400142d40a14f2064ef31dfaa903b91d1faea7093d835966efd",
	    expected, sizeof(expected));
	assert_true(mr_p256_public(w1, l));
	assert_memory_equal(l, expected, 65);
}

static void the_prover_fits_the_verifier(void **state)
{
	uint8_t salt[32], w0[32], other_w0[32], w1[32], l[65], expected[65];

	(void)state;
	memset(salt, 7, sizeof(salt));
	assert_int_equal(pin_verifier("48151623", "AC1", salt, 1000, w0, expected), 0);
	assert_int_equal(pin_prover("48151624", "AC1", salt, 16, 1000, other_w0, w1), 0);
	assert_memory_not_equal(other_w0, w0, 32);
	assert_int_equal(pin_prover("48151623", "AC1", salt, 16, 1000, other_w0, w1), 0);
	assert_memory_equal(other_w0, w0, 32);
	assert_true(mr_p256_public(w1, l));
	assert_memory_equal(l, expected, 65);
	assert_int_equal(pin_prover("48151623", "AC1", salt, 32, 1000, other_w0, w1), 0);
	assert_memory_not_equal(other_w0, w0, 32);
	assert_true(pin_prover("48151623", "AC1", salt, 15, 1000, other_w0, w1) < 0);
	assert_true(pin_prover("48151623", "AC1", salt, 33, 1000, other_w0, w1) < 0);
	assert_true(pin_prover("48151623", "AC1", salt, 16, 1000001, other_w0, w1) < 0);
}

static void too_few_iterations_make_no_verifier(void **state)
{
	uint8_t salt[16] = { 0 }, w0[32], l[65];

	(void)state;
	assert_true(pin_verifier("48151623", "A", salt, 999, w0, l) < 0);
	assert_true(pin_verifier("48151623", "A", salt, 0, w0, l) < 0);
	assert_true(pin_verifier("48151623", "A", salt, UINT32_MAX, w0, l) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_digit_and_every_pair_of_digits_is_equally_likely),
		cmocka_unit_test(the_measure_of_uniformity_sees_the_bias_of_a_plain_modulo),
		cmocka_unit_test(pins_have_the_digits_that_the_policy_says),
		cmocka_unit_test(the_wps_checksum_is_that_of_the_standard),
		cmocka_unit_test(weak_pins_are_known_as_such),
		cmocka_unit_test(weak_pins_are_few_enough_not_to_help_who_guesses),
		cmocka_unit_test(a_sealed_pin_opens_for_its_own_unit_only),
		cmocka_unit_test(two_factories_do_not_open_each_others_pins),
		cmocka_unit_test(a_sealed_pin_altered_or_cut_anywhere_does_not_open),
		cmocka_unit_test(the_same_pin_is_sealed_differently_each_time_and_looked_up_alike),
		cmocka_unit_test(auditors_open_pins_with_pin_key_alone),
		cmocka_unit_test(pins_of_impossible_length_are_not_sealed),
		cmocka_unit_test(the_verifier_is_that_of_rfc_9383),
		cmocka_unit_test(l_is_w1_times_the_generator_as_in_the_rfcs_vector),
		cmocka_unit_test(the_prover_fits_the_verifier),
		cmocka_unit_test(too_few_iterations_make_no_verifier),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
