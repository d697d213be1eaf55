/* `millrace sniffer`: its subcommands. */
#include "station/command/sniffer.h"

#include <stdio.h>
#include <string.h>

#include "station/command/command.h"

static const struct command subcommands[] = {
	{ "send", "", "broadcast a network to one bench device, by hand", sniffer_send },
	{ "decode", "CAPTURE", "what a capture of 802.11 has of the schemes of sniffer mode", sniffer_decode },
};

#define SUBCOMMAND_COUNT (sizeof(subcommands) / sizeof(subcommands[0]))

static void print_subcommands(FILE *to)
{
	fprintf(to, "usage: millrace sniffer COMMAND [OPTION...]\nSniffer mode by hand.\n\n");
	for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
		fprintf(to, "  %-16s %s\n", subcommands[i].name, subcommands[i].sentence);
	fprintf(to, "\nmillrace sniffer COMMAND --help tells the options.\n");
}

int command_sniffer(int argc, char **argv)
{
	const char *names[SUBCOMMAND_COUNT + 1] = { NULL }, *nearest;

	if (argc < 2) {
		print_subcommands(stderr);
		return EXIT_UNUSABLE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_subcommands(stdout);
		return EXIT_ALL_WELL;
	}
	for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
		names[i] = subcommands[i].name;
		if (strcmp(argv[1], names[i]) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	}
	nearest = command_nearest(argv[1], names);
	fprintf(stderr, "millrace sniffer: unknown command \"%s\"%s%s%s\n", argv[1], nearest ? "; did you mean \"" : "",
		nearest ? nearest : "", nearest ? "\"?" : "");
	return EXIT_UNUSABLE;
}
