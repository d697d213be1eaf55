/*
 * TKIP: key mixing and Michael by the standard's vectors, and frames that open when they are whole and true.
 *
 * links: station/wifi/tkip.c station/wifi/ieee80211.c agent/wire/channel.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "station/wifi/tkip.h"
#include "tests/unit/hex.h"

/* IEEE 802.11-2020 J.4, the first. */
static void keys_mix_as_in_the_standard(void **state)
{
	static const uint8_t ta[6] = { 0x10, 0x22, 0x33, 0x44, 0x55, 0x66 };
	uint8_t tk[16], key[16], want[16];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		tk[i] = i;
	tkip_mix(tk, ta, 0, key);
	assert_int_equal(hex("00200033ea8d2f60ca6d1374234a660b", want, sizeof(want)), 16);
	assert_memory_equal(key, want, 16);
}

/* J.5: each MIC is the next one's key. */
static void michael_is_that_of_the_standard(void **state)
{
	static const struct {
		const char *text, *mic;
	} rows[] = {
		{ "", "82925c1ca1d130b8" },    { "M", "434721ca40639b3f" },    { "Mi", "e8f9becae97e5d29" },
		{ "Mic", "90038fc6cf13c1db" }, { "Mich", "d55e100510128986" }, { "Michael", "0a942b124ecaa546" },
	};
	uint8_t key[8] = { 0 }, mic[8], want[8];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tkip_michael(key, mr_rd_over(NULL, 0), mr_rd_over(rows[i].text, strlen(rows[i].text)), mic);
		assert_int_equal(hex(rows[i].mic, want, sizeof(want)), 8);
		assert_memory_equal(mic, want, 8);
		memcpy(key, mic, 8);
	}
}

static void a_frame_opens_whole_and_true_or_not_at_all(void **state)
{
	struct ieee80211_header h = { .kind = IEEE80211_DATA,
				      .flags = IEEE80211_FROM_DS,
				      .address1 = { 255, 255, 255, 255, 255, 255 },
				      .address2 = { 2, 0, 0, 0, 0, 1 },
				      .address3 = { 2, 0, 0, 0, 0, 1 } };
	uint8_t key[TKIP_KEY_LEN], plain[128], sealed[128], body[128];
	struct mr_wr w = mr_wr_over(plain, sizeof(plain));
	struct ccmp_info info;
	size_t len, body_len;

	(void)state;
	memset(key, 0x5c, sizeof(key));
	key[20] = 1;
	ieee80211_header_build(&w, &h);
	mr_wr_bytes(&w, "an answer to all", 16);
	len = tkip_seal(key, (struct ccmp_info){ UINT64_C(0x010203040506), 1 }, mr_wr_written(&w), sealed,
			sizeof(sealed));
	assert_int_equal(len, w.len + TKIP_OVERHEAD);
	assert_true(tkip_peek(mr_rd_over(sealed, len), &info));
	assert_true(info.key_id == 1 && info.pn == UINT64_C(0x010203040506));
	assert_true(tkip_open(key, mr_rd_over(sealed, len), body, &body_len));
	assert_int_equal(body_len, 16);
	assert_memory_equal(body, "an answer to all", 16);
	for (size_t cut = 0; cut < len; cut++)
		assert_false(tkip_open(key, mr_rd_over(sealed, cut), body, &body_len));
	for (size_t i = 4; i < len; i++) { /* addresses, sequence control and key id apart, each octet counts */
		if (i >= 22 && i < 24)
			continue;
		sealed[i] ^= 1;
		if (i != 27 && !(i >= 4 && i < 10)) /* the key's number is looked at by its user */
			assert_false(tkip_open(key, mr_rd_over(sealed, len), body, &body_len));
		sealed[i] ^= 1;
	}
	key[23] ^= 1;
	assert_false(tkip_open(key, mr_rd_over(sealed, len), body, &body_len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_mix_as_in_the_standard),
		cmocka_unit_test(michael_is_that_of_the_standard),
		cmocka_unit_test(a_frame_opens_whole_and_true_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
