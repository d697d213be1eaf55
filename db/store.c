#include "db/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/chain.h"
#include "db/private_file.h"
#include "db/schema.h"
#include "db/text.h"
#include "db/verify.h"

#define BUSY_MS 10000

const char *store_remedy(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL: return "the disk is full: free space, then run the job again";
	case SQLITE_IOERR: return "the disk does not take or give data: check it and its space, then run the job again";
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN: return "make the file and its folder writable for this user, or choose another with --db";
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return "another program is writing to it: close that one, then run the job again";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return "keep a copy, then restore the last backup";
	case SQLITE_CONSTRAINT:
		return "the record contradicts itself and nothing of it was stored: stop the line and look at both "
		       "units";
	default: return "run the job again; if it stays, restore the last backup";
	}
}

__attribute__((format(printf, 3, 4))) static int refuse(char *error, size_t error_len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, error_len, format, args);
	va_end(args);
	return -STORE_UNAVAILABLE;
}

static int refuse_sqlite(struct store *store, const char *path, const char *what, char *error, size_t error_len)
{
	int rc = sqlite3_extended_errcode(store->db);

	if ((rc & 0xff) == SQLITE_NOTADB)
		return refuse(error, error_len, "%s is not a database; choose another file with --db", path);
	if ((rc & 0xff) == SQLITE_CORRUPT)
		return refuse(error, error_len, "%s is damaged (%s): %s", path, sqlite3_errmsg(store->db),
			      store_remedy(rc));
	return refuse(error, error_len, "%s: %s: %s; %s", path, what, sqlite3_errmsg(store->db), store_remedy(rc));
}

static int exec(struct store *store, const char *sql) { return sqlite3_exec(store->db, sql, NULL, NULL, NULL); }

/* The first column of the first row; false: an error, or no row. */
static bool ask(struct store *store, const char *sql, int64_t *out)
{
	sqlite3_stmt *statement = NULL;
	bool got = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK &&
		   sqlite3_step(statement) == SQLITE_ROW;

	if (got)
		*out = sqlite3_column_int64(statement, 0);
	return sqlite3_finalize(statement) == SQLITE_OK && got;
}

static bool ask_text(struct store *store, const char *sql, char *out, size_t out_len)
{
	sqlite3_stmt *statement = NULL;
	bool got = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK &&
		   sqlite3_step(statement) == SQLITE_ROW;

	if (got)
		snprintf(out, out_len, "%s", (const char *)sqlite3_column_text(statement, 0));
	return sqlite3_finalize(statement) == SQLITE_OK && got;
}

static bool sync_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool done = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return done;
}

static bool sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash)
		return sync_path(".");
	slash[slash == folder] = '\0';
	return sync_path(folder);
}

/* A whole, consistent copy beside the file. sqlite3 locks belong to the process, so it is never a plain copy. */
static int back_up(struct store *store, const char *path, int64_t version, char *error, size_t error_len)
{
	char name[PATH_MAX];
	struct stat there;
	sqlite3_stmt *statement = NULL;
	int rc;

	for (unsigned n = 0; n < 1000; n++) {
		char suffix[16] = "";

		if (n > 0)
			snprintf(suffix, sizeof(suffix), "-%u", n);
		if ((size_t)snprintf(name, sizeof(name), "%s.v%lld%s.backup", path, (long long)version, suffix) >=
		    sizeof(name))
			return refuse(error, error_len, "the name of the database is too long: %s", path);
		if (stat(name, &there) != 0)
			break;
	}
	if (!private_file_make(name))
		return refuse(error, error_len, "%s: %s; make its folder writable for this user", name,
			      strerror(errno));
	rc = sqlite3_prepare_v2(store->db, "VACUUM INTO ?1", -1, &statement, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
		sqlite3_step(statement);
		rc = sqlite3_finalize(statement);
	}
	if (rc != SQLITE_OK || !sync_path(name) || !sync_folder_of(name)) {
		refuse_sqlite(store, path, "the backup before the migration failed", error, error_len);
		unlink(name);
		return -STORE_UNAVAILABLE;
	}
	return 0;
}

static bool drop_views(struct store *store)
{
	char sql[256], name[200];

	while (ask_text(store, "SELECT name FROM sqlite_schema WHERE type = 'view' LIMIT 1", name, sizeof(name))) {
		sqlite3_snprintf(sizeof(sql), sql, "DROP VIEW \"%w\"", name);
		if (exec(store, sql) != SQLITE_OK)
			return false;
	}
	return sqlite3_errcode(store->db) == SQLITE_OK || sqlite3_errcode(store->db) == SQLITE_DONE;
}

/* Views hold no data: they are made anew whenever db/views.sql has changed. */
static bool put_views(struct store *store, const uint8_t sha256[static CHAIN_HASH_LEN])
{
	sqlite3_stmt *statement = NULL;

	assert(!sqlite3_get_autocommit(store->db));
	if (!drop_views(store) || exec(store, sql_views()) != SQLITE_OK ||
	    sqlite3_prepare_v2(store->db, "UPDATE record SET views_sha256 = ?1", -1, &statement, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_blob(statement, 1, sha256, CHAIN_HASH_LEN, SQLITE_STATIC);
	sqlite3_step(statement);
	return sqlite3_finalize(statement) == SQLITE_OK;
}

static bool views_hash(uint8_t out[static CHAIN_HASH_LEN])
{
	struct chain_sha sha;
	bool good = chain_sha_init(&sha) && chain_sha256(&sha, sql_views(), strlen(sql_views()), out);

	chain_sha_wipe(&sha);
	return good;
}

int store_views_are_own(sqlite3 *db)
{
	sqlite3_stmt *row = sql_prepare(db, "views_sha256");
	uint8_t own[CHAIN_HASH_LEN];
	int same = -1;

	if (row && views_hash(own) && sqlite3_step(row) == SQLITE_ROW)
		same = sqlite3_column_bytes(row, 0) == CHAIN_HASH_LEN &&
		       memcmp(sqlite3_column_blob(row, 0), own, CHAIN_HASH_LEN) == 0;
	sqlite3_finalize(row);
	return same;
}

/* A record that has no id gets one. */
static bool put_id(struct store *store)
{
	sqlite3_stmt *statement = NULL;
	uint8_t id[16];

	if (store->options.id)
		memcpy(id, store->options.id, sizeof(id));
	else if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return false;
	if (sqlite3_prepare_v2(store->db, "UPDATE record SET id = ?1 WHERE id IS NULL", -1, &statement, NULL) !=
	    SQLITE_OK)
		return false;
	sqlite3_bind_blob(statement, 1, id, sizeof(id), SQLITE_STATIC);
	sqlite3_step(statement);
	return sqlite3_finalize(statement) == SQLITE_OK;
}

static bool migrate_all(struct store *store, const struct sql_migration *migrations, size_t count, int64_t version,
			enum store_want want, const uint8_t views[static CHAIN_HASH_LEN])
{
	char sql[200];
	int newest = migrations[count - 1].version;

	assert(!sqlite3_get_autocommit(store->db) && version < newest);
	for (size_t i = 0; i < count; i++) {
		assert(i == 0 || migrations[i].version > migrations[i - 1].version);
		if (migrations[i].version > version && exec(store, migrations[i].text) != SQLITE_OK)
			return false;
	}
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d; PRAGMA application_id = %d;", newest,
		 STORE_APPLICATION_ID);
	if (exec(store, sql) != SQLITE_OK)
		return false;
	snprintf(sql, sizeof(sql), "INSERT INTO record (one, simulated) VALUES (1, %d)", want == STORE_SIMULATED);
	if (store->fresh && exec(store, sql) != SQLITE_OK)
		return false;
	return put_id(store) && put_views(store, views);
}

static bool last_of_chain(struct store *store, uint64_t *seq, uint8_t hash[static CHAIN_HASH_LEN])
{
	struct sql_text text = sql_statement("head");
	sqlite3_stmt *row = NULL;
	bool good = sqlite3_prepare_v2(store->db, text.at, (int)text.len, &row, NULL) == SQLITE_OK;

	*seq = 0;
	memset(hash, 0, CHAIN_HASH_LEN);
	if (good && sqlite3_step(row) == SQLITE_ROW && sqlite3_column_bytes(row, 1) == CHAIN_HASH_LEN) {
		*seq = (uint64_t)sqlite3_column_int64(row, 0);
		memcpy(hash, sqlite3_column_blob(row, 1), CHAIN_HASH_LEN);
	}
	return sqlite3_finalize(row) == SQLITE_OK && good;
}

/* The commit of a change that the store itself makes: of all rows after a migration (`changes` NULL), else of the list.
 * 0, or -1 with a sentence. */
static int put_written(struct store *store, const struct changes *changes, struct written *written)
{
	uint8_t hash[CHAIN_HASH_LEN];
	uint64_t seq;

	if (written_init(written, store->db, &store->options) != 0)
		return -1;
	if (!last_of_chain(store, &seq, hash)) {
		snprintf(written->error, sizeof(written->error), "the chain cannot be read: %s",
			 sqlite3_errmsg(store->db));
		return -1;
	}
	return changes ? written_add(written, seq, hash, 0, &changes->list) : written_all(written, seq, hash);
}

/* Rows whose reference leads nowhere: none, in a record that only stations wrote. */
static bool count_broken(struct store *store, int64_t *out)
{
	return ask(store, "SELECT count(*) FROM pragma_foreign_key_check", out);
}

/* Views alone: an ordinary commit, of one row. */
static int renew_views(struct store *store, const uint8_t views[static CHAIN_HASH_LEN], struct written *written,
		       char *error, size_t error_len)
{
	struct changes changes;
	int rc = changes_begin(&changes, store->db, error, error_len);

	if (rc == 0 && !put_views(store, views)) {
		snprintf(error, error_len, "its views cannot be renewed: %s", sqlite3_errmsg(store->db));
		rc = -1;
	}
	if (rc == 0 && (changes.bad || put_written(store, &changes, written) != 0)) {
		snprintf(error, error_len, "%s", changes.bad ? "no memory is left" : written->error);
		rc = -1;
	}
	changes_end(&changes);
	return rc;
}

/*
 * A table that others refer to is dropped and made anew with its rows, so nothing watches references meanwhile
 * (sqlite.org/lang_altertable.html, section 7): they are counted before and after.
 */
static int renew_schema(struct store *store, const struct sql_migration *migrations, size_t count, int64_t version,
			enum store_want want, const uint8_t views[static CHAIN_HASH_LEN], struct written *written,
			char *error, size_t error_len)
{
	int64_t before = 0, after = 0;

	if (!count_broken(store, &before) || !migrate_all(store, migrations, count, version, want, views) ||
	    !count_broken(store, &after)) {
		snprintf(error, error_len, "its schema cannot be brought up to date: %s; %s", sqlite3_errmsg(store->db),
			 store_remedy(sqlite3_extended_errcode(store->db)));
		return -1;
	}
	if (after > before) {
		snprintf(error, error_len,
			 "its schema cannot be brought up to date: rows would lose what they refer to; keep the file, "
			 "and "
			 "look at it with `audit verify` of the program that wrote it");
		return -1;
	}
	if (put_written(store, NULL, written) == 0)
		return 0;
	snprintf(error, error_len, "%s", written->error);
	return -1;
}

/* All of it or nothing, in one transaction. */
static int renew(struct store *store, const char *path, const struct sql_migration *migrations, size_t count,
		 int64_t version, enum store_want want, char *error, size_t error_len)
{
	bool behind = version < migrations[count - 1].version;
	uint8_t views[CHAIN_HASH_LEN];
	struct written written = { 0 };
	char why[400] = "SHA-256 is not available: repair the installation of OpenSSL";
	int rc = -1;

	assert(sqlite3_get_autocommit(store->db));
	if (exec(store, "BEGIN IMMEDIATE") != SQLITE_OK)
		return refuse_sqlite(store, path, "it cannot be written", error, error_len);
	if (views_hash(views))
		rc = behind ? renew_schema(store, migrations, count, version, want, views, &written, why, sizeof(why))
			    : renew_views(store, views, &written, why, sizeof(why));
	if (rc == 0)
		rc = outside_know(&store->outside, written.id, store->options.heads, why, sizeof(why));
	if (rc == 0 && exec(store, "COMMIT") != SQLITE_OK) {
		snprintf(why, sizeof(why), "%s; %s", sqlite3_errmsg(store->db),
			 store_remedy(sqlite3_extended_errcode(store->db)));
		rc = -1;
	}
	if (rc == 0) {
		store->outside.touched = false;
		outside_keep(&store->outside, &written.head);
	} else {
		refuse(error, error_len, "%s: %s", path, why);
	}
	written_wipe(&written);
	if (rc != 0 && !sqlite3_get_autocommit(store->db))
		exec(store, "ROLLBACK");
	return rc == 0 ? 0 : -STORE_UNAVAILABLE;
}

static int migrate(struct store *store, const char *path, const struct sql_migration *migrations, size_t count,
		   int64_t version, enum store_want want, char *error, size_t error_len)
{
	bool behind = version < migrations[count - 1].version;

	if (!behind && store_views_are_own(store->db) == 1)
		return 0;
	if (behind && !store->fresh && back_up(store, path, version, error, error_len) != 0)
		return -STORE_UNAVAILABLE;
	return renew(store, path, migrations, count, version, want, error, error_len);
}

/* Is it as stations left it? Nothing is written before that is known, for what is written is signed. */

#define VERSION_OF_COMMITS 7

/* The first thing that is wrong is the reason. */
struct reason {
	char text[400];
};

static void keep_reason(void *ctx, const char *kind, const char *what)
{
	struct reason *reason = ctx;

	(void)kind;
	if (!*reason->text)
		snprintf(reason->text, sizeof(reason->text), "%s", what);
}

static void keep_difference(void *ctx, const char *what) { keep_reason(ctx, "schema", what); }
static void ignore_note(void *ctx, const char *what) { (void)ctx, (void)what; }

static int refuse_foreign(const char *path, const char *why, char *error, size_t error_len)
{
	return refuse(
		error, error_len,
		"%s is not as stations left it: %s; `millrace audit verify` says all of it; bring back the newest copy "
		"that holds together, or begin another record with --db",
		path, why);
}

/* Has the record come as far as is known outside, and is its last commit signed by a key of ours? */
static bool check_head(const struct store *store, const struct written_head *head, struct reason *reason)
{
	const struct journal_options *options = &store->options;
	const struct outside *outside = &store->outside;
	char *text = reason->text;

	if ((outside->head.n > 0 &&
	     !outside_matches(&outside->head, "FILE.lock", store->db, text, sizeof(reason->text))) ||
	    (outside->key_head.n > 0 &&
	     !outside_matches(&outside->key_head, "the folder of keys", store->db, text, sizeof(reason->text))))
		return false;
	if (!options->check || head->signature_len == 0 ||
	    options->check(options->check_ctx, head->hash, head->signature, head->signature_len, head->key_id))
		return true;
	snprintf(text, sizeof(reason->text),
		 "its last commit is signed with key %s, and the folder of keys has no such public key, or it did not "
		 "sign "
		 "this",
		 head->key_id);
	return false;
}

static bool check_last(struct store *store, struct reason *reason)
{
	struct written written;
	bool good = false;

	if (written_init(&written, store->db, &store->options) != 0)
		snprintf(reason->text, sizeof(reason->text), "%s", written.error);
	else if (outside_know(&store->outside, written.id, store->options.heads, reason->text, sizeof(reason->text)) ==
		 0)
		good = check_head(store, &written.head, reason);
	written_wipe(&written);
	return good;
}

/* Every row, by the commits: on a connection of its own, whose temporary table may go to the disk. */
static int check_rows(struct store *store, struct reason *reason, char *error, size_t error_len)
{
	struct verify verify = { .found = keep_reason, .noted = ignore_note, .ctx = reason };
	sqlite3 *db = NULL;
	int rc = -1;

	if (sqlite3_open_v2(store->outside.path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		snprintf(error, error_len, "%s cannot be read: %s", store->outside.path, sqlite3_errmsg(db));
	else
		rc = verify_written(db, &verify, error, error_len);
	sqlite3_close(db);
	return rc;
}

static int check_ours(struct store *store, const char *path, const struct sql_migration *migrations, size_t count,
		      int64_t version, char *error, size_t error_len)
{
	struct reason reason = { "" };
	int own = store_views_are_own(store->db);

	if (own < 0)
		return refuse_sqlite(store, path, "cannot be read", error, error_len);
	if (schema_compare(store->db, migrations, count, (int)version, own == 1, keep_difference, &reason, error,
			   error_len) != 0)
		return -STORE_UNAVAILABLE;
	if (*reason.text || !check_last(store, &reason))
		return refuse_foreign(path, reason.text, error, error_len);
	if (!store->outside.touched)
		return 0;
	if (check_rows(store, &reason, error, error_len) != 0)
		return -STORE_UNAVAILABLE;
	if (*reason.text)
		return refuse_foreign(path, reason.text, error, error_len);
	store->outside.touched = false;
	return 0;
}

/* After a crash the file is looked at as a whole; a clean end spares the time. */
static int look_over(struct store *store, const char *path, char *error, size_t error_len)
{
	char word[200] = "";
	int64_t dead = 0;

	if (!ask(store, "SELECT count(*) FROM session WHERE ended_us IS NULL", &dead))
		return refuse_sqlite(store, path, "cannot be read", error, error_len);
	if (dead == 0)
		return 0;
	if (!ask_text(store, "PRAGMA quick_check(1)", word, sizeof(word)) || strcmp(word, "ok") != 0)
		return refuse(error, error_len, "%s is damaged (%s): %s", path,
			      *word ? word : sqlite3_errmsg(store->db), store_remedy(SQLITE_CORRUPT));
	return 0;
}

/* What there is at that path, before anything is written: one of ours, of a version that this program knows, or
 * nothing. */
static int look_at_file(struct store *store, const char *path, enum store_want want, int newest, int64_t *version,
			char *error, size_t error_len)
{
	int64_t id = 0, objects = 0, simulated = 0;

	if (!ask(store, "PRAGMA application_id", &id) || !ask(store, "PRAGMA user_version", version) ||
	    !ask(store, "SELECT count(*) FROM sqlite_schema", &objects))
		return refuse_sqlite(store, path, "cannot be read", error, error_len);
	store->fresh = id == 0 && *version == 0 && objects == 0;
	if (!store->fresh && id != STORE_APPLICATION_ID)
		return refuse(error, error_len,
			      "%s is a database of another program (application id %lld); choose another file "
			      "with --db",
			      path, (long long)id);
	if (*version > newest)
		return refuse(error, error_len,
			      "%s has schema version %lld and this program knows up to %d: use the newer "
			      "millrace that wrote it, or another file with --db",
			      path, (long long)*version, newest);
	if (store->fresh && want == STORE_WHICHEVER)
		return refuse(error, error_len, "%s is empty; name the database with --db", path);
	if (!store->fresh) {
		if (look_over(store, path, error, error_len) != 0)
			return -STORE_UNAVAILABLE;
		if (!ask(store, "SELECT simulated FROM record", &simulated))
			return refuse_sqlite(store, path, "cannot be read", error, error_len);
		if (want != STORE_WHICHEVER && simulated != (want == STORE_SIMULATED))
			return refuse(error, error_len,
				      "%s holds %s devices and this job's radios are %s; the two never share a "
				      "record: choose another file with --db",
				      path, simulated ? "simulated" : "real", simulated ? "real" : "simulated");
	}
	store->simulated = store->fresh ? want == STORE_SIMULATED : simulated != 0;
	return 0;
}

static bool is_empty_and_known(const struct store *store, const char *path, char *error, size_t error_len)
{
	const struct outside_head *head = &store->outside.head;

	if (!store->fresh || head->n == 0)
		return false;
	refuse(error, error_len,
	       "%s is empty, and FILE.lock knows a record there with %llu commits (%.8s): bring back its newest copy; "
	       "to "
	       "begin a new record, choose another file with --db",
	       path, head->n, head->id);
	return true;
}

/* SQLite gives -wal and -shm the mode of the database, which an earlier version made for everybody to read. */
static void narrow(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	char name[PATH_MAX];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if ((size_t)snprintf(name, sizeof(name), "%s%s", path, ends[i]) < sizeof(name))
			private_file_narrow(name);
}

static int open_checked(struct store *store, const char *path, enum store_want want,
			const struct sql_migration *migrations, size_t count, char *error, size_t error_len)
{
	/* References are watched from the end of the migration on. */
	static const char settings[] =
		"PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;"
		"PRAGMA cache_size = -32000; PRAGMA wal_autocheckpoint = 4000;"
		"PRAGMA trusted_schema = OFF;";
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int64_t version = 0, watched = 0;
	char mode[16] = "";

	narrow(store->outside.path);
	if (sqlite3_open_v2(store->outside.path, &store->db, flags, NULL) != SQLITE_OK)
		return refuse_sqlite(store, path, "cannot be opened", error, error_len);
	sqlite3_busy_timeout(store->db, BUSY_MS);
	if (look_at_file(store, path, want, migrations[count - 1].version, &version, error, error_len) != 0)
		return -STORE_UNAVAILABLE;
	if (is_empty_and_known(store, path, error, error_len) ||
	    (version >= VERSION_OF_COMMITS &&
	     check_ours(store, path, migrations, count, version, error, error_len) != 0))
		return -STORE_UNAVAILABLE;
	if (exec(store, settings) != SQLITE_OK || !ask_text(store, "PRAGMA journal_mode = WAL", mode, sizeof(mode)))
		return refuse_sqlite(store, path, "cannot be written", error, error_len);
	if (strcmp(mode, "wal") != 0)
		return refuse(error, error_len,
			      "%s: its file system cannot hold a write-ahead log; put the database on a local "
			      "disk",
			      path);
	if (migrate(store, path, migrations, count, version, want, error, error_len) != 0)
		return -STORE_UNAVAILABLE;
	if (exec(store, "PRAGMA foreign_keys = ON") != SQLITE_OK || !ask(store, "PRAGMA foreign_keys", &watched) ||
	    watched != 1)
		return refuse_sqlite(store, path, "cannot be written", error, error_len);
	if (store->fresh && store_settle(store, error, error_len) != 0)
		return -STORE_UNAVAILABLE;
	if (store->fresh && !sync_folder_of(store->outside.path))
		return refuse(error, error_len, "%s: its folder cannot be written to disk: %s", path, strerror(errno));
	return 0;
}

/* From here on the files are watched: who else writes, whether they stay. */
static int watch(struct store *store, const char *path, char *error, size_t error_len)
{
	struct sql_text text = sql_statement("others");

	if (sqlite3_prepare_v3(store->db, text.at, (int)text.len, SQLITE_PREPARE_PERSISTENT, &store->others, NULL) !=
		    SQLITE_OK ||
	    sqlite3_step(store->others) != SQLITE_ROW)
		return refuse_sqlite(store, path, "cannot be read", error, error_len);
	store->version = sqlite3_column_int64(store->others, 0);
	sqlite3_reset(store->others);
	outside_take(&store->outside);
	return 0;
}

int store_open(struct store *store, const struct journal_options *options, enum store_want want,
	       const struct sql_migration *migrations, size_t migration_count, char *error, size_t error_len)
{
	const char *path = options->path;

	assert(migration_count > 0 && migrations[migration_count - 1].version > 0);
	*store = (struct store){ .options = *options };
	if (outside_open(&store->outside, path, want == STORE_WHICHEVER, options->heads, error, error_len) == 0 &&
	    open_checked(store, path, want, migrations, migration_count, error, error_len) == 0 &&
	    watch(store, path, error, error_len) == 0)
		return 0;
	/* Nothing of what was found is kept as what we left. */
	store->outside.touched = true;
	store_close(store);
	return -STORE_UNAVAILABLE;
}

static bool look_at_head(struct store *store, struct reason *reason)
{
	struct written written;
	bool good = written_init(&written, store->db, &store->options) == 0;

	if (!good)
		snprintf(reason->text, sizeof(reason->text), "%s", written.error);
	else if (store->options.heads)
		outside_read_heads(store->options.heads, written.id, &store->outside.key_head);
	good = good && check_head(store, &written.head, reason);
	written_wipe(&written);
	return good;
}

int store_look(const struct journal_options *options, char *error, size_t error_len)
{
	struct store store = { .options = *options };
	struct reason reason = { "" };
	const struct sql_migration *migrations;
	int64_t version = 0;
	size_t count;
	int rc = -1;

	migrations = sql_migrations(&count);
	outside_read_lock(options->path, &store.outside.head);
	if (access(options->path, F_OK) != 0) {
		if (store.outside.head.n == 0)
			return 0;
		return refuse(error, error_len,
			      "%s is missing, and FILE.lock knows a record there with %llu commits: bring back its "
			      "newest copy",
			      options->path, store.outside.head.n);
	}
	if (sqlite3_open_v2(options->path, &store.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    !ask(&store, "PRAGMA user_version", &version))
		refuse_sqlite(&store, options->path, "cannot be read", error, error_len);
	else if (version < VERSION_OF_COMMITS)
		rc = 0;
	else if (schema_compare(store.db, migrations, count, (int)version, store_views_are_own(store.db) == 1,
				keep_difference, &reason, error, error_len) == 0)
		rc = !*reason.text && look_at_head(&store, &reason)
			     ? 0
			     : refuse_foreign(options->path, reason.text, error, error_len);
	sqlite3_close(store.db);
	return rc == 0 ? 0 : -STORE_UNAVAILABLE;
}

int store_is_ours(struct store *store, char *error, size_t error_len)
{
	int64_t version = sqlite3_step(store->others) == SQLITE_ROW ? sqlite3_column_int64(store->others, 0) : -1;
	int rc = outside_still(&store->outside, error, error_len);

	assert(!sqlite3_get_autocommit(store->db));
	sqlite3_reset(store->others);
	if (rc == 0 && version != store->version) {
		snprintf(error, error_len,
			 "another program has written to the record: close it, look at the record with `millrace audit "
			 "verify`, and bring back the newest copy that holds together");
		rc = -1;
	}
	store->outside.touched |= rc != 0;
	return rc;
}

int store_settle(struct store *store, char *error, size_t error_len)
{
	/* A reader may hold the log: then it stays for now, and FILE.lock knows what is in it. */
	int rc = sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY) {
		outside_rest(&store->outside);
		return 0;
	}
	return refuse_sqlite(store, store->outside.path, "cannot be written", error, error_len);
}

void store_close(struct store *store)
{
	bool closed = store->db != NULL;

	sqlite3_finalize(store->others);
	if (store->db)
		sqlite3_close(store->db);
	if (closed)
		outside_rest(&store->outside);
	outside_close(&store->outside);
	*store = (struct store){ .outside = { .lock = -1, .file = -1, .heads = -1 } };
}
