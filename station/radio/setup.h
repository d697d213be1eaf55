/*
 * One adapter made ready: its interfaces taken down and noted, monitor interfaces added, tuned. Blocking; one thread
 * at a time. The rungs of the ladder are ways to have frames to our address acknowledged; which of them a driver
 * honours shows only in a test (selftest.h), for the failing ones return no error.
 *
 *	setup_up -> { setup_tune } ... -> setup_down
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "station/radio/claim.h"
#include "station/radio/nl80211.h"

enum setup_rung {
	SETUP_ACTIVE, /* a passive monitor first, then an active one (kernel defect K1: never the active one alone) */
	SETUP_ANCHOR, /* an access point that hardly beacons, and a monitor with its address */
	SETUP_COMPANION, /* an idle managed interface and a monitor with its address; kernels before 6.9 */
	SETUP_PLAIN,	 /* a monitor: hears and sends, acknowledges nothing */
	SETUP_RUNGS
};

struct setup {
	struct nl80211 *nl; /* its end takes the interfaces with it */
	struct claim *claim;
	uint32_t phy;
	enum setup_rung rung;
	uint8_t mac[6];		       /* acknowledged, by all rungs but the last */
	char plain[16], second[16];    /* interface names; `plain` is where frames come and go */
	int plain_index, second_index; /* 0: not there */
	uint16_t freq_mhz;
	uint8_t band_up; /* band in which the interfaces came up */
	bool anchored;
	unsigned kernel;
	char error[160];
};

const char *setup_rung_name(enum setup_rung rung);
/* Whether it is worth a test on this adapter. */
bool setup_rung_possible(enum setup_rung rung, const struct nl80211_phy *phy, unsigned quirks, unsigned kernel);

/* 0, or -errno with the reason in `error`; nothing is left behind then. `setup` zeroed by the caller before. */
int setup_up(struct setup *setup, uint32_t phy, enum setup_rung rung, const uint8_t mac[static 6], struct claim *claim);
/* 0; -EINVAL: not a channel of this radio; -ENODEV, -ENETDOWN: gone. */
int setup_tune(struct setup *setup, uint16_t freq_mhz);
/* Removes our interfaces; what was taken is given back with the claim. */
void setup_down(struct setup *setup);
