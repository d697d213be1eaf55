/*
 * Faults in C. A look at each token: what begins here that could be wrong? Asserts are left alone (they say what must
 * hold and change nothing), and so is the log.
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

static bool is_word(const struct tokens *t, size_t i) { return i < t->count && t->list[i].kind == TOKEN_WORD; }

static bool is_control(const struct tokens *t, size_t i)
{
	static const char *const words[] = { "if",     "for",	   "while",	    "switch",  "return", "sizeof",
					     "do",     "else",	   "case",	    "goto",    "static", "const",
					     "struct", "enum",	   "union",	    "break",   "int",	 "void",
					     "assert", "continue", "static_assert", "default", NULL };

	return is_one_of(t, i, words) || token_begins(t, i, "log_") || token_begins(t, i, "scoped");
}

static bool is_wipe(const struct tokens *t, size_t i)
{
	static const char *const words[] = { "mr_wipe", "OPENSSL_cleanse", "explicit_bzero", NULL };

	return is_one_of(t, i, words);
}

/* Of its statement, the semicolon; 0: it is none. */
static size_t statement_end(const struct tokens *t, size_t i)
{
	for (; i < t->count; i++) {
		if (token_is(t, i, ";"))
			return i;
		if (token_is(t, i, "}") || t->list[i].kind == TOKEN_DEFINE)
			return 0;
		if (t->list[i].match != SIZE_MAX && t->list[i].match > i)
			i = t->list[i].match;
	}
	return 0;
}

/* What changes something and is no declaration: a call, an assignment. */
static bool is_call(const struct tokens *t, size_t i)
{
	if (token_is(t, i, "(") && token_is(t, i + 1, "void") && token_is(t, i + 2, ")"))
		i += 3;
	return is_word(t, i) && !is_control(t, i) && token_is(t, i + 1, "(") &&
	       token_is(t, t->list[i + 1].match + 1, ";");
}

static bool is_assignment(const struct tokens *t, size_t i)
{
	static const char *const behind[] = { "->", ".",  "[",	"=",  "+=", "-=", "|=",
					      "&=", "^=", "*=", "/=", "++", "--", NULL };

	if (token_is(t, i, "++") || token_is(t, i, "--"))
		return true;
	if (token_is(t, i, "*") && is_word(t, i + 1))
		i++;
	return is_word(t, i) && !is_control(t, i) && is_one_of(t, i + 1, behind);
}

static bool has_call(const struct tokens *t, size_t first, size_t last)
{
	for (size_t i = first; i < last; i++)
		if (is_word(t, i) && !is_control(t, i) && token_is(t, i + 1, "("))
			return true;
	return false;
}

/* --- statements --- */

static void in_statement(struct faults *f, const struct tokens *t, size_t i, bool of_block)
{
	size_t end = statement_end(t, i), next;

	if (end == 0 || !(is_call(t, i) || is_assignment(t, i)))
		return;
	if (is_wipe(t, i))
		faults_add(f, t, "wipe", i, end, ";");
	else
		faults_add(f, t, is_call(t, i) ? "call" : "assignment", i, end, ";");
	next = statement_end(t, end + 1);
	/* A copy of octets before another one is as good as behind it. */
	if (of_block && next != 0 && !token_begins(t, i, "mem") && !token_begins(t, end + 1, "mem") &&
	    (is_call(t, end + 1) || is_assignment(t, end + 1)) && has_call(t, i, end) && has_call(t, end + 1, next)) {
		const char *a = t->list[i].at, *between = t->list[end].at + 1, *b = t->list[end + 1].at;

		faults_add(f, t, "order", i, next, "%.*s%.*s%.*s", (int)(t->list[next].at + 1 - b), b,
			   (int)(b - between), between, (int)(between - a), a);
	}
}

static void in_if(struct faults *f, const struct tokens *t, size_t i)
{
	size_t open = i + 1, close;
	const char *from;

	if (!token_is(t, i, "if") || !token_is(t, open, "("))
		return;
	close = t->list[open].match;
	from = t->list[open].at;
	faults_add(f, t, "condition", open, close, "(!%.*s)", (int)(t->list[close].at + 1 - from), from);
	if (has_call(t, open + 1, close))
		faults_add(f, t, "ignored", open, close, "(%.*s && 0)", (int)(t->list[close].at + 1 - from), from);
}

/* --- expressions --- */

static void in_sign(struct faults *f, const struct tokens *t, size_t i)
{
	static const struct {
		const char *is, *becomes, *kind;
	} table[] = {
		{ "<", "<=", "boundary" },   { "<=", "<", "boundary" },	   { ">", ">=", "boundary" },
		{ ">=", ">", "boundary" },   { "==", "!=", "comparison" }, { "!=", "==", "comparison" },
		{ "&&", "||", "condition" }, { "||", "&&", "condition" },
	};

	for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++)
		if (token_is(t, i, table[k].is))
			faults_add(f, t, table[k].kind, i, i, "%s", table[k].becomes);
}

static bool ends_with(const struct token *w, const char *end)
{
	return w->len > strlen(end) && memcmp(w->at + w->len - strlen(end), end, strlen(end)) == 0;
}

/* A time that is read: its name, and the name or brackets behind it that belong to it. */
static void in_time(struct faults *f, const struct tokens *t, size_t i)
{
	static const char *const behind[] = { ",", ";", ")", "+", "-", "<", ">", "<=", ">=", "}", NULL };
	static const char *const before[] = { ",",  "(",  "=",	    "+",  "-", "<", ">",
					      "<=", ">=", "return", "+=", "?", ":", NULL };
	size_t first = i, last = i;

	if (!is_word(t, i) || !(ends_with(&t->list[i], "_us") || ends_with(&t->list[i], "_ms")))
		return;
	while (first >= 2 && (token_is(t, first - 1, "->") || token_is(t, first - 1, ".")) && is_word(t, first - 2))
		first -= 2;
	if (token_is(t, i + 1, "("))
		last = t->list[i + 1].match;
	if (first > 0 && is_one_of(t, first - 1, before) && is_one_of(t, last + 1, behind))
		faults_add(f, t, "unit", last, last, "%.*s * 1000", (int)t->list[last].len, t->list[last].at);
}

static void in_word(struct faults *f, const struct tokens *t, size_t i)
{
	static const char *const words[][2] = {
		{ "true", "false" },
		{ "false", "true" },
		{ "OUTCOME_PASS", "OUTCOME_FAIL" },
		{ "OUTCOME_FAIL", "OUTCOME_ERROR" },
		{ "OUTCOME_ERROR", "OUTCOME_FAIL" },
		{ "OUTCOME_TIMEOUT", "OUTCOME_FAIL" },
		{ "OUTCOME_INTERRUPTED", "OUTCOME_ERROR" },
		{ "OUTCOME_ABORTED", "OUTCOME_FAIL" },
		{ "UNIT_FAILED", "UNIT_QUARANTINED" },
		{ "UNIT_QUARANTINED", "UNIT_FAILED" },
		{ "UNIT_PASSED", "UNIT_FAILED" },
		{ "UNIT_SEEN", "UNIT_HELD" },
		{ "UNIT_HELD", "UNIT_FAILED" },
		{ "ATTEMPT_RESUME", "ATTEMPT_AUTO_RETRY" },
		{ "ATTEMPT_AUTO_RETRY", "ATTEMPT_RESUME" },
		{ "ATTEMPT_OPERATOR_RETRY", "ATTEMPT_AUTO_RETRY" },
		{ "MR_VERDICT_PASS", "MR_VERDICT_FAIL" },
		{ "MR_VERDICT_FAIL", "MR_VERDICT_RETRY" },
		{ "MR_VERDICT_RETRY", "MR_VERDICT_FAIL" },
		{ "MR_VERDICT_QUARANTINE", "MR_VERDICT_FAIL" },
	};

	if (token_begins(t, i, "MR_CAUSE_"))
		faults_add(f, t, "cause", i, i, "%s",
			   token_is(t, i, "MR_CAUSE_NO_ANSWER") ? "MR_CAUSE_BAD_RESPONSE" : "MR_CAUSE_NO_ANSWER");
	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
		if (token_is(t, i, words[k][0]))
			faults_add(f, t, "word", i, i, "%s", words[k][1]);
}

/* `.name = value` of a list of values: without it, it is zero. */
static void in_initializer(struct faults *f, const struct tokens *t, size_t i)
{
	size_t last = i + 2;

	if (!token_is(t, i, ".") || !(token_is(t, i - 1, "{") || token_is(t, i - 1, ",")) || !token_is(t, i + 2, "="))
		return;
	while (last + 1 < t->count && !token_is(t, last + 1, ",") && !token_is(t, last + 1, "}")) {
		last++;
		if (t->list[last].match != SIZE_MAX && t->list[last].match > last)
			last = t->list[last].match;
	}
	if (token_is(t, last + 1, ","))
		last++;
	faults_add(f, t, "column", i, last, " ");
}

static void in_number(struct faults *f, const struct tokens *t, size_t i)
{
	bool index = token_is(t, i - 1, "[") && token_is(t, i + 1, "]");
	bool zeros = token_is(t, i - 1, "{") && token_is(t, i + 1, "}");
	bool shape = token_is(t, i - 1, "static");

	if (t->list[i].kind != TOKEN_NUMBER || index || zeros || shape)
		return;
	faults_number(f, t, i);
	if (t->list[i - 1].kind == TOKEN_DEFINE && ends_with(&t->list[i - 1], "_US"))
		faults_add(f, t, "unit", i, i, "%.*s * 1000", (int)t->list[i].len, t->list[i].at);
	if ((token_is(t, i - 1, "/") || token_is(t, i - 1, "*")) && token_begins(t, i, "1000"))
		faults_add(f, t, "unit", i - 1, i, " ");
}

/* --- all of it --- */

/* Where a statement may begin, `of_block`: and another one may follow. */
static bool begins_statement(const struct tokens *t, size_t i, bool *of_block)
{
	*of_block = token_is(t, i - 1, "{") || token_is(t, i - 1, "}") || token_is(t, i - 1, ";");
	if (*of_block || token_is(t, i - 1, "else") || token_is(t, i - 1, ":"))
		return true;
	if (token_is(t, i - 1, ")") && t->list[i - 1].match != SIZE_MAX) {
		size_t before = t->list[i - 1].match - 1;

		return token_is(t, before, "if") || token_is(t, before, "for") || token_is(t, before, "while");
	}
	return false;
}

static bool is_left_alone(const struct tokens *t, size_t i)
{
	return token_is(t, i, "assert") || token_is(t, i, "static_assert") || token_is(t, i, "log_write") ||
	       token_is(t, i, "log_state") || token_is(t, i, "LOG_STATION") || token_is(t, i, "__asm__");
}

void faults_in_c(const struct tokens *t, struct faults *out)
{
	size_t function_ends = 0;

	for (size_t i = 1; i < t->count; i++) {
		bool of_block;

		if (i > function_ends && token_is(t, i, "{") && token_is(t, i - 1, ")"))
			function_ends = t->list[i].match;
		if (is_left_alone(t, i) && token_is(t, i + 1, "(")) {
			i = t->list[i + 1].match;
			continue;
		}
		if (i < function_ends && begins_statement(t, i, &of_block))
			in_statement(out, t, i, of_block);
		if (i < function_ends)
			in_if(out, t, i);
		in_sign(out, t, i);
		in_time(out, t, i);
		in_word(out, t, i);
		in_initializer(out, t, i);
		in_number(out, t, i);
	}
}
