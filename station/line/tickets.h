/*
 * What goes on record, and who waits for it. A record has a ticket; whoever may go on only when it is on the disk waits
 * in line, first come first, and is told in that order when the commit that holds it is durable.
 *
 *	tickets_init -> { tickets_submit -> tickets_wait -> durable() } ... -> tickets_end
 */
#pragma once

#include "db/journal.h"
#include "station/base/loop.h"

/* Placed by who waits, inside a larger object of its own; zero it. Layout is ours. */
struct ticket {
	bool waiting;
	uint64_t number;
	void (*durable)(void *ctx);
	void *ctx;
	struct ticket *next;
};

struct tickets {
	struct loop *loop;
	struct journal *journal;
	uint64_t last; /* the last one submitted */
	struct ticket *first, *tail;
	struct loop_timer timer;
	/* The journal has failed, in words. `inside`: it is noticed inside tickets_submit, by somebody who is at work.
	 */
	void (*failed)(void *ctx, const char *why, bool inside);
	/* The schema would refuse this record, in words: nothing was queued, and the journal goes on. */
	void (*refused)(void *ctx, const struct journal_record *record, const char *why);
	void *ctx;
};

void tickets_init(struct tickets *t, struct loop *loop, struct journal *journal,
		  void (*failed)(void *ctx, const char *why, bool inside),
		  void (*refused)(void *ctx, const struct journal_record *record, const char *why), void *ctx);
void tickets_watch(struct tickets *t); /* on real clocks: the journal tells when it has written */
void tickets_end(struct tickets *t);
/* Its ticket; 0: the journal does not take it, and refused() or failed() has been called. */
uint64_t tickets_submit(struct tickets *t, const struct journal_record *record);
/* Without a word to anybody when it fails: 0. */
uint64_t tickets_try(struct tickets *t, const struct journal_record *record);
/* What is submitted in between is on record all of it, or nothing. */
void tickets_hold(struct tickets *t);
void tickets_release(struct tickets *t);
/* `ticket->durable` is called when everything submitted so far is on the disk, from the loop. Not waiting yet. */
void tickets_wait(struct tickets *t, struct ticket *ticket, void (*durable)(void *ctx), void *ctx);
void tickets_forget(struct tickets *t, struct ticket *ticket); /* it waits no longer; it may not have waited */
