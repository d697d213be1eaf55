/*
 * A station's hold on an adapter: a locked file that names the interfaces it took down, so that whoever comes next
 * can give them back, the process killed or not. Files lie in $RUNTIME_DIRECTORY, /run/millrace or
 * $XDG_RUNTIME_DIR/millrace; the lock ends with the process.
 *
 *	claim_take -> { claim_note } ... -> claim_release
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CLAIM_PATH_MAX 160

struct claim {
	int fd; /* -1: not held */
	char path[CLAIM_PATH_MAX];
};

/*
 * `adapter`: its path ("1-1.2"). 0; -EBUSY: another living process has it; else -errno; reason in `error`.
 * What a dead holder took is given back first.
 */
int claim_take(struct claim *claim, const char *adapter, char *error, size_t error_len);
/* Written before the interface is taken down: it was up. */
int claim_note(struct claim *claim, const char *interface);
/* Brings up what was noted, forgets the claim. */
void claim_release(struct claim *claim);

/* The process that holds the adapter; 0: nobody. */
int claim_holder(const char *adapter);

typedef void claim_fn(void *ctx, const char *interface, int error);
/* Gives back everything that dead holders took. How many interfaces. */
int claims_restore(claim_fn *fn, void *ctx);
