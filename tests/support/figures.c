#include "tests/support/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void no_memory(void)
{
	fputs("bench: no memory\n", stderr);
	exit(2);
}

void figures_begin(struct figures *f, const char *path, const char *prefix)
{
	*f = (struct figures){ .path = path, .prefix = prefix, .list = json_array() };
	if (!f->list)
		no_memory();
}

void figures_go_on(struct figures *f, const char *path, const char *prefix)
{
	json_t *list = json_load_file(path, 0, NULL);

	if (!json_is_array(list)) {
		json_decref(list);
		figures_begin(f, path, prefix);
		return;
	}
	*f = (struct figures){ .path = path, .prefix = prefix, .list = list };
}

bool figures_wanted(const struct figures *f, const char *area)
{
	return strncmp(area, f->prefix, strlen(f->prefix)) == 0 || strncmp(area, f->prefix, strlen(area)) == 0;
}

void figures_report(struct figures *f, const char *name, double value, const char *unit, double target, bool lower)
{
	json_t *row;

	if (strncmp(name, f->prefix, strlen(f->prefix)) != 0)
		return;
	row = json_pack("{s:s, s:f, s:s, s:o, s:s}", "name", name, "value", value, "unit", unit, "target",
			target < 0 ? json_null() : json_real(target), "better", lower ? "lower" : "higher");
	if (!row || json_array_append_new(f->list, row) != 0)
		no_memory();
	printf("%-46s %14.4f %-10s", name, value, unit);
	if (target >= 0)
		printf(" %s %g%s", lower ? "<=" : ">=", target,
		       (lower ? value <= target : value >= target) ? "" : "  MISSED");
	printf("\n");
	fflush(stdout);
}

bool figures_end(struct figures *f)
{
	bool written = json_dump_file(f->list, f->path, JSON_INDENT(1)) == 0;

	if (!written)
		fprintf(stderr, "bench: %s cannot be written\n", f->path);
	json_decref(f->list);
	*f = (struct figures){ .list = NULL };
	return written;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void figures_sort(double *values, size_t count) { qsort(values, count, sizeof(values[0]), by_size); }
