/*
 * What a command at a desk needs to write to the record: the key that signs it, the public keys that signed it before,
 * and where its heads are.
 */
#pragma once

#include <stddef.h>

#include "db/journal.h"

struct identity;
struct record_keys;

/* layout is ours; zero it first */
struct desk_keys {
	struct identity *key;
	struct record_keys *public_keys;
	struct journal_options options; /* for desk_open and journal_note */
};

/*
 * `keys`: the folder; NULL: FILE.simulated-keys or `keys`, whichever is there, and none is no fault here: the record
 * says whether it wants one. 0, or -1 with a sentence. desk_keys_close in both cases.
 */
int desk_keys_open(struct desk_keys *desk, const char *db, const char *keys, char *error, size_t error_len);
void desk_keys_close(struct desk_keys *desk);
