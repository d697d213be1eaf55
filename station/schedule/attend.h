/*
 * What every policy owes the view, whatever it wishes itself: nobody leaves an exclusive step, and a channel that must
 * be attended has a radio in time. For the files of schedule/ only.
 */
#pragma once

#include "station/schedule/schedule.h"

/* The channel that a radio owns, is leaving or goes to: the first of them; SCHEDULE_NONE: it has none. */
size_t schedule_place_of(const struct schedule_view *view, size_t radio);
/* It is there and may transmit on that channel. */
bool schedule_may(const struct schedule_view *view, size_t radio, size_t channel);
/* By when a radio must come to this channel, which has none; SCHEDULE_NEVER: none need come. 0: one should be there. */
uint64_t schedule_awaited_us(const struct schedule_view *view, size_t channel);
/* Whether the radio could be sent to that channel: not from an exclusive step, an open handshake, an earlier deadline.
 */
bool schedule_can_be_sent(const struct schedule_view *view, size_t radio, size_t channel);

/*
 * The decision of a policy for a radio, after duty: `wished` as it is, or
 *   "attend"     it goes to the channel that awaits it
 *   "exclusive"  it stays at the step that is under way
 *   "attended"   it stays, because it could not be back in time
 */
struct schedule_decision schedule_attend(const struct schedule_view *view, size_t radio,
					 struct schedule_decision wished);
