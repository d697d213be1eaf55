/*
 * Requests over the control socket: no crash; what is taken is whole, and what is refused says why.
 *
 * links: station/control/request.c station/base/log.c station/yaml/words.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "station/control/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void text(const char *at, size_t most)
{
	if (at && strnlen(at, most + 1) > most)
		abort();
	for (; at && *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			abort();
}

static void whole(const struct request *r)
{
	if (!r->id || r->kind >= REQUEST_COUNT || r->unit_count > REQUEST_UNITS_MAX || r->rate > REQUEST_RATE_MAX)
		abort();
	for (size_t i = 0; i < r->unit_count; i++)
		if (r->units[i] < 1)
			abort();
	text(r->text, 4096);
	text(r->db, 4096);
	text(r->reason, 200);
	text(r->serial, 64);
	text(r->mac, 17);
	if (r->kind == REQUEST_QUARANTINE && !r->reason)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct request r;
	struct refusal why;
	bool fatal;

	if (request_parse((const char *)data, len, &r, &why, &fatal))
		whole(&r);
	else if (!why.name || !why.sentence[0])
		abort();
	request_free(&r);
	return 0;
}
