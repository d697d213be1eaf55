#include "station/command/screen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Leaves the other screen, the mouse and hidden cursors: what a killed dashboard could not do. */
#define GIVE_BACK "\033[?1049l\033[?1000l\033[?1006l\033[?25h\033[0m\r\n"

static void *wait_for_it(void *ctx)
{
	struct screen *s = ctx;
	int status = 0;

	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status)) {
		tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
		fputs(GIVE_BACK, stdout);
	}
	if (!atomic_load(&s->over))
		fputs("the dashboard is closed; the line goes on, and millrace dashboard opens another one\n", stdout);
	fflush(stdout);
	atomic_store(&s->there, false);
	return NULL;
}

/* The thread has no signals: Ctrl-C is for the loop. */
static bool start_waiter(struct screen *s)
{
	sigset_t all, before;
	bool ok;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ok = pthread_create(&s->waiter, NULL, wait_for_it, s) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

bool screen_open(struct screen *s, const char *socket)
{
	char self[] = "/proc/self/exe", name[] = "millrace", command[] = "dashboard", of_run[] = "--of-run",
	     control[] = "--control";
	char path[160];
	char *argv[] = { name, command, of_run, control, path, NULL };

	s->pid = 0;
	if (strlen(socket) >= sizeof(path) || tcgetattr(STDIN_FILENO, &s->before) != 0)
		return false;
	memcpy(path, socket, strlen(socket) + 1);
	fflush(stdout);
	s->pid = fork();
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execv(self, argv);
		_exit(127);
	}
	if (s->pid < 0) {
		s->pid = 0;
		return false;
	}
	atomic_store(&s->there, true);
	if (!start_waiter(s)) {
		kill(s->pid, SIGTERM);
		waitpid(s->pid, NULL, 0);
		s->pid = 0;
		atomic_store(&s->there, false);
		return false;
	}
	signal(SIGHUP, SIG_IGN); /* a terminal that is closed takes the screen away, not the line */
	return true;
}

bool screen_there(const struct screen *s) { return atomic_load(&s->there); }

void screen_wait(struct screen *s, bool now)
{
	if (s->pid <= 0)
		return;
	atomic_store(&s->over, true);
	if (now && screen_there(s))
		kill(s->pid, SIGTERM);
	pthread_join(s->waiter, NULL);
	s->pid = 0;
}
