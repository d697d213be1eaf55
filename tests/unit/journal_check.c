/*
 * Every rule of the schema has its twin before a record is queued: what the database would refuse is refused there, and
 * the journal goes on. The rules are read from the schema itself, so that a new CHECK without a twin fails here.
 *
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c db/verify.c
 */
#include "tests/unit/record.h"

#include <math.h>

#include "db/check.h"
#include "db/json_text.h"
#include "db/text.h"
#include "db/resume.h"
#include "db/shape.h"
#include "db/sql.h"
#include "db/store.h"
#include "db/write.h"

/* --- a lot, and one record of each kind that it takes --- */

static void lay_lot(struct place *place)
{
	struct journal *journal = opened_lot(place, "A");

	put_passing_unit(journal, 1, 1);
	put(journal, label_record(5, 1, 1, NULL));
	put_durable(journal, label_state_record(5, 1, LABEL_SENT));
	journal_close(journal);
}

static struct identity_texts texts;

static struct journal_record good(enum journal_record_kind kind)
{
	struct journal_record r = { .kind = kind };

	switch (kind) {
	case JOURNAL_UNIT: return unit_record(9);
	case JOURNAL_UNIT_STATE: return state_record(2, UNIT_FAILED, 1, "no-answer", "air");
	case JOURNAL_ATTEMPT: return attempt_record(9, 2, 2);
	case JOURNAL_ATTEMPT_END: return end_record(2, OUTCOME_FAIL, 1, "no-answer", "air", "verify", 5);
	case JOURNAL_STEP: return step_record(2, 1, "identify", 1, 1000);
	case JOURNAL_MEASUREMENT:
		r.measurement =
			(struct journal_measurement){ .attempt = 2, .name = "supply", .value = 3.3, .unit = "V" };
		break;
	case JOURNAL_IDENTITY: return identity_record(&texts, 2, 2, 2);
	case JOURNAL_CERT_STATE: return cert_record(1, CERT_VOID);
	case JOURNAL_TRANSACTION: return transaction_record(2, 2, 2002, "seal", PHASE_INTENT);
	case JOURNAL_RECEIPT: return receipt_record(2, 2, 5001);
	case JOURNAL_SIGHTING: r.sighting = (struct journal_sighting){ .verdict = "stranger", .count = 1 }; break;
	case JOURNAL_RADIO: r.radio = (struct journal_radio){ .radio = "radio1" }; break;
	case JOURNAL_GUARD: r.guard = (struct journal_guard){ "disk", "full", T0 }; break;
	case JOURNAL_LINK: return short_link_record(2, 2, 1);
	case JOURNAL_DELIVERY: return delivery_record(2, 2);
	case JOURNAL_NETWORK: return network_record(2, 2);
	case JOURNAL_LABEL:
		r = label_record(6, 1, 1, NULL);
		r.label.template = "u";
		break;
	case JOURNAL_LABEL_STATE: return label_state_record(5, 1, LABEL_SCANNED);
	case JOURNAL_LABEL_SCAN: return scan_record(1, 1, 1, 5, "right");
	case JOURNAL_AUDIT: r.audit = (struct journal_audit){ "0417", "waiver", "unit 2", "{}", T0 }; break;
	case JOURNAL_BATCH_END: return batch_end_record("done");
	}
	return r;
}

/* The database itself, without anybody who asks first. */
struct direct {
	struct store store;
	struct writer writer;
};

/* The next session of the lot, with unit 2 in hand. */
static void direct_open(struct place *place, struct direct *direct)
{
	const struct journal_record in_hand[] = { unit_record(2), attempt_record(2, 2, 1) };
	struct journal_batch batch = { .lot = "A", .product = "AC-100", .job = { "job", 3 }, .at_us = T0 };
	struct journal_start start;
	size_t count;
	const struct sql_migration *list = sql_migrations(&count);

	struct journal_options options = place_options(place);

	SHA256((const uint8_t *)"job", 3, batch.job_sha256);
	if (store_open(&direct->store, &options, STORE_SIMULATED, list, count, place->error, sizeof(place->error)) != 0)
		fail_msg("%s", place->error);
	assert_int_equal(writer_init(&direct->writer, &direct->store), 0);
	assert_int_equal(
		resume_begin(&direct->writer, true, &batch, &start, NULL, NULL, place->error, sizeof(place->error)), 0);
	assert_int_equal(writer_begin(&direct->writer), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(writer_put(&direct->writer, &in_hand[i]), 0);
	assert_int_equal(writer_commit(&direct->writer), 0);
}

static void direct_close(struct direct *direct)
{
	writer_wipe(&direct->writer);
	store_close(&direct->store);
}

/* Would the database take it? Nothing stays. NULL, or its words. */
static const char *direct_refuses(struct direct *direct, const struct journal_record *record)
{
	struct writer *writer = &direct->writer;
	int rc;

	assert_int_equal(writer_begin(writer), 0);
	rc = writer_put(writer, record);
	writer_rollback(writer);
	return rc == 0 ? NULL : writer->error;
}

static void a_record_of_each_kind_is_taken_by_both(void **state)
{
	struct place *place = *state;
	struct direct direct;

	lay_lot(place);
	direct_open(place, &direct);
	for (int kind = 0; kind < JOURNAL_KINDS; kind++) {
		struct journal_record r = good((enum journal_record_kind)kind);

		assert_null(journal_check(&r));
		if (direct_refuses(&direct, &r))
			fail_msg("kind %d: %s", kind, direct.writer.error);
	}
	direct_close(&direct);
}

/* --- the rules --- */

static const char long_word[] = "a word of more than 32 octets is too long";
static char long_evidence[JOURNAL_EVIDENCE_MAX + 20];

static const char *evidence_that_is_too_long(void)
{
	memset(long_evidence, ' ', sizeof(long_evidence) - 1);
	long_evidence[0] = '{';
	long_evidence[sizeof(long_evidence) - 2] = '}';
	return long_evidence;
}

#define SPOILER(name, statement)                                                                                       \
	static void name(struct journal_record *r) { statement; }

SPOILER(device_id_zeros, memset(r->unit.device_id, 0, 8))
SPOILER(device_id_ones, memset(r->unit.device_id, 0xff, 8))
SPOILER(mac_zeros, memset(r->unit.mac, 0, 6))
SPOILER(mac_broadcast, memset(r->unit.mac, 0xff, 6))
SPOILER(mac_of_a_group, memcpy(r->unit.mac, "\x01\x00\x5e\x00\x00\x01", 6))
SPOILER(mac_odd_by_one_bit, r->unit.mac[0] |= 1)
SPOILER(serial_zeros, r->identity.serial = "0000000")
SPOILER(serial_zeros_and_blanks, r->identity.serial = " 00 0 ")
SPOILER(serial_empty, r->identity.serial = "")
SPOILER(attempt_zero, r->attempt.n = 0)
SPOILER(attempt_kind, r->attempt.kind = (enum journal_attempt_kind)9)
SPOILER(end_without_outcome, r->attempt_end.outcome = (enum journal_outcome)9)
SPOILER(state_unknown, r->unit_state.state = (enum journal_unit_state)9)
SPOILER(step_zero, r->step.seq = 0)
SPOILER(step_without_outcome, r->step.outcome = (enum journal_outcome)9)
SPOILER(value_no_number, r->measurement.value = (double)NAN)
SPOILER(transaction_zero, r->transaction.transaction = 0)
SPOILER(transaction_beyond, r->transaction.transaction = 1ull << 63)
SPOILER(intent_beyond, r->identity.transaction = 1ull << 63)
SPOILER(lookup_zeros, memset(r->identity.pin_lookup, 0, 32))
SPOILER(cert_number_zeros, r->identity.serial_hex = "0000")
SPOILER(cert_number_missing, r->identity.serial_hex = NULL)
SPOILER(key_zeros, memset(r->identity.spki_sha256, 0, 32))
SPOILER(receipt_empty, r->receipt.receipt.len = 0)
SPOILER(link_zero, r->link.n = 0)
SPOILER(link_method_empty, r->link.method = "")
SPOILER(link_method_missing, r->link.method = NULL)
SPOILER(link_method_long, r->link.method = long_word)
SPOILER(link_kind_empty, r->link.kind = "")
SPOILER(link_kind_long, r->link.kind = long_word)
SPOILER(link_security_missing, r->link.security = NULL)
SPOILER(link_security_long, r->link.security = long_word)
SPOILER(link_secret_empty, r->link.secret = "")
SPOILER(link_secret_long, r->link.secret = long_word)
SPOILER(link_ssid_long, r->link.ssid = ((struct journal_blob){ long_word, 33 }))
SPOILER(link_evidence_cut, r->link.evidence = "{\"a\":1")
SPOILER(link_evidence_list, r->link.evidence = "[1]")
SPOILER(link_evidence_empty, r->link.evidence = "")
SPOILER(link_evidence_long, r->link.evidence = evidence_that_is_too_long())
SPOILER(delivery_method_missing, r->delivery.method = NULL)
SPOILER(delivery_method_long, r->delivery.method = long_word)
SPOILER(delivery_evidence_missing, r->delivery.evidence = NULL)
SPOILER(delivery_evidence_text, r->delivery.evidence = "\"{}\"")
SPOILER(delivery_evidence_long, r->delivery.evidence = evidence_that_is_too_long())
SPOILER(network_ssid_empty, r->network.ssid.len = 0)
SPOILER(network_ssid_long, r->network.ssid = ((struct journal_blob){ long_word, 33 }))
SPOILER(label_copy_zero, r->label.copy = 0)
SPOILER(label_kind_unknown, r->label.kind = "sent")
SPOILER(label_kind_missing, r->label.kind = NULL)
SPOILER(label_template_empty, r->label.template = "")
SPOILER(label_digest_zeros, memset(r->label.digest, 0, 32))
SPOILER(label_reason_empty, r->label.reason = "")
SPOILER(label_actor_empty, r->label.actor = "")
SPOILER(label_again_without_reason, r->label.copy = 2)
SPOILER(scan_verdict_unknown, r->label_scan.verdict = "odd")
SPOILER(scan_actor_empty, r->label_scan.actor = "")
SPOILER(scan_right_of_no_label, r->label_scan.label = 0)
SPOILER(scan_unknown_with_label, r->label_scan.verdict = "unknown")
SPOILER(batch_state_unknown, r->batch_end.state = "ended")
SPOILER(batch_state_missing, r->batch_end.state = NULL)

#define SPOILED(table, check, KIND, spoil)                                                                             \
	{                                                                                                              \
		table, check, JOURNAL_##KIND, spoil, NULL                                                              \
	}
/* No record can break this rule, and why. */
#define NEVER(table, check, why)                                                                                       \
	{                                                                                                              \
		table, check, JOURNAL_UNIT, NULL, why                                                                  \
	}

#define WORD(column) "length(" column ") BETWEEN 1 AND 32"
#define EVIDENCE "substr(evidence, 1, 1) = '{' AND substr(evidence, -1) = '}' AND length(evidence) <= 4096"
#define OUTCOMES "outcome IN ('pass', 'fail', 'error', 'timeout', 'aborted', 'interrupted')"
#define DEVICE_ID "length(device_id) = 8 AND device_id <> zeroblob(8) AND device_id <> x'ffffffffffffffff'"
#define MAC "length(mac) = 6 AND mac <> zeroblob(6) AND instr('13579BDF', substr(hex(mac), 2, 1)) = 0"
#define SCANS "verdict IN ('right', 'wrong-unit', 'wrong-lot', 'not-passed', 'void', 'duplicate', 'unknown')"

static const char by_begin[] = "journal_begin writes it, once, and says why it is refused";
static const char by_type[] = "its type in journal.h holds nothing else";
static const char by_writer[] = "the writer counts or hashes it itself";

static const struct rule {
	const char *table, *check;
	enum journal_record_kind kind;
	void (*spoil)(struct journal_record *record);
	const char *never;
} rules[] = {
	NEVER("record", "one = 1", by_begin),
	NEVER("record", "simulated IN (0, 1)", by_begin),
	NEVER("batch", "lot <> ''", by_begin),
	NEVER("batch", "quantity >= 0", by_begin),
	NEVER("batch", "test IN (0, 1)", by_begin),
	NEVER("batch", "length(job_sha256) = 32", by_begin),
	SPOILED("batch", "state IN ('open', 'done', 'stopped', 'interrupted')", BATCH_END, batch_state_unknown),
	SPOILED("batch", "state IN ('open', 'done', 'stopped', 'interrupted')", BATCH_END, batch_state_missing),
	NEVER("session", "simulated IN (0, 1)", by_begin),
	NEVER("session", "clock_ok IN (0, 1)", by_begin),
	NEVER("session", "end_kind IN ('clean', 'interrupted', 'power')", by_begin),
	SPOILED("unit", DEVICE_ID, UNIT, device_id_zeros),
	SPOILED("unit", DEVICE_ID, UNIT, device_id_ones),
	SPOILED("unit", MAC, UNIT, mac_zeros),
	SPOILED("unit", MAC, UNIT, mac_broadcast),
	SPOILED("unit", MAC, UNIT, mac_of_a_group),
	SPOILED("unit", MAC, UNIT, mac_odd_by_one_bit),
	SPOILED("unit", "trim(serial, '0 ') <> ''", IDENTITY, serial_zeros),
	SPOILED("unit", "trim(serial, '0 ') <> ''", IDENTITY, serial_zeros_and_blanks),
	SPOILED("unit", "trim(serial, '0 ') <> ''", IDENTITY, serial_empty),
	NEVER("unit", "agentless IN (0, 1)", by_type),
	NEVER("unit", "agentless = 1 OR device_id IS NOT NULL",
	      "the writer makes NULL of zeros only for an agentless unit"),
	NEVER("unit", "state IN ('expected', 'seen', 'active', 'passed', 'failed', 'quarantined', 'held')",
	      "words_of_enums_are_those_of_the_schema"),
	SPOILED("attempt", "n > 0", ATTEMPT, attempt_zero),
	NEVER("attempt", "kind IN ('first', 'auto-retry', 'operator-retry', 'resume')",
	      "words_of_enums_are_those_of_the_schema"),
	NEVER("attempt", OUTCOMES, "words_of_enums_are_those_of_the_schema"),
	SPOILED("attempt", "(outcome IS NULL) = (ended_us IS NULL)", ATTEMPT_END, end_without_outcome),
	SPOILED("step", "seq > 0", STEP, step_zero),
	NEVER("step", OUTCOMES, "words_of_enums_are_those_of_the_schema"),
	NEVER("measurement", "passed IN (0, 1)", by_type),
	SPOILED("txn", "txn > 0", TRANSACTION, transaction_zero),
	SPOILED("txn", "txn > 0", TRANSACTION, transaction_beyond),
	SPOILED("txn", "txn > 0", IDENTITY, intent_beyond),
	SPOILED("pin", "length(lookup) = 32 AND lookup <> zeroblob(32)", IDENTITY, lookup_zeros),
	SPOILED("cert", "trim(serial_hex, '0') <> ''", IDENTITY, cert_number_zeros),
	SPOILED("cert", "trim(serial_hex, '0') <> ''", IDENTITY, cert_number_missing),
	SPOILED("cert", "length(spki_sha256) = 32 AND spki_sha256 <> zeroblob(32)", IDENTITY, key_zeros),
	NEVER("cert", "length(der) > 0", "an empty certificate is none"),
	NEVER("cert", "length(sha256) = 32", by_writer),
	SPOILED("receipt", "length(receipt) > 0", RECEIPT, receipt_empty),
	NEVER("sighting", "length(mac) = 6", by_type),
	NEVER("sighting", "length(device_id) = 8", by_type),
	NEVER("radio", "length(mac) = 6", by_type),
	NEVER("radio", "simulated IN (0, 1)", by_type),
	SPOILED("link", "n > 0", LINK, link_zero),
	SPOILED("link", WORD("method"), LINK, link_method_empty),
	SPOILED("link", WORD("method"), LINK, link_method_missing),
	SPOILED("link", WORD("method"), LINK, link_method_long),
	SPOILED("link", WORD("kind"), LINK, link_kind_empty),
	SPOILED("link", WORD("kind"), LINK, link_kind_long),
	NEVER("link", "length(bssid) = 6", by_type),
	SPOILED("link", "length(ssid) <= 32", LINK, link_ssid_long),
	SPOILED("link", WORD("security"), LINK, link_security_missing),
	SPOILED("link", WORD("security"), LINK, link_security_long),
	SPOILED("link", WORD("secret"), LINK, link_secret_empty),
	SPOILED("link", WORD("secret"), LINK, link_secret_long),
	NEVER("link", "length(certificate_sha256) = 32", by_type),
	SPOILED("link", EVIDENCE, LINK, link_evidence_cut),
	SPOILED("link", EVIDENCE, LINK, link_evidence_list),
	SPOILED("link", EVIDENCE, LINK, link_evidence_empty),
	SPOILED("link", EVIDENCE, LINK, link_evidence_long),
	NEVER("delivery", "n > 0", by_writer),
	SPOILED("delivery", WORD("method"), DELIVERY, delivery_method_missing),
	SPOILED("delivery", WORD("method"), DELIVERY, delivery_method_long),
	SPOILED("delivery", EVIDENCE, DELIVERY, delivery_evidence_missing),
	SPOILED("delivery", EVIDENCE, DELIVERY, delivery_evidence_text),
	SPOILED("delivery", EVIDENCE, DELIVERY, delivery_evidence_long),
	SPOILED("network", "length(ssid) BETWEEN 1 AND 32", NETWORK, network_ssid_empty),
	SPOILED("network", "length(ssid) BETWEEN 1 AND 32", NETWORK, network_ssid_long),
	NEVER("network", "length(bssid) = 6", by_type),
	NEVER("network", "observed IN ('no', 'seen', 'key-verified')", "words_of_enums_are_those_of_the_schema"),
	NEVER("network", "reported IN (0, 1)", by_type),
	SPOILED("label", "copy > 0", LABEL, label_copy_zero),
	SPOILED("label", "kind IN ('file', 'print')", LABEL, label_kind_unknown),
	SPOILED("label", "kind IN ('file', 'print')", LABEL, label_kind_missing),
	SPOILED("label", "template <> ''", LABEL, label_template_empty),
	SPOILED("label", "length(digest) = 32 AND digest <> zeroblob(32)", LABEL, label_digest_zeros),
	SPOILED("label", "reason <> ''", LABEL, label_reason_empty),
	SPOILED("label", "actor <> ''", LABEL, label_actor_empty),
	SPOILED("label", "copy = 1 OR reason IS NOT NULL", LABEL, label_again_without_reason),
	SPOILED("label_scan", SCANS, LABEL_SCAN, scan_verdict_unknown),
	SPOILED("label_scan", "actor <> ''", LABEL_SCAN, scan_actor_empty),
	SPOILED("label_scan", "(label IS NULL) = (verdict = 'unknown')", LABEL_SCAN, scan_right_of_no_label),
	SPOILED("label_scan", "(label IS NULL) = (verdict = 'unknown')", LABEL_SCAN, scan_unknown_with_label),
	NEVER("audit", "length(prev) = 32", by_writer),
	NEVER("audit", "length(hash) = 32", by_writer),
	NEVER("anchor", "length(head) = 32", by_writer),
	NEVER("record", "length(id) = 16", by_writer),
	NEVER("written", "n > 0", by_writer),
	NEVER("written", "seq >= 0", by_writer),
	NEVER("written", "part >= 0", by_writer),
	NEVER("written", "length(hash) = 32", by_writer),
	NEVER("written", "(signature IS NULL) = (key_id IS NULL)", by_writer),
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

/* Blanks and line breaks say nothing to SQLite. */
static void squeeze(char *out, size_t cap, const char *from, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < len && at + 2 < cap; i++) {
		bool blank = strchr(" \t\n", from[i]) != NULL;

		if (!blank)
			out[at++] = from[i];
		else if (at > 0 && out[at - 1] != ' ' && out[at - 1] != '(')
			out[at++] = ' ';
	}
	out[at] = '\0';
}

/* The next CHECK (...) of a table's text; NULL: there is none more. */
static const char *next_check(const char *sql, char *check, size_t cap)
{
	const char *at = strstr(sql, "CHECK (");
	unsigned open = 1;
	size_t len = 0;

	if (!at)
		return NULL;
	at += strlen("CHECK (");
	for (bool quoted = false; open > 0; len++) {
		assert_true(at[len] != '\0');
		if (at[len] == '\'')
			quoted = !quoted;
		if (!quoted && at[len] == '(')
			open++;
		if (!quoted && at[len] == ')')
			open--;
	}
	squeeze(check, cap, at, len - 1);
	return at + len;
}

static void every_check_of_the_schema_has_its_twin(void **state)
{
	struct place *place = *state;
	sqlite3_stmt *statement = NULL;
	bool met[RULES] = { false };
	unsigned checks = 0;
	sqlite3 *db;

	lay_lot(place);
	db = plain_open(place->path);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql NOT NULL",
					    -1, &statement, NULL),
			 SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		const char *table = (const char *)sqlite3_column_text(statement, 0);
		const char *sql = (const char *)sqlite3_column_text(statement, 1);
		char check[300];

		while ((sql = next_check(sql, check, sizeof(check)))) {
			bool found = false;

			checks++;
			for (size_t i = 0; i < RULES; i++)
				if (strcmp(rules[i].table, table) == 0 && strcmp(rules[i].check, check) == 0)
					found = met[i] = true;
			if (!found)
				fail_msg("table %s: CHECK (%s) has no twin", table, check);
		}
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	assert_true(checks > 50);
	for (size_t i = 0; i < RULES; i++)
		if (!met[i])
			fail_msg("table %s has no CHECK (%s)", rules[i].table, rules[i].check);
}

static void what_the_database_refuses_is_refused_before(void **state)
{
	struct place *place = *state;
	struct direct direct;

	lay_lot(place);
	direct_open(place, &direct);
	for (size_t i = 0; i < RULES; i++) {
		struct journal_record r = good(rules[i].kind);
		char words[700], rule[400];
		const char *refused;

		if (!rules[i].spoil)
			continue;
		rules[i].spoil(&r);
		if (!journal_check(&r))
			fail_msg("%s, CHECK (%s): the twin takes row %zu", rules[i].table, rules[i].check, i);
		refused = direct_refuses(&direct, &r);
		if (!refused)
			fail_msg("%s, CHECK (%s): the database takes row %zu", rules[i].table, rules[i].check, i);
		squeeze(words, sizeof(words), refused, strlen(refused));
		snprintf(rule, sizeof(rule), "CHECK constraint failed: %s", rules[i].check);
		if (!strstr(words, rule))
			fail_msg("%s, row %zu: \"%s\" does not say \"%s\"", rules[i].table, i, words, rule);
	}
	direct_close(&direct);
}

/* Not by a CHECK, but as surely. */
static void what_would_be_null_is_refused_before(void **state)
{
	static const struct {
		enum journal_record_kind kind;
		void (*spoil)(struct journal_record *record);
		const char *words;
	} cases[] = {
		{ JOURNAL_UNIT_STATE, state_unknown, "NOT NULL constraint failed: unit.state" },
		{ JOURNAL_ATTEMPT, attempt_kind, "NOT NULL constraint failed: attempt.kind" },
		{ JOURNAL_STEP, step_without_outcome, "NOT NULL constraint failed: step.outcome" },
		{ JOURNAL_MEASUREMENT, value_no_number, "NOT NULL constraint failed: measurement.value" },
	};
	struct place *place = *state;
	struct direct direct;

	lay_lot(place);
	direct_open(place, &direct);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct journal_record r = good(cases[i].kind);

		cases[i].spoil(&r);
		assert_non_null(journal_check(&r));
		assert_non_null(direct_refuses(&direct, &r));
		if (!strstr(direct.writer.error, cases[i].words))
			fail_msg("\"%s\" does not say \"%s\"", direct.writer.error, cases[i].words);
	}
	direct_close(&direct);
}

/* Each enumerator goes through, and the one behind the last does not. */
static void words_of_enums_are_those_of_the_schema(void **state)
{
	struct place *place = *state;
	struct direct direct;

	lay_lot(place);
	direct_open(place, &direct);
#define EACH(KIND, member, type, last)                                                                                 \
	for (int value = 0; value <= (int)(last) + 1; value++) {                                                       \
		struct journal_record r = good(JOURNAL_##KIND);                                                        \
                                                                                                                       \
		r.member = (enum type)value;                                                                           \
		if (value > (int)(last)) {                                                                             \
			assert_non_null(journal_check(&r));                                                            \
			continue;                                                                                      \
		}                                                                                                      \
		assert_null(journal_check(&r));                                                                        \
		if (direct_refuses(&direct, &r) && strstr(direct.writer.error, "constraint failed"))                   \
			fail_msg(#member " %d: %s", value, direct.writer.error);                                       \
	}
	EACH(UNIT_STATE, unit_state.state, journal_unit_state, UNIT_HELD)
	EACH(ATTEMPT, attempt.kind, journal_attempt_kind, ATTEMPT_RESUME)
	EACH(ATTEMPT_END, attempt_end.outcome, journal_outcome, OUTCOME_INTERRUPTED)
	EACH(STEP, step.outcome, journal_outcome, OUTCOME_INTERRUPTED)
	EACH(NETWORK, network.observed, journal_observed, OBSERVED_KEY_VERIFIED)
	EACH(CERT_STATE, cert_state.state, journal_cert_state, CERT_VOID)
	EACH(TRANSACTION, transaction.phase, journal_phase, PHASE_COMMITTED)
	EACH(LABEL_STATE, label_state.state, journal_label_state, LABEL_VOID)
	direct_close(&direct);
	assert_non_null(journal_check(&(struct journal_record){ .kind = (enum journal_record_kind)JOURNAL_KINDS }));
}

/* --- the contract --- */

static void a_refused_record_ends_nothing_but_itself(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	uint64_t ticket;

	put(journal, unit_record(1));
	ticket = put(journal, unit_record(2));
	for (size_t i = 0; i < RULES; i++) {
		struct journal_record r = good(rules[i].kind);

		if (!rules[i].spoil)
			continue;
		rules[i].spoil(&r);
		assert_int_equal(journal_submit(journal, &r), 0);
		assert_null(journal_failed(journal));
		assert_non_null(journal_check(&r));
	}
	assert_int_equal(put(journal, unit_record(3)), ticket + 1);
	assert_int_equal(journal_wait(journal, ticket + 1), 0);
	assert_null(journal_failed(journal));
	journal_close(journal);
	assert_row(place->path, "SELECT count(*), (SELECT end_kind FROM session) FROM unit", "3|clean");
}

static void a_lot_without_a_name_is_refused_with_a_sentence(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened(place);
	struct journal_start start;

	assert_int_equal(begin_lot(journal, place, "", "job", &start, NULL, NULL), -1);
	assert_non_null(strstr(place->error, "CHECK constraint failed: lot <> ''"));
	assert_null(journal_failed(journal));
	assert_int_equal(begin_lot(journal, place, "A", "job", &start, NULL, NULL), 0);
	journal_close(journal);
}

/* --- whatever a record says: what the twin takes, no rule of the schema refuses --- */

enum field_type { TEXT, NUMBER, WORDS, OCTETS, BLOB, REAL, FLAG };

static const struct field {
	enum journal_record_kind kind;
	enum field_type type;
	size_t at, len;
} fields[] = {
#define FIELD(KIND, member, type)                                                                                      \
	{                                                                                                              \
		JOURNAL_##KIND, type, offsetof(struct journal_record, member),                                         \
			sizeof(((struct journal_record *)0)->member)                                                   \
	}
	FIELD(UNIT, unit.device_id, OCTETS),
	FIELD(UNIT, unit.mac, OCTETS),
	FIELD(UNIT, unit.product, TEXT),
	FIELD(UNIT, unit.firmware, TEXT),
	FIELD(UNIT, unit.agentless, FLAG),
	FIELD(UNIT_STATE, unit_state.state, WORDS),
	FIELD(UNIT_STATE, unit_state.cause.number, NUMBER),
	FIELD(UNIT_STATE, unit_state.cause.name, TEXT),
	FIELD(ATTEMPT, attempt.n, NUMBER),
	FIELD(ATTEMPT, attempt.kind, WORDS),
	FIELD(ATTEMPT, attempt.radio, TEXT),
	FIELD(ATTEMPT, attempt.method, TEXT),
	FIELD(ATTEMPT_END, attempt_end.outcome, WORDS),
	FIELD(ATTEMPT_END, attempt_end.step, TEXT),
	FIELD(ATTEMPT_END, attempt_end.cause.name, TEXT),
	FIELD(STEP, step.seq, NUMBER),
	FIELD(STEP, step.name, TEXT),
	FIELD(STEP, step.outcome, WORDS),
	FIELD(STEP, step.tries, NUMBER),
	FIELD(MEASUREMENT, measurement.name, TEXT),
	FIELD(MEASUREMENT, measurement.unit, TEXT),
	FIELD(MEASUREMENT, measurement.value, REAL),
	FIELD(MEASUREMENT, measurement.low, REAL),
	FIELD(MEASUREMENT, measurement.has_low, FLAG),
	FIELD(MEASUREMENT, measurement.passed, FLAG),
	FIELD(IDENTITY, identity.serial, TEXT),
	FIELD(IDENTITY, identity.transaction, NUMBER),
	FIELD(IDENTITY, identity.pin_sealed, BLOB),
	FIELD(IDENTITY, identity.pin_kind, TEXT),
	FIELD(IDENTITY, identity.pin_lookup, OCTETS),
	FIELD(IDENTITY, identity.pin_salt, BLOB),
	FIELD(IDENTITY, identity.certificate, BLOB),
	FIELD(IDENTITY, identity.issuer, TEXT),
	FIELD(IDENTITY, identity.serial_hex, TEXT),
	FIELD(IDENTITY, identity.subject, TEXT),
	FIELD(IDENTITY, identity.spki_sha256, OCTETS),
	FIELD(IDENTITY, identity.not_after_us, NUMBER),
	FIELD(CERT_STATE, cert_state.state, WORDS),
	FIELD(TRANSACTION, transaction.transaction, NUMBER),
	FIELD(TRANSACTION, transaction.operation, TEXT),
	FIELD(TRANSACTION, transaction.phase, WORDS),
	FIELD(RECEIPT, receipt.transaction, NUMBER),
	FIELD(RECEIPT, receipt.receipt, BLOB),
	FIELD(RECEIPT, receipt.challenge, BLOB),
	FIELD(SIGHTING, sighting.mac, OCTETS),
	FIELD(SIGHTING, sighting.verdict, TEXT),
	FIELD(SIGHTING, sighting.count, NUMBER),
	FIELD(RADIO, radio.radio, TEXT),
	FIELD(RADIO, radio.driver, TEXT),
	FIELD(RADIO, radio.simulated, FLAG),
	FIELD(RADIO, radio.sent, NUMBER),
	FIELD(GUARD, guard.guard, TEXT),
	FIELD(GUARD, guard.detail, TEXT),
	FIELD(LINK, link.n, NUMBER),
	FIELD(LINK, link.method, TEXT),
	FIELD(LINK, link.kind, TEXT),
	FIELD(LINK, link.ad_hoc, FLAG),
	FIELD(LINK, link.bssid, OCTETS),
	FIELD(LINK, link.ssid, BLOB),
	FIELD(LINK, link.security, TEXT),
	FIELD(LINK, link.secret, TEXT),
	FIELD(LINK, link.cipher, TEXT),
	FIELD(LINK, link.has_certificate, FLAG),
	FIELD(LINK, link.join_us, NUMBER),
	FIELD(LINK, link.evidence, TEXT),
	FIELD(DELIVERY, delivery.method, TEXT),
	FIELD(DELIVERY, delivery.evidence, TEXT),
	FIELD(NETWORK, network.ssid, BLOB),
	FIELD(NETWORK, network.security, TEXT),
	FIELD(NETWORK, network.picked, FLAG),
	FIELD(NETWORK, network.joined, FLAG),
	FIELD(NETWORK, network.reason, TEXT),
	FIELD(NETWORK, network.observed, WORDS),
	FIELD(LABEL, label.copy, NUMBER),
	FIELD(LABEL, label.kind, TEXT),
	FIELD(LABEL, label.template, TEXT),
	FIELD(LABEL, label.digest, OCTETS),
	FIELD(LABEL, label.key_id, TEXT),
	FIELD(LABEL, label.reason, TEXT),
	FIELD(LABEL, label.actor, TEXT),
	FIELD(LABEL_STATE, label_state.state, WORDS),
	FIELD(LABEL_STATE, label_state.actor, TEXT),
	FIELD(LABEL_SCAN, label_scan.label, NUMBER),
	FIELD(LABEL_SCAN, label_scan.expected, NUMBER),
	FIELD(LABEL_SCAN, label_scan.verdict, TEXT),
	FIELD(LABEL_SCAN, label_scan.actor, TEXT),
	FIELD(AUDIT, audit.actor, TEXT),
	FIELD(AUDIT, audit.action, TEXT),
	FIELD(AUDIT, audit.subject, TEXT),
	FIELD(AUDIT, audit.body, TEXT),
	FIELD(BATCH_END, batch_end.state, TEXT),
	FIELD(BATCH_END, batch_end.policy, TEXT),
	FIELD(BATCH_END, batch_end.makespan_us, NUMBER),
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void change_field(struct journal_record *record, const struct field *field, uint32_t random)
{
	static const char *const some_texts[] = { NULL,
						  "",
						  "0",
						  " 0 0",
						  "00A",
						  "x",
						  "\x80\xff",
						  "file",
						  "print",
						  "right",
						  "unknown",
						  "duplicate",
						  "done",
						  "stopped",
						  "{}",
						  "{x}",
						  "{\"a\":[1,{}]}",
						  "{\"a\":1}}",
						  long_word,
						  "thirty-two octets of a word, yes" };
	static const uint64_t some_numbers[] = { 0, 1, 2, 5, 77, UINT32_MAX, INT64_MAX, 1ull << 63, UINT64_MAX };
	static const double some_reals[] = { 0, -1.5, 1e300, (double)INFINITY, (double)NAN };
	static const size_t some_lengths[] = { 0, 1, 31, 32, 33, 40 };
	uint8_t *at = (uint8_t *)record + field->at;
	const char *text = some_texts[random % (sizeof(some_texts) / sizeof(some_texts[0]))];
	uint64_t number = some_numbers[random % (sizeof(some_numbers) / sizeof(some_numbers[0]))];
	struct journal_blob blob = { long_word, some_lengths[random % 6] };
	unsigned words = random % 10;
	bool flag = random & 1;

	switch (field->type) {
	case TEXT: memcpy(at, &text, sizeof(text)); break;
	case NUMBER: memcpy(at, &number, field->len); break; /* little-endian: the low octets of it */
	case WORDS: memcpy(at, &words, sizeof(words)); break;
	case OCTETS: memset(at, random % 4 == 0 ? 0 : random % 4 == 1 ? 0xff : (int)(random >> 4), field->len); break;
	case BLOB: memcpy(at, &blob, sizeof(blob)); break;
	case REAL: memcpy(at, &some_reals[random % 5], sizeof(double)); break;
	case FLAG: memcpy(at, &flag, sizeof(flag)); break;
	}
}

static void what_the_twin_takes_no_rule_of_the_schema_refuses(void **state)
{
	enum { ROUNDS = 20000 };
	struct place *place = *state;
	uint32_t seed = 0x5eed0005;
	unsigned taken = 0, refused = 0;
	struct direct direct;

	lay_lot(place);
	direct_open(place, &direct);
	for (unsigned round = 0; round < ROUNDS; round++) {
		const struct field *first = &fields[next_random(&seed) % FIELDS];
		struct journal_record r = good(first->kind);

		change_field(&r, first, next_random(&seed));
		for (unsigned more = next_random(&seed) % 3; more > 0; more--) {
			const struct field *other = &fields[next_random(&seed) % FIELDS];

			if (other->kind == first->kind)
				change_field(&r, other, next_random(&seed));
		}
		if (journal_check(&r)) {
			refused++;
			continue;
		}
		taken++;
		if (direct_refuses(&direct, &r) &&
		    (strstr(direct.writer.error, "CHECK constraint") ||
		     strstr(direct.writer.error, "NOT NULL constraint") || strstr(direct.writer.error, "cannot store")))
			fail_msg("round %u, kind %d, field at %zu: %s", round, (int)first->kind, first->at,
				 direct.writer.error);
	}
	direct_close(&direct);
	assert_true(taken > ROUNDS / 5 && refused > ROUNDS / 10);
}

/* --- the evidence of a method --- */

static const char *const objects[] = {
	"{}",
	"{ }",
	"{\"a\":1}",
	"{\"a\" : [ ] , \"b\":{}}",
	"{\"a\":[1,-2,0.5,1e9,1E+2,2e-3,true,false,null]}",
	"{\"\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"}",
	"{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}",
	"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}",
};
static const char *const others[] = {
	"",
	"{",
	"}",
	"[]",
	"1",
	"null",
	"\"{}\"",
	" {}",
	"{} ",
	"{}{}",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\":1,}",
	"{,}",
	"{a:1}",
	"{'a':1}",
	"{\"a\":01}",
	"{\"a\":+1}",
	"{\"a\":.5}",
	"{\"a\":1.}",
	"{\"a\":1e}",
	"{\"a\":-}",
	"{\"a\":tru}",
	"{\"a\":NaN}",
	"{\"a\":\"\n\"}",
	"{\"a\":\"\\x\"}",
	"{\"a\":\"\\u12g4\"}",
	"{\"a\":\"\\u12\"}",
	"{\"a\":\"}",
	"{\"a\":[1,]}",
	"{\"a\":[1 2]}",
	"{\"a\":1 \"b\":2}",
	"{\"a\":[}",
	"{\"a\":\"\\\"}",
	"{\"a\":\"\xc0\xaf\"}",
	"{\"a\":\"\xed\xa0\x80\"}",
	"{\"a\":\"\xf5\x80\x80\x80\"}",
	"{\"a\":\"\xc3\"}",
	"{\"a\":\"\x80\"}",
	"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":[1]}}}}}}}}",
	"{}\x01",
};

static void an_object_in_json_is_taken_and_nothing_else(void **state)
{
	sqlite3 *db = NULL;
	char sql[300], *quoted;

	(void)state;
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		if (!json_text_is_object(objects[i]))
			fail_msg("refused: %s", objects[i]);
		/* A stranger as judge. */
		assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
		quoted = sqlite3_mprintf("CREATE TABLE t (a); INSERT INTO t SELECT 1 WHERE json_valid(%Q)", objects[i]);
		assert_int_equal(sqlite3_exec(db, quoted, NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_changes(db), 1);
		sqlite3_free(quoted);
		sqlite3_close(db);
		/* Cut anywhere, it is one no longer. */
		for (size_t len = 0; len < strlen(objects[i]); len++) {
			snprintf(sql, sizeof(sql), "%.*s", (int)len, objects[i]);
			if (json_text_is_object(sql))
				fail_msg("taken: %s", sql);
		}
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (json_text_is_object(others[i]))
			fail_msg("taken: %s", others[i]);
}

static char endless[TEXT_MAX + 2];

static const char *const unfit[] = { "J\xf6rg", "a\nb", "a\x7f",
				     ("a\xe2\x80\xae"
				      "b"),
				     endless };

/* Each text of each kind of record, found by its shape: a new one is held to the rule from its first day. */
static void no_text_of_a_record_is_one_that_cannot_be_shown(void **state)
{
	unsigned met = 0;

	(void)state;
	memset(endless, 'x', TEXT_MAX + 1);
	for (int kind = 0; kind < JOURNAL_KINDS; kind++)
		for (size_t i = 0; i < SHAPE_POINTERS_MAX && shapes[kind].texts[i]; i++, met++)
			for (size_t k = 0; k < sizeof(unfit) / sizeof(unfit[0]); k++) {
				struct journal_record r = good((enum journal_record_kind)kind);

				memcpy((uint8_t *)&r + shapes[kind].texts[i] - 1, &unfit[k], sizeof(unfit[k]));
				if (!journal_check(&r))
					fail_msg("kind %d, text %zu: unfit text %zu is taken", kind, i, k);
			}
	assert_true(met > 50);
}

static void who_and_why_are_as_short_as_people_may_write_them(void **state)
{
	char who[TEXT_ACTOR_MAX + 2] = "", why[TEXT_REASON_MAX + 2] = "";
	struct journal_record scan = good(JOURNAL_LABEL_SCAN), note = good(JOURNAL_AUDIT), label = good(JOURNAL_LABEL),
			      change = good(JOURNAL_LABEL_STATE);

	(void)state;
	memset(who, 'x', TEXT_ACTOR_MAX);
	memset(why, 'x', TEXT_REASON_MAX);
	scan.label_scan.actor = note.audit.actor = label.label.actor = change.label_state.actor = who;
	label.label.copy = 2;
	label.label.reason = why;
	assert_null(journal_check(&scan));
	assert_null(journal_check(&note));
	assert_null(journal_check(&label));
	assert_null(journal_check(&change));
	why[TEXT_REASON_MAX] = 'x';
	assert_non_null(journal_check(&label));
	why[TEXT_REASON_MAX] = '\0';
	who[TEXT_ACTOR_MAX] = 'x';
	assert_non_null(journal_check(&scan));
	assert_non_null(journal_check(&note));
	assert_non_null(journal_check(&label));
	assert_non_null(journal_check(&change));
}

static void what_was_done_is_an_object_in_json(void **state)
{
	static const char *const bodies[] = { "", "[]", "{", "{} {}", "\"a\"", NULL };
	struct journal_record r = good(JOURNAL_AUDIT);

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		r.audit.body = bodies[i];
		assert_non_null(journal_check(&r));
	}
}

/* The two ways into the record that are no record: a lot, and a note outside of any session. */
static void a_lot_and_a_note_are_held_to_the_rule_too(void **state)
{
	struct place *place = *state;
	const struct journal_options options = place_options(place);
	struct journal_audit note = { "0417", "pin-reveal", "unit 1", "{}", T0 };
	struct journal_batch batch = {
		.lot = "B", .product = "AC-100", .job = { "job", 3 }, .job_path = "job.yaml", .at_us = T0
	};
	const char **const members[] = { &batch.lot, &batch.product, &batch.hw_rev, &batch.work_order, &batch.job_path,
					 &batch.software, &batch.policy, &batch.operator};
	struct journal_start start;

	lay_lot(place);
	memset(endless, 'x', TEXT_MAX + 1);
	assert_null(journal_check_batch(&batch));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		for (size_t k = 0; k < sizeof(unfit) / sizeof(unfit[0]); k++) {
			const char *good_one = *members[i];

			*members[i] = unfit[k];
			if (!journal_check_batch(&batch))
				fail_msg("text %zu of a lot: unfit text %zu is taken", i, k);
			*members[i] = good_one;
		}
	for (size_t k = 0; k < sizeof(unfit) / sizeof(unfit[0]); k++) {
		struct journal *journal = opened(place);

		batch.operator= unfit[k];
		assert_int_equal(journal_begin(journal, &batch, &start, NULL, NULL, place->error, sizeof(place->error)),
				 -1);
		assert_non_null(strstr(place->error, "the name of who runs it"));
		journal_close(journal);
		note.actor = unfit[k];
		assert_int_equal(journal_note(&options, &note, place->error, sizeof(place->error)), -1);
		assert_non_null(strstr(place->error, "actor"));
	}
	note.actor = "0417";
	assert_int_equal(journal_note(&options, &note, place->error, sizeof(place->error)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
		TEST(a_record_of_each_kind_is_taken_by_both),
		TEST(every_check_of_the_schema_has_its_twin),
		TEST(what_the_database_refuses_is_refused_before),
		TEST(what_would_be_null_is_refused_before),
		TEST(words_of_enums_are_those_of_the_schema),
		TEST(a_refused_record_ends_nothing_but_itself),
		TEST(a_lot_without_a_name_is_refused_with_a_sentence),
		TEST(what_the_twin_takes_no_rule_of_the_schema_refuses),
		TEST(an_object_in_json_is_taken_and_nothing_else),
		TEST(no_text_of_a_record_is_one_that_cannot_be_shown),
		TEST(who_and_why_are_as_short_as_people_may_write_them),
		TEST(what_was_done_is_an_object_in_json),
		TEST(a_lot_and_a_note_are_held_to_the_rule_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
