/*
 * The rule for text that enters the record: RFC 3629, and nothing that does not show. Texts are on the heap and exact,
 * so that a sanitizer sees the first octet past an end.
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

#include "db/text.h"

static const char *wrong(const char *text, size_t most)
{
	char *exact = strdup(text);
	const char *why;

	assert_non_null(exact);
	why = text_wrong(exact, most);
	free(exact);
	return why;
}

static void what_people_are_called_is_taken(void **state)
{
	static const char *const names[] = { "Ana", "Jörg", "0417 Łukasz", "李雷", "O'Brien \"Bob\"", "😀", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (wrong(names[i], 80))
			fail_msg("%s: %s", names[i], wrong(names[i], 80));
}

static void what_is_not_utf_8_is_refused(void **state)
{
	static const char *const texts[] = { "J\xf6rg",
					     "\x80",
					     "\xc3",
					     "\xc0\xaf",
					     "\xe0\x80\xaf",
					     "\xed\xa0\x80",
					     "\xe2\x82",
					     "\xf0\x8f\xbf\xbf",
					     "\xf4\x90\x80\x80",
					     "\xf5\x80\x80\x80",
					     "\xfe",
					     "a\xff",
					     "\xf0\x9f\x98",
					     "\xc3(",
					     "\xe2\x28\xa1",
					     "\xe2\x82(" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *why = wrong(texts[i], 80);

		if (!why || !strstr(why, "UTF-8"))
			fail_msg("text %zu: %s", i, why ? why : "taken");
	}
}

/* Each control character, and CVE-2021-42574: text that reads as another one. */
static void what_does_not_show_is_refused(void **state)
{
	static const char *const texts[] = { "\x7f",
					     "\xc2\x80",
					     ("\xc2\x9b"
					      "2J"),
					     "\xc2\x9f",
					     "\xe2\x80\xa8",
					     "\xe2\x80\xa9",
					     "\xe2\x80\xaa",
					     ("a\xe2\x80\xae"
					      "b"),
					     "\xe2\x81\xa6",
					     "\xe2\x81\xa9" };

	(void)state;
	for (char c = 1; c < 0x20; c++)
		assert_non_null(wrong((const char[]){ 'a', c, 'b', 0 }, 80));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!wrong(texts[i], 80))
			fail_msg("text %zu is taken", i);
	/* The nearest that show. */
	assert_null(wrong("\xc2\xa0", 80));
	assert_null(wrong("\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa", 80));
}

static void a_text_may_be_as_long_as_it_may_be(void **state)
{
	(void)state;
	assert_null(wrong("1234", 4));
	assert_non_null(wrong("12345", 4));
	assert_non_null(wrong("ö", 1));
	assert_null(wrong("ö", 2));
}

static void what_is_cut_ends_in_a_whole_character(void **state)
{
	char out[8];

	(void)state;
	text_cut(out, 7, "abcdefgh");
	assert_string_equal(out, "abcdefg");
	text_cut(out, 7, "abcdefö");
	assert_string_equal(out, "abcdef");
	text_cut(out, 7, "abcde€x");
	assert_string_equal(out, "abcde");
	text_cut(out, 7, "abcdeö");
	assert_string_equal(out, "abcdeö");
	text_cut(out, 7, "");
	assert_string_equal(out, "");
}

static void the_name_of_the_machine_is_printable(void **state)
{
	char host[65];

	(void)state;
	text_host(host);
	assert_true(strlen(host) < sizeof(host));
	assert_null(text_wrong(host, 64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_are_called_is_taken),
		cmocka_unit_test(what_is_not_utf_8_is_refused),
		cmocka_unit_test(what_does_not_show_is_refused),
		cmocka_unit_test(a_text_may_be_as_long_as_it_may_be),
		cmocka_unit_test(what_is_cut_ends_in_a_whole_character),
		cmocka_unit_test(the_name_of_the_machine_is_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
