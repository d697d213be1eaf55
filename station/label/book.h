/*
 * Labels and the record: which units get one, that it was opened, queued, sent, printed, and what was read back. Used
 * by `millrace labels` at a desk, whose `put` writes, and by a running station, whose `put` hands the records to its
 * journal.
 *
 *	book_units -> book_queue (durable; the PIN may be drawn now) -> draw -> book_went(SENT) -> book_went(PRINTED)
 *	scan_parse -> book_scan: right, or what is wrong
 */
#pragma once

#include <sqlite3.h>

#include "db/journal.h"
#include "station/identity/identity.h"
#include "station/label/fields.h"

struct book {
	sqlite3 *db; /* for reading */
	/*
	 * All of the records, in order. 0: durable (a desk), or on their way, and whoever gave the book waits for them
	 * before anything is said, drawn or read again (a station). -1: none of them, with a sentence in `error`.
	 */
	int (*put)(void *ctx, const struct journal_record *records, size_t count, char *error, size_t error_len);
	void *put_ctx;
	const struct identity *pins; /* NULL: nobody here may open PINs */
	const char *actor;
	int64_t next_label, next_scan; /* ids, counted on from the record by book_init */
};

/* The other members are set by the caller first. 0, or -1 with a sentence in `error`. */
int book_init(struct book *book, char *error, size_t error_len);

struct book_unit {
	struct label_unit facts; /* its PIN is empty until book_open_pin; its texts are below (book_own_texts) */
	char serial[40], lot[40], product[40], hw_rev[40], firmware[80], pin_product[40], kek_id[40];
	uint8_t sealed[PIN_SEALED_MAX];
	size_t sealed_len;
	int64_t label;	      /* that counts now, of this template; 0: none */
	char label_state[12]; /* "queued", "sent", "printed", "scanned" */
	unsigned copies;      /* that there ever were */
};

/* Units of the lot that passed, by serial number; `serial` NULL: all. Calls `each` until it gives false. The number of
 * units, or -1 with a sentence in `error`. */
long book_units(const struct book *book, const char *lot, const char *template, const char *serial,
		bool (*each)(void *ctx, const struct book_unit *unit), void *ctx, char *error, size_t error_len);

/* A copy of a unit has texts of its own from here on. */
void book_own_texts(struct book_unit *unit);
/* Into unit->facts.pin; only after the opening is on record may it be shown or drawn (book_queue with `secret`). */
int book_open_pin(const struct book *book, struct book_unit *unit, char *error, size_t error_len);
/* What the record keeps of a code: keyed when `secret`. */
int book_digest(const struct book *book, const char *text, bool secret, uint8_t digest[static 32], char *error,
		size_t error_len);

struct book_order {
	const char *template; /* name */
	const char *kind;     /* "file", "print" */
	bool secret;	      /* the PIN is on it: its opening is recorded with the label */
	const char *reason;   /* of a reprint, or NULL */
	int64_t at_us;
};
/*
 * A label is queued, and the copy before it void: durable when `put` says so, and unit->label is the new one. A label
 * that was queued and never sent goes on as it is. A reprint without a reason is refused.
 */
int book_queue(struct book *book, struct book_unit *unit, const struct book_order *order,
	       const uint8_t digest[static 32], char *error, size_t error_len);
int book_went(struct book *book, const struct book_unit *unit, enum journal_label_state state, int64_t at_us,
	      char *error, size_t error_len);

/* The unit of a label, and its state; 0: there is no such label, -1: the record cannot be read. */
int64_t book_label(const struct book *book, int64_t label, char state[static 12]);

/* --- reading back --- */

#define SCAN_TEXT_MAX 600 /* octets: what a label can say, PAYLOAD_MAX */

/* What a scanner typed: [serial of the unit in hand, a tab,] the code. */
struct scan {
	char expected[IDENTITY_SERIAL_MAX + 1]; /* "": not said */
	char text[SCAN_TEXT_MAX + 1];		/* may hold a PIN: wipe it */
	size_t len;
};
/* What scanners put around it goes (label/scan.h). NULL, or half a sentence on what is wrong: empty, too long, control
 * characters, no serial number before the tab. */
const char *scan_parse(const char *line, size_t len, struct scan *out);

enum scan_verdict {
	SCAN_RIGHT,
	SCAN_WRONG_UNIT,
	SCAN_WRONG_LOT,
	SCAN_NOT_PASSED,
	SCAN_VOID,
	SCAN_DUPLICATE,
	SCAN_UNKNOWN
};
const char *scan_verdict_name(enum scan_verdict verdict); /* "right", "wrong-unit", ...: of db/schema.sql */
enum scan_verdict scan_verdict_of(const char *name);	  /* SCAN_UNKNOWN: no verdict has that name */

struct scan_answer {
	enum scan_verdict verdict;
	int64_t unit;	 /* whose label it is; 0: nobody's */
	char serial[40]; /* its; "" */
	char template[40];
	unsigned copy;
	char sentence[200],
		remedy[120]; /* for the person with the scanner: what it is; what to do, "" when it is right */
};

/*
 * Compares with the record and puts the answer there: a right label is scanned from now on. `expected` "" : any unit of
 * the lot. 0, or -1 with a sentence in `error`: the lot or the expected unit is not on record, or the record cannot be
 * written.
 */
int book_scan(struct book *book, const char *lot, const struct scan *scan, int64_t at_us, struct scan_answer *answer,
	      char *error, size_t error_len);

/*
 * Before a scan is taken for a label: a scanner also reads what is no label of ours. 1: yes, 0: no, or -1 with a
 * sentence. Has this code a label of a passed unit of the lot that was not scanned back yet? Has the lot any label on
 * record?
 */
int book_awaits(const struct book *book, const char *lot, const struct scan *scan, char *error, size_t error_len);
int book_has_labels(const struct book *book, const char *lot, char *error, size_t error_len);
