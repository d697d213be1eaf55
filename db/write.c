#include "db/write.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/sql.h"
#include "db/store.h"

/* Text */

static bool text_room(struct write_text *text, size_t more)
{
	size_t cap = text->cap ? text->cap : 512;
	char *grown;

	if (text->cap - text->len > more)
		return true;
	while (cap - text->len <= more)
		cap *= 2;
	grown = realloc(text->at, cap);
	if (!grown) {
		text->bad = true;
		return false;
	}
	text->at = grown;
	text->cap = cap;
	return true;
}

static void text_add(struct write_text *text, const char *bytes, size_t len)
{
	if (!text_room(text, len))
		return;
	memcpy(text->at + text->len, bytes, len);
	text->len += len;
	assert(text->len < text->cap);
	text->at[text->len] = '\0';
}

static void text_key(struct write_text *text, const char *key)
{
	assert(text->bad || (text->len > 0 && text->at[0] == '{'));
	text_add(text, text->len > 1 ? ",\"" : "\"", text->len > 1 ? 2 : 1);
	text_add(text, key, strlen(key));
	text_add(text, "\":", 2);
}

void write_object(struct write_text *text)
{
	text->len = 0;
	text->bad = false;
	text_add(text, "{", 1);
}

void write_number(struct write_text *text, const char *key, int64_t value)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)value);

	text_key(text, key);
	text_add(text, digits, (size_t)len);
}

void write_string(struct write_text *text, const char *key, const char *value)
{
	if (!value)
		return;
	text_key(text, key);
	text_add(text, "\"", 1);
	while (*value) {
		size_t plain = 0;
		char escaped[8];

		while ((unsigned char)value[plain] >= 0x20 && value[plain] != '"' && value[plain] != '\\')
			plain++;
		text_add(text, value, plain);
		value += plain;
		if (!*value)
			break;
		snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned char)*value++);
		text_add(text, escaped, 6);
	}
	text_add(text, "\"", 1);
}

void write_hex(struct write_text *text, const char *key, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *octets = bytes;

	text_key(text, key);
	if (!text_room(text, 2 * len + 2))
		return;
	text->at[text->len++] = '"';
	for (size_t i = 0; i < len; i++) {
		text->at[text->len++] = digits[octets[i] >> 4];
		text->at[text->len++] = digits[octets[i] & 15];
	}
	text->at[text->len++] = '"';
	assert(text->len < text->cap);
	text->at[text->len] = '\0';
}

const char *write_end(struct write_text *text)
{
	text_add(text, "}", 1);
	return text->bad ? "" : text->at;
}

/* Values */

struct write_bind write_bind(sqlite3_stmt *statement)
{
	assert(statement && !sqlite3_stmt_busy(statement));
	return (struct write_bind){ statement, 1 };
}

/* All of its parameters have a value of this record, none one of the record before. */
sqlite3_stmt *bound(const struct write_bind *bind)
{
	assert(bind->at == 1 + sqlite3_bind_parameter_count(bind->statement));
	return bind->statement;
}

void bind_int(struct write_bind *bind, int64_t value) { sqlite3_bind_int64(bind->statement, bind->at++, value); }

void bind_real(struct write_bind *bind, bool present, double value)
{
	if (present)
		sqlite3_bind_double(bind->statement, bind->at++, value);
	else
		sqlite3_bind_null(bind->statement, bind->at++);
}

void bind_text(struct write_bind *bind, const char *value)
{
	sqlite3_bind_text(bind->statement, bind->at++, value, -1, SQLITE_STATIC);
}

void bind_words(struct write_bind *bind, const char *value) { bind_text(bind, value ? value : ""); }

void bind_blob(struct write_bind *bind, const void *at, size_t len)
{
	sqlite3_bind_blob64(bind->statement, bind->at++, len ? at : "", len, SQLITE_STATIC);
}

/* JOURNAL_NO_TIME: NULL. */
static void bind_stage(struct write_bind *bind, uint32_t value_us)
{
	if (value_us == JOURNAL_NO_TIME)
		bind_text(bind, NULL);
	else
		bind_int(bind, value_us);
}

static void bind_cause(struct write_bind *bind, const struct journal_cause *cause)
{
	if (cause->number) {
		bind_int(bind, cause->number);
		bind_text(bind, cause->name);
		bind_text(bind, cause->side);
		return;
	}
	for (int i = 0; i < 3; i++)
		bind_text(bind, NULL);
}

/* Names */

static const char *unit_state_name(enum journal_unit_state state)
{
	switch (state) {
	case UNIT_EXPECTED: return "expected";
	case UNIT_SEEN: return "seen";
	case UNIT_ACTIVE: return "active";
	case UNIT_PASSED: return "passed";
	case UNIT_FAILED: return "failed";
	case UNIT_QUARANTINED: return "quarantined";
	case UNIT_HELD: return "held";
	}
	return NULL;
}

static const char *outcome_name(enum journal_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_PASS: return "pass";
	case OUTCOME_FAIL: return "fail";
	case OUTCOME_ERROR: return "error";
	case OUTCOME_TIMEOUT: return "timeout";
	case OUTCOME_ABORTED: return "aborted";
	case OUTCOME_INTERRUPTED: return "interrupted";
	}
	return NULL;
}

static const char *attempt_kind_name(enum journal_attempt_kind kind)
{
	switch (kind) {
	case ATTEMPT_FIRST: return "first";
	case ATTEMPT_AUTO_RETRY: return "auto-retry";
	case ATTEMPT_OPERATOR_RETRY: return "operator-retry";
	case ATTEMPT_RESUME: return "resume";
	}
	return NULL;
}

/* The connection */

static int fail(struct writer *writer, const char *what)
{
	int rc = sqlite3_extended_errcode(writer->db);

	snprintf(writer->error, sizeof(writer->error), "the database did not take %s: %s; %s", what,
		 sqlite3_errmsg(writer->db), store_remedy(rc));
	return -1;
}

static int fail_about(struct writer *writer, const char *what, int64_t id, const char *why)
{
	snprintf(writer->error, sizeof(writer->error), "the database did not take %s %lld: %s; %s", what, (long long)id,
		 why, store_remedy(SQLITE_CONSTRAINT));
	return -1;
}

int writer_run(struct writer *writer, sqlite3_stmt *statement, const char *what)
{
	int rc = sqlite3_step(statement);

	if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
		fail(writer, what);
		sqlite3_reset(statement);
		return -1;
	}
	sqlite3_reset(statement);
	return 0;
}

static int run_one(struct writer *writer, sqlite3_stmt *statement, const char *what, int64_t id, const char *otherwise)
{
	if (writer_run(writer, statement, what) != 0)
		return -1;
	return sqlite3_changes(writer->db) == 1 ? 0 : fail_about(writer, what, id, otherwise);
}

static int read_chain(struct writer *writer)
{
	sqlite3_stmt *head = writer->statement[WRITE_head];
	int rc = sqlite3_step(head);

	if (rc == SQLITE_ROW && sqlite3_column_int64(head, 0) > 0 && sqlite3_column_bytes(head, 1) == CHAIN_HASH_LEN) {
		writer->seq = (uint64_t)sqlite3_column_int64(head, 0);
		memcpy(writer->head, sqlite3_column_blob(head, 1), CHAIN_HASH_LEN);
	} else if (rc != SQLITE_DONE) {
		return fail(writer, "the reading of its audit chain");
	}
	sqlite3_reset(head);
	return 0;
}

int writer_init(struct writer *writer, struct store *store)
{
	static const char *const names[] = {
#define WRITE_STATEMENT_NAME(name) #name,
		WRITE_STATEMENTS(WRITE_STATEMENT_NAME)
	};

	*writer = (struct writer){ .store = store, .db = store->db };
	if (!chain_sha_init(&writer->sha)) {
		snprintf(writer->error, sizeof(writer->error),
			 "SHA-256 is not available: repair the installation of OpenSSL");
		return -1;
	}
	for (size_t i = 0; i < WRITE_STATEMENT_COUNT; i++) {
		struct sql_text text = sql_statement(names[i]);

		assert(text.at);
		if (sqlite3_prepare_v3(writer->db, text.at, (int)text.len, SQLITE_PREPARE_PERSISTENT,
				       &writer->statement[i], NULL) != SQLITE_OK)
			return fail(writer, names[i]);
	}
	if (read_chain(writer) != 0)
		return -1;
	if (written_init(&writer->written, writer->db, &store->options) != 0) {
		snprintf(writer->error, sizeof(writer->error), "%s", writer->written.error);
		return -1;
	}
	return changes_begin(&writer->changes, writer->db, writer->error, sizeof(writer->error));
}

void writer_wipe(struct writer *writer)
{
	for (size_t i = 0; i < WRITE_STATEMENT_COUNT; i++)
		sqlite3_finalize(writer->statement[i]);
	changes_end(&writer->changes);
	written_wipe(&writer->written);
	chain_sha_wipe(&writer->sha);
	free(writer->body.at);
	free(writer->product);
	*writer = (struct writer){ 0 };
}

int writer_begin(struct writer *writer)
{
	/* One at a time. */
	assert(sqlite3_get_autocommit(writer->db) && writer->changes.count == 0);
	writer->before.seq = writer->seq;
	memcpy(writer->before.head, writer->head, sizeof(writer->head));
	writer->before.written = writer->written.head;
	if (writer_run(writer, writer->statement[WRITE_begin], "the transaction") != 0)
		return -1;
	return store_is_ours(writer->store, writer->error, sizeof(writer->error));
}

/* A transaction that changed nothing leaves no commit. */
static int put_written(struct writer *writer)
{
	struct changes *changes = &writer->changes;

	if (changes->bad || changes->list.bad) {
		snprintf(writer->error, sizeof(writer->error),
			 "no memory is left for the list of what was changed: close other programs, then run the job "
			 "again");
		return -1;
	}
	if (changes->count == 0 && writer->seq == writer->before.seq)
		return 0;
	if (written_add(&writer->written, writer->seq, writer->head, 0, &changes->list) == 0)
		return 0;
	snprintf(writer->error, sizeof(writer->error), "%s", writer->written.error);
	return -1;
}

int writer_commit(struct writer *writer)
{
	struct outside *outside = &writer->store->outside;

	assert(!sqlite3_get_autocommit(writer->db));
	if (put_written(writer) != 0 || writer_run(writer, writer->statement[WRITE_commit], "the transaction") != 0)
		return -1;
	assert(sqlite3_get_autocommit(writer->db));
	changes_forget(&writer->changes);
	/* It was written to these files; whether that is to be told depends on whether they are still there. */
	if (outside_still(outside, writer->error, sizeof(writer->error)) != 0) {
		outside->touched = true;
		return -1;
	}
	if (writer->written.head.n > writer->before.written.n)
		outside_keep(outside, &writer->written.head);
	return 0;
}

void writer_rollback(struct writer *writer)
{
	/* An error that rolled back by itself leaves nothing to roll back. */
	if (!sqlite3_get_autocommit(writer->db))
		(void)writer_run(writer, writer->statement[WRITE_rollback], "the transaction");
	changes_forget(&writer->changes);
	writer->seq = writer->before.seq;
	memcpy(writer->head, writer->before.head, sizeof(writer->head));
	writer->written.head = writer->before.written;
}

/* The chain */

int writer_audit(struct writer *writer, int64_t at_us, int64_t session, const char *actor, const char *action,
		 const char *subject, const char *body)
{
	struct chain_row row = {
		.seq = writer->seq + 1,
		.at_us = at_us,
		.session = session,
		.actor = actor ? actor : "",
		.action = action ? action : "",
		.subject = subject ? subject : "",
		.body = body ? body : "",
	};
	struct write_bind bind = write_bind(writer->statement[WRITE_audit]);
	uint8_t hash[CHAIN_HASH_LEN];

	/* A row outside a transaction would be in the chain before what it covers is in its table. */
	assert(!sqlite3_get_autocommit(writer->db));
	if (writer->body.bad || !chain_hash(&writer->sha, &row, writer->head, hash))
		return fail_about(writer, "row of the audit chain", (int64_t)row.seq, "no memory is left");
	bind_int(&bind, (int64_t)row.seq);
	bind_int(&bind, at_us);
	if (session)
		bind_int(&bind, session);
	else
		bind_text(&bind, NULL);
	bind_text(&bind, row.actor);
	bind_text(&bind, row.action);
	bind_text(&bind, row.subject);
	bind_text(&bind, row.body);
	bind_blob(&bind, writer->head, CHAIN_HASH_LEN);
	bind_blob(&bind, hash, CHAIN_HASH_LEN);
	if (writer_run(writer, bound(&bind), "a row of the audit chain") != 0)
		return -1;
	assert(row.seq == writer->seq + 1);
	writer->seq = row.seq;
	memcpy(writer->head, hash, CHAIN_HASH_LEN);
	return 0;
}

/* A row about a unit, by the journal itself; its body is in writer->body. */
static int audit_unit(struct writer *writer, int64_t at_us, const char *action, int64_t unit)
{
	char subject[32];

	snprintf(subject, sizeof(subject), "unit %lld", (long long)unit);
	return writer_audit(writer, at_us, writer->session, "station", action, subject, write_end(&writer->body));
}

int writer_audit_attempt(struct writer *writer, int64_t attempt, int64_t unit, const char *outcome, const char *cause,
			 int64_t at_us)
{
	static const enum write_statement evidence[] = { WRITE_evidence_attempt, WRITE_evidence_steps,
							 WRITE_evidence_measurements };
	uint8_t sha256[CHAIN_HASH_LEN];

	if (!chain_sha_begin(&writer->sha))
		return fail_about(writer, "attempt", attempt, "no memory is left");
	for (size_t i = 0; i < sizeof(evidence) / sizeof(evidence[0]); i++) {
		assert(!sqlite3_stmt_busy(writer->statement[evidence[i]]));
		sqlite3_bind_int64(writer->statement[evidence[i]], 1, attempt);
		if (chain_sha_rows(&writer->sha, writer->statement[evidence[i]]) != SQLITE_OK)
			return fail(writer, "the evidence of an attempt");
	}
	if (!chain_sha_end(&writer->sha, sha256))
		return fail_about(writer, "attempt", attempt, "no memory is left");
	write_object(&writer->body);
	write_number(&writer->body, "attempt", attempt);
	write_string(&writer->body, "outcome", outcome);
	write_string(&writer->body, "cause", cause);
	write_hex(&writer->body, "evidence", sha256, sizeof(sha256));
	return audit_unit(writer, at_us, "attempt", unit);
}

/* One function for each kind of record */

static int put_unit(struct writer *writer, const struct journal_unit *unit)
{
	static const uint8_t none[sizeof(unit->device_id)];
	struct write_bind bind = write_bind(writer->statement[WRITE_unit]);
	bool has_id = memcmp(unit->device_id, none, sizeof(none)) != 0;

	assert(writer->batch > 0);
	bind_int(&bind, unit->unit);
	bind_int(&bind, writer->batch);
	if (has_id || !unit->agentless)
		bind_blob(&bind, unit->device_id, sizeof(unit->device_id));
	else
		bind_text(&bind, NULL);
	bind_blob(&bind, unit->mac, sizeof(unit->mac));
	bind_words(&bind, unit->product);
	bind_words(&bind, unit->hw_rev);
	bind_words(&bind, unit->firmware);
	bind_int(&bind, unit->agentless);
	bind_int(&bind, unit->at_us);
	if (writer_run(writer, bound(&bind), "a unit") != 0)
		return -1;
	if (!unit->agentless)
		return 0;
	/* That nothing is proved about it is itself held by the chain. Of units with an agent the identity says who. */
	write_object(&writer->body);
	write_number(&writer->body, "agentless", 1);
	write_hex(&writer->body, "mac", unit->mac, sizeof(unit->mac));
	if (has_id)
		write_hex(&writer->body, "device_id", unit->device_id, sizeof(unit->device_id));
	return audit_unit(writer, unit->at_us, "unit", unit->unit);
}

static int put_unit_state(struct writer *writer, const struct journal_unit_state_change *change)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_unit_state]);
	const char *state = unit_state_name(change->state);

	bind_int(&bind, change->unit);
	bind_text(&bind, state);
	bind_cause(&bind, &change->cause);
	bind_int(&bind, change->at_us);
	if (run_one(writer, bound(&bind), "the state of unit", change->unit, "there is no such unit") != 0)
		return -1;
	if (change->state != UNIT_PASSED && change->state != UNIT_FAILED && change->state != UNIT_QUARANTINED)
		return 0;
	write_object(&writer->body);
	write_string(&writer->body, "state", state);
	write_string(&writer->body, "cause", change->cause.number ? change->cause.name : NULL);
	return audit_unit(writer, change->at_us, "outcome", change->unit);
}

static int put_attempt(struct writer *writer, const struct journal_attempt *attempt)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_attempt]);

	assert(writer->batch > 0 && writer->session > 0);
	bind_int(&bind, attempt->attempt);
	bind_int(&bind, attempt->unit);
	bind_int(&bind, writer->batch);
	bind_int(&bind, writer->session);
	bind_int(&bind, attempt->n);
	bind_text(&bind, attempt_kind_name(attempt->kind));
	bind_words(&bind, attempt->radio);
	bind_int(&bind, attempt->freq_mhz);
	bind_int(&bind, attempt->rssi_dbm);
	bind_words(&bind, attempt->method);
	bind_int(&bind, attempt->at_us);
	return writer_run(writer, bound(&bind), "an attempt");
}

static int put_attempt_end(struct writer *writer, const struct journal_attempt_end *end)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_attempt_end]);
	const uint32_t figures[] = { end->active_us,	   end->device_us,	 end->wait_radio_us,
				     end->wait_ca_us,	   end->wait_journal_us, end->frames_sent,
				     end->frames_received, end->retries,	 end->octets };
	sqlite3_stmt *row = writer->statement[WRITE_evidence_attempt];
	int64_t unit = 0;

	bind_int(&bind, end->attempt);
	bind_text(&bind, outcome_name(end->outcome));
	bind_cause(&bind, &end->cause);
	bind_text(&bind, end->step);
	bind_text(&bind, end->detail);
	bind_int(&bind, end->at_us);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		bind_int(&bind, figures[i]);
	if (run_one(writer, bound(&bind), "the end of attempt", end->attempt, "no such attempt is open") != 0)
		return -1;
	sqlite3_bind_int64(row, 1, end->attempt);
	if (sqlite3_step(row) == SQLITE_ROW)
		unit = sqlite3_column_int64(row, 1);
	sqlite3_reset(row);
	return writer_audit_attempt(writer, end->attempt, unit, outcome_name(end->outcome),
				    end->cause.number ? end->cause.name : NULL, end->at_us);
}

static int put_step(struct writer *writer, const struct journal_step *step)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_step]);

	bind_int(&bind, step->attempt);
	bind_int(&bind, step->seq);
	bind_words(&bind, step->name);
	bind_int(&bind, step->tries);
	bind_int(&bind, step->at_us);
	bind_int(&bind, step->duration_us);
	bind_int(&bind, step->device_us);
	bind_text(&bind, outcome_name(step->outcome));
	bind_cause(&bind, &step->cause);
	return writer_run(writer, bound(&bind), "a step");
}

static int put_measurement(struct writer *writer, const struct journal_measurement *measurement)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_measurement]);

	bind_int(&bind, measurement->attempt);
	bind_words(&bind, measurement->name);
	bind_real(&bind, true, measurement->value);
	bind_words(&bind, measurement->unit);
	bind_real(&bind, measurement->has_low, measurement->low);
	bind_real(&bind, measurement->has_high, measurement->high);
	bind_int(&bind, measurement->passed);
	return writer_run(writer, bound(&bind), "a measurement");
}

static int put_intent(struct writer *writer, int64_t unit, int64_t attempt, uint64_t transaction, const char *operation,
		      int64_t at_us)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_txn_intent]);

	bind_int(&bind, (int64_t)transaction);
	bind_int(&bind, unit);
	bind_int(&bind, attempt);
	bind_words(&bind, operation);
	bind_int(&bind, at_us);
	return run_one(writer, bound(&bind), "transaction", (int64_t)transaction,
		       "that number belongs to another unit or operation");
}

static int put_pin(struct writer *writer, const struct journal_identity *identity)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_pin]);

	bind_int(&bind, identity->unit);
	bind_int(&bind, identity->attempt);
	bind_words(&bind, writer->product);
	bind_blob(&bind, identity->pin_lookup, sizeof(identity->pin_lookup));
	bind_words(&bind, identity->pin_kind);
	bind_blob(&bind, identity->pin_sealed.at, identity->pin_sealed.len);
	bind_words(&bind, identity->kek_id);
	bind_blob(&bind, identity->pin_salt.at, identity->pin_salt.len);
	bind_int(&bind, identity->pin_iterations);
	bind_int(&bind, identity->at_us);
	return writer_run(writer, bound(&bind), "a PIN");
}

static int put_cert(struct writer *writer, const struct journal_identity *identity, const uint8_t sha256[static 32])
{
	struct write_bind bind = write_bind(writer->statement[WRITE_cert]);

	bind_int(&bind, identity->unit);
	bind_int(&bind, identity->attempt);
	bind_words(&bind, identity->serial_hex);
	bind_words(&bind, identity->issuer);
	bind_words(&bind, identity->subject);
	bind_blob(&bind, identity->spki_sha256, sizeof(identity->spki_sha256));
	bind_blob(&bind, identity->certificate.at, identity->certificate.len);
	bind_blob(&bind, sha256, CHAIN_HASH_LEN);
	bind_int(&bind, identity->not_before_us);
	if (identity->not_after_us == INT64_MAX)
		bind_text(&bind, NULL);
	else
		bind_int(&bind, identity->not_after_us);
	bind_int(&bind, identity->at_us);
	return writer_run(writer, bound(&bind), "a certificate");
}

static int put_identity(struct writer *writer, const struct journal_identity *identity)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_unit_serial]);
	uint8_t sha256[CHAIN_HASH_LEN] = { 0 };

	bind_int(&bind, identity->unit);
	bind_text(&bind, identity->serial);
	if (run_one(writer, bound(&bind), "the serial number of unit", identity->unit, "there is no such unit") != 0)
		return -1;
	if (identity->transaction && put_intent(writer, identity->unit, identity->attempt, identity->transaction,
						"identity", identity->at_us) != 0)
		return -1;
	if (identity->pin_sealed.len && put_pin(writer, identity) != 0)
		return -1;
	if (identity->certificate.len) {
		if (!chain_sha256(&writer->sha, identity->certificate.at, identity->certificate.len, sha256))
			return fail_about(writer, "the certificate of unit", identity->unit, "no memory is left");
		if (put_cert(writer, identity, sha256) != 0)
			return -1;
	}
	write_object(&writer->body);
	write_string(&writer->body, "serial", identity->serial);
	if (identity->certificate.len) {
		write_hex(&writer->body, "certificate", sha256, sizeof(sha256));
		write_string(&writer->body, "issuer", identity->issuer);
		write_string(&writer->body, "serial_hex", identity->serial_hex);
		write_hex(&writer->body, "spki", identity->spki_sha256, sizeof(identity->spki_sha256));
	}
	if (identity->pin_sealed.len)
		write_hex(&writer->body, "pin_lookup", identity->pin_lookup, sizeof(identity->pin_lookup));
	return audit_unit(writer, identity->at_us, "identity", identity->unit);
}

static int put_cert_state(struct writer *writer, const struct journal_cert_state_change *change)
{
	enum write_statement which = WRITE_cert_installed;
	const char *state = NULL;
	struct write_bind bind;

	switch (change->state) {
	case CERT_ISSUED: return 0; /* the identity said so */
	case CERT_INSTALLED: break;
	case CERT_VERIFIED: which = WRITE_cert_verified; break;
	case CERT_REVOKED:
		which = WRITE_cert_revoked;
		state = "revoked";
		break;
	case CERT_VOID:
		which = WRITE_cert_void;
		state = "void";
		break;
	}
	bind = write_bind(writer->statement[which]);
	bind_int(&bind, change->unit);
	bind_int(&bind, change->at_us);
	if (run_one(writer, bound(&bind), "the certificate's state of unit", change->unit,
		    "it has no live certificate") != 0)
		return -1;
	if (!state)
		return 0;
	write_object(&writer->body);
	write_string(&writer->body, "state", state);
	return audit_unit(writer, change->at_us, "certificate", change->unit);
}

static int put_transaction(struct writer *writer, const struct journal_transaction *transaction)
{
	struct write_bind bind;

	if (transaction->phase == PHASE_INTENT)
		return put_intent(writer, transaction->unit, transaction->attempt, transaction->transaction,
				  transaction->operation, transaction->at_us);
	bind = write_bind(
		writer->statement[transaction->phase == PHASE_PREPARED ? WRITE_txn_prepared : WRITE_txn_committed]);
	bind_int(&bind, (int64_t)transaction->transaction);
	bind_int(&bind, transaction->unit);
	bind_int(&bind, transaction->at_us);
	return run_one(writer, bound(&bind), "the phase of transaction", (int64_t)transaction->transaction,
		       "its intent is not on record for that unit");
}

static bool add_sha256(struct writer *writer, const char *key, const struct journal_blob *blob)
{
	uint8_t sha256[CHAIN_HASH_LEN];

	if (!chain_sha256(&writer->sha, blob->at, blob->len, sha256))
		return false;
	write_hex(&writer->body, key, sha256, sizeof(sha256));
	return true;
}

/* Of a method, as octets; NULL: left out. */
static bool add_evidence(struct writer *writer, const char *evidence)
{
	return !evidence || add_sha256(writer, "evidence", &(struct journal_blob){ evidence, strlen(evidence) });
}

static int put_receipt(struct writer *writer, const struct journal_receipt *receipt)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_receipt]);

	bind_int(&bind, receipt->unit);
	bind_int(&bind, receipt->attempt);
	bind_int(&bind, (int64_t)receipt->transaction);
	bind_blob(&bind, receipt->receipt.at, receipt->receipt.len);
	bind_blob(&bind, receipt->challenge.at, receipt->challenge.len);
	bind_blob(&bind, receipt->signature.at, receipt->signature.len);
	bind_int(&bind, receipt->at_us);
	if (writer_run(writer, bound(&bind), "a receipt") != 0)
		return -1;
	write_object(&writer->body);
	write_number(&writer->body, "attempt", receipt->attempt);
	write_number(&writer->body, "transaction", (int64_t)receipt->transaction);
	if (!add_sha256(writer, "receipt", &receipt->receipt) ||
	    !add_sha256(writer, "challenge", &receipt->challenge) ||
	    !add_sha256(writer, "signature", &receipt->signature))
		return fail_about(writer, "the receipt of unit", receipt->unit, "no memory is left");
	return audit_unit(writer, receipt->at_us, "receipt", receipt->unit);
}

static int put_sighting(struct writer *writer, const struct journal_sighting *sighting)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_sighting]);

	bind_int(&bind, writer->session);
	bind_blob(&bind, sighting->mac, sizeof(sighting->mac));
	bind_blob(&bind, sighting->device_id, sizeof(sighting->device_id));
	bind_words(&bind, sighting->verdict);
	bind_int(&bind, sighting->freq_mhz);
	bind_int(&bind, sighting->rssi_dbm);
	bind_int(&bind, sighting->count);
	bind_int(&bind, sighting->first_us);
	bind_int(&bind, sighting->last_us);
	return writer_run(writer, bound(&bind), "a sighting");
}

static int put_radio(struct writer *writer, const struct journal_radio *radio)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_radio]);
	const uint64_t figures[] = { radio->sent,	radio->acked,	 radio->unacked, radio->retries,
				     radio->received,	radio->dropped,	 radio->garbage, radio->switches,
				     radio->airtime_us, radio->switch_us };

	bind_int(&bind, writer->session);
	bind_words(&bind, radio->radio);
	bind_words(&bind, radio->path);
	bind_words(&bind, radio->driver);
	bind_blob(&bind, radio->mac, sizeof(radio->mac));
	bind_int(&bind, radio->simulated);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		bind_int(&bind, (int64_t)figures[i]);
	return writer_run(writer, bound(&bind), "a radio's totals");
}

static int put_guard(struct writer *writer, const struct journal_guard *guard)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_guard]);

	bind_int(&bind, writer->session);
	bind_words(&bind, guard->guard);
	bind_words(&bind, guard->detail);
	bind_int(&bind, guard->at_us);
	if (writer_run(writer, bound(&bind), "a guard") != 0)
		return -1;
	write_object(&writer->body);
	write_string(&writer->body, "detail", guard->detail);
	return writer_audit(writer, guard->at_us, writer->session, "station", "guard", guard->guard,
			    write_end(&writer->body));
}

static int put_link(struct writer *writer, const struct journal_link *link)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_link]);

	bind_int(&bind, link->attempt);
	bind_int(&bind, link->n);
	bind_words(&bind, link->method);
	bind_words(&bind, link->kind ? link->kind : link->ad_hoc ? "ad-hoc" : "infrastructure");
	bind_blob(&bind, link->bssid, sizeof(link->bssid));
	bind_blob(&bind, link->ssid.at, link->ssid.len);
	bind_int(&bind, link->freq_mhz);
	bind_words(&bind, link->security);
	bind_words(&bind, link->secret);
	bind_words(&bind, link->cipher);
	if (link->has_certificate)
		bind_blob(&bind, link->certificate_sha256, sizeof(link->certificate_sha256));
	else
		bind_text(&bind, NULL);
	bind_stage(&bind, link->join_us);
	bind_stage(&bind, link->address_us);
	bind_stage(&bind, link->connect_us);
	bind_stage(&bind, link->secure_us);
	bind_text(&bind, link->evidence);
	bind_int(&bind, link->at_us);
	if (writer_run(writer, bound(&bind), "a link") != 0)
		return -1;
	write_object(&writer->body);
	write_number(&writer->body, "attempt", link->attempt);
	write_number(&writer->body, "n", link->n);
	write_string(&writer->body, "method", link->method);
	write_hex(&writer->body, "bssid", link->bssid, sizeof(link->bssid));
	write_string(&writer->body, "cipher", link->cipher);
	if (link->has_certificate)
		write_hex(&writer->body, "certificate", link->certificate_sha256, sizeof(link->certificate_sha256));
	if (!add_evidence(writer, link->evidence))
		return fail_about(writer, "the link of unit", link->unit, "no memory is left");
	return audit_unit(writer, link->at_us, "link", link->unit);
}

static int put_delivery(struct writer *writer, const struct journal_delivery *delivery)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_delivery]);
	int64_t n = 0;

	bind_int(&bind, delivery->attempt);
	bind_words(&bind, delivery->method);
	bind_words(&bind, delivery->evidence);
	bind_int(&bind, delivery->at_us);
	if (sqlite3_step(bound(&bind)) == SQLITE_ROW)
		n = sqlite3_column_int64(bind.statement, 0);
	if (n == 0 || sqlite3_step(bind.statement) != SQLITE_DONE) {
		fail(writer, "a delivery");
		sqlite3_reset(bind.statement);
		return -1;
	}
	sqlite3_reset(bind.statement);
	write_object(&writer->body);
	write_number(&writer->body, "attempt", delivery->attempt);
	write_number(&writer->body, "n", n);
	write_string(&writer->body, "method", delivery->method);
	if (!add_evidence(writer, delivery->evidence))
		return fail_about(writer, "the delivery of unit", delivery->unit, "no memory is left");
	return audit_unit(writer, delivery->at_us, "delivery", delivery->unit);
}

static int put_network(struct writer *writer, const struct journal_network *network)
{
	static const char *const observed[] = { "no", "seen", "key-verified" };
	struct write_bind bind = write_bind(writer->statement[WRITE_network]);

	assert((unsigned)network->observed < sizeof(observed) / sizeof(observed[0]));
	bind_int(&bind, network->attempt);
	bind_blob(&bind, network->ssid.at, network->ssid.len);
	bind_words(&bind, network->security);
	bind_int(&bind, network->heard);
	bind_int(&bind, network->candidates);
	if (network->picked) {
		bind_blob(&bind, network->bssid, sizeof(network->bssid));
		bind_int(&bind, network->freq_mhz);
		bind_int(&bind, network->rssi_dbm);
	} else {
		bind_text(&bind, NULL);
		bind_text(&bind, NULL);
		bind_text(&bind, NULL);
	}
	bind_words(&bind, network->reason);
	if (network->joined)
		bind_int(&bind, network->joined_us);
	else
		bind_text(&bind, NULL);
	bind_words(&bind, observed[network->observed]);
	bind_int(&bind, network->reported);
	bind_int(&bind, network->at_us);
	if (writer_run(writer, bound(&bind), "a network") != 0)
		return -1;
	write_object(&writer->body);
	write_number(&writer->body, "attempt", network->attempt);
	write_hex(&writer->body, "ssid", network->ssid.at, network->ssid.len);
	write_string(&writer->body, "observed", observed[network->observed]);
	write_number(&writer->body, "reported", network->reported);
	return audit_unit(writer, network->at_us, "network", network->unit);
}

/* A row of the chain about a unit, by a person. */
static int audit_label(struct writer *writer, int64_t at_us, const char *actor, const char *action, int64_t unit)
{
	char subject[32];

	snprintf(subject, sizeof(subject), "unit %lld", (long long)unit);
	return writer_audit(writer, at_us, writer->session, actor, action, subject, write_end(&writer->body));
}

static int put_label(struct writer *writer, const struct journal_label *label)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_label]);

	bind_int(&bind, label->label);
	bind_int(&bind, label->unit);
	bind_int(&bind, label->copy);
	bind_words(&bind, label->kind);
	bind_words(&bind, label->template);
	bind_blob(&bind, label->digest, sizeof(label->digest));
	bind_text(&bind, label->key_id);
	bind_text(&bind, label->reason);
	bind_words(&bind, label->actor);
	bind_int(&bind, label->at_us);
	if (writer_run(writer, bound(&bind), "a label") != 0)
		return -1;
	write_object(&writer->body);
	write_number(&writer->body, "label", label->label);
	write_number(&writer->body, "copy", label->copy);
	write_string(&writer->body, "kind", label->kind);
	write_string(&writer->body, "template", label->template);
	write_hex(&writer->body, "digest", label->digest, sizeof(label->digest));
	write_string(&writer->body, "key", label->key_id);
	write_string(&writer->body, "reason", label->reason);
	return audit_label(writer, label->at_us, label->actor, "label", label->unit);
}

static int put_label_state(struct writer *writer, const struct journal_label_state_change *change)
{
	static const struct {
		enum write_statement statement;
		const char *name;
	} states[] = {
		[LABEL_SENT] = { WRITE_label_sent, "sent" },
		[LABEL_PRINTED] = { WRITE_label_printed, "printed" },
		[LABEL_SCANNED] = { WRITE_label_scanned, "scanned" },
		[LABEL_VOID] = { WRITE_label_void, "void" },
	};
	struct write_bind bind;

	assert((unsigned)change->state < sizeof(states) / sizeof(states[0]));
	bind = write_bind(writer->statement[states[change->state].statement]);
	bind_int(&bind, change->label);
	bind_int(&bind, change->unit);
	bind_int(&bind, change->at_us);
	if (run_one(writer, bound(&bind), "the state of label", change->label,
		    "it is not on record for that unit, or that state does not follow its present one") != 0)
		return -1;
	write_object(&writer->body);
	write_number(&writer->body, "label", change->label);
	write_string(&writer->body, "state", states[change->state].name);
	return audit_label(writer, change->at_us, change->actor, "label-state", change->unit);
}

static int put_label_scan(struct writer *writer, const struct journal_label_scan *scan)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_label_scan]);
	char subject[32];

	bind_int(&bind, scan->scan);
	bind_int(&bind, scan->batch);
	bind_int(&bind, scan->expected);
	bind_int(&bind, scan->unit);
	bind_int(&bind, scan->label);
	bind_words(&bind, scan->verdict);
	bind_words(&bind, scan->actor);
	bind_int(&bind, scan->at_us);
	if (writer_run(writer, bound(&bind), "a scan") != 0)
		return -1;
	write_object(&writer->body);
	write_number(&writer->body, "scan", scan->scan);
	write_string(&writer->body, "verdict", scan->verdict);
	if (scan->label)
		write_number(&writer->body, "label", scan->label);
	if (scan->expected)
		write_number(&writer->body, "expected", scan->expected);
	snprintf(subject, sizeof(subject), "%s %lld", scan->unit ? "unit" : "batch",
		 (long long)(scan->unit ? scan->unit : scan->batch));
	return writer_audit(writer, scan->at_us, writer->session, scan->actor, "label-scan", subject,
			    write_end(&writer->body));
}

static int put_batch_end(struct writer *writer, const struct journal_batch_end *end)
{
	struct write_bind bind = write_bind(writer->statement[WRITE_batch_end]);
	char subject[32];

	assert(writer->batch > 0 && writer->session > 0);
	bind_int(&bind, writer->batch);
	bind_words(&bind, end->state);
	bind_int(&bind, end->at_us);
	if (run_one(writer, bound(&bind), "the end of batch", writer->batch, "there is no such batch") != 0)
		return -1;
	bind = write_bind(writer->statement[WRITE_session_result]);
	bind_int(&bind, writer->session);
	bind_int(&bind, (int64_t)end->makespan_us);
	bind_int(&bind, (int64_t)end->lower_bound_us);
	bind_text(&bind, end->policy);
	if (run_one(writer, bound(&bind), "the result of session", writer->session, "there is no such session") != 0)
		return -1;
	write_object(&writer->body);
	write_string(&writer->body, "state", end->state);
	write_number(&writer->body, "makespan_us", (int64_t)end->makespan_us);
	write_number(&writer->body, "lower_bound_us", (int64_t)end->lower_bound_us);
	snprintf(subject, sizeof(subject), "batch %lld", (long long)writer->batch);
	return writer_audit(writer, end->at_us, writer->session, "station", "batch-end", subject,
			    write_end(&writer->body));
}

static int put_audit(struct writer *writer, const struct journal_audit *audit)
{
	return writer_audit(writer, audit->at_us, writer->session, audit->actor, audit->action, audit->subject,
			    audit->body);
}

static int64_t record_at_us(const struct journal_record *record)
{
	switch (record->kind) {
	case JOURNAL_UNIT: return record->unit.at_us;
	case JOURNAL_UNIT_STATE: return record->unit_state.at_us;
	case JOURNAL_ATTEMPT: return record->attempt.at_us;
	case JOURNAL_ATTEMPT_END: return record->attempt_end.at_us;
	case JOURNAL_STEP: return record->step.at_us;
	case JOURNAL_MEASUREMENT: return 0;
	case JOURNAL_IDENTITY: return record->identity.at_us;
	case JOURNAL_CERT_STATE: return record->cert_state.at_us;
	case JOURNAL_TRANSACTION: return record->transaction.at_us;
	case JOURNAL_RECEIPT: return record->receipt.at_us;
	case JOURNAL_SIGHTING: return record->sighting.last_us;
	case JOURNAL_RADIO: return 0;
	case JOURNAL_GUARD: return record->guard.at_us;
	case JOURNAL_LINK: return record->link.at_us;
	case JOURNAL_DELIVERY: return record->delivery.at_us;
	case JOURNAL_NETWORK: return record->network.at_us;
	case JOURNAL_LABEL: return record->label.at_us;
	case JOURNAL_LABEL_STATE: return record->label_state.at_us;
	case JOURNAL_LABEL_SCAN: return record->label_scan.at_us;
	case JOURNAL_AUDIT: return record->audit.at_us;
	case JOURNAL_BATCH_END: return record->batch_end.at_us;
	}
	return 0;
}

int writer_put(struct writer *writer, const struct journal_record *record)
{
	int64_t at_us = record_at_us(record);

	assert(!sqlite3_get_autocommit(writer->db));
	if (at_us > writer->last_us)
		writer->last_us = at_us;
	switch (record->kind) {
#define WRITE_PUT(NAME, name)                                                                                          \
	case JOURNAL_##NAME: return put_##name(writer, &record->name);
		JOURNAL_RECORDS(WRITE_PUT)
	}
	assert(false && "a kind of record that there is");
	return -1;
}
