/*
 * `millrace check`: what is looked at before a batch, one row each. The looks are grouped by what they need; each adds
 * its rows to the report and changes nothing in the world.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "station/job/job.h"

enum check_state { CHECK_OK, CHECK_WARN, CHECK_FAIL };

struct check_row {
	const char *name; /* "ca", "radios", ... */
	enum check_state state;
	char text[400];
	char remedy[400]; /* "": none needed */
};

#define CHECK_ROWS_MAX 64 /* chosen: above the rows of today with one for each radio */

struct check_report {
	size_t count;
	struct check_row rows[CHECK_ROWS_MAX];
};

struct check_context {
	const struct job *job;
	const char *db;	  /* path */
	const char *keys; /* folder; NULL: the job's */
	struct check_report *report;
	size_t radios; /* that can serve; check_radios fills it in */
};

/* Rows after the last are dropped, but a failure never is: it takes the last row's place. */
void check_add(struct check_report *report, const char *name, enum check_state state, const char *remedy,
	       const char *format, ...) __attribute__((format(printf, 5, 6)));

/* check_surroundings.c: clock, keys, CA, serial numbers, passphrase, files, disk, database. */
void check_surroundings(const struct check_context *context);
/* check_radios.c: simulated ones exist and hear the channels; real ones are there, usable, permitted. */
void check_radios(struct check_context *context);
/* check_load.c: what the batch asks of the air and of the signer. */
void check_load(const struct check_context *context);
