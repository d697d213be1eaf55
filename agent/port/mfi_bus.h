/*
 * The bus behind which an authentication coprocessor lies, as its driver (agent/core/mfi_cp.h) sees it: transfers to
 * one address. /dev/i2c-N, a board's own controller, or a model of the chip.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum mr_mfi_bus_result {
	MR_MFI_BUS_OK,
	MR_MFI_BUS_NAK,	   /* it did not acknowledge: it is busy, and may be asked again */
	MR_MFI_BUS_FAILED, /* the bus itself does not work */
};

struct mr_mfi_bus {
	void *ctx;
	enum mr_mfi_bus_result (*write)(void *ctx, const uint8_t *bytes, size_t len);
	enum mr_mfi_bus_result (*read)(void *ctx, uint8_t *out, size_t len);
};
