/*
 * A foreign device on the simulated air that is enrolled by Wi-Fi Simple Configuration: it looks for an access
 * point that would have it, on one channel after the other, takes the credentials, and joins the network that they
 * name. No agent of ours beyond the enrollee's formats; it chooses access points as wpa_supplicant 2.10 does, and
 * is as slow as a small chip.
 *
 *	enrollee_create -> loop_run -> enrollee_destroy (before air_destroy)
 */
#pragma once

#include "station/air/air.h"

/* What is wrong with it. */
enum enrollee_fault {
	ENROLLEE_FINE,
	ENROLLEE_WRONG_FIRST,  /* the first half of its PIN is another than its label's */
	ENROLLEE_WRONG_SECOND, /* the second half */
	ENROLLEE_STALLS,       /* it stops at a message, and stays where it is */
	ENROLLEE_VANISHES,     /* it is switched off there; with `once` it is back after a second */
	ENROLLEE_REFUSES,      /* it sends a NACK there */
	ENROLLEE_NO_JOIN,      /* it never joins its network */
};

struct enrollee_config {
	uint8_t mac[6];
	char pin[9]; /* of its label, 4 or 8 digits */
	bool button; /* pressed when it is switched on, and again when its two minutes are over */
	char serial[33];
	enum enrollee_fault fault;
	uint8_t at_message;	  /* enum mr_wsc_type that it has received: where the fault strikes, M2 to M8 */
	bool once;		  /* the fault strikes the first time only */
	const uint16_t *channels; /* MHz, that it looks at; outlive it */
	size_t channel_count;
	uint64_t power_on_us;
	uint32_t think_us; /* to answer a message; 0: the default of a small chip */
	uint32_t group_us; /* for each of the two operations in the group; 0: the same */
	double x_m, y_m, tx_dbm, extra_loss_db;
	uint64_t seed;
	/*
	 * Of before version 2: says nothing of it, does not look at AuthorizedMACs, and takes part only after an
	 * EAPOL-Start, 2 s after it is associated; and sends another one in the middle of the run. Not of access
	 * points.
	 */
	bool old;
	/* Called at each message that it has received, before it answers. May be NULL. */
	void (*told)(void *ctx, uint8_t type);
	void *ctx;
};

/* A fault of the PIN: another one than that of its label, with the check digit left as it is. Else nothing. */
void enrollee_spoil_pin(struct enrollee_config *config);

struct enrollee;

/* NULL: no memory. The loop is the air's. */
struct enrollee *enrollee_create(struct air *air, const struct enrollee_config *config);
void enrollee_destroy(struct enrollee *enrollee);
