/*
 * One adapter made ready: its interfaces taken down and noted, monitor interfaces added, tuned. Blocking; one thread
 * at a time. The rungs of the ladder are ways to have frames to our addresses acknowledged; which of them a driver
 * honours shows only in a test (selftest.h), for the failing ones return no error.
 *
 *	setup_up -> { setup_tune | setup_acknowledge } ... -> setup_down
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

struct setup_interface {
	char name[16];
	int index; /* 0: not there */
};

struct setup {
	struct nl80211 *nl; /* its end takes the interfaces with it */
	struct claim *claim;
	uint32_t phy;
	enum setup_rung rung;
	struct setup_interface plain; /* where frames come and go */
	/* One for each address that is acknowledged, the station's first; none on the last rung. */
	struct {
		struct setup_interface at;
		uint8_t mac[6];
		bool anchored; /* its access point has started */
	} answering[RADIO_ADDRESSES_MAX];
	uint16_t freq_mhz;
	uint8_t band_up; /* band in which the interfaces came up */
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
/*
 * Has the addresses acknowledged, the station's first and always, and no others: an interface each. 0, or -errno with
 * the reason in `error`: the addresses up to the one that the adapter refused are acknowledged.
 */
int setup_acknowledge(struct setup *setup, const struct radio_addresses *own);
bool setup_has(const struct setup *setup, int index); /* an interface of ours */
/* Whether an interface of ours that should be up is not. */
bool setup_has_fallen(const struct setup *setup);
/* Removes our interfaces; what was taken is given back with the claim. */
void setup_down(struct setup *setup);
