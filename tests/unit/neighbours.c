/*
 * A record changes the rows of its own unit and no others, and one that names another unit's row, or a state that does
 * not follow the present one, changes nothing at all. Every row that can be changed has a neighbour here.
 *
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c db/verify.c
 */
#include "tests/unit/record.h"

/* Two units that have passed, each with a label, an open attempt and an intent. */
static struct journal *two_alike(struct place *place)
{
	struct journal *journal = opened_lot(place, "A");

	for (int64_t unit = 1; unit <= 2; unit++) {
		put_passing_unit(journal, unit, unit);
		put(journal, label_record(unit, unit, 1, NULL));
		put(journal, attempt_record(unit + 2, unit, 2));
		put_durable(journal,
			    transaction_record(unit, unit + 2, (uint64_t)(7000 + unit), "credentials", PHASE_INTENT));
	}
	return journal;
}

/* All rows of a unit that can change; its own memory. */
static char *rows_of(const struct place *place, int64_t unit)
{
	static const char *const tables[] = { "unit", "attempt", "txn", "cert", "label" };
	sqlite3 *db = plain_open(place->path);
	char *text = NULL, sql[100];
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		sqlite3_stmt *stmt;

		snprintf(sql, sizeof(sql), "SELECT * FROM %s WHERE unit = %lld ORDER BY 1", tables[i], (long long)unit);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			fprintf(out, "\n%s", tables[i]);
			for (int c = 0; c < sqlite3_column_count(stmt); c++)
				if (sqlite3_column_type(stmt, c) != SQLITE_BLOB)
					fprintf(out, "|%s", (const char *)sqlite3_column_text(stmt, c));
		}
		sqlite3_finalize(stmt);
	}
	sqlite3_close(db);
	fclose(out);
	return text;
}

struct change {
	const char *what;
	struct journal_record before, record; /* `before`, where there is one: first */
};

static void put_before(struct journal *journal, const struct change *c)
{
	if (c->before.kind != 0)
		put_durable(journal, c->before);
}

static void a_record_changes_its_own_unit_alone(void **state)
{
	const struct change changes[] = {
		{ "state", .record = state_record(1, UNIT_QUARANTINED, 40, "selftest-failed", "device") },
		{ "end of an attempt", .record = end_record(3, OUTCOME_FAIL, 1, "no-answer", "air", "verify", 5) },
		{ "transaction prepared", .record = transaction_record(1, 3, 7001, "credentials", PHASE_PREPARED) },
		{ "transaction committed", .record = transaction_record(1, 3, 7001, "credentials", PHASE_COMMITTED) },
		{ "certificate revoked", .record = cert_record(1, CERT_REVOKED) },
		{ "certificate void", .record = cert_record(1, CERT_VOID) },
		{ "label sent", .record = label_state_record(1, 1, LABEL_SENT) },
		{ "label printed", label_state_record(1, 1, LABEL_SENT), label_state_record(1, 1, LABEL_PRINTED) },
		{ "label scanned", label_state_record(1, 1, LABEL_SENT), label_state_record(1, 1, LABEL_SCANNED) },
		{ "label void", .record = label_state_record(1, 1, LABEL_VOID) },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct place *place = *state;
		struct journal *journal = two_alike(place);
		char *own, *others, *own_now, *others_now;

		put_before(journal, &changes[i]);
		own = rows_of(place, 1);
		others = rows_of(place, 2);
		put_durable(journal, changes[i].record);
		own_now = rows_of(place, 1);
		others_now = rows_of(place, 2);
		if (strcmp(own, own_now) == 0)
			fail_msg("%s: nothing has changed", changes[i].what);
		if (strcmp(others, others_now) != 0)
			fail_msg("%s: its neighbour too:%s", changes[i].what, others_now);
		free(own);
		free(others);
		free(own_now);
		free(others_now);
		journal_close(journal);
		place_tear_down(state);
		place_set_up(state);
	}
}

static void a_record_that_fits_no_row_changes_none(void **state)
{
	const struct change changes[] = {
		{ "label of another unit sent", .record = label_state_record(1, 2, LABEL_SENT) },
		{ "label of another unit printed", label_state_record(1, 1, LABEL_SENT),
		  label_state_record(1, 2, LABEL_PRINTED) },
		{ "label of another unit scanned", label_state_record(1, 1, LABEL_SENT),
		  label_state_record(1, 2, LABEL_SCANNED) },
		{ "label of another unit void", .record = label_state_record(1, 2, LABEL_VOID) },
		{ "label printed before it is sent", .record = label_state_record(1, 1, LABEL_PRINTED) },
		{ "label scanned before it is sent", .record = label_state_record(1, 1, LABEL_SCANNED) },
		{ "label sent twice", label_state_record(1, 1, LABEL_SENT), label_state_record(1, 1, LABEL_SENT) },
		{ "label void twice", label_state_record(1, 1, LABEL_VOID), label_state_record(1, 1, LABEL_VOID) },
		{ "transaction of another unit prepared",
		  .record = transaction_record(2, 4, 7001, "credentials", PHASE_PREPARED) },
		{ "transaction of another unit committed",
		  .record = transaction_record(2, 4, 7001, "credentials", PHASE_COMMITTED) },
		{ "intent of another unit", .record = transaction_record(2, 4, 7001, "credentials", PHASE_INTENT) },
		{ "intent of another operation", .record = transaction_record(1, 3, 7001, "seal", PHASE_INTENT) },
		{ "end of a closed attempt",
		  .record = end_record(1, OUTCOME_FAIL, 1, "no-answer", "air", "verify", 5) },
		{ "state of a unit that is not there", .record = state_record(3, UNIT_FAILED, 1, "no-answer", "air") },
		{ "certificate void twice", cert_record(1, CERT_VOID), cert_record(1, CERT_VOID) },
		{ "certificate verified after it was revoked", cert_record(1, CERT_REVOKED),
		  cert_record(1, CERT_VERIFIED) },
		{ "certificate of a unit without one", .record = cert_record(3, CERT_INSTALLED) },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct place *place = *state;
		struct journal *journal = two_alike(place);
		char *rows[2], *now[2];
		uint64_t ticket;

		put_before(journal, &changes[i]);
		for (int64_t unit = 1; unit <= 2; unit++)
			rows[unit - 1] = rows_of(place, unit);
		ticket = journal_submit(journal, &changes[i].record);
		if (ticket && (journal_wait(journal, ticket) == 0 || !journal_failed(journal)))
			fail_msg("%s: it was taken", changes[i].what);
		for (int64_t unit = 1; unit <= 2; unit++) {
			now[unit - 1] = rows_of(place, unit);
			if (strcmp(rows[unit - 1], now[unit - 1]) != 0)
				fail_msg("%s: rows of unit %lld have changed:%s", changes[i].what, (long long)unit,
					 now[unit - 1]);
			free(rows[unit - 1]);
			free(now[unit - 1]);
		}
		journal_close(journal);
		place_tear_down(state);
		place_set_up(state);
	}
}

/* What a station has left open is ended in the order of its beginnings, and what had ended stays as it was.
 */
static void what_was_left_open_is_ended_and_nothing_else(void **state)
{
	struct place *place = *state;
	struct journal_start start;
	struct journal *journal = two_alike(place);

	put_durable(journal, end_record(3, OUTCOME_FAIL, 1, "no-answer", "air", "verify", 5));
	put_durable(journal, state_record(2, UNIT_ACTIVE, 0, NULL, NULL));
	journal_close(journal);
	journal = opened(place);
	assert_int_equal(begin_lot(journal, place, "B", "job", &start, NULL, NULL), 0);
	put(journal, attempt_record(5, 1, 1));
	put_durable(journal, attempt_record(6, 2, 1));
	journal_close(journal);
	journal = opened(place);
	assert_int_equal(begin_lot(journal, place, "A", "job", &start, NULL, NULL), 0);
	journal_close(journal);
	assert_row(place->path,
		   "SELECT group_concat(attempt || ' ' || outcome, ', ') FROM (SELECT * FROM attempt ORDER BY attempt)",
		   "1 pass, 2 pass, 3 fail, 4 interrupted, 5 interrupted, 6 interrupted");
	assert_row(place->path,
		   "SELECT group_concat(unit || ' ' || state, ', ') FROM (SELECT * FROM unit ORDER BY unit)",
		   "1 passed, 2 seen");
	assert_row(
		place->path,
		"SELECT group_concat(subject, ', ') FROM (SELECT subject FROM audit WHERE action = 'attempt' AND seq > "
		"(SELECT max(seq) FROM audit WHERE action = 'batch-begin' AND subject = 'B') ORDER BY seq)",
		"unit 2, unit 1, unit 2");
}

static void put_sighting(struct journal *journal, uint8_t number, const char *verdict, uint16_t freq_mhz, int rssi_dbm,
			 unsigned count, int64_t first_us, int64_t last_us)
{
	struct journal_record r = { .kind = JOURNAL_SIGHTING,
				    .sighting = { .verdict = verdict,
						  .freq_mhz = freq_mhz,
						  .rssi_dbm = rssi_dbm,
						  .count = count,
						  .first_us = T0 + first_us,
						  .last_us = T0 + last_us } };

	r.sighting.mac[0] = 2;
	r.sighting.mac[5] = number;
	put_durable(journal, r);
}

/* Who is heard again is one row: how often, where at last, how well at best, since when and until when. */
static void what_is_heard_again_is_added_up(void **state)
{
	struct place *place = *state;
	struct journal *journal = opened_lot(place, "A");

	put_sighting(journal, 1, "weak", 2412, -90, 3, 50, 60);
	put_sighting(journal, 2, "weak", 2412, -91, 1, 51, 52);
	put_sighting(journal, 1, "busy", 2412, -92, 2, 53, 54);
	put_sighting(journal, 1, "weak", 2437, -95, 4, 40, 55);
	put_sighting(journal, 1, "weak", 2462, -80, 1, 58, 70);
	journal_close(journal);
	assert_row(place->path,
		   "SELECT group_concat(hex(substr(mac, 6)) || ' ' || verdict || ' ' || freq_mhz || ' ' || rssi_dbm || "
		   "' ' || count "
		   "|| ' ' || (first_us - 1790000000000000) || ' ' || (last_us - 1790000000000000), ', ') "
		   "FROM (SELECT * FROM sighting ORDER BY mac, verdict)",
		   "01 busy 2412 -92 2 53 54, 01 weak 2462 -80 8 40 70, 02 weak 2412 -91 1 51 52");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_record_changes_its_own_unit_alone, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(a_record_that_fits_no_row_changes_none, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(what_was_left_open_is_ended_and_nothing_else, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(what_is_heard_again_is_added_up, place_set_up, place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
