#define SQLITE_ENABLE_PREUPDATE_HOOK 1 /* only the declarations; changes_begin asks the library */
#include "db/changes.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* One of the two rows of a change, by column. */
struct side {
	sqlite3 *db;
	int (*get)(sqlite3 *db, int column, sqlite3_value **value);
	bool *bad;
};

static sqlite3_value *value_of_side(void *ctx, size_t column)
{
	const struct side *side = ctx;
	sqlite3_value *value = NULL;

	if (side->get(side->db, (int)column, &value) != SQLITE_OK)
		*side->bad = true;
	return value;
}

static void add_hash(struct changes *changes, const struct octets *row)
{
	uint8_t hash[CHAIN_HASH_LEN];

	if (row->bad || !chain_sha256(&changes->sha, row->at, row->len, hash))
		changes->bad = true;
	else
		octets_add(&changes->list, hash, sizeof(hash));
}

static void add_head(struct changes *changes, const struct table *table, char kind, const struct octets *key)
{
	size_t len = strlen(table->name);

	assert(len < TABLE_NAME_MAX);
	if (key->bad || key->len > UINT16_MAX) {
		changes->bad = true;
		return;
	}
	octets_add_be(&changes->list, 1, len);
	octets_add(&changes->list, table->name, len);
	octets_add(&changes->list, &kind, 1);
	octets_add_be(&changes->list, 2, key->len);
	octets_add(&changes->list, key->at, key->len);
	changes->count++;
}

static void add_side(struct changes *changes, const struct table *table, table_value_fn *value, void *ctx)
{
	table_row_octets(table, value, ctx, &changes->row);
	add_hash(changes, &changes->row);
}

static void key_of(const struct table *table, table_value_fn *value, void *ctx, struct octets *out)
{
	out->len = 0;
	table_key_octets(table, value, ctx, out);
}

static void list_update(struct changes *changes, const struct table *table, struct side *before, struct side *after)
{
	bool same;

	key_of(table, value_of_side, before, &changes->key);
	key_of(table, value_of_side, after, &changes->other);
	same = changes->key.len == changes->other.len &&
	       (changes->key.len == 0 || memcmp(changes->key.at, changes->other.at, changes->key.len) == 0);
	add_head(changes, table, same ? 'U' : 'D', &changes->key);
	add_side(changes, table, value_of_side, before);
	if (!same)
		add_head(changes, table, 'I', &changes->other);
	add_side(changes, table, value_of_side, after);
}

static void on_change(void *ctx, sqlite3 *db, int what, const char *schema, const char *name, sqlite3_int64 old_row,
		      sqlite3_int64 new_row)
{
	struct changes *changes = ctx;
	struct side before = { db, sqlite3_preupdate_old, &changes->bad },
		    after = { db, sqlite3_preupdate_new, &changes->bad };
	const struct table *table;

	(void)old_row, (void)new_row;
	if (strcmp(schema, "main") != 0 || strcmp(name, "audit") == 0 || strcmp(name, "written") == 0)
		return;
	table = tables_find(&changes->tables, name, strlen(name));
	if (!table || (what != SQLITE_DELETE && sqlite3_preupdate_count(db) < (int)table->columns)) {
		changes->bad = true;
		return;
	}
	if (what == SQLITE_UPDATE) {
		list_update(changes, table, &before, &after);
		return;
	}
	key_of(table, value_of_side, what == SQLITE_INSERT ? &after : &before, &changes->key);
	add_head(changes, table, what == SQLITE_INSERT ? 'I' : 'D', &changes->key);
	add_side(changes, table, value_of_side, what == SQLITE_INSERT ? &after : &before);
}

int changes_begin(struct changes *changes, sqlite3 *db, char *error, size_t error_len)
{
	*changes = (struct changes){ .db = db };
	if (!sqlite3_compileoption_used("ENABLE_PREUPDATE_HOOK")) {
		snprintf(error, error_len,
			 "this SQLite (%s) does not tell what it changes (SQLITE_ENABLE_PREUPDATE_HOOK): install the "
			 "library of the distribution",
			 sqlite3_libversion());
		return -1;
	}
	if (!chain_sha_init(&changes->sha)) {
		snprintf(error, error_len, "SHA-256 is not available: repair the installation of OpenSSL");
		return -1;
	}
	if (tables_read(&changes->tables, db, error, error_len) != 0)
		return -1;
	sqlite3_preupdate_hook(db, on_change, changes);
	return 0;
}

void changes_end(struct changes *changes)
{
	if (changes->db)
		sqlite3_preupdate_hook(changes->db, NULL, NULL);
	chain_sha_wipe(&changes->sha);
	octets_free(&changes->list);
	octets_free(&changes->row);
	octets_free(&changes->key);
	octets_free(&changes->other);
	*changes = (struct changes){ 0 };
}

void changes_forget(struct changes *changes)
{
	changes->list.len = 0;
	changes->count = 0;
	changes->bad = false;
}

bool changes_add_row(struct changes *changes, const struct table *table, sqlite3_stmt *row)
{
	key_of(table, table_value_of_statement, row, &changes->key);
	add_head(changes, table, 'I', &changes->key);
	add_side(changes, table, table_value_of_statement, row);
	return !changes->bad && !changes->list.bad;
}

bool changes_next(const uint8_t **list, size_t *left, struct change *out)
{
	const uint8_t *at = *list;
	size_t need;

	if (*left < 1 || *left < 1U + at[0] + 1 + 2)
		return false;
	out->table_len = at[0];
	out->table = (const char *)at + 1;
	at += 1 + out->table_len;
	out->kind = (char)at[0];
	out->key_len = (size_t)at[1] << 8 | at[2];
	out->key = at + 3;
	out->before = out->after = NULL;
	need = 1 + out->table_len + 3 + out->key_len + (out->kind == 'U' ? 64 : 32);
	if ((out->kind != 'I' && out->kind != 'U' && out->kind != 'D') || *left < need)
		return false;
	at = out->key + out->key_len;
	if (out->kind != 'I') {
		out->before = at;
		at += CHAIN_HASH_LEN;
	}
	if (out->kind != 'D')
		out->after = at;
	*list += need;
	*left -= need;
	return true;
}
