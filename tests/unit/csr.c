/*
 * The certificate request and the walk through a certificate, judged by OpenSSL; the DER underneath by X.690.
 *
 * links: agent/core/csr.c agent/core/der.c agent/port/linux/crypto_openssl.c tests/support/factory.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/core/csr.h"
#include "agent/core/der.h"
#include "agent/port/crypto.h"
#include "tests/support/factory.h"
#include "tests/unit/hex.h"

#define PRODUCT_LONGEST "Brook lamp \xc3\xbc with a long name 1" /* 32 octets, one of them beyond ASCII */

static const uint8_t device_id[8] = { 0xd0, 0, 0x0a, 0xff, 4, 5, 6, 7 };

static void key_make(uint8_t n, uint8_t priv[static 32], uint8_t pub[static 65])
{
	memset(priv, 0x11, 32);
	priv[31] = n;
	assert_true(mr_p256_public(priv, pub));
}

static void openssl_verifies_the_request_and_reads_the_subject(void **state)
{
	static const char *const products[] = { "L", "Brook lamp", PRODUCT_LONGEST };
	uint8_t priv[32], pub[65], got[65], csr[700], certificate[900];
	struct factory f;

	(void)state;
	factory_make(&f);
	assert_int_equal(strlen(PRODUCT_LONGEST), 32);
	/* Enough signatures that r and s come with and without a leading zero, and shorter. */
	for (uint8_t n = 0; n < 255; n++) {
		struct mr_wr w = mr_wr_over(csr, sizeof(csr));
		const char *product = products[n % 3];

		key_make(n, priv, pub);
		assert_true(mr_csr_write(&w, product, device_id, priv, pub));
		assert_int_not_equal(factory_certify(&f, csr, w.len, product, "d0000aff04050607", certificate,
						     sizeof(certificate), got),
				     0);
		assert_memory_equal(got, pub, 65);
		/* And the judge does judge. */
		csr[60] ^= 1;
		assert_int_equal(factory_certify(&f, csr, w.len, product, "d0000aff04050607", certificate,
						 sizeof(certificate), got),
				 0);
	}
	factory_wipe(&f);
}

static void a_request_that_does_not_fit_is_refused(void **state)
{
	uint8_t priv[32], pub[65], csr[700];
	struct mr_wr w = mr_wr_over(csr, sizeof(csr));
	size_t shortest;

	(void)state;
	key_make(1, priv, pub);
	assert_true(mr_csr_write(&w, PRODUCT_LONGEST, device_id, priv, pub));
	shortest = w.len - 10; /* signatures differ in length */
	for (size_t cap = 0; cap < shortest; cap++) {
		w = mr_wr_over(csr, cap);
		assert_false(mr_csr_write(&w, PRODUCT_LONGEST, device_id, priv, pub));
	}
}

static size_t certify(struct factory *f, uint8_t priv[static 32], uint8_t pub[static 65], uint8_t *out, size_t cap)
{
	uint8_t csr[700], got[65];
	struct mr_wr w = mr_wr_over(csr, sizeof(csr));

	assert_true(mr_csr_write(&w, "Brook lamp", device_id, priv, pub));
	return factory_certify(f, csr, w.len, "Brook lamp", "d0000aff04050607", out, cap, got);
}

static void a_certificate_is_accepted_for_its_key_only(void **state)
{
	uint8_t priv[32], pub[65], other[65], certificate[901] = { 0 };
	struct factory f;
	size_t len;

	(void)state;
	factory_make(&f);
	key_make(1, priv, pub);
	len = certify(&f, priv, pub, certificate, 900);
	assert_true(mr_certificate_is_for(mr_rd_over(certificate, len), pub));
	key_make(2, priv, other);
	assert_false(mr_certificate_is_for(mr_rd_over(certificate, len), other));
	assert_false(mr_certificate_is_for(mr_rd_over(f.ca_der, f.ca_len), pub));
	/* Cut anywhere, or with an octet too many. */
	for (size_t cut = 0; cut < len; cut++)
		assert_false(mr_certificate_is_for(mr_rd_over(certificate, cut), pub));
	assert_false(mr_certificate_is_for(mr_rd_over(certificate, len + 1), pub));
	factory_wipe(&f);
}

/* The key's octets somewhere else in the certificate, here where the issuer is, do not make it the key's. */
static void the_key_counts_only_in_its_place(void **state)
{
	uint8_t priv[32], pub[65], spki[MR_SPKI_LEN], buf[600];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	size_t outer = mr_der_open(&w, MR_DER_SEQUENCE), tbs = mr_der_open(&w, MR_DER_SEQUENCE);

	(void)state;
	key_make(1, priv, pub);
	mr_spki(spki, pub);
	mr_der_add(&w, MR_DER_INTEGER, "\1", 1);
	mr_der_add(&w, MR_DER_SEQUENCE, NULL, 0);
	mr_wr_bytes(&w, spki, sizeof(spki)); /* issuer */
	mr_der_add(&w, MR_DER_SEQUENCE, NULL, 0);
	mr_der_add(&w, MR_DER_SEQUENCE, NULL, 0);
	spki[90] ^= 1;
	mr_wr_bytes(&w, spki, sizeof(spki));
	mr_der_close(&w, tbs);
	mr_der_add(&w, MR_DER_SEQUENCE, NULL, 0);
	mr_der_add(&w, MR_DER_BIT_STRING, "\0", 1);
	mr_der_close(&w, outer);
	assert_false(w.bad);
	assert_false(mr_certificate_is_for(mr_wr_written(&w), pub));
	pub[64] ^= 1; /* the one in its place: the form alone is walked */
	assert_true(mr_certificate_is_for(mr_wr_written(&w), pub));
}

/* X.690 section 8.1.3 and 10.1 */
static void lengths_are_written_and_read_in_their_shortest_form(void **state)
{
	static const size_t lengths[] = { 0, 1, 127, 128, 255, 256, 1000, 65535 };
	static uint8_t content[65536], buf[65600];

	(void)state;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct mr_wr w = mr_wr_over(buf, sizeof(buf));
		struct mr_rd in, got;

		mr_der_add(&w, MR_DER_SEQUENCE, content, lengths[i]);
		assert_false(w.bad);
		assert_int_equal(w.len - lengths[i], lengths[i] < 128 ? 2 : lengths[i] < 256 ? 3 : 4);
		in = mr_wr_written(&w);
		got = mr_der_take(&in, MR_DER_SEQUENCE);
		assert_true(!in.bad && in.left == 0 && got.left == lengths[i]);
		assert_memory_equal(got.at, content, lengths[i]);
		in = mr_wr_written(&w);
		(void)mr_der_take(&in, MR_DER_SET);
		assert_true(in.bad);
		for (size_t cap = 0; cap < w.len && w.len < 1100; cap++) {
			struct mr_wr small = mr_wr_over(buf, cap);

			mr_der_add(&small, MR_DER_SEQUENCE, content, lengths[i]);
			assert_true(small.bad);
		}
	}
}

static void lengths_in_another_form_are_refused(void **state)
{
	static const char *const bad[] = { "3080 00 00",    "308101 00", "30817f", "30820001 00", "3082007f",
					   "3083000001 00", "3081",	 "308201", "30",	  "3005 01" };
	uint8_t buf[200] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t len = hex(bad[i], buf, sizeof(buf));
		struct mr_rd in = mr_rd_over(buf, i == 2 || i == 4 ? sizeof(buf) : len), got;

		got = mr_der_take(&in, MR_DER_SEQUENCE);
		assert_true(in.bad);
		assert_true(got.bad && got.left == 0);
	}
}

/* X.690 section 8.3 */
static void integers_are_positive_and_as_short_as_can_be(void **state)
{
	static const struct {
		const char *number, *der;
	} cases[] = { { "00", "020100" },   { "01", "020101" },	      { "7f", "02017f" },
		      { "80", "02020080" }, { "0000ff", "020200ff" }, { "0100", "02020100" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t number[8], want[16], buf[16];
		size_t n = hex(cases[i].number, number, sizeof(number)), len = hex(cases[i].der, want, sizeof(want));
		struct mr_wr w = mr_wr_over(buf, sizeof(buf));

		mr_der_add_integer(&w, number, n);
		assert_int_equal(w.len, len);
		assert_memory_equal(buf, want, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openssl_verifies_the_request_and_reads_the_subject),
		cmocka_unit_test(a_request_that_does_not_fit_is_refused),
		cmocka_unit_test(a_certificate_is_accepted_for_its_key_only),
		cmocka_unit_test(the_key_counts_only_in_its_place),
		cmocka_unit_test(lengths_are_written_and_read_in_their_shortest_form),
		cmocka_unit_test(lengths_in_another_form_are_refused),
		cmocka_unit_test(integers_are_positive_and_as_short_as_can_be),
	};

	return cmocka_run_group_tests_name("csr", tests, NULL, NULL);
}
