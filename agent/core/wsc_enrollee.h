/*
 * The enrollee of Wi-Fi Simple Configuration 2.0.5 section 7.3: says who it is (M1), proves the PIN second, takes the
 * credentials (M8). Messages in, messages out; EAP and the air are the caller's (agent/wire/eap.h). A device as a STA
 * and a device as an access point are the same enrollee.
 *
 *	mr_wsc_enrollee_begin (M1) -> { mr_wsc_enrollee_receive } ... MR_WSC_CREDENTIALS -> mr_wsc_enrollee_wipe
 *
 * All random octets come from the port, drawn anew for each run: nonces and keys that repeat give the PIN away to
 * whoever listens (Bongard 2014). Without entropy there is no run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/wire/wsc.h"

enum mr_wsc_enrollee_state {
	MR_WSC_WAITS_M2,
	MR_WSC_WAITS_M4,
	MR_WSC_WAITS_M6,
	MR_WSC_WAITS_M8,
	MR_WSC_HAS_CREDENTIALS,
	MR_WSC_HAS_FAILED,
};

struct mr_wsc_enrollee_config {
	const struct mr_wsc_device *device;
	uint8_t mac[6];
	const char *pin;			 /* 4 or 8 digits; outlives the run. Ignored with a button */
	bool button;				 /* MR_WSC_BUTTON: the PIN is then "00000000" */
	const struct mr_wsc_credential *own_bss; /* an access point: its present settings, for M7. NULL: a STA */
	uint8_t state;				 /* enum mr_wsc_state */
	bool (*random)(void *ctx, uint8_t *out, size_t len);
	void *random_ctx;
};

/* Layout is ours. Contains secrets. */
struct mr_wsc_enrollee {
	struct mr_wsc_enrollee_config config;
	uint8_t state; /* enum mr_wsc_enrollee_state */
	uint8_t error; /* enum mr_wsc_error: what we, or the registrar, refused with */
	uint8_t nonce[16], registrar_nonce[16], snonce[2][16], psk[2][16];
	uint8_t priv[32], public_key[MR_WSC_KEY_LEN], registrar_key[MR_WSC_KEY_LEN];
	uint8_t registrar_hash[2][32];
	struct mr_wsc_keys keys;
	uint16_t out_len;
	uint8_t out[MR_WSC_MESSAGE_MAX]; /* our last message: the next Authenticator of the registrar covers it */
	struct mr_wsc_credential credential;
};

enum mr_wsc_enrollee_event {
	MR_WSC_IGNORED,	    /* not for this run: another's nonce, a repeat. Nothing changed, nothing is to be sent */
	MR_WSC_ANSWER,	    /* send `out`: an M, an ACK or a NACK */
	MR_WSC_CREDENTIALS, /* send `out` (Done) and use `credential` */
	MR_WSC_ENDED,	    /* `error` says why; nothing is to be sent */
};

/* What is to be sent: inside the enrollee until its next message. */
struct mr_wsc_answer {
	uint8_t op; /* enum mr_eap_op */
	struct mr_rd message;
};

/* M1 is in `answer`. false: no entropy or cryptography; nothing may be sent. */
bool mr_wsc_enrollee_begin(struct mr_wsc_enrollee *e, const struct mr_wsc_enrollee_config *config,
			   struct mr_wsc_answer *answer);
enum mr_wsc_enrollee_event mr_wsc_enrollee_receive(struct mr_wsc_enrollee *e, uint8_t op, struct mr_rd message,
						   struct mr_wsc_answer *answer);
void mr_wsc_enrollee_wipe(struct mr_wsc_enrollee *e);
