/*
 * One device by hand: a job of one device is made in memory and run as any other, on record and with the same proof.
 * `millrace wps` and `millrace sniffer send` share it.
 */
#pragma once

#include <stdio.h>

#include "station/command/command.h"
#include "station/job/job.h"

/* What was typed; BY_HAND_ROWS are its rows among the options. */
struct by_hand {
	const char *ssid, *passphrase, *radio, *channels, *db, *keys, *person;
	const char *expect; /* not typed: the list with its one address; NULL: none */
	bool open, simulated;
	struct log_words log;
};

/* clang-format off */
#define BY_HAND_ROWS(hand) \
	{ "--ssid", "NAME", "the network that the device is to join", &(hand)->ssid, NULL }, \
	{ "--passphrase-file", "FILE", "its passphrase, one line, readable by its owner only", &(hand)->passphrase, NULL }, \
	{ "--open", NULL, "the network has no passphrase", NULL, &(hand)->open }, \
	{ "--radio", "NAME", "the adapter: name, address or USB path (auto)", &(hand)->radio, NULL }, \
	{ "--simulated", NULL, "a simulated radio and device, to try it", NULL, &(hand)->simulated }, \
	{ "--channels", "LIST", "where to look (1, 6, 11)", &(hand)->channels, NULL }, \
	{ "--db", "FILE", "the record; made when it is not there (millrace.db)", &(hand)->db, NULL }, \
	{ "--keys", "DIR", "folder made by millrace ca init (keys)", &(hand)->keys, NULL }, \
	{ "--operator", "NAME", "who does it, for the record (the user)", &(hand)->person, NULL }, \
	LOG_ROWS(&(hand)->log)
/* clang-format on */

/* A sentence and what to do; EXIT_UNUSABLE. */
int by_hand_unusable(const char *command, const char *what, const char *remedy);
/* Is the network named, and its passphrase? -1: go on; else the exit status, and it was said. */
int by_hand_network(const struct by_hand *hand, const char *command);
/*
 * `credentials` writes the lines of that section that are the method's own, two blanks in front of each. NULL: what was
 * wrong with the job was said.
 */
struct job *by_hand_job(const struct by_hand *hand, const char *command, void (*credentials)(FILE *to, const void *ctx),
			const void *ctx);
/* Runs it, with a line for each thing that happens; `whom`: for the first one. The exit status. */
int by_hand_run(const struct by_hand *hand, const char *command, const char *whom, const struct job *job);
/* A text of YAML, in double quotes. */
void by_hand_quote(FILE *to, const char *text);
