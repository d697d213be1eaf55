/*
 * What a scanner sends is a scan and nothing else, what a person types is a person's: the machine alone, in virtual
 * time, and then at a desk with generated codes, speeds and framings.
 *
 * What breaks others is tried here: the first character of a code as a shortcut (pos-addons issue 50), Enter before the
 * code (keyscannerjs pull request 1) and LF behind CR (woocommerce-ios pull request 15768), up to 60 ms a character
 * (woocommerce-android pull request 14162), control characters of a frame left in (openpos-framework issue 2108), Caps
 * Lock, the separator of GS1 lost (phonegap-plugin-barcodescanner issue 156), fast typists (jQuery-Scanner-Detection
 * issue 15), and scanners that send what is no character with Alt and digits.
 *
 * links: station/label/scanner.c station/label/scan.c tests/support/scans.c
 * links: station/dashboard/desk.c station/dashboard/ask.c station/dashboard/talk.c station/dashboard/keys.c
 * links: station/dashboard/scan.c station/dashboard/columns.c station/dashboard/mirror.c
 * links: station/dashboard/atoms.c station/dashboard/text.c station/dashboard/palette.c station/base/map.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "station/label/scan.h"
#include "station/label/scanner.h"
#include "tests/support/scans.h"

#define ARROW (SCANNER_KEYS_END + 1u)

struct heard {
	char commands[64], text[SCANNER_MAX];
	unsigned scans, lost;
};

static void heard(struct heard *h, uint32_t key)
{
	size_t len = strlen(h->commands);

	assert_true(len + 1 < sizeof(h->commands));
	h->commands[len] = key == SCANNER_ENTER ? '$' : (char)key;
}

/* Types a text with so much time between the characters; then lets time pass. */
static void type(struct scanner *scan, struct heard *h, const char *text, uint64_t gap_us, uint64_t *now_us)
{
	uint32_t key;

	for (; *text; text++) {
		bool again = true;

		*now_us += gap_us;
		if (*now_us >= scanner_deadline_us(scan)) {
			enum scanner_took took = scanner_expire(scan, &key, *now_us);

			if (took == SCANNER_KEY)
				heard(h, key);
			h->lost += took == SCANNER_LOST;
		}
		while (again) {
			key = *text == '\n' ? SCANNER_ENTER : (uint32_t)(unsigned char)*text;
			switch (scanner_key(scan, &key, *now_us, &again)) {
			case SCANNER_KEY: heard(h, key); break;
			case SCANNER_READY:
				memcpy(h->text, scan->text, sizeof(h->text));
				h->scans++;
				scanner_clear(scan);
				break;
			case SCANNER_LOST: h->lost++; break;
			case SCANNER_TAKEN: break;
			}
		}
	}
}

static void pass(struct scanner *scan, struct heard *h, uint64_t us, uint64_t *now_us)
{
	uint32_t key;

	*now_us += us;
	while (*now_us >= scanner_deadline_us(scan)) {
		enum scanner_took took = scanner_expire(scan, &key, *now_us);

		if (took == SCANNER_KEY)
			heard(h, key);
		h->lost += took == SCANNER_LOST;
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
		struct scanner scan = { 0 };
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
	struct scanner scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	type(&scan, &h, "p", 1, &now_us);
	assert_string_equal(h.commands, ""); /* not yet: more may come */
	pass(&scan, &h, SCANNER_GAP_US - 1, &now_us);
	assert_string_equal(h.commands, "");
	pass(&scan, &h, 1, &now_us);
	assert_string_equal(h.commands, "p");
	type(&scan, &h, "rlq/", SCANNER_GAP_US, &now_us);
	pass(&scan, &h, SCANNER_GAP_US, &now_us);
	assert_string_equal(h.commands, "prlq/");
	assert_int_equal(h.scans, 0);
}

static void a_key_held_down_is_that_key(void **state)
{
	struct scanner scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	type(&scan, &h, "jjjj", 5000, &now_us);
	pass(&scan, &h, SCANNER_GAP_US, &now_us);
	assert_string_equal(h.commands, "jjjj");
}

static void a_letter_and_enter_are_two_keys(void **state)
{
	struct scanner scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	type(&scan, &h, "j\n", SCANNER_GAP_US, &now_us);
	pass(&scan, &h, SCANNER_GAP_US, &now_us);
	assert_string_equal(h.commands, "j$");
	/* At a scanner's pace they are a code of one letter. */
	type(&scan, &h, "j\n", 3000, &now_us);
	pass(&scan, &h, SCANNER_GAP_US, &now_us);
	assert_string_equal(h.commands, "j$");
	assert_int_equal(h.scans, 1);
	assert_string_equal(h.text, "j");
}

static void arrows_pass_while_something_stands_there(void **state)
{
	struct scanner scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;
	uint32_t key = ARROW;
	bool again;

	(void)state;
	type(&scan, &h, "AC1", 100000, &now_us);
	assert_int_equal(scanner_key(&scan, &key, now_us, &again), SCANNER_KEY);
	assert_int_equal(key, ARROW);
	assert_string_equal(scan.text, "AC1");
}

static void what_is_typed_by_hand_can_be_mended(void **state)
{
	struct scanner scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;
	uint32_t key = SCANNER_BACKSPACE;
	bool again;

	(void)state;
	type(&scan, &h, "04178", 300000, &now_us);
	assert_int_equal(scanner_key(&scan, &key, now_us, &again), SCANNER_TAKEN);
	type(&scan, &h, "\n", 300000, &now_us);
	assert_string_equal(h.text, "0417");
	type(&scan, &h, "0", 300000, &now_us);
	key = SCANNER_ESCAPE;
	assert_int_equal(scanner_key(&scan, &key, now_us, &again), SCANNER_TAKEN);
	assert_int_equal(scan.len, 0);
	/* Opened by hand, small letters are text too. */
	scanner_open(&scan, now_us);
	type(&scan, &h, "abc\n", 300000, &now_us);
	assert_string_equal(h.text, "abc");
	assert_string_equal(h.commands, "");
}

static void half_a_scan_is_dropped(void **state)
{
	struct scanner scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	type(&scan, &h, "quit", 2000, &now_us);
	pass(&scan, &h, SCANNER_STALL_US, &now_us);
	assert_int_equal(h.lost, 1);
	assert_string_equal(h.commands, "");
	type(&scan, &h, "AC100", 200000, &now_us); /* by hand: it stays a while */
	pass(&scan, &h, SCANNER_STALL_US, &now_us);
	assert_int_equal(h.lost, 1);
	pass(&scan, &h, SCANNER_HAND_US, &now_us);
	assert_int_equal(h.lost, 2);
	assert_int_equal(scan.len, 0);
}

static void a_scan_without_end_is_dropped_whole(void **state)
{
	struct scanner scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	for (unsigned i = 0; i < 3 * SCANNER_MAX; i++)
		type(&scan, &h, "A", 1000, &now_us);
	assert_true(scan.len < SCANNER_MAX);
	type(&scan, &h, "\n", 1000, &now_us);
	assert_int_equal(h.scans, 0);
	assert_int_equal(h.lost, 1);
	assert_int_equal(scan.len, 0);
}

static void expect_scan(struct scanner *scan, const char *sent, uint64_t gap_us, const char *text)
{
	struct heard h = { 0 };
	uint64_t now_us = 1000000;
	size_t from, len;

	type(scan, &h, sent, gap_us, &now_us);
	if (h.scans == 0 && scan->setup.silence) {
		uint32_t key;

		now_us += 10 * SCANNER_GAP_US;
		assert_int_equal(scanner_expire(scan, &key, now_us), SCANNER_READY);
		memcpy(h.text, scan->text, sizeof(h.text));
		h.scans++;
		scanner_clear(scan);
	}
	pass(scan, &h, 60000000, &now_us);
	if (*h.commands || h.scans != 1)
		fail_msg("\"%s\": %u scans, commands \"%s\"", sent, h.scans, h.commands);
	assert_null(scan_plain(h.text, strlen(h.text), &from, &len));
	if (strlen(text) != len || memcmp(h.text + from, text, len) != 0)
		fail_msg("\"%s\" became \"%s\"", sent, h.text);
}

/* Each way of sending at each speed; a line feed or Tab behind what has ended it already, and Enter before it. */
static void whatever_stands_around_a_code_goes(void **state)
{
	static const char *const ways[][2] = {
		{ "pp100200300\n", "pp100200300" },
		{ "pp100200300\n\n", "pp100200300" },
		{ "pp100200300\t", "pp100200300" },
		{ "\002pp100200300\003", "pp100200300" },
		{ "\002pp100200300\003\n", "pp100200300" },
		{ "\002pp100200300\004", "pp100200300" },
		{ "\npp100200300\n", "pp100200300" },
		{ "\tuu1\n", "uu1" },
		{ " AC10000002\n", "AC10000002" },
		{ "]C1AC10000002\n", "AC10000002" },
		{ "]c1AC10000002\n", "AC10000002" },
		{ "\002]d2AC10000002\003", "AC10000002" },
		{ "AC10000002\003", "AC10000002" },
		{ "aa\n", "aa" },
		{ "y\n", "y" },
		{ "!!\n", "!!" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		for (unsigned s = 0; s < SCANS_SPEEDS; s++)
			for (unsigned typing = 0; typing < 2; typing++) {
				struct scanner scan = { .typing = typing };

				expect_scan(&scan, ways[i][0], scans_speeds_us[s], ways[i][1]);
			}
}

static void a_scanner_is_as_its_settings_say(void **state)
{
	struct scanner silent = { .setup = { .silence = true } };
	struct scanner hashed = { .setup = { .prefix = "~", .suffix = "#" } };
	struct scanner soh = { .setup = { .prefix = "\001" } };
	struct scanner longer = { .setup = { .prefix = "<<", .suffix = ">>" } };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	expect_scan(&silent, "quit7", 60000, "quit7");
	silent.typing = true;
	expect_scan(&silent, "quit7", 60000, "quit7");
	expect_scan(&hashed, "~quit7#", 2000, "quit7");
	expect_scan(&hashed, "~quit7#", 300000, "quit7"); /* in a frame speed is nothing */
	expect_scan(&hashed, "quit7\n", 2000, "quit7");
	expect_scan(&soh, "\001pp1\n", 2000, "pp1");
	expect_scan(&longer, "<<pp1>>", 2000, "pp1");
	/* A person's # is a person's. */
	type(&hashed, &h, "A1#", 300000, &now_us);
	assert_int_equal(h.scans, 0);
	assert_string_equal(hashed.text, "A1#");
}

static void fields_are_not_joined_to_another_number(void **state)
{
	struct scanner scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;
	size_t from, len;

	(void)state;
	type(&scan, &h, "AC1000\0350004\n", 2000, &now_us);
	assert_int_equal(h.scans, 1);
	assert_string_equal(h.text, "AC1000\0350004");
	assert_string_equal(scan_plain(h.text, strlen(h.text), &from, &len),
			    "several fields are in it, with a separator between them; no code of ours has that");
}

/* Alt and digits for a separator, an arrow, a function key: some scanners send those for what is no character. */
static void a_key_that_is_no_text_spoils_the_whole(void **state)
{
	const char *parts[] = { "AC1", "029", "0004\n" };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	for (unsigned which = 0; which < 2; which++) {
		struct scanner scan = { 0 };

		h = (struct heard){ 0 };
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			uint32_t key = which ? ARROW : SCANNER_ESCAPE;
			bool again;

			type(&scan, &h, parts[i], 2000, &now_us);
			if (i < 2)
				assert_int_equal(scanner_key(&scan, &key, now_us, &again), SCANNER_TAKEN);
		}
		pass(&scan, &h, 60000000, &now_us);
		assert_int_equal(h.scans, 0);
		assert_int_equal(h.lost, 1);
		assert_string_equal(h.commands, "");
	}
}

/* Somebody typed half a number and went away; the scanner's is another one. From a slow line both halves are one. */
static void what_was_left_on_the_line_is_not_its_beginning(void **state)
{
	struct scanner scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	type(&scan, &h, "AC1", 200000, &now_us);
	pass(&scan, &h, SCANNER_JOIN_US, &now_us);
	type(&scan, &h, "AC10000002\n", 5000, &now_us);
	assert_string_equal(h.text, "AC10000002");
	type(&scan, &h, "AC10", 5000, &now_us);
	pass(&scan, &h, 300000, &now_us);
	type(&scan, &h, "000003\n", 5000, &now_us);
	assert_string_equal(h.text, "AC10000003");
	assert_int_equal(h.scans, 2);
	type(&scan, &h, "quit", 5000, &now_us);
	pass(&scan, &h, 300000, &now_us);
	type(&scan, &h, "7\n", 5000, &now_us);
	assert_string_equal(h.text, "quit7");
	assert_string_equal(h.commands, "");
}

/* A question takes what is typed, at a good typist's pace too, and Enter that is pressed for itself. */
static void a_question_has_what_is_typed(void **state)
{
	struct scanner scan = { .typing = true };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	type(&scan, &h, "labels run out", 90000, &now_us);
	type(&scan, &h, "\n", 150000, &now_us);
	pass(&scan, &h, SCANNER_GAP_US, &now_us);
	assert_string_equal(h.commands, "labels run out$");
	assert_int_equal(h.scans + h.lost, 0);
	type(&scan, &h, "1", 300000, &now_us);
	type(&scan, &h, "\n", 150000, &now_us);
	pass(&scan, &h, SCANNER_GAP_US, &now_us);
	assert_string_equal(h.commands, "labels run out$1$");
	/* No scanner without a suffix writes a reason either. */
	type(&scan, &h, "AC10000002", 60000, &now_us);
	pass(&scan, &h, 60000000, &now_us);
	assert_int_equal(h.lost, 1);
	assert_string_equal(h.commands, "labels run out$1$");
}

static void paste(struct scanner *scan, struct heard *h, const char *text, uint64_t *now_us)
{
	uint32_t key = SCANNER_PASTE;
	bool again;

	assert_int_equal(scanner_key(scan, &key, *now_us, &again), SCANNER_TAKEN);
	type(scan, h, text, 0, now_us);
	key = SCANNER_PASTED;
	assert_int_equal(scanner_key(scan, &key, *now_us, &again), SCANNER_TAKEN);
}

static void a_paste_is_typed_and_presses_no_enter(void **state)
{
	struct scanner scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	paste(&scan, &h, "quit\nnow", &now_us);
	assert_string_equal(scan.text, "quit now");
	assert_string_equal(h.commands, "");
	type(&scan, &h, "\n", 1000, &now_us);
	assert_string_equal(h.text, "quit now");
	scan.typing = true;
	paste(&scan, &h, "material is missing\n", &now_us);
	assert_string_equal(h.commands, "material is missing ");
	type(&scan, &h, "\n", 1000, &now_us);
	pass(&scan, &h, SCANNER_GAP_US, &now_us);
	assert_string_equal(h.commands, "material is missing $");
	/* A paste whose end never comes swallows nothing for good. */
	uint32_t key = SCANNER_PASTE;
	bool again;

	(void)scanner_key(&scan, &key, now_us, &again);
	scan.typing = false;
	now_us += 5000000;
	type(&scan, &h, "j", 1, &now_us);
	pass(&scan, &h, SCANNER_GAP_US, &now_us);
	assert_string_equal(h.commands, "material is missing $j");
}

static void ctrl_c_is_ctrl_c_unless_a_scan_ends_with_it(void **state)
{
	struct scanner scan = { 0 };
	struct heard h = { 0 };
	uint64_t now_us = 1000000;

	(void)state;
	type(&scan, &h, "\003", 1000, &now_us);
	assert_string_equal(h.commands, "\003");
	type(&scan, &h, "j\003", 1000, &now_us);
	assert_string_equal(h.commands, "\003j\003");
	type(&scan, &h, "0417\003", 1000, &now_us);
	assert_string_equal(h.commands, "\003j\003");
	assert_string_equal(h.text, "0417");
}

static void any_keys_at_any_pace_do_no_harm(void **state)
{
	struct scanner scan = { 0 };
	uint64_t x = 0x5eed, now_us = 1000000;

	(void)state;
	for (unsigned i = 0; i < 400000; i++) {
		bool again = true;
		uint32_t key, rest = 0;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		if (x % 4096 == 0)
			scan.setup = (struct scanner_setup){ .prefix = "~",
							     .suffix = "#",
							     .silence = x >> 20 & 1,
							     .tab_is_in = x >> 21 & 1,
							     .octets = x >> 22 & 1 };
		scan.typing = x >> 40 & 1;
		now_us += (x >> 50) * (x >> 30 & 1 ? 1 : 100);
		for (; scanner_deadline_us(&scan) <= now_us && rest < 2 * SCANNER_MAX; rest++)
			if (scanner_expire(&scan, &key, now_us) == SCANNER_READY)
				scanner_clear(&scan);
		assert_true(rest < 2 * SCANNER_MAX);
		for (rest = 0; again; rest++) {
			key = x >> 60 == 0   ? SCANNER_NO_CHARACTER + (uint32_t)(x >> 20) % 8
			      : x >> 60 == 1 ? (uint32_t)(x >> 20) % 0x110000
					     : (uint32_t)(x >> 20) % 128;
			if (scan.setup.octets && key < SCANNER_NO_CHARACTER)
				key &= 0xff;
			if (scanner_key(&scan, &key, now_us, &again) == SCANNER_READY)
				scanner_clear(&scan);
			assert_true(rest < 2 * SCANNER_MAX);
			assert_true(scan.len < SCANNER_MAX && scan.from <= scan.len);
		}
	}
}

/* 200 codes, 12 speeds, 5 framings, on the line and in each kind of question. */
static void no_generated_scan_is_a_command_or_finds_a_wrong_unit(void **state)
{
	struct scans_result r = { 0 };

	(void)state;
	scans_all(&r);
	if (r.keys + r.commands + r.wrong > 0 || r.found < r.to_find)
		fail_msg("%u scans: %u keys, %u commands, %u wrong units, %u of %u found; %s", r.scans, r.keys,
			 r.commands, r.wrong, r.found, r.to_find, r.first);
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
		cmocka_unit_test(whatever_stands_around_a_code_goes),
		cmocka_unit_test(a_scanner_is_as_its_settings_say),
		cmocka_unit_test(fields_are_not_joined_to_another_number),
		cmocka_unit_test(a_key_that_is_no_text_spoils_the_whole),
		cmocka_unit_test(what_was_left_on_the_line_is_not_its_beginning),
		cmocka_unit_test(a_question_has_what_is_typed),
		cmocka_unit_test(a_paste_is_typed_and_presses_no_enter),
		cmocka_unit_test(ctrl_c_is_ctrl_c_unless_a_scan_ends_with_it),
		cmocka_unit_test(any_keys_at_any_pace_do_no_harm),
		cmocka_unit_test(no_generated_scan_is_a_command_or_finds_a_wrong_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
