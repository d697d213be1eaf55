/* What all readers of people's text files have in common: editors and spreadsheets under every system wrote them. */
#pragma once

#include <stddef.h>
#include <string.h>

/* Octets of the byte order mark that a file begins with; it is no part of its text. */
static inline size_t text_mark_len(const char *text, size_t len)
{
	return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* Octets of the line end at `at`: LF, CR LF, or a CR alone; 0: none is there. */
static inline size_t text_line_end(const char *at, const char *end)
{
	if (at < end && *at == '\n')
		return 1;
	if (at < end && *at == '\r')
		return at + 1 < end && at[1] == '\n' ? 2 : 1;
	return 0;
}
