/* Devices, channels and radios as a map: who waits where, and what passed and failed on which radio. */
#include <stdio.h>
#include <string.h>

#include "station/dashboard/view.h"

#define CELL_WIDTH 12u
#define CELLS_FROM 42u

/* How much of it failed: sign and colour say the same. */
static unsigned heat(const struct channel_cell *c)
{
	int64_t all = c->passed + c->failed;

	if (c->failed == 0 || all == 0)
		return 0;
	return c->failed * 20 <= all ? 1 : c->failed * 5 <= all ? 2 : 3;
}

static void cell(const struct view_in *in, unsigned row, unsigned col, const struct channel_cell *c)
{
	unsigned level = heat(c);
	enum meaning meaning = (enum meaning)(MEANS_HEAT_0 + level);
	char rssi[16], text[64];

	view_rssi(c->rssi, rssi, sizeof(rssi));
	snprintf(text, sizeof(text), "%lld/%lld %s", (long long)c->passed, (long long)c->failed, rssi);
	canvas_sign(in->on, row, col, meaning, (enum symbol)(SIGN_HEAT_0 + level));
	canvas_put(in->on, row, col + 1, CELL_WIDTH - 2, meaning, text);
}

static const struct channel_cell *cell_of(const struct channel_row *c, const char *radio)
{
	for (unsigned i = 0; i < c->cell_count; i++)
		if (strcmp(c->cells[i].radio, radio) == 0)
			return &c->cells[i];
	return NULL;
}

static void channel(const struct view_in *in, unsigned row, const struct channel_row *c)
{
	const struct mirror *m = in->shown;
	unsigned at = CELLS_FROM;

	canvas_printf(in->on, row, 0, 4, view_band(c->channel), "%3d", (int)c->channel);
	canvas_printf(in->on, row, 4, 5, MEANS_QUIET, "%4d", (int)c->freq_mhz);
	canvas_put(in->on, row, 10, 10, *c->radio ? MEANS_PLAIN : MEANS_WARN, *c->radio ? c->radio : "nobody");
	canvas_printf(in->on, row, 20, 6, MEANS_PLAIN, "%5d", (int)c->sessions);
	canvas_printf(in->on, row, 26, 6, c->waiting ? MEANS_WARN : MEANS_PLAIN, "%5d", (int)c->waiting);
	canvas_printf(in->on, row, 32, 7, MEANS_PLAIN, "%6d", (int)c->unheard);
	for (unsigned i = in->desk->left; i < m->radio_count && at + CELL_WIDTH <= in->cols + 1;
	     i++, at += CELL_WIDTH) {
		const struct channel_cell *found = cell_of(c, m->radios[i].radio);

		if (found)
			cell(in, row, at, found);
	}
}

void view_channels(const struct view_in *in)
{
	const struct mirror *m = in->shown;
	struct spot *p = &in->desk->places[SCREEN_CHANNELS];
	unsigned rows = in->to > in->from + 3 ? in->to - in->from - 3 : 0, top = view_scroll(p, m->channel_count, rows);
	unsigned at = CELLS_FROM, shown = 0;

	if (in->desk->left >= m->radio_count)
		in->desk->left = 0;
	in->desk->page = rows;
	view_heading(in, in->from, " CH  MHz  RADIO     IN HAND  WAIT UNHEARD");
	for (unsigned i = in->desk->left; i < m->radio_count && at + CELL_WIDTH <= in->cols + 1;
	     i++, at += CELL_WIDTH, shown++)
		canvas_put(in->on, in->from, at + 1, CELL_WIDTH - 2, MEANS_HEAD, m->radios[i].radio);
	for (unsigned i = 0; i < rows && top + i < m->channel_count; i++) {
		channel(in, in->from + 1 + i, &m->channels[top + i]);
		view_row_cursor(in, in->from + 1 + i, top + i == p->cursor, top + i);
	}
	canvas_printf(in->on, in->to - 2, 0, in->cols, MEANS_QUIET, "radios %u to %u of %u, < and > for the others",
		      in->desk->left + 1, in->desk->left + shown, m->radio_count);
	at = canvas_put(in->on, in->to - 1, 0, in->cols, MEANS_QUIET, "passed/failed RSSI; failed: ");
	for (unsigned i = 0; i < 4; i++) {
		static const char *const words[] = { "none", "to 5 %", "to 20 %", "more" };

		at = canvas_sign(in->on, in->to - 1, at, (enum meaning)(MEANS_HEAT_0 + i),
				 (enum symbol)(SIGN_HEAT_0 + i));
		at = canvas_printf(in->on, in->to - 1, at, in->cols, (enum meaning)(MEANS_HEAT_0 + i), " %s",
				   words[i]) +
		     2;
	}
}
