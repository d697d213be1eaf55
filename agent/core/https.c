/*
 * The method `https`: an open network, and the API under TLS. The server shows the certificate of IDENTITY; until there
 * is one, a certificate that it made itself.
 */
#include "agent/core/api.h"
#include "agent/core/method.h"
#include "agent/core/operation.h"
#include "agent/core/wifi.h"
#include "agent/port/crypto.h"

/* One key for as long as the device is on, so that somebody who has looked at it once knows it again. */
static const uint8_t *passing_key(struct mr_agent *agent)
{
	struct mr_https_state *h = &agent->https;
	uint8_t pub[65];

	for (unsigned draw = 0; !h->has_key && draw < KEY_DRAWS_MAX; draw++) {
		agent->port.work(agent->port.ctx, MR_WORK_P256_KEYGEN, 0);
		h->has_key = agent->port.random(agent->port.ctx, h->key, sizeof(h->key)) && mr_p256_public(h->key, pub);
	}
	return h->has_key ? h->key : NULL;
}

void mr_api_identity(struct mr_agent *agent, struct mr_tls_identity *out)
{
	struct mr_rd key = mr_store_find(&agent->store, MR_SECTION_KEY);
	struct mr_rd identity = mr_store_find(&agent->store, MR_SECTION_IDENTITY);
	const uint8_t *priv = mr_rd_take(&key, 32);

	*out = (struct mr_tls_identity){ .priv = priv ? priv : passing_key(agent),
					 .certificate = mr_store_value(identity, MR_AT_CERTIFICATE),
					 .issuer = mr_store_value(identity, MR_AT_ISSUER),
					 .product = agent->config.product };
	mr_copy(out->device_id, agent->config.device_id, 8);
}

static void told(struct mr_agent *agent, enum mr_news news)
{
	if (news == MR_NEWS_KEY_MADE)
		mr_wipe(&agent->https, sizeof(agent->https));
}

static unsigned wants(const struct mr_agent_config *config)
{
	return config->ap.method == MR_AP_TLS ? mr_wifi_wants(&config->ap) : 0;
}

static bool is_open(const struct mr_agent *agent) { return agent->config.ap.method == MR_AP_TLS; }

const struct mr_method mr_method_https = { .name = "https",
					   .needs = &mr_part_api,
					   .has_room = MR_HAS_ROOM(https),
					   .wants = wants,
					   .is_open = is_open,
					   .told = told };
