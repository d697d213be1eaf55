#include "tests/swarm/oracle.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <sqlite3.h>

#include "agent/core/csr.h"
#include "agent/port/crypto.h"
#include "agent/wire/message.h"
#include "db/verify.h"
#include "station/identity/identity.h"
#include "station/job/job.h"
#include "station/world/device.h"
#include "tests/swarm/dump.h"

#define PINS_TRIED 2u /* devices of a lot whose PIN's verifier is reckoned again: 4 ms each */

/* One look at one lot. */
struct look {
	const struct place *place;
	const struct plan *plan;
	const struct life_news *news;
	struct findings *findings;
	sqlite3 *db;
	struct job *job;
	struct identity *identity;
	struct dump *dumps;
	bool honest; /* no disk has lied in the life before */
};

void find(struct findings *findings, const char *word, const char *format, ...)
{
	char *to = findings->count < FINDINGS_MAX ? findings->text[findings->count] : NULL;
	va_list args;
	int len;

	findings->count++;
	if (!to)
		return;
	len = snprintf(to, FINDING_LEN, "%s: ", word);
	va_start(args, format);
	vsnprintf(to + len, FINDING_LEN - (size_t)len, format, args);
	va_end(args);
}

void oracle_end(const struct plan_life *life, const struct life_news *news, struct findings *findings)
{
	bool disturbed = life->kind == LIFE_DISK && news->struck;

	switch (news->end) {
	case ENDED:
		if (news->failure[0] && !disturbed)
			find(findings, "record-failed", "%s", news->failure);
		break;
	case DIED: break;
	case REFUSED:
		if (!disturbed || !news->error[0])
			find(findings, "refused", "%s", news->error[0] ? news->error : "without a word");
		break;
	case CRASHED: find(findings, "crashed", "signal %d: %s", news->signal, news->error); break;
	case HUNG:
		find(findings, "hung", "after %u events, at %.3f s", news->events, (double)news->now_us / 1e6);
		break;
	}
}

/* --- the record alone --- */

/* The first column of the first row; -1: none, or an error, which is a finding. */
static int64_t ask(struct look *look, const char *sql, const uint8_t *blob, size_t len)
{
	sqlite3_stmt *row = NULL;
	int64_t n = -1;
	int rc = sqlite3_prepare_v2(look->db, sql, -1, &row, NULL);

	if (rc == SQLITE_OK && blob)
		rc = sqlite3_bind_blob(row, 1, blob, (int)len, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(row);
	if (rc == SQLITE_ROW)
		n = sqlite3_column_int64(row, 0);
	else if (rc != SQLITE_DONE)
		find(look->findings, "unreadable", "%s: %s", sql, sqlite3_errmsg(look->db));
	sqlite3_finalize(row);
	return n;
}

struct never {
	const char *word, *sql;
};

/* Whatever happened. */
static const struct never never[] = {
	{ "serial-twice", "SELECT count(*) - count(DISTINCT serial) FROM unit WHERE serial IS NOT NULL" },
	{ "pin-twice", "SELECT count(*) - count(DISTINCT lookup) FROM pin" },
	{ "salt-twice", "SELECT count(*) - count(DISTINCT salt) FROM pin" },
	{ "key-twice", "SELECT count(*) - count(DISTINCT spki_sha256) FROM cert WHERE void_us IS NULL" },
	{ "number-twice", "SELECT count(*) - count(DISTINCT serial_hex) FROM cert" },
	{ "passed-unsealed", "SELECT count(*) FROM unit WHERE state = 'passed' AND NOT agentless AND unit NOT IN "
			     "(SELECT unit FROM receipt)" },
	{ "passed-unseen",
	  "SELECT count(*) FROM unit WHERE state = 'passed' AND agentless AND unit NOT IN (SELECT unit FROM "
	  "v_networks WHERE observed <> 'no')" },
	{ "foreign-twice", "SELECT count(mac) - count(DISTINCT mac) FROM unit WHERE agentless" },
	{ "sealed-unpassed",
	  "SELECT count(*) FROM unit WHERE state NOT IN ('passed', 'quarantined') AND unit IN (SELECT unit "
	  "FROM receipt)" },
	{ "quarantine-undone",
	  "SELECT count(*) FROM unit AS u JOIN attempt AS a USING (unit) WHERE u.state IN ('seen', 'active') AND "
	  "a.outcome = "
	  "'fail' AND a.cause_name IN ('wrong-product', 'duplicate-key', 'key-changed', 'bad-signature', "
	  "'unknown-identity', "
	  "'duplicate-device') AND a.attempt = (SELECT max(attempt) FROM attempt AS l WHERE l.unit = u.unit)" },
	{ "passed-nameless", "SELECT count(*) FROM unit WHERE state = 'passed' AND NOT agentless AND serial IS NULL" },
	{ "passed-pinless",
	  "SELECT count(*) FROM unit WHERE state = 'passed' AND NOT agentless AND unit NOT IN (SELECT unit FROM pin)" },
	{ "passed-limits",
	  "SELECT count(*) FROM unit AS u JOIN attempt AS a USING (unit) JOIN measurement AS m USING (attempt) "
	  "WHERE u.state = 'passed' AND a.outcome = 'pass' AND NOT m.passed" },
	{ "sealed-early", "SELECT count(*) FROM receipt AS r JOIN txn AS t USING (txn) WHERE t.operation <> 'seal' "
			  "OR t.unit <> r.unit" },
	{ "passed-uncommitted",
	  "SELECT count(*) FROM unit AS u WHERE u.state = 'passed' AND NOT agentless AND 2 > (SELECT count(DISTINCT "
	  "operation) FROM txn "
	  "AS t "
	  "WHERE t.unit = u.unit AND t.operation IN ('identity', 'credentials') AND committed_us IS NOT NULL)" },
};

/* Once a session has ended by itself. */
static const struct never never_after[] = {
	{ "orphan", "SELECT count(*) FROM v_orphan WHERE kind NOT IN ('labelled-unpassed', 'seal-unanswered')" },
	{ "open-attempt", "SELECT count(*) FROM attempt WHERE outcome IS NULL" },
	{ "active", "SELECT count(*) FROM unit WHERE state = 'active'" },
	{ "causeless",
	  "SELECT count(*) FROM unit WHERE state IN ('failed', 'quarantined', 'held') AND cause_name IS NULL" },
};

/* Once nobody is waited for any more. */
static const struct never never_done[] = {
	{ "undecided", "SELECT count(*) FROM unit WHERE state = 'seen'" },
};

static void check_never(struct look *look, const struct never *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t n = ask(look, rows[i].sql, NULL, 0);

		if (n > 0)
			find(look->findings, rows[i].word, "%lld rows of %s", (long long)n, rows[i].sql);
	}
}

static void verify_found(void *ctx, const char *kind, const char *what)
{
	struct look *look = ctx;

	if (!look->honest && strcmp(kind, "outside") == 0) /* what was lost is noticed: so it should be */
		return;
	if (strcmp(kind, "orphan") == 0 &&
	    strstr(what, "told to seal itself")) /* who vanishes just then is for a person */
		return;
	find(look->findings, "verify", "%s: %s", kind, what);
}

static void verify_noted(void *ctx, const char *what) { (void)ctx, (void)what; }

static bool verify_signature(void *ctx, const uint8_t head[static 32], const uint8_t *sig, size_t len,
			     const char *key_id)
{
	const struct look *look = ctx;
	uint8_t key[65];
	char id[24], error[300];

	return identity_record_public(look->place->keys, key, id, error, sizeof(error)) == 0 &&
	       strcmp(id, key_id) == 0 && identity_record_verify(key, head, sig, len);
}

static void check_verify(struct look *look)
{
	struct verify verify = {
		.found = verify_found, .noted = verify_noted, .signature = verify_signature, .ctx = look
	};
	char error[300];

	if (verify_record(look->db, &verify, error, sizeof(error)) != 0)
		find(look->findings, "unverifiable", "%s", error);
}

static void check_told(struct look *look)
{
	for (unsigned i = 0; i < look->news->told_count; i++) {
		const uint8_t *mac = look->news->told[i];

		if (ask(look, "SELECT count(*) FROM unit WHERE state = 'passed' AND mac = ?1", mac, 6) != 1)
			find(look->findings, "told",
			     "%02x:%02x:%02x:%02x:%02x:%02x was told to have passed, and has not", mac[0], mac[1],
			     mac[2], mac[3], mac[4], mac[5]);
	}
}

/* --- the record and a device --- */

static bool has_fault(const struct plan *plan, const char *kind)
{
	for (size_t i = 0; i < plan->fault_count; i++)
		if (strcmp(plan->faults[i].kind->kind, kind) == 0)
			return true;
	return false;
}

/* The unit whose transaction of that operation this is; 0: nobody's. */
static int64_t unit_of_txn(struct look *look, uint64_t txn, const char *operation)
{
	char sql[160];
	int64_t unit;

	snprintf(sql, sizeof(sql), "SELECT unit FROM txn WHERE txn = %lld AND operation = '%s'", (long long)txn,
		 operation);
	unit = ask(look, sql, NULL, 0);
	return unit > 0 ? unit : 0;
}

static bool same_text(struct look *look, const char *sql, struct mr_rd value)
{
	sqlite3_stmt *row = NULL;
	bool same = sqlite3_prepare_v2(look->db, sql, -1, &row, NULL) == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW &&
		    (size_t)sqlite3_column_bytes(row, 0) == value.left &&
		    memcmp(sqlite3_column_blob(row, 0), value.at, value.left) == 0;

	sqlite3_finalize(row);
	return same;
}

/* Gives the unit, 0: the record does not know it, and that is a finding. */
static int64_t check_identity(struct look *look, size_t i, const struct dump_section *section)
{
	const struct dump *d = &look->dumps[i];
	struct mr_rd certificate = mr_store_value(section->whole, MR_AT_CERTIFICATE);
	int64_t unit = unit_of_txn(look, section->txn, "identity"), owner;
	uint8_t sha[32];
	char sql[160];

	if (!mr_sha256(certificate.at, certificate.left, sha))
		abort();
	owner = ask(look, "SELECT unit FROM cert WHERE sha256 = ?1", sha, sizeof(sha));
	if (unit == 0 || owner != unit) {
		find(look->findings, "unknown-identity",
		     "device %zu has the identity of transaction %llu: the record has unit %lld for that, and unit "
		     "%lld "
		     "for its certificate",
		     i, (unsigned long long)section->txn, (long long)unit, (long long)owner);
		return 0;
	}
	snprintf(sql, sizeof(sql), "SELECT serial FROM unit WHERE unit = %lld", (long long)unit);
	if (!same_text(look, sql, mr_store_value(section->whole, MR_AT_SERIAL)))
		find(look->findings, "other-serial", "device %zu and unit %lld have not the same serial number", i,
		     (long long)unit);
	if (ask(look, "SELECT unit FROM cert WHERE spki_sha256 = ?1 AND void_us IS NULL", d->spki_sha256, 32) != unit)
		find(look->findings, "other-key", "device %zu has not the key of unit %lld", i, (long long)unit);
	snprintf(sql, sizeof(sql), "SELECT salt FROM pin WHERE unit = %lld ORDER BY pin DESC", (long long)unit);
	if (!same_text(look, sql, mr_store_value(section->whole, MR_AT_PIN_SALT)))
		find(look->findings, "other-pin", "device %zu and unit %lld have not the same salt", i,
		     (long long)unit);
	snprintf(sql, sizeof(sql), "SELECT mac FROM unit WHERE unit = %lld", (long long)unit);
	if (!has_fault(look->plan, "same-address") && !same_text(look, sql, mr_rd_over(d->mac, 6)))
		find(look->findings, "other-address", "device %zu has not the address of unit %lld", i,
		     (long long)unit);
	return unit;
}

static void check_credentials(struct look *look, size_t i, const struct dump_section *section)
{
	struct mr_rd ssid = mr_store_value(section->whole, MR_AT_SSID),
		     secret = mr_store_value(section->whole, MR_AT_PASSPHRASE);
	char passphrase[65], error[200];

	if (unit_of_txn(look, section->txn, "credentials") == 0)
		find(look->findings, "unknown-credentials", "device %zu has credentials of transaction %llu", i,
		     (unsigned long long)section->txn);
	if (job_passphrase(look->job, passphrase, error, sizeof(error)) != 0)
		abort();
	if (ssid.left != look->job->ssid_len || memcmp(ssid.at, look->job->ssid, ssid.left) != 0 ||
	    secret.left != strlen(passphrase) || memcmp(secret.at, passphrase, secret.left) != 0)
		find(look->findings, "other-credentials", "device %zu has not the credentials of the job", i);
}

/* The verifier is that of the PIN which the record seals for its unit. */
static void check_pin(struct look *look, size_t i, int64_t unit)
{
	const struct dump *d = &look->dumps[i];
	struct mr_rd w0 = mr_store_value(d->identity.whole, MR_AT_PIN_W0),
		     l = mr_store_value(d->identity.whole, MR_AT_PIN_L);
	uint8_t want_w0[32], want_l[65];
	char pin[IDENTITY_PIN_MAX], sql[200];
	sqlite3_stmt *row = NULL;
	bool same;

	snprintf(sql, sizeof(sql),
		 "SELECT u.product, u.serial, p.sealed, p.salt, p.iterations FROM pin AS p JOIN unit AS u USING (unit) "
		 "WHERE unit = %lld ORDER BY pin DESC",
		 (long long)unit);
	same = sqlite3_prepare_v2(look->db, sql, -1, &row, NULL) == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW &&
	       pin_open(look->identity, (const char *)sqlite3_column_text(row, 0),
			(const char *)sqlite3_column_text(row, 1), sqlite3_column_blob(row, 2),
			(size_t)sqlite3_column_bytes(row, 2), pin) == 0 &&
	       sqlite3_column_bytes(row, 3) == 16 &&
	       pin_verifier(pin, (const char *)sqlite3_column_text(row, 1), sqlite3_column_blob(row, 3),
			    (uint32_t)sqlite3_column_int64(row, 4), want_w0, want_l) == 0 &&
	       w0.left == sizeof(want_w0) && memcmp(w0.at, want_w0, sizeof(want_w0)) == 0 && l.left == sizeof(want_l) &&
	       memcmp(l.at, want_l, sizeof(want_l)) == 0;
	sqlite3_finalize(row);
	if (!same)
		find(look->findings, "other-pin", "device %zu has not the verifier of the PIN of unit %lld", i,
		     (long long)unit);
}

/* docs/protocol.md: version, batch tag 8, device id 8, stage, txn 8, state digest 32, restarts 4, serial. */
static bool receipt_is(const struct dump *d, struct mr_rd receipt)
{
	struct mr_rd serial = mr_store_value(d->identity.whole, MR_AT_SERIAL), said;
	const uint8_t *digest;
	uint64_t txn;

	mr_rd_skip(&receipt, 1 + 8 + 8 + 1);
	txn = mr_rd_le64(&receipt);
	digest = mr_rd_take(&receipt, 32);
	mr_rd_skip(&receipt, 4);
	said = mr_rd_sub(&receipt, mr_rd_u8(&receipt));
	return !receipt.bad && txn == d->seal_txn && memcmp(digest, d->state_digest, 32) == 0 &&
	       said.left == serial.left && memcmp(said.at, serial.at, said.left) == 0;
}

static void check_receipt(struct look *look, size_t i, int64_t unit)
{
	const struct dump *d = &look->dumps[i];
	uint8_t key[65], hash[32];
	sqlite3_stmt *row = NULL;
	char sql[200];
	bool good;

	snprintf(sql, sizeof(sql),
		 "SELECT r.receipt, r.challenge, r.signature, k.der FROM receipt AS r JOIN cert AS k USING (unit) "
		 "WHERE unit = %lld AND k.void_us IS NULL AND r.txn = %lld",
		 (long long)unit, (long long)d->seal_txn);
	good = sqlite3_prepare_v2(look->db, sql, -1, &row, NULL) == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW;
	if (good) {
		struct mr_digest_field fields[] = {
			{ sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1) },
			{ sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0) },
		};

		good = mr_digest(hash, "millrace receipt", fields, 2) && sqlite3_column_bytes(row, 2) == 64 &&
		       identity_certificate_key(sqlite3_column_blob(row, 3), (size_t)sqlite3_column_bytes(row, 3),
						key) == 0 &&
		       identity_verify(key, hash, sqlite3_column_blob(row, 2)) &&
		       receipt_is(d, mr_rd_over(fields[1].bytes, fields[1].len));
	}
	sqlite3_finalize(row);
	if (!good)
		find(look->findings, "other-receipt",
		     "unit %lld has passed, and no receipt of it is of what device %zu holds", (long long)unit, i);
}

static bool has_passed(struct look *look, int64_t unit)
{
	char sql[100];

	snprintf(sql, sizeof(sql), "SELECT state = 'passed' FROM unit WHERE unit = %lld", (long long)unit);
	return ask(look, sql, NULL, 0) == 1;
}

/* Gives the unit that has passed and that this device is; 0: it is none. */
static int64_t check_device(struct look *look, size_t i)
{
	const struct dump *d = &look->dumps[i];
	int64_t unit = d->identity.there ? check_identity(look, i, &d->identity) : 0;

	if (d->prepared_identity.there)
		(void)check_identity(look, i, &d->prepared_identity);
	if (d->credentials.there)
		check_credentials(look, i, &d->credentials);
	if (d->prepared_credentials.there)
		check_credentials(look, i, &d->prepared_credentials);
	if (d->sealed && (unit == 0 || unit_of_txn(look, d->seal_txn, "seal") != unit))
		find(look->findings, "unknown-seal", "device %zu is sealed by transaction %llu, unit %lld", i,
		     (unsigned long long)d->seal_txn, (long long)unit);
	if (d->released && (unit == 0 || !has_passed(look, unit)))
		find(look->findings, "released", "device %zu is released, and its unit %lld has not passed", i,
		     (long long)unit);
	if (unit == 0 || !has_passed(look, unit))
		return 0;
	if (!d->sealed || !d->credentials.there)
		find(look->findings, "passed-bare", "unit %lld has passed, and device %zu is not whole",
		     (long long)unit, i);
	check_receipt(look, i, unit);
	if (i < PINS_TRIED)
		check_pin(look, i, unit);
	return unit;
}

static bool same_value(const struct dump *a, const struct dump *b, enum mr_attribute id)
{
	struct mr_rd x = mr_store_value(a->identity.whole, (uint8_t)id),
		     y = mr_store_value(b->identity.whole, (uint8_t)id);

	return a->identity.there && b->identity.there && x.left == y.left && memcmp(x.at, y.at, x.left) == 0;
}

static void check_pairs(struct look *look)
{
	static const struct {
		enum mr_attribute id;
		const char *word;
	} once[] = { { MR_AT_SERIAL, "serial-twice" },
		     { MR_AT_CERTIFICATE, "certificate-twice" },
		     { MR_AT_PIN_SALT, "salt-twice" },
		     { MR_AT_PIN_W0, "pin-twice" },
		     { MR_AT_TXN, "transaction-twice" } };

	for (size_t i = 0; i < look->plan->devices; i++)
		for (size_t j = 0; j < i; j++) {
			const struct dump *a = &look->dumps[i], *b = &look->dumps[j];

			for (size_t k = 0; k < sizeof(once) / sizeof(once[0]); k++)
				if (same_value(a, b, once[k].id))
					find(look->findings, once[k].word, "devices %zu and %zu", j, i);
			if (a->has_key && b->has_key && memcmp(a->public_key, b->public_key, 65) == 0)
				find(look->findings, "key-twice", "devices %zu and %zu", j, i);
		}
}

/* Every unit that has passed is a device, and every device is at most one unit. */
static void check_devices(struct look *look)
{
	int64_t passed = 0, on_record = ask(look, "SELECT count(*) FROM unit WHERE state = 'passed'", NULL, 0);
	struct flash *flash;

	look->findings->passed = (unsigned)on_record;
	if (plan_is_foreign(look->plan))
		return;
	flash = dump_open(look->place, look->plan);
	if (!flash) {
		if (on_record > 0)
			find(look->findings, "no-flash", "%lld units have passed without a device",
			     (long long)on_record);
		return;
	}
	look->dumps = calloc(look->plan->devices, sizeof(*look->dumps));
	if (!look->dumps)
		abort();
	for (size_t i = 0; i < look->plan->devices; i++)
		dump_read(flash, look->plan, i, &look->dumps[i]);
	for (size_t i = 0; i < look->plan->devices; i++)
		passed += check_device(look, i) > 0;
	check_pairs(look);
	if (passed != on_record)
		find(look->findings, "passed-nobody", "%lld units have passed, and %lld devices", (long long)on_record,
		     (long long)passed);
	free(look->dumps);
	flash_close(flash);
}

static bool open_look(struct look *look)
{
	struct job_errors errors = { 0 };
	char error[512] = "";

	if (reader_open(&look->db, look->place->db, error, sizeof(error)) != 0) {
		find(look->findings, "unreadable", "%s", error);
		return false;
	}
	look->job = job_load(look->place->job, &errors);
	if (look->job && identity_open_pins(&look->identity, look->place->keys, error, sizeof(error)) == 0)
		return true;
	find(look->findings, "job", "%s%s", look->job ? error : "", errors.text[0]);
	return false;
}

/* A disk that lied from the first sync on has lost all of it. */
static bool is_empty(const struct place *place)
{
	sqlite3_stmt *row = NULL;
	sqlite3 *db = NULL;
	bool empty = sqlite3_open(place->db, &db) == SQLITE_OK &&
		     sqlite3_prepare_v2(db, "SELECT count(*) FROM sqlite_schema", -1, &row, NULL) == SQLITE_OK &&
		     sqlite3_step(row) == SQLITE_ROW && sqlite3_column_int64(row, 0) == 0;

	sqlite3_finalize(row);
	sqlite3_close(db);
	return empty;
}

#define ROWS(table) table, sizeof(table) / sizeof((table)[0])

void oracle_record(const struct place *place, const struct plan *plan, const struct plan_life *life,
		   const struct life_news *news, bool honest, struct findings *findings)
{
	struct look look = { .place = place, .plan = plan, .news = news, .findings = findings, .honest = honest };
	bool by_itself = news->end == ENDED && !news->failure[0];

	/* A station that died before there was a schema has left nothing to look at. */
	if (access(place->db, F_OK) != 0 ||
	    (news->told_count == 0 && !by_itself && !plan_is_foreign(plan) && access(place->flash, F_OK) != 0))
		return;
	if ((!honest || (plan_is_foreign(plan) && news->told_count == 0)) && is_empty(place))
		return;
	if (open_look(&look)) {
		check_never(&look, ROWS(never));
		if (by_itself)
			check_never(&look, ROWS(never_after));
		if (by_itself && life->kind != LIFE_STOPPED && life->kind != LIFE_ABORTED)
			check_never(&look, ROWS(never_done));
		check_verify(&look);
		if (honest) {
			check_told(&look);
			check_devices(&look);
		}
	}
	if (look.identity)
		identity_close(look.identity);
	job_destroy(look.job);
	sqlite3_close(look.db);
}

void oracle_struck(const struct place *place, const struct plan *plan, uint64_t now_us, bool struck[PLAN_FAULTS_MAX])
{
	struct flash *flash = dump_open(place, plan);

	for (size_t k = 0; k < plan->fault_count; k++) {
		const struct plan_fault *fault = &plan->faults[k];

		if (fault->kind->whose == OF_NEIGHBOURS)
			struck[k] = struck[k] || now_us > 1000ull * fault->after_ms;
		for (size_t i = 0; flash && i < plan->devices; i++)
			struck[k] = struck[k] || strcmp(device_fault_name(device_fault_struck(*flash_placed(flash, i))),
							fault->kind->kind) == 0;
	}
	flash_close(flash);
}
