#include "station/command/check.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "station/command/command.h"
#include "station/control/settings.h"
#include "station/job/keys.h"

void check_add(struct check_report *report, const char *name, enum check_state state, const char *remedy,
	       const char *format, ...)
{
	struct check_row *row = &report->rows[report->count];
	va_list args;

	if (report->count == CHECK_ROWS_MAX) {
		if (state != CHECK_FAIL)
			return;
		row = &report->rows[CHECK_ROWS_MAX - 1];
	} else {
		report->count++;
	}
	*row = (struct check_row){ .name = name, .state = state };
	snprintf(row->remedy, sizeof(row->remedy), "%s", remedy ? remedy : "");
	va_start(args, format);
	vsnprintf(row->text, sizeof(row->text), format, args);
	va_end(args);
}

static bool check_failed(const struct check_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		if (report->rows[i].state == CHECK_FAIL)
			return true;
	return false;
}

static const char *state_name(enum check_state state)
{
	switch (state) {
	case CHECK_OK: return "ok";
	case CHECK_WARN: return "warn";
	case CHECK_FAIL: return "FAIL";
	}
	return "?";
}

static const char *state_colour(enum check_state state)
{
	switch (state) {
	case CHECK_OK: return "\033[32m";
	case CHECK_WARN: return "\033[33m";
	case CHECK_FAIL: return "\033[31m";
	}
	return "";
}

static void hex(const uint8_t sha256[static 32], char out[static 65])
{
	for (size_t i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", sha256[i]);
}

static void print_report(const char *path, const struct job *job, const struct check_report *report)
{
	bool colour = command_colour(stdout);
	size_t failed = 0;
	char digest[65];

	hex(job->sha256, digest);
	printf("%s: a good job, SHA-256 %s\n", path, digest);
	for (size_t i = 0; i < report->count; i++) {
		const struct check_row *row = &report->rows[i];

		failed += row->state == CHECK_FAIL;
		printf("  %s%-4s%s  %-11s %s\n", colour ? state_colour(row->state) : "", state_name(row->state),
		       colour ? "\033[0m" : "", row->name, row->text);
		if (*row->remedy)
			printf("                    -> %s\n", row->remedy);
	}
	if (failed)
		printf("%zu of %zu checks failed: the batch cannot run.\n", failed, report->count);
	else
		printf("ready: millrace run %s\n", path);
}

/* Free text may hold octets of a file name that are no UTF-8, which JSON cannot. */
static json_t *text_json(const char *text)
{
	json_t *string = json_string(text);

	return string ? string : json_string("(not UTF-8)");
}

static void print_json(const char *path, const struct job *job, const struct job_errors *errors,
		       const struct check_report *report)
{
	json_t *out = json_object(), *list = json_array(), *checks = json_array();
	char digest[65] = "";

	if (job)
		hex(job->sha256, digest);
	for (size_t i = 0; i < errors->count; i++)
		json_array_append_new(list, text_json(errors->text[i]));
	for (size_t i = 0; i < report->count; i++) {
		json_t *row = json_object();

		json_object_set_new(row, "check", json_string(report->rows[i].name));
		json_object_set_new(
			row, "state",
			json_string(report->rows[i].state == CHECK_FAIL ? "fail" : state_name(report->rows[i].state)));
		json_object_set_new(row, "text", text_json(report->rows[i].text));
		if (*report->rows[i].remedy)
			json_object_set_new(row, "remedy", text_json(report->rows[i].remedy));
		json_array_append_new(checks, row);
	}
	json_object_set_new(out, "job", text_json(path));
	json_object_set_new(out, "ok", json_boolean(job && !check_failed(report)));
	if (job)
		json_object_set_new(out, "sha256", json_string(digest));
	json_object_set_new(out, "errors", list);
	json_object_set_new(out, "checks", checks);
	json_dumpf(out, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(out);
}

static int print_reference(void)
{
	printf("| key | what | allowed | default | meaning |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < job_key_count; i++)
		printf("%s\n", job_key_reference(&job_keys[i]).text);
	return EXIT_ALL_WELL;
}

int command_check(int argc, char **argv)
{
	static const struct command self = {
		"check", "JOB.yaml", "Checks a job, and what it needs: keys, serial numbers, disk, clock, radios",
		command_check
	};
	const char *path = NULL, *db = "millrace.db", *keys = NULL;
	bool json = false, reference = false;
	const struct option_row rows[] = {
		{ "--db", "FILE", "the record that the batch will go to (millrace.db)", &db, NULL },
		{ "--keys", "DIR", "folder made by millrace ca init, instead of the job's", &keys, NULL },
		{ "--json", NULL, "one JSON object", NULL, &json },
		{ "--keys-reference", NULL, "print the table of everything a job may say", NULL, &reference },
		{ 0 },
	};
	struct check_report report = { 0 };
	struct job_errors errors, of_settings;
	struct settings settings;
	struct job *job;
	size_t count = 0;
	int status = command_options(&self, rows, argc, argv, &path, 1, &count);

	if (status >= 0)
		return status;
	if (reference)
		return print_reference();
	if (count != 1) {
		fprintf(stderr, "millrace check: name the job: millrace check JOB.yaml\n");
		return EXIT_UNUSABLE;
	}
	job = job_load(path, &errors);
	/* What is wrong with the settings is for `run` and `serve` to say; their folders are what a file is judged by.
	 */
	if (job && settings_load(NULL, &settings, &of_settings) && settings.has_job_files)
		job->reach = &settings.files;
	if (job) {
		struct check_context context = { .job = job, .db = db, .keys = keys, .report = &report };

		check_surroundings(&context);
		check_radios(&context);
		check_load(&context);
	}
	if (json)
		print_json(path, job, &errors, &report);
	else if (job)
		print_report(path, job, &report);
	for (size_t i = 0; !json && i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.text[i]);
	status = job && !check_failed(&report) ? EXIT_ALL_WELL : EXIT_UNUSABLE;
	job_destroy(job);
	return status;
}
