/*
 * For tests of commands on a record with everything real on it: a factory's keys, certificates, receipts, sealed PINs,
 * anchors.
 */
#pragma once

#include "tests/unit/record.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "agent/wire/message.h"
#include "station/identity/ceremony.h"
#include "station/identity/identity.h"

#define NOW_US (INT64_C(1790000000) * 1000000)

struct factory {
	struct place place; /* first, so that its helpers take the whole */
	char keys[100], out_path[100], err_path[100];
	char out[200000], err[4000];
	struct identity *identity;
	struct entropy *entropy;
	struct signer *signer;
	struct identity_certificate issued;
};

static inline void on_issued(void *ctx, int result, const struct identity_certificate *certificate)
{
	struct factory *f = ctx;

	assert_int_equal(result, 0);
	f->issued = *certificate;
}

/* r || s of an ECDSA signature over `hash`. */
static inline void sign_raw(EVP_PKEY *key, const uint8_t hash[static 32], uint8_t out[static 64])
{
	EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new(key, NULL);
	uint8_t der[80];
	const uint8_t *at = der;
	size_t len = sizeof(der);
	ECDSA_SIG *sig;

	assert_int_equal(EVP_PKEY_sign_init(sign), 1);
	assert_int_equal(EVP_PKEY_sign(sign, der, &len, hash, 32), 1);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32);
	ECDSA_SIG_free(sig);
	EVP_PKEY_CTX_free(sign);
}

static inline void spki_sha256(EVP_PKEY *key, uint8_t out[static 32])
{
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	SHA256(der, (size_t)len, out);
	OPENSSL_free(der);
}

/* A unit that passed, everything about it real. `wrong_receipt`: signed by somebody else's key. */
static inline void put_real_unit(struct factory *f, struct journal *journal, int64_t unit, bool wrong_receipt)
{
	const struct identity_profile profile = { .organization = "Acme", .common_name = "AC-100" };
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	struct identity_csr csr;
	uint8_t sealed[PIN_SEALED_MAX], salt[16] = { 1 }, receipt[73] = { 1, (uint8_t)unit }, challenge[32],
					signature[64], hash[32];
	const struct mr_digest_field fields[] = { { challenge, 32 }, { receipt, sizeof(receipt) } };
	struct journal_record r = { .kind = JOURNAL_IDENTITY };
	char serial[24], pin[IDENTITY_PIN_MAX];
	size_t len, sealed_len;

	snprintf(serial, sizeof(serial), "AC%07lld", (long long)unit);
	snprintf(pin, sizeof(pin), "9173%04lld", (long long)unit);
	assert_int_equal(EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", csr.public_key, 65, &len), 1);
	spki_sha256(key, csr.spki_sha256);
	assert_int_equal(
		identity_issue(f->identity, f->signer, f->entropy, &profile, &csr, serial, NOW_US, on_issued, f), 0);
	assert_int_equal(pin_seal(f->identity, f->entropy, "AC-100", serial, pin, sealed, &sealed_len), 0);
	put(journal, unit_record(unit));
	put(journal, attempt_record(unit, unit, 1));
	put(journal, step_record(unit, 1, "identify", 1, 1500));
	r.identity = (struct journal_identity){ .unit = unit,
						.attempt = unit,
						.serial = serial,
						.transaction = (uint64_t)(2 * unit),
						.pin_sealed = { sealed, sealed_len },
						.pin_kind = "digits",
						.kek_id = identity_kek_id(f->identity),
						.pin_salt = { salt, 16 },
						.pin_iterations = 1000,
						.certificate = { f->issued.der, f->issued.len },
						.issuer = identity_issuer_name(f->identity),
						.serial_hex = f->issued.serial_hex,
						.subject = f->issued.subject,
						.not_before_us = f->issued.not_before_us,
						.not_after_us = f->issued.not_after_us,
						.at_us = T0 };
	assert_int_equal(pin_lookup(f->identity, "AC-100", pin, r.identity.pin_lookup), 0);
	memcpy(r.identity.spki_sha256, csr.spki_sha256, 32);
	put(journal, r);
	put(journal, transaction_record(unit, unit, (uint64_t)(2 * unit + 1), "seal", PHASE_INTENT));
	put(journal, cert_record(unit, CERT_VERIFIED));
	memset(challenge, (int)unit, sizeof(challenge));
	assert_true(mr_digest(hash, "millrace receipt", fields, 2));
	sign_raw(wrong_receipt ? other : key, hash, signature);
	put(journal, (struct journal_record){ .kind = JOURNAL_RECEIPT,
					      .receipt = { .unit = unit,
							   .attempt = unit,
							   .transaction = (uint64_t)(2 * unit + 1),
							   .receipt = { receipt, sizeof(receipt) },
							   .challenge = { challenge, 32 },
							   .signature = { signature, 64 },
							   .at_us = T0 } });
	put(journal, end_record(unit, OUTCOME_PASS, 0, NULL, NULL, NULL, 900000));
	put(journal, state_record(unit, UNIT_PASSED, 0, NULL, NULL));
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static inline void write_lot(struct factory *f, bool wrong_receipt)
{
	struct journal *journal;
	struct journal_record r;

	f->place.sign = identity_sign_record;
	f->place.sign_ctx = f->identity;
	f->place.key_id = identity_record_key_id(f->identity);
	journal = NULL;
	assert_int_equal(journal_open(&journal,
				      &(struct journal_options){ .path = f->place.path,
								 .simulated = true,
								 .sign = identity_sign_record,
								 .sign_ctx = f->identity,
								 .sign_key_id = identity_record_key_id(f->identity) },
				      f->place.error, sizeof(f->place.error)),
			 0);
	assert_int_equal(begin_lot(journal, &f->place, "2611-A07", "job", &(struct journal_start){ 0 }, NULL, NULL), 0);
	put_real_unit(f, journal, 1, false);
	put_real_unit(f, journal, 2, wrong_receipt);
	r = unit_record(3);
	put(journal, r);
	put(journal, attempt_record(3, 3, 1));
	put(journal, end_record(3, OUTCOME_TIMEOUT, 1, "no-answer", "air", "selftest", 5));
	put(journal, state_record(3, UNIT_FAILED, 1, "no-answer", "air"));
	put(journal, batch_end_record("done"));
	journal_close(journal);
}

static inline int set_up(void **state)
{
	struct factory *f = calloc(1, sizeof(*f));
	struct ceremony plan = {
		.dir = f->keys, .organization = "Acme", .root_days = 7300, .issuing_days = 1825, .utc_us = NOW_US
	};
	char error[300] = "", made[140];

	strcpy(f->place.dir, "/tmp/millrace-audit-XXXXXX");
	if (!mkdtemp(f->place.dir))
		return -1;
	snprintf(f->place.path, sizeof(f->place.path), "%s/record.db", f->place.dir);
	snprintf(f->keys, sizeof(f->keys), "%s/keys", f->place.dir);
	snprintf(f->out_path, sizeof(f->out_path), "%s/out", f->place.dir);
	snprintf(f->err_path, sizeof(f->err_path), "%s/err", f->place.dir);
	f->entropy = entropy_create_seeded(11, "audit");
	if (ceremony_init(&plan, f->entropy, error, sizeof(error)) != 0 ||
	    identity_open(&f->identity, f->keys, "default", NOW_US, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	/* Where commands look when they are told no --keys. */
	snprintf(made, sizeof(made), "%s.simulated-keys", f->place.path);
	if (symlink(f->keys, made) != 0)
		return -1;
	f->signer = signer_create_file(f->identity);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct factory *f = *state;

	f->signer->close(f->signer);
	identity_close(f->identity);
	entropy_destroy(f->entropy);
	nftw(f->place.dir, place_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static inline void slurp(const char *path, char *out, size_t cap)
{
	FILE *file = fopen(path, "r");

	out[fread(out, 1, cap - 1, file)] = '\0';
	fclose(file);
}
