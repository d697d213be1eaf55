/*
 * The cursor, through which every octet from outside goes. Buffers are on the heap and exact, so that a sanitizer sees
 * the first octet past an end.
 *
 * links:
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/cursor.h"

/* Its own function also to the optimiser, which otherwise warns of the writes that are refused. */
__attribute__((noinline)) static uint8_t *counting(size_t len)
{
	uint8_t *b = malloc(len ? len : 1);

	assert_non_null(b);
	for (size_t i = 0; i < len; i++)
		b[i] = (uint8_t)(i + 1);
	return b;
}

static void numbers_are_read_in_their_byte_order(void **state)
{
	static const uint8_t b[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct mr_rd r;

	(void)state;
	r = mr_rd_over(b, 8), assert_int_equal(mr_rd_u8(&r), 1);
	r = mr_rd_over(b, 8), assert_int_equal(mr_rd_le16(&r), 0x0201);
	r = mr_rd_over(b, 8), assert_int_equal(mr_rd_be16(&r), 0x0102);
	r = mr_rd_over(b, 8), assert_int_equal(mr_rd_le32(&r), 0x04030201);
	r = mr_rd_over(b, 8), assert_int_equal(mr_rd_be32(&r), 0x01020304);
	r = mr_rd_over(b, 8), assert_int_equal(mr_rd_le64(&r), 0x0807060504030201);
	r = mr_rd_over(b, 8), assert_int_equal(mr_rd_be64(&r), 0x0102030405060708);
	assert_true(r.left == 0 && !r.bad);
}

static void numbers_come_back_as_they_were_written(void **state)
{
	const uint64_t v = 0xf1e2d3c4b5a69788;
	uint8_t b[29];
	struct mr_wr w = mr_wr_over(b, sizeof(b));
	struct mr_rd r;

	(void)state;
	mr_wr_u8(&w, (uint8_t)v);
	mr_wr_le16(&w, (uint16_t)v);
	mr_wr_be16(&w, (uint16_t)v);
	mr_wr_le32(&w, (uint32_t)v);
	mr_wr_be32(&w, (uint32_t)v);
	mr_wr_le64(&w, v);
	mr_wr_be64(&w, v);
	assert_true(!w.bad && w.len == sizeof(b));
	r = mr_wr_written(&w);
	assert_int_equal(mr_rd_u8(&r), (uint8_t)v);
	assert_int_equal(mr_rd_le16(&r), (uint16_t)v);
	assert_int_equal(mr_rd_be16(&r), (uint16_t)v);
	assert_int_equal(mr_rd_le32(&r), (uint32_t)v);
	assert_int_equal(mr_rd_be32(&r), (uint32_t)v);
	assert_true(mr_rd_le64(&r) == v && mr_rd_be64(&r) == v && !r.bad && r.left == 0);
}

static void the_first_read_past_the_end_stops_all_others(void **state)
{
	(void)state;
	for (size_t len = 0; len < 8; len++) {
		uint8_t *b = counting(len);
		struct mr_rd r = mr_rd_over(b, len);
		uint8_t out[8];

		assert_int_equal(mr_rd_be64(&r), 0);
		assert_true(r.bad);
		/* Even what would have fitted before. */
		assert_int_equal(mr_rd_u8(&r), 0);
		assert_null(mr_rd_take(&r, 0));
		memset(out, 0xaa, sizeof(out));
		mr_rd_copy(&r, out, 8);
		assert_memory_equal(out, ((uint8_t[8]){ 0 }), 8);
		assert_true(mr_rd_sub(&r, 1).bad);
		mr_rd_skip(&r, 1);
		assert_true(r.bad && r.left == 0);
		free(b);
	}
}

static void a_length_from_outside_cannot_wrap(void **state)
{
	static const size_t lengths[] = { 5, 6, SIZE_MAX, SIZE_MAX - 3, SIZE_MAX / 2 + 1 };
	uint8_t *b = counting(4);

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct mr_rd r = mr_rd_over(b, 4), sub;
		struct mr_wr w = mr_wr_over(b, 4);

		sub = mr_rd_sub(&r, lengths[i]);
		assert_true(r.bad && sub.bad && sub.left == 0 && !sub.at);
		mr_wr_u8(&w, 1);
		assert_null(mr_wr_room(&w, lengths[i]));
		assert_true(w.bad && w.len == 1);
	}
	free(b);
}

static void a_part_is_bounded_by_its_own_length(void **state)
{
	uint8_t *b = counting(6);
	struct mr_rd r = mr_rd_over(b, 6), part = mr_rd_sub(&r, 2), empty;

	(void)state;
	assert_int_equal(mr_rd_be16(&part), 0x0102);
	assert_int_equal(mr_rd_u8(&part), 0);
	assert_true(part.bad && !r.bad && r.left == 4);
	empty = mr_rd_sub(&r, 0);
	assert_true(!empty.bad && empty.left == 0 && !r.bad);
	assert_int_equal(mr_rd_be32(&r), 0x03040506);
	empty = mr_rd_sub(&r, 0);
	assert_true(!empty.bad && !r.bad);
	free(b);
}

static void nothing_can_be_read_and_written_from_nowhere(void **state)
{
	struct mr_rd r = mr_rd_over(NULL, 0);
	struct mr_rd sub = mr_rd_sub(&r, 0);

	(void)state;
	assert_true(!r.bad && !sub.bad && sub.left == 0);
	assert_int_equal(mr_rd_u8(&r), 0);
	assert_true(r.bad);
}

static void nothing_is_written_past_the_room(void **state)
{
	(void)state;
	for (size_t cap = 0; cap < 12; cap++) {
		uint8_t *b = counting(cap);
		struct mr_wr w = mr_wr_over(b, cap);

		mr_wr_be32(&w, 0xa1a2a3a4);
		mr_wr_bytes(&w, "12345", 5);
		mr_wr_le16(&w, 0xb1b2);
		mr_wr_u8(&w, 0xc1);
		assert_int_equal(w.bad, cap < 12);
		/* All or nothing, value by value: what did not fit left no part of itself. */
		assert_int_equal(w.len, cap < 4 ? 0 : cap < 9 ? 4 : cap < 11 ? 9 : 11);
		for (size_t i = w.len; i < cap; i++)
			assert_int_equal(b[i], i + 1);
		assert_int_equal(mr_wr_written(&w).left, 0); /* a bad writer has written nothing to be sent */
		free(b);
	}
}

static void a_length_is_filled_in_when_it_is_known(void **state)
{
	uint8_t b[16];
	struct mr_wr w = mr_wr_over(b, sizeof(b));
	size_t outer = mr_wr_open16(&w), inner;

	(void)state;
	mr_wr_u8(&w, 0x77);
	inner = mr_wr_open16(&w);
	mr_wr_bytes(&w, "abc", 3);
	mr_wr_close_le16(&w, inner);
	mr_wr_close_be16(&w, outer);
	assert_false(w.bad);
	assert_int_equal(w.len, 8);
	assert_memory_equal(b, "\0\6\x77\3\0abc", 8);
}

static void a_length_that_needs_more_than_16_bits_is_bad(void **state)
{
	uint8_t *b = malloc(70000);

	(void)state;
	for (size_t len = UINT16_MAX; len <= UINT16_MAX + 1; len++)
		for (int be = 0; be < 2; be++) {
			struct mr_wr w = mr_wr_over(b, 70000);
			size_t mark = mr_wr_open16(&w);

			assert_non_null(mr_wr_room(&w, len));
			if (be)
				mr_wr_close_be16(&w, mark);
			else
				mr_wr_close_le16(&w, mark);
			assert_int_equal(w.bad, len > UINT16_MAX);
			if (!w.bad)
				assert_true(b[0] == 0xff && b[1] == 0xff);
		}
	free(b);
	/* A mark that did not fit either. */
	uint8_t one;
	struct mr_wr w = mr_wr_over(&one, 1);
	size_t mark = mr_wr_open16(&w);

	one = 0x5a;
	mr_wr_close_le16(&w, mark);
	mr_wr_close_be16(&w, mark);
	assert_true(w.bad && one == 0x5a);
}

static void octets_are_compared_copied_and_wiped(void **state)
{
	uint8_t a[33], b[33];

	(void)state;
	memset(a, 0x3c, sizeof(a));
	mr_copy(b, a, sizeof(a));
	assert_true(mr_equal(a, b, 33) && mr_equal_ct(a, b, 33));
	for (size_t i = 0; i < 33; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			b[i] = (uint8_t)(b[i] ^ 1u << bit);
			assert_false(mr_equal(a, b, 33));
			assert_false(mr_equal_ct(a, b, 33));
			assert_true(mr_equal(a, b, i) && mr_equal_ct(a, b, i));
			b[i] = a[i];
		}
	assert_true(mr_equal(a, b, 0) && mr_equal_ct(a, b, 0));
	mr_wipe(a, 32);
	mr_zero(b, 32);
	for (size_t i = 0; i < 32; i++)
		assert_true(a[i] == 0 && b[i] == 0);
	assert_true(a[32] == 0x3c && b[32] == 0x3c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_in_their_byte_order),
		cmocka_unit_test(numbers_come_back_as_they_were_written),
		cmocka_unit_test(the_first_read_past_the_end_stops_all_others),
		cmocka_unit_test(a_length_from_outside_cannot_wrap),
		cmocka_unit_test(a_part_is_bounded_by_its_own_length),
		cmocka_unit_test(nothing_can_be_read_and_written_from_nowhere),
		cmocka_unit_test(nothing_is_written_past_the_room),
		cmocka_unit_test(a_length_is_filled_in_when_it_is_known),
		cmocka_unit_test(a_length_that_needs_more_than_16_bits_is_bad),
		cmocka_unit_test(octets_are_compared_copied_and_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
