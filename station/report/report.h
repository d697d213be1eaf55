/*
 * The shift report of a lot, from the documented views alone: an auditor who asks the same views gets the same figures.
 * As text, as JSON, and as one file of HTML that needs nothing else, no script either.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>
#include <sqlite3.h>

#include "station/report/plot.h"

/* what the verification of the record said */
struct report_chain {
	bool good, signatures; /* anchors and certificates were checked too */
	unsigned long long rows, anchored;
	unsigned findings, certificates, receipts;
	char head[65];
	char first[300]; /* of the findings; "": none */
};

struct report {
	sqlite3 *db;
	const char *lot;
	struct report_chain chain;
	const char *made; /* when, UTC, as a text */
	char error[300];  /* of the last -1 */

	/* By report_read */
	bool simulated, test;
	char product[40], state[16];
	long quantity, units, passed, failed, quarantined, unfinished;
	double fpy, clean_pass, final_yield, report_yield; /* NAN: nothing to divide by */
	double makespan_s, bound_s, cadence_s;		   /* NAN: unknown */
	struct plot cadence, pareto, cycle, radios;
	double span_s; /* of the cadence's axis, in `span_unit` */
	const char *span_unit;
};

/* Figures and plots. 0; -1: `error`; 1: there is no such lot. */
int report_read(struct report *report);
/* Each 0, or -1 with `error`. */
int report_text(struct report *report, FILE *to, bool bold);
int report_html(struct report *report, FILE *to);
/* Into an object of the caller's. */
int report_json(struct report *report, json_t *answer);
