/*
 * The SQL texts of db/, part of the program: what auditors read is what runs. Made by sql.c at build time.
 */
#pragma once

#include <stddef.h>

struct sqlite3;
struct sqlite3_stmt;

struct sql_text {
	const char *at; /* NULL: there is none of that name */
	size_t len;
};

struct sql_migration {
	int version; /* user_version after it; 1, 2, ... */
	const char *text;
};

/* In order. A database of a lower version gets the rest; of a higher one, nothing. */
const struct sql_migration *sql_migrations(size_t *count);
const char *sql_views(void);
/* One statement of db/statements.sql, by the name behind "-- :". */
struct sql_text sql_statement(const char *name);
/* db/queries/NAME.sql, or NULL; by index until NULL. */
const char *sql_query(const char *name);
const char *sql_query_name(size_t index);
/* That query on a connection, ready for its parameters (by name); sqlite3_finalize it. NULL: sqlite3_errmsg(db) says
 * why. Only for names that db/queries has. */
struct sqlite3_stmt *sql_prepare(struct sqlite3 *db, const char *query);
