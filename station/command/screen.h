/*
 * The dashboard that `millrace run` opens: a child on the same terminal, a client of our control socket like any other. While
 * it is there we write nothing to the terminal; when it has gone, however it went, the terminal is ours again.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

struct screen {			/* zero it to begin; layout is ours */
	pid_t pid;		/* 0: none */
	struct termios before;
};

/* Before any thread is started. False: there is none, go on without. */
bool screen_open(struct screen *screen, const char *socket);
/* Is it still there? One system call. */
bool screen_there(struct screen *screen);
/* The run is over: waits until the person has seen it and leaves; `now`: without waiting for anybody. */
void screen_wait(struct screen *screen, bool now);
