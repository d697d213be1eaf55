/*
 * `millrace check` over real folders of keys, lists and databases: each thing that can be wrong before a batch is
 * found, and nothing that is right is blamed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "station/base/entropy.h"
#include "station/command/command.h"
#include "station/identity/ceremony.h"

#define JOB_SIMULATED                                                                                                  \
	"format: 1\nbatch: {lot: a, product: AC-100, quantity: 5, test: true}\n"                                       \
	"identity: {keys: keys, serial: {%s}}\ncredentials: {ssid: net, security: %s}\nradios: {simulated: 2}\n"
#define PATTERN "pattern: \"A{04}\""

struct place {
	char dir[64];
	char start[256];
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int64_t now_us(void) { return (int64_t)time(NULL) * 1000000; }

static void make_keys(int64_t utc_us, unsigned days)
{
	struct ceremony ceremony = { .dir = "keys", .root_days = 7300, .issuing_days = days, .utc_us = utc_us };
	struct entropy *entropy = entropy_create_kernel();
	char error[400] = "";

	assert_non_null(entropy);
	if (ceremony_init(&ceremony, entropy, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	entropy_destroy(entropy);
}

static int enter(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place || !getcwd(place->start, sizeof(place->start)))
		return -1;
	snprintf(place->dir, sizeof(place->dir), "/tmp/millrace-check-XXXXXX");
	*state = place;
	return mkdtemp(place->dir) && chdir(place->dir) == 0 ? 0 : -1;
}

static int leave(void **state)
{
	struct place *place = *state;
	int result = chdir(place->start);

	nftw(place->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(place);
	return result;
}

static void write_text(const char *path, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void write_job(const char *serial, const char *security)
{
	char text[600];

	snprintf(text, sizeof(text), JOB_SIMULATED, serial, security);
	write_text("job.yaml", 0644, text);
}

/* Runs `millrace check job.yaml --json`; the object is the caller's. */
static json_t *check(int *status, const char *db)
{
	char words[5][64] = { "check", "job.yaml", "--json", "--db", "" };
	char *argv[6] = { words[0], words[1], words[2], words[3], words[4], NULL };
	int out = dup(1);
	FILE *to = tmpfile();
	json_error_t error;
	json_t *object;

	assert_non_null(to);
	snprintf(words[4], sizeof(words[4]), "%s", db);
	fflush(stdout);
	dup2(fileno(to), 1);
	*status = command_check(5, argv);
	fflush(stdout);
	dup2(out, 1);
	close(out);
	rewind(to);
	object = json_loadf(to, JSON_DISABLE_EOF_CHECK, &error);
	fclose(to);
	assert_non_null(object);
	assert_int_equal(json_is_true(json_object_get(object, "ok")), *status == EXIT_ALL_WELL);
	return object;
}

/* The state of one check ("": it is not in the list); its text and remedy must contain `words`. */
static void expect(const char *db, const char *name, const char *state, const char *words, int status)
{
	int result;
	json_t *object = check(&result, db), *row;
	size_t i;
	bool found = false;

	json_array_foreach(json_object_get(object, "checks"), i, row)
	{
		char all[900];
		const char *remedy = json_string_value(json_object_get(row, "remedy"));

		if (strcmp(json_string_value(json_object_get(row, "check")), name) != 0)
			continue;
		snprintf(all, sizeof(all), "%s -> %s", json_string_value(json_object_get(row, "text")),
			 remedy ? remedy : "");
		assert_string_equal(json_string_value(json_object_get(row, "state")), state);
		if (!strstr(all, words))
			fail_msg("%s: \"%s\" lacks \"%s\"", name, all, words);
		found = true;
	}
	if (!found)
		fail_msg("no check \"%s\" in %s", name, json_dumps(object, 0));
	assert_int_equal(result, status);
	json_decref(object);
}

static void a_simulated_batch_needs_no_keys(void **state)
{
	(void)state;
	write_job(PATTERN, "wpa2");
	expect("x.db", "keys", "ok", "throw-away CA in x.db.simulated-keys", EXIT_ALL_WELL);
	expect("x.db", "database", "ok", "x.db will be made", EXIT_ALL_WELL);
	expect("x.db", "passphrase", "ok", "made up", EXIT_ALL_WELL);
	expect("x.db", "radios", "ok", "2 simulated mt7612us", EXIT_ALL_WELL);
	assert_int_equal(access("x.db", F_OK), -1);
	assert_int_equal(access("x.db.simulated-keys", F_OK), -1);
}

static void keys_that_are_there_are_opened_and_sign(void **state)
{
	(void)state;
	make_keys(now_us(), 365);
	write_job(PATTERN, "wpa2");
	expect("x.db", "keys", "ok", "keys, batch key default", EXIT_ALL_WELL);
	expect("x.db", "ca", "ok", "valid until", EXIT_ALL_WELL);
	expect("x.db", "signature", "ok", "verifies", EXIT_ALL_WELL);
	expect("x.db", "signer", "ok", "held in a process of their own", EXIT_ALL_WELL);
}

static void a_ca_near_its_end_is_a_warning_and_an_expired_one_a_failure(void **state)
{
	(void)state;
	write_job(PATTERN, "wpa2");
	make_keys(now_us() - INT64_C(20) * 86400 * 1000000, 30);
	expect("x.db", "ca", "warn", "expires on", EXIT_ALL_WELL);
	assert_int_equal(rename("keys", "old"), 0);
	make_keys(now_us() - INT64_C(50) * 86400 * 1000000, 30);
	expect("x.db", "keys", "fail", "expired", EXIT_UNUSABLE);
}

static void keys_that_others_can_read_are_refused(void **state)
{
	(void)state;
	make_keys(now_us(), 365);
	write_job(PATTERN, "wpa2");
	assert_int_equal(chmod("keys/issuing.key", 0644), 0);
	expect("x.db", "keys", "fail", "issuing.key", EXIT_UNUSABLE);
}

static void a_missing_batch_key_is_named(void **state)
{
	(void)state;
	make_keys(now_us(), 365);
	assert_int_equal(unlink("keys/batch/default.key"), 0);
	write_job(PATTERN, "wpa2");
	expect("x.db", "keys", "fail", "default.key", EXIT_UNUSABLE);
}

static void an_issuing_key_of_another_certificate_is_found_before_a_device_meets_it(void **state)
{
	(void)state;
	make_keys(now_us(), 365);
	assert_int_equal(rename("keys", "other"), 0);
	make_keys(now_us(), 365);
	assert_int_equal(rename("other/issuing.key", "keys/issuing.key"), 0);
	write_job(PATTERN, "wpa2");
	expect("x.db", "keys", "fail", "issuing", EXIT_UNUSABLE);
}

static void a_list_of_serial_numbers_must_suffice(void **state)
{
	(void)state;
	write_job("file: s.csv", "wpa2");
	expect("x.db", "serials", "fail", "s.csv", EXIT_UNUSABLE);
	write_text("s.csv", 0644, "serial\nA1\nA2\nA3\nA4\n");
	expect("x.db", "serials", "fail", "4 serial numbers for 5 devices", EXIT_UNUSABLE);
	write_text("s.csv", 0644, "serial\nA1\nA2\nA3\nA4\nA5\n");
	expect("x.db", "serials", "ok", "5 serial numbers for 5 devices", EXIT_ALL_WELL);
	write_text("s.csv", 0644, "A1\nA2\nA1\n");
	expect("x.db", "serials", "fail", "s.csv:3", EXIT_UNUSABLE);
}

static void a_passphrase_that_others_can_read_is_refused_and_never_shown(void **state)
{
	int status;
	json_t *object;
	char *text;

	(void)state;
	write_job(PATTERN, "wpa3, passphrase: {file: p}");
	write_text("p", 0644, "correct horse\n");
	expect("x.db", "passphrase", "fail", "chmod 600 p", EXIT_UNUSABLE);
	assert_int_equal(chmod("p", 0600), 0);
	expect("x.db", "passphrase", "ok", "file p, 13 characters", EXIT_ALL_WELL);
	object = check(&status, "x.db");
	text = json_dumps(object, 0);
	assert_null(strstr(text, "horse"));
	free(text);
	json_decref(object);
}

/* Radios are real in a batch that ships; whether this machine has any is not what is asked here. */
static void a_test_passphrase_does_not_ship(void **state)
{
	(void)state;
	write_text("job.yaml", 0644,
		   "format: 1\nbatch: {lot: a, product: AC-100, quantity: 5}\n"
		   "identity: {serial: {" PATTERN
		   "}}\ncredentials: {ssid: net, passphrase: {file: p}}\nradios: auto\n");
	write_text("p", 0600, "12345678\n");
	expect("x.db", "passphrase", "fail", "well-known test value", EXIT_UNUSABLE);
	expect("x.db", "keys", "fail", "ca init", EXIT_UNUSABLE);
}

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void a_foreign_or_newer_or_damaged_database_is_refused(void **state)
{
	(void)state;
	write_job(PATTERN, "wpa2");
	run_sql("foreign.db", "CREATE TABLE t (a); PRAGMA application_id = 7;");
	expect("foreign.db", "database", "fail", "another program (application id 7)", EXIT_UNUSABLE);
	run_sql("newer.db", "CREATE TABLE t (a); PRAGMA application_id = 0x4d494c4c; PRAGMA user_version = 9999;");
	expect("newer.db", "database", "fail", "schema version 9999", EXIT_UNUSABLE);
	run_sql("real.db", "CREATE TABLE record (one, simulated); INSERT INTO record VALUES (1, 0);"
			   "PRAGMA application_id = 0x4d494c4c; PRAGMA user_version = 1;");
	expect("real.db", "database", "fail", "never share a record", EXIT_UNUSABLE);
	write_text("text.db", 0644,
		   "this is no database, and longer than a header of a hundred octets would have to be; "
		   "so sqlite says that it is not one of its own");
	expect("text.db", "database", "fail", "not a database", EXIT_UNUSABLE);
	assert_int_equal(mkdir("folder.db", 0755), 0);
	expect("folder.db", "database", "fail", "not a regular file", EXIT_UNUSABLE);
	expect("nowhere/x.db", "database", "fail", "cannot be made", EXIT_UNUSABLE);
}

static void a_batch_that_was_run_continues(void **state)
{
	char words[5][64] = { "run", "job.yaml", "--plain", "--db", "x.db" };
	char *argv[6] = { words[0], words[1], words[2], words[3], words[4], NULL };

	(void)state;
	write_job(PATTERN, "wpa2");
	assert_int_equal(command_run(5, argv), EXIT_ALL_WELL);
	expect("x.db", "database", "ok", "lot a continues: 5 of 5 passed", EXIT_ALL_WELL);
	write_job(PATTERN ", first: 7", "wpa2");
	expect("x.db", "database", "fail", "lot a with another job file", EXIT_UNUSABLE);
}

static void a_takt_that_nothing_can_keep_is_refused(void **state)
{
	(void)state;
	write_text("job.yaml", 0644,
		   "format: 1\nbatch: {lot: a, product: P, quantity: 5, takt: 50ms, test: true}\n"
		   "identity: {serial: {" PATTERN "}, emulated_hsm: 700ms}\ncredentials: {ssid: net}\n"
		   "radios: {simulated: 2}\n");
	expect("x.db", "takt", "fail", "the signer gives one per 700.0 ms", EXIT_UNUSABLE);
}

/* What WPS needs of a radio, and the simulated ones that lack it: rt2800usb does not acknowledge, mt7601u hears only
 * its own besides. */
static void wps_wants_a_radio_that_acknowledges_and_hears(void **state)
{
	static const struct {
		const char *profile, *method, *status, *word;
	} rows[] = {
		{ "mt7612u", "{method: wps-pin, ", "ok", "2 simulated mt7612us" },
		{ "rt2800usb", "{method: wps-pin, ", "warn", "few of them are enrolled" },
		{ "mt7601u", "{method: wps-pbc, ", "fail", "is seen to join" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[400];

		snprintf(
			text, sizeof(text),
			"format: 1\nbatch: {lot: a, product: AC-100, quantity: 5, test: true}\ncredentials: %sweak-ok: "
			"true, ssid: net, security: wpa2}\nrecipe: [credentials, verify]\nradios: {simulated: 2, "
			"profile: "
			"%s}\nchannels: [6]\n",
			rows[i].method, rows[i].profile);
		write_text("job.yaml", 0644, text);
		expect("x.db", strcmp(rows[i].status, "ok") == 0 ? "radios" : "wps", rows[i].status, rows[i].word,
		       strcmp(rows[i].status, "fail") == 0 ? EXIT_UNUSABLE : EXIT_ALL_WELL);
	}
}

static void a_malformed_job_is_one_object_too(void **state)
{
	int status;
	json_t *object;

	(void)state;
	write_text("job.yaml", 0644, "format: 2\n");
	object = check(&status, "x.db");
	assert_int_equal(status, EXIT_UNUSABLE);
	assert_int_equal(json_array_size(json_object_get(object, "checks")), 0);
	assert_true(json_array_size(json_object_get(object, "errors")) >= 3);
	assert_non_null(
		strstr(json_string_value(json_array_get(json_object_get(object, "errors"), 0)), "job.yaml:1:1: "));
	json_decref(object);
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HERE(a_simulated_batch_needs_no_keys),
		HERE(keys_that_are_there_are_opened_and_sign),
		HERE(a_ca_near_its_end_is_a_warning_and_an_expired_one_a_failure),
		HERE(keys_that_others_can_read_are_refused),
		HERE(a_missing_batch_key_is_named),
		HERE(an_issuing_key_of_another_certificate_is_found_before_a_device_meets_it),
		HERE(a_list_of_serial_numbers_must_suffice),
		HERE(a_passphrase_that_others_can_read_is_refused_and_never_shown),
		HERE(a_test_passphrase_does_not_ship),
		HERE(a_foreign_or_newer_or_damaged_database_is_refused),
		HERE(a_batch_that_was_run_continues),
		HERE(a_takt_that_nothing_can_keep_is_refused),
		HERE(wps_wants_a_radio_that_acknowledges_and_hears),
		HERE(a_malformed_job_is_one_object_too),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
