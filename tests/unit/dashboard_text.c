/*
 * Text and canvas of the dashboard: hostile texts become characters, widths hold, nothing is written outside.
 *
 * links: station/dashboard/text.c station/dashboard/canvas.c station/dashboard/palette.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/dashboard/canvas.h"

static const char *read_all(const char *s, bool ascii)
{
	static char out[4096];
	struct text t = text_over(s, ascii);
	struct glyph g;

	out[0] = '\0';
	while (text_next(&t, &g) && strlen(out) + sizeof(g.text) < sizeof(out))
		strcat(out, g.text);
	return out;
}

static void what_a_terminal_would_obey_is_written_out(void **state)
{
	(void)state;
	assert_string_equal(read_all("a\033[2Jb", false), "a\\x1b[2Jb");
	assert_string_equal(read_all("a\rb\nc\td\177", false), "a\\x0db\\x0ac\\x09d\\x7f");
	assert_string_equal(read_all("\302\233"
				     "31m",
				     false),
			    "\\x9b31m"); /* CSI of eight bits */
	assert_string_equal(read_all("\342\200\256"
				     "evil",
				     false),
			    "\\u202eevil");
	assert_string_equal(read_all("a\342\200\213"
				     "b",
				     false),
			    "a\\u200bb"); /* no width, but another serial number */
	assert_string_equal(read_all("\357\273\277", false), "\\ufeff");
	assert_string_equal(read_all("\363\240\200\201", false), "\\U0e0001");
}

static void octets_that_are_no_utf8_are_shown_as_octets(void **state)
{
	(void)state;
	assert_string_equal(read_all("\377\376x", false), "\\xff\\xfex");
	assert_string_equal(read_all("\300\257", false), "\\xc0\\xaf");		 /* overlong / */
	assert_string_equal(read_all("\355\240\200", false), "\\xed\\xa0\\x80"); /* a surrogate */
	assert_string_equal(read_all("\364\220\200\200", false), "\\xf4\\x90\\x80\\x80");
	assert_string_equal(read_all("\342\202", false), "\\xe2\\x82"); /* cut short */
	assert_string_equal(read_all(NULL, false), "");
}

static void every_truncation_of_a_character_is_harmless(void **state)
{
	const char *all = "e\314\201\344\270\255\360\237\230\200";
	char cut[32];

	(void)state;
	for (size_t len = 0; len <= strlen(all); len++) {
		memcpy(cut, all, len);
		cut[len] = '\0';
		assert_true(text_width(cut, false) <= 3 + 4 * 4);
		assert_true(text_width(cut, true) <= 3 + 4 * 4);
	}
}

static void wide_characters_take_two_cells_and_marks_none(void **state)
{
	(void)state;
	assert_int_equal(text_width("abc", false), 3);
	assert_int_equal(text_width("\344\270\255\346\226\207", false), 4);
	assert_int_equal(text_width("e\314\201", false), 1);
	assert_string_equal(read_all("e\314\201", false), "e\314\201");
	/* A tower of marks is cut to two. */
	assert_string_equal(read_all("e\314\201\314\202\314\203\314\204", false), "e\314\201\314\202");
	/* A mark without a character is no character. */
	assert_string_equal(read_all("\314\201", false), "\\u0301");
}

static void an_ascii_terminal_gets_ascii(void **state)
{
	(void)state;
	assert_string_equal(read_all("M\303\274ller", true), "M?ller");
	assert_string_equal(read_all("\344\270\255", true), "?");
	assert_int_equal(text_width("\344\270\255", true), 1);
	for (unsigned i = 0; i < SIGNS; i++) {
		assert_int_equal(strlen(palette_sign((enum symbol)i, true)), 1);
		assert_int_equal(text_width(palette_sign((enum symbol)i, false), false), 1);
	}
}

static void a_copy_ends_at_a_whole_character(void **state)
{
	char out[4];

	(void)state;
	text_copy(out, sizeof(out), "ab\303\274");
	assert_string_equal(out, "ab");
	text_copy(out, sizeof(out), "a\303\274");
	assert_string_equal(out, "a\303\274");
	text_chop(out);
	assert_string_equal(out, "a");
	text_chop(out);
	text_chop(out);
	assert_string_equal(out, "");
}

static void encoding_and_decoding_agree_on_every_character(void **state)
{
	char octets[5];
	uint32_t back;

	(void)state;
	for (uint32_t c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 17) {
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		int len = (int)text_encode(c, octets);

		assert_int_equal(text_decode(octets, &back), len);
		assert_int_equal(back, c);
	}
}

static void what_is_too_long_ends_with_the_sign_for_more(void **state)
{
	struct canvas c = { 0 };
	char row[200];

	(void)state;
	assert_true(canvas_begin(&c, 2, 20, false));
	assert_int_equal(canvas_put(&c, 0, 0, 8, MEANS_PLAIN, "AC10000131"), 8);
	canvas_row_text(&c, 0, row, sizeof(row));
	assert_string_equal(row, "AC10000\342\200\246");
	canvas_put_tail(&c, 1, 0, 8, MEANS_PLAIN, "AC10000131");
	canvas_row_text(&c, 1, row, sizeof(row));
	assert_string_equal(row, "\342\200\246"
				 "0000131");
	canvas_free(&c);
}

static void a_wide_character_is_never_cut(void **state)
{
	struct canvas c = { 0 };
	char row[200];

	(void)state;
	assert_true(canvas_begin(&c, 1, 3, false));
	canvas_put(&c, 0, 0, 3, MEANS_PLAIN, "\344\270\255\346\226\207");
	canvas_row_text(&c, 0, row, sizeof(row));
	assert_string_equal(row, "\344\270\255\342\200\246");
	/* Writing over its right half blanks its left one. */
	canvas_put(&c, 0, 1, 1, MEANS_PLAIN, "x");
	canvas_row_text(&c, 0, row, sizeof(row));
	assert_string_equal(row, " x\342\200\246");
	/* And over its left half the right one. */
	canvas_put(&c, 0, 0, 2, MEANS_PLAIN, "\344\270\255");
	canvas_put(&c, 0, 0, 1, MEANS_PLAIN, "y");
	canvas_row_text(&c, 0, row, sizeof(row));
	assert_string_equal(row, "y \342\200\246");
	canvas_free(&c);
}

static void nothing_is_written_outside(void **state)
{
	struct canvas c = { 0 };

	(void)state;
	assert_true(canvas_begin(&c, 3, 5, false));
	canvas_put(&c, 3, 0, 5, MEANS_PLAIN, "below");
	canvas_put(&c, 0, 5, 5, MEANS_PLAIN, "right");
	canvas_put(&c, 0, 3, 1000000, MEANS_PLAIN, "longer than that");
	canvas_fill(&c, 2, 4, UINT32_MAX, MEANS_PLAIN, "#");
	canvas_bar(&c, 1, 0, 40, MEANS_PASS, 0.5);
	canvas_bar(&c, 1, 0, 4, MEANS_PASS, __builtin_nan(""));
	canvas_mark(&c, 9, 9, 9, CELL_CURSOR);
	canvas_box(&c, 1, 1, 40, 40, MEANS_PLAIN, "too large");
	canvas_put_right(&c, 0, 0, 5, MEANS_PLAIN, "0123456789");
	assert_null(canvas_hit_at(&c, 0, 0));
	canvas_free(&c);
	/* Sizes of a hostile terminal. */
	assert_true(canvas_begin(&c, UINT32_MAX, UINT32_MAX, false));
	assert_int_equal(c.rows, CANVAS_SIDE_MAX);
	assert_true(canvas_begin(&c, 0, 0, false));
	canvas_put(&c, 0, 0, 5, MEANS_PLAIN, "x");
	canvas_free(&c);
}

static void a_bar_is_full_only_when_all_is_done(void **state)
{
	struct canvas c = { 0 };
	char row[64];

	(void)state;
	assert_true(canvas_begin(&c, 1, 10, true));
	canvas_bar(&c, 0, 0, 10, MEANS_PASS, 0.999);
	canvas_row_text(&c, 0, row, sizeof(row));
	assert_string_equal(row, "#########-");
	canvas_bar(&c, 0, 0, 10, MEANS_PASS, 1);
	canvas_row_text(&c, 0, row, sizeof(row));
	assert_string_equal(row, "##########");
	canvas_free(&c);
}

static void the_place_made_last_is_clicked(void **state)
{
	struct canvas c = { 0 };

	(void)state;
	assert_true(canvas_begin(&c, 5, 50, true));
	canvas_hit(&c, 1, 0, 50, 1, 10);
	canvas_hit(&c, 1, 10, 5, 2, 20);
	assert_int_equal(canvas_hit_at(&c, 1, 9)->key, 1);
	assert_int_equal(canvas_hit_at(&c, 1, 14)->key, 2);
	assert_int_equal(canvas_hit_at(&c, 1, 15)->key, 1);
	assert_null(canvas_hit_at(&c, 2, 0));
	for (unsigned i = 0; i < 10 * CANVAS_HITS_MAX; i++)
		canvas_hit(&c, 0, 0, 1, 3, i);
	assert_int_equal(c.hit_count, CANVAS_HITS_MAX);
	canvas_free(&c);
}

static void every_meaning_is_told_without_colour(void **state)
{
	(void)state;
	/* What must not be missed is loud in monochrome too. */
	assert_true(palette_paint(PALETTE_MONO, MEANS_ALARM)->how & PAINT_REVERSE);
	assert_true(palette_paint(PALETTE_MONO, MEANS_ASIDE)->how & PAINT_REVERSE);
	assert_true(palette_paint(PALETTE_MONO, MEANS_SIMULATED)->how & PAINT_REVERSE);
	for (unsigned i = 0; i < MEANINGS; i++) {
		assert_int_equal(palette_paint(PALETTE_MONO, (enum meaning)i)->fg, -1);
		assert_int_equal(palette_paint(PALETTE_MONO, (enum meaning)i)->bg, -1);
		/* Red and green never stand for something in the palette for those who do not tell them apart. */
		assert_int_not_equal(palette_paint(PALETTE_COLOUR_BLIND, (enum meaning)i)->fg, 1);
		assert_int_not_equal(palette_paint(PALETTE_COLOUR_BLIND, (enum meaning)i)->fg, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_terminal_would_obey_is_written_out),
		cmocka_unit_test(octets_that_are_no_utf8_are_shown_as_octets),
		cmocka_unit_test(every_truncation_of_a_character_is_harmless),
		cmocka_unit_test(wide_characters_take_two_cells_and_marks_none),
		cmocka_unit_test(an_ascii_terminal_gets_ascii),
		cmocka_unit_test(a_copy_ends_at_a_whole_character),
		cmocka_unit_test(encoding_and_decoding_agree_on_every_character),
		cmocka_unit_test(what_is_too_long_ends_with_the_sign_for_more),
		cmocka_unit_test(a_wide_character_is_never_cut),
		cmocka_unit_test(nothing_is_written_outside),
		cmocka_unit_test(a_bar_is_full_only_when_all_is_done),
		cmocka_unit_test(the_place_made_last_is_clicked),
		cmocka_unit_test(every_meaning_is_told_without_colour),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
