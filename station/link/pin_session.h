/*
 * The PIN method from the station's end, over HTTP (docs/protocol.md, "HTTP"): SPAKE2+ (RFC 9383) from the PIN, then
 * requests and responses sealed under its key. A listener learns nothing that helps to guess the PIN; somebody between
 * the two has one guess for each exchange, and the device counts guesses.
 *
 *	pin_session_init -> { pin_session_ask -> pin_session_take } ... PIN_SESSION_OPEN
 *	                 -> { pin_session_seal -> pin_session_open } ... -> pin_session_wipe
 */
#pragma once

#include "agent/wire/cursor.h"
#include "agent/wire/spake2plus.h"
#include "station/base/entropy.h"
#include "station/base/log.h"
#include "station/identity/identity.h"
#include "station/wifi/psk.h"

/* What is asked next. */
enum pin_session_step {
	PIN_SESSION_DEVICE,
	PIN_SESSION_SALT,
	PIN_SESSION_SHARE,
	PIN_SESSION_CONFIRM,
	PIN_SESSION_OPEN
};

/* Layout is ours. Contains secrets. */
struct pin_session {
	enum pin_session_step step;
	const struct log_tag *tag; /* the owner sets it after pin_session_init; NULL: silent */
	struct entropy *entropy;
	char pin[IDENTITY_PIN_MAX];
	char issued_pin[IDENTITY_PIN_MAX], issued_serial[33]; /* "": none */
	char device_id[17], serial[33];
	uint8_t salt[32];
	size_t salt_len;
	uint32_t iterations;
	uint8_t w0[32], w1[32], x[32], share[MR_SPAKE2PLUS_SHARE_LEN];
	uint8_t confirm[MR_SPAKE2PLUS_CONFIRM_LEN];
	uint8_t request_key[32], response_key[32], binding[32];
	uint64_t counter;
	/* Set by the owner after pin_session_init. */
	uint32_t iterations_max; /* that it works for; 0: IDENTITY_PIN_ITERATIONS_MAX */
	struct psk_pool *pool;	 /* PBKDF2 is done there; NULL: at once */
	void (*worked)(void *ctx, int result);
	void *ctx;
	bool works; /* PIN_SESSION_WORKS: nothing is to be asked before `worked` */
	struct psk_request stretch;
};

/* A result of pin_session_take: it goes on with worked(ctx, 0 or -(cause)), from the loop. */
#define PIN_SESSION_WORKS 1

void pin_session_init(struct pin_session *p, const char *pin, struct entropy *entropy);
/* The PIN that came with this serial number: a device that says it has that identity is asked for it instead. */
void pin_session_issued(struct pin_session *p, const char *serial, const char *pin);
void pin_session_wipe(struct pin_session *p);

/* The next request of the exchange: POST with the form in `body`, or GET when it is empty. `path` is static. */
const char *pin_session_ask(struct pin_session *p, struct mr_wr *body);
/*
 * The response to it. 0; PIN_SESSION_WORKS; -MR_CAUSE_PIN_REFUSED: the PIN is not the device's; -MR_CAUSE_PIN_LOCKED:
 * it takes no more tries; -MR_CAUSE_NO_ANSWER: it pauses after wrong tries; -MR_CAUSE_UNSUPPORTED: it has no PIN, or
 * one of more rounds than iterations_max; -MR_CAUSE_DISTURBED: a refusal that the exchange itself does not bear out;
 * -MR_CAUSE_BAD_RESPONSE. None of them is authenticated: anybody in reach may have said it.
 */
int pin_session_take(struct pin_session *p, unsigned status, struct mr_rd body);

#define PIN_SESSION_OVERHEAD 24 /* counter 8, tag 16 */
/* OPEN: a request sealed for POST /v1/pin/operation, and the response to it opened. false: does not fit; not authentic.
 */
bool pin_session_seal(struct pin_session *p, struct mr_rd message, struct mr_wr *out);
bool pin_session_unseal(struct pin_session *p, struct mr_rd sealed, struct mr_wr *message);
