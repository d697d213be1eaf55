/*
 * The surroundings are not as they should be: a full disk, a record that cannot be written, is somebody else's or
 * newer. The station says what is wrong, ends with 2, and what was on record stays on record.
 */
#include "tests/line/hall.h"

#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "station/command/command.h"

/* The command in a child, what it says in `error`. `file_max`: no file grows beyond it, as on a full disk; 0: no limit.
 */
static int run_with(const struct hall *hall, const struct run *run, rlim_t file_max, const char *option, char *error,
		    size_t error_len)
{
	int ends[2], status;
	size_t len = 0;
	pid_t child;

	fflush(stdout);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const char *const argv[] = { "run",	 run->path, "--db",	    run->db, "--keys",
					     hall->keys, "--plain", "--no-compare", option };
		char *args[sizeof(argv) / sizeof(argv[0]) + 1] = { 0 };
		struct rlimit limit = { file_max, file_max };

		for (size_t i = 0; i < sizeof(argv) / sizeof(argv[0]); i++)
			args[i] = strdup(argv[i]);
		signal(SIGXFSZ, SIG_IGN);
		if (dup2(ends[1], 1) < 0 || dup2(ends[1], 2) < 0 || (file_max && setrlimit(RLIMIT_FSIZE, &limit) != 0))
			_exit(9);
		close(ends[0]);
		close(ends[1]);
		status = command_run((int)(sizeof(argv) / sizeof(argv[0])), args);
		fflush(NULL);
		_exit(status);
	}
	close(ends[1]);
	for (ssize_t n; (n = read(ends[0], error + len, error_len - 1 - len)) > 0;)
		len += (size_t)n;
	error[len] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int run_command(const struct hall *hall, const struct run *run, rlim_t file_max, char *error, size_t error_len)
{
	return run_with(hall, run, file_max, "--control=none", error, error_len);
}

static int run_logged(const struct hall *hall, const struct run *run, const char *log, char *error, size_t error_len)
{
	return run_with(hall, run, 0, log, error, error_len);
}

static void says(const char *error, const char *words)
{
	if (!strstr(error, words))
		fail_msg("\"%s\" is not in: %s", words, error);
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : 0;
}

static void plain_job(struct hall *hall, struct run *run, uint64_t seed)
{
	hall_job(hall, run, &(struct shape){ .devices = 12, .radios = 2, .channels = "1, 6" }, seed);
}

/* The disk fills at every stage of a batch: what is acknowledged stays, the next run with room goes on to the end. */
static void a_disk_that_fills_stops_the_run_and_loses_nothing(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1);
	char error[8000];
	unsigned stopped = 0;
	off_t least, most;
	struct run run;

	/* How large do its files get? The log of writes counts while the run lives. */
	plain_job(hall, &run, seed);
	hall_run(hall, &run);
	most = size_of(run.db);
	hall_done(&run);
	least = 70000; /* the devices' flash fits, the tables do not */
	assert_true(most > least);
	for (unsigned i = 0; i < 8; i++) {
		rlim_t room = (rlim_t)(least + (2 * most - least) * (off_t)i / 8);
		int64_t passed = 0, certificates = 0;
		int status;

		plain_job(hall, &run, seed + i);
		status = run_command(hall, &run, room, error, sizeof(error));
		if (status != EXIT_ALL_WELL) {
			stopped++;
			assert_int_equal(status, EXIT_UNUSABLE);
			if (!strstr(error, "disk") && !strstr(error, "File too large"))
				fail_msg("with room for %llu octets: %s", (unsigned long long)room, error);
		}
		if (hall_ask(&run, "SELECT count(*) FROM sqlite_schema WHERE name = 'v_orphan'") == 1) {
			passed = hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed'");
			certificates = hall_ask(&run, "SELECT count(*) FROM cert");
		}
		assert_int_equal(run_command(hall, &run, 0, error, sizeof(error)), EXIT_ALL_WELL);
		assert_true(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed'") >= passed);
		assert_true(hall_ask(&run, "SELECT count(*) FROM cert") >= certificates);
		hall_run(hall, &run);
		hall_all_passed(hall, &run, 12);
		hall_done(&run);
	}
	assert_true(stopped >= 2);
}

struct filling {
	struct job *job;
	char reason[200];
};

/* When the first device is in hand there is suddenly less room than the job wants. */
static void on_event(void *ctx, const struct line_event *e)
{
	struct filling *filling = ctx;

	if (e->kind == LINE_ATTEMPT)
		filling->job->guard_disk_free = UINT64_MAX;
	if (e->kind == LINE_GUARD && strcmp(e->detail, "disk_free") == 0)
		snprintf(filling->reason, sizeof(filling->reason), "%s", e->reason);
}

/* The disk is large enough for the record still, and below what the job wants to be left. */
static void a_disk_below_its_guard_stops_admission_and_the_devices_in_flight_finish(void **state)
{
	struct hall *hall = *state;
	struct filling filling = { 0 };
	struct batch_options o;
	struct run run;

	hall_job(hall, &run, &(struct shape){ .devices = 40, .radios = 2, .channels = "1, 6", .arrival = "100ms" },
		 hall_seed(10));
	filling.job = run.job;
	o = hall_options(hall, &run);
	o.ctx = &filling;
	o.event = on_event;
	if (batch_run(&o, &run.result, run.error, sizeof(run.error)) != 0)
		fail_msg("%s", run.error);
	says(filling.reason, "MiB are free where the record is");
	assert_true(run.result.summary.seen > 0 && run.result.summary.seen < 40);
	assert_int_equal(run.result.summary.in_flight, 0);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM guard WHERE guard = 'disk_free'"), 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome IS NULL"), 0);
	/* With room again the same job goes on. */
	run.job->guard_disk_free = 1 << 20;
	hall_run(hall, &run);
	hall_all_passed(hall, &run, 40);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM guard"), 1);
	hall_done(&run);
}

/* One device has another batch's key and is never heard. */
static void a_batch_waits_for_its_quantity_as_long_as_it_was_told(void **state)
{
	static const uint64_t quiet_us[] = { 2000000, 10000000, 90000000 };
	struct hall *hall = *state;

	for (size_t i = 0; i < 3; i++) {
		struct run run;
		int64_t waited_us;

		hall_job(hall, &run, &(struct shape){ .devices = 5, .faults = "    - {kind: wrong-batch-key}\n" },
			 hall_seed(11));
		run.job->quiet_us = quiet_us[i];
		hall_run(hall, &run);
		assert_int_equal(run.result.summary.passed, 4);
		assert_int_equal(run.result.summary.missing, 1);
		waited_us = hall_ask(&run, "SELECT (SELECT max(at_us) FROM audit) - (SELECT max(seen_us) FROM unit)");
		assert_in_range(waited_us, quiet_us[i] - 1000000, quiet_us[i] + 1000000);
		hall_done(&run);
	}
}

/* root writes whatever the mode says: then a path below a file stands in for it. */
static void a_record_that_cannot_be_written_is_refused(void **state)
{
	struct hall *hall = *state;
	char error[8000];
	struct run run;
	int fd;

	plain_job(hall, &run, hall_seed(2));
	hall_run(hall, &run);
	if (geteuid() != 0) {
		assert_int_equal(chmod(run.db, 0400), 0);
		assert_int_equal(run_command(hall, &run, 0, error, sizeof(error)), EXIT_UNUSABLE);
		says(error, run.db);
		assert_int_equal(chmod(run.db, 0600), 0);
	}
	hall_all_passed(hall, &run, 12);
	hall_done(&run);
	plain_job(hall, &run, 3);
	fd = open(run.db, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	snprintf(run.db, sizeof(run.db), "%s/record%u.db/below.db", hall->dir, hall->batches);
	assert_int_equal(run_command(hall, &run, 0, error, sizeof(error)), EXIT_UNUSABLE);
	says(error, "below.db");
	job_destroy(run.job);
}

static void somebody_elses_database_is_left_as_it_is(void **state)
{
	struct hall *hall = *state;
	char error[8000];
	sqlite3 *db;
	struct run run;

	plain_job(hall, &run, hall_seed(4));
	assert_int_equal(sqlite3_open(run.db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE recipe (cake TEXT); INSERT INTO recipe VALUES ('apple')", NULL,
				      NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(run_command(hall, &run, 0, error, sizeof(error)), EXIT_UNUSABLE);
	says(error, run.db);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM recipe WHERE cake = 'apple'"), 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM sqlite_schema"), 1);
	hall_done(&run);
}

static void a_file_that_is_no_database_is_left_as_it_is(void **state)
{
	struct hall *hall = *state;
	char error[8000], text[40] = "";
	struct run run;
	FILE *f;

	plain_job(hall, &run, hall_seed(5));
	f = fopen(run.db, "w");
	assert_non_null(f);
	fputs("a letter to the factory, not a database", f);
	fclose(f);
	assert_int_equal(run_command(hall, &run, 0, error, sizeof(error)), EXIT_UNUSABLE);
	says(error, run.db);
	f = fopen(run.db, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "a letter to the factory, not a database");
	hall_done(&run);
}

static void a_record_of_a_newer_version_is_left_as_it_is(void **state)
{
	struct hall *hall = *state;
	char error[8000];
	sqlite3 *db;
	struct run run;

	plain_job(hall, &run, hall_seed(6));
	hall_run(hall, &run);
	assert_int_equal(sqlite3_open(run.db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 9999", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(run_command(hall, &run, 0, error, sizeof(error)), EXIT_UNUSABLE);
	says(error, "newer");
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed'"), 12);
	hall_done(&run);
}

static void the_same_lot_with_another_job_is_refused(void **state)
{
	struct hall *hall = *state;
	char error[8000];
	struct run run;
	FILE *f;

	plain_job(hall, &run, hall_seed(7));
	hall_run(hall, &run);
	f = fopen(run.path, "a");
	assert_non_null(f);
	fputs("# changed since\n", f);
	fclose(f);
	assert_int_equal(run_command(hall, &run, 0, error, sizeof(error)), EXIT_UNUSABLE);
	says(error, "lot");
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM session"), 1);
	hall_done(&run);
}

static void missing_keys_and_open_modes_are_refused(void **state)
{
	struct hall *hall = *state, other = *hall;
	char error[8000], path[120];
	struct run run;

	plain_job(hall, &run, hall_seed(8));
	snprintf(other.keys, sizeof(other.keys), "%s/nowhere", hall->dir);
	assert_int_equal(run_command(&other, &run, 0, error, sizeof(error)), EXIT_UNUSABLE);
	says(error, "nowhere");
	snprintf(path, sizeof(path), "%s/issuing.key", hall->keys);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(run_command(hall, &run, 0, error, sizeof(error)), EXIT_UNUSABLE);
	says(error, "issuing.key");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(access(run.db, F_OK), -1); /* nothing was begun */
	assert_int_equal(run_command(hall, &run, 0, error, sizeof(error)), EXIT_ALL_WELL);
	hall_done(&run);
}

static void two_stations_do_not_share_a_record(void **state)
{
	struct hall *hall = *state;
	struct journal_options options = { .simulated = true };
	struct journal *journal;
	char error[8000];
	struct run run;

	plain_job(hall, &run, hall_seed(9));
	options.path = run.db;
	assert_int_equal(journal_open(&journal, &options, error, sizeof(error)), 0);
	assert_int_equal(run_command(hall, &run, 0, error, sizeof(error)), EXIT_UNUSABLE);
	says(error, run.db);
	journal_close(journal);
	assert_int_equal(run_command(hall, &run, 0, error, sizeof(error)), EXIT_ALL_WELL);
	hall_done(&run);
}

/* The file goes away under a running station, in one of these ways, when the fourth device has passed. */
enum theft { THEFT_FILE, THEFT_LOG, THEFT_EXCHANGE, THEFT_OTHER_HAND };

struct thief {
	struct run *run;
	enum theft how;
	unsigned passed, held;
};

static void steal(const struct thief *thief)
{
	char log[150], copy[150];
	sqlite3 *db;

	snprintf(log, sizeof(log), "%s-wal", thief->run->db);
	snprintf(copy, sizeof(copy), "%s-copy", thief->run->db);
	switch (thief->how) {
	case THEFT_FILE: assert_int_equal(unlink(thief->run->db), 0); break;
	case THEFT_LOG: assert_int_equal(unlink(log), 0); break;
	case THEFT_EXCHANGE:
		assert_int_equal(rename(thief->run->db, copy), 0);
		assert_int_equal(close(open(thief->run->db, O_CREAT | O_RDWR, 0600)), 0);
		break;
	case THEFT_OTHER_HAND:
		assert_int_equal(sqlite3_open(thief->run->db, &db), SQLITE_OK);
		sqlite3_busy_timeout(db, 10000);
		assert_int_equal(sqlite3_exec(db, "UPDATE session SET makespan_us = 7", NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
		break;
	}
}

static void on_passed(void *ctx, const struct line_event *e)
{
	struct thief *thief = ctx;

	thief->held += e->kind == LINE_HOLD;
	if (e->kind == LINE_UNIT_STATE && e->state == UNIT_PASSED && ++thief->passed == 4)
		steal(thief);
}

static void a_record_that_is_taken_away_stops_the_line_and_nothing_more_passes(void **state)
{
	static const char *const words[] = { "is gone", "-wal is gone", "is another file",
					     "another program has written to the record" };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(10);

	for (enum theft how = THEFT_FILE; how <= THEFT_OTHER_HAND; how++) {
		struct batch_options o;
		char copy[150];
		struct run run;
		struct thief thief = { .run = &run, .how = how };

		hall_job(hall, &run, &(struct shape){ .devices = 60, .radios = 2, .channels = "1, 6" }, seed + how);
		o = hall_options(hall, &run);
		o.event = on_passed;
		o.ctx = &thief;
		assert_int_equal(batch_run(&o, &run.result, run.error, sizeof(run.error)), 0);
		says(run.result.failure, words[how]);
		/* What was durable before it may still be told; of the others nobody is. */
		assert_true(thief.passed >= 4 && thief.passed < 20);
		assert_true(thief.held > 0);
		snprintf(copy, sizeof(copy), "%s-copy", run.db);
		(void)unlink(copy);
		hall_done(&run);
	}
}

/* --- what others may do with its files --- */

static unsigned too_wide;

static int look_at_mode(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)walk;
	/* Certificates and public keys are for everybody. */
	if (flag == FTW_F && (st->st_mode & 0137) && !strstr(path, ".crt") && !strstr(path, ".pub") &&
	    !strstr(path, "job")) {
		print_error("%s has mode %03o\n", path, (unsigned)st->st_mode & 0777);
		too_wide++;
	}
	return 0;
}

static bool is_there(const char *db, const char *end)
{
	char path[160];

	snprintf(path, sizeof(path), "%s%s", db, end);
	return access(path, F_OK) == 0;
}

static void while_it_runs(void *ctx, const struct line_event *event)
{
	struct run *run = ctx;

	(void)event;
	assert_true(is_there(run->db, "-wal") && is_there(run->db, "-shm") && is_there(run->db, ".lock"));
	assert_int_equal(nftw(dirname(strdupa(run->db)), look_at_mode, 8, FTW_PHYS), 0);
}

static void no_umask_opens_its_files_to_others(void **state)
{
	static const mode_t masks[] = { 0, 0022, 0077 };
	struct hall *hall = *state;
	mode_t before = umask(0);

	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		char log[160], pcap[160], error[4000];
		struct batch_options o;
		struct stat st;
		struct run run;

		umask(masks[i]);
		hall_job(hall, &run, &(struct shape){ .devices = 2 }, hall_seed(60));
		snprintf(pcap, sizeof(pcap), "%s.pcap", run.db);
		snprintf(log, sizeof(log), "--log=%s.log", run.db);
		o = hall_options(hall, &run);
		o.event = while_it_runs;
		o.ctx = &run;
		o.pcap = pcap;
		assert_int_equal(batch_run(&o, &run.result, run.error, sizeof(run.error)), 0);
		hall_all_passed(hall, &run, 2);
		assert_int_equal(stat(run.db, &st), 0);
		assert_int_equal(st.st_mode & 0777, masks[i] == 0077 ? 0600 : 0640);
		/* One of an earlier version is as open as that left it, until it is opened. */
		assert_int_equal(chmod(run.db, 0666), 0);
		assert_int_equal(batch_run(&o, &run.result, run.error, sizeof(run.error)), 0);
		assert_int_equal(stat(run.db, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0640);
		assert_int_equal(run_logged(hall, &run, log, error, sizeof(error)), 0);
		assert_true(is_there(run.db, ".log") && is_there(run.db, ".pcap"));
		assert_int_equal(nftw(hall->dir, look_at_mode, 8, FTW_PHYS), 0);
		(void)unlink(pcap);
		(void)unlink(log + strlen("--log="));
		hall_done(&run);
	}
	umask(before);
	assert_int_equal(too_wide, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_that_fills_stops_the_run_and_loses_nothing),
		cmocka_unit_test(a_record_that_is_taken_away_stops_the_line_and_nothing_more_passes),
		cmocka_unit_test(a_disk_below_its_guard_stops_admission_and_the_devices_in_flight_finish),
		cmocka_unit_test(a_batch_waits_for_its_quantity_as_long_as_it_was_told),
		cmocka_unit_test(a_record_that_cannot_be_written_is_refused),
		cmocka_unit_test(somebody_elses_database_is_left_as_it_is),
		cmocka_unit_test(a_file_that_is_no_database_is_left_as_it_is),
		cmocka_unit_test(a_record_of_a_newer_version_is_left_as_it_is),
		cmocka_unit_test(the_same_lot_with_another_job_is_refused),
		cmocka_unit_test(missing_keys_and_open_modes_are_refused),
		cmocka_unit_test(two_stations_do_not_share_a_record),
		cmocka_unit_test(no_umask_opens_its_files_to_others),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
