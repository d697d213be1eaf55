/* IEEE 802.11-2020 annex E and 17.3.8.4.2: centre frequency = starting frequency + 5 MHz * channel. */
#include "agent/wire/channel.h"

uint16_t mr_channel_to_mhz(unsigned channel)
{
	if (channel >= 1 && channel <= 13)
		return (uint16_t)(2407 + 5 * channel);
	if (channel == 14) /* Japan, 15.4.4.2: out of the raster */
		return 2484;
	if ((channel >= 32 && channel <= 144 && channel % 4 == 0) ||
	    (channel >= 149 && channel <= 177 && channel % 4 == 1))
		return (uint16_t)(5000 + 5 * channel);
	return 0;
}

unsigned mr_mhz_to_channel(uint16_t freq_mhz)
{
	unsigned channel = 0;

	if (freq_mhz == 2484)
		channel = 14;
	else if (freq_mhz > 2407 && freq_mhz < 2484 && (freq_mhz - 2407) % 5 == 0)
		channel = (freq_mhz - 2407u) / 5;
	else if (freq_mhz > 5000 && freq_mhz < 6000 && freq_mhz % 5 == 0)
		channel = (freq_mhz - 5000u) / 5;
	return mr_channel_to_mhz(channel) == freq_mhz ? channel : 0;
}

enum mr_band mr_band(uint16_t freq_mhz) { return freq_mhz < 3000 ? MR_BAND_2GHZ : MR_BAND_5GHZ; }
