/*
 * A radio on the simulated air behind the radio seam. What real adapters do differently from one another is a row of
 * the table of profiles; what real kernels and drivers do wrong is switchable (struct air_faults).
 */
#include "agent/wire/channel.h"
#include "station/radio/radio.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/cause.h"
#include "station/air/air.h"
#include "station/radio/hearing.h"

/* Kernels report no status for a frame that they dropped silently; a driver for libpcap gives up after this long. */
#define SILENT_DROP_US 200000
#define SILENT_MAX 64	     /* such frames at once */
#define ACKNOWLEDGE_US 10000 /* an interface made and brought up over USB: expected, unmeasured */
#define TX_DBM 17.0
#define CLUSTER 1 /* the adapters of one station are on one table */

/*
 * switch_us: what one channel change costs.
 *   mt7612u    430 to 580 ms measured by users, because the driver calibrates at every change (morrownr/USB-WiFi
 *              #376); mt7610u runs the same driver core
 *   rt2800usb  about 90 register accesses over USB and the oscillator's settling: 15 to 40 ms expected, unmeasured
 *   ath9k_htc  drain, full chip reset and six firmware round trips: 20 to 60 ms expected, unmeasured
 *   mt7601u    no figure found: as ath9k_htc
 * addresses: how many it acknowledges in active monitor mode (Linux: mt76, mt7601u), its own included; 0: it has no
 * such mode. The figures are the drivers' (address.c), for an own address that is locally administered, as those of
 * simulated radios are.
 * own_bits_only: it answers to no other addresses than those of radio_address, whatever interface is made.
 * mt7601u delivers own and group frames only, and its status is "acknowledged" for whatever left. rt2800usb's backoff
 * is drawn from 0..7 in monitor mode (Guenther et al.).
 * retries: the hardware's own limit where the driver ignores the caller's; -1: the caller's counts.
 * ath9k_htc ignores the caller's rate and reports one try always.
 */
struct profile {
	const char *name;
	bool five_ghz, promiscuous, lies, one_try, lowest_rate, own_bits_only;
	uint8_t addresses, cw_min;
	int8_t retries;
	uint32_t switch_us;
};

static const struct profile profiles[] = {
	{ .name = "ideal",
	  .five_ghz = true,
	  .addresses = RADIO_ADDRESSES_MAX,
	  .promiscuous = true,
	  .retries = -1,
	  .switch_us = 1000 },
	{ .name = "mt7612u",
	  .five_ghz = true,
	  .addresses = 7,
	  .own_bits_only = true,
	  .promiscuous = true,
	  .retries = 7,
	  .switch_us = 450000 },
	{ .name = "mt7610u",
	  .five_ghz = true,
	  .addresses = 7,
	  .own_bits_only = true,
	  .promiscuous = true,
	  .retries = 7,
	  .switch_us = 450000 },
	{ .name = "mt7601u", .addresses = 1, .lies = true, .retries = 7, .switch_us = 60000 },
	{ .name = "rt2800usb", .promiscuous = true, .cw_min = 7, .retries = 7, .switch_us = 20000 },
	{ .name = "ath9k_htc",
	  .promiscuous = true,
	  .one_try = true,
	  .lowest_rate = true,
	  .retries = 7,
	  .switch_us = 60000 },
};

struct simulated {
	struct radio radio;
	struct loop *loop;
	struct air_node *node;
	struct air_node *ear; /* K3: stays at the start; NULL without that fault */
	const struct profile *profile;
	struct air_faults faults;
	uint16_t true_mhz, asked_mhz; /* asked: a tune under way */
	uint16_t start_mhz;	      /* of the first tune since it came up */
	bool tune_fails;	      /* K4: the one under way */
	unsigned hear;		      /* enum radio_hear */
	struct radio_addresses own;
	bool plugged, gone_due, back_due;
	struct {
		uint64_t cookie, due_us;
	} silent[SILENT_MAX]; /* frames dropped silently, oldest first */
	size_t silent_count;
	struct loop_timer plug_timer, silent_timer;
	struct loop_timer own_timer; /* the list of addresses comes into force */
	bool own_due;
};

static struct simulated *of(struct radio *radio) { return (struct simulated *)(void *)radio; }

const char *radio_simulated_profile(size_t i)
{
	return i < sizeof(profiles) / sizeof(profiles[0]) ? profiles[i].name : NULL;
}

/* What the radio tells is the station's work; what it is told is the world's (loop_enter). */
static void on_received(void *ctx, struct mr_rd frame, const struct radio_rx *rx)
{
	struct simulated *s = ctx;
	struct loop *loop = s->loop;
	enum loop_side side = loop_enter(loop, LOOP_STATION);
	bool nowhere = s->radio.freq_mhz == 0 && s->asked_mhz == 0;

	if (s->radio.events.received && !nowhere && hearing_wants(&s->own, s->hear, frame))
		s->radio.events.received(s->radio.events.ctx, &s->radio, frame, rx);
	(void)loop_enter(loop, side);
}

static void on_heard_at_start(void *ctx, struct mr_rd frame, const struct radio_rx *rx)
{
	const struct simulated *s = ctx;

	if (s->true_mhz != rx->freq_mhz) /* else it is heard anyway */
		on_received(ctx, frame, rx);
}

static void on_status(void *ctx, uint64_t cookie, bool acked, unsigned tries)
{
	struct simulated *s = ctx;
	struct loop *loop = s->loop;
	enum loop_side side = loop_enter(loop, LOOP_STATION);

	if (s->radio.events.status)
		s->radio.events.status(s->radio.events.ctx, &s->radio, cookie, acked,
				       s->profile->one_try && tries > 1 ? 1 : tries);
	(void)loop_enter(loop, side);
}

static void tell_tuned(struct simulated *s, int cause)
{
	uint16_t freq_mhz = s->asked_mhz;
	struct loop *loop = s->loop;
	enum loop_side side = loop_enter(loop, LOOP_STATION);

	s->asked_mhz = 0;
	s->tune_fails = false;
	if (cause == 0)
		s->radio.freq_mhz = freq_mhz;
	if (s->radio.events.tuned)
		s->radio.events.tuned(s->radio.events.ctx, &s->radio, freq_mhz, cause);
	(void)loop_enter(loop, side);
}

static void on_tuned(void *ctx, uint16_t freq_mhz)
{
	struct simulated *s = ctx;

	s->true_mhz = freq_mhz;
	tell_tuned(s, s->tune_fails ? -MR_CAUSE_RADIO_GONE : 0);
}

static const struct radio_channel *channel_of(const struct radio *radio, uint16_t freq_mhz)
{
	for (size_t i = 0; i < radio->caps.channel_count; i++)
		if (radio->caps.channels[i].freq_mhz == freq_mhz)
			return &radio->caps.channels[i];
	return NULL;
}

/* Where a tune really leads. */
static uint16_t destination(struct simulated *s, uint16_t asked_mhz)
{
	if (s->faults.stuck_on_1)
		return 2412;
	/* A stuck radio goes through the motions and stays where it came up. */
	if (s->true_mhz != 0 && (s->faults.stuck_channel || s->tune_fails))
		return s->true_mhz;
	return asked_mhz;
}

static int simulated_tune(struct radio *radio, uint16_t freq_mhz)
{
	struct simulated *s = of(radio);
	const struct radio_channel *channel = channel_of(radio, freq_mhz);
	enum loop_side side;
	int cause;

	if (!s->plugged)
		return -MR_CAUSE_RADIO_GONE;
	if (!channel || (channel->flags & RADIO_DISABLED) || s->asked_mhz != 0)
		return -MR_CAUSE_BAD_REQUEST;
	s->tune_fails = s->faults.busy_tunes > 0 && s->true_mhz != 0;
	side = loop_enter(s->loop, LOOP_WORLD);
	cause = air_tune(s->node, destination(s, freq_mhz));
	if (cause == 0 && s->ear && s->start_mhz == 0)
		(void)air_tune(s->ear, freq_mhz);
	(void)loop_enter(s->loop, side);
	if (cause != 0)
		return cause;
	s->faults.busy_tunes -= s->tune_fails;
	if (s->start_mhz == 0)
		s->start_mhz = freq_mhz;
	s->asked_mhz = freq_mhz;
	radio->freq_mhz = 0;
	return 0;
}

static void on_silent(void *ctx, uint64_t now_us)
{
	struct simulated *s = ctx;

	while (s->silent_count > 0 && s->silent[0].due_us <= now_us) {
		uint64_t cookie = s->silent[0].cookie;

		s->silent_count--;
		memmove(s->silent, s->silent + 1, s->silent_count * sizeof(s->silent[0]));
		on_status(s, cookie, false, 0);
	}
	if (s->silent_count > 0)
		loop_at(s->loop, &s->silent_timer, s->silent[0].due_us);
}

static int drop_silently(struct simulated *s, uint64_t cookie)
{
	if (s->silent_count == SILENT_MAX)
		return -MR_CAUSE_NO_MEMORY;
	s->silent[s->silent_count].cookie = cookie;
	s->silent[s->silent_count++].due_us = loop_now_us(s->loop) + SILENT_DROP_US;
	loop_at(s->loop, &s->silent_timer, s->silent[0].due_us);
	return 0;
}

/* K2: mac80211 up to 6.8 looks an injected frame's rate up by its place in the table of the start's band. */
static uint8_t rate_by_start(const struct simulated *s, uint8_t rate_500kbps)
{
	static const uint8_t rates[] = { 2, 4, 11, 22, 12, 18, 24, 36, 48, 72, 96, 108 }; /* 5 GHz: from 12 on */
	size_t count = sizeof(rates), dsss = 4, place = 0;
	bool start_5ghz = mr_band(s->start_mhz) == MR_BAND_5GHZ, here_5ghz = mr_band(s->radio.freq_mhz) == MR_BAND_5GHZ;

	if (start_5ghz == here_5ghz)
		return rate_500kbps;
	while (place < count && rates[place] != rate_500kbps)
		place++;
	place += here_5ghz ? dsss : 0;
	place -= start_5ghz && place >= dsss ? dsss : 0;
	return rates[place < count ? place : count - 1];
}

static int simulated_send(struct radio *radio, struct mr_rd frame, const struct radio_tx *asked)
{
	struct simulated *s = of(radio);
	struct radio_tx tx = *asked;
	enum loop_side side;
	int result;

	if (!s->plugged || s->asked_mhz != 0 || radio->freq_mhz == 0)
		return -MR_CAUSE_RADIO_GONE;
	if (channel_of(radio, radio->freq_mhz)->flags != 0)
		return s->faults.silent_no_ir ? drop_silently(s, tx.cookie) : -MR_CAUSE_RADIO_GONE;
	if (s->faults.start_rules) {
		const struct radio_channel *start = channel_of(radio, s->start_mhz);

		if (start && start->flags != 0)
			return drop_silently(s, tx.cookie);
		tx.rate_500kbps = rate_by_start(s, tx.rate_500kbps);
	}
	if (s->profile->retries >= 0)
		tx.retries = (uint8_t)s->profile->retries;
	if (s->profile->lowest_rate)
		tx.rate_500kbps = 0; /* which the air takes for the band's lowest */
	side = loop_enter(s->loop, LOOP_WORLD);
	result = air_send(s->node, frame, &tx);
	(void)loop_enter(s->loop, side);
	return result;
}

static int simulated_hear(struct radio *radio, unsigned hear)
{
	of(radio)->hear = hear;
	return 0;
}

/* Whether the adapter answers to a further address that it was given an interface for. */
static bool can_answer(const struct simulated *s, const uint8_t address[static 6])
{
	uint8_t possible[6];

	for (size_t n = 1; n < RADIO_ADDRESSES_MAX; n++) {
		radio_address(s->radio.caps.mac, n, possible);
		if (memcmp(possible, address, 6) == 0)
			return true;
	}
	return !s->profile->own_bits_only;
}

static void tell_acknowledging(struct simulated *s, int cause)
{
	struct loop *loop = s->loop;
	enum loop_side side = loop_enter(loop, LOOP_STATION);

	assert(s->own_due);
	s->own_due = false;
	loop_cancel(loop, &s->own_timer);
	if (s->radio.events.acknowledging)
		s->radio.events.acknowledging(s->radio.events.ctx, &s->radio, cause);
	(void)loop_enter(loop, side);
}

static void on_own(void *ctx, uint64_t now_us)
{
	struct simulated *s = ctx;
	uint8_t answered[RADIO_ADDRESSES_MAX][6];
	size_t count = 0;

	(void)now_us;
	for (size_t i = 1; i < s->own.count; i++)
		if (can_answer(s, s->own.at[i]))
			memcpy(answered[count++], s->own.at[i], 6);
	air_acknowledge(s->node, answered, count);
	tell_acknowledging(s, 0);
}

static void acknowledge_soon(struct simulated *s)
{
	s->own_due = true;
	loop_at(s->loop, &s->own_timer, loop_now_us(s->loop) + ACKNOWLEDGE_US);
}

static int simulated_acknowledge(struct radio *radio, const uint8_t (*addresses)[6], size_t count)
{
	struct simulated *s = of(radio);

	if (!s->plugged)
		return -MR_CAUSE_RADIO_GONE;
	if (count > 0 && count >= radio->caps.acknowledged_max)
		return -MR_CAUSE_UNSUPPORTED;
	radio_addresses_set(&s->own, radio->caps.mac, addresses, count);
	acknowledge_soon(s);
	return 0;
}

static void simulated_health(const struct radio *radio, struct radio_health *out)
{
	air_node_health(((const struct simulated *)(const void *)radio)->node, out);
}

static void simulated_close(struct radio *radio)
{
	struct simulated *s = of(radio);

	s->radio.events = (struct radio_events){ 0 };
	air_node_detach(s->node);
	if (s->ear)
		air_node_detach(s->ear);
	loop_cancel(s->loop, &s->plug_timer);
	loop_cancel(s->loop, &s->silent_timer);
	loop_cancel(s->loop, &s->own_timer);
	free(s);
}

static const struct radio_ops ops = { simulated_tune,	     simulated_send,   simulated_hear,
				      simulated_acknowledge, simulated_health, simulated_close };

static void tell(struct simulated *s, void (*event)(void *ctx, struct radio *radio))
{
	struct loop *loop = s->loop;
	enum loop_side side = loop_enter(loop, LOOP_STATION);

	if (event)
		event(s->radio.events.ctx, &s->radio);
	(void)loop_enter(loop, side);
}

/* The air's own reports of the queue were armed before this timer, and so come before it. The user may close the radio
 * in its gone or back: nothing is touched after those. */
static void on_plug(void *ctx, uint64_t now_us)
{
	struct simulated *s = ctx;

	if (s->gone_due) {
		s->gone_due = false;
		for (size_t i = 0; i < s->silent_count; i++)
			s->silent[i].due_us = 0;
		on_silent(s, now_us);
		if (s->asked_mhz != 0)
			tell_tuned(s, -MR_CAUSE_RADIO_GONE);
		if (s->own_due)
			tell_acknowledging(s, -MR_CAUSE_RADIO_GONE);
		air_acknowledge(s->node, NULL, 0);
		s->radio.freq_mhz = 0;
		if (s->back_due)
			loop_at(s->loop, &s->plug_timer, now_us);
		tell(s, s->radio.events.gone);
	} else if (s->back_due) {
		s->back_due = false;
		s->plugged = true;
		s->true_mhz = s->start_mhz = 0;
		air_power(s->node, true);
		if (s->ear)
			air_power(s->ear, true);
		if (s->own.count > 1)
			acknowledge_soon(s);
		tell(s, s->radio.events.back);
	}
}

void radio_simulated_unplug(struct radio *radio)
{
	struct simulated *s = of(radio);

	if (!s->plugged && !s->back_due)
		return;
	if (!s->plugged) { /* unplugged, plugged in and unplugged again before anybody was told */
		s->back_due = false;
		return;
	}
	s->plugged = false;
	s->gone_due = true;
	air_power(s->node, false);
	if (s->ear)
		air_power(s->ear, false);
	loop_at(s->loop, &s->plug_timer, loop_now_us(s->loop));
}

void radio_simulated_replug(struct radio *radio)
{
	struct simulated *s = of(radio);

	if (s->plugged)
		return;
	s->back_due = true;
	loop_at(s->loop, &s->plug_timer, loop_now_us(s->loop));
}

/* As in most countries: 1 to 13, 36 to 48 and 149 to 165 to send on; radar channels and 14 to listen only. */
static void fill_channels(struct radio_caps *caps, bool five_ghz)
{
	for (unsigned n = 1; n <= 177; n++) {
		uint16_t freq_mhz = mr_channel_to_mhz(n);
		uint8_t flags = 0;

		if (freq_mhz == 0 || n == 32 || n > 165 || (n > 14 && !five_ghz))
			continue;
		if (n == 14)
			flags = RADIO_NO_IR;
		else if (n >= 52 && n <= 144)
			flags = RADIO_NO_IR | RADIO_RADAR;
		caps->channels[caps->channel_count++] =
			(struct radio_channel){ .freq_mhz = freq_mhz, .flags = flags, .max_dbm = 20 };
	}
}

static void fill_caps(struct simulated *s, const char *name, const uint8_t mac[static 6])
{
	struct radio_caps *caps = &s->radio.caps;
	const struct profile *p = s->profile;

	snprintf(caps->name, sizeof(caps->name), "%s", name);
	snprintf(caps->path, sizeof(caps->path), "sim%zu", air_node_number(s->node));
	snprintf(caps->driver, sizeof(caps->driver), "%s", p->name);
	memcpy(caps->mac, mac, 6);
	caps->simulated = true;
	caps->acknowledges = p->addresses > 0;
	caps->acknowledged_max = p->addresses;
	caps->truthful_status = !p->lies;
	caps->hears_others = p->promiscuous;
	caps->switch_us = p->switch_us;
	fill_channels(caps, p->five_ghz);
}

struct radio *radio_open_simulated(struct air *air, const char *name, const char *profile, const uint8_t mac[static 6],
				   double x_m, double y_m, const struct air_faults *faults)
{
	const struct profile *p = NULL;
	struct air_node_config config = { .x_m = x_m,
					  .y_m = y_m,
					  .tx_dbm = TX_DBM,
					  .cluster = CLUSTER,
					  .received = on_received,
					  .status = on_status,
					  .tuned = on_tuned };
	struct simulated *s;

	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (strcmp(profiles[i].name, profile) == 0)
			p = &profiles[i];
	if (!p) {
		errno = EINVAL;
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	snprintf(config.name, sizeof(config.name), "%s", name);
	memcpy(config.mac, mac, 6);
	config.promiscuous = p->promiscuous;
	config.acknowledges = p->addresses > 0;
	config.lies_about_status = p->lies;
	config.cw_min = p->cw_min;
	config.switch_us = p->switch_us;
	config.ctx = s;
	if (s)
		s->node = air_add_node(air, &config);
	if (s && s->node && faults && faults->hears_start) {
		snprintf(config.name, sizeof(config.name), "%.20s, start", name);
		config.acknowledges = false;
		config.switch_us = 0;
		config.received = on_heard_at_start;
		config.status = NULL;
		config.tuned = NULL;
		s->ear = air_add_node(air, &config);
	}
	if (!s || !s->node || (faults && faults->hears_start && !s->ear)) {
		if (s && s->node)
			air_node_detach(s->node);
		free(s);
		errno = ENOMEM;
		return NULL;
	}
	s->radio.ops = &ops;
	s->profile = p;
	s->loop = air_loop(air);
	s->plugged = true;
	if (faults)
		s->faults = *faults;
	s->plug_timer = (struct loop_timer){ .fn = on_plug, .ctx = s };
	s->silent_timer = (struct loop_timer){ .fn = on_silent, .ctx = s };
	s->own_timer = (struct loop_timer){ .fn = on_own, .ctx = s };
	radio_addresses_set(&s->own, mac, NULL, 0);
	fill_caps(s, name, mac);
	return &s->radio;
}
