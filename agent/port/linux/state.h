/*
 * The device's storage under Linux: a folder with a file per slot. A write makes a new file and renames it, so a power
 * cut leaves the old octets or the new ones; the folder is one device's, held by a lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_state_folder {
	int fd, lock_fd;
	char error[160];
};

/* Makes the folder when it is not there. false: the reason is in `error`. */
bool mr_state_open(struct mr_state_folder *folder, const char *path);
void mr_state_close(struct mr_state_folder *folder);
/* false: never written, or the medium failed. */
bool mr_state_read(struct mr_state_folder *folder, unsigned slot, uint8_t *out, size_t len);
bool mr_state_write(struct mr_state_folder *folder, unsigned slot, const uint8_t *bytes, size_t len);
