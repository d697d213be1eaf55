/*
 * What people order of a running line (line.h, line_order). An order waits until the record of it is durable, takes
 * effect in its place among the sessions that wait for the same commits, and is answered then.
 */
#pragma once

#include "station/line/session.h"

/* None of those that wait will take effect, but for those that end the run; each is answered with `result`. */
void orders_fail(struct line *line, int result);
