/*
 * A factory hall for tests of whole batches: a folder with keys, jobs written as text, runs through batch_run, and what
 * the record must say afterwards. Each test program makes one hall and runs many batches in it, each with a database of
 * its own. MILLRACE_SEED replaces the seed that is written in a test.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "agent/wire/cause.h"
#include "db/verify.h"
#include "station/run/batch.h"
#include "station/identity/ceremony.h"

#define HALL __attribute__((unused)) static

struct hall {
	char dir[64], keys[80];
	unsigned batches;
};

/* What a job says; zeros are the words of a plain job. */
struct shape {
	unsigned devices, radios;
	const char *channels; /* "1, 6, 11" */
	const char *profile;  /* of the radios: "ideal" */
	bool no_steer;
	const char *loss, *arrival, *attempts, *patience, *recipe;
	const char *credentials; /* the section, in braces; "~": none */
	const char *simulation;	 /* more keys of it, with their indent */
	const char *faults;	 /* lines of the list, with their indent */
	const char *admission;	 /* ", expect: ..." */
	unsigned quantity;	 /* of the lot; 0: as many as devices; more: the test places the others */
	unsigned first;		 /* of the serial numbers; 0: 1 */
	const char *guard;	 /* consecutive_fail; "off" */
	const char *extra;	 /* more lines at the end: top-level sections */
};

/* one batch: its job, its record, what came out */
struct run {
	char db[112], path[112];
	struct job *job;
	struct batch_result result;
	char error[512];
};

HALL uint64_t hall_seed(uint64_t seed)
{
	const char *text = getenv("MILLRACE_SEED");

	seed = text ? strtoull(text, NULL, 0) : seed;
	printf("           seed %llu\n", (unsigned long long)seed);
	return seed;
}

HALL int hall_remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

/* Keys too are drawn from a seed: what devices answer and when depends on them. */
HALL int hall_open(void **state)
{
	const char *text = getenv("MILLRACE_SEED");
	struct hall *hall = calloc(1, sizeof(*hall));
	struct entropy *entropy = entropy_create_seeded(text ? strtoull(text, NULL, 0) : 1, "keys of the hall");
	struct ceremony ceremony = {
		.organization = "Hall", .root_days = 3650, .issuing_days = 3650, .utc_us = BATCH_SIM_UTC_US
	};
	char error[512];

	assert_non_null(hall);
	assert_non_null(entropy);
	strcpy(hall->dir, "/tmp/millrace-hall-XXXXXX");
	assert_non_null(mkdtemp(hall->dir));
	snprintf(hall->keys, sizeof(hall->keys), "%s/keys", hall->dir);
	ceremony.dir = hall->keys;
	entropy_lend_to_openssl(entropy);
	if (ceremony_init(&ceremony, entropy, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	entropy_lend_to_openssl(NULL);
	entropy_destroy(entropy);
	*state = hall;
	return 0;
}

HALL int hall_close(void **state)
{
	struct hall *hall = *state;

	nftw(hall->dir, hall_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(hall);
	return 0;
}

HALL void hall_write_job(struct hall *hall, struct run *run, const struct shape *shape, uint64_t seed)
{
	unsigned n = ++hall->batches;
	FILE *f;

	*run = (struct run){ 0 };
	snprintf(run->path, sizeof(run->path), "%s/job%u.yaml", hall->dir, n);
	snprintf(run->db, sizeof(run->db), "%s/record%u.db", hall->dir, n);
	f = fopen(run->path, "w");
	assert_non_null(f);
	fprintf(f,
		"format: 1\n"
		"batch: {lot: \"lot-%u\", product: \"AC-100\", hw_rev: \"C\", quantity: %u, test: true}\n"
		"identity:\n  serial: {pattern: \"T{06}\", first: %u}\n  pin: {digits: 8, wps_checksum: true}\n"
		"  certificate: {organization: \"Hall\", validity: forever}\n"
		"%s%s\n"
		"recipe: [%s]\n"
		"radios: {simulated: %u, profile: %s}\nchannels: [%s]\nschedule: {policy: pex, steer: %s}\n"
		"admission: {max_in_flight: 96, min_rssi: -82dBm, lease: 5s%s}\n"
		"attempts: {max: %s, patience: %s}\n"
		"guards: {consecutive_fail: %s, disk_free: 1MiB}\n"
		"%s"
		"simulation:\n  devices: %u\n  seed: %llu\n  arrival: %s\n  loss: %s\n",
		n, shape->quantity ? shape->quantity : shape->devices, shape->first ? shape->first : 1,
		shape->credentials && shape->credentials[0] == '~' ? "#" : "credentials: ",
		shape->credentials ? shape->credentials : "{method: direct, ssid: \"hall\", security: wpa2}",
		shape->recipe ? shape->recipe : "identify, selftest, identity, credentials, verify, seal",
		shape->radios ? shape->radios : 1, shape->profile ? shape->profile : "ideal",
		shape->channels ? shape->channels : "6", shape->no_steer ? "false" : "true",
		shape->admission ? shape->admission : "", shape->attempts ? shape->attempts : "3",
		shape->patience ? shape->patience : "4s", shape->guard ? shape->guard : "off",
		shape->extra ? shape->extra : "", shape->devices, (unsigned long long)seed,
		shape->arrival ? shape->arrival : "together", shape->loss ? shape->loss : "0%");
	if (shape->simulation)
		fputs(shape->simulation, f);
	if (shape->faults)
		fprintf(f, "  faults:\n%s", shape->faults);
	assert_int_equal(fclose(f), 0);
}

HALL void hall_job(struct hall *hall, struct run *run, const struct shape *shape, uint64_t seed)
{
	struct job_errors errors = { 0 };

	hall_write_job(hall, run, shape, seed);
	run->job = job_load(run->path, &errors);
	if (!run->job)
		fail_msg("%s", errors.text[0]);
}

/*
 * The keys stay inside, but in the tests of what holds them: thousands of lots on a busy machine would wait twice for a
 * processor with each device. Programs that tests start (the shell's) have them apart.
 */
HALL struct batch_options hall_options(const struct hall *hall, const struct run *run)
{
	return (struct batch_options){ .job = run->job,
				       .db = run->db,
				       .keys = hall->keys,
				       .keys_inside = true,
				       .check = true,
				       .operator= "hall" };
}

/* Runs (or goes on with) the batch; the test fails when it cannot. */
HALL void hall_run(const struct hall *hall, struct run *run)
{
	struct batch_options o = hall_options(hall, run);

	if (batch_run(&o, &run->result, run->error, sizeof(run->error)) != 0)
		fail_msg("%s", run->error);
}

HALL void hall_done(struct run *run)
{
	char path[160];

	job_destroy(run->job);
	run->job = NULL;
	for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", ".lock", ".simulated-flash", NULL };
	     *end; end++) {
		snprintf(path, sizeof(path), "%s%s", run->db, *end);
		(void)unlink(path);
	}
}

/* The first column of the first row. */
HALL int64_t hall_ask(const struct run *run, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;

	assert_int_equal(sqlite3_open_v2(run->db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

HALL void hall_found(void *ctx, const char *kind, const char *what)
{
	(void)ctx;
	print_error("verify: %s: %s\n", kind, what);
}

HALL void hall_noted(void *ctx, const char *what) { (void)ctx, (void)what; }

HALL bool hall_signature(void *ctx, const uint8_t head[static 32], const uint8_t *sig, size_t len, const char *key_id)
{
	const struct hall *hall = ctx;
	uint8_t key[65];
	char id[24], error[512];

	return identity_record_public(hall->keys, key, id, error, sizeof(error)) == 0 && strcmp(id, key_id) == 0 &&
	       identity_record_verify(key, head, sig, len);
}

/* `audit verify` finds nothing in its record. */
HALL void hall_verify(struct hall *hall, const struct run *run)
{
	struct verify verify = { .found = hall_found, .noted = hall_noted, .signature = hall_signature, .ctx = hall };
	char error[512];
	sqlite3 *db;

	if (reader_open(&db, run->db, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	assert_int_equal(verify_record(db, &verify, error, sizeof(error)), 0);
	assert_int_equal(verify.findings, 0);
	assert_true(verify.rows > 0);
	sqlite3_close(db);
}

/* What must hold after any session of any batch, whatever happened in it: once the next session has begun or ended. */
HALL void hall_check(struct hall *hall, const struct run *run)
{
	static const char *const never[] = {
		("SELECT count(*) FROM (SELECT serial FROM unit WHERE serial IS NOT NULL GROUP BY serial "
		 "HAVING count(*) > 1)"),
		"SELECT count(*) FROM (SELECT lookup FROM pin GROUP BY lookup, product HAVING count(*) > 1)",
		"SELECT count(*) FROM (SELECT salt FROM pin GROUP BY salt HAVING count(*) > 1)",
		"SELECT count(*) FROM (SELECT spki_sha256 FROM cert GROUP BY spki_sha256 HAVING count(*) > 1)",
		"SELECT count(*) FROM (SELECT serial_hex FROM cert GROUP BY serial_hex HAVING count(*) > 1)",
		/* The label of a unit that has not passed is a person's matter, until he takes it off. */
		"SELECT count(*) FROM v_orphan WHERE kind <> 'labelled-unpassed'",
		"SELECT count(*) FROM attempt WHERE outcome IS NULL",
		"SELECT count(*) FROM unit WHERE state = 'passed' AND unit NOT IN (SELECT unit FROM receipt)",
		"SELECT count(*) FROM unit WHERE state = 'passed' AND serial IS NULL",
		"SELECT count(*) FROM unit WHERE state = 'passed' AND unit NOT IN (SELECT unit FROM pin)",
		"SELECT count(*) FROM unit WHERE state IN ('seen', 'active')",
		/* Its device holds them, and has signed that it does. */
		("SELECT count(*) FROM unit AS u WHERE state = 'passed' AND EXISTS (SELECT 1 FROM txn AS t WHERE "
		 "t.unit = u.unit AND operation <> 'seal' GROUP BY operation HAVING max(committed_us) IS NULL)"),
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (hall_ask(run, never[i]) != 0)
			fail_msg("%s: %lld, not 0", never[i], (long long)hall_ask(run, never[i]));
	hall_verify(hall, run);
}

HALL int64_t hall_count(const struct run *run, const char *state, const char *cause)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM unit WHERE state = '%s' AND coalesce(cause_name, 'ok') = '%s'",
		 state, cause);
	return hall_ask(run, sql);
}

/* Every unit passed, each with its receipt, and the summary says the same. */
HALL void hall_all_passed(struct hall *hall, const struct run *run, unsigned devices)
{
	assert_int_equal(run->result.summary.passed, devices);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM unit WHERE state = 'passed'"), devices);
	assert_int_equal(hall_ask(run, "SELECT count(DISTINCT unit) FROM receipt"), devices);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM unit WHERE state <> 'passed'"), 0);
	hall_check(hall, run);
}
