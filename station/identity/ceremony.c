#include "station/identity/ceremony.h"

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

/*
 * A CA certificate. RFC 5280 section 4.2.1: basicConstraints and keyUsage critical, subjectKeyIdentifier always. The
 * common name ends with the start of the key's hash, so that two CAs of one factory are told apart.
 */
static X509 *make_ca(const struct ceremony *c, struct entropy *entropy, const char *what, EVP_PKEY *key, X509 *issuer,
		     EVP_PKEY *issuer_key, unsigned days, const char *constraints)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_NAME_new();
	time_t now = (time_t)(c->utc_us / 1000000) - BACKDATE_S;
	char id[24] = "", common_name[IDENTITY_NAME_MAX + 1];
	uint8_t point[65];
	bool ok;

	ok = keyfile_point(key, point) && keyfile_id("", point, sizeof(point), id);
	(void)snprintf(common_name, sizeof(common_name), "Factory %s CA %.8s", what, id);
	ok = ok && certificate && subject && X509_set_version(certificate, X509_VERSION_3) == 1 &&
	     set_serial(certificate, entropy) && (!c->organization || add_name(subject, "O", c->organization)) &&
	     add_name(subject, "CN", common_name) && X509_set_subject_name(certificate, subject) == 1 &&
	     X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject) == 1 &&
	     X509_time_adj_ex(X509_getm_notBefore(certificate), 0, 0, &now) != NULL &&
	     X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, BACKDATE_S, &now) != NULL &&
	     X509_set_pubkey(certificate, key) == 1 &&
	     add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
	     (!issuer || add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always")) &&
	     add_extension(certificate, issuer, NID_basic_constraints, constraints) &&
	     add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	     X509_sign(certificate, issuer_key, EVP_sha256()) > 0;
	X509_NAME_free(subject);
	if (ok)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static bool write_batch_key(const char *dir, const char *name, struct entropy *entropy, const struct keyfile_error *error)
{
	char file[80];
	uint8_t secret[32];
	bool ok;

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

static bool write_cas(const struct ceremony *c, const char *dir, struct entropy *entropy, const struct keyfile_error *error)
{
	EVP_PKEY *root_key = EVP_EC_gen("P-256"), *issuing_key = EVP_EC_gen("P-256"), *record_key = EVP_EC_gen("P-256");
	X509 *root = NULL, *issuing = NULL;
	bool ok = root_key && issuing_key && record_key;

	if (ok)
		root = make_ca(c, entropy, "root", root_key, NULL, root_key, c->root_days, "critical,CA:TRUE,pathlen:1");
	if (root)
		issuing = make_ca(c, entropy, "issuing", issuing_key, root, root_key, c->issuing_days,
				  "critical,CA:TRUE,pathlen:0");
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
		return keyfile_complain(error, "%s: holds a CA already, which stays as it is; choose another folder with --dir, or "
					"see docs/keys.md on rotation", dir);
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
		return keyfile_complain(error, "the issuing CA (%u days) cannot outlive the root (%u days)", c->issuing_days,
					c->root_days);
	for (size_t i = 0; i < c->batch_key_count; i++) {
		if (!identity_key_name_is_valid(c->batch_keys[i]))
			return keyfile_complain(error, "the batch key's name \"%.40s\" is not 1 to 32 of A-Z a-z 0-9 . _ -, "
						"beginning with a letter or digit", c->batch_keys[i]);
		for (size_t j = 0; j < i; j++)
			if (strcmp(c->batch_keys[i], c->batch_keys[j]) == 0)
				return keyfile_complain(error, "the batch key \"%s\" is named twice", c->batch_keys[i]);
	}
	return true;
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

	(void)snprintf(building, sizeof(building), "%s.XXXXXX", dir);
	if (!mkdtemp(building)) {
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

int ceremony_station_key(const char *dir, int64_t utc_us, char aside[static 40], char *error, size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, dir };
	time_t now = (time_t)(utc_us / 1000000);
	struct tm tm;
	char stamp[24] = "";
	EVP_PKEY *old;
	bool ok;

	if (gmtime_r(&now, &tm))
		(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	(void)snprintf(aside, 40, "station.key.%s", stamp);
	if (!keyfile_check_dir(dir, &complaint) || !(old = keyfile_private_key(dir, "station.key", "X25519", &complaint)))
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	EVP_PKEY_free(old);
	ok = write_station_key(dir, "station.key.next", &complaint) &&
	     keyfile_supersede(dir, "station.key", "station.key.next", aside, &complaint);
	return ok ? 0 : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

int ceremony_batch_key(const char *dir, const char *name, struct entropy *entropy, char *error, size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, dir };

	if (!identity_key_name_is_valid(name)) {
		(void)keyfile_complain(&complaint, "the batch key's name \"%.40s\" is not 1 to 32 of A-Z a-z 0-9 . _ -, beginning "
				       "with a letter or digit", name);
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	if (!keyfile_check_dir(dir, &complaint) || !write_batch_key(dir, name, entropy, &complaint))
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	return 0;
}
