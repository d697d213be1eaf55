/*
 * Text from anywhere, made fit for the cells of a terminal: UTF-8 read strictly, widths as the C library has them
 * (wcwidth), what a terminal would obey written out. A serial number or a reason may hold anything; on the screen it
 * is characters, never commands and never other people's cells.
 *
 *   controls, marks of direction, joiners, private and unassigned   \x1b \u202e
 *   octets that are no UTF-8                                        \xff
 *   combining marks                                                 up to two with their character, the rest is left
 *                                                                   out
 *   ASCII terminals                                                 ? for what they cannot show
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_GLYPH_MAX 12u /* octets: a character and two marks */

struct glyph {
	char text[TEXT_GLYPH_MAX + 1];
	uint8_t width; /* cells: 1 or 2 */
};

/* layout is ours */
struct text {
	const char *at;
	char escape[12];
	uint8_t escape_at, escape_len;
	bool ascii;
};

/* `s` must outlive the reader and end with NUL; NULL is empty. */
struct text text_over(const char *s, bool ascii);
/* The next character; false at the end. */
bool text_next(struct text *text, struct glyph *out);

/* Cells that all of it takes. */
unsigned text_width(const char *s, bool ascii);

/* One character of UTF-8, strictly (no overlong form, no surrogate). Gives its octets; 0 at NUL; -1: no UTF-8. */
int text_decode(const char *s, uint32_t *code);
/* Writes a character as UTF-8 and a NUL; gives its octets. */
unsigned text_encode(uint32_t code, char out[static 5]);
/* Copies as many whole characters as fit; always ends with NUL. */
void text_copy(char *out, size_t cap, const char *s);
/* Takes the last character off. */
void text_chop(char *s);
/* Letters of ASCII without case, the rest as it is. An empty needle is everywhere. */
bool text_has(const char *hay, const char *needle, size_t needle_len);
