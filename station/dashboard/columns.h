/*
 * The columns of the device table: one row each gives title, widths, text, colour and order; and which devices are
 * shown.
 */
#pragma once

#include "station/dashboard/mirror.h"
#include "station/dashboard/palette.h"

enum column {
	COL_RECENT,
	COL_SERIAL,
	COL_MAC,
	COL_WHERE,
	COL_RSSI,
	COL_STEP,
	COL_DONE,
	COL_TRY,
	COL_TIME,
	COL_RESULT,
	COLUMNS
};

struct column_row {
	const char *name;     /* as the header of the screen says what is sorted by */
	const char *title;    /* "": no column, only an order */
	uint8_t narrow, wide; /* cells, below and from 120 columns; 0: what is left */
	uint16_t from_cols;   /* shown on screens this wide */
	bool right;	      /* numbers stand at the right */
	bool tail;	      /* of what is too long, the end is shown */
};

const struct column_row *column_row(enum column column);
void column_text(enum column column, const struct mirror *mirror, const struct unit_row *unit, bool wide, char *out,
		 size_t cap);
enum meaning column_meaning(enum column column, const struct unit_row *unit);

/* Word, sign and colour of how a unit stands: a seen one with a cause is tried again. */
const char *unit_result(const struct unit_row *unit);
enum symbol unit_sign(const struct unit_row *unit);
enum meaning unit_meaning(const struct unit_row *unit);

/* `filter`: alternatives between |, each somewhere in what the row shows; empty: all. */
bool unit_matches(const struct unit_row *unit, const char *filter);
/* The same for other texts. */
bool text_matches(const char *text, const char *filter);

/* Places of `units` that match, sorted. Grows *order; gives the count. On no memory what fits. */
size_t columns_order(const struct mirror *mirror, const char *filter, enum column by, bool turned, uint32_t **order,
		     size_t *room);

/* "4.1 s", "12:03", "3 h 20"; "" when it is not known. */
void span_text(int64_t us, char *out, size_t cap);
/* "14:22:07", local time. */
void clock_text(int64_t utc_us, bool seconds, char *out, size_t cap);
