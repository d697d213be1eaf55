#include "db/schema.h"

#include <stdio.h>
#include <string.h>

/* What is made by the migrations, in a database of its own. */
static sqlite3 *make_own(const struct sql_migration *migrations, size_t count, int version, bool views)
{
	sqlite3 *own = NULL;
	bool good = sqlite3_open_v2(":memory:", &own, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK;

	for (size_t i = 0; good && i < count && migrations[i].version <= version; i++)
		good = sqlite3_exec(own, migrations[i].text, NULL, NULL, NULL) == SQLITE_OK;
	if (good && views)
		good = sqlite3_exec(own, sql_views(), NULL, NULL, NULL) == SQLITE_OK;
	if (good)
		return own;
	sqlite3_close(own);
	return NULL;
}

/* One side of the comparison: the object at hand, in the order of both. */
struct objects {
	sqlite3_stmt *row;
	int rc;
};

static void next(struct objects *objects) { objects->rc = sqlite3_step(objects->row); }

static bool start(struct objects *objects, sqlite3 *db, bool views)
{
	objects->row = sql_prepare(db, "schema_objects");
	if (!objects->row)
		return false;
	sqlite3_bind_int(objects->row, 1, views);
	next(objects);
	return true;
}

static const char *text(const struct objects *objects, int column)
{
	const char *at = (const char *)sqlite3_column_text(objects->row, column);

	return at ? at : "";
}

/* Below zero: the first of the two is not among the second's. */
static int order(const struct objects *left, const struct objects *right)
{
	int by_type;

	if (left->rc != SQLITE_ROW || right->rc != SQLITE_ROW)
		return left->rc == SQLITE_ROW ? -1 : 1;
	by_type = strcmp(text(left, 0), text(right, 0));
	return by_type ? by_type : strcmp(text(left, 1), text(right, 1));
}

static void tell(const struct objects *objects, const char *how, schema_found_fn *found, void *ctx)
{
	char what[200];

	snprintf(what, sizeof(what), "%.20s %.80s %s", text(objects, 0), text(objects, 1), how);
	found(ctx, what);
}

static void compare(struct objects *own, struct objects *there, schema_found_fn *found, void *ctx)
{
	while (own->rc == SQLITE_ROW || there->rc == SQLITE_ROW) {
		int which = order(own, there);

		if (which < 0)
			tell(own, "is missing", found, ctx);
		else if (which > 0)
			tell(there, "is none of this program's", found, ctx);
		else if (strcmp(text(own, 2), text(there, 2)) != 0 || strcmp(text(own, 3), text(there, 3)) != 0)
			tell(there, "is not as this program makes it", found, ctx);
		if (which <= 0)
			next(own);
		if (which >= 0)
			next(there);
	}
}

int schema_compare(sqlite3 *db, const struct sql_migration *migrations, size_t count, int version, bool views,
		   schema_found_fn *found, void *ctx, char *error, size_t error_len)
{
	sqlite3 *made = make_own(migrations, count, version, views);
	struct objects own = { NULL, 0 }, there = { NULL, 0 };
	int result = -1;

	if (!made || !start(&own, made, views) || !start(&there, db, views)) {
		snprintf(error, error_len, "the schema cannot be compared: %s",
			 made ? sqlite3_errmsg(db) : "no memory is left");
	} else {
		compare(&own, &there, found, ctx);
		result = own.rc == SQLITE_DONE && there.rc == SQLITE_DONE ? 0 : -1;
		if (result != 0)
			snprintf(error, error_len, "the schema cannot be read: %s", sqlite3_errmsg(db));
	}
	sqlite3_finalize(own.row);
	sqlite3_finalize(there.row);
	sqlite3_close(made);
	return result;
}

/* db/views.sql begins each with CREATE VIEW, at the start of a line. */
int schema_own_views(sqlite3 *db)
{
	static const char create[] = "CREATE VIEW ";
	sqlite3_str *sql = sqlite3_str_new(db);
	const char *from = sql_views(), *at;
	char *all;
	int rc;

	while ((at = strstr(from, create))) {
		sqlite3_str_append(sql, from, (int)(at - from));
		sqlite3_str_appendall(sql, "CREATE TEMP VIEW ");
		from = at + sizeof(create) - 1;
	}
	sqlite3_str_appendall(sql, from);
	all = sqlite3_str_finish(sql);
	rc = all ? sqlite3_exec(db, all, NULL, NULL, NULL) : SQLITE_NOMEM;
	sqlite3_free(all);
	return rc == SQLITE_OK ? 0 : -1;
}
