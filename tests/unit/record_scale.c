/*
 * What is asked of the record grows with it, and no faster: by SQLite's plans and by the steps of its virtual machine,
 * which no busy machine changes. And a start knows its lot, and no other.
 *
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c
 * links: tests/support/large_record.c agent/wire/cause.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c db/verify.c
 */
#include "tests/unit/record.h"

#include "db/schema.h"
#include "db/sql.h"
#include "db/write.h"
#include "tests/support/large_record.h"

#define UNITS 300u /* chosen: what grows with the square is ten times beyond what may be */
#define TIMES 4u
/* Of TIMES as much: 15 % for the depth of trees, and what a statement costs that finds nothing. */
#define MAY_GROW(steps) ((steps)*TIMES * 115 / 100 + 3000)
#define MAY_STAY(steps) ((steps)*115 / 100 + 3000)

struct records {
	struct place *place;
	sqlite3 *one, *four, *wide; /* a lot; four lots; a lot of four times as many units */
};

static sqlite3 *record_of(struct place *place, const char *name, unsigned lots, unsigned units)
{
	struct large_record want = { .lots = lots, .units = units };
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/%s.db", place->dir, name);
	want.path = path;
	if (large_record_write(&want, place->error, sizeof(place->error)) != 0)
		fail_msg("%s", place->error);
	db = plain_open(path);
	assert_int_equal(schema_own_views(db), 0);
	return db;
}

/* Those of db/verify.c: what they hash is not our question. */
static void sql_hash(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	sqlite3_result_value(context, values[0]);
}

static int set_up(void **state)
{
	struct records *r = calloc(1, sizeof(*r));
	sqlite3 **all[] = { &r->one, &r->four, &r->wide };

	assert_non_null(r);
	assert_int_equal(place_set_up((void **)&r->place), 0);
	r->one = record_of(r->place, "one", 1, UNITS);
	r->four = record_of(r->place, "four", TIMES, UNITS);
	r->wide = record_of(r->place, "wide", 1, TIMES * UNITS);
	for (size_t i = 0; i < 3; i++) {
		sqlite3_create_function(*all[i], "sha256", 1, SQLITE_UTF8, NULL, sql_hash, NULL, NULL);
		sqlite3_create_function(*all[i], "evidence", 1, SQLITE_UTF8, NULL, sql_hash, NULL, NULL);
	}
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	struct records *r = *state;
	void *place = r->place;

	sqlite3_close(r->one);
	sqlite3_close(r->four);
	sqlite3_close(r->wide);
	place_tear_down(&place);
	free(r);
	return 0;
}

static void bind_text_of(sqlite3_stmt *statement, const char *name, const char *value)
{
	sqlite3_bind_text(statement, sqlite3_bind_parameter_index(statement, name), value, -1, SQLITE_STATIC);
}

/* On a lot and a unit that every record has. */
static sqlite3_stmt *prepared(sqlite3 *db, const char *sql, size_t len)
{
	sqlite3_stmt *statement;
	int unit;

	if (sqlite3_prepare_v2(db, sql, (int)len, &statement, NULL) != SQLITE_OK)
		fail_msg("%.*s: %s", (int)len, sql, sqlite3_errmsg(db));
	bind_text_of(statement, ":lot", "L0001");
	bind_text_of(statement, ":what", "AC10000007");
	bind_text_of(statement, ":serial", "AC10000007");
	bind_text_of(statement, ":template", "serial");
	unit = sqlite3_bind_parameter_index(statement, ":unit");
	if (unit)
		sqlite3_bind_int(statement, unit, 7);
	unit = sqlite3_bind_parameter_index(statement, ":label");
	if (unit)
		sqlite3_bind_int(statement, unit, 7);
	return statement;
}

static long steps_of(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = prepared(db, sql, strlen(sql));
	long steps;
	int rc;

	while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
		;
	if (rc != SQLITE_DONE)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	steps = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0);
	sqlite3_finalize(statement);
	return steps;
}

static bool one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* --- each view and query --- */

static void hold(struct records *r, const char *name, const char *sql, bool of_a_lot)
{
	long one = steps_of(r->one, sql), four = steps_of(r->four, sql), wide = steps_of(r->wide, sql);

	if (four > (of_a_lot ? MAY_STAY(one) : MAY_GROW(one)))
		fail_msg("%s%s: %ld steps in a record of one lot, %ld in one of %u", name, of_a_lot ? " of a lot" : "",
			 one, four, TIMES);
	if (wide > MAY_GROW(one))
		fail_msg("%s: %ld steps for a lot of %u units, %ld for one of %u", name, one, UNITS, wide,
			 TIMES * UNITS);
}

static bool has_column(sqlite3 *db, const char *view, const char *column)
{
	char sql[200];
	sqlite3_stmt *statement;
	bool has;

	snprintf(sql, sizeof(sql), "SELECT 1 FROM pragma_table_xinfo('%s') WHERE name = '%s'", view, column);
	statement = prepared(db, sql, strlen(sql));
	has = sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_finalize(statement);
	return has;
}

static void each_view(struct records *r, void (*look)(struct records *r, const char *view))
{
	sqlite3_stmt *views = sql_prepare(r->one, "view_names");
	unsigned count = 0;

	for (; sqlite3_step(views) == SQLITE_ROW; count++)
		look(r, (const char *)sqlite3_column_text(views, 0));
	sqlite3_finalize(views);
	assert_true(count > 20);
}

static void hold_view(struct records *r, const char *view)
{
	/* It looks for a PIN that two units have, through all PINs: once. */
	static const char *const wholly[] = { "v_pin_coverage", NULL };
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT * FROM %s", view);
	hold(r, view, sql, false);
	snprintf(sql, sizeof(sql), "SELECT * FROM %s WHERE lot = :lot", view);
	if (has_column(r->one, view, "lot"))
		hold(r, view, sql, !one_of(view, wholly));
	snprintf(sql, sizeof(sql), "SELECT * FROM %s WHERE unit = :unit", view);
	if (strcmp(view, "v_unit_life") == 0)
		hold(r, view, sql, true);
}

static void every_view_grows_with_the_record_and_a_lot_of_it_does_not(void **state) { each_view(*state, hold_view); }

static void every_query_does_so_too(void **state)
{
	/* About the whole record, or (certs; device, by an address) looked for in all of it. */
	static const char *const wholly[] = { "anchors",     "batches",	  "certs",	"chain",
					      "device",	     "evidence",  "file_whole", "file_references",
					      "old_methods", "open_lots", "verify",	NULL };
	struct records *r = *state;
	const char *name;

	for (size_t i = 0; (name = sql_query_name(i)); i++)
		hold(r, name, sql_query(name), !one_of(name, wholly));
}

/* --- plans --- */

struct plan_row {
	int id, parent;
	char what[200];
};

struct plan {
	struct plan_row rows[400];
	size_t count;
};

static void read_plan(sqlite3 *db, const char *sql, size_t len, struct plan *plan)
{
	char text[20000];
	sqlite3_stmt *row;

	assert_true((size_t)snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %.*s", (int)len, sql) < sizeof(text));
	row = prepared(db, text, strlen(text));
	plan->count = 0;
	while (sqlite3_step(row) == SQLITE_ROW) {
		struct plan_row *to = &plan->rows[plan->count++];

		assert_true(plan->count < 400);
		to->id = sqlite3_column_int(row, 0);
		to->parent = sqlite3_column_int(row, 1);
		snprintf(to->what, sizeof(to->what), "%s", (const char *)sqlite3_column_text(row, 3));
	}
	sqlite3_finalize(row);
}

static bool is_loop(const struct plan_row *row) { return begins(row->what, "SCAN ") || begins(row->what, "SEARCH "); }

/* Is it run again for each row of something: inside a correlated subquery, or below another loop of its FROM? */
static bool is_repeated(const struct plan *plan, size_t at)
{
	const struct plan_row *row = &plan->rows[at];

	for (size_t i = 0; i < at; i++)
		if (plan->rows[i].parent == row->parent && is_loop(&plan->rows[i]) &&
		    !strstr(plan->rows[i].what, "(lot=?)"))
			return true;
	for (size_t i = at; i-- > 0;)
		if (plan->rows[i].id == row->parent)
			return begins(plan->rows[i].what, "CORRELATED") ||
			       (!begins(plan->rows[i].what, "MATERIALIZE") &&
				!begins(plan->rows[i].what, "CO-ROUTINE") && !begins(plan->rows[i].what, "SCALAR") &&
				!begins(plan->rows[i].what, "LIST") && is_repeated(plan, i));
	return false;
}

/* What no index would make faster. */
static bool is_allowed(const char *name, const char *what)
{
	static const struct {
		const char *name, *what, *why;
	} allowed[] = {
		{ "v_cycle", "SCAN w", "five rows" },
		{ "cycle", "SCAN w", "five rows" },
		{ "kind", "SCAN pragma_user_version VIRTUAL TABLE INDEX 0:", "one row" },
		{ "life", "SCAN e", "beside one unit, and all of it is that unit's" },
		{ "verify", "SCAN s", "four rows" },
		{ "session_new", "SCAN pragma_user_version VIRTUAL TABLE INDEX 0:", "one row" },
		{ "attempts_open", "SCAN attempt USING INDEX attempt_open", "what a dead session left" },
		{ "units_inactive", "SCAN unit USING INDEX unit_active", "what a dead session left" },
		{ "sessions_dead", "SCAN session", "once in a session" },
		{ "head", "SCAN audit", "its last row" },
	};

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (strcmp(name, allowed[i].name) == 0 && strcmp(what, allowed[i].what) == 0)
			return true;
	return begins(what, "SCAN CONSTANT ROW");
}

static void look_at_plan(struct records *r, const char *name, const char *sql, size_t len)
{
	struct plan plan;

	read_plan(r->one, sql, len, &plan);
	for (size_t i = 0; i < plan.count; i++)
		if (begins(plan.rows[i].what, "SCAN ") && !is_allowed(name, plan.rows[i].what) && is_repeated(&plan, i))
			fail_msg("%s: %s, for each row of something else", name, plan.rows[i].what);
}

static void look_at_view(struct records *r, const char *view)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT * FROM %s", view);
	look_at_plan(r, view, sql, strlen(sql));
}

static void no_statement_reads_a_table_for_each_row_of_another(void **state)
{
	struct records *r = *state;
	const char *name;

	each_view(r, look_at_view);
	for (size_t i = 0; (name = sql_query_name(i)); i++)
		look_at_plan(r, name, sql_query(name), strlen(sql_query(name)));
}

/* What a start and a station's writing run, and what it looks up: by index, whatever else is on record. */
static void a_station_reads_no_whole_table(void **state)
{
	static const char *const names[] = {
#define NAME(name) #name,
		WRITE_STATEMENTS(NAME)
#undef NAME
			"batch_find",
		"batch_new",
		"batch_reopen",
		"sessions_dead",
		"session_new",
		"attempts_open",
		"attempt_interrupt",
		"units_inactive",
		"next",
		"resume",
		"find_device_id",
		"find_mac",
		"find_serial",
		"find_key",
		"find_pin",
	};
	struct records *r = *state;
	struct plan plan;

	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
		struct sql_text text = sql_statement(names[n]);

		assert_non_null(text.at);
		read_plan(r->one, text.at, text.len, &plan);
		for (size_t i = 0; i < plan.count; i++)
			if (begins(plan.rows[i].what, "SCAN ") && !is_allowed(names[n], plan.rows[i].what))
				fail_msg("%s: %s", names[n], plan.rows[i].what);
	}
}

static void count_unit(void *ctx, const struct journal_resume *unit)
{
	assert_true(unit->same_batch);
	++*(unsigned *)ctx;
}

static unsigned told_at_start(struct records *r, unsigned lot)
{
	struct place place = *r->place;
	struct journal *journal;
	struct journal_start start;
	char name[LARGE_LOT_MAX];
	struct journal_batch batch = large_record_batch(lot, UNITS, name);
	unsigned told = 0;

	snprintf(place.path, sizeof(place.path), "%s/four.db", place.dir);
	journal = opened(&place);
	if (journal_begin(journal, &batch, &start, count_unit, &told, place.error, sizeof(place.error)) != 0)
		fail_msg("%s", place.error);
	journal_close(journal);
	return told;
}

static void a_start_is_told_of_its_lot_alone(void **state)
{
	assert_int_equal(told_at_start(*state, 2), UNITS);
	assert_int_equal(told_at_start(*state, TIMES + 1), 0);
}

/* --- where a simulated clock goes on --- */

static int64_t number_of(const struct place *place, const char *sql)
{
	char text[64];

	return atoll(plain_row(place->path, sql, text, sizeof(text)));
}

static void assert_last_time(const struct place *place)
{
	int64_t last = number_of(place, "SELECT max(at_us) FROM audit");

	assert_true(last > T0);
	assert_int_equal(number_of(place, sql_query("last_time")), last);
}

static void the_last_time_is_that_of_the_whole_chain(void **state)
{
	struct records *r = *state;
	struct place place = *r->place;
	struct journal_audit note = { "0417", "pin-reveal", "unit 1", "{}", T0 + 900 * S };
	struct journal_options options;
	struct journal *journal;

	snprintf(place.path, sizeof(place.path), "%s/times.db", place.dir);
	journal = opened_lot(&place, "A");
	put_passing_unit(journal, 1, 1);
	put_durable(journal, state_record(1, UNIT_QUARANTINED, 0, NULL, NULL));
	assert_last_time(&place); /* while a session runs, or after it was killed */
	put_durable(journal, batch_end_record("done"));
	journal_close(journal);
	assert_last_time(&place);
	options = place_options(&place);
	if (journal_note(&options, &note, place.error, sizeof(place.error)) != 0)
		fail_msg("%s", place.error);
	assert_last_time(&place); /* somebody wrote at a desk */
	note.at_us = T0 + 1;	  /* whose clock is another */
	assert_int_equal(journal_note(&options, &note, place.error, sizeof(place.error)), 0);
	assert_true(number_of(&place, sql_query("last_time")) >= T0 + 200 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_statement_reads_a_table_for_each_row_of_another),
		cmocka_unit_test(every_view_grows_with_the_record_and_a_lot_of_it_does_not),
		cmocka_unit_test(every_query_does_so_too),
		cmocka_unit_test(a_station_reads_no_whole_table),
		cmocka_unit_test(a_start_is_told_of_its_lot_alone),
		cmocka_unit_test(the_last_time_is_that_of_the_whole_chain),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
