/*
 * CCMP and BIP: the vectors of IEEE 802.11-2020 annex J, RFC 3394 and RFC 4493; what may change on the way and what may
 * not; every cut.
 *
 * links: station/wifi/ccmp.c station/wifi/aes.c station/wifi/ieee80211.c agent/wire/channel.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "station/wifi/aes.h"
#include "station/wifi/ccmp.h"
#include "tests/unit/hex.h"

/* J.6.4 */
static const char j64_tk[] = "c97c1f67ce371185514a8a19f2bdd52f";
static const char j64_plain[] = "0848c32c0fd2e128a57c5030f1844408abaea5b8fcba8033"
				"f8ba1a55d02f85ae967bb62fb6cda8eb7e78a050";
static const char j64_sealed[] = "0848c32c0fd2e128a57c5030f1844408abaea5b8fcba8033"
				 "0ce70020769703b5"
				 "f3d0a2fe9a3dbf2342a643e43246e80c3c04d019"
				 "7845ce0b16f97623";
static const uint64_t j64_pn = 0xb5039776e70c;

/* J.9.1: a broadcast Deauthentication under BIP; J.9.2: a unicast one under CCMP */
static const char j91_igtk[] = "4ea9543e09cf2b1eca66ffc58bdecbcf";
static const char j91_plain[] = "c0000000ffffffffffff02000000000002000000000009000200";
static const char j91_mme[] = "4c10040004000000000048dfbfa7b8278872";
static const char j92_tk[] = "66ed21042f9f26d7115706e40414cf2e";
static const char j92_plain[] = "c000000002000000010002000000000002000000000060000200";
static const char j92_sealed[] = "c0400000020000000100020000000000020000000000600001000020000000001d07cafd0409bb8bafef";

static void wrapped_keys_are_those_of_rfc_3394(void **state)
{
	uint8_t kek[16], plain[16], wrapped[24], expected[24], back[16];

	(void)state;
	hex("000102030405060708090a0b0c0d0e0f", kek, sizeof(kek));
	hex("00112233445566778899aabbccddeeff", plain, sizeof(plain));
	hex("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5", expected, sizeof(expected));
	assert_true(aes_wrap(kek, plain, 16, wrapped));
	assert_memory_equal(wrapped, expected, 24);
	assert_true(aes_unwrap(kek, wrapped, 24, back));
	assert_memory_equal(back, plain, 16);
	for (size_t i = 0; i < 24; i++) {
		wrapped[i] ^= 0x10;
		assert_false(aes_unwrap(kek, wrapped, 24, back));
		wrapped[i] ^= 0x10;
	}
	for (size_t len = 0; len < 24; len++)
		assert_false(aes_unwrap(kek, wrapped, len, back));
	assert_false(aes_wrap(kek, plain, 8, wrapped));
	assert_false(aes_wrap(kek, plain, 15, wrapped));
}

static void cmac_is_that_of_rfc_4493(void **state)
{
	uint8_t key[16], m[40], expected[16], out[16];

	(void)state;
	hex("2b7e151628aed2a6abf7158809cf4f3c", key, sizeof(key));
	hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411", m, sizeof(m));
	assert_true(aes_cmac(key, mr_rd_over(NULL, 0), mr_rd_over(NULL, 0), out));
	hex("bb1d6929e95937287fa37d129b756746", expected, 16);
	assert_memory_equal(out, expected, 16);
	assert_true(aes_cmac(key, mr_rd_over(m, 16), mr_rd_over(NULL, 0), out));
	hex("070a16b46b4d4144f79bdd9dd04a287c", expected, 16);
	assert_memory_equal(out, expected, 16);
	assert_true(aes_cmac(key, mr_rd_over(m, 7), mr_rd_over(m + 7, 33), out));
	hex("dfa66747de9ae63030ca32611497c827", expected, 16);
	assert_memory_equal(out, expected, 16);
}

static void a_data_frame_is_sealed_and_opened_as_in_annex_j(void **state)
{
	uint8_t tk[16], plain[64], expected[64], sealed[64], body[64];
	size_t plain_len = hex(j64_plain, plain, sizeof(plain)),
	       sealed_len = hex(j64_sealed, expected, sizeof(expected)), len;
	struct ccmp_info info = { j64_pn, 0 }, seen;

	(void)state;
	hex(j64_tk, tk, sizeof(tk));
	assert_int_equal(ccmp_seal(tk, info, mr_rd_over(plain, plain_len), sealed, sizeof(sealed)), sealed_len);
	assert_memory_equal(sealed, expected, sealed_len);
	assert_true(ccmp_peek(mr_rd_over(sealed, sealed_len), &seen));
	assert_true(seen.pn == j64_pn && seen.key_id == 0);
	assert_true(ccmp_open(tk, mr_rd_over(sealed, sealed_len), body, &len));
	assert_int_equal(len, plain_len - 24);
	assert_memory_equal(body, plain + 24, len);
}

static void a_management_frame_is_sealed_as_in_annex_j(void **state)
{
	uint8_t tk[16], plain[64], expected[64], sealed[64], body[64];
	size_t plain_len = hex(j92_plain, plain, sizeof(plain)),
	       sealed_len = hex(j92_sealed, expected, sizeof(expected)), len;

	(void)state;
	hex(j92_tk, tk, sizeof(tk));
	assert_int_equal(
		ccmp_seal(tk, (struct ccmp_info){ 1, 0 }, mr_rd_over(plain, plain_len), sealed, sizeof(sealed)),
		sealed_len);
	assert_memory_equal(sealed, expected, sealed_len);
	assert_true(ccmp_open(tk, mr_rd_over(sealed, sealed_len), body, &len));
	assert_int_equal(len, 2);
	assert_memory_equal(body, plain + 24, 2);
}

/* Retry, Power Management, More Data and the sequence number are the hardware's to change; fragment number and the rest
 * not. */
static void only_what_the_standard_masks_may_change(void **state)
{
	static const struct {
		size_t at;
		uint8_t bits;
		bool open;
	} changes[] = {
		{ 1, IEEE80211_RETRY, true },
		{ 1, IEEE80211_POWER_MANAGEMENT, true },
		{ 1, IEEE80211_MORE_DATA, true },
		{ 1, IEEE80211_MORE_FRAGMENTS, false },
		{ 1, IEEE80211_FROM_DS, false },
		{ 0, 0x40, true },
		{ 2, 0xff, true },
		{ 4, 1, false },
		{ 10, 1, false },
		{ 16, 1, false },
		{ 22, 0xf0, true },
		{ 23, 0xff, true },
		{ 22, 0x01, false },
		{ 24, 1, false },
		{ 26, 1, true },
		{ 27, 0x40, true },
		{ 31, 1, false },
		{ 32, 1, false },
		{ 59, 0x80, false },
	};
	uint8_t tk[16], sealed[64], body[64];
	size_t len, sealed_len = hex(j64_sealed, sealed, sizeof(sealed));

	(void)state;
	hex(j64_tk, tk, sizeof(tk));
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		sealed[changes[i].at] ^= changes[i].bits;
		if (ccmp_open(tk, mr_rd_over(sealed, sealed_len), body, &len) != changes[i].open)
			fail_msg("octet %zu, bits %02x", changes[i].at, changes[i].bits);
		sealed[changes[i].at] ^= changes[i].bits;
	}
	tk[15] ^= 1;
	assert_false(ccmp_open(tk, mr_rd_over(sealed, sealed_len), body, &len));
}

static void a_sealed_frame_cut_anywhere_is_refused(void **state)
{
	uint8_t tk[16], sealed[64], body[64];
	size_t len, sealed_len = hex(j64_sealed, sealed, sizeof(sealed));
	struct ccmp_info info;

	(void)state;
	hex(j64_tk, tk, sizeof(tk));
	for (size_t cut = 0; cut < sealed_len; cut++) {
		assert_false(ccmp_open(tk, mr_rd_over(sealed, cut), body, &len));
		assert_int_equal(len, 0);
	}
	for (size_t cut = 0; cut < 24 + CCMP_OVERHEAD; cut++)
		assert_false(ccmp_peek(mr_rd_over(sealed, cut), &info));
}

static void a_frame_that_does_not_fit_is_not_sealed(void **state)
{
	uint8_t tk[16], plain[64], sealed[64];
	size_t len = hex(j64_plain, plain, sizeof(plain));

	(void)state;
	hex(j64_tk, tk, sizeof(tk));
	for (size_t cap = 0; cap < len + CCMP_OVERHEAD; cap++)
		assert_int_equal(ccmp_seal(tk, (struct ccmp_info){ 1, 0 }, mr_rd_over(plain, len), sealed, cap), 0);
	for (size_t cut = 0; cut < 24; cut++)
		assert_int_equal(
			ccmp_seal(tk, (struct ccmp_info){ 1, 0 }, mr_rd_over(plain, cut), sealed, sizeof(sealed)), 0);
}

static void a_frame_without_a_body_is_sealed_and_its_mic_looked_at(void **state)
{
	uint8_t tk[16], plain[64], sealed[64], body[64];
	size_t sealed_len, len = 1;

	(void)state;
	hex(j64_tk, tk, sizeof(tk));
	hex(j64_plain, plain, sizeof(plain));
	sealed_len = ccmp_seal(tk, (struct ccmp_info){ CCMP_PN_MAX, 3 }, mr_rd_over(plain, 24), sealed, sizeof(sealed));
	assert_int_equal(sealed_len, 40);
	sealed[39] ^= 1;
	assert_false(ccmp_open(tk, mr_rd_over(sealed, sealed_len), body, &len));
	sealed[39] ^= 1;
	assert_true(ccmp_open(tk, mr_rd_over(sealed, sealed_len), body, &len));
	assert_int_equal(len, 0);
}

static void four_addresses_and_priority_are_covered(void **state)
{
	struct ieee80211_header h = { .kind = IEEE80211_QOS_DATA,
				      .flags = IEEE80211_TO_DS | IEEE80211_FROM_DS,
				      .qos = 5,
				      .address1 = { 2 },
				      .address2 = { 4 },
				      .address3 = { 6 },
				      .address4 = { 8 } };
	uint8_t tk[16] = { 7 }, plain[64], sealed[96], body[96];
	struct mr_wr w = mr_wr_over(plain, sizeof(plain));
	size_t len, sealed_len;

	(void)state;
	ieee80211_header_build(&w, &h);
	mr_wr_bytes(&w, "payload", 7);
	assert_int_equal(w.len, 32 + 7);
	sealed_len = ccmp_seal(tk, (struct ccmp_info){ 9, 1 }, mr_wr_written(&w), sealed, sizeof(sealed));
	assert_true(ccmp_open(tk, mr_rd_over(sealed, sealed_len), body, &len));
	assert_int_equal(len, 7);
	sealed[24] ^= 1; /* address 4 */
	assert_false(ccmp_open(tk, mr_rd_over(sealed, sealed_len), body, &len));
	sealed[24] ^= 1;
	sealed[30] ^= 0x10; /* end of service period: not covered */
	assert_true(ccmp_open(tk, mr_rd_over(sealed, sealed_len), body, &len));
	sealed[30] ^= 1; /* priority */
	assert_false(ccmp_open(tk, mr_rd_over(sealed, sealed_len), body, &len));
}

static void a_broadcast_deauthentication_is_protected_as_in_annex_j(void **state)
{
	uint8_t igtk[16], frame[64], expected[32];
	struct mr_wr w = mr_wr_over(frame, sizeof(frame));
	struct bip_info info;

	(void)state;
	hex(j91_igtk, igtk, sizeof(igtk));
	w.len = hex(j91_plain, frame, sizeof(frame));
	hex(j91_mme, expected, sizeof(expected));
	assert_false(bip_peek(mr_wr_written(&w), &info));
	assert_true(bip_protect(igtk, (struct bip_info){ 4, 4 }, &w));
	assert_int_equal(w.len, 26 + BIP_MME_LEN);
	assert_memory_equal(frame + 26, expected, BIP_MME_LEN);
	assert_true(bip_peek(mr_wr_written(&w), &info));
	assert_true(info.ipn == 4 && info.key_id == 4);
	assert_true(bip_verify(igtk, mr_wr_written(&w)));
	for (size_t i = 0; i < w.len; i++) {
		bool masked = i == 2 || i == 3 || i == 22 || i == 23; /* duration and sequence control */

		frame[i] ^= 2;
		assert_int_equal(bip_verify(igtk, mr_wr_written(&w)), masked);
		frame[i] ^= 2;
	}
	for (size_t cut = 0; cut < w.len; cut++)
		assert_false(bip_verify(igtk, mr_rd_over(frame, cut)));
	igtk[0] ^= 1;
	assert_false(bip_verify(igtk, mr_wr_written(&w)));
	w = mr_wr_over(frame, 26 + BIP_MME_LEN - 1);
	w.len = 26;
	assert_false(bip_protect(igtk, (struct bip_info){ 4, 4 }, &w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrapped_keys_are_those_of_rfc_3394),
		cmocka_unit_test(cmac_is_that_of_rfc_4493),
		cmocka_unit_test(a_data_frame_is_sealed_and_opened_as_in_annex_j),
		cmocka_unit_test(a_management_frame_is_sealed_as_in_annex_j),
		cmocka_unit_test(only_what_the_standard_masks_may_change),
		cmocka_unit_test(a_sealed_frame_cut_anywhere_is_refused),
		cmocka_unit_test(a_frame_that_does_not_fit_is_not_sealed),
		cmocka_unit_test(a_frame_without_a_body_is_sealed_and_its_mic_looked_at),
		cmocka_unit_test(four_addresses_and_priority_are_covered),
		cmocka_unit_test(a_broadcast_deauthentication_is_protected_as_in_annex_j),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
