/*
 * The recipe: what a session asks of its device, step by step. Each phase asks one thing of the device, the signer or
 * the record, and its answer leads to the next; a phase that a device has behind it by its own word and by the record
 * is skipped, which is all that resuming is.
 *
 * Durable before sealed: the identity is on record before the device hears of it, everything is before SEAL, and the
 * receipt is before PASS.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "station/line/internal.h"

/* What each phase asks, and which step of the recipe it belongs to. */
static const struct {
	enum mr_operation operation;
	enum job_step step;
} phases[PHASE_COUNT] = {
	[PHASE_INVITED] = { 0, JOB_IDENTIFY },
	[PHASE_WELCOMED] = { 0, JOB_IDENTIFY },
	[PHASE_ASK_STATUS] = { MR_OP_STATUS, JOB_IDENTIFY },
	[PHASE_ASK_SELFTEST] = { MR_OP_SELFTEST, JOB_SELFTEST },
	[PHASE_ASK_KEY] = { MR_OP_KEY, JOB_IDENTITY },
	[PHASE_SIGNING] = { 0, JOB_IDENTITY },
	[PHASE_RECORDING_IDENTITY] = { 0, JOB_IDENTITY },
	[PHASE_ASK_IDENTITY] = { MR_OP_IDENTITY, JOB_IDENTITY },
	[PHASE_COMMIT_IDENTITY] = { MR_OP_COMMIT, JOB_IDENTITY },
	[PHASE_ASK_NETWORKS] = { MR_OP_NETWORKS, JOB_CREDENTIALS },
	[PHASE_RECORDING_CREDENTIALS] = { 0, JOB_CREDENTIALS },
	[PHASE_ASK_CREDENTIALS] = { MR_OP_CREDENTIALS, JOB_CREDENTIALS },
	[PHASE_COMMIT_CREDENTIALS] = { MR_OP_COMMIT, JOB_CREDENTIALS },
	[PHASE_ASK_VERIFY] = { MR_OP_VERIFY, JOB_VERIFY },
	[PHASE_ASK_JOIN] = { MR_OP_JOIN, JOB_VERIFY },
	[PHASE_JOINING] = { 0, JOB_VERIFY },
	[PHASE_RETURNED] = { 0, JOB_VERIFY },
	[PHASE_ASK_JOINED] = { MR_OP_STATUS, JOB_VERIFY },
	[PHASE_RECORDING_SEAL] = { 0, JOB_SEAL },
	[PHASE_ASK_SEAL] = { MR_OP_SEAL, JOB_SEAL },
	[PHASE_RECORDING_OUTCOME] = { 0, JOB_SEAL },
	[PHASE_ASK_FINISH] = { MR_OP_FINISH, JOB_SEAL },
};

enum mr_operation recipe_operation(enum phase phase) { return phases[phase].operation; }
enum job_step recipe_step(enum phase phase) { return phases[phase].step; }

static void advance(struct session *s);

static uint64_t now(const struct session *s) { return loop_now_us(s->line->loop); }

/* --- asking --- */

static struct mr_wr begin_request(struct session *s, enum phase phase)
{
	struct mr_wr w = mr_wr_over(s->line->scratch, sizeof(s->line->scratch));

	s->phase = phase;
	mr_request_begin(&w, phases[phase].operation);
	return w;
}

/* Sends what was built, and wipes it: it may hold a passphrase or a verifier. */
static void ask(struct session *s, struct mr_wr *w)
{
	int result = w->bad ? -MR_CAUSE_TOO_LONG
			    : link_request(s->link, mr_wr_written(w), s->line->think_us[s->phase], now(s));

	mr_wipe(s->line->scratch, w->len);
	s->asked_us = now(s);
	if (result != 0)
		session_end(s, -result);
	else
		session_touch(s);
}

static void ask_plain(struct session *s, enum phase phase)
{
	struct mr_wr w = begin_request(s, phase);

	if (phase == PHASE_ASK_KEY) {
		uint8_t seed[32];

		entropy_fill(s->line->o.entropy, seed, sizeof(seed));
		mr_attribute_add(&w, MR_AT_ENTROPY, seed, sizeof(seed));
		mr_wipe(seed, sizeof(seed));
	}
	if (phase == PHASE_ASK_NETWORKS)
		mr_attribute_add(&w, MR_AT_SSID, s->line->job->ssid, s->line->job->ssid_len);
	if (phase == PHASE_ASK_VERIFY || phase == PHASE_ASK_SEAL) {
		entropy_fill(s->line->o.entropy, s->challenge, sizeof(s->challenge));
		mr_attribute_add(&w, MR_AT_CHALLENGE, s->challenge, sizeof(s->challenge));
	}
	if (phase == PHASE_ASK_SEAL)
		mr_attribute_add_u64(&w, MR_AT_TXN, s->unit->seal_txn);
	if (phase == PHASE_COMMIT_IDENTITY)
		mr_attribute_add_u64(&w, MR_AT_TXN, s->unit->identity_txn);
	if (phase == PHASE_COMMIT_CREDENTIALS || phase == PHASE_ASK_JOIN)
		mr_attribute_add_u64(&w, MR_AT_TXN, s->unit->credentials_txn);
	ask(s, &w);
}

static void transaction(struct session *s, const char *operation, uint64_t txn, enum journal_phase phase)
{
	line_submit(s->line, &(struct journal_record){ .kind = JOURNAL_TRANSACTION,
						       .transaction = { .unit = s->unit->id,
									.attempt = s->attempt,
									.transaction = txn,
									.operation = operation,
									.phase = phase,
									.at_us = line_utc_us(s->line) } });
}

/* --- identity --- */

static void ask_identity(struct session *s)
{
	struct unit *u = s->unit;
	struct mr_wr w = begin_request(s, PHASE_ASK_IDENTITY);
	struct verifier v;
	size_t issuer_len;
	const uint8_t *issuer = identity_issuer_der(s->line->o.identity, &issuer_len);
	int result = proof_verifier(s, &v);

	if (result == 0 && !proof_identity_digest(s, &v, s->identity_digest))
		result = -MR_CAUSE_TOO_LONG;
	if (result != 0) {
		session_end(s, -result);
		return;
	}
	s->has_identity_digest = true;
	mr_attribute_add_u64(&w, MR_AT_TXN, u->identity_txn);
	mr_attribute_add(&w, MR_AT_SERIAL, u->serial, strlen(u->serial));
	mr_attribute_add(&w, MR_AT_CERTIFICATE, u->certificate, u->certificate_len);
	mr_attribute_add(&w, MR_AT_ISSUER, issuer, issuer_len);
	if (v.has) {
		mr_attribute_add(&w, MR_AT_PIN_SALT, u->pin_salt, sizeof(u->pin_salt));
		mr_attribute_add_u32(&w, MR_AT_PIN_ITERATIONS, u->pin_iterations);
		mr_attribute_add(&w, MR_AT_PIN_W0, v.w0, sizeof(v.w0));
		mr_attribute_add(&w, MR_AT_PIN_L, v.l, sizeof(v.l));
	}
	OPENSSL_cleanse(&v, sizeof(v));
	ask(s, &w);
}

/* A PIN that no other unit of the product has; its lookup value and its seal. */
static int make_pin(struct session *s, uint8_t lookup[static 32])
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	size_t len;
	int result;

	do {
		pin_generate(line->o.entropy, &line->job->pin, s->pin);
		result = pin_lookup(line->o.identity, line->job->product, s->pin, lookup);
	} while (result == 0 && map_get(&line->pins, map_key_octets(lookup)));
	if (result != 0)
		return result;
	if (!map_put(&line->pins, map_key_octets(lookup), line))
		return -MR_CAUSE_NO_MEMORY;
	result = pin_seal(line->o.identity, line->o.entropy, line->job->product, u->serial, s->pin, u->pin_sealed,
			  &len);
	u->pin_sealed_len = (uint8_t)(result == 0 ? len : 0);
	entropy_fill(line->o.entropy, u->pin_salt, sizeof(u->pin_salt));
	u->pin_iterations = line->job->pin.iterations;
	return result;
}

static bool wants(const struct session *s, enum job_step step)
{
	for (size_t i = 0; i < s->line->job->recipe_len; i++)
		if (s->line->job->recipe[i] == step)
			return true;
	return false;
}

static void record_identity(struct session *s, const struct identity_certificate *c)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	uint8_t lookup[32] = { 0 };
	struct journal_record r = { .kind = JOURNAL_IDENTITY };

	if (line->job->has_pin && make_pin(s, lookup) != 0) {
		session_end(s, MR_CAUSE_SIGNER_UNAVAILABLE);
		return;
	}
	free(u->certificate);
	u->certificate = malloc(c->len);
	if (!u->certificate) {
		session_end(s, MR_CAUSE_NO_MEMORY);
		return;
	}
	memcpy(u->certificate, c->der, c->len);
	u->certificate_len = (uint16_t)c->len;
	u->has_certificate = true;
	memcpy(u->spki_sha256, s->device_key_id, 32);
	u->identity_txn = line->next_txn++;
	r.identity = (struct journal_identity){ .unit = u->id,
						.attempt = s->attempt,
						.serial = u->serial,
						.transaction = u->identity_txn,
						.pin_sealed = { u->pin_sealed, u->pin_sealed_len },
						.pin_kind = line->job->pin.wps_checksum ? "digits-wps" : "digits",
						.kek_id = identity_kek_id(line->o.identity),
						.pin_salt = { u->pin_salt, sizeof(u->pin_salt) },
						.pin_iterations = u->pin_iterations,
						.certificate = { c->der, c->len },
						.issuer = identity_issuer_name(line->o.identity),
						.serial_hex = c->serial_hex,
						.subject = c->subject,
						.not_before_us = c->not_before_us,
						.not_after_us = c->not_after_us,
						.at_us = line_utc_us(line) };
	memcpy(r.identity.pin_lookup, lookup, 32);
	memcpy(r.identity.spki_sha256, u->spki_sha256, 32);
	line_submit(line, &r);
	/* The credentials' intent rides along: one wait for the disk serves both. */
	if (wants(s, JOB_CREDENTIALS)) {
		u->credentials_txn = line->next_txn++;
		transaction(s, "credentials", u->credentials_txn, PHASE_INTENT);
	}
	s->phase = PHASE_RECORDING_IDENTITY;
	line_await(s);
}

static void on_issued(void *ctx, int result, const struct identity_certificate *c)
{
	struct session *s = ctx;

	s->signing = false;
	if (s->dead) {
		session_release(s);
		return;
	}
	s->wait_ca_us += (uint32_t)(now(s) - s->asked_us);
	if (result != 0)
		session_end(s, -result);
	else
		record_identity(s, c);
}

static bool key_taken(const struct session *s, const uint8_t spki[static 32])
{
	const struct unit *other = map_get(&s->line->keys, map_key_octets(spki));

	return other && other != s->unit;
}

static void on_csr(struct session *s, const struct mr_message *m)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	struct identity_csr csr;
	const char *serial;
	int result;

	if (!m->has[MR_AT_CSR]) {
		session_end(s, MR_CAUSE_BAD_RESPONSE);
		return;
	}
	result = identity_csr_check(m->value[MR_AT_CSR].at, m->value[MR_AT_CSR].left, &csr);
	if (result != 0) {
		session_end(s, -result);
		return;
	}
	memcpy(s->public_key, csr.public_key, sizeof(s->public_key));
	memcpy(s->device_key_id, csr.spki_sha256, 32);
	s->has_public_key = true;
	if (key_taken(s, csr.spki_sha256)) {
		session_end(s, MR_CAUSE_DUPLICATE_KEY);
		return;
	}
	if (u->has_certificate) { /* on record before: the same certificate once more, for the same key only */
		if (!mr_equal(u->spki_sha256, csr.spki_sha256, 32))
			session_end(s, MR_CAUSE_KEY_CHANGED);
		else
			ask_identity(s);
		return;
	}
	if (!u->serial[0]) {
		serial = serial_pool_take(line->serials);
		if (!serial) {
			session_end(s, MR_CAUSE_POOL_EMPTY);
			return;
		}
		strncpy(u->serial, serial, sizeof(u->serial) - 1);
	}
	if (!map_put(&line->keys, map_key_octets(csr.spki_sha256), u)) {
		session_end(s, MR_CAUSE_NO_MEMORY);
		return;
	}
	s->phase = PHASE_SIGNING;
	s->signing = true;
	s->asked_us = now(s);
	result = identity_issue(line->o.identity, line->o.signer, line->o.entropy, &line->profile, &csr, u->serial,
				line_utc_us(line), on_issued, s);
	if (result != 0) {
		s->signing = false;
		session_end(s, -result);
	}
}

/* --- credentials, verify, seal --- */

static void ask_credentials(struct session *s)
{
	const struct job *job = s->line->job;
	struct mr_wr w = begin_request(s, PHASE_ASK_CREDENTIALS);

	s->has_credentials_digest = proof_credentials_digest(s, s->credentials_digest);
	mr_attribute_add_u64(&w, MR_AT_TXN, s->unit->credentials_txn);
	mr_attribute_add(&w, MR_AT_SSID, job->ssid, job->ssid_len);
	mr_attribute_add_u8(&w, MR_AT_SECURITY, (uint8_t)job->security);
	if (s->line->passphrase[0])
		mr_attribute_add(&w, MR_AT_PASSPHRASE, s->line->passphrase, strlen(s->line->passphrase));
	ask(s, &w);
}

static void record_pass(struct session *s)
{
	struct unit *u = s->unit;

	session_record_step(s, OUTCOME_PASS, 0);
	if (wants(s, JOB_IDENTITY))
		line_submit(s->line, &(struct journal_record){ .kind = JOURNAL_CERT_STATE,
							       .cert_state = { .unit = u->id,
									       .state = CERT_VERIFIED,
									       .at_us = line_utc_us(s->line) } });
	session_record_end(s, OUTCOME_PASS, 0);
	line_record_state(s->line, s->unit, UNIT_PASSED, 0);
	s->phase = PHASE_RECORDING_OUTCOME;
	line_await(s);
}

/* PASS is said only now: everything about the unit is on the disk. */
static void passed(struct session *s)
{
	struct line *line = s->line;
	struct unit *u = s->unit;

	session_account(s);
	if (line->chain_count <= line->job->quantity)
		line->chains[line->chain_count++] = now(s) - s->begun_us;
	line->first_pass += u->counted == 0;
	u->has_receipt = wants(s, JOB_SEAL);
	line_settle(line, u, UNIT_PASSED, 0);
	session_say_verdict(s, MR_VERDICT_PASS);
}

/* --- the way through the recipe --- */

static bool joins(const struct session *s) { return s->by_access && s->line->job->join; }

static void step_done(struct session *s)
{
	session_record_step(s, OUTCOME_PASS, 0);
	s->recipe_at++;
}

static void record_credentials(struct session *s)
{
	struct unit *u = s->unit;

	s->phase = PHASE_RECORDING_CREDENTIALS;
	if (!u->credentials_txn) {
		u->credentials_txn = s->line->next_txn++;
		transaction(s, "credentials", u->credentials_txn, PHASE_INTENT);
	}
	line_await(s);
}

static void begin_step(struct session *s, enum job_step step)
{
	struct unit *u = s->unit;

	switch (step) {
	case JOB_IDENTIFY: break;
	case JOB_SELFTEST: ask_plain(s, PHASE_ASK_SELFTEST); return;
	case JOB_IDENTITY:
		if (s->stage & MR_STAGE_IDENTITY) {
			s->phase = PHASE_COMMIT_IDENTITY;
			step_done(s);
			advance(s);
		} else {
			ask_plain(s, PHASE_ASK_KEY);
		}
		return;
	case JOB_CREDENTIALS:
		if ((s->stage & MR_STAGE_CREDENTIALS) && (u->credentials_txn || (s->stage & MR_STAGE_SEALED))) {
			s->phase = PHASE_COMMIT_CREDENTIALS;
			step_done(s);
			advance(s);
			return;
		}
		if (s->by_access)
			ask_plain(s, PHASE_ASK_NETWORKS);
		else
			record_credentials(s);
		return;
	case JOB_VERIFY:
		if (!s->device_has_key &&
		    !wants(s, JOB_IDENTITY)) { /* nothing to sign with: it proves itself by joining */
			ask_plain(s, PHASE_ASK_JOIN);
			return;
		}
		if (!proof_recompute(s)) {
			session_end(s, MR_CAUSE_SIGNER_UNAVAILABLE);
			return;
		}
		ask_plain(s, PHASE_ASK_VERIFY);
		return;
	case JOB_SEAL:
		if (!proof_recompute(s)) {
			session_end(s, MR_CAUSE_SIGNER_UNAVAILABLE);
			return;
		}
		if (!u->seal_txn) {
			u->seal_txn = s->line->next_txn++;
			transaction(s, "seal", u->seal_txn, PHASE_INTENT);
		}
		s->phase = PHASE_RECORDING_SEAL;
		line_await(s);
		return;
	case JOB_STEP_COUNT: break;
	}
	step_done(s);
	advance(s);
}

static void advance(struct session *s)
{
	const struct job *job = s->line->job;

	if (s->recipe_at < job->recipe_len)
		begin_step(s, job->recipe[s->recipe_at]);
	else
		record_pass(s);
}

void recipe_durable(struct session *s)
{
	s->wait_journal_us += (uint32_t)(now(s) - s->wait_us);
	switch (s->phase) {
	case PHASE_RECORDING_IDENTITY: ask_identity(s); return;
	case PHASE_RECORDING_CREDENTIALS: ask_credentials(s); return;
	case PHASE_RECORDING_SEAL: ask_plain(s, PHASE_ASK_SEAL); return;
	case PHASE_RECORDING_OUTCOME: passed(s); return;
	case PHASE_ASK_NETWORKS:
	case PHASE_ASK_JOIN:
	case PHASE_JOINING:
	case PHASE_RETURNED:
	case PHASE_ASK_JOINED:
	case PHASE_INVITED:
	case PHASE_WELCOMED:
	case PHASE_ASK_STATUS:
	case PHASE_ASK_SELFTEST:
	case PHASE_ASK_KEY:
	case PHASE_SIGNING:
	case PHASE_ASK_IDENTITY:
	case PHASE_COMMIT_IDENTITY:
	case PHASE_ASK_CREDENTIALS:
	case PHASE_COMMIT_CREDENTIALS:
	case PHASE_ASK_VERIFY:
	case PHASE_ASK_SEAL:
	case PHASE_ASK_FINISH:
	case PHASE_COUNT: break;
	}
	abort(); /* our bug: a session waits for the record in no other phase */
}

/* --- what the device is, by its first message --- */

static bool text_is(struct mr_rd value, const char *text)
{
	return value.left == strlen(text) && mr_equal(value.at, text, value.left);
}

static void open_attempt(struct session *s, const struct mr_message *m)
{
	struct line *line = s->line;
	struct unit *u = s->unit;

	line_record_unit(line, u, m);
	s->attempt = line->next_attempt++;
	s->open = true;
	u->state = UNIT_ACTIVE;
	line_submit(line, &(struct journal_record){
				  .kind = JOURNAL_ATTEMPT,
				  .attempt = { .attempt = s->attempt,
					       .unit = u->id,
					       .n = ++u->attempts,
					       .kind = u->next_kind,
					       .radio = s->channel->lane ? s->channel->lane->radio->caps.name : "",
					       .freq_mhz = s->channel->freq_mhz,
					       .rssi_dbm = u->rssi_dbm,
					       .method = (u->access ? u->access->method : line->job->method)->name,
					       .at_us = line_utc_us(line) } });
	session_event(s, (struct line_event){ .kind = LINE_ATTEMPT });
	if (s->by_access)
		access_opened(s);
}

static int check_limit(struct session *s, const char *name, double value, const char *unit, bool device_says)
{
	const struct job *job = s->line->job;
	struct journal_measurement m = {
		.attempt = s->attempt, .name = name, .value = value, .unit = unit, .passed = device_says
	};

	for (size_t i = 0; i < job->limit_count; i++)
		if (strcmp(job->limits[i].name, name) == 0) {
			m.has_low = job->limits[i].has_low;
			m.has_high = job->limits[i].has_high;
			m.low = job->limits[i].low;
			m.high = job->limits[i].high;
			m.unit = job->limits[i].unit;
			m.passed = m.passed && !(m.has_low && value < m.low) && !(m.has_high && value > m.high);
		}
	line_submit(s->line, &(struct journal_record){ .kind = JOURNAL_MEASUREMENT, .measurement = m });
	return m.passed ? 0 : MR_CAUSE_LIMIT_EXCEEDED;
}

static int compare_with_record(struct session *s)
{
	const struct unit *u = s->unit;

	if (s->device_has_key && key_taken(s, s->device_key_id))
		return MR_CAUSE_DUPLICATE_KEY;
	if (u->has_certificate && (!s->device_has_key || !mr_equal(u->spki_sha256, s->device_key_id, 32)))
		return MR_CAUSE_KEY_CHANGED;
	if (!u->has_certificate && (s->stage & (MR_STAGE_IDENTITY | MR_STAGE_SEALED)))
		return MR_CAUSE_UNKNOWN_IDENTITY;
	if (u->has_receipt && !(s->stage & MR_STAGE_SEALED))
		return MR_CAUSE_UNKNOWN_IDENTITY;
	return 0;
}

static int introduce(struct session *s, const struct mr_message *m)
{
	if (m->operation != MR_OP_STATUS || !m->response || !m->has[MR_AT_DEVICE_ID] || !m->has[MR_AT_STAGE])
		return MR_CAUSE_BAD_RESPONSE;
	s->stage = m->value[MR_AT_STAGE].at[0];
	s->device_has_key = m->has[MR_AT_KEY_ID];
	if (s->device_has_key)
		memcpy(s->device_key_id, m->value[MR_AT_KEY_ID].at, 32);
	return 0;
}

/* Is it what the job and the record say? Opens the attempt. 0 or a cause. */
static int examine(struct session *s, const struct mr_message *m)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	int cause;

	u->handshakes_failed = 0;
	if (u->settled && u->state == UNIT_PASSED)
		return 0;
	open_attempt(s, m);
	if (!m->has[MR_AT_PRODUCT] || !text_is(m->value[MR_AT_PRODUCT], line->job->product))
		return MR_CAUSE_WRONG_PRODUCT;
	cause = compare_with_record(s);
	return cause ? cause : check_limit(s, "rssi", u->rssi_dbm, "dBm", true);
}

void recipe_welcome(struct session *s, const struct mr_message *m)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	struct mr_welcome welcome = { .lease_s = line->station.lease_s, .utc_us = loop_utc_us(line->loop) };
	uint8_t payload[MR_WELCOME_LEN], e[32];
	struct mr_wr w = mr_wr_over(payload, sizeof(payload));
	int result;

	if (introduce(s, m) != 0 || !mr_equal(m->value[MR_AT_DEVICE_ID].at, u->device_id, 8)) {
		session_end(s, MR_CAUSE_BAD_RESPONSE);
		return;
	}
	mr_welcome_build(&w, &welcome);
	entropy_fill(line->o.entropy, e, sizeof(e));
	result = action_accept(&s->action, e, mr_wr_written(&w), now(s));
	mr_wipe(e, sizeof(e));
	if (result != 0) {
		session_end(s, -result);
		return;
	}
	result = examine(s, m);
	s->phase = PHASE_WELCOMED;
	s->verdict = (uint8_t)result; /* told when message 2 has arrived */
	session_touch(s);
}

/* Message 2 is with the device: the session stands. */
void recipe_stands(struct session *s)
{
	if (s->unit->settled && s->unit->state == UNIT_PASSED) {
		session_say_verdict(s, MR_VERDICT_PASS);
		return;
	}
	if (s->verdict) {
		session_end(s, s->verdict);
		return;
	}
	if (s->device_has_key && s->unit->has_certificate) {
		ask_plain(s, PHASE_ASK_STATUS);
		return;
	}
	step_done(s);
	advance(s);
}

void recipe_linked(struct session *s) { ask_plain(s, s->phase == PHASE_INVITED ? PHASE_ASK_STATUS : PHASE_ASK_JOINED); }

void recipe_again(struct session *s) { ask_plain(s, s->phase); }

/* The first thing that a device says through its own access point. */
static void on_introduction(struct session *s, const struct mr_message *m)
{
	const struct mr_digest_field binding[] = { { s->link->binding, 32 } };
	int cause = introduce(s, m);

	if (!cause)
		cause = access_identify(s, m->value[MR_AT_DEVICE_ID].at);
	if (!cause)
		cause = examine(s, m);
	if (cause) {
		session_end(s, cause);
		return;
	}
	if (s->unit->settled) { /* it passed in an earlier session, and did not hear so */
		session_say_verdict(s, MR_VERDICT_PASS);
		return;
	}
	if (s->device_has_key && s->unit->has_certificate &&
	    (cause = proof_signature(s, m, "millrace status", binding, 1))) {
		session_end(s, cause);
		return;
	}
	step_done(s);
	advance(s);
}

/* It has been in its network, and is back. */
static void on_joined(struct session *s, const struct mr_message *m)
{
	const struct mr_digest_field binding[] = { { s->link->binding, 32 } };
	int cause = 0;

	if (s->unit->has_certificate)
		cause = proof_signature(s, m, "millrace status", binding, 1);
	if (!cause)
		cause = access_joined(s, m);
	if (cause) {
		session_end(s, cause);
		return;
	}
	if (s->again_us)
		return;
	access_record(s);
	step_done(s);
	advance(s);
}

static int on_selftest(struct session *s, const struct mr_message *m)
{
	int cause = m->item_count > 0 ? 0 : MR_CAUSE_BAD_RESPONSE;

	for (size_t i = 0; i < m->item_count; i++) {
		int one = check_limit(s, m->items[i].name, m->items[i].value, "", m->items[i].passed);

		if (!m->items[i].passed)
			cause = MR_CAUSE_SELFTEST_FAILED;
		else if (one && !cause)
			cause = one;
	}
	return cause;
}

void recipe_response(struct session *s, const struct mr_message *m)
{
	struct unit *u = s->unit;
	const struct mr_digest_field hash[] = { { s->link->binding, 32 } };
	int cause = m->cause;

	if (!m->response || m->operation != phases[s->phase].operation) {
		session_end(s, MR_CAUSE_BAD_RESPONSE);
		return;
	}
	if (s->phase == PHASE_ASK_SELFTEST && (cause == 0 || cause == MR_CAUSE_SELFTEST_FAILED)) {
		int found = on_selftest(s, m);

		cause = found ? found : cause;
	}
	if (s->phase == PHASE_ASK_NETWORKS && cause == MR_CAUSE_UNSUPPORTED)
		cause = 0; /* it has no scan list: the job alone decides */
	if (cause != 0) {
		session_end(s, mr_cause_class(cause) == MR_CLASS_DEVICE || mr_cause_class(cause) == MR_CLASS_SECURITY
				       ? cause
				       : MR_CAUSE_BAD_RESPONSE);
		return;
	}
	switch (s->phase) {
	case PHASE_ASK_STATUS:
		if (!s->open && s->by_access) {
			on_introduction(s, m);
			return;
		}
		cause = proof_signature(s, m, "millrace status", hash, 1);
		if (cause)
			break;
		step_done(s);
		advance(s);
		return;
	case PHASE_ASK_SELFTEST:
		step_done(s);
		advance(s);
		return;
	case PHASE_ASK_KEY:
		s->stage |= MR_STAGE_KEY;
		on_csr(s, m);
		return;
	case PHASE_ASK_IDENTITY:
		cause = proof_digest(m, s->identity_digest);
		if (cause)
			break;
		ask_plain(s, PHASE_COMMIT_IDENTITY);
		return;
	case PHASE_COMMIT_IDENTITY:
		s->stage |= MR_STAGE_IDENTITY;
		transaction(s, "identity", u->identity_txn, PHASE_COMMITTED);
		line_submit(s->line, &(struct journal_record){ .kind = JOURNAL_CERT_STATE,
							       .cert_state = { .unit = u->id,
									       .state = CERT_INSTALLED,
									       .at_us = line_utc_us(s->line) } });
		step_done(s);
		if (wants(s, JOB_CREDENTIALS) && u->credentials_txn &&
		    !s->by_access) { /* its intent is durable with the identity's */
			ask_credentials(s);
			return;
		}
		advance(s);
		return;
	case PHASE_ASK_NETWORKS:
		cause = access_pick(s, m);
		if (cause)
			break;
		if (!s->again_us)
			record_credentials(s);
		return;
	case PHASE_ASK_CREDENTIALS:
		cause = proof_digest(m, s->credentials_digest);
		if (cause)
			break;
		ask_plain(s, PHASE_COMMIT_CREDENTIALS);
		return;
	case PHASE_COMMIT_CREDENTIALS:
		s->stage |= MR_STAGE_CREDENTIALS;
		transaction(s, "credentials", u->credentials_txn, PHASE_COMMITTED);
		/* SEAL's intent is durable by the time that VERIFY is answered. */
		if (wants(s, JOB_SEAL) && !u->seal_txn) {
			u->seal_txn = s->line->next_txn++;
			transaction(s, "seal", u->seal_txn, PHASE_INTENT);
		}
		if (s->by_access && !(joins(s) && wants(s, JOB_VERIFY)))
			access_record(s);
		step_done(s);
		advance(s);
		return;
	case PHASE_ASK_VERIFY:
		cause = proof_verify(s, m);
		if (cause)
			break;
		if (joins(s)) {
			ask_plain(s, PHASE_ASK_JOIN);
			return;
		}
		step_done(s);
		advance(s);
		return;
	case PHASE_ASK_JOIN: access_join(s, m); return;
	case PHASE_ASK_JOINED: on_joined(s, m); return;
	case PHASE_ASK_SEAL:
		cause = proof_receipt(s, m);
		if (cause)
			break;
		line_submit(s->line,
			    &(struct journal_record){ .kind = JOURNAL_RECEIPT,
						      .receipt = { .unit = u->id,
								   .attempt = s->attempt,
								   .transaction = u->seal_txn,
								   .receipt = { m->value[MR_AT_RECEIPT].at,
										m->value[MR_AT_RECEIPT].left },
								   .challenge = { s->challenge, 32 },
								   .signature = { m->value[MR_AT_SIGNATURE].at, 64 },
								   .at_us = line_utc_us(s->line) } });
		s->recipe_at++;
		record_pass(s);
		return;
	case PHASE_ASK_FINISH: session_destroy(s); return;
	case PHASE_INVITED:
	case PHASE_WELCOMED:
	case PHASE_SIGNING:
	case PHASE_RECORDING_IDENTITY:
	case PHASE_RECORDING_CREDENTIALS:
	case PHASE_JOINING:
	case PHASE_RETURNED:
	case PHASE_RECORDING_SEAL:
	case PHASE_RECORDING_OUTCOME:
	case PHASE_COUNT: cause = MR_CAUSE_BAD_RESPONSE; break;
	}
	session_end(s, cause);
}
