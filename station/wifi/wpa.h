/*
 * WPA2-PSK: key derivation, and the 4-way and group key handshakes from both ends and from the side. IEEE 802.11-2020
 * 12.7; AKM 2 (PSK) and 6 (PSK-SHA256), CCMP-128. Pure machines over 802.1X PDUs: octets, time and an entropy source
 * in, at most one answer and what to install out. The caller decides whether a PDU travels in the clear, and repeats it
 * until it is acknowledged.
 *
 *	wpa_sta_init -> { wpa_sta_receive } ... WPA_ESTABLISHED ... { WPA_GROUP } ... -> wpa_sta_wipe
 *	wpa_ap_init -> wpa_ap_start -> { wpa_ap_receive | wpa_ap_expire } ... WPA_ESTABLISHED ... -> wpa_ap_wipe
 *	wpa_witness_init -> { wpa_witness_receive } ... WPA_WITNESS_HOLDS -> wpa_witness_wipe
 *
 * Layouts are ours; all of them contain secrets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/base/entropy.h"
#include "station/base/log.h"
#include "station/wifi/eapol.h"
#include "station/wifi/ieee80211.h"

/* --- keys --- */

struct wpa_ptk {
	uint8_t kck[16], kek[16], tk[16];
};

/* Annex J.4.1: PBKDF2, 4096 rounds of HMAC-SHA1: milliseconds, so never in the loop. False: not 8 to 63 characters. */
bool wpa_psk(const char *passphrase, const uint8_t *ssid, size_t ssid_len, uint8_t psk[static 32]);
/* 12.7.1.3. `akm`: IEEE80211_AKM_PSK or _PSK_SHA256; `aa`: the authenticator's address, `spa`: the supplicant's. */
bool wpa_ptk(uint8_t akm, const uint8_t pmk[static 32], const uint8_t aa[static 6], const uint8_t spa[static 6],
	     const uint8_t anonce[static 32], const uint8_t snonce[static 32], struct wpa_ptk *out);
/* Descriptor version of EAPOL-Key frames under this AKM, enum eapol_version; table 12-8. */
uint16_t wpa_version(uint8_t akm);
/* PRF of 12.7.1.2 (SHA-1) and KDF of 12.7.1.7.2 (SHA-256). `out_len`: 64 at most. */
bool wpa_prf_sha1(const void *key, size_t key_len, const char *label, struct mr_rd context, uint8_t *out,
		  size_t out_len);
bool wpa_kdf_sha256(const void *key, size_t key_len, const char *label, struct mr_rd context, uint8_t *out,
		    size_t out_len);

/* Group keys of a BSS: what an access point hands out, what a STA is handed. */
struct wpa_group {
	uint8_t gtk[32], igtk[16];
	uint8_t gtk_len;  /* 16: CCMP's; 32: TKIP's (tkip.h) */
	uint8_t gtk_id;	  /* 1 to 3; 0: none, or of a cipher that is not ours */
	uint8_t igtk_id;  /* 4 or 5; 0: none */
	uint64_t pn, ipn; /* the last one used under gtk and igtk */
};

enum wpa_event {
	WPA_NOTHING,	 /* not for this state, or not true: drop it, nothing changed; there is no answer */
	WPA_ANSWER,	 /* send the answer; nothing to install */
	WPA_ESTABLISHED, /* send the answer if there is one, then install ptk.tk (packet numbers at 0) and group keys */
	WPA_GROUP,	 /* send the answer if there is one, then install what is new in the group keys */
};

/* --- the STA's end --- */

#define WPA_RSNE_MAX 40

struct wpa_sta {
	const struct log_tag *tag; /* the owner sets it after wpa_sta_init; NULL: silent */
	const uint8_t *pmk;	   /* 32 octets, the caller's */
	struct entropy *entropy;
	uint8_t aa[6], spa[6], akm;
	uint8_t rsne[WPA_RSNE_MAX], rsne_len; /* ours, as in the Association Request: goes into M2 */
	bool wanted;			      /* an SNonce is drawn, a handshake is open */
	bool tried;			      /* `trial` is of `anonce` and `snonce` */
	bool heard;			      /* `replay` is valid */
	bool established, pmf;
	uint64_t replay;	  /* of the last message whose MIC was true */
	struct ieee80211_rsn rsn; /* the access point's, as in its beacons: M3 must say the same */
	uint8_t anonce[32], snonce[32];
	struct wpa_ptk trial, ptk; /* of the open handshake; of the last one that succeeded */
	struct wpa_group group;	   /* as handed out last */
	bool new_gtk, new_igtk;	   /* by this event: to be installed */
	unsigned m1, m1_same;	   /* M1s of this association; of them with the ANonce of the one before */
};

/*
 * For one association. `rsn`: the access point's; `rsne`: ours, a whole element. `pmf`: negotiated, so M3 must bring an
 * IGTK. `pmk` stays the caller's until wpa_sta_wipe.
 */
void wpa_sta_init(struct wpa_sta *w, uint8_t akm, const uint8_t *pmk, const uint8_t aa[static 6],
		  const uint8_t spa[static 6], const struct ieee80211_rsn *rsn, struct mr_rd rsne, bool pmf,
		  struct entropy *entropy);
void wpa_sta_wipe(struct wpa_sta *w);
/*
 * An 802.1X PDU from the access point. enum wpa_event; the answer (EAPOL_MAX octets are room enough) is in `answer`.
 * Below zero: -(cause), the link is over: -MR_CAUSE_ASSOCIATION_REFUSED when M3 contradicts the beacons.
 * A repeated M3 is answered and installs nothing: WPA_ANSWER.
 */
int wpa_sta_receive(struct wpa_sta *w, struct mr_rd pdu, struct mr_wr *answer);

/* --- the access point's end --- */

enum wpa_ap_state { WPA_AP_IDLE, WPA_AP_M1, WPA_AP_M3, WPA_AP_UP, WPA_AP_GROUP };

struct wpa_ap {
	const struct log_tag *tag; /* the owner sets it after wpa_ap_init; NULL: silent */
	const uint8_t *pmk;
	const struct wpa_group *group; /* the BSS's, as it is when a message is built */
	struct entropy *entropy;
	uint8_t aa[6], spa[6], akm;
	uint8_t state; /* enum wpa_ap_state */
	bool pmf;
	bool keyed;			      /* a handshake has succeeded: `ptk` is in use */
	uint8_t tries, bad_mics;	      /* of the present message; of M2 in this handshake */
	uint8_t rsne[WPA_RSNE_MAX], rsne_len; /* ours, as in beacons: goes into M3 */
	struct ieee80211_rsn rsn;	      /* the STA's, as it asked to associate with: M2 must say the same */
	uint64_t replay, replay_first;	      /* counters that the present message was sent with, first and last */
	uint8_t anonce[32], snonce[32];
	struct wpa_ptk trial, ptk;
	uint64_t deadline_us;
};

void wpa_ap_init(struct wpa_ap *w, uint8_t akm, const uint8_t *pmk, const uint8_t aa[static 6],
		 const uint8_t spa[static 6], struct mr_rd rsne, const struct ieee80211_rsn *sta_rsn, bool pmf,
		 const struct wpa_group *group, struct entropy *entropy);
void wpa_ap_wipe(struct wpa_ap *w);
/* Begins a 4-way handshake, the first or another one for new keys: M1 in `out`. */
void wpa_ap_start(struct wpa_ap *w, struct mr_wr *out, uint64_t now_us);
/* The group keys have changed: message 1 of the group key handshake in `out`. Only when WPA_AP_UP; else nothing is
 * written. */
void wpa_ap_regroup(struct wpa_ap *w, struct mr_wr *out, uint64_t now_us);
/* A PDU from the STA. WPA_ANSWER: send M3; WPA_ESTABLISHED: M4 came, install ptk.tk; WPA_GROUP: it has the new group
 * keys. */
int wpa_ap_receive(struct wpa_ap *w, struct mr_rd pdu, struct mr_wr *out, uint64_t now_us);
uint64_t wpa_ap_deadline_us(const struct wpa_ap *w);
/*
 * At the deadline: repeats the message (WPA_ANSWER), or gives up. -MR_CAUSE_PASSPHRASE_REFUSED: its M2s were signed
 * with another key; -MR_CAUSE_HANDSHAKE_TIMEOUT: it said nothing. Deauthenticate it then, reasons 2 and 15.
 */
int wpa_ap_expire(struct wpa_ap *w, struct mr_wr *out, uint64_t now_us);

/* --- from the side: does a STA that joins somewhere hold this PMK? --- */

enum wpa_witness_event {
	WPA_WITNESS_NOTHING,
	WPA_WITNESS_WRONG,  /* M2 answers an M1 that was heard, and is signed with another key: a wrong passphrase */
	WPA_WITNESS_HOLDS,  /* M2 is signed with the right key: the STA holds the PMK */
	WPA_WITNESS_AGREED, /* M3, so the access point holds it too and has accepted M2 */
	WPA_WITNESS_JOINED, /* M4: the handshake is done */
};

struct wpa_witness {
	const struct log_tag *tag; /* the owner sets it after wpa_witness_init; NULL: silent */
	uint8_t pmk[32], aa[6], spa[6];
	bool have_m1, have_m2, proven;
	uint64_t m1_first, m1_last; /* replay counters of M1s with this ANonce */
	uint8_t anonce[32], snonce[32];
	struct wpa_ptk ptk;
};

void wpa_witness_init(struct wpa_witness *w, const uint8_t pmk[static 32], const uint8_t aa[static 6],
		      const uint8_t spa[static 6]);
void wpa_witness_wipe(struct wpa_witness *w);
/*
 * An overheard 802.1X PDU between the two, from the access point or from the STA, in the order heard; any of them may
 * be missing or repeated. M2 and one of M1 and M3 are needed. What it tells is as good as the MICs: nobody without the
 * PMK can make it say more than WRONG.
 */
enum wpa_witness_event wpa_witness_receive(struct wpa_witness *w, bool from_ap, struct mr_rd pdu);
