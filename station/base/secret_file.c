#include "station/base/secret_file.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/wire/cause.h"

/* Reads up to `cap` octets; -1 with errno. */
static ssize_t read_all(int fd, char *to, size_t cap)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, to + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int judge(int fd, const char *path, char *error, size_t error_len)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		snprintf(error, error_len, "%s: %s", path, strerror(errno));
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		snprintf(error, error_len, "%s: belongs to another user; chown it to yourself", path);
	else if (st.st_mode & 077)
		snprintf(error, error_len, "%s: others may read it (mode %03o); chmod 600 %s", path,
			 (unsigned)st.st_mode & 0777, path);
	else
		return 0;
	return -MR_CAUSE_BAD_REQUEST;
}

int secret_file_read(const struct reach *reach, const char *path, size_t max, const char *hint, char **text,
		     size_t *len, char *error, size_t error_len)
{
	int fd = reach_open(reach, path, hint, error, error_len), result;
	ssize_t got = -1;
	char *room = NULL;

	if (fd < 0)
		return -MR_CAUSE_BAD_REQUEST;
	result = judge(fd, path, error, error_len);
	if (result == 0 && !(room = OPENSSL_malloc(max + 2))) {
		snprintf(error, error_len, "%s: no memory", path);
		result = -MR_CAUSE_NO_MEMORY;
	}
	if (result == 0 && (got = read_all(fd, room, max + 1)) < 0) {
		snprintf(error, error_len, "%s: %s", path, strerror(errno));
		result = -MR_CAUSE_BAD_REQUEST;
	} else if (result == 0 && (size_t)got > max) {
		snprintf(error, error_len, "%s: longer than %zu octets; %s", path, max, hint);
		result = -MR_CAUSE_BAD_REQUEST;
	}
	close(fd);
	if (result != 0) {
		OPENSSL_clear_free(room, room ? max + 2 : 0);
		return result;
	}
	room[got] = '\0';
	*text = room;
	*len = (size_t)got;
	return 0;
}
