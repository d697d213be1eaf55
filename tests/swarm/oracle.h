/*
 * What must be true after each life of a lot, however it ended: of the record alone, and of the record and the flash of
 * every device together. What a device holds, the record knows; what the record says has passed, a device holds; what
 * somebody was told has passed, has; nothing was given twice.
 */
#pragma once

#include "tests/swarm/life.h"

#define FINDINGS_MAX 6
#define FINDING_LEN 300

/* Zero it. */
struct findings {
	unsigned passed; /* units on record, when it last looked at the devices */
	unsigned count;
	/* "word: sentence"; the word stays the same when the lot becomes smaller */
	char text[FINDINGS_MAX][FINDING_LEN];
};

__attribute__((format(printf, 3, 4))) void find(struct findings *findings, const char *word, const char *format, ...);
/* Of how the life ended by itself. */
void oracle_end(const struct plan_life *life, const struct life_news *news, struct findings *findings);
/*
 * Of what it left. `honest`: the disk has kept what it had said yes to, in this life and all before it; where it has
 * not, the record is behind the devices, and that alone is no finding.
 */
void oracle_record(const struct place *place, const struct plan *plan, const struct plan_life *life,
		   const struct life_news *news, bool honest, struct findings *findings);

/* What has struck, of a plan's faults: for the tables at the end. */
void oracle_struck(const struct place *place, const struct plan *plan, uint64_t now_us, bool struck[PLAN_FAULTS_MAX]);
