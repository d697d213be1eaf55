/*
 * The registrar of Wi-Fi Simple Configuration 2.0.5 section 7.3: one run with one enrollee. Messages in, messages
 * out: the same machine where the station is the access point (the device is a STA), and where it is an external
 * registrar (the device is an access point in setup). EAP is agent/wire/eap.h.
 *
 *	wps_registrar_create -> receive M1: WPS_ASKED -> wps_registrar_admit or _decline -> { receive } ... -> destroy
 *
 * The registrar opens its half of the PIN first (M4, M6), and to whoever asks. So the unit of risk is a message that
 * was sent and not answered by somebody who knows that half: wps_registrar_exposed says which halves that is true of.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/wsc.h"
#include "station/base/entropy.h"
#include "station/base/log.h"

struct wps_registrar;

/* Who asks, by its own unproven words in M1. Texts are escaped by whoever shows them. */
struct wps_enrollee {
	uint8_t uuid[16], mac[6];
	bool button; /* its button was pressed; else it has a PIN */
	char serial[MR_WSC_TEXT_MAX + 1], name[MR_WSC_TEXT_MAX + 1], model[MR_WSC_TEXT_MAX + 1],
		manufacturer[MR_WSC_MANUFACTURER_MAX + 1];
	uint16_t methods; /* MR_WSC_DISPLAY, ... */
};

enum wps_event {
	WPS_IGNORED, /* not of this run, not awaited, or nothing to be sent: drop it */
	WPS_ASKED,   /* M1: `enrollee` is known; admit or decline */
	WPS_ANSWER,  /* send the answer: a new one, or that to the last message once more */
	WPS_DONE, /* it says that it has the credentials. The answer is an ACK for an access point; else EAP-Failure is
		     due */
	WPS_FAILED, /* wps_registrar_cause says why. There may be an answer (NACK); then EAP-Failure */
};

/* What is to be sent: inside the registrar until its next message. `op` 0: nothing. */
struct wps_answer {
	uint8_t op; /* enum mr_eap_op */
	struct mr_rd message;
};

enum wps_half { WPS_HALF_1 = 1, WPS_HALF_2 = 2 };

/*
 * NULL: no memory. `device`: who the station says it is; it and `entropy` outlive the registrar. `access_point`: the
 * device is the access point and we its external registrar, so M8 has settings for a BSS. `tag`: may be NULL.
 */
struct wps_registrar *wps_registrar_create(const struct mr_wsc_device *device, bool access_point,
					   struct entropy *entropy, const struct log_tag *tag);
void wps_registrar_destroy(struct wps_registrar *registrar);

enum wps_event wps_registrar_receive(struct wps_registrar *registrar, uint8_t op, struct mr_rd message,
				     struct wps_answer *answer);
const struct wps_enrollee *wps_registrar_enrollee(const struct wps_registrar *registrar);
/* After WPS_ASKED: goes on with M2. `pin`: 4 or 8 digits, NULL for a button; copied. false: the cryptography failed. */
bool wps_registrar_admit(struct wps_registrar *registrar, const char *pin, const struct mr_wsc_credential *credential,
			 struct wps_answer *answer);
/* After WPS_ASKED: M2D. The run is over when it is acknowledged. */
void wps_registrar_decline(struct wps_registrar *registrar, enum mr_wsc_error why, struct wps_answer *answer);

/* The halves of the PIN that somebody has seen opened and not shown to know: enum wps_half, or-ed. Final once the run
 * ended. */
unsigned wps_registrar_exposed(const struct wps_registrar *registrar);
/* enum mr_cause, after WPS_FAILED; MR_CAUSE_OK before. */
int wps_registrar_cause(const struct wps_registrar *registrar);
/*
 * Signs of an enrollee that gives its PIN to every listener (Bongard 2014), seen in M1 to M7: secret nonces that are
 * zero, alike or its public nonce. NULL: none; else words for the record.
 */
const char *wps_registrar_weakness(const struct wps_registrar *registrar);
size_t wps_registrar_memory(void); /* octets of one */
