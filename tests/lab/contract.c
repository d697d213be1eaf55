/*
 * The radio seam (radio.h) on a real kernel: two hwsim radios, MILLRACE_LAB_A and MILLRACE_LAB_B, the first with the
 * station's address, the second with a device's. As root, inside tests/lab/vm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/wire/cause.h"
#include "station/base/log.h"
#include "station/base/loop.h"
#include "station/radio/adapters.h"
#include "station/radio/monitor.h"
#include "station/radio/selftest.h"

#define STATUSES_MAX 1024

static const uint8_t mac_a[6] = { 0x02, 0x4d, 0x52, 0, 0, 0xa }, mac_b[6] = { 0x02, 0x4d, 0x52, 0, 0, 0xb };
static const uint8_t nobody[6] = { 0x02, 0x4d, 0x52, 0xee, 0xee, 0xee }, group[6] = { 255, 255, 255, 255, 255, 255 };

struct side {
	struct radio *radio;
	struct loop *loop;
	unsigned tuned, gone, back, statuses, acked, received;
	int tuned_cause;
	unsigned acknowledging;
	int acknowledging_cause;
	unsigned gone_after_statuses;
	uint64_t cookies[STATUSES_MAX];
	unsigned tries[STATUSES_MAX];
	struct radio_rx rx;
	uint8_t last[256];
	size_t last_len, whole_len;
	char kinds[64]; /* of what was received, a letter each */
	size_t kind_count;
	unsigned stop_at_statuses; /* the loop ends by what is waited for; the time-out is a failure's */
	unsigned stop_at_received, stop_at_tuned, stop_at_gone, stop_at_back, stop_at_acknowledging;
};

struct stage {
	struct loop *loop;
	struct log log;
	struct loop_timer timeout;
	uint64_t started_us;
	bool timed_out;
	struct side a, b;
};

static void look(struct side *s)
{
	if ((s->stop_at_statuses && s->statuses >= s->stop_at_statuses) ||
	    (s->stop_at_received && s->received >= s->stop_at_received) ||
	    (s->stop_at_tuned && s->tuned >= s->stop_at_tuned) || (s->stop_at_gone && s->gone >= s->stop_at_gone) ||
	    (s->stop_at_back && s->back >= s->stop_at_back) ||
	    (s->stop_at_acknowledging && s->acknowledging >= s->stop_at_acknowledging))
		loop_stop(s->loop);
}

/* For frames of send_kind: b(eacon), p(robe request), r(esponse), a(uthentication), e(apol), d(ata), D(ata to all) ...
 */
static char letter_of(struct mr_rd frame)
{
	switch (frame.at[0]) {
	case 0x80: return 'b';
	case 0x40: return 'p';
	case 0x50: return 'r';
	case 0xb0: return 'a';
	case 0x08:
		return frame.at[4] & 1							 ? 'D'
		       : frame.left > 31 && frame.at[30] == 0x88 && frame.at[31] == 0x8e ? 'e'
											 : 'd';
	case 0xd0: return 'A';
	default: return '?';
	}
}

static void on_received(void *ctx, struct radio *radio, struct mr_rd frame, const struct radio_rx *rx)
{
	struct side *s = ctx;

	(void)radio;
	s->received++;
	s->rx = *rx;
	s->last_len = frame.left < sizeof(s->last) ? frame.left : sizeof(s->last);
	memcpy(s->last, frame.at, s->last_len);
	s->whole_len = frame.left;
	if (s->kind_count < sizeof(s->kinds) - 1)
		s->kinds[s->kind_count++] = letter_of(frame);
	look(s);
}

static void on_status(void *ctx, struct radio *radio, uint64_t cookie, bool acked, unsigned tries)
{
	struct side *s = ctx;

	(void)radio;
	if (s->statuses < STATUSES_MAX) {
		s->cookies[s->statuses] = cookie;
		s->tries[s->statuses] = tries;
	}
	s->statuses++;
	s->acked += acked;
	look(s);
}

static void on_tuned(void *ctx, struct radio *radio, uint16_t freq_mhz, int cause)
{
	struct side *s = ctx;

	(void)radio;
	(void)freq_mhz;
	s->tuned++;
	s->tuned_cause = cause;
	look(s);
}

static void on_gone(void *ctx, struct radio *radio)
{
	struct side *s = ctx;

	(void)radio;
	s->gone++;
	s->gone_after_statuses = s->statuses;
	look(s);
}

static void on_back(void *ctx, struct radio *radio)
{
	struct side *s = ctx;

	(void)radio;
	s->back++;
	look(s);
}

static void on_acknowledging(void *ctx, struct radio *radio, int cause)
{
	struct side *s = ctx;

	(void)radio;
	s->acknowledging++;
	s->acknowledging_cause = cause;
	look(s);
}

static void on_timeout(void *ctx, uint64_t now_us)
{
	struct stage *stage = ctx;

	(void)now_us;
	stage->timed_out = true;
	loop_stop(stage->loop);
}

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* Runs until one side has what it waits for; false after `ms`. */
static bool run(struct stage *stage, unsigned ms)
{
	/* The loop's own time stood still since it last ran. */
	stage->timed_out = false;
	loop_at(stage->loop, &stage->timeout, clock_us() - stage->started_us + ms * 1000u);
	loop_run(stage->loop);
	loop_cancel(stage->loop, &stage->timeout);
	stage->a.stop_at_statuses = stage->a.stop_at_received = stage->a.stop_at_tuned = 0;
	stage->b.stop_at_statuses = stage->a.stop_at_gone = stage->a.stop_at_back = stage->b.stop_at_received =
		stage->b.stop_at_tuned = stage->a.stop_at_acknowledging = 0;
	return !stage->timed_out;
}

static const char *name_of(const char *variable, const char *otherwise)
{
	const char *name = getenv(variable);

	return name ? name : otherwise;
}

static void open_side(struct stage *stage, struct side *side, const char *name, const uint8_t mac[6])
{
	const struct adapters_wanted wanted = { .names = &name, .name_count = 1, .mac = mac, .addresses = 2 };
	char error[256];
	size_t count = 1;
	int result = adapters_open(stage->loop, &stage->log, &wanted, &side->radio, &count, error, sizeof(error));

	if (result != 0)
		print_error("%s: %s\n", name, error);
	assert_int_equal(result, 0);
	assert_int_equal(count, 1);
	side->loop = stage->loop;
	side->radio->events = (struct radio_events){ side,    on_received, on_status,	    on_tuned,
						     on_gone, on_back,	   on_acknowledging };
}

static void tune(struct stage *stage, struct side *side, uint16_t freq_mhz)
{
	unsigned before = side->tuned;

	assert_int_equal(radio_tune(side->radio, freq_mhz), 0);
	side->stop_at_tuned = before + 1;
	assert_true(run(stage, 3000));
	assert_int_equal(side->tuned, before + 1);
	assert_int_equal(side->tuned_cause, 0);
	assert_int_equal(side->radio->freq_mhz, freq_mhz);
}

/* --- what the kernel knows --- */

static unsigned interfaces_on(uint16_t freq_mhz)
{
	char command[80];
	unsigned count = 0;
	FILE *shell;

	snprintf(command, sizeof(command), "iw dev | grep -c '(%u MHz)'", freq_mhz);
	shell = popen(command, "r");
	assert_non_null(shell);
	assert_int_equal(fscanf(shell, "%u", &count), 1);
	pclose(shell);
	return count;
}

static void set_country(const char *country)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "iw reg set %s && timeout 5 sh -c 'until iw reg get | grep -q \"^country %s\"; do sleep 0.05; done'",
		 country, country);
	assert_int_equal(system(command), 0);
}

static bool may_send(const struct side *side, uint16_t freq_mhz)
{
	for (size_t i = 0; i < side->radio->caps.channel_count; i++)
		if (side->radio->caps.channels[i].freq_mhz == freq_mhz)
			return side->radio->caps.channels[i].flags == 0;
	return false;
}

static void until_the_radios_know(struct stage *stage, uint16_t freq_mhz, bool allowed)
{
	for (unsigned i = 0;
	     i < 100 && (may_send(&stage->a, freq_mhz) != allowed || may_send(&stage->b, freq_mhz) != allowed); i++)
		assert_false(run(stage, 50));
	assert_int_equal(may_send(&stage->a, freq_mhz), allowed);
	assert_int_equal(may_send(&stage->b, freq_mhz), allowed);
}

static int setup_stage(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	stage->started_us = clock_us();
	stage->loop = loop_create_real();
	stage->log = (struct log){ .to = stderr };
	log_level_all(&stage->log, LOG_WARN);
	stage->timeout = (struct loop_timer){ .fn = on_timeout, .ctx = stage, .at_us = LOOP_NEVER };
	open_side(stage, &stage->a, name_of("MILLRACE_LAB_A", "wlan0"), mac_a);
	open_side(stage, &stage->b, name_of("MILLRACE_LAB_B", "wlan1"), mac_b);
	tune(stage, &stage->a, 2437);
	tune(stage, &stage->b, 2437);
	*state = stage;
	return 0;
}

static int teardown_stage(void **state)
{
	struct stage *stage = *state;

	radio_close(stage->a.radio);
	radio_close(stage->b.radio);
	loop_destroy(stage->loop);
	free(stage);
	return 0;
}

/* A frame of a kind (first octet of the header) whose body counts up; `body` may set its first octets. */
static int send_kind(struct side *side, uint8_t kind, const uint8_t to[6], struct mr_rd body, size_t len)
{
	uint8_t buf[RADIO_FRAME_MAX] = { kind };
	struct radio_tx tx = { .rate_500kbps = 12, .retries = 3, .priority = RADIO_NORMAL, .cookie = kind };

	memcpy(buf + 4, to, 6);
	memcpy(buf + 10, side->radio->caps.mac, 6);
	memcpy(buf + 16, side->radio->caps.mac, 6);
	for (size_t i = 24; i < len; i++)
		buf[i] = (uint8_t)i;
	mr_copy(buf + 24, body.at, body.left);
	return radio_send(side->radio, mr_rd_over(buf, len), &tx);
}

static int send_frame(struct side *side, const uint8_t to[6], unsigned sequence, enum radio_priority priority,
		      uint64_t cookie)
{
	uint8_t buf[100] = { 0xd0 };
	struct radio_tx tx = { .rate_500kbps = 12, .retries = 3, .priority = priority, .cookie = cookie };

	memcpy(buf + 4, to, 6);
	memcpy(buf + 10, side->radio->caps.mac, 6);
	memset(buf + 16, 0xff, 6);
	buf[22] = (uint8_t)(sequence << 4);
	buf[23] = (uint8_t)(sequence >> 4);
	buf[24] = 4;
	for (size_t i = 25; i < sizeof(buf); i++)
		buf[i] = (uint8_t)i;
	return radio_send(side->radio, mr_rd_over(buf, sizeof(buf)), &tx);
}

static void a_frame_is_heard_as_it_was_sent_and_acknowledged(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(send_frame(&stage->a, mac_b, 1234, RADIO_NORMAL, 77), 0);
	assert_int_equal(stage->a.statuses, 0); /* never from inside radio_send */
	stage->b.stop_at_received = 1;
	assert_true(run(stage, 2000));
	if (stage->a.statuses == 0) {
		stage->a.stop_at_statuses = 1;
		assert_true(run(stage, 2000));
	}
	assert_int_equal(stage->b.received, 1);
	assert_int_equal(stage->b.last_len, 100);
	assert_int_equal(stage->b.last[22] | stage->b.last[23] << 8, 1234 << 4);
	assert_int_equal(stage->b.rx.freq_mhz, 2437);
	assert_int_equal(stage->b.rx.rate_500kbps, 12);
	assert_int_equal(stage->a.statuses, 1);
	assert_int_equal(stage->a.acked, 1);
	assert_int_equal(stage->a.cookies[0], 77);
	assert_int_equal(stage->a.tries[0], 1);
	assert_int_equal(stage->a.received, 0); /* its own frame does not come back as a stranger's */
}

static void data_frames_of_any_length_pass_both_ways(void **state)
{
	static const size_t lens[] = { 28, 60, 1500, 1560, RADIO_FRAME_MAX };
	struct stage *stage = *state;

	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		assert_int_equal(send_kind(&stage->a, 0x08, mac_b, mr_rd_over(NULL, 0), lens[i]), 0);
		stage->b.stop_at_received = i + 1;
		assert_true(run(stage, 2000));
		assert_int_equal(stage->b.whole_len, lens[i]);
		assert_int_equal(stage->b.last[0], 0x08);
		assert_int_equal(stage->b.last[27], 27);
		assert_int_equal(send_kind(&stage->b, 0x08, mac_a, mr_rd_over(NULL, 0), lens[i]), 0);
		stage->a.stop_at_received = i + 1;
		assert_true(run(stage, 2000));
		assert_int_equal(stage->a.whole_len, lens[i]);
	}
	assert_false(run(stage, 400)); /* time for the last status */
	assert_int_equal(stage->a.acked, sizeof(lens) / sizeof(lens[0]));
	assert_int_equal(stage->b.acked, sizeof(lens) / sizeof(lens[0]));
}

/* IEEE 802.11-2020 9.2.4.1.3: first octets. */
enum { PROBE_REQUEST = 0x40, PROBE_RESPONSE = 0x50, BEACON = 0x80, AUTHENTICATION = 0xb0, ACTION = 0xd0, DATA = 0x08 };

/* What the first side hears of the second one's: a letter a frame. */
static void hears(struct stage *stage, unsigned hear, const char *wanted)
{
	static const uint8_t eapol[] = { 0xaa, 0xaa, 3, 0, 0, 0, 0x88, 0x8e, 2, 3, 0, 95 };
	struct mr_rd plain = { 0 }, key = mr_rd_over(eapol, sizeof(eapol));
	unsigned statuses = stage->b.statuses;

	assert_int_equal(radio_hear(stage->a.radio, hear), 0);
	stage->a.kind_count = 0;
	assert_int_equal(send_kind(&stage->b, BEACON, group, plain, 60), 0);
	assert_int_equal(send_kind(&stage->b, PROBE_REQUEST, group, plain, 60), 0);
	assert_int_equal(send_kind(&stage->b, PROBE_RESPONSE, nobody, plain, 60), 0);
	assert_int_equal(send_kind(&stage->b, AUTHENTICATION, nobody, plain, 60), 0);
	assert_int_equal(send_kind(&stage->b, DATA, nobody, key, 120), 0);
	assert_int_equal(send_kind(&stage->b, DATA, nobody, plain, 120), 0);
	assert_int_equal(send_kind(&stage->b, DATA, group, plain, 120), 0);
	assert_int_equal(send_kind(&stage->b, ACTION, nobody, plain, 60), 0);
	assert_int_equal(send_kind(&stage->b, ACTION, group, plain, 60), 0);
	assert_int_equal(send_kind(&stage->b, DATA, mac_a, plain, 120), 0);
	stage->b.stop_at_statuses = statuses + 10;
	assert_true(run(stage, 4000));
	assert_false(run(stage, 100)); /* the two sides have rings of their own */
	stage->a.kinds[stage->a.kind_count] = '\0';
	assert_string_equal(stage->a.kinds, wanted);
}

static void of_others_it_hears_what_it_was_asked_to_hear(void **state)
{
	struct stage *stage = *state;
	char take[64];

	assert_true(stage->a.radio->caps.hears_others);
	hears(stage, 0, "Ad");
	hears(stage, RADIO_HEAR_NETWORKS, "bprAd");
	hears(stage, RADIO_HEAR_JOINS, "aeAd");
	hears(stage, RADIO_HEAR_GROUP, "DAd");
	hears(stage, RADIO_HEAR_NETWORKS | RADIO_HEAR_JOINS | RADIO_HEAR_GROUP, "bpraeDAd");
	/* It stays asked for when the radio has been away. */
	snprintf(take, sizeof(take), "ip link set %s down", monitor_setup(stage->a.radio)->plain.name);
	assert_int_equal(radio_hear(stage->a.radio, RADIO_HEAR_NETWORKS), 0);
	assert_int_equal(system(take), 0);
	stage->a.stop_at_back = 1;
	assert_true(run(stage, 5000));
	tune(stage, &stage->a, 2437);
	hears(stage, RADIO_HEAR_NETWORKS, "bprAd");
	hears(stage, 0, "Ad");
}

static void statuses_come_while_it_is_asked_to_hear_more_and_less(void **state)
{
	struct stage *stage = *state;
	unsigned accepted = 0;

	for (unsigned i = 0; i < 50; i++) {
		accepted += send_frame(&stage->a, mac_b, i, RADIO_NORMAL, i) == 0;
		assert_int_equal(radio_hear(stage->a.radio, i % 2 ? RADIO_HEAR_NETWORKS : 0), 0);
		assert_false(run(stage, 1));
	}
	assert_int_equal(accepted, 50);
	stage->a.stop_at_statuses = 50;
	assert_true(stage->a.statuses == 50 || run(stage, 3000));
	assert_int_equal(stage->a.acked, 50);
}

static void what_nobody_acknowledges_is_reported_so(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(send_frame(&stage->a, nobody, 1, RADIO_NORMAL, 1), 0);
	assert_int_equal(send_frame(&stage->a, group, 2, RADIO_NORMAL, 2), 0);
	stage->a.stop_at_statuses = 2;
	assert_true(run(stage, 2000));
	assert_int_equal(stage->a.acked, 0);
	assert_true(stage->a.tries[0] >= 1 && stage->a.tries[1] >= 1);
}

static void each_accepted_frame_gives_one_status_and_a_full_queue_says_so(void **state)
{
	struct stage *stage = *state;
	unsigned accepted = 0;
	bool seen[STATUSES_MAX] = { false };
	int result = 0;

	while (accepted < STATUSES_MAX &&
	       (result = send_frame(&stage->a, mac_b, accepted, RADIO_NORMAL, accepted)) == 0)
		accepted++;
	assert_int_equal(result, -MR_CAUSE_NO_MEMORY);
	assert_true(accepted >= 64);
	stage->a.stop_at_statuses = accepted;
	assert_true(run(stage, 8000));
	/* Time for one too many. */
	assert_false(run(stage, 400));
	assert_int_equal(stage->a.statuses, accepted);
	for (unsigned i = 0; i < accepted; i++) {
		assert_true(stage->a.cookies[i] < accepted);
		assert_false(seen[stage->a.cookies[i]]);
		seen[stage->a.cookies[i]] = true;
	}
	assert_int_equal(stage->a.acked, accepted);
}

static void an_urgent_frame_overtakes_bulk(void **state)
{
	struct stage *stage = *state;
	unsigned place = 0;

	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(send_frame(&stage->a, mac_b, i, RADIO_BULK, i), 0);
	assert_int_equal(send_frame(&stage->a, mac_b, 100, RADIO_URGENT, 100), 0);
	stage->a.stop_at_statuses = 61;
	assert_true(run(stage, 5000));
	while (place < 61 && stage->a.cookies[place] != 100)
		place++;
	assert_true(place < 10);
}

static void while_it_moves_nothing_is_taken_and_then_only_the_new_channel_is_heard(void **state)
{
	struct stage *stage = *state;
	unsigned heard;

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(send_frame(&stage->a, mac_b, i, RADIO_BULK, i), 0);
	assert_int_equal(radio_tune(stage->a.radio, 2427), 0);
	assert_int_equal(stage->a.radio->freq_mhz, 0);
	assert_int_equal(stage->a.tuned, 1); /* of the stage; not from inside radio_tune */
	assert_int_equal(send_frame(&stage->a, mac_b, 9, RADIO_NORMAL, 9), -MR_CAUSE_RADIO_GONE);
	assert_int_equal(radio_tune(stage->a.radio, 2412), -MR_CAUSE_BAD_REQUEST);
	stage->a.stop_at_tuned = 2;
	assert_true(run(stage, 3000));
	assert_int_equal(stage->a.statuses, 5); /* queued before, sent before */
	assert_int_equal(stage->a.acked, 5);
	assert_int_equal(stage->a.radio->freq_mhz, 2427);
	heard = stage->b.received;
	assert_int_equal(send_frame(&stage->a, mac_b, 10, RADIO_NORMAL, 10), 0);
	stage->a.stop_at_statuses = 6;
	assert_true(run(stage, 2000));
	assert_int_equal(stage->a.acked, 5);
	tune(stage, &stage->b, 2427);
	assert_int_equal(stage->b.received, heard);
	assert_int_equal(send_frame(&stage->a, mac_b, 11, RADIO_NORMAL, 11), 0);
	stage->a.stop_at_statuses = 7;
	assert_true(run(stage, 2000));
	assert_int_equal(stage->a.acked, 6);
	assert_int_equal(radio_tune(stage->a.radio, 2413), -MR_CAUSE_BAD_REQUEST);
	assert_true(stage->a.radio->caps.switch_us > 0);
}

static void rate_and_channel_stay_right_after_a_change_of_band(void **state)
{
	struct stage *stage = *state;

	set_country("US");
	until_the_radios_know(stage, 5180, true);
	tune(stage, &stage->a, 5180);
	tune(stage, &stage->b, 5180);
	assert_int_equal(send_frame(&stage->a, mac_b, 5, RADIO_NORMAL, 5), 0);
	stage->b.stop_at_received = 1;
	assert_true(run(stage, 2000));
	assert_int_equal(stage->b.rx.freq_mhz, 5180);
	assert_int_equal(stage->b.rx.rate_500kbps, 12);
}

/*
 * A change of band takes the interfaces down and up, and the socket remembers that as an error. libpcap tells it when
 * there is no frame to read, else whoever sends is told: so here the loop stands still until there are frames.
 */
static void what_is_sent_at_once_after_a_change_of_band_leaves(void **state)
{
	struct stage *stage = *state;

	set_country("US");
	until_the_radios_know(stage, 5180, true);
	for (unsigned i = 0; i < 6; i++) {
		unsigned statuses = stage->a.statuses, there;
		uint16_t freq_mhz = i % 2 ? 2437 : 5180;

		tune(stage, &stage->b, freq_mhz);
		there = interfaces_on(freq_mhz);
		assert_int_equal(radio_tune(stage->a.radio, freq_mhz), 0);
		for (unsigned k = 0; k < 100 && interfaces_on(freq_mhz) == there; k++)
			usleep(20000); /* a thread of its own tunes */
		assert_true(interfaces_on(freq_mhz) > there);
		for (unsigned k = 0; k < 8; k++)
			assert_int_equal(send_frame(&stage->b, group, k, RADIO_NORMAL, k), 0);
		stage->a.stop_at_tuned = stage->a.tuned + 1;
		assert_true(run(stage, 2000));
		assert_int_equal(send_frame(&stage->a, mac_b, i, RADIO_NORMAL, i), 0);
		stage->a.stop_at_statuses = statuses + 1;
		assert_true(run(stage, 2000));
		assert_int_equal(stage->a.gone, 0);
		assert_int_equal(stage->a.acked, i + 1);
	}
}

static void a_channel_of_radar_or_no_ir_is_only_listened_to(void **state)
{
	struct stage *stage = *state;

	tune(stage, &stage->a, 5260);
	assert_int_equal(send_frame(&stage->a, mac_b, 5, RADIO_NORMAL, 5), -MR_CAUSE_RADIO_GONE);
	assert_int_equal(stage->a.statuses, 0);
}

static void new_rules_stop_a_channel_at_once(void **state)
{
	struct stage *stage = *state;
	unsigned sent = 0, before;

	set_country("DE");
	until_the_radios_know(stage, 2472, true);
	tune(stage, &stage->a, 2472);
	assert_int_equal(send_frame(&stage->a, mac_b, 1, RADIO_NORMAL, 1), 0);
	stage->a.stop_at_statuses = 1;
	assert_true(run(stage, 2000));
	assert_true(stage->a.tries[0] > 0);
	set_country("US");
	/* Before the loop has turned the radio can't know; the queue waits until the rules are read. */
	while (sent < 8 && send_frame(&stage->a, mac_b, sent + 2, RADIO_NORMAL, sent + 2) == 0)
		sent++;
	before = stage->a.statuses;
	until_the_radios_know(stage, 2472, false);
	stage->a.stop_at_statuses = before + sent;
	assert_true(stage->a.statuses == before + sent || run(stage, 2000));
	assert_int_equal(stage->a.statuses - before, sent);
	assert_int_equal(send_frame(&stage->a, mac_b, 50, RADIO_NORMAL, 50), -MR_CAUSE_RADIO_GONE);
}

static void leave_and_return(struct stage *stage, const char *take, const char *give)
{
	unsigned statuses = stage->a.statuses, accepted = 0;

	while (accepted < 40 && send_frame(&stage->a, nobody, accepted, RADIO_BULK, accepted) == 0)
		accepted++;
	assert_int_equal(accepted, 40);
	assert_int_equal(system(take), 0);
	if (stage->a.gone == 0) {
		stage->a.stop_at_gone = 1;
		assert_true(run(stage, 3000));
	}
	assert_int_equal(stage->a.gone_after_statuses, statuses + accepted);
	assert_int_equal(stage->a.statuses, statuses + accepted);
	assert_int_equal(stage->a.radio->freq_mhz, 0);
	if (stage->a.back == 0) {
		assert_int_equal(send_frame(&stage->a, mac_b, 1, RADIO_NORMAL, 1), -MR_CAUSE_RADIO_GONE);
		assert_int_equal(radio_tune(stage->a.radio, 2437), -MR_CAUSE_RADIO_GONE);
	}
	assert_int_equal(system(give), 0);
	if (stage->a.back == 0) {
		stage->a.stop_at_back = 1;
		assert_true(run(stage, 5000));
	}
	assert_int_equal(stage->a.gone, 1);
	tune(stage, &stage->a, 2437);
	statuses = stage->a.statuses;
	assert_int_equal(send_frame(&stage->a, mac_b, 3, RADIO_NORMAL, 3), 0);
	stage->a.stop_at_statuses = statuses + 1;
	assert_true(run(stage, 2000));
	assert_int_equal(stage->a.acked, 1);
}

static void an_interface_taken_down_is_gone_and_comes_back(void **state)
{
	struct stage *stage = *state;
	char take[64];

	snprintf(take, sizeof(take), "ip link set %s down", monitor_setup(stage->a.radio)->plain.name);
	leave_and_return(stage, take, "true");
}

static void a_radio_blocked_by_rfkill_is_gone_until_it_is_unblocked(void **state)
{
	leave_and_return(*state, "rfkill block wifi", "rfkill unblock wifi");
}

static void a_radio_unplugged_is_gone_and_adopted_again(void **state)
{
	struct stage *stage = *state;
	const char *tool = name_of("MILLRACE_LAB_HWSIM", "true");
	char take[160], give[160], mac[18];

	assert_int_equal(system("true"), 0);
	snprintf(mac, sizeof(mac), "%s", name_of("MILLRACE_LAB_A_MAC", ""));
	snprintf(take, sizeof(take), "%s del %u", tool, monitor_setup(stage->a.radio)->phy);
	snprintf(give, sizeof(give), "%s new %s", tool, mac);
	leave_and_return(stage, take, give);
}

static void two_radios_of_one_station_prove_each_other(void **state)
{
	const char *names[2] = { name_of("MILLRACE_LAB_A", "wlan0"), name_of("MILLRACE_LAB_B", "wlan1") };
	const struct adapters_wanted wanted = { .names = names, .name_count = 2, .mac = mac_a, .addresses = 3 };
	struct log log = { .to = stderr };
	struct loop *loop = loop_create_real();
	struct radio *radios[2];
	size_t count = 2;
	char error[256];
	(void)state;

	log_level_all(&log, LOG_INFO);
	assert_int_equal(adapters_open(loop, &log, &wanted, radios, &count, error, sizeof(error)), 0);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(radios[i]->caps.acknowledges);
		assert_int_equal(radios[i]->caps.acknowledged_max, 3); /* as many as were wanted */
		assert_true(radios[i]->caps.truthful_status);
		assert_true(radios[i]->caps.switch_us > 0);
		assert_memory_equal(radios[i]->caps.mac, mac_a, 6);
		radio_close(radios[i]);
	}
	loop_destroy(loop);
}

/* A further address, which a managed companion and a plain monitor can't have. */
static void answers_as_rung(struct stage *stage, enum setup_rung rung)
{
	struct setup *setup = monitor_setup(stage->a.radio);
	bool can = rung == SETUP_ACTIVE || rung == SETUP_ANCHOR;
	unsigned acked = stage->b.acked, statuses = stage->b.statuses;
	struct radio_addresses own;
	uint8_t further[1][6];
	int result;

	radio_address(mac_a, 1, further[0]);
	radio_addresses_set(&own, mac_a, (const uint8_t(*)[6])further, 1);
	result = setup_acknowledge(setup, &own);
	if (result < 0)
		print_message("# %s\n", setup->error);
	assert_int_equal(result, can ? 0 : -EOPNOTSUPP);
	if (!can)
		return;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(send_frame(&stage->b, further[0], i, RADIO_NORMAL, i), 0);
	stage->b.stop_at_statuses = statuses + 5;
	assert_true(run(stage, 3000));
	assert_int_equal(stage->b.acked - acked, 5);
	own.count = 1;
	assert_int_equal(setup_acknowledge(setup, &own), 0);
}

/* Which rungs work on this kernel with so many channel contexts: MILLRACE_LAB_RUNGS, "active anchor companion". */
static void each_rung_of_the_ladder_acknowledges_as_the_table_says(void **state)
{
	const char *works = name_of("MILLRACE_LAB_RUNGS", "active");
	static const char *const words[SETUP_RUNGS] = { "active", "anchor", "companion", "-" };
	struct stage *stage = *state;
	char error[160];

	for (unsigned rung = 0; rung < SETUP_RUNGS; rung++) {
		unsigned acked = stage->b.acked, statuses = stage->b.statuses;

		if (monitor_change_rung(stage->a.radio, (enum setup_rung)rung, error, sizeof(error)) < 0)
			fail_msg("%s: %s", setup_rung_name((enum setup_rung)rung), error);
		tune(stage, &stage->a, 2437);
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(send_frame(&stage->b, mac_a, i, RADIO_NORMAL, i), 0);
		stage->b.stop_at_statuses = statuses + 5;
		assert_true(run(stage, 3000));
		print_message("# %s: %u of 5 acknowledged\n", setup_rung_name((enum setup_rung)rung),
			      stage->b.acked - acked);
		assert_int_equal(stage->b.acked - acked, strstr(works, words[rung]) ? 5 : 0);
		answers_as_rung(stage, (enum setup_rung)rung);
	}
}

/* --- several addresses --- */

/* What an adapter alone can't know, the two sides judge of each other here; they end where the stage had them. */
static void prove(struct stage *stage)
{
	struct radio *const radios[2] = { stage->a.radio, stage->b.radio };
	static const unsigned rungs[2] = { 1u << SETUP_ACTIVE, 1u << SETUP_ACTIVE };
	struct selftest_proof proofs[2];

	selftest_prove(radios, rungs, 2, RADIO_ADDRESSES_MAX, proofs);
	assert_true(proofs[0].judged && proofs[1].judged);
	tune(stage, &stage->a, 2437);
	tune(stage, &stage->b, 2437);
	assert_false(run(stage, 200)); /* what the tests have left in the rings */
}

/* A frame of the second side to an address of the first: was it acknowledged, was it handed over? */
static bool is_answered(struct stage *stage, const uint8_t to[6], bool *handed_over)
{
	unsigned acked = stage->b.acked, statuses = stage->b.statuses, received = stage->a.received;

	assert_int_equal(send_kind(&stage->b, 0x08, to, (struct mr_rd){ 0 }, 60), 0);
	stage->b.stop_at_statuses = statuses + 1;
	assert_true(run(stage, 2000));
	assert_false(run(stage, 50)); /* the two sides have rings of their own */
	*handed_over = stage->a.received == received + 1 && mr_equal(stage->a.last + 4, to, 6);
	return stage->b.acked == acked + 1;
}

static void answers(struct stage *stage, const uint8_t to[6], bool wanted)
{
	bool handed_over, acked = is_answered(stage, to, &handed_over);

	assert_int_equal(acked, wanted);
	assert_int_equal(handed_over, wanted);
}

/* Sets the list to radio_address 1, 2 ... but for the first `from` - 1, and waits until it is in force. */
static void acknowledge(struct stage *stage, size_t from, size_t to)
{
	uint8_t list[RADIO_ADDRESSES_MAX][6];
	unsigned told = stage->a.acknowledging;

	for (size_t n = from; n <= to; n++)
		radio_address(mac_a, n, list[n - from]);
	assert_int_equal(radio_acknowledge(stage->a.radio, (const uint8_t(*)[6])list, to + 1 - from), 0);
	assert_int_equal(stage->a.acknowledging, told); /* never from inside the call */
	stage->a.stop_at_acknowledging = told + 1;
	assert_true(run(stage, 3000));
	assert_int_equal(stage->a.acknowledging_cause, 0);
}

static void it_acknowledges_as_many_addresses_as_were_counted_and_refuses_more(void **state)
{
	struct stage *stage = *state;
	uint8_t address[RADIO_ADDRESSES_MAX][6];
	bool handed_over;

	for (size_t n = 1; n < RADIO_ADDRESSES_MAX; n++)
		radio_address(mac_a, n, address[n]);
	/* Opened alone, it has nobody who could have counted. */
	assert_int_equal(stage->a.radio->caps.acknowledged_max, 1);
	assert_int_equal(radio_acknowledge(stage->a.radio, (const uint8_t(*)[6])address[1], 1), -MR_CAUSE_UNSUPPORTED);
	prove(stage);
	print_message("# %u addresses\n", stage->a.radio->caps.acknowledged_max);
	assert_int_equal(stage->a.radio->caps.acknowledged_max, RADIO_ADDRESSES_MAX); /* hwsim's limit is ours */
	assert_false(is_answered(stage, address[1], &handed_over));
	acknowledge(stage, 1, RADIO_ADDRESSES_MAX - 1);
	answers(stage, mac_a, true);
	for (size_t n = 1; n < RADIO_ADDRESSES_MAX; n++)
		answers(stage, address[n], true);
	assert_int_equal(radio_acknowledge(stage->a.radio, (const uint8_t(*)[6])address, RADIO_ADDRESSES_MAX),
			 -MR_CAUSE_UNSUPPORTED);
	stage->a.radio->caps.acknowledged_max = 3; /* an adapter that has fewer */
	assert_int_equal(radio_acknowledge(stage->a.radio, (const uint8_t(*)[6])address[1], 3), -MR_CAUSE_UNSUPPORTED);
	assert_false(run(stage, 100));
	assert_int_equal(stage->a.acknowledging, 1);
	answers(stage, address[7], true);
}

static void a_new_list_of_addresses_replaces_the_old_one_on_every_channel(void **state)
{
	struct stage *stage = *state;
	uint8_t one[6], two[6], from_one[100] = { 0xd0 };
	struct radio_tx tx = { .rate_500kbps = 12, .retries = 3, .priority = RADIO_NORMAL, .cookie = 9 };

	radio_address(mac_a, 1, one);
	radio_address(mac_a, 2, two);
	prove(stage);
	acknowledge(stage, 1, 2);
	answers(stage, one, true);
	answers(stage, two, true);
	/* It sends from one of them, and the report is its own. */
	memcpy(from_one + 4, mac_b, 6);
	memcpy(from_one + 10, one, 6);
	memset(from_one + 16, 0xff, 6);
	from_one[22] = 0x70;
	from_one[23] = 0x12;
	stage->a.stop_at_statuses = stage->a.statuses + 1;
	assert_int_equal(radio_send(stage->a.radio, mr_rd_over(from_one, sizeof(from_one)), &tx), 0);
	assert_true(run(stage, 2000));
	assert_false(run(stage, 50));
	assert_int_equal(stage->a.acked, 1);
	assert_int_equal(stage->a.cookies[0], 9);
	assert_memory_equal(stage->b.last + 10, one, 6);
	assert_int_equal(stage->b.last[22] | stage->b.last[23] << 8, 0x1270);
	/* Of another band too, where the interfaces go down and up. */
	set_country("US");
	until_the_radios_know(stage, 5180, true);
	tune(stage, &stage->a, 5180);
	tune(stage, &stage->b, 5180);
	answers(stage, two, true);
	acknowledge(stage, 2, 2);
	answers(stage, one, false);
	answers(stage, two, true);
	answers(stage, mac_a, true);
	tune(stage, &stage->a, 2437);
	tune(stage, &stage->b, 2437);
	answers(stage, one, false);
	answers(stage, two, true);
	/* Asked for while it moves: after that. */
	assert_int_equal(radio_tune(stage->a.radio, 2412), 0);
	acknowledge(stage, 1, 1);
	if (stage->a.radio->freq_mhz != 2412) {
		stage->a.stop_at_tuned = stage->a.tuned + 1;
		assert_true(run(stage, 3000));
	}
	tune(stage, &stage->b, 2412);
	answers(stage, one, true);
	answers(stage, two, false);
	assert_int_equal(radio_acknowledge(stage->a.radio, NULL, 0), 0);
	stage->a.stop_at_acknowledging = stage->a.acknowledging + 1;
	assert_true(run(stage, 3000));
	answers(stage, one, false);
	answers(stage, mac_a, true);
}

static void a_list_of_addresses_outlives_the_radios_absence(void **state)
{
	struct stage *stage = *state;
	uint8_t one[1][6], two[6];
	char take[64];

	radio_address(mac_a, 1, one[0]);
	radio_address(mac_a, 2, two);
	prove(stage);
	acknowledge(stage, 1, 2);
	/* Any of its interfaces: here that of the second further address. */
	snprintf(take, sizeof(take), "ip link set %s down", monitor_setup(stage->a.radio)->answering[2].at.name);
	assert_int_equal(system(take), 0);
	stage->a.stop_at_gone = 1;
	assert_true(run(stage, 3000));
	assert_int_equal(radio_acknowledge(stage->a.radio, (const uint8_t(*)[6])one, 1), -MR_CAUSE_RADIO_GONE);
	if (stage->a.back == 0) {
		stage->a.stop_at_back = 1;
		assert_true(run(stage, 5000));
	}
	tune(stage, &stage->a, 2437);
	assert_int_equal(stage->a.acknowledging, 2); /* once more, and before it has moved */
	assert_int_equal(stage->a.acknowledging_cause, 0);
	answers(stage, one[0], true);
	answers(stage, two, true);
	answers(stage, mac_a, true);
}

#define on_stage(test) cmocka_unit_test_setup_teardown(test, setup_stage, teardown_stage)

/* An argument, such as "*urgent*", runs the tests of matching name. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_radios_of_one_station_prove_each_other),
		on_stage(a_frame_is_heard_as_it_was_sent_and_acknowledged),
		on_stage(data_frames_of_any_length_pass_both_ways),
		on_stage(of_others_it_hears_what_it_was_asked_to_hear),
		on_stage(statuses_come_while_it_is_asked_to_hear_more_and_less),
		on_stage(what_nobody_acknowledges_is_reported_so),
		on_stage(each_accepted_frame_gives_one_status_and_a_full_queue_says_so),
		on_stage(an_urgent_frame_overtakes_bulk),
		on_stage(while_it_moves_nothing_is_taken_and_then_only_the_new_channel_is_heard),
		on_stage(rate_and_channel_stay_right_after_a_change_of_band),
		on_stage(what_is_sent_at_once_after_a_change_of_band_leaves),
		on_stage(a_channel_of_radar_or_no_ir_is_only_listened_to),
		on_stage(new_rules_stop_a_channel_at_once),
		on_stage(each_rung_of_the_ladder_acknowledges_as_the_table_says),
		on_stage(it_acknowledges_as_many_addresses_as_were_counted_and_refuses_more),
		on_stage(a_new_list_of_addresses_replaces_the_old_one_on_every_channel),
		on_stage(a_list_of_addresses_outlives_the_radios_absence),
		on_stage(an_interface_taken_down_is_gone_and_comes_back),
		on_stage(a_radio_blocked_by_rfkill_is_gone_until_it_is_unblocked),
		on_stage(a_radio_unplugged_is_gone_and_adopted_again),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
