/*
 * Both ends of many links in one process, over wires with delay and loss, in virtual time: addresses, connections, and
 * what a device cannot do to the others.
 *
 * links: station/ip/ip.c station/ip/ip_stream.c station/ip/ip_udp.c station/ip/arp.c station/ip/dhcp.c
 * links: station/base/loop.c station/base/entropy.c agent/wire/cause.c
 * links: station/base/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/wire/cause.h"
#include "station/ip/ip_stream.h"
#include "tests/unit/ip_wire.h"

#define DEVICE 0xc0a80401u
#define STATION 0xc0a80402u
#define MASK 0xffffff00u
#define SECOND 1000000u

static struct loop *loop;
static struct entropy *entropy, *chance;
static struct ip_stack *stack;
static struct loop_timer alarm_clock;

static void on_alarm(void *ctx, uint64_t now_us)
{
	(void)ctx;
	(void)now_us;
	loop_stop(loop);
}

static void run_for(uint64_t us)
{
	loop_at(loop, &alarm_clock, loop_now_us(loop) + us);
	loop_run(loop);
}

static int setup(void **state)
{
	(void)state;
	loop = loop_create_virtual(0);
	entropy = entropy_create_seeded(7, "station");
	chance = entropy_create_seeded(7, "wire");
	stack = ip_stack_create(loop, entropy, IP_IFS_MAX);
	alarm_clock = (struct loop_timer){ .fn = on_alarm };
	return loop && entropy && chance && stack ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	ip_stack_destroy(stack);
	wire_cut(NULL);
	entropy_destroy(entropy);
	entropy_destroy(chance);
	loop_destroy(loop);
	return 0;
}

/* One side of a connection: sends `to_send` octets of a pattern, counts and checks what comes, closes when told. */
struct talk {
	struct ip_stream *s;
	struct ip_if *net;
	uint8_t seed;
	size_t to_send, written, got, echo_after;
	size_t close_after; /* octets received; 0: never */
	bool connected, closed, wrong, abort_on_connect, destroy_on[4];
	int cause;
	unsigned writes_cut, sents;
	uint64_t connected_us;
	struct end *end;
};

static uint8_t pattern(uint8_t seed, size_t at) { return (uint8_t)(seed + at * 7 + (at >> 8)); }

static void push(struct talk *t)
{
	uint8_t part[3000];

	while (t->s && t->written < t->to_send) {
		size_t n = t->to_send - t->written < sizeof(part) ? t->to_send - t->written : sizeof(part);

		for (size_t i = 0; i < n; i++)
			part[i] = pattern(t->seed, t->written + i);
		size_t taken = ip_stream_write(t->s, part, n);

		t->written += taken;
		if (taken < n) {
			t->writes_cut++;
			return;
		}
	}
}

static bool destroyed(struct talk *t, unsigned event)
{
	if (!t->destroy_on[event])
		return false;
	ip_if_destroy(t->net);
	t->end->net = NULL;
	t->s = NULL;
	return true;
}

static void on_connected(void *ctx)
{
	struct talk *t = ctx;

	t->connected = true;
	t->connected_us = loop_now_us(loop);
	if (destroyed(t, 0))
		return;
	if (t->abort_on_connect) {
		ip_stream_abort(t->s);
		t->s = NULL;
		return;
	}
	push(t);
}

static void on_received(void *ctx, const uint8_t *bytes, size_t len)
{
	struct talk *t = ctx;

	for (size_t i = 0; i < len; i++)
		t->wrong |= bytes[i] != pattern(t->seed, t->got + i);
	t->got += len;
	if (destroyed(t, 1))
		return;
	if (t->close_after && t->got >= t->close_after) {
		ip_stream_close(t->s);
		t->s = NULL;
	}
}

static void on_sent(void *ctx)
{
	struct talk *t = ctx;

	t->sents++;
	if (!destroyed(t, 2))
		push(t);
}

static void on_closed(void *ctx, int cause)
{
	struct talk *t = ctx;

	t->closed = true;
	t->cause = cause;
	if (destroyed(t, 3))
		return;
	ip_stream_close(t->s);
	t->s = NULL;
}

static const struct ip_stream_events talk_events = { on_connected, on_received, on_sent, on_closed };

static void on_accepted(void *ctx, struct ip_stream *s)
{
	struct talk *t = ctx;

	t->s = s;
	ip_stream_use(s, &talk_events, t);
	on_connected(t);
}

static void open_pair(struct wire *w, unsigned number)
{
	wire_up(w, loop, stack, number);
	w->chance = chance;
	assert_non_null(w->station.net);
	assert_non_null(w->device.net);
	ip_if_static(w->station.net, STATION, MASK, 0);
}

static void close_pair(struct wire *w)
{
	ip_if_destroy(w->station.net);
	ip_if_destroy(w->device.net);
	w->station.net = w->device.net = NULL;
	wire_cut(w);
}

static void connect_pair(struct wire *w, struct talk *station, struct talk *device, uint16_t port)
{
	station->net = w->station.net;
	station->end = &w->station;
	device->net = w->device.net;
	device->end = &w->device;
	assert_non_null(ip_listen(w->device.net, port, on_accepted, device));
	station->s = ip_connect(w->station.net, DEVICE, port, &talk_events, station);
	assert_non_null(station->s);
}

/* --- addresses --- */

static void an_address_comes_by_dhcp(void **state)
{
	struct wire w = { 0 };

	(void)state;
	wire_up(&w, loop, stack, 1);
	ip_if_serve_dhcp(w.device.net, STATION, 1, 600);
	ip_if_dhcp(w.station.net, 5 * SECOND);
	run_for(20000);
	assert_int_equal(w.station.address_result, 0);
	assert_int_equal(w.station.lease.address, STATION);
	assert_int_equal(w.station.lease.mask, MASK);
	assert_int_equal(w.station.lease.router, DEVICE);
	assert_int_equal(w.station.lease.server, DEVICE);
	assert_int_equal(ip_if_address(w.station.net), STATION);
	assert_int_equal(w.frames, 4);
}

static void the_first_frames_may_be_lost_without_costing_more_than_their_first_repetition(void **state)
{
	struct wire w = { 0 };
	struct talk a = { .seed = 1 }, b = { .seed = 1 };
	uint64_t bound_us;

	(void)state;
	wire_up(&w, loop, stack, 1);
	ip_if_serve_dhcp(w.device.net, STATION, 1, 600);
	w.station.lose_next = 1;
	ip_if_dhcp(w.station.net, 5 * SECOND);
	run_for(60000 + 4 * 2000 + 1);
	assert_int_equal(w.station.address_result, 0);
	bound_us = loop_now_us(loop);
	w.station.lose_next = 1; /* the first question of ARP */
	connect_pair(&w, &a, &b, 80);
	run_for(SECOND);
	assert_true(a.connected);
	assert_in_range(a.connected_us - bound_us, 60000, 60000 + 4 * 2000);
}

static void without_a_server_the_address_times_out(void **state)
{
	struct wire w = { 0 };

	(void)state;
	wire_up(&w, loop, stack, 1);
	ip_if_dhcp(w.station.net, 5 * SECOND);
	run_for(5 * SECOND - 1);
	assert_int_equal(w.station.leases, 0);
	run_for(1);
	assert_int_equal(w.station.address_result, -MR_CAUSE_ADDRESS_TIMEOUT);
	assert_int_equal(ip_if_address(w.station.net), 0);
	assert_null(ip_connect(w.station.net, DEVICE, 80, &talk_events, NULL));
}

/* A server that ignores the broadcast flag and sends to the address that it is about to give (RFC 2131 4.1 forbids it).
 */
static void answer_to_the_address(struct end *from, uint16_t ethertype, uint8_t *payload, size_t len)
{
	uint32_t sum = 0;

	if (from != &from->wire->device || ethertype != IP_ETHERTYPE_IPV4 || payload[9] != 17)
		return;
	memcpy(payload + 16,
	       (uint8_t[]){
		       192,
		       168,
		       4,
		       2,
	       },
	       4);
	payload[26] = payload[27] = payload[10] = payload[11] = 0;
	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t)payload[i] << 8 | payload[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	payload[10] = (uint8_t)(sum >> 8);
	payload[11] = (uint8_t)sum;
	assert_true(len > 28);
}

static void a_server_that_does_not_broadcast_is_heard_too(void **state)
{
	struct wire w = { .tap = answer_to_the_address };

	(void)state;
	wire_up(&w, loop, stack, 1);
	ip_if_serve_dhcp(w.device.net, STATION, 1, 600);
	ip_if_dhcp(w.station.net, 5 * SECOND);
	run_for(20000);
	assert_int_equal(w.station.address_result, 0);
}

static void spoil_a_bit(struct end *from, uint16_t ethertype, uint8_t *payload, size_t len)
{
	if (from == &from->wire->device && ethertype == IP_ETHERTYPE_IPV4 && payload[9] == 17)
		payload[len - 1] ^= 1;
}

static void an_answer_with_a_wrong_checksum_is_refused(void **state)
{
	struct wire w = { .tap = spoil_a_bit };

	(void)state;
	wire_up(&w, loop, stack, 1);
	ip_if_serve_dhcp(w.device.net, STATION, 1, 600);
	ip_if_dhcp(w.station.net, SECOND);
	run_for(SECOND + 1);
	assert_int_equal(w.station.address_result, -MR_CAUSE_ADDRESS_TIMEOUT);
	assert_true(ip_if_counters(w.station.net).refused > 0);
}

static void a_lease_is_renewed_at_half_its_time_and_lost_without_its_server(void **state)
{
	struct wire w = { 0 };

	(void)state;
	wire_up(&w, loop, stack, 1);
	ip_if_serve_dhcp(w.device.net, STATION, 1, 20);
	ip_if_dhcp(w.station.net, 5 * SECOND);
	run_for(9 * SECOND);
	assert_int_equal(w.station.leases, 1);
	run_for(2 * SECOND);
	assert_int_equal(w.station.leases, 2);
	assert_int_equal(w.station.address_result, 0);
	ip_if_destroy(w.device.net);
	w.device.net = NULL;
	run_for(15 * SECOND);
	assert_int_equal(w.station.leases, 2);
	run_for(10 * SECOND);
	assert_int_equal(w.station.address_result, -MR_CAUSE_ADDRESS_TIMEOUT);
	assert_int_equal(ip_if_address(w.station.net), 0);
}

static void two_ends_with_link_local_addresses_talk(void **state)
{
	struct wire w = { 0 };
	struct talk a = { .seed = 3, .to_send = 100 }, b = { .seed = 3 };
	uint32_t there = ip_link_local(entropy);

	(void)state;
	assert_int_equal(there >> 16, 0xa9fe);
	assert_in_range(there & 0xffff, 0x100, 0xfeff);
	wire_up(&w, loop, stack, 1);
	ip_if_static(w.station.net, ip_link_local(entropy), 0xffff0000, 0);
	ip_if_static(w.device.net, there, 0xffff0000, 0);
	assert_non_null(ip_listen(w.device.net, 80, on_accepted, &b));
	a.s = ip_connect(w.station.net, there, 80, &talk_events, &a);
	run_for(SECOND);
	assert_int_equal(b.got, 100);
}

/* --- connections --- */

static void data_goes_both_ways_and_the_end_comes_after_the_data(void **state)
{
	struct wire w = { 0 };
	struct talk a = { .seed = 9, .to_send = 50000 }, b = { .seed = 9, .to_send = 70000, .close_after = 50000 };

	(void)state;
	open_pair(&w, 1);
	connect_pair(&w, &a, &b, 80);
	run_for(10 * SECOND);
	assert_int_equal(b.got, 50000);
	assert_false(b.wrong);
	assert_int_equal(a.got, 70000);
	assert_false(a.wrong);
	assert_true(a.closed);
	assert_int_equal(a.cause, 0);
	assert_false(b.closed);
	assert_true(w.longest <= IP_MTU);
	assert_true(w.longest > 1200);
}

static void writing_waits_for_room(void **state)
{
	struct wire w = { 0 };
	struct talk a = { .seed = 9, .to_send = 1000000 }, b = { .seed = 9 };

	(void)state;
	open_pair(&w, 1);
	connect_pair(&w, &a, &b, 80);
	run_for(60 * SECOND);
	assert_int_equal(b.got, 1000000);
	assert_false(b.wrong);
	assert_true(a.writes_cut > 5);
	assert_true(a.sents > 5);
	assert_int_equal(ip_if_counters(w.station.net).overflowed, 0);
}

static void losses_are_made_good(void **state)
{
	struct wire w = { .loss_percent = 10 };
	struct talk a = { .seed = 9, .to_send = 100000 }, b = { .seed = 9, .to_send = 100000 };

	(void)state;
	open_pair(&w, 1);
	connect_pair(&w, &a, &b, 80);
	run_for(600 * SECOND);
	assert_int_equal(b.got, 100000);
	assert_int_equal(a.got, 100000);
	assert_false(a.wrong);
	assert_false(b.wrong);
}

static void a_lost_syn_costs_a_second(void **state)
{
	struct wire w = { 0 };
	struct talk a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	open_pair(&w, 1);
	connect_pair(&w, &a, &b, 80); /* for ARP */
	run_for(SECOND);
	w.station.lose_next = 1;
	c.s = ip_connect(w.station.net, DEVICE, 80, &talk_events, &c);
	run_for(2 * SECOND);
	assert_true(c.connected);
	assert_in_range(c.connected_us, SECOND + SECOND / 2, 2 * SECOND + 10000);
}

/* A device that sends its head and waits for the acknowledgement before the rest: Nagle and delayed ACK, RFC
 * 1122 4.2.3. */
static void what_is_not_answered_is_acknowledged_at_once(void **state)
{
	struct wire w = { 0 };
	struct talk a = { .seed = 5 }, b = { .seed = 5, .to_send = 10 };
	unsigned frames;

	(void)state;
	open_pair(&w, 1);
	connect_pair(&w, &a, &b, 80);
	run_for(3 * 2 * 2000 + 500); /* ARP, the handshake, the data: it arrived 500 us ago */
	assert_int_equal(a.got, 10);
	frames = w.frames;
	run_for(5 * SECOND);
	assert_int_equal(w.frames, frames); /* nothing was left to be said */
}

static void a_closed_port_is_refused_at_once(void **state)
{
	struct wire w = { 0 };
	struct talk a = { 0 };

	(void)state;
	open_pair(&w, 1);
	a.s = ip_connect(w.station.net, DEVICE, 81, &talk_events, &a);
	run_for(20000);
	assert_true(a.closed);
	assert_false(a.connected);
	assert_int_equal(a.cause, -MR_CAUSE_CONNECT_FAILED);
}

static void nobody_there_ends_in_connect_failed(void **state)
{
	struct wire w = { .loss_percent = 100 };
	struct talk a = { 0 };

	(void)state;
	open_pair(&w, 1);
	a.s = ip_connect(w.station.net, DEVICE, 80, &talk_events, &a);
	run_for(5 * SECOND);
	assert_false(a.closed);
	run_for(10 * SECOND);
	assert_true(a.closed);
	assert_int_equal(a.cause, -MR_CAUSE_CONNECT_FAILED);
	assert_true(ip_if_counters(w.station.net).absent > 0);
}

static void a_reset_is_link_lost_and_silence_is_no_answer(void **state)
{
	struct wire w = { 0 };
	struct talk a = { .seed = 1 }, b = { .seed = 1, .abort_on_connect = true }, c = { .seed = 1 },
		    d = { .seed = 1 };

	(void)state;
	open_pair(&w, 1);
	connect_pair(&w, &a, &b, 80);
	run_for(SECOND);
	assert_true(a.connected);
	assert_true(a.closed);
	assert_int_equal(a.cause, -MR_CAUSE_LINK_LOST);
	connect_pair(&w, &c, &d, 81);
	run_for(SECOND);
	assert_true(c.connected);
	w.loss_percent = 100;
	c.to_send = 10;
	push(&c);
	run_for(1000 * SECOND);
	assert_int_equal(c.cause, -MR_CAUSE_NO_ANSWER);
}

/* --- many with one address --- */

#define MANY 100u

static void a_hundred_devices_with_one_address_are_served_at_once(void **state)
{
	static struct wire wires[MANY];
	static struct talk a[MANY], b[MANY], c[MANY], d[MANY];

	(void)state;
	memset(wires, 0, sizeof(wires));
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	memset(c, 0, sizeof(c));
	memset(d, 0, sizeof(d));
	for (unsigned i = 0; i < MANY; i++) {
		wires[i].loss_percent = i % 5;
		open_pair(&wires[i], i);
		a[i] = (struct talk){ .seed = (uint8_t)(i * 3), .to_send = 3000 + i };
		b[i] = (struct talk){ .seed = (uint8_t)(i * 3), .to_send = 4000 + i, .close_after = 3000 + i };
		c[i] = (struct talk){ .seed = (uint8_t)(i * 3 + 1), .to_send = 500 };
		d[i] = (struct talk){ .seed = (uint8_t)(i * 3 + 1), .to_send = 500 };
		connect_pair(&wires[i], &a[i], &b[i], 80);
		connect_pair(&wires[i], &c[i], &d[i], 443);
	}
	run_for(60 * SECOND);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(b[i].got, 3000 + i);
		assert_int_equal(a[i].got, 4000 + i);
		assert_int_equal(c[i].got, 500);
		assert_int_equal(d[i].got, 500);
		assert_false(a[i].wrong || b[i].wrong || c[i].wrong || d[i].wrong);
		assert_true(a[i].closed && a[i].cause == 0);
	}
}

static void an_interface_that_goes_leaves_those_with_its_address_alone(void **state)
{
	struct wire w[3] = { 0 };
	struct talk a[3] = { 0 }, b[3] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		open_pair(&w[i], i);
		connect_pair(&w[i], &a[i], &b[i], 80);
	}
	run_for(SECOND);
	close_pair(&w[1]);
	for (unsigned i = 0; i < 3; i += 2) {
		a[i].to_send = 2000;
		push(&a[i]);
	}
	run_for(SECOND);
	assert_int_equal(b[0].got, 2000);
	assert_int_equal(b[2].got, 2000);
	assert_false(a[0].closed || b[0].closed || a[2].closed || b[2].closed);
	close_pair(&w[0]);
	close_pair(&w[2]);
}

static void the_pool_has_254_interfaces_and_gives_them_again(void **state)
{
	static const uint8_t mac[6] = { 2 };
	struct ip_if *nets[IP_IFS_MAX];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < IP_IFS_MAX; i++) {
			nets[i] = ip_if_create(stack, mac, &wire_events, NULL);
			assert_non_null(nets[i]);
			ip_if_static(nets[i], DEVICE, MASK, 0);
			assert_non_null(ip_listen(nets[i], 80, on_accepted, NULL));
			assert_null(ip_listen(nets[i], 80, on_accepted, NULL));
		}
		assert_null(ip_if_create(stack, mac, &wire_events, NULL));
		for (unsigned i = 0; i < IP_IFS_MAX; i++)
			ip_if_destroy(nets[i]);
	}
	assert_null(ip_stack_create(loop, entropy, 1));
}

/* 600 devices, one after the other, in the places of 4: connections that their owners closed must not turn up in the
 * next. */
static void places_are_used_again_and_again(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		struct wire w = { 0 };
		struct talk a = { .seed = (uint8_t)i, .to_send = 100, .close_after = 100 };
		struct talk b = { .seed = (uint8_t)i, .to_send = 100 };

		open_pair(&w, i);
		connect_pair(&w, &a, &b, 80);
		run_for(50000);
		assert_int_equal(a.got, 100);
		assert_int_equal(b.got, 100);
		assert_true(b.closed);
		close_pair(&w);
	}
}

/* --- what a callback may do --- */

static void an_interface_may_go_in_any_callback(void **state)
{
	(void)state;
	for (unsigned side = 0; side < 2; side++)
		for (unsigned event = 0; event < 4; event++) {
			struct wire w = { 0 };
			struct talk a = { .seed = 9, .to_send = 300000 }, b = { .seed = 9, .to_send = 300000 };

			(side ? &a : &b)->destroy_on[event] = true;
			if (event == 3)
				(side ? &b : &a)->close_after = 1000;
			open_pair(&w, 1);
			connect_pair(&w, &a, &b, 80);
			run_for(5 * SECOND);
			assert_null(side ? w.station.net : w.device.net);
			close_pair(&w);
		}
}

/* --- what a device cannot do --- */

static void put_sum(uint8_t *at, const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

/* A SYN for port 9 of `to` from `from`; its checksums are right. */
static size_t make_syn(uint8_t packet[static 48], uint32_t from, uint32_t to)
{
	struct mr_wr w = mr_wr_over(packet, 48);
	uint32_t pseudo = (from >> 16) + (from & 0xffff) + (to >> 16) + (to & 0xffff) + 6 + 24;

	mr_wr_be32(&w, 0x45000000 + 44);
	mr_wr_be32(&w, 0);
	mr_wr_be32(&w, 0x40060000);
	mr_wr_be32(&w, from);
	mr_wr_be32(&w, to);
	mr_wr_be32(&w, 1000 << 16 | 9);
	mr_wr_be64(&w, 0);
	mr_wr_be32(&w, 0x60020400);
	mr_wr_be32(&w, 0);
	mr_wr_be32(&w, 0x020404d8); /* MSS */
	put_sum(packet + 10, packet, 20, 0);
	put_sum(packet + 36, packet + 20, 24, pseudo);
	return w.len;
}

static void input(struct end *end, const uint8_t *packet, size_t len)
{
	ip_if_input(end->net, end->mac, IP_ETHERTYPE_IPV4, packet, len);
	run_for(50000);
}

static void a_packet_is_answered_on_its_own_link_or_not_at_all(void **state)
{
	struct wire w[2] = { 0 };
	uint8_t packet[48];
	size_t len;

	(void)state;
	open_pair(&w[0], 0);
	open_pair(&w[1], 1);
	/* From the address that the device behind the other link has, to our own: reset, on this link. */
	len = make_syn(packet, DEVICE, STATION);
	input(&w[1].station, packet, len);
	assert_int_equal(w[0].frames, 0);
	assert_int_equal(w[1].frames, 3); /* ARP there and back, the reset */
	assert_int_equal(ip_if_counters(w[1].station.net).refused, 0);
	w[1].frames = 0;
	/* To the address of a device on another link, to another subnet, and from addresses that no host here can have.
	 */
	static const uint32_t wrong[][2] = {
		{ DEVICE, DEVICE },	 { DEVICE, 0xc0a80403 },  { DEVICE, 0x08080808 },  { DEVICE, 0x7f000001 },
		{ DEVICE, 0xc0a804ff },	 { DEVICE, 0xffffffff },  { DEVICE, 0xe0000001 },  { STATION, STATION },
		{ 0x7f000001, STATION }, { 0, STATION },	  { 0xffffffff, STATION }, { 0xc0a804ff, STATION },
		{ 0xc0a80400, STATION }, { 0x08080808, STATION }, { 0xe0000001, STATION }
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		len = make_syn(packet, wrong[i][0], wrong[i][1]);
		input(&w[1].station, packet, len);
		assert_int_equal(ip_if_counters(w[1].station.net).refused, i + 1);
	}
	assert_int_equal(w[0].frames + w[1].frames, 0);
}

static void packets_that_are_not_whole_are_refused(void **state)
{
	struct wire w = { 0 };
	uint8_t packet[48], bad[48];
	size_t len = make_syn(packet, DEVICE, STATION);
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {
		{ 0, 0x46 },  { 0, 0x65 },  { 3, 19 }, { 3, 45 }, /* options, version, lengths */
		{ 6, 0x20 },  { 7, 1 },				  /* fragments */
		{ 9, 2 },     { 9, 17 },    { 9, 1 },		  /* IGMP, UDP, ICMP that is no echo request */
		{ 32, 0x40 }, { 32, 0x70 },	       /* TCP header shorter than itself, longer than the packet */
		{ 41, 5 },    { 41, 1 },    { 41, 0 }, /* an option past the end, too short */
	};

	(void)state;
	open_pair(&w, 0);
	for (size_t cut = 0; cut < len; cut++)
		input(&w.station, packet, cut);
	assert_int_equal(ip_if_counters(w.station.net).refused, len);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(bad, packet, len);
		bad[wrong[i].at] = wrong[i].value;
		input(&w.station, bad, len);
		assert_int_equal(ip_if_counters(w.station.net).refused, len + i + 1);
	}
	memcpy(bad, packet, len);
	bad[37] ^= 1; /* lwIP itself drops wrong checksums */
	input(&w.station, bad, len);
	assert_int_equal(w.frames, 0);
	memcpy(bad, packet, len);
	bad[len] = 0xee; /* padding of a short frame */
	input(&w.station, bad, len + 1);
	assert_int_equal(w.frames, 3);
}

static void frames_for_other_stations_are_not_looked_at(void **state)
{
	struct wire w = { 0 };
	uint8_t packet[48];
	size_t len = make_syn(packet, DEVICE, STATION);

	(void)state;
	open_pair(&w, 0);
	ip_if_input(w.station.net, w.device.mac, IP_ETHERTYPE_IPV4, packet, len);
	run_for(SECOND);
	assert_int_equal(w.frames, 0);
	ip_if_input(w.station.net, w.station.mac, 0x86dd, packet, len);
	assert_int_equal(ip_if_counters(w.station.net).refused, 1);
}

static void a_ping_is_answered(void **state)
{
	static const uint8_t echo[] = { 0x45, 0, 0,   28,  0, 0, 0, 0, 64,   1,	   0xf1, 0x8d, 192, 168,
					4,    1, 192, 168, 4, 2, 8, 0, 0xf7, 0xff, 0,	 0,    0,   0 };
	struct wire w = { 0 };

	(void)state;
	open_pair(&w, 0);
	input(&w.station, echo, sizeof(echo));
	assert_int_equal(w.frames, 3); /* ARP there and back, the answer */
}

static void connecting_to_oneself_or_to_no_host_is_refused(void **state)
{
	static const uint32_t wrong[] = { 0, STATION, 0x7f000001, 0xffffffff, 0xe0000001 };
	struct wire w = { 0 };

	(void)state;
	open_pair(&w, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_null(ip_connect(w.station.net, wrong[i], 80, &talk_events, NULL));
}

/* --- repetition --- */

static void a_run(uint8_t digest[static 32], uint64_t seed)
{
	struct wire w[5] = { 0 };
	struct talk a[5], b[5];
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	loop = loop_create_virtual(0);
	entropy = entropy_create_seeded(seed, "station");
	chance = entropy_create_seeded(seed, "wire");
	stack = ip_stack_create(loop, entropy, 20);
	alarm_clock = (struct loop_timer){ .fn = on_alarm };
	assert_true(EVP_DigestInit_ex(md, EVP_sha256(), NULL));
	run_for(seed == 9 ? 123456 : 0);
	for (unsigned i = 0; i < 5; i++) {
		a[i] = b[i] = (struct talk){ .seed = (uint8_t)i, .to_send = 20000 };
		w[i].digest = md;
		w[i].loss_percent = 5;
		open_pair(&w[i], i);
		ip_if_serve_dhcp(w[i].device.net, STATION, 1, 600);
		ip_if_dhcp(w[i].station.net, 60 * SECOND);
		run_for(5 * SECOND);
		connect_pair(&w[i], &a[i], &b[i], 80);
		run_for(300000);
	}
	run_for(20 * SECOND + 370000); /* an odd number of lwIP's turns */
	teardown(NULL);
	assert_true(EVP_DigestFinal_ex(md, digest, NULL));
	EVP_MD_CTX_free(md);
}

static void a_run_repeats_to_the_byte_in_one_process(void **state)
{
	uint8_t first[32], second[32], other[32];

	(void)state;
	a_run(first, 5);
	a_run(other, 9);
	a_run(second, 5);
	assert_memory_equal(first, second, 32);
	assert_memory_not_equal(first, other, 32);
}

/* --- datagrams --- */

#define GROUP 0xe00000fbu

struct mailbox {
	unsigned got;
	uint32_t from;
	uint16_t from_port;
	size_t len;
	uint8_t first;
	struct end *destroy;
};

static void on_datagram(void *ctx, uint32_t from, uint16_t from_port, struct mr_rd datagram)
{
	struct mailbox *m = ctx;

	m->got++;
	m->from = from;
	m->from_port = from_port;
	m->len = datagram.left;
	m->first = mr_rd_u8(&datagram);
	if (!m->destroy)
		return;
	ip_if_destroy(m->destroy->net);
	m->destroy->net = NULL;
}

static uint8_t last_hops, last_dst[6];

static void note_hops(struct end *from, uint16_t ethertype, uint8_t *payload, size_t len)
{
	(void)from, (void)len;
	if (ethertype == IP_ETHERTYPE_IPV4)
		last_hops = payload[8];
	memcpy(last_dst, flights->dst, 6);
}

static void datagrams_go_to_an_address_and_to_a_group(void **state)
{
	static const uint8_t group_mac[6] = { 0x01, 0, 0x5e, 0, 0, 0xfb };
	static uint8_t text[1300] = { 7 };
	struct wire w = { 0 };
	struct mailbox m = { 0 };

	(void)state;
	open_pair(&w, 0);
	w.tap = note_hops;
	ip_udp_listen(w.device.net, 5353, on_datagram, &m);
	assert_true(ip_udp_send(w.station.net, GROUP, 5353, 5353, mr_rd_over(text, 3)));
	run_for(SECOND);
	assert_int_equal(m.got, 1);
	assert_int_equal(m.from, STATION);
	assert_int_equal(m.len, 3);
	assert_int_equal(m.first, 7);
	assert_int_equal(last_hops, 255); /* RFC 6762 section 11 */
	assert_memory_equal(last_dst, group_mac, 6);
	assert_true(ip_udp_send(w.station.net, DEVICE, 5353, 1234, mr_rd_over(text, IP_MTU - 28)));
	run_for(SECOND);
	assert_int_equal(m.got, 2);
	assert_int_equal(m.from_port, 1234);
	assert_int_equal(m.len, IP_MTU - 28);
	assert_false(ip_udp_send(w.station.net, DEVICE, 5353, 1234, mr_rd_over(text, IP_MTU - 27)));
	assert_true(ip_udp_send(w.station.net, DEVICE, 5354, 1234, mr_rd_over(text, 1)));     /* nobody is there */
	assert_true(ip_udp_send(w.station.net, 0xe0010101, 5353, 1234, mr_rd_over(text, 1))); /* another group */
	run_for(SECOND);
	assert_int_equal(m.got, 2);
	assert_int_equal(ip_if_counters(w.device.net).refused, 2);
}

static void a_flood_of_datagrams_is_cut_and_its_interface_may_go(void **state)
{
	static const uint8_t text[1] = { 1 };
	struct wire w = { 0 };
	struct mailbox m = { 0 };

	(void)state;
	open_pair(&w, 0);
	ip_udp_listen(w.device.net, 5353, on_datagram, &m);
	for (unsigned i = 0; i < 40; i++)
		assert_true(ip_udp_send(w.station.net, GROUP, 5353, 5353, mr_rd_over(text, 1)));
	run_for(SECOND);
	assert_int_equal(m.got + ip_if_counters(w.device.net).refused, 40);
	m.destroy = &w.device;
	m.got = 0;
	for (unsigned i = 0; i < 3; i++)
		assert_true(ip_udp_send(w.station.net, GROUP, 5353, 5353, mr_rd_over(text, 1)));
	run_for(SECOND);
	assert_int_equal(m.got, 1);
}

static void without_connections_the_loop_has_nothing_to_do(void **state)
{
	struct wire w = { 0 };
	struct talk a = { .seed = 1, .to_send = 10, .close_after = 10 }, b = { .seed = 1, .to_send = 10 };

	(void)state;
	open_pair(&w, 1);
	connect_pair(&w, &a, &b, 80);
	loop_run(loop); /* returns when no timer is armed: after TIME-WAIT */
	assert_true(b.closed);
	assert_in_range(loop_now_us(loop), 100 * SECOND, 125 * SECOND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_address_comes_by_dhcp),
		TEST(the_first_frames_may_be_lost_without_costing_more_than_their_first_repetition),
		TEST(without_a_server_the_address_times_out),
		TEST(a_server_that_does_not_broadcast_is_heard_too),
		TEST(an_answer_with_a_wrong_checksum_is_refused),
		TEST(a_lease_is_renewed_at_half_its_time_and_lost_without_its_server),
		TEST(two_ends_with_link_local_addresses_talk),
		TEST(data_goes_both_ways_and_the_end_comes_after_the_data),
		TEST(writing_waits_for_room),
		TEST(losses_are_made_good),
		TEST(a_lost_syn_costs_a_second),
		TEST(what_is_not_answered_is_acknowledged_at_once),
		TEST(a_closed_port_is_refused_at_once),
		TEST(nobody_there_ends_in_connect_failed),
		TEST(a_reset_is_link_lost_and_silence_is_no_answer),
		TEST(a_hundred_devices_with_one_address_are_served_at_once),
		TEST(an_interface_that_goes_leaves_those_with_its_address_alone),
		TEST(the_pool_has_254_interfaces_and_gives_them_again),
		TEST(places_are_used_again_and_again),
		TEST(an_interface_may_go_in_any_callback),
		TEST(a_packet_is_answered_on_its_own_link_or_not_at_all),
		TEST(packets_that_are_not_whole_are_refused),
		TEST(frames_for_other_stations_are_not_looked_at),
		TEST(a_ping_is_answered),
		TEST(connecting_to_oneself_or_to_no_host_is_refused),
		TEST(datagrams_go_to_an_address_and_to_a_group),
		TEST(a_flood_of_datagrams_is_cut_and_its_interface_may_go),
		TEST(without_connections_the_loop_has_nothing_to_do),
		cmocka_unit_test(a_run_repeats_to_the_byte_in_one_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
