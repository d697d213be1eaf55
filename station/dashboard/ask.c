/* Questions: a text to find, a reason, whether it is meant, which of what can be done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/dashboard/desk.h"
#include "station/dashboard/text.h"

static const char *const pause_reasons[] = { "labels run out",	       "material missing", "break",
					     "fixture or radio fault", "change of shift",  NULL };
static const char *const aside_reasons[] = { "damaged", "label wrong or unreadable", "does not start", "to be examined",
					     NULL };
static const char *const stop_reasons[] = { "end of shift", "lot complete", "stopped by the lead", NULL };
static const char *const retry_reasons[] = { "moved closer", "power restored", "repaired", NULL };
static const char *const release_reasons[] = { "examined and found good", "repaired", "put aside by mistake", NULL };
static const char *const resume_reasons[] = { "cause removed", "checked with the lead", NULL };
static const char *const no_reasons[] = { NULL };

const char *const *ask_reasons(enum act act)
{
	switch (act) {
	case ACT_PAUSE: return pause_reasons;
	case ACT_QUARANTINE: return aside_reasons;
	case ACT_STOP:
	case ACT_ABORT: return stop_reasons;
	case ACT_RETRY: return retry_reasons;
	case ACT_RELEASE: return release_reasons;
	case ACT_BACK: return resume_reasons; /* how a resume is asked for */
	default: return no_reasons;
	}
}

void ask_end(struct desk *d)
{
	free(d->ask.units);
	memset(&d->ask, 0, sizeof(d->ask));
}

void ask_text(struct desk *d, enum asking what, const char *text)
{
	ask_end(d);
	d->ask.what = what;
	text_copy(d->ask.text, sizeof(d->ask.text), text);
}

void ask_menu(struct desk *d)
{
	ask_end(d);
	d->ask.what = ASK_MENU;
}

unsigned ask_menu_rows(const struct desk *d, const struct key_row *rows[static ACTS])
{
	size_t count;
	const struct key_row *table = keys_table(&count);
	unsigned n = 0;

	for (size_t i = 0; i < count && n < ACTS; i++)
		if (*table[i].menu && (table[i].screens & ON(d->screen)))
			rows[n++] = &table[i];
	return n;
}

static bool on_units(enum act act) { return act == ACT_QUARANTINE || act == ACT_RETRY || act == ACT_RELEASE; }

/* Whom it is about: the device of its screen, else the tagged, else the row of the cursor. */
static bool take_units(struct desk *d, const struct mirror *mirror)
{
	const struct mirror *shown = desk_arrange(d, mirror);
	const struct unit_row *u = desk_unit(d, shown);
	size_t room = d->tags.count > 0 ? d->tags.count : 1;

	d->ask.units = calloc(room, sizeof(*d->ask.units));
	if (!d->ask.units)
		return false;
	if (d->screen == SCREEN_DEVICE) {
		d->ask.units[d->ask.unit_count++] = d->device;
		return d->device != 0;
	}
	for (size_t i = 0; i < shown->unit_count && d->ask.unit_count < d->tags.count; i++)
		if (desk_tagged(d, shown->units[i].unit))
			d->ask.units[d->ask.unit_count++] = shown->units[i].unit;
	if (d->tags.count == 0 && u)
		d->ask.units[d->ask.unit_count++] = u->unit;
	return d->ask.unit_count > 0;
}

void ask_begin(struct desk *d, struct mirror *mirror, enum act act, uint64_t now_us, struct desk_out *out)
{
	const struct key_row *row = keys_row(act);

	ask_end(d);
	if (!d->up) {
		desk_note(d, MEANS_BAD, now_us, "no connection to the station: nothing can be done from here now");
		return;
	}
	if (mirror->role < row->role) {
		desk_note(d, MEANS_WARN, now_us, "%s may not do that: scan the badge of %s",
			  mirror->role == ROLE_OPERATOR ? "an operator" : "an observer",
			  row->role == ROLE_LEAD ? "a lead" : "an operator");
		out->bell = !d->mute;
		return;
	}
	if (act == ACT_ACK) {
		talk_ack(d, mirror, d->late_banner ? d->late_banner : talk_banner(mirror), now_us, out);
		return;
	}
	if (on_units(act) && !take_units(d, mirror)) {
		desk_note(d, MEANS_WARN, now_us, "choose a device, or tag some with Space");
		return;
	}
	/* The same key pauses and resumes: what it means is fixed now, while the person looks at the screen. */
	if (act == ACT_PAUSE && (mirror->header.run == RUN_PAUSED || *mirror->header.guard))
		act = ACT_BACK;
	d->ask.what = ASK_REASON;
	d->ask.act = act;
}

/* --- answers --- */

static void done(struct desk *d, struct desk_out *out)
{
	struct ask *a = &d->ask;

	talk_act(d, a->act, a->units, a->unit_count, a->reason, out);
	if (a->units && d->screen == SCREEN_LINE && d->tags.count > 0) {
		map_free(&d->tags);
		d->tags = (struct map){ 0 };
	}
	ask_end(d);
}

/* A number is the reason with that number, and no reason where there is none: a slip is not what goes on record. */
static bool take_reason(struct ask *a)
{
	const char *const *reasons = ask_reasons(a->act);
	size_t count = 0, digits = strspn(a->text, "0123456789");
	unsigned long number = strtoul(a->text, NULL, 10);

	while (reasons[count])
		count++;
	if (digits == 0 || a->text[digits] || count == 0) {
		text_copy(a->reason, sizeof(a->reason), a->text);
		return true;
	}
	if (number < 1 || number > count)
		return false;
	text_copy(a->reason, sizeof(a->reason), reasons[number - 1]);
	return true;
}

static bool asks_twice(const struct ask *a)
{
	return a->act == ACT_STOP || a->act == ACT_ABORT || (a->act == ACT_QUARANTINE && a->unit_count > 1);
}

static bool may_be_silent(const struct ask *a, const struct mirror *mirror)
{
	return a->act == ACT_RETRY || (a->act == ACT_BACK && !*mirror->header.guard);
}

static void reason_given(struct desk *d, struct mirror *mirror, uint64_t now_us, struct desk_out *out)
{
	struct ask *a = &d->ask;

	if (!take_reason(a)) {
		desk_note(d, MEANS_WARN, now_us, "there is no reason %s: a number of the list, or words", a->text);
		a->text[0] = '\0';
		return;
	}
	if (!*a->reason && !may_be_silent(a, mirror)) {
		desk_note(d, MEANS_WARN, now_us, "a reason is needed: it goes on record");
		return;
	}
	if (!asks_twice(a)) {
		done(d, out);
		return;
	}
	a->what = ASK_SURE;
	a->text[0] = '\0';
}

static void text_given(struct desk *d, struct mirror *mirror, uint64_t now_us, struct desk_out *out)
{
	struct ask *a = &d->ask;

	if (a->what == ASK_REASON) {
		reason_given(d, mirror, now_us, out);
		return;
	}
	if (a->what == ASK_FILTER) {
		text_copy(d->filter, sizeof(d->filter), a->text);
		ask_end(d);
		return;
	}
	text_copy(d->search, sizeof(d->search), a->text);
	ask_end(d);
	/* From the row after: asking for the same again goes on. */
	desk_do(d, mirror, ACT_NEXT, now_us, out);
}

static void type(struct ask *a, uint32_t key)
{
	char octets[5];
	unsigned len = text_encode(key, octets);
	size_t have = strlen(a->text);

	if (have + len < sizeof(a->text))
		memcpy(a->text + have, octets, len + 1);
}

static void text_key(struct desk *d, struct mirror *mirror, uint32_t key, uint64_t now_us, struct desk_out *out)
{
	struct ask *a = &d->ask;

	if (key == KEYS_ENTER)
		text_given(d, mirror, now_us, out);
	else if (key == KEYS_ESCAPE)
		ask_end(d);
	else if (key == KEYS_BACKSPACE)
		text_chop(a->text);
	else if (key >= ' ' && key < KEYS_NONE && key != 0x7f)
		type(a, key);
}

/* No choice by number: digits are for the scan line. */
static void menu_key(struct desk *d, struct mirror *mirror, uint32_t key, uint64_t arg, uint64_t now_us,
		     struct desk_out *out)
{
	const struct key_row *rows[ACTS];
	unsigned count = ask_menu_rows(d, rows), *at = &d->ask.menu_row;

	if (key == KEYS_MENU_ROW && arg < count) {
		*at = (unsigned)arg;
		key = KEYS_ENTER;
	}
	if (key == KEYS_UP || key == 'k')
		*at -= *at > 0;
	else if (key == KEYS_DOWN || key == 'j')
		*at += *at + 1 < count;
	else if (key == KEYS_ENTER && *at < count) {
		enum act act = rows[*at]->act;

		ask_end(d);
		desk_do(d, mirror, act, now_us, out);
	} else {
		ask_end(d);
	}
}

/* A y that was pressed once, and nothing with it: no key that was held down or fell over says yes. */
static void sure_key(struct desk *d, uint32_t key, bool repeated, uint64_t now_us, struct desk_out *out)
{
	if (key == 'y' && !repeated) {
		done(d, out);
		return;
	}
	ask_end(d);
	desk_note(d, MEANS_PLAIN, now_us, "nothing was done");
}

bool ask_takes_text(const struct desk *d)
{
	return d->ask.what == ASK_FIND || d->ask.what == ASK_FILTER || d->ask.what == ASK_REASON;
}

void ask_scanned(struct desk *d, uint64_t now_us)
{
	if (d->ask.what == ASK_SURE)
		desk_note(d, MEANS_PLAIN, now_us, "nothing was done");
	if (d->ask.what != ASK_REASON)
		ask_end(d);
}

bool ask_key(struct desk *d, struct mirror *mirror, uint32_t key, uint64_t arg, bool repeated, uint64_t now_us,
	     struct desk_out *out)
{
	if (key == KEYS_RESIZE || key == KEYS_CLOSED)
		return false;
	switch (d->ask.what) {
	case ASK_FIND:
	case ASK_FILTER:
	case ASK_REASON: text_key(d, mirror, key, now_us, out); return true;
	case ASK_SURE: sure_key(d, key, repeated, now_us, out); return true;
	case ASK_MENU: menu_key(d, mirror, key, arg, now_us, out); return true;
	case ASK_NOTHING: break;
	}
	return false;
}
