/*
 * The hash chain of the audit table. A row's hash is SHA-256 over
 *
 *	"millrace audit 1"  seq (u64 be)  prev (32 octets; zeros before the first)
 *	at_us (i64 be)  session (i64 be, 0: none)  actor  action  subject  body
 *
 * where each of the four texts is preceded by its length in octets (u32 be). An anchor is the station's signature
 * over the hash of one row: it holds that row and all before it. What other tables hold is covered by hashes in
 * `body`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#define CHAIN_HASH_LEN 32

struct chain_row {
	uint64_t seq;
	int64_t at_us, session;
	const char *actor, *action, *subject, *body;
};

/* A SHA-256 that is ready to be used again and again. Layout is ours. */
struct chain_sha {
	void *md, *ctx;
};

bool chain_sha_init(struct chain_sha *sha);
void chain_sha_wipe(struct chain_sha *sha);
bool chain_sha_begin(struct chain_sha *sha);
bool chain_sha_add(struct chain_sha *sha, const void *bytes, size_t len);
bool chain_sha_end(struct chain_sha *sha, uint8_t out[static CHAIN_HASH_LEN]);
bool chain_sha256(struct chain_sha *sha, const void *bytes, size_t len, uint8_t out[static CHAIN_HASH_LEN]);

bool chain_hash(struct chain_sha *sha, const struct chain_row *row, const uint8_t prev[static CHAIN_HASH_LEN],
		uint8_t out[static CHAIN_HASH_LEN]);

/*
 * Adds every row that `statement` gives to the SHA: per column its type (n, i, r, t, b) and, for i and r, 8 octets (be;
 * r: IEEE 754), for t and b, the length (u32 be) and the octets; "." ends a row. Resets the statement. SQLITE_OK or the
 * error. This is the evidence of an attempt: db/statements.sql, evidence_*.
 */
int chain_sha_rows(struct chain_sha *sha, sqlite3_stmt *statement);
