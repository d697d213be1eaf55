/*
 * Where the reader of a job puts what it finds wrong: struct job_errors, in the order of the file.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Every error found (up to 20), a line each: `file:line:column: what; allowed: ...; did you mean "..."?` */
struct job_errors {
	size_t count;
	char text[20][600];
};

struct complaints {
	const char *file;
	/* "job", "batch", "config/jobs/minimal.yaml"; other readers of such files put theirs. */
	const char *what, *first_key, *example;
	struct job_errors *errors;
	uint64_t order[sizeof(((struct job_errors *)0)->text) / sizeof(((struct job_errors *)0)->text[0])];
};

/* Empties `errors`. Both must outlive `c`. */
void complaints_init(struct complaints *c, const char *file, struct job_errors *errors);
/* line and column count from 1. Those after the twentieth are dropped. */
void complain(struct complaints *c, unsigned line, unsigned column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* By line and column; call once, when all is found. */
void complaints_sort(struct complaints *c);

/* A value of the file as a message may show it: printable, the rest as \xNN, cut after 40 characters. */
struct quoted {
	char text[56];
};
struct quoted quoted(const char *text, size_t len);
