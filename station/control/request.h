/*
 * What a client asks, read strictly: one line of JSON against a table of requests. docs/control.md has each of them.
 * Nothing is trusted: not the length, not the encoding, not the nesting, not the types. Sans-IO.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define REQUEST_LINE_MAX 65536u /* octets, without the end of the line */
#define REQUEST_UNITS_MAX 1000u
#define REQUEST_RATE_MAX 60u /* updates a second: as often as screens show pictures */

enum role { ROLE_NONE, ROLE_OBSERVER, ROLE_OPERATOR, ROLE_LEAD };
const char *role_name(enum role role); /* "observer" */
bool role_parse(const char *name, enum role *out);

/* X(ENUM, "name", ROLE) */
#define REQUESTS(X)                                                                                                    \
	X(HELLO, "hello", OBSERVER)                                                                                    \
	X(BADGE, "badge", OBSERVER)                                                                                    \
	X(STATUS, "status", OBSERVER)                                                                                  \
	X(SUBSCRIBE, "subscribe", OBSERVER)                                                                            \
	X(UNSUBSCRIBE, "unsubscribe", OBSERVER)                                                                        \
	X(DEVICE, "device", OBSERVER)                                                                                  \
	X(FIND, "find", OBSERVER)                                                                                      \
	X(PAUSE, "pause", OPERATOR)                                                                                    \
	X(RESUME, "resume", OPERATOR)                                                                                  \
	X(STOP, "stop", OPERATOR)                                                                                      \
	X(ABORT, "abort", OPERATOR)                                                                                    \
	X(RETRY, "retry", OPERATOR)                                                                                    \
	X(QUARANTINE, "quarantine", OPERATOR)                                                                          \
	X(RELEASE, "release", LEAD)                                                                                    \
	X(ACK, "ack", OPERATOR)                                                                                        \
	X(SCAN, "scan", OPERATOR)                                                                                      \
	X(LABEL, "label", OPERATOR)                                                                                    \
	X(LABELLED, "labelled", OPERATOR)                                                                              \
	X(PRINTER, "printer", OPERATOR)                                                                                \
	X(RUN, "run", OPERATOR)                                                                                        \
	X(CANCEL, "cancel", OPERATOR)                                                                                  \
	X(JOBS, "jobs", OBSERVER)

enum request_kind {
#define REQUEST_ENUM(NAME, name, role) REQUEST_##NAME,
	REQUESTS(REQUEST_ENUM)
#undef REQUEST_ENUM
		REQUEST_COUNT
};
const char *request_name(enum request_kind kind);
enum role request_role(enum request_kind kind);

/* Why a request is not granted: the "error" of its answer. */
struct refusal {
	const char *name; /* static, "wrong-value" */
	char sentence[240], remedy[160];
};
void refuse(struct refusal *why, const char *name, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

struct request {
	json_t *tree; /* holds the texts; request_free */
	json_t *id;   /* of the tree, or NULL */
	enum request_kind kind;
	const char *text; /* client, badge, text, or the job's path; NULL: not given. Of a scan: may hold a PIN */
	const char *reason, *db; /* NULL: not given */
	const char *serial, *mac;
	const char *lot, *template, *form, *digest, *state; /* of labels; form: the key "kind" */
	bool stay, secret, strict;
	int64_t number; /* banner, job, or label; -1: not given */
	unsigned rate;	/* 0: not given */
	unsigned parts; /* mask of enum model_part; 0: not given */
	int64_t *units;
	size_t unit_count;
};

/*
 * One line without its end. true: `out` is a whole request. false: `why` says what is wrong; out->id is there if there
 * was one, and `fatal` when the other side does not even speak this language. request_free in both cases.
 */
bool request_parse(const char *line, size_t len, struct request *out, struct refusal *why, bool *fatal);
void request_free(struct request *request);
