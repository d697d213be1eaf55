/*
 * The database file: what it is, how it gets to this version's schema, whether it is still what stations wrote. Inside
 * db/ only. db/outside.h has who may hold it, and what is known of it outside.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "db/changes.h"
#include "db/journal.h"
#include "db/outside.h"
#include "db/sql.h"
#include "db/written.h"

#define STORE_APPLICATION_ID 0x4d494c4c /* "MILL" */
#define STORE_UNAVAILABLE 20		/* journal-unavailable of agent/wire/cause.h */

enum store_want { STORE_REAL, STORE_SIMULATED, STORE_WHICHEVER }; /* the last: must exist already */

struct store {
	sqlite3 *db;
	struct journal_options options; /* its path is not kept */
	struct outside outside;
	sqlite3_stmt *others; /* PRAGMA data_version */
	int64_t version;      /* its last answer: higher, and somebody else has written */
	bool fresh;	      /* made just now */
	bool simulated;
};

/*
 * Takes the file for writing: refuses one that is not as stations left it, brings its schema up to date. The program's
 * own list is sql_migrations(); tests bring others. 0, or -STORE_UNAVAILABLE with a sentence in `error`.
 */
int store_open(struct store *store, const struct journal_options *options, enum store_want want,
	       const struct sql_migration *migrations, size_t migration_count, char *error, size_t error_len);
/* Without taking or changing anything: would store_open refuse it as one that is not as stations left it? All but the
 * look at every row. 0, or -STORE_UNAVAILABLE with a sentence. */
int store_look(const struct journal_options *options, char *error, size_t error_len);
/* Inside a transaction: 0, or -1 with a sentence: another program has written to the file, or it is no longer there. */
int store_is_ours(struct store *store, char *error, size_t error_len);
/* All that was committed is in the file itself, and the log is empty: losing the log loses nothing. */
int store_settle(struct store *store, char *error, size_t error_len);
void store_close(struct store *store);

/* Are the views in the file this program's? 1 or 0 by what the record says; -1: it cannot be read. */
int store_views_are_own(sqlite3 *db);

/* What an error of SQLite means for the line, and the remedy: one sentence. */
const char *store_remedy(int rc);
