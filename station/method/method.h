/*
 * The ways in which a device can get its credentials: one row and its files for each. Two axes meet in a row.
 *   reach     how requests travel to our agent: operations that open a link (link/link.h), or none
 *   delivery  how credentials get there: the CREDENTIALS request of that link, or a delivery of the method's own
 *
 * A caller asks what it needs to know (`method->flags & METHOD_DEVICE_AP`), never which method it is. Jobs, labels, the
 * record, help and completion take the names from here. docs/adding-a-method.md is the walk through a new one.
 *
 * A device that speaks no protocol of ours (METHOD_NO_REQUESTS) has a delivery and no reach: its proof is that it is
 * seen to join the network of the job.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"

struct channel;
struct ieee80211_network;
struct lane;
struct line;
struct mr_message;
struct radio_rx;
struct radio_tx;
struct session;
struct unit;

enum method_flags {
	METHOD_DEVICE_AP = 1, /* the device makes the BSS, and our STA joins it */
	METHOD_OWN_BSS = 2,   /* a BSS of ours, with an address that the radios acknowledge, is joined by the device */
	METHOD_BROADCAST = 4, /* one transmission serves every device that listens */
	METHOD_EXCLUSIVE = 8, /* its delivery to one device has the whole RF space to itself */
	METHOD_NO_REQUESTS = 16, /* a foreign device: no agent of ours answers requests */
	METHOD_WEAK = 32,	 /* anyone in reach can read or guess what is delivered; a job must say that it knows */
	METHOD_STEERED = 64,	 /* its devices can be called over to another channel */
	METHOD_BECOMES_AP = 128, /* what is delivered are settings of an access point: the device is seen to be it */
};

/* The secrets of a device that a method needs before it meets it: the label list and the record supply them. */
enum method_needs { METHOD_NEEDS_PASSPHRASE = 1, METHOD_NEEDS_PIN = 2, METHOD_NEEDS_SETUP_CODE = 4 };

/* What protects requests on a reach through a BSS. */
enum method_protection { METHOD_BY_FRAMES, METHOD_BY_WPA2, METHOD_BY_PIN, METHOD_BY_TLS, METHOD_BY_NOTHING };

/* Whom a simulated world has for the method. */
enum method_devices {
	METHOD_AGENTS,	    /* devices with our agent */
	METHOD_ENROLLEES,   /* foreign ones, of Wi-Fi Simple Configuration */
	METHOD_LISTENERS,   /* foreign ones, that listen for a published scheme of sniffer mode */
	METHOD_ACCESSORIES, /* foreign ones, of Apple's Wireless Accessory Configuration */
	METHOD_NOBODY,	    /* who has some, places them */
};

/* Why a channel's voice is asked to speak. */
enum method_occasion {
	METHOD_PRESENT, /* the radio is on the channel, and the time that speak() named has come */
	METHOD_LEAVING, /* the radio is about to leave the channel */
};

enum method_opened {
	METHOD_OPENED,	/* the unit has a session, or its first and last one has ended already */
	METHOD_LATER,	/* not now: it announces itself again */
	METHOD_NO_ROOM, /* no memory is left: the line holds */
};

/*
 * The reach: what a line does with devices of a method, once for all rows that share it. Each may be NULL where there
 * is nothing to do. `state` is what begin() made for this run.
 */
struct method_ops {
	/* Before the radios are started. 0, or -(enum mr_cause) with a sentence in `error`; end() is called in any
	 * case. */
	int (*begin)(struct line *line, void **state, char *error, size_t error_len);
	void (*end)(struct line *line, void *state);
	/* A beacon or probe response of `from`; before hear() is asked. */
	void (*network)(struct line *line, void *state, struct lane *lane, const uint8_t from[static 6],
			const struct ieee80211_network *network, const struct radio_rx *rx);
	/* A frame. true: it belongs to a device of this method, and nobody else is asked. */
	bool (*hear)(struct line *line, void *state, struct lane *lane, struct mr_rd mpdu, const struct radio_rx *rx);
	/*
	 * The voice of a channel, pulled when its time has come: writes one frame to `out` and its rate to `tx`, or
	 * writes nothing. `next_us` is set to the instant at which it wants to be asked again.
	 */
	void (*speak)(struct line *line, void *state, struct channel *channel, enum method_occasion why,
		      struct mr_wr *out, struct radio_tx *tx, uint64_t *next_us);
	/* A unit whose turn has come gets its session on the channel where it announced itself. */
	enum method_opened (*open)(struct line *line, void *state, struct unit *unit, struct channel *home);
	/* The unit is settled, or has been told so, or the line ends: what opens its device is wiped and freed. */
	void (*forget)(struct unit *unit);
	/* The attempt is on record: so is the link by which it came. */
	void (*opened)(struct session *session);
	/* The radio's report on a frame of the session's link. NULL: the link is told, and that is all. */
	void (*sent)(struct session *session, uint8_t what, bool acked, unsigned tries);
	/* The device says in `message` that it goes to join its network now; the reach is gone until it is back. */
	void (*away)(struct session *session, const struct mr_message *message);
	/* It is back, and says in `message` what came of that. 0, or the cause that ends the attempt. */
	int (*back)(struct session *session, const struct mr_message *message);
	/* The link has given up with `cause`. 0: the session goes on all the same; else the cause that ends it. */
	int (*expired)(struct session *session, int cause);
	uint32_t verdict_us; /* patience with a device that is told its verdict */
};

/* What becomes of a delivery. Below zero: -(enum mr_cause), which ends the attempt. */
enum delivery_result { DELIVERY_GOES_ON, DELIVERY_DONE };

/*
 * A delivery of a method's own, in the step `credentials` of one session, begun when its intent is durable. Between
 * begin and end the session asks it for frames and gives it those that concern its device. session->delivery.state is
 * its own.
 */
struct delivery_ops {
	int (*begin)(struct session *session);
	/* A frame from the device's address to one of ours, or to a group. NULL: nothing is heard of the device. */
	int (*receive)(struct session *session, struct mr_rd mpdu, const struct radio_rx *rx);
	int (*expire)(struct session *session, uint64_t now_us); /* at its deadline */
	uint64_t (*deadline_us)(const struct session *session);	 /* UINT64_MAX: none */
	/*
	 * The next frame for the radio (RADIO_FRAME_MAX octets are room), 0: none; is there one? NULL: it has nothing
	 * of its own to send (a broadcast speaks by its voice).
	 */
	bool (*ready)(const struct session *session);
	size_t (*pull)(struct session *session, uint8_t *frame, struct radio_tx *tx);
	void (*sent)(struct session *session, bool acked, unsigned tries);
	/* JSON for the record, docs/audit.md "Evidence of a delivery"; no secret. Returns its length, below `cap`. */
	size_t (*evidence)(const struct session *session, char *out, size_t cap);
	void (*end)(struct session *session); /* wiped and freed; after begin in any case, once */
};

struct method {
	const char *name; /* in jobs, in labels and on record; never used again for another */
	unsigned hears;	  /* enum radio_hear, or-ed: frames that its ops need beside those to our addresses */
	unsigned flags;	  /* enum method_flags, or-ed */
	unsigned needs;	  /* enum method_needs, or-ed */
	enum method_protection protection;
	enum method_devices devices;
	/* For people: half a sentence each. */
	const char *reach, *device_to_station, *station_to_device, *listener;
	const struct method_ops *ops;
	const struct method_ops *cast;	     /* a voice beside that of its reach; NULL: none */
	const struct delivery_ops *delivery; /* NULL: the CREDENTIALS request over its link */
	/*
	 * The same name in another form, which a job chooses by another key: the roles turned round, so that the device
	 * is the access point (credentials.wps.role); a published scheme (credentials.scheme). NULL: it has none.
	 */
	const struct method *variant;
};

/* NULL-terminated. Weak: a test puts a table of its own in its place. */
extern const struct method *const method_table[];
extern const struct method method_direct; /* the default of jobs: every table has it */

/* The i-th name, NULL behind the last: the words of a key. */
const char *method_name(size_t i);
/* NULL: no such method. `name` need not end with NUL. */
const struct method *method_find(const char *name, size_t len);
/* "micro-ap, pin, https": the names of all methods that have one of `flags` and share a reach, for messages. */
const char *method_names(unsigned flags, char *out, size_t cap);
