/*
 * The radio seam: one half-duplex 802.11 transceiver that hears and speaks on one channel at a time.
 * Two implementations: simulated.c (the air model, virtual time) and monitor.c (libpcap + nl80211).
 *
 * Acknowledgement, MAC retries and TX status live inside the radio, as on a real adapter: a unicast frame is
 * sent up to `retries` + 1 times, then reported. Frames are MPDUs: 802.11 header first, without radiotap and FCS.
 * Sequence numbers are the caller's (monitor-mode injection leaves them alone).
 *
 *	open (by the implementation) -> radio_tune -> tuned -> { radio_send -> status | received } ... -> radio_close
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"

#define RADIO_NAME_MAX 32
#define RADIO_CHANNELS_MAX 64
#define RADIO_FRAME_MAX 2304
#define RADIO_ADDRESSES_MAX 8 /* that a radio acknowledges, its own included: what the best of the adapters can do */

enum radio_channel_flags {
	RADIO_NO_IR = 1, /* may not transmit first (nl80211 NO_IR) */
	RADIO_RADAR = 2, /* DFS: never transmitted on by us */
	RADIO_DISABLED = 4,
};

struct radio_channel {
	uint16_t freq_mhz;
	uint8_t flags; /* enum radio_channel_flags; non-zero: receive only */
	uint8_t max_dbm;
};

struct radio_caps {
	char name[RADIO_NAME_MAX]; /* "radio1" for the operator */
	char path[RADIO_NAME_MAX]; /* USB path, "sim0" when simulated */
	char driver[RADIO_NAME_MAX];
	uint8_t mac[6];
	bool simulated;
	bool acknowledges; /* answers frames to `mac` with an ACK */
	/*
	 * To how many addresses in all it answers so, `mac` among them: what was measured, up to RADIO_ADDRESSES_MAX.
	 * 1: `mac` alone, or nothing was measured. 0: to none (`acknowledges` is false).
	 */
	unsigned acknowledged_max;
	bool truthful_status; /* `acked` means that the peer acknowledged */
	bool hears_others;    /* frames between others reach it, where they are asked for (radio_hear) */
	uint32_t switch_us;   /* channel switch time as last measured */
	size_t channel_count;
	struct radio_channel channels[RADIO_CHANNELS_MAX];
};

struct radio_rx {
	uint16_t freq_mhz; /* where it was heard */
	int8_t rssi_dbm;
	uint8_t rate_500kbps; /* radiotap unit: 2 = 1 Mb/s, 12 = 6 Mb/s */
	uint64_t time_us;     /* end of the frame, loop time */
};

/* The addresses of a radio: at[0] is caps.mac, then those of radio_acknowledge. */
struct radio_addresses {
	size_t count; /* 1 to RADIO_ADDRESSES_MAX */
	uint8_t at[RADIO_ADDRESSES_MAX][6];
};

/*
 * What a radio hands over beside frames to its own addresses and action frames to all, which it always does. Nothing
 * else is received, whatever is on the channel: on a real adapter the kernel drops it. Control frames never are.
 */
enum radio_hear {
	RADIO_HEAR_NETWORKS = 1, /* beacons; probe responses to anybody; probe requests to all */
	RADIO_HEAR_JOINS = 2,	 /* between others: authentication, (re)association, their ends, EAPOL in clear */
	RADIO_HEAR_GROUP = 4,	 /* data frames to group addresses, which ARP and DHCP go by */
	RADIO_HEAR_MEMBERS = 8,	 /* encrypted data frames to access points: who sends one has joined a network */
};

/* Bulk frames never delay a handshake: each class is sent before the next one. */
enum radio_priority { RADIO_URGENT, RADIO_NORMAL, RADIO_BULK };

struct radio_tx {
	uint8_t rate_500kbps;
	uint8_t retries; /* MAC retries after the first try; 0 for group addresses */
	enum radio_priority priority;
	uint64_t cookie; /* given back in `status` */
};

struct radio_health {
	uint64_t sent, acked, unacked, retries, received, dropped, garbage, switches, airtime_us;
};

struct radio;

/* What a radio tells its user; called from the loop, never from inside a radio_* call. */
struct radio_events {
	void *ctx;
	void (*received)(void *ctx, struct radio *radio, struct mr_rd frame, const struct radio_rx *rx);
	/*
	 * Exactly one per accepted radio_send. acked is false for group addresses. tries counts from 1; 0: not sent. On
	 * a frame from an address that is none of the radio's it comes as the frame is handed on: nobody tells what
	 * became of it.
	 */
	void (*status)(void *ctx, struct radio *radio, uint64_t cookie, bool acked, unsigned tries);
	/* Exactly one per accepted radio_tune. cause 0, or -(enum mr_cause). */
	void (*tuned)(void *ctx, struct radio *radio, uint16_t freq_mhz, int cause);
	/* Unplugged, wedged, blocked by rfkill. Everything pending is reported first. */
	void (*gone)(void *ctx, struct radio *radio);
	void (*back)(void *ctx, struct radio *radio); /* usable again; untuned */
	/*
	 * After an accepted radio_acknowledge, once for the list that was asked for last; and once more after each
	 * `back` when that list is not empty.
	 *   0                      the list is in force
	 *   -MR_CAUSE_UNSUPPORTED  the adapter refused an address: caps.mac is acknowledged alone, the list is empty
	 *   -MR_CAUSE_RADIO_GONE   it went away meanwhile; the list is kept
	 */
	void (*acknowledging)(void *ctx, struct radio *radio, int cause);
};

struct radio_ops {
	int (*tune)(struct radio *radio, uint16_t freq_mhz);
	int (*send)(struct radio *radio, struct mr_rd frame, const struct radio_tx *tx);
	int (*hear)(struct radio *radio, unsigned hear);
	int (*acknowledge)(struct radio *radio, const uint8_t (*addresses)[6], size_t count);
	void (*health)(const struct radio *radio, struct radio_health *out);
	void (*close)(struct radio *radio);
};

/* Implementations embed this as their first member. */
struct radio {
	const struct radio_ops *ops;
	struct radio_caps caps;
	struct radio_events events;
	uint16_t freq_mhz; /* where it is; 0 while it moves or before the first tune */
	size_t index;	   /* the user's own numbering */
};

/*
 * Starts to move; `tuned` follows after the switch time. Frames still queued are sent first.
 * 0; -MR_CAUSE_RADIO_GONE; -MR_CAUSE_BAD_REQUEST for a channel that the radio lacks or that is already being tuned.
 */
static inline int radio_tune(struct radio *radio, uint16_t freq_mhz) { return radio->ops->tune(radio, freq_mhz); }

/*
 * Queues a copy of one frame. 0; -MR_CAUSE_RADIO_GONE (also while it moves or on a receive-only channel);
 * -MR_CAUSE_NO_MEMORY when the queue is full: send again after the next status.
 */
static inline int radio_send(struct radio *radio, struct mr_rd frame, const struct radio_tx *tx)
{
	return radio->ops->send(radio, frame, tx);
}

/*
 * From now on `hear` (enum radio_hear, or-ed; 0 as after opening), also when it has been gone and is back. On a busy
 * channel each kind costs what there is of it. 0; -MR_CAUSE_NO_MEMORY: as before.
 */
static inline int radio_hear(struct radio *radio, unsigned hear) { return radio->ops->hear(radio, hear); }

/*
 * Sets the whole list of addresses, beside caps.mac, that the radio answers to: it acknowledges unicast frames to
 * them and hands these over, and reports on frames that are sent from them. An access point of ours has such an
 * address. `addresses`: copied; each of one receiver, none of them caps.mac, none twice; radio_address gives those
 * that adapters can acknowledge.
 *   0                      handed over from now on, acknowledged when `acknowledging` says so: wait for it before a
 *                          device is asked to answer. Kept when the radio is gone and back, until the next call.
 *                          Frames queued from an address that is no longer listed may be reported as not sent
 *   -MR_CAUSE_UNSUPPORTED  caps.mac and these are more than caps.acknowledged_max; as before. Serve fewer networks
 *   -MR_CAUSE_RADIO_GONE   as before; ask again after `back`
 *   -MR_CAUSE_NO_MEMORY    as before
 */
static inline int radio_acknowledge(struct radio *radio, const uint8_t (*addresses)[6], size_t count)
{
	return radio->ops->acknowledge(radio, addresses, count);
}

static inline void radio_health(const struct radio *radio, struct radio_health *out) { radio->ops->health(radio, out); }
static inline void radio_close(struct radio *radio) { radio->ops->close(radio); }

/*
 * The n-th address (1 to RADIO_ADDRESSES_MAX - 1) beside `mac` of those that adapters can acknowledge together with it:
 * `mac` but for bits of its first octet, locally administered (IEEE 802-2014, clause 8). The sources are in address.c.
 */
void radio_address(const uint8_t mac[static 6], size_t n, uint8_t out[static 6]);
/* Sets `own` to `mac` and the further addresses: RADIO_ADDRESSES_MAX in all at most, each once, none of a group. */
void radio_addresses_set(struct radio_addresses *own, const uint8_t mac[static 6], const uint8_t (*addresses)[6],
			 size_t count);
bool radio_addresses_have(const struct radio_addresses *own, const uint8_t address[static 6]);
