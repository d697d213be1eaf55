/* The start of a session: a lot that is new, or one to go on with. Inside db/ only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "db/journal.h"
#include "db/write.h"

struct resume_calls {
	journal_resume_fn *unit; /* each may be NULL */
	void (*serial)(void *ctx, const char *serial);
	void (*pin)(void *ctx, const uint8_t lookup[static 32]);
	void *ctx;
};

/* journal_begin, by whoever holds the connection. */
int resume_begin(struct writer *writer, bool simulated, const struct journal_batch *batch, struct journal_start *start,
		 const struct resume_calls *calls, char *error, size_t error_len);
