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
#include <unistd.h>

#include <openssl/crypto.h>

#include "agent/wire/wsc.h"
#include "agent/wire/wsc_pin.h"
#include "station/base/secret_file.h"
#include "station/command/by_hand.h"

#define PIN_LINE_MAX 32u /* octets typed, blanks and dashes among them */
#define CTRL_C 3

struct wps_options {
	const char *device, *pin;
	bool button, outside;
	struct by_hand hand;
};

struct wps_job {
	const struct wps_options *o;
	int label; /* the list of its one device */
};

static int unusable(const char *what, const char *remedy) { return by_hand_unusable("wps", what, remedy); }

/* --- what was typed --- */

/* -1: go on; else the exit status. */
static int read_options(struct wps_options *o, int argc, char **argv)
{
	static const struct command self = { "wps", "DEVICE",
					     "enroll one device by hand, named by its address or serial number",
					     command_wps };
	const struct option_row rows[] = {
		{ "--pin", "FILE", "the PIN of the device, one line, readable by its owner only (it is asked for)",
		  &o->pin, NULL },
		{ "--button", NULL, "its button is pressed: no PIN", NULL, &o->button },
		{ "--outside", NULL, "the device is an access point in setup, and is to make that network", NULL,
		  &o->outside },
		BY_HAND_ROWS(&o->hand),
		{ 0 },
	};
	size_t count = 0;
	int status = command_options(&self, rows, argc, argv, &o->device, 1, &count);

	if (status >= 0)
		return status;
	if (command_log_list(&o->hand.log))
		return EXIT_ALL_WELL;
	if (count != 1 || !*o->device || strlen(o->device) > 32)
		return unusable("which device?", "name its address or serial number: millrace wps 02:00:5e:00:53:01");
	status = by_hand_network(&o->hand, "wps");
	if (status >= 0)
		return status;
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

static void put_credentials(FILE *to, const void *ctx)
{
	const struct wps_job *w = ctx;

	fprintf(to, "  method: %s\n  weak-ok: true\n  wps: {role: %s, labels: \"/proc/self/fd/%d\"}\n",
		w->o->button ? "wps-pbc" : "wps-pin", w->o->outside ? "external-registrar" : "registrar", w->label);
}

int command_wps(int argc, char **argv)
{
	char person[PERSON_MAX], pin[MR_WSC_PIN_MAX + 1] = "";
	struct wps_options o = { .hand = { .db = "millrace.db", .person = command_person(person) } };
	struct wps_job what = { .o = &o };
	struct job *job;
	int status = read_options(&o, argc, argv);

	if (status < 0)
		status = read_pin(&o, pin);
	if (status < 0)
		what.label = write_label(&o, pin);
	OPENSSL_cleanse(pin, sizeof(pin));
	if (status >= 0)
		return status;
	if (what.label < 0)
		return unusable("no memory for its label", "close other programs");
	job = by_hand_job(&o.hand, "wps", put_credentials, &what);
	status = job ? by_hand_run(&o.hand, "wps", o.device, job) : EXIT_UNUSABLE;
	close(what.label);
	job_destroy(job);
	return status;
}
