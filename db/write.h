/*
 * Records into rows: prepared statements, the audit chain, the commits. On whichever thread holds the connection.
 * Inside db/ only. Everything here runs inside a transaction.
 *
 *	writer_init -> { writer_begin -> writer_put, writer_audit ... -> writer_commit | writer_rollback } ->
 * writer_wipe
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "db/chain.h"
#include "db/changes.h"
#include "db/journal.h"
#include "db/store.h"
#include "db/written.h"

/* clang-format off */
#define WRITE_STATEMENTS(X)                                                                                        \
	X(begin) X(commit) X(rollback) X(unit) X(unit_state) X(unit_serial) X(attempt) X(attempt_end)              \
	X(evidence_attempt) X(evidence_steps) X(evidence_measurements) X(step) X(measurement) X(pin) X(cert)       \
	X(cert_installed) X(cert_verified) X(cert_revoked) X(cert_void) X(txn_intent) X(txn_prepared)              \
	X(txn_committed) X(receipt) X(sighting) X(radio) X(guard) X(batch_end) X(session_result) X(session_end)    \
	X(label) X(label_sent) X(label_printed) X(label_scanned) X(label_void) X(label_scan)                       \
	X(link) X(delivery) X(network)                                                                                         \
	X(audit) X(head)
/* clang-format on */

enum write_statement {
#define WRITE_STATEMENT_ENUM(name) WRITE_##name,
	WRITE_STATEMENTS(WRITE_STATEMENT_ENUM)
#undef WRITE_STATEMENT_ENUM
		WRITE_STATEMENT_COUNT
};

/* a text that grows; NUL-terminated */
struct write_text {
	char *at;
	size_t len, cap;
	bool bad; /* no memory */
};

struct writer {
	struct store *store;
	sqlite3 *db;
	sqlite3_stmt *statement[WRITE_STATEMENT_COUNT];
	struct chain_sha sha;
	struct write_text body;
	struct changes changes;
	struct written written;
	uint64_t seq; /* of the chain's last row */
	uint8_t head[CHAIN_HASH_LEN];
	struct writer_point {
		uint64_t seq;
		uint8_t head[CHAIN_HASH_LEN];
		struct written_head written;
	} before; /* the transaction */
	int64_t batch, session, last_us;
	char *product;
	char error[400]; /* of the last -1 */
};

/* Prepares everything and reads the heads of chain and commits. `store` stays. 0, or -1 with `error`. */
int writer_init(struct writer *writer, struct store *store);
void writer_wipe(struct writer *writer);

/* 0, or -1 with `error`: the record is no longer where it was, or somebody else wrote to it. */
int writer_begin(struct writer *writer);
/* Lists what was changed, signs it, and makes it durable. 0, or -1 with `error`: writer_rollback it. */
int writer_commit(struct writer *writer);
/* What was written since writer_begin is gone; also after a commit that failed. */
void writer_rollback(struct writer *writer);
int writer_put(struct writer *writer, const struct journal_record *record);
/* One row of the chain; session 0: none. */
int writer_audit(struct writer *writer, int64_t at_us, int64_t session, const char *actor, const char *action,
		 const char *subject, const char *body);
/* The chain's row about a closed attempt, with the hash over all that is stored of it. */
int writer_audit_attempt(struct writer *writer, int64_t attempt, int64_t unit, const char *outcome, const char *cause,
			 int64_t at_us);
/* An object in JSON, for `body`: start, members, end. */
void write_object(struct write_text *text);
void write_number(struct write_text *text, const char *key, int64_t value);
void write_string(struct write_text *text, const char *key, const char *value); /* NULL: left out */
void write_hex(struct write_text *text, const char *key, const void *bytes, size_t len);
const char *write_end(struct write_text *text); /* "" without memory: `bad` is set */

/* Values for a statement, in the order of its parameters. */
struct write_bind {
	sqlite3_stmt *statement;
	int at;
};
struct write_bind write_bind(sqlite3_stmt *statement);
/* The statement, ready to run: each parameter was given. */
sqlite3_stmt *bound(const struct write_bind *bind);
void bind_int(struct write_bind *bind, int64_t value);
void bind_real(struct write_bind *bind, bool present, double value);
void bind_text(struct write_bind *bind, const char *value);  /* NULL: NULL */
void bind_words(struct write_bind *bind, const char *value); /* NULL: "" */
void bind_blob(struct write_bind *bind, const void *at, size_t len);
/* Steps to the end and resets. -1: `error` says what refused `what`. */
int writer_run(struct writer *writer, sqlite3_stmt *statement, const char *what);
