/*
 * Patient, parking, exhaustive, by index.
 *
 *   1 exclusive nobody leaves an exclusive step
 *   2 attend    a channel that must be attended gets a radio in time, whatever the rules below say but for an open
 *               handshake
 *   3 pin       as many radios as channels: one each, never switch; spare radios wait to replace a lost one
 *   4 call over with more channels than radios and devices that can be steered, all radios but one stay put and one
 *               scouts: it calls on the channels without a radio and sends the callers to those with one
 *   5 hold      nobody leaves while a handshake is open or callers may still answer
 *   6 exhaust   nobody leaves ready work
 *   7 patience  an answer due within half a switch time is waited for
 *   8 index     else: the channel with the longest critical path, the most ready airtime, the oldest wait, these as
 *               many times as the ready work serves devices; the most devices unheard and the longest time since the
 *               last visit
 * Rules 1 and 2 are every policy's, in attend.c. Parking itself (telling devices to hold their answers) is the line's,
 * on every departure.
 */
#include <assert.h>

#include "station/schedule/attend.h"

#define LOOK_AGAIN_US 50000u
#define HANDSHAKE_GRACE_US 10000u

static size_t usable_radios(const struct schedule_view *view)
{
	size_t n = 0;

	for (size_t i = 0; i < view->radio_count; i++)
		n += view->radios[i].usable;
	return n;
}

/* The scout: the radio that moves fastest, the last one among equals. None with one radio, or when nobody needs to
 * move. */
static size_t scout(const struct schedule_view *view)
{
	size_t best = SCHEDULE_NONE;

	if (!view->steer || usable_radios(view) < 2 || usable_radios(view) >= view->channel_count)
		return SCHEDULE_NONE;
	for (size_t i = 0; i < view->radio_count; i++)
		if (view->radios[i].usable &&
		    (best == SCHEDULE_NONE || view->radios[i].switch_us <= view->radios[best].switch_us))
			best = i;
	return best;
}

/* What a visit that begins in a switch time from now is worth, in microseconds of somebody's waiting. */
static double value(const struct schedule_view *view, size_t channel, uint32_t switch_us)
{
	const struct schedule_channel *c = &view->channels[channel];
	uint64_t there_us = view->now_us + switch_us;
	double v = 0;

	if (c->ready > 0 || c->next_due_us <= there_us) {
		v += (double)c->remaining_us + 10.0 * (double)c->ready_air_us;
		if (c->ready_since_us != SCHEDULE_NEVER)
			v += (double)(view->now_us - c->ready_since_us);
		v += 1;
		if (c->serves > 1)
			v *= c->serves;
	}
	if (c->unheard > 0)
		v += c->unheard * (double)(there_us - c->left_us);
	assert(v >= 0);
	return v;
}

static size_t best_free(const struct schedule_view *view, size_t radio)
{
	size_t best = SCHEDULE_NONE;
	double best_value = 0;

	for (size_t i = 0; i < view->channel_count; i++) {
		double v;

		if (view->channels[i].owner != SCHEDULE_NONE || !schedule_may(view, radio, i))
			continue;
		v = value(view, i, view->radios[radio].switch_us);
		if (v > best_value) {
			best = i;
			best_value = v;
		}
	}
	return best;
}

static size_t first_free(const struct schedule_view *view, size_t radio)
{
	for (size_t i = 0; i < view->channel_count; i++)
		if (view->channels[i].owner == SCHEDULE_NONE && schedule_may(view, radio, i))
			return i;
	return SCHEDULE_NONE;
}

static struct schedule_decision stay(uint64_t until_us, const char *reason)
{
	return (struct schedule_decision){ .go = SCHEDULE_NONE, .look_again_us = until_us, .reason = reason };
}

/* A channel with sessions that no radio serves: somebody's radio went away. */
static bool orphans(const struct schedule_view *view)
{
	for (size_t i = 0; i < view->channel_count; i++)
		if (view->channels[i].owner == SCHEDULE_NONE && view->channels[i].sessions > 0)
			return true;
	return false;
}

/* Rules 3 to 8. */
static struct schedule_decision wish(const struct schedule_view *view, size_t radio)
{
	const struct schedule_radio *r = &view->radios[radio];
	size_t here = schedule_place_of(view, radio), go;
	const struct schedule_channel *c;

	if (here == SCHEDULE_NONE) {
		go = best_free(view, radio);
		if (go == SCHEDULE_NONE)
			go = first_free(view, radio);
		return go == SCHEDULE_NONE ? stay(view->now_us + LOOK_AGAIN_US, "standby")
					   : (struct schedule_decision){ go, view->now_us + LOOK_AGAIN_US, "first" };
	}
	if (usable_radios(view) >= view->channel_count)
		return stay(SCHEDULE_NEVER, "pinned");
	if (scout(view) != SCHEDULE_NONE && scout(view) != radio && !orphans(view))
		return stay(view->now_us + LOOK_AGAIN_US, "pinned");
	c = &view->channels[here];
	if (c->unsafe)
		return stay(view->now_us + HANDSHAKE_GRACE_US, "handshake");
	if (view->now_us < c->window_end_us)
		return stay(c->window_end_us, "window");
	if (c->ready > 0)
		return stay(view->now_us + LOOK_AGAIN_US, "ready-work");
	if (c->next_due_us != SCHEDULE_NEVER && c->next_due_us <= view->now_us + r->switch_us / 2)
		return stay(c->next_due_us > view->now_us ? c->next_due_us : view->now_us + HANDSHAKE_GRACE_US,
			    "due-soon");
	go = best_free(view, radio);
	if (go == SCHEDULE_NONE)
		return stay(view->now_us + LOOK_AGAIN_US, "nothing-better");
	return (struct schedule_decision){ go, view->now_us + LOOK_AGAIN_US,
					   view->channels[go].sessions > 0 ? "work" : "scout" };
}

static struct schedule_decision decide(const struct schedule_view *view, size_t radio)
{
	return schedule_attend(view, radio, wish(view, radio));
}

/* Among the channels whose radio stays: the one with the fewest sessions; home itself wins a tie. */
static size_t place(const struct schedule_view *view, size_t home)
{
	size_t s = scout(view), best = home;

	assert(home < view->channel_count);
	if (s == SCHEDULE_NONE || !view->steer)
		return home;
	if (view->channels[home].owner == s || view->channels[home].owner == SCHEDULE_NONE)
		best = SCHEDULE_NONE;
	for (size_t i = 0; i < view->channel_count; i++) {
		const struct schedule_channel *c = &view->channels[i];

		assert(c->owner == SCHEDULE_NONE || c->owner < view->radio_count);
		if (c->owner == SCHEDULE_NONE || c->owner == s || view->radios[c->owner].moving)
			continue;
		if (best == SCHEDULE_NONE || c->sessions < view->channels[best].sessions)
			best = i;
	}
	return best == SCHEDULE_NONE ? home : best;
}

const struct schedule_policy schedule_pex = { "pex", decide, place };
