#include "station/dashboard/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool canvas_begin(struct canvas *c, unsigned rows, unsigned cols, bool ascii)
{
	rows = rows > CANVAS_SIDE_MAX ? CANVAS_SIDE_MAX : rows;
	cols = cols > CANVAS_SIDE_MAX ? CANVAS_SIDE_MAX : cols;
	if (!c->cells || c->rows != rows || c->cols != cols) {
		free(c->cells);
		c->cells = calloc((size_t)rows * cols + 1, sizeof(*c->cells));
		if (!c->cells) {
			c->rows = c->cols = 0;
			return false;
		}
	}
	c->rows = rows;
	c->cols = cols;
	c->ascii = ascii;
	c->hit_count = 0;
	c->caret_row = c->caret_col = -1;
	for (size_t i = 0; i < (size_t)rows * cols; i++)
		c->cells[i] = (struct cell){ .text = " ", .width = 1 };
	return true;
}

void canvas_free(struct canvas *c)
{
	free(c->cells);
	c->cells = NULL;
	c->rows = c->cols = 0;
}

const struct cell *canvas_at(const struct canvas *c, unsigned row, unsigned col)
{
	return &c->cells[(size_t)row * c->cols + col];
}

static struct cell *cell_at(struct canvas *c, unsigned row, unsigned col)
{
	return &c->cells[(size_t)row * c->cols + col];
}

/* Cells that can be written from here: within the width and the screen. */
static unsigned room(const struct canvas *c, unsigned row, unsigned col, unsigned width)
{
	if (row >= c->rows || col >= c->cols)
		return 0;
	return width < c->cols - col ? width : c->cols - col;
}

/* Puts one character; halves of wide ones that it cuts become blanks. */
static void put(struct canvas *c, unsigned row, unsigned col, enum meaning meaning, const struct glyph *g)
{
	struct cell *at = cell_at(c, row, col);

	if (at->width == 0 && col > 0)
		*cell_at(c, row, col - 1) = (struct cell){ .text = " ", .width = 1, .meaning = at->meaning };
	if (col + g->width < c->cols && cell_at(c, row, col + g->width)->width == 0)
		*cell_at(c, row, col + g->width) = (struct cell){ .text = " ", .width = 1, .meaning = at->meaning };
	*at = (struct cell){ .width = g->width, .meaning = (uint8_t)meaning };
	memcpy(at->text, g->text, sizeof(at->text));
	if (g->width == 2)
		*cell_at(c, row, col + 1) = (struct cell){ .width = 0, .meaning = (uint8_t)meaning };
}

unsigned canvas_sign(struct canvas *c, unsigned row, unsigned col, enum meaning meaning, enum symbol sign)
{
	struct glyph g = { .width = 1 };

	if (room(c, row, col, 1) == 0)
		return col;
	snprintf(g.text, sizeof(g.text), "%s", palette_sign(sign, c->ascii));
	put(c, row, col, meaning, &g);
	return col + 1;
}

/* From a reader, up to the end of the room. */
static unsigned pour(struct canvas *c, unsigned row, unsigned col, unsigned left, enum meaning meaning, struct text *t)
{
	struct glyph g;

	while (left > 0 && text_next(t, &g)) {
		if (g.width > left)
			g = (struct glyph){ .text = " ", .width = 1 };
		put(c, row, col, meaning, &g);
		col += g.width;
		left -= g.width;
	}
	return col;
}

unsigned canvas_put(struct canvas *c, unsigned row, unsigned col, unsigned width, enum meaning meaning, const char *s)
{
	struct text t = text_over(s, c->ascii);
	unsigned left = room(c, row, col, width);

	if (left == 0)
		return col;
	if (text_width(s, c->ascii) <= left)
		return pour(c, row, col, left, meaning, &t);
	col = pour(c, row, col, left - 1, meaning, &t);
	return canvas_sign(c, row, col, meaning, SIGN_MORE);
}

unsigned canvas_put_tail(struct canvas *c, unsigned row, unsigned col, unsigned width, enum meaning meaning,
			 const char *s)
{
	struct text t = text_over(s, c->ascii);
	unsigned left = room(c, row, col, width), all = text_width(s, c->ascii);
	struct glyph g;

	if (left == 0)
		return col;
	if (all <= left)
		return pour(c, row, col, left, meaning, &t);
	while (all > left - 1 && text_next(&t, &g))
		all -= g.width;
	col = canvas_sign(c, row, col, meaning, SIGN_MORE);
	return pour(c, row, col, left - 1, meaning, &t);
}

void canvas_put_right(struct canvas *c, unsigned row, unsigned col, unsigned width, enum meaning meaning, const char *s)
{
	unsigned need = text_width(s, c->ascii);

	canvas_put(c, row, need < width ? col + width - need : col, width, meaning, s);
}

unsigned canvas_printf(struct canvas *c, unsigned row, unsigned col, unsigned width, enum meaning meaning,
		       const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return canvas_put(c, row, col, width, meaning, text);
}

void canvas_bar(struct canvas *c, unsigned row, unsigned col, unsigned width, enum meaning meaning, double share)
{
	double full = !(share > 0) ? 0 : share > 1 ? 1 : share;
	unsigned cells = (unsigned)(full * width + 0.5);

	if (cells == width && full < 1 && cells > 0)
		cells--; /* full is only what is full */
	for (unsigned i = 0; i < width; i++)
		canvas_sign(c, row, col + i, i < cells ? meaning : MEANS_QUIET, i < cells ? SIGN_FULL : SIGN_EMPTY);
}

void canvas_fill(struct canvas *c, unsigned row, unsigned col, unsigned width, enum meaning meaning, const char *sign)
{
	unsigned left = room(c, row, col, width);
	struct glyph g = { .width = 1 };

	snprintf(g.text, sizeof(g.text), "%s", sign);
	for (unsigned i = 0; i < left; i++)
		put(c, row, col + i, meaning, &g);
}

void canvas_mark(struct canvas *c, unsigned row, unsigned col, unsigned width, uint8_t mark)
{
	unsigned left = room(c, row, col, width);

	for (unsigned i = 0; i < left; i++)
		cell_at(c, row, col + i)->mark |= mark;
}

void canvas_box(struct canvas *c, unsigned row, unsigned col, unsigned rows, unsigned cols, enum meaning meaning,
		const char *title)
{
	if (rows < 2 || cols < 4)
		return;
	for (unsigned r = row; r < row + rows; r++) {
		bool edge = r == row || r == row + rows - 1;

		canvas_fill(c, r, col, cols, edge ? meaning : MEANS_PLAIN,
			    edge ? palette_sign(SIGN_RULE, c->ascii) : " ");
		canvas_sign(c, r, col, meaning, edge ? r == row ? SIGN_CORNER_1 : SIGN_CORNER_3 : SIGN_SIDE);
		canvas_sign(c, r, col + cols - 1, meaning, edge ? r == row ? SIGN_CORNER_2 : SIGN_CORNER_4 : SIGN_SIDE);
	}
	if (title && *title)
		canvas_printf(c, row, col + 2, cols - 4, meaning, " %s ", title);
}

void canvas_hit(struct canvas *c, unsigned row, unsigned col, unsigned width, uint32_t key, uint64_t arg)
{
	if (c->hit_count < CANVAS_HITS_MAX && row < c->rows && col < c->cols)
		c->hits[c->hit_count++] = (struct canvas_hit){ (uint16_t)row, (uint16_t)col, (uint16_t)width, key,
							       arg };
}

const struct canvas_hit *canvas_hit_at(const struct canvas *c, unsigned row, unsigned col)
{
	for (unsigned i = c->hit_count; i-- > 0;)
		if (c->hits[i].row == row && col >= c->hits[i].col && col - c->hits[i].col < c->hits[i].width)
			return &c->hits[i];
	return NULL;
}

void canvas_row_text(const struct canvas *c, unsigned row, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned col = 0; row < c->rows && col < c->cols; col++) {
		const struct cell *at = canvas_at(c, row, col);
		size_t n = strlen(at->text);

		if (len + n + 1 > cap)
			break;
		memcpy(out + len, at->text, n + 1);
		len += n;
	}
	while (len > 0 && out[len - 1] == ' ')
		out[--len] = '\0';
}
