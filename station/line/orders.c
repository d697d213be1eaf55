/*
 * What people order of a running line. An order waits in the list until the record of it is durable, takes effect in
 * its place among the sessions that wait for the same commits, and is answered then.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "station/line/admission.h"
#include "station/line/ending.h"
#include "station/line/events.h"
#include "station/line/lane.h"
#include "station/line/orders.h"

#define STOP_US 120000000u  /* chosen: a device that joins its network is back long before */
#define RETURN_US 60000000u /* somebody walks to the device and switches it off and on */

struct order {
	struct line_order o;
	char actor[LINE_ACTOR_MAX + 1], reason[LINE_REASON_MAX + 1];
	struct line *line;
	struct ticket ticket;
	struct order *next;
};

static const char *const actions[LINE_ORDER_COUNT] = {
#define LINE_ORDER_ACTION(NAME, action) [LINE_ORDER_##NAME] = (action),
	LINE_ORDERS(LINE_ORDER_ACTION)
#undef LINE_ORDER_ACTION
};

static struct unit *find(const struct line *line, int64_t id)
{
	for (size_t i = 0; i < line->unit_count; i++)
		if (line->units[i]->id == id && line->units[i]->same_batch)
			return line->units[i];
	return NULL;
}

/* --- may it be? --- */

static int refuse(const char **why, const char *because)
{
	*why = because;
	return LINE_REFUSED;
}

static int check_unit(const struct line *line, const struct line_order *order, const char **why)
{
	const struct unit *u = find(line, order->unit);

	if (!u) {
		*why = "this lot has no such unit";
		return LINE_NO_UNIT;
	}
	if (!u->on_record)
		return refuse(why, "the unit has not been in hand yet, so there is no record to change");
	if (order->kind == LINE_ORDER_QUARANTINE)
		return u->state == UNIT_QUARANTINED ? refuse(why, "the unit is in quarantine already") : LINE_DONE;
	if (line->draining || line->ended)
		return refuse(why,
			      "the run is ending and takes no device any more; run the job again, then repeat this");
	if (order->kind == LINE_ORDER_RELEASE && u->state != UNIT_QUARANTINED && u->state != UNIT_HELD)
		return refuse(why, "the unit is neither in quarantine nor held");
	if (order->kind == LINE_ORDER_RETRY && u->state == UNIT_QUARANTINED)
		return refuse(why, "the unit is in quarantine: a lead releases it");
	if (order->kind == LINE_ORDER_RETRY && u->state != UNIT_FAILED && u->state != UNIT_HELD)
		return refuse(why, "the unit has not failed");
	return LINE_DONE;
}

/* The journal would not take a label of a unit that has not passed, and a journal that fails stops the line. */
static int check_label(const struct line *line, const struct line_order *order, const char **why)
{
	const struct unit *u = find(line, order->unit);

	if (line->ended)
		return refuse(why, "the run has ended; labels go on with millrace labels");
	for (size_t i = 0; i < order->record_count; i++)
		if (order->records[i].kind == JOURNAL_LABEL && !(u && u->state == UNIT_PASSED))
			return refuse(why, "the unit is none of this run that has passed");
	return LINE_DONE;
}

int line_order_check(const struct line *line, const struct line_order *order, const char **why)
{
	*why = "";
	switch (order->kind) {
	case LINE_ORDER_PAUSE:
		return line->draining || line->ended ? refuse(why, "the run is ending anyway")
		       : line->control.paused	     ? refuse(why, "the line is paused already")
						     : LINE_DONE;
	case LINE_ORDER_RESUME:
		return line->draining || line->ended ? refuse(why, "the run is ending; run the job again to continue")
		       : line->control.paused	     ? LINE_DONE
						     : refuse(why, "the line is not paused");
	case LINE_ORDER_STOP:
		return line->stopping || line->ended ? refuse(why, "the run is ending already") : LINE_DONE;
	case LINE_ORDER_ABORT: return line->ended ? refuse(why, "the run has ended already") : LINE_DONE;
	case LINE_ORDER_RETRY:
	case LINE_ORDER_QUARANTINE:
	case LINE_ORDER_RELEASE: return check_unit(line, order, why);
	case LINE_ORDER_LABEL: return check_label(line, order, why);
	case LINE_ORDER_ACKNOWLEDGE:
	case LINE_ORDER_BADGE:
	case LINE_ORDER_WAIT:
	case LINE_ORDER_COUNT: break;
	}
	return LINE_DONE;
}

/* --- on record --- */

static uint64_t note(struct line *line, const struct order *order, const char *action, const char *outcome)
{
	const struct unit *u = order->o.unit ? find(line, order->o.unit) : NULL;
	json_t *body = json_object();
	char subject[80], *text;
	uint64_t ticket = 0;

	if (body && u)
		(void)json_object_set_new(body, "state", json_string(unit_state_name(u->state)));
	if (body && u && u->last_cause)
		(void)json_object_set_new(body, "cause", json_string(mr_cause_name(u->last_cause)));
	if (body && outcome)
		(void)json_object_set_new(body, "outcome", json_string(outcome));
	if (body) /* last: the views of the record find it there */
		(void)json_object_set_new(body, "reason", json_string(order->reason));
	text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	if (order->o.subject)
		snprintf(subject, sizeof(subject), "%s", order->o.subject);
	else if (order->o.unit)
		snprintf(subject, sizeof(subject), "unit %lld", (long long)order->o.unit);
	else
		snprintf(subject, sizeof(subject), "batch %lld", (long long)line->start.batch);
	if (text)
		ticket = tickets_try(&line->tickets,
				     &(struct journal_record){ .kind = JOURNAL_AUDIT,
							       .audit = { .actor = order->actor,
									  .action = action,
									  .subject = subject,
									  .body = text,
									  .at_us = line_utc_us(line) } });
	free(text);
	json_decref(body);
	return ticket;
}

/* Those of a label. A station that dies between two of them leaves a record that holds: none needs the next.
 */
static uint64_t put_records(struct line *line, const struct line_order *wanted)
{
	uint64_t ticket = 0;

	for (size_t i = 0; i < wanted->record_count; i++) {
		ticket = tickets_try(&line->tickets, &wanted->records[i]);
		if (!ticket)
			return 0;
	}
	return ticket;
}

static void record_state(struct line *line, struct unit *u, enum journal_unit_state state, int cause)
{
	line_submit(line, &(struct journal_record){ .kind = JOURNAL_UNIT_STATE,
						    .unit_state = { .unit = u->id,
								    .state = state,
								    .cause = line_cause(cause),
								    .at_us = line_utc_us(line) } });
}

/* --- what it does --- */

static void put_aside(struct line *line, struct unit *u)
{
	if (u->session)
		session_abort(u->session);
	unit_unsettle(line, u);
	unit_returned(line, u);
	record_state(line, u, UNIT_QUARANTINED, MR_CAUSE_PUT_ASIDE);
	unit_settle(line, u, UNIT_QUARANTINED, MR_CAUSE_PUT_ASIDE);
}

/* One more attempt, as a resumed session would count it; a unit whose evidence is complete needs none. */
static void give_back(struct line *line, struct unit *u)
{
	unit_unsettle(line, u);
	if (u->has_receipt && u->seal_txn) {
		record_state(line, u, UNIT_PASSED, 0);
		unit_settle(line, u, UNIT_PASSED, 0);
		return;
	}
	u->state = UNIT_SEEN;
	u->next_kind = ATTEMPT_OPERATOR_RETRY;
	u->counted = line->job->attempts_max > 1 ? line->job->attempts_max - 1 : 1;
	u->device_faults = 1;
	u->handshakes_failed = 0;
	u->pin_shown[0] = u->pin_shown[1] = 0; /* who gives it back knows that its PIN was shown, or has changed it */
	line->retries++;
	line->last_new_us = loop_now_us(line->loop);
	record_state(line, u, UNIT_SEEN, 0);
	unit_absent(line, u, loop_now_us(line->loop) + line->job->lease_us + RETURN_US);
}

static void set_run(struct line *line, const struct order *order, bool paused)
{
	line->control.paused = paused;
	line->control.run_us = loop_now_us(line->loop);
	snprintf(line->control.by, sizeof(line->control.by), "%s", order->actor);
	snprintf(line->control.reason, sizeof(line->control.reason), "%s", order->reason);
}

static void resume(struct line *line, const struct order *order)
{
	set_run(line, order, false);
	line->control.by[0] = line->control.reason[0] = '\0';
	if (line->guard)
		line->consecutive_fail = 0;
	line->guard = NULL;
	/* Nobody could call meanwhile: the wait for those that are missing begins anew. */
	line->last_new_us = loop_now_us(line->loop);
	lanes_kick(line);
	admission_fill(line);
}

static void take_effect(struct line *line, const struct order *order)
{
	struct unit *u = order->o.unit ? find(line, order->o.unit) : NULL;
	bool moved = false;

	switch (order->o.kind) {
	case LINE_ORDER_PAUSE: set_run(line, order, true); break;
	case LINE_ORDER_RESUME: resume(line, order); break;
	case LINE_ORDER_STOP:
	case LINE_ORDER_ABORT:
		set_run(line, order, false);
		line_stop(line, order->o.kind == LINE_ORDER_ABORT);
		break;
	case LINE_ORDER_QUARANTINE:
		put_aside(line, u);
		moved = true;
		break;
	case LINE_ORDER_RETRY:
	case LINE_ORDER_RELEASE:
		give_back(line, u);
		moved = true;
		break;
	case LINE_ORDER_ACKNOWLEDGE:
	case LINE_ORDER_BADGE:
	case LINE_ORDER_LABEL:
	case LINE_ORDER_WAIT:
	case LINE_ORDER_COUNT: break;
	}
	if (order->o.kind == LINE_ORDER_WAIT)
		return;
	line_event(line, &(struct line_event){ .kind = order->o.happened ? LINE_LABEL : LINE_ORDER,
					       .detail = order->o.happened ? order->o.happened : actions[order->o.kind],
					       .actor = order->actor,
					       .reason = order->reason,
					       .unit = u ? u->id : 0,
					       .serial = u ? u->serial : NULL,
					       .state = u ? u->state : UNIT_EXPECTED,
					       .attempt = u ? u->attempts : 0,
					       .moved = moved,
					       .mac = { u ? u->mac[0] : 0, u ? u->mac[1] : 0, u ? u->mac[2] : 0,
							u ? u->mac[3] : 0, u ? u->mac[4] : 0, u ? u->mac[5] : 0 } });
}

static void answer(struct order *order, int result)
{
	if (order->o.done)
		order->o.done(order->o.ctx, result);
	free(order);
}

/* Takes it out of the list; it is not waiting any more. */
static void take_out(struct order *order)
{
	struct line *line = order->line;
	struct order **at = &line->control.orders;

	while (*at != order)
		at = &(*at)->next;
	*at = order->next;
	tickets_forget(&line->tickets, &order->ticket);
}

static void on_durable(void *ctx)
{
	struct order *order = ctx;
	struct line *line = order->line;
	const char *why;
	/* What a label is or was, is on record now, whatever has happened since. */
	int result = order->o.kind == LINE_ORDER_LABEL ? LINE_DONE : line_order_check(line, &order->o, &why);

	take_out(order);
	if (result == LINE_DONE)
		take_effect(line, order);
	else /* overtaken: the record says so too */
		(void)note(line, order, actions[order->o.kind], why);
	answer(order, result);
	line_check_end(line);
}

void orders_fail(struct line *line, int result)
{
	while (line->control.orders) {
		struct order *order = line->control.orders;

		take_out(order);
		/* Ending needs no record that cannot be written. */
		if (result == LINE_NO_RECORD &&
		    (order->o.kind == LINE_ORDER_STOP || order->o.kind == LINE_ORDER_ABORT)) {
			take_effect(line, order);
			answer(order, LINE_DONE);
		} else {
			answer(order, result);
		}
	}
}

/* At most `max` octets, and no half character at the end. */
int line_order(struct line *line, const struct line_order *wanted)
{
	struct order *order, **at;
	const char *why;
	uint64_t ticket = 0;
	int result = line_order_check(line, wanted, &why);

	assert(wanted->actor && wanted->actor[0]);
	if (result != LINE_DONE)
		return result;
	order = calloc(1, sizeof(*order));
	if (!order)
		return LINE_NO_MEMORY;
	order->o = *wanted;
	text_cut(order->actor, LINE_ACTOR_MAX, wanted->actor);
	text_cut(order->reason, LINE_REASON_MAX, wanted->reason ? wanted->reason : "");
	if (wanted->kind == LINE_ORDER_LABEL)
		ticket = put_records(line, wanted);
	else if (wanted->kind != LINE_ORDER_WAIT)
		ticket = note(line, order,
			      line->guard && wanted->kind == LINE_ORDER_RESUME ? "guard-override"
									       : actions[wanted->kind],
			      NULL);
	if (ticket == 0 && wanted->kind != LINE_ORDER_WAIT) {
		free(order);
		return LINE_NO_RECORD;
	}
	order->o.subject = NULL; /* the caller's; they have been written */
	order->o.records = NULL;
	order->line = line;
	for (at = &line->control.orders; *at; at = &(*at)->next)
		;
	*at = order;
	tickets_wait(&line->tickets, &order->ticket, on_durable, order);
	return LINE_DONE;
}

/* Those in hand finish, if they do so in time: then what is left is stopped as by a second word. */
void line_stop(struct line *line, bool now)
{
	if (!line->stopping) {
		line->control.run_us = loop_now_us(line->loop);
		loop_at(line->loop, &line->hold_timer, loop_now_us(line->loop) + STOP_US);
	}
	line->stopping = line->draining = true;
	if (now)
		for (size_t i = 0; i < line->channel_count; i++)
			while (line->channels[i].sessions)
				session_abort(line->channels[i].sessions);
	line_check_end(line);
}
