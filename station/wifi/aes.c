#include "station/wifi/aes.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

bool aes_cmac(const uint8_t key[static 16], struct mr_rd a, struct mr_rd b, uint8_t out[static 16])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	char cipher[] = "AES-128-CBC";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
				OSSL_PARAM_construct_end() };
	size_t len = 0;
	bool ok = ctx && EVP_MAC_init(ctx, key, 16, params) && (a.left == 0 || EVP_MAC_update(ctx, a.at, a.left)) &&
		  (b.left == 0 || EVP_MAC_update(ctx, b.at, b.left)) && EVP_MAC_final(ctx, out, &len, 16) && len == 16;

	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	if (!ok)
		mr_zero(out, 16);
	return ok;
}

static bool wrap(const uint8_t *kek, bool seal, const uint8_t *in, size_t len, uint8_t *out, size_t out_len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, last = 0;
	bool ok = false;

	if (ctx) {
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
		ok = EVP_CipherInit_ex(ctx, EVP_aes_128_wrap(), NULL, kek, NULL, seal) &&
		     EVP_CipherUpdate(ctx, out, &n, in, (int)len) > 0 && EVP_CipherFinal_ex(ctx, out + n, &last) &&
		     (size_t)(n + last) == out_len;
	}
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		mr_wipe(out, out_len);
	return ok;
}

#define WRAP_MAX 65536 /* OpenSSL counts in int */

bool aes_wrap(const uint8_t kek[static 16], const uint8_t *plain, size_t len, uint8_t *wrapped)
{
	return len >= 16 && len % 8 == 0 && len <= WRAP_MAX && wrap(kek, true, plain, len, wrapped, len + 8);
}

bool aes_unwrap(const uint8_t kek[static 16], const uint8_t *wrapped, size_t len, uint8_t *plain)
{
	return len >= 24 && len % 8 == 0 && len <= WRAP_MAX && wrap(kek, false, wrapped, len, plain, len - 8);
}

/* CCM wants to know the length of everything before the first octet; `n` takes what OpenSSL says it wrote. */
static bool ccm_begin(EVP_CIPHER_CTX *ctx, bool seal, const uint8_t *key, const uint8_t *nonce, const uint8_t *tag,
		      struct mr_rd ad, size_t len)
{
	uint8_t expected[AES_CCM_TAG] = { 0 };
	int n = 0;

	if (tag)
		mr_copy(expected, tag, sizeof(expected));
	return EVP_CipherInit_ex(ctx, EVP_aes_128_ccm(), NULL, NULL, NULL, seal) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 13, NULL) > 0 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AES_CCM_TAG, seal ? NULL : expected) > 0 &&
	       EVP_CipherInit_ex(ctx, NULL, NULL, key, nonce, seal) &&
	       EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)len) && EVP_CipherUpdate(ctx, NULL, &n, ad.at, (int)ad.left);
}

bool aes_ccm_seal(const uint8_t key[static 16], const uint8_t nonce[static 13], struct mr_rd ad, const uint8_t *in,
		  size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, last = 0;
	bool ok = ctx && ccm_begin(ctx, true, key, nonce, NULL, ad, len) &&
		  EVP_CipherUpdate(ctx, out, &n, in, (int)len) && (size_t)n == len &&
		  EVP_CipherFinal_ex(ctx, out + n, &last) &&
		  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AES_CCM_TAG, out + len) > 0;

	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		mr_wipe(out, len + AES_CCM_TAG);
	return ok;
}

/* Of nothing to decrypt OpenSSL verifies the tag too, when it is asked for an update of no octets with a real pointer.
 */
bool aes_ccm_open(const uint8_t key[static 16], const uint8_t nonce[static 13], struct mr_rd ad, const uint8_t *in,
		  size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;
	bool ok = ctx && ccm_begin(ctx, false, key, nonce, in + len, ad, len) &&
		  EVP_CipherUpdate(ctx, out, &n, in, (int)len) > 0 && (size_t)n == len;

	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		mr_wipe(out, len);
	return ok;
}
