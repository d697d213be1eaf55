#include "db/written.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "db/sql.h"
#include "db/store.h"

/* A list of all rows is cut here, so that neither a row nor the memory for it grows without an end. */
#define LIST_MAX (1024 * 1024)

static const uint8_t nothing[CHAIN_HASH_LEN];

bool written_hash(struct chain_sha *sha, struct octets *octets, const struct written_head *before,
		  const struct written_row *row, uint8_t out[static CHAIN_HASH_LEN])
{
	static const char tag[] = "millrace commit 1";

	assert(row->n == before->n + 1 && row->changes_len <= UINT32_MAX);
	octets->len = 0;
	octets_add(octets, tag, sizeof(tag) - 1);
	octets_add_be(octets, 8, row->n);
	octets_add(octets, before->hash, CHAIN_HASH_LEN);
	octets_add(octets, before->signature_len ? "b" : "n", 1);
	if (before->signature_len) {
		octets_add_be(octets, 4, before->signature_len);
		octets_add(octets, before->signature, before->signature_len);
	}
	octets_add(octets, before->signature_len ? "t" : "n", 1);
	if (before->signature_len) {
		octets_add_be(octets, 4, strlen(before->key_id));
		octets_add(octets, before->key_id, strlen(before->key_id));
	}
	octets_add_be(octets, 8, row->seq);
	octets_add(octets, row->chain ? row->chain : nothing, CHAIN_HASH_LEN);
	octets_add_be(octets, 8, row->part);
	octets_add_be(octets, 4, row->changes_len);
	return !octets->bad && chain_sha_begin(sha) && chain_sha_add(sha, octets->at, octets->len) &&
	       chain_sha_add(sha, row->changes, row->changes_len) && chain_sha_end(sha, out);
}

bool written_head_read(sqlite3_stmt *row, int hash, struct written_head *out)
{
	int signature = hash + 1, key_id = hash + 2;
	const char *text = (const char *)sqlite3_column_text(row, key_id);
	size_t text_len = (size_t)sqlite3_column_bytes(row, key_id), len;

	out->signature_len = 0;
	out->key_id[0] = '\0';
	if (sqlite3_column_bytes(row, hash) != CHAIN_HASH_LEN)
		return false;
	memcpy(out->hash, sqlite3_column_blob(row, hash), CHAIN_HASH_LEN);
	if (sqlite3_column_type(row, signature) == SQLITE_NULL)
		return text == NULL;
	len = (size_t)sqlite3_column_bytes(row, signature);
	if (!text || len == 0 || len > sizeof(out->signature) || text_len >= sizeof(out->key_id) ||
	    strlen(text) != text_len)
		return false;
	memcpy(out->signature, sqlite3_column_blob(row, signature), len);
	out->signature_len = len;
	memcpy(out->key_id, text, text_len + 1);
	return true;
}

static int fail(struct written *written, const char *what)
{
	snprintf(written->error, sizeof(written->error), "the database did not take %s: %s; %s", what,
		 sqlite3_errmsg(written->db), store_remedy(sqlite3_extended_errcode(written->db)));
	return -1;
}

static int read_last(struct written *written)
{
	sqlite3_stmt *row = sql_prepare(written->db, "written_last");
	bool good = row && sqlite3_step(row) == SQLITE_ROW;

	if (good && sqlite3_column_bytes(row, 5) == (int)sizeof(written->id))
		memcpy(written->id, sqlite3_column_blob(row, 5), sizeof(written->id));
	if (good && sqlite3_column_type(row, 0) != SQLITE_NULL) {
		written->head.n = (uint64_t)sqlite3_column_int64(row, 0);
		written->head.seq = (uint64_t)sqlite3_column_int64(row, 4);
		good = written_head_read(row, 1, &written->head);
	}
	sqlite3_finalize(row);
	return good ? 0 : fail(written, "the reading of its last commit");
}

int written_init(struct written *written, sqlite3 *db, const struct journal_options *keys)
{
	struct sql_text text = sql_statement("written");

	assert(text.at);
	*written = (struct written){ .db = db, .keys = keys };
	if (!chain_sha_init(&written->sha)) {
		snprintf(written->error, sizeof(written->error),
			 "SHA-256 is not available: repair the installation of OpenSSL");
		return -1;
	}
	if (sqlite3_prepare_v3(db, text.at, (int)text.len, SQLITE_PREPARE_PERSISTENT, &written->insert, NULL) !=
	    SQLITE_OK)
		return fail(written, "its commits");
	return read_last(written);
}

void written_wipe(struct written *written)
{
	sqlite3_finalize(written->insert);
	chain_sha_wipe(&written->sha);
	octets_free(&written->octets);
	*written = (struct written){ 0 };
}

static int refuse(struct written *written, const char *why)
{
	snprintf(written->error, sizeof(written->error), "%s", why);
	return -1;
}

static int sign(struct written *written, struct written_head *next)
{
	const struct journal_options *keys = written->keys;

	if (!keys->sign)
		return written->head.signature_len == 0
			       ? 0
			       : refuse(written, "the commits of this record are signed, and there is no record.key to "
						 "sign this one with: give the folder of the keys");
	next->signature_len = sizeof(next->signature);
	if (keys->sign(keys->sign_ctx, next->hash, next->signature, &next->signature_len) != 0)
		return refuse(written, "the record's key did not sign: look at the signer and at the folder of the "
				       "keys, then run the job again");
	assert(next->signature_len > 0 && next->signature_len <= sizeof(next->signature));
	snprintf(next->key_id, sizeof(next->key_id), "%s", keys->sign_key_id ? keys->sign_key_id : "");
	return 0;
}

int written_add(struct written *written, uint64_t seq, const uint8_t chain[static CHAIN_HASH_LEN], uint64_t part,
		const struct octets *list)
{
	struct written_head next = { .n = written->head.n + 1, .seq = seq };
	const struct written_row row = { next.n, seq, part, chain, list->at, list->len };
	sqlite3_stmt *insert = written->insert;

	assert(!sqlite3_get_autocommit(written->db) && !sqlite3_stmt_busy(insert));
	if (list->bad || !written_hash(&written->sha, &written->octets, &written->head, &row, next.hash))
		return refuse(written, "no memory is left");
	if (sign(written, &next) != 0)
		return -1;
	sqlite3_bind_int64(insert, 1, (int64_t)next.n);
	sqlite3_bind_int64(insert, 2, (int64_t)seq);
	sqlite3_bind_int64(insert, 3, (int64_t)part);
	sqlite3_bind_blob64(insert, 4, list->len ? list->at : (const void *)"", list->len, SQLITE_STATIC);
	sqlite3_bind_blob(insert, 5, next.hash, sizeof(next.hash), SQLITE_STATIC);
	sqlite3_bind_blob(insert, 6, next.signature_len ? next.signature : NULL, (int)next.signature_len,
			  SQLITE_STATIC);
	sqlite3_bind_text(insert, 7, next.signature_len ? next.key_id : NULL, -1, SQLITE_STATIC);
	if (sqlite3_step(insert) != SQLITE_DONE) {
		fail(written, "a commit");
		sqlite3_reset(insert);
		return -1;
	}
	sqlite3_reset(insert);
	written->head = next;
	return 0;
}

int written_all(struct written *written, uint64_t seq, const uint8_t chain[static CHAIN_HASH_LEN])
{
	struct changes all;
	uint64_t part = 0;
	int rc = changes_begin(&all, written->db, written->error, sizeof(written->error));

	for (size_t i = 0; rc == 0 && i < all.tables.count; i++) {
		sqlite3_stmt *row = table_rows(&all.tables.at[i], written->db);
		int step = SQLITE_DONE;

		while (rc == 0 && row && (step = sqlite3_step(row)) == SQLITE_ROW) {
			if (!changes_add_row(&all, &all.tables.at[i], row))
				rc = refuse(written, "no memory is left");
			else if (all.list.len > LIST_MAX) {
				rc = written_add(written, seq, chain, ++part, &all.list);
				changes_forget(&all);
			}
		}
		if (rc == 0 && (!row || step != SQLITE_DONE))
			rc = fail(written, "the list of its rows");
		sqlite3_finalize(row);
	}
	if (rc == 0 && (all.count > 0 || part == 0))
		rc = written_add(written, seq, chain, ++part, &all.list);
	changes_end(&all);
	return rc;
}
