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
	/* KEYS/heads, where a station keeps how far the record had come; NULL: not at hand. FILE.lock is looked at
	 * anyway. */
	const char *heads;

	/* The answer */
	uint64_t rows, anchors, anchored; /* of the chain; signatures; the row that the last of them holds */
	uint8_t head[32];
	uint64_t commits;
	uint8_t commit[32]; /* hash of the last one */
	unsigned findings;
};

/* For db/ only: a finding, a note. */
__attribute__((format(printf, 3, 4))) void verify_find(struct verify *verify, const char *kind, const char *format,
						       ...);
__attribute__((format(printf, 2, 3))) void verify_note(struct verify *verify, const char *format, ...);
/* A part of verify_record, for a start: the chain, the commits, and every row by them. */
int verify_written(sqlite3 *db, struct verify *verify, char *error, size_t error_len);

/*
 * The schema, the chain from its first row, the commits with their signatures, every row by the commits and again by
 * what the chain says of it (db/queries/verify.sql), what is known outside the file, SQLite's own integrity_check and
 * foreign_key_check. 0: looked at everything, see `findings`; -1: could not look, and
 * `error` says why.
 */
int verify_record(sqlite3 *db, struct verify *verify, char *error, size_t error_len);
