/*
 * What the dashboard makes of the station's lines: the protocol of docs/control.md, and everything that is not it.
 *
 * links: station/dashboard/mirror.c station/dashboard/atoms.c station/dashboard/text.c station/base/map.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/dashboard/atoms.h"
#include "station/dashboard/mirror.h"

#define HELLO                                                                                                          \
	"{\"millrace\":1,\"type\":\"hello\",\"software\":\"millrace "                                                  \
	"0.1.0\",\"station\":\"line3\",\"role\":\"operator\","                                                         \
	"\"actor\":\"ana\",\"simulated\":true,\"serves\":false,\"rate_max\":60}"

static int setup(void **state)
{
	*state = mirror_create();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	mirror_destroy(*state);
	return 0;
}

static enum mirror_took take(struct mirror *m, const char *line)
{
	json_t *o = json_loads(line, JSON_DECODE_ANY, NULL);
	enum mirror_took took;

	assert_non_null(o);
	took = mirror_take(m, o);
	json_decref(o);
	return took;
}

static void hello_says_who_is_who(void **state)
{
	struct mirror *m = *state;

	assert_int_equal(take(m, HELLO), MIRROR_HELLO);
	assert_string_equal(m->station, "line3");
	assert_string_equal(m->actor, "ana");
	assert_int_equal(m->role, ROLE_OPERATOR);
	assert_true(mirror_simulated(m));
	mirror_disconnected(m);
	assert_int_equal(m->role, ROLE_OBSERVER);
	assert_false(m->greeted);
	assert_true(mirror_simulated(m)); /* what is shown was simulated all the same */
}

static void what_is_not_the_protocol_is_strange(void **state)
{
	struct mirror *m = *state;

	assert_int_equal(take(m, "[]"), MIRROR_STRANGE);
	assert_int_equal(take(m, "1"), MIRROR_STRANGE);
	assert_int_equal(take(m, "{}"), MIRROR_STRANGE);
	assert_int_equal(take(m, "{\"type\":\"hello\"}"), MIRROR_STRANGE);
	assert_int_equal(take(m, "{\"millrace\":\"1\",\"type\":\"hello\"}"), MIRROR_STRANGE);
	assert_int_equal(take(m, "{\"millrace\":2,\"type\":\"hello\"}"), MIRROR_VERSION);
	/* A state before anybody has said hello. */
	assert_int_equal(take(m, "{\"millrace\":1,\"type\":\"state\",\"full\":true,\"more\":false}"), MIRROR_STRANGE);
	assert_int_equal(take(m, HELLO), MIRROR_HELLO);
	assert_int_equal(take(m, "{\"millrace\":1,\"type\":\"weather\"}"), MIRROR_IGNORED);
	assert_int_equal(take(m, "{\"millrace\":1,\"type\":7}"), MIRROR_IGNORED);
	assert_int_equal(take(m, "{\"millrace\":1,\"type\":\"bye\",\"reason\":\"ended\"}"), MIRROR_BYE);
}

static void a_whole_state_comes_in_parts(void **state)
{
	struct mirror *m = *state;

	take(m, HELLO);
	assert_int_equal(
		take(m,
		     "{\"millrace\":1,\"type\":\"state\",\"seq\":1,\"full\":true,\"more\":true,\"now_us\":5,\"units\":"
		     "[{\"unit\":1,\"state\":\"active\",\"step\":\"identity\"}]}"),
		MIRROR_PART);
	assert_false(m->complete);
	assert_int_equal(
		take(m,
		     "{\"millrace\":1,\"type\":\"state\",\"seq\":2,\"full\":true,\"more\":false,\"now_us\":6,\"units\":"
		     "[{\"unit\":2,\"state\":\"passed\"}]}"),
		MIRROR_STATE);
	assert_true(m->complete);
	assert_int_equal(m->unit_count, 2);
	assert_int_equal(mirror_unit(m, 1)->state, UNIT_IS_ACTIVE);
	/* A row takes the place of its row, whole. */
	assert_int_equal(take(m, "{\"millrace\":1,\"type\":\"state\",\"seq\":3,\"full\":false,\"more\":false,\"now_"
				 "us\":7,\"units\":"
				 "[{\"unit\":1,\"state\":\"failed\",\"cause\":\"no-answer\"}]}"),
			 MIRROR_STATE);
	assert_int_equal(m->unit_count, 2);
	assert_string_equal(mirror_unit(m, 1)->cause, "no-answer");
	assert_string_equal(mirror_unit(m, 1)->step, "");
	/* A new run throws everything away. */
	take(m, "{\"millrace\":1,\"type\":\"state\",\"seq\":4,\"full\":true,\"more\":false,\"now_us\":1,\"units\":[{"
		"\"unit\":9}]}");
	assert_int_equal(m->unit_count, 1);
	assert_null(mirror_unit(m, 1));
	assert_non_null(mirror_unit(m, 9));
	/* And another one right after it, too. */
	take(m, "{\"millrace\":1,\"type\":\"state\",\"seq\":5,\"full\":true,\"more\":false,\"now_us\":1}");
	assert_int_equal(m->unit_count, 0);
}

static void the_header_is_read_as_documented(void **state)
{
	struct mirror *m = *state;

	take(m, HELLO);
	take(m, "{\"millrace\":1,\"type\":\"state\",\"full\":true,\"more\":false,\"now_us\":2000000,\"header\":{"
		"\"run\":{\"state\":\"paused\","
		"\"since_us\":1000000,\"by\":\"ana\",\"reason\":\"break\",\"sentence\":\"\"},\"simulated\":false,"
		"\"pace\":1,\"lot\":\"2611-A07\","
		"\"quantity\":480,\"counts\":{\"seen\":312,\"passed\":310,\"quarantined\":2},\"fpy\":0.968,\"final\":"
		"null,\"takt_us\":9000000,"
		"\"cadence_us\":null,\"eta_us\":60000000,\"utc_us\":1700000000000000,\"health\":{\"clock\":{\"state\":"
		"\"bad\",\"text\":\"not set\"}}}}");
	assert_int_equal(m->header.run, RUN_PAUSED);
	assert_string_equal(m->header.run_by, "ana");
	assert_int_equal(m->header.counts[COUNT_ASIDE], 2);
	assert_true(m->header.fpy > 0.967 && m->header.fpy < 0.969);
	assert_true(m->header.final < 0);
	assert_true(m->header.cadence_us == MIRROR_UNKNOWN);
	assert_int_equal(m->header.health[HEALTH_CLOCK].state, HEALTH_BAD);
	assert_int_equal(m->header.health[HEALTH_CA].state, HEALTH_OK);
	assert_false(mirror_simulated(m)); /* the run's own word goes first */
	/* The clock goes on with now_us. */
	take(m, "{\"millrace\":1,\"type\":\"state\",\"full\":false,\"more\":false,\"now_us\":5000000}");
	assert_true(mirror_utc_us(m) == 1700000003000000);
	assert_true(mirror_span_us(m, m->header.run_since_us) == 4000000);
}

static void values_that_make_no_sense_are_unknown(void **state)
{
	struct mirror *m = *state;
	const struct unit_row *u;

	take(m, HELLO);
	take(m,
	     "{\"millrace\":1,\"type\":\"state\",\"full\":true,\"more\":false,\"now_us\":-5,\"header\":{\"run\":7,"
	     "\"counts\":[],\"fpy\":\"x\","
	     "\"quantity\":-3,\"takt_us\":9223372036854775807,\"utc_us\":9223372036854775807,\"health\":3,\"jobs\":{}},"
	     "\"units\":[{\"unit\":1,\"rssi\":-9223372036854775807,\"attempt\":99999999,\"first_us\":-1,\"since_us\":"
	     "9223372036854775807,"
	     "\"state\":5,\"serial\":17,\"mac\":null,\"step\":{},\"agentless\":\"yes\",\"not_proven\":[]},{\"unit\":"
	     "\"2\"},{\"unit\":0},{\"unit\":-4},7,null,[]"
	     "],"
	     "\"radios\":[{\"radio\":\"r\",\"strip\":[1,-1,300,\"x\",null],\"airtime\":\"much\"},1],\"channels\":"
	     "\"none\",\"pareto\":[1],"
	     "\"banners\":[{}],\"log\":[{\"text\":5}]}");
	assert_int_equal(m->now_us, 0);
	assert_int_equal(m->header.quantity, 0);
	assert_true(mirror_utc_us(m) == MIRROR_UNKNOWN);
	assert_int_equal(m->unit_count, 1);
	u = mirror_unit(m, 1);
	assert_int_equal(u->rssi, 0);
	assert_int_equal(u->attempt, 999);
	assert_true(mirror_span_us(m, u->since_us) == MIRROR_UNKNOWN);
	assert_string_equal(u->serial, "");
	assert_false(u->agentless);
	assert_string_equal(u->not_proven, "");
	assert_int_equal(m->radio_count, 1);
	assert_int_equal(m->radios[0].strip[1], 0);
	assert_int_equal(m->radios[0].strip[2], 0);
	assert_int_equal(m->channel_count, 0);
}

static void numbers_beyond_the_bounds_are_left_out(void **state)
{
	struct mirror *m = *state;
	char line[400];

	take(m, HELLO);
	take(m, "{\"millrace\":1,\"type\":\"state\",\"full\":true,\"more\":false,\"now_us\":1}");
	for (unsigned i = 0; i < 300; i++) {
		snprintf(line, sizeof(line),
			 "{\"millrace\":1,\"type\":\"state\",\"full\":false,\"more\":false,\"now_us\":1,\"radios\":"
			 "[{\"radio\":\"r%u\"}],\"channels\":[{\"channel\":%u}],\"log\":[{\"n\":%u,\"text\":\"line "
			 "%u\"},{},{},{},{}]}",
			 i, i, i, i);
		assert_int_equal(take(m, line), MIRROR_STATE);
	}
	assert_int_equal(m->radio_count, MIRROR_RADIOS_MAX);
	assert_int_equal(m->channel_count, MIRROR_CHANNELS_MAX);
	assert_int_equal(m->log_count, MIRROR_LOG_MAX);
	assert_true(m->left_out > 0);
	assert_string_equal(mirror_log(m, MIRROR_LOG_MAX - 5)->text, "line 299");
}

static void many_units_keep_their_places(void **state)
{
	struct mirror *m = *state, *frozen;
	char line[200];

	take(m, HELLO);
	for (unsigned i = 1; i <= 5000; i++) {
		snprintf(line, sizeof(line),
			 "{\"millrace\":1,\"type\":\"state\",\"full\":%s,\"more\":false,\"now_us\":1,\"units\":"
			 "[{\"unit\":%u,\"serial\":\"S%u\"}]}",
			 i == 1 ? "true" : "false", i * 7, i);
		take(m, line);
	}
	assert_int_equal(m->unit_count, 5000);
	frozen = mirror_freeze(m);
	assert_non_null(frozen);
	take(m, "{\"millrace\":1,\"type\":\"state\",\"full\":false,\"more\":false,\"now_us\":2,\"units\":[{\"unit\":"
		"700,\"serial\":\"new\"}]}");
	assert_string_equal(mirror_unit(m, 700)->serial, "new");
	assert_string_equal(mirror_unit(frozen, 700)->serial, "S100");
	assert_null(mirror_unit(frozen, 701));
	mirror_destroy(frozen);
	assert_string_equal(mirror_unit(m, 35000)->serial, "S5000");
}

static void words_are_kept_once_and_not_without_end(void **state)
{
	struct atoms *a = atoms_create();
	const char *first = atoms_get(a, "identity");
	char word[16], text[400];

	(void)state;
	assert_non_null(first);
	assert_ptr_equal(atoms_get(a, "identity"), first);
	assert_string_equal(atoms_get(a, NULL), "");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(strlen(atoms_get(a, text)), 240);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(word, sizeof(word), "w%u", i);
		assert_non_null(atoms_get(a, word));
	}
	assert_string_equal(atoms_get(a, "w9999"), "?");
	assert_ptr_equal(atoms_get(a, "identity"), first);
	assert_string_equal(atoms_get(a, "w0"), "w0");
	atoms_destroy(a);
	atoms_destroy(NULL);
}

static void a_device_comes_in_full(void **state)
{
	struct mirror *m = *state;
	json_t *o = json_loads("{\"unit\":{\"unit\":3,\"serial\":\"AC10000003\",\"state\":\"failed\"},\"timeline\":[{"
			       "\"at_us\":1,\"event\":\"seen\"},"
			       "{\"at_us\":5,\"event\":\"step\",\"step\":\"identity\",\"duration_us\":4},3],\"link\":{"
			       "\"frames_sent\":9,\"phase\":\"await\"},"
			       "\"certificate\":{\"subject\":\"CN=AC-100\",\"sha256\":\"00ff\"},\"device_id\":"
			       "\"0011223344556677\",\"home\":6,\"sealed\":true}",
			       0, NULL);

	mirror_take_device(m, json_object_get(o, "nothing"));
	assert_false(m->detail.known);
	mirror_take_device(m, o);
	assert_true(m->detail.known);
	assert_int_equal(m->detail.moments, 2);
	assert_true(m->detail.link);
	assert_int_equal(m->detail.frames_sent, 9);
	assert_string_equal(m->detail.subject, "CN=AC-100");
	assert_true(m->detail.sealed);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hello_says_who_is_who, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_the_protocol_is_strange, setup, teardown),
		cmocka_unit_test_setup_teardown(a_whole_state_comes_in_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(the_header_is_read_as_documented, setup, teardown),
		cmocka_unit_test_setup_teardown(values_that_make_no_sense_are_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_beyond_the_bounds_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(many_units_keep_their_places, setup, teardown),
		cmocka_unit_test(words_are_kept_once_and_not_without_end),
		cmocka_unit_test_setup_teardown(a_device_comes_in_full, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
