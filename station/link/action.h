/*
 * The link to one device over action frames: the Noise session, fragments, and what is sent again. docs/protocol.md.
 * The station asks, the device answers; one request at a time. The link is pulled, as link.h has it.
 *
 *	action_init -> link_pull (INVITE) -> ACTION_HANDSHAKE -> action_accept ->
 *		{ link_request -> link_pull ... ACTION_RESPONSE } -> link_wipe
 *
 * Bytes and time in, frames and a deadline out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/frame.h"
#include "agent/wire/message.h"
#include "agent/wire/noise.h"
#include "station/link/link.h"

enum action_state {
	ACTION_INVITING,  /* INVITE has to be sent: the device begins */
	ACTION_INVITED,	  /* it has the INVITE and computes message 1 */
	ACTION_ANSWERING, /* message 2 has to be sent */
	ACTION_IDLE,	  /* there is a session, nothing is asked */
	ACTION_ASKING,	  /* request fragments to be sent */
	ACTION_WAITING,	  /* the device works on it */
};

enum action_event {
	ACTION_NOTHING,
	ACTION_HANDSHAKE, /* message 1 decrypted: look at `message`, then action_accept */
	ACTION_RESPONSE,  /* a whole response is in `message` */
	ACTION_RESTARTED, /* the device no longer knows this session */
};

/* What all links of a station share. */
struct action_station {
	uint8_t mac[6], station_id[8], batch_tag[8], call_key[32];
	/* X25519 of the station's static key, wherever that is, with a peer's. 0; -MR_CAUSE_BAD_SIGNATURE: no secret
	 * comes of it; another -(cause): not now. */
	int (*agree)(const void *ctx, const uint8_t peer[static 32], uint8_t shared[static 32]);
	const void *agree_ctx;
	const uint8_t *public_key, *batch_key; /* 32 octets each */
	uint16_t sequence;		       /* 802.11 sequence number, per transmitter address */
	uint16_t lease_s;
};

/* Layout is ours. Contains secrets. Placed in the session. */
struct action_link {
	struct link base;
	struct action_station *station;
	uint8_t peer[6], session_id[8], hello_nonce[8];
	uint16_t steer_mhz;
	enum action_state state;
	struct mr_noise *noise; /* during the handshake only */
	struct mr_noise_keys keys;
	uint8_t *out; /* handshake 2, or the sealed request: kept to be sent again */
	uint16_t out_len[MR_FRAGMENTS_MAX];
	uint8_t *in; /* opened response fragments, MR_FRAGMENT_MAX apart */
	uint16_t in_len[MR_FRAGMENTS_MAX];
	uint16_t seq;
	uint8_t fragments, to_send, in_air; /* bit per fragment */
	uint8_t lost;			    /* reported as not acknowledged, not yet sent again */
	uint8_t in_fragments, have;
	bool poll;	    /* a POLL has to be sent */
	unsigned polls;	    /* sent in this session */
	unsigned strange;   /* the poll to which the device said UNKNOWN; 0: none */
	uint64_t asked_us;  /* the last request fragment was acknowledged */
	uint64_t expect_us; /* predicted work of the device for this request */
	uint64_t silent_us; /* patience used up while the radio was there */
	uint64_t wait_us;   /* of the wait that ends at the deadline: what is silence, and not the device's work */
	uint64_t deadline_us;
};

void action_init(struct action_link *link, struct action_station *station, const uint8_t peer[static 6],
		 const uint8_t session_id[static 8], const uint8_t hello_nonce[static 8], uint16_t steer_mhz,
		 uint64_t patience_us, uint64_t now_us);

/* The number that DATA frames carry. */

/*
 * A frame from the device: HANDSHAKE_1, DATA or PROGRESS of this session. The event's message is written to
 * `message` (MR_MESSAGE_MAX octets) and stays the caller's to wipe. Frames that do not fit the state or do not decrypt
 * give ACTION_NOTHING. Below zero: -(enum mr_cause), the session is over.
 */
int action_receive(struct action_link *link, const struct mr_frame *frame, struct mr_wr *message, uint64_t now_us);

/* After ACTION_HANDSHAKE: message 2 with `payload`; `e`: 32 random octets. 0 or -(cause). */
int action_accept(struct action_link *link, const uint8_t e[static 32], struct mr_rd payload, uint64_t now_us);
