/*
 * A record that has been changed on the disk, octet by octet or page by page, or cut: opening, verifying and each view
 * end, with rows or with words. What verifies without a finding has the head of the true one, or what was changed does
 * not count (free pages, the room between cells, the file's own counters).
 *
 * The input: edits. Each: what (one octet), where (four octets), and an octet.
 *
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c db/verify.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c
 */
#include <assert.h>

#include "agent/wire/cursor.h"
#include "db/sql.h"
#include "db/verify.h"
#include "tests/unit/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define PAGE 4096u
#define ROWS_MAX 2000u /* of a view; the true record has a few dozen */

static struct {
	uint8_t *octets, *changed;
	size_t len;
	uint8_t head[32];
	char dir[64], path[96];
} whole;

static void found(void *ctx, const char *kind, const char *what)
{
	assert(kind[0] && what[0] && strlen(what) < 4096);
	++*(unsigned *)ctx;
}

static void noted(void *ctx, const char *what)
{
	(void)ctx;
	assert(what[0]);
}

/* A signature that anybody could make: the head itself. */
static int sign(void *ctx, const uint8_t head[static 32], uint8_t *sig, size_t *len)
{
	(void)ctx;
	memcpy(sig, head, 32);
	*len = 32;
	return 0;
}

static bool signature(void *ctx, const uint8_t head[static 32], const uint8_t *sig, size_t len, const char *key_id)
{
	(void)ctx, (void)key_id;
	return len == 32 && memcmp(sig, head, 32) == 0;
}

static void remove_files(void)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	char path[120];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", whole.path, ends[i]);
		(void)unlink(path);
	}
}

static void leave(void)
{
	remove_files();
	(void)rmdir(whole.dir);
}

static void put_lot(struct place *place)
{
	struct journal *journal = opened_lot(place, "A");

	put_passing_unit(journal, 1, 1);
	put_passing_unit_by(journal, 2, 2, "https");
	put(journal, link_record(2, 2, 1));
	put(journal, network_record(2, 2));
	put_foreign_unit(journal, 3, 3, OBSERVED_KEY_VERIFIED);
	put(journal, unit_record(4));
	put(journal, attempt_record(4, 4, 1));
	put(journal, end_record(4, OUTCOME_FAIL, 40, "selftest-failed", "device", "selftest", 500000));
	put(journal, state_record(4, UNIT_QUARANTINED, 40, "selftest-failed", "device"));
	put(journal, label_record(1, 1, 1, NULL));
	put(journal, label_state_record(1, 1, LABEL_SENT));
	put(journal, label_state_record(1, 1, LABEL_PRINTED));
	put_durable(journal, batch_end_record("done"));
	journal_close(journal);
}

/* The answer of verify_record, and its findings; the answer 1: it could not be opened. */
static int look(unsigned *findings, uint8_t head[static 32])
{
	struct verify verify = { .found = found, .noted = noted, .signature = signature, .ctx = findings };
	char error[512] = "";
	sqlite3_stmt *names;
	sqlite3 *db;
	int result;

	*findings = 0;
	if (reader_open(&db, whole.path, error, sizeof(error)) != 0) {
		assert(error[0]);
		return 1;
	}
	result = verify_record(db, &verify, error, sizeof(error));
	assert(result == 0 || error[0]);
	assert(verify.findings == *findings);
	memcpy(head, verify.head, 32);
	names = sql_prepare(db, "view_names");
	while (names && sqlite3_step(names) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(names, 0);
		sqlite3_stmt *view = name ? reader_view(db, name) : NULL;

		for (unsigned rows = 0; view && rows < ROWS_MAX && sqlite3_step(view) == SQLITE_ROW; rows++)
			for (int i = 0; i < sqlite3_column_count(view); i++)
				(void)sqlite3_column_text(view, i);
		sqlite3_finalize(view);
	}
	sqlite3_finalize(names);
	assert(sqlite3_close(db) == SQLITE_OK);
	return result;
}

static void write_file(const uint8_t *octets, size_t len)
{
	FILE *f;

	remove_files();
	f = fopen(whole.path, "wb");
	assert(f && fwrite(octets, 1, len, f) == len && fclose(f) == 0);
}

static void begin(void)
{
	struct place *place;
	unsigned findings;
	FILE *f;

	assert(place_set_up((void **)&place) == 0);
	memcpy(whole.dir, place->dir, sizeof(whole.dir));
	memcpy(whole.path, place->path, sizeof(whole.path));
	atexit(leave);
	place->sign = sign;
	put_lot(place);
	free(place);
	f = fopen(whole.path, "rb");
	assert(f && fseek(f, 0, SEEK_END) == 0);
	whole.len = (size_t)ftell(f);
	rewind(f);
	whole.octets = malloc(whole.len);
	whole.changed = malloc(whole.len);
	assert(whole.octets && whole.changed && fread(whole.octets, 1, whole.len, f) == whole.len);
	fclose(f);
	write_file(whole.octets, whole.len);
	assert(look(&findings, whole.head) == 0 && findings == 0);
}

/* The length that is left. */
static size_t edit(struct mr_rd *in, size_t len)
{
	uint8_t what = mr_rd_u8(in);
	size_t at = mr_rd_le32(in) % whole.len;
	uint8_t octet = mr_rd_u8(in);

	switch (what % 4) {
	case 0: whole.changed[at] ^= octet; break;
	case 1: whole.changed[at] = octet; break;
	case 2: /* another page in its place */
		at = at / PAGE * PAGE;
		if (at + PAGE <= whole.len && (octet + 1u) * PAGE <= whole.len)
			memcpy(whole.changed + at, whole.octets + octet * PAGE, PAGE);
		break;
	case 3: return what & 0x80 ? at : len;
	}
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mr_rd in = mr_rd_over(data, len);
	uint8_t head[32];
	unsigned findings;
	size_t left;

	if (!whole.octets)
		begin();
	memcpy(whole.changed, whole.octets, whole.len);
	left = whole.len;
	while (in.left > 0)
		left = edit(&in, left);
	write_file(whole.changed, left);
	if (look(&findings, head) == 0 && findings == 0)
		assert(memcmp(head, whole.head, 32) == 0);
	return 0;
}
