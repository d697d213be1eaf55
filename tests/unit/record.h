/*
 * For tests of the record: a folder of its own, a journal in it, and a small lot with known figures.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/sha.h>
#include <sqlite3.h>

#include "db/journal.h"

#define T0 1790000000000000 /* 2026-09-21, microseconds */
#define S 1000000

struct place {
	char dir[64], path[96], error[512];
	journal_sign_fn *sign;
	void *sign_ctx;
	journal_check_fn *check;
	const char *key_id; /* NULL: "test-key" */
	char heads[96];	    /* "": none */
	enum journal_turn turn;
	bool real;
};

static inline int place_remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

static inline int place_set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	strcpy(place->dir, "/tmp/millrace-record-XXXXXX");
	if (!mkdtemp(place->dir))
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/record.db", place->dir);
	*state = place;
	return 0;
}

static inline int place_tear_down(void **state)
{
	struct place *place = *state;

	nftw(place->dir, place_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(place);
	return 0;
}

static inline struct journal_options place_options(struct place *place)
{
	return (struct journal_options){ .path = place->path,
					 .simulated = !place->real,
					 .sign = place->sign,
					 .sign_ctx = place->sign_ctx,
					 .sign_key_id = place->key_id ? place->key_id : "test-key",
					 .check = place->check,
					 .check_ctx = place->sign_ctx,
					 .heads = *place->heads ? place->heads : NULL,
					 .turn = place->turn };
}

static inline int try_open(struct place *place, struct journal **journal)
{
	struct journal_options options = place_options(place);

	*journal = NULL;
	return journal_open(journal, &options, place->error, sizeof(place->error));
}

static inline struct journal *opened(struct place *place)
{
	struct journal *journal;

	if (try_open(place, &journal) != 0)
		fail_msg("%s", place->error);
	return journal;
}

static inline int begin_lot(struct journal *journal, struct place *place, const char *lot, const char *job,
			    struct journal_start *start, journal_resume_fn *unit, void *ctx)
{
	struct journal_batch batch = {
		.lot = lot,
		.product = "AC-100",
		.hw_rev = "C",
		.work_order = "WO-1",
		.quantity = 10,
		.job = { job, strlen(job) },
		.job_path = "job.yaml",
		.software = "test",
		.policy = "pex",
		.operator= "0417",
		.seed = 7,
		.clock_ok = true,
		.test = true,
		.at_us = T0,
	};

	SHA256((const uint8_t *)job, strlen(job), batch.job_sha256);
	return journal_begin(journal, &batch, start, unit, ctx, place->error, sizeof(place->error));
}

static inline struct journal *opened_lot(struct place *place, const char *lot)
{
	struct journal *journal = opened(place);
	struct journal_start start;

	if (begin_lot(journal, place, lot, "job", &start, NULL, NULL) != 0)
		fail_msg("%s", place->error);
	return journal;
}

static inline struct journal_record unit_record(int64_t unit)
{
	struct journal_record r = {
		.kind = JOURNAL_UNIT,
		.unit = { .unit = unit, .product = "AC-100", .hw_rev = "C", .firmware = "1.0", .at_us = T0 + unit }
	};

	for (int i = 0; i < 4; i++) {
		r.unit.device_id[i] = (uint8_t)(unit >> 8 * i);
		r.unit.mac[5 - i] = (uint8_t)(unit >> 8 * i);
	}
	r.unit.device_id[7] = 1;
	r.unit.mac[0] = 2;
	return r;
}

static inline struct journal_record attempt_record(int64_t attempt, int64_t unit, unsigned n)
{
	return (struct journal_record){ .kind = JOURNAL_ATTEMPT,
					.attempt = { .attempt = attempt,
						     .unit = unit,
						     .n = n,
						     .kind = n == 1 ? ATTEMPT_FIRST : ATTEMPT_AUTO_RETRY,
						     .radio = "radio1",
						     .freq_mhz = 2437,
						     .rssi_dbm = -48,
						     .method = "direct",
						     .at_us = T0 + S * attempt } };
}

static inline struct journal_record end_record(int64_t attempt, enum journal_outcome outcome, int cause,
					       const char *name, const char *side, const char *step, uint32_t active_us)
{
	return (struct journal_record){ .kind = JOURNAL_ATTEMPT_END,
					.attempt_end = { .attempt = attempt,
							 .outcome = outcome,
							 .cause = { cause, name, side },
							 .step = step,
							 .at_us = T0 + S * attempt + active_us,
							 .active_us = active_us } };
}

static inline struct journal_record step_record(int64_t attempt, unsigned seq, const char *name, unsigned tries,
						uint32_t duration_us)
{
	return (struct journal_record){ .kind = JOURNAL_STEP,
					.step = { .attempt = attempt,
						  .seq = seq,
						  .name = name,
						  .tries = tries,
						  .at_us = T0 + S * attempt,
						  .duration_us = duration_us,
						  .outcome = OUTCOME_PASS } };
}

static inline struct journal_record state_record(int64_t unit, enum journal_unit_state state, int cause,
						 const char *name, const char *side)
{
	return (struct journal_record){
		.kind = JOURNAL_UNIT_STATE,
		.unit_state = { .unit = unit, .state = state, .cause = { cause, name, side }, .at_us = T0 + 100 * S }
	};
}

/* Texts that an identity points to; each number gives other values throughout. */
struct identity_texts {
	char serial[24], serial_hex[40];
	uint8_t der[64], sealed[32], salt[16];
};

static inline struct journal_record identity_record(struct identity_texts *texts, int64_t unit, int64_t attempt,
						    int number)
{
	struct journal_record r = { .kind = JOURNAL_IDENTITY };

	snprintf(texts->serial, sizeof(texts->serial), "AC%05d", number);
	snprintf(texts->serial_hex, sizeof(texts->serial_hex), "AB%014d", number);
	memset(texts->der, number, sizeof(texts->der));
	memset(texts->sealed, number, sizeof(texts->sealed));
	memset(texts->salt, number, sizeof(texts->salt));
	r.identity = (struct journal_identity){ .unit = unit,
						.attempt = attempt,
						.serial = texts->serial,
						.transaction = (uint64_t)(1000 + number),
						.pin_sealed = { texts->sealed, sizeof(texts->sealed) },
						.pin_kind = "digits",
						.kek_id = "pin-1",
						.pin_salt = { texts->salt, sizeof(texts->salt) },
						.pin_iterations = 1000,
						.certificate = { texts->der, sizeof(texts->der) },
						.issuer = "Factory CA",
						.serial_hex = texts->serial_hex,
						.subject = "CN=AC-100",
						.not_before_us = T0,
						.not_after_us = INT64_MAX,
						.at_us = T0 + S * attempt };
	memset(r.identity.pin_lookup, number, 32);
	memset(r.identity.spki_sha256, number, 32);
	return r;
}

static inline struct journal_record receipt_record(int64_t unit, int64_t attempt, uint64_t transaction)
{
	static const uint8_t octets[100] = { 1, 2, 3 };

	return (struct journal_record){ .kind = JOURNAL_RECEIPT,
					.receipt = { .unit = unit,
						     .attempt = attempt,
						     .transaction = transaction,
						     .receipt = { octets, 70 },
						     .challenge = { octets, 32 },
						     .signature = { octets, 64 },
						     .at_us = T0 + S * attempt } };
}

static inline struct journal_record transaction_record(int64_t unit, int64_t attempt, uint64_t transaction,
						       const char *operation, enum journal_phase phase)
{
	return (struct journal_record){ .kind = JOURNAL_TRANSACTION,
					.transaction = { .unit = unit,
							 .attempt = attempt,
							 .transaction = transaction,
							 .operation = operation,
							 .phase = phase,
							 .at_us = T0 + S * attempt } };
}

static inline struct journal_record cert_record(int64_t unit, enum journal_cert_state state)
{
	return (struct journal_record){ .kind = JOURNAL_CERT_STATE,
					.cert_state = { .unit = unit, .state = state, .at_us = T0 + 50 * S } };
}

static inline struct journal_record link_record(int64_t attempt, int64_t unit, unsigned n)
{
	return (struct journal_record){ .kind = JOURNAL_LINK,
					.link = { .attempt = attempt,
						  .unit = unit,
						  .n = n,
						  .method = "https",
						  .bssid = { 2, 0, 0, 0, 0, (uint8_t)unit },
						  .ssid = { "AC-1", 4 },
						  .freq_mhz = 2437,
						  .security = "open",
						  .secret = "none",
						  .cipher = "TLS_AES_128_GCM_SHA256",
						  .has_certificate = true,
						  .certificate_sha256 = { 7 },
						  .join_us = 4000,
						  .address_us = 3000,
						  .connect_us = 2000,
						  .secure_us = 90000,
						  .at_us = T0 + S * attempt } };
}

/* A method that has no DHCP and no TCP of its own, and left evidence. */
static inline struct journal_record short_link_record(int64_t attempt, int64_t unit, unsigned n)
{
	struct journal_record r = link_record(attempt, unit, n);

	r.link.kind = "own-bss";
	r.link.method = "new-method";
	r.link.secret = "printed-code";
	r.link.has_certificate = false;
	r.link.address_us = r.link.connect_us = JOURNAL_NO_TIME;
	r.link.evidence = "{\"proved\":\"code\",\"akm\":\"psk\"}";
	return r;
}

static inline struct journal_record delivery_record(int64_t attempt, int64_t unit)
{
	return (struct journal_record){
		.kind = JOURNAL_DELIVERY,
		.delivery = { .attempt = attempt,
			      .unit = unit,
			      .method = "new-method",
			      .evidence = "{\"known_by\":\"address\",\"proved\":\"code\",\"claims\":{\"model\":\"X\"}}",
			      .at_us = T0 + S * attempt }
	};
}

static inline struct journal_record network_record(int64_t attempt, int64_t unit)
{
	return (struct journal_record){ .kind = JOURNAL_NETWORK,
					.network = { .attempt = attempt,
						     .unit = unit,
						     .ssid = { "Hall", 4 },
						     .security = "wpa2",
						     .heard = 9,
						     .candidates = 2,
						     .picked = true,
						     .bssid = { 2, 0, 0, 0, 1, 1 },
						     .freq_mhz = 2412,
						     .rssi_dbm = -48,
						     .reason = "strongest of 2",
						     .joined = true,
						     .joined_us = 850000,
						     .observed = OBSERVED_KEY_VERIFIED,
						     .reported = true,
						     .at_us = T0 + S * attempt } };
}

static inline struct journal_record label_record(int64_t label, int64_t unit, unsigned copy, const char *reason)
{
	struct journal_record r = { .kind = JOURNAL_LABEL,
				    .label = { .label = label,
					       .unit = unit,
					       .copy = copy,
					       .kind = "file",
					       .template = "t",
					       .reason = reason,
					       .actor = "0417",
					       .at_us = T0 + 110 * S } };

	memset(r.label.digest, (int)(16 * unit) + 1, sizeof(r.label.digest));
	return r;
}

static inline struct journal_record label_state_record(int64_t label, int64_t unit, enum journal_label_state state)
{
	return (struct journal_record){ .kind = JOURNAL_LABEL_STATE,
					.label_state = { .label = label,
							 .unit = unit,
							 .state = state,
							 .actor = "0417",
							 .at_us = T0 + 111 * S + state } };
}

static inline struct journal_record scan_record(int64_t scan, int64_t batch, int64_t unit, int64_t label,
						const char *verdict)
{
	return (struct journal_record){ .kind = JOURNAL_LABEL_SCAN,
					.label_scan = { .scan = scan,
							.batch = batch,
							.unit = unit,
							.label = label,
							.verdict = verdict,
							.actor = "0417",
							.at_us = T0 + 120 * S + scan } };
}

static inline struct journal_record batch_end_record(const char *state)
{
	return (struct journal_record){ .kind = JOURNAL_BATCH_END,
					.batch_end = { .state = state,
						       .makespan_us = 12 * S,
						       .lower_bound_us = 10 * S,
						       .policy = "pex",
						       .at_us = T0 + 200 * S } };
}

static inline uint64_t put(struct journal *journal, struct journal_record record)
{
	uint64_t ticket = journal_submit(journal, &record);

	assert_int_not_equal(ticket, 0);
	return ticket;
}

static inline void put_durable(struct journal *journal, struct journal_record record)
{
	if (journal_wait(journal, put(journal, record)) != 0)
		fail_msg("%s", journal_failed(journal));
}

/* The whole way of a unit that passes at once: identity `unit`, attempt `attempt`. */
static inline void put_passing_unit_by(struct journal *journal, int64_t unit, int64_t attempt, const char *method)
{
	struct journal_record begun = attempt_record(attempt, unit, 1);
	struct identity_texts texts;
	uint64_t seal = (uint64_t)(5000 + unit);

	begun.attempt.method = method;
	put(journal, unit_record(unit));
	put(journal, begun);
	put(journal, step_record(attempt, 1, "identify", 1, 1000));
	put(journal, (struct journal_record){ .kind = JOURNAL_MEASUREMENT,
					      .measurement = { .attempt = attempt,
							       .name = "rssi",
							       .value = -48,
							       .unit = "dBm",
							       .has_low = true,
							       .low = -80,
							       .passed = true } });
	put(journal, identity_record(&texts, unit, attempt, (int)unit));
	put(journal, transaction_record(unit, attempt, (uint64_t)(1000 + unit), "identity", PHASE_COMMITTED));
	put(journal, cert_record(unit, CERT_INSTALLED));
	put(journal, transaction_record(unit, attempt, seal, "seal", PHASE_INTENT));
	put(journal, cert_record(unit, CERT_VERIFIED));
	put(journal, receipt_record(unit, attempt, seal));
	put(journal, end_record(attempt, OUTCOME_PASS, 0, NULL, NULL, NULL, 900000));
	put(journal, state_record(unit, UNIT_PASSED, 0, NULL, NULL));
}

static inline void put_passing_unit(struct journal *journal, int64_t unit, int64_t attempt)
{
	put_passing_unit_by(journal, unit, attempt, "direct");
}

/* A device without an agent of ours: all that is known is its address and that it was seen to join. */
static inline struct journal_record foreign_record(int64_t unit)
{
	struct journal_record r = unit_record(unit);

	memset(r.unit.device_id, 0, sizeof(r.unit.device_id));
	r.unit.agentless = true;
	r.unit.hw_rev = r.unit.firmware = "";
	return r;
}

static inline void put_foreign_unit(struct journal *journal, int64_t unit, int64_t attempt,
				    enum journal_observed observed)
{
	struct journal_record begun = attempt_record(attempt, unit, 1), joined = network_record(attempt, unit);

	begun.attempt.method = "new-method";
	joined.network.observed = observed;
	joined.network.reported = joined.network.joined = false;
	put(journal, foreign_record(unit));
	put(journal, begun);
	put(journal, step_record(attempt, 1, "credentials", 1, 1000));
	put(journal, delivery_record(attempt, unit));
	put(journal, joined);
	put(journal, end_record(attempt, OUTCOME_PASS, 0, NULL, NULL, NULL, 900000));
	put(journal, state_record(unit, UNIT_PASSED, 0, NULL, NULL));
}

/* Root may write everywhere: these run as somebody else when needed. */
static inline void as_nobody(struct place *place, void (*check)(struct place *place))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
			_exit(9);
		check(place);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static inline sqlite3 *plain_open(const char *path)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	return db;
}

static inline void plain_exec(const char *path, const char *sql)
{
	sqlite3 *db = plain_open(path);

	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* The first row, its columns with "|" between, as the sqlite3 shell gives it. */
static inline const char *plain_row(const char *path, const char *sql, char *out, size_t cap)
{
	sqlite3 *db = plain_open(path);
	sqlite3_stmt *statement = NULL;
	size_t len = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	*out = '\0';
	if (sqlite3_step(statement) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(statement) && len < cap; i++) {
			const char *text = (const char *)sqlite3_column_text(statement, i);

			len += (size_t)snprintf(out + len, cap - len, "%s%s", i ? "|" : "", text ? text : "");
		}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return out;
}

#define assert_row(path, sql, expected)                                                                                \
	do {                                                                                                           \
		char row_[2048];                                                                                       \
		assert_string_equal(plain_row(path, sql, row_, sizeof(row_)), expected);                               \
	} while (0)
