/*
 * Whole rows of whole tables, by what the schema says they are: no list of columns is written by hand. A row as octets
 * is, column by column in the order of the table (generated ones left out), what db/chain.h has for the rows of a
 * statement: type, length, value, and a full stop behind the last. Its key is the same over the columns of the primary
 * key, in their order there. Inside db/ only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "db/chain.h"

#define TABLE_COLUMNS_MAX 48
#define TABLE_KEYS_MAX 8
#define TABLES_MAX 40
#define TABLE_NAME_MAX 32

/* Octets that grow; `bad`: no memory, and nothing is added any more. */
struct octets {
	uint8_t *at;
	size_t len, cap;
	bool bad;
};
void octets_add(struct octets *octets, const void *from, size_t len);
void octets_add_be(struct octets *octets, size_t len, uint64_t value);
void octets_free(struct octets *octets);

struct table {
	char name[TABLE_NAME_MAX];
	size_t columns, keys;
	bool real[TABLE_COLUMNS_MAX];	   /* SQLite may hand out a REAL without a fraction as an integer */
	size_t key[TABLE_KEYS_MAX];	   /* columns of the primary key */
	char names[TABLE_COLUMNS_MAX][24]; /* of the columns, for SELECT */
};

struct tables {
	size_t count;
	struct table at[TABLES_MAX];
};

/* Every table of `db` that is neither SQLite's nor one of the chain's own (audit, written). 0, or -1 with a sentence.
 */
int tables_read(struct tables *tables, sqlite3 *db, char *error, size_t error_len);
const struct table *tables_find(const struct tables *tables, const char *name, size_t name_len);
/* All of its rows, ready to step; the columns are those of the table. NULL: sqlite3_errmsg(db) says why. */
sqlite3_stmt *table_rows(const struct table *table, sqlite3 *db);
/* The one row of that key. */
sqlite3_stmt *table_row(const struct table *table, sqlite3 *db);

/* `value` gives column i of the row: of a statement, or of a change. */
typedef sqlite3_value *table_value_fn(void *ctx, size_t column);
sqlite3_value *table_value_of_statement(void *statement, size_t column);
void table_row_octets(const struct table *table, table_value_fn *value, void *ctx, struct octets *out);
void table_key_octets(const struct table *table, table_value_fn *value, void *ctx, struct octets *out);

/* A key as people read it: "12", or "4, rssi, 1". Cut to `cap`. */
void table_key_text(const uint8_t *key, size_t len, char *out, size_t cap);
/* Binds the values of a key to the parameters of table_row's statement. False: no such key. */
bool table_key_bind(const struct table *table, const uint8_t *key, size_t len, sqlite3_stmt *statement);
