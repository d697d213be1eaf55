/* Questions and the menu, on top of the screen. */
#include <stdio.h>
#include <string.h>

#include "station/dashboard/text.h"
#include "station/dashboard/view.h"

static bool open_box(struct view *v, unsigned rows, unsigned cols, unsigned height, unsigned width, const char *title,
		     enum meaning meaning)
{
	width = width > cols - 4 ? cols - 4 : width;
	height = height > rows - 4 ? rows - 4 : height;
	if (!canvas_begin(&v->over, height, width, v->base.ascii))
		return false;
	v->over_row = (rows - height) / 3;
	v->over_col = (cols - width) / 2;
	canvas_box(&v->over, 0, 0, height, width, meaning, title);
	return true;
}

/* What was typed, and what is being typed, which may turn out to be a scan, of a label with a PIN on it. */
static void typed(struct view *v, unsigned row, const struct desk *d)
{
	char text[300], waits[100];
	unsigned at, width = v->over.cols - 4;

	if (d->scanner.run >= 3)
		scan_shown(d->scanner.text, waits, sizeof(waits));
	else
		text_copy(waits, sizeof(waits), d->scanner.text);
	snprintf(text, sizeof(text), "%s%s", d->ask.text, waits);
	canvas_fill(&v->over, row, 2, width, MEANS_HEAD, " ");
	at = canvas_put_tail(&v->over, row, 2, width - 1, MEANS_HEAD, text);
	v->over.caret_row = (int)row;
	v->over.caret_col = (int)at;
}

static void title_of(const struct desk *d, const struct mirror *m, char *out, size_t cap)
{
	static const struct {
		enum act act;
		const char *text;
	} titles[] = {
		{ ACT_PAUSE, "Pause the line" },
		{ ACT_BACK, "Resume the line" },
		{ ACT_STOP, "STOP: finish those in hand, then end" },
		{ ACT_ABORT, "ABORT: end now" },
		{ ACT_RETRY, "Try again" },
		{ ACT_QUARANTINE, "Put aside" },
		{ ACT_RELEASE, "Release" },
	};
	const struct unit_row *u = d->ask.unit_count > 0 ? mirror_unit(m, d->ask.units[0]) : NULL;
	const char *text = "";

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		if (titles[i].act == d->ask.act)
			text = titles[i].text;
	if (d->ask.unit_count > 1)
		snprintf(out, cap, "%s: %zu tagged devices", text, d->ask.unit_count);
	else if (u)
		snprintf(out, cap, "%s: %s", text, *u->serial ? u->serial : u->mac);
	else
		snprintf(out, cap, "%s", text);
}

static void reason(struct view *v, const struct desk *d, const struct mirror *m, unsigned rows, unsigned cols)
{
	const char *const *reasons = ask_reasons(d->ask.act);
	unsigned count = 0;
	char title[160];

	while (reasons[count])
		count++;
	title_of(d, m, title, sizeof(title));
	if (!open_box(v, rows, cols, count + 6, 64, title, MEANS_PAUSED))
		return;
	canvas_put(&v->over, 1, 2, 60, MEANS_PLAIN, "Why? A number, or your own words. It goes on record.");
	for (unsigned i = 0; i < count; i++)
		canvas_printf(&v->over, 2 + i, 4, 56, MEANS_PLAIN, "%u  %s", i + 1, reasons[i]);
	typed(v, count + 3, d);
	canvas_put(&v->over, count + 4, 2, 60, MEANS_QUIET, "Enter: go on   Esc: leave it");
}

static void sure(struct view *v, const struct desk *d, const struct mirror *m, unsigned rows, unsigned cols)
{
	char title[160];

	title_of(d, m, title, sizeof(title));
	if (!open_box(v, rows, cols, 5, 64, title, MEANS_ALARM))
		return;
	canvas_printf(&v->over, 1, 2, 60, MEANS_PLAIN, "because: %s", d->ask.reason);
	canvas_put(&v->over, 2, 2, 60, MEANS_TITLE,
		   d->ask.act == ACT_QUARANTINE ? "Are all of them meant?" : "This cannot be taken back. Is it meant?");
	canvas_put(&v->over, 3, 2, 60, MEANS_PLAIN, "y: yes, do it   any other key: no");
}

static void text(struct view *v, const struct desk *d, unsigned rows, unsigned cols)
{
	bool filter = d->ask.what == ASK_FILTER;

	if (!open_box(v, rows, cols, 5, 64, filter ? "Filter" : "Find", MEANS_HEAD))
		return;
	canvas_put(&v->over, 1, 2, 60, MEANS_PLAIN,
		   filter ? "Part of serial, MAC, state, step, cause, radio/channel; a|b: both"
			  : "Part of serial, MAC, state, step, cause; then n: the next one");
	typed(v, 2, d);
	canvas_put(&v->over, 3, 2, 60, MEANS_QUIET, "Enter: do it   Esc: leave it");
}

static void menu(struct view *v, const struct desk *d, const struct mirror *m, unsigned rows, unsigned cols)
{
	const struct key_row *list[ACTS];
	unsigned count = ask_menu_rows(d, list);

	if (!open_box(v, rows, cols, count + 2, 60, "What can be done", MEANS_HEAD))
		return;
	for (unsigned i = 0; i < count; i++) {
		bool may = m->role >= list[i]->role;

		canvas_put(&v->over, 1 + i, 2, 8, MEANS_TITLE, list[i]->names);
		canvas_printf(&v->over, 1 + i, 11, 47, may ? MEANS_PLAIN : MEANS_QUIET, "%s%s%s%s", list[i]->menu,
			      may ? "" : " (needs ", may ? "" : mirror_role_name(list[i]->role), may ? "" : ")");
		canvas_hit(&v->over, 1 + i, 1, v->over.cols - 2, KEYS_MENU_ROW, i);
		if (i == d->ask.menu_row)
			canvas_mark(&v->over, 1 + i, 1, v->over.cols - 2, CELL_CURSOR);
	}
}

void view_over(struct view *v, const struct desk *d, const struct mirror *m, unsigned rows, unsigned cols)
{
	switch (d->ask.what) {
	case ASK_REASON: reason(v, d, m, rows, cols); break;
	case ASK_SURE: sure(v, d, m, rows, cols); break;
	case ASK_FIND:
	case ASK_FILTER: text(v, d, rows, cols); break;
	case ASK_MENU: menu(v, d, m, rows, cols); break;
	case ASK_NOTHING: break;
	}
}
