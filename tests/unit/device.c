/*
 * The simulated chip and the simulated device: think times, the short receive queue, torn storage, faults; the real
 * agent inside, a minimal station on the air outside.
 *
 * links: station/radio/address.c
 * links: station/world/device.c station/air/air.c station/air/medium.c station/air/dcf.c station/air/phy.c
 * links: station/air/capture.c station/air/bystander.c station/base/loop.c station/base/entropy.c
 * links: agent/port/sim/chip.c agent/port/sim/profile.c agent/port/linux/crypto_openssl.c
 * links: station/job/device_fault.c tests/support/peer.c tests/support/board.c tests/support/methods_all.c
 * links: station/world/chip_wifi.c station/world/chip_server.c station/world/found.c station/wifi/soft_ap.c
 * links: station/wifi/soft_ap_sta.c station/wifi/soft_ap_data.c station/wifi/ieee80211.c station/wifi/wpa.c
 * links: station/wifi/wpa_ap.c station/wifi/wpa_sta.c station/wifi/eapol.c station/wifi/ccmp.c station/wifi/tkip.c
 * links: station/wifi/aes.c station/wifi/sta.c station/wifi/sta_send.c station/wifi/sta_receive.c
 * links: station/wifi/defragment.c station/ip/ip.c station/ip/ip_stream.c station/ip/ip_udp.c station/ip/arp.c
 * links: station/ip/dhcp.c station/base/map.c agent/port/linux/tls_openssl.c station/base/log.c agent/libmr.a
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/peer.h"

#include <cmocka.h>
#include <errno.h>

#include "agent/port/sim/chip.h"
#include "agent/wire/cause.h"
#include "station/world/device.h"

#define HOME_MHZ 2412
#define AWAY_MHZ 5180

static const uint8_t batch_key[32] = { 0xba, 0x7c, 4, 5, 6 };
static const uint16_t channels[] = { HOME_MHZ, AWAY_MHZ };

/* -- the chip alone ------------------------------------------------------------------------------------------- */

struct bench {
	struct mr_chip chip;
	struct mr_port port;
	uint8_t flash[MR_STORE_SLOTS][MR_STORE_MAX];
	unsigned frames, tunes;
	uint64_t frame_us;
	int verdict;
};

static void sink_frame(void *ctx, const uint8_t *frame, size_t len, uint32_t cookie, uint64_t at_us)
{
	struct bench *b = ctx;

	(void)frame;
	(void)len;
	(void)cookie;
	b->frames++;
	b->frame_us = at_us;
}

static void sink_tune(void *ctx, uint16_t freq_mhz, uint64_t at_us)
{
	(void)freq_mhz;
	(void)at_us;
	((struct bench *)ctx)->tunes++;
}

static void sink_verdict(void *ctx, int verdict) { ((struct bench *)ctx)->verdict = verdict; }

static void sink_random(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	memset(out, 0x42, len);
}

static void bench_make(struct bench *b, const char *profile)
{
	memset(b, 0, sizeof(*b));
	assert_non_null(mr_chip_profile_named(profile));
	mr_chip_init(&b->chip, mr_chip_profile_named(profile),
		     &(struct mr_chip_sink){ b, sink_frame, sink_tune, sink_verdict, sink_random }, b->flash);
	mr_chip_erase(b->flash);
	mr_chip_port(&b->chip, &b->port);
}

static void work_takes_the_time_of_the_profile_and_the_agent_can_see_it(void **state)
{
	struct bench b;

	(void)state;
	bench_make(&b, "cortex-m4");
	const struct mr_chip_profile *p = b.chip.profile;

	/* 6.3 M instructions at 1.77 cycles each and 64 MHz. */
	assert_in_range(p->x25519_us, 174000, 174500);
	mr_chip_begin(&b.chip, 5000);
	assert_int_equal(b.port.now_us(b.port.ctx), 5000);
	b.port.work(b.port.ctx, MR_WORK_X25519, 0);
	b.port.work(b.port.ctx, MR_WORK_P256_SIGN, 0);
	assert_int_equal(b.port.now_us(b.port.ctx), 5000 + p->x25519_us + p->sign_us);
	assert_true(b.port.send(b.port.ctx, (const uint8_t *)"x", 1, 1));
	b.port.work(b.port.ctx, MR_WORK_HASH, 1000);
	assert_int_equal(b.frame_us, 5000 + p->x25519_us + p->sign_us); /* leaves when the work before it is done */
	assert_int_equal(mr_chip_end(&b.chip), 5000 + p->x25519_us + p->sign_us + p->hash_ns);
}

static void every_profile_has_its_figures(void **state)
{
	size_t n = 0;

	(void)state;
	for (; mr_chip_profile(n); n++) {
		const struct mr_chip_profile *p = mr_chip_profile(n);
		bool instant = strcmp(p->name, "instant") == 0;

		assert_ptr_equal(mr_chip_profile_named(p->name), p);
		assert_true(instant == (p->x25519_us == 0) && instant == (p->boot_us == 0) &&
			    instant == (p->erase_us == 0));
		/* Verifying takes longer than signing, signing longer than making a key. */
		assert_true(instant || (p->verify_us > p->sign_us && p->sign_us > p->keygen_us));
	}
	assert_null(mr_chip_profile(n));
	assert_null(mr_chip_profile_named("esp"));
	assert_true(n >= 5);
}

/* A write of `new` over `old`, power going `after_us` into it. */
static void torn_write(struct bench *b, uint64_t after_us, const uint8_t *old, const uint8_t *new, size_t len)
{
	bench_make(b, "esp32");
	mr_chip_begin(&b->chip, 0);
	assert_true(b->port.store_write(b->port.ctx, 0, old, len));
	assert_true(b->port.store_write(b->port.ctx, 1, old, len));
	mr_chip_begin(&b->chip, 1000000);
	b->chip.dead_us = 1000000 + after_us;
	b->port.work(b->port.ctx, MR_WORK_STORE_WRITE, len);
	(void)b->port.store_write(b->port.ctx, 1, new, len);
}

static void a_power_cut_tears_the_write_that_it_hits_and_no_other(void **state)
{
	static uint8_t old[1000], new[1000], read[1000];
	struct bench b;
	bool seen[4] = { false }; /* erased only, in part, whole, not begun */

	(void)state;
	memset(old, 0x11, sizeof(old));
	memset(new, 0x22, sizeof(new));
	bench_make(&b, "esp32");
	uint64_t whole_us = b.chip.profile->erase_us + (uint64_t)b.chip.profile->write_ns * sizeof(new) / 1000;

	for (uint64_t after_us = 0; after_us < whole_us + 200; after_us += 97) {
		size_t n = 0;

		torn_write(&b, after_us, old, new, sizeof(new));
		mr_chip_begin(&b.chip, 2000000);
		b.chip.dead_us = UINT64_MAX;
		assert_true(b.port.store_read(b.port.ctx, 0, read, sizeof(read)));
		assert_memory_equal(read, old, sizeof(old));
		assert_true(b.port.store_read(b.port.ctx, 1, read, sizeof(read)));
		if (read[0] == 0x11) {
			assert_int_equal(after_us, 0);
			assert_memory_equal(read, old, sizeof(old));
			seen[3] = true;
			continue;
		}
		while (n < sizeof(read) && read[n] == 0x22)
			n++;
		for (size_t i = n; i < sizeof(read); i++)
			assert_int_equal(read[i], 0xff);
		assert_int_equal(n == 0, after_us <= b.chip.profile->erase_us);
		assert_int_equal(n == sizeof(read), after_us >= whole_us);
		seen[n == 0 ? 0 : n < sizeof(read) ? 1 : 2] = true;
	}
	for (int i = 0; i < 4; i++)
		assert_true(seen[i]);
}

static void nothing_that_comes_after_the_cut_has_an_effect(void **state)
{
	struct bench b;
	uint8_t read[8];

	(void)state;
	bench_make(&b, "esp32");
	mr_chip_begin(&b.chip, 1000);
	b.chip.dead_us = 1000 + b.chip.profile->sign_us / 2;
	assert_true(b.port.send(b.port.ctx, (const uint8_t *)"x", 1, 1));
	b.port.work(b.port.ctx, MR_WORK_P256_SIGN, 0);
	(void)b.port.send(b.port.ctx, (const uint8_t *)"y", 1, 2);
	(void)b.port.tune(b.port.ctx, HOME_MHZ);
	(void)b.port.store_write(b.port.ctx, 0, (const uint8_t *)"01234567", 8);
	b.port.indicate(b.port.ctx, MR_VERDICT_PASS);
	assert_true(b.frames == 1 && b.tunes == 0 && b.verdict == 0);
	assert_int_equal(mr_chip_end(&b.chip), b.chip.dead_us);
	assert_true(b.port.store_read(b.port.ctx, 0, read, sizeof(read)));
	for (int i = 0; i < 8; i++)
		assert_int_equal(read[i], 0xff);
}

static void storage_outside_of_a_slot_is_refused(void **state)
{
	static uint8_t bytes[MR_STORE_MAX + 1];
	struct bench b;

	(void)state;
	bench_make(&b, "instant");
	mr_chip_begin(&b.chip, 0);
	assert_false(b.port.store_write(b.port.ctx, MR_STORE_SLOTS, bytes, 1));
	assert_false(b.port.store_write(b.port.ctx, 0, bytes, sizeof(bytes)));
	assert_false(b.port.store_read(b.port.ctx, MR_STORE_SLOTS, bytes, 1));
	assert_false(b.port.store_read(b.port.ctx, 0, bytes, sizeof(bytes)));
	assert_true(b.port.store_write(b.port.ctx, 1, bytes, MR_STORE_MAX));
}

/* -- a device on the air ---------------------------------------------------------------------------------------- */

struct floor {
	struct loop *loop;
	struct air *air;
	struct air_node *station;
	struct device *device;
	struct board address; /* lends the peer the device's MAC; its agent never runs */
	struct peer peer;
	struct loop_timer stop;
	size_t heard;
	enum mr_frame_type wanted;
	bool got;
	uint8_t frame[MR_FRAME_MAX]; /* of the wanted type, the last */
	size_t len;
	uint64_t got_us, counter;
	unsigned of_type[9];
	int rssi_dbm;
	unsigned acked, statuses;
	uint16_t sequence;
};

static void on_received(void *ctx, struct mr_rd frame, const struct radio_rx *rx)
{
	struct floor *f = ctx;
	struct mr_frame parsed;

	if (!mr_frame_parse(frame, &parsed) || !mr_equal(parsed.header.sender, f->address.config.mac, 6))
		return;
	f->of_type[parsed.type]++;
	if (parsed.type != f->wanted)
		return;
	f->got = true;
	f->len = frame.left;
	memcpy(f->frame, frame.at, frame.left);
	f->got_us = rx->time_us;
	f->rssi_dbm = rx->rssi_dbm;
	loop_stop(f->loop);
}

static void on_status(void *ctx, uint64_t cookie, bool acked, unsigned tries)
{
	struct floor *f = ctx;

	(void)cookie;
	(void)tries;
	f->acked += acked;
	f->statuses++;
}

static void on_stop(void *ctx, uint64_t now_us)
{
	(void)now_us;
	loop_stop(ctx);
}

static struct device_config plain_config(const char *chip)
{
	struct device_config c = { .chip = chip, .x_m = 5, .tx_dbm = 15, .seed = 77 };

	c.agent = (struct mr_agent_config){ .mac = { 0x02, 0x4d, 0x52, 0, 0, 7 },
					    .device_id = { 0xd0, 0, 0, 0, 0, 0, 0, 7 },
					    .product = "AC-100",
					    .hw_rev = "C",
					    .firmware = "1.0.0",
					    .batch_key = batch_key,
					    .channels = channels,
					    .channel_count = 2 };
	return c;
}

static struct floor *floor_create(struct device_config c)
{
	struct floor *f = calloc(1, sizeof(*f));
	struct air_node_config node = {
		.tx_dbm = 17, .acknowledges = true, .received = on_received, .status = on_status, .ctx = f
	};

	assert_non_null(f);
	f->loop = loop_create_virtual(0);
	f->air = air_create(f->loop, &(struct air_config){ .seed = 3, .shadowing_db = -1 });
	peer_make(&f->peer, 99, batch_key);
	f->peer.board = &f->address;
	memcpy(f->address.config.mac, c.agent.mac, 6);
	memcpy(node.mac, f->peer.mac, 6);
	f->station = air_add_node(f->air, &node);
	c.agent.station_key = f->peer.s_pub;
	f->device = device_create(f->air, f->loop, &c);
	assert_non_null(f->device);
	assert_int_equal(air_tune(f->station, HOME_MHZ), 0);
	f->stop = (struct loop_timer){ .fn = on_stop, .ctx = f->loop };
	return f;
}

static void floor_destroy(struct floor *f)
{
	device_destroy(f->device);
	air_destroy(f->air);
	loop_destroy(f->loop);
	free(f);
}

static void run_for(struct floor *f, uint64_t us)
{
	f->wanted = 0;
	loop_at(f->loop, &f->stop, loop_now_us(f->loop) + us);
	loop_run(f->loop);
}

/* Until a frame of that type comes, `us` at most. */
static bool wait_for(struct floor *f, enum mr_frame_type type, uint64_t us)
{
	f->wanted = type;
	f->got = false;
	loop_at(f->loop, &f->stop, loop_now_us(f->loop) + us);
	loop_run(f->loop);
	loop_cancel(f->loop, &f->stop);
	return f->got;
}

static void say(struct floor *f, uint8_t *frame, size_t len)
{
	const struct radio_tx tx = { .rate_500kbps = 12, .retries = 7, .priority = RADIO_NORMAL };

	f->sequence++;
	frame[22] = (uint8_t)(f->sequence << 4);
	frame[23] = (uint8_t)(f->sequence >> 4);
	assert_int_equal(air_send(f->station, mr_rd_over(frame, len), &tx), 0);
}

static bool meets(struct floor *f)
{
	uint8_t frame[MR_FRAME_MAX];
	struct mr_frame parsed;

	say(f, frame, peer_build_call(&f->peer, MR_CALL_PRESENT | MR_CALL_INVENTORY, 4, 500, frame));
	if (!wait_for(f, MR_HELLO, 20000))
		return false;
	assert_true(mr_frame_parse(mr_rd_over(f->frame, f->len), &parsed));
	f->peer.hello = parsed.hello;
	return mr_frame_authentic(&parsed, f->peer.call_key);
}

static void invite(struct floor *f, uint16_t freq_mhz)
{
	uint8_t frame[MR_FRAME_MAX];

	peer_random(&f->peer, f->peer.session_id, 8);
	say(f, frame, peer_build_invite(&f->peer, freq_mhz, frame));
}

/* Message 1 lies in f->frame. */
static void answer_handshake(struct floor *f)
{
	uint8_t prologue[MR_PROLOGUE_LEN], e[32], welcome[MR_WELCOME_LEN], two[128], out[MR_FRAME_MAX];
	struct peer *p = &f->peer;
	struct mr_wr introduction = mr_wr_over(p->introduction, sizeof(p->introduction));
	struct mr_wr w = mr_wr_over(welcome, sizeof(welcome)), message = mr_wr_over(two, sizeof(two)), whole;
	struct mr_frame parsed, reply = { .type = MR_HANDSHAKE_2 };
	struct mr_noise noise;

	assert_true(mr_frame_parse(mr_rd_over(f->frame, f->len), &parsed));
	mr_noise_prologue(prologue, p->station_id, p->batch_tag, p->session_id, parsed.header.sender);
	assert_true(mr_noise_init(&noise, prologue, sizeof(prologue), p->s_pub));
	assert_true(mr_noise_read_1(&noise, batch_key, p->s_priv, parsed.handshake.noise, &introduction));
	p->introduction_len = introduction.len;
	peer_random(p, e, sizeof(e));
	mr_welcome_build(&w, &(struct mr_welcome){ .lease_s = p->lease_s, .utc_us = 1760000000000000 });
	assert_true(mr_noise_write_2(&noise, e, mr_wr_written(&w), &message, &p->keys));
	memcpy(reply.header.receiver, f->address.config.mac, 6);
	memcpy(reply.header.sender, p->mac, 6);
	memcpy(reply.handshake.session_id, p->session_id, 8);
	reply.handshake.noise = mr_wr_written(&message);
	whole = mr_wr_over(out, sizeof(out));
	assert_true(mr_frame_build(&whole, &reply, NULL));
	p->seq = 0;
	say(f, out, whole.len);
}

static void join(struct floor *f)
{
	assert_true(meets(f));
	invite(f, 0);
	assert_true(wait_for(f, MR_HANDSHAKE_1, 2000000));
	answer_handshake(f);
}

/* A request without attributes, or KEY with its entropy. */
static void ask(struct floor *f, enum mr_operation operation)
{
	uint8_t request[64], frame[MR_FRAME_MAX];
	struct mr_wr w = mr_wr_over(request, sizeof(request));
	static const uint8_t entropy[32] = { 0xe7 };

	mr_request_begin(&w, operation);
	if (operation == MR_OP_KEY)
		mr_attribute_add(&w, MR_AT_ENTROPY, entropy, sizeof(entropy));
	f->peer.seq++;
	say(f, frame, peer_build_data(&f->peer, request, w.len, f->peer.seq, 0, 0, frame));
}

/* The cause of the answer; -1: none came. */
static int answer(struct floor *f, uint64_t us)
{
	struct peer *p = &f->peer;
	uint8_t ad[2 + MR_DATA_HEADER_LEN];
	struct mr_frame parsed;

	if (!wait_for(f, MR_DATA, us))
		return -1;
	assert_true(mr_frame_parse(mr_rd_over(f->frame, f->len), &parsed));
	assert_int_equal(parsed.data.seq, p->seq);
	mr_data_ad(&parsed.data, ad);
	assert_true(mr_noise_open(p->keys.to_station, (uint64_t)p->seq * 16, ad, sizeof(ad), parsed.data.sealed.at,
				  parsed.data.sealed.left, p->answer));
	assert_true(mr_message_parse(mr_rd_over(p->answer, parsed.data.sealed.left - MR_TAG_LEN), &p->response));
	return p->response.cause;
}

static uint32_t restarts(struct floor *f)
{
	struct mr_message m;
	struct mr_rd value;

	assert_true(mr_message_parse(mr_rd_over(f->peer.introduction, f->peer.introduction_len), &m));
	value = m.value[MR_AT_RESTARTS];
	return mr_rd_le32(&value);
}

static void a_device_is_deaf_until_it_has_booted(void **state)
{
	struct device_config c = plain_config("esp32");
	struct floor *f;

	(void)state;
	c.power_on_us = 50000;
	f = floor_create(c);
	assert_false(device_powered(f->device));
	run_for(f, 60000);
	assert_true(device_powered(f->device));
	assert_int_equal(device_ready_us(f->device), 50000 + mr_chip_profile_named("esp32")->boot_us);
	assert_false(meets(f));
	while (loop_now_us(f->loop) < device_ready_us(f->device) + 10000)
		run_for(f, 10000);
	assert_true(meets(f));
	assert_memory_equal(f->peer.hello.device_id, ((uint8_t[]){ 0xd0, 0, 0, 0, 0, 0, 0, 7 }), 8);
	floor_destroy(f);
}

static void the_handshake_waits_for_the_slow_core(void **state)
{
	static const char *const chips[] = { "instant", "esp32", "cortex-m4" };
	uint64_t took_us[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct floor *f = floor_create(plain_config(chips[i]));
		uint64_t asked_us;

		run_for(f, 400000);
		assert_true(meets(f));
		run_for(f, 1000);
		asked_us = loop_now_us(f->loop);
		invite(f, 0);
		assert_true(wait_for(f, MR_HANDSHAKE_1, 2000000));
		took_us[i] = f->got_us - asked_us;
		floor_destroy(f);
	}
	/* Instant: the air only. The others: two scalar multiplications more, hashes and a little AES. */
	assert_true(took_us[0] < 2000);
	for (int i = 1; i < 3; i++) {
		uint64_t two_us = 2 * (uint64_t)mr_chip_profile_named(chips[i])->x25519_us;

		assert_in_range(took_us[i], two_us, two_us + 20000);
	}
}

static void an_invited_device_goes_to_the_channel_named(void **state)
{
	struct floor *f = floor_create(plain_config("esp32"));

	(void)state;
	run_for(f, 400000);
	assert_true(meets(f));
	invite(f, AWAY_MHZ);
	run_for(f, 2000);
	assert_int_equal(air_tune(f->station, AWAY_MHZ), 0);
	assert_true(wait_for(f, MR_HANDSHAKE_1, 2000000));
	answer_handshake(f);
	ask(f, MR_OP_STATUS);
	assert_int_equal(answer(f, 1000000), MR_CAUSE_OK);
	floor_destroy(f);
}

static void a_busy_core_keeps_eight_frames_and_its_radio_acknowledges_all(void **state)
{
	(void)state;
	for (unsigned junk = 7; junk <= 8; junk++) {
		struct floor *f = floor_create(plain_config("esp32"));
		uint8_t frame[MR_FRAME_MAX], session[8];
		size_t len;

		run_for(f, 400000);
		assert_true(meets(f));
		run_for(f, 1000);
		invite(f, 0);
		run_for(f, 2000); /* it computes message 1 for 90 ms */
		f->acked = f->statuses = 0;
		len = peer_build_poll(&f->peer, 1, 0, frame);
		frame[MR_HEADER_LEN + 4] = 99; /* a version that does not exist: read, then ignored */
		for (unsigned i = 0; i < junk; i++)
			say(f, frame, len);
		/* A POLL of a session that it does not have is answered, if it is heard. */
		memcpy(session, f->peer.session_id, 8);
		f->peer.session_id[0] ^= 1;
		say(f, frame, peer_build_poll(&f->peer, 1, 0, frame));
		run_for(f, 20000);
		assert_int_equal(f->acked, junk + 1);
		assert_int_equal(f->of_type[MR_HANDSHAKE_1], 0); /* busy all the while */
		run_for(f, 300000);
		assert_true(f->of_type[MR_HANDSHAKE_1] > 0);
		assert_int_equal(f->of_type[MR_PROGRESS], junk == 7 ? 1 : 0);
		floor_destroy(f);
	}
}

static void a_session_makes_a_key_and_the_storage_has_it(void **state)
{
	struct floor *f = floor_create(plain_config("esp32"));
	const struct mr_chip_profile *p = mr_chip_profile_named("esp32");
	size_t len;
	bool written = false;
	uint64_t asked_us;

	(void)state;
	run_for(f, 400000);
	join(f);
	run_for(f, 200000);
	asked_us = loop_now_us(f->loop);
	ask(f, MR_OP_KEY);
	assert_int_equal(answer(f, 2000000), MR_CAUSE_OK);
	assert_true(f->peer.response.has[MR_AT_CSR]);
	/* Key, signature of the CSR, and a sector to erase. */
	assert_true(f->got_us - asked_us > p->keygen_us + p->sign_us + p->erase_us);
	assert_true(f->got_us - asked_us < p->keygen_us + p->sign_us + p->erase_us + 30000);
	assert_in_range(f->peer.response.busy_us, p->keygen_us + p->sign_us, f->got_us - asked_us);
	for (unsigned slot = 0; slot < MR_STORE_SLOTS; slot++)
		written = written || memcmp(device_store(f->device, slot, &len), "MRS1", 4) == 0;
	assert_true(written);
	assert_int_equal(len, MR_STORE_MAX);
	assert_int_equal(mr_agent_stage(device_agent(f->device)), MR_STAGE_KEY);
	floor_destroy(f);
}

static void a_power_cut_at_any_instant_of_an_operation_leaves_the_device_usable(void **state)
{
	unsigned before = 0, after = 0;

	(void)state;
	/* KEY on an ESP32 takes some 120 ms: 33 key, 45 erase, 41 signature. */
	for (uint64_t delay_us = 0; delay_us < 140000; delay_us += 4999) {
		struct device_config c = plain_config("esp32");
		struct floor *f;

		c.fault = DEVICE_FAULT_POWER_CUT;
		c.fault_operation = MR_OP_KEY;
		c.fault_delay_us = delay_us;
		c.off_us = 300000;
		f = floor_create(c);
		run_for(f, 400000);
		join(f);
		assert_int_equal(restarts(f), 0);
		run_for(f, 200000);
		ask(f, MR_OP_KEY);
		(void)answer(f, 150000);
		run_for(f, 150000);
		assert_false(device_powered(f->device));
		assert_int_equal(mr_agent_stage(device_agent(f->device)), 0); /* RAM is gone */
		assert_false(meets(f));
		run_for(f, 900000);
		assert_true(device_powered(f->device));
		join(f);
		run_for(f, 200000);
		/* The key was kept or was never there; never half of it. */
		*(mr_agent_stage(device_agent(f->device)) == MR_STAGE_KEY ? &after : &before) += 1;
		ask(f, MR_OP_KEY);
		assert_int_equal(answer(f, 2000000), MR_CAUSE_OK);
		assert_int_equal(mr_agent_stage(device_agent(f->device)), MR_STAGE_KEY);
		floor_destroy(f);
	}
	assert_true(before > 5 && after > 5);
}

static void a_device_that_vanishes_stays_away(void **state)
{
	struct device_config c = plain_config("esp32");
	struct floor *f;

	(void)state;
	c.fault = DEVICE_FAULT_VANISH;
	c.fault_operation = MR_OP_SELFTEST;
	f = floor_create(c);
	run_for(f, 400000);
	join(f);
	run_for(f, 200000);
	ask(f, MR_OP_STATUS);
	assert_int_equal(answer(f, 500000), MR_CAUSE_OK);
	ask(f, MR_OP_SELFTEST);
	assert_int_equal(answer(f, 500000), -1);
	run_for(f, 60000000);
	assert_false(device_powered(f->device));
	assert_false(meets(f));
	floor_destroy(f);
	/* By the clock, whatever it does. */
	c.fault_operation = 0;
	c.fault_delay_us = 100000;
	f = floor_create(c);
	run_for(f, 399000);
	assert_true(device_powered(f->device));
	run_for(f, 2000);
	assert_false(device_powered(f->device));
	floor_destroy(f);
}

static void faults_of_the_board_are_seen_by_the_station(void **state)
{
	struct device_config c = plain_config("esp32");
	struct floor *f;

	(void)state;
	for (int broken = 0; broken < 2; broken++) {
		c.fault = broken ? DEVICE_FAULT_SELFTEST : DEVICE_FAULT_NONE;
		f = floor_create(c);
		run_for(f, 400000);
		join(f);
		run_for(f, 200000);
		ask(f, MR_OP_SELFTEST);
		assert_int_equal(answer(f, 500000), broken ? MR_CAUSE_SELFTEST_FAILED : MR_CAUSE_OK);
		assert_int_equal(f->peer.response.item_count, 3);
		assert_string_equal(f->peer.response.items[0].name, "vbat_mv");
		assert_int_equal(f->peer.response.items[0].passed, !broken);
		floor_destroy(f);
	}
	c.fault = DEVICE_FAULT_STORAGE;
	c.fault_operation = MR_OP_KEY;
	f = floor_create(c);
	run_for(f, 400000);
	join(f);
	run_for(f, 200000);
	ask(f, MR_OP_KEY);
	assert_int_equal(answer(f, 2000000), MR_CAUSE_STORAGE_FAILED);
	floor_destroy(f);
}

static void faults_of_the_image_are_seen_by_the_station(void **state)
{
	struct device_config c = plain_config("esp32");
	struct mr_message m;
	struct floor *f;
	int strong_dbm;

	(void)state;
	f = floor_create(c);
	run_for(f, 400000);
	assert_true(meets(f));
	strong_dbm = f->rssi_dbm;
	floor_destroy(f);

	c.fault = DEVICE_FAULT_WEAK_SIGNAL;
	f = floor_create(c);
	run_for(f, 400000);
	assert_true(meets(f));
	assert_true(f->rssi_dbm <= strong_dbm - 20);
	floor_destroy(f);

	c.fault = DEVICE_FAULT_WRONG_PRODUCT;
	f = floor_create(c);
	run_for(f, 400000);
	join(f);
	assert_true(mr_message_parse(mr_rd_over(f->peer.introduction, f->peer.introduction_len), &m));
	assert_true(m.has[MR_AT_PRODUCT]);
	assert_false(m.value[MR_AT_PRODUCT].left == 6 && memcmp(m.value[MR_AT_PRODUCT].at, "AC-100", 6) == 0);
	floor_destroy(f);

	c.fault = DEVICE_FAULT_WRONG_BATCH_KEY;
	f = floor_create(c);
	run_for(f, 400000);
	assert_false(meets(f));
	floor_destroy(f);
}

static void faults_have_the_names_of_job_files(void **state)
{
	(void)state;
	for (int i = 0; i < DEVICE_FAULT_COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(device_fault_name((enum device_fault)i),
						device_fault_name((enum device_fault)k));
	assert_string_equal(device_fault_name(DEVICE_FAULT_POWER_CUT), "power-cut");
	assert_null(device_fault_name(DEVICE_FAULT_COUNT));
}

static void an_unknown_chip_is_refused(void **state)
{
	struct loop *loop = loop_create_virtual(0);
	struct air *air = air_create(loop, &(struct air_config){ 0 });
	struct device_config c = plain_config("esp64");

	(void)state;
	errno = 0;
	assert_null(device_create(air, loop, &c));
	assert_int_equal(errno, EINVAL);
	air_destroy(air);
	loop_destroy(loop);
}

static void a_seed_makes_the_device_and_another_seed_another(void **state)
{
	uint8_t store[3][MR_STORE_MAX];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct device_config c = plain_config("esp32");
		struct floor *f;
		size_t len;

		c.seed = i == 2 ? 78 : 77;
		f = floor_create(c);
		run_for(f, 400000);
		join(f);
		run_for(f, 200000);
		ask(f, MR_OP_KEY);
		assert_int_equal(answer(f, 2000000), MR_CAUSE_OK);
		memcpy(store[i], device_store(f->device, device_agent(f->device)->store.slot, &len), MR_STORE_MAX);
		floor_destroy(f);
	}
	assert_memory_equal(store[0], store[1], MR_STORE_MAX);
	assert_memory_not_equal(store[0], store[2], MR_STORE_MAX);
}

/* The frames of a broadcast, as the air gives them to every chip on the channel, and what each tells its agent. */
static void a_broadcast_reaches_the_agent_of_each_kind_of_chip(void **state)
{
	static const unsigned enough[] = { 3, 45, 110 };

	(void)state;
	for (enum device_ears ears = DEVICE_HEARS_FRAMES; ears <= DEVICE_HEARS_LENGTHS; ears++) {
		struct mr_sealed network = { .issue = 9,
					     .lifetime_s = 60,
					     .ssid = "hall",
					     .ssid_len = 4,
					     .security = MR_SECURITY_WPA2,
					     .passphrase = "of the weir",
					     .passphrase_len = 11 };
		struct device_config c = plain_config("cortex-m3");
		struct mr_sealed_sender sender;
		uint8_t message[MR_SEALED_MAX];
		uint64_t before_us;
		struct floor *f;
		size_t len;

		c.ears = ears;
		f = floor_create(c);
		run_for(f, 400000);
		assert_true(mr_sealed_seal(batch_key, &network, message, &len));
		mr_sealed_begin(&sender, message, len,
				ears == DEVICE_HEARS_LENGTHS ? MR_SEALED_BY_LENGTHS : MR_SEALED_BY_HEADERS);
		before_us = loop_now_us(f->loop);
		for (unsigned i = 0; i < enough[ears]; i++) {
			struct mr_overheard_out out = { .from_ds = true, .port = MR_SEALED_PORT };
			uint8_t bytes[MR_OVERHEARD_BASE + MR_OVERHEARD_PAYLOAD_MAX];
			struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));
			struct mr_sealed_frame frame;

			mr_sealed_next(&sender, &frame);
			memcpy(out.bssid, f->peer.mac, 6);
			memcpy(out.source, f->peer.mac, 6);
			mr_overheard_group(frame.destination, out.destination);
			memcpy(out.destination_ip, frame.destination, 4);
			out.payload = frame.payload;
			out.payload_len = frame.payload_len;
			out.length = (uint16_t)frame.length;
			assert_true(mr_overheard_build(&w, &out));
			say(f, bytes, w.len);
			run_for(f, frame.gap_us);
		}
		assert_int_equal(device_agent(f->device)->sniffer.issue, 9);
		assert_true(device_agent(f->device)->sniffer.until_us > before_us + 60000000);
		floor_destroy(f);
	}
}

static void a_device_costs_little_memory(void **state)
{
	(void)state;
	assert_true(device_size() < sizeof(struct mr_agent) + MR_STORE_SLOTS * MR_STORE_MAX + 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_takes_the_time_of_the_profile_and_the_agent_can_see_it),
		cmocka_unit_test(every_profile_has_its_figures),
		cmocka_unit_test(a_power_cut_tears_the_write_that_it_hits_and_no_other),
		cmocka_unit_test(nothing_that_comes_after_the_cut_has_an_effect),
		cmocka_unit_test(storage_outside_of_a_slot_is_refused),
		cmocka_unit_test(a_device_is_deaf_until_it_has_booted),
		cmocka_unit_test(the_handshake_waits_for_the_slow_core),
		cmocka_unit_test(an_invited_device_goes_to_the_channel_named),
		cmocka_unit_test(a_busy_core_keeps_eight_frames_and_its_radio_acknowledges_all),
		cmocka_unit_test(a_session_makes_a_key_and_the_storage_has_it),
		cmocka_unit_test(a_power_cut_at_any_instant_of_an_operation_leaves_the_device_usable),
		cmocka_unit_test(a_device_that_vanishes_stays_away),
		cmocka_unit_test(faults_of_the_board_are_seen_by_the_station),
		cmocka_unit_test(faults_of_the_image_are_seen_by_the_station),
		cmocka_unit_test(faults_have_the_names_of_job_files),
		cmocka_unit_test(an_unknown_chip_is_refused),
		cmocka_unit_test(a_seed_makes_the_device_and_another_seed_another),
		cmocka_unit_test(a_broadcast_reaches_the_agent_of_each_kind_of_chip),
		cmocka_unit_test(a_device_costs_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
