/* The API under TLS. The TLS is the board's: here it is empty, and what it costs is not counted. */
#include "agent/core/api.h"
#include "tests/agent-size/board.h"

struct mr_api api;

static bool handshake(const struct mr_tls_identity *identity) { return identity->priv != NULL; }

void image_serve(uint8_t *octets, size_t len)
{
	struct mr_tls_identity identity;

	mr_api_identity(&agent, &identity);
	mr_api_open(&api, &agent, handshake(&identity) ? MR_LINK_TLS : MR_LINK_OPEN, octets);
	while (!mr_api_ended(&api)) {
		(void)mr_api_receive(&api, octets, len);
		if (mr_api_pull(&api, octets, len) == 0)
			mr_api_sent(&api);
		if (mr_api_deadline_us(&api) == 0)
			mr_api_expire(&api);
	}
	mr_api_close(&api);
}
