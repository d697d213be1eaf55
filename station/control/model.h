/*
 * What the screens show, kept up to date from the line's events: rows with versions, so that each client gets what is
 * newer than what it has, and nothing is queued for it. JSON texts are made when somebody wants them and shared by
 * all.
 *
 *	model_create -> { model_event | model_sample | model_state } ... -> model_destroy (before the line)
 */
#pragma once

#include <jansson.h>

#include "station/line/view.h"

struct model;

/* X(ENUM, "name"): parts of the state that a client can subscribe to; docs/control.md */
#define MODEL_PARTS(X)                                                                                                 \
	X(HEADER, "header")                                                                                            \
	X(RADIOS, "radios")                                                                                            \
	X(CHANNELS, "channels")                                                                                        \
	X(PARETO, "pareto")                                                                                            \
	X(BANNERS, "banners")                                                                                          \
	X(LOG, "log")                                                                                                  \
	X(UNITS, "units")

enum model_part {
#define MODEL_PART_ENUM(NAME, name) MODEL_##NAME,
	MODEL_PARTS(MODEL_PART_ENUM)
#undef MODEL_PART_ENUM
		MODEL_PART_COUNT
};
#define MODEL_ALL ((1u << MODEL_PART_COUNT) - 1)

struct model_options {
	const struct job *job;
	const struct line *line; /* both outlive the model; NULL: idle, between two jobs */
	bool simulated;
	double pace;
};

/* NULL: no memory. */
struct model *model_create(const struct model_options *options);
void model_destroy(struct model *model);
void model_event(struct model *model, const struct line_event *event);
/* Looks at what has no events: radios, channels, the clock. Now and then; a few times a second is enough. */
void model_sample(struct model *model);
/*
 * The label printer, as the client says that prints: `state` is ok, warn, bad, or none (it prints no more); `text` what
 * it did last, or what is wrong. false: no such state.
 */
bool model_printer(struct model *model, uint64_t client, const char *state, const char *text);
/* The client has disconnected: what it said of a printer is no longer valid. */
void model_client_gone(struct model *model, uint64_t client);
/* What the header says beside the line: "jobs" (owned by the model from now on, may be NULL) and "clients". */
void model_beside(struct model *model, json_t *jobs, unsigned clients);

/* A text that grows; the owner frees `at`. `bad`: no memory, what is missing stays missing. */
struct text {
	char *at;
	size_t len, room;
	bool bad;
};
void text_add(struct text *text, const char *at, size_t len);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *text);

/* How far a client is. Zero it to begin; layout is ours. */
struct model_cursor {
	uint64_t seq, seen, units, until, log, now_us;
	bool begun, full, more;
};
/* true: model_state would have something to say. `idle_us`: real time since the last line; after a second the clock is
 * news. */
bool model_has_news(const struct model *model, const struct model_cursor *cursor, unsigned parts, uint64_t idle_us);
/* Appends one state line for these parts (a mask). true: another one belongs to it. */
bool model_state(struct model *model, struct model_cursor *cursor, unsigned parts, struct text *out);

/* Answers; NULL: no memory. */
json_t *model_status(struct model *model);
const struct unit *model_unit(const struct model *model, int64_t unit); /* NULL: none */
const struct unit *model_by_name(const struct model *model, const char *serial_or_mac);
json_t *model_device(struct model *model, const struct unit *unit);
json_t *model_find(struct model *model, const char *text);
/* The banner's subject for the record, "unit 12" or "guard consecutive_fail", and its unit (0: none). false: no such
 * banner. */
bool model_banner(const struct model *model, int64_t banner, char subject[static 80], int64_t *unit);
void model_acknowledge(struct model *model, int64_t banner);
/* Something to be acknowledged that no event of the line is: `kind`, static; its cause's name, what it is and what to
 * do. */
void model_warn(struct model *model, const char *kind, const char *cause, int64_t unit, const char *sentence,
		const char *remedy);
bool model_guard_unseen(const struct model *model); /* a guard's banner is not acknowledged */

/* Counters for metrics.c. */
struct model_totals {
	uint64_t attempts_failed, orders, log_lines;
	double fpy, cadence_us; /* below 0: not known yet */
};
void model_totals(const struct model *model, struct model_totals *out);
