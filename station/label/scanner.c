#include "station/label/scanner.h"

#include <string.h>

#define STX 0x02
#define ETX 0x03 /* also what Ctrl-C sends */
#define EOT 0x04
#define DELETE 0x7f

#define SURE_RUN 3u /* so many keys in one run are no person's */
#define LONG_RUN 4u /* a run of so many may pause */
#define FAST_RUN 6u /* so many at FAST_US on the average are not typed: 185 words a minute */
#define FAST_US 65000u
#define PASTE_US 1000000u /* a paste whose end was not told is over after this */

static bool is_character(uint32_t key) { return key < SCANNER_NO_CHARACTER; }

/* What no command begins with. */
static bool begins_line(uint32_t key) { return (key >= '0' && key <= '9') || (key >= 'A' && key <= 'Z') || key == '{'; }

static bool is_end(const struct scanner *s, uint32_t key)
{
	return key == SCANNER_ENTER || (key == SCANNER_TAB && !s->setup.tab_is_in);
}

/* Typed before, and on the line. */
static bool on_line(const struct scanner *s) { return s->from > 0 || s->open; }

/* A single key that is no text: it may stand before a scan, or be a person's. Among octets nothing is a command. */
static bool holds_control(const struct scanner *s) { return s->run == 1 && s->first < ' ' && !s->setup.octets; }

static bool is_mixed(const struct scanner *s) { return s->run > 1 && !s->same; }

/* From a scanner without a suffix. A small letter again and again is a key held down; nobody does that with digits. */
static bool is_silent_scan(const struct scanner *s)
{
	return s->setup.silence && s->run >= SURE_RUN && (!s->same || begins_line(s->first));
}

void scanner_clear(struct scanner *s)
{
	struct scanner fresh = { .setup = s->setup,
				 .typing = s->typing,
				 .ended = s->ended,
				 .ended_us = s->ended_us,
				 .pasting = s->pasting };

	memset(s->text, 0, sizeof(s->text)); /* it may have been a PIN */
	*s = fresh;
}

void scanner_open(struct scanner *s, uint64_t now_us)
{
	scanner_clear(s);
	s->open = true;
	s->hand_us = now_us;
}

static enum scanner_took lost(struct scanner *s, const char *why)
{
	scanner_clear(s);
	s->why = why;
	return SCANNER_LOST;
}

/* --- the text --- */

/* UTF-8 of a character; an octet as it is. */
static unsigned encode(const struct scanner *s, uint32_t key, char out[static 4])
{
	if (s->setup.octets || key < 0x80) {
		out[0] = (char)key;
		return 1;
	}
	if (key < 0x800) {
		out[0] = (char)(0xc0 | key >> 6);
		out[1] = (char)(0x80 | (key & 0x3f));
		return 2;
	}
	if (key < 0x10000) {
		out[0] = (char)(0xe0 | key >> 12);
		out[1] = (char)(0x80 | (key >> 6 & 0x3f));
		out[2] = (char)(0x80 | (key & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | key >> 18);
	out[1] = (char)(0x80 | (key >> 12 & 0x3f));
	out[2] = (char)(0x80 | (key >> 6 & 0x3f));
	out[3] = (char)(0x80 | (key & 0x3f));
	return 4;
}

static void add(struct scanner *s, uint32_t key)
{
	char octets[4];
	unsigned len = encode(s, key, octets);

	if (s->len + len >= SCANNER_MAX) {
		s->overlong = true;
		return;
	}
	memcpy(s->text + s->len, octets, len);
	s->len += len;
	s->text[s->len] = '\0';
}

/* Octets of the character at this place, as encode() wrote them. */
static unsigned width_at(const struct scanner *s, size_t at)
{
	unsigned char c = (unsigned char)s->text[at];

	return s->setup.octets || c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static void chop(struct scanner *s)
{
	unsigned char c;

	do {
		c = (unsigned char)s->text[--s->len];
		s->text[s->len] = '\0';
	} while (s->len > 0 && !s->setup.octets && (c & 0xc0) == 0x80);
}

/* The first key of the run goes to whoever obeys keys. */
static uint32_t pop(struct scanner *s)
{
	unsigned width = width_at(s, s->from);
	const unsigned char *c = (const unsigned char *)s->text + s->from;
	uint32_t key = width == 1 ? c[0] : width == 2 ? c[0] & 0x1fu : width == 3 ? c[0] & 0xfu : c[0] & 7u;

	for (unsigned i = 1; i < width; i++)
		key = key << 6 | (c[i] & 0x3fu);
	memmove(s->text + s->from, s->text + s->from + width, s->len - s->from - width);
	memset(s->text + s->len - width, 0, width);
	s->len -= width;
	s->run--;
	s->releasing = s->run > 0;
	return key;
}

static void drop_run(struct scanner *s)
{
	memset(s->text + s->from, 0, s->len - s->from);
	s->len = s->from;
	s->run = 0;
	s->releasing = s->overlong = false;
}

/* --- what a run turns out to be --- */

static enum scanner_took release(struct scanner *s, uint32_t *key)
{
	s->releasing_typing = s->typing;
	s->repeated = s->run > 1;
	*key = pop(s);
	return SCANNER_KEY;
}

/* It was typed by hand, and is on the line. */
static void keep(struct scanner *s)
{
	if (s->first < ' ' && s->first != SCANNER_TAB)
		drop_run(s);
	for (size_t i = s->from; i < s->len; i++)
		if (s->text[i] == '\t' && !s->setup.tab_is_in)
			s->text[i] = ' ';
	s->from = s->len;
	s->run = 0;
	s->hand_us = s->last_us;
}

static enum scanner_took ready(struct scanner *s, uint64_t now_us)
{
	bool scanned = s->framed || (s->run >= SURE_RUN && !s->same);

	s->ended = true;
	s->ended_us = now_us;
	if (s->overlong)
		return lost(s, "it is longer than any code");
	/* What somebody typed and left is no beginning of it; what came a moment ago may be, from a slow scanner. */
	if (scanned && s->from > 0 && s->run_us - s->hand_us >= SCANNER_JOIN_US) {
		memmove(s->text, s->text + s->from, s->len - s->from);
		memset(s->text + s->len - s->from, 0, s->from);
		s->len -= s->from;
	}
	s->run = 0;
	s->from = s->len;
	s->framed = false;
	if (s->len > 0)
		return SCANNER_READY;
	return lost(s, "there was nothing in it");
}

static bool was_too_fast(const struct scanner *s)
{
	return s->run >= FAST_RUN && !s->same && (s->last_us - s->run_us) / (s->run - 1) < FAST_US;
}

/* Nothing more has come. */
static enum scanner_took settle(struct scanner *s, uint32_t *key, uint64_t now_us)
{
	static const char *const endless = "it came as fast as a scanner types, and had no end (Enter, Tab)";

	if (s->overlong)
		return lost(s, "it is longer than any code");
	if (is_silent_scan(s))
		return ready(s, now_us);
	if (s->typing)
		return was_too_fast(s) ? lost(s, endless) : release(s, key);
	if (on_line(s) || begins_line(s->first)) {
		keep(s);
		return SCANNER_TAKEN;
	}
	return is_mixed(s) ? lost(s, endless) : release(s, key);
}

static enum scanner_took spoil(struct scanner *s, unsigned swallowed, uint64_t now_us)
{
	scanner_clear(s);
	s->spoilt = true;
	s->swallowed = swallowed;
	s->last_us = now_us;
	return SCANNER_TAKEN;
}

static enum scanner_took swallow(struct scanner *s, uint32_t key, uint64_t now_us)
{
	if (is_end(s, key) || key == ETX || key == EOT) {
		s->ended = true;
		s->ended_us = now_us;
		return lost(s, "a key that is no text came in the middle of it");
	}
	s->swallowed++;
	s->last_us = now_us;
	return SCANNER_TAKEN;
}

/* --- frames --- */

static enum scanner_took open_frame(struct scanner *s, uint64_t now_us)
{
	scanner_clear(s);
	s->framed = true;
	s->run_us = s->last_us = now_us;
	return SCANNER_TAKEN;
}

/* The prefix and the suffix of the settings, where they are text. */
static enum scanner_took look_for_affixes(struct scanner *s, uint64_t now_us)
{
	size_t before = strlen(s->setup.prefix), behind = strlen(s->setup.suffix), have = s->len - s->from;

	if (!s->framed && before > 0 && have == before && memcmp(s->text + s->from, s->setup.prefix, before) == 0)
		return open_frame(s, now_us);
	if (behind == 0 || have < behind + 1 || memcmp(s->text + s->len - behind, s->setup.suffix, behind) != 0)
		return SCANNER_TAKEN;
	memset(s->text + s->len - behind, 0, behind);
	s->len -= behind;
	return ready(s, now_us);
}

static enum scanner_took take(struct scanner *s, uint32_t key, uint64_t now_us)
{
	if (s->run == 0 && !s->framed) {
		s->from = s->len;
		s->first = key;
		s->same = true;
		s->run_us = now_us;
	}
	s->run++;
	s->same = s->same && key == s->first;
	s->last_us = now_us;
	add(s, key);
	return look_for_affixes(s, now_us);
}

static enum scanner_took in_frame(struct scanner *s, uint32_t key, uint64_t now_us)
{
	if (is_end(s, key) || key == ETX || key == EOT)
		return ready(s, now_us);
	if (!is_character(key) || key == SCANNER_ESCAPE || key == SCANNER_BACKSPACE || key == DELETE)
		return spoil(s, 1, now_us);
	return take(s, key, now_us);
}

/* --- a paste, as the terminal marks it --- */

static enum scanner_took paste_edge(struct scanner *s, uint32_t key, uint64_t now_us)
{
	if (s->run > 0)
		drop_run(s);
	s->framed = s->spoilt = s->ended = false;
	s->pasting = key == SCANNER_PASTE;
	s->last_us = s->hand_us = now_us;
	return SCANNER_TAKEN;
}

static enum scanner_took pasted(struct scanner *s, uint32_t *key, uint64_t now_us)
{
	s->last_us = s->hand_us = now_us;
	if (!is_character(*key))
		return SCANNER_TAKEN;
	if (*key < ' ' || *key == DELETE)
		*key = ' ';
	s->repeated = false;
	if (s->typing)
		return SCANNER_KEY;
	add(s, *key);
	s->from = s->len;
	return SCANNER_TAKEN;
}

/* --- key by key --- */

/* Nothing waits. */
static enum scanner_took start(struct scanner *s, uint32_t *key, uint64_t now_us)
{
	if (s->typing && s->len > 0)
		scanner_clear(s); /* a question was opened: the line is for scans now */
	s->repeated = false;
	if (!is_character(*key) || *key == ETX)
		return SCANNER_KEY;
	if (*key == SCANNER_BACKSPACE || *key == DELETE) {
		*key = SCANNER_BACKSPACE;
		if (s->len == 0)
			return SCANNER_KEY;
		chop(s);
		s->from = s->len;
		s->hand_us = now_us;
		return SCANNER_TAKEN;
	}
	if (*key == SCANNER_ESCAPE && (s->len > 0 || s->open))
		return spoil(s, 0, now_us);
	if (*key == SCANNER_ENTER && (s->len > 0 || s->open))
		return ready(s, now_us);
	return take(s, *key, now_us);
}

/* The run was a person's, and here is another key. */
static enum scanner_took let_go(struct scanner *s, uint32_t *key, uint64_t now_us, bool *again)
{
	if (!s->typing && (on_line(s) || begins_line(s->first))) {
		keep(s);
		return start(s, key, now_us);
	}
	*again = true;
	return release(s, key);
}

/* Something waits, and a key comes that ends a scan. */
static enum scanner_took end(struct scanner *s, uint32_t *key, uint64_t now_us, bool *again)
{
	if (s->run == 1 && is_end(s, s->first)) { /* two of them, as CR and LF: one is enough */
		drop_run(s);
		return take(s, *key, now_us);
	}
	if (holds_control(s) || (s->typing && now_us - s->last_us > SCANNER_GAP_US))
		return let_go(s, key, now_us, again);
	return ready(s, now_us);
}

static enum scanner_took go_on(struct scanner *s, uint32_t *key, uint64_t now_us, bool *again)
{
	bool sure = s->run >= SURE_RUN && !s->same;

	if (!is_character(*key))
		return is_mixed(s) ? spoil(s, 1, now_us) : let_go(s, key, now_us, again);
	if (*key == ETX || *key == EOT)
		return sure ? ready(s, now_us) : let_go(s, key, now_us, again);
	if (is_end(s, *key))
		return end(s, key, now_us, again);
	if (*key == SCANNER_BACKSPACE || *key == DELETE) {
		if (holds_control(s))
			return let_go(s, key, now_us, again);
		if (!s->overlong)
			chop(s);
		s->run--;
		s->last_us = s->hand_us = now_us;
		return SCANNER_TAKEN;
	}
	if (*key == SCANNER_ESCAPE)
		return holds_control(s) ? let_go(s, key, now_us, again) : spoil(s, 0, now_us);
	/* A scanner may send Enter or Tab first; Escape is how some send what is no character (Alt and digits). */
	if (s->run == 1 && is_end(s, s->first))
		drop_run(s);
	else if (s->run == 1 && s->first == SCANNER_ESCAPE)
		return spoil(s, 1, now_us);
	return take(s, *key, now_us);
}

enum scanner_took scanner_key(struct scanner *s, uint32_t *key, uint64_t now_us, bool *again)
{
	bool end_of_one = is_end(s, *key) || *key == EOT; /* not ETX: Ctrl-C is never swallowed */

	*again = false;
	if (s->releasing && s->typing == s->releasing_typing) {
		*again = true;
		*key = pop(s);
		return SCANNER_KEY;
	}
	if (s->releasing)
		drop_run(s); /* the first of them has opened or closed a question: the rest were not meant for that */
	if (*key == SCANNER_PASTE || *key == SCANNER_PASTED)
		return paste_edge(s, *key, now_us);
	if (s->pasting && now_us - s->last_us < PASTE_US)
		return pasted(s, key, now_us);
	s->pasting = false;
	/* CR and LF, ETX and CR: the first has ended it. */
	if (end_of_one && s->ended && now_us - s->ended_us < SCANNER_GAP_US && s->len == 0 && !s->framed && !s->open) {
		s->ended_us = now_us;
		return SCANNER_TAKEN;
	}
	if (s->spoilt)
		return swallow(s, *key, now_us);
	if (*key == STX)
		return open_frame(s, now_us);
	if (s->framed)
		return in_frame(s, *key, now_us);
	return s->run > 0 ? go_on(s, key, now_us, again) : start(s, key, now_us);
}

enum scanner_took scanner_expire(struct scanner *s, uint32_t *key, uint64_t now_us)
{
	*key = SCANNER_NO_CHARACTER;
	if (now_us < scanner_deadline_us(s))
		return SCANNER_TAKEN;
	if (s->releasing && s->typing == s->releasing_typing) {
		*key = pop(s);
		return SCANNER_KEY;
	}
	if (s->releasing) {
		drop_run(s);
		return SCANNER_TAKEN;
	}
	if (s->spoilt && s->swallowed == 0) {
		scanner_clear(s);
		return SCANNER_TAKEN;
	}
	if (s->spoilt)
		return lost(s, "a key that is no text came in the middle of it");
	if (s->framed)
		return s->setup.silence ? ready(s, now_us) : lost(s, "it had a beginning, and no end");
	if (s->run > 0)
		return settle(s, key, now_us);
	return lost(s, "it was typed and left");
}

uint64_t scanner_deadline_us(const struct scanner *s)
{
	if (s->releasing)
		return s->last_us;
	if (s->spoilt)
		return s->last_us + SCANNER_GAP_US;
	if (s->framed)
		return s->last_us + SCANNER_STALL_US;
	if (s->run == 0)
		return (s->len > 0 || s->open) && !s->typing ? s->hand_us + SCANNER_HAND_US : UINT64_MAX;
	if (is_silent_scan(s))
		return s->last_us + SCANNER_SILENCE_US;
	if (s->typing ? s->run >= LONG_RUN && !s->same : is_mixed(s) && !on_line(s) && !begins_line(s->first))
		return s->last_us + SCANNER_STALL_US;
	return s->last_us + SCANNER_GAP_US;
}

bool scanner_stands(const struct scanner *s)
{
	if (s->open || s->from > 0 || s->framed)
		return s->open || s->len > 0;
	return s->run > 0 && (is_mixed(s) || begins_line(s->first));
}

enum scanner_took scanner_finish(struct scanner *s)
{
	if (s->spoilt || (s->run > 0 && holds_control(s)) || s->len == 0) {
		scanner_clear(s);
		return SCANNER_TAKEN;
	}
	return ready(s, s->last_us);
}
