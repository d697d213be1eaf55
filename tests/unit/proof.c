/*
 * What a device proves: everything that a receipt, a VERIFY and a STATUS say is taken as it is meant, and each single
 * thing that is another is refused, although the device has signed it. The device here signs whatever it is told to.
 *
 * links: station/line/proof.c agent/wire/message.c agent/wire/cause.c agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/line/proof.h"

static const uint8_t certificate[] = "the device's certificate", other_certificate[] = "of another device, longer";
static const uint8_t device_key[32] = { 1, 2, 3 }, other_key[32] = { 1, 2, 4 };
static const uint8_t issuer[] = "the issuer's certificate";
static const uint8_t sealed[] = "a sealed PIN";
static char opened_for[80]; /* what pin_open was last asked for */

/* --- the identity's part, as far as proof.c asks for it --- */

const uint8_t *identity_issuer_der(const struct identity *identity, size_t *len)
{
	(void)identity;
	*len = sizeof(issuer);
	return issuer;
}

int identity_certificate_key(const uint8_t *der, size_t len, uint8_t public_key[static 65])
{
	bool is_other = len == sizeof(other_certificate) && memcmp(der, other_certificate, len) == 0;

	if (!is_other && (len != sizeof(certificate) || memcmp(der, certificate, len) != 0))
		return -MR_CAUSE_BAD_RESPONSE;
	return mr_p256_public(is_other ? other_key : device_key, public_key) ? 0 : -MR_CAUSE_CRYPTO_FAILED;
}

bool identity_verify(const uint8_t public_key[static 65], const uint8_t hash[static 32], const uint8_t sig[static 64])
{
	return mr_p256_verify(public_key, hash, sig);
}

int pin_open(const struct identity *identity, const char *product, const char *serial, const uint8_t *octets,
	     size_t len, char pin[static IDENTITY_PIN_MAX])
{
	(void)identity;
	snprintf(opened_for, sizeof(opened_for), "%s %s", product, serial);
	if (len != sizeof(sealed) || memcmp(octets, sealed, len) != 0)
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	strcpy(pin, "12345670");
	return 0;
}

int pin_verifier(const char *pin, const char *serial, const uint8_t salt[static 16], uint32_t iterations,
		 uint8_t w0[static 32], uint8_t l[static 65])
{
	if (strcmp(pin, "12345670") != 0)
		return -MR_CAUSE_BAD_RESPONSE;
	memset(w0, serial[1] ^ salt[0], 32);
	memset(l, (int)iterations ^ salt[15], 65);
	return 0;
}

/* --- a session that waits for its device's word --- */

struct scene {
	struct line line;
	struct job job;
	struct unit unit, other;
	struct session session;
	struct link link;
	uint8_t binding[32];
};

static void set(struct scene *t)
{
	static uint8_t cert[sizeof(certificate)], other_cert[sizeof(other_certificate)];

	*t = (struct scene){ 0 };
	memcpy(cert, certificate, sizeof(cert));
	memcpy(other_cert, other_certificate, sizeof(other_cert));
	memset(t->binding, 0xb1, 32);
	strcpy(t->job.product, "AC-100");
	memcpy(t->job.ssid, "hall", 4);
	t->job.ssid_len = 4;
	t->job.security = MR_SECURITY_WPA2;
	t->line.job = &t->job;
	strcpy(t->line.passphrase, "correct horse");
	memset(t->line.station.batch_tag, 0xba, 8);
	memset(t->unit.device_id, 0xde, 8);
	strcpy(t->unit.serial, "T000007");
	t->unit.identity_txn = 11;
	t->unit.credentials_txn = 12;
	t->unit.seal_txn = 0x0102030405060708;
	t->unit.certificate = cert;
	t->unit.certificate_len = sizeof(certificate);
	memcpy(t->unit.pin_sealed, sealed, sizeof(sealed));
	t->unit.pin_sealed_len = sizeof(sealed);
	memset(t->unit.pin_salt, 0x5a, 16);
	t->unit.pin_iterations = 2000;
	t->other.certificate = other_cert;
	t->other.certificate_len = sizeof(other_certificate);
	t->link.binding = t->binding;
	t->session.line = &t->line;
	t->session.unit = &t->unit;
	t->session.link = &t->link;
	t->session.stage = MR_STAGE_KEY | MR_STAGE_IDENTITY | MR_STAGE_CREDENTIALS;
	memset(t->session.challenge, 0xc4, 32);
}

/* What the protocol says of the digests, once more in other words: docs/protocol.md. */
static void digest_of(uint8_t out[static 32], const char *label, const void *const at[], const size_t len[], size_t n)
{
	uint8_t text[4000];
	size_t end = 0;

	for (size_t i = 0; i <= n; i++) {
		const void *from = i == 0 ? label : at[i - 1];
		size_t octets = i == 0 ? strlen(label) : len[i - 1];

		text[end++] = (uint8_t)octets;
		text[end++] = (uint8_t)(octets >> 8);
		if (octets > 0)
			memcpy(text + end, from, octets);
		end += octets;
	}
	assert_true(mr_sha256(text, end, out));
}

static void identity_digest_of(uint8_t out[static 32], uint8_t txn)
{
	uint8_t w0[32], l[65], salt[16], iterations[4] = { 0xd0, 0x07 }, number[8] = { txn };

	memset(w0, '0' ^ 0x5a, sizeof(w0));
	memset(l, 0xd0 ^ 0x5a, sizeof(l));
	memset(salt, 0x5a, sizeof(salt));
	digest_of(out, "millrace identity",
		  (const void *const[]){ number, "T000007", certificate, issuer, salt, iterations, w0, l, NULL },
		  (const size_t[]){ 8, 7, sizeof(certificate), sizeof(issuer), 16, 4, 32, 65, 0 }, 9);
}

static void credentials_digest_of(uint8_t out[static 32], uint8_t txn)
{
	uint8_t number[8] = { txn }, security = MR_SECURITY_WPA2;

	digest_of(out, "millrace credentials", (const void *const[]){ number, "hall", &security, "correct horse" },
		  (const size_t[]){ 8, 4, 1, 13 }, 4);
}

static void state_digest_of(uint8_t out[static 32], uint8_t stage, bool identity, bool credentials)
{
	uint8_t a[32], b[32];

	identity_digest_of(a, 11);
	credentials_digest_of(b, 12);
	digest_of(out, "millrace state", (const void *const[]){ &stage, a, b },
		  (const size_t[]){ 1, identity ? 32 : 0, credentials ? 32 : 0 }, 3);
}

static void digests_are_those_of_the_protocol(void **state)
{
	uint8_t want[32], got[32];
	struct verifier v;
	struct scene t;

	(void)state;
	set(&t);
	assert_int_equal(proof_verifier(&t.session, &v), 0);
	assert_true(v.has);
	assert_string_equal(opened_for, "AC-100 T000007");
	assert_int_equal(t.session.pin[0], 0);
	identity_digest_of(want, 11);
	assert_true(proof_identity_digest(&t.session, &v, got));
	assert_memory_equal(got, want, 32);
	credentials_digest_of(want, 12);
	assert_true(proof_credentials_digest(&t.session, got));
	assert_memory_equal(got, want, 32);
	/* A unit without a PIN has nothing of a verifier in its digest. */
	t.unit.pin_sealed_len = 0;
	assert_int_equal(proof_verifier(&t.session, &v), 0);
	assert_false(v.has);
	digest_of(want, "millrace identity",
		  (const void *const[]){ (uint8_t[8]){ 11 }, "T000007", certificate, issuer, 0, 0, 0, 0, 0 },
		  (const size_t[]){ 8, 7, sizeof(certificate), sizeof(issuer), 0, 0, 0, 0, 0 }, 9);
	assert_true(proof_identity_digest(&t.session, &v, got));
	assert_memory_equal(got, want, 32);
}

/* The PIN of this attempt is used as it is, and is gone afterwards whether that went well or not. */
static void a_pin_is_opened_when_it_is_not_at_hand(void **state)
{
	struct verifier v;
	struct scene t;

	(void)state;
	set(&t);
	opened_for[0] = '\0';
	strcpy(t.session.pin, "12345670");
	assert_int_equal(proof_verifier(&t.session, &v), 0);
	assert_string_equal(opened_for, "");
	assert_int_equal(t.session.pin[0], 0);
	strcpy(t.session.pin, "00000000");
	assert_int_equal(proof_verifier(&t.session, &v), -MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_false(v.has);
	assert_int_equal(t.session.pin[0], 0);
	t.unit.pin_sealed[0] ^= 1;
	assert_int_equal(proof_verifier(&t.session, &v), -MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_false(v.has);
}

/* A device that resumes: what it has behind it by its own word is computed, the rest is not. */
static void digests_of_earlier_attempts_are_made_again(void **state)
{
	uint8_t want[32];
	struct scene t;

	(void)state;
	set(&t);
	t.session.stage = MR_STAGE_KEY;
	assert_true(proof_recompute(&t.session));
	assert_false(t.session.has_identity_digest || t.session.has_credentials_digest);
	t.session.stage = MR_STAGE_KEY | MR_STAGE_IDENTITY;
	assert_true(proof_recompute(&t.session));
	assert_true(t.session.has_identity_digest);
	assert_false(t.session.has_credentials_digest);
	identity_digest_of(want, 11);
	assert_memory_equal(t.session.identity_digest, want, 32);
	t.session.stage |= MR_STAGE_CREDENTIALS;
	memset(t.session.identity_digest, 7, 32); /* of this attempt: it stays */
	assert_true(proof_recompute(&t.session));
	assert_true(t.session.has_credentials_digest);
	credentials_digest_of(want, 12);
	assert_memory_equal(t.session.credentials_digest, want, 32);
	assert_int_equal(t.session.identity_digest[0], 7);
	set(&t);
	t.unit.pin_sealed[0] ^= 1;
	assert_false(proof_recompute(&t.session));
	assert_false(t.session.has_identity_digest || t.session.has_credentials_digest);
}

/* --- messages --- */

static uint8_t octets[600], signature[64];

static void sign(struct mr_message *m, const uint8_t key[static 32], const uint8_t hash[static 32])
{
	assert_true(mr_p256_sign(key, hash, signature));
	m->has[MR_AT_SIGNATURE] = true;
	m->value[MR_AT_SIGNATURE] = mr_rd_over(signature, 64);
}

static void a_digest_is_compared_whole(void **state)
{
	uint8_t want[32] = { 3 }, got[32];
	struct mr_message m = { 0 };

	(void)state;
	assert_int_equal(proof_digest(&m, want), MR_CAUSE_BAD_RESPONSE);
	m.has[MR_AT_DIGEST] = true;
	m.value[MR_AT_DIGEST] = mr_rd_over(got, 32);
	for (size_t i = 0; i <= 32; i++) {
		memcpy(got, want, 32);
		if (i < 32)
			got[i] ^= 0x80;
		assert_int_equal(proof_digest(&m, want), i < 32 ? MR_CAUSE_DIGEST_MISMATCH : 0);
	}
}

static void only_firmware_that_signs_its_words_is_recent(void **state)
{
	static const uint8_t protocols[] = { 0, 1, MR_PROTOCOL, MR_PROTOCOL + 1 };
	struct mr_message m = { 0 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		m.value[MR_AT_PROTOCOL] = mr_rd_over(&protocols[i], 1);
		m.has[MR_AT_PROTOCOL] = false;
		assert_false(proof_is_recent(&m));
		m.has[MR_AT_PROTOCOL] = true;
		assert_int_equal(proof_is_recent(&m), i >= 2);
	}
}

/* --- STATUS --- */

static void status(const struct scene *t, struct mr_message *m, const uint8_t key[static 32], const char *label)
{
	uint8_t hash[32];

	*m = (struct mr_message){ 0 };
	m->before_signature = mr_rd_over((const uint8_t *)"what it says", 12);
	digest_of(hash, label, (const void *const[]){ t->binding, t->session.challenge, "what it says" },
		  (const size_t[]){ 32, 32, 12 }, 3);
	sign(m, key, hash);
}

static void a_status_is_that_of_its_unit_in_this_session(void **state)
{
	struct mr_message m;
	struct scene t;

	(void)state;
	set(&t);
	status(&t, &m, device_key, "millrace status 2");
	assert_int_equal(proof_status(&t.session, &m), 0);
	assert_true(t.session.has_public_key);
	m.before_signature.left--;
	assert_int_equal(proof_status(&t.session, &m), MR_CAUSE_BAD_SIGNATURE);
	m.before_signature.left = 0;
	assert_int_equal(proof_status(&t.session, &m), MR_CAUSE_BAD_RESPONSE);
	status(&t, &m, device_key, "millrace status 2");
	m.has[MR_AT_SIGNATURE] = false;
	assert_int_equal(proof_status(&t.session, &m), MR_CAUSE_BAD_RESPONSE);
	status(&t, &m, device_key, "millrace verify");
	assert_int_equal(proof_status(&t.session, &m), MR_CAUSE_BAD_SIGNATURE);
	status(&t, &m, other_key, "millrace status 2");
	assert_int_equal(proof_status(&t.session, &m), MR_CAUSE_BAD_SIGNATURE);
	status(&t, &m, device_key, "millrace status 2");
	t.binding[31] ^= 1;
	assert_int_equal(proof_status(&t.session, &m), MR_CAUSE_BAD_SIGNATURE);
	t.binding[31] ^= 1;
	t.session.challenge[31] ^= 1;
	assert_int_equal(proof_status(&t.session, &m), MR_CAUSE_BAD_SIGNATURE);
}

/* The key is that of the certificate which the unit that is claimed has on record, not of who claims it. */
static void a_claim_is_proved_by_the_key_of_the_claimed(void **state)
{
	struct mr_message m;
	struct scene t;

	(void)state;
	set(&t);
	status(&t, &m, device_key, "millrace status 2");
	assert_int_equal(proof_claim(&t.session, &m, &t.other), MR_CAUSE_BAD_SIGNATURE);
	set(&t);
	status(&t, &m, other_key, "millrace status 2");
	assert_int_equal(proof_claim(&t.session, &m, &t.other), 0);
	set(&t);
	t.other.certificate_len = 0;
	assert_int_equal(proof_claim(&t.session, &m, &t.other), MR_CAUSE_UNKNOWN_IDENTITY);
	t.other.certificate_len = 3; /* no certificate that anybody can read */
	assert_int_equal(proof_claim(&t.session, &m, &t.other), MR_CAUSE_UNKNOWN_IDENTITY);
	assert_false(t.session.has_public_key);
}

/* --- VERIFY --- */

static void verify(const struct scene *t, struct mr_message *m, const uint8_t digest[static 32], const char *label)
{
	uint8_t hash[32];

	*m = (struct mr_message){ 0 };
	memcpy(octets, digest, 32);
	m->has[MR_AT_DIGEST] = true;
	m->value[MR_AT_DIGEST] = mr_rd_over(octets, 32);
	digest_of(hash, label, (const void *const[]){ t->binding, t->session.challenge, digest },
		  (const size_t[]){ 32, 32, 32 }, 3);
	sign(m, device_key, hash);
}

static void what_it_has_stored_is_verified_for_its_stage(void **state)
{
	uint8_t digest[32];
	struct mr_message m;
	struct scene t;

	(void)state;
	set(&t);
	assert_true(proof_recompute(&t.session));
	state_digest_of(digest, t.session.stage, true, true);
	verify(&t, &m, digest, "millrace verify");
	assert_int_equal(proof_verify(&t.session, &m), 0);
	m.has[MR_AT_DIGEST] = false;
	assert_int_equal(proof_verify(&t.session, &m), MR_CAUSE_BAD_RESPONSE);
	verify(&t, &m, digest, "millrace receipt");
	assert_int_equal(proof_verify(&t.session, &m), MR_CAUSE_BAD_SIGNATURE);
	/* It has signed each of these, and none is what it was sent. */
	state_digest_of(digest, t.session.stage | MR_STAGE_SEALED, true, true);
	verify(&t, &m, digest, "millrace verify");
	assert_int_equal(proof_verify(&t.session, &m), MR_CAUSE_DIGEST_MISMATCH);
	state_digest_of(digest, t.session.stage, true, false);
	verify(&t, &m, digest, "millrace verify");
	assert_int_equal(proof_verify(&t.session, &m), MR_CAUSE_DIGEST_MISMATCH);
	state_digest_of(digest, t.session.stage, false, true);
	verify(&t, &m, digest, "millrace verify");
	assert_int_equal(proof_verify(&t.session, &m), MR_CAUSE_DIGEST_MISMATCH);
	/* Of another session, or a moment ago. */
	state_digest_of(digest, t.session.stage, true, true);
	verify(&t, &m, digest, "millrace verify");
	t.session.challenge[0] ^= 1;
	assert_int_equal(proof_verify(&t.session, &m), MR_CAUSE_BAD_SIGNATURE);
	t.session.challenge[0] ^= 1;
	t.binding[0] ^= 1;
	assert_int_equal(proof_verify(&t.session, &m), MR_CAUSE_BAD_SIGNATURE);
}

/* --- the receipt --- */

struct receipt {
	uint8_t version, batch_tag[8], device_id[8], stage, txn[8], state[32], restarts[4], serial_len;
	char serial[40];
	size_t more; /* octets behind its end; SIZE_MAX: one is missing */
	const char *label;
	const uint8_t *key;
	uint8_t challenge[32];
	bool unsigned_, absent;
};

static void honest(struct receipt *r)
{
	*r = (struct receipt){ .version = 1,
			       .stage = MR_STAGE_KEY | MR_STAGE_IDENTITY | MR_STAGE_CREDENTIALS | MR_STAGE_SEALED,
			       .txn = { 8, 7, 6, 5, 4, 3, 2, 1 },
			       .restarts = { 2 },
			       .serial_len = 7,
			       .serial = "T000007",
			       .label = "millrace receipt",
			       .key = device_key };
	memset(r->batch_tag, 0xba, 8);
	memset(r->device_id, 0xde, 8);
	memset(r->challenge, 0xc4, 32);
	state_digest_of(r->state, r->stage, true, true);
}

/* The device signs it as it is. */
static void receipt(const struct receipt *r, struct mr_message *m)
{
	struct mr_wr w = mr_wr_over(octets, sizeof(octets));
	uint8_t hash[32];
	size_t len;

	mr_wr_u8(&w, r->version);
	mr_wr_bytes(&w, r->batch_tag, 8);
	mr_wr_bytes(&w, r->device_id, 8);
	mr_wr_u8(&w, r->stage);
	mr_wr_bytes(&w, r->txn, 8);
	mr_wr_bytes(&w, r->state, 32);
	mr_wr_bytes(&w, r->restarts, 4);
	mr_wr_u8(&w, r->serial_len);
	mr_wr_bytes(&w, r->serial, strlen(r->serial));
	len = w.len + r->more;
	*m = (struct mr_message){ 0 };
	m->has[MR_AT_RECEIPT] = !r->absent;
	m->value[MR_AT_RECEIPT] = mr_rd_over(octets, len);
	digest_of(hash, r->label, (const void *const[]){ r->challenge, octets }, (const size_t[]){ 32, len }, 2);
	if (!r->unsigned_)
		sign(m, r->key, hash);
}

static void version(struct receipt *r) { r->version = 2; }
static void older_version(struct receipt *r) { r->version = 0; }
static void batch(struct receipt *r) { r->batch_tag[7] ^= 1; }
static void device(struct receipt *r) { r->device_id[0] ^= 1; }
static void txn_of_another_time(struct receipt *r) { r->txn[0]++; }
static void txn_high_octet(struct receipt *r) { r->txn[7]++; }
static void serial(struct receipt *r) { r->serial[6] = '8'; }
static void shorter_serial(struct receipt *r) { r->serial[--r->serial_len] = '\0'; }
static void longer_serial(struct receipt *r) { strcpy(r->serial, "T0000071"), r->serial_len = 8; }
static void serial_cut(struct receipt *r) { r->serial[6] = '\0'; }
static void octet_behind(struct receipt *r) { r->more = 1; }
static void octet_less(struct receipt *r) { r->more = SIZE_MAX; }
static void stored_otherwise(struct receipt *r) { r->state[31] ^= 1; }
static void absent(struct receipt *r) { r->absent = true; }
static void not_signed(struct receipt *r) { r->unsigned_ = true; }
static void of_another_key(struct receipt *r) { r->key = other_key; }
static void of_another_challenge(struct receipt *r) { r->challenge[31] ^= 1; }
static void of_another_purpose(struct receipt *r) { r->label = "millrace verify"; }

/* It says of itself that it is not sealed, and its digest agrees. */
static void not_sealed(struct receipt *r)
{
	r->stage &= (uint8_t)~MR_STAGE_SEALED;
	state_digest_of(r->state, r->stage, true, true);
}

/* The digest is not that of the stage that it says. */
static void sealed_by_word_only(struct receipt *r)
{
	state_digest_of(r->state, r->stage & (uint8_t)~MR_STAGE_SEALED, true, true);
}

static void without_credentials(struct receipt *r) { state_digest_of(r->state, r->stage, true, false); }
static void restarts(struct receipt *r) { r->restarts[3] = 9; } /* how often it restarted is its own word */

static void a_receipt_is_the_one_that_was_asked_for(void **state)
{
	static const struct {
		const char *name;
		void (*twist)(struct receipt *r);
		int cause;
	} rows[] = {
		{ "restarts", restarts, 0 },
		{ "absent", absent, MR_CAUSE_BAD_RESPONSE },
		{ "version 2", version, MR_CAUSE_BAD_RESPONSE },
		{ "version 0", older_version, MR_CAUSE_BAD_RESPONSE },
		{ "an octet behind it", octet_behind, MR_CAUSE_BAD_RESPONSE },
		{ "an octet less", octet_less, MR_CAUSE_BAD_RESPONSE },
		{ "serial number cut", serial_cut, MR_CAUSE_BAD_RESPONSE },
		{ "not sealed", not_sealed, MR_CAUSE_BAD_RESPONSE },
		{ "of another batch", batch, MR_CAUSE_DIGEST_MISMATCH },
		{ "of another device", device, MR_CAUSE_DIGEST_MISMATCH },
		{ "of another transaction", txn_of_another_time, MR_CAUSE_DIGEST_MISMATCH },
		{ "of another transaction, high octet", txn_high_octet, MR_CAUSE_DIGEST_MISMATCH },
		{ "of another serial number", serial, MR_CAUSE_DIGEST_MISMATCH },
		{ "of a shorter serial number", shorter_serial, MR_CAUSE_DIGEST_MISMATCH },
		{ "of a longer serial number", longer_serial, MR_CAUSE_DIGEST_MISMATCH },
		{ "sealed by its word only", sealed_by_word_only, MR_CAUSE_DIGEST_MISMATCH },
		{ "without credentials", without_credentials, MR_CAUSE_DIGEST_MISMATCH },
		{ "stored otherwise", stored_otherwise, MR_CAUSE_DIGEST_MISMATCH },
		{ "not signed", not_signed, MR_CAUSE_BAD_RESPONSE },
		{ "signed by another key", of_another_key, MR_CAUSE_BAD_SIGNATURE },
		{ "for another challenge", of_another_challenge, MR_CAUSE_BAD_SIGNATURE },
		{ "signed for another purpose", of_another_purpose, MR_CAUSE_BAD_SIGNATURE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mr_message m;
		struct receipt r;
		struct scene t;
		int cause;

		set(&t);
		assert_true(proof_recompute(&t.session));
		honest(&r);
		rows[i].twist(&r);
		receipt(&r, &m);
		cause = proof_receipt(&t.session, &m);
		if (cause != rows[i].cause)
			fail_msg("a receipt %s: %s, not %s", rows[i].name, mr_cause_name(cause),
				 mr_cause_name(rows[i].cause));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_those_of_the_protocol),
		cmocka_unit_test(a_pin_is_opened_when_it_is_not_at_hand),
		cmocka_unit_test(digests_of_earlier_attempts_are_made_again),
		cmocka_unit_test(a_digest_is_compared_whole),
		cmocka_unit_test(only_firmware_that_signs_its_words_is_recent),
		cmocka_unit_test(a_status_is_that_of_its_unit_in_this_session),
		cmocka_unit_test(a_claim_is_proved_by_the_key_of_the_claimed),
		cmocka_unit_test(what_it_has_stored_is_verified_for_its_stage),
		cmocka_unit_test(a_receipt_is_the_one_that_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
