/*
 * What the parts of the reader share while a job is being read. Only station/job looks inside.
 */
#pragma once

#include "station/job/keys.h"

#define KEYS_MAX 128 /* rows of job_keys; asserted */

struct reading {
	struct job *job;
	struct node *root;
	struct complaints *c;
	bool bad[KEYS_MAX]; /* per row: already complained about, no use to reason on it */
};

/* Settings that are good alone and wrong together. */
void job_find_contradictions(struct reading *r);
