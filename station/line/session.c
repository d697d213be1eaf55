/*
 * One device in hand: the channel it is on, its link, its beginning and its end. What is asked of it is in recipe.c.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/port/crypto.h"
#include "station/line/internal.h"

#define FINISH_PATIENCE_US 400000u	   /* the verdict is for its lamp: nobody waits long for it */
#define FINISH_PATIENCE_ACCESS_US 2000000u /* a segment may be lost, or the device has closed the connection */
#define HANDSHAKES_MAX 5u		   /* calls without a handshake before the unit counts as failed */
#define REFUSALS_MAX 2u			   /* of a passphrase, by what cannot be authenticated */
#define POWER_EXTRA 3u			   /* attempts that power cuts may add to attempts.max */

static uint64_t now(const struct session *s) { return loop_now_us(s->line->loop); }

void session_event(struct session *s, struct line_event e)
{
	e.unit = s->unit->id;
	e.serial = s->unit->serial;
	memcpy(e.mac, s->unit->mac, 6);
	e.attempt = s->unit->attempts;
	e.rssi_dbm = s->unit->rssi_dbm;
	e.freq_mhz = s->channel->freq_mhz;
	e.radio = s->channel->lane ? s->channel->lane->radio->caps.name : NULL;
	line_event(s->line, &e);
}

uint64_t session_remaining_us(const struct session *s)
{
	uint64_t us = 0;

	for (size_t p = s->phase; p < PHASE_COUNT; p++)
		if (recipe_operation((enum phase)p))
			us += s->line->think_us[p];
	return us;
}

/* --- the channel it is on, its timer --- */

static void join(struct session *s, struct channel *c)
{
	s->channel = c;
	s->prev = NULL;
	s->next = c->sessions;
	if (c->sessions)
		c->sessions->prev = s;
	c->sessions = s;
	c->session_count++;
}

static void part(struct session *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		s->channel->sessions = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->channel->session_count--;
}

bool session_move(struct session *s, struct channel *to)
{
	if (!to || to == s->channel)
		return false;
	part(s);
	join(s, to);
	return true;
}

void session_rearm(struct session *s)
{
	uint64_t at_us = link_deadline_us(s->link);

	if (s->again_us && s->again_us < at_us)
		at_us = s->again_us;
	loop_at(s->line->loop, &s->timer, s->overdue ? LOOP_NEVER : at_us);
}

/* The link may have something to say, or another deadline. */
void session_touch(struct session *s)
{
	if (link_ready(s->link)) {
		if (s->ready_us == 0)
			s->ready_us = now(s);
	} else {
		s->ready_us = 0;
	}
	session_rearm(s);
	if (s->channel->lane && link_ready(s->link))
		lane_pump(s->channel->lane);
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct session *s = ctx;
	int result;

	if (s->again_us && now_us >= s->again_us) {
		s->again_us = 0;
		recipe_again(s);
		return;
	}
	if (!s->channel->lane) { /* silence while nobody listens is not the device's; arriving looks at it again */
		s->overdue = true;
		return;
	}
	result = link_expire(s->link, now_us);
	if (result < 0 && s->by_access)
		result = -access_expired(s, -result);
	if (result < 0) {
		if (s->phase == PHASE_ASK_FINISH)
			session_destroy(s);
		else
			session_end(s, -result);
		return;
	}
	session_touch(s);
}

/* --- beginning and end --- */

/* `id` becomes the session's, 8 octets; its first four are its number. NULL: no memory. */
static struct session *begin(struct line *line, struct unit *unit, uint8_t id[static 8])
{
	struct session *s = calloc(1, sizeof(*s));
	struct mr_rd key;

	if (!s)
		return NULL;
	do {
		entropy_fill(line->o.entropy, id, 8);
		key = mr_rd_over(id, 8);
		s->number = mr_rd_le32(&key);
	} while (map_get(&line->by_session, s->number));
	s->line = line;
	s->unit = unit;
	s->begun_us = s->step_us = now(s);
	s->call_counter = line->call_counter;
	s->timer = (struct loop_timer){ .fn = on_timer, .ctx = s, .at_us = LOOP_NEVER };
	if (!map_put(&line->by_session, s->number, s)) {
		free(s);
		return NULL;
	}
	return s;
}

static void take_up(struct session *s, struct channel *channel)
{
	join(s, channel);
	s->unit->session = s;
	s->line->session_count++;
	session_touch(s);
}

struct session *session_create(struct line *line, struct unit *unit, struct channel *channel, uint16_t steer_mhz)
{
	uint8_t id[8];
	struct session *s = begin(line, unit, id);

	if (!s)
		return NULL;
	action_init(&s->action, &line->station, unit->mac, id, unit->hello_nonce, steer_mhz, line->job->patience_us,
		    s->begun_us);
	s->link = &s->action.base;
	take_up(s, channel);
	return s;
}

struct session *session_create_over(struct line *line, struct unit *unit, struct channel *channel, struct link *link)
{
	uint8_t id[8];
	struct session *s = begin(line, unit, id);

	if (!s)
		return NULL;
	s->link = link;
	s->by_access = true;
	take_up(s, channel);
	return s;
}

void session_account(struct session *s)
{
	struct unit *u = s->unit;
	uint64_t air_us = (uint64_t)s->link->air_us_once;

	u->air_us += air_us;
	u->device_us += s->device_us;
	s->link->air_us_once = 0;
	s->device_us = 0;
}

void session_release(struct session *s)
{
	OPENSSL_cleanse(s->pin, sizeof(s->pin));
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

void session_destroy(struct session *s)
{
	struct line *line = s->line;

	session_account(s);
	if (s->ticket)
		line_forget_ticket(line, s);
	loop_cancel(line->loop, &s->timer);
	map_remove(&line->by_session, s->number);
	part(s);
	s->unit->session = NULL;
	line->session_count--;
	if (s->by_access)
		access_forget(s);
	link_wipe(s->link);
	if (s->signing)
		s->dead = true; /* the signer still holds it: freed when it answers */
	else
		session_release(s);
	admission_fill(line);
	line_check_end(line);
}

void session_record_step(struct session *s, enum journal_outcome outcome, int cause)
{
	enum job_step step = recipe_step(s->phase);
	uint64_t now_us = now(s);

	line_submit(s->line,
		    &(struct journal_record){ .kind = JOURNAL_STEP,
					      .step = { .attempt = s->attempt,
							.seq = ++s->step_seq,
							.name = job_step_name(step),
							.tries = 1 + s->step_misses,
							.at_us = line_utc_us(s->line) - (int64_t)(now_us - s->step_us),
							.duration_us = (uint32_t)(now_us - s->step_us),
							.device_us = s->step_device_us,
							.outcome = outcome,
							.cause = line_cause(cause) } });
	session_event(s, (struct line_event){ .kind = LINE_STEP,
					      .step = job_step_name(step),
					      .cause = cause,
					      .duration_us = now_us - s->step_us });
	s->step_us = now_us;
	s->step_device_us = s->step_misses = 0;
}

void session_record_end(struct session *s, enum journal_outcome outcome, int cause)
{
	uint64_t now_us = now(s);

	line_submit(
		s->line,
		&(struct journal_record){
			.kind = JOURNAL_ATTEMPT_END,
			.attempt_end = { .attempt = s->attempt,
					 .outcome = outcome,
					 .cause = line_cause(cause),
					 .step = outcome == OUTCOME_PASS ? NULL : job_step_name(recipe_step(s->phase)),
					 .at_us = line_utc_us(s->line),
					 .active_us = (uint32_t)(now_us - s->begun_us),
					 .device_us = s->device_us,
					 .wait_radio_us = s->wait_radio_us,
					 .wait_ca_us = s->wait_ca_us,
					 .wait_journal_us = s->wait_journal_us,
					 .frames_sent = s->link->frames_sent,
					 .frames_received = s->link->frames_received,
					 .retries = s->link->retries,
					 .octets = s->link->octets } });
	s->open = false;
}

/* The number of tries is used up, or the class of the cause decides: where does the unit go from here? */
static enum journal_unit_state judge(struct session *s, int cause)
{
	struct unit *u = s->unit;
	unsigned max = s->line->job->attempts_max;

	switch (mr_cause_class(cause)) {
	case MR_CLASS_AIR: return ++u->counted >= max ? UNIT_FAILED : UNIT_SEEN;
	case MR_CLASS_DEVICE:
		u->counted++;
		return ++u->device_faults >= 2 || u->counted >= max ? UNIT_QUARANTINED : UNIT_SEEN;
	case MR_CLASS_SECURITY: return UNIT_QUARANTINED;
	case MR_CLASS_POWER: return u->attempts >= max + POWER_EXTRA ? UNIT_FAILED : UNIT_SEEN;
	case MR_CLASS_STATION:
	case MR_CLASS_OPERATOR:
	case MR_CLASS_NONE: break;
	}
	return UNIT_HELD;
}

void session_say_verdict(struct session *s, uint8_t verdict)
{
	struct mr_wr w = mr_wr_over(s->line->scratch, sizeof(s->line->scratch));

	s->phase = PHASE_ASK_FINISH;
	if (!link_idle(s->link)) {
		session_destroy(s);
		return;
	}
	mr_request_begin(&w, MR_OP_FINISH);
	mr_attribute_add_u8(&w, MR_AT_VERDICT, verdict);
	s->link->patience_us = s->by_access ? FINISH_PATIENCE_ACCESS_US : FINISH_PATIENCE_US;
	if (link_request(s->link, mr_wr_written(&w), s->line->think_us[PHASE_ASK_FINISH], now(s)) != 0)
		session_destroy(s);
	else
		session_touch(s);
}

/* It never got as far as an attempt. */
static void end_unopened(struct session *s, int cause)
{
	struct line *line = s->line;
	struct unit *u = s->unit;

	u->handshakes_failed += cause == MR_CAUSE_HANDSHAKE_TIMEOUT || s->by_access;
	u->refusals += cause == MR_CAUSE_PASSPHRASE_REFUSED;
	/* Nobody signs that he refuses a passphrase: one refusal may be a crowded channel, or somebody's joke. */
	if ((mr_cause_class(cause) == MR_CLASS_SECURITY &&
	     (cause != MR_CAUSE_PASSPHRASE_REFUSED || u->refusals >= REFUSALS_MAX)) ||
	    u->handshakes_failed >= HANDSHAKES_MAX) {
		enum journal_unit_state state = mr_cause_class(cause) == MR_CLASS_SECURITY ? UNIT_QUARANTINED
											   : UNIT_FAILED;

		line_record_state(line, u, state, cause);
		line_settle(line, u, state, cause);
	} else {
		line_absent(line, u, now(s) + 10000000u + line->job->lease_us);
	}
	u->last_cause = cause;
	session_destroy(s);
}

void session_end(struct session *s, int cause)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	enum journal_unit_state state;
	enum journal_outcome outcome = OUTCOME_FAIL;
	uint8_t verdict = MR_VERDICT_RETRY;

	if (s->phase == PHASE_ASK_FINISH) {
		session_destroy(s);
		return;
	}
	if (!s->open) {
		end_unopened(s, cause);
		return;
	}
	if (s->ticket) {
		line_forget_ticket(line, s);
		s->ticket = 0;
	}
	if (cause == MR_CAUSE_NO_ANSWER) {
		outcome = OUTCOME_TIMEOUT;
		u->prescribed_us += line->job->patience_us;
	} else if (mr_cause_class(cause) == MR_CLASS_POWER) {
		outcome = OUTCOME_INTERRUPTED;
	} else if (mr_cause_class(cause) == MR_CLASS_STATION) {
		outcome = OUTCOME_ERROR;
	}
	session_record_step(s, outcome, cause);
	session_record_end(s, outcome, cause);
	session_account(s);
	u->last_cause = cause;
	u->next_kind = mr_cause_class(cause) == MR_CLASS_POWER ? ATTEMPT_RESUME : ATTEMPT_AUTO_RETRY;
	state = judge(s, cause);
	line_record_state(s->line, s->unit, state, cause);
	if (state == UNIT_SEEN) {
		line->retries++;
		u->state = state;
		session_event(s, (struct line_event){ .kind = LINE_UNIT_STATE, .state = state, .cause = cause });
		line_absent(line, u, now(s) + line->job->lease_us + 2000000u);
	} else {
		verdict = state == UNIT_QUARANTINED ? MR_VERDICT_QUARANTINE
			  : state == UNIT_FAILED    ? MR_VERDICT_FAIL
						    : MR_VERDICT_RETRY;
		line_settle(line, u, state, cause);
		if (state == UNIT_HELD)
			line_hold(line, cause, mr_cause_remedy(cause));
	}
	if (cause == MR_CAUSE_NO_ANSWER || mr_cause_class(cause) == MR_CLASS_POWER)
		session_destroy(s);
	else
		session_say_verdict(s, verdict);
}

void session_abort(struct session *s)
{
	if (s->open) {
		session_record_step(s, OUTCOME_ABORTED, MR_CAUSE_STOPPED);
		session_record_end(s, OUTCOME_ABORTED, MR_CAUSE_STOPPED);
		line_record_state(s->line, s->unit, UNIT_SEEN, MR_CAUSE_STOPPED);
	}
	session_destroy(s);
}

/* --- frames --- */

/* The 80 % quantile of the device's work, learned by stochastic approximation (Robbins, Monro 1951). */
static void learn(struct session *s, uint32_t busy_us)
{
	uint64_t *q = &s->line->think_us[s->phase];
	uint64_t step_us = *q / 16 + 500;

	if (busy_us > *q)
		*q += step_us * 4 / 5;
	else if (*q > step_us)
		*q -= step_us / 5;
}

static void note_memory(struct session *s, size_t extra)
{
	size_t octets = sizeof(*s) + link_memory(s->link) + extra;

	if (octets > s->line->session_octets)
		s->line->session_octets = octets;
}

void session_answer(struct session *s, struct mr_rd message)
{
	struct mr_message m;

	if (!mr_message_parse(message, &m)) {
		session_end(s, MR_CAUSE_BAD_RESPONSE);
		return;
	}
	s->device_us += m.busy_us;
	s->step_device_us += m.busy_us;
	s->step_misses += s->link->misses;
	if (s->by_access)
		note_memory(s, 0);
	learn(s, m.busy_us);
	recipe_response(s, &m);
}

void session_receive(struct session *s, const struct mr_frame *frame, const struct radio_rx *rx)
{
	struct line *line = s->line;
	struct mr_wr w = mr_wr_over(line->answer, sizeof(line->answer));
	struct mr_message m;
	int result;

	note_memory(s, frame->type == MR_DATA && !s->action.in ? MR_FRAGMENTS_MAX * (size_t)MR_FRAGMENT_MAX : 0);
	result = action_receive(&s->action, frame, &w, now(s));
	s->unit->rssi_dbm = rx->rssi_dbm;
	if (result == ACTION_HANDSHAKE || result == ACTION_RESPONSE) {
		session_move(s, lane_channel(line, rx->freq_mhz));
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
		session_touch(s);
}

void session_sent(struct session *s, uint8_t what, bool acked, unsigned tries)
{
	enum action_state before = s->action.state;

	link_sent(s->link, what, acked, tries, now(s));
	if (s->by_access) {
		session_touch(s);
		return;
	}
	if (before == ACTION_INVITING && s->action.state == ACTION_INVITED && s->action.steer_mhz)
		session_move(s, lane_channel(s->line, s->action.steer_mhz));
	if (before == ACTION_ANSWERING && s->action.state == ACTION_IDLE && s->phase == PHASE_WELCOMED) {
		recipe_stands(s);
		return;
	}
	session_touch(s);
}
