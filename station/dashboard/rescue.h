/*
 * What a screen can still do when it no longer comes back to its loop: give the terminal back and end. SIGTERM and
 * SIGHUP are taken by a handler, which asks the loop first and waits RESCUE_END_S seconds for it; a screen that burns
 * RESCUE_CPU_S seconds of CPU without one turn of its loop ends by itself, so that whoever waits for it goes on.
 */
#pragma once

#define RESCUE_END_S 2
#define RESCUE_CPU_S 5

/* Leaves the other screen, the mouse, bracketed paste and hidden cursors: what a killed screen could not do. */
#define RESCUE_GIVE_BACK "\033[?1049l\033[?1000l\033[?1006l\033[?2004l\033[?25h\033[0m\r\n"

/*
 * Once per process, before the terminal is taken: it is given back as it is now. After loop_signals, which blocks
 * SIGTERM: here it comes through again. A descriptor that becomes readable when the screen is told to end, to be
 * watched for EPOLLIN; -1: there is none, errno says why, and nothing was changed.
 */
int rescue_begin(void);
/* At each turn of the loop, whatever it was for. */
void rescue_turn(void);
/* After the terminal was given back. */
void rescue_end(void);
