#include "station/line/identity_step.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "station/line/events.h"
#include "station/line/proof.h"

int identity_build_key(struct session *s, struct mr_wr *w)
{
	uint8_t seed[32];

	entropy_fill(s->line->o.entropy, seed, sizeof(seed));
	mr_attribute_add(w, MR_AT_ENTROPY, seed, sizeof(seed));
	mr_wipe(seed, sizeof(seed));
	return 0;
}

/* --- on record --- */

static bool pin_taken(const struct line *line, const uint8_t lookup[static 32])
{
	return map_get(&line->pins, map_key_octets(lookup)) ||
	       journal_find(line->o.journal, JOURNAL_BY_PIN, lookup, 32) > 0;
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
	} while (result == 0 && pin_taken(line, lookup));
	if (result != 0)
		return result;
	if (!map_put(&line->pins, map_key_octets(lookup), line))
		return -MR_CAUSE_NO_MEMORY;
	result = pin_seal(line->o.identity, line->o.entropy, line->job->product, u->serial, s->pin, u->pin_sealed,
			  &len);
	assert(result != 0 || len <= sizeof(u->pin_sealed));
	u->pin_sealed_len = (uint8_t)(result == 0 ? len : 0);
	entropy_fill(line->o.entropy, u->pin_salt, sizeof(u->pin_salt));
	u->pin_iterations = line->job->pin.iterations;
	return result;
}

static void submit(struct session *s, const struct identity_certificate *c, const uint8_t lookup[static 32])
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	struct journal_record r = { .kind = JOURNAL_IDENTITY };

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
}

static int record(struct session *s, const struct identity_certificate *c)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	uint8_t lookup[32] = { 0 };

	if (line->job->has_pin && make_pin(s, lookup) != 0)
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	free(u->certificate);
	u->certificate = malloc(c->len);
	if (!u->certificate)
		return -MR_CAUSE_NO_MEMORY;
	memcpy(u->certificate, c->der, c->len);
	u->certificate_len = (uint16_t)c->len;
	u->has_certificate = true;
	memcpy(u->spki_sha256, s->device_key_id, 32);
	u->identity_txn = line->next_txn++;
	submit(s, c, lookup);
	/* The credentials' intent rides along: one wait for the disk serves both. */
	if (job_has_step(line->job, JOB_CREDENTIALS)) {
		u->credentials_txn = line->next_txn++;
		session_record_transaction(s, "credentials", u->credentials_txn, PHASE_INTENT);
	}
	session_enter(s, PHASE_RECORDING_IDENTITY);
	session_await(s);
	return RECIPE_WAITS;
}

/* --- the key and its certificate --- */

static void on_issued(void *ctx, int result, const struct identity_certificate *c)
{
	struct session *s = ctx;

	assert(s->signing);
	s->signing = false;
	if (s->dead) {
		session_release(s);
		return;
	}
	assert(s->phase == PHASE_SIGNING);
	s->wait_ca_us += (uint32_t)(session_now(s) - s->asked_us);
	s->line->program->next(s, result != 0 ? result : record(s, c));
}

const char *identity_next_serial(struct line *line)
{
	const char *serial;

	while ((serial = serial_pool_peek(line->serials)) &&
	       journal_find(line->o.journal, JOURNAL_BY_SERIAL, serial, strlen(serial)) > 0)
		(void)serial_pool_take(line->serials);
	return serial;
}

/* A new key: it gets a serial number and goes to be signed. */
static int issue(struct session *s, const struct identity_csr *csr)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	const char *serial;
	int result;

	if (!u->serial[0]) {
		serial = identity_next_serial(line);
		if (!serial)
			return -MR_CAUSE_POOL_EMPTY;
		strncpy(u->serial, serial, sizeof(u->serial) - 1);
		(void)serial_pool_take(line->serials);
	}
	if (!map_put(&line->keys, map_key_octets(csr->spki_sha256), u))
		return -MR_CAUSE_NO_MEMORY;
	session_enter(s, PHASE_SIGNING);
	s->signing = true;
	s->asked_us = session_now(s);
	result = identity_issue(line->o.identity, line->o.signer, line->o.entropy, &line->profile, csr, u->serial,
				line_utc_us(line), on_issued, s);
	if (result != 0)
		s->signing = false;
	return result;
}

int identity_on_key(struct session *s, const struct mr_message *m)
{
	struct unit *u = s->unit;
	struct identity_csr csr;
	int result;

	s->stage |= MR_STAGE_KEY;
	if (!m->has[MR_AT_CSR])
		return -MR_CAUSE_BAD_RESPONSE;
	result = identity_csr_check(m->value[MR_AT_CSR].at, m->value[MR_AT_CSR].left, &csr);
	if (result != 0)
		return result;
	memcpy(s->public_key, csr.public_key, sizeof(s->public_key));
	memcpy(s->device_key_id, csr.spki_sha256, 32);
	s->has_public_key = true;
	if (unit_key_taken(s->line, u, csr.spki_sha256))
		return -MR_CAUSE_DUPLICATE_KEY;
	if (!u->has_certificate)
		return issue(s, &csr);
	/* On record before: the same certificate once more, for the same key only. */
	return mr_equal(u->spki_sha256, csr.spki_sha256, 32) ? RECIPE_ASK(PHASE_ASK_IDENTITY) : -MR_CAUSE_KEY_CHANGED;
}

int identity_recorded(struct session *s)
{
	(void)s;
	return RECIPE_ASK(PHASE_ASK_IDENTITY);
}

/* --- to the device --- */

int identity_build(struct session *s, struct mr_wr *w)
{
	struct unit *u = s->unit;
	struct verifier v;
	size_t issuer_len;
	const uint8_t *issuer = identity_issuer_der(s->line->o.identity, &issuer_len);
	int result = proof_verifier(s, &v);

	assert(u->has_certificate && u->certificate_len > 0);
	if (result == 0 && !proof_identity_digest(s, &v, s->identity_digest))
		result = -MR_CAUSE_TOO_LONG;
	if (result == 0) {
		s->has_identity_digest = true;
		mr_attribute_add_u64(w, MR_AT_TXN, u->identity_txn);
		mr_attribute_add(w, MR_AT_SERIAL, u->serial, strlen(u->serial));
		mr_attribute_add(w, MR_AT_CERTIFICATE, u->certificate, u->certificate_len);
		mr_attribute_add(w, MR_AT_ISSUER, issuer, issuer_len);
	}
	if (result == 0 && v.has) {
		mr_attribute_add(w, MR_AT_PIN_SALT, u->pin_salt, sizeof(u->pin_salt));
		mr_attribute_add_u32(w, MR_AT_PIN_ITERATIONS, u->pin_iterations);
		mr_attribute_add(w, MR_AT_PIN_W0, v.w0, sizeof(v.w0));
		mr_attribute_add(w, MR_AT_PIN_L, v.l, sizeof(v.l));
	}
	OPENSSL_cleanse(&v, sizeof(v));
	return result;
}

int identity_on_stored(struct session *s, const struct mr_message *m)
{
	int cause = proof_digest(m, s->identity_digest);

	return cause ? -cause : RECIPE_ASK(PHASE_COMMIT_IDENTITY);
}

int identity_build_commit(struct session *s, struct mr_wr *w)
{
	mr_attribute_add_u64(w, MR_AT_TXN, s->unit->identity_txn);
	return 0;
}

int identity_on_committed(struct session *s, const struct mr_message *m)
{
	struct unit *u = s->unit;

	(void)m;
	assert(u->identity_txn);
	s->stage |= MR_STAGE_IDENTITY;
	s->committed |= MR_STAGE_IDENTITY;
	session_record_transaction(s, "identity", u->identity_txn, PHASE_COMMITTED);
	line_submit(s->line,
		    &(struct journal_record){
			    .kind = JOURNAL_CERT_STATE,
			    .cert_state = { .unit = u->id, .state = CERT_INSTALLED, .at_us = line_utc_us(s->line) } });
	s->intent_durable = u->credentials_txn != 0;
	return RECIPE_DONE;
}
