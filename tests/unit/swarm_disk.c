/*
 * The swarm's failing disk: each fault really happens, is told apart, and does what it is called.
 * links: tests/swarm/disk.c
 */
#include "tests/swarm/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#define ROWS 40
#define SEEDS 24
#define FRAME 4120	/* a page of 4096 and its header in the write-ahead log */
#define LOG_HEAD_LEN 32 /* before the first frame */

struct place {
	char dir[64], path[96];
	const char *synchronous; /* NULL: FULL */
	struct {
		struct disk_news news;
		int rc[ROWS]; /* of each insertion */
		unsigned acknowledged;
	} * shared;
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->dir, "/tmp/millrace-disk-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	place->shared = mmap(NULL, sizeof(*place->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(place->shared, MAP_FAILED);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	nftw(place->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	munmap(place->shared, sizeof(*place->shared));
	free(place);
	return 0;
}

static void power_is_off(void *ctx)
{
	(void)ctx;
	kill(getpid(), SIGKILL);
}

static int exec(sqlite3 *db, const char *sql) { return sqlite3_exec(db, sql, NULL, NULL, NULL); }

/* In a process of its own: a table, then rows, each in a transaction of its own. */
static void insert_rows(struct place *place, const struct disk_fault *fault)
{
	struct disk *disk = disk_create(fault, &place->shared->news, power_is_off, NULL);
	sqlite3 *db = NULL;
	char sync[40];

	snprintf(sync, sizeof(sync), "PRAGMA synchronous = %s", place->synchronous ? place->synchronous : "FULL");
	if (!disk || sqlite3_open(place->path, &db) != SQLITE_OK ||
	    exec(db, "PRAGMA journal_mode = WAL; CREATE TABLE t (n, filling)") || exec(db, sync))
		_exit(1);
	for (unsigned i = 0; i < ROWS; i++) {
		place->shared->rc[i] = exec(db,
					    "INSERT INTO t VALUES (1 + (SELECT count(*) FROM t), randomblob(6000))");
		place->shared->acknowledged += place->shared->rc[i] == SQLITE_OK;
	}
	if (fault->kind == DISK_SYNC_ERROR) {
		disk_power_off(disk);
		_exit(0);
	}
	sqlite3_close(db);
	disk_destroy(disk);
	_exit(0);
}

/* Was it killed, as by a power cut? */
static bool run(struct place *place, const struct disk_fault *fault)
{
	static unsigned files;
	pid_t child;
	int status;

	snprintf(place->path, sizeof(place->path), "%s/%u.db", place->dir, ++files);
	memset(place->shared, 0, sizeof(*place->shared));
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		insert_rows(place, fault);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

static int64_t ask(const struct place *place, const char *sql)
{
	sqlite3_stmt *row = NULL;
	sqlite3 *db = NULL;
	int64_t n;

	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK || sqlite3_step(row) != SQLITE_ROW)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	n = sqlite3_column_int64(row, 0);
	sqlite3_finalize(row);
	sqlite3_close(db);
	return n;
}

/* The rows that are there are the first ones, and the file is whole. Gives how many. */
static unsigned rows_there(const struct place *place)
{
	assert_int_equal(ask(place, "SELECT count(*) = coalesce(max(n), 0) FROM t"), 1);
	assert_int_equal(ask(place, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
	return (unsigned)ask(place, "SELECT count(*) FROM t");
}

static uint8_t *read_log(const struct place *place, size_t *len)
{
	char path[112];
	uint8_t *bytes;
	FILE *f;

	snprintf(path, sizeof(path), "%s-wal", place->path);
	f = fopen(path, "rb");
	assert_non_null(f);
	bytes = malloc(4 << 20);
	assert_non_null(bytes);
	*len = fread(bytes, 1, 4 << 20, f);
	fclose(f);
	return bytes;
}

static void a_sound_disk_keeps_everything(void **state)
{
	struct place *place = *state;

	assert_false(run(place, &(struct disk_fault){ .kind = DISK_SOUND }));
	assert_int_equal(place->shared->acknowledged, ROWS);
	assert_int_equal(rows_there(place), ROWS);
	assert_false(place->shared->news.struck || place->shared->news.lost);
	assert_true(place->shared->news.syncs[DISK_LOG] >= ROWS);
	assert_true(place->shared->news.syncs[DISK_FILE] >= 2); /* made, then the log comes in */
	assert_true(place->shared->news.writes[DISK_LOG] > 2 * ROWS && place->shared->news.reads[DISK_FILE] > 0);
}

static void a_torn_log_ends_in_the_middle_of_a_frame_and_what_was_acknowledged_is_there(void **state)
{
	struct place *place = *state;
	unsigned torn = 0, last_there = 0;

	for (unsigned i = 0; i < SEEDS; i++) {
		size_t len;

		assert_true(run(place, &(struct disk_fault){ DISK_TORN, DISK_LOG, 10 + i, 0, i }));
		assert_true(place->shared->news.struck && !place->shared->news.lost);
		assert_true(place->shared->acknowledged > 0 && place->shared->acknowledged < ROWS);
		free(read_log(place, &len));
		torn += len > LOG_HEAD_LEN && (len - LOG_HEAD_LEN) % FRAME > 24;
		last_there += rows_there(place) > place->shared->acknowledged;
		assert_in_range(rows_there(place), place->shared->acknowledged, place->shared->acknowledged + 1);
	}
	assert_true(torn >= 3);
	assert_true(last_there < SEEDS);
}

static void a_cut_at_any_write_leaves_what_was_acknowledged(void **state)
{
	struct place *place = *state;

	for (unsigned i = 0; i < SEEDS; i++) {
		assert_true(run(place, &(struct disk_fault){ DISK_CUT, DISK_LOG, 40 + i, 0, i }));
		assert_true(place->shared->news.struck && !place->shared->news.lost);
		assert_int_equal(place->shared->news.writes[DISK_LOG], 40 + i);
		assert_in_range(rows_there(place), place->shared->acknowledged, place->shared->acknowledged + 1);
	}
}

/* A program that does not sync is found out by a power cut, though it never comes to a sync. */
static void a_cut_takes_what_nobody_synced(void **state)
{
	struct place *place = *state;
	unsigned gone = 0;

	place->synchronous = "OFF";
	for (unsigned i = 0; i < SEEDS; i++) {
		assert_true(run(place, &(struct disk_fault){ DISK_CUT, DISK_LOG, 150, 0, i }));
		gone += rows_there(place) < place->shared->acknowledged;
	}
	assert_true(gone >= SEEDS / 2);
}

static bool has_hole(const uint8_t *log, size_t len)
{
	static const uint8_t zeros[512];

	for (size_t at = LOG_HEAD_LEN; at + 4 * 512 < len; at++)
		if (memcmp(log + at, zeros, sizeof(zeros)) == 0)
			return true;
	return false;
}

static void a_reordered_log_has_holes_and_what_was_acknowledged_is_there(void **state)
{
	struct place *place = *state;
	unsigned holes = 0;

	for (unsigned i = 0; i < SEEDS; i++) {
		uint8_t *log;
		size_t len;

		assert_true(run(place, &(struct disk_fault){ DISK_REORDERED, DISK_LOG, 10 + i, 0, i }));
		assert_true(place->shared->news.struck && !place->shared->news.lost);
		log = read_log(place, &len);
		holes += has_hole(log, len);
		free(log);
		assert_in_range(rows_there(place), place->shared->acknowledged, place->shared->acknowledged + 1);
	}
	assert_true(holes >= SEEDS / 4);
}

/* The table is there, for the disk is honest until then. */
static void a_lying_disk_loses_the_tail_of_what_was_acknowledged(void **state)
{
	struct place *place = *state;
	unsigned lost = 0;

	for (unsigned i = 0; i < SEEDS; i++) {
		assert_true(run(place, &(struct disk_fault){ DISK_LYING, DISK_LOG, 6, 3 + i, i }));
		assert_true(place->shared->news.struck);
		lost += rows_there(place) < place->shared->acknowledged;
		if (rows_there(place) < place->shared->acknowledged)
			assert_true(place->shared->news.lost);
	}
	assert_true(lost >= SEEDS / 2);
}

static void a_full_disk_stays_full(void **state)
{
	struct place *place = *state;
	unsigned i = 0;

	assert_false(run(place, &(struct disk_fault){ DISK_FULL, DISK_LOG, 60, 0, 0 }));
	assert_true(place->shared->news.struck);
	while (i < ROWS && place->shared->rc[i] == SQLITE_OK)
		i++;
	assert_in_range(i, 5, ROWS - 5);
	for (; i < ROWS; i++)
		assert_int_equal(place->shared->rc[i], SQLITE_FULL);
	assert_int_equal(rows_there(place), place->shared->acknowledged);
}

static void fails_once(struct place *place, const struct disk_fault *fault, int rc)
{
	unsigned failed = 0;

	(void)run(place, fault);
	assert_true(place->shared->news.struck);
	for (unsigned i = 0; i < ROWS; i++) {
		failed += place->shared->rc[i] != SQLITE_OK;
		assert_true(place->shared->rc[i] == SQLITE_OK || place->shared->rc[i] == rc);
	}
	assert_int_equal(failed, 1);
	assert_int_equal(rows_there(place), ROWS - 1);
}

static void a_write_that_fails_fails_once(void **state)
{
	fails_once(*state, &(struct disk_fault){ DISK_WRITE_ERROR, DISK_LOG, 33, 0, 0 }, SQLITE_IOERR);
}

static void a_read_that_fails_fails_once(void **state)
{
	struct place *place = *state;
	unsigned first = 0;

	/* The pages that a connection knows are not read again: it is another one that reads the file. */
	assert_false(run(place, &(struct disk_fault){ .kind = DISK_SOUND }));
	for (int again = 0; again < 2; again++) {
		struct disk_news news = { 0 };
		struct disk *disk = disk_create(&(struct disk_fault){ DISK_READ_ERROR, DISK_FILE, 5, 0, 0 }, &news,
						power_is_off, NULL);
		sqlite3 *db = NULL;
		int rc;

		assert_non_null(disk);
		assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
		rc = exec(db, "SELECT sum(length(filling)) FROM t");
		assert_int_equal(rc, SQLITE_IOERR);
		assert_true(news.struck);
		assert_int_equal(exec(db, "SELECT sum(length(filling)) FROM t"), SQLITE_OK);
		assert_true(again == 0 || news.reads[DISK_FILE] == first); /* it repeats */
		first = news.reads[DISK_FILE];
		sqlite3_close(db);
		disk_destroy(disk);
	}
}

static void a_sync_that_fails_fails_once_and_what_was_acknowledged_later_is_there(void **state)
{
	fails_once(*state, &(struct disk_fault){ DISK_SYNC_ERROR, DISK_LOG, 20, 0, 0 }, SQLITE_IOERR);
}

static void the_same_seed_cuts_alike(void **state)
{
	struct place *place = *state;
	uint8_t *log[2];
	size_t len[2];

	for (int i = 0; i < 2; i++) {
		assert_true(run(place, &(struct disk_fault){ DISK_TORN, DISK_LOG, 20, 0, 77 }));
		log[i] = read_log(place, &len[i]);
	}
	assert_int_equal(len[0], len[1]); /* the octets differ by SQLite's salt */
	free(log[0]);
	free(log[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_sound_disk_keeps_everything),
		TEST(a_torn_log_ends_in_the_middle_of_a_frame_and_what_was_acknowledged_is_there),
		TEST(a_cut_at_any_write_leaves_what_was_acknowledged),
		TEST(a_cut_takes_what_nobody_synced),
		TEST(a_reordered_log_has_holes_and_what_was_acknowledged_is_there),
		TEST(a_lying_disk_loses_the_tail_of_what_was_acknowledged),
		TEST(a_full_disk_stays_full),
		TEST(a_write_that_fails_fails_once),
		TEST(a_read_that_fails_fails_once),
		TEST(a_sync_that_fails_fails_once_and_what_was_acknowledged_later_is_there),
		TEST(the_same_seed_cuts_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
