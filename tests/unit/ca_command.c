/*
 * millrace ca as the two persons of a ceremony meet it: words typed, what is printed, what then lies in the folder, the
 * exit status. What the keys are good for is tests/unit/identity.c's matter.
 *
 * links: station/command/verifier.c station/command/ca.c station/command/command.c station/yaml/words.c
 * links: station/identity/record_keys.c
 * links: station/identity/certificate.c station/identity/mfi_test.c
 * links: station/identity/identity.c station/identity/keyfile.c station/identity/ceremony.c
 * links: station/identity/pin.c
 * links: station/identity/serial.c station/identity/signer_file.c station/identity/subject_key.c
 * links: station/base/entropy.c
 * links: station/base/log.c agent/wire/hkdf.c agent/wire/cause.c agent/wire/message.c
 * links: agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "station/command/command.h"
#include "station/identity/ceremony.h"
#include "station/identity/identity.h"
#include "station/identity/record_keys.h"
#include "tests/unit/command_doubles.h"

/* The other commands are not here. */

struct desk {
	char dir[64], keys[80], out_path[80], err_path[80];
	char out[20000], err[4000];
};

static void slurp(const char *path, char *out, size_t cap)
{
	FILE *file = fopen(path, "r");

	out[fread(out, 1, cap - 1, file)] = '\0';
	fclose(file);
}

/* Types `millrace ca WORDS...`; NULL ends the words. The exit status; what was printed is in out and err. */
static int ca(struct desk *d, ...)
{
	char *argv[24] = { (char[]){ "ca" } };
	int argc = 1, out, err, result;
	va_list words;

	va_start(words, d);
	for (const char *word; (word = va_arg(words, const char *));)
		argv[argc++] = strdup(word);
	va_end(words);
	fflush(stdout);
	fflush(stderr);
	out = dup(1);
	err = dup(2);
	assert_non_null(freopen(d->out_path, "w", stdout));
	assert_non_null(freopen(d->err_path, "w", stderr));
	result = command_ca(argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	for (int i = 1; i < argc; i++)
		free(argv[i]);
	slurp(d->out_path, d->out, sizeof(d->out));
	slurp(d->err_path, d->err, sizeof(d->err));
	return result;
}

#define assert_says(text, words)                                                                                       \
	do {                                                                                                           \
		if (!strstr(text, words))                                                                              \
			fail_msg("this does not say \"%s\":\n%s", words, text);                                        \
	} while (0)

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

static int set_up(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	strcpy(d->dir, "/tmp/millrace-ca-XXXXXX");
	if (!mkdtemp(d->dir))
		return -1;
	snprintf(d->keys, sizeof(d->keys), "%s/keys", d->dir);
	snprintf(d->out_path, sizeof(d->out_path), "%s/out", d->dir);
	snprintf(d->err_path, sizeof(d->err_path), "%s/err", d->dir);
	*state = d;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *d = *state;

	nftw(d->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(d);
	return 0;
}

static const char *in_keys(const struct desk *d, const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", d->keys, name);
	return path;
}

static bool is_there(const struct desk *d, const char *name) { return access(in_keys(d, name), F_OK) == 0; }

static unsigned mode_of(const struct desk *d, const char *name)
{
	struct stat st;

	assert_int_equal(stat(in_keys(d, name), &st), 0);
	return st.st_mode & 0777;
}

static void make_factory(struct desk *d)
{
	if (ca(d, "init", "--dir", d->keys, "--organization", "Acme", NULL) != EXIT_ALL_WELL)
		fail_msg("%s", d->err);
}

static void words_that_are_no_command_are_told_the_nearest_one(void **state)
{
	static const char *const names[] = { "init",	       "show",		 "issue-station",   "new-batch-key",
					     "new-record-key", "new-issuing-ca", "new-mfi-test-ca", "verify",
					     "pin-verifier" };
	struct desk *d = *state;

	assert_int_equal(ca(d, NULL), EXIT_UNUSABLE);
	assert_says(d->err, "usage: millrace ca COMMAND");
	assert_int_equal(ca(d, "verfiy", NULL), EXIT_UNUSABLE);
	assert_says(d->err, "unknown command \"verfiy\"; did you mean \"verify\"?");
	assert_int_equal(ca(d, "zzz", NULL), EXIT_UNUSABLE);
	assert_null(strstr(d->err, "did you mean"));
	assert_int_equal(ca(d, "init", "--dri", "x", NULL), EXIT_UNUSABLE);
	assert_says(d->err, "--dir");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(ca(d, "--help", NULL), EXIT_ALL_WELL);
		assert_says(d->out, names[i]);
		assert_int_equal(ca(d, names[i], "--help", NULL), EXIT_ALL_WELL);
		assert_says(d->out, "usage: millrace ca");
	}
}

static void init_makes_a_folder_that_only_its_owner_reads(void **state)
{
	static const char *const secrets[] = { "root.key",   "issuing.key",	  "station.key",     "pin.key",
					       "record.key", "batch/default.key", "batch/pilot.key", "batch/may.key" };
	struct desk *d = *state;

	assert_int_equal(ca(d, "init", "--dir", d->keys, "--organization", "Acme", "--batch-key", "pilot,may", NULL),
			 EXIT_ALL_WELL);
	assert_says(d->out, "Take the root's key offline");
	assert_int_equal(mode_of(d, ""), 0700);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		assert_int_equal(mode_of(d, secrets[i]), 0600);
	assert_true(is_there(d, "root.crt") && is_there(d, "issuing.crt") && is_there(d, "record.pub"));
}

static void init_refuses_what_it_cannot_make_and_leaves_nothing(void **state)
{
	struct desk *d = *state;
	struct stat before, after;
	char nowhere[120];

	assert_int_equal(ca(d, "init", "--dir", d->keys, "--root-days", "0", NULL), EXIT_UNUSABLE);
	assert_says(d->err, "--root-days and --issuing-days take a number of days from 1 to 36500");
	assert_int_equal(ca(d, "init", "--dir", d->keys, "--issuing-days", "5y", NULL), EXIT_UNUSABLE);
	assert_int_equal(ca(d, "init", "--dir", d->keys, "--root-days", "40000", NULL), EXIT_UNUSABLE);
	assert_int_equal(ca(d, "init", "--dir", d->keys, "--batch-key", "../escape", NULL), EXIT_UNUSABLE);
	assert_int_equal(ca(d, "init", "--dir", d->keys, "--batch-key", "a,,b", NULL), EXIT_UNUSABLE);
	assert_int_equal(ca(d, "init", "--dir", d->keys, "surplus", NULL), EXIT_UNUSABLE);
	assert_false(is_there(d, ""));
	snprintf(nowhere, sizeof(nowhere), "%s/no/such/keys", d->dir);
	assert_int_equal(ca(d, "init", "--dir", nowhere, NULL), EXIT_UNUSABLE);
	assert_says(d->err, "no/such");
	/* Keys that are there are never made anew. */
	make_factory(d);
	assert_int_equal(stat(in_keys(d, "issuing.key"), &before), 0);
	assert_int_equal(ca(d, "init", "--dir", d->keys, NULL), EXIT_UNUSABLE);
	assert_says(d->err, d->keys);
	assert_int_equal(stat(in_keys(d, "issuing.key"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

/* The line of a configuration, from hexadecimal. */
static void field_of(const char *text, const char *name, uint8_t *out, size_t len)
{
	const char *at = strstr(text, name);

	assert_non_null(at);
	at += strlen(name);
	for (size_t i = 0; i < len; i++) {
		unsigned octet;

		assert_int_equal(sscanf(at + 2 * i, "%2x", &octet), 1);
		out[i] = (uint8_t)octet;
	}
	assert_int_equal(at[2 * len], '\n');
}

static int typed_pin(struct desk *d, const char *pin, const char *iterations)
{
	char path[80];
	FILE *file;

	snprintf(path, sizeof(path), "%s/pin", d->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(pin, file);
	fclose(file);
	assert_non_null(freopen(path, "r", stdin));
	return ca(d, "pin-verifier", "--iterations", iterations, NULL);
}

static void what_firmware_keeps_of_a_pin_is_its_verifier_with_a_fresh_salt(void **state)
{
	static const char *const none[] = { "", "\n", "123\n", "12345a78\n", "12345678901234567\n", "-1234567\n" };
	struct desk *d = *state;
	uint8_t salt[16], w0[32], l[65], own_w0[32], own_l[65], first[16];

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_int_equal(typed_pin(d, none[i], "1000"), EXIT_UNUSABLE);
		assert_says(d->err, "standard input has no PIN");
		assert_string_equal(d->out, "");
	}
	assert_int_equal(typed_pin(d, "31946278\n", "999"), EXIT_UNUSABLE);
	assert_int_equal(typed_pin(d, "31946278\n", "many"), EXIT_UNUSABLE);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(typed_pin(d, i ? "31946278" : "31946278\r\n", "1500"), EXIT_ALL_WELL);
		assert_says(d->out, "pin_iterations = 1500\n");
		assert_null(strstr(d->out, "31946278"));
		field_of(d->out, "pin_salt = ", salt, sizeof(salt));
		field_of(d->out, "pin_w0 = ", w0, sizeof(w0));
		field_of(d->out, "pin_l = ", l, sizeof(l));
		assert_int_equal(pin_verifier("31946278", "", salt, 1500, own_w0, own_l), 0);
		assert_memory_equal(w0, own_w0, sizeof(w0));
		assert_memory_equal(l, own_l, sizeof(l));
		if (i)
			assert_memory_not_equal(salt, first, sizeof(salt));
		memcpy(first, salt, sizeof(first));
	}
}

static void show_tells_what_is_public_and_no_secret(void **state)
{
	struct desk *d = *state;
	char secret[80];
	json_t *facts;

	make_factory(d);
	slurp(in_keys(d, "batch/default.key"), secret, sizeof(secret));
	secret[64] = '\0';
	assert_int_equal(ca(d, "show", "--dir", d->keys, NULL), EXIT_ALL_WELL);
	assert_says(d->out, "O=Acme");
	assert_says(d->out, "station      X25519 ");
	assert_says(d->out, "still here: take it offline");
	assert_null(strstr(d->out, secret));
	assert_int_equal(ca(d, "show", "--json", "--dir", d->keys, NULL), EXIT_ALL_WELL);
	assert_null(strstr(d->out, secret));
	facts = json_loads(d->out, 0, NULL);
	assert_non_null(facts);
	assert_int_equal(json_array_size(json_object_get(facts, "certificates")), 2);
	assert_int_equal(json_array_size(json_object_get(facts, "problems")), 0);
	assert_string_equal(json_string_value(json_array_get(json_object_get(facts, "batch_keys"), 0)), "default");
	json_decref(facts);
}

static void show_writes_firmware_headers_with_the_batch_key_only_when_asked(void **state)
{
	struct desk *d = *state;
	char secret[80], octet[8];

	make_factory(d);
	slurp(in_keys(d, "batch/default.key"), secret, sizeof(secret));
	assert_int_equal(ca(d, "show", "--dir", d->keys, "--firmware", NULL), EXIT_ALL_WELL);
	assert_says(d->out, "millrace_station_key[32] = {");
	assert_null(strstr(d->out, "millrace_batch_key[32]"));
	assert_int_equal(ca(d, "show", "--dir", d->keys, "--firmware", "--reveal-batch-key", NULL), EXIT_ALL_WELL);
	assert_says(d->out, "SECRET");
	assert_says(d->out, "millrace_batch_key[32] = {");
	snprintf(octet, sizeof(octet), "0x%.2s,", secret);
	assert_says(strstr(d->out, "millrace_batch_key[32]"), octet);
	assert_int_equal(ca(d, "show", "--dir", d->keys, "--reveal-batch-key", NULL), EXIT_UNUSABLE);
	assert_says(d->err, "belong to --firmware");
	assert_int_equal(ca(d, "show", "--dir", d->keys, "--firmware", "--json", NULL), EXIT_UNUSABLE);
	assert_int_equal(ca(d, "show", "--dir", d->keys, "--firmware", "--batch-key", "nobody", NULL), EXIT_UNUSABLE);
	assert_says(d->err, "nobody.key");
	assert_int_equal(ca(d, "show", "--dir", d->keys, "--firmware", "--batch-key", "../root", NULL), EXIT_UNUSABLE);
	assert_int_equal(ca(d, "show", "--dir", "/nonexistent", NULL), EXIT_UNUSABLE);
	assert_says(d->err, "/nonexistent");
}

static void what_is_missing_or_open_is_a_problem(void **state)
{
	struct desk *d = *state;

	make_factory(d);
	assert_int_equal(chmod(in_keys(d, "issuing.key"), 0644), 0);
	assert_int_equal(ca(d, "show", "--dir", d->keys, NULL), EXIT_NOT_ALL_WELL);
	assert_says(d->out, "issuing.key: open to others: chmod 600");
	assert_int_equal(ca(d, "verify", "--dir", d->keys, NULL), EXIT_NOT_ALL_WELL);
	assert_says(d->out, "FAIL the folder opens with batch key default");
	assert_int_equal(chmod(in_keys(d, "issuing.key"), 0600), 0);
	assert_int_equal(ca(d, "verify", "--dir", d->keys, NULL), EXIT_ALL_WELL);
	assert_int_equal(unlink(in_keys(d, "pin.key")), 0);
	assert_int_equal(ca(d, "show", "--dir", d->keys, NULL), EXIT_NOT_ALL_WELL);
	assert_says(d->out, "pin.key: missing");
	assert_int_equal(ca(d, "verify", "--dir", d->keys, NULL), EXIT_NOT_ALL_WELL);
}

static void a_new_batch_key_is_another_one_and_never_replaces_one(void **state)
{
	struct desk *d = *state;
	char first[80], second[80];

	make_factory(d);
	assert_int_equal(ca(d, "new-batch-key", "--dir", d->keys, NULL), EXIT_UNUSABLE);
	assert_says(d->err, "name the new key");
	assert_int_equal(ca(d, "new-batch-key", "../../x", "--dir", d->keys, NULL), EXIT_UNUSABLE);
	assert_int_equal(ca(d, "new-batch-key", "may", "--dir", d->keys, NULL), EXIT_ALL_WELL);
	assert_says(d->out, "batch_key: may");
	assert_int_equal(mode_of(d, "batch/may.key"), 0600);
	slurp(in_keys(d, "batch/default.key"), first, sizeof(first));
	slurp(in_keys(d, "batch/may.key"), second, sizeof(second));
	assert_int_equal(strlen(second), 65);
	assert_string_not_equal(first, second);
	assert_int_equal(ca(d, "new-batch-key", "may", "--dir", d->keys, NULL), EXIT_UNUSABLE);
	slurp(in_keys(d, "batch/may.key"), first, sizeof(first));
	assert_string_equal(first, second);
	assert_int_equal(ca(d, "verify", "--dir", d->keys, NULL), EXIT_ALL_WELL);
	assert_says(d->out, "ok   the folder opens with batch key may");
}

static void a_new_station_key_keeps_the_old_one_aside(void **state)
{
	struct desk *d = *state;
	char before[2000], after[2000], aside[2000], *name;

	make_factory(d);
	slurp(in_keys(d, "station.key"), before, sizeof(before));
	assert_int_equal(ca(d, "issue-station", "--dir", "/nonexistent", NULL), EXIT_UNUSABLE);
	assert_int_equal(ca(d, "issue-station", "--dir", d->keys, NULL), EXIT_ALL_WELL);
	name = strstr(d->out, "/station.key.");
	assert_non_null(name);
	name[strcspn(name, ".\n") + strlen(".key.20261123T093000Z")] = '\0';
	slurp(in_keys(d, name + 1), aside, sizeof(aside));
	slurp(in_keys(d, "station.key"), after, sizeof(after));
	assert_string_equal(aside, before);
	assert_string_not_equal(after, before);
	assert_int_equal(mode_of(d, "station.key"), 0600);
	assert_int_equal(ca(d, "verify", "--dir", d->keys, NULL), EXIT_ALL_WELL);
}

static void a_new_record_key_leaves_what_the_old_one_signed_checkable(void **state)
{
	struct desk *d = *state;
	struct record_keys *keys;
	struct identity *old = NULL, *now = NULL;
	uint8_t hash[32] = { 1 }, by_old[256], by_new[256];
	size_t old_len = sizeof(by_old), new_len = sizeof(by_new);
	char error[300], first[2000], kept[2000], name[60];

	make_factory(d);
	slurp(in_keys(d, "record.pub"), first, sizeof(first));
	assert_int_equal(record_keys_open_private(&old, d->keys, error, sizeof(error)), 0);
	assert_int_equal(identity_sign_record(old, hash, by_old, &old_len), 0);
	assert_int_equal(ca(d, "new-record-key", "--dir", "/nonexistent", NULL), EXIT_UNUSABLE);
	assert_int_equal(ca(d, "new-record-key", "--dir", d->keys, NULL), EXIT_ALL_WELL);
	assert_says(d->out, "/record.key.");
	assert_int_equal(mode_of(d, "record.key"), 0600);
	assert_int_equal(ca(d, "verify", "--dir", d->keys, NULL), EXIT_ALL_WELL);
	/* Twice: both of the former ones stay. */
	assert_int_equal(record_keys_open_private(&now, d->keys, error, sizeof(error)), 0);
	assert_int_equal(identity_sign_record(now, hash, by_new, &new_len), 0);
	assert_string_not_equal(identity_record_key_id(old), identity_record_key_id(now));
	snprintf(name, sizeof(name), "%s.pub", identity_record_key_id(old));
	slurp(in_keys(d, name), kept, sizeof(kept));
	assert_string_equal(kept, first);
	assert_int_equal(record_keys_open(&keys, d->keys, error, sizeof(error)), 0);
	assert_true(record_keys_check(keys, hash, by_old, old_len, identity_record_key_id(old)));
	assert_true(record_keys_check(keys, hash, by_new, new_len, identity_record_key_id(now)));
	/* Each with its own key alone, and with none that the folder does not have. */
	assert_false(record_keys_check(keys, hash, by_old, old_len, identity_record_key_id(now)));
	assert_false(record_keys_check(keys, hash, by_new, new_len, identity_record_key_id(old)));
	assert_false(record_keys_check(keys, hash, by_new, new_len, "record-0000000000000000"));
	hash[0] ^= 1;
	assert_false(record_keys_check(keys, hash, by_old, old_len, identity_record_key_id(old)));
	record_keys_close(keys);
	identity_close(old);
	identity_close(now);
}

static void the_next_issuing_ca_needs_the_roots_key_and_chains_to_the_same_root(void **state)
{
	struct desk *d = *state;
	char medium[120], before[4000], after[4000];

	make_factory(d);
	snprintf(medium, sizeof(medium), "%s/medium.key", d->dir);
	assert_int_equal(rename(in_keys(d, "root.key"), medium), 0);
	slurp(in_keys(d, "issuing.crt"), before, sizeof(before));
	assert_int_equal(ca(d, "new-issuing-ca", "--dir", d->keys, NULL), EXIT_UNUSABLE);
	assert_says(d->err, "--root-key FILE");
	assert_int_equal(ca(d, "new-issuing-ca", "--dir", d->keys, "--root-key", medium, "--days", "-3", NULL),
			 EXIT_UNUSABLE);
	assert_says(d->err, "--days takes a number of days");
	/* A key that is not the root's. */
	assert_int_equal(ca(d, "new-issuing-ca", "--dir", d->keys, "--root-key", in_keys(d, "record.key"), NULL),
			 EXIT_UNUSABLE);
	slurp(in_keys(d, "issuing.crt"), after, sizeof(after));
	assert_string_equal(before, after);
	assert_int_equal(ca(d, "new-issuing-ca", "--dir", d->keys, "--root-key", medium, "--days", "20", NULL),
			 EXIT_ALL_WELL);
	slurp(in_keys(d, "issuing.crt"), after, sizeof(after));
	assert_string_not_equal(before, after);
	assert_int_equal(ca(d, "verify", "--dir", d->keys, NULL), EXIT_ALL_WELL);
	assert_says(d->out, "ok   a test certificate verifies strictly up to the root");
	assert_says(d->out, "note the issuing CA expires in 19 days");
	assert_null(strstr(d->out, "root.key is still here"));
}

static void emulated_coprocessors_are_made_once_and_say_what_they_are(void **state)
{
	struct desk *d = *state;
	char before[4000], after[4000];

	make_factory(d);
	assert_int_equal(ca(d, "new-mfi-test-ca", "--dir", d->keys, NULL), EXIT_ALL_WELL);
	assert_says(d->out, "EMULATED - NOT MFi");
	slurp(in_keys(d, "mfi-test/ca.crt"), before, sizeof(before));
	slurp(in_keys(d, "mfi-test/chip-2.key"), after, sizeof(after));
	slurp(in_keys(d, "mfi-test/chip-3.key"), after, sizeof(after));
	assert_int_equal(ca(d, "new-mfi-test-ca", "--dir", d->keys, NULL), EXIT_UNUSABLE);
	assert_says(d->err, "mfi-test");
	slurp(in_keys(d, "mfi-test/ca.crt"), after, sizeof(after));
	assert_string_equal(before, after);
}

static void verify_finds_keys_of_two_factories_in_one_folder(void **state)
{
	struct desk *d = *state;
	char other[120], path[160];

	make_factory(d);
	snprintf(other, sizeof(other), "%s/other", d->dir);
	assert_int_equal(ca(d, "init", "--dir", other, NULL), EXIT_ALL_WELL);
	assert_int_equal(ca(d, "verify", "--dir", d->keys, NULL), EXIT_ALL_WELL);
	assert_says(d->out, "ok   a PIN is sealed and opened again");
	assert_says(d->out, "ok   record.key signs what record.pub verifies");
	assert_says(d->out, "root.key is still here");
	snprintf(path, sizeof(path), "%s/record.pub", other);
	assert_int_equal(rename(path, in_keys(d, "record.pub")), 0);
	assert_int_equal(ca(d, "verify", "--dir", d->keys, NULL), EXIT_NOT_ALL_WELL);
	assert_says(d->out, "FAIL");
	snprintf(path, sizeof(path), "%s/root.crt", other);
	assert_int_equal(rename(path, in_keys(d, "root.crt")), 0);
	assert_int_equal(ca(d, "verify", "--dir", d->keys, NULL), EXIT_NOT_ALL_WELL);
	assert_int_equal(ca(d, "verify", "--dir", "/nonexistent", NULL), EXIT_UNUSABLE);
	assert_says(d->err, "/nonexistent");
}

#define at_desk(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* --- the clock --- */

#define DAY_US (INT64_C(86400) * 1000000)

static void a_clock_that_cannot_be_right_is_named(void **state)
{
	static const struct {
		int64_t utc_us, built_us;
		const char *words;
	} wrong[] = {
		{ 0, 0, "the clock says 1970-01-01, which it cannot be" },
		{ IDENTITY_CLOCK_MIN_US - 1, 0, "the clock says 2023-12-31, which it cannot be" },
		{ IDENTITY_CLOCK_MAX_US + 1, 0, "which it cannot be" },
		{ INT64_MAX, 0, "which it cannot be" },
		{ IDENTITY_CLOCK_MIN_US, IDENTITY_CLOCK_MIN_US + DAY_US + 1,
		  "the clock says 2024-01-01, and this program was made on 2024-01-02" },
	};
	char error[300];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_not_equal(ceremony_clock(NULL, wrong[i].built_us, wrong[i].utc_us, error, sizeof(error)), 0);
		if (!strstr(error, wrong[i].words))
			fail_msg("case %zu: %s", i, error);
	}
	assert_int_equal(ceremony_clock(NULL, 0, IDENTITY_CLOCK_MIN_US, error, sizeof(error)), 0);
	assert_int_equal(ceremony_clock(NULL, 0, IDENTITY_CLOCK_MAX_US, error, sizeof(error)), 0);
	assert_int_equal(
		ceremony_clock(NULL, IDENTITY_CLOCK_MIN_US + DAY_US, IDENTITY_CLOCK_MIN_US, error, sizeof(error)), 0);
}

/* The factory's keys were made at a time that is not yet: one of the two clocks was wrong. */
static void a_new_issuing_ca_is_not_older_than_the_one_before(void **state)
{
	struct desk *d = *state;
	struct entropy *entropy = entropy_create_kernel();
	const int64_t later_us = (int64_t)time(NULL) * 1000000 + 400 * DAY_US;
	const struct ceremony plan = {
		.dir = d->keys, .organization = "Acme", .root_days = 3000, .issuing_days = 300, .utc_us = later_us
	};
	char error[300] = "";

	assert_int_equal(ceremony_init(&plan, entropy, error, sizeof(error)), 0);
	assert_int_equal(ca(d, "new-issuing-ca", "--dir", d->keys, "--root-key", in_keys(d, "root.key"), NULL),
			 EXIT_UNUSABLE);
	assert_non_null(strstr(d->err, "root.crt is of "));
	assert_non_null(strstr(d->err, "set the clock (timedatectl), or say --clock-is-right if it is"));
	assert_int_equal(ca(d, "new-issuing-ca", "--dir", d->keys, "--root-key", in_keys(d, "root.key"),
			    "--clock-is-right", NULL),
			 EXIT_ALL_WELL);
	/* Before the certificates (they begin a little before they are made), and at them. */
	assert_int_not_equal(ceremony_clock(d->keys, 0, later_us - 2 * DAY_US, error, sizeof(error)), 0);
	assert_int_equal(ceremony_clock(d->keys, 0, later_us, error, sizeof(error)), 0);
	entropy_destroy(entropy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		at_desk(words_that_are_no_command_are_told_the_nearest_one),
		at_desk(init_makes_a_folder_that_only_its_owner_reads),
		at_desk(init_refuses_what_it_cannot_make_and_leaves_nothing),
		at_desk(what_firmware_keeps_of_a_pin_is_its_verifier_with_a_fresh_salt),
		at_desk(show_tells_what_is_public_and_no_secret),
		at_desk(show_writes_firmware_headers_with_the_batch_key_only_when_asked),
		at_desk(what_is_missing_or_open_is_a_problem),
		at_desk(a_new_batch_key_is_another_one_and_never_replaces_one),
		at_desk(a_new_station_key_keeps_the_old_one_aside),
		at_desk(a_new_record_key_leaves_what_the_old_one_signed_checkable),
		at_desk(the_next_issuing_ca_needs_the_roots_key_and_chains_to_the_same_root),
		at_desk(emulated_coprocessors_are_made_once_and_say_what_they_are),
		at_desk(verify_finds_keys_of_two_factories_in_one_folder),
		at_desk(a_clock_that_cannot_be_right_is_named),
		at_desk(a_new_issuing_ca_is_not_older_than_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
