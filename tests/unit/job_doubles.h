/*
 * The words that the table of keys takes from the air: a stand-in, so that tests of the job link no air.
 * That the real one takes the jobs of config/jobs is what tests/line runs.
 */
#pragma once

#include "station/air/air.h"

const char *radio_simulated_profile(size_t i)
{
	static const char *const names[] = { "ideal", "mt7612u", "mt7610u", "mt7601u", "rt2800usb", "ath9k_htc" };

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}
