#include "station/report/evidence.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "agent/wire/message.h"
#include "db/sql.h"
#include "station/identity/identity.h"
#include "station/identity/record_keys.h"

struct evidence {
	X509_STORE *roots;
	STACK_OF(X509) * issuers;
	struct record_keys *record_keys;
};

struct check {
	struct evidence *evidence;
	void (*found)(void *ctx, const char *kind, const char *what);
	void *ctx;
	struct evidence_count *count;
};

/* A row of db/queries/evidence.sql */
struct stored {
	long long unit;
	const char *serial, *serial_hex, *state;
	const uint8_t *spki_sha256, *der, *receipt, *challenge, *signature;
	size_t spki_len, der_len, receipt_len, challenge_len, signature_len;
	int64_t not_before_us, not_after_us; /* INT64_MAX: none */
};

static X509 *read_certificate(const char *dir, const char *name)
{
	char path[4096];
	FILE *file;
	X509 *certificate;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	errno = 0;
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	ERR_clear_error();
	fclose(file);
	return certificate;
}

/* The present issuing CA, and those before it: issuing.crt.DATE. */
static bool read_issuers(struct evidence *evidence, const char *dir)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	bool good = folder != NULL;

	while (good && (entry = readdir(folder))) {
		X509 *certificate;

		if (strncmp(entry->d_name, "issuing.crt", 11) != 0)
			continue;
		certificate = read_certificate(dir, entry->d_name);
		if (certificate && sk_X509_push(evidence->issuers, certificate) <= 0) {
			X509_free(certificate);
			good = false;
		}
	}
	if (folder)
		closedir(folder);
	return good;
}

struct evidence *evidence_open(const char *dir, char *error, size_t error_len)
{
	struct evidence *evidence = calloc(1, sizeof(*evidence));
	X509 *root = read_certificate(dir, "root.crt");
	bool good = false;

	if (!evidence) {
		snprintf(error, error_len, "no memory is left");
	} else if (!root) {
		snprintf(error, error_len, "%s/root.crt: %s; give the folder that `millrace ca init` made", dir,
			 errno ? strerror(errno) : "is not a certificate");
	} else if (record_keys_open(&evidence->record_keys, dir, error, error_len) == 0) {
		evidence->roots = X509_STORE_new();
		evidence->issuers = sk_X509_new_null();
		good = evidence->roots && evidence->issuers && X509_STORE_add_cert(evidence->roots, root) == 1 &&
		       read_issuers(evidence, dir);
		if (!good)
			snprintf(error, error_len, "%s: its certificates cannot be read", dir);
	}
	X509_free(root);
	if (good)
		return evidence;
	evidence_close(evidence);
	return NULL;
}

void evidence_close(struct evidence *evidence)
{
	if (!evidence)
		return;
	X509_STORE_free(evidence->roots);
	sk_X509_pop_free(evidence->issuers, X509_free);
	record_keys_close(evidence->record_keys);
	free(evidence);
}

bool evidence_anchor(struct evidence *evidence, const uint8_t head[static 32], const uint8_t *sig, size_t len,
		     const char *key_id)
{
	return record_keys_check(evidence->record_keys, head, sig, len, key_id);
}

const char *evidence_heads(const struct evidence *evidence)
{
	return evidence ? record_keys_heads(evidence->record_keys) : NULL;
}

__attribute__((format(printf, 4, 5))) static void find(struct check *check, const char *kind, const struct stored *row,
						       const char *format, ...)
{
	char why[300], what[500];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	snprintf(what, sizeof(what), "%s %s of unit %lld (serial number %s): %s", kind, row->serial_hex, row->unit,
		 row->serial ? row->serial : "none", why);
	check->found(check->ctx, kind, what);
}

static bool number_is(const X509 *certificate, const char *hex)
{
	BIGNUM *stored = NULL, *there = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	bool same = there && BN_hex2bn(&stored, hex) == (int)strlen(hex) && BN_cmp(stored, there) == 0;

	BN_free(stored);
	BN_free(there);
	return same;
}

/* 2.5.4.5 serialNumber of the subject: the number on the label. */
static bool names_serial(const X509 *certificate, const char *serial)
{
	const X509_NAME *name = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(name, NID_serialNumber, -1);
	const ASN1_STRING *text;

	if (at < 0 || !serial || X509_NAME_get_index_by_NID(name, NID_serialNumber, at) >= 0)
		return false;
	text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	return (size_t)ASN1_STRING_length(text) == strlen(serial) &&
	       memcmp(ASN1_STRING_get0_data(text), serial, strlen(serial)) == 0;
}

static bool key_is(const X509 *certificate, const struct stored *row)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	uint8_t sha256[32];
	bool same = len > 0 && SHA256(der, (size_t)len, sha256) && row->spki_len == sizeof(sha256) &&
		    memcmp(sha256, row->spki_sha256, sizeof(sha256)) == 0;

	OPENSSL_free(der);
	return same;
}

/* As of the day of its issue: a CA that has expired since was no fault then. NULL: it holds; else why not. */
static const char *chain_fault(struct evidence *evidence, X509 *certificate, int64_t at_us)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	const char *fault = "no memory is left";

	if (ctx && X509_STORE_CTX_init(ctx, evidence->roots, certificate, evidence->issuers) == 1) {
		X509_STORE_CTX_set_time(ctx, 0, (time_t)(at_us / 1000000));
		/* X.509 strictness is the profile's business; here the question is who signed it. */
		fault = X509_verify_cert(ctx) == 1 ? NULL
						   : X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return fault;
}

static bool times_are(const X509 *certificate, const struct stored *row)
{
	struct tm from, to;

	if (ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &from) != 1 ||
	    ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &to) != 1 ||
	    (int64_t)timegm(&from) != row->not_before_us / 1000000)
		return false;
	/* 99991231235959Z: no expiry (RFC 5280 section 4.1.2.5) */
	if (row->not_after_us == INT64_MAX)
		return to.tm_year == 9999 - 1900;
	return (int64_t)timegm(&to) == row->not_after_us / 1000000;
}

static void check_certificate(struct check *check, const struct stored *row)
{
	const uint8_t *at = row->der;
	X509 *certificate = d2i_X509(NULL, &at, (long)row->der_len);
	const char *fault;

	check->count->certificates++;
	if (!certificate || at != row->der + row->der_len)
		find(check, "certificate", row, "its octets are no certificate");
	else if (!number_is(certificate, row->serial_hex))
		find(check, "certificate", row, "it carries another number");
	else if (!key_is(certificate, row))
		find(check, "certificate", row, "it is for another public key than the record says");
	else if (!names_serial(certificate, row->serial))
		find(check, "certificate", row, "it names another serial number than the unit has");
	else if (!times_are(certificate, row))
		find(check, "certificate", row, "it is valid for another time than the record says");
	else if (check->evidence && (fault = chain_fault(check->evidence, certificate, row->not_before_us)))
		find(check, "certificate", row, "the factory's CA did not issue it (%s)", fault);
	X509_free(certificate);
	ERR_clear_error();
}

static void check_receipt(struct check *check, const struct stored *row)
{
	const struct mr_digest_field fields[] = { { row->challenge, row->challenge_len },
						  { row->receipt, row->receipt_len } };
	uint8_t key[65], hash[32];

	check->count->receipts++;
	if (row->challenge_len != 32 || row->signature_len != 64 ||
	    identity_certificate_key(row->der, row->der_len, key) != 0 ||
	    !mr_digest(hash, "millrace receipt", fields, 2) || !identity_verify(key, hash, row->signature))
		find(check, "receipt", row, "its signature is not by the key of the device's certificate");
}

static const uint8_t *octets(sqlite3_stmt *row, int column, size_t *len)
{
	const uint8_t *at = sqlite3_column_blob(row, column);

	*len = (size_t)sqlite3_column_bytes(row, column);
	return at;
}

static void check_row(struct check *check, sqlite3_stmt *row, int64_t *last)
{
	struct stored stored = {
		.unit = sqlite3_column_int64(row, 1),
		.serial = (const char *)sqlite3_column_text(row, 2),
		.serial_hex = (const char *)sqlite3_column_text(row, 3),
		.state = (const char *)sqlite3_column_text(row, 8),
		.not_before_us = sqlite3_column_int64(row, 9),
		.not_after_us = sqlite3_column_type(row, 10) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(row, 10),
	};

	stored.spki_sha256 = octets(row, 6, &stored.spki_len);
	stored.der = octets(row, 7, &stored.der_len);
	stored.receipt = octets(row, 11, &stored.receipt_len);
	stored.challenge = octets(row, 12, &stored.challenge_len);
	stored.signature = octets(row, 13, &stored.signature_len);
	/* A unit that was sealed twice gives two rows with one certificate. */
	if (sqlite3_column_int64(row, 0) != *last)
		check_certificate(check, &stored);
	*last = sqlite3_column_int64(row, 0);
	if (stored.receipt_len)
		check_receipt(check, &stored);
}

int evidence_check(struct evidence *evidence, sqlite3 *db, void (*found)(void *ctx, const char *kind, const char *what),
		   void *ctx, struct evidence_count *count, char *error, size_t error_len)
{
	struct check check = { evidence, found, ctx, count };
	sqlite3_stmt *row = NULL;
	int64_t last = -1;
	int rc = sqlite3_prepare_v2(db, sql_query("evidence"), -1, &row, NULL);

	*count = (struct evidence_count){ 0 };
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(row);
		if (rc == SQLITE_ROW)
			check_row(&check, row, &last);
	}
	if (rc != SQLITE_DONE)
		snprintf(error, error_len, "the certificates cannot be read: %s", sqlite3_errmsg(db));
	sqlite3_finalize(row);
	return rc == SQLITE_DONE ? 0 : -1;
}
