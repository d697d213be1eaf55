/*
 * What an opened folder of keys is made of. Only station/identity looks inside.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "station/identity/identity.h"

#define KEY_ID_MAX 24	 /* "record-", 16 hexadecimal digits, NUL */
#define SIGNATURE_MAX 72 /* ECDSA on P-256: SEQUENCE of two INTEGERs of up to 33 octets */

/* RFC 5758 section 3.2: ecdsa-with-SHA256, no parameters. */
static const uint8_t ecdsa_with_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
/* RFC 5480 section 2.1: id-ecPublicKey, prime256v1, and the BIT STRING up to the point. */
static const uint8_t p256_spki[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
				     0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };

struct issue;

/*
 * The private keys where another process holds them (signer_process.c). Each call but `signer` waits for its answer,
 * for the patience of identity_part at the longest; results are those of the functions of identity.h that it serves.
 * `sign_record` may be called by one other thread, the rest by the owner of the identity.
 */
struct apart {
	int (*seal)(struct apart *apart, const char *product, const char *serial, const char *pin,
		    uint8_t out[static PIN_SEALED_MAX], size_t *len);
	int (*open)(struct apart *apart, const char *product, const char *serial, const uint8_t *sealed, size_t len,
		    char pin[static IDENTITY_PIN_MAX]);
	int (*lookup)(struct apart *apart, const char *product, const char *pin, uint8_t out[static 32]);
	int (*digest)(struct apart *apart, const char *text, size_t len, uint8_t out[static 32]);
	int (*agree)(struct apart *apart, const uint8_t peer[static 32], uint8_t shared[static 32]);
	int (*sign_record)(struct apart *apart, const uint8_t hash[static 32], uint8_t *sig, size_t *sig_len);
	struct signer *(*signer)(struct apart *apart, struct loop *loop);
	const char *(*trouble)(struct apart *apart); /* NULL: it answers */
	void (*close)(struct apart *apart);
};

struct identity {
	uint8_t station_public[32], batch_key[32];
	uint8_t station_private[32];
	/* Subkeys of pin.key (HKDF), so that what seals is not what looks up. */
	uint8_t pin_seal_key[32], pin_lookup_key[32], label_key[32];
	char kek_id[KEY_ID_MAX], record_key_id[KEY_ID_MAX];
	EVP_PKEY *issuing_key, *record_key;
	/* Where not NULL, the private keys above, but the batch key, are not here but there. */
	struct apart *apart;

	/* Of the issuing CA's certificate, as DER ready to be copied into a device's. */
	uint8_t issuer_der[IDENTITY_CERT_MAX];
	size_t issuer_der_len;
	uint8_t issuer_subject[320];
	size_t issuer_subject_len;
	uint8_t issuer_key_id[32];
	size_t issuer_key_id_len;
	char issuer_name[IDENTITY_NAME_MAX + 1];
	int64_t not_before_us, not_after_us;

	struct issue *pending; /* waiting for their signature */
};

struct keyfile_error;
/* record.key, which must belong to record.pub. */
bool identity_open_record_key(struct identity *identity, const char *dir, const struct keyfile_error *error);
/* The subkeys and the key id from the 32 octets of pin.key. */
bool pin_derive(const uint8_t pin_key[static 32], struct identity *identity);

/* The other half of identity_open_public: what a signer holds, and nothing that speaks with devices. 0 or -(cause). */
int identity_open_secrets(struct identity **out, const char *dir, int64_t utc_us, char *error, size_t error_len);

/* To be signed: exactly what identity_issue writes for this issuer and profile, within the issuer's validity. */
bool identity_tbs_fits(const struct identity *identity, const struct identity_profile *profile, const uint8_t *tbs,
		       size_t len);
