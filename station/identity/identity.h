/*
 * The factory's keys and what is made with them: certificates (IEEE 802.1AR IDevID; RFC 5280), the station's Noise
 * key, batch keys, the key that seals PINs, the key that signs the record. A folder of files, made by `millrace ca
 * init`; private files have mode 0600 or 0400 and belong to the user, or nothing is opened.
 *
 *   root.crt root.key(offline)  issuing.crt issuing.key  station.key(X25519) batch/<name>.key  pin.key
 *                               record.key/.pub
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/base/reach.h"
#include "station/base/entropy.h"

#define IDENTITY_CERT_MAX 900 /* MR_AT_CERTIFICATE's longest */
/* 2024-01-01: a clock before that was never set, one of thirty years later neither. */
#define IDENTITY_CLOCK_MIN_US INT64_C(1704067200000000)
#define IDENTITY_CLOCK_MAX_US (IDENTITY_CLOCK_MIN_US + INT64_C(30) * 365 * 86400 * 1000000)

#define IDENTITY_SERIAL_MAX 32
#define IDENTITY_NAME_MAX 64	 /* octets of O and of CN: ub-organization-name, ub-common-name of RFC 5280 */
#define IDENTITY_SUBJECT_MAX 256 /* a subject as text, escaped as in RFC 4514 */

struct identity;

/* `error` receives what is missing or wrong, as one sentence with file and remedy. `utc_us`: for expiry. 0 or -(cause).
 */
int identity_open(struct identity **out, const char *dir, const char *batch_key, int64_t utc_us, char *error,
		  size_t error_len);
void identity_close(struct identity *identity); /* wipes; ends the process of identity_part */

/*
 * For a station, in two steps: what it may hold itself (certificates, public keys, and the batch key, which every
 * device has too), then a process of its own for station.key and the CA's, the record's and the PINs' keys, whose files
 * this process never opens. To be called before the first thread and the first frame. docs/keys.md.
 */
int identity_open_public(struct identity **out, const char *dir, const char *batch_key, int64_t utc_us, char *error,
			 size_t error_len);

#define SIGNER_WORD "signer" /* the argument with which the program is run as that process */
/* What is executed anew, so that the process has nothing of this one's memory. Weak and NULL, where there is no main.c
 * that knows the word, as in tests: the process is a fork. */
const char *signer_program(void);
enum signer_channel {
	SIGNER_LINE,	     /* PINs and labels: one request, one answer */
	SIGNER_CERTIFICATES, /* up to SIGNER_WINDOW requests at a time */
	SIGNER_RECORD,	     /* the journal's thread */
	SIGNER_CHANNELS
};

#define SIGNER_MS 2000 /* of patience; chosen: a loaded machine may let a process wait for some 100 ms */
struct identity_profile;
#define SIGNER_START_MS 20000u /* chosen: a machine may be busy when a station starts */

struct identity_apart {
	const char *dir;
	int64_t utc_us;
	const struct identity_profile *profile; /* certificates of this profile are signed, and no others */
	const char *product;			/* PINs of this product are sealed and opened, and no others */
	bool simulated; /* draws from `seed` and `label`, so that a run repeats; else the kernel's octets */
	uint64_t seed;
	const char *label;
	unsigned patience_ms; /* for an answer; then the process is ended, for good */
	unsigned start_ms;    /* until it has opened its keys, when no device waits yet; 0: SIGNER_START_MS */
	/* For tests: who sits at the other end of the channels instead, in the new process. Does not return. */
	void (*stand_in)(const int channels[static SIGNER_CHANNELS]);
};
/* 0; or -(cause), `error` says which file or what else is in the way. */
int identity_part(struct identity *identity, const struct identity_apart *how, char *error, size_t error_len);
/* NULL: the keys are at hand; else why they will not be in this run again, as half a sentence. */
const char *identity_trouble(const struct identity *identity);
/* What the process could not have of its protections, as half a sentence ("" : all of them); NULL: there is no process.
 */
const char *identity_apart_note(const struct identity *identity);
int identity_apart_pid(const struct identity *identity); /* 0: none */
/* The program as that process, its channels at descriptors 3 and up. Gives an exit status where nobody has started it
 * so. */
int signer_main(void);

/* X25519 of station.key with a peer's public key. 0; -MR_CAUSE_BAD_SIGNATURE: no secret comes of it; another -(cause):
 * the key is not at hand. `identity`: a struct identity. */
int identity_agree(const void *identity, const uint8_t peer[static 32], uint8_t shared[static 32]);
const uint8_t *identity_station_public(const struct identity *identity); /* 32; after identity_part */
const uint8_t *identity_batch_key(const struct identity *identity);	 /* 32 */
const char *identity_issuer_name(const struct identity *identity);	 /* CN of the issuing CA */
const uint8_t *identity_issuer_der(const struct identity *identity, size_t *len);
int64_t identity_issuer_not_after_us(const struct identity *identity);
const char *identity_kek_id(const struct identity *identity);
const char *identity_record_key_id(const struct identity *identity);
/* journal_sign_fn, ctx is the struct identity; room for 72. Any thread may call it while others use the identity. */
int identity_sign_record(void *identity, const uint8_t hash[static 32], uint8_t *sig, size_t *sig_len);

/*
 * The signer seam: to-be-signed octets in, an ECDSA signature (DER) later. signer_file.c: the CA key in this process,
 * answers before signer_sign returns; signer_apart.c: in the signer's process, answers through the loop, on the virtual
 * clock at once; signer_slow.c: an emulated HSM (one session, a fixed time per signature) before either, for planning.
 */
typedef void signer_done_fn(void *ctx, int result, const uint8_t *sig, size_t sig_len); /* result 0 or -(cause) */
struct signer {
	/* 0: `done` is or will be called, once; below zero: it is not. `tbs` is copied when needed later. */
	int (*sign)(struct signer *signer, const uint8_t *tbs, size_t len, signer_done_fn *done, void *ctx);
	void (*close)(struct signer *signer); /* answers what it still holds with -(MR_CAUSE_STOPPED); frees */
	const char *kind;		      /* "file", "apart", "slow" */
};
struct loop;
struct signer *signer_create(struct identity *identity, struct loop *loop); /* where the keys are: here, or apart */
struct signer *signer_create_file(struct identity *identity);
struct signer *signer_create_slow(struct identity *identity, struct loop *loop, uint32_t signature_us);

/* A device's request: PKCS #10 (RFC 2986). The subject in it is ignored; possession, key type and curve are checked. */
struct identity_csr {
	uint8_t public_key[65]; /* 0x04 first */
	uint8_t spki_sha256[32];
};
int identity_csr_check(const uint8_t *der, size_t len, struct identity_csr *out); /* 0 or -(cause) */

/* certificate: of the job */
struct identity_profile {
	const char *organization;    /* O; NULL: none */
	const char *common_name;     /* CN, the product */
	int64_t validity_s;	     /* 0: no expiry, 99991231235959Z (RFC 5280 section 4.1.2.5) */
	bool subject_key_identifier; /* default off, as 802.1AR prefers */
	const char *hw_type_oid;     /* hardwareModuleName (RFC 4108) when set */
};
struct identity_certificate {
	uint8_t der[IDENTITY_CERT_MAX];
	size_t len;
	char serial_hex[41];		     /* as `openssl x509 -serial` prints it */
	char subject[IDENTITY_SUBJECT_MAX];  /* O=Acme, CN=AC-100, serialNumber=AC10000001 */
	int64_t not_before_us, not_after_us; /* INT64_MAX: none */
};
/* NULL, or what is wrong with it as half a sentence: for pre-flight, so that no device meets it. */
const char *identity_profile_wrong(const struct identity_profile *profile);
/* Builds the TBS, has it signed, calls back with the finished certificate (or NULL and the cause). The certificate
 * serial number is 128 random bits from `entropy`, positive. Below zero: refused, and `done` is not called. */
typedef void identity_issued_fn(void *ctx, int result, const struct identity_certificate *certificate);
int identity_issue(struct identity *identity, struct signer *signer, struct entropy *entropy,
		   const struct identity_profile *profile, const struct identity_csr *csr, const char *serial,
		   int64_t utc_us, identity_issued_fn *done, void *ctx);
/* The owner of `ctx` waits no more: certificates under way for `ctx` are dropped when their signature arrives. */
void identity_issue_forget(struct identity *identity, void *ctx);

/* PINs. `pin` has room for IDENTITY_PIN_MAX. */
#define IDENTITY_PIN_MAX 17
/* Rounds of PBKDF2 for a PIN. A device names its own: a million is a second of the station's time, more would be an
 * attack. */
#define IDENTITY_PIN_ITERATIONS_MIN 1000u
#define IDENTITY_PIN_ITERATIONS_MAX 1000000u
struct pin_policy {
	unsigned digits;     /* 6 to 16; 8 with the WPS checksum as last digit */
	bool wps_checksum;   /* WSC 2.0.5 section 7.4.1 */
	uint32_t iterations; /* PBKDF2, 1000 or more */
};
/* Rejection sampling; refuses weak ones (one digit repeated, runs, the published defaults). */
void pin_generate(struct entropy *entropy, const struct pin_policy *policy, char pin[static IDENTITY_PIN_MAX]);
bool pin_is_weak(const char *pin);
/* AES-256-GCM under pin.key, associated data product, serial and kind. Sealed: IV 12, ciphertext, tag 16. The IV is of
 * `entropy`, or of the process that has the key. */
#define PIN_SEALED_MAX (12 + IDENTITY_PIN_MAX + 16)
int pin_seal(const struct identity *identity, struct entropy *entropy, const char *product, const char *serial,
	     const char *pin, uint8_t out[static PIN_SEALED_MAX], size_t *len);
int pin_open(const struct identity *identity, const char *product, const char *serial, const uint8_t *sealed,
	     size_t len, char pin[static IDENTITY_PIN_MAX]);
/* Keyed: equal PINs of one product give equal values, and nobody without pin.key can try the digits. */
int pin_lookup(const struct identity *identity, const char *product, const char *pin, uint8_t out[static 32]);
/* Of what a label's code says, for the record: keyed, because a PIN may be part of it. */
int pin_label_digest(const struct identity *identity, const char *text, size_t len, uint8_t out[static 32]);
/*
 * RFC 9383 section 3.2: w0 (32) and L (65), what the device stores. w0s and w1s are the halves, 40 octets each and
 * big-endian, of PBKDF2-HMAC-SHA256 over len(PIN) PIN len(idProver) idProver len(idVerifier) idVerifier, lengths as
 * 8 octets little-endian. The prover knows the PIN: the station, IDENTITY_PROVER; the verifier is the device: `serial`.
 */
#define IDENTITY_PROVER "millrace station"
int pin_verifier(const char *pin, const char *serial, const uint8_t salt[static 16], uint32_t iterations,
		 uint8_t w0[static 32], uint8_t l[static 65]);
/* What the station needs for an exchange with that device: w0 and w1. `salt`: 16 to 32 octets. Wipe them after use. */
/* The same in two steps, for whoever has PBKDF2 done elsewhere: its input, then its 80 octets. 0 or -(cause). */
#define PIN_TEXT_MAX 128
int pin_prover_text(const char *pin, const char *serial, uint8_t text[static PIN_TEXT_MAX], size_t *len);
int pin_prover_scalars(const uint8_t halves[static 80], uint8_t w0[static 32], uint8_t w1[static 32]);
int pin_prover(const char *pin, const char *serial, const uint8_t *salt, size_t salt_len, uint32_t iterations,
	       uint8_t w0[static 32], uint8_t w1[static 32]);

/* Serial numbers: from a pattern such as "AC1{07}" (a counter of 7 digits) or from a list. */
struct serial_pool;
/* `first`: where the counter starts. NULL with a sentence in `error`. */
struct serial_pool *serial_pool_pattern(const char *pattern, uint64_t first, char *error, size_t error_len);
/* One serial a line, or the first column of a CSV with the header "serial". */
struct serial_pool *serial_pool_file(const struct reach *reach, const char *path, char *error, size_t error_len);
/* The same from memory; `name` is used for the file in errors, which read `name:line: what`. */
struct serial_pool *serial_pool_text(const char *name, const char *bytes, size_t len, char *error, size_t error_len);
/* 1 to IDENTITY_SERIAL_MAX characters of A-Z a-z 0-9 . _ - */
bool serial_is_valid(const char *serial);
/* The next one; NULL: none is left. Lives until the next call. */
const char *serial_pool_peek(struct serial_pool *pool);
/* The same, and goes on behind it. */
const char *serial_pool_take(struct serial_pool *pool);
uint64_t serial_pool_left(const struct serial_pool *pool);
void serial_pool_destroy(struct serial_pool *pool);

/* The station's checks of a device's signatures: raw r || s over the hash. */
bool identity_verify(const uint8_t public_key[static 65], const uint8_t hash[static 32], const uint8_t sig[static 64]);

/*
 * For auditors, who hold the folder's public part only: record.pub and its key id (NULL: not wanted); then, for each
 * anchor, its DER signature over `hash`.
 */
int identity_record_public(const char *dir, uint8_t public_key[static 65], char key_id[24], char *error,
			   size_t error_len);
bool identity_record_verify(const uint8_t public_key[static 65], const uint8_t hash[static 32], const uint8_t *sig,
			    size_t sig_len);
/* For auditors too: pin.key alone, to open PINs. Everything but pin_open, pin_lookup,
 * pin_label_digest and the key id is absent in it. */
int identity_open_pins(struct identity **out, const char *dir, char *error, size_t error_len);

/* The P-256 public key of a certificate that we issued, from the record. 0 or -(cause). */
int identity_certificate_key(const uint8_t *der, size_t len, uint8_t public_key[static 65]);
