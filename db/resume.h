/* The start of a session: a lot that is new, or one to go on with; and units of other lots. Inside db/ only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "db/journal.h"
#include "db/write.h"

/* journal_begin, by whoever holds the connection. */
int resume_begin(struct writer *writer, bool simulated, const struct journal_batch *batch, struct journal_start *start,
		 journal_resume_fn *unit, void *ctx, char *error, size_t error_len);

/* A connection of its own for journal_find and journal_read, which only reads. Zero it to begin. */
struct finder {
	sqlite3 *db;
	sqlite3_stmt *read, *find[JOURNAL_FINDS];
	int64_t batch, next_unit;
	char *product;
	char error[400]; /* of the last -1 */
};

/* Of the session that resume_begin began. 0, or -1 with `error`; either way finder_close it. */
int finder_open(struct finder *finder, const struct writer *writer, const struct journal_start *start);
void finder_close(struct finder *finder);
int64_t finder_find(struct finder *finder, enum journal_find by, const void *key, size_t len);
int finder_read(struct finder *finder, int64_t number, journal_resume_fn *unit, void *ctx);
