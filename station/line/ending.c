#include "station/line/ending.h"

#include <stdio.h>

#include "station/line/events.h"
#include "station/line/guards.h"
#include "station/line/units.h"

static bool may_end(const struct line *line)
{
	if (line->control.orders) /* each is answered, and then this is asked again */
		return false;
	return line->draining || !(line->control.paused || line->o.stay);
}

void line_check_end(struct line *line)
{
	uint64_t now_us = loop_now_us(line->loop);
	bool all_known = line->named >= line->job->quantity;
	bool quiet = line->job->quiet_us != 0 && now_us >= line->last_new_us + line->job->quiet_us &&
		     now_us >= line->weak_until_us;

	if (line->ended || line->session_count > 0 || !may_end(line))
		return;
	if (!line->draining && (line->settled < line->seen || !(all_known || (quiet && !units_pending(line)))))
		return;
	line->ended = true;
	loop_cancel(line->loop, &line->watch_timer);
	loop_cancel(line->loop, &line->hold_timer);
	loop_at(line->loop, &line->end_timer, now_us);
}

void line_hold(struct line *line, int cause, const char *detail)
{
	if (line->held_up)
		return;
	if (cause == MR_CAUSE_SIGNER_UNAVAILABLE) {
		line->signer_us = 0;
		guard_signer(line, loop_now_us(line->loop));
	}
	line->held_up = true;
	line->draining = true;
	line->control.run_us = loop_now_us(line->loop);
	line->control.hold_cause = cause;
	snprintf(line->control.hold_detail, sizeof(line->control.hold_detail), "%s", detail);
	log_write(LOG_STATION(line->o.log), LOG_LINE, LOG_ERROR, "%s: %s", mr_cause_name(cause), detail);
	line_event(line, &(struct line_event){ .kind = LINE_HOLD, .cause = cause, .detail = detail });
	/* Without a record nothing goes on: the sessions end as if the power had gone, from outside their own calls. */
	if (cause == MR_CAUSE_JOURNAL_UNAVAILABLE)
		loop_at(line->loop, &line->hold_timer, loop_now_us(line->loop));
	line_check_end(line);
}
