/*
 * Guards at exactly their limit: so many devices in a row, so many octets left on the disk, and a disk that cannot be
 * asked. How much is left is what this file says.
 */
#include "tests/line/hall.h"

#include <errno.h>
#include <sys/statvfs.h>

#define MIB (1024u * 1024u) /* guards.disk_free of the hall's jobs */

static struct {
	fsblkcnt_t blocks;
	bool fails;
	unsigned asked;
} disk;

/* In the place of the C library's. */
int statvfs(const char *path, struct statvfs *out)
{
	(void)path;
	disk.asked++;
	*out = (struct statvfs){ 0 };
	if (disk.fails) {
		errno = EIO;
		return -1;
	}
	/* f_bfree, f_bsize: what only root may use, and another unit; neither counts. */
	*out = (struct statvfs){ .f_bavail = disk.blocks, .f_frsize = 512, .f_bfree = 1u << 30, .f_bsize = 4096 };
	return 0;
}

struct seen {
	unsigned guards;
	char name[40], reason[200];
};

static void on_event(void *ctx, const struct line_event *e)
{
	struct seen *seen = ctx;

	if (e->kind != LINE_GUARD)
		return;
	seen->guards++;
	snprintf(seen->name, sizeof(seen->name), "%s", e->detail);
	snprintf(seen->reason, sizeof(seen->reason), "%s", e->reason);
}

static void run_seen(struct hall *hall, struct run *run, const struct shape *shape, uint64_t seed, struct seen *seen)
{
	struct batch_options o;

	*seen = (struct seen){ 0 };
	hall_job(hall, run, shape, hall_seed(seed));
	o = hall_options(hall, run);
	o.ctx = seen;
	o.event = on_event;
	if (batch_run(&o, &run->result, run->error, sizeof(run->error)) != 0)
		fail_msg("%s", run->error);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM guard"), seen->guards);
}

static void a_disk_is_full_when_less_is_left_than_the_job_wants(void **state)
{
	static const struct {
		fsblkcnt_t blocks;
		bool fails;
		unsigned guards;
		const char *reason;
	} rows[] = {
		{ 2 * MIB / 512, false, 0, "" },
		{ MIB / 512, false, 0, "" }, /* exactly as much */
		{ MIB / 512 - 1, false, 1, "0 MiB are free where the record is, 1 MiB are wanted; free some" },
		{ 0, false, 1, "0 MiB are free where the record is, 1 MiB are wanted; free some" },
		{ 0, true, 0, "" }, /* the journal notices when it cannot write */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen seen;
		struct run run;

		disk.blocks = rows[i].blocks;
		disk.fails = rows[i].fails;
		disk.asked = 0;
		run_seen(*state, &run, &(struct shape){ .devices = 4, .arrival = "1s" }, 1, &seen);
		assert_int_equal(seen.guards, rows[i].guards);
		assert_string_equal(seen.reason, rows[i].reason);
		/* It takes a quarter of a second to be looked at: nobody has been admitted before. */
		assert_int_equal(run.result.summary.passed, rows[i].guards ? 0 : 4);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM batch WHERE state = 'stopped'"), rows[i].guards);
		if (rows[i].guards) {
			assert_string_equal(seen.name, "disk_free");
			assert_int_equal(disk.asked, 1); /* once told, it is not asked again */
		} else {
			/* Once a second, whatever else happens. */
			assert_in_range(disk.asked, run.result.summary.makespan_us / 1000000,
					run.result.summary.makespan_us / 1000000 + 2);
		}
		hall_done(&run);
	}
}

static void so_many_in_a_row_stop_the_line_and_one_that_passes_begins_anew(void **state)
{
	unsigned tripped = 0;
	struct seen seen;
	struct run run;

	disk.blocks = MIB;
	disk.fails = false;
	for (unsigned limit = 1; limit <= 4; limit++) {
		char text[4];
		int64_t longest;

		snprintf(text, sizeof(text), "%u", limit);
		run_seen(*state, &run,
			 &(struct shape){ .devices = 12,
					  .arrival = "3s",
					  .guard = text,
					  .faults = "    - {kind: wrong-product, count: 6}\n" },
			 7, &seen);
		longest = hall_ask(
			&run, "WITH o AS (SELECT attempt, outcome = 'pass' AS good FROM attempt), g AS (SELECT good, "
			      "attempt - row_number() OVER (PARTITION BY good ORDER BY attempt) AS row FROM o) "
			      "SELECT max(n) FROM (SELECT count(*) AS n FROM g WHERE NOT good GROUP BY row)");
		tripped += seen.guards;
		if (seen.guards == 0) {
			assert_true(longest < limit);
			assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome <> 'pass'"), 6);
		} else {
			char want[80];

			assert_int_equal(longest, limit);
			snprintf(want, sizeof(want), "%u devices in a row did not pass", limit);
			assert_string_equal(seen.reason, want);
			assert_string_equal(seen.name, "consecutive_fail");
			assert_int_equal(run.result.summary.consecutive_fail, limit);
		}
		hall_done(&run);
	}
	assert_in_range(tripped, 2, 3); /* the six of this seed do not come all in a row */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_is_full_when_less_is_left_than_the_job_wants),
		cmocka_unit_test(so_many_in_a_row_stop_the_line_and_one_that_passes_begins_anew),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
