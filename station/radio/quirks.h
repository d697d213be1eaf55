/*
 * What drivers and kernels get wrong, as a table: what it lies about, what we do, where it was seen.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "station/radio/sysfs.h"

enum quirk_flags {
	QUIRK_STATUS_LIES = 1,	/* reports every frame as acknowledged */
	QUIRK_OWN_SEQUENCE = 2, /* numbers frames itself: statuses are matched by receiver; also found by selftest */
	QUIRK_OWN_RATE = 4,	/* takes no rate from us */
	QUIRK_NO_ACTIVE = 8,	/* active monitor is advertised or tried in vain */
	QUIRK_REFUSE = 16,	/* does not work at all with this kernel */
};

struct quirk {
	const char *names;		 /* of the driver or of its module, a pattern as in a shell: "rtw88_8*u" */
	unsigned kernel_from, kernel_to; /* kernel_version values, [from, to); 0, 0: all */
	unsigned flags;			 /* enum quirk_flags */
	const char *sentence;		 /* for the operator */
	const char *seen;		 /* source */
};

/* 6.12 is 0x060c. */
unsigned kernel_version(void);
/* All flags that hold for this adapter's driver on this kernel. */
unsigned quirks_of(const struct sysfs_phy *where, unsigned kernel);
/* Walks the rows that hold: start with NULL. */
const struct quirk *quirk_next(const struct quirk *after, const struct sysfs_phy *where, unsigned kernel);
/* The first row that holds and has the flag; NULL: none. */
const struct quirk *quirk_with(unsigned flag, const struct sysfs_phy *where, unsigned kernel);
/* Its driver is known to make a good station radio. */
bool quirk_recommended(const struct sysfs_phy *where);
