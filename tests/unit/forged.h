/*
 * A signed record with rows in every table, a verifier who has the key, and a forger who has not. For the tests of what
 * is noticed, and for its share in `make bench`.
 */
#pragma once

#include "tests/unit/record.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "db/verify.h"
#include "tests/support/forger.h"

static inline int sign_with_key(void *ctx, const uint8_t hash[static 32], uint8_t *sig, size_t *sig_len)
{
	EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new(ctx, NULL);
	bool ok = sign && EVP_PKEY_sign_init(sign) == 1;

	*sig_len = 256;
	ok = ok && EVP_PKEY_sign(sign, sig, sig_len, hash, 32) == 1;
	EVP_PKEY_CTX_free(sign);
	return ok ? 0 : -1;
}

static inline bool check_with_key(void *ctx, const uint8_t hash[static 32], const uint8_t *sig, size_t len,
				  const char *key_id)
{
	EVP_PKEY_CTX *check = EVP_PKEY_CTX_new(ctx, NULL);
	bool ok = check && strcmp(key_id, "test-key") == 0 && EVP_PKEY_verify_init(check) == 1 &&
		  EVP_PKEY_verify(check, sig, len, hash, 32) == 1;

	EVP_PKEY_CTX_free(check);
	return ok;
}

struct told {
	EVP_PKEY *key;
	char all[20000];
};

static inline void found(void *ctx, const char *kind, const char *what)
{
	struct told *told = ctx;

	snprintf(told->all + strlen(told->all), sizeof(told->all) - strlen(told->all), "%s: %s\n", kind, what);
}

static inline void noted(void *ctx, const char *what) { (void)ctx, (void)what; }

static inline bool holds(void *ctx, const uint8_t head[static 32], const uint8_t *sig, size_t len, const char *key_id)
{
	return check_with_key(((struct told *)ctx)->key, head, sig, len, key_id);
}

/* How many things are wrong with it. */
static inline unsigned findings(struct place *place, struct told *told)
{
	struct verify verify = { .found = found,
				 .noted = noted,
				 .signature = holds,
				 .heads = *place->heads ? place->heads : NULL,
				 .ctx = told };
	sqlite3 *db;

	*told->all = '\0';
	if (reader_open(&db, place->path, place->error, sizeof(place->error)) != 0) {
		/* That it cannot be read at all is noticed too. */
		snprintf(told->all, sizeof(told->all), "%s", place->error);
		return 1;
	}
	if (verify_record(db, &verify, place->error, sizeof(place->error)) != 0) {
		snprintf(told->all, sizeof(told->all), "%s", place->error);
		verify.findings++;
	}
	sqlite3_close(db);
	return verify.findings;
}

/* At least one row in every table. */
static inline void rich_lot(struct place *place, struct told *told)
{
	struct journal *journal;

	place->sign = sign_with_key;
	place->check = check_with_key;
	place->sign_ctx = told->key;
	snprintf(place->heads, sizeof(place->heads), "%s/heads", place->dir);
	journal = opened_lot(place, "A");
	put_passing_unit_by(journal, 1, 1, "https");
	put_durable(journal, link_record(1, 1, 1));
	put(journal, network_record(1, 1));
	put_durable(journal, (struct journal_record){ .kind = JOURNAL_GUARD, .guard = { "noise", "", T0 } });
	put(journal, label_record(1, 1, 1, NULL));
	put(journal, label_state_record(1, 1, LABEL_SENT));
	put(journal, scan_record(1, 1, 1, 1, "right"));
	put_foreign_unit(journal, 2, 2, OBSERVED_SEEN);
	put_durable(journal, (struct journal_record){ .kind = JOURNAL_SIGHTING,
						      .sighting = { .mac = { 2, 1, 1, 1, 1, 1 },
								    .verdict = "stranger",
								    .freq_mhz = 2412,
								    .rssi_dbm = -70,
								    .count = 3,
								    .first_us = T0,
								    .last_us = T0 + 5 } });
	put(journal,
	    (struct journal_record){ .kind = JOURNAL_RADIO,
				     .radio = { .radio = "radio1", .path = "p", .driver = "d", .mac = { 2 } } });
	put(journal, unit_record(3));
	put(journal, attempt_record(3, 3, 1));
	put(journal, end_record(3, OUTCOME_TIMEOUT, 1, "no-answer", "air", "selftest", 5));
	put_durable(journal, state_record(3, UNIT_QUARANTINED, 1, "no-answer", "air"));
	put(journal, batch_end_record("done"));
	journal_close(journal);
	assert_int_equal(findings(place, told), 0);
}

/* A record, and somebody who changes copies of it. */
struct tried {
	struct place *place;
	struct told *told;
	struct forger forger;
	char good[120];
};

static inline bool notices(void *ctx, const char *change)
{
	struct tried *tried = ctx;
	bool noticed = findings(tried->place, tried->told) > 0;

	if (!noticed)
		print_message("nobody noticed: %s\n", change);
	return noticed;
}

static inline void begin(struct tried *tried, struct place *place, struct told *told)
{
	*tried = (struct tried){ .place = place, .told = told };
	tried->forger = (struct forger){ .good = tried->good, .path = place->path, .notices = notices, .ctx = tried };
	told->key = EVP_EC_gen("P-256");
	rich_lot(place, told);
	snprintf(tried->good, sizeof(tried->good), "%s/good.db", place->dir);
	forger_copy(place->path, tried->good);
}

static inline void end(struct tried *tried, unsigned at_least)
{
	forger_copy(tried->good, tried->place->path);
	assert_int_equal(findings(tried->place, tried->told), 0);
	assert_true(tried->forger.tried >= at_least);
	assert_int_equal(tried->forger.noticed, tried->forger.tried);
	EVP_PKEY_free(tried->told->key);
}
