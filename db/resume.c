#include "db/resume.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/sql.h"
#include "db/store.h"
#include "db/text.h"

/* station-restarted of agent/wire/cause.h */
#define CAUSE_RESTARTED 24
#define CAUSE_RESTARTED_NAME "station-restarted"
#define CAUSE_RESTARTED_SIDE "power"
#define FIND_CACHE                                                                                                     \
	"PRAGMA cache_size = -256" /* KiB, chosen: the upper pages of its indexes; the kernel has the others */
#define FIND_BUSY_MS 5000	   /* chosen: a reader of a WAL waits for nobody but who recovers it after a crash */

/* These statements run once in a session, so they are prepared where they are used. */
static sqlite3_stmt *prepare(struct writer *writer, const char *name)
{
	struct sql_text text = sql_statement(name);
	sqlite3_stmt *statement = NULL;

	if (!text.at || sqlite3_prepare_v2(writer->db, text.at, (int)text.len, &statement, NULL) != SQLITE_OK) {
		snprintf(writer->error, sizeof(writer->error), "the database did not take %s: %s; %s", name,
			 sqlite3_errmsg(writer->db), store_remedy(sqlite3_extended_errcode(writer->db)));
		return NULL;
	}
	return statement;
}

static int finish(struct writer *writer, sqlite3_stmt *statement, const char *what)
{
	int rc;

	assert(!sqlite3_get_autocommit(writer->db)); /* the start of a session is one transaction */
	rc = writer_run(writer, statement, what);
	sqlite3_finalize(statement);
	return rc;
}

/* After a loop over rows: the error, if it did not end with SQLITE_DONE. */
static int done(struct writer *writer, sqlite3_stmt *statement, int rc, const char *what)
{
	if (rc != SQLITE_DONE)
		snprintf(writer->error, sizeof(writer->error), "the database does not give %s: %s; %s", what,
			 sqlite3_errmsg(writer->db), store_remedy(sqlite3_extended_errcode(writer->db)));
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? 0 : -1;
}

/* Tells a power cut of the station from a killed process: /proc/sys/kernel/random/boot_id is new after each start. */
static void boot_id(char out[static 40])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	out[0] = '\0';
	if (!file)
		return;
	if (!fgets(out, 40, file))
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	fclose(file);
}

static void hex_short(char out[static 17], const uint8_t *bytes)
{
	for (size_t i = 0; i < 8; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* 1: resumed; 0: new; -1: `error` of the writer. */
static int find_or_make_batch(struct writer *writer, const struct journal_batch *batch)
{
	sqlite3_stmt *statement = prepare(writer, "batch_find");
	char known[17], given[17];
	struct write_bind bind;
	int rc;

	if (!statement)
		return -1;
	sqlite3_bind_text(statement, 1, batch->lot, -1, SQLITE_STATIC);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		bool same = sqlite3_column_bytes(statement, 1) == CHAIN_HASH_LEN &&
			    memcmp(sqlite3_column_blob(statement, 1), batch->job_sha256, CHAIN_HASH_LEN) == 0;

		writer->batch = sqlite3_column_int64(statement, 0);
		if (!same) {
			hex_short(known, sqlite3_column_blob(statement, 1));
			hex_short(given, batch->job_sha256);
			snprintf(writer->error, sizeof(writer->error),
				 "lot %s is on record with another job file (SHA-256 %s..., "
				 "this one is %s...): give the changed job a new lot, or run the job file as it was",
				 batch->lot, known, given);
		}
		sqlite3_finalize(statement);
		return same ? 1 : -1;
	}
	if (done(writer, statement, rc, "its batches") != 0)
		return -1;
	statement = prepare(writer, "batch_new");
	if (!statement)
		return -1;
	bind = write_bind(statement);
	bind_text(&bind, batch->lot);
	bind_words(&bind, batch->product);
	bind_words(&bind, batch->hw_rev);
	bind_words(&bind, batch->work_order);
	bind_int(&bind, batch->quantity);
	bind_int(&bind, batch->test);
	bind_blob(&bind, batch->job.at, batch->job.len);
	bind_blob(&bind, batch->job_sha256, CHAIN_HASH_LEN);
	bind_int(&bind, batch->at_us);
	if (finish(writer, bound(&bind), "the batch") != 0)
		return -1;
	writer->batch = sqlite3_last_insert_rowid(writer->db);
	return 0;
}

static int run_simple(struct writer *writer, const char *name, int64_t value)
{
	sqlite3_stmt *statement = prepare(writer, name);

	if (!statement)
		return -1;
	assert(sqlite3_bind_parameter_count(statement) == 1);
	sqlite3_bind_int64(statement, 1, value);
	return finish(writer, statement, name);
}

static int close_dead_sessions(struct writer *writer, int64_t at_us, const char *boot)
{
	sqlite3_stmt *statement = prepare(writer, "sessions_dead");
	struct write_bind bind;

	if (!statement)
		return -1;
	bind = write_bind(statement);
	bind_int(&bind, at_us);
	bind_text(&bind, boot);
	return finish(writer, bound(&bind), "the end of a dead session");
}

static int make_session(struct writer *writer, bool simulated, const struct journal_batch *batch, const char *boot)
{
	sqlite3_stmt *statement = prepare(writer, "session_new");
	char host[65];
	struct write_bind bind;

	if (!statement)
		return -1;
	text_host(host);
	bind = write_bind(statement);
	bind_int(&bind, writer->batch);
	bind_int(&bind, simulated);
	bind_words(&bind, batch->software);
	bind_words(&bind, batch->job_path);
	bind_words(&bind, batch->policy);
	bind_words(&bind, batch->operator);
	bind_int(&bind, (int64_t)batch->seed);
	bind_int(&bind, batch->clock_ok);
	/* A simulated run repeats to the byte wherever it runs. */
	bind_text(&bind, simulated ? NULL : host);
	bind_text(&bind, simulated || !*boot ? NULL : boot);
	bind_int(&bind, batch->at_us);
	if (finish(writer, bound(&bind), "the session") != 0)
		return -1;
	writer->session = sqlite3_last_insert_rowid(writer->db);
	return 0;
}

static int interrupt_one(struct writer *writer, int64_t attempt, int64_t unit, int64_t at_us)
{
	sqlite3_stmt *statement = prepare(writer, "attempt_interrupt");
	struct write_bind bind;

	if (!statement)
		return -1;
	bind = write_bind(statement);
	bind_int(&bind, attempt);
	bind_int(&bind, CAUSE_RESTARTED);
	bind_text(&bind, CAUSE_RESTARTED_NAME);
	bind_text(&bind, CAUSE_RESTARTED_SIDE);
	bind_int(&bind, at_us);
	if (finish(writer, bound(&bind), "the end of an interrupted attempt") != 0)
		return -1;
	return writer_audit_attempt(writer, attempt, unit, "interrupted", CAUSE_RESTARTED_NAME, at_us);
}

static int interrupt_open_attempts(struct writer *writer, int64_t at_us, unsigned *interrupted)
{
	sqlite3_stmt *statement = prepare(writer, "attempts_open");
	int64_t(*list)[2] = NULL;
	size_t count = 0, cap = 0;
	int rc;

	if (!statement)
		return -1;
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		if (count == cap) {
			size_t more = cap ? 2 * cap : 64;
			int64_t(*grown)[2] = realloc(list, more * sizeof(*list));

			if (!grown) {
				rc = SQLITE_NOMEM;
				break;
			}
			list = grown;
			cap = more;
		}
		assert(count < cap);
		list[count][0] = sqlite3_column_int64(statement, 0);
		list[count++][1] = sqlite3_column_int64(statement, 1);
	}
	rc = done(writer, statement, rc, "its open attempts");
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = interrupt_one(writer, list[i][0], list[i][1], at_us);
	free(list);
	*interrupted = (unsigned)count;
	return rc;
}

static int audit_start(struct writer *writer, bool simulated, const struct journal_batch *batch, bool resumed)
{
	struct write_text *body = &writer->body;

	write_object(body);
	write_number(body, "batch", writer->batch);
	write_number(body, "session", writer->session);
	write_hex(body, "job", batch->job_sha256, CHAIN_HASH_LEN);
	write_string(body, "product", batch->product);
	write_number(body, "quantity", batch->quantity);
	write_string(body, "software", batch->software);
	write_number(body, "simulated", simulated);
	return writer_audit(writer, batch->at_us, writer->session, batch->operator && *batch->operator ? batch->operator
:
			    "station", resumed ? "batch-resume" : "batch-begin", batch->lot, write_end(body));
}

static int read_next(struct writer *writer, struct journal_start *start)
{
	sqlite3_stmt *statement = prepare(writer, "next");
	int rc;

	if (!statement)
		return -1;
	sqlite3_bind_int64(statement, 1, writer->batch);
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		start->next_unit = sqlite3_column_int64(statement, 0);
		start->next_attempt = sqlite3_column_int64(statement, 1);
		start->next_transaction = (uint64_t)sqlite3_column_int64(statement, 2);
		start->passed = (unsigned)sqlite3_column_int(statement, 3);
		rc = SQLITE_DONE;
	}
	return done(writer, statement, rc, "its highest numbers");
}

static int write_start(struct writer *writer, bool simulated, const struct journal_batch *batch,
		       struct journal_start *start)
{
	char boot[40];
	int found;

	assert(writer->batch == 0 && writer->session == 0);
	found = find_or_make_batch(writer, batch);
	if (found < 0)
		return -1;
	boot_id(boot);
	start->resumed = found == 1;
	if (close_dead_sessions(writer, batch->at_us, boot) != 0 ||
	    run_simple(writer, "batch_reopen", writer->batch) != 0 ||
	    make_session(writer, simulated, batch, boot) != 0 ||
	    audit_start(writer, simulated, batch, start->resumed) != 0 ||
	    interrupt_open_attempts(writer, batch->at_us, &start->interrupted) != 0 ||
	    run_simple(writer, "units_inactive", batch->at_us) != 0 || read_next(writer, start) != 0)
		return -1;
	/* Numbers that no station gives: somebody else wrote that file. */
	if (writer->batch <= 0 || writer->session <= 0) {
		snprintf(writer->error, sizeof(writer->error),
			 "the database numbers its batches or sessions below 1; %s", store_remedy(SQLITE_CORRUPT));
		return -1;
	}
	start->batch = writer->batch;
	start->session = writer->session;
	writer->last_us = batch->at_us;
	return 0;
}

static bool state_from_name(const char *name, enum journal_unit_state *out)
{
	static const char *const names[] = {
		[UNIT_EXPECTED] = "expected", [UNIT_SEEN] = "seen",	[UNIT_ACTIVE] = "active",
		[UNIT_PASSED] = "passed",     [UNIT_FAILED] = "failed", [UNIT_QUARANTINED] = "quarantined",
		[UNIT_HELD] = "held"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0) {
			*out = (enum journal_unit_state)i;
			return true;
		}
	return false;
}

static struct journal_blob column_blob(sqlite3_stmt *row, int column)
{
	const void *at = sqlite3_column_blob(row, column);

	return (struct journal_blob){ at, (size_t)sqlite3_column_bytes(row, column) };
}

static bool column_octets(sqlite3_stmt *row, int column, uint8_t *out, size_t len)
{
	struct journal_blob blob = column_blob(row, column);

	if (blob.len != len)
		return false;
	memcpy(out, blob.at, len);
	return true;
}

static bool resume_from_row(sqlite3_stmt *row, struct journal_resume *unit)
{
	*unit = (struct journal_resume){
		.unit = sqlite3_column_int64(row, 0),
		.attempts = (unsigned)sqlite3_column_int(row, 4),
		.counted = (unsigned)sqlite3_column_int(row, 5),
		.device_faults = (unsigned)sqlite3_column_int(row, 6),
		.serial = (const char *)sqlite3_column_text(row, 7),
		.identity_txn = (uint64_t)sqlite3_column_int64(row, 8),
		.identity_phase = (enum journal_phase)sqlite3_column_int(row, 9),
		.credentials_txn = (uint64_t)sqlite3_column_int64(row, 10),
		.credentials_phase = (enum journal_phase)sqlite3_column_int(row, 11),
		.seal_txn = (uint64_t)sqlite3_column_int64(row, 12),
		.seal_phase = (enum journal_phase)sqlite3_column_int(row, 13),
		.certificate = column_blob(row, 14),
		.has_receipt = sqlite3_column_int(row, 16) != 0,
		.pin_sealed = column_blob(row, 17),
		.pin_salt = column_blob(row, 18),
		.pin_iterations = (uint32_t)sqlite3_column_int64(row, 19),
		.same_batch = sqlite3_column_int(row, 20) != 0,
		.agentless = sqlite3_column_int(row, 21) != 0,
		.pin_shown = { (unsigned)sqlite3_column_int(row, 22), (unsigned)sqlite3_column_int(row, 23) },
	};
	unit->has_certificate = unit->certificate.len > 0;
	return ((unit->agentless && sqlite3_column_type(row, 1) == SQLITE_NULL) ||
		column_octets(row, 1, unit->device_id, sizeof(unit->device_id))) &&
	       column_octets(row, 2, unit->mac, sizeof(unit->mac)) &&
	       (!unit->has_certificate || column_octets(row, 15, unit->spki_sha256, sizeof(unit->spki_sha256))) &&
	       state_from_name((const char *)sqlite3_column_text(row, 3), &unit->state);
}

/* The rows of :resume, told one by one; `told` of them. SQLITE_DONE, or what went wrong. */
static int tell_rows(sqlite3_stmt *statement, int *told, journal_resume_fn *unit, void *ctx)
{
	struct journal_resume resume;
	int rc;

	for (*told = 0; (rc = sqlite3_step(statement)) == SQLITE_ROW; ++*told) {
		if (!resume_from_row(statement, &resume))
			return SQLITE_CORRUPT;
		unit(ctx, &resume);
	}
	return rc;
}

static int tell_units(struct writer *writer, journal_resume_fn *unit, void *ctx)
{
	sqlite3_stmt *statement = prepare(writer, "resume");
	int told;

	if (!statement)
		return -1;
	sqlite3_bind_int64(statement, 1, writer->batch);
	return done(writer, statement, tell_rows(statement, &told, unit, ctx), "its units");
}

int resume_begin(struct writer *writer, bool simulated, const struct journal_batch *batch, struct journal_start *start,
		 journal_resume_fn *unit, void *ctx, char *error, size_t error_len)
{
	uint64_t seq = writer->seq;

	assert(sqlite3_get_autocommit(writer->db));
	*start = (struct journal_start){ 0 };
	free(writer->product);
	writer->product = strdup(batch->product ? batch->product : "");
	if (!writer->product) {
		snprintf(error, error_len, "no memory is left");
		return -1;
	}
	if (writer_begin(writer) != 0 || write_start(writer, simulated, batch, start) != 0 ||
	    writer_commit(writer) != 0) {
		snprintf(error, error_len, "%s", writer->error);
		writer_rollback(writer);
		writer->batch = writer->session = 0;
		return -1;
	}
	assert(writer->seq > seq && sqlite3_get_autocommit(writer->db));
	assert(start->session == writer->session && start->batch == writer->batch);
	if (unit && tell_units(writer, unit, ctx) != 0) {
		snprintf(error, error_len, "%s", writer->error);
		return -1;
	}
	return 0;
}

/* --- units of other lots --- */

static int finder_failed(struct finder *finder)
{
	snprintf(finder->error, sizeof(finder->error), "the database does not give a unit: %s; %s",
		 finder->db ? sqlite3_errmsg(finder->db) : "no memory is left",
		 store_remedy(sqlite3_extended_errcode(finder->db)));
	return -1;
}

static sqlite3_stmt *prepare_kept(sqlite3 *db, const char *name)
{
	struct sql_text text = sql_statement(name);
	sqlite3_stmt *statement = NULL;

	assert(text.at);
	if (sqlite3_prepare_v3(db, text.at, (int)text.len, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
		return NULL;
	assert(sqlite3_stmt_readonly(statement));
	return statement;
}

int finder_open(struct finder *finder, const struct writer *writer, const struct journal_start *start)
{
	static const char *const names[JOURNAL_FINDS] = { [JOURNAL_BY_DEVICE_ID] = "find_device_id",
							  [JOURNAL_BY_MAC] = "find_mac",
							  [JOURNAL_BY_SERIAL] = "find_serial",
							  [JOURNAL_BY_PUBLIC_KEY] = "find_key",
							  [JOURNAL_BY_PIN] = "find_pin" };

	assert(!finder->db && writer->batch == start->batch);
	finder->batch = start->batch;
	finder->next_unit = start->next_unit;
	finder->product = strdup(writer->product);
	if (!finder->product || sqlite3_open_v2(sqlite3_db_filename(writer->db, "main"), &finder->db,
						SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return finder_failed(finder);
	sqlite3_busy_timeout(finder->db, FIND_BUSY_MS);
	sqlite3_db_config(finder->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (sqlite3_exec(finder->db, FIND_CACHE, NULL, NULL, NULL) != SQLITE_OK)
		return finder_failed(finder);
	finder->read = prepare_kept(finder->db, "resume");
	for (size_t i = 0; i < JOURNAL_FINDS; i++)
		if (!(finder->find[i] = prepare_kept(finder->db, names[i])))
			return finder_failed(finder);
	return finder->read ? 0 : finder_failed(finder);
}

void finder_close(struct finder *finder)
{
	sqlite3_finalize(finder->read);
	for (size_t i = 0; i < JOURNAL_FINDS; i++)
		sqlite3_finalize(finder->find[i]);
	sqlite3_close(finder->db);
	free(finder->product);
	*finder = (struct finder){ 0 };
}

int64_t finder_find(struct finder *finder, enum journal_find by, const void *key, size_t len)
{
	sqlite3_stmt *find = finder->find[by];
	int64_t unit = 0;
	int rc;

	if (by == JOURNAL_BY_SERIAL)
		sqlite3_bind_text(find, 1, key, (int)len, SQLITE_STATIC);
	else
		sqlite3_bind_blob(find, 1, key, (int)len, SQLITE_STATIC);
	sqlite3_bind_int64(find, 2, finder->next_unit);
	if (by == JOURNAL_BY_PIN)
		sqlite3_bind_text(find, 3, finder->product, -1, SQLITE_STATIC);
	rc = sqlite3_step(find);
	if (rc == SQLITE_ROW)
		unit = sqlite3_column_int64(find, 0);
	else if (rc != SQLITE_DONE)
		unit = finder_failed(finder);
	sqlite3_reset(find);
	sqlite3_clear_bindings(find);
	return unit;
}

int finder_read(struct finder *finder, int64_t number, journal_resume_fn *unit, void *ctx)
{
	int told, rc;

	sqlite3_bind_int64(finder->read, 1, finder->batch);
	sqlite3_bind_int64(finder->read, 2, number);
	rc = tell_rows(finder->read, &told, unit, ctx);
	sqlite3_reset(finder->read);
	if (rc == SQLITE_DONE && told == 1)
		return 0;
	return finder_failed(finder);
}
