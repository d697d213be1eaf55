/*
 * Where the control socket lies. The station that listens there holds a lock on a file beside it for as long as it
 * lives, so that a socket without its station is told from one that is busy.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PLACE_MAX 108 /* sun_path */

struct place {
	int fd, lock_fd; /* -1: none */
	char path[PLACE_MAX];
};

/*
 * The usual places, best first: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/millrace, /run/millrace, and for users who have
 * none of these /tmp/millrace-UID, if that is the user's own; then false. "": not on this machine.
 */
bool place_usual(unsigned i, char out[static PLACE_MAX]);

/*
 * Listens. `path` NULL: the first usual place that can be had. 0; -EADDRINUSE: a living station has it; else -errno;
 * a sentence in `error`. Mode 0660, group `group` when it is not NULL.
 */
int place_listen(struct place *place, const char *path, const gid_t *group, char *error, size_t error_len);
void place_close(struct place *place); /* and takes the socket away */

/* Connects, to the first usual place where a station answers when `path` is NULL. A descriptor, or -errno with a
 * sentence. */
int place_connect(const char *path, char *error, size_t error_len);
