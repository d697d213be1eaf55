/* One device in full: how it stands, what to do, every step and attempt, its link, its certificate. */
#include <stdio.h>
#include <string.h>

#include "station/dashboard/view.h"

static unsigned pair(const struct view_in *in, unsigned row, const char *name, const char *text)
{
	if (!*text)
		return row;
	canvas_put(in->on, row, 1, 12, MEANS_QUIET, name);
	canvas_put(in->on, row, 14, in->cols - 14, MEANS_PLAIN, text);
	return row + 1;
}

static unsigned top(const struct view_in *in, unsigned row, const struct unit_row *u, const struct detail *d)
{
	char text[320], first[24];

	canvas_sign(in->on, row, 1, unit_meaning(u), unit_sign(u));
	canvas_printf(in->on, row, 3, in->cols - 3, unit_meaning(u), "%s  %s%s%s", unit_result(u),
		      *u->step ? "at " : "", u->step,
		      u->state == UNIT_IS_ACTIVE ? ""
		      : d->sealed		 ? "  sealed"
						 : "");
	row++;
	if (*u->cause) {
		canvas_printf(in->on, row, 1, in->cols - 1, MEANS_WARN, "%s (%s): %s", u->cause, u->side, u->sentence);
		canvas_printf(in->on, row + 1, 1, in->cols - 1, MEANS_TITLE, "%s DO: %s",
			      palette_sign(SIGN_ARROW, in->on->ascii), *u->remedy ? u->remedy : "ask the lead");
		row += 2;
	}
	span_text(mirror_span_us(in->shown, u->first_us), first, sizeof(first));
	snprintf(text, sizeof(text), "%s  channel %u  %d dBm  attempt %u  step %u of %u  first heard %s ago",
		 *u->radio ? u->radio : "no radio", u->channel, u->rssi, u->attempt, u->done, u->of,
		 *first ? first : "?");
	row = pair(in, row, "where", text);
	snprintf(text, sizeof(text), "MAC %s%s%s", u->mac, *d->device_id ? "  device id " : "", d->device_id);
	row = pair(in, row, "who", text);
	if (u->agentless) {
		snprintf(text, sizeof(text), "none of ours: %s", u->not_proven);
		row = pair(in, row, "agent", text);
	}
	return pair(in, row, "by", u->by);
}

static unsigned link_and_certificate(const struct view_in *in, unsigned row, const struct detail *d)
{
	char text[420];

	if (d->link) {
		snprintf(text, sizeof(text), "%s: %lld frames out, %lld in, %lld octets, %lld repeats, %lld misses",
			 *d->phase ? d->phase : "open", (long long)d->frames_sent, (long long)d->frames_received,
			 (long long)d->octets, (long long)d->retries, (long long)d->misses);
		row = pair(in, row, "link", text);
	}
	if (d->certificate) {
		row = pair(in, row, "certificate", d->subject);
		snprintf(text, sizeof(text), "by %s, serial %s, %s to %s", d->issuer, d->cert_serial, d->not_before,
			 d->not_after);
		row = pair(in, row, "", text);
		snprintf(text, sizeof(text), "SHA-256 %.16s", d->sha256);
		row = pair(in, row, "", text);
	}
	return row;
}

static enum meaning moment_meaning(const struct moment *m)
{
	if (strcmp(m->state, "passed") == 0)
		return MEANS_PASS;
	if (strcmp(m->state, "quarantined") == 0)
		return MEANS_ASIDE;
	return strcmp(m->state, "failed") == 0 || *m->cause ? MEANS_FAIL
	       : strcmp(m->event, "order") == 0		    ? MEANS_TITLE
							    : MEANS_PLAIN;
}

static void moment(const struct view_in *in, unsigned row, const struct moment *m)
{
	char text[400], at[32] = "", took[24], rssi[16];

	if (m->at_us != MIRROR_UNKNOWN)
		snprintf(at, sizeof(at), "%9.3f", (double)m->at_us / 1e6);
	span_text(m->duration_us, took, sizeof(took));
	view_rssi(m->rssi, rssi, sizeof(rssi));
	canvas_put(in->on, row, 0, 10, MEANS_QUIET, at);
	canvas_put(in->on, row, 11, 8, MEANS_PLAIN, m->event);
	if (m->attempt)
		canvas_printf(in->on, row, 19, 4, MEANS_PLAIN, "%d", (int)m->attempt);
	canvas_put(in->on, row, 23, 12, MEANS_PLAIN, m->step);
	canvas_put_right(in->on, row, 36, 7, MEANS_PLAIN, took);
	if (m->channel || *m->radio)
		canvas_printf(in->on, row, 44, 13, MEANS_PLAIN, *m->radio ? "%s/%d" : "%sch %d", m->radio,
			      (int)m->channel);
	canvas_put_right(in->on, row, 58, 4, MEANS_PLAIN, rssi);
	snprintf(text, sizeof(text), "%s%s%s%s%s", m->state, *m->state && *m->cause ? " " : "", m->cause,
		 *m->text && (*m->state || *m->cause) ? ": " : "", m->text);
	canvas_put(in->on, row, 63, in->cols - 63, moment_meaning(m), text);
}

void view_device(const struct view_in *in)
{
	const struct mirror *m = in->live;
	const struct detail *d = &m->detail;
	const struct unit_row *u = mirror_unit(m, in->desk->device);
	struct spot *p = &in->desk->places[SCREEN_DEVICE];
	bool here = d->known && d->unit.unit == in->desk->device;
	unsigned row = in->from, rows, first;
	static const struct detail nothing = { 0 };
	char text[160];

	if (!u) {
		view_heading(in, row, "DEVICE");
		canvas_put(in->on, row + 1, 1, in->cols, MEANS_QUIET,
			   "no device is chosen: Enter on its row, or scan it");
		return;
	}
	snprintf(text, sizeof(text), "DEVICE %s", *u->serial ? u->serial : u->mac);
	view_heading(in, row++, text);
	row = top(in, row, u, here ? d : &nothing);
	row = link_and_certificate(in, row, here ? d : &nothing);
	view_heading(in, row++, "  SECONDS  EVENT   TRY STEP            TOOK  RADIO/CH      RSSI WHAT");
	if (!here) {
		canvas_put(in->on, row, 1, in->cols, MEANS_QUIET, "asking the station");
		return;
	}
	rows = in->to > row ? in->to - row : 0;
	first = view_scroll(p, d->moments, rows);
	in->desk->page = rows;
	for (unsigned i = 0; i < rows && first + i < d->moments; i++) {
		moment(in, row + i, &d->timeline[first + i]);
		view_row_cursor(in, row + i, first + i == p->cursor, first + i);
	}
}
