/*
 * An access point as a pure machine, for simulated devices and networks: beacons, probe responses, authentication,
 * association, WPA2-PSK with CCMP, protected management frames, power save. IEEE 802.11-2020 11.1, 11.2.3, 11.3,
 * 11.13, 12.6, 12.7. It is also the one STA that an ad-hoc network (IBSS) begins with: beacons, probe responses, data
 * among equals.
 *
 * Octets and time in; frames, MSDUs and news out through callbacks, which are called from inside the functions here
 * that are given the time. A callback may call soft_ap_send, soft_ap_relay and functions that only ask. Frames are
 *relayed from STA to STA by soft_ap_relay alone.
 *
 *	soft_ap_create -> { soft_ap_receive | soft_ap_sent | soft_ap_send | soft_ap_expire } ... -> soft_ap_destroy
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/base/entropy.h"
#include "station/base/log.h"
#include "station/wifi/ieee80211.h"

#define SOFT_AP_STAS_MAX 2007u /* AIDs, 9.4.1.8 */
#define SOFT_AP_BUFFER_MAX 16u /* frames for one STA that sleeps; more are lost */
#define SOFT_AP_MSDU_MAX 1536u /* octets of payload, LLC/SNAP not counted */
#define SOFT_AP_ODD_MAX 6u
#define SOFT_AP_COOKIE                                                                                                 \
	(UINT64_C(1) << 40) /* set in the cookies of all its frames: others on the same radio leave it clear */

/*
 * Wi-Fi Simple Configuration on an access point. `element` writes the attributes of its element in a beacon (`sta`
 * NULL), a probe response or an association response to `sta`; nothing: no such element. `probed`: `sta` asks for
 * networks, with the attributes `wsc`. `enrolls`: may it associate without keys, for EAP only? From then on `eapol`
 * gets its EAPOL PDUs (the first is empty: it is associated), and `left` tells that it is gone. All are there.
 */
struct soft_ap_wsc {
	void *ctx;
	void (*element)(void *ctx, enum ieee80211_kind kind, const uint8_t *sta, struct mr_wr *w);
	void (*probed)(void *ctx, const uint8_t sta[static 6], struct mr_rd wsc);
	bool (*enrolls)(void *ctx, const uint8_t sta[static 6], struct mr_rd wsc);
	void (*eapol)(void *ctx, const uint8_t sta[static 6], struct mr_rd pdu, uint64_t now_us);
	void (*left)(void *ctx, const uint8_t sta[static 6], int reason);
};

struct soft_ap_config {
	uint8_t mac[6];			  /* also the BSSID; an IBSS draws its BSSID (11.1.4) */
	uint8_t ssid[IEEE80211_SSID_MAX]; /* any octets */
	uint8_t ssid_len;
	bool hidden; /* beacons with an empty SSID; STAs that know the SSID are answered */
	bool ibss;   /* then open */
	/*
	 * enum ieee80211_security, as the beacons say it. OPEN lets STAs in; WPA2_PSK and WPA2_WPA3 those with the PSK.
	 * The others are described only: every association is refused.
	 */
	uint8_t security;
	bool pmf_capable, pmf_required;
	bool group_tkip; /* WPA beside WPA2, as ESP32's default has it: TKIP to all, CCMP to each of its STAs of WPA2 */
	bool cck_only;	 /* 802.11b: its STAs are to send at 1, 2, 5.5 and 11 Mb/s; so does it */
	uint8_t odd;	 /* 1 to SOFT_AP_ODD_MAX: its announcements end with an element that is odd; 0: no */
	bool wmm;	 /* QoS data to and from STAs that ask for it, and in its announcements */
	bool ht;	 /* says that it speaks 802.11n, and goes on at the rates of before: with `wmm` only */
	uint8_t psk[32]; /* of passphrase and SSID; wiped by soft_ap_destroy in its copy */
	uint16_t freq_mhz;
	uint16_t interval_tu;	       /* of beacons, 1024 us; 0: 100 */
	uint8_t dtim_period;	       /* 0: 2 */
	uint16_t stas_max;	       /* 0: none, every association is refused */
	uint64_t rekey_us;	       /* between new pairwise keys for all; 0: never */
	uint64_t inactivity_us;	       /* a silent STA is sent away; 0: 300 s, the default of hostapd and ESP-IDF */
	const struct soft_ap_wsc *wsc; /* NULL: none; outlives it */
	struct mr_rd vendor;	       /* whole elements at the end of its announcements; they outlive it */
	/* Of the access point; lines about a STA have its address in their text. NULL: silent. Outlives it. */
	const struct log_tag *tag;
};

struct soft_ap_events {
	void *ctx;
	/* An MPDU to be sent; copied. false: not now, it is lost. Its status comes back through soft_ap_sent. */
	bool (*send)(void *ctx, struct mr_rd frame, const struct radio_tx *tx);
	/* An MSDU of a STA that may send (group `dst`: from STA to all). `payload`: after LLC/SNAP; lives until it
	 * returns. */
	void (*received)(void *ctx, const uint8_t dst[static 6], const uint8_t src[static 6], uint16_t ethertype,
			 struct mr_rd payload);
	bool (*admits)(void *ctx, const uint8_t mac[static 6]); /* NULL: everybody may associate */
	void (*joined)(void *ctx,
		       const uint8_t mac[static 6]); /* MSDUs pass from now on. Not in an IBSS. May be NULL */
	void (*left)(void *ctx, const uint8_t mac[static 6],
		     int reason); /* after joined; enum ieee80211_reason. May be NULL */
	/* What soft_ap_switch announced is due: the radio is to go there, then soft_ap_moved. May be NULL */
	void (*moves)(void *ctx, uint16_t freq_mhz);
};

struct soft_ap_counters {
	uint32_t beacons, skipped; /* skipped: the one before was still waiting for the air */
	uint32_t refused;	   /* authentications and associations */
	uint32_t discarded;   /* frames that were not true, not for this state, replayed, or too many for a sleeper */
	uint32_t bad_secrets; /* handshakes that ended because the STA has another key */
};

struct soft_ap;

/* NULL: no memory. `entropy` and what `events` point to outlive it. The first beacon leaves within one interval. */
struct soft_ap *soft_ap_create(const struct soft_ap_config *config, const struct soft_ap_events *events,
			       struct entropy *entropy, uint64_t now_us);
/* Says nothing to anybody: soft_ap_dismiss first, where that is wanted. */
void soft_ap_destroy(struct soft_ap *ap);

/* An MPDU that was heard, without FCS: whatever is not for it is ignored. */
void soft_ap_receive(struct soft_ap *ap, struct mr_rd frame, uint64_t now_us);
/* The MAC's report on a frame of its own. */
void soft_ap_sent(struct soft_ap *ap, uint64_t cookie, bool acked, uint64_t now_us);
/* An MSDU to a STA, or to all of them (group `dst`). false: no such STA, not joined yet, or too long. */
bool soft_ap_send(struct soft_ap *ap, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload,
		  size_t len, uint64_t now_us);
/* The same in the name of `src`, NULL: in its own; as access points do with what one STA sends to another. */
bool soft_ap_relay(struct soft_ap *ap, const uint8_t dst[static 6], const uint8_t *src, uint16_t ethertype,
		   const uint8_t *payload, size_t len);
/* An EAPOL PDU to a STA that associated for Wi-Fi Simple Configuration; false: there is no such STA. */
bool soft_ap_send_eapol(struct soft_ap *ap, const uint8_t dst[static 6], struct mr_rd pdu);
void soft_ap_expire(struct soft_ap *ap, uint64_t now_us);
uint64_t soft_ap_deadline_us(const struct soft_ap *ap);

/* New pairwise keys for each STA that has joined, by another 4-way handshake: as access points do every hour. */
void soft_ap_rekey(struct soft_ap *ap, uint64_t now_us);
/* Deauthenticates one STA, NULL: all. `left` follows for each that had joined. */
void soft_ap_dismiss(struct soft_ap *ap, const uint8_t *mac, enum ieee80211_reason reason, uint64_t now_us);
/* Announces in this many beacons that it goes to another channel (11.8.8), then calls `moves`. */
void soft_ap_switch(struct soft_ap *ap, uint16_t freq_mhz, uint8_t beacons);
/* The radio has gone to another channel and its STAs will find it there. */
void soft_ap_moved(struct soft_ap *ap, uint16_t freq_mhz);

const uint8_t *soft_ap_bssid(const struct soft_ap *ap);
size_t soft_ap_stas(const struct soft_ap *ap); /* that joined */
bool soft_ap_waits(const struct soft_ap *ap);  /* frames are kept for sleepers */
struct soft_ap_counters soft_ap_counters(const struct soft_ap *ap);
