/*
 * The simulated air: a discrete-event 802.11 medium at frame level, in the loop's virtual time. IEEE 802.11-2020
 * clauses 10.3 (DCF), 15 to 19 (PHYs). Everything on it is simulated and says so (radio_caps.simulated).
 *
 * A node is one transceiver: a station radio, a device's chip, a bystander. Acknowledgement, backoff, retries and TX
 * status live in the node, as in a real adapter. Positions are in metres on the factory floor.
 *
 *	air_create -> air_add_node ... -> loop_run -> air_destroy (after the loop has stopped)
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "agent/wire/cursor.h"
#include "station/base/entropy.h"
#include "station/base/loop.h"
#include "station/radio/radio.h"

struct air;
struct air_node;

/* Every figure's default and source (clause or measurement) stands in air.c; zero means the default. */
struct air_config {
	uint64_t seed;
	double frame_loss;		/* extra loss per frame, 0..1: an open floor is 0.05 to 0.1 */
	double loss_burst_frames;	/* mean length of a Gilbert-Elliott loss burst; 1: independent losses */
	double path_loss_exponent;	/* log-distance model */
	double shadowing_db;		/* standard deviation per pair of nodes, fixed for the run */
	double noise_floor_dbm;
};

struct air_node_config {
	char name[RADIO_NAME_MAX];
	uint8_t mac[6];
	double x_m, y_m;
	double tx_dbm;
	bool promiscuous;		/* hears frames to others too (monitor mode); ACKs its own address only */
	bool acknowledges;
	bool lies_about_status;		/* reports every frame as acked (mt7601u) */
	uint8_t cw_min;			/* 0: of the standard; 7: the Ralink chips' */
	uint32_t switch_us;
	size_t tx_queue_max;		/* frames; 0: 64 */
	void *ctx;
	void (*received)(void *ctx, struct mr_rd frame, const struct radio_rx *rx);
	void (*status)(void *ctx, uint64_t cookie, bool acked, unsigned tries);
	void (*tuned)(void *ctx, uint16_t freq_mhz);
};

struct air *air_create(struct loop *loop, const struct air_config *config);
void air_destroy(struct air *air);	/* and its nodes */

/* NULL: no memory. Untuned and switched on. */
struct air_node *air_add_node(struct air *air, const struct air_node_config *config);
int air_tune(struct air_node *node, uint16_t freq_mhz);
/* As radio_send. */
int air_send(struct air_node *node, struct mr_rd frame, const struct radio_tx *tx);
/* Off: hears nothing, sends nothing, forgets its queue (each queued frame is reported with 0 tries). */
void air_power(struct air_node *node, bool on);
void air_node_health(const struct air_node *node, struct radio_health *out);

/* A bystander network: frames of `frame_len` octets at `rate`, exponential gaps, taking `share` (0..1) of the air. */
int air_add_bystander(struct air *air, uint16_t freq_mhz, double share, size_t frame_len, uint8_t rate_500kbps);

/* Everything that is sent on a channel (0: all), with radiotap, ACKs included. The file stays the caller's. */
int air_capture(struct air *air, FILE *to, uint16_t freq_mhz);

/* Microseconds on air of one frame of `len` octets without FCS, preamble included (clauses 15.3.5, 17.4.3, 18.4). */
uint32_t air_frame_us(uint16_t freq_mhz, uint8_t rate_500kbps, size_t len);
/* The least a unicast exchange takes: DIFS, frame, SIFS, ACK; no backoff, no retry. For lower bounds. */
uint32_t air_exchange_us(uint16_t freq_mhz, uint8_t rate_500kbps, size_t len);

struct air_totals {
	uint64_t frames, collisions, captured, lost, retries, octets, airtime_us;
};
void air_totals(const struct air *air, struct air_totals *out);

/* The switchable defects of real drivers, for tests. */
struct air_faults {
	bool stuck_channel;		/* K1: tune reports success, the radio stays */
	bool silent_no_ir;		/* send on a receive-only channel says 0, nothing leaves */
};

/* A radio on the air behind the radio seam. `profile`: "mt7612u", "mt7610u", "mt7601u", "rt2800usb", "ath9k_htc",
 * "ideal"; decides switch time, retries, ACK behaviour. NULL with errno EINVAL: no such profile. */
struct radio *radio_open_simulated(struct air *air, const char *name, const char *profile, const uint8_t mac[static 6],
				   double x_m, double y_m, const struct air_faults *faults);
/* For tests and the `radio lost` fault: unplug and plug in again. */
void radio_simulated_unplug(struct radio *radio);
void radio_simulated_replug(struct radio *radio);
/* The table of profiles, one name a row; NULL ends it. */
const char *radio_simulated_profile(size_t i);
