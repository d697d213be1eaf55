#include "station/line/verify_step.h"

#include <assert.h>

#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/proof.h"

#define VERIFIED_US 500000u    /* chosen: a 4-way handshake is over by then, with its repeats */
#define JOIN_SEEN_US 20000000u /* chosen: a chip that boots, scans all channels and tries twice has joined by then */

/* The device goes to its network from where it is, and comes back. */
static bool joins(const struct session *s) { return s->unit->method->flags & METHOD_DEVICE_AP && s->line->job->join; }

/* --- a device that answers no requests is seen to join: there is no other proof --- */

/* Seen to be let in: what would verify its key comes with it, or was missed. */
static void foreign_first(struct session *s)
{
	if (s->phase == PHASE_JOINING) {
		s->again_us = session_now(s) + VERIFIED_US;
		session_touch(s);
	}
}

static void foreign_complete(struct session *s)
{
	if (s->phase == PHASE_DELIVERING && s->unit->method->flags & METHOD_BROADCAST) {
		s->line->program->delivered(s); /* a broadcast has no other end for it */
		return;
	}
	if (s->phase != PHASE_JOINING) /* it has joined while the delivery is still at work */
		return;
	s->again_us = 0;
	joining_record(s);
	s->line->program->next(s, RECIPE_DONE);
}

static const struct joining_events foreign_events = { foreign_first, foreign_complete };

int verify_watch(struct session *s)
{
	if (!(s->unit->method->flags & METHOD_NO_REQUESTS))
		return 0;
	s->joining.asked_us = session_now(s);
	joining_watch(s, s->unit->mac, &foreign_events);
	return s->joining.watched ? 0 : -MR_CAUSE_DUPLICATE_DEVICE;
}

static int verify_foreign(struct session *s)
{
	struct channel *there = joining_channel(s);

	session_enter(s, PHASE_JOINING);
	if (s->joining.complete) {
		joining_record(s);
		return RECIPE_DONE;
	}
	if (!s->joining.watched) { /* a resumed unit: its credentials were delivered in an earlier attempt */
		int result = verify_watch(s);

		if (result)
			return result;
	}
	if (lane_move(s, there))
		lanes_kick(s->line);
	s->again_us = session_now(s) + (s->joining.observed == OBSERVED_NO ? JOIN_SEEN_US : VERIFIED_US);
	session_touch(s);
	return RECIPE_WAITS;
}

int verify_expired(struct session *s)
{
	assert(s->unit->method->flags & METHOD_NO_REQUESTS);
	joining_record(s);
	return s->joining.observed == OBSERVED_NO ? -MR_CAUSE_JOIN_TIMEOUT : RECIPE_DONE;
}

/*
 * A device may have stored what an earlier attempt had it commit, and its answer was lost: nothing is asked of it
 * again, and the record still has the intent alone. It holds them, so the record says so before the device can be
 * sealed.
 */
static void record_stored(struct session *s)
{
	const struct unit *u = s->unit;
	const struct {
		uint8_t stage;
		uint64_t txn;
		const char *operation;
	} stored[] = { { MR_STAGE_IDENTITY, u->identity_txn, "identity" },
		       { MR_STAGE_CREDENTIALS, u->credentials_txn, "credentials" } };

	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++)
		if ((s->stage & stored[i].stage & ~s->committed) && stored[i].txn) {
			session_record_transaction(s, stored[i].operation, stored[i].txn, PHASE_COMMITTED);
			s->committed |= stored[i].stage;
		}
}

/* --- VERIFY, JOIN --- */

int verify_begin(struct session *s)
{
	if (s->unit->method->flags & METHOD_NO_REQUESTS)
		return verify_foreign(s);
	/* Nothing to sign with: it proves itself by joining. */
	if (!s->device_has_key && !job_has_step(s->line->job, JOB_IDENTITY))
		return RECIPE_ASK(PHASE_ASK_JOIN);
	return proof_recompute(s) ? RECIPE_ASK(PHASE_ASK_VERIFY) : -MR_CAUSE_SIGNER_UNAVAILABLE;
}

int verify_build(struct session *s, struct mr_wr *w)
{
	entropy_fill(s->line->o.entropy, s->challenge, sizeof(s->challenge));
	mr_attribute_add(w, MR_AT_CHALLENGE, s->challenge, sizeof(s->challenge));
	if (s->phase == PHASE_ASK_SEAL)
		mr_attribute_add_u64(w, MR_AT_TXN, s->unit->seal_txn);
	return 0;
}

int verify_on_proof(struct session *s, const struct mr_message *m)
{
	int cause = proof_verify(s, m);

	if (!cause)
		record_stored(s);
	return cause ? -cause : joins(s) ? RECIPE_ASK(PHASE_ASK_JOIN) : RECIPE_DONE;
}

int verify_on_join(struct session *s, const struct mr_message *m)
{
	session_enter(s, PHASE_JOINING);
	s->joining.asked_us = session_now(s);
	s->unit->method->ops->away(s, m);
	return RECIPE_WAITS;
}

/* It has been in its network, and is back. */
int verify_on_joined(struct session *s, const struct mr_message *m)
{
	int cause = !proof_is_recent(m) ? MR_CAUSE_FIRMWARE_OLD : s->unit->has_certificate ? proof_status(s, m) : 0;

	if (!cause)
		cause = s->unit->method->ops->back(s, m);
	if (cause)
		return -cause;
	joining_record(s);
	return RECIPE_DONE;
}

/* --- SEAL --- */

int seal_begin(struct session *s)
{
	struct unit *u = s->unit;

	if (!proof_recompute(s))
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	record_stored(s);
	if (!u->seal_txn) {
		u->seal_txn = s->line->next_txn++;
		session_record_transaction(s, "seal", u->seal_txn, PHASE_INTENT);
	}
	/* The intent may be older: that it is sent now is what a unit without a receipt is known by. */
	session_record_transaction(s, "seal", u->seal_txn, PHASE_PREPARED);
	u->seal_asked = true;
	session_enter(s, PHASE_RECORDING_SEAL);
	session_await(s);
	return RECIPE_WAITS;
}

int seal_recorded(struct session *s)
{
	assert(s->unit->seal_txn && !s->ticket.waiting);
	return RECIPE_ASK(PHASE_ASK_SEAL);
}

int seal_on_receipt(struct session *s, const struct mr_message *m)
{
	struct unit *u = s->unit;
	int cause = proof_receipt(s, m);

	if (cause)
		return -cause;
	/* Released with the outcome (record_pass): a receipt alone would leave a sealed device that may never pass. */
	tickets_hold(&s->line->tickets);
	line_submit(s->line, &(struct journal_record){ .kind = JOURNAL_RECEIPT,
						       .receipt = { .unit = u->id,
								    .attempt = s->attempt,
								    .transaction = u->seal_txn,
								    .receipt = { m->value[MR_AT_RECEIPT].at,
										 m->value[MR_AT_RECEIPT].left },
								    .challenge = { s->challenge, 32 },
								    .signature = { m->value[MR_AT_SIGNATURE].at, 64 },
								    .at_us = line_utc_us(s->line) } });
	s->recipe_at++;
	return RECIPE_ENDS;
}
