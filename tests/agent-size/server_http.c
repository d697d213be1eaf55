/* Plain HTTP: the API on a connection, as a board's TCP would have it. */
#include "agent/core/api.h"
#include "tests/agent-size/board.h"

struct mr_api api;

void image_serve(uint8_t *octets, size_t len)
{
	mr_api_open(&api, &agent, MR_LINK_OPEN, NULL);
	while (!mr_api_ended(&api)) {
		(void)mr_api_receive(&api, octets, len);
		if (mr_api_pull(&api, octets, len) == 0)
			mr_api_sent(&api);
		if (mr_api_deadline_us(&api) == 0)
			mr_api_expire(&api);
	}
	(void)mr_api_busy(octets, len);
	mr_api_close(&api);
}
