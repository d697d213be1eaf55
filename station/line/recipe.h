/*
 * The recipe: what a session asks of its device, step by step. Each phase asks one thing of the device, the signer or
 * the record, and its answer leads to the next; a phase that a device has behind it by its own word and by the record
 * is skipped, which is all that resuming is.
 *
 * Durable before sealed: the identity is on record before the device hears of it, everything is before SEAL, and the
 * receipt is before PASS.
 */
#pragma once

#include "station/line/session.h"

extern const struct session_program recipe_program;

/* A handshake's first message, which says what the device is: opens the attempt, or ends the session. */
void recipe_welcome(struct session *s, const struct mr_message *m);
void recipe_stands(struct session *s); /* the handshake is complete: it asks what is next */
void recipe_linked(struct session *s); /* a link without an introduction is up, for the first time or again */
/* method_ops.open of devices that answer no requests: there is no link to wait for. */
enum method_opened recipe_open_foreign(struct line *line, struct unit *unit, struct channel *home);
/* Whoever waits longest for an exclusive delivery gets its turn, if nobody has it. */
void recipe_turn(struct line *line);
