/*
 * The baseline: every radio walks its own share of the channel list and stays a fixed time on each, as Kismet does
 * (five hops a second). It looks at nothing else, except that it lets an open handshake end, and does what every policy
 * owes the view (attend.c). It weighs no work, so how many devices a broadcast serves makes no difference to it.
 */
#include <assert.h>

#include "station/schedule/attend.h"

#define DWELL_US 200000u
#define GRACE_US 20000u

/* Channel i belongs to the usable radio i mod n, in the order of the radios. */
static bool mine(const struct schedule_view *view, size_t radio, size_t channel)
{
	size_t usable = 0, rank = 0;

	for (size_t i = 0; i < view->radio_count; i++) {
		if (i == radio)
			rank = usable;
		usable += view->radios[i].usable;
	}
	assert(rank <= radio && usable <= view->radio_count);
	return usable > 0 && channel % usable == rank && (view->radios[radio].channels & 1ull << channel) &&
	       (view->channels[channel].owner == SCHEDULE_NONE || view->channels[channel].owner == radio);
}

static struct schedule_decision wish(const struct schedule_view *view, size_t radio)
{
	const struct schedule_radio *r = &view->radios[radio];
	struct schedule_decision d = { .go = SCHEDULE_NONE,
				       .look_again_us = view->now_us + DWELL_US,
				       .reason = "dwell" };
	size_t here = SCHEDULE_NONE;

	for (size_t i = 0; i < view->channel_count; i++)
		if (r->freq_mhz && view->channels[i].freq_mhz == r->freq_mhz)
			here = i;
	if (here != SCHEDULE_NONE && view->now_us < r->arrived_us + DWELL_US) {
		d.look_again_us = r->arrived_us + DWELL_US;
		return d;
	}
	if (here != SCHEDULE_NONE && view->channels[here].unsafe) {
		d.look_again_us = view->now_us + GRACE_US;
		return d;
	}
	for (size_t step = 1; step <= view->channel_count; step++) {
		size_t i = ((here == SCHEDULE_NONE ? view->channel_count - 1 : here) + step) % view->channel_count;

		if (i != here && mine(view, radio, i)) {
			d.go = i;
			d.reason = "hop";
			return d;
		}
	}
	return d;
}

static struct schedule_decision decide(const struct schedule_view *view, size_t radio)
{
	return schedule_attend(view, radio, wish(view, radio));
}

static size_t place(const struct schedule_view *view, size_t home)
{
	(void)view;
	return home;
}

const struct schedule_policy schedule_round_robin = { "round-robin", decide, place };
