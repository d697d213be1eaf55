/*
 * agent/port/crypto.h on OpenSSL 3.0. The station runs it too, for every device, so the cost that OpenSSL 3 adds to
 * each small operation counts: an algorithm looked up by name takes longer than hashing a short message with it.
 *
 * Therefore the algorithms are looked up once per process, and contexts are copied from one that is set up. What
 * `once` guards is written a single time, before the first use, and is read-only from then on: OpenSSL's fetched
 * algorithms, groups and template contexts are safe to share between threads as long as nobody changes them, and
 * nobody does. It lasts as long as the process, as OpenSSL's own tables do.
 */
#include "agent/port/crypto.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/params.h>

#define LEN_MAX 0x7fffffffu /* OpenSSL counts in int */

struct fetched {
	EVP_MD *sha256;
	EVP_CIPHER *aes_gcm;
	EVP_MAC_CTX *hmac; /* HMAC-SHA256 without a key, to be copied */
	EC_GROUP *p256;
	BIGNUM *p256_order;
	EVP_PKEY *p256_key; /* the curve without a key, to be copied */
	bool ok;
};

/* --- its memory --- */

static void *take(size_t len, const char *file, int line)
{
	(void)file, (void)line;
	return malloc(len);
}

static void wipe_and_give_back(void *at, const char *file, int line)
{
	(void)file, (void)line;
	if (at)
		explicit_bzero(at, malloc_usable_size(at));
	free(at);
}

/* Never in place: where it lay is wiped, and what lies behind a shorter one is, too. */
static void *take_other(void *at, size_t len, const char *file, int line)
{
	size_t had = at ? malloc_usable_size(at) : 0;
	void *other = malloc(len);

	if (other && had > 0) {
		memcpy(other, at, had < len ? had : len);
		wipe_and_give_back(at, file, line);
	}
	return other;
}

bool mr_crypto_wipe_freed(void) { return CRYPTO_set_mem_functions(take, take_other, wipe_and_give_back) == 1; }

/* --- algorithms --- */

static struct fetched fetched;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static EVP_PKEY *key_from(const char *type, int selection, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void fetch_all(void)
{
	char curve[] = "prime256v1";
	char digest[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
				OSSL_PARAM_construct_end() };
	OSSL_PARAM group[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
			       OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	fetched.aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	fetched.hmac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac); /* the context keeps it */
	fetched.p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	fetched.p256_order = BN_new();
	fetched.p256_key = key_from("EC", EVP_PKEY_KEY_PARAMETERS, group);
	fetched.ok = fetched.sha256 && fetched.aes_gcm && fetched.hmac && fetched.p256 && fetched.p256_order &&
		     fetched.p256_key && EVP_MAC_CTX_set_params(fetched.hmac, params) == 1 &&
		     EC_GROUP_get_order(fetched.p256, fetched.p256_order, NULL) == 1;
}

/* NULL: this OpenSSL lacks an algorithm or memory; every function then fails. */
static const struct fetched *algorithms(void)
{
	return CRYPTO_THREAD_run_once(&once, fetch_all) == 1 && fetched.ok ? &fetched : NULL;
}

/* Outputs are zeroed on failure, and what the peer's octets put on OpenSSL's error queue does not stay there. */
static bool finish(bool ok, uint8_t *out, size_t len)
{
	if (!ok)
		OPENSSL_cleanse(out, len);
	ERR_pop_to_mark();
	return ok;
}

bool mr_sha256_pieces(const struct mr_piece *pieces, size_t count, uint8_t out[static 32])
{
	const struct fetched *a = algorithms();
	EVP_MD_CTX *ctx;
	bool ok;

	ERR_set_mark();
	ctx = a ? EVP_MD_CTX_new() : NULL;
	ok = ctx && EVP_DigestInit_ex2(ctx, a->sha256, NULL) == 1;
	for (size_t i = 0; ok && i < count; i++)
		ok = pieces[i].len == 0 || EVP_DigestUpdate(ctx, pieces[i].bytes, pieces[i].len) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return finish(ok, out, 32);
}

bool mr_sha256(const void *bytes, size_t len, uint8_t out[static 32])
{
	return mr_sha256_pieces(&(struct mr_piece){ bytes, len }, 1, out);
}

bool mr_hmac_sha256_2(const void *key, size_t key_len, const void *a, size_t a_len, const void *b, size_t b_len,
		      uint8_t out[static 32])
{
	static const uint8_t nothing[1];
	const struct fetched *f = algorithms();
	EVP_MAC_CTX *ctx;
	bool ok;

	ERR_set_mark();
	ctx = f ? EVP_MAC_CTX_dup(f->hmac) : NULL;
	/* An empty key is a key here; NULL would mean "the one from before". */
	ok = ctx && EVP_MAC_init(ctx, key_len > 0 ? key : nothing, key_len, NULL) == 1 &&
	     (a_len == 0 || EVP_MAC_update(ctx, a, a_len) == 1) && (b_len == 0 || EVP_MAC_update(ctx, b, b_len) == 1) &&
	     EVP_MAC_final(ctx, out, NULL, 32) == 1;
	EVP_MAC_CTX_free(ctx);
	return finish(ok, out, 32);
}

bool mr_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len, uint8_t out[static 32])
{
	return mr_hmac_sha256_2(key, key_len, bytes, len, NULL, 0, out);
}

bool mr_x25519_public(const uint8_t priv[static 32], uint8_t pub[static 32])
{
	EVP_PKEY *key;
	size_t len = 32;
	bool ok;

	ERR_set_mark();
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, priv, 32);
	ok = key && EVP_PKEY_get_raw_public_key(key, pub, &len) == 1 && len == 32;
	EVP_PKEY_free(key);
	return finish(ok, pub, 32);
}

bool mr_x25519(const uint8_t priv[static 32], const uint8_t peer[static 32], uint8_t out[static 32])
{
	uint8_t d[32], any[32];
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, d, 32),
				OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, any, 32),
				OSSL_PARAM_construct_end() };
	EVP_PKEY *key, *other;
	EVP_PKEY_CTX *ctx;
	size_t len = 32;
	bool ok;

	ERR_set_mark();
	/* The derivation reads the private half only. Left out, the public half would be computed, which costs as
	 * much as the derivation itself; so any octets stand in for it. */
	memcpy(d, priv, 32);
	memcpy(any, peer, 32);
	key = key_from("X25519", EVP_PKEY_KEYPAIR, params);
	OPENSSL_cleanse(d, sizeof(d));
	other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, 32);
	ctx = key && other ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	/* OpenSSL refuses an all-zero result itself (RFC 7748 section 6.1). */
	ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, other) == 1 &&
	     EVP_PKEY_derive(ctx, out, &len) == 1 && len == 32;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(other);
	EVP_PKEY_free(key);
	return finish(ok, out, 32);
}

bool mr_aes_gcm_seal(const uint8_t key[static 32], const uint8_t iv[static 12], const void *ad, size_t ad_len,
		     const void *in, size_t len, uint8_t *out)
{
	const struct fetched *a = algorithms();
	EVP_CIPHER_CTX *ctx;
	int n = 0;
	bool ok;

	if (len > LEN_MAX || ad_len > LEN_MAX)
		return false;
	ERR_set_mark();
	ctx = a ? EVP_CIPHER_CTX_new() : NULL;
	ok = ctx && EVP_EncryptInit_ex2(ctx, a->aes_gcm, key, iv, NULL) == 1 &&
	     (ad_len == 0 || EVP_EncryptUpdate(ctx, NULL, &n, ad, (int)ad_len) == 1) &&
	     (len == 0 || EVP_EncryptUpdate(ctx, out, &n, in, (int)len) == 1) &&
	     EVP_EncryptFinal_ex(ctx, out + len, &n) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return finish(ok, out, len + 16);
}

bool mr_aes_gcm_open(const uint8_t key[static 32], const uint8_t iv[static 12], const void *ad, size_t ad_len,
		     const void *in, size_t len, uint8_t *out)
{
	const struct fetched *a = algorithms();
	const uint8_t *sealed = in;
	uint8_t tag[16];
	EVP_CIPHER_CTX *ctx;
	size_t plain;
	int n = 0;
	bool ok;

	if (len < sizeof(tag) || len > LEN_MAX || ad_len > LEN_MAX)
		return false;
	plain = len - sizeof(tag);
	memcpy(tag, sealed + plain, sizeof(tag));
	ERR_set_mark();
	ctx = a ? EVP_CIPHER_CTX_new() : NULL;
	ok = ctx && EVP_DecryptInit_ex2(ctx, a->aes_gcm, key, iv, NULL) == 1 &&
	     (ad_len == 0 || EVP_DecryptUpdate(ctx, NULL, &n, ad, (int)ad_len) == 1) &&
	     (plain == 0 || EVP_DecryptUpdate(ctx, out, &n, in, (int)plain) == 1) &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1 &&
	     EVP_DecryptFinal_ex(ctx, out + plain, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return finish(ok, out, plain);
}

/* The number in `priv` when it is a P-256 private key: 1 .. n - 1. The caller frees it with BN_clear_free. */
static BIGNUM *private_number(const struct fetched *a, const uint8_t priv[static 32])
{
	BIGNUM *d = BN_secure_new();

	if (d)
		BN_set_flags(d, BN_FLG_CONSTTIME);
	if (d && BN_bin2bn(priv, 32, d) && !BN_is_zero(d) && BN_cmp(d, a->p256_order) < 0)
		return d;
	BN_clear_free(d);
	return NULL;
}

bool mr_p256_public(const uint8_t priv[static 32], uint8_t pub[static 65])
{
	const struct fetched *a = algorithms();
	BIGNUM *d;
	EC_POINT *q;
	bool ok;

	ERR_set_mark();
	d = a ? private_number(a, priv) : NULL;
	q = d ? EC_POINT_new(a->p256) : NULL;
	ok = q && EC_POINT_mul(a->p256, q, d, NULL, NULL, NULL) == 1 &&
	     EC_POINT_point2oct(a->p256, q, POINT_CONVERSION_UNCOMPRESSED, pub, 65, NULL) == 65;
	EC_POINT_free(q);
	BN_clear_free(d);
	return finish(ok, pub, 65);
}

/* A point of the curve, or NULL: octets that are none, or the point at infinity (which has no 65 octets). */
static EC_POINT *point_from(const struct fetched *a, const uint8_t octets[static 65])
{
	EC_POINT *point = octets[0] == 4 ? EC_POINT_new(a->p256) : NULL;

	if (point && EC_POINT_oct2point(a->p256, point, octets, 65, NULL) == 1)
		return point;
	EC_POINT_free(point);
	return NULL;
}

static bool point_to(const struct fetched *a, const EC_POINT *point, uint8_t out[static 65])
{
	return EC_POINT_is_at_infinity(a->p256, point) == 0 &&
	       EC_POINT_point2oct(a->p256, point, POINT_CONVERSION_UNCOMPRESSED, out, 65, NULL) == 65;
}

/* scalar * point; `point` NULL: the generator. One scalar at a time: that is OpenSSL's constant-time way. */
static EC_POINT *multiply(const struct fetched *a, const uint8_t *octets, const uint8_t scalar[static 32])
{
	BIGNUM *k = private_number(a, scalar);
	EC_POINT *point = octets && k ? point_from(a, octets) : NULL;
	EC_POINT *out = k && (point || !octets) ? EC_POINT_new(a->p256) : NULL;

	if (out && EC_POINT_mul(a->p256, out, octets ? NULL : k, point, octets ? k : NULL, NULL) != 1) {
		EC_POINT_free(out);
		out = NULL;
	}
	EC_POINT_clear_free(point);
	BN_clear_free(k);
	return out;
}

bool mr_p256_mul(const uint8_t point[static 65], const uint8_t scalar[static 32], uint8_t out[static 65])
{
	const struct fetched *a = algorithms();
	EC_POINT *product;
	bool ok;

	ERR_set_mark();
	product = a ? multiply(a, point, scalar) : NULL;
	ok = product && point_to(a, product, out);
	EC_POINT_clear_free(product);
	return finish(ok, out, 65);
}

bool mr_p256_muladd(const uint8_t a[static 65], const uint8_t x[static 32], const uint8_t *b,
		    const uint8_t y[static 32], uint8_t out[static 65])
{
	const struct fetched *f = algorithms();
	EC_POINT *one, *other;
	bool ok;

	ERR_set_mark();
	one = f ? multiply(f, a, x) : NULL;
	other = one ? multiply(f, b, y) : NULL;
	ok = other && EC_POINT_add(f->p256, one, one, other, NULL) == 1 && point_to(f, one, out);
	EC_POINT_clear_free(one);
	EC_POINT_clear_free(other);
	return finish(ok, out, 65);
}

/* The provider wants the private number in the machine's own byte order. */
static EVP_PKEY *private_key(const BIGNUM *d)
{
	char curve[] = "prime256v1";
	uint8_t native[32];
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
				OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof(native)),
				OSSL_PARAM_construct_end() };
	EVP_PKEY *key = NULL;

	if (BN_bn2nativepad(d, native, sizeof(native)) == (int)sizeof(native))
		key = key_from("EC", EVP_PKEY_KEYPAIR, params);
	OPENSSL_cleanse(native, sizeof(native));
	return key;
}

bool mr_p256_sign(const uint8_t priv[static 32], const uint8_t hash[static 32], uint8_t sig[static 64])
{
	const struct fetched *a = algorithms();
	uint8_t der[80];
	const uint8_t *at = der;
	size_t len = sizeof(der);
	BIGNUM *d;
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	ECDSA_SIG *rs = NULL;
	bool ok;

	ERR_set_mark();
	d = a ? private_number(a, priv) : NULL;
	if (d)
		key = private_key(d);
	if (key)
		ctx = EVP_PKEY_CTX_new(key, NULL);
	ok = ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, der, &len, hash, 32) == 1;
	if (ok)
		rs = d2i_ECDSA_SIG(NULL, &at, (long)len);
	ok = rs && BN_bn2binpad(ECDSA_SIG_get0_r(rs), sig, 32) == 32 &&
	     BN_bn2binpad(ECDSA_SIG_get0_s(rs), sig + 32, 32) == 32;
	ECDSA_SIG_free(rs);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	BN_clear_free(d);
	return finish(ok, sig, 64);
}

bool mr_p256_verify(const uint8_t pub[static 65], const uint8_t hash[static 32], const uint8_t sig[static 64])
{
	const struct fetched *a = algorithms();
	uint8_t *der = NULL;
	int len = 0;
	BIGNUM *r, *s;
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	ECDSA_SIG *rs;
	bool ok;

	if (!a || pub[0] != 4)
		return false;
	ERR_set_mark();
	r = BN_bin2bn(sig, 32, NULL);
	s = BN_bin2bn(sig + 32, 32, NULL);
	rs = ECDSA_SIG_new();
	if (r && s && rs && ECDSA_SIG_set0(rs, r, s) == 1) {
		r = s = NULL; /* rs owns them now */
		len = i2d_ECDSA_SIG(rs, &der);
	}
	if (len > 0)
		key = EVP_PKEY_dup(a->p256_key);
	if (key && EVP_PKEY_set1_encoded_public_key(key, pub, 65) == 1) /* refuses a point off the curve */
		ctx = EVP_PKEY_CTX_new(key, NULL);
	ok = ctx && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_verify(ctx, der, (size_t)len, hash, 32) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	OPENSSL_free(der);
	ECDSA_SIG_free(rs);
	BN_free(r);
	BN_free(s);
	ERR_pop_to_mark();
	return ok;
}
