/*
 * A screen in memory: cells with a character and a meaning, and places that can be clicked. Views write on it without a
 * terminal; draw.c shows it. Nothing is written outside; a wide character that would be cut becomes a blank.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "station/dashboard/palette.h"
#include "station/dashboard/text.h"

struct cell {
	char text[TEXT_GLYPH_MAX + 1];
	uint8_t width;	 /* 1, 2; 0: the right half of a wide one */
	uint8_t meaning; /* enum meaning */
	uint8_t mark;	 /* CELL_... */
};

enum { CELL_CURSOR = 1, CELL_BOLD = 2 };

/* a click here is this key, or this row */
struct canvas_hit {
	uint16_t row, col, width;
	uint32_t key;
	uint64_t arg;
};

#define CANVAS_HITS_MAX 192u
#define CANVAS_SIDE_MAX 1000u

/* zero it to begin; layout is ours */
struct canvas {
	unsigned rows, cols;
	struct cell *cells;
	bool ascii;
	struct canvas_hit hits[CANVAS_HITS_MAX];
	unsigned hit_count;
	int caret_row, caret_col; /* -1: no caret */
};

/* Blanks all, in this size (up to 1000 on a side). False: no memory; what was there is gone. */
bool canvas_begin(struct canvas *canvas, unsigned rows, unsigned cols, bool ascii);
void canvas_free(struct canvas *canvas);
const struct cell *canvas_at(const struct canvas *canvas, unsigned row, unsigned col);

/* Writes up to `width` cells; what is too long ends with the sign for more. Gives the column after it. */
unsigned canvas_put(struct canvas *canvas, unsigned row, unsigned col, unsigned width, enum meaning meaning,
		    const char *text);
/* The same, but it is the beginning that is left out: of serial numbers and addresses the end tells. */
unsigned canvas_put_tail(struct canvas *canvas, unsigned row, unsigned col, unsigned width, enum meaning meaning,
			 const char *text);
/* At the right edge of `width` cells. */
void canvas_put_right(struct canvas *canvas, unsigned row, unsigned col, unsigned width, enum meaning meaning,
		      const char *text);
unsigned canvas_printf(struct canvas *canvas, unsigned row, unsigned col, unsigned width, enum meaning meaning,
		       const char *format, ...) __attribute__((format(printf, 6, 7)));
unsigned canvas_sign(struct canvas *canvas, unsigned row, unsigned col, enum meaning meaning, enum symbol sign);
/* A bar of `width` cells, so much of it full (0 to 1). */
void canvas_bar(struct canvas *canvas, unsigned row, unsigned col, unsigned width, enum meaning meaning, double share);
void canvas_fill(struct canvas *canvas, unsigned row, unsigned col, unsigned width, enum meaning meaning,
		 const char *sign);
/* Marks cells that are written already. */
void canvas_mark(struct canvas *canvas, unsigned row, unsigned col, unsigned width, uint8_t mark);
/* A frame with a title around rows x cols, blank inside. */
void canvas_box(struct canvas *canvas, unsigned row, unsigned col, unsigned rows, unsigned cols, enum meaning meaning,
		const char *title);

void canvas_hit(struct canvas *canvas, unsigned row, unsigned col, unsigned width, uint32_t key, uint64_t arg);
/* What is there; the one made last wins. NULL: nothing. */
const struct canvas_hit *canvas_hit_at(const struct canvas *canvas, unsigned row, unsigned col);
/* A row as text, for tests: trailing blanks left out. */
void canvas_row_text(const struct canvas *canvas, unsigned row, char *out, size_t cap);
