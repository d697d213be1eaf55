/* What the parts of the STA share: sta.c (states, timers, management), sta_send.c (what goes out), sta_receive.c (what
 * comes in). */
#pragma once

#include "station/wifi/ccmp.h"
#include "station/wifi/defragment.h"
#include "station/wifi/sta.h"
#include "station/wifi/tkip.h"
#include "station/wifi/wpa.h"

#define STA_KEEPALIVE_US 30000000u /* access points drop silent STAs, commonly after 300 s */

/* Kinds of frames to send, in order of precedence: bits of sta.pending; DATA means the queue. */
enum sta_kind {
	KIND_LEAVE,
	KIND_EAPOL,
	KIND_SA_RESPONSE,
	KIND_SA_REQUEST,
	KIND_NULL,
	KIND_PROBE,
	KIND_AUTHENTICATION,
	KIND_ASSOCIATION,
	KIND_DATA,
	KIND_NONE,
};
#define BIT(kind) (1u << (kind))

/* One MSDU: payload with what its frame needs. Wiped when freed. */
struct sta_msdu {
	struct sta_msdu *next;
	uint8_t dst[6];
	uint16_t ethertype, len;
	uint8_t bytes[];
};

/* The frame under way, or the one that will be sent again. */
struct sta_flight {
	uint8_t kind, what, tries;
	bool busy;     /* with the radio */
	bool again;    /* was not acknowledged; is sent again at `again_us` with the same numbers */
	bool ripe;     /* `again_us` has come */
	bool numbered; /* sequence and pn are chosen */
	bool sealed;
	bool group; /* to all: nobody acknowledges it */
	uint16_t sequence;
	uint64_t pn, again_us;
	uint64_t silent_us; /* of the pause before it: the device's silence, once it has passed */
};

/* A pairwise key. `in_use`: the device has sent something under it, so nothing comes in the clear any more. */
struct sta_pairwise {
	uint8_t tk[16];
	bool valid, in_use;
	uint64_t tx_pn, rx_pn, rx_management_pn;
};

struct sta_group {
	uint8_t key[32];
	bool valid, tkip; /* `tkip`: 32 octets; else 16 */
	uint64_t pn;
};

/* 10.3.2.14: the last one, for duplicates */
struct sta_seen {
	uint16_t control;
	bool valid;
};

struct sta {
	struct sta_config config;
	enum sta_state state;
	uint64_t deadline_us; /* of the state; UINT64_MAX while its frame is still with us */
	uint64_t wait_us;     /* for an answer; doubles */
	uint64_t silent_us;   /* of the device since it answered last */
	uint64_t hold_us;     /* no data before; the port opens a little after M4 */
	uint64_t keepalive_us, query_us;
	uint8_t requests, responses; /* to associate, with numbers of their own, and what came of them */
	uint8_t attempts;	     /* joined again without having been of use */
	uint64_t waited_us;	     /* in vain, for the answer that is awaited, when the radio left; 0: not so long */
	bool was_up, left, unsupported, refused; /* refused: told to come back later, which is the deadline */
	bool parked, told;			 /* wanted; what the access point knows */
	uint16_t pending;

	/* what the BSS demands */
	uint8_t akm;
	bool pmf;
	struct wpa_sta wpa;
	uint8_t m2_acked; /* those that came M2_APART_US after the one before */
	uint64_t m2_acked_us;
	bool answer_plain, answer_promotes, answer_is_m2; /* about `answer` */
	struct sta_msdu *answer;			  /* EAPOL */
	struct sta_pairwise pairwise, next;		  /* in use; handed out by M3, in use once M4 is acknowledged */
	struct sta_group gtk[3], igtk[2];

	struct sta_flight flight;
	struct sta_msdu *queue, **queue_end;
	uint8_t queued;
	struct sta_seen seen_data, seen_management;
	struct defragment defragment;

	uint16_t query_id, peer_query_id; /* SA Query transactions: ours, theirs */
	uint8_t queries;
	struct sta_counts counts;
};

/* sta_send.c: the pause before a frame that is sent again has passed, if it has. */
void sta_ripen(struct sta *sta, uint64_t now_us);

/* sta.c */
int sta_on_management(struct sta *sta, const struct ieee80211_header *h, struct mr_rd mpdu, struct mr_rd body,
		      bool sealed, const struct radio_rx *rx, struct sta_out *out, uint64_t now_us);
int sta_on_eapol(struct sta *sta, struct mr_rd pdu, bool sealed, struct sta_out *out, uint64_t now_us);
void sta_put_rsn(const struct sta *sta, struct mr_wr *w); /* the element with which we associate */
void sta_query(struct sta *sta, uint64_t now_us);	  /* asks whether there still is an association, 11.13 */
void sta_heard(struct sta *sta);			  /* the device lives */

/* sta_send.c */
struct sta_msdu *sta_msdu(uint16_t ethertype, const void *bytes, size_t len);
void sta_msdu_free(struct sta_msdu *m);
void sta_drop_queue(struct sta *sta);
void sta_promote(struct sta *sta); /* the next pairwise key is the one */
