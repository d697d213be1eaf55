/* `millrace ctl`: from a script or a shell, what the dashboard's keys do. One request over the control socket, one
 * answer. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "station/base/log.h"
#include "station/command/command.h"
#include "station/control/remote.h"
#include "station/control/request.h"

#define WORDS_MAX 1001	/* an order and REQUEST_UNITS_MAX units */
#define ANSWER_MS 30000 /* chosen: a disk that has not committed an order by then is broken */

static const struct action {
	const char *name, *words, *sentence;
	enum request_kind kind;
} actions[] = {
	{ "status", "", "what the line does", REQUEST_STATUS },
	{ "run", "JOB.yaml", "queue a job (millrace serve)", REQUEST_RUN },
	{ "jobs", "", "the jobs that wait, run or are over", REQUEST_JOBS },
	{ "cancel", "JOB", "take a job that waits out of the queue", REQUEST_CANCEL },
	{ "pause", "", "admit no device any more; those in hand finish", REQUEST_PAUSE },
	{ "resume", "", "go on, and override a guard", REQUEST_RESUME },
	{ "stop", "", "end the run when the devices in hand have finished", REQUEST_STOP },
	{ "abort", "", "end the run now", REQUEST_ABORT },
	{ "retry", "UNIT...", "one more attempt for a failed unit", REQUEST_RETRY },
	{ "quarantine", "UNIT...", "put a unit aside", REQUEST_QUARANTINE },
	{ "release", "UNIT...", "take a unit out of quarantine (a lead)", REQUEST_RELEASE },
	{ "ack", "BANNER", "acknowledge a banner", REQUEST_ACK },
	{ "device", "UNIT", "all that the live line knows about a unit", REQUEST_DEVICE },
};

#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

struct ctl {
	struct remote *remote;
	const struct action *action;
	const char *const *words;
	size_t count;
	const char *reason, *badge, *db;
	bool json, wait, stay;
};

static void out(const char *text)
{
	char escaped[600];

	fputs(log_escape(escaped, sizeof(escaped), text ? text : "", text ? strlen(text) : 0), stdout);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static json_int_t number_of(const json_t *o, const char *key) { return json_integer_value(json_object_get(o, key)); }

/* --- what is asked --- */

/* "12" and "#12" are numbers of units, something with five colons is a MAC, the rest serial numbers. */
static bool add_units(const struct ctl *c, json_t *o)
{
	json_t *list = json_array();
	const char *word = c->words[0];
	char *end;

	for (size_t i = 0; i < c->count; i++) {
		long long n = strtoll(c->words[i] + (c->words[i][0] == '#'), &end, 10);

		if (*end || n < 1)
			break;
		(void)json_array_append_new(list, json_integer(n));
	}
	if (json_array_size(list) == c->count) {
		(void)json_object_set_new(o, c->action->kind == REQUEST_DEVICE ? "unit" : "units",
					  c->action->kind == REQUEST_DEVICE ? json_incref(json_array_get(list, 0))
									    : json_incref(list));
		json_decref(list);
		return true;
	}
	json_decref(list);
	if (c->count != 1) {
		fprintf(stderr, "millrace ctl: several units are named by their numbers, as the status has them\n");
		return false;
	}
	return json_object_set_new(o, strlen(word) == 17 && word[2] == ':' ? "mac" : "serial", json_string(word)) == 0;
}

static bool add_words(const struct ctl *c, json_t *o)
{
	char path[PATH_MAX];

	switch (c->action->kind) {
	case REQUEST_RUN:
		if (!realpath(c->words[0], path)) {
			fprintf(stderr, "millrace ctl: %s: cannot be read; name a job file\n", c->words[0]);
			return false;
		}
		(void)json_object_set_new(o, "job", json_string(path));
		if (c->db)
			(void)json_object_set_new(o, "db", json_string(c->db));
		if (c->stay)
			(void)json_object_set_new(o, "stay", json_true());
		return true;
	case REQUEST_CANCEL:
	case REQUEST_ACK:
		return json_object_set_new(o, c->action->kind == REQUEST_ACK ? "banner" : "job",
					   json_integer(strtoll(c->words[0], NULL, 10))) == 0;
	case REQUEST_RETRY:
	case REQUEST_QUARANTINE:
	case REQUEST_RELEASE:
	case REQUEST_DEVICE: return add_units(c, o);
	default: return true;
	}
}

/* --- what is answered --- */

static void print_error(const json_t *error)
{
	const char *remedy = text_of(error, "remedy");

	printf("%s", "refused: ");
	out(text_of(error, "sentence"));
	if (remedy[0]) {
		fputs("; ", stdout);
		out(remedy);
	}
	printf("\n");
}

static void print_jobs(const json_t *jobs)
{
	size_t i;
	json_t *job;

	for (i = 0; i < json_array_size(jobs) && (job = json_array_get(jobs, i)) != NULL; i++) {
		printf("job %-4" JSON_INTEGER_FORMAT " %-10s ", number_of(job, "job"), text_of(job, "state"));
		out(text_of(job, "lot"));
		printf("  ");
		out(text_of(job, "path"));
		printf("  %s\n", text_of(job, "text"));
	}
}

static void print_share(const char *name, const json_t *value)
{
	if (json_is_number(value))
		printf("%s %.1f %%  ", name, 100 * json_number_value(value));
}

static void print_radios(const json_t *radios)
{
	json_t *r;
	size_t i;

	for (i = 0; i < json_array_size(radios) && (r = json_array_get(radios, i)) != NULL; i++)
		printf("  %-10s %-8s ch %-3" JSON_INTEGER_FORMAT " %3" JSON_INTEGER_FORMAT
		       " in hand  air %3.0f %%  passed %" JSON_INTEGER_FORMAT " failed %" JSON_INTEGER_FORMAT "\n",
		       text_of(r, "radio"), text_of(r, "state"), number_of(r, "channel"), number_of(r, "sessions"),
		       100 * json_number_value(json_object_get(r, "airtime")), number_of(r, "passed"),
		       number_of(r, "failed"));
}

static void print_banners(const json_t *banners)
{
	json_t *b;
	size_t i;

	for (i = 0; i < json_array_size(banners) && (b = json_array_get(banners, i)) != NULL; i++) {
		printf("BANNER %" JSON_INTEGER_FORMAT " %s: ", number_of(b, "banner"), text_of(b, "kind"));
		out(text_of(b, "serial"));
		printf("%s%s; %s\n", text_of(b, "serial")[0] ? " " : "", text_of(b, "sentence"), text_of(b, "remedy"));
	}
}

static void print_lot(const json_t *h)
{
	const json_t *n = json_object_get(h, "counts"), *eta = json_object_get(h, "eta_us");
	json_int_t cadence_us = number_of(h, "cadence_us");

	printf("lot ");
	out(text_of(h, "lot"));
	printf(" %s%s  job %.8s  operator ", text_of(h, "product"),
	       json_is_true(json_object_get(h, "simulated")) ? "  SIMULATED" : "", text_of(h, "job_sha256"));
	out(text_of(h, "operator"));
	printf("\n  passed %" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT "  failed %" JSON_INTEGER_FORMAT
	       "  quarantined %" JSON_INTEGER_FORMAT "  in hand %" JSON_INTEGER_FORMAT "  waiting %" JSON_INTEGER_FORMAT
	       "  retries %" JSON_INTEGER_FORMAT "\n  ",
	       number_of(n, "passed"), number_of(h, "quantity"), number_of(n, "failed"), number_of(n, "quarantined"),
	       number_of(n, "in_flight"), number_of(n, "waiting"), number_of(n, "retries"));
	print_share("first pass yield", json_object_get(h, "fpy"));
	print_share("final", json_object_get(h, "final"));
	if (cadence_us > 0)
		printf("cadence %.2f s  ", (double)cadence_us / 1e6);
	if (number_of(h, "takt_us") > 0)
		printf("takt %.2f s  ", (double)number_of(h, "takt_us") / 1e6);
	if (json_is_integer(eta))
		printf("%.0f s to go", (double)json_integer_value(eta) / 1e6);
	printf("\n");
}

static void print_status(const json_t *result)
{
	const json_t *h = json_object_get(result, "header"), *run = json_object_get(h, "run");

	printf("%s", text_of(run, "state"));
	if (text_of(run, "by")[0]) {
		printf(" by ");
		out(text_of(run, "by"));
		printf(": ");
		out(text_of(run, "reason"));
	}
	printf("%s%s\n", text_of(run, "sentence")[0] ? "  " : "", text_of(run, "sentence"));
	if (json_object_get(h, "lot"))
		print_lot(h);
	print_radios(json_object_get(result, "radios"));
	print_banners(json_object_get(result, "banners"));
	print_jobs(json_object_get(h, "jobs"));
}

static int print_result(const struct ctl *c, const json_t *result)
{
	const json_t *refused = json_object_get(result, "refused");
	json_t *one;
	size_t i;

	switch (c->action->kind) {
	case REQUEST_STATUS: print_status(result); break;
	case REQUEST_JOBS: print_jobs(json_object_get(result, "jobs")); break;
	case REQUEST_RUN: printf("job %" JSON_INTEGER_FORMAT "\n", number_of(result, "job")); break;
	case REQUEST_DEVICE: {
		char *text = json_dumps(result, JSON_INDENT(1));

		puts(text ? text : "");
		free(text);
		break;
	}
	default:
		printf("done");
		if (c->count > 1 || json_array_size(refused) > 0)
			printf(" %" JSON_INTEGER_FORMAT, number_of(result, "done"));
		printf("\n");
	}
	for (i = 0; i < json_array_size(refused) && (one = json_array_get(refused, i)) != NULL; i++) {
		printf("unit %" JSON_INTEGER_FORMAT " ", number_of(one, "unit"));
		print_error(one);
	}
	return json_array_size(refused) > 0 ? EXIT_NOT_ALL_WELL : EXIT_ALL_WELL;
}

/* --- the conversation --- */

static int unusable(const char *sentence)
{
	fprintf(stderr, "millrace ctl: %s\n", sentence);
	return EXIT_UNUSABLE;
}

static int take_badge(const struct ctl *c)
{
	json_t *answer = remote_ask(c->remote, json_pack("{s:s, s:s}", "do", "badge", "badge", c->badge), ANSWER_MS);
	bool ok = json_is_true(json_object_get(answer, "ok"));

	if (answer && !ok)
		print_error(json_object_get(answer, "error"));
	json_decref(answer);
	return ok ? -1 : EXIT_NOT_ALL_WELL;
}

static const json_t *job_in(const json_t *header, json_int_t number)
{
	const json_t *jobs = json_object_get(header, "jobs"), *job;

	for (size_t i = 0; i < json_array_size(jobs) && (job = json_array_get(jobs, i)) != NULL; i++)
		if (number_of(job, "job") == number)
			return job;
	return NULL;
}

/* Until the job is over; its exit status is ours. */
static int wait_for(const struct ctl *c, json_int_t number)
{
	json_t *line,
		*answer = remote_ask(c->remote,
				     json_pack("{s:s, s:i, s:[s]}", "do", "subscribe", "rate", 5, "parts", "header"),
				     ANSWER_MS);
	int status = -1;

	json_decref(answer);
	while (status < 0 && (line = remote_read(c->remote, -1)) != NULL) {
		const json_t *job = job_in(json_object_get(line, "header"), number);
		const json_t *ended = json_object_get(job, "status");

		if (json_is_integer(ended)) {
			status = (int)json_integer_value(ended);
			printf("%s: %s\n", text_of(job, "state"), text_of(job, "text"));
		}
		json_decref(line);
	}
	return status >= 0 ? status : unusable("the station went away");
}

static int talk(const struct ctl *c)
{
	json_t *o = json_pack("{s:i, s:s}", "millrace", 1, "do", c->action->name), *answer;
	json_int_t job;
	int status;

	if (c->reason)
		(void)json_object_set_new(o, "reason", json_string(c->reason));
	if (!add_words(c, o)) {
		json_decref(o);
		return EXIT_UNUSABLE;
	}
	if (c->badge && (status = take_badge(c)) >= 0) {
		json_decref(o);
		return status;
	}
	answer = remote_ask(c->remote, o, ANSWER_MS);
	if (!answer)
		return unusable("the station went away, or does not answer");
	job = number_of(json_object_get(answer, "result"), "job");
	if (c->json) {
		char *text = json_dumps(answer, JSON_COMPACT);

		puts(text ? text : "");
		free(text);
	}
	if (!json_is_true(json_object_get(answer, "ok"))) {
		if (!c->json)
			print_error(json_object_get(answer, "error"));
		status = EXIT_NOT_ALL_WELL;
	} else if (c->json) {
		status = json_object_get(json_object_get(answer, "result"), "refused") ? EXIT_NOT_ALL_WELL
										       : EXIT_ALL_WELL;
	} else {
		status = print_result(c, json_object_get(answer, "result"));
	}
	json_decref(answer);
	return status == EXIT_ALL_WELL && c->wait && c->action->kind == REQUEST_RUN ? wait_for(c, job) : status;
}

static const struct action *find_action(const char *word)
{
	const char *names[ACTION_COUNT + 1] = { NULL }, *nearest;

	for (size_t i = 0; i < ACTION_COUNT; i++) {
		names[i] = actions[i].name;
		if (strcmp(names[i], word) == 0)
			return &actions[i];
	}
	nearest = command_nearest(word, names);
	fprintf(stderr, "millrace ctl: unknown command \"%s\"", word);
	if (nearest)
		fprintf(stderr, "; did you mean \"%s\"?", nearest);
	fprintf(stderr, "\nmillrace ctl --help lists them.\n");
	return NULL;
}

static void print_actions(FILE *to)
{
	fprintf(to, "usage: millrace ctl COMMAND [WORD...] [OPTION...]\nLooks at a running station and orders it "
		    "about.\n\n");
	for (size_t i = 0; i < ACTION_COUNT; i++)
		fprintf(to, "  %-12s%s%s%s\n", actions[i].name, actions[i].words, actions[i].words[0] ? ": " : "",
			actions[i].sentence);
	fprintf(to, "\nA UNIT is a serial number, a MAC, or the number of the unit. The options: millrace ctl status "
		    "--help.\n");
}

int command_ctl(int argc, char **argv)
{
	static const struct command self = { "ctl", "COMMAND", "look at a running station and order it about",
					     command_ctl };
	const char *words[WORDS_MAX], *control = NULL;
	struct ctl c = { 0 };
	const struct option_row rows[] = {
		{ "--control", "FILE", "the control socket of the station", &control, NULL },
		{ "--reason", "TEXT", "why, for the record", &c.reason, NULL },
		{ "--badge", "NUMBER", "act as the owner of this badge", &c.badge, NULL },
		{ "--db", "NAME", "run: the record, a file beside the station's own", &c.db, NULL },
		{ "--stay", NULL, "run: does not end when all have an outcome", NULL, &c.stay },
		{ "--wait", NULL, "run: until it is over; its exit status", NULL, &c.wait },
		{ "--json", NULL, "the answer as it came", NULL, &c.json },
		{ 0 },
	};
	size_t count = 0;
	char error[400];
	bool needs;
	int status;

	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_actions(argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_UNUSABLE : EXIT_ALL_WELL;
	}
	status = command_options(&self, rows, argc, argv, words, WORDS_MAX, &count);
	if (status >= 0)
		return status;
	c.action = count ? find_action(words[0]) : NULL;
	if (!c.action)
		return EXIT_UNUSABLE;
	c.words = words + 1;
	c.count = count - 1;
	needs = c.action->words[0] != '\0';
	if (needs != (c.count > 0) || (c.count > 1 && !strstr(c.action->words, "..."))) {
		fprintf(stderr, "millrace ctl %s: %s %s\n", c.action->name,
			needs ? "say which:" : "no word belongs to it", c.action->words);
		return EXIT_UNUSABLE;
	}
	c.remote = remote_open(control, error, sizeof(error));
	if (!c.remote)
		return unusable(error);
	status = talk(&c);
	remote_close(c.remote);
	return status;
}
