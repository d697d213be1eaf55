/*
 * The log: one line for each thing that happens, with when, where, to which device, in which module, and why.
 *
 *	TIME SECONDS [error|warn] [RADIO [chN]] [MAC] MODULE: TEXT
 *	2026-01-01T00:00:12.041337Z 12.041337 radio1 ch6 02:4d:52:00:00:07 sta: handshaking -> authorized (M3 is true)
 *
 * TIME is UTC (ISO 8601, microseconds), SECONDS count from the start of the run; on the simulated air both are those of
 * the virtual clock. What does not apply is left out. A change of state reads "FROM -> TO (why)". A line is printable
 * ASCII throughout: any other octet becomes \xNN, a longer line ends in "...". Octets from outside pass through
 * log_escape; of a secret only the length is logged, never an octet.
 *
 *	struct log (one per station) <- log_tag (one per device, radio or other subject) <- machines, by pointer
 *
 * A machine gets `const struct log_tag *` from its owner and keeps it; the owner writes the tag and may change it at
 * any time. NULL is silence everywhere: as a log, as a tag, as a place.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * error: ends a session or the run unexpectedly; warn: survived; info: what an operator expects to see; debug: every
 * change of state; trace: every frame.
 */
#define LOG_LEVELS(X)                                                                                                  \
	X(ERROR, "error")                                                                                              \
	X(WARN, "warn")                                                                                                \
	X(INFO, "info")                                                                                                \
	X(DEBUG, "debug")                                                                                              \
	X(TRACE, "trace")

enum log_level {
#define LOG_LEVEL_ENUM(NAME, name) LOG_##NAME,
	LOG_LEVELS(LOG_LEVEL_ENUM)
#undef LOG_LEVEL_ENUM
		LOG_LEVEL_COUNT
};

/* Who speaks. The name is in each line and in --log-level; `--log-level list` prints the sentences. */
#define LOG_MODULES(X)                                                                                                 \
	X(RUN, "run", "one run of a job: with what it began, how it ended")                                            \
	X(LINE, "line", "the batch: units and their outcomes, orders, guards, what goes wrong with the record")        \
	X(SESSION, "session", "one device in hand, from its call to its outcome")                                      \
	X(RECIPE, "recipe", "what a device is asked, step by step")                                                    \
	X(METHOD, "method", "how a device is reached, and how its credentials get to it")                              \
	X(JOINING, "joining", "a device's way into the network that it was given, and the witness of it")              \
	X(LANE, "lane", "one radio at work: where it goes, arrives, calls")                                            \
	X(SCHEDULE, "schedule", "what the policy decides, and why")                                                    \
	X(RADIO, "radio", "one adapter: tuned, gone, back, its rules")                                                 \
	X(ACTION, "action", "a link over action frames")                                                               \
	X(BSS, "bss", "a link through a device's own network: joining it, address, connection")                        \
	X(STA, "sta", "our side of a device's access point: authentication, association, power save")                  \
	X(WPA, "wpa", "4-way and group key handshakes, and the witness of one")                                        \
	X(AP, "ap", "an access point of ours, and its stations")                                                       \
	X(IP, "ip", "addresses: DHCP and ARP")                                                                         \
	X(TCP, "tcp", "connections")                                                                                   \
	X(TLS, "tls", "TLS with a device's server, and its certificate")                                               \
	X(HTTP, "http", "responses of a device's server")                                                              \
	X(API, "api", "our requests and a device's answers in HTTP")                                                   \
	X(PIN, "pin", "the exchange that proves a PIN")                                                                \
	X(WPS, "wps", "an exchange of Wi-Fi Simple Configuration, message by message")                                 \
	X(WAC, "wac", "an exchange of Wireless Accessory Configuration, step by step")                                 \
	X(JOURNAL, "journal", "the record and its commits")                                                            \
	X(CONTROL, "control", "the control socket and its clients")

enum log_module {
#define LOG_MODULE_ENUM(NAME, name, sentence) LOG_##NAME,
	LOG_MODULES(LOG_MODULE_ENUM)
#undef LOG_MODULE_ENUM
		LOG_MODULE_COUNT
};

const char *log_level_name(enum log_level level);
const char *log_module_name(enum log_module module);
const char *log_module_sentence(enum log_module module);

/* One per station; there is no global one. The file is the caller's. */
struct log {
	FILE *to;			       /* NULL: silence */
	uint8_t level[LOG_MODULE_COUNT];       /* enum log_level: what is above it is not written */
	uint64_t (*now_us)(const void *clock); /* since the start */
	uint64_t (*utc_us)(const void *clock); /* since 1970; NULL, as well as now_us: lines have no time */
	const void *clock;
};

/* All modules at one level. */
void log_level_all(struct log *log, enum log_level level);
/*
 * "debug", or "sta=debug,wpa=trace,info": levels of modules, and of all that are not named (`others` when the text has
 * none). false: `log` is unchanged, and `error` says what is wrong and what is allowed (LOG_ERROR_MAX octets hold it).
 */
#define LOG_ERROR_MAX 400 /* octets; chosen: what is wrong and what is allowed */
bool log_levels_parse(struct log *log, const char *text, enum log_level others, char *error, size_t error_len);

/* Where something happens. Written by whoever owns the channel or the radio; all that are there point to it. */
struct log_place {
	const char *radio; /* name; NULL: none is there */
	unsigned channel;  /* its number (mr_mhz_to_channel); 0: none */
};

/* Of whom a line speaks. Placed and written by the owner of the subject. */
struct log_tag {
	const struct log *log;
	const struct log_place *place; /* NULL: nowhere in particular */
	uint8_t mac[6];		       /* of the device; zeros: none */
};

/* A tag for a line about the station as such. Lives until the end of the block. */
#define LOG_STATION(station_log) (&(struct log_tag){ .log = (station_log) })

/* The test before all work: a line of this module and level would be written. */
static inline bool log_wants(const struct log_tag *tag, enum log_module module, enum log_level level)
{
	return __builtin_expect(tag && tag->log && tag->log->to && level <= tag->log->level[module], 0);
}

/*
 * One line. A macro, as log_state is: arguments are evaluated only if the line is wanted, so they may call functions
 * that make words, and must not do anything else.
 */
#define log_write(tag, module, level, ...)                                                                             \
	(log_wants(tag, module, level) ? log_line(tag, module, level, __VA_ARGS__) : (void)0)
/* A change of state: log_state(tag, LOG_STA, "authenticating", "associating", "status %u", status). At LOG_DEBUG. */
#define log_state(tag, module, from, to, ...) log_state_at(tag, module, LOG_DEBUG, from, to, __VA_ARGS__)
/* The same at another level: LOG_INFO for changes that an operator expects to see. */
#define log_state_at(tag, module, level, from, to, ...)                                                                \
	(log_wants(tag, module, level) ? log_change(tag, module, level, from, to, __VA_ARGS__) : (void)0)

/* What the macros call. */
void log_line(const struct log_tag *tag, enum log_module module, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void log_change(const struct log_tag *tag, enum log_module module, enum log_level level, const char *from,
		const char *to, const char *why, ...) __attribute__((format(printf, 6, 7)));
/* For an enter() that takes the reason as a format of its own; it asks log_wants itself. */
void log_vchange(const struct log_tag *tag, enum log_module module, enum log_level level, const char *from,
		 const char *to, const char *why, va_list args) __attribute__((format(printf, 6, 0)));

/*
 * Octets from outside as text: printable ASCII stays, the rest and the backslash become \xNN. Always ends with NUL;
 * what does not fit is left out, never half an escape. Returns `out`, so that it can be one of the arguments.
 */
char *log_escape(char *out, size_t cap, const void *bytes, size_t len);
