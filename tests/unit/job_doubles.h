/*
 * The words that the table of keys takes from the air: stand-ins, so that tests of the job link no air and no agent.
 * That the real ones take the jobs of config/jobs is what tests/line runs.
 */
#pragma once

#include "station/air/air.h"
#include "station/world/device.h"

const char *radio_simulated_profile(size_t i)
{
	static const char *const names[] = { "ideal", "mt7612u", "mt7610u", "mt7601u", "rt2800usb", "ath9k_htc" };

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

const char *device_chip_profile(size_t i)
{
	static const char *const names[] = { "esp32", "esp32-c3", "cortex-m4", "cortex-m3", "instant" };

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

const char *device_fault_name(enum device_fault fault)
{
	static const char *const names[DEVICE_FAULT_COUNT] = { "none",	       "selftest",	"storage",
							       "vanish",       "power-cut",	"wrong-batch-key",
							       "weak-signal",  "wrong-product", "clone",
							       "wrong-secret", "ap-deauth",	"no-join" };

	return fault < DEVICE_FAULT_COUNT ? names[fault] : "unknown";
}
