/*
 * What a simulated chip keeps of a look around.
 *
 * links: station/world/found.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "station/world/found.h"

static void note(struct found *f, uint16_t number, int8_t rssi_dbm, const char *ssid)
{
	struct ieee80211_network n = { .bssid = { 2, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number },
				       .freq_mhz = 2437,
				       .rssi_dbm = rssi_dbm,
				       .hidden = !*ssid,
				       .ssid_len = (uint8_t)strlen(ssid) };

	memcpy(n.ssid, ssid, n.ssid_len);
	found_note(f, &n);
}

static void assert_sorted(const struct found *f)
{
	for (size_t i = 1; i < f->count; i++)
		assert_true(f->at[i - 1].rssi_dbm >= f->at[i].rssi_dbm);
}

static bool has(const struct found *f, uint8_t number)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->at[i].bssid[5] == number)
			return true;
	return false;
}

static void of_too_many_the_strongest_are_kept(void **state)
{
	struct found f = { 0 };

	(void)state;
	for (uint16_t i = 0; i < 100; i++)
		note(&f, i, (int8_t)(-100 + i * 37 % 100), "hall");
	assert_int_equal(f.count, FOUND_MAX);
	assert_sorted(&f);
	assert_int_equal(f.at[0].rssi_dbm, -1);
	assert_int_equal(f.at[FOUND_MAX - 1].rssi_dbm, -(int)FOUND_MAX);
	found_clear(&f);
	assert_null(f.at);
}

/* First, between and last of a hundred that are stronger: it is in the list. */
static void what_is_looked_for_is_kept_however_weak(void **state)
{
	static const uint16_t places[] = { 0, 10, 63, 64, 65, 99 };

	(void)state;
	for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
		struct found f = { 0 };

		found_want(&f, (const uint8_t *)"mill", 4);
		for (uint16_t i = 0; i < 100; i++) {
			int dbm = i == places[k] ? -95 : -90 + i * 37 % 60;

			note(&f, i, (int8_t)dbm, i == places[k] ? "mill" : "hall");
		}
		assert_int_equal(f.count, FOUND_MAX);
		assert_sorted(&f);
		assert_true(has(&f, (uint8_t)places[k]));
		found_clear(&f);
	}
}

/* They are all looked for: the strongest of them stay. */
static void more_of_the_name_than_there_is_room_leave_the_strongest(void **state)
{
	struct found f = { 0 };

	(void)state;
	found_want(&f, (const uint8_t *)"mill", 4);
	for (uint16_t i = 0; i < 200; i++)
		note(&f, i, (int8_t)(-120 + i / 2), "mill");
	note(&f, 200, -1, "hall");
	assert_int_equal(f.count, FOUND_MAX);
	assert_false(has(&f, 200));
	found_clear(&f);
}

static void a_hidden_network_keeps_the_name_that_it_gave(void **state)
{
	struct found f = { 0 };

	(void)state;
	note(&f, 1, -50, "hall");
	note(&f, 1, -40, "");
	assert_int_equal(f.count, 1);
	assert_int_equal(f.at[0].ssid_len, 4);
	assert_int_equal(f.at[0].rssi_dbm, -40);
	found_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_too_many_the_strongest_are_kept),
		cmocka_unit_test(what_is_looked_for_is_kept_however_weak),
		cmocka_unit_test(more_of_the_name_than_there_is_room_leave_the_strongest),
		cmocka_unit_test(a_hidden_network_keeps_the_name_that_it_gave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
