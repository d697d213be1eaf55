/* What the files of the server share; nobody else includes it. Layouts are ours. */
#pragma once

#include "station/control/control.h"
#include "station/control/place.h"
#include "station/control/request.h"

#define REQUESTS_A_TURN 16u /* of one client; chosen: it does not keep the others waiting */
#define OUT_ENOUGH 262144u  /* octets waiting for a client: its requests wait too */
/* This many badges that nobody has, and for this long no other one is looked at: a list of numbers is not tried out,
 * and who scans other codes of digits alone keeps his role. Both chosen. */
#define BADGES_WRONG_MAX 5u
#define BADGES_PAUSE_US 10000000u
#define SAMPLE_US 250000u   /* chosen: four looks a second at what has no events */
#define CLOSING_US 1000000u /* chosen: time for a last line to leave */

struct control;

/* What epoll points at. */
struct watch {
	void (*fn)(void *ctx, uint32_t events);
	void *ctx;
	int fd;
};

struct client {
	struct watch watch;
	struct control *control;
	struct client *next;
	uint64_t number;
	uid_t uid;
	enum role own_role, role; /* by user and groups; with a badge */
	char own_actor[LINE_ACTOR_MAX + 1], actor[LINE_ACTOR_MAX + 1];
	unsigned badges_wrong;
	uint64_t badges_pause_us; /* until then none is looked at */
	char *in;
	size_t in_len, in_room;
	struct text out;
	size_t out_sent;
	uint64_t blocked_us; /* since when it takes nothing; 0: it does */
	uint64_t eof_us;     /* it said its last; dropped then; 0: no */
	uint64_t closing_us; /* closed when `out` has left, at the latest then; 0: not closing */
	bool subscribed, dead, wants_out, reads;
	unsigned rate, parts;
	uint64_t told_us; /* last update */
	struct model_cursor cursor;
};

struct metrics;
struct posting;

struct control {
	struct control_options o;
	struct place place;
	int epoll_fd, timer_fd, spare_fd;
	struct watch listen_watch, timer_watch;
	struct loop *loop;
	struct loop_timer stand_timer; /* virtual clock: does nothing happen on the line? */
	struct client *clients;
	size_t client_count;
	uint64_t next_client;
	char host[65];
	struct line *line;   /* NULL: idle */
	struct model *model; /* always there */
	bool simulated;
	double pace;
	bool dirty, backlog;
	uint64_t armed_us, sampled_us;
	struct metrics *metrics;
	struct posting *posting; /* of a run */
	const struct log *log;	 /* of the run, else of the station */
};

/* control.c */
uint64_t control_now_us(void); /* real time */
int control_watch(struct control *c, struct watch *w, uint32_t events);
void control_unwatch(struct control *c, struct watch *w);
struct client *control_client(struct control *c, uint64_t number); /* NULL: gone */
/* Takes `object`; one line. */
void client_say(struct client *client, json_t *object);
void client_bye(struct client *client, const char *reason, const char *sentence);
void control_turn(struct control *c); /* something may be due: look soon */
json_t *control_hello(const struct control *c, const struct client *client);
/* A connection, or -1. */
int control_accept(struct control *c, int listen_fd);

/* answer.c */
void client_request(struct client *client, const char *line, size_t len);
/* Takes `result`; NULL: an empty object. */
void client_grant(struct client *client, json_t *id, json_t *result);
void client_refuse(struct client *client, json_t *id, const struct refusal *why);

/* labels.c: what requests about labels share in one run. NULL: no memory. Closing answers nobody: the run is over. */
struct posting *posting_open(struct control *c, const struct control_run *run);
void posting_close(struct posting *posting);
/* A scan, a label or how far it went: answered when it is on record, one after the other. Takes the request's tree
 * over. */
void posting_request(struct client *client, struct request *request);

/* metrics.c: HTTP, Prometheus text format. 0 or -errno with a sentence. */
int metrics_open(struct metrics **out, struct control *c, const char *address, char *error, size_t error_len);
void metrics_close(struct metrics *metrics);
/* Connections that take too long end. */
void metrics_expire(struct metrics *metrics, uint64_t now_us);
bool metrics_busy(const struct metrics *metrics);
