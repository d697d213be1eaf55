/*
 * The log of whole batches: it tells each device's way and why one failed, and no secret of the batch is in it, at any
 * level, by any method.
 */
#include "tests/line/hall.h"

#include <dirent.h>
#include <regex.h>
#include <sys/stat.h>

#include "station/identity/private.h"
#include "station/wifi/wpa.h"

#define DEVICES 6
#define VIA(method) "{method: " method ", ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\"}}"
#define PINNED                                                                                                         \
	"{method: https, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\", certificate: pinned}}"

struct heard {
	struct run run;
	struct log log;
	char *text;
	size_t len;
};

static void run_heard(struct hall *hall, struct heard *h, const struct shape *shape, uint64_t seed,
		      enum log_level level)
{
	struct batch_options o;

	*h = (struct heard){ .text = NULL };
	hall_job(hall, &h->run, shape, seed);
	h->log.to = open_memstream(&h->text, &h->len);
	log_level_all(&h->log, level);
	o = hall_options(hall, &h->run);
	o.log = &h->log;
	if (batch_run(&o, &h->run.result, h->run.error, sizeof(h->run.error)) != 0)
		fail_msg("%s", h->run.error);
	fclose(h->log.to);
}

static void done(struct heard *h)
{
	hall_done(&h->run);
	free(h->text);
}

static bool says(const struct heard *h, const char *text) { return strstr(h->text, text) != NULL; }

/* --- what must not be in it --- */

static void not_in(const struct heard *h, const char *what, const char *secret)
{
	assert_true(strlen(secret) >= 8); /* or what is found may be something else */
	if (says(h, secret))
		fail_msg("%s is in the log", what);
}

static void not_in_hex(const struct heard *h, const char *what, const uint8_t *secret, size_t len)
{
	static const char *const digits[] = { "0123456789abcdef", "0123456789ABCDEF" };
	char hex[2 * 64 + 1];

	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < 8 && i < len; i++) {
			hex[2 * i] = digits[k][secret[i] >> 4];
			hex[2 * i + 1] = digits[k][secret[i] & 15];
		}
		hex[2 * (len < 8 ? len : 8)] = '\0';
		not_in(h, what, hex); /* its first octets are enough to tell */
	}
}

static void no_passphrase(const struct heard *h, const char *what, const char *passphrase, const uint8_t *ssid,
			  size_t ssid_len)
{
	uint8_t psk[32];

	not_in(h, what, passphrase);
	assert_true(wpa_psk(passphrase, ssid, ssid_len, psk));
	not_in_hex(h, what, psk, sizeof(psk));
}

/* What the labels say, and the network of the job. */
static void no_label_secret(const struct heard *h)
{
	const struct job *job = h->run.job;
	struct roster *roster = roster_simulated(job->product, h->run.result.seed, job->sim_devices);
	char passphrase[65], error[300];

	assert_non_null(roster);
	assert_int_equal(roster_count(roster), DEVICES);
	for (size_t i = 0; i < DEVICES; i++) {
		const struct roster_row *row = roster_row(roster, i);
		uint8_t ssid[32];
		size_t len = roster_ssid_make("AC-{mac}", "", row->mac, ssid);

		no_passphrase(h, "the passphrase of a label", row->passphrase, ssid, len);
		not_in(h, "the PIN of a label", row->pin);
	}
	roster_destroy(roster);
	assert_int_equal(job_passphrase(job, passphrase, error, sizeof(error)), 0);
	no_passphrase(h, "the passphrase of the network", passphrase, job->ssid, job->ssid_len);
}

/* The PINs that devices got with their identity, unsealed from the record. */
static unsigned no_issued_pin(const struct hall *hall, const struct heard *h)
{
	struct identity *identity;
	sqlite3_stmt *stmt;
	sqlite3 *db;
	char error[300];
	unsigned n = 0;

	assert_int_equal(identity_open(&identity, hall->keys, "default", BATCH_SIM_UTC_US, error, sizeof(error)), 0);
	not_in_hex(h, "the station's key", identity->station_private, 32);
	not_in_hex(h, "the batch key", identity_batch_key(identity), 32);
	assert_int_equal(sqlite3_open_v2(h->run.db, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT pin.product, serial, sealed FROM pin JOIN unit USING (unit) WHERE "
					    "serial IS NOT NULL",
					    -1, &stmt, NULL),
			 SQLITE_OK);
	for (; sqlite3_step(stmt) == SQLITE_ROW; n++) {
		char pin[IDENTITY_PIN_MAX];

		assert_int_equal(pin_open(identity, (const char *)sqlite3_column_text(stmt, 0),
					  (const char *)sqlite3_column_text(stmt, 1), sqlite3_column_blob(stmt, 2),
					  (size_t)sqlite3_column_bytes(stmt, 2), pin),
				 0);
		not_in(h, "a PIN that was issued", pin);
	}
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	identity_close(identity);
	return n;
}

/* Every line of every private file of the ceremony: hexadecimal keys, PEM. */
static unsigned no_line_of_keys(const struct heard *h, const char *dir)
{
	unsigned n = 0;
	DIR *d = opendir(dir);

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		char path[400], line[300];
		struct stat st;
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] == '.' || stat(path, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode)) {
			n += no_line_of_keys(h, path);
			continue;
		}
		if (!strstr(e->d_name, ".key"))
			continue;
		f = fopen(path, "r");
		assert_non_null(f);
		while (fgets(line, sizeof(line), f)) {
			line[strcspn(line, "\n")] = '\0';
			if (strlen(line) < 16 || line[0] == '-')
				continue;
			line[16] = '\0';
			not_in(h, e->d_name, line);
			n++;
		}
		fclose(f);
	}
	closedir(d);
	return n;
}

/* Whatever a key is called: none is written out. Addresses have colons; ids and digests are shown with 16 digits. */
static void no_long_row_of_digits(const struct heard *h)
{
	size_t row = 0;

	for (const char *at = h->text; *at; at++) {
		row = strchr("0123456789abcdefABCDEF", *at) ? row + 1 : 0;
		if (row > 16)
			fail_msg("a row of hexadecimal digits: %.60s", at - row + 1);
	}
}

static void printable_lines_only(const struct heard *h)
{
	assert_true(h->len > 0 && h->text[h->len - 1] == '\n');
	for (const char *at = h->text; *at; at++)
		assert_true(*at == '\n' || (*at >= 0x20 && *at < 0x7f));
	assert_int_equal(strlen(h->text), h->len);
}

static const char *const ways[] = { "{method: direct, ssid: \"hall\", security: wpa2}", VIA("micro-ap"), VIA("pin"),
				    PINNED };

static void no_secret_of_a_batch_is_in_its_log(void **state)
{
	uint64_t seed = hall_seed(0x701ce);
	struct hall *hall = *state;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct shape shape = { .devices = DEVICES,
				       .credentials = ways[i],
				       .loss = "5%",
				       .faults = "    - {kind: power-cut, count: 1, operation: credentials}\n" };
		struct heard h;

		run_heard(hall, &h, &shape, seed + i, LOG_TRACE);
		assert_int_equal(h.run.result.summary.passed, DEVICES);
		assert_true(says(&h, "run: begins: "));
		printable_lines_only(&h);
		no_label_secret(&h);
		assert_int_equal(no_issued_pin(hall, &h), DEVICES);
		assert_true(no_line_of_keys(&h, hall->keys) >= 5);
		no_long_row_of_digits(&h);
		done(&h);
	}
}

/* --- what must be in it --- */

/* A line as a whole, by an extended regular expression. */
static bool has_line(const struct heard *h, const char *expression)
{
	regex_t re;
	bool found;

	assert_int_equal(regcomp(&re, expression, REG_EXTENDED | REG_NEWLINE | REG_NOSUB), 0);
	found = regexec(&re, h->text, 0, NULL, 0) == 0;
	regfree(&re);
	return found;
}

#define MAC "([0-9a-f]{2}:){5}[0-9a-f]{2}"
#define HEAD "^2026-01-01T00:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z [0-9]+\\.[0-9]{6} radio1 ch6 " MAC " "

static void the_way_of_a_device_is_told_line_by_line(void **state)
{
	static const char *const way[] = {
		"api: suspended -> joining",
		"bss: away -> keying",
		"bss: keying -> joining",
		"sta: new -> authenticating",
		"sta: authenticating -> associating",
		"sta: associating -> handshaking",
		"wpa: M1 -> M2",
		"wpa: M3 -> M4",
		"sta: handshaking -> authorized",
		"bss: joining -> addressing",
		"ip: requesting -> leased",
		"bss: addressing -> up",
		"tcp: connecting -> open",
		"api: connecting -> securing",
		"api: securing -> idle",
		"api: idle -> asking",
		"api: asking -> idle",
	};
	struct shape shape = { .devices = 1, .credentials = VIA("micro-ap") };
	struct heard h;

	run_heard(*state, &h, &shape, hall_seed(0x701cf), LOG_DEBUG);
	assert_int_equal(h.run.result.summary.passed, 1);
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		char expression[200];

		snprintf(expression, sizeof(expression), HEAD "%s \\(.*\\)$", way[i]);
		if (!has_line(&h, expression))
			fail_msg("no line says \"%s\"", way[i]);
	}
	done(&h);

	shape.credentials = ways[0];
	run_heard(*state, &h, &shape, hall_seed(0x701d0), LOG_DEBUG);
	assert_int_equal(h.run.result.summary.passed, 1);
	assert_true(has_line(&h, HEAD "action: inviting -> invited \\(INVITE is acknowledged\\)$"));
	assert_true(has_line(&h, HEAD "action: asking -> waiting \\(request 1 is acknowledged,.*\\)$"));
	done(&h);
}

/* Without a record or an option: what a station logs by default says of the one that failed why it did. */
static void the_one_that_failed_is_explained_by_the_log_alone(void **state)
{
	static const struct {
		const char *credentials, *faults, *line;
	} rows[] = {
		{ VIA("micro-ap"), "    - {kind: wrong-secret, count: 1}\n",
		  HEAD "sta: handshaking -> passphrase-refused \\(.*after it had our M2\\)$" },
		{ VIA("pin"), "    - {kind: wrong-secret, count: 1}\n",
		  HEAD "pin: share -> pin-refused \\(its confirmation is of another PIN\\)$" },
		{ "{method: direct, ssid: \"hall\", security: wpa2}",
		  "    - {kind: vanish, count: 1, operation: identity}\n",
		  HEAD "action: (asking|waiting) -> no-answer \\(.*request [0-9]+.* silent for [0-9]+ ms.*\\)$" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shape shape = { .devices = DEVICES,
				       .credentials = rows[i].credentials,
				       .faults = rows[i].faults,
				       .attempts = "1" };
		struct heard h;

		run_heard(*state, &h, &shape, hall_seed(0x701e0 + i), LOG_INFO);
		assert_int_equal(h.run.result.summary.passed, DEVICES - 1);
		if (!has_line(&h, rows[i].line))
			fail_msg("%s: nothing explains it:\n%s", rows[i].faults, h.text);
		assert_true(h.len < 1000 * DEVICES); /* five tries of one are 15 lines */
		done(&h);
	}
}

/* --- a lot of 200, from its log alone --- */

#define LOT 200u
#define STORIES_MAX (LOT + 8) /* chosen: some addresses more than devices, for a clone or a stranger */
#define AT "^[^ ]+ [0-9.]+ (radio[0-9] )?(ch[0-9]+ )?(" MAC ") "

/* What the log tells of one address. */
struct story {
	char mac[18], phase[40], cause[40], outcome[16], outcome_cause[40];
	unsigned begun, ended, outcomes; /* attempts; lines of an outcome */
	bool after;			 /* an attempt has begun after the outcome */
};

static struct story *story_of(struct story *stories, unsigned *count, const char *mac)
{
	for (unsigned i = 0; i < *count; i++)
		if (strcmp(stories[i].mac, mac) == 0)
			return &stories[i];
	assert_true(*count < STORIES_MAX);
	stories[*count] = (struct story){ .begun = 0 };
	snprintf(stories[*count].mac, sizeof(stories[0].mac), "%s", mac);
	return &stories[(*count)++];
}

static void part(char *out, size_t cap, const char *line, const regmatch_t *m)
{
	snprintf(out, cap, "%.*s", m->rm_so < 0 ? 0 : (int)(m->rm_eo - m->rm_so), m->rm_so < 0 ? "" : line + m->rm_so);
}

/* One pass over the lines, with the four sentences that make a story. */
static unsigned read_stories(const struct heard *h, struct story stories[static STORIES_MAX])
{
	static const char *const sentences[] = {
		AT "session: begins by [a-z-]+, attempt [0-9]+$",
		AT "session: attempt [0-9]+ ends while ([a-z ]+): ([a-z0-9-]+) \\(.+\\)$",
		AT "session: ends before it has begun: ([a-z0-9-]+) \\(.+\\)$",
		AT "line: unit [0-9]+ .*, attempt [0-9]+: ([a-z]+)(, ([a-z0-9-]+))?$",
	};
	regex_t re[4];
	unsigned count = 0;
	char *text = strdup(h->text), *rest = text;

	assert_non_null(text);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(regcomp(&re[i], sentences[i], REG_EXTENDED), 0);
	for (const char *line; (line = strsep(&rest, "\n")) != NULL;) {
		struct story *s;
		regmatch_t m[9];
		char mac[18];
		size_t i = 0;

		while (i < 4 && regexec(&re[i], line, 9, m, 0) != 0)
			i++;
		if (i == 4)
			continue;
		part(mac, sizeof(mac), line, &m[3]);
		s = story_of(stories, &count, mac);
		if (i == 0) {
			s->begun++;
			s->after = s->after || s->outcomes > 0;
		} else if (i == 3) {
			s->outcomes++;
			part(s->outcome, sizeof(s->outcome), line, &m[5]);
			part(s->outcome_cause, sizeof(s->outcome_cause), line, &m[7]);
		} else {
			s->ended++;
			if (i == 1)
				part(s->phase, sizeof(s->phase), line, &m[5]);
			else
				snprintf(s->phase, sizeof(s->phase), "handshake");
			part(s->cause, sizeof(s->cause), line, &m[i == 1 ? 6 : 5]);
		}
	}
	for (size_t i = 0; i < 4; i++)
		regfree(&re[i]);
	free(text);
	return count;
}

/* Its address, where it stopped, why, and what to do about it: `millrace explain` and the screen know a remedy by its
 * cause. */
static void a_failure_is_explained(const struct story *s)
{
	int cause = 0;

	while (cause < 256 && strcmp(mr_cause_name(cause), s->outcome_cause) != 0)
		cause++;
	if (!*s->outcome_cause || cause == 256 || !*mr_cause_remedy(cause))
		fail_msg("%s is %s, and \"%s\" leads to no remedy", s->mac, s->outcome, s->outcome_cause);
	if (s->ended == 0 || !*s->phase)
		fail_msg("%s is %s, and no line says in which phase", s->mac, s->outcome);
	if (strcmp(s->cause, s->outcome_cause) != 0)
		fail_msg("%s is %s for %s, and its last attempt ended for %s", s->mac, s->outcome, s->outcome_cause,
			 s->cause);
}

static void a_pass_has_its_story(const struct story *s)
{
	if (s->begun == 0 || s->outcomes != 1 || s->after)
		fail_msg("%s: %u attempts begin, %u outcomes%s", s->mac, s->begun, s->outcomes,
			 s->after ? ", and an attempt after it" : "");
	if (s->ended >= s->begun)
		fail_msg("%s passed, and all of its %u attempts ended for a cause", s->mac, s->begun);
	assert_string_equal(s->outcome_cause, "");
}

/*
 * The record is asked last, and only whether the log has told the truth. Who has not said yet who it is, is on record
 * as somebody who was seen.
 */
static void the_record_says_so_too(const struct heard *h, const struct story *s)
{
	char sql[400];

	snprintf(sql, sizeof(sql),
		 "SELECT (SELECT count(*) FROM v_unit WHERE mac = '%s' AND state = '%s' AND coalesce(cause, '') = '%s')"
		 " + (SELECT count(*) FROM v_sighting WHERE mac = '%s' AND verdict = '%s')",
		 s->mac, s->outcome, s->outcome_cause, s->mac, s->outcome_cause);
	if (hall_ask(&h->run, sql) != 1)
		fail_msg("%s: the record does not say %s %s", s->mac, s->outcome, s->outcome_cause);
}

static bool tells(const struct story *s, const char *phase, const char *cause)
{
	return strcmp(s->outcome, "passed") != 0 && s->outcomes > 0 && strcmp(s->phase, phase) == 0 &&
	       strcmp(s->outcome_cause, cause) == 0;
}

/* One lot, one device each with a fault of its own; `expected` are those that do not pass: phase, cause, phase,
 * cause... */
static void explain_a_lot(struct hall *hall, struct shape shape, const char *const *expected, const char *recovered,
			  unsigned silent, uint64_t seed)
{
	static struct story stories[STORIES_MAX];
	unsigned count, passed = 0, failed = 0, back = 0, n = 0;
	char missing[40];
	struct heard h;

	run_heard(hall, &h, &shape, hall_seed(seed), LOG_DEBUG);
	count = read_stories(&h, stories);
	for (unsigned i = 0; i < count; i++) {
		const struct story *s = &stories[i];

		if (s->outcomes == 0)
			fail_msg("%s has a beginning and no outcome", s->mac);
		if (strcmp(s->outcome, "passed") == 0) {
			a_pass_has_its_story(s);
			passed++;
			back += strcmp(s->cause, recovered) == 0;
		} else {
			a_failure_is_explained(s);
			failed++;
		}
		the_record_says_so_too(&h, s);
	}
	for (; expected[2 * n]; n++) {
		unsigned found = 0;

		for (unsigned i = 0; i < count; i++)
			found += tells(&stories[i], expected[2 * n], expected[2 * n + 1]);
		if (found != 1)
			fail_msg("%u devices, not one, stopped at %s for %s", found, expected[2 * n],
				 expected[2 * n + 1]);
	}
	assert_int_equal(failed, n);
	assert_int_equal(passed, LOT - n - silent);
	assert_true(back >= 1); /* it came back, and the log says from what */
	snprintf(missing, sizeof(missing), "0 unfinished, %u missing", silent);
	assert_true(says(&h, missing)); /* whom nobody heard has no story: the last line counts him */
	done(&h);
}

static void a_lot_of_200_is_explained_by_its_log_alone(void **state)
{
	static const char *const calling[] = { "selftest",	 "selftest-failed", "credentials",
					       "storage-failed", "handshake",	    "wrong-product",
					       "identity",	 "no-answer",	    NULL };
	static const char *const access_points[] = { "selftest",  "selftest-failed",	"identity", "no-answer",
						     "handshake", "passphrase-refused", NULL };
	const struct shape lot = { .devices = LOT,
				   .radios = 4,
				   .channels = "1, 6, 11, 36",
				   .arrival = "25ms",
				   .loss = "2%",
				   .attempts = "2" };
	struct shape shape = lot;

	shape.faults = "    - {kind: selftest, count: 1}\n"
		       "    - {kind: storage, count: 1, operation: credentials}\n"
		       "    - {kind: vanish, count: 1, operation: identity}\n"
		       "    - {kind: power-cut, count: 1, operation: identity, after: 20ms, off: 1500ms}\n"
		       "    - {kind: wrong-product, count: 1}\n"
		       "    - {kind: wrong-batch-key, count: 1}\n";
	explain_a_lot(*state, shape, calling, "device-restarted", 1, 0x70200);
	shape = lot;
	shape.credentials = VIA("micro-ap");
	shape.arrival = "100ms"; /* faster than they are served, and their patience ends */
	shape.faults = "    - {kind: selftest, count: 1}\n"
		       "    - {kind: vanish, count: 1, operation: identity}\n"
		       "    - {kind: wrong-secret, count: 1}\n"
		       "    - {kind: power-cut, count: 1, operation: identity, after: 20ms, off: 1500ms}\n";
	/* A device that was without power is not told from one that was out of reach: its access point is away. */
	explain_a_lot(*state, shape, access_points, "no-answer", 0, 0x70201);
}

/* What is logged changes nothing: the same rows, with the same times, are on record. */
static void a_run_that_is_logged_is_the_same_run(void **state)
{
	struct shape shape = { .devices = DEVICES, .credentials = VIA("pin"), .loss = "5%" };
	uint64_t seed = hall_seed(0x701f0);
	int64_t sums[2];

	for (size_t i = 0; i < 2; i++) {
		struct heard h;

		run_heard(*state, &h, &shape, seed, i ? LOG_TRACE : LOG_ERROR);
		assert_true(i ? h.len > 100000 : h.len == 0);
		sums[i] = hall_ask(&h.run, "SELECT sum(at_us % 1000000007) FROM audit");
		done(&h);
	}
	assert_int_equal(sums[0], sums[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_secret_of_a_batch_is_in_its_log),
		cmocka_unit_test(the_way_of_a_device_is_told_line_by_line),
		cmocka_unit_test(the_one_that_failed_is_explained_by_the_log_alone),
		cmocka_unit_test(a_lot_of_200_is_explained_by_its_log_alone),
		cmocka_unit_test(a_run_that_is_logged_is_the_same_run),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
