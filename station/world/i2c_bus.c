#include "station/world/i2c_bus.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NS 500000 /* between two tries, as Apple's sample code has it */

/* A chip that is busy does not acknowledge, which adapters report by one of these. */
static enum mr_mfi_bus_result result_of(ssize_t n, size_t len)
{
	static const struct timespec pause = { .tv_nsec = WAIT_NS };

	if (n >= 0)
		return (size_t)n == len ? MR_MFI_BUS_OK : MR_MFI_BUS_FAILED;
	if (errno != ENXIO && errno != EREMOTEIO && errno != EIO && errno != ETIMEDOUT)
		return MR_MFI_BUS_FAILED;
	(void)nanosleep(&pause, NULL);
	return MR_MFI_BUS_NAK;
}

static enum mr_mfi_bus_result on_write(void *ctx, const uint8_t *bytes, size_t len)
{
	return result_of(write(((struct i2c_bus *)ctx)->fd, bytes, len), len);
}

static enum mr_mfi_bus_result on_read(void *ctx, uint8_t *out, size_t len)
{
	return result_of(read(((struct i2c_bus *)ctx)->fd, out, len), len);
}

static bool answers(int fd, unsigned long address)
{
	static const uint8_t device_version = 0;

	if (ioctl(fd, I2C_SLAVE, address) != 0)
		return false;
	for (unsigned tries = 0; tries < 40; tries++) { /* it may have to wake up */
		ssize_t n = write(fd, &device_version, 1);

		if (result_of(n, 1) == MR_MFI_BUS_OK)
			return true;
	}
	return false;
}

bool i2c_bus_open(struct i2c_bus *b, const char *name, char *error, size_t error_len)
{
	const char *path = strncmp(name, "i2c:", 4) == 0 ? name + 4 : name;

	*b = (struct i2c_bus){ .bus = { b, on_write, on_read }, .fd = open(path, O_RDWR | O_CLOEXEC) };
	if (b->fd < 0) {
		snprintf(error, error_len, "%s: %s; load i2c-dev, and belong to the group i2c", path, strerror(errno));
		return false;
	}
	if (answers(b->fd, 0x10) || answers(b->fd, 0x11))
		return true;
	snprintf(error, error_len, "%s: no coprocessor answers at 0x10 or 0x11; look at its supply and its reset pin",
		 path);
	i2c_bus_close(b);
	return false;
}

void i2c_bus_close(struct i2c_bus *b)
{
	if (b->fd >= 0)
		(void)close(b->fd);
	b->fd = -1;
}
