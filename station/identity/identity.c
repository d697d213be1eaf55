#include "station/identity/identity.h"

#include <assert.h>
#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "agent/wire/cursor.h"
#include "station/identity/ceremony.h"
#include "station/identity/keyfile.h"
#include "station/identity/private.h"

int64_t identity_time_us(const ASN1_TIME *time)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm) * 1000000;
}

static void date_text(int64_t us, char text[static 32])
{
	time_t s = (time_t)(us / 1000000);
	struct tm tm;

	if (!gmtime_r(&s, &tm) || strftime(text, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		(void)snprintf(text, 32, "an impossible date");
}

static int check_validity(const X509 *certificate, const char *name, int64_t utc_us, const struct keyfile_error *error)
{
	int64_t from_us = identity_time_us(X509_get0_notBefore(certificate));
	int64_t to_us = identity_time_us(X509_get0_notAfter(certificate));
	char from[32], to[32], now[32];

	date_text(from_us, from);
	date_text(to_us, to);
	date_text(utc_us, now);
	if (utc_us > to_us)
		(void)keyfile_complain(error,
				       "%s/%s: expired on %s, the clock says %s; set the clock, or renew it: "
				       "`millrace ca new-issuing-ca`, docs/keys.md",
				       error->dir, name, to, now);
	else if (utc_us < from_us)
		(void)keyfile_complain(error, "%s/%s: is not valid before %s, the clock says %s; set the clock",
				       error->dir, name, from, now);
	else
		return 0;
	return -MR_CAUSE_CERTIFICATE_EXPIRED;
}

static bool is_ca(X509 *certificate)
{
	return X509_check_ca(certificate) == 1 && (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) != 0;
}

/* The issuing CA is what it says: made by the root, a CA. */
static int check_issuer(X509 *root, X509 *issuing, int64_t utc_us, const struct keyfile_error *error)
{
	const char *dir = error->dir;
	int expired;

	if (!is_ca(root) || X509_verify(root, X509_get0_pubkey(root)) != 1)
		(void)keyfile_complain(
			error, "%s/root.crt: is not a self-signed CA certificate; bring it back from the backup", dir);
	else if (!is_ca(issuing) || X509_check_issued(root, issuing) != X509_V_OK ||
		 X509_verify(issuing, X509_get0_pubkey(root)) != 1)
		(void)keyfile_complain(error,
				       "%s/issuing.crt: is not a CA certificate made by root.crt; bring both back from "
				       "the same backup",
				       dir);
	else if ((expired = check_validity(root, "root.crt", utc_us, error)) != 0 ||
		 (expired = check_validity(issuing, "issuing.crt", utc_us, error)) != 0)
		return expired;
	else
		return 0;
	return -MR_CAUSE_SIGNER_UNAVAILABLE;
}

static bool common_name(X509 *certificate, char name[static IDENTITY_NAME_MAX + 1])
{
	int len = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
					    IDENTITY_NAME_MAX + 1);

	return len > 0 && len <= IDENTITY_NAME_MAX;
}

/* What every certificate repeats of its issuer, encoded once. */
static bool cache_issuer(struct identity *identity, X509 *issuing, const struct keyfile_error *error)
{
	const char *dir = error->dir;
	const ASN1_OCTET_STRING *key_id = X509_get0_subject_key_id(issuing);
	int der_len = i2d_X509(issuing, NULL);
	int name_len = i2d_X509_NAME(X509_get_subject_name(issuing), NULL);
	uint8_t *at;

	if (der_len <= 0 || (size_t)der_len > sizeof(identity->issuer_der) || name_len <= 0 ||
	    (size_t)name_len > sizeof(identity->issuer_subject))
		return keyfile_complain(error, "%s/issuing.crt: is longer than devices take (%d octets)", dir,
					IDENTITY_CERT_MAX);
	if (!key_id || ASN1_STRING_length(key_id) <= 0 ||
	    (size_t)ASN1_STRING_length(key_id) > sizeof(identity->issuer_key_id))
		return keyfile_complain(error,
					"%s/issuing.crt: has no usable subject key identifier; make the CA with "
					"`millrace ca init`",
					dir);
	at = identity->issuer_der;
	identity->issuer_der_len = (size_t)i2d_X509(issuing, &at);
	at = identity->issuer_subject;
	identity->issuer_subject_len = (size_t)i2d_X509_NAME(X509_get_subject_name(issuing), &at);
	assert(identity->issuer_der_len == (size_t)der_len && identity->issuer_subject_len == (size_t)name_len);
	identity->issuer_key_id_len = (size_t)ASN1_STRING_length(key_id);
	mr_copy(identity->issuer_key_id, ASN1_STRING_get0_data(key_id), identity->issuer_key_id_len);
	if (!common_name(issuing, identity->issuer_name))
		return keyfile_complain(error,
					"%s/issuing.crt: its subject has no common name; make the CA with "
					"`millrace ca init`",
					dir);
	identity->not_before_us = identity_time_us(X509_get0_notBefore(issuing));
	identity->not_after_us = identity_time_us(X509_get0_notAfter(issuing));
	return true;
}

static bool open_station_key(struct identity *identity, const char *dir, const struct keyfile_error *error)
{
	EVP_PKEY *key = keyfile_private_key(dir, "station.key", "X25519", error);
	size_t private_len = 32, public_len = 32;
	bool ok = key && EVP_PKEY_get_raw_private_key(key, identity->station_private, &private_len) == 1 &&
		  EVP_PKEY_get_raw_public_key(key, identity->station_public, &public_len) == 1;

	if (key && !ok)
		ok = keyfile_complain(error, "%s/station.key: cannot be used", dir);
	assert(!ok || (private_len == 32 && public_len == 32));
	EVP_PKEY_free(key);
	return ok;
}

bool identity_open_record_key(struct identity *identity, const char *dir, const struct keyfile_error *error)
{
	uint8_t public_key[65], of_private[65];

	assert(!identity->record_key);
	identity->record_key = keyfile_private_key(dir, "record.key", "EC", error);
	if (!identity->record_key ||
	    identity_record_public(dir, public_key, identity->record_key_id, error->text, error->cap) != 0)
		return false;
	if (!keyfile_point(identity->record_key, of_private) || !mr_equal(public_key, of_private, sizeof(of_private)))
		return keyfile_complain(error,
					"%s/record.key: does not belong to record.pub; bring both back from the same "
					"backup",
					dir);
	return true;
}

static bool open_pin_key(struct identity *identity, const char *dir, const struct keyfile_error *error)
{
	uint8_t secret[32];
	bool ok = keyfile_secret(dir, "pin.key", secret, error);

	if (ok && !pin_derive(secret, identity))
		ok = keyfile_complain(error, "%s/pin.key: cannot be used: no memory", dir);
	OPENSSL_cleanse(secret, sizeof(secret));
	assert(!ok || identity->kek_id[0] != '\0');
	return ok;
}

/* What is public of both CAs, and that they are what they say. */
static int open_issuer(struct identity *identity, const char *dir, int64_t utc_us, const struct keyfile_error *error)
{
	X509 *root = NULL, *issuing = NULL;
	int result = -MR_CAUSE_SIGNER_UNAVAILABLE;

	if (keyfile_check_dir(dir, error) && (root = keyfile_certificate(dir, "root.crt", error)) &&
	    (issuing = keyfile_certificate(dir, "issuing.crt", error))) {
		result = check_issuer(root, issuing, utc_us, error);
		if (result == 0 && !cache_issuer(identity, issuing, error))
			result = -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	X509_free(root);
	X509_free(issuing);
	return result;
}

static bool open_issuing_key(struct identity *identity, const char *dir, const struct keyfile_error *error)
{
	const uint8_t *der = identity->issuer_der;
	X509 *issuing = NULL;
	bool ok;

	assert(identity->issuer_der_len > 0);
	identity->issuing_key = keyfile_private_key(dir, "issuing.key", "EC", error);
	if (!identity->issuing_key)
		return false;
	issuing = d2i_X509(NULL, &der, (long)identity->issuer_der_len);
	ok = issuing && EVP_PKEY_eq(X509_get0_pubkey(issuing), identity->issuing_key) == 1;
	X509_free(issuing);
	return ok || keyfile_complain(error,
				      "%s/issuing.key: does not belong to issuing.crt; bring both back from the same "
				      "backup",
				      dir);
}

static bool open_batch_key(struct identity *identity, const char *dir, const char *batch_key,
			   const struct keyfile_error *error)
{
	char batch_file[80];

	if (!identity_key_name_is_valid(batch_key))
		return keyfile_complain(error,
					"the batch key's name \"%.40s\" is not 1 to 32 of A-Z a-z 0-9 . _ -, "
					"beginning with a letter or digit",
					batch_key);
	(void)snprintf(batch_file, sizeof(batch_file), "batch/%s.key", batch_key);
	return keyfile_secret(dir, batch_file, identity->batch_key, error);
}

static bool open_secrets(struct identity *identity, const char *dir, const struct keyfile_error *error)
{
	return open_issuing_key(identity, dir, error) && open_station_key(identity, dir, error) &&
	       open_pin_key(identity, dir, error) && identity_open_record_key(identity, dir, error);
}

enum { OPEN_BATCH_KEY = 1, OPEN_SECRETS = 2, OPEN_PINS = 4 }; /* which private files are opened */

static int open_some(struct identity **out, unsigned which, const char *dir, const char *batch_key, int64_t utc_us,
		     const struct keyfile_error *error)
{
	struct identity *identity = OPENSSL_secure_zalloc(sizeof(*identity));
	int result = 0;

	*out = NULL;
	if (!identity)
		return -MR_CAUSE_NO_MEMORY;
	if (which & (OPEN_BATCH_KEY | OPEN_SECRETS))
		result = open_issuer(identity, dir, utc_us, error);
	if (result == 0 &&
	    (((which & OPEN_BATCH_KEY) && !open_batch_key(identity, dir, batch_key, error)) ||
	     ((which & OPEN_SECRETS) && !open_secrets(identity, dir, error)) ||
	     ((which & OPEN_PINS) && !(keyfile_check_dir(dir, error) && open_pin_key(identity, dir, error)))))
		result = -MR_CAUSE_SIGNER_UNAVAILABLE;
	if (result == 0)
		*out = identity;
	else
		identity_close(identity);
	assert(result != 0 || !(which & OPEN_SECRETS) ||
	       (identity->issuing_key && identity->record_key && identity->issuer_der_len > 0 &&
		identity->kek_id[0] != '\0' && identity->record_key_id[0] != '\0'));
	return result;
}

int identity_open(struct identity **out, const char *dir, const char *batch_key, int64_t utc_us, char *error,
		  size_t error_len)
{
	return open_some(out, OPEN_BATCH_KEY | OPEN_SECRETS, dir, batch_key, utc_us,
			 &(struct keyfile_error){ error, error_len, dir });
}

int identity_open_public(struct identity **out, const char *dir, const char *batch_key, int64_t utc_us, char *error,
			 size_t error_len)
{
	return open_some(out, OPEN_BATCH_KEY, dir, batch_key, utc_us, &(struct keyfile_error){ error, error_len, dir });
}

int identity_open_secrets(struct identity **out, const char *dir, int64_t utc_us, char *error, size_t error_len)
{
	return open_some(out, OPEN_SECRETS, dir, NULL, utc_us, &(struct keyfile_error){ error, error_len, dir });
}

int identity_open_pins(struct identity **out, const char *dir, char *error, size_t error_len)
{
	return open_some(out, OPEN_PINS, dir, NULL, 0, &(struct keyfile_error){ error, error_len, dir });
}

void identity_close(struct identity *identity)
{
	if (!identity)
		return;
	assert(!identity->pending); /* the signers are closed first, which answers for all that wait */
	if (identity->apart)
		identity->apart->close(identity->apart);
	EVP_PKEY_free(identity->issuing_key);
	EVP_PKEY_free(identity->record_key);
	OPENSSL_secure_clear_free(identity, sizeof(*identity));
}

const uint8_t *identity_station_public(const struct identity *identity) { return identity->station_public; }
const uint8_t *identity_batch_key(const struct identity *identity) { return identity->batch_key; }
const char *identity_issuer_name(const struct identity *identity) { return identity->issuer_name; }
int64_t identity_issuer_not_after_us(const struct identity *identity) { return identity->not_after_us; }
const char *identity_kek_id(const struct identity *identity) { return identity->kek_id; }
const char *identity_record_key_id(const struct identity *identity) { return identity->record_key_id; }

int identity_agree(const void *ctx, const uint8_t peer[static 32], uint8_t shared[static 32])
{
	const struct identity *identity = ctx;

	if (identity->apart)
		return identity->apart->agree(identity->apart, peer, shared);
	return mr_x25519(identity->station_private, peer, shared) ? 0 : -MR_CAUSE_BAD_SIGNATURE;
}

const uint8_t *identity_issuer_der(const struct identity *identity, size_t *len)
{
	assert(identity->issuer_der_len > 0 && identity->issuer_der_len <= sizeof(identity->issuer_der));
	*len = identity->issuer_der_len;
	return identity->issuer_der;
}

/* Its own context for each call: the key itself is only read, which OpenSSL allows from any number of
 * threads. */
int identity_sign_record(void *ctx, const uint8_t hash[static 32], uint8_t *sig, size_t *sig_len)
{
	const struct identity *identity = ctx;
	struct entropy *paused;
	size_t len = SIGNATURE_MAX;
	EVP_PKEY_CTX *sign;
	bool ok;

	if (identity->apart)
		return identity->apart->sign_record(identity->apart, hash, sig, sig_len);
	/* How often it signs depends on the disk: a simulated run's numbers must not. */
	paused = entropy_lent_pause();
	sign = EVP_PKEY_CTX_new(identity->record_key, NULL);
	ok = sign && EVP_PKEY_sign_init(sign) == 1 && EVP_PKEY_sign(sign, sig, &len, hash, 32) == 1;
	entropy_lent_resume(paused);
	EVP_PKEY_CTX_free(sign);
	assert(identity->record_key && len <= SIGNATURE_MAX);
	*sig_len = ok ? len : 0;
	if (!ok)
		ERR_clear_error();
	return ok ? 0 : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

const char *identity_trouble(const struct identity *identity)
{
	return identity->apart ? identity->apart->trouble(identity->apart) : NULL;
}

int identity_record_public(const char *dir, uint8_t public_key[static 65], char key_id[24], char *error,
			   size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, dir };

	if (!keyfile_public_point(dir, "record.pub", public_key, &complaint))
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	if (key_id && !keyfile_id("record-", public_key, 65, key_id))
		return -MR_CAUSE_NO_MEMORY;
	return 0;
}

bool identity_record_verify(const uint8_t public_key[static 65], const uint8_t hash[static 32], const uint8_t *sig,
			    size_t sig_len)
{
	const uint8_t *at = sig;
	uint8_t raw[64];
	ECDSA_SIG *rs = sig_len <= SIGNATURE_MAX ? d2i_ECDSA_SIG(NULL, &at, (long)sig_len) : NULL;
	bool ok = rs && at == sig + sig_len && BN_bn2binpad(ECDSA_SIG_get0_r(rs), raw, 32) == 32 &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(rs), raw + 32, 32) == 32;

	ECDSA_SIG_free(rs);
	ERR_clear_error();
	return ok && mr_p256_verify(public_key, hash, raw);
}

bool identity_verify(const uint8_t public_key[static 65], const uint8_t hash[static 32], const uint8_t sig[static 64])
{
	return mr_p256_verify(public_key, hash, sig);
}
