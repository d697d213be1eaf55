/*
 * Making the factory's keys: what `millrace ca` does, and what tests need. docs/keys.md says who holds which
 * file. Nothing here ever replaces an existing key without keeping it aside.
 */
#pragma once

#include <openssl/x509.h>

#include "station/identity/identity.h"

#define CEREMONY_BATCH_KEYS_MAX 32 /* of one ceremony; chosen */

struct ceremony {
	const char *dir;	  /* must not exist yet, or be empty; its parent must exist */
	const char *organization; /* O of both CA certificates; NULL: none */
	unsigned root_days, issuing_days;
	const char *const *batch_keys; /* names; "default" is made in any case */
	size_t batch_key_count;
	int64_t utc_us;
};

/*
 * Is this a time at which a CA may be made? Its certificates are valid from it on, and every device has one of them for
 * good. Asked before a ceremony. `dir` NULL: there are no keys yet; else the clock is not before their certificates.
 * `built_us`: when this program was, 0: not known. 0 or -(cause), and `error` says which times disagree.
 */
int ceremony_clock(const char *dir, int64_t built_us, int64_t utc_us, char *error, size_t error_len);
/* All of it or nothing: the folder appears under its name when it is complete and synced. 0 or -(cause). */
int ceremony_init(const struct ceremony *ceremony, struct entropy *entropy, char *error, size_t error_len);
/* A new station.key; the old one stays as `aside`, e.g. station.key.20261123T093000Z. */
int ceremony_station_key(const char *dir, int64_t utc_us, char aside[static 40], char *error, size_t error_len);
int ceremony_batch_key(const char *dir, const char *name, struct entropy *entropy, char *error, size_t error_len);

/*
 * A new issuing CA under the same root, whose key is read from its offline medium as the file `root_key`.
 * The old one's files stay as issuing.crt.<stamp> and issuing.key.<stamp>: `stamp` says which. O is that of
 * the root. Stopped in the middle, it is repeated.
 */
int ceremony_issuing_ca(const char *dir, const char *root_key, unsigned days, int64_t utc_us, struct entropy *entropy,
			char stamp[static 24], char *error, size_t error_len);

/* 1 to 32 of A-Z a-z 0-9 . _ -, first a letter or digit: it becomes a file name. */
bool identity_key_name_is_valid(const char *name);
int64_t identity_time_us(const ASN1_TIME *time); /* since 1970; 0: not a time */
