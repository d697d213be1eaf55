#include "station/command/desk_keys.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "station/identity/identity.h"
#include "station/identity/record_keys.h"

int desk_keys_open(struct desk_keys *desk, const char *db, const char *keys, char *error, size_t error_len)
{
	char made[PATH_MAX];

	desk->options = (struct journal_options){ .path = db };
	(void)snprintf(made, sizeof(made), "%s.simulated-keys", db);
	if (!keys)
		keys = access(made, F_OK) == 0 ? made : access("keys", F_OK) == 0 ? "keys" : NULL;
	if (!keys)
		return 0;
	if (record_keys_open_private(&desk->key, keys, error, error_len) != 0 ||
	    record_keys_open(&desk->public_keys, keys, error, error_len) != 0)
		return -1;
	desk->options.sign = identity_sign_record;
	desk->options.sign_ctx = desk->key;
	desk->options.sign_key_id = identity_record_key_id(desk->key);
	desk->options.check = record_keys_check;
	desk->options.check_ctx = desk->public_keys;
	desk->options.heads = record_keys_heads(desk->public_keys);
	return 0;
}

void desk_keys_close(struct desk_keys *desk)
{
	identity_close(desk->key);
	record_keys_close(desk->public_keys);
	*desk = (struct desk_keys){ 0 };
}
