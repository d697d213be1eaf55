/* What the files of the methods of access points share; nobody else includes it. Layouts are ours. */
#pragma once

#include "station/line/session.h"
#include "station/link/api.h"

extern const struct method_ops access_point_ops;

#define CANDIDATES_MAX 8u /* chosen: access points at a time that may be the device of one label */
#define UNNAMED_MAX 4096u /* chosen: devices of a run that were heard and have not said who they are */

/* The device of a label, or of a unit on record, and whoever may be it. The units are the line's. */
struct ap_label {
	struct unit *owner; /* who has said that it is this one; NULL: nobody yet */
	struct unit *of[CANDIDATES_MAX];
	const struct access_points *points;
	struct ap_label *next;
};

/* Of a run. */
struct access_points {
	struct bss_station bss;
	struct map by_bssid; /* transmitter address of a device's network -> unit */
	struct map by_label; /* row of the list of labels, or unit on record, by its place in memory */
	struct ap_label *labels;
	uint8_t kin[3]; /* OUI of the last that said who it is */
	bool has_kin;
	unsigned unnamed; /* units made for addresses that were heard */
};

/* The access point of a device, and what opens it: unit.way. Wiped and freed when the unit is settled, and
 * once more when it has passed, was not told and is told. */
struct access {
	struct ieee80211_network network; /* as last heard */
	uint8_t peer[6];		  /* the device's own address: the BSSID, but in an ad-hoc network */
	char passphrase[65], pin[17];
	struct {
		uint8_t ssid[IEEE80211_SSID_MAX], len;
	} name, before;			      /* that it goes by, and went by before */
	char serial[IDENTITY_SERIAL_MAX + 1]; /* under which its secret is on record */
	struct ap_label *label;		      /* whose candidate it is */
	bool from_record;		      /* the secret; else from the label */
	bool named, other_name; /* hidden: its label has the SSID; the SSID that was tried last was not it */
	unsigned failed;	/* attempts at its link, up to the last one */
	unsigned looks;		/* for its return, in vain */
	uint64_t heard_us;	/* last */
	uint64_t again_us;	/* no attempt before this instant */
};

static inline struct access *access_of(const struct unit *u) { return u->way; }

/*
 * access_point_label.c: a place for another candidate of the label `key`, at the address `from`; `unit` NULL: none was
 * made for it yet. NULL, or why there is none, for the list of sightings.
 */
const char *access_point_label(struct access_points *points, const void *key, const struct unit *unit,
			       const uint8_t from[static 6], struct ap_label **label, size_t *place);
/* Is it this candidate's turn? It has a place then. */
bool access_point_turn(struct unit *unit, uint64_t now_us);
/* It has said who it is. */
void access_point_named(struct session *s);
void access_point_labels_end(struct access_points *points);

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
