#include "station/dashboard/draw.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include <ncurses.h>
#include <panel.h>
#include <term.h>

/* What the macros of ncurses call themselves is not what this file means by it. */
#undef lines
#undef columns

/* Codes of our own, beyond the library's. */
#define KEY_PASTE (KEY_MAX + 1)
#define KEY_PASTED (KEY_MAX + 2)

struct layer {
	WINDOW *window;
	PANEL *panel;
	struct cell *shown; /* what stands there */
	unsigned rows, cols, row, col;
};

struct draw {
	SCREEN *screen;
	enum palette palette;
	attr_t attributes[MEANINGS];
	short pairs[MEANINGS];
	struct layer base, over;
	int caret_row, caret_col;
};

static void close_layer(struct layer *l)
{
	if (l->panel)
		del_panel(l->panel);
	if (l->window)
		delwin(l->window);
	free(l->shown);
	*l = (struct layer){ 0 };
}

/* A layer of this size and place, blank when it is a new one. */
static bool open_layer(struct layer *l, const struct canvas *c, unsigned row, unsigned col)
{
	if (l->window && l->rows == c->rows && l->cols == c->cols && l->row == row && l->col == col)
		return true;
	close_layer(l);
	l->window = newwin((int)c->rows, (int)c->cols, (int)row, (int)col);
	l->panel = l->window ? new_panel(l->window) : NULL;
	l->shown = calloc((size_t)c->rows * c->cols + 1, sizeof(*l->shown));
	if (!l->panel || !l->shown) {
		close_layer(l);
		return false;
	}
	l->rows = c->rows;
	l->cols = c->cols;
	l->row = row;
	l->col = col;
	return true;
}

static attr_t attribute(uint8_t how)
{
	return (how & PAINT_BOLD ? A_BOLD : 0) | (how & PAINT_REVERSE ? A_REVERSE : 0) |
	       (how & PAINT_UNDERLINE ? A_UNDERLINE : 0) | (how & PAINT_DIM ? A_DIM : 0);
}

static void colours(struct draw *d)
{
	if (d->palette != PALETTE_MONO && has_colors() && start_color() == OK)
		use_default_colors();
	else
		d->palette = PALETTE_MONO;
	for (unsigned i = 0; i < MEANINGS; i++) {
		const struct paint *p = palette_paint(d->palette, (enum meaning)i);
		bool rich = COLORS >= 256;
		short ink = rich && p->fg256 >= 0 ? p->fg256 : p->fg, paper = rich && p->bg256 >= 0 ? p->bg256 : p->bg;

		d->attributes[i] = attribute(p->how);
		if (d->palette == PALETTE_MONO || (ink < 0 && paper < 0) || (int)i + 1 >= COLOR_PAIRS)
			continue;
		if (init_pair((short)(i + 1), ink, paper) == OK)
			d->pairs[i] = (short)(i + 1);
	}
}

static struct draw *refuse(struct draw *d, char *error, size_t error_len, const char *why, const char *what)
{
	snprintf(error, error_len, why, what);
	draw_close(d);
	return NULL;
}

/*
 * Ctrl-Z and Ctrl-\\ are no keys of a line: they would stop or kill the run whose terminal this is. Ctrl-S would have
 * the station drop a screen that shows nothing. Ctrl-C is a key, and told to the run by whoever reads it: a scanner
 * that frames with STX and ETX sends the same octet, and the terminal cannot tell them apart.
 */
static void tame_terminal(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t) != 0)
		return;
	t.c_cc[VSUSP] = t.c_cc[VQUIT] = t.c_cc[VINTR] = _POSIX_VDISABLE;
	t.c_iflag &= ~(tcflag_t)(IXON | IXOFF | ISTRIP);
	t.c_lflag &= ~(tcflag_t)IEXTEN; /* Ctrl-V and Ctrl-O, too, come as they are */
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
	def_prog_mode();
}

/*
 * Asks the terminal to mark what is pasted (xterm's bracketed paste; who does not know it does nothing): a paste comes
 * faster than any scanner types, and is a person's.
 */
static void mark_pastes(bool on)
{
	if (on) {
		define_key("\033[200~", KEY_PASTE);
		define_key("\033[201~", KEY_PASTED);
	}
	fputs(on ? "\033[?2004h" : "\033[?2004l", stdout);
	fflush(stdout);
}

struct draw *draw_open(enum palette palette, char *error, size_t error_len)
{
	const char *term = getenv("TERM"), *place;
	struct draw *d = calloc(1, sizeof(*d));

	if (!d)
		return refuse(d, error, error_len, "no memory%s", "");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return refuse(d, error, error_len,
			      "standard input and output are no terminal%s; millrace ctl status works without one", "");
	if (!term || !*term)
		return refuse(d, error, error_len,
			      "TERM is not set%s; say which terminal this is, for instance TERM=xterm-256color", "");
	d->screen = newterm(NULL, stdout, stdin);
	if (!d->screen)
		return refuse(
			d, error, error_len,
			"the terminal \"%.40s\" is not known here; set TERM to one that is, for instance TERM=xterm",
			term);
	set_term(d->screen);
	place = tigetstr("cup");
	if (!place || place == (char *)(intptr_t)-1)
		return refuse(d, error, error_len,
			      "the terminal \"%.40s\" cannot place its cursor; millrace ctl status works on it", term);
	d->palette = palette;
	colours(d);
	cbreak();
	noecho();
	nonl();
	intrflush(NULL, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	mouseinterval(0);
	mousemask(BUTTON1_PRESSED | BUTTON1_DOUBLE_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	tame_terminal();
	mark_pastes(true);
	refresh();
	return d;
}

void draw_close(struct draw *d)
{
	if (!d)
		return;
	if (d->screen) {
		close_layer(&d->over);
		close_layer(&d->base);
		mark_pastes(false);
		endwin();
		delscreen(d->screen);
	}
	free(d);
}

/*
 * Takes the terminal's size as it is now. Not resizeterm(): that one puts a KEY_RESIZE into the queue of keys each time
 * it is called, so whoever calls it for a KEY_RESIZE reads another one for ever (resizeterm(3X); it happened here, and
 * to mtr: its issue 518). With this one no event causes itself.
 */
static void take_size(struct draw *d)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0 ||
	    !is_term_resized(size.ws_row, size.ws_col))
		return;
	close_layer(&d->over);
	close_layer(&d->base);
	resize_term(size.ws_row, size.ws_col);
	clearok(curscr, TRUE);
}

void draw_size(struct draw *d, unsigned *rows, unsigned *cols)
{
	take_size(d);
	*rows = LINES > 0 ? (unsigned)LINES : 0;
	*cols = COLS > 0 ? (unsigned)COLS : 0;
}

void draw_all_anew(struct draw *d)
{
	close_layer(&d->over);
	close_layer(&d->base);
	clearok(curscr, TRUE);
}

static bool same(const struct cell *a, const struct cell *b)
{
	return a->width == b->width && a->meaning == b->meaning && a->mark == b->mark && strcmp(a->text, b->text) == 0;
}

static void put(struct draw *d, struct layer *l, unsigned row, unsigned col, const struct cell *c)
{
	wchar_t wide[CCHARW_MAX + 1];
	attr_t how = d->attributes[c->meaning] | (c->mark & CELL_BOLD ? A_BOLD : 0);
	cchar_t out;

	if (c->mark & CELL_CURSOR)
		how ^= A_REVERSE;
	if (mbstowcs(wide, c->text, CCHARW_MAX) == (size_t)-1)
		wcscpy(wide, L"?");
	wide[CCHARW_MAX] = L'\0';
	if (setcchar(&out, wide, how, d->pairs[c->meaning], NULL) == OK)
		mvwadd_wch(l->window, (int)row, (int)col, &out);
}

static void show(struct draw *d, struct layer *l, const struct canvas *c)
{
	for (unsigned row = 0; row < c->rows; row++)
		for (unsigned col = 0; col < c->cols; col++) {
			const struct cell *now = canvas_at(c, row, col);
			struct cell *then = &l->shown[(size_t)row * c->cols + col];

			if (same(now, then))
				continue;
			*then = *now;
			if (now->width > 0)
				put(d, l, row, col, now);
		}
}

void draw_show(struct draw *d, const struct view *v)
{
	const struct canvas *caret = v->over.rows > 0 ? &v->over : &v->base;
	unsigned row = v->over.rows > 0 ? v->over_row : 0, col = v->over.rows > 0 ? v->over_col : 0;

	if (!open_layer(&d->base, &v->base, 0, 0))
		return;
	show(d, &d->base, &v->base);
	if (v->over.rows > 0 && open_layer(&d->over, &v->over, v->over_row, v->over_col)) {
		show(d, &d->over, &v->over);
		top_panel(d->over.panel);
	} else if (v->over.rows == 0) {
		close_layer(&d->over);
	}
	update_panels();
	if (caret->caret_row >= 0) {
		curs_set(1);
		wmove(newscr, (int)row + caret->caret_row, (int)col + caret->caret_col);
	} else {
		curs_set(0);
	}
	doupdate();
}

void draw_bell(struct draw *d)
{
	(void)d;
	beep();
}

static uint32_t mouse(unsigned *row, unsigned *col, bool *twice)
{
	MEVENT event;

	if (getmouse(&event) != OK || event.y < 0 || event.x < 0)
		return KEYS_END_OF_LIST;
	*row = (unsigned)event.y;
	*col = (unsigned)event.x;
	*twice = (event.bstate & BUTTON1_DOUBLE_CLICKED) != 0;
	if (event.bstate & BUTTON4_PRESSED)
		return KEYS_WHEEL_UP;
	return event.bstate & BUTTON5_PRESSED ? KEYS_WHEEL_DOWN : KEYS_MOUSE;
}

static const struct {
	int theirs;
	uint32_t ours;
} names[] = {
	{ KEY_UP, KEYS_UP },	     { KEY_DOWN, KEYS_DOWN },	  { KEY_LEFT, KEYS_LEFT },
	{ KEY_RIGHT, KEYS_RIGHT },   { KEY_PPAGE, KEYS_PAGE_UP }, { KEY_NPAGE, KEYS_PAGE_DOWN },
	{ KEY_HOME, KEYS_HOME },     { KEY_END, KEYS_END },	  { KEY_BACKSPACE, KEYS_BACKSPACE },
	{ KEY_DC, KEYS_DELETE },     { KEY_BTAB, KEYS_BACKTAB },  { KEY_ENTER, KEYS_ENTER },
	{ KEY_RESIZE, KEYS_RESIZE }, { KEY_PASTE, KEYS_PASTE },	  { KEY_PASTED, KEYS_PASTED },
};

uint32_t draw_key(struct draw *d, unsigned *row, unsigned *col, bool *twice)
{
	wint_t got;
	int kind = get_wch(&got);

	(void)d;
	if (kind == ERR)
		return KEYS_NONE;
	if (kind == OK)
		return got == '\r' || got == '\n' ? KEYS_ENTER
		       : got == 127 || got == 8	  ? KEYS_BACKSPACE
						  : (uint32_t)got;
	if (got == KEY_MOUSE)
		return mouse(row, col, twice);
	if (got >= (wint_t)KEY_F(1) && got <= (wint_t)KEY_F(12))
		return KEYS_F1 + (uint32_t)(got - (wint_t)KEY_F(1));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (got == (wint_t)names[i].theirs)
			return names[i].ours;
	return KEYS_END_OF_LIST; /* means nothing here, but more may wait */
}
