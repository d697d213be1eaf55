/*
 * The folder of keys: made whole or not at all, opened only when every file is right, each complaint with its
 * remedy.
 *
 * links: station/identity/identity.c station/identity/keyfile.c station/identity/ceremony.c
 * links: station/identity/pin.c station/identity/certificate.c station/identity/serial.c
 * links: station/identity/signer_file.c station/base/log.c station/base/entropy.c agent/wire/hkdf.c
 * links: agent/wire/cause.c agent/port/linux/crypto_openssl.c
 * links: station/base/reach.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "station/identity/ceremony.h"
#include "station/identity/identity.h"

#define NOW_US (INT64_C(1795426245) * 1000000) /* 2026-11-23 09:30:45 UTC */
#define DAY_US (INT64_C(86400) * 1000000)
#define ERROR_MAX 600

struct bench {
	char root[64], dir[100];
	struct entropy *entropy;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static struct ceremony plan_in(const char *dir)
{
	return (struct ceremony){
		.dir = dir, .organization = "Acme", .root_days = 7300, .issuing_days = 1825, .utc_us = NOW_US
	};
}

/* A fresh folder for each test. */
static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct ceremony plan;
	char error[ERROR_MAX] = "";

	(void)snprintf(b->root, sizeof(b->root), "/tmp/millrace-identity-XXXXXX");
	assert_non_null(mkdtemp(b->root));
	(void)snprintf(b->dir, sizeof(b->dir), "%s/keys", b->root);
	b->entropy = entropy_create_kernel();
	plan = plan_in(b->dir);
	if (ceremony_init(&plan, b->entropy, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	entropy_destroy(b->entropy);
	(void)nftw(b->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(b);
	return 0;
}

static const char *path_of(const struct bench *b, const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *out = path[turn++ % 4];

	(void)snprintf(out, sizeof(path[0]), "%s/%s", b->dir, name);
	return out;
}

static struct identity *open_it(const struct bench *b)
{
	struct identity *identity;
	char error[ERROR_MAX] = "";

	if (identity_open(&identity, b->dir, "default", NOW_US, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	return identity;
}

/* It does not open, and the sentence names all of `says` (separated by |). */
static void refused(const struct bench *b, int64_t utc_us, int result, const char *says)
{
	struct identity *identity = (struct identity *)1;
	char error[ERROR_MAX] = "", words[300], *rest = words, *word;

	assert_int_equal(identity_open(&identity, b->dir, "default", utc_us, error, sizeof(error)), result);
	assert_null(identity);
	(void)snprintf(words, sizeof(words), "%s", says);
	while ((word = strsep(&rest, "|")))
		if (!strstr(error, word))
			fail_msg("expected \"%s\" in: %s", word, error);
}

static void put(const struct bench *b, const char *name, const void *bytes, size_t len, mode_t mode)
{
	int fd;

	(void)unlink(path_of(b, name));
	fd = open(path_of(b, name), O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static size_t get(const struct bench *b, const char *name, char *bytes, size_t cap)
{
	FILE *file = fopen(path_of(b, name), "r");
	size_t len;

	assert_non_null(file);
	len = fread(bytes, 1, cap, file);
	(void)fclose(file);
	return len;
}

static void what_init_makes_opens(void **state)
{
	struct bench *b = *state;
	struct identity *identity = open_it(b);
	uint8_t private[32] = { 7 }, public_key[32], shared[32], other[32];
	const uint8_t *at;
	size_t len = 0;
	X509 *issuing;

	assert_true(mr_x25519_public(private, public_key));
	assert_int_equal(identity_agree(identity, public_key, shared), 0);
	assert_true(mr_x25519(private, identity_station_public(identity), other));
	assert_memory_equal(shared, other, 32);
	assert_int_equal(identity_agree(identity, (const uint8_t[32]){ 0 }, shared), -MR_CAUSE_BAD_SIGNATURE);
	at = identity_issuer_der(identity, &len);
	assert_in_range(len, 300, IDENTITY_CERT_MAX);
	issuing = d2i_X509(NULL, &at, (long)len);
	assert_non_null(issuing);
	assert_memory_equal(identity_issuer_name(identity), "Factory issuing CA ", 19);
	assert_int_equal(identity_issuer_not_after_us(identity), NOW_US + INT64_C(1825) * DAY_US);
	assert_int_equal(strncmp(identity_kek_id(identity), "pin-", 4), 0);
	assert_int_equal(strncmp(identity_record_key_id(identity), "record-", 7), 0);
	X509_free(issuing);
	identity_close(identity);
}

static void the_cas_are_as_rfc_5280_wants_them(void **state)
{
	struct bench *b = *state;
	X509 *ca[2];

	for (unsigned i = 0; i < 2; i++) {
		FILE *file = fopen(path_of(b, i ? "issuing.crt" : "root.crt"), "r");
		BASIC_CONSTRAINTS *constraints;
		int critical = 0;

		assert_non_null(file);
		ca[i] = PEM_read_X509(file, NULL, NULL, NULL);
		(void)fclose(file);
		constraints = X509_get_ext_d2i(ca[i], NID_basic_constraints, &critical, NULL);
		assert_non_null(constraints);
		assert_int_equal(critical, 1);
		assert_true(constraints->ca);
		assert_int_equal(ASN1_INTEGER_get(constraints->pathlen), 1 - (long)i);
		BASIC_CONSTRAINTS_free(constraints);
		ASN1_BIT_STRING_free(X509_get_ext_d2i(ca[i], NID_key_usage, &critical, NULL));
		assert_int_equal(critical, 1);
		assert_int_equal(X509_get_key_usage(ca[i]), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
		assert_non_null(X509_get0_subject_key_id(ca[i]));
	}
	assert_int_equal(X509_check_issued(ca[0], ca[1]), X509_V_OK);
	assert_int_equal(ASN1_STRING_cmp(X509_get0_authority_key_id(ca[1]), X509_get0_subject_key_id(ca[0])), 0);
	assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(ca[1]), X509_get0_notAfter(ca[0])), -1);
	X509_free(ca[0]);
	X509_free(ca[1]);
}

static void private_files_are_closed_whatever_the_umask(void **state)
{
	struct bench *b = *state;
	static const struct {
		const char *name;
		mode_t mode;
	} files[] = {
		{ "root.key", 0600 }, { "issuing.key", 0600 }, { "station.key", 0600 },
		{ "pin.key", 0600 },  { "record.key", 0600 },  { "batch/default.key", 0600 },
		{ "root.crt", 0644 }, { "issuing.crt", 0644 }, { "record.pub", 0644 },
		{ "batch", 0700 },    { ".", 0700 },
	};
	static const mode_t masks[] = { 0, 0177, 0777 };
	char dir[100], error[ERROR_MAX] = "";

	for (size_t m = 0; m < 3; m++) {
		struct ceremony plan = plan_in(dir);
		mode_t before;
		int result;

		(void)snprintf(dir, sizeof(dir), "%s/umask%zu", b->root, m);
		before = umask(masks[m]);
		result = ceremony_init(&plan, b->entropy, error, sizeof(error));
		(void)umask(before);
		assert_int_equal(result, 0);
		for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
			char path[200];
			struct stat st;

			(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
			assert_int_equal(stat(path, &st), 0);
			if ((st.st_mode & 07777) != files[i].mode)
				fail_msg("%s has mode %04o", path, (unsigned)(st.st_mode & 07777));
		}
	}
}

static void an_existing_ca_is_never_touched(void **state)
{
	struct bench *b = *state;
	struct ceremony plan = plan_in(b->dir);
	char error[ERROR_MAX] = "", before[4096], after[4096], slash[120];
	size_t len = get(b, "issuing.key", before, sizeof(before));

	assert_true(ceremony_init(&plan, b->entropy, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "holds a CA already"));
	(void)snprintf(slash, sizeof(slash), "%s///", b->dir);
	plan.dir = slash;
	assert_true(ceremony_init(&plan, b->entropy, error, sizeof(error)) < 0);
	assert_int_equal(get(b, "issuing.key", after, sizeof(after)), len);
	assert_memory_equal(before, after, len);
	/* A folder of other things is not taken either, an empty one is. */
	(void)unlink(path_of(b, "issuing.crt"));
	assert_true(ceremony_init(&plan, b->entropy, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "is not empty"));
	(void)snprintf(slash, sizeof(slash), "%s/empty", b->root);
	assert_int_equal(mkdir(slash, 0755), 0);
	assert_int_equal(ceremony_init(&plan, b->entropy, error, sizeof(error)), 0);
}

static unsigned entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned count = 0;

	assert_non_null(d);
	while (readdir(d))
		count++;
	(void)closedir(d);
	return count - 2;
}

static void a_plan_that_cannot_work_leaves_nothing_behind(void **state)
{
	struct bench *b = *state;
	char dir[100], error[ERROR_MAX] = "", long_name[66];
	static const char *const twice[] = { "a", "a" }, *const bad[] = { "../evil" };
	struct ceremony plans[8];
	const unsigned before = entries(b->root);

	memset(long_name, 'x', 65);
	long_name[65] = '\0';
	(void)snprintf(dir, sizeof(dir), "%s/none", b->root);
	for (size_t i = 0; i < 8; i++)
		plans[i] = plan_in(dir);
	plans[0].root_days = 0;
	plans[1].issuing_days = 7301;
	plans[2].issuing_days = 36501;
	plans[3].organization = long_name;
	plans[4].organization = "";
	plans[5].batch_keys = twice;
	plans[5].batch_key_count = 2;
	plans[6].batch_keys = bad;
	plans[6].batch_key_count = 1;
	(void)snprintf(dir, sizeof(dir), "%s/none", b->root);
	plans[7].dir = "/nonexistent/folder/keys";
	for (size_t i = 0; i < 8; i++) {
		error[0] = '\0';
		assert_true(ceremony_init(&plans[i], b->entropy, error, sizeof(error)) < 0);
		assert_true(strlen(error) > 10);
	}
	assert_int_equal(entries(b->root), before);
}

static void a_missing_file_is_named_with_its_remedy(void **state)
{
	struct bench *b = *state;
	static const char *const files[] = { "root.crt", "issuing.crt", "issuing.key", "station.key",
					     "pin.key",	 "record.key",	"record.pub" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char says[100];

		assert_int_equal(rename(path_of(b, files[i]), path_of(b, "aside")), 0);
		(void)snprintf(says, sizeof(says), "keys/%s|is missing|backup|millrace ca init", files[i]);
		refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, says);
		assert_int_equal(rename(path_of(b, "aside"), path_of(b, files[i])), 0);
	}
	(void)unlink(path_of(b, "batch/default.key"));
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE,
		"batch/default.key|no such batch key|millrace ca new-batch-key");
}

static void without_the_roots_key_all_goes_on(void **state)
{
	struct bench *b = *state;

	assert_int_equal(unlink(path_of(b, "root.key")), 0);
	identity_close(open_it(b));
}

static void a_private_file_open_to_others_is_refused_with_the_remedy(void **state)
{
	struct bench *b = *state;
	static const char *const files[] = { "issuing.key", "station.key", "pin.key", "record.key",
					     "batch/default.key" };
	static const mode_t modes[] = { 0644, 0640, 0604, 0660, 0610, 0602 };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char says[100];

		for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
			assert_int_equal(chmod(path_of(b, files[i]), modes[m]), 0);
			(void)snprintf(says, sizeof(says), "keys/%s|mode %04o|chmod 600", files[i], (unsigned)modes[m]);
			refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, says);
		}
		assert_int_equal(chmod(path_of(b, files[i]), 0400), 0);
		identity_close(open_it(b));
	}
}

static void a_folder_that_everybody_may_write_to_is_refused(void **state)
{
	struct bench *b = *state;

	assert_int_equal(chmod(b->dir, 0777), 0);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "everybody may write|chmod 700");
	assert_int_equal(chmod(b->dir, 0755), 0);
	identity_close(open_it(b));
	(void)nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "there is no such folder|millrace ca init --dir");
}

static void a_file_of_another_user_is_refused(void **state)
{
	struct bench *b = *state;

	if (geteuid() != 0)
		skip(); /* only the superuser can give files away */
	assert_int_equal(chown(path_of(b, "issuing.key"), 12345, (gid_t)-1), 0);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "issuing.key|uid 12345|chown 0");
	assert_int_equal(chown(path_of(b, "issuing.key"), 0, (gid_t)-1), 0);
	assert_int_equal(chown(b->dir, 12345, (gid_t)-1), 0);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "another user|uid 12345|chown");
}

static void damaged_files_are_refused_and_secrets_are_not_in_the_sentence(void **state)
{
	struct bench *b = *state;
	static const char *const files[] = { "root.crt", "issuing.crt", "issuing.key", "station.key",
					     "pin.key",	 "record.key",	"record.pub",  "batch/default.key" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char bytes[4096], big[20000], says[100];
		size_t len = get(b, files[i], bytes, sizeof(bytes));

		(void)snprintf(says, sizeof(says), "keys/%s|backup", files[i]);
		for (size_t cut = 0; cut < len - 2;
		     cut += len / 7) { /* the last one lacks the line end only, or little more */
			put(b, files[i], bytes, cut, 0600);
			refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, says);
		}
		memset(big, '0', sizeof(big));
		put(b, files[i], big, sizeof(big), 0600);
		refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, says);
		put(b, files[i], "not a key", 9, 0600);
		refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, says);
		(void)unlink(path_of(b, files[i]));
		assert_int_equal(mkfifo(path_of(b, files[i]), 0600), 0);
		refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "not a regular file");
		put(b, files[i], bytes, len, 0600);
		identity_close(open_it(b));
	}
}

static void write_key(const struct bench *b, const char *name, EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	FILE *file = fopen(path_of(b, name), "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, cipher, "password", cipher ? 8 : 0, NULL, NULL), 1);
	(void)fclose(file);
	EVP_PKEY_free(key);
}

static void keys_of_another_kind_or_pair_are_refused(void **state)
{
	struct bench *b = *state;
	char good[4096];
	size_t len = get(b, "issuing.key", good, sizeof(good));

	write_key(b, "issuing.key", EVP_EC_gen("P-384"), NULL);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "issuing.key|another kind of key|EC P-256");
	write_key(b, "issuing.key", EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), NULL);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "another kind of key");
	write_key(b, "issuing.key", EVP_EC_gen("P-256"), NULL);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "issuing.key|does not belong to issuing.crt");
	/* An encrypted one is refused without asking the terminal. */
	write_key(b, "issuing.key", EVP_EC_gen("P-256"), EVP_aes_256_cbc());
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "issuing.key|unencrypted");
	put(b, "issuing.key", good, len, 0600);
	identity_close(open_it(b));

	len = get(b, "record.key", good, sizeof(good));
	write_key(b, "record.key", EVP_EC_gen("P-256"), NULL);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "record.key|does not belong to record.pub");
	put(b, "record.key", good, len, 0600);
	write_key(b, "station.key", EVP_EC_gen("P-256"), NULL);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "station.key|another kind of key|X25519");
}

static void another_roots_issuing_ca_is_refused(void **state)
{
	struct bench *b = *state;
	char other[100] = "", error[ERROR_MAX] = "", bytes[4096];
	struct ceremony plan = plan_in(other);
	struct bench second = { 0 };
	size_t len;

	(void)snprintf(other, sizeof(other), "%s/other", b->root);
	assert_int_equal(ceremony_init(&plan, b->entropy, error, sizeof(error)), 0);
	(void)snprintf(second.dir, sizeof(second.dir), "%s", other);
	len = get(&second, "root.crt", bytes, sizeof(bytes));
	put(b, "root.crt", bytes, len, 0644);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "issuing.crt|not a CA certificate made by root.crt");
	/* A certificate that is no root in place of the root. */
	len = get(&second, "issuing.crt", bytes, sizeof(bytes));
	put(b, "root.crt", bytes, len, 0644);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "root.crt|not a self-signed CA");
}

static void an_expired_or_future_ca_is_refused_with_the_remedy(void **state)
{
	struct bench *b = *state;

	refused(b, NOW_US + 1826 * DAY_US, -MR_CAUSE_CERTIFICATE_EXPIRED,
		"issuing.crt|expired on 2031-11-22|clock|new-issuing-ca");
	refused(b, NOW_US - 2 * DAY_US, -MR_CAUSE_CERTIFICATE_EXPIRED, "not valid before|set the clock");
	refused(b, NOW_US + INT64_C(7301) * DAY_US, -MR_CAUSE_CERTIFICATE_EXPIRED, "root.crt|expired");
}

static void names_of_batch_keys_are_no_paths(void **state)
{
	struct bench *b = *state;
	static const char *const bad[] = { "",	  "..",		".hidden",
					   "a/b", "../issuing", "a b",
					   "-x",  "a\n",	"123456789012345678901234567890123" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct identity *identity;
		char error[ERROR_MAX] = "";

		assert_true(identity_open(&identity, b->dir, bad[i], NOW_US, error, sizeof(error)) < 0);
		assert_non_null(strstr(error, "batch key's name"));
		assert_true(ceremony_batch_key(b->dir, bad[i], b->entropy, error, sizeof(error)) < 0);
	}
}

static void a_new_batch_key_is_another_one_and_never_replaces_one(void **state)
{
	struct bench *b = *state;
	struct identity *one = open_it(b), *two;
	char error[ERROR_MAX] = "";

	assert_int_equal(ceremony_batch_key(b->dir, "lot-7.b", b->entropy, error, sizeof(error)), 0);
	assert_int_equal(identity_open(&two, b->dir, "lot-7.b", NOW_US, error, sizeof(error)), 0);
	assert_memory_not_equal(identity_batch_key(one), identity_batch_key(two), 32);
	assert_true(ceremony_batch_key(b->dir, "lot-7.b", b->entropy, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "exists already"));
	identity_close(one);
	identity_close(two);
}

static void a_batch_key_is_read_from_its_64_digits(void **state)
{
	struct bench *b = *state;
	static const char digits[] = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n";
	struct identity *identity;

	put(b, "batch/default.key", digits, 65, 0600);
	identity = open_it(b);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(identity_batch_key(identity)[i], i);
	identity_close(identity);
	put(b, "batch/default.key", digits, 63, 0600);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "not 64 hexadecimal digits");
	put(b, "batch/default.key", "x00102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F", 64, 0600);
	refused(b, NOW_US, -MR_CAUSE_SIGNER_UNAVAILABLE, "not 64 hexadecimal digits");
}

static void a_new_station_key_keeps_the_old_one_aside(void **state)
{
	struct bench *b = *state;
	struct identity *before = open_it(b), *after;
	char aside[40], error[ERROR_MAX] = "", old[400], kept[400];
	size_t len = get(b, "station.key", old, sizeof(old));

	assert_int_equal(ceremony_station_key(b->dir, NOW_US, aside, error, sizeof(error)), 0);
	assert_string_equal(aside, "station.key.20261123T093045Z");
	after = open_it(b);
	assert_memory_not_equal(identity_station_public(before), identity_station_public(after), 32);
	assert_int_equal(get(b, aside, kept, sizeof(kept)), len);
	assert_memory_equal(old, kept, len);
	/* Twice within one second: the first one's copy is not overwritten, nothing changes. */
	assert_true(ceremony_station_key(b->dir, NOW_US, aside, error, sizeof(error)) < 0);
	identity_close(before);
	before = open_it(b);
	assert_memory_equal(identity_station_public(before), identity_station_public(after), 32);
	identity_close(before);
	identity_close(after);
}

static void a_new_issuing_ca_comes_from_the_same_root_and_keeps_the_old_aside(void **state)
{
	struct bench *b = *state;
	struct identity *before = open_it(b), *after;
	char stamp[24], error[ERROR_MAX] = "", name[100];
	const int64_t later_us = NOW_US + 1826 * DAY_US;

	assert_true(ceremony_issuing_ca(b->dir, path_of(b, "record.key"), 100, later_us, b->entropy, stamp, error,
					sizeof(error)) < 0);
	assert_non_null(strstr(error, "is not the key of"));
	assert_true(ceremony_issuing_ca(b->dir, path_of(b, "root.key"), 7300, later_us, b->entropy, stamp, error,
					sizeof(error)) < 0);
	assert_non_null(strstr(error, "outlive"));
	refused(b, later_us, -MR_CAUSE_CERTIFICATE_EXPIRED, "expired");
	assert_int_equal(ceremony_issuing_ca(b->dir, path_of(b, "root.key"), 100, later_us, b->entropy, stamp, error,
					     sizeof(error)),
			 0);
	assert_int_equal(identity_open(&after, b->dir, "default", later_us, error, sizeof(error)), 0);
	assert_string_not_equal(identity_issuer_name(before), identity_issuer_name(after));
	assert_int_equal(identity_issuer_not_after_us(after), later_us + 100 * DAY_US);
	(void)snprintf(name, sizeof(name), "issuing.key.%s", stamp);
	assert_int_equal(access(path_of(b, name), F_OK), 0);
	(void)snprintf(name, sizeof(name), "issuing.crt.%s", stamp);
	assert_int_equal(access(path_of(b, name), F_OK), 0);
	identity_close(before);
	identity_close(after);
}

static void record_signatures_verify_with_the_public_file(void **state)
{
	struct bench *b = *state;
	struct identity *identity = open_it(b);
	char key_id[24], error[ERROR_MAX] = "";
	uint8_t public_key[65], hash[32] = { 7 }, sig[72];
	size_t len = 0;

	assert_int_equal(identity_record_public(b->dir, public_key, key_id, error, sizeof(error)), 0);
	assert_string_equal(key_id, identity_record_key_id(identity));
	assert_int_equal(identity_sign_record(identity, hash, sig, &len), 0);
	for (size_t cut = 0; cut < len; cut++)
		assert_false(identity_record_verify(public_key, hash, sig, cut));
	for (size_t bit = 0; bit < 8 * len; bit++) {
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(identity_record_verify(public_key, hash, sig, len));
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(identity_record_verify(public_key, hash, sig, len));
	hash[0] ^= 1;
	assert_false(identity_record_verify(public_key, hash, sig, len));
	identity_close(identity);
}

struct journal_thread {
	struct identity *identity;
	const uint8_t *public_key;
	unsigned verified;
};

enum { SIGNATURES = 300 };

static void *sign_records(void *ctx)
{
	struct journal_thread *thread = ctx;

	for (unsigned n = 0; n < SIGNATURES; n++) {
		uint8_t hash[32] = { (uint8_t)n, (uint8_t)(n >> 8) }, sig[72];
		size_t len = 0;

		if (identity_sign_record(thread->identity, hash, sig, &len) == 0)
			thread->verified += identity_record_verify(thread->public_key, hash, sig, len);
	}
	return NULL;
}

static void count_issued(void *ctx, int result, const struct identity_certificate *certificate)
{
	(void)certificate;
	*(unsigned *)ctx += result == 0;
}

static void records_are_signed_in_one_thread_while_another_issues(void **state)
{
	struct bench *b = *state;
	struct journal_thread thread = { .identity = open_it(b) };
	struct signer *signer = signer_create_file(thread.identity);
	const struct identity_profile profile = { .common_name = "AC-100" };
	struct identity_csr csr = { 0 };
	char error[ERROR_MAX] = "";
	uint8_t public_key[65];
	unsigned issued = 0;
	pthread_t id;

	assert_int_equal(identity_record_public(b->dir, public_key, NULL, error, sizeof(error)), 0);
	thread.public_key = public_key;
	assert_int_equal(pthread_create(&id, NULL, sign_records, &thread), 0);
	for (unsigned n = 0; n < SIGNATURES; n++)
		assert_int_equal(identity_issue(thread.identity, signer, b->entropy, &profile, &csr, "A", NOW_US,
						count_issued, &issued),
				 0);
	assert_int_equal(pthread_join(id, NULL), 0);
	assert_int_equal(thread.verified, SIGNATURES);
	assert_int_equal(issued, SIGNATURES);
	signer->close(signer);
	identity_close(thread.identity);
}

static void a_devices_signature_is_raw_r_and_s(void **state)
{
	struct bench *b = *state;
	uint8_t private[32], public_key[65], hash[32] = { 1 }, sig[64];

	do
		entropy_fill(b->entropy, private, sizeof(private));
	while (!mr_p256_public(private, public_key));
	assert_true(mr_p256_sign(private, hash, sig));
	sig[40] ^= 1;
	assert_false(identity_verify(public_key, hash, sig));
	sig[40] ^= 1;
	assert_true(identity_verify(public_key, hash, sig));
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(what_init_makes_opens),
		FRESH(the_cas_are_as_rfc_5280_wants_them),
		FRESH(private_files_are_closed_whatever_the_umask),
		FRESH(an_existing_ca_is_never_touched),
		FRESH(a_plan_that_cannot_work_leaves_nothing_behind),
		FRESH(a_missing_file_is_named_with_its_remedy),
		FRESH(without_the_roots_key_all_goes_on),
		FRESH(a_private_file_open_to_others_is_refused_with_the_remedy),
		FRESH(a_folder_that_everybody_may_write_to_is_refused),
		FRESH(a_file_of_another_user_is_refused),
		FRESH(damaged_files_are_refused_and_secrets_are_not_in_the_sentence),
		FRESH(keys_of_another_kind_or_pair_are_refused),
		FRESH(another_roots_issuing_ca_is_refused),
		FRESH(an_expired_or_future_ca_is_refused_with_the_remedy),
		FRESH(names_of_batch_keys_are_no_paths),
		FRESH(a_new_batch_key_is_another_one_and_never_replaces_one),
		FRESH(a_batch_key_is_read_from_its_64_digits),
		FRESH(a_new_station_key_keeps_the_old_one_aside),
		FRESH(a_new_issuing_ca_comes_from_the_same_root_and_keeps_the_old_aside),
		FRESH(record_signatures_verify_with_the_public_file),
		FRESH(records_are_signed_in_one_thread_while_another_issues),
		FRESH(a_devices_signature_is_raw_r_and_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
