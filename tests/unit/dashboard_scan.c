/*
 * The scan line: what a scanner sends is never a command, what a person types is.
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

#include "station/dashboard/keys.h"
#include "station/dashboard/scan.h"

struct heard {
	char commands[64], text[SCAN_MAX];
	unsigned scans, lost;
};

static void heard(struct heard *h, uint32_t key)
{
	size_t len = strlen(h->commands);

	assert_true(len + 1 < sizeof(h->commands));
	h->commands[len] = key == KEYS_ENTER ? '$' : (char)key;
}

/* Types a text with this time between the characters; then lets time pass. */
static void type(struct scan *scan, struct heard *h, const char *text, uint64_t gap_us, uint64_t *now_us)
{
	uint32_t key;

	for (; *text; text++) {
		bool again = true;

		*now_us += gap_us;
		if (*now_us >= scan_deadline_us(scan)) {
			enum scan_took took = scan_expire(scan, &key, *now_us);

			if (took == SCAN_COMMAND)
				heard(h, key);
			h->lost += took == SCAN_LOST;
		}
		while (again) {
			key = *text == '\n' ? KEYS_ENTER : (uint32_t)(unsigned char)*text;
			switch (scan_key(scan, &key, *now_us, &again)) {
			case SCAN_COMMAND: heard(h, key); break;
			case SCAN_READY:
				memcpy(h->text, scan->text, sizeof(h->text));
				h->scans++;
				scan_clear(scan);
				break;
			case SCAN_LOST: h->lost++; break;
			case SCAN_TAKEN: break;
			}
		}
	}
}

static void pass(struct scan *scan, struct heard *h, uint64_t us, uint64_t *now_us)
{
	uint32_t key;

	*now_us += us;
	while (*now_us >= scan_deadline_us(scan)) {
		enum scan_took took = scan_expire(scan, &key, *now_us);

		if (took == SCAN_COMMAND)
			heard(h, key);
		h->lost += took == SCAN_LOST;
	}
}

static void what_a_scanner_sends_is_no_command(void **state)
{
	const char *codes[] = {
		"AC10000131", "quq!ea", "0417", "pause", "xy", "{\"ver\":\"v1\"}", "MT:Y.K9042C00KA0648G00", "q1", "a b"
	};
	uint64_t now_us = 1000000;

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct scan scan = { 0 };
		struct heard h = { 0 };

		type(&scan, &h, codes[i], 2000, &now_us);
		type(&scan, &h, "\n", 2000, &now_us);
		pass(&scan, &h, 60000000, &now_us);
		assert_string_equal(h.commands, "");
		assert_int_equal(h.scans, 1);
		assert_string_equal(h.text, codes[i]);
	}
}

static void a_letter_alone_is_a_command(void **state)
{
	struct scan scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	type(&scan, &h, "p", 1, &now_us);
	assert_string_equal(h.commands, ""); /* not yet: more may come */
	pass(&scan, &h, SCAN_GAP_US - 1, &now_us);
	assert_string_equal(h.commands, "");
	pass(&scan, &h, 1, &now_us);
	assert_string_equal(h.commands, "p");
	type(&scan, &h, "rlq/", 50000, &now_us);
	pass(&scan, &h, SCAN_GAP_US, &now_us);
	assert_string_equal(h.commands, "prlq/");
	assert_int_equal(h.scans, 0);
}

static void a_key_held_down_is_that_key(void **state)
{
	struct scan scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	type(&scan, &h, "jjjj", 5000, &now_us);
	pass(&scan, &h, SCAN_GAP_US, &now_us);
	assert_string_equal(h.commands, "jjjj");
}

static void a_letter_and_enter_are_two_keys(void **state)
{
	struct scan scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	type(&scan, &h, "j\n", 3000, &now_us);
	assert_string_equal(h.commands, "j$");
}

static void arrows_pass_while_something_stands_there(void **state)
{
	struct scan scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;
	uint32_t key = KEYS_DOWN;
	bool again;

	(void)state;
	type(&scan, &h, "AC1", 100000, &now_us);
	assert_int_equal(scan_key(&scan, &key, now_us, &again), SCAN_COMMAND);
	assert_int_equal(key, KEYS_DOWN);
	assert_string_equal(scan.text, "AC1");
}

static void what_is_typed_by_hand_can_be_mended(void **state)
{
	struct scan scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;
	uint32_t key = KEYS_BACKSPACE;
	bool again;

	(void)state;
	type(&scan, &h, "04178", 300000, &now_us);
	assert_int_equal(scan_key(&scan, &key, now_us, &again), SCAN_TAKEN);
	type(&scan, &h, "\n", 300000, &now_us);
	assert_string_equal(h.text, "0417");
	type(&scan, &h, "0", 300000, &now_us);
	key = KEYS_ESCAPE;
	assert_int_equal(scan_key(&scan, &key, now_us, &again), SCAN_TAKEN);
	assert_int_equal(scan.len, 0);
	/* Opened by hand, small letters are text too. */
	scan_open(&scan, now_us);
	type(&scan, &h, "abc\n", 300000, &now_us);
	assert_string_equal(h.text, "abc");
	assert_string_equal(h.commands, "");
}

static void half_a_scan_is_dropped(void **state)
{
	struct scan scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	type(&scan, &h, "quit", 2000, &now_us);
	pass(&scan, &h, SCAN_IDLE_US, &now_us);
	assert_int_equal(h.lost, 1);
	assert_string_equal(h.commands, "");
	type(&scan, &h, "AC100", 200000, &now_us); /* by hand: it stays a while */
	pass(&scan, &h, SCAN_IDLE_US, &now_us);
	assert_int_equal(h.lost, 1);
	pass(&scan, &h, SCAN_HAND_US, &now_us);
	assert_int_equal(h.lost, 2);
	assert_int_equal(scan.len, 0);
}

static void a_scan_without_end_is_dropped_whole(void **state)
{
	struct scan scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	for (unsigned i = 0; i < 3 * SCAN_MAX; i++)
		type(&scan, &h, "A", 1000, &now_us);
	assert_true(scan.len < SCAN_MAX);
	type(&scan, &h, "\n", 1000, &now_us);
	assert_int_equal(h.scans, 0);
	assert_int_equal(h.lost, 1);
	assert_int_equal(scan.len, 0);
}

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
		cmocka_unit_test(what_a_scanner_sends_is_no_command),
		cmocka_unit_test(a_letter_alone_is_a_command),
		cmocka_unit_test(a_key_held_down_is_that_key),
		cmocka_unit_test(a_letter_and_enter_are_two_keys),
		cmocka_unit_test(arrows_pass_while_something_stands_there),
		cmocka_unit_test(what_is_typed_by_hand_can_be_mended),
		cmocka_unit_test(half_a_scan_is_dropped),
		cmocka_unit_test(a_scan_without_end_is_dropped_whole),
		cmocka_unit_test(a_pattern_tells_what_it_is),
		cmocka_unit_test(no_secret_of_a_label_is_shown),
		cmocka_unit_test(a_plain_label_gives_its_serial_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
