#include "station/identity/record_keys.h"

#include <assert.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>

#include "agent/wire/cause.h"
#include "station/identity/keyfile.h"
#include "station/identity/private.h"

#define KEYS_MAX 64 /* chosen: one in five months for 25 years */

struct record_key {
	char id[KEY_ID_MAX];
	uint8_t point[65];
};

struct record_keys {
	struct record_key at[KEYS_MAX];
	size_t count;
	char heads[PATH_MAX];
};

static bool add(struct record_keys *keys, const char *dir, const char *name, const struct keyfile_error *error)
{
	struct record_key *key = &keys->at[keys->count];

	if (keys->count == KEYS_MAX)
		return keyfile_complain(error, "%s: holds more than %d public keys of the record", dir, KEYS_MAX);
	if (!keyfile_public_point(dir, name, key->point, error))
		return false;
	if (!keyfile_id("record-", key->point, sizeof(key->point), key->id))
		return keyfile_complain(error, "%s/%s: no memory is left", dir, name);
	keys->count++;
	return true;
}

/* record-0123456789abcdef.pub; the name is for people, the id is made from what is in it. */
static bool is_former(const char *name)
{
	static const char prefix[] = "record-";
	size_t digits = strspn(name + strnlen(name, sizeof(prefix) - 1), "0123456789abcdef");

	return strncmp(name, prefix, sizeof(prefix) - 1) == 0 && digits == 16 &&
	       strcmp(name + sizeof(prefix) - 1 + digits, ".pub") == 0;
}

static bool add_former(struct record_keys *keys, const char *dir, const struct keyfile_error *error)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	bool good = folder != NULL;

	if (!folder)
		return keyfile_complain(error, "%s: cannot be read", dir);
	while (good && (entry = readdir(folder)))
		good = !is_former(entry->d_name) || add(keys, dir, entry->d_name, error);
	closedir(folder);
	return good;
}

int record_keys_open(struct record_keys **out, const char *dir, char *error, size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, dir };
	struct record_keys *keys = calloc(1, sizeof(*keys));

	*out = NULL;
	if (!keys)
		return -MR_CAUSE_NO_MEMORY;
	if (!keyfile_path(keys->heads, dir, "heads", &complaint) || !add(keys, dir, "record.pub", &complaint) ||
	    !add_former(keys, dir, &complaint)) {
		record_keys_close(keys);
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	*out = keys;
	return 0;
}

void record_keys_close(struct record_keys *keys) { free(keys); }

bool record_keys_check(void *ctx, const uint8_t hash[static 32], const uint8_t *sig, size_t len, const char *key_id)
{
	const struct record_keys *keys = ctx;

	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->at[i].id, key_id) == 0)
			return identity_record_verify(keys->at[i].point, hash, sig, len);
	return false;
}

const char *record_keys_heads(const struct record_keys *keys) { return keys->heads; }

int record_keys_open_private(struct identity **out, const char *dir, char *error, size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, dir };
	struct identity *identity = OPENSSL_secure_zalloc(sizeof(*identity));

	*out = NULL;
	if (!identity)
		return -MR_CAUSE_NO_MEMORY;
	if (!keyfile_check_dir(dir, &complaint) || !identity_open_record_key(identity, dir, &complaint)) {
		identity_close(identity);
		return -MR_CAUSE_SIGNER_UNAVAILABLE;
	}
	*out = identity;
	return 0;
}

int record_keys_renew(const char *dir, int64_t utc_us, char aside[static 40], char *error, size_t error_len)
{
	const struct keyfile_error complaint = { error, error_len, dir };
	time_t now = (time_t)(utc_us / 1000000);
	char stamp[24], old_id[KEY_ID_MAX], former[KEY_ID_MAX + 4];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	uint8_t point[65];
	struct tm tm;
	bool ok;

	if (!gmtime_r(&now, &tm) || strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm) == 0)
		strcpy(stamp, "old");
	(void)snprintf(aside, 40, "record.key.%s", stamp);
	ok = key && keyfile_check_dir(dir, &complaint) && keyfile_public_point(dir, "record.pub", point, &complaint) &&
	     keyfile_id("record-", point, sizeof(point), old_id);
	if (ok)
		(void)snprintf(former, sizeof(former), "%s.pub", old_id);
	/* The new files are complete before the old ones move. */
	keyfile_discard(dir, "record.key.next");
	keyfile_discard(dir, "record.pub.next");
	ok = ok && keyfile_write_private_key(dir, "record.key.next", key, &complaint) &&
	     keyfile_write_public_key(dir, "record.pub.next", key, &complaint) &&
	     keyfile_supersede(dir, "record.key", "record.key.next", aside, &complaint) &&
	     keyfile_supersede(dir, "record.pub", "record.pub.next", former, &complaint);
	EVP_PKEY_free(key);
	return ok ? 0 : -MR_CAUSE_SIGNER_UNAVAILABLE;
}
