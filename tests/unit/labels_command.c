/*
 * millrace labels and millrace report as their users meet them: words typed, what is printed, the files, the record,
 * the exit status. Everything on the record is real; the printer is ours, on the loopback.
 *
 * links: station/command/labels.c station/command/label_post.c station/command/label_codes.c
 * links: station/identity/record_keys.c station/command/desk_keys.c
 * links: station/control/remote.c station/control/settings.c station/control/request.c station/dashboard/scan.c
 * links: station/dashboard/text.c station/base/loop.c
 * links: station/control/place.c station/command/report.c station/report/sheet.c station/report/evidence.c
 * links: station/command/command.c station/report/report.c station/report/page.c station/report/plot.c
 * links: station/label/book.c station/label/scan.c station/label/scanner.c
 * links: station/label/file.c station/label/printer.c station/label/printer_tcp.c
 * links: station/label/template.c station/label/say.c
 * links: station/label/fields.c station/label/buffer.c station/label/payload.c station/label/matter.c
 * links: station/label/homekit.c
 * links: station/label/code128.c station/label/qr.c station/label/layout.c station/label/zpl.c
 * links: station/label/svg.c
 * links: station/label/preview.c station/label/png.c station/label/built_in.c
 * links: station/yaml/words.c station/yaml/tree.c station/yaml/complaint.c station/yaml/value.c
 * links: station/identity/certificate.c station/identity/identity.c station/identity/keyfile.c
 * links: station/identity/ceremony.c
 * links: station/identity/pin.c station/identity/serial.c station/identity/signer_file.c
 * links: station/identity/subject_key.c
 * links: station/base/entropy.c station/base/log.c agent/wire/hkdf.c agent/wire/cause.c agent/wire/message.c
 * links: agent/port/linux/crypto_openssl.c
 * links: db/journal.c db/check.c db/json_text.c db/resume.c db/write.c db/store.c db/chain.c db/sql.c
 * links: db/tables.c db/changes.c db/written.c db/outside.c db/schema.c db/proof.c
 * links: db/verify.c db/offline.c
 * links: station/base/reach.c
 */
#include "tests/unit/real_lot.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>

#include "station/command/command.h"
#include "tests/unit/command_doubles.h"
#include "tests/unit/fake_printer.h"

#define MICRO_AP "--template", "config/labels/micro-ap.yaml"
#define PIN_1 "91730001"

/* Types `millrace COMMAND WORDS... --db FILE`; NULL ends the words. Standard input is `in`, or empty. */
static int type_with(struct factory *f, int (*command)(int argc, char **argv), const char *in, va_list words)
{
	char *argv[40] = { (char[]){ "it" } };
	int argc = 1, out, err, old_in, result, file;

	for (const char *word; (word = va_arg(words, const char *));)
		argv[argc++] = strdup(word);
	argv[argc++] = strdup("--db");
	argv[argc++] = strdup(f->place.path);
	fflush(NULL);
	out = dup(1);
	err = dup(2);
	old_in = dup(0);
	file = open(f->out_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(file, 1);
	close(file);
	file = open(f->err_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(file, in ? in : "", in ? strlen(in) : 0), in ? strlen(in) : 0);
	lseek(file, 0, SEEK_SET);
	dup2(file, 0);
	close(file);
	unlink(f->err_path);
	clearerr(stdin);
	file = open(f->err_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(file, 2);
	close(file);
	result = command(argc, argv);
	fflush(NULL);
	dup2(out, 1);
	dup2(err, 2);
	dup2(old_in, 0);
	close(out);
	close(err);
	close(old_in);
	for (int i = 1; i < argc; i++)
		free(argv[i]);
	slurp(f->out_path, f->out, sizeof(f->out));
	slurp(f->err_path, f->err, sizeof(f->err));
	return result;
}

static int labels(struct factory *f, ...)
{
	va_list words;
	int result;

	va_start(words, f);
	result = type_with(f, command_labels, NULL, words);
	va_end(words);
	return result;
}

static int scan_in(struct factory *f, const char *in, ...)
{
	va_list words;
	int result;

	va_start(words, in);
	result = type_with(f, command_labels, in, words);
	va_end(words);
	return result;
}

static int report(struct factory *f, ...)
{
	va_list words;
	int result;

	va_start(words, f);
	result = type_with(f, command_report, NULL, words);
	va_end(words);
	return result;
}

#define assert_says(text, words)                                                                                       \
	do {                                                                                                           \
		if (!strstr(text, words))                                                                              \
			fail_msg("\"%s\" does not say \"%s\"", text, words);                                           \
	} while (0)

/* A path in the test's folder. */
static const char *in_place(struct factory *f, const char *name)
{
	static char path[8][200];
	static unsigned next;
	char *out = path[next++ % 8];

	snprintf(out, sizeof(path[0]), "%s/%s", f->place.dir, name);
	return out;
}

/* Are these octets anywhere in the file? */
static bool file_has(const char *path, const char *words)
{
	FILE *file = fopen(path, "rb");
	char *octets = malloc(1 << 22);
	size_t len;
	bool has;

	if (!file) {
		free(octets);
		return false;
	}
	len = fread(octets, 1, 1 << 22, file);
	has = memmem(octets, len, words, strlen(words)) != NULL;
	fclose(file);
	free(octets);
	return has;
}

static void a_label_with_a_pin_takes_its_key_a_name_and_goes_on_record(void **state)
{
	struct factory *f = *state;
	struct stat st;
	char wal[120];

	write_lot(f, false);
	assert_int_equal(labels(f, "2611-A07", MICRO_AP, "--out", in_place(f, "l"), "--operator", "", NULL),
			 EXIT_UNUSABLE);
	assert_says(f->err, "--operator NAME");
	assert_int_equal(labels(f, "2611-A07", MICRO_AP, "--out", in_place(f, "l"), "--operator", "Ana", NULL),
			 EXIT_UNUSABLE);
	assert_says(f->err, "this label says the PIN: --keys DIR");
	assert_int_equal(labels(f, "2611-A07", MICRO_AP, "--out", in_place(f, "l"), "--operator", "Ana", "--keys",
				f->place.dir, NULL),
			 EXIT_UNUSABLE);
	assert_row(f->place.path, "SELECT count(*) FROM v_pin_openings", "0");
	assert_row(f->place.path, "SELECT count(*) FROM v_labels", "0");
	assert_int_equal(labels(f, "2611-A07", MICRO_AP, "--out", in_place(f, "l"), "--operator", "Ana", "--keys",
				f->keys, NULL),
			 EXIT_ALL_WELL);
	assert_says(f->out, "2 labels, 0 unsure, 0 not yet");
	assert_true(file_has(in_place(f, "l/AC0000001.svg"), "9173 0001"));
	assert_int_equal(stat(in_place(f, "l/AC0000001.svg"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(in_place(f, "l"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_row(f->place.path,
		   "SELECT group_concat(serial || ' ' || actor || ' ' || reason, ', ') FROM v_pin_openings",
		   "AC0000001 Ana label micro-ap, AC0000002 Ana label micro-ap");
	assert_row(f->place.path, "SELECT group_concat(serial || ' ' || state || ' ' || keyed, ', ') FROM v_labels",
		   "AC0000001 sent 1, AC0000002 sent 1");
	/* The unit that failed got none; the PIN is nowhere but on its label. */
	assert_null(strstr(f->out, PIN_1));
	snprintf(wal, sizeof(wal), "%s-wal", f->place.path);
	assert_false(file_has(f->place.path, PIN_1) || file_has(wal, PIN_1));
}

static void a_preview_shows_no_pin_and_writes_nothing(void **state)
{
	struct factory *f = *state;

	write_lot(f, false);
	assert_int_equal(labels(f, "2611-A07", MICRO_AP, "--preview", "--ascii", NULL), EXIT_ALL_WELL);
	assert_says(f->out, "SAMPLE: its PIN is not the unit's");
	assert_says(f->out, "P:00000001;;");
	assert_null(strstr(f->out, "9173"));
	assert_row(f->place.path, "SELECT (SELECT count(*) FROM label) + (SELECT count(*) FROM v_pin_openings)", "0");
	assert_int_equal(labels(f, "2611-A07", NULL), EXIT_ALL_WELL);
	assert_says(f->out, "Nothing was printed: --printer HOST or --out DIR does it, for 2 units.");
	assert_int_equal(labels(f, "other", NULL), EXIT_NOT_ALL_WELL);
	assert_says(f->err, "lot \"other\" is not on record");
	assert_int_equal(labels(f, "2611-A07", "--format", "pgn", "--out", "x", NULL), EXIT_UNUSABLE);
	assert_says(f->err, "did you mean \"png\"?");
}

static void a_reprint_needs_a_reason_and_voids_the_copy_before(void **state)
{
	struct factory *f = *state;

	write_lot(f, false);
	assert_int_equal(labels(f, "2611-A07", "--out", in_place(f, "l"), "--operator", "Ana", NULL), EXIT_ALL_WELL);
	/* Again: nothing happens, and it says how it would. */
	assert_int_equal(labels(f, "2611-A07", "--out", in_place(f, "l"), "--operator", "Ana", NULL), EXIT_ALL_WELL);
	assert_says(f->out, "0 labels, 0 unsure, 0 not yet; 2 units had one (again: --reprint --reason TEXT)");
	assert_int_equal(
		labels(f, "2611-A07", "AC0000001", "--reprint", "--out", in_place(f, "l"), "--operator", "Ana", NULL),
		EXIT_UNUSABLE);
	assert_says(f->err, "--reason TEXT");
	assert_int_equal(labels(f, "2611-A07", "AC0000001", "--reprint", "--reason", "torn", "--out", in_place(f, "l"),
				"--operator", "Ben", NULL),
			 EXIT_ALL_WELL);
	assert_row(f->place.path,
		   "SELECT group_concat(copy || ' ' || state || ' ' || coalesce(reason, '-'), ', ') FROM v_labels "
		   "WHERE serial = "
		   "'AC0000001'",
		   "1 void -, 2 sent torn");
	assert_row(f->place.path, "SELECT serial, copy, reason, actor FROM v_reprints", "AC0000001|2|torn|Ben");
	assert_int_equal(labels(f, "2611-A07", "AC0000003", "--out", in_place(f, "l"), "--operator", "Ana", NULL),
			 EXIT_NOT_ALL_WELL);
	assert_says(f->err, "no unit of that lot with the serial number \"AC0000003\" has passed");
}

/* A disk that takes no more: no half file stays, the label stays queued, and the next run goes on there. */
static void a_full_disk_leaves_nothing_half_written(void **state)
{
	struct factory *f = *state;
	struct rlimit old, limit;
	char command[300], line[100];
	FILE *list;
	int result;

	write_lot(f, false);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = (struct rlimit){ .rlim_cur = 3000000, .rlim_max = old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(mkdir(in_place(f, "l"), 0700), 0);
	/* Five megabytes at 600 dpi: beyond the limit, while the record is below it. */
	list = fopen(in_place(f, "big.yaml"), "w");
	fprintf(list, "format: 1\nlabel: {name: big, width: 200mm, height: 450mm, resolution: 600dpi}\nitems:\n");
	for (unsigned i = 0; i < 3; i++)
		fprintf(list, "- {kind: qr, x: 25mm, y: %umm, module: 5mm, payload: \"{serial}\"}\n", 25 + 145 * i);
	fclose(list);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	result = labels(f, "2611-A07", "--template", in_place(f, "big.yaml"), "--format", "zpl", "--out",
			in_place(f, "l"), "--operator", "Ana", NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(result, EXIT_UNUSABLE);
	assert_says(f->err, "was not written: File too large; free space, then run it again");
	snprintf(command, sizeof(command), "ls -A %s | wc -l", in_place(f, "l"));
	list = popen(command, "r");
	assert_non_null(fgets(line, sizeof(line), list));
	pclose(list);
	assert_int_equal(atoi(line), 0);
	assert_row(f->place.path, "SELECT group_concat(serial || ' ' || state, ', ') FROM v_labels",
		   "AC0000001 queued");
	assert_int_equal(labels(f, "2611-A07", "--template", in_place(f, "big.yaml"), "--out", in_place(f, "l"),
				"--operator", "Ana", NULL),
			 EXIT_ALL_WELL);
	assert_row(f->place.path, "SELECT group_concat(serial || ' ' || state || ' ' || copy, ', ') FROM v_labels",
		   "AC0000001 sent 1, AC0000002 sent 1");
}

static void a_printer_prints_and_one_that_never_does_is_found_out(void **state)
{
	struct factory *f = *state;
	struct fake fake;

	write_lot(f, false);
	fake_start(&fake, NO_PAPER);
	assert_int_equal(labels(f, "2611-A07", "--printer", fake.address, "--timeout", "1", "--operator", "Ana", NULL),
			 EXIT_NOT_ALL_WELL);
	fake_stop(&fake);
	assert_says(f->out, "queued    the printer does not print: it has no paper: put a new roll in");
	assert_says(f->out, "0 labels, 0 unsure, 2 not yet");
	fake_start(&fake, NEVER_PRINTS);
	assert_int_equal(labels(f, "2611-A07", "--printer", fake.address, "--timeout", "1", "--operator", "Ana", NULL),
			 EXIT_NOT_ALL_WELL);
	fake_stop(&fake);
	assert_says(f->out, "unsure    the printer took the label and never printed it");
	assert_says(f->out, "0 labels, 1 unsure, 1 not yet");
	assert_row(f->place.path, "SELECT group_concat(serial || ' ' || state, ', ') FROM v_labels", "AC0000001 sent");
	/* The next run leaves the doubtful one alone; to print it again is a reprint. */
	fake_start(&fake, PRINTS);
	assert_int_equal(
		labels(f, "2611-A07", "--printer", fake.address, "--timeout", "5", "--operator", "Ana", "--json", NULL),
		EXIT_ALL_WELL);
	fake_stop(&fake);
	assert_says(f->out, "\"state\": \"printed\"");
	assert_row(f->place.path, "SELECT group_concat(serial || ' ' || state, ', ') FROM v_labels",
		   "AC0000001 sent, AC0000002 printed");
	assert_int_equal(labels(f, "2611-A07", "--printer", "127.0.0.1:1", "--timeout", "1", "--operator", "Ana",
				"--reprint", "--reason", "x", NULL),
			 EXIT_UNUSABLE);
	assert_says(f->err, "takes no connection");
}

static void labels_are_refused_while_a_station_holds_the_record(void **state)
{
	struct factory *f = *state;
	struct journal *journal;

	write_lot(f, false);
	journal = opened_lot(&f->place, "B");
	assert_int_equal(labels(f, "2611-A07", "--out", in_place(f, "l"), "--operator", "Ana", NULL), EXIT_UNUSABLE);
	assert_says(f->err, "is in use by another station");
	/* Looking is allowed. */
	assert_int_equal(labels(f, "2611-A07", "--preview", NULL), EXIT_ALL_WELL);
	assert_int_equal(report(f, "2611-A07", NULL), EXIT_ALL_WELL);
	journal_close(journal);
}

#define WIFI_1 "WIFI:T:WPA;S:AC-100-0001;P:91730001;;"
#define WIFI_1_CAPS_LOCK "wifi:t:wpa;s:ac-100-0001;p:91730001;;"
#define WIFI_2 "WIFI:T:WPA;S:AC-100-0002;P:91730002;;"

static unsigned times(const char *text, const char *word)
{
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word))
		count++;
	return count;
}

static void what_is_scanned_back_is_judged_wrong_before_right(void **state)
{
	struct factory *f = *state;
	struct journal *journal;

	write_lot(f, false);
	journal_close(opened_lot(&f->place, "B"));
	assert_int_equal(labels(f, "2611-A07", MICRO_AP, "--out", in_place(f, "l"), "--operator", "Ana", "--keys",
				f->keys, NULL),
			 EXIT_ALL_WELL);
	/* Without the key a code with a PIN is nobody's. */
	assert_int_equal(labels(f, "scan", "2611-A07", WIFI_1, "--operator", "Ben", NULL), EXIT_NOT_ALL_WELL);
	assert_says(f->out,
		    "unknown     no label on record says this: one with a PIN is recognised only with --keys DIR");
	assert_int_equal(scan_in(f, "nonsense\n\nAC0000001\nAC0000001\t" WIFI_2 "\r\n\x01\n", "scan", "2611-A07",
				 "--operator", "Ben", "--keys", f->keys, NULL),
			 EXIT_NOT_ALL_WELL);
	assert_string_equal(
		f->out,
		"unknown     no label on record says this: take it off and print the unit's own\n"
		"unknown     a serial number on record, and not the code that is scanned back: scan the other code\n"
		"wrong-unit  the label of AC0000002 on unit AC0000001: take it off, and look where the other one is\n"
		"unreadable  control characters are in it, and in no label's code: scan again\n");
	/* As scanners send it: frames without line ends, a lone CR, CR and LF, fields with separators, the last without
	 * end. */
	assert_int_equal(scan_in(f, "\002nonsense\003\002]C1nonsense\003nonsense\rnonsense\r\nnon\035sense\nnonsense",
				 "scan", "2611-A07", "--operator", "Ben", "--keys", f->keys, "--json", NULL),
			 EXIT_NOT_ALL_WELL);
	assert_int_equal(times(f->out, "\"unknown\""), 5);
	assert_int_equal(times(f->out, "\"unreadable\""), 1);
	assert_says(f->out, "several fields are in it");
	assert_int_equal(labels(f, "scan", "2611-A07", WIFI_2, "--unit", "AC0000001", "--operator", "Ben", "--keys",
				f->keys, NULL),
			 EXIT_NOT_ALL_WELL);
	assert_says(f->out, "wrong-unit");
	assert_int_equal(labels(f, "scan", "B", WIFI_1, "--operator", "Ben", "--keys", f->keys, NULL),
			 EXIT_NOT_ALL_WELL);
	assert_says(f->out, "wrong-lot   the label of AC0000001, a unit of another lot");
	assert_row(f->place.path, "SELECT count(*) FROM label WHERE state = 'scanned'", "0");
	/* Right, with what scanners put around it. */
	assert_int_equal(labels(f, "scan", "2611-A07", " ]Q1" WIFI_1 "\r", "--unit", "AC0000001", "--operator", "Ben",
				"--keys", f->keys, NULL),
			 EXIT_ALL_WELL);
	assert_string_equal(f->out, "right       AC0000001\n");
	/* The same one again, as a keyboard with Caps Lock has it. */
	assert_int_equal(
		labels(f, "scan", "2611-A07", WIFI_1_CAPS_LOCK, "--operator", "Ben", "--keys", f->keys, "--json", NULL),
		EXIT_NOT_ALL_WELL);
	assert_says(f->out, "\"verdict\": \"duplicate\"");
	assert_null(strstr(f->out, "9173"));
	journal = opened_lot(&f->place, "2611-A07");
	put(journal, state_record(2, UNIT_QUARANTINED, 0, NULL, NULL));
	journal_close(journal);
	assert_int_equal(labels(f, "scan", "2611-A07", WIFI_2, "--operator", "Ben", "--keys", f->keys, NULL),
			 EXIT_NOT_ALL_WELL);
	assert_says(f->out, "not-passed  AC0000002 has not passed: put it into the RED bin");
	assert_row(f->place.path,
		   "SELECT group_concat(verdict || ' ' || coalesce(serial, '-') || ' ' || coalesce(expected, '-'), ', "
		   "') FROM "
		   "v_label_scans",
		   "unknown - -, unknown - -, unknown - -, wrong-unit AC0000002 AC0000001, unknown - -, unknown - -, "
		   "unknown - -, unknown - -, unknown - -, wrong-unit AC0000002 "
		   "AC0000001, "
		   "wrong-lot AC0000001 -, right AC0000001 AC0000001, duplicate AC0000001 -, not-passed AC0000002 -");
	assert_int_equal(labels(f, "scan", "nowhere", WIFI_2, "--operator", "Ben", NULL), EXIT_NOT_ALL_WELL);
	assert_int_equal(labels(f, "scan", "2611-A07", "x", "--unit", "AC9", "--operator", "Ben", NULL), EXIT_UNUSABLE);
	assert_says(f->err, "the unit in hand, AC9, is not on record");
}

/* A label whose text was changed and that was printed anew: the old one, read back, counts no longer. */
static void a_label_of_an_older_template_is_void(void **state)
{
	struct factory *f = *state;

	write_lot(f, false);
	for (unsigned edition = 1; edition <= 2; edition++) {
		FILE *file = fopen(in_place(f, "t.yaml"), "w");

		fprintf(file,
			"format: 1\nlabel: {name: t, width: 40mm, height: 30mm}\nitems:\n- {kind: qr, x: 3mm, y: 3mm, "
			"payload: \"%u {serial}\"}\n",
			edition);
		fclose(file);
		assert_int_equal(labels(f, "2611-A07", "--template", in_place(f, "t.yaml"), "--out", in_place(f, "l"),
					"--operator", "Ana", "--reason", "new text", edition == 2 ? "--reprint" : NULL,
					NULL),
				 EXIT_ALL_WELL);
	}
	assert_int_equal(labels(f, "scan", "2611-A07", "1 AC0000001", "--operator", "Ben", NULL), EXIT_NOT_ALL_WELL);
	assert_says(f->out, "void        this label of AC0000001 counts no longer");
	assert_int_equal(labels(f, "scan", "2611-A07", "2 AC0000001", "--operator", "Ben", NULL), EXIT_ALL_WELL);
}

/* The station died after the label was drawn and before it could say so: the label is there, and was sent. */
static void a_queued_label_that_is_read_back_was_sent(void **state)
{
	struct factory *f = *state;

	write_lot(f, false);
	assert_int_equal(labels(f, "2611-A07", "--out", "/dev/null", "--operator", "Ana", NULL), EXIT_UNUSABLE);
	assert_int_equal(labels(f, "2611-A07", "--printer", "127.0.0.1:1", "--timeout", "1", "--operator", "Ana", NULL),
			 EXIT_UNUSABLE);
	assert_row(f->place.path, "SELECT count(*) FROM label", "0");
	assert_int_equal(mkdir(in_place(f, "l"), 0700), 0);
	assert_int_equal(mkdir(in_place(f, "l/AC0000001.svg"), 0700), 0); /* in the way */
	assert_int_equal(labels(f, "2611-A07", "--out", in_place(f, "l"), "--operator", "Ana", NULL), EXIT_UNUSABLE);
	assert_says(f->err, "was not written");
	assert_row(f->place.path, "SELECT group_concat(serial || ' ' || state) FROM v_labels", "AC0000001 queued");
	assert_int_equal(labels(f, "scan", "2611-A07", "AC0000001", "--operator", "Ben", NULL), EXIT_ALL_WELL);
	assert_row(f->place.path, "SELECT state, sent IS NOT NULL FROM v_labels", "scanned|1");
}

/* --- report --- */

static unsigned count_of(const char *text, const char *words)
{
	unsigned count = 0;

	for (; (text = strstr(text, words)); text++)
		count++;
	return count;
}

static void a_report_in_text_has_the_figures_of_the_views(void **state)
{
	struct factory *f = *state;

	write_lot(f, false);
	assert_int_equal(report(f, "--keys", f->keys, NULL), EXIT_ALL_WELL);
	assert_says(f->out, "SHIFT REPORT  lot 2611-A07, AC-100 (SIMULATED), done");
	assert_says(f->out, "2 of 10 passed, 1 failed, 0 quarantined");
	assert_says(f->out, "first pass yield 66.7 %");
	assert_says(f->out, "No guard stopped the line.");
	assert_says(f->out, "It holds together: 2 certificates and 2 receipts looked at, signatures checked.");
	assert_null(strchr(f->out, '\033'));
	assert_int_equal(report(f, "nowhere", NULL), EXIT_NOT_ALL_WELL);
	assert_says(f->err, "lot \"nowhere\" is not on record");
}

static void a_page_needs_nothing_else_and_says_its_plots_in_words(void **state)
{
	struct factory *f = *state;
	struct stat st;

	write_lot(f, false);
	assert_int_equal(labels(f, "2611-A07", "--out", in_place(f, "l"), "--operator", "A<b>&\"", NULL),
			 EXIT_ALL_WELL);
	assert_int_equal(labels(f, "2611-A07", "--reprint", "--reason", "<script>alert(1)</script>", "--out",
				in_place(f, "l"), "--operator", "Ana", NULL),
			 EXIT_ALL_WELL);
	assert_int_equal(report(f, "2611-A07", "--html", "-", "--keys", f->keys, NULL), EXIT_ALL_WELL);
	assert_int_equal(strncmp(f->out, "<!DOCTYPE html>", 15), 0);
	assert_null(strstr(f->out, "<script"));
	assert_says(f->out, "&lt;script&gt;alert(1)&lt;/script&gt;");
	assert_null(strstr(f->out, "http://"));
	assert_null(strstr(f->out, "https://"));
	assert_null(strstr(f->out, "src="));
	assert_null(strstr(f->out, "url("));
	assert_int_equal(count_of(f->out, "<svg"), 4);
	assert_int_equal(count_of(f->out, "role=\"img\""), 4);
	assert_int_equal(count_of(f->out, "<title id="), 4);
	assert_int_equal(count_of(f->out, "<desc id="), 4);
	assert_int_equal(count_of(f->out, "<figcaption>"), 4);
	assert_int_equal(count_of(f->out, "<section"), count_of(f->out, "</section>"));
	assert_int_equal(count_of(f->out, "<table"), count_of(f->out, "</table>"));
	assert_int_equal(count_of(f->out, "<table"), count_of(f->out, "<caption>"));
	assert_says(f->out, "prefers-color-scheme:dark");
	assert_says(f->out, "@media print");
	assert_says(f->out, "It holds together.");
	assert_int_equal(report(f, "2611-A07", "--html", in_place(f, "r.html"), NULL), EXIT_ALL_WELL);
	assert_int_equal(stat(in_place(f, "r.html"), &st), 0);
	assert_true(st.st_size > 5000);
	assert_int_equal(report(f, "2611-A07", "--html", in_place(f, "none/r.html"), NULL), EXIT_UNUSABLE);
	assert_says(f->err, "name a folder that is there");
}

static void a_report_of_a_changed_record_says_so(void **state)
{
	struct factory *f = *state;

	write_lot(f, false);
	plain_exec(f->place.path, "DROP TRIGGER audit_fixed; UPDATE audit SET body = replace(body, 'AC0000001', "
				  "'AC0000009') WHERE seq = 2");
	assert_int_equal(report(f, "2611-A07", NULL), EXIT_NOT_ALL_WELL);
	assert_says(f->out, "WRONG: ");
	assert_says(f->out, "row 2 of the chain was changed");
	assert_int_equal(report(f, "2611-A07", "--html", "-", NULL), EXIT_NOT_ALL_WELL);
	assert_says(f->out, "<span class=\"verdict bad\">WRONG: ");
	assert_int_equal(report(f, "2611-A07", "--json", NULL), EXIT_NOT_ALL_WELL);
	assert_says(f->out, "\"good\": false");
}

static void json_has_every_section(void **state)
{
	static const char *const keys[] = { "batch",	"yield",	"pareto",      "cycle",	       "cadence",
					    "radios",	"guards",	"pauses",      "overrides",    "failed",
					    "labels",	"reprints",	"label_scans", "pin_openings", "orphans",
					    "sessions", "cadence_plot", "chain",       "made",	       "not_proven" };
	struct factory *f = *state;
	json_t *root;

	write_lot(f, false);
	assert_int_equal(report(f, "2611-A07", "--json", NULL), EXIT_ALL_WELL);
	root = json_loads(f->out, 0, NULL);
	assert_non_null(root);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!json_object_get(root, keys[i]))
			fail_msg("%s is missing", keys[i]);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(json_object_get(root, "batch"), 0), "passed")), 2);
	json_decref(root);
}

static void pauses_and_orders_are_in_the_report(void **state)
{
	struct factory *f = *state;
	struct journal *journal = opened_lot(&f->place, "A");

	put(journal, unit_record(1));
	put(journal,
	    (struct journal_record){ .kind = JOURNAL_AUDIT,
				     .audit = { "Ana", "line-pause", "batch 1", "{\"reason\":\"lunch\"}", T0 + S } });
	put(journal, (struct journal_record){
			     .kind = JOURNAL_AUDIT,
			     .audit = { "Ana", "line-resume", "batch 1", "{\"reason\":\"\"}", T0 + 1801 * S } });
	put(journal, (struct journal_record){ .kind = JOURNAL_AUDIT,
					      .audit = { "Ben", "unit-release", "unit 1",
							 "{\"state\":\"quarantined\",\"reason\":\"repaired\"}",
							 T0 + 1802 * S } });
	journal_close(journal);
	assert_int_equal(report(f, "A", NULL), EXIT_ALL_WELL);
	assert_says(f->out, "lunch");
	assert_says(f->out, "30 min 00 s");
	assert_says(f->out, "unit-release");
	assert_says(f->out, "repaired");
}

static void a_foreign_unit_has_its_section_in_the_report(void **state)
{
	struct factory *f = *state;
	struct journal *journal = opened_lot(&f->place, "A");
	json_t *answer;

	put_durable(journal, unit_record(1));
	assert_int_equal(report(f, "A", NULL), EXIT_ALL_WELL);
	assert_null(strstr(f->out, "not proven"));
	put(journal, state_record(1, UNIT_HELD, 21, "signer-unavailable", "station"));
	put_foreign_unit(journal, 2, 2, OBSERVED_SEEN);
	put_durable(journal, batch_end_record("done"));
	assert_int_equal(report(f, "A", NULL), EXIT_ALL_WELL);
	assert_non_null(strstr(f->out, "What was not proven\n"));
	assert_non_null(strstr(f->out, "no agent of ours: no key, no certificate, no receipt      1       1\n"));
	assert_int_equal(report(f, "A", "--html", "-", NULL), EXIT_ALL_WELL);
	assert_non_null(strstr(f->out, "<section id=\"not_proven\"><h2>What was not proven</h2>"));
	assert_int_equal(report(f, "A", "--json", NULL), EXIT_ALL_WELL);
	answer = json_loads(f->out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "not_proven")), 1);
	json_decref(answer);
	journal_close(journal);
}

static void a_lot_without_a_unit_has_a_report_too(void **state)
{
	struct factory *f = *state;

	journal_close(opened_lot(&f->place, "empty"));
	assert_int_equal(report(f, "empty", NULL), EXIT_ALL_WELL);
	assert_says(f->out, "0 of 10 passed");
	assert_says(f->out, "first pass yield -");
	assert_int_equal(report(f, "empty", "--html", "-", NULL), EXIT_ALL_WELL);
	assert_null(strstr(f->out, "nan"));
	assert_null(strstr(f->out, "inf"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_label_with_a_pin_takes_its_key_a_name_and_goes_on_record),
		TEST(a_preview_shows_no_pin_and_writes_nothing),
		TEST(a_reprint_needs_a_reason_and_voids_the_copy_before),
		TEST(a_full_disk_leaves_nothing_half_written),
		TEST(a_printer_prints_and_one_that_never_does_is_found_out),
		TEST(labels_are_refused_while_a_station_holds_the_record),
		TEST(what_is_scanned_back_is_judged_wrong_before_right),
		TEST(a_label_of_an_older_template_is_void),
		TEST(a_queued_label_that_is_read_back_was_sent),
		TEST(a_report_in_text_has_the_figures_of_the_views),
		TEST(a_page_needs_nothing_else_and_says_its_plots_in_words),
		TEST(a_report_of_a_changed_record_says_so),
		TEST(json_has_every_section),
		TEST(pauses_and_orders_are_in_the_report),
		TEST(a_foreign_unit_has_its_section_in_the_report),
		TEST(a_lot_without_a_unit_has_a_report_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
