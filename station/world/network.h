/*
 * Access points on the air that are nobody's device: the network that a job's devices are to join, and networks of
 * others, so that scan lists are real. Beacons, probe responses, associations and keys. As a rule no address and no
 *data behind them, for a device has joined when its 4-way handshake is done; with `ip` a router: its STAs get addresses
 * from it, and what one sends to another is relayed.
 *
 *	network_create -> loop_run -> network_destroy (before air_destroy)
 */
#pragma once

#include "station/air/air.h"
#include "station/ip/ip.h"
#include "station/wifi/soft_ap.h"

struct network;

struct network_config {
	struct soft_ap_config bss;
	double x_m, y_m, tx_dbm;
	uint64_t seed;
	struct ip_stack *ip; /* of a router; NULL: it is none. Outlives it */
};

/* NULL: no memory. The loop is the air's. */
struct network *network_create(struct air *air, const struct network_config *config);
void network_destroy(struct network *network); /* NULL is fine */

/* It will not associate with this STA. false: no memory. */
bool network_refuse(struct network *network, const uint8_t mac[static 6]);
size_t network_stas(const struct network *network);    /* that are joined now */
uint64_t network_joins(const struct network *network); /* since the beginning */

/*
 * The `i`th of a town's networks, from a seed: every kind of security, hidden ones, ad-hoc ones, and names that only a
 * test of a scan list would have. They serve nobody. `channels`: where they may be.
 */
void network_neighbour(struct network_config *config, uint64_t seed, unsigned i, const uint16_t *channels,
		       size_t channel_count, double floor_m);
