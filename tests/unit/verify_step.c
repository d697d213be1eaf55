/*
 * The steps `verify` and `seal`, phase by phase: what is asked next, what ends the attempt, how long a foreign device
 * is watched, and that nothing is asked to be sealed before its intent is on record. What they call says what it is
 * told to.
 *
 * links: station/line/verify_step.c agent/wire/message.c agent/wire/cause.c agent/port/linux/crypto_openssl.c
 * links: station/base/loop.c station/base/entropy.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "agent/wire/cause.h"
#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/proof.h"
#include "station/line/verify_step.h"

#define NOW_US 40u /* of the loop: its clock begins at 0 and a timer moves it */

/* What happened, a letter each: w watch, r record of the join, m move, k kick, t touch, e enter, i intent, a await, n
 * next, s receipt */
static struct {
	char log[40];
	bool watches, moves, recomputes, recent;
	int status, verify, receipt, back;
	int next;
	unsigned away;
	enum phase entered;
	uint8_t watched[6];
	const struct joining_events *events;
	struct journal_record record;
	uint64_t intent;
	bool identity_step;
} world;

static void note(char what) { world.log[strlen(world.log)] = what; }

bool job_has_step(const struct job *job, enum job_step step)
{
	(void)job;
	return step == JOB_IDENTITY && world.identity_step;
}

struct channel *joining_channel(const struct session *s) { return &s->line->channels[1]; }
void joining_record(struct session *s) { (void)s, note('r'); }
void lanes_kick(struct line *line) { (void)line, note('k'); }
void session_touch(struct session *s) { (void)s, note('t'); }
void session_await(struct session *s) { (void)s, note('a'); }
bool proof_recompute(struct session *s) { return (void)s, world.recomputes; }
bool proof_is_recent(const struct mr_message *m) { return (void)m, world.recent; }
int proof_status(struct session *s, const struct mr_message *m) { return (void)s, (void)m, world.status; }
int proof_verify(struct session *s, const struct mr_message *m) { return (void)s, (void)m, world.verify; }
int proof_receipt(struct session *s, const struct mr_message *m) { return (void)s, (void)m, world.receipt; }

void joining_watch(struct session *s, const uint8_t address[static 6], const struct joining_events *events)
{
	note('w');
	memcpy(world.watched, address, 6);
	world.events = events;
	s->joining.watched = world.watches;
}

bool lane_move(struct session *s, struct channel *to)
{
	note('m');
	assert_ptr_equal(to, &s->line->channels[1]);
	return world.moves;
}

void session_enter(struct session *s, enum phase phase)
{
	note('e');
	world.entered = phase;
	s->phase = phase;
}

void session_record_transaction(struct session *s, const char *operation, uint64_t txn, enum journal_phase phase)
{
	(void)s;
	assert_string_equal(operation, "seal");
	if (phase == PHASE_INTENT)
		note('i');
	world.intent = txn;
}

void tickets_hold(struct tickets *t) { (void)t; }

void line_submit(struct line *line, const struct journal_record *record)
{
	(void)line;
	note('s');
	world.record = *record;
}

static void on_next(struct session *s, int result)
{
	(void)s;
	note('n');
	world.next = result;
}

static void on_away(struct session *s, const struct mr_message *m)
{
	(void)m;
	assert_int_equal(s->phase, PHASE_JOINING);
	assert_int_equal(s->joining.asked_us, NOW_US);
	world.away++;
}

static int on_back(struct session *s, const struct mr_message *m) { return (void)s, (void)m, world.back; }

static const struct session_program program = { .next = on_next };
static const struct method_ops ops = { .away = on_away, .back = on_back };

struct scene {
	struct line line;
	struct job job;
	struct method method;
	struct unit unit;
	struct session session;
	struct loop_timer timer;
};

static void stop(void *ctx, uint64_t now_us) { (void)now_us, loop_stop(ctx); }

static void set(struct scene *t, unsigned flags)
{
	memset(&world, 0, sizeof(world));
	world.watches = world.recomputes = world.recent = world.identity_step = true;
	*t = (struct scene){ 0 };
	t->line.loop = loop_create_virtual(9000000);
	assert_non_null(t->line.loop);
	t->timer = (struct loop_timer){ .fn = stop, .ctx = t->line.loop };
	loop_at(t->line.loop, &t->timer, NOW_US);
	loop_run(t->line.loop);
	t->line.job = &t->job;
	t->line.program = &program;
	t->line.next_txn = 31;
	t->line.o.entropy = entropy_create_seeded(1, "verify_step");
	t->job.join = true;
	t->method.flags = flags;
	t->method.ops = &ops;
	t->unit.method = &t->method;
	t->unit.id = 5;
	memcpy(t->unit.mac, "\x02\x00\x00\x00\x00\x05", 6);
	t->session.line = &t->line;
	t->session.unit = &t->unit;
	t->session.attempt = 6;
	t->session.recipe_at = 4;
}

static void clear(struct scene *t)
{
	entropy_destroy(t->line.o.entropy);
	loop_destroy(t->line.loop);
}

/* --- a foreign device --- */

static void a_foreign_device_is_watched_until_it_is_seen(void **state)
{
	struct scene t;

	(void)state;
	/* Nothing of it was seen yet: long enough for a chip that boots. */
	set(&t, METHOD_NO_REQUESTS);
	world.moves = true;
	assert_int_equal(verify_begin(&t.session), RECIPE_WAITS);
	assert_string_equal(world.log, "ewmkt");
	assert_int_equal(world.entered, PHASE_JOINING);
	assert_memory_equal(world.watched, t.unit.mac, 6);
	assert_int_equal(t.session.joining.asked_us, NOW_US);
	assert_int_equal(t.session.again_us, NOW_US + 20000000);
	/* Seen: what would verify its key comes with it. */
	world.events->first(&t.session);
	assert_int_equal(t.session.again_us, NOW_US + 500000);
	assert_string_equal(world.log, "ewmktt");
	world.events->complete(&t.session);
	assert_string_equal(world.log, "ewmkttrn");
	assert_int_equal(t.session.again_us, 0);
	assert_int_equal(world.next, RECIPE_DONE);
	clear(&t);
	/* Watched since its delivery began, and seen meanwhile: nobody moves where the radio is. */
	set(&t, METHOD_NO_REQUESTS);
	assert_int_equal(verify_watch(&t.session), 0);
	t.session.joining.observed = OBSERVED_SEEN;
	assert_int_equal(verify_begin(&t.session), RECIPE_WAITS);
	assert_string_equal(world.log, "wemt");
	assert_int_equal(t.session.again_us, NOW_US + 500000);
	clear(&t);
	/* All there is to be seen has been. */
	set(&t, METHOD_NO_REQUESTS);
	t.session.joining.complete = true;
	assert_int_equal(verify_begin(&t.session), RECIPE_DONE);
	assert_string_equal(world.log, "er");
	clear(&t);
}

/* While the delivery is still at work, what is seen is kept for later. */
static void what_is_seen_during_the_delivery_moves_nothing(void **state)
{
	struct scene t;

	(void)state;
	set(&t, METHOD_NO_REQUESTS);
	assert_int_equal(verify_watch(&t.session), 0);
	t.session.phase = PHASE_DELIVERING;
	world.events->first(&t.session);
	world.events->complete(&t.session);
	assert_string_equal(world.log, "w");
	assert_int_equal(t.session.again_us, 0);
	clear(&t);
}

static void one_that_cannot_be_watched_is_a_duplicate(void **state)
{
	struct scene t;

	(void)state;
	set(&t, METHOD_NO_REQUESTS);
	world.watches = false;
	assert_int_equal(verify_watch(&t.session), -MR_CAUSE_DUPLICATE_DEVICE);
	assert_int_equal(verify_begin(&t.session), -MR_CAUSE_DUPLICATE_DEVICE);
	clear(&t);
	set(&t, METHOD_DEVICE_AP); /* it is asked: nobody watches it yet */
	assert_int_equal(verify_watch(&t.session), 0);
	assert_string_equal(world.log, "");
	clear(&t);
}

static void when_its_time_is_over_it_was_seen_or_not(void **state)
{
	static const struct {
		enum journal_observed observed;
		int result;
	} rows[] = { { OBSERVED_NO, -MR_CAUSE_JOIN_TIMEOUT },
		     { OBSERVED_SEEN, RECIPE_DONE },
		     { OBSERVED_KEY_VERIFIED, RECIPE_DONE } };
	struct scene t;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		set(&t, METHOD_NO_REQUESTS);
		t.session.joining.observed = rows[i].observed;
		assert_int_equal(verify_expired(&t.session), rows[i].result);
		assert_string_equal(world.log, "r");
		clear(&t);
	}
}

/* --- a device of ours --- */

static void who_has_a_key_signs_and_who_has_none_joins(void **state)
{
	struct scene t;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		bool key = i & 1, step = i & 2, known = i & 4;

		set(&t, METHOD_DEVICE_AP);
		t.session.device_has_key = key;
		world.identity_step = step;
		world.recomputes = known;
		assert_int_equal(verify_begin(&t.session), !key && !step ? RECIPE_ASK(PHASE_ASK_JOIN)
							   : known	 ? RECIPE_ASK(PHASE_ASK_VERIFY)
									 : -MR_CAUSE_SIGNER_UNAVAILABLE);
		clear(&t);
	}
}

static void what_follows_the_proof_is_the_join_where_there_is_one(void **state)
{
	struct mr_message m = { 0 };
	struct scene t;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		set(&t, i & 1 ? METHOD_DEVICE_AP : 0);
		t.job.join = i & 2;
		assert_int_equal(verify_on_proof(&t.session, &m), i == 3 ? RECIPE_ASK(PHASE_ASK_JOIN) : RECIPE_DONE);
		world.verify = MR_CAUSE_DIGEST_MISMATCH;
		assert_int_equal(verify_on_proof(&t.session, &m), -MR_CAUSE_DIGEST_MISMATCH);
		clear(&t);
	}
	set(&t, METHOD_DEVICE_AP);
	assert_int_equal(verify_on_join(&t.session, &m), RECIPE_WAITS);
	assert_int_equal(world.away, 1);
	clear(&t);
}

static void who_is_back_proves_that_it_is_the_same(void **state)
{
	static const struct {
		bool recent, certified;
		int status, back, result;
	} rows[] = {
		{ true, true, 0, 0, RECIPE_DONE },
		{ true, false, MR_CAUSE_BAD_SIGNATURE, 0, RECIPE_DONE }, /* nothing to sign with */
		{ true, true, MR_CAUSE_BAD_SIGNATURE, 0, -MR_CAUSE_BAD_SIGNATURE },
		{ true, true, MR_CAUSE_BAD_SIGNATURE, MR_CAUSE_JOIN_FAILED, -MR_CAUSE_BAD_SIGNATURE },
		{ true, true, 0, MR_CAUSE_JOIN_FAILED, -MR_CAUSE_JOIN_FAILED },
		{ true, false, 0, MR_CAUSE_JOIN_FAILED, -MR_CAUSE_JOIN_FAILED },
		{ false, true, 0, 0, -MR_CAUSE_FIRMWARE_OLD },
		{ false, false, 0, 0, -MR_CAUSE_FIRMWARE_OLD },
	};
	struct mr_message m = { 0 };
	struct scene t;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set(&t, METHOD_DEVICE_AP);
		world.recent = rows[i].recent;
		world.status = rows[i].status;
		world.back = rows[i].back;
		t.unit.has_certificate = rows[i].certified;
		assert_int_equal(verify_on_joined(&t.session, &m), rows[i].result);
		assert_string_equal(world.log, rows[i].result == RECIPE_DONE ? "r" : "");
		clear(&t);
	}
}

/* --- SEAL --- */

static void a_challenge_is_another_one_each_time(void **state)
{
	static const enum phase phases[] = { PHASE_ASK_STATUS, PHASE_ASK_VERIFY, PHASE_ASK_SEAL, PHASE_ASK_SEAL };
	uint8_t bytes[200], before[32] = { 0 };
	struct scene t;

	(void)state;
	set(&t, 0);
	t.unit.seal_txn = 77;
	for (size_t i = 0; i < 4; i++) {
		struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));
		struct mr_message m;

		t.session.phase = phases[i];
		mr_request_begin(&w, MR_OP_SEAL);
		assert_int_equal(verify_build(&t.session, &w), 0);
		assert_true(mr_message_parse(mr_wr_written(&w), &m));
		assert_memory_equal(m.value[MR_AT_CHALLENGE].at, t.session.challenge, 32);
		assert_memory_not_equal(t.session.challenge, before, 32);
		memcpy(before, t.session.challenge, 32);
		assert_int_equal(m.has[MR_AT_TXN], phases[i] == PHASE_ASK_SEAL);
		if (m.has[MR_AT_TXN])
			assert_int_equal(m.value[MR_AT_TXN].at[0], 77);
	}
	clear(&t);
}

static void nothing_is_sealed_before_its_intent_is_on_record(void **state)
{
	struct scene t;

	(void)state;
	set(&t, 0);
	assert_int_equal(seal_begin(&t.session), RECIPE_WAITS);
	assert_string_equal(world.log, "iea");
	assert_int_equal(world.entered, PHASE_RECORDING_SEAL);
	assert_int_equal(t.unit.seal_txn, 31);
	assert_int_equal(world.intent, 31);
	assert_int_equal(t.line.next_txn, 32);
	assert_int_equal(seal_recorded(&t.session), RECIPE_ASK(PHASE_ASK_SEAL));
	/* The same transaction once more, for a device that was cut off: it had its intent. */
	memset(world.log, 0, sizeof(world.log));
	assert_int_equal(seal_begin(&t.session), RECIPE_WAITS);
	assert_string_equal(world.log, "ea");
	assert_int_equal(t.unit.seal_txn, 31);
	clear(&t);
	set(&t, 0);
	world.recomputes = false;
	assert_int_equal(seal_begin(&t.session), -MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_string_equal(world.log, "");
	clear(&t);
}

static void a_receipt_goes_on_record_as_it_came(void **state)
{
	static const uint8_t receipt[] = "what it says", signature[64] = { 9 };
	struct mr_message m = { 0 };
	const struct journal_receipt *r = &world.record.receipt;
	struct scene t;

	(void)state;
	set(&t, 0);
	t.unit.seal_txn = 77;
	m.value[MR_AT_RECEIPT] = mr_rd_over(receipt, sizeof(receipt));
	m.value[MR_AT_SIGNATURE] = mr_rd_over(signature, 64);
	world.receipt = MR_CAUSE_BAD_SIGNATURE;
	assert_int_equal(seal_on_receipt(&t.session, &m), -MR_CAUSE_BAD_SIGNATURE);
	assert_string_equal(world.log, "");
	assert_int_equal(t.session.recipe_at, 4);
	world.receipt = 0;
	assert_int_equal(seal_on_receipt(&t.session, &m), RECIPE_ENDS);
	assert_string_equal(world.log, "s");
	assert_int_equal(t.session.recipe_at, 5);
	assert_int_equal(world.record.kind, JOURNAL_RECEIPT);
	assert_int_equal(r->unit, 5);
	assert_int_equal(r->attempt, 6);
	assert_int_equal(r->transaction, 77);
	assert_ptr_equal(r->receipt.at, receipt);
	assert_int_equal(r->receipt.len, sizeof(receipt));
	assert_ptr_equal(r->challenge.at, t.session.challenge);
	assert_int_equal(r->challenge.len, 32);
	assert_ptr_equal(r->signature.at, signature);
	assert_int_equal(r->signature.len, 64);
	assert_int_equal(r->at_us, 9000000 + NOW_US);
	clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_foreign_device_is_watched_until_it_is_seen),
		cmocka_unit_test(what_is_seen_during_the_delivery_moves_nothing),
		cmocka_unit_test(one_that_cannot_be_watched_is_a_duplicate),
		cmocka_unit_test(when_its_time_is_over_it_was_seen_or_not),
		cmocka_unit_test(who_has_a_key_signs_and_who_has_none_joins),
		cmocka_unit_test(what_follows_the_proof_is_the_join_where_there_is_one),
		cmocka_unit_test(who_is_back_proves_that_it_is_the_same),
		cmocka_unit_test(a_challenge_is_another_one_each_time),
		cmocka_unit_test(nothing_is_sealed_before_its_intent_is_on_record),
		cmocka_unit_test(a_receipt_goes_on_record_as_it_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
