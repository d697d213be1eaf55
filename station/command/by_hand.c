#include "station/command/by_hand.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/wire/cause.h"
#include "station/run/batch.h"

#define JOB_MAX 4096u

int by_hand_unusable(const char *command, const char *what, const char *remedy)
{
	fprintf(stderr, "millrace %s: %s; %s\n", command, what, remedy);
	return EXIT_UNUSABLE;
}

int by_hand_network(const struct by_hand *h, const char *command)
{
	if (!h->ssid || !*h->ssid)
		return by_hand_unusable(command, "which network?", "--ssid NAME");
	if (!h->passphrase && !h->open && !h->simulated)
		return by_hand_unusable(command, "the passphrase of the network is missing",
					"--passphrase-file FILE, or --open");
	return -1;
}

/* --- the job --- */

void by_hand_quote(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++)
		fprintf(to, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	fputc('"', to);
}

static void put_job(FILE *to, const struct by_hand *h, void (*credentials)(FILE *to, const void *ctx), const void *ctx)
{
	char *path = h->passphrase ? realpath(h->passphrase, NULL) : NULL;
	struct timespec now;
	char lot[24];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(lot, sizeof(lot), "%Y%m%dT%H%M%S", &tm);
	fprintf(to,
		"format: 1\nbatch: {lot: \"by-hand-%s.%03ldZ\", product: \"by hand\", quantity: 1%s}\ncredentials:\n  "
		"ssid: ",
		lot, now.tv_nsec / 1000000, h->simulated ? ", test: true" : "");
	by_hand_quote(to, h->ssid);
	fprintf(to, "\n  security: %s\n", h->open ? "open" : "wpa2");
	credentials(to, ctx);
	if (h->passphrase) {
		fputs("  passphrase: {file: ", to);
		by_hand_quote(to, path ? path : h->passphrase);
		fputs("}\n", to);
	}
	fputs("recipe: [credentials, verify]\nradios: ", to);
	if (h->simulated)
		fputs("{simulated: 1}", to);
	else if (h->radio)
		by_hand_quote(to, h->radio);
	fprintf(to, "%s\nchannels: [%s]\nadmission:\n  quiet: 2min\n", h->simulated || h->radio ? "" : "auto",
		h->channels ? h->channels : "1, 6, 11");
	if (h->expect) {
		fputs("  expect: ", to);
		by_hand_quote(to, h->expect);
		fputc('\n', to);
	}
	if (h->simulated)
		fputs("simulation: {devices: 1}\n", to);
	free(path);
}

struct job *by_hand_job(const struct by_hand *h, const char *command, void (*credentials)(FILE *to, const void *ctx),
			const void *ctx)
{
	struct job_errors errors = { 0 };
	char text[JOB_MAX];
	FILE *to = fmemopen(text, sizeof(text), "w");
	struct job *job = NULL;
	long len;

	if (!to)
		return NULL;
	put_job(to, h, credentials, ctx);
	len = fflush(to) == 0 ? ftell(to) : -1;
	fclose(to);
	if (len > 0 && (size_t)len < sizeof(text))
		job = job_parse("by hand", text, (size_t)len, &errors);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "millrace %s: %s\n", command, errors.text[i]);
	return job;
}

/* --- the run --- */

static void on_event(void *ctx, const struct line_event *e)
{
	double at = (double)e->now_us / 1e6;

	(void)ctx;
	if (e->kind == LINE_UNIT_SEEN)
		printf("%8.3f  heard\n", at);
	else if (e->kind == LINE_STEP && !e->cause && strcmp(e->step, job_step_name(JOB_CREDENTIALS)) == 0)
		printf("%8.3f  it has the credentials\n", at);
	else if (e->kind == LINE_STRANGER)
		printf("%8.3f  left alone: %s\n", at, e->detail);
	else if (e->kind == LINE_HOLD)
		printf("%8.3f  %s: %s\n", at, mr_cause_sentence(e->cause), e->detail);
	else if (e->kind == LINE_UNIT_STATE && e->state == UNIT_PASSED)
		printf("%8.3f  seen with them: PASS\n", at);
	else if (e->kind == LINE_UNIT_STATE)
		printf("%8.3f  %s: %s; %s\n", at, e->state == UNIT_SEEN ? "once more" : "FAIL",
		       mr_cause_sentence(e->cause), mr_cause_remedy(e->cause));
}

static void on_interrupt(void *ctx, unsigned times)
{
	(void)ctx;
	puts(times == 1 ? "stopping: what is under way ends; once more to stop now" : "stopping now");
}

static int run_logged(const struct by_hand *h, const char *command, const char *whom, const struct job *job,
		      const struct log *log)
{
	struct batch_options batch = { .job = job,
				       .db = h->db,
				       .keys = h->keys,
				       .operator= h->person,
				       .log = log,
				       .event = on_event,
				       .interrupted = on_interrupt,
				       .signals = true };
	struct batch_result result;
	char error[512];

	printf("looking for %s%s\n", whom, h->simulated ? " (SIMULATED)" : "");
	if (batch_run(&batch, &result, error, sizeof(error)) != 0) {
		fprintf(stderr, "millrace %s: %s\n", command, error);
		return EXIT_UNUSABLE;
	}
	if (result.summary.seen == 0)
		printf("nobody of that name was heard: is it in setup, and near? Does it look on these channels?\n");
	return result.failure[0] || result.summary.held_up ? EXIT_UNUSABLE
	       : result.interrupted			   ? EXIT_INTERRUPTED
	       : result.summary.passed >= job->quantity	   ? EXIT_ALL_WELL
							   : EXIT_NOT_ALL_WELL;
}

int by_hand_run(const struct by_hand *h, const char *command, const char *whom, const struct job *job)
{
	struct log_file log;
	int status = command_log(command, &h->log, &log);

	if (status >= 0)
		return status;
	setvbuf(stdout, NULL, _IOLBF, 0);
	status = run_logged(h, command, whom, job, &log.log);
	command_log_close(&log);
	return status;
}
