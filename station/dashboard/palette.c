#include "station/dashboard/palette.h"

#include <assert.h>
#include <string.h>

enum { BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, WHITE, OWN = -1 };

#define PLAIN                                                                                                          \
	{                                                                                                              \
		OWN, OWN, -1, -1, 0                                                                                    \
	}
#define HOW(how)                                                                                                       \
	{                                                                                                              \
		OWN, OWN, -1, -1, how                                                                                  \
	}
#define INK(colour, rich, how)                                                                                         \
	{                                                                                                              \
		colour, OWN, rich, -1, how                                                                             \
	}
#define ON(ink, paper, rich_ink, rich_paper, how)                                                                      \
	{                                                                                                              \
		ink, paper, rich_ink, rich_paper, how                                                                  \
	}

static const struct paint paints[PALETTES][MEANINGS] = {
	[PALETTE_DEFAULT] = {
		[MEANS_PLAIN] = PLAIN,
		[MEANS_QUIET] = INK(OWN, 245, PAINT_DIM),
		[MEANS_TITLE] = HOW(PAINT_BOLD),
		[MEANS_HEAD] = HOW(PAINT_REVERSE),
		[MEANS_KEY] = ON(BLACK, CYAN, 16, 37, 0),
		[MEANS_RUNNING] = INK(CYAN, 39, 0),
		[MEANS_PASS] = INK(GREEN, 34, 0),
		[MEANS_FAIL] = INK(RED, 196, PAINT_BOLD),
		[MEANS_RETRY] = INK(YELLOW, 208, 0),
		[MEANS_ASIDE] = ON(WHITE, RED, 231, 160, PAINT_BOLD),
		[MEANS_HELD] = INK(MAGENTA, 170, PAINT_BOLD),
		[MEANS_GOOD] = INK(GREEN, 34, 0),
		[MEANS_WARN] = INK(YELLOW, 208, PAINT_BOLD),
		[MEANS_BAD] = ON(WHITE, RED, 231, 160, PAINT_BOLD),
		[MEANS_SIMULATED] = ON(BLACK, YELLOW, 16, 220, PAINT_BOLD),
		[MEANS_ALARM] = ON(WHITE, RED, 231, 160, PAINT_BOLD),
		[MEANS_PAUSED] = ON(BLACK, YELLOW, 16, 208, PAINT_BOLD),
		[MEANS_TAGGED] = INK(YELLOW, 220, PAINT_BOLD),
		[MEANS_HEAT_0] = INK(GREEN, 34, 0),
		[MEANS_HEAT_1] = INK(YELLOW, 220, 0),
		[MEANS_HEAT_2] = INK(YELLOW, 208, PAINT_BOLD),
		[MEANS_HEAT_3] = ON(WHITE, RED, 231, 160, PAINT_BOLD),
		[MEANS_BAND_0] = INK(CYAN, 39, 0),
		[MEANS_BAND_1] = INK(GREEN, 34, 0),
		[MEANS_BAND_2] = INK(YELLOW, 220, 0),
		[MEANS_BAND_3] = INK(MAGENTA, 170, 0),
	},
	/* Blue against orange and yellow: told apart with any of the three common kinds of colour blindness. */
	[PALETTE_COLOUR_BLIND] = {
		[MEANS_PLAIN] = PLAIN,
		[MEANS_QUIET] = INK(OWN, 245, PAINT_DIM),
		[MEANS_TITLE] = HOW(PAINT_BOLD),
		[MEANS_HEAD] = HOW(PAINT_REVERSE),
		[MEANS_KEY] = ON(WHITE, BLUE, 231, 25, 0),
		[MEANS_RUNNING] = PLAIN,
		[MEANS_PASS] = INK(BLUE, 33, PAINT_BOLD),
		[MEANS_FAIL] = INK(YELLOW, 214, PAINT_BOLD),
		[MEANS_RETRY] = INK(YELLOW, 214, 0),
		[MEANS_ASIDE] = ON(BLACK, YELLOW, 16, 214, PAINT_BOLD),
		[MEANS_HELD] = INK(CYAN, 81, PAINT_BOLD),
		[MEANS_GOOD] = INK(BLUE, 33, 0),
		[MEANS_WARN] = INK(YELLOW, 214, PAINT_BOLD),
		[MEANS_BAD] = ON(BLACK, YELLOW, 16, 214, PAINT_BOLD),
		[MEANS_SIMULATED] = ON(WHITE, BLUE, 231, 25, PAINT_BOLD),
		[MEANS_ALARM] = ON(BLACK, YELLOW, 16, 214, PAINT_BOLD),
		[MEANS_PAUSED] = ON(BLACK, CYAN, 16, 81, PAINT_BOLD),
		[MEANS_TAGGED] = INK(CYAN, 81, PAINT_BOLD),
		[MEANS_HEAT_0] = INK(BLUE, 33, 0),
		[MEANS_HEAT_1] = PLAIN,
		[MEANS_HEAT_2] = INK(YELLOW, 214, 0),
		[MEANS_HEAT_3] = ON(BLACK, YELLOW, 16, 214, PAINT_BOLD),
		[MEANS_BAND_0] = INK(BLUE, 33, 0),
		[MEANS_BAND_1] = PLAIN,
		[MEANS_BAND_2] = INK(YELLOW, 214, 0),
		[MEANS_BAND_3] = INK(CYAN, 81, 0),
	},
	[PALETTE_MONO] = {
		[MEANS_PLAIN] = PLAIN,
		[MEANS_QUIET] = HOW(PAINT_DIM),
		[MEANS_TITLE] = HOW(PAINT_BOLD),
		[MEANS_HEAD] = HOW(PAINT_REVERSE),
		[MEANS_KEY] = HOW(PAINT_REVERSE),
		[MEANS_RUNNING] = PLAIN,
		[MEANS_PASS] = PLAIN,
		[MEANS_FAIL] = HOW(PAINT_BOLD),
		[MEANS_RETRY] = HOW(PAINT_UNDERLINE),
		[MEANS_ASIDE] = HOW(PAINT_BOLD | PAINT_REVERSE),
		[MEANS_HELD] = HOW(PAINT_BOLD | PAINT_UNDERLINE),
		[MEANS_GOOD] = PLAIN,
		[MEANS_WARN] = HOW(PAINT_BOLD),
		[MEANS_BAD] = HOW(PAINT_BOLD | PAINT_REVERSE),
		[MEANS_SIMULATED] = HOW(PAINT_REVERSE),
		[MEANS_ALARM] = HOW(PAINT_BOLD | PAINT_REVERSE),
		[MEANS_PAUSED] = HOW(PAINT_BOLD | PAINT_REVERSE),
		[MEANS_TAGGED] = HOW(PAINT_BOLD),
		[MEANS_HEAT_0] = PLAIN,
		[MEANS_HEAT_1] = PLAIN,
		[MEANS_HEAT_2] = HOW(PAINT_BOLD),
		[MEANS_HEAT_3] = HOW(PAINT_BOLD | PAINT_REVERSE),
		[MEANS_BAND_0] = PLAIN,
		[MEANS_BAND_1] = PLAIN,
		[MEANS_BAND_2] = PLAIN,
		[MEANS_BAND_3] = PLAIN,
	},
};

static const char *const names[PALETTES] = { "default", "colour-blind", "mono" };

static const char *const signs[SIGNS][2] = {
	[SIGN_SEEN] = { "·", "." },	[SIGN_ACTIVE] = { "▸", ">" },	[SIGN_PASS] = { "✓", "+" },
	[SIGN_FAIL] = { "✗", "x" },	[SIGN_ASIDE] = { "■", "#" },	[SIGN_HELD] = { "‖", "=" },
	[SIGN_RETRY] = { "↻", "~" },	[SIGN_TAG] = { "●", "*" },	[SIGN_MORE] = { "…", "~" },
	[SIGN_FULL] = { "█", "#" },	[SIGN_EMPTY] = { "░", "-" },	[SIGN_BAR] = { "│", "|" },
	[SIGN_RULE] = { "─", "-" },	[SIGN_ARROW] = { "→", ">" },	[SIGN_UP] = { "▲", "^" },
	[SIGN_DOWN] = { "▼", "v" },	[SIGN_HEAT_0] = { "·", "." },	[SIGN_HEAT_1] = { "░", "-" },
	[SIGN_HEAT_2] = { "▒", "=" },	[SIGN_HEAT_3] = { "█", "#" },	[SIGN_ALARM] = { "▲", "!" },
	[SIGN_CORNER_1] = { "┌", "+" }, [SIGN_CORNER_2] = { "┐", "+" }, [SIGN_CORNER_3] = { "└", "+" },
	[SIGN_CORNER_4] = { "┘", "+" }, [SIGN_SIDE] = { "│", "|" },
};

const struct paint *palette_paint(enum palette palette, enum meaning meaning)
{
	assert(palette < PALETTES && meaning < MEANINGS);
	return &paints[palette][meaning];
}

bool palette_find(const char *name, enum palette *out)
{
	if (strcmp(name, "color-blind") == 0)
		name = names[PALETTE_COLOUR_BLIND];
	for (unsigned i = 0; i < PALETTES; i++)
		if (strcmp(name, names[i]) == 0) {
			*out = (enum palette)i;
			return true;
		}
	return false;
}

const char *palette_sign(enum symbol sign, bool ascii)
{
	assert(sign < SIGNS);
	return signs[sign][ascii];
}
