/* What the files of the methods of access points share; nobody else includes it. Layouts are ours. */
#pragma once

#include "station/line/session.h"
#include "station/link/api.h"

extern const struct method_ops access_point_ops;

/* Of a run. */
struct access_points {
	struct bss_station bss;
	struct map by_bssid; /* transmitter address of a device's network -> unit */
};

/* The access point of a device, and what opens it: unit.way. Wiped and freed when the unit is settled. */
struct access {
	struct ieee80211_network network; /* as last heard */
	uint8_t peer[6];		  /* the device's own address: the BSSID, but in an ad-hoc network */
	char passphrase[65], pin[17];
	bool from_record;	/* the secret; else from the label */
	bool named, other_name; /* hidden: its label has the SSID; the SSID that was tried last was not it */
	uint64_t again_us;	/* no attempt before this instant */
};

static inline struct access *access_of(const struct unit *u) { return u->way; }

/* access_point_way.c */
void access_point_forget(struct unit *unit);
/* What a hidden access point is called: it says nothing, and devices take their serial number into it when they have
 * one. */
void access_point_name(struct line *line, struct unit *unit);
/* With its identity a device got a PIN, which from then on is the one that opens it. */
void access_point_give_pin(const struct session *s);

/* access_point_away.c: the device leaves its access point for its network, and comes back. */
void access_point_away(struct session *s, const struct mr_message *m);
int access_point_back(struct session *s, const struct mr_message *m);
int access_point_expired(struct session *s, int cause);
void access_point_beacon(struct session *s, const struct ieee80211_network *network, const struct radio_rx *rx);
bool access_point_not_yet_back(struct session *s); /* the link has ended: it was too early, and it is awaited again */
