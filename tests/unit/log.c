/*
 * Log lines to the octet: times, place, device, module, level, what becomes of octets from outside; levels of modules
 * as they are asked for; and silence.
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
/* The run began at 2026-01-01T00:00:00Z. */
static uint64_t utc_us(const void *clock) { return 1767225600000000u + *(const uint64_t *)clock; }

/* What was written since open(); freed by the caller. */
struct written {
	struct log log;
	char *text;
	size_t len;
};

static const struct log_tag *open_log(struct written *w, struct log_tag *tag, enum log_level level)
{
	*w = (struct written){ .text = NULL };
	w->log.to = open_memstream(&w->text, &w->len);
	log_level_all(&w->log, level);
	*tag = (struct log_tag){ .log = &w->log };
	return tag;
}

static void wrote(struct written *w, const char *want)
{
	fclose(w->log.to);
	assert_string_equal(w->text, want);
	free(w->text);
}

static void a_line_has_times_level_place_device_and_module(void **state)
{
	struct log_place place = { "radio1", 6 };
	uint64_t now_us = 12041337;
	struct written w;
	struct log_tag tag;

	(void)state;
	open_log(&w, &tag, LOG_TRACE);
	w.log.now_us = clock_us;
	w.log.utc_us = utc_us;
	w.log.clock = &now_us;
	tag.place = &place;
	memcpy(tag.mac, "\x02\x4d\x52\x00\x00\x07", 6);
	log_write(&tag, LOG_SESSION, LOG_INFO, "attempt %d", 2);
	log_write(&tag, LOG_STA, LOG_TRACE, "beacon");
	log_state(&tag, LOG_STA, "handshaking", "authorized", "%s is true", "M3");
	now_us = 3600000000u;
	place = (struct log_place){ "radio2", 0 };
	memset(tag.mac, 0, 6);
	log_state_at(&tag, LOG_RADIO, LOG_WARN, "here", "gone", "unplugged");
	tag.place = NULL;
	now_us = 86400000001u;
	log_write(&tag, LOG_JOURNAL, LOG_ERROR, "the disk is full");
	wrote(&w, "2026-01-01T00:00:12.041337Z 12.041337 radio1 ch6 02:4d:52:00:00:07 session: attempt 2\n"
		  "2026-01-01T00:00:12.041337Z 12.041337 radio1 ch6 02:4d:52:00:00:07 sta: beacon\n"
		  "2026-01-01T00:00:12.041337Z 12.041337 radio1 ch6 02:4d:52:00:00:07 sta: handshaking -> authorized "
		  "(M3 is true)\n"
		  "2026-01-01T01:00:00.000000Z 3600.000000 warn radio2 radio: here -> gone (unplugged)\n"
		  "2026-01-02T00:00:00.000001Z 86400.000001 error journal: the disk is full\n");
}

static void a_place_may_be_a_channel_without_a_radio(void **state)
{
	const struct log_place place = { NULL, 11 };
	struct written w;
	struct log_tag tag;

	(void)state;
	open_log(&w, &tag, LOG_INFO);
	tag.place = &place;
	log_write(&tag, LOG_LINE, LOG_INFO, "nobody is here");
	wrote(&w, "ch11 line: nobody is here\n");
}

static void what_is_above_the_level_is_not_written(void **state)
{
	static const char *const want[] = {
		"error line: 0\n", "error line: 0\nwarn line: 1\n", "error line: 0\nwarn line: 1\nline: 2\n",
		"error line: 0\nwarn line: 1\nline: 2\nline: 3\nline: a -> b (3)\n",
		"error line: 0\nwarn line: 1\nline: 2\nline: 3\nline: a -> b (3)\nline: 4\n"
	};

	(void)state;
	for (int level = LOG_ERROR; level < LOG_LEVEL_COUNT; level++) {
		struct written w;
		struct log_tag tag;

		open_log(&w, &tag, (enum log_level)level);
		for (int l = LOG_ERROR; l < LOG_LEVEL_COUNT; l++) {
			log_write(&tag, LOG_LINE, (enum log_level)l, "%d", l);
			if (l == LOG_DEBUG)
				log_state(&tag, LOG_LINE, "a", "b", "%d", l);
		}
		wrote(&w, want[level]);
	}
}

static void each_module_has_a_level_of_its_own(void **state)
{
	struct written w;
	struct log_tag tag;
	char error[LOG_ERROR_MAX];

	(void)state;
	open_log(&w, &tag, LOG_ERROR);
	assert_true(log_levels_parse(&w.log, "sta=debug,warn,radio=error", LOG_INFO, error, sizeof(error)));
	log_state(&tag, LOG_STA, "a", "b", "1");
	log_state(&tag, LOG_WPA, "a", "b", "2");
	log_write(&tag, LOG_WPA, LOG_WARN, "3");
	log_write(&tag, LOG_RADIO, LOG_WARN, "4");
	wrote(&w, "sta: a -> b (1)\nwarn wpa: 3\n");
}

static int made;
static const char *make_words(void)
{
	made++;
	return "words";
}

static void nothing_is_evaluated_or_written_when_it_is_off(void **state)
{
	struct log nowhere = { .to = NULL };
	struct written w;
	struct log_tag tag;

	(void)state;
	made = 0;
	log_level_all(&nowhere, LOG_TRACE);
	log_write((const struct log_tag *)NULL, LOG_LINE, LOG_ERROR, "%s", make_words());
	log_state((const struct log_tag *)NULL, LOG_LINE, make_words(), "b", "%s", make_words());
	log_write(LOG_STATION(NULL), LOG_LINE, LOG_ERROR, "%s", make_words());
	log_write(LOG_STATION(&nowhere), LOG_LINE, LOG_ERROR, "%s", make_words());
	log_line(NULL, LOG_LINE, LOG_ERROR, "nobody hears");
	log_change(LOG_STATION(&nowhere), LOG_LINE, LOG_ERROR, "a", "b", "nobody hears");
	open_log(&w, &tag, LOG_INFO);
	log_write(&tag, LOG_LINE, LOG_DEBUG, "%s", make_words());
	log_state(&tag, LOG_LINE, make_words(), "b", "%s", make_words());
	log_line(&tag, LOG_LINE, LOG_DEBUG, "above the level");
	log_change(&tag, LOG_LINE, LOG_DEBUG, "a", "b", "above the level");
	wrote(&w, "");
	assert_int_equal(made, 0);
}

/* Whatever a line is made of, it is one line of printable ASCII. */
static void a_line_stays_one_line(void **state)
{
	const struct log_place place = { "ra\ndio", 1 };
	struct written w;
	struct log_tag tag;

	(void)state;
	open_log(&w, &tag, LOG_DEBUG);
	tag.place = &place;
	log_write(&tag, LOG_LINE, LOG_INFO, "by %s", "J\xc3\xb6rg\n1.000000 line: forged\x1b[2J \\ stays");
	log_state(&tag, LOG_LINE, "a\r", "b", "\t%s", "\x7f");
	wrote(&w, "ra\\x0adio ch1 line: by J\\xc3\\xb6rg\\x0a1.000000 line: forged\\x1b[2J \\ stays\n"
		  "ra\\x0adio ch1 line: a\\x0d -> b (\\x09\\x7f)\n");
}

static void a_long_line_is_cut_and_says_so(void **state)
{
	char much[5000];
	struct written w;
	struct log_tag tag;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		memset(much, i ? '\n' : 'x', sizeof(much) - 1);
		much[sizeof(much) - 1] = '\0';
		open_log(&w, &tag, LOG_DEBUG);
		log_state(&tag, LOG_LINE, "a", "b", "%s", much);
		log_write(&tag, LOG_LINE, LOG_INFO, "next");
		fclose(w.log.to);
		assert_true(strncmp(w.text, i ? "line: a -> b (\\x0a" : "line: a -> b (xx", 16) == 0);
		char *end = strchr(w.text, '\n');

		assert_true(end - w.text > 1000 && end - w.text < 1024);
		assert_memory_equal(end - 4, i ? "a..." : "x...", 4);
		assert_string_equal(end + 1, "line: next\n");
		free(w.text);
	}
}

/* Just what fits is not cut; one octet more is. */
static void the_last_octet_that_fits_is_kept(void **state)
{
	char much[1024];

	(void)state;
	for (size_t len = 1000; len < sizeof(much); len++) {
		struct written w;
		struct log_tag tag;

		memset(much, 'x', len);
		much[len] = '\0';
		open_log(&w, &tag, LOG_INFO);
		log_write(&tag, LOG_LINE, LOG_INFO, "%s", much);
		fclose(w.log.to);
		assert_true(strlen(w.text) == (len <= 1014 ? len + 7 : 1024));
		assert_true((strstr(w.text, "...") != NULL) == (len > 1014));
		free(w.text);
	}
}

static void names_are_there_and_differ(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LOG_MODULE_COUNT; i++) {
		const char *name = log_module_name((enum log_module)i);

		assert_true(strlen(name) > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz") == strlen(name));
		assert_true(strlen(log_module_sentence((enum log_module)i)) > 10);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(name, log_module_name((enum log_module)k));
		/* "sta=debug" and "debug" are told apart by the sign alone, and by people by the words. */
		for (unsigned k = 0; k < LOG_LEVEL_COUNT; k++)
			assert_string_not_equal(name, log_level_name((enum log_level)k));
	}
}

static void levels_are_read(void **state)
{
	static const struct {
		const char *text;
		enum log_level others, line, sta, wpa;
	} rows[] = {
		{ "debug", LOG_INFO, LOG_DEBUG, LOG_DEBUG, LOG_DEBUG },
		{ "error", LOG_INFO, LOG_ERROR, LOG_ERROR, LOG_ERROR },
		{ "sta=debug,wpa=trace,info", LOG_DEBUG, LOG_INFO, LOG_DEBUG, LOG_TRACE },
		{ "warn,sta=debug", LOG_INFO, LOG_WARN, LOG_DEBUG, LOG_WARN },
		{ "sta=error", LOG_INFO, LOG_INFO, LOG_ERROR, LOG_INFO },
		{ "sta=error", LOG_DEBUG, LOG_DEBUG, LOG_ERROR, LOG_DEBUG },
	};
	char error[LOG_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct log log = { .to = NULL };

		assert_true(log_levels_parse(&log, rows[i].text, rows[i].others, error, sizeof(error)));
		assert_int_equal(log.level[LOG_LINE], rows[i].line);
		assert_int_equal(log.level[LOG_STA], rows[i].sta);
		assert_int_equal(log.level[LOG_WPA], rows[i].wpa);
	}
}

#define LEVELS "allowed: error, warn, info, debug, trace"

static void wrong_levels_are_told_what_is_allowed(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "there is no level \"\"; " LEVELS },
		{ "debgu", "there is no level \"debgu\"; " LEVELS },
		{ "Debug", "there is no level \"Debug\"; " LEVELS },
		{ "sta=", "there is no level \"\"; " LEVELS },
		{ "sta=debug,", "there is no level \"\"; " LEVELS },
		{ ",sta=debug", "there is no level \"\"; " LEVELS },
		{ "sta=debug=x", "there is no level \"debug=x\"; " LEVELS },
		{ "sta", "there is no level \"sta\"; " LEVELS },
		{ "a\nvery long word that is no level", "there is no level \"a\\x0avery long word\"; " LEVELS },
		{ "stations=debug", "there is no module \"stations\"; allowed: run, line, session, recipe, method, " },
		{ "=debug", "there is no module \"\"; allowed: run, line, " },
		{ "sta=debug,sta=info", "two levels for sta; allowed: one for each module, and one for all others" },
		{ "info,debug", "two levels for all others; allowed: one for each module, and one for all others" },
	};
	char error[LOG_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct log log = { .to = NULL };

		log_level_all(&log, LOG_WARN);
		assert_false(log_levels_parse(&log, rows[i].text, LOG_INFO, error, sizeof(error)));
		assert_int_equal(strncmp(error, rows[i].want, strlen(rows[i].want)), 0);
		for (size_t m = 0; m < LOG_MODULE_COUNT; m++)
			assert_int_equal(log.level[m], LOG_WARN);
	}
	/* The longest one fits: it ends with the last module. */
	assert_false(log_levels_parse(&(struct log){ .to = NULL }, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n=debug", LOG_INFO,
				      error, sizeof(error)));
	assert_string_equal(error + strlen(error) - 9, ", control");
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
		cmocka_unit_test(a_line_has_times_level_place_device_and_module),
		cmocka_unit_test(a_place_may_be_a_channel_without_a_radio),
		cmocka_unit_test(what_is_above_the_level_is_not_written),
		cmocka_unit_test(each_module_has_a_level_of_its_own),
		cmocka_unit_test(nothing_is_evaluated_or_written_when_it_is_off),
		cmocka_unit_test(a_line_stays_one_line),
		cmocka_unit_test(a_long_line_is_cut_and_says_so),
		cmocka_unit_test(the_last_octet_that_fits_is_kept),
		cmocka_unit_test(names_are_there_and_differ),
		cmocka_unit_test(levels_are_read),
		cmocka_unit_test(wrong_levels_are_told_what_is_allowed),
		cmocka_unit_test(octets_from_outside_are_escaped),
		cmocka_unit_test(an_escape_is_whole_or_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
