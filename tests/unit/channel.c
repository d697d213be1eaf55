/*
 * Channel numbers and centre frequencies, IEEE 802.11-2020 annex E.
 *
 * links: agent/wire/channel.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/wire/channel.h"

static void the_channels_of_annex_e_have_their_frequencies(void **state)
{
	static const struct {
		unsigned channel;
		uint16_t freq_mhz;
	} known[] = {
		{ 1, 2412 },  { 6, 2437 },   { 11, 2462 },  { 13, 2472 },  { 14, 2484 },  { 32, 5160 },	 { 36, 5180 },
		{ 64, 5320 }, { 100, 5500 }, { 144, 5720 }, { 149, 5745 }, { 165, 5825 }, { 177, 5885 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_int_equal(mr_channel_to_mhz(known[i].channel), known[i].freq_mhz);
		assert_int_equal(mr_mhz_to_channel(known[i].freq_mhz), known[i].channel);
	}
}

static void what_is_no_channel_is_refused(void **state)
{
	static const unsigned channels[] = { 0, 15, 31, 34, 37, 145, 148, 150, 178, 181, 1000, 65548 };
	static const uint16_t freqs[] = {
		0, 5, 2407, 2411, 2413, 2477, 2483, 5000, 5005, 5060, 5155, 5185, 5890, 65535
	};

	(void)state;
	for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++)
		assert_int_equal(mr_channel_to_mhz(channels[i]), 0);
	for (size_t i = 0; i < sizeof(freqs) / sizeof(freqs[0]); i++)
		assert_int_equal(mr_mhz_to_channel(freqs[i]), 0);
}

static void every_channel_comes_back_from_its_frequency(void **state)
{
	unsigned found = 0;

	(void)state;
	for (unsigned freq = 0; freq <= UINT16_MAX; freq++) {
		unsigned channel = mr_mhz_to_channel((uint16_t)freq);

		found += channel != 0;
		if (channel != 0)
			assert_int_equal(mr_channel_to_mhz(channel), freq);
		else
			assert_int_equal(mr_channel_to_mhz(channel), 0);
	}
	assert_int_equal(found, 14 + 29 + 8);
}

static void a_channel_is_in_the_band_of_its_number(void **state)
{
	(void)state;
	for (unsigned channel = 1; channel <= 177; channel++)
		if (mr_channel_to_mhz(channel) != 0)
			assert_int_equal(mr_band(mr_channel_to_mhz(channel)),
					 channel <= 14 ? MR_BAND_2GHZ : MR_BAND_5GHZ);
	assert_int_equal(mr_band(0), MR_BAND_2GHZ);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_channels_of_annex_e_have_their_frequencies),
		cmocka_unit_test(what_is_no_channel_is_refused),
		cmocka_unit_test(every_channel_comes_back_from_its_frequency),
		cmocka_unit_test(a_channel_is_in_the_band_of_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
