/*
 * What somebody does to a record who has its file in his hands: to every value of every table, to every row, to the
 * end of it, to its guards and views, to the file as a whole. By the schema, not by a list: a new column is tried too.
 *
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c db/verify.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c
 */
#include "tests/unit/record.h"

#include <fcntl.h>
#include <sys/file.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "db/changes.h"
#include "db/sql.h"
#include "db/verify.h"
#include "db/written.h"

static int sign_with_key(void *ctx, const uint8_t hash[static 32], uint8_t *sig, size_t *sig_len)
{
	EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new(ctx, NULL);
	bool ok = sign && EVP_PKEY_sign_init(sign) == 1;

	*sig_len = 256;
	ok = ok && EVP_PKEY_sign(sign, sig, sig_len, hash, 32) == 1;
	EVP_PKEY_CTX_free(sign);
	return ok ? 0 : -1;
}

static bool check_with_key(void *ctx, const uint8_t hash[static 32], const uint8_t *sig, size_t len, const char *key_id)
{
	EVP_PKEY_CTX *check = EVP_PKEY_CTX_new(ctx, NULL);
	bool ok = check && strcmp(key_id, "test-key") == 0 && EVP_PKEY_verify_init(check) == 1 &&
		  EVP_PKEY_verify(check, sig, len, hash, 32) == 1;

	EVP_PKEY_CTX_free(check);
	return ok;
}

struct told {
	EVP_PKEY *key;
	char all[20000];
};

static void found(void *ctx, const char *kind, const char *what)
{
	struct told *told = ctx;

	snprintf(told->all + strlen(told->all), sizeof(told->all) - strlen(told->all), "%s: %s\n", kind, what);
}

static void noted(void *ctx, const char *what) { (void)ctx, (void)what; }

static bool holds(void *ctx, const uint8_t head[static 32], const uint8_t *sig, size_t len, const char *key_id)
{
	return check_with_key(((struct told *)ctx)->key, head, sig, len, key_id);
}

/* How many things are wrong with it. */
static unsigned findings(struct place *place, struct told *told)
{
	struct verify verify = { .found = found,
				 .noted = noted,
				 .signature = holds,
				 .heads = *place->heads ? place->heads : NULL,
				 .ctx = told };
	sqlite3 *db;

	*told->all = '\0';
	if (reader_open(&db, place->path, place->error, sizeof(place->error)) != 0) {
		/* That it cannot be read at all is noticed too. */
		snprintf(told->all, sizeof(told->all), "%s", place->error);
		return 1;
	}
	if (verify_record(db, &verify, place->error, sizeof(place->error)) != 0) {
		snprintf(told->all, sizeof(told->all), "%s", place->error);
		verify.findings++;
	}
	sqlite3_close(db);
	return verify.findings;
}

static void copy_file(const char *from, const char *to)
{
	static char octets[4 * 1024 * 1024];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	size_t len;

	assert_true(in && out);
	len = fread(octets, 1, sizeof(octets), in);
	assert_true(len > 0 && len < sizeof(octets));
	assert_int_equal(fwrite(octets, 1, len, out), len);
	fclose(in);
	fclose(out);
}

/* At least one row in every table. */
static void rich_lot(struct place *place, struct told *told)
{
	struct journal *journal;

	place->sign = sign_with_key;
	place->check = check_with_key;
	place->sign_ctx = told->key;
	snprintf(place->heads, sizeof(place->heads), "%s/heads", place->dir);
	journal = opened_lot(place, "A");
	put_passing_unit_by(journal, 1, 1, "https");
	put_durable(journal, link_record(1, 1, 1));
	put(journal, network_record(1, 1));
	put_durable(journal, (struct journal_record){ .kind = JOURNAL_GUARD, .guard = { "noise", "", T0 } });
	put(journal, label_record(1, 1, 1, NULL));
	put(journal, label_state_record(1, 1, LABEL_SENT));
	put(journal, scan_record(1, 1, 1, 1, "right"));
	put_foreign_unit(journal, 2, 2, OBSERVED_SEEN);
	put_durable(journal, (struct journal_record){ .kind = JOURNAL_SIGHTING,
						      .sighting = { .mac = { 2, 1, 1, 1, 1, 1 },
								    .verdict = "stranger",
								    .freq_mhz = 2412,
								    .rssi_dbm = -70,
								    .count = 3,
								    .first_us = T0,
								    .last_us = T0 + 5 } });
	put(journal,
	    (struct journal_record){ .kind = JOURNAL_RADIO,
				     .radio = { .radio = "radio1", .path = "p", .driver = "d", .mac = { 2 } } });
	put(journal, unit_record(3));
	put(journal, attempt_record(3, 3, 1));
	put(journal, end_record(3, OUTCOME_TIMEOUT, 1, "no-answer", "air", "selftest", 5));
	put_durable(journal, state_record(3, UNIT_QUARANTINED, 1, "no-answer", "air"));
	put(journal, batch_end_record("done"));
	journal_close(journal);
	assert_int_equal(findings(place, told), 0);
}

/* Each change, on a copy of its own. */
struct tried {
	struct place *place;
	struct told *told;
	char good[120];
	unsigned tried, noticed;
};

static void begin(struct tried *tried, struct place *place, struct told *told)
{
	*tried = (struct tried){ .place = place, .told = told };
	told->key = EVP_EC_gen("P-256");
	rich_lot(place, told);
	snprintf(tried->good, sizeof(tried->good), "%s/good.db", place->dir);
	copy_file(place->path, tried->good);
}

static void end(struct tried *tried, unsigned at_least)
{
	copy_file(tried->good, tried->place->path);
	assert_int_equal(findings(tried->place, tried->told), 0);
	assert_true(tried->tried >= at_least);
	assert_int_equal(tried->noticed, tried->tried);
	EVP_PKEY_free(tried->told->key);
}

/* Triggers and checks are out of the way, and back again: what is left is the change alone. False: the database itself
 * does not hold such a value. */
static bool change(struct tried *tried, const char *sql)
{
	static const char triggers[] = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
	sqlite3 *db;
	sqlite3_stmt *row = NULL;
	char *names[100], *texts[100];
	size_t count = 0;
	bool done;

	copy_file(tried->good, tried->place->path);
	db = plain_open(tried->place->path);
	/* One transaction, which nobody waits for. */
	assert_int_equal(
		sqlite3_exec(db,
			     "PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys "
			     "= OFF; BEGIN",
			     NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, triggers, -1, &row, NULL), SQLITE_OK);
	for (; sqlite3_step(row) == SQLITE_ROW; count++) {
		assert_true(count < 100);
		names[count] = sqlite3_mprintf("DROP TRIGGER %s", sqlite3_column_text(row, 0));
		texts[count] = sqlite3_mprintf("%s", sqlite3_column_text(row, 1));
	}
	sqlite3_finalize(row);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(sqlite3_exec(db, names[i], NULL, NULL, NULL), SQLITE_OK);
	done = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK && sqlite3_changes(db) > 0;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(sqlite3_exec(db, texts[i], NULL, NULL, NULL), SQLITE_OK);
		sqlite3_free(names[i]);
		sqlite3_free(texts[i]);
	}
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	return done;
}

static void try(struct tried *tried, const char *sql)
{
	if (!change(tried, sql))
		return;
	tried->tried++;
	if (findings(tried->place, tried->told) > 0)
		tried->noticed++;
	else
		print_message("nobody noticed: %s\n", sql);
}

/* Calls `one` for each table of the schema. */
static void each_table(struct tried *tried, void (*one)(struct tried *tried, sqlite3 *db, const char *table))
{
	sqlite3 *db = plain_open(tried->good);
	sqlite3_stmt *row = NULL;

	assert_int_equal(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1,
					    &row, NULL),
			 SQLITE_OK);
	while (sqlite3_step(row) == SQLITE_ROW)
		one(tried, db, (const char *)sqlite3_column_text(row, 0));
	sqlite3_finalize(row);
	sqlite3_close(db);
}

/* Which row of a table, as a condition: the first or the last by its key. */
static char *one_row(sqlite3 *db, const char *table, bool last)
{
	struct tables tables;
	char error[200], *where = NULL;
	sqlite3_stmt *row = NULL;
	char *sql = sqlite3_mprintf("SELECT name, pk FROM pragma_table_info(%Q) WHERE pk > 0 ORDER BY pk", table),
	     *picked;
	sqlite3_str *keys = sqlite3_str_new(db), *order = sqlite3_str_new(db);

	assert_int_equal(tables_read(&tables, db, error, sizeof(error)), 0);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	while (sqlite3_step(row) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(row, 0);

		sqlite3_str_appendf(keys, "%s\"%w\"", sqlite3_str_length(keys) ? ", " : "", name);
		sqlite3_str_appendf(order, "%s\"%w\"%s", sqlite3_str_length(order) ? ", " : "", name,
				    last ? " DESC" : "");
	}
	sqlite3_finalize(row);
	sqlite3_free(sql);
	sql = sqlite3_str_finish(keys);
	picked = sqlite3_str_finish(order);
	where = sqlite3_mprintf("(%s) = (SELECT %s FROM \"%w\" ORDER BY %s LIMIT 1)", sql, sql, table, picked);
	sqlite3_free(sql);
	sqlite3_free(picked);
	return where;
}

/* Of each column; `make bench` (record.noticed_share) tries all of them, in every row. */
#define VALUES_EACH 2

static void try_column(struct tried *tried, const char *table, const char *column, const char *where)
{
	/* Another value of each kind; what leaves the value as it is, or what the type refuses, changes nothing. */
	static const char *const others[] = {
		"%w + 1",
		"-%w",
		"0",
		"NULL",
		"upper(%w)",
		"%w || 'x'",
		"''",
		"randomblob(length(%w))",
		"substr(%w, 2)",
		"zeroblob(length(%w))",
		"'2'",
		"x'00' || CAST(%w AS BLOB)",
	};

	unsigned before = tried->tried;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && tried->tried < before + VALUES_EACH; i++) {
		char *value = sqlite3_mprintf(others[i], column), *sql;

		sql = sqlite3_mprintf("UPDATE \"%w\" SET \"%w\" = %s WHERE %s AND \"%w\" IS NOT (%s)", table, column,
				      value, where, column, value);
		try(tried, sql);
		sqlite3_free(sql);
		sqlite3_free(value);
	}
}

static unsigned columns_tried;

static void change_each_column(struct tried *tried, sqlite3 *db, const char *table)
{
	sqlite3_stmt *row = NULL;
	char *sql = sqlite3_mprintf("SELECT name FROM pragma_table_info(%Q)", table);
	char *where = one_row(db, table, true);

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	while (sqlite3_step(row) == SQLITE_ROW) {
		unsigned before = tried->tried;

		try_column(tried, table, (const char *)sqlite3_column_text(row, 0), where);
		if (tried->tried > before)
			columns_tried++;
		else if (strcmp(table, "anchor") != 0) /* of old records only; there are none here */
			fail_msg("no value of %s.%s could be changed", table, sqlite3_column_text(row, 0));
	}
	sqlite3_finalize(row);
	sqlite3_free(sql);
	sqlite3_free(where);
}

static void every_column_of_every_table_is_watched(void **state)
{
	static struct told told;
	struct tried tried;

	begin(&tried, *state, &told);
	columns_tried = 0;
	each_table(&tried, change_each_column);
	print_message("%u values in %u columns changed, %u noticed\n", tried.tried, columns_tried, tried.noticed);
	end(&tried, 300);
	assert_true(columns_tried > 200);
}

static void take_and_add_rows(struct tried *tried, sqlite3 *db, const char *table)
{
	char *first = one_row(db, table, false), *last = one_row(db, table, true), *sql;
	sqlite3_stmt *row = NULL;
	sqlite3_str *columns = sqlite3_str_new(db), *values = sqlite3_str_new(db);
	char *from, *to;

	for (size_t i = 0; i < 2; i++) {
		sql = sqlite3_mprintf("DELETE FROM \"%w\" WHERE %s", table, i ? last : first);
		try(tried, sql);
		sqlite3_free(sql);
	}
	sql = sqlite3_mprintf("DELETE FROM \"%w\"", table);
	try(tried, sql);
	sqlite3_free(sql);
	/* The same row again, under another key. */
	sql = sqlite3_mprintf("SELECT name, type, pk FROM pragma_table_info(%Q)", table);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	while (sqlite3_step(row) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(row, 0);
		bool key = sqlite3_column_int(row, 2) > 0,
		     number = strcmp((const char *)sqlite3_column_text(row, 1), "INTEGER") == 0;

		sqlite3_str_appendf(columns, "%s\"%w\"", sqlite3_str_length(columns) ? ", " : "", name);
		sqlite3_str_appendf(values, key && number ? "%s\"%w\" + 1000" : "%s\"%w\"",
				    sqlite3_str_length(values) ? ", " : "", name);
	}
	sqlite3_finalize(row);
	sqlite3_free(sql);
	from = sqlite3_str_finish(columns);
	to = sqlite3_str_finish(values);
	sql = sqlite3_mprintf("INSERT OR IGNORE INTO \"%w\" (%s) SELECT %s FROM \"%w\" WHERE %s", table, from, to,
			      table, first);
	try(tried, sql);
	sqlite3_free(sql);
	sqlite3_free(from);
	sqlite3_free(to);
	sqlite3_free(first);
	sqlite3_free(last);
}

static void every_row_that_is_taken_or_added_is_noticed(void **state)
{
	static struct told told;
	struct tried tried;

	begin(&tried, *state, &told);
	each_table(&tried, take_and_add_rows);
	/* One that no commit wrote, with nothing in common with another. */
	try(&tried,
	    "INSERT INTO unit (unit, batch, device_id, mac, product, hw_rev, firmware, state, state_us, seen_us) "
	    "VALUES (77, 1, x'0102030405060708', x'020000000077', 'AC-100', 'C', '1', 'seen', 1, 1)");
	try(&tried, "INSERT INTO guard (session, guard, detail, at_us) VALUES (1, 'x', 'y', 1)");
	print_message("%u rows taken or added, %u noticed\n", tried.tried, tried.noticed);
	end(&tried, 60);
}

/* Back to each of its commits, with all that came later taken away as well as he can: by the file as it then was. */
static void every_older_state_is_noticed(void **state)
{
	static struct told told;
	struct place *place = *state;
	struct journal *journal;
	char older[120], newest[120];
	unsigned count = 0, noticed = 0;

	told.key = EVP_EC_gen("P-256");
	rich_lot(place, &told);
	snprintf(older, sizeof(older), "%s/older.db", place->dir);
	snprintf(newest, sizeof(newest), "%s/newest.db", place->dir);
	for (int64_t n = 0; n < 12; n++) {
		copy_file(place->path, older);
		journal = opened_lot(place, "A");
		put_passing_unit(journal, 10 + n, 10 + n);
		journal_close(journal);
		copy_file(place->path, newest);
		copy_file(older, place->path);
		count++;
		if (findings(place, &told) > 0 && strstr(told.all, "it is an older copy"))
			noticed++;
		/* And nothing is written to it. */
		assert_int_not_equal(try_open(place, &journal), 0);
		assert_non_null(strstr(place->error, "or it is an older copy"));
		copy_file(newest, place->path);
	}
	assert_int_equal(findings(place, &told), 0);
	assert_int_equal(noticed, count);
	EVP_PKEY_free(told.key);
}

static void an_emptied_record_is_noticed(void **state)
{
	static struct told told;
	struct tried tried;
	struct journal *journal;
	sqlite3 *db;
	sqlite3_stmt *row = NULL;
	char all[3000] = "";

	begin(&tried, *state, &told);
	db = plain_open(tried.good);
	assert_int_equal(
		sqlite3_prepare_v2(db,
				   "SELECT 'DELETE FROM ' || name || ';' FROM sqlite_schema WHERE type = 'table' "
				   "AND name <> 'record'",
				   -1, &row, NULL),
		SQLITE_OK);
	while (sqlite3_step(row) == SQLITE_ROW)
		strcat(all, (const char *)sqlite3_column_text(row, 0));
	sqlite3_finalize(row);
	sqlite3_close(db);
	strcat(all, "UPDATE record SET simulated = simulated");
	try(&tried, all);
	assert_int_equal(tried.noticed, 1);
	assert_int_not_equal(try_open(tried.place, &journal), 0);
	assert_non_null(strstr(tried.place->error, "it was cut or emptied"));
	end(&tried, 1);
}

/* Somebody who knows every hash of ours and lacks the key alone. */
static void resign(struct written *written, struct place *place, journal_sign_fn *sign, EVP_PKEY *key)
{
	sqlite3 *db = plain_open(place->path);
	struct journal_options options = { .sign = sign, .sign_ctx = key, .sign_key_id = "test-key" };
	uint8_t hash[32] = { 0 };
	sqlite3_stmt *row = NULL;
	uint64_t seq = 0;

	assert_int_equal(sqlite3_exec(db, "BEGIN; DELETE FROM written", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", -1, &row, NULL),
		SQLITE_OK);
	if (sqlite3_step(row) == SQLITE_ROW) {
		seq = (uint64_t)sqlite3_column_int64(row, 0);
		memcpy(hash, sqlite3_column_blob(row, 1), 32);
	}
	sqlite3_finalize(row);
	assert_int_equal(written_init(written, db, &options), 0);
	assert_int_equal(written_all(written, seq, hash), 0);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	written_wipe(written);
	sqlite3_close(db);
}

static void commits_written_anew_fail_at_their_signature(void **state)
{
	static struct told told;
	struct tried tried;
	struct written written;
	struct journal *journal;
	EVP_PKEY *other = EVP_EC_gen("P-256");
	struct {
		journal_sign_fn *sign;
		const char *words;
	} ways[] = { { sign_with_key, "is not this station's" }, { NULL, "the last commit is not signed" } };

	begin(&tried, *state, &told);
	for (size_t i = 0; i < 2; i++) {
		assert_true(change(&tried,
				   "UPDATE unit SET state = 'passed', cause = NULL, cause_name = NULL, side = NULL "
				   "WHERE unit = 3"));
		plain_exec(tried.place->path, "DROP TRIGGER written_keep");
		resign(&written, tried.place, ways[i].sign, other);
		plain_exec(tried.place->path, "CREATE TRIGGER written_keep BEFORE DELETE ON written\n"
					      "BEGIN SELECT raise(ABORT, 'what a commit wrote is never deleted'); END");
		assert_true(findings(tried.place, &told) > 0);
		assert_null(strstr(told.all, "row: "));
		assert_non_null(strstr(told.all, ways[i].words));
		assert_non_null(strstr(told.all, "outside: it ends at commit"));
		/* Not even with the outside at hand. */
		assert_int_not_equal(try_open(tried.place, &journal), 0);
	}
	EVP_PKEY_free(other);
	end(&tried, 0);
}

/* What was changed outside, and then by a station: the change stays visible for ever. */
static void a_row_that_a_station_changes_later_is_not_washed(void **state)
{
	static struct told told;
	struct place *place = *state;
	struct journal *journal;

	told.key = EVP_EC_gen("P-256");
	rich_lot(place, &told);
	journal = opened_lot(place, "A");
	put(journal, unit_record(4));
	put_durable(journal, state_record(4, UNIT_SEEN, 0, NULL, NULL));
	/* Straight into a page, so that SQLite knows of no second writer: 'seen' of unit 4 is made 'held'. */
	plain_exec(place->path, "PRAGMA wal_checkpoint(PASSIVE)");
	journal_close(journal);
	plain_exec(place->path, "UPDATE unit SET state = 'held' WHERE unit = 4");
	assert_true(findings(place, &told) > 0);
	assert_non_null(strstr(told.all, "row: unit 4: it is not as commit"));
	/* A start looks at every row when somebody has touched the file. */
	assert_int_not_equal(try_open(place, &journal), 0);
	assert_non_null(strstr(place->error, "is not as stations left it: unit 4: it is not as commit"));
	EVP_PKEY_free(told.key);
}

static void guards_and_views_that_were_changed_are_noticed_and_refused(void **state)
{
	static const char *const changes[] = {
		"DROP TRIGGER attempt_closed",
		"DROP TRIGGER written_fixed",
		"CREATE TRIGGER mine AFTER INSERT ON unit BEGIN UPDATE unit SET state = 'passed'; END",
		"DROP VIEW v_unit; CREATE VIEW v_unit AS SELECT 1 AS unit",
		"DROP VIEW v_batch",
		"CREATE VIEW v_mine AS SELECT 1",
		"CREATE TABLE mine (x)",
		"DROP INDEX unit_serial",
		"CREATE INDEX mine ON unit (state)",
		"ALTER TABLE guard ADD COLUMN mine TEXT",
		"ALTER TABLE guard RENAME COLUMN detail TO why",
		"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'never deleted', 'gone') "
		"WHERE name = "
		"'unit_keep'",
		"ANALYZE",
	};
	static struct told told;
	struct tried tried;
	struct journal *journal;

	begin(&tried, *state, &told);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		copy_file(tried.good, tried.place->path);
		plain_exec(tried.place->path, changes[i]);
		tried.tried++;
		if (findings(tried.place, &told) > 0)
			tried.noticed++;
		else
			print_message("nobody noticed: %s\n", changes[i]);
		if (try_open(tried.place, &journal) == 0)
			fail_msg("a station goes on after: %s", changes[i]);
		assert_non_null(strstr(tried.place->error, "is not as stations left it"));
	}
	end(&tried, 10);
}

/* A view in the file is not believed: readers bring their own. */
static void readers_use_the_views_of_the_program(void **state)
{
	static struct told told;
	struct tried tried;
	sqlite3_stmt *row;
	sqlite3 *db;

	begin(&tried, *state, &told);
	plain_exec(tried.place->path,
		   "DROP VIEW v_unit; CREATE VIEW v_unit AS SELECT unit, 'passed' AS state FROM unit");
	assert_int_equal(reader_open(&db, tried.place->path, tried.place->error, sizeof(tried.place->error)), 0);
	row = reader_view(db, "v_unit");
	assert_non_null(row);
	assert_true(sqlite3_column_count(row) > 10);
	sqlite3_finalize(row);
	sqlite3_close(db);
	end(&tried, 0);
}

/* The file as a whole */

static void another_record_in_its_place_is_refused(void **state)
{
	static struct told told;
	struct tried tried;
	struct place other;
	struct journal *journal;
	char lock[130];

	begin(&tried, *state, &told);
	other = *tried.place;
	snprintf(other.path, sizeof(other.path), "%s/other.db", other.dir);
	journal_close(opened_lot(&other, "B"));
	copy_file(other.path, tried.place->path);
	assert_int_not_equal(try_open(tried.place, &journal), 0);
	assert_non_null(strstr(tried.place->error, "is another record"));
	assert_true(findings(tried.place, &told) > 0);
	assert_non_null(strstr(told.all, "outside: it is another record"));
	/* Who takes the lock's file away too is found by the folder of keys. */
	snprintf(lock, sizeof(lock), "%s.lock", tried.place->path);
	assert_int_equal(unlink(lock), 0);
	assert_int_not_equal(try_open(tried.place, &journal), 0);
	assert_non_null(strstr(tried.place->error, "is another record"));
	end(&tried, 0);
}

static void a_missing_or_empty_file_is_no_new_record(void **state)
{
	static struct told told;
	struct tried tried;
	struct journal *journal;
	char lock[130];

	begin(&tried, *state, &told);
	snprintf(lock, sizeof(lock), "%s.lock", tried.place->path);
	assert_int_equal(truncate(tried.place->path, 0), 0);
	assert_int_not_equal(try_open(tried.place, &journal), 0);
	assert_non_null(strstr(tried.place->error, "is empty, and FILE.lock knows a record there"));
	assert_int_equal(unlink(tried.place->path), 0);
	assert_int_not_equal(try_open(tried.place, &journal), 0);
	assert_non_null(strstr(tried.place->error, "is missing, and FILE.lock knows a record there"));
	assert_int_equal(access(tried.place->path, F_OK), -1);
	assert_int_equal(unlink(lock), 0);
	assert_int_not_equal(try_open(tried.place, &journal), 0);
	assert_non_null(strstr(tried.place->error, "is missing, and "));
	assert_non_null(strstr(tried.place->error, "/heads/"));
	assert_int_equal(access(tried.place->path, F_OK), -1);
	end(&tried, 0);
}

/* It ends as a killed one does: everything is left as it is. */
static void killed_with(struct place *place, int64_t from)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct journal *journal = opened_lot(place, "A");

		for (int64_t unit = from; unit < from + 3; unit++)
			put_passing_unit(journal, unit, unit);
		put_durable(journal, (struct journal_record){ .kind = JOURNAL_GUARD, .guard = { "g", "d", T0 } });
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_lost_log_is_noticed_and_no_number_is_issued_twice(void **state)
{
	static struct told told = { 0 };
	struct place *place = *state;
	struct journal *journal;
	char wal[130];

	told.key = EVP_EC_gen("P-256");
	place->sign = sign_with_key;
	place->check = check_with_key;
	place->sign_ctx = told.key;
	snprintf(wal, sizeof(wal), "%s-wal", place->path);
	/* In its very first session. */
	killed_with(place, 1);
	assert_int_equal(access(wal, F_OK), 0);
	assert_int_equal(unlink(wal), 0);
	assert_int_not_equal(try_open(place, &journal), 0);
	assert_non_null(strstr(place->error, "its -wal file was lost"));
	assert_true(findings(place, &told) > 0);
	EVP_PKEY_free(told.key);
}

static void a_killed_session_goes_on_where_it_was(void **state)
{
	static struct told told = { 0 };
	struct place *place = *state;
	struct journal *journal;

	told.key = EVP_EC_gen("P-256");
	place->sign = sign_with_key;
	place->check = check_with_key;
	place->sign_ctx = told.key;
	snprintf(place->heads, sizeof(place->heads), "%s/heads", place->dir);
	killed_with(place, 1);
	killed_with(place, 4);
	journal = opened_lot(place, "A");
	put_durable(journal, unit_record(9));
	journal_close(journal);
	assert_int_equal(findings(place, &told), 0);
	EVP_PKEY_free(told.key);
}

/* Mid-run */

enum attack { DELETED, REPLACED, RENAMED, LOG_DELETED, INDEX_DELETED, LINKED, WRITTEN_TO, ATTACKS };

static void attack(struct place *place, enum attack which)
{
	char name[140], other[140];

	snprintf(name, sizeof(name), "%s%s", place->path,
		 which == LOG_DELETED	  ? "-wal"
		 : which == INDEX_DELETED ? "-shm"
					  : "");
	snprintf(other, sizeof(other), "%s-other-name", place->path);
	switch (which) {
	case DELETED:
	case LOG_DELETED:
	case INDEX_DELETED: assert_int_equal(unlink(name), 0); break;
	case REPLACED:
		copy_file(name, other);
		assert_int_equal(rename(other, name), 0);
		break;
	case RENAMED: assert_int_equal(rename(name, other), 0); break;
	case LINKED: assert_int_equal(link(name, other), 0); break;
	case WRITTEN_TO: plain_exec(name, "UPDATE unit SET state = 'passed' WHERE unit = 1"); break;
	case ATTACKS: break;
	}
}

static void nothing_is_told_durable_after_the_file_was_taken_away(void **state)
{
	static const char *const words[ATTACKS] = {
		[DELETED] = "is gone",
		[REPLACED] = "is another file",
		[RENAMED] = "is gone",
		[LOG_DELETED] = "-wal is gone",
		[INDEX_DELETED] = "-shm is gone",
		[LINKED] = "second name",
		[WRITTEN_TO] = "another program has written to the record",
	};
	struct place *place = *state;

	for (enum attack which = 0; which < ATTACKS; which++) {
		struct place mine = *place;
		struct journal *journal;

		snprintf(mine.path, sizeof(mine.path), "%s/%d.db", place->dir, which);
		journal = opened_lot(&mine, "A");
		put_durable(journal, unit_record(1));
		attack(&mine, which);
		assert_int_equal(journal_wait(journal, put(journal, unit_record(2))), -1);
		if (!strstr(journal_failed(journal), words[which]))
			fail_msg("\"%s\" does not say \"%s\"", journal_failed(journal), words[which]);
		journal_close(journal);
		/* And what is left is not taken for what the station left. An older copy whose log is still there is made
		 * whole by it, and a log that was unlinked is settled at the end: all that was durable is in them. */
		if (which != LOG_DELETED && which != INDEX_DELETED && which != REPLACED && try_open(&mine, &journal) == 0)
			fail_msg("it was opened again, after: %s", words[which]);
	}
}

static void two_names_of_one_file_let_no_two_stations_in(void **state)
{
	struct place *place = *state, linked = *place, hard = *place;
	struct journal *journal = opened_lot(place, "A"), *second;

	snprintf(linked.path, sizeof(linked.path), "%s/symbolic.db", place->dir);
	snprintf(hard.path, sizeof(hard.path), "%s/hard.db", place->dir);
	assert_int_equal(symlink(place->path, linked.path), 0);
	assert_int_not_equal(try_open(&linked, &second), 0);
	assert_non_null(strstr(linked.error, "in use by another station (lot A"));
	assert_int_equal(link(place->path, hard.path), 0);
	assert_int_not_equal(try_open(&hard, &second), 0);
	assert_non_null(strstr(hard.error, "has a second name"));
	assert_int_equal(unlink(hard.path), 0);
	journal_close(journal);
	/* Through the symbolic link alone it is the same record, with one lock. */
	journal_close(opened_lot(&linked, "A"));
	journal_close(opened_lot(place, "A"));
}

/* A process of its own, because flock(2) is of descriptors: what holds is what the kernel says. */
static void the_file_itself_is_locked_whatever_the_name(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	pid_t child = fork();
	int status;

	if (child == 0) {
		int fd = open(place->path, O_RDWR);

		_exit(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
	journal_close(journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
		TEST(every_column_of_every_table_is_watched),
		TEST(every_row_that_is_taken_or_added_is_noticed),
		TEST(every_older_state_is_noticed),
		TEST(an_emptied_record_is_noticed),
		TEST(commits_written_anew_fail_at_their_signature),
		TEST(a_row_that_a_station_changes_later_is_not_washed),
		TEST(guards_and_views_that_were_changed_are_noticed_and_refused),
		TEST(readers_use_the_views_of_the_program),
		TEST(another_record_in_its_place_is_refused),
		TEST(a_missing_or_empty_file_is_no_new_record),
		TEST(a_lost_log_is_noticed_and_no_number_is_issued_twice),
		TEST(a_killed_session_goes_on_where_it_was),
		TEST(nothing_is_told_durable_after_the_file_was_taken_away),
		TEST(two_names_of_one_file_let_no_two_stations_in),
		TEST(the_file_itself_is_locked_whatever_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
