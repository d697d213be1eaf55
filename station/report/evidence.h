/*
 * Signatures that the record holds: every certificate against the factory's CA, every receipt against the key of its
 * device's certificate, anchors against the station's record.pub. For `millrace audit verify`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

struct evidence;

/* `dir`: root.crt, issuing.crt and those before it (issuing.crt.DATE), record.pub and those before it. NULL with a
 * sentence in `error`. */
struct evidence *evidence_open(const char *dir, char *error, size_t error_len);
void evidence_close(struct evidence *evidence);

/* As verify.signature of db/verify.h wants it; ctx: a struct evidence. */
bool evidence_anchor(struct evidence *evidence, const uint8_t head[static 32], const uint8_t *sig, size_t len,
		     const char *key_id);

/* The folder's heads, as verify.heads wants it; NULL: no folder. */
const char *evidence_heads(const struct evidence *evidence);

/* What is checked without a folder of keys too: NULL for `evidence` leaves out the CA. Counts what it looked at. */
struct evidence_count {
	unsigned certificates, receipts;
};
int evidence_check(struct evidence *evidence, sqlite3 *db, void (*found)(void *ctx, const char *kind, const char *what),
		   void *ctx, struct evidence_count *count, char *error, size_t error_len);
