/*
 * What the signer's process gives up, in two steps: before it opens the keys, and when it has them. After the second
 * step it can wait, read and write on its channels, ask for memory and for random octets, and end; no file, socket,
 * process or signal is to be had. A call that is not on the list is refused (EPERM) and does not end the process: a C
 * library that asks something new must not stop a line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CONFINE_NOTE_MAX 200

/* No dump of memory, no debugger, no new privileges, nothing open but descriptors below `keep`; ends with `parent`. */
void confine_begin(pid_t parent, int keep);
/* Private keys are in it from their first octet, locked where that may be. Not between fork and exec. */
void confine_heap(void);
/* Root becomes nobody, pages are locked (`all` of them, or the heap of the keys), system calls are filtered. `note`:
 * what could not be had; "" when all could. */
void confine_end(pid_t parent, bool all, char note[static CONFINE_NOTE_MAX]);
