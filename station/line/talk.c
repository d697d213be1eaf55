#include "station/line/talk.h"

#include <assert.h>

/* Chosen, far beyond what a device needs that is only slow: nothing that a lower layer takes for progress moves it. */
#define REQUEST_US 20000000u
#define REQUEST_PATIENCES 12u

bool talk_ready(const struct session *s)
{
	return link_ready(s->link) || (s->delivery.ops && s->delivery.ops->ready && s->delivery.ops->ready(s));
}

enum talk_kind talk_pull(struct session *s, uint8_t frame[static RADIO_FRAME_MAX], size_t *len, bool hold,
			 uint8_t *what, struct radio_tx *tx)
{
	*what = 0;
	*len = link_pull(s->link, frame, hold, what, session_now(s));
	if (*len > 0)
		return TALK_LINK;
	if (hold || !s->delivery.ops || !s->delivery.ops->pull)
		return TALK_NONE;
	*len = s->delivery.ops->pull(s, frame, tx);
	assert(*len <= RADIO_FRAME_MAX);
	return *len > 0 ? TALK_DELIVERY : TALK_NONE;
}

void talk_not_sent(struct session *s, enum talk_kind kind, uint8_t what)
{
	if (kind == TALK_LINK)
		link_sent(s->link, what, false, 0, session_now(s));
	else if (s->delivery.ops && s->delivery.ops->sent)
		s->delivery.ops->sent(s, false, 0);
	talk_rearm(s);
}

uint64_t talk_until_us(const struct session *s)
{
	uint64_t request_us;

	if (phase_waits_for_us(s->phase))
		return UINT64_MAX;
	if (!phase_operation(s->phase))
		return s->attempt_until_us;
	request_us = s->phase_us + s->line->think_us[s->phase] + REQUEST_US +
		     REQUEST_PATIENCES * s->line->job->patience_us;
	return request_us < s->attempt_until_us ? request_us : s->attempt_until_us;
}

void talk_rearm(struct session *s)
{
	uint64_t at_us = s->overdue ? LOOP_NEVER : link_deadline_us(s->link), until_us = talk_until_us(s), its_us;

	if (!s->overdue && s->again_us && s->again_us < at_us)
		at_us = s->again_us;
	if (!s->overdue && s->delivery.ops && s->delivery.ops->deadline_us &&
	    (its_us = s->delivery.ops->deadline_us(s)) < at_us)
		at_us = its_us;
	if (until_us < at_us)
		at_us = until_us;
	if (s->refused)
		at_us = session_now(s);
	loop_at(s->line->loop, &s->timer, at_us);
}

void talk_touch(struct session *s)
{
	if (!talk_ready(s))
		s->ready_us = 0;
	else if (s->ready_us == 0)
		s->ready_us = session_now(s);
	talk_rearm(s);
}

uint64_t talk_remaining_us(const struct session *s)
{
	uint64_t us = 0;

	for (size_t p = s->phase; p < PHASE_COUNT; p++)
		if (phase_operation((enum phase)p))
			us += s->line->think_us[p];
	return us;
}
