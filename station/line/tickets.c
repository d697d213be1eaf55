#include "station/line/tickets.h"

#include <assert.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/wire/cause.h"
#include "db/check.h"

/* Chosen: virtual clock, a group commit at this pace; a disk's fsync takes 2 to 20 ms. */
#define COMMIT_US 5000u

static void go_on(struct tickets *t, uint64_t durable)
{
	while (t->first && t->first->number <= durable) {
		struct ticket *ticket = t->first;

		t->first = ticket->next;
		if (!t->first)
			t->tail = NULL;
		ticket->next = NULL;
		ticket->waiting = false;
		ticket->durable(ticket->ctx);
	}
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct tickets *t = ctx;
	const char *why;

	if (!loop_is_virtual(t->loop)) {
		go_on(t, journal_durable(t->journal));
		return;
	}
	/* Virtual time does not move while the disk works, so the order of events does not depend on the disk. */
	if (t->first && journal_wait(t->journal, t->last) != 0) {
		why = journal_failed(t->journal);
		t->failed(t->ctx, why ? why : "the journal has stopped", false);
		return;
	}
	go_on(t, t->last);
	if (t->first)
		loop_at(t->loop, &t->timer, now_us + COMMIT_US);
}

static void on_journal(void *ctx, uint32_t events)
{
	struct tickets *t = ctx;
	const char *why = journal_failed(t->journal);
	uint64_t n;

	(void)events;
	(void)!read(journal_fd(t->journal), &n, sizeof(n));
	go_on(t, journal_durable(t->journal));
	if (why)
		t->failed(t->ctx, why, false);
}

void tickets_init(struct tickets *t, struct loop *loop, struct journal *journal,
		  void (*failed)(void *ctx, const char *why, bool inside),
		  void (*refused)(void *ctx, const struct journal_record *record, const char *why), void *ctx)
{
	*t = (struct tickets){ .loop = loop, .journal = journal, .failed = failed, .refused = refused, .ctx = ctx };
	t->timer = (struct loop_timer){ .fn = on_timer, .ctx = t, .at_us = LOOP_NEVER };
}

void tickets_watch(struct tickets *t)
{
	if (!loop_is_virtual(t->loop))
		(void)loop_watch(t->loop, journal_fd(t->journal), EPOLLIN, on_journal, t);
}

void tickets_end(struct tickets *t)
{
	loop_cancel(t->loop, &t->timer);
	if (!loop_is_virtual(t->loop))
		loop_unwatch(t->loop, journal_fd(t->journal));
}

uint64_t tickets_try(struct tickets *t, const struct journal_record *record)
{
	uint64_t ticket = journal_submit(t->journal, record);

	if (ticket) {
		assert(ticket > t->last);
		t->last = ticket;
	}
	return ticket;
}

uint64_t tickets_submit(struct tickets *t, const struct journal_record *record)
{
	uint64_t ticket = tickets_try(t, record);
	const char *why;

	if (ticket)
		return ticket;
	why = journal_failed(t->journal) ? NULL : journal_check(record);
	if (why) {
		t->refused(t->ctx, record, why);
		return 0;
	}
	why = journal_failed(t->journal);
	t->failed(t->ctx, why ? why : mr_cause_remedy(MR_CAUSE_JOURNAL_UNAVAILABLE), true);
	return 0;
}

void tickets_hold(struct tickets *t) { journal_hold(t->journal); }
void tickets_release(struct tickets *t) { journal_release(t->journal); }

/*
 * Commits fall on multiples of COMMIT_US in virtual time: whoever comes in between shares the next one. In real time
 * the journal tells when it has written; nothing more comes from it for what it wrote before somebody waited.
 */
static void await_commit(struct tickets *t)
{
	uint64_t now_us = loop_now_us(t->loop);

	if (t->timer.slot != 0)
		return;
	if (loop_is_virtual(t->loop))
		loop_at(t->loop, &t->timer, (now_us / COMMIT_US + 2) * COMMIT_US);
	else if (journal_durable(t->journal) >= t->last)
		loop_at(t->loop, &t->timer, now_us);
}

void tickets_wait(struct tickets *t, struct ticket *ticket, void (*durable)(void *ctx), void *ctx)
{
	assert(!ticket->waiting && !ticket->next);
	assert(!t->tail || t->tail->number <= t->last);
	*ticket = (struct ticket){ .waiting = true, .number = t->last, .durable = durable, .ctx = ctx };
	if (t->tail)
		t->tail->next = ticket;
	else
		t->first = ticket;
	t->tail = ticket;
	await_commit(t);
}

void tickets_forget(struct tickets *t, struct ticket *ticket)
{
	struct ticket **at = &t->first, *before = NULL;

	while (*at && *at != ticket) {
		before = *at;
		at = &(*at)->next;
	}
	if (*at) {
		*at = ticket->next;
		if (t->tail == ticket)
			t->tail = before;
	}
	ticket->waiting = false;
	ticket->next = NULL;
}
