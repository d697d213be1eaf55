/*
 * The methods `wps-pin` and `wps-pbc`, the device's side: it looks for a registrar that waits for it, associates, and
 * takes the credentials of Wi-Fi Simple Configuration (wsc_enrollee.h). They are stored as CREDENTIALS and COMMIT store
 * them, under a transaction of the device's own. A device that has credentials looks no more.
 *
 * The radio is the one of action frames, which sends and hears whole MPDUs: WPS needs no encryption below it. While the
 * device looks around, and while a run is on, it has the radio and the buffer (MR_HELD_BY_ENROLMENT); calls find it in
 * the pauses between.
 *
 * A PIN that stays the same is guessed on-line in 11,000 tries, of which a false registrar knows each time how it went.
 * So after the third wrong one in a row there are pauses that double, and after the tenth none is heard until the power
 * has been off. A button protects nothing: two registrars at once are refused, whichever they are.
 */
#pragma once

#include "agent/core/agent.h"
#include "agent/core/wsc_enrollee.h"
#include "agent/wire/eap.h"

#define MR_WPS_WRONG_FREE 3u
#define MR_WPS_WRONG_MAX 10u

enum mr_wps_phase {
	MR_WPS_OFF = 1, /* has credentials, was given up, or is switched off */
	MR_WPS_RESTING, /* until the next look around */
	MR_WPS_LOOKING, /* on one channel of the plan after the other */
	MR_WPS_AUTHENTICATING,
	MR_WPS_ASSOCIATING,
	MR_WPS_ENROLLING,
	MR_WPS_LEAVING, /* the last word is said; EAP-Failure is to come */
};

/* An access point whose registrar waits for this device. */
struct mr_wps_found {
	uint8_t bssid[6], ssid[MR_SSID_MAX], ssid_len, uuid[16];
	bool has_uuid;
	uint16_t freq_mhz;
};

/* The board places one, names it in struct mr_agent_config, and gives the first three. Layout is ours. Secret. */
struct mr_wps {
	const char *pin;	  /* 4 or 8 digits; NULL: by button, pressed when the device is switched on */
	const char *manufacturer; /* printable ASCII, 64 at most; NULL: none */
	uint16_t fragment_max;	  /* of EAP; 0: as many octets as a frame has room for */

	uint8_t phase;		  /* enum mr_wps_phase */
	uint64_t deadline_us;	  /* of the phase */
	uint64_t walk_end_us;	  /* a button is forgotten then */
	size_t channel;		  /* index, being looked at */
	bool has_found, overlaps; /* a second registrar waits for a button */
	struct mr_wps_found found;
	uint8_t refused_by[6]; /* the last one that a run failed with: another one goes first */
	uint32_t tries;	       /* of the frame that is to be answered; of EAPOL-Start */
	uint32_t wrong;	       /* registrars in a row that did not know the PIN */
	struct mr_wsc_device device;
	struct mr_eap eap;
	struct mr_wsc_enrollee enrollee;
};

/* The button is pressed (again): two minutes from now on. Nothing happens when the device has credentials. */
void mr_wps_press(struct mr_agent *agent);
