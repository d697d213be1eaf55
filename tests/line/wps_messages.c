/*
 * Wi-Fi Simple Configuration, message by message, in both roles: devices that stall, vanish or refuse at each message
 * that they receive, a station that is killed at each; old devices; access points that are locked, and say so or do
 * not.
 */
#include "tests/line/hall.h"

#include <signal.h>
#include <sys/stat.h>

#include "agent/wire/wsc.h"
#include "station/roster/roster.h"
#include "station/world/enrollee.h"
#include "station/world/setup_ap.h"

#define CROWD_MAX 16u
#define PIN "12345670"

static const uint16_t channel_6 = 2437;
static const uint8_t received[] = { MR_WSC_M2, MR_WSC_M4, MR_WSC_M6, MR_WSC_M8 };

/* Devices that the test places, beside the first one, which the world does. */
struct crowd {
	bool outside;
	struct enrollee_config configs[CROWD_MAX];
	size_t count;
	unsigned failures; /* wrong PINs that the access points have seen before */
	bool silently;
	struct enrollee *enrollees[CROWD_MAX];
	struct setup_ap *aps[CROWD_MAX];
};

static void address(size_t i, uint8_t mac[static 6])
{
	const uint8_t of[6] = { 0x02, 0x57, 0, 0, 0, (uint8_t)(i + 1) };

	memcpy(mac, of, 6);
}

static struct enrollee_config *add(struct crowd *crowd, enum enrollee_fault fault, uint8_t at_message)
{
	struct enrollee_config *c = &crowd->configs[crowd->count];

	assert_true(crowd->count < CROWD_MAX);
	*c = (struct enrollee_config){ .pin = PIN,
				       .serial = "",
				       .fault = fault,
				       .at_message = at_message,
				       .channels = &channel_6,
				       .channel_count = 1,
				       .x_m = 3 + (double)crowd->count,
				       .y_m = 5,
				       .tx_dbm = 15,
				       .seed = 100 + crowd->count };
	address(crowd->count++, c->mac);
	return c;
}

static void populate(void *ctx, struct air *air)
{
	struct crowd *crowd = ctx;

	for (size_t i = 0; i < crowd->count; i++)
		if (crowd->outside) {
			crowd->aps[i] = setup_ap_create(air, &crowd->configs[i]);
			assert_non_null(crowd->aps[i]);
			if (crowd->failures)
				setup_ap_lock(crowd->aps[i], crowd->failures);
			if (crowd->silently)
				setup_ap_lock_silently(crowd->aps[i]);
		} else {
			crowd->enrollees[i] = enrollee_create(air, &crowd->configs[i]);
			assert_non_null(crowd->enrollees[i]);
		}
}

static void depopulate(void *ctx)
{
	struct crowd *crowd = ctx;

	for (size_t i = 0; i < crowd->count; i++) {
		enrollee_destroy(crowd->enrollees[i]);
		setup_ap_destroy(crowd->aps[i]);
		crowd->enrollees[i] = NULL;
		crowd->aps[i] = NULL;
	}
}

/* The world's one device, and the crowd. */
static void write_labels(const struct hall *hall, const struct crowd *crowd, uint64_t seed)
{
	struct roster *world = roster_simulated("AC-100", seed, 1);
	const struct roster_row *row;
	char path[112];
	FILE *f;

	assert_non_null(world);
	row = roster_row(world, 0);
	snprintf(path, sizeof(path), "%s/crowd.csv", hall->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fprintf(f, "mac,pin\n%02x:%02x:%02x:%02x:%02x:%02x,%s\n", row->mac[0], row->mac[1], row->mac[2], row->mac[3],
		row->mac[4], row->mac[5], row->pin);
	for (size_t i = 0; i < crowd->count; i++)
		fprintf(f, "02:57:00:00:00:%02zx,%s\n", i + 1, PIN);
	assert_int_equal(fclose(f), 0);
	roster_destroy(world);
}

static void prepare(struct hall *hall, struct run *run, struct crowd *crowd, uint64_t seed)
{
	char credentials[240];

	snprintf(credentials, sizeof(credentials),
		 "{method: wps-pin, weak-ok: true, ssid: \"hall\", security: wpa2, "
		 "wps: {role: %s, labels: \"crowd.csv\"}}",
		 crowd->outside ? "external-registrar" : "registrar");
	write_labels(hall, crowd, seed);
	hall_job(hall, run,
		 &(struct shape){ .devices = 1,
				  .quantity = 1 + (unsigned)crowd->count,
				  .credentials = credentials,
				  .recipe = "credentials, verify",
				  .admission = ", quiet: 150s",
				  .attempts = "2" },
		 seed);
}

static void go(struct hall *hall, struct run *run, struct crowd *crowd)
{
	struct batch_options o = hall_options(hall, run);

	o.ctx = crowd;
	o.populate = populate;
	o.depopulate = depopulate;
	if (batch_run(&o, &run->result, run->error, sizeof(run->error)) != 0)
		fail_msg("%s", run->error);
}

/* One of the crowd, by a condition on its unit `u`. */
static void became(const struct run *run, size_t i, const char *state, unsigned attempts)
{
	char sql[240];

	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM unit AS u WHERE lower(hex(mac)) = '0257000000%02zx' AND state = '%s' AND "
		 "(SELECT count(*) FROM attempt AS a WHERE a.unit = u.unit) = %u",
		 i + 1, state, attempts);
	if (hall_ask(run, sql) != 1)
		fail_msg("device %zu is not %s after %u attempts", i, state, attempts);
}

static void at_each_message(struct hall *hall, bool outside, enum enrollee_fault fault, uint64_t seed)
{
	/* Half 1 is shown by M4, and may be twice; half 2 by M6, once. */
	static const struct {
		const char *state;
		unsigned attempts;
	} stays[] = { { "failed", 2 }, { "quarantined", 2 }, { "quarantined", 1 }, { "failed", 2 } },
	  comes[] = { { "passed", 2 }, { "passed", 2 }, { "quarantined", 1 }, { "passed", 2 } };
	struct crowd crowd = { .outside = outside };
	struct run run;

	for (size_t i = 0; i < sizeof(received); i++)
		add(&crowd, fault, received[i])->once = fault == ENROLLEE_VANISHES;
	prepare(hall, &run, &crowd, seed);
	go(hall, &run, &crowd);
	for (size_t i = 0; i < sizeof(received); i++)
		if (fault == ENROLLEE_VANISHES)
			became(&run, i, comes[i].state, comes[i].attempts);
		else
			became(&run, i, stays[i].state, stays[i].attempts);
	assert_int_equal(run.result.summary.passed, fault == ENROLLEE_VANISHES ? 4 : 1);
	assert_int_equal(hall_count(&run, "quarantined", "pin-exposed"), fault == ENROLLEE_VANISHES ? 1 : 2);
	hall_verify(hall, &run);
	hall_done(&run);
}

static void who_refuses_at_a_message_costs_what_it_has_seen(void **state)
{
	for (unsigned outside = 0; outside < 2; outside++)
		at_each_message(*state, outside, ENROLLEE_REFUSES, hall_seed(20));
}

static void who_stalls_at_a_message_costs_what_it_has_seen(void **state)
{
	for (unsigned outside = 0; outside < 2; outside++)
		at_each_message(*state, outside, ENROLLEE_STALLS, hall_seed(21));
}

static void who_vanishes_at_a_message_and_is_back_is_served(void **state)
{
	for (unsigned outside = 0; outside < 2; outside++)
		at_each_message(*state, outside, ENROLLEE_VANISHES, hall_seed(22));
}

/* --- the station dies --- */

static void dies(void *ctx, uint8_t type)
{
	if (type == *(const uint8_t *)ctx)
		kill(getpid(), SIGKILL);
}

/* A child runs the batch until a device of the crowd has received that message. */
static void run_until(struct hall *hall, struct run *run, struct crowd *crowd, uint8_t type)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		crowd->configs[crowd->count - 1].told = dies;
		crowd->configs[crowd->count - 1].ctx = &type;
		go(hall, run, crowd);
		_exit(8);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void a_station_killed_at_any_message_enrolls_the_rest(void **state)
{
	struct hall *hall = *state;

	for (unsigned outside = 0; outside < 2; outside++)
		for (size_t i = 0; i < sizeof(received); i++) {
			struct crowd crowd = { .outside = outside };
			struct run run;
			int64_t passed;

			for (unsigned n = 0; n < 4; n++)
				/* The last one comes late: some have passed when the station dies. */
				add(&crowd, ENROLLEE_FINE, 0)->power_on_us = n == 3 ? 4000000 : 0;
			prepare(hall, &run, &crowd, hall_seed(23 + i));
			run_until(hall, &run, &crowd, received[i]);
			passed = hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed'");
			assert_true(passed > 0 && passed < 5);
			go(hall, &run, &crowd);
			assert_int_equal(run.result.summary.passed, 5);
			/* Nobody that had passed was told anything again, and each was committed once. */
			assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt WHERE outcome = 'pass'"), 5);
			assert_int_equal(
				hall_ask(&run, "SELECT count(*) FROM attempt AS a JOIN attempt AS b USING (unit) WHERE "
					       "a.outcome = 'pass' AND b.n > a.n"),
				0);
			hall_verify(hall, &run);
			hall_done(&run);
		}
}

/* --- devices as they are --- */

static void devices_of_before_version_2_are_served(void **state)
{
	struct crowd crowd = { .outside = false };
	struct run run;

	for (unsigned n = 0; n < 4; n++)
		add(&crowd, ENROLLEE_FINE, 0)->old = n % 2;
	prepare(*state, &run, &crowd, hall_seed(30));
	go(*state, &run, &crowd);
	assert_int_equal(run.result.summary.passed, 5);
	for (size_t i = 0; i < 4; i++)
		became(&run, i, "passed", 1);
	hall_verify(*state, &run);
	hall_done(&run);
}

static void an_access_point_that_says_it_is_locked_is_waited_for(void **state)
{
	struct crowd crowd = { .outside = true, .failures = 3 };
	struct run run;

	add(&crowd, ENROLLEE_FINE, 0);
	prepare(*state, &run, &crowd, hall_seed(31));
	go(*state, &run, &crowd);
	assert_int_equal(run.result.summary.passed, 2);
	became(&run, 0, "passed", 1);
	assert_true(hall_ask(&run, "SELECT count(*) FROM sighting WHERE verdict = 'setup-locked'") >= 1);
	assert_true(run.result.summary.makespan_us > 60 * UINT64_C(1000000));
	hall_verify(*state, &run);
	hall_done(&run);
}

static void an_access_point_locked_for_good_is_never_asked(void **state)
{
	struct crowd crowd = { .outside = true, .failures = 10 };
	struct run run;

	add(&crowd, ENROLLEE_FINE, 0);
	prepare(*state, &run, &crowd, hall_seed(32));
	go(*state, &run, &crowd);
	assert_int_equal(run.result.summary.passed, 1);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM attempt"), 1);
	hall_verify(*state, &run);
	hall_done(&run);
}

/* Nobody signs the NACK that says so: it costs attempts, and no verdict about the device. */
static void a_lock_that_only_a_nack_tells_is_of_the_air(void **state)
{
	struct crowd crowd = { .outside = true, .silently = true };
	struct run run;

	add(&crowd, ENROLLEE_FINE, 0);
	prepare(*state, &run, &crowd, hall_seed(33));
	go(*state, &run, &crowd);
	assert_int_equal(run.result.summary.passed, 1);
	assert_int_equal(hall_count(&run, "failed", "wps-locked"), 1);
	became(&run, 0, "failed", 2);
	hall_verify(*state, &run);
	hall_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_refuses_at_a_message_costs_what_it_has_seen),
		cmocka_unit_test(who_stalls_at_a_message_costs_what_it_has_seen),
		cmocka_unit_test(who_vanishes_at_a_message_and_is_back_is_served),
		cmocka_unit_test(a_station_killed_at_any_message_enrolls_the_rest),
		cmocka_unit_test(devices_of_before_version_2_are_served),
		cmocka_unit_test(an_access_point_that_says_it_is_locked_is_waited_for),
		cmocka_unit_test(an_access_point_locked_for_good_is_never_asked),
		cmocka_unit_test(a_lock_that_only_a_nack_tells_is_of_the_air),
	};

	return cmocka_run_group_tests_name("wps messages", tests, hall_open, hall_close);
}
