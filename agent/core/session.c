#include "agent/core/session.h"

#include "agent/core/assert.h"
#include "agent/core/direct.h"
#include "agent/core/method.h"
#include "agent/core/operation.h"

#define ANSWER_AT (MR_PREFIX_LEN + MR_DATA_HEADER_LEN) /* the answer's plaintext in the buffer: header before it */
#define SEND_TRIES_MAX 5
#define SEND_SPACING_US 10000  /* doubled with each try: 10, 20, 40, 80 ms */
#define REPORT_US 500000       /* the MAC's report on a frame takes at most this long */
#define PRESENT_JITTER_US 4000 /* so that all that were held do not answer in the same instant */
#define RETRY_PAUSE_US 1000000

_Static_assert(ANSWER_AT + MR_FRAGMENT_MAX + MR_TAG_LEN <= MR_MESSAGE_MAX, "an answer of one fragment fits the buffer");

static uint64_t now(const struct mr_agent *agent) { return agent->port.now_us(agent->port.ctx); }

static uint64_t nonce_of(const struct mr_data *data) { return (uint64_t)data->seq * 16 + data->fragment; }

static uint32_t id_of(const struct mr_agent *agent)
{
	struct mr_rd id = mr_rd_over(agent->held.session.id, 4);

	return mr_rd_le32(&id);
}

bool mr_session_is(const struct mr_agent *agent, uint32_t id) { return id == id_of(agent); }

void mr_session_begin(struct mr_agent *agent, const struct mr_noise_keys *keys, uint16_t lease_s)
{
	struct mr_session *s = &agent->held.session;

	MR_ASSERT(agent->holder == MR_HELD_BY_SESSION);
	s->secret.keys = *keys;
	mr_copy(agent->binding, keys->handshake_hash, sizeof(agent->binding));
	s->exchange = (struct mr_exchange){ .send_us = UINT64_MAX };
	agent->verdict = MR_VERDICT_NONE;
	s->lease_us = (lease_s > 0 ? lease_s : 1) * (uint64_t)1000000;
	s->lease_end_us = now(agent) + s->lease_us;
	mr_wipe(agent->buf, sizeof(agent->buf));
}

/* Sends the answer as it was sealed; it stays where it is until the next request. */
static void send_answer(struct mr_agent *agent)
{
	struct mr_exchange *x = &agent->held.session.exchange;

	MR_ASSERT(x->answered && x->tries < SEND_TRIES_MAX);
	x->tries++;
	x->send_us = now(agent) + REPORT_US;
	if (!mr_agent_transmit(agent, agent->buf, x->frame_len, &agent->direct.awaited))
		mr_session_sent(agent, false);
}

/* Asked for again: with all tries at its disposal. */
static void send_again(struct mr_agent *agent)
{
	struct mr_exchange *x = &agent->held.session.exchange;

	x->tries = 0;
	x->delivered = false;
	send_answer(agent);
}

void mr_session_sent(struct mr_agent *agent, bool acked)
{
	struct mr_exchange *x = &agent->held.session.exchange;

	MR_ASSERT(agent->holder == MR_HELD_BY_SESSION);
	agent->direct.awaited = 0;
	x->send_us = UINT64_MAX;
	x->delivered = x->delivered || acked;
	if (x->delivered)
		mr_agent_response_left(agent);
	if (x->delivered || x->tries >= SEND_TRIES_MAX || x->tries == 0)
		return; /* the station has it, or will poll or call when it is back */
	x->send_us = now(agent) + ((uint64_t)SEND_SPACING_US << (x->tries - 1));
}

/* Carries the request out, and seals the answer once. */
static void carry_out(struct mr_agent *agent, size_t len)
{
	struct mr_session *s = &agent->held.session;
	struct mr_exchange *x = &s->exchange;
	struct mr_wr w = mr_wr_over(agent->buf + ANSWER_AT, MR_FRAGMENT_MAX), whole;
	struct mr_frame frame = { .type = MR_DATA };
	uint8_t ad[2 + MR_DATA_HEADER_LEN];

	mr_operation_run(agent, mr_rd_over(agent->buf, len), &w);
	mr_copy(frame.header.receiver, agent->direct.station_mac, 6);
	mr_copy(frame.header.sender, agent->config.mac, 6);
	frame.data = (struct mr_data){ .seq = x->seq,
				       .fragments = 1,
				       .flags = MR_DATA_RESPONSE,
				       .session = id_of(agent),
				       .sealed = mr_rd_over(w.buf, w.len + MR_TAG_LEN) };
	mr_data_ad(&frame.data, ad);
	agent->port.work(agent->port.ctx, MR_WORK_AEAD, w.len);
	whole = mr_wr_over(agent->buf, sizeof(agent->buf));
	/* The sealed octets lie already where the frame wants them. */
	x->answered = mr_noise_seal(s->secret.keys.to_station, nonce_of(&frame.data), ad, sizeof(ad), w.buf, w.len,
				    w.buf) &&
		      mr_frame_build(&whole, &frame, NULL);
	x->frame_len = whole.len;
	if (!x->answered) /* without cryptography there is no way to say so: the lease ends this */
		mr_wipe(agent->buf, sizeof(agent->buf));
}

/*
 * Opens a fragment of request `seq` and, if it is the station's, puts it where it belongs. The octets pass through
 * the stack: what does not open must not have touched the buffer, which may hold the answer before. Not inlined, so
 * that they are off the stack again when the request is carried out.
 */
static __attribute__((noinline)) bool take_fragment(struct mr_agent *agent, const struct mr_data *data)
{
	struct mr_exchange *x = &agent->held.session.exchange;
	size_t len = data->sealed.left - MR_TAG_LEN, at = (size_t)data->fragment * MR_FRAGMENT_MAX;
	uint8_t plain[MR_FRAGMENT_MAX], ad[2 + MR_DATA_HEADER_LEN];
	bool ok;

	if (at + len > sizeof(agent->buf))
		return false;
	mr_data_ad(data, ad);
	agent->port.work(agent->port.ctx, MR_WORK_AEAD, len);
	ok = mr_noise_open(agent->held.session.secret.keys.to_device, nonce_of(data), ad, sizeof(ad), data->sealed.at,
			   data->sealed.left, plain);
	if (ok) {
		if (data->seq != x->seq) { /* the first of a new request: the answer before is through */
			*x = (struct mr_exchange){ .seq = data->seq,
						   .fragments = data->fragments,
						   .send_us = UINT64_MAX };
			agent->direct.awaited = 0;
			mr_wipe(agent->buf, sizeof(agent->buf));
		}
		mr_copy(agent->buf + at, plain, len);
		x->have = (uint8_t)(x->have | 1u << data->fragment);
		if (data->fragment == data->fragments - 1)
			x->last_len = len;
	}
	mr_wipe(plain, sizeof(plain));
	return ok;
}

/* RETRY: a short pause, then it answers calls again. Else the session stays, for repeats, until the lease ends. */
static void renew_lease(struct mr_agent *agent)
{
	struct mr_session *s = &agent->held.session;

	s->lease_end_us = now(agent) + (agent->verdict == MR_VERDICT_RETRY ? RETRY_PAUSE_US : s->lease_us);
}

/* A fragment of the request that is in the buffer, or was and has its answer there. */
static void on_repeated(struct mr_agent *agent, const struct mr_data *data)
{
	struct mr_exchange *x = &agent->held.session.exchange;

	if (!x->answered)
		return;
	if (agent->direct.awaited != 0) /* the answer is on its way just now */
		return;
	if (data->flags & MR_DATA_HOLD) /* no need to try further: the station will ask */
		x->send_us = UINT64_MAX;
	else
		send_again(agent);
}

void mr_session_data(struct mr_agent *agent, const struct mr_frame *frame)
{
	const struct mr_data *data = &frame->data;
	struct mr_exchange *x = &agent->held.session.exchange;
	bool is_next = data->seq == x->seq + 1 && (x->seq == 0 || x->answered) && agent->verdict == MR_VERDICT_NONE;
	bool is_current = data->seq == x->seq && data->fragments == x->fragments;

	if (!mr_session_is(agent, data->session) || (data->flags & MR_DATA_RESPONSE) || (!is_next && !is_current))
		return;
	if (is_current && (x->answered || (x->have >> data->fragment & 1))) {
		on_repeated(agent, data);
		return;
	}
	if (!take_fragment(agent, data))
		return;
	renew_lease(agent);
	MR_ASSERT(x->have < 1u << x->fragments);
	if (x->have != (1u << x->fragments) - 1)
		return;
	carry_out(agent, (size_t)(x->fragments - 1) * MR_FRAGMENT_MAX + x->last_len);
	renew_lease(agent);
	if (x->answered && !(data->flags & MR_DATA_HOLD))
		send_again(agent);
}

static void report(struct mr_agent *agent, const struct mr_poll *poll, uint8_t have)
{
	uint8_t buf[MR_PREFIX_LEN + 16];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_frame frame = { .type = MR_PROGRESS };

	mr_copy(frame.header.receiver, agent->direct.station_mac, 6);
	mr_copy(frame.header.sender, agent->config.mac, 6);
	frame.progress = (struct mr_progress){
		.session = poll->session, .seq = poll->seq, .state = MR_PROGRESS_INCOMPLETE, .have = have
	};
	if (mr_frame_build(&w, &frame, NULL))
		(void)mr_agent_transmit(agent, buf, w.len, NULL);
}

void mr_session_poll(struct mr_agent *agent, const struct mr_frame *frame)
{
	const struct mr_poll *poll = &frame->poll;
	const struct mr_exchange *x = &agent->held.session.exchange;

	if (!mr_session_is(agent, poll->session))
		return;
	if (poll->seq == x->seq && x->answered) {
		if (!(poll->have & 1) && agent->direct.awaited == 0)
			send_again(agent);
	} else if (poll->seq == x->seq) {
		report(agent, poll, x->have);
	} else if (poll->seq == x->seq + 1 && agent->verdict == MR_VERDICT_NONE) {
		report(agent, poll, 0);
	}
}

void mr_session_present(struct mr_agent *agent)
{
	struct mr_exchange *x = &agent->held.session.exchange;

	if (!x->answered || x->delivered || agent->direct.awaited != 0)
		return;
	x->tries = 0;
	x->send_us = now(agent) + mr_agent_random_below(agent, PRESENT_JITTER_US);
}

void mr_session_expire(struct mr_agent *agent, uint64_t now_us)
{
	const struct mr_session *s = &agent->held.session;

	MR_ASSERT(agent->holder == MR_HELD_BY_SESSION);
	if (now_us >= s->lease_end_us)
		mr_direct_end_session(agent);
	else if (now_us < s->exchange.send_us)
		return;
	else if (agent->direct.awaited != 0)
		mr_session_sent(agent, false);
	else
		send_answer(agent);
}

uint64_t mr_session_deadline_us(const struct mr_agent *agent)
{
	const struct mr_session *s = &agent->held.session;

	MR_ASSERT(agent->holder == MR_HELD_BY_SESSION);
	return s->exchange.send_us < s->lease_end_us ? s->exchange.send_us : s->lease_end_us;
}
