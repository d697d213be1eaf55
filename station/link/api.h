/*
 * The link to one device through the BSS that it makes itself: our requests in HTTP (http.h) to its server, over the
 * network and the address that bss.h has, with what makes them secret and authentic: WPA2 itself, SPAKE2+ from the PIN
 * (pin_session.h), or TLS (tls.h). docs/protocol.md, "HTTP". Requests and responses are those of agent/wire/message.h.
 *
 *	api_create -> api_start -> API_UP -> { link_request -> API_RESPONSE } ... -> link_wipe
 *	                  ^-- api_suspend <-'   (the device goes elsewhere and comes back)
 *
 * Frames go in by api_receive and out by link_pull. Events come from the loop, never from inside a call.
 */
#pragma once

#include "station/link/bss.h"
#include "station/link/link.h"

/* What protects requests and responses, and with it what kind of network the device makes. */
enum api_protection {
	API_WPA2, /* a network with WPA2, and no more */
	API_PIN,  /* an open network, SPAKE2+ from the PIN */
	API_TLS,  /* an open network, the device's certificate */
};

enum api_event {
	API_UP,	      /* requests may be made */
	API_RESPONSE, /* `message` is the response; valid during the call, secret: it is wiped then */
	API_CHANGED,  /* there may be something to be sent, or another deadline */
	API_ENDED,    /* the link is over: `cause`, an enum mr_cause. Wipe it */
};

struct api_config {
	const struct bss_station *station;
	enum api_protection protection;
	const char *passphrase;	 /* API_WPA2. Copied, wiped with the link */
	const char *pin;	 /* API_PIN; copied as well */
	const char *serial;	 /* API_TLS: that the certificate must name; "": any. Copied */
	bool any_certificate;	 /* API_TLS: any is taken, and put on record */
	uint32_t pin_iterations; /* API_PIN: the most rounds of PBKDF2 that a device is given; 0: as many as there may
				    be */
	uint64_t patience_us;
	void (*event)(void *ctx, enum api_event event, struct mr_rd message, int cause);
};

/* Suspended until api_start. NULL: no memory. link_wipe frees it. */
struct link *api_create(const struct api_config *config);
void api_set_context(struct link *link, void *ctx); /* of events */
/* API_PIN: a device that says it has this serial number has this PIN; from the next time that the link comes up. */
void api_issued(struct link *link, const char *serial, const char *pin);

/* The network is there: joins it. `peer`: the device's own address, which differs from the BSSID in ad-hoc networks.
 * -MR_CAUSE_UNSUPPORTED (its security does not fit the protection), -MR_CAUSE_NO_MEMORY. */
int api_start(struct link *link, const struct ieee80211_network *network, const uint8_t peer[static 6]);
/*
 * The device leaves its network, or is not there yet: nothing is sent. `due_us`: when something will probably happen
 * (for the scheduler); `stay`: leaving the channel before that would cost something. link_expire at `until_us` gives
 * -MR_CAUSE_JOIN_TIMEOUT.
 */
void api_suspend(struct link *link, uint64_t due_us, uint64_t until_us, bool stay);
bool api_suspended(const struct link *link);

/* A frame from the device's address to ours, or to a group. */
void api_receive(struct link *link, struct mr_rd mpdu, const struct radio_rx *rx, uint64_t now_us);

/* How the link came up; durations from one stage to the next. */
struct api_evidence {
	const char *security; /* of the network: "open", "wpa2", "wpa2+pmf" */
	char cipher[80];      /* what protects requests and responses */
	bool has_certificate;
	uint8_t certificate_sha256[32];
	uint32_t join_us, address_us, connect_us, secure_us;
};
const struct api_evidence *api_evidence(const struct link *link);
