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

/* The default of every figure and its source (clause or measurement) are in air.c; zero means the default. */
struct air_config {
	uint64_t seed;
	double frame_loss;	   /* extra loss per frame heard, ACKs too, 0..1: an open floor is 0.05 to 0.1 */
	double loss_burst_frames;  /* mean length of a Gilbert-Elliott loss burst; up to 1: independent losses */
	double path_loss_exponent; /* log-distance model */
	double shadowing_db;	   /* standard deviation per pair of nodes, fixed for the run; negative: none */
	double noise_floor_dbm;
	double cca_dbm;		 /* weaker signals do not make the medium busy: hidden nodes */
	double capture_first_db; /* the frame that came first survives at this signal to interference ratio */
	double capture_later_db; /* a later frame takes the receiver over at this ratio */
	bool short_preamble;	 /* 802.11b frames above 1 Mb/s with the short PLCP preamble */
	bool long_slot;		 /* 2.4 GHz slots of 20 us, as where an 802.11b station is about */
	bool no_desensitisation; /* radios of one cluster do not disturb each other across channels */
};

struct air_node_config {
	char name[RADIO_NAME_MAX];
	uint8_t mac[6];
	double x_m, y_m;
	double tx_dbm;
	double extra_loss_db; /* both ways: a bad antenna, a metal box */
	uint8_t cluster;      /* not 0: shares a table with those of the same number within a metre */
	bool promiscuous;     /* hears frames to others too (monitor mode); ACKs those to its own addresses only */
	bool acknowledges;
	bool lies_about_status; /* reports every frame as acked (mt7601u) */
	uint8_t cw_min;		/* 0: of the standard; 7: the Ralink chips' */
	uint32_t switch_us;
	size_t tx_queue_max; /* frames; 0: 64 */
	void *ctx;
	/* Called from the loop, never from inside an air_* call; NULL: not wanted. They may call any air_* function. */
	void (*received)(void *ctx, struct mr_rd frame, const struct radio_rx *rx);
	void (*status)(void *ctx, uint64_t cookie, bool acked, unsigned tries);
	void (*tuned)(void *ctx, uint16_t freq_mhz);
};

struct air *air_create(struct loop *loop, const struct air_config *config);
void air_destroy(struct air *air); /* and its nodes */
struct loop *air_loop(const struct air *air);

/* NULL: no memory. Untuned and switched on. */
struct air_node *air_add_node(struct air *air, const struct air_node_config *config);
/* As radio_tune: frames still queued are sent first; `tuned` follows after switch_us. */
int air_tune(struct air_node *node, uint16_t freq_mhz);
/* As radio_send. The node fills in the Duration field of a unicast frame, and sets Retry when it tries again. A rate
 * that the band lacks becomes its lowest. Rates: see phy.h (HT by 0x80 | MCS index). */
int air_send(struct air_node *node, struct mr_rd frame, const struct radio_tx *tx);
/*
 * Further addresses, beside that of its config, to which it answers as to that one: the whole list, at most
 * RADIO_ADDRESSES_MAX - 1; copied. Also while it is off.
 */
void air_acknowledge(struct air_node *node, const uint8_t (*addresses)[6], size_t count);
/* Off: hears nothing, a frame on the air breaks off, the queue is forgotten (each frame is reported: those never sent
 * with 0 tries), a tune under way is forgotten without report. On again: untuned. */
void air_power(struct air_node *node, bool on);
/* It is carried elsewhere, or out of its box: extra_loss_db from now on. */
void air_set_loss(struct air_node *node, double extra_loss_db);
/*
 * The receiver drops beacons, as access points' chips do that have no use for them (hardware filters: Atheros' "BSS
 * mode"). Not even counted. A new node hears them.
 */
void air_skip_beacons(struct air_node *node, bool skip);
void air_node_health(const struct air_node *node, struct radio_health *out);
size_t air_node_queued(const struct air_node *node); /* frames not yet reported */
size_t air_node_number(const struct air_node *node); /* from 0, in the order of air_add_node */
/* Off, and no callback any more: its owner goes away. The node itself stays until air_destroy. */
void air_node_detach(struct air_node *node);

/* A bystander network: frames of `frame_len` octets at `rate`, exponential gaps, with their ACKs taking `share` (0..1)
 * of the air. 0, -MR_CAUSE_BAD_REQUEST or -MR_CAUSE_NO_MEMORY. */
int air_add_bystander(struct air *air, uint16_t freq_mhz, double share, size_t frame_len, uint8_t rate_500kbps);

/* Everything that is sent on a channel (0: all), with radiotap, ACKs included; the signal is that at the floor's
 * origin. The file stays the caller's, to be closed after air_destroy. 0 or -MR_CAUSE_NO_MEMORY. */
int air_capture(struct air *air, FILE *to, uint16_t freq_mhz);

/* Microseconds on air of one frame of `len` octets without FCS, preamble included (clauses in phy.h). */
uint32_t air_frame_us(uint16_t freq_mhz, uint8_t rate_500kbps, size_t len);
/* The least a unicast exchange takes: DIFS, frame, SIFS, ACK; no backoff, no retry. For lower bounds. */
uint32_t air_exchange_us(uint16_t freq_mhz, uint8_t rate_500kbps, size_t len);

/*
 * frames: tries, ACKs not counted; retries: those that were not the first; octets and airtime_us: of all, ACKs
 * included. As the addressees saw it (group frames: every node on the channel): collisions: lost to another
 * transmission; captured: received in spite of one; lost: too weak, or taken by frame_loss or desensitisation.
 */
struct air_totals {
	uint64_t frames, collisions, captured, lost, retries, octets, airtime_us, acks;
};
void air_totals(const struct air *air, struct air_totals *out);

/*
 * The switchable defects of real kernels and drivers, by their numbers in docs/hardware.md. "The start" is the first
 * channel after the radio came up, and after each return.
 */
struct air_faults {
	bool stuck_channel;  /* K1: tune reports success, the radio stays */
	bool start_rules;    /* K2: in another band than the start's, frames go at the rate which there has
				the place that the asked one has in the start's table; no frame leaves at all
				when the start was receive-only */
	bool hears_start;    /* K3: hears the start's channel too, wherever it is */
	unsigned busy_tunes; /* K4: the next ones fail, because another interface holds the channel */
	bool stuck_on_1;     /* K5: tune reports success, the radio is on channel 1 */
	bool silent_no_ir;   /* send on a receive-only channel says 0, nothing leaves */
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
