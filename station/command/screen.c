#include "station/command/screen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

bool screen_open(struct screen *s, const char *socket)
{
	char self[] = "/proc/self/exe", name[] = "millrace", command[] = "dashboard", of_run[] = "--of-run", control[] = "--control";
	char path[160];
	char *argv[] = { name, command, of_run, control, path, NULL };

	s->pid = 0;
	if (strlen(socket) >= sizeof(path) || tcgetattr(STDIN_FILENO, &s->before) != 0)
		return false;
	memcpy(path, socket, strlen(socket) + 1);
	s->pid = fork();
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execv(self, argv);
		_exit(127);
	}
	if (s->pid < 0)
		s->pid = 0;
	else
		signal(SIGHUP, SIG_IGN);	/* a terminal that is closed takes the screen away, not the line */
	return s->pid > 0;
}

/* Killed, it could not give the terminal back. */
static void gone(struct screen *s, int status)
{
	s->pid = 0;
	if (!WIFSIGNALED(status))
		return;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
	fputs("\033[?1049l\033[?1000l\033[?25h\033[0m\r\n", stdout);
	fflush(stdout);
}

bool screen_there(struct screen *s)
{
	int status;

	if (s->pid > 0 && waitpid(s->pid, &status, WNOHANG) != 0)
		gone(s, status);
	return s->pid > 0;
}

void screen_wait(struct screen *s, bool now)
{
	int status = 0;

	if (s->pid <= 0)
		return;
	if (now)
		kill(s->pid, SIGTERM);
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	gone(s, status);
}
