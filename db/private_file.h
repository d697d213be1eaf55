/*
 * Files that the station makes beside its record: what is in them is for its user and its group. The mode is given when
 * a file is made, so that no umask makes more of it, and a stricter one makes less.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#define PRIVATE_FILE_MODE 0640

/* As open(2) with O_CREAT and O_CLOEXEC. */
static inline int private_file_open(const char *path, int flags)
{
	return open(path, flags | O_CREAT | O_CLOEXEC, PRIVATE_FILE_MODE);
}

/*
 * For who makes files with a mode of his own, as SQLite does: an empty file that he finds. One that is there already
 * loses what others may do with it, if it is ours; it is not opened, for that would end SQLite's locks on it. false:
 * errno.
 */
static inline bool private_file_make(const char *path)
{
	struct stat there;
	int fd;

	if (lstat(path, &there) == 0) {
		if (S_ISREG(there.st_mode) && (there.st_mode & 07777 & ~(mode_t)PRIVATE_FILE_MODE) &&
		    there.st_uid == geteuid())
			return chmod(path, there.st_mode & PRIVATE_FILE_MODE) == 0;
		return true;
	}
	fd = private_file_open(path, O_RDWR | O_EXCL);
	return fd >= 0 && close(fd) == 0;
}

/* The same for one that may not be there. */
static inline void private_file_narrow(const char *path)
{
	if (access(path, F_OK) == 0)
		(void)private_file_make(path);
}
