#include "tests/support/large_record.h"

#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "agent/wire/cause.h"

#define S INT64_C(1000000)
#define UNITS_AT_ONCE 500 /* chosen: submitted before the disk is waited for; some MiB */

/* Where in the record we are, and what its next rows are numbered. */
struct writing {
	struct journal *journal;
	int64_t batch, unit, attempt, serial, label, scan;
	uint64_t txn, ticket;
	unsigned lot, place; /* of the unit in its lot: 1, 2, ... */
	int64_t now_us;
	bool bad;
};

static void put(struct writing *w, struct journal_record record)
{
	uint64_t ticket = journal_submit(w->journal, &record);

	if (ticket)
		w->ticket = ticket;
	else
		w->bad = true;
}

static bool one_in(const struct writing *w, int64_t n) { return w->unit % n == 0; }

/* Octets that no two units share. */
static void octets_of(uint8_t *out, size_t len, int64_t unit, const char *what)
{
	char text[64];
	uint8_t hash[32];

	snprintf(text, sizeof(text), "%s %lld", what, (long long)unit);
	SHA256((const uint8_t *)text, strlen(text), hash);
	for (size_t i = 0; i < len; i++)
		out[i] = hash[i % 32];
}

/* --- what methods a lot may have --- */

struct way {
	const char *method, *security, *secret, *cipher;
	bool network; /* its devices join a network */
};

static const struct way ways[] = {
	{ "direct", NULL, NULL, NULL, false },
	{ "micro-ap", "wpa2", "label", "CCMP-128", true },
	{ "pin", "open", "record", "AES-128-CCM", true },
	{ "https", "open", "none", "TLS_AES_128_GCM_SHA256", false },
};

static const struct way *way_of(const struct writing *w) { return &ways[w->lot % (sizeof(ways) / sizeof(ways[0]))]; }

static bool is_foreign(const struct writing *w) { return one_in(w, 97); }

/* --- one attempt --- */

static void begin_unit(struct writing *w)
{
	struct journal_record r = { .kind = JOURNAL_UNIT,
				    .unit = { .unit = w->unit,
					      .product = "AC-100",
					      .hw_rev = "C",
					      .firmware = "1.4.2",
					      .agentless = is_foreign(w),
					      .at_us = w->now_us } };

	if (!r.unit.agentless)
		octets_of(r.unit.device_id, 8, w->unit, "device");
	octets_of(r.unit.mac, 6, w->unit, "mac");
	r.unit.mac[0] = (uint8_t)((r.unit.mac[0] | 2) & ~1);
	put(w, r);
}

static struct journal_cause cause_of(int cause)
{
	if (cause == 0)
		return (struct journal_cause){ 0 };
	return (struct journal_cause){ cause, mr_cause_name(cause), mr_cause_class_name(mr_cause_class(cause)) };
}

static void set_state(struct writing *w, enum journal_unit_state state, int cause)
{
	put(w,
	    (struct journal_record){
		    .kind = JOURNAL_UNIT_STATE,
		    .unit_state = { .unit = w->unit, .state = state, .cause = cause_of(cause), .at_us = w->now_us } });
}

static void begin_attempt(struct writing *w, unsigned n)
{
	static const char *const radios[] = { "radio1", "radio2", "radio3", "radio4" };

	w->attempt++;
	w->now_us += 20000;
	put(w, (struct journal_record){ .kind = JOURNAL_ATTEMPT,
					.attempt = { .attempt = w->attempt,
						     .unit = w->unit,
						     .n = n,
						     .kind = n == 1 ? ATTEMPT_FIRST : ATTEMPT_AUTO_RETRY,
						     .radio = radios[w->attempt % 4],
						     .freq_mhz = (uint16_t)(2412 + 25 * (w->attempt % 3)),
						     .rssi_dbm = -40 - (int)(w->attempt % 37),
						     .method = way_of(w)->method,
						     .at_us = w->now_us } });
	set_state(w, UNIT_ACTIVE, 0);
}

static void step(struct writing *w, unsigned seq, const char *name, enum journal_outcome outcome, int cause)
{
	uint32_t took_us = (uint32_t)(60000 + (w->attempt * 7919 + seq * 104729) % 200000);

	put(w, (struct journal_record){ .kind = JOURNAL_STEP,
					.step = { .attempt = w->attempt,
						  .seq = seq,
						  .name = name,
						  .tries = one_in(w, 31) ? 2 : 1,
						  .at_us = w->now_us,
						  .duration_us = took_us,
						  .device_us = took_us / 2,
						  .outcome = outcome,
						  .cause = cause_of(cause) } });
}

static void measure(struct writing *w, const char *name, double value, double low)
{
	put(w, (struct journal_record){ .kind = JOURNAL_MEASUREMENT,
					.measurement = { .attempt = w->attempt,
							 .name = name,
							 .value = value,
							 .unit = "",
							 .has_low = true,
							 .low = low,
							 .passed = true } });
}

static void link_up(struct writing *w)
{
	const struct way *way = way_of(w);
	struct journal_record r = { .kind = JOURNAL_LINK };

	if (!way->security || is_foreign(w))
		return;
	r.link = (struct journal_link){ .attempt = w->attempt,
					.unit = w->unit,
					.n = 1,
					.method = way->method,
					.ssid = { "AC-100", 6 },
					.freq_mhz = 2437,
					.security = way->security,
					.secret = way->secret,
					.cipher = way->cipher,
					.has_certificate = strcmp(way->method, "https") == 0,
					.join_us = 4000,
					.address_us = 3000,
					.connect_us = 2000,
					.secure_us = 90000,
					.evidence = w->unit % 3 ? NULL : "{\"channel\":6,\"akm\":\"psk\"}",
					.at_us = w->now_us };
	octets_of(r.link.bssid, 6, w->unit, "mac");
	octets_of(r.link.certificate_sha256, 32, w->unit, "tls");
	put(w, r);
}

static void end_attempt(struct writing *w, enum journal_outcome outcome, int cause, const char *where)
{
	w->now_us += 700000;
	put(w, (struct journal_record){ .kind = JOURNAL_ATTEMPT_END,
					.attempt_end = { .attempt = w->attempt,
							 .outcome = outcome,
							 .cause = cause_of(cause),
							 .step = where,
							 .detail = cause ? "the device stopped answering" : NULL,
							 .at_us = w->now_us,
							 .active_us = (uint32_t)(700000 + w->attempt * 6271 % 400000),
							 .device_us = 400000,
							 .wait_ca_us = 3000,
							 .wait_journal_us = 9000,
							 .frames_sent = 11,
							 .frames_received = 9,
							 .retries = 3,
							 .octets = 1900 } });
}

/* --- a unit that passes --- */

static void give_identity(struct writing *w)
{
	struct journal_record r = { .kind = JOURNAL_IDENTITY };
	char serial[24], serial_hex[40], subject[80];
	uint8_t der[451], sealed[36], salt[16];

	snprintf(serial, sizeof(serial), "AC1%07lld", (long long)++w->serial);
	snprintf(serial_hex, sizeof(serial_hex), "16%030lld", (long long)w->unit);
	snprintf(subject, sizeof(subject), "O=Factory,CN=AC-100,serialNumber=%s", serial);
	octets_of(der, sizeof(der), w->unit, "der");
	octets_of(sealed, sizeof(sealed), w->unit, "sealed");
	octets_of(salt, sizeof(salt), w->unit, "salt");
	r.identity = (struct journal_identity){ .unit = w->unit,
						.attempt = w->attempt,
						.serial = serial,
						.transaction = ++w->txn,
						.pin_sealed = { sealed, sizeof(sealed) },
						.pin_kind = "digits",
						.kek_id = "pin-1",
						.pin_salt = { salt, sizeof(salt) },
						.pin_iterations = 1000,
						.certificate = { der, sizeof(der) },
						.issuer = "Factory issuing CA",
						.serial_hex = serial_hex,
						.subject = subject,
						.not_before_us = LARGE_T0,
						.not_after_us = INT64_MAX,
						.at_us = w->now_us };
	octets_of(r.identity.pin_lookup, 32, w->unit, "pin");
	octets_of(r.identity.spki_sha256, 32, w->unit, "key");
	put(w, r);
	put(w, (struct journal_record){ .kind = JOURNAL_CERT_STATE,
					.cert_state = { w->unit, CERT_INSTALLED, w->now_us } });
}

static void write_to_device(struct writing *w, const char *operation, uint64_t txn)
{
	put(w,
	    (struct journal_record){ .kind = JOURNAL_TRANSACTION,
				     .transaction = { w->unit, w->attempt, txn, operation, PHASE_INTENT, w->now_us } });
	put(w, (struct journal_record){
		       .kind = JOURNAL_TRANSACTION,
		       .transaction = { w->unit, w->attempt, txn, operation, PHASE_COMMITTED, w->now_us } });
}

static void join(struct writing *w)
{
	struct journal_record r = { .kind = JOURNAL_NETWORK,
				    .network = { .attempt = w->attempt,
						 .unit = w->unit,
						 .ssid = { "Hall 3", 6 },
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
						 .reported = !is_foreign(w),
						 .at_us = w->now_us } };

	put(w, r);
}

static void seal(struct writing *w)
{
	struct journal_record r = { .kind = JOURNAL_RECEIPT };
	uint8_t receipt[73], challenge[32], signature[64];

	octets_of(receipt, sizeof(receipt), w->unit, "receipt");
	octets_of(challenge, sizeof(challenge), w->unit, "challenge");
	octets_of(signature, sizeof(signature), w->unit, "signature");
	r.receipt = (struct journal_receipt){ .unit = w->unit,
					      .attempt = w->attempt,
					      .transaction = ++w->txn,
					      .receipt = { receipt, sizeof(receipt) },
					      .challenge = { challenge, sizeof(challenge) },
					      .signature = { signature, sizeof(signature) },
					      .at_us = w->now_us };
	write_to_device(w, "seal", r.receipt.transaction);
	put(w,
	    (struct journal_record){ .kind = JOURNAL_CERT_STATE, .cert_state = { w->unit, CERT_VERIFIED, w->now_us } });
	put(w, r);
}

static void pass(struct writing *w, unsigned n)
{
	begin_attempt(w, n);
	link_up(w);
	step(w, 1, "identify", OUTCOME_PASS, 0);
	measure(w, "rssi", -40.0 - (double)(w->unit % 37), -82);
	measure(w, "temperature_c", 20.0 + (double)(w->unit % 11), -10);
	measure(w, "vbat_mv", 3200.0 + (double)(w->unit % 300), 3000);
	step(w, 2, "selftest", OUTCOME_PASS, 0);
	if (w->unit % 300 != 1) /* else it has one from its first attempt, which ended behind it */
		give_identity(w);
	write_to_device(w, "identity", w->txn);
	step(w, 3, "identity", OUTCOME_PASS, 0);
	write_to_device(w, "credentials", ++w->txn);
	step(w, 4, "credentials", OUTCOME_PASS, 0);
	if (way_of(w)->network)
		join(w);
	step(w, 5, "verify", OUTCOME_PASS, 0);
	seal(w);
	step(w, 6, "seal", OUTCOME_PASS, 0);
	end_attempt(w, OUTCOME_PASS, 0, NULL);
	set_state(w, UNIT_PASSED, 0);
}

static void pass_foreign(struct writing *w)
{
	begin_attempt(w, 1);
	put(w, (struct journal_record){ .kind = JOURNAL_DELIVERY,
					.delivery = { .attempt = w->attempt,
						      .unit = w->unit,
						      .method = way_of(w)->method,
						      .evidence = "{\"known_by\":\"address\",\"proved\":\"pin\"}",
						      .at_us = w->now_us } });
	step(w, 1, "credentials", OUTCOME_PASS, 0);
	join(w);
	end_attempt(w, OUTCOME_PASS, 0, NULL);
	set_state(w, UNIT_PASSED, 0);
}

/* Ends without a pass; behind its identity when `identified`. */
static void fail(struct writing *w, unsigned n, int cause, bool identified)
{
	begin_attempt(w, n);
	link_up(w);
	step(w, 1, "identify", OUTCOME_PASS, 0);
	if (identified)
		give_identity(w);
	step(w, 2, "selftest", OUTCOME_TIMEOUT, cause);
	end_attempt(w, OUTCOME_TIMEOUT, cause, "selftest");
}

/* --- labels --- */

static void label_state(struct writing *w, int64_t label, enum journal_label_state state)
{
	w->now_us += 1000;
	put(w, (struct journal_record){ .kind = JOURNAL_LABEL_STATE,
					.label_state = { label, w->unit, state, "0417", w->now_us } });
}

static void label(struct writing *w, unsigned copy)
{
	struct journal_record r = { .kind = JOURNAL_LABEL,
				    .label = { .label = ++w->label,
					       .unit = w->unit,
					       .copy = copy,
					       .kind = "print",
					       .template = "serial",
					       .key_id = "pin-1",
					       .reason = copy > 1 ? "smeared" : NULL,
					       .actor = "0417",
					       .at_us = w->now_us } };
	char subject[32];

	octets_of(r.label.digest, 32, w->unit, "code");
	snprintf(subject, sizeof(subject), "unit %lld", (long long)w->unit);
	put(w, (struct journal_record){ .kind = JOURNAL_AUDIT,
					.audit = { .actor = "0417",
						   .action = "pin-reveal",
						   .subject = subject,
						   .body = "{\"serial\":\"AC1\",\"reason\":\"label serial\"}",
						   .at_us = w->now_us } });
	put(w, r);
	label_state(w, w->label, LABEL_SENT);
	label_state(w, w->label, LABEL_PRINTED);
}

static void label_and_scan(struct writing *w)
{
	label(w, 1);
	if (one_in(w, 103)) {
		label_state(w, w->label, LABEL_VOID);
		label(w, 2);
	}
	label_state(w, w->label, LABEL_SCANNED);
	put(w, (struct journal_record){ .kind = JOURNAL_LABEL_SCAN,
					.label_scan = { .scan = ++w->scan,
							.batch = w->batch,
							.unit = w->unit,
							.label = w->label,
							.verdict = one_in(w, 211) ? "duplicate" : "right",
							.actor = "0417",
							.at_us = w->now_us } });
}

/* --- a unit, a lot, the record --- */

static void order(struct writing *w, const char *action, const char *subject)
{
	put(w, (struct journal_record){ .kind = JOURNAL_AUDIT,
					.audit = { .actor = "0417 Ana",
						   .action = action,
						   .subject = subject,
						   .body = "{\"reason\":\"tray change\"}",
						   .at_us = w->now_us } });
}

static void hear_stranger(struct writing *w)
{
	struct journal_record r = { .kind = JOURNAL_SIGHTING,
				    .sighting = { .freq_mhz = 2437,
						  .rssi_dbm = -71,
						  .verdict = "stranger",
						  .count = 3,
						  .first_us = w->now_us,
						  .last_us = w->now_us + S } };

	octets_of(r.sighting.mac, 6, w->unit, "stranger");
	put(w, r);
}

static void put_unit(struct writing *w)
{
	char subject[32];

	w->unit++;
	w->now_us += 50000;
	if (one_in(w, 20))
		hear_stranger(w);
	begin_unit(w);
	if (one_in(w, 200)) {
		snprintf(subject, sizeof(subject), "unit %lld", (long long)w->unit);
		order(w, "unit-retry", subject);
	}
	if (is_foreign(w)) {
		pass_foreign(w);
	} else if (one_in(w, 200)) {
		fail(w, 1, MR_CAUSE_NO_ANSWER, false);
		fail(w, 2, MR_CAUSE_NO_ANSWER, false);
		set_state(w, UNIT_FAILED, MR_CAUSE_NO_ANSWER);
	} else if (one_in(w, 331)) {
		fail(w, 1, MR_CAUSE_KEY_CHANGED, true);
		set_state(w, UNIT_QUARANTINED, MR_CAUSE_KEY_CHANGED);
	} else if (w->unit % 300 == 1) {
		fail(w, 1, MR_CAUSE_NO_ANSWER, true);
		pass(w, 2);
		label_and_scan(w);
	} else {
		pass(w, 1);
		label_and_scan(w);
	}
}

static void put_radios(struct writing *w)
{
	static const char *const radios[] = { "radio1", "radio2", "radio3", "radio4" };

	for (uint8_t i = 0; i < 4; i++)
		put(w, (struct journal_record){ .kind = JOURNAL_RADIO,
						.radio = { .radio = radios[i],
							   .path = "usb 1-2",
							   .driver = "mt76x2u",
							   .mac = { 2, 0, 0, 0, 9, i },
							   .simulated = true,
							   .sent = 4000,
							   .acked = 3900,
							   .unacked = 100,
							   .retries = 300,
							   .received = 3000,
							   .switches = 40,
							   .airtime_us = 9000000,
							   .switch_us = 2500 } });
}

static void put_lot(struct writing *w, unsigned units)
{
	char subject[32];

	snprintf(subject, sizeof(subject), "batch %lld", (long long)w->batch);
	for (w->place = 1; w->place <= units && !w->bad; w->place++) {
		if (w->place % 100 == 50) {
			order(w, "line-pause", subject);
			w->now_us += 5 * S;
			order(w, "line-resume", subject);
		}
		if (w->place % 400 == 300)
			put(w, (struct journal_record){ .kind = JOURNAL_GUARD,
							.guard = { "consecutive-fail", "3 in a row", w->now_us } });
		put_unit(w);
		if (w->place % UNITS_AT_ONCE == 0 && journal_wait(w->journal, w->ticket) != 0)
			w->bad = true;
	}
	put_radios(w);
	w->now_us += S;
	put(w, (struct journal_record){
		       .kind = JOURNAL_BATCH_END,
		       .batch_end = { "done", (uint64_t)units * 800000, (uint64_t)units * 700000, "pex", w->now_us } });
	if (!w->bad && journal_wait(w->journal, w->ticket) != 0)
		w->bad = true;
}

struct journal_batch large_record_batch(unsigned n, unsigned units, char lot[static LARGE_LOT_MAX])
{
	static const char job[] = "batch: { lot: large }\n";
	struct journal_batch batch = { .lot = lot,
				       .product = "AC-100",
				       .hw_rev = "C",
				       .work_order = "WO-1",
				       .quantity = units,
				       .job = { job, sizeof(job) - 1 },
				       .job_path = "job.yaml",
				       .software = "test",
				       .policy = "pex",
				       .operator= "0417",
				       .seed = 7,
				       .clock_ok = true,
				       .at_us = LARGE_T0 };

	snprintf(lot, LARGE_LOT_MAX, "L%04u", n);
	SHA256((const uint8_t *)job, sizeof(job) - 1, batch.job_sha256);
	return batch;
}

static int write_lot(struct writing *w, const struct large_record *want, char *error, size_t error_len)
{
	struct journal_options options = { .path = want->path,
					   .simulated = true,
					   .sign = want->sign,
					   .sign_ctx = want->sign_ctx,
					   .sign_key_id = want->sign_key_id };
	char lot[LARGE_LOT_MAX];
	struct journal_batch batch = large_record_batch(w->lot, want->units, lot);
	struct journal_start start;
	int rc = -1;

	batch.at_us = w->now_us += 10 * S;
	if (journal_open(&w->journal, &options, error, error_len) != 0)
		return -1;
	if (journal_begin(w->journal, &batch, &start, NULL, NULL, error, error_len) == 0) {
		w->batch = start.batch;
		w->unit = start.next_unit - 1;
		w->attempt = start.next_attempt - 1;
		w->txn = start.next_transaction - 1;
		put_lot(w, want->units);
		rc = w->bad ? -1 : 0;
		if (rc != 0)
			snprintf(error, error_len, "lot %s: %s", lot,
				 journal_failed(w->journal) ? journal_failed(w->journal) : "a record was refused");
	}
	journal_close(w->journal);
	return rc;
}

int large_record_write(const struct large_record *want, char *error, size_t error_len)
{
	struct writing w = { .now_us = LARGE_T0 };

	for (w.lot = 1; w.lot <= want->lots; w.lot++)
		if (write_lot(&w, want, error, error_len) != 0)
			return -1;
	return 0;
}
