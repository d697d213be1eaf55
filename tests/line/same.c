/*
 * The same seed and the same keys bring the whole run back to the octet: every frame on the air, every event, every
 * row.
 */
#include "tests/line/hall.h"

#include <openssl/sha.h>

static const struct shape untidy = {
	.devices = 30,
	.radios = 2,
	.channels = "1, 6, 36",
	.loss = "8%",
	.arrival = "15ms",
	.faults = "    - {kind: selftest}\n    - {kind: power-cut, operation: identity, after: 20ms, off: 1s}\n"
		  "    - {kind: garbage, count: 50, after: 200ms}\n    - {kind: replay, count: 50, after: 400ms}\n",
};

struct trace {
	SHA256_CTX hash;
	unsigned events;
};

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* SHA256_Update: three lines, no context to free */

static void on_event(void *ctx, const struct line_event *e)
{
	struct trace *t = ctx;
	char text[400];
	int len = snprintf(text, sizeof(text), "%d %llu %lld %s %02x%02x%02x %u %s %d %d %llu %s %u %d %s\n",
			   (int)e->kind, (unsigned long long)e->now_us, (long long)e->unit, e->serial, e->mac[3],
			   e->mac[4], e->mac[5], e->attempt, e->step ? e->step : "-", (int)e->state, e->cause,
			   (unsigned long long)e->duration_us, e->radio ? e->radio : "-", e->freq_mhz, e->rssi_dbm,
			   e->detail ? e->detail : "-");

	assert_true(len > 0 && (size_t)len < sizeof(text));
	SHA256_Update(&t->hash, text, (size_t)len);
	t->events++;
}

static void hash_file(const char *path, uint8_t out[static 32], size_t *octets)
{
	SHA256_CTX hash;
	uint8_t buf[65536];
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	SHA256_Init(&hash);
	*octets = 0;
	for (size_t n; (n = fread(buf, 1, sizeof(buf), f)) > 0; *octets += n)
		SHA256_Update(&hash, buf, n);
	fclose(f);
	SHA256_Final(out, &hash);
}

/* of a run */
struct print {
	uint8_t pcap[32], events[32], rows[32];
	size_t octets;
	unsigned count;
};

/* All that a session puts on record, but for the host and boot that it ran on. */
static void hash_rows(const struct run *run, uint8_t out[static 32])
{
	static const char *const tables[] = { "unit", "attempt", "step",     "measurement", "txn",  "pin",
					      "cert", "receipt", "sighting", "radio",	    "audit" };
	SHA256_CTX hash;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(run->db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	SHA256_Init(&hash);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		sqlite3_stmt *stmt;
		char sql[100];

		/* Who began the batch, and where, is in the first links of the chain. */
		snprintf(sql, sizeof(sql), "SELECT * FROM %s%s ORDER BY 1, 2", tables[i],
			 strcmp(tables[i], "audit") == 0 ? " WHERE 0" : "");
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
		while (sqlite3_step(stmt) == SQLITE_ROW)
			for (int c = 0; c < sqlite3_column_count(stmt); c++) {
				const void *at = sqlite3_column_blob(stmt, c);
				int len = sqlite3_column_bytes(stmt, c);

				SHA256_Update(&hash, &len, sizeof(len));
				SHA256_Update(&hash, at, (size_t)len);
			}
		sqlite3_finalize(stmt);
	}
	sqlite3_close(db);
	SHA256_Final(out, &hash);
}

static void take_print(struct hall *hall, const struct shape *shape, uint64_t seed, struct print *out)
{
	struct trace trace = { 0 };
	struct batch_options o;
	char pcap[112];
	struct run run;

	hall_job(hall, &run, shape, 1);
	o = hall_options(hall, &run);
	o.keys_inside = false; /* as it is in use */
	snprintf(pcap, sizeof(pcap), "%s/air.pcap", hall->dir);
	SHA256_Init(&trace.hash);
	o.pcap = pcap;
	o.event = on_event;
	o.ctx = &trace;
	o.seed = seed;
	if (batch_run(&o, &run.result, run.error, sizeof(run.error)) != 0)
		fail_msg("%s", run.error);
	SHA256_Final(out->events, &trace.hash);
	out->count = trace.events;
	hash_file(pcap, out->pcap, &out->octets);
	hash_rows(&run, out->rows);
	assert_true(run.result.summary.passed >= shape->devices - 1);
	hall_done(&run);
}

static void the_same_seed_is_the_same_run_to_the_octet(void **state)
{
	uint64_t seed = hall_seed(7);
	struct print a, b;

	take_print(*state, &untidy, seed, &a);
	take_print(*state, &untidy, seed, &b);
	assert_true(a.octets > 50000 && a.count > 200);
	assert_int_equal(a.octets, b.octets);
	assert_int_equal(a.count, b.count);
	assert_memory_equal(a.pcap, b.pcap, 32);
	assert_memory_equal(a.events, b.events, 32);
	assert_memory_equal(a.rows, b.rows, 32);
}

static void another_seed_is_another_run(void **state)
{
	uint64_t seed = hall_seed(8);
	struct print a, b;

	take_print(*state, &untidy, seed, &a);
	take_print(*state, &untidy, seed + 1, &b);
	assert_memory_not_equal(a.pcap, b.pcap, 32);
	assert_memory_not_equal(a.events, b.events, 32);
	assert_memory_not_equal(a.rows, b.rows, 32);
}

/* A quiet batch differs by its seed too: in what was drawn, and so in every octet that was sealed. */
static void a_quiet_batch_repeats_and_differs_alike(void **state)
{
	const struct shape quiet = { .devices = 5 };
	uint64_t seed = hall_seed(9);
	struct print a, b, c;

	take_print(*state, &quiet, seed, &a);
	take_print(*state, &quiet, seed, &b);
	take_print(*state, &quiet, seed + 1, &c);
	assert_memory_equal(a.pcap, b.pcap, 32);
	assert_memory_equal(a.rows, b.rows, 32);
	assert_memory_not_equal(a.pcap, c.pcap, 32);
	assert_memory_not_equal(a.rows, c.rows, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_seed_is_the_same_run_to_the_octet),
		cmocka_unit_test(another_seed_is_another_run),
		cmocka_unit_test(a_quiet_batch_repeats_and_differs_alike),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
