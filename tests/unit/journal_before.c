/*
 * A record that an older program made, whole and with its errors: it is migrated, keeps its rows, and still holds
 * together.
 *
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c db/verify.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c tests/support/forger.c
 */
#include "tests/unit/record.h"

#include "db/verify.h"
#include "tests/support/forger.h"

/* The file as the program of schema version 4 left it. */
static void lay_version_4(struct place *place)
{
	FILE *file = fopen("tests/unit/record_v4.sql", "r");
	char *text = calloc(1, 200000);
	sqlite3 *db = NULL;
	size_t len;

	assert_non_null(file);
	assert_non_null(text);
	len = fread(text, 1, 199999, file);
	fclose(file);
	assert_true(len > 80000 && len < 199999);
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	free(text);
}

struct told {
	unsigned findings;
	char first[400], notes[2000];
};

static void found(void *ctx, const char *kind, const char *what)
{
	struct told *told = ctx;

	if (told->findings++ == 0)
		snprintf(told->first, sizeof(told->first), "%s: %s", kind, what);
}

static void noted(void *ctx, const char *what)
{
	struct told *told = ctx;
	size_t len = strlen(told->notes);

	snprintf(told->notes + len, sizeof(told->notes) - len, "%s\n", what);
}

static struct verify verified(struct place *place, struct told *told)
{
	struct verify verify = { .found = found, .noted = noted, .ctx = told };
	sqlite3 *db;

	*told = (struct told){ 0 };
	if (reader_open(&db, place->path, place->error, sizeof(place->error)) != 0 ||
	    verify_record(db, &verify, place->error, sizeof(place->error)) != 0)
		fail_msg("%s", place->error);
	sqlite3_close(db);
	return verify;
}

/* Every value of every table that is made anew, in the columns of version 4. */
static const char units[] =
	"SELECT group_concat(quote(unit) || quote(batch) || quote(device_id) || quote(mac) || quote(serial) || "
	"quote(product) || quote(hw_rev) || quote(firmware) || quote(state) || quote(state_us) || quote(cause) || "
	"quote(cause_name) || quote(side) || quote(seen_us)) FROM (SELECT * FROM unit ORDER BY unit)";
static const char links[] =
	"SELECT group_concat(quote(attempt) || quote(n) || quote(method) || quote(kind) || quote(bssid) || "
	"quote(ssid) || quote(freq_mhz) || quote(security) || quote(secret) || quote(cipher) || "
	"quote(certificate_sha256) || quote(join_us) || quote(address_us) || quote(connect_us) || "
	"quote(secure_us) || quote(at_us)) FROM (SELECT * FROM link ORDER BY attempt, n)";
static const char counts[] =
	"SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM session), (SELECT count(*) FROM unit), "
	"(SELECT count(*) FROM attempt), (SELECT count(*) FROM step), (SELECT count(*) FROM measurement), "
	"(SELECT count(*) FROM txn), (SELECT count(*) FROM pin), (SELECT count(*) FROM cert), "
	"(SELECT count(*) FROM receipt), (SELECT count(*) FROM link), (SELECT count(*) FROM network), "
	"(SELECT count(*) FROM label), (SELECT count(*) FROM label_scan), (SELECT count(*) FROM audit), "
	"(SELECT hex(hash) FROM audit ORDER BY seq DESC LIMIT 1)";

static void a_record_of_version_4_keeps_its_rows_and_holds_together(void **state)
{
	static const char *const same[] = { units, links, counts };
	struct place *place = *state;
	char before[3][8000], after[8000], backup[200];
	struct verify verify;
	struct told told;

	lay_version_4(place);
	for (size_t i = 0; i < 3; i++)
		assert_true(strlen(plain_row(place->path, same[i], before[i], sizeof(before[i]))) > 60);
	journal_close(opened(place));
	assert_row(place->path, "PRAGMA user_version", "7");
	snprintf(backup, sizeof(backup), "%s.v4.backup", place->path);
	assert_row(backup, "PRAGMA user_version", "4");
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(plain_row(place->path, same[i], after, sizeof(after)), before[i]);
		assert_string_equal(plain_row(backup, same[i], after, sizeof(after)), before[i]);
	}
	assert_row(place->path, "SELECT count(*) FROM pragma_foreign_key_check", "0");
	assert_row(place->path, "SELECT sum(agentless), sum(not_proven IS NOT NULL) FROM v_unit", "0|0");
	assert_row(place->path, "SELECT count(evidence), count(*) FROM link", "0|10");
	verify = verified(place, &told);
	assert_string_equal(told.first, "");
	assert_int_equal(verify.rows, 59);
	assert_int_equal(verify.anchors, 2);
}

static void its_schema_is_that_of_a_new_record(void **state)
{
	static const char objects[] =
		"SELECT count(*), group_concat(type || name, ' ') FROM (SELECT * FROM sqlite_schema WHERE sql NOT "
		"NULL ORDER BY type, name)";
	static const char *const tables[] = { "unit", "link", "attempt", "delivery", "label" };
	struct place *place = *state, new_one = *place;
	char left[6000], right[6000], sql[200];

	lay_version_4(place);
	snprintf(new_one.path, sizeof(new_one.path), "%s/new.db", place->dir);
	journal_close(opened(place));
	journal_close(opened(&new_one));
	assert_string_equal(plain_row(place->path, objects, left, sizeof(left)),
			    plain_row(new_one.path, objects, right, sizeof(right)));
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		snprintf(sql, sizeof(sql), "SELECT sql FROM sqlite_schema WHERE name = '%s'", tables[i]);
		assert_string_equal(plain_row(place->path, sql, left, sizeof(left)),
				    plain_row(new_one.path, sql, right, sizeof(right)));
		snprintf(sql, sizeof(sql),
			 "SELECT group_concat(sql, ';') FROM sqlite_schema WHERE tbl_name = '%s' AND type = "
			 "'trigger'",
			 tables[i]);
		assert_string_equal(plain_row(place->path, sql, left, sizeof(left)),
				    plain_row(new_one.path, sql, right, sizeof(right)));
	}
}

/* The old error: attempts bear the job's method where a label named another. Said, not hidden, and no fault of the
 * record. */
static void its_mixed_tray_is_told_right_and_the_old_error_is_named(void **state)
{
	struct place *place = *state;
	struct told told;

	lay_version_4(place);
	journal_close(opened(place));
	assert_row(place->path, "SELECT group_concat(method) FROM attempt WHERE batch = 1",
		   "micro-ap,micro-ap,micro-ap,micro-ap,micro-ap");
	assert_row(place->path,
		   "SELECT count(*), sum(a.method = l.method) FROM v_links AS l JOIN v_attempt AS a ON a.attempt = "
		   "l.attempt",
		   "10|10");
	assert_row(place->path,
		   "SELECT group_concat(method || ' ' || method_recorded, ', ') FROM (SELECT * FROM v_attempt ORDER BY "
		   "attempt)",
		   "https micro-ap, micro-ap micro-ap, micro-ap micro-ap, pin micro-ap, pin micro-ap, direct direct, "
		   "direct direct, direct direct");
	assert_row(place->path,
		   "SELECT count(*) FROM v_unit_life WHERE event = 'attempt 1' AND detail LIKE 'first by pin,%'", "2");
	assert_int_equal(verified(place, &told).findings, 0);
	assert_non_null(strstr(told.notes,
			       "3 attempts of lot tray-a bear the job's method, micro-ap, where a label named another "
			       "for the device: an older program wrote it so; v_attempt and v_links have the device's "
			       "own\n"));
	assert_null(strstr(told.notes, "tray-b bear"));
}

static void a_session_of_today_goes_on_in_it(void **state)
{
	struct place *place = *state;
	struct journal_start start;
	struct journal *journal;
	struct verify verify;
	struct told told;

	lay_version_4(place);
	journal = opened(place);
	assert_int_equal(begin_lot(journal, place, "today", "job", &start, NULL, NULL), 0);
	assert_int_equal(start.next_unit, 8);
	put_foreign_unit(journal, 8, start.next_attempt, OBSERVED_SEEN);
	put_foreign_unit(journal, 9, start.next_attempt + 1, OBSERVED_SEEN);
	put_durable(journal, batch_end_record("done"));
	journal_close(journal);
	verify = verified(place, &told);
	assert_string_equal(told.first, "");
	/* begin; unit, delivery, network, attempt, outcome of two; end */
	assert_int_equal(verify.rows, 59 + 1 + 10 + 1);
	assert_row(place->path, "SELECT schema_version FROM session ORDER BY session DESC LIMIT 1", "7");
	assert_row(place->path, "SELECT count(*) FROM v_unit WHERE not_proven = 'no key, no certificate, no receipt'",
		   "2");
}

static bool notices(void *ctx, const char *change)
{
	struct told told;
	bool noticed = verified(ctx, &told).findings > 0;

	if (!noticed)
		print_message("nobody noticed: %s\n", change);
	return noticed;
}

/* Its anchors are rows like any other: what an older program signed is watched by the commits since. */
static void each_of_its_columns_is_watched_from_its_migration_on(void **state)
{
	struct place *place = *state;
	char good[120];
	struct forger forger = { .good = good, .path = place->path, .notices = notices, .ctx = place };

	lay_version_4(place);
	journal_close(opened(place));
	snprintf(good, sizeof(good), "%s/good.db", place->dir);
	forger_copy(place->path, good);
	forger_values(&forger, 1, false);
	assert_true(forger.tried > 150);
	assert_int_equal(forger.noticed, forger.tried);
	assert_true(forger_change(&forger, "UPDATE anchor SET key_id = 'other' WHERE seq = 37"));
	assert_int_equal(verified(place, &(struct told){ 0 }).findings, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
		TEST(a_record_of_version_4_keeps_its_rows_and_holds_together),
		TEST(its_schema_is_that_of_a_new_record),
		TEST(each_of_its_columns_is_watched_from_its_migration_on),
		TEST(its_mixed_tray_is_told_right_and_the_old_error_is_named),
		TEST(a_session_of_today_goes_on_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
