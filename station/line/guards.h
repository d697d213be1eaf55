/*
 * Guards stop admission when going on would only do harm: devices in flight finish, and the line goes on when a person
 * says so, or, where nobody attends to it, when the same job is run again. Each is told once, with its reason.
 */
#pragma once

#include "station/line/private.h"

void guard_outcome(struct line *line, bool bad); /* of each unit that is settled */
/* These may be called at any time; they look once a second. */
void guard_disk(struct line *line, uint64_t now_us);
void guard_signer(struct line *line, uint64_t now_us);
