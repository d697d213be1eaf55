/*
 * Keys: one table says what each does, on which screens, who may, what the bar and the help screen say. Each function
 * key has a letter, for terminals that keep F10 and keyboards that have none. Commands are small letters and signs:
 * capital letters and digits begin what is typed on the scan line. A letter is a command when nothing comes behind it
 * (label/scanner.h); those that change something open a question first, or wait a little longer (keys_late).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/dashboard/mirror.h"
#include "station/label/scanner.h"

enum screen_kind {
	SCREEN_LINE,
	SCREEN_RADIOS,
	SCREEN_DEVICE,
	SCREEN_CHANNELS,
	SCREEN_FAILURES,
	SCREEN_LOG,
	SCREEN_HELP,
	SCREENS
};

/* Characters are themselves; what is no character follows the last one. */
enum key {
	KEYS_INTERRUPT = 3, /* Ctrl-C */
	KEYS_BACKSPACE = SCANNER_BACKSPACE,
	KEYS_TAB = SCANNER_TAB,
	KEYS_ENTER = SCANNER_ENTER,
	KEYS_ESCAPE = SCANNER_ESCAPE,
	KEYS_SPACE = 32,
	KEYS_NONE = SCANNER_NO_CHARACTER,
	KEYS_PASTE = SCANNER_PASTE, /* what follows was pasted, until KEYS_PASTED */
	KEYS_PASTED = SCANNER_PASTED,
	KEYS_UP = SCANNER_KEYS_END,
	KEYS_DOWN,
	KEYS_LEFT,
	KEYS_RIGHT,
	KEYS_PAGE_UP,
	KEYS_PAGE_DOWN,
	KEYS_HOME,
	KEYS_END,
	KEYS_DELETE,
	KEYS_BACKTAB,
	KEYS_MOUSE,
	KEYS_WHEEL_UP,
	KEYS_WHEEL_DOWN,
	KEYS_RESIZE,
	KEYS_CLOSED,
	KEYS_ROW, /* from the mouse: a row of the table, `arg` */
	KEYS_ROW_TWICE,
	KEYS_SCREEN, /* a tab, `arg` */
	KEYS_COLUMN, /* a column's title, `arg` */
	KEYS_MENU_ROW,
	KEYS_F0,
	KEYS_F1,
	KEYS_F2,
	KEYS_F3,
	KEYS_F4,
	KEYS_F5,
	KEYS_F6,
	KEYS_F7,
	KEYS_F8,
	KEYS_F9,
	KEYS_F10,
	KEYS_F11,
	KEYS_F12,
	KEYS_END_OF_LIST
};

enum act {
	ACT_NONE,
	ACT_HELP,
	ACT_MENU,
	ACT_FIND,
	ACT_NEXT,
	ACT_FILTER,
	ACT_PAUSE,
	ACT_SORT,
	ACT_SORT_BACK,
	ACT_TURN,
	ACT_QUARANTINE,
	ACT_STOP,
	ACT_QUIT,
	ACT_RETRY,
	ACT_RELEASE,
	ACT_ABORT,
	ACT_ACK,
	ACT_TAG,
	ACT_TAG_ALL,
	ACT_UNTAG,
	ACT_FREEZE,
	ACT_LINE,
	ACT_RADIOS,
	ACT_DEVICE,
	ACT_CHANNELS,
	ACT_FAILURES,
	ACT_LOG,
	ACT_SCREEN_NEXT,
	ACT_SCREEN_BACK,
	ACT_OPEN,
	ACT_BACK,
	ACT_UP,
	ACT_DOWN,
	ACT_LEFT,
	ACT_RIGHT,
	ACT_PAGE_UP,
	ACT_PAGE_DOWN,
	ACT_HOME,
	ACT_LAST,
	ACT_SCAN,
	ACT_LOGOUT,
	ACT_BELL,
	ACT_REDRAW,
	ACTS
};

#define KEYS_LATE_US 400000u

#define ON(screen) (1u << (screen))
#define EVERYWHERE (ON(SCREENS) - 1u)

struct key_row {
	enum act act;
	uint32_t key, letter; /* 0: none */
	const char *names;    /* as people call them: "F5 p" */
	const char *bar;      /* on the key bar; "": not there */
	const char *menu;     /* in the menu of what can be done; "": not there */
	unsigned screens;     /* ON(...) */
	enum role role;
	const char *sentence;
};

const struct key_row *keys_table(size_t *count);
/* What a key does on a screen; NULL: nothing. */
const struct key_row *keys_find(uint32_t key, enum screen_kind screen);
const struct key_row *keys_row(enum act act);
/* It acts at once and asks nothing: its letter waits for KEYS_LATE_US of silence, and any key takes it back. */
bool keys_late(enum act act);
const char *screen_name(enum screen_kind screen);
