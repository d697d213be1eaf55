/*
 * The frame of the command line: which command runs with which words, what mistyped ones are told, exit statuses.
 *
 * links: station/command/command.c station/yaml/words.c station/base/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/text.h"
#include "station/command/command.h"
#include "station/base/version.h"
#include "station/yaml/words.h"

/* Stand-ins for the commands: each says on standard output that it ran, and with which words. */
static int ran(const char *name, int argc, char **argv)
{
	printf("%s:", name);
	for (int i = 0; i < argc; i++)
		printf(" %s", argv[i]);
	printf("\n");
	return 7;
}

int command_run(int argc, char **argv) { return ran("run", argc, argv); }
int command_check(int argc, char **argv) { return ran("check", argc, argv); }
int command_ca(int argc, char **argv) { return ran("ca", argc, argv); }
int command_audit(int argc, char **argv) { return ran("audit", argc, argv); }
int command_radios(int argc, char **argv) { return ran("radios", argc, argv); }
int command_labels(int argc, char **argv) { return ran("labels", argc, argv); }
int command_methods(int argc, char **argv) { return ran("methods", argc, argv); }
int command_report(int argc, char **argv) { return ran("report", argc, argv); }
int command_serve(int argc, char **argv) { return ran("serve", argc, argv); }
int command_ctl(int argc, char **argv) { return ran("ctl", argc, argv); }
int command_wps(int argc, char **argv) { return ran("wps", argc, argv); }
int command_sniffer(int argc, char **argv) { return ran("sniffer", argc, argv); }
int command_dashboard(int argc, char **argv) { return ran("dashboard", argc, argv); }

struct outcome {
	int status;
	char out[4096], error[4096];
};

static const char *db, *seed, *person, *reason;
static bool json;
static const char *rest[2];
static size_t rest_count;

static int demo(int argc, char **argv)
{
	static const struct command self = { "demo", "FILE", "A command of the test", demo };
	const struct option_row rows[] = {
		{ "--db", "FILE", "the record", &db, NULL },  { "--seed", "N", "the seed", &seed, NULL },
		{ "--json", NULL, "objects", NULL, &json },   { "--operator", "NAME", "who", &person, NULL },
		{ "--reason", "TEXT", "why", &reason, NULL }, { 0 },
	};

	db = seed = person = reason = NULL;
	json = false;
	rest_count = 99;
	return command_options(&self, rows, argc, argv, rest, 2, &rest_count);
}

static void collect(FILE *from, char *to, size_t size)
{
	size_t len;

	rewind(from);
	len = fread(to, 1, size - 1, from);
	to[len] = '\0';
	fclose(from);
}

/* Runs `fn` over the words with its output caught. */
static struct outcome call(int (*fn)(int, char **), const char *const *words)
{
	static char held[16][256]; /* outlives the call: the options point into it */
	struct outcome outcome = { 0 };
	char *argv[17] = { NULL };
	int argc = 0, out = dup(1), error = dup(2);
	FILE *to_out = tmpfile(), *to_error = tmpfile();

	assert_non_null(to_out);
	assert_non_null(to_error);
	for (; words[argc] && argc < 16; argc++) {
		snprintf(held[argc], sizeof(held[argc]), "%s", words[argc]);
		argv[argc] = held[argc];
	}
	fflush(stdout);
	fflush(stderr);
	dup2(fileno(to_out), 1);
	dup2(fileno(to_error), 2);
	outcome.status = fn(argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(out, 1);
	dup2(error, 2);
	close(out);
	close(error);
	collect(to_out, outcome.out, sizeof(outcome.out));
	collect(to_error, outcome.error, sizeof(outcome.error));
	return outcome;
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void a_command_gets_its_words_and_gives_its_status(void **state)
{
	struct outcome o = call(command_main, WORDS("millrace", "run", "job.yaml", "--db", "x"));

	(void)state;
	assert_int_equal(o.status, 7);
	assert_string_equal(o.out, "run: run job.yaml --db x\n");
	o = call(command_main, WORDS("millrace", "ca", "init", "--help"));
	assert_string_equal(o.out, "ca: ca init --help\n");
}

static void help_of_a_command_is_its_own(void **state)
{
	struct outcome o = call(command_main, WORDS("millrace", "help", "audit"));

	(void)state;
	assert_string_equal(o.out, "audit: audit --help\n");
	o = call(command_main, WORDS("millrace", "help", "ca", "init"));
	assert_string_equal(o.out, "ca: ca init --help\n");
	o = call(command_main, WORDS("millrace", "help", "a", "b", "c", "d", "e", "f", "g", "h", "i"));
	assert_int_equal(o.status, EXIT_UNUSABLE);
	o = call(command_main, WORDS("millrace", "help", "run", "b", "c", "d", "e", "f", "g", "h", "i"));
	assert_string_equal(o.out, "run: run b c d e f --help\n");
}

static void the_list_of_commands_names_each(void **state)
{
	struct outcome o = call(command_main, WORDS("millrace", "--help"));

	(void)state;
	assert_int_equal(o.status, EXIT_ALL_WELL);
	for (const char *const *word =
		     WORDS("\n  run ", "\n  check ", "\n  ca ", "\n  audit ", "\n  radios ", "\n  help ");
	     *word; word++)
		assert_non_null(strstr(o.out, *word));
	assert_string_equal(call(command_main, WORDS("millrace", "help")).out, o.out);
	assert_string_equal(call(command_main, WORDS("millrace", "-h")).out, o.out);
	o = call(command_main, WORDS("millrace"));
	assert_int_equal(o.status, EXIT_UNUSABLE);
	assert_string_equal(o.out, "");
	assert_non_null(strstr(o.error, "usage: millrace COMMAND"));
}

static void an_unknown_command_is_told_the_nearest(void **state)
{
	struct outcome o = call(command_main, WORDS("millrace", "chekc", "job.yaml"));

	(void)state;
	assert_int_equal(o.status, EXIT_UNUSABLE);
	assert_string_equal(
		o.error, "millrace: unknown command \"chekc\"; did you mean \"check\"?\nmillrace --help lists them.\n");
	o = call(command_main, WORDS("millrace", "provision"));
	assert_string_equal(o.error, "millrace: unknown command \"provision\"\nmillrace --help lists them.\n");
	o = call(command_main, WORDS("millrace", "help", "adit"));
	assert_string_equal(
		o.error, "millrace: unknown command \"adit\"; did you mean \"audit\"?\nmillrace --help lists them.\n");
}

static void the_version_is_one_line(void **state)
{
	struct outcome o = call(command_main, WORDS("millrace", "--version"));

	(void)state;
	assert_int_equal(o.status, EXIT_ALL_WELL);
	assert_string_equal(o.out, "millrace " MILLRACE_VERSION "\n");
}

static void options_take_their_value_with_or_without_an_equals_sign(void **state)
{
	struct outcome o = call(demo, WORDS("demo", "--db=a=b", "job.yaml", "--seed", "-4", "--json", "other"));

	(void)state;
	assert_int_equal(o.status, -1);
	assert_string_equal(db, "a=b");
	assert_string_equal(seed, "-4");
	assert_true(json);
	assert_int_equal(rest_count, 2);
	assert_string_equal(rest[0], "job.yaml");
	assert_string_equal(rest[1], "other");
	o = call(demo, WORDS("demo", "--db="));
	assert_int_equal(o.status, -1);
	assert_string_equal(db, "");
	assert_int_equal(rest_count, 0);
}

static void after_two_dashes_all_is_words(void **state)
{
	struct outcome o = call(demo, WORDS("demo", "--", "--json", "-"));

	(void)state;
	assert_int_equal(o.status, -1);
	assert_false(json);
	assert_string_equal(rest[0], "--json");
	assert_string_equal(rest[1], "-");
}

static void wrong_options_are_refused_with_a_remedy(void **state)
{
	static const struct {
		const char *words[4];
		const char *error;
	} rows[] = {
		{ { "demo", "--sed=4" }, "unknown option \"--sed\"; did you mean \"--seed\"?" },
		{ { "demo", "-x" }, "unknown option \"-x\"" },
		{ { "demo", "--hlep" }, "unknown option \"--hlep\"; did you mean \"--help\"?" },
		{ { "demo", "--json=yes" }, "no value belongs to \"--json=yes\"; did you mean \"--json\"?" },
		{ { "demo", "--db" }, "a value is missing after \"--db\"" },
		{ { "demo", "--db", "--json" }, "a value is missing after \"--db\"" },
		{ { "demo", "a", "b", "c" }, "one word too many: \"c\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *words[5] = { rows[i].words[0], rows[i].words[1], rows[i].words[2], rows[i].words[3], NULL };
		struct outcome o = call(demo, words);
		char expected[200];

		snprintf(expected, sizeof(expected), "millrace demo: %s\nmillrace demo --help tells more.\n",
			 rows[i].error);
		assert_int_equal(o.status, EXIT_UNUSABLE);
		assert_string_equal(o.error, expected);
		assert_string_equal(o.out, "");
	}
}

/* Whichever command has the option: text for the record passes one door. */
static void text_for_the_record_is_checked_at_the_door(void **state)
{
	static const char *const wrong[] = { "--operator=J\xf6rg", "--operator=a\nb", "--reason=a\x1b[2J",
					     ("--reason=\xe2\x80\xae"
					      "dekcehc") };
	char longest[TEXT_REASON_MAX + 20];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct outcome o = call(demo, WORDS("demo", wrong[i]));

		assert_int_equal(o.status, EXIT_UNUSABLE);
		assert_non_null(strstr(o.error, "; for the record, a text in UTF-8 of at most "));
		for (const char *at = o.error; *at; at++)
			assert_true(*at == '\n' || (*at >= ' ' && *at <= '~'));
	}
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "--reason=", 9);
	longest[9 + TEXT_REASON_MAX] = '\0';
	assert_int_equal(call(demo, WORDS("demo", longest, "--operator", "J\xc3\xb6rg")).status, -1);
	assert_int_equal(strlen(reason), TEXT_REASON_MAX);
	assert_string_equal(person, "J\xc3\xb6rg");
	memcpy(longest + 9 + TEXT_REASON_MAX, "x", 2);
	assert_int_equal(call(demo, WORDS("demo", longest)).status, EXIT_UNUSABLE);
	/* A file may have any name: it is looked for, not kept. */
	assert_int_equal(call(demo, WORDS("demo", "--db=J\xf6rg.db")).status, -1);
}

/* What the environment says is nobody's typing: what is no name for the record is not taken, and nothing ends. */
static void a_user_whose_name_is_none_is_called_as_the_system_calls_him(void **state)
{
	static const char *const odd[] = { "J\xf6rg", "a\nb", "",
					   "0123456789012345678901234567890123456789012345678901234567890123" };
	char name[PERSON_MAX], expected[PERSON_MAX];

	(void)state;
	unsetenv("USER");
	(void)command_person(expected);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		setenv("USER", odd[i], 1);
		assert_string_equal(command_person(name), expected);
	}
	setenv("USER", "J\xc3\xb6rg", 1);
	assert_string_equal(command_person(name), "J\xc3\xb6rg");
	unsetenv("USER");
}

static void help_shows_every_option(void **state)
{
	struct outcome o = call(demo, WORDS("demo", "--json", "--help", "--nonsense"));

	(void)state;
	assert_int_equal(o.status, EXIT_ALL_WELL);
	assert_string_equal(o.out, "usage: millrace demo [OPTION...] FILE\nA command of the test.\n\n"
				   "  --db FILE            the record\n  --seed N             the seed\n"
				   "  --json               objects\n  --operator NAME      who\n"
				   "  --reason TEXT        why\n  --help               this text\n");
}

static void there_is_no_colour_where_nobody_sees_it(void **state)
{
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	unsetenv("NO_COLOR");
	assert_false(command_colour(file));
	fclose(file);
}

static void colour_is_off_when_the_environment_says_so(void **state)
{
	FILE *terminal = fopen("/dev/ptmx", "r+");

	(void)state;
	if (!terminal)
		skip(); /* no pseudo-terminals here: nothing to colour either */
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	assert_true(command_colour(terminal));
	setenv("NO_COLOR", "", 1); /* no-color.org: "when present and not an empty string" */
	assert_true(command_colour(terminal));
	setenv("NO_COLOR", "1", 1);
	assert_false(command_colour(terminal));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	assert_false(command_colour(terminal));
	fclose(terminal);
}

static void the_distance_of_words_counts_changes(void **state)
{
	char a[100], b[100];

	(void)state;
	assert_int_equal(words_distance("", ""), 0);
	assert_int_equal(words_distance("abc", ""), 3);
	assert_int_equal(words_distance("kitten", "sitting"), 3);
	assert_int_equal(words_distance("recipe", "recpie"), 1); /* neighbours swapped */
	assert_int_equal(words_distance("Lot", "lot"), 0);
	memset(a, 'x', sizeof(a));
	memset(b, 'x', sizeof(b));
	a[63] = b[63] = '\0';
	assert_int_equal(words_distance(a, b), 0);
	a[63] = 'x';
	a[64] = '\0';
	assert_true(words_distance(a, b) == SIZE_MAX);
}

static void a_far_word_is_not_suggested(void **state)
{
	static const char *const list[] = { "run", "check", "radios", NULL };

	(void)state;
	assert_string_equal(command_nearest("radio", list), "radios");
	assert_string_equal(command_nearest("rum", list), "run");
	assert_null(command_nearest("provision", list));
	assert_null(command_nearest("x", list));
	assert_null(command_nearest("", list));
	assert_null(command_nearest("x", (const char *const[]){ NULL }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_gets_its_words_and_gives_its_status),
		cmocka_unit_test(help_of_a_command_is_its_own),
		cmocka_unit_test(the_list_of_commands_names_each),
		cmocka_unit_test(an_unknown_command_is_told_the_nearest),
		cmocka_unit_test(the_version_is_one_line),
		cmocka_unit_test(options_take_their_value_with_or_without_an_equals_sign),
		cmocka_unit_test(after_two_dashes_all_is_words),
		cmocka_unit_test(wrong_options_are_refused_with_a_remedy),
		cmocka_unit_test(text_for_the_record_is_checked_at_the_door),
		cmocka_unit_test(a_user_whose_name_is_none_is_called_as_the_system_calls_him),
		cmocka_unit_test(help_shows_every_option),
		cmocka_unit_test(there_is_no_colour_where_nobody_sees_it),
		cmocka_unit_test(colour_is_off_when_the_environment_says_so),
		cmocka_unit_test(the_distance_of_words_counts_changes),
		cmocka_unit_test(a_far_word_is_not_suggested),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
