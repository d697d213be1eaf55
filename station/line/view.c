#include "station/line/view.h"

#include <string.h>

#include "station/line/lane.h"
#include "station/line/units.h"

const char *line_run_name(enum line_run run)
{
	static const char *const names[] = { "running", "paused", "draining", "held", "ended" };

	return names[run];
}

static uint64_t since(const struct line *line, uint64_t at_us)
{
	return at_us > line->started_us ? at_us - line->started_us : 0;
}

static enum line_run run_of(const struct line *line)
{
	if (line->ended)
		return LINE_RUN_ENDED;
	if (line->held_up)
		return LINE_RUN_HELD;
	if (line->draining)
		return LINE_RUN_DRAINING;
	return line->control.paused ? LINE_RUN_PAUSED : LINE_RUN_RUNNING;
}

void line_look(const struct line *line, struct line_view *out)
{
	*out = (struct line_view){
		.run = run_of(line),
		.run_us = since(line, line->control.run_us),
		.by = line->control.by,
		.reason = line->control.reason,
		.guard = line->guard,
		.hold_cause = line->control.hold_cause,
		.hold_detail = line->control.hold_detail,
		.batch = line->start.batch,
		.resumed = line->start.resumed,
		.clock_ok = line->o.clock_ok,
		.stays = line->o.stay,
		.policy = line->o.policy->name,
		.operator= line->o.operator,
		.record_failure = journal_failed(line->o.journal),
		.seen = line->seen,
		.in_flight = (unsigned)line->session_count,
		.passed = line->passed,
		.failed = line->failed,
		.quarantined = line->quarantined,
		.held = line->held,
		.unfinished = line->seen - line->settled,
		.missing = line->job->quantity > line->seen ? line->job->quantity - line->seen : 0,
		.strangers = (unsigned)line->stranger_map.count,
		.retries = line->retries,
		.settled = line->settled,
		.now_us = since(line, loop_now_us(line->loop)),
		.utc_us = loop_utc_us(line->loop),
	};
	for (size_t i = 0; i < line->channel_count; i++)
		out->waiting += line->channels[i].waiting_count;
}

bool line_stands(const struct line *line)
{
	bool done = line->o.stay && line->settled >= line->seen && line->named >= line->job->quantity;

	return (line->control.paused || done) && line->session_count == 0 && !line->control.orders && !line->draining &&
	       !line->ended;
}

size_t line_unit_room(const struct line *line) { return line->unit_count; }

const struct unit *line_unit_at(const struct line *line, size_t i)
{
	return line->units[i]->same_batch ? line->units[i] : NULL;
}

int64_t line_unit_id(const struct unit *unit) { return unit->id; }

static void look_at_session(const struct session *s, struct line_unit_view *out)
{
	const struct job *job = s->line->job;

	out->has_session = true;
	out->done = (unsigned)s->recipe_at;
	out->step = s->recipe_at < job->recipe_len ? job_step_name(job->recipe[s->recipe_at]) : NULL;
	out->freq_mhz = s->channel->freq_mhz;
	out->radio = s->channel->lane ? s->channel->lane->radio->caps.name : NULL;
	out->phase = phase_name(s->phase);
	out->frames_sent = s->link->frames_sent;
	out->frames_received = s->link->frames_received;
	out->retries = s->link->retries;
	out->octets = s->link->octets;
	out->misses = s->link->misses;
}

void line_unit_look(const struct line *line, const struct unit *u, struct line_unit_view *out)
{
	*out = (struct line_unit_view){
		.unit = u->id,
		.serial = u->serial,
		.state = u->state == UNIT_EXPECTED ? UNIT_SEEN : u->state,
		.queued = u->waiting,
		.awaited = u->return_by_us != 0 && u->return_by_us != UINT64_MAX,
		.steps = (unsigned)line->job->recipe_len,
		.attempt = u->attempts,
		.cause = u->state == UNIT_PASSED ? 0 : u->last_cause,
		.rssi_dbm = u->rssi_dbm,
		.home_mhz = u->home ? u->home->freq_mhz : 0,
		.first_us = since(line, u->first_heard_us),
		.sealed = u->has_receipt,
		.agentless = u->method->flags & METHOD_NO_REQUESTS && !u->has_receipt && !u->certificate,
		.certificate = u->certificate,
		.certificate_len = u->certificate_len,
	};
	memcpy(out->device_id, u->device_id, 8);
	memcpy(out->mac, u->mac, 6);
	if (u->session && !u->settled)
		look_at_session(u->session, out);
	/* Called and invited, and no attempt is open yet; or an attempt has ended and the next one has not begun. */
	if (!u->settled && out->state == UNIT_ACTIVE && !u->session)
		out->state = UNIT_SEEN;
}

size_t line_lane_count(const struct line *line) { return line->lane_count; }

void line_lane_look(const struct line *line, size_t i, struct line_lane_view *out)
{
	const struct lane *l = &line->lanes[i];
	const struct channel *c = l->state == LANE_LEAVING && l->go ? l->go : l->channel;

	*out = (struct line_lane_view){
		.radio = l->radio->caps.name,
		.path = l->radio->caps.path,
		.driver = l->radio->caps.driver,
		.state = lane_state_name(l->state),
		.freq_mhz = c ? c->freq_mhz : 0,
		.here = l->state == LANE_HERE,
		.lost = l->state == LANE_LOST,
		.sessions = l->state == LANE_HERE && c ? c->session_count : 0,
		.switches = l->switches,
		.switch_us = l->radio->caps.switch_us,
	};
	radio_health(l->radio, &out->health);
}

size_t line_channel_count(const struct line *line) { return line->channel_count; }

void line_channel_look(const struct line *line, size_t i, struct line_channel_view *out)
{
	const struct channel *c = &line->channels[i];

	*out = (struct line_channel_view){ .freq_mhz = c->freq_mhz,
					   .radio = c->lane ? c->lane->radio->caps.name : NULL,
					   .sessions = c->session_count,
					   .waiting = c->waiting_count,
					   .unheard = units_unheard(line, c) };
}
