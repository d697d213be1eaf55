#include "db/offline.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "db/check.h"
#include "db/sql.h"
#include "db/store.h"
#include "db/write.h"

struct desk {
	struct store store;
	struct writer writer;
};

int desk_open(struct desk **out, const struct journal_options *options, const char *what, char *error, size_t error_len)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	const struct sql_migration *migrations;
	size_t count;

	*out = NULL;
	if (!desk) {
		snprintf(error, error_len, "no memory is left");
		return -1;
	}
	migrations = sql_migrations(&count);
	if (store_open(&desk->store, options, STORE_WHICHEVER, migrations, count, error, error_len) != 0) {
		free(desk);
		return -1;
	}
	outside_hold_as(&desk->store.outside, what);
	if (writer_init(&desk->writer, &desk->store) != 0) {
		snprintf(error, error_len, "%s", desk->writer.error);
		desk_close(desk);
		return -1;
	}
	*out = desk;
	return 0;
}

sqlite3 *desk_db(struct desk *desk) { return desk->store.db; }

static bool is_for_desks(enum journal_record_kind kind)
{
	return kind == JOURNAL_LABEL || kind == JOURNAL_LABEL_STATE || kind == JOURNAL_LABEL_SCAN ||
	       kind == JOURNAL_AUDIT;
}

int desk_put(struct desk *desk, const struct journal_record *records, size_t count, char *error, size_t error_len)
{
	struct writer *writer = &desk->writer;
	int rc;

	for (size_t i = 0; i < count; i++) {
		const char *refused = journal_check(&records[i]);

		if (refused) {
			snprintf(error, error_len, "the record is refused: %s", refused);
			return -1;
		}
	}
	rc = writer_begin(writer);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		assert(is_for_desks(records[i].kind));
		rc = writer_put(writer, &records[i]);
	}
	if (rc == 0)
		rc = writer_commit(writer);
	if (rc == 0)
		return 0;
	snprintf(error, error_len, "%s", writer->error);
	writer_rollback(writer);
	return -1;
}

void desk_close(struct desk *desk)
{
	if (!desk)
		return;
	writer_wipe(&desk->writer);
	store_close(&desk->store);
	free(desk);
}
