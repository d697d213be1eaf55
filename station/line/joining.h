/*
 * The witness of a join: a device that was given the network of the job is seen to join it, whichever way it was given.
 * Frames between the device's address and an access point of that network are enough; nothing is asked of the device.
 *
 *	joining_watch -> { joining_hear } ... first(), complete() ... -> joining_unwatch
 */
#pragma once

#include "agent/wire/message.h"
#include "db/journal.h"
#include "station/line/private.h"
#include "station/wifi/wpa.h"

struct joining_events {
	void (*first)(struct session *s);    /* something of it has been seen; not yet said in `observed` */
	void (*complete)(struct session *s); /* nothing more is to be seen; it is watched no longer */
};

/* What is known of the network that a device was given, and of its way into it. Part of a session. Layout is ours. */
struct joining {
	bool asked; /* the device has a scan list */
	unsigned heard, candidates, asks;
	bool picked;
	struct mr_network network;
	const char *reason;
	uint8_t address[6];	     /* that the device joins from */
	bool watched;		     /* it is in line.by_witness */
	struct wpa_witness *witness; /* NULL: no pre-shared key to be checked */
	const struct joining_events *events;
	enum journal_observed observed;
	bool complete;	/* nothing more is to be seen of it */
	bool returning; /* nothing more is to be seen: it is awaited where it was */
	bool reported, recorded;
	struct mr_join report;
	uint64_t asked_us, away_us, heard_us; /* JOIN answered; until it was back; its last beacon since */
	uint64_t tsf_us;		      /* the clock in that beacon */
	uint64_t retry_us;		      /* it was tried and was not back, or not well heard; 0: not yet */
};

/* What a line needs to be a witness: the key of the job's network. 0, or -(cause). */
int joining_prepare(struct line *line);
void joining_end(struct line *line);
/* The session's device joins from `address` from now on. Two devices with one address are not watched. */
void joining_watch(struct session *s, const uint8_t address[static 6], const struct joining_events *events);
void joining_unwatch(struct session *s);
/*
 * A beacon or probe response of an infrastructure network: that of the job is remembered; from a device that was to
 * become it (METHOD_BECOMES_AP), it is what there is to be seen.
 */
void joining_network(struct line *line, const struct ieee80211_network *network);
/* A frame between others, for whoever is watched and on its way: from the delivery on, where that is not a request. */
void joining_hear(struct line *line, struct mr_rd mpdu);
/* The channel where it will join, if that is known and served by this job; NULL. */
struct channel *joining_channel(const struct session *s);
/* What the device chose from its scan list: 0, or a cause; session.again_us is set when it is to be asked once more. */
int joining_pick(struct session *s, const struct mr_message *m);
/* The network that it was given and how it joined go on record, once. */
void joining_record(struct session *s);
