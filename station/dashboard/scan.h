/*
 * The scan line: a barcode scanner is a keyboard that types fast and ends with Enter, whatever is on the screen. Pure:
 * characters and time in, what it was out.
 *
 * A character belongs to the scan line when it is a capital letter or a digit (or { and whatever no command begins
 * with), when something stands there already, or when it comes within 20 ms of the one before: nobody types so
 * fast. A small letter is held back that long; a single one is a command. So whatever a scanner sends, no part of it
 * becomes a command, except where it stammers: the same small letter again and again is a key held down.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_MAX 512u
#define SCAN_GAP_US 20000u
#define SCAN_IDLE_US 500000u   /* a burst without Enter is over after this */
#define SCAN_HAND_US 30000000u /* what was typed by hand and left */

enum scan_kind {
	SCAN_NOTHING,
	SCAN_BADGE,
	SCAN_SERIAL,
	SCAN_MAC,
	SCAN_LABEL,
};

/* zero it to begin; layout is ours */
struct scan {
	char text[SCAN_MAX];
	size_t len;
	uint32_t held; /* a small letter that may become a burst; 0: none */
	uint64_t last_us;
	bool burst, by_hand, overlong;
};

enum scan_took {
	SCAN_TAKEN,   /* it is on the scan line */
	SCAN_COMMAND, /* `key` is a command, or KEYS_NONE; feed it, and then the one given if `again` */
	SCAN_READY,   /* Enter: text and len hold it; then scan_clear */
	SCAN_LOST,    /* a burst without Enter: dropped, say so */
};

/*
 * A key as draw_key gives it. `key` becomes the command to be obeyed (SCAN_COMMAND); what was held back comes first,
 * and then `again` says that the same key must be fed once more.
 */
enum scan_took scan_key(struct scan *scan, uint32_t *key, uint64_t now_us, bool *again);
/* To be called at the deadline: a held letter becomes a command, what was left is dropped. */
enum scan_took scan_expire(struct scan *scan, uint32_t *key, uint64_t now_us);
uint64_t scan_deadline_us(const struct scan *scan); /* UINT64_MAX: never */
void scan_clear(struct scan *scan);
/* Opens the line for typing by hand, whatever comes. */
void scan_open(struct scan *scan, uint64_t now_us);

/* What a text is: by its pattern alone. */
enum scan_kind scan_route(const char *text);
/* A MAC in any of the usual ways of writing, as "02:00:5e:10:00:01". */
bool scan_mac(const char *text, char out[static 18]);
/*
 * What may be shown of it: labels carry PINs, so of everything that is no plain badge, serial number or MAC only the
 * first word is shown, of payloads not even that, and of digits alone the first four.
 */
void scan_shown(const char *text, char *out, size_t cap);
/* The serial number on a label payload: its first word if it is plain text. False: it has none that we know to find. */
bool scan_label_serial(const char *text, char *out, size_t cap);
