#include "db/verify.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "db/chain.h"
#include "db/outside.h"
#include "db/proof.h"
#include "db/schema.h"
#include "db/sql.h"
#include "db/store.h"

/* A connection that cannot write */

/* The first row of one of db/queries, as numbers; false: an error, or no row. */
static bool ask(sqlite3 *db, const char *query, int64_t out[], int columns)
{
	sqlite3_stmt *statement = sql_prepare(db, query);
	bool got = statement && sqlite3_step(statement) == SQLITE_ROW;

	assert(!statement || sqlite3_column_count(statement) >= columns);
	for (int i = 0; got && i < columns; i++)
		out[i] = sqlite3_column_int64(statement, i);
	return sqlite3_finalize(statement) == SQLITE_OK && got;
}

/*
 * A write-ahead log wants its index file made even by readers. Where that cannot be (a snapshot on read-only media) and
 * there is no log, nobody writes, and the file can be taken as it lies.
 */
static bool lacks_index_file(sqlite3 *db)
{
	int rc = sqlite3_errcode(db) & 0xff;

	return rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY;
}

static int open_immutable(sqlite3 **db, const char *path)
{
	char name[4096];
	sqlite3_str *uri;
	char *text;
	int rc;

	snprintf(name, sizeof(name), "%s-wal", path);
	if (access(name, F_OK) == 0)
		return SQLITE_CANTOPEN;
	sqlite3_close(*db);
	*db = NULL;
	uri = sqlite3_str_new(NULL);
	sqlite3_str_appendall(uri, "file:");
	for (const char *c = path; *c; c++)
		if (strchr("?#%", *c))
			sqlite3_str_appendf(uri, "%%%02x", (unsigned char)*c);
		else
			sqlite3_str_appendchar(uri, 1, *c);
	sqlite3_str_appendall(uri, "?immutable=1");
	text = sqlite3_str_finish(uri);
	rc = text ? sqlite3_open_v2(text, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL)
		  : SQLITE_NOMEM;
	sqlite3_free(text);
	return rc;
}

static int say(char *error, size_t error_len, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int say(char *error, size_t error_len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, error_len, format, args);
	va_end(args);
	return -1;
}

static int check_kind(sqlite3 **db, const char *path, char *error, size_t error_len)
{
	const struct sql_migration *migrations;
	int64_t kind[3] = { 0 }, version; /* application id, schema version, objects */
	size_t count;

	if (!ask(*db, "kind", kind, 3) &&
	    (!lacks_index_file(*db) || open_immutable(db, path) != SQLITE_OK || !ask(*db, "kind", kind, 3)))
		return say(error, error_len, "%s cannot be read: %s; %s", path, sqlite3_errmsg(*db),
			   (sqlite3_errcode(*db) & 0xff) == SQLITE_NOTADB ? "name the database with --db"
									  : store_remedy(sqlite3_errcode(*db)));
	version = kind[1];
	if (kind[0] != STORE_APPLICATION_ID)
		return say(error, error_len,
			   "%s is not a record of millrace (application id %lld); name the database with --db", path,
			   (long long)kind[0]);
	migrations = sql_migrations(&count);
	if (version > migrations[count - 1].version)
		return say(error, error_len,
			   "%s has schema version %lld and this program knows up to %d: use the newer millrace "
			   "that wrote it",
			   path, (long long)version, migrations[count - 1].version);
	if (version < migrations[count - 1].version)
		return say(error, error_len,
			   "%s has schema version %lld and this program reads %d: run a job on it once, which "
			   "backs it up and migrates it",
			   path, (long long)version, migrations[count - 1].version);
	return 0;
}

int reader_open(sqlite3 **out, const char *path, char *error, size_t error_len)
{
	sqlite3 *db = NULL;

	*out = NULL;
	if (access(path, R_OK) != 0)
		return say(error, error_len, "%s: %s; name the database with --db", path, strerror(errno));
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		say(error, error_len, "%s cannot be opened: %s", path, db ? sqlite3_errmsg(db) : "no memory is left");
		sqlite3_close(db);
		return -1;
	}
	if (check_kind(&db, path, error, error_len) != 0) {
		sqlite3_close(db);
		return -1;
	}
	sqlite3_busy_timeout(db, 5000);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* What a view of that name in the file says is the file's own business. */
	if (schema_own_views(db) != 0) {
		say(error, error_len, "%s cannot be read: %s; %s", path, sqlite3_errmsg(db),
		    store_remedy(sqlite3_extended_errcode(db)));
		sqlite3_close(db);
		return -1;
	}
	*out = db;
	return 0;
}

sqlite3_stmt *reader_view(sqlite3 *db, const char *view)
{
	sqlite3_stmt *statement = NULL;
	char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", view);

	if (sql && sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		statement = NULL;
	sqlite3_free(sql);
	return statement;
}

static int only_reads(void *ctx, int action, const char *first, const char *second, const char *schema,
		      const char *view)
{
	(void)ctx, (void)schema, (void)view;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE: return SQLITE_OK;
	case SQLITE_FUNCTION:
		/* These reach out of the database. */
		return second && (!sqlite3_stricmp(second, "load_extension") || !sqlite3_stricmp(second, "writefile") ||
				  !sqlite3_stricmp(second, "readfile") || !sqlite3_stricmp(second, "edit"))
			       ? SQLITE_DENY
			       : SQLITE_OK;
	case SQLITE_PRAGMA: {
		static const char *const looking[] = { "table_info",   "table_xinfo",	   "table_list",
						       "index_list",   "index_info",	   "foreign_key_list",
						       "user_version", "application_id",   "integrity_check",
						       "quick_check",  "foreign_key_check" };

		/* Two of these take a value that would set them. */
		if (second && (!sqlite3_stricmp(first, "user_version") || !sqlite3_stricmp(first, "application_id")))
			return SQLITE_DENY;
		for (size_t i = 0; i < sizeof(looking) / sizeof(looking[0]); i++)
			if (!sqlite3_stricmp(first, looking[i]))
				return SQLITE_OK;
		return SQLITE_DENY;
	}
	default: return SQLITE_DENY;
	}
}

int reader_restrict(sqlite3 *db)
{
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	return sqlite3_set_authorizer(db, only_reads, NULL) == SQLITE_OK ? 0 : -1;
}

/* Functions for db/queries/verify.sql; only for the statement itself, never from a view that the file brings. */

struct functions {
	struct chain_sha sha;
	sqlite3_stmt *evidence[3];
};

static void sql_sha256(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct functions *functions = sqlite3_user_data(context);
	uint8_t out[CHAIN_HASH_LEN];
	const void *at = sqlite3_value_blob(values[0]);
	size_t len = (size_t)sqlite3_value_bytes(values[0]);

	assert(count == 1);
	if (chain_sha256(&functions->sha, at, len, out))
		sqlite3_result_blob(context, out, sizeof(out), SQLITE_TRANSIENT);
	else
		sqlite3_result_error_nomem(context);
}

static void sql_evidence(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct functions *functions = sqlite3_user_data(context);
	uint8_t out[CHAIN_HASH_LEN];
	bool good = chain_sha_begin(&functions->sha);

	assert(count == 1 && functions->evidence[0] && functions->evidence[2]);
	for (size_t i = 0; good && i < 3; i++) {
		sqlite3_bind_int64(functions->evidence[i], 1, sqlite3_value_int64(values[0]));
		good = chain_sha_rows(&functions->sha, functions->evidence[i]) == SQLITE_OK;
	}
	if (good && chain_sha_end(&functions->sha, out))
		sqlite3_result_blob(context, out, sizeof(out), SQLITE_TRANSIENT);
	else
		sqlite3_result_error(context, "the evidence cannot be read", -1);
}

static bool functions_init(struct functions *functions, sqlite3 *db)
{
	static const char *const names[] = { "evidence_attempt", "evidence_steps", "evidence_measurements" };
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;

	if (!chain_sha_init(&functions->sha))
		return false;
	for (size_t i = 0; i < 3; i++) {
		struct sql_text text = sql_statement(names[i]);

		if (sqlite3_prepare_v2(db, text.at, (int)text.len, &functions->evidence[i], NULL) != SQLITE_OK)
			return false;
	}
	return sqlite3_create_function(db, "sha256", 1, flags, functions, sql_sha256, NULL, NULL) == SQLITE_OK &&
	       sqlite3_create_function(db, "evidence", 1, flags, functions, sql_evidence, NULL, NULL) == SQLITE_OK;
}

static void functions_wipe(struct functions *functions, sqlite3 *db)
{
	sqlite3_create_function(db, "sha256", 1, SQLITE_UTF8, NULL, NULL, NULL, NULL);
	sqlite3_create_function(db, "evidence", 1, SQLITE_UTF8, NULL, NULL, NULL, NULL);
	for (size_t i = 0; i < 3; i++)
		sqlite3_finalize(functions->evidence[i]);
	chain_sha_wipe(&functions->sha);
}

/* Findings */

void verify_find(struct verify *verify, const char *kind, const char *format, ...)
{
	char what[600];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	assert(verify->found && *kind);
	verify->findings++;
	verify->found(verify->ctx, kind, what);
}

void verify_note(struct verify *verify, const char *format, ...)
{
	char what[600];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	verify->noted(verify->ctx, what);
}

static int failed(sqlite3 *db, const char *what, char *error, size_t error_len)
{
	return say(error, error_len, "%s cannot be verified: %s; %s", what, sqlite3_errmsg(db),
		   store_remedy(sqlite3_extended_errcode(db)));
}

/* A text column as it is hashed; NULL: it has an octet 0 inside, which no station writes. */
static const char *column_text(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text && strlen(text) == (size_t)sqlite3_column_bytes(row, column) ? text : NULL;
}

static bool column_hash(sqlite3_stmt *row, int column, uint8_t out[static CHAIN_HASH_LEN])
{
	if (sqlite3_column_bytes(row, column) != CHAIN_HASH_LEN)
		return false;
	memcpy(out, sqlite3_column_blob(row, column), CHAIN_HASH_LEN);
	return true;
}

/* The next row of the chain: true, it follows. Otherwise the finding is told, and nothing after it is proved. */
static bool check_row(struct verify *verify, struct chain_sha *sha, sqlite3_stmt *row)
{
	uint8_t prev[CHAIN_HASH_LEN], stored[CHAIN_HASH_LEN], computed[CHAIN_HASH_LEN];
	struct chain_row link = {
		.seq = (uint64_t)sqlite3_column_int64(row, 0),
		.at_us = sqlite3_column_int64(row, 1),
		.session = sqlite3_column_int64(row, 2),
		.actor = column_text(row, 3),
		.action = column_text(row, 4),
		.subject = column_text(row, 5),
		.body = column_text(row, 6),
	};
	unsigned long long seq = link.seq, expected = verify->rows + 1;
	bool session_of_none = sqlite3_column_type(row, 2) == SQLITE_INTEGER && link.session == 0; /* hashed alike */

	if (seq < expected) {
		verify_find(verify, "chain", "row %llu of the chain is before its first", seq);
		return false;
	}
	if (seq > expected) {
		verify_find(verify, "chain", "rows %llu to %llu of the chain are missing", expected, seq - 1);
		return false;
	}
	if (!column_hash(row, 7, prev) || memcmp(prev, verify->head, sizeof(prev)) != 0) {
		verify_find(verify, "chain", "row %llu of the chain does not follow the row before it", seq);
		return false;
	}
	if (session_of_none || !link.actor || !link.action || !link.subject || !link.body ||
	    !column_hash(row, 8, stored) || !chain_hash(sha, &link, prev, computed) ||
	    memcmp(stored, computed, sizeof(stored)) != 0) {
		verify_find(verify, "chain", "row %llu of the chain was changed: its hash is another", seq);
		return false;
	}
	assert(seq == verify->rows + 1);
	memcpy(verify->head, stored, sizeof(stored));
	verify->rows = seq;
	return true;
}

static int verify_chain(sqlite3 *db, struct verify *verify, struct chain_sha *sha, char *error, size_t error_len)
{
	sqlite3_stmt *row = sql_prepare(db, "chain");
	int rc;

	if (!row)
		return failed(db, "the chain", error, error_len);
	while ((rc = sqlite3_step(row)) == SQLITE_ROW)
		if (!check_row(verify, sha, row)) {
			rc = SQLITE_DONE;
			break;
		}
	if (rc != SQLITE_DONE) {
		failed(db, "the chain", error, error_len);
		sqlite3_finalize(row);
		return -1;
	}
	sqlite3_finalize(row);
	return 0;
}

static void check_anchor(struct verify *verify, sqlite3_stmt *row)
{
	unsigned long long seq = (unsigned long long)sqlite3_column_int64(row, 0);
	uint8_t head[CHAIN_HASH_LEN], there[CHAIN_HASH_LEN];
	const char *key_id = column_text(row, 3);

	if (!column_hash(row, 1, head) || !key_id) {
		verify_find(verify, "anchor", "the anchor of row %llu is malformed", seq);
	} else if (!column_hash(row, 4, there)) {
		verify_find(verify, "anchor", "row %llu of the chain was signed and is gone: the chain was cut", seq);
	} else if (memcmp(head, there, sizeof(head)) != 0) {
		verify_find(verify, "anchor",
			    "row %llu of the chain is not the one that was signed: the chain was written anew", seq);
	} else if (verify->signature && !verify->signature(verify->ctx, head, sqlite3_column_blob(row, 2),
							   (size_t)sqlite3_column_bytes(row, 2), key_id)) {
		verify_find(verify, "anchor", "the signature of row %llu (key %s) is not this station's", seq, key_id);
	} else {
		verify->anchors++;
		verify->anchored = seq;
	}
}

static int verify_anchors(sqlite3 *db, struct verify *verify, char *error, size_t error_len)
{
	sqlite3_stmt *row = sql_prepare(db, "anchors");
	int rc;

	if (!row)
		return failed(db, "the anchors", error, error_len);
	while ((rc = sqlite3_step(row)) == SQLITE_ROW)
		check_anchor(verify, row);
	sqlite3_finalize(row);
	return rc == SQLITE_DONE ? 0 : failed(db, "the anchors", error, error_len);
}

/* Rows of (kind, what). */
static int verify_query(sqlite3 *db, struct verify *verify, const char *query, char *error, size_t error_len)
{
	sqlite3_stmt *row = sql_prepare(db, query);
	int rc = row ? SQLITE_OK : SQLITE_ERROR;

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(row);
		if (rc == SQLITE_ROW)
			verify_find(verify, (const char *)sqlite3_column_text(row, 0), "%s",
				    (const char *)sqlite3_column_text(row, 1));
	}
	if (rc != SQLITE_DONE)
		failed(db, "the record", error, error_len);
	sqlite3_finalize(row);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int note_open_batches(sqlite3 *db, struct verify *verify, char *error, size_t error_len)
{
	sqlite3_stmt *row = sql_prepare(db, "open_lots");
	int rc = row ? SQLITE_OK : SQLITE_ERROR;

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(row);
		if (rc == SQLITE_ROW)
			verify_note(
				verify,
				"lot %s is %s, with %d loose ends, which are no fault before it is done: run its job "
				"again "
				"to go on",
				(const char *)sqlite3_column_text(row, 0), (const char *)sqlite3_column_text(row, 1),
				sqlite3_column_int(row, 2));
	}
	if (rc != SQLITE_DONE)
		failed(db, "the batches", error, error_len);
	sqlite3_finalize(row);
	return rc == SQLITE_DONE ? 0 : -1;
}

/* An error of programs before schema version 5, named instead of hidden: the rows are chained and stay as they are. */
static int note_old_methods(sqlite3 *db, struct verify *verify, char *error, size_t error_len)
{
	sqlite3_stmt *row = sql_prepare(db, "old_methods");
	int rc = row ? SQLITE_OK : SQLITE_ERROR;

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(row);
		if (rc == SQLITE_ROW) {
			long long attempts = sqlite3_column_int64(row, 2);

			verify_note(
				verify,
				"%lld attempt%s of lot %s bear%s the job's method, %s, where a label named another for "
				"the "
				"device: an older program wrote it so; v_attempt and v_links have the device's own",
				attempts, attempts == 1 ? "" : "s", (const char *)sqlite3_column_text(row, 0),
				attempts == 1 ? "s" : "", (const char *)sqlite3_column_text(row, 1));
		}
	}
	if (rc != SQLITE_DONE)
		failed(db, "the methods", error, error_len);
	sqlite3_finalize(row);
	return rc == SQLITE_DONE ? 0 : -1;
}

static void found_in_schema(void *ctx, const char *what)
{
	verify_find(ctx, "schema",
		    "%s: whoever changed it could have the file say anything by its own views and guards", what);
}

static int verify_schema(sqlite3 *db, struct verify *verify, char *error, size_t error_len)
{
	const struct sql_migration *migrations;
	size_t count;
	int own = store_views_are_own(db);

	migrations = sql_migrations(&count);
	if (own < 0)
		return failed(db, "the views", error, error_len);
	if (own == 0)
		verify_note(verify,
			    "the views in the file are another version's of millrace, and were not looked at; this "
			    "answer is by this program's own");
	return schema_compare(db, migrations, count, migrations[count - 1].version, own == 1, found_in_schema, verify,
			      error, error_len);
}

/* What was known outside, before this look at the file began: the file may have gone on since. */
struct known_outside {
	struct outside_head lock, heads;
};

static void read_outside(sqlite3 *db, const struct verify *verify, struct known_outside *out)
{
	const char *path = sqlite3_db_filename(db, "main");
	sqlite3_stmt *last = sql_prepare(db, "written_last");

	*out = (struct known_outside){ 0 };
	if (path && *path)
		outside_read_lock(path, &out->lock);
	if (verify->heads && last && sqlite3_step(last) == SQLITE_ROW && sqlite3_column_bytes(last, 5) == 16)
		outside_read_heads(verify->heads, sqlite3_column_blob(last, 5), &out->heads);
	sqlite3_finalize(last);
}

static void verify_outside(sqlite3 *db, struct verify *verify, const struct known_outside *known)
{
	char what[300];

	if (known->lock.n > 0 && !outside_matches(&known->lock, "FILE.lock", db, what, sizeof(what)))
		verify_find(verify, "outside", "%s", what);
	if (known->heads.n > 0 && !outside_matches(&known->heads, "the folder of keys", db, what, sizeof(what)))
		verify_find(verify, "outside", "%s", what);
	if (known->heads.n == 0 && known->lock.n == 0)
		verify_note(verify,
			    "nothing outside the file says how far it had come (FILE.lock, KEYS/heads): that it is "
			    "an older copy would not be noticed");
	else if (known->heads.n == 0)
		verify_note(verify,
			    "the folder of keys does not say how far this record had come: whoever has the file and "
			    "its lock could bring back an older copy");
}

/* What is signed, and that it is. */
static int verify_chains(sqlite3 *db, struct verify *verify, char *error, size_t error_len)
{
	struct chain_sha sha;
	int rc = -1;

	if (!chain_sha_init(&sha))
		say(error, error_len, "SHA-256 is not available: repair the installation of OpenSSL");
	else if (verify_chain(db, verify, &sha, error, error_len) == 0 &&
		 verify_anchors(db, verify, error, error_len) == 0)
		rc = proof_commits(db, verify, error, error_len);
	chain_sha_wipe(&sha);
	return rc;
}

static void begin(struct verify *verify)
{
	assert(verify->found && verify->noted);
	verify->rows = verify->anchors = verify->anchored = verify->commits = 0;
	verify->findings = 0;
	memset(verify->head, 0, sizeof(verify->head));
	memset(verify->commit, 0, sizeof(verify->commit));
}

int verify_written(sqlite3 *db, struct verify *verify, char *error, size_t error_len)
{
	begin(verify);
	return verify_chains(db, verify, error, error_len) != 0 ? -1 : proof_rows(db, verify, error, error_len);
}

int verify_record(sqlite3 *db, struct verify *verify, char *error, size_t error_len)
{
	struct functions functions = { 0 };
	struct known_outside known;
	int rc = -1;

	assert(sqlite3_get_autocommit(db));
	begin(verify);
	read_outside(db, verify, &known);
	/* One transaction: one state of the record, whatever a station writes meanwhile. */
	if (!functions_init(&functions, db) || sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		failed(db, "the record", error, error_len);
	else if (verify_query(db, verify, "file_whole", error, error_len) == 0 &&
		 verify_chains(db, verify, error, error_len) == 0 && verify_schema(db, verify, error, error_len) == 0 &&
		 verify_query(db, verify, "verify", error, error_len) == 0 &&
		 verify_query(db, verify, "file_references", error, error_len) == 0 &&
		 proof_rows(db, verify, error, error_len) == 0 && note_old_methods(db, verify, error, error_len) == 0)
		rc = note_open_batches(db, verify, error, error_len);
	if (rc == 0)
		verify_outside(db, verify, &known);
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	functions_wipe(&functions, db);
	return rc;
}
