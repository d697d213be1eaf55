/*
 * Text that enters the record, whoever typed it: UTF-8 (RFC 3629) that shows as it is stored. One rule for the command
 * line, the control socket and the environment; db/check.c holds every record to it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 4096	    /* octets of any text of a record; chosen: a path of Linux has as many */
#define TEXT_ACTOR_MAX 80   /* who did something */
#define TEXT_REASON_MAX 200 /* why */
#define TEXT_BADGE_MAX 64

/* Octets of the character of more than one octet at `at`, which ends with NUL; 0: none. RFC 3629 section 4: no overlong
 * form, no surrogate, nothing above U+10FFFF. */
static inline size_t text_character(const char *text)
{
	static const struct {
		unsigned char first, last, second_min, second_max;
		size_t len;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const unsigned char *at = (const unsigned char *)text;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (at[0] < forms[i].first || at[0] > forms[i].last)
			continue;
		if (at[1] < forms[i].second_min || at[1] > forms[i].second_max)
			return 0;
		for (size_t k = 2; k < forms[i].len; k++)
			if ((at[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

/*
 * A character that does not show, or shows another text than there is: C0, DEL, C1; the separators of lines and
 * paragraphs, U+2028 and U+2029; those that turn the direction of writing, U+202A to U+202E and U+2066 to U+2069.
 */
static inline bool text_is_hidden(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	if (at[0] < 0x80)
		return at[0] < 0x20 || at[0] == 0x7f;
	if (at[0] == 0xc2)
		return at[1] < 0xa0;
	return at[0] == 0xe2 &&
	       ((at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) || (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

/* NULL: it may enter, in at most `most` octets. Else half a sentence about it, to follow its name; lives for ever. */
static inline const char *text_wrong(const char *text, size_t most)
{
	const char *at = text;

	if (strnlen(text, most + 1) > most)
		return "is too long";
	while (*at) {
		size_t len = (unsigned char)*at < 0x80 ? 1 : text_character(at);

		if (len == 0)
			return "is not UTF-8";
		if (text_is_hidden(at))
			return "has characters that do not show, or that turn the writing round";
		at += len;
	}
	return NULL;
}

/* As many whole characters as `max` octets take; `out` has room for one more. */
static inline void text_cut(char *out, size_t max, const char *text)
{
	size_t len = strlen(text);

	if (len > max)
		for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
			;
	memcpy(out, text, len);
	out[len] = '\0';
}

/* The name of this machine. The kernel takes any octets for one: what is not printable ASCII becomes '?'. */
static inline void text_host(char out[static 65])
{
	memset(out, 0, 65);
	if (gethostname(out, 64) != 0)
		out[0] = '\0';
	for (char *at = out; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
}
