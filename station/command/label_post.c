#include "station/command/label_post.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "db/offline.h"
#include "db/verify.h"
#include "station/control/request.h"

#define ANSWER_MS 30000 /* chosen: a disk that has not committed a label by then is broken */
#define FOLLOW_RATE 2	/* states a second */
#define SETTLE_MS 10000 /* until the station has closed the database */

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- the station --- */

/* Takes `request`. The answer's result, or NULL with a sentence: what it says, and the remedy. */
static json_t *ask(struct label_post *post, json_t *request, char *error, size_t error_len)
{
	json_t *answer = remote_ask(post->station, request, ANSWER_MS), *result;
	const json_t *why = json_object_get(answer, "error");
	const char *remedy = text_of(why, "remedy");

	if (json_is_true(json_object_get(answer, "ok"))) {
		result = json_incref(json_object_get(answer, "result"));
		json_decref(answer);
		return result;
	}
	if (answer)
		snprintf(error, error_len, "the station says: %s%s%s", text_of(why, "sentence"), *remedy ? "; " : "",
			 remedy);
	else
		snprintf(error, error_len, "the station is gone, or does not answer");
	if (!answer || strcmp(text_of(why, "name"), "no-run") == 0)
		post->over = true;
	json_decref(answer);
	return NULL;
}

static int done(json_t *result)
{
	json_decref(result);
	return result ? 0 : -1;
}

static int take_badge(struct label_post *post, const char *badge, char *error, size_t error_len)
{
	if (!badge)
		return 0;
	return done(ask(post, json_pack("{s:s, s:s}", "do", "badge", "badge", badge), error, error_len));
}

static int take_station(struct label_post *post, const struct label_post_options *o, char *error, size_t error_len)
{
	json_t *status;
	bool same;

	post->station = remote_open(o->control, error, error_len);
	if (!post->station || take_badge(post, o->badge, error, error_len) != 0)
		return -1;
	status = ask(post, json_pack("{s:s}", "do", "status"), error, error_len);
	if (!status)
		return -1;
	same = strcmp(text_of(json_object_get(status, "header"), "lot"), o->lot) == 0;
	json_decref(status);
	if (!same) {
		snprintf(error, error_len, "the station at that socket runs another lot, or none");
		return -1;
	}
	return reader_open(&post->reader, o->db, error, error_len);
}

/* --- a desk of our own --- */

static int put(void *ctx, const struct journal_record *records, size_t count, char *error, size_t error_len)
{
	return desk_put(ctx, records, count, error, error_len);
}

static int take_desk(struct label_post *post, const struct label_post_options *o, char *error, size_t error_len)
{
	char what[80];

	snprintf(what, sizeof(what), "labels of lot %.40s", o->lot);
	desk_keys_close(&post->keys);
	if (desk_keys_open(&post->keys, o->db, o->keys, error, error_len) != 0 ||
	    desk_open(&post->desk, &post->keys.options, what, error, error_len) != 0)
		return -1;
	post->book.put = put;
	post->book.put_ctx = post->desk;
	return 0;
}

int label_post_open(struct label_post *post, const struct label_post_options *o, char *error, size_t error_len)
{
	char unused[400];

	*post = (struct label_post){ .o = *o, .book = { .pins = o->pins, .actor = o->operator} };
	if (o->control) {
		if (take_station(post, o, error, error_len) != 0)
			return -1;
	} else if (take_desk(post, o, error, error_len) != 0 && take_station(post, o, unused, sizeof(unused)) != 0) {
		return -1; /* the trouble with the database is reported, not this one */
	}
	post->book.db = post->desk ? desk_db(post->desk) : post->reader;
	return book_init(&post->book, error, error_len);
}

void label_post_printer(struct label_post *post, const char *state, const char *text)
{
	char unused[400], words[200];
	json_t *o;

	if (!post->station || post->over)
		return;
	snprintf(words, sizeof(words), "%s", text);
	o = json_pack("{s:s, s:s, s:s}", "do", "printer", "state", state, "text", words);
	if (!o) /* an address that is no UTF-8, or was cut in the middle of a character */
		return;
	post->told = strcmp(state, "none") != 0;
	json_decref(ask(post, o, unused, sizeof(unused)));
}

void label_post_close(struct label_post *post)
{
	if (post->told)
		label_post_printer(post, "none", "");
	desk_close(post->desk);
	desk_keys_close(&post->keys);
	remote_close(post->station);
	sqlite3_close(post->reader);
	*post = (struct label_post){ 0 };
}

int label_post_settle(struct label_post *post, char *error, size_t error_len)
{
	int64_t end_ms = now_ms() + SETTLE_MS;
	struct label_post_options o = post->o;

	if (post->desk)
		return 0;
	o.control = NULL;
	do {
		label_post_close(post);
		*post = (struct label_post){ .o = o, .over = true, .book = { .pins = o.pins, .actor = o.operator} };
		if (take_desk(post, &o, error, error_len) == 0) {
			post->book.db = desk_db(post->desk);
			return book_init(&post->book, error, error_len);
		}
		(void)poll(NULL, 0, 50);
	} while (now_ms() < end_ms);
	return -1;
}

/* --- records --- */

/* The station has closed the database meanwhile: the same at a desk. What it may have recorded without saying so is
 * there to be seen. */
static bool at_desk(struct label_post *post, char *error, size_t error_len)
{
	return post->over && label_post_settle(post, error, error_len) == 0;
}

static int queue_there(struct label_post *post, struct book_unit *unit, const struct book_order *order,
		       const uint8_t digest[static 32], char *error, size_t error_len)
{
	char hex[65];
	json_t *o;

	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "do", "label", "lot", post->o.lot, "serial", unit->serial,
		      "template", order->template, "kind", order->kind, "digest", hex, "secret", order->secret);
	if (o && order->reason)
		(void)json_object_set_new(o, "reason", json_string(order->reason));
	o = ask(post, o, error, error_len);
	if (!o)
		return -1;
	unit->label = json_integer_value(json_object_get(o, "label"));
	unit->copies = (unsigned)json_integer_value(json_object_get(o, "copy"));
	return done(o);
}

static bool take_label(void *ctx, const struct book_unit *now)
{
	struct book_unit *unit = ctx;

	unit->label = now->label;
	unit->copies = now->copies;
	memcpy(unit->label_state, now->label_state, sizeof(unit->label_state));
	return true;
}

int label_post_queue(struct label_post *post, struct book_unit *unit, const struct book_order *order,
		     const uint8_t digest[static 32], char *error, size_t error_len)
{
	if (!post->desk) {
		if (queue_there(post, unit, order, digest, error, error_len) == 0)
			return 0;
		if (!at_desk(post, error, error_len) ||
		    book_units(&post->book, post->o.lot, order->template, unit->serial, take_label, unit, error,
			       error_len) != 1)
			return -1;
	}
	return book_queue(&post->book, unit, order, digest, error, error_len);
}

int label_post_went(struct label_post *post, const struct book_unit *unit, enum journal_label_state state,
		    int64_t at_us, char *error, size_t error_len)
{
	const char *name = state == LABEL_PRINTED ? "printed" : "sent";
	char now[12] = "";

	if (!post->desk) {
		if (done(ask(post,
			     json_pack("{s:s, s:I, s:s}", "do", "labelled", "label", (json_int_t)unit->label, "state",
				       name),
			     error, error_len)) == 0)
			return 0;
		if (!at_desk(post, error, error_len))
			return -1;
		if (book_label(&post->book, unit->label, now) > 0 && strcmp(now, name) == 0)
			return 0;
	}
	return book_went(&post->book, unit, state, at_us, error, error_len);
}

static void take_answer(const json_t *o, struct scan_answer *answer)
{
	*answer = (struct scan_answer){ .verdict = scan_verdict_of(text_of(o, "verdict")),
					.unit = json_integer_value(json_object_get(o, "unit")),
					.copy = (unsigned)json_integer_value(json_object_get(o, "copy")) };
	snprintf(answer->serial, sizeof(answer->serial), "%s", text_of(o, "serial"));
	snprintf(answer->template, sizeof(answer->template), "%s", text_of(o, "template"));
	snprintf(answer->sentence, sizeof(answer->sentence), "%s", text_of(o, "sentence"));
	snprintf(answer->remedy, sizeof(answer->remedy), "%s", text_of(o, "remedy"));
}

int label_post_scan(struct label_post *post, const struct scan *scan, int64_t at_us, struct scan_answer *answer,
		    char *error, size_t error_len)
{
	json_t *o;

	if (post->desk)
		return book_scan(&post->book, post->o.lot, scan, at_us, answer, error, error_len);
	o = json_pack("{s:s, s:s, s:s%, s:b}", "do", "scan", "lot", post->o.lot, "text", scan->text, scan->len,
		      "strict", 1);
	if (o && *scan->expected)
		(void)json_object_set_new(o, "serial", json_string(scan->expected));
	if (!o) {
		*answer = (struct scan_answer){ .verdict = SCAN_UNKNOWN };
		snprintf(answer->sentence, sizeof(answer->sentence), "no label says this: it is no UTF-8");
		return 0;
	}
	o = ask(post, o, error, error_len);
	if (!o)
		return -1;
	take_answer(o, answer);
	return done(o);
}

/* --- as units pass --- */

int label_post_follow(struct label_post *post, char *error, size_t error_len)
{
	if (!post->station) {
		snprintf(error, error_len, "no station has this lot in work: there is nothing to follow");
		return -1;
	}
	return done(ask(
		post,
		json_pack("{s:s, s:i, s:[s, s]}", "do", "subscribe", "rate", FOLLOW_RATE, "parts", "header", "units"),
		error, error_len));
}

/* Does this state line have a unit that passed? */
static bool passed(const json_t *state)
{
	const json_t *units = json_object_get(state, "units");

	for (size_t i = 0; i < json_array_size(units); i++)
		if (strcmp(text_of(json_array_get(units, i), "state"), "passed") == 0)
			return true;
	return false;
}

void label_post_wait(struct label_post *post, int timeout_ms, bool until_passed, int stop_fd)
{
	struct pollfd fds[2] = { { .fd = stop_fd, .events = POLLIN },
				 { .fd = remote_fd(post->station), .events = POLLIN } };
	int64_t end_ms = now_ms() + timeout_ms, left_ms = timeout_ms;
	bool enough = false;

	while (!enough && !post->over && left_ms >= 0) {
		json_t *o = remote_read(post->station, 0);
		const char *run = text_of(json_object_get(json_object_get(o, "header"), "run"), "state");

		if (!o && !remote_ended(post->station) && poll(fds, 2, (int)left_ms) > 0 && fds[0].revents)
			return;
		enough = until_passed && passed(o);
		post->over = (!o && remote_ended(post->station)) || strcmp(text_of(o, "type"), "bye") == 0 ||
			     strcmp(run, "ended") == 0 || strcmp(run, "idle") == 0;
		json_decref(o);
		left_ms = end_ms - now_ms();
	}
}
