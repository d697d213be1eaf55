/*
 * The flash of all simulated devices, in memory or in a file: with a file, a batch whose station was killed finds its
 * devices as they were, in the middle of a write included, as on a real line.
 *
 *	flash_open -> flash_of (one per device) -> flash_close (after the devices)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/core/store.h"

struct flash;

/*
 * `path` NULL: memory. A file of another `id` (the job's SHA-256) or number of devices is begun anew, erased.
 * NULL with a sentence in `error`.
 */
struct flash *flash_open(const char *path, const uint8_t id[static 32], size_t devices, char *error, size_t error_len);
void flash_close(struct flash *flash);
/* One octet, 0 until the device was put on the line: it is there already when the batch is continued. device.h says
 * what else it holds. */
uint8_t *flash_placed(struct flash *flash, size_t device);
uint8_t (*flash_of(struct flash *flash, size_t device))[MR_STORE_MAX]; /* MR_STORE_SLOTS slots */
