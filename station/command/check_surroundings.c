#include "station/command/check.h"
#include "station/roster/expected.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "agent/wire/cause.h"
#include "agent/wire/wsc_pin.h"
#include "db/journal.h"
#include "db/sql.h"
#include "station/identity/record_keys.h"
#include "station/method/method.h"
#include "station/roster/roster.h"

#define DAY_US (INT64_C(86400) * 1000000)
#define EXPIRES_SOON_US (30 * DAY_US)	  /* chosen: time to make another issuing CA */
#define APPLICATION_ID 0x4d494c4c	  /* db/schema.sql */
#define RECORD_PER_DEVICE UINT64_C(16384) /* octets of the database per device, its log included */

static int64_t utc_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static const char *day(int64_t at_us, char out[static 16])
{
	time_t s = (time_t)(at_us / 1000000);
	struct tm tm;

	if (!gmtime_r(&s, &tm) || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
		snprintf(out, 16, "?");
	return out;
}

static bool has_step(const struct job *job, enum job_step step)
{
	for (size_t i = 0; i < job->recipe_len; i++)
		if (job->recipe[i] == step)
			return true;
	return false;
}

static void check_clock(const struct check_context *c)
{
	int64_t now_us = utc_us();
	char text[16];

	if (now_us < IDENTITY_CLOCK_MIN_US || now_us > IDENTITY_CLOCK_MAX_US)
		check_add(c->report, "clock", CHECK_FAIL, "set the clock (timedatectl), then check again",
			  "it says %s: no certificate can be issued", day(now_us, text));
	else
		check_add(c->report, "clock", CHECK_OK, NULL, "%s", day(now_us, text));
}

struct signature {
	bool called;
	int result;
	uint8_t der[80];
	size_t len;
};

static void on_signed(void *ctx, int result, const uint8_t *sig, size_t sig_len)
{
	struct signature *s = ctx;

	s->called = true;
	s->result = result;
	if (result == 0 && sig_len <= sizeof(s->der)) {
		memcpy(s->der, sig, sig_len);
		s->len = sig_len;
	}
}

static bool verifies(X509 *issuer, const uint8_t *text, size_t len, const struct signature *s)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = md && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, X509_get0_pubkey(issuer)) == 1 &&
		    EVP_DigestVerify(md, s->der, s->len, text, len) == 1;

	EVP_MD_CTX_free(md);
	return good;
}

/* One signature that is no certificate, verified with the key of the issuing certificate: the two belong together. */
static void check_signature(const struct check_context *c, struct identity *identity, X509 *issuer)
{
	static const uint8_t text[] = "millrace check: a test signature";
	struct signer *signer = signer_create_file(identity);
	struct signature s = { 0 };
	struct timespec before, after;
	int result = -MR_CAUSE_NO_MEMORY;

	clock_gettime(CLOCK_MONOTONIC, &before);
	if (signer)
		result = signer->sign(signer, text, sizeof(text), on_signed, &s);
	clock_gettime(CLOCK_MONOTONIC, &after);
	if (signer)
		signer->close(signer);
	if (result == 0 && s.called && s.result == 0 && verifies(issuer, text, sizeof(text), &s))
		check_add(c->report, "signature", CHECK_OK, NULL, "the CA signs, and the signature verifies (%.1f ms)",
			  (double)(after.tv_sec - before.tv_sec) * 1e3 +
				  (double)(after.tv_nsec - before.tv_nsec) / 1e6);
	else
		check_add(c->report, "signature", CHECK_FAIL,
			  "issuing.key and issuing.crt must be a pair; see millrace ca show",
			  "the CA does not sign, or its signature does not verify");
}

static void check_issuer(const struct check_context *c, const struct identity *identity, X509 *issuer)
{
	int64_t now_us = utc_us(), until_us = identity_issuer_not_after_us(identity);
	int days = 0, seconds = 0;
	char text[16];

	if (ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(issuer), NULL) && (days < 0 || seconds < 0))
		check_add(c->report, "ca", CHECK_FAIL, "set the clock, or use the CA from the day on which it begins",
			  "%s is not valid yet by this clock", identity_issuer_name(identity));
	else if (until_us <= now_us)
		check_add(c->report, "ca", CHECK_FAIL, "make a new issuing CA: millrace ca new-issuing-ca --help",
			  "%s expired on %s", identity_issuer_name(identity), day(until_us, text));
	else if (until_us - now_us < EXPIRES_SOON_US)
		check_add(c->report, "ca", CHECK_WARN,
			  "make a new issuing CA in time: millrace ca new-issuing-ca --help", "%s expires on %s",
			  identity_issuer_name(identity), day(until_us, text));
	else
		check_add(c->report, "ca", CHECK_OK, NULL, "%s, valid until %s", identity_issuer_name(identity),
			  day(until_us, text));
}

/* As a run does it: the private keys in a process of their own, and what this machine denies that process. */
static void check_signer(const struct check_context *c, const char *dir, const struct identity_profile *profile)
{
	const struct identity_apart how = {
		.dir = dir, .utc_us = utc_us(), .profile = profile, .product = c->job->product, .patience_ms = SIGNER_MS
	};
	struct identity *identity = NULL;
	char error[400] = "";
	const char *note;

	if (identity_open_public(&identity, dir, c->job->batch_key, utc_us(), error, sizeof(error)) != 0 ||
	    identity_part(identity, &how, error, sizeof(error)) != 0) {
		check_add(c->report, "signer", CHECK_FAIL, NULL, "%s", error);
	} else {
		note = identity_apart_note(identity);
		if (note[0])
			check_add(c->report, "signer", CHECK_WARN, "docs/keys.md says what that means",
				  "the process that holds the keys works; %s", note);
		else
			check_add(c->report, "signer", CHECK_OK, NULL,
				  "the keys are held in a process of their own, locked in memory, without rights");
	}
	identity_close(identity);
}

static void check_keys(const struct check_context *c)
{
	const struct job *job = c->job;
	const char *dir = c->keys ? c->keys : job->keys, *wrong;
	struct identity_profile profile = job_profile(job);
	struct identity *identity = NULL;
	char error[400] = "";
	const uint8_t *der;
	X509 *issuer;
	size_t len;

	wrong = identity_profile_wrong(&profile);
	if (wrong)
		check_add(c->report, "certificate", CHECK_FAIL, "change identity.certificate or batch.product", "%s",
			  wrong);
	if (job->radios_simulated && !c->keys && access(dir, F_OK) != 0) {
		check_add(c->report, "keys", CHECK_OK, NULL,
			  "no folder %s: the simulated batch makes a throw-away CA in "
			  "%s.simulated-keys",
			  dir, c->db);
		return;
	}
	if (identity_open(&identity, dir, job->batch_key, utc_us(), error, sizeof(error)) != 0) {
		check_add(c->report, "keys", CHECK_FAIL, NULL, "%s", error);
		return;
	}
	check_add(c->report, "keys", CHECK_OK, NULL, "%s, batch key %s", dir, job->batch_key);
	der = identity_issuer_der(identity, &len);
	issuer = d2i_X509(NULL, &der, (long)len);
	if (issuer) {
		check_issuer(c, identity, issuer);
		check_signature(c, identity, issuer);
		if (!wrong)
			check_signer(c, dir, &profile);
	} else {
		check_add(c->report, "ca", CHECK_FAIL, "make a new CA: millrace ca init",
			  "%s/issuing.crt cannot be read", dir);
	}
	X509_free(issuer);
	identity_close(identity);
}

static void check_serials(const struct check_context *c)
{
	const struct job *job = c->job;
	struct serial_pool *pool;
	char error[400] = "";
	uint64_t left;

	if (!has_step(job, JOB_IDENTITY))
		return;
	pool = *job->serial_file ? serial_pool_file(job->reach, job->serial_file, error, sizeof(error))
				 : serial_pool_pattern(job->serial_pattern, job->serial_first, error, sizeof(error));
	if (!pool) {
		check_add(c->report, "serials", CHECK_FAIL, NULL, "%s", error);
		return;
	}
	left = serial_pool_left(pool);
	if (left < job->quantity)
		check_add(c->report, "serials", CHECK_FAIL, "extend the list, or lower batch.quantity",
			  "%llu serial numbers for %u devices", (unsigned long long)left, job->quantity);
	else
		check_add(c->report, "serials", CHECK_OK, NULL, "%llu serial numbers for %u devices",
			  (unsigned long long)left, job->quantity);
	serial_pool_destroy(pool);
}

/* What people type into a field to get on with a trial. */
static bool is_test_value(const char *passphrase)
{
	static const char *const values[] = { "12345678", "123456789", "1234567890", "00000000",
					      "11111111", "87654321",  "password",   "Password",
					      "passw0rd", "password1", "testtest",   "test1234",
					      "changeme", "qwertyui",  "abcdefgh",   "millrace" };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (strcmp(passphrase, values[i]) == 0)
			return true;
	return false;
}

static void check_passphrase(const struct check_context *c)
{
	const struct job *job = c->job;
	char passphrase[65], error[400] = "";

	if (!has_step(job, JOB_CREDENTIALS) || job->security == MR_SECURITY_OPEN)
		return;
	if (job_passphrase(job, passphrase, error, sizeof(error)) != 0)
		check_add(c->report, "passphrase", CHECK_FAIL, NULL, "%s", error);
	else if (!job->test && is_test_value(passphrase))
		check_add(c->report, "passphrase", CHECK_FAIL, "use the network's own, or say batch.test: true",
			  "it is a well-known test value, and this batch ships");
	else if (!*job->passphrase_file && !*job->passphrase_env)
		check_add(c->report, "passphrase", CHECK_OK, NULL, "made up from the seed, as the batch is simulated");
	else
		check_add(c->report, "passphrase", CHECK_OK, NULL, "%s %s, %zu characters",
			  *job->passphrase_file ? "file" : "environment variable",
			  *job->passphrase_file ? job->passphrase_file : job->passphrase_env, strlen(passphrase));
	OPENSSL_cleanse(passphrase, sizeof(passphrase));
}

static void check_expected(const struct check_context *c)
{
	struct expected list = { 0 };
	char error[320];

	if (!*c->job->expect_file)
		return;
	if (expected_load(&list, c->job->reach, c->job->expect_file, error, sizeof(error)) != 0)
		check_add(c->report, "expected", CHECK_FAIL,
			  "name in admission.expect a list of device ids or MACs, one a line", "%s", error);
	else
		check_add(c->report, "expected", CHECK_OK, NULL, "%s: %zu devices", c->job->expect_file,
			  list.ids.count + list.macs.count);
	expected_free(&list);
}

/* What is said about a method is said before the shift, not only in the manual. */
static void check_method(const struct check_context *c)
{
	const struct method *method = c->job->method;

	if (has_step(c->job, JOB_CREDENTIALS) && method->flags & METHOD_WEAK)
		check_add(c->report, "method", CHECK_WARN, "use it where nobody else is in reach, or another method",
			  "%s is weak: device to station %s; station to device %s; who listens learns %s", method->name,
			  method->device_to_station, method->station_to_device, method->listener);
}

struct label_faults {
	size_t no_secret, bad_pin, repeated;
};

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* A PIN that two labels share opens both devices to who saw one of them. */
static size_t repeated_pins(const struct roster *roster)
{
	size_t count = roster_count(roster), with = 0, repeated = 0;
	const char **pins = calloc(count + 1, sizeof(*pins));

	for (size_t i = 0; pins && i < count; i++)
		if (*roster_row(roster, i)->pin)
			pins[with++] = roster_row(roster, i)->pin;
	if (with > 0)
		qsort(pins, with, sizeof(*pins), by_text);
	for (size_t i = 1; i < with; i++)
		repeated += strcmp(pins[i - 1], pins[i]) == 0;
	free(pins);
	return repeated;
}

static struct label_faults look_at_labels(const struct job *job, const struct roster *roster)
{
	struct label_faults faults = { .repeated = repeated_pins(roster) };
	size_t count = roster_count(roster);

	for (size_t i = 0; i < count; i++) {
		const struct roster_row *row = roster_row(roster, i);
		const struct method *method = row->method ? row->method : job->method;
		bool wants_pin = method->needs & METHOD_NEEDS_PIN;

		if ((wants_pin && !*row->pin) || (method->needs & METHOD_NEEDS_PASSPHRASE && !*row->passphrase))
			faults.no_secret++;
		else if (wants_pin && method->devices == METHOD_ENROLLEES &&
			 !mr_wsc_pin_valid(row->pin, strlen(row->pin)))
			faults.bad_pin++;
	}
	return faults;
}

static void check_labels(const struct check_context *c)
{
	const struct job *job = c->job;
	const char *file = job->method->flags & METHOD_DEVICE_AP ? job->ap_labels : job->wps_labels;
	struct label_faults faults;
	struct roster *roster;
	char error[400];

	if (!has_step(job, JOB_CREDENTIALS) || !*file)
		return;
	if (roster_load(&roster, job->reach, file, error, sizeof(error)) != 0) {
		check_add(c->report, "labels", CHECK_FAIL, NULL, "%s", error);
		return;
	}
	faults = look_at_labels(job, roster);
	if (faults.bad_pin)
		check_add(c->report, "labels", CHECK_FAIL, "8 digits of which the last checks the others, or 4 digits",
			  "%s: %zu PINs that WPS does not take", file, faults.bad_pin);
	else if (faults.no_secret)
		check_add(c->report, "labels", CHECK_WARN, "such devices are left alone: complete the list",
			  "%s: %zu labels, %zu without the secret that their method needs", file, roster_count(roster),
			  faults.no_secret);
	else if (faults.repeated)
		check_add(c->report, "labels", CHECK_WARN, "give each device a PIN of its own",
			  "%s: %zu labels, %zu with a PIN that another one has", file, roster_count(roster),
			  faults.repeated);
	else if (roster_count(roster) < job->quantity)
		check_add(c->report, "labels", CHECK_WARN, "list the rest, or lower batch.quantity",
			  "%s: %zu labels for %u devices", file, roster_count(roster), job->quantity);
	else
		check_add(c->report, "labels", CHECK_OK, NULL, "%s: %zu labels", file, roster_count(roster));
	roster_destroy(roster);
}

static void folder_of(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');

	snprintf(out, size, "%.*s", slash == path ? 1 : slash ? (int)(slash - path) : 1, slash ? path : ".");
}

static void check_disk(const struct check_context *c)
{
	uint64_t needed = c->job->guard_disk_free + RECORD_PER_DEVICE * c->job->quantity, free_octets;
	struct statvfs fs;
	char folder[512];

	folder_of(c->db, folder, sizeof(folder));
	if (statvfs(folder, &fs) != 0) {
		check_add(c->report, "disk", CHECK_FAIL, "name a file in a folder that exists with --db", "%s: %s",
			  folder, strerror(errno));
		return;
	}
	free_octets = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_octets < needed)
		check_add(c->report, "disk", CHECK_FAIL, "free some, or lower guards.disk_free",
			  "%llu MiB free in %s, %llu MiB needed (the guard's, and the record of %u devices)",
			  (unsigned long long)(free_octets >> 20), folder, (unsigned long long)(needed >> 20) + 1,
			  c->job->quantity);
	else
		check_add(c->report, "disk", CHECK_OK, NULL, "%llu MiB free in %s, %llu MiB needed",
			  (unsigned long long)(free_octets >> 20), folder, (unsigned long long)(needed >> 20) + 1);
}

/* The first row of one of db/queries, as numbers. 1: there is one; 0: there is none; -1: the file cannot be read. */
static int ask(sqlite3 *db, const char *query, const struct job *job, int64_t out[], int columns)
{
	sqlite3_stmt *row = sql_prepare(db, query);
	int rc = SQLITE_ERROR;

	if (row && job) {
		sqlite3_bind_text(row, sqlite3_bind_parameter_index(row, ":lot"), job->lot, -1, SQLITE_STATIC);
		sqlite3_bind_blob(row, sqlite3_bind_parameter_index(row, ":job_sha256"), job->sha256, 32,
				  SQLITE_STATIC);
	}
	if (row)
		rc = sqlite3_step(row);
	for (int i = 0; rc == SQLITE_ROW && i < columns; i++)
		out[i] = sqlite3_column_int64(row, i);
	sqlite3_finalize(row);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

/* A record of ours: is it for this job's radios, and does it have the lot? */
static void look_at_lot(const struct check_context *c, sqlite3 *db)
{
	const char *path = c->db;
	int64_t simulated = 0, lot[2] = { 0 }; /* the same job file, units that passed */
	int found;

	if (ask(db, "simulated", NULL, &simulated, 1) == 1 && (simulated != 0) != c->job->radios_simulated) {
		check_add(c->report, "database", CHECK_FAIL, "choose another file with --db",
			  "%s holds %s devices and this job's radios are %s; the two never share a record", path,
			  simulated ? "simulated" : "real", c->job->radios_simulated ? "simulated" : "real");
		return;
	}
	found = ask(db, "lot_job", c->job, lot, 2);
	if (found < 0)
		check_add(c->report, "database", CHECK_FAIL, "look at it with millrace audit verify", "%s: %s", path,
			  sqlite3_errmsg(db));
	else if (!found)
		check_add(c->report, "database", CHECK_OK, NULL, "%s, lot %s begins", path, c->job->lot);
	else if (!lot[0])
		check_add(c->report, "database", CHECK_FAIL,
			  "give the changed job a new lot, or run the job file as it was",
			  "%s has lot %s with another job file", path, c->job->lot);
	else
		check_add(c->report, "database", CHECK_OK, NULL, "%s, lot %s continues: %lld of %u passed", path,
			  c->job->lot, (long long)lot[1], c->job->quantity);
}

/* Is it what stations left? The run will refuse what is not. False: it was told. */
static bool is_as_left(const struct check_context *c)
{
	const char *dir = c->keys ? c->keys : c->job->keys;
	struct record_keys *keys = NULL;
	struct journal_options options = { .path = c->db };
	char error[600] = "", made[600];
	bool good;

	snprintf(made, sizeof(made), "%s.simulated-keys", c->db);
	if (c->job->radios_simulated && !c->keys && access(dir, F_OK) != 0)
		dir = made;
	if (record_keys_open(&keys, dir, error, sizeof(error)) == 0) {
		options.check = record_keys_check;
		options.check_ctx = keys;
		options.heads = record_keys_heads(keys);
	}
	good = journal_look(&options, error, sizeof(error)) == 0;
	if (!good)
		check_add(c->report, "database", CHECK_FAIL, NULL, "%s", error);
	record_keys_close(keys);
	return good;
}

/* What the run will find there; the run itself looks closer, under its lock. */
static void look_at_record(const struct check_context *c, sqlite3 *db)
{
	const char *path = c->db;
	size_t migrations = 0;
	const struct sql_migration *list = sql_migrations(&migrations);
	int newest = migrations > 0 ? list[migrations - 1].version : 0;
	int64_t kind[3] = { 0 }; /* application id, schema version, objects */

	if (ask(db, "kind", NULL, kind, 3) != 1)
		check_add(c->report, "database", CHECK_FAIL, "choose another file with --db", "%s cannot be read: %s",
			  path, sqlite3_errmsg(db));
	else if (kind[0] == 0 && kind[1] == 0 && kind[2] == 0)
		check_add(c->report, "database", CHECK_OK, NULL, "%s is empty and will be filled", path);
	else if (kind[0] != APPLICATION_ID)
		check_add(c->report, "database", CHECK_FAIL, "choose another file with --db",
			  "%s is a database of another program (application id %lld)", path, (long long)kind[0]);
	else if (kind[1] > newest)
		check_add(c->report, "database", CHECK_FAIL,
			  "use the newer millrace that wrote it, or another file with --db",
			  "%s has schema version %lld and this program knows up to %d", path, (long long)kind[1],
			  newest);
	else if (is_as_left(c))
		look_at_lot(c, db);
}

static void check_database(const struct check_context *c)
{
	char folder[512];
	struct stat st;
	sqlite3 *db = NULL;

	folder_of(c->db, folder, sizeof(folder));
	if (stat(c->db, &st) != 0) {
		if (errno != ENOENT || access(folder, W_OK) != 0)
			check_add(c->report, "database", CHECK_FAIL, "choose another file with --db",
				  "%s cannot be made: %s", c->db, strerror(errno));
		else if (is_as_left(c))
			check_add(c->report, "database", CHECK_OK, NULL, "%s will be made", c->db);
		return;
	}
	if (!S_ISREG(st.st_mode) || access(c->db, R_OK | W_OK) != 0 || access(folder, W_OK) != 0) {
		check_add(c->report, "database", CHECK_FAIL,
			  "make file and folder writable, or choose another with --db", "%s: %s", c->db,
			  S_ISREG(st.st_mode) ? strerror(errno) : "not a regular file");
		return;
	}
	if (sqlite3_open_v2(c->db, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK)
		look_at_record(c, db);
	else
		check_add(c->report, "database", CHECK_FAIL, "choose another file with --db", "%s cannot be opened: %s",
			  c->db, sqlite3_errmsg(db));
	sqlite3_close(db);
}

void check_surroundings(const struct check_context *context)
{
	check_clock(context);
	check_keys(context);
	check_serials(context);
	check_passphrase(context);
	check_method(context);
	check_labels(context);
	check_expected(context);
	check_disk(context);
	check_database(context);
}
