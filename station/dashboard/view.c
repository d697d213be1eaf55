/* The frame of every screen: tabs, header, alarm, the scan line, the key bar. */
#include "station/dashboard/view.h"

#include <stdio.h>
#include <string.h>

#define KEY_BAR_MAX 10

unsigned view_scroll(struct spot *p, unsigned count, unsigned rows)
{
	if (p->cursor >= count)
		p->cursor = count > 0 ? count - 1 : 0;
	if (rows == 0 || count <= rows)
		p->top = 0;
	else if (p->cursor < p->top)
		p->top = p->cursor;
	else if (p->cursor >= p->top + rows)
		p->top = p->cursor - rows + 1;
	if (count > rows && p->top > count - rows)
		p->top = count - rows;
	return p->top;
}

void view_heading(const struct view_in *in, unsigned row, const char *text)
{
	canvas_fill(in->on, row, 0, in->cols, MEANS_HEAD, " ");
	canvas_put(in->on, row, 0, in->cols, MEANS_HEAD, text);
}

void view_row_cursor(const struct view_in *in, unsigned row, bool here, uint64_t arg)
{
	canvas_hit(in->on, row, 0, in->cols, KEYS_ROW, arg);
	if (here)
		canvas_mark(in->on, row, 0, in->cols, CELL_CURSOR);
}

void view_rssi(int64_t rssi, char *out, size_t cap)
{
	out[0] = '\0';
	if (rssi != MIRROR_UNKNOWN)
		snprintf(out, cap, "%d", (int)rssi);
}

/* 2.4 GHz, and the three parts of 5 GHz. */
enum meaning view_band(int64_t channel)
{
	return channel == 0    ? MEANS_QUIET
	       : channel < 15  ? MEANS_BAND_0
	       : channel < 65  ? MEANS_BAND_1
	       : channel < 145 ? MEANS_BAND_2
			       : MEANS_BAND_3;
}

/* --- the first row: screens, and who is who --- */

static void tabs(const struct view_in *in)
{
	struct canvas *c = in->on;
	unsigned at, right = in->cols;
	char who[200], clock[16];

	clock_text(mirror_utc_us(in->live), in->cols >= 100, clock, sizeof(clock));
	if (in->live->greeted)
		snprintf(who, sizeof(who), "%s %s %s", in->live->actor, mirror_role_name(in->live->role), clock);
	else
		snprintf(who, sizeof(who), "not connected");
	at = in->cols >= 100 ? canvas_put(c, 0, 0, 9, MEANS_TITLE, "Millrace ") : 0;
	for (unsigned i = 0; i < SCREENS; i++) {
		const char *name = screen_name((enum screen_kind)i);
		unsigned len = (unsigned)strlen(name);
		/* Narrow terminals: the screen that is open, whole; of the others the first letters. */
		unsigned width = in->cols >= 100 || i == in->desk->screen ? len : len < 3 ? len : 3;
		char text[16];

		snprintf(text, sizeof(text), " %.*s ", (int)width, name);
		canvas_put(c, 0, at, width + 2, i == in->desk->screen ? MEANS_HEAD : MEANS_PLAIN, text);
		canvas_hit(c, 0, at, width + 2, KEYS_SCREEN, i);
		at += width + 2;
	}
	if (mirror_simulated(in->live)) {
		canvas_put(c, 0, at + 1, 11, MEANS_SIMULATED, " SIMULATED ");
		at += 12;
	}
	if (in->desk->frozen) {
		canvas_put(c, 0, at + 1, 8, MEANS_PAUSED, " FROZEN ");
		at += 9;
	}
	if (at + 2 < right)
		canvas_put_right(c, 0, at + 1, right - at - 1, MEANS_PLAIN, who);
}

/* --- the header: two to four rows --- */

static enum meaning run_meaning(enum run_state run)
{
	static const uint8_t meanings[RUN_STATES] = { MEANS_HEAD,   MEANS_PASS,	 MEANS_PAUSED,
						      MEANS_PAUSED, MEANS_ALARM, MEANS_HEAD };

	return (enum meaning)meanings[run];
}

/* From the right edge leftwards; gives where it begins. What is well is one group on narrow screens, beside trouble
 * only "rest". */
static unsigned health(const struct view_in *in, unsigned row)
{
	static const char *const names[HEALTHS] = { "clock", "db", "CA", "radios", "printer" };
	const struct header *h = &in->live->header;
	bool wide = in->cols >= 120;
	unsigned at = in->cols;
	bool trouble = false;
	char well[64] = "", text[80];

	for (unsigned i = 0; i < HEALTHS; i++) {
		trouble |= h->health[i].there && h->health[i].state != HEALTH_OK;
		if (h->health[i].there && h->health[i].state == HEALTH_OK && !wide)
			snprintf(well + strlen(well), sizeof(well) - strlen(well), " %s", names[i]);
	}
	if (*well) {
		snprintf(text, sizeof(text), "%s ok", trouble ? " rest" : well);
		at -= text_width(text, false);
		canvas_put(in->on, row, at, in->cols, MEANS_GOOD, text);
	}
	for (unsigned i = HEALTHS; i-- > 0;) {
		enum health state = h->health[i].state;
		unsigned width;

		if (!h->health[i].there || (state == HEALTH_OK && !wide))
			continue;
		snprintf(text, sizeof(text), " %s %.24s ", names[i],
			 state == HEALTH_WARN  ? "WARN"
			 : state == HEALTH_BAD ? "BAD"
			 : *h->health[i].text  ? h->health[i].text
					       : "ok");
		width = text_width(text, in->on->ascii);
		if (width >= at)
			break;
		at -= width;
		canvas_put(in->on, row, at, width,
			   state == HEALTH_OK	  ? MEANS_GOOD
			   : state == HEALTH_WARN ? MEANS_WARN
						  : MEANS_BAD,
			   text);
	}
	return at;
}

/* Health first: it must not be what a long lot name leaves out. */
static void lot_row(const struct view_in *in, unsigned row)
{
	const struct header *h = &in->live->header;
	unsigned health_at = health(in, row), at;
	char text[520];

	snprintf(text, sizeof(text), " %s ", run_name(h->run));
	at = canvas_put(in->on, row, 0, in->cols, run_meaning(h->run), text) + 1;
	if (h->run == RUN_IDLE)
		snprintf(text, sizeof(text), "%s", in->live->serves ? "no job at the moment" : "no run at the moment");
	else
		snprintf(text, sizeof(text), "lot %s  %s %s%s%s  job %.8s%s", h->lot, h->product,
			 *h->hw_rev ? "rev " : "", h->hw_rev, h->test ? "  TEST" : "", h->job_sha256,
			 h->resumed ? " resumed" : "");
	if (health_at > at)
		canvas_put(in->on, row, at, health_at - at, MEANS_TITLE, text);
}

static void share_text(double share, char *out, size_t cap)
{
	if (share < 0)
		snprintf(out, cap, "-");
	else
		snprintf(out, cap, "%.1f %%", share > 1 ? 100.0 : share * 100);
}

static void count_row(const struct view_in *in, unsigned row)
{
	const struct header *h = &in->live->header;
	struct canvas *c = in->on;
	int64_t done = h->counts[COUNT_PASSED] + h->counts[COUNT_FAILED] + h->counts[COUNT_ASIDE];
	unsigned bar = in->cols >= 160 ? 48 : in->cols >= 100 ? 24 : 10, at;
	char fpy[16], final[16];
	const struct {
		int which;
		const char *name;
		enum meaning meaning;
	} counts[] = {
		{ COUNT_PASSED, "pass", MEANS_PASS },	 { COUNT_FAILED, "fail", MEANS_FAIL },
		{ COUNT_ASIDE, "quar", MEANS_ASIDE },	 { COUNT_HELD, "held", MEANS_HELD },
		{ COUNT_RETRIES, "retry", MEANS_RETRY },
	};

	at = canvas_printf(c, row, 0, in->cols, MEANS_TITLE, "done %lld/%lld ", (long long)done,
			   (long long)h->quantity);
	canvas_bar(c, row, at, bar, MEANS_PASS, h->quantity > 0 ? (double)done / (double)h->quantity : 0);
	at += bar + 1;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int64_t n = h->counts[counts[i].which];

		if (n == 0 && (counts[i].which == COUNT_HELD || counts[i].which == COUNT_RETRIES) && in->cols < 120)
			continue;
		at = canvas_printf(c, row, at, in->cols, n ? counts[i].meaning : MEANS_PLAIN, "%s %lld", counts[i].name,
				   (long long)n) +
		     1;
	}
	share_text(h->fpy, fpy, sizeof(fpy));
	share_text(h->final, final, sizeof(final));
	canvas_printf(c, row, at + 1, in->cols, MEANS_TITLE, "FPY %s %sfinal %s", fpy, in->cols >= 100 ? " " : "",
		      final);
}

static void pace_row(const struct view_in *in, unsigned row)
{
	const struct header *h = &in->live->header;
	struct canvas *c = in->on;
	bool late = h->takt_us > 0 && h->cadence_us != MIRROR_UNKNOWN && h->cadence_us > h->takt_us;
	char cadence[24], takt[24], eta[24] = "-", left[24] = "";
	unsigned at;

	span_text(h->cadence_us, cadence, sizeof(cadence));
	span_text(h->takt_us, takt, sizeof(takt));
	if (h->eta_us != MIRROR_UNKNOWN) {
		int64_t utc = mirror_utc_us(in->live);

		if (utc != MIRROR_UNKNOWN)
			clock_text(utc + h->eta_us, false, eta, sizeof(eta));
		span_text(h->eta_us, left, sizeof(left));
	}
	at = canvas_printf(c, row, 0, in->cols, late ? MEANS_WARN : MEANS_PLAIN, "cadence %s%s",
			   *cadence ? cadence : "-", late ? " LATE" : "");
	if (h->takt_us > 0)
		at = canvas_printf(c, row, at + 2, in->cols, MEANS_PLAIN, "takt %s", takt);
	at = canvas_printf(c, row, at + 2, in->cols, MEANS_PLAIN, "ETA %s%s%s", eta, *left ? " in " : "", left);
	at = canvas_printf(c, row, at + 2, in->cols, MEANS_PLAIN, "in hand %lld  waiting %lld",
			   (long long)h->counts[COUNT_IN_FLIGHT], (long long)h->counts[COUNT_WAITING]);
	if (h->counts[COUNT_STRANGERS])
		at = canvas_printf(c, row, at + 2, in->cols, MEANS_PLAIN, "strangers %lld",
				   (long long)h->counts[COUNT_STRANGERS]);
	if (*h->person)
		at = canvas_printf(c, row, at + 2, in->cols, MEANS_PLAIN, "run by %s", h->person);
	if (mirror_simulated(in->live) && at < in->cols)
		canvas_printf(c, row, at + 2, in->cols, MEANS_PLAIN, h->pace > 0 ? "pace %.3g" : "virtual time",
			      h->pace);
}

/* What the person must know of the run: why it stands, what to do. "" when it just runs. */
static void run_text(const struct mirror *m, char *out, size_t cap)
{
	const struct header *h = &m->header;
	char since[24];

	span_text(mirror_span_us(m, h->run_since_us), since, sizeof(since));
	out[0] = '\0';
	if (h->run == RUN_PAUSED || h->run == RUN_DRAINING || h->run == RUN_HELD)
		snprintf(out, cap, "%s%s%s%s%s%s%s%s%s", run_name(h->run), *h->run_by ? " by " : "", h->run_by,
			 *h->guard ? " by guard " : "", h->guard, *h->run_reason ? ": " : "", h->run_reason,
			 *h->sentence ? "; " : "", h->sentence);
	else if (*h->sentence)
		snprintf(out, cap, "%s", h->sentence);
	if (h->run != RUN_IDLE && *out && *since && strlen(out) + strlen(since) + 4 < cap) {
		strcat(out, ", ");
		strcat(out, since);
	}
}

static unsigned header(const struct view_in *in)
{
	char text[700];
	unsigned row = 1;

	if (!in->live->has_header) {
		canvas_put(in->on, 1, 0, in->cols, MEANS_PLAIN, "waiting for the station");
		return 2;
	}
	lot_row(in, row++);
	if (in->live->header.run != RUN_IDLE) {
		count_row(in, row++);
		pace_row(in, row++);
	}
	run_text(in->live, text, sizeof(text));
	if (*text)
		canvas_put(in->on, row++, 0, in->cols, MEANS_WARN, text);
	for (unsigned i = 0; i < HEALTHS; i++)
		if (in->live->header.health[i].state == HEALTH_BAD) {
			canvas_printf(in->on, row++, 0, in->cols, MEANS_BAD, "%s", in->live->header.health[i].text);
			break;
		}
	return row;
}

/* --- the alarm: what must be acknowledged --- */

static unsigned alarm_rows(const struct view_in *in, unsigned row)
{
	const struct mirror *m = in->live;
	const struct banner *b = &m->banners[0];
	const char *kind, *sign = palette_sign(SIGN_ALARM, in->on->ascii);
	char text[700];

	if (m->banner_count == 0)
		return row;
	kind = strcmp(b->kind, "security") == 0	  ? "SECURITY"
	       : strcmp(b->kind, "guard") == 0	  ? "GUARD"
	       : strcmp(b->kind, "label") == 0	  ? "LABEL"
	       : strcmp(b->kind, "stranger") == 0 ? "STRANGER"
						  : "HOLD";
	for (unsigned i = 0; i < 2; i++)
		canvas_fill(in->on, row + i, 0, in->cols, MEANS_ALARM, " ");
	snprintf(text, sizeof(text), "%s %s %s %s%s%s", sign, kind, b->cause, *b->serial ? b->serial : b->mac,
		 *b->serial || *b->mac ? ": " : "", b->sentence);
	canvas_put(in->on, row, 1, in->cols - 2, MEANS_ALARM, text);
	snprintf(text, sizeof(text), "%s DO: %s", palette_sign(SIGN_ARROW, in->on->ascii),
		 *b->remedy ? b->remedy : "ask the lead");
	canvas_put(in->on, row + 1, 1, in->cols - 26, MEANS_ALARM, text);
	if (m->banner_count > 1)
		snprintf(text, sizeof(text), "1 of %u  a: acknowledge", m->banner_count);
	else
		snprintf(text, sizeof(text), "a: acknowledge");
	canvas_put_right(in->on, row + 1, in->cols - 25, 24, MEANS_ALARM, text);
	canvas_hit(in->on, row, 0, in->cols, 'a', 0);
	canvas_hit(in->on, row + 1, 0, in->cols, 'a', 0);
	return row + 2;
}

static unsigned trouble_row(const struct view_in *in, unsigned row)
{
	const struct desk *d = in->desk;
	enum meaning meaning = d->ended ? MEANS_HEAD : MEANS_BAD;
	const char *sign = d->ended ? "" : palette_sign(SIGN_ALARM, in->on->ascii);

	if (!*d->trouble && d->silent_s == 0)
		return row;
	canvas_fill(in->on, row, 0, in->cols, meaning, " ");
	if (d->silent_s > 0)
		canvas_printf(in->on, row, 1, in->cols - 2, meaning, "%s NOT LIVE: nothing heard for %u s", sign,
			      d->silent_s);
	else
		canvas_printf(in->on, row, 1, in->cols - 2, meaning, "%s%s%s%s", sign, *sign ? " " : "",
			      in->live->complete && !d->ended ? "NOT LIVE: " : "", d->trouble);
	return row + 1;
}

/* What was well when it was last heard of need not be so now; nothing that is not live is green. */
static void dull(struct canvas *c)
{
	for (unsigned i = 0; i < c->rows * c->cols; i++) {
		uint8_t *meaning = &c->cells[i].meaning;

		if (*meaning == MEANS_GOOD || *meaning == MEANS_PASS || *meaning == MEANS_RUNNING)
			*meaning = MEANS_QUIET;
	}
}

/* --- the last two rows --- */

static void scan_row(const struct view_in *in, unsigned row)
{
	struct desk *d = in->desk;
	struct canvas *c = in->on;
	char text[80];
	unsigned at = canvas_put(c, row, 0, 6, MEANS_TITLE, "scan> ");
	const struct unit_row *hand;

	if (scanner_stands(&d->scanner) && !ask_takes_text(d)) {
		scan_shown(d->scanner.text, text, sizeof(text));
		at = canvas_put(c, row, at, in->cols - at - 1, MEANS_PLAIN, text);
		c->caret_row = (int)row;
		c->caret_col = (int)at;
		return;
	}
	c->caret_row = (int)row;
	c->caret_col = (int)at;
	hand = talk_hand(d, in->live);
	if (*d->note)
		canvas_put(c, row, at + 1, in->cols - at - 1, d->note_means, d->note);
	else if (hand)
		canvas_printf(c, row, at + 1, in->cols - at - 1, MEANS_PLAIN,
			      "%s is in hand: its label, or another unit", hand->serial);
	else
		canvas_put(c, row, at + 1, in->cols - at - 1, MEANS_QUIET, "a badge, a serial number, a label");
}

static void key_bar(const struct view_in *in, unsigned row)
{
	size_t count;
	const struct key_row *rows = keys_table(&count);
	struct canvas *c = in->on;
	unsigned at = 0, shown = 0;

	for (size_t i = 0; i < count; i++) {
		const char *bar = rows[i].bar;
		bool wide = in->cols >= 112;
		char name[16];

		if (!*bar)
			continue;
		if (++shown > KEY_BAR_MAX)
			break;
		if (rows[i].act == ACT_PAUSE && (in->live->header.run == RUN_PAUSED || *in->live->header.guard))
			bar = "Resume";
		/* With room, the letter that does the same, for keyboards without function keys. */
		snprintf(name, sizeof(name), wide ? "F%u %c " : "F%u", shown, (char)rows[i].letter);
		canvas_hit(c, row, at, (unsigned)(strlen(name) + strlen(bar)), rows[i].key, 0);
		at = canvas_put(c, row, at, in->cols, MEANS_TITLE, name);
		at = canvas_put(c, row, at, in->cols,
				rows[i].role > in->live->role || !(rows[i].screens & ON(in->desk->screen)) ? MEANS_QUIET
													   : MEANS_KEY,
				bar);
		at++;
	}
}

/* --- all of it --- */

static void too_small(struct canvas *c, const struct mirror *m)
{
	canvas_printf(c, 0, 0, c->cols, MEANS_WARN, "%ux%u is too small: 80x24 are needed", c->cols, c->rows);
	if (m->banner_count > 0)
		canvas_printf(c, 1, 0, c->cols, MEANS_ALARM, "ALARM: %s", m->banners[0].remedy);
	if (mirror_simulated(m))
		canvas_put(c, c->rows > 2 ? 2 : 0, 0, c->cols, MEANS_SIMULATED, "SIMULATED");
}

static void screen(const struct view_in *in)
{
	switch (in->desk->screen) {
	case SCREEN_LINE: view_line(in); break;
	case SCREEN_RADIOS: view_radios(in); break;
	case SCREEN_DEVICE: view_device(in); break;
	case SCREEN_CHANNELS: view_channels(in); break;
	case SCREEN_FAILURES: view_failures(in); break;
	case SCREEN_LOG: view_log(in); break;
	case SCREEN_HELP: view_help(in); break;
	case SCREENS: break;
	}
}

bool view_build(struct view *v, struct desk *desk, const struct mirror *mirror, unsigned rows, unsigned cols,
		bool ascii)
{
	struct view_in in = { &v->base, desk, mirror, desk_arrange(desk, mirror), 0, rows >= 2 ? rows - 2 : 0, cols };

	v->over.rows = v->over.cols = 0;
	if (!canvas_begin(&v->base, rows, cols, ascii))
		return false;
	if (rows < VIEW_ROWS_MIN || cols < VIEW_COLS_MIN) {
		too_small(&v->base, mirror);
		return true;
	}
	tabs(&in);
	in.from = trouble_row(&in, alarm_rows(&in, header(&in)));
	screen(&in);
	if (!desk_is_live(desk) && !desk->ended)
		dull(&v->base);
	scan_row(&in, rows - 2);
	key_bar(&in, rows - 1);
	if (desk->ask.what != ASK_NOTHING)
		view_over(v, desk, mirror, rows, cols);
	return true;
}

void view_free(struct view *v)
{
	canvas_free(&v->base);
	canvas_free(&v->over);
}

uint32_t view_click(const struct view *v, unsigned row, unsigned col, uint64_t *arg)
{
	const struct canvas_hit *hit = NULL;

	if (v->over.rows > 0)
		hit = row >= v->over_row && col >= v->over_col
			      ? canvas_hit_at(&v->over, row - v->over_row, col - v->over_col)
			      : NULL;
	else
		hit = canvas_hit_at(&v->base, row, col);
	*arg = hit ? hit->arg : 0;
	return hit ? hit->key : KEYS_NONE;
}
