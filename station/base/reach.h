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
