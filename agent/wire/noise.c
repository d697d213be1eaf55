#include "agent/wire/noise.h"

#include "agent/port/crypto.h"
#include "agent/wire/hkdf.h"

/* The name is exactly HASHLEN octets, so it is the first h unchanged (section 5.2). */
static const char name[] = MR_NOISE_NAME;
_Static_assert(sizeof(name) - 1 == 32, "a longer name would have to be hashed");

void mr_noise_prologue(uint8_t out[static MR_PROLOGUE_LEN], const uint8_t station_id[static 8],
		       const uint8_t batch_tag[static 8], const uint8_t session_id[static 8],
		       const uint8_t device_mac[static 6])
{
	struct mr_wr w = mr_wr_over(out, MR_PROLOGUE_LEN);

	mr_wr_bytes(&w, "millrace 1", 10);
	mr_wr_bytes(&w, station_id, 8);
	mr_wr_bytes(&w, batch_tag, 8);
	mr_wr_bytes(&w, session_id, 8);
	mr_wr_bytes(&w, device_mac, 6);
}

/* Section 5.1: 32 bits of zeros, then the 64-bit number, big-endian, for AESGCM (section 12.4). */
static void nonce(uint64_t n, uint8_t iv[static 12])
{
	struct mr_wr w = mr_wr_over(iv, 12);

	mr_wr_be32(&w, 0);
	mr_wr_be64(&w, n);
}

bool mr_noise_seal(const uint8_t key[static 32], uint64_t n, const void *ad, size_t ad_len, const void *in, size_t len,
		   uint8_t *out)
{
	uint8_t iv[12];

	nonce(n, iv);
	return mr_aes_gcm_seal(key, iv, ad, ad_len, in, len, out);
}

bool mr_noise_open(const uint8_t key[static 32], uint64_t n, const void *ad, size_t ad_len, const void *in, size_t len,
		   uint8_t *out)
{
	uint8_t iv[12];

	nonce(n, iv);
	return mr_aes_gcm_open(key, iv, ad, ad_len, in, len, out);
}

/* Section 5.2: the operations on the symmetric state. The first failure sticks until the message ends. */
static void mix_hash(struct mr_noise *s, const void *bytes, size_t len)
{
	const struct mr_piece pieces[] = { { s->h, 32 }, { bytes, len } };
	uint8_t h[32];

	s->failed = s->failed || !mr_sha256_pieces(pieces, 2, h);
	if (!s->failed)
		mr_copy(s->h, h, 32);
}

static void mix_key(struct mr_noise *s, const uint8_t ikm[static 32])
{
	uint8_t out[64];

	s->failed = s->failed || !mr_hkdf_sha256(s->ck, 32, ikm, 32, NULL, 0, out, sizeof(out));
	if (!s->failed) {
		mr_copy(s->ck, out, 32);
		mr_copy(s->k, out + 32, 32);
		s->n = 0;
	}
	mr_wipe(out, sizeof(out));
}

static void mix_key_and_hash(struct mr_noise *s, const uint8_t psk[static 32])
{
	uint8_t out[96];

	s->failed = s->failed || !mr_hkdf_sha256(s->ck, 32, psk, 32, NULL, 0, out, sizeof(out));
	if (!s->failed) {
		mr_copy(s->ck, out, 32);
		mix_hash(s, out + 32, 32);
		mr_copy(s->k, out + 64, 32);
		s->n = 0;
	}
	mr_wipe(out, sizeof(out));
}

static void mix_dh(struct mr_noise *s, const uint8_t priv[static 32], const uint8_t pub[static 32])
{
	uint8_t shared[32];

	s->failed = s->failed || !mr_x25519(priv, pub, shared);
	if (!s->failed)
		mix_key(s, shared);
	mr_wipe(shared, sizeof(shared));
}

/* Section 9.2: with a pre-shared key, an ephemeral public key is mixed into the key as well. */
static void mix_e(struct mr_noise *s, const uint8_t pub[static 32])
{
	mix_hash(s, pub, 32);
	mix_key(s, pub);
}

static void encrypt_and_hash(struct mr_noise *s, struct mr_rd payload, struct mr_wr *out)
{
	uint8_t *at = mr_wr_room(out, payload.left + 16);

	s->failed = s->failed || payload.bad || !at ||
		    !mr_noise_seal(s->k, s->n, s->h, 32, payload.at, payload.left, at);
	if (s->failed)
		return;
	s->n++;
	mix_hash(s, at, payload.left + 16);
}

static void decrypt_and_hash(struct mr_noise *s, struct mr_rd in, struct mr_wr *payload)
{
	uint8_t *at;

	s->failed = s->failed || in.bad || in.left < 16;
	at = s->failed ? NULL : mr_wr_room(payload, in.left - 16);
	s->failed = s->failed || !at || !mr_noise_open(s->k, s->n, s->h, 32, in.at, in.left, at);
	if (s->failed)
		return;
	s->n++;
	mix_hash(s, in.at, in.left);
}

static void split(struct mr_noise *s, struct mr_noise_keys *keys)
{
	uint8_t out[64];

	s->failed = s->failed || !mr_hkdf_sha256(s->ck, 32, NULL, 0, NULL, 0, out, sizeof(out));
	if (!s->failed) {
		mr_copy(keys->to_station, out, 32);
		mr_copy(keys->to_device, out + 32, 32);
		mr_copy(keys->handshake_hash, s->h, 32);
	}
	mr_wipe(out, sizeof(out));
}

bool mr_noise_init(struct mr_noise *s, const void *prologue, size_t len, const uint8_t rs[static 32])
{
	*s = (struct mr_noise){ 0 };
	mr_copy(s->h, name, 32);
	mr_copy(s->ck, name, 32);
	mix_hash(s, prologue, len);
	mix_hash(s, rs, 32); /* the pre-message <- s */
	return !s->failed;
}

void mr_noise_wipe(struct mr_noise *s)
{
	mr_wipe(s, sizeof(*s));
	s->failed = true;
}

bool mr_noise_write_1(struct mr_noise *s, const uint8_t psk[static 32], const uint8_t e[static 32],
		      const uint8_t rs[static 32], struct mr_rd payload, struct mr_wr *out)
{
	uint8_t pub[32];

	mr_copy(s->e, e, 32);
	s->failed = s->failed || !mr_x25519_public(e, pub);
	mix_key_and_hash(s, psk);
	mix_e(s, pub);
	mix_dh(s, e, rs);
	mr_wr_bytes(out, pub, 32);
	encrypt_and_hash(s, payload, out);
	return !s->failed;
}

/* A copy takes the steps, and replaces the state only when the message proved true. */
static bool settle(struct mr_noise *s, struct mr_noise *next, struct mr_wr *payload, size_t payload_len)
{
	bool ok = !next->failed;

	if (ok)
		*s = *next;
	else
		payload->len = payload_len;
	mr_noise_wipe(next);
	return ok;
}

bool mr_noise_read_1(struct mr_noise *s, const uint8_t psk[static 32], const uint8_t s_priv[static 32], struct mr_rd in,
		     struct mr_wr *payload)
{
	struct mr_rd peer = in;
	uint8_t re[32], shared[32];
	bool ok;

	mr_rd_copy(&peer, re, sizeof(re));
	ok = !peer.bad && mr_x25519(s_priv, re, shared) && mr_noise_read_1_agreed(s, psk, shared, in, payload);
	mr_wipe(shared, sizeof(shared));
	return ok;
}

bool mr_noise_read_1_agreed(struct mr_noise *s, const uint8_t psk[static 32], const uint8_t shared[static 32],
			    struct mr_rd in, struct mr_wr *payload)
{
	struct mr_noise next = *s;
	size_t payload_len = payload->len;

	mr_rd_copy(&in, next.re, 32);
	mix_key_and_hash(&next, psk);
	mix_e(&next, next.re);
	mix_key(&next, shared);
	decrypt_and_hash(&next, in, payload);
	return settle(s, &next, payload, payload_len);
}

bool mr_noise_write_2(struct mr_noise *s, const uint8_t e[static 32], struct mr_rd payload, struct mr_wr *out,
		      struct mr_noise_keys *keys)
{
	uint8_t pub[32];

	s->failed = s->failed || !mr_x25519_public(e, pub);
	if (s->failed)
		return false;
	mix_e(s, pub);
	mix_dh(s, e, s->re);
	mr_wr_bytes(out, pub, 32);
	encrypt_and_hash(s, payload, out);
	split(s, keys);
	return !s->failed;
}

bool mr_noise_read_2(struct mr_noise *s, struct mr_rd in, struct mr_wr *payload, struct mr_noise_keys *keys)
{
	struct mr_noise next = *s;
	size_t payload_len = payload->len;

	mr_rd_copy(&in, next.re, 32);
	mix_e(&next, next.re);
	mix_dh(&next, s->e, next.re);
	decrypt_and_hash(&next, in, payload);
	split(&next, keys);
	return settle(s, &next, payload, payload_len);
}
