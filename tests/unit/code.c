/*
 * Code 128 against worked examples, sets as short as can be, and whatever it encodes decoded again by a decoder of its
 * own; zbar reads the same codes in tests/unit/label.c.
 *
 * links: station/label/code128.c station/label/qr.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "station/label/code.h"

static uint8_t characters[2 * CODE128_TEXT_MAX + 3];

/* Reads symbol characters as a scanner does; checks start, check character and stop. */
static size_t decoded(const uint8_t *codes, size_t count, char *text)
{
	unsigned sum = codes[0];
	int set = codes[0] - 103;
	size_t len = 0;

	assert_in_range(codes[0], 103, 105);
	assert_int_equal(codes[count - 1], 106);
	for (size_t i = 1; i + 2 < count; i++)
		sum += (unsigned)i * codes[i];
	assert_int_equal(codes[count - 2], sum % 103);
	for (size_t i = 1; i + 2 < count; i++) {
		int in = set, code = codes[i];

		if (set != 2 && code == 98) {
			in = !set;
			code = codes[++i];
			assert_true(code < 96);
		}
		if (in == 2 && code < 100)
			len += (size_t)sprintf(text + len, "%02d", code);
		else if (in == 0 && code < 96)
			text[len++] = (char)(code < 64 ? code + 32 : code - 64);
		else if (in == 1 && code < 96)
			text[len++] = (char)(code + 32);
		else if (code == 99 && in != 2)
			set = 2;
		else if (code == 100 && in != 1)
			set = 1;
		else if (code == 101 && in != 0)
			set = 0;
		else
			fail_msg("character %d in set %d", code, in);
	}
	text[len] = '\0';
	return len;
}

static void worked_examples_come_out(void **state)
{
	/* "Wikipedia" in set B has the check value 88; "PJJ123C" in set A has 54. */
	static const uint8_t wikipedia[] = { 104, 55, 73, 75, 73, 80, 69, 68, 73, 65, 88, 106 };
	static const uint8_t digits[] = { 105, 12, 34, 56, (105 + 12 + 2 * 34 + 3 * 56) % 103, 106 };
	size_t count = code128_characters("Wikipedia", 9, characters);

	(void)state;
	assert_int_equal(count, sizeof(wikipedia));
	assert_memory_equal(characters, wikipedia, count);
	count = code128_characters("123456", 6, characters);
	assert_int_equal(count, sizeof(digits));
	assert_memory_equal(characters, digits, count);
	count = code128_characters("PJJ123C", 7, characters);
	assert_int_equal(count, 10);
	/* Here it is in set B, whose start character counts one more. */
	assert_int_equal(characters[0], 104);
	assert_int_equal(characters[8], 54 + 1);
}

static void sets_change_only_where_that_is_shorter(void **state)
{
	static const struct {
		const char *text;
		size_t data; /* characters between start and check */
	} cases[] = {
		{ "12", 1 },	 { "123", 3 },	   { "1234", 2 },	   { "A1234", 4 },    { "AC10000175", 7 },
		{ "A12", 3 },	 { "A12B", 4 },	   { "A1234B", 6 },	   { "A123456B", 7 }, { "12A34", 5 },
		{ "ab\tcd", 6 }, { "\t\t\tA", 4 }, { "ab\t\t\t\tcd", 10 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t count = code128_characters(cases[i].text, strlen(cases[i].text), characters);
		char text[200];

		if (count - 3 > cases[i].data)
			fail_msg("\"%s\" takes %zu characters, not %zu", cases[i].text, count - 3, cases[i].data);
		decoded(characters, count, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void every_text_reads_back(void **state)
{
	uint32_t x = 2463534242u;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		static const char kinds[4][2] = { { 0, 127 }, { '0', '9' }, { 1, 31 }, { 'a', 'z' } };
		char text[CODE128_TEXT_MAX + 1], back[200];
		size_t len = 1 + round % CODE128_TEXT_MAX, count;
		unsigned kind = 0;

		for (size_t i = 0; i < len; i++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			if (x % 5 == 0)
				kind = x / 5 % 4;
			text[i] = (char)(kinds[kind][0] +
					 (char)(x / 64 % (unsigned)(kinds[kind][1] - kinds[kind][0] + 1)));
		}
		count = code128_characters(text, len, characters);
		assert_in_range(count, 4, sizeof(characters));
		assert_int_equal(decoded(characters, count, back), len);
		assert_memory_equal(back, text, len);
	}
}

static void what_code_128_cannot_say_is_refused(void **state)
{
	char text[CODE128_TEXT_MAX + 2];
	struct label_code code;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(code128_characters("", 0, characters), 0);
	assert_int_equal(code128_characters("\x80", 1, characters), 0);
	assert_int_equal(code128_characters("ä", 2, characters), 0);
	assert_int_equal(code128_characters(text, CODE128_TEXT_MAX + 1, characters), 0);
	assert_false(code_128(&code, "ä", 2));
	code_wipe(&code);
	assert_true(code_128(&code, text, CODE128_TEXT_MAX));
	assert_int_equal(code.columns, 11 * (CODE128_TEXT_MAX + 2) + 13);
	assert_true(code_is_black(&code, 0, 0) && code_is_black(&code, code.columns - 1, 0));
	code_wipe(&code);
}

static void a_qr_code_is_as_small_as_its_text_allows(void **state)
{
	struct label_code code;
	char text[3000];

	(void)state;
	/* ISO/IEC 18004 table 7: version 1-M has room for 20 alphanumeric characters, 14 octets. */
	assert_true(code_qr(&code, "MT:Y.K9042C00KA0648G", CODE_M));
	assert_int_equal(code.columns, 21);
	assert_int_equal(code.quiet, 4);
	code_wipe(&code);
	assert_true(code_qr(&code, "mt:y.k9042c00ka0648g", CODE_M));
	assert_int_equal(code.columns, 25);
	code_wipe(&code);
	assert_true(code_qr(&code, "MT:Y.K9042C00KA0648G", CODE_H));
	assert_int_equal(code.columns, 25);
	code_wipe(&code);
	assert_false(code_qr(&code, "", CODE_L));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(code_qr(&code, text, CODE_L));
	code_wipe(&code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worked_examples_come_out),
		cmocka_unit_test(sets_change_only_where_that_is_shorter),
		cmocka_unit_test(every_text_reads_back),
		cmocka_unit_test(what_code_128_cannot_say_is_refused),
		cmocka_unit_test(a_qr_code_is_as_small_as_its_text_allows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
