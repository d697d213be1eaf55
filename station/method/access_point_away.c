/*
 * A device leaves its access point to join the network that it was given, and comes back: its link is suspended, the
 * radio stays where the join can be seen for about as long as joins take, then the device is awaited where it was.
 */
#include <assert.h>

#include "station/line/lane.h"
#include "station/line/recipe.h"
#include "station/method/access_point.h"

#define JOIN_SEEN_US 8000000u	 /* after this time nobody waits on the network's channel any more */
#define JOIN_MAX_US 60000000u	 /* from JOIN until the device's access point is up again */
#define MOVING_US 50000u	 /* of a radio, beside its switch time */
#define INTERVAL_US 102400u	 /* between beacons, where they do not say so */
#define INTERVAL_MAX_US 4096000u /* chosen: what beacons say beyond that is taken for that */
#define LINGER_US 15000000u	 /* chosen: beacons that never stopped: perhaps it never had to leave its channel */
#define LOOK_AGAIN_US 1000000u	 /* it was not back when it was looked for */

/* 9.4.1.3: its beacon interval, in its own words. */
static uint64_t interval_us(const struct session *s)
{
	uint64_t us = 1024u * (uint64_t)access_of(s->unit)->network.interval_tu;

	return us == 0 ? INTERVAL_US : us < INTERVAL_MAX_US ? us : INTERVAL_MAX_US;
}

/* Three beacons are missing, one after the other, and a fourth is late: it is away. */
static uint64_t silent_for_us(const struct session *s) { return 7 * interval_us(s) / 2; }
/* An access point that is up is heard in that time, if one of two beacons is lost. */
static uint64_t beacon_wait_us(const struct session *s) { return 5 * interval_us(s) / 2; }

/* It is not back yet: others are served, and it is looked for again. */
static void look_again(struct session *s)
{
	uint64_t due_us = session_now(s) + LOOK_AGAIN_US;

	api_suspend(s->link, due_us, due_us + beacon_wait_us(s), false);
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
	api_suspend(s->link, due_us, due_us + beacon_wait_us(s), false);
	move_to(s, lane_channel(s->line, access_of(s->unit)->network.freq_mhz));
}

/* Its radio stays where it joins, about as long as others took. */
static void await_sight(struct session *s)
{
	uint64_t most_us = 2 * s->line->join_us + beacon_wait_us(s);

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

static void first_seen(struct session *s)
{
	assert(s->joining.asked_us > 0 && s->joining.asked_us <= session_now(s));
	learn_join(s->line, session_now(s) - s->joining.asked_us);
}

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
	/* Its access point may stay up and keep our place in it. Said now or not at all: later we are there anew. */
	if (s->channel->lane)
		lane_farewell(s);
	joining_watch(s, m->has[MR_AT_STA_ADDRESS] ? m->value[MR_AT_STA_ADDRESS].at : access_of(s->unit)->peer,
		      &events);
	if (!there || !in_time(s->line, there)) {
		await_return(s);
		return;
	}
	await_sight(s);
	move_to(s, there);
}

/*
 * An access point that comes up anew may be where it was, or where it began before it changed its channel, or where it
 * likes. Each third look is at another channel of the job.
 */
static void look_elsewhere(struct session *s)
{
	struct access *a = access_of(s->unit);
	struct channel *own = lane_channel(s->line, a->network.freq_mhz);
	size_t count = s->line->channel_count, n = a->looks++;

	if (!own || count < 2)
		return;
	assert(own->index < count && s->joining.returning);
	n = n % 3 == 2 ? 1 + n / 3 % (count - 1) : 0;
	move_to(s, &s->line->channels[(own->index + n) % count]);
}

int access_point_expired(struct session *s, int cause)
{
	if (access_point_not_yet_back(s))
		return 0;
	if (s->phase != PHASE_JOINING || session_now(s) >= s->joining.asked_us + JOIN_MAX_US)
		return cause;
	if (!s->joining.returning) {
		await_return(s);
		return 0;
	}
	look_again(s);
	look_elsewhere(s);
	return 0;
}

/*
 * It has not left yet while its beacons go on after JOIN: only an access point that was silent and came up anew is a
 * return. Its clock tells that too, and for a slow beacon interval it is the only thing that does.
 */
static bool came_up_anew(struct session *s, const struct ieee80211_network *network)
{
	struct joining *j = &s->joining;
	uint64_t now_us = session_now(s), silent_us = now_us - (j->heard_us ? j->heard_us : j->asked_us);
	uint64_t before_us = j->heard_us ? j->tsf_us : access_of(s->unit)->network.tsf_us;

	j->heard_us = now_us;
	j->tsf_us = network->tsf_us;
	if (j->retry_us)
		return now_us >= j->retry_us;
	return network->tsf_us < before_us || silent_us >= silent_for_us(s) || now_us >= j->asked_us + LINGER_US;
}

void access_point_beacon(struct session *s, const struct ieee80211_network *network, const struct radio_rx *rx)
{
	int result;

	if (s->phase != PHASE_JOINING || !api_suspended(s->link))
		return;
	if (!came_up_anew(s, network))
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
