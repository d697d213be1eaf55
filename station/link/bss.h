/*
 * 802.11 and IP to one device through the BSS that it makes itself, an access point or an ad-hoc network: the key of
 * its passphrase (psk.h), association (sta.h), an address (ip.h). What is said over it is for the floor above (api.h).
 *
 *	bss_init -> { bss_join -> up() -> ip_connect(bss_net, bss_address) ... -> bss_leave } ... -> bss_wipe
 *
 * Frames go in by bss_receive and out by bss_pull. Events may come from inside a call: from bss_receive, from lwIP's
 * timer, from the loop.
 */
#pragma once

#include "station/base/entropy.h"
#include "station/base/log.h"
#include "station/base/loop.h"
#include "station/ip/ip.h"
#include "station/radio/radio.h"
#include "station/wifi/ieee80211.h"
#include "station/wifi/psk.h"

struct sta;
struct tls_trust;

/* What all links of a station share. */
struct bss_station {
	struct loop *loop;
	struct entropy *entropy;
	struct ip_stack *ip;
	struct psk_pool *psk;
	uint8_t mac[6];
	uint16_t *sequence;	       /* 802.11 sequence number, per transmitter address */
	struct tls_trust *trust, *any; /* for api.h: TLS certificates of the factory's CA; of anybody */
};

struct bss_events {
	void (*up)(void *ctx);		     /* there is an address: connect */
	void (*changed)(void *ctx);	     /* there may be something to be sent, or another deadline */
	void (*ended)(void *ctx, int cause); /* it is over: an enum mr_cause. bss_leave or bss_wipe */
};

enum bss_stage {
	BSS_AWAY,
	BSS_KEYING,	/* the PSK is being worked out */
	BSS_JOINING,	/* authentication, association, 4-way handshake */
	BSS_ADDRESSING, /* DHCP */
	BSS_UP,
	BSS_OVER,
};

/* Layout is ours. Contains secrets. Placed in the floor above. */
struct bss {
	const struct bss_station *station;
	const struct bss_events *events;
	void *ctx;
	const struct log_tag *tag; /* the owner sets it before bss_join; NULL: silent */
	enum bss_stage stage;
	bool secure;
	char passphrase[65];
	struct ieee80211_network network;
	uint8_t peer[6]; /* the device's address */
	struct psk_request psk_request;
	uint8_t psk[32];
	struct sta *sta;
	struct ip_if *net;
	uint32_t address;		/* the device's */
	uint64_t patience_us;		/* silence of the device that ends it */
	uint64_t stage_us, deadline_us; /* since when the stage lasts; until when it may */
	uint32_t join_us, address_us;	/* what joining and addressing took */
};

/* `secure`: WPA2 with `passphrase`, which is copied; else the network must be open. */
void bss_init(struct bss *bss, const struct bss_station *station, bool secure, const char *passphrase,
	      uint64_t patience_us, const struct bss_events *events, void *ctx);
void bss_wipe(struct bss *bss);

/*
 * The network is there: joins it. `peer`: the device's own address, which differs from the BSSID in ad-hoc networks.
 * 0; without memory `ended` was called. -MR_CAUSE_UNSUPPORTED: the network has a security for which we have no key.
 */
int bss_join(struct bss *bss, const struct ieee80211_network *network, const uint8_t peer[static 6]);
/* Says nothing to anybody; streams of the interface are gone with it. */
void bss_leave(struct bss *bss);

/* A frame from the device's address to ours, or to a group. 0, or -(cause): `ended` was called. */
void bss_receive(struct bss *bss, struct mr_rd mpdu, const struct radio_rx *rx, uint64_t now_us);

/* As those of link.h, for the part of the link that is here. */
size_t bss_pull(struct bss *bss, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what, uint64_t now_us);
bool bss_ready(const struct bss *bss);
void bss_sent(struct bss *bss, uint8_t what, bool acked, unsigned tries, uint64_t now_us);
void bss_park(struct bss *bss, uint64_t now_us);
void bss_resume(struct bss *bss, uint64_t now_us);
uint64_t bss_deadline_us(const struct bss *bss);
/* At the deadline. 0, or -(cause): the link is over. */
int bss_expire(struct bss *bss, uint64_t now_us);
uint64_t bss_due_us(const struct bss *bss); /* when the device's next answer is due; UINT64_MAX: none */
bool bss_unsafe(const struct bss *bss);
size_t bss_memory(const struct bss *bss); /* octets beside the struct itself */

/* The frame that ends the association, 0: there is none. Then bss_leave or bss_wipe. */
size_t bss_farewell(struct bss *bss, uint8_t frame[static RADIO_FRAME_MAX], uint64_t now_us);

/* Secure, and up: the 32 octets that both ends know by what opened the network (docs/protocol.md). False: no memory. */
bool bss_binding(const struct bss *bss, uint8_t out[static 32]);
const char *bss_security(const struct bss *bss); /* of the network that was joined: "open", "wpa2", "wpa2+pmf" */
