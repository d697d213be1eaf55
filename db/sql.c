/*
 * The .sql files of db/ as octets of the program (the assembler's .incbin; paths are relative to the Makefile's
 * folder). A new migration or query is one line here.
 */
#include "db/sql.h"

#include <assert.h>
#include <string.h>

#include <sqlite3.h>

#define EMBED(symbol, file)                                                                                            \
	__asm__(".pushsection .rodata.sql,\"a\",@progbits\n"                                                           \
		".globl " #symbol "\n.hidden " #symbol "\n" #symbol ":\n.incbin \"" file "\"\n"                        \
		".globl " #symbol "_end\n.hidden " #symbol "_end\n" #symbol "_end:\n.byte 0\n"                         \
		".popsection\n");                                                                                      \
	extern const char symbol[], symbol##_end[];

#define MIGRATIONS(X)                                                                                                  \
	X(1, 0001_base)                                                                                                \
	X(2, 0002_labels)                                                                                              \
	X(3, 0003_links) X(4, 0004_pins_by_unit) X(5, 0005_methods) X(6, 0006_indexes) X(7, 0007_written)

/* clang-format off */
#define QUERIES(X) \
	X(anchors) X(batch) X(batches) X(cadence) X(certs) X(chain) X(columns) X(cycle) X(device) X(evidence) \
	X(failed) X(failures) X(file_references) X(file_whole) X(guards) X(kind) X(label_by_number) \
	X(label_coverage) X(label_find) X(label_last) X(label_next) X(label_scans) X(label_units) X(last_time) \
	X(life) X(lot_batch) X(lot_job) X(not_proven) X(old_methods) X(only_lot) X(open_lots) X(orphans) \
	X(overrides) X(pareto) X(passes) \
	X(pauses) X(pin) X(pin_openings) X(radios) X(report_head) X(report_yield) X(reprints) X(sessions) \
	X(schema_objects) X(sightings) X(simulated) X(tables) X(unit_by_serial) X(verify) X(view_names) \
	X(views_sha256) X(written) X(written_last) X(written_lists) X(written_one) X(yield)
/* clang-format on */

EMBED(sql_text_statements, "db/statements.sql")
EMBED(sql_text_views, "db/views.sql")
#define EMBED_MIGRATION(version, name) EMBED(sql_text_##name, "db/migrations/" #name ".sql")
MIGRATIONS(EMBED_MIGRATION)
#define EMBED_QUERY(name) EMBED(sql_text_query_##name, "db/queries/" #name ".sql")
QUERIES(EMBED_QUERY)

const char *sql_views(void) { return sql_text_views; }

const struct sql_migration *sql_migrations(size_t *count)
{
	static const struct sql_migration list[] = {
#define MIGRATION_ROW(version, name) { version, sql_text_##name },
		MIGRATIONS(MIGRATION_ROW)
	};

	*count = sizeof(list) / sizeof(list[0]);
	return list;
}

struct sql_text sql_statement(const char *name)
{
	static const char mark[] = "-- :";
	const char *at = sql_text_statements;
	size_t name_len = strlen(name);

	while ((at = strstr(at, mark))) {
		const char *end;

		at += sizeof(mark) - 1;
		if (strncmp(at, name, name_len) != 0 || at[name_len] != '\n')
			continue;
		at += name_len + 1;
		end = strstr(at, "\n-- ");
		return (struct sql_text){ at, (size_t)((end ? end : sql_text_statements_end) - at) };
	}
	return (struct sql_text){ 0 };
}

struct query {
	const char *name, *text;
};

static const struct query queries[] = {
#define QUERY_ROW(name) { #name, sql_text_query_##name },
	QUERIES(QUERY_ROW){ 0 },
};

const char *sql_query(const char *name)
{
	for (const struct query *query = queries; query->name; query++)
		if (strcmp(query->name, name) == 0)
			return query->text;
	return NULL;
}

const char *sql_query_name(size_t index)
{
	return index < sizeof(queries) / sizeof(queries[0]) ? queries[index].name : NULL;
}

struct sqlite3_stmt *sql_prepare(struct sqlite3 *db, const char *query)
{
	const char *text = sql_query(query);
	sqlite3_stmt *statement = NULL;

	assert(text);
	if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK)
		return NULL;
	assert(statement && sqlite3_stmt_readonly(statement));
	return statement;
}
