#include "station/command/label_codes.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "station/dashboard/scan.h"

#define CTRL_C 3
#define CTRL_D 4
#define NO_TEXT 7 /* what stands for octets that mean something to a person's hand only; it is refused in a code */
#define OCTETS_MAX 512

struct codes {
	struct scanner scanner;
	bool terminal, over;
	uint64_t heard_us; /* when the octets at hand were read: they came together, however long one takes to check */
	bool (*each)(void *ctx, const char *text, size_t len, const char *wrong);
	void *ctx;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* --- the terminal: keys as they come, Ctrl-C among them, because ETX is the same octet --- */

static struct termios before;
static const int ends[] = { SIGTERM, SIGHUP, SIGINT };

static void give_back(int number)
{
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static bool take_terminal(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)signal(ends[i], give_back);
	t = before;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
	t.c_iflag &= ~(tcflag_t)(IXON | IXOFF | ISTRIP);
	t.c_cc[VINTR] = t.c_cc[VSUSP] = t.c_cc[VQUIT] = _POSIX_VDISABLE;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	return tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}

static void leave_terminal(void)
{
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)signal(ends[i], SIG_DFL);
}

/* What stands on the line, without the PIN that a label may carry. */
static void echo(const struct codes *c)
{
	char shown[80] = "";

	if (!c->terminal || !isatty(STDERR_FILENO))
		return;
	if (c->scanner.len > 0)
		scan_shown(c->scanner.text, shown, sizeof(shown));
	fprintf(stderr, "\r\033[Kscan> %s", shown);
}

/* --- codes --- */

static void give(struct codes *c, const char *text, size_t len, const char *wrong)
{
	struct scanner *s = &c->scanner;

	if (c->terminal && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	c->over |= !c->each(c->ctx, text, len, wrong);
	scanner_clear(s);
}

static void took(struct codes *c, enum scanner_took what, uint32_t key)
{
	switch (what) {
	case SCANNER_READY: give(c, c->scanner.text, c->scanner.len, NULL); break;
	case SCANNER_LOST: give(c, "", 0, c->scanner.why); break;
	case SCANNER_KEY: c->over |= c->terminal && (key == CTRL_C || key == CTRL_D); break;
	case SCANNER_TAKEN: break;
	}
	if (c->terminal && c->scanner.len == 0 && !c->scanner.framed && !c->scanner.spoilt && !c->over)
		scanner_open(&c->scanner, c->heard_us);
}

static uint32_t key_of(const struct codes *c, unsigned char octet)
{
	if (octet == '\r')
		return SCANNER_ENTER;
	if (octet == 0x7f)
		octet = SCANNER_BACKSPACE;
	/* A file is mended by nobody's hand. */
	return !c->terminal && (octet == SCANNER_BACKSPACE || octet == SCANNER_ESCAPE) ? NO_TEXT : octet;
}

static void feed(struct codes *c, unsigned char octet)
{
	uint32_t key = key_of(c, octet);
	bool again = true;

	/* Enter with nothing before it: an empty line, or what a scanner sends first, or LF behind CR. */
	if (key == SCANNER_ENTER && c->scanner.len == 0)
		return;
	if (c->terminal && c->scanner.len == 0 && (key == CTRL_C || key == CTRL_D)) {
		c->over = true;
		return;
	}
	while (again && !c->over) {
		uint32_t k = key;
		enum scanner_took what = scanner_key(&c->scanner, &k, c->heard_us, &again);

		took(c, what, k);
	}
}

/* A pipe has no pace: only a scanner that sends no suffix is waited for there. */
static int wait_ms(const struct codes *c)
{
	uint64_t at = scanner_deadline_us(&c->scanner), now = now_us();

	if (at == UINT64_MAX || (!c->terminal && !c->scanner.setup.silence))
		return -1;
	return at <= now ? 0 : at - now > 60000000 ? 60000 : (int)((at - now) / 1000 + 1);
}

static void expire(struct codes *c)
{
	uint32_t key;
	enum scanner_took what;

	c->heard_us = now_us();
	if (c->scanner.run == 0 && c->scanner.len == 0 && !c->scanner.framed && !c->scanner.spoilt) {
		scanner_open(&c->scanner, c->heard_us); /* nobody has typed for a while */
		return;
	}
	what = scanner_expire(&c->scanner, &key, c->heard_us);
	took(c, what, key);
}

void label_codes_read(const struct scanner_setup *setup,
		      bool (*each)(void *ctx, const char *text, size_t len, const char *wrong), void *ctx)
{
	struct codes c = { .scanner = { .setup = *setup }, .each = each, .ctx = ctx };
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned char octets[OCTETS_MAX];

	c.heard_us = now_us();
	c.scanner.setup.octets = true;
	c.scanner.setup.tab_is_in = strcmp(setup->suffix, "\t") != 0;
	c.terminal = isatty(STDIN_FILENO) && take_terminal();
	if (c.terminal)
		scanner_open(&c.scanner, c.heard_us);
	echo(&c);
	while (!c.over) {
		int n = poll(&in, 1, 0);
		bool waited = n == 0;
		ssize_t got = 0;

		if (waited)
			n = poll(&in, 1, wait_ms(&c));

		if (n < 0 && errno != EINTR)
			break;
		if (n == 0)
			expire(&c);
		if (n > 0 && (got = read(STDIN_FILENO, octets, sizeof(octets))) <= 0)
			break;
		/* What was there already came while we were busy, behind what came before: the pause was ours. */
		if (waited)
			c.heard_us = now_us();
		for (ssize_t i = 0; i < got && !c.over; i++)
			feed(&c, octets[i]);
		echo(&c);
	}
	if (!c.over && scanner_finish(&c.scanner) == SCANNER_READY)
		give(&c, c.scanner.text, c.scanner.len, NULL);
	if (c.terminal) {
		leave_terminal();
		fputs("\n", stderr);
	}
	scanner_clear(&c.scanner);
	explicit_bzero(octets, sizeof(octets));
}
