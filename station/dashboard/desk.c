#include "station/dashboard/desk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/dashboard/text.h"
#include "station/label/scan.h"

struct desk *desk_create(void)
{
	struct desk *d = calloc(1, sizeof(*d));

	if (d) {
		d->page = 10;
		d->next_id = 1;
		snprintf(d->trouble, sizeof(d->trouble), "connecting");
	}
	return d;
}

void desk_destroy(struct desk *d)
{
	if (!d)
		return;
	ask_end(d);
	scanner_clear(&d->scanner);
	mirror_destroy(d->frozen);
	map_free(&d->tags);
	free(d->order);
	free(d);
}

void desk_note(struct desk *d, enum meaning meaning, uint64_t now_us, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(d->note, sizeof(d->note), format, args);
	va_end(args);
	d->note_means = meaning;
	d->note_until_us = now_us + DESK_NOTE_US;
}

bool desk_tagged(const struct desk *d, int64_t unit) { return map_get(&d->tags, (uint64_t)unit) != NULL; }

static void untag_all(struct desk *d)
{
	map_free(&d->tags);
	d->tags = (struct map){ 0 };
}

static void tag(struct desk *d, int64_t unit, bool on)
{
	if (on && d->tags.count < DESK_UNITS_MAX)
		(void)map_put(&d->tags, (uint64_t)unit, d);
	else if (!on)
		map_remove(&d->tags, (uint64_t)unit);
}

/* --- what is shown --- */

const struct mirror *desk_arrange(struct desk *d, const struct mirror *mirror)
{
	const struct mirror *shown = d->frozen ? d->frozen : mirror;
	struct spot *p = &d->places[SCREEN_LINE];

	d->order_count = columns_order(shown, d->filter, d->sort, d->turned, &d->order, &d->order_room);
	if (d->selected != 0)
		for (size_t i = 0; i < d->order_count; i++)
			if (shown->units[d->order[i]].unit == d->selected) {
				p->cursor = (unsigned)i;
				break;
			}
	if (p->cursor >= d->order_count)
		p->cursor = d->order_count > 0 ? (unsigned)d->order_count - 1 : 0;
	if (d->selected == 0)
		p->cursor = p->top = 0;
	return shown;
}

const struct unit_row *desk_unit(const struct desk *d, const struct mirror *shown)
{
	unsigned cursor = d->places[SCREEN_LINE].cursor;

	return cursor < d->order_count ? &shown->units[d->order[cursor]] : NULL;
}

/* Rows that a screen's cursor can stand on. */
static unsigned rows_of(const struct desk *d, const struct mirror *shown)
{
	size_t count;

	switch (d->screen) {
	case SCREEN_LINE: return (unsigned)d->order_count;
	case SCREEN_RADIOS: return shown->radio_count;
	case SCREEN_CHANNELS: return shown->channel_count;
	case SCREEN_FAILURES: return shown->pareto_count;
	case SCREEN_DEVICE: return shown->detail.moments;
	case SCREEN_LOG: return shown->log_count;
	case SCREEN_HELP: (void)keys_table(&count); return (unsigned)count;
	case SCREENS: break;
	}
	return 0;
}

static void move(struct desk *d, const struct mirror *mirror, int64_t by)
{
	const struct mirror *shown = desk_arrange(d, mirror);
	enum screen_kind screen = d->screen < SCREENS ? d->screen : SCREEN_LINE;
	struct spot *p = &d->places[screen];
	unsigned rows = rows_of(d, shown);
	int64_t to = (int64_t)(p->cursor < rows ? p->cursor : rows) + by;

	if (p->cursor >= rows && rows > 0)
		to--; /* it stood at the end, wherever that is */
	p->cursor = to < 0 || rows == 0 ? 0 : to >= rows ? rows - 1 : (unsigned)to;
	if (d->screen == SCREEN_LINE) {
		const struct unit_row *u = desk_unit(d, shown);

		/* The first row is the newest one, whoever that is, until somebody chooses. */
		d->selected = u ? u->unit : 0;
	}
}

void desk_select(struct desk *d, const struct mirror *mirror, int64_t unit)
{
	const struct unit_row *u = mirror_unit(d->frozen ? d->frozen : mirror, unit);

	if (u && !unit_matches(u, d->filter))
		d->filter[0] = '\0';
	d->selected = unit;
}

void desk_goto(struct desk *d, struct mirror *mirror, enum screen_kind screen, uint64_t now_us, struct desk_out *out)
{
	if (screen == d->screen)
		return;
	if (screen == SCREEN_DEVICE) {
		const struct unit_row *u = desk_unit(d, desk_arrange(d, mirror));

		if (d->screen == SCREEN_LINE || d->device == 0)
			d->device = u ? u->unit : d->device;
		if (d->device != 0)
			talk_device(d, d->device, now_us, out);
	}
	d->before = d->screen == SCREEN_HELP || d->screen == SCREEN_DEVICE ? d->before : d->screen;
	d->screen = screen;
	if (screen == SCREEN_LOG || screen == SCREEN_DEVICE)
		d->places[screen].cursor = UINT32_MAX; /* the end */
}

/* --- finding --- */

static void find_unit(struct desk *d, const struct mirror *mirror, bool next, uint64_t now_us)
{
	const struct mirror *shown = desk_arrange(d, mirror);
	size_t from = d->places[SCREEN_LINE].cursor + (next ? 1 : 0);

	for (size_t i = 0; i < d->order_count; i++) {
		const struct unit_row *u = &shown->units[d->order[(from + i) % d->order_count]];

		if (unit_matches(u, d->search)) {
			d->selected = u->unit;
			return;
		}
	}
	desk_note(d, MEANS_WARN, now_us, "nothing here has \"%s\"", d->search);
}

static void find_log(struct desk *d, const struct mirror *mirror, bool next, uint64_t now_us)
{
	const struct mirror *shown = d->frozen ? d->frozen : mirror;
	struct spot *p = &d->places[SCREEN_LOG];

	if (p->cursor >= shown->log_count)
		p->cursor = shown->log_count ? shown->log_count - 1 : 0;
	/* Backwards: in a log the newest is looked at first. */
	for (unsigned i = next ? 1 : 0; i < shown->log_count + (next ? 1u : 0u); i++) {
		unsigned at = (p->cursor + shown->log_count - i % shown->log_count) % shown->log_count;

		if (text_matches(mirror_log(shown, at)->text, d->search)) {
			p->cursor = at;
			return;
		}
	}
	desk_note(d, MEANS_WARN, now_us, "no line has \"%s\"", d->search);
}

static void find(struct desk *d, const struct mirror *mirror, bool next, uint64_t now_us)
{
	if (!*d->search)
		return;
	if (d->screen == SCREEN_LOG)
		find_log(d, mirror, next, now_us);
	else
		find_unit(d, mirror, next, now_us);
}

/* --- what a key does --- */

static void sort_by(struct desk *d, int step)
{
	d->sort = (enum column)(((int)d->sort + step + COLUMNS) % COLUMNS);
	d->turned = false;
}

static void freeze(struct desk *d, const struct mirror *mirror, uint64_t now_us)
{
	if (d->frozen) {
		mirror_destroy(d->frozen);
		d->frozen = NULL;
		return;
	}
	d->frozen = mirror_freeze(mirror);
	if (!d->frozen)
		desk_note(d, MEANS_BAD, now_us, "no memory to freeze");
}

static void open_row(struct desk *d, struct mirror *mirror, uint64_t now_us, struct desk_out *out)
{
	const struct mirror *shown = d->frozen ? d->frozen : mirror;
	unsigned cursor = d->places[d->screen].cursor;
	const char *filter = NULL;
	char where[64];

	switch (d->screen) {
	case SCREEN_LINE:
		d->device = 0;
		desk_goto(d, mirror, SCREEN_DEVICE, now_us, out);
		return;
	case SCREEN_FAILURES: filter = cursor < shown->pareto_count ? shown->pareto[cursor].cause : NULL; break;
	case SCREEN_RADIOS:
		if (cursor < shown->radio_count) {
			snprintf(where, sizeof(where), "%s/", shown->radios[cursor].radio);
			filter = where;
		}
		break;
	case SCREEN_CHANNELS:
		if (cursor < shown->channel_count) {
			snprintf(where, sizeof(where), "/%d", (int)shown->channels[cursor].channel);
			filter = where;
		}
		break;
	case SCREEN_LOG:
		if (cursor < shown->log_count && mirror_log(shown, cursor)->unit) {
			d->device = mirror_log(shown, cursor)->unit;
			desk_goto(d, mirror, SCREEN_DEVICE, now_us, out);
		}
		return;
	case SCREEN_DEVICE:
	case SCREEN_HELP:
	case SCREENS: return;
	}
	if (filter) {
		text_copy(d->filter, sizeof(d->filter), filter);
		d->selected = 0;
		desk_goto(d, mirror, SCREEN_LINE, now_us, out);
	}
}

static void back(struct desk *d)
{
	d->hand = 0;
	if (d->screen == SCREEN_HELP || d->screen == SCREEN_DEVICE) {
		d->screen = d->before == d->screen ? SCREEN_LINE : d->before;
	} else if (d->screen != SCREEN_LINE) {
		d->screen = SCREEN_LINE;
	} else if (*d->filter) {
		d->filter[0] = '\0';
	} else if (d->tags.count > 0) {
		untag_all(d);
	} else {
		d->selected = 0;
		d->note[0] = '\0';
	}
}

static void tag_row(struct desk *d, const struct mirror *mirror, uint64_t now_us)
{
	const struct unit_row *u = desk_unit(d, desk_arrange(d, mirror));

	if (!u)
		return;
	if (d->tags.count == DESK_UNITS_MAX && !desk_tagged(d, u->unit))
		desk_note(d, MEANS_WARN, now_us, "%u are tagged: no more in one go", DESK_UNITS_MAX);
	tag(d, u->unit, !desk_tagged(d, u->unit));
	d->selected = u->unit;
	move(d, mirror, 1);
}

static void tag_all(struct desk *d, const struct mirror *mirror)
{
	const struct mirror *shown = desk_arrange(d, mirror);

	for (size_t i = 0; i < d->order_count; i++)
		tag(d, shown->units[d->order[i]].unit, true);
}

static void next_screen(struct desk *d, struct mirror *mirror, int step, uint64_t now_us, struct desk_out *out)
{
	desk_goto(d, mirror, (enum screen_kind)(((int)d->screen + step + SCREENS) % SCREENS), now_us, out);
}

void desk_do(struct desk *d, struct mirror *mirror, enum act act, uint64_t now_us, struct desk_out *out)
{
	switch (act) {
	case ACT_HELP: desk_goto(d, mirror, SCREEN_HELP, now_us, out); break;
	case ACT_MENU: ask_menu(d); break;
	case ACT_FIND: ask_text(d, ASK_FIND, ""); break;
	case ACT_NEXT: find(d, mirror, true, now_us); break;
	case ACT_FILTER: ask_text(d, ASK_FILTER, d->filter); break;
	case ACT_SORT: sort_by(d, 1); break;
	case ACT_SORT_BACK: sort_by(d, -1); break;
	case ACT_TURN: d->turned = !d->turned; break;
	case ACT_QUIT: out->quit = true; break;
	case ACT_TAG: tag_row(d, mirror, now_us); break;
	case ACT_TAG_ALL: tag_all(d, mirror); break;
	case ACT_UNTAG: untag_all(d); break;
	case ACT_FREEZE: freeze(d, mirror, now_us); break;
	case ACT_LINE: desk_goto(d, mirror, SCREEN_LINE, now_us, out); break;
	case ACT_RADIOS: desk_goto(d, mirror, SCREEN_RADIOS, now_us, out); break;
	case ACT_DEVICE: desk_goto(d, mirror, SCREEN_DEVICE, now_us, out); break;
	case ACT_CHANNELS: desk_goto(d, mirror, SCREEN_CHANNELS, now_us, out); break;
	case ACT_FAILURES: desk_goto(d, mirror, SCREEN_FAILURES, now_us, out); break;
	case ACT_LOG: desk_goto(d, mirror, SCREEN_LOG, now_us, out); break;
	case ACT_SCREEN_NEXT: next_screen(d, mirror, 1, now_us, out); break;
	case ACT_SCREEN_BACK: next_screen(d, mirror, -1, now_us, out); break;
	case ACT_OPEN: open_row(d, mirror, now_us, out); break;
	case ACT_BACK: back(d); break;
	case ACT_UP: move(d, mirror, -1); break;
	case ACT_DOWN: move(d, mirror, 1); break;
	case ACT_PAGE_UP: move(d, mirror, -(int64_t)d->page); break;
	case ACT_PAGE_DOWN: move(d, mirror, d->page); break;
	case ACT_HOME: move(d, mirror, -(int64_t)MIRROR_UNITS_MAX); break;
	case ACT_LAST: move(d, mirror, MIRROR_UNITS_MAX); break;
	case ACT_LEFT: d->left -= d->left > 0; break;
	case ACT_RIGHT: d->left += d->left + 1 < mirror->radio_count; break;
	case ACT_SCAN: scanner_open(&d->scanner, now_us); break;
	case ACT_LOGOUT: talk_badge(d, "", out); break;
	case ACT_BELL:
		d->mute = !d->mute;
		desk_note(d, MEANS_PLAIN, now_us, d->mute ? "bell off" : "bell on");
		break;
	case ACT_REDRAW: out->redraw = true; break;
	case ACT_PAUSE:
	case ACT_QUARANTINE:
	case ACT_STOP:
	case ACT_RETRY:
	case ACT_RELEASE:
	case ACT_ABORT:
	case ACT_ACK: ask_begin(d, mirror, act, now_us, out); break;
	case ACT_NONE:
	case ACTS: break;
	}
}

/* Clicks have become keys with an argument. */
static bool pointed(struct desk *d, struct mirror *mirror, uint32_t key, uint64_t arg, uint64_t now_us,
		    struct desk_out *out)
{
	switch (key) {
	case KEYS_ROW:
	case KEYS_ROW_TWICE:
		if (d->screen == SCREEN_LINE)
			d->selected = (int64_t)arg;
		else
			d->places[d->screen].cursor = (unsigned)arg;
		if (key == KEYS_ROW_TWICE)
			open_row(d, mirror, now_us, out);
		return true;
	case KEYS_SCREEN:
		if (arg < SCREENS)
			desk_goto(d, mirror, (enum screen_kind)arg, now_us, out);
		return true;
	case KEYS_COLUMN:
		if (arg < COLUMNS) {
			d->turned = d->sort == (enum column)arg && !d->turned;
			d->sort = (enum column)arg;
		}
		return true;
	case KEYS_WHEEL_UP: move(d, mirror, -3); return true;
	case KEYS_WHEEL_DOWN: move(d, mirror, 3); return true;
	default: return false;
	}
}

/* --- commands, and what takes them back --- */

static void wait_with(struct desk *d, const struct mirror *mirror, const struct key_row *row, uint64_t now_us)
{
	d->late = row->act;
	d->late_us = now_us + KEYS_LATE_US;
	d->late_banner = row->act == ACT_ACK ? talk_banner(mirror) : 0;
}

static void take_back(struct desk *d, uint64_t now_us)
{
	if (d->late != ACT_NONE)
		desk_note(d, MEANS_PLAIN, now_us, "%s was taken back: press it alone, and nothing behind it",
			  keys_row(d->late)->names);
	d->late = ACT_NONE;
	d->late_banner = 0;
}

static void do_late(struct desk *d, struct mirror *mirror, uint64_t now_us, struct desk_out *out)
{
	enum act act = d->late;

	d->late = ACT_NONE;
	desk_do(d, mirror, act, now_us, out);
	d->late_banner = 0;
}

static void command(struct desk *d, struct mirror *mirror, uint32_t key, bool repeated, uint64_t now_us,
		    struct desk_out *out)
{
	const struct key_row *row = keys_find(key, d->screen);
	bool late = row && keys_late(row->act) && key == row->letter;

	if (late && !repeated)
		wait_with(d, mirror, row, now_us);
	else if (row && !late)
		desk_do(d, mirror, row->act, now_us, out);
}

/* A person's. */
static void pressed(struct desk *d, struct mirror *mirror, uint32_t key, uint64_t arg, bool repeated, uint64_t now_us,
		    struct desk_out *out)
{
	if (key == KEYS_INTERRUPT)
		out->interrupt = true;
	else if (d->ask.what != ASK_NOTHING && ask_key(d, mirror, key, arg, repeated, now_us, out))
		return;
	else if (!pointed(d, mirror, key, arg, now_us, out))
		command(d, mirror, key, repeated, now_us, out);
}

static void not_a_scan(struct desk *d, const char *why, uint64_t now_us, struct desk_out *out)
{
	desk_note(d, MEANS_WARN, now_us, "that was no scan, and nothing was done: %s", why);
	out->bell = !d->mute;
}

static void scanned(struct desk *d, struct mirror *mirror, uint64_t now_us, struct desk_out *out)
{
	char text[SCAN_MAX];
	size_t from, len;
	const char *wrong = scan_plain(d->scanner.text, d->scanner.len, &from, &len);

	memcpy(text, d->scanner.text + from, len);
	text[len] = '\0';
	scanner_clear(&d->scanner);
	ask_scanned(d, now_us);
	if (wrong)
		not_a_scan(d, wrong, now_us, out);
	else
		talk_scanned(d, mirror, text, now_us, out);
	memset(text, 0, sizeof(text));
}

/* What the scanner's side has made of a key, or of time. */
static void took(struct desk *d, struct mirror *mirror, enum scanner_took what, uint32_t key, uint64_t arg, bool again,
		 uint64_t now_us, struct desk_out *out)
{
	bool repeated = again || d->scanner.repeated;

	switch (what) {
	case SCANNER_KEY: pressed(d, mirror, key, arg, repeated, now_us, out); break;
	case SCANNER_READY: scanned(d, mirror, now_us, out); break;
	case SCANNER_LOST: not_a_scan(d, d->scanner.why, now_us, out); break;
	case SCANNER_TAKEN: break;
	}
	/* What is typed on the line answers no menu and says no yes. */
	if (scanner_stands(&d->scanner) && !ask_takes_text(d) && d->ask.what != ASK_NOTHING)
		ask_scanned(d, now_us);
}

void desk_key(struct desk *d, struct mirror *mirror, uint32_t key, uint64_t arg, uint64_t now_us, struct desk_out *out)
{
	bool again = true;

	if (key == KEYS_CLOSED) {
		out->quit = true;
		return;
	}
	take_back(d, now_us);
	while (again) {
		uint32_t k = key;
		enum scanner_took what;

		d->scanner.typing = ask_takes_text(d);
		what = scanner_key(&d->scanner, &k, now_us, &again);
		took(d, mirror, what, k, again ? 0 : arg, again, now_us, out);
	}
}

void desk_click(struct desk *d, struct mirror *mirror, uint32_t key, uint64_t arg, uint64_t now_us,
		struct desk_out *out)
{
	const struct key_row *row = keys_find(key, d->screen);

	take_back(d, now_us);
	if (d->ask.what != ASK_NOTHING && ask_key(d, mirror, key, arg, false, now_us, out))
		return;
	if (!pointed(d, mirror, key, arg, now_us, out) && row)
		desk_do(d, mirror, row->act, now_us, out);
}

/* --- time --- */

static bool device_watched(const struct desk *d, const struct mirror *mirror)
{
	const struct unit_row *u = d->screen == SCREEN_DEVICE && d->up ? mirror_unit(mirror, d->device) : NULL;

	return u && (mirror->changes != d->seen_of_device) &&
	       (u->state == UNIT_IS_ACTIVE || !mirror->detail.known || u->since_us != mirror->detail.unit.since_us ||
		u->state != mirror->detail.unit.state || u->attempt != mirror->detail.unit.attempt);
}

void desk_heard(struct desk *d, uint64_t now_us)
{
	d->heard_us = now_us;
	d->silent_s = 0;
}

bool desk_is_live(const struct desk *d) { return d->up && d->silent_s == 0; }

/* When the next second of silence is to be said. */
static uint64_t silent_us(const struct desk *d)
{
	return d->up ? d->heard_us + (d->silent_s == 0 ? DESK_SILENT_US : (d->silent_s + 1) * 1000000u) : UINT64_MAX;
}

uint64_t desk_deadline_us(const struct desk *d, const struct mirror *mirror)
{
	uint64_t at = scanner_deadline_us(&d->scanner), note = *d->note ? d->note_until_us : UINT64_MAX;
	uint64_t device = device_watched(d, mirror) ? d->asked_us + DESK_REFRESH_US : UINT64_MAX;

	if (d->hand && d->hand_until_us < at)
		at = d->hand_until_us;
	if (d->late != ACT_NONE && d->late_us < at)
		at = d->late_us;
	at = silent_us(d) < at ? silent_us(d) : at;
	at = note < at ? note : at;
	return device < at ? device : at;
}

void desk_expire(struct desk *d, struct mirror *mirror, uint64_t now_us, struct desk_out *out)
{
	uint32_t key;

	/* One by one: the first may open a question, and then the deadline of the rest is another one. */
	for (d->scanner.typing = ask_takes_text(d); now_us >= scanner_deadline_us(&d->scanner);
	     d->scanner.typing = ask_takes_text(d)) {
		enum scanner_took what = scanner_expire(&d->scanner, &key, now_us);

		took(d, mirror, what, key, 0, false, now_us, out);
	}
	if (d->late != ACT_NONE && now_us >= d->late_us)
		do_late(d, mirror, now_us, out);
	if (now_us >= silent_us(d))
		d->silent_s = (unsigned)((now_us - d->heard_us) / 1000000u);
	if (*d->note && now_us >= d->note_until_us)
		d->note[0] = '\0';
	if (now_us >= d->hand_until_us)
		d->hand = 0;
	if (device_watched(d, mirror) && now_us >= d->asked_us + DESK_REFRESH_US)
		talk_device(d, d->device, now_us, out);
}

void desk_state(struct desk *d, struct mirror *mirror, uint64_t now_us, struct desk_out *out)
{
	int64_t newest = 0;

	desk_heard(d, now_us);
	d->up = true;
	d->ended = false;
	d->trouble[0] = '\0';
	for (unsigned i = 0; i < mirror->banner_count; i++)
		newest = mirror->banners[i].banner > newest ? mirror->banners[i].banner : newest;
	if (newest > d->rung) {
		out->bell = !d->mute;
		d->rung = newest;
	}
	/* A new run: what was chosen of the old one is gone. */
	if (d->selected && !mirror_unit(mirror, d->selected) && !d->frozen)
		d->selected = 0;
	if (device_watched(d, mirror) && now_us >= d->asked_us + DESK_REFRESH_US)
		talk_device(d, d->device, now_us, out);
}

void desk_lost(struct desk *d, const char *trouble, bool ended)
{
	d->up = false;
	d->silent_s = 0;
	d->ended = ended;
	memset(d->pending, 0, sizeof(d->pending));
	text_copy(d->trouble, sizeof(d->trouble), trouble);
	d->rung = 0;
}
