/*
 * A simulated device: the real agent (agent/core) on a simulated chip (agent/port/sim) on the air. The chip has one
 * slow core: while it computes, frames that its radio acknowledged wait in a short receive queue. Beside action frames,
 * or instead of them, it is an access point and serves HTTP when the agent's config says so: chip_wifi.h.
 */
#pragma once

#include "agent/core/agent.h"
#include "station/air/air.h"
#include "station/job/device_fault.h"

struct ip_stack;

/* What its chip tells of data frames that are for others. */
enum device_ears {
	DEVICE_HEARS_FRAMES,  /* all of them */
	DEVICE_HEARS_HEADERS, /* the MAC header, and how long it is: the rest is zeros */
	DEVICE_HEARS_LENGTHS, /* as before, without the address that it goes to */
};

struct device_config {
	struct mr_agent_config agent; /* strings and arrays must outlive the device */
	const char *chip;	      /* profile of think times: "esp32", "esp32-c3", "cortex-m4", ... ; "instant" */
	double x_m, y_m, tx_dbm;
	uint64_t seed;
	uint64_t power_on_us; /* when it is put on the line; it answers after the chip's boot time */
	enum device_fault fault;
	uint8_t fault_operation; /* enum mr_operation at which VANISH, POWER_CUT, STORAGE, AP_DEAUTH,
				    CHANNEL_SWITCH strike; 0: by the clock */
	uint64_t fault_delay_us; /* after that operation began, or after the end of booting */
	uint64_t off_us;
	uint16_t switch_mhz; /* CHANNEL_SWITCH: where its access point goes */
	struct ip_stack *ip; /* for an agent with an access point; outlives the device */
	bool five_ghz;	     /* its radio has that band too: it looks for networks there */
	bool odd_network;    /* its access point is an odd one */
	enum device_ears ears;
	uint8_t *placed;		/* read with device_fault_struck; may be NULL */
	uint8_t (*flash)[MR_STORE_MAX]; /* MR_STORE_SLOTS slots that outlive the device; NULL: new ones of its own */
};

/*
 * What `placed` says: 0: it was never on the line; else 1, and above that bit the fault that has struck it. A fault
 * that is a property of the device has struck when it heard a frame that is for it; one that leaves it deaf to the
 * station, when it heard any.
 */
static inline enum device_fault device_fault_struck(uint8_t placed) { return (enum device_fault)(placed >> 1); }

struct device;

/* Placed on the air; it is switched on at power_on_us. NULL: no memory, or (errno EINVAL) no such chip, or no `ip`
 * where it is needed. */
struct device *device_create(struct air *air, struct loop *loop, const struct device_config *config);
void device_destroy(struct device *device); /* before air_destroy */

/* Its RAM: may be ahead of the clock by the work in progress; zeros while it has no power. */
const struct mr_agent *device_agent(const struct device *device);
/* When the device was first able to hear a call (power on plus boot): the release time of the lower bound. */
uint64_t device_ready_us(const struct device *device);
/* Somebody switches it off and on again. One that has lost its power for good, or has none yet, stays as it is. */
void device_restart(struct device *device);
const uint8_t *device_mac(const struct device *device); /* 6 octets */
bool device_powered(const struct device *device);
/* What it stored, as a flash dump: tests look for what must or must not be there. */
const uint8_t *device_store(const struct device *device, unsigned slot, size_t *len);
size_t device_size(void); /* octets per device, the agent included */
