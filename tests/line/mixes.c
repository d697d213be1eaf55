/*
 * Nothing fails: every device of every mix of radios and channels leaves with its identity, from several seeds.
 * Anything fails: in a lot of any faults at once, whoever has none of his own is served.
 */
#include "station/job/keys.h"
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

/* --- any faults at once --- */

enum {
	BY_DIRECT = 1,
	BY_WPA2 = 2,
	BY_PIN = 4,
	BY_TLS = 8,
	BY_AP = BY_WPA2 | BY_PIN | BY_TLS,
	BY_ANY = BY_DIRECT | BY_AP
};

static const struct {
	unsigned by;
	const char *credentials;
} ways[] = {
	{ BY_DIRECT, NULL },
	{ BY_WPA2, "{method: micro-ap, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\"}}" },
	{ BY_PIN, "{method: pin, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\"}}" },
	{ BY_TLS, "{method: https, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\", certificate: "
		  "pinned}}" },
};

/* Each kind of fault that a job can have: what else its line says, where it can be, how many devices it may cost. */
static const struct kind {
	const char *name, *more;
	unsigned by, spoils;
} kinds[] = {
	{ "selftest", "", BY_ANY, 1 },
	{ "storage", ", operation: credentials", BY_ANY, 1 },
	{ "vanish", ", operation: identity", BY_ANY, 1 },
	{ "power-cut", ", operation: commit, off: 500ms", BY_ANY, 1 },
	{ "wrong-batch-key", "", BY_ANY, 1 },
	{ "weak-signal", "", BY_ANY, 1 },
	{ "wrong-product", "", BY_ANY, 1 },
	{ "clone", "", BY_ANY, 2 },
	{ "wrong-secret", "", BY_AP, 1 },
	{ "ap-deauth", ", operation: credentials", BY_AP, 1 },
	{ "no-join", "", BY_AP, 1 },
	{ "busy", "", BY_AP, 1 },
	{ "hangs-up", "", BY_AP, 1 },
	{ "trickles", "", BY_AP, 1 },
	{ "forged", "", BY_PIN, 1 },
	{ "many-rounds", "", BY_PIN, 1 },
	{ "other-gateway", "", BY_AP, 0 },
	{ "dhcp-terse", "", BY_AP, 0 },
	{ "dhcp-overload", "", BY_AP, 0 },
	{ "dhcp-slow", "", BY_AP, 1 },
	{ "blank-line", "", BY_WPA2 | BY_PIN, 0 },
	{ "old-firmware", "", BY_WPA2, 1 },
	{ "zero-id", "", BY_ANY, 1 },
	{ "same-address", "", BY_ANY, 2 },
	{ "hidden", "", BY_AP, 0 },
	{ "channel-switch", ", operation: identity", BY_AP, 0 },
	{ "nearer", ", after: 1s", BY_ANY, 0 },
	{ "no-reading", "", BY_ANY, 0 },
	{ "other-security", ", after: 1s", BY_AP, 0 },
	{ "radio-lost", ", after: 1s, off: 1s", BY_ANY, 0 },
	{ "garbage", ", count: 20, after: 300ms", BY_ANY, 0 },
	{ "rogue-station", ", count: 5, after: 200ms", BY_ANY, 0 },
	{ "replay", ", count: 20, after: 500ms", BY_ANY, 0 },
	{ "fake-ap", ", count: 2", BY_AP, 0 },
	{ "forged-deauth", ", count: 5, after: 1s", BY_AP, 0 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void every_fault_of_the_table_is_among_those_that_are_mixed(void **state)
{
	const struct key *key = job_key("simulation.faults[].kind", NODE_SCALAR);
	size_t count = 0;

	(void)state;
	assert_non_null(key);
	for (const char *word; (word = key->words(count)); count++) {
		size_t i = 0;

		while (i < KINDS && strcmp(kinds[i].name, word) != 0)
			i++;
		if (i == KINDS)
			fail_msg("%s is never drawn", word);
	}
	assert_int_equal(count, KINDS);
}

/* The kinds in an order of the seed's: each is drawn before one is drawn again. */
struct deck {
	struct entropy *entropy;
	size_t order[KINDS], left;
	unsigned drawn[KINDS];
};

static void shuffle(struct deck *deck)
{
	for (size_t i = 0; i < KINDS; i++) {
		size_t at = (size_t)entropy_below(deck->entropy, i + 1);

		deck->order[i] = deck->order[at];
		deck->order[at] = i;
	}
	deck->left = KINDS;
}

/* The next that can be where `by` is. */
static const struct kind *draw(struct deck *deck, unsigned by)
{
	for (;;) {
		for (size_t at = deck->left; at-- > 0;) {
			size_t i = deck->order[at];

			if (!(kinds[i].by & by))
				continue;
			deck->left--;
			memmove(&deck->order[at], &deck->order[at + 1], (deck->left - at) * sizeof(deck->order[0]));
			deck->drawn[i]++;
			return &kinds[i];
		}
		shuffle(deck);
	}
}

#define LOTS 24
#define FAULTS 5 /* in a lot of twelve */

static void one_mixture(struct hall *hall, struct deck *deck, size_t way, uint64_t seed)
{
	unsigned spoilt = 0, odd = (unsigned)entropy_below(deck->entropy, 40);
	char faults[FAULTS * 80] = "", loss[16], simulation[60] = "";
	struct run run;

	snprintf(loss, sizeof(loss), "%u%%", (unsigned)entropy_below(deck->entropy, 11));
	if (ways[way].credentials)
		snprintf(simulation, sizeof(simulation), "  odd_networks: %u%%\n", odd);
	for (unsigned k = 0; k < FAULTS; k++) {
		const struct kind *kind = draw(deck, ways[way].by);

		spoilt += kind->spoils;
		snprintf(faults + strlen(faults), sizeof(faults) - strlen(faults), "    - {kind: %s%s}\n", kind->name,
			 kind->more);
	}
	hall_job(hall, &run,
		 &(struct shape){ .devices = 12,
				  .radios = 2,
				  .channels = entropy_below(deck->entropy, 2) ? "1, 6" : "6",
				  .credentials = ways[way].credentials,
				  .attempts = "6",
				  .arrival = entropy_below(deck->entropy, 2) ? "200ms" : NULL,
				  .loss = loss,
				  .simulation = simulation,
				  .faults = faults },
		 seed);
	hall_run(hall, &run);
	hall_check(hall, &run);
	if (run.result.summary.passed + spoilt < 12)
		fail_msg("seed %llu, %s, loss %s, odd networks %u %%:\n%s%u passed, %u may not have",
			 (unsigned long long)seed, ways[way].credentials ? ways[way].credentials : "direct", loss, odd,
			 faults, run.result.summary.passed, spoilt);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state <> 'passed' AND cause_name IS NULL"), 0);
	hall_done(&run);
}

static void any_mixture_of_faults_costs_no_whole_device(void **state)
{
	uint64_t seed = hall_seed(900);
	struct deck deck = { .entropy = entropy_create_seeded(seed, "any faults") };

	assert_non_null(deck.entropy);
	for (unsigned i = 0; i < LOTS; i++)
		one_mixture(*state, &deck, i % (sizeof(ways) / sizeof(ways[0])), seed + i);
	for (size_t i = 0; i < KINDS; i++)
		if (deck.drawn[i] == 0)
			fail_msg("%s was not drawn", kinds[i].name);
	entropy_destroy(deck.entropy);
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
		cmocka_unit_test(every_fault_of_the_table_is_among_those_that_are_mixed),
		cmocka_unit_test(any_mixture_of_faults_costs_no_whole_device),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
