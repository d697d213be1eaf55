/*
 * Faults in SQL, as db/ writes it: keywords are in capitals. A term that is dropped is true; what it kept out comes in.
 */
#include "tests/mutate/faults.h"

#include <stdint.h>
#include <string.h>

static bool is_one_of(const struct tokens *t, size_t i, const char *const list[])
{
	for (; *list; list++)
		if (token_is(t, i, *list))
			return true;
	return false;
}

/* The last token of the term that begins at `i`. */
static size_t term_end(const struct tokens *t, size_t i)
{
	static const char *const ends[] = { "AND",   "OR",	  "GROUP", "ORDER",  "LIMIT",  "UNION",	 "JOIN",
					    "LEFT",  ")",	  ";",	   "THEN",   "WHEN",   "ELSE",	 "END",
					    "WHERE", "RETURNING", "BEGIN", "HAVING", "EXCEPT", "WINDOW", NULL };
	bool between = false;

	while (i + 1 < t->count) {
		if (t->list[i].match != SIZE_MAX && t->list[i].match > i)
			i = t->list[i].match;
		if (token_is(t, i, "BETWEEN"))
			between = true;
		if (between && token_is(t, i + 1, "AND"))
			between = false;
		else if (is_one_of(t, i + 1, ends))
			break;
		i++;
	}
	return i;
}

/* ON of a join, not of a trigger, an index or a conflict. */
static bool is_join(const struct tokens *t, size_t i)
{
	for (size_t back = 1; back <= 4 && back <= i; back++)
		if (token_is(t, i - back, "JOIN"))
			return true;
	return i > 0 && token_is(t, i - 1, ")") && !token_is(t, i + 1, "CONFLICT");
}

static void in_signs(struct faults *f, const struct tokens *t, size_t first, size_t last)
{
	static const struct {
		const char *is, *becomes, *kind;
	} table[] = {
		{ "<", "<=", "boundary" }, { "<=", "<", "boundary" },	{ ">", ">=", "boundary" },
		{ ">=", ">", "boundary" }, { "=", "<>", "comparison" }, { "<>", "=", "comparison" },
	};

	for (size_t i = first; i <= last; i++) {
		if (token_is(t, i, "(") && token_is(t, i + 1, "SELECT")) /* its own terms are looked at by themselves */
			i = t->list[i].match;
		for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++)
			if (token_is(t, i, table[k].is))
				faults_add(f, t, table[k].kind, i, i, "%s", table[k].becomes);
	}
}

static void in_term(struct faults *f, const struct tokens *t, size_t i)
{
	bool where = token_is(t, i, "WHERE") || token_is(t, i, "AND") || token_is(t, i, "HAVING");
	bool join = token_is(t, i, "ON") && is_join(t, i);
	size_t last;

	if (!where && !join && !token_is(t, i, "WHEN") && !token_is(t, i, "OR"))
		return;
	last = term_end(t, i + 1);
	if (where || join)
		faults_add(f, t, join ? "join" : "where", i + 1, last, "1");
	in_signs(f, t, i + 1, last);
}

static void in_order(struct faults *f, const struct tokens *t, size_t i)
{
	size_t last = i + 2;

	if (token_is(t, i, "DESC"))
		faults_add(f, t, "order", i, i, " ");
	if (!token_is(t, i, "ORDER") || !token_is(t, i + 1, "BY"))
		return;
	if (t->list[last + 1].match != SIZE_MAX && t->list[last + 1].match > last + 1)
		last = t->list[last + 1].match;
	if (!token_is(t, last + 1, "DESC") && !token_is(t, last + 1, "."))
		faults_add(f, t, "order", last, last, "%.*s DESC", (int)t->list[last].len, t->list[last].at);
}

static void in_word(struct faults *f, const struct tokens *t, size_t i)
{
	if (token_is(t, i, "LEFT") && token_is(t, i + 1, "JOIN"))
		faults_add(f, t, "join", i, i, " ");
	if (token_is(t, i, "DISTINCT"))
		faults_add(f, t, "word", i, i, " ");
	if ((token_is(t, i, "max") || token_is(t, i, "min")) && token_is(t, i + 1, "("))
		faults_add(f, t, "word", i, i, "%s", token_is(t, i, "max") ? "min" : "max");
	if (t->list[i].kind == TOKEN_TEXT && t->list[i].len > 3 && !memchr(t->list[i].at, ' ', t->list[i].len))
		faults_add(f, t, "word", i, i, "'x%.*s", (int)t->list[i].len - 1, t->list[i].at + 1);
}

/* UPDATE ... SET a = ?, b = ?: one of them is forgotten. */
static void in_set(struct faults *f, const struct tokens *t, size_t i)
{
	size_t first = i + 1;

	if (!token_is(t, i, "SET"))
		return;
	for (size_t k = first; k < t->count && !token_is(t, k, "WHERE") && !token_is(t, k, ";"); k++) {
		if (t->list[k].match != SIZE_MAX && t->list[k].match > k)
			k = t->list[k].match;
		if (token_is(t, k + 1, ",")) {
			faults_add(f, t, "column", first, k + 1, " ");
			first = k + 2;
		}
	}
}

void faults_in_sql(const struct tokens *t, struct faults *out)
{
	for (size_t i = 1; i < t->count; i++) {
		in_term(out, t, i);
		in_order(out, t, i);
		in_word(out, t, i);
		in_set(out, t, i);
		if (t->list[i].kind == TOKEN_NUMBER && !token_is(t, i - 1, "?") && !token_is(t, i - 1, "SELECT"))
			faults_number(out, t, i);
	}
}
