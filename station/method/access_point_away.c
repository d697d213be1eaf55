/*
 * A device leaves its access point to join the network that it was given, and comes back: its link is suspended, the
 * radio stays where the join can be seen for about as long as joins take, then the device is awaited where it was.
 */
#include <assert.h>

#include "station/line/lane.h"
#include "station/line/recipe.h"
#include "station/method/access_point.h"

#define JOIN_SEEN_US 8000000u  /* after this time nobody waits on the network's channel any more */
#define JOIN_MAX_US 60000000u  /* from JOIN until the device's access point is up again */
#define MOVING_US 50000u       /* of a radio, beside its switch time */
#define SILENT_US 350000u      /* beacons that are missing, one after the other: it is away */
#define BEACON_WAIT_US 250000u /* an access point that is up is heard in that time, if one of two beacons is lost */
#define LOOK_AGAIN_US 1000000u /* it was not back when it was looked for */

/* It is not back yet: others are served, and it is looked for again. */
static void look_again(struct session *s)
{
	uint64_t due_us = session_now(s) + LOOK_AGAIN_US;

	api_suspend(s->link, due_us, due_us + BEACON_WAIT_US, false);
}

/* It did not let us in after its return: then what was heard may have been its access point before it went down. */
bool access_point_not_yet_back(struct session *s)
{
	if (s->phase != PHASE_RETURNED || session_now(s) >= s->joining.asked_us + JOIN_MAX_US)
		return false;
	session_enter(s, PHASE_JOINING);
	s->joining.retry_us = session_now(s) + LOOK_AGAIN_US;
	look_again(s);
	lane_touch(s);
	return true;
}

/* Can it be seen to join? Somebody has to be on that channel in time. */
static bool in_time(const struct line *line, const struct channel *there)
{
	bool yes = there->lane != NULL;

	for (size_t i = 0; !yes && i < line->lane_count; i++)
		yes = line->lanes[i].state != LANE_LOST && line->lanes[i].channels & 1ull << there->index &&
		      line->lanes[i].radio->caps.switch_us + MOVING_US < line->join_us;
	return yes;
}

static void move_to(struct session *s, struct channel *channel)
{
	if (lane_move(s, channel))
		lanes_kick(s->line);
	lane_touch(s);
}

/* Nothing more is to be seen where it joins: it is awaited where its access point was, about when others came back. */
static void await_return(struct session *s)
{
	uint64_t due_us = s->joining.asked_us + s->line->away_us;

	assert(s->phase == PHASE_JOINING && s->joining.asked_us > 0);
	if (due_us < session_now(s))
		due_us = session_now(s);
	s->joining.returning = true;
	api_suspend(s->link, due_us, due_us + BEACON_WAIT_US, false);
	move_to(s, lane_channel(s->line, access_of(s->unit)->network.freq_mhz));
}

/* Its radio stays where it joins, about as long as others took. */
static void await_sight(struct session *s)
{
	uint64_t most_us = 2 * s->line->join_us + BEACON_WAIT_US;

	assert(s->phase == PHASE_JOINING && !s->joining.returning);
	api_suspend(s->link, s->joining.asked_us,
		    s->joining.asked_us + (most_us < JOIN_SEEN_US ? most_us : JOIN_SEEN_US), true);
}

/* Devices of a lot are alike: who is awaited now is awaited as long as the last ones took. */
static void learn_join(struct line *line, uint64_t took_us)
{
	line->join_us = line->joins++ > 0 ? (3 * line->join_us + took_us) / 4 : took_us;
	for (size_t i = 0; i < line->channel_count; i++)
		for (struct session *s = line->channels[i].sessions; s; s = s->next)
			if (s->unit->method->flags & METHOD_DEVICE_AP && s->phase == PHASE_JOINING &&
			    !s->joining.returning) {
				await_sight(s);
				lane_touch(s);
			}
}

static void first_seen(struct session *s) { learn_join(s->line, session_now(s) - s->joining.asked_us); }

static void all_seen(struct session *s)
{
	if (!s->joining.returning)
		await_return(s);
}

static const struct joining_events events = { first_seen, all_seen };

void access_point_away(struct session *s, const struct mr_message *m)
{
	struct channel *there = joining_channel(s);

	assert(s->phase == PHASE_JOINING && s->unit->way);
	joining_watch(s, m->has[MR_AT_STA_ADDRESS] ? m->value[MR_AT_STA_ADDRESS].at : access_of(s->unit)->peer,
		      &events);
	if (!there || !in_time(s->line, there)) {
		await_return(s);
		return;
	}
	await_sight(s);
	move_to(s, there);
}

int access_point_expired(struct session *s, int cause)
{
	if (access_point_not_yet_back(s))
		return 0;
	if (s->phase != PHASE_JOINING || session_now(s) >= s->joining.asked_us + JOIN_MAX_US)
		return cause;
	if (s->joining.returning)
		look_again(s);
	else
		await_return(s);
	return 0;
}

void access_point_beacon(struct session *s, const struct ieee80211_network *network, const struct radio_rx *rx)
{
	uint64_t silent_us;
	int result;

	if (s->phase != PHASE_JOINING || !api_suspended(s->link))
		return;
	/* It has not left yet while its beacons go on after JOIN: only an access point that was silent and came up anew
	 * is a return. */
	silent_us = session_now(s) - (s->joining.heard_us ? s->joining.heard_us : s->joining.asked_us);
	s->joining.heard_us = session_now(s);
	if (s->joining.retry_us ? session_now(s) < s->joining.retry_us : silent_us < SILENT_US)
		return;
	s->joining.away_us = session_now(s) - s->joining.asked_us;
	joining_unwatch(s);
	lane_move(s, lane_channel(s->line, rx->freq_mhz));
	if (!network->hidden)
		access_of(s->unit)->network = *network;
	else
		access_point_name(s->line, s->unit);
	session_enter(s, PHASE_RETURNED);
	access_point_give_pin(s);
	result = api_start(s->link, &access_of(s->unit)->network, access_of(s->unit)->peer);
	if (result != 0)
		session_end(s, -result);
	else
		lane_touch(s);
}

int access_point_back(struct session *s, const struct mr_message *m)
{
	struct joining *j = &s->joining;

	s->unit->method->ops->opened(s);
	if (!m->has[MR_AT_JOIN] || !mr_join_read(m->value[MR_AT_JOIN], &j->report))
		return MR_CAUSE_BAD_RESPONSE;
	switch (j->report.state) {
	case MR_JOIN_JOINED:
		j->reported = true;
		if (j->observed == OBSERVED_NO)
			learn_join(s->line, j->report.took_ms * 1000ull);
		if (j->away_us < s->line->away_us) /* heard again at the latest then: the soonest of all counts */
			s->line->away_us = j->away_us;
		s->device_us += j->report.took_ms * 1000u;
		return 0;
	case MR_JOIN_FAILED:
		return j->report.cause && mr_cause_class(j->report.cause) == MR_CLASS_DEVICE ? j->report.cause
											     : MR_CAUSE_JOIN_FAILED;
	default: return MR_CAUSE_JOIN_TIMEOUT;
	}
}
