/* `millrace run`: a job from admission to summary, shown as a live line, as plain lines, or as JSON. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "agent/wire/cause.h"
#include "agent/wire/channel.h"
#include "station/base/version.h"
#include "station/run/batch.h"
#include "station/command/command.h"
#include "station/command/screen.h"
#include "station/control/control.h"

#define COMPARE_MAX 500u /* devices: larger simulated batches are compared on request only */
/* 9999-12-31T23:59:59Z: the last instant that a certificate can name (RFC 5280 4.1.2.5). */
#define EPOCH_MAX_S 253402300799

enum show { SHOW_LIVE, SHOW_PLAIN, SHOW_JSON };

struct run {
	enum show show;
	bool colour, simulated;
	const struct job *job;
	struct line *line;
	unsigned seen, passed, failed, quarantined, held, retries;
	uint64_t now_us;
	struct timespec drawn;
	struct screen screen;
};

static const char *state_name(enum journal_unit_state state)
{
	static const char *const names[] = { "expected", "seen", "active", "passed", "failed", "quarantined", "held" };

	return names[state];
}

static const char *paint(const struct run *r, const char *code) { return r->colour ? code : ""; }

static void mac_text(char out[static 18], const uint8_t mac[static 6])
{
	snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void put_json(json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_SORT_KEYS * 0);

	if (text)
		puts(text);
	free(text);
	json_decref(o);
}

static const char *const event_names[] = { "seen",  "attempt", "step", "unit",	"stranger",
					   "radio", "guard",   "hold", "order", "label" };

static void json_event(const struct line_event *e)
{
	json_t *o = json_object();
	char mac[18];

	mac_text(mac, e->mac);
	json_object_set_new(o, "event", json_string(event_names[e->kind]));
	json_object_set_new(o, "at_us", json_integer((json_int_t)e->now_us));
	if (e->unit) {
		json_object_set_new(o, "unit", json_integer(e->unit));
		json_object_set_new(o, "serial", json_string(e->serial));
	}
	if (e->kind != LINE_RADIO && e->kind != LINE_GUARD && e->kind != LINE_HOLD &&
	    ((e->kind != LINE_ORDER && e->kind != LINE_LABEL) || e->unit))
		json_object_set_new(o, "mac", json_string(mac));
	if (e->attempt)
		json_object_set_new(o, "attempt", json_integer(e->attempt));
	if (e->step)
		json_object_set_new(o, "step", json_string(e->step));
	if (e->kind == LINE_UNIT_STATE)
		json_object_set_new(o, "state", json_string(state_name(e->state)));
	if (e->cause)
		json_object_set_new(o, "cause", json_string(mr_cause_name(e->cause)));
	if (e->duration_us)
		json_object_set_new(o, "duration_us", json_integer((json_int_t)e->duration_us));
	if (e->radio)
		json_object_set_new(o, "radio", json_string(e->radio));
	if (e->freq_mhz)
		json_object_set_new(o, "channel", json_integer((json_int_t)mr_mhz_to_channel(e->freq_mhz)));
	if (e->rssi_dbm)
		json_object_set_new(o, "rssi_dbm", json_integer(e->rssi_dbm));
	if (e->detail)
		json_object_set_new(o, "detail", json_string(e->detail));
	if (e->actor)
		json_object_set_new(o, "actor", json_string(e->actor));
	if (e->reason)
		json_object_set_new(o, "reason", json_string(e->reason));
	put_json(o);
}

static void plain_event(struct run *r, const struct line_event *e)
{
	char mac[18];
	const char *what = e->serial[0] ? e->serial : mac;
	double at = (double)e->now_us / 1e6;

	mac_text(mac, e->mac);
	switch (e->kind) {
	case LINE_UNIT_STATE:
		if (e->state == UNIT_PASSED)
			printf("%10.3f  %-12s %sPASS%s  %.2f s, %d dBm\n", at, what, paint(r, "\033[32m"),
			       paint(r, "\033[0m"), (double)e->duration_us / 1e6, e->rssi_dbm);
		else if (e->state == UNIT_SEEN)
			printf("%10.3f  %-12s %sRETRY%s %s: %s\n", at, what, paint(r, "\033[33m"), paint(r, "\033[0m"),
			       mr_cause_name(e->cause), mr_cause_sentence(e->cause));
		else
			printf("%10.3f  %-12s %s%s%s  %s: %s; %s\n", at, what, paint(r, "\033[31m"),
			       e->state == UNIT_QUARANTINED ? "QUARANTINE"
			       : e->state == UNIT_HELD	    ? "HELD"
							    : "FAIL",
			       paint(r, "\033[0m"), mr_cause_name(e->cause), mr_cause_sentence(e->cause),
			       mr_cause_remedy(e->cause));
		break;
	case LINE_STRANGER: printf("%10.3f  %-12s stranger: %s (%d dBm)\n", at, mac, e->detail, e->rssi_dbm); break;
	case LINE_GUARD:
		printf("%10.3f  %sGUARD%s %s: %s; no new devices are admitted: put that right, then run the job "
		       "again\n",
		       at, paint(r, "\033[31m"), paint(r, "\033[0m"), e->detail, e->reason);
		break;
	case LINE_HOLD:
		printf("%10.3f  %sHOLD%s %s: %s\n", at, paint(r, "\033[31m"), paint(r, "\033[0m"),
		       mr_cause_sentence(e->cause), e->detail);
		break;
	case LINE_RADIO:
		if (e->cause || strcmp(e->detail, "tuned") != 0)
			printf("%10.3f  %-12s radio %s\n", at, e->radio, e->detail);
		break;
	case LINE_ORDER:
		printf("%10.3f  %-12s %s by %s%s%s\n", at, e->unit ? what : "line", e->detail, e->actor,
		       e->reason[0] ? ": " : "", e->reason);
		break;
	case LINE_LABEL:
		printf("%10.3f  %-12s label %s by %s%s%s\n", at, e->unit ? what : "line", e->detail, e->actor,
		       e->reason[0] ? ": " : "", e->reason);
		break;
	case LINE_UNIT_SEEN:
	case LINE_ATTEMPT:
	case LINE_STEP: break;
	}
}

static void draw(struct run *r)
{
	unsigned done = r->passed + r->failed + r->quarantined + r->held;
	unsigned quantity = r->job->quantity ? r->job->quantity : 1;
	unsigned full = done >= quantity ? 30 : done * 30 / quantity;
	char bar[32];

	for (unsigned i = 0; i < 30; i++)
		bar[i] = i < full ? '#' : '-';
	bar[30] = '\0';
	printf("\r%s[%s] %u/%u  %spass %u%s  fail %u  quar %u  retry %u  in flight %u  t %.1f s   ",
	       r->simulated ? "SIMULATED " : "", bar, done, quantity, paint(r, "\033[32m"), r->passed,
	       paint(r, "\033[0m"), r->failed, r->quarantined, r->retries, r->seen > done ? r->seen - done : 0,
	       (double)r->now_us / 1e6);
	fflush(stdout);
}

static void recount(struct run *r)
{
	struct line_summary s;

	line_summarize(r->line, &s);
	r->seen = s.seen;
	r->passed = s.passed;
	r->failed = s.failed;
	r->quarantined = s.quarantined;
	r->held = s.held;
	r->retries = s.retries;
}

static void on_event(void *ctx, const struct line_event *e)
{
	struct run *r = ctx;
	struct timespec now;

	r->now_us = e->now_us;
	r->seen += e->kind == LINE_UNIT_SEEN;
	if (e->kind == LINE_UNIT_STATE) {
		r->passed += e->state == UNIT_PASSED;
		r->failed += e->state == UNIT_FAILED;
		r->quarantined += e->state == UNIT_QUARANTINED;
		r->held += e->state == UNIT_HELD;
		r->retries += e->state == UNIT_SEEN;
	}
	if (e->kind == LINE_ORDER || e->moved) /* may take outcomes back */
		recount(r);
	if (r->show == SHOW_JSON) {
		json_event(e);
		return;
	}
	if (r->show == SHOW_PLAIN) {
		plain_event(r, e);
		return;
	}
	if (screen_there(&r->screen))
		return;
	if ((e->kind == LINE_UNIT_STATE && e->state != UNIT_PASSED) || e->kind == LINE_STRANGER ||
	    e->kind == LINE_GUARD || e->kind == LINE_HOLD || e->kind == LINE_ORDER) {
		fputs("\r\033[K", stdout);
		plain_event(r, e);
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - r->drawn.tv_sec) * 1000 + (now.tv_nsec - r->drawn.tv_nsec) / 1000000 >= 50) {
		r->drawn = now;
		draw(r);
	}
}

static void on_began(void *ctx, struct line *line, bool simulated, uint64_t seed)
{
	struct run *r = ctx;
	struct line_summary s;

	r->line = line;
	r->simulated = simulated;
	line_summarize(line, &s);
	r->seen = s.seen;
	r->passed = s.passed;
	r->failed = s.failed;
	r->quarantined = s.quarantined;
	if (r->show == SHOW_JSON) {
		json_t *o = json_object();

		json_object_set_new(o, "event", json_string("start"));
		json_object_set_new(o, "lot", json_string(s.lot));
		json_object_set_new(o, "batch", json_integer(s.batch));
		json_object_set_new(o, "simulated", json_boolean(simulated));
		json_object_set_new(o, "resumed", json_boolean(s.resumed));
		json_object_set_new(o, "quantity", json_integer(s.quantity));
		json_object_set_new(o, "policy", json_string(s.policy));
		json_object_set_new(o, "seed", json_integer((json_int_t)seed));
		put_json(o);
		return;
	}
	if (screen_there(&r->screen))
		return;
	printf("lot %s: %u devices, policy %s%s\n", s.lot, s.quantity, s.policy,
	       simulated ? ", SIMULATED air in virtual time" : "");
	if (s.resumed)
		printf("resumed: %u passed, %u failed, %u quarantined before\n", s.passed, s.failed, s.quarantined);
}

static void on_interrupt(void *ctx, unsigned times)
{
	struct run *r = ctx;

	if (r->show != SHOW_JSON && !screen_there(&r->screen))
		printf("\n%s\n", times == 1 ? "stopping: the devices in flight finish; once more to stop now"
					    : "stopping now: open attempts are recorded as aborted");
}

static void json_summary(const struct batch_result *b, uint64_t round_robin_us)
{
	const struct line_summary *s = &b->summary;
	json_t *o = json_object();

	json_object_set_new(o, "event", json_string("summary"));
	json_object_set_new(o, "batch", json_integer(s->batch));
	json_object_set_new(o, "lot", json_string(s->lot));
	json_object_set_new(o, "simulated", json_boolean(b->simulated));
	json_object_set_new(o, "devices", json_integer(s->seen));
	json_object_set_new(o, "quantity", json_integer(s->quantity));
	json_object_set_new(o, "passed", json_integer(s->passed));
	json_object_set_new(o, "failed", json_integer(s->failed));
	json_object_set_new(o, "quarantined", json_integer(s->quarantined));
	json_object_set_new(o, "held", json_integer(s->held));
	json_object_set_new(o, "unfinished", json_integer(s->unfinished));
	json_object_set_new(o, "missing", json_integer(s->missing));
	json_object_set_new(o, "strangers", json_integer(s->strangers));
	json_object_set_new(o, "retries", json_integer(s->retries));
	json_object_set_new(o, "makespan_us", json_integer((json_int_t)s->makespan_us));
	json_object_set_new(o, "lower_bound_us", json_integer((json_int_t)s->bound.bound_us));
	json_object_set_new(o, "policy", json_string(s->policy));
	json_object_set_new(o, "seed", json_integer((json_int_t)b->seed));
	if (round_robin_us)
		json_object_set_new(o, "round_robin_us", json_integer((json_int_t)round_robin_us));
	json_object_set_new(o, "interrupted", json_boolean(b->interrupted));
	put_json(o);
}

static void text_summary(const struct run *r, const struct batch_result *b, uint64_t round_robin_us, const char *db)
{
	const struct line_summary *s = &b->summary;
	unsigned finished = s->passed + s->failed + s->quarantined;
	double span = (double)s->makespan_us, low = (double)s->bound.bound_us;

	if (r->show == SHOW_LIVE)
		fputs("\r\033[K", stdout);
	printf("\nlot %s%s: %s%u passed%s, %u failed, %u quarantined", s->lot, b->simulated ? " (SIMULATED)" : "",
	       paint(r, "\033[32m"), s->passed, paint(r, "\033[0m"), s->failed, s->quarantined);
	if (s->held || s->unfinished)
		printf(", %u unfinished", s->held + s->unfinished);
	if (s->missing)
		printf(", %u of %u never called", s->missing, s->quantity);
	printf("\n");
	if (finished)
		printf("  first pass yield %.1f %%, retries %u, strangers %u\n", 100.0 * s->first_pass / finished,
		       s->retries, s->strangers);
	if (s->makespan_us)
		printf("  makespan %.2f s, lower bound %.2f s (%.2f times)%s", span / 1e6, low / 1e6,
		       low > 0 ? span / low : 0.0, b->simulated ? ", virtual time" : "");
	if (s->makespan_us && round_robin_us)
		printf(", round-robin %.2f s (%.2f times ours)", (double)round_robin_us / 1e6,
		       (double)round_robin_us / span);
	if (s->makespan_us)
		printf("\n  session %.2f s median, %.2f s at 95 %%; %" PRIu64 " frames sent, %" PRIu64
		       " channel switches\n",
		       (double)s->chain_p50_us / 1e6, (double)s->chain_p95_us / 1e6, s->frames, s->switches);
	if (b->failure[0])
		printf("%sthe record failed%s: %s\n", paint(r, "\033[31m"), paint(r, "\033[0m"), b->failure);
	if (b->interrupted || s->unfinished || s->missing)
		printf("  run the same job again to continue\n");
	printf("next:\n  millrace audit batch --db %s\n  millrace audit failures --db %s\n  millrace audit verify --db "
	       "%s\n",
	       db, db, db);
}

/* The same batch under the baseline policy, on a record that is thrown away. */
static uint64_t compare(const struct batch_options *mine, const char *keys)
{
	char dir[] = "/tmp/millrace-compare-XXXXXX", db[64], error[320];
	struct batch_options o = *mine;
	struct batch_result result;
	uint64_t us = 0;

	if (!mkdtemp(dir))
		return 0;
	snprintf(db, sizeof(db), "%s/reference.db", dir);
	o.db = db;
	o.keys = keys;
	o.policy = "round-robin";
	o.pcap = NULL;
	o.log = NULL;
	o.began = NULL;
	o.event = NULL;
	o.interrupted = NULL;
	o.signals = false;
	o.control = NULL;
	o.pace = 0;
	o.stay = false;
	if (batch_run(&o, &result, error, sizeof(error)) == 0)
		us = result.summary.makespan_us;
	for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", ".lock", ".simulated-flash", NULL };
	     *end; end++) {
		char path[96];

		snprintf(path, sizeof(path), "%s%s", db, *end);
		(void)unlink(path);
	}
	(void)rmdir(dir);
	return us;
}

static bool number(const char *text, const char *option, uint64_t max, uint64_t *out)
{
	char *end;

	if (!text)
		return true;
	*out = strtoull(text, &end, 0);
	if (*text >= '0' && *text <= '9' && *end == '\0' && *out > 0 && *out <= max)
		return true;
	fprintf(stderr, "millrace run: %s %s: a whole number from 1 to %" PRIu64 " is wanted\n", option, text, max);
	return false;
}

bool command_pace(const char *self, const char *text, double *out)
{
	char *end;

	if (!text)
		return true;
	*out = strtod(text, &end);
	if (*text >= '0' && *text <= '9' && *end == '\0' && *out >= 0 && *out <= 1000)
		return true;
	fprintf(stderr,
		"millrace %s: --pace %s: virtual seconds per second are wanted, 0 (as fast as it goes) to 1000\n", self,
		text);
	return false;
}

int command_control(const char *self, struct control **out, struct control_options *o, const char *control,
		    const char *settings_path, struct settings *settings, bool wanted, char *why)
{
	struct job_errors errors = { 0 };
	char error[COMMAND_WHY];
	int result;

	*out = NULL;
	if (!settings_load(settings_path, settings, &errors)) {
		for (size_t i = 0; i < errors.count; i++)
			fprintf(stderr, "%s\n", errors.text[i]);
		return EXIT_UNUSABLE;
	}
	o->software = "millrace " MILLRACE_VERSION;
	o->settings = settings;
	o->path = control ? control : settings->socket[0] ? settings->socket : NULL;
	if (!o->metrics && settings->metrics[0])
		o->metrics = settings->metrics;
	if (why)
		snprintf(why, COMMAND_WHY, "control socket: none, as was asked for");
	if (o->path && strcmp(o->path, "none") == 0)
		return -1;
	result = control_open(out, o, error, sizeof(error));
	if (result == 0)
		return -1;
	/* A run needs no socket; it needs one that was asked for. */
	if (!wanted && !control && !o->metrics) {
		log_write(LOG_STATION(o->log), LOG_CONTROL, LOG_WARN, "%s", error);
		if (why)
			snprintf(why, COMMAND_WHY, "%s", error);
		return -1;
	}
	fprintf(stderr, "millrace %s: %s\n", self, error);
	return EXIT_UNUSABLE;
}

/*
 * The loop that took the signals is gone, and they are blocked still: what came too late means nothing any more, and
 * from here on each of them ends us as it always does. SIGPIPE stays blocked: the summary must not kill us.
 */
static void free_signals(void)
{
	const struct timespec now = { 0, 0 };
	sigset_t end;

	sigemptyset(&end);
	sigaddset(&end, SIGINT);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGHUP);
	while (sigtimedwait(&end, NULL, &now) > 0)
		;
	pthread_sigmask(SIG_UNBLOCK, &end, NULL);
}

/*
 * The dashboard, where there is a terminal and something to see, or where it was asked for. -1: go on, else the exit
 * status: what was asked for and cannot be is an error, and what would have been there otherwise is missed with a word.
 */
static int open_screen(struct run *r, struct control *control, bool asked, bool usual, const char *settings,
		       const char *why)
{
	bool terminal = r->show == SHOW_LIVE && isatty(STDIN_FILENO);

	if (asked && !terminal)
		why = "standard input and output are no terminal, or lines were asked for";
	else if (terminal && (asked || usual) && control && screen_open(&r->screen, control_path(control), settings))
		return -1;
	else if (control)
		why = "it could not be started";
	if (asked) {
		fprintf(stderr, "millrace run: --dashboard: %s\n", why);
		return EXIT_UNUSABLE;
	}
	if (terminal && usual)
		fprintf(stderr, "millrace run: no dashboard: %s; there are lines instead\n", why);
	return -1;
}

/* What the command line says. */
struct run_options {
	const char *job, *db, *seed, *radios, *policy, *pcap, *keys, *epoch, *person, *socket, *settings, *metrics,
		*pace;
	bool json, plain, screen, no_compare, do_compare, stay;
	struct log_words log;
	uint64_t seed_n, radios_n, epoch_s;
	double pace_n;
};

/* -1: go on; else the exit status. */
static int read_options(struct run_options *o, int argc, char **argv)
{
	static const struct command self = { "run", "JOB.yaml", "provision a batch", command_run };
	const struct option_row rows[] = {
		{ "--db", "FILE", "the record; made when it is not there (millrace.db)", &o->db, NULL },
		{ "--seed", "N", "seed of a simulated run, instead of the job's", &o->seed, NULL },
		{ "--radios", "N", "number of simulated radios, instead of the job's", &o->radios, NULL },
		{ "--policy", "NAME", "pex or round-robin, instead of the job's", &o->policy, NULL },
		{ "--keys", "DIR", "folder made by millrace ca init, instead of the job's", &o->keys, NULL },
		{ "--operator", "NAME", "who runs it, for the record (the user)", &o->person, NULL },
		{ "--pcap", "FILE", "write all channels of the simulated air, with radiotap", &o->pcap, NULL },
		{ "--epoch", "SECONDS", "where the simulated clock starts, since 1970", &o->epoch, NULL },
		{ "--pace", "N", "simulated radios: N virtual seconds per second (0, as fast as it goes)", &o->pace,
		  NULL },
		{ "--stay", NULL, "do not end when all have an outcome, but on stop", NULL, &o->stay },
		{ "--control", "FILE", "the control socket, or none; docs/control.md", &o->socket, NULL },
		{ "--settings", "FILE", "the station's settings (/etc/millrace/station.yaml)", &o->settings, NULL },
		{ "--metrics", "PORT", "Prometheus metrics on this port of the machine itself, or ADDRESS:PORT",
		  &o->metrics, NULL },
		LOG_ROWS(&o->log),
		{ "--json", NULL, "one JSON object per event, the summary last", NULL, &o->json },
		{ "--plain", NULL, "lines instead of the dashboard", NULL, &o->plain },
		{ "--dashboard", NULL, "the dashboard also where it would not be opened: simulated, as fast as it goes",
		  NULL, &o->screen },
		{ "--compare", NULL, "run the baseline policy too, however large the simulated batch", NULL,
		  &o->do_compare },
		{ "--no-compare", NULL, "do not run the baseline policy for the summary", NULL, &o->no_compare },
		{ 0 },
	};
	size_t count = 0;
	int status = command_options(&self, rows, argc, argv, &o->job, 1, &count);

	if (status >= 0)
		return status;
	if (command_log_list(&o->log))
		return EXIT_ALL_WELL;
	if (count != 1) {
		fprintf(stderr, "millrace run: name the job: millrace run JOB.yaml\n");
		return EXIT_UNUSABLE;
	}
	if (!number(o->seed, "--seed", INT64_MAX, &o->seed_n) || !number(o->radios, "--radios", 64, &o->radios_n) ||
	    !number(o->epoch, "--epoch", EPOCH_MAX_S, &o->epoch_s) || !command_pace("run", o->pace, &o->pace_n))
		return EXIT_UNUSABLE;
	return -1;
}

/* The summary, after the baseline policy where it can be compared; gives the exit status. */
static int say_result(const struct run_options *o, const struct run *r, const struct batch_options *batch,
		      const struct batch_result *result)
{
	const struct job *job = r->job;
	uint64_t round_robin_us = 0;
	char made[512];

	snprintf(made, sizeof(made), "%s.simulated-keys", o->db);
	if (result->simulated && !result->interrupted && !result->summary.resumed && !o->no_compare &&
	    strcmp(result->summary.policy, "round-robin") != 0 && (o->do_compare || job->sim_devices <= COMPARE_MAX))
		round_robin_us = compare(batch, o->keys ? o->keys : access(job->keys, F_OK) == 0 ? job->keys : made);
	if (o->json)
		json_summary(result, round_robin_us);
	else
		text_summary(r, result, round_robin_us, o->db);
	return result->failure[0] || result->summary.held_up ? EXIT_UNUSABLE
	       : result->interrupted			     ? EXIT_INTERRUPTED
	       : result->summary.passed >= job->quantity     ? EXIT_ALL_WELL
							     : EXIT_NOT_ALL_WELL;
}

/* With the control socket open, or without one, and then `why`: the batch and what is shown of it. Gives the exit
 * status. */
static int run_job(const struct run_options *o, const struct job *job, const struct log *log, struct control *control,
		   const char *why)
{
	struct run r = { .job = job,
			 .show = o->json			      ? SHOW_JSON
				 : o->plain || !isatty(STDOUT_FILENO) ? SHOW_PLAIN
								      : SHOW_LIVE,
			 .colour = !o->json && command_colour(stdout) };
	struct batch_options batch = { .job = job,
				       .db = o->db,
				       .keys = o->keys,
				       .policy = o->policy,
				       .operator= o->person,
				       .pcap = o->pcap,
				       .seed = o->seed_n,
				       .utc_us = (int64_t)o->epoch_s * 1000000,
				       .radios = (unsigned)o->radios_n,
				       .log = log,
				       .ctx = &r,
				       .control = control,
				       .pace = o->pace_n,
				       .stay = o->stay,
				       .began = on_began,
				       .event = on_event,
				       .interrupted = on_interrupt,
				       .signals = true };
	struct batch_result result;
	char error[512];
	int status;

	status = open_screen(&r, control, o->screen, o->pace_n > 0 || !job->radios_simulated, o->settings, why);
	if (status >= 0) {
		control_close(control, "ended", "the run did not begin");
		return status;
	}
	status = batch_run(&batch, &result, error, sizeof(error));
	control_close(control, "ended", "the run is over");
	screen_wait(&r.screen, status != 0);
	free_signals();
	if (status != 0) {
		fprintf(stderr, "millrace run: %s\n", error);
		return EXIT_UNUSABLE;
	}
	return say_result(o, &r, &batch, &result);
}

int command_run(int argc, char **argv)
{
	char person[PERSON_MAX];
	struct run_options o = { .db = "millrace.db", .person = command_person(person) };
	struct job_errors errors = { 0 };
	struct log_file log;
	struct settings settings;
	struct control_options options = { 0 };
	struct control *control = NULL;
	char why[COMMAND_WHY] = "";
	struct job *job;
	int status = read_options(&o, argc, argv);

	if (status < 0)
		status = command_log("run", &o.log, &log);
	if (status >= 0)
		return status;
	job = job_load(o.job, &errors);
	if (!job) {
		command_log_close(&log);
		for (size_t i = 0; i < errors.count; i++)
			fprintf(stderr, "%s\n", errors.text[i]);
		return EXIT_UNUSABLE;
	}
	/* A script or a `tail -f` that reads along has each event when it happens. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	options.metrics = o.metrics;
	options.log = &log.log;
	status = command_control("run", &control, &options, o.socket, o.settings, &settings, false, why);
	if (settings.has_job_files)
		job->reach = &settings.files;
	if (status < 0)
		status = run_job(&o, job, options.log, control, why);
	command_log_close(&log);
	job_destroy(job);
	return status;
}
