/*
 * Foreign devices that are enrolled by Wi-Fi Simple Configuration: whole lots on the simulated air, by PIN and by push button,
 * many at the same time on one radio; those that refuse, stall or vanish at each message; who is not on the list.
 */
#include "tests/line/station.h"

#define PIN "{method: wps-pin, weak-ok: true, ssid: \"hall\", security: wpa2}"
#define PBC "{method: wps-pbc, weak-ok: true, ssid: \"hall\", security: wpa2}"
#define FOREIGN .recipe = "credentials, verify"

static void verifies(struct hall *hall, const struct run *run)
{
	struct verify verify = { .found = hall_found, .noted = hall_noted, .signature = hall_signature, .ctx = hall };
	char error[512];
	sqlite3 *db;

	if (reader_open(&db, run->db, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	assert_int_equal(verify_record(db, &verify, error, sizeof(error)), 0);
	assert_int_equal(verify.findings, 0);
	sqlite3_close(db);
}

static void lot(struct hall *hall, struct run *run, const struct shape *shape, uint64_t seed)
{
	hall_job(hall, run, shape, seed);
	hall_run(hall, run);
}

static void every_device_is_enrolled_by_its_pin(void **state)
{
	struct run run;

	lot(*state, &run, &(struct shape){ .devices = 16, .credentials = PIN, FOREIGN, .channels = "6" },
		   hall_seed(1));
	assert_int_equal(run.result.summary.passed, 16);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM unit WHERE state = 'passed' AND agentless = 1"), 16);
	assert_int_equal(hall_ask(&run, "SELECT count(DISTINCT unit) FROM v_networks WHERE observed <> 'no'"), 16);
	assert_int_equal(hall_ask(&run, "SELECT count(*) FROM v_deliveries WHERE method = 'wps-pin' AND "
					"json_extract(evidence, '$.proved') = 'pin'"),
			 16);
	verifies(*state, &run);
	hall_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_device_is_enrolled_by_its_pin),
	};

	return cmocka_run_group_tests_name("wps", tests, hall_open, hall_close);
}
