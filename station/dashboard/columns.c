#include "station/dashboard/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "station/dashboard/text.h"

#define SECOND_US 1000000

static const struct column_row columns[COLUMNS] = {
	/* name, title, narrow, wide, from, right, tail */
	[COL_RECENT] = { "recent", "", 0, 0, 0, false, false },
	[COL_SERIAL] = { "serial", "SERIAL", 12, 16, 0, false, true },
	[COL_MAC] = { "mac", "MAC", 8, 17, 0, false, true },
	[COL_WHERE] = { "radio", "RADIO/CH", 9, 14, 0, false, true },
	[COL_RSSI] = { "rssi", "RSSI", 4, 4, 0, true, false },
	[COL_STEP] = { "step", "STEP", 8, 13, 0, false, false },
	[COL_DONE] = { "done", "DONE", 4, 5, 96, true, false },
	[COL_TRY] = { "try", "TRY", 3, 3, 0, true, false },
	[COL_TIME] = { "time", "TIME", 6, 7, 0, true, false },
	[COL_RESULT] = { "result", "RESULT", 0, 0, 0, false, false },
};

const struct column_row *column_row(enum column column) { return &columns[column]; }

static bool again(const struct unit_row *u) { return u->state == UNIT_IS_SEEN && *u->cause; }

/* A foreign device never gets a serial number: its address is what it is called by. */
static const char *name_of(const struct unit_row *u) { return *u->serial ? u->serial : u->agentless ? u->mac : "-"; }

const char *unit_result(const struct unit_row *u) { return again(u) ? "RETRY" : unit_word((enum unit_is)u->state); }

enum symbol unit_sign(const struct unit_row *u)
{
	static const uint8_t signs[UNIT_STATES] = {
		SIGN_SEEN, SIGN_ACTIVE, SIGN_PASS, SIGN_FAIL, SIGN_ASIDE, SIGN_HELD
	};

	return again(u) ? SIGN_RETRY : (enum symbol)signs[u->state];
}

enum meaning unit_meaning(const struct unit_row *u)
{
	static const uint8_t meanings[UNIT_STATES] = { MEANS_QUIET, MEANS_RUNNING, MEANS_PASS,
						       MEANS_FAIL,  MEANS_ASIDE,   MEANS_HELD };

	return again(u) ? MEANS_RETRY : (enum meaning)meanings[u->state];
}

void span_text(int64_t us, char *out, size_t cap)
{
	int64_t s = us / SECOND_US;

	if (us == MIRROR_UNKNOWN)
		out[0] = '\0';
	else if (us < SECOND_US)
		snprintf(out, cap, "%.2f s", (double)us / SECOND_US);
	else if (s < 60)
		snprintf(out, cap, "%d.%d s", (int)s, (int)(us % SECOND_US / (SECOND_US / 10)));
	else if (s < 6000)
		snprintf(out, cap, "%d:%02d", (int)(s / 60), (int)(s % 60));
	else
		snprintf(out, cap, "%lld h %02d", (long long)(s / 3600), (int)(s / 60 % 60));
}

void clock_text(int64_t utc_us, bool seconds, char *out, size_t cap)
{
	time_t t = (time_t)(utc_us / SECOND_US);
	struct tm tm;

	out[0] = '\0';
	if (utc_us != MIRROR_UNKNOWN && localtime_r(&t, &tm))
		strftime(out, cap, seconds ? "%H:%M:%S" : "%H:%M", &tm);
}

/* Since when in this step; with an outcome, from first heard to the outcome. Running times in whole seconds: a tenth
 * that changes on forty rows is traffic that nobody reads. */
static void time_text(const struct mirror *m, const struct unit_row *u, char *out, size_t cap)
{
	if (u->took_us != MIRROR_UNKNOWN && u->state >= UNIT_IS_PASSED) {
		span_text(u->took_us, out, cap);
	} else {
		int64_t us = mirror_span_us(m, u->since_us);

		if (us == MIRROR_UNKNOWN)
			out[0] = '\0';
		else if (us < 60 * (int64_t)SECOND_US)
			snprintf(out, cap, "%d s", (int)(us / SECOND_US));
		else
			span_text(us, out, cap);
	}
}

static void result_text(const struct unit_row *u, bool wide, char *out, size_t cap)
{
	char more[520] = "";

	if (u->state == UNIT_IS_ACTIVE && u->of > 0)
		snprintf(out, cap, "%u/%u", u->done, u->of);
	else if (u->state == UNIT_IS_SEEN && !again(u))
		snprintf(out, cap, "%s", *u->wait ? u->wait : "seen");
	else {
		if (wide && *u->sentence)
			snprintf(more, sizeof(more), ": %s%s%s", u->sentence, *u->remedy ? "; " : "", u->remedy);
		snprintf(out, cap, "%s%s%s%s", unit_result(u), u->state != UNIT_IS_PASSED && *u->cause ? " " : "",
			 u->state != UNIT_IS_PASSED ? u->cause : "", u->state != UNIT_IS_PASSED ? more : "");
		if (u->state == UNIT_IS_PASSED && u->agentless)
			snprintf(out, cap, "%s no agent%s%s", unit_result(u), wide && *u->not_proven ? ": " : "",
				 wide ? u->not_proven : "");
	}
}

void column_text(enum column column, const struct mirror *m, const struct unit_row *u, bool wide, char *out, size_t cap)
{
	out[0] = '\0';
	switch (column) {
	case COL_SERIAL: text_copy(out, cap, name_of(u)); break;
	case COL_MAC:
		text_copy(out, cap, wide ? u->mac : strlen(u->mac) > 9 ? u->mac + strlen(u->mac) - 8 : u->mac);
		break;
	case COL_WHERE:
		if (*u->radio || u->channel)
			snprintf(out, cap, "%s/%u", u->radio, u->channel);
		break;
	case COL_RSSI:
		if (u->rssi)
			snprintf(out, cap, "%d", u->rssi);
		break;
	case COL_STEP: text_copy(out, cap, u->step); break;
	case COL_DONE:
		if (u->of)
			snprintf(out, cap, "%u/%u", u->done, u->of);
		break;
	case COL_TRY:
		if (u->attempt)
			snprintf(out, cap, "%u", u->attempt);
		break;
	case COL_TIME: time_text(m, u, out, cap); break;
	case COL_RESULT: result_text(u, wide, out, cap); break;
	case COL_RECENT:
	case COLUMNS: break;
	}
}

enum meaning column_meaning(enum column column, const struct unit_row *u)
{
	if (column == COL_RESULT)
		return unit_meaning(u);
	if (column == COL_RSSI && u->rssi && u->rssi < -75)
		return MEANS_WARN;
	if (column == COL_TRY && u->attempt > 1)
		return MEANS_RETRY;
	return u->state == UNIT_IS_SEEN ? MEANS_QUIET : MEANS_PLAIN;
}

/* --- which, and in what order --- */

static bool any_has(const char *const *texts, size_t count, const char *needle, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (text_has(texts[i], needle, len))
			return true;
	return false;
}

/* Blanks round an alternative do not count; an empty one is no alternative. */
static bool filter_hits(const char *const *texts, size_t count, const char *filter)
{
	bool any = false;

	while (*filter) {
		size_t len = strcspn(filter, "|"), from = strspn(filter, " "), to = len;

		if (from < len) {
			while (to > from && filter[to - 1] == ' ')
				to--;
			any = true;
			if (any_has(texts, count, filter + from, to - from))
				return true;
		}
		filter += len + (filter[len] == '|');
	}
	return !any;
}

bool unit_matches(const struct unit_row *u, const char *filter)
{
	char where[64];

	if (!*filter)
		return true;
	snprintf(where, sizeof(where), "%s/%u", u->radio, u->channel);
	const char *const texts[] = { u->serial, u->mac, unit_result(u), u->step, u->cause,
				      u->side,	 where,	 u->wait,	 u->by };

	return filter_hits(texts, sizeof(texts) / sizeof(texts[0]), filter);
}

bool text_matches(const char *text, const char *filter) { return filter_hits(&text, 1, filter); }

struct order_by {
	const struct unit_row *units;
	enum column by;
	bool turned;
};

static int cmp_int(int64_t a, int64_t b) { return (a > b) - (a < b); }

/* In hand first, in the order in which they came, so that rows stay in place; then outcomes, the newest first; then who
 * waits. */
static int cmp_recent(const struct unit_row *a, const struct unit_row *b)
{
	static const uint8_t group[UNIT_STATES] = { 2, 0, 1, 1, 1, 1 };
	int c = cmp_int(group[a->state], group[b->state]);

	if (c == 0 && group[a->state] == 1)
		c = cmp_int(b->since_us, a->since_us);
	return c ? c : cmp_int(a->first_us, b->first_us);
}

static int cmp_column(enum column by, const struct unit_row *a, const struct unit_row *b)
{
	/* What needs somebody stands first. */
	static const uint8_t urgency[UNIT_STATES] = { 5, 4, 6, 1, 0, 2 };

	switch (by) {
	case COL_RECENT: return cmp_recent(a, b);
	case COL_SERIAL: return strcmp(name_of(a), name_of(b));
	case COL_MAC: return strcmp(a->mac, b->mac);
	case COL_WHERE: {
		int c = strcmp(a->radio, b->radio);

		return c ? c : cmp_int(a->channel, b->channel);
	}
	case COL_RSSI: return cmp_int(a->rssi, b->rssi);
	case COL_STEP: return strcmp(a->step, b->step);
	case COL_DONE: return cmp_int(a->done, b->done);
	case COL_TRY: return cmp_int(b->attempt, a->attempt);
	case COL_TIME: return cmp_int(a->since_us, b->since_us);
	case COL_RESULT: return cmp_int(again(a) ? 3 : urgency[a->state], again(b) ? 3 : urgency[b->state]);
	case COLUMNS: break;
	}
	return 0;
}

static int cmp_units(const void *pa, const void *pb, void *ctx)
{
	const struct order_by *o = ctx;
	const struct unit_row *a = &o->units[*(const uint32_t *)pa], *b = &o->units[*(const uint32_t *)pb];
	int c = cmp_column(o->by, a, b);

	if (o->turned)
		c = -c;
	return c ? c : cmp_int(a->unit, b->unit);
}

size_t columns_order(const struct mirror *m, const char *filter, enum column by, bool turned, uint32_t **order,
		     size_t *room)
{
	struct order_by o = { m->units, by, turned };
	size_t count = 0;

	if (*room < m->unit_count) {
		uint32_t *more = realloc(*order, (m->unit_count + m->unit_count / 2) * sizeof(**order));

		if (more) {
			*order = more;
			*room = m->unit_count + m->unit_count / 2;
		}
	}
	for (size_t i = 0; i < m->unit_count && count < *room; i++)
		if (unit_matches(&m->units[i], filter))
			(*order)[count++] = (uint32_t)i;
	if (count > 1)
		qsort_r(*order, count, sizeof(**order), cmp_units, &o);
	return count;
}
