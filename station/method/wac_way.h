/* What the two halves of the method wac know of each other: the reach (wac.c) and the delivery (wac_delivery.c). */
#pragma once

#include "station/identity/mfi_chain.h"
#include "station/link/member.h"
#include "station/line/session.h"
#include "station/method/method.h"

#define WAC_AGAIN_US 1000000u /* an accessory whose session failed is left alone for this time */
#define WAC_TEXT_MAX 64

extern const struct method_ops wac_ops;
extern const struct delivery_ops wac_delivery;

/* Of a run: method_ops.begin makes it. */
struct wac {
	struct line *line;
	struct bss_station station;
	struct mfi_trust *trust;
	struct member member; /* of the network that accessories are given */
	uint64_t again_us;    /* the member joins again */
	struct map by_bssid;  /* of an accessory's access point -> unit */
	uint64_t probe_us[CHANNELS_MAX];
};

/* The way to one accessory. */
struct wac_way {
	struct ieee80211_network network;
	uint64_t again_us;
};

/* The session in which the unit is in hand by this delivery; NULL: it is not. */
struct session *wac_session_of(const struct unit *unit);

/* A network is heard, perhaps the one that is waited for: whoever waits gets there. */
void wac_network_heard(struct wac *wac);
/* Its radio is to stay: it is not on its way to a network that nobody has heard yet. */
bool wac_holds_radio(const struct session *s);
/* member_events of struct wac. */
void wac_member_up(void *wac);
void wac_member_changed(void *wac);
void wac_member_ended(void *wac, int cause);

/* What was seen and said in one delivery. */
struct wac_said {
	char name[WAC_TEXT_MAX + 1], model[WAC_TEXT_MAX + 1], serial[WAC_TEXT_MAX + 1], firmware[WAC_TEXT_MAX + 1];
	char seed[12], seed_after[12]; /* of its service: before, and on its network */
	const char *unconfirmed;       /* why nobody asked for a confirmation; NULL: it was given */
	struct mfi_verdict verdict;
};

/* As delivery_ops.evidence. */
size_t wac_evidence(const struct session *s, const struct wac_said *said, char *out, size_t cap);
