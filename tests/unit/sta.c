/*
 * Our side of a device's BSS, against an access point in the same process (sta_ap.h): it joins, moves data, parks, loses what can
 * be lost, and believes nothing that it should not.
 *
 * links: station/link/sta.c station/link/sta_send.c station/link/sta_receive.c station/link/defragment.c station/link/wpa.c station/link/wpa_sta.c station/link/wpa_ap.c station/link/eapol.c station/link/ccmp.c station/link/aes.c station/link/ieee80211.c station/radio/channel.c station/base/entropy.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sta_ap.h"

static const unsigned every_way[] = { OPEN, SECURE, SECURE | SHA256, SECURE | PMF, SECURE | SHA256 | PMF, SECURE | UNKNOWN,
				      SECURE | HIDDEN | UNKNOWN, HIDDEN };

static void it_joins_and_data_goes_both_ways(void **state)
{
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(every_way) / sizeof(every_way[0]); i++) {
		open_world(&w, every_way[i], 1);
		run(&w, w.now_us + 300000);
		assert_int_equal(w.ups, 1);
		assert_true(sta_up(w.sta) && !sta_unsafe(w.sta));
		assert_true(w.ap.probes == 0 || every_way[i] & UNKNOWN);
		both_ways(&w);
		assert_int_equal(w.over, 0);
		close_world(&w);
	}
}

/* A fifth of all frames and of all acknowledgements lost: everything arrives, once, in order, and no packet number is used twice. */
static void it_joins_and_moves_data_through_loss(void **state)
{
	struct world w;

	(void)state;
	for (uint32_t seed = 1; seed <= 40; seed++) {
		open_world(&w, every_way[seed % 8], seed);
		w.loss_percent = 20;
		run(&w, w.now_us + 6000000);
		if (w.ups < 1)
			fail_msg("seed %u: not up, %d", seed, w.over);
		for (uint8_t i = 0; i < 20; i++) {
			assert_int_equal(sta_send(w.sta, NULL, 0x0800, &i, 1), 0);
			run(&w, w.now_us + 2000000);
			if (w.ap.msdus != i + 1u || w.ap.msdu[0] != i)
				fail_msg("seed %u, MSDU %u: %u came, last %u", seed, i, w.ap.msdus, w.ap.msdu[0]);
		}
		assert_int_equal(w.ap.replays, 0);
		assert_int_equal(w.ap.plain_data, 0);
		close_world(&w);
	}
}

static void a_wrong_passphrase_is_seen(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, SECURE, 1);
	w.ap.pmk[0] = 8;
	run(&w, w.now_us + 10000000);
	assert_int_equal(w.over, -MR_CAUSE_PASSPHRASE_REFUSED);
	assert_int_equal(w.ups, 0);
	close_world(&w);
}

static void no_m1_is_a_handshake_timeout(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, SECURE, 1);
	w.ap.no_eapol = true;
	run(&w, w.now_us + 60000000);
	assert_int_equal(w.over, -MR_CAUSE_HANDSHAKE_TIMEOUT);
	assert_true(w.ap.associations > 1 && w.ups == 0);	/* it has tried from the beginning, too */
	close_world(&w);
}

static void silence_ends_it_after_patience(void **state)
{
	struct world w;

	(void)state;
	for (int deaf = 0; deaf < 2; deaf++) {
		uint64_t begun_us;

		open_world(&w, OPEN, 1);
		begun_us = w.now_us;
		w.ap.silent = true;
		w.ap.deaf = deaf;
		run(&w, w.now_us + 60000000);
		assert_int_equal(w.over, -MR_CAUSE_NO_ANSWER);
		assert_in_range(w.now_us - begun_us, 19000000, 23000000);
		close_world(&w);
	}
}

static void a_device_that_vanishes_is_lost_after_patience(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, SECURE, 1);
	run(&w, w.now_us + 300000);
	both_ways(&w);
	w.ap.deaf = true;
	for (int i = 0; i < 300 && w.over == 0; i++) {
		(void)sta_send(w.sta, NULL, 0x0800, "?", 1);
		run(&w, w.now_us + 200000);
	}
	assert_int_equal(w.over, -MR_CAUSE_LINK_LOST);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_joins_and_data_goes_both_ways),
		cmocka_unit_test(it_joins_and_moves_data_through_loss),
		cmocka_unit_test(a_wrong_passphrase_is_seen),
		cmocka_unit_test(no_m1_is_a_handshake_timeout),
		cmocka_unit_test(silence_ends_it_after_patience),
		cmocka_unit_test(a_device_that_vanishes_is_lost_after_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
