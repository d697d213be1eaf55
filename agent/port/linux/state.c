#include "agent/port/linux/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(struct mr_state_folder *folder, const char *what, const char *path)
{
	(void)snprintf(folder->error, sizeof(folder->error), "%s %.80s: %s", what, path, strerror(errno));
	mr_state_close(folder);
	return false;
}

bool mr_state_open(struct mr_state_folder *folder, const char *path)
{
	folder->fd = folder->lock_fd = -1;
	folder->error[0] = '\0';
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail(folder, "can't make the state folder", path);
	folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder->fd < 0)
		return fail(folder, "can't open the state folder", path);
	folder->lock_fd = openat(folder->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (folder->lock_fd < 0)
		return fail(folder, "can't write in the state folder", path);
	if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return fail(folder, "another agent uses the state folder", path);
	return true;
}

void mr_state_close(struct mr_state_folder *folder)
{
	if (folder->lock_fd >= 0)
		close(folder->lock_fd);
	if (folder->fd >= 0)
		close(folder->fd);
	folder->fd = folder->lock_fd = -1;
}

bool mr_state_read(struct mr_state_folder *folder, unsigned slot, uint8_t *out, size_t len)
{
	char name[16];
	size_t done = 0;
	int fd;

	(void)snprintf(name, sizeof(name), "slot%u", slot);
	fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (done < len) {
		ssize_t got = read(fd, out + done, len - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	close(fd);
	/* A slot may be asked for more than was written to it. */
	memset(out + done, 0, len - done);
	return done > 0;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, bytes, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		bytes += put;
		len -= (size_t)put;
	}
	return fsync(fd) == 0;
}

bool mr_state_write(struct mr_state_folder *folder, unsigned slot, const uint8_t *bytes, size_t len)
{
	char name[16], fresh[16];
	bool done;
	int fd;

	(void)snprintf(name, sizeof(name), "slot%u", slot);
	(void)snprintf(fresh, sizeof(fresh), "slot%u.new", slot);
	fd = openat(folder->fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	done = write_all(fd, bytes, len);
	done = close(fd) == 0 && done;
	done = done && renameat(folder->fd, fresh, folder->fd, name) == 0;
	return done && fsync(folder->fd) == 0;
}
