/*
 * The person's side: what a key or a scan asks of the station, and what it never does by accident.
 *
 * links: station/dashboard/desk.c station/dashboard/ask.c station/dashboard/talk.c station/dashboard/keys.c
 * links: station/dashboard/scan.c station/dashboard/columns.c station/dashboard/mirror.c
 * links: station/dashboard/atoms.c station/dashboard/text.c station/dashboard/palette.c station/base/map.c
 * links: station/label/scan.c station/label/scanner.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dashboard_state.h"

static void every_function_key_has_a_letter_and_no_key_two_meanings(void **state)
{
	size_t count;
	const struct key_row *rows = keys_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].key >= KEYS_F1 && rows[i].key <= KEYS_F10)
			assert_true(rows[i].letter > ' ');
		/* What begins a scan is no command. */
		assert_false((rows[i].letter >= '0' && rows[i].letter <= '9') ||
			     (rows[i].letter >= 'A' && rows[i].letter <= 'Z'));
		assert_true(!*rows[i].names || *rows[i].sentence);
		for (size_t k = 0; k < i; k++) {
			assert_false(rows[i].letter && rows[i].letter == rows[k].letter &&
				     (rows[i].screens & rows[k].screens));
			assert_false(rows[i].key && rows[i].key == rows[k].key && (rows[i].screens & rows[k].screens));
		}
	}
	/* Each function key of the bar is there. */
	for (uint32_t f = KEYS_F1; f <= KEYS_F10; f++)
		assert_non_null(keys_find(f, SCREEN_LINE));
}

static void pause_asks_why_and_only_then_asks_the_station(void **state)
{
	struct day *d = *state;

	day_key(d, KEYS_F5);
	assert_int_equal(d->out.request_count, 0);
	day_key(d, KEYS_ENTER); /* without a reason: no */
	assert_int_equal(d->out.request_count, 0);
	assert_int_equal(d->desk->ask.what, ASK_REASON);
	day_type(d, "1\n");
	assert_int_equal(d->out.request_count, 1);
	assert_string_equal(day_asked(d, 0, "do"), "pause");
	assert_string_equal(day_asked(d, 0, "reason"), "labels run out");
	day_answer(d, "\"ok\":true,\"result\":{\"done\":1}");
	assert_string_equal(d->desk->note, "paused");
}

static void esc_leaves_a_question_without_a_trace(void **state)
{
	struct day *d = *state;

	day_key(d, 'p');
	day_type(d, "because");
	day_key(d, KEYS_ESCAPE);
	assert_int_equal(d->desk->ask.what, ASK_NOTHING);
	assert_int_equal(d->out.request_count, 0);
}

static void the_key_resumes_what_is_paused(void **state)
{
	struct day *d = *state;

	state_line(d->mirror, STATE
		   "\"now_us\":61000000,\"header\":{\"run\":{\"state\":\"paused\",\"by\":\"ana\",\"reason\":\"x\"}}}");
	day_key(d, KEYS_F5);
	day_key(d, KEYS_ENTER); /* a resume needs no reason, unless it overrides a guard */
	assert_string_equal(day_asked(d, 0, "do"), "resume");
	day_forget(d);
	state_line(d->mirror, STATE
		   "\"now_us\":61000000,\"header\":{\"run\":{\"state\":\"paused\",\"guard\":\"consecutive_fail\"}}}");
	day_key(d, KEYS_F5);
	day_key(d, KEYS_ENTER);
	assert_int_equal(d->out.request_count, 0);
	day_type(d, "1\n");
	assert_string_equal(day_asked(d, 0, "do"), "resume");
	assert_string_equal(day_asked(d, 0, "reason"), "cause removed");
}

static void stop_asks_twice(void **state)
{
	struct day *d = *state;

	day_key(d, KEYS_F9);
	day_type(d, "end of shift\n");
	assert_int_equal(d->out.request_count, 0);
	assert_int_equal(d->desk->ask.what, ASK_SURE);
	day_key(d, KEYS_ENTER); /* not y: no */
	assert_int_equal(d->out.request_count, 0);
	assert_int_equal(d->desk->ask.what, ASK_NOTHING);
	day_key(d, 'e');
	day_type(d, "end of shift\ny");
	assert_string_equal(day_asked(d, 0, "do"), "stop");
	assert_string_equal(day_asked(d, 0, "reason"), "end of shift");
}

/* A scanner whose serial numbers begin with y must not confirm an abort. */
static void a_scan_confirms_nothing(void **state)
{
	struct day *d = *state;

	day_key(d, '!');
	day_type(d, "x\n");
	assert_int_equal(d->desk->ask.what, ASK_SURE);
	day_scan(d, "y1234");
	for (unsigned i = 0; i < d->out.request_count; i++)
		assert_string_not_equal(day_asked(d, i, "do"), "abort");
	assert_int_equal(d->desk->ask.what, ASK_NOTHING);
}

static void a_device_is_put_aside_with_a_reason(void **state)
{
	struct day *d = *state;

	day_key(d, KEYS_DOWN);
	day_key(d, KEYS_UP);
	day_key(d, KEYS_F8);
	day_type(d, "scratched\n");
	assert_int_equal(d->out.request_count, 1);
	assert_string_equal(day_asked(d, 0, "do"), "quarantine");
	assert_int_equal(json_integer_value(json_array_get(json_object_get(d->out.requests[0], "units"), 0)), 1);
	day_answer(d, "\"ok\":true,\"result\":{\"done\":0,\"refused\":[{\"unit\":1,\"name\":\"not-now\",\"sentence\":"
		      "\"it is put aside already\",\"remedy\":\"none\"}]}");
	assert_non_null(strstr(d->desk->note, "put aside already"));
}

/* The list moves on while one types; the device that was under the cursor at the key is the one that is meant. */
static void the_device_of_the_key_is_meant_not_the_one_of_the_enter(void **state)
{
	struct day *d = *state;

	day_key(d, KEYS_F8);
	state_line(d->mirror, STATE "\"now_us\":62000000,\"units\":[{\"unit\":90,\"serial\":\"NEW\",\"state\":"
				    "\"active\",\"first_us\":1,\"since_us\":1}]}");
	desk_state(d->desk, d->mirror, d->now_us, &d->out);
	desk_arrange(d->desk, d->mirror);
	assert_int_equal(desk_unit(d->desk, d->mirror)->unit, 90);
	day_type(d, "1\n");
	assert_int_equal(json_integer_value(json_array_get(json_object_get(d->out.requests[0], "units"), 0)), 1);
}

static void tagged_devices_go_together_and_are_asked_about_twice(void **state)
{
	struct day *d = *state;

	day_key(d, 't');
	day_key(d, KEYS_SPACE);
	assert_int_equal(d->desk->tags.count, 2);
	day_key(d, KEYS_F8);
	day_type(d, "1\n");
	assert_int_equal(d->out.request_count, 0);
	day_key(d, 'y');
	assert_int_equal(json_array_size(json_object_get(d->out.requests[0], "units")), 2);
	assert_int_equal(d->desk->tags.count, 0);
	day_key(d, '+');
	assert_int_equal(d->desk->tags.count, 5);
	day_key(d, '-');
	assert_int_equal(d->desk->tags.count, 0);
}

static void an_observer_is_told_whose_badge_is_needed(void **state)
{
	struct day *d = *state;

	d->mirror->role = ROLE_OBSERVER;
	day_key(d, KEYS_F5);
	assert_int_equal(d->desk->ask.what, ASK_NOTHING);
	assert_non_null(strstr(d->desk->note, "badge"));
	assert_true(d->out.bell);
	day_forget(d);
	d->mirror->role = ROLE_OPERATOR;
	day_key(d, 'o'); /* release: a lead's */
	assert_int_equal(d->desk->ask.what, ASK_NOTHING);
	assert_non_null(strstr(d->desk->note, "a lead"));
	assert_int_equal(d->out.request_count, 0);
}

static void a_badge_gives_a_role(void **state)
{
	struct day *d = *state;

	day_scan(d, "0021");
	assert_string_equal(day_asked(d, 0, "do"), "badge");
	assert_string_equal(day_asked(d, 0, "badge"), "0021");
	day_answer(d, "\"ok\":true,\"result\":{\"role\":\"lead\",\"actor\":\"0021 Ben\"}");
	assert_int_equal(d->mirror->role, ROLE_LEAD);
	assert_string_equal(d->mirror->actor, "0021 Ben");
	day_scan(d, "99999");
	day_answer(d, "\"ok\":false,\"error\":{\"name\":\"unknown-badge\",\"sentence\":\"nobody has that "
		      "badge\",\"remedy\":\"scan it again\"}");
	assert_int_equal(d->mirror->role, ROLE_LEAD);
	assert_true(d->out.bell);
	assert_null(strstr(d->desk->note, "99999")); /* digits: it may have been a PIN */
}

static void a_scanned_device_is_chosen(void **state)
{
	struct day *d = *state;

	strcpy(d->desk->filter, "pass");
	day_scan(d, "AC10001308");
	assert_int_equal(d->desk->selected, 5);
	assert_string_equal(d->desk->filter, ""); /* it would hide it */
	assert_non_null(strstr(d->desk->note, "FAIL no-answer"));
	day_scan(d, "02005E103F98");
	assert_int_equal(d->desk->selected, 4);
	day_scan(d, "AC10001310 12345670");
	assert_int_equal(d->desk->selected, 3);
	assert_null(strstr(d->desk->note, "1234567"));
	assert_int_equal(d->out.request_count, 1); /* the label: judged by the station */
	day_forget(d);
	day_scan(d, "ZZ1");
	assert_string_equal(day_asked(d, 0, "do"), "find");
	day_answer(d, "\"ok\":true,\"result\":{\"units\":[]}");
	assert_true(d->out.bell);
}

static void a_label_is_held_against_the_unit_in_hand(void **state)
{
	struct day *d = *state;

	/* A unit that has not passed has no label to be scanned. */
	day_scan(d, "AC10001309");
	assert_int_equal(d->out.request_count, 0);
	day_scan(d, "WIFI:T:WPA;S:x;P:87654325;;");
	assert_string_equal(day_asked(d, 0, "do"), "scan");
	assert_string_equal(day_asked(d, 0, "text"), "WIFI:T:WPA;S:x;P:87654325;;");
	assert_string_equal(day_asked(d, 0, "serial"), "");
	day_answer(d, "\"ok\":true,\"result\":{\"is\":\"label\",\"verdict\":\"unknown\",\"serial\":\"\",\"sentence\":"
		      "\"no label on record "
		      "says this\",\"remedy\":\"take it off\"}");
	assert_string_equal(d->desk->note, "LABEL WRONG: no label on record says this: take it off");
	assert_true(d->out.bell);
	day_forget(d);
	/* One that has: its own number may be the whole of a label, and then comes the label. */
	day_scan(d, "AC10001310");
	assert_string_equal(day_asked(d, 0, "do"), "scan");
	day_answer(d, "\"ok\":true,\"result\":{\"is\":\"unit\",\"unit\":3}");
	assert_non_null(strstr(d->desk->note, "AC10001310: PASS"));
	day_forget(d);
	day_scan(d, "WIFI:T:WPA;S:x;P:12345670;;");
	assert_string_equal(day_asked(d, 0, "serial"), "AC10001310");
	day_answer(
		d,
		"\"ok\":true,\"result\":{\"is\":\"label\",\"verdict\":\"right\",\"serial\":\"AC10001310\",\"unit\":3}");
	assert_string_equal(d->desk->note, "LABEL RIGHT: AC10001310");
	day_forget(d);
	/* It is out of hand now, and after a minute in any case. */
	day_scan(d, "WIFI:T:WPA;S:x;P:12345670;;");
	assert_string_equal(day_asked(d, 0, "serial"), "");
	day_forget(d);
	day_scan(d, "AC10001310");
	day_forget(d);
	d->now_us += DESK_HAND_US;
	assert_true(desk_deadline_us(d->desk, d->mirror) <= d->now_us);
	desk_expire(d->desk, d->mirror, d->now_us, &d->out);
	day_scan(d, "WIFI:T:WPA;S:x;P:12345670;;");
	assert_string_equal(day_asked(d, 0, "serial"), "");
}

static void an_observer_looks_labels_up_and_judges_none(void **state)
{
	struct day *d = *state;

	d->mirror->role = ROLE_OBSERVER;
	day_scan(d, "AC10001310 12345670");
	assert_int_equal(d->desk->selected, 3);
	day_scan(d, "WIFI:T:WPA;S:x;P:12345670;;");
	assert_non_null(strstr(d->desk->note, "operator's badge"));
	assert_int_equal(d->out.request_count, 0);
}

static void a_scan_into_a_question_is_still_a_scan(void **state)
{
	struct day *d = *state;

	day_key(d, KEYS_F5);
	day_scan(d, "0021");
	assert_string_equal(day_asked(d, 0, "do"), "badge");
	assert_int_equal(d->desk->ask.what, ASK_REASON); /* the question still stands */
	assert_string_equal(d->desk->ask.text, "");
	day_forget(d);
	day_scan(d, "AC10001309;12345670");
	assert_int_equal(d->desk->selected, 4);
	assert_int_equal(d->desk->ask.what, ASK_REASON);
	assert_string_equal(d->desk->ask.text, "");
	assert_string_equal(day_asked(d, 0, "do"), "scan");
	day_forget(d);
	/* Whatever came like a scan is no reason, known or not. */
	day_scan(d, "material is missing");
	day_scan(d, "ZZ-unknown");
	day_scan(d, "1");
	for (unsigned i = 0; i < d->out.request_count; i++)
		assert_string_not_equal(day_asked(d, i, "do"), "pause");
	assert_int_equal(d->desk->ask.what, ASK_REASON);
	assert_string_equal(d->desk->ask.text, "");
	day_forget(d);
	/* A reason that is pasted is a reason, when a person presses Enter. */
	day_paste(d, "material is missing\n");
	assert_int_equal(d->out.request_count, 0);
	day_key(d, KEYS_ENTER);
	assert_string_equal(day_asked(d, 0, "reason"), "material is missing ");
}

/* A slip of the finger is not what goes on record. */
static void a_number_that_is_no_reason_is_refused(void **state)
{
	struct day *d = *state;

	day_key(d, KEYS_F5);
	day_type(d, "9\n");
	assert_int_equal(d->out.request_count, 0);
	assert_int_equal(d->desk->ask.what, ASK_REASON);
	assert_non_null(strstr(d->desk->note, "there is no reason 9"));
	day_type(d, "5\n");
	assert_string_equal(day_asked(d, 0, "reason"), "change of shift");
}

/* What acts at once waits a little, as a letter, and whatever comes behind it takes it back. */
static void a_letter_that_acts_at_once_is_taken_back_by_the_next_key(void **state)
{
	static const uint32_t letters[] = { 'a', 'v', 'q' };
	struct day *d = *state;

	state_line(d->mirror, STATE_BANNER);
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		desk_key(d->desk, d->mirror, letters[i], 0, d->now_us, &d->out);
		day_wait(d, SCANNER_GAP_US + KEYS_LATE_US / 2);
		desk_key(d->desk, d->mirror, KEYS_DOWN, 0, d->now_us, &d->out);
		assert_non_null(strstr(d->desk->note, "taken back"));
		day_wait(d, 2000000);
		assert_int_equal(d->out.request_count, 0);
		assert_false(d->out.quit);
		/* Held down, it is not alone either. */
		for (unsigned k = 0; k < 5; k++, d->now_us += 33000)
			desk_key(d->desk, d->mirror, letters[i], 0, d->now_us, &d->out);
		day_wait(d, 2000000);
		assert_int_equal(d->out.request_count, 0);
		assert_false(d->out.quit);
	}
	desk_key(d->desk, d->mirror, KEYS_F10, 0, d->now_us, &d->out);
	assert_true(d->out.quit); /* a function key is no letter */
	/* The banner that was there at the key is meant, not the one that came a moment later. */
	desk_key(d->desk, d->mirror, 'a', 0, d->now_us, &d->out);
	day_wait(d, SCANNER_GAP_US);
	state_line(d->mirror, STATE "\"now_us\":61000000,\"banners\":[{\"banner\":8,\"kind\":\"hold\",\"at_us\":1,"
				    "\"cause\":\"x\",\"sentence\":\"x\",\"remedy\":\"y\"}]}");
	day_wait(d, KEYS_LATE_US);
	assert_int_equal(d->out.request_count, 0);
	assert_non_null(strstr(d->desk->note, "gone already"));
}

static void only_a_whole_number_finds_a_device(void **state)
{
	struct day *d = *state;
	int64_t before;

	day_scan(d, "ac10001308"); /* as Caps Lock writes it */
	assert_int_equal(d->desk->selected, 5);
	before = d->desk->selected;
	day_scan(d, "10001310"); /* a badge, for all that is known here */
	day_answer(d, "\"ok\":false,\"error\":{\"name\":\"unknown-badge\",\"sentence\":\"no badge\",\"remedy\":\"\"}");
	assert_int_equal(d->desk->selected, before);
	day_forget(d);
	day_scan(d, "AC1000131");
	assert_string_equal(day_asked(d, 0, "do"), "find");
	day_answer(d, "\"ok\":true,\"result\":{\"units\":[{\"unit\":3,\"serial\":\"AC10001310\"},{\"unit\":2,"
		      "\"serial\":\"AC10001311\"},{\"unit\":1,\"serial\":\"AC10001312\"}]}");
	assert_int_equal(d->desk->selected, before);
	assert_string_equal(d->desk->note, "3 devices begin or end so: the whole number is wanted");
	assert_int_equal(d->desk->hand, 0);
	day_forget(d);
	day_scan(d, "7");
	day_answer(d, "\"ok\":true,\"result\":{\"units\":[{\"unit\":3,\"serial\":\"AC10001317\"}]}");
	assert_int_equal(d->desk->selected, before);
	assert_string_equal(d->desk->note, "1 device begins or ends so: the whole number is wanted");
	/* Two that differ in small and capital letters alone: each is found by its own number only. */
	state_line(d->mirror,
		   STATE "\"now_us\":62000000,\"units\":[{\"unit\":8,\"serial\":\"zzA1\",\"state\":\"seen\"},"
			 "{\"unit\":9,\"serial\":\"ZZa1\",\"state\":\"seen\"}]}");
	assert_int_equal(talk_known(d->mirror, "ZZa1")->unit, 9);
	assert_null(talk_known(d->mirror, "zza1"));
}

static void fields_with_a_separator_are_refused_with_words(void **state)
{
	struct day *d = *state;

	day_scan(d, "AC1000\0351310");
	assert_int_equal(d->out.request_count, 0);
	assert_true(d->out.bell);
	assert_non_null(strstr(d->desk->note, "several fields"));
	assert_int_equal(d->desk->selected, 0);
	day_scan(d, "]C1AC10001310");
	assert_int_equal(d->desk->selected, 3);
}

static void ctrl_c_is_told_to_whoever_has_the_terminal(void **state)
{
	struct day *d = *state;

	day_key(d, KEYS_F5);
	desk_key(d->desk, d->mirror, KEYS_INTERRUPT, 0, d->now_us, &d->out);
	assert_true(d->out.interrupt);
	assert_int_equal(d->desk->ask.what, ASK_REASON);
}

static void nothing_is_asked_of_a_station_that_is_gone(void **state)
{
	struct day *d = *state;

	desk_lost(d->desk, "no station answers", false);
	day_key(d, KEYS_F5);
	assert_int_equal(d->desk->ask.what, ASK_NOTHING);
	day_scan(d, "0021");
	assert_int_equal(d->out.request_count, 0);
	assert_non_null(strstr(d->desk->note, "no connection"));
}

static void a_banner_rings_once_and_is_acknowledged_by_key(void **state)
{
	struct day *d = *state;

	state_line(d->mirror, STATE_BANNER);
	desk_state(d->desk, d->mirror, d->now_us, &d->out);
	assert_true(d->out.bell);
	day_forget(d);
	desk_state(d->desk, d->mirror, d->now_us, &d->out);
	assert_false(d->out.bell);
	day_key(d, 'a');
	assert_string_equal(day_asked(d, 0, "do"), "ack");
	assert_int_equal(json_integer_value(json_object_get(d->out.requests[0], "banner")), 7);
}

static void a_filter_has_alternatives(void **state)
{
	struct day *d = *state;

	day_key(d, KEYS_F4);
	day_type(d, "quar | FAIL\n");
	desk_arrange(d->desk, d->mirror);
	assert_int_equal(d->desk->order_count, 2);
	day_key(d, '\\');
	day_key(d, KEYS_BACKSPACE);
	for (unsigned i = 0; i < 20; i++)
		day_key(d, KEYS_BACKSPACE);
	day_type(d, "radio1/6\n");
	desk_arrange(d->desk, d->mirror);
	assert_int_equal(d->desk->order_count, 3);
	day_key(d, KEYS_ESCAPE);
	desk_arrange(d->desk, d->mirror);
	assert_int_equal(d->desk->order_count, 5);
	assert_true(text_matches("anything", "|"));
	assert_true(text_matches("anything", " | "));
	assert_false(text_matches("anything", "x|w |z z"));
}

static void finding_goes_round(void **state)
{
	struct day *d = *state;
	int64_t first;

	day_key(d, KEYS_F3);
	day_type(d, "no-answer\n");
	first = d->desk->selected;
	assert_true(first == 2 || first == 5);
	day_key(d, 'n');
	assert_int_not_equal(d->desk->selected, first);
	day_key(d, 'n');
	assert_int_equal(d->desk->selected, first);
	day_key(d, '/');
	day_type(d, "nothing like it\n");
	assert_int_equal(d->desk->selected, first);
	assert_non_null(strstr(d->desk->note, "nothing here has"));
}

static void the_cursor_stays_on_its_device(void **state)
{
	struct day *d = *state;
	const struct unit_row *u;

	day_key(d, KEYS_DOWN);
	u = desk_unit(d->desk, desk_arrange(d->desk, d->mirror));
	assert_non_null(u);
	int64_t unit = u->unit;

	state_line(d->mirror, STATE "\"now_us\":62000000,\"units\":[{\"unit\":77,\"state\":\"active\",\"first_us\":1},{"
				    "\"unit\":78,\"state\":\"active\",\"first_us\":2}]}");
	for (unsigned by = 0; by < COLUMNS; by++) {
		day_key(d, KEYS_F6);
		assert_int_equal(desk_unit(d->desk, desk_arrange(d->desk, d->mirror))->unit, unit);
		day_key(d, 'i');
		assert_int_equal(desk_unit(d->desk, desk_arrange(d->desk, d->mirror))->unit, unit);
	}
}

static void what_is_frozen_stands_still_and_banners_do_not(void **state)
{
	struct day *d = *state;
	const struct mirror *shown;

	day_key(d, 'z');
	state_line(d->mirror, STATE_BANNER);
	state_line(d->mirror, STATE "\"now_us\":62000000,\"units\":[{\"unit\":1,\"state\":\"passed\"}]}");
	shown = desk_arrange(d->desk, d->mirror);
	assert_int_equal(mirror_unit(shown, 1)->state, UNIT_IS_ACTIVE);
	assert_int_equal(d->mirror->banner_count, 1);
	day_key(d, 'z');
	assert_int_equal(mirror_unit(desk_arrange(d->desk, d->mirror), 1)->state, UNIT_IS_PASSED);
}

static void the_device_screen_asks_for_its_device_and_asks_again_when_it_changes(void **state)
{
	struct day *d = *state;

	day_key(d, KEYS_ENTER);
	assert_int_equal(d->desk->screen, SCREEN_DEVICE);
	assert_string_equal(day_asked(d, 0, "do"), "device");
	assert_int_equal(json_integer_value(json_object_get(d->out.requests[0], "unit")), 1);
	day_answer(d, "\"ok\":true,\"result\":{\"unit\":{\"unit\":1,\"state\":\"active\",\"since_us\":56000000,"
		      "\"attempt\":1},\"timeline\":[]}");
	assert_true(d->mirror->detail.known);
	d->now_us += 10000000;
	desk_expire(d->desk, d->mirror, d->now_us, &d->out);
	assert_int_equal(d->out.request_count, 0); /* nothing has changed */
	state_line(d->mirror,
		   STATE "\"now_us\":62000000,\"units\":[{\"unit\":1,\"state\":\"passed\",\"since_us\":61500000}]}");
	desk_state(d->desk, d->mirror, d->now_us, &d->out);
	assert_int_equal(d->out.request_count, 1);
	/* While the answer is awaited it is not asked again, and nobody spins. */
	assert_true(desk_deadline_us(d->desk, d->mirror) >= d->now_us + DESK_REFRESH_US);
	day_key(d, KEYS_ESCAPE);
	assert_int_equal(d->desk->screen, SCREEN_LINE);
}

static void a_failure_leads_to_its_devices(void **state)
{
	struct day *d = *state;

	day_key(d, 'f');
	day_key(d, KEYS_ENTER);
	assert_int_equal(d->desk->screen, SCREEN_LINE);
	assert_string_equal(d->desk->filter, "no-answer");
	desk_arrange(d->desk, d->mirror);
	assert_int_equal(d->desk->order_count, 2);
}

static void the_menu_does_what_its_row_says(void **state)
{
	struct day *d = *state;
	const struct key_row *rows[ACTS];
	unsigned count;

	day_key(d, KEYS_F2);
	count = ask_menu_rows(d->desk, rows);
	assert_true(count >= 5);
	assert_int_equal(rows[0]->act, ACT_PAUSE);
	day_key(d, KEYS_ENTER);
	assert_int_equal(d->desk->ask.what, ASK_REASON);
	day_key(d, KEYS_ESCAPE);
	day_key(d, KEYS_F2);
	for (unsigned i = 0; i < 100; i++)
		day_key(d, KEYS_DOWN);
	assert_int_equal(d->desk->ask.menu_row, count - 1);
	/* A scan while it is open closes it and is a scan. */
	day_scan(d, "0021");
	assert_int_equal(d->desk->ask.what, ASK_NOTHING);
	assert_string_equal(day_asked(d, 0, "do"), "badge");
	assert_string_equal(day_asked(d, 0, "badge"), "0021");
}

static void any_keys_in_any_order_do_no_harm(void **state)
{
	struct day *d = *state;
	uint64_t x = 0x5eed;

	for (unsigned i = 0; i < 60000; i++) {
		uint32_t key;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		key = x >> 60 < 8 ? 32 + (uint32_t)(x >> 20) % 95
				  : KEYS_NONE + (uint32_t)(x >> 20) % (KEYS_END_OF_LIST - KEYS_NONE);
		if (key == KEYS_CLOSED)
			continue;
		desk_key(d->desk, d->mirror, key, x >> 32 & 7, d->now_us, &d->out);
		d->now_us += x >> 50;
		desk_expire(d->desk, d->mirror, d->now_us, &d->out);
		if (x % 97 == 0)
			state_line(d->mirror, state_day[1]);
		if (x % 101 == 0)
			desk_state(d->desk, d->mirror, d->now_us, &d->out);
		if (x % 1009 == 0)
			desk_lost(d->desk, "gone", x & 1);
		assert_true(d->out.request_count <= DESK_REQUESTS_MAX);
		day_forget(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_function_key_has_a_letter_and_no_key_two_meanings),
		cmocka_unit_test_setup_teardown(pause_asks_why_and_only_then_asks_the_station, day_begin, day_end),
		cmocka_unit_test_setup_teardown(esc_leaves_a_question_without_a_trace, day_begin, day_end),
		cmocka_unit_test_setup_teardown(the_key_resumes_what_is_paused, day_begin, day_end),
		cmocka_unit_test_setup_teardown(stop_asks_twice, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_scan_confirms_nothing, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_device_is_put_aside_with_a_reason, day_begin, day_end),
		cmocka_unit_test_setup_teardown(the_device_of_the_key_is_meant_not_the_one_of_the_enter, day_begin,
						day_end),
		cmocka_unit_test_setup_teardown(tagged_devices_go_together_and_are_asked_about_twice, day_begin,
						day_end),
		cmocka_unit_test_setup_teardown(an_observer_is_told_whose_badge_is_needed, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_badge_gives_a_role, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_scanned_device_is_chosen, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_label_is_held_against_the_unit_in_hand, day_begin, day_end),
		cmocka_unit_test_setup_teardown(an_observer_looks_labels_up_and_judges_none, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_scan_into_a_question_is_still_a_scan, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_number_that_is_no_reason_is_refused, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_letter_that_acts_at_once_is_taken_back_by_the_next_key, day_begin,
						day_end),
		cmocka_unit_test_setup_teardown(only_a_whole_number_finds_a_device, day_begin, day_end),
		cmocka_unit_test_setup_teardown(fields_with_a_separator_are_refused_with_words, day_begin, day_end),
		cmocka_unit_test_setup_teardown(ctrl_c_is_told_to_whoever_has_the_terminal, day_begin, day_end),
		cmocka_unit_test_setup_teardown(nothing_is_asked_of_a_station_that_is_gone, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_banner_rings_once_and_is_acknowledged_by_key, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_filter_has_alternatives, day_begin, day_end),
		cmocka_unit_test_setup_teardown(finding_goes_round, day_begin, day_end),
		cmocka_unit_test_setup_teardown(the_cursor_stays_on_its_device, day_begin, day_end),
		cmocka_unit_test_setup_teardown(what_is_frozen_stands_still_and_banners_do_not, day_begin, day_end),
		cmocka_unit_test_setup_teardown(the_device_screen_asks_for_its_device_and_asks_again_when_it_changes,
						day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_failure_leads_to_its_devices, day_begin, day_end),
		cmocka_unit_test_setup_teardown(the_menu_does_what_its_row_says, day_begin, day_end),
		cmocka_unit_test_setup_teardown(any_keys_in_any_order_do_no_harm, day_begin, day_end),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
