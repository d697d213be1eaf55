/*
 * Devices that are access points: whole batches through WPA2, PIN and TLS on the simulated air, with the real
 * agent behind each.
 */
#include <pcap/pcap.h>

#include "station/radio/radiotap.h"
#include "station/wifi/ieee80211.h"
#include "tests/line/hall.h"

#define VIA(method) "{method: " method ", ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\"}}"
#define PINNED                                                                                                         \
	"{method: https, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\", certificate: pinned}}"

static void all_pass(struct hall *hall, const struct shape *shape, uint64_t first_seed, unsigned seeds,
		     struct run *last)
{
	uint64_t seed = hall_seed(first_seed);

	for (unsigned i = 0; i < seeds; i++) {
		if (i)
			hall_done(last);
		hall_job(hall, last, shape, seed + i);
		hall_run(hall, last);
		hall_all_passed(hall, last, shape->devices);
	}
}

/* What the record must have of each of them. */
static void each_was_seen_to_join(const struct run *run, unsigned devices, const char *method)
{
	char sql[300];

	snprintf(sql, sizeof(sql), "SELECT count(DISTINCT unit) FROM v_links WHERE method = '%s' AND cipher <> ''",
		 method);
	assert_int_equal(hall_ask(run, sql), devices);
	assert_int_equal(
		hall_ask(run,
			 "SELECT count(DISTINCT unit) FROM v_networks WHERE reported AND candidates > 0 AND heard > 1 "
			 "AND ssid = 'hall'"),
		devices);
	assert_int_equal(hall_ask(run, "SELECT count(*) FROM v_networks WHERE observed = 'no' AND reported = 0"), 0);
}

static void a_dozen_micro_aps_pass_on_one_radio(void **state)
{
	struct run run;

	all_pass(*state, &(struct shape){ .devices = 12, .credentials = VIA("micro-ap") }, 100, 2, &run);
	each_was_seen_to_join(&run, 12, "micro-ap");
	/* The radio that witnesses is the one that serves the others: it misses a message 2 now and then, and is left
	 * with message 4, which shows that the device was let in and no more. */
	assert_true(hall_ask(&run, "SELECT count(*) FROM v_networks WHERE observed = 'key-verified'") >= 10);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_networks WHERE observed = 'no'"), 0);
	assert_int_equal(
		hall_ask(&run, "SELECT count(*) FROM v_links WHERE security LIKE 'wpa2%' AND secret = 'label'"),
		hall_ask(&run, "SELECT count(*) FROM v_links"));
	hall_done(&run);
}

static void a_dozen_pins_pass_on_one_radio(void **state)
{
	struct run run;

	all_pass(*state, &(struct shape){ .devices = 12, .credentials = VIA("pin") }, 200, 2, &run);
	each_was_seen_to_join(&run, 12, "pin");
	assert_int_equal(
		hall_ask(&run, "SELECT count(*) FROM v_links WHERE security = 'open' AND cipher LIKE 'SPAKE2+%'"),
		hall_ask(&run, "SELECT count(*) FROM v_links"));
	hall_done(&run);
}

static void a_dozen_tls_servers_pass_on_one_radio(void **state)
{
	struct run run;

	all_pass(*state, &(struct shape){ .devices = 12, .credentials = PINNED }, 300, 2, &run);
	each_was_seen_to_join(&run, 12, "https");
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_links WHERE certificate_sha256 IS NULL"), 0);
	hall_done(&run);
}

static void one_radio_goes_round_three_channels_and_parks_its_links(void **state)
{
	struct run run;

	all_pass(*state,
		 &(struct shape){
			 .devices = 9, .channels = "1, 6, 11", .credentials = VIA("micro-ap"), .profile = "mt7612u" },
		 400, 2, &run);
	each_was_seen_to_join(&run, 9, "micro-ap");
	hall_done(&run);
}

static void lossy_air_costs_time_and_no_device(void **state)
{
	struct run run;

	all_pass(*state, &(struct shape){ .devices = 8, .loss = "10%", .credentials = VIA("pin"), .attempts = "6" },
		 500, 2, &run);
	hall_done(&run);
}

/* A network on a channel where no radio of the job may go: the device's own signed word is what there is. */
static void a_network_out_of_reach_is_proved_by_the_devices_word(void **state)
{
	struct run run;

	all_pass(*state,
		 &(struct shape){ .devices = 4, .credentials = VIA("micro-ap"), .simulation = "  network: 11\n" }, 600,
		 1, &run);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_networks WHERE observed = 'no' AND reported"), 4);
	hall_done(&run);
}

static void a_job_may_leave_the_network_alone(void **state)
{
	struct run run;

	all_pass(*state,
		 &(struct shape){ .devices = 4,
				  .credentials = "{method: micro-ap, ssid: \"hall\", security: wpa2, join: "
						 "false, access_point: {ssid: \"AC-{mac}\"}}" },
		 700, 1, &run);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_networks WHERE joined_ms IS NULL"), 4);
	hall_done(&run);
}

/* Nobody signs that he refuses a passphrase, and whoever answers at its address may have another PIN: that is air. */
static void a_wrong_secret_does_not_pass_and_harms_nobody(void **state)
{
	static const char *const ways[] = { VIA("micro-ap"), VIA("pin") };
	static const char *const causes[] = { "passphrase-refused", "pin-refused" };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(800);

	for (size_t i = 0; i < 2; i++) {
		char sql[200];
		struct run run;

		hall_job(hall, &run,
			 &(struct shape){ .devices = 6,
					  .credentials = ways[i],
					  .faults = "    - {kind: wrong-secret, count: 2}\n" },
			 seed + i);
		hall_run(hall, &run);
		assert_int_equal(run.result.summary.passed, 4);
		assert_int_equal(run.result.summary.quarantined, 0);
		assert_int_equal(run.result.summary.failed, 2);
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM sighting WHERE verdict = '%s'", causes[i]);
		assert_int_equal(hall_ask(&run, sql), 2);
		hall_check(hall, &run);
		hall_done(&run);
	}
}

static void an_access_point_that_throws_us_out_is_joined_again(void **state)
{
	struct run run;

	all_pass(*state,
		 &(struct shape){ .devices = 6,
				  .credentials = VIA("micro-ap"),
				  .attempts = "4",
				  .faults = "    - {kind: ap-deauth, count: 3, operation: identity}\n" },
		 900, 2, &run);
	hall_done(&run);
}

/*
 * In the middle of a session its access point says that it goes to another channel, and goes: the session goes with it.
 * After the join it is where it was at first. With fewer radios than channels nobody may be there to hear it:
 * that costs an attempt, or the device is not heard again in this lot.
 */
/* The station leaves as soon as it has the answer to JOIN: its acknowledgement may be lost, and nothing follows it. */
static void a_device_goes_to_join_when_its_client_has_left(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1550);

	for (unsigned i = 0; i < 3; i++) {
		struct run run;

		hall_job(hall, &run,
			 &(struct shape){ .devices = 24,
					  .radios = 2,
					  .channels = "1, 6, 11",
					  .profile = "rt2800usb",
					  .arrival = "20ms",
					  .credentials = VIA("micro-ap") },
			 seed + i);
		hall_run(hall, &run);
		hall_all_passed(hall, &run, 24);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE cause_name = 'join-timeout'"), 0);
		hall_done(&run);
	}
}

static void a_channel_switch_costs_no_attempt(void **state)
{
	static const char *const ways[] = { VIA("micro-ap"), VIA("pin"), PINNED };
	static const char at_key[] = "    - {kind: channel-switch, count: 4, operation: key}\n";
	static const char at_identity[] = "    - {kind: channel-switch, count: 2, operation: identity}\n";
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1500);

	for (unsigned i = 0; i < 12; i++) {
		struct run run;

		hall_job(hall, &run,
			 &(struct shape){ .devices = 4,
					  .radios = i % 2 ? 2 : 3,
					  .channels = "1, 6, 11",
					  .credentials = ways[i / 4],
					  .faults = i / 2 % 2 ? at_identity : at_key },
			 seed + i);
		hall_run(hall, &run);
		hall_check(hall, &run);
		if (i % 2 == 0) {
			hall_all_passed(hall, &run, 4);
			assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt"), 4);
		}
		assert_int_equal(run.result.summary.quarantined, 0);
		assert_int_equal(run.result.summary.passed + hall_count(&run, "failed", "no-answer") +
					 hall_count(&run, "failed", "link-lost"),
				 4);
		hall_done(&run);
	}
}

/* What was on the air, for the access points of devices: who was told that we leave, and what an old one cannot hear.
 */
struct air_seen {
	uint8_t told[64][6], twice[64][6], old[64][6];
	size_t told_count, twice_count, old_count, to_old, unheard, ht;
};

static bool remember(uint8_t list[64][6], size_t *count, const uint8_t mac[6], bool add)
{
	for (size_t i = 0; i < *count; i++)
		if (memcmp(list[i], mac, 6) == 0)
			return true;
	if (add && *count < 64)
		memcpy(list[(*count)++], mac, 6);
	return false;
}

/* HT capabilities, 9.4.2.55. */
static bool has_ht(struct mr_rd beacon)
{
	mr_rd_skip(&beacon, IEEE80211_HEADER_LEN + 12);
	while (beacon.left >= 2) {
		uint8_t id = mr_rd_u8(&beacon), len = mr_rd_u8(&beacon);

		if (id == 45)
			return len == 26;
		mr_rd_skip(&beacon, len);
	}
	return false;
}

static void look_at_frame(struct air_seen *seen, const struct radiotap *about, struct mr_rd frame)
{
	static const uint8_t hall_network[6] = { 0x02, 0x4d, 0x54, 0, 0, 1 };
	const struct radio_rx rx = { .freq_mhz = about->freq_mhz };
	struct ieee80211_network n;
	struct ieee80211_header h;
	struct mr_rd in = frame;

	if (!ieee80211_header_parse(&in, &h))
		return;
	if (h.kind == IEEE80211_BEACON && ieee80211_network_of(frame, &rx, &n) && n.rates == 0x0027)
		(void)remember(seen->old, &seen->old_count, n.bssid, true);
	seen->ht += h.kind == IEEE80211_BEACON && memcmp(h.address2, hall_network, 6) != 0 && has_ht(frame);
	if (memcmp(h.address2, hall_network, 6) != 0 && remember(seen->old, &seen->old_count, h.address1, false)) {
		seen->to_old++;
		seen->unheard += about->rate_500kbps != 2 && about->rate_500kbps != 4 && about->rate_500kbps != 11 &&
				 about->rate_500kbps != 22;
	}
	if (h.kind == IEEE80211_DEAUTHENTICATION && memcmp(h.address1, h.address3, 6) == 0 &&
	    memcmp(h.address1, hall_network, 6) != 0 && !(h.flags & IEEE80211_RETRY) &&
	    remember(seen->told, &seen->told_count, h.address1, true))
		(void)remember(seen->twice, &seen->twice_count, h.address1, true);
}

static void look_at_air(const char *path, struct air_seen *seen)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, error);
	struct pcap_pkthdr *header;
	const u_char *bytes;

	assert_non_null(pcap);
	while (pcap_next_ex(pcap, &header, &bytes) == 1) {
		struct radiotap about;
		struct mr_rd frame;

		if (radiotap_parse(mr_rd_over(bytes, header->caplen), &about, &frame))
			look_at_frame(seen, &about, frame);
	}
	pcap_close(pcap);
}

/*
 * Access points of the field: WMM, 802.11n, PMF, 802.11b only, beacons each second, odd elements, room for one STA. All
 * pass, are seen to join, are told when we leave, first for the time of the join, and old ones are spoken to at rates
 * that they hear.
 */
static void odd_access_points_are_served_like_others(void **state)
{
	static const char *const ways[] = { VIA("micro-ap"), VIA("pin") };
	struct hall *hall = *state;

	for (size_t i = 0; i < 2; i++) {
		struct air_seen seen = { .told_count = 0 };
		struct batch_options o;
		struct run run;
		char path[160];

		hall_job(hall, &run,
			 &(struct shape){
				 .devices = 12, .credentials = ways[i], .simulation = "  odd_networks: 100%\n" },
			 hall_seed(1400) + i);
		snprintf(path, sizeof(path), "%s.pcap", run.db);
		o = hall_options(hall, &run);
		o.pcap = path;
		if (batch_run(&o, &run.result, run.error, sizeof(run.error)) != 0)
			fail_msg("%s", run.error);
		hall_all_passed(hall, &run, 12);
		each_was_seen_to_join(&run, 12, i == 0 ? "micro-ap" : "pin");
		/* A frame between two others may collide at a third. */
		assert_true(hall_ask(&run, "SELECT count(*) FROM v_networks WHERE observed = 'key-verified'") >= 9);
		assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt"), 12); /* the first was enough */
		look_at_air(path, &seen);
		assert_int_equal(seen.told_count, 12);
		assert_int_equal(seen.twice_count, 12); /* when it went to its network, and in the end */
		assert_true(seen.old_count > 0 && seen.to_old > 50);
		assert_int_equal(seen.unheard, 0);
		assert_true(seen.ht > 10);
		(void)unlink(path);
		hall_done(&run);
	}
}

/* Too weak when it was first heard, and carried to the station then: it is as good as any other. */
static void one_that_comes_nearer_is_served(void **state)
{
	static const char *const ways[] = { VIA("micro-ap"), VIA("pin"), PINNED, NULL };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1600);
	int64_t weak = 0;

	for (unsigned i = 0; i < 12; i++) {
		struct run run;

		hall_job(hall, &run,
			 &(struct shape){ .devices = 6,
					  .credentials = ways[i % 4],
					  .faults = "    - {kind: nearer, count: 3, after: 1s}\n" },
			 seed + i);
		hall_run(hall, &run);
		hall_all_passed(hall, &run, 6);
		weak += hall_ask(&run, "SELECT count(*) FROM sighting WHERE verdict = 'weak'");
		hall_done(&run);
	}
	assert_true(weak >= 4);
}

/* Open before its WPA2 is up, or the reverse: refused with words, and looked at again. */
static void one_whose_security_comes_right_is_served(void **state)
{
	static const char *const ways[] = { VIA("micro-ap"), VIA("pin"), PINNED };
	static const char *const verdicts[] = { "other-security-open", "other-security-wpa2", "other-security-wpa2" };
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1700);

	for (unsigned i = 0; i < 6; i++) {
		char sql[100];
		struct run run;

		hall_job(hall, &run,
			 &(struct shape){ .devices = 6,
					  .credentials = ways[i % 3],
					  .faults = "    - {kind: other-security, count: 3, after: 2s}\n" },
			 seed + i);
		hall_run(hall, &run);
		hall_all_passed(hall, &run, 6);
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM sighting WHERE verdict = '%s'", verdicts[i % 3]);
		assert_int_equal(hall_ask(&run, sql), 3);
		hall_done(&run);
	}
}

/*
 * More than the air of their channels would carry if it were wasted: nobody is asked for his list while he looks
 * around, with his access point off the air.
 */
static void a_rush_of_access_points_costs_no_attempt(void **state)
{
	struct hall *hall = *state;
	struct run run;

	hall_job(hall, &run,
		 &(struct shape){ .devices = 200,
				  .radios = 2,
				  .channels = "1, 6, 11",
				  .profile = "mt7612u",
				  .credentials = VIA("micro-ap"),
				  .arrival = "25ms" },
		 hall_seed(1800));
	hall_run(hall, &run);
	hall_all_passed(hall, &run, 200);
	assert_int_equal(run.result.summary.retries, 0);
	hall_done(&run);
}

static void a_device_that_cannot_join_does_not_pass(void **state)
{
	struct hall *hall = *state;
	struct run run;

	hall_job(hall, &run,
		 &(struct shape){
			 .devices = 4, .credentials = VIA("micro-ap"), .faults = "    - {kind: no-join, count: 1}\n" },
		 hall_seed(1000));
	hall_run(hall, &run);
	assert_int_equal(run.result.summary.passed, 3);
	assert_int_equal(
		hall_ask(&run, "SELECT count(*) FROM unit WHERE state IN ('quarantined', 'failed') AND cause_name IN "
			       "('join-failed', 'join-timeout')"),
		1);
	hall_done(&run);
}

static void a_device_that_vanishes_fails_and_the_others_pass(void **state)
{
	struct hall *hall = *state;
	struct run run;

	hall_job(hall, &run,
		 &(struct shape){ .devices = 6,
				  .credentials = VIA("micro-ap"),
				  .faults = "    - {kind: vanish, count: 1, operation: credentials}\n"
					    "    - {kind: power-cut, count: 1, operation: identity, off: 1500ms}\n" },
		 hall_seed(1100));
	hall_run(hall, &run);
	assert_int_equal(run.result.summary.passed, 5);
	assert_int_equal(run.result.summary.failed, 1);
	hall_done(&run);
}

/* Two lots on the same devices: identities over action frames, then the network through their access points. */
static void what_an_earlier_lot_put_on_record_opens_them(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(1200);
	struct run first, second;

	hall_job(hall, &first,
		 &(struct shape){ .devices = 5, .recipe = "identify, selftest, identity", .credentials = "~" }, seed);
	hall_run(hall, &first);
	assert_int_equal(first.result.summary.passed, 5);
	hall_job(hall, &second,
		 &(struct shape){ .devices = 5,
				  .credentials = "{method: pin, ssid: \"hall\", security: wpa2, "
						 "access_point: {ssid: \"AC-{serial}\", secrets: record}}" },
		 seed);
	strcpy(second.db, first.db);
	hall_run(hall, &second);
	assert_int_equal(second.result.summary.passed, 5);
	assert_int_equal(
		hall_ask(&second,
			 "SELECT count(DISTINCT unit) FROM v_links WHERE method = 'pin' AND secret = 'record'"),
		5);
	assert_int_equal(hall_ask(&second, "SELECT count(*) FROM unit"), 5);
	assert_int_equal(hall_ask(&second, "SELECT count(*) FROM cert"), 5);
	hall_check(hall, &second);
	job_destroy(first.job);
	hall_done(&second);
}

/* A label's column decides for its device; what the job says is for the others. */
static void a_mixed_tray_is_right_on_record(void **state)
{
	static const char labels[] = "mac,ssid,method,passphrase,pin\n"
				     "06:4d:00:00:00:01,AC-000001,micro-ap,first of them,\n"
				     "06:4d:00:00:00:02,AC-000002,pin,,30471125\n"
				     "06:4d:00:00:00:03,AC-000003,https,,\n"
				     "06:4d:00:00:00:04,AC-000004,,fourth of them,\n"
				     "06:4d:00:00:00:05,AC-000005,pin,,77120346\n";
	struct hall *hall = *state;
	char path[160], credentials[400];
	struct run run;
	FILE *f;

	snprintf(path, sizeof(path), "%s/mixed.csv", hall->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fputs(labels, f);
	assert_int_equal(fclose(f), 0);
	snprintf(credentials, sizeof(credentials),
		 "{method: micro-ap, ssid: \"hall\", security: wpa2, access_point: "
		 "{ssid: \"AC-{mac}\", labels: \"mixed.csv\", certificate: pinned}}");
	hall_job(hall, &run, &(struct shape){ .devices = 5, .credentials = credentials }, hall_seed(1300));
	hall_run(hall, &run);
	hall_all_passed(hall, &run, 5);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_links"), 10);
	assert_int_equal(
		hall_ask(&run,
			 "SELECT count(*) FROM v_links l JOIN attempt a USING (attempt) WHERE a.method <> l.method"),
		0);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_attempt WHERE method = 'micro-ap'"), 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_attempt WHERE method = 'pin'"), 2);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_attempt WHERE method = 'https'"), 1);
	hall_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dozen_micro_aps_pass_on_one_radio),
		cmocka_unit_test(a_dozen_pins_pass_on_one_radio),
		cmocka_unit_test(a_dozen_tls_servers_pass_on_one_radio),
		cmocka_unit_test(one_radio_goes_round_three_channels_and_parks_its_links),
		cmocka_unit_test(lossy_air_costs_time_and_no_device),
		cmocka_unit_test(a_network_out_of_reach_is_proved_by_the_devices_word),
		cmocka_unit_test(a_job_may_leave_the_network_alone),
		cmocka_unit_test(a_wrong_secret_does_not_pass_and_harms_nobody),
		cmocka_unit_test(an_access_point_that_throws_us_out_is_joined_again),
		cmocka_unit_test(a_device_goes_to_join_when_its_client_has_left),
		cmocka_unit_test(a_channel_switch_costs_no_attempt),
		cmocka_unit_test(odd_access_points_are_served_like_others),
		cmocka_unit_test(a_rush_of_access_points_costs_no_attempt),
		cmocka_unit_test(one_that_comes_nearer_is_served),
		cmocka_unit_test(one_whose_security_comes_right_is_served),
		cmocka_unit_test(a_device_that_cannot_join_does_not_pass),
		cmocka_unit_test(what_an_earlier_lot_put_on_record_opens_them),
		cmocka_unit_test(a_device_that_vanishes_fails_and_the_others_pass),
		cmocka_unit_test(a_mixed_tray_is_right_on_record),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
