/*
 * Foreign accessories that are configured by Apple's Wireless Accessory Configuration: whole lots on the simulated air,
 * many at the same time on one radio, all at one address with one name; those that lie about their coprocessor, stall
 * or vanish at each step, never join, or forget that they were configured.
 */
#include "tests/line/station.h"

#include "station/identity/mfi_test.h"
#include "station/line/private.h" /* the loop of a line */
#include "station/roster/roster.h"
#include "station/world/accessory.h"

#define WAC "{method: wac, weak-ok: true, ssid: \"hall\", security: wpa2, wac: {accept: test-ca}}"
#define ANY "{method: wac, weak-ok: true, ssid: \"hall\", security: wpa2, wac: {accept: any-signature}}"
#define OPEN "{method: wac, weak-ok: true, ssid: \"hall\", security: open, wac: {accept: test-ca}}"
#define FOREIGN .recipe = "credentials, verify"
#define CONFIRMED                                                                                                      \
	"SELECT count(*) FROM v_deliveries WHERE method = 'wac' AND json_extract(evidence, '$.confirmed') = 1 AND "    \
	"json_extract(evidence, '$.seed') = '7' AND json_extract(evidence, '$.seed_after') = '8'"

/* What is wrong with the first accessories of a lot. */
struct spoil {
	unsigned count;
	enum accessory_fault fault;
	enum accessory_step at_step;
	bool once;
	enum accessory_lie lie;
	uint32_t sign_us; /* of all of them */
};

static void adjust(void *ctx, size_t i, struct accessory_config *c)
{
	const struct spoil *spoil = ctx;

	if (spoil->sign_us)
		c->sign_us = spoil->sign_us;
	c->unannounced = spoil->at_step == ACCESSORY_ASKED_AGAIN;
	if (i >= spoil->count)
		return;
	c->fault = spoil->fault;
	c->at_step = spoil->at_step;
	c->once = spoil->once;
	c->lie = spoil->lie;
}

static void lot(struct hall *hall, struct run *run, const struct shape *shape, const struct spoil *spoil, uint64_t seed)
{
	struct spoil none = { 0 }, copy = spoil ? *spoil : none;
	struct batch_options o;

	hall_job(hall, run, shape, seed);
	o = hall_options(hall, run);
	o.accessory = adjust;
	o.ctx = &copy;
	if (batch_run(&o, &run->result, run->error, sizeof(run->error)) != 0)
		fail_msg("%s", run->error);
}

static void every_accessory_is_configured_and_confirmed(void **state)
{
	struct run run;

	lot(*state, &run, &(struct shape){ .devices = 16, .credentials = WAC, FOREIGN }, NULL, hall_seed(1));
	assert_int_equal(run.result.summary.passed, 16);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed' AND agentless = 1"), 16);
	assert_int_equal(hall_ask(&run, "SELECT count(DISTINCT unit) FROM v_networks WHERE observed = 'key-verified'"),
			 16);
	assert_int_equal(hall_ask(&run, CONFIRMED), 16);
	/* Both generations, and the record says what they are. */
	assert_int_equal(hall_ask(&run, "SELECT count(DISTINCT json_extract(evidence, '$.generation')) FROM "
					"v_deliveries WHERE json_extract(evidence, '$.coprocessor') = 'emulated' AND "
					"json_extract(evidence, '$.chain[0]') LIKE '%EMULATED - NOT MFi%'"),
			 2);
	/* One alone needs more than a second for its signature and its join. */
	assert_true(run.result.summary.makespan_us < 8 * UINT64_C(1000000));
	hall_verify(*state, &run);
	hall_done(&run);
}

static void an_open_network_needs_no_passphrase(void **state)
{
	struct run run;

	lot(*state, &run, &(struct shape){ .devices = 4, .credentials = OPEN, FOREIGN }, NULL, hall_seed(2));
	assert_int_equal(run.result.summary.passed, 4);
	assert_int_equal(hall_ask(&run, CONFIRMED), 4);
	hall_done(&run);
}

static void channels_and_losses_cost_time_and_no_accessory(void **state)
{
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct run run;

		lot(*state, &run,
		    &(struct shape){ .devices = 16,
				     .credentials = WAC,
				     FOREIGN,
				     .channels = "1, 6, 11",
				     .radios = 1 + 2 * (unsigned)(seed % 2),
				     .loss = seed < 2 ? "5%" : "12%",
				     .attempts = "6",
				     .profile = "mt7612u" },
		    NULL, hall_seed(30 + seed));
		assert_int_equal(run.result.summary.passed, 16);
		assert_int_equal(hall_ask(&run, CONFIRMED), 16);
		hall_verify(*state, &run);
		hall_done(&run);
	}
}

/* Nobody vouches for an accessory before its coprocessor does: a lie is a failure of the air, and costs the others
 * nothing. */
static void who_lies_gets_nothing(void **state)
{
	static const struct {
		enum accessory_lie lie;
		const char *cause;
	} rows[] = {
		{ ACCESSORY_SIGNS_OTHER, "certificate-refused" },
		{ ACCESSORY_SHOWS_OTHER, "certificate-refused" },
		{ ACCESSORY_RESTARTS_STREAM, "busy" }, /* it cannot read /config, and says 400 */
		{ ACCESSORY_REFUSES, "busy" },
		{ ACCESSORY_HAS_NO_KEY, "disturbed" }, /* all zeros: no secret comes of it */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spoil spoil = { .count = 2, .lie = rows[i].lie };
		struct run run;

		lot(*state, &run, &(struct shape){ .devices = 6, .credentials = WAC, FOREIGN, .attempts = "2" }, &spoil,
		    hall_seed(40 + i));
		assert_int_equal(run.result.summary.passed, 4);
		assert_int_equal(hall_count(&run, "failed", rows[i].cause), 2);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries"), 4);
		hall_verify(*state, &run);
		hall_done(&run);
	}
}

static void who_vanishes_at_a_step_and_comes_back_is_configured(void **state)
{
	int64_t lost = 0;

	for (unsigned step = ACCESSORY_ASSOCIATED; step < ACCESSORY_STEPS; step++) {
		struct spoil spoil = {
			.count = 2, .fault = ACCESSORY_VANISHES, .at_step = (enum accessory_step)step, .once = true
		};
		struct run run;

		lot(*state, &run,
		    &(struct shape){
			    .devices = 5, .credentials = WAC, FOREIGN, .attempts = "3", .admission = ", quiet: 200s" },
		    &spoil, hall_seed(50 + step));
		assert_int_equal(run.result.summary.passed, 5);
		lost += hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome <> 'pass'");
		hall_verify(*state, &run);
		hall_done(&run);
	}
	assert_true(lost > 10); /* one that is back soon enough may go on with the attempt that it left */
}

static void who_is_lost_at_a_step_keeps_nobody_waiting(void **state)
{
	static const enum accessory_fault faults[] = { ACCESSORY_VANISHES, ACCESSORY_STALLS };

	for (unsigned i = 0; i < 2; i++)
		for (unsigned step = ACCESSORY_ASSOCIATED; step < ACCESSORY_STEPS; step++) {
			struct spoil spoil = { .count = 2, .fault = faults[i], .at_step = (enum accessory_step)step };
			struct run run;

			if (faults[i] == ACCESSORY_STALLS && step == ACCESSORY_ANSWERED)
				continue; /* it has nothing more to say there */
			lot(*state, &run, &(struct shape){ .devices = 6, .credentials = WAC, FOREIGN, .attempts = "1" },
			    &spoil, hall_seed(70 + step));
			assert_int_equal(run.result.summary.passed, 4);
			assert_int_equal(run.result.summary.failed, 2);
			assert_true(hall_ask(&run, "SELECT max(ended_us) - min(started_us) FROM attempt WHERE "
						   "outcome = 'pass'") < 8000000);
			hall_verify(*state, &run);
			hall_done(&run);
		}
}

static void who_never_joins_has_not_passed(void **state)
{
	struct spoil spoil = { .count = 1, .fault = ACCESSORY_NO_JOIN };
	struct run run;

	lot(*state, &run, &(struct shape){ .devices = 4, .credentials = WAC, FOREIGN, .attempts = "1" }, &spoil,
	    hall_seed(6));
	assert_int_equal(run.result.summary.passed, 3);
	assert_int_equal(hall_count(&run, "failed", "join-timeout"), 1);
	hall_verify(*state, &run);
	hall_done(&run);
}

/* It joins, and says that it is still what it was before: what a controller takes for configured it is not. */
static void who_shows_the_old_seed_is_not_confirmed(void **state)
{
	struct spoil spoil = { .count = 1, .fault = ACCESSORY_SAME_SEED };
	struct run run;

	lot(*state, &run, &(struct shape){ .devices = 4, .credentials = WAC, FOREIGN, .attempts = "1" }, &spoil,
	    hall_seed(7));
	assert_int_equal(run.result.summary.passed, 3);
	assert_int_equal(hall_count(&run, "failed", "no-answer"), 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries"), 3);
	hall_verify(*state, &run);
	hall_done(&run);
}

static void who_is_not_on_the_list_gets_nothing(void **state)
{
	struct hall *hall = *state;
	char path[112];
	struct run run;
	uint8_t id[32], mac[6];
	FILE *f;

	snprintf(path, sizeof(path), "%s/expected.txt", hall->dir);
	assert_non_null(f = fopen(path, "w"));
	assert_true(roster_simulated_id("AC-100", 8, 4, id));
	for (size_t i = 0; i < 3; i++) { /* the fourth is left out */
		roster_simulated_mac(id, i, mac);
		fprintf(f, "%02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	}
	assert_int_equal(fclose(f), 0);
	lot(hall, &run,
	    &(struct shape){ .devices = 4, .credentials = WAC, FOREIGN, .admission = ", expect: expected.txt" }, NULL,
	    8);
	assert_int_equal(run.result.summary.passed, 3);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit"), 3);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM sighting WHERE verdict = 'not-expected'"), 1);
	hall_verify(hall, &run);
	hall_done(&run);
}

/* Another authority than the one of the accessories: none of them gets a passphrase, but where any signature will do.
 */
static void a_strangers_authority_lets_nobody_in(void **state)
{
	struct hall *hall = *state;
	char dir[100], credentials[240], error[300];
	struct run run;

	snprintf(dir, sizeof(dir), "%s/others", hall->dir);
	assert_int_equal(mfi_test_make(dir, BATCH_SIM_UTC_US, error, sizeof(error)), 0);
	snprintf(credentials, sizeof(credentials),
		 "{method: wac, weak-ok: true, ssid: \"hall\", wac: {accept: test-ca, trust: others/" MFI_TEST_CA "}}");
	lot(hall, &run, &(struct shape){ .devices = 3, .credentials = credentials, FOREIGN, .attempts = "1" }, NULL,
	    hall_seed(9));
	assert_int_equal(run.result.summary.passed, 0);
	assert_int_equal(hall_count(&run, "failed", "certificate-refused"), 3);
	hall_done(&run);
	lot(hall, &run, &(struct shape){ .devices = 3, .credentials = ANY, FOREIGN }, NULL, hall_seed(9));
	assert_int_equal(run.result.summary.passed, 3);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE json_extract(evidence, '$.chains') = "
					"0 AND json_extract(evidence, '$.proved') = 'nothing'"),
			 3);
	hall_verify(hall, &run);
	hall_done(&run);
}

static void the_network_may_be_on_another_channel(void **state)
{
	struct run run;

	lot(*state, &run,
	    &(struct shape){ .devices = 6,
			     .credentials = WAC,
			     FOREIGN,
			     .channels = "1, 11",
			     .profile = "mt7612u",
			     .simulation = "  network: 11\n" },
	    NULL, hall_seed(10));
	assert_int_equal(run.result.summary.passed, 6);
	assert_int_equal(hall_ask(&run, CONFIRMED), 6);
	hall_done(&run);
}

/* Nobody can see it join, and nobody can confirm it: that is no pass. */
static void a_network_that_never_comes_is_no_pass(void **state)
{
	struct run run;

	lot(*state, &run,
	    &(struct shape){ .devices = 2,
			     .credentials = WAC,
			     FOREIGN,
			     .channels = "1",
			     .attempts = "1",
			     .admission = ", quiet: 300s",
			     .simulation = "  network: 11\n" },
	    NULL, hall_seed(12));
	assert_int_equal(run.result.summary.passed, 0);
	assert_int_equal(hall_count(&run, "failed", "join-timeout"), 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE json_extract(evidence, '$.confirmed') "
					"= 0 AND json_extract(evidence, '$.unconfirmed') <> ''"),
			 2);
	hall_verify(*state, &run);
	hall_done(&run);
}

struct abort {
	struct line *line;
	struct loop_timer timer;
	unsigned left; /* events of the line until then */
};

static void aborts(void *ctx, uint64_t now_us)
{
	(void)now_us;
	line_stop(((struct abort *)ctx)->line, true);
}

static void abort_began(void *ctx, struct line *line, bool simulated, uint64_t seed)
{
	struct abort *abort = ctx;

	(void)simulated, (void)seed;
	abort->line = line;
	abort->timer = (struct loop_timer){ .fn = aborts, .ctx = abort, .at_us = LOOP_NEVER };
}

static void abort_event(void *ctx, const struct line_event *event)
{
	struct abort *abort = ctx;

	if (abort->left > 0 && --abort->left == 0)
		loop_at(abort->line->loop, &abort->timer, event->now_us + 700000);
}

/* Whatever a session is at: the station starts again, and so do the accessories that were not confirmed. */
static void an_abort_in_the_middle_is_gone_on_with(void **state)
{
	struct hall *hall = *state;

	for (unsigned at = 1; at < 12; at += 2) {
		struct abort abort = { .left = at };
		struct batch_options o;
		struct run run;

		hall_job(hall, &run, &(struct shape){ .devices = 4, .credentials = WAC, FOREIGN, .channels = "1, 6" },
			 hall_seed(90 + at));
		o = hall_options(hall, &run);
		o.ctx = &abort;
		o.began = abort_began;
		o.event = abort_event;
		assert_int_equal(batch_run(&o, &run.result, run.error, sizeof(run.error)), 0);
		assert_int_equal(abort.left, 0);
		hall_run(hall, &run);
		assert_int_equal(run.result.summary.passed, 4);
		hall_verify(hall, &run);
		hall_done(&run);
	}
}

/* Many at once cost hardly more than one: while one chip signs, the radio talks to the others. */
static void sixteen_at_once_take_little_longer_than_one(void **state)
{
	uint64_t one_us, all_us;
	struct spoil spoil = { .sign_us = 750000 };
	struct run run;

	lot(*state, &run, &(struct shape){ .devices = 1, .credentials = WAC, FOREIGN }, &spoil, hall_seed(11));
	one_us = run.result.summary.makespan_us;
	assert_int_equal(run.result.summary.passed, 1);
	hall_done(&run);
	lot(*state, &run, &(struct shape){ .devices = 16, .credentials = WAC, FOREIGN }, &spoil, hall_seed(11));
	all_us = run.result.summary.makespan_us;
	assert_int_equal(run.result.summary.passed, 16);
	assert_true(all_us < 2 * one_us);
	hall_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_accessory_is_configured_and_confirmed),
		cmocka_unit_test(an_open_network_needs_no_passphrase),
		cmocka_unit_test(channels_and_losses_cost_time_and_no_accessory),
		cmocka_unit_test(who_lies_gets_nothing),
		cmocka_unit_test(who_vanishes_at_a_step_and_comes_back_is_configured),
		cmocka_unit_test(who_is_lost_at_a_step_keeps_nobody_waiting),
		cmocka_unit_test(who_never_joins_has_not_passed),
		cmocka_unit_test(who_shows_the_old_seed_is_not_confirmed),
		cmocka_unit_test(who_is_not_on_the_list_gets_nothing),
		cmocka_unit_test(a_strangers_authority_lets_nobody_in),
		cmocka_unit_test(the_network_may_be_on_another_channel),
		cmocka_unit_test(a_network_that_never_comes_is_no_pass),
		cmocka_unit_test(an_abort_in_the_middle_is_gone_on_with),
		cmocka_unit_test(sixteen_at_once_take_little_longer_than_one),
	};

	return cmocka_run_group_tests_name("wac", tests, hall_open, hall_close);
}
