#include "station/label/scan.h"

#include <ctype.h>
#include <string.h>

#define STX 0x02
#define ETX 0x03
#define EOT 0x04
#define SEPARATORS_FROM 0x1c /* FS, GS, RS, US */
#define SEPARATORS_TO 0x1f

static bool goes_before(char c) { return c == ' ' || c == '\r' || c == '\n' || c == STX; }

static bool goes_behind(char c) { return c == ' ' || c == '\r' || c == '\n' || c == '\t' || c == ETX || c == EOT; }

/* "]", a letter for the symbology, a letter or digit for its options. */
static bool is_identifier(const char *at, size_t len)
{
	return len > 3 && at[0] == ']' && isalpha((unsigned char)at[1]) && isalnum((unsigned char)at[2]);
}

const char *scan_plain(const char *text, size_t text_len, size_t *from, size_t *len)
{
	bool other = false;

	*from = 0;
	*len = text_len;
	while (*len > 0 && goes_behind(text[*len - 1]))
		--*len;
	while (*len > 0 && goes_before(text[*from])) {
		++*from;
		--*len;
	}
	if (is_identifier(text + *from, *len)) {
		*from += 3;
		*len -= 3;
	}
	if (*len == 0)
		return "nothing was scanned";
	for (size_t i = *from; i < *from + *len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= SEPARATORS_FROM && c <= SEPARATORS_TO)
			return "several fields are in it, with a separator between them; no code of ours has that";
		other |= c < 0x20 || c == 0x7f;
	}
	return other ? "control characters are in it, and in no label's code" : NULL;
}

bool scan_caps_lock(const char *text, size_t len, char *out)
{
	bool letters = false;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		letters |= c < 0x80 && isalpha(c);
		out[i] = (char)(c >= 0x80 ? c : isupper(c) ? tolower(c) : toupper(c));
	}
	out[len] = '\0';
	return letters;
}
