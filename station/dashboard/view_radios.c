/* The radios: where each is, where it was in the last minute, what it carried and what that cost. */
#include <stdio.h>
#include <string.h>

#include "station/dashboard/view.h"

/* A channel as one character: its place in the list of channels, a to z, A to Z. The legend says which is which. */
static char channel_letter(const struct mirror *m, unsigned channel)
{
	for (unsigned i = 0; i < m->channel_count; i++)
		if (m->channels[i].channel == channel)
			return i < 26 ? (char)('a' + i) : i < 52 ? (char)('A' + i - 26) : '?';
	return channel ? '?' : '.';
}

static void strip(const struct view_in *in, unsigned row, unsigned col, unsigned width, const struct radio_row *r)
{
	unsigned from = r->strip_len > width ? r->strip_len - width : 0;

	for (unsigned i = from; i < r->strip_len; i++) {
		const char text[2] = { channel_letter(in->shown, r->strip[i]), '\0' };

		canvas_put(in->on, row, col + i - from, 1, view_band(r->strip[i]), text);
	}
}

static void legend(const struct view_in *in, unsigned row)
{
	unsigned at = canvas_put(in->on, row, 0, in->cols, MEANS_QUIET, "last minute, the newest at the right:");

	for (unsigned i = 0; i < in->shown->channel_count && at + 8 < in->cols; i++) {
		unsigned channel = (unsigned)in->shown->channels[i].channel;

		at = canvas_printf(in->on, row, at + 1, in->cols, view_band(channel), "%c=%u",
				   channel_letter(in->shown, channel), channel);
	}
	canvas_put(in->on, row, at + 1, in->cols, MEANS_QUIET, ".=moving");
}

static enum meaning state_meaning(const struct radio_row *r)
{
	if (strcmp(r->state, "lost") == 0)
		return MEANS_BAD;
	return strcmp(r->state, "here") == 0	  ? MEANS_GOOD
	       : strcmp(r->state, "untuned") == 0 ? MEANS_WARN
						  : MEANS_RUNNING;
}

static void count_text(int64_t n, char out[static 12])
{
	if (n < 100000)
		snprintf(out, 12, "%d", (int)n);
	else if (n < 100000000)
		snprintf(out, 12, "%dk", (int)(n / 1000));
	else
		snprintf(out, 12, "%dM", (int)(n / 1000000 > 99999 ? 99999 : n / 1000000));
}

static unsigned number(const struct view_in *in, unsigned row, unsigned at, unsigned width, enum meaning meaning,
		       int64_t n)
{
	char text[12];

	count_text(n, text);
	canvas_put_right(in->on, row, at, width, meaning, text);
	return at + width + 1;
}

static void radio(const struct view_in *in, unsigned row, const struct radio_row *r)
{
	int64_t ended = r->passed + r->failed, tries = r->acked + r->unacked;
	bool bad = ended >= 5 && r->failed * 4 > ended;
	char text[40];
	unsigned at;

	canvas_put(in->on, row, 0, 11, MEANS_TITLE, r->radio);
	canvas_put(in->on, row, 12, 7, state_meaning(r), strcmp(r->state, "lost") == 0 ? "LOST" : r->state);
	snprintf(text, sizeof(text), r->channel ? "%d" : "-", (int)r->channel);
	canvas_put_right(in->on, row, 20, 3, view_band(r->channel), text);
	at = number(in, row, 24, 4, MEANS_PLAIN, r->sessions);
	snprintf(text, sizeof(text), "%.0f%%", r->airtime * 100);
	canvas_put_right(in->on, row, at, 4, r->airtime > 0.8 ? MEANS_WARN : MEANS_PLAIN, text);
	at = number(in, row, at + 5, 6, MEANS_PLAIN, r->sent);
	snprintf(text, sizeof(text), "%.0f%%", tries > 0 ? 100.0 * (double)r->unacked / (double)tries : 0.0);
	canvas_put_right(in->on, row, at, 4, MEANS_PLAIN, text);
	at = number(in, row, at + 5, 5, MEANS_PLAIN, r->retries);
	view_rssi(r->rssi, text, sizeof(text));
	canvas_put_right(in->on, row, at, 4, r->rssi != MIRROR_UNKNOWN && r->rssi < -75 ? MEANS_WARN : MEANS_PLAIN,
			 text);
	at = number(in, row, at + 5, 5, MEANS_PASS, r->passed);
	at = number(in, row, at, 4, bad ? MEANS_BAD : r->failed ? MEANS_FAIL : MEANS_PLAIN, r->failed);
	at = number(in, row, at, 5, MEANS_PLAIN, r->switches);
	snprintf(text, sizeof(text), "%.1f", (double)r->switch_us / 1000);
	canvas_put_right(in->on, row, at, 6, MEANS_PLAIN, text);
	if (in->cols >= 150) {
		strip(in, row, 84, 60, r);
		canvas_printf(in->on, row, 146, in->cols - 146, MEANS_QUIET, "%s %s", r->path, r->driver);
	}
}

void view_radios(const struct view_in *in)
{
	unsigned per = in->cols >= 150 ? 1 : 2, rows = in->to > in->from + 2 ? (in->to - in->from - 2) / per : 0;
	struct spot *p = &in->desk->places[SCREEN_RADIOS];
	unsigned top = view_scroll(p, in->shown->radio_count, rows);

	in->desk->page = rows;
	view_heading(in, in->from, "RADIO       STATE    CH HAND  AIR   SENT NACK RETRY RSSI  PASS FAIL MOVES    MS");
	if (in->cols >= 150)
		canvas_put(in->on, in->from, 84, in->cols, MEANS_HEAD,
			   "CHANNEL IN EACH SECOND OF THE LAST MINUTE                     PATH, DRIVER");
	for (unsigned i = 0; i < rows && top + i < in->shown->radio_count; i++) {
		const struct radio_row *r = &in->shown->radios[top + i];
		unsigned row = in->from + 1 + i * per;

		radio(in, row, r);
		view_row_cursor(in, row, top + i == p->cursor, top + i);
		if (per == 2) {
			strip(in, row + 1, 2, 60, r);
			canvas_printf(in->on, row + 1, 64, in->cols - 64, MEANS_QUIET, "%s %s", r->path, r->driver);
		}
	}
	if (in->shown->radio_count == 0)
		canvas_put(in->on, in->from + 1, 0, in->cols, MEANS_QUIET, "no radios");
	legend(in, in->to - 1);
}
