/*
 * What sniffer mode needs of the crypto port, against vectors of the standards: whoever writes another port runs this.
 *
 * links: agent/port/linux/crypto_smart_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "agent/port/crypto_smart.h"
#include "tests/unit/hex.h"

static const uint8_t zeros[64];
static const char text_of_sp800_38a[] = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"
					"30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710";

/* SP 800-38A F.1.1, F.1.2 */
static void ecb_is_that_of_the_standard(void **state)
{
	uint8_t key[16], text[64], expected[64], out[64];

	(void)state;
	hex("2b7e151628aed2a6abf7158809cf4f3c", key, 16);
	hex(text_of_sp800_38a, text, 64);
	hex("3ad77bb40d7a3660a89ecaf32466ef97 f5d3d58503b9699de785895a96fdbaaf"
	    "43b1cd7f598ece23881b00e3ed030688 7b0c785e27e8ad3f8223207104725dd4",
	    expected, 64);
	assert_true(mr_aes128_ecb_encrypt(key, text, 64, out));
	assert_memory_equal(out, expected, 64);
	assert_true(mr_aes128_ecb_decrypt(key, out, 64, out));
	assert_memory_equal(out, text, 64);
}

/* SP 800-38A F.2.5, F.2.6 */
static void cbc_with_256_bits_is_that_of_the_standard(void **state)
{
	uint8_t key[32], iv[16], text[64], expected[64], out[64];

	(void)state;
	hex("603deb1015ca71be2b73aef0857d7781 1f352c073b6108d72d9810a30914dff4", key, 32);
	hex("000102030405060708090a0b0c0d0e0f", iv, 16);
	hex(text_of_sp800_38a, text, 64);
	hex("f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d"
	    "39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b",
	    expected, 64);
	assert_true(mr_aes256_cbc_encrypt(key, iv, text, 64, out));
	assert_memory_equal(out, expected, 64);
	assert_true(mr_aes256_cbc_decrypt(key, iv, out, 64, out));
	assert_memory_equal(out, text, 64);
}

static void blocks_are_whole_or_nothing_is_done(void **state)
{
	uint8_t out[64];

	(void)state;
	assert_true(mr_aes128_ecb_encrypt(zeros, zeros, 0, out));
	assert_false(mr_aes128_ecb_encrypt(zeros, zeros, 15, out));
	assert_false(mr_aes128_ecb_decrypt(zeros, zeros, 17, out));
	assert_false(mr_aes256_cbc_encrypt(zeros, zeros, zeros, 8, out));
	assert_false(mr_aes256_cbc_decrypt(zeros, zeros, zeros, 33, out));
	assert_int_equal(ERR_peek_error(), 0);
}

/* RFC 6070; the second is of IEEE 802.11-2020 J.4.2, as a pre-shared key. */
static void pbkdf2_is_that_of_the_standards(void **state)
{
	uint8_t expected[32], out[32];

	(void)state;
	hex("4b007901b765489abead49d926f721d065a429c1", expected, 20);
	assert_true(mr_pbkdf2_hmac_sha1("password", 8, "salt", 4, 4096, out, 20));
	assert_memory_equal(out, expected, 20);
	hex("f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e", expected, 32);
	assert_true(mr_pbkdf2_hmac_sha1("password", 8, "IEEE", 4, 4096, out, 32));
	assert_memory_equal(out, expected, 32);
	hex("56fa6aa75548099dcc37d7f03425e0c3", expected, 16);
	assert_true(mr_pbkdf2_hmac_sha1("pass\0word", 9, "sa\0lt", 5, 4096, out, 16));
	assert_memory_equal(out, expected, 16);
	assert_false(mr_pbkdf2_hmac_sha1("password", 8, "salt", 4, 0, out, 20));
	assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ecb_is_that_of_the_standard),
		cmocka_unit_test(cbc_with_256_bits_is_that_of_the_standard),
		cmocka_unit_test(blocks_are_whole_or_nothing_is_done),
		cmocka_unit_test(pbkdf2_is_that_of_the_standards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
