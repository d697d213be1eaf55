/*
 * What station and device say to each other inside a session: a request and its response.
 *
 *   request    operation (u8), attributes
 *   response   operation | 0x80 (u8), cause (u16 le, enum mr_cause; 0 ok), busy_us (u32 le: how long the device
 *              worked on it, by its own clock), attributes
 *   attribute  id (u8), length (u16 le), value
 *
 * Unknown attributes are skipped, so that newer peers keep working; a known one twice is malformed.
 */
#pragma once

#include "agent/wire/cursor.h"

/* X(NAME, number, "name"): the request, what the device does. All are idempotent: a repeated one answers the same. */
#define MR_OPERATIONS(X)                                                                                               \
	X(STATUS, 1, "status")		 /* device description, stage, open transaction */                             \
	X(SELFTEST, 2, "selftest")	 /* runs the board's self-test: SELFTEST_ITEM, one per item */                 \
	X(KEY, 3, "key")		 /* ENTROPY -> makes the key pair if there is none -> CSR */                   \
	X(IDENTITY, 4, "identity")	 /* prepare: TXN, SERIAL, CERTIFICATE, ISSUER, PIN_* -> DIGEST */              \
	X(CREDENTIALS, 5, "credentials") /* prepare: TXN, SSID, SECURITY, PASSPHRASE; or TXN, ISSUE -> DIGEST */       \
	X(COMMIT, 6, "commit")		 /* TXN -> STAGE: the prepared values are now the device's */                  \
	X(VERIFY, 7, "verify")		 /* CHALLENGE -> DIGEST over all committed values, SIGNATURE */                \
	X(SEAL, 8, "seal")		 /* TXN, CHALLENGE -> locks the device; RECEIPT, SIGNATURE */                  \
	X(FINISH, 9, "finish")		 /* VERDICT: the record is durable; show it and go silent */                   \
	X(NETWORKS, 10, "networks")	 /* SSID (optional, those first) -> NETWORK, one each; none: ask again */      \
	X(JOIN, 11, "join")		 /* TXN of CREDENTIALS, BSSID -> STA_ADDRESS; joins when that has left */

enum mr_operation {
#define MR_OPERATION_ENUM(name, number, text) MR_OP_##name = number,
	MR_OPERATIONS(MR_OPERATION_ENUM)
#undef MR_OPERATION_ENUM
};

/* X(NAME, id, shortest, longest in octets) */
#define MR_ATTRIBUTES(X)                                                                                               \
	X(DEVICE_ID, 1, 8, 8)                                                                                          \
	X(PRODUCT, 2, 1, 32)                                                                                           \
	X(HW_REV, 3, 0, 16)                                                                                            \
	X(FIRMWARE, 4, 0, 32)                                                                                          \
	X(STAGE, 5, 1, 1) /* enum mr_stage bits */                                                                     \
	X(SERIAL, 6, 1, 32)                                                                                            \
	X(TXN, 7, 8, 8)		  /* transaction id; 0 is none */                                                      \
	X(TXN_OPERATION, 8, 1, 1) /* of a prepared, not yet committed transaction */                                   \
	X(KEY_ID, 9, 32, 32)	  /* SHA-256 of the public key's SubjectPublicKeyInfo */                               \
	X(CHALLENGE, 10, 32, 32)                                                                                       \
	X(SIGNATURE, 11, 64, 64)    /* ECDSA P-256 SHA-256, r || s */                                                  \
	X(CSR, 12, 64, 700)	    /* PKCS #10, DER */                                                                \
	X(CERTIFICATE, 13, 64, 900) /* the device's, DER */                                                            \
	X(ISSUER, 14, 64, 900)	    /* the issuing CA's, DER */                                                        \
	X(PIN_SALT, 15, 16, 32)                                                                                        \
	X(PIN_ITERATIONS, 16, 4, 4)                                                                                    \
	X(PIN_W0, 17, 32, 32) /* RFC 9383 section 3.2: the verifier is w0 and L */                                     \
	X(PIN_L, 18, 65, 65)                                                                                           \
	X(SSID, 19, 1, 32)                                                                                             \
	X(SECURITY, 20, 1, 1)	 /* enum mr_security */                                                                \
	X(PASSPHRASE, 21, 8, 64) /* 8..63 characters, or 64 hexadecimal digits */                                      \
	X(DIGEST, 22, 32, 32)                                                                                          \
	X(RECEIPT, 23, 32, 160)                                                                                        \
	X(SELFTEST_ITEM, 24, 6, 40) /* index u8, passed u8, value i32 le, name */                                      \
	X(ENTROPY, 25, 32, 32)                                                                                         \
	X(VERDICT, 26, 1, 1)	    /* enum mr_verdict */                                                              \
	X(RESTARTS, 27, 4, 4)	    /* power cycles counted by the device */                                           \
	X(NETWORK, 28, 10, 42)	    /* struct mr_network; repeated, strongest first */                                 \
	X(JOIN, 29, 15, 15)	    /* struct mr_join; absent: never tried */                                          \
	X(AP_PASSPHRASE, 30, 8, 63) /* of the device's own access point; printable */                                  \
	X(BSSID, 31, 6, 6)                                                                                             \
	X(STA_ADDRESS, 32, 6, 6) /* that the device joins networks from */                                             \
	X(PROTOCOL, 33, 1, 1)	 /* MR_PROTOCOL: what STATUS signs; absent: 1 */                                       \
	X(ISSUE, 34, 8, 8)	 /* u64 le: of a sealed broadcast (sealed.h), in place of what it carries */

enum mr_attribute {
#define MR_ATTRIBUTE_ENUM(name, id, shortest, longest) MR_AT_##name = id,
	MR_ATTRIBUTES(MR_ATTRIBUTE_ENUM)
#undef MR_ATTRIBUTE_ENUM
		MR_AT_COUNT
};

#define MR_PROTOCOL 2 /* 1 signed the binding alone in STATUS: no station takes that any more */

enum mr_stage { MR_STAGE_KEY = 1, MR_STAGE_IDENTITY = 2, MR_STAGE_CREDENTIALS = 4, MR_STAGE_SEALED = 8 };
enum mr_security {
	MR_SECURITY_OPEN = 0,
	MR_SECURITY_WPA2 = 1,
	MR_SECURITY_WPA3 = 2,
	MR_SECURITY_OTHER = 0xff
}; /* OTHER: in scan lists only */
enum mr_verdict {
	MR_VERDICT_NONE = 0,
	MR_VERDICT_PASS = 1,
	MR_VERDICT_RETRY = 2,
	MR_VERDICT_FAIL = 3,
	MR_VERDICT_QUARANTINE = 4
};

#define MR_SELFTEST_ITEMS_MAX 8

struct mr_selftest_item {
	uint8_t index;
	bool passed;
	int32_t value;
	char name[35]; /* printable ASCII, ends with NUL */
};

/* One network that the device hears: bssid, freq_mhz le16, rssi_dbm i8, security u8, SSID (the rest). */
#define MR_NETWORKS_MAX 16
#define MR_SSID_MAX 32
struct mr_network {
	uint8_t bssid[6];
	uint16_t freq_mhz;
	int8_t rssi_dbm;
	uint8_t security;	   /* enum mr_security; both WPA2 and WPA3: WPA2 */
	uint8_t ssid_len;	   /* 0: hidden */
	uint8_t ssid[MR_SSID_MAX]; /* any octets */
};

/* How the last JOIN went: state u8, cause le16, bssid, freq_mhz le16, took_ms le32. */
enum mr_join_state { MR_JOIN_IDLE = 0, MR_JOIN_JOINING = 1, MR_JOIN_JOINED = 2, MR_JOIN_FAILED = 3 };
struct mr_join {
	uint8_t state;	   /* enum mr_join_state */
	uint16_t cause;	   /* FAILED: why, enum mr_cause */
	uint8_t bssid[6];  /* zeros: not known (yet) */
	uint16_t freq_mhz; /* 0: not known (yet) */
	uint32_t took_ms;  /* from leaving the own access point to the end of the 4-way handshake, or to giving up */
};

struct mr_message {
	uint8_t operation; /* enum mr_operation, without the response bit */
	bool response;
	uint16_t cause;			 /* responses */
	uint32_t busy_us;		 /* responses */
	struct mr_rd value[MR_AT_COUNT]; /* at == NULL: absent. SELFTEST_ITEM, NETWORK: use items, networks */
	bool has[MR_AT_COUNT];
	struct mr_rd before_signature; /* responses: the attributes before SIGNATURE, where that is the last one */
	size_t item_count, network_count;
	struct mr_selftest_item items[MR_SELFTEST_ITEMS_MAX];
	struct mr_rd networks[MR_NETWORKS_MAX]; /* values, for mr_network_read: a device's stack is small */
};

/* false: malformed (cut, a length outside the table, unknown operation, a known attribute twice except SELFTEST_ITEM
 * and NETWORK, or one of these more often than there is room). */
bool mr_message_parse(struct mr_rd in, struct mr_message *out);

/* Builders: a head, then attributes one by one. `w->bad` tells at the end that it did not fit. */
void mr_request_begin(struct mr_wr *w, enum mr_operation operation);
/* The cause and busy_us of a response are filled by mr_response_end. `w` must be empty: the response is its first. */
void mr_response_begin(struct mr_wr *w, enum mr_operation operation);
#define MR_RESPONSE_HEAD_LEN 7 /* octets: operation, cause, busy_us */
void mr_response_end(struct mr_wr *w, uint16_t cause, uint32_t busy_us);
void mr_attribute_add(struct mr_wr *w, enum mr_attribute id, const void *value, size_t len);
void mr_attribute_add_u8(struct mr_wr *w, enum mr_attribute id, uint8_t value);
void mr_attribute_add_u32(struct mr_wr *w, enum mr_attribute id, uint32_t value);
void mr_attribute_add_u64(struct mr_wr *w, enum mr_attribute id, uint64_t value);
void mr_selftest_item_add(struct mr_wr *w, const struct mr_selftest_item *item);
void mr_network_add(struct mr_wr *w, const struct mr_network *network);
void mr_join_add(struct mr_wr *w, const struct mr_join *join);
/* The value of a NETWORK or JOIN attribute. false: not of that length. */
bool mr_network_read(struct mr_rd value, struct mr_network *out);
bool mr_join_read(struct mr_rd value, struct mr_join *out);

const char *mr_operation_name(uint8_t operation); /* "unknown" for numbers outside the table */

/*
 * The payload of handshake message 2: lease_s le16, utc_us le64 (microseconds since 1970, for boards that keep a
 * clock). Octets after them are for newer peers.
 */
#define MR_WELCOME_LEN 10
struct mr_welcome {
	uint16_t lease_s;
	uint64_t utc_us;
};
bool mr_welcome_parse(struct mr_rd in, struct mr_welcome *out);
void mr_welcome_build(struct mr_wr *w, const struct mr_welcome *welcome);

/*
 * The digests and signatures, the same on both ends. Every field, the label included, is preceded by its length
 * (u16 le); a value that is absent is an empty field. txn: the 8 octets of the attribute.
 *   identity digest     SHA-256("millrace identity", txn, serial, certificate, issuer, salt, iterations le32, w0, L,
 *                       access point's passphrase)
 *   credentials digest  SHA-256("millrace credentials", txn, ssid, security u8, passphrase)
 *   state digest        SHA-256("millrace state", stage u8, identity digest, credentials digest)
 *   verify hash         SHA-256("millrace verify", binding, challenge, state digest): signed by the device key
 *   receipt             version 1 (u8), batch_tag 8, device_id 8, stage u8, txn 8, state digest 32, restarts le32,
 *                       serial (u8 length first)
 *   receipt hash        SHA-256("millrace receipt", challenge, receipt): signed by the device key
 *   status hash         SHA-256("millrace status 2", binding, challenge, all attributes of the response before
 *                       SIGNATURE, which is the last): signed by the device key if it has one
 * binding: 32 octets that only the two ends of this channel share, so that a signature serves in no other: Noise's
 * handshake hash; the TLS exporter (RFC 9266); that of the PIN's key; SHA-256("millrace wpa2", SSID, passphrase) of
 * what WPA2's handshake began with. The digests are over what the device READ BACK from its storage. Digests cover
 * secrets: they stay inside the session and never go on record in clear (the station keeps HMAC results only).
 */
struct mr_digest_field {
	const void *bytes;
	size_t len;
};
#define MR_DIGEST_FIELDS_MAX 9
/* SHA-256 over `label` and the fields, each with its length. false: longer than MR_MESSAGE_MAX in all, more than
 * MR_DIGEST_FIELDS_MAX fields, or the crypto port failed. */
bool mr_digest(uint8_t out[static 32], const char *label, const struct mr_digest_field *fields, size_t count);
