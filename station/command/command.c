#include "station/command/command.h"

#include <assert.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/text.h"
#include "station/base/log.h"
#include "station/base/version.h"
#include "station/yaml/words.h"

#define WORDS_MAX 64 /* chosen: no command has as many options */

static const struct command commands[] = {
	{ "run", "JOB.yaml", "provision a batch, or continue it", command_run },
	{ "serve", "", "the station as a daemon: takes jobs over its control socket", command_serve },
	{ "dashboard", "", "the operator's screen of a running station", command_dashboard },
	{ "ctl", "COMMAND", "look at a running station and order it about", command_ctl },
	{ "check", "JOB.yaml", "check a job and everything it needs, without touching a device", command_check },
	{ "ca", "COMMAND", "the factory's CA, the station's key and the batch keys", command_ca },
	{ "audit", "COMMAND", "what is on record, and whether it holds together", command_audit },
	{ "labels", "LOT", "prints the labels of a lot, or checks labels that were scanned back", command_labels },
	{ "report", "LOT", "the shift report of a lot, as text, HTML or JSON", command_report },
	{ "wps", "DEVICE", "enroll one device by hand, with its PIN or its button", command_wps },
	{ "sniffer", "COMMAND", "sniffer mode by hand: a network to one bench device, what a capture carries",
	  command_sniffer },
	{ "methods", "[METHOD]", "what each method is, what it needs, what it protects and what it does not",
	  command_methods },
	{ "radios", "[test]", "the adapters of this machine: what they can do, what stands in their way",
	  command_radios },
};

#define GROUP_MAX 16u /* subcommands of one command */
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_option(FILE *to, const char *name, const char *value, const char *sentence)
{
	char head[40];

	snprintf(head, sizeof(head), "%s%s%s", name, value ? " " : "", value ? value : "");
	fprintf(to, "  %-20s %s\n", head, sentence);
}

static void print_usage(FILE *to, const struct command *self, const struct option_row *rows)
{
	char first = self->sentence[0];

	fprintf(to, "usage: millrace %s [OPTION...]%s%s\n%c%s.\n\n", self->name, *self->usage ? " " : "", self->usage,
		first >= 'a' && first <= 'z' ? first - 'a' + 'A' : first, first ? self->sentence + 1 : "");
	for (; rows && rows->name; rows++)
		print_option(to, rows->name, rows->value, rows->sentence);
	print_option(to, "--help", NULL, "this text");
}

static int refuse(const struct command *self, const char *what, const char *word, const char *nearest)
{
	fprintf(stderr, "millrace %s: %s \"%s\"", self->name, what, word);
	if (nearest)
		fprintf(stderr, "; did you mean \"%s\"?", nearest);
	fprintf(stderr, "\nmillrace %s --help tells more.\n", self->name);
	return EXIT_UNUSABLE;
}

const char *command_nearest(const char *word, const char *const *list) { return words_nearest(word, list); }

/* The row of an option as typed, "--db" or "--db=FILE"; NULL: none. */
static const struct option_row *find_option(const struct option_row *rows, const char *typed, const char **value)
{
	size_t len = strcspn(typed, "=");

	*value = typed[len] == '=' ? typed + len + 1 : NULL;
	for (; rows->name; rows++)
		if (strlen(rows->name) == len && memcmp(rows->name, typed, len) == 0)
			return rows;
	return NULL;
}

static int refuse_option(const struct command *self, const struct option_row *rows, const char *typed)
{
	const char *names[WORDS_MAX] = { NULL };
	char word[64];
	size_t count = 0;

	for (; rows->name && count + 2 < WORDS_MAX; rows++)
		names[count++] = rows->name;
	names[count] = "--help";
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(typed, "="), typed);
	return refuse(self, "unknown option", word, words_nearest(word, names));
}

/*
 * The one door for text of the command line that enters the record: by the name of the option, so that no command can
 * leave it open. -1: go on; else the exit status.
 */
static int check_record_text(const struct command *self, const char *option, const char *text)
{
	static const struct {
		const char *option;
		size_t most;
	} doors[] = { { "--operator", TEXT_ACTOR_MAX },
		      { "--reason", TEXT_REASON_MAX },
		      { "--badge", TEXT_BADGE_MAX } };

	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		const char *wrong = strcmp(doors[i].option, option) == 0 ? text_wrong(text, doors[i].most) : NULL;
		char shown[100];

		if (!wrong)
			continue;
		log_escape(shown, sizeof(shown), text, strnlen(text, 40));
		fprintf(stderr,
			"millrace %s: %s \"%s\"%s %s; for the record, a text in UTF-8 of at most %zu octets is "
			"wanted\n",
			self->name, option, shown, strlen(text) > 40 ? "..." : "", wrong, doors[i].most);
		return EXIT_UNUSABLE;
	}
	return -1;
}

int command_options(const struct command *self, const struct option_row *rows, int argc, char **argv, const char **rest,
		    size_t rest_max, size_t *rest_count)
{
	bool words_only = false;
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		const struct option_row *row;
		const char *value;
		int status;

		if (words_only || argv[i][0] != '-' || strcmp(argv[i], "-") == 0) {
			if (count == rest_max)
				return refuse(self, "one word too many:", argv[i], NULL);
			rest[count++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			words_only = true;
			continue;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_usage(stdout, self, rows);
			return EXIT_ALL_WELL;
		}
		row = find_option(rows, argv[i], &value);
		if (!row)
			return refuse_option(self, rows, argv[i]);
		if (!row->value) {
			if (value)
				return refuse(self, "no value belongs to", argv[i], row->name);
			*row->flag = true;
			continue;
		}
		/* "--db --json" is a forgotten value, not a file of that name; "--db=--json" says so if it is. */
		if (!value && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0)
			value = argv[++i];
		if (!value)
			return refuse(self, "a value is missing after", row->name, NULL);
		status = check_record_text(self, row->name, value);
		if (status >= 0)
			return status;
		*row->text = value;
	}
	if (rest_count)
		*rest_count = count;
	return -1;
}

const char *command_person(char name[static PERSON_MAX])
{
	const char *user = getenv("USER");
	const struct passwd *me;

	if (!user || !*user || text_wrong(user, PERSON_MAX - 1)) {
		me = getpwuid(geteuid());
		user = me && !text_wrong(me->pw_name, PERSON_MAX - 1) ? me->pw_name : "";
	}
	snprintf(name, PERSON_MAX, "%s", user);
	return name;
}

bool command_colour(FILE *to)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0) && isatty(fileno(to));
}

static void print_commands(FILE *to)
{
	fprintf(to, "usage: millrace COMMAND [OPTION...]\nProvisions WiFi devices in batches.\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].sentence);
	fprintf(to, "  %-10s %s\n  %-10s %s\n\n", "help", "help COMMAND: its options", "", "also: --version");
	fprintf(to, "Exit status: 0 all is well, 1 not all is well, 2 input or surroundings are unusable, 130 "
		    "interrupted.\n");
}

static const struct command *find_command(const char *word)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, word) == 0)
			return &commands[i];
	return NULL;
}

static int unknown_command(const char *word)
{
	const char *names[COMMAND_COUNT + 2] = { NULL }, *nearest;

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = commands[i].name;
	names[COMMAND_COUNT] = "help";
	nearest = words_nearest(word, names);
	fprintf(stderr, "millrace: unknown command \"%s\"", word);
	if (nearest)
		fprintf(stderr, "; did you mean \"%s\"?", nearest);
	fprintf(stderr, "\nmillrace --help lists them.\n");
	return EXIT_UNUSABLE;
}

/* "help ca init" is "ca init --help". */
static int help(int argc, char **argv)
{
	char *words[8], option[] = "--help";
	const struct command *command;
	int count = 0;

	if (argc < 2) {
		print_commands(stdout);
		return EXIT_ALL_WELL;
	}
	command = find_command(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	for (int i = 1; i < argc && count < 6; i++)
		words[count++] = argv[i];
	words[count++] = option;
	words[count] = NULL;
	return command->run(count, words);
}

int command_main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_commands(stderr);
		return EXIT_UNUSABLE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_commands(stdout);
		return EXIT_ALL_WELL;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("millrace %s\n", MILLRACE_VERSION);
		return EXIT_ALL_WELL;
	}
	if (strcmp(argv[1], "help") == 0)
		return help(argc - 1, argv + 1);
	command = find_command(argv[1]);
	return command ? command->run(argc - 1, argv + 1) : unknown_command(argv[1]);
}

/* --- commands of subcommands --- */

static void print_group(FILE *to, const char *name, const char *about, const struct command *subcommands, size_t count)
{
	fprintf(to, "usage: millrace %s COMMAND [OPTION...]\n%s\n\n", name, about);
	for (size_t i = 0; i < count; i++)
		fprintf(to, "  %-16s %s\n", subcommands[i].name, subcommands[i].sentence);
	fprintf(to, "\nmillrace %s COMMAND --help tells the options.\n", name);
}

int command_group(const char *name, const char *about, const struct command *subcommands, size_t count, int argc,
		  char **argv)
{
	const char *names[GROUP_MAX + 1] = { NULL }, *nearest;

	assert(count <= GROUP_MAX);
	if (argc < 2) {
		print_group(stderr, name, about, subcommands, count);
		return EXIT_UNUSABLE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_group(stdout, name, about, subcommands, count);
		return EXIT_ALL_WELL;
	}
	for (size_t i = 0; i < count; i++) {
		names[i] = subcommands[i].name;
		if (strcmp(argv[1], names[i]) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	}
	nearest = command_nearest(argv[1], names);
	fprintf(stderr, "millrace %s: unknown command \"%s\"%s%s%s\n", name, argv[1],
		nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	return EXIT_UNUSABLE;
}
