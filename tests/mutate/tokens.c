#include "tests/mutate/faults.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static void add(struct tokens *t, enum token_kind kind, const char *at, size_t len)
{
	struct token *list = t->list;

	if ((t->count & (t->count - 1)) == 0 && !(list = realloc(list, (t->count ? t->count * 2 : 1) * sizeof(*list))))
		abort();
	t->list = list;
	list[t->count++] = (struct token){ .kind = kind, .at = at, .len = len, .match = SIZE_MAX };
}

/* Behind a comment that begins at `at`; `at`: none does. */
static const char *skip_comment(const char *at, const char *end, bool sql)
{
	bool line = end - at >= 2 && memcmp(at, sql ? "--" : "//", 2) == 0;
	const char *close;

	if (line) {
		close = memchr(at, '\n', (size_t)(end - at));
		return close ? close : end;
	}
	if (end - at < 2 || memcmp(at, "/*", 2) != 0)
		return at;
	close = strstr(at + 2, "*/");
	return close ? close + 2 : end;
}

static size_t quoted(const char *at, const char *end, bool sql)
{
	const char *p = at + 1;

	while (p < end && *p != *at)
		p += *p == '\\' && !sql ? 2 : 1;
	return (size_t)(p < end ? p + 1 - at : end - at);
}

static size_t sign(const char *at, size_t left)
{
	static const char *const signs[] = {
		"...", "<<=", ">>=", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=",
		"&&",  "||",  "+=",  "-=", "*=", "/=", "%=", "&=", "|=", "^=", "##", "<>"
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (strlen(signs[i]) <= left && memcmp(at, signs[i], strlen(signs[i])) == 0)
			return strlen(signs[i]);
	return 1;
}

/* A line of the preprocessor, with its continuations: nothing of it is looked at but a name that gets a value. */
static const char *preprocessor(struct tokens *t, const char *at, const char *end)
{
	const char *p = at, *line = memchr(at, '\n', (size_t)(end - at));
	size_t len = 0;

	while (line && line[-1] == '\\')
		line = memchr(line + 1, '\n', (size_t)(end - line - 1));
	line = line ? line : end;
	if (strncmp(p, "#define ", 8) != 0)
		return line;
	for (p += 8; is_word(p[len]);)
		len++;
	if (p[len] != ' ' || memchr(p, '\n', (size_t)(line - p)))
		return line;
	add(t, TOKEN_DEFINE, p, len);
	return p + len;
}

static void pair(struct tokens *t)
{
	size_t *open = calloc(t->count + 1, sizeof(*open)), depth = 0;

	if (!open)
		abort();
	for (size_t i = 0; i < t->count; i++) {
		char c = t->list[i].kind == TOKEN_SIGN ? *t->list[i].at : ' ';

		if (c == '(' || c == '[' || c == '{')
			open[depth++] = i;
		if ((c == ')' || c == ']' || c == '}') && depth > 0) {
			t->list[i].match = open[--depth];
			t->list[open[depth]].match = i;
		}
	}
	free(open);
}

struct tokens tokens_of(const char *text, size_t len, bool sql)
{
	struct tokens t = { .text = text, .text_len = len };
	const char *end = text + len, *define = NULL;

	for (const char *at = text; at < end;) {
		const char *behind = skip_comment(at, end, sql);
		size_t n = 1;

		if (define && at >= define && t.count > 0) {
			t.list[t.count - 1].ends = true;
			define = NULL;
		}
		if (behind != at) {
			at = behind;
			continue;
		}
		if (!sql && *at == '#' && (at == text || at[-1] == '\n')) {
			size_t before = t.count;

			at = preprocessor(&t, at, end);
			define = t.count > before ? memchr(at, '\n', (size_t)(end - at)) : NULL;
			continue;
		}
		if (*at == '"' || *at == '\'') {
			n = quoted(at, end, sql);
			add(&t, TOKEN_TEXT, at, n);
		} else if (is_word(*at)) {
			while (at + n < end && (is_word(at[n]) || (isdigit((unsigned char)*at) && at[n] == '.')))
				n++;
			add(&t, isdigit((unsigned char)*at) ? TOKEN_NUMBER : TOKEN_WORD, at, n);
		} else if (!isspace((unsigned char)*at)) {
			n = sign(at, (size_t)(end - at));
			add(&t, TOKEN_SIGN, at, n);
		}
		at += n;
	}
	pair(&t);
	return t;
}

bool token_is(const struct tokens *t, size_t i, const char *text)
{
	return i < t->count && t->list[i].len == strlen(text) && memcmp(t->list[i].at, text, t->list[i].len) == 0;
}

bool token_begins(const struct tokens *t, size_t i, const char *prefix)
{
	return i < t->count && t->list[i].len >= strlen(prefix) && memcmp(t->list[i].at, prefix, strlen(prefix)) == 0;
}
