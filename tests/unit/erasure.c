/*
 * The erasure code: any k points give back the message, in any order, in both fields; one value with pencil and paper.
 *
 * links: agent/wire/erasure.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/erasure.h"

static uint32_t seed;

static uint32_t draw(uint32_t limit)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)seed * limit >> 32);
}

/* 3 + 5x + 2x^2 at x = 4: in GF(2^7) 5 * 4 = x^4 + x^2 = 0x14, 2 * 16 = 0x20; 3 + 0x14 + 0x20 = 0x37. At 0x40, with
 * x^7 = x + 1: 5 * x^6 = x^8 + x^6 = x^2 + x + x^6 = 0x46, x^12 * x = x^13 = x^6 (x + 1) = x + 1 + x^6 = 0x43. */
static void a_value_is_that_of_the_polynomial(void **state)
{
	static const uint8_t c[3] = { 3, 5, 2 };

	(void)state;
	assert_int_equal(mr_erasure_value(MR_ERASURE_GF128, c, 3, 1, 0), 3);
	assert_int_equal(mr_erasure_value(MR_ERASURE_GF128, c, 3, 1, 1), 4);
	assert_int_equal(mr_erasure_value(MR_ERASURE_GF128, c, 3, 1, 4), 0x37);
	assert_int_equal(mr_erasure_value(MR_ERASURE_GF128, c, 3, 1, 0x40), 3 ^ 0x46 ^ 0x43);
	/* FIPS 197 has another polynomial; in 0x11d x^8 = x^4 + x^3 + x^2 + 1: 2 * 0x80 = 0x1d */
	assert_int_equal(mr_erasure_value(MR_ERASURE_GF256, (const uint8_t[]){ 0, 2 }, 2, 1, 0x80), 0x1d);
}

static void shuffled(uint8_t *points, size_t count)
{
	for (size_t i = 0; i < count; i++)
		points[i] = (uint8_t)i;
	for (size_t i = count; i-- > 1;) {
		size_t j = draw((uint32_t)i + 1);
		uint8_t t = points[i];

		points[i] = points[j];
		points[j] = t;
	}
}

static void through(enum mr_erasure_field field, size_t lanes, size_t k)
{
	struct mr_erasure e = { 0 };
	uint8_t message[MR_ERASURE_OCTETS_MAX], points[256], value[2];
	unsigned most = field == MR_ERASURE_GF128 ? 128 : 256;

	for (size_t i = 0; i < k * lanes; i++)
		message[i] = (uint8_t)draw(most);
	message[k * lanes - 1] |= 1; /* no shorter by chance */
	shuffled(points, most);
	for (size_t i = 0; i < most; i++) {
		enum mr_erasure_taken taken;

		for (size_t lane = 0; lane < lanes; lane++)
			value[lane] = mr_erasure_value(field, message + lane, k, lanes, points[i]);
		taken = mr_erasure_take(&e, field, lanes, points[i], value);
		if (i >= k)
			assert_int_equal(taken, MR_ERASURE_AGREES);
		assert_int_not_equal(taken, MR_ERASURE_KNOWN);
		assert_int_not_equal(taken, MR_ERASURE_CONTRADICTS);
		if (i + 1 >= k)
			assert_memory_equal(e.sum, message, k * lanes);
		else
			assert_memory_not_equal(e.sum, message, k * lanes);
	}
	assert_int_equal(e.have, mr_erasure_room(lanes));
}

static void any_k_points_are_the_message(void **state)
{
	(void)state;
	for (seed = 1; seed < 40; seed++) {
		uint32_t at = seed;

		through(MR_ERASURE_GF256, 2, 1 + draw(64));
		through(MR_ERASURE_GF256, 1, 1 + draw(74));
		through(MR_ERASURE_GF128, 1, 1 + draw(74));
		through(MR_ERASURE_GF128, 2, 1 + draw(64));
		seed = at;
	}
	through(MR_ERASURE_GF256, 2, 64);
	through(MR_ERASURE_GF128, 1, 74);
}

static void a_point_again_is_known_or_contradicts(void **state)
{
	struct mr_erasure e = { 0 }, before;
	const uint8_t one[2] = { 7, 9 }, other[2] = { 7, 8 };

	(void)state;
	assert_int_equal(mr_erasure_take(&e, MR_ERASURE_GF256, 2, 100, one), MR_ERASURE_NEW);
	assert_int_equal(mr_erasure_take(&e, MR_ERASURE_GF256, 2, 3, other), MR_ERASURE_NEW);
	before = e;
	assert_int_equal(mr_erasure_take(&e, MR_ERASURE_GF256, 2, 100, one), MR_ERASURE_KNOWN);
	assert_int_equal(mr_erasure_take(&e, MR_ERASURE_GF256, 2, 100, other), MR_ERASURE_CONTRADICTS);
	assert_int_equal(mr_erasure_take(&e, MR_ERASURE_GF256, 2, 3, one), MR_ERASURE_CONTRADICTS);
	assert_memory_equal(&e, &before, sizeof(e));
}

static void what_does_not_fit_contradicts(void **state)
{
	struct mr_erasure e = { 0 }, before;
	uint8_t value[2] = { 0, 0 };

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		value[0] = (uint8_t)(i * i + 1);
		value[1] = (uint8_t)(77 * i);
		assert_int_not_equal(mr_erasure_take(&e, MR_ERASURE_GF256, 2, (uint8_t)i, value),
				     MR_ERASURE_CONTRADICTS);
	}
	before = e;
	value[0] = (uint8_t)(mr_erasure_value(MR_ERASURE_GF256, e.sum, 64, 2, 200) + 1);
	assert_int_equal(mr_erasure_take(&e, MR_ERASURE_GF256, 2, 200, value), MR_ERASURE_CONTRADICTS);
	assert_memory_equal(&e, &before, sizeof(e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_that_of_the_polynomial),
		cmocka_unit_test(any_k_points_are_the_message),
		cmocka_unit_test(a_point_again_is_known_or_contradicts),
		cmocka_unit_test(what_does_not_fit_contradicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
