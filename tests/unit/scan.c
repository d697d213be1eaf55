/*
 * The table of networks: bounded, the oldest goes, hidden names stay known; probe requests.
 *
 * links: station/link/scan.c station/link/ieee80211.c station/radio/channel.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "station/link/scan.h"
#include "tests/unit/captured.h"
#include "tests/unit/hex.h"

static const struct ieee80211_network *hear(struct scan *scan, uint8_t number, const char *ssid, unsigned channel, int rssi_dbm,
					    uint64_t now_us)
{
	struct ieee80211_header h = { .kind = IEEE80211_BEACON, .address2 = { 2, number }, .address3 = { 2, number } };
	struct ieee80211_beacon b = { .interval_tu = 100, .capability = IEEE80211_ESS };
	struct radio_rx rx = { .freq_mhz = radio_freq_of_channel(channel), .rssi_dbm = (int8_t)rssi_dbm, .time_us = now_us };
	uint8_t frame[128];
	struct mr_wr w = mr_wr_over(frame, sizeof(frame));

	ieee80211_header_build(&w, &h);
	ieee80211_beacon_build(&w, &b);
	ieee80211_put_ssid(&w, (const uint8_t *)ssid, strlen(ssid));
	return scan_heard(scan, mr_wr_written(&w), &rx);
}

static void networks_are_kept_and_brought_up_to_date(void **state)
{
	struct scan *scan = scan_create(4);
	size_t i = 0;

	(void)state;
	assert_non_null(hear(scan, 1, "one", 1, -60, 10));
	assert_non_null(hear(scan, 2, "two", 6, -60, 20));
	assert_non_null(hear(scan, 1, "one", 1, -50, 30));
	assert_int_equal(scan_count(scan), 2);
	assert_int_equal(scan_find(scan, (const uint8_t[6]){ 2, 1 })->rssi_dbm, -50);
	assert_null(scan_find(scan, (const uint8_t[6]){ 2, 3 }));
	assert_null(scan_at(scan, 2));
	assert_int_equal(scan_next(scan, &i, 2437, 0)->ssid[0], 't');
	assert_null(scan_next(scan, &i, 2437, 0));
	i = 0;
	assert_int_equal(scan_next(scan, &i, 0, 25)->ssid[0], 'o');
	assert_null(scan_next(scan, &i, 0, 25));
	scan_forget(scan, 25);
	assert_int_equal(scan_count(scan), 1);
	scan_destroy(scan);
}

static void a_full_table_forgets_the_one_heard_longest_ago(void **state)
{
	struct scan *scan = scan_create(3);

	(void)state;
	for (uint8_t n = 1; n <= 3; n++)
		(void)hear(scan, n, "x", 1, -60, n);
	(void)hear(scan, 1, "x", 1, -60, 10);
	(void)hear(scan, 4, "x", 1, -60, 11);
	assert_int_equal(scan_count(scan), 3);
	assert_null(scan_find(scan, (const uint8_t[6]){ 2, 2 }));
	assert_non_null(scan_find(scan, (const uint8_t[6]){ 2, 1 }));
	scan_destroy(scan);
}

static void a_hidden_network_keeps_the_name_it_gave_once(void **state)
{
	struct scan *scan = scan_create(3);
	const struct ieee80211_network *n = hear(scan, 1, "", 1, -60, 1);

	(void)state;
	assert_true(n->hidden && n->ssid_len == 0);
	assert_null(scan_named(scan, (const uint8_t *)"", 0));
	n = hear(scan, 1, "name", 1, -60, 2);
	assert_true(n->hidden && n->ssid_len == 4);
	n = hear(scan, 1, "", 1, -60, 3);
	assert_true(n->hidden && n->ssid_len == 4);
	assert_ptr_equal(scan_named(scan, (const uint8_t *)"name", 4), n);
	scan_destroy(scan);
}

static void of_one_name_the_best_heard_is_found(void **state)
{
	struct scan *scan = scan_create(3);

	(void)state;
	(void)hear(scan, 1, "name", 1, -60, 1);
	(void)hear(scan, 2, "name", 6, -40, 1);
	(void)hear(scan, 3, "nam", 6, -30, 1);
	assert_int_equal(scan_named(scan, (const uint8_t *)"name", 4)->bssid[1], 2);
	scan_destroy(scan);
}

static void other_frames_and_broken_ones_leave_it_alone(void **state)
{
	struct scan *scan = scan_create(3);
	struct radio_rx rx = { .freq_mhz = 2437 };
	uint8_t frame[512];
	size_t len = hex(captured_association_request, frame, sizeof(frame));

	(void)state;
	assert_null(scan_heard(scan, mr_rd_over(frame, len), &rx));
	len = hex(captured_beacon, frame, sizeof(frame));
	assert_null(scan_heard(scan, mr_rd_over(frame, len - 1), &rx));
	assert_int_equal(scan_count(scan), 0);
	assert_non_null(scan_heard(scan, mr_rd_over(frame, len), &rx));
	scan_destroy(scan);
}

static void probes_ask_everybody_or_one(void **state)
{
	static const uint8_t own[6] = { 2, 9 }, bssid[6] = { 2, 1 };
	uint8_t frame[128];
	uint16_t sequence = 4095;
	struct ieee80211_header h;
	struct ieee80211_elements e;
	size_t len = scan_probe(frame, sizeof(frame), own, &sequence, NULL, NULL, 0, 2437);
	struct mr_rd in = mr_rd_over(frame, len);

	(void)state;
	assert_int_equal(sequence, 0);
	assert_true(ieee80211_header_parse(&in, &h) && ieee80211_elements_parse(in, &e));
	assert_true(h.kind == IEEE80211_PROBE_REQUEST && ieee80211_is_group(h.address1) && h.sequence == 4095);
	assert_true(e.ssid.at && e.ssid.left == 0 && e.rates.left == 8);
	len = scan_probe(frame, sizeof(frame), own, &sequence, bssid, (const uint8_t *)"abc", 3, 2437);
	in = mr_rd_over(frame, len);
	assert_true(ieee80211_header_parse(&in, &h) && ieee80211_elements_parse(in, &e));
	assert_memory_equal(h.address1, bssid, 6);
	assert_int_equal(e.ssid.left, 3);
	for (size_t cap = 0; cap < len; cap++)
		assert_int_equal(scan_probe(frame, cap, own, &sequence, bssid, (const uint8_t *)"abc", 3, 2437), 0);
	assert_int_equal(sequence, 1);	/* only what was built has a number */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_are_kept_and_brought_up_to_date),
		cmocka_unit_test(a_full_table_forgets_the_one_heard_longest_ago),
		cmocka_unit_test(a_hidden_network_keeps_the_name_it_gave_once),
		cmocka_unit_test(of_one_name_the_best_heard_is_found),
		cmocka_unit_test(other_frames_and_broken_ones_leave_it_alone),
		cmocka_unit_test(probes_ask_everybody_or_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
