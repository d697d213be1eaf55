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

/* zero it to begin; layout is ours */
struct screen {
	pid_t pid;		 /* 0: none was opened */
	atomic_bool there, over; /* over: the run is */
	pthread_t waiter;
	struct termios before;
};

/* Before any other thread is started. False: there is none, go on without. */
bool screen_open(struct screen *screen, const char *socket);
bool screen_there(const struct screen *screen);
/* The run is over: waits until the person has seen it and leaves; `now`: without waiting for anybody. */
void screen_wait(struct screen *screen, bool now);
