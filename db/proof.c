#include "db/proof.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "db/changes.h"
#include "db/sql.h"
#include "db/store.h"
#include "db/written.h"

/* So many rows are named; of more there is a number. */
#define TOLD_MAX 40

static int failed(sqlite3 *db, const char *what, char *error, size_t error_len)
{
	snprintf(error, error_len, "%s cannot be verified: %s; %s", what, sqlite3_errmsg(db),
		 store_remedy(sqlite3_extended_errcode(db)));
	return -1;
}

/* The commits */

struct commits {
	struct verify *verify;
	struct chain_sha sha;
	struct octets octets;
	struct written_head head; /* of the commit before */
};

static bool is_signed(const struct written_head *head) { return head->signature_len > 0; }

/* The last signature of a key holds all before it: each is part of the next commit's hash. */
static void check_signature(struct commits *commits)
{
	struct verify *verify = commits->verify;
	const struct written_head *head = &commits->head;

	if (!is_signed(head))
		return;
	if (verify->signature &&
	    !verify->signature(verify->ctx, head->hash, head->signature, head->signature_len, head->key_id)) {
		verify_find(verify, "anchor", "the signature of commit %llu (key %s) is not this station's",
			    (unsigned long long)head->n, head->key_id);
		return;
	}
	verify->anchored = head->seq;
}

/* Column by column as db/queries/written.sql has them. False: nothing after it is proved. */
static bool check_commit(struct commits *commits, sqlite3_stmt *row)
{
	struct verify *verify = commits->verify;
	struct written_head next = { .n = (uint64_t)sqlite3_column_int64(row, 0),
				     .seq = (uint64_t)sqlite3_column_int64(row, 1) };
	const struct written_row stored = {
		.n = next.n,
		.seq = next.seq,
		.part = (uint64_t)sqlite3_column_int64(row, 2),
		.chain = sqlite3_column_bytes(row, 7) == CHAIN_HASH_LEN ? sqlite3_column_blob(row, 7) : NULL,
		.changes = sqlite3_column_blob(row, 3),
		.changes_len = (size_t)sqlite3_column_bytes(row, 3),
	};
	uint8_t computed[CHAIN_HASH_LEN];
	unsigned long long n = next.n;

	if (next.n != commits->head.n + 1) {
		verify_find(verify, "commit", "commits %llu to %llu are missing",
			    (unsigned long long)commits->head.n + 1, n - 1);
		return false;
	}
	if (next.seq < commits->head.seq || (next.seq > 0 && !stored.chain)) {
		verify_find(verify, "commit", "commit %llu is about row %llu of the chain, which is not there", n,
			    (unsigned long long)next.seq);
		return false;
	}
	if (!written_head_read(row, 4, &next) ||
	    !written_hash(&commits->sha, &commits->octets, &commits->head, &stored, computed) ||
	    memcmp(computed, next.hash, sizeof(computed)) != 0) {
		verify_find(verify, "commit", "commit %llu, or the one before it, was changed: its hash is another", n);
		return false;
	}
	if (is_signed(&commits->head) && !is_signed(&next))
		verify_find(verify, "anchor", "commit %llu is not signed, and the one before it is", n);
	if (is_signed(&commits->head) && strcmp(commits->head.key_id, next.key_id) != 0)
		check_signature(commits);
	commits->head = next;
	verify->anchors += is_signed(&next);
	verify->commits = next.n;
	memcpy(verify->commit, next.hash, sizeof(next.hash));
	return true;
}

/* The chain ends where the last commit says. */
static void check_ends(struct commits *commits)
{
	struct verify *verify = commits->verify;
	unsigned long long seq = commits->head.seq;

	check_signature(commits);
	if (commits->head.n == 0)
		verify_find(verify, "commit", "there are no commits: the table was emptied");
	else if (verify->rows > seq)
		verify_find(verify, "commit", "rows %llu to %llu of the chain are in no commit", seq + 1,
			    (unsigned long long)verify->rows);
	if (!is_signed(&commits->head) && verify->signature)
		verify_find(verify, "anchor", "the last commit is not signed");
	if (!is_signed(&commits->head) && !verify->signature)
		verify_note(verify, "the commits are not signed");
	if (!verify->signature)
		verify_note(verify, "the signatures were not looked at: give the folder of record.pub with --keys");
}

int proof_commits(sqlite3 *db, struct verify *verify, char *error, size_t error_len)
{
	struct commits commits = { .verify = verify };
	sqlite3_stmt *row = sql_prepare(db, "written");
	int rc = SQLITE_ERROR;

	verify->commits = 0;
	if (row && chain_sha_init(&commits.sha))
		while ((rc = sqlite3_step(row)) == SQLITE_ROW)
			if (!check_commit(&commits, row)) {
				rc = SQLITE_DONE;
				break;
			}
	if (rc != SQLITE_DONE)
		failed(db, "the commits", error, error_len);
	else
		check_ends(&commits);
	sqlite3_finalize(row);
	chain_sha_wipe(&commits.sha);
	octets_free(&commits.octets);
	return rc == SQLITE_DONE ? 0 : -1;
}

/* The rows */

enum known { KNOWN_ADD, KNOWN_MOVE, KNOWN_PUT, KNOWN_DROP, KNOWN_GET, KNOWN_ALL, KNOWN_COUNT };

/* temp.known: the hash of each row as the commits so far left it, and the commit that did. */
static const char *const known_sql[KNOWN_COUNT] = {
	[KNOWN_ADD] = "INSERT OR IGNORE INTO temp.known VALUES (?1, ?2, ?3, ?4)",
	[KNOWN_MOVE] = "UPDATE temp.known SET hash = ?3, n = ?4 WHERE tab = ?1 AND key = ?2 AND hash = ?5",
	[KNOWN_PUT] = "INSERT OR REPLACE INTO temp.known VALUES (?1, ?2, ?3, ?4)",
	[KNOWN_DROP] = "DELETE FROM temp.known WHERE tab = ?1 AND key = ?2 AND (hash = ?5 OR ?5 IS NULL)",
	[KNOWN_GET] = "SELECT hash, n FROM temp.known WHERE tab = ?1 AND key = ?2",
	[KNOWN_ALL] = "SELECT key, n FROM temp.known WHERE tab = ?1",
};

struct rows {
	sqlite3 *db;
	struct verify *verify;
	struct tables tables;
	struct chain_sha sha;
	struct octets row, key;
	sqlite3_stmt *known[KNOWN_COUNT];
	uint64_t live[TABLES_MAX]; /* rows that the commits left, by table */
	unsigned told, untold;
	bool broken; /* SQLite refused something */
};

__attribute__((format(printf, 5, 6))) static void tell(struct rows *rows, const char *table, const uint8_t *key,
						       size_t key_len, const char *format, ...)
{
	char name[200], what[300];
	va_list args;

	if (rows->told == TOLD_MAX) {
		rows->untold++;
		return;
	}
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	table_key_text(key, key_len, name, sizeof(name));
	verify_find(rows->verify, "row", "%s %s: %s", table, name, what);
	rows->told++;
}

/* Runs one of the statements; how many rows it changed. */
static int run(struct rows *rows, enum known which, size_t table, const struct change *change, uint64_t n)
{
	sqlite3_stmt *statement = rows->known[which];
	int parameters = sqlite3_bind_parameter_count(statement), changed;

	sqlite3_bind_int64(statement, 1, (int64_t)table);
	sqlite3_bind_blob(statement, 2, change->key, (int)change->key_len, SQLITE_STATIC);
	if (parameters > 2)
		sqlite3_bind_blob(statement, 3, change->after, CHAIN_HASH_LEN, SQLITE_STATIC);
	if (parameters > 3)
		sqlite3_bind_int64(statement, 4, (int64_t)n);
	if (parameters > 4)
		sqlite3_bind_blob(statement, 5, change->before, CHAIN_HASH_LEN, SQLITE_STATIC);
	rows->broken |= sqlite3_step(statement) != SQLITE_DONE;
	changed = sqlite3_changes(rows->db);
	sqlite3_reset(statement);
	return changed;
}

static void apply_one(struct rows *rows, size_t table, const struct change *change, uint64_t n)
{
	static const enum known usual[] = { ['I'] = KNOWN_ADD, ['U'] = KNOWN_MOVE, ['D'] = KNOWN_DROP };
	const char *name = rows->tables.at[table].name;
	struct change any = *change;
	int was;

	if (run(rows, usual[(unsigned char)change->kind], table, change, n) == 1) {
		rows->live[table] += (uint64_t)(change->kind == 'I');
		rows->live[table] -= (uint64_t)(change->kind == 'D');
		return;
	}
	tell(rows, name, change->key, change->key_len,
	     change->kind == 'I' ? "commit %llu wrote it anew, and it was there: somebody else had taken it away"
				 : "commit %llu changed it, and no commit had written it as it then was: somebody else "
				   "had changed it",
	     (unsigned long long)n);
	any.before = NULL;
	was = run(rows, KNOWN_DROP, table, &any, n);
	rows->live[table] -= (uint64_t)(was == 1);
	if (change->after) {
		(void)run(rows, KNOWN_PUT, table, change, n);
		rows->live[table]++;
	}
}

static void apply(struct rows *rows, uint64_t n, const uint8_t *list, size_t left)
{
	struct change change;

	while (!rows->broken && changes_next(&list, &left, &change)) {
		const struct table *table = tables_find(&rows->tables, change.table, change.table_len);

		if (table)
			apply_one(rows, (size_t)(table - rows->tables.at), &change, n);
		else
			verify_find(rows->verify, "row", "commit %llu changed the table %.*s, which is not there",
				    (unsigned long long)n, (int)change.table_len, change.table);
	}
	if (left > 0 && !rows->broken)
		verify_find(rows->verify, "row", "commit %llu has a list that cannot be read", (unsigned long long)n);
}

/* The lists from the last one of all rows on; what came before it was of an older schema. */
static int apply_all(struct rows *rows)
{
	sqlite3_stmt *list = sql_prepare(rows->db, "written_lists");
	int rc = SQLITE_ERROR;

	while (list && (rc = sqlite3_step(list)) == SQLITE_ROW && !rows->broken)
		apply(rows, (uint64_t)sqlite3_column_int64(list, 0), sqlite3_column_blob(list, 1),
		      (size_t)sqlite3_column_bytes(list, 1));
	sqlite3_finalize(list);
	return rc == SQLITE_DONE && !rows->broken ? 0 : -1;
}

/* Is this row the one that a commit left? True: a commit knows of it. */
static bool check_row(struct rows *rows, size_t at, sqlite3_stmt *row)
{
	const struct table *table = &rows->tables.at[at];
	sqlite3_stmt *get = rows->known[KNOWN_GET];
	uint8_t hash[CHAIN_HASH_LEN];
	bool there;

	table_row_octets(table, table_value_of_statement, row, &rows->row);
	rows->key.len = 0;
	table_key_octets(table, table_value_of_statement, row, &rows->key);
	rows->broken |= rows->row.bad || rows->key.bad || !chain_sha256(&rows->sha, rows->row.at, rows->row.len, hash);
	if (rows->broken)
		return false;
	sqlite3_bind_int64(get, 1, (int64_t)at);
	sqlite3_bind_blob(get, 2, rows->key.at, (int)rows->key.len, SQLITE_STATIC);
	there = sqlite3_step(get) == SQLITE_ROW;
	if (!there)
		tell(rows, table->name, rows->key.at, rows->key.len, "no commit wrote it");
	else if (sqlite3_column_bytes(get, 0) != CHAIN_HASH_LEN ||
		 memcmp(sqlite3_column_blob(get, 0), hash, sizeof(hash)) != 0)
		tell(rows, table->name, rows->key.at, rows->key.len, "it is not as commit %llu left it",
		     (unsigned long long)sqlite3_column_int64(get, 1));
	sqlite3_reset(get);
	return there;
}

static void find_missing(struct rows *rows, size_t at)
{
	const struct table *table = &rows->tables.at[at];
	sqlite3_stmt *all = rows->known[KNOWN_ALL], *one = table_row(table, rows->db);

	sqlite3_bind_int64(all, 1, (int64_t)at);
	rows->broken |= !one;
	while (!rows->broken && sqlite3_step(all) == SQLITE_ROW) {
		const uint8_t *key = sqlite3_column_blob(all, 0);
		size_t len = (size_t)sqlite3_column_bytes(all, 0);

		if (!table_key_bind(table, key, len, one) || sqlite3_step(one) != SQLITE_ROW)
			tell(rows, table->name, key, len, "commit %llu wrote it, and it is gone",
			     (unsigned long long)sqlite3_column_int64(all, 1));
		sqlite3_reset(one);
	}
	sqlite3_reset(all);
	sqlite3_finalize(one);
}

static int check_table(struct rows *rows, size_t at)
{
	sqlite3_stmt *row = table_rows(&rows->tables.at[at], rows->db);
	uint64_t there = 0;
	int rc = SQLITE_ERROR;

	while (row && (rc = sqlite3_step(row)) == SQLITE_ROW && !rows->broken)
		there += check_row(rows, at, row);
	sqlite3_finalize(row);
	if (rc == SQLITE_DONE && there != rows->live[at])
		find_missing(rows, at);
	return rc == SQLITE_DONE && !rows->broken ? 0 : -1;
}

static bool prepare(struct rows *rows)
{
	static const char make[] = "DROP TABLE IF EXISTS temp.known;"
				   "CREATE TEMP TABLE known (tab INTEGER, key BLOB, hash BLOB, n INTEGER, "
				   "PRIMARY KEY (tab, key)) WITHOUT ROWID";
	bool good = chain_sha_init(&rows->sha) && sqlite3_exec(rows->db, make, NULL, NULL, NULL) == SQLITE_OK;

	for (size_t i = 0; good && i < KNOWN_COUNT; i++)
		good = sqlite3_prepare_v2(rows->db, known_sql[i], -1, &rows->known[i], NULL) == SQLITE_OK;
	return good;
}

int proof_rows(sqlite3 *db, struct verify *verify, char *error, size_t error_len)
{
	struct rows rows = { .db = db, .verify = verify };
	int rc = tables_read(&rows.tables, db, error, error_len);

	if (rc == 0) {
		rc = prepare(&rows) ? apply_all(&rows) : -1;
		for (size_t i = 0; rc == 0 && i < rows.tables.count; i++)
			rc = check_table(&rows, i);
		if (rc != 0)
			failed(db, "the rows", error, error_len);
	}
	if (rows.untold)
		verify_find(verify, "row", "and %u rows more", rows.untold);
	for (size_t i = 0; i < KNOWN_COUNT; i++)
		sqlite3_finalize(rows.known[i]);
	sqlite3_exec(db, "DROP TABLE IF EXISTS temp.known", NULL, NULL, NULL);
	chain_sha_wipe(&rows.sha);
	octets_free(&rows.row);
	octets_free(&rows.key);
	return rc;
}
