/*
 * A screen that no longer comes back to its loop: told to end it ends, and the terminal is as it was; told nothing it
 * ends as well. Each one is a child of this test on a terminal of its own.
 *
 * links: station/dashboard/rescue.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "station/dashboard/rescue.h"

struct child {
	pid_t pid;
	int terminal;
	char said[4096];
	size_t said_len;
};

/* What the child does once it can be rescued. */
static void spins(int fd)
{
	(void)fd;
	for (volatile unsigned i = 0;; i++)
		;
}

static void waits_for_its_terminal(int fd)
{
	char much[4096];

	(void)fd;
	memset(much, 'x', sizeof(much));
	while (write(STDOUT_FILENO, much, sizeof(much)) > 0)
		;
	_exit(77);
}

static void comes_back(int fd)
{
	struct pollfd at = { .fd = fd, .events = POLLIN };

	while (poll(&at, 1, -1) < 0 && errno == EINTR)
		;
	rescue_end();
	_exit(0);
}

static void begin(struct child *c, void (*does)(int fd))
{
	struct termios raw;
	int fd;

	*c = (struct child){ .terminal = -1 };
	c->pid = forkpty(&c->terminal, NULL, NULL, NULL);
	assert_true(c->pid >= 0);
	if (c->pid > 0)
		return;
	fd = rescue_begin();
	if (fd < 0 || tcgetattr(STDIN_FILENO, &raw) != 0)
		_exit(78);
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	(void)!write(STDOUT_FILENO, "here", 4);
	does(fd);
	_exit(79);
}

/* Reads what it says until these words, or the end of its terminal when they are NULL. */
static void hear(struct child *c, const char *words)
{
	while (!words || !strstr(c->said, words)) {
		ssize_t n = read(c->terminal, c->said + c->said_len, sizeof(c->said) - 1 - c->said_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		c->said_len += (size_t)n;
		c->said[c->said_len] = '\0';
	}
	assert_true(!words || strstr(c->said, words));
}

static int ended(struct child *c)
{
	int status = 0;

	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_true(WIFEXITED(status));
	close(c->terminal);
	return WEXITSTATUS(status);
}

static bool is_cooked(int terminal)
{
	struct termios now;

	assert_int_equal(tcgetattr(terminal, &now), 0);
	return now.c_lflag & ICANON && now.c_lflag & ECHO;
}

static void one_that_loops_ends_when_it_is_told(void **state)
{
	static const int told[] = { SIGTERM, SIGHUP };

	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		struct child c;

		begin(&c, spins);
		hear(&c, "here");
		assert_false(is_cooked(c.terminal));
		kill(c.pid, told[i]);
		hear(&c, "did not answer");
		assert_non_null(strstr(c.said, "\033[?1049l"));
		assert_true(is_cooked(c.terminal));
		assert_int_equal(ended(&c), 128 + told[i]);
	}
}

static void one_that_loops_ends_by_itself(void **state)
{
	struct child c;

	(void)state;
	begin(&c, spins);
	hear(&c, "was stuck");
	assert_true(is_cooked(c.terminal));
	assert_int_equal(ended(&c), 1);
}

/* Nobody reads the terminal: not even the words of the end can be written. */
static void one_whose_terminal_takes_nothing_ends_too(void **state)
{
	struct child c;
	int status = 0;

	(void)state;
	begin(&c, waits_for_its_terminal);
	hear(&c, "here");
	kill(c.pid, SIGTERM);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_true(WIFSIGNALED(status) || WIFEXITED(status));
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) > 1 && WEXITSTATUS(status) < 128);
	close(c.terminal);
}

static void one_that_comes_back_is_asked_and_ends_in_order(void **state)
{
	struct child c;

	(void)state;
	begin(&c, comes_back);
	hear(&c, "here");
	kill(c.pid, SIGTERM);
	assert_int_equal(ended(&c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_loops_ends_when_it_is_told),
		cmocka_unit_test(one_that_loops_ends_by_itself),
		cmocka_unit_test(one_whose_terminal_takes_nothing_ends_too),
		cmocka_unit_test(one_that_comes_back_is_asked_and_ends_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
