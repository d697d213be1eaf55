/* Hexadecimal text to octets, for the vectors in tests; spaces and line ends between digits do not count. */
#pragma once

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

static inline size_t hex(const char *text, uint8_t *out, size_t cap)
{
	size_t len = 0;

	for (const char *at = text; *at; at++) {
		unsigned octet;

		if (isspace((unsigned char)*at))
			continue;
		assert(len < cap && sscanf(at, "%2x", &octet) == 1 && isxdigit((unsigned char)at[1]));
		out[len++] = (uint8_t)octet;
		at++;
	}
	return len;
}
