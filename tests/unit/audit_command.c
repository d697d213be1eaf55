/*
 * millrace audit as its users meet it: real certificates, receipts, sealed PINs and anchors on record, words typed,
 * what is printed, the exit status.
 *
 * links: station/command/audit.c station/report/sheet.c station/report/evidence.c station/command/command.c
 * links: station/identity/record_keys.c station/command/desk_keys.c
 * links: station/yaml/words.c station/identity/certificate.c station/identity/identity.c
 * links: station/identity/keyfile.c
 * links: station/identity/ceremony.c station/identity/pin.c station/identity/serial.c
 * links: station/identity/signer_file.c
 * links: station/identity/subject_key.c station/base/entropy.c station/base/log.c agent/wire/hkdf.c
 * links: agent/wire/cause.c
 * links: agent/wire/message.c agent/port/linux/crypto_openssl.c
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c db/verify.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c
 * links: station/base/reach.c
 */
#include "tests/unit/real_lot.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <time.h>

#include "agent/wire/message.h"
#include "station/command/command.h"
#include "tests/unit/command_doubles.h"
#include "station/identity/ceremony.h"
#include "station/identity/identity.h"
#include "station/identity/record_keys.h"

/* The other commands are not here. */

/* Types `millrace audit WORDS... --db FILE`; NULL ends the words. The exit status; what was printed is in out and err.
 */
static int audit(struct factory *f, ...)
{
	char *argv[24] = { (char[]){ "audit" } };
	int argc = 1, out, err, result;
	va_list words;

	va_start(words, f);
	for (const char *word; (word = va_arg(words, const char *));)
		argv[argc++] = strdup(word);
	va_end(words);
	argv[argc++] = strdup("--db");
	argv[argc++] = strdup(f->place.path);
	fflush(stdout);
	fflush(stderr);
	out = dup(1);
	err = dup(2);
	assert_non_null(freopen(f->out_path, "w", stdout));
	assert_non_null(freopen(f->err_path, "w", stderr));
	result = command_audit(argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	for (int i = 1; i < argc; i++)
		free(argv[i]);
	slurp(f->out_path, f->out, sizeof(f->out));
	slurp(f->err_path, f->err, sizeof(f->err));
	return result;
}

#define assert_says(text, words)                                                                                       \
	do {                                                                                                           \
		if (!strstr(text, words))                                                                              \
			fail_msg("this does not say \"%s\":\n%s", words, text);                                        \
	} while (0)

static void a_good_record_verifies_to_the_last_signature(void **state)
{
	struct factory *f = *state;
	json_t *answer;

	write_lot(f, false);
	assert_int_equal(audit(f, "verify", "--keys", f->keys, NULL), EXIT_ALL_WELL);
	assert_says(f->out, "certificates  2 checked against the CA");
	assert_says(f->out, "receipts      2 signatures checked");
	assert_says(f->out, ", signed, hash ");
	assert_says(f->out, "The record holds together.");
	assert_int_equal(audit(f, "verify", NULL), EXIT_ALL_WELL);
	assert_says(f->out, "signatures not looked at");
	assert_int_equal(audit(f, "verify", "--json", "--keys", f->keys, NULL), EXIT_ALL_WELL);
	answer = json_loads(f->out, 0, NULL);
	assert_non_null(answer);
	assert_true(json_is_true(json_object_get(answer, "good")));
	assert_int_equal(json_array_size(json_object_get(answer, "findings")), 0);
	assert_int_equal(json_integer_value(json_object_get(answer, "receipts")), 2);
	json_decref(answer);
}

static void a_receipt_by_another_key_is_found(void **state)
{
	struct factory *f = *state;

	write_lot(f, true);
	assert_int_equal(audit(f, "verify", "--keys", f->keys, NULL), EXIT_NOT_ALL_WELL);
	assert_says(f->out,
		    "of unit 2 (serial number AC0000002): its signature is not by the key of the device's certificate");
	assert_says(f->out, "1 thing is wrong");
	assert_int_equal(audit(f, "verify", NULL), EXIT_NOT_ALL_WELL);
}

static void another_factorys_keys_do_not_verify_this_record(void **state)
{
	struct factory *f = *state;
	struct ceremony plan = { .organization = "Acme", .root_days = 7300, .issuing_days = 1825, .utc_us = NOW_US };
	char dir[120], error[300];

	write_lot(f, false);
	snprintf(dir, sizeof(dir), "%s/other", f->place.dir);
	plan.dir = dir;
	assert_int_equal(ceremony_init(&plan, f->entropy, error, sizeof(error)), 0);
	assert_int_equal(audit(f, "verify", "--keys", dir, NULL), EXIT_NOT_ALL_WELL);
	assert_says(f->out, "is not this station's");
	assert_says(f->out, "the factory's CA did not issue it");
	assert_int_equal(audit(f, "verify", "--keys", "/nonexistent", NULL), EXIT_UNUSABLE);
	assert_says(f->err, "/nonexistent/root.crt: No such file");
}

static void a_certificate_of_an_earlier_issuing_ca_still_verifies(void **state)
{
	struct factory *f = *state;
	char root_key[120], error[300], stamp[40] = "";

	write_lot(f, false);
	snprintf(root_key, sizeof(root_key), "%s/root.key", f->keys);
	if (ceremony_issuing_ca(f->keys, root_key, 365, NOW_US + INT64_C(86400000000), f->entropy, stamp, error,
				sizeof(error)) != 0)
		fail_msg("%s", error);
	assert_int_equal(audit(f, "verify", "--keys", f->keys, NULL), EXIT_ALL_WELL);
	assert_says(f->out, "certificates  2 checked against the CA");
}

static void a_record_signed_with_a_former_key_still_verifies(void **state)
{
	struct factory *f = *state;
	char error[300], aside[40];

	write_lot(f, false);
	if (record_keys_renew(f->keys, NOW_US, aside, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	assert_int_equal(audit(f, "verify", "--keys", f->keys, NULL), EXIT_ALL_WELL);
	/* It goes on with the new one, and both hold. */
	assert_int_equal(audit(f, "device", "AC0000002", "--reveal", "--keys", f->keys, "--operator", "Eve", "--reason",
			       "x", NULL),
			 EXIT_ALL_WELL);
	assert_row(f->place.path, "SELECT count(DISTINCT key_id) FROM written", "2");
	assert_int_equal(audit(f, "verify", "--keys", f->keys, NULL), EXIT_ALL_WELL);
}

static void a_pin_opens_for_those_who_say_who_and_why(void **state)
{
	struct factory *f = *state;

	write_lot(f, false);
	assert_int_equal(audit(f, "device", "AC0000002", "--reveal", NULL), EXIT_UNUSABLE);
	assert_says(f->err, "--keys DIR --operator NAME --reason TEXT");
	assert_row(f->place.path, "SELECT count(*) FROM audit WHERE action = 'pin-reveal'", "0");
	assert_int_equal(audit(f, "device", "AC0000002", "--reveal", "--keys", f->keys, "--operator", "Eve", "--reason",
			       "returned \"unit\"", NULL),
			 EXIT_ALL_WELL);
	assert_says(f->out, "PIN of AC0000002: 91730002");
	assert_row(f->place.path,
		   "SELECT actor, subject, json_extract(body, '$.reason'), at_us > 1700000000000000 FROM audit WHERE "
		   "action = 'pin-reveal'",
		   "Eve|unit 2|returned \"unit\"|1");
	assert_int_equal(audit(f, "verify", "--keys", f->keys, NULL), EXIT_ALL_WELL);
	assert_int_equal(audit(f, "device", "AC0000001", "--json", "--reveal", "--keys", f->keys, "--operator", "Eve",
			       "--reason", "x", NULL),
			 EXIT_ALL_WELL);
	assert_says(f->out, "\"pin\": \"91730001\"");
	/* No PIN, no opening on record. */
	assert_int_equal(audit(f, "device", "02:00:00:00:00:03", "--reveal", "--keys", f->keys, "--operator", "Eve",
			       "--reason", "x", NULL),
			 EXIT_NOT_ALL_WELL);
	assert_says(f->err, "no PIN of this device");
	assert_int_equal(audit(f, "verify", "--reveal", NULL), EXIT_UNUSABLE);
	assert_row(f->place.path, "SELECT count(*) FROM audit WHERE action = 'pin-reveal'", "2");
}

static void a_pin_stays_shut_while_a_station_holds_the_database_or_with_other_keys(void **state)
{
	struct factory *f = *state;
	struct ceremony plan = { .organization = "Acme", .root_days = 7300, .issuing_days = 1825, .utc_us = NOW_US };
	struct journal *journal;
	char dir[120], error[300];

	write_lot(f, false);
	journal = opened_lot(&f->place, "2611-A07");
	assert_int_equal(audit(f, "device", "AC0000002", "--reveal", "--keys", f->keys, "--operator", "Eve", "--reason",
			       "x", NULL),
			 EXIT_UNUSABLE);
	assert_says(f->err, "in use by another station (lot 2611-A07");
	assert_null(strstr(f->out, "91730002"));
	/* Reading goes on beside it. */
	assert_int_equal(audit(f, "batch", "2611-A07", NULL), EXIT_ALL_WELL);
	journal_close(journal);
	snprintf(dir, sizeof(dir), "%s/other", f->place.dir);
	plan.dir = dir;
	assert_int_equal(ceremony_init(&plan, f->entropy, error, sizeof(error)), 0);
	assert_int_equal(
		audit(f, "device", "AC0000002", "--reveal", "--keys", dir, "--operator", "Eve", "--reason", "x", NULL),
		EXIT_UNUSABLE);
	assert_says(f->err, "the PIN does not open");
	assert_row(f->place.path, "SELECT count(*) FROM audit WHERE action = 'pin-reveal'", "0");
}

static void a_device_is_found_by_each_of_its_names(void **state)
{
	struct factory *f = *state;
	char number[64], colons[80];
	size_t at = 0;

	write_lot(f, false);
	plain_row(f->place.path, "SELECT serial_hex FROM cert WHERE unit = 1", number, sizeof(number));
	for (size_t i = 0; number[i]; i++)
		at += (size_t)snprintf(colons + at, sizeof(colons) - at, "%s%c", i && i % 2 == 0 ? ":" : "", number[i]);
	const char *const names[] = { "AC0000001", "02:00:00:00:00:01", "02-00-00-00-00-01", "0100000000000001", number,
				      colons };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(audit(f, "device", names[i], NULL), EXIT_ALL_WELL);
		assert_says(f->out, "AC0000001");
		assert_says(f->out, "certificate issued");
		assert_null(strstr(f->out, "9173"));
	}
	assert_int_equal(audit(f, "device", "nobody", NULL), EXIT_NOT_ALL_WELL);
	assert_says(f->err, "\"nobody\" is not on record");
	assert_int_equal(audit(f, "device", NULL), EXIT_UNUSABLE);
}

/* A foreign device passes by being seen to join; what that does not show is said wherever it is shown. */
static void what_was_not_proven_about_a_foreign_unit_is_said(void **state)
{
	struct factory *f = *state;
	struct journal *journal;
	json_t *answer, *rows;

	write_lot(f, false);
	journal = opened_lot(&f->place, "A");
	put_foreign_unit(journal, 11, 11, OBSERVED_SEEN);
	put_foreign_unit(journal, 12, 12, OBSERVED_KEY_VERIFIED);
	journal_close(journal);
	assert_int_equal(audit(f, "device", "02:00:00:00:00:0b", NULL), EXIT_ALL_WELL);
	assert_says(f->out, "no agent of ours: no key, no certificate, no receipt");
	assert_says(f->out, "credentials delivered");
	assert_int_equal(audit(f, "device", "AC0000001", NULL), EXIT_ALL_WELL);
	assert_null(strstr(f->out, "no agent of ours"));
	assert_int_equal(audit(f, "batch", "A", NULL), EXIT_ALL_WELL);
	assert_says(f->out, "what was not proven");
	assert_says(f->out, "no agent of ours: no key, no certificate, no receipt      2       2");
	assert_int_equal(audit(f, "batch", "A", "--json", NULL), EXIT_ALL_WELL);
	answer = json_loads(f->out, 0, NULL);
	rows = json_object_get(answer, "what was not proven");
	assert_int_equal(json_array_size(rows), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "units")), 2);
	json_decref(answer);
	assert_int_equal(audit(f, "verify", NULL), EXIT_ALL_WELL);
	/* A lot without one says nothing of the kind. */
	assert_int_equal(audit(f, "batch", "2611-A07", NULL), EXIT_ALL_WELL);
	assert_null(strstr(f->out, "not proven"));
}

static void octets_from_outside_are_escaped(void **state)
{
	struct factory *f = *state;
	json_t *answer;

	write_lot(f, false);
	/* The journal takes no such text. A reader must not trust a file to be of the journal's making. */
	plain_exec(
		f->place.path,
		"INSERT INTO unit (unit, batch, device_id, mac, product, hw_rev, firmware, state, state_us, seen_us) "
		"VALUES (4, 1, x'0000000000000004', x'020000000004', 'AC-100', 'C', CAST(x'1b5b324aff' AS TEXT), "
		"'seen', 1, 1)");
	assert_int_equal(audit(f, "device", "02:00:00:00:00:04", NULL), EXIT_ALL_WELL);
	assert_null(strchr(f->out, '\033'));
	assert_says(f->out, "\\x1b[2J\\xff");
	assert_int_equal(audit(f, "export", "--json", NULL), EXIT_ALL_WELL);
	answer = json_loads(f->out, 0, NULL);
	assert_non_null(answer);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(json_object_get(answer, "v_unit"), 3), "firmware")),
		"\\x1b[2J\\xff");
	json_decref(answer);
	assert_int_equal(audit(f, "export", "--csv", NULL), EXIT_ALL_WELL);
	assert_null(strchr(f->out, '\033'));
	assert_says(f->out, "\\x1b[2J\\xff");
	assert_int_equal(audit(f, "device", "\033[2J", NULL), EXIT_NOT_ALL_WELL);
	assert_null(strchr(f->err, '\033'));
}

static void tables_csv_and_json_say_the_same(void **state)
{
	struct factory *f = *state;
	json_t *answer, *row;

	write_lot(f, false);
	assert_int_equal(audit(f, "batch", NULL), EXIT_ALL_WELL); /* the only lot there is */
	assert_says(f->out, "lot          2611-A07");
	assert_says(f->out, "makespan     12.00 s");
	assert_says(f->out, "no-answer");
	assert_int_equal(audit(f, "batch", "nothing", NULL), EXIT_NOT_ALL_WELL);
	assert_int_equal(audit(f, "failures", "2611-A07", NULL), EXIT_ALL_WELL);
	assert_says(f->out, "02:00:00:00:00:03");
	assert_null(strstr(f->out, "AC0000001"));
	assert_int_equal(audit(f, "certs", "--json", NULL), EXIT_ALL_WELL);
	answer = json_loads(f->out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "certificates")), 2);
	row = json_array_get(json_object_get(answer, "certificates"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "state")), "verified");
	json_decref(answer);
	assert_int_equal(audit(f, "sql",
			       "SELECT 'a,b' AS x, 'say \"hi\"' AS y, NULL AS z, x'00ff' AS b, 1.5 AS r, '' AS e",
			       "--csv", NULL),
			 EXIT_ALL_WELL);
	assert_string_equal(f->out, "x,y,z,b,r,e\r\n\"a,b\",\"say \"\"hi\"\"\",,00ff,1.5,\"\"\r\n");
	assert_int_equal(audit(f, "sql", "SELECT lot, fpy FROM v_batch_yield", NULL), EXIT_ALL_WELL);
	assert_string_equal(f->out, "\nrows\nlot          fpy\n2611-A07  0.6667\n");
}

static void statements_that_are_no_question_are_refused(void **state)
{
	static const char *const refused[] = { "DELETE FROM unit",
					       "PRAGMA journal_mode = DELETE",
					       "ATTACH ':memory:' AS m",
					       "SELECT 1; SELECT 2",
					       "",
					       "SELEC",
					       "BEGIN",
					       "SELECT * FROM nothing",
					       "INSERT INTO guard VALUES (1, 1, '', '', 1)" };
	struct factory *f = *state;

	write_lot(f, false);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(audit(f, "sql", refused[i], NULL), EXIT_UNUSABLE);
		assert_says(f->err, "millrace audit: ");
		assert_string_equal(f->out, "");
	}
	assert_int_equal(audit(f, "sql", "SELECT 1; -- and a comment", NULL), EXIT_ALL_WELL);
	assert_row(f->place.path, "SELECT count(*) FROM unit", "3");
}

/* Exit status 2: there is no verdict, neither way. What was asked for wrongly, what is not there, what is no record. */
static void what_cannot_be_looked_at_gets_no_verdict(void **state)
{
	struct factory *f = *state;
	char path[sizeof(f->place.path)];
	sqlite3 *db = NULL;
	FILE *file;

	write_lot(f, false);
	assert_int_equal(audit(f, "verify", "AC0000001", NULL), EXIT_UNUSABLE);
	assert_says(f->err, "usage: millrace audit verify");
	assert_string_equal(f->out, "");
	assert_int_equal(sqlite3_open(f->place.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 999", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(audit(f, "verify", NULL), EXIT_UNUSABLE);
	assert_says(f->err, "999");
	assert_string_equal(f->out, "");
	strcpy(path, f->place.path);
	snprintf(f->place.path, sizeof(f->place.path), "%s/none.db", f->place.dir);
	assert_int_equal(audit(f, "verify", "--json", NULL), EXIT_UNUSABLE);
	assert_null(strstr(f->out, "\"good\""));
	assert_int_not_equal(access(f->place.path, F_OK), 0); /* and none was made */
	file = fopen(f->place.path, "w");
	fputs("no record, but a letter that is long enough to be read as the header of one, and then some more: "
	      "a hundred octets and more",
	      file);
	fclose(file);
	assert_int_equal(audit(f, "verify", NULL), EXIT_UNUSABLE);
	assert_string_equal(f->out, "");
	file = fopen(f->place.path, "w"); /* no octet in it */
	fclose(file);
	assert_int_equal(audit(f, "verify", NULL), EXIT_UNUSABLE);
	assert_string_equal(f->out, "");
	(void)unlink(f->place.path);
	strcpy(f->place.path, path);
}

/* Whichever page of the file a disk has spoilt: it does not hold together, or it cannot be looked at. */
static void a_record_with_a_spoilt_page_never_holds_together(void **state)
{
	struct factory *f = *state;
	static uint8_t image[4 << 20];
	uint8_t page[4096];
	size_t len;
	FILE *file;

	write_lot(f, false);
	file = fopen(f->place.path, "r");
	assert_non_null(file);
	len = fread(image, 1, sizeof(image), file);
	fclose(file);
	assert_true(len > 20 * sizeof(page) && len < sizeof(image) && len % sizeof(page) == 0);
	memset(page, 0x5a, sizeof(page));
	for (size_t at = 0; at < len; at += sizeof(page)) {
		int result;

		file = fopen(f->place.path, "w");
		assert_int_equal(fwrite(image, 1, len, file), len);
		assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
		assert_int_equal(fwrite(page, 1, sizeof(page), file), sizeof(page));
		assert_int_equal(fclose(file), 0);
		result = audit(f, "verify", NULL);
		if (result != EXIT_NOT_ALL_WELL && result != EXIT_UNUSABLE)
			fail_msg("page %zu of %zu: %d\n%s", at / sizeof(page) + 1, len / sizeof(page), result, f->out);
		assert_null(strstr(f->out, "The record holds together"));
	}
	file = fopen(f->place.path, "w"); /* it was the page */
	assert_int_equal(fwrite(image, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(audit(f, "verify", NULL), EXIT_ALL_WELL);
}

static void wrong_words_get_the_nearest_right_one(void **state)
{
	struct factory *f = *state;

	write_lot(f, false);
	assert_int_equal(audit(f, "verfy", NULL), EXIT_UNUSABLE);
	assert_says(f->err, "did you mean \"verify\"?");
	assert_int_equal(audit(f, "export", "v_untit", NULL), EXIT_UNUSABLE);
	assert_says(f->err, "did you mean \"v_unit\"?");
	assert_int_equal(audit(f, "export", "unit; DROP TABLE unit", NULL), EXIT_UNUSABLE);
	assert_int_equal(audit(f, "export", "unit", NULL), EXIT_UNUSABLE);
	assert_int_equal(audit(f, NULL), EXIT_UNUSABLE);
	assert_int_equal(audit(f, "verify", "--csv", NULL), EXIT_UNUSABLE);
	assert_int_equal(audit(f, "batch", "a", "b", NULL), EXIT_UNUSABLE);
	assert_int_equal(audit(f, "batch", "--jsn", NULL), EXIT_UNUSABLE);
	assert_says(f->err, "--json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_good_record_verifies_to_the_last_signature),
		TEST(a_receipt_by_another_key_is_found),
		TEST(another_factorys_keys_do_not_verify_this_record),
		TEST(a_certificate_of_an_earlier_issuing_ca_still_verifies),
		TEST(a_record_signed_with_a_former_key_still_verifies),
		TEST(a_pin_opens_for_those_who_say_who_and_why),
		TEST(a_pin_stays_shut_while_a_station_holds_the_database_or_with_other_keys),
		TEST(a_device_is_found_by_each_of_its_names),
		TEST(what_was_not_proven_about_a_foreign_unit_is_said),
		TEST(octets_from_outside_are_escaped),
		TEST(tables_csv_and_json_say_the_same),
		TEST(statements_that_are_no_question_are_refused),
		TEST(what_cannot_be_looked_at_gets_no_verdict),
		TEST(a_record_with_a_spoilt_page_never_holds_together),
		TEST(wrong_words_get_the_nearest_right_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
