/*
 * What both roles of Wi-Fi Simple Configuration know of a device: which label names it, its PIN and who has seen that,
 * what it said of itself; and what the record gets to know of it. The roles are wps.c (the station is the access point)
 * and wps_outside.c (the device is one).
 *
 * What a PIN has been shown to: a registrar opens its half first, so each run that ends between M4 and M5, or between
 * M6 and M7, has given that half to whoever asked. The second half once, or the first one twice, and the PIN is dead.
 * The count is the unit's (pin_shown), and goes on record before the half leaves: as the measurement pin-halves-shown
 * of the attempt, each time that it changes, from which it is counted again when a station goes on with a lot. A
 * station that is killed in that instant may lose the last one, for nobody waits for the disk there.
 */
#pragma once

#include "station/line/session.h"
#include "station/method/wps_registrar.h"

struct roster_row;

/* unit.way of these methods. Secret. */
struct wps_way {
	char pin[MR_WSC_PIN_MAX + 1]; /* "": by button */
	bool by_serial;		      /* matched by its serial number, else by its address */
	unsigned shown;		      /* enum wps_half or-ed, of the run that is on: as on record */
	struct wps_enrollee said;     /* of its last M1 */
	char weakness[48];
	/* The device is an access point: its BSS as last heard, and when it may be tried again. */
	struct ieee80211_network network;
	uint64_t again_us;
};

/* The label of the device; NULL: none. `by_serial`: it is not its address that is on it. */
const struct roster_row *wps_row(const struct line *line, const uint8_t mac[static 6], const char *serial,
				 bool *by_serial);
/* By which of the methods of this run the device is to be served: its label's, else the job's. */
const struct method *wps_method(const struct line *line, const struct roster_row *row);
/* By its label or by the list of the job. */
bool wps_is_listed(const struct line *line, const uint8_t mac[static 6], const struct roster_row *row);
/* A label with a PIN that WPS takes. */
bool wps_has_pin(const struct roster_row *row);
/* The unit of that address, a new one where it may be one of this run; NULL: it may not. `rx` NULL: known ones only. */
struct unit *wps_unit(struct line *line, const uint8_t mac[static 6], const struct roster_row *row,
		      const struct radio_rx *rx);
/* Made when it is not there yet; NULL: no memory. */
struct wps_way *wps_way(struct unit *unit);
void wps_way_forget(struct unit *unit); /* method_ops.forget */

/* Halves that are open and not answered, enum wps_half or-ed: after each message, before the answer to it leaves. */
void wps_shown(struct session *session, unsigned exposed);
/* The run is over: the same, and signs of weakness (NULL: none). */
void wps_account(struct unit *unit, unsigned exposed, const char *weakness);
/* The PIN has been shown once too often to somebody who did not prove to know it. */
bool wps_pin_is_dead(const struct unit *unit);

/* Who the station says it is. false: the cryptography failed. */
bool wps_station(const struct line *line, struct mr_wsc_device *out);
/* What devices are given. A secret: the caller wipes it. */
void wps_credential(const struct line *line, struct mr_wsc_credential *out);
/* delivery_ops.evidence. */
size_t wps_evidence(const struct session *session, char *out, size_t cap);
