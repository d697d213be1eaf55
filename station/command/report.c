/*
 * millrace report: what a shift did, for people on paper and for programs. From the views of docs/audit.md; the record
 * is verified for it, and the report says so.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db/sql.h"
#include "db/verify.h"
#include "station/base/log.h"
#include "station/command/command.h"
#include "station/report/evidence.h"
#include "station/label/file.h"
#include "station/report/report.h"

#define DEFAULT_DB "millrace.db"
#define ERROR_MAX 600 /* octets; chosen: a sentence, a path and a remedy */

static int unusable(const char *sentence)
{
	fprintf(stderr, "millrace report: %s\n", sentence);
	return EXIT_UNUSABLE;
}

struct verdict {
	struct report_chain *chain;
	struct evidence *evidence;
};

static void found(void *ctx, const char *kind, const char *what)
{
	struct report_chain *chain = ((struct verdict *)ctx)->chain;
	char escaped[250];

	if (chain->findings++ == 0)
		snprintf(chain->first, sizeof(chain->first), "%s: %s", kind,
			 log_escape(escaped, sizeof(escaped), what, strlen(what)));
}

static void noted(void *ctx, const char *what) { (void)ctx, (void)what; }

static bool anchor_holds(void *ctx, const uint8_t head[static 32], const uint8_t *sig, size_t len, const char *key_id)
{
	return evidence_anchor(((struct verdict *)ctx)->evidence, head, sig, len, key_id);
}

/* The same that `millrace audit verify` does. */
static int verify_chain(sqlite3 *db, const char *keys, struct report_chain *chain, char *error, size_t error_len)
{
	struct verdict verdict = { .chain = chain };
	struct verify verify = { .found = found, .noted = noted, .ctx = &verdict };
	struct evidence_count count = { 0 };
	int rc = -1;

	if (keys && !(verdict.evidence = evidence_open(keys, error, error_len)))
		return -1;
	verify.heads = evidence_heads(verdict.evidence);
	if (verdict.evidence)
		verify.signature = anchor_holds;
	if (verify_record(db, &verify, error, error_len) == 0 &&
	    evidence_check(verdict.evidence, db, found, &verdict, &count, error, error_len) == 0) {
		chain->good = chain->findings == 0;
		chain->signatures = keys != NULL;
		chain->rows = verify.rows;
		chain->anchored = verify.anchored;
		chain->certificates = count.certificates;
		chain->receipts = count.receipts;
		for (size_t i = 0; i < sizeof(verify.head); i++)
			snprintf(chain->head + 2 * i, 3, "%02x", verify.head[i]);
		rc = 0;
	}
	evidence_close(verdict.evidence);
	return rc;
}

/* The only lot there is needs no name. */
static char *only_lot(sqlite3 *db)
{
	sqlite3_stmt *row = sql_prepare(db, "only_lot");
	char *lot = NULL;

	if (row && sqlite3_step(row) == SQLITE_ROW)
		lot = strdup((const char *)sqlite3_column_text(row, 0));
	sqlite3_finalize(row);
	return lot;
}

static int write_html(struct report *report, const char *path)
{
	char *text = NULL, error[ERROR_MAX] = "no memory is left";
	size_t len = 0;
	FILE *page = open_memstream(&text, &len);
	int rc = page ? report_html(report, page) : -1;

	if (page && fclose(page) != 0)
		rc = -1;
	if (rc != 0 && *report->error)
		snprintf(error, sizeof(error), "%s", report->error);
	if (rc == 0 && strcmp(path, "-") == 0)
		rc = fwrite(text, 1, len, stdout) == len && fflush(stdout) == 0 ? 0 : -1;
	else if (rc == 0)
		rc = file_write_whole(path, text, len, error, sizeof(error));
	free(text);
	return rc == 0 ? -1 : unusable(error);
}

static int write_json(struct report *report)
{
	json_t *answer = json_object();
	int rc = answer ? report_json(report, answer) : -1;

	if (rc == 0) {
		(void)json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(answer);
	return rc == 0 ? -1 : unusable(report->error);
}

static int missing(const char *lot)
{
	char escaped[160];

	log_escape(escaped, sizeof(escaped), lot, strlen(lot));
	fprintf(stderr, "millrace report: lot \"%s\" is not on record; millrace audit batch lists those that are\n",
		escaped);
	return EXIT_NOT_ALL_WELL;
}

static int run(sqlite3 *db, const char *lot, const char *keys, const char *html, bool json)
{
	struct report report = { .db = db, .lot = lot };
	char error[ERROR_MAX] = "", made[40];
	time_t now = time(NULL);
	struct tm utc;
	int rc, result = -1;

	strftime(made, sizeof(made), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	report.made = made;
	rc = report_read(&report);
	if (rc != 0)
		return rc > 0 ? missing(lot) : unusable(report.error);
	if (verify_chain(db, keys, &report.chain, error, sizeof(error)) != 0)
		return unusable(error);
	if (html)
		result = write_html(&report, html);
	if (result < 0 && json)
		result = write_json(&report);
	if (result < 0 && !html && !json && report_text(&report, stdout, command_colour(stdout)) != 0)
		result = unusable(report.error);
	if (result < 0 && html && strcmp(html, "-") != 0 && !json)
		printf("%s\n", html);
	return result >= 0 ? result : report.chain.good ? EXIT_ALL_WELL : EXIT_NOT_ALL_WELL;
}

int command_report(int argc, char **argv)
{
	static const struct command self = { "report", "[LOT]", "the shift report of a lot, as text, HTML or JSON",
					     command_report };
	const char *db_path = DEFAULT_DB, *keys = NULL, *html = NULL, *rest[1] = { NULL }, *lot;
	bool json = false;
	const struct option_row rows[] = {
		{ "--db", "FILE", "the database (millrace.db)", &db_path, NULL },
		{ "--html", "FILE", "one page that needs nothing else; - is the output", &html, NULL },
		{ "--json", NULL, "one JSON object", NULL, &json },
		{ "--keys", "DIR", "checks the signatures of CA and station too", &keys, NULL },
		{ 0 },
	};
	char error[ERROR_MAX] = "", *only = NULL;
	sqlite3 *db = NULL;
	size_t count = 0;
	int result = command_options(&self, rows, argc, argv, rest, 1, &count);

	if (result >= 0)
		return result;
	if (reader_open(&db, db_path, error, sizeof(error)) != 0)
		return unusable(error);
	lot = count ? rest[0] : (only = only_lot(db));
	result = lot ? run(db, lot, keys, html, json) : unusable("say which lot; millrace audit batch lists them");
	free(only);
	sqlite3_close(db);
	return result;
}
