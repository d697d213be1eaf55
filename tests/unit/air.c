/*
 * The simulated air against the standard's numbers, and the radio seam on top of it.
 * links: station/air/air.c station/air/medium.c station/air/dcf.c station/air/phy.c station/air/capture.c
 * links: station/air/bystander.c station/radio/simulated.c station/radio/channel.c station/base/loop.c
 * links: station/base/entropy.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/cause.h"
#include "station/air/air.h"
#include "station/air/phy.h"

#define LOG_MAX 4096

struct heard {
	uint64_t time_us;
	size_t len;
	int rssi_dbm;
	uint8_t head[24];
};

struct told {
	uint64_t time_us, cookie;
	bool acked;
	unsigned tries;
};

struct floor;

/* A node that writes down what happens to it, and may keep its queue filled. */
struct station {
	struct floor *floor;
	struct air_node *node;
	size_t heard_count, told_count, tuned_count;
	struct heard heard[LOG_MAX];
	struct told told[LOG_MAX];
	uint16_t tuned_mhz;
	uint64_t tuned_us, acked, sum_tries;
	/* saturated: this frame again as soon as it is reported */
	uint8_t frame[RADIO_FRAME_MAX];
	size_t frame_len;
	struct radio_tx tx;
	bool inside;
};

struct floor {
	struct loop *loop;
	struct air *air;
	struct station *stations;
	size_t count;
	struct loop_timer stop;
};

static void on_received(void *ctx, struct mr_rd frame, const struct radio_rx *rx)
{
	struct station *s = ctx;
	struct heard *h = &s->heard[s->heard_count++ % LOG_MAX];

	assert_false(s->inside);
	assert_int_equal(rx->time_us, loop_now_us(s->floor->loop));
	*h = (struct heard){ .time_us = rx->time_us, .len = frame.left, .rssi_dbm = rx->rssi_dbm };
	memcpy(h->head, frame.at, frame.left < 24 ? frame.left : 24);
}

static int send_frame(struct station *s)
{
	int r;

	s->inside = true;
	r = air_send(s->node, mr_rd_over(s->frame, s->frame_len), &s->tx);
	s->inside = false;
	return r;
}

static void on_status(void *ctx, uint64_t cookie, bool acked, unsigned tries)
{
	struct station *s = ctx;

	assert_false(s->inside);
	s->told[s->told_count++ % LOG_MAX] = (struct told){ loop_now_us(s->floor->loop), cookie, acked, tries };
	s->acked += acked;
	s->sum_tries += tries;
	if (s->frame_len > 0)
		assert_int_equal(send_frame(s), 0);
}

static void on_tuned(void *ctx, uint16_t freq_mhz)
{
	struct station *s = ctx;

	assert_false(s->inside);
	s->tuned_mhz = freq_mhz;
	s->tuned_us = loop_now_us(s->floor->loop);
	s->tuned_count++;
	if (s->frame_len > 0)
		assert_int_equal(send_frame(s), 0);
}

static void on_stop(void *ctx, uint64_t now_us)
{
	(void)now_us;
	loop_stop(ctx);
}

/* No shadowing, no extra loss, as the test sets them. */
static struct floor *floor_create(size_t stations, const struct air_config *config)
{
	struct floor *floor = calloc(1, sizeof(*floor));
	struct air_config c = config ? *config : (struct air_config){ .shadowing_db = -1 };

	assert_non_null(floor);
	floor->loop = loop_create_virtual(1700000000000000);
	floor->air = air_create(floor->loop, &c);
	assert_non_null(floor->air);
	floor->stations = calloc(stations, sizeof(struct station));
	floor->stop = (struct loop_timer){ .fn = on_stop, .ctx = floor->loop };
	return floor;
}

static void floor_destroy(struct floor *floor)
{
	air_destroy(floor->air);
	loop_destroy(floor->loop);
	free(floor->stations);
	free(floor);
}

static struct station *add(struct floor *floor, struct air_node_config config)
{
	struct station *s = &floor->stations[floor->count++];

	s->floor = floor;
	memcpy(config.mac, (uint8_t[6]){ 0x02, 0, 0, 0, 0, (uint8_t)floor->count }, 6);
	config.ctx = s;
	config.received = on_received;
	config.status = on_status;
	config.tuned = on_tuned;
	s->node = air_add_node(floor->air, &config);
	assert_non_null(s->node);
	return s;
}

static struct station *plain(struct floor *floor, double x_m)
{
	return add(floor, (struct air_node_config){ .x_m = x_m, .tx_dbm = 15, .acknowledges = true });
}

static void tune_all(struct floor *floor, uint16_t freq_mhz)
{
	for (size_t i = 0; i < floor->count; i++)
		assert_int_equal(air_tune(floor->stations[i].node, freq_mhz), 0);
}

static void run_until(struct floor *floor, uint64_t at_us)
{
	loop_at(floor->loop, &floor->stop, at_us);
	loop_run(floor->loop);
}

/* An action frame of `len` octets with FCS, as the tables count them. */
static void prepare(struct station *s, unsigned to, size_t len_with_fcs, uint8_t rate, uint8_t retries)
{
	static const uint8_t body[] = { 4, 9, 2, 0x4d, 0x52 };

	memset(s->frame, 0, sizeof(s->frame));
	s->frame[0] = 0xd0;
	if (to == 0)
		memset(s->frame + 4, 0xff, 6);
	else
		memcpy(s->frame + 4, (uint8_t[6]){ 0x02, 0, 0, 0, 0, (uint8_t)to }, 6);
	memcpy(s->frame + 10, (uint8_t[6]){ 0x02, 0, 0, 0, 0, (uint8_t)(s - s->floor->stations + 1) }, 6);
	memset(s->frame + 16, 0xff, 6);
	memcpy(s->frame + 24, body, sizeof(body));
	s->frame_len = len_with_fcs - 4;
	s->tx = (struct radio_tx){ .rate_500kbps = rate, .retries = retries, .priority = RADIO_NORMAL, .cookie = 7 };
}

static void send_once(struct station *s, unsigned to, size_t len_with_fcs, uint8_t rate, uint8_t retries)
{
	prepare(s, to, len_with_fcs, rate, retries);
	assert_int_equal(send_frame(s), 0);
	s->frame_len = 0;
}

/* -- the arithmetic ------------------------------------------------------------------------------------------- */

static void frames_take_the_times_of_the_standard(void **state)
{
	static const struct { size_t len; uint16_t us[8]; } rows[] = {	/* with FCS; 1, 2, 5.5, 11, 6, 12, 24, 54 Mb/s */
		{ 28, { 416, 304, 233, 213, 70, 50, 38, 34 } },
		{ 34, { 464, 328, 242, 217, 78, 54, 42, 34 } },
		{ 110, { 1072, 632, 352, 272, 178, 102, 66, 46 } },
		{ 200, { 1792, 992, 483, 338, 298, 162, 94, 58 } },
		{ 137, { 1288, 740, 392, 292, 214, 122, 74, 50 } },
		{ 500, { 4192, 2192, 920, 556, 698, 362, 194, 102 } },
		{ 1554, { 12624, 6408, 2453, 1323, 2102, 1066, 546, 258 } },
	};
	static const uint8_t rates[8] = { 2, 4, 11, 22, 12, 24, 48, 108 };

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(air_frame_us(2412, rates[i], rows[r].len - 4), rows[r].us[i]);
	/* 5 GHz: no signal extension. ACKs: 44, 32, 28. */
	assert_int_equal(air_frame_us(5180, 12, 10), 44);
	assert_int_equal(air_frame_us(5180, 24, 10), 32);
	assert_int_equal(air_frame_us(5180, 48, 10), 28);
	/* HT-mixed MCS 7, 1500 octets of MPDU: 36 + 4 * ceil((22 + 12000) / 260), and the extension. */
	assert_int_equal(air_frame_us(5180, PHY_HT | 7, 1496), 36 + 4 * 47);
	assert_int_equal(air_frame_us(2412, PHY_HT | 7, 1496), 36 + 4 * 47 + 6);
	/* Short PLCP preamble, 16.2.2.3: 96 us, but never at 1 Mb/s. */
	assert_int_equal(phy_frame_us(2412, 22, 10, (struct phy_options){ .short_preamble = true }), 107);
	assert_int_equal(phy_frame_us(2412, 2, 10, (struct phy_options){ .short_preamble = true }), 304);
}

static void contention_parameters_are_those_of_each_phy(void **state)
{
	struct phy_times t;

	(void)state;
	phy_times(2412, 2, (struct phy_options){ 0 }, &t);
	assert_true(t.slot_us == 20 && t.sifs_us == 10 && t.difs_us == 50 && t.cw_min == 31 && t.eifs_us == 364);
	phy_times(2412, 12, (struct phy_options){ 0 }, &t);
	assert_true(t.slot_us == 9 && t.sifs_us == 10 && t.difs_us == 28 && t.cw_min == 15 && t.eifs_us == 88);
	phy_times(2412, 12, (struct phy_options){ .long_slot = true }, &t);
	assert_true(t.slot_us == 20 && t.difs_us == 50 && t.cw_min == 15);
	phy_times(5180, 12, (struct phy_options){ .long_slot = true }, &t);
	assert_true(t.slot_us == 9 && t.sifs_us == 16 && t.difs_us == 34 && t.cw_min == 15 && t.eifs_us == 94);
	assert_true(t.cw_max == 1023);
}

static void an_exchange_takes_what_its_parts_take(void **state)
{
	(void)state;
	/* Without the mean backoff, of the whole exchanges 1138 (1 Mb/s), 234 (6), 174 (54) of a 34-octet frame. */
	assert_int_equal(air_exchange_us(2412, 2, 30), 50 + 464 + 10 + 304);
	assert_int_equal(air_exchange_us(2412, 12, 30), 28 + 78 + 10 + 50);
	assert_int_equal(air_exchange_us(2412, 108, 30), 28 + 34 + 10 + 34);
	assert_int_equal(air_exchange_us(5180, 12, 496), 34 + 692 + 16 + 44);
}

static void acks_go_at_the_highest_basic_rate_not_above_the_frames(void **state)
{
	static const uint8_t pairs[][2] = { { 2, 2 }, { 4, 4 }, { 11, 4 }, { 22, 4 }, { 12, 12 }, { 18, 12 }, { 24, 24 },
					    { 36, 24 }, { 48, 48 }, { 108, 48 }, { PHY_HT, 12 }, { PHY_HT | 7, 48 } };

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_int_equal(phy_ack_rate(pairs[i][0]), pairs[i][1]);
}

static void errors_fall_with_snr_and_grow_with_length_and_rate(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		uint8_t rate = i ? 108 : 12;
		double at = phy_snr_needed_db(rate);

		assert_true(phy_error_rate(rate, at, 1000) > 0.099 && phy_error_rate(rate, at, 1000) < 0.101);
		assert_true(phy_error_rate(rate, at, 100) < 0.02);
		assert_true(phy_error_rate(rate, at + 5, 1500) < 1e-5);
		assert_true(phy_error_rate(rate, at - 5, 100) > 0.99);
	}
	assert_true(phy_snr_needed_db(108) - phy_snr_needed_db(12) == 17);
}

/* -- one sender ----------------------------------------------------------------------------------------------- */

static void a_frame_to_one_is_received_and_acknowledged_at_once(void **state)
{
	struct floor *floor = floor_create(3, NULL);
	struct station *a = plain(floor, 0), *b = plain(floor, 5), *c = plain(floor, 6);

	(void)state;
	tune_all(floor, 2412);
	run_until(floor, 1000);
	send_once(a, 2, 34, 12, 7);
	run_until(floor, 10000);
	assert_int_equal(b->heard_count, 1);
	assert_int_equal(c->heard_count, 0);
	/* The medium was idle for long: no backoff. */
	assert_int_equal(b->heard[0].time_us, 1000 + 78);
	assert_int_equal(b->heard[0].len, 30);
	assert_int_equal(a->told_count, 1);
	assert_true(a->told[0].acked && a->told[0].tries == 1 && a->told[0].cookie == 7);
	assert_int_equal(a->told[0].time_us, 1000 + 78 + 10 + 50);
	/* Duration: SIFS and ACK. */
	assert_int_equal(b->heard[0].head[2], 60);
	/* 15 dBm less 40.1 dB at a metre less 22 * log10(5): -40.5. */
	assert_int_equal(b->heard[0].rssi_dbm, -40);
	floor_destroy(floor);
}

static void a_broadcast_reaches_all_and_is_neither_acknowledged_nor_repeated(void **state)
{
	struct floor *floor = floor_create(4, NULL);
	struct station *a = plain(floor, 0);
	struct air_totals totals;

	(void)state;
	plain(floor, 5);
	plain(floor, 9);
	plain(floor, 12);
	tune_all(floor, 5180);
	run_until(floor, 1000);
	send_once(a, 0, 200, 12, 7);
	run_until(floor, 100000);
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(floor->stations[i].heard_count, 1);
	assert_int_equal(a->told_count, 1);
	assert_true(!a->told[0].acked && a->told[0].tries == 1);
	air_totals(floor->air, &totals);
	assert_int_equal(totals.frames, 1);
	assert_int_equal(totals.acks, 0);
	floor_destroy(floor);
}

static void an_absent_receiver_costs_all_tries_with_growing_windows(void **state)
{
	struct floor *floor = floor_create(2, NULL);
	struct station *a = plain(floor, 0);
	struct station *ear = add(floor, (struct air_node_config){ .x_m = 3, .promiscuous = true });
	uint64_t last_us = 0;

	(void)state;
	tune_all(floor, 2412);
	run_until(floor, 1000);
	send_once(a, 99, 34, 12, 7);
	run_until(floor, 1000000);
	assert_int_equal(a->told_count, 1);
	assert_true(!a->told[0].acked && a->told[0].tries == 8);
	assert_int_equal(ear->heard_count, 8);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal((ear->heard[i].head[1] & 0x08) != 0, i > 0);	/* Retry */
		if (i > 0) {	/* ACK timeout, then the backoff: at most CW = 2^(4+i) - 1 slots of 9 us */
			uint64_t gap_us = ear->heard[i].time_us - last_us - 78 - 44;

			assert_int_equal(gap_us % 9, 0);
			assert_in_range(gap_us / 9, 0, (16u << i) - 1);
		}
		last_us = ear->heard[i].time_us;
	}
	floor_destroy(floor);
}

static void one_saturated_sender_reaches_the_calculated_throughput(void **state)
{
	static const struct { uint16_t freq_mhz; uint8_t rate; size_t len; double exchange_us; } cases[] = {
		{ 2412, 2, 34, 1138 }, { 2412, 12, 34, 233.5 }, { 2412, 108, 34, 173.5 }, { 2412, 2, 137, 1962 },
		{ 2412, 12, 137, 369.5 }, { 2412, 12, 500, 853.5 }, { 2412, 12, 1554, 2257.5 }, { 2412, 108, 1554, 397.5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct floor *floor = floor_create(2, NULL);
		struct station *a = plain(floor, 0);
		double mean_us;

		plain(floor, 3);
		prepare(a, 2, cases[i].len, cases[i].rate, 7);
		tune_all(floor, cases[i].freq_mhz);
		run_until(floor, 2000000);
		mean_us = 2000000.0 / (double)a->acked;
		print_message("%u MHz, rate %u, %zu octets: %.1f us, expected %.1f\n", cases[i].freq_mhz, cases[i].rate,
			      cases[i].len, mean_us, cases[i].exchange_us);
		assert_true(a->acked > 100);
		assert_true(mean_us > cases[i].exchange_us * 0.98 && mean_us < cases[i].exchange_us * 1.02);
		floor_destroy(floor);
	}
}

/* -- several -------------------------------------------------------------------------------------------------- */

/* Share of tries that collided, n saturated senders to one receiver in one collision domain, equal levels. */
static double collision_share(size_t n, uint8_t rate)
{
	struct floor *floor = floor_create(n + 1, &(struct air_config){ .shadowing_db = -1, .capture_first_db = 100,
									.capture_later_db = 100 });
	uint64_t tries = 0, acked = 0;

	plain(floor, 0);
	for (size_t i = 0; i < n; i++)
		prepare(plain(floor, 5), 1, 500, rate, 30);
	tune_all(floor, 2412);
	run_until(floor, 20000000);
	for (size_t i = 1; i <= n; i++) {
		struct radio_health h;

		air_node_health(floor->stations[i].node, &h);
		acked += h.acked;
		tries += h.acked + h.retries;
	}
	floor_destroy(floor);
	return 1 - (double)acked / (double)tries;
}

static void saturated_senders_collide_about_as_often_as_bianchi_says(void **state)
{
	/* Bianchi, "Performance analysis of the IEEE 802.11 DCF", 2000; the model has no freeze rule: 3 points of slack. */
	(void)state;
	double two = collision_share(2, 12), ten = collision_share(10, 12), b = collision_share(5, 2);

	print_message("collisions: n=2 %.3f, n=10 %.3f, 802.11b n=5 %.3f\n", two, ten, b);
	assert_true(two > 0.075 && two < 0.135);
	assert_true(ten > 0.35 && ten < 0.41);
	assert_true(b > 0.148 && b < 0.208);
}

static void nodes_that_do_not_hear_each_other_collide_far_more(void **state)
{
	uint64_t tries[2], acked[2];

	(void)state;
	for (int hidden = 0; hidden < 2; hidden++) {
		struct floor *floor = floor_create(3, &(struct air_config){ .shadowing_db = -1, .path_loss_exponent = 3 });
		struct station *receiver = plain(floor, 0), *left, *right;
		struct radio_health h;

		/* 15 dBm, exponent 3: -82 dBm is reached at 81 m. */
		left = plain(floor, -45);
		right = plain(floor, hidden ? 45 : -44.5);
		(void)receiver;
		prepare(left, 1, 500, 12, 7);
		prepare(right, 1, 500, 12, 7);
		tune_all(floor, 2412);
		run_until(floor, 5000000);
		tries[hidden] = acked[hidden] = 0;
		for (size_t i = 1; i < 3; i++) {
			air_node_health(floor->stations[i].node, &h);
			acked[hidden] += h.acked;
			tries[hidden] += h.acked + h.unacked + h.retries;
		}
		floor_destroy(floor);
	}
	assert_true((double)acked[0] / (double)tries[0] > 0.85);
	assert_true((double)acked[1] / (double)tries[1] < 0.5);
	assert_true(acked[1] < acked[0] * 2 / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_take_the_times_of_the_standard),
		cmocka_unit_test(contention_parameters_are_those_of_each_phy),
		cmocka_unit_test(an_exchange_takes_what_its_parts_take),
		cmocka_unit_test(acks_go_at_the_highest_basic_rate_not_above_the_frames),
		cmocka_unit_test(errors_fall_with_snr_and_grow_with_length_and_rate),
		cmocka_unit_test(a_frame_to_one_is_received_and_acknowledged_at_once),
		cmocka_unit_test(a_broadcast_reaches_all_and_is_neither_acknowledged_nor_repeated),
		cmocka_unit_test(an_absent_receiver_costs_all_tries_with_growing_windows),
		cmocka_unit_test(one_saturated_sender_reaches_the_calculated_throughput),
		cmocka_unit_test(saturated_senders_collide_about_as_often_as_bianchi_says),
		cmocka_unit_test(nodes_that_do_not_hear_each_other_collide_far_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
