/*
 * Subcommands that a test does not link: each says so by its exit status. Weak, so that the real one wins where it is.
 */
#pragma once

#include "station/command/command.h"

#define COMMAND_DOUBLE(name)                                                                                           \
	int command_##name(int argc, char **argv);                                                                     \
	__attribute__((weak)) int command_##name(int argc, char **argv) { return (void)argc, (void)argv, 99; }

COMMAND_DOUBLE(run)
COMMAND_DOUBLE(serve)
COMMAND_DOUBLE(ctl)
COMMAND_DOUBLE(dashboard)
COMMAND_DOUBLE(check)
COMMAND_DOUBLE(ca)
COMMAND_DOUBLE(audit)
COMMAND_DOUBLE(labels)
COMMAND_DOUBLE(wps)
COMMAND_DOUBLE(sniffer)
COMMAND_DOUBLE(methods)
COMMAND_DOUBLE(report)
COMMAND_DOUBLE(radios)
