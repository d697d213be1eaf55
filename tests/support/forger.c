#include "tests/support/forger.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#define TRIGGERS_MAX 100

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "forger: %s\n", what);
	abort();
}

void forger_copy(const char *from, const char *to)
{
	static char octets[4 * 1024 * 1024];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	size_t len;

	must(in && out, to);
	len = fread(octets, 1, sizeof(octets), in);
	must(len > 0 && len < sizeof(octets) && fwrite(octets, 1, len, out) == len, to);
	fclose(in);
	must(fclose(out) == 0, to);
}

static sqlite3 *open_file(const char *path)
{
	sqlite3 *db = NULL;

	must(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK, path);
	return db;
}

static void run(sqlite3 *db, const char *sql)
{
	must(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(db));
}

static sqlite3_stmt *prepare(sqlite3 *db, char *sql)
{
	sqlite3_stmt *row = NULL;

	must(sql && sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK, sqlite3_errmsg(db));
	sqlite3_free(sql);
	return row;
}

static const char *text(sqlite3_stmt *row, int column) { return (const char *)sqlite3_column_text(row, column); }

bool forger_change(struct forger *forger, const char *sql)
{
	char *texts[TRIGGERS_MAX], *drop;
	sqlite3_stmt *row;
	size_t count = 0;
	sqlite3 *db;
	bool done;

	forger_copy(forger->good, forger->path);
	db = open_file(forger->path);
	/* One transaction, which nobody waits for. */
	run(db, "PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; BEGIN");
	row = prepare(db, sqlite3_mprintf("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"));
	for (; sqlite3_step(row) == SQLITE_ROW; count++) {
		must(count < TRIGGERS_MAX, "there are more triggers than that");
		texts[count] = sqlite3_mprintf("DROP TRIGGER %s;%s", text(row, 0), text(row, 1));
	}
	sqlite3_finalize(row);
	for (size_t i = 0; i < count; i++) {
		drop = sqlite3_mprintf("%.*s", (int)strcspn(texts[i], ";"), texts[i]);
		run(db, drop);
		sqlite3_free(drop);
	}
	done = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK && sqlite3_changes(db) > 0;
	for (size_t i = 0; i < count; i++) {
		run(db, strchr(texts[i], ';') + 1);
		sqlite3_free(texts[i]);
	}
	run(db, "COMMIT");
	sqlite3_close(db);
	return done;
}

void forger_try(struct forger *forger, const char *sql)
{
	if (!forger_change(forger, sql))
		return;
	forger->tried++;
	forger->noticed += forger->notices(forger->ctx, sql);
}

static void try_and_free(struct forger *forger, char *sql)
{
	must(sql, "no memory");
	forger_try(forger, sql);
	sqlite3_free(sql);
}

/* Which row of a table, as a condition: the first or the last by its key. */
static char *one_row(sqlite3 *db, const char *table, bool last)
{
	sqlite3_stmt *row =
		prepare(db, sqlite3_mprintf("SELECT name FROM pragma_table_info(%Q) WHERE pk > 0 ORDER BY pk", table));
	sqlite3_str *keys = sqlite3_str_new(db), *order = sqlite3_str_new(db);
	char *all, *picked, *where;

	while (sqlite3_step(row) == SQLITE_ROW) {
		const char *comma = sqlite3_str_length(keys) ? ", " : "";

		sqlite3_str_appendf(keys, "%s\"%w\"", comma, text(row, 0));
		sqlite3_str_appendf(order, "%s\"%w\"%s", comma, text(row, 0), last ? " DESC" : "");
	}
	sqlite3_finalize(row);
	all = sqlite3_str_finish(keys);
	picked = sqlite3_str_finish(order);
	where = sqlite3_mprintf("(%s) = (SELECT %s FROM \"%w\" ORDER BY %s LIMIT 1)", all, all, table, picked);
	sqlite3_free(all);
	sqlite3_free(picked);
	return where;
}

/* Values */

/* %w is the column; what leaves the value as it is, or what its type refuses, is no change. */
static const char *const others[] = {
	"\"%w\" + 1",
	"-\"%w\"",
	"0",
	"NULL",
	"upper(\"%w\")",
	"\"%w\" || 'x'",
	"''",
	"randomblob(length(\"%w\"))",
	"substr(\"%w\", 2)",
	"zeroblob(length(\"%w\"))",
	"'2'",
	"x'00' || CAST(\"%w\" AS BLOB)",
};

static void change_column(struct forger *forger, const char *table, const char *column, const char *where,
			  unsigned each)
{
	unsigned before = forger->tried;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && forger->tried < before + each; i++) {
		char *value = sqlite3_mprintf(others[i], column);

		try_and_free(forger, sqlite3_mprintf("UPDATE \"%w\" SET \"%w\" = %s WHERE %s AND \"%w\" IS NOT (%s)",
						     table, column, value, where, column, value));
		sqlite3_free(value);
	}
}

static void change_columns(struct forger *forger, sqlite3 *db, const char *table, unsigned each, bool both)
{
	char *where[2] = { one_row(db, table, true), one_row(db, table, false) };
	sqlite3_stmt *row = prepare(db, sqlite3_mprintf("SELECT count(*) FROM \"%w\"", table));
	bool empty = sqlite3_step(row) != SQLITE_ROW || sqlite3_column_int(row, 0) == 0;

	sqlite3_finalize(row);
	row = prepare(db, sqlite3_mprintf("SELECT name FROM pragma_table_info(%Q)", table));
	while (!empty && sqlite3_step(row) == SQLITE_ROW) {
		unsigned before = forger->tried;

		for (size_t i = 0; i < (both ? 2 : 1); i++)
			change_column(forger, table, text(row, 0), where[i], each);
		if (forger->tried > before)
			forger->columns++;
		else if (!*forger->unchanged)
			snprintf(forger->unchanged, sizeof(forger->unchanged), "%s.%s", table, text(row, 0));
	}
	sqlite3_finalize(row);
	sqlite3_free(where[0]);
	sqlite3_free(where[1]);
}

/* Rows */

/* The same row again, under another key. */
static char *insertion(sqlite3 *db, const char *table, const char *where)
{
	sqlite3_stmt *row = prepare(db, sqlite3_mprintf("SELECT name, type, pk FROM pragma_table_info(%Q)", table));
	sqlite3_str *columns = sqlite3_str_new(db), *values = sqlite3_str_new(db);
	char *from, *to, *sql;

	while (sqlite3_step(row) == SQLITE_ROW) {
		const char *comma = sqlite3_str_length(columns) ? ", " : "";
		bool number = sqlite3_column_int(row, 2) > 0 && strcmp(text(row, 1), "INTEGER") == 0;

		sqlite3_str_appendf(columns, "%s\"%w\"", comma, text(row, 0));
		sqlite3_str_appendf(values, number ? "%s\"%w\" + 1000" : "%s\"%w\"", comma, text(row, 0));
	}
	sqlite3_finalize(row);
	from = sqlite3_str_finish(columns);
	to = sqlite3_str_finish(values);
	sql = sqlite3_mprintf("INSERT OR IGNORE INTO \"%w\" (%s) SELECT %s FROM \"%w\" WHERE %s", table, from, to,
			      table, where);
	sqlite3_free(from);
	sqlite3_free(to);
	return sql;
}

static void change_rows(struct forger *forger, sqlite3 *db, const char *table)
{
	char *first = one_row(db, table, false), *last = one_row(db, table, true);

	try_and_free(forger, sqlite3_mprintf("DELETE FROM \"%w\" WHERE %s", table, first));
	try_and_free(forger, sqlite3_mprintf("DELETE FROM \"%w\" WHERE %s", table, last));
	try_and_free(forger, sqlite3_mprintf("DELETE FROM \"%w\"", table));
	try_and_free(forger, insertion(db, table, first));
	sqlite3_free(first);
	sqlite3_free(last);
}

static void each_table(struct forger *forger, unsigned each, bool both)
{
	sqlite3 *db = open_file(forger->good);
	sqlite3_stmt *row =
		prepare(db, sqlite3_mprintf("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"));

	while (sqlite3_step(row) == SQLITE_ROW)
		if (each > 0)
			change_columns(forger, db, text(row, 0), each, both);
		else
			change_rows(forger, db, text(row, 0));
	sqlite3_finalize(row);
	sqlite3_close(db);
}

void forger_values(struct forger *forger, unsigned each, bool both) { each_table(forger, each, both); }
void forger_rows(struct forger *forger) { each_table(forger, 0, false); }
