#include "station/label/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(const char *path, int why, char *error, size_t error_len)
{
	const char *remedy = why == ENOSPC || why == EDQUOT || why == EFBIG  ? "free space, then run it again"
			     : why == EACCES || why == EPERM || why == EROFS ? "make the folder writable for this user"
			     : why == ENOENT || why == ENOTDIR		     ? "name a folder that is there"
									     : "look at the disk";

	snprintf(error, error_len, "%s was not written: %s; %s", path, strerror(why), remedy);
	return -1;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t wrote = write(fd, bytes, len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return errno;
		if (wrote == 0)
			return ENOSPC;
		bytes += wrote;
		len -= (size_t)wrote;
	}
	return fsync(fd) == 0 ? 0 : errno;
}

static void sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	char *slash;
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	if (fd >= 0) {
		(void)fsync(fd); /* the rename is done; a file system that cannot say more is not worse than that */
		close(fd);
	}
}

int file_write_whole(const char *path, const void *bytes, size_t len, char *error, size_t error_len)
{
	char beside[PATH_MAX];
	int fd, why;

	if ((size_t)snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= sizeof(beside))
		return refuse(path, ENAMETOOLONG, error, error_len);
	fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return refuse(path, errno, error, error_len);
	why = write_all(fd, bytes, len);
	if (close(fd) != 0 && why == 0)
		why = errno;
	if (why == 0 && rename(beside, path) != 0)
		why = errno;
	if (why != 0) {
		unlink(beside);
		return refuse(path, why, error, error_len);
	}
	sync_folder_of(path);
	return 0;
}
