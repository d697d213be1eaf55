/*
 * A file that holds a secret: whole or not there at all, and for its owner only.
 */
#pragma once

#include <stddef.h>

/* Written beside its place with mode 0600, synced, then renamed. 0, or -1 with a sentence in `error`, and nothing is
 * left behind. */
int file_write_whole(const char *path, const void *bytes, size_t len, char *error, size_t error_len);
