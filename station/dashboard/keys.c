#include "station/dashboard/keys.h"

#define TABLES (ON(SCREEN_LINE) | ON(SCREEN_RADIOS) | ON(SCREEN_CHANNELS) | ON(SCREEN_FAILURES) | ON(SCREEN_LOG))
#define UNITS (ON(SCREEN_LINE) | ON(SCREEN_DEVICE))
#define LISTS (ON(SCREEN_LINE) | ON(SCREEN_LOG))

static const char *const screens[SCREENS] = { "Line", "Radios", "Device", "Channels", "Failures", "Log", "Help" };

/* The order is that of the bar, the menu and the help screen. */
static const struct key_row rows[] = {
	{ ACT_HELP, KEYS_F1, 'h', "F1 h ?", "Help", "", EVERYWHERE, ROLE_OBSERVER,
	  "this screen: keys, signs, colours" },
	{ ACT_HELP, 0, '?', "", "", "", EVERYWHERE, ROLE_OBSERVER, "" },
	{ ACT_MENU, KEYS_F2, 'x', "F2 x", "Menu", "", EVERYWHERE, ROLE_OBSERVER, "what can be done now, as a list" },
	{ ACT_FIND, KEYS_F3, '/', "F3 /", "Find", "", LISTS, ROLE_OBSERVER,
	  "go to the next row with this text; n: once more" },
	{ ACT_NEXT, 0, 'n', "n", "", "", LISTS, ROLE_OBSERVER, "find once more" },
	{ ACT_FILTER, KEYS_F4, '\\', "F4 \\", "Filter", "", LISTS, ROLE_OBSERVER,
	  "show rows with this text only; \"fail|quar\" shows both; empty: all" },
	{ ACT_PAUSE, KEYS_F5, 'p', "F5 p", "Pause", "pause, or resume", EVERYWHERE, ROLE_OPERATOR,
	  "pause: nobody new is admitted, those in hand finish; when it is paused: resume" },
	{ ACT_SORT, KEYS_F6, 's', "F6 s", "Sort", "", ON(SCREEN_LINE), ROLE_OBSERVER, "sort by the next column" },
	{ ACT_SORT_BACK, 0, 'w', "w", "", "", ON(SCREEN_LINE), ROLE_OBSERVER, "sort by the column before" },
	{ ACT_TURN, 0, 'i', "i", "", "", ON(SCREEN_LINE), ROLE_OBSERVER, "sort the other way round" },
	{ ACT_RADIOS, KEYS_F7, 'r', "F7 r", "Radios", "", EVERYWHERE, ROLE_OBSERVER, "the radios" },
	{ ACT_QUARANTINE, KEYS_F8, 'u', "F8 u", "Aside", "put aside (quarantine)", UNITS, ROLE_OPERATOR,
	  "put the device, or all tagged ones, aside: quarantine" },
	{ ACT_STOP, KEYS_F9, 'e', "F9 e", "Stop", "stop: finish those in hand, then end", EVERYWHERE, ROLE_OPERATOR,
	  "end the run when those in hand have finished; asks twice" },
	{ ACT_QUIT, KEYS_F10, 'q', "F10 q", "Quit", "", EVERYWHERE, ROLE_OBSERVER,
	  "close this screen; the line goes on" },
	{ ACT_RETRY, 0, 'y', "y", "", "try again", UNITS, ROLE_OPERATOR,
	  "one more attempt for a failed or held device" },
	{ ACT_RELEASE, 0, 'o', "o", "", "release from quarantine or hold", UNITS, ROLE_LEAD,
	  "let a device out of quarantine or hold; a lead may" },
	{ ACT_ABORT, 0, '!', "!", "", "abort: end now", EVERYWHERE, ROLE_OPERATOR,
	  "end the run now, open attempts go on record as aborted; asks twice" },
	{ ACT_ACK, 0, 'a', "a", "", "acknowledge the banner", EVERYWHERE, ROLE_OPERATOR,
	  "acknowledge the red banner: you have read what to do, and done it" },
	{ ACT_TAG, KEYS_SPACE, 't', "Space t", "", "", ON(SCREEN_LINE), ROLE_OBSERVER,
	  "tag the device: put aside, retry and release act on all tagged" },
	{ ACT_TAG_ALL, 0, '+', "+", "", "", ON(SCREEN_LINE), ROLE_OBSERVER, "tag all that are shown" },
	{ ACT_UNTAG, 0, '-', "-", "", "", ON(SCREEN_LINE), ROLE_OBSERVER, "no tags" },
	{ ACT_FREEZE, 0, 'z', "z", "", "", EVERYWHERE, ROLE_OBSERVER,
	  "the tables stand still; the header and banners do not" },
	{ ACT_LINE, 0, 'l', "l", "", "", EVERYWHERE, ROLE_OBSERVER, "the line: all devices" },
	{ ACT_DEVICE, 0, 'd', "d", "", "", EVERYWHERE, ROLE_OBSERVER, "the device in full" },
	{ ACT_CHANNELS, 0, 'c', "c", "", "", EVERYWHERE, ROLE_OBSERVER,
	  "channels and radios: a map of what passed where" },
	{ ACT_FAILURES, 0, 'f', "f", "", "", EVERYWHERE, ROLE_OBSERVER,
	  "failures, the most frequent first; Enter shows their devices" },
	{ ACT_LOG, 0, 'g', "g", "", "", EVERYWHERE, ROLE_OBSERVER, "the log" },
	{ ACT_SCREEN_NEXT, KEYS_TAB, ']', "Tab ]", "", "", EVERYWHERE, ROLE_OBSERVER, "the next screen" },
	{ ACT_SCREEN_BACK, KEYS_BACKTAB, '[', "Shift-Tab [", "", "", EVERYWHERE, ROLE_OBSERVER, "the screen before" },
	{ ACT_OPEN, KEYS_ENTER, 0, "Enter", "", "", TABLES, ROLE_OBSERVER, "look into the row" },
	{ ACT_BACK, KEYS_ESCAPE, 0, "Esc", "", "", EVERYWHERE, ROLE_OBSERVER, "back; at the line: no filter, no tags" },
	{ ACT_UP, KEYS_UP, 'k', "Up k", "", "", EVERYWHERE, ROLE_OBSERVER, "row up" },
	{ ACT_DOWN, KEYS_DOWN, 'j', "Down j", "", "", EVERYWHERE, ROLE_OBSERVER, "row down" },
	{ ACT_LEFT, KEYS_LEFT, '<', "Left <", "", "", ON(SCREEN_CHANNELS), ROLE_OBSERVER, "radios to the left" },
	{ ACT_RIGHT, KEYS_RIGHT, '>', "Right >", "", "", ON(SCREEN_CHANNELS), ROLE_OBSERVER, "radios to the right" },
	{ ACT_PAGE_UP, KEYS_PAGE_UP, 0, "PgUp", "", "", EVERYWHERE, ROLE_OBSERVER, "page up" },
	{ ACT_PAGE_DOWN, KEYS_PAGE_DOWN, 0, "PgDn", "", "", EVERYWHERE, ROLE_OBSERVER, "page down" },
	{ ACT_HOME, KEYS_HOME, 0, "Home", "", "", EVERYWHERE, ROLE_OBSERVER, "first row" },
	{ ACT_LAST, KEYS_END, 0, "End", "", "", EVERYWHERE, ROLE_OBSERVER, "last row" },
	{ ACT_SCAN, 0, ':', ":", "", "", EVERYWHERE, ROLE_OBSERVER,
	  "type on the scan line by hand what begins with a small letter" },
	{ ACT_LOGOUT, 0, 'v', "v", "", "leave: back to observer", EVERYWHERE, ROLE_OBSERVER,
	  "leave: the badge no longer counts" },
	{ ACT_BELL, 0, 'b', "b", "", "", EVERYWHERE, ROLE_OBSERVER, "bell on or off" },
	{ ACT_REDRAW, 12, 0, "Ctrl-L", "", "", EVERYWHERE, ROLE_OBSERVER, "draw everything anew" },
};

#define COUNT (sizeof(rows) / sizeof(rows[0]))

const struct key_row *keys_table(size_t *count)
{
	*count = COUNT;
	return rows;
}

const struct key_row *keys_find(uint32_t key, enum screen_kind screen)
{
	for (size_t i = 0; i < COUNT; i++)
		if (key != 0 && (rows[i].key == key || rows[i].letter == key) && (rows[i].screens & ON(screen)))
			return &rows[i];
	return NULL;
}

const struct key_row *keys_row(enum act act)
{
	for (size_t i = 0; i < COUNT; i++)
		if (rows[i].act == act)
			return &rows[i];
	return NULL;
}

bool keys_late(enum act act) { return act == ACT_ACK || act == ACT_LOGOUT || act == ACT_QUIT; }

const char *screen_name(enum screen_kind screen) { return screens[screen]; }
