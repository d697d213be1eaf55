/*
 * A coprocessor of this machine, for simulated accessories on a bench: /dev/i2c-N of Linux. The simulation's time does
 * not pass while a real chip works, so that the bus itself waits where the chip does not acknowledge.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/port/mfi_bus.h"

struct i2c_bus {
	struct mr_mfi_bus bus; /* for the driver, while it is open */
	int fd;
};

/* `name`: "i2c:/dev/i2c-1": at the address of a coprocessor, 0x10 or 0x11, whichever answers. False: why, in words. */
bool i2c_bus_open(struct i2c_bus *b, const char *name, char *error, size_t error_len);
void i2c_bus_close(struct i2c_bus *b);
