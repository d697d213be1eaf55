/*
 * The flash of a simulated device, read as whoever takes its chip off the board would.
 */
#pragma once

#include <stdbool.h>

#include "agent/core/store.h"
#include "station/world/flash.h"
#include "tests/swarm/life.h"

/* what IDENTITY or CREDENTIALS have left, committed or prepared; values point into the store */
struct dump_section {
	bool there;
	uint64_t txn;
	struct mr_rd whole; /* all its attributes */
};

struct dump {
	struct mr_store store;
	uint8_t mac[6], placed;
	bool has_key, sealed, released;
	uint8_t public_key[65], spki_sha256[32];
	struct dump_section identity, prepared_identity, credentials, prepared_credentials;
	uint64_t seal_txn;
	uint8_t state_digest[32]; /* as VERIFY and the receipt have it */
};

/* The flash of all devices of a lot. NULL: there is none (yet). flash_close it. */
struct flash *dump_open(const struct place *place, const struct plan *plan);
void dump_read(struct flash *flash, const struct plan *plan, size_t i, struct dump *out);
