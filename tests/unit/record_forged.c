/*
 * What somebody does to a record who has its file in his hands: to every value of every table, to every row, to the
 * end of it, to its guards and views, to the file as a whole. By the schema, not by a list: a new column is tried too.
 *
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c db/verify.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c tests/support/forger.c
 */
#include "tests/unit/forged.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>

#include "db/outside.h"
#include "db/written.h"

/* `make bench` (record.noticed) tries more values of each, in the first and the last row. */
static void every_column_of_every_table_is_watched(void **state)
{
	static struct told told;
	struct tried tried;

	begin(&tried, *state, &told);
	forger_values(&tried.forger, 2, false);
	print_message("%u values in %u columns changed, %u noticed\n", tried.forger.tried, tried.forger.columns,
		      tried.forger.noticed);
	assert_string_equal(tried.forger.unchanged, "");
	assert_true(tried.forger.columns > 200);
	end(&tried, 300);
}

static void every_row_that_is_taken_or_added_is_noticed(void **state)
{
	static struct told told;
	struct tried tried;

	begin(&tried, *state, &told);
	forger_rows(&tried.forger);
	/* One that no commit wrote, with nothing in common with another. */
	forger_try(
		&tried.forger,
		"INSERT INTO unit (unit, batch, device_id, mac, product, hw_rev, firmware, state, state_us, seen_us) "
		"VALUES (77, 1, x'0102030405060708', x'020000000077', 'AC-100', 'C', '1', 'seen', 1, 1)");
	forger_try(&tried.forger, "INSERT INTO guard (session, guard, detail, at_us) VALUES (1, 'x', 'y', 1)");
	print_message("%u rows taken or added, %u noticed\n", tried.forger.tried, tried.forger.noticed);
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
		forger_copy(place->path, older);
		journal = opened_lot(place, "A");
		put_passing_unit(journal, 10 + n, 10 + n);
		journal_close(journal);
		forger_copy(place->path, newest);
		forger_copy(older, place->path);
		count++;
		if (findings(place, &told) > 0 && strstr(told.all, "it is an older copy"))
			noticed++;
		/* And nothing is written to it. */
		assert_int_not_equal(try_open(place, &journal), 0);
		assert_non_null(strstr(place->error, "or it is an older copy"));
		forger_copy(newest, place->path);
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
	forger_try(&tried.forger, all);
	assert_int_equal(tried.forger.noticed, 1);
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
		assert_true(forger_change(
			&tried.forger, "UPDATE unit SET state = 'passed', cause = NULL, cause_name = NULL, side = NULL "
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

/* He makes FILE.lock say that nobody has touched the file. */
static void hide_the_touch(struct place *place)
{
	struct outside outside;
	uint8_t id[16];

	assert_int_equal(outside_open(&outside, place->path, true, NULL, place->error, sizeof(place->error)), 0);
	for (size_t i = 0; i < 16; i++) {
		unsigned octet;

		assert_int_equal(sscanf(outside.head.id + 2 * i, "%2x", &octet), 1);
		id[i] = (uint8_t)octet;
	}
	assert_int_equal(outside_know(&outside, id, NULL, place->error, sizeof(place->error)), 0);
	outside.touched = false;
	outside_rest(&outside);
	outside_close(&outside);
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
	put_durable(journal, unit_record(5));
	journal_close(journal);
	plain_exec(place->path, "UPDATE unit SET state = 'held' WHERE unit = 4");
	assert_true(findings(place, &told) > 0);
	assert_non_null(strstr(told.all, "row: unit 4: it is not as commit"));
	/* A start looks at every row when somebody has touched the file. */
	assert_int_not_equal(try_open(place, &journal), 0);
	assert_non_null(strstr(place->error, "is not as stations left it: unit 4: it is not as commit"));
	/* The heads beside the keys say so too: for what follows he has to reach both. */
	hide_the_touch(place);
	assert_int_not_equal(try_open(place, &journal), 0);
	*place->heads = '\0';
	journal = opened_lot(place, "A");
	put_durable(journal, state_record(4, UNIT_FAILED, 1, "no-answer", "air"));
	journal_close(journal);
	snprintf(place->heads, sizeof(place->heads), "%s/heads", place->dir);
	assert_true(findings(place, &told) > 0);
	assert_non_null(strstr(told.all, "changed it, and no commit had written it as it then was: somebody else had "
					 "changed it"));
	assert_non_null(strstr(told.all, "row: unit 4: "));
	assert_null(strstr(told.all, "row: unit 5: "));
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
	struct journal_options options;
	struct journal *journal;

	begin(&tried, *state, &told);
	options = place_options(tried.place);
	assert_int_equal(journal_look(&options, tried.place->error, sizeof(tried.place->error)), 0);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		forger_copy(tried.good, tried.place->path);
		plain_exec(tried.place->path, changes[i]);
		tried.forger.tried++;
		tried.forger.noticed += notices(&tried, changes[i]);
		options = place_options(tried.place);
		assert_int_not_equal(journal_look(&options, tried.place->error, sizeof(tried.place->error)), 0);
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
	forger_copy(other.path, tried.place->path);
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
	struct journal_options options;
	char lock[130];

	begin(&tried, *state, &told);
	options = place_options(tried.place);
	snprintf(lock, sizeof(lock), "%s.lock", tried.place->path);
	assert_int_equal(truncate(tried.place->path, 0), 0);
	assert_int_not_equal(try_open(tried.place, &journal), 0);
	assert_non_null(strstr(tried.place->error, "is empty, and FILE.lock knows a record there"));
	assert_int_equal(unlink(tried.place->path), 0);
	assert_int_not_equal(journal_look(&options, tried.place->error, sizeof(tried.place->error)), 0);
	assert_non_null(strstr(tried.place->error, "is missing, and FILE.lock knows"));
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
		forger_copy(name, other);
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
		/* And what is left is not taken for what the station left. An older copy whose log is still there is
		 * made whole by it, and a log that was unlinked is settled at the end: all that was durable is in them.
		 */
		if (which != LOG_DELETED && which != INDEX_DELETED && which != REPLACED &&
		    try_open(&mine, &journal) == 0)
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

/* The folder is there a second time, by another mount: the file is one, and so is its lock. */
static void a_second_mount_of_the_folder_lets_no_second_station_in(void **state)
{
	struct place *place = *state, other = *place;
	struct journal *journal = opened_lot(place, "A"), *second;
	char folder[sizeof(place->dir) + 8];
	pid_t child;
	int status;

	snprintf(folder, sizeof(folder), "%s/again", place->dir);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(other.path, sizeof(other.path), "%s%s", folder, strrchr(place->path, '/'));
	child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		    mount(place->dir, folder, NULL, MS_BIND, NULL) != 0)
			_exit(77);
		if (access(other.path, F_OK) != 0 || try_open(&other, &second) == 0)
			_exit(1);
		_exit(strstr(other.error, "in use by another station (lot A") ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	journal_close(journal);
	assert_int_equal(rmdir(folder), 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* mounts are root's */
	assert_int_equal(status, 0);
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
		TEST(a_second_mount_of_the_folder_lets_no_second_station_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
