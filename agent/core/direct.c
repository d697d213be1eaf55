/*
 * The method `direct`: how a device finds its station over action frames. CALL, HELLO, INVITE and the handshake are
 * here; then the session (session.c) begins. docs/protocol.md has the phases as a table.
 */
#include "agent/core/direct.h"

#include "agent/core/assert.h"
#include "agent/core/method.h"
#include "agent/core/operation.h"
#include "agent/core/session.h"

#define HELLO_REPORT_US 1000000 /* the MAC's report on a frame takes at most this long */
#define INVITE_PATIENCE_US 10000000
#define HANDSHAKE_TRIES_MAX 7
#define HANDSHAKE_WAIT_US 150000 /* doubled with each try, up to the next line: 9.5 s in all */
#define HANDSHAKE_WAIT_MAX_US 2400000
#define HANDSHAKE_UNACKED_SHIFT 2 /* nobody was there to acknowledge it: wait a quarter of that */
#define UNKNOWN_SPACING_US 100000 /* on average; two may come in a row: a station asks twice before it believes it */
#define TUNE_RETRY_US 1000000

#define INTRODUCTION_MAX 320	     /* octets of the STATUS response in message 1 */
#define NOISE_AT (MR_PREFIX_LEN + 8) /* the Noise message in a handshake frame: after the session id */

static uint64_t now(const struct mr_agent *agent) { return agent->port.now_us(agent->port.ctx); }

/* The only writer of `phase`. */
static void enter(struct mr_agent *agent, enum mr_direct_phase phase, uint64_t deadline_us)
{
	MR_ASSERT((phase == MR_DIRECT_HANDSHAKE || phase == MR_DIRECT_SESSION) ==
		  (agent->holder == MR_HELD_BY_SESSION));
	agent->direct.phase = phase;
	agent->direct.deadline_us = deadline_us;
}

static bool has_plan(const struct mr_agent *agent) { return agent->config.channel_count > 0; }

/* The radio is with a network, or looks for a registrar. */
static bool is_elsewhere(const struct mr_agent *agent) { return agent->away || agent->holder == MR_HELD_BY_ENROLMENT; }

static void listen(struct mr_agent *agent)
{
	enter(agent, MR_DIRECT_LISTENING, agent->freq_mhz != 0 ? UINT64_MAX : now(agent) + TUNE_RETRY_US);
}

static void restart_roaming(struct mr_agent *agent)
{
	bool roams = agent->config.roam_us > 0 && agent->config.channel_count > 1;

	agent->direct.roam_us = roams ? now(agent) + agent->config.roam_us : UINT64_MAX;
}

static void go_home(struct mr_agent *agent)
{
	agent->direct.channel = 0;
	agent->direct.invitable = false;
	agent->direct.awaited = 0;
	if (!has_plan(agent)) { /* no action frames: reached through its access point alone */
		agent->direct.roam_us = UINT64_MAX;
		enter(agent, MR_DIRECT_SILENT, UINT64_MAX);
		return;
	}
	(void)mr_agent_tune(agent, agent->config.channels[0]);
	restart_roaming(agent);
	listen(agent);
}

void mr_direct_end_session(struct mr_agent *agent)
{
	mr_agent_release(agent, MR_HELD_BY_SESSION);
	agent->direct.awaited = 0;
	if (mr_agent_finished(agent)) {
		enter(agent, MR_DIRECT_SILENT, UINT64_MAX);
		return;
	}
	agent->verdict = MR_VERDICT_NONE;
	go_home(agent);
}

/* A session goes on where it was. A handshake does not: the station has given it up by now. */
static void on_radio_back(struct mr_agent *agent)
{
	uint16_t freq_mhz = agent->freq_mhz;

	if (!has_plan(agent))
		return;
	agent->freq_mhz = 0;
	if (agent->direct.phase == MR_DIRECT_SESSION) {
		(void)mr_agent_tune(agent, freq_mhz);
		return;
	}
	mr_agent_release(agent, MR_HELD_BY_SESSION);
	if (mr_agent_finished(agent))
		enter(agent, MR_DIRECT_SILENT, UINT64_MAX);
	else if (agent->direct.phase != MR_DIRECT_SILENT)
		go_home(agent);
}

static void told(struct mr_agent *agent, enum mr_news news)
{
	if (news == MR_NEWS_RADIO_BACK)
		on_radio_back(agent);
}

static bool is_authentic(struct mr_agent *agent, const struct mr_frame *frame)
{
	agent->port.work(agent->port.ctx, MR_WORK_HASH, frame->authenticated.left);
	return mr_frame_authentic(frame, agent->call_key);
}

/* A device that still waits to be heard answers with HELLO; one in a session may send what it was told to hold. */
static void on_call(struct mr_agent *agent, const struct mr_frame *frame)
{
	const struct mr_call *call = &frame->call;
	uint32_t slot;

	if (!mr_equal(call->batch_tag, agent->batch_tag, 8) || !mr_equal(call->station_id, agent->station_id, 8) ||
	    (agent->direct.called && call->counter <= agent->direct.call_counter) || !is_authentic(agent, frame))
		return;
	agent->direct.called = true;
	agent->direct.call_counter = call->counter;
	restart_roaming(agent);
	if (agent->direct.phase == MR_DIRECT_SESSION && (call->flags & MR_CALL_PRESENT))
		mr_session_present(agent);
	if (agent->direct.phase > MR_DIRECT_SLOT || !(call->flags & MR_CALL_INVENTORY) || call->slots == 0)
		return;
	mr_copy(agent->direct.station_mac, frame->header.sender, 6);
	slot = mr_agent_random_below(agent, call->slots);
	enter(agent, MR_DIRECT_SLOT, now(agent) + (uint64_t)slot * call->slot_us);
}

static void say_hello(struct mr_agent *agent)
{
	uint8_t buf[MR_PREFIX_LEN + 40];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_frame frame = { .type = MR_HELLO };

	listen(agent);
	agent->direct.invitable = agent->port.random(agent->port.ctx, agent->direct.nonce, sizeof(agent->direct.nonce));
	if (!agent->direct.invitable)
		return;
	mr_copy(frame.header.receiver, agent->direct.station_mac, 6);
	mr_copy(frame.header.sender, agent->config.mac, 6);
	mr_copy(frame.hello.batch_tag, agent->batch_tag, 8);
	mr_copy(frame.hello.device_id, agent->config.device_id, 8);
	frame.hello.counter = agent->direct.call_counter;
	mr_copy(frame.hello.nonce, agent->direct.nonce, 8);
	agent->port.work(agent->port.ctx, MR_WORK_HASH, 64);
	if (mr_frame_build(&w, &frame, agent->call_key) && mr_agent_transmit(agent, buf, w.len, &agent->direct.awaited))
		enter(agent, MR_DIRECT_HELLO_SENT, now(agent) + HELLO_REPORT_US);
}

static void send_handshake_1(struct mr_agent *agent)
{
	struct mr_session *s = &agent->held.session;
	uint64_t wait_us = (uint64_t)HANDSHAKE_WAIT_US << s->tries;

	MR_ASSERT(s->tries < HANDSHAKE_TRIES_MAX);
	s->tries++;
	if (!mr_agent_transmit(agent, agent->buf, s->exchange.frame_len, &agent->direct.awaited)) {
		agent->direct.awaited = 0;
		wait_us >>= HANDSHAKE_UNACKED_SHIFT;
	}
	enter(agent, MR_DIRECT_HANDSHAKE,
	      now(agent) + (wait_us < HANDSHAKE_WAIT_MAX_US ? wait_us : HANDSHAKE_WAIT_MAX_US));
}

/* Message 1 into the buffer, as a whole frame: it is sent again as it is. */
static bool build_handshake_1(struct mr_agent *agent)
{
	uint8_t prologue[MR_PROLOGUE_LEN], e[32], introduction[INTRODUCTION_MAX];
	struct mr_wr payload = mr_wr_over(introduction, sizeof(introduction));
	struct mr_wr message = mr_wr_over(agent->buf + NOISE_AT, MR_FRAME_MAX - NOISE_AT);
	struct mr_wr whole = mr_wr_over(agent->buf, sizeof(agent->buf));
	struct mr_frame frame = { .type = MR_HANDSHAKE_1 };
	struct mr_session *s = &agent->held.session;
	bool ok;

	mr_operation_introduce(agent, &payload);
	mr_noise_prologue(prologue, agent->station_id, agent->batch_tag, s->id, agent->config.mac);
	agent->port.work(agent->port.ctx, MR_WORK_X25519, 0);
	agent->port.work(agent->port.ctx, MR_WORK_X25519, 0);
	agent->port.work(agent->port.ctx, MR_WORK_HASH, 24 * 64);
	agent->port.work(agent->port.ctx, MR_WORK_AEAD, payload.len);
	ok = !payload.bad && agent->port.random(agent->port.ctx, e, sizeof(e)) &&
	     mr_noise_init(&s->secret.noise, prologue, sizeof(prologue), agent->config.station_key) &&
	     mr_noise_write_1(&s->secret.noise, agent->config.batch_key, e, agent->config.station_key,
			      mr_wr_written(&payload), &message);
	mr_wipe(e, sizeof(e));
	mr_copy(frame.header.receiver, agent->direct.station_mac, 6);
	mr_copy(frame.header.sender, agent->config.mac, 6);
	mr_copy(frame.handshake.session_id, s->id, 8);
	frame.handshake.noise = mr_wr_written(&message); /* lies already where the frame wants it */
	ok = ok && mr_frame_build(&whole, &frame, NULL);
	s->exchange.frame_len = whole.len;
	return ok;
}

static bool channel_is_planned(const struct mr_agent *agent, uint16_t freq_mhz)
{
	for (size_t i = 0; i < agent->config.channel_count; i++)
		if (agent->config.channels[i] == freq_mhz)
			return true;
	return false;
}

/* Repeated, it means that the station has not heard message 1. */
static void on_repeated_invite(struct mr_agent *agent, const struct mr_frame *frame)
{
	struct mr_session *s = &agent->held.session;

	if (mr_equal(frame->invite.session_id, s->id, 8) && mr_equal(frame->invite.nonce, agent->direct.nonce, 8) &&
	    agent->direct.awaited == 0 && is_authentic(agent, frame)) {
		s->tries = 0;
		send_handshake_1(agent);
	}
}

static void on_invite(struct mr_agent *agent, const struct mr_frame *frame)
{
	const struct mr_invite *invite = &frame->invite;
	struct mr_direct_state *d = &agent->direct;

	if (d->phase == MR_DIRECT_HANDSHAKE) {
		on_repeated_invite(agent, frame);
		return;
	}
	if (agent->holder != MR_HELD_BY_NOBODY || !d->invitable || !mr_equal(invite->nonce, d->nonce, 8) ||
	    (invite->freq_mhz != 0 && !channel_is_planned(agent, invite->freq_mhz)) || !is_authentic(agent, frame))
		return;
	(void)mr_agent_hold(agent, MR_HELD_BY_SESSION);
	d->invitable = false; /* one HELLO, one session */
	d->awaited = 0;
	mr_copy(d->station_mac, frame->header.sender, 6);
	mr_copy(agent->held.session.id, invite->session_id, 8);
	if ((invite->freq_mhz == 0 || mr_agent_tune(agent, invite->freq_mhz)) && build_handshake_1(agent))
		send_handshake_1(agent);
	else
		mr_direct_end_session(agent);
}

static void on_handshake_2(struct mr_agent *agent, const struct mr_frame *frame)
{
	uint8_t octets[64];
	struct mr_wr payload = mr_wr_over(octets, sizeof(octets));
	struct mr_session *s = &agent->held.session;
	struct mr_noise_keys keys;
	struct mr_welcome welcome;

	if (agent->direct.phase != MR_DIRECT_HANDSHAKE || !mr_equal(frame->handshake.session_id, s->id, 8) ||
	    frame->handshake.noise.left > MR_NOISE_2_LEN + sizeof(octets))
		return;
	agent->port.work(agent->port.ctx, MR_WORK_X25519, 0);
	agent->port.work(agent->port.ctx, MR_WORK_HASH, 24 * 64);
	agent->port.work(agent->port.ctx, MR_WORK_AEAD, frame->handshake.noise.left);
	if (!mr_noise_read_2(&s->secret.noise, frame->handshake.noise, &payload, &keys))
		return;
	mr_noise_wipe(&s->secret.noise);
	agent->direct.awaited = 0;
	if (mr_welcome_parse(mr_wr_written(&payload), &welcome)) {
		mr_session_begin(agent, &keys, welcome.lease_s);
		enter(agent, MR_DIRECT_SESSION, UINT64_MAX);
	} else {
		mr_direct_end_session(agent); /* the station itself, but of another kind */
	}
	mr_wipe(&keys, sizeof(keys));
}

/* Whoever sent it still believes in a session that this device does not have: it restarted, or gave up. */
static void deny(struct mr_agent *agent, const struct mr_frame *frame, uint32_t session, uint16_t seq)
{
	uint8_t buf[MR_PREFIX_LEN + 16];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_frame out = { .type = MR_PROGRESS };
	uint64_t now_us = now(agent), *paid_us = &agent->direct.unknown_us;

	if (*paid_us > now_us + UNKNOWN_SPACING_US)
		return;
	*paid_us = (*paid_us > now_us ? *paid_us : now_us) + UNKNOWN_SPACING_US;
	mr_copy(out.header.receiver, frame->header.sender, 6);
	mr_copy(out.header.sender, agent->config.mac, 6);
	out.progress = (struct mr_progress){ .session = session, .seq = seq, .state = MR_PROGRESS_UNKNOWN };
	if (mr_frame_build(&w, &out, NULL))
		(void)mr_agent_transmit(agent, buf, w.len, NULL);
}

static void on_session_frame(struct mr_agent *agent, const struct mr_frame *frame)
{
	bool data = frame->type == MR_DATA;
	uint32_t session = data ? frame->data.session : frame->poll.session;
	bool ours = agent->holder == MR_HELD_BY_SESSION && mr_session_is(agent, session);

	if (data && (frame->data.flags & MR_DATA_RESPONSE))
		return;
	if (agent->direct.phase == MR_DIRECT_SESSION && ours && data) {
		mr_session_data(agent, frame);
	} else if (agent->direct.phase == MR_DIRECT_SESSION && ours) {
		mr_session_poll(agent, frame);
	} else if (agent->direct.phase == MR_DIRECT_HANDSHAKE && ours) {
		/* The station is through with the handshake, and its message 2 was lost. */
		if (agent->direct.awaited == 0 && agent->held.session.tries < HANDSHAKE_TRIES_MAX)
			send_handshake_1(agent);
	} else {
		deny(agent, frame, session, data ? frame->data.seq : frame->poll.seq);
	}
}

static void on_own_frame(struct mr_agent *agent, const struct mr_frame *frame)
{
	switch (frame->type) {
	case MR_INVITE: on_invite(agent, frame); return;
	case MR_HANDSHAKE_2: on_handshake_2(agent, frame); return;
	case MR_DATA:
	case MR_POLL: on_session_frame(agent, frame); return;
	case MR_CALL:
	case MR_HELLO:
	case MR_HANDSHAKE_1:
	case MR_PROGRESS: return; /* of other devices */
	}
}

static bool hear(struct mr_agent *agent, struct mr_rd mpdu)
{
	struct mr_frame frame;

	if (agent->direct.phase == MR_DIRECT_SILENT || is_elsewhere(agent) || !mr_frame_parse(mpdu, &frame))
		return false;
	if (frame.type == MR_CALL)
		on_call(agent, &frame);
	else if (mr_equal(frame.header.receiver, agent->config.mac, 6))
		on_own_frame(agent, &frame);
	return true;
}

static void sent(struct mr_agent *agent, uint32_t cookie, bool acked)
{
	uint64_t soon_us;

	if (cookie == 0 || cookie != agent->direct.awaited)
		return;
	agent->direct.awaited = 0;
	switch (agent->direct.phase) {
	case MR_DIRECT_HELLO_SENT:
		if (acked)
			enter(agent, MR_DIRECT_HELLO_HEARD, now(agent) + INVITE_PATIENCE_US);
		else
			listen(agent);
		return;
	case MR_DIRECT_HANDSHAKE:
		soon_us = now(agent) +
			  ((uint64_t)HANDSHAKE_WAIT_US << agent->held.session.tries >> 1 >> HANDSHAKE_UNACKED_SHIFT);
		if (!acked && soon_us < agent->direct.deadline_us)
			agent->direct.deadline_us = soon_us;
		return;
	case MR_DIRECT_SESSION: mr_session_sent(agent, acked); return;
	case MR_DIRECT_LISTENING:
	case MR_DIRECT_SLOT:
	case MR_DIRECT_HELLO_HEARD:
	case MR_DIRECT_SILENT: return;
	}
}

/* Nobody called for a while: perhaps the station is on another channel of the plan. */
static void roam(struct mr_agent *agent)
{
	agent->direct.channel = (agent->direct.channel + 1) % agent->config.channel_count;
	(void)mr_agent_tune(agent, agent->config.channels[agent->direct.channel]);
	restart_roaming(agent);
	listen(agent);
}

static void on_listening_expired(struct mr_agent *agent, uint64_t now_us)
{
	MR_ASSERT(agent->direct.channel < agent->config.channel_count);
	if (now_us >= agent->direct.roam_us) {
		roam(agent);
	} else if (now_us >= agent->direct.deadline_us) {
		(void)mr_agent_tune(agent, agent->config.channels[agent->direct.channel]);
		listen(agent);
	}
}

static void expire(struct mr_agent *agent)
{
	struct mr_direct_state *d = &agent->direct;
	uint64_t now_us = now(agent);

	if (is_elsewhere(agent))
		return;
	if (d->phase == MR_DIRECT_LISTENING) {
		on_listening_expired(agent, now_us);
		return;
	}
	if (d->phase == MR_DIRECT_SESSION) {
		mr_session_expire(agent, now_us);
		return;
	}
	if (now_us < d->deadline_us)
		return;
	if (d->phase == MR_DIRECT_SLOT)
		say_hello(agent);
	else if (d->phase == MR_DIRECT_HANDSHAKE && agent->held.session.tries < HANDSHAKE_TRIES_MAX)
		send_handshake_1(agent);
	else if (d->phase == MR_DIRECT_HANDSHAKE)
		mr_direct_end_session(agent);
	else
		listen(agent);
}

static uint64_t deadline_us(const struct mr_agent *agent)
{
	const struct mr_direct_state *d = &agent->direct;

	if (is_elsewhere(agent))
		return UINT64_MAX;
	if (d->phase == MR_DIRECT_SESSION)
		return mr_session_deadline_us(agent);
	return d->phase == MR_DIRECT_LISTENING && d->roam_us < d->deadline_us ? d->roam_us : d->deadline_us;
}

static unsigned wants(const struct mr_agent_config *config)
{
	bool valid = config->channels && config->channel_count > 0 && config->channel_count <= MR_CHANNELS_MAX;

	return valid ? MR_WANTS_ACTION_FRAMES : 0;
}

static bool start(struct mr_agent *agent)
{
	if (mr_agent_finished(agent)) { /* released: silent for good */
		enter(agent, MR_DIRECT_SILENT, UINT64_MAX);
		return true;
	}
	go_home(agent);
	return agent->freq_mhz != 0 || !has_plan(agent);
}

const struct mr_method mr_method_direct = { .name = "direct",
					    .has_room = MR_HAS_ROOM(direct),
					    .wants = wants,
					    .is_open = has_plan,
					    .start = start,
					    .hear = hear,
					    .sent = sent,
					    .expire = expire,
					    .deadline_us = deadline_us,
					    .told = told };
