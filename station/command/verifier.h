/* A subcommand of `millrace ca`; the exit status is as everywhere. */
#pragma once

int ca_pin_verifier(int argc, char **argv);
