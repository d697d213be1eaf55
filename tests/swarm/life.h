/*
 * One life of the station: a process of its own runs the lot until it is done or dies as planned. What it has told
 * anybody, and how it ended, is left in memory that outlives it.
 */
#pragma once

#include "station/line/line.h"
#include "tests/swarm/plan.h"

#define TOLD_MAX 64 /* above PLAN's most devices */

/* Where a lot lives; each in a folder of its own. */
struct place {
	char dir[64], job[96], labels[96], db[96], flash[128], keys[96];
	char log[96]; /* "": none is written */
};

enum life_end {
	ENDED,	 /* by itself */
	DIED,	 /* as planned */
	REFUSED, /* it did not begin: `error` says why */
	CRASHED, /* by another signal than the planned one, or an assertion */
	HUNG,	 /* used more of the processor than any lot does, or slept on */
};

/* Zero it, in memory that is shared with the child. */
struct life_news {
	enum life_end end;
	int signal;  /* CRASHED */
	bool struck; /* what was planned to end this life, or to disturb it, has come */
	unsigned events;
	uint64_t now_us; /* of the last event, in this life */
	/* Units that somebody was told have passed, in any life of this lot. */
	unsigned told_count;
	uint8_t told[TOLD_MAX][6];
	struct disk_news disk;
	struct line_summary summary;
	char error[512], failure[320];
};

/* `told` and what else belongs to all lives of the lot stays; the rest is of this one. */
void life_run(const struct place *place, const struct plan *plan, const struct plan_life *life, struct life_news *news);
