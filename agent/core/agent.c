/*
 * What every device has, by whatever method it is reached: its config, its storage, its radio, the buffer and who holds
 * it. What happens is passed on to the rows of the image's table; nothing here names a method.
 */
#include "agent/core/agent.h"

#include "agent/core/assert.h"
#include "agent/core/method.h"
#include "agent/core/operation.h"
#include "agent/port/crypto.h"

/* --- the image's table --- */

typedef const struct mr_method *const row_at; /* a place in the table */

unsigned mr_agent_wants(const struct mr_agent_config *config)
{
	unsigned wants = 0;

	for (row_at *row = config->methods; *row; row++)
		wants |= (*row)->wants ? (*row)->wants(config) : 0;
	return wants;
}

/* Every row has room for its state, and comes after the row that it needs. */
static bool table_is_valid(const struct mr_agent_config *config)
{
	for (row_at *row = config->methods; *row; row++) {
		row_at *before = config->methods;

		while ((*row)->needs && *before != (*row)->needs && before != row)
			before++;
		if (!(*row)->has_room || ((*row)->needs && before == row))
			return false;
	}
	return true;
}

static size_t text_len(const char *text, size_t most)
{
	size_t len = 0;

	while (len <= most && text[len])
		len++;
	return len;
}

static bool config_is_valid(const struct mr_agent_config *c)
{
	unsigned asked = (c->channel_count > 0 ? MR_WANTS_ACTION_FRAMES : 0u) |
			 (c->ap.method != MR_AP_NONE ? MR_WANTS_ACCESS_POINT : 0u) | (c->wps ? MR_WANTS_OPEN_LINK : 0u);
	unsigned wants = c->methods ? mr_agent_wants(c) : 0; /* 0: nobody could ever reach this device */

	return wants != 0 && (wants & asked) == asked && table_is_valid(c) && c->product &&
	       text_len(c->product, 32) >= 1 && text_len(c->product, 32) <= 32 && c->hw_rev &&
	       text_len(c->hw_rev, 16) <= 16 && c->firmware && text_len(c->firmware, 32) <= 32 && c->station_key &&
	       c->batch_key;
}

/* --- power-on --- */

static bool start_all(struct mr_agent *agent)
{
	bool ok = true;

	for (row_at *row = agent->config.methods; *row; row++)
		if ((*row)->start)
			ok = (*row)->start(agent) && ok;
	return ok;
}

bool mr_agent_init(struct mr_agent *agent, const struct mr_agent_config *config, const struct mr_port *port)
{
	struct mr_rd restarts;
	uint8_t hash[32];

	mr_zero(agent, sizeof(*agent));
	if (!config_is_valid(config))
		return false;
	agent->config = *config;
	agent->port = *port;
	port->work(port->ctx, MR_WORK_HASH, 5 * 64);
	if (!mr_batch_keys(config->batch_key, agent->call_key, agent->batch_tag) ||
	    !mr_sha256(config->station_key, 32, hash))
		return false;
	mr_copy(agent->station_id, hash, sizeof(agent->station_id));
	mr_store_load(&agent->store, port);
	mr_operation_refresh(agent);
	restarts = mr_store_find(&agent->store, MR_SECTION_RESTARTS);
	agent->restarts = mr_rd_le32(&restarts);
	if (agent->store.generation > 0)
		agent->restarts++;
	if (mr_store_has(&agent->store, MR_SECTION_RELEASED))
		agent->verdict = MR_VERDICT_PASS;
	return start_all(agent);
}

/* --- what happens --- */

void mr_agent_receive(struct mr_agent *agent, struct mr_rd mpdu)
{
	if (agent->away)
		return;
	for (row_at *row = agent->config.methods; *row; row++)
		if ((*row)->hear && (*row)->hear(agent, mpdu))
			return;
}

void mr_agent_sent(struct mr_agent *agent, uint32_t cookie, bool acked)
{
	for (row_at *row = agent->config.methods; *row; row++)
		if ((*row)->sent)
			(*row)->sent(agent, cookie, acked);
}

/* From last to first: a row that loses the radio in this instant must know before its own turn. */
void mr_agent_expire(struct mr_agent *agent)
{
	size_t count = 0;

	while (agent->config.methods[count])
		count++;
	while (count-- > 0)
		if (agent->config.methods[count]->expire)
			agent->config.methods[count]->expire(agent);
}

uint64_t mr_agent_deadline_us(const struct mr_agent *agent)
{
	uint64_t first_us = UINT64_MAX;

	for (row_at *row = agent->config.methods; *row; row++) {
		uint64_t at_us = (*row)->deadline_us ? (*row)->deadline_us(agent) : UINT64_MAX;

		if (at_us < first_us)
			first_us = at_us;
	}
	return first_us;
}

void mr_agent_tell(struct mr_agent *agent, enum mr_news news)
{
	for (row_at *row = agent->config.methods; *row; row++)
		if ((*row)->told)
			(*row)->told(agent, news);
}

void mr_agent_response_left(struct mr_agent *agent) { mr_agent_tell(agent, MR_NEWS_RESPONSE_LEFT); }

/* --- the buffer --- */

bool mr_agent_hold(struct mr_agent *agent, enum mr_holder holder)
{
	MR_ASSERT(holder != MR_HELD_BY_NOBODY);
	if (agent->holder != MR_HELD_BY_NOBODY)
		return false;
	mr_zero(&agent->held, sizeof(agent->held));
	agent->holder = holder;
	return true;
}

void mr_agent_release(struct mr_agent *agent, enum mr_holder holder)
{
	MR_ASSERT(holder != MR_HELD_BY_NOBODY);
	if (agent->holder != holder)
		return;
	mr_wipe(&agent->held, sizeof(agent->held));
	mr_wipe(agent->buf, sizeof(agent->buf));
	agent->holder = MR_HELD_BY_NOBODY;
}

/* --- the radio --- */

bool mr_agent_tune(struct mr_agent *agent, uint16_t freq_mhz)
{
	if (agent->freq_mhz == freq_mhz)
		return true;
	agent->freq_mhz = agent->port.tune(agent->port.ctx, freq_mhz) ? freq_mhz : 0;
	return agent->freq_mhz != 0;
}

/* IEEE 802.11-2016 9.2.4.4: 12 bits of number above 4 bits of fragment. */
bool mr_agent_transmit(struct mr_agent *agent, uint8_t *frame, size_t len, uint32_t *cookie)
{
	MR_ASSERT(len >= MR_HEADER_LEN && len <= MR_FRAME_MAX);
	agent->sequence = (agent->sequence + 1) & 0xfff;
	frame[MR_HEADER_LEN - 2] = (uint8_t)(agent->sequence << 4);
	frame[MR_HEADER_LEN - 1] = (uint8_t)(agent->sequence >> 4);
	if (++agent->cookie == 0) /* 0 means "none awaited" */
		agent->cookie = 1;
	if (!agent->port.send(agent->port.ctx, frame, len, agent->cookie))
		return false;
	if (cookie)
		*cookie = agent->cookie;
	return true;
}

uint32_t mr_agent_random_below(struct mr_agent *agent, uint32_t limit)
{
	uint8_t octets[4] = { 0 };
	struct mr_rd in = mr_rd_over(octets, sizeof(octets));

	if (!agent->port.random(agent->port.ctx, octets, sizeof(octets)))
		return 0;
	return (uint32_t)((uint64_t)mr_rd_le32(&in) * limit >> 32);
}

/* --- what a dump would say --- */

const char *mr_agent_serial(const struct mr_agent *agent) { return agent->serial; }

bool mr_agent_finished(const struct mr_agent *agent)
{
	return agent->verdict != MR_VERDICT_NONE && agent->verdict != MR_VERDICT_RETRY;
}
