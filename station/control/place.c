#include "station/control/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64 /* connections before accept; as CONTROL_CLIENTS_MAX */

/* Where there is no folder of the user's for such things: in a place where anybody could have made one first. */
#define LAST_FOLDER "/tmp/millrace-%u"

/* It is not there yet, or is a folder of this user that nobody else writes in. */
static bool is_ours(uid_t user)
{
	char folder[PLACE_MAX];
	struct stat st;

	snprintf(folder, sizeof(folder), LAST_FOLDER, user);
	if (lstat(folder, &st) != 0)
		return errno == ENOENT;
	return S_ISDIR(st.st_mode) && st.st_uid == user && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool place_usual(unsigned i, char out[static PLACE_MAX])
{
	const char *given = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");
	int len = 0;

	out[0] = '\0';
	if (i == 0 && given && given[0] == '/')
		len = snprintf(out, PLACE_MAX, "%s/control.sock", given);
	else if (i == 1 && user && user[0] == '/')
		len = snprintf(out, PLACE_MAX, "%s/millrace/control.sock", user);
	else if (i == 2)
		snprintf(out, PLACE_MAX, "/run/millrace/control.sock");
	else if (i == 3 && is_ours(geteuid()))
		snprintf(out, PLACE_MAX, LAST_FOLDER "/control.sock", geteuid());
	if (len < 0 || len >= PLACE_MAX)
		out[0] = '\0';
	return i < 4;
}

static int say(char *error, size_t error_len, const char *path, int number, const char *remedy)
{
	snprintf(error, error_len, "control socket %s: %s; %s", path, strerror(number), remedy);
	return -number;
}

static int lock(struct place *place, char *error, size_t error_len)
{
	char path[PLACE_MAX + 8];

	snprintf(path, sizeof(path), "%s.lock", place->path);
	place->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (place->lock_fd < 0)
		return say(error, error_len, path, errno, "name another place with --control, or none");
	if (flock(place->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		int number = errno == EWOULDBLOCK ? EADDRINUSE : errno;

		close(place->lock_fd);
		place->lock_fd = -1;
		return say(error, error_len, place->path, number,
			   "another station listens there; name another place with --control");
	}
	return 0;
}

static int listen_at(struct place *place, const gid_t *group, char *error, size_t error_len)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct stat st;

	if (lstat(place->path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return say(error, error_len, place->path, EEXIST, "something that is no socket lies there");
	(void)unlink(place->path);
	memcpy(name.sun_path, place->path, sizeof(name.sun_path));
	place->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Nobody may connect until it has its group: the socket is made with mode 0600 less the umask. */
	if (place->fd < 0 || fchmod(place->fd, 0600) != 0 ||
	    bind(place->fd, (const struct sockaddr *)&name, sizeof(name)) != 0)
		return say(error, error_len, place->path, errno, "name another place with --control, or none");
	if (group && chown(place->path, (uid_t)-1, *group) != 0)
		return say(error, error_len, place->path, errno,
			   "the user of the station is not in the group of control.group");
	if (chmod(place->path, 0660) != 0 || listen(place->fd, BACKLOG) != 0)
		return say(error, error_len, place->path, errno, "name another place with --control, or none");
	return 0;
}

static int try(struct place *place, const char *path, const gid_t *group, char *error, size_t error_len)
{
	int result;

	*place = (struct place){ .fd = -1, .lock_fd = -1 };
	if (strlen(path) >= sizeof(place->path)) {
		snprintf(error, error_len,
			 "control socket: the path has more than %d octets; name a shorter one with --control",
			 PLACE_MAX - 1);
		return -ENAMETOOLONG;
	}
	snprintf(place->path, sizeof(place->path), "%s", path);
	result = lock(place, error, error_len);
	if (result == 0)
		result = listen_at(place, group, error, error_len);
	if (result != 0) {
		if (place->fd >= 0)
			close(place->fd);
		if (place->lock_fd >= 0)
			close(place->lock_fd);
		place->fd = place->lock_fd = -1;
	}
	return result;
}

/* The last folder of a usual place is ours to make. */
static void make_folder(const char *path)
{
	char folder[PLACE_MAX];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	(void)mkdir(folder, 0755);
}

int place_listen(struct place *place, const char *path, const gid_t *group, char *error, size_t error_len)
{
	char usual[PLACE_MAX];
	int result = -ENOENT;

	*place = (struct place){ .fd = -1, .lock_fd = -1 };
	if (path)
		return try(place, path, group, error, error_len);
	snprintf(error, error_len, "control socket: no place for it; name one with --control");
	for (unsigned i = 0; place_usual(i, usual); i++) {
		if (!usual[0])
			continue;
		make_folder(usual);
		/* The last one is looked at once more: whose it is counts now that it is there. */
		if (!place_usual(i, usual) || !usual[0])
			continue;
		result = try(place, usual, group, error, error_len);
		if (result == 0 || result == -EADDRINUSE)
			break;
	}
	return result;
}

void place_close(struct place *place)
{
	if (place->fd >= 0) {
		(void)unlink(place->path);
		close(place->fd);
	}
	if (place->lock_fd >= 0)
		close(place->lock_fd);
	place->fd = place->lock_fd = -1;
}

static int connect_at(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd, number;

	if (strlen(path) >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
		number = errno;
		close(fd);
		return -number;
	}
	return fd;
}

int place_connect(const char *path, char *error, size_t error_len)
{
	char usual[PLACE_MAX];
	int fd = -ENOENT, worst = -ENOENT;

	if (path) {
		fd = connect_at(path);
		if (fd < 0)
			snprintf(error, error_len, "no station answers at %s: %s", path, strerror(-fd));
		return fd;
	}
	for (unsigned i = 0; fd < 0 && place_usual(i, usual); i++) {
		fd = usual[0] ? connect_at(usual) : -ENOENT;
		if (fd == -EACCES)
			worst = fd;
	}
	if (fd < 0)
		snprintf(error, error_len,
			 worst == -EACCES ? "a station is there, and you may not connect: its settings name the group"
					  : "no station answers; start one with millrace serve or millrace run, or "
					    "name its socket with --control");
	return fd < 0 ? worst : fd;
}
