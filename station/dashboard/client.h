/*
 * The dashboard's end of the control socket: connects, reads lines, writes requests, and when the station is gone
 * tries again, later and later (a quarter of a second to five). Never blocks. What the station sends is bounded: a
 * line of more than 4 MiB, or one that is no JSON object, ends the connection.
 *
 *	client_create -> { line | lost } ... client_send ... -> client_destroy
 */
#pragma once

#include <jansson.h>

#include "station/base/loop.h"

#define CLIENT_LINE_MAX (4u << 20)
#define CLIENT_OUT_MAX (256u << 10)
#define CLIENT_WAIT_FIRST_US 250000u
#define CLIENT_WAIT_MOST_US 5000000u

struct client;

struct client_options {
	struct loop *loop; /* of the real clock */
	const char *path;  /* NULL: the usual places (control/place.h) */
	void *ctx;
	void (*line)(void *ctx, const json_t *line);
	/* There is no connection, and why; it is tried again in `wait_us`. Called for each try that fails. `nobody`:
	 * there is no station at all. */
	void (*lost)(void *ctx, const char *why, uint64_t wait_us, bool nobody);
};

/* Connects at the loop's next turn. NULL: no memory. */
struct client *client_create(const struct client_options *options);
void client_destroy(struct client *client);
/* Takes the object. False: not connected, or too much waits to be sent. */
bool client_send(struct client *client, json_t *request);
/* Ends the connection; it is tried again. May be called from `line`. */
void client_hang_up(struct client *client, const char *why);
/* No more tries; from `lost`. */
void client_rest(struct client *client);
/* The other end has said who it is: from now on a loss is tried again at once. */
void client_greeted(struct client *client);
