#include "station/radio/claim.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/radio/nl80211.h"

#define SUFFIX ".radio"

/* The folder that all stations of this machine can see. */
static int folder(char *out, size_t cap)
{
	const char *given = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");

	if (given && given[0] == '/') {
		snprintf(out, cap, "%s", given);
		if (access(out, W_OK) == 0)
			return 0;
	}
	snprintf(out, cap, "/run/millrace");
	if ((mkdir(out, 0755) == 0 || errno == EEXIST) && access(out, W_OK) == 0)
		return 0;
	if (user && user[0] == '/') {
		snprintf(out, cap, "%s/millrace", user);
		if ((mkdir(out, 0700) == 0 || errno == EEXIST) && access(out, W_OK) == 0)
			return 0;
	}
	return -EACCES;
}

static int file_of(const char *adapter, char *out, size_t cap)
{
	char where[CLAIM_PATH_MAX];
	int error = folder(where, sizeof(where));
	size_t used;

	if (error < 0)
		return error;
	used = (size_t)snprintf(out, cap, "%s/%s" SUFFIX, where, adapter);
	if (used >= cap)
		return -ENAMETOOLONG;
	for (char *c = out + strlen(where) + 1; *c; c++)
		if (*c == '/')
			*c = '_';
	return 0;
}

/* Lines are "pid N" and "up NAME". */
static int replay(int fd, claim_fn *fn, void *ctx)
{
	char line[64], name[NL80211_NAME_MAX];
	int given = 0, copy = dup(fd);
	FILE *from = copy < 0 ? NULL : fdopen(copy, "r");

	if (!from) {
		if (copy >= 0)
			close(copy);
		return 0;
	}
	rewind(from);
	while (fgets(line, sizeof(line), from)) {
		int error;

		if (sscanf(line, "up %31s", name) != 1)
			continue;
		error = interface_up(name, true);
		given += error == 0;
		if (fn)
			fn(ctx, name, error);
	}
	fclose(from);
	return given;
}

/* Its holder may have let go between our open and our lock. */
static bool unlinked(int fd)
{
	struct stat at;

	return fstat(fd, &at) == 0 && at.st_nlink == 0;
}

int claim_take(struct claim *claim, const char *adapter, char *error, size_t error_len)
{
	char line[32];
	int result;

	claim->fd = -1;
	result = file_of(adapter, claim->path, sizeof(claim->path));
	if (result < 0) {
		snprintf(error, error_len,
			 "no folder for the record of taken interfaces; make /run/millrace, owned by you");
		return result;
	}
	do {
		if (claim->fd >= 0)
			close(claim->fd);
		claim->fd = open(claim->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (claim->fd < 0) {
			snprintf(error, error_len, "%s: %s", claim->path, strerror(errno));
			return -errno;
		}
		if (flock(claim->fd, LOCK_EX | LOCK_NB) < 0) {
			close(claim->fd);
			claim->fd = -1;
			snprintf(error, error_len, "another process uses it (pid %d)", claim_holder(adapter));
			return -EBUSY;
		}
	} while (unlinked(claim->fd));
	replay(claim->fd, NULL, NULL);
	snprintf(line, sizeof(line), "pid %d\n", (int)getpid());
	if (ftruncate(claim->fd, 0) < 0 || pwrite(claim->fd, line, strlen(line), 0) < 0) {
		result = -errno;
		snprintf(error, error_len, "%s: %s", claim->path, strerror(errno));
		close(claim->fd);
		claim->fd = -1;
		return result;
	}
	return 0;
}

int claim_note(struct claim *claim, const char *interface)
{
	char line[64];
	off_t end = lseek(claim->fd, 0, SEEK_END);
	size_t len = (size_t)snprintf(line, sizeof(line), "up %s\n", interface);

	assert(claim->fd >= 0 && len < sizeof(line));
	if (end < 0 || pwrite(claim->fd, line, len, end) != (ssize_t)len)
		return -EIO;
	return fdatasync(claim->fd) < 0 && errno != EINVAL ? -errno : 0;
}

void claim_release(struct claim *claim)
{
	if (claim->fd < 0)
		return;
	replay(claim->fd, NULL, NULL);
	(void)unlink(claim->path);
	close(claim->fd);
	claim->fd = -1;
}

int claim_holder(const char *adapter)
{
	char path[CLAIM_PATH_MAX], line[32] = "";
	int fd, pid = 0;

	if (file_of(adapter, path, sizeof(path)) < 0)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK && pread(fd, line, sizeof(line) - 1, 0) > 0 &&
	    sscanf(line, "pid %d", &pid) != 1)
		pid = 0;
	close(fd);
	return pid;
}

int claims_restore(claim_fn *fn, void *ctx)
{
	char where[CLAIM_PATH_MAX], path[CLAIM_PATH_MAX + 64];
	struct dirent *entry;
	int given = 0;
	DIR *dir;

	if (folder(where, sizeof(where)) < 0)
		return 0;
	dir = opendir(where);
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);
		int fd;

		if (len <= strlen(SUFFIX) || strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) != 0 ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", where, entry->d_name) >= sizeof(path))
			continue;
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			given += replay(fd, fn, ctx);
			(void)unlink(path);
		}
		close(fd);
	}
	closedir(dir);
	return given;
}
