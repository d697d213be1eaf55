/*
 * The figures of a benchmark: a list in a JSON file, and a line for each on standard output. What is not below the
 * prefix is left out, in both.
 *
 *	figures_begin | figures_go_on -> figures_wanted, figures_report ... -> figures_end
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct figures {
	const char *path, *prefix; /* caller's, until figures_end; prefix "": all of them */
	json_t *list;
};

/* An empty list; what is in the file will be replaced. No memory: ends the program with a message, as all of them do.
 */
void figures_begin(struct figures *f, const char *path, const char *prefix);
/* The list that the file has, to add to; an empty one where it has none. */
void figures_go_on(struct figures *f, const char *path, const char *prefix);
/* Whether some figure whose name begins with `area` can be below the prefix: otherwise it need not be measured. */
bool figures_wanted(const struct figures *f, const char *area);
/* `target` below zero: none. `lower`: the target is the most that it may be, otherwise the least. */
void figures_report(struct figures *f, const char *name, double value, const char *unit, double target, bool lower);
/* Writes the file and frees the list. False: it cannot be written, which standard error says. */
bool figures_end(struct figures *f);

/* In ascending order. */
void figures_sort(double *values, size_t count);
