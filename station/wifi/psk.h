/*
 * Pre-shared keys of passphrases, and what PINs are stretched to: PBKDF2 (IEEE 802.11-2020 J.4.1) takes milliseconds,
 * so a thread of its own computes a key before the first frame, and keys that were computed are remembered. On the
 * virtual clock there is no thread: the answer comes from a timer, at the same instant in every run.
 *
 *	psk_create -> { psk_ask -> done() | psk_cancel } ... -> psk_destroy
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"
#include "station/base/loop.h"

#define PSK_WIDE_LEN 80u
#define PSK_TEXT_MAX 128u

struct psk_pool;

enum psk_state { PSK_IDLE, PSK_QUEUED, PSK_WORKING, PSK_DONE };

/* Placed by its owner; zero it, set done and ctx. Layout is ours. Contains secrets while it waits. */
struct psk_request {
	/* From the loop, never from inside psk_ask or psk_stretch: 32 octets, or PSK_WIDE_LEN of psk_stretch. */
	void (*done)(void *ctx, const uint8_t psk[static 32]);
	void *ctx;
	struct psk_request *next;
	enum psk_state state;
	uint8_t ssid[32], psk[PSK_WIDE_LEN]; /* ssid: the salt */
	size_t ssid_len;
	char passphrase[65];
	uint32_t rounds; /* of psk_stretch; 0: a passphrase of WPA2 */
	uint8_t text[PSK_TEXT_MAX];
	size_t text_len;
};

struct psk_pool *psk_create(struct loop *loop); /* NULL: no memory, or no thread */
void psk_destroy(struct psk_pool *pool);	/* forgets requests that still wait, wipes the keys that it remembers */
/* `passphrase`: 8 to 63 characters, or the key itself as 64 hexadecimal digits. Copied. The request must be idle. */
void psk_ask(struct psk_pool *pool, struct psk_request *request, const uint8_t *ssid, size_t ssid_len,
	     const char *passphrase);
/* PBKDF2-HMAC-SHA256 of `text` (PSK_TEXT_MAX at most) with a salt of 32 octets at most. Not remembered. */
void psk_stretch(struct psk_pool *pool, struct psk_request *request, struct mr_rd text, struct mr_rd salt,
		 uint32_t rounds);
/* The request will not be answered any more, and may be freed. Idle: nothing happens. */
void psk_cancel(struct psk_pool *pool, struct psk_request *request);
