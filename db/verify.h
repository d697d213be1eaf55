/*
 * Reading the record: a connection that cannot write, and the question whether the record holds together.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

/* A connection that only reads, also while a station writes. 0, or -1 with a sentence in `error`. sqlite3_close it. */
int reader_open(sqlite3 **out, const char *path, char *error, size_t error_len);
/* All rows of one view of that name; sqlite3_finalize it. NULL: sqlite3_errmsg(db) says why. */
sqlite3_stmt *reader_view(sqlite3 *db, const char *view);
/* For statements of others: nothing but SELECT and functions without effect. The reason of a refusal is SQLite's. */
int reader_restrict(sqlite3 *db);

struct verify {
	/* One sentence for each thing that is wrong; `kind` is a word: "chain", "anchor", "certificate", ... */
	void (*found)(void *ctx, const char *kind, const char *what);
	/* What is worth knowing and not wrong: an open batch, rows that no anchor covers yet. */
	void (*noted)(void *ctx, const char *what);
	/* The anchor's signature over the head. NULL: no key at hand, and a note says so. */
	bool (*signature)(void *ctx, const uint8_t head[static 32], const uint8_t *sig, size_t len, const char *key_id);
	void *ctx;

	/* The answer */
	uint64_t rows, anchors, anchored; /* of the chain; anchors that hold; the row that the last of them holds */
	uint8_t head[32];
	unsigned findings;
};

/*
 * The chain from its first row, its anchors, every row of the tables that the chain covers (db/queries/verify.sql),
 * SQLite's own integrity_check and foreign_key_check. 0: looked at everything, see `findings`; -1: could not look, and
 * `error` says why.
 */
int verify_record(sqlite3 *db, struct verify *verify, char *error, size_t error_len);
