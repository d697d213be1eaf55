/*
 * A simulated microcontroller: the board on which agent/core runs where there is no board. One slow core, whose work is
 * charged from a profile; a flash of two slots that a power cut tears; self-test items. No heap, no clock: the owner of
 * the chip gives it the time and the flash's memory, and takes what it sends.
 *
 *	mr_chip_init -> mr_chip_port -> { mr_chip_begin -> mr_agent_* -> mr_chip_end } ...
 */
#pragma once

#include "agent/core/agent.h"
#include "agent/port/sim/profile.h"

/* What leaves the chip, with the instant at which the core came to it. */
struct mr_chip_sink {
	void *ctx;
	void (*frame)(void *ctx, const uint8_t *frame, size_t len, uint32_t cookie, uint64_t at_us);
	void (*tune)(void *ctx, uint16_t freq_mhz, uint64_t at_us);
	void (*verdict)(void *ctx, int verdict);
	void (*random)(void *ctx, uint8_t *out, size_t len);
};

/* Layout is ours. */
struct mr_chip {
	const struct mr_chip_profile *profile;
	struct mr_chip_sink sink;
	uint64_t began_us, worked_ns;
	uint64_t dead_us;		     /* power goes at this instant; UINT64_MAX: it stays */
	uint8_t (*flash)[MR_STORE_MAX];	     /* MR_STORE_SLOTS of them, the owner's */
	bool selftest_fails, no_temperature; /* an item fails; one is left out */
	bool storage_fails;		     /* writes fail during fault_operation */
	bool cut;			     /* power goes fault_delay_us after fault_operation begins */
	uint8_t operation, fault_operation;
	uint64_t fault_delay_us;
	int32_t vbat_mv, temperature_c;
	const struct mr_wifi *wifi; /* a radio that does more than action frames; its `ctx` is the sink's. NULL: none */
	void (*began)(void *ctx, uint8_t operation,
		      uint64_t at_us); /* an operation; `ctx` is the sink's. NULL: not wanted */
};

/* `flash` outlives the chip and is taken as it is: mr_chip_erase makes it new. */
void mr_chip_init(struct mr_chip *chip, const struct mr_chip_profile *profile, const struct mr_chip_sink *sink,
		  uint8_t flash[static MR_STORE_SLOTS][MR_STORE_MAX]);
void mr_chip_erase(uint8_t flash[static MR_STORE_SLOTS][MR_STORE_MAX]);
void mr_chip_port(struct mr_chip *chip, struct mr_port *port);
/* The core turns to something at `now_us`; end: until when it is busy with it (not past the power cut). */
void mr_chip_begin(struct mr_chip *chip, uint64_t now_us);
uint64_t mr_chip_end(struct mr_chip *chip);
uint64_t mr_chip_now_us(const struct mr_chip *chip); /* how far the core is: what the agent is told */
