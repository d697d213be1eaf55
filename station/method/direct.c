/*
 * Action frames, no association: calls that invite devices to answer in slots, sessions over link/action. Devices can
 * be called over to another channel. docs/protocol.md, "Frames".
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "station/line/admission.h"
#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/recipe.h"

#define RATE_6M 12u	      /* radiotap units of 500 kb/s: the lowest of OFDM, which every device hears */
#define CALL_EVERY_US 100000u /* chosen: while somebody is still expected; a call takes 0.1 % of the air then */
#define CALL_IDLE_US 1000000u
#define SLOT_US 400u	 /* one HELLO at 6 Mb/s with backoff, SIFS and ACK */
#define ANSWER_US 25000u /* the slowest chip's time to check a call and make its HELLO */
#define SLOTS_MIN 8u
#define SLOTS_MAX 512u
#define CALLS_REMEMBERED 1000u	/* a HELLO may be this many calls (of all radios) behind */
#define HELLO_FRESH_US 8000000u /* a device waits about 10 s for its invitation */
#define VERDICT_US 400000u	/* the verdict is for its lamp: nobody waits long for it */

extern const struct method_ops direct_ops;

/* What is known of the slots of a channel. */
struct slots {
	unsigned answers, count;
};

static int begin(struct line *line, void **state, char *error, size_t error_len)
{
	*state = calloc(line->job->channel_count, sizeof(struct slots));
	if (*state)
		return 0;
	snprintf(error, error_len, "no memory is left for calls");
	return -MR_CAUSE_NO_MEMORY;
}

static void end(struct line *line, void *state)
{
	(void)line;
	free(state);
}

/* --- the voice --- */

static unsigned within(unsigned count) { return count < SLOTS_MIN ? SLOTS_MIN : count > SLOTS_MAX ? SLOTS_MAX : count; }

/* Schoute's estimate, coarsely: many answers, more slots; few, fewer. */
static unsigned adapt(struct slots *slots, double unheard)
{
	if (slots->count == 0)
		slots->count = within(unheard > SLOTS_MAX ? SLOTS_MAX : (unsigned)unheard);
	else if (slots->answers * 2 >= slots->count)
		slots->count = within(slots->count * 2);
	else if (slots->answers * 8 < slots->count)
		slots->count = within(slots->count / 2);
	assert(slots->count >= SLOTS_MIN && slots->count <= SLOTS_MAX);
	return slots->count;
}

static void speak(struct line *line, void *state, struct channel *c, enum method_occasion why, struct mr_wr *out,
		  struct radio_tx *tx, uint64_t *next_us)
{
	struct slots *slots = &((struct slots *)state)[c->index];
	struct mr_frame f = { .type = MR_CALL };
	uint64_t now_us = loop_now_us(line->loop);
	double unheard = units_unheard(line, c);
	bool present = why == METHOD_PRESENT;
	bool inventory = present && unheard > 0 && units_admitted(line) && now_us >= c->window_end_us;

	assert(c->index < line->channel_count && out->len == 0);
	tx->rate_500kbps = RATE_6M;
	memset(f.header.receiver, 0xff, 6);
	memcpy(f.header.sender, line->station.mac, 6);
	f.header.sequence = line->station.sequence;
	line->station.sequence = (line->station.sequence + 1) & 0xfff;
	memcpy(f.call.station_id, line->station.station_id, 8);
	memcpy(f.call.batch_tag, line->station.batch_tag, 8);
	f.call.counter = ++line->call_counter;
	f.call.flags = (uint8_t)((present ? MR_CALL_PRESENT : 0) | (inventory ? MR_CALL_INVENTORY : 0));
	if (inventory) {
		f.call.slots = (uint16_t)adapt(slots, unheard);
		f.call.slot_us = SLOT_US;
	}
	if (!mr_frame_build(out, &f, line->station.call_key))
		return;
	if (inventory) {
		slots->answers = 0;
		c->window_end_us = now_us + (uint64_t)slots->count * SLOT_US + ANSWER_US;
	}
	*next_us = now_us + (unheard > 0 ? CALL_EVERY_US : CALL_IDLE_US);
	if (*next_us < c->window_end_us)
		*next_us = c->window_end_us;
}

/* --- who answers --- */

/* Two devices with one id: neither is trusted. */
static void two_of_one_id(struct line *line, struct unit *u, const uint8_t mac[static 6], const struct radio_rx *rx)
{
	line_stranger(line, mac, rx, "duplicate-device");
	if (u->session) {
		session_end(u->session, MR_CAUSE_DUPLICATE_DEVICE);
	} else if (!u->settled) {
		unit_record_state(line, u, UNIT_QUARANTINED, MR_CAUSE_DUPLICATE_DEVICE);
		unit_settle(line, u, UNIT_QUARANTINED, MR_CAUSE_DUPLICATE_DEVICE);
	}
}

/* It wants a session on this channel. */
static void on_caller(struct line *line, struct unit *u, struct channel *c, const struct mr_frame *frame)
{
	if (u->session) {
		/* It answers a call that is younger than its session: it has forgotten the session. */
		if (frame->hello.counter <= u->session->call_counter)
			return;
		session_end(u->session, MR_CAUSE_DEVICE_RESTARTED);
		if (u->settled || u->session)
			return;
	}
	memcpy(u->hello_nonce, frame->hello.nonce, 8);
	u->hello_us = loop_now_us(line->loop);
	if (u->settled && !unit_asks_again(u) && !unit_reopen(line, u))
		return; /* failed and quarantined units wait for a person */
	assert(!u->session);
	admission_enqueue(line, u, c);
	admission_fill_channel(line, c);
}

static void on_hello(struct line *line, struct slots *slots, struct channel *c, const struct mr_frame *frame,
		     const struct radio_rx *rx)
{
	const uint8_t *mac = frame->header.sender;
	struct unit *u;

	if (!mr_equal(frame->hello.batch_tag, line->station.batch_tag, 8) ||
	    !mr_frame_authentic(frame, line->station.call_key)) {
		line_stranger(line, mac, rx, "stranger");
		return;
	}
	/* An old HELLO, played again: anybody can send it. */
	if (frame->hello.counter > line->call_counter || frame->hello.counter + CALLS_REMEMBERED < line->call_counter) {
		line_stranger(line, mac, rx, "replayed");
		return;
	}
	slots->answers++;
	assert(lane_channel(line, c->freq_mhz) == c);
	u = unit_of_id(line, frame->hello.device_id);
	if (!u && !(u = admission_newcomer(line, frame->hello.device_id, mac, rx)))
		return;
	if (u->first_heard_us == 0) {
		if (!u->on_record || u->same_batch)
			memcpy(u->mac, mac, 6);
		unit_greet(line, u, rx);
	}
	if (!mr_equal(u->mac, mac, 6)) {
		two_of_one_id(line, u, mac, rx);
		return;
	}
	u->rssi_dbm = rx->rssi_dbm;
	on_caller(line, u, c, frame);
}

/* --- frames of sessions --- */

static struct session *session_of(const struct line *line, const struct mr_frame *frame)
{
	struct mr_rd id;

	switch (frame->type) {
	case MR_HANDSHAKE_1:
		id = mr_rd_over(frame->handshake.session_id, 8);
		return map_get(&line->by_session, mr_rd_le32(&id));
	case MR_DATA: return map_get(&line->by_session, frame->data.session);
	case MR_PROGRESS: return map_get(&line->by_session, frame->progress.session);
	case MR_CALL:
	case MR_HELLO:
	case MR_INVITE:
	case MR_HANDSHAKE_2:
	case MR_POLL: break;
	}
	return NULL;
}

static void on_frame(struct session *s, const struct mr_frame *frame, const struct radio_rx *rx)
{
	struct line *line = s->line;
	struct mr_wr w = mr_wr_over(line->answer, sizeof(line->answer));
	struct mr_message m;
	int result;

	assert(s->link == &s->action.base);
	session_note_memory(s,
			    frame->type == MR_DATA && !s->action.in ? MR_FRAGMENTS_MAX * (size_t)MR_FRAGMENT_MAX : 0);
	result = action_receive(&s->action, frame, &w, session_now(s));
	s->unit->rssi_dbm = rx->rssi_dbm;
	if (result == ACTION_HANDSHAKE || result == ACTION_RESPONSE) {
		lane_move(s, lane_channel(line, rx->freq_mhz));
		s->overdue = false;
		if (result == ACTION_RESPONSE)
			session_answer(s, mr_wr_written(&w));
		else if (!mr_message_parse(mr_wr_written(&w), &m))
			session_end(s, MR_CAUSE_BAD_RESPONSE);
		else
			recipe_welcome(s, &m);
		mr_wipe(line->answer, w.len);
		return;
	}
	if (result == ACTION_RESTARTED)
		session_end(s, MR_CAUSE_DEVICE_RESTARTED);
	else if (result < 0)
		session_end(s, -result);
	else
		lane_touch(s);
}

static bool hear(struct line *line, void *state, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct mr_frame frame;
	struct session *s;

	if (!mr_frame_parse(mpdu, &frame))
		return false;
	if (!mr_equal(frame.header.receiver, line->station.mac, 6))
		return true; /* of another station, or of devices among themselves */
	if (frame.type == MR_HELLO) {
		on_hello(line, &((struct slots *)state)[lane->channel->index], lane->channel, &frame, rx);
		return true;
	}
	s = session_of(line, &frame);
	if (s && s->link == &s->action.base && mr_equal(s->unit->mac, frame.header.sender, 6))
		on_frame(s, &frame, rx);
	return true;
}

/* --- sessions --- */

static enum method_opened open(struct line *line, void *state, struct unit *u, struct channel *home)
{
	struct channel *target = lane_place(line, home);
	uint64_t now_us = loop_now_us(line->loop);
	struct session *s;
	uint8_t id[8];

	(void)state;
	assert(!u->session && (!u->settled || u->state == UNIT_PASSED) && u->hello_us <= now_us);
	if (now_us > u->hello_us + HELLO_FRESH_US) { /* it will have given up waiting; it calls again */
		if (!u->settled)
			unit_absent(line, u, now_us + HELLO_FRESH_US + line->job->lease_us);
		return METHOD_LATER;
	}
	s = session_create(line, u, id);
	if (!s)
		return METHOD_NO_ROOM;
	action_init(&s->action, &line->station, u->mac, id, u->hello_nonce, target == home ? 0 : target->freq_mhz,
		    line->job->patience_us, s->begun_us);
	s->link = &s->action.base;
	session_go(s, home);
	return METHOD_OPENED;
}

static void sent(struct session *s, uint8_t what, bool acked, unsigned tries)
{
	enum action_state before = s->action.state;

	assert(s->link == &s->action.base);
	link_sent(s->link, what, acked, tries, session_now(s));
	if (before == ACTION_INVITING && s->action.state == ACTION_INVITED && s->action.steer_mhz)
		lane_move(s, lane_channel(s->line, s->action.steer_mhz));
	if (before == ACTION_ANSWERING && s->action.state == ACTION_IDLE && s->phase == PHASE_WELCOMED) {
		recipe_stands(s);
		return;
	}
	lane_touch(s);
}

const struct method_ops direct_ops = {
	.begin = begin,
	.end = end,
	.hear = hear,
	.speak = speak,
	.open = open,
	.sent = sent,
	.verdict_us = VERDICT_US,
};
