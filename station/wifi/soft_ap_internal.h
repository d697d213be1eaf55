/* What the files of the access point share: soft_ap.c (the BSS), soft_ap_sta.c (one STA), soft_ap_data.c (MSDUs, power
 * save). */
#pragma once

#include "agent/wire/cause.h"
#include "station/wifi/soft_ap.h"
#include "station/base/map.h"
#include "station/wifi/tkip.h"
#include "station/wifi/wpa.h"

#define SOFT_AP_FRAME_MAX (IEEE80211_HEADER_LEN + 2 + IEEE80211_SNAP_LEN + SOFT_AP_MSDU_MAX + TKIP_OVERHEAD)

/* 11.3.1: the states of a STA; the standard's numbers, but for one that has authenticated for the first time. */
enum peer_state { PEER_NEW = 0, PEER_AUTHENTICATED = 2, PEER_ASSOCIATED = 3, PEER_JOINED = 4 };

/* A plain MPDU that waits for a sleeper. */
struct waiting {
	struct waiting *next;
	size_t len;
	uint8_t bytes[];
};
struct waiting_queue {
	struct waiting *first, *last;
	unsigned count;
};

struct soft_ap_sta {
	struct soft_ap_sta *next;
	uint8_t mac[6];
	uint16_t aid; /* from authentication on, told at association */
	enum peer_state state;
	bool secured, pmf; /* an RSNA was asked for */
	bool qos;	   /* WMM was */
	bool enrolls;	   /* associated for WSC: EAPOL is all that passes */
	bool keyed, asleep, heard;
	uint8_t tk[16]; /* of the last handshake that succeeded */
	uint64_t tx_pn, rx_pn, rx_management_pn;
	uint16_t last_control; /* of the last frame heard */
	struct wpa_ap wpa;
	uint64_t active_us;
	uint8_t rate, successes, failures; /* index of rates[] in soft_ap_data.c; frames in a row */
	uint16_t query;			   /* 11.13: transaction of an SA Query under way */
	uint64_t query_us;		   /* gives up; UINT64_MAX: none under way */
	struct waiting_queue waiting;
};

struct soft_ap {
	struct soft_ap_config config;
	struct soft_ap_events events;
	struct entropy *entropy;
	uint8_t bssid[6];
	struct ieee80211_rsn rsn; /* as its beacons have it; akm 0: none */
	uint8_t rsne[WPA_RSNE_MAX];
	size_t rsne_len;
	struct wpa_group group;
	struct soft_ap_sta *stas; /* in the order in which they came */
	struct map by_mac;
	uint8_t aids[SOFT_AP_STAS_MAX / 8 + 1]; /* taken */
	uint8_t waiting[251];			/* the TIM: by AID */
	size_t count, joined, asleep;
	struct waiting_queue group_waiting;
	uint16_t sequence;
	uint64_t up_us, beacon_us; /* TSF zero; the next one */
	uint64_t stas_us;	   /* nothing is due of any STA before */
	uint64_t rekey_us;	   /* the next new keys; UINT64_MAX: never */
	uint8_t dtim_count;
	bool beacon_waits;
	uint16_t switch_mhz;	/* where it says that it goes; 0: it stays */
	uint8_t switch_beacons; /* that still say so */
	unsigned probes_wait;	/* probe responses that were not reported yet */
	struct soft_ap_counters counters;
};

/* soft_ap.c */
extern const uint8_t soft_ap_wsc_oui[4]; /* of the Wi-Fi Alliance, and the type */
#define SOFT_AP_RATE_6M 12u
#define SOFT_AP_RATE_FIRST 2u /* index of rates[] */
enum { COOKIE_OTHER, COOKIE_BEACON, COOKIE_DATA, COOKIE_PROBE };
/* Begins a management frame; `buf` has SOFT_AP_FRAME_MAX octets. */
struct mr_wr soft_ap_begin(struct soft_ap *ap, uint8_t *buf, enum ieee80211_kind kind, const uint8_t da[static 6]);
/* `cookie`: COOKIE_... in its low octet, the AID above. false: it was not taken. */
bool soft_ap_transmit(struct soft_ap *ap, const struct mr_wr *frame, uint8_t rate_500kbps, enum radio_priority priority,
		      uint64_t cookie);
/* 9.4.2.55, 9.4.2.56 and 9.4.2.26, where it speaks 802.11n. */
void soft_ap_put_ht(const struct soft_ap *ap, struct mr_wr *w);
/* The element of WSC, where there is one in that kind of frame to that STA. */
void soft_ap_put_wsc(const struct soft_ap *ap, enum ieee80211_kind kind, const uint8_t *sta, struct mr_wr *w);
uint8_t soft_ap_basic_rate(const struct soft_ap *ap);
/* Something of a STA is due at `at_us`. */
void soft_ap_due(struct soft_ap *ap, uint64_t at_us);

/* soft_ap_sta.c */
struct soft_ap_sta *soft_ap_find(const struct soft_ap *ap, const uint8_t mac[static 6]);
void soft_ap_on_authentication(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd body,
			       uint64_t now_us);
void soft_ap_on_association(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd body, uint64_t now_us);
void soft_ap_on_leaving(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd body, uint64_t now_us);
void soft_ap_on_action(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd body, uint64_t now_us);
void soft_ap_on_eapol(struct soft_ap *ap, struct soft_ap_sta *sta, struct mr_rd pdu, uint64_t now_us);
void soft_ap_sta_expire(struct soft_ap *ap, struct soft_ap_sta *sta, uint64_t now_us);
uint64_t soft_ap_sta_deadline_us(const struct soft_ap *ap, const struct soft_ap_sta *sta);
/* Deauthenticates whoever it is, one of ours or not. */
void soft_ap_deauthenticate(struct soft_ap *ap, const uint8_t mac[static 6], enum ieee80211_reason reason,
			    uint64_t now_us);
/* Forgets it; tells `left` if it had joined. */
void soft_ap_forget(struct soft_ap *ap, struct soft_ap_sta *sta, int reason);

/* soft_ap_data.c */
void soft_ap_on_data(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd frame, struct mr_rd body,
		     uint64_t now_us);
void soft_ap_on_ps_poll(struct soft_ap *ap, const struct ieee80211_header *h, uint64_t now_us);
/* An MSDU from `ap` to one of its STAs: sealed when it has keys and `protect`, kept while it sleeps. */
void soft_ap_give(struct soft_ap *ap, struct soft_ap_sta *sta, const uint8_t *src, uint16_t ethertype,
		  struct mr_rd payload, bool protect);
void soft_ap_release_group(struct soft_ap *ap);
void soft_ap_drop_waiting(struct soft_ap *ap, struct soft_ap_sta *sta);
void soft_ap_count_status(struct soft_ap *ap, struct soft_ap_sta *sta, bool acked, uint64_t now_us);
/* Gives the body of a frame under this STA's key, from a buffer of SOFT_AP_FRAME_MAX octets; false: not true, or a
 * replay. */
bool soft_ap_open(struct soft_ap *ap, struct soft_ap_sta *sta, bool management, struct mr_rd frame, uint8_t *out,
		  struct mr_rd *body);
