/*
 * Whether a step may begin that must be alone in the whole RF space. A push button is one: a device that looks for a
 * network with a pressed button scans every channel, and gives up when it finds two (WSC, session overlap).
 */
#include <assert.h>

#include "station/schedule/attend.h"

/* Another radio than the one that will be held can come to the channel. */
static bool another_can(const struct schedule_view *view, size_t held, size_t channel)
{
	for (size_t i = 0; i < view->radio_count; i++)
		if (i != held && schedule_can_be_sent(view, i, channel))
			return true;
	return false;
}

bool schedule_may_begin_exclusive(const struct schedule_view *view, size_t channel, uint64_t until_us)
{
	size_t owner;

	assert(channel < view->channel_count);
	owner = view->channels[channel].owner;
	assert(owner == SCHEDULE_NONE || owner < view->radio_count);
	if (owner == SCHEDULE_NONE || view->radios[owner].moving || !view->radios[owner].usable)
		return false;
	for (size_t i = 0; i < view->channel_count; i++) {
		if (view->channels[i].exclusive)
			return false;
		if (schedule_awaited_us(view, i) < until_us && !another_can(view, owner, i))
			return false;
	}
	return true;
}
