/*
 * A device for the tests of the link: nothing but the wire's own functions, so that what the station says is judged by
 * the formats and not by the agent. Included by one test each.
 */
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/port/crypto.h"
#include "station/link/action.h"

/* Fill instead of real payloads: the link does not look into messages. */
#define WELCOME "lease"
#define STATUS "status of a device"

struct bench {
	struct action_station station;
	struct action_link link;
	uint8_t station_priv[32], station_pub[32], batch_key[32];
	uint64_t now_us;
	uint8_t message[MR_MESSAGE_MAX]; /* of the last event */
	size_t message_len;
	/* the device */
	uint8_t mac[6];
	uint8_t session_id[8], nonce[8];
	struct mr_noise noise;
	struct mr_noise_keys keys;
	uint8_t request[MR_FRAGMENTS_MAX * MR_FRAGMENT_MAX];
	size_t request_len[MR_FRAGMENTS_MAX];
	uint8_t have, fragments;
	uint16_t seq;
};

static inline int bench_agree(const void *private, const uint8_t peer[static 32], uint8_t shared[static 32])
{
	return mr_x25519(private, peer, shared) ? 0 : -MR_CAUSE_BAD_SIGNATURE;
}

static inline struct bench *bench_create(void)
{
	static const uint8_t session_id[8] = { 0x51, 0xd0, 3, 4, 5, 6, 7, 8 };
	struct bench *b = calloc(1, sizeof(*b));

	assert(b);
	memset(b->station_priv, 0x31, 32);
	memset(b->batch_key, 0x62, 32);
	assert(mr_x25519_public(b->station_priv, b->station_pub));
	memcpy(b->mac, (const uint8_t[6]){ 2, 0x4d, 0x52, 0, 0, 9 }, 6);
	memset(b->nonce, 0x77, 8);
	memcpy(b->station.mac, (const uint8_t[6]){ 2, 0x4d, 0x52, 0xff, 0, 1 }, 6);
	memset(b->station.station_id, 0x1d, 8);
	assert(mr_batch_keys(b->batch_key, b->station.call_key, b->station.batch_tag));
	b->station.agree = bench_agree;
	b->station.agree_ctx = b->station_priv;
	b->station.public_key = b->station_pub;
	b->station.batch_key = b->batch_key;
	b->station.lease_s = 30;
	b->now_us = 1000000;
	action_init(&b->link, &b->station, b->mac, session_id, b->nonce, 5180, 4000000, b->now_us);
	memcpy(b->session_id, session_id, 8);
	return b;
}

static inline void bench_destroy(struct bench *b)
{
	link_wipe(&b->link.base);
	free(b);
}

static inline uint32_t bench_session(const struct bench *b)
{
	struct mr_rd id = mr_rd_over(b->session_id, 8);

	return mr_rd_le32(&id);
}

/* Octets from the air: exact in size, so that a sanitizer sees one too many. */
static inline int bench_air(struct bench *b, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct mr_wr w = mr_wr_over(b->message, sizeof(b->message));
	struct mr_frame f;
	int event = ACTION_NOTHING;

	assert(copy);
	if (len)
		memcpy(copy, bytes, len);
	if (mr_frame_parse(mr_rd_over(copy, len), &f))
		event = action_receive(&b->link, &f, &w, b->now_us);
	b->message_len = w.bad ? 0 : w.len;
	free(copy);
	return event;
}

static inline size_t device_frame(struct bench *b, struct mr_frame *f, uint8_t out[static MR_FRAME_MAX])
{
	struct mr_wr w = mr_wr_over(out, MR_FRAME_MAX);
	bool ok;

	memcpy(f->header.receiver, b->station.mac, 6);
	memcpy(f->header.sender, b->mac, 6);
	ok = mr_frame_build(&w, f, b->station.call_key);
	assert(ok);
	return w.len;
}

static inline size_t device_handshake_1(struct bench *b, uint8_t out[static MR_FRAME_MAX])
{
	uint8_t prologue[MR_PROLOGUE_LEN], buf[256], e[32];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_frame f = { .type = MR_HANDSHAKE_1 };

	memset(e, 0x0e, 32);
	mr_noise_prologue(prologue, b->station.station_id, b->station.batch_tag, b->session_id, b->mac);
	assert(mr_noise_init(&b->noise, prologue, sizeof(prologue), b->station_pub));
	assert(mr_noise_write_1(&b->noise, b->batch_key, e, b->station_pub, mr_rd_over(STATUS, sizeof(STATUS)), &w));
	memcpy(f.handshake.session_id, b->session_id, 8);
	f.handshake.noise = mr_wr_written(&w);
	return device_frame(b, &f, out);
}

static inline size_t device_progress(struct bench *b, enum mr_progress_state state, uint16_t seq, uint8_t have,
				     uint16_t remaining_ms, uint8_t out[static MR_FRAME_MAX])
{
	struct mr_frame f = { .type = MR_PROGRESS,
			      .progress = { bench_session(b), seq, (uint8_t)state, have, remaining_ms } };

	return device_frame(b, &f, out);
}

/* Fragment `i` of a response of `len` octets. */
static inline size_t device_response(struct bench *b, uint16_t seq, const uint8_t *message, size_t len, unsigned i,
				     uint8_t out[static MR_FRAME_MAX])
{
	unsigned fragments = (unsigned)((len + MR_FRAGMENT_MAX - 1) / MR_FRAGMENT_MAX);
	size_t part = i + 1 < fragments ? MR_FRAGMENT_MAX : len - (fragments - 1) * (size_t)MR_FRAGMENT_MAX;
	uint8_t sealed[MR_FRAGMENT_MAX + MR_TAG_LEN], ad[2 + MR_DATA_HEADER_LEN];
	struct mr_frame f = {
		.type = MR_DATA,
		.data = { bench_session(b), seq, (uint8_t)i, (uint8_t)fragments, MR_DATA_RESPONSE, { 0 } }
	};

	mr_data_ad(&f.data, ad);
	assert(mr_noise_seal(b->keys.to_station, (uint64_t)seq * 16 + i, ad, sizeof(ad),
			     message + i * (size_t)MR_FRAGMENT_MAX, part, sealed));
	f.data.sealed = mr_rd_over(sealed, part + MR_TAG_LEN);
	return device_frame(b, &f, out);
}

/* What the device makes of a frame from the station: true when it is for it and true to its keys. */
static inline bool device_takes(struct bench *b, const uint8_t *bytes, size_t len)
{
	uint8_t welcome[64], ad[2 + MR_DATA_HEADER_LEN];
	struct mr_wr w = mr_wr_over(welcome, sizeof(welcome));
	struct mr_frame f;

	if (!mr_frame_parse(mr_rd_over(bytes, len), &f) || memcmp(f.header.receiver, b->mac, 6) != 0)
		return false;
	switch (f.type) {
	case MR_INVITE:
		return mr_frame_authentic(&f, b->station.call_key) && memcmp(f.invite.nonce, b->nonce, 8) == 0 &&
		       memcmp(f.invite.session_id, b->session_id, 8) == 0;
	case MR_HANDSHAKE_2:
		return memcmp(f.handshake.session_id, b->session_id, 8) == 0 &&
		       mr_noise_read_2(&b->noise, f.handshake.noise, &w, &b->keys) && w.len == sizeof(WELCOME) &&
		       memcmp(welcome, WELCOME, sizeof(WELCOME)) == 0;
	case MR_DATA:
		if (f.data.session != bench_session(b) || f.data.flags & MR_DATA_RESPONSE)
			return false;
		if (f.data.seq != b->seq) {
			b->seq = f.data.seq;
			b->have = 0;
		}
		mr_data_ad(&f.data, ad);
		if (!mr_noise_open(b->keys.to_device, (uint64_t)f.data.seq * 16 + f.data.fragment, ad, sizeof(ad),
				   f.data.sealed.at, f.data.sealed.left,
				   b->request + (size_t)f.data.fragment * MR_FRAGMENT_MAX))
			return false;
		b->request_len[f.data.fragment] = f.data.sealed.left - MR_TAG_LEN;
		b->fragments = f.data.fragments;
		b->have = (uint8_t)(b->have | 1u << f.data.fragment);
		return true;
	case MR_POLL: return f.poll.session == bench_session(b);
	case MR_CALL:
	case MR_HELLO:
	case MR_HANDSHAKE_1:
	case MR_PROGRESS: break;
	}
	return false;
}

/* --- the usual way, to get to where a test begins --- */

/* One frame from the link to the device and its report. 0: there was none. */
static inline size_t bench_send(struct bench *b, bool heard, bool acked)
{
	uint8_t frame[RADIO_FRAME_MAX], what = 0;
	size_t len = link_pull(&b->link.base, frame, false, &what, b->now_us);
	bool took;

	if (len == 0)
		return 0;
	if (heard) {
		took = device_takes(b, frame, len);
		assert(took);
	}
	link_sent(&b->link.base, what, acked, 1, b->now_us);
	return len;
}

static inline void bench_accept(struct bench *b)
{
	uint8_t e[32];
	int result;

	memset(e, 0x5e, 32);
	result = action_accept(&b->link, e, mr_rd_over(WELCOME, sizeof(WELCOME)), b->now_us);
	assert(result == 0);
}

static inline void bench_to_invited(struct bench *b)
{
	size_t len = bench_send(b, true, true);

	assert(len > 0 && b->link.state == ACTION_INVITED);
}

static inline void bench_to_answering(struct bench *b)
{
	uint8_t frame[RADIO_FRAME_MAX];
	size_t len;
	int event;

	bench_to_invited(b);
	len = device_handshake_1(b, frame);
	event = bench_air(b, frame, len);
	assert(event == ACTION_HANDSHAKE);
	bench_accept(b);
	assert(b->link.state == ACTION_ANSWERING);
}

static inline void bench_to_idle(struct bench *b)
{
	size_t len;

	bench_to_answering(b);
	len = bench_send(b, true, true);
	assert(len > 0 && b->link.state == ACTION_IDLE);
}

static inline void bench_ask(struct bench *b, const uint8_t *message, size_t len, uint64_t expect_us)
{
	int result = link_request(&b->link.base, mr_rd_over(message, len), expect_us, b->now_us);

	assert(result == 0 && b->link.state == ACTION_ASKING);
}

static inline void bench_to_waiting(struct bench *b, const uint8_t *message, size_t len, uint64_t expect_us)
{
	bench_to_idle(b);
	bench_ask(b, message, len, expect_us);
	while (bench_send(b, true, true))
		;
	assert(b->link.state == ACTION_WAITING);
}
