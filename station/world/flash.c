#include "station/world/flash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/port/sim/chip.h"

#define HEAD_LEN 64u /* "MRFLASH1", id 32, devices le64, zeros; then the slots of each device, then an octet each */
#define DEVICE_LEN ((size_t)MR_STORE_SLOTS * MR_STORE_MAX)

struct flash {
	uint8_t *at;
	size_t len, devices;
};

static bool head(uint8_t out[static HEAD_LEN], const uint8_t id[static 32], size_t devices)
{
	struct mr_wr w = mr_wr_over(out, HEAD_LEN);

	memset(out, 0, HEAD_LEN);
	mr_wr_bytes(&w, "MRFLASH1", 8);
	mr_wr_bytes(&w, id, 32);
	mr_wr_le64(&w, devices);
	return !w.bad;
}

static int open_file(const char *path, const uint8_t want[static HEAD_LEN], size_t len, bool *fresh)
{
	uint8_t found[HEAD_LEN];
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), result = 0;

	if (fd < 0)
		return -1;
	*fresh = fstat(fd, &st) != 0 || (size_t)st.st_size != len ||
		 pread(fd, found, HEAD_LEN, 0) != (ssize_t)HEAD_LEN || memcmp(found, want, HEAD_LEN) != 0;
	/* The room is taken now: a full disk is an error here, and no signal in the middle of a run. */
	if (*fresh && (ftruncate(fd, 0) != 0 || (result = posix_fallocate(fd, 0, (off_t)len)) != 0)) {
		if (result)
			errno = result;
		result = errno;
		close(fd);
		errno = result;
		return -1;
	}
	return fd;
}

struct flash *flash_open(const char *path, const uint8_t id[static 32], size_t devices, char *error, size_t error_len)
{
	struct flash *f = calloc(1, sizeof(*f));
	uint8_t want[HEAD_LEN];
	bool fresh = true;
	int fd = -1;

	if (!f || !head(want, id, devices)) {
		free(f);
		snprintf(error, error_len, "no memory for the simulated devices' flash");
		return NULL;
	}
	f->devices = devices;
	f->len = HEAD_LEN + devices * (DEVICE_LEN + 1);
	if (path) {
		fd = open_file(path, want, f->len, &fresh);
		if (fd < 0) {
			snprintf(error, error_len, "%s: %s; the simulated devices' flash needs %zu KiB there", path,
				 strerror(errno), f->len / 1024 + 1);
			free(f);
			return NULL;
		}
	}
	f->at = mmap(NULL, f->len, PROT_READ | PROT_WRITE, path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
	if (fd >= 0)
		close(fd);
	if (f->at == MAP_FAILED) {
		snprintf(error, error_len, "the simulated devices' flash: %s", strerror(errno));
		free(f);
		return NULL;
	}
	if (fresh) {
		for (size_t i = 0; i < devices; i++)
			mr_chip_erase(flash_of(f, i));
		memcpy(f->at, want, HEAD_LEN); /* last: a file without it is begun anew */
	}
	return f;
}

void flash_close(struct flash *f)
{
	if (!f)
		return;
	(void)munmap(f->at, f->len);
	free(f);
}

uint8_t *flash_placed(struct flash *f, size_t device) { return f->at + HEAD_LEN + f->devices * DEVICE_LEN + device; }

uint8_t (*flash_of(struct flash *f, size_t device))[MR_STORE_MAX]
{
	return (uint8_t(*)[MR_STORE_MAX])(void *)(f->at + HEAD_LEN + device * DEVICE_LEN);
}
