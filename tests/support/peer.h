/*
 * The least that is a station: speaks to one board, holds what it heard, decides nothing. Made of agent/wire alone.
 */
#pragma once

#include "tests/support/board.h"

struct peer {
	struct board *board;
	uint8_t s_priv[32], s_pub[32], batch_key[32];
	uint8_t call_key[32], batch_tag[8], station_id[8], mac[6];
	uint64_t counter, random_state;
	uint16_t lease_s;

	struct mr_hello hello; /* the last one heard */
	uint8_t session_id[8];
	struct mr_noise_keys keys;
	uint8_t introduction[512]; /* payload of message 1 */
	size_t introduction_len;
	uint16_t seq;
	uint8_t answer[MR_MESSAGE_MAX]; /* plaintext of the last response */
	struct mr_message response;	/* points into `answer` */
	struct board_frame raw;		/* the last response as it came */
	struct board_frame handshake_2; /* as it was sent */
	struct mr_progress progress;	/* the last one heard */
};

/* `seed` makes the keys. The batch key is given: it is what tells batches apart. */
void peer_make(struct peer *p, uint64_t seed, const uint8_t batch_key[static 32]);
void peer_random(struct peer *p, void *out, size_t len);

size_t peer_build_call(struct peer *p, uint8_t flags, uint16_t slots, uint16_t slot_us, uint8_t *frame);
size_t peer_build_invite(struct peer *p, uint16_t freq_mhz, uint8_t *frame);
size_t peer_build_poll(struct peer *p, uint16_t seq, uint8_t have, uint8_t *frame);
/* One fragment of a request, sealed. */
size_t peer_build_data(struct peer *p, const void *message, size_t len, uint16_t seq, uint8_t fragment, uint8_t flags,
		       uint8_t *frame);

/* CALL, and the HELLO that comes of it. false: silence. */
bool peer_meets(struct peer *p);
/* From CALL to transport keys. false: it stopped on the way. */
bool peer_connects(struct peer *p);
/* Answers a message 1 that was taken from the board; false: it does not open. */
bool peer_accepts(struct peer *p, const struct board_frame *handshake_1);
/* Takes what the board sends within `us`, until a whole response to request `seq` is there. */
bool peer_hears(struct peer *p, uint64_t us);
/* Sends the request and waits for the response. false: none came. */
bool peer_asks(struct peer *p, const struct mr_wr *request);
