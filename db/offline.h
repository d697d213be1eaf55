/*
 * Writing the record from a desk: outside any session, when no station holds the database. Labels and what was read
 * back from them, and rows of the chain about them. One transaction at a time, durable when it returns.
 *
 *	desk_open -> { read through desk_db, desk_put } ... -> desk_close
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "db/journal.h"

struct desk;

/* Of `options` everything but `simulated` and `id` counts. `what`: read by others that are refused meanwhile, "labels
 * of lot A". 0, or -1 with a sentence in `error`: a station holds the database (it names it), or what journal_open
 * refuses. */
int desk_open(struct desk **out, const struct journal_options *options, const char *what, char *error,
	      size_t error_len);
/* For reading; belongs to the desk. */
sqlite3 *desk_db(struct desk *desk);
/* All of `records` (labels, their states and scans, rows of the chain) in one transaction, or nothing. 0, or -1 with a
 * sentence in `error`. */
int desk_put(struct desk *desk, const struct journal_record *records, size_t count, char *error, size_t error_len);
void desk_close(struct desk *desk);
