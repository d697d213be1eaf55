/*
 * The lower bound: against figures computed by hand, against its own definition taken literally, and against the best
 * of all schedules of small batches, found by trying every order. A bound that a schedule beats is no bound.
 *
 * links: station/schedule/bound.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "station/schedule/schedule.h"

static void nothing_takes_no_time(void **state)
{
	struct schedule_bound b = schedule_lower_bound(NULL, 0, 3, 3);

	(void)state;
	assert_true(b.bound_us == 0 && b.chain_us == 0 && b.air_us == 0);
}

static void it_is_what_was_computed_by_hand(void **state)
{
	/* release, chain, air */
	struct schedule_bound_unit one[] = { { 100, 1000, 50 } };
	struct schedule_bound_unit four[] = {
		{ 0, 1000, 400 }, { 0, 1200, 400 }, { 500, 600, 400 }, { 900, 500, 400 }
	};
	struct schedule_bound_unit late[] = { { 0, 10, 10 }, { 1000, 300, 300 }, { 1000, 300, 300 } };
	struct schedule_bound b;

	(void)state;
	b = schedule_lower_bound(one, 1, 1, 1);
	assert_true(b.chain_us == 1100 && b.air_us == 150 && b.bound_us == 1100);
	b = schedule_lower_bound(four, 4, 1, 3); /* one radio: 1600 of air from 0; 900 + 400; 500 + 800 */
	assert_true(b.chain_us == 1400 && b.air_us == 1600 && b.bound_us == 1600);
	b = schedule_lower_bound(four, 4, 3, 1); /* three radios on one channel share its air */
	assert_int_equal(b.air_us, 1600);
	b = schedule_lower_bound(four, 4, 2, 2); /* 1600 / 2 from 0; 500 + 800 / 2; 900 + 400 / 2 */
	assert_true(b.air_us == 1100 && b.bound_us == 1400);
	b = schedule_lower_bound(late, 3, 1, 1); /* the latest group decides: 1000 + 600 */
	assert_true(b.chain_us == 1300 && b.air_us == 1600);
}

static void without_a_radio_only_the_chains_count(void **state)
{
	struct schedule_bound_unit u[] = { { 5, 10, 10 }, { 0, 12, 12 } };
	struct schedule_bound b = schedule_lower_bound(u, 2, 0, 4);

	(void)state;
	assert_true(b.air_us == 0 && b.bound_us == 15);
}

static uint64_t draw(uint64_t *x, uint64_t below)
{
	*x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
	return (*x >> 11) % below;
}

static void it_agrees_with_its_definition_in_any_order_of_units(void **state)
{
	uint64_t x = 0x5eed0031;

	(void)state;
	for (unsigned run = 0; run < 3000; run++) {
		struct schedule_bound_unit u[12];
		size_t count = 1 + draw(&x, 12), radios = 1 + draw(&x, 4), channels = 1 + draw(&x, 4);
		size_t lanes = radios < channels ? radios : channels;
		uint64_t l1 = 0, l2 = 0;
		struct schedule_bound b;

		for (size_t i = 0; i < count; i++) {
			u[i].release_us = draw(&x, 6) * 100; /* many equal ones */
			u[i].air_us = 1 + draw(&x, 200);
			u[i].chain_us = u[i].air_us + draw(&x, 300);
		}
		for (size_t i = 0; i < count; i++) {
			uint64_t sum = 0, t = u[i].release_us;

			for (size_t k = 0; k < count; k++)
				sum += u[k].release_us >= t ? u[k].air_us : 0;
			l1 = u[i].release_us + u[i].chain_us > l1 ? u[i].release_us + u[i].chain_us : l1;
			l2 = t + sum / lanes > l2 ? t + sum / lanes : l2;
		}
		b = schedule_lower_bound(u, count, radios, channels);
		assert_int_equal(b.chain_us, l1);
		assert_int_equal(b.air_us, l2);
		assert_int_equal(b.bound_us, l1 > l2 ? l1 : l2);
	}
}

/*
 * The best makespan there is: each unit needs its airtime in one piece and then works on its own for the rest of the
 * chain (work first or between would only wait longer for the same sums). Every order on every lane is tried.
 */
struct search {
	const struct schedule_bound_unit *u;
	size_t count, lanes;
	uint64_t free_us[3], best_us;
};

static void try_all(struct search *s, unsigned done, uint64_t end_us)
{
	if (end_us >= s->best_us)
		return;
	if (done == (1u << s->count) - 1) {
		s->best_us = end_us;
		return;
	}
	for (size_t i = 0; i < s->count; i++)
		for (size_t l = 0; l < s->lanes && !(done & 1u << i); l++) {
			uint64_t was = s->free_us[l];
			uint64_t start = was > s->u[i].release_us ? was : s->u[i].release_us;
			uint64_t end = start + s->u[i].chain_us;

			s->free_us[l] = start + s->u[i].air_us;
			try_all(s, done | 1u << i, end > end_us ? end : end_us);
			s->free_us[l] = was;
		}
}

static void no_schedule_of_a_small_batch_beats_it_and_many_meet_it(void **state)
{
	uint64_t x = 0x5eed0032;
	unsigned met = 0;

	(void)state;
	for (unsigned run = 0; run < 400; run++) {
		struct schedule_bound_unit u[5];
		size_t radios = 1 + draw(&x, 3), channels = 1 + draw(&x, 3);
		struct search s = { u, 1 + draw(&x, 5), radios < channels ? radios : channels, { 0 }, UINT64_MAX };
		struct schedule_bound b;

		for (size_t i = 0; i < s.count; i++) {
			u[i].release_us = draw(&x, 300);
			u[i].air_us = 1 + draw(&x, 100);
			u[i].chain_us = u[i].air_us + draw(&x, 300);
		}
		b = schedule_lower_bound(u, s.count, radios, channels);
		try_all(&s, 0, 0);
		assert_true(b.bound_us <= s.best_us);
		met += b.bound_us == s.best_us;
	}
	assert_true(met > 200); /* or any small number would do for a bound */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_takes_no_time),
		cmocka_unit_test(it_is_what_was_computed_by_hand),
		cmocka_unit_test(without_a_radio_only_the_chains_count),
		cmocka_unit_test(it_agrees_with_its_definition_in_any_order_of_units),
		cmocka_unit_test(no_schedule_of_a_small_batch_beats_it_and_many_meet_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
