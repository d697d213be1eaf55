/*
 * Sniffer mode on the simulated air. `make bench`; sniffer OUT.json [PREFIX]: appends to OUT.json.
 *
 *   sniffer.SCHEME.seconds_LOSS   200 listeners, switched on together, hopping over channels 1, 6 and 11, until the
 * last one has all; LOSS in percent sniffer.SCHEME.gain_LOSS      the same devices one after the other, as an app does
 * it, over that: how many times longer sniffer.SCHEME.air            what the broadcast takes of its channel, percent
 *
 * One by one is the mean of some devices alone, 200 times; without the time in which a person takes the next one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/smartconfig.h"
#include "station/air/air.h"
#include "station/world/listener.h"
#include "tests/support/figures.h"

#define DEVICES 200u
#define ALONE 12u
#define LIMIT_US UINT64_C(600000000)
#define CAST_MHZ 2437u

static const uint16_t channels[] = { 2412, 2437, 2462 };

static void die(const char *what)
{
	fprintf(stderr, "bench: sniffer: %s\n", what);
	exit(2);
}

/* A sender, and what became of its listeners. */
struct floor {
	struct loop *loop;
	struct air *air;
	struct air_node *node;
	struct loop_timer timer;
	struct mr_smart_sender sender;
	uint16_t sequence;
	unsigned decoded, of;
	uint64_t last_us;
};

static void on_decoded(void *ctx, uint64_t now_us)
{
	struct floor *floor = ctx;

	floor->last_us = now_us;
	if (++floor->decoded == floor->of)
		loop_stop(floor->loop);
}

static void on_timer(void *ctx, uint64_t now_us)
{
	struct floor *floor = ctx;
	struct radio_tx tx = { .rate_500kbps = 12 };
	struct mr_smart_frame f;
	struct mr_overheard_out o = { .bssid = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 },
				      .source = { 2, 0xaa, 0, 0, 0, 1 },
				      .destination = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 },
				      .from_ds = true };
	uint8_t buf[RADIO_FRAME_MAX];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	static const uint8_t gateway[4] = { 0 };

	if (now_us >= LIMIT_US)
		die("a listener never got it");
	mr_smart_next(&floor->sender, &f);
	o.sequence = floor->sequence++ & 0xfff;
	o.port = f.port;
	o.length = f.length;
	memcpy(o.destination_ip, f.destination, 4);
	if (memcmp(f.destination, gateway, 4) != 0)
		mr_overheard_group(f.destination, o.destination);
	if (!mr_overheard_build(&w, &o) || air_send(floor->node, mr_wr_written(&w), &tx) != 0)
		die("a frame cannot be sent");
	loop_at(floor->loop, &floor->timer, now_us + f.gap_us);
}

static void begin(struct floor *floor, enum mr_smart_scheme scheme)
{
	struct mr_smart_settings settings = { .ssid = "factory-net",
					      .ssid_len = 11,
					      .passphrase = "correct horse",
					      .passphrase_len = 13,
					      .bssid = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 },
					      .token = scheme == MR_SMART_AIRKISS ? 0x5a : 0 };
	struct air_node_config node = { .mac = { 2, 0xaa, 0, 0, 0, 1 }, .x_m = 6, .y_m = 6, .tx_dbm = 17 };

	if (!mr_smart_begin(&floor->sender, scheme, &settings))
		die("the scheme cannot carry it");
	floor->node = air_add_node(floor->air, &node);
	if (!floor->node || air_tune(floor->node, CAST_MHZ) != 0)
		die("no sender");
	floor->timer = (struct loop_timer){ .fn = on_timer, .ctx = floor, .at_us = LOOP_NEVER };
	loop_at(floor->loop, &floor->timer, 1000);
}

/* Seconds until the last of them has all. */
static double run(enum mr_smart_scheme scheme, double loss, unsigned devices, uint64_t seed, double *air_share)
{
	struct air_config air = { .seed = seed, .frame_loss = loss };
	struct listener *listeners[DEVICES] = { NULL };
	struct floor floor = { .of = devices };
	struct air_totals totals;

	floor.loop = loop_create_virtual(0);
	floor.air = floor.loop ? air_create(floor.loop, &air) : NULL;
	if (!floor.air)
		die("no memory");
	begin(&floor, scheme);
	for (unsigned i = 0; i < devices; i++) {
		struct listener_config c = { .mac = { 2, 0xbb, 0, 0, (uint8_t)(i >> 8), (uint8_t)i },
					     .scheme = scheme,
					     .channels = channels,
					     .channel_count = 3,
					     .first = (i + seed) % 3,
					     .power_on_us = (seed * 7919 + i * 104729) % 2000000,
					     .x_m = 1 + (i * 7) % 10,
					     .y_m = 1 + (i * 3) % 10,
					     .tx_dbm = 15,
					     .seed = seed * 1000 + i,
					     .decoded = on_decoded,
					     .ctx = &floor };

		listeners[i] = listener_create(floor.air, &c);
		if (!listeners[i])
			die("no memory");
	}
	loop_run(floor.loop);
	air_totals(floor.air, &totals);
	if (air_share)
		*air_share = (double)totals.airtime_us / (double)floor.last_us;
	for (unsigned i = 0; i < devices; i++)
		listener_destroy(listeners[i]);
	loop_cancel(floor.loop, &floor.timer);
	air_destroy(floor.air);
	loop_destroy(floor.loop);
	return (double)floor.last_us / 1e6;
}

static void measure(struct figures *f, enum mr_smart_scheme scheme)
{
	static const unsigned losses[] = { 0, 5, 20, 40 };
	char name[80];
	double share = 0;

	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		double loss = losses[i] / 100.0, all = run(scheme, loss, DEVICES, 1, i == 0 ? &share : NULL), alone = 0;

		for (unsigned k = 0; k < ALONE; k++)
			alone += run(scheme, loss, 1, 100 + k, NULL);
		snprintf(name, sizeof(name), "sniffer.%s.seconds_%u", mr_smart_name(scheme), losses[i]);
		figures_report(f, name, all, "s", -1, true);
		snprintf(name, sizeof(name), "sniffer.%s.gain_%u", mr_smart_name(scheme), losses[i]);
		figures_report(f, name, alone / ALONE * DEVICES / all, "times", -1, false);
	}
	snprintf(name, sizeof(name), "sniffer.%s.air", mr_smart_name(scheme));
	figures_report(f, name, 100 * share, "%", -1, true);
}

int main(int argc, char **argv)
{
	struct figures f;
	char area[64];

	if (argc < 2)
		die("usage: sniffer OUT.json [PREFIX]");
	figures_go_on(&f, argv[1], argc > 2 ? argv[2] : "");
	for (int scheme = MR_SMART_NONE + 1; scheme < MR_SMART_COUNT; scheme++) {
		snprintf(area, sizeof(area), "sniffer.%s", mr_smart_name((enum mr_smart_scheme)scheme));
		if (figures_wanted(&f, area))
			measure(&f, (enum mr_smart_scheme)scheme);
	}
	return figures_end(&f) ? 0 : 2;
}
