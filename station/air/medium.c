/*
 * What happens on a channel: propagation, transmissions, who can decode them, acknowledgements.
 *
 * A received level is tx power less log-distance path loss and a shadowing that belongs to the pair of nodes. A frame
 * is decoded when its receiver listened during all of it, the capture rule lets it through against what overlapped it,
 * the draw against the PHY's error rate succeeds, and neither desensitisation nor the extra loss takes it.
 * Not modelled: transmissions of overlapping neighbour channels as interference (only their blocking of radios on the
 * same table, see desensitised), propagation delay (below a microsecond on a floor), fading within a run.
 */
#include "agent/wire/channel.h"
#include "station/air/air_internal.h"

#include <math.h>
#include <string.h>

/* 9.2.4.1: first octet of the frame control field: version 0; type and subtype. */
#define FC_ACK 0xd4
#define FC_BEACON 0x80
#define FC1_RETRY 0x08
#define TYPE_MASK 0x0c
#define TYPE_CONTROL 0x04

#define DISTANCE_MIN_M 0.1 /* nearer, the log-distance law means nothing */

/*
 * A transmitting adapter beside a receiving one blocks it on near channels and hurts it on the others of the band: a
 * model of what is reported of USB adapters side by side, not a measurement. Near: less than 5 channels of 5 MHz.
 */
#define CLUSTER_M 1.0
#define NEAR_MHZ 25
#define LOSS_NEAR 0.30
#define LOSS_FAR 0.05

static double mw_of_dbm(double dbm) { return pow(10, dbm / 10); }

/* Standard normal, nearly: the sum of four uniforms, from 64 bits that are fixed for the pair (never beyond 3.5). */
static double pair_normal(const struct air *air, uint32_t a, uint32_t b)
{
	uint64_t x = air->shadow_key ^ (a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a);

	for (int i = 0; i < 2; i++) { /* the finaliser of splitmix64 */
		x += 0x9e3779b97f4a7c15u;
		x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
		x = (x ^ x >> 27) * 0x94d049bb133111ebu;
		x ^= x >> 31;
	}
	return ((double)((x & 0xffff) + (x >> 16 & 0xffff) + (x >> 32 & 0xffff) + (x >> 48)) / 65536 - 2) * sqrt(3);
}

double medium_received_dbm(const struct channel *channel, const struct air_node *from, const struct air_node *to)
{
	const struct air *air = channel->air;
	double dx = from->config.x_m - to->config.x_m, dy = from->config.y_m - to->config.y_m;
	double square = fmax(dx * dx + dy * dy, DISTANCE_MIN_M * DISTANCE_MIN_M);
	double shadow_db = air->config.shadowing_db > 0 && from->id != to->id
				   ? air->config.shadowing_db * pair_normal(air, from->id, to->id)
				   : 0;

	return from->config.tx_dbm - channel->loss_at_1m_db - 5 * air->config.path_loss_exponent * log10(square) -
	       shadow_db - from->config.extra_loss_db - to->config.extra_loss_db;
}

bool medium_senses(const struct air_node *node, const struct transmission *tx)
{
	return tx->on_air &&
	       (tx->from == node || medium_received_dbm(tx->channel, tx->from, node) >= node->air->config.cca_dbm);
}

static const uint8_t *bytes_of(const struct transmission *tx) { return tx->frame ? tx->frame->bytes : tx->ack; }
static size_t len_of(const struct transmission *tx) { return tx->frame ? tx->frame->len : PHY_ACK_LEN; }

static struct transmission *transmission_get(struct channel *channel, struct air_node *from, loop_timer_fn *fn)
{
	struct air *air = channel->air;
	struct transmission *tx = air->free_transmissions;

	if (tx)
		air->free_transmissions = tx->next_free;
	else
		tx = malloc(sizeof(*tx));
	if (!tx)
		abort(); /* a simulation that loses frames for want of memory would say nothing true */
	*tx = (struct transmission){ .channel = channel, .from = from, .timer = { .fn = fn, .ctx = tx } };
	return tx;
}

static void transmission_put(struct transmission *tx)
{
	struct air *air = tx->channel->air;

	link_remove(&tx->link);
	if (tx->frame)
		air_frame_put(air, tx->frame);
	tx->next_free = air->free_transmissions;
	air->free_transmissions = tx;
}

static void on_transmission_end(void *ctx, uint64_t now_us);

static void begin(struct transmission *tx)
{
	struct channel *channel = tx->channel;
	struct air *air = channel->air;
	uint32_t air_us = phy_frame_us(channel->freq_mhz, tx->rate, len_of(tx), air_phy_options(air));

	tx->start_us = loop_now_us(air->loop);
	tx->end_us = tx->start_us + air_us;
	tx->on_air = true;
	LINK_EACH(at, &channel->heard)
	{
		struct transmission *other = LINK_OF(at, struct transmission, link);

		if (other->on_air)
			other->overlapped = tx->overlapped = true;
	}
	link_add(&channel->heard, &tx->link);
	channel->on_air++;
	tx->from->sending = tx;
	tx->from->tx_freq_mhz = channel->freq_mhz;
	tx->from->tx_from_us = tx->start_us;
	tx->from->tx_until_us = tx->end_us;
	tx->from->health.airtime_us += air_us;
	air->totals.airtime_us += air_us;
	air->totals.octets += len_of(tx);
	tx->timer.fn = on_transmission_end;
	loop_at(air->loop, &tx->timer, tx->end_us);
	capture_write(air, tx);
	dcf_busy(channel, tx);
}

static uint32_t ack_us(const struct channel *channel, uint8_t rate)
{
	return phy_frame_us(channel->freq_mhz, phy_ack_rate(rate), PHY_ACK_LEN, air_phy_options(channel->air));
}

void medium_send(struct air_node *node)
{
	struct channel *channel = node->channel;
	struct air_frame *frame = node->current;
	struct transmission *tx = transmission_get(channel, node, on_transmission_end);

	frame->tries++;
	frame->refs++;
	tx->frame = frame;
	tx->rate = node->last_rate = frame->rate;
	node->air->totals.frames++;
	if (frame->tries > 1) {
		frame->bytes[1] |= FC1_RETRY;
		node->air->totals.retries++;
	}
	if (frame->expects_ack) { /* 9.2.5.2: the time of SIFS and ACK */
		uint32_t duration_us = node->times.sifs_us + ack_us(channel, frame->rate);

		frame->bytes[2] = (uint8_t)duration_us;
		frame->bytes[3] = (uint8_t)(duration_us >> 8);
	}
	begin(tx);
}

/* Power is lost: what was on the air ends here and nobody can check its FCS. */
void medium_break_off(struct air_node *node)
{
	struct transmission *tx = node->sending;

	if (!tx)
		return;
	tx->aborted = true;
	tx->end_us = loop_now_us(node->air->loop);
	node->tx_until_us = tx->end_us;
	loop_at(node->air->loop, &tx->timer, tx->end_us);
}

/* A transmitter within reach of the table, in the same band, on another channel, while the frame was on the air. */
static bool desensitised(const struct air_node *node, const struct transmission *tx)
{
	struct air *air = node->air;
	double through = 1;

	if (node->config.cluster == 0 || air->config.no_desensitisation)
		return false;
	for (size_t i = 0; i < air->clustered_count; i++) {
		const struct air_node *other = air->clustered[i];
		int gap_mhz = abs((int)other->tx_freq_mhz - (int)tx->channel->freq_mhz);

		if (other == node || other->config.cluster != node->config.cluster || gap_mhz == 0 ||
		    mr_band(other->tx_freq_mhz) != mr_band(tx->channel->freq_mhz) ||
		    other->tx_until_us <= tx->start_us || other->tx_from_us >= tx->end_us ||
		    hypot(other->config.x_m - node->config.x_m, other->config.y_m - node->config.y_m) > CLUSTER_M)
			continue;
		through *= 1 - (gap_mhz < NEAR_MHZ ? LOSS_NEAR : LOSS_FAR);
	}
	return through < 1 && air_draw_unit(air) >= through;
}

/* Gilbert-Elliott: in the bad state everything is lost. The mean stay there and the mean loss fix both transitions. */
static bool extra_loss(struct air_node *node)
{
	struct air *air = node->air;
	double loss = air->config.frame_loss, burst = air->config.loss_burst_frames;

	if (loss <= 0)
		return false;
	if (burst * (1 - loss) <= 1) /* no longer bursts than chance makes by itself */
		return air_draw_unit(air) < loss;
	double change = node->bad_state ? 1 / burst : loss / (burst * (1 - loss));

	if (air_draw_unit(air) < change)
		node->bad_state = !node->bad_state;
	return node->bad_state;
}

enum outcome { MISSED, COLLIDED, LOST, DECODED };

/* What became of a transmission, that ends now, at one node. MISSED: it was not listening on this channel all along. */
static enum outcome receive(struct air_node *node, const struct transmission *tx, int8_t *rssi_dbm)
{
	const struct channel *channel = tx->channel;
	struct air *air = channel->air;
	double signal_dbm, clean = (double)(len_of(tx) + PHY_FCS_LEN), hit = 0, interference_mw = 0;
	double noise_mw = mw_of_dbm(air->config.noise_floor_dbm);
	uint64_t hit_us = 0;
	bool later = false;

	if (node == tx->from || !node->powered || node->channel != channel || node->tuned_since_us > tx->start_us)
		return MISSED;
	if (node->tx_until_us > tx->start_us && node->tx_from_us < tx->end_us) /* half duplex */
		return MISSED;
	signal_dbm = medium_received_dbm(channel, tx->from, node);
	*rssi_dbm = (int8_t)fmax(-127, fmin(20, round(signal_dbm)));
	if (tx->aborted)
		return LOST;
	if (tx->overlapped)
		LINK_EACH(at, &channel->heard)
		{
			const struct transmission *other = LINK_OF(at, struct transmission, link);
			uint64_t from_us = other->start_us > tx->start_us ? other->start_us : tx->start_us;
			uint64_t to_us = other->on_air || other->end_us > tx->end_us ? tx->end_us : other->end_us;

			if (other == tx || from_us >= to_us)
				continue;
			double other_mw = mw_of_dbm(medium_received_dbm(channel, other->from, node));

			interference_mw += other_mw;
			later = later || (other->start_us < tx->start_us && other_mw > noise_mw);
			hit_us = to_us - from_us > hit_us ? to_us - from_us : hit_us;
		}
	if (interference_mw > 0) {
		double sir_db = signal_dbm - 10 * log10(interference_mw);

		if (sir_db < (later ? air->config.capture_later_db : air->config.capture_first_db))
			return COLLIDED;
		hit = clean * (double)hit_us / (double)(tx->end_us - tx->start_us);
		clean -= hit;
	}
	double error = phy_error_rate(tx->rate, signal_dbm - air->config.noise_floor_dbm, clean);

	if (error > 0 && air_draw_unit(air) < error)
		return LOST;
	error = hit > 0 ? phy_error_rate(tx->rate, signal_dbm - 10 * log10(interference_mw + noise_mw), hit) : 0;
	if (error > 0 && air_draw_unit(air) < error)
		return COLLIDED;
	if (desensitised(node, tx) || extra_loss(node))
		return LOST;
	return DECODED;
}

static bool is_addressee(const struct air_node *node, const uint8_t *bytes, size_t len)
{
	return len >= 10 && radio_addresses_have(&node->own, bytes + 4);
}

static void on_ack_turn(void *ctx, uint64_t now_us)
{
	struct transmission *tx = ctx;
	struct air_node *node = tx->from;

	node->acks_due--;
	link_remove(&tx->link);
	if (!node->powered || node->channel != tx->channel || node->sending) {
		transmission_put(tx);
		air_try_switch(node);
		return;
	}
	node->air->totals.acks++;
	begin(tx);
	if (tx->ack_to->awaiting_ack && tx->ack_to->channel == tx->channel) /* 10.3.2.11: reception has started */
		loop_at(node->air->loop, &tx->ack_to->timer, now_us + (tx->end_us - tx->start_us));
}

/* 10.3.2.11: SIFS after the frame, whatever the medium is like. */
static void acknowledge(struct air_node *node, const struct transmission *data)
{
	struct transmission *tx = transmission_get(data->channel, node, on_ack_turn);
	struct phy_times times;

	phy_times(data->channel->freq_mhz, data->rate, air_phy_options(node->air), &times);
	tx->ack_to = data->from;
	tx->rate = phy_ack_rate(data->rate);
	tx->ack[0] = FC_ACK;
	memcpy(tx->ack + 4, data->frame->bytes + 10, 6);
	node->acks_due++;
	link_add(&data->channel->acks_due, &tx->link);
	loop_at(node->air->loop, &tx->timer, data->end_us + times.sifs_us);
}

static void count(struct air_node *node, const struct transmission *tx, enum outcome outcome)
{
	struct air_totals *totals = &node->air->totals;

	totals->collisions += outcome == COLLIDED;
	totals->lost += outcome == LOST;
	totals->captured += outcome == DECODED && tx->overlapped;
}

/* `mine`: it is an addressee. Returns how many receptions there are now. */
static size_t hear_at(struct air_node *node, const struct transmission *tx, bool mine, size_t n)
{
	struct reception *r = &node->air->receptions[n];
	enum outcome outcome = receive(node, tx, &r->rssi_dbm);

	r->node = node;
	node->health.garbage += outcome == COLLIDED || outcome == LOST;
	if (mine)
		count(node, tx, outcome);
	if (outcome != DECODED)
		return n;
	if (mine && node->config.acknowledges && tx->frame->expects_ack)
		acknowledge(node, tx);
	return n + 1;
}

/*
 * Every node that hears a frame, in the order in which they came to the channel. The list is complete before the
 * first callback, since a callback may tune or switch off any node.
 */
static size_t hear(const struct transmission *tx)
{
	struct channel *channel = tx->channel;
	const uint8_t *bytes = bytes_of(tx);
	size_t len = len_of(tx), n = 0;
	struct air_node *node;

	if (len >= 10 && (bytes[4] & 1)) {
		LINK_EACH(at, &channel->nodes)
		{
			node = LINK_OF(at, struct air_node, on_channel);
			if (bytes[0] != FC_BEACON || !node->skips_beacons)
				n = hear_at(node, tx, true, n);
		}
		return n;
	}
	LINK_EACH(at, &channel->attentive)
	{
		bool mine;

		node = LINK_OF(at, struct air_node, attentive);
		mine = is_addressee(node, bytes, len);
		if (mine || node->config.promiscuous)
			n = hear_at(node, tx, mine, n);
	}
	if (len < 10)
		return n;
	for (node = channel->air->by_mac[(bytes[8] << 8 | bytes[9]) % MAC_BUCKETS]; node; node = node->same_hash)
		if (node->channel == channel && !link_in(&node->attentive) && is_addressee(node, bytes, len))
			n = hear_at(node, tx, true, n);
	return n;
}

static void deliver(const struct transmission *tx, size_t n)
{
	struct air *air = tx->channel->air;
	struct radio_rx rx = { .freq_mhz = tx->channel->freq_mhz, .rate_500kbps = tx->rate, .time_us = tx->end_us };

	for (size_t i = 0; i < n; i++) {
		struct air_node *node = air->receptions[i].node;

		if (!node->powered)
			continue;
		node->health.received++;
		rx.rssi_dbm = air->receptions[i].rssi_dbm;
		if (node->config.received)
			node->config.received(node->config.ctx, mr_rd_over(tx->frame->bytes, tx->frame->len), &rx);
	}
}

static void data_sent(struct transmission *tx)
{
	struct air_node *node = tx->from;

	if (tx->aborted || !node->in_exchange || node->current != tx->frame)
		return; /* it was switched off */
	if (!tx->frame->expects_ack) {
		dcf_succeeded(node, false);
		return;
	}
	node->awaiting_ack = true;
	loop_at(node->air->loop, &node->timer, tx->end_us + node->times.ack_timeout_us);
}

void medium_ack_timeout(struct air_node *node) { dcf_failed(node); }

static void ack_sent(struct transmission *tx)
{
	struct air_node *to = tx->ack_to;
	int8_t rssi_dbm;

	air_try_switch(tx->from);
	if (!to->awaiting_ack || receive(to, tx, &rssi_dbm) != DECODED)
		return; /* its time-out is due at this very moment */
	loop_cancel(to->air->loop, &to->timer);
	dcf_succeeded(to, true);
}

/* NAV (10.3.2.4) after a frame that could be decoded, EIFS (10.3.2.3.7) after one that could not. */
static uint32_t deferral_us(const struct transmission *tx)
{
	const struct channel *channel = tx->channel;
	struct phy_times times;

	phy_times(channel->freq_mhz, tx->rate, air_phy_options(channel->air), &times);
	if (tx->overlapped || tx->aborted)
		return (uint32_t)(times.eifs_us - times.difs_us);
	return tx->frame && tx->frame->expects_ack ? times.sifs_us + ack_us(channel, tx->rate) : 0;
}

static void on_transmission_end(void *ctx, uint64_t now_us)
{
	struct transmission *tx = ctx;
	struct channel *channel = tx->channel;
	uint32_t defer_us = deferral_us(tx);
	size_t n;

	channel->on_air--;
	tx->from->sending = NULL;
	channel->ended[channel->ended_next++ % ENDED_MAX] =
		(struct ended){ .from = tx->from, .end_us = now_us, .defer_us = defer_us };
	dcf_idle(channel, tx, defer_us); /* still on_air: that is how the nodes sensed it */
	tx->on_air = false;

	if (tx->frame) {
		n = hear(tx);
		data_sent(tx);
		deliver(tx, n);
	} else {
		ack_sent(tx);
	}
	if (channel->on_air == 0)
		LINK_EACH_SAFE(at, &channel->heard)
	transmission_put(LINK_OF(at, struct transmission, link));
}
