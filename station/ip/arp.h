/*
 * Who has which IPv4 address on one link: RFC 826. Bytes and time in, bytes and a deadline out.
 *
 * lwIP's own table has ten places for the whole process and asks again after a second. Here each link has its own
 * few, and asks again after 60 ms: the first encrypted frame after the 4-way handshake is often lost, because the
 * access point opens its port a little later.
 *
 *	arp_init -> { arp_find | arp_receive | arp_expire at arp_deadline_us }
 */
#pragma once

#include "agent/wire/cursor.h"
#include "station/base/log.h"

#define ARP_LEN 28u	 /* octets of a packet, for Ethernet and IPv4 */
#define ARP_PEERS 64u	 /* of one link: a device's has one or two, a network's as many as are in hand */
#define ARP_TRIES_MAX 6u /* 60, 120, ... 1920 ms: then the address counts as absent */

enum arp_state { ARP_FREE, ARP_ASKING, ARP_KNOWN };

/* Layout is ours. */
struct arp_peer {
	enum arp_state state;
	uint32_t address;
	uint8_t mac[6];
	uint8_t tries;
	uint64_t deadline_us;
};

struct arp {
	const struct log_tag *tag; /* the owner sets it after arp_init; NULL: silent */
	uint8_t mac[6];
	uint32_t address; /* own, host order; 0: none yet, nothing is answered */
	size_t turn;	  /* of the places, when all are taken */
	struct arp_peer peer[ARP_PEERS];
};

enum arp_event {
	ARP_NOTHING,
	ARP_SEND,   /* send what was written, to `mac` (broadcast for a question) */
	ARP_FOUND,  /* `address` is at `mac`: what waits for it can go */
	ARP_ABSENT, /* nobody answers for `address`: drop what waits for it */
};

struct arp_result {
	enum arp_event event;
	uint32_t address;
	uint8_t mac[6];
};

void arp_init(struct arp *arp, const uint8_t mac[static 6]);

/* Where `address` is: true, and `mac` is filled. False: keep the packet; the question is due at arp_deadline_us. */
bool arp_find(struct arp *arp, uint32_t address, uint8_t mac[static 6], uint64_t now_us);

/* A packet from the link. ARP_SEND: the answer was written to `out` (ARP_LEN octets). Malformed ones: ARP_NOTHING. */
struct arp_result arp_receive(struct arp *arp, struct mr_rd in, struct mr_wr *out);

/* UINT64_MAX: nothing is asked. Call arp_expire until it gives ARP_NOTHING. */
uint64_t arp_deadline_us(const struct arp *arp);
struct arp_result arp_expire(struct arp *arp, uint64_t now_us, struct mr_wr *out);
