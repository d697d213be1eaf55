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

/* Flags, rate 1 Mb/s, channel 2437, -40 dBm by the first word; the rest of the header is the test's. */
static size_t with_words(uint8_t *out, const uint32_t *words, size_t count, const uint8_t *more, size_t more_len)
{
	static const uint8_t known[] = { 0x00, 0x02, 0x85, 0x09, 0xa0, 0x00, 0xd8 };
	size_t used = 4;

	for (size_t i = 0; i < count; i++)
		for (unsigned k = 0; k < 4; k++)
			out[used++] = (uint8_t)(words[i] >> 8 * k);
	memcpy(out + used, known, sizeof(known));
	used += sizeof(known);
	memcpy(out + used, more, more_len);
	used += more_len;
	out[0] = out[1] = 0;
	out[2] = (uint8_t)used;
	out[3] = (uint8_t)(used >> 8);
	memset(out + used, 0x80, 30); /* the frame */
	return used + 30;
}

#define FIRST 0x0000002eu
#define RESET 0x20000000u
#define VENDOR 0x40000000u
#define MORE 0x80000000u

static void assert_known(const uint8_t *bytes, size_t len)
{
	struct radiotap r;
	struct mr_rd frame;

	assert_true(radiotap_parse(mr_rd_over(bytes, len), &r, &frame));
	assert_int_equal(r.freq_mhz, 2437);
	assert_int_equal(r.rate_500kbps, 2);
	assert_int_equal(r.rssi_dbm, -40);
	assert_int_equal(r.retries, 0);
	assert_false(r.status || r.failed || r.bad_fcs);
	assert_int_equal(frame.left, 30);
	assert_int_equal(frame.at[0], 0x80);
}

/* Bit 33 is not the flags again, 35 no channel, 47 no report, 49 no retries: bits that nobody knows have no length. */
static void bits_of_a_further_word_count_on_and_change_nothing(void **state)
{
	static const uint8_t more[] = { 0x50, 0x50, 0x6c, 0x09, 0x01, 0x01, 0x07, 0x07 };
	uint8_t bytes[128];

	(void)state;
	for (unsigned bit = 0; bit < 29; bit++)
		for (size_t count = 2; count <= 10; count++) {
			uint32_t words[10] = { FIRST | MORE };

			for (size_t i = 1; i < count; i++)
				words[i] = MORE;
			words[count - 1] = 1u << bit;
			assert_known(bytes, with_words(bytes, words, count, more, sizeof(more)));
			words[1] = 1u << bit | (count > 2 ? MORE : 0);
			assert_known(bytes, with_words(bytes, words, count, more, sizeof(more)));
		}
}

static void after_bit_29_the_fields_of_an_antenna_follow(void **state)
{
	/* Signal and antenna of two antennas; a report's flags, which only the last word has. */
	static const uint32_t words[] = { FIRST | RESET | MORE, 0x820 | RESET | MORE, 0x820 | RESET | MORE, 0x8000 };
	static const uint8_t more[] = { 0xc4, 0x00, 0xc5, 0x01, 0x00, 0x01, 0x00 };
	uint8_t bytes[128];
	size_t len = with_words(bytes, words, 3, more, 4);
	struct radiotap r;
	struct mr_rd frame;

	(void)state;
	bytes[4 + 8 + 3] = 0; /* the third word is the last */
	assert_known(bytes, len);
	len = with_words(bytes, words, 4, more, sizeof(more));
	assert_true(radiotap_parse(mr_rd_over(bytes, len), &r, &frame));
	assert_true(r.status && r.failed);
	assert_int_equal(r.rssi_dbm, -40);
	assert_int_equal(r.freq_mhz, 2437);
}

static void what_is_a_vendors_is_skipped_by_its_length(void **state)
{
	/* The vendor's word has all bits of fields; then a word of radiotap again: a report. */
	static const uint32_t words[] = { FIRST | VENDOR | MORE, 0x1fffffffu | RESET | MORE, 0x28000 };
	uint8_t more[64] = { 0, 0x00, 0x11, 0x22, 0x01, 0, 0 }, bytes[192];
	struct radiotap r;
	struct mr_rd frame;

	(void)state;
	for (unsigned len = 0; len < 32; len++) {
		size_t at = 7 + len + len % 2; /* TX flags are aligned to 2, and the vendor's header to the same */
		size_t whole;

		memset(more + 7, 0xff, sizeof(more) - 7);
		more[5] = (uint8_t)len;
		more[at] = 0x00;
		more[at + 1] = 0x00;
		more[at + 2] = 0x03;
		whole = with_words(bytes, words, 3, more, at + 3);
		assert_true(radiotap_parse(mr_rd_over(bytes, whole), &r, &frame));
		assert_true(r.status && !r.failed);
		assert_int_equal(r.retries, 3);
		assert_int_equal(r.freq_mhz, 2437);
		assert_false(r.bad_fcs);
		assert_int_equal(frame.left, 30);
	}
	/* A length that the header does not have: what came before it counts. */
	more[5] = 0xff;
	assert_known(bytes, with_words(bytes, words, 3, more, 40));
	assert_known(bytes, with_words(bytes, words, 3, more, 3));
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
		cmocka_unit_test(bits_of_a_further_word_count_on_and_change_nothing),
		cmocka_unit_test(after_bit_29_the_fields_of_an_antenna_follow),
		cmocka_unit_test(what_is_a_vendors_is_skipped_by_its_length),
		cmocka_unit_test(a_field_newer_than_the_table_ends_the_facts_but_not_the_frame),
		cmocka_unit_test(what_is_built_for_sending_parses_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
