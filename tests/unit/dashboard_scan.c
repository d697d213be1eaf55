/*
 * What was scanned: its kind, and how much of it may be shown. (How it is told from typing: tests/unit/scanner.c.)
 *
 * links: station/dashboard/scan.c station/dashboard/text.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "station/dashboard/scan.h"

static void a_pattern_tells_what_it_is(void **state)
{
	char mac[18];

	(void)state;
	assert_int_equal(scan_route(""), SCAN_NOTHING);
	assert_int_equal(scan_route("0417"), SCAN_BADGE);
	assert_int_equal(scan_route("BADGE:ana"), SCAN_BADGE);
	assert_int_equal(scan_route("12"), SCAN_SERIAL);
	assert_int_equal(scan_route("AC10000131"), SCAN_SERIAL);
	assert_int_equal(scan_route("02:00:5e:10:00:01"), SCAN_MAC);
	assert_int_equal(scan_route("02005E100001"), SCAN_MAC);
	assert_int_equal(scan_route("AC10000131 12345670"), SCAN_LABEL);
	assert_int_equal(scan_route("WIFI:T:WPA;S:AC100-0131;P:secret;;"), SCAN_LABEL);
	assert_int_equal(scan_route("DPP:K:MDkw;;"), SCAN_LABEL);
	assert_int_equal(scan_route("MT:Y.K9042C00KA0648G00"), SCAN_LABEL);
	assert_int_equal(scan_route("X-HM://0023ISYWY"), SCAN_LABEL);
	assert_int_equal(scan_route("{\"pop\":\"abcd1234\"}"), SCAN_LABEL);
	/* With Caps Lock on, a scanner's letters come the other way round. */
	assert_int_equal(scan_route("wifi:t:wpa;s:ac100-0131;p:SECRET;;"), SCAN_LABEL);
	assert_int_equal(scan_route("badge:ANA"), SCAN_BADGE);
	assert_string_equal(scan_badge("badge:ANA"), "ANA");
	assert_string_equal(scan_badge("0417"), "0417");
	assert_true(scan_mac("0200.5E10.0001", mac));
	assert_string_equal(mac, "02:00:5e:10:00:01");
	assert_false(scan_mac("02:00:5e:10:00:0", mac));
	assert_false(scan_mac("02:00:5e:10:00:01:02", mac));
	assert_false(scan_mac("02:00:5e:10:00:0g", mac));
}

/* A PIN, a passphrase and a proof of possession come through the scanner; no prefix of them is shown. */
static void no_secret_of_a_label_is_shown(void **state)
{
	static const struct {
		const char *scanned, *secret;
	} labels[] = {
		{ "AC10000131 12345670", "1234567" },
		{ "AC10000131;12345670", "1234567" },
		{ "AC10000131,12345670", "1234567" },
		{ "WIFI:T:WPA;S:AC100;P:hunter22;;", "hunter" },
		{ "{\"ver\":\"v1\",\"pop\":\"abcd1234\"}", "abcd" },
		{ "MT:Y.K9042C00KA0648G00", "K9042" },
		{ "X-HM://0023ISYWYABCD", "0023" },
		{ "DPP:K:MDkwEwYHKoZI;;", "MDkw" },
		{ "wifi:t:wpa;s:ac100;p:HUNTER22;;", "HUNTER" },
		{ "mt:y.k9042c00ka0648g00", "k9042" },
		{ "12345670", "12345" },
		{ "34970112332", "34970" },
	};
	char so_far[SCAN_MAX], shown[64];

	(void)state;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		for (size_t len = 1; len <= strlen(labels[i].scanned); len++) {
			memcpy(so_far, labels[i].scanned, len);
			so_far[len] = '\0';
			scan_shown(so_far, shown, sizeof(shown));
			assert_null(strstr(shown, labels[i].secret));
		}
	scan_shown("AC10000131", shown, sizeof(shown));
	assert_string_equal(shown, "AC10000131");
	scan_shown("AC10000131 12345670", shown, sizeof(shown));
	assert_string_equal(shown, "AC10000131 ********");
	scan_shown("0417", shown, sizeof(shown));
	assert_string_equal(shown, "0417");
}

static void a_plain_label_gives_its_serial_number(void **state)
{
	char serial[16];

	(void)state;
	assert_true(scan_label_serial("AC10000131 12345670", serial, sizeof(serial)));
	assert_string_equal(serial, "AC10000131");
	assert_false(scan_label_serial("WIFI:T:WPA;S:x;;", serial, sizeof(serial)));
	assert_false(scan_label_serial(" 12345670", serial, sizeof(serial)));
	assert_false(scan_label_serial("A-SERIAL-NUMBER-LONGER-THAN-THAT 1", serial, sizeof(serial)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_tells_what_it_is),
		cmocka_unit_test(no_secret_of_a_label_is_shown),
		cmocka_unit_test(a_plain_label_gives_its_serial_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
