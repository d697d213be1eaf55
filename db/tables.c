#include "db/tables.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/sql.h"

void octets_add(struct octets *octets, const void *from, size_t len)
{
	if (octets->bad || len == 0)
		return;
	if (octets->cap - octets->len < len) {
		size_t cap = octets->cap ? octets->cap : 1024;
		uint8_t *grown;

		while (cap - octets->len < len)
			cap *= 2;
		grown = realloc(octets->at, cap);
		if (!grown) {
			octets->bad = true;
			return;
		}
		octets->at = grown;
		octets->cap = cap;
	}
	memcpy(octets->at + octets->len, from, len);
	octets->len += len;
}

void octets_add_be(struct octets *octets, size_t len, uint64_t value)
{
	uint8_t be[8];

	assert(len <= sizeof(be));
	for (size_t i = 0; i < len; i++)
		be[i] = (uint8_t)(value >> 8 * (len - 1 - i));
	octets_add(octets, be, len);
}

void octets_free(struct octets *octets)
{
	free(octets->at);
	*octets = (struct octets){ 0 };
}

static int say(char *error, size_t error_len, const char *what, const char *why)
{
	snprintf(error, error_len, "%s: %s", what, why);
	return -1;
}

static bool add_column(struct table *table, sqlite3_stmt *row)
{
	const char *name = (const char *)sqlite3_column_text(row, 0);
	int key = sqlite3_column_int(row, 2);

	if (table->columns == TABLE_COLUMNS_MAX || key < 0 || key > TABLE_KEYS_MAX ||
	    strlen(name) >= sizeof(table->names[0]))
		return false;
	snprintf(table->names[table->columns], sizeof(table->names[0]), "%s", name);
	table->real[table->columns] = strcmp((const char *)sqlite3_column_text(row, 1), "REAL") == 0;
	if (key > 0) {
		table->key[key - 1] = table->columns;
		table->keys++;
	}
	table->columns++;
	return true;
}

/* Generated columns are derived, and stand behind the others: so a column has one number, for the table and for what is
 * stored of it. */
static int read_columns(struct table *table, sqlite3 *db, char *error, size_t error_len)
{
	sqlite3_stmt *row = sql_prepare(db, "columns");
	bool good = row != NULL, generated = false;
	int rc = SQLITE_DONE;

	if (row)
		sqlite3_bind_text(row, 1, table->name, -1, SQLITE_STATIC);
	while (good && (rc = sqlite3_step(row)) == SQLITE_ROW) {
		bool derived = sqlite3_column_int(row, 3) > 1;

		good = derived || (!generated && add_column(table, row));
		generated |= derived;
	}
	sqlite3_finalize(row);
	if (!row || rc != SQLITE_DONE)
		return say(error, error_len, table->name, sqlite3_errmsg(db));
	return good && table->keys > 0 ? 0
				       : say(error, error_len, table->name,
					     "the table has no key, or columns that this program cannot hold");
}

int tables_read(struct tables *tables, sqlite3 *db, char *error, size_t error_len)
{
	sqlite3_stmt *row = sql_prepare(db, "tables");
	int result = 0, rc = SQLITE_DONE;

	tables->count = 0;
	while (row && result == 0 && (rc = sqlite3_step(row)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(row, 0);
		struct table *table = &tables->at[tables->count];

		if (tables->count == TABLES_MAX || strlen(name) >= sizeof(table->name)) {
			result = say(error, error_len, name, "more tables, or longer names, than this program holds");
			break;
		}
		*table = (struct table){ 0 };
		snprintf(table->name, sizeof(table->name), "%s", name);
		result = read_columns(table, db, error, error_len);
		tables->count++;
	}
	if (result == 0 && (!row || rc != SQLITE_DONE))
		result = say(error, error_len, "the tables", sqlite3_errmsg(db));
	sqlite3_finalize(row);
	return result;
}

const struct table *tables_find(const struct tables *tables, const char *name, size_t name_len)
{
	for (size_t i = 0; i < tables->count; i++)
		if (strncmp(tables->at[i].name, name, name_len) == 0 && tables->at[i].name[name_len] == '\0')
			return &tables->at[i];
	return NULL;
}

static sqlite3_stmt *prepare_rows(const struct table *table, sqlite3 *db, bool one)
{
	sqlite3_str *sql = sqlite3_str_new(db);
	sqlite3_stmt *statement = NULL;
	char *text;

	for (size_t i = 0; i < table->columns; i++)
		sqlite3_str_appendf(sql, "%s\"%w\"", i ? ", " : "SELECT ", table->names[i]);
	sqlite3_str_appendf(sql, " FROM main.\"%w\"", table->name);
	for (size_t i = 0; one && i < table->keys; i++)
		sqlite3_str_appendf(sql, "%s\"%w\" = ?%d", i ? " AND " : " WHERE ", table->names[table->key[i]],
				    (int)i + 1);
	text = sqlite3_str_finish(sql);
	if (text && sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK)
		statement = NULL;
	sqlite3_free(text);
	return statement;
}

sqlite3_stmt *table_rows(const struct table *table, sqlite3 *db) { return prepare_rows(table, db, false); }
sqlite3_stmt *table_row(const struct table *table, sqlite3 *db) { return prepare_rows(table, db, true); }

sqlite3_value *table_value_of_statement(void *statement, size_t column)
{
	return sqlite3_column_value(statement, (int)column);
}

static void add_real(struct octets *out, double real)
{
	uint64_t bits;

	memcpy(&bits, &real, sizeof(bits));
	octets_add(out, "r", 1);
	octets_add_be(out, 8, bits);
}

static void add_counted(struct octets *out, char type, const void *at, size_t len)
{
	octets_add(out, &type, 1);
	octets_add_be(out, 4, len);
	octets_add(out, at, len);
}

static void add_value(const struct table *table, size_t column, sqlite3_value *value, struct octets *out)
{
	switch (value ? sqlite3_value_type(value) : SQLITE_NULL) {
	case SQLITE_INTEGER:
		if (table->real[column]) {
			add_real(out, sqlite3_value_double(value));
			break;
		}
		octets_add(out, "i", 1);
		octets_add_be(out, 8, (uint64_t)sqlite3_value_int64(value));
		break;
	case SQLITE_FLOAT: add_real(out, sqlite3_value_double(value)); break;
	case SQLITE_TEXT: {
		const void *text = sqlite3_value_text(value);

		add_counted(out, 't', text, (size_t)sqlite3_value_bytes(value));
		break;
	}
	case SQLITE_BLOB: {
		const void *blob = sqlite3_value_blob(value);

		add_counted(out, 'b', blob, (size_t)sqlite3_value_bytes(value));
		break;
	}
	default: octets_add(out, "n", 1);
	}
}

void table_row_octets(const struct table *table, table_value_fn *value, void *ctx, struct octets *out)
{
	out->len = 0;
	for (size_t i = 0; i < table->columns; i++)
		add_value(table, i, value(ctx, i), out);
	octets_add(out, ".", 1);
}

void table_key_octets(const struct table *table, table_value_fn *value, void *ctx, struct octets *out)
{
	for (size_t i = 0; i < table->keys; i++)
		add_value(table, table->key[i], value(ctx, table->key[i]), out);
}

/* One value of a key; its octets lie in the key. */
struct part {
	char type;
	uint64_t number;
	const uint8_t *at;
	size_t len;
};

static uint64_t read_be(const uint8_t *at, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | at[i];
	return value;
}

/* False: the key ends here, or is none. */
static bool next_part(const uint8_t **key, size_t *left, struct part *part)
{
	size_t used;

	if (*left == 0)
		return false;
	*part = (struct part){ .type = (char)(*key)[0] };
	if (part->type == 'i' || part->type == 'r') {
		if (*left < 9)
			return false;
		part->number = read_be(*key + 1, 8);
		used = 9;
	} else if (part->type == 't' || part->type == 'b') {
		if (*left < 5 || read_be(*key + 1, 4) > *left - 5)
			return false;
		part->len = (size_t)read_be(*key + 1, 4);
		part->at = *key + 5;
		used = 5 + part->len;
	} else {
		used = 1;
	}
	*key += used;
	*left -= used;
	return part->type == 'n' || used > 1;
}

void table_key_text(const uint8_t *key, size_t len, char *out, size_t cap)
{
	struct part part;
	size_t at = 0;

	assert(cap > 0);
	out[0] = '\0';
	while (at < cap && next_part(&key, &len, &part)) {
		const char *comma = at ? ", " : "";

		if (part.type == 'i')
			at += (size_t)snprintf(out + at, cap - at, "%s%lld", comma, (long long)part.number);
		else if (part.type == 't')
			at += (size_t)snprintf(out + at, cap - at, "%s%.*s", comma, (int)part.len,
					       (const char *)part.at);
		else
			at += (size_t)snprintf(out + at, cap - at, "%s", comma);
		for (size_t i = 0; part.type == 'b' && i < part.len && at < cap; i++)
			at += (size_t)snprintf(out + at, cap - at, "%02x", part.at[i]);
	}
}

bool table_key_bind(const struct table *table, const uint8_t *key, size_t len, sqlite3_stmt *statement)
{
	struct part part;
	size_t i = 0;

	for (; i < table->keys && next_part(&key, &len, &part); i++) {
		double real;

		memcpy(&real, &part.number, sizeof(real));
		if (part.type == 'i')
			sqlite3_bind_int64(statement, (int)i + 1, (int64_t)part.number);
		else if (part.type == 'r')
			sqlite3_bind_double(statement, (int)i + 1, real);
		else if (part.type == 't')
			sqlite3_bind_text(statement, (int)i + 1, (const char *)part.at, (int)part.len,
					  SQLITE_TRANSIENT);
		else if (part.type == 'b')
			sqlite3_bind_blob(statement, (int)i + 1, part.at, (int)part.len, SQLITE_TRANSIENT);
		else
			sqlite3_bind_null(statement, (int)i + 1);
	}
	return i == table->keys && len == 0;
}
