/*
 * The list of labels and the SSID patterns.
 *
 * links: station/method/method.c
 * links: station/roster/roster.c station/identity/serial.c station/base/secret_file.c station/base/map.c
 * links: station/base/log.c station/base/loop.c agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/wire/cause.h"
#include "station/roster/roster.h"
#include "station/method/method.h"

static const uint8_t mac7[6] = { 2, 0x4d, 0x52, 0, 0, 7 }, mac8[6] = { 2, 0x4d, 0x52, 0, 0, 8 };

static struct roster *good(const char *text)
{
	struct roster *r;
	char error[200] = "";

	if (roster_parse(&r, "labels.csv", text, strlen(text), error, sizeof(error)) != 0)
		fail_msg("%s", error);
	return r;
}

static void bad(const char *text, const char *want)
{
	struct roster *r;
	char error[300] = "";

	assert_int_equal(roster_parse(&r, "labels.csv", text, strlen(text), error, sizeof(error)),
			 -MR_CAUSE_BAD_REQUEST);
	assert_null(r);
	if (!strstr(error, want))
		fail_msg("\"%s\" does not say \"%s\"", error, want);
}

static void a_device_is_found_by_mac_ssid_or_serial(void **state)
{
	struct roster *r = good("# labels of one tray\npin,serial,mac,ssid,method,passphrase\n"
				"12345670,,02:4d:52:00:00:07,,,\n"
				",S-2,,,pin,\r\n"
				",,,\"a, \"\"b\"\"\",micro-ap,\"with, comma\"\n\n");
	const struct roster_row *row;

	(void)state;
	assert_int_equal(roster_count(r), 3);
	assert_null(roster_find(r, mac8, (const uint8_t *)"x", 1, ""));
	row = roster_find(r, mac7, (const uint8_t *)"x", 1, "");
	assert_non_null(row);
	assert_string_equal(row->pin, "12345670");
	assert_null(row->method);
	row = roster_find(r, mac8, (const uint8_t *)"x", 1, "S-2");
	assert_true(row && row->method && strcmp(row->method->name, "pin") == 0);
	row = roster_find(r, mac8, (const uint8_t *)"a, \"b\"", 6, "");
	assert_non_null(row);
	assert_string_equal(row->passphrase, "with, comma");
	roster_destroy(r);
}

static void a_list_is_taken_as_spreadsheets_write_it(void **state)
{
	static const char *const texts[] = { "\xef\xbb\xbfserial,mac,pin\r\nS-1,02:4d:52:00:00:07,12345670\r\n",
					     "Serial,MAC,PIN\n\nS-1,02:4d:52:00:00:07,12345670",
					     "# by hand\rSERIAL,\"Mac\",pin\rS-1,02:4d:52:00:00:07,12345670\r" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct roster *r = good(texts[i]);

		assert_int_equal(roster_count(r), 1);
		assert_string_equal(roster_row(r, 0)->pin, "12345670");
		assert_string_equal(roster_row(r, 0)->serial, "S-1");
		roster_destroy(r);
	}
}

static void an_address_under_another_name_is_not_that_device(void **state)
{
	struct roster *r = good("mac,ssid\n02:4d:52:00:00:07,AC-7\n");

	(void)state;
	assert_null(roster_find(r, mac7, (const uint8_t *)"AC-8", 4, ""));
	assert_non_null(roster_find(r, mac7, (const uint8_t *)"AC-7", 4, ""));
	roster_destroy(r);
}

static void what_is_wrong_names_line_and_remedy(void **state)
{
	(void)state;
	bad("", "labels.csv:1: empty; the first line names the columns");
	bad("serial,colour\n", "labels.csv:1: the first line names the columns; allowed");
	bad("serial,serial\n", "allowed, each once");
	bad("pin\n", "one of the columns serial, mac, ssid is needed");
	bad("serial,pin\n", "no device follows the header");
	bad("serial,pin\nS1\n", "labels.csv:2: fewer fields than columns");
	bad("serial,pin\nS1,12345670,9\n", "labels.csv:2: more fields than columns");
	bad("serial,pin\nS1,12ab\n", "labels.csv:2: not a PIN; allowed: 4 to 16 digits");
	bad("serial,passphrase\nS1,short\n", "8 to 63 printable");
	bad("mac\n02:4d:52:00:00\n", "not a device's MAC; allowed: as 02:4d");
	bad("mac\n03:4d:52:00:00:07\n", "not a device's MAC");
	bad("serial\nS 1\n", "not a serial number");
	bad("serial,method\nS1,wps\n", "allowed: micro-ap, pin, https");
	bad("serial,pin\n,12345670\n", "nothing tells which device this is");
	bad("serial\nS1\nS2\nS1\n", "device 3: this device stands in the list already");
	bad("ssid\n\"open\n", "runs over the end");
	bad("ssid\n\"open", "a quote is not closed");
	bad("ssid\n\"a\"b\n", "something stands behind a quoted field");
	bad("ssid\n0123456789abcdef0123456789abcdef0\n", "at most 32 octets");
}

/* Errors are shown and logged: they may not repeat what the file holds. */
static void no_error_repeats_a_secret(void **state)
{
	struct roster *r;
	char error[300];
	const char *text = "serial,pin\nS1,12345x78\n";

	(void)state;
	assert_int_equal(roster_parse(&r, "l", text, strlen(text), error, sizeof(error)), -MR_CAUSE_BAD_REQUEST);
	assert_null(strstr(error, "12345"));
}

static void a_file_that_others_may_read_is_refused(void **state)
{
	char path[] = "/tmp/roster-XXXXXX", error[300];
	int fd = mkstemp(path);
	struct roster *r;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "serial\nS1\n", 10), 10);
	fchmod(fd, 0644);
	assert_int_equal(roster_load(&r, NULL, path, error, sizeof(error)), -MR_CAUSE_BAD_REQUEST);
	assert_non_null(strstr(error, "chmod 600"));
	fchmod(fd, 0600);
	assert_int_equal(roster_load(&r, NULL, path, error, sizeof(error)), 0);
	roster_destroy(r);
	close(fd);
	unlink(path);
	assert_int_equal(roster_load(&r, NULL, path, error, sizeof(error)), -MR_CAUSE_BAD_REQUEST);
}

static void an_ssid_pattern_gives_the_serial(void **state)
{
	char serial[33];
	uint8_t ssid[32];

	(void)state;
	assert_false(roster_ssid_match("AC-{serial}", (const uint8_t *)"AB-77", 5, mac7, serial));
	assert_false(roster_ssid_match("AC-{serial}", (const uint8_t *)"AC-", 3, mac7, serial));
	assert_false(roster_ssid_match("AC-{serial}", (const uint8_t *)"AC-7\0007", 6, mac7, serial));
	assert_string_equal(serial, "");
	assert_true(roster_ssid_match("AC-{serial}", (const uint8_t *)"AC-77", 5, mac7, serial));
	assert_string_equal(serial, "77");
	assert_true(roster_ssid_match("{serial}_x", (const uint8_t *)"77_x", 4, mac7, serial));
	assert_string_equal(serial, "77");
	assert_false(roster_ssid_match("AC-{mac}", (const uint8_t *)"AC-520008", 9, mac7, serial));
	assert_false(roster_ssid_match("AC-{mac}", (const uint8_t *)"AC-00000", 8, mac7, serial));
	assert_true(roster_ssid_match("AC-{mac}", (const uint8_t *)"AC-000007", 9, mac7, serial));
	assert_true(roster_ssid_match("Plain", (const uint8_t *)"Plain", 5, mac7, serial));
	assert_int_equal(roster_ssid_make("AC-{mac}", "", mac7, ssid), 9);
	assert_memory_equal(ssid, "AC-000007", 9);
	assert_int_equal(roster_ssid_make("AC-{serial}", "S1", mac7, ssid), 5);
	assert_memory_equal(ssid, "AC-S1", 5);
}

static void a_bad_pattern_is_named(void **state)
{
	(void)state;
	assert_null(roster_ssid_valid("AC-{serial}"));
	assert_null(roster_ssid_valid("AC-{mac}-x"));
	assert_null(roster_ssid_valid("all the same"));
	assert_non_null(roster_ssid_valid("AC-{pin}"));
	assert_non_null(roster_ssid_valid("AC-{serial"));
	assert_non_null(roster_ssid_valid("AC-serial}"));
	assert_non_null(roster_ssid_valid("{mac}{serial}"));
	assert_non_null(roster_ssid_valid("0123456789012345678901234567890123456789{mac}"));
}

static void simulated_labels_repeat_with_the_seed(void **state)
{
	struct roster *a = roster_simulated("A", 7, 3), *b = roster_simulated("A", 7, 3),
		      *c = roster_simulated("A", 8, 3);
	struct roster *d = roster_simulated("B", 7, 3), *e = roster_simulated("A", 7, 4);

	(void)state;
	assert_true(a && b && c && d && e);
	assert_memory_equal(roster_row(a, 2)->mac, roster_row(b, 2)->mac, 6);
	assert_memory_not_equal(roster_row(a, 2)->mac, roster_row(c, 2)->mac, 5);
	assert_memory_not_equal(roster_row(a, 2)->mac, roster_row(d, 2)->mac, 5);
	assert_memory_not_equal(roster_row(a, 2)->mac, roster_row(e, 2)->mac, 5);
	assert_string_equal(roster_row(a, 2)->passphrase, roster_row(b, 2)->passphrase);
	assert_string_not_equal(roster_row(a, 2)->passphrase, roster_row(c, 2)->passphrase);
	assert_string_not_equal(roster_row(a, 1)->passphrase, roster_row(a, 2)->passphrase);
	assert_true(roster_passphrase_valid(roster_row(a, 0)->passphrase, strlen(roster_row(a, 0)->passphrase)));
	roster_destroy(a);
	roster_destroy(b);
	roster_destroy(c);
	roster_destroy(d);
	roster_destroy(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_found_by_mac_ssid_or_serial),
		cmocka_unit_test(a_list_is_taken_as_spreadsheets_write_it),
		cmocka_unit_test(an_address_under_another_name_is_not_that_device),
		cmocka_unit_test(what_is_wrong_names_line_and_remedy),
		cmocka_unit_test(no_error_repeats_a_secret),
		cmocka_unit_test(a_file_that_others_may_read_is_refused),
		cmocka_unit_test(an_ssid_pattern_gives_the_serial),
		cmocka_unit_test(a_bad_pattern_is_named),
		cmocka_unit_test(simulated_labels_repeat_with_the_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
