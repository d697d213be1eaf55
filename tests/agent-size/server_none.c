/* No access point, no server. */
#include "tests/agent-size/board.h"

void image_serve(uint8_t *octets, size_t len)
{
	(void)octets;
	(void)len;
}
