/* What happened, the newest last. */
#include <stdio.h>
#include <stdlib.h>

#include "station/dashboard/view.h"

static void line(const struct view_in *in, unsigned row, const struct log_row *l)
{
	static const uint8_t meanings[] = { MEANS_PLAIN, MEANS_WARN, MEANS_FAIL };
	static const char *const words[] = { "    ", "warn", "ERR " };
	char at[32] = "";

	if (l->at_us != MIRROR_UNKNOWN)
		snprintf(at, sizeof(at), "%9.3f", (double)l->at_us / 1e6);
	canvas_put(in->on, row, 0, 10, MEANS_QUIET, at);
	canvas_put(in->on, row, 10, 4, (enum meaning)meanings[l->level], words[l->level]);
	canvas_put(in->on, row, 15, in->cols - 15, (enum meaning)meanings[l->level], l->text);
}

void view_log_tail(const struct view_in *in, unsigned from, unsigned rows)
{
	unsigned count = in->shown->log_count, first = count > rows ? count - rows : 0;

	for (unsigned i = first; i < count; i++)
		line(in, from + i - first, mirror_log(in->shown, i));
	for (unsigned i = 0; i < rows; i++)
		canvas_hit(in->on, from + i, 0, in->cols, 'g', 0);
}

void view_log(const struct view_in *in)
{
	struct spot *p = &in->desk->places[SCREEN_LOG];
	unsigned rows = in->to > in->from + 1 ? in->to - in->from - 1 : 0, count = 0, top, at_end;
	static const unsigned none = UINT32_MAX;
	unsigned shown[MIRROR_LOG_MAX];
	char text[240];

	for (unsigned i = 0; i < in->shown->log_count; i++)
		if (text_matches(mirror_log(in->shown, i)->text, in->desk->filter))
			shown[count++] = i;
	/* The cursor counts lines of the log, filtered or not; past the last one it stays at the end, as new ones come.
	 */
	at_end = p->cursor + 1 >= in->shown->log_count;
	if (at_end)
		top = count > rows ? count - rows : 0;
	else {
		struct spot among = { .top = p->top };

		for (unsigned i = 0; i < count && shown[i] <= p->cursor; i++)
			among.cursor = i;
		top = view_scroll(&among, count, rows);
		p->top = among.top;
	}
	in->desk->page = rows;
	snprintf(text, sizeof(text), "%9s      %s%s%s", "SECONDS", at_end ? "LOG" : "LOG (End: the newest)",
		 *in->desk->filter ? "  filter: " : "", in->desk->filter);
	view_heading(in, in->from, text);
	for (unsigned i = 0; i < rows && top + i < count; i++) {
		unsigned n = shown[top + i];

		line(in, in->from + 1 + i, mirror_log(in->shown, n));
		view_row_cursor(in, in->from + 1 + i, at_end ? top + i + 1 == count : n == p->cursor, n);
	}
	if (at_end && in->shown->log_count > 0)
		p->cursor = none;
}
