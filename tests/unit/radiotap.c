/*
 * Radiotap headers as kernels write them, and ours as kernels read them. radiotap.org, fields by bit.
 *
 * links: station/radio/radiotap.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "station/radio/radiotap.h"

/* mac80211_hwsim, a frame heard: TSFT, flags, rate 6 Mb/s, channel 2437, -30 dBm, antenna; then 4 octets of frame. */
static const uint8_t heard[] = {
	0, 0, 0x18, 0,	0x2f, 0x08, 0,	  0,	1,    2,    3,	  4,	5,    6,
	7, 8, 0x00, 12, 0x85, 0x09, 0xc0, 0x00, 0xe2, 0x00, 0xd0, 0x00, 0x3a, 0x01,
};
/* mac80211, the status of an injected frame: rate, TX flags, data retries. */
static const uint8_t status[] = { 0, 0, 0x0d, 0, 0x04, 0x80, 0x02, 0, 12, 0, 0x01, 0x00, 3, 0x48, 0x00 };

static void a_heard_frame_has_its_channel_rate_and_strength(void **state)
{
	struct radiotap r;
	struct mr_rd frame;
	(void)state;

	assert_true(radiotap_parse(mr_rd_over(heard, sizeof(heard)), &r, &frame));
	assert_int_equal(r.freq_mhz, 2437);
	assert_int_equal(r.rate_500kbps, 12);
	assert_int_equal(r.rssi_dbm, -30);
	assert_false(r.status);
	assert_false(r.bad_fcs);
	assert_int_equal(frame.left, 4);
	assert_int_equal(frame.at[0], 0xd0);
}

static void a_status_tells_tries_and_failure(void **state)
{
	struct radiotap r;
	struct mr_rd frame;
	uint8_t acked[sizeof(status)];
	(void)state;

	assert_true(radiotap_parse(mr_rd_over(status, sizeof(status)), &r, &frame));
	assert_true(r.status);
	assert_true(r.failed);
	assert_int_equal(r.retries, 3);
	assert_int_equal(frame.left, 2);
	memcpy(acked, status, sizeof(status));
	acked[10] = 0;
	assert_true(radiotap_parse(mr_rd_over(acked, sizeof(acked)), &r, &frame));
	assert_true(r.status);
	assert_false(r.failed);
}

static void a_header_cut_anywhere_is_refused(void **state)
{
	struct radiotap r;
	struct mr_rd frame;
	(void)state;

	for (size_t len = 0; len < 0x18; len++)
		assert_false(radiotap_parse(mr_rd_over(heard, len), &r, &frame));
	for (size_t len = 0; len < 0x0d; len++)
		assert_false(radiotap_parse(mr_rd_over(status, len), &r, &frame));
}

static void another_version_or_a_header_shorter_than_itself_is_refused(void **state)
{
	uint8_t bytes[sizeof(heard)];
	struct radiotap r;
	struct mr_rd frame;
	(void)state;

	memcpy(bytes, heard, sizeof(heard));
	bytes[0] = 1;
	assert_false(radiotap_parse(mr_rd_over(bytes, sizeof(bytes)), &r, &frame));
	bytes[0] = 0;
	bytes[2] = 7;
	assert_false(radiotap_parse(mr_rd_over(bytes, sizeof(bytes)), &r, &frame));
	bytes[2] = 0xff;
	assert_false(radiotap_parse(mr_rd_over(bytes, sizeof(bytes)), &r, &frame));
}

static void a_checksum_at_the_end_is_taken_off_and_a_wrong_one_told(void **state)
{
	uint8_t bytes[] = { 0, 0, 9, 0, 0x02, 0, 0, 0, 0x10, 1, 2, 3, 4, 5, 6 };
	struct radiotap r;
	struct mr_rd frame;
	(void)state;

	assert_true(radiotap_parse(mr_rd_over(bytes, sizeof(bytes)), &r, &frame));
	assert_int_equal(frame.left, 2);
	assert_false(r.bad_fcs);
	bytes[8] = 0x50;
	assert_true(radiotap_parse(mr_rd_over(bytes, sizeof(bytes)), &r, &frame));
	assert_true(r.bad_fcs);
	/* Three octets can't end in a checksum of four. */
	assert_false(radiotap_parse(mr_rd_over(bytes, 12), &r, &frame));
}

static void fields_of_several_antennas_leave_the_first_strength(void **state)
{
	/* Two present words: the radio's signal and antenna 0's. */
	static const uint8_t bytes[] = { 0, 0, 0x0f, 0, 0x20, 0, 0, 0xa0, 0x20, 0x08, 0, 0, 0xd8, 0xc4, 0x00, 0xd0 };
	struct radiotap r;
	struct mr_rd frame;
	(void)state;

	assert_true(radiotap_parse(mr_rd_over(bytes, sizeof(bytes)), &r, &frame));
	assert_int_equal(r.rssi_dbm, -40);
	assert_int_equal(frame.left, 1);
}

static void present_words_without_end_are_refused(void **state)
{
	uint8_t bytes[64] = { 0, 0, 64, 0 };
	struct radiotap r;
	struct mr_rd frame;
	(void)state;

	for (size_t i = 4; i < sizeof(bytes); i += 4)
		bytes[i + 3] = 0x80;
	assert_false(radiotap_parse(mr_rd_over(bytes, sizeof(bytes)), &r, &frame));
}

static void a_field_newer_than_the_table_ends_the_facts_but_not_the_frame(void **state)
{
	/* Rate, then bit 28 (TLVs). */
	static const uint8_t bytes[] = { 0, 0, 12, 0, 0x04, 0, 0, 0x10, 108, 0, 0, 0, 0xd0, 0x01 };
	struct radiotap r;
	struct mr_rd frame;
	(void)state;

	assert_true(radiotap_parse(mr_rd_over(bytes, sizeof(bytes)), &r, &frame));
	assert_int_equal(r.rate_500kbps, 108);
	assert_int_equal(frame.left, 2);
}

static void what_is_built_for_sending_parses_back(void **state)
{
	uint8_t bytes[RADIOTAP_TX_LEN];
	struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));
	struct radiotap r;
	struct mr_rd frame;
	(void)state;

	radiotap_build_tx(&w, 12, 7);
	assert_false(w.bad);
	assert_int_equal(w.len, RADIOTAP_TX_LEN);
	assert_true(radiotap_parse(mr_rd_over(bytes, sizeof(bytes)), &r, &frame));
	assert_int_equal(r.rate_500kbps, 12);
	assert_int_equal(r.retries, 7);
	assert_int_equal(frame.left, 0);
	/* TX flags: 0x10, the sequence number is the caller's; never 0x08, no acknowledgement wanted. */
	assert_int_equal(bytes[10], 0x10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_heard_frame_has_its_channel_rate_and_strength),
		cmocka_unit_test(a_status_tells_tries_and_failure),
		cmocka_unit_test(a_header_cut_anywhere_is_refused),
		cmocka_unit_test(another_version_or_a_header_shorter_than_itself_is_refused),
		cmocka_unit_test(a_checksum_at_the_end_is_taken_off_and_a_wrong_one_told),
		cmocka_unit_test(fields_of_several_antennas_leave_the_first_strength),
		cmocka_unit_test(present_words_without_end_are_refused),
		cmocka_unit_test(a_field_newer_than_the_table_ends_the_facts_but_not_the_frame),
		cmocka_unit_test(what_is_built_for_sending_parses_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
