/*
 * EAPOL-Key frames of RSN: IEEE 802.11-2020 12.7.2 inside IEEE 802.1X-2010 11.3, and the key data they carry.
 * Big-endian, but for what is copied from 802.11 elements and packet numbers. Formats and their protection; the
 * handshakes are wpa.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"

#define EAPOL_ETHERTYPE 0x888e
#define EAPOL_KEY_LEN 99   /* 802.1X header 4, descriptor 95, no key data */
#define EAPOL_DATA_MAX 512 /* key data that we send or take, wrapped */
#define EAPOL_MAX (EAPOL_KEY_LEN + EAPOL_DATA_MAX)

enum eapol_type { EAPOL_EAP = 0, EAPOL_START = 1, EAPOL_LOGOFF = 2, EAPOL_KEY = 3 };

/* Key Information, figure 12-34 */
enum eapol_info {
	EAPOL_VERSION = 0x0007, /* of the descriptor: enum eapol_version */
	EAPOL_PAIRWISE = 0x0008,
	EAPOL_INSTALL = 0x0040,
	EAPOL_ACK = 0x0080,
	EAPOL_MIC = 0x0100,
	EAPOL_SECURE = 0x0200,
	EAPOL_ERROR = 0x0400,
	EAPOL_REQUEST = 0x0800,
	EAPOL_ENCRYPTED = 0x1000,
};

/* table 12-8 */
enum eapol_version {
	EAPOL_HMAC_SHA1 = 2, /* AKM 2 with CCMP: HMAC-SHA1-128 and AES key wrap */
	EAPOL_AES_CMAC = 3,  /* AKM 6: AES-128-CMAC and AES key wrap */
};

struct eapol_key {
	uint8_t protocol; /* version of 802.1X: 1 or 2; peers differ, nobody minds */
	uint16_t info;	  /* enum eapol_info */
	uint16_t key_len; /* of the pairwise temporal key: 16 in messages from the authenticator */
	uint64_t replay;
	uint8_t nonce[32];
	uint8_t rsc[8]; /* of the group key, little-endian: 6 octets of PN for CCMP */
	uint8_t mic[16];
	struct mr_rd data; /* as sent: wrapped when EAPOL_ENCRYPTED */
};

/* Versions of 802.1X in a header: peers differ, nobody minds; old access points know 1 alone. */
#define EAPOL_VERSION_1 1u
#define EAPOL_VERSION_2 2u
/* One whole 802.1X PDU; `body` NULL: it has none. */
void eapol_build(struct mr_wr *w, uint8_t protocol, enum eapol_type type, const struct mr_wr *body);
/* The type of an 802.1X PDU; below zero: it is none, or cut. Octets after its length are padding, and cut off `pdu`. */
int eapol_type(struct mr_rd *pdu);
/* False: no EAPOL-Key PDU of the RSN descriptor (2), cut, or longer than its length. */
bool eapol_key_parse(struct mr_rd pdu, struct eapol_key *out);
void eapol_key_build(struct mr_wr *w, const struct eapol_key *key); /* `key->mic` and `key->data` unchanged */
/* The same into an empty writer, with `data` wrapped when EAPOL_ENCRYPTED and a MIC when EAPOL_MIC. False: it does not
 * fit. */
bool eapol_key_seal(struct mr_wr *w, const struct eapol_key *key, const uint8_t *kck, const uint8_t *kek);
/* Of a PDU as received, padding cut off. False: of another descriptor version, or not true. */
bool eapol_verify(const uint8_t kck[static 16], struct mr_rd pdu);

/* --- key data, 12.7.2 (figure 12-36 on) --- */

struct eapol_data {
	struct mr_rd rsn;  /* body of the first RSN element; `at` NULL: none */
	struct mr_rd gtk;  /* 16 octets with CCMP; `at` NULL: none */
	uint8_t gtk_id;	   /* 1 to 3 */
	struct mr_rd igtk; /* 16 octets; `at` NULL: none */
	uint8_t igtk_id;   /* 4 or 5 */
	uint64_t ipn;
	uint8_t odd; /* elements that were skipped: cut, or keys with an impossible id or length */
};

/*
 * Of decrypted (or never encrypted) key data. What is whole is in `out`, what is odd is skipped and counted: whoever
 * needs a key or an element asks whether `out` has it. True: all of it was whole.
 */
bool eapol_data_parse(struct mr_rd data, struct eapol_data *out);
void eapol_put_gtk(struct mr_wr *w, uint8_t key_id, const uint8_t *gtk, size_t len); /* 16 octets, TKIP 32 */
void eapol_put_igtk(struct mr_wr *w, uint8_t key_id, uint64_t ipn, const uint8_t igtk[static 16]);

/* Pads and wraps key data for `out`, which takes EAPOL_DATA_MAX octets; their number, 0: too long. */
size_t eapol_wrap(const uint8_t kek[static 16], struct mr_rd plain, uint8_t *out);
/* Unwraps into `plain` (EAPOL_DATA_MAX octets); the number of octets, 0: not true. Padding is skipped by
 * eapol_data_parse. */
size_t eapol_unwrap(const uint8_t kek[static 16], struct mr_rd wrapped, uint8_t *plain);
