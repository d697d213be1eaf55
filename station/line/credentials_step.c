#include "station/line/credentials_step.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/proof.h"
#include "station/line/talk.h"
#include "station/line/verify_step.h"

/* Its device is asked which networks it hears. */
static bool scans(const struct session *s) { return s->unit->method->flags & METHOD_DEVICE_AP; }

static int record_intent(struct session *s)
{
	struct unit *u = s->unit;

	session_enter(s, PHASE_RECORDING_CREDENTIALS);
	if (!u->credentials_txn) {
		u->credentials_txn = s->line->next_txn++;
		session_record_transaction(s, "credentials", u->credentials_txn, PHASE_INTENT);
	}
	session_await(s);
	return RECIPE_WAITS;
}

int credentials_begin(struct session *s)
{
	const struct unit *u = s->unit;

	if (s->intent_durable && !scans(s) && !u->method->delivery) {
		s->intent_durable = false;
		return RECIPE_ASK(PHASE_ASK_CREDENTIALS);
	}
	if ((s->stage & MR_STAGE_CREDENTIALS) && (u->credentials_txn || (s->stage & MR_STAGE_SEALED))) {
		session_enter(s, PHASE_COMMIT_CREDENTIALS);
		return RECIPE_DONE;
	}
	return scans(s) ? RECIPE_ASK(PHASE_ASK_NETWORKS) : record_intent(s);
}

int credentials_build_networks(struct session *s, struct mr_wr *w)
{
	mr_attribute_add(w, MR_AT_SSID, s->line->job->ssid, s->line->job->ssid_len);
	return 0;
}

int credentials_on_networks(struct session *s, const struct mr_message *m)
{
	int cause = joining_pick(s, m);

	if (cause)
		return -cause;
	return s->again_us ? RECIPE_WAITS : record_intent(s);
}

int credentials_recorded(struct session *s)
{
	if (!s->unit->method->delivery)
		return RECIPE_ASK(PHASE_ASK_CREDENTIALS);
	if (s->unit->method->flags & METHOD_EXCLUSIVE && !lane_may_begin_exclusive(s)) {
		session_enter(s, PHASE_AWAITING_TURN);
		return RECIPE_WAITS;
	}
	return credentials_turn(s);
}

/* --- by a request --- */

#define CAST_ASKS_MAX 5u /* chosen: by headers a broadcast goes round in half a second; then the session carries it */
#define CAST_AGAIN_US 300000u /* chosen */

/* It has heard the network of the job, or is about to: the request says which broadcast that is. */
static bool by_cast(const struct session *s)
{
	return s->unit->method->cast && s->line->cast_issue && s->cast_asks < CAST_ASKS_MAX;
}

int credentials_build(struct session *s, struct mr_wr *w)
{
	const struct job *job = s->line->job;

	assert(s->unit->credentials_txn);
	s->has_credentials_digest = proof_credentials_digest(s, s->credentials_digest);
	mr_attribute_add_u64(w, MR_AT_TXN, s->unit->credentials_txn);
	if (by_cast(s)) {
		mr_attribute_add_u64(w, MR_AT_ISSUE, s->line->cast_issue);
		return 0;
	}
	mr_attribute_add(w, MR_AT_SSID, job->ssid, job->ssid_len);
	mr_attribute_add_u8(w, MR_AT_SECURITY, (uint8_t)job->security);
	if (s->line->passphrase[0])
		mr_attribute_add(w, MR_AT_PASSPHRASE, s->line->passphrase, strlen(s->line->passphrase));
	return 0;
}

/* Not yet: it is asked again, a few times. */
static int ask_again(struct session *s)
{
	if (!by_cast(s))
		return -MR_CAUSE_BAD_RESPONSE;
	s->cast_asks++;
	s->again_us = session_now(s) + CAST_AGAIN_US;
	talk_rearm(s);
	return RECIPE_WAITS;
}

int credentials_on_stored(struct session *s, const struct mr_message *m)
{
	int cause;

	if (m->cause == MR_CAUSE_NOT_HEARD)
		return ask_again(s);
	cause = proof_digest(m, s->credentials_digest);
	s->by_cast = by_cast(s);
	return cause ? -cause : RECIPE_ASK(PHASE_COMMIT_CREDENTIALS);
}

static void record_delivery(struct session *s, const char *evidence)
{
	line_submit(s->line, &(struct journal_record){ .kind = JOURNAL_DELIVERY,
						       .delivery = { .attempt = s->attempt,
								     .unit = s->unit->id,
								     .method = s->unit->method->name,
								     .evidence = evidence,
								     .at_us = line_utc_us(s->line) } });
}

int credentials_build_commit(struct session *s, struct mr_wr *w)
{
	mr_attribute_add_u64(w, MR_AT_TXN, s->unit->credentials_txn);
	return 0;
}

/* They are with the device for good. */
static void record_commit(struct session *s)
{
	struct unit *u = s->unit;

	s->stage |= MR_STAGE_CREDENTIALS;
	s->committed |= MR_STAGE_CREDENTIALS;
	session_record_transaction(s, "credentials", u->credentials_txn, PHASE_COMMITTED);
	/* SEAL's intent is durable by the time that VERIFY is answered. */
	if (job_has_step(s->line->job, JOB_SEAL) && !u->seal_txn) {
		u->seal_txn = s->line->next_txn++;
		session_record_transaction(s, "seal", u->seal_txn, PHASE_INTENT);
	}
}

/* Did the broadcast carry them, or the session? */
static void record_cast(struct session *s)
{
	char evidence[JOURNAL_EVIDENCE_MAX + 1];

	snprintf(evidence, sizeof(evidence),
		 "{\"proved\":\"batch-key\",\"protocol\":\"sealed 1\",\"by\":\"%s\",\"not_heard\":%u}",
		 s->by_cast ? "broadcast" : "session", s->cast_asks);
	record_delivery(s, evidence);
}

int credentials_on_committed(struct session *s, const struct mr_message *m)
{
	(void)m;
	record_commit(s);
	if (s->unit->method->cast)
		record_cast(s);
	if (scans(s) && !(s->line->job->join && job_has_step(s->line->job, JOB_VERIFY)))
		joining_record(s);
	return RECIPE_DONE;
}

/* --- by the method's own delivery --- */

int credentials_turn(struct session *s)
{
	const struct method *method = s->unit->method;
	int result;

	assert(method->delivery && !s->delivery.ops && !s->delivery.state);
	if (method->flags & METHOD_EXCLUSIVE) {
		assert(!s->line->exclusive);
		s->line->exclusive = s;
	}
	session_enter(s, PHASE_DELIVERING);
	s->delivery.ops = method->delivery;
	result = verify_watch(s);
	if (result == 0)
		result = method->delivery->begin(s);
	if (result == DELIVERY_GOES_ON)
		session_touch(s);
	return result < 0 ? result : result == DELIVERY_DONE ? credentials_delivered(s) : RECIPE_WAITS;
}

/* What the method saw of it. */
static void record_evidence(struct session *s)
{
	const struct delivery_ops *ops = s->delivery.ops;
	char evidence[JOURNAL_EVIDENCE_MAX + 1] = "{}";

	if (ops->evidence) {
		size_t len = ops->evidence(s, evidence, sizeof(evidence));

		assert(len < sizeof(evidence) && evidence[len] == '\0');
	}
	record_delivery(s, evidence);
}

int credentials_delivered(struct session *s)
{
	assert(s->phase == PHASE_DELIVERING && s->delivery.ops);
	record_commit(s);
	s->unit->delivered = true;
	record_evidence(s);
	session_end_delivery(s);
	return RECIPE_DONE;
}
