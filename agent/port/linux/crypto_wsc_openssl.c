/* agent/port/crypto_wsc.h on OpenSSL 3.0. As in crypto_openssl.c, what costs a search by name is looked up once per
 * process. */
#include "agent/port/crypto_wsc.h"

#include <stdlib.h> /* before bn.h: its <limits.h> is the freestanding one here, which glibc refuses afterwards */

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#define LEN_MAX 0x7fffffffu /* OpenSSL counts in int */

struct fetched {
	EVP_CIPHER *aes_cbc;
	BIGNUM *p, *g, *last; /* last: p - 2, the greatest public key */
	BN_MONT_CTX *mont;
	bool ok;
};

static struct fetched fetched;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void fetch_all(void)
{
	BN_CTX *ctx = BN_CTX_new();

	fetched.aes_cbc = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
	fetched.p = BN_get_rfc3526_prime_1536(NULL);
	fetched.g = BN_new();
	fetched.last = fetched.p ? BN_dup(fetched.p) : NULL;
	fetched.mont = BN_MONT_CTX_new();
	fetched.ok = ctx && fetched.aes_cbc && fetched.g && fetched.last && fetched.mont &&
		     BN_set_word(fetched.g, 2) == 1 && BN_sub_word(fetched.last, 2) == 1 &&
		     BN_MONT_CTX_set(fetched.mont, fetched.p, ctx) == 1;
	BN_CTX_free(ctx);
}

static const struct fetched *algorithms(void)
{
	return CRYPTO_THREAD_run_once(&once, fetch_all) == 1 && fetched.ok ? &fetched : NULL;
}

static bool finish(bool ok, uint8_t *out, size_t len)
{
	if (!ok)
		OPENSSL_cleanse(out, len);
	ERR_pop_to_mark();
	return ok;
}

/* base ^ priv mod p, in constant time. */
static bool power(const struct fetched *a, const BIGNUM *base, const uint8_t priv[static 32],
		  uint8_t out[static MR_MODP1536_LEN])
{
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *x = BN_secure_new(), *result = BN_secure_new();
	bool ok = ctx && x && result && BN_bin2bn(priv, 32, x) && !BN_is_zero(x);

	if (ok)
		BN_set_flags(x, BN_FLG_CONSTTIME);
	ok = ok && BN_mod_exp_mont_consttime(result, base, x, a->p, ctx, a->mont) == 1 &&
	     BN_bn2binpad(result, out, MR_MODP1536_LEN) == MR_MODP1536_LEN;
	BN_clear_free(result);
	BN_clear_free(x);
	BN_CTX_free(ctx);
	return ok;
}

bool mr_modp1536_public(const uint8_t priv[static 32], uint8_t pub[static MR_MODP1536_LEN])
{
	const struct fetched *a = algorithms();
	bool ok;

	ERR_set_mark();
	ok = a && power(a, a->g, priv, pub);
	return finish(ok, pub, MR_MODP1536_LEN);
}

bool mr_modp1536(const uint8_t priv[static 32], const uint8_t peer[static MR_MODP1536_LEN],
		 uint8_t shared[static MR_MODP1536_LEN])
{
	const struct fetched *a = algorithms();
	BIGNUM *y;
	bool ok;

	ERR_set_mark();
	y = a ? BN_bin2bn(peer, MR_MODP1536_LEN, NULL) : NULL;
	ok = y && BN_cmp(y, BN_value_one()) > 0 && BN_cmp(y, a->last) <= 0 && power(a, y, priv, shared);
	BN_free(y);
	return finish(ok, shared, MR_MODP1536_LEN);
}

static bool cbc(bool encrypt, const uint8_t key[static 16], const uint8_t iv[static 16], const void *in, size_t len,
		uint8_t *out)
{
	const struct fetched *a = algorithms();
	EVP_CIPHER_CTX *ctx;
	int n = 0, rest = 0;
	bool ok;

	if (len > LEN_MAX || len % 16 != 0)
		return false;
	ERR_set_mark();
	ctx = a ? EVP_CIPHER_CTX_new() : NULL;
	ok = ctx && EVP_CipherInit_ex2(ctx, a->aes_cbc, key, iv, encrypt, NULL) == 1 &&
	     EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
	     EVP_CipherFinal_ex(ctx, out + n, &rest) == 1 && (size_t)n + (size_t)rest == len;
	EVP_CIPHER_CTX_free(ctx);
	return finish(ok, out, len);
}

bool mr_aes128_cbc_encrypt(const uint8_t key[static 16], const uint8_t iv[static 16], const void *in, size_t len,
			   uint8_t *out)
{
	return cbc(true, key, iv, in, len, out);
}

bool mr_aes128_cbc_decrypt(const uint8_t key[static 16], const uint8_t iv[static 16], const void *in, size_t len,
			   uint8_t *out)
{
	return cbc(false, key, iv, in, len, out);
}
