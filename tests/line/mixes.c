/*
 * Nothing fails: every device of every mix of radios and channels leaves with its identity, from several seeds.
 */
#include "tests/line/hall.h"

static void everybody_passes(struct hall *hall, const struct shape *shape, uint64_t first_seed, unsigned seeds)
{
	uint64_t seed = hall_seed(first_seed);

	for (unsigned i = 0; i < seeds; i++) {
		struct run run;

		hall_job(hall, &run, shape, seed + i);
		hall_run(hall, &run);
		hall_all_passed(hall, &run, shape->devices);
		assert_int_equal(run.result.summary.retries, 0);
		assert_true(run.result.summary.makespan_us >= run.result.summary.bound.bound_us);
		hall_done(&run);
	}
}

static void one_radio_serves_one_channel(void **state)
{
	everybody_passes(*state, &(struct shape){ .devices = 30 }, 100, 4);
}

static void one_radio_goes_round_three_channels_without_steering(void **state)
{
	everybody_passes(*state, &(struct shape){ .devices = 30, .channels = "1, 6, 11", .no_steer = true }, 200, 4);
}

static void one_slow_radio_goes_round_three_channels_without_steering(void **state)
{
	everybody_passes(
		*state,
		&(struct shape){ .devices = 20, .channels = "1, 6, 11", .no_steer = true, .profile = "mt7612u" }, 250,
		3);
}

static void four_radios_serve_six_channels(void **state)
{
	everybody_passes(
		*state,
		&(struct shape){
			.devices = 60, .radios = 4, .channels = "1, 6, 11, 36, 44, 149", .profile = "mt7612u" },
		300, 4);
}

static void more_radios_than_channels_do_not_disturb_each_other(void **state)
{
	everybody_passes(*state, &(struct shape){ .devices = 30, .radios = 4, .channels = "1, 11" }, 400, 4);
}

static void devices_that_come_one_by_one_are_all_served(void **state)
{
	everybody_passes(*state,
			 &(struct shape){ .devices = 25, .radios = 2, .channels = "1, 6, 11", .arrival = "300ms" }, 500,
			 3);
}

static void lossy_air_costs_time_and_no_device(void **state)
{
	struct hall *hall = *state;
	uint64_t seed = hall_seed(600);

	for (unsigned i = 0; i < 4; i++) {
		struct run run;

		hall_job(hall, &run, &(struct shape){ .devices = 30, .radios = 2, .channels = "1, 6", .loss = "20%" },
			 seed + i);
		hall_run(hall, &run);
		hall_all_passed(hall, &run, 30);
		hall_done(&run);
	}
}

static void one_device_alone_passes(void **state) { everybody_passes(*state, &(struct shape){ .devices = 1 }, 700, 6); }

static void a_recipe_may_leave_steps_out(void **state)
{
	struct hall *hall = *state;
	struct run run;

	hall_job(hall, &run, &(struct shape){ .devices = 5, .recipe = "identify, identity, credentials, seal" },
		 hall_seed(800));
	hall_run(hall, &run);
	hall_all_passed(hall, &run, 5);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM step WHERE name IN ('selftest', 'verify')"), 0);
	hall_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_radio_serves_one_channel),
		cmocka_unit_test(one_radio_goes_round_three_channels_without_steering),
		cmocka_unit_test(one_slow_radio_goes_round_three_channels_without_steering),
		cmocka_unit_test(four_radios_serve_six_channels),
		cmocka_unit_test(more_radios_than_channels_do_not_disturb_each_other),
		cmocka_unit_test(devices_that_come_one_by_one_are_all_served),
		cmocka_unit_test(lossy_air_costs_time_and_no_device),
		cmocka_unit_test(one_device_alone_passes),
		cmocka_unit_test(a_recipe_may_leave_steps_out),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
