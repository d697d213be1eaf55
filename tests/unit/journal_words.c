/*
 * The words of methods, which the schema leaves open: each method of the station's table goes on record as it is called
 * there, and docs/audit.md says what its evidence looks like.
 *
 * links: station/method/method.c
 * links: db/check.c db/json_text.c
 */
#include "tests/unit/record.h"

#include "db/check.h"
#include "db/json_text.h"
#include "station/method/method.h"

/* The section about evidence, and nothing behind it. */
static int read_section(void **state)
{
	FILE *file = fopen("docs/audit.md", "r");
	char *text = calloc(1, 100001), *section, *end;

	if (!file || !text || fread(text, 1, 100000, file) < 1000)
		return -1;
	fclose(file);
	section = strstr(text, "\n## Evidence of a method\n");
	end = section ? strstr(section + 1, "\n## ") : NULL;
	if (!end)
		return -1;
	*end = '\0';
	*state = strdup(section);
	free(text);
	return *state ? 0 : -1;
}

static int drop_section(void **state)
{
	free(*state);
	return 0;
}

static void every_method_goes_on_record_by_its_name(void **state)
{
	const char *section = *state, *name;
	unsigned methods = 0;

	for (; (name = method_name(methods)); methods++) {
		struct journal_record link = link_record(1, 1, 1), delivery = delivery_record(1, 1),
				      attempt = attempt_record(1, 1, 1);
		char row[60];

		link.link.method = delivery.delivery.method = attempt.attempt.method = name;
		assert_null(journal_check(&link));
		assert_null(journal_check(&delivery));
		assert_null(journal_check(&attempt));
		snprintf(row, sizeof(row), "\n| `%s` | ", name);
		if (!strstr(section, row))
			fail_msg("docs/audit.md does not say what the evidence of %s looks like", name);
	}
	assert_true(methods >= 4);
}

static void every_example_of_evidence_would_be_taken(void **state)
{
	const char *section = *state;
	unsigned examples = 0;

	for (const char *at = section; (at = strstr(at, "`{\"")); examples++) {
		const char *end = strchr(++at, '`');
		struct journal_record link = link_record(1, 1, 1);
		char example[400];

		assert_non_null(end);
		snprintf(example, sizeof(example), "%.*s", (int)(end - at), at);
		link.link.evidence = example;
		if (journal_check(&link))
			fail_msg("%s: %s", example, journal_check(&link));
		assert_true(json_text_is_object(example));
		/* Each says what was proved, and by what. */
		assert_int_equal(strncmp(example, "{\"proved\":\"", 11), 0);
		assert_non_null(strstr(example, "\"protocol\":\""));
		at = end;
	}
	assert_true(examples >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_goes_on_record_by_its_name),
		cmocka_unit_test(every_example_of_evidence_would_be_taken),
	};

	return cmocka_run_group_tests(tests, read_section, drop_section);
}
