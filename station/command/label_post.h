/*
 * Where labels are recorded: at a desk of our own, or through the station that holds the database at the moment.
 * Reading is ours in both cases. Nothing here keeps a PIN.
 */
#pragma once

#include "station/command/desk_keys.h"
#include "station/control/remote.h"
#include "station/label/book.h"

struct desk;

struct label_post_options {
	const char *db, *lot;
	const char *operator;	     /* who, at a desk; a station says who we are to it */
	const char *control, *badge; /* of the station; NULL: it is only asked when it holds the database; no badge */
	const struct identity *pins; /* NULL: PINs stay closed */
	const char *keys;	     /* as in desk_keys_open */
};

/* layout is ours; zero it first */
struct label_post {
	struct book book;  /* book.db is for reading */
	struct desk *desk; /* NULL: through the station */
	struct desk_keys keys;
	struct remote *station;
	sqlite3 *reader;
	struct label_post_options o; /* its texts are the caller's */
	bool told;		     /* the station, how the printer is */
	bool over;		     /* the station's run has ended, or the station is gone */
};

/* 0, or -1 with a sentence in `error`. label_post_close in both cases. */
int label_post_open(struct label_post *post, const struct label_post_options *options, char *error, size_t error_len);
void label_post_close(struct label_post *post);

/* As book_queue, book_went and book_scan; durable when they give 0. A label outlives the run in which it was begun. */
int label_post_queue(struct label_post *post, struct book_unit *unit, const struct book_order *order,
		     const uint8_t digest[static 32], char *error, size_t error_len);
int label_post_went(struct label_post *post, const struct book_unit *unit, enum journal_label_state state,
		    int64_t at_us, char *error, size_t error_len);
int label_post_scan(struct label_post *post, const struct scan *scan, int64_t at_us, struct scan_answer *answer,
		    char *error, size_t error_len);

/* The station's screens show how the printer is: ok, warn or bad, and a sentence. At a desk of our own nobody is told.
 */
void label_post_printer(struct label_post *post, const char *state, const char *text);

/* From now on the station says which units pass. 0, or -1 with a sentence. */
int label_post_follow(struct label_post *post, char *error, size_t error_len);
/*
 * Waits for `timeout_ms`, or until units pass if that is wanted, or until `stop_fd` is readable, or until the run is
 * over: then post->over says so.
 */
void label_post_wait(struct label_post *post, int timeout_ms, bool until_passed, int stop_fd);
/* The run is over: the rest is recorded at a desk, as soon as the station has closed the database. As label_post_open.
 */
int label_post_settle(struct label_post *post, char *error, size_t error_len);
