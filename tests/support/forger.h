/*
 * Somebody with the file of a record in his hands: changes every value of every table, takes and adds rows, each on a
 * copy of its own, with triggers, checks and references out of the way. By the schema, not by a list: a new column is
 * tried too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct forger {
	const char *good, *path; /* the record as it is; where each changed copy lies */
	bool (*notices)(void *ctx, const char *change);
	void *ctx;

	unsigned tried, noticed;
	unsigned columns;    /* in which a value was changed */
	char unchanged[200]; /* the first column of a table with rows in which none could be; "": there is none */
};

/* The whole of a file of up to 4 MiB; a failure ends the program. */
void forger_copy(const char *from, const char *to);
/* The copy, with that change alone. False: the database itself does not hold such a value, or nothing was there. */
bool forger_change(struct forger *forger, const char *sql);
/* The same, and asks who notices. */
void forger_try(struct forger *forger, const char *sql);
/* Up to `each` other values in each column of the last row of each table; `both`: of its first row too. */
void forger_values(struct forger *forger, unsigned each, bool both);
/* The first and the last row of each table taken away, all of them, and one added under another key. */
void forger_rows(struct forger *forger);
