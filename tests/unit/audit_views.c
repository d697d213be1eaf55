/*
 * The audit interface against figures worked out by hand, and in the hands of the plain sqlite3 shell.
 *
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c db/verify.c
 */
#include "tests/unit/record.h"

#include "db/sql.h"

static void put_failing_attempt(struct journal *journal, int64_t attempt, int64_t unit, unsigned n, int cause,
				const char *name, const char *side, const char *step)
{
	put(journal, attempt_record(attempt, unit, n));
	put(journal, step_record(attempt, 1, "identify", 1, 2000));
	put(journal,
	    end_record(attempt, side[0] == 'a' ? OUTCOME_TIMEOUT : OUTCOME_FAIL, cause, name, side, step, 500000));
}

static void put_passing_attempt(struct journal *journal, int64_t attempt, int64_t unit, unsigned n, unsigned tries,
				uint32_t duration_us, uint32_t active_us)
{
	put(journal, attempt_record(attempt, unit, n));
	put(journal, step_record(attempt, 1, "identify", tries, duration_us));
	put(journal, end_record(attempt, OUTCOME_PASS, 0, NULL, NULL, NULL, active_us));
	put(journal, state_record(unit, UNIT_PASSED, 0, NULL, NULL));
}

/*
 * Eight units of lot A:
 *	1	passes at once
 *	2	passes at once, with a step tried twice: FPY, no clean pass
 *	3	fails on the air, then passes: final, not FPY
 *	4	the station restarts in the first attempt (not finished), then it passes: FPY
 *	5	fails twice on the air at identity: failed
 *	6	its self-test fails, quarantined
 *	7	the signer is away: held, no finished attempt
 *	8	seen, never begun
 * started 7 (1 to 7), finished 6 (1 to 6), first passed 3 (1, 2, 4): FPY 3/6; clean 2 (1, 4): 2/6; passed 4 of 7.
 * attempts 10 closed: 1; 1; 2; 2; 2; 1; 1 = 10, passed 4: report yield 0.4
 */
static struct journal *lot_of_eight(struct place *place)
{
	struct journal *journal = opened_lot(place, "A");

	for (int64_t unit = 1; unit <= 8; unit++)
		put(journal, unit_record(unit));
	put_passing_attempt(journal, 1, 1, 1, 1, 1000, 100000);
	put_passing_attempt(journal, 2, 2, 1, 2, 2000, 200000);
	put_failing_attempt(journal, 3, 3, 1, 1, "no-answer", "air", "verify");
	put_passing_attempt(journal, 4, 3, 2, 1, 3000, 300000);
	put_failing_attempt(journal, 5, 4, 1, 24, "station-restarted", "power", "identity");
	put_passing_attempt(journal, 6, 4, 2, 1, 4000, 400000);
	put_failing_attempt(journal, 7, 5, 1, 1, "no-answer", "air", "identity");
	put_failing_attempt(journal, 8, 5, 2, 1, "no-answer", "air", "identity");
	put(journal, state_record(5, UNIT_FAILED, 1, "no-answer", "air"));
	put_failing_attempt(journal, 9, 6, 1, 40, "selftest-failed", "device", "selftest");
	put(journal, state_record(6, UNIT_QUARANTINED, 40, "selftest-failed", "device"));
	put_failing_attempt(journal, 10, 7, 1, 21, "signer-unavailable", "station", "identity");
	put_durable(journal, state_record(7, UNIT_HELD, 21, "signer-unavailable", "station"));
	return journal;
}

static void yields_are_those_worked_out_by_hand(void **state)
{
	struct place *place = *state;
	struct journal *journal = lot_of_eight(place);

	assert_row(place->path,
		   "SELECT started, finished, first_passed, fpy, clean_pass, passed, final_yield, failed, quarantined, "
		   "rework, attempts, attempts_passed, report_yield FROM v_batch_yield WHERE lot = 'A'",
		   "7|6|3|0.5|0.3333|4|0.5714|1|1|0|10|4|0.4");
	put_durable(journal, batch_end_record("stopped"));
	journal_close(journal);
	assert_row(
		place->path,
		"SELECT lot, state, quantity, units, passed, failed, quarantined, unfinished, sessions, makespan_us, "
		"lower_bound_us, policy, operator, seed, simulated, test, opened FROM v_batch",
		"A|stopped|10|8|4|1|1|2|1|12000000|10000000|pex|0417|7|1|1|2026-09-21T14:13:20.000Z");
}

static void a_batch_without_a_unit_has_no_yield(void **state)
{
	struct place *place = *state;

	journal_close(opened_lot(place, "A"));
	assert_row(place->path, "SELECT lot, started, fpy, final_yield, report_yield FROM v_batch_yield", "A||||");
	assert_row(place->path, "SELECT units, coalesce(passed, 0) FROM v_batch", "0|0");
}

static void a_reworked_unit_counts_where_it_began(void **state)
{
	struct place *place = *state;
	struct journal_start start;
	struct journal *journal = lot_of_eight(place);

	journal_close(journal);
	journal = opened(place);
	assert_int_equal(begin_lot(journal, place, "B", "job", &start, NULL, NULL), 0);
	put_passing_attempt(journal, 11, 5, 1, 1, 9000, 900000); /* failed in A */
	put(journal, unit_record(9));
	put_passing_attempt(journal, 12, 9, 1, 1, 9000, 900000);
	journal_close(journal);
	assert_row(place->path,
		   "SELECT started, finished, fpy, passed, failed, rework FROM v_batch_yield WHERE lot = 'A'",
		   "7|6|0.5|4|1|0");
	assert_row(place->path,
		   "SELECT started, finished, fpy, passed, failed, rework FROM v_batch_yield WHERE lot = 'B'",
		   "2|1|1.0|2|0|1");
	assert_row(place->path, "SELECT units, passed FROM v_batch WHERE lot = 'B'", "2|2");
	assert_row(place->path, "SELECT state, rework, attempts FROM v_unit_batch WHERE lot = 'A' AND unit = 5",
		   "failed|0|2");
	assert_row(place->path, "SELECT state, rework, attempts FROM v_unit_batch WHERE lot = 'B' AND unit = 5",
		   "passed|1|1");
}

static void the_pareto_adds_up(void **state)
{
	struct place *place = *state;

	journal_close(lot_of_eight(place));
	assert_row(place->path,
		   "SELECT group_concat(side || ' ' || step || ' ' || cause || ' ' || attempts || ' ' || units || ' ' "
		   "|| share "
		   "|| ' ' || cumulative, ', ') FROM v_pareto",
		   "air identity no-answer 2 1 0.3333 0.3333, air verify no-answer 1 1 0.1667 0.5, "
		   "device selftest selftest-failed 1 1 0.1667 0.6667, power identity station-restarted 1 1 0.1667 "
		   "0.8333, "
		   "station identity signer-unavailable 1 1 0.1667 1.0");
}

static void cycle_times_are_nearest_ranks(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");

	/* 1 to 20 ms in no order: p50 is the 10th, p95 the 19th. */
	for (unsigned i = 0; i < 20; i++) {
		unsigned ms = 1 + i * 7 % 20;

		put(journal, unit_record(i + 1));
		put_passing_attempt(journal, i + 1, i + 1, 1, 1, 1000 * ms, 100000 * ms);
	}
	journal_close(journal);
	assert_row(place->path, "SELECT n, p50_us, p95_us, max_us, mean_us FROM v_cycle WHERE step = 'identify'",
		   "20|10000|19000|20000|10500");
	assert_row(place->path, "SELECT n, p50_us, p95_us, max_us FROM v_cycle WHERE step = '(attempt)'",
		   "20|1000000|1900000|2000000");
	assert_row(place->path, "SELECT count(*) FROM v_cycle", "6");
}

static void radios_show_who_is_ill(void **state)
{
	struct place *place = *state;
	struct journal *journal = lot_of_eight(place);
	struct journal_record r = { .kind = JOURNAL_RADIO,
				    .radio = { .radio = "radio1",
					       .path = "1-1.2",
					       .driver = "mt76x2u",
					       .mac = { 2, 0, 0, 0, 0, 1 },
					       .simulated = true,
					       .sent = 200,
					       .acked = 150,
					       .unacked = 50,
					       .retries = 70,
					       .switches = 3,
					       .airtime_us = 1234,
					       .switch_us = 99 } };

	put(journal, r);
	r.radio.sent = 400; /* totals: the later ones stand */
	r.radio.acked = 300;
	r.radio.unacked = 100;
	put(journal, r);
	r.radio.radio = "radio2"; /* never served anybody */
	r.radio.acked = r.radio.unacked = 0;
	put(journal, r);
	journal_close(journal);
	assert_row(
		place->path,
		"SELECT attempts, passed, report_yield, air_failures, rssi_mean_dbm, sent, acked_share, retries FROM "
		"v_radio_health WHERE radio = 'radio1'",
		"10|4|0.4|3|-48.0|400|0.75|70");
	assert_row(place->path,
		   "SELECT attempts, passed, report_yield, acked_share FROM v_radio_health WHERE radio = 'radio2'",
		   "0|0||");
}

static void a_life_is_told_in_the_order_of_time(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");

	put_passing_unit(journal, 1, 1);
	journal_close(journal);
	assert_row(
		place->path,
		"SELECT group_concat(event, ', ') FROM (SELECT event FROM v_unit_life WHERE serial = 'AC00001' "
		"ORDER BY at_us, step, event)",
		"seen, attempt 1, PIN drawn, certificate issued, identity intended, seal intended, identity committed, "
		"sealed, "
		"step identify, measured rssi, attempt 1 ended, certificate installed, certificate verified, outcome");
	assert_row(place->path, "SELECT detail FROM v_unit_life WHERE event = 'outcome'", "passed (chain 5, station)");
	assert_row(place->path, "SELECT mac, device_id, at FROM v_unit_life WHERE event = 'seen'",
		   "02:00:00:00:00:01|0100000000000001|2026-09-21T14:13:20.000Z");
}

static void the_register_has_every_certificate_and_says_which_are_loose(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct identity_texts texts;

	put_passing_unit(journal, 1, 1);
	put(journal, unit_record(2));
	put(journal, attempt_record(2, 2, 1));
	put(journal, identity_record(&texts, 2, 2, 2));
	put(journal, end_record(2, OUTCOME_TIMEOUT, 1, "no-answer", "air", "identity", 5));
	put(journal, state_record(2, UNIT_FAILED, 1, "no-answer", "air"));
	put(journal, unit_record(3));
	put(journal, attempt_record(3, 3, 1));
	put(journal, identity_record(&texts, 3, 3, 3));
	put(journal, cert_record(3, CERT_REVOKED));
	put(journal, end_record(3, OUTCOME_FAIL, 46, "digest-mismatch", "device", "identity", 5));
	put(journal, state_record(3, UNIT_QUARANTINED, 46, "digest-mismatch", "device"));
	journal_close(journal);
	assert_row(place->path,
		   "SELECT group_concat(serial || ' ' || state || ' ' || loose || ' ' || not_after, ', ') FROM "
		   "(SELECT * FROM v_cert_register ORDER BY cert)",
		   "AC00001 verified 0 never, AC00002 issued 1 never, AC00003 revoked 0 never");
	assert_row(place->path, "SELECT identified, with_pin, without_pin, duplicates FROM v_pin_coverage", "3|3|0|0");
}

static void a_good_lot_has_no_orphans_and_each_contradiction_is_one(void **state)
{
	static const struct {
		const char *sql, *kind;
	} cases[] = {
		{ "UPDATE attempt SET outcome = NULL, ended_us = NULL WHERE attempt = 1", "open-attempt" },
		{ "UPDATE unit SET state = 'active' WHERE unit = 2", "unfinished" },
		{ "UPDATE cert SET verified_us = NULL WHERE unit = 1", "passed-unverified" },
		{ "UPDATE cert SET void_us = 5 WHERE unit = 1", "passed-uncertified" },
		{ "DELETE FROM receipt WHERE unit = 1", "passed-unsealed" },
		{ "UPDATE attempt SET outcome = 'fail' WHERE attempt = 1", "passed-unproved" },
		{ "UPDATE unit SET state = 'failed' WHERE unit = 1", "sealed-unpassed" },
		{ "DELETE FROM receipt WHERE unit = 1; UPDATE unit SET state = 'failed' WHERE unit = 1;"
		  "UPDATE txn SET prepared_us = intent_us WHERE unit = 1 AND operation = 'seal'",
		  "seal-unanswered" },
	};
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	char row[300];

	put_passing_unit(journal, 1, 1);
	put(journal, unit_record(2));
	put(journal, attempt_record(2, 2, 1));
	put(journal, end_record(2, OUTCOME_TIMEOUT, 1, "no-answer", "air", "identity", 5));
	put(journal, state_record(2, UNIT_FAILED, 1, "no-answer", "air"));
	put(journal, batch_end_record("done"));
	journal_close(journal);
	assert_row(place->path, "SELECT count(*) FROM v_orphan", "0");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sqlite3 *db = plain_open(place->path);
		sqlite3_stmt *statement = NULL;
		bool found = false;

		/* Inside a transaction that is given up. */
		assert_int_equal(
			sqlite3_exec(db,
				     "BEGIN; DROP TRIGGER attempt_closed; DROP TRIGGER cert_forward; DROP TRIGGER "
				     "receipt_keep; DROP TRIGGER unit_fixed;",
				     NULL, NULL, NULL),
			SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, cases[i].sql, NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_prepare_v2(db, "SELECT kind, lot, batch_state, what FROM v_orphan", -1,
						    &statement, NULL),
				 SQLITE_OK);
		while (sqlite3_step(statement) == SQLITE_ROW) {
			snprintf(row, sizeof(row), "%s", (const char *)sqlite3_column_text(statement, 0));
			found |= strcmp(row, cases[i].kind) == 0;
			assert_string_equal((const char *)sqlite3_column_text(statement, 1), "A");
			assert_string_equal((const char *)sqlite3_column_text(statement, 2), "done");
		}
		sqlite3_finalize(statement);
		if (!found)
			fail_msg("%s: no orphan of kind %s", cases[i].sql, cases[i].kind);
		sqlite3_close(db);
	}
}

static void what_is_heard_again_adds_up(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");
	struct journal_record r = { .kind = JOURNAL_SIGHTING,
				    .sighting = { .mac = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
						  .freq_mhz = 2412,
						  .rssi_dbm = -70,
						  .verdict = "stranger",
						  .count = 3,
						  .first_us = T0,
						  .last_us = T0 + 5 } };

	put(journal, r);
	r.sighting.rssi_dbm = -60;
	r.sighting.last_us = T0 + 9;
	put_durable(journal, r);
	assert_row(place->path, "SELECT count(*), count, rssi_dbm, last_us - first_us FROM sighting", "1|6|-60|9");
	assert_row(place->path, "SELECT lot, mac, verdict, freq_mhz, count FROM v_sighting",
		   "A|ff:ff:ff:ff:ff:ff|stranger|2412|6");
	journal_close(journal);
}

static void labels_reprints_and_scans_are_counted_by_hand(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");

	for (int64_t unit = 1; unit <= 4; unit++)
		put_passing_unit(journal, unit, unit);
	/* 1: printed, torn, printed again and scanned; 2: sent; 3: queued; 4: none */
	put(journal, label_record(1, 1, 1, NULL));
	put(journal, label_state_record(1, 1, LABEL_SENT));
	put(journal, label_state_record(1, 1, LABEL_PRINTED));
	put(journal, label_state_record(1, 1, LABEL_VOID));
	put(journal, label_record(2, 1, 2, "torn"));
	put(journal, label_state_record(2, 1, LABEL_SENT));
	put(journal, label_state_record(2, 1, LABEL_SCANNED));
	put(journal, label_record(3, 2, 1, NULL));
	put(journal, label_state_record(3, 2, LABEL_SENT));
	put(journal, label_record(4, 3, 1, NULL));
	put(journal, scan_record(1, 1, 1, 1, "void"));
	put(journal, scan_record(2, 1, 1, 2, "right"));
	put_durable(journal, scan_record(3, 1, 0, 0, "unknown"));
	assert_row(place->path,
		   "SELECT passed, queued, sent, printed, scanned, without FROM v_label_coverage WHERE lot = 'A'",
		   "4|1|1|0|1|1");
	assert_row(place->path, "SELECT serial, template, copy, reason, actor, state FROM v_reprints",
		   "AC00001|t|2|torn|0417|scanned");
	assert_row(place->path,
		   "SELECT group_concat(verdict || ' ' || coalesce(serial, '-') || ' ' || coalesce(copy, '-'), ', ') "
		   "FROM v_label_scans",
		   "void AC00001 1, right AC00001 2, unknown - -");
	assert_row(
		place->path,
		"SELECT group_concat(event || ': ' || detail, '; ') FROM (SELECT * FROM v_unit_life WHERE unit = 1 "
		"AND event LIKE 'label%' ORDER BY at_us, step, event)",
		"label t 1 queued: file by 0417; label t 2 queued: file by 0417, again: torn; label t 1 sent: file; "
		"label t 2 sent: file; label t 1 printed: by the printer's word; label t 1 void: it counts no longer; "
		"label scanned: void, by 0417; label scanned: right, by 0417");
	assert_row(place->path, "SELECT count(*) FROM v_orphan", "0");
	/* A unit that is taken back after it was labelled. */
	put_durable(journal, state_record(2, UNIT_QUARANTINED, 40, "selftest-failed", "device"));
	assert_row(place->path, "SELECT kind, what FROM v_orphan WHERE kind LIKE 'label%'",
		   "labelled-unpassed|it has the label t, and the unit is quarantined");
	journal_close(journal);
}

static void passes_sessions_guards_and_openings_are_rows(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");

	put_passing_unit(journal, 1, 1); /* ends at T0 + 1.9 s */
	put_passing_unit(journal, 2, 4); /* T0 + 4.9 s */
	put(journal, (struct journal_record){ .kind = JOURNAL_GUARD, .guard = { "disk", "full", T0 + 5 * S } });
	put(journal,
	    (struct journal_record){ .kind = JOURNAL_AUDIT,
				     .audit = { "Eve", "pin-reveal", "unit 2",
						"{\"serial\":\"AC00002\",\"reason\":\"returned\"}", T0 + 6 * S } });
	put(journal, batch_end_record("done"));
	journal_close(journal);
	assert_row(place->path,
		   "SELECT group_concat(nth || ' ' || serial || ' ' || after_us || ' ' || coalesce(gap_us, '-'), ', ') "
		   "FROM v_pass",
		   "1 AC00001 1900000 -, 2 AC00002 4900000 3000000");
	assert_row(place->path,
		   "SELECT passed, running_us, cadence_us, gap_p50_us, gap_p95_us, gap_max_us FROM v_cadence",
		   "2|4900000|2450000|3000000|3000000|3000000");
	assert_row(place->path, "SELECT session, operator, end_kind, makespan_us FROM v_session",
		   "1|0417|clean|12000000");
	assert_row(place->path, "SELECT guard, detail, after_us FROM v_guard", "disk|full|5000000");
	assert_row(place->path, "SELECT lot, serial, actor, reason FROM v_pin_openings", "A|AC00002|Eve|returned");
}

static void how_devices_were_reached_is_on_record(void **state)
{
	struct place *place = *state;
	struct journal *journal = lot_of_eight(place);

	put_passing_unit(journal, 20, 20);
	put(journal, link_record(20, 20, 1));
	put_durable(journal, network_record(20, 20));
	assert_row(place->path,
		   "SELECT serial, method, kind, bssid, ssid, ssid_hex, cipher, substr(certificate_sha256, 1, 4), "
		   "join_ms, "
		   "secure_ms FROM v_links",
		   "AC00020|https|infrastructure|02:00:00:00:00:14|AC-1|41432D31|"
		   "TLS_AES_128_GCM_SHA256|0700|4.0|90.0");
	assert_row(place->path,
		   "SELECT serial, ssid, heard, candidates, bssid, rssi_dbm, reason, joined_ms, observed, reported "
		   "FROM v_networks",
		   "AC00020|Hall|9|2|020000000101|-48|strongest of 2|850.0|key-verified|1");
	assert_row(place->path, "SELECT count(*) FROM v_unit_life WHERE event IN ('link 1 up', 'network joined')", "2");
	journal_close(journal);
}

/* A method that nobody has thought of yet: words of its own, stages that it does not have, evidence. No migration. */
static void a_new_method_goes_on_record_as_it_is(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");

	put_passing_unit_by(journal, 1, 1, "new-method");
	put(journal, short_link_record(1, 1, 1));
	put(journal, delivery_record(1, 1));
	put_durable(journal, delivery_record(1, 1));
	journal_close(journal);
	assert_row(
		place->path,
		"SELECT serial, method, kind, secret, join_ms, address_ms, connect_ms, secure_ms, certificate_sha256, "
		"evidence FROM v_links",
		"AC00001|new-method|own-bss|printed-code|4.0|||90.0||{\"proved\":\"code\",\"akm\":\"psk\"}");
	assert_row(place->path,
		   "SELECT count(*), max(n), serial, mac, method, json_extract(evidence, '$.claims.model'), at FROM "
		   "v_deliveries",
		   "2|2|AC00001|02:00:00:00:00:01|new-method|X|2026-09-21T14:13:21.000Z");
	assert_row(place->path, "SELECT method, method_recorded FROM v_attempt", "new-method|new-method");
	assert_row(place->path, "SELECT count(*), max(detail) FROM v_unit_life WHERE event = 'credentials delivered'",
		   "2|new-method: {\"known_by\":\"address\",\"proved\":\"code\",\"claims\":{\"model\":\"X\"}}");
}

static void a_foreign_unit_says_what_was_not_proven(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");

	put_passing_unit(journal, 1, 1);
	put_foreign_unit(journal, 2, 2, OBSERVED_SEEN);
	put_durable(journal, foreign_record(3));
	assert_row(
		place->path,
		"SELECT state, agentless, coalesce(device_id, 'none'), not_proven IS NULL FROM v_unit WHERE unit = 1",
		"passed|0|0100000000000001|1");
	assert_row(place->path,
		   "SELECT state, agentless, coalesce(device_id, 'none'), not_proven FROM v_unit WHERE unit = 2",
		   "passed|1|none|no key, no certificate, no receipt");
	assert_row(place->path, "SELECT state, not_proven FROM v_unit WHERE unit = 3",
		   "seen|no key, no certificate, no receipt, not seen to join");
	/* One of a list of serial numbers: the number is known, and nothing else. */
	put_durable(journal,
		    (struct journal_record){ .kind = JOURNAL_IDENTITY,
					     .identity = { .unit = 2, .attempt = 2, .serial = "G-77", .at_us = T0 } });
	assert_row(place->path, "SELECT serial, cert_serial, not_proven FROM v_unit WHERE unit = 2",
		   "G-77||no key, no certificate, no receipt");
	assert_row(place->path, "SELECT detail FROM v_unit_life WHERE unit = 2 AND event = 'seen'",
		   "AC-100 rev  firmware , no agent of ours answers");
	assert_row(place->path, "SELECT count(*) FROM v_unit_life WHERE unit = 2 AND event IN ('unit', 'delivery')",
		   "0");
	journal_close(journal);
	assert_row(place->path, "SELECT passed, fpy FROM v_batch_yield", "2|1.0");
}

static void sha256_stub(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count, (void)values;
	sqlite3_result_null(context);
}

/* The shell of the distribution, on the file of a running station. */
static void the_plain_shell_answers_from_every_view(void **state)
{
	static const char *const views[] = { "v_unit",	      "v_attempt",	  "v_unit_batch",   "v_batch",
					     "v_batch_yield", "v_pareto",	  "v_cycle",	    "v_radio_health",
					     "v_unit_life",   "v_cert_register",  "v_pin_coverage", "v_orphan",
					     "v_session",     "v_pass",		  "v_guard",	    "v_pin_openings",
					     "v_labels",      "v_reprints",	  "v_links",	    "v_networks",
					     "v_label_scans", "v_label_coverage", "v_cadence",	    "v_order",
					     "v_override",    "v_pause",	  "v_sighting",	    "v_deliveries" };
	struct place *place = *state;
	struct journal *journal = lot_of_eight(place);
	char command[300], line[100];
	FILE *shell;

	put_passing_unit(journal, 20, 20);
	put(journal, (struct journal_record){ .kind = JOURNAL_GUARD, .guard = { "disk", "full", T0 } });
	put(journal,
	    (struct journal_record){ .kind = JOURNAL_AUDIT,
				     .audit = { "Eve", "pin-reveal", "unit 20",
						"{\"serial\":\"AC00020\",\"reason\":\"returned\"}", T0 + 130 * S } });
	put(journal, (struct journal_record){
			     .kind = JOURNAL_AUDIT,
			     .audit = { "Eve", "line-pause", "line", "{\"reason\":\"no trays\"}", T0 + 131 * S } });
	put(journal,
	    (struct journal_record){ .kind = JOURNAL_AUDIT,
				     .audit = { "Eve", "unit-quarantine", "unit 20",
						"{\"state\":\"passed\",\"reason\":\"scratched\"}", T0 + 132 * S } });
	put(journal, link_record(20, 20, 1));
	put(journal, network_record(20, 20));
	put(journal, delivery_record(20, 20));
	put(journal, label_record(1, 20, 1, NULL));
	put(journal, label_state_record(1, 20, LABEL_VOID));
	put(journal, label_record(2, 20, 2, "torn"));
	put(journal, scan_record(1, 1, 20, 2, "right"));
	put(journal,
	    (struct journal_record){
		    .kind = JOURNAL_SIGHTING,
		    .sighting = {
			    .freq_mhz = 2412, .verdict = "stranger", .count = 1, .first_us = T0, .last_us = T0 } });
	put_durable(journal, attempt_record(21, 8, 1));
	if (system("sqlite3 -version >/dev/null 2>&1") != 0) {
		journal_close(journal);
		print_message("skipped: there is no sqlite3 shell here\n");
		skip();
	}
	snprintf(line, sizeof(line), "%zu", sizeof(views) / sizeof(views[0]));
	assert_row(place->path, "SELECT count(*) FROM sqlite_schema WHERE type = 'view'", line);
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		snprintf(command, sizeof(command),
			 "sqlite3 -bail '%s' 'PRAGMA trusted_schema = 0; SELECT count(*) > 0 FROM "
			 "(SELECT * FROM %s)' 2>&1",
			 place->path, views[i]);
		shell = popen(command, "r");
		assert_non_null(fgets(line, sizeof(line), shell));
		assert_string_equal(line, "1\n");
		assert_int_equal(pclose(shell), 0);
	}
	journal_close(journal);
}

/* Each statement of db/queries, as the programs prepare them. Those that want functions of `audit verify` are its own.
 */
static void every_query_is_one_statement_that_only_reads(void **state)
{
	struct place *place = *state;
	sqlite3 *db;
	size_t count = 0;

	journal_close(lot_of_eight(place));
	db = plain_open(place->path);
	assert_int_equal(sqlite3_create_function(db, "sha256", 1, SQLITE_UTF8, NULL, sha256_stub, NULL, NULL), 0);
	assert_int_equal(sqlite3_create_function(db, "evidence", 1, SQLITE_UTF8, NULL, sha256_stub, NULL, NULL), 0);
	for (; sql_query_name(count); count++) {
		sqlite3_stmt *statement = sql_prepare(db, sql_query_name(count));

		if (!statement)
			fail_msg("%s: %s", sql_query_name(count), sqlite3_errmsg(db));
		assert_true(sqlite3_column_count(statement) > 0);
		sqlite3_finalize(statement);
	}
	assert_true(count > 40);
	assert_null(sql_query("no such query"));
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
		TEST(yields_are_those_worked_out_by_hand),
		TEST(a_batch_without_a_unit_has_no_yield),
		TEST(a_reworked_unit_counts_where_it_began),
		TEST(the_pareto_adds_up),
		TEST(cycle_times_are_nearest_ranks),
		TEST(radios_show_who_is_ill),
		TEST(a_life_is_told_in_the_order_of_time),
		TEST(the_register_has_every_certificate_and_says_which_are_loose),
		TEST(a_good_lot_has_no_orphans_and_each_contradiction_is_one),
		TEST(what_is_heard_again_adds_up),
		TEST(how_devices_were_reached_is_on_record),
		TEST(a_new_method_goes_on_record_as_it_is),
		TEST(a_foreign_unit_says_what_was_not_proven),
		TEST(labels_reprints_and_scans_are_counted_by_hand),
		TEST(passes_sessions_guards_and_openings_are_rows),
		TEST(the_plain_shell_answers_from_every_view),
		TEST(every_query_is_one_statement_that_only_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
