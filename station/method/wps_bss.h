/*
 * The station's own BSS for Wi-Fi Simple Configuration: an open access point that lets nobody on a network, with a
 * registrar for each device that associates to be enrolled. Any number of them are served side by side at one
 * address.
 *
 * By PIN every device may come: the beacons authorize all, and which PIN is right is decided by what M1 says. By
 * push button the beacons are silent; only the probe response to a device that the owner names says that a button
 * is pressed. So devices whose button is pressed at the same time each see one registrar, and no overlap (section
 * 11.3 of the specification 2.0.5).
 *
 * Sans-IO: frames and the clock in, frames and deadlines out. The radio is there while its owner calls; between two
 * visits what waited is forgotten (wps_bss_pause), and the devices ask again.
 *
 *	wps_bss_create -> { wps_bss_receive | wps_bss_expire | wps_bss_pull } ... asked() -> wps_bss_admit or _decline
 *		... ended() ... -> wps_bss_destroy
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/wsc.h"
#include "station/base/entropy.h"
#include "station/base/log.h"
#include "station/method/wps_registrar.h"
#include "station/radio/radio.h"

#define WPS_BSS_STAS_MAX                                                                                               \
	64u /* that associate at the same time, strangers among them: chosen, twice what a lane has in hand */
#define WPS_BSS_FRAMES_MAX 96u /* that wait for the radio */

struct wps_bss_config {
	uint8_t mac[6]; /* BSSID: an address that the radio acknowledges */
	uint8_t ssid[32], ssid_len;
	uint16_t freq_mhz;
	bool pins;			    /* its beacons say that a PIN is known */
	const struct mr_wsc_device *device; /* who the station says it is; outlives the BSS */
	struct entropy *entropy;
	const struct log_tag *tag;
};

/* How a run of one device ended. */
struct wps_bss_end {
	int cause;	      /* enum mr_cause; MR_CAUSE_OK: the device says that it has the credentials */
	unsigned exposed;     /* enum wps_half: see wps_registrar_exposed */
	const char *weakness; /* see wps_registrar_weakness; NULL: none seen */
	bool begun;	      /* M2 was sent: it was a run with a PIN, not an idle visit */
};

struct wps_bss_events {
	void *ctx;
	/* A device has said who it is. wps_bss_admit or wps_bss_decline follows, from inside or later. */
	void (*asked)(void *ctx, const uint8_t mac[static 6], const struct wps_enrollee *enrollee);
	void (*ended)(void *ctx, const uint8_t mac[static 6], const struct wps_bss_end *end);
	/* May this device be told that its button's registrar is here? Asked for each of its probes. */
	bool (*button)(void *ctx, const uint8_t mac[static 6]);
	/* A device asks for networks with its button pressed, or (`button` false) with the wish to enroll by PIN. */
	void (*probed)(void *ctx, const uint8_t mac[static 6], bool button);
	/* Which halves of the PIN its run has opened without an answer, before the next message leaves. NULL: no
	 * matter. */
	void (*shown)(void *ctx, const uint8_t mac[static 6], unsigned exposed);
};

struct wps_bss;

/* NULL: no memory. What `events` points to outlives it. */
struct wps_bss *wps_bss_create(const struct wps_bss_config *config, const struct wps_bss_events *events,
			       uint64_t now_us);
/* Runs that are open end with MR_CAUSE_STOPPED, without a word on the air: wps_bss_dismiss says it. */
void wps_bss_destroy(struct wps_bss *bss);

/* A frame that was heard on its channel; others' are ignored. */
void wps_bss_receive(struct wps_bss *bss, struct mr_rd mpdu, uint64_t now_us);
/* The next frame for the radio, of `frame`'s RADIO_FRAME_MAX octets; 0: none waits. */
size_t wps_bss_pull(struct wps_bss *bss, uint8_t *frame, struct radio_tx *tx, uint64_t now_us);
void wps_bss_expire(struct wps_bss *bss, uint64_t now_us);
uint64_t wps_bss_deadline_us(const struct wps_bss *bss);
/* The radio has left. Its beacons are not due, what waits is dropped; runs keep their place until it is back. */
void wps_bss_pause(struct wps_bss *bss);

/*
 * The run of a device that asked goes on with its PIN (NULL: by button). false: it is gone, or the cryptography
 * failed, and ended() has said so.
 */
bool wps_bss_admit(struct wps_bss *bss, const uint8_t mac[static 6], const char *pin,
		   const struct mr_wsc_credential *credential, uint64_t now_us);
void wps_bss_decline(struct wps_bss *bss, const uint8_t mac[static 6], enum mr_wsc_error why, uint64_t now_us);
/* The run of a device ends with `cause`, politely; nothing when it has none. */
void wps_bss_dismiss(struct wps_bss *bss, const uint8_t mac[static 6], int cause, uint64_t now_us);
/* Has it a run that waits for admission? */
const struct wps_enrollee *wps_bss_asks(const struct wps_bss *bss, const uint8_t mac[static 6]);
size_t wps_bss_runs(const struct wps_bss *bss);	  /* open */
size_t wps_bss_memory(const struct wps_bss *bss); /* octets that it holds, all told */
