/*
 * millrace labels: the labels of a lot, as files or on a printer, on record; and the scanning back. docs/labels.md is
 * the manual. Labels of secret templates open PINs: that takes pin.key and a name, and is recorded before anything is
 * drawn.
 */
#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "db/sql.h"
#include "db/verify.h"
#include "station/base/log.h"
#include "station/base/loop.h"
#include "station/command/command.h"
#include "station/command/label_codes.h"
#include "station/command/label_post.h"
#include "station/control/settings.h"
#include "station/label/file.h"
#include "station/label/layout.h"
#include "station/label/printer.h"

#define DEFAULT_DB "millrace.db"
#define ERROR_MAX 700  /* octets; chosen: a sentence, a path, what was read back and a remedy */
#define SERIALS_MAX 64 /* chosen: for more, name the lot */
#define FOLLOW_MS 5000 /* without news; then the printer is asked how it is */
#define STUCK_MS 2000  /* a printer in trouble is tried again */

struct labels {
	const char *db_path, *template_path, *format, *out, *printer, *keys, *operator, * reason, *font, *timeout,
		*unit, *control, *badge, *settings;
	bool reprint, blind, follow, json, preview, ascii, keys_reference;
	const char *lot;
	const char *serials[SERIALS_MAX];
	size_t serial_count;

	struct label_template *template;
	struct identity *pins;
	struct label_post post;
	int fd;	     /* of the printer; -1: none */
	int stop_fd; /* readable: somebody wants it to end */
	bool stopped;
	uint64_t patience_us;
	struct book_unit *todo;
	size_t todo_count, todo_cap;
	json_t *answer;
	unsigned wanted, done, unsure, skipped;
	bool no_memory;
	char trouble[ERROR_MAX]; /* of the printer, said already; --follow tries again */
};

static int unusable(const char *sentence)
{
	fprintf(stderr, "millrace labels: %s\n", sentence);
	return EXIT_UNUSABLE;
}

static int64_t utc_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- what is asked for --- */

static int load_template(struct labels *labels)
{
	struct job_errors errors = { 0 };

	labels->template = labels->template_path ? template_load(labels->template_path, &errors) : template_built_in();
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.text[i]);
	return labels->template ? -1 : EXIT_UNUSABLE;
}

static int check_words(struct labels *labels)
{
	static const char *const formats[] = { "svg", "png", "zpl", "text", "ascii", NULL };
	const char *near = NULL;
	bool known = false;
	char *end;

	for (size_t i = 0; formats[i]; i++)
		known |= labels->format && strcmp(formats[i], labels->format) == 0;
	if (labels->format && !known) {
		near = command_nearest(labels->format, formats);
		fprintf(stderr,
			"millrace labels: there is no format \"%.40s\"; allowed: svg, png, zpl, text, ascii%s%s%s\n",
			labels->format, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
		return EXIT_UNUSABLE;
	}
	if (labels->out && labels->printer)
		return unusable("--out and --printer at once; one of them");
	if (labels->printer && labels->format)
		return unusable("--format belongs to --out: a printer gets ZPL");
	if (labels->reprint && !(labels->reason && *labels->reason))
		return unusable("--reprint wants to know why, for the record: --reason TEXT");
	if (labels->reprint && !labels->out && !labels->printer)
		return unusable("--reprint wants to know where to: --printer HOST or --out DIR");
	if (labels->follow && !labels->out && !labels->printer)
		return unusable("--follow wants to know where to: --printer HOST or --out DIR");
	if (labels->follow && (labels->reprint || labels->serial_count))
		return unusable("--follow prints what passes, once: no --reprint and no serial numbers with it");
	labels->patience_us = 10000000;
	if (labels->timeout) {
		long seconds = strtol(labels->timeout, &end, 10);

		if (*end || seconds < 1 || seconds > 3600)
			return unusable("--timeout is 1 to 3600 seconds");
		labels->patience_us = (uint64_t)seconds * 1000000;
	}
	return -1;
}

/* Who and with which key, when PINs are opened. */
static int check_holder(struct labels *labels)
{
	char error[ERROR_MAX] = "";

	if (!labels->operator|| !* labels->operator)
		return unusable("for the record: --operator NAME");
	if (labels->template && labels->template->secret && !labels->keys)
		return unusable(
			"this label says the PIN: --keys DIR, the folder with pin.key; each opening goes on record");
	if (labels->keys && identity_open_pins(&labels->pins, labels->keys, error, sizeof(error)) != 0)
		return unusable(error);
	return -1;
}

static int missing_lot(const char *lot)
{
	char escaped[160];

	log_escape(escaped, sizeof(escaped), lot, strlen(lot));
	fprintf(stderr, "millrace labels: lot \"%s\" is not on record; millrace audit batch lists those that are\n",
		escaped);
	return EXIT_NOT_ALL_WELL;
}

static bool lot_exists(sqlite3 *db, const char *lot)
{
	sqlite3_stmt *statement = sql_prepare(db, "lot_batch");
	bool exists = false;

	if (statement) {
		sqlite3_bind_text(statement, sqlite3_bind_parameter_index(statement, ":lot"), lot, -1, SQLITE_STATIC);
		exists = sqlite3_step(statement) == SQLITE_ROW;
	}
	sqlite3_finalize(statement);
	return exists;
}

static int open_post(struct labels *labels)
{
	const struct label_post_options options = { .db = labels->db_path,
						    .lot = labels->lot,
						    .operator= labels->operator,
						    .control = labels->control,
						    .badge = labels->badge,
						    .pins = labels->pins,
						    .keys = labels->keys };
	char error[ERROR_MAX] = "";

	if (label_post_open(&labels->post, &options, error, sizeof(error)) != 0 ||
	    (labels->follow && label_post_follow(&labels->post, error, sizeof(error)) != 0))
		return unusable(error);
	return lot_exists(labels->post.book.db, labels->lot) ? -1 : missing_lot(labels->lot);
}

/* --- which units --- */

static bool on_unit(void *ctx, const struct book_unit *unit)
{
	struct labels *labels = ctx;

	if (labels->todo_count == labels->todo_cap) {
		size_t cap = labels->todo_cap ? 2 * labels->todo_cap : 64;
		struct book_unit *grown = OPENSSL_clear_realloc(labels->todo, labels->todo_cap * sizeof(*grown),
								cap * sizeof(*grown));

		if (!grown) {
			labels->no_memory = true;
			return false;
		}
		labels->todo = grown;
		labels->todo_cap = cap;
	}
	labels->todo[labels->todo_count++] = *unit;
	return true;
}

static void forget_units(struct labels *labels)
{
	for (size_t i = 0; i < labels->todo_count; i++)
		OPENSSL_cleanse(&labels->todo[i], sizeof(labels->todo[i]));
	labels->todo_count = 0;
}

static int not_found(const char *serial)
{
	char escaped[160];

	log_escape(escaped, sizeof(escaped), serial, strlen(serial));
	fprintf(stderr,
		"millrace labels: no unit of that lot with the serial number \"%s\" has passed; millrace audit device "
		"%s tells more\n",
		escaped, escaped);
	return EXIT_NOT_ALL_WELL;
}

static int choose(struct labels *labels)
{
	char error[ERROR_MAX] = "";
	size_t rounds = labels->serial_count ? labels->serial_count : 1;

	for (size_t i = 0; i < rounds; i++) {
		const char *serial = labels->serial_count ? labels->serials[i] : NULL;
		long count = book_units(&labels->post.book, labels->lot, labels->template->name, serial, on_unit,
					labels, error, sizeof(error));

		if (count < 0 || labels->no_memory)
			return unusable(count < 0 ? error : "no memory is left");
		if (count == 0 && serial)
			return not_found(serial);
	}
	return -1;
}

/* A label that was sent and never confirmed may lie somewhere: printing it again is a reprint. */
static bool wants(const struct labels *labels, const struct book_unit *unit)
{
	return labels->reprint || !unit->label || strcmp(unit->label_state, "queued") == 0;
}

/* --- one label --- */

static void tell(struct labels *labels, const struct book_unit *unit, const char *state, const char *words)
{
	if (labels->json) {
		(void)json_array_append_new(json_object_get(labels->answer, "labels"),
					    json_pack("{s:s, s:I, s:i, s:s, s:s}", "serial", unit->serial, "label",
						      (json_int_t)unit->label, "copy", (int)unit->copies, "state",
						      state, "words", words));
		return;
	}
	printf("%-16s  copy %u  %-8s  %s\n", unit->serial, unit->copies, state, words);
	(void)fflush(stdout);
}

static bool draw(const struct labels *labels, const struct label_layout *layout, const char *format,
		 struct label_buffer *out, char *error, size_t error_len)
{
	if (strcmp(format, "png") == 0)
		return layout_png(layout, labels->font, out, error, error_len);
	if (strcmp(format, "svg") == 0)
		layout_svg(layout, out);
	else if (strcmp(format, "zpl") == 0)
		layout_zpl(layout, out);
	else
		layout_text(layout, strcmp(format, "ascii") == 0, out);
	if (out->bad)
		snprintf(error, error_len, "no memory is left");
	return !out->bad;
}

static int to_file(struct labels *labels, struct book_unit *unit, const struct label_layout *layout)
{
	const char *format = labels->format ? labels->format : "svg";
	const char *ending = strcmp(format, "text") == 0 || strcmp(format, "ascii") == 0 ? "txt" : format;
	struct label_buffer out = { 0 };
	char error[ERROR_MAX] = "", path[4096];
	int rc = -1;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s.%s", labels->out, unit->serial, ending) >= sizeof(path))
		snprintf(error, sizeof(error), "the name of the folder is too long");
	else if (draw(labels, layout, format, &out, error, sizeof(error)))
		rc = file_write_whole(path, out.at, out.len, error, sizeof(error));
	buffer_wipe(&out);
	if (rc == 0)
		rc = label_post_went(&labels->post, unit, LABEL_SENT, utc_now_us(), error, sizeof(error));
	if (rc != 0)
		return unusable(error);
	tell(labels, unit, "sent", path);
	labels->done++;
	return -1;
}

/* The printer's trouble, for the station's screens. true: it is new, and is said here too. */
static bool in_trouble(struct labels *labels, const char *words)
{
	if (strcmp(words, labels->trouble) == 0)
		return false;
	snprintf(labels->trouble, sizeof(labels->trouble), "%s", words);
	label_post_printer(&labels->post, "bad", words);
	return true;
}

static void out_of_trouble(struct labels *labels, const char *words)
{
	labels->trouble[0] = '\0';
	label_post_printer(&labels->post, "ok", words);
}

/* After trouble the rest stays queued: a printer without paper does not print the next one either. */
static int to_printer(struct labels *labels, struct book_unit *unit, const struct label_layout *layout)
{
	struct label_buffer zpl = { 0 };
	struct printer printer;
	enum printer_result result;
	char error[ERROR_MAX] = "", said[64];
	int rc = 0;

	layout_zpl(layout, &zpl);
	if (zpl.bad)
		return unusable("no memory is left");
	result = printer_print(labels->fd, &printer, zpl.at, zpl.len, labels->blind, labels->patience_us);
	buffer_wipe(&zpl);
	if (result == PRINTER_PRINTED || result == PRINTER_SENT || result == PRINTER_UNSURE)
		rc = label_post_went(&labels->post, unit, LABEL_SENT, utc_now_us(), error, sizeof(error));
	if (rc == 0 && result == PRINTER_PRINTED)
		rc = label_post_went(&labels->post, unit, LABEL_PRINTED, utc_now_us(), error, sizeof(error));
	if (rc != 0)
		return unusable(error);
	if (result == PRINTER_PRINTED || result == PRINTER_SENT) {
		tell(labels, unit, result == PRINTER_PRINTED ? "printed" : "sent", printer.words);
		snprintf(said, sizeof(said), "%s %s", unit->serial, result == PRINTER_PRINTED ? "printed" : "sent");
		out_of_trouble(labels, said);
		labels->done++;
		return -1;
	}
	labels->unsure += result == PRINTER_UNSURE;
	if (!in_trouble(labels, printer.words)) /* the same as when it was last tried */
		return EXIT_NOT_ALL_WELL;
	tell(labels, unit, result == PRINTER_UNSURE ? "unsure" : "queued", printer.words);
	if (labels->json)
		fprintf(stderr, "millrace labels: %s: %s\n", unit->serial, printer.words);
	return EXIT_NOT_ALL_WELL;
}

static int one_label(struct labels *labels, struct book_unit *unit)
{
	const struct book_order order = { .template = labels->template->name,
					  .kind = labels->printer ? "print" : "file",
					  .secret = labels->template->secret,
					  .reason = labels->reprint ? labels->reason : NULL,
					  .at_us = utc_now_us() };
	struct label_layout layout;
	char error[ERROR_MAX] = "";
	uint8_t digest[32];
	int result = EXIT_UNUSABLE;
	bool made;

	book_own_texts(unit);
	if (labels->template->secret && book_open_pin(&labels->post.book, unit, error, sizeof(error)) != 0)
		return unusable(error);
	made = layout_make(&layout, labels->template, &unit->facts, error, sizeof(error));
	if (!made ||
	    book_digest(&labels->post.book, layout_scan_text(&layout), labels->template->secret, digest, error,
			sizeof(error)) != 0 ||
	    label_post_queue(&labels->post, unit, &order, digest, error, sizeof(error)) != 0)
		unusable(error);
	else
		result = labels->printer ? to_printer(labels, unit, &layout) : to_file(labels, unit, &layout);
	if (made)
		layout_wipe(&layout);
	OPENSSL_cleanse(unit->facts.pin, sizeof(unit->facts.pin));
	return result;
}

/* As long as the unit's own, so that what does not fit does not fit here either; accepted by every format. */
static void put_sample_pin(struct book_unit *unit)
{
	size_t digits = unit->sealed_len > 28 && unit->sealed_len - 28 < IDENTITY_PIN_MAX ? unit->sealed_len - 28 : 8;

	snprintf(unit->facts.pin, sizeof(unit->facts.pin), "%0*d", (int)digits, 1);
}

/* Before the first label is printed, all of them are made once, with sample PINs: a serial number that is too long
 * for its place is found now. */
static int rehearse(struct labels *labels)
{
	for (size_t i = 0; i < labels->todo_count; i++) {
		struct book_unit *unit = &labels->todo[i];
		struct label_layout layout;
		char error[ERROR_MAX] = "";
		bool good;

		if (!wants(labels, unit)) {
			labels->skipped++;
			continue;
		}
		labels->wanted++;
		book_own_texts(unit);
		put_sample_pin(unit);
		good = layout_make(&layout, labels->template, &unit->facts, error, sizeof(error));
		*unit->facts.pin = '\0';
		if (!good)
			return unusable(error);
		layout_wipe(&layout);
	}
	return -1;
}

static int open_target(struct labels *labels)
{
	char error[ERROR_MAX] = "";
	struct stat there;

	labels->fd = -1;
	if (labels->printer) {
		labels->fd = printer_connect(labels->printer, labels->patience_us, error, sizeof(error));
		return labels->fd < 0 ? unusable(error) : -1;
	}
	if (mkdir(labels->out, 0700) == 0 || (stat(labels->out, &there) == 0 && S_ISDIR(there.st_mode)))
		return -1;
	fprintf(stderr, "millrace labels: %s: %s; name a folder with --out\n", labels->out, strerror(errno));
	return EXIT_UNUSABLE;
}

static int sum_up(struct labels *labels, int result)
{
	unsigned waiting = labels->wanted - labels->done - labels->unsure;

	if (labels->json) {
		json_object_set_new(labels->answer, "done", json_integer(labels->done));
		json_object_set_new(labels->answer, "unsure", json_integer(labels->unsure));
		json_object_set_new(labels->answer, "waiting", json_integer(waiting));
		json_object_set_new(labels->answer, "had_one", json_integer(labels->skipped));
	} else {
		printf("\n%u label%s, %u unsure, %u not yet", labels->done, labels->done == 1 ? "" : "s",
		       labels->unsure, waiting);
		if (labels->skipped)
			printf("; %u unit%s had one (again: --reprint --reason TEXT)", labels->skipped,
			       labels->skipped == 1 ? "" : "s");
		printf("\n");
	}
	return result;
}

/* The first Ctrl-C, or what counts as one, is waited for; false, with errno. */
static bool await_stop(struct labels *labels)
{
	sigset_t set;

	loop_end_signals(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return false;
	labels->stop_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return labels->stop_fd >= 0;
}

/* The label in hand is finished and on record, and none is begun; a second Ctrl-C or SIGTERM ends it at once. */
static bool is_stopped(struct labels *labels)
{
	struct signalfd_siginfo info;
	sigset_t second;

	if (labels->stopped || read(labels->stop_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return labels->stopped;
	labels->stopped = true;
	sigemptyset(&second);
	sigaddset(&second, SIGINT);
	sigaddset(&second, SIGTERM);
	(void)sigprocmask(SIG_UNBLOCK, &second, NULL);
	return true;
}

static int print_these(struct labels *labels)
{
	int result = -1;

	for (size_t i = 0; i < labels->todo_count && result < 0; i++)
		if (is_stopped(labels))
			result = EXIT_INTERRUPTED;
		else if (wants(labels, &labels->todo[i]))
			result = one_label(labels, &labels->todo[i]);
	return result;
}

/* Those that passed since, too. */
static int choose_anew(struct labels *labels)
{
	int result;

	forget_units(labels);
	result = choose(labels);
	labels->wanted = labels->done + labels->unsure;
	labels->skipped = 0;
	return result < 0 ? rehearse(labels) : result;
}

/* After trouble: a connection that was lost is made anew. */
static bool printer_is_there(struct labels *labels)
{
	char error[ERROR_MAX] = "";

	if (!labels->printer)
		return true;
	if (labels->fd >= 0)
		close(labels->fd);
	labels->fd = printer_connect(labels->printer, labels->patience_us, error, sizeof(error));
	if (labels->fd < 0 && in_trouble(labels, error))
		fprintf(stderr, "millrace labels: %s; it is tried again\n", error);
	return labels->fd >= 0;
}

/* Nothing was printed for a while: could it? An open head is better found now than with the next unit. */
static int look_at_printer(struct labels *labels)
{
	enum printer_result result;
	struct printer printer;

	if (!labels->printer || labels->blind)
		return -1;
	result = printer_print(labels->fd, &printer, NULL, 0, false, labels->patience_us);
	if (result == PRINTER_SILENT && !printer_is_there(labels)) /* many close what is idle */
		return EXIT_NOT_ALL_WELL;
	if (result == PRINTER_SILENT)
		result = printer_print(labels->fd, &printer, NULL, 0, false, labels->patience_us);
	if (result == PRINTER_READY) {
		if (labels->trouble[0] || !labels->post.told) /* else the label that it printed last is still there */
			out_of_trouble(labels, "ready");
		return -1;
	}
	if (in_trouble(labels, printer.words))
		fprintf(stderr, "millrace labels: %s\n", printer.words);
	return EXIT_NOT_ALL_WELL;
}

static bool some_wait(const struct labels *labels) { return labels->wanted > labels->done + labels->unsure; }

/*
 * Each unit as it passes, until the run is over. A printer in trouble is waited for: what it did not get stays queued,
 * and what it got and never confirmed is for a person to look at.
 */
static int follow(struct labels *labels)
{
	char error[ERROR_MAX] = "";
	int result = print_these(labels);

	for (bool last = false; !last && result != EXIT_UNUSABLE && !is_stopped(labels);) {
		bool stuck = result == EXIT_NOT_ALL_WELL;
		unsigned before = labels->done;

		label_post_wait(&labels->post, stuck ? STUCK_MS : FOLLOW_MS, !stuck, labels->stop_fd);
		last = labels->post.over;
		if (is_stopped(labels))
			break;
		if (last && label_post_settle(&labels->post, error, sizeof(error)) != 0)
			return unusable(error);
		result = choose_anew(labels);
		if (result < 0 && stuck && !printer_is_there(labels))
			result = last && !some_wait(labels) ? -1 : EXIT_NOT_ALL_WELL;
		else if (result < 0)
			result = print_these(labels);
		if (result < 0 && !last && labels->done == before)
			result = look_at_printer(labels);
	}
	return is_stopped(labels) ? EXIT_INTERRUPTED : result;
}

static int print_all(struct labels *labels)
{
	int result = rehearse(labels);

	if (result >= 0)
		return result;
	if (!await_stop(labels))
		return unusable(strerror(errno));
	result = open_target(labels);
	if (result < 0) {
		result = labels->follow ? follow(labels) : print_these(labels);
		if (labels->fd >= 0)
			close(labels->fd);
		result = sum_up(labels, result < 0 ? EXIT_ALL_WELL : result);
	}
	close(labels->stop_fd);
	return result;
}

/* --- a look at one, without the record or a secret --- */

static int preview(struct labels *labels)
{
	struct label_layout layout;
	struct label_buffer out = { 0 };
	char error[ERROR_MAX] = "";
	struct book_unit *unit;

	if (labels->todo_count == 0) {
		fprintf(stderr, "millrace labels: no unit of that lot has passed yet\n");
		return EXIT_NOT_ALL_WELL;
	}
	unit = &labels->todo[0];
	book_own_texts(unit);
	put_sample_pin(unit);
	if (!layout_make(&layout, labels->template, &unit->facts, error, sizeof(error)))
		return unusable(error);
	layout_text(&layout, labels->ascii || (labels->format && strcmp(labels->format, "ascii") == 0), &out);
	printf("label %s of %s%s\n\n%s\nNothing was printed: --printer HOST or --out DIR does it, for %zu unit%s.\n",
	       labels->template->name, unit->serial,
	       labels->template->secret ? " (SAMPLE: its PIN is not the unit's)" : "", out.at ? out.at : "",
	       labels->todo_count, labels->todo_count == 1 ? "" : "s");
	buffer_wipe(&out);
	layout_wipe(&layout);
	return EXIT_ALL_WELL;
}

static int run_preview(struct labels *labels)
{
	char error[ERROR_MAX] = "";
	int result;

	if (reader_open(&labels->post.reader, labels->db_path, error, sizeof(error)) != 0)
		return unusable(error);
	labels->post.book.db = labels->post.reader;
	if (!lot_exists(labels->post.reader, labels->lot))
		return missing_lot(labels->lot);
	result = choose(labels);
	return result >= 0 ? result : preview(labels);
}

/* --- scanning back --- */

/* `wrong`: it was no code at all; NULL: that is for us to see. */
static bool scan_one(struct labels *labels, const char *line, size_t len, const char *wrong, int *result)
{
	struct scan scan = { .len = 0 };
	struct scan_answer answer;
	char error[ERROR_MAX] = "";

	if (!wrong)
		wrong = scan_parse(line, len, &scan);
	if (!wrong && labels->unit && !*scan.expected)
		snprintf(scan.expected, sizeof(scan.expected), "%s", labels->unit);
	if (wrong) {
		answer = (struct scan_answer){ .verdict = SCAN_UNKNOWN, .remedy = "scan again" };
		snprintf(answer.sentence, sizeof(answer.sentence), "%s", wrong);
	} else if (label_post_scan(&labels->post, &scan, utc_now_us(), &answer, error, sizeof(error)) != 0) {
		OPENSSL_cleanse(&scan, sizeof(scan));
		*result = unusable(error);
		return false;
	}
	if (answer.verdict == SCAN_RIGHT)
		labels->done++;
	else
		*result = EXIT_NOT_ALL_WELL;
	if (labels->json)
		(void)json_array_append_new(json_object_get(labels->answer, "scans"),
					    json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:b}", "verdict",
						      wrong ? "unreadable" : scan_verdict_name(answer.verdict),
						      "serial", answer.serial, "expected", scan.expected, "template",
						      answer.template, "copy", (int)answer.copy, "sentence",
						      answer.sentence, "remedy", answer.remedy, "recorded", !wrong));
	else
		printf("%-10s  %s%s%s\n", wrong ? "unreadable" : scan_verdict_name(answer.verdict), answer.sentence,
		       *answer.remedy ? ": " : "", answer.remedy);
	(void)fflush(stdout);
	OPENSSL_cleanse(&scan, sizeof(scan));
	return true;
}

struct scanning {
	struct labels *labels;
	int result;
};

static bool on_code(void *ctx, const char *text, size_t len, const char *wrong)
{
	struct scanning *s = ctx;

	return strspn(text, " \t") == len && !wrong ? true : scan_one(s->labels, text, len, wrong, &s->result);
}

static int scan_input(struct labels *labels)
{
	static struct settings settings;
	struct scanning s = { labels, EXIT_ALL_WELL };
	struct job_errors errors = { 0 };

	if (!settings_load(labels->settings, &settings, &errors)) {
		for (size_t i = 0; i < errors.count; i++)
			fprintf(stderr, "%s\n", errors.text[i]);
		if (labels->settings)
			return EXIT_UNUSABLE;
		settings.scanner = (struct scanner_setup){ .silence = false };
	}
	label_codes_read(&settings.scanner, on_code, &s);
	return s.result;
}

static int run_scan(struct labels *labels)
{
	int result = check_holder(labels);

	if (result < 0)
		result = open_post(labels);
	if (result >= 0)
		return result;
	if (labels->unit && !serial_is_valid(labels->unit))
		return unusable("--unit wants the serial number of the unit in hand");
	if (labels->serial_count == 0)
		return scan_input(labels);
	result = EXIT_ALL_WELL;
	for (size_t i = 0; i < labels->serial_count; i++)
		if (!scan_one(labels, labels->serials[i], strlen(labels->serials[i]), NULL, &result))
			break;
	return result;
}

/* --- the command --- */

static int run_print(struct labels *labels)
{
	int result = load_template(labels);

	if (result < 0)
		result = check_words(labels);
	if (result >= 0)
		return result;
	if (labels->preview || (!labels->out && !labels->printer))
		return run_preview(labels);
	result = check_holder(labels);
	if (result < 0)
		result = open_post(labels);
	if (result < 0)
		result = choose(labels);
	return result < 0 ? print_all(labels) : result;
}

static int print_reference(void)
{
	char line[400];

	printf("| in | key | allowed | default | |\n|---|---|---|---|---|\n");
	for (size_t i = 0; template_reference(i, line, sizeof(line)); i++)
		printf("%s\n", line);
	return EXIT_ALL_WELL;
}

static void wipe(struct labels *labels)
{
	forget_units(labels);
	OPENSSL_clear_free(labels->todo, labels->todo_cap * sizeof(*labels->todo));
	label_post_close(&labels->post);
	identity_close(labels->pins);
	template_destroy(labels->template);
	json_decref(labels->answer);
}

/* The lot, then serial numbers or codes. */
static void take_words(struct labels *labels, const char *const *words, size_t count)
{
	labels->lot = words[0];
	for (size_t i = 1; i < count && labels->serial_count < SERIALS_MAX; i++)
		labels->serials[labels->serial_count++] = words[i];
}

int command_labels(int argc, char **argv)
{
	static const struct command self = { "labels", "LOT [SERIAL...] | scan LOT [CODE...]",
					     "prints the labels of a lot, or checks labels that were scanned back",
					     command_labels };
	char person[PERSON_MAX];
	struct labels labels = { .db_path = DEFAULT_DB, .operator= command_person(person), .fd = -1 };
	const struct option_row rows[] = {
		{ "--db", "FILE", "the database (millrace.db)", &labels.db_path, NULL },
		{ "--template", "FILE", "what a label looks like (built in: serial number only)", &labels.template_path,
		  NULL },
		{ "--printer", "HOST", "a ZPL printer, HOST or HOST:PORT (9100)", &labels.printer, NULL },
		{ "--out", "DIR", "a folder for files, one a label", &labels.out, NULL },
		{ "--format", "WORD", "of files: svg, png, zpl, text, ascii (svg)", &labels.format, NULL },
		{ "--preview", NULL, "shows one in the terminal, without its PIN", NULL, &labels.preview },
		{ "--ascii", NULL, "of --preview: no half blocks", NULL, &labels.ascii },
		{ "--reprint", NULL, "units that have one too; wants --reason", NULL, &labels.reprint },
		{ "--reason", "TEXT", "of a reprint, for the record", &labels.reason, NULL },
		{ "--keys", "DIR", "folder with pin.key, for labels that say the PIN", &labels.keys, NULL },
		{
			"--operator",
			"NAME",
			"who prints or scans, for the record (the user)",
			&labels.operator,
			NULL },
			{ "--unit", "SERIAL", "scan: the unit in hand", &labels.unit, NULL },
			{ "--settings", "FILE",
			  "scan: settings with the scanner's prefix and suffix (/etc/millrace/station.yaml)",
			  &labels.settings, NULL },
			{ "--follow", NULL, "goes on with each unit as it passes, until the station's run is over",
			  NULL, &labels.follow },
			{ "--control", "FILE",
			  "socket of the station that has the lot in work (asked when it holds the database)",
			  &labels.control, NULL },
			{ "--badge", "TEXT", "who prints or scans, to that station", &labels.badge, NULL },
			{ "--blind", NULL, "sends without asking the printer for its status", NULL, &labels.blind },
			{ "--timeout", "SECONDS", "patience with the printer (10)", &labels.timeout, NULL },
			{ "--font", "FILE", "of PNG (DejaVu Sans Mono)", &labels.font, NULL },
			{ "--json", NULL, "one JSON object", NULL, &labels.json },
			{ "--keys-reference", NULL, "the keys of templates, as Markdown", NULL,
			  &labels.keys_reference },
			{ 0 },
		};
	const char *rest[SERIALS_MAX + 2] = { NULL };
	size_t count = 0;
	int result = command_options(&self, rows, argc, argv, rest, SERIALS_MAX + 2, &count);
	bool scan = count > 0 && strcmp(rest[0], "scan") == 0;

	if (result >= 0)
		return result;
	if (labels.keys_reference)
		return print_reference();
	if (count < 1u + scan) {
		fprintf(stderr, "usage: millrace labels %s\nmillrace labels --help tells more.\n", self.usage);
		return EXIT_UNUSABLE;
	}
	take_words(&labels, rest + scan, count - scan);
	if (labels.json) {
		labels.answer = json_object();
		json_object_set_new(labels.answer, scan ? "scans" : "labels", json_array());
	}
	result = scan ? run_scan(&labels) : run_print(&labels);
	if (labels.json && result != EXIT_UNUSABLE) {
		(void)json_dumpf(labels.answer, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	wipe(&labels);
	return result;
}
