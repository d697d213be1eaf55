/*
 * What must be true of a line between two events, whatever comes from outside. Called after each turn of the simulated
 * air in tests, and by the housekeeping of every run.
 */
#include <assert.h>

#include "station/line/lane.h"
#include "station/line/line.h"

static bool is_on(const struct channel *c, const struct session *wanted)
{
	for (const struct session *s = c->sessions; s; s = s->next)
		if (s == wanted)
			return true;
	return false;
}

static void check_session(const struct line *line, const struct channel *c, const struct session *s)
{
	assert(s->line == line && s->channel == c && s->unit->session == s && s->link->ops);
	assert(!s->next || s->next->prev == s);
	assert(!s->unit->alias && s->phase < PHASE_COUNT);
	/* Who is asked for something that lasts has its record on the disk. */
	assert(s->phase != PHASE_ASK_SEAL || (s->unit->seal_txn && !s->ticket.waiting && s->durable > 0));
	assert(s->phase != PHASE_ASK_IDENTITY || (s->unit->has_certificate && !s->ticket.waiting));
	assert(s->phase != PHASE_DELIVERING || s->delivery.ops || !s->open);
	assert(s->phase != PHASE_SIGNING || s->signing);
	assert(!s->unit->settled || s->phase == PHASE_ASK_FINISH || s->phase == PHASE_RECORDING_OUTCOME || !s->open);
}

static void check_channel(const struct line *line, const struct channel *c, size_t *sessions)
{
	size_t count = 0, waiting = 0;

	for (const struct session *s = c->sessions; s; s = s->next, count++)
		check_session(line, c, s);
	for (const struct unit *u = c->waiting; u; u = u->next_waiting, waiting++)
		assert(u->waiting && u->home == c && (u->next_waiting || u == c->waiting_tail));
	assert(count == c->session_count && waiting == c->waiting_count);
	assert(!c->lane || (c->lane->channel == c && (c->lane->state == LANE_HERE || c->lane->state == LANE_LEAVING)));
	*sessions += count;
}

static void check_unit(const struct unit *u)
{
	bool awaited = u->return_by_us != 0 && u->return_by_us != UINT64_MAX;

	assert(!u->session || is_on(u->session->channel, u->session));
	assert(!(u->session && awaited) ||
	       u->session->phase == PHASE_ASK_FINISH); /* it is told, and is to come again */
	assert(!(u->settled && awaited));
	assert(!u->waiting || (u->home && !u->session && !awaited && !u->alias));
	/* One that has passed is told so again where it announces itself. */
	assert(!u->settled || !u->way || (unit_asks_again(u) && !u->told));
	assert(!u->alias || (!u->session && !u->way && !u->alias->alias));
}

void line_check(const struct line *line)
{
	size_t sessions = 0, settled = 0, seen = 0, named = 0;

	for (size_t i = 0; i < line->channel_count; i++)
		check_channel(line, &line->channels[i], &sessions);
	assert(sessions == line->session_count);
	for (size_t i = 0; i < line->unit_count; i++) {
		check_unit(line->units[i]);
		settled += line->units[i]->settled && line->units[i]->same_batch;
		seen += line->units[i]->same_batch;
		named += line->units[i]->same_batch && !line->units[i]->unnamed;
	}
	assert(settled == line->settled && seen == line->seen && named == line->named);
	assert(line->settled == line->passed + line->failed + line->quarantined + line->held);
	assert(!line->exclusive || line->exclusive->phase == PHASE_DELIVERING);
	for (size_t i = 0; i < line->lane_count; i++)
		assert(line->lanes[i].state != LANE_HERE || line->lanes[i].channel);
}
