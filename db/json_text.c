#include "db/json_text.h"

#include <assert.h>
#include <string.h>

#include "db/text.h"

struct reader {
	const char *at; /* ends with NUL, which no value takes */
	unsigned depth;
};

static bool take_value(struct reader *in);

static void skip_blanks(struct reader *in) { in->at += strspn(in->at, " \t\n\r"); }

static bool take(struct reader *in, char c)
{
	if (*in->at != c)
		return false;
	in->at++;
	return true;
}

static bool take_word(struct reader *in, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(in->at, word, len) != 0)
		return false;
	in->at += len;
	return true;
}

static bool take_beyond_ascii(struct reader *in)
{
	size_t len = text_character(in->at);

	in->at += len;
	return len > 0;
}

static bool take_escaped(struct reader *in)
{
	if (*in->at == 'u') {
		in->at++;
		if (strspn(in->at, "0123456789abcdefABCDEF") < 4)
			return false;
		in->at += 4;
		return true;
	}
	if (*in->at == '\0' || !strchr("\"\\/bfnrt", *in->at))
		return false;
	in->at++;
	return true;
}

static bool take_string(struct reader *in)
{
	if (!take(in, '"'))
		return false;
	while (*in->at != '"') {
		unsigned char c = (unsigned char)*in->at;

		if (c < 0x20 || (c >= 0x80 && !take_beyond_ascii(in)))
			return false;
		if (c >= 0x80)
			continue;
		in->at++;
		if (c == '\\' && !take_escaped(in))
			return false;
	}
	return take(in, '"');
}

static bool take_digits(struct reader *in)
{
	size_t count = strspn(in->at, "0123456789");

	in->at += count;
	return count > 0;
}

static bool take_number(struct reader *in)
{
	(void)take(in, '-');
	if (!take(in, '0') && !take_digits(in))
		return false;
	if (take(in, '.') && !take_digits(in))
		return false;
	if (take(in, 'e') || take(in, 'E')) {
		if (!take(in, '+'))
			(void)take(in, '-');
		return take_digits(in);
	}
	return true;
}

/* What is between two brackets; `named`: each with a name before it. */
static bool take_members(struct reader *in, char end, bool named)
{
	skip_blanks(in);
	if (take(in, end))
		return true;
	do {
		skip_blanks(in);
		if (named) {
			if (!take_string(in))
				return false;
			skip_blanks(in);
			if (!take(in, ':'))
				return false;
		}
		if (!take_value(in))
			return false;
	} while (take(in, ','));
	return take(in, end);
}

/* One value and the blanks on both sides of it. */
static bool take_value(struct reader *in)
{
	bool taken;

	assert(in->depth <= JSON_TEXT_DEPTH_MAX);
	skip_blanks(in);
	if (*in->at == '{' || *in->at == '[') {
		bool object = *in->at == '{';

		if (in->depth == JSON_TEXT_DEPTH_MAX)
			return false;
		in->at++;
		in->depth++;
		taken = take_members(in, object ? '}' : ']', object);
		in->depth--;
	} else if (*in->at == '"') {
		taken = take_string(in);
	} else {
		taken = take_word(in, "true") || take_word(in, "false") || take_word(in, "null") || take_number(in);
	}
	skip_blanks(in);
	return taken;
}

bool json_text_is_object(const char *text)
{
	struct reader in = { .at = text };
	size_t len = strlen(text);
	bool whole;

	if (len < 2 || text[0] != '{' || text[len - 1] != '}')
		return false;
	whole = take_value(&in) && *in.at == '\0';
	assert(in.depth == 0 || !whole);
	assert(in.at <= text + len);
	return whole;
}
