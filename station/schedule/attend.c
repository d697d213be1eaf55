/*
 * Deadlines, the earliest first. For each channel that awaits a radio one is chosen: who has no channel, else who has
 * nothing ready where it is, else who moves fastest. It leaves when it would just be in time, or sooner when it wishes
 * to leave anyway and could not go elsewhere first. Nobody looks further ahead: two deadlines that one radio can keep
 * only by leaving early for the first are not kept both.
 */
#include "station/schedule/attend.h"

#include <assert.h>

#define CHANNELS_MAX 64
#define RADIOS_MAX 64
/*
 * From the decision to leave until the radio moves: a call that has devices hold their answers, and two frames already
 * given to the radio. A frame that nobody acknowledges takes an MT7612U about 13 ms.
 */
#define LEAVE_US 30000u
#define LOOK_AGAIN_US 50000u
#define GRACE_US 10000u

size_t schedule_place_of(const struct schedule_view *view, size_t radio)
{
	assert(radio < view->radio_count);
	for (size_t i = 0; i < view->channel_count; i++)
		if (view->channels[i].owner == radio)
			return i;
	return SCHEDULE_NONE;
}

bool schedule_may(const struct schedule_view *view, size_t radio, size_t channel)
{
	assert(radio < view->radio_count && channel < view->channel_count);
	return view->radios[radio].usable && (view->radios[radio].channels & 1ull << channel);
}

static uint64_t attend_by_us(const struct schedule_channel *c)
{
	return c->attend_by_us == 0 ? SCHEDULE_NEVER : c->attend_by_us;
}

uint64_t schedule_awaited_us(const struct schedule_view *view, size_t channel)
{
	const struct schedule_channel *c = &view->channels[channel];

	assert(channel < view->channel_count);
	if (c->owner != SCHEDULE_NONE)
		return SCHEDULE_NEVER;
	return c->exclusive ? 0 : attend_by_us(c);
}

/* From now until the radio hears on another channel. */
static uint64_t travel_us(const struct schedule_radio *r) { return (uint64_t)r->switch_us + LEAVE_US; }

/* It could not go elsewhere and be back in time. What is past is met: the radio is here. */
static bool is_bound(const struct schedule_view *view, const struct schedule_radio *r,
		     const struct schedule_channel *here)
{
	uint64_t by_us = attend_by_us(here);

	return by_us > view->now_us && by_us - view->now_us <= 2 * travel_us(r);
}

bool schedule_can_be_sent(const struct schedule_view *view, size_t radio, size_t channel)
{
	const struct schedule_radio *r = &view->radios[radio];
	size_t place = schedule_place_of(view, radio);
	const struct schedule_channel *here;

	if (!schedule_may(view, radio, channel) || r->moving)
		return false;
	if (place == SCHEDULE_NONE)
		return true;
	here = &view->channels[place];
	return !here->exclusive && !here->unsafe &&
	       (!is_bound(view, r, here) || schedule_awaited_us(view, channel) < attend_by_us(here));
}

/* Whether `a` is to be sent rather than `b`. Among equals the last one, as with the scout. */
static bool rather(const struct schedule_view *view, size_t a, size_t b)
{
	size_t place_a = schedule_place_of(view, a), place_b = schedule_place_of(view, b);
	bool idle_a = place_a == SCHEDULE_NONE || view->channels[place_a].ready == 0;
	bool idle_b = place_b == SCHEDULE_NONE || view->channels[place_b].ready == 0;

	if ((place_a == SCHEDULE_NONE) != (place_b == SCHEDULE_NONE))
		return place_a == SCHEDULE_NONE;
	if (idle_a != idle_b)
		return idle_a;
	return view->radios[a].switch_us <= view->radios[b].switch_us;
}

/* `sent`: bits of radios that are chosen for more urgent channels. */
static size_t choose_radio(const struct schedule_view *view, size_t channel, uint64_t sent)
{
	size_t best = SCHEDULE_NONE;

	for (size_t i = 0; i < view->radio_count; i++)
		if (!(sent >> i & 1) && schedule_can_be_sent(view, i, channel) &&
		    (best == SCHEDULE_NONE || rather(view, i, best)))
			best = i;
	return best;
}

/* `seen`: bits of channels that have had their turn. */
static size_t most_urgent(const struct schedule_view *view, uint64_t seen)
{
	size_t best = SCHEDULE_NONE;
	uint64_t best_us = SCHEDULE_NEVER;

	for (size_t i = 0; i < view->channel_count; i++)
		if (!(seen >> i & 1) && schedule_awaited_us(view, i) < best_us) {
			best = i;
			best_us = schedule_awaited_us(view, i);
		}
	return best;
}

static void look_by(struct schedule_decision *d, uint64_t at_us)
{
	if (at_us < d->look_again_us)
		d->look_again_us = at_us;
}

/*
 * The channel that this radio is to be sent to, SCHEDULE_NONE: none. When nobody else could be sent to a channel, this
 * radio looks again when it would have to leave for it, or soon when that is past: it may have become free.
 */
static size_t errand(const struct schedule_view *view, size_t radio, struct schedule_decision *d)
{
	const struct schedule_radio *r = &view->radios[radio];
	uint64_t sent = 0, seen = 0;
	size_t channel;

	while ((channel = most_urgent(view, seen)) != SCHEDULE_NONE) {
		uint64_t by_us = schedule_awaited_us(view, channel);
		size_t chosen = choose_radio(view, channel, sent);

		if (chosen == radio)
			return channel;
		seen |= 1ull << channel;
		if (chosen != SCHEDULE_NONE)
			sent |= 1ull << chosen;
		else if (schedule_may(view, radio, channel))
			look_by(d, by_us > view->now_us + travel_us(r) + GRACE_US ? by_us - travel_us(r)
										  : view->now_us + GRACE_US);
	}
	return SCHEDULE_NONE;
}

static struct schedule_decision stay(const struct schedule_view *view, uint64_t until_us, const char *reason)
{
	struct schedule_decision d = { .go = SCHEDULE_NONE,
				       .look_again_us = view->now_us + LOOK_AGAIN_US,
				       .reason = reason };

	if (until_us > view->now_us)
		look_by(&d, until_us);
	return d;
}

struct schedule_decision schedule_attend(const struct schedule_view *view, size_t radio,
					 struct schedule_decision wished)
{
	const struct schedule_radio *r = &view->radios[radio];
	size_t place = schedule_place_of(view, radio), go;
	const struct schedule_channel *here = place == SCHEDULE_NONE ? NULL : &view->channels[place];

	assert(view->channel_count <= CHANNELS_MAX && view->radio_count <= RADIOS_MAX);
	assert(wished.go == SCHEDULE_NONE || view->channels[wished.go].owner == SCHEDULE_NONE || wished.go == place);
	if (here && here->exclusive)
		return wished.go == SCHEDULE_NONE ? wished : stay(view, SCHEDULE_NEVER, "exclusive");
	go = errand(view, radio, &wished);
	if (go != SCHEDULE_NONE) {
		uint64_t by_us = schedule_awaited_us(view, go),
			 left_us = by_us > view->now_us ? by_us - view->now_us : 0;
		bool elsewhere = wished.go != SCHEDULE_NONE && wished.go != go;

		if (left_us <= travel_us(r) || (elsewhere && left_us <= 2 * travel_us(r)))
			return (struct schedule_decision){ go, view->now_us + LOOK_AGAIN_US, "attend" };
		look_by(&wished, by_us - travel_us(r));
	}
	if (wished.go != SCHEDULE_NONE && here && is_bound(view, r, here))
		wished = stay(view, attend_by_us(here), "attended");
	assert(wished.look_again_us > view->now_us);
	return wished;
}
