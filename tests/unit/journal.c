/*
 * The record on real SQLite files: what is acknowledged is there, what contradicts itself is refused.
 *
 * links: db/journal.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c agent/wire/cause.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/sha.h>
#include <sqlite3.h>

#include "agent/wire/cause.h"
#include "db/journal.h"
#include "db/sql.h"
#include "db/store.h"

#define T0 1790000000000000	/* 2026-09-21, microseconds */

struct place {
	char dir[64], path[96], error[512];
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->dir, "/tmp/millrace-journal-XXXXXX");
	if (!mkdtemp(place->dir))
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/record.db", place->dir);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	nftw(place->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(place);
	return 0;
}

static struct journal *opened(struct place *place)
{
	struct journal *journal = NULL;
	struct journal_options options = { .path = place->path, .simulated = true };

	if (journal_open(&journal, &options, place->error, sizeof(place->error)) != 0)
		fail_msg("%s", place->error);
	return journal;
}

static int begin_lot(struct journal *journal, struct place *place, const char *lot, const char *job,
		     struct journal_start *start)
{
	struct journal_batch batch = {
		.lot = lot, .product = "AC-100", .hw_rev = "C", .work_order = "WO-1", .quantity = 10,
		.job = { job, strlen(job) }, .job_path = "job.yaml", .software = "test", .policy = "pex",
		.operator = "0417", .seed = 7, .clock_ok = true, .test = true, .at_us = T0,
	};

	SHA256((const uint8_t *)job, strlen(job), batch.job_sha256);
	return journal_begin(journal, &batch, start, NULL, NULL, NULL, NULL, place->error, sizeof(place->error));
}

static struct journal_record unit_record(int64_t unit)
{
	struct journal_record r = { .kind = JOURNAL_UNIT, .unit = { .unit = unit, .product = "AC-100", .hw_rev = "C",
				    .firmware = "1.0", .at_us = T0 + unit } };

	for (int i = 0; i < 4; i++) {
		r.unit.device_id[i] = (uint8_t)(unit >> 8 * i);
		r.unit.mac[5 - i] = (uint8_t)(unit >> 8 * i);
	}
	r.unit.device_id[7] = 1;
	r.unit.mac[0] = 2;
	return r;
}

static struct journal_record attempt_record(int64_t attempt, int64_t unit, unsigned n)
{
	return (struct journal_record){ .kind = JOURNAL_ATTEMPT, .attempt = { .attempt = attempt, .unit = unit, .n = n,
		.kind = n == 1 ? ATTEMPT_FIRST : ATTEMPT_AUTO_RETRY, .radio = "radio1", .freq_mhz = 2437, .rssi_dbm = -48,
		.method = "direct", .at_us = T0 + 1000 * attempt } };
}

static int64_t number(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	int64_t value;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

static void a_record_is_there_when_its_ticket_is_durable(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened(place);
	struct journal_start start;
	struct journal_record r;
	uint64_t ticket = 0;

	assert_int_equal(begin_lot(journal, place, "A", "job", &start), 0);
	for (int64_t unit = 1; unit <= 50; unit++) {
		r = unit_record(unit);
		ticket = journal_submit(journal, &r);
		assert_int_equal(ticket, 2 * unit - 1);
		r = attempt_record(unit, unit, 1);
		ticket = journal_submit(journal, &r);
		assert_int_equal(ticket, 2 * unit);
	}
	assert_int_equal(journal_wait(journal, ticket), 0);
	assert_int_equal(journal_durable(journal), ticket);
	assert_int_equal(number(place->path, "SELECT count(*) FROM attempt JOIN unit USING (unit)"), 50);
	journal_close(journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_record_is_there_when_its_ticket_is_durable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
