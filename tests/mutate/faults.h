/*
 * Faults that can be planted in a text, one at a time: where, of which kind, and what stands there then.
 * faults_in_c and faults_in_sql know the languages as far as that needs; they look at tokens, not at meanings, so some
 * of what they plant does not compile (who runs them draws another one) and some changes nothing that anybody could
 * see.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum token_kind { TOKEN_WORD, TOKEN_NUMBER, TOKEN_TEXT, TOKEN_SIGN, TOKEN_DEFINE };

/* Part of a text, which outlives it. TOKEN_DEFINE: the name in `#define NAME value`, whose tokens follow. */
struct token {
	enum token_kind kind;
	const char *at;
	size_t len;
	size_t match; /* of a bracket: its partner; SIZE_MAX: none */
	bool ends;    /* the last one of a #define */
};

struct tokens {
	const char *text;
	size_t text_len;
	struct token *list;
	size_t count;
};

/* `sql`: comments and keywords of db/. The caller frees `list`. */
struct tokens tokens_of(const char *text, size_t len, bool sql);
bool token_is(const struct tokens *t, size_t i, const char *text); /* false beyond the end */
bool token_begins(const struct tokens *t, size_t i, const char *prefix);

struct fault {
	const char *kind;
	size_t at, len;	   /* the octets that go */
	char *replacement; /* what comes; its own memory */
};

struct faults {
	struct fault *list;
	size_t count, room;
};

void faults_in_c(const struct tokens *t, struct faults *out);
void faults_in_sql(const struct tokens *t, struct faults *out);
/* Octets from the first to the last of two tokens become what the format says. */
void faults_add(struct faults *f, const struct tokens *t, const char *kind, size_t first, size_t last,
		const char *format, ...) __attribute__((format(printf, 6, 7)));
void faults_free(struct faults *f);
/* A number, and what may follow it; "": none is worth it. */
void faults_number(struct faults *f, const struct tokens *t, size_t i);
