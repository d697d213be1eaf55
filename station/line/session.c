#include "station/line/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "station/line/ending.h"
#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/talk.h"

#define HANDSHAKES_MAX 5u /* chosen: calls without a handshake before the unit counts as failed */
#define REFUSALS_MAX 2u	  /* of a passphrase, a PIN or a certificate, by what cannot be authenticated */
#define POWER_EXTRA 3u	  /* attempts that power cuts may add to attempts.max */
/* Chosen, far beyond what a device needs that is only slow: nothing that a lower layer takes for progress moves it. */
#define ATTEMPT_US 300000000u
#define ATTEMPT_PATIENCES 40u
#define RECALL_US 10000000u /* a device calls again some seconds after its session was lost, beyond its lease */
#define RETRY_US 2000000u   /* the same for one that was told */

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

void session_enter(struct session *s, enum phase phase)
{
	assert(phase < PHASE_COUNT);
	if (phase_waits_for_us(s->phase))
		s->attempt_until_us += session_now(s) - s->phase_us;
	s->phase_us = session_now(s);
	if (phase != s->phase)
		log_state(&s->tag, LOG_SESSION, phase_name(s->phase), phase_name(phase), "%s",
			  job_step_name(phase_step(phase)));
	s->phase = phase;
}

void session_touch(struct session *s) { lane_touch(s); }

static void on_timer(void *ctx, uint64_t now_us)
{
	struct session *s = ctx;
	const struct method_ops *ops = s->unit->method->ops;
	int result;

	if (s->refused) {
		session_end(s, MR_CAUSE_RECORD_REFUSED);
		return;
	}
	if (now_us >= talk_until_us(s)) {
		log_write(&s->tag, LOG_SESSION, LOG_INFO, "%s for %llu ms: that is the end of it", phase_name(s->phase),
			  (unsigned long long)(now_us - s->phase_us) / 1000);
		session_end(s, MR_CAUSE_NO_ANSWER);
		return;
	}
	if (s->again_us && now_us >= s->again_us) {
		s->again_us = 0;
		s->line->program->again(s);
		return;
	}
	if (!s->channel->lane) { /* silence while nobody listens is not the device's; arriving looks at it again */
		s->overdue = true;
		return;
	}
	if (s->delivery.ops && s->delivery.ops->deadline_us && now_us >= s->delivery.ops->deadline_us(s)) {
		session_delivery(s, s->delivery.ops->expire(s, now_us));
		return;
	}
	result = link_expire(s->link, now_us);
	if (result < 0 && ops->expired)
		result = -ops->expired(s, -result);
	if (result < 0) {
		if (s->phase == PHASE_ASK_FINISH)
			session_destroy(s);
		else
			session_end(s, -result);
		return;
	}
	lane_touch(s);
}

/* --- beginning and end --- */

struct session *session_create(struct line *line, struct unit *unit, uint8_t id[static 8])
{
	struct session *s = calloc(1, sizeof(*s));
	struct mr_rd key;

	assert(!unit->session && !unit->alias);
	assert(!unit->settled || unit_asks_again(unit));
	if (!s)
		return NULL;
	do {
		entropy_fill(line->o.entropy, id, 8);
		key = mr_rd_over(id, 8);
		s->number = mr_rd_le32(&key);
	} while (map_get(&line->by_session, s->number));
	s->line = line;
	s->unit = unit;
	s->begun_us = s->step_us = s->phase_us = session_now(s);
	s->attempt_until_us = s->begun_us + ATTEMPT_US + ATTEMPT_PATIENCES * line->job->patience_us;
	s->call_counter = line->call_counter;
	s->timer = (struct loop_timer){ .fn = on_timer, .ctx = s, .at_us = LOOP_NEVER };
	s->tag = (struct log_tag){ .log = line->o.log };
	memcpy(s->tag.mac, unit->mac, 6);
	if (!map_put(&line->by_session, s->number, s)) {
		free(s);
		return NULL;
	}
	return s;
}

void session_go(struct session *s, struct channel *channel)
{
	assert(s->link && s->link->ops && !s->unit->session);
	s->link->tag = &s->tag;
	lane_join(s, channel);
	unit_take(s->line, s->unit);
	s->unit->session = s;
	s->line->session_count++;
	log_write(&s->tag, LOG_SESSION, LOG_DEBUG, "begins by %s, attempt %u", s->unit->method->name,
		  s->unit->attempts + 1);
	lane_touch(s);
}

int session_hand_over(struct session *s, struct unit *known)
{
	struct unit *u = s->unit;

	if (u->on_record || known->session || known->alias || known->settled)
		return MR_CAUSE_DUPLICATE_DEVICE;
	unit_take(s->line, known);
	unit_forget(known); /* what opened it at another time or place */
	known->method = u->method;
	known->way = u->way;
	known->home = u->home;
	known->rssi_dbm = u->rssi_dbm;
	u->way = NULL;
	u->alias = known;
	u->session = NULL;
	if (u->same_batch) {
		u->same_batch = false;
		s->line->seen--;
		s->line->named -= !u->unnamed;
	}
	unit_greet(s->line, known, &(struct radio_rx){ .freq_mhz = s->channel->freq_mhz, .rssi_dbm = known->rssi_dbm });
	known->session = s;
	s->unit = known;
	log_write(&s->tag, LOG_SESSION, LOG_INFO, "is unit %lld, known by another address", (long long)known->id);
	return 0;
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
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

void session_end_delivery(struct session *s)
{
	const struct delivery_ops *ops = s->delivery.ops;

	s->delivery.ops = NULL;
	if (ops && ops->end)
		ops->end(s);
	assert(!s->delivery.state);
	if (s->line->exclusive == s)
		s->line->exclusive = NULL;
}

void session_destroy(struct session *s)
{
	struct line *line = s->line;

	assert(s->unit->session == s && line->session_count > 0);
	session_account(s);
	lane_farewell(s);
	tickets_forget(&line->tickets, &s->ticket);
	loop_cancel(line->loop, &s->timer);
	map_remove(&line->by_session, s->number);
	session_end_delivery(s); /* while the session has its channel */
	lane_part(s);
	s->unit->session = NULL;
	line->session_count--;
	joining_unwatch(s);
	link_wipe(s->link);
	if (s->signing)
		s->dead = true; /* the signer still holds it: freed when it answers */
	else
		session_release(s);
	line->room(line);
	line_check_end(line);
}

void session_await(struct session *s)
{
	s->wait_us = session_now(s);
	if (s->refused) /* nothing that is permanent follows */
		return;
	tickets_wait(&s->line->tickets, &s->ticket, s->line->program->durable, s);
}

void session_delivery(struct session *s, int result)
{
	assert(s->delivery.ops);
	if (result < 0) {
		session_end(s, -result);
		return;
	}
	if (result == DELIVERY_DONE) {
		s->line->program->delivered(s);
		return;
	}
	lane_touch(s);
}

void session_record_step(struct session *s, enum journal_outcome outcome, int cause)
{
	enum job_step step = phase_step(s->phase);
	uint64_t now_us = session_now(s);

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

void session_record_transaction(struct session *s, const char *operation, uint64_t txn, enum journal_phase phase)
{
	line_submit(s->line, &(struct journal_record){ .kind = JOURNAL_TRANSACTION,
						       .transaction = { .unit = s->unit->id,
									.attempt = s->attempt,
									.transaction = txn,
									.operation = operation,
									.phase = phase,
									.at_us = line_utc_us(s->line) } });
}

void session_record_end(struct session *s, enum journal_outcome outcome, int cause)
{
	uint64_t now_us = session_now(s);

	line_submit(
		s->line,
		&(struct journal_record){
			.kind = JOURNAL_ATTEMPT_END,
			.attempt_end = { .attempt = s->attempt,
					 .outcome = outcome,
					 .cause = line_cause(cause),
					 .step = outcome == OUTCOME_PASS ? NULL : job_step_name(phase_step(s->phase)),
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

	session_enter(s, PHASE_ASK_FINISH);
	if (!link_idle(s->link)) {
		session_destroy(s);
		return;
	}
	mr_request_begin(&w, MR_OP_FINISH);
	mr_attribute_add_u8(&w, MR_AT_VERDICT, verdict);
	s->link->patience_us = s->unit->method->ops->verdict_us;
	if (link_request(s->link, mr_wr_written(&w), s->line->think_us[PHASE_ASK_FINISH], session_now(s)) != 0)
		session_destroy(s);
	else
		lane_touch(s);
}

/* Somebody in the device's place can be the reason just as well. */
static bool is_hearsay(int cause)
{
	return cause == MR_CAUSE_PASSPHRASE_REFUSED || cause == MR_CAUSE_PIN_REFUSED || cause == MR_CAUSE_PIN_LOCKED ||
	       cause == MR_CAUSE_CERTIFICATE_REFUSED;
}

/* Nothing that others can say settles a unit sooner than its own attempts do, and never as its own fault. */
static bool is_final(const struct unit *u, int cause)
{
	/* One refusal may be a crowded channel, or somebody's joke; each of a PIN is one of ten that lock the device.
	 */
	if (is_hearsay(cause))
		return cause != MR_CAUSE_PASSPHRASE_REFUSED && u->refusals >= REFUSALS_MAX;
	/* What does not go on record will not do so the next time. */
	return mr_cause_class(cause) == MR_CLASS_SECURITY || cause == MR_CAUSE_RECORD_REFUSED;
}

/* It never got as far as an attempt. */
static void end_unopened(struct session *s, int ended)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	int cause = unit_cause(u, ended);

	log_write(&s->tag, LOG_SESSION, LOG_INFO, "ends before it has begun: %s (%s)", mr_cause_name(cause),
		  mr_cause_sentence(cause));
	u->handshakes_failed += cause == MR_CAUSE_HANDSHAKE_TIMEOUT || cause == MR_CAUSE_DUPLICATE_ADDRESS ||
				s->unit->method->flags & METHOD_DEVICE_AP;
	u->refusals += is_hearsay(ended);
	if (u->settled) { /* it was only to be told what has become of it */
		session_destroy(s);
		return;
	}
	if (is_final(u, ended) || u->handshakes_failed >= HANDSHAKES_MAX) {
		enum journal_unit_state state = mr_cause_class(cause) == MR_CLASS_SECURITY ? UNIT_QUARANTINED
											   : UNIT_FAILED;

		unit_record_state(line, u, state, cause);
		unit_settle(line, u, state, cause);
	} else {
		unit_absent(line, u, session_now(s) + RECALL_US + line->job->lease_us);
	}
	u->last_cause = cause;
	session_destroy(s);
}

void session_end(struct session *s, int ended)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	int cause = unit_cause(u, ended);
	enum journal_unit_state state;
	enum journal_outcome outcome = OUTCOME_FAIL;
	uint8_t verdict = MR_VERDICT_RETRY;

	if (s->phase == PHASE_ASK_FINISH) {
		session_destroy(s);
		return;
	}
	if (!s->open) {
		end_unopened(s, ended);
		return;
	}
	tickets_forget(&line->tickets, &s->ticket);
	log_write(&s->tag, LOG_SESSION, LOG_INFO, "attempt %u ends while %s: %s (%s)", u->attempts,
		  phase_name(s->phase), mr_cause_name(cause), mr_cause_sentence(cause));
	if (ended == MR_CAUSE_NO_ANSWER) {
		outcome = OUTCOME_TIMEOUT;
		u->prescribed_us += line->job->patience_us;
	} else if (mr_cause_class(cause) == MR_CLASS_POWER) {
		outcome = OUTCOME_INTERRUPTED;
	} else if (mr_cause_class(cause) == MR_CLASS_STATION) {
		outcome = OUTCOME_ERROR;
	}
	/* One without the other, and a unit that is quarantined would be tried again by the next session. */
	tickets_hold(&line->tickets);
	session_record_step(s, outcome, cause);
	session_record_end(s, outcome, cause);
	session_account(s);
	u->last_cause = cause;
	u->next_kind = mr_cause_class(cause) == MR_CLASS_POWER ? ATTEMPT_RESUME : ATTEMPT_AUTO_RETRY;
	state = judge(s, cause);
	unit_record_state(s->line, s->unit, state, cause);
	tickets_release(&line->tickets);
	if (state == UNIT_SEEN) {
		line->retries++;
		u->state = state;
		session_event(s, (struct line_event){ .kind = LINE_UNIT_STATE, .state = state, .cause = cause });
		unit_absent(line, u, session_now(s) + line->job->lease_us + RETRY_US);
	} else {
		verdict = state == UNIT_QUARANTINED ? MR_VERDICT_QUARANTINE
			  : state == UNIT_FAILED    ? MR_VERDICT_FAIL
						    : MR_VERDICT_RETRY;
		unit_settle(line, u, state, cause);
		if (state == UNIT_HELD)
			line_hold(line, cause, mr_cause_remedy(cause));
	}
	if (ended == MR_CAUSE_NO_ANSWER || mr_cause_class(ended) == MR_CLASS_POWER)
		session_destroy(s);
	else
		session_say_verdict(s, verdict);
}

void session_refuse(struct session *s)
{
	s->refused = true;
	talk_rearm(s);
}

void session_abort(struct session *s)
{
	if (s->open) {
		session_record_step(s, OUTCOME_ABORTED, MR_CAUSE_STOPPED);
		session_record_end(s, OUTCOME_ABORTED, MR_CAUSE_STOPPED);
		unit_record_state(s->line, s->unit, UNIT_SEEN, MR_CAUSE_STOPPED);
	}
	session_destroy(s);
}

/* --- answers --- */

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

void session_note_memory(struct session *s, size_t extra)
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
	session_note_memory(s, 0);
	learn(s, m.busy_us);
	s->line->program->response(s, &m);
}
