/*
 * `millrace wps`: one device by hand, with its PIN or its button. A job of one device is made in memory and run as any
 * other: on record, with the same proof. The PIN goes from the terminal to memory that has no name in the file system.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "agent/wire/cause.h"
#include "agent/wire/wsc.h"
#include "agent/wire/wsc_pin.h"
#include "station/base/secret_file.h"
#include "station/command/command.h"
#include "station/run/batch.h"

#define PIN_LINE_MAX 32u /* octets typed, blanks and dashes among them */
#define JOB_MAX 4096u
#define CTRL_C 3

struct wps_options {
	const char *device, *ssid, *passphrase, *pin, *radio, *channels, *db, *keys, *person;
	bool button, outside, open, simulated;
	struct log_words log;
};

static int unusable(const char *what, const char *remedy)
{
	fprintf(stderr, "millrace wps: %s; %s\n", what, remedy);
	return EXIT_UNUSABLE;
}

/* --- what was typed --- */

/* -1: go on; else the exit status. */
static int read_options(struct wps_options *o, int argc, char **argv)
{
	static const struct command self = { "wps", "DEVICE",
					     "enroll one device by hand, named by its address or serial number",
					     command_wps };
	const struct option_row rows[] = {
		{ "--ssid", "NAME", "the network that the device is to join", &o->ssid, NULL },
		{ "--passphrase-file", "FILE", "its passphrase, one line, readable by its owner only", &o->passphrase,
		  NULL },
		{ "--open", NULL, "the network has no passphrase", NULL, &o->open },
		{ "--pin", "FILE", "the PIN of the device, one line, readable by its owner only (it is asked for)",
		  &o->pin, NULL },
		{ "--button", NULL, "its button is pressed: no PIN", NULL, &o->button },
		{ "--outside", NULL, "the device is an access point in setup, and is to make that network", NULL,
		  &o->outside },
		{ "--radio", "NAME", "the adapter: name, address or USB path (auto)", &o->radio, NULL },
		{ "--simulated", NULL, "a simulated radio and device, to try it", NULL, &o->simulated },
		{ "--channels", "LIST", "where to look (1, 6, 11)", &o->channels, NULL },
		{ "--db", "FILE", "the record; made when it is not there (millrace.db)", &o->db, NULL },
		{ "--keys", "DIR", "folder made by millrace ca init (keys)", &o->keys, NULL },
		{ "--operator", "NAME", "who does it, for the record (the user)", &o->person, NULL },
		LOG_ROWS(&o->log),
		{ 0 },
	};
	size_t count = 0;
	int status = command_options(&self, rows, argc, argv, &o->device, 1, &count);

	if (status >= 0)
		return status;
	if (command_log_list(&o->log))
		return EXIT_ALL_WELL;
	if (count != 1 || !*o->device || strlen(o->device) > 32)
		return unusable("which device?", "name its address or serial number: millrace wps 02:00:5e:00:53:01");
	if (!o->ssid || !*o->ssid)
		return unusable("which network?", "--ssid NAME");
	if (!o->passphrase && !o->open && !o->simulated)
		return unusable("the passphrase of the network is missing", "--passphrase-file FILE, or --open");
	if (o->button && (o->pin || o->outside))
		return unusable("a button has no PIN, and access points are set up by theirs",
				"--button alone, or without it");
	return -1;
}

static bool is_address(const char *text)
{
	static const char form[] = "xx:xx:xx:xx:xx:xx";
	size_t i = 0;

	for (; form[i] && text[i]; i++)
		if (form[i] == ':' ? text[i] != ':' : !strchr("0123456789abcdefABCDEF", text[i]))
			return false;
	return !form[i] && !text[i];
}

/* A line as it comes, without a copy in stdio. Ctrl-C ends it, which is then no PIN. */
static bool read_line(char line[static PIN_LINE_MAX])
{
	size_t len = 0;

	while (len < PIN_LINE_MAX - 1 && read(STDIN_FILENO, line + len, 1) == 1 && line[len] != '\n' &&
	       line[len] != CTRL_C)
		len++;
	return len > 0;
}

/* From the terminal unseen, and the terminal is as it was afterwards. */
static bool ask_pin(char line[static PIN_LINE_MAX])
{
	struct termios before, silent;
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0, typed;

	if (terminal) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
		silent.c_cc[VEOL] = CTRL_C;
		fputs("PIN of the device: ", stderr);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	typed = read_line(line);
	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	return typed;
}

/* Digits alone: labels print blanks and dashes between them. */
static bool clean_pin(const char *line, char pin[static MR_WSC_PIN_MAX + 1])
{
	size_t len = 0;

	for (; *line && *line != '\n' && *line != '\r'; line++) {
		if (*line == ' ' || *line == '-')
			continue;
		if (len == MR_WSC_PIN_MAX)
			return false;
		pin[len++] = *line;
	}
	pin[len] = '\0';
	return mr_wsc_pin_valid(pin, len);
}

/* -1: go on; else the exit status. */
static int read_pin(const struct wps_options *o, char pin[static MR_WSC_PIN_MAX + 1])
{
	char line[PIN_LINE_MAX] = "", error[400], *text = NULL;
	bool good;
	size_t len;

	if (o->button)
		return -1;
	if (o->pin && secret_file_read(NULL, o->pin, PIN_LINE_MAX - 1, "write the PIN there as one line", &text, &len,
				       error, sizeof(error)) != 0) {
		fprintf(stderr, "millrace wps: %s\n", error);
		return EXIT_UNUSABLE;
	}
	good = (text || ask_pin(line)) && clean_pin(text ? text : line, pin);
	if (text)
		OPENSSL_clear_free(text, len + 1);
	OPENSSL_cleanse(line, sizeof(line));
	return good ? -1
		    : unusable("that is no PIN of WPS", "8 digits of which the last checks the others, or 4 digits");
}

/* --- the job --- */

/* The list of this one device. Its path, which only this process can open; -1: none. */
static int write_label(const struct wps_options *o, const char *pin)
{
	char text[120];
	int len = snprintf(text, sizeof(text), "%s,pin\n\"%s\",%s\n", is_address(o->device) ? "mac" : "serial",
			   o->device, pin);
	int fd = memfd_create("label", MFD_CLOEXEC);
	bool written = fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, text, (size_t)len) == len;

	OPENSSL_cleanse(text, sizeof(text));
	if (written)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void put_quoted(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++)
		fprintf(to, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	fputc('"', to);
}

static void put_job(FILE *to, const struct wps_options *o, int label)
{
	char *path = o->passphrase ? realpath(o->passphrase, NULL) : NULL;
	struct timespec now;
	char lot[24];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(lot, sizeof(lot), "%Y%m%dT%H%M%S", &tm);
	fprintf(to,
		"format: 1\nbatch: {lot: \"by-hand-%s.%03ldZ\", product: \"by hand\", quantity: 1%s}\ncredentials:\n  "
		"ssid: ",
		lot, now.tv_nsec / 1000000, o->simulated ? ", test: true" : "");
	put_quoted(to, o->ssid);
	fprintf(to,
		"\n  security: %s\n  method: %s\n  weak-ok: true\n  wps: {role: %s, labels: \"/proc/self/fd/%d\"}\n",
		o->open ? "open" : "wpa2", o->button ? "wps-pbc" : "wps-pin",
		o->outside ? "external-registrar" : "registrar", label);
	if (o->passphrase) {
		fputs("  passphrase: {file: ", to);
		put_quoted(to, path ? path : o->passphrase);
		fputs("}\n", to);
	}
	fputs("recipe: [credentials, verify]\nradios: ", to);
	if (o->simulated)
		fputs("{simulated: 1}", to);
	else if (o->radio)
		put_quoted(to, o->radio);
	fprintf(to, "%s\nchannels: [%s]\nadmission: {quiet: 2min}\n", o->simulated || o->radio ? "" : "auto",
		o->channels ? o->channels : "1, 6, 11");
	if (o->simulated)
		fputs("simulation: {devices: 1}\n", to);
	free(path);
}

static struct job *make_job(const struct wps_options *o, int label)
{
	struct job_errors errors = { 0 };
	char text[JOB_MAX];
	FILE *to = fmemopen(text, sizeof(text), "w");
	struct job *job = NULL;
	long len;

	if (!to)
		return NULL;
	put_job(to, o, label);
	len = fflush(to) == 0 ? ftell(to) : -1;
	fclose(to);
	if (len > 0 && (size_t)len < sizeof(text))
		job = job_parse("by hand", text, (size_t)len, &errors);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "millrace wps: %s\n", errors.text[i]);
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

static int run_job(const struct wps_options *o, const struct job *job, const struct log *log)
{
	struct batch_options batch = { .job = job,
				       .db = o->db,
				       .keys = o->keys,
				       .operator= o->person,
				       .log = log,
				       .event = on_event,
				       .interrupted = on_interrupt,
				       .signals = true };
	struct batch_result result;
	char error[512];

	printf("looking for %s%s\n", o->device, o->simulated ? " (SIMULATED)" : "");
	if (batch_run(&batch, &result, error, sizeof(error)) != 0) {
		fprintf(stderr, "millrace wps: %s\n", error);
		return EXIT_UNUSABLE;
	}
	if (result.summary.seen == 0)
		printf("nobody of that name was heard: is it in setup, and near? Does it look on these channels?\n");
	return result.failure[0] || result.summary.held_up ? EXIT_UNUSABLE
	       : result.interrupted			   ? EXIT_INTERRUPTED
	       : result.summary.passed >= job->quantity	   ? EXIT_ALL_WELL
							   : EXIT_NOT_ALL_WELL;
}

int command_wps(int argc, char **argv)
{
	char person[PERSON_MAX], pin[MR_WSC_PIN_MAX + 1] = "";
	struct wps_options o = { .db = "millrace.db", .person = command_person(person) };
	struct log_file log;
	struct job *job;
	int status = read_options(&o, argc, argv), label;

	if (status < 0)
		status = read_pin(&o, pin);
	if (status < 0)
		status = command_log("wps", &o.log, &log);
	if (status >= 0) {
		OPENSSL_cleanse(pin, sizeof(pin));
		return status;
	}
	label = write_label(&o, pin);
	OPENSSL_cleanse(pin, sizeof(pin));
	setvbuf(stdout, NULL, _IOLBF, 0);
	job = label >= 0 ? make_job(&o, label) : NULL;
	status = job ? run_job(&o, job, &log.log) : EXIT_UNUSABLE;
	if (label < 0)
		status = unusable("no memory for its label", "close other programs");
	else
		close(label);
	command_log_close(&log);
	job_destroy(job);
	return status;
}
