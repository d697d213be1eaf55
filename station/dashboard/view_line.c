/* The line: radios, all devices, what needs doing with the one under the cursor, what fails most, the last events. */
#include <stdio.h>
#include <string.h>

#include "station/dashboard/view.h"

#define RADIO_WIDE 40u
#define RADIO_NARROW 20u

/* rows */
struct layout {
	unsigned radios, table, chosen, pareto, log;
	unsigned radio_rows, table_rows, pareto_rows, log_rows;
};

static struct layout layout_of(const struct view_in *in)
{
	unsigned rows = in->to > in->from ? in->to - in->from : 0;
	struct layout l = { 0 };

	l.radio_rows = in->shown->radio_count == 0 ? 0 : 1;
	if (rows >= 28)
		l.radio_rows = (in->shown->radio_count + in->cols / RADIO_WIDE - 1) / (in->cols / RADIO_WIDE);
	if (l.radio_rows > rows / 6)
		l.radio_rows = rows / 6 > 0 ? rows / 6 : 1;
	l.pareto_rows = rows >= 48 ? 5 : rows >= 28 ? 3 : 1;
	l.log_rows = rows >= 48 ? 8 : rows >= 28 ? 4 : 1;
	l.radios = in->from;
	l.table = l.radios + l.radio_rows;
	l.log = in->to - l.log_rows;
	l.pareto = l.log - l.pareto_rows;
	l.chosen = l.pareto - 1;
	l.table_rows = l.chosen > l.table + 1 ? l.chosen - l.table - 1 : 0;
	return l;
}

static enum meaning radio_meaning(const struct radio_row *r)
{
	return strcmp(r->state, "lost") == 0 ? MEANS_BAD : strcmp(r->state, "untuned") == 0 ? MEANS_WARN : MEANS_PLAIN;
}

static void radio_text(const struct radio_row *r, bool wide, char *out, size_t cap)
{
	double ended = (double)(r->passed + r->failed);

	if (strcmp(r->state, "lost") == 0)
		snprintf(out, cap, "%s LOST", r->radio);
	else if (r->channel == 0 || strcmp(r->state, "untuned") == 0)
		snprintf(out, cap, "%s %s", r->radio, r->state);
	else if (!wide)
		snprintf(out, cap, "%s/%d %d in hand", r->radio, (int)r->channel, (int)r->sessions);
	else if (ended > 0)
		snprintf(out, cap, "%s ch %d  %d in hand  air %.0f%%  ok %.0f%%", r->radio, (int)r->channel,
			 (int)r->sessions, r->airtime * 100, 100.0 * (double)r->passed / ended);
	else
		snprintf(out, cap, "%s ch %d  %d in hand  air %.0f%%", r->radio, (int)r->channel, (int)r->sessions,
			 r->airtime * 100);
}

/* In columns; when there is no room for all, lost ones first, and how many are left out. */
static void radios(const struct view_in *in, const struct layout *l)
{
	bool wide = in->shown->radio_count <= l->radio_rows * (in->cols / RADIO_WIDE);
	unsigned width = wide ? RADIO_WIDE : RADIO_NARROW, per_row = in->cols / width, at = 0,
		 room = l->radio_rows * per_row;
	char text[160];

	for (int lost = 1; lost >= 0; lost--)
		for (unsigned i = 0; i < in->shown->radio_count && at < room; i++) {
			const struct radio_row *r = &in->shown->radios[i];
			unsigned col = at % per_row * width;

			if ((strcmp(r->state, "lost") == 0) != lost)
				continue;
			if (at + 1 == room && in->shown->radio_count > room) {
				snprintf(text, sizeof(text), "and %u more: F7", in->shown->radio_count - at);
				canvas_put(in->on, l->radios + at / per_row, col, width - 1, MEANS_QUIET, text);
				canvas_hit(in->on, l->radios + at / per_row, col, width - 1, KEYS_F7, 0);
				return;
			}
			radio_text(r, wide, text, sizeof(text));
			canvas_put(in->on, l->radios + at / per_row, col, width - 1, radio_meaning(r), text);
			canvas_hit(in->on, l->radios + at / per_row, col, width - 1, KEYS_F7, 0);
			at++;
		}
}

static unsigned width_of(const struct column_row *c, const struct view_in *in, unsigned at)
{
	unsigned width = in->cols >= 120 ? c->wide : c->narrow;

	return width ? width : in->cols > at ? in->cols - at : 0;
}

static bool column_shown(enum column i, const struct view_in *in)
{
	return *column_row(i)->title && in->cols >= column_row(i)->from_cols;
}

static void table_head(const struct view_in *in, unsigned row)
{
	unsigned at = 3;
	char text[200];

	view_heading(in, row, "");
	for (unsigned i = 0; i < COLUMNS; i++) {
		const struct column_row *c = column_row((enum column)i);
		unsigned width = width_of(c, in, at);

		if (!column_shown((enum column)i, in))
			continue;
		if (c->right)
			canvas_put_right(in->on, row, at, width, MEANS_HEAD, c->title);
		else
			canvas_put(in->on, row, at, width, MEANS_HEAD, c->title);
		if (in->desk->sort == (enum column)i) {
			canvas_mark(in->on, row, at, width, CELL_BOLD);
			/* Where no title ends, so that none loses a letter. */
			canvas_sign(in->on, row, at - 1, MEANS_HEAD, in->desk->turned ? SIGN_UP : SIGN_DOWN);
		}
		canvas_hit(in->on, row, at, width, KEYS_COLUMN, i);
		at += width + 1;
	}
	text[0] = '\0';
	if (in->desk->tags.count)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %zu tagged", in->desk->tags.count);
	if (*in->desk->filter)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " filter: %s (%zu of %zu)", in->desk->filter,
			 in->desk->order_count, in->shown->unit_count);
	if (in->desk->sort == COL_RECENT && !*text)
		snprintf(text, sizeof(text), "%s", in->desk->turned ? " oldest first" : "");
	if (*text)
		canvas_put_right(in->on, row, in->cols / 2, in->cols - in->cols / 2, MEANS_HEAD, text);
}

static void table_row(const struct view_in *in, unsigned row, const struct unit_row *u, bool here)
{
	bool wide = in->cols >= 120, tagged = desk_tagged(in->desk, u->unit);
	unsigned at = 3;
	char text[700];

	if (tagged)
		canvas_sign(in->on, row, 0, MEANS_TAGGED, SIGN_TAG);
	canvas_sign(in->on, row, 1, unit_meaning(u), unit_sign(u));
	for (unsigned i = 0; i < COLUMNS; i++) {
		const struct column_row *c = column_row((enum column)i);
		unsigned width = width_of(c, in, at);
		enum meaning meaning = column_meaning((enum column)i, u);

		if (!column_shown((enum column)i, in))
			continue;
		column_text((enum column)i, in->shown, u, wide, text, sizeof(text));
		if (i == COL_RESULT && u->state == UNIT_IS_ACTIVE && u->of > 0 && width > 8)
			canvas_bar(in->on, row, at, width < 12 ? width : 12, meaning, (double)u->done / u->of);
		else if (c->right)
			canvas_put_right(in->on, row, at, width, meaning, text);
		else if (c->tail)
			canvas_put_tail(in->on, row, at, width, meaning, text);
		else
			canvas_put(in->on, row, at, width, meaning, text);
		at += width + 1;
	}
	view_row_cursor(in, row, here, (uint64_t)u->unit);
}

static void table(const struct view_in *in, const struct layout *l)
{
	struct spot *p = &in->desk->places[SCREEN_LINE];
	unsigned top = view_scroll(p, (unsigned)in->desk->order_count, l->table_rows);

	in->desk->page = l->table_rows;
	table_head(in, l->table);
	for (unsigned i = 0; i < l->table_rows && top + i < in->desk->order_count; i++)
		table_row(in, l->table + 1 + i, &in->shown->units[in->desk->order[top + i]], top + i == p->cursor);
	if (in->desk->order_count == 0)
		canvas_put(in->on, l->table + 1, 4, in->cols, MEANS_QUIET,
			   in->shown->unit_count ? "no device is like the filter" : "no device has called yet");
}

/* What to do with the device under the cursor. */
static void chosen(const struct view_in *in, unsigned row)
{
	const struct unit_row *u = desk_unit(in->desk, in->shown);

	view_heading(in, row, "");
	if (!u)
		return;
	if (*u->cause)
		canvas_printf(in->on, row, 0, in->cols, MEANS_HEAD, "%s %s %s %s: %s", unit_result(u),
			      *u->serial ? u->serial : u->mac, palette_sign(SIGN_ARROW, in->on->ascii),
			      *u->remedy ? u->remedy : "ask the lead", u->sentence);
	else if (u->agentless)
		canvas_printf(in->on, row, 0, in->cols, MEANS_HEAD, "%s  %s  no agent: %s", unit_result(u), u->mac,
			      u->not_proven);
	else
		canvas_printf(in->on, row, 0, in->cols, MEANS_HEAD, "%s  %s  %s  Enter: all of it", unit_result(u),
			      *u->serial ? u->serial : "no serial number yet", u->mac);
}

static void pareto(const struct view_in *in, const struct layout *l)
{
	const struct mirror *m = in->shown;
	unsigned at = 0;

	if (m->pareto_count == 0) {
		canvas_put(in->on, l->pareto, 0, in->cols, MEANS_QUIET, "no failures");
		return;
	}
	if (l->pareto_rows == 1) {
		at = canvas_put(in->on, l->pareto, 0, in->cols, MEANS_TITLE, "fails:");
		for (unsigned i = 0; i < m->pareto_count && i < 5; i++)
			at = canvas_printf(in->on, l->pareto, at + 1, in->cols, MEANS_PLAIN, "%lld %s/%s",
					   (long long)m->pareto[i].attempts, m->pareto[i].cause, m->pareto[i].step);
	} else {
		for (unsigned i = 0; i < m->pareto_count && i < l->pareto_rows; i++) {
			canvas_printf(in->on, l->pareto + i, 0, 6, MEANS_TITLE, "%5lld",
				      (long long)m->pareto[i].attempts);
			canvas_bar(in->on, l->pareto + i, 6, 12, MEANS_FAIL, m->pareto[i].share);
			canvas_printf(in->on, l->pareto + i, 19, in->cols - 19, MEANS_PLAIN, "%s / %s / %s: %s",
				      m->pareto[i].side, m->pareto[i].step, m->pareto[i].cause, m->pareto[i].sentence);
		}
	}
	for (unsigned i = 0; i < l->pareto_rows; i++)
		canvas_hit(in->on, l->pareto + i, 0, in->cols, 'f', 0);
}

/* Between jobs: the queue, the newest on top. */
static void jobs(const struct view_in *in)
{
	const struct header *h = &in->live->header;
	unsigned row = in->from + 1;

	view_heading(in, in->from, "   JOB LOT              STATE      FILE, AND WHAT CAME OF IT");
	for (unsigned i = h->job_count; i-- > 0 && row < in->to; row++) {
		bool bad = strcmp(h->jobs[i].state, "failed") == 0;

		canvas_printf(in->on, row, 0, 6, MEANS_PLAIN, "%6lld", (long long)h->jobs[i].job);
		canvas_put(in->on, row, 7, 16, MEANS_TITLE, h->jobs[i].lot);
		canvas_put(in->on, row, 24, 10, bad ? MEANS_FAIL : MEANS_PLAIN, h->jobs[i].state);
		canvas_printf(in->on, row, 35, in->cols - 35, MEANS_PLAIN, "%s  %s", h->jobs[i].path, h->jobs[i].text);
	}
	if (h->job_count == 0)
		canvas_put(in->on, row, 3, in->cols - 3, MEANS_QUIET,
			   in->live->serves ? "no jobs yet: millrace ctl run JOB.yaml queues one"
					    : "nothing runs here");
}

void view_line(const struct view_in *in)
{
	struct layout l = layout_of(in);

	if (in->live->has_header && in->live->header.run == RUN_IDLE) {
		jobs(in);
		return;
	}
	radios(in, &l);
	table(in, &l);
	chosen(in, l.chosen);
	pareto(in, &l);
	view_log_tail(in, l.log, l.log_rows);
}
