/*
 * The keys that sign the record, by their public halves: the present one (record.pub) and those before it
 * (record-<16 hexadecimal digits>.pub), which stay in the folder so that what they signed can be checked for ever.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct identity;
struct record_keys;

/* The public keys of a folder. 0; or -(cause), with a sentence in `error`. */
int record_keys_open(struct record_keys **out, const char *dir, char *error, size_t error_len);
void record_keys_close(struct record_keys *keys);
/* journal_check_fn, ctx is the struct record_keys: has the key of that id signed it? */
bool record_keys_check(void *keys, const uint8_t hash[static 32], const uint8_t *sig, size_t len, const char *key_id);
/* DIR/heads: where a station keeps how far each record had come. */
const char *record_keys_heads(const struct record_keys *keys);

/* For desks: record.key alone, for identity_sign_record. Everything else is absent in it. */
int record_keys_open_private(struct identity **out, const char *dir, char *error, size_t error_len);
/* A new record.key: the old one is set aside as record.key.<stamp>, its public half stays as <its id>.pub. */
int record_keys_renew(const char *dir, int64_t utc_us, char aside[static 40], char *error, size_t error_len);
