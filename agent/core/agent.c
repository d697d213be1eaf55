/*
 * How a device finds its station: CALL, HELLO, INVITE and the handshake; then the session (session.c) has it.
 * docs/protocol.md has the states as a table.
 */
#include "agent/core/agent.h"

#include "agent/core/operation.h"
#include "agent/core/pin.h"
#include "agent/core/session.h"
#include "agent/core/wifi.h"
#include "agent/port/crypto.h"

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

static bool tune(struct mr_agent *agent, uint16_t freq_mhz)
{
	if (agent->freq_mhz == freq_mhz)
		return true;
	agent->freq_mhz = agent->port.tune(agent->port.ctx, freq_mhz) ? freq_mhz : 0;
	return agent->freq_mhz != 0;
}

/* The only writer of `state`. */
static void enter(struct mr_agent *agent, enum mr_agent_state state, uint64_t deadline_us)
{
	agent->state = state;
	agent->deadline_us = deadline_us;
}

static bool has_plan(const struct mr_agent *agent) { return agent->config.channel_count > 0; }

static void listen(struct mr_agent *agent)
{
	enter(agent, MR_AGENT_LISTENING, agent->freq_mhz != 0 ? UINT64_MAX : now(agent) + TUNE_RETRY_US);
}

static void restart_roaming(struct mr_agent *agent)
{
	bool roams = agent->config.roam_us > 0 && agent->config.channel_count > 1;

	agent->roam_us = roams ? now(agent) + agent->config.roam_us : UINT64_MAX;
}

static void go_home(struct mr_agent *agent)
{
	agent->channel = 0;
	agent->invitable = false;
	agent->awaited = 0;
	if (!has_plan(agent)) { /* no action frames: reached through its access point alone */
		agent->roam_us = UINT64_MAX;
		enter(agent, MR_AGENT_SILENT, UINT64_MAX);
		return;
	}
	(void)tune(agent, agent->config.channels[0]);
	restart_roaming(agent);
	listen(agent);
}

void mr_agent_end_session(struct mr_agent *agent)
{
	bool silent = agent->verdict != MR_VERDICT_NONE && agent->verdict != MR_VERDICT_RETRY;

	mr_wipe(&agent->secret, sizeof(agent->secret));
	mr_wipe(agent->buf, sizeof(agent->buf));
	mr_zero(agent->session_id, sizeof(agent->session_id));
	agent->awaited = 0;
	agent->exchange = (struct mr_exchange){ .send_us = UINT64_MAX };
	if (silent) {
		enter(agent, MR_AGENT_SILENT, UINT64_MAX);
		return;
	}
	agent->verdict = MR_VERDICT_NONE;
	go_home(agent);
}

uint32_t mr_agent_random_below(struct mr_agent *agent, uint32_t limit)
{
	uint8_t octets[4] = { 0 };
	struct mr_rd in = mr_rd_over(octets, sizeof(octets));

	if (!agent->port.random(agent->port.ctx, octets, sizeof(octets)))
		return 0;
	return (uint32_t)((uint64_t)mr_rd_le32(&in) * limit >> 32);
}

/* IEEE 802.11-2016 9.2.4.4: 12 bits of number above 4 bits of fragment. */
bool mr_agent_transmit(struct mr_agent *agent, uint8_t *frame, size_t len, uint32_t *cookie)
{
	agent->sequence = (agent->sequence + 1) & 0xfff;
	frame[MR_HEADER_LEN - 2] = (uint8_t)(agent->sequence << 4);
	frame[MR_HEADER_LEN - 1] = (uint8_t)(agent->sequence >> 4);
	if (++agent->cookie == 0) /* 0 means "none awaited" */
		agent->cookie = 1;
	if (!agent->port.send(agent->port.ctx, frame, len, agent->cookie))
		return false;
	if (cookie)
		*cookie = agent->cookie;
	return true;
}

static size_t text_len(const char *text, size_t most)
{
	size_t len = 0;

	while (len <= most && text[len])
		len++;
	return len;
}

static bool access_point_is_valid(const struct mr_ap_config *ap)
{
	const struct mr_pin_verifier *pin = ap->pin;
	size_t len = ap->passphrase ? text_len(ap->passphrase, 63) : 8;

	if (ap->method == MR_AP_NONE)
		return true;
	return ap->ssid && text_len(ap->ssid, MR_SSID_MAX) <= MR_SSID_MAX && (ap->ssid[0] || !ap->ssid_is_whole) &&
	       len >= 8 && len <= 63 && (!pin || (pin->salt_len >= 16 && pin->salt_len <= sizeof(pin->salt)));
}

static bool config_is_valid(const struct mr_agent_config *c)
{
	size_t channels_min = c->ap.method == MR_AP_NONE;

	return access_point_is_valid(&c->ap) && c->product && text_len(c->product, 32) >= 1 &&
	       text_len(c->product, 32) <= 32 && c->hw_rev && text_len(c->hw_rev, 16) <= 16 && c->firmware &&
	       text_len(c->firmware, 32) <= 32 && c->station_key && c->batch_key &&
	       (c->channels || c->channel_count == 0) && c->channel_count >= channels_min &&
	       c->channel_count <= MR_CHANNELS_MAX;
}

bool mr_agent_init(struct mr_agent *agent, const struct mr_agent_config *config, const struct mr_port *port)
{
	struct mr_rd restarts;
	uint8_t hash[32];

	mr_zero(agent, sizeof(*agent));
	if (!config_is_valid(config))
		return false;
	agent->config = *config;
	agent->port = *port;
	agent->exchange.send_us = UINT64_MAX;
	port->work(port->ctx, MR_WORK_HASH, 5 * 64);
	if (!mr_batch_keys(config->batch_key, agent->call_key, agent->batch_tag) ||
	    !mr_sha256(config->station_key, 32, hash))
		return false;
	mr_copy(agent->station_id, hash, sizeof(agent->station_id));
	mr_store_load(&agent->store, port);
	mr_operation_refresh(agent);
	restarts = mr_store_find(&agent->store, MR_SECTION_RESTARTS);
	agent->restarts = mr_rd_le32(&restarts);
	if (agent->store.generation > 0)
		agent->restarts++;
	mr_pin_start(agent);
	if (mr_store_has(&agent->store, MR_SECTION_RELEASED)) {
		agent->verdict = MR_VERDICT_PASS;
		enter(agent, MR_AGENT_SILENT, UINT64_MAX);
		mr_wifi_start(agent);
		return true;
	}
	go_home(agent);
	mr_wifi_start(agent);
	return agent->freq_mhz != 0 || !has_plan(agent);
}

void mr_agent_radio_back(struct mr_agent *agent)
{
	uint16_t freq_mhz = agent->freq_mhz;

	if (!has_plan(agent))
		return;
	agent->freq_mhz = 0;
	if (agent->state == MR_AGENT_SESSION)
		(void)tune(agent, freq_mhz);
	else if (mr_agent_finished(agent))
		enter(agent, MR_AGENT_SILENT, UINT64_MAX);
	else if (agent->state != MR_AGENT_SILENT)
		go_home(agent);
}

void mr_agent_response_left(struct mr_agent *agent) { mr_wifi_response_left(agent); }

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
	    (agent->called && call->counter <= agent->call_counter) || !is_authentic(agent, frame))
		return;
	agent->called = true;
	agent->call_counter = call->counter;
	restart_roaming(agent);
	if (agent->state == MR_AGENT_SESSION && (call->flags & MR_CALL_PRESENT))
		mr_session_present(agent);
	if (agent->state > MR_AGENT_SLOT || !(call->flags & MR_CALL_INVENTORY) || call->slots == 0)
		return;
	mr_copy(agent->station_mac, frame->header.sender, 6);
	slot = mr_agent_random_below(agent, call->slots);
	enter(agent, MR_AGENT_SLOT, now(agent) + (uint64_t)slot * call->slot_us);
}

static void say_hello(struct mr_agent *agent)
{
	uint8_t buf[MR_PREFIX_LEN + 40];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_frame frame = { .type = MR_HELLO };

	listen(agent);
	agent->invitable = agent->port.random(agent->port.ctx, agent->nonce, sizeof(agent->nonce));
	if (!agent->invitable)
		return;
	mr_copy(frame.header.receiver, agent->station_mac, 6);
	mr_copy(frame.header.sender, agent->config.mac, 6);
	mr_copy(frame.hello.batch_tag, agent->batch_tag, 8);
	mr_copy(frame.hello.device_id, agent->config.device_id, 8);
	frame.hello.counter = agent->call_counter;
	mr_copy(frame.hello.nonce, agent->nonce, 8);
	agent->port.work(agent->port.ctx, MR_WORK_HASH, 64);
	if (mr_frame_build(&w, &frame, agent->call_key) && mr_agent_transmit(agent, buf, w.len, &agent->awaited))
		enter(agent, MR_AGENT_HELLO_SENT, now(agent) + HELLO_REPORT_US);
}

static void send_handshake_1(struct mr_agent *agent)
{
	uint64_t wait_us = (uint64_t)HANDSHAKE_WAIT_US << agent->tries;

	agent->tries++;
	if (!mr_agent_transmit(agent, agent->buf, agent->exchange.frame_len, &agent->awaited)) {
		agent->awaited = 0;
		wait_us >>= HANDSHAKE_UNACKED_SHIFT;
	}
	enter(agent, MR_AGENT_HANDSHAKE,
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
	bool ok;

	mr_operation_introduce(agent, &payload);
	mr_noise_prologue(prologue, agent->station_id, agent->batch_tag, agent->session_id, agent->config.mac);
	agent->port.work(agent->port.ctx, MR_WORK_X25519, 0);
	agent->port.work(agent->port.ctx, MR_WORK_X25519, 0);
	agent->port.work(agent->port.ctx, MR_WORK_HASH, 24 * 64);
	agent->port.work(agent->port.ctx, MR_WORK_AEAD, payload.len);
	ok = !payload.bad && agent->port.random(agent->port.ctx, e, sizeof(e)) &&
	     mr_noise_init(&agent->secret.noise, prologue, sizeof(prologue), agent->config.station_key) &&
	     mr_noise_write_1(&agent->secret.noise, agent->config.batch_key, e, agent->config.station_key,
			      mr_wr_written(&payload), &message);
	mr_wipe(e, sizeof(e));
	mr_copy(frame.header.receiver, agent->station_mac, 6);
	mr_copy(frame.header.sender, agent->config.mac, 6);
	mr_copy(frame.handshake.session_id, agent->session_id, 8);
	frame.handshake.noise = mr_wr_written(&message); /* lies already where the frame wants it */
	ok = ok && mr_frame_build(&whole, &frame, NULL);
	agent->exchange.frame_len = whole.len;
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
	if (mr_equal(frame->invite.session_id, agent->session_id, 8) &&
	    mr_equal(frame->invite.nonce, agent->nonce, 8) && agent->awaited == 0 && is_authentic(agent, frame)) {
		agent->tries = 0;
		send_handshake_1(agent);
	}
}

static void on_invite(struct mr_agent *agent, const struct mr_frame *frame)
{
	const struct mr_invite *invite = &frame->invite;

	if (agent->state == MR_AGENT_HANDSHAKE) {
		on_repeated_invite(agent, frame);
		return;
	}
	if (agent->state == MR_AGENT_SESSION || agent->borrowed || !agent->invitable ||
	    !mr_equal(invite->nonce, agent->nonce, 8) ||
	    (invite->freq_mhz != 0 && !channel_is_planned(agent, invite->freq_mhz)) || !is_authentic(agent, frame))
		return;
	agent->invitable = false; /* one HELLO, one session */
	agent->awaited = 0;
	mr_copy(agent->station_mac, frame->header.sender, 6);
	mr_copy(agent->session_id, invite->session_id, 8);
	agent->tries = 0;
	if ((invite->freq_mhz == 0 || tune(agent, invite->freq_mhz)) && build_handshake_1(agent))
		send_handshake_1(agent);
	else
		mr_agent_end_session(agent);
}

static void on_handshake_2(struct mr_agent *agent, const struct mr_frame *frame)
{
	uint8_t octets[64];
	struct mr_wr payload = mr_wr_over(octets, sizeof(octets));
	struct mr_noise_keys keys;
	struct mr_welcome welcome;

	if (agent->state != MR_AGENT_HANDSHAKE || !mr_equal(frame->handshake.session_id, agent->session_id, 8) ||
	    frame->handshake.noise.left > MR_NOISE_2_LEN + sizeof(octets))
		return;
	agent->port.work(agent->port.ctx, MR_WORK_X25519, 0);
	agent->port.work(agent->port.ctx, MR_WORK_HASH, 24 * 64);
	agent->port.work(agent->port.ctx, MR_WORK_AEAD, frame->handshake.noise.left);
	if (!mr_noise_read_2(&agent->secret.noise, frame->handshake.noise, &payload, &keys))
		return;
	mr_noise_wipe(&agent->secret.noise);
	agent->awaited = 0;
	if (mr_welcome_parse(mr_wr_written(&payload), &welcome)) {
		mr_session_begin(agent, &keys, welcome.lease_s);
		enter(agent, MR_AGENT_SESSION, UINT64_MAX);
	} else {
		mr_agent_end_session(agent); /* the station itself, but of another kind */
	}
	mr_wipe(&keys, sizeof(keys));
}

/* Whoever sent it still believes in a session that this device does not have: it restarted, or gave up. */
static void deny(struct mr_agent *agent, const struct mr_frame *frame, uint32_t session, uint16_t seq)
{
	uint8_t buf[MR_PREFIX_LEN + 16];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_frame out = { .type = MR_PROGRESS };
	uint64_t now_us = now(agent);

	if (agent->unknown_us > now_us + UNKNOWN_SPACING_US)
		return;
	agent->unknown_us = (agent->unknown_us > now_us ? agent->unknown_us : now_us) + UNKNOWN_SPACING_US;
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
	struct mr_rd id = mr_rd_over(agent->session_id, 4);
	bool ours = session == mr_rd_le32(&id);

	if (data && (frame->data.flags & MR_DATA_RESPONSE))
		return;
	if (agent->state == MR_AGENT_SESSION && ours && data) {
		mr_session_data(agent, frame);
	} else if (agent->state == MR_AGENT_SESSION && ours) {
		mr_session_poll(agent, frame);
	} else if (agent->state == MR_AGENT_HANDSHAKE && ours) {
		/* The station is through with the handshake, and its message 2 was lost. */
		if (agent->awaited == 0 && agent->tries < HANDSHAKE_TRIES_MAX)
			send_handshake_1(agent);
	} else {
		deny(agent, frame, session, data ? frame->data.seq : frame->poll.seq);
	}
}

void mr_agent_receive(struct mr_agent *agent, struct mr_rd in)
{
	struct mr_frame frame;

	if (agent->state == MR_AGENT_SILENT || mr_wifi_is_away(agent) || !mr_frame_parse(in, &frame))
		return;
	if (frame.type == MR_CALL) {
		on_call(agent, &frame);
		return;
	}
	if (!mr_equal(frame.header.receiver, agent->config.mac, 6))
		return;
	switch (frame.type) {
	case MR_INVITE: on_invite(agent, &frame); return;
	case MR_HANDSHAKE_2: on_handshake_2(agent, &frame); return;
	case MR_DATA:
	case MR_POLL: on_session_frame(agent, &frame); return;
	case MR_CALL:
	case MR_HELLO:
	case MR_HANDSHAKE_1:
	case MR_PROGRESS: return; /* of other devices */
	}
}

void mr_agent_sent(struct mr_agent *agent, uint32_t cookie, bool acked)
{
	uint64_t soon_us;

	if (cookie == 0 || cookie != agent->awaited)
		return;
	agent->awaited = 0;
	switch (agent->state) {
	case MR_AGENT_HELLO_SENT:
		if (acked)
			enter(agent, MR_AGENT_HELLO_HEARD, now(agent) + INVITE_PATIENCE_US);
		else
			listen(agent);
		return;
	case MR_AGENT_HANDSHAKE:
		soon_us = now(agent) + ((uint64_t)HANDSHAKE_WAIT_US << agent->tries >> 1 >> HANDSHAKE_UNACKED_SHIFT);
		if (!acked && soon_us < agent->deadline_us)
			agent->deadline_us = soon_us;
		return;
	case MR_AGENT_SESSION: mr_session_sent(agent, acked); return;
	case MR_AGENT_LISTENING:
	case MR_AGENT_SLOT:
	case MR_AGENT_HELLO_HEARD:
	case MR_AGENT_SILENT: return;
	}
}

/* Nobody called for a while: perhaps the station is on another channel of the plan. */
static void roam(struct mr_agent *agent)
{
	agent->channel = (agent->channel + 1) % agent->config.channel_count;
	(void)tune(agent, agent->config.channels[agent->channel]);
	restart_roaming(agent);
	listen(agent);
}

static void on_listening_expired(struct mr_agent *agent, uint64_t now_us)
{
	if (now_us >= agent->roam_us) {
		roam(agent);
	} else if (now_us >= agent->deadline_us) {
		(void)tune(agent, agent->config.channels[agent->channel]);
		listen(agent);
	}
}

static void expire_frames(struct mr_agent *agent)
{
	uint64_t now_us = now(agent);

	if (agent->state == MR_AGENT_LISTENING) {
		on_listening_expired(agent, now_us);
		return;
	}
	if (agent->state == MR_AGENT_SESSION) {
		mr_session_expire(agent, now_us);
		return;
	}
	if (now_us < agent->deadline_us)
		return;
	if (agent->state == MR_AGENT_SLOT)
		say_hello(agent);
	else if (agent->state == MR_AGENT_HANDSHAKE && agent->tries < HANDSHAKE_TRIES_MAX)
		send_handshake_1(agent);
	else if (agent->state == MR_AGENT_HANDSHAKE)
		mr_agent_end_session(agent);
	else
		listen(agent);
}

void mr_agent_expire(struct mr_agent *agent)
{
	mr_wifi_expire(agent);
	if (!mr_wifi_is_away(agent))
		expire_frames(agent);
	mr_pin_expire(agent);
}

static uint64_t frames_deadline_us(const struct mr_agent *agent)
{
	if (agent->state == MR_AGENT_SESSION)
		return mr_session_deadline_us(agent);
	if (agent->state == MR_AGENT_LISTENING && agent->roam_us < agent->deadline_us)
		return agent->roam_us;
	return agent->deadline_us;
}

uint64_t mr_agent_deadline_us(const struct mr_agent *agent)
{
	uint64_t at_us = mr_wifi_is_away(agent) ? UINT64_MAX : frames_deadline_us(agent);

	if (mr_wifi_deadline_us(agent) < at_us)
		at_us = mr_wifi_deadline_us(agent);
	return mr_pin_deadline_us(agent) < at_us ? mr_pin_deadline_us(agent) : at_us;
}

const char *mr_agent_serial(const struct mr_agent *agent) { return agent->serial; }

bool mr_agent_finished(const struct mr_agent *agent)
{
	return agent->verdict != MR_VERDICT_NONE && agent->verdict != MR_VERDICT_RETRY;
}
