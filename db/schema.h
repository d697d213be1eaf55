/*
 * Is a file's schema the one that this program's own migrations make? A trigger that is gone, one that was added, a
 * view that says something else: each is told. Inside db/ only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include "db/sql.h"

/* Called with a half sentence for each difference: "trigger unit_keep is missing". */
typedef void schema_found_fn(void *ctx, const char *what);

/*
 * Compares `db` with the migrations up to `version`, and with the program's views when `views`. 0: looked at
 * everything; -1 with a sentence: could not look.
 */
int schema_compare(sqlite3 *db, const struct sql_migration *migrations, size_t count, int version, bool views,
		   schema_found_fn *found, void *ctx, char *error, size_t error_len);
/* The program's views on this connection alone, in front of those that the file brings. 0, or -1: sqlite3_errmsg. */
int schema_own_views(sqlite3 *db);
