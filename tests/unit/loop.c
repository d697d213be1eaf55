/*
 * The event loop on both clocks: what fires, in which order, and what may be done from inside a callback.
 * Real time is used where the clock itself is the subject; nothing waits for a duration to be long enough.
 *
 * links: station/base/loop.c
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "station/base/loop.h"

#define UTC_US 1700000000000000u

/* A timer that notes itself in a list. */
struct note {
	struct loop_timer timer;
	struct loop *loop;
	char name;
	char **end; /* of the list of names; NULL: none is kept */
	uint64_t fired_us, again_us;
	unsigned times, stop_after;
	struct loop_timer *cancel;
};

static void on_note(void *ctx, uint64_t now_us)
{
	struct note *n = ctx;

	assert_int_equal(now_us, loop_now_us(n->loop));
	if (n->end)
		*(*n->end)++ = n->name;
	n->fired_us = now_us;
	n->times++;
	if (n->cancel)
		loop_cancel(n->loop, n->cancel);
	if (n->again_us != LOOP_NEVER)
		loop_at(n->loop, &n->timer, n->again_us);
	if (n->stop_after && n->times == n->stop_after)
		loop_stop(n->loop);
}

static struct note note(struct loop *loop, char name, char **end)
{
	return (struct note){
		.timer = { .fn = on_note }, .loop = loop, .name = name, .end = end, .again_us = LOOP_NEVER
	};
}

static void virtual_time_jumps_from_deadline_to_deadline(void **state)
{
	struct loop *loop = loop_create_virtual(UTC_US);
	char list[8] = "", *end = list;
	struct note a = note(loop, 'a', &end), b = note(loop, 'b', &end), c = note(loop, 'c', &end);

	(void)state;
	a.timer.ctx = &a;
	b.timer.ctx = &b;
	c.timer.ctx = &c;
	assert_true(loop_is_virtual(loop));
	assert_int_equal(loop_now_us(loop), 0);
	assert_int_equal(loop_utc_us(loop), UTC_US);
	loop_at(loop, &c.timer, 3600000000u);
	loop_at(loop, &a.timer, 7);
	loop_at(loop, &b.timer, 1000);
	loop_run(loop);
	assert_string_equal(list, "abc");
	assert_int_equal(a.fired_us, 7);
	assert_int_equal(b.fired_us, 1000);
	assert_int_equal(loop_now_us(loop), 3600000000u);
	assert_int_equal(loop_utc_us(loop), UTC_US + 3600000000u);
	loop_destroy(loop);
}

static void equal_times_fire_in_the_order_of_arming(void **state)
{
	struct loop *loop = loop_create_virtual(0);
	struct note n[26];
	char list[32] = "", *end = list, want[32] = "";

	(void)state;
	for (size_t i = 0; i < 26; i++) {
		n[i] = note(loop, (char)('a' + i), &end);
		n[i].timer.ctx = &n[i];
		loop_at(loop, &n[i].timer, 50);
	}
	loop_at(loop, &n[3].timer, 50); /* moved: it is the last one now */
	for (size_t i = 0, k = 0; i < 26; i++)
		if (i != 3)
			want[k++] = (char)('a' + i);
	want[25] = 'd';
	loop_run(loop);
	assert_string_equal(list, want);
	loop_destroy(loop);
}

/* Against a plain search for the smallest, over a thousand timers armed, moved and cancelled at random. */
static void the_heap_agrees_with_a_search(void **state)
{
	enum { COUNT = 1000 };
	struct loop *loop = loop_create_virtual(0);
	struct note *n = calloc(COUNT, sizeof(*n));
	uint64_t x = 0x9e3779b97f4a7c15u, last_us = 0, last_order = 0;
	unsigned armed = 0, fired = 0;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		n[i] = note(loop, 0, NULL);
		n[i].timer.ctx = &n[i];
		n[i].stop_after = 1;
	}
	for (size_t i = 0; i < 20 * COUNT; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		if (x % 5 == 0)
			loop_cancel(loop, &n[x / 8 % COUNT].timer);
		else
			loop_at(loop, &n[x / 8 % COUNT].timer, x >> 40 & 1023);
	}
	for (size_t i = 0; i < COUNT; i++)
		armed += n[i].timer.slot != 0;
	assert_true(armed > COUNT / 2 && armed < COUNT);
	for (; fired < armed; fired++) {
		struct note *want = NULL, *got = NULL;
		uint64_t order;

		for (size_t i = 0; i < COUNT; i++)
			if (n[i].timer.slot &&
			    (!want || n[i].timer.at_us < want->timer.at_us ||
			     (n[i].timer.at_us == want->timer.at_us && n[i].timer.order < want->timer.order)))
				want = &n[i];
		order = want->timer.order;
		loop_run(loop); /* each one stops the loop */
		for (size_t i = 0; i < COUNT; i++)
			if (n[i].times) {
				got = &n[i];
				got->times = 0;
			}
		assert_ptr_equal(got, want);
		assert_true(got->fired_us > last_us || (got->fired_us == last_us && order > last_order));
		last_us = got->fired_us;
		last_order = order;
	}
	loop_run(loop); /* nothing is left: it returns */
	free(n);
	loop_destroy(loop);
}

static void a_cancelled_timer_does_not_fire_even_when_it_is_due(void **state)
{
	struct loop *loop = loop_create_virtual(0);
	char list[8] = "", *end = list;
	struct note a = note(loop, 'a', &end), b = note(loop, 'b', &end), never = note(loop, 'n', &end);

	(void)state;
	a.timer.ctx = &a;
	b.timer.ctx = &b;
	never.timer.ctx = &never;
	a.cancel = &b.timer;
	loop_at(loop, &a.timer, 10);
	loop_at(loop, &b.timer, 10);
	loop_at(loop, &never.timer, 10);
	loop_at(loop, &never.timer, LOOP_NEVER);
	loop_cancel(loop, &never.timer); /* twice is harmless */
	loop_run(loop);
	assert_string_equal(list, "a");
	assert_int_equal(b.timer.slot, 0);
	loop_destroy(loop);
}

static void a_time_in_the_past_does_not_turn_the_clock_back(void **state)
{
	struct loop *loop = loop_create_virtual(0);
	struct note a = note(loop, 'a', NULL);

	(void)state;
	a.timer.ctx = &a;
	a.again_us = 3;
	a.stop_after = 2;
	loop_at(loop, &a.timer, 1000);
	loop_run(loop);
	assert_int_equal(a.times, 2);
	assert_int_equal(a.fired_us, 1000);
	loop_destroy(loop);
}

static void one_that_arms_itself_for_the_past_does_not_starve_the_others(void **state)
{
	struct loop *clocks[] = { loop_create_virtual(0), loop_create_real() };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct note greedy = note(clocks[i], 'g', NULL), other = note(clocks[i], 'o', NULL);

		greedy.timer.ctx = &greedy;
		other.timer.ctx = &other;
		greedy.again_us = 0;
		greedy.stop_after = 100000; /* a limit, or the test would not end */
		other.stop_after = 1;
		loop_at(clocks[i], &greedy.timer, 1000);
		loop_at(clocks[i], &other.timer, 1000);
		loop_run(clocks[i]);
		assert_int_equal(other.times, 1);
		loop_destroy(clocks[i]);
	}
}

static void a_timer_runs_on_the_side_that_armed_it(void **state)
{
	struct loop *loop = loop_create_virtual(0);
	struct note a = note(loop, 'a', NULL), b = note(loop, 'b', NULL);

	(void)state;
	a.timer.ctx = &a;
	b.timer.ctx = &b;
	a.stop_after = b.stop_after = 1;
	assert_int_equal(loop_enter(loop, LOOP_WORLD), LOOP_STATION);
	loop_at(loop, &a.timer, 1);
	assert_int_equal(loop_enter(loop, LOOP_STATION), LOOP_WORLD);
	loop_at(loop, &b.timer, 2);
	assert_int_equal(a.timer.side, LOOP_WORLD);
	assert_int_equal(b.timer.side, LOOP_STATION);
	loop_run(loop);
	assert_int_equal(loop_enter(loop, LOOP_STATION), LOOP_STATION); /* the caller's side is back */
	assert_int_equal(loop_cpu_ns(loop, LOOP_STATION), 0);		/* no meter, no charge */
	loop_destroy(loop);
}

static void on_signal(void *ctx, int signal)
{
	struct note *n = ctx;

	n->times = (unsigned)signal;
	loop_stop(n->loop);
}

static void signals_arrive_on_both_clocks(void **state)
{
	struct loop *clocks[] = { loop_create_virtual(0), loop_create_real() };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct note n = note(clocks[i], 's', NULL), idle = note(clocks[i], 'i', NULL);

		idle.timer.ctx = &idle;
		idle.again_us = 0; /* the virtual clock runs only while a timer is armed */
		idle.stop_after = 1000000;
		loop_at(clocks[i], &idle.timer, 0);
		assert_int_equal(loop_signals(clocks[i], on_signal, &n), 0);
		assert_int_equal(kill(getpid(), SIGTERM), 0);
		loop_run(clocks[i]);
		assert_int_equal(n.times, SIGTERM);
		loop_destroy(clocks[i]);
	}
}

static void on_each_signal(void *ctx, int signal)
{
	struct note *n = ctx;

	n->times |= 1u << (unsigned)signal;
}

/* A hang-up and a pipe without a reader are reported too, unless somebody has chosen to ignore them. */
static void what_is_ignored_stays_ignored(void **state)
{
	const unsigned two = 1u << SIGHUP | 1u << SIGPIPE, all = two | 1u << SIGTERM;

	(void)state;
	for (unsigned ignored = 0; ignored < 2; ignored++) {
		struct loop *loop = loop_create_virtual(0);
		struct note n = note(loop, 's', NULL), idle = note(loop, 'i', NULL);
		int pipes[2];

		signal(SIGHUP, ignored ? SIG_IGN : SIG_DFL);
		signal(SIGPIPE, ignored ? SIG_IGN : SIG_DFL);
		idle.timer.ctx = &idle;
		idle.again_us = 0;
		idle.stop_after = 2000;
		loop_at(loop, &idle.timer, 0);
		assert_int_equal(loop_signals(loop, on_each_signal, &n), 0);
		assert_int_equal(pipe(pipes), 0);
		close(pipes[0]);
		assert_int_equal(write(pipes[1], "x", 1), -1);
		close(pipes[1]);
		assert_int_equal(kill(getpid(), SIGHUP), 0);
		assert_int_equal(kill(getpid(), SIGTERM), 0);
		loop_run(loop);
		assert_int_equal(n.times, ignored ? all & ~two : all);
		loop_destroy(loop);
	}
}

/* --- the real clock --- */

static void the_real_clock_fires_no_timer_early(void **state)
{
	struct loop *loop = loop_create_real();
	struct note a = note(loop, 'a', NULL);
	struct timespec before, after;
	uint64_t utc_us = (uint64_t)time(NULL) * 1000000u;

	(void)state;
	assert_non_null(loop);
	assert_false(loop_is_virtual(loop));
	assert_true(loop_utc_us(loop) + 2000000u > utc_us && loop_utc_us(loop) < utc_us + 3000000u);
	a.timer.ctx = &a;
	a.stop_after = 1;
	clock_gettime(CLOCK_MONOTONIC, &before);
	loop_at(loop, &a.timer, loop_now_us(loop) + 20000);
	loop_run(loop);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(a.fired_us >= 20000);
	assert_true((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 19000000);
	loop_destroy(loop);
}

struct reader {
	struct loop *loop;
	int fd, other;
	unsigned calls;
	bool forget_other, stop;
	char last;
};

static void on_readable(void *ctx, uint32_t events)
{
	struct reader *r = ctx;

	assert_true(events & (EPOLLIN | EPOLLHUP));
	r->calls++;
	assert_int_equal(read(r->fd, &r->last, 1), 1);
	if (r->forget_other)
		loop_unwatch(r->loop, r->other);
	if (r->stop)
		loop_stop(r->loop);
}

static void a_descriptor_is_heard_until_it_is_unwatched(void **state)
{
	struct loop *loop = loop_create_real();
	struct reader r = { .loop = loop, .stop = true };
	struct note a = note(loop, 'a', NULL);
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	r.fd = ends[0];
	assert_int_equal(loop_watch(loop, ends[0], EPOLLIN, on_readable, &r), 0);
	assert_int_equal(loop_watch(loop, ends[0], EPOLLIN, on_readable, &r), 0); /* again: changes, not doubles */
	assert_int_equal(write(ends[1], "x", 1), 1);
	loop_run(loop);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.last, 'x');
	loop_unwatch(loop, ends[0]);
	assert_int_equal(write(ends[1], "y", 1), 1);
	a.timer.ctx = &a;
	a.stop_after = 1;
	loop_at(loop, &a.timer, loop_now_us(loop) + 1000);
	loop_run(loop);
	assert_int_equal(r.calls, 1);
	assert_int_equal(loop_watch(loop, ends[0], EPOLLIN, on_readable, &r), 0); /* and once more */
	loop_run(loop);
	assert_int_equal(r.last, 'y');
	assert_int_equal(loop_watch(loop, -1, EPOLLIN, on_readable, &r), -1);
	close(ends[0]);
	close(ends[1]);
	loop_destroy(loop);
}

static void one_callback_may_unwatch_the_other_in_the_same_turn(void **state)
{
	struct loop *loop = loop_create_real();
	struct reader r[2] = { { .loop = loop, .forget_other = true, .stop = true },
			       { .loop = loop, .forget_other = true, .stop = true } };
	int ends[2][2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pipe(ends[i]), 0);
		r[i].fd = ends[i][0];
		r[1 - i].other = ends[i][0];
		assert_int_equal(loop_watch(loop, ends[i][0], EPOLLIN, on_readable, &r[i]), 0);
		assert_int_equal(write(ends[i][1], "z", 1), 1);
	}
	loop_run(loop);
	assert_int_equal(r[0].calls + r[1].calls, 1);
	for (size_t i = 0; i < 2; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
	loop_destroy(loop);
}

static void standard_input_can_be_watched(void **state)
{
	struct loop *loop = loop_create_real();
	struct reader r = { .loop = loop, .stop = true };
	int ends[2], kept = dup(0);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], 0), 0);
	assert_int_equal(loop_watch(loop, 0, EPOLLIN, on_readable, &r), 0);
	assert_int_equal(write(ends[1], "k", 1), 1);
	loop_run(loop);
	assert_int_equal(r.last, 'k');
	loop_destroy(loop);
	if (kept >= 0) {
		assert_int_equal(dup2(kept, 0), 0);
		close(kept);
	} else {
		close(0);
	}
	close(ends[0]);
	close(ends[1]);
}

static void a_virtual_loop_watches_nothing(void **state)
{
	struct loop *loop = loop_create_virtual(0);
	struct reader r = { 0 };

	(void)state;
	assert_int_equal(loop_watch(loop, 0, EPOLLIN, on_readable, &r), -1);
	loop_unwatch(loop, 0);
	loop_destroy(loop);
	loop_destroy(NULL);
}

/* --- the descriptor of those who look on --- */

struct onlooker {
	struct loop *loop;
	int fd;
	unsigned times, release_at;
	uint64_t at_us;
};

static void on_attended(void *ctx, uint32_t events)
{
	struct onlooker *o = ctx;
	char octet;

	assert_int_equal(events & EPOLLIN, EPOLLIN);
	assert_int_equal(read(o->fd, &octet, 1), 1);
	o->times++;
	o->at_us = loop_now_us(o->loop);
	if (o->times == o->release_at)
		loop_hold(o->loop, false);
}

static void the_attended_descriptor_is_served_on_both_clocks(void **state)
{
	struct loop *clocks[] = { loop_create_virtual(0), loop_create_real() };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct note busy = note(clocks[i], 'b', NULL);
		struct onlooker o = { .loop = clocks[i] };
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		o.fd = ends[0];
		busy.timer.ctx = &busy;
		busy.again_us = 1;
		busy.stop_after = 20000;
		assert_int_equal(loop_attend(clocks[i], ends[0], on_attended, &o), 0);
		assert_int_equal(loop_attend(clocks[i], ends[0], on_attended, &o), -1);
		assert_int_equal(errno, EBUSY);
		assert_int_equal(write(ends[1], "x", 1), 1);
		loop_at(clocks[i], &busy.timer, 1);
		loop_run(clocks[i]);
		assert_int_equal(o.times, 1);
		loop_unattend(clocks[i]);
		assert_int_equal(write(ends[1], "x", 1), 1);
		busy.times = 0;
		busy.stop_after = 2000;
		loop_at(clocks[i], &busy.timer, 1);
		loop_run(clocks[i]);
		assert_int_equal(o.times, 1);
		close(ends[0]);
		close(ends[1]);
		loop_destroy(clocks[i]);
	}
}

/* The clock does not move while it is held, and goes on where it was. */
static void a_held_clock_stands_until_somebody_releases_it(void **state)
{
	struct loop *loop = loop_create_virtual(0);
	struct note a = note(loop, 'a', NULL);
	struct onlooker o = { .loop = loop };
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	o.fd = ends[0];
	a.timer.ctx = &a;
	a.stop_after = 1;
	assert_int_equal(loop_attend(loop, ends[0], on_attended, &o), 0);
	loop_at(loop, &a.timer, 5000000);
	loop_hold(loop, true);
	assert_int_equal(write(ends[1], "xx", 2), 2); /* the first leaves it held, the second does not */
	o.release_at = 2;
	loop_run(loop);
	assert_int_equal(o.times, 2);
	assert_int_equal(o.at_us, 0);
	assert_int_equal(a.times, 1);
	assert_int_equal(a.fired_us, 5000000);
	loop_destroy(loop);
	close(ends[0]);
	close(ends[1]);
}

static void a_paced_clock_takes_its_time(void **state)
{
	struct loop *loop = loop_create_virtual(0);
	struct note a = note(loop, 'a', NULL);
	struct timespec from, to;
	int64_t us;

	(void)state;
	a.timer.ctx = &a;
	a.stop_after = 1;
	loop_pace(loop, 4);
	loop_at(loop, &a.timer, 200000);
	clock_gettime(CLOCK_MONOTONIC, &from);
	loop_run(loop);
	clock_gettime(CLOCK_MONOTONIC, &to);
	us = (int64_t)(to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
	assert_int_equal(a.fired_us, 200000);
	assert_true(us >= 50000); /* 200 ms of its own at four times the speed */
	loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_attended_descriptor_is_served_on_both_clocks),
		cmocka_unit_test(a_held_clock_stands_until_somebody_releases_it),
		cmocka_unit_test(a_paced_clock_takes_its_time),
		cmocka_unit_test(virtual_time_jumps_from_deadline_to_deadline),
		cmocka_unit_test(equal_times_fire_in_the_order_of_arming),
		cmocka_unit_test(the_heap_agrees_with_a_search),
		cmocka_unit_test(a_cancelled_timer_does_not_fire_even_when_it_is_due),
		cmocka_unit_test(a_time_in_the_past_does_not_turn_the_clock_back),
		cmocka_unit_test(one_that_arms_itself_for_the_past_does_not_starve_the_others),
		cmocka_unit_test(a_timer_runs_on_the_side_that_armed_it),
		cmocka_unit_test(signals_arrive_on_both_clocks),
		cmocka_unit_test(what_is_ignored_stays_ignored),
		cmocka_unit_test(the_real_clock_fires_no_timer_early),
		cmocka_unit_test(a_descriptor_is_heard_until_it_is_unwatched),
		cmocka_unit_test(one_callback_may_unwatch_the_other_in_the_same_turn),
		cmocka_unit_test(standard_input_can_be_watched),
		cmocka_unit_test(a_virtual_loop_watches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
