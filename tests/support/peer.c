#include "tests/support/peer.h"

#include <assert.h>
#include <string.h>

#include "agent/port/crypto.h"

void peer_random(struct peer *p, void *out, size_t len)
{
	uint8_t *at = out;

	for (size_t i = 0; i < len; i++) {
		uint64_t z = p->random_state += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		at[i] = (uint8_t)(z >> 56);
	}
}

void peer_make(struct peer *p, uint64_t seed, const uint8_t batch_key[static 32])
{
	static const uint8_t mac[] = { 0x02, 0x4d, 0x52, 0xff, 0, 1 };
	uint8_t hash[32];

	memset(p, 0, sizeof(*p));
	p->random_state = seed;
	p->lease_s = 30;
	memcpy(p->mac, mac, 6);
	memcpy(p->batch_key, batch_key, 32);
	peer_random(p, p->s_priv, 32);
	assert(mr_x25519_public(p->s_priv, p->s_pub) && mr_sha256(p->s_pub, 32, hash));
	memcpy(p->station_id, hash, 8);
	assert(mr_batch_keys(p->batch_key, p->call_key, p->batch_tag));
}

static size_t build(struct peer *p, struct mr_frame *f, uint8_t *frame)
{
	static const uint8_t everyone[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct mr_wr w = mr_wr_over(frame, MR_FRAME_MAX);
	bool ok;

	memcpy(f->header.receiver, f->type == MR_CALL ? everyone : p->board->config.mac, 6);
	memcpy(f->header.sender, p->mac, 6);
	ok = mr_frame_build(&w, f, p->call_key);
	assert(ok);
	return w.len;
}

size_t peer_build_call(struct peer *p, uint8_t flags, uint16_t slots, uint16_t slot_us, uint8_t *frame)
{
	struct mr_frame f = { .type = MR_CALL,
			      .call = { .counter = ++p->counter, .flags = flags, .slots = slots, .slot_us = slot_us } };

	memcpy(f.call.station_id, p->station_id, 8);
	memcpy(f.call.batch_tag, p->batch_tag, 8);
	return build(p, &f, frame);
}

size_t peer_build_invite(struct peer *p, uint16_t freq_mhz, uint8_t *frame)
{
	struct mr_frame f = { .type = MR_INVITE, .invite = { .freq_mhz = freq_mhz, .lease_s = p->lease_s } };

	memcpy(f.invite.session_id, p->session_id, 8);
	memcpy(f.invite.nonce, p->hello.nonce, 8);
	return build(p, &f, frame);
}

static uint32_t session(const struct peer *p)
{
	struct mr_rd in = mr_rd_over(p->session_id, 4);

	return mr_rd_le32(&in);
}

size_t peer_build_poll(struct peer *p, uint16_t seq, uint8_t have, uint8_t *frame)
{
	struct mr_frame f = { .type = MR_POLL, .poll = { .session = session(p), .seq = seq, .have = have } };

	return build(p, &f, frame);
}

size_t peer_build_data(struct peer *p, const void *message, size_t len, uint16_t seq, uint8_t fragment, uint8_t flags,
		       uint8_t *frame)
{
	const uint8_t *from = message;
	size_t at = (size_t)fragment * MR_FRAGMENT_MAX;
	size_t n = len - at < MR_FRAGMENT_MAX ? len - at : MR_FRAGMENT_MAX;
	uint8_t sealed[MR_FRAGMENT_MAX + MR_TAG_LEN], ad[2 + MR_DATA_HEADER_LEN];
	struct mr_frame f = { .type = MR_DATA,
			      .data = { .session = session(p),
					.seq = seq,
					.fragment = fragment,
					.flags = flags,
					.fragments = (uint8_t)((len + MR_FRAGMENT_MAX - 1) / MR_FRAGMENT_MAX),
					.sealed = mr_rd_over(sealed, n + MR_TAG_LEN) } };
	bool ok;

	mr_data_ad(&f.data, ad);
	ok = mr_noise_seal(p->keys.to_device, (uint64_t)seq * 16 + fragment, ad, sizeof(ad), from + at, n, sealed);
	assert(ok);
	return build(p, &f, frame);
}

static bool parse(const struct peer *p, const struct board_frame *raw, struct mr_frame *out)
{
	return mr_frame_parse(mr_rd_over(raw->bytes, raw->len), out) && mr_equal(out->header.receiver, p->mac, 6) &&
	       mr_equal(out->header.sender, p->board->config.mac, 6);
}

bool peer_meets(struct peer *p)
{
	uint8_t frame[MR_FRAME_MAX];
	struct mr_frame f;
	const struct board_frame *raw;

	board_hear(p->board, frame, peer_build_call(p, MR_CALL_PRESENT | MR_CALL_INVENTORY, 4, 500, frame));
	if (!board_wait(p->board, 4 * 500))
		return false;
	raw = board_take(p->board, true);
	if (!parse(p, raw, &f) || f.type != MR_HELLO || !mr_frame_authentic(&f, p->call_key))
		return false;
	p->hello = f.hello;
	return true;
}

bool peer_accepts(struct peer *p, const struct board_frame *handshake_1)
{
	uint8_t prologue[MR_PROLOGUE_LEN], e[32], welcome[MR_WELCOME_LEN], two[128];
	struct mr_wr introduction = mr_wr_over(p->introduction, sizeof(p->introduction));
	struct mr_wr w = mr_wr_over(welcome, sizeof(welcome)), message = mr_wr_over(two, sizeof(two));
	struct mr_frame f;
	struct mr_noise noise;

	if (!parse(p, handshake_1, &f) || f.type != MR_HANDSHAKE_1 ||
	    !mr_equal(f.handshake.session_id, p->session_id, 8))
		return false;
	mr_noise_prologue(prologue, p->station_id, p->batch_tag, p->session_id, f.header.sender);
	if (!mr_noise_init(&noise, prologue, sizeof(prologue), p->s_pub) ||
	    !mr_noise_read_1(&noise, p->batch_key, p->s_priv, f.handshake.noise, &introduction))
		return false;
	p->introduction_len = introduction.len;
	peer_random(p, e, sizeof(e));
	mr_welcome_build(&w, &(struct mr_welcome){ .lease_s = p->lease_s, .utc_us = 1760000000000000 });
	if (!mr_noise_write_2(&noise, e, mr_wr_written(&w), &message, &p->keys))
		return false;
	f = (struct mr_frame){ .type = MR_HANDSHAKE_2 };
	memcpy(f.handshake.session_id, p->session_id, 8);
	f.handshake.noise = mr_wr_written(&message);
	p->handshake_2.len = build(p, &f, p->handshake_2.bytes);
	board_hear(p->board, p->handshake_2.bytes, p->handshake_2.len);
	p->seq = 0;
	return true;
}

bool peer_connects(struct peer *p)
{
	uint8_t frame[MR_FRAME_MAX];

	if (!peer_meets(p))
		return false;
	peer_random(p, p->session_id, 8);
	board_hear(p->board, frame, peer_build_invite(p, 2437, frame));
	return board_wait(p->board, 0) && peer_accepts(p, board_take(p->board, true));
}

bool peer_hears(struct peer *p, uint64_t us)
{
	uint64_t until_us = p->board->now_us + us;

	while (p->board->now_us <= until_us && board_wait(p->board, until_us - p->board->now_us)) {
		const struct board_frame *raw = board_take(p->board, true);
		uint8_t ad[2 + MR_DATA_HEADER_LEN];
		struct mr_frame f;

		if (!parse(p, raw, &f))
			continue;
		if (f.type == MR_PROGRESS)
			p->progress = f.progress;
		if (f.type != MR_DATA || f.data.seq != p->seq || f.data.flags != MR_DATA_RESPONSE ||
		    f.data.fragments != 1 || f.data.session != session(p))
			continue;
		p->raw = *raw;
		mr_data_ad(&f.data, ad);
		return mr_noise_open(p->keys.to_station, (uint64_t)p->seq * 16, ad, sizeof(ad), f.data.sealed.at,
				     f.data.sealed.left, p->answer) &&
		       mr_message_parse(mr_rd_over(p->answer, f.data.sealed.left - MR_TAG_LEN), &p->response) &&
		       p->response.response;
	}
	return false;
}

bool peer_asks(struct peer *p, const struct mr_wr *request)
{
	uint8_t frame[MR_FRAME_MAX];

	assert(!request->bad && request->len > 0);
	p->seq++;
	for (size_t at = 0; at < request->len; at += MR_FRAGMENT_MAX)
		board_hear(p->board, frame,
			   peer_build_data(p, request->buf, request->len, p->seq, (uint8_t)(at / MR_FRAGMENT_MAX), 0,
					   frame));
	return peer_hears(p, 1000000);
}
