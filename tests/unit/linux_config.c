/*
 * The configuration of millrace-agent: what is taken, and what is refused in which line.
 *
 * links: agent/port/linux/config.c agent/wire/channel.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/port/linux/config.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define WHOLE "station_key = " KEY "\nbatch_key = " KEY "\nproduct = AC-100\nchannels = 1 6 11\n"

static struct mr_linux_config config;

/* What it says is in `said`. */
static bool reads(const char *text, size_t len, char said[static 512])
{
	int fd = memfd_create("config", MFD_CLOEXEC);
	FILE *errors = stderr;
	char path[32];
	bool ok;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, 0600), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(said, 0, 512);
	stderr = fmemopen(said, 512, "w");
	assert_non_null(stderr);
	ok = mr_linux_config_read(&config, path);
	fclose(stderr);
	stderr = errors;
	close(fd);
	return ok;
}

static void refused(const char *text, size_t len, const char *words)
{
	char said[512];

	assert_false(reads(text, len, said));
	if (!strstr(said, words))
		fail_msg("\"%s\", not \"%s\"", said, words);
}

static void a_whole_one_is_taken(void **state)
{
	static const char text[] = "# a device\r\n" WHOLE
				   "\n  roam_ms =  500\t\n# the last line has no end\nhw_rev = C";
	char said[512];

	(void)state;
	assert_true(reads(text, strlen(text), said));
	assert_string_equal(said, "");
	assert_string_equal(config.product, "AC-100");
	assert_string_equal(config.hw_rev, "C");
	assert_int_equal(config.agent.roam_us, 500000);
	assert_int_equal(config.agent.channel_count, 3);
	assert_int_equal(config.channels[2], 2462);
	assert_int_equal(config.station_key[31], 0xff);
	assert_ptr_equal(config.agent.batch_key, config.batch_key);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "channels = 1 6\n", "lacks station_key, batch_key or product" },
		{ WHOLE "colour = red\n", ":5: \"colour\"" },
		{ WHOLE "channel = 0\n", ":5: \"channel\"" },
		{ WHOLE "port = 65536\n", ":5: \"port\"" },
		{ WHOLE "batch_key = " KEY "0\n", ":5: \"batch_key\"" },
		{ WHOLE "pin_iterations = 999\n", ":5: \"pin_iterations\"" },
		{ WHOLE "pin_iterations = 2000\n", "lacks one of pin_salt" },
		{ WHOLE "access_point = wpa2\n", "lacks channel" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refused(rows[i].text, strlen(rows[i].text), rows[i].words);
}

/* fgets would have taken what stands behind octet 511 of a comment for a line of its own. */
static void a_long_comment_is_a_comment_to_its_end(void **state)
{
	char text[2048], said[512];
	int len = snprintf(text, sizeof(text), WHOLE "#%0510dhw_rev = of the comment\n", 0);

	(void)state;
	assert_true(reads(text, (size_t)len, said));
	assert_string_equal(config.hw_rev, "");
}

static void what_is_no_text_is_refused(void **state)
{
	static const char cut[] = WHOLE "hw_rev = C\0firmware = 1.0\n";
	char *large = malloc(20000);

	(void)state;
	assert_non_null(large);
	refused(cut, sizeof(cut) - 1, "is no text");
	memset(large, '#', 20000);
	refused(large, 20000, "is no text");
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_one_is_taken),
		cmocka_unit_test(what_is_wrong_is_named_with_its_line),
		cmocka_unit_test(a_long_comment_is_a_comment_to_its_end),
		cmocka_unit_test(what_is_no_text_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
