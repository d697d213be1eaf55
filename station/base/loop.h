/*
 * The event loop: the only source of time. Two clocks behind one interface:
 *   real     epoll, timerfd, signalfd; CLOCK_MONOTONIC
 *   virtual  jumps from deadline to deadline; file descriptors are not waited for, signals still arrive, and one
 *            descriptor may be attended: a person's, not the world's
 * Timers of equal time fire in the order in which they were armed, so a virtual run repeats to the byte.
 *
 *	loop_create -> { loop_at | loop_watch } -> loop_run -> loop_destroy
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_NEVER UINT64_MAX /* of a timer: not armed */

struct loop;

typedef void loop_timer_fn(void *ctx, uint64_t now_us);
typedef void loop_fd_fn(void *ctx, uint32_t epoll_events);
typedef void loop_signal_fn(void *ctx, int signal);

/*
 * In a simulation one thread is the station and the world around it; a timer runs on the side that armed it. What is
 * done for those who look on is metered apart; what they cause is the station's.
 */
enum loop_side { LOOP_STATION, LOOP_WORLD, LOOP_ONLOOKERS, LOOP_SIDES };

/* Placed by its owner inside a larger object; zero it, set fn and ctx. Layout is ours. */
struct loop_timer {
	loop_timer_fn *fn;
	void *ctx;
	uint64_t at_us; /* LOOP_NEVER: not armed */
	uint64_t order;
	size_t slot;  /* place in the heap plus one; 0: not armed */
	uint8_t side; /* who armed it: enum loop_side */
};

/* NULL: no memory or no epoll. The virtual clock starts at 0; utc_us is what loop_utc_us says at that moment. */
struct loop *loop_create_real(void);
struct loop *loop_create_virtual(uint64_t utc_us);
void loop_destroy(struct loop *loop);

bool loop_is_virtual(const struct loop *loop);
uint64_t loop_now_us(const struct loop *loop); /* microseconds since the loop was created */
uint64_t loop_utc_us(const struct loop *loop); /* microseconds since 1970, for the record only */

/* Arms (or moves) a timer; a time in the past fires at the next turn. LOOP_NEVER disarms. */
void loop_at(struct loop *loop, struct loop_timer *timer, uint64_t at_us);
void loop_cancel(struct loop *loop, struct loop_timer *timer);

/* Goes over to a side; gives the one that it was on, to go back to. */
enum loop_side loop_enter(struct loop *loop, enum loop_side side);
/* From now on the thread's CPU time is charged to the side that uses it: one system call per change of sides. */
void loop_meter(struct loop *loop);
uint64_t loop_cpu_ns(struct loop *loop, enum loop_side side); /* 0 without a meter */

/* Watches a descriptor (EPOLLIN, ...). Real clock only: a virtual loop returns -1. 0, or -1 with errno. */
int loop_watch(struct loop *loop, int fd, uint32_t epoll_events, loop_fd_fn *fn, void *ctx);
void loop_unwatch(struct loop *loop, int fd);

/*
 * The one descriptor that is served on both clocks: people and programs that look on (station/control). Real: watched
 * for EPOLLIN. Virtual: looked at between timers, a millisecond of real time apart; as long as its function arms no
 * timers the run repeats to the byte. 0, or -1 with errno (EBUSY: there is one).
 */
int loop_attend(struct loop *loop, int fd, loop_fd_fn *fn, void *ctx);
void loop_unattend(struct loop *loop);
/* Virtual: seconds of this clock per second of real time, so that a person can follow; 0 (at first): as fast as it
 * goes. */
void loop_pace(struct loop *loop, double factor);
/* Virtual: the clock does not move until this is taken back; only signals and the attended descriptor are served. */
void loop_hold(struct loop *loop, bool hold);

/*
 * What tells a program to come to its end: SIGINT, SIGTERM, SIGHUP and SIGPIPE. Of the last two only those that are not
 * ignored: nohup, and a run whose screen has the terminal. SIGPIPE comes from a write to standard output or a file of
 * ours: nothing else here may send one (MSG_NOSIGNAL).
 */
void loop_end_signals(sigset_t *set);
/* Blocks those and SIGWINCH in the calling thread and reports them from the loop, on both clocks. */
int loop_signals(struct loop *loop, loop_signal_fn *fn, void *ctx);

/* Called after each timer, for those who check what must hold between two events; it changes nothing. NULL: no more. */
void loop_each_turn(struct loop *loop, void (*fn)(void *ctx), void *ctx);

/* Runs until loop_stop, or (virtual clock) until no timer is armed. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
