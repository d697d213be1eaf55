/*
 * The database file: who may hold it, what it is, how it gets to this version's schema. Inside db/ only.
 *
 * One station at a time: an flock(2) on FILE.lock, which the kernel drops when its holder dies. The file stays; its
 * text says who holds it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "db/sql.h"

#define STORE_APPLICATION_ID 0x4d494c4c /* "MILL" */
#define STORE_UNAVAILABLE 20		/* journal-unavailable of agent/wire/cause.h */

enum store_want { STORE_REAL, STORE_SIMULATED, STORE_WHICHEVER }; /* the last: must exist already */

struct store {
	sqlite3 *db;
	int lock_fd;
	bool fresh; /* made just now */
	bool simulated;
};

/* The program's own list is sql_migrations(); tests bring others. 0, or -STORE_UNAVAILABLE with a sentence in `error`.
 */
int store_open(struct store *store, const char *path, enum store_want want, const struct sql_migration *migrations,
	       size_t migration_count, char *error, size_t error_len);
/* What another station reads when it is refused: "lot 2611-A07, process 4711 on line3". */
void store_hold_as(struct store *store, const char *text);
void store_close(struct store *store);

/* What an error of SQLite means for the line, and the remedy: one sentence. */
const char *store_remedy(int rc);
