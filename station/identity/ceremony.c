#include "station/identity/ceremony.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/identity/keyfile.h"

/* A station whose clock is a little behind accepts the CA all the same. */
#define BACKDATE_S 86400
/* Makes certificates for devices only, no further CAs. */
#define ISSUING_CONSTRAINTS "critical,CA:TRUE,pathlen:0"

bool identity_key_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (len < 1 || len > 32 || !isalnum((unsigned char)name[0]))
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

static bool add_name(X509_NAME *name, const char *field, const char *value)
{
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) == 1;
}

/* 128 random bits, positive, as for devices. */
static bool set_serial(X509 *certificate, struct entropy *entropy)
{
	uint8_t octets[16];
	BIGNUM *number;
	bool ok;

	do
		entropy_fill(entropy, octets, sizeof(octets));
	while (octets[0] == 0);
	number = BN_bin2bn(octets, sizeof(octets), NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
	BN_free(number);
	return ok;
}

struct ca {
	const char *what, *organization, *constraints;
	unsigned days;
	int64_t utc_us;
};

/*
 * A CA certificate; `issuer` is NULL for the root. RFC 5280 section 4.2.1: basicConstraints and keyUsage
 * critical, subjectKeyIdentifier always. The common name ends with the start of the key's hash, so that two
 * CAs of one factory are told apart.
 */
static X509 *make_ca(const struct ca *ca, struct entropy *entropy, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_NAME_new();
	time_t now = (time_t)(ca->utc_us / 1000000) - BACKDATE_S;
	char id[24] = "", common_name[IDENTITY_NAME_MAX + 1];
	uint8_t point[65];
	bool ok;

	assert((issuer == NULL) == (issuer_key == key)); /* only the root signs for itself */
	ok = keyfile_point(key, point) && keyfile_id("", point, sizeof(point), id);
	(void)snprintf(common_name, sizeof(common_name), "Factory %s CA %.8s", ca->what, id);
	ok = ok && certificate && subject && X509_set_version(certificate, X509_VERSION_3) == 1 &&
	     set_serial(certificate, entropy) && (!ca->organization || add_name(subject, "O", ca->organization)) &&
	     add_name(subject, "CN", common_name) && X509_set_subject_name(certificate, subject) == 1 &&
	     X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject) == 1 &&
	     X509_time_adj_ex(X509_getm_notBefore(certificate), 0, 0, &now) != NULL &&
	     X509_time_adj_ex(X509_getm_notAfter(certificate), (int)ca->days, BACKDATE_S, &now) != NULL &&
	     X509_set_pubkey(certificate, key) == 1 &&
	     add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
	     (!issuer || add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always")) &&
	     add_extension(certificate, issuer, NID_basic_constraints, ca->constraints) &&
	     add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	     X509_sign(certificate, issuer_key, EVP_sha256()) > 0;
	X509_NAME_free(subject);
	if (ok)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static bool write_batch_key(const char *dir, const char *name, struct entropy *entropy,
			    const struct keyfile_error *error)
{
	char file[80];
	uint8_t secret[32];
	bool ok;

	assert(identity_key_name_is_valid(name));
	(void)snprintf(file, sizeof(file), "batch/%s.key", name);
	entropy_fill(entropy, secret, sizeof(secret));
	ok = keyfile_write_secret(dir, file, secret, error);
	OPENSSL_cleanse(secret, sizeof(secret));
	return ok;
}

static bool write_station_key(const char *dir, const char *name, const struct keyfile_error *error)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	bool ok = key ? keyfile_write_private_key(dir, name, key, error)
		      : keyfile_complain(error, "OpenSSL makes no X25519 key");

	EVP_PKEY_free(key);
	return ok;
}

static bool write_cas(const struct ceremony *c, const char *dir, struct entropy *entropy,
		      const struct keyfile_error *error)
{
	const struct ca of_root = { "root", c->organization, "critical,CA:TRUE,pathlen:1", c->root_days, c->utc_us };
	const struct ca of_issuing = { "issuing", c->organization, ISSUING_CONSTRAINTS, c->issuing_days, c->utc_us };
	EVP_PKEY *root_key = EVP_EC_gen("P-256"), *issuing_key = EVP_EC_gen("P-256"), *record_key = EVP_EC_gen("P-256");
	X509 *root = NULL, *issuing = NULL;
	bool ok = root_key && issuing_key && record_key;

	if (ok)
		root = make_ca(&of_root, entropy, root_key, NULL, root_key);
	if (root)
		issuing = make_ca(&of_issuing, entropy, issuing_key, root, root_key);
	if (!issuing)
		ok = keyfile_complain(error, "OpenSSL does not make the CA certificates: %s",
				      ERR_reason_error_string(ERR_peek_last_error()) ?: "no reason given");
	ok = ok && keyfile_write_private_key(dir, "root.key", root_key, error) &&
	     keyfile_write_certificate(dir, "root.crt", root, error) &&
	     keyfile_write_private_key(dir, "issuing.key", issuing_key, error) &&
	     keyfile_write_certificate(dir, "issuing.crt", issuing, error) &&
	     keyfile_write_private_key(dir, "record.key", record_key, error) &&
	     keyfile_write_public_key(dir, "record.pub", record_key, error);
	X509_free(root);
	X509_free(issuing);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(issuing_key);
	EVP_PKEY_free(record_key);
	return ok;
}

static bool write_pin_key(const char *dir, struct entropy *entropy, const struct keyfile_error *error)
{
	uint8_t secret[32];
	bool ok;

	entropy_fill(entropy, secret, sizeof(secret));
	ok = keyfile_write_secret(dir, "pin.key", secret, error);
	OPENSSL_cleanse(secret, sizeof(secret));
	return ok;
}

static bool write_batch_keys(const struct ceremony *c, const char *dir, struct entropy *entropy,
			     const struct keyfile_error *error)
{
	char path[PATH_MAX];
	bool ok;

	if (!keyfile_path(path, dir, "batch", error))
		return false;
	if (mkdir(path, 0700) != 0 || chmod(path, 0700) != 0)
		return keyfile_complain(error, "%s: %s", path, strerror(errno));
	ok = write_batch_key(dir, "default", entropy, error);
	for (size_t i = 0; ok && i < c->batch_key_count; i++)
		if (strcmp(c->batch_keys[i], "default") != 0)
			ok = write_batch_key(dir, c->batch_keys[i], entropy, error);
	return ok && keyfile_sync_dir(path, error);
}

/* A folder that we made ourselves, after a failure: one level of folders, nothing else is in it. */
static void remove_tree(const char *dir, unsigned depth)
{
	const struct keyfile_error quiet = { .cap = 0 };
	DIR *d = opendir(dir);
	const struct dirent *entry;
	char path[PATH_MAX];

	while (d && (entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!keyfile_path(path, dir, entry->d_name, &quiet))
			continue;
		if (unlink(path) != 0 && depth > 0)
			remove_tree(path, depth - 1);
	}
	if (d)
		(void)closedir(d);
	(void)rmdir(dir);
}

/* True: nothing is there that the new folder would replace. */
static bool dir_is_free(const char *dir, const struct keyfile_error *error)
{
	char path[PATH_MAX];
	DIR *d = opendir(dir);
	const struct dirent *entry;
	bool empty = true;

	if (!d && errno == ENOENT)
		return true;
	if (!d)
		return keyfile_complain(error, "%s: %s", dir, strerror(errno));
	while ((entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			empty = false;
	(void)closedir(d);
	if (keyfile_path(path, dir, "issuing.crt", error) && access(path, F_OK) == 0)
		return keyfile_complain(
			error,
			"%s: holds a CA already, which stays as it is; choose another folder with --dir, or "
			"see docs/keys.md on rotation",
			dir);
	return empty || keyfile_complain(error, "%s: is not empty; choose another folder with --dir", dir);
}

static bool check_plan(const struct ceremony *c, const struct keyfile_error *error)
{
	const struct identity_profile names = { .organization = c->organization, .common_name = "x" };

	if (identity_profile_wrong(&names))
		return keyfile_complain(error, "the organization's name: %s", identity_profile_wrong(&names));
	if (c->root_days < 1 || c->root_days > 36500 || c->issuing_days < 1 || c->issuing_days > 36500)
		return keyfile_complain(error, "a CA is valid for 1 to 36500 days");
	if (c->issuing_days > c->root_days)
		return keyfile_complain(error, "the issuing CA (%u days) cannot outlive the root (%u days)",
					c->issuing_days, c->root_days);
	for (size_t i = 0; i < c->batch_key_count; i++) {
		if (!identity_key_name_is_valid(c->batch_keys[i]))
			return keyfile_complain(error,
						"the batch key's name \"%.40s\" is not 1 to 32 of A-Z a-z 0-9 . _ -, "
						"beginning with a letter or digit",
						c->batch_keys[i]);
		for (size_t j = 0; j < i; j++)
			if (strcmp(c->batch_keys[i], c->batch_keys[j]) == 0)
				return keyfile_complain(error, "the batch key \"%s\" is named twice", c->batch_keys[i]);
	}
	return true;
}

/* --- the clock --- */

#define BUILT_SLACK_US (INT64_C(86400) * 1000000) /* the machine that built us may be a little ahead */

static const char *day_of(int64_t us, char text[static 16])
{
	time_t s = (time_t)(us / 1000000);
	struct tm tm;

	if (!gmtime_r(&s, &tm) || strftime(text, 16, "%Y-%m-%d", &tm) == 0)
		(void)snprintf(text, 16, "?");
	return text;
}

/* 0: there is none. */
static int64_t made_us(const char *dir, const char *name)
{
	char ignored[300] = "";
	X509 *certificate = keyfile_certificate(dir, name, &(struct keyfile_error){ ignored, sizeof(ignored), dir });
	int64_t us = certificate ? identity_time_us(X509_get0_notBefore(certificate)) : 0;

	X509_free(certificate);
	return us;
}

int ceremony_clock(const char *dir, int64_t built_us, int64_t utc_us, char *error, size_t error_len)
{
	static const char *const certificates[] = { "root.crt", "issuing.crt" };
	char now[16], other[16];

	(void)day_of(utc_us, now);
	if (utc_us < IDENTITY_CLOCK_MIN_US || utc_us > IDENTITY_CLOCK_MAX_US) {
		(void)snprintf(error, error_len, "the clock says %s, which it cannot be", now);
		return -MR_CAUSE_BAD_REQUEST;
	}
	if (built_us > 0 && utc_us < built_us - BUILT_SLACK_US) {
		(void)snprintf(error, error_len, "the clock says %s, and this program was made on %s", now,
			       day_of(built_us, other));
		return -MR_CAUSE_BAD_REQUEST;
	}
	for (size_t i = 0; dir && i < sizeof(certificates) / sizeof(certificates[0]); i++)
		if (utc_us < made_us(dir, certificates[i])) {
			(void)snprintf(error, error_len, "the clock says %s, and %s/%s is of %s", now, dir,
				       certificates[i], day_of(made_us(dir, certificates[i]), other));
			return -MR_CAUSE_BAD_REQUEST;
		}
	return 0;
}

int ceremony_init(const struct ceremony *c, struct entropy *entropy, char *error, size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, c->dir };
	char dir[PATH_MAX - 16], building[PATH_MAX], parent[PATH_MAX];
	char *slash;
	bool ok;

	/* Without trailing slashes: names are made from it. */
	if (snprintf(dir, sizeof(dir), "%s", c->dir) >= (int)sizeof(dir) || dir[0] == '\0') {
		(void)keyfile_complain(&complaint, "--dir: the path is empty or too long");
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	for (size_t len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
		dir[len - 1] = '\0';
	if (!check_plan(c, &complaint) || !dir_is_free(dir, &complaint))
		return -MR_CAUSE_SIGNER_UNAVAILABLE;

	assert(strlen(dir) > 0 && strlen(dir) + sizeof(".XXXXXX") <= sizeof(building));
	(void)snprintf(building, sizeof(building), "%s.XXXXXX", dir);
	if (!mkdtemp(building) || chmod(building, 0700) != 0) { /* chmod: the umask has no say */
		(void)keyfile_complain(&complaint, "%s: cannot make a folder beside it: %s", dir, strerror(errno));
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	ok = write_cas(c, building, entropy, &complaint) && write_station_key(building, "station.key", &complaint) &&
	     write_pin_key(building, entropy, &complaint) && write_batch_keys(c, building, entropy, &complaint) &&
	     keyfile_sync_dir(building, &complaint);
	/* Replaces an empty folder, and nothing else. */
	if (ok && rename(building, dir) != 0)
		ok = keyfile_complain(&complaint, "%s: %s; choose another folder with --dir", dir, strerror(errno));
	if (!ok) {
		remove_tree(building, 1);
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	(void)snprintf(parent, sizeof(parent), "%s", dir);
	slash = strrchr(parent, '/');
	if (slash)
		slash[slash == parent ? 1 : 0] = '\0';
	return keyfile_sync_dir(slash ? parent : ".", &complaint) ? 0 : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

static void stamp_of(int64_t utc_us, char stamp[static 24])
{
	time_t now = (time_t)(utc_us / 1000000);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || strftime(stamp, 24, "%Y%m%dT%H%M%SZ", &tm) == 0)
		(void)snprintf(stamp, 24, "old");
}

int ceremony_station_key(const char *dir, int64_t utc_us, char aside[static 40], char *error, size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, dir };
	char stamp[24];
	EVP_PKEY *old;
	bool ok;

	stamp_of(utc_us, stamp);
	(void)snprintf(aside, 40, "station.key.%s", stamp);
	if (!keyfile_check_dir(dir, &complaint) ||
	    !(old = keyfile_private_key(dir, "station.key", "X25519", &complaint)))
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	EVP_PKEY_free(old);
	/* The new one is complete on the medium before the old one moves. */
	keyfile_discard(dir, "station.key.next");
	ok = write_station_key(dir, "station.key.next", &complaint) &&
	     keyfile_supersede(dir, "station.key", "station.key.next", aside, &complaint);
	return ok ? 0 : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

/* A file anywhere, as folder and name. */
static EVP_PKEY *read_root_key(const char *path, const struct keyfile_error *error)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	if (!slash)
		return keyfile_private_key(".", path, "EC", error);
	(void)snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return keyfile_private_key(dir, slash + 1, "EC", error);
}

/* The new files are complete before the old ones move. */
static bool supersede_issuing(const char *dir, const char *stamp, EVP_PKEY *key, X509 *certificate,
			      const struct keyfile_error *error)
{
	char old_key[48], old_certificate[48];

	assert(strlen(stamp) < 24);
	(void)snprintf(old_key, sizeof(old_key), "issuing.key.%s", stamp);
	(void)snprintf(old_certificate, sizeof(old_certificate), "issuing.crt.%s", stamp);
	keyfile_discard(dir, "issuing.key.next");
	keyfile_discard(dir, "issuing.crt.next");
	return keyfile_write_private_key(dir, "issuing.key.next", key, error) &&
	       keyfile_write_certificate(dir, "issuing.crt.next", certificate, error) &&
	       keyfile_supersede(dir, "issuing.key", "issuing.key.next", old_key, error) &&
	       keyfile_supersede(dir, "issuing.crt", "issuing.crt.next", old_certificate, error);
}

int ceremony_issuing_ca(const char *dir, const char *root_key, unsigned days, int64_t utc_us, struct entropy *entropy,
			char stamp[static 24], char *error, size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, dir };
	char organization[IDENTITY_NAME_MAX + 1] = "";
	struct ca of_issuing = { "issuing", NULL, ISSUING_CONSTRAINTS, days, utc_us };
	EVP_PKEY *signing = NULL, *key = NULL;
	X509 *root = NULL, *issuing = NULL;
	bool ok;

	stamp_of(utc_us, stamp);
	ok = keyfile_check_dir(dir, &complaint) && (root = keyfile_certificate(dir, "root.crt", &complaint)) &&
	     (signing = read_root_key(root_key, &complaint));
	if (ok && EVP_PKEY_eq(X509_get0_pubkey(root), signing) != 1)
		ok = keyfile_complain(&complaint, "%s: is not the key of %s/root.crt; take the right medium", root_key,
				      dir);
	if (ok && (days < 1 ||
		   utc_us / 1000000 + (int64_t)days * 86400 > identity_time_us(X509_get0_notAfter(root)) / 1000000))
		ok = keyfile_complain(&complaint,
				      "the issuing CA would outlive the root or not live at all; fewer days, or a new "
				      "root");
	if (ok && X509_NAME_get_text_by_NID(X509_get_subject_name(root), NID_organizationName, organization,
					    sizeof(organization)) > 0)
		of_issuing.organization = organization;
	if (ok && (key = EVP_EC_gen("P-256")))
		issuing = make_ca(&of_issuing, entropy, key, root, signing);
	if (ok && !issuing)
		ok = keyfile_complain(&complaint, "OpenSSL does not make the issuing CA's certificate");
	ok = ok && supersede_issuing(dir, stamp, key, issuing, &complaint);
	X509_free(root);
	X509_free(issuing);
	EVP_PKEY_free(signing);
	EVP_PKEY_free(key);
	return ok ? 0 : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

int ceremony_batch_key(const char *dir, const char *name, struct entropy *entropy, char *error, size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, dir };

	if (!identity_key_name_is_valid(name)) {
		(void)keyfile_complain(&complaint,
				       "the batch key's name \"%.40s\" is not 1 to 32 of A-Z a-z 0-9 . _ -, beginning "
				       "with a letter or digit",
				       name);
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	if (!keyfile_check_dir(dir, &complaint) || !write_batch_key(dir, name, entropy, &complaint))
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	return 0;
}
