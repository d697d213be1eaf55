/*
 * Codes as black and white modules, whichever kind they are: QR by libqrencode (ISO/IEC 18004), Code 128 here
 * (ISO/IEC 15417). What is drawn, previewed and sent to a printer is this one matrix.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_SIDE_MAX 177   /* modules of a QR code of version 40 */
#define CODE128_TEXT_MAX 80 /* octets */

enum code_correction { CODE_L, CODE_M, CODE_Q, CODE_H }; /* 7, 15, 25, 30 % */

struct label_code {
	unsigned columns, rows; /* rows is 1 for Code 128 */
	unsigned quiet;		/* modules that must stay white around it: 4 (sides of Code 128: 10) */
	uint8_t *black;		/* columns * rows, 0 or 1 */
};

/* Text in UTF-8, the shortest of numeric, alphanumeric and octet mode. false: too long for a code, or no memory. */
bool code_qr(struct label_code *code, const char *text, enum code_correction correction);
/* 1 to 80 octets of ASCII: sets A, B and C as is shortest, with check character and stop. false: empty, too long, or an
 * octet above 127. */
bool code_128(struct label_code *code, const char *text, size_t len);
void code_wipe(struct label_code *code);

static inline bool code_is_black(const struct label_code *code, unsigned column, unsigned row)
{
	return column < code->columns && row < code->rows && code->black[row * code->columns + column];
}

/* The symbol characters of a text, start, check and stop included: values 0 to 106. 0: not possible. */
size_t code128_characters(const char *text, size_t len, uint8_t out[static 2 * CODE128_TEXT_MAX + 3]);
