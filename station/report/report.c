#include "station/report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "db/sql.h"
#include "station/base/log.h"
#include "station/report/sheet.h"
#include "station/report/page.h"

/* The sections, in the order of the page. */
static const struct section {
	const char *query; /* of db/queries, by :lot */
	const char *title, *key;
	bool fields; /* one row, as name and value */
	bool wanted; /* said also when it is empty */
	const char *nothing;
} sections[] = {
	{ "yield", "Yield", "yield", false, true, NULL },
	{ "not_proven", "What was not proven", "not_proven", false, false, NULL },
	{ "pareto", "What went wrong", "pareto", false, true, "Every attempt passed." },
	{ "cycle", "Times", "cycle", false, true, "Nothing passed." },
	{ "cadence", "Cadence", "cadence", false, false, NULL },
	{ "radios", "Radios", "radios", false, true, "No radio worked." },
	{ "guards", "Guards", "guards", false, true, "No guard stopped the line." },
	{ "pauses", "Pauses", "pauses", false, true, "Admission never paused." },
	{ "overrides", "Orders by hand", "overrides", false, true, "Nobody went against the usual way." },
	{ "failed", "Units that did not pass", "failed", false, true, "Every unit passed." },
	{ "label_coverage", "Labels", "labels", false, true, "No label was printed." },
	{ "reprints", "Labels printed again", "reprints", false, false, NULL },
	{ "label_scans", "Scans that were not right", "label_scans", false, false, NULL },
	{ "pin_openings", "PINs that were opened", "pin_openings", false, false, NULL },
	{ "orphans", "What must not be", "orphans", false, true, "Nothing contradicts itself." },
	{ "batch", "Lot", "batch", true, true, NULL },
	{ "sessions", "Sessions", "sessions", false, true, NULL },
};

#define SECTION_COUNT (sizeof(sections) / sizeof(sections[0]))

static int fail(struct report *report)
{
	snprintf(report->error, sizeof(report->error), "the record cannot be read: %s", sqlite3_errmsg(report->db));
	return -1;
}

/* One of db/queries, about this lot. */
static sqlite3_stmt *prepare(struct report *report, const char *query)
{
	sqlite3_stmt *statement = sql_prepare(report->db, query);

	if (!statement)
		return NULL;
	sqlite3_bind_text(statement, sqlite3_bind_parameter_index(statement, ":lot"), report->lot, -1, SQLITE_STATIC);
	return statement;
}

/* --- figures --- */

static double real_or_nan(sqlite3_stmt *row, int column)
{
	return sqlite3_column_type(row, column) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(row, column);
}

static void take_text(char *out, size_t cap, sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	log_escape(out, cap, text ? text : "", text ? strlen(text) : 0);
}

static int read_head(struct report *report)
{
	sqlite3_stmt *row = prepare(report, "report_head");
	int rc = row ? sqlite3_step(row) : SQLITE_ERROR;

	if (rc == SQLITE_ROW) {
		long *counts[] = { &report->quantity, &report->units,	    &report->passed,
				   &report->failed,   &report->quarantined, &report->unfinished };

		take_text(report->product, sizeof(report->product), row, 0);
		take_text(report->state, sizeof(report->state), row, 1);
		for (int i = 0; i < 6; i++)
			*counts[i] = (long)sqlite3_column_int64(row, 2 + i);
		report->simulated = sqlite3_column_int(row, 8) != 0;
		report->test = sqlite3_column_int(row, 9) != 0;
		report->makespan_s = real_or_nan(row, 10);
		report->bound_s = real_or_nan(row, 11);
	}
	sqlite3_finalize(row);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : fail(report);
}

static int read_yield(struct report *report)
{
	sqlite3_stmt *row = prepare(report, "report_yield");
	int rc = row ? sqlite3_step(row) : SQLITE_ERROR;

	if (rc == SQLITE_ROW) {
		report->fpy = real_or_nan(row, 0);
		report->clean_pass = real_or_nan(row, 1);
		report->final_yield = real_or_nan(row, 2);
		report->report_yield = real_or_nan(row, 3);
		report->cadence_s = real_or_nan(row, 4);
	}
	sqlite3_finalize(row);
	return rc == SQLITE_ROW ? 0 : fail(report);
}

static void time_label(char *out, size_t cap, double us)
{
	if (us < 1e3)
		snprintf(out, cap, "%.0f us", us);
	else if (us < 1e6)
		snprintf(out, cap, "%.1f ms", us / 1e3);
	else
		snprintf(out, cap, "%.2f s", us / 1e6);
}

static int read_pareto(struct report *report)
{
	enum { CAUSES = 10 };
	sqlite3_stmt *row = prepare(report, "pareto");
	struct plot *plot = &report->pareto;
	int rc = SQLITE_ERROR;

	*plot = (struct plot){ .id = "pareto", .title = "Attempts that did not pass, by cause" };
	while (row && (rc = sqlite3_step(row)) == SQLITE_ROW && plot->count < CAUSES) {
		struct plot_bar *bar = &plot->bars[plot->count++];
		char cause[40], step[20];

		take_text(cause, sizeof(cause), row, 2);
		take_text(step, sizeof(step), row, 1);
		snprintf(bar->name, sizeof(bar->name), "%.38s, %.18s", cause, *step ? step : "no step");
		bar->value = sqlite3_column_double(row, 3);
		bar->second = (double)NAN;
		snprintf(bar->label, sizeof(bar->label), "%.0f, %.0f %% so far", bar->value,
			 100 * sqlite3_column_double(row, 6));
	}
	sqlite3_finalize(row);
	if (plot->count)
		snprintf(plot->words, sizeof(plot->words), "The most frequent: %s, %.0f times.", plot->bars[0].name,
			 plot->bars[0].value);
	else
		snprintf(plot->words, sizeof(plot->words), "Every attempt passed.");
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : fail(report);
}

static int read_cycle(struct report *report)
{
	sqlite3_stmt *row = prepare(report, "cycle");
	struct plot *plot = &report->cycle;
	int rc = SQLITE_ERROR;

	*plot = (struct plot){
		.id = "cycle",
		.title = "Times of passed attempts and their parts: the median as a bar, the 95th percentile as a mark"
	};
	while (row && (rc = sqlite3_step(row)) == SQLITE_ROW && plot->count < PLOT_BARS_MAX) {
		struct plot_bar *bar = &plot->bars[plot->count++];
		char half[24], most[24];

		take_text(bar->name, sizeof(bar->name), row, 0);
		bar->value = sqlite3_column_double(row, 2) / 1e3;
		bar->second = sqlite3_column_double(row, 3) / 1e3;
		time_label(half, sizeof(half), sqlite3_column_double(row, 2));
		time_label(most, sizeof(most), sqlite3_column_double(row, 3));
		snprintf(bar->label, sizeof(bar->label), "%s, %s", half, most);
	}
	sqlite3_finalize(row);
	if (plot->count)
		snprintf(plot->words, sizeof(plot->words),
			 "Half of the attempts that passed took at most, and 95 %% at most: %s.", plot->bars[0].label);
	else
		snprintf(plot->words, sizeof(plot->words), "Nothing passed.");
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : fail(report);
}

static int read_radios(struct report *report)
{
	sqlite3_stmt *row = prepare(report, "radios");
	struct plot *plot = &report->radios;
	const struct plot_bar *lowest = NULL;
	int rc = SQLITE_ERROR;

	*plot = (struct plot){ .id = "radios",
			       .title = "Attempts that passed, by radio: health of the station, not of the product" };
	while (row && (rc = sqlite3_step(row)) == SQLITE_ROW && plot->count < PLOT_BARS_MAX) {
		struct plot_bar *bar = &plot->bars[plot->count++];
		char name[40];

		take_text(name, sizeof(name), row, 1);
		snprintf(bar->name, sizeof(bar->name), "%s, session %lld", name,
			 (long long)sqlite3_column_int64(row, 0));
		bar->value = 100 * sqlite3_column_double(row, 4);
		bar->second = (double)NAN;
		snprintf(bar->label, sizeof(bar->label), "%.1f %% of %lld", bar->value,
			 (long long)sqlite3_column_int64(row, 2));
		if (sqlite3_column_int64(row, 2) == 0)
			snprintf(bar->label, sizeof(bar->label), "no attempt");
		else if (!lowest || bar->value < lowest->value)
			lowest = bar;
	}
	sqlite3_finalize(row);
	if (lowest)
		snprintf(plot->words, sizeof(plot->words), "The lowest: %s, %s attempts.", lowest->name, lowest->label);
	else
		snprintf(plot->words, sizeof(plot->words), "No radio worked.");
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : fail(report);
}

/* Passes in equal parts of the running time. */
static int read_cadence(struct report *report)
{
	enum { PARTS = 24 };
	sqlite3_stmt *row = prepare(report, "passes");
	struct plot *plot = &report->cadence;
	double *times = NULL, last = 0, unit = 1e6, most = 0;
	size_t count = 0, cap = 0;
	int rc = SQLITE_ERROR;

	*plot = (struct plot){ .id = "cadence", .title = "Units that passed, over the running time" };
	while (row && (rc = sqlite3_step(row)) == SQLITE_ROW) {
		if (count == cap) {
			double *grown = realloc(times, (cap = cap ? 2 * cap : 256) * sizeof(*times));

			if (!grown)
				break;
			times = grown;
		}
		times[count] = sqlite3_column_double(row, 0);
		last = fmax(last, times[count++]);
	}
	sqlite3_finalize(row);
	report->span_unit = last >= 7200e6 ? "hours" : last >= 120e6 ? "minutes" : "seconds";
	unit = last >= 7200e6 ? 3600e6 : last >= 120e6 ? 60e6 : 1e6;
	report->span_s = last > 0 ? last / unit : 1;
	plot->count = count ? PARTS : 0;
	for (size_t i = 0; i < plot->count; i++) {
		snprintf(plot->bars[i].name, sizeof(plot->bars[i].name), "%.1f to %.1f",
			 report->span_s * (double)i / PARTS, report->span_s * (double)(i + 1) / PARTS);
		plot->bars[i].second = (double)NAN;
	}
	for (size_t i = 0; i < count; i++) {
		size_t part = last > 0 ? (size_t)fmax(0, times[i] / last * PARTS) : 0;

		plot->bars[part < PARTS ? part : PARTS - 1].value++;
	}
	for (size_t i = 0; i < plot->count; i++) {
		most = fmax(most, plot->bars[i].value);
		snprintf(plot->bars[i].label, sizeof(plot->bars[i].label), "%.0f", plot->bars[i].value);
	}
	free(times);
	if (count)
		snprintf(plot->words, sizeof(plot->words), "%zu units in %.1f %s, at most %.0f in a part of %.2f %s.",
			 count, report->span_s, report->span_unit, most, report->span_s / PARTS, report->span_unit);
	else
		snprintf(plot->words, sizeof(plot->words), "No unit passed.");
	return rc == SQLITE_DONE ? 0 : fail(report);
}

int report_read(struct report *report)
{
	int rc = read_head(report);

	if (rc != 0)
		return rc;
	if (read_yield(report) != 0 || read_cadence(report) != 0 || read_pareto(report) != 0 ||
	    read_cycle(report) != 0 || read_radios(report) != 0)
		return -1;
	return 0;
}

/* --- text --- */

static void print_share(FILE *to, const char *name, double share)
{
	if (isnan(share))
		fprintf(to, "%s -", name);
	else
		fprintf(to, "%s %.1f %%", name, 100 * share);
}

static void print_chain(const struct report_chain *chain, FILE *to)
{
	fprintf(to, "\nRecord\nchain of %llu rows, signed up to row %llu, head %s\n", chain->rows, chain->anchored,
		chain->head);
	if (chain->good)
		fprintf(to, "It holds together: %u certificates and %u receipts looked at%s.\n", chain->certificates,
			chain->receipts,
			chain->signatures ? ", signatures checked"
					  : "; signatures of CA and station were not (--keys DIR)");
	else
		fprintf(to, "WRONG: %u thing%s in the record %s not what the station wrote; the first: %s\n",
			chain->findings, chain->findings == 1 ? "" : "s", chain->findings == 1 ? "is" : "are",
			chain->first);
}

static int print_section(struct report *report, const struct section *section, FILE *to, bool bold)
{
	sqlite3_stmt *statement = prepare(report, section->query);
	long rows = 0;
	bool any;

	if (!statement)
		return fail(report);
	any = sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_reset(statement);
	if (any || section->wanted)
		fprintf(to, "\n%s%s%s\n", bold ? "\033[1m" : "", section->title, bold ? "\033[0m" : "");
	if (any)
		rows = section->fields ? sheet_print_fields(to, statement, false) : sheet_print(to, statement, false);
	else if (section->wanted && section->nothing)
		fprintf(to, "%s\n", section->nothing);
	sqlite3_finalize(statement);
	return rows < 0 ? fail(report) : 0;
}

int report_text(struct report *report, FILE *to, bool bold)
{
	char lot[160];

	log_escape(lot, sizeof(lot), report->lot, strlen(report->lot));
	fprintf(to,
		"SHIFT REPORT  lot %s, %s%s, %s\nmade %s\n\n%ld of %ld passed, %ld failed, %ld quarantined, %ld "
		"unfinished\n",
		lot, report->product,
		report->simulated ? " (SIMULATED)"
		: report->test	  ? " (TEST)"
				  : "",
		report->state, report->made, report->passed, report->quantity, report->failed, report->quarantined,
		report->unfinished);
	print_share(to, "first pass yield", report->fpy);
	print_share(to, ", clean", report->clean_pass);
	print_share(to, ", final", report->final_yield);
	if (!isnan(report->cadence_s))
		fprintf(to, ", a unit every %.2f s", report->cadence_s);
	fputc('\n', to);
	for (size_t i = 0; i < SECTION_COUNT; i++) {
		if (print_section(report, &sections[i], to, bold) != 0)
			return -1;
		if (strcmp(sections[i].key, "cadence") == 0 && report->cadence.count) {
			fprintf(to, "\nPassed, by %s of running time\n", report->span_unit);
			plot_print(to, &report->cadence);
		}
	}
	print_chain(&report->chain, to);
	return 0;
}

/* --- JSON --- */

int report_json(struct report *report, json_t *answer)
{
	const struct report_chain *chain = &report->chain;
	json_t *bins = json_array();

	for (size_t i = 0; i < SECTION_COUNT; i++) {
		sqlite3_stmt *statement = prepare(report, sections[i].query);
		json_t *rows = statement ? sheet_json(statement) : NULL;

		sqlite3_finalize(statement);
		if (!rows || json_object_set_new(answer, sections[i].key, rows) != 0) {
			json_decref(bins);
			return fail(report);
		}
	}
	for (size_t i = 0; i < report->cadence.count; i++)
		json_array_append_new(bins, json_integer((json_int_t)report->cadence.bars[i].value));
	json_object_set_new(
		answer, "cadence_plot",
		json_pack("{s:f, s:s, s:o}", "span", report->span_s, "unit", report->span_unit, "passed", bins));
	json_object_set_new(answer, "chain",
			    json_pack("{s:b, s:I, s:I, s:s, s:I, s:b, s:s}", "good", chain->good, "rows",
				      (json_int_t)chain->rows, "anchored_row", (json_int_t)chain->anchored, "head",
				      chain->head, "findings", (json_int_t)chain->findings, "signatures_checked",
				      chain->signatures, "first_finding", chain->first));
	json_object_set_new(answer, "made", json_string(report->made));
	return 0;
}

/* --- HTML --- */

static int html_section(struct report *report, const struct section *section, FILE *to)
{
	sqlite3_stmt *statement = prepare(report, section->query);
	long rows = 0;
	bool any;

	if (!statement)
		return fail(report);
	any = sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_reset(statement);
	if (any || section->wanted) {
		fprintf(to, "<section id=\"%s\"><h2>%s</h2>\n", section->key, section->title);
		if (strcmp(section->key, "pareto") == 0 && report->pareto.count)
			plot_lying(to, &report->pareto);
		if (strcmp(section->key, "cycle") == 0 && report->cycle.count)
			plot_lying(to, &report->cycle);
		if (strcmp(section->key, "radios") == 0 && report->radios.count)
			plot_lying(to, &report->radios);
		if (strcmp(section->key, "cadence") == 0 && report->cadence.count)
			plot_standing(to, &report->cadence, report->span_s, report->span_unit, "units");
		if (any)
			rows = section->fields ? sheet_html_fields(to, statement)
					       : sheet_html(to, statement, section->title);
		else if (section->nothing)
			fprintf(to, "<p>%s</p>\n", section->nothing);
		fputs("</section>\n", to);
	}
	sqlite3_finalize(statement);
	return rows < 0 ? fail(report) : 0;
}

int report_html(struct report *report, FILE *to)
{
	page_head(report, to);
	for (size_t i = 0; i < SECTION_COUNT; i++)
		if (html_section(report, &sections[i], to) != 0)
			return -1;
	page_foot(report, to);
	return 0;
}
