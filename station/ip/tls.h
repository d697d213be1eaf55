/*
 * TLS 1.2 and 1.3, the client's side, on OpenSSL's memory BIOs: ciphertext in and out, plaintext in and out; no
 * connection, no clock of its own. RFC 8446, RFC 5246; exported keys RFC 5705.
 *
 *	tls_trust_create -> tls_create -> tls_take (the ClientHello) -> { tls_receive -> TLS_UP once -> tls_read,
 *		tls_write -> tls_take } -> tls_close -> tls_take -> tls_destroy
 *
 * Devices carry IDevIDs (IEEE 802.1AR-2018): the subject's serialNumber names them, no DNS name does, and no name is
 * sent (no SNI). The caller's policy says what a certificate must be; the certificate is judged inside the handshake,
 * before a secret is sent.
 *
 * Random octets are OpenSSL's; simulated runs lend it theirs (entropy_lend_to_openssl) and repeat.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/base/log.h"

#define TLS_WORDS_MAX 200u
#define TLS_BINDING_LEN 32u

struct tls_trust;
struct tls;

/*
 * What all connections of a job share: protocol settings, and the certificates that end a chain (PEM, or DER one after
 * the other; issuing CAs do as well as roots). `anchors` empty: no chain is asked for. NULL: what is there is no
 * certificate, or no memory.
 */
struct tls_trust *tls_trust_create(struct mr_rd anchors);
void tls_trust_destroy(struct tls_trust *trust); /* after its connections */

struct tls_policy {
	/* With anchors: X520 serialNumber of the leaf's subject; NULL: any. Without: must be NULL. */
	const char *serial;
	/* SHA-256 of the leaf's DER, 32 octets; NULL: any (look at tls_leaf_sha256 and keep it). */
	const uint8_t *pin;
	/* Microseconds since 1970, against which validity is judged. Only chains have one: a self-signed certificate
	 * says what it likes. */
	uint64_t utc_us;
	/* RFC 6066 section 4: asks for records of at most 512 or 1024 octets, for devices with small buffers. 0: does
	 * not ask. */
	unsigned fragment_len;
	const struct log_tag *tag; /* of the device; NULL: silent. Outlives the connection */
};

enum { TLS_NOTHING, TLS_UP, TLS_CLOSED };

/* NULL: no memory. The ClientHello is ready to be taken. `policy` is copied. */
struct tls *tls_create(struct tls_trust *trust, const struct tls_policy *policy);
void tls_destroy(struct tls *tls); /* NULL is ignored; keys are wiped */

/*
 * Ciphertext from the device, cut anywhere. Afterwards, whatever it gives: tls_take; below zero there is an alert to
 * be sent.
 *   TLS_NOTHING  go on (tls_read may have something)
 *   TLS_UP       once: the handshake is done and the certificate accepted
 *   below zero   -MR_CAUSE_TLS_FAILED, -MR_CAUSE_CERTIFICATE_REFUSED; tls_words says more
 */
int tls_receive(struct tls *tls, const void *ciphertext, size_t len);

/* Ciphertext to be sent: up to `cap` octets, 0 when there is none. */
size_t tls_take(struct tls *tls, uint8_t *out, size_t cap);

/*
 * Plaintext that has come: sets `len` (0 to cap). TLS_NOTHING; TLS_CLOSED: the device has ended it in order
 * (close_notify) and nothing is left; below zero: -MR_CAUSE_TLS_FAILED. Call until it gives no octets.
 */
int tls_read(struct tls *tls, uint8_t *out, size_t cap, size_t *len);

/* Takes what there is room for (0 to len; 0 before TLS_UP): while much waits in tls_take it takes nothing. Below zero:
 * as tls_read. */
int tls_write(struct tls *tls, const void *bytes, size_t len, size_t *taken);

/* The connection has closed. TLS_CLOSED: in order. Below zero: before the handshake, or cut short (RFC 8446 6.1). */
int tls_end(struct tls *tls);
/* Says close_notify. */
void tls_close(struct tls *tls);

/* From TLS_UP on. */
const char *tls_version(const struct tls *tls); /* "TLSv1.3" */
const char *tls_cipher(const struct tls *tls);	/* "TLS_AES_128_GCM_SHA256" */
/* RFC 9266: the channel's own value, for signatures over it. False: TLS 1.2 without extended master secret has none
 * that is safe. */
bool tls_channel_binding(const struct tls *tls, uint8_t out[static TLS_BINDING_LEN]);

/* As soon as the device has shown its certificate, accepted or not; empty and false before. */
struct mr_rd tls_leaf(const struct tls *tls); /* DER; lives in `tls` */
bool tls_leaf_sha256(const struct tls *tls, uint8_t out[static 32]);

/* Why it failed, in OpenSSL's words or ours; "" while it has not. Octets of the device are escaped. */
const char *tls_words(const struct tls *tls);
