/*
 * The arithmetic of the PHYs: times, rates and what a receiver can decode. Pure functions of their arguments.
 * IEEE 802.11-2020: 15 (DSSS), 16 (HR/DSSS: CCK), 17 (OFDM, 5 GHz), 18 (ERP, 2.4 GHz), 19 (HT at 20 MHz).
 *
 * A rate is a radiotap rate (units of 500 kb/s: 2, 4, 11, 22; 12, 18, 24, 36, 48, 72, 96, 108), or PHY_HT | MCS
 * index (0 to 7: one stream, 20 MHz, HT-mixed, long guard interval). Lengths are of the MPDU without its FCS.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PHY_HT 0x80
#define PHY_FCS_LEN 4
#define PHY_ACK_LEN 10 /* 9.3.1.4, without FCS */

/* What the stations of one channel agreed on; all false: a modern network without 802.11b members. */
struct phy_options {
	bool short_preamble; /* HR/DSSS short PLCP preamble, not at 1 Mb/s (16.2.2.3) */
	bool long_slot;	     /* 2.4 GHz: 20 us slots for all, as with an 802.11b member present (18.4.2) */
};

/* Times of the DCF for a frame at this rate in this band (10.3.2, tables 15-5, 17-21, 18-5). */
struct phy_times {
	uint16_t slot_us, sifs_us, difs_us, cw_min, cw_max, ack_timeout_us, eifs_us;
};

/* DSSS and CCK: slots of 20 us, their own basic rates. */
bool phy_is_dsss(uint8_t rate_500kbps);
/* The rate itself; for one that the band lacks the lowest of the band, which is what Linux drivers fall back to. */
uint8_t phy_usable_rate(uint16_t freq_mhz, uint8_t rate_500kbps);

void phy_times(uint16_t freq_mhz, uint8_t rate_500kbps, struct phy_options options, struct phy_times *out);
/* TXTIME (15.4.4, 16.3.4, 17.4.3, 18.5.3, 19.4.3), preamble and ERP signal extension included. */
uint32_t phy_frame_us(uint16_t freq_mhz, uint8_t rate_500kbps, size_t len, struct phy_options options);
/* The highest basic rate not above the frame's, of its modulation class (10.6.6.5.2); basic: 1, 2 and 6, 12, 24 Mb/s.
 */
uint8_t phy_ack_rate(uint8_t rate_500kbps);

/*
 * Probability that `octets` octets at this SNR are not all right. Anchored at each rate's published minimum
 * sensitivity (see phy.c), falling by a decade per dB of SNR as coded modulations do near their threshold.
 */
double phy_error_rate(uint8_t rate_500kbps, double snr_db, double octets);
/* The SNR at which a frame of 1000 octets is lost one time in ten. */
double phy_snr_needed_db(uint8_t rate_500kbps);
