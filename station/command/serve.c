/*
 * `millrace serve`: the station as a daemon. It opens its control socket, takes jobs over it, and runs them one after
 * another on one record. Between two jobs it has a loop of its own, in which the socket stays alive.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/run/batch.h"
#include "station/command/command.h"
#include "station/control/control.h"

#define JOBS_MAX 64 /* waiting and shown */
#define SHOWN_MAX 20

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED };

struct queued {
	int64_t number;
	struct job *job; /* as it was when it was queued; freed when it is over */
	char *path, *db, lot[33], actor[LINE_ACTOR_MAX + 1], text[512];
	bool stay;
	enum job_state state;
	int status;
};

struct serve {
	struct control *control;
	struct settings settings;
	struct loop *idle; /* NULL: a job runs */
	struct queued jobs[JOBS_MAX];
	size_t count;
	int64_t next;
	bool ending;
	const char *db, *keys;
	double pace;
	const struct log *log;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
}

/* --- the queue --- */

static void forget(struct queued *q)
{
	job_destroy(q->job);
	free(q->path);
	free(q->db);
	*q = (struct queued){ 0 };
}

/* Room for one more: the oldest that is over is dropped. */
static bool make_room(struct serve *s)
{
	size_t over = 0, i = 0;

	for (size_t k = 0; k < s->count; k++)
		over += s->jobs[k].state > JOB_RUNNING;
	if (s->count < JOBS_MAX && over < SHOWN_MAX)
		return true;
	while (i < s->count && s->jobs[i].state <= JOB_RUNNING)
		i++;
	if (i == s->count)
		return false;
	forget(&s->jobs[i]);
	memmove(&s->jobs[i], &s->jobs[i + 1], (s->count - i - 1) * sizeof(s->jobs[0]));
	s->count--;
	return true;
}

/* The settings name the one folder that jobs are taken from; links are followed first. */
static char *allowed_path(const struct serve *s, const char *path, char *error, size_t error_len)
{
	char *real = realpath(path, NULL), *folder = NULL;
	size_t len;

	if (!real) {
		snprintf(error, error_len, "%s: %s", path, strerror(errno));
		return NULL;
	}
	folder = realpath(s->settings.jobs, NULL);
	len = folder ? strlen(folder) : 0;
	if (!folder || strncmp(real, folder, len) != 0 || real[len] != '/') {
		snprintf(error, error_len, "jobs are taken from %s only", s->settings.jobs);
		free(real);
		real = NULL;
	}
	free(folder);
	return real;
}

/* A name beside the station's own record, so that nobody has files written elsewhere. */
static char *record_path(const struct serve *s, const char *name, char *error, size_t error_len)
{
	const char *slash = strrchr(s->db, '/');
	char *path = NULL;

	if (!name)
		return strdup(s->db);
	if (strchr(name, '/') || name[0] == '.') {
		snprintf(error, error_len,
			 "\"db\" is the name of a file beside the station's own record, without a path");
		return NULL;
	}
	if (asprintf(&path, "%.*s%s", slash ? (int)(slash - s->db) + 1 : 0, s->db, name) < 0)
		return NULL;
	return path;
}

static int64_t queue_job(void *ctx, const char *path, const char *db, bool stay, const char *actor, char *error,
			 size_t error_len)
{
	struct serve *s = ctx;
	struct job_errors errors = { 0 };
	struct queued q = { .stay = stay };

	if (s->ending) {
		snprintf(error, error_len, "the station is ending");
		return -1;
	}
	if (!make_room(s)) {
		snprintf(error, error_len, "%d jobs wait already", JOBS_MAX);
		return -1;
	}
	q.path = allowed_path(s, path, error, error_len);
	q.db = q.path ? record_path(s, db, error, error_len) : NULL;
	q.job = q.db ? job_load(q.path, &errors) : NULL;
	if (!q.job) {
		if (errors.count)
			snprintf(error, error_len, "%s", errors.text[0]);
		forget(&q);
		return -1;
	}
	q.job->reach = &s->settings.files;
	q.number = ++s->next;
	snprintf(q.lot, sizeof(q.lot), "%s", q.job->lot);
	snprintf(q.actor, sizeof(q.actor), "%s", actor);
	s->jobs[s->count++] = q;
	if (s->idle)
		loop_stop(s->idle);
	return q.number;
}

static bool cancel_job(void *ctx, int64_t number)
{
	struct serve *s = ctx;

	for (size_t i = 0; i < s->count; i++)
		if (s->jobs[i].number == number && s->jobs[i].state == JOB_QUEUED) {
			s->jobs[i].state = JOB_CANCELLED;
			s->jobs[i].status = EXIT_INTERRUPTED;
			return true;
		}
	return false;
}

static json_t *list_jobs(void *ctx)
{
	static const char *const states[] = { "queued", "running", "done", "failed", "cancelled" };
	const struct serve *s = ctx;
	json_t *list = json_array();

	for (size_t i = s->count > SHOWN_MAX ? s->count - SHOWN_MAX : 0; i < s->count; i++) {
		const struct queued *q = &s->jobs[i];
		json_t *o = json_pack("{s:I, s:s, s:s, s:s, s:s}", "job", (json_int_t)q->number, "path", q->path, "lot",
				      q->lot, "state", states[q->state], "text", q->text);

		if (o && q->state > JOB_RUNNING)
			(void)json_object_set_new(o, "status", json_integer(q->status));
		if (o)
			(void)json_array_append_new(list, o);
	}
	return list;
}

/* --- a job --- */

static void on_interrupt(void *ctx, unsigned times)
{
	struct serve *s = ctx;

	s->ending = true;
	say("%s\n", times == 1 ? "ending: the devices in hand finish" : "ending now");
}

/* By number: the list moves while the job runs. */
static struct queued *find_job(struct serve *s, int64_t number)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->jobs[i].number == number)
			return &s->jobs[i];
	return NULL;
}

static void finish_job(struct serve *s, int64_t number, int result, const struct batch_result *r, const char *error)
{
	struct queued *q = find_job(s, number);
	const struct line_summary *sum = &r->summary;

	q->state = result != 0 || r->failure[0] || sum->held_up ? JOB_FAILED : JOB_DONE;
	q->status = q->state == JOB_FAILED	      ? EXIT_UNUSABLE
		    : r->interrupted		      ? EXIT_INTERRUPTED
		    : sum->passed >= q->job->quantity ? EXIT_ALL_WELL
						      : EXIT_NOT_ALL_WELL;
	if (result != 0)
		snprintf(q->text, sizeof(q->text), "%s", error);
	else if (r->failure[0])
		snprintf(q->text, sizeof(q->text), "%s", r->failure);
	else
		snprintf(q->text, sizeof(q->text), "%u passed, %u failed, %u quarantined, %u unfinished, %u missing",
			 sum->passed, sum->failed, sum->quarantined, sum->unfinished + sum->held, sum->missing);
	say("job %lld lot %s: %s\n", (long long)number, q->lot, q->text);
	job_destroy(q->job);
	q->job = NULL;
	control_jobs_changed(s->control);
}

static void run_job(struct serve *s, struct queued *q)
{
	int64_t number = q->number;
	struct batch_options o = { .job = q->job,
				   .db = q->db,
				   .keys = s->keys,
				   .operator= q->actor,
				   .log = s->log,
				   .ctx = s,
				   .interrupted = on_interrupt,
				   .signals = true,
				   .control = s->control,
				   .pace = s->pace,
				   .stay = q->stay };
	struct batch_result result;
	char error[512] = "", *db = strdup(q->db), actor[sizeof(q->actor)];
	int status;

	memcpy(actor, q->actor, sizeof(actor));
	o.db = db ? db : q->db;
	o.operator= actor;
	q->state = JOB_RUNNING;
	control_jobs_changed(s->control);
	say("job %lld lot %s: %s, by %s\n", (long long)number, q->lot, q->path, actor);
	status = batch_run(&o, &result, error, sizeof(error));
	finish_job(s, number, status, &result, error);
	free(db);
}

/* --- between jobs --- */

static void on_signal(void *ctx, int signal)
{
	struct serve *s = ctx;

	if (signal == SIGWINCH)
		return;
	s->ending = true;
	loop_stop(s->idle);
}

static bool wait_for_job(struct serve *s)
{
	s->idle = loop_create_real();
	if (!s->idle || control_attach(s->control, s->idle) != 0) {
		loop_destroy(s->idle);
		s->idle = NULL;
		return false;
	}
	if (loop_signals(s->idle, on_signal, s) == 0)
		loop_run(s->idle);
	control_detach(s->control);
	loop_destroy(s->idle);
	s->idle = NULL;
	return true;
}

static struct queued *next_job(struct serve *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->jobs[i].state == JOB_QUEUED)
			return &s->jobs[i];
	return NULL;
}

/* -1: go on; else the exit status. */
static int check_folder(const struct serve *s, const char *settings)
{
	if (s->settings.jobs[0])
		return -1;
	fprintf(stderr,
		"millrace serve: %s: control.jobs is missing: name the folder that jobs are taken from; whoever may "
		"write "
		"one decides which files are read\n",
		settings ? settings : SETTINGS_PATH);
	return EXIT_UNUSABLE;
}

/* Until it is ended. */
static int serve_jobs(struct serve *s)
{
	while (!s->ending) {
		struct queued *q = next_job(s);

		if (q)
			run_job(s, q);
		else if (!wait_for_job(s))
			return EXIT_UNUSABLE;
	}
	return EXIT_ALL_WELL;
}

int command_serve(int argc, char **argv)
{
	static const struct command self = { "serve", "", "run jobs that are given over the control socket",
					     command_serve };
	const char *db = "millrace.db", *keys = NULL, *control = NULL, *settings = NULL, *metrics = NULL, *pace = NULL;
	struct log_words log_words = { 0 };
	const struct option_row rows[] = {
		{ "--db", "FILE", "the record; made when it is not there (millrace.db)", &db, NULL },
		{ "--keys", "DIR", "folder made by millrace ca init, instead of the jobs'", &keys, NULL },
		{ "--control", "FILE", "the control socket; docs/control.md", &control, NULL },
		{ "--settings", "FILE", "the station's settings (/etc/millrace/station.yaml)", &settings, NULL },
		{ "--metrics", "PORT", "Prometheus metrics on this port of the machine itself, or ADDRESS:PORT",
		  &metrics, NULL },
		{ "--pace", "N", "simulated radios: N virtual seconds per second (1); 0: as fast as it goes", &pace,
		  NULL },
		LOG_ROWS(&log_words),
		{ 0 },
	};
	struct serve *s = calloc(1, sizeof(*s));
	struct control_options o = { .ctx = s, .run = queue_job, .cancel = cancel_job, .jobs = list_jobs };
	struct log_file log;
	size_t count = 0;
	int status = command_options(&self, rows, argc, argv, NULL, 0, &count);

	if (status >= 0 || !s) {
		free(s);
		return status >= 0 ? status : EXIT_UNUSABLE;
	}
	*s = (struct serve){ .db = db, .keys = keys, .pace = 1 };
	/* Who read its few lines may go: it is driven over its socket, and the line goes on. */
	signal(SIGPIPE, SIG_IGN);
	status = command_log_list(&log_words) ? EXIT_ALL_WELL : command_log("serve", &log_words, &log);
	if (status >= 0) {
		free(s);
		return status;
	}
	if (!command_pace("serve", pace, &s->pace)) {
		status = EXIT_UNUSABLE;
	} else {
		s->log = o.log = &log.log;
		o.metrics = metrics;
		status = command_control("serve", &s->control, &o, control, settings, &s->settings, true, NULL);
	}
	if (status < 0 && !s->control) {
		fprintf(stderr, "millrace serve: without its control socket nobody could give it a job\n");
		status = EXIT_UNUSABLE;
	}
	if (status < 0)
		status = check_folder(s, settings);
	if (status < 0) {
		say("millrace serve: control socket %s, record %s\n", control_path(s->control), s->db);
		status = serve_jobs(s);
	}
	control_close(s->control, "stopped", "the station was stopped");
	for (size_t i = 0; i < s->count; i++)
		forget(&s->jobs[i]);
	command_log_close(&log);
	free(s);
	return status;
}
