/*
 * A barcode scanner is a keyboard: whatever it sends is a scan, and no part of it is a command or an answer. Pure: keys
 * and time in; what a person pressed, or what a scanner has read, out. It is asked before anybody else.
 *
 * One rule. Text that comes faster than a person types (SCANNER_GAP_US from key to key; scanners take up to 60 ms and
 * lines between add to it), or in a frame (STX before, ETX or EOT behind, or the prefix and suffix of the settings), is
 * a scan; Enter, Tab or the suffix ends it. So each key waits that long, and is a person's when nothing has
 * come behind it. What comes quickly and has no end is nobody's, and is dropped with words.
 *
 * On the line: text that begins with a capital letter, a digit or a brace may be typed by hand as well. While a
 * question takes text (`typing`) what a person types is given to it key by key instead. A text that the terminal marks
 * as pasted is typed, and no Enter in it counts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCANNER_MAX 720u
#define SCANNER_AFFIX_MAX 8u
#define SCANNER_GAP_US 100000u
#define SCANNER_SILENCE_US 250000u /* with `silence`: the end of a scan */
#define SCANNER_STALL_US 500000u   /* a scan may pause so long, when it is sure to be one */
#define SCANNER_JOIN_US 2000000u   /* what was typed longer ago is no beginning of a scan */
#define SCANNER_HAND_US 30000000u  /* what was typed by hand and left */

/* Keys are characters by their number; from here on they are none. A few are told apart by name. */
enum scanner_key {
	SCANNER_TAB = 9,
	SCANNER_ENTER = 10,
	SCANNER_BACKSPACE = 8,
	SCANNER_ESCAPE = 27,
	SCANNER_NO_CHARACTER = 0x110000,
	SCANNER_PASTE, /* the terminal says that a paste begins, and ends */
	SCANNER_PASTED,
	SCANNER_KEYS_END
};

/* From the station's settings (control/settings.h); zeros: no prefix, and whatever a scanner can end with. */
struct scanner_setup {
	char prefix[SCANNER_AFFIX_MAX + 1], suffix[SCANNER_AFFIX_MAX + 1];
	bool silence;	/* the scanner sends no suffix: a pause ends the scan */
	bool tab_is_in; /* Tab is part of the text: `labels scan` has a serial number before it */
	bool octets;	/* keys are octets as they come, not characters */
};

/* zero it to begin; layout is ours */
struct scanner {
	struct scanner_setup setup;
	bool typing; /* set by the owner before each call: a question takes what is typed */
	char text[SCANNER_MAX];
	size_t len;	/* octets of text; those of the run come last */
	size_t from;	/* where the run begins */
	unsigned run;	/* keys that came quickly one after the other, not settled yet */
	uint32_t first; /* of the run */
	bool same;	/* the run is one key again and again: held down */
	bool framed;	/* within a frame */
	bool spoilt;	/* something that is no text came in the middle: what follows is dropped */
	bool overlong, pasting, open, ended, releasing, releasing_typing;
	bool repeated; /* the key that was given last was one of several, as of a key held down */
	unsigned swallowed;
	uint64_t run_us, last_us, hand_us, ended_us;
	const char *why; /* of SCANNER_LOST: half a sentence */
};

enum scanner_took {
	SCANNER_TAKEN, /* it waits, or is on the line: look again at the deadline */
	SCANNER_KEY,   /* `key` is a person's; obey it, and then feed the one given once more if `again` */
	SCANNER_READY, /* a scan, or a text typed by hand: text and len hold it; then scanner_clear */
	SCANNER_LOST,  /* dropped: say `why` */
};

/* `key` becomes the one to be obeyed (SCANNER_KEY): those that waited come first. */
enum scanner_took scanner_key(struct scanner *scanner, uint32_t *key, uint64_t now_us, bool *again);
/* To be called at the deadline, and again while there is one that has passed. */
enum scanner_took scanner_expire(struct scanner *scanner, uint32_t *key, uint64_t now_us);
uint64_t scanner_deadline_us(const struct scanner *scanner); /* UINT64_MAX: never */
/* Wipes the text, which may be a PIN, and all that waits; the setup stays. */
void scanner_clear(struct scanner *scanner);
/* Opens the line for typing by hand, whatever comes. */
void scanner_open(struct scanner *scanner, uint64_t now_us);
/* Something is on the line that is to be shown there. A single letter that waits is not. */
bool scanner_stands(const struct scanner *scanner);
/* The end of all input, from what has no clock: what has come so far is the last scan. SCANNER_READY or SCANNER_TAKEN.
 */
enum scanner_took scanner_finish(struct scanner *scanner);
