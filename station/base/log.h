/*
 * Log lines: `12.041337 radio1 ch6 02:4d:52:00:00:07 session: called -> handshake`
 * error: ends a session unexpectedly; warn: survived; info: what an operator expects; debug: everything useful.
 * Octets from outside pass through log_escape; secrets are logged as their length only.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* One per station; no global state. NULL where a log is wanted means silence. */
struct log {
	FILE *to;
	enum log_level level;
	uint64_t (*now_us)(const void *clock); /* NULL: lines have no time */
	const void *clock;
};

void log_write(const struct log *log, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Printable ASCII stays, the rest and the backslash become \xNN; always ends with NUL. Returns out. */
char *log_escape(char *out, size_t cap, const void *bytes, size_t len);
