#include "station/label/book.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/sql.h"
#include "station/base/log.h"
#include "station/label/scan.h"

static int fail(const struct book *book, char *error, size_t error_len)
{
	snprintf(error, error_len, "the record cannot be read: %s", sqlite3_errmsg(book->db));
	return -1;
}

static sqlite3_stmt *prepare(const struct book *book, const char *query) { return sql_prepare(book->db, query); }

static void bind(sqlite3_stmt *statement, const char *name, const char *text)
{
	sqlite3_bind_text(statement, sqlite3_bind_parameter_index(statement, name), text, -1, SQLITE_STATIC);
}

/* A number by a text, one of db/queries with one parameter. 0: there is none; -1: the record cannot be read. */
static int64_t find(const struct book *book, const char *query, const char *text)
{
	sqlite3_stmt *statement = prepare(book, query);
	int64_t value = 0;

	if (!statement)
		return -1;
	sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
	if (sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	return sqlite3_finalize(statement) == SQLITE_OK ? value : -1;
}

int book_init(struct book *book, char *error, size_t error_len)
{
	sqlite3_stmt *row = prepare(book, "label_next");
	bool got = row && sqlite3_step(row) == SQLITE_ROW;

	if (got) {
		book->next_label = 1 + sqlite3_column_int64(row, 0);
		book->next_scan = 1 + sqlite3_column_int64(row, 1);
	}
	return sqlite3_finalize(row) == SQLITE_OK && got ? 0 : fail(book, error, error_len);
}

static void take_text(char *out, size_t cap, sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	snprintf(out, cap, "%s", text ? text : "");
}

static void take_octets(uint8_t *out, size_t len, sqlite3_stmt *row, int column)
{
	if ((size_t)sqlite3_column_bytes(row, column) == len)
		memcpy(out, sqlite3_column_blob(row, column), len);
}

static void take_unit(struct book_unit *unit, sqlite3_stmt *row)
{
	*unit = (struct book_unit){ .facts = { .unit = sqlite3_column_int64(row, 0),
					       .passed_us = sqlite3_column_int64(row, 8) } };
	take_text(unit->serial, sizeof(unit->serial), row, 1);
	take_octets(unit->facts.mac, 6, row, 2);
	take_octets(unit->facts.device_id, 8, row, 3);
	take_text(unit->lot, sizeof(unit->lot), row, 4);
	take_text(unit->product, sizeof(unit->product), row, 5);
	take_text(unit->hw_rev, sizeof(unit->hw_rev), row, 6);
	take_text(unit->firmware, sizeof(unit->firmware), row, 7);
	if (sqlite3_column_bytes(row, 9) &&
	    identity_certificate_key(sqlite3_column_blob(row, 9), (size_t)sqlite3_column_bytes(row, 9),
				     unit->facts.key) != 0)
		unit->facts.key[0] = 0;
	take_text(unit->pin_product, sizeof(unit->pin_product), row, 10);
	unit->sealed_len = (size_t)sqlite3_column_bytes(row, 11);
	if (unit->sealed_len > sizeof(unit->sealed))
		unit->sealed_len = 0;
	take_octets(unit->sealed, unit->sealed_len, row, 11);
	take_text(unit->kek_id, sizeof(unit->kek_id), row, 12);
	unit->label = sqlite3_column_int64(row, 13);
	take_text(unit->label_state, sizeof(unit->label_state), row, 14);
	unit->copies = (unsigned)sqlite3_column_int64(row, 16);
}

void book_own_texts(struct book_unit *unit)
{
	unit->facts.serial = unit->serial;
	unit->facts.lot = unit->lot;
	unit->facts.product = unit->product;
	unit->facts.hw_rev = unit->hw_rev;
	unit->facts.firmware = unit->firmware;
}

long book_units(const struct book *book, const char *lot, const char *template, const char *serial,
		bool (*each)(void *ctx, const struct book_unit *unit), void *ctx, char *error, size_t error_len)
{
	int64_t one = serial ? find(book, "unit_by_serial", serial) : 0;
	sqlite3_stmt *row = one < 0 ? NULL : prepare(book, "label_units");
	bool more = true;
	long count = 0;
	int rc = SQLITE_DONE;

	if (!row)
		return fail(book, error, error_len);
	bind(row, ":lot", lot);
	bind(row, ":template", template);
	if (serial) /* 0: nobody has it, and no unit this number */
		sqlite3_bind_int64(row, sqlite3_bind_parameter_index(row, ":unit"), one);
	for (; more && (rc = sqlite3_step(row)) == SQLITE_ROW; count++) {
		struct book_unit unit;

		take_unit(&unit, row);
		book_own_texts(&unit);
		more = each(ctx, &unit);
	}
	sqlite3_finalize(row);
	return more && rc != SQLITE_DONE ? fail(book, error, error_len) : count;
}

int book_open_pin(const struct book *book, struct book_unit *unit, char *error, size_t error_len)
{
	book_own_texts(unit);
	if (!unit->sealed_len) {
		snprintf(error, error_len, "unit %s has no PIN on record, and the label says one", unit->serial);
		return -1;
	}
	if (book->pins &&
	    pin_open(book->pins, unit->pin_product, unit->serial, unit->sealed, unit->sealed_len, unit->facts.pin) == 0)
		return 0;
	snprintf(error, error_len,
		 "the PIN of %s does not open: pin.key is not the key it was sealed under (%s), or the record was "
		 "changed",
		 unit->serial, unit->kek_id);
	return -1;
}

static int digest_of(const struct book *book, const char *text, size_t len, bool keyed, uint8_t digest[static 32])
{
	if (keyed)
		return book->pins ? pin_label_digest(book->pins, text, len, digest) : -1;
	return SHA256((const uint8_t *)text, len, digest) ? 0 : -1;
}

int book_digest(const struct book *book, const char *text, bool secret, uint8_t digest[static 32], char *error,
		size_t error_len)
{
	if (digest_of(book, text, strlen(text), secret, digest) == 0)
		return 0;
	snprintf(error, error_len, "the label cannot be digested: its PIN needs pin.key");
	return -1;
}

/* {"serial":...,"reason":...}, as millrace audit --reveal writes it. The caller frees it. */
static char *reveal_body(const struct book_unit *unit, const struct book_order *order)
{
	char why[400];
	char escaped[1600];
	json_t *body;
	char *text;

	snprintf(why, sizeof(why), "label %s%s%s", order->template, order->reason ? ": " : "",
		 order->reason ? order->reason : "");
	body = json_pack("{s:s, s:s}", "serial", unit->serial, "reason", why);
	if (!body) /* no UTF-8 */
		body = json_pack("{s:s, s:s}", "serial", unit->serial, "reason",
				 log_escape(escaped, sizeof(escaped), why, strlen(why)));
	text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	return text;
}

int book_queue(struct book *book, struct book_unit *unit, const struct book_order *order,
	       const uint8_t digest[static 32], char *error, size_t error_len)
{
	bool again = unit->label && strcmp(unit->label_state, "queued") == 0;
	bool reprint = !again && unit->copies > 0;
	struct journal_record records[3];
	char *body = NULL, subject[32];
	size_t count = 0;
	int rc;

	if (reprint && !(order->reason && *order->reason)) {
		snprintf(error, error_len, "%s has this label already; a reprint needs --reprint --reason TEXT",
			 unit->serial);
		return -1;
	}
	if (order->secret) { /* opened is opened, printed or not: in the same transaction, before anything is drawn */
		body = reveal_body(unit, order);
		if (!body) {
			snprintf(error, error_len, "no memory is left");
			return -1;
		}
		snprintf(subject, sizeof(subject), "unit %lld", (long long)unit->facts.unit);
		records[count++] = (struct journal_record){ .kind = JOURNAL_AUDIT,
							    .audit = { .actor = book->actor,
								       .action = "pin-reveal",
								       .subject = subject,
								       .body = body,
								       .at_us = order->at_us } };
	}
	if (reprint && unit->label)
		records[count++] = (struct journal_record){ .kind = JOURNAL_LABEL_STATE,
							    .label_state = { .label = unit->label,
									     .unit = unit->facts.unit,
									     .state = LABEL_VOID,
									     .actor = book->actor,
									     .at_us = order->at_us } };
	if (!again) {
		records[count] = (struct journal_record){
			.kind = JOURNAL_LABEL,
			.label = { .label = book->next_label,
				   .unit = unit->facts.unit,
				   .copy = unit->copies + 1,
				   .kind = order->kind,
				   .template = order->template,
				   .key_id = order->secret ? identity_kek_id(book->pins) : NULL,
				   .reason = reprint ? order->reason : NULL,
				   .actor = book->actor,
				   .at_us = order->at_us }
		};
		memcpy(records[count++].label.digest, digest, 32);
	}
	rc = count ? book->put(book->put_ctx, records, count, error, error_len) : 0;
	free(body);
	if (rc == 0 && !again) {
		unit->label = book->next_label++;
		unit->copies++;
	}
	return rc;
}

int book_went(struct book *book, const struct book_unit *unit, enum journal_label_state state, int64_t at_us,
	      char *error, size_t error_len)
{
	const struct journal_record record = { .kind = JOURNAL_LABEL_STATE,
					       .label_state = { .label = unit->label,
								.unit = unit->facts.unit,
								.state = state,
								.actor = book->actor,
								.at_us = at_us } };

	return book->put(book->put_ctx, &record, 1, error, error_len);
}

int64_t book_label(const struct book *book, int64_t label, char state[static 12])
{
	sqlite3_stmt *row = prepare(book, "label_by_number");
	int64_t unit = 0;

	if (!row)
		return -1;
	sqlite3_bind_int64(row, 1, label);
	if (sqlite3_step(row) == SQLITE_ROW) {
		unit = sqlite3_column_int64(row, 0);
		take_text(state, 12, row, 1);
	}
	return sqlite3_finalize(row) == SQLITE_OK ? unit : -1;
}

/* --- reading back --- */

const char *scan_parse(const char *line, size_t len, struct scan *out)
{
	size_t from, plain_len;
	const char *tab, *wrong;

	*out = (struct scan){ .len = 0 };
	while (len > 0 && strchr(" \r\n\t", line[len - 1]))
		len--;
	while (len > 0 && strchr(" \r\n", *line) && *line) {
		line++;
		len--;
	}
	tab = memchr(line, '\t', len);
	if (tab) {
		size_t serial_len = (size_t)(tab - line);

		if (serial_len > IDENTITY_SERIAL_MAX)
			return "what stands before the tab is no serial number";
		memcpy(out->expected, line, serial_len);
		if (strlen(out->expected) != serial_len || !serial_is_valid(out->expected)) {
			*out->expected = '\0';
			return "what stands before the tab is no serial number";
		}
		line = tab + 1;
		len -= serial_len + 1;
	}
	wrong = scan_plain(line, len, &from, &plain_len);
	if (wrong)
		return wrong;
	if (plain_len > SCAN_TEXT_MAX)
		return "that is longer than any label's code";
	memcpy(out->text, line + from, plain_len);
	out->len = plain_len;
	return NULL;
}

const char *scan_verdict_name(enum scan_verdict verdict)
{
	switch (verdict) {
	case SCAN_RIGHT: return "right";
	case SCAN_WRONG_UNIT: return "wrong-unit";
	case SCAN_WRONG_LOT: return "wrong-lot";
	case SCAN_NOT_PASSED: return "not-passed";
	case SCAN_VOID: return "void";
	case SCAN_DUPLICATE: return "duplicate";
	case SCAN_UNKNOWN: return "unknown";
	}
	return "unknown";
}

enum scan_verdict scan_verdict_of(const char *name)
{
	enum scan_verdict verdict = SCAN_RIGHT;

	while (verdict < SCAN_UNKNOWN && strcmp(scan_verdict_name(verdict), name) != 0)
		verdict++;
	return verdict;
}

struct found {
	int64_t label, unit;
	bool passed, in_lot, sent, void_, scanned;
	char when[32];
};

/* The label of that text. 0: there is none; 1: found; -1: the record cannot be read. */
static int find_text(const struct book *book, const char *lot, const char *text, size_t len, struct found *found,
		     struct scan_answer *answer)
{
	sqlite3_stmt *row = prepare(book, "label_find");
	uint8_t plain[32], keyed[32] = { 0 };
	int rc;

	*found = (struct found){ 0 };
	if (!row || digest_of(book, text, len, false, plain) != 0 ||
	    (book->pins && digest_of(book, text, len, true, keyed) != 0)) {
		sqlite3_finalize(row);
		return -1;
	}
	bind(row, ":lot", lot);
	bind(row, ":key_id", book->pins ? identity_kek_id(book->pins) : NULL);
	sqlite3_bind_blob(row, sqlite3_bind_parameter_index(row, ":plain"), plain, 32, SQLITE_STATIC);
	sqlite3_bind_blob(row, sqlite3_bind_parameter_index(row, ":keyed"), keyed, 32, SQLITE_STATIC);
	rc = sqlite3_step(row);
	if (rc == SQLITE_ROW) {
		char state[20], label[12];

		found->label = sqlite3_column_int64(row, 0);
		found->unit = sqlite3_column_int64(row, 1);
		take_text(answer->template, sizeof(answer->template), row, 2);
		answer->copy = (unsigned)sqlite3_column_int64(row, 3);
		take_text(label, sizeof(label), row, 4);
		take_text(answer->serial, sizeof(answer->serial), row, 5);
		take_text(state, sizeof(state), row, 6);
		found->sent = sqlite3_column_int64(row, 7) != 0;
		take_text(found->when, sizeof(found->when), row, 8);
		found->in_lot = sqlite3_column_int64(row, 9) != 0;
		found->passed = strcmp(state, "passed") == 0;
		found->void_ = strcmp(label, "void") == 0;
		found->scanned = strcmp(label, "scanned") == 0;
	}
	sqlite3_finalize(row);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

/* As it was scanned, or as a keyboard with Caps Lock has turned it round: a digest knows one way of writing only. */
static int find_label(const struct book *book, const char *lot, const struct scan *scan, struct found *found,
		      struct scan_answer *answer)
{
	char turned[SCAN_TEXT_MAX + 1];
	int known = find_text(book, lot, scan->text, scan->len, found, answer);

	if (known != 0 || !scan_caps_lock(scan->text, scan->len, turned))
		return known;
	known = find_text(book, lot, turned, scan->len, found, answer);
	OPENSSL_cleanse(turned, sizeof(turned));
	return known;
}

static void say(struct scan_answer *answer, enum scan_verdict verdict, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void say(struct scan_answer *answer, enum scan_verdict verdict, const char *remedy, const char *format, ...)
{
	va_list args;

	answer->verdict = verdict;
	snprintf(answer->remedy, sizeof(answer->remedy), "%s", remedy);
	va_start(args, format);
	vsnprintf(answer->sentence, sizeof(answer->sentence), format, args);
	va_end(args);
}

static void judge(const struct found *found, int64_t expected, const struct scan *scan, struct scan_answer *answer)
{
	const char *serial = answer->serial;

	if (!found->in_lot)
		say(answer, SCAN_WRONG_LOT, "take the unit out of this lot", "the label of %s, a unit of another lot",
		    serial);
	else if (expected && expected != found->unit)
		say(answer, SCAN_WRONG_UNIT, "take it off, and look where the other one is",
		    "the label of %s on unit %s", serial, scan->expected);
	else if (!found->passed)
		say(answer, SCAN_NOT_PASSED, "put it into the RED bin", "%s has not passed", serial);
	else if (found->void_)
		say(answer, SCAN_VOID, "take it off and print a new one", "this label of %s counts no longer", serial);
	else if (found->scanned)
		say(answer, SCAN_DUPLICATE, "two units may carry one label, compare both",
		    "%s was scanned at %s already", serial, found->when);
	else
		say(answer, SCAN_RIGHT, "", "%s", serial);
}

/* The unit with that serial number, also as Caps Lock writes it. 0: there is none; -1: the record cannot be read. */
static int64_t find_serial(const struct book *book, const char *serial)
{
	char turned[SCAN_TEXT_MAX + 1];
	size_t len = strlen(serial);
	int64_t unit = find(book, "unit_by_serial", serial);

	return unit == 0 && len <= SCAN_TEXT_MAX && scan_caps_lock(serial, len, turned)
		       ? find(book, "unit_by_serial", turned)
		       : unit;
}

static void say_unknown(const struct book *book, const struct scan *scan, struct scan_answer *answer)
{
	if (find_serial(book, scan->text) > 0)
		say(answer, SCAN_UNKNOWN, "scan the other code",
		    "a serial number on record, and not the code that is scanned back");
	else if (!book->pins)
		say(answer, SCAN_UNKNOWN, "one with a PIN is recognised only with --keys DIR",
		    "no label on record says this");
	else
		say(answer, SCAN_UNKNOWN, "take it off and print the unit's own", "no label on record says this");
}

static int record_scan(struct book *book, int64_t batch, int64_t expected, const struct found *found,
		       const struct scan_answer *answer, int64_t at_us, char *error, size_t error_len)
{
	struct journal_record records[3];
	size_t count = 0;
	int rc;

	if (answer->verdict == SCAN_RIGHT &&
	    !found->sent) /* it is here, so it was sent: the station died before it could say so */
		records[count++] = (struct journal_record){ .kind = JOURNAL_LABEL_STATE,
							    .label_state = { .label = found->label,
									     .unit = found->unit,
									     .state = LABEL_SENT,
									     .actor = book->actor,
									     .at_us = at_us } };
	if (answer->verdict == SCAN_RIGHT)
		records[count++] = (struct journal_record){ .kind = JOURNAL_LABEL_STATE,
							    .label_state = { .label = found->label,
									     .unit = found->unit,
									     .state = LABEL_SCANNED,
									     .actor = book->actor,
									     .at_us = at_us } };
	records[count] = (struct journal_record){ .kind = JOURNAL_LABEL_SCAN,
						  .label_scan = { .scan = book->next_scan,
								  .batch = batch,
								  .expected = expected,
								  .unit = found->unit,
								  .label = found->label,
								  .verdict = scan_verdict_name(answer->verdict),
								  .actor = book->actor,
								  .at_us = at_us } };
	rc = book->put(book->put_ctx, records, count + 1, error, error_len);
	if (rc == 0)
		book->next_scan++;
	return rc;
}

int book_scan(struct book *book, const char *lot, const struct scan *scan, int64_t at_us, struct scan_answer *answer,
	      char *error, size_t error_len)
{
	int64_t batch = find(book, "lot_batch", lot), expected = 0;
	struct found found;
	int known;

	*answer = (struct scan_answer){ .verdict = SCAN_UNKNOWN };
	if (batch == 0) {
		snprintf(error, error_len, "the lot is not on record; millrace audit batch lists those that are");
		return -1;
	}
	if (*scan->expected) {
		expected = find_serial(book, scan->expected);
		if (expected == 0) {
			snprintf(error, error_len, "the unit in hand, %s, is not on record", scan->expected);
			return -1;
		}
	}
	known = batch < 0 || expected < 0 ? -1 : find_label(book, lot, scan, &found, answer);
	if (known < 0)
		return fail(book, error, error_len);
	answer->unit = found.unit;
	if (known)
		judge(&found, expected, scan, answer);
	else
		say_unknown(book, scan, answer);
	return record_scan(book, batch, expected, &found, answer, at_us, error, error_len);
}

int book_awaits(const struct book *book, const char *lot, const struct scan *scan, char *error, size_t error_len)
{
	struct scan_answer answer;
	struct found found;
	int known = find_label(book, lot, scan, &found, &answer);

	if (known < 0)
		return fail(book, error, error_len);
	return known && found.in_lot && found.passed && !found.void_ && !found.scanned;
}

int book_has_labels(const struct book *book, const char *lot, char *error, size_t error_len)
{
	int64_t label = find(book, "label_last", lot);

	return label < 0 ? fail(book, error, error_len) : label > 0;
}
