/*
 * The other end of the control socket: a client in C, for `millrace ctl`, the dashboard and the tests. Blocking, with
 * a time limit for each wait.
 *
 *	remote_open -> { remote_ask | remote_send, remote_read } ... -> remote_close
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct remote;

/* Connects (`path` NULL: to the first usual place where a station answers) and reads its hello. NULL, with a sentence.
 */
struct remote *remote_open(const char *path, char *error, size_t error_len);
void remote_close(struct remote *remote);
int remote_fd(const struct remote *remote); /* to wait on, when remote_read(remote, 0) has nothing more */
const json_t *remote_hello(const struct remote *remote);

/* Takes `object` and sends it as a line. false: the station is gone. */
bool remote_send(struct remote *remote, json_t *object);
/* The next line, the caller's; NULL: none within timeout_ms (-1: for ever), or the end (remote_ended). */
json_t *remote_read(struct remote *remote, int timeout_ms);
bool remote_ended(const struct remote *remote);
/* Takes `object`, gives it an id, sends it, and waits for its answer, which is the caller's; lines that arrive
 * meanwhile are kept for remote_read, for a state that is lost is never sent again. NULL: gone, or none in time. */
json_t *remote_ask(struct remote *remote, json_t *object, int timeout_ms);
