/*
 * The dashboard that `millrace run` opens: a child on the same terminal, a client of our control socket like any other.
 * While it is there we write nothing to the terminal; when it has ended, by whichever way, the terminal is ours again.
 * A thread waits for it and does nothing else: no signal of a child's end reaches the threads of the line.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

/* After the run: so long its last state stays for a person to see; the summary is printed behind it in any case. */
#define SCREEN_SEEN_MS 3600000
/* Told to end, the screen has so long (it gives the terminal back by itself after RESCUE_END_S); then it is killed. */
#define SCREEN_END_MS 4000

/* zero it to begin; layout is ours */
struct screen {
	pid_t pid;		 /* 0: none was opened */
	int gone_fd;		 /* an eventfd: readable when it has gone */
	atomic_bool there, over; /* over: the run is */
	pthread_t waiter;
	struct termios before;
};

/* Before any other thread is started. `settings`: its own, as ours was named; NULL: the usual. False: there is none, go
 * on without. */
bool screen_open(struct screen *screen, const char *socket, const char *settings);
bool screen_there(const struct screen *screen);
/*
 * The run is over: waits until the person has seen it and leaves, and never without end: SCREEN_SEEN_MS, or SIGINT,
 * SIGTERM or SIGHUP, and the screen is told to end, and killed when it does not. `now`: without waiting for anybody.
 * The three signals are taken here and mean no more than that.
 */
void screen_wait(struct screen *screen, bool now);
