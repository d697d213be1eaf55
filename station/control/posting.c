/*
 * Labels while a line runs. The record is read through a connection of its own, and written by the line's journal like
 * everything else; one request at a time, each reads what the one before wrote. A wrong scan raises a banner.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "db/verify.h"
#include "station/control/control_internal.h"
#include "station/label/book.h"

#define POSTS_MAX 64u /* requests that wait; chosen: one a printer, and scanners of a line */
#define DIGEST 32     /* octets of SHA-256 */

struct post {
	uint64_t client;
	char actor[LINE_ACTOR_MAX + 1];
	enum role role;
	struct request r;
	struct post *next;
};

struct posting {
	struct control *control;
	struct line *line;
	char *path, *lot;
	sqlite3 *db; /* opened for the first request of the run */
	struct book book;
	struct post *first, *last; /* the first is in work */
	size_t count;
	bool waits, sent; /* for what others have recorded; its records are on their way */
	bool ready;	  /* it has waited, and may read */
	/* What the one in work leads to, once it is on record. */
	json_t *result;
	struct scan_answer scan;
	bool scanned;
	struct book_unit unit;
	const char *happened, *sentence;
	int64_t about, in_hand; /* units; 0: none */
	struct refusal why;
};

static void next(struct posting *p);

static void drop_first(struct posting *p)
{
	struct post *post = p->first;

	p->first = post->next;
	if (!p->first)
		p->last = NULL;
	p->count--;
	request_free(&post->r);
	free(post);
}

/* The one in work is over: answered, and the next one begins. */
static void over(struct posting *p)
{
	struct client *client = control_client(p->control, p->first->client);

	if (client && p->why.name)
		client_refuse(client, p->first->r.id, &p->why);
	else if (client)
		client_grant(client, p->first->r.id, json_incref(p->result));
	if (!p->why.name && p->scanned && p->scan.verdict != SCAN_RIGHT)
		model_warn(p->control->model, "label", scan_verdict_name(p->scan.verdict), p->about, p->scan.sentence,
			   p->scan.remedy);
	json_decref(p->result);
	p->result = NULL;
	p->why = (struct refusal){ 0 };
	OPENSSL_cleanse(&p->unit, sizeof(p->unit));
	drop_first(p);
	control_turn(p->control);
}

static void on_record(void *ctx, int result)
{
	struct posting *p = ctx;

	p->sent = false;
	if (result != LINE_DONE)
		refuse(&p->why, "no-record", "free disk space or repair the database",
		       "the database does not take the record of it");
	over(p);
	next(p);
}

static int send_order(struct posting *p, const struct journal_record *records, size_t count, char *error,
		      size_t error_len)
{
	const struct line_order order = { .kind = LINE_ORDER_LABEL,
					  .unit = p->about,
					  .actor = p->first->actor,
					  .reason = p->sentence,
					  .records = records,
					  .record_count = count,
					  .happened = p->happened,
					  .done = on_record,
					  .ctx = p };
	const char *because;
	int result = line_order(p->line, &order);

	p->sent = result == LINE_DONE;
	if (p->sent)
		return 0;
	(void)line_order_check(p->line, &order, &because);
	snprintf(error, error_len, "%s", *because ? because : "the database does not take the record of it");
	return -1;
}

/* The book's: the line's journal takes them; on_record follows. */
static int put(void *ctx, const struct journal_record *records, size_t count, char *error, size_t error_len)
{
	struct posting *p = ctx;
	bool right = p->scan.verdict == SCAN_RIGHT;

	if (p->scanned) { /* about the unit in hand, when that was said */
		p->about = p->in_hand ? p->in_hand : p->scan.unit;
		p->happened = right ? "scanned" : scan_verdict_name(p->scan.verdict);
		p->sentence = right ? "" : p->scan.sentence;
	}
	return send_order(p, records, count, error, error_len);
}

static bool open_book(struct posting *p)
{
	char error[400] = "";

	if (!p->path)
		snprintf(error, sizeof(error), "this line keeps no record that could be looked up");
	else if (!p->db && reader_open(&p->db, p->path, error, sizeof(error)) == 0) {
		p->book.db = p->db;
		p->book.put = put;
		p->book.put_ctx = p;
		if (book_init(&p->book, error, sizeof(error)) != 0) {
			sqlite3_close(p->db);
			p->db = NULL;
		}
	}
	if (!p->db)
		refuse(&p->why, "no-record", "", "%s", error);
	return p->db != NULL;
}

/* --- a code that a scanner read --- */

/* No label, or one that has been scanned long ago: whose number is it? */
static void look_up(struct posting *p, const char *name)
{
	const struct unit *unit = model_by_name(p->control->model, name);

	if (unit)
		p->result = json_pack("{s:s, s:I}", "is", "unit", "unit", (json_int_t)line_unit_id(unit));
	else
		refuse(&p->why, "no-unit", "find lists what is there", "nobody of this lot has that number");
}

static void verdict(struct posting *p, const struct scan *scan)
{
	const struct scan_answer *a = &p->scan;

	p->result = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s}", "is", "label", "verdict",
			      scan_verdict_name(a->verdict), "serial", a->serial, "expected", scan->expected,
			      "template", a->template, "copy", (int)a->copy, "sentence", a->sentence, "remedy",
			      a->remedy);
	if (p->result && p->about)
		(void)json_object_set_new(p->result, "unit", json_integer(p->about));
}

/*
 * A text of several words, or of a standard, is the code of a label and nothing else. A bare serial number is one when
 * a label that says no more waits for its scan; else somebody looks for the unit.
 */
static bool is_label(struct posting *p, const struct scan *scan, bool strict)
{
	bool bare = !*scan->expected && (serial_is_valid(scan->text) || model_by_name(p->control->model, scan->text));
	char error[400] = "", word[SCAN_TEXT_MAX + 1];
	int yes = strict ? 1
		  : bare ? book_awaits(&p->book, p->lot, scan, error, sizeof(error))
			 : book_has_labels(&p->book, p->lot, error, sizeof(error));

	if (yes < 0)
		refuse(&p->why, "no-record", "", "%s", error);
	if (yes != 0)
		return yes > 0;
	snprintf(word, sizeof(word), "%.*s", bare ? (int)scan->len : (int)strcspn(scan->text, " ;,|"), scan->text);
	look_up(p, word);
	if (p->why.name && !bare)
		refuse(&p->why, "no-label", "millrace labels prints them and puts them on record",
		       "no label of this lot is on record");
	OPENSSL_cleanse(word, sizeof(word));
	return false;
}

static void scan(struct posting *p, const struct request *r, int64_t at_us)
{
	char error[400] = "";
	struct scan code;
	const char *wrong = scan_parse(r->text, strlen(r->text), &code);

	if (!wrong && r->serial)
		snprintf(code.expected, sizeof(code.expected), "%s", r->serial);
	if (wrong) {
		refuse(&p->why, "wrong-value", "scan again", "%s", wrong);
	} else if (is_label(p, &code, r->strict)) {
		const struct unit *unit = *code.expected ? model_by_name(p->control->model, code.expected) : NULL;

		p->scanned = true;
		p->in_hand = unit ? line_unit_id(unit) : 0;
		if (book_scan(&p->book, p->lot, &code, at_us, &p->scan, error, sizeof(error)) == 0)
			verdict(p, &code);
		else
			refuse(&p->why, "not-now", "", "%s", error);
	}
	OPENSSL_cleanse(&code, sizeof(code));
}

/* --- a label that is printed --- */

static bool take_unit(void *ctx, const struct book_unit *unit)
{
	struct posting *p = ctx;

	p->unit = *unit;
	return true;
}

static bool take_digest(const char *text, uint8_t digest[static DIGEST])
{
	size_t len = 0;

	return OPENSSL_hexstr2buf_ex(digest, DIGEST, &len, text, '\0') == 1 && len == DIGEST;
}

static void label(struct posting *p, const struct request *r, int64_t at_us)
{
	const struct book_order order = {
		.template = r->template, .kind = r->form, .secret = r->secret, .reason = r->reason, .at_us = at_us
	};
	uint8_t digest[DIGEST];
	char error[400] = "";
	long count;

	if (strcmp(r->form, "file") != 0 && strcmp(r->form, "print") != 0) {
		refuse(&p->why, "wrong-value", "", "\"kind\" is \"file\" or \"print\"");
		return;
	}
	if (!take_digest(r->digest, digest)) {
		refuse(&p->why, "wrong-value", "", "\"digest\" is 64 hexadecimal digits");
		return;
	}
	count = book_units(&p->book, p->lot, r->template, r->serial, take_unit, p, error, sizeof(error));
	if (count <= 0) {
		refuse(&p->why, count < 0 ? "no-record" : "no-unit", "", "%s",
		       count < 0 ? error : "no unit of this lot with that serial number has passed");
		return;
	}
	book_own_texts(&p->unit);
	p->about = p->unit.facts.unit;
	p->happened = "queued";
	if (book_queue(&p->book, &p->unit, &order, digest, error, sizeof(error)) != 0)
		refuse(&p->why, "not-now", "", "%s", error);
	else
		p->result = json_pack("{s:I, s:i}", "label", (json_int_t)p->unit.label, "copy", (int)p->unit.copies);
}

static void labelled(struct posting *p, const struct request *r, int64_t at_us)
{
	enum journal_label_state state = strcmp(r->state, "printed") == 0 ? LABEL_PRINTED : LABEL_SENT;
	char error[400] = "", now[12] = "";

	if (strcmp(r->state, "printed") != 0 && strcmp(r->state, "sent") != 0) {
		refuse(&p->why, "wrong-value", "", "\"state\" is \"sent\" or \"printed\"");
		return;
	}
	p->about = book_label(&p->book, r->number, now);
	if (p->about <= 0) {
		refuse(&p->why, "no-label", "", "there is no label %lld on record", (long long)r->number);
		return;
	}
	if (strcmp(now, state == LABEL_SENT ? "queued" : "sent") != 0) {
		refuse(&p->why, "not-now", "", "label %lld is %s: it cannot become %s", (long long)r->number, now,
		       r->state);
		return;
	}
	p->happened = state == LABEL_SENT ? "sent" : "printed";
	p->unit = (struct book_unit){ .label = r->number, .facts = { .unit = p->about } };
	if (book_went(&p->book, &p->unit, state, at_us, error, sizeof(error)) != 0)
		refuse(&p->why, "not-now", "", "%s", error);
	else
		p->result = json_pack("{s:i}", "done", 1);
}

/* --- one after the other --- */

static void begin(struct posting *p)
{
	const struct request *r = &p->first->r;
	struct line_view view;

	line_look(p->line, &view);
	p->scan = (struct scan_answer){ .verdict = SCAN_RIGHT };
	p->unit = (struct book_unit){ 0 };
	p->scanned = false;
	p->about = p->in_hand = 0;
	p->happened = p->sentence = "";
	if (r->lot && strcmp(r->lot, p->lot) != 0) {
		refuse(&p->why, "no-run", "labels of another lot wait until this run has ended",
		       "this station runs lot %s", p->lot);
		return;
	}
	if (view.run == LINE_RUN_ENDED)
		refuse(&p->why, "no-run", "millrace labels goes on at a desk", "the run has ended");
	if (p->why.name || !open_book(p))
		return;
	p->book.actor = p->first->actor;
	switch (r->kind) {
	case REQUEST_SCAN: scan(p, r, (int64_t)view.utc_us); break;
	case REQUEST_LABEL: label(p, r, (int64_t)view.utc_us); break;
	default: labelled(p, r, (int64_t)view.utc_us); break;
	}
}

static void on_durable(void *ctx, int result)
{
	struct posting *p = ctx;

	p->waits = false;
	p->ready = result == LINE_DONE;
	if (!p->ready) {
		refuse(&p->why, "no-record", "free disk space or repair the database", "the database takes no records");
		over(p);
	}
	next(p);
}

/* Units may have been taken back a moment ago, and the record that is read says so only when that is durable. */
static void next(struct posting *p)
{
	const struct line_order wait = { .kind = LINE_ORDER_WAIT, .actor = "station", .done = on_durable, .ctx = p };

	while (p->first && !p->sent && !p->waits) {
		if (!p->ready) {
			p->waits = line_order(p->line, &wait) == LINE_DONE;
			p->ready = !p->waits; /* no memory: then the writing fails too, and says so */
			continue;
		}
		p->ready = false;
		begin(p);
		if (!p->sent)
			over(p);
	}
	control_stand(p->control); /* a clock that has stopped must move for the record */
}

void posting_request(struct client *client, struct request *r)
{
	struct posting *p = client->control->posting;
	struct post *post = p->count < POSTS_MAX ? calloc(1, sizeof(*post)) : NULL;
	struct refusal why = { 0 };

	if (!post) {
		refuse(&why, "busy", "try again", "too many labels at the same time");
		client_refuse(client, r->id, &why);
		return;
	}
	post->client = client->number;
	memcpy(post->actor, client->actor, sizeof(post->actor));
	post->r = *r;
	*r = (struct request){ 0 };
	if (p->last)
		p->last->next = post;
	else
		p->first = post;
	p->last = post;
	p->count++;
	next(p);
}

struct posting *posting_open(struct control *c, const struct control_run *run)
{
	struct posting *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->control = c;
	p->line = run->line;
	p->book.pins = run->pins;
	p->path = run->record_path ? strdup(run->record_path) : NULL;
	p->lot = strdup(run->job->lot);
	if (p->lot && (p->path || !run->record_path))
		return p;
	posting_close(p);
	return NULL;
}

void posting_close(struct posting *p)
{
	if (!p)
		return;
	while (p->first)
		drop_first(p);
	json_decref(p->result);
	sqlite3_close(p->db);
	free(p->path);
	free(p->lot);
	free(p);
}
