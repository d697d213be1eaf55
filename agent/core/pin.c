#include "agent/core/pin.h"

#include "agent/core/assert.h"
#include "agent/core/endpoint.h"
#include "agent/core/method.h"
#include "agent/core/operation.h"
#include "agent/core/wifi.h"
#include "agent/port/crypto.h"
#include "agent/wire/hkdf.h"
#include "agent/wire/spake2plus.h"

#define PAUSE_US 60000000
#define CONFIRM_US 30000000 /* the other end's confirmation comes within this */
#define IDLE_US 120000000   /* a session is over when no request came for this long */
#define DRAWS_MAX 8
#define COUNTER_LEN 8

static const char context[] = "millrace pin v1", prover[] = "station";

static uint64_t now(const struct mr_agent *agent) { return agent->port.now_us(agent->port.ctx); }

/* What IDENTITY brought, else what the firmware was built with. Points into the store or the config. */
struct verifier {
	struct mr_rd salt;
	uint32_t iterations;
	const uint8_t *w0, *l;
};

static bool find_verifier(const struct mr_agent *agent, struct verifier *out)
{
	struct mr_rd section = mr_store_find(&agent->store, MR_SECTION_IDENTITY);
	struct mr_rd iterations = mr_store_value(section, MR_AT_PIN_ITERATIONS);
	const struct mr_pin_verifier *built_in = agent->config.ap.pin;

	out->salt = mr_store_value(section, MR_AT_PIN_SALT);
	if (!out->salt.bad) {
		out->iterations = mr_rd_le32(&iterations);
		out->w0 = mr_store_value(section, MR_AT_PIN_W0).at;
		out->l = mr_store_value(section, MR_AT_PIN_L).at;
		return out->w0 && out->l;
	}
	if (!built_in)
		return false;
	*out = (struct verifier){ mr_rd_over(built_in->salt, built_in->salt_len), built_in->iterations, built_in->w0,
				  built_in->l };
	return true;
}

static unsigned failures(const struct mr_agent *agent)
{
	struct mr_rd section = mr_store_find(&agent->store, MR_SECTION_PIN);
	unsigned count = mr_rd_u8(&section);

	return count < MR_PIN_TRIES_MAX ? count : MR_PIN_TRIES_MAX;
}

/* false: the storage failed; the count is then as it was. */
static bool count_failures(struct mr_agent *agent, unsigned count)
{
	struct mr_wr w;

	mr_store_drop(&agent->store, MR_SECTION_PIN);
	if (count > 0) {
		w = mr_store_open(&agent->store, MR_SECTION_PIN);
		mr_wr_u8(&w, (uint8_t)count);
		if (!mr_store_close(&agent->store, &w)) {
			(void)mr_store_reload(&agent->store, &agent->port);
			return false;
		}
	}
	return mr_operation_save(agent) == MR_CAUSE_OK;
}

static void pause(struct mr_agent *agent)
{
	unsigned count = failures(agent);

	MR_ASSERT(count <= MR_PIN_TRIES_MAX); /* the shift below stays far from 64 */
	agent->pin.pause_us = count < MR_PIN_FREE ? 0 : now(agent) + ((uint64_t)PAUSE_US << (count - MR_PIN_FREE));
}

/* The only way into MR_PIN_CLOSED: forgets the keys, and keeps a pause that is on. */
static void close_session(struct mr_agent *agent)
{
	uint64_t pause_us = agent->pin.pause_us;

	mr_wipe(&agent->pin, sizeof(agent->pin));
	agent->pin.phase = MR_PIN_CLOSED;
	agent->pin.deadline_us = UINT64_MAX;
	agent->pin.pause_us = pause_us;
}

/* At power-on a pause that was on begins anew. */
static bool start(struct mr_agent *agent)
{
	close_session(agent);
	pause(agent);
	return true;
}

bool mr_pin_status(const struct mr_agent *agent, struct mr_pin_status *out)
{
	struct verifier v;
	uint64_t now_us = now(agent), left_us = agent->pin.pause_us > now_us ? agent->pin.pause_us - now_us : 0;

	if (!find_verifier(agent, &v))
		return false;
	*out = (struct mr_pin_status){ .salt = v.salt,
				       .iterations = v.iterations,
				       .tries_left = MR_PIN_TRIES_MAX - failures(agent),
				       .pause_s = (uint32_t)((left_us + 999999) / 1000000) };
	return true;
}

static void expire(struct mr_agent *agent)
{
	if (now(agent) >= agent->pin.deadline_us)
		close_session(agent);
}

static uint64_t deadline_us(const struct mr_agent *agent) { return agent->pin.deadline_us; }

/* The exchange itself. */
static enum mr_pin_result agree(struct mr_agent *agent, const struct verifier *v, const uint8_t theirs[static 65],
				uint8_t own[static 65], struct mr_spake2plus_keys *keys)
{
	static const char digits[] = "0123456789abcdef";
	struct mr_spake2plus_names names = { context, prover, NULL, sizeof(context) - 1, sizeof(prover) - 1, 16 };
	uint8_t y[32];
	char id[16];
	bool drawn = false, ok;

	for (size_t i = 0; i < 8; i++) {
		id[2 * i] = digits[agent->config.device_id[i] >> 4];
		id[2 * i + 1] = digits[agent->config.device_id[i] & 15];
	}
	names.verifier = id;
	for (int i = 0; i < DRAWS_MAX && !drawn; i++) {
		agent->port.work(agent->port.ctx, MR_WORK_P256_MUL, 0);
		agent->port.work(agent->port.ctx, MR_WORK_P256_MUL, 0);
		drawn = agent->port.random(agent->port.ctx, y, sizeof(y)) &&
			mr_spake2plus_verifier_share(v->w0, y, own);
	}
	for (int i = 0; i < 4; i++) /* two to take the mask off, two with the own secret */
		agent->port.work(agent->port.ctx, MR_WORK_P256_MUL, 0);
	agent->port.work(agent->port.ctx, MR_WORK_HASH, 24 * 64);
	ok = drawn && mr_spake2plus_verifier_finish(&names, v->w0, v->l, y, theirs, own, keys);
	mr_wipe(y, sizeof(y));
	return ok ? MR_PIN_OK : drawn ? MR_PIN_BAD_SHARE : MR_PIN_FAILED;
}

static bool take_keys(struct mr_agent *agent, const struct mr_spake2plus_keys *keys)
{
	static const char session[] = "millrace pin session", binding[] = "millrace pin binding";
	struct mr_pin_state *pin = &agent->pin;
	uint8_t both[64];
	bool ok = mr_hkdf_sha256(NULL, 0, keys->shared, 32, session, sizeof(session) - 1, both, sizeof(both)) &&
		  mr_hkdf_sha256(NULL, 0, keys->shared, 32, binding, sizeof(binding) - 1, pin->binding, 32);

	mr_copy(pin->request_key, both, 32);
	mr_copy(pin->response_key, both + 32, 32);
	mr_copy(pin->confirm, keys->theirs, 32);
	mr_wipe(both, sizeof(both));
	return ok;
}

enum mr_pin_result mr_pin_share(struct mr_agent *agent, const uint8_t theirs[static 65], uint8_t own[static 65],
				uint8_t confirm[static 32])
{
	struct mr_spake2plus_keys keys;
	enum mr_pin_result result;
	struct verifier v;
	unsigned count = failures(agent);

	close_session(agent);
	if (!find_verifier(agent, &v))
		return MR_PIN_NONE;
	if (count >= MR_PIN_TRIES_MAX)
		return MR_PIN_LOCKED;
	if (now(agent) < agent->pin.pause_us)
		return MR_PIN_PAUSED;
	result = agree(agent, &v, theirs, own, &keys);
	if (result != MR_PIN_OK)
		return result;
	if (!take_keys(agent, &keys) || !count_failures(agent, count + 1)) {
		mr_wipe(&keys, sizeof(keys));
		close_session(agent);
		return MR_PIN_FAILED;
	}
	mr_copy(confirm, keys.own, 32);
	mr_wipe(&keys, sizeof(keys));
	agent->pin.phase = MR_PIN_SHARED;
	agent->pin.deadline_us = now(agent) + CONFIRM_US;
	pause(agent);
	return MR_PIN_OK;
}

enum mr_pin_result mr_pin_confirm(struct mr_agent *agent, const uint8_t confirm[static 32])
{
	struct mr_pin_state *pin = &agent->pin;

	if (pin->phase != MR_PIN_SHARED)
		return MR_PIN_NOT_OPEN;
	if (!mr_equal_ct(confirm, pin->confirm, 32)) {
		close_session(agent);
		return failures(agent) >= MR_PIN_TRIES_MAX ? MR_PIN_LOCKED : MR_PIN_REFUSED;
	}
	if (!count_failures(agent, 0)) {
		close_session(agent);
		return MR_PIN_FAILED;
	}
	pin->pause_us = 0;
	pin->phase = MR_PIN_OPEN;
	pin->deadline_us = now(agent) + IDLE_US;
	return MR_PIN_OK;
}

static void nonce_of(uint64_t counter, uint8_t iv[static 12])
{
	struct mr_wr w = mr_wr_over(iv, 12);

	mr_wr_be32(&w, 0);
	mr_wr_be64(&w, counter);
}

bool mr_pin_open(struct mr_agent *agent, uint8_t *sealed, size_t len)
{
	struct mr_rd in = mr_rd_over(sealed, len);
	uint64_t counter = mr_rd_be64(&in);
	uint8_t iv[12];

	if (agent->pin.phase != MR_PIN_OPEN || in.bad || in.left < MR_PIN_OVERHEAD - COUNTER_LEN ||
	    counter <= agent->pin.counter)
		return false;
	nonce_of(counter, iv);
	agent->port.work(agent->port.ctx, MR_WORK_AEAD, in.left);
	if (!mr_aes_gcm_open(agent->pin.request_key, iv, "request", 7, in.at, in.left, sealed + COUNTER_LEN))
		return false;
	MR_ASSERT(agent->pin.deadline_us != UINT64_MAX); /* an open session has an end */
	agent->pin.counter = counter;
	agent->pin.deadline_us = now(agent) + IDLE_US;
	return true;
}

bool mr_pin_seal(struct mr_agent *agent, uint8_t *sealed, size_t len)
{
	struct mr_wr head = mr_wr_over(sealed, COUNTER_LEN);
	uint8_t iv[12];

	if (agent->pin.phase != MR_PIN_OPEN)
		return false;
	mr_wr_be64(&head, agent->pin.counter);
	nonce_of(agent->pin.counter, iv);
	agent->port.work(agent->port.ctx, MR_WORK_AEAD, len);
	return mr_aes_gcm_seal(agent->pin.response_key, iv, "response", 8, sealed + COUNTER_LEN, len,
			       sealed + COUNTER_LEN);
}

/* The answer to FINISH is the last one that is sealed. */
static void told(struct mr_agent *agent, enum mr_news news)
{
	if (news == MR_NEWS_RESPONSE_LEFT && mr_agent_finished(agent))
		close_session(agent);
}

static unsigned wants(const struct mr_agent_config *config)
{
	bool used = config->ap.method == MR_AP_PIN || config->ap.method == MR_AP_IBSS;

	return used ? mr_wifi_wants(&config->ap) : 0;
}

/* On a protected network too, when the device has a PIN. */
static bool is_open(const struct mr_agent *agent)
{
	struct verifier v;

	return find_verifier(agent, &v);
}

const struct mr_method mr_method_pin = { .name = "pin",
					 .needs = &mr_part_api,
					 .has_room = MR_HAS_ROOM(pin),
					 .wants = wants,
					 .is_open = is_open,
					 .start = start,
					 .expire = expire,
					 .deadline_us = deadline_us,
					 .told = told,
					 .endpoints = mr_pin_endpoints };
