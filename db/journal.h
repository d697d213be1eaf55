/*
 * The record. One thread owns the SQLite connection and commits in groups; the caller submits records and
 * asks up to which ticket they are durable. A record is durable when the transaction that holds it is committed
 * with synchronous=FULL. Nothing here reads a clock: times are the caller's, microseconds since 1970 (UTC).
 *
 *	journal_open -> journal_begin (batch, units to resume) -> { journal_submit -> journal_durable } ... ->
 *		journal_close
 *
 * Ids (unit, attempt) are the caller's, counted on from what journal_begin gives, so that a simulated run repeats.
 * Texts and blobs in a record are copied by journal_submit. db/schema.sql is the documented form of the result.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

struct journal_blob {
	const void *at;
	size_t len;
};

enum journal_unit_state {
	UNIT_EXPECTED,
	UNIT_SEEN,
	UNIT_ACTIVE,
	UNIT_PASSED,
	UNIT_FAILED,
	UNIT_QUARANTINED,
	UNIT_HELD
};
enum journal_outcome {
	OUTCOME_PASS,
	OUTCOME_FAIL,
	OUTCOME_ERROR,
	OUTCOME_TIMEOUT,
	OUTCOME_ABORTED,
	OUTCOME_INTERRUPTED
};
enum journal_attempt_kind { ATTEMPT_FIRST, ATTEMPT_AUTO_RETRY, ATTEMPT_OPERATOR_RETRY, ATTEMPT_RESUME };
/* Of a two-phase write to a device. INTENT is durable before anything is sent. */
enum journal_phase { PHASE_INTENT, PHASE_PREPARED, PHASE_COMMITTED };

#define JOURNAL_WORD_MAX 32 /* octets of a word of a method: its name, its kind of link, its security, its secret */
#define JOURNAL_EVIDENCE_MAX 4096  /* octets of the evidence of a method */
#define JOURNAL_NO_TIME UINT32_MAX /* of a stage: the method has none such */

/* X(ENUM, struct name): one record kind each. Causes are numbers and names of agent/wire/cause.h, given as both. */
#define JOURNAL_RECORDS(X)                                                                                             \
	X(UNIT, unit)                                                                                                  \
	X(UNIT_STATE, unit_state)                                                                                      \
	X(ATTEMPT, attempt)                                                                                            \
	X(ATTEMPT_END, attempt_end)                                                                                    \
	X(STEP, step)                                                                                                  \
	X(MEASUREMENT, measurement)                                                                                    \
	X(IDENTITY, identity)                                                                                          \
	X(CERT_STATE, cert_state)                                                                                      \
	X(TRANSACTION, transaction)                                                                                    \
	X(RECEIPT, receipt)                                                                                            \
	X(SIGHTING, sighting)                                                                                          \
	X(RADIO, radio)                                                                                                \
	X(GUARD, guard)                                                                                                \
	X(LINK, link)                                                                                                  \
	X(DELIVERY, delivery)                                                                                          \
	X(NETWORK, network)                                                                                            \
	X(LABEL, label)                                                                                                \
	X(LABEL_STATE, label_state)                                                                                    \
	X(LABEL_SCAN, label_scan)                                                                                      \
	X(AUDIT, audit)                                                                                                \
	X(BATCH_END, batch_end)

struct journal_cause {
	int number;	  /* 0: none */
	const char *name; /* "no-answer" */
	const char *side; /* class name: "air", "device", ... */
};

/* a device is known for the first time */
struct journal_unit {
	int64_t unit;
	uint8_t device_id[8]; /* zeros: it has none, which only an agentless one may say */
	uint8_t mac[6];
	const char *product, *hw_rev, *firmware;
	bool agentless; /* a foreign device: no agent of ours answers, so it has no key, certificate or receipt */
	int64_t at_us;
};
struct journal_unit_state_change {
	int64_t unit;
	enum journal_unit_state state;
	struct journal_cause cause;
	int64_t at_us;
};
struct journal_attempt {
	int64_t attempt, unit;
	unsigned n; /* 1, 2, ... within the unit */
	enum journal_attempt_kind kind;
	const char *radio; /* name */
	uint16_t freq_mhz;
	int rssi_dbm;
	const char *method; /* the device's own, a word of the table of methods: "direct", ... */
	int64_t at_us;
};
/* a closed attempt never changes again */
struct journal_attempt_end {
	int64_t attempt;
	enum journal_outcome outcome;
	struct journal_cause cause;
	const char *step;   /* where it ended, NULL when passed */
	const char *detail; /* free text without secrets, may be NULL */
	int64_t at_us;
	uint32_t active_us, device_us, wait_radio_us, wait_ca_us, wait_journal_us;
	uint32_t frames_sent, frames_received, retries, octets;
};
struct journal_step {
	int64_t attempt;
	unsigned seq; /* 1, 2, ... within the attempt */
	const char *name;
	unsigned tries;
	int64_t at_us;
	uint32_t duration_us, device_us;
	enum journal_outcome outcome;
	struct journal_cause cause;
};
struct journal_measurement {
	int64_t attempt;
	const char *name;
	double value;
	const char *unit; /* may be "" */
	bool has_low, has_high;
	double low, high;
	bool passed;
};
/* before it is sent: serial, PIN and certificate are used for good */
struct journal_identity {
	int64_t unit, attempt;
	const char *serial;
	uint64_t transaction;
	struct journal_blob pin_sealed; /* empty: the job has no PIN */
	const char *pin_kind, *kek_id;
	uint8_t pin_lookup[32]; /* keyed HMAC: UNIQUE within the product */
	struct journal_blob pin_salt;
	uint32_t pin_iterations;
	struct journal_blob certificate; /* DER */
	const char *issuer, *serial_hex, *subject;
	uint8_t spki_sha256[32];
	int64_t not_before_us, not_after_us; /* INT64_MAX: no expiry */
	int64_t at_us;
};
enum journal_cert_state { CERT_ISSUED, CERT_INSTALLED, CERT_VERIFIED, CERT_REVOKED, CERT_VOID };
struct journal_cert_state_change {
	int64_t unit;
	enum journal_cert_state state;
	int64_t at_us;
};
struct journal_transaction {
	int64_t unit, attempt;
	uint64_t transaction;
	const char *operation; /* "identity", "credentials", "seal" */
	enum journal_phase phase;
	int64_t at_us;
};
/* evidence that the device is sealed; goes with the state PASSED */
struct journal_receipt {
	int64_t unit, attempt;
	uint64_t transaction;
	struct journal_blob receipt, challenge, signature;
	int64_t at_us;
};
struct journal_sighting { /* heard, but no unit (yet): strangers, refused ones, failures before identity.
			   * Again the same in one session: the counts add up */
	uint8_t mac[6];
	uint8_t device_id[8]; /* zeros: unknown */
	uint16_t freq_mhz;
	int rssi_dbm;
	const char *verdict; /* "stranger", "bad-handshake", ... */
	unsigned count;
	int64_t first_us, last_us;
};
/* totals of one radio in this session */
struct journal_radio {
	const char *radio, *path, *driver;
	uint8_t mac[6];
	bool simulated;
	uint64_t sent, acked, unacked, retries, received, dropped, garbage, switches, airtime_us;
	uint32_t switch_us;
};
struct journal_guard {
	const char *guard, *detail;
	int64_t at_us;
};
/* a link to a device has come up, through its own BSS or one of ours */
struct journal_link {
	int64_t attempt, unit;
	unsigned n;	    /* 1, 2, ... within the attempt */
	const char *method; /* "micro-ap", "pin", "https", ...: a word of the table of methods */
	const char *kind;   /* NULL: "ad-hoc" or "infrastructure", as ad_hoc says; else a method's own word */
	bool ad_hoc;
	uint8_t bssid[6];
	struct journal_blob ssid;
	uint16_t freq_mhz;
	const char *security; /* of the BSS: "open", "wpa2", "wpa2+pmf", ... */
	const char *secret;   /* "label", "record", "none", ...: where it came from */
	const char *cipher;   /* what protects requests and responses */
	bool has_certificate;
	uint8_t certificate_sha256[32];
	uint32_t join_us, address_us, connect_us, secure_us; /* JOURNAL_NO_TIME: no such stage */
	const char *evidence; /* what else the method saw, as in journal_delivery; NULL: nothing */
	int64_t at_us;
};
/* credentials have reached a device by a method of its own, not by our CREDENTIALS request */
struct journal_delivery {
	int64_t attempt, unit;
	const char *method;
	/* One object in JSON (RFC 8259, UTF-8), of the shape that docs/audit.md has for the method: what was proved,
	 * and what the device only said. Never a secret, nor what one can be guessed from. */
	const char *evidence;
	int64_t at_us;
};
enum journal_observed { OBSERVED_NO, OBSERVED_SEEN, OBSERVED_KEY_VERIFIED };
/* the network that a device was given, and how it is known to have joined it */
struct journal_network {
	int64_t attempt, unit;
	struct journal_blob ssid;
	const char *security;
	unsigned heard, candidates;
	bool picked; /* bssid, freq_mhz, rssi_dbm hold */
	uint8_t bssid[6];
	uint16_t freq_mhz;
	int rssi_dbm;
	const char *reason;
	bool joined; /* joined_us holds */
	uint32_t joined_us;
	enum journal_observed observed;
	bool reported;
	int64_t at_us;
};
/* a label is asked for; its unit has passed */
struct journal_label {
	int64_t label, unit;
	unsigned copy;	  /* 1, 2, ... of this unit and template; the one before is void by then */
	const char *kind; /* "file", "print" */
	const char *template;
	uint8_t digest[32];
	const char *key_id; /* NULL: the digest is a plain SHA-256 */
	const char *reason; /* of a reprint; NULL with copy 1 */
	const char *actor;
	int64_t at_us;
};
enum journal_label_state { LABEL_SENT, LABEL_PRINTED, LABEL_SCANNED, LABEL_VOID };
struct journal_label_state_change {
	int64_t label, unit;
	enum journal_label_state state;
	const char *actor;
	int64_t at_us;
};
/* read back from a unit */
struct journal_label_scan {
	int64_t scan;
	int64_t batch;		       /* the lot in hand */
	int64_t expected, unit, label; /* 0: not said; nobody's */
	const char *verdict;	       /* "right", "wrong-unit", ... of db/schema.sql */
	const char *actor;
	int64_t at_us;
};
/* one link of the hash chain, beside those that the journal adds by itself */
struct journal_audit {
	const char *actor, *action, *subject, *body;
	int64_t at_us;
};
struct journal_batch_end {
	const char *state; /* "done", "stopped", "interrupted" */
	uint64_t makespan_us, lower_bound_us;
	const char *policy;
	int64_t at_us;
};

struct journal_record {
	enum journal_record_kind {
#define JOURNAL_KIND(NAME, name) JOURNAL_##NAME,
		JOURNAL_RECORDS(JOURNAL_KIND)
#undef JOURNAL_KIND
	} kind;
	union {
		struct journal_unit unit;
		struct journal_unit_state_change unit_state;
		struct journal_attempt attempt;
		struct journal_attempt_end attempt_end;
		struct journal_step step;
		struct journal_measurement measurement;
		struct journal_identity identity;
		struct journal_cert_state_change cert_state;
		struct journal_transaction transaction;
		struct journal_receipt receipt;
		struct journal_sighting sighting;
		struct journal_radio radio;
		struct journal_guard guard;
		struct journal_link link;
		struct journal_delivery delivery;
		struct journal_network network;
		struct journal_label label;
		struct journal_label_state_change label_state;
		struct journal_label_scan label_scan;
		struct journal_audit audit;
		struct journal_batch_end batch_end;
	};
};

#define JOURNAL_KINDS (JOURNAL_BATCH_END + 1)

/*
 * Signs each commit (the station's P-256 key): DER ECDSA over `hash`, `sig` has room for 256 octets. Called on the
 * journal's thread, or on the caller's in journal_open and journal_begin; never twice at a time. 0, or non-zero: there
 * is no signature, and the journal fails as on a full disk.
 */
typedef int journal_sign_fn(void *ctx, const uint8_t hash[static 32], uint8_t *sig, size_t *sig_len);
/* Did a key of ours sign it, now or in former times? */
typedef bool journal_check_fn(void *ctx, const uint8_t hash[static 32], const uint8_t *sig, size_t len,
			      const char *key_id);

/* When the thread commits. The last two are for the virtual clock: what a killed station leaves on its disk is then the
 * same each time. */
enum journal_turn {
	JOURNAL_AT_ONCE,    /* as soon as there is something; what comes meanwhile is the next commit */
	JOURNAL_AWAITED,    /* when somebody waits: all that was submitted is one commit */
	JOURNAL_ONE_BY_ONE, /* journal_submit returns when the record is durable, alone in its commit */
};

struct journal_options {
	const char *path;
	bool simulated;		 /* marks the session; a database is either for simulated runs or for real ones */
	journal_sign_fn *sign;	 /* NULL: nothing is signed, which a record that is signed refuses */
	journal_check_fn *check; /* NULL: the last signature is not looked at before a new one is added */
	void *sign_ctx, *check_ctx;
	const char *sign_key_id;
	/* A folder for how far each record had come, beside the keys; it is made in an existing one. NULL: none. */
	const char *heads;
	const uint8_t *id; /* 16 octets for a record that is new; NULL: drawn */
	enum journal_turn turn;
};

/*
 * Opens or creates, migrates (after a backup beside it), checks application_id and version, starts the thread.
 * 0, or -(enum mr_cause) as a number with a sentence and remedy in `error`: foreign file, newer version, read-only,
 * locked by another station, simulated/real mix, damaged, not as stations left it, behind what is known outside it.
 */
int journal_open(struct journal **out, const struct journal_options *options, char *error, size_t error_len);

/* For `check`: would journal_open refuse what is at that path as not left so by stations? Changes nothing, and does not
 * look at every row. 0, or as journal_open. */
int journal_look(const struct journal_options *options, char *error, size_t error_len);

struct journal_batch {
	const char *lot, *product, *hw_rev, *work_order;
	unsigned quantity;
	struct journal_blob job; /* the exact bytes */
	uint8_t job_sha256[32];
	const char *job_path, *software, *policy, *operator;
	uint64_t seed; /* 0 on real radios */
	bool clock_ok, test;
	int64_t at_us;
};

/* A unit as the record has it, to go on from. Texts live until the callback returns. */
struct journal_resume {
	int64_t unit;
	uint8_t device_id[8]; /* zeros: it has none */
	uint8_t mac[6];
	bool agentless; /* as in journal_unit */
	enum journal_unit_state state;
	unsigned attempts;	/* begun, this batch */
	unsigned counted;	/* attempts that count against attempts.max (class air or device) */
	unsigned device_faults; /* of these, those of class device */
	const char *serial;	/* NULL: none yet */
	uint64_t identity_txn, credentials_txn, seal_txn; /* 0: none */
	enum journal_phase identity_phase, credentials_phase, seal_phase;
	struct journal_blob certificate;
	uint8_t spki_sha256[32];
	bool has_certificate, has_receipt;
	struct journal_blob pin_sealed; /* as in journal_identity */
	struct journal_blob pin_salt;
	uint32_t pin_iterations;
	bool same_batch; /* false: the device belongs to an earlier batch of this database */
	/* Attempts that have left a half of its PIN with somebody who did not prove it (measurement pin-halves-shown).
	 */
	unsigned pin_shown[2];
};
typedef void journal_resume_fn(void *ctx, const struct journal_resume *unit);

struct journal_start {
	int64_t batch, session;
	int64_t next_unit, next_attempt;
	uint64_t next_transaction; /* transaction ids only grow */
	bool resumed;		   /* the lot was there already, with the same job bytes */
	unsigned interrupted;	   /* open attempts that were closed as interrupted */
	unsigned passed;
};

/*
 * Starts a session of a batch, synchronously and durable: the lot is new, or it is there with the same job (resumed),
 * or -1 with a sentence in `error` (the lot exists with other job bytes). Open attempts of a dead session are closed as
 * interrupted. Then calls `unit` for every unit that this lot saw first; those of other lots are found below.
 */
int journal_begin(struct journal *journal, const struct journal_batch *batch, struct journal_start *start,
		  journal_resume_fn *unit, void *ctx, char *error, size_t error_len);

/* What a unit is found by. JOURNAL_BY_PIN: the lookup value of a PIN of the batch's product. */
enum journal_find {
	JOURNAL_BY_DEVICE_ID,
	JOURNAL_BY_MAC,
	JOURNAL_BY_SERIAL,
	JOURNAL_BY_PUBLIC_KEY, /* SHA-256 of its SubjectPublicKeyInfo, in a certificate that is not void */
	JOURNAL_BY_PIN,
	JOURNAL_FINDS
};
/*
 * Whose it was when this session began: the number of the unit, 0 for nobody's, or -1: the journal has failed. Units of
 * this session (from start.next_unit on) are never found, and what it gave to older ones may be found or not: the
 * caller looks into its own memory first. By an index, on the caller's thread: microseconds, or what the disk takes.
 */
int64_t journal_find(struct journal *journal, enum journal_find by, const void *key, size_t len);
/* Calls `unit` with a unit that journal_find has found. 0, or -1: the journal has failed. */
int journal_read(struct journal *journal, int64_t number, journal_resume_fn *unit, void *ctx);

/*
 * Queues a copy. The ticket counts from 1; a record that refers to another is submitted after it. 0: nothing was
 * queued. When journal_failed() is not NULL the journal has failed: stop admission, tell the operator. When
 * journal_check() (db/check.h) is not NULL the schema would refuse this record, and the journal goes on: end the unit
 * whose record this is with a cause, and with that half of a sentence as its detail. Else no memory is left.
 */
uint64_t journal_submit(struct journal *journal, const struct journal_record *record);
/* What is submitted from here to the release is in one commit, or nothing of it is on record. Nobody waits meanwhile.
 */
void journal_hold(struct journal *journal);
void journal_release(struct journal *journal);
/* The highest ticket that is durable with all before it. Never blocks. */
uint64_t journal_durable(const struct journal *journal);
/* Blocks until `ticket` is durable. 0, or -1: the journal has failed. */
int journal_wait(struct journal *journal, uint64_t ticket);
/* Readable after each commit and on failure; read 8 octets to clear (eventfd). */
int journal_fd(const struct journal *journal);
/* NULL while it works; else what happened and the remedy (disk full, constraint, I/O). After a failure nothing more
 * becomes durable: stop admission, tell the operator. */
const char *journal_failed(const struct journal *journal);
/* CPU time of the journal's thread so far, microseconds. */
uint64_t journal_cpu_us(const struct journal *journal);
/* Waits for what was submitted, ends the session as clean, closes. */
void journal_close(struct journal *journal);

/*
 * One row of the chain outside any session: an auditor opened a PIN. Durable when it returns 0; -1 with a sentence in
 * `error`: a station holds the database (it names it), or what journal_open refuses.
 */
int journal_note(const struct journal_options *options, const struct journal_audit *note, char *error,
		 size_t error_len);
