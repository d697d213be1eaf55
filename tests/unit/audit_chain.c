/*
 * Does the record notice? A good one is taken, and changed as somebody with the file in his hands could: without the
 * station's key, but with every trigger out of the way.
 *
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c db/verify.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c
 */
#include "tests/unit/record.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "db/chain.h"
#include "db/verify.h"

static int sign_with_key(void *ctx, const uint8_t hash[static 32], uint8_t *sig, size_t *sig_len)
{
	EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new(ctx, NULL);
	bool ok = sign && EVP_PKEY_sign_init(sign) == 1;

	*sig_len = 256;
	ok = ok && EVP_PKEY_sign(sign, sig, sig_len, hash, 32) == 1;
	EVP_PKEY_CTX_free(sign);
	return ok ? 0 : -1;
}

struct answer {
	EVP_PKEY *key;
	char kinds[400]; /* of the findings, each once, in their order */
	char first[600], all[20000];
	char notes[1000];
};

static void found(void *ctx, const char *kind, const char *what)
{
	struct answer *answer = ctx;

	if (!*answer->first)
		snprintf(answer->first, sizeof(answer->first), "%s", what);
	snprintf(answer->all + strlen(answer->all), sizeof(answer->all) - strlen(answer->all), "%s: %s\n", kind, what);
	if (!strstr(answer->kinds, kind)) {
		strcat(answer->kinds, *answer->kinds ? " " : "");
		strcat(answer->kinds, kind);
	}
}

static void noted(void *ctx, const char *what)
{
	struct answer *answer = ctx;

	snprintf(answer->notes + strlen(answer->notes), sizeof(answer->notes) - strlen(answer->notes), "%s\n", what);
}

static bool holds(void *ctx, const uint8_t head[static 32], const uint8_t *sig, size_t len, const char *key_id)
{
	struct answer *answer = ctx;
	EVP_PKEY_CTX *verify = EVP_PKEY_CTX_new(answer->key, NULL);
	bool ok = verify && strcmp(key_id, "test-key") == 0 && EVP_PKEY_verify_init(verify) == 1 &&
		  EVP_PKEY_verify(verify, sig, len, head, 32) == 1;

	EVP_PKEY_CTX_free(verify);
	return ok;
}

static struct verify verified(struct place *place, struct answer *answer, bool with_key)
{
	struct verify verify = { .found = found,
				 .noted = noted,
				 .signature = with_key ? holds : NULL,
				 .heads = *place->heads ? place->heads : NULL,
				 .ctx = answer };
	sqlite3 *db;

	*answer->kinds = *answer->first = *answer->all = *answer->notes = '\0';
	if (reader_open(&db, place->path, place->error, sizeof(place->error)) != 0 ||
	    verify_record(db, &verify, place->error, sizeof(place->error)) != 0)
		fail_msg("%s", place->error);
	sqlite3_close(db);
	return verify;
}

/* Two passed units, one that failed, all signed. */
static void good_lot(struct place *place, EVP_PKEY *key)
{
	struct journal *journal;

	place->sign = sign_with_key;
	place->sign_ctx = key;
	snprintf(place->heads, sizeof(place->heads), "%s/heads", place->dir);
	journal = opened_lot(place, "A");
	for (int64_t unit = 1; unit <= 2; unit++) {
		put_passing_unit(journal, unit, unit);
		put_durable(journal, (struct journal_record){ .kind = JOURNAL_GUARD, .guard = { "noise", "", T0 } });
	}
	put(journal, unit_record(3));
	put(journal, attempt_record(3, 3, 1));
	put(journal, step_record(3, 1, "identify", 1, 1000));
	put(journal, end_record(3, OUTCOME_TIMEOUT, 1, "no-answer", "air", "selftest", 5));
	put(journal, state_record(3, UNIT_FAILED, 1, "no-answer", "air"));
	put(journal,
	    (struct journal_record){ .kind = JOURNAL_AUDIT,
				     .audit = { "0417", "waiver", "unit 3", "{\"reason\":\"looked at it\"}", T0 } });
	put(journal, batch_end_record("done"));
	journal_close(journal);
}

/* Somebody who knows SQL: triggers are out of the way for a moment, and foreign keys. */
static void tamper(struct place *place, const char *sql)
{
	sqlite3 *db = plain_open(place->path);
	sqlite3_stmt *statement = NULL;
	char *again[80] = { 0 }, drop[200];
	size_t count = 0;

	assert_int_equal(sqlite3_prepare_v2(db, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'", -1,
					    &statement, NULL),
			 SQLITE_OK);
	while (count < 80 && sqlite3_step(statement) == SQLITE_ROW) {
		again[count] = sqlite3_mprintf("DROP TRIGGER %s;%s", sqlite3_column_text(statement, 0),
					       sqlite3_column_text(statement, 1));
		count++;
	}
	sqlite3_finalize(statement);
	for (size_t i = 0; i < count; i++) {
		snprintf(drop, sizeof(drop), "%.*s", (int)strcspn(again[i], ";"), again[i]);
		assert_int_equal(sqlite3_exec(db, drop, NULL, NULL, NULL), SQLITE_OK);
	}
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_true(sqlite3_total_changes(db) > 0 || strstr(sql, "DROP"));
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(sqlite3_exec(db, strchr(again[i], ';') + 1, NULL, NULL, NULL), SQLITE_OK);
		sqlite3_free(again[i]);
	}
	sqlite3_close(db);
}

/* Writes the chain anew from its first row, so that all hashes fit, as anybody can who reads docs/audit.md. */
static void forge_chain(struct place *place)
{
	sqlite3 *db = plain_open(place->path);
	sqlite3_stmt *read = NULL, *write = NULL;
	struct chain_sha sha;
	uint8_t head[32] = { 0 }, hash[32];

	assert_true(chain_sha_init(&sha));
	assert_int_equal(sqlite3_exec(db, "DROP TRIGGER audit_fixed", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db,
				   "SELECT seq, at_us, coalesce(session, 0), actor, action, subject, body FROM audit "
				   "ORDER BY seq",
				   -1, &read, NULL),
		SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "UPDATE audit SET prev = ?2, hash = ?3 WHERE seq = ?1", -1, &write, NULL),
		SQLITE_OK);
	while (sqlite3_step(read) == SQLITE_ROW) {
		struct chain_row row = {
			.seq = (uint64_t)sqlite3_column_int64(read, 0),
			.at_us = sqlite3_column_int64(read, 1),
			.session = sqlite3_column_int64(read, 2),
			.actor = (const char *)sqlite3_column_text(read, 3),
			.action = (const char *)sqlite3_column_text(read, 4),
			.subject = (const char *)sqlite3_column_text(read, 5),
			.body = (const char *)sqlite3_column_text(read, 6),
		};

		assert_true(chain_hash(&sha, &row, head, hash));
		sqlite3_bind_int64(write, 1, (int64_t)row.seq);
		sqlite3_bind_blob(write, 2, head, 32, SQLITE_TRANSIENT);
		sqlite3_bind_blob(write, 3, hash, 32, SQLITE_TRANSIENT);
		assert_int_equal(sqlite3_step(write), SQLITE_DONE);
		sqlite3_reset(write);
		memcpy(head, hash, 32);
	}
	sqlite3_finalize(read);
	sqlite3_finalize(write);
	sqlite3_close(db);
	chain_sha_wipe(&sha);
}

static void copy_file(const char *from, const char *to)
{
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	char octets[65536];
	size_t len;

	assert_true(in && out);
	while ((len = fread(octets, 1, sizeof(octets), in)) > 0)
		assert_int_equal(fwrite(octets, 1, len, out), len);
	fclose(in);
	fclose(out);
}

static void what_the_station_wrote_holds_together(void **state)
{
	struct place *place = *state;
	struct answer answer = { .key = EVP_EC_gen("P-256") };
	struct verify verify;

	good_lot(place, answer.key);
	verify = verified(place, &answer, true);
	assert_string_equal(answer.first, "");
	assert_int_equal(verify.findings, 0);
	assert_string_equal(answer.notes, "");
	/* begin; identity, receipt, attempt, outcome and guard twice; attempt, outcome; waiver; end */
	assert_int_equal(verify.rows, 1 + 10 + 2 + 1 + 1);
	assert_int_equal(verify.anchored, verify.rows);
	assert_true(verify.anchors >= 3);
	/* Without the key the rest is looked at all the same, and it says what was left out. */
	verify = verified(place, &answer, false);
	assert_int_equal(verify.findings, 0);
	assert_non_null(strstr(answer.notes, "record.pub"));
	EVP_PKEY_free(answer.key);
}

/* A second implementation of the hash, from the words in docs/audit.md. */
static void the_hash_is_the_documented_one(void **state)
{
	const struct chain_row row = { .seq = 0x0102,
				       .at_us = -2,
				       .session = 3,
				       .actor = "station",
				       .action = "",
				       .subject = "unit 1",
				       .body = "{}" };
	uint8_t prev[32], computed[32], expected[32], octets[200];
	static const char tag[] = "millrace audit 1";
	const char *texts[] = { "station", "", "unit 1", "{}" };
	struct chain_sha sha;
	size_t at = 0;

	(void)state;
	memset(prev, 0xa5, sizeof(prev));
	memcpy(octets, tag, 16);
	at = 16;
	memcpy(octets + at, "\0\0\0\0\0\0\x01\x02", 8);
	memcpy(octets + at + 8, prev, 32);
	memcpy(octets + at + 40, "\xff\xff\xff\xff\xff\xff\xff\xfe", 8);
	memcpy(octets + at + 48, "\0\0\0\0\0\0\0\x03", 8);
	at += 56;
	for (size_t i = 0; i < 4; i++) {
		size_t len = strlen(texts[i]);

		memcpy(octets + at, "\0\0\0", 3);
		octets[at + 3] = (uint8_t)len;
		memcpy(octets + at + 4, texts[i], len);
		at += 4 + len;
	}
	SHA256(octets, at, expected);
	assert_true(chain_sha_init(&sha));
	assert_true(chain_hash(&sha, &row, prev, computed));
	assert_memory_equal(computed, expected, 32);
	chain_sha_wipe(&sha);
}

/* What somebody with the file in his hands could do; what kind of thing is found, and the words of the first. */
static const struct {
	const char *sql, *kinds, *words;
} tamperings[] = {
	/* The chain itself: flipped, dropped, reordered, cut, each column */
	{ "UPDATE audit SET body = replace(body, 'AC00001', 'AC00009') WHERE seq = 2", "chain",
	  "row 2 of the chain was changed" },
	{ "UPDATE audit SET at_us = at_us + 1 WHERE seq = 4", "chain", "row 4 of the chain was changed" },
	{ "UPDATE audit SET session = NULL WHERE seq = 6", "chain", "row 6 of the chain was changed" },
	{ "UPDATE audit SET actor = 'nobody' WHERE action = 'waiver'", "chain", "row 14 of the chain was changed" },
	{ "UPDATE audit SET action = 'note' WHERE action = 'waiver'", "chain", "row 14 of the chain was changed" },
	{ "UPDATE audit SET subject = 'unit 2' WHERE action = 'waiver'", "chain", "row 14 of the chain was changed" },
	{ "UPDATE audit SET body = body || char(0) || 'more' WHERE seq = 6", "chain",
	  "row 6 of the chain was changed" },
	{ "UPDATE audit SET prev = zeroblob(32) WHERE seq = 6", "chain", "row 6 of the chain does not follow" },
	{ "UPDATE audit SET hash = randomblob(32) WHERE seq = 6", "chain", "row 6 of the chain was changed" },
	{ "DELETE FROM audit WHERE seq = 6", "chain", "rows 6 to 6 of the chain are missing" },
	{ "DELETE FROM audit WHERE seq = 1", "chain", "rows 1 to 1 of the chain are missing" },
	{ "DELETE FROM audit WHERE seq = 6; UPDATE audit SET seq = seq - 1 WHERE seq > 6", "chain",
	  "row 6 of the chain does not" },
	{ "UPDATE audit SET seq = 1000 WHERE seq = 6; UPDATE audit SET seq = 6 WHERE seq = 11; UPDATE audit "
	  "SET seq = 11 WHERE "
	  "seq = 1000",
	  "chain", "row 6 of the chain does not follow" },
	{ "UPDATE audit SET seq = 0 WHERE seq = 1", "chain", "row 0 of the chain is before its first" },
	{ "UPDATE audit SET seq = -1 WHERE seq = 1", "chain", "of the chain are missing" },
	{ "DELETE FROM audit WHERE seq > 10", "commit", "of the chain, which is not there" },
	/* Commits and their signatures */
	{ "UPDATE written SET signature = zeroblob(70) WHERE n = 2", "commit",
	  "commit 3, or the one before it, was changed" },
	{ "UPDATE written SET signature = zeroblob(70) WHERE n = (SELECT max(n) FROM written)", "anchor",
	  "is not this station's" },
	{ "UPDATE written SET key_id = 'other-key' WHERE n = (SELECT max(n) FROM written)", "anchor",
	  "(key other-key) is not this station's" },
	{ "UPDATE written SET signature = NULL, key_id = NULL WHERE n = (SELECT max(n) FROM written)", "anchor",
	  "is not signed, and the one before it is" },
	{ "UPDATE written SET changes = zeroblob(length(changes)) WHERE n = 3", "commit",
	  "commit 3, or the one before" },
	{ "UPDATE written SET part = 1 WHERE n = 3", "commit", "commit 3, or the one before it, was changed" },
	{ "UPDATE written SET seq = seq + 1 WHERE n = 3", "commit", "commit 3, or the one before it, was changed" },
	{ "DELETE FROM written WHERE n = 3", "commit", "commits 3 to 3 are missing" },
	{ "DELETE FROM written", "commit", "there are no commits: the table was emptied" },
	{ "DELETE FROM written WHERE n = (SELECT max(n) FROM written)", "outside", "FILE.lock knows commit" },
	/* What the chain covers */
	{ "UPDATE batch SET job = CAST('other' AS BLOB)", "job", "the job file is not the one" },
	{ "UPDATE batch SET job = CAST('other' AS BLOB), job_sha256 = zeroblob(32)", "job", "job file is not the one" },
	{ "INSERT INTO batch (batch, lot, product, hw_rev, work_order, quantity, test, job, job_sha256, state, "
	  "opened_us) SELECT 9, "
	  "'Z', product, hw_rev, work_order, quantity, test, job, job_sha256, state, opened_us FROM batch",
	  "job", "lot Z): the chain does not begin it" },
	{ "INSERT INTO session SELECT 9, batch, simulated, software, schema_version, job_path, policy, "
	  "operator, seed, clock_ok, host, "
	  "boot_id, started_us, ended_us, end_kind, makespan_us, lower_bound_us FROM session",
	  "session", "session 9: the chain does not open it" },
	{ "UPDATE cert SET der = zeroblob(64) WHERE unit = 1", "certificate", "its octets are not those" },
	{ "UPDATE cert SET spki_sha256 = randomblob(32) WHERE unit = 1", "certificate",
	  "does not issue it as it is stored" },
	{ "UPDATE cert SET unit = 3 WHERE unit = 1", "certificate", "of unit 3: the chain does not issue it" },
	{ "DELETE FROM cert WHERE unit = 1", "certificate", "that it issues to unit 1 is not in the table" },
	{ "UPDATE cert SET revoked_us = 1 WHERE unit = 1", "certificate", "is revoked, and the chain does not say so" },
	{ "UPDATE pin SET lookup = randomblob(32) WHERE unit = 2", "pin",
	  "unit 2: the chain does not give it the PIN" },
	{ "DELETE FROM pin WHERE unit = 2", "pin", "the PIN that it gives to unit 2 is not in the table" },
	{ "UPDATE unit SET serial = 'AC77777' WHERE unit = 2", "serial", "does not give it the serial number AC77777" },
	{ "UPDATE unit SET serial = 'AC77777' WHERE unit = 3", "serial", "unit 3: the chain does not give it" },
	{ "UPDATE receipt SET challenge = zeroblob(32) WHERE unit = 1", "receipt",
	  "the chain does not have it as it is stored" },
	{ "UPDATE receipt SET signature = zeroblob(64) WHERE unit = 1", "receipt",
	  "the chain does not have it as it is stored" },
	{ "DELETE FROM receipt WHERE unit = 1", "receipt", "the receipt of unit 1 is not in the table" },
	{ "UPDATE unit SET state = 'passed' WHERE unit = 3", "outcome", "unit 3 is passed, and the chain says failed" },
	{ "UPDATE unit SET state = 'failed' WHERE unit = 1", "outcome", "unit 1 is failed, and the chain says passed" },
	{ "UPDATE unit SET state = 'seen' WHERE unit = 1", "outcome", "unit 1 is seen, and the chain says passed" },
	{ "UPDATE attempt SET outcome = 'pass' WHERE attempt = 3", "attempt",
	  "attempt 3 of unit 3: it, a step or a measurement" },
	{ "UPDATE attempt SET radio = 'radio2' WHERE attempt = 3", "attempt",
	  "attempt 3 of unit 3: it, a step or a measurement" },
	{ "DELETE FROM attempt WHERE attempt = 3", "attempt", "the attempt 3 that it closes is not in the table" },
	{ "UPDATE attempt SET outcome = NULL, ended_us = NULL WHERE attempt = 3", "attempt",
	  "not in the table, or open" },
	{ "INSERT INTO attempt SELECT 9, unit, batch, session, 9, kind, radio, freq_mhz, rssi_dbm, method, "
	  "started_us, ended_us, outcome, "
	  "cause, cause_name, side, step, detail, active_us, device_us, wait_radio_us, wait_ca_us, "
	  "wait_journal_us, frames_sent, "
	  "frames_received, retries, octets FROM attempt WHERE attempt = 1",
	  "attempt", "attempt 9 of unit 1: the chain does not close" },
	{ "UPDATE step SET duration_us = 1 WHERE attempt = 2", "attempt",
	  "attempt 2 of unit 2: it, a step or a measurement" },
	{ "INSERT INTO step SELECT attempt, 2, 'verify', tries, started_us, duration_us, device_us, outcome, "
	  "cause, cause_name, side "
	  "FROM step WHERE attempt = 2",
	  "attempt", "attempt 2 of unit 2: it, a step or a measurement" },
	{ "DELETE FROM step WHERE attempt = 2", "attempt", "attempt 2 of unit 2: it, a step or a measurement" },
	{ "UPDATE measurement SET value = -40 WHERE attempt = 2", "attempt",
	  "attempt 2 of unit 2: it, a step or a measurement" },
	{ "UPDATE measurement SET low = NULL WHERE attempt = 2", "attempt",
	  "attempt 2 of unit 2: it, a step or a measurement" },
	/* Uniqueness, with the indexes out of the way */
	{ "DROP INDEX unit_serial; UPDATE unit SET serial = 'AC00001' WHERE unit = 2", "twice",
	  "chain does not give it" },
	{ "DROP INDEX cert_spki; UPDATE cert SET spki_sha256 = (SELECT spki_sha256 FROM cert WHERE unit = 1)", "twice",
	  "chain does not issue it" },
	/* A link into nowhere */
	{ "PRAGMA foreign_keys = OFF; DELETE FROM session", "file", "its session 1 is not in the table" },
};
static void every_change_is_noticed_and_named(void **state)
{
	struct place *place = *state;
	struct answer answer = { .key = EVP_EC_gen("P-256") };
	char good[120];

	good_lot(place, answer.key);
	snprintf(good, sizeof(good), "%s/good.db", place->dir);
	copy_file(place->path, good);
	for (size_t i = 0; i < sizeof(tamperings) / sizeof(tamperings[0]); i++) {
		copy_file(good, place->path);
		tamper(place, tamperings[i].sql);
		if (verified(place, &answer, true).findings == 0)
			fail_msg("nobody noticed: %s", tamperings[i].sql);
		if (!strstr(answer.kinds, tamperings[i].kinds))
			fail_msg("%s: found as \"%s\", not \"%s\"", tamperings[i].sql, answer.kinds,
				 tamperings[i].kinds);
		if (!strstr(answer.all, tamperings[i].words) && strcmp(tamperings[i].kinds, "twice") != 0)
			fail_msg("%s: \"%s\" does not say \"%s\"", tamperings[i].sql, answer.all, tamperings[i].words);
	}
	/* And the unchanged one is still good. */
	copy_file(good, place->path);
	assert_int_equal(verified(place, &answer, true).findings, 0);
	EVP_PKEY_free(answer.key);
}

struct change {
	const char *sql, *words;
};

/* On a lot that is whole: each change is found, and the first sentence says so. */
static void assert_noticed(struct place *place, struct answer *answer, const struct change *changes, size_t count)
{
	char whole[120], wal[130];

	assert_int_equal(verified(place, answer, true).findings, 0);
	plain_exec(place->path, "PRAGMA wal_checkpoint(TRUNCATE)");
	snprintf(whole, sizeof(whole), "%s/whole.db", place->dir);
	snprintf(wal, sizeof(wal), "%s-wal", place->path);
	copy_file(place->path, whole);
	for (size_t i = 0; i < count; i++) {
		unlink(wal);
		copy_file(whole, place->path);
		tamper(place, changes[i].sql);
		assert_true(verified(place, answer, true).findings > 0);
		if (!strstr(answer->all, changes[i].words))
			fail_msg("%s: \"%s\" does not say \"%s\"", changes[i].sql, answer->all, changes[i].words);
	}
}

static void a_label_that_the_chain_does_not_know_is_noticed(void **state)
{
	static const struct change changes[] = {
		{ "UPDATE label SET digest = randomblob(32) WHERE label = 1",
		  "label 1 of unit 1: the chain does not have it" },
		{ "UPDATE label SET reason = 'none' WHERE label = 2", "label 2 of unit 1: the chain does not have it" },
		{ "UPDATE label SET unit = 2, copy = 7 WHERE label = 2",
		  "label 2 of unit 2: the chain does not have it" },
		{ "DELETE FROM label_scan; DELETE FROM label WHERE label = 2",
		  "the label of unit 1 is not in the table" },
		{ "UPDATE label SET printed_us = 5 WHERE label = 2", "is printed, and the chain does not say so" },
		{ "DROP INDEX label_live; UPDATE label SET void_us = NULL WHERE label = 1",
		  "is void, and the table does not say so" },
		{ "UPDATE label_scan SET verdict = 'right'", "scan 1: the chain does not have it as it is stored" },
		{ "DELETE FROM label_scan", "its scan 1 is not in the table" },
		{ "UPDATE link SET cipher = 'NULL'",
		  "link 1 of attempt 1: the chain does not have it as it is stored" },
		{ "UPDATE link SET certificate_sha256 = NULL",
		  "link 1 of attempt 1: the chain does not have it as it is stored" },
		{ "DELETE FROM link", "link 1 of attempt 1 is not in the table" },
		{ "UPDATE network SET observed = 'seen'",
		  "network of attempt 1: the chain does not have it as it is stored" },
		{ "DELETE FROM network", "the network of attempt 1 is not in the table" },
	};
	struct place *place = *state;
	struct answer answer = { .key = EVP_EC_gen("P-256") };
	struct journal *journal;

	place->sign = sign_with_key;
	place->sign_ctx = answer.key;
	journal = opened_lot(place, "A");
	put_passing_unit_by(journal, 1, 1, "https");
	put_passing_unit(journal, 2, 2);
	put(journal, link_record(1, 1, 1));
	put(journal, network_record(1, 1));
	put(journal, label_record(1, 1, 1, NULL));
	put(journal, label_state_record(1, 1, LABEL_SENT));
	put(journal, label_state_record(1, 1, LABEL_VOID));
	put(journal, label_record(2, 1, 2, "torn"));
	put(journal, label_state_record(2, 1, LABEL_SENT));
	put(journal, scan_record(1, 1, 1, 1, "void"));
	put(journal, batch_end_record("done"));
	journal_close(journal);
	assert_noticed(place, &answer, changes, sizeof(changes) / sizeof(changes[0]));
	EVP_PKEY_free(answer.key);
}

static void evidence_and_units_without_an_agent_are_held_by_the_chain(void **state)
{
	static const struct change changes[] = {
		{ "UPDATE link SET evidence = '{}'",
		  "link 1 of attempt 1: the chain does not have it as it is stored" },
		{ "UPDATE link SET evidence = NULL WHERE attempt = 3",
		  "link 1 of attempt 3: the chain does not have it" },
		{ "UPDATE link SET evidence = '{x}' WHERE attempt = 3",
		  "link 1 of attempt 3: the chain does not have it" },
		{ "UPDATE delivery SET evidence = replace(evidence, 'address', 'serial')",
		  "delivery 1 of attempt 4: the chain does not have it as it is stored" },
		{ "UPDATE delivery SET at_us = at_us + 1", "delivery 1 of attempt 4: the chain does not have it" },
		{ "UPDATE delivery SET method = 'wps'", "delivery 1 of attempt 4: the chain does not have it" },
		{ "DELETE FROM delivery", "delivery 1 of attempt 4 is not in the table" },
		{ "UPDATE unit SET agentless = 1 WHERE unit = 1",
		  "unit 1 is one without an agent, and the chain does not say so" },
		{ "UPDATE unit SET agentless = 0, device_id = x'0102030405060708' WHERE unit = 4",
		  "unit 4 is one without an agent, and the table does not say so" },
		{ "UPDATE unit SET device_id = x'0102030405060708' WHERE unit = 4",
		  "unit 4 is one without an agent, and the chain does not say so" },
		{ "UPDATE unit SET mac = x'020000000055' WHERE unit = 4",
		  "unit 4 is one without an agent, and the chain does not say so" },
		{ "DELETE FROM network WHERE attempt = 4", "the network of attempt 4 is not in the table" },
	};
	struct place *place = *state;
	struct answer answer = { .key = EVP_EC_gen("P-256") };
	struct journal *journal;

	place->sign = sign_with_key;
	place->sign_ctx = answer.key;
	journal = opened_lot(place, "A");
	put_passing_unit_by(journal, 1, 1, "https");
	put(journal, link_record(1, 1, 1));
	put_passing_unit(journal, 2, 2);
	put_passing_unit_by(journal, 3, 3, "new-method");
	put(journal, short_link_record(3, 3, 1));
	put_foreign_unit(journal, 4, 4, OBSERVED_SEEN);
	put_foreign_unit(journal, 5, 5, OBSERVED_KEY_VERIFIED); /* two of them have no device id: no id twice */
	put(journal, batch_end_record("done"));
	journal_close(journal);
	assert_noticed(place, &answer, changes, sizeof(changes) / sizeof(changes[0]));
	EVP_PKEY_free(answer.key);
}

/* The first lot of a program that does not keep to its own table of methods. */
static void a_method_that_is_not_that_of_its_links_is_noticed(void **state)
{
	struct place *place = *state;
	struct answer answer = { 0 };
	struct journal *journal = opened_lot(place, "A");

	put_passing_unit(journal, 1, 1);
	put_durable(journal, link_record(1, 1, 1));
	journal_close(journal);
	assert_int_equal(verified(place, &answer, false).findings, 1);
	assert_string_equal(answer.first, "attempt 1 of unit 1 says the method direct, and its link 1 says https");
	assert_row(place->path, "SELECT method, method_recorded FROM v_attempt", "https|direct");
}

static void a_foreign_unit_that_nobody_saw_join_is_an_orphan(void **state)
{
	struct place *place = *state;
	struct answer answer = { 0 };
	struct journal *journal = opened_lot(place, "A");

	put_foreign_unit(journal, 1, 1, OBSERVED_NO);
	put_foreign_unit(journal, 2, 2, OBSERVED_SEEN);
	put(journal, batch_end_record("done"));
	journal_close(journal);
	assert_int_equal(verified(place, &answer, false).findings, 1);
	assert_string_equal(answer.first, "lot A, unit 1: passed without an agent of ours, and was not seen to join");
}

static void a_chain_written_anew_fails_at_its_commits(void **state)
{
	struct place *place = *state;
	struct answer answer = { .key = EVP_EC_gen("P-256") };

	/* The failed unit is made a passed one, in the table and in the chain: the commits say otherwise of both. */
	good_lot(place, answer.key);
	tamper(place,
	       "UPDATE audit SET body = '{\"state\":\"passed\"}' WHERE subject = 'unit 3' AND action = 'outcome';"
	       "UPDATE unit SET state = 'passed', cause = NULL, cause_name = NULL, side = NULL WHERE unit = 3");
	forge_chain(place);
	verified(place, &answer, true);
	assert_non_null(strstr(answer.all, "commit: commit "));
	assert_non_null(strstr(answer.all, "row: unit 3: it is not as commit "));
	EVP_PKEY_free(answer.key);
}

static void a_record_cut_back_to_a_commit_contradicts_its_rows_and_what_is_known_outside(void **state)
{
	struct place *place = *state;
	struct answer answer = { .key = EVP_EC_gen("P-256") };

	good_lot(place, answer.key);
	/* Back to the second commit, with what came later cut from chain and commits; the session made a dead one. */
	tamper(place, "DELETE FROM written WHERE n > 2; DELETE FROM audit WHERE seq > (SELECT max(seq) FROM written);"
		      "UPDATE session SET ended_us = NULL, end_kind = NULL; UPDATE batch SET state = 'open', closed_us "
		      "= NULL");
	verified(place, &answer, true);
	assert_null(strstr(answer.kinds, "chain"));
	assert_non_null(strstr(answer.kinds, "certificate"));
	assert_non_null(strstr(answer.kinds, "attempt"));
	assert_non_null(strstr(answer.all, "row: unit 1: no commit wrote it"));
	assert_non_null(strstr(answer.all, "outside: it ends at commit 2, and FILE.lock knows commit"));
	assert_non_null(strstr(answer.all, "outside: it ends at commit 2, and the folder of keys knows commit"));
	EVP_PKEY_free(answer.key);
}

static void an_open_batch_is_a_note_and_no_fault(void **state)
{
	struct place *place = *state;
	struct answer answer = { .key = EVP_EC_gen("P-256") };
	struct journal *journal;

	place->sign = sign_with_key;
	place->sign_ctx = answer.key;
	journal = opened_lot(place, "A");
	put(journal, unit_record(1));
	put_durable(journal, attempt_record(1, 1, 1));
	/* Beside the running station. */
	assert_int_equal(verified(place, &answer, true).findings, 0);
	assert_non_null(strstr(answer.notes, "lot A is open, with 1 loose ends"));
	journal_close(journal);
	EVP_PKEY_free(answer.key);
}

static void a_note_enters_the_chain_when_no_station_holds_the_database(void **state)
{
	struct place *place = *state;
	struct answer answer = { .key = EVP_EC_gen("P-256") };
	struct journal_audit note = { .actor = "Eve",
				      .action = "pin-reveal",
				      .subject = "unit 1",
				      .body = "{\"reason\":\"return\"}",
				      .at_us = T0 + 999 * S };
	struct journal_options options;
	struct journal *journal;
	struct verify verify;

	good_lot(place, answer.key);
	options = place_options(place);
	journal = opened_lot(place, "A");
	assert_int_equal(journal_note(&options, &note, place->error, sizeof(place->error)), -1);
	assert_non_null(strstr(place->error, "in use by another station (lot A"));
	journal_close(journal);
	assert_int_equal(journal_note(&options, &note, place->error, sizeof(place->error)), 0);
	verify = verified(place, &answer, true);
	assert_int_equal(verify.findings, 0);
	assert_int_equal(verify.anchored, verify.rows);
	assert_row(place->path, "SELECT actor, action, session IS NULL FROM audit ORDER BY seq DESC LIMIT 1",
		   "Eve|pin-reveal|1");
	assert_row(place->path, "SELECT count(*) FROM v_unit_life WHERE event = 'pin-reveal' AND serial = 'AC00001'",
		   "1");
	/* Nobody writes to a signed record without the key. */
	options.sign = NULL;
	assert_int_equal(journal_note(&options, &note, place->error, sizeof(place->error)), -1);
	assert_non_null(strstr(place->error, "are signed, and there is no record.key"));
	assert_int_equal(verified(place, &answer, true).findings, 0);
	strcat(place->path, ".not");
	assert_int_equal(journal_note(&options, &note, place->error, sizeof(place->error)), -1);
	assert_int_equal(access(place->path, F_OK), -1);
	EVP_PKEY_free(answer.key);
}

static void a_reader_cannot_write(void **state)
{
	static const char *const refused[] = {
		"DELETE FROM unit",
		"UPDATE record SET simulated = 0",
		"CREATE TABLE t (x)",
		"CREATE TEMP TABLE t (x)",
		"PRAGMA user_version = 7",
		"PRAGMA journal_mode = DELETE",
		"PRAGMA writable_schema = 1",
		"ATTACH 'other.db' AS other",
		"VACUUM INTO 'copy.db'",
		"BEGIN IMMEDIATE",
		"SELECT load_extension('x')",
		"DROP VIEW v_unit",
		"REINDEX",
		"ANALYZE",
	};
	struct place *place = *state;
	sqlite3 *db;

	journal_close(opened_lot(place, "A"));
	assert_int_equal(reader_open(&db, place->path, place->error, sizeof(place->error)), 0);
	assert_int_equal(reader_restrict(db), 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (sqlite3_exec(db, refused[i], NULL, NULL, NULL) == SQLITE_OK)
			fail_msg("it did: %s", refused[i]);
	assert_int_equal(
		sqlite3_exec(
			db,
			"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT sum(i), "
			"json_extract('[1]', '$[0]') FROM n, v_batch; PRAGMA user_version; PRAGMA integrity_check",
			NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
}

static void a_reader_refuses_what_is_no_record(void **state)
{
	struct place *place = *state;
	sqlite3 *db;
	FILE *file;

	assert_int_equal(reader_open(&db, place->path, place->error, sizeof(place->error)), -1);
	assert_non_null(strstr(place->error, "No such file"));
	assert_int_equal(access(place->path, F_OK), -1);
	file = fopen(place->path, "w");
	fputs("this is not a database, and longer than its header would be: one hundred octets. And a few more of "
	      "them.",
	      file);
	fclose(file);
	assert_int_equal(reader_open(&db, place->path, place->error, sizeof(place->error)), -1);
	assert_non_null(strstr(place->error, "is not a database"));
	unlink(place->path);
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(reader_open(&db, place->path, place->error, sizeof(place->error)), -1);
	assert_non_null(strstr(place->error, "is not a record of millrace"));
	unlink(place->path);
	journal_close(opened_lot(place, "A"));
	plain_exec(place->path, "PRAGMA user_version = 77");
	assert_int_equal(reader_open(&db, place->path, place->error, sizeof(place->error)), -1);
	assert_non_null(strstr(place->error, "schema version 77"));
	plain_exec(place->path, "PRAGMA user_version = 0");
	assert_int_equal(reader_open(&db, place->path, place->error, sizeof(place->error)), -1);
	assert_non_null(strstr(place->error, "run a job on it once"));
}

static void read_snapshot(struct place *place)
{
	sqlite3 *db;

	if (reader_open(&db, place->path, place->error, sizeof(place->error)) != 0 ||
	    sqlite3_exec(db, "SELECT * FROM v_batch", NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s\n", place->error);
		_exit(1);
	}
	sqlite3_close(db);
}

/* A snapshot on read-only media: no log, no index file, none can be made. */
static void a_snapshot_in_a_read_only_folder_can_be_read(void **state)
{
	struct place *place = *state;
	char odd[120];

	journal_close(opened_lot(place, "A"));
	/* A name that means something in a URI. */
	snprintf(odd, sizeof(odd), "%s/100%%3f?#.db", place->dir);
	assert_int_equal(rename(place->path, odd), 0);
	strcpy(place->path, odd);
	assert_int_equal(chmod(odd, 0644), 0); /* by its owner's will */
	assert_int_equal(chmod(place->dir, 0555), 0);
	as_nobody(place, read_snapshot);
	assert_int_equal(chmod(place->dir, 0755), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
		TEST(what_the_station_wrote_holds_together),
		TEST(the_hash_is_the_documented_one),
		TEST(every_change_is_noticed_and_named),
		TEST(a_label_that_the_chain_does_not_know_is_noticed),
		TEST(evidence_and_units_without_an_agent_are_held_by_the_chain),
		TEST(a_method_that_is_not_that_of_its_links_is_noticed),
		TEST(a_foreign_unit_that_nobody_saw_join_is_an_orphan),
		TEST(a_chain_written_anew_fails_at_its_commits),
		TEST(a_record_cut_back_to_a_commit_contradicts_its_rows_and_what_is_known_outside),
		TEST(an_open_batch_is_a_note_and_no_fault),
		TEST(a_note_enters_the_chain_when_no_station_holds_the_database),
		TEST(a_reader_cannot_write),
		TEST(a_reader_refuses_what_is_no_record),
		TEST(a_snapshot_in_a_read_only_folder_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
