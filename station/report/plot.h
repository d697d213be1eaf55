/*
 * Plots as inline SVG: bars, and bars with a second figure. Colours come from the page (classes), so that they follow
 * light, dark and paper; each says in words what it shows (title, desc), for those who do not see it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define PLOT_BARS_MAX 48

struct plot_bar {
	char name[64];
	double value, second; /* second: as the plot says; NAN: none */
	char label[64];	      /* beside the bar */
};

struct plot {
	const char *id, *title;
	char words[600]; /* what it shows, in a sentence */
	size_t count;
	struct plot_bar bars[PLOT_BARS_MAX];
};

/* Lying bars, names on the left, labels on the right. `second`: a mark at that value, as p95 beside p50. */
void plot_lying(FILE *to, const struct plot *plot);
/* Standing bars over an axis from 0 to `span`; `unit` is its unit. Names are not drawn. */
void plot_standing(FILE *to, const struct plot *plot, double span, const char *unit, const char *each);
/* The same in a terminal: a line for each bar. */
void plot_print(FILE *to, const struct plot *plot);
