/*
 * The record on real SQLite files: what is acknowledged is there, what contradicts itself is refused.
 *
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c db/verify.c
 * agent/wire/cause.c
 */
#include "tests/unit/record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "agent/wire/cause.h"
#include "db/sql.h"
#include "db/store.h"

/* --- what a ticket promises --- */

static void a_record_is_there_when_its_ticket_is_durable(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	uint64_t ticket = 0;

	for (int64_t unit = 1; unit <= 50; unit++) {
		assert_int_equal(put(journal, unit_record(unit)), 2 * unit - 1);
		ticket = put(journal, attempt_record(unit, unit, 1));
		assert_int_equal(ticket, 2 * unit);
	}
	assert_int_equal(journal_wait(journal, ticket), 0);
	assert_int_equal(journal_durable(journal), ticket);
	assert_row(place->path, "SELECT count(*) FROM attempt JOIN unit USING (unit)", "50");
	journal_close(journal);
}

static void the_descriptor_tells_of_commits_and_tickets_become_durable_in_order(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct pollfd poll_fd = { .fd = journal_fd(journal), .events = POLLIN };
	uint64_t last = 0, ticket = 0, count;
	char sql[80], expected[24];

	for (int64_t unit = 1; unit <= 300; unit++)
		ticket = put(journal, unit_record(unit));
	while (last < ticket) {
		uint64_t durable;

		assert_int_equal(poll(&poll_fd, 1, 10000), 1);
		assert_int_equal(read(poll_fd.fd, &count, sizeof(count)), sizeof(count));
		durable = journal_durable(journal);
		assert_true(durable >= last);
		last = durable;
		/* Another connection sees what is said to be durable: all of it, without a gap. */
		snprintf(sql, sizeof(sql), "SELECT count(*) >= %llu FROM unit WHERE unit <= %llu",
			 (unsigned long long)last, (unsigned long long)last);
		snprintf(expected, sizeof(expected), "1");
		assert_row(place->path, sql, expected);
	}
	assert_null(journal_failed(journal));
	assert_true(journal_cpu_us(journal) > 0);
	journal_close(journal);
}

static void texts_and_octets_belong_to_the_journal_after_submit(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	char product[] = "AC-100", firmware[] = "3.1.4";
	struct identity_texts texts;
	struct journal_record r = unit_record(1);

	r.unit.product = product;
	r.unit.firmware = firmware;
	put(journal, r);
	memset(product, 'x', sizeof(product) - 1);
	memset(firmware, 'x', sizeof(firmware) - 1);
	put(journal, attempt_record(1, 1, 1));
	r = identity_record(&texts, 1, 1, 0x41);
	put(journal, r);
	memset(&texts, 'x', sizeof(texts));
	journal_close(journal);
	assert_row(place->path, "SELECT product, firmware, serial FROM unit", "AC-100|3.1.4|AC00065");
	assert_row(place->path, "SELECT serial_hex, substr(hex(der), 1, 8), length(der) FROM cert",
		   "AB00000000000065|41414141|64");
	assert_row(place->path, "SELECT substr(hex(sealed), 1, 4), substr(hex(salt), 1, 4) FROM pin", "4141|4141");
}

static void closing_writes_what_was_submitted_and_ends_the_session_as_clean(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");

	for (int64_t unit = 1; unit <= 2000; unit++)
		put(journal, unit_record(unit));
	journal_close(journal);
	assert_row(place->path, "SELECT count(*), max(unit) FROM unit", "2000|2000");
	assert_row(place->path, "SELECT end_kind, ended_us >= started_us FROM session", "clean|1");
	assert_row(place->path, "PRAGMA journal_mode", "wal");
}

static void many_records_share_one_commit_when_the_disk_is_slower_than_the_line(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct pollfd poll_fd = { .fd = journal_fd(journal), .events = POLLIN };
	uint64_t ticket = 0, count, commits = 0;

	for (int64_t unit = 1; unit <= 5000; unit++)
		ticket = put(journal, unit_record(unit));
	while (journal_durable(journal) < ticket) {
		assert_int_equal(poll(&poll_fd, 1, 10000), 1);
		assert_int_equal(read(poll_fd.fd, &count, sizeof(count)), sizeof(count));
		commits += count;
	}
	assert_true(commits < 2500);
	journal_close(journal);
}

/* How many commits there were since the last time. */
static uint64_t commits_of(const struct journal *journal)
{
	uint64_t count = 0;

	return read(journal_fd(journal), &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void records_that_nobody_awaits_are_one_commit_with_the_first_that_is_awaited(void **state)
{
	struct place *place = *state;
	struct journal *journal;
	uint64_t ticket = 0;

	place->turn = JOURNAL_AWAITED;
	journal = opened_lot(place, "A");
	for (unsigned round = 0; round < 20; round++) {
		for (int64_t i = 1; i <= 50; i++)
			ticket = put(journal, unit_record(50 * round + i));
		assert_int_equal(journal_wait(journal, ticket - 49), 0);
		assert_int_equal(journal_durable(journal), ticket);
		assert_int_equal(journal_wait(journal, ticket), 0);
	}
	put(journal, unit_record(1001));
	assert_true(commits_of(journal) <= 20); /* the last is told after its waiter may have gone on */
	journal_close(journal);
	assert_row(place->path, "SELECT count(*), max(unit) FROM unit", "1001|1001");
}

static void a_journal_of_single_records_submits_what_is_durable(void **state)
{
	struct place *place = *state;
	struct journal *journal;

	place->turn = JOURNAL_ONE_BY_ONE;
	journal = opened_lot(place, "A");
	for (int64_t unit = 1; unit <= 50; unit++) {
		uint64_t ticket = put(journal, unit_record(unit));

		assert_int_equal(journal_durable(journal), ticket);
	}
	assert_true(commits_of(journal) >= 49);
	journal_close(journal);
}

static void what_is_held_together_is_one_commit(void **state)
{
	static const enum journal_turn turns[] = { JOURNAL_AT_ONCE, JOURNAL_AWAITED, JOURNAL_ONE_BY_ONE };
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
		struct journal *journal;
		uint64_t ticket = 0, before;

		place->turn = turns[i];
		snprintf(place->path, sizeof(place->path), "%s/held%zu.db", place->dir, i);
		journal = opened_lot(place, "A");
		before = journal_durable(journal);
		journal_hold(journal);
		for (int64_t unit = 1; unit <= 500; unit++)
			ticket = put(journal, unit_record(unit));
		assert_int_equal(journal_durable(journal), before);
		journal_release(journal);
		assert_int_equal(journal_wait(journal, before + 1), 0);
		assert_int_equal(journal_durable(journal), ticket);
		journal_close(journal);
	}
}

/* --- power cuts and full disks --- */

/* Submits for ever and writes down each ticket that became durable. Never returns. */
static void stream_until_killed(struct place *place, int to)
{
	struct journal *journal = opened_lot(place, "A");

	for (int64_t unit = 1;; unit++) {
		uint64_t durable;

		put(journal, unit_record(unit));
		put(journal, attempt_record(unit, unit, 1));
		if (unit % 7 == 0)
			(void)journal_wait(journal, (uint64_t)(2 * unit - 3));
		durable = journal_durable(journal);
		if (write(to, &durable, sizeof(durable)) != sizeof(durable))
			_exit(1);
	}
}

static void count_interrupted(void *ctx, const struct journal_resume *unit)
{
	int64_t *count = ctx;

	assert_int_equal(unit->state, UNIT_SEEN);
	assert_true(unit->attempts <= 1);
	*count += unit->attempts;
}

static void what_was_acknowledged_before_a_kill_is_there_after_it(void **state)
{
	struct place *place = *state;

	for (int round = 0; round < 6; round++) {
		uint64_t acknowledged = 0, value;
		struct journal_start start;
		struct journal *journal;
		int64_t attempts = 0;
		char expected[64];
		int ends[2], status;
		pid_t child;

		assert_int_equal(pipe(ends), 0);
		child = fork();
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(ends[0]);
			stream_until_killed(place, ends[1]);
		}
		close(ends[1]);
		for (int i = 0; i < 40 + 97 * round && read(ends[0], &value, sizeof(value)) == sizeof(value); i++)
			acknowledged = value;
		kill(child, SIGKILL);
		while (read(ends[0], &value, sizeof(value)) == sizeof(value))
			acknowledged = value;
		close(ends[0]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_true(acknowledged > 0);

		journal = opened(place);
		assert_int_equal(begin_lot(journal, place, "A", "job", &start, count_interrupted, &attempts), 0);
		assert_true(start.resumed);
		assert_true((uint64_t)(start.next_unit - 1 + start.next_attempt - 1) >= acknowledged);
		assert_int_equal(attempts, start.next_attempt - 1);
		assert_int_equal(start.interrupted, attempts);
		journal_close(journal);
		/* Nothing between the first and the last is missing: a ticket stands for all before it. */
		snprintf(expected, sizeof(expected), "%lld|%lld", (long long)attempts, (long long)attempts);
		assert_row(place->path,
			   "SELECT count(*), max(attempt) FROM attempt WHERE outcome = 'interrupted' AND "
			   "cause_name = 'station-restarted' AND side = 'power'",
			   expected);
		assert_row(place->path, "SELECT end_kind FROM session ORDER BY session LIMIT 1", "interrupted");
		assert_row(place->path, "SELECT integrity_check FROM pragma_integrity_check", "ok");
		place_tear_down(state);
		place_set_up(state);
		place = *state;
	}
}

/* Fills until the journal fails; gives how much it had acknowledged. The reason must be a sentence with a remedy. */
static uint64_t fill_until_failed(struct place *place, int64_t units, const char *remedy)
{
	struct journal *journal = opened_lot(place, "A");
	uint64_t ticket = 0, durable;

	for (int64_t unit = 1; unit <= units && !journal_failed(journal); unit++) {
		struct journal_record r = unit_record(unit);

		ticket = journal_submit(journal, &r);
		if (ticket && unit % 50 == 0)
			(void)journal_wait(journal, ticket);
	}
	if (ticket)
		assert_int_equal(journal_wait(journal, ticket), -1);
	assert_non_null(journal_failed(journal));
	assert_non_null(strstr(journal_failed(journal), remedy));
	durable = journal_durable(journal);
	assert_int_equal(
		journal_submit(journal, &(struct journal_record){ .kind = JOURNAL_GUARD, .guard = { "g", "d", T0 } }),
		0);
	assert_int_equal(journal_durable(journal), durable);
	assert_non_null(journal_failed(journal));
	journal_close(journal);
	return durable;
}

static void assert_durable_units(struct place *place, uint64_t durable)
{
	char sql[100];

	snprintf(sql, sizeof(sql), "SELECT count(*) >= %llu, count(*) = max(unit) FROM unit",
		 (unsigned long long)durable);
	assert_row(place->path, sql, "1|1");
	assert_row(place->path, "SELECT integrity_check FROM pragma_integrity_check", "ok");
}

static void a_disk_that_takes_no_more_ends_the_journal_with_a_reason(void **state)
{
	struct place *place = *state;
	struct rlimit limit, before;
	uint64_t durable;

	/* Files may not grow past 600 kB: write(2) fails as on a broken disk. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit = (struct rlimit){ 600000, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	durable = fill_until_failed(place, 100000, "then run the job again");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(durable > 0);
	assert_durable_units(place, durable);
}

static void a_full_disk_is_named_and_loses_nothing_that_was_acknowledged(void **state)
{
	struct place *place = *state;
	char dir[200];
	uint64_t durable;

	snprintf(dir, sizeof(dir), "%s/small", place->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	if (mount("none", dir, "tmpfs", 0, "size=1m") != 0) {
		print_message("skipped: mounting a small disk needs root\n");
		skip();
	}
	snprintf(place->path, sizeof(place->path), "%s/small/r.db", place->dir);
	durable = fill_until_failed(place, 100000, "the disk is full: free space");
	assert_true(durable > 0);
	assert_durable_units(place, durable);
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

/* --- files that are refused --- */

static void assert_refused(struct place *place, const char *words)
{
	struct journal *journal = NULL;

	*place->error = '\0';
	assert_int_equal(try_open(place, &journal), -MR_CAUSE_JOURNAL_UNAVAILABLE);
	assert_null(journal);
	if (!strstr(place->error, words))
		fail_msg("\"%s\" does not say \"%s\"", place->error, words);
	/* What to do about it, and which file. */
	assert_non_null(strstr(place->error, place->path));
}

static void a_database_of_another_program_is_refused_and_left_alone(void **state)
{
	struct place *place = *state;
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA application_id = 252006675; CREATE TABLE t (x)", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	assert_refused(place, "another program");
	assert_row(place->path, "SELECT group_concat(name) FROM sqlite_schema", "t");
	assert_row(place->path, "PRAGMA journal_mode", "delete");
}

static void a_database_without_an_owner_is_refused(void **state)
{
	struct place *place = *state;
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_refused(place, "another program");
}

static void a_file_that_is_no_database_is_refused(void **state)
{
	struct place *place = *state;
	FILE *file = fopen(place->path, "w");

	for (int i = 0; i < 1000; i++)
		fprintf(file, "not a database, line %d\n", i);
	fclose(file);
	assert_refused(place, "is not a database");
}

static void a_folder_is_refused(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdir(place->path, 0700), 0);
	assert_refused(place, "is a folder");
}

static void a_missing_folder_is_named(void **state)
{
	struct place *place = *state;

	snprintf(place->path, sizeof(place->path), "%s/not/there.db", place->dir);
	assert_refused(place, "No such file or directory");
}

static void a_newer_database_is_refused(void **state)
{
	struct place *place = *state;

	journal_close(opened_lot(place, "A"));
	plain_exec(place->path, "PRAGMA user_version = 999");
	assert_refused(place, "schema version 999");
	assert_row(place->path, "PRAGMA user_version", "999");
}

static void simulated_and_real_never_share_a_database(void **state)
{
	struct place *place = *state;

	journal_close(opened_lot(place, "A"));
	place->real = true;
	assert_refused(place, "holds simulated devices");
	place->real = false;
	journal_close(opened(place));
	place_tear_down(state);
	place_set_up(state);
	place = *state;
	place->real = true;
	journal_close(opened_lot(place, "A"));
	assert_row(place->path, "SELECT simulated, host IS NOT NULL FROM session", "0|1");
	place->real = false;
	assert_refused(place, "holds real devices");
}

/* Root may write everywhere, hence as_nobody. */
static void check_words(struct place *place, const char *words)
{
	struct journal *journal;

	if (try_open(place, &journal) == 0 || !strstr(place->error, words)) {
		fprintf(stderr, "%s\n", place->error);
		_exit(1);
	}
}

static void check_read_only(struct place *place) { check_words(place, "is read-only"); }
static void check_folder_read_only(struct place *place) { check_words(place, "cannot write beside it"); }

static void a_read_only_database_is_refused(void **state)
{
	struct place *place = *state;
	char lock[120];

	journal_close(opened_lot(place, "A"));
	snprintf(lock, sizeof(lock), "%s.lock", place->path);
	assert_int_equal(chmod(place->dir, 0777), 0);
	assert_int_equal(chmod(lock, 0666), 0);
	assert_int_equal(chmod(place->path, 0444), 0);
	as_nobody(place, check_read_only);
	assert_int_equal(chmod(lock, 0444), 0);
	assert_int_equal(chmod(place->dir, 0555), 0);
	as_nobody(place, check_folder_read_only);
	assert_int_equal(chmod(place->dir, 0777), 0);
}

static void a_second_station_is_told_which_lot_holds_the_database(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "2611-A07");

	assert_refused(place, "in use by another station (lot 2611-A07, process ");
	journal_close(journal);
	journal_close(opened(place));
}

static void the_lock_of_a_killed_station_is_gone_with_it(void **state)
{
	struct place *place = *state;
	int ends[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		struct journal *journal = opened_lot(place, "A");

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!journal || write(ends[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_refused(place, "in use by another station (lot A");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	journal_close(opened(place));
}

static void a_damaged_database_is_refused_after_a_crash(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	char garbage[4096];
	int fd;

	for (int64_t unit = 1; unit <= 500; unit++)
		put(journal, unit_record(unit));
	journal_close(journal);
	/* As a killed station leaves it, and one page of the table overwritten. */
	plain_exec(place->path, "DROP TRIGGER session_fixed; UPDATE session SET ended_us = NULL, end_kind = NULL;"
				"PRAGMA wal_checkpoint(TRUNCATE)");
	memset(garbage, 0x5a, sizeof(garbage));
	fd = open(place->path, O_RDWR);
	assert_int_equal(
		pwrite(fd, garbage, sizeof(garbage),
		       4096L * atol(plain_row(place->path, "SELECT rootpage - 1 FROM sqlite_schema WHERE name = 'unit'",
					      place->error, sizeof(place->error)))),
		sizeof(garbage));
	close(fd);
	assert_refused(place, "is damaged");
	assert_non_null(strstr(place->error, "restore the last backup"));
}

/* --- the schema --- */

static const char second_migration[] =
	"ALTER TABLE unit ADD COLUMN pallet TEXT; CREATE TABLE pallet (name TEXT PRIMARY KEY) STRICT;";
static const char bad_migration[] = "CREATE TABLE pallet (name TEXT); INSERT INTO nowhere VALUES (1);";

static void open_with(struct place *place, const char *second, struct store *store, int expected)
{
	size_t count;
	const struct sql_migration *own = sql_migrations(&count);
	struct sql_migration list[12];
	struct journal_options options = place_options(place);

	assert_true(count < 12);
	memcpy(list, own, count * sizeof(*own));
	list[count] = (struct sql_migration){ own[count - 1].version + 1, second };
	if (store_open(store, &options, STORE_SIMULATED, list, count + 1, place->error, sizeof(place->error)) !=
	    expected)
		fail_msg("%s", place->error);
}

static void an_older_database_is_backed_up_and_migrated(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct store store;
	char backup[200], now[16], next[16], refusal[40];
	size_t count;
	int version;

	(void)sql_migrations(&count);
	version = sql_migrations(&count)[count - 1].version;
	snprintf(now, sizeof(now), "%d", version);
	snprintf(next, sizeof(next), "%d", version + 1);
	snprintf(refusal, sizeof(refusal), "schema version %d", version + 1);
	put(journal, unit_record(1));
	journal_close(journal);
	open_with(place, second_migration, &store, 0);
	assert_false(store.fresh);
	store_close(&store);
	assert_row(place->path, "PRAGMA user_version", next);
	assert_row(place->path, "SELECT unit, pallet FROM unit", "1|");
	assert_row(place->path, "SELECT units FROM v_batch", "1");
	snprintf(backup, sizeof(backup), "%s.v%s.backup", place->path, now);
	assert_row(backup, "PRAGMA user_version", now);
	assert_row(backup, "SELECT count(*) FROM unit", "1");
	/* To this program it is a newer one now. */
	assert_refused(place, refusal);
	/* Again: nothing to do, no second backup. */
	open_with(place, second_migration, &store, 0);
	store_close(&store);
	snprintf(backup, sizeof(backup), "%s.v%s-1.backup", place->path, now);
	assert_int_equal(access(backup, F_OK), -1);
}

static char *schema_text(sqlite3 *db);

/* The rows of one table of `now`, in the columns that the older one has. */
static void copy_table(sqlite3 *then, const char *table)
{
	char sql[2000], columns[900];
	sqlite3_stmt *statement = NULL;

	snprintf(sql, sizeof(sql), "SELECT group_concat(name, ', ') FROM pragma_table_info('%s')", table);
	assert_int_equal(sqlite3_prepare_v2(then, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	snprintf(columns, sizeof(columns), "%s", (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	snprintf(sql, sizeof(sql), "INSERT INTO main.%s (%s) SELECT %s FROM now.%s ORDER BY 1", table, columns, columns,
		 table);
	if (sqlite3_exec(then, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(then));
}

/* What the first program of all left behind: today's rows in the tables of that time. */
static void make_first_version(struct place *place, const struct sql_migration *first)
{
	/* Steps before their attempts: a closed attempt takes none. */
	static const char *const tables[] = { "record",	     "batch",	"session", "unit", "step",
					      "measurement", "attempt", "txn",	   "pin",  "cert",
					      "receipt",     "audit",	"anchor" };
	sqlite3 *then = NULL, *now;
	char *left, *right, older[120], attach[200];

	snprintf(older, sizeof(older), "%s/first.db", place->dir);
	snprintf(attach, sizeof(attach), "ATTACH '%s' AS now", place->path);
	assert_int_equal(sqlite3_open(older, &then), SQLITE_OK);
	assert_int_equal(sqlite3_exec(then, first->text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(then, attach, NULL, NULL, NULL), SQLITE_OK);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		copy_table(then, tables[i]);
	assert_int_equal(sqlite3_exec(then, "PRAGMA main.application_id = 1296649292; PRAGMA main.user_version = 1;",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(then);
	assert_int_equal(rename(older, place->path), 0);
	assert_int_equal(sqlite3_open(":memory:", &then), SQLITE_OK);
	assert_int_equal(sqlite3_exec(then, first->text, NULL, NULL, NULL), SQLITE_OK);
	now = plain_open(place->path);
	left = schema_text(then);
	right = schema_text(now);
	assert_string_equal(left, right);
	sqlite3_free(left);
	sqlite3_free(right);
	sqlite3_close(then);
	sqlite3_close(now);
}

static void a_record_of_the_first_version_with_data_gets_labels(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	char before[200], after[200], backup[200];
	static const char sums[] =
		"SELECT (SELECT count(*) FROM unit), (SELECT count(*) FROM attempt), (SELECT count(*) FROM pin), "
		"(SELECT count(*) FROM cert), (SELECT hex(hash) FROM audit WHERE seq = 3)";
	size_t count;

	put_passing_unit(journal, 1, 1);
	put_passing_unit(journal, 2, 2);
	put(journal, batch_end_record("done"));
	journal_close(journal);
	make_first_version(place, &sql_migrations(&count)[0]);
	plain_row(place->path, sums, before, sizeof(before));
	journal = opened_lot(place, "A");
	put(journal, label_record(1, 1, 1, NULL));
	put_durable(journal, label_state_record(1, 1, LABEL_SENT));
	journal_close(journal);
	assert_string_equal(plain_row(place->path, sums, after, sizeof(after)), before);
	assert_row(place->path, "SELECT unit, state, copy FROM label", "1|sent|1");
	assert_row(place->path, "SELECT serial, template, state FROM v_labels", "AC00001|t|sent");
	assert_row(place->path, "SELECT count(*) FROM pragma_foreign_key_check", "0");
	snprintf(backup, sizeof(backup), "%s.v1.backup", place->path);
	assert_string_equal(plain_row(backup, sums, after, sizeof(after)), before);
	assert_row(backup, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'label%'", "0");
}

/* Numbers that no station gives are refused; nothing that counts on them comes into reach. */
static void a_record_numbered_by_somebody_else_is_refused(void **state)
{
	struct place *place = *state;
	struct journal *journal;

	journal_close(opened_lot(place, "A"));
	plain_exec(place->path, "PRAGMA foreign_keys = OFF; DROP TRIGGER audit_fixed; UPDATE audit SET seq = -1;");
	assert_int_equal(try_open(place, &journal), -MR_CAUSE_JOURNAL_UNAVAILABLE);
	assert_non_null(strstr(place->error, "not as stations left it: trigger audit_fixed is missing"));
	plain_exec(place->path, "CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit\n"
				"BEGIN SELECT raise(ABORT, 'the audit chain never changes'); END");
	assert_int_equal(try_open(place, &journal), -MR_CAUSE_JOURNAL_UNAVAILABLE);
	assert_non_null(strstr(place->error, "of the chain are missing"));
}

static void a_migration_that_fails_changes_nothing(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct store store;

	put(journal, unit_record(1));
	journal_close(journal);
	open_with(place, bad_migration, &store, -STORE_UNAVAILABLE);
	assert_non_null(strstr(place->error, "no such table: nowhere"));
	assert_row(place->path, "PRAGMA user_version", "7");
	assert_row(place->path, "SELECT count(*) FROM sqlite_schema WHERE name = 'pallet'", "0");
	journal = opened_lot(place, "A");
	put(journal, unit_record(2));
	journal_close(journal);
}

/* A table made anew without one of its rows, while attempts refer to it. */
static const char losing_migration[] = "CREATE TABLE before AS SELECT * FROM unit; DROP TABLE unit; CREATE TABLE unit "
				       "(unit INTEGER PRIMARY KEY, device_id BLOB, "
				       "mac BLOB, state TEXT) STRICT; INSERT INTO unit SELECT unit, device_id, mac, "
				       "state FROM before WHERE unit > 1; DROP TABLE "
				       "before;";

static void a_migration_that_loses_a_row_changes_nothing(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct store store;

	put_passing_unit(journal, 1, 1);
	put_passing_unit(journal, 2, 2);
	journal_close(journal);
	open_with(place, losing_migration, &store, -STORE_UNAVAILABLE);
	assert_non_null(strstr(place->error, "rows would lose what they refer to"));
	assert_row(place->path, "SELECT count(*), sum(agentless) FROM unit", "2|0");
	assert_row(place->path, "SELECT count(*) FROM pragma_foreign_key_check", "0");
	/* References are watched again. */
	journal = opened_lot(place, "A");
	assert_int_equal(journal_wait(journal, put(journal, attempt_record(9, 99, 1))), -1);
	assert_non_null(strstr(journal_failed(journal), "FOREIGN KEY"));
	journal_close(journal);
}

static char *schema_text(sqlite3 *db)
{
	sqlite3_stmt *statement = NULL;
	sqlite3_str *all = sqlite3_str_new(NULL);

	sqlite3_prepare_v2(db,
			   "SELECT sql FROM sqlite_schema WHERE sql NOT NULL AND type <> 'view' ORDER BY type, name",
			   -1, &statement, NULL);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		bool blank = false;

		/* Comments and line breaks say nothing to SQLite. */
		for (const char *c = (const char *)sqlite3_column_text(statement, 0); *c; c++) {
			if (c[0] == '-' && c[1] == '-')
				c += strcspn(c, "\n");
			if (strchr(" \t\n", *c)) {
				blank = true;
				continue;
			}
			if (blank)
				sqlite3_str_appendchar(all, 1, ' ');
			blank = false;
			sqlite3_str_appendchar(all, 1, *c);
		}
		sqlite3_str_appendchar(all, 1, '\n');
	}
	sqlite3_finalize(statement);
	return sqlite3_str_finish(all);
}

static void the_documented_schema_is_the_sum_of_the_migrations(void **state)
{
	sqlite3 *documented = NULL, *migrated = NULL;
	size_t count, got;
	const struct sql_migration *list = sql_migrations(&count);
	FILE *file = fopen("db/schema.sql", "r");
	char *text = calloc(1, 100000), *left, *right;

	(void)state;
	assert_non_null(file);
	got = fread(text, 1, 99999, file);
	fclose(file);
	assert_true(got > 1000);
	assert_int_equal(sqlite3_open(":memory:", &documented), SQLITE_OK);
	assert_int_equal(sqlite3_open(":memory:", &migrated), SQLITE_OK);
	assert_int_equal(sqlite3_exec(documented, text, NULL, NULL, NULL), SQLITE_OK);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(sqlite3_exec(migrated, list[i].text, NULL, NULL, NULL), SQLITE_OK);
	left = schema_text(documented);
	right = schema_text(migrated);
	assert_string_equal(left, right);
	sqlite3_free(left);
	sqlite3_free(right);
	sqlite3_close(documented);
	sqlite3_close(migrated);
	free(text);
}

static void every_table_is_strict_and_every_setting_holds(void **state)
{
	struct place *place = *state;

	journal_close(opened_lot(place, "A"));
	assert_row(place->path,
		   "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND NOT "
		   "strict",
		   "0");
	assert_row(place->path, "PRAGMA application_id", "1296649292");
	assert_row(place->path, "PRAGMA user_version", "7");
	assert_row(place->path, "SELECT count(*) FROM pragma_foreign_key_check", "0");
}

/* Changes that nobody may make, and the words of the trigger that says so. */
static const struct {
	const char *sql, *words;
} forbidden[] = {
	{ "UPDATE attempt SET outcome = 'fail' WHERE attempt = 1", "a closed attempt never changes" },
	{ "UPDATE attempt SET detail = 'x' WHERE attempt = 1", "a closed attempt never changes" },
	{ "UPDATE attempt SET unit = 2 WHERE attempt = 2", "an attempt may only be closed" },
	{ "DELETE FROM attempt WHERE attempt = 2", "an attempt is never deleted" },
	{ "INSERT OR REPLACE INTO attempt SELECT * FROM attempt WHERE attempt = 1", "an attempt is never replaced" },
	{ "INSERT INTO step SELECT attempt, 99, name, tries, started_us, duration_us, device_us, outcome, "
	  "cause, cause_name, "
	  "side FROM step WHERE attempt = 1",
	  "a closed attempt never changes" },
	{ "INSERT INTO measurement VALUES (1, 'late', 1, 1.0, 'V', NULL, NULL, 1)", "a closed attempt never changes" },
	{ "UPDATE step SET duration_us = 1", "a step never changes" },
	{ "DELETE FROM step", "a step is never deleted" },
	{ "UPDATE measurement SET value = 1", "a measurement never changes" },
	{ "DELETE FROM measurement", "a measurement is never deleted" },
	{ "UPDATE audit SET body = '' WHERE seq = 1", "the audit chain never changes" },
	{ "DELETE FROM audit WHERE seq = 1", "the audit chain never shrinks" },
	{ "INSERT INTO audit SELECT seq + 100, at_us, session, actor, action, subject, body, prev, hash FROM "
	  "audit WHERE seq = 1",
	  "the audit chain only grows at its end" },
	{ "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 1", "the audit chain only grows at its end" },
	{ "UPDATE cert SET der = x'00'", "a certificate on record never changes" },
	{ "UPDATE cert SET verified_us = NULL", "only goes forward" },
	{ "DELETE FROM cert", "a certificate is never deleted" },
	{ "UPDATE pin SET sealed = x'00'", "a PIN on record never changes" },
	{ "DELETE FROM pin", "a PIN is never deleted" },
	{ "UPDATE receipt SET receipt = x'00'", "a receipt never changes" },
	{ "DELETE FROM receipt", "a receipt is never deleted" },
	{ "UPDATE unit SET serial = 'AC99999' WHERE unit = 1", "the serial number of a unit never changes" },
	{ "UPDATE unit SET mac = x'020000000099' WHERE unit = 1", "the identity of a unit never changes" },
	{ "DELETE FROM unit", "a unit is never deleted" },
	{ "UPDATE batch SET job = x'00'", "the job of a batch never changes" },
	{ "DELETE FROM batch", "a batch is never deleted" },
	{ "UPDATE session SET seed = 8", "a session that has ended never changes" },
	{ "UPDATE txn SET committed_us = NULL WHERE txn = 1001", "only goes forward" },
	{ "UPDATE txn SET operation = 'seal' WHERE txn = 1001", "keeps its unit and operation" },
	{ "UPDATE link SET cipher = 'x'", "a link on record never changes" },
	{ "DELETE FROM link", "a link is never deleted" },
	{ "INSERT OR REPLACE INTO link SELECT * FROM link", "a link is never replaced" },
	{ "UPDATE delivery SET method = 'x'", "a delivery on record never changes" },
	{ "DELETE FROM delivery", "a delivery is never deleted" },
	{ "INSERT OR REPLACE INTO delivery SELECT * FROM delivery", "a delivery is never replaced" },
	{ "UPDATE unit SET agentless = 1 WHERE unit = 1", "the identity of a unit never changes" },
	{ "UPDATE unit SET serial = 'AC99998' WHERE unit = 1", "the serial number of a unit never changes" },
	{ "UPDATE network SET observed = 'seen'", "how a device joined its network never changes" },
	{ "DELETE FROM network", "how a device joined its network is never deleted" },
	{ "INSERT INTO label VALUES (9, 2, 1, 'file', 't', randomblob(32), NULL, NULL, 'me', 1, NULL, NULL, "
	  "NULL, NULL)",
	  "only a unit that passed gets a label" },
	{ "UPDATE label SET digest = zeroblob(32)", "a label on record never changes" },
	{ "UPDATE label SET sent_us = 99 WHERE label = 1", "only goes forward" },
	{ "UPDATE label SET void_us = NULL WHERE label = 1", "only goes forward" },
	{ "UPDATE label SET scanned_us = 99 WHERE label = 1", "only goes forward" },
	{ "DELETE FROM label", "a label is never deleted" },
	{ "INSERT OR REPLACE INTO label SELECT label, unit, copy, kind, template, digest, key_id, reason, "
	  "actor, queued_us, "
	  "sent_us, printed_us, scanned_us, void_us FROM label",
	  "a label is never replaced" },
	{ "INSERT INTO label VALUES (9, 1, 3, 'file', 't', randomblob(32), NULL, NULL, 'me', 1, NULL, NULL, "
	  "NULL, NULL)",
	  "CHECK constraint failed" },
	{ "INSERT INTO label VALUES (9, 1, 3, 'file', 't', randomblob(32), NULL, 'torn', 'me', 1, NULL, NULL, "
	  "NULL, NULL)",
	  "UNIQUE constraint failed: label.unit, label.template" },
	{ "UPDATE label_scan SET verdict = 'right'", "a scan never changes" },
	{ "DELETE FROM label_scan", "a scan is never deleted" },
	{ "INSERT OR REPLACE INTO label_scan SELECT * FROM label_scan", "a scan is never replaced" },
	{ "UPDATE record SET simulated = 0", "stays simulated or real" },
	{ "INSERT INTO session (batch, simulated, software, schema_version, job_path, policy, operator, seed, "
	  "clock_ok, started_us) "
	  "VALUES (1, 0, '', 1, '', '', '', 0, 1, 1)",
	  "do not share a database" },
};
static void triggers_refuse_what_must_not_change(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	sqlite3 *db;

	put_passing_unit(journal, 1, 1);
	put(journal, unit_record(2));
	put(journal, attempt_record(2, 2, 1));
	put(journal, link_record(1, 1, 1));
	put(journal, delivery_record(1, 1));
	put(journal, network_record(1, 1));
	put(journal, label_record(1, 1, 1, NULL));
	put(journal, label_state_record(1, 1, LABEL_SENT));
	put(journal, label_state_record(1, 1, LABEL_VOID));
	put(journal, label_record(2, 1, 2, "torn"));
	put(journal, scan_record(1, 1, 1, 1, "void"));
	journal_close(journal);
	db = plain_open(place->path);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		assert_int_not_equal(sqlite3_exec(db, forbidden[i].sql, NULL, NULL, NULL), SQLITE_OK);
		if (!strstr(sqlite3_errmsg(db), forbidden[i].words))
			fail_msg("%s: \"%s\" does not say \"%s\"", forbidden[i].sql, sqlite3_errmsg(db),
				 forbidden[i].words);
	}
	sqlite3_close(db);
}

/* --- records that contradict the record --- */

typedef struct journal_record make_record(struct identity_texts *texts);

static struct journal_record second_device_id(struct identity_texts *texts)
{
	struct journal_record r = unit_record(9);

	(void)texts;
	memcpy(r.unit.device_id, unit_record(1).unit.device_id, 8);
	return r;
}

static struct journal_record second_mac(struct identity_texts *texts)
{
	struct journal_record r = unit_record(9);

	(void)texts;
	memcpy(r.unit.mac, unit_record(1).unit.mac, 6);
	return r;
}

static struct journal_record second_serial(struct identity_texts *texts)
{
	struct journal_record r = identity_record(texts, 2, 2, 2);

	r.identity.serial = "AC00001";
	return r;
}

static struct journal_record other_serial_of_a_unit(struct identity_texts *texts)
{
	return identity_record(texts, 1, 1, 3);
}

static struct journal_record second_pin(struct identity_texts *texts)
{
	struct journal_record r = identity_record(texts, 2, 2, 2);

	memset(r.identity.pin_lookup, 1, 32);
	return r;
}

static struct journal_record second_key(struct identity_texts *texts)
{
	struct journal_record r = identity_record(texts, 2, 2, 2);

	memset(r.identity.spki_sha256, 1, 32);
	return r;
}

static struct journal_record second_cert_number(struct identity_texts *texts)
{
	struct journal_record r = identity_record(texts, 2, 2, 2);

	r.identity.serial_hex = "AB00000000000001";
	return r;
}

static struct journal_record second_live_certificate(struct identity_texts *texts)
{
	struct journal_record r = identity_record(texts, 1, 1, 4);

	r.identity.serial = "AC00001";
	return r;
}

static struct journal_record taken_transaction(struct identity_texts *texts)
{
	(void)texts;
	return transaction_record(2, 2, 1001, "identity", PHASE_INTENT);
}

static struct journal_record commit_without_intent(struct identity_texts *texts)
{
	(void)texts;
	return transaction_record(2, 2, 777, "identity", PHASE_COMMITTED);
}

static struct journal_record end_of_a_closed_attempt(struct identity_texts *texts)
{
	(void)texts;
	return end_record(1, OUTCOME_FAIL, 1, "no-answer", "air", "seal", 1);
}

static struct journal_record step_of_a_closed_attempt(struct identity_texts *texts)
{
	(void)texts;
	return step_record(1, 9, "seal", 1, 1);
}

static struct journal_record state_of_nobody(struct identity_texts *texts)
{
	(void)texts;
	return state_record(99, UNIT_PASSED, 0, NULL, NULL);
}

static struct journal_record attempt_of_nobody(struct identity_texts *texts)
{
	(void)texts;
	return attempt_record(9, 99, 1);
}

static struct journal_record same_try_again(struct identity_texts *texts)
{
	(void)texts;
	return attempt_record(9, 2, 1);
}

static struct journal_record revoked_without_certificate(struct identity_texts *texts)
{
	(void)texts;
	return cert_record(2, CERT_REVOKED);
}

static void a_contradiction_ends_the_journal_and_nothing_of_its_commit_stays(void **state)
{
	static const struct {
		make_record *make;
		const char *words;
	} cases[] = {
		{ second_device_id, "unit.device_id" },
		{ second_mac, "unit.mac" },
		{ second_serial, "unit.serial" },
		{ other_serial_of_a_unit, "the serial number of a unit never changes" },
		{ second_pin, "pin.lookup" },
		{ second_key, "cert.spki_sha256" },
		{ second_cert_number, "cert.serial_hex" },
		{ second_live_certificate, "cert.unit" },
		{ taken_transaction, "transaction 1001" },
		{ commit_without_intent, "its intent is not on record" },
		{ end_of_a_closed_attempt, "no such attempt is open" },
		{ step_of_a_closed_attempt, "a closed attempt never changes" },
		{ state_of_nobody, "there is no such unit" },
		{ attempt_of_nobody, "FOREIGN KEY" },
		{ same_try_again, "attempt.unit" },
		{ revoked_without_certificate, "no live certificate" },
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct identity_texts texts;
		struct journal *journal = opened_lot(place, "A");
		struct journal_record r;
		uint64_t good, bad;

		put_passing_unit(journal, 1, 1);
		put(journal, unit_record(2));
		good = put(journal, attempt_record(2, 2, 1));
		assert_int_equal(journal_wait(journal, good), 0);
		r = cases[i].make(&texts);
		bad = put(journal, r);
		assert_int_equal(journal_wait(journal, bad), -1);
		assert_int_equal(journal_durable(journal), good);
		if (!journal_failed(journal) || !strstr(journal_failed(journal), cases[i].words))
			fail_msg("case %zu: \"%s\" does not say \"%s\"", i, journal_failed(journal), cases[i].words);
		journal_close(journal);
		assert_row(place->path,
			   "SELECT count(*), (SELECT count(*) FROM attempt), (SELECT count(*) FROM cert), (SELECT "
			   "count(*) "
			   "FROM pin), (SELECT count(*) FROM txn), (SELECT count(*) FROM step) FROM unit",
			   "2|2|1|1|2|1");
		/* A session that ended so is no clean one. */
		assert_row(place->path, "SELECT end_kind FROM session", "");
		place_tear_down(state);
		place_set_up(state);
		place = *state;
	}
}

static void repeated_intents_and_phases_change_nothing(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");

	put(journal, unit_record(1));
	put(journal, attempt_record(1, 1, 1));
	for (int i = 0; i < 2; i++) {
		put(journal, transaction_record(1, 1, 7, "credentials", PHASE_INTENT));
		put(journal, transaction_record(1, 1, 7, "credentials", PHASE_PREPARED));
		put(journal, transaction_record(1, 1, 7, "credentials", PHASE_COMMITTED));
	}
	put_durable(journal, attempt_record(2, 1, 2));
	put_durable(journal, transaction_record(1, 2, 7, "credentials", PHASE_INTENT));
	journal_close(journal);
	assert_row(place->path, "SELECT count(*), attempt, prepared_us NOT NULL, committed_us NOT NULL FROM txn",
		   "1|2|1|1");
}

static void a_void_certificate_makes_room_for_another_and_the_pin_may_stay(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct identity_texts texts;
	struct journal_record r;

	put(journal, unit_record(1));
	put(journal, attempt_record(1, 1, 1));
	put(journal, identity_record(&texts, 1, 1, 1));
	put_durable(journal, cert_record(1, CERT_VOID));
	r = identity_record(&texts, 1, 1, 2);
	r.identity.serial = "AC00001";
	memset(r.identity.pin_lookup, 1, 32);
	put_durable(journal, r);
	journal_close(journal);
	assert_row(place->path, "SELECT group_concat(state) FROM (SELECT state FROM cert ORDER BY cert)",
		   "void,issued");
	assert_row(place->path, "SELECT count(*) FROM pin", "1");
	assert_row(place->path,
		   "SELECT count(*) FROM audit WHERE action = 'certificate' AND body = '{\"state\":\"void\"}'", "1");
}

/* --- the next session --- */

static void a_lot_with_another_job_is_refused(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct journal_start start;

	journal_close(journal);
	journal = opened(place);
	assert_int_equal(begin_lot(journal, place, "A", "another job", &start, NULL, NULL), -1);
	assert_non_null(strstr(place->error, "lot A is on record with another job file"));
	assert_int_equal(begin_lot(journal, place, "B", "another job", &start, NULL, NULL), 0);
	assert_false(start.resumed);
	assert_int_equal(start.batch, 2);
	journal_close(journal);
	assert_row(place->path, "SELECT group_concat(action) FROM (SELECT action FROM audit ORDER BY seq)",
		   "batch-begin,batch-begin");
}

struct resumed {
	struct journal_resume units[8];
	char serials[8][24];
	size_t count;
};

static void keep_unit(void *ctx, const struct journal_resume *unit)
{
	struct resumed *resumed = ctx;

	assert_true(resumed->count < 8);
	snprintf(resumed->serials[resumed->count], 24, "%s", unit->serial ? unit->serial : "none");
	if (unit->has_certificate) {
		assert_int_equal(unit->certificate.len, 64);
		assert_int_equal(((const uint8_t *)unit->certificate.at)[0], unit->unit);
		assert_int_equal(unit->pin_sealed.len, 32);
		assert_int_equal(unit->pin_salt.len, 16);
	}
	resumed->units[resumed->count++] = *unit;
}

/* Dies with one unit passed, one in mid-identity, one tried twice for the air's sake. Never returns. */
static void session_that_dies(struct place *place)
{
	struct journal *journal = opened_lot(place, "A");
	struct identity_texts texts;

	put_passing_unit(journal, 1, 1);
	put(journal, unit_record(2));
	put(journal, attempt_record(2, 2, 1));
	put(journal, state_record(2, UNIT_ACTIVE, 0, NULL, NULL));
	put(journal, identity_record(&texts, 2, 2, 2));
	put(journal, transaction_record(2, 2, 1002, "identity", PHASE_PREPARED));
	put(journal, transaction_record(2, 2, 2002, "credentials", PHASE_INTENT));
	put(journal, unit_record(3));
	put(journal, attempt_record(3, 3, 1));
	put(journal, end_record(3, OUTCOME_TIMEOUT, 1, "no-answer", "air", "verify", 5));
	put(journal, attempt_record(4, 3, 2));
	put(journal, end_record(4, OUTCOME_ERROR, 21, "signer-unavailable", "station", "identity", 5));
	put_durable(journal, state_record(3, UNIT_HELD, 21, "signer-unavailable", "station"));
	_exit(0);
}

static void a_session_goes_on_with_what_the_record_says(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct resumed resumed = { 0 };
	struct journal_start start;
	pid_t child;

	journal_close(journal);
	child = fork();
	if (child == 0)
		session_that_dies(place);
	waitpid(child, NULL, 0);
	journal = opened(place);
	assert_int_equal(begin_lot(journal, place, "A", "job", &start, keep_unit, &resumed), 0);
	assert_true(start.resumed);
	assert_int_equal(start.session, 3);
	assert_int_equal(start.interrupted, 1);
	assert_int_equal(start.passed, 1);
	assert_int_equal(start.next_unit, 4);
	assert_int_equal(start.next_attempt, 5);
	assert_int_equal(start.next_transaction, 5002);
	assert_int_equal(resumed.count, 3);

	assert_int_equal(resumed.units[0].state, UNIT_PASSED);
	assert_true(resumed.units[0].has_receipt && resumed.units[0].has_certificate && resumed.units[0].same_batch);
	assert_int_equal(resumed.units[0].identity_phase, PHASE_COMMITTED);
	assert_int_equal(resumed.units[0].seal_txn, 5001);
	assert_string_equal(resumed.serials[0], "AC00001");

	assert_int_equal(resumed.units[1].state, UNIT_SEEN);
	assert_int_equal(resumed.units[1].attempts, 1);
	assert_int_equal(resumed.units[1].counted, 0);
	assert_int_equal(resumed.units[1].identity_txn, 1002);
	assert_int_equal(resumed.units[1].identity_phase, PHASE_PREPARED);
	assert_int_equal(resumed.units[1].credentials_txn, 2002);
	assert_int_equal(resumed.units[1].credentials_phase, PHASE_INTENT);
	assert_int_equal(resumed.units[1].seal_txn, 0);
	assert_int_equal(resumed.units[1].pin_iterations, 1000);
	assert_int_equal(resumed.units[1].spki_sha256[5], 2);
	assert_memory_equal(resumed.units[1].mac, unit_record(2).unit.mac, 6);
	assert_memory_equal(resumed.units[1].device_id, unit_record(2).unit.device_id, 8);
	assert_false(resumed.units[1].has_receipt);

	assert_int_equal(resumed.units[2].state, UNIT_HELD);
	assert_int_equal(resumed.units[2].attempts, 2);
	assert_int_equal(resumed.units[2].counted, 1);
	assert_string_equal(resumed.serials[2], "none");
	assert_false(resumed.units[2].has_certificate);
	journal_close(journal);

	/* Another lot of the same database is not told of these devices, and finds them as others'. */
	journal = opened(place);
	memset(&resumed, 0, sizeof(resumed));
	assert_int_equal(begin_lot(journal, place, "B", "job", &start, keep_unit, &resumed), 0);
	assert_int_equal(resumed.count, 0);
	for (int64_t unit = 1; unit <= 3; unit++)
		assert_int_equal(journal_read(journal, unit, keep_unit, &resumed), 0);
	assert_false(resumed.units[0].same_batch);
	assert_int_equal(resumed.units[2].attempts, 0);
	/* It may work on one of them; its tries are counted anew. */
	put_durable(journal, attempt_record(5, 3, 1));
	journal_close(journal);
}

static int64_t found(struct journal *journal, enum journal_find by, uint8_t octet, size_t len)
{
	uint8_t key[32];

	memset(key, octet, sizeof(key));
	return journal_find(journal, by, key, len);
}

static void units_of_other_lots_are_found_by_all_that_is_used_once(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct journal_record third = unit_record(3), last = unit_record(4);
	struct journal_batch batch = { .lot = "C", .product = "AC-200", .job = { "job", 3 }, .at_us = T0 };
	struct journal_start start;

	put_passing_unit(journal, 1, 1);
	put_passing_unit(journal, 2, 2);
	put_durable(journal, third);
	journal_close(journal);
	journal = opened_lot(place, "B");
	assert_int_equal(journal_find(journal, JOURNAL_BY_DEVICE_ID, third.unit.device_id, 8), 3);
	assert_int_equal(journal_find(journal, JOURNAL_BY_MAC, third.unit.mac, 6), 3);
	assert_int_equal(journal_find(journal, JOURNAL_BY_SERIAL, "AC00002", 7), 2);
	assert_int_equal(found(journal, JOURNAL_BY_PUBLIC_KEY, 1, 32), 1);
	assert_int_equal(found(journal, JOURNAL_BY_PIN, 2, 32), 2);
	/* Nobody's; a text is all of it. */
	assert_int_equal(found(journal, JOURNAL_BY_DEVICE_ID, 7, 8), 0);
	assert_int_equal(found(journal, JOURNAL_BY_MAC, 7, 6), 0);
	assert_int_equal(journal_find(journal, JOURNAL_BY_SERIAL, "AC0000", 6), 0);
	assert_int_equal(journal_find(journal, JOURNAL_BY_SERIAL, "AC00003", 7), 0);
	assert_int_equal(found(journal, JOURNAL_BY_PUBLIC_KEY, 3, 32), 0);
	assert_int_equal(found(journal, JOURNAL_BY_PIN, 3, 32), 0);
	/* What this session writes is known to its station, whether it is committed yet or not. */
	put_durable(journal, last);
	assert_int_equal(journal_find(journal, JOURNAL_BY_MAC, last.unit.mac, 6), 0);
	/* A certificate that is void has given its key back. */
	put_durable(journal, cert_record(1, CERT_VOID));
	assert_int_equal(found(journal, JOURNAL_BY_PUBLIC_KEY, 1, 32), 0);
	journal_close(journal);
	/* A PIN is unique within its product: another product may have the same. */
	SHA256((const uint8_t *)"job", 3, batch.job_sha256);
	journal = opened(place);
	assert_int_equal(journal_begin(journal, &batch, &start, NULL, NULL, place->error, sizeof(place->error)), 0);
	assert_int_equal(found(journal, JOURNAL_BY_PIN, 2, 32), 0);
	assert_int_equal(journal_find(journal, JOURNAL_BY_SERIAL, "AC00002", 7), 2);
	assert_int_equal(journal_find(journal, JOURNAL_BY_MAC, last.unit.mac, 6), 4);
	journal_close(journal);
}

static void a_record_that_cannot_be_searched_has_failed(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct pollfd poll_fd = { .events = POLLIN };
	uint64_t count;

	put_durable(journal, unit_record(1));
	poll_fd.fd = journal_fd(journal);
	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
	assert_int_equal(read(poll_fd.fd, &count, sizeof(count)), sizeof(count));
	/* Somebody takes the table away: nothing that is read from it is to be had. */
	plain_exec(place->path, "DROP TRIGGER unit_keep; ALTER TABLE unit RENAME TO gone");
	assert_int_equal(found(journal, JOURNAL_BY_MAC, 2, 6), -1);
	assert_non_null(strstr(journal_failed(journal), "no such table"));
	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
	assert_int_equal(found(journal, JOURNAL_BY_MAC, 2, 6), -1);
	assert_int_equal(journal_read(journal, 1, keep_unit, NULL), -1);
	assert_int_equal(
		journal_submit(journal, &(struct journal_record){ .kind = JOURNAL_GUARD, .guard = { "g", "d", T0 } }),
		0);
	journal_close(journal);
}

/* --- signatures --- */

struct signer_seen {
	pthread_t threads[64];
	unsigned count;
	bool refuse;
};

static int sign_and_count(void *ctx, const uint8_t hash[static 32], uint8_t *sig, size_t *sig_len)
{
	struct signer_seen *seen = ctx;

	if (seen->refuse)
		return -1;
	seen->threads[seen->count++ % 64] = pthread_self();
	memcpy(sig, hash, 32);
	*sig_len = 32;
	return 0;
}

static void each_commit_is_signed_and_follows_the_one_before(void **state)
{
	struct place *place = *state;
	struct signer_seen seen = { 0 };
	struct journal *journal;
	unsigned before;

	place->sign = sign_and_count;
	place->sign_ctx = &seen;
	journal = opened_lot(place, "A");
	before = seen.count; /* the record, and the start of its session: on our thread */
	assert_int_equal(before, 2);
	for (int64_t unit = 1; unit <= 10; unit++) {
		put_passing_unit(journal, unit, unit);
		put_durable(journal, (struct journal_record){ .kind = JOURNAL_GUARD, .guard = { "g", "d", T0 } });
	}
	assert_true(seen.count >= before + 10);
	for (unsigned i = before; i < seen.count && i < 64; i++)
		assert_false(pthread_equal(seen.threads[i], pthread_self()));
	put_durable(journal, batch_end_record("done"));
	journal_close(journal);
	assert_row(place->path,
		   "SELECT count(*) = max(n), sum(signature = hash) = count(*), max(key_id), max(seq) = (SELECT "
		   "max(seq) FROM "
		   "audit), sum(part > 0) FROM written",
		   "1|1|test-key|1|1");
}

static void a_signature_that_does_not_come_ends_the_journal_and_nothing_of_its_commit_stays(void **state)
{
	struct place *place = *state;
	struct signer_seen seen = { 0 };
	struct journal *journal;

	place->sign = sign_and_count;
	place->sign_ctx = &seen;
	journal = opened_lot(place, "A");
	put_durable(journal, unit_record(1));
	seen.refuse = true;
	assert_int_equal(journal_wait(journal, put(journal, unit_record(2))), -1);
	assert_non_null(strstr(journal_failed(journal), "the record's key did not sign"));
	journal_close(journal);
	assert_row(place->path, "SELECT count(*) FROM unit", "1");
	/* Nor does it go on without one. */
	place->sign = NULL;
	journal = opened(place);
	assert_int_equal(begin_lot(journal, place, "A", "job", &(struct journal_start){ 0 }, NULL, NULL), -1);
	assert_non_null(strstr(place->error, "are signed, and there is no record.key"));
	journal_close(journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
		TEST(a_record_is_there_when_its_ticket_is_durable),
		TEST(the_descriptor_tells_of_commits_and_tickets_become_durable_in_order),
		TEST(texts_and_octets_belong_to_the_journal_after_submit),
		TEST(closing_writes_what_was_submitted_and_ends_the_session_as_clean),
		TEST(records_that_nobody_awaits_are_one_commit_with_the_first_that_is_awaited),
		TEST(a_journal_of_single_records_submits_what_is_durable),
		TEST(what_is_held_together_is_one_commit),
		TEST(many_records_share_one_commit_when_the_disk_is_slower_than_the_line),
		TEST(what_was_acknowledged_before_a_kill_is_there_after_it),
		TEST(a_disk_that_takes_no_more_ends_the_journal_with_a_reason),
		TEST(a_full_disk_is_named_and_loses_nothing_that_was_acknowledged),
		TEST(a_database_of_another_program_is_refused_and_left_alone),
		TEST(a_database_without_an_owner_is_refused),
		TEST(a_file_that_is_no_database_is_refused),
		TEST(a_folder_is_refused),
		TEST(a_missing_folder_is_named),
		TEST(a_newer_database_is_refused),
		TEST(simulated_and_real_never_share_a_database),
		TEST(a_read_only_database_is_refused),
		TEST(a_second_station_is_told_which_lot_holds_the_database),
		TEST(the_lock_of_a_killed_station_is_gone_with_it),
		TEST(a_damaged_database_is_refused_after_a_crash),
		TEST(an_older_database_is_backed_up_and_migrated),
		TEST(a_record_of_the_first_version_with_data_gets_labels),
		TEST(a_record_numbered_by_somebody_else_is_refused),
		TEST(a_migration_that_fails_changes_nothing),
		TEST(a_migration_that_loses_a_row_changes_nothing),
		TEST(the_documented_schema_is_the_sum_of_the_migrations),
		TEST(every_table_is_strict_and_every_setting_holds),
		TEST(triggers_refuse_what_must_not_change),
		TEST(a_contradiction_ends_the_journal_and_nothing_of_its_commit_stays),
		TEST(repeated_intents_and_phases_change_nothing),
		TEST(a_void_certificate_makes_room_for_another_and_the_pin_may_stay),
		TEST(a_lot_with_another_job_is_refused),
		TEST(a_session_goes_on_with_what_the_record_says),
		TEST(units_of_other_lots_are_found_by_all_that_is_used_once),
		TEST(a_record_that_cannot_be_searched_has_failed),
		TEST(each_commit_is_signed_and_follows_the_one_before),
		TEST(a_signature_that_does_not_come_ends_the_journal_and_nothing_of_its_commit_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
