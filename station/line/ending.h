/* How a run ends: all have an outcome, it is drained, or nothing goes on. */
#pragma once

#include "station/line/private.h"

/* Ends the run when there is nothing left to do. Asked whenever that may have come true. */
void line_check_end(struct line *line);
/* The record or the signer fails: no new sessions; `detail` says what to do. */
void line_hold(struct line *line, int cause, const char *detail);
