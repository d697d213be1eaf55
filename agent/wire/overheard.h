/*
 * A data frame as somebody sees it who is not meant and has no keys: addresses, direction, length. Sniffer mode
 * (smartconfig.h, sealed.h) puts credentials into these. IEEE 802.11-2020 clause 9.2 and 9.3.2.1.
 *
 * The station sends such frames from no BSS at all: nobody has to join anything to hear them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"

/* MAC header, LLC/SNAP, IPv4, UDP: what stands before the payload of an open, non-QoS frame, in octets. */
#define MR_OVERHEARD_BASE 60
#define MR_OVERHEARD_PAYLOAD_MAX 1472 /* of UDP in 1500 octets */

struct mr_overheard {
	uint8_t bssid[6], source[6], destination[6];
	bool from_ds, qos, protected, retry; /* from_ds false: To DS */
	uint16_t sequence;		     /* 0..4095 */
	uint16_t octets;		     /* the whole MPDU, header first, without FCS and HT Control */
	struct mr_rd payload; /* of UDP, of an open frame that is whole; else empty. Points into the frame */
	uint16_t port;	      /* its destination port; 0: none */
};

/* A data frame with a body, between a STA and a BSS, of one MSDU. false: something else; ignore it. */
bool mr_overheard_parse(struct mr_rd mpdu, struct mr_overheard *out);

/* What is to be sent: open, non-QoS, UDP over IPv4. IP's checksum is correct, UDP's left out (RFC 768: zeros). */
struct mr_overheard_out {
	uint8_t bssid[6], source[6], destination[6];
	bool from_ds;
	uint16_t sequence;
	uint8_t source_ip[4], destination_ip[4];
	uint16_t source_port, port;
	const void *payload; /* the first `payload_len` octets; the rest is filled with '1' (0x31) */
	size_t payload_len;
	uint16_t length; /* octets of the UDP payload, at least payload_len; MR_OVERHEARD_PAYLOAD_MAX at most */
};

/* false, and w->bad: does not fit. */
bool mr_overheard_build(struct mr_wr *w, const struct mr_overheard_out *out);

/* 224.0.0.0/4 to 01:00:5e and its low 23 bits, RFC 1112 section 6.4; all others to the broadcast address. */
void mr_overheard_group(const uint8_t ip[static 4], uint8_t destination[static 6]);
