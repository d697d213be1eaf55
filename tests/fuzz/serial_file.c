/*
 * Lists of serial numbers: what is accepted is handed out completely, each serial once and well-formed.
 *
 * links: station/identity/serial.c station/base/log.c
 * links: station/base/reach.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "station/identity/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void use_up(struct serial_pool *pool)
{
	uint64_t left = serial_pool_left(pool);
	const char *serial, *next;
	char first[IDENTITY_SERIAL_MAX + 1] = "";

	while ((next = serial_pool_peek(pool)) != NULL) {
		char ahead[IDENTITY_SERIAL_MAX + 1];

		strcpy(ahead, next);
		serial = serial_pool_take(pool);
		if (!serial || strcmp(serial, ahead) != 0)
			abort();
		if (!serial_is_valid(serial) || strcmp(serial, first) == 0 || serial_pool_left(pool) != --left)
			abort();
		if (!first[0])
			memcpy(first, serial, strlen(serial) + 1);
	}
	if (left != 0 || serial_pool_left(pool) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char error[200] = "", pattern[64];
	struct serial_pool *pool = serial_pool_text("fuzz", (const char *)data, len, error, sizeof(error));

	if (!pool == !error[0]) /* a pool or a sentence */
		abort();
	if (pool)
		use_up(pool);
	serial_pool_destroy(pool);
	if (len < sizeof(pattern)) {
		memcpy(pattern, data, len);
		pattern[len] = '\0';
		pool = serial_pool_pattern(pattern, 0, error, sizeof(error));
		if (pool && !serial_is_valid(serial_pool_take(pool)))
			abort();
		serial_pool_destroy(pool);
	}
	return 0;
}
