/*
 * The distributed coordination function, IEEE 802.11-2020 10.3.4. Only nodes that have a frame to send, or that count
 * down the backoff after one, are looked at. A node's turn (plan_us) is computed when the medium becomes idle for it
 * and forgotten when it becomes busy; one timer per channel is set to the earliest turn.
 */
#include "station/air/air_internal.h"

/*
 * A transmission is noticed by others this long after its start (CCA time of OFDM: below 4 us, 17.3.10.6). Whoever's
 * turn comes within it sends too, and they collide.
 */
#define CCA_US 4

static struct air_node *contender_of(struct link *at) { return LINK_OF(at, struct air_node, contender); }

static void rearm(struct channel *channel)
{
	uint64_t first_us = LOOP_NEVER;

	LINK_EACH(at, &channel->contenders)
	{
		const struct air_node *node = contender_of(at);

		if (node->queued > 0 && node->plan_us < first_us)
			first_us = node->plan_us;
	}
	if (first_us != channel->timer.at_us || channel->timer.slot == 0)
		loop_at(channel->air->loop, &channel->timer, first_us);
}

/* Those of the frame that waits; with none, of the one before, whose post-backoff it is. */
static void set_times(struct air_node *node)
{
	const struct air_frame *next = node->current;

	for (size_t i = 0; !next && i < 3; i++)
		next = node->queue[i].first;
	phy_times(node->channel->freq_mhz, next ? next->rate : node->last_rate, air_phy_options(node->air),
		  &node->times);
	if (node->config.cw_min)
		node->times.cw_min = node->config.cw_min;
	if (node->cw < node->times.cw_min)
		node->cw = node->times.cw_min;
}

/* 10.3.3: uniform over [0, CW]. */
static void dcf_draw_backoff(struct air_node *node)
{
	node->backing_off = true;
	node->slots = (uint16_t)air_draw_below(node->air, (uint64_t)node->cw + 1);
}

void dcf_leave(struct air_node *node)
{
	if (!link_in(&node->contender))
		return;
	link_remove(&node->contender);
	if (node->channel)
		rearm(node->channel);
}

static void plan(struct air_node *node, uint64_t count_from_us)
{
	node->count_from_us = count_from_us;
	node->plan_us = count_from_us + (uint64_t)node->slots * node->times.slot_us;
}

/* When the medium became idle for a node that has not been looking, deferrals included. */
static uint64_t idle_since_us(const struct air_node *node)
{
	const struct channel *channel = node->channel;
	uint64_t since_us = node->tuned_since_us;

	for (size_t i = 0; i < ENDED_MAX; i++) {
		const struct ended *e = &channel->ended[i];
		uint64_t until_us = e->end_us + (e->from == node ? 0 : e->defer_us);

		if (e->from && until_us > since_us &&
		    (e->from == node || medium_received_dbm(channel, e->from, node) >= node->air->config.cca_dbm))
			since_us = until_us;
	}
	return since_us;
}

void dcf_contend(struct air_node *node)
{
	struct channel *channel = node->channel;
	uint64_t now_us = loop_now_us(node->air->loop);

	if (!node->powered || !channel || node->in_exchange)
		return;
	if (link_in(&node->contender) && node->plan_us < now_us) { /* post-backoff ended unnoticed */
		link_remove(&node->contender);
		node->backing_off = false;
		node->slots = 0;
	}
	if (!link_in(&node->contender)) {
		set_times(node);
		node->busy = 0;
		LINK_EACH(at, &channel->heard)
		node->busy += medium_senses(node, LINK_OF(at, struct transmission, link));
		link_add(&channel->contenders, &node->contender);
		if (node->busy > 0) {
			if (!node->backing_off)
				dcf_draw_backoff(node);
			node->plan_us = LOOP_NEVER;
		} else {
			uint64_t idle_us = idle_since_us(node) + node->times.difs_us;

			plan(node, idle_us > now_us ? idle_us : now_us);
		}
	}
	rearm(channel);
}

/* 10.3.4.3: the countdown stops while the medium is busy; whoever had none yet draws one now. */
static void freeze(struct air_node *node, uint64_t now_us)
{
	if (node->plan_us == LOOP_NEVER)
		return;
	if (!node->backing_off)
		dcf_draw_backoff(node);
	else if (now_us > node->count_from_us)
		node->slots = (uint16_t)(node->slots - (now_us - node->count_from_us) / node->times.slot_us);
	node->plan_us = LOOP_NEVER;
}

void dcf_busy(struct channel *channel, const struct transmission *tx)
{
	uint64_t now_us = tx->start_us;

	LINK_EACH_SAFE(at, &channel->contenders)
	{
		struct air_node *node = contender_of(at);

		if (node->queued == 0 && node->plan_us <= now_us) { /* post-backoff over */
			link_remove(at);
			node->backing_off = false;
			node->slots = 0;
		} else if (medium_senses(node, tx)) {
			node->busy++;
			if (node->plan_us > now_us + CCA_US || node == tx->from || node->queued == 0)
				freeze(node, now_us);
		}
	}
	rearm(channel);
}

void dcf_idle(struct channel *channel, const struct transmission *tx, uint32_t defer_us)
{
	uint64_t now_us = loop_now_us(channel->air->loop);

	LINK_EACH(at, &channel->contenders)
	{
		struct air_node *node = contender_of(at);

		if (node->busy == 0 || !medium_senses(node, tx))
			continue;
		node->busy--;
		if (node->busy == 0)
			plan(node, now_us + node->times.difs_us + (tx->from == node ? 0 : defer_us));
	}
	rearm(channel);
}

/* The frame to try: one already tried first, else the first of the most urgent class. */
static void choose(struct air_node *node)
{
	if (node->current)
		return;
	for (size_t i = 0; !node->current && i < 3; i++)
		node->current = queue_pop(&node->queue[i]);
}

/* Those whose turn it is send at the same instant: they cannot hear each other any more. */
void dcf_turn(void *ctx, uint64_t now_us)
{
	struct channel *channel = ctx;
	struct link turn;

	link_init(&turn);
	LINK_EACH_SAFE(at, &channel->contenders)
	{
		struct air_node *node = contender_of(at);

		if (node->plan_us > now_us)
			continue;
		link_remove(at);
		node->backing_off = false;
		node->slots = 0;
		if (node->queued > 0)
			link_add(&turn, at);
	}
	LINK_EACH_SAFE(at, &turn)
	{
		struct air_node *node = contender_of(at);

		link_remove(at);
		choose(node);
		node->in_exchange = true;
		medium_send(node);
	}
	rearm(channel);
}

static void next_contention(struct air_node *node)
{
	node->in_exchange = node->awaiting_ack = false;
	set_times(node);
	dcf_draw_backoff(node);
	dcf_contend(node);
}

/* 10.3.4.3: a backoff follows every transmission, also when there is nothing more to send. */
static void finish(struct air_node *node, bool acked)
{
	struct air_frame *frame = node->current;

	node->current = NULL;
	node->queued--;
	node->health.sent++;
	if (frame->expects_ack)
		*(acked ? &node->health.acked : &node->health.unacked) += 1;
	node->cw = 0; /* set_times raises it to CWmin */
	next_contention(node);
	air_try_switch(node);
	if (node->config.status)
		node->config.status(node->config.ctx, frame->cookie,
				    frame->expects_ack && (acked || node->config.lies_about_status), frame->tries);
	air_frame_put(node->air, frame);
}

void dcf_succeeded(struct air_node *node, bool acked) { finish(node, acked); }

/* 10.3.4.4: the contention window doubles with every retry, up to CWmax. */
void dcf_failed(struct air_node *node)
{
	struct air_frame *frame = node->current;

	if (frame->tries > frame->retries) {
		finish(node, false);
		return;
	}
	node->cw = (uint16_t)(2 * node->cw + 1 < node->times.cw_max ? 2 * node->cw + 1 : node->times.cw_max);
	node->health.retries++;
	next_contention(node);
}
