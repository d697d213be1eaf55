/*
 * A record that grows: what an auditor and a start ask of it, at 1,000, 20,000 and 200,000 units, in lots of 1,000.
 * `make bench ONLY=record.scale`; record_scale OUT.json [PREFIX]: appends to OUT.json. Each question is asked by a
 * process of its own; CPU time, which a busy machine changes least, and memory are the kernel's account of it.
 *
 *   record.scale.start_*    a station's journal is opened, a new lot begun, all closed
 *   record.scale.verify_*   the chain, its signatures, every row against it, SQLite's own checks (db/verify.h). Not in
 *                           it: certificates and receipts as OpenSSL sees them, one after another (audit verify --keys)
 *   record.scale.batch_*    millrace audit batch: every lot
 *   record.scale.report_*   a lot's report, as JSON, without the verification that heads it
 *   record.scale.views_*    every view that there is, each of its rows
 *   record.scale.*_ratio    time over units at the most, to that at the fewest
 *   record.scale.memory_*   a station that provisions config/jobs/minimal.yaml on that record, at its largest; beyond
 *                           that of an empty one it has SQLite's cache of pages, 2 MiB at most
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>
#include <sqlite3.h>

#include "db/sql.h"
#include "db/verify.h"
#include "station/identity/ceremony.h"
#include "station/report/report.h"
#include "station/run/batch.h"
#include "tests/support/figures.h"
#include "tests/support/large_record.h"

#define LOT_UNITS 1000u
#define JOB "config/jobs/minimal.yaml"

struct scale {
	char dir[64], keys[80];
	const char *program;
	struct figures figures;
	struct identity *identity;
};

static void die(const char *what)
{
	fprintf(stderr, "bench: record_scale: %s\n", what);
	exit(2);
}

/* --- a process of its own --- */

struct spent {
	double cpu_ms, memory_kib;
};

static struct spent wait_for(pid_t child, const char *what)
{
	struct rusage usage;
	int status;

	if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
		die(what);
	return (struct spent){ (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
				       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3,
			       (double)usage.ru_maxrss };
}

static struct spent spend(struct scale *s, const char *db, void (*ask)(struct scale *s, const char *db))
{
	pid_t child = fork();

	if (child == 0) {
		ask(s, db);
		_exit(0);
	}
	return wait_for(child, db);
}

static struct spent spend_program(struct scale *s, const char *const argv[])
{
	pid_t child = fork();

	if (child == 0) {
		int fd = open("/dev/null", O_WRONLY);

		if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
			_exit(3);
		execv(s->program, (char *const *)(uintptr_t)argv);
		_exit(3);
	}
	return wait_for(child, argv[1]);
}

/* --- questions --- */

static sqlite3 *reader(const char *db)
{
	char error[512];
	sqlite3 *out;

	if (reader_open(&out, db, error, sizeof(error)) != 0)
		die(error);
	return out;
}

static void count_unit(void *ctx, const struct journal_resume *unit) { (void)unit, ++*(unsigned *)ctx; }

static void ask_start(struct scale *s, const char *db)
{
	struct journal_options options = { .path = db,
					   .simulated = true,
					   .sign = identity_sign_record,
					   .sign_ctx = s->identity,
					   .sign_key_id = identity_record_key_id(s->identity) };
	char lot[LARGE_LOT_MAX], error[512];
	struct journal_batch batch = large_record_batch(9999, LOT_UNITS, lot);
	struct journal_start start;
	struct journal *journal;
	unsigned units = 0;

	if (journal_open(&journal, &options, error, sizeof(error)) != 0 ||
	    journal_begin(journal, &batch, &start, count_unit, &units, error, sizeof(error)) != 0)
		die(error);
	journal_close(journal);
	if (units != 0)
		die("a new lot has units");
}

static void on_found(void *ctx, const char *kind, const char *what)
{
	(void)ctx;
	fprintf(stderr, "%s: %s\n", kind, what);
}

static void on_noted(void *ctx, const char *what) { (void)ctx, (void)what; }

static bool is_signature(void *ctx, const uint8_t head[static 32], const uint8_t *sig, size_t len, const char *key_id)
{
	const struct scale *s = ctx;
	uint8_t key[65];
	char id[24], error[512];

	return identity_record_public(s->keys, key, id, error, sizeof(error)) == 0 && strcmp(id, key_id) == 0 &&
	       identity_record_verify(key, head, sig, len);
}

static void ask_verify(struct scale *s, const char *path)
{
	struct verify verify = { .found = on_found, .noted = on_noted, .signature = is_signature, .ctx = s };
	char error[512];
	sqlite3 *db = reader(path);

	if (verify_record(db, &verify, error, sizeof(error)) != 0)
		die(error);
	if (verify.findings != 0 || verify.rows == 0)
		die("the record does not hold together");
	sqlite3_close(db);
}

static void ask_report(struct scale *s, const char *path)
{
	sqlite3 *db = reader(path);
	struct report report = { .db = db, .lot = "L0001", .made = "now" };
	json_t *answer = json_object();

	(void)s;
	if (report_read(&report) != 0 || report_json(&report, answer) != 0)
		die(report.error);
	if (report.units != LOT_UNITS)
		die("a report is of another lot");
	json_decref(answer);
	sqlite3_close(db);
}

static void ask_views(struct scale *s, const char *path)
{
	sqlite3 *db = reader(path);
	sqlite3_stmt *names = sql_prepare(db, "view_names");

	(void)s;
	while (sqlite3_step(names) == SQLITE_ROW) {
		sqlite3_stmt *view = reader_view(db, (const char *)sqlite3_column_text(names, 0));
		int rc;

		while (view && (rc = sqlite3_step(view)) == SQLITE_ROW)
			;
		if (!view || rc != SQLITE_DONE)
			die(sqlite3_errmsg(db));
		sqlite3_finalize(view);
	}
	sqlite3_finalize(names);
	sqlite3_close(db);
}

/* --- sizes --- */

static const struct question {
	const char *name;
	void (*ask)(struct scale *s, const char *db); /* NULL: the program does */
} questions[] = {
	{ "start", ask_start },	  { "verify", ask_verify }, { "batch", NULL },
	{ "report", ask_report }, { "views", ask_views },
};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static struct spent ask(struct scale *s, const struct question *q, const char *db)
{
	if (q->ask)
		return spend(s, db, q->ask);
	return spend_program(s, (const char *const[]){ s->program, "audit", q->name, "--db", db, NULL });
}

static double station_kib(struct scale *s, const char *db)
{
	return spend_program(s, (const char *const[]){ s->program, "run", JOB, "--db", db, "--keys", s->keys, "--seed",
						       "1", "--json", "--no-compare", "--control", "none", "--operator",
						       "bench", NULL })
		.memory_kib;
}

static void write_record(struct scale *s, const char *db, unsigned units)
{
	struct large_record want = { .path = db,
				     .lots = units / LOT_UNITS,
				     .units = LOT_UNITS,
				     .sign = identity_sign_record,
				     .sign_ctx = s->identity,
				     .sign_key_id = identity_record_key_id(s->identity) };
	char error[512];

	if (large_record_write(&want, error, sizeof(error)) != 0)
		die(error);
}

static void measure(struct scale *s)
{
	static const unsigned sizes[] = { 1000, 20000, 200000 };
	double first[QUESTIONS], empty_kib, kib = 0;
	char db[120], name[80];

	snprintf(db, sizeof(db), "%s/empty.db", s->dir);
	empty_kib = station_kib(s, db);
	for (size_t size = 0; size < 3; size++) {
		bool last = size == 2;

		snprintf(db, sizeof(db), "%s/%u.db", s->dir, sizes[size]);
		write_record(s, db, sizes[size]);
		for (size_t i = 0; i < QUESTIONS; i++) {
			double each = ask(s, &questions[i], db).cpu_ms / sizes[size];

			if (size == 0)
				first[i] = each;
			snprintf(name, sizeof(name), "record.scale.%s_%u", questions[i].name, sizes[size]);
			figures_report(&s->figures, name, each * sizes[size], "ms", -1, true);
			snprintf(name, sizeof(name), "record.scale.%s_ratio", questions[i].name);
			if (last)
				figures_report(&s->figures, name, each / first[i], "ratio", 1.5, true);
		}
		kib = station_kib(s, db);
		snprintf(name, sizeof(name), "record.scale.memory_%u", sizes[size]);
		figures_report(&s->figures, name, kib, "KiB", -1, true);
	}
	figures_report(&s->figures, "record.scale.memory_empty", empty_kib, "KiB", -1, true);
	figures_report(&s->figures, "record.scale.memory_ratio", kib / empty_kib, "ratio", 1.1, true);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

int main(int argc, char **argv)
{
	struct scale s = { .dir = "/tmp/millrace-scale-XXXXXX", .program = getenv("MILLRACE_BIN") };
	struct ceremony ceremony = {
		.organization = "Bench", .root_days = 3650, .issuing_days = 3650, .utc_us = BATCH_SIM_UTC_US
	};
	struct entropy *entropy = entropy_create_kernel();
	char error[512];

	if (argc < 2)
		die("usage: record_scale OUT.json [PREFIX]");
	figures_go_on(&s.figures, argv[1], argc > 2 ? argv[2] : "");
	if (!figures_wanted(&s.figures, "record.scale"))
		return figures_end(&s.figures) ? 0 : 2;
	if (!s.program)
		die("MILLRACE_BIN names no program");
	if (!entropy || !mkdtemp(s.dir))
		die("no memory or no temporary folder");
	snprintf(s.keys, sizeof(s.keys), "%s/keys", s.dir);
	ceremony.dir = s.keys;
	if (ceremony_init(&ceremony, entropy, error, sizeof(error)) != 0 ||
	    identity_open(&s.identity, s.keys, "default", BATCH_SIM_UTC_US, error, sizeof(error)) != 0)
		die(error);
	entropy_destroy(entropy);
	measure(&s);
	identity_close(s.identity);
	nftw(s.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return figures_end(&s.figures) ? 0 : 2;
}
