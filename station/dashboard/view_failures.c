/* What failed: by side, step and cause, the most frequent first; below, the devices of the row under the cursor. */
#include <stdio.h>
#include <string.h>

#include "station/dashboard/view.h"

static void row_of(const struct view_in *in, unsigned row, const struct pareto_row *p)
{
	canvas_printf(in->on, row, 0, 9, MEANS_TITLE, "%8lld", (long long)p->attempts);
	canvas_printf(in->on, row, 9, 6, MEANS_PLAIN, "%5lld", (long long)p->units);
	canvas_bar(in->on, row, 16, 10, MEANS_FAIL, p->share);
	canvas_printf(in->on, row, 27, 5, MEANS_PLAIN, "%3.0f%%", p->share * 100);
	canvas_printf(in->on, row, 32, 5, MEANS_PLAIN, "%3.0f%%", p->cumulative * 100);
	canvas_put(in->on, row, 38, 8, strcmp(p->side, "security") == 0 ? MEANS_BAD : MEANS_PLAIN, p->side);
	canvas_put(in->on, row, 47, 12, MEANS_PLAIN, p->step);
	canvas_printf(in->on, row, 60, in->cols - 60, MEANS_PLAIN, "%s%s%s", p->cause, in->cols >= 110 ? ": " : "",
		      in->cols >= 110 ? p->sentence : "");
}

/* Devices whose last attempt ended so. */
static void devices(const struct view_in *in, unsigned from, const struct pareto_row *p)
{
	unsigned row = from + 1;
	char text[600];

	snprintf(text, sizeof(text), "%s at %s: %s   Enter: these devices", p->cause, p->step, p->sentence);
	view_heading(in, from, text);
	for (size_t i = 0; i < in->shown->unit_count && row < in->to; i++) {
		const struct unit_row *u = &in->shown->units[i];

		if (u->cause != p->cause) /* atoms */
			continue;
		canvas_sign(in->on, row, 1, unit_meaning(u), unit_sign(u));
		canvas_put_tail(in->on, row, 3, 16, MEANS_PLAIN, *u->serial ? u->serial : u->mac);
		canvas_printf(in->on, row, 20, 16, MEANS_PLAIN, "%s/%u", u->radio, u->channel);
		canvas_printf(in->on, row, 36, 8, MEANS_PLAIN, "try %u", u->attempt);
		canvas_printf(in->on, row, 44, in->cols - 44, unit_meaning(u), "%s %s", unit_result(u),
			      u->state == UNIT_IS_PASSED ? "" : u->remedy);
		row++;
	}
	if (row == from + 1)
		canvas_put(in->on, row, 3, in->cols, MEANS_QUIET,
			   "none at the moment: they have passed since, or are being tried again");
}

void view_failures(const struct view_in *in)
{
	struct spot *p = &in->desk->places[SCREEN_FAILURES];
	unsigned all = in->to > in->from ? in->to - in->from : 0, rows = all / 2 > 2 ? all / 2 - 1 : 1;
	unsigned top = view_scroll(p, in->shown->pareto_count, rows);
	char head[100];

	in->desk->page = rows;
	snprintf(head, sizeof(head), "%8s %5s  %-10s %4s %4s  %-8s %-12s %s", "ATTEMPTS", "UNITS", "", "PART", "SUM",
		 "SIDE", "STEP", "CAUSE");
	view_heading(in, in->from, head);
	for (unsigned i = 0; i < rows && top + i < in->shown->pareto_count; i++) {
		row_of(in, in->from + 1 + i, &in->shown->pareto[top + i]);
		view_row_cursor(in, in->from + 1 + i, top + i == p->cursor, top + i);
	}
	if (p->cursor < in->shown->pareto_count)
		devices(in, in->from + rows + 1, &in->shown->pareto[p->cursor]);
	else
		canvas_put(in->on, in->from + 1, 1, in->cols, MEANS_GOOD, "no failures");
}
