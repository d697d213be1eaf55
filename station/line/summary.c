/*
 * The figures of a run: counts, makespan, the lower bound, percentiles.
 */
#include <stdlib.h>
#include <string.h>

#include "station/line/lane.h"
#include "station/line/units.h"

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct schedule_bound bound(const struct line *line)
{
	struct schedule_bound_unit *units = calloc(line->unit_count + 1, sizeof(*units));
	struct schedule_bound b = { 0 };
	size_t n = 0;

	if (!units)
		return b;
	for (size_t i = 0; i < line->unit_count; i++) {
		const struct unit *u = line->units[i];

		if (u->outcome_us == 0)
			continue;
		units[n++] = (struct schedule_bound_unit){ .release_us = u->release_us > line->started_us
										 ? u->release_us - line->started_us
										 : 0,
							   .chain_us = u->air_us + u->device_us + u->prescribed_us,
							   .air_us = u->air_us };
	}
	b = schedule_lower_bound(units, n, line->lane_count, line->channel_count);
	free(units);
	return b;
}

void line_summarize(const struct line *line, struct line_summary *out)
{
	*out = (struct line_summary){
		.lot = line->job->lot,
		.batch = line->start.batch,
		.quantity = line->job->quantity,
		.seen = line->seen,
		.passed = line->passed,
		.failed = line->failed,
		.quarantined = line->quarantined,
		.held = line->held,
		.unfinished = line->seen - line->settled,
		.in_flight = (unsigned)line->session_count,
		.missing = line->job->quantity > line->seen ? line->job->quantity - line->seen : 0,
		.strangers = (unsigned)line->stranger_map.count,
		.passed_before = line->start.passed,
		.first_pass = line->first_pass,
		.retries = line->retries,
		.makespan_us = line->last_outcome_us > line->started_us ? line->last_outcome_us - line->started_us : 0,
		.bound = bound(line),
		.consecutive_fail = line->consecutive_fail,
		.resumed = line->start.resumed,
		.stopped = line->stopping,
		.held_up = line->held_up,
		.policy = line->o.policy->name,
		.session_octets = line->session_octets,
		.frames = line->frames,
		.octets = line->octets,
		.failure = journal_failed(line->o.journal),
	};
	for (size_t i = 0; i < line->lane_count; i++)
		out->switches += line->lanes[i].switches;
	if (line->chain_count > 0) {
		uint64_t *sorted = malloc(line->chain_count * sizeof(*sorted));

		if (sorted) {
			memcpy(sorted, line->chains, line->chain_count * sizeof(*sorted));
			qsort(sorted, line->chain_count, sizeof(*sorted), by_value);
			out->chain_p50_us = sorted[line->chain_count / 2];
			out->chain_p95_us = sorted[line->chain_count * 95 / 100];
			free(sorted);
		}
	}
}
