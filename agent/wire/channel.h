/*
 * Channel numbers, centre frequencies and bands: IEEE 802.11-2020 annex E. The only place that calculates with them.
 */
#pragma once

#include <stdint.h>

/* Numbered as the kernel's enum nl80211_band is. */
enum mr_band { MR_BAND_2GHZ, MR_BAND_5GHZ };

/* The centre frequency of a 20 MHz channel, in MHz: 1 to 14 at 2.4 GHz, 32 to 177 at 5 GHz. 0: there is no such
 * channel. */
uint16_t mr_channel_to_mhz(unsigned channel);

/* The number of the channel whose centre this is; 0: it is the centre of none. */
unsigned mr_mhz_to_channel(uint16_t freq_mhz);

/* The band of any frequency, whether it is the centre of a channel or not: the border lies at 3 GHz, where no band is
 * near. A frequency that is not known yet (0) counts as 2.4 GHz. */
enum mr_band mr_band(uint16_t freq_mhz);
