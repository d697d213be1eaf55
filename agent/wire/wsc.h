/*
 * Messages of Wi-Fi Simple Configuration 2.0 (WSC, "WPS"): attributes, keys, commitments to the PIN, encrypted
 * settings, credentials. Formats for both ends; the machines are agent/core/wsc_enrollee.h and
 * station/method/wps_registrar.h, and eap.h carries the messages. Section numbers are those of the Wi-Fi Simple
 * Configuration Technical Specification 2.0.5.
 *
 * A message is its attributes from Version on: type and length (both u16 be), value. Unknown attributes are skipped; a
 * length that runs past the end spoils the whole message. The Authenticator is the last attribute of a message, the Key
 * Wrap Authenticator the last one inside Encrypted Settings.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/port/crypto_wsc.h"
#include "agent/wire/cursor.h"

#define MR_WSC_NONCE_LEN 16
#define MR_WSC_HASH_LEN 32
#define MR_WSC_KEY_LEN MR_MODP1536_LEN
#define MR_WSC_TEXT_MAX 32 /* name, model, serial number */
#define MR_WSC_MANUFACTURER_MAX 64
#define MR_WSC_MESSAGE_MAX 1024 /* of ours and of theirs: M1 and M2 of hostap take about 400 */
#define MR_WSC_SETTINGS_MAX 512 /* plain, with Key Wrap Authenticator and padding */
#define MR_WSC_PIN_MAX 8
#define MR_WSC_AUTHORIZED_MAX 5
#define MR_WSC_WALK_US 120000000u /* walk time, of a PIN as of a button: section 6.10 */

/* Section 12, the attributes that we speak: name, id, fewest and most octets. */
#define MR_WSC_ATTRIBUTES(X)                                                                                           \
	X(ASSOCIATION_STATE, 0x1002, 2, 2)                                                                             \
	X(AUTHENTICATION_TYPE, 0x1003, 2, 2)                                                                           \
	X(AUTHENTICATION_FLAGS, 0x1004, 2, 2)                                                                          \
	X(AUTHENTICATOR, 0x1005, 8, 8)                                                                                 \
	X(CONFIG_METHODS, 0x1008, 2, 2)                                                                                \
	X(CONFIG_ERROR, 0x1009, 2, 2)                                                                                  \
	X(CONNECTION_FLAGS, 0x100d, 1, 1)                                                                              \
	X(CREDENTIAL, 0x100e, 0, 512)                                                                                  \
	X(ENCRYPTION_TYPE, 0x100f, 2, 2)                                                                               \
	X(ENCRYPTION_FLAGS, 0x1010, 2, 2)                                                                              \
	X(DEVICE_NAME, 0x1011, 0, 32)                                                                                  \
	X(PASSWORD_ID, 0x1012, 2, 2)                                                                                   \
	X(E_HASH1, 0x1014, 32, 32)                                                                                     \
	X(E_HASH2, 0x1015, 32, 32)                                                                                     \
	X(E_SNONCE1, 0x1016, 16, 16)                                                                                   \
	X(E_SNONCE2, 0x1017, 16, 16)                                                                                   \
	X(ENCRYPTED_SETTINGS, 0x1018, 32, MR_WSC_SETTINGS_MAX + 16)                                                    \
	X(ENROLLEE_NONCE, 0x101a, 16, 16)                                                                              \
	X(KEY_WRAP_AUTHENTICATOR, 0x101e, 8, 8)                                                                        \
	X(MAC_ADDRESS, 0x1020, 6, 6)                                                                                   \
	X(MANUFACTURER, 0x1021, 0, 64)                                                                                 \
	X(MESSAGE_TYPE, 0x1022, 1, 1)                                                                                  \
	X(MODEL_NAME, 0x1023, 0, 32)                                                                                   \
	X(MODEL_NUMBER, 0x1024, 0, 32)                                                                                 \
	X(NETWORK_INDEX, 0x1026, 1, 1)                                                                                 \
	X(NETWORK_KEY, 0x1027, 0, 64)                                                                                  \
	X(OS_VERSION, 0x102d, 4, 4)                                                                                    \
	X(PUBLIC_KEY, 0x1032, 190, MR_WSC_KEY_LEN) /* old peers leave zeros in front out */                            \
	X(REGISTRAR_NONCE, 0x1039, 16, 16)                                                                             \
	X(REQUEST_TYPE, 0x103a, 1, 1)                                                                                  \
	X(RESPONSE_TYPE, 0x103b, 1, 1)                                                                                 \
	X(RF_BANDS, 0x103c, 1, 1)                                                                                      \
	X(R_HASH1, 0x103d, 32, 32)                                                                                     \
	X(R_HASH2, 0x103e, 32, 32)                                                                                     \
	X(R_SNONCE1, 0x103f, 16, 16)                                                                                   \
	X(R_SNONCE2, 0x1040, 16, 16)                                                                                   \
	X(SELECTED_REGISTRAR, 0x1041, 1, 1)                                                                            \
	X(SERIAL_NUMBER, 0x1042, 0, 32)                                                                                \
	X(STATE, 0x1044, 1, 1)                                                                                         \
	X(SSID, 0x1045, 0, 32)                                                                                         \
	X(UUID_E, 0x1047, 16, 16)                                                                                      \
	X(UUID_R, 0x1048, 16, 16)                                                                                      \
	X(VERSION, 0x104a, 1, 1)                                                                                       \
	X(SELECTED_METHODS, 0x1053, 2, 2)                                                                              \
	X(DEVICE_TYPE, 0x1054, 8, 8)                                                                                   \
	X(SETUP_LOCKED, 0x1057, 1, 1)

enum mr_wsc_attribute {
#define MR_WSC_ENUM(name, id, min, max) MR_WSC_##name,
	MR_WSC_ATTRIBUTES(MR_WSC_ENUM)
#undef MR_WSC_ENUM
		MR_WSC_COUNT
};

/* Message Type, table 34. */
enum mr_wsc_type {
	MR_WSC_M1 = 4,
	MR_WSC_M2,
	MR_WSC_M2D,
	MR_WSC_M3,
	MR_WSC_M4,
	MR_WSC_M5,
	MR_WSC_M6,
	MR_WSC_M7,
	MR_WSC_M8,
	MR_WSC_ACK,
	MR_WSC_NACK,
	MR_WSC_DONE
};

/* Configuration Error, table 34: what a NACK or M2D says. */
enum mr_wsc_error {
	MR_WSC_NO_ERROR = 0,
	MR_WSC_DECRYPTION = 2,
	MR_WSC_MULTIPLE_PBC = 12,
	MR_WSC_ROGUE = 13,
	MR_WSC_DEVICE_BUSY = 14,
	MR_WSC_LOCKED = 15,
	MR_WSC_MESSAGE_TIMEOUT = 16,
	MR_WSC_SESSION_TIMEOUT = 17,
	MR_WSC_PASSWORD = 18, /* one half of the PIN is another */
};

enum mr_wsc_password { MR_WSC_PIN = 0, MR_WSC_BUTTON = 4, MR_WSC_REGISTRAR_PIN = 5 }; /* Device Password ID */
enum mr_wsc_request { MR_WSC_ENROLLEE_INFO, MR_WSC_ENROLLEE, MR_WSC_REGISTRAR, MR_WSC_MANAGER }; /* Request Type */
enum mr_wsc_state { MR_WSC_UNCONFIGURED = 1, MR_WSC_CONFIGURED = 2 };

/* Config Methods, bit by bit; version 2 names the virtual and the physical form. */
#define MR_WSC_LABEL 0x0004u
#define MR_WSC_DISPLAY 0x2008u
#define MR_WSC_PUSH_BUTTON 0x0280u
#define MR_WSC_KEYPAD 0x0100u
#define MR_WSC_ANY_BUTTON 0x0080u

#define MR_WSC_OPEN 0x0001u	/* Authentication Type */
#define MR_WSC_WPA2_PSK 0x0020u /* the same */
#define MR_WSC_NONE 0x0001u	/* Encryption Type */
#define MR_WSC_AES 0x0008u

/* A message or the content of an element. Values point into it; `at` NULL: it is not there. Layout is ours. */
struct mr_wsc {
	struct mr_rd value[MR_WSC_COUNT];
	struct mr_rd authorized; /* AuthorizedMACs of the WFA extension, 6 octets each */
	uint8_t version2;	 /* 0x20; 0: a peer of version 1 */
	bool wants_to_enroll;	 /* Request to Enroll */
	size_t unsigned_len;	 /* octets before the Authenticator */
};

/* false: cut, an attribute of impossible length, or something behind the Authenticator. Nothing of it is to be used. */
bool mr_wsc_parse(struct mr_rd in, struct mr_wsc *out);
/* Message Type; 0: none. */
uint8_t mr_wsc_type(const struct mr_wsc *message);
/* A number of 1, 2 or 4 octets; `otherwise` when it is not there. */
uint32_t mr_wsc_number(const struct mr_wsc *message, enum mr_wsc_attribute which, uint32_t otherwise);
/* Is that attribute there, with those octets? Public values only. */
bool mr_wsc_is(const struct mr_wsc *message, enum mr_wsc_attribute which, const void *value, size_t len);
/* 190 to 192 octets as 192; false: there is none. */
bool mr_wsc_public_key(const struct mr_wsc *message, uint8_t out[static MR_WSC_KEY_LEN]);
/* "m1", "m2d", "nack": for logs. */
const char *mr_wsc_type_name(uint8_t type);

void mr_wsc_put(struct mr_wr *w, enum mr_wsc_attribute which, const void *value, size_t len);
void mr_wsc_put_number(struct mr_wr *w, enum mr_wsc_attribute which, uint32_t value);
/* Version and Message Type, which every message begins with. */
void mr_wsc_begin(struct mr_wr *w, enum mr_wsc_type type);
/* The WFA extension (0x1049): Version2, then AuthorizedMACs and Request to Enroll where given. */
void mr_wsc_put_version2(struct mr_wr *w, const uint8_t *authorized, size_t authorized_count, bool enroll);

/* --- who one is --- */

struct mr_wsc_device {
	uint8_t uuid[16];
	const char *manufacturer, *model_name, *model_number, *serial, *name; /* an empty one is sent as one space */
	uint8_t device_type[8];
	uint16_t methods; /* MR_WSC_LABEL, ... or-ed */
	uint8_t rf_bands; /* 1: 2.4 GHz, 2: 5 GHz */
	uint32_t os_version;
};

/* What M1 and M2 have alike, in the order of section 7: `state` 0: left out (M2). */
void mr_wsc_put_abilities(struct mr_wr *w, const struct mr_wsc_device *device, uint8_t state);
/* Manufacturer to Device Name. */
void mr_wsc_put_names(struct mr_wr *w, const struct mr_wsc_device *device);
/* A UUID that is the same each time for a device of ours: version 8 (RFC 9562 section 5.8), SHA-256 over its address.
 */
bool mr_wsc_uuid(const uint8_t mac[static 6], uint8_t out[static 16]);

/* --- keys, section 7.3 --- */

/* Secrets: wiped by their owner. */
struct mr_wsc_keys {
	uint8_t auth[32], wrap[16], emsk[32];
};

/* `shared` as mr_modp1536 gives it. `mac` is the enrollee's, of M1. */
bool mr_wsc_derive(const uint8_t shared[static MR_WSC_KEY_LEN], const uint8_t enrollee_nonce[static 16],
		   const uint8_t mac[static 6], const uint8_t registrar_nonce[static 16], struct mr_wsc_keys *keys);
/* The halves of the PIN under that key; the first half has the odd digit. */
bool mr_wsc_psk(const struct mr_wsc_keys *keys, const char *pin, size_t pin_len, uint8_t psk1[static 16],
		uint8_t psk2[static 16]);
/* E-Hash and R-Hash: the commitment to one half. */
bool mr_wsc_commit(const struct mr_wsc_keys *keys, const uint8_t snonce[static 16], const uint8_t psk[static 16],
		   const uint8_t enrollee_key[static MR_WSC_KEY_LEN],
		   const uint8_t registrar_key[static MR_WSC_KEY_LEN], uint8_t out[static MR_WSC_HASH_LEN]);

/* Ends a message: Version2, and the Authenticator over `previous`, the last message of the other side, and this one. */
void mr_wsc_sign(struct mr_wr *w, const struct mr_wsc_keys *keys, struct mr_rd previous);
/* Is the Authenticator of `message`, parsed from `octets`, true? */
bool mr_wsc_verify(const struct mr_wsc *message, struct mr_rd octets, const struct mr_wsc_keys *keys,
		   struct mr_rd previous);

/* Appends Encrypted Settings with what `plain` holds. `plain` grows by Key Wrap Authenticator and padding and is then
 * wiped. */
void mr_wsc_put_settings(struct mr_wr *w, const struct mr_wsc_keys *keys, const uint8_t iv[static 16],
			 struct mr_wr *plain);
/* Decrypts into `plain` (MR_WSC_SETTINGS_MAX octets of room, the caller's to wipe). false: not true, or none. */
bool mr_wsc_open_settings(const struct mr_wsc *message, const struct mr_wsc_keys *keys, uint8_t *plain,
			  struct mr_wsc *out);

/* --- credentials, section 7.2.2 --- */

struct mr_wsc_credential {
	uint8_t ssid[32], ssid_len;
	uint16_t authentication;  /* MR_WSC_OPEN or MR_WSC_WPA2_PSK */
	uint16_t encryption;	  /* MR_WSC_NONE or MR_WSC_AES */
	uint8_t key[64], key_len; /* passphrase, or 64 hexadecimal digits: a secret */
	uint8_t mac[6];
};

/* To a STA: inside attribute Credential. To an access point: its attributes as they are. */
void mr_wsc_put_credential(struct mr_wr *w, const struct mr_wsc_credential *credential, bool to_access_point);
/* The first of M8's settings that is open or WPA2-PSK with AES and whole; WEP, TKIP and others are passed over. false:
 * none. */
bool mr_wsc_credential(struct mr_rd settings, struct mr_wsc_credential *out);
