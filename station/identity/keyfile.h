/*
 * The files of the keys folder. Reading: a private file must belong to the user or to root and be closed to
 * everybody else, else it is refused with the remedy. Writing: into a temporary file of the right mode from
 * its first octet, synced, renamed, the folder synced; never over an existing file.
 *
 * Every function that fails leaves one sentence in `error`: the file, what is wrong, what to do.
 */
#pragma once

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYFILE_MAX 16384 /* octets of a file */

struct keyfile_error {
	char *text;
	size_t cap;
	const char *dir; /* of the keys, for the remedies */
};

bool keyfile_complain(const struct keyfile_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool keyfile_path(char path[static PATH_MAX], const char *dir, const char *name, const struct keyfile_error *error);

/* The folder itself: exists, ours or root's, not writable by everybody. */
bool keyfile_check_dir(const char *dir, const struct keyfile_error *error);

/* PEM, PKCS #8. `type`: "EC" (P-256 only) or "X25519". The caller frees it. NULL: see error. */
EVP_PKEY *keyfile_private_key(const char *dir, const char *name, const char *type, const struct keyfile_error *error);
/* PEM, SubjectPublicKeyInfo, P-256: as a point, 0x04 first. */
bool keyfile_public_point(const char *dir, const char *name, uint8_t point[static 65],
			  const struct keyfile_error *error);
/* 64 hexadecimal digits and a line end: batch keys and pin.key. */
bool keyfile_secret(const char *dir, const char *name, uint8_t secret[static 32], const struct keyfile_error *error);
X509 *keyfile_certificate(const char *dir, const char *name, const struct keyfile_error *error);

bool keyfile_write_private_key(const char *dir, const char *name, EVP_PKEY *key, const struct keyfile_error *error);
bool keyfile_write_public_key(const char *dir, const char *name, EVP_PKEY *key, const struct keyfile_error *error);
bool keyfile_write_secret(const char *dir, const char *name, const uint8_t secret[static 32],
			  const struct keyfile_error *error);
bool keyfile_write_certificate(const char *dir, const char *name, X509 *certificate, const struct keyfile_error *error);
/* What an interrupted run left under a name that only a run in progress uses. */
void keyfile_discard(const char *dir, const char *name);
/* `next` becomes `name`, whose old content stays as `aside`; at no moment is there no `name`. */
bool keyfile_supersede(const char *dir, const char *name, const char *next, const char *aside,
		       const struct keyfile_error *error);
bool keyfile_sync_dir(const char *dir, const struct keyfile_error *error);

/* The public point of a P-256 key; false: it is another kind of key. */
bool keyfile_point(const EVP_PKEY *key, uint8_t point[static 65]);
/* First 16 hexadecimal digits of SHA-256 over `bytes`, after `prefix`. */
bool keyfile_id(const char *prefix, const uint8_t *bytes, size_t len, char id[24]);
