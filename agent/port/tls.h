/*
 * TLS 1.2 and 1.3 as the server, as a link-time seam: port/linux/tls_openssl.c on Linux and for simulated devices,
 * BearSSL on boards. Memory on both sides: ciphertext from and to the transport, plaintext from and to the API. May
 * allocate.
 *
 *	mr_tls_create -> { mr_tls_feed | mr_tls_take | mr_tls_read | mr_tls_write } ... -> mr_tls_destroy
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"

/* Whom the device shows itself as. Everything is read during mr_tls_create and not kept by reference. */
struct mr_tls_identity {
	const uint8_t *priv;	  /* 32 octets, P-256 */
	struct mr_rd certificate; /* DER; empty: a self-signed one is made, valid for ever (the device has no clock) */
	struct mr_rd issuer;	  /* DER; sent with it */
	const char *product;	  /* subject of the self-signed one: CN = product, */
	uint8_t device_id[8];	  /* serialNumber = device id in hexadecimal */
};

struct mr_tls;

struct mr_tls *mr_tls_create(const struct mr_tls_identity *identity); /* NULL: no memory, or the key is none */
void mr_tls_destroy(struct mr_tls *tls);

/* Ciphertext that came. false: the connection has failed or ended: send what mr_tls_take still has (an alert), then
 * close. */
bool mr_tls_feed(struct mr_tls *tls, const uint8_t *octets, size_t len);
/* Ciphertext to be sent, at most `cap`. 0: none. */
size_t mr_tls_take(struct mr_tls *tls, uint8_t *out, size_t cap);
bool mr_tls_ready(const struct mr_tls *tls); /* the handshake is done */
/* Plaintext that came, at most `cap`. 0: none (yet). */
size_t mr_tls_read(struct mr_tls *tls, uint8_t *out, size_t cap);
/* Plaintext to be sent. false: it has failed. */
bool mr_tls_write(struct mr_tls *tls, const uint8_t *octets, size_t len);
void mr_tls_close(struct mr_tls *tls); /* says good-bye (close_notify); take what it leaves */
/*
 * RFC 9266: label "EXPORTER-Channel-Binding", no context, 32 octets. false: not ready, or TLS 1.2 without
 * extended_master_secret (RFC 7627), whose exporter binds nothing: end the connection.
 */
bool mr_tls_binding(struct mr_tls *tls, uint8_t out[static 32]);
