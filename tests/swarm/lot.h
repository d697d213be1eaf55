/*
 * One lot of the swarm from its first life to its last, with the oracle after each; and the smallest lot that still
 * shows what was found.
 */
#pragma once

#include <stdatomic.h>

#include "tests/swarm/oracle.h"

#define FAULT_KINDS_MAX 48
#define METHODS_MAX 10

/* Over all lots and workers: how often a thing was drawn, and how often it came to pass. */
struct tally {
	atomic_uint lots, lives, failures, passed, whole_missing;
	atomic_uint methods[METHODS_MAX];
	atomic_uint kinds_drawn[LIFE_KIND_COUNT], kinds_struck[LIFE_KIND_COUNT];
	atomic_uint disks_drawn[DISK_KIND_COUNT], disks_struck[DISK_KIND_COUNT];
	atomic_uint faults_drawn[FAULT_KINDS_MAX], faults_struck[FAULT_KINDS_MAX];
	atomic_uint lost; /* lives whose disk lost what it had said yes to */
};

/* What a lot did, for who asks whether it does so again. */
struct lot_print {
	unsigned lives;
	struct {
		enum life_end end;
		unsigned events, passed, syncs[DISK_PLACES];
		uint64_t now_us;
	} life[PLAN_LIVES_MAX];
};

/* What a worker has; the memory is shared with its children. */
struct bench {
	const char *dir, *keys; /* of its own; of all */
	struct life_news *news;
	struct findings *findings;
	struct tally *tally; /* NULL: not counted */
	bool talks;	     /* a line for each life, on standard output */
	bool keeps;	     /* the folder, with record and flash as the last life left them, and a log of all */
};

/* Runs it; what was found is in bench->findings. */
void lot_run(const struct bench *bench, const struct plan *plan, struct lot_print *print);
/* Makes it smaller as long as the first finding stays the same word. */
void lot_shrink(const struct bench *bench, struct plan *plan, unsigned runs_max);
