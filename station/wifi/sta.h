/*
 * Our station's side of one device's BSS: authentication, association, 4-way handshake, data, power save; or an
 * IBSS. IEEE 802.11-2020 11.1 to 11.3, 11.13, 12.5 to 12.7, as a plain 802.11g STA: no HT, so no aggregation and
 * no block acks; QoS (WMM) for simulated devices only. Many of these share one radio in monitor mode, which
 * acknowledges frames to our address.
 *
 * Pulled, as action.h: whoever serves the channel asks for the next frame when the radio has room, so a STA costs
 * nothing while its radio is away. One frame of a STA is under way at a time: a frame that was not acknowledged is
 * sent again with the same sequence and packet number, so that the receiver can tell.
 *
 *	sta_create -> { sta_pull -> sta_sent | sta_receive | sta_expire } ... STA_UP ... { sta_send | STA_MSDU } ...
 *		-> sta_destroy
 *	before the radio leaves: sta_park -> sta_pull until !sta_ready; back again: sta_resume
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/base/entropy.h"
#include "station/base/log.h"
#include "station/wifi/ieee80211.h"
#include "station/radio/radio.h"

#define STA_MSDU_MAX 1500 /* payload of one sta_send */
#define STA_WSC_MAX 32	  /* octets: version, request type, version 2 */
#define STA_QUEUE_MAX 16  /* MSDUs that wait to be sent */

struct sta;

struct sta_config {
	uint8_t own[6]; /* the address that the radio acknowledges */
	uint8_t bssid[6];
	uint8_t peer[6]; /* IBSS: the device's own address; else ignored */
	uint8_t ssid[IEEE80211_SSID_MAX], ssid_len;
	uint16_t freq_mhz, rates; /* decide which rates we claim; `rates`: of the BSS, 0: not known */
	bool ibss;		  /* ad-hoc, open */
	bool qos;		  /* its beacons have WMM, and we want it: QoS data. No IBSS */
	bool secure;		  /* WPA2-PSK with `pmk`, no IBSS; else open, and a BSS that wants more is refused */
	uint8_t pmk[32];	  /* copied, wiped in sta_destroy */
	/* Attributes of the WSC element in the association request. With them: no keys, whatever the BSS has, and EAPOL
	 * PDUs come and go as MSDUs. Not with `secure`. */
	uint8_t wsc[STA_WSC_MAX], wsc_len;
	struct ieee80211_rsn rsn; /* by its beacons; zeros: not known, a probe finds out */
	uint64_t patience_us;	  /* silence of the device, while we ask, that ends the link */
	struct entropy *entropy;
	uint16_t *sequence;	   /* 802.11 sequence number, shared by all that send from `own` */
	const struct log_tag *tag; /* of the device; NULL: silent. The owner's, and outlives the STA */
};

enum sta_event {
	STA_NOTHING,
	STA_UP,	  /* the port is authorised: queued MSDUs go out */
	STA_DOWN, /* it was up; the device ended it or forgot us. It is joined again by itself; queued MSDUs are gone */
	STA_MSDU, /* ethertype, src, dst, payload */
};

/* 11.3.1, split by what is awaited */
enum sta_state {
	STA_NEW,     /* inside sta_create only */
	STA_PROBING, /* is it there, what does it demand */
	STA_AUTHENTICATING,
	STA_ASSOCIATING,
	STA_HANDSHAKING,
	STA_AUTHORIZED,
};

/* What one frame brought. Placed by the caller, one for all STAs will do; wipe it at the end: MSDUs were decrypted into
 * it. */
struct sta_out {
	enum sta_event event;
	uint16_t reason; /* STA_DOWN: enum ieee80211_reason as the device gave it; 0: it gave none */
	uint16_t ethertype;
	uint8_t src[6], dst[6];
	struct mr_rd payload; /* until the next call with this `out`, the frame or the STA */
	uint8_t bytes[RADIO_FRAME_MAX];
};

struct sta_counts {
	uint32_t sent, received, octets; /* frames that went out, frames that were for us, octets sent */
	uint32_t retries;		 /* ours, above the MAC's */
	uint32_t duplicates, replays, undecrypted, ignored;
	uint32_t lost; /* MSDUs given up */
};

/* NULL: no memory. Begins at once: sta_ready. */
struct sta *sta_create(const struct sta_config *config, uint64_t now_us);
void sta_destroy(struct sta *sta); /* says nothing to the device: sta_leave does */

/* The next frame to be sent now, 0 when there is none. `hold`: the radio is about to leave, no more data.
 * `what` comes back in sta_sent, which must follow; until then there is no other. */
size_t sta_pull(struct sta *sta, uint8_t frame[static RADIO_FRAME_MAX], bool hold, uint8_t *what, uint64_t now_us);
bool sta_ready(const struct sta *sta); /* sta_pull would give something */
/* The radio's report. `tries` 0: the frame was never sent, and sta_pull gives it again. */
void sta_sent(struct sta *sta, uint8_t what, bool acked, unsigned tries, uint64_t now_us);

/*
 * A frame heard on the channel whose transmitter is the device (address 2 is `bssid` or `peer`); others are ignored.
 * 0: act on out->event (STA_NOTHING too). Below zero: -(enum mr_cause), the link is over, destroy the STA:
 *   NO_ANSWER             the device never answered
 *   ASSOCIATION_REFUSED   it said no, or its handshake contradicts its beacons
 *   UNSUPPORTED           it demands what we do not speak: WEP, TKIP, SAE, 802.1X; or is open where a key was
 *                         expected
 *   HANDSHAKE_TIMEOUT     the 4-way handshake did not get on
 *   PASSPHRASE_REFUSED    it had our M2 more than once and would not go on: its passphrase is another. As
 *                         unauthenticated as M1 and deauthentications are; somebody near could make it look
 *                         so, and therefore it is a cause of the air
 *   LINK_LOST             it was up; the device does not answer any more, or throws us out again and again
 *   NO_MEMORY
 */
int sta_receive(struct sta *sta, struct mr_rd mpdu, const struct radio_rx *rx, struct sta_out *out, uint64_t now_us);

/* Queues a copy of one MSDU. `dst` NULL: the device. 0; -MR_CAUSE_NO_MEMORY: the queue is full, try after the next
 * sta_sent; -MR_CAUSE_TOO_LONG. Not yet up: it waits. */
int sta_send(struct sta *sta, const uint8_t *dst, uint16_t ethertype, const void *payload, size_t len);
size_t sta_queued(const struct sta *sta); /* MSDUs; 0 after all were acknowledged or given up */

uint64_t sta_deadline_us(const struct sta *sta);
/* At the deadline, with the radio there: asks again (sta_ready), STA_DOWN, or -(cause). Returns enum sta_event. */
int sta_expire(struct sta *sta, uint64_t now_us);
uint64_t sta_due_us(const struct sta *sta); /* when its next answer is due; UINT64_MAX: we wait for none */
bool sta_unsafe(const struct sta *sta,
		uint64_t now_us); /* a handshake is open: leaving the channel now would cost the link */
bool sta_up(const struct sta *sta);
enum sta_state sta_state(const struct sta *sta);

/* Power save: the access point is told to keep frames for us (pulled next), data waits. IBSS and not yet up: data
 * waits. */
void sta_park(struct sta *sta, uint64_t now_us);
/* The radio is on the channel: the access point is told, and what is due is asked for at once. No frame is in the air
 * any more. */
void sta_resume(struct sta *sta, uint64_t now_us);
/* Deauthenticates, best effort: pull until !sta_ready, then destroy. */
void sta_leave(struct sta *sta, uint64_t now_us);

/* Does a STA that joins what announces this `rsn` protect its management frames, 12.6.3: wherever that is offered? */
bool sta_protects(const struct ieee80211_rsn *rsn);
const struct sta_counts *sta_counts(const struct sta *sta);
size_t sta_memory(const struct sta *sta); /* octets it holds now, all told */
