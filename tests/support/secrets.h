/*
 * A list of secrets, and a look through the whole writable memory of this process for what is left of them: heap and
 * what was given back to it, stacks and what lies below their tops, data of the program and of its libraries.
 *
 *	secrets_begin -> { secrets_note ... secrets_look } -> secrets_end
 *
 * The list holds them masked, lies in pages of its own, and a thread with a stack of its own looks, so that nobody
 * finds himself. A secret is found whole or as either half, if halves have 8 octets or more.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Until when it may be there. */
enum secret_life {
	SECRET_OF_SESSION, /* until its session is over */
	SECRET_OF_RUN,	   /* until the run is over: keys of the factory, of networks, what labels say */
};

/* Where a piece of one was found. */
struct secret_found {
	const char *what;
	unsigned turn; /* as it was noted */
	enum secret_life life;
	uintptr_t at;
	char where[200]; /* mapping, offset, the symbol before it */
};

void secrets_begin(void);
void secrets_end(void);
/*
 * `what`: static. Of fewer than 8 octets, or hardly any different ones, it is no secret and not noted. A second note
 * of the same octets changes nothing, but that OF_RUN stays.
 */
void secrets_note(const char *what, const void *at, size_t len, enum secret_life life, unsigned turn);
void secrets_forget(void); /* all of them: a new run begins */
size_t secrets_count(void);
/* Calls `found` for each piece that is there; who calls sees to what may be. In the caller's thread, afterwards. */
void secrets_look(void (*found)(void *ctx, const struct secret_found *found), void *ctx);
/* The same for the stack of the thread that calls, from where it is down to what it has ever used. Takes 0.1 ms. */
void secrets_look_below(void (*found)(void *ctx, const struct secret_found *found), void *ctx);
