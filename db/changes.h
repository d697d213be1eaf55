/*
 * What a transaction changed: SQLite tells of every row that a statement inserts, updates or deletes, whichever
 * statement it is (its preupdate hook), and each becomes an entry of a list. Inside db/ only.
 *
 *	length (u8) and name of the table   "I", "U" or "D"   length (u16 be) and octets of the key
 *	SHA-256 of the whole row before it (U, D)   SHA-256 of the whole row after it (I, U)
 *
 * An update of a key is a deletion and an insertion. db/tables.h has what the octets of a row and of a key are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "db/chain.h"
#include "db/tables.h"

struct changes {
	sqlite3 *db;
	struct tables tables;
	struct chain_sha sha;
	struct octets list, row, key, other;
	uint64_t count;
	bool bad; /* no memory, or a table that this program does not know */
};

/* Lists what is changed on `db` from now on. `changes` stays where it is until changes_end. 0, or -1 with a sentence.
 */
int changes_begin(struct changes *changes, sqlite3 *db, char *error, size_t error_len);
void changes_end(struct changes *changes);
/* The list begins anew. */
void changes_forget(struct changes *changes);
/* An entry for a row that was there before anybody listed it. False: no memory. */
bool changes_add_row(struct changes *changes, const struct table *table, sqlite3_stmt *row);

struct change {
	const char *table; /* not NUL-terminated */
	size_t table_len;
	char kind;
	const uint8_t *key, *before, *after; /* 32 octets each; NULL: none */
	size_t key_len;
};
/* The next entry of a list, which moves on. False: its end, or (with octets left) not a list. */
bool changes_next(const uint8_t **list, size_t *left, struct change *out);
