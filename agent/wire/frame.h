/*
 * The Millrace frames: vendor-specific action frames (IEEE 802.11-2020 9.6.5: category 127, OUI, then ours), as ESP-NOW
 * uses them. Not the public kind (category 4): there analysers take what follows the OUI for elements. Little-endian
 * as the rest of 802.11. docs/protocol.md is the text of this.
 *
 *   802.11 header   24 octets: frame control 0x00d0, duration 0, addr1 receiver, addr2 sender, addr3
 *                   ff:ff:ff:ff:ff:ff,
 *                   sequence control (number in bits 4 to 15, fragment 0)
 *   action          127, OUI 02-4D-52, version 1, type (enum mr_frame_type)
 *   body            by type
 *
 * 02-4D-52 has the "locally administered" bit: nobody owns it. A maker puts its own OUI or CID in MR_OUI.
 */
#pragma once

#include "agent/wire/cursor.h"

#define MR_OUI                                                                                                         \
	{                                                                                                              \
		0x02, 0x4d, 0x52                                                                                       \
	}
#define MR_VERSION 1
#define MR_FRAME_MAX 1400 /* whole MPDU without FCS */
#define MR_HEADER_LEN 24
#define MR_PREFIX_LEN 30     /* header, category, OUI, version, type */
#define MR_DATA_HEADER_LEN 9 /* session, seq, fragment, fragments, flags */
#define MR_TAG_LEN 16
#define MR_FRAGMENT_MAX (MR_FRAME_MAX - MR_PREFIX_LEN - MR_DATA_HEADER_LEN - MR_TAG_LEN) /* plaintext octets */
#define MR_FRAGMENTS_MAX 3  /* every fragment but the last carries MR_FRAGMENT_MAX octets exactly */
#define MR_MESSAGE_MAX 2048 /* octets of one message, either direction */

enum mr_frame_type {
	MR_CALL = 1,	    /* station -> all: who waits for this batch? and: I am here, or I leave */
	MR_HELLO = 2,	    /* device -> station, in a random slot after a CALL */
	MR_INVITE = 3,	    /* station -> device: begin a session, on this channel */
	MR_HANDSHAKE_1 = 4, /* device -> station: Noise NKpsk0 message 1 */
	MR_HANDSHAKE_2 = 5, /* station -> device: Noise NKpsk0 message 2 */
	MR_DATA = 6,	    /* both: one fragment of one message, one Noise transport message */
	MR_POLL = 7,	    /* station -> device: send (again) what is missing of response seq */
	MR_PROGRESS = 8,    /* device -> station: what is missing of request seq, or how long it still works */
};

enum mr_call_flags {
	MR_CALL_PRESENT = 1,   /* held answers may be sent now; without it: hold them until called or polled */
	MR_CALL_INVENTORY = 2, /* devices without a session answer with HELLO */
};

enum mr_data_flags {
	MR_DATA_RESPONSE = 1, /* from the device */
	MR_DATA_HOLD = 2,     /* the station leaves the channel: hold the answer until CALL (PRESENT) or POLL */
};

enum mr_progress_state {
	MR_PROGRESS_INCOMPLETE = 1,
	MR_PROGRESS_WORKING = 2,
	MR_PROGRESS_READY = 3,
	MR_PROGRESS_UNKNOWN = 4 /* no such session: the device restarted */
};

struct mr_frame_header {
	uint8_t receiver[6], sender[6];
	uint16_t sequence; /* 0..4095 */
};

/*
 * mac: HMAC-SHA256 under the call key of everything from `version` up to it, first 8 octets. The call key is
 * HKDF-SHA256(batch key, salt "", info "millrace call") (32 octets): strangers can't make a batch's devices answer.
 * batch_tag = HKDF-SHA256(batch key, "", "millrace batch tag") (8 octets): neighbours' devices stay silent.
 */
struct mr_call {
	uint8_t station_id[8]; /* first 8 octets of SHA-256 of the station's static public key */
	uint8_t batch_tag[8];
	uint64_t counter; /* grows with every CALL of this station; a device ignores older ones */
	uint8_t flags;	  /* enum mr_call_flags */
	uint16_t slots;	  /* devices answer in slot 0 .. slots-1, drawn at random; 0 without INVENTORY */
	uint16_t slot_us;
	uint8_t mac[8];
};

struct mr_hello {
	uint8_t batch_tag[8];
	uint8_t device_id[8];
	uint64_t counter; /* of the CALL that it answers: an old HELLO cannot be played again */
	uint8_t nonce[8]; /* fresh for each HELLO */
	uint8_t mac[8];	  /* as in mr_call */
};

struct mr_invite {
	uint8_t session_id[8]; /* random, from the station */
	uint8_t nonce[8];      /* of the HELLO: proves that the invitation is fresh */
	uint16_t freq_mhz;     /* channel of the session; 0: stay. Only channels of the device's plan are obeyed */
	uint16_t lease_s;      /* silence after which the device gives the session up */
	uint8_t mac[8];
};

/* Handshake frames: the session id, then the Noise message (rest of the frame). */
struct mr_handshake {
	uint8_t session_id[8];
	struct mr_rd noise;
};

/*
 * One fragment. `session` is the first 4 octets of the session id (as little-endian number). seq counts requests
 * from 1; the response carries its request's seq. A (direction, seq, fragment) is sealed once; what is sent again
 * is the same octets. Noise nonce n = seq * 16 + fragment; associated data = the octets from `version` to `flags`
 * with HOLD cleared (so that HOLD may change when a frame is sent again).
 */
struct mr_data {
	uint32_t session;
	uint16_t seq;
	uint8_t fragment, fragments; /* 0 .. fragments-1; 1 .. MR_FRAGMENTS_MAX */
	uint8_t flags;		     /* enum mr_data_flags */
	struct mr_rd sealed;	     /* ciphertext and tag */
};

/* Neither sealed nor trusted: all it can do is to have octets sent again that were sent before. */
struct mr_poll {
	uint32_t session;
	uint16_t seq;
	uint8_t have; /* bit i: the station has response fragment i */
};

struct mr_progress {
	uint32_t session;
	uint16_t seq;
	uint8_t state;	       /* enum mr_progress_state */
	uint8_t have;	       /* bit i: the device has request fragment i */
	uint16_t remaining_ms; /* guess of the work left, 0 unknown */
};

struct mr_frame {
	struct mr_frame_header header;
	enum mr_frame_type type;
	struct mr_rd authenticated; /* CALL, HELLO, INVITE: `version` up to the mac. DATA: `version` up to `flags` */
	union {
		struct mr_call call;
		struct mr_hello hello;
		struct mr_invite invite;
		struct mr_handshake handshake; /* both */
		struct mr_data data;
		struct mr_poll poll;
		struct mr_progress progress;
	};
};

/* One MPDU (no FCS). false: not ours, another version, malformed, longer than MR_FRAME_MAX or trailing octets;
 * drop it. The readers inside point into the frame. Macs are not checked here. */
bool mr_frame_parse(struct mr_rd in, struct mr_frame *out);
/* Builds the frame; CALL, HELLO and INVITE get their mac from `call_key` (32 octets; ignored by the other types). */
bool mr_frame_build(struct mr_wr *out, const struct mr_frame *frame, const uint8_t *call_key);
/* The 8-octet mac of a parsed CALL, HELLO or INVITE against the key; constant time. */
bool mr_frame_authentic(const struct mr_frame *frame, const uint8_t call_key[static 32]);
/* DATA header octets `version` .. `flags`, HOLD cleared, as associated data (2 + MR_DATA_HEADER_LEN octets). */
void mr_data_ad(const struct mr_data *data, uint8_t ad[static 2 + MR_DATA_HEADER_LEN]);

/* false: the crypto port failed; do not go on with what is in the outputs. */
bool mr_batch_keys(const uint8_t batch_key[static 32], uint8_t call_key[static 32], uint8_t batch_tag[static 8]);
