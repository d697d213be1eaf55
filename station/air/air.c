/*
 * Nodes and channels: who is where, what they have queued, when they are on the way to another channel. The medium
 * itself is in medium.c, the contention for it in dcf.c, the arithmetic of the PHYs in phy.c.
 */
#include "agent/wire/channel.h"
#include "station/air/air_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "agent/wire/cause.h"

/*
 * Defaults.
 * path loss exponent, shadowing: Rappaport, "Characterization of UHF multipath radio channels in factory buildings",
 *   IEEE Trans. Antennas and Propagation 37(8), 1989: 2.2 over all; 4.6 dB within one kind of path.
 * noise floor: thermal noise in 20 MHz (-101 dBm) and a noise figure of 7 dB, usual of adapters.
 * cca: 802.11-2020 17.3.10.6, the level at which a valid OFDM signal must be noticed.
 * capture: Lee et al., "An experimental study on the capture effect in 802.11a networks", 2007, decides by who comes
 *   first and by strength; the two thresholds are ours, of the order seen there.
 */
#define PATH_LOSS_EXPONENT 2.2
#define SHADOWING_DB 4.6
#define NOISE_FLOOR_DBM (-94.0)
#define CCA_DBM (-82.0)
#define CAPTURE_FIRST_DB 5.0
#define CAPTURE_LATER_DB 10.0
#define TX_QUEUE_MAX 64

static const size_t class_room[FRAME_CLASSES] = { 160, 640, RADIO_FRAME_MAX };

uint64_t air_draw(struct air *air)
{
	if (air->draws_used == DRAWS) {
		entropy_fill(air->entropy, air->draws, sizeof(air->draws));
		air->draws_used = 0;
	}
	return air->draws[air->draws_used++];
}

double air_draw_unit(struct air *air) { return (double)(air_draw(air) >> 11) * 0x1p-53; }

uint64_t air_draw_below(struct air *air, uint64_t bound)
{
	uint64_t v, end = UINT64_MAX - UINT64_MAX % bound;

	do
		v = air_draw(air);
	while (v >= end);
	return v % bound;
}

struct phy_options air_phy_options(const struct air *air)
{
	return (struct phy_options){ .short_preamble = air->config.short_preamble, .long_slot = air->config.long_slot };
}

uint32_t air_frame_us(uint16_t freq_mhz, uint8_t rate_500kbps, size_t len)
{
	return phy_frame_us(freq_mhz, rate_500kbps, len, (struct phy_options){ 0 });
}

uint32_t air_exchange_us(uint16_t freq_mhz, uint8_t rate_500kbps, size_t len)
{
	struct phy_times times;
	uint8_t rate = phy_usable_rate(freq_mhz, rate_500kbps);

	phy_times(freq_mhz, rate, (struct phy_options){ 0 }, &times);
	return times.difs_us + air_frame_us(freq_mhz, rate, len) + times.sifs_us +
	       air_frame_us(freq_mhz, phy_ack_rate(rate), PHY_ACK_LEN);
}

static struct air_frame *air_frame_get(struct air *air, size_t len)
{
	uint8_t class = 0;
	struct air_frame *frame;

	while (class_room[class] < len)
		class ++;
	frame = air->free_frames[class];
	if (frame)
		air->free_frames[class] = frame->next;
	else
		frame = malloc(sizeof(*frame) + class_room[class]);
	if (!frame)
		return NULL;
	*frame = (struct air_frame){ .len = (uint16_t)len, .size_class = class, .refs = 1 };
	return frame;
}

void air_frame_put(struct air *air, struct air_frame *frame)
{
	if (--frame->refs > 0)
		return;
	frame->next = air->free_frames[frame->size_class];
	air->free_frames[frame->size_class] = frame;
}

static void queue_push(struct frame_queue *queue, struct air_frame *frame)
{
	frame->next = NULL;
	*(queue->last ? &queue->last->next : &queue->first) = frame;
	queue->last = frame;
}

struct air_frame *queue_pop(struct frame_queue *queue)
{
	struct air_frame *frame = queue->first;

	if (!frame)
		return NULL;
	queue->first = frame->next;
	if (!queue->first)
		queue->last = NULL;
	return frame;
}

struct air *air_create(struct loop *loop, const struct air_config *config)
{
	struct air *air = calloc(1, sizeof(*air));
	struct air_config *c;

	if (!air)
		return NULL;
	air->loop = loop;
	air->config = *config;
	c = &air->config;
	c->path_loss_exponent = c->path_loss_exponent != 0 ? c->path_loss_exponent : PATH_LOSS_EXPONENT;
	c->shadowing_db = c->shadowing_db != 0 ? c->shadowing_db : SHADOWING_DB;
	c->noise_floor_dbm = c->noise_floor_dbm != 0 ? c->noise_floor_dbm : NOISE_FLOOR_DBM;
	c->cca_dbm = c->cca_dbm != 0 ? c->cca_dbm : CCA_DBM;
	c->capture_first_db = c->capture_first_db != 0 ? c->capture_first_db : CAPTURE_FIRST_DB;
	c->capture_later_db = c->capture_later_db != 0 ? c->capture_later_db : CAPTURE_LATER_DB;
	air->draws_used = DRAWS;
	air->entropy = entropy_create_seeded(config->seed, "air");
	if (!air->entropy) {
		free(air);
		return NULL;
	}
	entropy_fill(air->entropy, &air->shadow_key, sizeof(air->shadow_key));
	return air;
}

static void free_queue(struct air *air, struct frame_queue *queue)
{
	for (struct air_frame *frame; (frame = queue_pop(queue));)
		air_frame_put(air, frame);
}

void air_destroy(struct air *air)
{
	if (!air)
		return;
	bystander_destroy_all(air);
	for (size_t i = 0; i < 256; i++) {
		struct channel *channel = air->channels[i];

		if (!channel)
			continue;
		LINK_EACH_SAFE(at, &channel->heard)
		{
			struct transmission *tx = LINK_OF(at, struct transmission, link);

			loop_cancel(air->loop, &tx->timer);
			if (tx->frame)
				air_frame_put(air, tx->frame);
			free(tx);
		}
		LINK_EACH_SAFE(at, &channel->acks_due)
		{
			struct transmission *tx = LINK_OF(at, struct transmission, link);

			loop_cancel(air->loop, &tx->timer);
			free(tx);
		}
		loop_cancel(air->loop, &channel->timer);
		free(channel);
	}
	for (size_t i = 0; i < air->node_count; i++) {
		struct air_node *node = air->nodes[i];

		loop_cancel(air->loop, &node->timer);
		loop_cancel(air->loop, &node->report_timer);
		for (size_t q = 0; q < 3; q++)
			free_queue(air, &node->queue[q]);
		free_queue(air, &node->reports);
		if (node->current)
			air_frame_put(air, node->current);
		free(node);
	}
	for (size_t i = 0; i < FRAME_CLASSES; i++)
		for (struct air_frame *frame = air->free_frames[i], *next; frame; frame = next) {
			next = frame->next;
			free(frame);
		}
	for (struct transmission *tx = air->free_transmissions, *next; tx; tx = next) {
		next = tx->next_free;
		free(tx);
	}
	capture_destroy_all(air);
	entropy_destroy(air->entropy);
	free(air->nodes);
	free(air->clustered);
	free(air->receptions);
	free(air);
}

static struct channel *channel_at(struct air *air, uint16_t freq_mhz)
{
	unsigned number = mr_mhz_to_channel(freq_mhz);
	struct channel *channel;

	assert(number > 0 && number < 256);
	if (air->channels[number])
		return air->channels[number];
	channel = calloc(1, sizeof(*channel));
	if (!channel)
		abort();
	channel->air = air;
	channel->freq_mhz = freq_mhz;
	channel->loss_at_1m_db = 20 * log10(freq_mhz) - 27.55; /* free space, 1 m */
	link_init(&channel->nodes);
	link_init(&channel->attentive);
	link_init(&channel->contenders);
	link_init(&channel->heard);
	link_init(&channel->acks_due);
	channel->timer.fn = dcf_turn;
	channel->timer.ctx = channel;
	air->channels[number] = channel;
	return channel;
}

static bool is_attentive(const struct air_node *node) { return node->config.promiscuous || node->own.count > 1; }

void air_acknowledge(struct air_node *node, const uint8_t (*addresses)[6], size_t count)
{
	radio_addresses_set(&node->own, node->config.mac, addresses, count);
	if (node->channel && is_attentive(node) != link_in(&node->attentive)) {
		if (is_attentive(node))
			link_add(&node->channel->attentive, &node->attentive);
		else
			link_remove(&node->attentive);
	}
}

static void arrive(struct air_node *node, uint64_t now_us)
{
	uint16_t freq_mhz = node->tuning_mhz;

	node->tuning_mhz = 0;
	node->switching = false;
	node->channel = channel_at(node->air, freq_mhz);
	node->tuned_since_us = now_us;
	node->health.switches++;
	link_add(&node->channel->nodes, &node->on_channel);
	assert(!link_in(&node->attentive));
	if (is_attentive(node))
		link_add(&node->channel->attentive, &node->attentive);
	if (node->config.tuned)
		node->config.tuned(node->config.ctx, freq_mhz);
}

static void leave_channel(struct air_node *node)
{
	dcf_leave(node);
	link_remove(&node->on_channel);
	link_remove(&node->attentive);
	node->channel = NULL;
	node->backing_off = false;
	node->slots = 0;
	node->cw = 0;
}

void air_try_switch(struct air_node *node)
{
	if (node->tuning_mhz == 0 || node->switching || node->queued > 0 || node->in_exchange || node->sending ||
	    node->acks_due > 0 || !node->powered)
		return;
	node->switching = true;
	leave_channel(node);
	loop_at(node->air->loop, &node->timer, loop_now_us(node->air->loop) + node->config.switch_us);
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct air_node *node = ctx;

	if (node->switching)
		arrive(node, now_us);
	else
		medium_ack_timeout(node);
}

static void on_report(void *ctx, uint64_t now_us)
{
	struct air_node *node = ctx;

	(void)now_us;
	for (struct air_frame *frame; (frame = queue_pop(&node->reports));) {
		if (node->config.status)
			node->config.status(node->config.ctx, frame->cookie, false, frame->tries);
		air_frame_put(node->air, frame);
	}
}

static bool grow(struct air *air, bool clustered)
{
	if (air->node_count == air->node_room) {
		size_t room = air->node_room ? 2 * air->node_room : 64;
		struct air_node **nodes = realloc(air->nodes, room * sizeof(struct air_node *));
		struct reception *receptions;

		if (!nodes)
			return false;
		air->nodes = nodes;
		/* One more than nodes: hear() tries the next place before it knows whether it needs it. */
		receptions = realloc(air->receptions, (room + 1) * sizeof(struct reception));
		if (!receptions)
			return false;
		air->receptions = receptions;
		air->node_room = room;
	}
	if (clustered) {
		struct air_node **list = realloc(air->clustered,
						 (air->clustered_count + 1) * sizeof(struct air_node *));

		if (!list)
			return false;
		air->clustered = list;
	}
	return true;
}

struct air_node *air_add_node(struct air *air, const struct air_node_config *config)
{
	struct air_node *node = calloc(1, sizeof(*node)), **bucket;

	if (!node || !grow(air, config->cluster != 0)) {
		free(node);
		return NULL;
	}
	node->air = air;
	node->config = *config;
	node->config.name[RADIO_NAME_MAX - 1] = '\0';
	radio_addresses_set(&node->own, config->mac, NULL, 0);
	if (node->config.tx_queue_max == 0)
		node->config.tx_queue_max = TX_QUEUE_MAX;
	node->id = (uint32_t)air->node_count;
	node->powered = true;
	node->plan_us = LOOP_NEVER;
	node->timer = (struct loop_timer){ .fn = on_timer, .ctx = node };
	node->report_timer = (struct loop_timer){ .fn = on_report, .ctx = node };
	for (bucket = &air->by_mac[(config->mac[4] << 8 | config->mac[5]) % MAC_BUCKETS]; *bucket;
	     bucket = &(*bucket)->same_hash)
		;
	*bucket = node;
	air->nodes[air->node_count++] = node;
	if (config->cluster != 0)
		air->clustered[air->clustered_count++] = node;
	return node;
}

int air_tune(struct air_node *node, uint16_t freq_mhz)
{
	if (!node->powered)
		return -MR_CAUSE_RADIO_GONE;
	if (node->tuning_mhz != 0 || mr_mhz_to_channel(freq_mhz) == 0)
		return -MR_CAUSE_BAD_REQUEST;
	node->tuning_mhz = freq_mhz;
	air_try_switch(node);
	return 0;
}

/* 9.2.4.1.3: management and data frames to one receiver are acknowledged. */
static bool expects_ack(const struct air_frame *frame)
{
	return frame->len >= 16 && (frame->bytes[0] & 0x0c) != 0x04 && (frame->bytes[0] & 0x0c) != 0x0c &&
	       (frame->bytes[4] & 1) == 0;
}

int air_send(struct air_node *node, struct mr_rd bytes, const struct radio_tx *tx)
{
	struct air_frame *frame;

	if (!node->powered || !node->channel || node->tuning_mhz != 0)
		return -MR_CAUSE_RADIO_GONE;
	if (bytes.bad || bytes.left < 2 || bytes.left > RADIO_FRAME_MAX || (unsigned)tx->priority > RADIO_BULK)
		return -MR_CAUSE_BAD_REQUEST;
	if (node->queued >= node->config.tx_queue_max) {
		node->health.dropped++;
		return -MR_CAUSE_NO_MEMORY;
	}
	frame = air_frame_get(node->air, bytes.left);
	if (!frame)
		return -MR_CAUSE_NO_MEMORY;
	memcpy(frame->bytes, bytes.at, bytes.left);
	frame->cookie = tx->cookie;
	frame->rate = phy_usable_rate(node->channel->freq_mhz, tx->rate_500kbps);
	frame->priority = (uint8_t)tx->priority;
	frame->expects_ack = expects_ack(frame);
	frame->retries = frame->expects_ack ? tx->retries : 0;
	queue_push(&node->queue[frame->priority], frame);
	node->queued++;
	dcf_contend(node);
	return 0;
}

void air_power(struct air_node *node, bool on)
{
	if (node->powered == on)
		return;
	node->powered = on;
	if (on)
		return;
	medium_break_off(node);
	loop_cancel(node->air->loop, &node->timer);
	if (node->current)
		queue_push(&node->reports, node->current);
	for (size_t i = 0; i < 3; i++)
		for (struct air_frame *frame; (frame = queue_pop(&node->queue[i]));)
			queue_push(&node->reports, frame);
	node->current = NULL;
	node->queued = 0;
	node->in_exchange = node->awaiting_ack = node->switching = false;
	node->tuning_mhz = 0;
	leave_channel(node);
	if (node->reports.first)
		loop_at(node->air->loop, &node->report_timer, loop_now_us(node->air->loop));
}

void air_set_loss(struct air_node *node, double extra_loss_db) { node->config.extra_loss_db = extra_loss_db; }
void air_skip_beacons(struct air_node *node, bool skip) { node->skips_beacons = skip; }
void air_node_health(const struct air_node *node, struct radio_health *out) { *out = node->health; }
size_t air_node_number(const struct air_node *node) { return node->id; }
struct loop *air_loop(const struct air *air) { return air->loop; }

void air_node_detach(struct air_node *node)
{
	air_power(node, false);
	node->config.received = NULL;
	node->config.status = NULL;
	node->config.tuned = NULL;
	node->config.ctx = NULL;
}

size_t air_node_queued(const struct air_node *node) { return node->queued; }
void air_totals(const struct air *air, struct air_totals *out) { *out = air->totals; }
