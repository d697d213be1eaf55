/*
 * Serial numbers from a pattern and from a list: each once, in order.
 *
 * links: station/identity/serial.c station/base/log.c
 * links: station/base/reach.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "station/identity/identity.h"

static struct serial_pool *pattern(const char *text, uint64_t first)
{
	char error[200] = "";
	struct serial_pool *pool = serial_pool_pattern(text, first, error, sizeof(error));

	if (!pool)
		fail_msg("%s", error);
	return pool;
}

static struct serial_pool *text(const char *lines)
{
	char error[200] = "";
	struct serial_pool *pool = serial_pool_text("list", lines, strlen(lines), error, sizeof(error));

	if (!pool)
		fail_msg("%s", error);
	return pool;
}

static void a_pattern_counts_with_leading_zeros(void **state)
{
	struct serial_pool *pool = pattern("AC1{07}", 8);

	(void)state;
	assert_int_equal(serial_pool_left(pool), 10000000 - 8);
	assert_string_equal(serial_pool_take(pool), "AC10000008");
	assert_string_equal(serial_pool_take(pool), "AC10000009");
	assert_string_equal(serial_pool_take(pool), "AC10000010");
	assert_int_equal(serial_pool_left(pool), 10000000 - 11);
	serial_pool_destroy(pool);
}

static void a_counter_may_stand_anywhere_and_alone(void **state)
{
	struct serial_pool *pool = pattern("{03}-X", 0);

	(void)state;
	assert_string_equal(serial_pool_take(pool), "000-X");
	serial_pool_destroy(pool);
	pool = pattern("a.b_{02}-c", 98);
	assert_string_equal(serial_pool_take(pool), "a.b_98-c");
	serial_pool_destroy(pool);
	pool = pattern("12345678901234{018}", UINT64_C(999999999999999999));
	assert_string_equal(serial_pool_take(pool), "12345678901234999999999999999999");
	assert_null(serial_pool_take(pool));
	serial_pool_destroy(pool);
}

static void a_counter_ends_and_stays_ended(void **state)
{
	struct serial_pool *pool = pattern("{01}", 7);

	(void)state;
	assert_string_equal(serial_pool_take(pool), "7");
	assert_string_equal(serial_pool_take(pool), "8");
	assert_string_equal(serial_pool_take(pool), "9");
	assert_int_equal(serial_pool_left(pool), 0);
	assert_null(serial_pool_take(pool));
	assert_null(serial_pool_take(pool));
	serial_pool_destroy(pool);
}

static void wrong_patterns_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *pattern, *says;
		uint64_t first;
	} wrong[] = {
		{ "AC1", "no counter in braces", 0 },
		{ "", "no counter in braces", 0 },
		{ "AC1{07", "no counter in braces", 0 },
		{ "AC1{}", "not {0N}", 0 },
		{ "AC1{7}", "not {0N}", 0 },
		{ "AC1{0}", "not {0N}", 0 },
		{ "AC1{0x}", "not of 1 to 18 digits", 0 },
		{ "AC1{00}", "not of 1 to 18 digits", 0 },
		{ "AC1{019}", "not of 1 to 18 digits", 0 },
		{ "AC1{0999}", "not {0N}", 0 },
		{ "AC 1{07}", "character outside", 0 },
		{ "AC1{07}{07}", "character outside", 0 },
		{ "AC1{07}/", "character outside", 0 },
		{ "\xc3\x84{07}", "character outside", 0 },
		{ "12345678901234567890123456{07}", "more than 32 characters", 0 },
		{ "AC1{02}", "cannot start at 100", 100 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char error[200] = "";

		assert_null(serial_pool_pattern(wrong[i].pattern, wrong[i].first, error, sizeof(error)));
		if (!strstr(error, wrong[i].says))
			fail_msg("\"%s\" is said to be: %s", wrong[i].pattern, error);
	}
}

static void who_peeks_sees_what_is_taken_next(void **state)
{
	struct serial_pool *pool = pattern("A{01}", 7);

	(void)state;
	assert_string_equal(serial_pool_peek(pool), "A7");
	assert_string_equal(serial_pool_peek(pool), "A7");
	assert_int_equal(serial_pool_left(pool), 3);
	assert_string_equal(serial_pool_take(pool), "A7");
	assert_string_equal(serial_pool_take(pool), "A8");
	assert_string_equal(serial_pool_peek(pool), "A9");
	assert_string_equal(serial_pool_take(pool), "A9");
	assert_null(serial_pool_peek(pool));
	assert_null(serial_pool_take(pool));
	assert_int_equal(serial_pool_left(pool), 0);
	serial_pool_destroy(pool);
	pool = text("B\nA\n");
	assert_string_equal(serial_pool_peek(pool), "B");
	assert_string_equal(serial_pool_take(pool), "B");
	assert_string_equal(serial_pool_peek(pool), "A");
	assert_int_equal(serial_pool_left(pool), 1);
	assert_string_equal(serial_pool_take(pool), "A");
	assert_null(serial_pool_peek(pool));
	serial_pool_destroy(pool);
}

static void a_list_is_handed_out_in_its_order(void **state)
{
	struct serial_pool *pool = text("B-2\nA_1\r\nc.3");

	(void)state;
	assert_int_equal(serial_pool_left(pool), 3);
	assert_string_equal(serial_pool_take(pool), "B-2");
	assert_string_equal(serial_pool_take(pool), "A_1");
	assert_string_equal(serial_pool_take(pool), "c.3");
	assert_null(serial_pool_take(pool));
	assert_int_equal(serial_pool_left(pool), 0);
	serial_pool_destroy(pool);
}

static void the_first_column_of_a_csv_counts(void **state)
{
	struct serial_pool *pool =
		text("\xef\xbb\xbf\"serial\",mac,note\r\nA1,02:00:5e:10:00:00,\"x, y\"\r\n\"A2\"\r\nA3,,\r\n");

	(void)state;
	assert_int_equal(serial_pool_left(pool), 3);
	assert_string_equal(serial_pool_take(pool), "A1");
	assert_string_equal(serial_pool_take(pool), "A2");
	assert_string_equal(serial_pool_take(pool), "A3");
	serial_pool_destroy(pool);
	/* Without the header, a serial may well be "serial". */
	pool = text("A1\nserial\n");
	assert_int_equal(serial_pool_left(pool), 2);
	serial_pool_destroy(pool);
}

/* What spreadsheets and people under all systems write: the header is no device's serial number in any of them. */
static void a_list_is_taken_as_programs_write_it(void **state)
{
	static const char *const lists[] = { "SerialNumber\nGX-0001\nGX-0002\n",
					     "Serial number\r\nGX-0001\r\nGX-0002\r\n",
					     "\xef\xbb\xbfserial\rGX-0001\rGX-0002\r",
					     "mac,serial\n02:4d:52:10:00:01,GX-0001\n02:4d:52:10:00:02,GX-0002\n",
					     "\"note, if any\",\"S/N\"\n\"a, b\",\"GX-0001\"\n,GX-0002",
					     "GX-0001\rGX-0002" };

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct serial_pool *pool = text(lists[i]);

		assert_int_equal(serial_pool_left(pool), 2);
		assert_string_equal(serial_pool_take(pool), "GX-0001");
		assert_string_equal(serial_pool_take(pool), "GX-0002");
		serial_pool_destroy(pool);
	}
}

static void a_pattern_of_zeros_is_refused_where_it_begins_at_zero(void **state)
{
	char error[200] = "";

	(void)state;
	assert_null(serial_pool_pattern("{06}", 0, error, sizeof(error)));
	assert_non_null(strstr(error, "set serial.first to 1"));
	assert_null(serial_pool_pattern("00{02}0", 0, error, sizeof(error)));
	serial_pool_destroy(pattern("{06}", 1));
	serial_pool_destroy(pattern("A{06}", 0));
}

static void wrong_lists_are_refused_with_file_and_line(void **state)
{
	static const struct {
		const char *lines, *says;
	} wrong[] = {
		{ "", "list: holds no serial numbers" },
		{ "serial\n", "list: holds no serial numbers" },
		{ "\xef\xbb\xbf", "list: holds no serial numbers" },
		{ "A\n\nB\n", "list:2: there is no serial number here" },
		{ "A\nB\n\n", "list:3: there is no serial number here" },
		{ "\n", "list:1: there is no serial number here" },
		{ "A\nB\nC\nB\n", "list:4: the serial number \"B\" stands in line 2 already" },
		{ "serial,x\nA,1\nB,2\nA,3\n", "list:4: the serial number \"A\" stands in line 2 already" },
		{ "serial\nA\n,x\n", "list:3: there is no serial number here" },
		{ "A\n123456789012345678901234567890123\n",
		  "list:2: a serial number has at most 32 characters; here: \"12345" },
		{ "A\nB C\n", "list:2: a serial number is made of A-Z a-z 0-9 . _ -; here: \"B C\"" },
		{ "A,1\n", "list:1: a serial number is made of" },
		{ "A\n\x1b[2J\n", "_ -; here: \"\\x1b[2J\"" },
		{ "A\n \n", "list:2: a serial number is made of" },
		{ "mac,serial\n02:4d:52:10:00:01,A\n02:4d:52:10:00:02\n", "list:3: there is no serial number here" },
		{ "Seriennummer\nGX-0001\n", "list:1: this looks like a header" },
		{ "GX-1\n000\n", "list:2: a serial number of zeros goes on no record" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char error[200] = "";

		assert_null(serial_pool_text("list", wrong[i].lines, strlen(wrong[i].lines), error, sizeof(error)));
		if (!strstr(error, wrong[i].says))
			fail_msg("case %zu is said to be: %s", i, error);
	}
	/* A file whose first line is none may be no such list at all: what is in it is nobody's to read. */
	for (size_t i = 0; i < 2; i++) {
		static const char *const foreign[] = { "root:$6$secret:19000::::::\n",
						       "-----BEGIN PRIVATE KEY-----\nsecret\n" };
		char error[200] = "";

		assert_null(serial_pool_text("list", foreign[i], strlen(foreign[i]), error, sizeof(error)));
		assert_null(strstr(error, "secret"));
		assert_null(strstr(error, "root:"));
		assert_null(strstr(error, "BEGIN"));
	}
	/* A NUL is a character like any other that does not belong. */
	assert_null(serial_pool_text("list", "A\0B\n", 4, (char[200]){ "" }, 200));
}

static void a_file_is_read_and_what_is_no_file_is_refused(void **state)
{
	char path[] = "/tmp/millrace-serial-XXXXXX", error[200] = "";
	struct serial_pool *pool;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "A\nB\nA\n", 6), 6);
	assert_null(serial_pool_file(NULL, path, error, sizeof(error)));
	assert_memory_equal(error, path, strlen(path));
	assert_non_null(strstr(error, ":3: "));
	assert_int_equal(ftruncate(fd, 4), 0);
	pool = serial_pool_file(NULL, path, error, sizeof(error));
	assert_non_null(pool);
	assert_int_equal(serial_pool_left(pool), 2);
	serial_pool_destroy(pool);
	(void)close(fd);
	(void)unlink(path);
	assert_null(serial_pool_file(NULL, path, error, sizeof(error)));
	assert_non_null(strstr(error, "No such file"));
	assert_null(serial_pool_file(NULL, "/tmp", error, sizeof(error)));
	assert_non_null(strstr(error, "not a regular file"));
}

static void a_list_of_a_million_stays_fast(void **state)
{
	const size_t lines = 1000000, width = 11;
	char *bytes = malloc(lines * width + 1), error[200] = "";
	struct serial_pool *pool;
	clock_t start;

	(void)state;
	for (size_t i = 0; i < lines; i++)
		(void)snprintf(bytes + i * width, width + 1, "AC%08zu\n", (i * 7919) % lines);
	start = clock();
	pool = serial_pool_text("list", bytes, lines * width, error, sizeof(error));
	assert_non_null(pool);
	assert_int_equal(serial_pool_left(pool), lines);
	assert_string_equal(serial_pool_take(pool), "AC00000000");
	assert_string_equal(serial_pool_take(pool), "AC00007919");
	assert_true((clock() - start) / CLOCKS_PER_SEC < 10); /* a quadratic one would take hours */
	serial_pool_destroy(pool);
	/* The last line repeats the first: still found. */
	memcpy(bytes + (lines - 1) * width, bytes, width);
	assert_null(serial_pool_text("list", bytes, lines * width, error, sizeof(error)));
	assert_non_null(strstr(error, "list:1000000: the serial number \"AC00000000\" stands in line 1 already"));
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_counts_with_leading_zeros),
		cmocka_unit_test(a_counter_may_stand_anywhere_and_alone),
		cmocka_unit_test(a_counter_ends_and_stays_ended),
		cmocka_unit_test(wrong_patterns_are_refused_with_the_reason),
		cmocka_unit_test(who_peeks_sees_what_is_taken_next),
		cmocka_unit_test(a_list_is_handed_out_in_its_order),
		cmocka_unit_test(the_first_column_of_a_csv_counts),
		cmocka_unit_test(a_list_is_taken_as_programs_write_it),
		cmocka_unit_test(a_pattern_of_zeros_is_refused_where_it_begins_at_zero),
		cmocka_unit_test(wrong_lists_are_refused_with_file_and_line),
		cmocka_unit_test(a_file_is_read_and_what_is_no_file_is_refused),
		cmocka_unit_test(a_list_of_a_million_stays_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
