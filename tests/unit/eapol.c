/*
 * EAPOL-Key frames and key data: every field there and back, every cut, hostile lengths, wrong MICs.
 *
 * links: station/wifi/eapol.c station/wifi/aes.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "station/wifi/eapol.h"
#include "tests/unit/hex.h"

static const uint8_t kck[16] = { 1, 2, 3 }, kek[16] = { 4, 5, 6 };

/* Message 1 with a PMKID in its key data, octet by octet as figure 12-33 has it. */
static const char m1[] = "02030075"
			 "02"
			 "008a"
			 "0010"
			 "0000000000000007"
			 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
			 "00000000000000000000000000000000"
			 "0102030405060708"
			 "0000000000000000"
			 "00000000000000000000000000000000"
			 "0016"
			 "dd14000fac04"
			 "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";

static void message_1_reads_as_it_is_written(void **state)
{
	uint8_t pdu[256], again[256];
	size_t len = hex(m1, pdu, sizeof(pdu));
	struct mr_wr w = mr_wr_over(again, sizeof(again));
	struct eapol_key key;

	(void)state;
	assert_true(eapol_key_parse(mr_rd_over(pdu, len), &key));
	assert_int_equal(key.info, EAPOL_HMAC_SHA1 | EAPOL_PAIRWISE | EAPOL_ACK);
	assert_int_equal(key.key_len, 16);
	assert_true(key.replay == 7);
	assert_int_equal(key.nonce[31], 0x1f);
	assert_int_equal(key.rsc[0], 1);
	assert_int_equal(key.data.left, 0x16);
	eapol_key_build(&w, &key);
	assert_int_equal(w.len, len);
	assert_memory_equal(again, pdu, len);
}

static void a_frame_cut_anywhere_or_too_long_is_refused(void **state)
{
	uint8_t pdu[256];
	size_t len = hex(m1, pdu, sizeof(pdu));
	struct eapol_key key;
	struct mr_rd in;

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		in = mr_rd_over(pdu, cut);
		assert_int_equal(eapol_type(&in), -1);
		assert_false(eapol_key_parse(mr_rd_over(pdu, cut), &key));
	}
	assert_false(eapol_key_parse(mr_rd_over(pdu, len + 1), &key));
	in = mr_rd_over(pdu, len + 7); /* padding of a short Ethernet frame, say */
	assert_int_equal(eapol_type(&in), EAPOL_KEY);
	assert_int_equal(in.left, len);
	pdu[4] = 254; /* descriptor of WPA, before RSN */
	assert_false(eapol_key_parse(mr_rd_over(pdu, len), &key));
	pdu[4] = 2;
	pdu[98]++; /* key data longer than the frame, then shorter */
	assert_false(eapol_key_parse(mr_rd_over(pdu, len), &key));
	pdu[98] = (uint8_t)(pdu[98] - 2);
	assert_false(eapol_key_parse(mr_rd_over(pdu, len), &key));
	pdu[97] = pdu[98] = 0xff;
	assert_false(eapol_key_parse(mr_rd_over(pdu, len), &key));
}

static void a_mic_of_both_versions_covers_every_octet(void **state)
{
	static const uint16_t versions[] = { EAPOL_HMAC_SHA1, EAPOL_AES_CMAC };
	uint8_t pdu[EAPOL_MAX];
	uint8_t other[16] = { 1, 2, 4 };

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		struct mr_wr w = mr_wr_over(pdu, sizeof(pdu));
		struct eapol_key key = { .protocol = 2,
					 .info = versions[v] | EAPOL_PAIRWISE | EAPOL_MIC,
					 .replay = 3,
					 .data = mr_rd_over("\x30\x00", 2) };

		assert_true(eapol_key_seal(&w, &key, kck, kek));
		assert_int_equal(w.len, EAPOL_KEY_LEN + 2);
		assert_false(eapol_verify(other, mr_wr_written(&w)));
		for (size_t i = 0; i < w.len; i++) {
			pdu[i] ^= 0x08;
			assert_false(eapol_verify(kck, mr_wr_written(&w)));
			pdu[i] ^= 0x08;
		}
		for (size_t cut = 0; cut < w.len; cut++)
			assert_false(eapol_verify(kck, mr_rd_over(pdu, cut)));
		assert_true(eapol_verify(kck, mr_wr_written(&w)));
	}
}

static void a_version_that_is_not_ours_is_never_true(void **state)
{
	uint8_t pdu[EAPOL_MAX];
	struct mr_wr w = mr_wr_over(pdu, sizeof(pdu));
	struct eapol_key key = { .protocol = 2, .info = 1 | EAPOL_PAIRWISE | EAPOL_MIC };

	(void)state;
	assert_false(eapol_key_seal(&w, &key, kck, kek));
	w = mr_wr_over(pdu, sizeof(pdu));
	eapol_key_build(&w, &key);
	assert_false(eapol_verify(kck, mr_wr_written(&w)));
}

static void group_keys_go_through_the_wrap(void **state)
{
	uint8_t plain[128], wrapped[EAPOL_DATA_MAX], back[EAPOL_DATA_MAX], gtk[16], igtk[16];
	struct mr_wr w = mr_wr_over(plain, sizeof(plain));
	struct eapol_data data;
	size_t len;

	(void)state;
	memset(gtk, 0x61, 16);
	memset(igtk, 0x62, 16);
	eapol_put_gtk(&w, 2, gtk, sizeof(gtk));
	eapol_put_igtk(&w, 5, 0x0605040302, igtk);
	len = eapol_wrap(kek, mr_wr_written(&w), wrapped);
	assert_int_equal(len, ((w.len + 7) & ~(size_t)7) + 8);
	wrapped[3] ^= 1;
	assert_int_equal(eapol_unwrap(kek, mr_rd_over(wrapped, len), back), 0);
	wrapped[3] ^= 1;
	assert_int_equal(eapol_unwrap(kck, mr_rd_over(wrapped, len), back), 0);
	assert_int_equal(eapol_unwrap(kek, mr_rd_over(wrapped, len), back), len - 8);
	assert_true(eapol_data_parse(mr_rd_over(back, len - 8), &data));
	assert_int_equal(data.gtk_id, 2);
	assert_int_equal(data.gtk.left, 16);
	assert_memory_equal(data.gtk.at, gtk, 16);
	assert_int_equal(data.igtk_id, 5);
	assert_true(data.ipn == 0x0605040302);
	assert_memory_equal(data.igtk.at, igtk, 16);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(eapol_unwrap(kek, mr_rd_over(wrapped, cut), back), 0);
}

static void padding_is_made_when_it_is_needed_and_skipped(void **state)
{
	uint8_t plain[64], wrapped[EAPOL_DATA_MAX], back[EAPOL_DATA_MAX];
	struct eapol_data data;

	(void)state;
	memset(plain, 0, sizeof(plain));
	for (size_t len = 0; len <= 64; len++) {
		size_t whole = eapol_wrap(kek, mr_rd_over(plain, len), wrapped);

		assert_int_equal(whole, (len < 16 ? 16 : (len + 7) / 8 * 8) + 8);
		assert_int_equal(eapol_unwrap(kek, mr_rd_over(wrapped, whole), back), whole - 8);
		assert_true(whole - 8 == len || back[len] == 0xdd);
	}
	assert_true(eapol_data_parse(mr_rd_over("\x30\x02\x01\x00\xdd\x00\x00\x00", 8), &data));
	assert_int_equal(data.rsn.left, 2);
	assert_true(eapol_data_parse(mr_rd_over("\x30\x02\x01\x00\xdd", 5), &data));
}

static void key_data_that_lies_is_odd_and_hides_no_key(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "30", false },
		{ "3001", false },
		{ "300200", false }, /* cut */
		{ "dd16000fac010100"
		  "61616161616161616161616161616161",
		  true },
		{ "dd16000fac010000"
		  "61616161616161616161616161616161",
		  false },		       /* group key id 0 */
		{ "dd06000fac010100", false }, /* no key */
		{ "dd27000fac010100"
		  "6161616161616161616161616161616161616161616161616161616161616161616161",
		  false },
		{ "dd1c000fac09"
		  "0400"
		  "010000000000"
		  "61616161616161616161616161616161",
		  true },
		{ "dd1c000fac09"
		  "0100"
		  "010000000000"
		  "61616161616161616161616161616161",
		  false },
		{ "dd1c000fac09"
		  "0401"
		  "010000000000"
		  "61616161616161616161616161616161",
		  false },
		{ "dd0c000fac09"
		  "0400"
		  "010000000000",
		  false },
		{ "dd030050f2", true },
		{ "dd0400 50f201", true },
		{ "ff00", true }, /* nothing of ours */
	};
	uint8_t bytes[64];
	struct eapol_data data;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = hex(cases[i].text, bytes, sizeof(bytes));

		if (eapol_data_parse(mr_rd_over(bytes, len), &data) != cases[i].good)
			fail_msg("%s", cases[i].text);
		assert_true(data.gtk.at == NULL || cases[i].good);
		/* The same before a true key: that one is there. */
		if (len > 1 && bytes[1] + 2u <= len && len + 24 <= sizeof(bytes)) {
			len += hex("dd16000fac01010061616161616161616161616161616161", bytes + len,
				   sizeof(bytes) - len);
			(void)eapol_data_parse(mr_rd_over(bytes, len), &data);
			if (data.gtk_id == 0 || !data.gtk.at || data.odd != !cases[i].good)
				fail_msg("%s: odd %u", cases[i].text, data.odd);
		}
	}
}

static void what_does_not_fit_is_not_sent(void **state)
{
	uint8_t pdu[EAPOL_KEY_LEN + 8], big[EAPOL_DATA_MAX] = { 0 }, wrapped[EAPOL_DATA_MAX];
	struct eapol_key key = { .protocol = 2, .info = EAPOL_HMAC_SHA1 | EAPOL_MIC, .data = mr_rd_over(big, 9) };
	struct mr_wr w = mr_wr_over(pdu, sizeof(pdu));

	(void)state;
	assert_false(eapol_key_seal(&w, &key, kck, kek));
	assert_int_equal(eapol_wrap(kek, mr_rd_over(big, EAPOL_DATA_MAX - 7), wrapped), 0);
	assert_int_equal(eapol_wrap(kek, mr_rd_over(big, EAPOL_DATA_MAX - 8), wrapped), EAPOL_DATA_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_1_reads_as_it_is_written),
		cmocka_unit_test(a_frame_cut_anywhere_or_too_long_is_refused),
		cmocka_unit_test(a_mic_of_both_versions_covers_every_octet),
		cmocka_unit_test(a_version_that_is_not_ours_is_never_true),
		cmocka_unit_test(group_keys_go_through_the_wrap),
		cmocka_unit_test(padding_is_made_when_it_is_needed_and_skipped),
		cmocka_unit_test(key_data_that_lies_is_odd_and_hides_no_key),
		cmocka_unit_test(what_does_not_fit_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
