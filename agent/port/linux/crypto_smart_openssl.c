/* agent/port/crypto_smart.h on OpenSSL 3.0. As in crypto_openssl.c, what costs a search by name is looked up once per
 * process. */
#include "agent/port/crypto_smart.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#define LEN_MAX 0x7fffffffu /* OpenSSL counts in int */

static struct {
	EVP_CIPHER *aes128_ecb, *aes256_cbc;
	EVP_MD *sha1;
} fetched;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void fetch_all(void)
{
	fetched.aes128_ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	fetched.aes256_cbc = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	fetched.sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
}

static bool finish(bool ok, uint8_t *out, size_t len)
{
	if (!ok)
		OPENSSL_cleanse(out, len);
	ERR_pop_to_mark();
	return ok;
}

/* `cipher`: where fetch_all puts it. `iv`: NULL where the mode has none. */
static bool blocks(EVP_CIPHER *const *cipher, bool encrypt, const uint8_t *key, const uint8_t *iv, const void *in,
		   size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx;
	int n = 0, rest = 0;
	bool ok;

	if (len > LEN_MAX || len % 16 != 0)
		return false;
	ERR_set_mark();
	ok = CRYPTO_THREAD_run_once(&once, fetch_all) == 1 && *cipher;
	ctx = ok ? EVP_CIPHER_CTX_new() : NULL;
	ok = ctx && EVP_CipherInit_ex2(ctx, *cipher, key, iv, encrypt, NULL) == 1 &&
	     EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
	     EVP_CipherFinal_ex(ctx, out + n, &rest) == 1 && (size_t)n + (size_t)rest == len;
	EVP_CIPHER_CTX_free(ctx);
	return finish(ok, out, len);
}

bool mr_aes128_ecb_encrypt(const uint8_t key[static 16], const void *in, size_t len, uint8_t *out)
{
	return blocks(&fetched.aes128_ecb, true, key, NULL, in, len, out);
}

bool mr_aes128_ecb_decrypt(const uint8_t key[static 16], const void *in, size_t len, uint8_t *out)
{
	return blocks(&fetched.aes128_ecb, false, key, NULL, in, len, out);
}

bool mr_aes256_cbc_encrypt(const uint8_t key[static 32], const uint8_t iv[static 16], const void *in, size_t len,
			   uint8_t *out)
{
	return blocks(&fetched.aes256_cbc, true, key, iv, in, len, out);
}

bool mr_aes256_cbc_decrypt(const uint8_t key[static 32], const uint8_t iv[static 16], const void *in, size_t len,
			   uint8_t *out)
{
	return blocks(&fetched.aes256_cbc, false, key, iv, in, len, out);
}

bool mr_pbkdf2_hmac_sha1(const void *password, size_t password_len, const void *salt, size_t salt_len, unsigned rounds,
			 uint8_t *out, size_t len)
{
	bool ok;

	if (password_len > LEN_MAX || salt_len > LEN_MAX || rounds == 0 || rounds > LEN_MAX || len > LEN_MAX)
		return false;
	ERR_set_mark();
	ok = CRYPTO_THREAD_run_once(&once, fetch_all) == 1 && fetched.sha1 &&
	     PKCS5_PBKDF2_HMAC(password, (int)password_len, salt, (int)salt_len, (int)rounds, fetched.sha1, (int)len,
			       out) == 1;
	return finish(ok, out, len);
}
