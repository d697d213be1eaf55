/*
 * `millrace sniffer`: its subcommands.
 */
#pragma once

int sniffer_send(int argc, char **argv);
int sniffer_decode(int argc, char **argv);
