/*
 * The table of methods: names, words, and the documents that speak of them.
 *
 * links: station/method/method.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "station/method/method.h"

/* The program's own are weak, and this test links no radio and no session. */
extern const struct delivery_ops wps_delivery;
const struct delivery_ops wps_delivery = { .begin = NULL };
extern const struct delivery_ops wac_delivery;
const struct delivery_ops wac_delivery = { .begin = NULL };

static void names_are_found_and_unlike(void **state)
{
	size_t n = 0;

	(void)state;
	for (; method_table[n]; n++) {
		const char *name = method_table[n]->name;

		assert_string_equal(method_name(n), name);
		assert_ptr_equal(method_find(name, strlen(name)), method_table[n]);
		assert_null(method_find(name, strlen(name) - 1));
		assert_true(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name));
		assert_true(strlen(name) < 24); /* job.method_word, and JOURNAL_WORD_MAX */
		for (size_t i = 0; i < n; i++)
			assert_string_not_equal(method_table[i]->name, name);
	}
	assert_true(n >= 4);
	assert_null(method_name(n));
	assert_null(method_name(n + 5));
	assert_null(method_find("wifi", 4));
	assert_null(method_find("", 0));
}

static void every_method_says_what_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; method_table[i]; i++) {
		const struct method *m = method_table[i];

		assert_true(m->reach && m->device_to_station && m->station_to_device && m->listener);
		assert_true(*m->reach && *m->device_to_station && *m->station_to_device && *m->listener);
		/* What answers no requests has a delivery of its own; what anybody reads is marked so. */
		assert_true(!(m->flags & METHOD_NO_REQUESTS) || m->delivery);
		assert_true(m->protection != METHOD_BY_NOTHING || m->flags & METHOD_NO_REQUESTS);
	}
}

static void methods_of_one_reach_may_share_a_tray(void **state)
{
	const struct method *pin = method_find("pin", 3), *https = method_find("https", 5),
			    *direct = method_find("direct", 6);
	char names[120], cut[12];

	(void)state;
	assert_true(pin->flags & METHOD_DEVICE_AP);
	assert_true(https->flags & METHOD_DEVICE_AP);
	assert_false(direct->flags & METHOD_DEVICE_AP);
	assert_string_equal(method_names(METHOD_DEVICE_AP, names, sizeof(names)), "micro-ap, pin, https");
	assert_true(strlen(method_names(METHOD_DEVICE_AP, cut, sizeof(cut))) < sizeof(cut));
}

static void the_documents_name_them_all(void **state)
{
	static const char *const documents[] = { "docs/methods.md", "docs/jobs.md", "README.md" };

	(void)state;
	for (size_t d = 0; d < sizeof(documents) / sizeof(documents[0]); d++) {
		FILE *f = fopen(documents[d], "r");
		char *text = calloc(1, 200001), row[40];

		assert_non_null(f);
		assert_non_null(text);
		assert_true(fread(text, 1, 200000, f) > 1000);
		fclose(f);
		for (size_t i = 0; method_table[i]; i++) {
			snprintf(row, sizeof(row), "%s", method_table[i]->name);
			if (!strstr(text, row))
				fail_msg("%s does not name the method %s", documents[d], row);
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_and_unlike),
		cmocka_unit_test(every_method_says_what_it_is),
		cmocka_unit_test(methods_of_one_reach_may_share_a_tray),
		cmocka_unit_test(the_documents_name_them_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
