/*
 * Which rows of the table of quirks hold for an adapter: by the name of its driver, under which kernels have listed it
 * at one time or another, or by that of its module.
 *
 * links: station/radio/quirks.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "station/radio/quirks.h"

#define KERNEL_6_1 0x0601
#define KERNEL_6_9 0x0609
#define KERNEL_6_12 0x060c

static struct sysfs_phy adapter(const char *driver, const char *module)
{
	struct sysfs_phy phy = { .index = 0 };

	snprintf(phy.driver, sizeof(phy.driver), "%s", driver);
	snprintf(phy.module, sizeof(phy.module), "%s", module);
	return phy;
}

static unsigned flags(const char *driver, const char *module, unsigned kernel)
{
	struct sysfs_phy phy = adapter(driver, module);

	return quirks_of(&phy, kernel);
}

static void a_driver_is_known_under_its_old_name_and_its_new_one(void **state)
{
	static const char *const chips[] = { "8723du", "8812au", "8814au", "8821au", "8821cu", "8822bu", "8822cu" };
	const unsigned wanted = QUIRK_OWN_SEQUENCE | QUIRK_OWN_RATE;

	(void)state;
	for (size_t i = 0; i < sizeof(chips) / sizeof(chips[0]); i++) {
		char old[32], now[32];

		snprintf(old, sizeof(old), "rtw_%s", chips[i]);
		snprintf(now, sizeof(now), "rtw88_%s", chips[i]);
		assert_int_equal(flags(old, "", KERNEL_6_1), wanted);
		assert_int_equal(flags(now, "", KERNEL_6_12), wanted);
		/* Whatever the driver is called: its module tells. */
		assert_int_equal(flags(old, now, KERNEL_6_12), wanted);
		assert_int_equal(flags("some other name", now, KERNEL_6_12), wanted);
	}
	assert_int_equal(flags("usb", "ath9k_htc", KERNEL_6_1), wanted);
}

static void a_name_that_only_begins_alike_is_another_driver(void **state)
{
	static const char *const others[] = { "rtw_8822be", "rtw88_8822ce", "rtw89_8852bu",
					      "rtl8xxxu_x", "mt7601",	    "mac80211_hwsim",
					      "",	    "rtw88_usb",    "rtw88_core",
					      "ath9k" };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(flags(others[i], others[i], KERNEL_6_12), 0);
}

static void a_row_holds_from_its_first_kernel_up_to_its_last(void **state)
{
	struct sysfs_phy phy = adapter("rt2800usb", "rt2800usb");

	(void)state;
	assert_int_equal(quirks_of(&phy, KERNEL_6_9 - 1), 0);
	assert_int_equal(quirks_of(&phy, KERNEL_6_9), QUIRK_REFUSE);
	assert_int_equal(quirks_of(&phy, KERNEL_6_9 + 1), 0);
	assert_null(quirk_next(NULL, &phy, KERNEL_6_12));
	assert_non_null(quirk_next(NULL, &phy, KERNEL_6_9));
}

static void the_sentence_is_that_of_the_flag_which_was_asked_for(void **state)
{
	struct sysfs_phy liar = adapter("rtl8xxxu", ""), slow = adapter("mt76x2u", "");

	(void)state;
	assert_non_null(quirk_with(QUIRK_STATUS_LIES, &liar, KERNEL_6_1));
	assert_non_null(quirk_with(QUIRK_OWN_RATE, &liar, KERNEL_6_1));
	assert_null(quirk_with(QUIRK_REFUSE, &liar, KERNEL_6_1));
	assert_null(quirk_with(QUIRK_STATUS_LIES, &slow, KERNEL_6_1));
	assert_non_null(strstr(quirk_next(NULL, &slow, KERNEL_6_1)->sentence, "slowly"));
}

static void the_good_ones_are_recommended(void **state)
{
	struct sysfs_phy good = adapter("mt76x2u", "mt76x2u"), by_module = adapter("x", "mt76x0u");
	struct sysfs_phy other = adapter("rtw88_8822bu", "rtw88_8822bu");

	(void)state;
	assert_true(quirk_recommended(&good));
	assert_true(quirk_recommended(&by_module));
	assert_false(quirk_recommended(&other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_is_known_under_its_old_name_and_its_new_one),
		cmocka_unit_test(a_name_that_only_begins_alike_is_another_driver),
		cmocka_unit_test(a_row_holds_from_its_first_kernel_up_to_its_last),
		cmocka_unit_test(the_sentence_is_that_of_the_flag_which_was_asked_for),
		cmocka_unit_test(the_good_ones_are_recommended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
