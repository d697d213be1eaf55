/*
 * The station as a member of a network, instead of a guest of one device: one STA of ours with an address there, shared
 * by all sessions whose devices have gone to that network. Whoever of them is asked for a frame carries it for all.
 *
 *	member_init -> { member_join -> up() -> ip_connect(member_net) ... -> member_leave } ... -> member_wipe
 */
#pragma once

#include "station/link/bss.h"

struct member_events {
	void (*up)(void *ctx);		     /* there is an address */
	void (*changed)(void *ctx);	     /* there may be something to be sent, or another deadline */
	void (*ended)(void *ctx, int cause); /* it is out: an enum mr_cause. member_leave, and perhaps join again */
};

/* Layout is ours. Contains secrets. */
struct member {
	struct bss bss;
	const struct member_events *events;
	void *ctx;
	const void *carrier; /* of the frame that is in the air; NULL: none is */
	uint8_t what;
};

/* `passphrase` NULL or "": the network is open. As bss_init. */
void member_init(struct member *m, const struct bss_station *station, const char *passphrase, uint64_t patience_us,
		 const struct member_events *events, void *ctx);
void member_wipe(struct member *m);

/* 0, or -(cause): the network has a security for which we have no key. */
int member_join(struct member *m, const struct ieee80211_network *network);
void member_leave(struct member *m); /* says nothing to anybody */
bool member_away(const struct member *m);
/* While it is up; else NULL. */
struct ip_if *member_net(const struct member *m);

/* Is this transmitter the access point that it is, or wants to be, a member of? */
bool member_hears(const struct member *m, const uint8_t transmitter[static 6]);
void member_receive(struct member *m, struct mr_rd mpdu, const struct radio_rx *rx, uint64_t now_us);

/* As those of link.h; `carrier`: who takes the frame, and reports on it. */
bool member_ready(const struct member *m);
size_t member_pull(struct member *m, const void *carrier, uint8_t frame[static RADIO_FRAME_MAX], uint64_t now_us);
void member_sent(struct member *m, const void *carrier, bool acked, unsigned tries, uint64_t now_us);
/* The carrier goes away: a frame of which nobody will report is sent again by the next one. */
void member_carrier_gone(struct member *m, const void *carrier, uint64_t now_us);
uint64_t member_deadline_us(const struct member *m);
void member_expire(struct member *m, uint64_t now_us); /* at the deadline; `ended` may be called */
