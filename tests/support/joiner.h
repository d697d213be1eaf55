/*
 * A foreign device on the simulated air: nobody's agent, a WiFi chip that hears a channel, and joins a network
 * when it is told name and passphrase. Somebody takes its power and gives it back when it has been joined for a
 * while: a witness that missed its handshake is shown another. What it listens for before that is its owner's: a
 * hook gets each frame.
 *
 *	joiner_create (from batch_options.populate) -> heard() -> joiner_join -> joiner_destroy
 */
#pragma once

#include "station/air/air.h"
#include "station/wifi/sta.h"

struct joiner {
	struct air *air;
	struct air_node *node;
	struct entropy *entropy;
	uint8_t mac[6];
	struct sta *sta;
	struct sta_config config;
	struct loop_timer timer;
	uint16_t sequence, freq_mhz;
	uint64_t joined_us;
	bool wants, in_air, joined;
	/* A frame before it has credentials. */
	void (*heard)(struct joiner *j, struct mr_rd mpdu, const struct radio_rx *rx);
	void *ctx;
	unsigned frames;
};

/* Placed by the caller, who sets `heard` and `ctx` before; the test fails when it cannot be. */
void joiner_create(struct joiner *j, struct air *air, const uint8_t mac[static 6], uint16_t freq_mhz, uint64_t seed);
/* From now on it looks for the network's beacon, and joins it. WPA2. */
void joiner_join(struct joiner *j, const char *ssid, const char *passphrase);
/* One frame of its own, sent as it is. */
void joiner_send(struct joiner *j, struct mr_rd mpdu);
void joiner_destroy(struct joiner *j); /* after the run: its loop and its air are gone */
