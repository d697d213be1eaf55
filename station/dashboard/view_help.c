/* Help: the keys of the table in keys.c, what signs and colours mean, what the scan line takes. */
#include <stdio.h>

#include "station/dashboard/view.h"

static const struct unit_row examples[] = {
	{ .state = UNIT_IS_SEEN, .cause = "", .wait = "" },
	{ .state = UNIT_IS_ACTIVE, .cause = "" },
	{ .state = UNIT_IS_PASSED, .cause = "" },
	{ .state = UNIT_IS_SEEN, .cause = "x" },
	{ .state = UNIT_IS_FAILED, .cause = "x" },
	{ .state = UNIT_IS_ASIDE, .cause = "x" },
	{ .state = UNIT_IS_HELD, .cause = "x" },
};

static const char *const meanings[] = {
	"it called; its turn comes, or it is to call again",
	"in hand",
	"passed, and on record",
	"it failed and is tried again by itself",
	"failed: the row says what to do",
	"put aside: quarantine; a lead releases it",
	"held: our own trouble, not the device's",
};

static unsigned signs(const struct view_in *in, unsigned row)
{
	for (unsigned i = 0; i < sizeof(examples) / sizeof(examples[0]) && row < in->to; i++, row++) {
		canvas_sign(in->on, row, 1, unit_meaning(&examples[i]), unit_sign(&examples[i]));
		canvas_put(in->on, row, 3, 8, unit_meaning(&examples[i]), unit_result(&examples[i]));
		canvas_put(in->on, row, 12, in->cols - 12, MEANS_PLAIN, meanings[i]);
	}
	return row;
}

static void key(const struct view_in *in, unsigned row, const struct key_row *k)
{
	canvas_put(in->on, row, 1, 12, MEANS_TITLE, k->names);
	canvas_put(in->on, row, 14, 9, MEANS_WARN, k->role == ROLE_OBSERVER ? "" : mirror_role_name(k->role));
	canvas_put(in->on, row, 23, in->cols - 23, MEANS_PLAIN, k->sentence);
}

void view_help(const struct view_in *in)
{
	size_t count;
	const struct key_row *table = keys_table(&count), *named[ACTS + 8];
	struct spot *p = &in->desk->places[SCREEN_HELP];
	unsigned row = in->from, n = 0, rows, first;

	for (size_t i = 0; i < count && n < ACTS + 8; i++)
		if (*table[i].names)
			named[n++] = &table[i];
	view_heading(in, row++, "SIGNS: the word, the sign and the colour say the same");
	row = signs(in, row);
	view_heading(in, row++,
		     "KEYS: a letter counts when nothing comes behind it; capitals and digits go to the scan line");
	rows = in->to > row ? in->to - row : 0;
	first = view_scroll(p, n, rows);
	in->desk->page = rows;
	for (unsigned i = 0; i < rows && first + i < n; i++) {
		key(in, row + i, named[first + i]);
		view_row_cursor(in, row + i, first + i == p->cursor, first + i);
	}
	if (first + rows < n)
		canvas_put_right(in->on, row - 1, in->cols - 14, 13, MEANS_HEAD, "Down: more");
}
