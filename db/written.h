/*
 * The commits: one row of `written` for each transaction that changed anything. Its hash is SHA-256 over
 *
 *	"millrace commit 1"  n (u64 be)  hash of the commit before (32 octets; zeros before the first)
 *	signature and key id of the commit before (each as a column of db/tables.h: "n", or type, length, octets)
 *	seq (u64 be)  audit.hash of row seq (32 octets; zeros: none)  part (u64 be)  length (u32 be)  octets of the list
 *
 * and the station signs it. So the last signature holds every commit, every row of the chain and, through the lists,
 * every value of every other table. Inside db/ only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "db/chain.h"
#include "db/changes.h"
#include "db/journal.h"

#define WRITTEN_SIGNATURE_MAX 256

/* The newest commit: what the next one follows. */
struct written_head {
	uint64_t n, seq; /* 0: none */
	uint8_t hash[CHAIN_HASH_LEN];
	uint8_t signature[WRITTEN_SIGNATURE_MAX];
	size_t signature_len; /* 0: it is not signed */
	char key_id[64];
};

struct written_row {
	uint64_t n, seq, part;
	const uint8_t *chain; /* audit.hash of row seq; NULL: none */
	const void *changes;
	size_t changes_len;
};

struct written {
	sqlite3 *db;
	sqlite3_stmt *insert;
	struct chain_sha sha;
	struct octets octets;
	const struct journal_options *keys; /* sign, sign_ctx, sign_key_id */
	struct written_head head;
	uint8_t id[16]; /* of the record */
	char error[400];
};

/* Reads the newest commit. 0, or -1 with `error`. */
int written_init(struct written *written, sqlite3 *db, const struct journal_options *keys);
void written_wipe(struct written *written);
/* The next commit, signed. `chain`: hash of the audit's row `seq`. 0, or -1 with `error`: roll back. */
int written_add(struct written *written, uint64_t seq, const uint8_t chain[static CHAIN_HASH_LEN], uint64_t part,
		const struct octets *list);
/* Lists every row of every table, in as many commits as that takes. 0, or -1 with `error`. */
int written_all(struct written *written, uint64_t seq, const uint8_t chain[static CHAIN_HASH_LEN]);

bool written_hash(struct chain_sha *sha, struct octets *octets, const struct written_head *before,
		  const struct written_row *row, uint8_t out[static CHAIN_HASH_LEN]);
/* Columns n.. of a row: hash, signature, key_id. False: they have no such form. */
bool written_head_read(sqlite3_stmt *row, int hash, struct written_head *out);
