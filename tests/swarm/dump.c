#include "tests/swarm/dump.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/core/csr.h"
#include "agent/port/crypto.h"
#include "agent/wire/message.h"
#include "station/roster/roster.h"

static void no_work(void *ctx, enum mr_work kind, size_t n) { (void)ctx, (void)kind, (void)n; }

static bool read_slot(void *ctx, unsigned slot, uint8_t *out, size_t len)
{
	const uint8_t(*slots)[MR_STORE_MAX] = ctx;

	memcpy(out, slots[slot], len);
	return true;
}

static void world_id(const struct plan *plan, uint8_t id[static 32])
{
	if (!roster_simulated_id("AC-100", plan->seed, plan->devices, id))
		abort();
}

struct flash *dump_open(const struct place *place, const struct plan *plan)
{
	uint8_t id[32];
	char error[300];

	if (access(place->flash, R_OK) != 0)
		return NULL;
	world_id(plan, id);
	return flash_open(place->flash, id, plan->devices, error, sizeof(error));
}

static struct dump_section section(const struct mr_store *store, enum mr_section type)
{
	struct dump_section out = { .whole = mr_store_find(store, type) };
	struct mr_rd txn = mr_store_value(out.whole, MR_AT_TXN);

	out.there = mr_store_has(store, type);
	out.txn = mr_rd_le64(&txn);
	return out;
}

static size_t digest_of(const struct dump_section *section, const char *label, const uint8_t *ids, size_t count,
			uint8_t out[static 32])
{
	struct mr_digest_field fields[MR_DIGEST_FIELDS_MAX];

	if (!section->there)
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct mr_rd value = mr_store_value(section->whole, ids[i]);

		fields[i] = (struct mr_digest_field){ value.at, value.bad ? 0 : value.left };
	}
	if (!mr_digest(out, label, fields, count))
		abort();
	return 32;
}

/* docs/protocol.md, "Digests": reckoned again here from what is in the flash, not by the agent's own function. */
static void state_digest(struct dump *d)
{
	static const uint8_t of_identity[] = { MR_AT_TXN,    MR_AT_SERIAL,   MR_AT_CERTIFICATE,
					       MR_AT_ISSUER, MR_AT_PIN_SALT, MR_AT_PIN_ITERATIONS,
					       MR_AT_PIN_W0, MR_AT_PIN_L,    MR_AT_AP_PASSPHRASE };
	static const uint8_t of_credentials[] = { MR_AT_TXN, MR_AT_SSID, MR_AT_SECURITY, MR_AT_PASSPHRASE };
	uint8_t identity[32], credentials[32];
	const uint8_t stage = (uint8_t)((d->has_key ? MR_STAGE_KEY : 0) | (d->identity.there ? MR_STAGE_IDENTITY : 0) |
					(d->credentials.there ? MR_STAGE_CREDENTIALS : 0) |
					(d->sealed ? MR_STAGE_SEALED : 0));
	const struct mr_digest_field fields[] = {
		{ &stage, 1 },
		{ identity, digest_of(&d->identity, "millrace identity", of_identity, sizeof(of_identity), identity) },
		{ credentials, digest_of(&d->credentials, "millrace credentials", of_credentials,
					 sizeof(of_credentials), credentials) },
	};

	if (!mr_digest(d->state_digest, "millrace state", fields, 3))
		abort();
}

void dump_read(struct flash *flash, const struct plan *plan, size_t i, struct dump *out)
{
	const struct mr_port port = { .ctx = flash_of(flash, i), .work = no_work, .store_read = read_slot };
	uint8_t id[32], spki[MR_SPKI_LEN];
	struct mr_rd key, seal;

	memset(out, 0, sizeof(*out));
	out->placed = *flash_placed(flash, i);
	world_id(plan, id);
	if (strcmp(plan->method, "mixed") == 0)
		plan_mixed_mac(plan, i, out->mac);
	else
		roster_simulated_mac(id, i, out->mac);
	mr_store_load(&out->store, &port);
	key = mr_store_find(&out->store, MR_SECTION_KEY);
	mr_rd_skip(&key, 32);
	mr_rd_copy(&key, out->public_key, 65);
	out->has_key = !key.bad;
	mr_spki(spki, out->public_key);
	if (!mr_sha256(spki, sizeof(spki), out->spki_sha256))
		abort();
	out->identity = section(&out->store, MR_SECTION_IDENTITY);
	out->prepared_identity = section(&out->store, MR_SECTION_PREPARED_IDENTITY);
	out->credentials = section(&out->store, MR_SECTION_CREDENTIALS);
	out->prepared_credentials = section(&out->store, MR_SECTION_PREPARED_CREDENTIALS);
	seal = mr_store_find(&out->store, MR_SECTION_SEAL);
	out->sealed = mr_store_has(&out->store, MR_SECTION_SEAL);
	out->seal_txn = mr_rd_le64(&seal);
	out->released = mr_store_has(&out->store, MR_SECTION_RELEASED);
	state_digest(out);
}
