/*
 * The screens, without a terminal: what must be on them in every size, and what must not.
 *
 * links: station/dashboard/view.c station/dashboard/view_line.c station/dashboard/view_radios.c
 * links: station/dashboard/view_channels.c station/dashboard/view_failures.c station/dashboard/view_device.c
 * links: station/dashboard/view_log.c station/dashboard/view_help.c station/dashboard/view_over.c
 * links: station/dashboard/canvas.c station/dashboard/desk.c station/dashboard/ask.c station/dashboard/talk.c
 * links: station/dashboard/keys.c station/dashboard/scan.c station/dashboard/columns.c
 * links: station/dashboard/mirror.c station/dashboard/atoms.c station/dashboard/text.c
 * links: station/dashboard/palette.c station/base/map.c
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

#include "station/dashboard/view.h"
#include "tests/unit/dashboard_state.h"

static const struct {
	unsigned rows, cols;
} sizes[] = { { 24, 80 }, { 40, 120 }, { 60, 200 } };

static char screen[200000];

static void draw(struct day *d, struct view *v, unsigned rows, unsigned cols, bool ascii)
{
	char row[4000];

	assert_true(view_build(v, d->desk, d->mirror, rows, cols, ascii));
	screen[0] = '\0';
	for (unsigned i = 0; i < v->base.rows; i++) {
		canvas_row_text(&v->base, i, row, sizeof(row));
		strcat(strcat(screen, row), "\n");
	}
	for (unsigned i = 0; i < v->over.rows; i++) {
		canvas_row_text(&v->over, i, row, sizeof(row));
		strcat(strcat(screen, row), "\n");
	}
}

static void shows(const char *text)
{
	if (!strstr(screen, text)) {
		puts(screen);
		fail_msg("\"%s\" is not on the screen", text);
	}
}

static void hides(const char *text)
{
	if (strstr(screen, text)) {
		puts(screen);
		fail_msg("\"%s\" is on the screen", text);
	}
}

static void the_line_screen_has_what_an_operator_needs(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int ascii = 0; ascii < 2; ascii++) {
			draw(d, &v, sizes[i].rows, sizes[i].cols, ascii);
			shows("SIMULATED");
			shows("RUNNING");
			shows("lot 2611-A07");
			shows("01234567");
			hides("012345678");
			shows("done 313/480");
			shows("FPY 96.8 %");
			shows("cadence 7.9 s");
			shows("takt 9.0 s");
			shows("ETA");
			shows("radio3 LOST");
			shows("0417 Ana operator");
			shows("QUAR pin-refused");
			shows("RETRY no-answer");
			shows("FAIL no-answer");
			shows("PASS");
			shows("no-answer");
			shows("AC10001310 PASS 5.20 s"); /* the log */
			shows("F8");
			shows("scan>");
		}
	view_free(&v);
}

static void header_with(struct day *d, const char *health)
{
	char line[1000];

	snprintf(line, sizeof(line),
		 STATE "\"now_us\":61000000,\"header\":{\"run\":{\"state\":\"running\"},\"lot\":\"2611-A07\","
		       "\"product\":\"AC-100\","
		       "\"utc_us\":1700000000000000,\"counts\":{},\"health\":{\"clock\":{\"state\":\"ok\"}%s}}}",
		 health);
	assert_int_equal(state_line(d->mirror, line), MIRROR_STATE);
}

static void a_printer_is_in_the_header_when_there_is_one(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };

	for (unsigned i = 0; i < 2; i++) {
		header_with(d, "");
		draw(d, &v, sizes[i].rows, sizes[i].cols, false);
		shows("clock ok");
		hides("printer");
		hides("CA");
		header_with(d, ",\"printer\":{\"state\":\"ok\",\"text\":\"AC10001310 printed\"}");
		draw(d, &v, sizes[i].rows, sizes[i].cols, false);
		shows(i ? "printer AC10001310 printed" : "clock printer ok");
		header_with(
			d, ",\"printer\":{\"state\":\"bad\",\"text\":\"the printer does not print: it has no paper\"}");
		draw(d, &v, sizes[i].rows, sizes[i].cols, false);
		shows("printer BAD");
		if (i == 0)
			shows("printer BAD  rest ok");
		shows("the printer does not print: it has no paper");
	}
	view_free(&v);
}

static void what_to_do_with_the_chosen_device_is_said_on_the_smallest_screen(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };

	desk_select(d->desk, d->mirror, 4);
	draw(d, &v, 24, 80, false);
	shows("put it in the red bin");
	view_free(&v);
}

/* It has no serial number, and PASS says less of it than of the others. */
static void a_foreign_device_is_named_by_its_address_and_says_what_was_not_proven(void **state)
{
	static const char passed[] = STATE
		"\"now_us\":61000000,\"units\":[{\"unit\":3,\"serial\":\"\",\"mac\":\"02:00:5e:10:3f:9b\",\"state\":"
		"\"passed\",\"step\":\"verify\",\"done\":2,\"of\":2,\"attempt\":1,\"radio\":\"radio1\",\"channel\":6,"
		"\"agentless\":true,\"not_proven\":\"seen to join; no key, no certificate, no receipt\"}]}";
	struct day *d = *state;
	struct view v = { 0 };
	char text[80];

	(void)state_line(d->mirror, passed);
	desk_state(d->desk, d->mirror, d->now_us, &d->out);
	column_text(COL_SERIAL, d->mirror, mirror_unit(d->mirror, 3), false, text, sizeof(text));
	assert_string_equal(text, "02:00:5e:10:3f:9b");
	desk_select(d->desk, d->mirror, 3);
	draw(d, &v, 24, 80, false);
	shows("PASS no agent");
	shows("PASS  02:00:5e:10:3f:9b  no agent: seen to join; no key, no certificate");
	hides("no serial number yet");
	draw(d, &v, 60, 200, false);
	shows("PASS no agent: seen to join; no key, no certificate, no receipt");
	day_key(d, KEYS_ENTER);
	draw(d, &v, 24, 80, false);
	shows("DEVICE 02:00:5e:10:3f:9b");
	shows("none of ours: seen to join; no key, no certificate, no receipt");
	/* One of ours says nothing of the kind. */
	desk_select(d->desk, d->mirror, 1);
	d->desk->device = 1;
	draw(d, &v, 24, 80, false);
	shows("DEVICE AC10001312");
	hides("none of ours");
	view_free(&v);
}

static void a_security_failure_is_a_banner_on_every_screen(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };

	draw(d, &v, 24, 80, false);
	hides("SECURITY");
	state_line(d->mirror, STATE_BANNER);
	for (unsigned s = 0; s < SCREENS; s++) {
		d->desk->screen = (enum screen_kind)s;
		draw(d, &v, 24, 80, s & 1);
		shows("SECURITY duplicate-key AC10001309");
		shows("DO: put it in the red bin");
		shows("a: acknowledge");
		shows("SIMULATED");
	}
	view_free(&v);
}

static void every_screen_keeps_its_frame_in_every_size(void **state)
{
	static const char *const titles[SCREENS] = {
		"SERIAL", "NACK", "AC10001312", "UNHEARD", "CAUSE", "LOG", "SIGNS"
	};
	struct day *d = *state;
	struct view v = { 0 };

	d->desk->device = 1;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (unsigned s = 0; s < SCREENS; s++) {
			d->desk->screen = (enum screen_kind)s;
			draw(d, &v, sizes[i].rows, sizes[i].cols, false);
			shows(titles[s]);
			shows("scan>");
			shows("Quit");
			shows("lot 2611-A07");
		}
	view_free(&v);
}

static void an_ascii_screen_is_ascii(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };

	state_line(d->mirror, STATE_BANNER);
	for (unsigned s = 0; s < SCREENS; s++) {
		d->desk->screen = (enum screen_kind)s;
		draw(d, &v, 40, 120, true);
		for (const char *c = screen; *c; c++)
			assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	}
	view_free(&v);
}

static void a_small_terminal_is_told_so_and_still_alarms(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };

	state_line(d->mirror, STATE_BANNER);
	draw(d, &v, 23, 80, false);
	shows("80x23 is too small: 80x24 are needed");
	shows("put it in the red bin");
	shows("SIMULATED");
	for (unsigned rows = 0; rows < 26; rows++)
		for (unsigned cols = 0; cols < 84; cols++)
			draw(d, &v, rows, cols, cols & 1);
	view_free(&v);
}

static void a_lost_station_is_said_and_what_stands_there_is_not_called_live(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };

	mirror_disconnected(d->mirror);
	desk_lost(d->desk, "no station answers at /run/millrace/control.sock; trying again in 2.0 s", false);
	draw(d, &v, 24, 80, false);
	shows("NOT LIVE: no station answers");
	shows("not connected");
	shows("AC10001312");
	shows("SIMULATED");
	view_free(&v);
}

static unsigned cells_of(const struct view *v, enum meaning meaning)
{
	unsigned count = 0;

	for (unsigned i = 0; i < v->base.rows * v->base.cols; i++)
		count += v->base.cells[i].meaning == meaning;
	return count;
}

/* A station that hangs keeps its connection: its last words would look green for good. */
static void a_station_that_says_nothing_is_not_live_and_nothing_is_green(void **state)
{
	static const enum meaning green[] = { MEANS_GOOD, MEANS_PASS, MEANS_RUNNING };
	struct day *d = *state;
	struct view v = { 0 };

	day_wait(d, DESK_SILENT_US - 1);
	draw(d, &v, 40, 120, false);
	hides("NOT LIVE");
	for (size_t i = 0; i < sizeof(green) / sizeof(green[0]); i++)
		assert_true(cells_of(&v, green[i]) > 0);
	day_wait(d, 1);
	draw(d, &v, 40, 120, false);
	shows("NOT LIVE: nothing heard for 3 s");
	shows("AC10001312");
	for (size_t i = 0; i < sizeof(green) / sizeof(green[0]); i++)
		assert_int_equal(cells_of(&v, green[i]), 0);
	assert_true(cells_of(&v, MEANS_BAD) > 0);
	day_wait(d, 4000000);
	draw(d, &v, 24, 80, false);
	shows("NOT LIVE: nothing heard for 7 s");
	/* Any line will do. */
	desk_heard(d->desk, d->now_us);
	draw(d, &v, 40, 120, false);
	hides("NOT LIVE");
	assert_true(cells_of(&v, MEANS_RUNNING) > 0);
	view_free(&v);
}

static void a_run_that_is_over_is_no_alarm(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };
	unsigned row = 0;
	char text[400];

	desk_lost(d->desk, "the run is over: q shows its summary", true);
	draw(d, &v, 24, 80, false);
	shows("the run is over: q shows its summary");
	hides("NOT LIVE");
	do
		canvas_row_text(&v.base, row++, text, sizeof(text));
	while (!strstr(text, "the run is over"));
	for (unsigned col = 0; col < 80; col++)
		assert_int_equal(canvas_at(&v.base, row - 1, col)->meaning, MEANS_HEAD);
	assert_true(cells_of(&v, MEANS_PASS) > 0);
	view_free(&v);
}

static void hostile_texts_stay_in_their_cells(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };

	state_line(d->mirror, STATE "\"now_us\":62000000,\"header\":{\"run\":{\"state\":\"paused\",\"by\":\"\\u001b]0;"
				    "x\\u0007\",\"reason\":\"\\u202eabc\"},"
				    "\"lot\":\"\\u001b[2J\\n\\r\",\"product\":\""
				    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
				    "\"},"
				    "\"units\":[{\"unit\":1,\"serial\":\"\\u001b[31mX\",\"state\":\"failed\",\"cause\":"
				    "\"\\u009b2J\",\"remedy\":\"e\\u0301\\u0301\\u0301\\u0301\\u0301\"}],"
				    "\"log\":[{\"n\":9,\"text\":\"\\u4e2d\\u6587\\b\\b\"}]}");
	for (unsigned s = 0; s < SCREENS; s++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			d->desk->screen = (enum screen_kind)s;
			d->desk->device = 1;
			draw(d, &v, sizes[i].rows, sizes[i].cols, false);
			for (const char *c = screen; *c; c++)
				assert_true(*c == '\n' || (unsigned char)*c >= ' ');
			hides("\302\233");
			hides("\342\200\256");
		}
	view_free(&v);
}

static void a_pin_on_a_scanned_label_is_nowhere(void **state)
{
	const char *label = "AC10001310 87654325";
	struct day *d = *state;
	struct view v = { 0 };

	for (int asked = 0; asked < 2; asked++) {
		if (asked)
			day_key(d, KEYS_F5);
		for (const char *c = label; *c; c++) {
			desk_key(d->desk, d->mirror, (uint32_t)*c, 0, d->now_us += 1000, &d->out);
			draw(d, &v, 24, 80, false);
			hides("876543");
		}
		desk_key(d->desk, d->mirror, KEYS_ENTER, 0, d->now_us += 1000, &d->out);
		draw(d, &v, 24, 80, false);
		hides("876543");
		d->now_us += 1000000;
		desk_expire(d->desk, d->mirror, d->now_us, &d->out);
		draw(d, &v, 24, 80, false);
		hides("876543");
	}
	view_free(&v);
}

static void a_click_is_the_key_or_the_row_that_stands_there(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };
	uint64_t arg;
	bool found = false;

	draw(d, &v, 24, 80, false);
	assert_int_equal(view_click(&v, 23, 1, &arg), KEYS_F1);
	assert_int_equal(view_click(&v, 0, 2, &arg), KEYS_SCREEN);
	assert_int_equal(arg, SCREEN_LINE);
	for (unsigned row = 5; row < 22; row++)
		found |= view_click(&v, row, 20, &arg) == KEYS_ROW && arg == 4;
	assert_true(found);
	/* Under a question nothing else is clicked. */
	day_key(d, KEYS_F5);
	draw(d, &v, 24, 80, false);
	assert_int_equal(view_click(&v, 23, 1, &arg), KEYS_NONE);
	view_free(&v);
}

static void questions_say_what_is_meant(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };

	desk_select(d->desk, d->mirror, 5);
	day_key(d, KEYS_F8);
	draw(d, &v, 24, 80, false);
	shows("Put aside: AC10001308");
	shows("1  damaged");
	day_key(d, KEYS_ESCAPE);
	day_key(d, '!');
	day_type(d, "smoke\n");
	draw(d, &v, 24, 80, true);
	shows("ABORT: end now");
	shows("because: smoke");
	day_key(d, KEYS_ESCAPE);
	day_key(d, KEYS_F2);
	draw(d, &v, 24, 80, false);
	shows("What can be done");
	shows("needs lead");
	view_free(&v);
}

static void a_long_list_scrolls_with_its_cursor(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };
	char line[200];

	for (unsigned i = 100; i < 400; i++) {
		snprintf(line, sizeof(line),
			 STATE "\"now_us\":62000000,\"units\":[{\"unit\":%u,\"serial\":\"L%u\",\"state\":\"passed\","
			       "\"since_us\":%u}]}",
			 i, i, i);
		state_line(d->mirror, line);
	}
	day_key(d, KEYS_END);
	draw(d, &v, 24, 80, false);
	shows("AC10001311"); /* who waits stands last */
	hides("AC10001312");
	day_key(d, KEYS_PAGE_UP);
	day_key(d, KEYS_PAGE_UP);
	draw(d, &v, 24, 80, false);
	shows("L1");
	day_key(d, KEYS_HOME);
	draw(d, &v, 24, 80, false);
	shows("AC10001312");
	view_free(&v);
}

static void a_state_of_nothing_can_be_drawn(void **state)
{
	struct view v = { 0 };
	struct day d = { .mirror = mirror_create(), .desk = desk_create() };

	(void)state;
	for (unsigned s = 0; s < SCREENS; s++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			d.desk->screen = (enum screen_kind)s;
			draw(&d, &v, sizes[i].rows, sizes[i].cols, false);
			shows("waiting for the station");
		}
	view_free(&v);
	desk_destroy(d.desk);
	mirror_destroy(d.mirror);
}

static void a_thousand_alarms_and_sixty_radios_find_room(void **state)
{
	struct day *d = *state;
	struct view v = { 0 };
	char line[400];

	for (unsigned i = 0; i < 64; i++) {
		snprintf(
			line, sizeof(line),
			STATE
			"\"now_us\":1,\"radios\":[{\"radio\":\"radio%u\",\"state\":\"%s\",\"channel\":6}],\"channels\":"
			"[{\"channel\":%u,\"cells\":[{\"radio\":\"radio%u\",\"passed\":3,\"failed\":1,\"rssi\":-50}]}]"
			"}",
			i, i == 60 ? "lost" : "here", i, i);
		state_line(d->mirror, line);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		draw(d, &v, sizes[i].rows, sizes[i].cols, false);
		shows("radio60 LOST"); /* whatever is left out, it is not this */
		if (i < 2)
			shows("more: F7");
		shows("SERIAL");
	}
	view_free(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_line_screen_has_what_an_operator_needs, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_printer_is_in_the_header_when_there_is_one, day_begin, day_end),
		cmocka_unit_test_setup_teardown(what_to_do_with_the_chosen_device_is_said_on_the_smallest_screen,
						day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_foreign_device_is_named_by_its_address_and_says_what_was_not_proven,
						day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_security_failure_is_a_banner_on_every_screen, day_begin, day_end),
		cmocka_unit_test_setup_teardown(every_screen_keeps_its_frame_in_every_size, day_begin, day_end),
		cmocka_unit_test_setup_teardown(an_ascii_screen_is_ascii, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_small_terminal_is_told_so_and_still_alarms, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_lost_station_is_said_and_what_stands_there_is_not_called_live,
						day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_station_that_says_nothing_is_not_live_and_nothing_is_green, day_begin,
						day_end),
		cmocka_unit_test_setup_teardown(a_run_that_is_over_is_no_alarm, day_begin, day_end),
		cmocka_unit_test_setup_teardown(hostile_texts_stay_in_their_cells, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_pin_on_a_scanned_label_is_nowhere, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_click_is_the_key_or_the_row_that_stands_there, day_begin, day_end),
		cmocka_unit_test_setup_teardown(questions_say_what_is_meant, day_begin, day_end),
		cmocka_unit_test_setup_teardown(a_long_list_scrolls_with_its_cursor, day_begin, day_end),
		cmocka_unit_test(a_state_of_nothing_can_be_drawn),
		cmocka_unit_test_setup_teardown(a_thousand_alarms_and_sixty_radios_find_room, day_begin, day_end),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
