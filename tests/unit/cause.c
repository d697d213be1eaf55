/*
 * The closed table of causes: numbers and names are for years, so they are written here once more.
 *
 * links: agent/wire/cause.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/cause.h"

static const int numbers[] = {
#define NUMBER(name, number, text, class, sentence, remedy) number,
	MR_CAUSES(NUMBER)
#undef NUMBER
};
#define COUNT (sizeof(numbers) / sizeof(numbers[0]))

static void no_number_and_no_name_is_given_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(numbers[i], numbers[k]);
			assert_string_not_equal(mr_cause_name(numbers[i]), mr_cause_name(numbers[k]));
		}
}

static void names_are_fit_for_a_query_and_texts_for_a_person(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		const char *name = mr_cause_name(numbers[i]);

		assert_true(numbers[i] >= 0 && numbers[i] <= UINT16_MAX); /* u16 in a response */
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		assert_true(strlen(name) > 1 && name[0] != '-');
		assert_true(strlen(mr_cause_sentence(numbers[i])) > 5);
		assert_true(strlen(mr_cause_remedy(numbers[i])) >= 5);
		assert_string_not_equal(mr_cause_class_name(mr_cause_class(numbers[i])), "unknown");
	}
}

/* What is in databases and in devices out there. A changed line here is a broken promise; new ones are added. */
static void numbers_names_and_classes_are_what_they_were(void **state)
{
	static const struct {
		int number;
		const char *name;
		enum mr_cause_class class;
	} known[] = {
		{ 0, "ok", MR_CLASS_NONE },
		{ 1, "no-answer", MR_CLASS_AIR },
		{ 2, "handshake-timeout", MR_CLASS_AIR },
		{ 3, "rssi-low", MR_CLASS_AIR },
		{ 4, "lease-lost", MR_CLASS_AIR },
		{ 20, "journal-unavailable", MR_CLASS_STATION },
		{ 21, "signer-unavailable", MR_CLASS_STATION },
		{ 22, "pool-empty", MR_CLASS_STATION },
		{ 23, "radio-gone", MR_CLASS_STATION },
		{ 24, "station-restarted", MR_CLASS_POWER },
		{ 25, "ca-expired", MR_CLASS_STATION },
		{ 26, "no-memory", MR_CLASS_STATION },
		{ 40, "selftest-failed", MR_CLASS_DEVICE },
		{ 41, "storage-failed", MR_CLASS_DEVICE },
		{ 42, "bad-request", MR_CLASS_DEVICE },
		{ 43, "out-of-order", MR_CLASS_DEVICE },
		{ 44, "too-long", MR_CLASS_DEVICE },
		{ 45, "crypto-failed", MR_CLASS_DEVICE },
		{ 46, "digest-mismatch", MR_CLASS_DEVICE },
		{ 47, "bad-response", MR_CLASS_DEVICE },
		{ 48, "limit-exceeded", MR_CLASS_DEVICE },
		{ 60, "wrong-product", MR_CLASS_SECURITY },
		{ 61, "duplicate-key", MR_CLASS_SECURITY },
		{ 62, "key-changed", MR_CLASS_SECURITY },
		{ 63, "bad-signature", MR_CLASS_SECURITY },
		{ 64, "unknown-identity", MR_CLASS_SECURITY },
		{ 65, "duplicate-device", MR_CLASS_SECURITY },
		{ 66, "not-expected", MR_CLASS_SECURITY },
		{ 80, "stopped", MR_CLASS_OPERATOR },
		{ 90, "device-restarted", MR_CLASS_POWER },
		{ 5, "association-refused", MR_CLASS_AIR },
		{ 6, "link-lost", MR_CLASS_AIR },
		{ 7, "address-timeout", MR_CLASS_AIR },
		{ 8, "connect-failed", MR_CLASS_AIR },
		{ 9, "join-timeout", MR_CLASS_AIR },
		{ 49, "tls-failed", MR_CLASS_DEVICE },
		{ 50, "join-failed", MR_CLASS_DEVICE },
		{ 51, "network-not-seen", MR_CLASS_DEVICE },
		{ 52, "unsupported", MR_CLASS_DEVICE },
		{ 67, "passphrase-refused", MR_CLASS_AIR },
		{ 68, "pin-refused", MR_CLASS_AIR },
		{ 69, "pin-locked", MR_CLASS_AIR },
		{ 70, "certificate-refused", MR_CLASS_AIR },
		{ 81, "put-aside", MR_CLASS_OPERATOR },
		{ 27, "limits-unknown", MR_CLASS_STATION },
		{ 55, "not-measured", MR_CLASS_DEVICE },
		{ 56, "sealed-elsewhere", MR_CLASS_DEVICE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_string_equal(mr_cause_name(known[i].number), known[i].name);
		assert_int_equal(mr_cause_class(known[i].number), known[i].class);
	}
	assert_int_equal(MR_CAUSE_NO_ANSWER, 1);
	assert_int_equal(MR_CAUSE_DEVICE_RESTARTED, 90);
}

/* A newer peer's cause must not count as good, nor as an attack. */
static void an_unknown_number_is_the_devices_fault(void **state)
{
	static const int strange[] = { -1, 10, 19, 91, 255, 65535, 1 << 30 };

	(void)state;
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		assert_string_equal(mr_cause_name(strange[i]), "unknown");
		assert_int_equal(mr_cause_class(strange[i]), MR_CLASS_DEVICE);
		assert_true(strlen(mr_cause_sentence(strange[i])) > 0 && strlen(mr_cause_remedy(strange[i])) > 0);
	}
	assert_string_equal(mr_cause_class_name((enum mr_cause_class)99), "unknown");
}

/* docs/architecture.md, "When something ends": a row for each class, with all of its causes. */
static void the_architecture_lists_each_cause_in_its_class(void **state)
{
	static const struct {
		int number;
		const char *name;
		enum mr_cause_class class;
	} causes[] = {
#define CAUSE_ROW(name, number, text, class, sentence, remedy) { (number), (text), MR_CLASS_##class },
		MR_CAUSES(CAUSE_ROW)
#undef CAUSE_ROW
	};
	FILE *f = fopen("docs/architecture.md", "r");
	char line[2000], row[40], word[60];
	unsigned found = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
			snprintf(row, sizeof(row), "| %s | ", mr_cause_class_name(causes[i].class));
			snprintf(word, sizeof(word), " %s%s", causes[i].name, strstr(line, ", ") ? "" : " ");
			found += causes[i].number != 0 && strncmp(line, row, strlen(row)) == 0 && strstr(line, word);
		}
	fclose(f);
	assert_int_equal(found, sizeof(causes) / sizeof(causes[0]) - 1); /* all but "ok" */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_number_and_no_name_is_given_twice),
		cmocka_unit_test(names_are_fit_for_a_query_and_texts_for_a_person),
		cmocka_unit_test(numbers_names_and_classes_are_what_they_were),
		cmocka_unit_test(an_unknown_number_is_the_devices_fault),
		cmocka_unit_test(the_architecture_lists_each_cause_in_its_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
