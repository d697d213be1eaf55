/*
 * Both policies on hand-made views, rule by rule, and random views in which no decision may break what every schedule
 * has to keep: nobody goes where another radio is, where it may not send, or away from an open handshake or an
 * exclusive step.
 *
 * links: station/schedule/pex.c station/schedule/round_robin.c station/schedule/policy.c station/schedule/attend.c
 * links: station/schedule/exclusive.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "station/schedule/schedule.h"

#define NOW_US 10000000u
#define SWITCH_US 50000u
#define TRAVEL_US (SWITCH_US + 30000u) /* to another channel, what a radio has to send before it leaves included */

struct hand_made {
	struct schedule_view v;
	struct schedule_channel c[8];
	struct schedule_radio r[8];
};

/* Radio i sits on channel i; nothing to do anywhere. */
static struct hand_made *quiet(struct hand_made *h, size_t radios, size_t channels)
{
	*h = (struct hand_made){ .v = { .now_us = NOW_US,
					.channels = h->c,
					.channel_count = channels,
					.radios = h->r,
					.radio_count = radios } };
	for (size_t i = 0; i < channels; i++)
		h->c[i] = (struct schedule_channel){ .freq_mhz = (uint16_t)(5180 + 20 * i),
						     .owner = i < radios ? i : SCHEDULE_NONE,
						     .ready_since_us = SCHEDULE_NEVER,
						     .next_due_us = SCHEDULE_NEVER };
	for (size_t i = 0; i < radios; i++)
		h->r[i] = (struct schedule_radio){ .usable = true,
						   .arrived_us = NOW_US - 1000000,
						   .switch_us = SWITCH_US,
						   .freq_mhz = i < channels ? (uint16_t)(5180 + 20 * i) : 0,
						   .channels = (1ull << channels) - 1 };
	return h;
}

static void work(struct hand_made *h, size_t channel)
{
	h->c[channel].sessions = h->c[channel].ready = 1;
	h->c[channel].ready_air_us = 1000;
	h->c[channel].ready_since_us = NOW_US - 1000;
	h->c[channel].remaining_us = 1000000;
}

static struct schedule_decision pex(const struct hand_made *h, size_t radio)
{
	return schedule_pex.decide(&h->v, radio);
}

#define assert_stays(d, why)                                                                                           \
	do {                                                                                                           \
		struct schedule_decision d_ = (d);                                                                     \
		assert_true(d_.go == SCHEDULE_NONE);                                                                   \
		assert_true(d_.look_again_us > NOW_US);                                                                \
		assert_string_equal(d_.reason, why);                                                                   \
	} while (0)
#define assert_goes(d, where, why)                                                                                     \
	do {                                                                                                           \
		struct schedule_decision d_ = (d);                                                                     \
		assert_int_equal(d_.go, where);                                                                        \
		assert_string_equal(d_.reason, why);                                                                   \
	} while (0)

static void policies_are_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(schedule_policy("pex"), &schedule_pex);
	assert_ptr_equal(schedule_policy("round-robin"), &schedule_round_robin);
	assert_null(schedule_policy("PEX"));
	assert_null(schedule_policy(""));
}

/* --- rule 1: pin --- */

static void with_as_many_radios_as_channels_nobody_moves(void **state)
{
	struct hand_made h;

	(void)state;
	for (size_t channels = 1; channels <= 4; channels++) {
		quiet(&h, channels, channels);
		for (size_t i = 0; i < channels; i++) {
			work(&h, (i + 1) % channels);
			assert_stays(pex(&h, i), "pinned");
			assert_true(pex(&h, i).look_again_us == SCHEDULE_NEVER);
		}
	}
}

static void a_spare_radio_stands_by_and_takes_the_place_of_a_lost_one(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 3, 2);
	assert_stays(pex(&h, 2), "standby");
	h.r[1].usable = false;
	h.c[1].owner = SCHEDULE_NONE;
	assert_stays(pex(&h, 0), "pinned");
	assert_goes(pex(&h, 2), 1, "first");
	assert_stays(pex(&h, 1), "standby"); /* the lost one is not sent anywhere */
}

static void at_the_start_each_radio_takes_a_channel_of_its_own(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 3, 3);
	for (size_t i = 0; i < 3; i++)
		h.c[i].owner = SCHEDULE_NONE;
	h.r[0].channels = 4; /* may send on the last one only */
	assert_goes(pex(&h, 0), 2, "first");
	h.c[2].owner = 0;
	assert_goes(pex(&h, 1), 0, "first");
	h.c[0].owner = 1;
	assert_goes(pex(&h, 2), 1, "first");
}

/* --- rule 2: call over --- */

static void with_too_few_radios_and_steering_one_scouts_and_the_others_stay(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 3, 5);
	h.v.steer = true;
	for (size_t i = 0; i < 5; i++)
		h.c[i].unheard = 3;
	h.c[3].left_us = NOW_US - 100000;
	h.c[4].left_us = NOW_US - 900000;
	assert_stays(pex(&h, 0), "pinned");
	assert_stays(pex(&h, 1), "pinned");
	assert_goes(pex(&h, 2), 4, "scout"); /* the longest unheard */
	h.r[0].switch_us = SWITCH_US / 2;    /* the fastest is the scout */
	assert_goes(pex(&h, 0), 4, "scout");
	assert_stays(pex(&h, 2), "pinned");
}

static void one_radio_alone_does_not_call_over(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 1, 3);
	h.v.steer = true;
	h.c[2].unheard = 1;
	assert_goes(pex(&h, 0), 2, "scout");
	assert_int_equal(schedule_pex.place(&h.v, 2), 2);
}

static void a_channel_whose_radio_went_away_is_adopted(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 4, 5);
	h.v.steer = true;
	work(&h, 0); /* radio 0 has work of its own and keeps to it */
	work(&h, 1);
	h.r[1].usable = false;
	h.c[1].owner = SCHEDULE_NONE;
	assert_stays(pex(&h, 0), "ready-work");
	assert_goes(pex(&h, 2), 1, "work");
	assert_goes(pex(&h, 3), 1, "work"); /* whoever is asked first */
	h.c[1].owner = 2;
	assert_stays(pex(&h, 0), "pinned");
}

/* --- rules 3 to 6 --- */

static void nobody_leaves_an_open_handshake_or_a_window(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 1, 2);
	work(&h, 1);
	assert_goes(pex(&h, 0), 1, "work");
	h.c[0].unsafe = true;
	assert_stays(pex(&h, 0), "handshake");
	h.c[0].unsafe = false;
	h.c[0].window_end_us = NOW_US + 7000;
	assert_stays(pex(&h, 0), "window");
	assert_int_equal(pex(&h, 0).look_again_us, NOW_US + 7000);
	h.c[0].window_end_us = NOW_US; /* over */
	assert_goes(pex(&h, 0), 1, "work");
}

static void nobody_leaves_ready_work_or_an_answer_due_soon(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 1, 2);
	work(&h, 1);
	h.c[1].remaining_us = 3600000000u; /* however much there is elsewhere */
	work(&h, 0);
	assert_stays(pex(&h, 0), "ready-work");
	h.c[0].ready = 0;
	h.c[0].next_due_us = NOW_US + SWITCH_US / 2;
	assert_stays(pex(&h, 0), "due-soon");
	assert_int_equal(pex(&h, 0).look_again_us, NOW_US + SWITCH_US / 2);
	h.c[0].next_due_us = NOW_US - 1; /* overdue: any moment */
	assert_stays(pex(&h, 0), "due-soon");
	h.c[0].next_due_us = NOW_US + SWITCH_US / 2 + 1;
	assert_goes(pex(&h, 0), 1, "work");
}

static void the_channel_with_the_most_to_gain_is_next(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 1, 4);
	assert_stays(pex(&h, 0), "nothing-better");
	for (size_t i = 1; i < 4; i++)
		work(&h, i);
	h.c[2].remaining_us += 1; /* the longest way to go */
	assert_goes(pex(&h, 0), 2, "work");
	h.c[3].ready_air_us += 1; /* counts tenfold */
	assert_goes(pex(&h, 0), 3, "work");
	h.c[1].ready_since_us -= 20; /* the longest wait */
	assert_goes(pex(&h, 0), 1, "work");
	h.r[0].channels &= ~2ull; /* but may not send there */
	assert_goes(pex(&h, 0), 3, "work");
}

static void an_answer_that_will_be_there_on_arrival_counts_as_work(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 1, 2);
	h.c[1].sessions = 1;
	h.c[1].remaining_us = 1000;
	h.c[1].next_due_us = NOW_US + SWITCH_US + 1;
	assert_stays(pex(&h, 0), "nothing-better");
	h.c[1].next_due_us = NOW_US + SWITCH_US;
	assert_goes(pex(&h, 0), 1, "work");
}

/* --- place --- */

static void callers_are_spread_over_the_radios_that_stay(void **state)
{
	struct hand_made h;
	size_t at[6] = { 0 };

	(void)state;
	quiet(&h, 4, 6); /* radio 3 scouts; channels 4 and 5 have none */
	h.v.steer = true;
	for (unsigned i = 0; i < 30; i++) {
		size_t to = schedule_pex.place(&h.v, i % 6);

		assert_true(to < 3);
		at[to]++;
		h.c[to].sessions++;
	}
	assert_true(at[0] == 10 && at[1] == 10 && at[2] == 10);
	assert_int_equal(schedule_pex.place(&h.v, 1), 1); /* home wins a tie */
	h.r[1].moving = true;
	h.c[0].sessions = h.c[2].sessions = 50;
	assert_int_equal(schedule_pex.place(&h.v, 5), 0); /* nobody is sent where the radio is only on its way */
}

static void callers_stay_at_home_where_steering_gains_nothing(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 2, 2);
	h.v.steer = true;
	h.c[0].sessions = 100;
	assert_int_equal(schedule_pex.place(&h.v, 0), 0); /* as many radios as channels */
	quiet(&h, 2, 4);
	assert_int_equal(schedule_pex.place(&h.v, 3), 3); /* steering is off */
	h.v.steer = true;
	h.r[0].usable = false;
	h.c[0].owner = SCHEDULE_NONE;
	assert_int_equal(schedule_pex.place(&h.v, 3), 3); /* one radio left: no scout, so no place to be sent */
	assert_int_equal(schedule_round_robin.place(&h.v, 3), 3);
}

/* --- the baseline --- */

static void round_robin_walks_its_own_share_in_turn(void **state)
{
	struct hand_made h;
	static const size_t want[2][4] = { { 2, 4, 0, 2 }, { 3, 5, 1, 3 } };

	(void)state;
	quiet(&h, 2, 6);
	for (size_t radio = 0; radio < 2; radio++)
		for (size_t hop = 0; hop < 4; hop++) {
			struct schedule_decision d = schedule_round_robin.decide(&h.v, radio);

			assert_goes(d, want[radio][hop], "hop");
			for (size_t i = 0; i < 6; i++)
				if (h.c[i].owner == radio)
					h.c[i].owner = SCHEDULE_NONE;
			h.c[d.go].owner = radio;
			h.r[radio].freq_mhz = h.c[d.go].freq_mhz;
		}
}

static void round_robin_stays_its_time_and_lets_a_handshake_end(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 1, 2);
	h.r[0].arrived_us = NOW_US - 199999;
	work(&h, 1);
	assert_stays(schedule_round_robin.decide(&h.v, 0), "dwell");
	assert_int_equal(schedule_round_robin.decide(&h.v, 0).look_again_us, NOW_US + 1);
	h.r[0].arrived_us = NOW_US - 200000;
	h.c[0].unsafe = true;
	assert_stays(schedule_round_robin.decide(&h.v, 0), "dwell");
	h.c[0].unsafe = false;
	work(&h, 0); /* looks at nothing else */
	assert_goes(schedule_round_robin.decide(&h.v, 0), 1, "hop");
}

static void round_robin_shares_the_channels_of_a_lost_radio(void **state)
{
	struct hand_made h;
	bool seen[4] = { false };

	(void)state;
	quiet(&h, 2, 4);
	h.r[0].usable = false;
	h.c[0].owner = SCHEDULE_NONE;
	for (unsigned hop = 0; hop < 4; hop++) {
		struct schedule_decision d = schedule_round_robin.decide(&h.v, 1);

		assert_true(d.go < 4);
		seen[d.go] = true;
		for (size_t i = 0; i < 4; i++)
			h.c[i].owner = i == d.go ? 1 : SCHEDULE_NONE;
		h.r[1].freq_mhz = h.c[d.go].freq_mhz;
	}
	assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
}

/* --- deadlines, exclusive steps, work that serves many: both policies --- */

static const struct schedule_policy *const policies[] = { &schedule_pex, &schedule_round_robin };

static void a_channel_that_must_be_attended_gets_a_radio_just_in_time(void **state)
{
	struct hand_made h;

	(void)state;
	for (size_t p = 0; p < 2; p++) {
		quiet(&h, 1, 2);
		h.r[0].arrived_us = NOW_US - 1; /* of its dwell */
		work(&h, 0);
		h.c[0].window_end_us = NOW_US + 500000;
		h.c[1].attend_by_us = NOW_US + TRAVEL_US + 1;
		assert_stays(policies[p]->decide(&h.v, 0), p == 0 ? "window" : "dwell");
		assert_int_equal(policies[p]->decide(&h.v, 0).look_again_us, NOW_US + 1);
		h.c[1].attend_by_us--;
		assert_goes(policies[p]->decide(&h.v, 0), 1, "attend");
		h.c[1].attend_by_us = 1; /* long past: nobody has been there */
		assert_goes(policies[p]->decide(&h.v, 0), 1, "attend");
		h.r[0].channels = 1; /* it may not send there */
		assert_stays(policies[p]->decide(&h.v, 0), p == 0 ? "window" : "dwell");
	}
}

static void no_deadline_is_said_in_two_ways(void **state)
{
	struct hand_made h;

	(void)state;
	for (size_t p = 0; p < 2; p++) {
		quiet(&h, 2, 3);
		work(&h, 0);
		h.r[0].arrived_us = NOW_US - 1;
		for (size_t i = 0; i < 3; i++)
			h.c[i].attend_by_us = i % 2 ? SCHEDULE_NEVER : 0;
		assert_stays(policies[p]->decide(&h.v, 0), p == 0 ? "ready-work" : "dwell");
		h.c[2].attend_by_us = SCHEDULE_NEVER;
		assert_stays(policies[p]->decide(&h.v, 0), p == 0 ? "ready-work" : "dwell");
		h.c[2].attend_by_us = 1;
		h.c[1].unsafe = true;
		assert_goes(policies[p]->decide(&h.v, 0), 2, "attend");
	}
}

static void a_deadline_waits_for_an_open_handshake_and_no_longer(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 1, 2);
	h.c[0].unsafe = true;
	h.c[1].attend_by_us = NOW_US;
	for (size_t p = 0; p < 2; p++) {
		struct schedule_decision d = policies[p]->decide(&h.v, 0);

		assert_stays(d, p == 0 ? "handshake" : "dwell");
		assert_int_equal(d.look_again_us, NOW_US + 10000);
	}
	h.c[0].unsafe = false;
	for (size_t p = 0; p < 2; p++)
		assert_goes(policies[p]->decide(&h.v, 0), 1, "attend");
}

static void who_has_the_least_to_lose_is_sent(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 4, 5);
	h.c[3].owner = SCHEDULE_NONE; /* radio 3 is nowhere; channel 3 is nobody's */
	h.c[4].attend_by_us = NOW_US;
	for (size_t i = 0; i < 3; i++)
		assert_true(pex(&h, i).go != 4);
	assert_goes(pex(&h, 3), 4, "attend");
	h.r[3].usable = false;
	assert_goes(pex(&h, 2), 4, "attend"); /* the last one among equals */
	h.r[2].moving = true;
	assert_goes(pex(&h, 1), 4, "attend");
	h.r[0].switch_us--;
	assert_goes(pex(&h, 0), 4, "attend"); /* the fastest */
	assert_true(pex(&h, 1).go != 4);
	work(&h, 0); /* but it has something to do */
	assert_goes(pex(&h, 1), 4, "attend");
	assert_true(pex(&h, 0).go != 4);
}

static void of_two_deadlines_the_earlier_is_first_and_each_has_a_radio(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 1, 3);
	h.c[1].attend_by_us = NOW_US + 2;
	h.c[2].attend_by_us = NOW_US + 1;
	assert_goes(pex(&h, 0), 2, "attend");
	h.c[2].attend_by_us = NOW_US + 3;
	assert_goes(pex(&h, 0), 1, "attend");
	quiet(&h, 2, 4);
	h.c[2].attend_by_us = NOW_US + 2;
	h.c[3].attend_by_us = NOW_US + 1;
	assert_goes(pex(&h, 1), 3, "attend");
	assert_goes(pex(&h, 0), 2, "attend");
}

static void radios_that_are_pinned_keep_deadlines_too(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 3, 3);
	h.c[2].owner = SCHEDULE_NONE;
	h.r[2].channels = 1; /* a spare radio that is of no use on the channel without one */
	h.c[2].attend_by_us = NOW_US + TRAVEL_US + 1;
	assert_stays(pex(&h, 1), "pinned");
	assert_int_equal(pex(&h, 1).look_again_us, NOW_US + 1);
	h.c[2].attend_by_us--;
	assert_goes(pex(&h, 1), 2, "attend");
	assert_stays(pex(&h, 0), "pinned");
}

static void who_could_not_go_elsewhere_first_goes_at_once(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 1, 3);
	work(&h, 1);
	h.c[2].attend_by_us = NOW_US + 2 * TRAVEL_US + 1;
	assert_goes(pex(&h, 0), 1, "work");
	h.c[2].attend_by_us--;
	assert_goes(pex(&h, 0), 2, "attend");
	quiet(&h, 1, 3);
	h.c[2].attend_by_us = NOW_US + 2 * TRAVEL_US; /* but with nothing to do elsewhere it stays */
	assert_stays(pex(&h, 0), "nothing-better");
	assert_int_equal(pex(&h, 0).look_again_us, NOW_US + 50000);
}

static void a_radio_that_could_not_be_back_in_time_stays(void **state)
{
	struct hand_made h;

	(void)state;
	for (size_t p = 0; p < 2; p++) {
		quiet(&h, 1, 2);
		work(&h, 1);
		h.c[0].attend_by_us = NOW_US + 2 * TRAVEL_US;
		assert_stays(policies[p]->decide(&h.v, 0), "attended");
		h.c[0].attend_by_us++;
		assert_goes(policies[p]->decide(&h.v, 0), 1, p == 0 ? "work" : "hop");
		h.c[0].attend_by_us = NOW_US + 1;
		assert_stays(policies[p]->decide(&h.v, 0), "attended");
		assert_int_equal(policies[p]->decide(&h.v, 0).look_again_us, NOW_US + 1);
		h.c[0].attend_by_us = NOW_US; /* it was there */
		assert_goes(policies[p]->decide(&h.v, 0), 1, p == 0 ? "work" : "hop");
		/* Another channel's earlier deadline comes first, a later one does not. */
		h.c[0].attend_by_us = NOW_US + 20;
		h.c[1].attend_by_us = NOW_US + 20;
		assert_stays(policies[p]->decide(&h.v, 0), "attended");
		h.c[1].attend_by_us = NOW_US + 19;
		assert_goes(policies[p]->decide(&h.v, 0), 1, "attend");
	}
}

static void nobody_leaves_an_exclusive_step(void **state)
{
	struct hand_made h;

	(void)state;
	for (size_t p = 0; p < 2; p++) {
		quiet(&h, 1, 2);
		work(&h, 1);
		assert_goes(policies[p]->decide(&h.v, 0), 1, p == 0 ? "work" : "hop");
		h.c[0].exclusive = true;
		assert_stays(policies[p]->decide(&h.v, 0), "exclusive");
		h.c[1].attend_by_us = 1; /* whoever may be lost meanwhile */
		assert_stays(policies[p]->decide(&h.v, 0), "exclusive");
	}
}

static void an_exclusive_step_that_lost_its_radio_gets_another_at_once(void **state)
{
	struct hand_made h;

	(void)state;
	for (size_t p = 0; p < 2; p++) {
		quiet(&h, 2, 3);
		h.c[2].exclusive = true;
		h.c[2].attend_by_us = SCHEDULE_NEVER;
		h.r[1].arrived_us = NOW_US - 1;
		assert_goes(policies[p]->decide(&h.v, 1), 2, "attend");
		h.c[2].owner = 0;
		h.c[0].owner = SCHEDULE_NONE;
		assert_true(policies[p]->decide(&h.v, 1).go != 2);
	}
}

static void one_exclusive_step_at_a_time_and_only_where_a_radio_is(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 2, 3);
	assert_true(schedule_may_begin_exclusive(&h.v, 0, SCHEDULE_NEVER));
	assert_true(schedule_may_begin_exclusive(&h.v, 1, SCHEDULE_NEVER));
	assert_false(schedule_may_begin_exclusive(&h.v, 2, SCHEDULE_NEVER)); /* nobody is there */
	for (size_t i = 0; i < 3; i++) {
		h.c[i].exclusive = true; /* on whatever channel, its own too */
		assert_false(schedule_may_begin_exclusive(&h.v, 0, SCHEDULE_NEVER));
		assert_false(schedule_may_begin_exclusive(&h.v, 1, SCHEDULE_NEVER));
		h.c[i].exclusive = false;
	}
	h.r[0].moving = true; /* on its way, or about to leave */
	assert_false(schedule_may_begin_exclusive(&h.v, 0, SCHEDULE_NEVER));
	h.r[0].moving = false;
	h.r[0].usable = false;
	assert_false(schedule_may_begin_exclusive(&h.v, 0, SCHEDULE_NEVER));
}

static void an_exclusive_step_waits_for_deadlines_that_only_its_radio_could_keep(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 1, 2);
	h.c[1].attend_by_us = NOW_US + 1000000;
	assert_true(schedule_may_begin_exclusive(&h.v, 0, NOW_US + 1000000));
	assert_false(schedule_may_begin_exclusive(&h.v, 0, NOW_US + 1000001));
	assert_false(schedule_may_begin_exclusive(&h.v, 0, SCHEDULE_NEVER));
	h.c[0].attend_by_us = h.c[1].attend_by_us; /* its own is kept */
	h.c[1].attend_by_us = 0;
	assert_true(schedule_may_begin_exclusive(&h.v, 0, SCHEDULE_NEVER));
	quiet(&h, 2, 3);
	h.c[2].attend_by_us = NOW_US + 1000000;
	assert_true(schedule_may_begin_exclusive(&h.v, 0, SCHEDULE_NEVER)); /* radio 1 can go */
	h.r[1].channels = 2;
	assert_false(schedule_may_begin_exclusive(&h.v, 0, SCHEDULE_NEVER));
	assert_true(schedule_may_begin_exclusive(&h.v, 1, SCHEDULE_NEVER)); /* radio 0 can */
}

static void work_that_serves_many_weighs_so_many_times(void **state)
{
	struct hand_made h;

	(void)state;
	quiet(&h, 1, 3);
	work(&h, 1);
	work(&h, 2);
	h.c[1].remaining_us = h.c[2].remaining_us = 0;
	h.c[1].ready_air_us = h.c[2].ready_air_us = 0;
	h.c[1].ready_since_us = NOW_US - 99; /* with one for being ready at all: 100 */
	h.c[2].ready_since_us = NOW_US - 299;
	assert_goes(pex(&h, 0), 2, "work");
	h.c[1].serves = 1; /* as none */
	assert_goes(pex(&h, 0), 2, "work");
	h.c[1].serves = 3; /* as much as channel 2: the first one wins a tie */
	assert_goes(pex(&h, 0), 1, "work");
	h.c[2].ready_since_us--;
	assert_goes(pex(&h, 0), 2, "work");
	h.c[1].serves = 4;
	assert_goes(pex(&h, 0), 1, "work");
	h.c[1].ready = 0; /* nothing ready, nothing to weigh */
	assert_goes(pex(&h, 0), 2, "work");
}

/* --- any view --- */

static uint64_t draw(uint64_t *x, uint64_t below)
{
	*x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
	return (*x >> 11) % below;
}

static struct schedule_channel any_channel(uint64_t *x, struct schedule_channel c)
{
	c.sessions = draw(x, 4);
	c.ready = draw(x, c.sessions + 1);
	c.ready_air_us = 1000 * c.ready;
	if (c.ready)
		c.ready_since_us = NOW_US - draw(x, 1000000);
	if (c.sessions > c.ready && draw(x, 2))
		c.next_due_us = NOW_US - 100000 + draw(x, 300000);
	c.remaining_us = c.sessions ? draw(x, 5000000) : 0;
	c.unsafe = c.sessions && draw(x, 4) == 0;
	c.window_end_us = NOW_US - 50000 + draw(x, 100000);
	c.left_us = draw(x, NOW_US);
	c.unheard = (double)draw(x, 5);
	if (draw(x, 4) == 0)
		c.attend_by_us = NOW_US - 100000 + draw(x, 1000000);
	c.exclusive = draw(x, 16) == 0;
	c.serves = (unsigned)draw(x, 40);
	return c;
}

static void any_view(uint64_t *x, struct hand_made *h, size_t radios, size_t channels)
{
	quiet(h, radios, channels);
	h->v.steer = draw(x, 2);
	for (size_t i = 0; i < channels; i++) {
		struct schedule_channel *c = &h->c[i];

		*c = any_channel(x, *c);
		if (c->owner != SCHEDULE_NONE && draw(x, 8) == 0) { /* lost, or nowhere yet */
			h->r[c->owner].usable = draw(x, 2);
			h->r[c->owner].freq_mhz = 0;
			c->owner = SCHEDULE_NONE;
		}
	}
	for (size_t i = 0; i < radios; i++) {
		h->r[i].channels &= draw(x, 256) | draw(x, 256);
		h->r[i].switch_us = (uint32_t)draw(x, 500000);
		h->r[i].arrived_us = NOW_US - draw(x, 400000);
	}
}

/* true: the radio moves. `attended` counts moves for a deadline. */
static bool a_good_decision(const struct hand_made *h, size_t policy, size_t radio, size_t channels, unsigned *attended)
{
	struct schedule_decision d = policies[policy]->decide(&h->v, radio);
	size_t here = SCHEDULE_NONE;

	for (size_t k = 0; k < channels; k++)
		if (h->c[k].owner == radio)
			here = k;
	assert_true(d.reason && *d.reason);
	assert_true(d.look_again_us > NOW_US); /* or the loop would turn on the spot */
	if (d.go == SCHEDULE_NONE)
		return false;
	assert_true(d.go < channels && d.go != here);
	assert_true(h->r[radio].usable);
	assert_true(h->r[radio].channels & 1ull << d.go);
	assert_true(h->c[d.go].owner == SCHEDULE_NONE);
	assert_false(here != SCHEDULE_NONE && h->c[here].unsafe);
	assert_false(here != SCHEDULE_NONE && h->c[here].exclusive);
	if (strcmp(d.reason, "attend") == 0) {
		*attended += 1;
		assert_true(h->c[d.go].attend_by_us > 0 || h->c[d.go].exclusive);
	} else if (policy == 0 && here != SCHEDULE_NONE) {
		assert_true(h->c[here].ready == 0 && h->c[here].window_end_us <= NOW_US);
	}
	return true;
}

static void no_decision_breaks_what_every_schedule_has_to_keep(void **state)
{
	uint64_t x = 0x5eed0021;
	unsigned moves = 0, attended = 0;

	(void)state;
	for (unsigned run = 0; run < 20000; run++) {
		struct hand_made h;
		size_t radios = 1 + draw(&x, 5), channels = 1 + draw(&x, 8);

		any_view(&x, &h, radios, channels);
		for (size_t p = 0; p < 2; p++)
			for (size_t i = 0; i < radios; i++)
				if (h.r[i].usable || p == 0) /* of round-robin a lost one is not asked */
					moves += a_good_decision(&h, p, i, channels, &attended);
		for (size_t home = 0; home < channels; home++) {
			size_t to = schedule_pex.place(&h.v, home);

			assert_true(to == home || (to < channels && h.v.steer && h.c[to].owner != SCHEDULE_NONE));
		}
	}
	assert_true(moves > 5000 && attended > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_are_found_by_name),
		cmocka_unit_test(with_as_many_radios_as_channels_nobody_moves),
		cmocka_unit_test(a_spare_radio_stands_by_and_takes_the_place_of_a_lost_one),
		cmocka_unit_test(at_the_start_each_radio_takes_a_channel_of_its_own),
		cmocka_unit_test(with_too_few_radios_and_steering_one_scouts_and_the_others_stay),
		cmocka_unit_test(one_radio_alone_does_not_call_over),
		cmocka_unit_test(a_channel_whose_radio_went_away_is_adopted),
		cmocka_unit_test(nobody_leaves_an_open_handshake_or_a_window),
		cmocka_unit_test(nobody_leaves_ready_work_or_an_answer_due_soon),
		cmocka_unit_test(the_channel_with_the_most_to_gain_is_next),
		cmocka_unit_test(an_answer_that_will_be_there_on_arrival_counts_as_work),
		cmocka_unit_test(callers_are_spread_over_the_radios_that_stay),
		cmocka_unit_test(callers_stay_at_home_where_steering_gains_nothing),
		cmocka_unit_test(round_robin_walks_its_own_share_in_turn),
		cmocka_unit_test(round_robin_stays_its_time_and_lets_a_handshake_end),
		cmocka_unit_test(round_robin_shares_the_channels_of_a_lost_radio),
		cmocka_unit_test(a_channel_that_must_be_attended_gets_a_radio_just_in_time),
		cmocka_unit_test(no_deadline_is_said_in_two_ways),
		cmocka_unit_test(a_deadline_waits_for_an_open_handshake_and_no_longer),
		cmocka_unit_test(who_has_the_least_to_lose_is_sent),
		cmocka_unit_test(of_two_deadlines_the_earlier_is_first_and_each_has_a_radio),
		cmocka_unit_test(radios_that_are_pinned_keep_deadlines_too),
		cmocka_unit_test(who_could_not_go_elsewhere_first_goes_at_once),
		cmocka_unit_test(a_radio_that_could_not_be_back_in_time_stays),
		cmocka_unit_test(nobody_leaves_an_exclusive_step),
		cmocka_unit_test(an_exclusive_step_that_lost_its_radio_gets_another_at_once),
		cmocka_unit_test(one_exclusive_step_at_a_time_and_only_where_a_radio_is),
		cmocka_unit_test(an_exclusive_step_waits_for_deadlines_that_only_its_radio_could_keep),
		cmocka_unit_test(work_that_serves_many_weighs_so_many_times),
		cmocka_unit_test(no_decision_breaks_what_every_schedule_has_to_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
