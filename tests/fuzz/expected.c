/*
 * The list of expected devices: refused with file and line, or each device that a line names is known afterwards, and
 * no other.
 *
 * links: station/roster/expected.c station/base/map.c
 * links: station/base/reach.c
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "station/roster/expected.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t other_id[8] = { 0xde, 0xad, 0xbe, 0xef, 0x5e, 0xed, 0xfa, 0xce };
	static const uint8_t other_mac[6] = { 0xde, 0xad, 0xbe, 0xef, 0x5e, 0xed };
	struct expected expected = { .list = NULL };
	char path[32], error[200] = "";
	int fd = memfd_create("expected", MFD_CLOEXEC), result;

	assert(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	result = expected_load(&expected, NULL, path, error, sizeof(error));
	assert((result == 0) == (error[0] == '\0') && result <= 0);
	assert(result == 0 || strncmp(error, path, strlen(path)) == 0);
	if (result == 0)
		assert(expected.ids.count + expected.macs.count > 0);
	assert(expected.list_count == expected.macs.count || result != 0);
	for (size_t i = 0; i < expected.list_count; i++)
		assert(expected_has(&expected, other_id, expected.list[i]));
	if (!memmem(data, len, "DEADBEEF", 8) && !memmem(data, len, "5", 1))
		assert(!expected_has(&expected, other_id, other_mac));
	expected_free(&expected);
	close(fd);
	return 0;
}
