/*
 * What a device proves, and what it is compared with: digests over what it was to store, signatures of its key, the
 * receipt. docs/protocol.md has the fields. Digests that a resuming device has behind it come from the record.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "station/line/proof.h"

static uint8_t *txn_octets(uint64_t txn, uint8_t out[static 8])
{
	struct mr_wr w = mr_wr_over(out, 8);

	mr_wr_le64(&w, txn);
	return out;
}

/* The PIN's verifier, made again from the sealed PIN where a device resumes. */
int proof_verifier(struct session *s, struct verifier *v)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	struct mr_wr w = mr_wr_over(v->iterations, 4);
	int result = 0;

	*v = (struct verifier){ 0 };
	if (u->pin_sealed_len == 0)
		return 0;
	if (!s->pin[0])
		result = pin_open(line->o.identity, line->job->product, u->serial, u->pin_sealed, u->pin_sealed_len,
				  s->pin);
	if (result == 0)
		result = pin_verifier(s->pin, u->serial, u->pin_salt, u->pin_iterations, v->w0, v->l);
	OPENSSL_cleanse(s->pin, sizeof(s->pin));
	mr_wr_le32(&w, u->pin_iterations);
	v->has = result == 0;
	return result == 0 ? 0 : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

bool proof_identity_digest(struct session *s, const struct verifier *v, uint8_t out[static 32])
{
	const struct unit *u = s->unit;
	uint8_t txn[8];
	size_t issuer_len;
	const uint8_t *issuer = identity_issuer_der(s->line->o.identity, &issuer_len);
	const struct mr_digest_field fields[] = {
		{ txn_octets(u->identity_txn, txn), 8 },
		{ u->serial, strlen(u->serial) },
		{ u->certificate, u->certificate_len },
		{ issuer, issuer_len },
		{ u->pin_salt, v->has ? sizeof(u->pin_salt) : 0 },
		{ v->iterations, v->has ? 4 : 0 },
		{ v->w0, v->has ? 32 : 0 },
		{ v->l, v->has ? 65 : 0 },
		{ NULL, 0 }, /* the access point's passphrase: not given by this station yet */
	};

	return mr_digest(out, "millrace identity", fields, sizeof(fields) / sizeof(fields[0]));
}

bool proof_credentials_digest(struct session *s, uint8_t out[static 32])
{
	const struct job *job = s->line->job;
	uint8_t txn[8], security = (uint8_t)job->security;
	const struct mr_digest_field fields[] = { { txn_octets(s->unit->credentials_txn, txn), 8 },
						  { job->ssid, job->ssid_len },
						  { &security, 1 },
						  { s->line->passphrase, strlen(s->line->passphrase) } };

	return mr_digest(out, "millrace credentials", fields, 4);
}

static bool state_digest(const struct session *s, uint8_t stage, uint8_t out[static 32])
{
	const struct mr_digest_field fields[] = { { &stage, 1 },
						  { s->identity_digest, s->has_identity_digest ? 32 : 0 },
						  { s->credentials_digest, s->has_credentials_digest ? 32 : 0 } };

	return mr_digest(out, "millrace state", fields, 3);
}

/* What a device that resumes has behind it is known from the record: the digests are computed, not asked for. */
bool proof_recompute(struct session *s)
{
	struct verifier v;
	bool ok = true;

	if ((s->stage & MR_STAGE_IDENTITY) && !s->has_identity_digest) {
		ok = proof_verifier(s, &v) == 0 && proof_identity_digest(s, &v, s->identity_digest);
		s->has_identity_digest = ok;
		OPENSSL_cleanse(&v, sizeof(v));
	}
	if (ok && (s->stage & MR_STAGE_CREDENTIALS) && !s->has_credentials_digest)
		s->has_credentials_digest = ok = proof_credentials_digest(s, s->credentials_digest);
	return ok;
}

/* Of the device, by the certificate of this attempt or by that of `u`, which an earlier one has left on record. */
static int signature_of(struct session *s, const struct unit *u, const struct mr_message *m, const char *label,
			const struct mr_digest_field *fields, size_t count)
{
	uint8_t hash[32];

	if (!m->has[MR_AT_SIGNATURE])
		return MR_CAUSE_BAD_RESPONSE;
	if (!s->has_public_key) {
		if (!u->certificate_len ||
		    identity_certificate_key(u->certificate, u->certificate_len, s->public_key) != 0)
			return MR_CAUSE_UNKNOWN_IDENTITY;
		s->has_public_key = true;
	}
	if (!mr_digest(hash, label, fields, count) ||
	    !identity_verify(s->public_key, hash, m->value[MR_AT_SIGNATURE].at))
		return MR_CAUSE_BAD_SIGNATURE;
	return 0;
}

bool proof_is_recent(const struct mr_message *m)
{
	return m->has[MR_AT_PROTOCOL] && m->value[MR_AT_PROTOCOL].at[0] >= MR_PROTOCOL;
}

static int signature(struct session *s, const struct mr_message *m, const char *label,
		     const struct mr_digest_field *fields, size_t count)
{
	return signature_of(s, s->unit, m, label, fields, count);
}

int proof_claim(struct session *s, const struct mr_message *m, const struct unit *claimed)
{
	const struct mr_digest_field fields[] = { { s->link->binding, 32 },
						  { s->challenge, 32 },
						  { m->before_signature.at, m->before_signature.left } };

	if (m->before_signature.left == 0)
		return MR_CAUSE_BAD_RESPONSE;
	return signature_of(s, claimed, m, "millrace status 2", fields, 3);
}

int proof_status(struct session *s, const struct mr_message *m) { return proof_claim(s, m, s->unit); }

int proof_verify(struct session *s, const struct mr_message *m)
{
	uint8_t state[32];
	const struct mr_digest_field fields[] = { { s->link->binding, 32 }, { s->challenge, 32 }, { state, 32 } };

	if (!state_digest(s, s->stage, state) || !m->has[MR_AT_DIGEST])
		return MR_CAUSE_BAD_RESPONSE;
	if (!mr_equal_ct(state, m->value[MR_AT_DIGEST].at, 32))
		return s->unit->sealed_elsewhere ? MR_CAUSE_SEALED_ELSEWHERE : MR_CAUSE_DIGEST_MISMATCH;
	return signature(s, m, "millrace verify", fields, 3);
}

int proof_receipt(struct session *s, const struct mr_message *m)
{
	const struct unit *u = s->unit;
	struct mr_rd r = m->value[MR_AT_RECEIPT], whole = r, serial;
	const struct mr_digest_field fields[] = { { s->challenge, 32 }, { whole.at, whole.left } };
	uint8_t state[32], txn[8], batch_tag[8], device_id[8], their_txn[8], their_state[32], version, stage;

	if (!m->has[MR_AT_RECEIPT])
		return MR_CAUSE_BAD_RESPONSE;
	version = mr_rd_u8(&r);
	mr_rd_copy(&r, batch_tag, 8);
	mr_rd_copy(&r, device_id, 8);
	stage = mr_rd_u8(&r);
	mr_rd_copy(&r, their_txn, 8);
	mr_rd_copy(&r, their_state, 32);
	(void)mr_rd_le32(&r);
	serial = mr_rd_sub(&r, mr_rd_u8(&r));
	if (r.bad || r.left || version != 1 || !(stage & MR_STAGE_SEALED))
		return MR_CAUSE_BAD_RESPONSE;
	if (!state_digest(s, stage, state) || !mr_equal(batch_tag, s->line->station.batch_tag, 8) ||
	    !mr_equal(device_id, u->device_id, 8) || !mr_equal(their_txn, txn_octets(u->seal_txn, txn), 8) ||
	    serial.left != strlen(u->serial) || !mr_equal(serial.at, u->serial, serial.left) ||
	    !mr_equal_ct(state, their_state, 32))
		return MR_CAUSE_DIGEST_MISMATCH;
	return signature(s, m, "millrace receipt", fields, 2);
}

int proof_digest(const struct mr_message *m, const uint8_t want[static 32])
{
	if (!m->has[MR_AT_DIGEST])
		return MR_CAUSE_BAD_RESPONSE;
	return mr_equal_ct(m->value[MR_AT_DIGEST].at, want, 32) ? 0 : MR_CAUSE_DIGEST_MISMATCH;
}
