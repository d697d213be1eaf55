#include "station/line/recipe.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "station/line/credentials_step.h"
#include "station/line/ending.h"
#include "station/line/events.h"
#include "station/line/identity_step.h"
#include "station/line/lane.h"
#include "station/line/proof.h"
#include "station/line/verify_step.h"
#include "station/link/none.h"

static void next(struct session *s, int result);

/* --- what the device is, by its first message --- */

static bool text_is(struct mr_rd value, const char *text)
{
	return value.left == strlen(text) && mr_equal(value.at, text, value.left);
}

/* false: the record does not take this device. */
static bool open_attempt(struct session *s, const struct mr_message *m)
{
	struct line *line = s->line;
	struct unit *u = s->unit;

	assert(!s->open && !u->settled);
	if (!unit_record(line, u, m))
		return false;
	s->attempt = line->next_attempt++;
	s->open = true;
	u->state = UNIT_ACTIVE;
	line_submit(line, &(struct journal_record){
				  .kind = JOURNAL_ATTEMPT,
				  .attempt = { .attempt = s->attempt,
					       .unit = u->id,
					       .n = ++u->attempts,
					       .kind = u->next_kind,
					       .radio = s->channel->lane ? s->channel->lane->radio->caps.name : "",
					       .freq_mhz = s->channel->freq_mhz,
					       .rssi_dbm = u->rssi_dbm,
					       .method = u->method->name,
					       .at_us = line_utc_us(line) } });
	session_event(s, (struct line_event){ .kind = LINE_ATTEMPT });
	if (u->method->ops->opened)
		u->method->ops->opened(s);
	return true;
}

static int check_measurement(struct session *s, const char *name, double value, const char *unit, bool device_says)
{
	const struct job *job = s->line->job;
	struct journal_measurement m = {
		.attempt = s->attempt, .name = name, .value = value, .unit = unit, .passed = device_says
	};

	for (size_t i = 0; i < job->limit_count; i++)
		if (strcmp(job->limits[i].name, name) == 0) {
			m.has_low = job->limits[i].has_low;
			m.has_high = job->limits[i].has_high;
			m.low = job->limits[i].low;
			m.high = job->limits[i].high;
			m.unit = job->limits[i].unit;
			m.passed = m.passed && !(m.has_low && value < m.low) && !(m.has_high && value > m.high);
		}
	line_submit(s->line, &(struct journal_record){ .kind = JOURNAL_MEASUREMENT, .measurement = m });
	return m.passed ? 0 : MR_CAUSE_LIMIT_EXCEEDED;
}

static int check_rssi(struct session *s)
{
	return check_measurement(s, JOB_LIMIT_RSSI, s->unit->rssi_dbm, "dBm", true);
}

static int compare_with_record(struct session *s)
{
	const struct unit *u = s->unit;

	if (s->device_has_key && unit_key_taken(s->line, s->unit, s->device_key_id))
		return MR_CAUSE_DUPLICATE_KEY;
	if (u->has_certificate && (!s->device_has_key || !mr_equal(u->spki_sha256, s->device_key_id, 32)))
		return MR_CAUSE_KEY_CHANGED;
	if (!u->has_certificate && (s->stage & (MR_STAGE_IDENTITY | MR_STAGE_SEALED)))
		return MR_CAUSE_UNKNOWN_IDENTITY;
	if (u->has_receipt && !(s->stage & MR_STAGE_SEALED))
		return MR_CAUSE_UNKNOWN_IDENTITY;
	return 0;
}

static int introduce(struct session *s, const struct mr_message *m)
{
	if (m->operation != MR_OP_STATUS || !m->response || !m->has[MR_AT_DEVICE_ID] || !m->has[MR_AT_STAGE])
		return MR_CAUSE_BAD_RESPONSE;
	s->stage = m->value[MR_AT_STAGE].at[0];
	/* Of another lot, and sealed: it has what it was given there, and can be given nothing else. */
	if (s->stage & MR_STAGE_SEALED && !s->unit->credentials_txn) {
		s->unit->credentials_txn = s->unit->earlier_credentials_txn;
		s->unit->sealed_elsewhere = s->unit->credentials_txn != 0;
	}
	s->device_has_key = m->has[MR_AT_KEY_ID];
	if (s->device_has_key)
		memcpy(s->device_key_id, m->value[MR_AT_KEY_ID].at, 32);
	return 0;
}

/* Is it what the job and the record say? Opens the attempt. 0 or a cause. */
static int examine(struct session *s, const struct mr_message *m)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	int cause;

	u->handshakes_failed = u->refusals = 0;
	if (u->settled && u->state == UNIT_PASSED)
		return 0;
	if (!open_attempt(s, m))
		return MR_CAUSE_RECORD_REFUSED;
	if (!m->has[MR_AT_PRODUCT] || !text_is(m->value[MR_AT_PRODUCT], line->job->product))
		return MR_CAUSE_WRONG_PRODUCT;
	cause = compare_with_record(s);
	return cause ? cause : check_rssi(s);
}

/*
 * It says that it is a unit which is known by another address. Anybody can say so: what the record can prove is proved
 * before the unit is touched, and while that unit is heard where it has always been, this is not its device.
 */
static int claim(struct session *s, const struct mr_message *m, struct unit *known)
{
	if (known->has_certificate) {
		if (!s->device_has_key || !mr_equal(known->spki_sha256, s->device_key_id, 32))
			return MR_CAUSE_DUPLICATE_DEVICE;
		if (proof_claim(s, m, known) != 0)
			return MR_CAUSE_BAD_SIGNATURE;
	} else if (known->first_heard_us != 0) {
		return MR_CAUSE_DUPLICATE_DEVICE;
	}
	return session_hand_over(s, known);
}

/* The device is another one than its address made us think. */
static int identify(struct session *s, const struct mr_message *m)
{
	const uint8_t *device_id = m->value[MR_AT_DEVICE_ID].at;
	struct line *line = s->line;
	struct unit *u = s->unit, *known = unit_of_id(line, device_id);

	if (known == u)
		return 0;
	if (!unit_id_valid(device_id, u->mac))
		return MR_CAUSE_RECORD_REFUSED;
	if (u->on_record) { /* by another id: two devices take turns under this address */
		unit_shares_address(line, u,
				    &(struct radio_rx){ .freq_mhz = s->channel->freq_mhz, .rssi_dbm = u->rssi_dbm });
		return MR_CAUSE_DUPLICATE_ADDRESS;
	}
	if (known)
		return claim(s, m, known);
	/* The record has never heard of it: from now on it goes by its own id. */
	if (!unit_rename(line, u, device_id))
		return MR_CAUSE_NO_MEMORY;
	if (line->o.release_us)
		u->release_us = line->o.release_us(line->o.ctx, device_id);
	return 0;
}

/* Several were asked at a time, and those that answered before it are as many as the job wants. */
static bool is_too_many(struct session *s)
{
	const struct unit *u = s->unit;

	if (!u->unnamed || u->same_batch || s->line->named < s->line->job->quantity)
		return false;
	line_stranger(s->line, u->mac, &(struct radio_rx){ .freq_mhz = s->channel->freq_mhz, .rssi_dbm = u->rssi_dbm },
		      "beyond-quantity");
	session_destroy(s);
	return true;
}

/* The first thing that a device says over a link that needs no introduction to come up. */
static int on_introduction(struct session *s, const struct mr_message *m)
{
	int cause = introduce(s, m);

	if (!cause)
		cause = identify(s, m);
	if (!cause && is_too_many(s))
		return RECIPE_WAITS;
	if (!cause)
		cause = examine(s, m);
	if (cause)
		return -cause;
	if (!proof_is_recent(m))
		return -MR_CAUSE_FIRMWARE_OLD;
	if (s->unit->settled) { /* it passed in an earlier session, and did not hear so */
		session_say_verdict(s, MR_VERDICT_PASS);
		return RECIPE_WAITS;
	}
	if (s->device_has_key && s->unit->has_certificate)
		cause = proof_status(s, m);
	return cause ? -cause : RECIPE_DONE;
}

static int on_status(struct session *s, const struct mr_message *m)
{
	int cause;

	if (!s->open)
		return on_introduction(s, m);
	cause = proof_is_recent(m) ? proof_status(s, m) : MR_CAUSE_FIRMWARE_OLD;
	return cause ? -cause : RECIPE_DONE;
}

static bool reports(const struct mr_message *m, const char *name)
{
	for (size_t i = 0; i < m->item_count; i++)
		if (strcmp(m->items[i].name, name) == 0)
			return true;
	return false;
}

/* Nobody reports it: a word of the job, or the firmware of the whole tray. Nothing of the tray is to be lost by it. */
static int hold_for_limit(struct line *line, const struct mr_message *m, const char *name)
{
	char words[200];
	size_t at = (size_t)snprintf(words, sizeof(words), "the job limits \"%s\", and the self-test reports", name);

	for (size_t i = 0; i < m->item_count && at < sizeof(words); i++)
		at += (size_t)snprintf(words + at, sizeof(words) - at, "%s %s", i ? "," : "", m->items[i].name);
	line_hold(line, MR_CAUSE_LIMITS_UNKNOWN, words);
	return MR_CAUSE_LIMITS_UNKNOWN;
}

/* What did not come is no pass: each limit of the job is on a measurement that there is. 0 or a cause. */
static int compare_with_limits(struct session *s, const struct mr_message *m)
{
	struct line *line = s->line;
	int cause = 0;

	for (size_t i = 0; i < line->job->limit_count; i++) {
		const char *name = line->job->limits[i].name;

		if (reports(m, name))
			line->limit_measured[i] = true;
		else if (strcmp(name, JOB_LIMIT_RSSI) == 0) /* the station's own */
			continue;
		else if (!line->limit_measured[i])
			return hold_for_limit(line, m, name);
		else
			cause = MR_CAUSE_NOT_MEASURED;
	}
	return cause;
}

static int on_selftest(struct session *s, const struct mr_message *m)
{
	int cause = m->item_count > 0 ? compare_with_limits(s, m) : MR_CAUSE_BAD_RESPONSE;

	for (size_t i = 0; i < m->item_count; i++) {
		int one = check_measurement(s, m->items[i].name, m->items[i].value, "", m->items[i].passed);

		if (cause == MR_CAUSE_LIMITS_UNKNOWN) /* our own trouble: nothing counts against the unit */
			continue;
		if (!m->items[i].passed)
			cause = MR_CAUSE_SELFTEST_FAILED;
		else if (one && !cause)
			cause = one;
	}
	if (!cause)
		cause = m->cause;
	return cause ? -cause : RECIPE_DONE;
}

/* --- the end of it --- */

static void record_pass(struct session *s)
{
	struct unit *u = s->unit;

	if (!job_has_step(s->line->job, JOB_SEAL)) /* else held since the receipt */
		tickets_hold(&s->line->tickets);
	session_record_step(s, OUTCOME_PASS, 0);
	if (job_has_step(s->line->job, JOB_IDENTITY))
		line_submit(s->line, &(struct journal_record){ .kind = JOURNAL_CERT_STATE,
							       .cert_state = { .unit = u->id,
									       .state = CERT_VERIFIED,
									       .at_us = line_utc_us(s->line) } });
	session_record_end(s, OUTCOME_PASS, 0);
	unit_record_state(s->line, s->unit, UNIT_PASSED, 0);
	tickets_release(&s->line->tickets);
	session_enter(s, PHASE_RECORDING_OUTCOME);
	session_await(s);
}

/* PASS is said only now: everything about the unit is on the disk. */
static int passed(struct session *s)
{
	struct line *line = s->line;
	struct unit *u = s->unit;

	session_account(s);
	if (line->chain_count <= line->job->quantity)
		line->chains[line->chain_count++] = session_now(s) - s->begun_us;
	line->first_pass += u->counted == 0;
	u->has_receipt = job_has_step(line->job, JOB_SEAL);
	unit_settle(line, u, UNIT_PASSED, 0);
	session_say_verdict(s, MR_VERDICT_PASS);
	return RECIPE_WAITS;
}

static int on_finished(struct session *s, const struct mr_message *m)
{
	struct unit *u = s->unit;

	(void)m;
	u->told = u->settled;
	session_destroy(s);
	if (u->told)
		unit_forget(u);
	return RECIPE_WAITS;
}

/* --- the table --- */

/* What is asked in a phase, what its answer leads to, what follows when it has waited for the record. */
static const struct {
	int (*build)(struct session *s, struct mr_wr *w); /* NULL: nothing beside the operation */
	int (*on_response)(struct session *s, const struct mr_message *m);
	int (*on_durable)(struct session *s);
	enum mr_cause takes; /* this refusal is for on_response too, and no error yet */
} rows[PHASE_COUNT] = {
	[PHASE_ASK_STATUS] = { .build = verify_build, .on_response = on_status },
	[PHASE_ASK_SELFTEST] = { .on_response = on_selftest, .takes = MR_CAUSE_SELFTEST_FAILED },
	[PHASE_ASK_KEY] = { .build = identity_build_key, .on_response = identity_on_key },
	[PHASE_RECORDING_IDENTITY] = { .on_durable = identity_recorded },
	[PHASE_ASK_IDENTITY] = { .build = identity_build, .on_response = identity_on_stored },
	[PHASE_COMMIT_IDENTITY] = { .build = identity_build_commit, .on_response = identity_on_committed },
	[PHASE_ASK_NETWORKS] = { .build = credentials_build_networks,
				 .on_response = credentials_on_networks,
				 .takes = MR_CAUSE_UNSUPPORTED },
	[PHASE_RECORDING_CREDENTIALS] = { .on_durable = credentials_recorded },
	[PHASE_ASK_CREDENTIALS] = { .build = credentials_build,
				    .on_response = credentials_on_stored,
				    .takes = MR_CAUSE_NOT_HEARD },
	[PHASE_COMMIT_CREDENTIALS] = { .build = credentials_build_commit, .on_response = credentials_on_committed },
	[PHASE_ASK_VERIFY] = { .build = verify_build, .on_response = verify_on_proof },
	[PHASE_ASK_JOIN] = { .build = credentials_build_commit, .on_response = verify_on_join },
	[PHASE_ASK_JOINED] = { .build = verify_build, .on_response = verify_on_joined },
	[PHASE_RECORDING_SEAL] = { .on_durable = seal_recorded },
	[PHASE_ASK_SEAL] = { .build = verify_build, .on_response = seal_on_receipt },
	[PHASE_RECORDING_OUTCOME] = { .on_durable = passed },
	[PHASE_ASK_FINISH] = { .on_response = on_finished },
};

static int done(struct session *s) { return (void)s, RECIPE_DONE; }
static int selftest_begin(struct session *s) { return (void)s, RECIPE_ASK(PHASE_ASK_SELFTEST); }

static int identity_begin(struct session *s)
{
	if (!(s->stage & MR_STAGE_IDENTITY))
		return RECIPE_ASK(PHASE_ASK_KEY);
	session_enter(s, PHASE_COMMIT_IDENTITY);
	return RECIPE_DONE;
}

static int (*const steps[JOB_STEP_COUNT])(struct session *s) = {
	[JOB_IDENTIFY] = done,		 [JOB_SELFTEST] = selftest_begin,
	[JOB_IDENTITY] = identity_begin, [JOB_CREDENTIALS] = credentials_begin,
	[JOB_VERIFY] = verify_begin,	 [JOB_SEAL] = seal_begin,
};

/* --- the way through it --- */

/* Sends what was built, and wipes it: it may hold a passphrase or a verifier. 0 or -(cause). */
static int ask(struct session *s, enum phase phase)
{
	struct mr_wr w = mr_wr_over(s->line->scratch, sizeof(s->line->scratch));
	int result = 0;

	assert(phase_operation(phase) && rows[phase].on_response);
	session_enter(s, phase);
	mr_request_begin(&w, phase_operation(phase));
	if (rows[phase].build)
		result = rows[phase].build(s, &w);
	if (result == 0)
		result = w.bad ? -MR_CAUSE_TOO_LONG
			       : link_request(s->link, mr_wr_written(&w), s->line->think_us[phase], session_now(s));
	mr_wipe(s->line->scratch, w.len);
	s->asked_us = session_now(s);
	if (result == 0)
		lane_touch(s);
	return result;
}

static int begin_step(struct session *s)
{
	const struct job *job = s->line->job;

	return s->recipe_at < job->recipe_len ? steps[job->recipe[s->recipe_at]](s) : RECIPE_ENDS;
}

/* The one way on: what a part of the recipe has come to. The session may be gone after it. */
static void next(struct session *s, int result)
{
	while (result == RECIPE_DONE) {
		session_record_step(s, OUTCOME_PASS, 0);
		s->recipe_at++;
		result = begin_step(s);
	}
	if (result >= RECIPE_ASKS)
		result = ask(s, (enum phase)(result - RECIPE_ASKS));
	if (result < 0)
		session_end(s, -result);
	else if (result == RECIPE_ENDS)
		record_pass(s);
}

static void on_durable(void *ctx)
{
	struct session *s = ctx;

	assert(rows[s->phase].on_durable); /* a session waits for the record in no other phase */
	s->durable = s->ticket.number;
	s->wait_journal_us += (uint32_t)(session_now(s) - s->wait_us);
	next(s, rows[s->phase].on_durable(s));
}

static void on_again(struct session *s)
{
	next(s, phase_operation(s->phase) ? RECIPE_ASK(s->phase) : verify_expired(s));
}

static void on_response(struct session *s, const struct mr_message *m)
{
	if (!m->response || m->operation != phase_operation(s->phase)) {
		session_end(s, MR_CAUSE_BAD_RESPONSE);
		return;
	}
	assert(rows[s->phase].on_response);
	if (m->cause && m->cause != rows[s->phase].takes) {
		session_end(s,
			    mr_cause_class(m->cause) == MR_CLASS_DEVICE || mr_cause_class(m->cause) == MR_CLASS_SECURITY
				    ? m->cause
				    : MR_CAUSE_BAD_RESPONSE);
		return;
	}
	next(s, rows[s->phase].on_response(s, m));
}

static void on_delivered(struct session *s)
{
	struct line *line = s->line;

	next(s, credentials_delivered(s));
	recipe_turn(line);
}

const struct session_program recipe_program = {
	.next = next, .durable = on_durable, .again = on_again, .response = on_response, .delivered = on_delivered
};

void recipe_turn(struct line *line)
{
	struct session *oldest = NULL;

	if (line->exclusive)
		return;
	for (size_t i = 0; i < line->channel_count; i++)
		for (struct session *s = line->channels[i].sessions; s; s = s->next)
			if (s->phase == PHASE_AWAITING_TURN && lane_may_begin_exclusive(s) &&
			    (!oldest || s->begun_us < oldest->begun_us))
				oldest = s;
	if (oldest)
		next(oldest, credentials_turn(oldest));
}

/* --- how it begins --- */

void recipe_welcome(struct session *s, const struct mr_message *m)
{
	struct line *line = s->line;
	struct unit *u = s->unit;
	struct mr_welcome welcome = { .lease_s = line->station.lease_s, .utc_us = loop_utc_us(line->loop) };
	uint8_t payload[MR_WELCOME_LEN], e[32];
	struct mr_wr w = mr_wr_over(payload, sizeof(payload));
	int result;

	if (introduce(s, m) != 0 || !mr_equal(m->value[MR_AT_DEVICE_ID].at, u->device_id, 8)) {
		session_end(s, MR_CAUSE_BAD_RESPONSE);
		return;
	}
	mr_welcome_build(&w, &welcome);
	entropy_fill(line->o.entropy, e, sizeof(e));
	result = action_accept(&s->action, e, mr_wr_written(&w), session_now(s));
	mr_wipe(e, sizeof(e));
	if (result != 0) {
		session_end(s, -result);
		return;
	}
	result = examine(s, m);
	session_enter(s, PHASE_WELCOMED);
	s->verdict = (uint8_t)result; /* told when message 2 has arrived */
	lane_touch(s);
}

void recipe_stands(struct session *s)
{
	assert(s->phase == PHASE_WELCOMED);
	if (s->unit->settled && s->unit->state == UNIT_PASSED)
		session_say_verdict(s, MR_VERDICT_PASS);
	else if (s->verdict)
		session_end(s, s->verdict);
	else
		next(s, s->device_has_key && s->unit->has_certificate ? RECIPE_ASK(PHASE_ASK_STATUS) : RECIPE_DONE);
}

void recipe_linked(struct session *s)
{
	next(s, RECIPE_ASK(s->phase == PHASE_INVITED ? PHASE_ASK_STATUS : PHASE_ASK_JOINED));
}

enum method_opened recipe_open_foreign(struct line *line, struct unit *u, struct channel *home)
{
	uint8_t id[8];
	struct session *s = session_create(line, u, id);

	if (!s)
		return METHOD_NO_ROOM;
	link_none_init(&s->none);
	s->link = &s->none;
	if (u->delivered) /* nobody saw it join the last time */
		s->stage |= MR_STAGE_CREDENTIALS;
	session_go(s, home);
	if (open_attempt(s, NULL)) {
		int cause = check_rssi(s); /* all that can be measured of it */

		next(s, cause ? -cause : begin_step(s));
	} else {
		session_end(s, MR_CAUSE_RECORD_REFUSED);
	}
	return METHOD_OPENED;
}
