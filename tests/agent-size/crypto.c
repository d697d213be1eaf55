/* Cryptography that does nothing: what it costs depends on the board's library, and is not counted. */
#include "agent/port/crypto.h"
#include "agent/port/crypto_wsc.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

bool mr_modp1536_public(const uint8_t priv[static 32], uint8_t pub[static MR_MODP1536_LEN]) { return true; }

bool mr_modp1536(const uint8_t priv[static 32], const uint8_t peer[static MR_MODP1536_LEN],
		 uint8_t shared[static MR_MODP1536_LEN])
{
	return true;
}

bool mr_aes128_cbc_encrypt(const uint8_t key[static 16], const uint8_t iv[static 16], const void *in, size_t len,
			   uint8_t *out)
{
	return true;
}

bool mr_aes128_cbc_decrypt(const uint8_t key[static 16], const uint8_t iv[static 16], const void *in, size_t len,
			   uint8_t *out)
{
	return true;
}

bool mr_sha256(const void *bytes, size_t len, uint8_t out[static 32]) { return true; }
bool mr_sha256_pieces(const struct mr_piece *pieces, size_t count, uint8_t out[static 32]) { return true; }

bool mr_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len, uint8_t out[static 32])
{
	return true;
}

bool mr_hmac_sha256_2(const void *key, size_t key_len, const void *a, size_t a_len, const void *b, size_t b_len,
		      uint8_t out[static 32])
{
	return true;
}

bool mr_x25519_public(const uint8_t priv[static 32], uint8_t pub[static 32]) { return true; }
bool mr_x25519(const uint8_t priv[static 32], const uint8_t peer[static 32], uint8_t out[static 32]) { return true; }

bool mr_aes_gcm_seal(const uint8_t key[static 32], const uint8_t iv[static 12], const void *ad, size_t ad_len,
		     const void *in, size_t len, uint8_t *out)
{
	return true;
}

bool mr_aes_gcm_open(const uint8_t key[static 32], const uint8_t iv[static 12], const void *ad, size_t ad_len,
		     const void *in, size_t len, uint8_t *out)
{
	return true;
}

bool mr_p256_public(const uint8_t priv[static 32], uint8_t pub[static 65]) { return true; }
bool mr_p256_sign(const uint8_t priv[static 32], const uint8_t hash[static 32], uint8_t sig[static 64]) { return true; }

bool mr_p256_verify(const uint8_t pub[static 65], const uint8_t hash[static 32], const uint8_t sig[static 64])
{
	return true;
}

bool mr_p256_mul(const uint8_t point[static 65], const uint8_t scalar[static 32], uint8_t out[static 65])
{
	return true;
}

bool mr_p256_muladd(const uint8_t a[static 65], const uint8_t x[static 32], const uint8_t *b,
		    const uint8_t y[static 32], uint8_t out[static 65])
{
	return true;
}
