#include "station/radio/quirks.h"

#include <assert.h>
#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/utsname.h>

/* Every chip of the family on USB: 8723d, 8812a, 8814a, 8821a, 8821c, 8822b, 8822c. */
#define RTW88(names)                                                                                                   \
	{                                                                                                              \
		names, 0, 0, QUIRK_OWN_SEQUENCE | QUIRK_OWN_RATE,                                                      \
			"numbers management frames itself, sends data at 6 Mb/s only",                                 \
			"Linux drivers/net/wireless/realtek/rtw88/tx.c"                                                \
	}

static const struct quirk quirks[] = {
	{ "mt7601u", 0, 0, QUIRK_STATUS_LIES | QUIRK_NO_ACTIVE,
	  "reports every frame as acknowledged; in active monitor mode it hears only frames to itself",
	  "Linux drivers/net/wireless/mediatek/mt7601u/tx.c; openwrt/mt76 issue 839" },
	{ "rtl8xxxu", 0, 0, QUIRK_STATUS_LIES | QUIRK_OWN_RATE,
	  "reports every frame as acknowledged and picks its own rate; it never acknowledges in monitor mode",
	  "Linux drivers/net/wireless/realtek/rtl8xxxu" },
	RTW88("rtw_8*u"),   /* at first, and beside the kernel's tree */
	RTW88("rtw88_8*u"), /* since drivers have the names of their modules */
	{ "ath9k_htc", 0, 0, QUIRK_OWN_SEQUENCE | QUIRK_OWN_RATE,
	  "numbers frames in its firmware, picks its own rate, freezes on frames longer than 1560 octets",
	  "qca/open-ath9k-htc-firmware issues 134, 160" },
	{ "mt7921u", 0, 0, QUIRK_NO_ACTIVE, "advertises active monitor mode that does not acknowledge",
	  "openwrt/mt76 issue 839; morrownr/mt76 issues 18, 76" },
	{ "mt7925u", 0, 0, QUIRK_NO_ACTIVE, "advertises active monitor mode that does not acknowledge",
	  "openwrt/mt76 issue 839; morrownr/mt76 issues 18, 76" },
	{ "mt76x2u", 0, 0, 0, "changes channel slowly (about 0.45 s); give each adapter one channel",
	  "morrownr/USB-WiFi issue 376" },
	{ "rt2800usb", 0x0609, 0x060a, QUIRK_REFUSE, "kernel 6.9 keeps it on channel 1 in monitor mode",
	  "kernel bugzilla 218884; aircrack-ng issue 2614" },
	{ "mt76x0u", 0x0609, 0x060a, QUIRK_REFUSE, "kernel 6.9 keeps it on channel 1 in monitor mode",
	  "kernel bugzilla 218884; aircrack-ng issue 2614" },
};

static const char *const recommended[] = { "mt76x2u", "mt76x0u" };

unsigned kernel_version(void)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return major << 8 | (minor > 0xff ? 0xff : minor);
}

/* Drivers have changed their names in sysfs; those of their modules last longer. */
static bool names_it(const char *names, const struct sysfs_phy *where)
{
	return fnmatch(names, where->driver, 0) == 0 || (where->module[0] && fnmatch(names, where->module, 0) == 0);
}

const struct quirk *quirk_next(const struct quirk *after, const struct sysfs_phy *where, unsigned kernel)
{
	const struct quirk *end = quirks + sizeof(quirks) / sizeof(quirks[0]);

	assert(!after || (after >= quirks && after < end));
	for (const struct quirk *q = after ? after + 1 : quirks; q < end; q++)
		if (names_it(q->names, where) &&
		    (q->kernel_to == 0 || (kernel >= q->kernel_from && kernel < q->kernel_to)))
			return q;
	return NULL;
}

const struct quirk *quirk_with(unsigned flag, const struct sysfs_phy *where, unsigned kernel)
{
	const struct quirk *q = NULL;

	while ((q = quirk_next(q, where, kernel)) && !(q->flags & flag))
		;
	return q;
}

unsigned quirks_of(const struct sysfs_phy *where, unsigned kernel)
{
	unsigned flags = 0;

	for (const struct quirk *q = NULL; (q = quirk_next(q, where, kernel));)
		flags |= q->flags;
	return flags;
}

bool quirk_recommended(const struct sysfs_phy *where)
{
	for (size_t i = 0; i < sizeof(recommended) / sizeof(recommended[0]); i++)
		if (names_it(recommended[i], where))
			return true;
	return false;
}
