/*
 * Colours named for what they mean, in three palettes, and the symbols that say the same without colour: whoever sees
 * no colour, or prints the screen, loses nothing. Backgrounds are the terminal's own wherever nothing must be loud.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum meaning {
	MEANS_PLAIN,
	MEANS_QUIET,
	MEANS_TITLE,
	MEANS_HEAD,
	MEANS_KEY,
	MEANS_RUNNING,
	MEANS_PASS,
	MEANS_FAIL,
	MEANS_RETRY,
	MEANS_ASIDE,
	MEANS_HELD,
	MEANS_GOOD,
	MEANS_WARN,
	MEANS_BAD,
	MEANS_SIMULATED,
	MEANS_ALARM,
	MEANS_PAUSED,
	MEANS_TAGGED,
	MEANS_HEAT_0,
	MEANS_HEAT_1,
	MEANS_HEAT_2,
	MEANS_HEAT_3,
	MEANS_BAND_0,
	MEANS_BAND_1,
	MEANS_BAND_2,
	MEANS_BAND_3,
	MEANINGS
};

enum { PAINT_BOLD = 1, PAINT_REVERSE = 2, PAINT_UNDERLINE = 4, PAINT_DIM = 8 };

/* Colours: 0 to 7 as every terminal numbers them, -1 the terminal's own; `fg256` where there are 256. */
struct paint {
	int8_t fg, bg;
	int16_t fg256, bg256;
	uint8_t how;
};

enum palette { PALETTE_DEFAULT, PALETTE_COLOUR_BLIND, PALETTE_MONO, PALETTES };

const struct paint *palette_paint(enum palette palette, enum meaning meaning);
/* "default", "colour-blind", "mono". False: no such palette. */
bool palette_find(const char *name, enum palette *out);

enum symbol {
	SIGN_SEEN,
	SIGN_ACTIVE,
	SIGN_PASS,
	SIGN_FAIL,
	SIGN_ASIDE,
	SIGN_HELD,
	SIGN_RETRY,
	SIGN_TAG,
	SIGN_MORE,
	SIGN_FULL,
	SIGN_EMPTY,
	SIGN_BAR,
	SIGN_RULE,
	SIGN_ARROW,
	SIGN_UP,
	SIGN_DOWN,
	SIGN_HEAT_0,
	SIGN_HEAT_1,
	SIGN_HEAT_2,
	SIGN_HEAT_3,
	SIGN_ALARM,
	SIGN_CORNER_1,
	SIGN_CORNER_2,
	SIGN_CORNER_3,
	SIGN_CORNER_4,
	SIGN_SIDE,
	SIGNS
};

/* One cell each. */
const char *palette_sign(enum symbol sign, bool ascii);
