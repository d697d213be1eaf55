#include "db/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/chain.h"

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

static int lock_take(struct store *store, const char *path, char *error, size_t error_len)
{
	char name[PATH_MAX], holder[200] = "";
	ssize_t got;

	assert(store->lock_fd < 0);
	if ((size_t)snprintf(name, sizeof(name), "%s.lock", path) >= sizeof(name))
		return refuse(error, error_len, "the name of the database is too long: %s", path);
	store->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (store->lock_fd < 0)
		return refuse(error, error_len,
			      "%s: cannot write beside it: %s; make its folder writable for this user, or "
			      "choose another file with --db",
			      path, strerror(errno));
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0) {
		store_hold_as(store, "");
		return 0;
	}
	got = pread(store->lock_fd, holder, sizeof(holder) - 1, 0);
	holder[got > 0 ? got : 0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
	close(store->lock_fd);
	store->lock_fd = -1;
	return refuse(error, error_len,
		      "%s is in use by another station (%s); one station writes at a time: stop that one, "
		      "or choose another file with --db",
		      path, *holder ? holder : "just starting");
}

void store_hold_as(struct store *store, const char *text)
{
	char line[200], host[65] = "";
	int len;

	assert(store->lock_fd >= 0);
	gethostname(host, sizeof(host) - 1);
	len = snprintf(line, sizeof(line), "%.80s%sprocess %ld on %s\n", text, *text ? ", " : "", (long)getpid(), host);
	/* Only a courtesy to the one who is refused: the lock holds without it. */
	if (ftruncate(store->lock_fd, 0) != 0 || pwrite(store->lock_fd, line, (size_t)len, 0) != len)
		return;
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

static bool views_are(struct store *store, const uint8_t sha256[static CHAIN_HASH_LEN])
{
	sqlite3_stmt *statement = NULL;
	bool same = sqlite3_prepare_v2(store->db, "SELECT views_sha256 FROM record", -1, &statement, NULL) ==
			    SQLITE_OK &&
		    sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_bytes(statement, 0) == CHAIN_HASH_LEN &&
		    memcmp(sqlite3_column_blob(statement, 0), sha256, CHAIN_HASH_LEN) == 0;

	sqlite3_finalize(statement);
	return same;
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
	return put_views(store, views);
}

/* Rows whose reference leads nowhere: none, in a record that only stations wrote. */
static bool count_broken(struct store *store, int64_t *out)
{
	return ask(store, "SELECT count(*) FROM pragma_foreign_key_check", out);
}

/*
 * All of it or nothing, in one transaction. A table that others refer to is dropped and made anew with its rows, so
 * nothing watches references meanwhile (sqlite.org/lang_altertable.html, section 7): they are counted before and after.
 */
static int migrate_in_one(struct store *store, const char *path, const struct sql_migration *migrations, size_t count,
			  int64_t version, enum store_want want, const uint8_t views[static CHAIN_HASH_LEN],
			  char *error, size_t error_len)
{
	static const char what[] = "its schema cannot be brought up to date";
	bool behind = version < migrations[count - 1].version;
	int64_t before = 0, after = 0;

	assert(store->lock_fd >= 0 && sqlite3_get_autocommit(store->db));
	if (exec(store, "BEGIN IMMEDIATE") != SQLITE_OK)
		return refuse_sqlite(store, path, what, error, error_len);
	if (!behind ? put_views(store, views)
		    : count_broken(store, &before) && migrate_all(store, migrations, count, version, want, views) &&
			      count_broken(store, &after)) {
		if (after <= before && exec(store, "COMMIT") == SQLITE_OK)
			return 0;
		if (after > before) {
			exec(store, "ROLLBACK");
			return refuse(error, error_len,
				      "%s: %s: rows would lose what they refer to; keep the file, and look at it "
				      "with `audit verify` of the program that wrote it",
				      path, what);
		}
	}
	refuse_sqlite(store, path, what, error, error_len);
	exec(store, "ROLLBACK");
	return -STORE_UNAVAILABLE;
}

static int migrate(struct store *store, const char *path, const struct sql_migration *migrations, size_t count,
		   int64_t version, enum store_want want, char *error, size_t error_len)
{
	struct chain_sha sha = { 0 };
	uint8_t views[CHAIN_HASH_LEN] = { 0 };
	bool behind = version < migrations[count - 1].version;
	bool hashed = chain_sha_init(&sha) && chain_sha256(&sha, sql_views(), strlen(sql_views()), views);

	chain_sha_wipe(&sha);
	if (!hashed)
		return refuse(error, error_len, "SHA-256 is not available: repair the installation of OpenSSL");
	if (!behind && views_are(store, views))
		return 0;
	if (behind && !store->fresh && back_up(store, path, version, error, error_len) != 0)
		return -STORE_UNAVAILABLE;
	return migrate_in_one(store, path, migrations, count, version, want, views, error, error_len);
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

static int open_checked(struct store *store, const char *path, enum store_want want,
			const struct sql_migration *migrations, size_t count, char *error, size_t error_len)
{
	/* References are watched from the end of the migration on. */
	static const char settings[] =
		"PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;"
		"PRAGMA cache_size = -32000; PRAGMA wal_autocheckpoint = 4000;"
		"PRAGMA trusted_schema = OFF;";
	int64_t version = 0, watched = 0;
	char mode[16] = "";
	struct stat there;
	bool exists = stat(path, &there) == 0;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

	if (!exists && want == STORE_WHICHEVER)
		return refuse(error, error_len, "%s: %s; name the database with --db", path, strerror(errno));
	if (exists && S_ISDIR(there.st_mode))
		return refuse(error, error_len, "%s is a folder; name a file with --db", path);
	if (exists && access(path, W_OK) != 0)
		return refuse(error, error_len,
			      "%s is read-only (%s): make it writable for this user, or choose another file "
			      "with --db",
			      path, strerror(errno));
	if (sqlite3_open_v2(path, &store->db, flags | (want == STORE_WHICHEVER ? 0 : SQLITE_OPEN_CREATE), NULL) !=
	    SQLITE_OK)
		return refuse_sqlite(store, path, "cannot be opened", error, error_len);
	sqlite3_busy_timeout(store->db, BUSY_MS);
	if (look_at_file(store, path, want, migrations[count - 1].version, &version, error, error_len) != 0)
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
	if (store->fresh && !sync_folder_of(path))
		return refuse(error, error_len, "%s: its folder cannot be written to disk: %s", path, strerror(errno));
	return 0;
}

int store_open(struct store *store, const char *path, enum store_want want, const struct sql_migration *migrations,
	       size_t migration_count, char *error, size_t error_len)
{
	assert(migration_count > 0 && migrations[migration_count - 1].version > 0);
	*store = (struct store){ .lock_fd = -1 };
	if (lock_take(store, path, error, error_len) != 0)
		return -STORE_UNAVAILABLE;
	if (open_checked(store, path, want, migrations, migration_count, error, error_len) == 0)
		return 0;
	store_close(store);
	return -STORE_UNAVAILABLE;
}

void store_close(struct store *store)
{
	if (store->db)
		sqlite3_close(store->db);
	/* The text goes first, the lock with the descriptor; a text that stays misleads nobody, for the lock decides.
	 */
	if (store->lock_fd >= 0 && (ftruncate(store->lock_fd, 0) == 0 || errno != 0))
		close(store->lock_fd);
	*store = (struct store){ .lock_fd = -1 };
}
