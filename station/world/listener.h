/*
 * A foreign device on the simulated air that knows one published scheme of sniffer mode: it listens on one channel
 *after the other, stays where it hears the scheme's pattern, decodes the network's name and passphrase from what it
 * overhears, joins that network and acknowledges there. No agent of ours beyond the decoder.
 *
 *	listener_create -> loop_run -> listener_destroy (before air_destroy)
 */
#pragma once

#include "agent/wire/smartconfig.h"
#include "station/air/air.h"

/* What is wrong with it. */
enum listener_fault {
	LISTENER_FINE,
	LISTENER_DEAF,	   /* it never hears the scheme: another firmware */
	LISTENER_VANISHES, /* it is switched off when it has all, for good; with `once` it is back after a second */
	LISTENER_NO_JOIN,  /* it has all, and never joins */
	LISTENER_SILENT,   /* it joins, and does not acknowledge */
};

struct listener_config {
	uint8_t mac[6];
	enum mr_smart_scheme scheme;
	uint8_t key[MR_SMART_KEY_MAX], key_len; /* of the scheme; 0: none */
	enum listener_fault fault;
	bool once;
	const uint16_t *channels;    /* MHz, that it listens on; outlive it */
	size_t channel_count, first; /* where it begins */
	uint64_t power_on_us;
	uint32_t dwell_us; /* on a channel; 0: 100 ms */
	double x_m, y_m, tx_dbm, extra_loss_db;
	uint64_t seed;
	/* It has decoded all; may be NULL. For benches and tests. */
	void (*decoded)(void *ctx, uint64_t now_us);
	void *ctx;
};

struct listener;

/* NULL: no memory. The loop is the air's. */
struct listener *listener_create(struct air *air, const struct listener_config *config);
void listener_destroy(struct listener *listener);
