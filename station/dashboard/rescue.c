#include "station/dashboard/rescue.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#define STATUS_STUCK 1
#define SIGNAL_STATUS 128 /* of a shell: this and the signal's number */

/* One screen per process, as with ncurses; handlers know nothing else. */
static struct {
	struct termios before;
	bool has_before;
	int fd;
	volatile sig_atomic_t told, burnt; /* the signal; seconds of CPU since the last turn */
} rescue = { .fd = -1 };

static void set(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigemptyset(&action.sa_mask);
	(void)sigaction(number, &action, NULL);
}

/* Nothing in here that is not async-signal-safe: the thread may be anywhere. */
static void leave(int status, const char *words)
{
	/* The terminal may take nothing at all: then this second alarm ends it, by the signal's own way. */
	set(SIGALRM, SIG_DFL, 0);
	(void)alarm(RESCUE_END_S);
	if (rescue.has_before)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &rescue.before);
	(void)!write(STDOUT_FILENO, RESCUE_GIVE_BACK, sizeof(RESCUE_GIVE_BACK) - 1);
	(void)!write(STDERR_FILENO, words, strlen(words));
	_exit(status);
}

static void on_told(int number)
{
	const uint64_t one = 1;
	int error = errno;

	rescue.told = number;
	(void)!write(rescue.fd, &one, sizeof(one));
	(void)alarm(RESCUE_END_S);
	errno = error;
}

static void on_alarm(int number)
{
	(void)number;
	leave(SIGNAL_STATUS + rescue.told, "millrace dashboard: told to end; the screen did not answer\r\n");
}

/* Another second of CPU. A signal that the loop should have read is waited for no longer. */
static void on_burnt(int number)
{
	sigset_t pending;

	(void)number;
	rescue.burnt = rescue.burnt + 1;
	if (rescue.burnt > 1 && sigpending(&pending) == 0 && sigismember(&pending, SIGINT) == 1)
		leave(SIGNAL_STATUS + SIGINT, "millrace dashboard: interrupted; the screen did not answer\r\n");
	if (rescue.burnt > RESCUE_CPU_S)
		leave(STATUS_STUCK, "millrace dashboard: the screen was stuck and has ended; the line goes on\r\n");
}

int rescue_begin(void)
{
	const struct itimerval second = { { 1, 0 }, { 1, 0 } };
	sigset_t ours;

	rescue.has_before = tcgetattr(STDIN_FILENO, &rescue.before) == 0;
	rescue.told = rescue.burnt = 0;
	rescue.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (rescue.fd < 0)
		return -1;
	set(SIGTERM, on_told, SA_RESTART);
	set(SIGHUP, on_told, SA_RESTART);
	/* Within itself, so that the second one is not held up by the first. */
	set(SIGALRM, on_alarm, SA_NODEFER);
	set(SIGPROF, on_burnt, SA_RESTART);
	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGALRM);
	sigaddset(&ours, SIGPROF);
	(void)pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
	(void)setitimer(ITIMER_PROF, &second, NULL);
	return rescue.fd;
}

void rescue_turn(void) { rescue.burnt = 0; }

void rescue_end(void)
{
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };

	if (rescue.fd < 0)
		return;
	(void)setitimer(ITIMER_PROF, &never, NULL);
	set(SIGPROF, SIG_IGN, 0);
	set(SIGTERM, SIG_DFL, 0);
	set(SIGHUP, SIG_DFL, 0);
	(void)alarm(0);
	close(rescue.fd);
	rescue.fd = -1;
}
