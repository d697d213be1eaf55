/*
 * Who waits for the record goes on when it is on the disk, in order, and not a moment before; on both clocks, and when
 * the journal fails. The journal is this file's own, and says what it is told to.
 *
 * links: station/line/tickets.c station/base/loop.c agent/wire/cause.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/wire/cause.h"
#include "db/check.h"
#include "station/line/tickets.h"

struct journal {
	uint64_t last, durable, waited_for;
	unsigned waits;
	int fd;
	bool takes_none, held;
	const char *failed, *refuses;
};

uint64_t journal_submit(struct journal *j, const struct journal_record *record)
{
	(void)record;
	return j->takes_none || j->failed || j->refuses ? 0 : ++j->last;
}

void journal_hold(struct journal *j) { j->held = true; }
void journal_release(struct journal *j) { j->held = false; }
uint64_t journal_durable(const struct journal *j) { return j->durable; }
int journal_fd(const struct journal *j) { return j->fd; }
const char *journal_failed(const struct journal *j) { return j->failed; }
const char *journal_check(const struct journal_record *record)
{
	return ((const struct journal *)record->unit.product)->refuses;
}

int journal_wait(struct journal *j, uint64_t ticket)
{
	j->waits++;
	j->waited_for = ticket;
	if (!j->failed)
		j->durable = ticket;
	return j->failed ? -1 : 0;
}

/* --- a loop, its tickets, and what happened --- */

struct scene {
	struct journal journal;
	struct journal_record record;
	struct loop *loop;
	struct tickets tickets;
	char log[200];
	uint64_t at_us[8];
	size_t count;
	unsigned failed, refused;
	bool inside;
	char why[200];
	const struct journal_record *refused_record;
};

struct waiter {
	struct ticket ticket;
	struct scene *scene;
	char name;
	struct waiter *forgets, *again;
	bool submits;
};

static void on_failed(void *ctx, const char *why, bool inside)
{
	struct scene *t = ctx;

	t->failed++;
	t->inside = inside;
	snprintf(t->why, sizeof(t->why), "%s", why);
	if (!inside)
		loop_stop(t->loop);
}

static void on_refused(void *ctx, const struct journal_record *record, const char *why)
{
	struct scene *t = ctx;

	t->refused++;
	t->refused_record = record;
	snprintf(t->why, sizeof(t->why), "%s", why);
}

static void set(struct scene *t, bool real)
{
	*t = (struct scene){ 0 };
	t->journal.fd = eventfd(0, EFD_NONBLOCK);
	assert_true(t->journal.fd >= 0);
	t->record.unit.product = (const char *)&t->journal;
	t->loop = real ? loop_create_real() : loop_create_virtual(0);
	assert_non_null(t->loop);
	tickets_init(&t->tickets, t->loop, &t->journal, on_failed, on_refused, t);
	tickets_watch(&t->tickets);
}

static void clear(struct scene *t)
{
	tickets_end(&t->tickets);
	loop_run(t->loop); /* nothing of it is armed any more: a virtual loop ends at once */
	loop_destroy(t->loop);
	close(t->journal.fd);
}

static void clear_real(struct scene *t)
{
	tickets_end(&t->tickets);
	loop_destroy(t->loop);
	close(t->journal.fd);
}

static void on_durable(void *ctx)
{
	struct waiter *w = ctx;
	struct scene *t = w->scene;

	assert_false(w->ticket.waiting);
	t->at_us[t->count++] = loop_now_us(t->loop);
	t->log[strlen(t->log)] = w->name;
	if (w->forgets)
		tickets_forget(&t->tickets, &w->forgets->ticket);
	if (w->submits)
		assert_true(tickets_submit(&t->tickets, &t->record) > 0);
	if (w->again)
		tickets_wait(&t->tickets, &w->again->ticket, on_durable, w->again);
	if (!loop_is_virtual(t->loop) && !t->tickets.first)
		loop_stop(t->loop);
}

static void submit_and_wait(struct scene *t, struct waiter *w, char name)
{
	uint64_t number = tickets_submit(&t->tickets, &t->record);

	w->scene = t;
	w->name = name;
	assert_true(number > 0);
	assert_int_equal(number, t->journal.last);
	tickets_wait(&t->tickets, &w->ticket, on_durable, w);
	assert_true(w->ticket.waiting);
	assert_int_equal(w->ticket.number, t->journal.last);
}

/* --- the virtual clock --- */

static void who_waits_is_told_in_order_at_the_next_but_one_commit(void **state)
{
	struct waiter a = { 0 }, b = { 0 }, c = { 0 };
	struct scene t;

	(void)state;
	set(&t, false);
	submit_and_wait(&t, &a, 'a');
	submit_and_wait(&t, &b, 'b');
	submit_and_wait(&t, &c, 'c');
	loop_run(t.loop);
	assert_string_equal(t.log, "abc");
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(t.at_us[i], 10000);
	assert_int_equal(t.journal.waits, 1);
	assert_int_equal(t.journal.waited_for, 3);
	assert_null(t.tickets.first);
	assert_null(t.tickets.tail);
	clear(&t);
}

static void who_comes_while_others_are_told_waits_for_the_next_commit(void **state)
{
	struct waiter a = { 0 }, b = { 0 }, c = { 0 };
	struct scene t;

	(void)state;
	set(&t, false);
	c.scene = &t;
	c.name = 'c';
	a.submits = true;
	a.again = &c;
	submit_and_wait(&t, &a, 'a');
	submit_and_wait(&t, &b, 'b');
	loop_run(t.loop);
	assert_string_equal(t.log, "abc");
	assert_int_equal(t.at_us[1], 10000);
	assert_true(t.at_us[2] >= 10000);
	assert_int_equal(t.journal.durable, 3);
	clear(&t);
}

static void a_commit_falls_on_a_multiple_of_its_pace(void **state)
{
	struct waiter a = { 0 };
	struct scene t;

	(void)state;
	set(&t, false);
	submit_and_wait(&t, &a, 'a');
	loop_run(t.loop);
	assert_int_equal(t.at_us[0] % 5000, 0);
	submit_and_wait(&t, &a, 'a'); /* the same, once more, at 10 ms */
	loop_run(t.loop);
	assert_int_equal(t.at_us[1], 20000);
	clear(&t);
}

static void who_is_forgotten_is_not_told(void **state)
{
	/* Each of three, and each pair: the list has a first, a middle and a tail. */
	for (unsigned mask = 0; mask < 8; mask++) {
		struct waiter w[3] = { 0 }, last = { 0 };
		char want[8] = "";
		struct scene t;

		(void)state;
		set(&t, false);
		for (size_t i = 0; i < 3; i++)
			submit_and_wait(&t, &w[i], (char)('a' + i));
		for (size_t i = 0; i < 3; i++)
			if (mask & 1u << i) {
				tickets_forget(&t.tickets, &w[i].ticket);
				assert_false(w[i].ticket.waiting);
				assert_null(w[i].ticket.next);
				tickets_forget(&t.tickets, &w[i].ticket); /* it may not have waited */
			} else {
				want[strlen(want)] = (char)('a' + i);
			}
		submit_and_wait(&t, &last, 'z');
		want[strlen(want)] = 'z';
		loop_run(t.loop);
		assert_string_equal(t.log, want);
		assert_null(t.tickets.tail);
		clear(&t);
	}
}

/* The session that is told ends another one that waits for the same commit. */
static void one_that_is_told_may_forget_the_next(void **state)
{
	struct waiter a = { 0 }, b = { 0 }, c = { 0 };
	struct scene t;

	(void)state;
	set(&t, false);
	a.forgets = &b;
	submit_and_wait(&t, &a, 'a');
	submit_and_wait(&t, &b, 'b');
	submit_and_wait(&t, &c, 'c');
	loop_run(t.loop);
	assert_string_equal(t.log, "ac");
	clear(&t);
}

static void a_journal_that_fails_is_told_and_nobody_goes_on(void **state)
{
	struct waiter a = { 0 };
	struct scene t;

	(void)state;
	set(&t, false);
	submit_and_wait(&t, &a, 'a');
	t.journal.failed = "the disk is full; free some";
	loop_run(t.loop);
	assert_string_equal(t.log, "");
	assert_int_equal(t.failed, 1);
	assert_false(t.inside);
	assert_string_equal(t.why, "the disk is full; free some");
	assert_int_equal(tickets_submit(&t.tickets, &t.record), 0);
	assert_int_equal(t.failed, 2);
	assert_true(t.inside);
	assert_int_equal(t.refused, 0);
	assert_int_equal(tickets_try(&t.tickets, &t.record), 0);
	assert_int_equal(t.failed, 2);
	tickets_forget(&t.tickets, &a.ticket);
	clear(&t);
}

static void a_record_that_is_refused_stops_nobody(void **state)
{
	struct waiter a = { 0 };
	struct scene t;

	(void)state;
	set(&t, false);
	t.journal.refuses = "a device id of zeros";
	assert_int_equal(tickets_submit(&t.tickets, &t.record), 0);
	assert_int_equal(t.refused, 1);
	assert_ptr_equal(t.refused_record, &t.record);
	assert_string_equal(t.why, "a device id of zeros");
	assert_int_equal(t.failed, 0);
	t.journal.refuses = NULL;
	submit_and_wait(&t, &a, 'a');
	loop_run(t.loop);
	assert_string_equal(t.log, "a");
	/* Neither failed nor refused: no memory is left, and the remedy of the cause is told. */
	t.journal.takes_none = true;
	assert_int_equal(tickets_submit(&t.tickets, &t.record), 0);
	assert_int_equal(t.refused, 1);
	assert_int_equal(t.failed, 1);
	assert_true(t.inside);
	assert_string_equal(t.why, mr_cause_remedy(MR_CAUSE_JOURNAL_UNAVAILABLE));
	clear(&t);
}

/* --- the real clock --- */

static void tell(struct scene *t, uint64_t durable)
{
	t->journal.durable = durable;
	assert_int_equal(eventfd_write(t->journal.fd, 1), 0);
}

static void on_real_clocks_the_journal_tells_how_far_it_is(void **state)
{
	struct waiter a = { 0 }, b = { 0 };
	struct scene t;
	eventfd_t n;

	(void)state;
	set(&t, true);
	submit_and_wait(&t, &a, 'a');
	submit_and_wait(&t, &b, 'b');
	a.forgets = &b;
	tell(&t, 1);
	loop_run(t.loop);
	assert_string_equal(t.log, "a");
	assert_int_equal(eventfd_read(t.journal.fd, &n), -1); /* it was read, else the loop would turn for ever */
	submit_and_wait(&t, &a, 'a');
	assert_int_equal(a.ticket.number, 3);
	a.forgets = NULL;
	tell(&t, 3);
	loop_run(t.loop);
	assert_string_equal(t.log, "aa");
	assert_int_equal(t.journal.waits, 0); /* nobody blocks where a device waits */
	clear_real(&t);
}

/* Nothing more comes from the journal for what it wrote before somebody waited. */
static void on_real_clocks_what_is_durable_already_is_not_waited_for(void **state)
{
	struct waiter a = { 0 };
	struct scene t;

	(void)state;
	set(&t, true);
	assert_int_equal(tickets_submit(&t.tickets, &t.record), 1);
	t.journal.durable = 1;
	a.scene = &t;
	a.name = 'a';
	tickets_wait(&t.tickets, &a.ticket, on_durable, &a);
	assert_string_equal(t.log, ""); /* from the loop, not from here */
	loop_run(t.loop);
	assert_string_equal(t.log, "a");
	clear_real(&t);
}

static void on_real_clocks_a_failure_is_told_too(void **state)
{
	struct waiter a = { 0 }, b = { 0 };
	struct scene t;

	(void)state;
	set(&t, true);
	submit_and_wait(&t, &a, 'a');
	submit_and_wait(&t, &b, 'b');
	t.journal.failed = "the disk is gone";
	tell(&t, 1);
	loop_run(t.loop);
	assert_string_equal(t.log, "a"); /* what is durable is durable */
	assert_int_equal(t.failed, 1);
	assert_false(t.inside);
	assert_string_equal(t.why, "the disk is gone");
	tickets_forget(&t.tickets, &b.ticket);
	clear_real(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_is_told_in_order_at_the_next_but_one_commit),
		cmocka_unit_test(who_comes_while_others_are_told_waits_for_the_next_commit),
		cmocka_unit_test(a_commit_falls_on_a_multiple_of_its_pace),
		cmocka_unit_test(who_is_forgotten_is_not_told),
		cmocka_unit_test(one_that_is_told_may_forget_the_next),
		cmocka_unit_test(a_journal_that_fails_is_told_and_nobody_goes_on),
		cmocka_unit_test(a_record_that_is_refused_stops_nobody),
		cmocka_unit_test(on_real_clocks_the_journal_tells_how_far_it_is),
		cmocka_unit_test(on_real_clocks_what_is_durable_already_is_not_waited_for),
		cmocka_unit_test(on_real_clocks_a_failure_is_told_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
