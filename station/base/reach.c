#include "station/base/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the file that is open lies in truth. The kernel keeps it: no name is looked up again. */
static bool place_of(int fd, char out[static PATH_MAX])
{
	char link[40];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, out, PATH_MAX - 1);
	if (len <= 0 || out[0] != '/')
		return false;
	out[len] = '\0';
	return true;
}

static bool is_beneath(const char *place, const char *folder)
{
	char *real = realpath(folder, NULL);
	size_t len = real ? strlen(real) : 0;
	/* "/" alone ends with the slash that the others lack. */
	bool beneath = len > 0 && strncmp(place, real, len) == 0 && (len == 1 || place[len] == '/');

	free(real);
	return beneath;
}

/* A folder of millrace ca, or one in it (batch/): it has what only such a folder has. */
static bool is_of_keys(const char *place)
{
	static const char *const keys[] = { "root.key", "issuing.key", "station.key", "record.key", "pin.key" };
	char folder[PATH_MAX], file[PATH_MAX + 16];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", place);
	for (unsigned up = 0; up < 2 && (slash = strrchr(folder, '/')) != NULL; up++) {
		*slash = '\0';
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			snprintf(file, sizeof(file), "%s/%s", folder, keys[i]);
			if (faccessat(AT_FDCWD, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
				return true;
		}
	}
	return false;
}

static bool is_allowed(const struct reach *reach, const char *place)
{
	if (!reach || reach->count == 0)
		return true;
	for (size_t i = 0; i < reach->count; i++)
		if (is_beneath(place, reach->folder[i]))
			return true;
	return false;
}

/* false: what is wrong is in `error`. */
static bool judge(const struct reach *reach, int fd, const char *path, const char *hint, char *error, size_t error_len)
{
	char place[PATH_MAX];
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		snprintf(error, error_len, "%s: is not a regular file; %s", path, hint);
	else if (!place_of(fd, place))
		snprintf(error, error_len, "%s: nobody can tell where it lies; is /proc there?", path);
	else if (is_of_keys(place))
		snprintf(error, error_len, "%s: lies in a folder of keys, which no job may read; %s", path, hint);
	else if (!is_allowed(reach, place))
		snprintf(error, error_len,
			 "%s: lies in none of the folders that jobs may read; the station's settings name them "
			 "(control.job_files)",
			 path);
	else if (reach && reach->count > 0 && st.st_nlink != 1)
		snprintf(error, error_len, "%s: has %lu names (hard links); a job wants a file with one: copy it", path,
			 (unsigned long)st.st_nlink);
	else
		return true;
	return false;
}

int reach_open(const struct reach *reach, const char *path, const char *hint, char *error, size_t error_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		snprintf(error, error_len, "%s: %s; %s", path, strerror(errno), hint);
		return -1;
	}
	if (judge(reach, fd, path, hint, error, error_len))
		return fd;
	close(fd);
	return -1;
}

const char *reach_environment(const struct reach *reach, const char *name, char *error, size_t error_len)
{
	const char *text = NULL;

	if (reach && reach->count > 0 && strncmp(name, REACH_ENVIRONMENT, strlen(REACH_ENVIRONMENT)) != 0)
		snprintf(error, error_len,
			 "environment variable %s: none that jobs may read; with control.job_files its name begins "
			 "with " REACH_ENVIRONMENT,
			 name);
	else if (!(text = getenv(name)))
		snprintf(error, error_len, "environment variable %s is not set", name);
	return text;
}
