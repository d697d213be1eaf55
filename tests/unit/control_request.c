/*
 * What comes over the control socket is read strictly: every request with its keys, and what is none.
 *
 * links: station/control/request.c station/base/log.c station/yaml/words.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/control/model.h"
#include "station/control/request.h"

struct reading {
	struct request r;
	struct refusal why;
	bool good, fatal;
};

static void read_octets(struct reading *out, const char *at, size_t len)
{
	char *copy = malloc(len ? len : 1); /* of its own, so that a read behind its end is seen */

	assert_non_null(copy);
	memcpy(copy, at, len);
	out->good = request_parse(copy, len, &out->r, &out->why, &out->fatal);
	free(copy);
}

static void refused(const char *line, const char *name)
{
	struct reading got;

	read_octets(&got, line, strlen(line));
	if (got.good || strcmp(got.why.name, name) != 0)
		fail_msg("%s: %s (%s), not %s", line, got.good ? "taken" : got.why.name, got.why.sentence, name);
	assert_true(got.why.sentence[0] != '\0');
	request_free(&got.r);
}

static void taken(struct reading *got, const char *line)
{
	read_octets(got, line, strlen(line));
	if (!got->good)
		fail_msg("%s: %s", line, got->why.sentence);
}

static void what_is_no_request_is_refused_and_the_other_side_is_hung_up_on(void **state)
{
	static const char *const lines[] = { "",
					     "hello",
					     "7",
					     "[]",
					     "\"pause\"",
					     "null",
					     "{",
					     "{\"id\":1,\"do\":\"status\"",
					     "{\"id\":1,\"do\":\"status\"} x",
					     "{\"id\":1,\"id\":2,\"do\":\"status\"}",
					     "{\"id\":1,\"do\":\"st\\u0000tus\"}",
					     "{\"id\":1,\"do\":\"\xff\xfe\"}",
					     "{\"id\":1,\"do\":\"\xed\xa0\x80\"}",
					     "{\"id\":1,\"do\":\"\xc0\xaf\"}",
					     "{\"id\":01}",
					     "{\"id\":1,\"do\":'status'}",
					     "{\"id\":1e999}",
					     "GET / HTTP/1.1" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct reading got;

		read_octets(&got, lines[i], strlen(lines[i]));
		assert_false(got.good);
		if (!got.fatal)
			fail_msg("%s: not fatal", lines[i]);
		assert_string_equal(got.why.name, "not-json");
		request_free(&got.r);
	}
}

static void nesting_beyond_any_request_is_refused_before_it_is_parsed(void **state)
{
	static char line[60000];
	struct reading got;

	(void)state;
	memset(line, '[', sizeof(line));
	read_octets(&got, line, sizeof(line));
	assert_true(!got.good && got.fatal);
	request_free(&got.r);
	/* Brackets in a text are no nesting. */
	taken(&got, "{\"id\":1,\"do\":\"pause\",\"reason\":\"[[[[[[[[[[[[[[[[\\\"[[[\"}");
	assert_string_equal(got.r.reason, "[[[[[[[[[[[[[[[[\"[[[");
	request_free(&got.r);
}

static void a_line_that_is_too_long_is_refused(void **state)
{
	size_t len = REQUEST_LINE_MAX + 1;
	char *line = malloc(len);
	struct reading got;

	(void)state;
	assert_non_null(line);
	memset(line, ' ', len);
	memcpy(line, "{\"id\":1,\"do\":\"status\"}", 22);
	read_octets(&got, line, len);
	assert_true(!got.good && got.fatal);
	assert_string_equal(got.why.name, "too-long");
	request_free(&got.r);
	read_octets(&got, line, len - 1);
	assert_true(got.good);
	request_free(&got.r);
	free(line);
}

static void a_request_cut_anywhere_is_refused(void **state)
{
	static const char line[] =
		"{\"millrace\":1,\"id\":\"a\",\"do\":\"quarantine\",\"units\":[1,2],\"reason\":\"x\"}";
	struct reading got;

	(void)state;
	for (size_t len = 0; len < sizeof(line) - 1; len++) {
		read_octets(&got, line, len);
		assert_false(got.good);
		request_free(&got.r);
	}
	taken(&got, line);
	request_free(&got.r);
}

static void each_thing_wrong_has_its_name(void **state)
{
	(void)state;
	refused("{\"do\":\"status\"}", "missing-key");
	refused("{\"id\":-1,\"do\":\"status\"}", "wrong-value");
	refused("{\"id\":1.5,\"do\":\"status\"}", "wrong-value");
	refused("{\"id\":{},\"do\":\"status\"}", "wrong-value");
	refused("{\"id\":1}", "missing-key");
	refused("{\"id\":1,\"do\":7}", "missing-key");
	refused("{\"id\":1,\"do\":\"explode\"}", "unknown-request");
	refused("{\"millrace\":2,\"id\":1,\"do\":\"status\"}", "version");
	refused("{\"id\":1,\"do\":\"status\",\"colour\":1}", "unknown-key");
	refused("{\"id\":1,\"do\":\"pause\"}", "no-reason");
	refused("{\"id\":1,\"do\":\"pause\",\"reason\":\"\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"pause\",\"reason\":\"a\\nb\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"pause\",\"reason\":\"a\\u001b[2J\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"pause\",\"reason\":\"a\\u009b2J\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"pause\",\"reason\":\"a\\u202eb\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"quarantine\",\"unit\":1}", "no-reason");
	refused("{\"id\":1,\"do\":\"quarantine\",\"reason\":\"x\"}", "missing-key");
	refused("{\"id\":1,\"do\":\"quarantine\",\"unit\":0,\"reason\":\"x\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"scan\"}", "missing-key");
	refused("{\"id\":1,\"do\":\"scan\",\"text\":\"\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"scan\",\"text\":\"A\\u0001\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"scan\",\"text\":\"A\",\"strict\":1}", "wrong-value");
	refused("{\"id\":1,\"do\":\"label\",\"lot\":\"L\"}", "missing-key");
	refused("{\"id\":1,\"do\":\"labelled\",\"label\":0,\"state\":\"sent\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"labelled\",\"label\":1}", "missing-key");
	refused("{\"id\":1,\"do\":\"printer\",\"text\":\"no paper\"}", "missing-key");
	refused("{\"id\":1,\"do\":\"printer\",\"state\":\"jammed\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"printer\",\"state\":\"bad\",\"text\":\"no\\u0007paper\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"find\",\"text\":\"A\",\"strict\":true}", "unknown-key");
	refused("{\"id\":1,\"do\":\"quarantine\",\"units\":[],\"reason\":\"x\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"quarantine\",\"units\":[1,\"2\"],\"reason\":\"x\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"quarantine\",\"unit\":[1],\"reason\":\"x\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"quarantine\",\"unit\":1,\"serial\":\"A\",\"reason\":\"x\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"device\",\"mac\":\"02\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"subscribe\",\"rate\":0}", "wrong-value");
	refused("{\"id\":1,\"do\":\"subscribe\",\"rate\":61}", "wrong-value");
	refused("{\"id\":1,\"do\":\"subscribe\",\"parts\":[]}", "wrong-value");
	refused("{\"id\":1,\"do\":\"subscribe\",\"parts\":[\"header\",\"pins\"]}", "wrong-value");
	refused("{\"id\":1,\"do\":\"ack\",\"banner\":\"1\"}", "wrong-value");
	refused("{\"id\":1,\"do\":\"run\",\"job\":\"/a.yaml\",\"stay\":1}", "wrong-value");
}

static void a_word_that_is_nearly_right_is_named(void **state)
{
	struct reading got;
	static const char nearly[] = "{\"id\":1,\"do\":\"puase\",\"reason\":\"x\"}";
	static const char key[] = "{\"id\":1,\"do\":\"pause\",\"raeson\":\"x\"}";

	(void)state;
	read_octets(&got, nearly, sizeof(nearly) - 1);
	assert_non_null(strstr(got.why.remedy, "pause"));
	request_free(&got.r);
	read_octets(&got, key, sizeof(key) - 1);
	assert_non_null(strstr(got.why.remedy, "reason"));
	request_free(&got.r);
}

static void more_units_than_a_request_may_have_are_refused(void **state)
{
	size_t room = 20000, len;
	char *line = malloc(room);
	struct reading got;

	(void)state;
	assert_non_null(line);
	for (unsigned n = REQUEST_UNITS_MAX; n <= REQUEST_UNITS_MAX + 1; n++) {
		len = (size_t)snprintf(line, room, "{\"id\":1,\"do\":\"retry\",\"units\":[1");
		for (unsigned i = 1; i < n; i++)
			len += (size_t)snprintf(line + len, room - len, ",%u", i + 1);
		len += (size_t)snprintf(line + len, room - len, "]}");
		read_octets(&got, line, len);
		assert_int_equal(got.good, n == REQUEST_UNITS_MAX);
		request_free(&got.r);
	}
	free(line);
}

static void what_is_right_is_read(void **state)
{
	struct reading got;

	(void)state;
	taken(&got,
	      "{\"millrace\":1,\"id\":\"x7\",\"do\":\"quarantine\",\"units\":[3,9],\"reason\":\"Kratzer \xc3\xa4\"}\r");
	assert_int_equal(got.r.kind, REQUEST_QUARANTINE);
	assert_string_equal(json_string_value(got.r.id), "x7");
	assert_int_equal(got.r.unit_count, 2);
	assert_int_equal(got.r.units[1], 9);
	assert_string_equal(got.r.reason, "Kratzer \xc3\xa4");
	request_free(&got.r);
	taken(&got, "{\"id\":0,\"do\":\"subscribe\",\"rate\":60,\"parts\":[\"units\",\"header\"]}");
	assert_int_equal(got.r.rate, 60);
	assert_int_equal(got.r.parts, 1u << MODEL_HEADER | 1u << MODEL_UNITS);
	request_free(&got.r);
	taken(&got, "{\"id\":0,\"do\":\"badge\",\"badge\":\"\"}");
	assert_string_equal(got.r.text, "");
	request_free(&got.r);
	taken(&got, "{\"id\":0,\"do\":\"scan\",\"text\":\"WIFI:;;\",\"serial\":\"A1\",\"strict\":true}");
	assert_string_equal(got.r.text, "WIFI:;;");
	assert_string_equal(got.r.serial, "A1");
	assert_true(got.r.strict);
	assert_false(got.r.stay || got.r.secret);
	request_free(&got.r);
	taken(&got, "{\"id\":0,\"do\":\"label\",\"lot\":\"L\",\"serial\":\"A1\",\"template\":\"t\",\"kind\":\"print\","
		    "\"secret\":true,"
		    "\"digest\":\"00000000000000000000000000000000000000000000000000000000000000ff\"}");
	assert_string_equal(got.r.form, "print");
	assert_true(got.r.secret);
	assert_null(got.r.reason);
	request_free(&got.r);
	taken(&got, "{\"id\":0,\"do\":\"labelled\",\"label\":9,\"state\":\"sent\"}");
	assert_int_equal(got.r.number, 9);
	assert_string_equal(got.r.state, "sent");
	request_free(&got.r);
	taken(&got, "{\"id\":0,\"do\":\"printer\",\"state\":\"bad\",\"text\":\"no paper\"}");
	assert_string_equal(got.r.state, "bad");
	assert_string_equal(got.r.text, "no paper");
	request_free(&got.r);
	taken(&got, "{\"id\":0,\"do\":\"ack\",\"banner\":4}");
	assert_int_equal(got.r.number, 4);
	request_free(&got.r);
	taken(&got, "{\"id\":0,\"do\":\"run\",\"job\":\"/a.yaml\",\"stay\":true,\"db\":\"b.db\"}");
	assert_true(got.r.stay);
	assert_string_equal(got.r.db, "b.db");
	request_free(&got.r);
}

/* The table in docs/control.md is for people; what may do what is this one. */
static void only_a_lead_releases_and_an_observer_changes_nothing(void **state)
{
	static const enum request_kind looking[] = { REQUEST_HELLO,	REQUEST_BADGE,	     REQUEST_STATUS,
						     REQUEST_SUBSCRIBE, REQUEST_UNSUBSCRIBE, REQUEST_DEVICE,
						     REQUEST_FIND,	REQUEST_JOBS };
	unsigned mask = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(looking) / sizeof(looking[0]); i++)
		mask |= 1u << looking[i];
	for (unsigned kind = 0; kind < REQUEST_COUNT; kind++) {
		enum role want = mask >> kind & 1 ? ROLE_OBSERVER : kind == REQUEST_RELEASE ? ROLE_LEAD : ROLE_OPERATOR;

		assert_int_equal(request_role((enum request_kind)kind), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_request_is_refused_and_the_other_side_is_hung_up_on),
		cmocka_unit_test(nesting_beyond_any_request_is_refused_before_it_is_parsed),
		cmocka_unit_test(a_line_that_is_too_long_is_refused),
		cmocka_unit_test(a_request_cut_anywhere_is_refused),
		cmocka_unit_test(each_thing_wrong_has_its_name),
		cmocka_unit_test(a_word_that_is_nearly_right_is_named),
		cmocka_unit_test(more_units_than_a_request_may_have_are_refused),
		cmocka_unit_test(what_is_right_is_read),
		cmocka_unit_test(only_a_lead_releases_and_an_observer_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
