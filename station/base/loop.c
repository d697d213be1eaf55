#include "station/base/loop.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SIGNAL_POLL_EVENTS 256 /* virtual clock: look for signals once in this many timers */
#define ATTEND_EVENTS 16       /* virtual clock: look at the real one once in this many timers, */
#define ATTEND_US 1000	       /* and at the attended descriptor when this much of it has passed */
#define BEHIND_US 1000000      /* a paced clock that is further behind does not try to catch up */

struct watch {
	int fd; /* -1: free again; kept until the end, epoll may still name it in this turn */
	loop_fd_fn *fn;
	void *ctx;
	struct watch *next;
};

struct loop {
	bool is_virtual, stopped, metered;
	enum loop_side side;
	uint64_t cpu_ns[LOOP_SIDES], charged_ns;
	uint64_t now_us, utc_us, started_us, order;
	struct loop_timer **heap; /* 1-based: heap[0] unused, so that slot 0 can mean "not armed" */
	size_t count, room;
	int epoll_fd, timer_fd, signal_fd;
	void (*turn_fn)(void *ctx); /* NULL: none */
	void *turn_ctx;
	loop_signal_fn *signal_fn;
	void *signal_ctx;
	struct watch *watches;
	int attended_fd; /* -1: none */
	loop_fd_fn *attended_fn;
	void *attended_ctx;
	uint64_t attended_us; /* real time: when it was last looked at */
	double pace;
	bool held;
	uint64_t paced_from_us, paced_real_us; /* these two instants are one */
};

static uint64_t clock_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void put(struct loop *loop, size_t slot, struct loop_timer *timer)
{
	loop->heap[slot] = timer;
	timer->slot = slot;
}

static void sift(struct loop *loop, size_t slot)
{
	struct loop_timer *timer = loop->heap[slot];

	for (; slot > 1 && before(timer, loop->heap[slot / 2]); slot /= 2)
		put(loop, slot, loop->heap[slot / 2]);
	for (size_t child; (child = 2 * slot) <= loop->count; slot = child) {
		if (child < loop->count && before(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (!before(loop->heap[child], timer))
			break;
		put(loop, slot, loop->heap[child]);
	}
	put(loop, slot, timer);
}

struct loop *loop_create_virtual(uint64_t utc_us)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->is_virtual = true;
	loop->utc_us = utc_us;
	loop->epoll_fd = loop->timer_fd = loop->signal_fd = loop->attended_fd = -1;
	return loop;
}

struct loop *loop_create_real(void)
{
	struct loop *loop = loop_create_virtual(clock_us(CLOCK_REALTIME));

	if (!loop)
		return NULL;
	loop->is_virtual = false;
	loop->started_us = clock_us(CLOCK_MONOTONIC);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (loop->epoll_fd < 0 || loop->timer_fd < 0 || loop_watch(loop, loop->timer_fd, EPOLLIN, NULL, NULL) < 0) {
		loop_destroy(loop);
		return NULL;
	}
	return loop;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	for (struct watch *w = loop->watches, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop->heap);
	free(loop);
}

static uint64_t thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void charge(struct loop *loop)
{
	uint64_t now_ns = thread_ns();

	loop->cpu_ns[loop->side] += now_ns - loop->charged_ns;
	loop->charged_ns = now_ns;
}

enum loop_side loop_enter(struct loop *loop, enum loop_side side)
{
	enum loop_side before = loop->side;

	if (side != before && loop->metered)
		charge(loop);
	loop->side = side;
	return before;
}

void loop_meter(struct loop *loop)
{
	loop->metered = true;
	loop->charged_ns = thread_ns();
}

uint64_t loop_cpu_ns(struct loop *loop, enum loop_side side)
{
	if (loop->metered)
		charge(loop);
	return loop->cpu_ns[side];
}

bool loop_is_virtual(const struct loop *loop) { return loop->is_virtual; }
uint64_t loop_now_us(const struct loop *loop) { return loop->now_us; }
uint64_t loop_utc_us(const struct loop *loop) { return loop->utc_us + loop->now_us; }

void loop_cancel(struct loop *loop, struct loop_timer *timer)
{
	size_t slot = timer->slot;

	timer->at_us = LOOP_NEVER;
	if (slot == 0)
		return;
	assert(slot <= loop->count && loop->heap[slot] == timer);
	timer->slot = 0;
	if (slot < loop->count) {
		put(loop, slot, loop->heap[loop->count--]);
		sift(loop, slot);
	} else {
		loop->count--;
	}
}

void loop_at(struct loop *loop, struct loop_timer *timer, uint64_t at_us)
{
	assert(timer->fn);
	if (at_us == LOOP_NEVER) {
		loop_cancel(loop, timer);
		return;
	}
	if (timer->slot == 0) {
		if (loop->count + 1 >= loop->room) {
			size_t room = loop->room ? loop->room * 2 : 64;
			struct loop_timer **heap = realloc(loop->heap, room * sizeof(struct loop_timer *));

			if (!heap)
				abort(); /* without its timers the station cannot even stop in order */
			loop->heap = heap;
			loop->room = room;
		}
		put(loop, ++loop->count, timer);
	}
	/* One that is armed for the past, again and again, must not stay ahead of those that are due. */
	timer->at_us = at_us > loop->now_us ? at_us : loop->now_us;
	timer->order = ++loop->order;
	timer->side = (uint8_t)(loop->side == LOOP_ONLOOKERS ? LOOP_STATION : loop->side);
	sift(loop, timer->slot);
}

int loop_watch(struct loop *loop, int fd, uint32_t epoll_events, loop_fd_fn *fn, void *ctx)
{
	struct watch *w;

	if (loop->is_virtual) {
		errno = ENOTSUP;
		return -1;
	}
	for (w = loop->watches; w && w->fd != fd; w = w->next)
		;
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return -1;
		w->fd = -1; /* 0 is a descriptor too */
		w->next = loop->watches;
		loop->watches = w;
	}
	struct epoll_event event = { .events = epoll_events, .data.ptr = w };
	int op = w->fd == fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(loop->epoll_fd, op, fd, &event) < 0 && (op == EPOLL_CTL_MOD || errno != EEXIST)) {
		if (op == EPOLL_CTL_ADD)
			w->fd = -1;
		return -1;
	}
	w->fd = fd;
	w->fn = fn;
	w->ctx = ctx;
	return 0;
}

void loop_unwatch(struct loop *loop, int fd)
{
	for (struct watch *w = loop->watches; w; w = w->next)
		if (w->fd == fd) {
			(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
			w->fd = -1;
			w->fn = NULL;
		}
}

int loop_attend(struct loop *loop, int fd, loop_fd_fn *fn, void *ctx)
{
	if (loop->attended_fd >= 0) {
		errno = EBUSY;
		return -1;
	}
	if (!loop->is_virtual && loop_watch(loop, fd, EPOLLIN, fn, ctx) != 0)
		return -1;
	loop->attended_fd = fd;
	loop->attended_fn = fn;
	loop->attended_ctx = ctx;
	return 0;
}

void loop_unattend(struct loop *loop)
{
	if (!loop->is_virtual && loop->attended_fd >= 0)
		loop_unwatch(loop, loop->attended_fd);
	loop->attended_fd = -1;
}

static void repace(struct loop *loop)
{
	loop->paced_from_us = loop->now_us;
	loop->paced_real_us = clock_us(CLOCK_MONOTONIC);
}

void loop_pace(struct loop *loop, double factor)
{
	loop->pace = factor > 0 ? factor : 0;
	repace(loop);
}

void loop_hold(struct loop *loop, bool hold)
{
	if (loop->held && !hold)
		repace(loop);
	loop->held = hold;
}

static void read_signals(void *ctx, uint32_t events)
{
	struct loop *loop = ctx;
	struct signalfd_siginfo info;

	(void)events;
	while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		loop->signal_fn(loop->signal_ctx, (int)info.ssi_signo);
}

static bool is_ignored(int number)
{
	struct sigaction now;

	return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void loop_end_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	if (!is_ignored(SIGHUP))
		sigaddset(set, SIGHUP);
	if (!is_ignored(SIGPIPE))
		sigaddset(set, SIGPIPE);
}

int loop_signals(struct loop *loop, loop_signal_fn *fn, void *ctx)
{
	sigset_t set;

	loop_end_signals(&set);
	sigaddset(&set, SIGWINCH);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	loop->signal_fd = signalfd(loop->signal_fd, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (loop->signal_fd < 0)
		return -1;
	loop->signal_fn = fn;
	loop->signal_ctx = ctx;
	return loop->is_virtual ? 0 : loop_watch(loop, loop->signal_fd, EPOLLIN, read_signals, loop);
}

static bool fire_next(struct loop *loop)
{
	struct loop_timer *timer = loop->heap[1];

	loop_cancel(loop, timer);
	(void)loop_enter(loop, (enum loop_side)timer->side);
	timer->fn(timer->ctx, loop->now_us);
	if (loop->turn_fn)
		loop->turn_fn(loop->turn_ctx);
	return true;
}

/* Virtual clock: serves the attended descriptor and signals; waits for them up to timeout_us of real time, -1: for
 * ever. */
static void attend(struct loop *loop, int64_t timeout_us)
{
	struct pollfd fds[2] = { { .fd = loop->attended_fd, .events = POLLIN },
				 { .fd = loop->signal_fd, .events = POLLIN } };
	struct timespec timeout = { timeout_us / 1000000, timeout_us % 1000000 * 1000 };
	int n = ppoll(fds, 2, timeout_us < 0 ? NULL : &timeout, NULL);

	loop->attended_us = clock_us(CLOCK_MONOTONIC);
	if (n <= 0)
		return;
	(void)loop_enter(loop, LOOP_STATION);
	if (fds[1].revents)
		read_signals(loop, 0);
	if (fds[0].revents && loop->attended_fd >= 0 && !loop->stopped)
		loop->attended_fn(loop->attended_ctx, EPOLLIN);
}

/* Real time until the paced clock may show at_us; 0: now. */
static int64_t wait_us(struct loop *loop, uint64_t at_us)
{
	uint64_t real_us = clock_us(CLOCK_MONOTONIC), due_us;

	if (at_us < loop->paced_from_us)
		return 0;
	due_us = loop->paced_real_us + (uint64_t)((double)(at_us - loop->paced_from_us) / loop->pace);
	if (real_us > due_us + BEHIND_US)
		repace(loop);
	return due_us > real_us ? (int64_t)(due_us - real_us) : 0;
}

/* Before the next timer: clients that look on have a turn, and a paced or held clock waits. false: look again. */
static bool may_go_on(struct loop *loop, unsigned n)
{
	int64_t us;

	if (loop->held && (loop->attended_fd >= 0 || loop->signal_fd >= 0)) {
		attend(loop, -1);
		return false;
	}
	if (loop->pace > 0 && (us = wait_us(loop, loop->heap[1]->at_us)) > 0) {
		attend(loop, us);
		return false;
	}
	if (loop->attended_fd >= 0 && n % ATTEND_EVENTS == 0 &&
	    clock_us(CLOCK_MONOTONIC) >= loop->attended_us + ATTEND_US) {
		attend(loop, 0);
		return false;
	}
	return true;
}

static void run_virtual(struct loop *loop)
{
	repace(loop);
	for (unsigned n = 0; !loop->stopped && loop->count > 0; n++) {
		if (loop->signal_fd >= 0 && n % SIGNAL_POLL_EVENTS == 0) {
			read_signals(loop, 0);
			if (loop->stopped || loop->count == 0)
				break;
		}
		if (!may_go_on(loop, n))
			continue;
		if (loop->heap[1]->at_us > loop->now_us)
			loop->now_us = loop->heap[1]->at_us;
		fire_next(loop);
	}
}

static void update_now(struct loop *loop) { loop->now_us = clock_us(CLOCK_MONOTONIC) - loop->started_us; }

static void arm(struct loop *loop)
{
	struct itimerspec at = { 0 };
	uint64_t due_us;

	if (loop->count > 0) {
		due_us = loop->heap[1]->at_us + loop->started_us;
		at.it_value.tv_sec = (time_t)(due_us / 1000000u);
		at.it_value.tv_nsec = (long)(due_us % 1000000u * 1000u);
		if (due_us == 0)
			at.it_value.tv_nsec = 1;
	}
	(void)timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void run_real(struct loop *loop)
{
	struct epoll_event events[32];

	update_now(loop);
	while (!loop->stopped) {
		arm(loop);
		int n = epoll_wait(loop->epoll_fd, events, sizeof(events) / sizeof(events[0]), -1);

		update_now(loop);
		/* Only the timers due by now: one that arms itself again for "now" must not starve the descriptors. */
		for (uint64_t due = loop->now_us, last = loop->order;
		     !loop->stopped && loop->count > 0 && loop->heap[1]->at_us <= due && loop->heap[1]->order <= last;)
			fire_next(loop);
		for (int i = 0; i < n && !loop->stopped; i++) {
			struct watch *w = events[i].data.ptr;
			uint64_t expirations;

			if (w->fd == loop->timer_fd)
				(void)!read(loop->timer_fd, &expirations, sizeof(expirations));
			else if (w->fd >= 0 && w->fn)
				w->fn(w->ctx, events[i].events);
		}
	}
}

void loop_run(struct loop *loop)
{
	enum loop_side side = loop->side;

	loop->stopped = false;
	if (loop->is_virtual)
		run_virtual(loop);
	else
		run_real(loop);
	(void)loop_enter(loop, side);
}

void loop_each_turn(struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
	loop->turn_fn = fn;
	loop->turn_ctx = ctx;
}

void loop_stop(struct loop *loop) { loop->stopped = true; }
