/*
 * Builds a screen from what is known and what the person does with it. Pure: it writes on canvases, draw.c shows them.
 * `over` is what stands on top (a question, the menu), 0 rows when there is nothing; `over_row`, `over_col` its place.
 */
#pragma once

#include "station/dashboard/canvas.h"
#include "station/dashboard/desk.h"

#define VIEW_ROWS_MIN 24u
#define VIEW_COLS_MIN 80u

/* zero it to begin; layout is ours */
struct view {
	struct canvas base, over;
	unsigned over_row, over_col;
};

/* Sizes of the terminal in cells. Below 80x24 it says so and shows the alarm, nothing else. False: no memory. */
bool view_build(struct view *view, struct desk *desk, const struct mirror *mirror, unsigned rows, unsigned cols,
		bool ascii);
void view_free(struct view *view);
/* What was clicked, as a key and its argument; KEYS_NONE: nothing. */
uint32_t view_click(const struct view *view, unsigned row, unsigned col, uint64_t *arg);

/* --- the screens: they fill the rows `from` to `to` (not included) --- */

struct view_in {
	struct canvas *on;
	struct desk *desk;
	const struct mirror *live, *shown; /* shown: frozen, or live */
	unsigned from, to, cols;
};

void view_line(const struct view_in *in);
void view_radios(const struct view_in *in);
void view_device(const struct view_in *in);
void view_channels(const struct view_in *in);
void view_failures(const struct view_in *in);
void view_log(const struct view_in *in);
void view_help(const struct view_in *in);
/* Up to `rows` newest lines of the log, without a title. */
void view_log_tail(const struct view_in *in, unsigned from, unsigned rows);
void view_over(struct view *view, const struct desk *desk, const struct mirror *mirror, unsigned rows, unsigned cols);
/* Where the list begins so that the cursor is among `rows`; keeps the place's top near where it was. */
unsigned view_scroll(struct spot *place, unsigned count, unsigned rows);
/* A title over the whole width. */
void view_heading(const struct view_in *in, unsigned row, const char *text);
void view_row_cursor(const struct view_in *in, unsigned row, bool here, uint64_t arg);
void view_rssi(int64_t rssi, char *out, size_t cap);
enum meaning view_band(int64_t channel);
