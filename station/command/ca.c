/*
 * millrace ca: makes, shows and checks the factory's keys. docs/keys.md is the manual of the ceremony.
 * Secrets are never printed, save a batch key on explicit request, for the firmware that has to carry it.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/base/entropy.h"
#include "station/command/command.h"
#include "station/command/verifier.h"
#include "station/identity/ceremony.h"
#include "station/identity/identity.h"
#include "station/identity/keyfile.h"
#include "station/identity/mfi_test.h"
#include "station/identity/record_keys.h"

#define ERROR_MAX 600 /* octets; chosen: a sentence, a path and a remedy */
#define DEFAULT_DIR "keys"
#define SOON_US (INT64_C(30) * 86400 * 1000000)
#define NAMES_MAX 256 /* batch keys in a folder */

static int64_t utc_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int unusable(const struct command *self, const char *sentence)
{
	fprintf(stderr, "millrace %s: %s\n", self->name, sentence);
	return EXIT_UNUSABLE;
}

/* When it was put here; 0: nobody can tell. */
static int64_t program_us(void)
{
	struct stat st;

	return stat("/proc/self/exe", &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000000 : 0;
}

#define CLOCK_ROW(flag)                                                                                                \
	{                                                                                                              \
		"--clock-is-right", NULL, "whatever speaks against it", NULL, (flag)                                   \
	}

/* What is made at a wrong time is wrong for as long as devices live. -1: go on; else the exit status. */
static int look_at_clock(const struct command *self, const char *dir, bool is_right)
{
	char error[ERROR_MAX] = "";

	if (is_right || ceremony_clock(dir, program_us(), utc_now_us(), error, sizeof(error)) == 0)
		return -1;
	fprintf(stderr, "millrace %s: %s: set the clock (timedatectl), or say --clock-is-right if it is\n", self->name,
		error);
	return EXIT_UNUSABLE;
}

static const char *time_text(int64_t us, char text[static 32])
{
	time_t s = (time_t)(us / 1000000);
	struct tm tm;

	if (!gmtime_r(&s, &tm) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(text, 32, "?");
	return text;
}

static const char *hex_text(const uint8_t *bytes, size_t len, char *text)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

/* --- init --- */

static const struct command init_command = { "ca init", "",
					     "makes root, issuing CA, station key, record key, PIN key and "
					     "batch keys in a new folder",
					     NULL };

/* "7300": digits alone. 0: not that, which no validity may be. */
static unsigned days_of(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= 6 && strspn(text, "0123456789") == len ? (unsigned)strtoul(text, NULL, 10) : 0;
}

/* "a,b,c" in place; false: more names than room. */
static bool split_names(char *text, const char **names, size_t room, size_t *count)
{
	char *rest = text;

	for (*count = 0; rest; (*count)++) {
		if (*count == room)
			return false;
		names[*count] = strsep(&rest, ",");
	}
	return true;
}

static void say_made(const struct ceremony *plan)
{
	printf("Made the factory's keys in %s. docs/keys.md tells what each file is and who holds it.\n\n", plan->dir);
	printf("Do this now:\n"
	       "  1. Copy all of %s to an encrypted medium, twice: this is the backup.\n"
	       "  2. Take the root's key offline. It is needed again only for the next issuing CA:\n"
	       "       cp %s/root.key MEDIUM/ && sync && cmp %s/root.key MEDIUM/root.key && shred -u "
	       "%s/root.key\n"
	       "     and lock the medium away. On flash memory shred is no guarantee: better, make the keys "
	       "on a machine\n"
	       "     that never was online, and carry everything but root.key to the station.\n"
	       "  3. Hand the public values to firmware: millrace ca show --firmware --dir %s\n"
	       "  4. millrace ca verify --dir %s\n",
	       plan->dir, plan->dir, plan->dir, plan->dir, plan->dir, plan->dir);
}

static int run_init(int argc, char **argv)
{
	const char *dir = DEFAULT_DIR, *organization = NULL, *root_days = "9131", *issuing_days = "1826", *batch = NULL;
	bool clock_is_right = false;
	const struct option_row rows[] = {
		{ "--dir", "DIR", "folder to make (default: " DEFAULT_DIR ")", &dir, NULL },
		{ "--organization", "NAME", "O of the CA certificates (default: none)", &organization, NULL },
		{ "--root-days", "N", "validity of the root (default: 9131, 25 years)", &root_days, NULL },
		{ "--issuing-days", "N", "validity of the issuing CA (default: 1826, 5 years)", &issuing_days, NULL },
		{ "--batch-key", "NAME,...", "batch keys to make besides \"default\"", &batch, NULL },
		CLOCK_ROW(&clock_is_right),
		{ 0 },
	};
	const char *names[CEREMONY_BATCH_KEYS_MAX];
	char error[ERROR_MAX] = "", *split = NULL;
	struct ceremony plan;
	struct entropy *entropy;
	size_t count = 0;
	int status = command_options(&init_command, rows, argc, argv, NULL, 0, NULL), result;

	if (status >= 0)
		return status;
	if (days_of(root_days) == 0 || days_of(issuing_days) == 0)
		return unusable(&init_command, "--root-days and --issuing-days take a number of days from 1 to 36500");
	status = look_at_clock(&init_command, NULL, clock_is_right);
	if (status >= 0)
		return status;
	split = batch ? strdup(batch) : NULL;
	if (split && !split_names(split, names, CEREMONY_BATCH_KEYS_MAX, &count)) {
		free(split);
		return unusable(&init_command,
				"--batch-key takes up to 32 names; make more with millrace ca new-batch-key");
	}
	plan = (struct ceremony){ .dir = dir,
				  .organization = organization,
				  .root_days = days_of(root_days),
				  .issuing_days = days_of(issuing_days),
				  .batch_keys = names,
				  .batch_key_count = count,
				  .utc_us = utc_now_us() };
	entropy = entropy_create_kernel();
	result = entropy ? ceremony_init(&plan, entropy, error, sizeof(error)) : -MR_CAUSE_NO_MEMORY;
	entropy_destroy(entropy);
	free(split);
	if (result != 0)
		return unusable(&init_command, error[0] ? error : mr_cause_sentence(-result));
	say_made(&plan);
	return EXIT_ALL_WELL;
}

/* --- what lies in the folder --- */

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

struct names {
	char *name[NAMES_MAX];
	size_t count;
};

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	names->count = 0;
}

/* The batch keys by name, in order. */
static bool list_batch_keys(const char *dir, struct names *out, const struct keyfile_error *error)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *d;

	out->count = 0;
	if (!keyfile_path(path, dir, "batch", error))
		return false;
	d = opendir(path);
	if (!d)
		return keyfile_complain(error, "%s: %s; %s", path, strerror(errno),
					errno == ENOENT ? "make a batch key with `millrace ca new-batch-key`"
							: "run as the owner of the keys");
	while ((entry = readdir(d)) != NULL && out->count < NAMES_MAX) {
		size_t len = strlen(entry->d_name);
		char *name;

		if (len <= 4 || strcmp(entry->d_name + len - 4, ".key") != 0 ||
		    !(name = strndup(entry->d_name, len - 4)))
			continue;
		if (identity_key_name_is_valid(name))
			out->name[out->count++] = name;
		else
			free(name);
	}
	(void)closedir(d);
	qsort(out->name, out->count, sizeof(out->name[0]), by_name);
	return true;
}

/* Of a private file: NULL, or why no one should use it. `present` says whether it is there at all. */
static const char *private_file_problem(const char *dir, const char *name, bool *present)
{
	const struct keyfile_error quiet = { .cap = 0 };
	char path[PATH_MAX];
	struct stat st;

	*present = keyfile_path(path, dir, name, &quiet) && stat(path, &st) == 0;
	if (!*present)
		return strcmp(name, "root.key") == 0 ? NULL : "missing";
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return "open to others: chmod 600";
	return strcmp(name, "root.key") == 0 ? "still here: take it offline" : NULL;
}

/* --- show --- */

static const struct command show_command = { "ca show", "",
					     "subjects, validity, fingerprints and public keys; never a secret", NULL };

static const char *const private_files[] = { "root.key", "issuing.key", "station.key", "pin.key", "record.key" };

static bool add_text(json_t *to, const char *name, const char *value)
{
	return json_object_set_new(to, name, value ? json_string(value) : json_null()) == 0;
}

static bool name_text(const X509_NAME *name, char *text, size_t cap)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len = -1;

	if (bio && X509_NAME_print_ex(bio, name, 0,
				      (ASN1_STRFLGS_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) |
					      XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN) >= 0)
		len = BIO_read(bio, text, (int)cap - 1);
	BIO_free(bio);
	text[len > 0 ? len : 0] = '\0';
	return len > 0;
}

static json_t *certificate_facts(const char *dir, const char *role, const char *file, const struct keyfile_error *error)
{
	X509 *certificate = keyfile_certificate(dir, file, error);
	char subject[400] = "", issuer[400] = "", from[32], to[32], fingerprint[65], hex[131], *serial = NULL;
	uint8_t hash[32], point[65];
	unsigned hash_len = 0;
	BIGNUM *number;
	json_t *facts;

	if (!certificate)
		return NULL;
	facts = json_object();
	number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	serial = number ? BN_bn2hex(number) : NULL;
	if (X509_digest(certificate, EVP_sha256(), hash, &hash_len) == 1 &&
	    name_text(X509_get_subject_name(certificate), subject, sizeof(subject)) &&
	    name_text(X509_get_issuer_name(certificate), issuer, sizeof(issuer))) {
		add_text(facts, "role", role);
		add_text(facts, "file", file);
		add_text(facts, "subject", subject);
		add_text(facts, "issuer", issuer);
		add_text(facts, "serial", serial);
		add_text(facts, "not_before", time_text(identity_time_us(X509_get0_notBefore(certificate)), from));
		add_text(facts, "not_after", time_text(identity_time_us(X509_get0_notAfter(certificate)), to));
		add_text(facts, "sha256", hex_text(hash, 32, fingerprint));
		add_text(facts, "public_key",
			 keyfile_point(X509_get0_pubkey(certificate), point) ? hex_text(point, 65, hex) : NULL);
	}
	OPENSSL_free(serial);
	BN_free(number);
	X509_free(certificate);
	return facts;
}

/* The station's public key; only station.key has it. */
static bool station_public(const char *dir, uint8_t public_key[static 32], const struct keyfile_error *error)
{
	EVP_PKEY *key = keyfile_private_key(dir, "station.key", "X25519", error);
	size_t len = 32;
	bool ok = key && EVP_PKEY_get_raw_public_key(key, public_key, &len) == 1;

	EVP_PKEY_free(key);
	return ok;
}

static void problem(json_t *problems, const char *sentence)
{
	(void)json_array_append_new(problems, json_string(sentence));
}

static json_t *private_facts(const char *dir, const struct names *batch, json_t *problems)
{
	json_t *files = json_array();
	char name[80], sentence[160];

	for (size_t i = 0; i < sizeof(private_files) / sizeof(private_files[0]) + batch->count; i++) {
		size_t fixed = sizeof(private_files) / sizeof(private_files[0]);
		bool present;
		const char *wrong;
		json_t *file = json_object();

		if (i < fixed)
			(void)snprintf(name, sizeof(name), "%s", private_files[i]);
		else
			(void)snprintf(name, sizeof(name), "batch/%s.key", batch->name[i - fixed]);
		wrong = private_file_problem(dir, name, &present);
		add_text(file, "file", name);
		(void)json_object_set_new(file, "present", json_boolean(present));
		add_text(file, "problem", wrong);
		(void)json_array_append_new(files, file);
		/* A root key not yet offline is worth a word, but nothing is broken. */
		if (wrong && strncmp(wrong, "still", 5) != 0) {
			(void)snprintf(sentence, sizeof(sentence), "%s: %s", name, wrong);
			problem(problems, sentence);
		}
	}
	return files;
}

/* Everything that may be shown, and an array of what is wrong. NULL: the folder itself is unusable. */
static json_t *folder_facts(const char *dir, const struct keyfile_error *error)
{
	json_t *facts, *certificates, *problems, *station, *record, *pin, *names;
	struct names batch = { .count = 0 };
	struct identity *pins = NULL;
	uint8_t public_key[65];
	char hex[131], key_id[24];

	if (!keyfile_check_dir(dir, error))
		return NULL;
	facts = json_object();
	problems = json_array();
	certificates = json_array();
	add_text(facts, "dir", dir);
	for (unsigned i = 0; i < 2; i++) {
		json_t *certificate = certificate_facts(dir, i ? "issuing" : "root", i ? "issuing.crt" : "root.crt",
							error);

		if (certificate)
			(void)json_array_append_new(certificates, certificate);
		else
			problem(problems, error->text);
	}
	(void)json_object_set_new(facts, "certificates", certificates);

	station = json_object();
	if (station_public(dir, public_key, error))
		add_text(station, "public_key", hex_text(public_key, 32, hex));
	else
		problem(problems, error->text);
	(void)json_object_set_new(facts, "station", station);

	record = json_object();
	if (identity_record_public(dir, public_key, key_id, error->text, error->cap) == 0) {
		add_text(record, "key_id", key_id);
		add_text(record, "public_key", hex_text(public_key, 65, hex));
	} else {
		problem(problems, error->text);
	}
	(void)json_object_set_new(facts, "record", record);

	pin = json_object();
	if (identity_open_pins(&pins, dir, error->text, error->cap) == 0)
		add_text(pin, "key_id", identity_kek_id(pins));
	else
		problem(problems, error->text);
	identity_close(pins);
	(void)json_object_set_new(facts, "pin", pin);

	names = json_array();
	if (!list_batch_keys(dir, &batch, error))
		problem(problems, error->text);
	for (size_t i = 0; i < batch.count; i++)
		(void)json_array_append_new(names, json_string(batch.name[i]));
	(void)json_object_set_new(facts, "batch_keys", names);
	(void)json_object_set_new(facts, "private_files", private_facts(dir, &batch, problems));
	(void)json_object_set_new(facts, "problems", problems);
	free_names(&batch);
	return facts;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "-";
}

static void print_certificate(const json_t *certificate)
{
	static const struct {
		const char *label, *name;
	} lines[] = { { "issuer", "issuer" }, { "from", "not_before" }, { "to", "not_after" },
		      { "serial", "serial" }, { "SHA-256", "sha256" },	{ "public key", "public_key" } };

	printf("\n%-12s %s\n", text_of(certificate, "role"), text_of(certificate, "subject"));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		printf("  %-10s %s\n", lines[i].label, text_of(certificate, lines[i].name));
}

static void print_private_file(const json_t *file)
{
	const char *wrong = json_string_value(json_object_get(file, "problem")), *state = "present";

	if (!json_is_true(json_object_get(file, "present")))
		state = wrong ? wrong : "not here (offline)";
	else if (wrong)
		state = wrong;
	printf("  %-24s %s\n", text_of(file, "file"), state);
}

static void print_facts(const json_t *facts)
{
	const json_t *certificates = json_object_get(facts, "certificates");
	const json_t *files = json_object_get(facts, "private_files");
	const json_t *problems = json_object_get(facts, "problems");
	const json_t *record = json_object_get(facts, "record");

	printf("folder       %s\n", text_of(facts, "dir"));
	for (size_t i = 0; i < json_array_size(certificates); i++)
		print_certificate(json_array_get(certificates, i));
	printf("\nstation      X25519 %s\n", text_of(json_object_get(facts, "station"), "public_key"));
	printf("record       %s, P-256 %s\n", text_of(record, "key_id"), text_of(record, "public_key"));
	printf("PIN key      %s\n\nprivate files\n", text_of(json_object_get(facts, "pin"), "key_id"));
	for (size_t i = 0; i < json_array_size(files); i++)
		print_private_file(json_array_get(files, i));
	for (size_t i = 0; i < json_array_size(problems); i++)
		printf("%sproblem: %s\n", i == 0 ? "\n" : "", json_string_value(json_array_get(problems, i)));
}

static void print_octets(const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%s0x%02x,", i % 8 == 0 ? "\n\t" : " ", octets[i]);
	printf("\n};\n");
}

/* A C header for the build of the firmware. The batch key in it makes it a secret file; without, it is
 * public. */
static int print_firmware(const char *dir, const char *batch_key, bool reveal, const struct keyfile_error *error)
{
	uint8_t public_key[32], secret[32];
	char file[80];

	if (!identity_key_name_is_valid(batch_key))
		return unusable(&show_command, "--batch-key takes a name of 1 to 32 of A-Z a-z 0-9 . _ -");
	(void)snprintf(file, sizeof(file), "batch/%s.key", batch_key);
	if (!keyfile_check_dir(dir, error) || !station_public(dir, public_key, error) ||
	    !keyfile_secret(dir, file, secret, error))
		return unusable(&show_command, error->text);
	printf("/*\n * Made by `millrace ca show --firmware`: whom this firmware lets provision it.\n");
	if (reveal)
		printf(" * SECRET: it holds a batch key. Keep it out of version control, logs and build "
		       "servers' artefacts.\n");
	printf(" */\n#pragma once\n\n#include <stdint.h>\n\n"
	       "/* The station's static key: X25519 (RFC 7748). Public. */\n"
	       "static const uint8_t millrace_station_key[32] = {");
	print_octets(public_key, sizeof(public_key));
	if (reveal) {
		printf("\n/* Batch key \"%s\": the psk of Noise_NKpsk0. Secret; the same in all devices of "
		       "the batch. */\n"
		       "static const uint8_t millrace_batch_key[32] = {",
		       batch_key);
		print_octets(secret, sizeof(secret));
	} else {
		printf("\n/* Batch key \"%s\": secret, in %s/%s as 64 hexadecimal digits;\n"
		       " * `millrace ca show --firmware --batch-key %s --reveal-batch-key` writes it here. "
		       "*/\n",
		       batch_key, dir, file, batch_key);
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	return EXIT_ALL_WELL;
}

static int run_show(int argc, char **argv)
{
	const char *dir = DEFAULT_DIR, *batch_key = NULL;
	bool json = false, firmware = false, reveal = false;
	const struct option_row rows[] = {
		{ "--dir", "DIR", "folder of the keys (default: " DEFAULT_DIR ")", &dir, NULL },
		{ "--json", NULL, "as one JSON object", NULL, &json },
		{ "--firmware", NULL, "a C header with what the firmware needs", NULL, &firmware },
		{ "--batch-key", "NAME", "with --firmware: which batch key (default: default)", &batch_key, NULL },
		{ "--reveal-batch-key", NULL, "with --firmware: writes the secret batch key into the header", NULL,
		  &reveal },
		{ 0 },
	};
	char sentence[ERROR_MAX] = "";
	struct keyfile_error error;
	json_t *facts;
	int status = command_options(&show_command, rows, argc, argv, NULL, 0, NULL);

	if (status >= 0)
		return status;
	error = (struct keyfile_error){ sentence, sizeof(sentence), dir };
	if ((batch_key || reveal) && !firmware)
		return unusable(&show_command, "--batch-key and --reveal-batch-key belong to --firmware");
	if (firmware && json)
		return unusable(&show_command, "--firmware prints a C header, --json an object: choose one");
	if (firmware)
		return print_firmware(dir, batch_key ? batch_key : "default", reveal, &error);
	facts = folder_facts(dir, &error);
	if (!facts)
		return unusable(&show_command, sentence);
	if (json) {
		(void)json_dumpf(facts, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	} else {
		print_facts(facts);
	}
	status = json_array_size(json_object_get(facts, "problems")) == 0 ? EXIT_ALL_WELL : EXIT_NOT_ALL_WELL;
	json_decref(facts);
	return status;
}

/* --- issue-station, new-batch-key --- */

static const struct command issue_station_command = { "ca issue-station", "",
						      "makes a new station key; the old one is kept aside", NULL };

static int run_issue_station(int argc, char **argv)
{
	const char *dir = DEFAULT_DIR;
	const struct option_row rows[] = {
		{ "--dir", "DIR", "folder of the keys (default: " DEFAULT_DIR ")", &dir, NULL },
		{ 0 },
	};
	char error[ERROR_MAX] = "", aside[40];
	int status = command_options(&issue_station_command, rows, argc, argv, NULL, 0, NULL);

	if (status >= 0)
		return status;
	if (ceremony_station_key(dir, utc_now_us(), aside, error, sizeof(error)) != 0)
		return unusable(&issue_station_command, error);
	printf("Made a new %s/station.key; the old one is %s/%s.\n"
	       "Devices that carry the old public key do not answer to the new one: build their firmware "
	       "with\n"
	       "  millrace ca show --firmware --dir %s\n"
	       "and remove the old key when the last of them is done.\n",
	       dir, dir, aside, dir);
	return EXIT_ALL_WELL;
}

static const struct command new_record_key_command = {
	"ca new-record-key", "", "makes another key that signs the record; what the old one signed stays checkable",
	NULL
};

static int run_new_record_key(int argc, char **argv)
{
	const char *dir = DEFAULT_DIR;
	const struct option_row rows[] = {
		{ "--dir", "DIR", "folder of the keys (default: " DEFAULT_DIR ")", &dir, NULL },
		{ 0 },
	};
	char error[ERROR_MAX] = "", aside[40];
	int status = command_options(&new_record_key_command, rows, argc, argv, NULL, 0, NULL);

	if (status >= 0)
		return status;
	if (record_keys_renew(dir, utc_now_us(), aside, error, sizeof(error)) != 0)
		return unusable(&new_record_key_command, error);
	printf("Made a new %s/record.key and record.pub; the old key is %s/%s.\n"
	       "Its public half stays in %s as record-....pub: without it nothing that it signed can be verified.\n"
	       "Give both to whoever verifies the record, and destroy the old key (shred -u) when no station uses "
	       "it.\n",
	       dir, dir, aside, dir);
	return EXIT_ALL_WELL;
}

static const struct command new_batch_key_command = { "ca new-batch-key", "NAME", "makes a batch key", NULL };

static int run_new_batch_key(int argc, char **argv)
{
	const char *dir = DEFAULT_DIR, *name = NULL;
	const struct option_row rows[] = {
		{ "--dir", "DIR", "folder of the keys (default: " DEFAULT_DIR ")", &dir, NULL },
		{ 0 },
	};
	char error[ERROR_MAX] = "";
	struct entropy *entropy;
	size_t count = 0;
	int status = command_options(&new_batch_key_command, rows, argc, argv, &name, 1, &count), result;

	if (status >= 0)
		return status;
	if (count != 1)
		return unusable(&new_batch_key_command, "name the new key: millrace ca new-batch-key NAME");
	entropy = entropy_create_kernel();
	result = entropy ? ceremony_batch_key(dir, name, entropy, error, sizeof(error)) : -MR_CAUSE_NO_MEMORY;
	entropy_destroy(entropy);
	if (result != 0)
		return unusable(&new_batch_key_command, error[0] ? error : mr_cause_sentence(-result));
	printf("Made %s/batch/%s.key. A job uses it with `batch_key: %s`; firmware gets it by\n"
	       "  millrace ca show --firmware --batch-key %s --reveal-batch-key --dir %s\n",
	       dir, name, name, name, dir);
	return EXIT_ALL_WELL;
}

static const struct command new_mfi_test_ca_command = {
	"ca new-mfi-test-ca", "", "makes an authority and coprocessors that stand in for Apple's in test batches", NULL
};

static int run_new_mfi_test_ca(int argc, char **argv)
{
	const char *dir = DEFAULT_DIR;
	const struct option_row rows[] = {
		{ "--dir", "DIR", "folder of the keys (default: " DEFAULT_DIR ")", &dir, NULL },
		{ 0 },
	};
	char error[ERROR_MAX] = "", path[PATH_MAX];
	struct keyfile_error complaint = { error, sizeof(error), NULL };
	int status = command_options(&new_mfi_test_ca_command, rows, argc, argv, NULL, 0, NULL);

	if (status >= 0)
		return status;
	complaint.dir = dir;
	if (!keyfile_check_dir(dir, &complaint) || !keyfile_path(path, dir, MFI_TEST_FOLDER, &complaint) ||
	    mfi_test_make(path, utc_now_us(), error, sizeof(error)) != 0)
		return unusable(&new_mfi_test_ca_command, error);
	printf("Made %s with an authority and two emulated coprocessors under it (2.0C and 3.0).\n"
	       "Each certificate says EMULATED - NOT MFi. Test batches take them with\n"
	       "  credentials: {method: wac, wac: {accept: test-ca}}\n"
	       "and nothing else does: no iPhone, no batch that ships.\n",
	       path);
	return EXIT_ALL_WELL;
}

static const struct command new_issuing_command = { "ca new-issuing-ca", "",
						    "makes the next issuing CA with the root's key, which is "
						    "brought back for it",
						    NULL };

static int run_new_issuing(int argc, char **argv)
{
	const char *dir = DEFAULT_DIR, *root_key = NULL, *days = "1826";
	bool clock_is_right = false;
	const struct option_row rows[] = {
		{ "--dir", "DIR", "folder of the keys (default: " DEFAULT_DIR ")", &dir, NULL },
		{ "--root-key", "FILE", "the root's key on its medium", &root_key, NULL },
		{ "--days", "N", "validity (default: 1826, 5 years)", &days, NULL },
		CLOCK_ROW(&clock_is_right),
		{ 0 },
	};
	char error[ERROR_MAX] = "", stamp[24];
	struct entropy *entropy;
	int status = command_options(&new_issuing_command, rows, argc, argv, NULL, 0, NULL), result;

	if (status >= 0)
		return status;
	if (!root_key)
		return unusable(&new_issuing_command, "name the root's key: --root-key FILE");
	if (days_of(days) == 0)
		return unusable(&new_issuing_command, "--days takes a number of days from 1 to 36500");
	status = look_at_clock(&new_issuing_command, dir, clock_is_right);
	if (status >= 0)
		return status;
	entropy = entropy_create_kernel();
	result = entropy ? ceremony_issuing_ca(dir, root_key, days_of(days), utc_now_us(), entropy, stamp, error,
					       sizeof(error))
			 : -MR_CAUSE_NO_MEMORY;
	entropy_destroy(entropy);
	if (result != 0)
		return unusable(&new_issuing_command, error[0] ? error : mr_cause_sentence(-result));
	printf("Made a new issuing CA in %s; the old one's files end with .%s. Keep the old certificate: "
	       "devices made\n"
	       "so far chain through it. Its key is needed no more: shred it when no job runs with it.\n"
	       "Take the root's key offline again, copy the folder to the backup, and run millrace ca verify "
	       "--dir %s.\n",
	       dir, stamp, dir);
	return EXIT_ALL_WELL;
}

/* --- verify --- */

static const struct command verify_command = { "ca verify", "",
					       "tries every key: a test certificate up to the root, a PIN, a "
					       "record, each batch key",
					       NULL };

struct verdicts {
	unsigned failed;
};

static void verdict(struct verdicts *verdicts, bool ok, const char *what, const char *why)
{
	printf("%-4s %s%s%s\n", ok ? "ok" : "FAIL", what, ok || !why ? "" : ": ", ok || !why ? "" : why);
	if (!ok)
		verdicts->failed++;
}

static void keep_certificate(void *ctx, int result, const struct identity_certificate *certificate)
{
	if (result == 0)
		*(struct identity_certificate *)ctx = *certificate;
}

/* Up to the root, with RFC 5280 read strictly. NULL, or why not. */
static const char *chain_problem(const char *dir, const struct identity_certificate *issued, int64_t utc_us,
				 const struct keyfile_error *error)
{
	const uint8_t *at = issued->der;
	X509 *device = d2i_X509(NULL, &at, (long)issued->len);
	X509 *root = keyfile_certificate(dir, "root.crt", error),
	     *issuing = keyfile_certificate(dir, "issuing.crt", error);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	const char *why = "OpenSSL could not try";

	if (device && root && issuing && store && ctx && untrusted && X509_STORE_add_cert(store, root) == 1 &&
	    sk_X509_push(untrusted, issuing) > 0 && X509_STORE_CTX_init(ctx, store, device, untrusted) == 1) {
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
		X509_STORE_CTX_set_time(ctx, 0, (time_t)(utc_us / 1000000));
		why = X509_verify_cert(ctx) == 1 ? NULL : X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(untrusted);
	X509_free(device);
	X509_free(issuing);
	X509_free(root);
	ERR_clear_error();
	return why;
}

static void try_certificate(struct verdicts *verdicts, struct identity *identity, struct entropy *entropy,
			    const char *dir, int64_t utc_us, const struct keyfile_error *error)
{
	const struct identity_profile profile = { .common_name = "millrace ca verify" };
	struct identity_certificate issued = { .len = 0 };
	struct identity_csr csr = { 0 };
	struct signer *signer = signer_create_file(identity);
	uint8_t private[32];
	const char *why;
	int result = -MR_CAUSE_SIGNER_UNAVAILABLE;

	do
		entropy_fill(entropy, private, sizeof(private));
	while (!mr_p256_public(private, csr.public_key));
	OPENSSL_cleanse(private, sizeof(private));
	if (signer) {
		result = identity_issue(identity, signer, entropy, &profile, &csr, "VERIFY", utc_us, keep_certificate,
					&issued);
		signer->close(signer);
	}
	why = result == 0 ? chain_problem(dir, &issued, utc_us, error) : mr_cause_sentence(-result);
	verdict(verdicts, !why, "a test certificate verifies strictly up to the root", why);
}

static void try_pin(struct verdicts *verdicts, const struct identity *identity, struct entropy *entropy)
{
	char pin[IDENTITY_PIN_MAX], opened[IDENTITY_PIN_MAX];
	uint8_t sealed[PIN_SEALED_MAX];
	size_t len = 0;

	pin_generate(entropy, &(struct pin_policy){ .digits = 8, .iterations = 1000 }, pin);
	verdict(verdicts,
		pin_seal(identity, entropy, "verify", "VERIFY", pin, sealed, &len) == 0 &&
			pin_open(identity, "verify", "VERIFY", sealed, len, opened) == 0 && strcmp(pin, opened) == 0,
		"a PIN is sealed and opened again", NULL);
	OPENSSL_cleanse(pin, sizeof(pin));
	OPENSSL_cleanse(opened, sizeof(opened));
}

static void try_record(struct verdicts *verdicts, struct identity *identity, struct entropy *entropy, const char *dir)
{
	char why[ERROR_MAX] = "";
	uint8_t public_key[65], hash[32], sig[72];
	size_t len = 0;

	entropy_fill(entropy, hash, sizeof(hash));
	verdict(verdicts,
		identity_record_public(dir, public_key, NULL, why, sizeof(why)) == 0 &&
			identity_sign_record(identity, hash, sig, &len) == 0 &&
			identity_record_verify(public_key, hash, sig, len),
		"record.key signs what record.pub verifies", why);
}

static void notes(const struct identity *identity, const char *dir, int64_t utc_us)
{
	int64_t left_us = identity_issuer_not_after_us(identity) - utc_us;
	bool present;

	(void)private_file_problem(dir, "root.key", &present);
	if (present)
		printf("note %s/root.key is still here: take it offline (docs/keys.md)\n", dir);
	if (left_us < SOON_US)
		printf("note the issuing CA expires in %lld days: make the next one (docs/keys.md, "
		       "rotation)\n",
		       (long long)(left_us / 86400 / 1000000));
}

static int run_verify(int argc, char **argv)
{
	const char *dir = DEFAULT_DIR;
	const struct option_row rows[] = {
		{ "--dir", "DIR", "folder of the keys (default: " DEFAULT_DIR ")", &dir, NULL },
		{ 0 },
	};
	char sentence[ERROR_MAX] = "", what[120];
	struct keyfile_error error;
	struct verdicts verdicts = { 0 };
	struct names batch;
	struct entropy *entropy;
	const int64_t now_us = utc_now_us();
	int status = command_options(&verify_command, rows, argc, argv, NULL, 0, NULL);

	if (status >= 0)
		return status;
	error = (struct keyfile_error){ sentence, sizeof(sentence), dir };
	if (!keyfile_check_dir(dir, &error) || !list_batch_keys(dir, &batch, &error))
		return unusable(&verify_command, sentence);
	entropy = entropy_create_kernel();
	if (!entropy || batch.count == 0) {
		entropy_destroy(entropy);
		return unusable(&verify_command,
				entropy ? "there is no batch key; make one with millrace ca new-batch-key"
					: "no memory");
	}
	for (size_t i = 0; i < batch.count; i++) {
		struct identity *identity;
		int result = identity_open(&identity, dir, batch.name[i], now_us, sentence, sizeof(sentence));

		(void)snprintf(what, sizeof(what), "the folder opens with batch key %s", batch.name[i]);
		verdict(&verdicts, result == 0, what, sentence);
		if (result != 0)
			continue;
		if (i == 0) {
			try_certificate(&verdicts, identity, entropy, dir, now_us, &error);
			try_pin(&verdicts, identity, entropy);
			try_record(&verdicts, identity, entropy, dir);
		}
		if (i == batch.count - 1)
			notes(identity, dir, now_us);
		identity_close(identity);
	}
	free_names(&batch);
	entropy_destroy(entropy);
	return verdicts.failed == 0 ? EXIT_ALL_WELL : EXIT_NOT_ALL_WELL;
}

/* --- the table --- */

static const struct command subcommands[] = {
	{ "init", "", "make the factory's keys in a new folder", run_init },
	{ "show", "", "what the folder holds, or a C header for the firmware", run_show },
	{ "issue-station", "", "a new station key", run_issue_station },
	{ "new-batch-key", "NAME", "another batch key", run_new_batch_key },
	{ "new-record-key", "", "the next key that signs the record", run_new_record_key },
	{ "new-issuing-ca", "", "the next issuing CA, with the root's key", run_new_issuing },
	{ "new-mfi-test-ca", "", "emulated coprocessors of Apple's, for tests", run_new_mfi_test_ca },
	{ "verify", "", "try every key", run_verify },
	{ "pin-verifier", "", "what firmware keeps of a PIN", ca_pin_verifier },
};

int command_ca(int argc, char **argv)
{
	return command_group("ca", "The factory's CA, the station's key and the batch keys.", subcommands,
			     sizeof(subcommands) / sizeof(subcommands[0]), argc, argv);
}
