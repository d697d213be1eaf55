/* agent/port/crypto_wac.h on OpenSSL 3.0. */
#include "agent/port/crypto_wac.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#define LEN_MAX 0x7fffffffu /* OpenSSL counts in int */
#define BLOCK 16u

static bool finish(bool ok, uint8_t *out, size_t len)
{
	if (!ok)
		OPENSSL_cleanse(out, len);
	ERR_pop_to_mark();
	return ok;
}

bool mr_sha1(const void *bytes, size_t len, uint8_t out[static 20])
{
	size_t n = 0;
	bool ok;

	ERR_set_mark();
	ok = EVP_Q_digest(NULL, "SHA1", NULL, bytes, len, out, &n) == 1 && n == 20;
	return finish(ok, out, 20);
}

/* The counter block of that block of the stream. */
static void counter_at(const uint8_t iv[static BLOCK], uint64_t block, uint8_t out[static BLOCK])
{
	unsigned carry = 0;

	for (size_t i = BLOCK; i-- > 0;) {
		carry += iv[i] + (unsigned)(block & 0xff);
		block >>= 8;
		out[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

bool mr_aes128_ctr(const uint8_t key[static 16], const uint8_t iv[static 16], uint64_t at, const void *in, size_t len,
		   uint8_t *out)
{
	uint8_t counter[BLOCK], skipped[BLOCK] = { 0 };
	EVP_CIPHER_CTX *ctx;
	int n = 0;
	bool ok;

	if (len > LEN_MAX)
		return false;
	counter_at(iv, at / BLOCK, counter);
	ERR_set_mark();
	ctx = EVP_CIPHER_CTX_new();
	ok = ctx && EVP_EncryptInit_ex2(ctx, EVP_aes_128_ctr(), key, counter, NULL) == 1 &&
	     EVP_EncryptUpdate(ctx, skipped, &n, skipped, (int)(at % BLOCK)) == 1 &&
	     (len == 0 || (EVP_EncryptUpdate(ctx, out, &n, in, (int)len) == 1 && (size_t)n == len));
	EVP_CIPHER_CTX_free(ctx);
	OPENSSL_cleanse(skipped, sizeof(skipped));
	return finish(ok, out, len);
}
