/*
 * Log lines to the octet: levels, time, and what becomes of octets from outside.
 *
 * links: station/base/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "station/base/log.h"

static uint64_t clock_us(const void *clock) { return *(const uint64_t *)clock; }

static void a_line_has_its_time_and_its_level(void **state)
{
	uint64_t now_us = 12041337;
	char *text = NULL;
	size_t len = 0;
	struct log log = { open_memstream(&text, &len), LOG_DEBUG, clock_us, &now_us };

	(void)state;
	log_write(&log, LOG_INFO, "radio%d ch%u: %s", 1, 6u, "called -> handshake");
	now_us = 3600000000u;
	log_write(&log, LOG_ERROR, "lost");
	log_write(&log, LOG_WARN, "late");
	log_write(&log, LOG_DEBUG, "seen");
	fclose(log.to);
	assert_string_equal(text, "12.041337 radio1 ch6: called -> handshake\n"
				  "3600.000000 error: lost\n"
				  "3600.000000 warn: late\n"
				  "3600.000000 seen\n");
	free(text);
}

static void what_is_below_the_level_is_not_written(void **state)
{
	static const char *const want[] = { "error: 0\n", "error: 0\nwarn: 1\n", "error: 0\nwarn: 1\n2\n",
					    "error: 0\nwarn: 1\n2\n3\n" };

	(void)state;
	for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
		char *text = NULL;
		size_t len = 0;
		struct log log = { open_memstream(&text, &len), (enum log_level)level, NULL, NULL };

		for (int l = LOG_ERROR; l <= LOG_DEBUG; l++)
			log_write(&log, (enum log_level)l, "%d", l);
		fclose(log.to);
		assert_string_equal(text, want[level]);
		free(text);
	}
}

static void no_log_means_silence(void **state)
{
	struct log nowhere = { NULL, LOG_DEBUG, NULL, NULL };

	(void)state;
	log_write(NULL, LOG_ERROR, "nobody hears");
	log_write(&nowhere, LOG_ERROR, "nobody hears");
}

static void octets_from_outside_are_escaped(void **state)
{
	static const uint8_t ssid[] = { 'a', 0, '\n', '\\', 0x1b, '[', '~', 0x7f, 0xff };
	char out[64];

	(void)state;
	assert_string_equal(log_escape(out, sizeof(out), ssid, sizeof(ssid)), "a\\x00\\x0a\\x5c\\x1b[~\\x7f\\xff");
	assert_string_equal(log_escape(out, sizeof(out), ssid, 0), "");
}

/* Whatever the room: an end, nothing past it, no half of an escape. */
static void an_escape_is_whole_or_absent(void **state)
{
	static const uint8_t bytes[] = { 'a', 0x01, 'b', 0x02, 'c' };
	static const char whole[] = "a\\x01b\\x02c";
	static const size_t fits[] = { 0, 0, 1, 1, 1, 1, 5, 6, 6, 6, 6, 10, 11 }; /* longest prefix for each room */

	(void)state;
	for (size_t cap = 0; cap < sizeof(fits) / sizeof(fits[0]); cap++) {
		char *out = malloc(cap + 1); /* exact: the sanitizer sees an octet too many */

		memset(out, '#', cap + 1);
		assert_ptr_equal(log_escape(out, cap, bytes, sizeof(bytes)), out);
		if (cap > 0) {
			assert_int_equal(strlen(out), fits[cap]);
			assert_memory_equal(out, whole, fits[cap]);
		}
		assert_int_equal(out[cap], '#');
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_its_time_and_its_level),
		cmocka_unit_test(what_is_below_the_level_is_not_written),
		cmocka_unit_test(no_log_means_silence),
		cmocka_unit_test(octets_from_outside_are_escaped),
		cmocka_unit_test(an_escape_is_whole_or_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
