/*
 * millrace audit: what is on record, and whether it holds together. docs/audit.md is the manual. Reads beside a running
 * station; only --reveal writes, one row into the chain, and wants the database for itself.
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db/journal.h"
#include "db/sql.h"
#include "db/verify.h"
#include "station/base/log.h"
#include "station/command/command.h"
#include "station/command/desk_keys.h"
#include "station/report/evidence.h"
#include "station/report/sheet.h"
#include "station/identity/identity.h"

#define DEFAULT_DB "millrace.db"
#define ERROR_MAX 600 /* octets; chosen: a sentence, a path and a remedy */

struct audit {
	const struct command *self;
	const char *db_path, *keys, *reason, *operator;
	bool json, csv, reveal;
	const char *word[2]; /* behind the subcommand's name */
	size_t words;
	sqlite3 *db;
	json_t *answer; /* of --json: one object */
	bool broken;	/* a query failed; said already */
};

static int unusable(const struct audit *audit, const char *sentence)
{
	fprintf(stderr, "millrace audit: %s\n", sentence);
	(void)audit;
	return EXIT_UNUSABLE;
}

static int missing(const char *what, const char *name, const char *remedy)
{
	char escaped[400];

	log_escape(escaped, sizeof(escaped), name, strlen(name));
	fprintf(stderr, "millrace audit: %s \"%s\" is not on record; %s\n", what, escaped, remedy);
	return EXIT_NOT_ALL_WELL;
}

static void say_unprepared(struct audit *audit)
{
	fprintf(stderr, "millrace audit: %s%s\n", sqlite3_errmsg(audit->db),
		strstr(sqlite3_errmsg(audit->db), ": v_")
			? ": its views are of another version; run a job on it once, which brings them up to date"
			: "");
	audit->broken = true;
}

/* One of db/queries; NULL: said already. */
static sqlite3_stmt *prepare(struct audit *audit, const char *query)
{
	sqlite3_stmt *statement = sql_prepare(audit->db, query);

	if (!statement)
		say_unprepared(audit);
	return statement;
}

static void bind_text(sqlite3_stmt *statement, const char *name, const char *value)
{
	sqlite3_bind_text(statement, sqlite3_bind_parameter_index(statement, name), value, -1, SQLITE_STATIC);
}

enum shape { AS_TABLE, AS_FIELDS };

/* The rows of a prepared query under a title; an empty answer says `nothing`, if it is not NULL. Takes the statement.
 */
static long show(struct audit *audit, sqlite3_stmt *statement, const char *title, enum shape shape, const char *nothing)
{
	bool bold = command_colour(stdout);
	json_t *rows;
	long count = -1;

	if (!statement)
		return -1;
	if (audit->json) {
		rows = sheet_json(statement);
		count = rows ? (long)json_array_size(rows) : -1;
		if (rows && json_object_set_new(audit->answer, title, rows) != 0)
			count = -1;
	} else if (audit->csv) {
		count = sheet_csv(stdout, statement);
	} else {
		bool any = sqlite3_step(statement) == SQLITE_ROW;

		sqlite3_reset(statement);
		if (any && shape == AS_TABLE)
			printf("\n%s\n", title);
		if (any)
			count = shape == AS_TABLE ? sheet_print(stdout, statement, bold)
						  : sheet_print_fields(stdout, statement, bold);
		else if (sqlite3_errcode(audit->db) == SQLITE_OK || sqlite3_errcode(audit->db) == SQLITE_DONE)
			count = 0;
		if (count == 0 && nothing)
			printf("%s\n", nothing);
	}
	if (count < 0) {
		fprintf(stderr, "millrace audit: %s\n", sqlite3_errmsg(audit->db));
		audit->broken = true;
	}
	sqlite3_finalize(statement);
	return count;
}

static long show_lot(struct audit *audit, const char *query, const char *lot, const char *title, enum shape shape,
		     const char *nothing)
{
	sqlite3_stmt *statement = prepare(audit, query);

	if (statement)
		bind_text(statement, ":lot", lot);
	return show(audit, statement, title, shape, nothing);
}

static bool lot_exists(struct audit *audit, const char *lot)
{
	sqlite3_stmt *statement = prepare(audit, "lot_batch");
	bool exists = false;

	if (statement) {
		bind_text(statement, ":lot", lot);
		exists = sqlite3_step(statement) == SQLITE_ROW;
	}
	sqlite3_finalize(statement);
	return exists;
}

static int finish(const struct audit *audit) { return audit->broken ? EXIT_UNUSABLE : EXIT_ALL_WELL; }

/* --- batch --- */

/* The only lot there is needs no name. */
static char *only_lot(struct audit *audit)
{
	sqlite3_stmt *statement = prepare(audit, "only_lot");
	char *lot = NULL;

	if (statement && sqlite3_step(statement) == SQLITE_ROW)
		lot = strdup((const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return lot;
}

static int run_batch(struct audit *audit)
{
	char *only = audit->words ? NULL : only_lot(audit);
	const char *lot = audit->words ? audit->word[0] : only;

	if (!lot) {
		show(audit, prepare(audit, "batches"), "batches", AS_TABLE, "no batch is on record yet");
		return finish(audit);
	}
	if (!lot_exists(audit, lot) && !audit->broken)
		return missing("lot", lot, "millrace audit batch lists those that are");
	show_lot(audit, "batch", lot, "batch", AS_FIELDS, NULL);
	show_lot(audit, "yield", lot, "yield", AS_TABLE, NULL);
	show_lot(audit, "not_proven", lot, "what was not proven", AS_TABLE, NULL);
	show_lot(audit, "pareto", lot, "what went wrong", AS_TABLE, NULL);
	show_lot(audit, "cycle", lot, "times", AS_TABLE, NULL);
	show_lot(audit, "radios", lot, "radios", AS_TABLE, NULL);
	show_lot(audit, "guards", lot, "guards", AS_TABLE, NULL);
	show_lot(audit, "pauses", lot, "pauses", AS_TABLE, NULL);
	show_lot(audit, "overrides", lot, "overrides", AS_TABLE, NULL);
	free(only);
	return finish(audit);
}

/* --- device, and its PIN --- */

static int64_t utc_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Durable before the PIN is shown: an opening that is not on record does not happen. */
static int note_reveal(const struct audit *audit, int64_t unit, const char *serial, char *error, size_t error_len)
{
	json_t *body = json_pack("{s:s, s:o}", "serial", serial, "reason",
				 sheet_json_text(audit->reason, strlen(audit->reason)));
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	char subject[32];
	struct journal_audit note = { .actor = audit->operator,
				      .action = "pin-reveal",
				      .subject = subject,
				      .body = text,
				      .at_us = utc_now_us() };
	struct desk_keys desk = { 0 };
	int rc = -1;

	snprintf(subject, sizeof(subject), "unit %lld", (long long)unit);
	if (!text)
		snprintf(error, error_len, "no memory is left");
	else if (desk_keys_open(&desk, audit->db_path, audit->keys, error, error_len) == 0)
		rc = journal_note(&desk.options, &note, error, error_len);
	desk_keys_close(&desk);
	free(text);
	json_decref(body);
	return rc;
}

static int open_pin(const struct audit *audit, sqlite3_stmt *row, char pin[static IDENTITY_PIN_MAX], char *error,
		    size_t error_len)
{
	struct identity *identity = NULL;
	int rc;

	if (identity_open_pins(&identity, audit->keys, error, error_len) != 0)
		return -1;
	rc = pin_open(identity, (const char *)sqlite3_column_text(row, 0), (const char *)sqlite3_column_text(row, 1),
		      sqlite3_column_blob(row, 2), (size_t)sqlite3_column_bytes(row, 2), pin);
	identity_close(identity);
	if (rc != 0)
		snprintf(error, error_len,
			 "the PIN does not open: %s/pin.key is not the key it was sealed under (%s), or the "
			 "record was changed",
			 audit->keys, (const char *)sqlite3_column_text(row, 4));
	return rc;
}

static int reveal(struct audit *audit, int64_t unit)
{
	sqlite3_stmt *row = prepare(audit, "pin");
	char pin[IDENTITY_PIN_MAX] = "", error[ERROR_MAX] = "", serial[IDENTITY_SERIAL_MAX + 1] = "";
	int result = EXIT_UNUSABLE;

	if (!row)
		return EXIT_UNUSABLE;
	sqlite3_bind_int64(row, sqlite3_bind_parameter_index(row, ":unit"), unit);
	if (sqlite3_step(row) != SQLITE_ROW) {
		sqlite3_finalize(row);
		fprintf(stderr, "millrace audit: no PIN of this device is on record\n");
		return EXIT_NOT_ALL_WELL;
	}
	snprintf(serial, sizeof(serial), "%s", (const char *)sqlite3_column_text(row, 1));
	if (open_pin(audit, row, pin, error, sizeof(error)) == 0) {
		/* The reader gives the file up, so that the writer is alone with it. */
		sqlite3_finalize(row);
		row = NULL;
		sqlite3_close(audit->db);
		audit->db = NULL;
		if (note_reveal(audit, unit, serial, error, sizeof(error)) == 0)
			result = EXIT_ALL_WELL;
	}
	if (result != EXIT_ALL_WELL)
		unusable(audit, error);
	else if (audit->json)
		json_object_set_new(audit->answer, "pin", json_string(pin));
	else
		printf("\nPIN of %s: %s\n(this opening is on record)\n", serial, pin);
	sqlite3_finalize(row);
	OPENSSL_cleanse(pin, sizeof(pin));
	return result;
}

static int find_unit(struct audit *audit, const char *what, int64_t *unit)
{
	sqlite3_stmt *statement = prepare(audit, "device");
	int found = 0;

	if (!statement)
		return -1;
	bind_text(statement, ":what", what);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		*unit = sqlite3_column_int64(statement, 0);
		found++;
	}
	sqlite3_finalize(statement);
	return found;
}

static int run_device(struct audit *audit)
{
	sqlite3_stmt *statement;
	int64_t unit = 0;
	int found;

	if (audit->words != 1)
		return unusable(audit, "say which device: its serial number, MAC, device id or certificate number");
	if (audit->reveal &&
	    (!audit->keys || !audit->reason || !*audit->reason || !audit->operator|| !* audit->operator))
		return unusable(
			audit,
			"--reveal wants to know who and why, for the record: --keys DIR --operator NAME --reason TEXT");
	found = find_unit(audit, audit->word[0], &unit);
	if (found == 0)
		return missing("a device with the serial number, MAC, device id or certificate number", audit->word[0],
			       "millrace audit export --csv lists all");
	if (found > 1 && audit->reveal)
		return unusable(audit, "more than one device answers to that; give its serial number");
	statement = prepare(audit, "device");
	if (statement)
		bind_text(statement, ":what", audit->word[0]);
	show(audit, statement, "device", AS_FIELDS, NULL);
	if (found == 1) {
		statement = prepare(audit, "life");
		if (statement)
			sqlite3_bind_int64(statement, sqlite3_bind_parameter_index(statement, ":unit"), unit);
		show(audit, statement, "life", AS_TABLE, NULL);
	}
	return audit->reveal && !audit->broken ? reveal(audit, unit) : finish(audit);
}

/* --- failures, certs --- */

static int run_failures(struct audit *audit)
{
	const char *lot = audit->words ? audit->word[0] : NULL;

	if (lot && !lot_exists(audit, lot) && !audit->broken)
		return missing("lot", lot, "millrace audit batch lists those that are");
	show_lot(audit, "failed", lot, "units that did not pass", AS_TABLE, "every unit passed");
	if (!audit->csv) {
		show_lot(audit, "failures", lot, "attempts that did not pass", AS_TABLE, "every attempt passed");
		show_lot(audit, "sightings", lot, "heard, and no unit", AS_TABLE, "nothing else was heard");
	}
	return finish(audit);
}

static int run_certs(struct audit *audit)
{
	const char *lot = audit->words ? audit->word[0] : NULL;

	if (lot && !lot_exists(audit, lot) && !audit->broken)
		return missing("lot", lot, "millrace audit batch lists those that are");
	show_lot(audit, "certs", lot, "certificates", AS_TABLE, "no certificate is on record");
	return finish(audit);
}

/* --- labels --- */

static int run_labels(struct audit *audit)
{
	char *only = audit->words ? NULL : only_lot(audit);
	const char *lot = audit->words ? audit->word[0] : only;

	if (!lot)
		return unusable(audit, "say which lot; millrace audit batch lists them");
	if (!lot_exists(audit, lot) && !audit->broken)
		return missing("lot", lot, "millrace audit batch lists those that are");
	show_lot(audit, "label_coverage", lot, "labels", AS_TABLE, "no label was printed yet");
	show_lot(audit, "reprints", lot, "printed again", AS_TABLE, NULL);
	show_lot(audit, "label_scans", lot, "scans that were not right", AS_TABLE, NULL);
	show_lot(audit, "pin_openings", lot, "PINs that were opened", AS_TABLE, NULL);
	free(only);
	return finish(audit);
}

/* --- what people ordered --- */

static int run_by_lot(struct audit *audit, const char *query, const char *title, const char *nothing)
{
	const char *lot = audit->words ? audit->word[0] : NULL;

	if (lot && !lot_exists(audit, lot) && !audit->broken)
		return missing("lot", lot, "millrace audit batch lists those that are");
	show_lot(audit, query, lot, title, AS_TABLE, nothing);
	return finish(audit);
}

static int run_overrides(struct audit *audit)
{
	return run_by_lot(audit, "overrides", "overrides", "nobody has ordered anything by hand");
}

static int run_pauses(struct audit *audit)
{
	return run_by_lot(audit, "pauses", "pauses", "the line was never paused");
}

/* --- verify --- */

struct verdict {
	struct audit *audit;
	struct evidence *evidence;
	json_t *findings, *notes;
};

static void found(void *ctx, const char *kind, const char *what)
{
	struct verdict *verdict = ctx;
	char escaped[1400];

	log_escape(escaped, sizeof(escaped), what, strlen(what));
	if (!verdict->audit->json)
		printf("WRONG  %-11s  %s\n", kind, escaped);
	(void)json_array_append_new(verdict->findings, json_pack("{s:s, s:s}", "kind", kind, "what", escaped));
}

static void noted(void *ctx, const char *what)
{
	struct verdict *verdict = ctx;
	char escaped[1400];

	log_escape(escaped, sizeof(escaped), what, strlen(what));
	if (!verdict->audit->json)
		printf("note   %s\n", escaped);
	(void)json_array_append_new(verdict->notes, json_string(escaped));
}

static bool anchor_holds(void *ctx, const uint8_t head[static 32], const uint8_t *sig, size_t len, const char *key_id)
{
	return evidence_anchor(((struct verdict *)ctx)->evidence, head, sig, len, key_id);
}

static void hex_of(char out[static 65], const uint8_t hash[static 32])
{
	for (size_t i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static void report(const struct verdict *verdict, const struct verify *verify, const struct evidence_count *count)
{
	size_t wrong = json_array_size(verdict->findings);
	char head[65], commit[65];

	hex_of(head, verify->head);
	hex_of(commit, verify->commit);
	if (verdict->audit->json) {
		json_t *answer = verdict->audit->answer;

		json_object_set_new(answer, "good", json_boolean(wrong == 0));
		json_object_set(answer, "findings", verdict->findings);
		json_object_set(answer, "notes", verdict->notes);
		json_object_set_new(answer, "chain_rows", json_integer((json_int_t)verify->rows));
		json_object_set_new(answer, "anchors", json_integer((json_int_t)verify->anchors));
		json_object_set_new(answer, "anchored_row", json_integer((json_int_t)verify->anchored));
		json_object_set_new(answer, "commits", json_integer((json_int_t)verify->commits));
		json_object_set_new(answer, "commit", json_string(commit));
		json_object_set_new(answer, "certificates", json_integer(count->certificates));
		json_object_set_new(answer, "receipts", json_integer(count->receipts));
		json_object_set_new(answer, "head", json_string(head));
		return;
	}
	printf("chain         %llu rows, head %s\n", (unsigned long long)verify->rows, head);
	printf("commits       %llu, %s, hash %s\n", (unsigned long long)verify->commits,
	       verdict->evidence ? "signed" : "signatures not looked at", commit);
	printf("certificates  %u %s\n", count->certificates,
	       verdict->evidence ? "checked against the CA" : "checked, but for the CA's signature (--keys DIR)");
	printf("receipts      %u signatures checked\n", count->receipts);
	if (wrong)
		printf("\n%zu thing%s wrong: the record is not what the station wrote.\n", wrong,
		       wrong == 1 ? " is" : "s are");
	else
		printf("\nThe record holds together.\n");
}

static int run_verify(struct audit *audit)
{
	struct verdict verdict = { .audit = audit, .findings = json_array(), .notes = json_array() };
	struct verify verify = { .found = found, .noted = noted, .ctx = &verdict };
	struct evidence_count count = { 0 };
	char error[ERROR_MAX] = "no memory is left";
	int result = EXIT_UNUSABLE;

	if (audit->words)
		unusable(audit, "verify takes no name: it looks at the whole record");
	else if (!verdict.findings || !verdict.notes ||
		 (audit->keys && !(verdict.evidence = evidence_open(audit->keys, error, sizeof(error)))))
		unusable(audit, error);
	else {
		verify.heads = evidence_heads(verdict.evidence);
		if (verdict.evidence)
			verify.signature = anchor_holds;
		if (verify_record(audit->db, &verify, error, sizeof(error)) != 0 ||
		    evidence_check(verdict.evidence, audit->db, found, &verdict, &count, error, sizeof(error)) != 0) {
			unusable(audit, error);
		} else {
			report(&verdict, &verify, &count);
			result = json_array_size(verdict.findings) ? EXIT_NOT_ALL_WELL : EXIT_ALL_WELL;
		}
	}
	evidence_close(verdict.evidence);
	json_decref(verdict.findings);
	json_decref(verdict.notes);
	return result;
}

/* --- sql, export --- */

static bool only_blanks_and_comments(sqlite3 *db, const char *tail)
{
	sqlite3_stmt *more = NULL;
	bool blank = sqlite3_prepare_v2(db, tail, -1, &more, NULL) == SQLITE_OK && !more;

	sqlite3_finalize(more);
	return blank;
}

static int run_sql(struct audit *audit)
{
	sqlite3_stmt *statement = NULL;
	const char *tail = NULL;
	int rc;

	if (audit->words != 1)
		return unusable(audit, "give one statement, in quotes: millrace audit sql \"SELECT * FROM v_batch\"");
	if (reader_restrict(audit->db) != 0)
		return unusable(audit, "the connection cannot be restricted to reading");
	rc = sqlite3_prepare_v2(audit->db, audit->word[0], -1, &statement, &tail);
	if (rc == SQLITE_AUTH || (rc == SQLITE_OK && statement && !sqlite3_stmt_readonly(statement))) {
		sqlite3_finalize(statement);
		return unusable(audit, "this connection only reads: SELECT from the views of docs/audit.md");
	}
	if (rc != SQLITE_OK || !statement) {
		fprintf(stderr, "millrace audit: %s\n",
			rc == SQLITE_OK ? "there is no statement" : sqlite3_errmsg(audit->db));
		return EXIT_UNUSABLE;
	}
	if (!only_blanks_and_comments(audit->db, tail) || sqlite3_column_count(statement) == 0) {
		sqlite3_finalize(statement);
		return unusable(audit, "one SELECT at a time");
	}
	show(audit, statement, "rows", AS_TABLE, NULL);
	return finish(audit);
}

/* The views that there are, NULL-ended; the strings belong to the caller. */
static char **views(struct audit *audit)
{
	sqlite3_stmt *statement = prepare(audit, "view_names");
	char **names = calloc(64, sizeof(*names));
	size_t count = 0;

	while (statement && names && count < 63 && sqlite3_step(statement) == SQLITE_ROW)
		names[count++] = strdup((const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return names;
}

static int no_such_view(const char *name, char *const *names)
{
	const char *list[64] = { NULL }, *nearest;
	char escaped[200];

	for (size_t i = 0; names[i]; i++)
		list[i] = names[i];
	nearest = command_nearest(name, list);
	log_escape(escaped, sizeof(escaped), name, strlen(name));
	fprintf(stderr, "millrace audit: there is no view \"%s\"", escaped);
	if (nearest)
		fprintf(stderr, "; did you mean \"%s\"?", nearest);
	fprintf(stderr, "\nThere are:");
	for (size_t i = 0; names[i]; i++)
		fprintf(stderr, " %s", names[i]);
	fputc('\n', stderr);
	return EXIT_UNUSABLE;
}

static int run_export(struct audit *audit)
{
	const char *view = audit->words ? audit->word[0] : "v_unit";
	char **names = views(audit);
	sqlite3_stmt *rows;
	bool there = false;

	for (size_t i = 0; names && names[i]; i++)
		there |= strcmp(names[i], view) == 0;
	if (!names || !there) {
		int result = names ? no_such_view(view, names) : unusable(audit, "no memory is left");

		for (size_t i = 0; names && names[i]; i++)
			free(names[i]);
		free(names);
		return result;
	}
	for (size_t i = 0; names[i]; i++)
		free(names[i]);
	free(names);
	/* CSV when nothing is said: that is what spreadsheets take. */
	audit->csv = !audit->json;
	rows = reader_view(audit->db, view);
	if (!rows)
		say_unprepared(audit);
	show(audit, rows, view, AS_TABLE, NULL);
	return finish(audit);
}

/* --- which one --- */

static const struct audit_part {
	const char *name, *usage;
	size_t words_max;
	int (*run)(struct audit *audit);
} parts[] = {
	{ "batch", "[LOT]", 1, run_batch },	  { "device", "SERIAL|MAC|DEVICE-ID|CERT-NUMBER", 1, run_device },
	{ "failures", "[LOT]", 1, run_failures }, { "certs", "[LOT]", 1, run_certs },
	{ "labels", "[LOT]", 1, run_labels },	  { "overrides", "[LOT]", 1, run_overrides },
	{ "pauses", "[LOT]", 1, run_pauses },	  { "verify", "", 0, run_verify },
	{ "sql", "\"SELECT ...\"", 1, run_sql },  { "export", "[VIEW]", 1, run_export },
};

#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

static const struct audit_part *find_part(const char *name)
{
	const char *names[PART_COUNT + 1] = { NULL }, *nearest;

	for (size_t i = 0; i < PART_COUNT; i++) {
		if (name && strcmp(parts[i].name, name) == 0)
			return &parts[i];
		names[i] = parts[i].name;
	}
	if (name) {
		nearest = command_nearest(name, names);
		fprintf(stderr, "millrace audit: there is no \"%.60s\"", name);
		if (nearest)
			fprintf(stderr, "; did you mean \"%s\"?", nearest);
		fputc('\n', stderr);
	}
	fprintf(stderr, "usage: millrace audit WHAT [--db FILE] [--json]\n");
	for (size_t i = 0; i < PART_COUNT; i++)
		fprintf(stderr, "  %-9s %s\n", parts[i].name, parts[i].usage);
	return NULL;
}

static int run_part(struct audit *audit, const struct audit_part *part)
{
	char error[ERROR_MAX];
	int result;

	if (audit->words > part->words_max) {
		fprintf(stderr, "usage: millrace audit %s %s\n", part->name, part->usage);
		return EXIT_UNUSABLE;
	}
	if (reader_open(&audit->db, audit->db_path, error, sizeof(error)) != 0)
		return unusable(audit, error);
	audit->answer = json_object();
	result = audit->answer ? part->run(audit) : unusable(audit, "no memory is left");
	if (audit->json && json_object_size(audit->answer)) {
		(void)json_dumpf(audit->answer, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(audit->answer);
	sqlite3_close(audit->db);
	return result;
}

int command_audit(int argc, char **argv)
{
	static const struct command self = {
		"audit", "batch|device|failures|certs|labels|overrides|pauses|verify|sql|export [NAME]",
		"what is on record, and whether it holds together", command_audit
	};
	struct audit audit = { .self = &self, .db_path = DEFAULT_DB };
	const struct option_row rows[] = {
		{ "--db", "FILE", "the database (millrace.db)", &audit.db_path, NULL },
		{ "--json", NULL, "one JSON object instead of tables", NULL, &audit.json },
		{ "--csv", NULL, "CSV (export, failures, certs, overrides, pauses, sql)", NULL, &audit.csv },
		{ "--keys", "DIR", "verify: also signatures; --reveal: opens the PIN", &audit.keys, NULL },
		{ "--reveal", NULL, "device: shows the PIN, and puts that on record", NULL, &audit.reveal },
		{ "--reason", "TEXT", "of --reveal, for the record", &audit.reason, NULL },
		{
			"--operator",
			"NAME",
			"who reveals, for the record",
			&audit.operator,
			NULL },
			{ 0 },
		};
	const char *rest[3] = { NULL };
	const struct audit_part *part;
	size_t count = 0;
	int result = command_options(&self, rows, argc, argv, rest, 3, &count);

	if (result >= 0)
		return result;
	part = find_part(count ? rest[0] : NULL);
	if (!part)
		return EXIT_UNUSABLE;
	if (audit.reveal && strcmp(part->name, "device") != 0)
		return unusable(&audit, "--reveal belongs to `millrace audit device`");
	if (audit.csv && (strcmp(part->name, "batch") == 0 || strcmp(part->name, "device") == 0 ||
			  strcmp(part->name, "labels") == 0 || strcmp(part->name, "verify") == 0))
		return unusable(&audit, "--csv is for one table: export, failures, certs, overrides, pauses, sql");
	audit.words = count - 1;
	for (size_t i = 0; i < audit.words; i++)
		audit.word[i] = rest[1 + i];
	return run_part(&audit, part);
}
