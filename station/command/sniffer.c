/* `millrace sniffer`: its subcommands. */
#include "station/command/sniffer.h"

#include "station/command/command.h"

static const struct command subcommands[] = {
	{ "send", "", "broadcast a network to one bench device, by hand", sniffer_send },
	{ "decode", "CAPTURE", "what a capture of 802.11 has of the schemes of sniffer mode", sniffer_decode },
};

int command_sniffer(int argc, char **argv)
{
	return command_group("sniffer", "Sniffer mode by hand.", subcommands,
			     sizeof(subcommands) / sizeof(subcommands[0]), argc, argv);
}
