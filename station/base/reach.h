/*
 * How far the files reach that a job names: passphrases, labels, serial numbers, lists of devices. Whoever writes a job
 * has what is in them come out again, in a device or in a message. So a station's settings name folders that they lie
 * in, and a folder of keys is none for anybody.
 */
#pragma once

#include <stddef.h>

#define REACH_FOLDERS_MAX 16
#define REACH_PATH_MAX 256 /* octets of a folder's name, NUL included */

struct reach {
	char folder[REACH_FOLDERS_MAX][REACH_PATH_MAX];
	size_t count; /* 0: any folder that holds no keys */
};

/*
 * Opens a regular file for reading. What was opened is judged, not what was named, so that symbolic links, ".." and a
 * change in between lead nowhere else; where folders are named, a file with a second name (a hard link) is refused.
 * `reach` NULL: as with no folder. -1 with a sentence in `error`, which names the file and nothing that is in it.
 */
int reach_open(const struct reach *reach, const char *path, const char *hint, char *error, size_t error_len);

#define REACH_ENVIRONMENT "MILLRACE_JOB_"
/*
 * The same for the environment: where folders are named, a job reads no variable but those that were put there for
 * jobs, by their first letters. NULL with a sentence in `error`, which names the variable and nothing that is in it.
 */
const char *reach_environment(const struct reach *reach, const char *name, char *error, size_t error_len);
