/*
 * What runs leave on record, row by row and column by column, what they tell while they go on, and what they sum up to:
 * small lots with known faults, against the text of rows.txt. Times are rounded to tenths of a second, which a change
 * of the air hardly moves and a wrong unit does; what is drawn from keys (certificates, hashes, sealed PINs) is there
 * as its length.
 *
 * Rows that change on purpose: MILLRACE_ROWS=FILE writes all of the text there, to be compared by a person and to
 * become rows.txt.
 */
#include "tests/line/hall.h"

#include "station/line/line.h"
#include "station/line/view.h"

#define ROWS "tests/line/rows.txt"

/* Of the simulated clock, and for how long. NULL: "-". */
#define AT(x) "iif(" x " IS NULL, '-', printf('@%.1f', (" x " - 1767225600000000) / 1e6))"
#define FOR(x) "iif(" x " IS NULL, '-', printf('%.1fs', " x " / 1e6))"

static const char *const tables[][2] = {
	{ "batch",
	  "SELECT batch, product, hw_rev, work_order, quantity, test, length(job) > 0, length(job_sha256), state, " AT(
		  "opened_us") ", " AT("closed_us") " FROM batch ORDER BY 1" },
	{ "session", "SELECT session, batch, simulated, software <> '', policy, operator, seed, clock_ok, host, " AT(
			     "started_us") ", " AT("ended_us") ", end_kind, " FOR("makespan_us") ", " FOR("lower_bound_"
													  "us") " FROM "
														"sessio"
														"n "
														"ORDER "
														"BY "
														"1" },
	{ "unit",
	  "SELECT unit, batch, hex(device_id), hex(mac), serial, product, hw_rev, firmware, agentless, state, " AT(
		  "state_us") ", cause, cause_name, side, " AT("seen_us") " FROM unit ORDER BY 1" },
	{ "attempt",
	  "SELECT attempt, unit, batch, session, n, kind, radio, freq_mhz, rssi_dbm, method, " AT("started_us") ", " AT("ended_us") ", outcome, cause, cause_name, side, step, detail, " FOR(
		  "active_us") ", " FOR("device_us") ", " FOR("wait_radio_us") ", " FOR("wait_ca_us") ", " FOR("wait_"
													       "journal"
													       "_us") ", "
														      "frames_sent, frames_received, retries, octets / 1000 FROM attempt ORDER BY 1" },
	{ "step", "SELECT attempt, seq, name, tries, " AT("started_us") ", " FOR("duration_us") ", " FOR(
			  "device_us") ", outcome, cause, cause_name, side FROM step ORDER BY 1, 2" },
	{ "measurement", "SELECT attempt, name, n, value, unit, low, high, passed FROM measurement ORDER BY 1, 2, 3" },
	{ "txn", "SELECT txn, unit, attempt, operation, " AT("intent_us") ", " AT("prepared_us") ", " AT(
			 "committed_us") " FROM txn ORDER BY 1" },
	{ "pin",
	  "SELECT unit, attempt, product, kind, length(sealed), length(salt), iterations, " AT("set_us") " FROM pin "
													 "ORDER BY 1" },
	{ "cert",
	  "SELECT unit, attempt, subject, length(sha256), " AT("not_before_us") ", " AT("not_after_us") ", " AT(
		  "issued"
		  "_us") ", " AT("installed_us") ", " AT("verified_us") ", " AT("revoked_us") ", " AT("void_us") ", "
														 "state"
														 " FROM"
														 " cert"
														 " "
														 "ORDER"
														 " BY "
														 "cer"
														 "t" },
	{ "receipt", "SELECT unit, attempt, txn, length(receipt), length(challenge), length(signature), " AT(
			     "at_us") " FROM receipt ORDER BY 1, 2" },
	{ "sighting", "SELECT session, hex(mac), hex(device_id), verdict, freq_mhz, rssi_dbm, count, " AT(
			      "first_us") ", " AT("last_us") " FROM sighting ORDER BY 1, 2, 3, 4" },
	{ "radio",
	  "SELECT session, radio, path, driver, hex(mac), simulated, sent, acked, unacked, retries, received, dropped, "
	  "garbage, switches, " FOR("airtime_us") ", switch_us FROM radio ORDER BY 1, 2" },
	{ "link",
	  "SELECT attempt, n, method, kind, hex(bssid), CAST(ssid AS TEXT), freq_mhz, security, secret, cipher, "
	  "length(certificate_sha256), " FOR("join_us") ", " FOR("address_us") ", " FOR("connect_us") ", " FOR(
		  "secure_us") ", length(evidence) > 2, " AT("at_us") " FROM link ORDER BY 1, 2" },
	{ "delivery", "SELECT attempt, n, method, evidence, " AT("at_us") " FROM delivery ORDER BY 1, 2" },
	{ "network", "SELECT attempt, CAST(ssid AS TEXT), security, heard, candidates, hex(bssid), freq_mhz, rssi_dbm, "
		     "reason, " FOR("joined_us") ", observed, reported, " AT("at_us") " FROM network ORDER BY 1" },
	{ "guard", "SELECT session, guard, detail, " AT("at_us") " FROM guard ORDER BY guard_id" },
	{ "audit", "SELECT session, actor, action, iif(subject LIKE 'lot-%', 'lot', subject), iif(actor LIKE '0417%', "
		   "body, '-'), " AT("at_us") " FROM audit ORDER BY seq" },
};

/* --- the text of a lot, and the text that it should be --- */

struct text {
	char *at;
	size_t len;
	FILE *file;
};

static void text_open(struct text *t)
{
	*t = (struct text){ 0 };
	t->file = open_memstream(&t->at, &t->len);
	assert_non_null(t->file);
}

static void write_table(FILE *out, sqlite3 *db, const char *name, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", name, sqlite3_errmsg(db));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		fprintf(out, "%s:", name);
		for (int c = 0; c < sqlite3_column_count(stmt); c++) {
			const char *value = (const char *)sqlite3_column_text(stmt, c);

			fprintf(out, " %s", !value ? "-" : value[0] ? value : "''");
		}
		fputc('\n', out);
	}
	sqlite3_finalize(stmt);
}

static void write_rows(FILE *out, const struct run *run)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open_v2(run->db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		write_table(out, db, tables[i][0], tables[i][1]);
	sqlite3_close(db);
}

static void write_summary(FILE *out, const struct line_summary *s)
{
	fprintf(out,
		"summary: of %u seen %u passed %u failed %u quarantined %u held %u unfinished %u in hand %u missing "
		"%u\n"
		"summary: strangers %u, passed before %u, at first %u, retries %u, in a row %u%s%s%s, by %s\n"
		"summary: makespan %.1fs, bound %.1fs, sessions %.1fs %.1fs, frames %llu, kilo-octets %llu, switches "
		"%llu\n",
		s->quantity, s->seen, s->passed, s->failed, s->quarantined, s->held, s->unfinished, s->in_flight,
		s->missing, s->strangers, s->passed_before, s->first_pass, s->retries, s->consecutive_fail,
		s->resumed ? ", resumed" : "", s->stopped ? ", stopped" : "", s->held_up ? ", held up" : "", s->policy,
		(double)s->makespan_us / 1e6, (double)s->bound.bound_us / 1e6, (double)s->chain_p50_us / 1e6,
		(double)s->chain_p95_us / 1e6, (unsigned long long)s->frames, (unsigned long long)s->octets / 1000,
		(unsigned long long)s->switches);
}

/* The lines of rows.txt behind "# NAME", up to the next one; its own memory. */
static char *expected(const char *name)
{
	FILE *in = fopen(ROWS, "r");
	char line[2000];
	bool mine = false;
	struct text t;

	if (!in)
		fail_msg("%s is missing; tests run where the Makefile is", ROWS);
	text_open(&t);
	while (fgets(line, sizeof(line), in)) {
		if (line[0] == '#')
			mine = strncmp(line + 2, name, strlen(name)) == 0 && line[2 + strlen(name)] == '\n';
		else if (mine)
			fputs(line, t.file);
	}
	fclose(in);
	fclose(t.file);
	return t.at;
}

/* Both are cut into lines. */
static void compare(const char *name, char *want, char *got)
{
	char *next_want, *next_got;
	unsigned line = 0, wrong = 0;

	for (; *want || *got; want = next_want, got = next_got) {
		size_t a = strcspn(want, "\n"), b = strcspn(got, "\n");

		line++;
		next_want = want + a + (want[a] != '\0');
		next_got = got + b + (got[b] != '\0');
		if (a == b && memcmp(want, got, a) == 0)
			continue;
		if (wrong++ < 12)
			print_error("%s, line %u\n  want %.*s\n  got  %.*s\n", name, line, (int)a, want, (int)b, got);
	}
	if (wrong)
		fail_msg("%s: %u of %u lines are not those of %s", name, wrong, line, ROWS);
}

/*
 * A link over TCP carries certificates in one octet more or less, as their signatures fall out, and that moves its
 * frames and instants a little. Of a time it is left whether it is none, seconds, minutes; of a count of frames its
 * digits.
 */
static void blur(struct text *t)
{
	struct text out;
	bool counts = false;

	text_open(&out);
	for (char *p = t->at; *p;) {
		size_t digits = strspn(p, "0123456789");
		bool whole = digits > 0 && (p == t->at || strchr(" @", p[-1]));

		if (p == t->at || p[-1] == '\n')
			counts = !strncmp(p, "radio: 1 ", 9) || (!strncmp(p, "attempt: ", 9) && p[9] != 'a') ||
				 !strncmp(p, "summary", 7);
		if (whole && p[digits] == '.' && (p[digits + 2] == 's' || p[-1] == '@')) {
			double s = strtod(p, &p);

			fputs(s < 0.15 ? "0" : s < 18 ? "seconds" : s < 600 ? "minutes" : "hours", out.file);
			p += *p == 's';
		} else if (whole && counts && digits > 1 && strchr(" \n", p[digits])) {
			fprintf(out.file, "%zu digits", digits);
			p += digits;
		} else {
			fputc(*p++, out.file);
		}
	}
	fclose(out.file);
	free(t->at);
	*t = out;
}

static void must_be(const char *name, struct text *t)
{
	const char *path = getenv("MILLRACE_ROWS");

	assert_true(t->len > 0);
	if (path) {
		FILE *out = fopen(path, "a");

		assert_non_null(out);
		fprintf(out, "# %s\n%s", name, t->at);
		assert_int_equal(fclose(out), 0);
	} else {
		char *want = expected(name);

		compare(name, want, t->at);
		free(want);
	}
	free(t->at);
}

/* --- what a line tells and shows while it runs --- */

struct onlooker {
	FILE *out;
	struct line *line;
	bool looks;	      /* the views too, at each event */
	unsigned events, act; /* the event at which `acts` is called; 0: never */
	void (*acts)(struct onlooker *o, unsigned events);
};

static void on_began(void *ctx, struct line *line, bool simulated, uint64_t seed)
{
	struct onlooker *o = ctx;

	o->line = line;
	fprintf(o->out, "begins: simulated %d, seed %llu\n", simulated, (unsigned long long)seed);
}

static double seconds(uint64_t us) { return (double)us / 1e6; }

static void show_unit(FILE *out, const struct line *line, int64_t id)
{
	for (size_t i = 0; i < line_unit_room(line); i++) {
		const struct unit *u = line_unit_at(line, i);
		struct line_unit_view v;

		if (!u || line_unit_id(u) != id)
			continue;
		line_unit_look(line, u, &v);
		fprintf(out,
			"  unit %lld %s state %d%s%s%s%s, step %s %u/%u, attempt %u, cause %d, %d dBm %u %u %s, first "
			"%.1fs, "
			"cert %d, phase %s, frames %u %u %u %u\n",
			(long long)v.unit, v.serial, (int)v.state, v.queued ? " queued" : "",
			v.awaited ? " awaited" : "", v.sealed ? " sealed" : "", v.agentless ? " agentless" : "",
			v.step ? v.step : "-", v.done, v.steps, v.attempt, v.cause, v.rssi_dbm, v.freq_mhz, v.home_mhz,
			v.radio ? v.radio : "-", seconds(v.first_us), v.certificate_len > 0,
			v.has_session ? v.phase : "-", v.frames_sent, v.frames_received, v.retries, v.misses);
	}
}

static void show_line(FILE *out, const struct line *line)
{
	struct line_view v;

	line_look(line, &v);
	fprintf(out,
		"  line %s for %.1fs by '%s' because '%s', guard %s, hold %d, seen %u in hand %u waiting %u passed %u "
		"failed %u "
		"quarantined %u held %u unfinished %u missing %u strangers %u retries %u settled %u, now %.1fs\n",
		line_run_name(v.run), seconds(v.now_us - v.run_us), v.by, v.reason, v.guard ? v.guard : "-",
		v.hold_cause, v.seen, v.in_flight, v.waiting, v.passed, v.failed, v.quarantined, v.held, v.unfinished,
		v.missing, v.strangers, v.retries, v.settled, seconds(v.now_us));
	for (size_t i = 0; i < line_lane_count(line); i++) {
		struct line_lane_view l;

		line_lane_look(line, i, &l);
		fprintf(out, "  lane %s %s %s %s %u MHz%s%s, %zu sessions, %llu switches of %u us\n", l.radio, l.path,
			l.driver, l.state, l.freq_mhz, l.here ? " here" : "", l.lost ? " lost" : "", l.sessions,
			(unsigned long long)l.switches, l.switch_us);
	}
	for (size_t i = 0; i < line_channel_count(line); i++) {
		struct line_channel_view c;

		line_channel_look(line, i, &c);
		fprintf(out, "  channel %u MHz %s, %zu sessions, %zu waiting, %.1f unheard\n", c.freq_mhz,
			c.radio ? c.radio : "-", c.sessions, c.waiting, c.unheard);
	}
}

static void on_event(void *ctx, const struct line_event *e)
{
	static const char *const kinds[] = { "unit-seen", "attempt", "step", "unit-state", "stranger",
					     "radio",	  "guard",   "hold", "order",	   "label" };
	struct onlooker *o = ctx;

	fprintf(o->out,
		"%s: at %.1fs unit %lld %s %02x%02x attempt %u, %s state %d cause %d for %.1fs, %s %u %d dBm, %s %s "
		"%s%s\n",
		kinds[e->kind], seconds(e->now_us), (long long)e->unit, e->serial[0] ? e->serial : "''", e->mac[4],
		e->mac[5], e->attempt, e->step ? e->step : "-", (int)e->state, e->cause, seconds(e->duration_us),
		e->radio ? e->radio : "-", e->freq_mhz, e->rssi_dbm, e->detail ? e->detail : "-",
		e->actor ? e->actor : "-", e->reason ? e->reason : "-", e->moved ? " moved" : "");
	if (o->looks && e->unit)
		show_unit(o->out, o->line, e->unit);
	if (o->looks && e->kind != LINE_STEP)
		show_line(o->out, o->line);
	if (++o->events == o->act && o->acts)
		o->acts(o, o->events);
}

/* A session of the lot, with all that it tells. */
static void run_on(struct hall *hall, struct run *run, struct text *t, struct onlooker *o)
{
	struct batch_options options = hall_options(hall, run);

	o->out = t->file;
	options.ctx = o;
	options.began = on_began;
	options.event = on_event;
	if (batch_run(&options, &run->result, run->error, sizeof(run->error)) != 0)
		fail_msg("%s", run->error);
	write_summary(t->file, &run->result.summary);
}

static void lot_is(struct hall *hall, const char *name, const struct shape *shape, uint64_t seed, bool looks)
{
	struct onlooker o = { .looks = looks };
	struct run run;
	struct text t;

	text_open(&t);
	hall_job(hall, &run, shape, seed);
	run_on(hall, &run, &t, &o);
	write_rows(t.file, &run);
	fclose(t.file);
	if (shape->credentials)
		blur(&t);
	must_be(name, &t);
	hall_done(&run);
}

/* --- the lots --- */

#define VIA(method) "{method: " method ", ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\"}}"
#define PINNED                                                                                                         \
	"{method: https, ssid: \"hall\", security: wpa2, access_point: {ssid: \"AC-{mac}\", certificate: pinned}}"

static void of_three_devices_that_pass(void **state)
{
	lot_is(*state, "three that pass", &(struct shape){ .devices = 3, .arrival = "300ms" }, 4100, true);
}

static void of_a_recipe_without_identity_or_seal(void **state)
{
	lot_is(*state, "no identity",
	       &(struct shape){ .devices = 2, .recipe = "identify, credentials", .credentials = VIA("micro-ap") }, 4101,
	       false);
}

static void of_devices_with_each_fault(void **state)
{
	lot_is(*state, "each fault",
	       &(struct shape){
		       .devices = 12,
		       .arrival = "400ms",
		       .faults = "    - {kind: selftest}\n    - {kind: storage, operation: commit}\n"
				 "    - {kind: vanish, operation: key}\n    - {kind: vanish, operation: seal}\n"
				 "    - {kind: power-cut, operation: identity, after: 46ms, off: 1s}\n"
				 "    - {kind: wrong-product}\n    - {kind: clone, after: 2s}\n"
				 "    - {kind: zero-id}\n    - {kind: wrong-batch-key}\n    - {kind: weak-signal}\n" },
	       4102, false);
}

static void of_one_attempt_and_no_more(void **state)
{
	lot_is(*state, "one attempt",
	       &(struct shape){ .devices = 4,
				.attempts = "1",
				.faults = "    - {kind: selftest}\n    - {kind: vanish, operation: credentials}\n"
					  "    - {kind: power-cut, operation: key, off: 1s}\n" },
	       4103, false);
}

static void of_radios_that_go_round(void **state)
{
	lot_is(*state, "radios go round",
	       &(struct shape){ .devices = 8,
				.radios = 2,
				.profile = "mt7612u",
				.channels = "1, 6, 36",
				.loss = "8%",
				.arrival = "50ms",
				.faults = "    - {kind: radio-lost, after: 600ms, off: 2s}\n" },
	       4104, true);
}

static void of_micro_access_points(void **state)
{
	lot_is(*state, "micro-ap",
	       &(struct shape){
		       .devices = 9,
		       .arrival = "60s",
		       .admission = ", quiet: 90s",
		       .credentials = VIA("micro-ap"),
		       .faults = "    - {kind: wrong-secret}\n    - {kind: no-join}\n    - {kind: old-firmware}\n"
				 "    - {kind: ap-deauth, operation: identity}\n"
				 "    - {kind: vanish, operation: join}\n    - {kind: clone, count: 3, after: 5s}\n" },
	       4105, false);
}

/* Out of reach of the station, so that the device's own word is all that there is; and not to be joined at all. */
static void of_networks_that_nobody_sees_joined(void **state)
{
	lot_is(*state, "network out of reach",
	       &(struct shape){ .devices = 1, .credentials = VIA("micro-ap"), .simulation = "  network: 11\n" }, 4113,
	       false);
	lot_is(*state, "network left alone",
	       &(struct shape){ .devices = 1,
				.credentials = "{method: micro-ap, ssid: \"hall\", security: wpa3, join: false, "
					       "access_point: {ssid: \"AC-{mac}\"}}" },
	       4114, false);
	lot_is(*state, "open network",
	       &(struct shape){ .devices = 1,
				.credentials = "{method: micro-ap, ssid: \"hall\", security: open, "
					       "access_point: {ssid: \"AC-{mac}\"}}" },
	       4115, false);
}

/* By its device id, by its address, and not at all. */
static void of_devices_on_a_list(void **state)
{
	struct hall *hall = *state;
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/expected.txt", hall->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("d0c6f70000000000\n06:c6:f7:00:00:02\n", f);
	assert_int_equal(fclose(f), 0);
	lot_is(hall, "a list",
	       &(struct shape){ .devices = 4,
				.arrival = "1s",
				.admission = ", expect: \"expected.txt\"",
				.faults = "    - {kind: same-address, after: 3s}\n    - {kind: nearer, after: 4s}\n" },
	       4116, false);
}

static void of_access_points_with_a_pin(void **state)
{
	lot_is(*state, "pin",
	       &(struct shape){ .devices = 3,
				.arrival = "60s",
				.admission = ", quiet: 90s",
				.credentials = VIA("pin"),
				.faults = "    - {kind: wrong-secret}\n    - {kind: busy}\n" },
	       4106, false);
}

/* Nobody new comes, and one that has not said yet who it is has still its turns to get: the lot does not end before. */
static void of_one_that_is_busy_for_longer_than_the_lot_is_quiet(void **state)
{
	lot_is(*state, "busy for long",
	       &(struct shape){ .devices = 2,
				.quantity = 4,
				.admission = ", quiet: 2s",
				.credentials = VIA("pin"),
				.faults = "    - {kind: busy}\n" },
	       4117, false);
}

static void of_an_access_point_with_a_certificate(void **state)
{
	lot_is(*state, "https", &(struct shape){ .devices = 1, .credentials = PINNED }, 4107, false);
}

/* One at the very limit passes, one beyond does not: the values are those of this seed's devices. */
static void of_measurements_at_their_limits(void **state)
{
	lot_is(*state, "limits",
	       &(struct shape){ .devices = 4,
				.extra = "limits:\n  - {name: vbat_mv, unit: mV, low: 3275, high: 3276}\n"
					 "  - {name: temperature_c, unit: C, high: 99}\n  - {name: rssi, unit: dBm, "
					 "low: -39}\n" },
	       4108, false);
}

static void of_more_than_are_wanted(void **state)
{
	lot_is(*state, "more than wanted", &(struct shape){ .devices = 5, .quantity = 3, .arrival = "1s" }, 4109,
	       false);
}

static void of_a_guard_that_stops_it(void **state)
{
	lot_is(*state, "guard",
	       &(struct shape){ .devices = 6,
				.arrival = "2s",
				.attempts = "1",
				.guard = "2",
				.faults = "    - {kind: vanish, operation: selftest, count: 5}\n" },
	       4110, true);
}

/* --- what is ordered --- */

static void on_answer(void *ctx, int result)
{
	struct onlooker *o = ctx;

	fprintf(o->out, "answer: %d\n", result);
}

static int64_t unit_in(const struct line *line, enum journal_unit_state wanted)
{
	for (size_t i = 0; i < line_unit_room(line); i++) {
		struct line_unit_view v;

		if (!line_unit_at(line, i))
			continue;
		line_unit_look(line, line_unit_at(line, i), &v);
		if (v.state == wanted)
			return v.unit;
	}
	return 0;
}

static void say(struct onlooker *o, enum line_order_kind kind, int64_t unit, const char *reason)
{
	const struct line_order order = {
		.kind = kind, .unit = unit, .actor = "0417 Ana", .reason = reason, .done = on_answer, .ctx = o
	};
	const char *why = "";
	int may = line_order_check(o->line, &order, &why), is = line_order(o->line, &order);

	fprintf(o->out, "order: %d about %lld: %d %d, '%s'\n", (int)kind, (long long)unit, may, is, why);
	assert_int_equal(may, is);
}

static void stop(struct onlooker *o, unsigned events)
{
	(void)events;
	say(o, LINE_ORDER_ABORT, 0, "fire alarm");
}

static void of_a_lot_that_was_stopped_and_goes_on(void **state)
{
	struct hall *hall = *state;

	for (unsigned i = 0; i < 3; i++) {
		struct onlooker first = { .act = 8 + 6 * i, .acts = stop }, second = { 0 };
		struct run run;
		struct text t;
		char name[40];

		text_open(&t);
		hall_job(hall, &run, &(struct shape){ .devices = 2, .arrival = "200ms" }, 4111);
		run_on(hall, &run, &t, &first);
		run_on(hall, &run, &t, &second);
		write_rows(t.file, &run);
		fclose(t.file);
		snprintf(name, sizeof(name), "stopped %u", i);
		must_be(name, &t);
		hall_done(&run);
	}
}

/* All that was said before is on record, and in effect. */
static void on_waited(void *ctx, int result)
{
	struct onlooker *o = ctx;

	on_answer(ctx, result);
	show_line(o->out, o->line);
	say(o, LINE_ORDER_PAUSE, 0, "twice");
	say(o, LINE_ORDER_RETRY, unit_in(o->line, UNIT_QUARANTINED), "not by this way");
	say(o, LINE_ORDER_RESUME, 0, "back");
}

/* Every order about a unit in each of three states, about the line, and about nothing that is there. */
static void all_orders(struct onlooker *o, unsigned events)
{
	static const enum journal_unit_state of[] = { UNIT_PASSED, UNIT_QUARANTINED, UNIT_FAILED, UNIT_ACTIVE };
	struct line_order wait = { .kind = LINE_ORDER_WAIT, .actor = "0417 Ana", .done = on_waited };

	(void)events;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		say(o, LINE_ORDER_RETRY, unit_in(o->line, of[i]), "again");
		say(o, LINE_ORDER_RELEASE, unit_in(o->line, of[i]), "polished");
	}
	say(o, LINE_ORDER_QUARANTINE, unit_in(o->line, UNIT_ACTIVE), "fell off the table");
	say(o, LINE_ORDER_QUARANTINE, unit_in(o->line, UNIT_QUARANTINED), "twice");
	say(o, LINE_ORDER_QUARANTINE, 4711, "nobody");
	say(o, LINE_ORDER_RESUME, 0, "");
	say(o, LINE_ORDER_PAUSE, 0, "lunch");
	say(o, LINE_ORDER_PAUSE, 0, "lunch again");
	say(o, LINE_ORDER_ACKNOWLEDGE, unit_in(o->line, UNIT_QUARANTINED), "seen");
	wait.ctx = o;
	assert_int_equal(line_order(o->line, &wait), LINE_DONE);
}

static void of_everything_that_can_be_ordered(void **state)
{
	struct hall *hall = *state;
	struct onlooker o = { .act = 34, .acts = all_orders };
	struct run run;
	struct text t;

	text_open(&t);
	hall_job(
		hall, &run,
		&(struct shape){ .devices = 5,
				 .arrival = "4s",
				 .attempts = "1",
				 .faults = "    - {kind: wrong-product}\n    - {kind: vanish, operation: selftest}\n" },
		4112);
	run_on(hall, &run, &t, &o);
	write_rows(t.file, &run);
	fclose(t.file);
	must_be("orders", &t);
	hall_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_three_devices_that_pass),
		cmocka_unit_test(of_a_recipe_without_identity_or_seal),
		cmocka_unit_test(of_devices_with_each_fault),
		cmocka_unit_test(of_one_attempt_and_no_more),
		cmocka_unit_test(of_radios_that_go_round),
		cmocka_unit_test(of_micro_access_points),
		cmocka_unit_test(of_networks_that_nobody_sees_joined),
		cmocka_unit_test(of_devices_on_a_list),
		cmocka_unit_test(of_access_points_with_a_pin),
		cmocka_unit_test(of_one_that_is_busy_for_longer_than_the_lot_is_quiet),
		cmocka_unit_test(of_an_access_point_with_a_certificate),
		cmocka_unit_test(of_measurements_at_their_limits),
		cmocka_unit_test(of_more_than_are_wanted),
		cmocka_unit_test(of_a_guard_that_stops_it),
		cmocka_unit_test(of_a_lot_that_was_stopped_and_goes_on),
		cmocka_unit_test(of_everything_that_can_be_ordered),
	};

	return cmocka_run_group_tests(tests, hall_open, hall_close);
}
