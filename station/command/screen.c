#include "station/command/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "station/dashboard/rescue.h"

static void *wait_for_it(void *ctx)
{
	const uint64_t one = 1;
	struct screen *s = ctx;
	int status = 0;

	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status)) {
		tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
		fputs(RESCUE_GIVE_BACK, stdout);
	}
	if (!atomic_load(&s->over))
		fputs("the dashboard is closed; the line goes on, and millrace dashboard opens another one\n", stdout);
	fflush(stdout);
	atomic_store(&s->there, false);
	(void)!write(s->gone_fd, &one, sizeof(one));
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

bool screen_open(struct screen *s, const char *socket, const char *settings)
{
	char self[] = "/proc/self/exe", name[] = "millrace", command[] = "dashboard", of_run[] = "--of-run",
	     control[] = "--control", with[] = "--settings";
	char path[160], *named = settings ? strdup(settings) : NULL;
	char *argv[] = { name, command, of_run, control, path, named ? with : NULL, named, NULL };

	s->pid = 0;
	s->gone_fd = -1;
	if (strlen(socket) < sizeof(path) && tcgetattr(STDIN_FILENO, &s->before) == 0)
		s->gone_fd = eventfd(0, EFD_CLOEXEC);
	if (s->gone_fd < 0) {
		free(named);
		return false;
	}
	memcpy(path, socket, strlen(socket) + 1);
	fflush(stdout);
	s->pid = fork();
	if (s->pid != 0)
		free(named);
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execv(self, argv);
		_exit(127);
	}
	atomic_store(&s->there, s->pid > 0);
	if (s->pid < 0 || !start_waiter(s)) {
		if (s->pid > 0) {
			kill(s->pid, SIGKILL);
			waitpid(s->pid, NULL, 0);
		}
		close(s->gone_fd);
		s->pid = 0;
		atomic_store(&s->there, false);
		return false;
	}
	signal(SIGHUP, SIG_IGN); /* a terminal that is closed takes the screen away, not the line */
	return true;
}

bool screen_there(const struct screen *s) { return atomic_load(&s->there); }

/* Until it has gone, a signal, or so long. */
static bool gone_within(const struct screen *s, int signals_fd, int ms)
{
	struct pollfd fds[2] = { { .fd = s->gone_fd, .events = POLLIN }, { .fd = signals_fd, .events = POLLIN } };

	while (poll(fds, 2, ms) < 0 && errno == EINTR)
		;
	return fds[0].revents != 0;
}

void screen_wait(struct screen *s, bool now)
{
	sigset_t end, before;
	int signals_fd;
	bool gone;

	if (s->pid <= 0)
		return;
	atomic_store(&s->over, true);
	sigemptyset(&end);
	sigaddset(&end, SIGINT);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &end, &before);
	signals_fd = signalfd(-1, &end, SFD_CLOEXEC | SFD_NONBLOCK);
	gone = gone_within(s, signals_fd, now ? 0 : SCREEN_SEEN_MS);
	if (!gone && screen_there(s)) {
		kill(s->pid, SIGTERM);
		gone = gone_within(s, -1, SCREEN_END_MS);
	}
	if (!gone && screen_there(s)) {
		kill(s->pid, SIGKILL);
		gone = gone_within(s, -1, SCREEN_END_MS);
	}
	/* What not even that ends is stuck in the kernel: its thread may wait, we do not. */
	if (gone)
		pthread_join(s->waiter, NULL);
	if (signals_fd >= 0) {
		struct signalfd_siginfo taken;

		while (read(signals_fd, &taken, sizeof(taken)) == (ssize_t)sizeof(taken))
			;
		close(signals_fd);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->pid = 0;
}
