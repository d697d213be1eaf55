/*
 * A second lot in one record: what an earlier one used is used, who has an identity keeps it, and the run
 * repeats, although both are looked up in a database that is written meanwhile.
 */
#include "tests/line/hall.h"

#define DEVICES 12
#define IDENTITY_ALONE .recipe = "identify, selftest, identity", .credentials = "~" /* its devices call again */

static void begin_second(struct hall *hall, struct run *second, const struct run *first, const struct shape *shape,
			 uint64_t seed)
{
	hall_job(hall, second, shape, seed);
	strcpy(second->db, first->db);
}

static void end_both(struct run *first, struct run *second)
{
	job_destroy(first->job);
	first->job = NULL;
	hall_done(second);
}

static void what_one_lot_has_used_no_other_uses(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1300);
	const struct shape shape = { .devices = DEVICES };
	struct run first, second;

	hall_job(hall, &first, &shape, seed);
	hall_run(hall, &first);
	hall_all_passed(hall, &first, DEVICES);
	begin_second(hall, &second, &first, &shape, seed + 1); /* other devices: their flash is another's */
	hall_run(hall, &second);
	assert_int_equal(second.result.summary.seen, DEVICES);
	assert_int_equal(second.result.summary.passed, DEVICES);
	assert_int_equal(hall_ask(&second, "SELECT count(*) FROM unit"), 2 * DEVICES);
	/* The pattern of both begins at 1. */
	assert_int_equal(hall_ask(&second, "SELECT min(substr(serial, 2) + 0) FROM unit WHERE batch = 2"), DEVICES + 1);
	assert_int_equal(hall_ask(&second, "SELECT max(substr(serial, 2) + 0) FROM unit WHERE batch = 2"), 2 * DEVICES);
	hall_check(hall, &second);
	end_both(&first, &second);
}

static void numbers_between_used_ones_are_given_out(void **state)
{
	static const struct shape shapes[] = { { .devices = 2 }, { .devices = 8, .first = 4 }, { .devices = 3 } };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1310);
	struct run runs[3];

	hall_job(hall, &runs[0], &shapes[0], seed); /* 1, 2 */
	hall_run(hall, &runs[0]);
	for (unsigned i = 1; i < 3; i++) { /* 4 to 11; then what is left */
		begin_second(hall, &runs[i], &runs[0], &shapes[i], seed + i);
		hall_run(hall, &runs[i]);
		assert_int_equal(runs[i].result.summary.passed, shapes[i].devices);
	}
	assert_int_equal(
		hall_ask(&runs[2],
			 "SELECT count(*) FROM unit WHERE batch = 3 AND serial IN ('T000003', 'T000012', 'T000013')"),
		3);
	job_destroy(runs[1].job);
	end_both(&runs[0], &runs[2]);
}

static void who_has_an_identity_from_an_earlier_lot_keeps_it(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1320);
	const struct shape shape = { .devices = DEVICES };
	struct run first, second;

	hall_job(hall, &first, &(struct shape){ .devices = DEVICES, IDENTITY_ALONE }, seed);
	hall_run(hall, &first);
	assert_int_equal(first.result.summary.passed, DEVICES);
	begin_second(hall, &second, &first, &shape, seed);
	hall_run(hall, &second);
	assert_int_equal(second.result.summary.seen, DEVICES);
	/* The same units, with the identity that they have: none is made twice. */
	assert_int_equal(hall_ask(&second, "SELECT count(*) FROM unit WHERE batch = 1"), DEVICES);
	assert_int_equal(hall_ask(&second, "SELECT count(*) FROM unit"), DEVICES);
	assert_int_equal(hall_ask(&second, "SELECT count(*) FROM cert"), DEVICES);
	assert_int_equal(hall_ask(&second, "SELECT count(*) FROM pin"), DEVICES);
	assert_int_equal(hall_ask(&second, "SELECT count(DISTINCT unit) FROM attempt WHERE batch = 2"), DEVICES);
	assert_int_equal(hall_ask(&second, "SELECT rework FROM v_batch_yield ORDER BY lot DESC LIMIT 1"), DEVICES);
	hall_check(hall, &second);
	end_both(&first, &second);
}

/* --- the same again --- */

static void copy_file(const char *from, const char *to)
{
	char buf[65536];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");

	assert_non_null(in);
	assert_non_null(out);
	for (size_t n; (n = fread(buf, 1, sizeof(buf), in)) > 0;)
		assert_int_equal(fwrite(buf, 1, n, out), n);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* What the station knows outside the record of where it ended: whoever takes a record back has to take that back too.
 */
static void forget_the_end(const struct hall *hall, const struct run *run)
{
	char path[200];

	snprintf(path, sizeof(path), "%s.lock", run->db);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/heads", hall->keys); /* none where the keys are in this process */
	(void)nftw(path, hall_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* How many rows of `table` differ between two records, in either direction. */
static int64_t differences(const struct run *run, const char *other, const char *table)
{
	char sql[500];
	sqlite3 *db = NULL;
	sqlite3_stmt *row = NULL;
	int64_t n;

	assert_int_equal(sqlite3_open_v2(run->db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	snprintf(sql, sizeof(sql), "ATTACH '%s' AS other", other);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	snprintf(sql, sizeof(sql),
		 "SELECT (SELECT count(*) FROM (SELECT * FROM main.%s EXCEPT SELECT * FROM other.%s)) + "
		 "(SELECT count(*) FROM (SELECT * FROM other.%s EXCEPT SELECT * FROM main.%s)), "
		 "(SELECT count(*) FROM main.%s)",
		 table, table, table, table, table);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	n = sqlite3_column_int64(row, 0);
	assert_true(sqlite3_column_int64(row, 1) > 0);
	sqlite3_finalize(row);
	sqlite3_close(db);
	return n;
}

static void a_second_lot_repeats_to_the_octet(void **state)
{
	static const char *const tables[] = {
		"unit", "attempt", "step", "txn", "pin", "cert", "receipt", "measurement"
	};
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1330);
	struct run first, second;
	char db[160], flash[160], kept_db[160], kept_flash[160];

	hall_job(hall, &first, &(struct shape){ .devices = DEVICES, IDENTITY_ALONE }, seed);
	hall_run(hall, &first);
	snprintf(flash, sizeof(flash), "%s.simulated-flash", first.db);
	snprintf(db, sizeof(db), "%s.again", first.db);
	snprintf(kept_db, sizeof(kept_db), "%s.kept", first.db);
	snprintf(kept_flash, sizeof(kept_flash), "%s.kept-flash", first.db);
	copy_file(first.db, kept_db);
	copy_file(flash, kept_flash);
	begin_second(hall, &second, &first,
		     &(struct shape){
			     .devices = DEVICES, .radios = 2, .channels = "1, 6", .loss = "10%", .arrival = "15ms" },
		     seed);
	hall_run(hall, &second);
	assert_int_equal(second.result.summary.passed, DEVICES);
	assert_int_equal(hall_ask(&second, "SELECT count(*) FROM unit"), DEVICES);
	copy_file(second.db, db);
	copy_file(kept_db, second.db);
	copy_file(kept_flash, flash);
	forget_the_end(hall, &second);
	hall_run(hall, &second);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (differences(&second, db, tables[i]) != 0)
			fail_msg("%s is another", tables[i]);
	(void)unlink(db);
	(void)unlink(kept_db);
	(void)unlink(kept_flash);
	end_both(&first, &second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_lot_has_used_no_other_uses),
		cmocka_unit_test(numbers_between_used_ones_are_given_out),
		cmocka_unit_test(who_has_an_identity_from_an_earlier_lot_keeps_it),
		cmocka_unit_test(a_second_lot_repeats_to_the_octet),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
