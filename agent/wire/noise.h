/*
 * Noise_NKpsk0_25519_AESGCM_SHA256, Noise Protocol Framework revision 34: both roles, as pure functions of bytes.
 * The device is the initiator: it knows the station's static public key (sections 5.3, 7.4, 9).
 *
 *   -> psk, e, es      payload: a STATUS response (what the device is)
 *   <- e, ee           payload: lease and time
 *
 * Prologue: "millrace 1" || station_id 8 || batch_tag 8 || session_id 8 || device MAC 6: a replayed message 1
 * belongs to another session id and does not decrypt.
 * After message 2 the transport keys are explicit-nonce (section 11.4): see struct mr_data.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/cursor.h"

#define MR_NOISE_NAME "Noise_NKpsk0_25519_AESGCM_SHA256"

#define MR_PROLOGUE_LEN 40
#define MR_NOISE_1_LEN 48 /* message 1 without its payload: e, tag */
#define MR_NOISE_2_LEN 48

/* Layout is ours. Contains secrets: wipe with mr_noise_wipe. */
struct mr_noise {
	uint8_t ck[32], h[32], k[32];
	uint64_t n;
	uint8_t e[32];	/* own ephemeral private key */
	uint8_t re[32]; /* peer's ephemeral public key */
	bool failed;
};

/* Transport keys, named by direction. Contains secrets. */
struct mr_noise_keys {
	uint8_t to_station[32], to_device[32];
	uint8_t handshake_hash[32]; /* section 11.2: channel binding */
};

void mr_noise_prologue(uint8_t out[static MR_PROLOGUE_LEN], const uint8_t station_id[static 8],
		       const uint8_t batch_tag[static 8], const uint8_t session_id[static 8],
		       const uint8_t device_mac[static 6]);

/* `rs`: the station's static public key. Both ends call it with the same prologue. */
bool mr_noise_init(struct mr_noise *s, const void *prologue, size_t len, const uint8_t rs[static 32]);
void mr_noise_wipe(struct mr_noise *s);

/* Initiator, message 1. `e`: 32 random octets, the ephemeral private key. */
bool mr_noise_write_1(struct mr_noise *s, const uint8_t psk[static 32], const uint8_t e[static 32],
		      const uint8_t rs[static 32], struct mr_rd payload, struct mr_wr *out);
/* Responder, message 1. The payload goes to `payload`. false: not from our batch, replayed, or damaged: drop it;
 * the state is as it was. */
bool mr_noise_read_1(struct mr_noise *s, const uint8_t psk[static 32], const uint8_t s_priv[static 32], struct mr_rd in,
		     struct mr_wr *payload);
/* The same where another has the private key: `shared` is X25519 of it with the first 32 octets of `in`. */
bool mr_noise_read_1_agreed(struct mr_noise *s, const uint8_t psk[static 32], const uint8_t shared[static 32],
			    struct mr_rd in, struct mr_wr *payload);
/* Responder, message 2, then the keys. The state is spent: wipe it. */
bool mr_noise_write_2(struct mr_noise *s, const uint8_t e[static 32], struct mr_rd payload, struct mr_wr *out,
		      struct mr_noise_keys *keys);
/* Initiator, message 2. false: damaged or forged: drop it; the state is as it was, the true one may still come. */
bool mr_noise_read_2(struct mr_noise *s, struct mr_rd in, struct mr_wr *payload, struct mr_noise_keys *keys);

/* Transport with an explicit nonce. `out` needs len + 16 (seal) or len - 16 (open) octets and may be `in`. */
bool mr_noise_seal(const uint8_t key[static 32], uint64_t n, const void *ad, size_t ad_len, const void *in, size_t len,
		   uint8_t *out);
bool mr_noise_open(const uint8_t key[static 32], uint64_t n, const void *ad, size_t ad_len, const void *in, size_t len,
		   uint8_t *out);
