/*
 * The link to one device through the BSS that it makes itself, an access point or an ad-hoc network: association
 * (sta.h), an
 * IP address (ip.h), HTTP (http.h), and what makes it secret and authentic: WPA2 itself (micro-ap), SPAKE2+ from the
 * PIN
 * (pin), TLS (https). docs/protocol.md, "HTTP". Requests and responses are those of agent/wire/message.h.
 *
 *	bss_create -> bss_start -> BSS_UP -> { link_request -> BSS_RESPONSE } ... -> link_wipe
 *	                  ^-- bss_suspend <-'   (the device goes elsewhere and comes back)
 *
 * Frames go in by bss_receive and out by link_pull. Events come from the loop, never from inside a call.
 */
#pragma once

#include "station/base/entropy.h"
#include "station/base/loop.h"
#include "station/wifi/ieee80211.h"
#include "station/link/link.h"

struct ip_stack;
struct psk_pool;
struct tls_trust;

enum bss_event {
	BSS_UP,	      /* requests may be made */
	BSS_RESPONSE, /* `message` is the response; valid during the call, secret: it is wiped then */
	BSS_CHANGED,  /* there may be something to be sent, or another deadline */
	BSS_ENDED,    /* the link is over: `cause`, an enum mr_cause. Wipe it */
};

/* What all links of a station share. */
struct bss_station {
	struct loop *loop;
	struct entropy *entropy;
	struct ip_stack *ip;
	struct psk_pool *psk;
	uint8_t mac[6];
	uint16_t *sequence;	       /* 802.11 sequence number, per transmitter address */
	struct tls_trust *trust, *any; /* TLS certificates of the factory's CA; of anybody */
};

enum access_method { ACCESS_DIRECT, ACCESS_MICRO_AP, ACCESS_PIN, ACCESS_HTTPS, ACCESS_METHOD_COUNT };

struct bss_config {
	const struct bss_station *station;
	enum access_method method;
	const char *passphrase; /* WPA2; "" or NULL: an open network. Copied, wiped with the link */
	const char *pin;	/* ACCESS_PIN; copied as well */
	const char *serial;	/* ACCESS_HTTPS: that the certificate must name; "": any. Copied */
	bool any_certificate;	/* ACCESS_HTTPS: any is taken, and put on record */
	uint64_t patience_us;
	void (*event)(void *ctx, enum bss_event event, struct mr_rd message, int cause);
};

/* Suspended until bss_start. NULL: no memory. link_wipe frees it. */
struct link *bss_create(const struct bss_config *config);
void bss_set_context(struct link *link, void *ctx); /* of events */
/* ACCESS_PIN: a device that says it has this serial number has this PIN; from the next time that the link comes up. */
void bss_issued(struct link *link, const char *serial, const char *pin);

/* The network is there: joins it. `peer`: the device's own address, which differs from the BSSID in ad-hoc networks.
 * -MR_CAUSE_UNSUPPORTED (its security does not fit the method), -MR_CAUSE_NO_MEMORY. */
int bss_start(struct link *link, const struct ieee80211_network *network, const uint8_t peer[static 6]);
/*
 * The device leaves its network, or is not there yet: nothing is sent. `due_us`: when something will probably happen
 * (for the scheduler); `stay`: leaving the channel before that would cost something. link_expire at `until_us` gives
 * -MR_CAUSE_JOIN_TIMEOUT.
 */
void bss_suspend(struct link *link, uint64_t due_us, uint64_t until_us, bool stay);
bool bss_suspended(const struct link *link);

/* A frame from the device's address to ours, or to a group. */
void bss_receive(struct link *link, struct mr_rd mpdu, const struct radio_rx *rx, uint64_t now_us);

/* How the link came up; durations from one stage to the next. */
struct bss_evidence {
	const char *security; /* of the network: "open", "wpa2", "wpa2+pmf" */
	char cipher[80];      /* what protects requests and responses */
	bool has_certificate;
	uint8_t certificate_sha256[32];
	uint32_t join_us, address_us, connect_us, secure_us;
};
const struct bss_evidence *bss_evidence(const struct link *link);
