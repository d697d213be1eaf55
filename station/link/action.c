#include "station/link/action.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/wire/cause.h"

#define HANDSHAKE_WAIT_US 1500000u /* X25519 twice on a slow core, the way to another channel, one lost frame */
#define INVITE_TRIES 4
#define RESEND_US 20000u     /* after a frame that was not acknowledged: let a fade or a burst pass */
#define POLL_FIRST_US 60000u /* grace behind the predicted answer */
#define POLL_MAX_US 800000u  /* polls back off up to this distance */
#define NONCE(seq, fragment) ((uint64_t)(seq)*16 + (fragment))

enum what { WHAT_INVITE = 0x10, WHAT_HANDSHAKE = 0x20, WHAT_POLL = 0x30, WHAT_FRAGMENT = 0x40 };

/*
 * What one acknowledged frame costs at the very least, whatever its rate was: DIFS 28, frame and FCS at 24 Mb/s, SIFS
 * 10 and an ACK (IEEE 802.11-2020 17.4.3, 18.4). A bound must not charge for our choice of a slower rate.
 */
static uint32_t least_exchange_us(size_t len)
{
	return 28 + 20 + 4 * (uint32_t)((22 + 8 * (len + 4) + 95) / 96) + 10 + 28;
}

static const struct link_ops ops;

static struct action_link *of(struct link *base) { return (struct action_link *)base; }
static const struct action_link *of_const(const struct link *base) { return (const struct action_link *)base; }

/* --- states --- */

#define BIT(state) (1u << (state))

static const char *const names[] = {
	[ACTION_INVITING] = "inviting", [ACTION_INVITED] = "invited", [ACTION_ANSWERING] = "answering",
	[ACTION_IDLE] = "idle",		[ACTION_ASKING] = "asking",   [ACTION_WAITING] = "waiting"
};

/* What may follow a state. An answer may overtake the report on the frame that asked. */
static const uint8_t follows[] = {
	[ACTION_INVITING] = BIT(ACTION_INVITED) | BIT(ACTION_ANSWERING),
	[ACTION_INVITED] = BIT(ACTION_ANSWERING),
	[ACTION_ANSWERING] = BIT(ACTION_IDLE),
	[ACTION_IDLE] = BIT(ACTION_ASKING),
	[ACTION_ASKING] = BIT(ACTION_WAITING) | BIT(ACTION_IDLE),
	[ACTION_WAITING] = BIT(ACTION_ASKING) | BIT(ACTION_IDLE),
};

static void enter(struct action_link *link, enum action_state state, uint64_t deadline_us, const char *why, ...)
	__attribute__((format(printf, 4, 5)));
static int over(const struct action_link *link, int cause, const char *why, ...) __attribute__((format(printf, 3, 4)));

/* The only writer of `state`. */
static void enter(struct action_link *link, enum action_state state, uint64_t deadline_us, const char *why, ...)
{
	va_list args;

	assert(follows[link->state] & BIT(state));
	assert(!link->poll || link->state == ACTION_WAITING || link->state == ACTION_ASKING);
	va_start(args, why);
	log_vchange(link->base.tag, LOG_ACTION, LOG_DEBUG, names[link->state], names[state], why, args);
	va_end(args);
	link->state = state;
	link->wait_us = state == ACTION_WAITING ? POLL_FIRST_US : RESEND_US;
	link->deadline_us = deadline_us;
}

/* It is over: the result for the caller. The state stays what it was, for the caller ends the session. */
static int over(const struct action_link *link, int cause, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	log_vchange(link->base.tag, LOG_ACTION, LOG_INFO, names[link->state], mr_cause_name(cause), why, args);
	va_end(args);
	return -cause;
}

/* --- life --- */

void action_init(struct action_link *link, struct action_station *station, const uint8_t peer[static 6],
		 const uint8_t session_id[static 8], const uint8_t hello_nonce[static 8], uint16_t steer_mhz,
		 uint64_t patience_us, uint64_t now_us)
{
	*link = (struct action_link){ .base = { .ops = &ops, .patience_us = patience_us },
				      .station = station,
				      .steer_mhz = steer_mhz,
				      .to_send = 1,
				      .deadline_us = now_us + HANDSHAKE_WAIT_US };
	link->base.binding = link->keys.handshake_hash;
	memcpy(link->peer, peer, sizeof(link->peer));
	memcpy(link->session_id, session_id, sizeof(link->session_id));
	memcpy(link->hello_nonce, hello_nonce, sizeof(link->hello_nonce));
}

static void drop(uint8_t **buffer, size_t len)
{
	if (*buffer)
		OPENSSL_cleanse(*buffer, len);
	free(*buffer);
	*buffer = NULL;
}

static void drop_noise(struct action_link *link)
{
	if (link->noise)
		mr_noise_wipe(link->noise);
	free(link->noise);
	link->noise = NULL;
}

/* The sealed request needs no wiping, the opened response does. */
static void drop_in(struct action_link *link)
{
	drop(&link->in, MR_FRAGMENTS_MAX * MR_FRAGMENT_MAX);
	link->in_fragments = link->have = 0;
}

static void drop_out(struct action_link *link)
{
	free(link->out);
	link->out = NULL;
	link->fragments = link->to_send = 0;
}

static void wipe(struct link *base)
{
	struct action_link *link = of(base);

	drop_noise(link);
	drop_in(link);
	drop_out(link);
	OPENSSL_cleanse(link, sizeof(*link));
}

static uint32_t action_session(const struct action_link *link)
{
	struct mr_rd id = mr_rd_over(link->session_id, sizeof(link->session_id));

	return mr_rd_le32(&id);
}

static const char *type_name(enum mr_frame_type type)
{
	switch (type) {
	case MR_CALL: return "CALL";
	case MR_HELLO: return "HELLO";
	case MR_INVITE: return "INVITE";
	case MR_HANDSHAKE_1: return "message 1";
	case MR_HANDSHAKE_2: return "message 2";
	case MR_DATA: return "DATA";
	case MR_POLL: return "POLL";
	case MR_PROGRESS: break;
	}
	return "PROGRESS";
}

/* Fragments are bits: all of a request, and what is queued, in the air or lost of it. */
static uint8_t all_of(const struct action_link *link)
{
	assert(link->fragments <= MR_FRAGMENTS_MAX);
	return (uint8_t)((1u << link->fragments) - 1);
}

static bool ready(const struct link *base)
{
	const struct action_link *link = of_const(base);

	return link->to_send || link->poll;
}

static uint64_t deadline_us(const struct link *base) { return of_const(base)->deadline_us; }
static bool up(const struct link *base) { return of_const(base)->state >= ACTION_IDLE; }

static bool idle(const struct link *base)
{
	const struct action_link *link = of_const(base);

	return link->state == ACTION_IDLE && link->seq < UINT16_MAX - 1;
}

static uint64_t due_us(const struct link *base)
{
	const struct action_link *link = of_const(base);

	switch (link->state) {
	case ACTION_INVITED: return link->deadline_us;
	case ACTION_WAITING: return link->asked_us + link->expect_us;
	case ACTION_INVITING:
	case ACTION_ANSWERING:
	case ACTION_IDLE:
	case ACTION_ASKING: break;
	}
	return UINT64_MAX;
}

static bool unsafe(const struct link *base)
{
	const struct action_link *link = of_const(base);

	return link->state == ACTION_INVITED || link->state == ACTION_ANSWERING;
}

static int lowest(uint8_t bits)
{
	for (int i = 0; i < MR_FRAGMENTS_MAX; i++)
		if (bits & 1u << i)
			return i;
	return -1;
}

static size_t finish(struct action_link *link, struct mr_frame *frame, uint8_t *out, bool once)
{
	struct mr_wr w = mr_wr_over(out, MR_FRAME_MAX);
	struct action_station *s = link->station;

	memcpy(frame->header.receiver, link->peer, 6);
	memcpy(frame->header.sender, s->mac, 6);
	frame->header.sequence = s->sequence;
	s->sequence = (s->sequence + 1) & 0xfff;
	if (!mr_frame_build(&w, frame, s->call_key))
		return 0;
	assert(w.len <= MR_FRAME_MAX);
	log_write(link->base.tag, LOG_ACTION, LOG_TRACE, "sends %s %u, %zu octets", type_name(frame->type), link->seq,
		  w.len);
	link->base.frames_sent++;
	link->base.octets += (uint32_t)w.len;
	if (once)
		link->base.air_us_once += least_exchange_us(w.len);
	return w.len;
}

static size_t pull(struct link *base, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what, uint64_t now_us)
{
	struct action_link *link = of(base);
	struct mr_frame f = { 0 };
	int i;

	(void)now_us;
	if (link->poll) {
		link->poll = false;
		link->polls++;
		*what = WHAT_POLL;
		f.type = MR_POLL;
		f.poll = (struct mr_poll){ .session = action_session(link), .seq = link->seq, .have = link->have };
		return finish(link, &f, frame, false);
	}
	i = lowest(link->to_send);
	if (i < 0)
		return 0;
	link->to_send = (uint8_t)(link->to_send & ~(1u << i));
	link->in_air = (uint8_t)(link->in_air | 1u << i);
	link->lost = (uint8_t)(link->lost & ~(1u << i));
	switch (link->state) {
	case ACTION_INVITING:
		*what = WHAT_INVITE;
		f.type = MR_INVITE;
		memcpy(f.invite.session_id, link->session_id, 8);
		memcpy(f.invite.nonce, link->hello_nonce, 8);
		f.invite.freq_mhz = link->steer_mhz;
		f.invite.lease_s = link->station->lease_s;
		return finish(link, &f, frame, link->base.misses == 0);
	case ACTION_ANSWERING:
		*what = WHAT_HANDSHAKE;
		f.type = MR_HANDSHAKE_2;
		memcpy(f.handshake.session_id, link->session_id, 8);
		f.handshake.noise = mr_rd_over(link->out, link->out_len[0]);
		return finish(link, &f, frame, link->base.misses == 0);
	case ACTION_ASKING:
	case ACTION_WAITING:
		*what = (uint8_t)(WHAT_FRAGMENT | i);
		f.type = MR_DATA;
		f.data = (struct mr_data){ .session = action_session(link),
					   .seq = link->seq,
					   .fragment = (uint8_t)i,
					   .fragments = link->fragments,
					   .flags = hold ? MR_DATA_HOLD : 0,
					   .sealed = mr_rd_over(link->out + (size_t)i * (MR_FRAGMENT_MAX + MR_TAG_LEN),
								link->out_len[i]) };
		return finish(link, &f, frame, link->base.misses == 0);
	case ACTION_IDLE:
		if (link->seq > 0 || !link->out)
			break;
		*what = WHAT_HANDSHAKE; /* message 2 once more; the session goes on meanwhile */
		f.type = MR_HANDSHAKE_2;
		memcpy(f.handshake.session_id, link->session_id, 8);
		f.handshake.noise = mr_rd_over(link->out, link->out_len[0]);
		return finish(link, &f, frame, false);
	case ACTION_INVITED: break;
	}
	return 0;
}

static uint64_t resend_us(const struct action_link *link)
{
	return RESEND_US * (1u + (link->base.misses < 4 ? link->base.misses : 4));
}

static void wait_for_answer(struct action_link *link, uint64_t now_us)
{
	enter(link, ACTION_WAITING, now_us + link->expect_us + link->expect_us / 2 + POLL_FIRST_US,
	      "request %u is acknowledged, its work will take about %llu ms", link->seq,
	      (unsigned long long)link->expect_us / 1000);
	link->asked_us = now_us;
}

static void sent(struct link *base, uint8_t what, bool acked, unsigned tries, uint64_t now_us)
{
	struct action_link *link = of(base);
	uint8_t i = what & 0x0f;

	link->base.retries += tries > 1 ? tries - 1 : 0;
	if (!acked)
		log_write(link->base.tag, LOG_ACTION, LOG_TRACE, "not acknowledged, %u tries", tries);
	switch ((enum what)(what & 0xf0)) {
	case WHAT_INVITE:
		link->in_air = 0;
		if (link->state != ACTION_INVITING)
			return;
		if (acked) {
			enter(link, ACTION_INVITED, now_us + HANDSHAKE_WAIT_US, "INVITE is acknowledged");
			link->base.misses = link->to_send = 0;
		} else {
			link->deadline_us = now_us + RESEND_US;
		}
		return;
	case WHAT_HANDSHAKE:
		link->in_air = 0;
		if (link->state != ACTION_ANSWERING)
			return;
		if (acked) {
			/* `out` stays: message 1 once more means message 2 once more. */
			enter(link, ACTION_IDLE, link->deadline_us, "message 2 is acknowledged: the session is up");
			link->to_send = 0;
		} else {
			link->deadline_us = now_us + RESEND_US;
		}
		return;
	case WHAT_FRAGMENT:
		link->in_air = (uint8_t)(link->in_air & ~(1u << i));
		if (link->state != ACTION_ASKING && link->state != ACTION_WAITING)
			return;
		if (acked) {
			link->silent_us = 0;
			if (link->state == ACTION_ASKING && !link->to_send && !link->in_air && !link->lost)
				wait_for_answer(link, now_us);
		} else if (link->state == ACTION_ASKING) {
			/* Sent again from action_expire, or at once by a poll's answer. */
			link->lost = (uint8_t)(link->lost | 1u << i);
			link->wait_us = resend_us(link);
			link->deadline_us = now_us + link->wait_us;
		}
		return;
	case WHAT_POLL: return;
	}
}

static int expire(struct link *base, uint64_t now_us)
{
	struct action_link *link = of(base);

	if (now_us < link->deadline_us)
		return ACTION_NOTHING;
	/* A frame that waits in our own queue is not the device's silence: on a full channel each would count as lost.
	 */
	if (ready(base) && link->state != ACTION_IDLE) {
		link->deadline_us = now_us + RESEND_US;
		return ACTION_NOTHING;
	}
	switch (link->state) {
	case ACTION_INVITING:
		if (++link->base.misses > INVITE_TRIES)
			return over(link, MR_CAUSE_HANDSHAKE_TIMEOUT, "INVITE was not acknowledged");
		link->to_send = 1;
		link->deadline_us = now_us + HANDSHAKE_WAIT_US;
		return ACTION_NOTHING;
	case ACTION_INVITED:
		return over(link, MR_CAUSE_HANDSHAKE_TIMEOUT, "it has INVITE, and no message 1 came in %u ms",
			    HANDSHAKE_WAIT_US / 1000);
	case ACTION_ANSWERING:
		if (++link->base.misses > INVITE_TRIES)
			return over(link, MR_CAUSE_HANDSHAKE_TIMEOUT, "message 2 was not acknowledged");
		link->to_send = 1;
		link->deadline_us = now_us + HANDSHAKE_WAIT_US;
		return ACTION_NOTHING;
	case ACTION_IDLE: link->deadline_us = UINT64_MAX; return ACTION_NOTHING;
	case ACTION_ASKING:
		link->silent_us += link->wait_us;
		if (link->silent_us >= link->base.patience_us)
			return over(link, MR_CAUSE_NO_ANSWER,
				    "request %u is not acknowledged, silent for %llu ms, %u times", link->seq,
				    (unsigned long long)link->silent_us / 1000, link->base.misses);
		link->base.misses++;
		/* Fragments that are neither queued nor reported as acknowledged are sent again; repeats are harmless
		 * (docs/protocol.md). */
		if (!link->in_air)
			link->to_send = link->lost ? link->lost : all_of(link);
		link->wait_us = resend_us(link);
		link->deadline_us = now_us + link->wait_us;
		return ACTION_NOTHING;
	case ACTION_WAITING:
		link->silent_us += link->wait_us;
		if (link->silent_us >= link->base.patience_us)
			return over(link, MR_CAUSE_NO_ANSWER, "no answer to request %u, silent for %llu ms, %u polls",
				    link->seq, (unsigned long long)link->silent_us / 1000, link->polls);
		link->base.misses++;
		link->poll = true;
		link->wait_us = POLL_FIRST_US << (link->base.misses < 4 ? link->base.misses : 4);
		link->wait_us = link->wait_us < POLL_MAX_US ? link->wait_us : POLL_MAX_US;
		link->deadline_us = now_us + link->wait_us;
		return ACTION_NOTHING;
	}
	return ACTION_NOTHING;
}

static void resume(struct link *base, uint64_t now_us)
{
	struct action_link *link = of(base);

	/* CALL (PRESENT) has the device send what it holds; give it that time before asking. */
	if (link->state == ACTION_WAITING && link->deadline_us < now_us + POLL_FIRST_US)
		link->deadline_us = now_us + POLL_FIRST_US;
	else if (link->deadline_us < now_us)
		link->deadline_us = now_us;
}

/* 0; -MR_CAUSE_BAD_SIGNATURE: it is not for us; another -(cause): we cannot say. */
static int read_message_1(struct action_link *link, struct mr_rd in, struct mr_wr *message)
{
	const struct action_station *s = link->station;
	struct mr_rd head = in;
	const uint8_t *peer = mr_rd_take(&head, 32);
	uint8_t shared[32];
	int result = peer ? s->agree(s->agree_ctx, peer, shared) : -MR_CAUSE_BAD_SIGNATURE;

	if (result == 0 && !mr_noise_read_1_agreed(link->noise, s->batch_key, shared, in, message))
		result = -MR_CAUSE_BAD_SIGNATURE;
	mr_wipe(shared, sizeof(shared));
	return result;
}

static int on_handshake_1(struct action_link *link, const struct mr_frame *frame, struct mr_wr *message)
{
	const struct action_station *s = link->station;
	uint8_t prologue[MR_PROLOGUE_LEN];
	int result = -MR_CAUSE_BAD_SIGNATURE;

	if (!mr_equal(frame->handshake.session_id, link->session_id, 8))
		return ACTION_NOTHING;
	/* It did not get message 2. Or somebody repeats what he heard: so the state must not change, a request may
	 * follow. */
	if (link->state == ACTION_IDLE && link->seq == 0 && link->out) {
		log_write(link->base.tag, LOG_ACTION, LOG_DEBUG, "message 1 once more: message 2 goes once more");
		link->to_send = 1;
		return ACTION_NOTHING;
	}
	if (link->state != ACTION_INVITING && link->state != ACTION_INVITED)
		return ACTION_NOTHING;
	mr_noise_prologue(prologue, s->station_id, s->batch_tag, link->session_id, link->peer);
	if (!link->noise && !(link->noise = calloc(1, sizeof(*link->noise))))
		return -MR_CAUSE_NO_MEMORY;
	if (mr_noise_init(link->noise, prologue, sizeof(prologue), s->public_key))
		result = read_message_1(link, frame->handshake.noise, message);
	if (result != 0 && result != -MR_CAUSE_BAD_SIGNATURE) {
		drop_noise(link);
		return result;
	}
	if (result != 0) {
		log_write(link->base.tag, LOG_ACTION, LOG_DEBUG,
			  "message 1 does not decrypt: another batch's key, or another station's");
		drop_noise(link);
		return ACTION_NOTHING;
	}
	log_write(link->base.tag, LOG_ACTION, LOG_DEBUG, "message 1 decrypts, payload of %zu octets", message->len);
	link->to_send = link->in_air = 0;
	link->base.air_us_once += least_exchange_us(MR_PREFIX_LEN + 8 + frame->handshake.noise.left);
	return ACTION_HANDSHAKE;
}

int action_accept(struct action_link *link, const uint8_t e[static 32], struct mr_rd payload, uint64_t now_us)
{
	struct mr_wr w;

	assert(link->noise && !link->out);
	link->out = malloc(MR_FRAGMENT_MAX);
	if (!link->out)
		return -MR_CAUSE_NO_MEMORY;
	w = mr_wr_over(link->out, MR_FRAGMENT_MAX);
	if (!mr_noise_write_2(link->noise, e, payload, &w, &link->keys))
		return over(link, MR_CAUSE_BAD_SIGNATURE, "message 2 cannot be built for this device's key");
	drop_noise(link);
	assert(w.len <= MR_FRAGMENT_MAX);
	link->out_len[0] = (uint16_t)w.len;
	enter(link, ACTION_ANSWERING, now_us + HANDSHAKE_WAIT_US, "message 1 is accepted");
	link->to_send = 1;
	link->base.misses = 0;
	return 0;
}

static int request(struct link *base, struct mr_rd message, uint64_t expect_us, uint64_t now_us)
{
	struct action_link *link = of(base);
	uint8_t ad[2 + MR_DATA_HEADER_LEN];
	struct mr_data data;

	assert(link->state == ACTION_IDLE && link->seq < UINT16_MAX);
	drop_in(link);
	drop_out(link);
	link->fragments = (uint8_t)((message.left + MR_FRAGMENT_MAX - 1) / MR_FRAGMENT_MAX);
	if (link->fragments < 1 || link->fragments > MR_FRAGMENTS_MAX || message.left > MR_MESSAGE_MAX)
		return over(link, MR_CAUSE_TOO_LONG, "a request of %zu octets", message.left);
	link->out = malloc((size_t)link->fragments * (MR_FRAGMENT_MAX + MR_TAG_LEN));
	if (!link->out)
		return -MR_CAUSE_NO_MEMORY;
	link->seq++;
	data = (struct mr_data){ .session = action_session(link), .seq = link->seq, .fragments = link->fragments };
	for (uint8_t i = 0; i < link->fragments; i++) {
		size_t len = message.left < MR_FRAGMENT_MAX ? message.left : MR_FRAGMENT_MAX;
		struct mr_rd part = mr_rd_sub(&message, len);

		data.fragment = i;
		mr_data_ad(&data, ad);
		if (!mr_noise_seal(link->keys.to_device, NONCE(link->seq, i), ad, sizeof(ad), part.at, part.left,
				   link->out + (size_t)i * (MR_FRAGMENT_MAX + MR_TAG_LEN)))
			return -MR_CAUSE_NO_MEMORY;
		link->out_len[i] = (uint16_t)(len + MR_TAG_LEN);
	}
	assert(message.left == 0);
	link->to_send = all_of(link);
	link->in_air = link->lost = 0;
	enter(link, ACTION_ASKING, now_us + RESEND_US, "request %u, %u fragments", link->seq, link->fragments);
	link->base.misses = 0;
	link->silent_us = 0;
	link->expect_us = expect_us;
	return 0;
}

static int on_data(struct action_link *link, const struct mr_data *data, struct mr_wr *message)
{
	uint8_t ad[2 + MR_DATA_HEADER_LEN];
	uint8_t bit = (uint8_t)(1u << data->fragment);

	if (!(data->flags & MR_DATA_RESPONSE) || data->seq != link->seq || data->sealed.left < MR_TAG_LEN ||
	    data->sealed.left > MR_FRAGMENT_MAX + MR_TAG_LEN ||
	    (link->state != ACTION_ASKING && link->state != ACTION_WAITING) || (link->have & bit))
		return ACTION_NOTHING;
	if (!link->in && !(link->in = malloc(MR_FRAGMENTS_MAX * MR_FRAGMENT_MAX)))
		return -MR_CAUSE_NO_MEMORY;
	mr_data_ad(data, ad);
	if (!mr_noise_open(link->keys.to_station, NONCE(data->seq, data->fragment), ad, sizeof(ad), data->sealed.at,
			   data->sealed.left, link->in + (size_t)data->fragment * MR_FRAGMENT_MAX))
		return ACTION_NOTHING;
	/* From here on the fragment is authentic: the count in it is the device's own. */
	if (link->in_fragments && link->in_fragments != data->fragments)
		return over(link, MR_CAUSE_BAD_RESPONSE, "its response has %u fragments, and had %u before",
			    data->fragments, link->in_fragments);
	link->in_fragments = data->fragments;
	link->in_len[data->fragment] = (uint16_t)(data->sealed.left - MR_TAG_LEN);
	link->have = (uint8_t)(link->have | bit);
	link->silent_us = 0;
	link->strange = 0;
	link->base.air_us_once += least_exchange_us(MR_PREFIX_LEN + MR_DATA_HEADER_LEN + data->sealed.left);
	if (link->have != (1u << link->in_fragments) - 1)
		return ACTION_NOTHING;
	for (uint8_t i = 0; i < link->in_fragments; i++)
		mr_wr_bytes(message, link->in + (size_t)i * MR_FRAGMENT_MAX, link->in_len[i]);
	if (message->bad)
		return over(link, MR_CAUSE_BAD_RESPONSE, "its response is too long");
	drop_in(link);
	drop_out(link);
	link->poll = false;
	enter(link, ACTION_IDLE, UINT64_MAX, "response %u, %zu octets, %u polls so far", link->seq, message->len,
	      link->polls);
	return ACTION_RESPONSE;
}

static int on_progress(struct action_link *link, const struct mr_progress *p, uint64_t now_us)
{
	if (link->state != ACTION_ASKING && link->state != ACTION_WAITING)
		return ACTION_NOTHING;
	if (p->state != MR_PROGRESS_UNKNOWN && p->seq != link->seq)
		return ACTION_NOTHING;
	switch ((enum mr_progress_state)p->state) {
	case MR_PROGRESS_INCOMPLETE: {
		uint8_t missing = (uint8_t)(all_of(link) & ~p->have);

		link->strange = 0;
		link->lost = (uint8_t)(link->lost & missing);
		link->to_send = (uint8_t)(link->to_send | (missing & ~link->in_air));
		if (missing && link->state == ACTION_WAITING) {
			enter(link, ACTION_ASKING, now_us + RESEND_US, "it lacks fragments 0x%02x of request %u",
			      missing, link->seq);
		}
		break;
	}
	case MR_PROGRESS_WORKING:
		link->silent_us = 0;
		link->strange = 0;
		if (p->remaining_ms && link->state == ACTION_WAITING) {
			link->wait_us = POLL_FIRST_US;
			link->deadline_us = now_us + (uint64_t)p->remaining_ms * 1000 + POLL_FIRST_US;
		}
		break;
	case MR_PROGRESS_READY: link->strange = 0; break;
	case MR_PROGRESS_UNKNOWN:
		/* Anyone can say so: believed when said to two polls in a row. An authentic HELLO says it at once. */
		if (link->strange == link->polls)
			break;
		if (link->strange != 0 && link->strange + 1 == link->polls) {
			log_write(link->base.tag, LOG_ACTION, LOG_INFO,
				  "it has said to two polls in a row that it does not know this session");
			return ACTION_RESTARTED;
		}
		link->strange = link->polls;
		link->deadline_us = now_us;
		break;
	}
	return ACTION_NOTHING;
}

int action_receive(struct action_link *link, const struct mr_frame *frame, struct mr_wr *message, uint64_t now_us)
{
	link->base.frames_received++;
	log_write(link->base.tag, LOG_ACTION, LOG_TRACE, "receives %s", type_name(frame->type));
	switch (frame->type) {
	case MR_HANDSHAKE_1: return on_handshake_1(link, frame, message);
	case MR_DATA:
		return frame->data.session == action_session(link) ? on_data(link, &frame->data, message)
								   : ACTION_NOTHING;
	case MR_PROGRESS:
		return frame->progress.session == action_session(link) ? on_progress(link, &frame->progress, now_us)
								       : ACTION_NOTHING;
	case MR_CALL:
	case MR_HELLO:
	case MR_INVITE:
	case MR_HANDSHAKE_2:
	case MR_POLL: break;
	}
	return ACTION_NOTHING;
}

/* A CALL without PRESENT tells all devices of the channel at once. */
static void park(struct link *base, uint64_t now_us)
{
	(void)base;
	(void)now_us;
}

static size_t memory(const struct link *base)
{
	const struct action_link *link = of_const(base);

	return (link->out ? (link->fragments ? link->fragments : 1u) * (size_t)(MR_FRAGMENT_MAX + MR_TAG_LEN) : 0) +
	       (link->noise ? sizeof(*link->noise) : 0) + (link->in ? MR_FRAGMENTS_MAX * (size_t)MR_FRAGMENT_MAX : 0);
}

static const struct link_ops ops = {
	.pull = pull,
	.ready = ready,
	.sent = sent,
	.up = up,
	.idle = idle,
	.request = request,
	.park = park,
	.resume = resume,
	.deadline_us = deadline_us,
	.expire = expire,
	.due_us = due_us,
	.unsafe = unsafe,
	.memory = memory,
	.wipe = wipe,
};
