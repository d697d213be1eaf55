/*
 * Sniffer mode on the simulated air. `make bench`; sniffer OUT.json [PREFIX]: appends to OUT.json.
 *
 *   sniffer.SCHEME.seconds_LOSS   200 listeners until the last one has all; LOSS in percent
 *   sniffer.SCHEME.gain_LOSS      one after the other, as an app does it, over that: how many times longer
 *   sniffer.SCHEME.air            what the broadcast takes of its channel, percent
 *   sniffer.sealed-EARS...        the same of sealed broadcasts; EARS: what the chips tell of a frame
 *
 * Listeners of published schemes are switched on within two seconds, and hop over channels 1, 6 and 11. Those of
 * sealed broadcasts are on the channel from the beginning, as devices with our agent are.
 *
 * One by one is the mean of some devices alone, 200 times; without the time in which a person takes the next one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/sealed.h"
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
	struct mr_sealed_sender sealed; /* of length 0: a published scheme */
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

static void next_frame(struct floor *floor, struct mr_smart_frame *f, struct mr_overheard_out *o)
{
	struct mr_sealed_frame s;

	if (floor->sealed.len == 0) {
		mr_smart_next(&floor->sender, f);
		return;
	}
	mr_sealed_next(&floor->sealed, &s);
	*f = (struct mr_smart_frame){ .length = (uint16_t)s.length, .port = MR_SEALED_PORT, .gap_us = s.gap_us };
	memcpy(f->destination, s.destination, 4);
	o->payload = s.payload;
	o->payload_len = s.payload_len;
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
	o.sequence = floor->sequence++ & 0xfff;
	next_frame(floor, &f, &o);
	o.port = f.port;
	o.length = f.length;
	memcpy(o.destination_ip, f.destination, 4);
	if (memcmp(f.destination, gateway, 4) != 0)
		mr_overheard_group(f.destination, o.destination);
	if (!mr_overheard_build(&w, &o) || air_send(floor->node, mr_wr_written(&w), &tx) != 0)
		die("a frame cannot be sent");
	loop_at(floor->loop, &floor->timer, now_us + f.gap_us);
}

static void start(struct floor *floor)
{
	struct air_node_config node = { .mac = { 2, 0xaa, 0, 0, 0, 1 }, .x_m = 6, .y_m = 6, .tx_dbm = 17 };

	floor->node = air_add_node(floor->air, &node);
	if (!floor->node || air_tune(floor->node, CAST_MHZ) != 0)
		die("no sender");
	floor->timer = (struct loop_timer){ .fn = on_timer, .ctx = floor, .at_us = LOOP_NEVER };
	loop_at(floor->loop, &floor->timer, 1000);
}

static void begin(struct floor *floor, enum mr_smart_scheme scheme)
{
	struct mr_smart_settings settings = { .ssid = "factory-net",
					      .ssid_len = 11,
					      .passphrase = "correct horse",
					      .passphrase_len = 13,
					      .bssid = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 },
					      .token = scheme == MR_SMART_AIRKISS ? 0x5a : 0 };

	if (!mr_smart_begin(&floor->sender, scheme, &settings))
		die("the scheme cannot carry it");
	start(floor);
}

/* --- sealed --- */

enum ears { EARS_FRAMES, EARS_HEADERS, EARS_LENGTHS, EARS_COUNT };
static const char *const ears_names[] = { "frames", "headers", "lengths" };
static const uint8_t batch_key[32] = { 7 };

struct member {
	struct floor *floor;
	enum ears ears;
	struct mr_sealed_listener listener;
	bool done;
};

static void on_overheard(void *ctx, struct mr_rd mpdu, const struct radio_rx *rx)
{
	struct member *m = ctx;
	struct mr_overheard frame;
	struct mr_sealed opened;
	struct mr_rd message;

	if (m->done || !mr_overheard_parse(mpdu, &frame))
		return;
	if (m->ears != EARS_FRAMES)
		frame.payload.left = 0;
	if (m->ears == EARS_LENGTHS)
		memset(frame.destination, 0xff, 6);
	if (mr_sealed_hear(&m->listener, &frame, rx->time_us, &message) != MR_SEALED_MESSAGE)
		return;
	m->done = mr_sealed_open(batch_key, message.at, message.left, &opened);
	if (m->done)
		on_decoded(m->floor, rx->time_us);
}

static void begin_sealed(struct floor *floor, enum ears ears)
{
	struct mr_sealed what = { .issue = 1,
				  .lifetime_s = 60,
				  .ssid = "factory-net",
				  .ssid_len = 11,
				  .security = MR_SECURITY_WPA2,
				  .passphrase = "correct horse",
				  .passphrase_len = 13 };
	uint8_t message[MR_SEALED_MAX];
	size_t len;

	if (!mr_sealed_seal(batch_key, &what, message, &len))
		die("it cannot be sealed");
	mr_sealed_begin(&floor->sealed, message, len,
			ears == EARS_LENGTHS ? MR_SEALED_BY_LENGTHS : MR_SEALED_BY_HEADERS);
	start(floor);
}

static void place_members(struct floor *floor, enum ears ears, struct member *members)
{
	for (unsigned i = 0; i < floor->of; i++) {
		struct air_node_config node = { .mac = { 2, 0xbb, 0, 0, (uint8_t)(i >> 8), (uint8_t)i },
						.x_m = 1 + (i * 7) % 10,
						.y_m = 1 + (i * 3) % 10,
						.tx_dbm = 15,
						.promiscuous = true,
						.ctx = &members[i],
						.received = on_overheard };
		struct air_node *at = air_add_node(floor->air, &node);

		members[i] = (struct member){ .floor = floor, .ears = ears };
		if (!at || air_tune(at, CAST_MHZ) != 0)
			die("no listener");
	}
}

/* Seconds until the last of them has it. */
static double run_sealed(enum ears ears, double loss, unsigned devices, uint64_t seed, double *air_share)
{
	struct air_config air = { .seed = seed, .frame_loss = loss };
	struct member *members = calloc(devices, sizeof(*members));
	struct floor floor = { .of = devices };
	struct air_totals totals;

	floor.loop = loop_create_virtual(0);
	floor.air = floor.loop && members ? air_create(floor.loop, &air) : NULL;
	if (!floor.air)
		die("no memory");
	begin_sealed(&floor, ears);
	place_members(&floor, ears, members);
	loop_run(floor.loop);
	air_totals(floor.air, &totals);
	if (air_share)
		*air_share = (double)totals.airtime_us / (double)floor.last_us;
	loop_cancel(floor.loop, &floor.timer);
	air_destroy(floor.air);
	loop_destroy(floor.loop);
	free(members);
	return (double)floor.last_us / 1e6;
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

static void measure_sealed(struct figures *f, enum ears ears)
{
	static const unsigned losses[] = { 0, 5, 20, 40 };
	char name[80];
	double share = 0;

	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		double loss = losses[i] / 100.0, all = run_sealed(ears, loss, DEVICES, 1, i == 0 ? &share : NULL),
		       alone = 0;

		for (unsigned k = 0; k < ALONE; k++)
			alone += run_sealed(ears, loss, 1, 100 + k, NULL);
		snprintf(name, sizeof(name), "sniffer.sealed-%s.seconds_%u", ears_names[ears], losses[i]);
		figures_report(f, name, all, "s", -1, true);
		snprintf(name, sizeof(name), "sniffer.sealed-%s.gain_%u", ears_names[ears], losses[i]);
		figures_report(f, name, alone / ALONE * DEVICES / all, "times", -1, false);
	}
	snprintf(name, sizeof(name), "sniffer.sealed-%s.air", ears_names[ears]);
	figures_report(f, name, 100 * share, "%", -1, true);
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
	for (int ears = 0; ears < EARS_COUNT; ears++) {
		snprintf(area, sizeof(area), "sniffer.sealed-%s", ears_names[ears]);
		if (figures_wanted(&f, area))
			measure_sealed(&f, (enum ears)ears);
	}
	return figures_end(&f) ? 0 : 2;
}
