/*
 * The operator's screen: a client of the control socket on a terminal. It lives in a process of its own and touches the
 * line through requests only; however it ends, the line goes on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "station/dashboard/palette.h"
#include "station/label/scanner.h"

#define DASHBOARD_RATE 20 /* updates per second that it asks for: an event is on the screen within two of them */

struct dashboard_options {
	const char *socket; /* NULL: the usual places */
	enum palette palette;
	bool ascii; /* also without it where the locale is not UTF-8 */
	struct scanner_setup scanner;
	bool of_run; /* opened by `millrace run`: Ctrl-C is the run's, and with its end nothing is waited for */
};

/* Until the person leaves, or the terminal is gone. 0; -1 with a sentence in `error` when the terminal does not do. */
int dashboard_run(const struct dashboard_options *options, char *error, size_t error_len);
