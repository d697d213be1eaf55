/*
 * A foreign device on the simulated air that is configured by Apple's Wireless Accessory Configuration: an open access
 * point with Apple's element, addresses, the service and the three requests (accessory_server.h); then it joins the
 * network that it was given, says there that it is configured, and goes back when nobody confirms that. Its coprocessor
 * is a model with the signing time of a real one, or a real one on a bus.
 *
 *	accessory_create -> loop_run -> accessory_destroy (before air_destroy)
 */
#pragma once

#include "agent/port/sim/mfi_model.h"
#include "station/air/air.h"
#include "station/identity/mfi_test.h"
#include "station/world/accessory_server.h"

/* What is wrong with it. */
enum accessory_fault {
	ACCESSORY_FINE,
	ACCESSORY_VANISHES,  /* it is switched off at a step; with `once` it is back after a second */
	ACCESSORY_STALLS,    /* it says nothing from there on, and stays where it is */
	ACCESSORY_NO_JOIN,   /* it never joins its network */
	ACCESSORY_SAME_SEED, /* it forgets that it was configured: its seed stays */
};

struct accessory_config {
	uint8_t mac[6];
	bool other_bssid; /* its access point has another address than itself */
	bool unannounced; /* on its network it says nothing until its service is asked for */
	const char *name; /* of its service, and its access point; several may have one. Outlives it */
	enum accessory_fault fault;
	enum accessory_step at_step;
	bool once; /* the fault strikes the first time only */
	enum accessory_lie lie;
	const struct mfi_test_chip *chip, *other_chip; /* of its model; of ACCESSORY_SHOWS_OTHER. Outlive it */
	unsigned generation;			       /* of the chip: 2 or 3 */
	const struct mr_mfi_bus *bus;		       /* of a real one, in place of the model; NULL: the model */
	uint32_t sign_us;			       /* of the model; 0: drawn, 0.5 to 1 s */
	struct ip_stack *ip;
	uint16_t freq_mhz;	  /* of its access point */
	const uint16_t *channels; /* MHz, where it looks for its network; outlive it */
	size_t channel_count;
	uint64_t power_on_us;
	double x_m, y_m, tx_dbm, extra_loss_db;
	uint64_t seed;
};

struct accessory;

/* NULL: no memory. The loop is the air's. */
struct accessory *accessory_create(struct air *air, const struct accessory_config *config);
void accessory_destroy(struct accessory *accessory);
