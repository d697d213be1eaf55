/*
 * What every view and every query says about one record that has a bit of everything (views_record.sql), row by row and
 * column by column, against the text of views.txt. A term that is dropped from a WHERE or a JOIN, or an order that is
 * turned round, shows: each row has neighbours that differ in one thing.
 *
 * Rows that change on purpose: MILLRACE_VIEWS=FILE writes all of the text there, to be compared by a person and to
 * become views.txt.
 *
 * links: db/sql.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/sql.h"

#define TEXT "tests/unit/views.txt"

static void exec(sqlite3 *db, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s", error);
}

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;

	if (!in)
		fail_msg("%s is missing; tests run where the Makefile is", path);
	assert_true(getdelim(&text, &room, '\0', in) > 0);
	fclose(in);
	return text;
}

/* Not in every SQLite that this runs on. */
static void unhex(sqlite3_context *ctx, int count, sqlite3_value **values)
{
	const char *text = (const char *)sqlite3_value_text(values[0]);
	uint8_t octets[64];
	size_t n = 0;

	(void)count;
	for (; text[2 * n] && text[2 * n + 1] && n < sizeof(octets); n++) {
		const char digits[3] = { text[2 * n], text[2 * n + 1], '\0' };

		octets[n] = (uint8_t)strtoul(digits, NULL, 16);
	}
	sqlite3_result_blob(ctx, octets, (int)n, SQLITE_TRANSIENT);
}

/* In the program, SHA-256, and the hash of an attempt's rows; here what tells two arguments apart. */
static void plain(sqlite3_context *ctx, int count, sqlite3_value **values)
{
	(void)count;
	sqlite3_result_value(ctx, values[0]);
}

/* The schema without its triggers, so that there may be rows that must not be. */
static sqlite3 *record(void)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt;
	size_t count;
	const struct sql_migration *migrations = sql_migrations(&count);
	char *rows = read_file("tests/unit/views_record.sql"), drops[6000] = "";

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	sqlite3_create_function(db, "unhex", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, unhex, NULL, NULL);
	sqlite3_create_function(db, "sha256", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, plain, NULL, NULL);
	sqlite3_create_function(db, "evidence", 1, SQLITE_UTF8, NULL, plain, NULL, NULL);
	for (size_t i = 0; i < count; i++)
		exec(db, migrations[i].text);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'trigger'", -1, &stmt, NULL),
		SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		size_t len = strlen(drops);

		snprintf(drops + len, sizeof(drops) - len, "DROP TRIGGER %s;",
			 (const char *)sqlite3_column_text(stmt, 0));
	}
	sqlite3_finalize(stmt);
	exec(db, drops);
	exec(db, rows);
	exec(db, sql_views());
	free(rows);
	return db;
}

/* --- the text --- */

/* How many, and the digits behind the zeros at their beginning. */
static void write_octets(FILE *out, const uint8_t *at, int len)
{
	int i = 0;

	fprintf(out, "%d:", len);
	while (i < len && at[i] == 0)
		i++;
	for (; i < len; i++)
		fprintf(out, "%02x", at[i]);
}

/* One row in one line. */
static char *row_of(sqlite3_stmt *stmt)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	for (int c = 0; c < sqlite3_column_count(stmt); c++) {
		fputs(c ? "|" : "", out);
		switch (sqlite3_column_type(stmt, c)) {
		case SQLITE_NULL: fputc('-', out); break;
		case SQLITE_BLOB: write_octets(out, sqlite3_column_blob(stmt, c), sqlite3_column_bytes(stmt, c)); break;
		default: fputs((const char *)sqlite3_column_text(stmt, c), out);
		}
	}
	fclose(out);
	return text;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* `sorted`: where the statement promises no order. */
static void write_all(FILE *out, sqlite3 *db, sqlite3_stmt *stmt, bool sorted)
{
	char *rows[2000];
	size_t n = 0;
	int result;

	while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
		assert_true(n < sizeof(rows) / sizeof(rows[0]));
		rows[n++] = row_of(stmt);
	}
	if (result != SQLITE_DONE)
		fail_msg("%s", sqlite3_errmsg(db));
	if (sorted)
		qsort(rows, n, sizeof(rows[0]), by_text);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\n", rows[i]);
		free(rows[i]);
	}
	sqlite3_finalize(stmt);
}

/* The lines behind "# " and the name, up to the next "# ". */
static void compare(const char *all, const char *name, const char *got)
{
	char head[120];
	const char *want;
	size_t len;

	snprintf(head, sizeof(head), "# %s\n", name);
	want = strstr(all, head);
	if (!want)
		fail_msg("%s says nothing of %s", TEXT, name);
	want += strlen(head);
	len = strncmp(want, "# ", 2) == 0 ? 0
	      : strstr(want, "\n# ")	  ? (size_t)(strstr(want, "\n# ") + 1 - want)
					  : strlen(want);
	for (unsigned line = 1; len > 0 || *got; line++) {
		size_t a = len ? strcspn(want, "\n") : 0, b = strcspn(got, "\n");

		if (a != b || memcmp(want, got, a) != 0)
			fail_msg("%s, row %u\n  want %.*s\n  got  %.*s", name, line, (int)a, want, (int)b, got);
		len -= len ? a + 1 : 0;
		want += a + 1;
		got += b + (got[b] != '\0');
	}
}

static void must_be(const char *name, sqlite3 *db, sqlite3_stmt *stmt, bool sorted)
{
	const char *path = getenv("MILLRACE_VIEWS");
	char *text = NULL, *all;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!stmt)
		fail_msg("%s: %s", name, sqlite3_errmsg(db));
	write_all(out, db, stmt, sorted);
	fclose(out);
	if (path) {
		out = fopen(path, "a");
		assert_non_null(out);
		fprintf(out, "# %s\n%s", name, text);
		assert_int_equal(fclose(out), 0);
	} else {
		all = read_file(TEXT);
		compare(all, name, text);
		free(all);
	}
	free(text);
}

/* --- views and queries --- */

static void views_say_what_is_on_record(void **state)
{
	sqlite3 *db = record();
	sqlite3_stmt *names, *stmt;
	char sql[100];

	(void)state;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name", -1,
					    &names, NULL),
			 SQLITE_OK);
	while (sqlite3_step(names) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(names, 0);

		snprintf(sql, sizeof(sql), "SELECT * FROM %s%s", name,
			 strcmp(name, "v_unit_life") == 0 ? " WHERE unit IN (5, 12, 13, 24, 31)" : "");
		stmt = NULL;
		(void)sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
		must_be(name, db, stmt, true);
	}
	sqlite3_finalize(names);
	sqlite3_close(db);
}

struct asked {
	const char *query, *of, *lot, *text, *template;
	int64_t unit, label;
};

static void bind(sqlite3_stmt *stmt, const struct asked *asked)
{
	for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++) {
		const char *name = sqlite3_bind_parameter_name(stmt, i);

		if (strcmp(name, ":lot") == 0)
			sqlite3_bind_text(stmt, i, asked->lot, -1, SQLITE_STATIC);
		else if (strcmp(name, ":unit") == 0 && asked->unit)
			sqlite3_bind_int64(stmt, i, asked->unit);
		else if (strcmp(name, ":label") == 0)
			sqlite3_bind_int64(stmt, i, asked->label);
		else if (strcmp(name, ":template") == 0)
			sqlite3_bind_text(stmt, i, asked->template, -1, SQLITE_STATIC);
		else if (strcmp(name, ":plain") == 0)
			sqlite3_bind_blob(stmt, i, asked->text, 32, SQLITE_STATIC);
		else if (strcmp(name, ":keyed") == 0)
			sqlite3_bind_blob(stmt, i, asked->text, 32, SQLITE_STATIC);
		else if (strcmp(name, ":job_sha256") == 0)
			sqlite3_bind_blob(stmt, i, asked->text, 32, SQLITE_STATIC);
		else if (strcmp(name, ":key_id") == 0)
			sqlite3_bind_text(stmt, i, "key-1", -1, SQLITE_STATIC);
		else if (asked->text && strlen(asked->text) > 0)
			sqlite3_bind_text(stmt, i, asked->text, -1, SQLITE_STATIC);
	}
}

static void ask(sqlite3 *db, const struct asked *asked)
{
	sqlite3_stmt *stmt = sql_prepare(db, asked->query);
	char name[120];

	if (!stmt)
		fail_msg("%s: %s", asked->query, sqlite3_errmsg(db));
	bind(stmt, asked);
	snprintf(name, sizeof(name), "%s of %s", asked->query, asked->of);
	must_be(name, db, stmt, false);
}

/* These look whether the file and the chain are whole, and this record is not (tests/unit/audit_chain.c); or at the
 * schema. */
static const char left_out[] = "verify chain file_references file_whole kind view_names columns tables schema_objects "
			       "views_sha256 written written_last written_lists written_one anchors";

/* Each query for two lots, for an empty one, for one that is not there, and for all. */
static void queries_say_what_is_on_record(void **state)
{
	static const char *const lots[] = { "A", "B", "D", "E", NULL };
	static const char nothing[32]; /* as a digest, too */
	sqlite3 *db = record();
	const char *name;

	(void)state;
	for (size_t i = 0; (name = sql_query_name(i)); i++)
		for (size_t k = strstr(left_out, name) ? sizeof(lots) / sizeof(lots[0]) : 0;
		     k < sizeof(lots) / sizeof(lots[0]); k++) {
			const struct asked asked = { .query = name,
						     .of = lots[k] ? lots[k] : "all",
						     .lot = lots[k],
						     .text = nothing,
						     .template = "t2" };
			sqlite3_stmt *stmt = sql_prepare(db, name);
			bool any = stmt && sqlite3_bind_parameter_index(stmt, ":lot") > 0;

			sqlite3_finalize(stmt);
			if (any || !lots[k])
				ask(db, &asked);
		}
	sqlite3_close(db);
}

/* Those that ask about one thing, in each way that it can be named. */
static void queries_find_what_they_are_asked_for(void **state)
{
	static const char digest[32] = { [30] = 6, 2 }, void_digest[32] = { [30] = 12, 2 }, job[32] = { [31] = 2 };
	static const struct asked all[] = {
		{ .query = "device", .of = "a serial number", .text = "A012" },
		{ .query = "device", .of = "an address", .text = "02-AA-BB-CC-DD-0C" },
		{ .query = "device", .of = "a device id", .text = "000000000000000C" },
		{ .query = "device", .of = "a certificate", .text = "00:1b" },
		{ .query = "device", .of = "a void certificate", .text = "0018" },
		{ .query = "device", .of = "nobody", .text = "A999" },
		{ .query = "unit_by_serial", .of = "a serial number", .text = "A012" },
		{ .query = "life", .of = "unit 12", .unit = 12 },
		{ .query = "life", .of = "unit 23", .unit = 23 },
		{ .query = "pin", .of = "unit 5", .unit = 5 },
		{ .query = "pin", .of = "unit 4", .unit = 4 },
		{ .query = "label_by_number", .of = "label 25", .label = 25 },
		{ .query = "label_by_number", .of = "label 9", .label = 9 },
		{ .query = "label_find", .of = "a digest in A", .text = digest, .lot = "A" },
		{ .query = "label_find", .of = "a digest in B", .text = digest, .lot = "B" },
		{ .query = "label_find", .of = "another digest", .text = void_digest, .lot = "A" },
		{ .query = "label_units", .of = "t1 in B", .lot = "B", .template = "t1" },
		{ .query = "label_units", .of = "unit 6 in A", .lot = "A", .template = "t2", .unit = 6 },
		{ .query = "lot_job", .of = "the job of B", .lot = "B", .text = job },
		{ .query = "lot_job", .of = "another job of A", .lot = "A", .text = job },
	};
	sqlite3 *db = record();

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		ask(db, &all[i]);
	exec(db, "DELETE FROM batch WHERE batch > 1");
	ask(db, &(struct asked){ .query = "only_lot", .of = "one" });
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_say_what_is_on_record),
		cmocka_unit_test(queries_say_what_is_on_record),
		cmocka_unit_test(queries_find_what_they_are_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
