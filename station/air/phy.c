#include "station/air/phy.h"

#include <math.h>

#include "agent/wire/channel.h"

/*
 * One row per rate. sensitivity_dbm: receiver minimum input level at 10 % frame errors with 1000 octets (OFDM, HT:
 * tables 17-18 and 19-23) or 8 % with 1024 octets (2 Mb/s: 15.4.6.2 -80 dBm; 11 Mb/s: 16.3.8.2 -76 dBm; 1 and 5.5 Mb/s
 * have no figure of their own there: 3 dB less and half way, as twice the time per bit gives).
 * bits: data bits per OFDM symbol (N_DBPS, tables 17-4 and 19-27).
 */
struct rate {
	uint8_t rate_500kbps;
	uint16_t bits;
	int8_t sensitivity_dbm;
};

static const struct rate rates[] = {
	{ 2, 0, -83 },
	{ 4, 0, -80 },
	{ 11, 0, -78 },
	{ 22, 0, -76 },
	{ 12, 24, -82 },
	{ 18, 36, -81 },
	{ 24, 48, -79 },
	{ 36, 72, -77 },
	{ 48, 96, -74 },
	{ 72, 144, -70 },
	{ 96, 192, -66 },
	{ 108, 216, -65 },
	{ PHY_HT | 0, 26, -82 },
	{ PHY_HT | 1, 52, -79 },
	{ PHY_HT | 2, 78, -77 },
	{ PHY_HT | 3, 104, -74 },
	{ PHY_HT | 4, 156, -70 },
	{ PHY_HT | 5, 208, -66 },
	{ PHY_HT | 6, 234, -65 },
	{ PHY_HT | 7, 260, -64 },
};

/*
 * Those levels grant the receiver a noise figure of 10 dB and 5 dB for its implementation (17.3.10.2) over the thermal
 * noise of 20 MHz (-101 dBm): the SNR at the decoder is level + 101 - 10 - 5.
 */
#define SNR_OF_LEVEL_DB 86.0
/* One frame of 1000 octets in ten is lost at that SNR: 1 - (1 - q)^1000 = 0.1 for each octet. */
#define OCTET_ERROR_AT_THRESHOLD 1.0535e-4

static const struct rate *row_of(uint8_t rate_500kbps)
{
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		if (rates[i].rate_500kbps == rate_500kbps)
			return &rates[i];
	return NULL;
}

bool phy_is_dsss(uint8_t rate_500kbps)
{
	return rate_500kbps == 2 || rate_500kbps == 4 || rate_500kbps == 11 || rate_500kbps == 22;
}

uint8_t phy_usable_rate(uint16_t freq_mhz, uint8_t rate_500kbps)
{
	bool five = mr_band(freq_mhz) == MR_BAND_5GHZ;

	if (!row_of(rate_500kbps) || (five && phy_is_dsss(rate_500kbps)))
		return five ? 12 : 2;
	return rate_500kbps;
}

uint32_t phy_frame_us(uint16_t freq_mhz, uint8_t rate_500kbps, size_t len, struct phy_options options)
{
	uint8_t rate = phy_usable_rate(freq_mhz, rate_500kbps);
	uint32_t bits = 8 * (uint32_t)(len + PHY_FCS_LEN), extension_us = mr_band(freq_mhz) == MR_BAND_5GHZ ? 0 : 6;
	uint32_t per_symbol = row_of(rate)->bits;

	if (phy_is_dsss(rate)) {
		uint32_t preamble_us = options.short_preamble && rate != 2 ? 96 : 192;

		return preamble_us + (2 * bits + rate - 1) / rate;
	}
	/* L-STF 8, L-LTF 8, L-SIG 4, HT-SIG 8, HT-STF 4, HT-LTF 4; then 16 SERVICE bits, the data, 6 tail bits. */
	if (rate & PHY_HT)
		return 36 + 4 * ((22 + bits + per_symbol - 1) / per_symbol) + extension_us;
	return 20 + 4 * ((22 + bits + per_symbol - 1) / per_symbol) + extension_us;
}

uint8_t phy_ack_rate(uint8_t rate_500kbps)
{
	static const uint8_t ht[8] = { 12, 24, 24, 48, 48, 48, 48, 48 }; /* 10.6.11: by modulation and coding */

	if (rate_500kbps & PHY_HT)
		return ht[rate_500kbps & 7];
	if (phy_is_dsss(rate_500kbps))
		return rate_500kbps == 2 ? 2 : 4;
	return rate_500kbps >= 48 ? 48 : rate_500kbps >= 24 ? 24 : 12;
}

void phy_times(uint16_t freq_mhz, uint8_t rate_500kbps, struct phy_options options, struct phy_times *out)
{
	bool five = mr_band(freq_mhz) == MR_BAND_5GHZ, dsss = phy_is_dsss(phy_usable_rate(freq_mhz, rate_500kbps));
	uint8_t lowest = dsss ? 2 : 12;

	out->slot_us = !five && (dsss || options.long_slot) ? 20 : 9;
	out->sifs_us = five ? 16 : 10;
	out->difs_us = (uint16_t)(out->sifs_us + 2 * out->slot_us);
	out->cw_min = dsss ? 31 : 15;
	out->cw_max = 1023;
	/* 10.3.2.11: SIFS, slot, aRxPHYStartDelay (DSSS: the long preamble; OFDM: 20 us, and 5 us on top). */
	out->ack_timeout_us = (uint16_t)(out->sifs_us + out->slot_us + (dsss ? 192 : 25));
	out->eifs_us = (uint16_t)(out->sifs_us + out->difs_us + phy_frame_us(freq_mhz, lowest, PHY_ACK_LEN, options));
}

double phy_snr_needed_db(uint8_t rate_500kbps)
{
	const struct rate *row = row_of(rate_500kbps);

	return row ? row->sensitivity_dbm + SNR_OF_LEVEL_DB : 100;
}

double phy_error_rate(uint8_t rate_500kbps, double snr_db, double octets)
{
	double margin_db = snr_db - phy_snr_needed_db(rate_500kbps);

	if (octets <= 0 || margin_db > 9) /* below one in a million for the longest frame */
		return 0;
	if (margin_db < -4)
		return 1;
	return 1 - exp(octets * log1p(-fmin(1 - 1e-12, OCTET_ERROR_AT_THRESHOLD * pow(10, -margin_db))));
}
