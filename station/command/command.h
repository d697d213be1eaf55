/*
 * One file per subcommand; command.c has the table, `--help` and the parsing of options, which are tables too.
 * Exit status everywhere: 0 done, 1 not all is well, 2 unusable input or surroundings, 130 interrupted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "station/base/log.h"

enum { EXIT_ALL_WELL = 0, EXIT_NOT_ALL_WELL = 1, EXIT_UNUSABLE = 2, EXIT_INTERRUPTED = 130 };

struct option_row {
	const char *name;  /* "--db"; positional arguments have none */
	const char *value; /* "FILE"; NULL: a switch */
	const char *sentence;
	const char **text; /* receives the value */
	bool *flag;	   /* receives the switch */
};

struct command {
	const char *name;		   /* "run", "ca init" */
	const char *usage;		   /* "JOB.yaml" */
	const char *sentence;		   /* one line for the list */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

/* Rows end with an empty one. `rest` receives the positionals (up to rest_max). Prints usage and gives the exit status
 * on an error (2, with the nearest right word) or on --help (0); -1: go on. */
int command_options(const struct command *self, const struct option_row *rows, int argc, char **argv, const char **rest,
		    size_t rest_max, size_t *rest_count);
/* Who works here: USER, else (cron and services have no USER, and it may be no name for the record) the name of the
 * user that runs us. */
#define PERSON_MAX 64
const char *command_person(char name[static PERSON_MAX]);
/* NO_COLOR, TERM=dumb, not a terminal: no colour. */
bool command_colour(FILE *to);
/* The nearest of a NULL-ended list by edit distance, or NULL when none is near. */
const char *command_nearest(const char *word, const char *const *list);
/* A command of subcommands, `millrace NAME WORD ...`: runs the one that is named, or lists them. The exit status. */
int command_group(const char *name, const char *about, const struct command *subcommands, size_t count, int argc,
		  char **argv);

/*
 * The log of a command that runs a station. `struct log_words` is what was typed, LOG_ROWS its rows among the options.
 */
struct log_words {
	const char *path, *levels;
	bool debug;
};

/* clang-format off */
#define LOG_ROWS(words) \
	{ "--log", "FILE", "append log lines to FILE; --log=-: to standard error", &(words)->path, NULL }, \
	{ "--log-level", "LEVELS", \
	  "error, warn, info (the default), debug or trace; by module: sta=debug,info; list: the modules", \
	  &(words)->levels, NULL }, \
	{ "--debug", NULL, "the same as --log-level debug", NULL, &(words)->debug }
/* clang-format on */

struct log_file {
	struct log log; /* silent without --log; real time, counted from command_log */
	uint64_t begun_us;
};
/* `--log-level list`: true: the modules were printed, and that was all. */
bool command_log_list(const struct log_words *words);
/* -1: go on, command_log_close at the end. Else the exit status: something was said. `out` must not move. */
int command_log(const char *self, const struct log_words *words, struct log_file *out);
void command_log_close(struct log_file *file);

/* --pace, 0 to 1000; false: a sentence was said. */
bool command_pace(const char *self, const char *text, double *out);
/*
 * Reads the settings and opens the control socket; `options` may have log, metrics and serve's functions. -1: go on
 * (*out is NULL when there is none and none is `wanted`; `why`, of COMMAND_WHY octets or NULL, says in a sentence why),
 * else the exit status, and what is wrong was said.
 */
#define COMMAND_WHY 400
struct control;
struct control_options;
struct settings;
int command_control(const char *self, struct control **out, struct control_options *options, const char *control,
		    const char *settings_path, struct settings *settings, bool wanted, char *why);

int command_main(int argc, char **argv);
int command_run(int argc, char **argv);
int command_dashboard(int argc, char **argv);
int command_check(int argc, char **argv);
int command_ca(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_labels(int argc, char **argv);
int command_report(int argc, char **argv);
int command_radios(int argc, char **argv);
int command_methods(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_ctl(int argc, char **argv);
int command_wps(int argc, char **argv);
int command_sniffer(int argc, char **argv);
