#include "station/dashboard/text.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define MARKS_MAX 2

int text_decode(const char *s, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *at = (const unsigned char *)s;
	int len = at[0] < 0x80 ? 1 : at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc0 ? 2 : 0;

	if (at[0] == 0)
		return 0;
	if (len == 0 || at[0] > 0xf4)
		return -1;
	*code = len == 1 ? at[0] : at[0] & (0xffu >> (len + 1));
	for (int i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return -1;
		*code = *code << 6 | (at[i] & 0x3fu);
	}
	if (*code < least[len] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return -1;
	return len;
}

unsigned text_encode(uint32_t code, char out[static 5])
{
	unsigned len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (unsigned i = len; i-- > 1; code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)(lead[len] | code);
	out[len] = '\0';
	return len;
}

/* Formats that reorder, hide or join: no cell of their own, and a lie about what stands beside them. */
static bool is_format(uint32_t c)
{
	return c == 0xad || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe000 && c <= 0xf8ff) || c >= 0xe0000;
}

static int width_of(uint32_t c)
{
	if (c >= 0x20 && c < 0x7f)
		return 1;
	if (c < 0xa0 || is_format(c))
		return -1;
	return wcwidth((wchar_t)c);
}

struct text text_over(const char *s, bool ascii) { return (struct text){ .at = s ? s : "", .ascii = ascii }; }

static void escape(struct text *t, uint32_t code, bool octet)
{
	t->escape_at = 0;
	t->escape_len = (uint8_t)snprintf(t->escape, sizeof(t->escape),
					  octet || code < 0x100 ? "\\x%02x"
					  : code < 0x10000	? "\\u%04x"
								: "\\U%06x",
					  code);
}

/* The marks that stand on a character; those beyond the second are passed over. */
static void take_marks(struct text *t, struct glyph *out, size_t len)
{
	uint32_t code;
	int octets;

	for (unsigned n = 0; (octets = text_decode(t->at, &code)) > 0 && code >= 0x300 && width_of(code) == 0; n++) {
		if (n < MARKS_MAX && !t->ascii) {
			memcpy(out->text + len, t->at, (size_t)octets);
			len += (size_t)octets;
		}
		t->at += octets;
	}
	out->text[len] = '\0';
}

bool text_next(struct text *t, struct glyph *out)
{
	uint32_t code;
	int octets, width;

	if (t->escape_at == t->escape_len) {
		octets = text_decode(t->at, &code);
		if (octets == 0)
			return false;
		if (octets < 0) {
			escape(t, (unsigned char)*t->at++, true);
		} else {
			width = width_of(code);
			if (width > 0 || (t->ascii && width == 0)) {
				*out = (struct glyph){ .width = t->ascii ? 1 : (uint8_t)width };
				if (t->ascii && code >= 0x7f)
					out->text[0] = '?';
				else
					memcpy(out->text, t->at, (size_t)octets);
				t->at += octets;
				take_marks(t, out, strlen(out->text));
				return true;
			}
			/* A locale without this character: an ASCII terminal gets its ?, as for others. */
			if (t->ascii && code >= 0xa0 && !is_format(code)) {
				*out = (struct glyph){ .text = "?", .width = 1 };
				t->at += octets;
				return true;
			}
			escape(t, code, false);
			t->at += octets;
		}
	}
	*out = (struct glyph){ .text = { t->escape[t->escape_at++] }, .width = 1 };
	return true;
}

unsigned text_width(const char *s, bool ascii)
{
	struct text t = text_over(s, ascii);
	struct glyph g;
	unsigned width = 0;

	while (text_next(&t, &g))
		width += g.width;
	return width;
}

void text_copy(char *out, size_t cap, const char *s)
{
	size_t len = s ? strlen(s) : 0;

	if (len >= cap) {
		len = cap - 1;
		while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
			len--;
	}
	if (len > 0)
		memcpy(out, s, len);
	out[len] = '\0';
}

void text_chop(char *s)
{
	size_t len = strlen(s);

	while (len > 0 && ((unsigned char)s[len - 1] & 0xc0) == 0x80)
		len--;
	if (len > 0)
		s[len - 1] = '\0';
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

bool text_has(const char *hay, const char *needle, size_t needle_len)
{
	if (needle_len == 0)
		return true;
	for (; *hay; hay++) {
		size_t i = 0;

		while (i < needle_len && hay[i] && lower(hay[i]) == lower(needle[i]))
			i++;
		if (i == needle_len)
			return true;
	}
	return false;
}
