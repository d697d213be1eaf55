/*
 * Files that hold secrets: opened once and judged by what was opened, so that there is no race between the look and the
 * read. Errors name the file and the remedy, never what is in it.
 */
#pragma once

#include <stddef.h>

#include "station/base/reach.h"

/*
 * Reads a whole regular file that belongs to this user (or root) and that nobody else may read. `*text`: `*len` octets
 * and a NUL, the caller's: OPENSSL_clear_free it. `reach`: where it may lie, NULL: in any folder but one of keys. 0 or
 * -MR_CAUSE_BAD_REQUEST (a sentence in `error`; `hint` says what belongs into the file), -MR_CAUSE_NO_MEMORY.
 */
int secret_file_read(const struct reach *reach, const char *path, size_t max, const char *hint, char **text,
		     size_t *len, char *error, size_t error_len);
