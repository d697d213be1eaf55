/*
 * The list of expected devices: what is taken, what is refused and how it says so.
 *
 * links: station/roster/expected.c station/base/map.c
 * links: station/base/reach.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "station/roster/expected.h"

static const uint8_t id_7[8] = { 0xd0, 0, 0, 0, 0, 0, 0, 7 }, id_8[8] = { 0xd0, 0, 0, 0, 0, 0, 0, 8 };
static const uint8_t mac_7[6] = { 2, 0x4d, 0x52, 0, 0, 7 }, mac_8[6] = { 2, 0x4d, 0x52, 0, 0, 8 };

/* Loads `text` from a file; the message has the path cut off. */
static int load(struct expected *e, const char *text, size_t len, char error[static 256])
{
	char path[] = "/tmp/millrace-expected-XXXXXX", full[256] = "";
	int fd = mkstemp(path), result;

	*e = (struct expected){ 0 };
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
	result = expected_load(e, NULL, path, full, sizeof(full));
	strcpy(error, strncmp(full, path, strlen(path)) == 0 ? full + strlen(path) : full);
	unlink(path);
	return result;
}

static void ids_and_macs_are_taken_in_any_order(void **state)
{
	static const char text[] = "# lot 7\n02:4D:52:00:00:08\r\n\nd000000000000007";
	struct expected e;
	char error[256];

	(void)state;
	assert_int_equal(load(&e, text, sizeof(text) - 1, error), 0);
	assert_true(expected_has(&e, id_7, mac_7));
	assert_true(expected_has(&e, id_8, mac_8));
	assert_false(expected_has(&e, id_8, mac_7));
	expected_free(&e);
}

static void any_line_ends_and_a_byte_order_mark_are_taken(void **state)
{
	static const char *const texts[] = { "02:4d:52:00:00:07\r02:4d:52:00:00:08\r",
					     ("\xef\xbb\xbf"
					      "02:4d:52:00:00:07\r\n02:4d:52:00:00:08"),
					     "\xef\xbb\xbf# a\r\r02:4d:52:00:00:08\n02:4d:52:00:00:07\n" };
	struct expected e;
	char error[256];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(load(&e, texts[i], strlen(texts[i]), error), 0);
		assert_int_equal(e.list_count, 2);
		assert_true(expected_has(&e, id_7, mac_7) && expected_has(&e, id_8, mac_8));
		expected_free(&e);
	}
}

static void what_is_no_device_is_refused_with_its_line(void **state)
{
	static const char *const wrong[] = { "d00000000000007",
					     "d0000000000000077",
					     "02:4d:52:00:00",
					     "02:4d:52:00:00:07:08",
					     "02-4d-52-00-00-07",
					     "g000000000000007",
					     " d000000000000007",
					     "02:4d:52:00:00:0",
					     "0123456789012345678901234567890123456789012345678901234567890123456789" };
	struct expected e;
	char error[256], text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int len = snprintf(text, sizeof(text), "d000000000000007\n%s\n", wrong[i]);

		assert_true(load(&e, text, (size_t)len, error) < 0);
		assert_string_equal(
			error, ":2: not a device; allowed: 16 hexadecimal digits, or a MAC such as 02:4d:52:00:00:07");
		expected_free(&e);
	}
}

static void a_list_that_names_nobody_is_refused(void **state)
{
	struct expected e;
	char error[256];

	(void)state;
	assert_true(load(&e, "# nobody\n", 9, error) < 0);
	assert_string_equal(error, ": names no device; put one device id or MAC a line");
	expected_free(&e);
	e = (struct expected){ 0 };
	assert_true(expected_load(&e, NULL, "/nowhere/list", error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "/nowhere/list: No such file"));
	expected_free(&e);
}

static void a_list_cut_anywhere_or_with_odd_octets_never_crashes(void **state)
{
	char text[] = "02:4d:52:00:00:08\nd000000000000007\n", error[256];
	struct expected e;

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		(void)load(&e, text, len, error);
		expected_free(&e);
	}
	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		char was = text[at];

		text[at] = '\0';
		(void)load(&e, text, sizeof(text) - 1, error);
		expected_free(&e);
		text[at] = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_and_macs_are_taken_in_any_order),
		cmocka_unit_test(any_line_ends_and_a_byte_order_mark_are_taken),
		cmocka_unit_test(what_is_no_device_is_refused_with_its_line),
		cmocka_unit_test(a_list_that_names_nobody_is_refused),
		cmocka_unit_test(a_list_cut_anywhere_or_with_odd_octets_never_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
