/*
 * The crypto port against vectors of the standards: whoever writes another port runs this over it.
 *
 * links: agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "agent/port/crypto.h"
#include "tests/unit/hex.h"

static const uint8_t zeros[80];

static void assert_hex(const uint8_t *got, const char *text)
{
	uint8_t want[256];
	size_t len = hex(text, want, sizeof(want));

	assert_memory_equal(got, want, len);
}

/* FIPS 180-2 appendix B.1, B.2 */
static void sha256_of_one_piece_and_of_many_is_the_same(void **state)
{
	static const char text[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	struct mr_piece pieces[4];
	uint8_t out[32];

	(void)state;
	assert_true(mr_sha256("abc", 3, out));
	assert_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	for (size_t cut = 0; cut <= 56; cut++) {
		pieces[0] = (struct mr_piece){ text, cut };
		pieces[1] = (struct mr_piece){ NULL, 0 };
		pieces[2] = (struct mr_piece){ text + cut, 56 - cut };
		assert_true(mr_sha256_pieces(pieces, 3, out));
		assert_hex(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	}
	assert_true(mr_sha256_pieces(NULL, 0, out));
	assert_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231 section 4.3, 4.7; an empty key is a key of zeros (RFC 2104) */
static void hmac_takes_short_long_and_empty_keys_and_two_parts(void **state)
{
	static const char want[] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
	uint8_t key[131], out[32], other[32];

	(void)state;
	assert_true(mr_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out));
	assert_hex(out, want);
	assert_true(mr_hmac_sha256_2("Jefe", 4, "what do ya ", 11, "want for nothing?", 17, out));
	assert_hex(out, want);
	memset(key, 0xaa, sizeof(key));
	assert_true(
		mr_hmac_sha256(key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", 54, out));
	assert_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	assert_true(mr_hmac_sha256(NULL, 0, "x", 1, out));
	assert_true(mr_hmac_sha256(zeros, 64, "x", 1, other));
	assert_memory_equal(out, other, 32);
	assert_true(mr_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out)); /* nothing stayed behind */
	assert_hex(out, want);
}

/* RFC 7748 section 6.1 */
static void x25519_agrees_and_refuses_points_of_small_order(void **state)
{
	uint8_t a[32], b[32], a_pub[32], b_pub[32], one[32], two[32];

	(void)state;
	hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", b, 32);	    /* Bob's */
	hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", a_pub, 32); /* Alice's */
	assert_true(mr_x25519_public(b, b_pub));
	assert_hex(b_pub, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	assert_true(mr_x25519(b, a_pub, one));
	assert_hex(one, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	/* Both sides come to the same. */
	memset(a, 0x5a, 32);
	assert_true(mr_x25519_public(a, a_pub));
	assert_true(mr_x25519(a, b_pub, one) && mr_x25519(b, a_pub, two));
	assert_memory_equal(one, two, 32);
	assert_false(mr_x25519(a, zeros, one));
	assert_memory_equal(one, zeros, 32);
}

/* McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13, 14 and 16 */
static void aes_gcm_seals_opens_and_refuses(void **state)
{
	uint8_t key[32], iv[12], ad[20], plain[60], out[80], again[80];

	(void)state;
	assert_true(mr_aes_gcm_seal(zeros, zeros, NULL, 0, NULL, 0, out));
	assert_hex(out, "530f8afbc74536b9a963b4f1c4cb738b");
	assert_true(mr_aes_gcm_open(zeros, zeros, NULL, 0, out, 16, again));
	assert_true(mr_aes_gcm_seal(zeros, zeros, NULL, 0, zeros, 16, out));
	assert_hex(out, "cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919");

	hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key, 32);
	hex("cafebabefacedbaddecaf888", iv, 12);
	hex("feedfacedeadbeeffeedfacedeadbeefabaddad2", ad, 20);
	hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
	    "aa0de657ba637b39",
	    plain, 60);
	assert_true(mr_aes_gcm_seal(key, iv, ad, 20, plain, 60, out));
	assert_hex(out,
		   "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
		   "c5f61e6393ba7a0abcc9f662 76fc6ece0f4e1768cddf8853bb2d551b");
	for (size_t i = 0; i < 76; i++) {
		out[i] ^= 1;
		assert_false(mr_aes_gcm_open(key, iv, ad, 20, out, 76, again));
		assert_memory_equal(again, zeros, 60);
		out[i] ^= 1;
	}
	assert_false(mr_aes_gcm_open(key, iv, ad, 19, out, 76, again));
	assert_false(mr_aes_gcm_open(key, iv, ad, 20, out, 75, again));
	assert_false(mr_aes_gcm_open(key, iv, ad, 20, out, 15, again));
	/* In place, both ways. */
	assert_true(mr_aes_gcm_open(key, iv, ad, 20, out, 76, out));
	assert_memory_equal(out, plain, 60);
	assert_true(mr_aes_gcm_seal(key, iv, ad, 20, out, 60, out));
	assert_hex(out + 60, "76fc6ece0f4e1768cddf8853bb2d551b");
}

/* RFC 6979 appendix A.2.5: the key pair, and its signature over SHA-256("sample"), which any verifier must take */
#define P256_PRIVATE "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define P256_PUBLIC                                                                                                    \
	"04 60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"                                          \
	"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define P256_SIGNATURE                                                                                                 \
	"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"                                             \
	"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"

static void p256_signatures_verify_for_their_hash_and_key_only(void **state)
{
	uint8_t priv[32], pub[65], made[65], hash[32], sig[64];

	(void)state;
	hex(P256_PRIVATE, priv, 32);
	hex(P256_PUBLIC, pub, 65);
	assert_true(mr_p256_public(priv, made));
	assert_memory_equal(made, pub, 65);
	assert_true(mr_sha256("sample", 6, hash));
	hex(P256_SIGNATURE, sig, 64);
	assert_true(mr_p256_verify(pub, hash, sig));
	for (int i = 0; i < 50; i++) {
		assert_true(mr_p256_sign(priv, hash, sig));
		assert_true(mr_p256_verify(pub, hash, sig));
		sig[i] ^= 1;
		assert_false(mr_p256_verify(pub, hash, sig));
	}
	assert_true(mr_p256_sign(priv, hash, sig));
	hash[31] ^= 1;
	assert_false(mr_p256_verify(pub, hash, sig));
	hash[31] ^= 1;
	assert_false(mr_p256_verify(pub, hash, zeros));
	priv[31] ^= 1;
	assert_true(mr_p256_public(priv, made));
	assert_false(mr_p256_verify(made, hash, sig));
	pub[64] ^= 1; /* off the curve */
	assert_false(mr_p256_verify(pub, hash, sig));
	pub[64] ^= 1;
	pub[0] = 6; /* the hybrid form, which nobody asked for */
	assert_false(mr_p256_verify(pub, hash, sig));
}

static void a_private_key_outside_of_the_order_is_refused(void **state)
{
	uint8_t order[32], pub[65], sig[64];

	(void)state;
	hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", order, 32);
	assert_false(mr_p256_public(zeros, pub));
	assert_false(mr_p256_public(order, pub));
	assert_false(mr_p256_sign(order, zeros, sig));
	assert_memory_equal(sig, zeros, 64);
	order[31]--;
	assert_true(mr_p256_public(order, pub));
	memset(order, 0xff, 32);
	assert_false(mr_p256_public(order, pub));
}

static void what_was_refused_leaves_no_errors_behind(void **state)
{
	uint8_t out[80] = { 4 };

	(void)state;
	ERR_clear_error();
	assert_false(mr_p256_verify(out, zeros, zeros));
	assert_false(mr_x25519(zeros, zeros, out));
	assert_false(mr_aes_gcm_open(zeros, zeros, NULL, 0, zeros, 32, out));
	assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_of_one_piece_and_of_many_is_the_same),
		cmocka_unit_test(hmac_takes_short_long_and_empty_keys_and_two_parts),
		cmocka_unit_test(x25519_agrees_and_refuses_points_of_small_order),
		cmocka_unit_test(aes_gcm_seals_opens_and_refuses),
		cmocka_unit_test(p256_signatures_verify_for_their_hash_and_key_only),
		cmocka_unit_test(a_private_key_outside_of_the_order_is_refused),
		cmocka_unit_test(what_was_refused_leaves_no_errors_behind),
	};

	return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
