/*
 * A device that sends anything: frames as they are, and TCP segments with right checksums and with sequence numbers
 * near those that are expected, into a connection of the station's, its DHCP client, and a listener of a simulated
 * device. What these three send waits, and is carried to each other as it is, twice, or changed with its checksums put
 * right: so leases are given, connections come up, and octets go both ways. Another pair, with the same addresses,
 * looks on: it must not see a frame of theirs.
 *
 * Each piece: kind, length, octets.
 *
 * links: station/ip/ip.c station/ip/ip_stream.c station/ip/ip_udp.c station/ip/arp.c station/ip/dhcp.c
 * links: station/base/loop.c station/base/entropy.c agent/wire/cause.c
 * links: station/base/log.c
 */
#include <assert.h>
#include <string.h>

#include "agent/wire/cursor.h"
#include "station/ip/ip_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define HERE 0xc0a80402u
#define THERE 0xc0a80401u
#define MASK 0xffffff00u
#define WAITING_MAX 16u

/* A frame on the way to whoever it is for. */
struct waiting {
	uint8_t dst[6], bytes[IP_MTU];
	uint16_t ethertype;
	size_t len;
	unsigned from;
};

static struct {
	struct waiting frames[WAITING_MAX];
	unsigned first, count;
} wire;

/* One interface, and what the other end would know of its last TCP segment. */
struct side {
	struct ip_if *net;
	struct ip_stream *s;
	uint8_t mac[6];
	uint32_t own, peer, sequence, acknowledged;
	uint16_t port, peer_port;
	unsigned number, frames;
	bool silent;
};

static struct loop *loop;

static void on_output(void *ctx, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload, size_t len)
{
	struct side *side = ctx;
	struct mr_rd in = mr_rd_over(payload, len);

	assert(!side->silent);
	assert(len <= IP_MTU);
	side->frames++;
	if (wire.count < WAITING_MAX) {
		struct waiting *w = &wire.frames[(wire.first + wire.count++) % WAITING_MAX];

		*w = (struct waiting){ .ethertype = ethertype, .len = len, .from = side->number };
		memcpy(w->dst, dst, 6);
		memcpy(w->bytes, payload, len);
	}
	if (ethertype != IP_ETHERTYPE_IPV4 || payload[9] != 6)
		return;
	mr_rd_skip(&in, 20);
	side->port = mr_rd_be16(&in);
	side->peer_port = mr_rd_be16(&in);
	side->sequence = mr_rd_be32(&in);
	side->acknowledged = mr_rd_be32(&in);
	if (mr_rd_be16(&in) & 3)
		side->sequence++; /* SYN, FIN */
	assert(!in.bad);
}

static void on_connected(void *ctx) { (void)ip_stream_write(((struct side *)ctx)->s, "GET / HTTP/1.1", 14); }

static void on_closed(void *ctx, int cause)
{
	struct side *side = ctx;

	(void)cause;
	ip_stream_close(side->s);
	side->s = NULL;
}

static void on_received(void *ctx, const uint8_t *bytes, size_t len)
{
	struct side *side = ctx;

	(void)ip_stream_write(side->s, bytes, len);
}

static const struct ip_stream_events stream_events = { .connected = on_connected,
						       .received = on_received,
						       .closed = on_closed };

static void on_accepted(void *ctx, struct ip_stream *s)
{
	struct side *side = ctx;

	if (side->s)
		ip_stream_abort(side->s);
	side->s = s;
	ip_stream_use(s, &stream_events, side);
}

static const struct ip_if_events events = { .output = on_output };

static void stop(void *ctx, uint64_t now_us)
{
	(void)ctx;
	(void)now_us;
	loop_stop(loop);
}

static void run_for(uint64_t us)
{
	struct loop_timer timer = { .fn = stop };

	loop_at(loop, &timer, loop_now_us(loop) + us);
	loop_run(loop);
}

static void put_sum(uint8_t *at, const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

/* flags, sequence delta, acknowledgement delta, window, words of header, then options and data. */
static void input_segment(struct side *side, struct mr_rd in)
{
	uint8_t packet[400];
	struct mr_wr w = mr_wr_over(packet, sizeof(packet));
	uint8_t flags = mr_rd_u8(&in);
	uint32_t sequence = side->acknowledged + (uint32_t)(int8_t)mr_rd_u8(&in) * 16u;
	uint32_t acknowledged = side->sequence + (uint32_t)(int8_t)mr_rd_u8(&in);
	uint16_t window = (uint16_t)(mr_rd_u8(&in) << 8), words = mr_rd_u8(&in);
	uint32_t pseudo = (side->own >> 16) + (side->own & 0xffff) + (side->peer >> 16) + (side->peer & 0xffff) + 6;
	size_t len = 20 + in.left;

	mr_wr_be32(&w, (uint32_t)(0x45000000u + 20 + len));
	mr_wr_be32(&w, 0);
	mr_wr_be32(&w, 0x40060000);
	mr_wr_be32(&w, side->peer);
	mr_wr_be32(&w, side->own);
	mr_wr_be16(&w, side->peer_port);
	mr_wr_be16(&w, side->port);
	mr_wr_be32(&w, sequence);
	mr_wr_be32(&w, acknowledged);
	mr_wr_u8(&w, (uint8_t)((words & 1 ? 5 + in.left / 4 % 11 : 5 + words % 11) << 4));
	mr_wr_u8(&w, flags);
	mr_wr_be16(&w, window);
	mr_wr_be32(&w, 0);
	mr_wr_bytes(&w, in.at, in.left);
	if (w.bad)
		return;
	put_sum(packet + 10, packet, 20, 0);
	put_sum(packet + 36, packet + 20, len, pseudo + (uint32_t)len);
	ip_if_input(side->net, side->mac, IP_ETHERTYPE_IPV4, packet, w.len);
}

static uint32_t add_up(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

/* Of a packet that was changed. UDP goes without one. */
static void put_sums(uint8_t *packet, size_t len)
{
	size_t header = (packet[0] & 15u) * 4u;

	if (header < 20 || header > len)
		return;
	memset(packet + 10, 0, 2);
	put_sum(packet + 10, packet, header, 0);
	if (packet[9] == 17 && len >= header + 8) {
		memset(packet + header + 6, 0, 2);
	} else if (packet[9] == 6 && len >= header + 20) {
		memset(packet + header + 16, 0, 2);
		put_sum(packet + header + 16, packet + header, len - header,
			add_up(packet + 12, 8) + 6 + (uint32_t)(len - header));
	}
}

/* How often, then places and what is changed there. */
static void carry(struct side side[static 3], struct mr_rd in)
{
	struct waiting w = wire.frames[wire.first];
	uint8_t how = mr_rd_u8(&in);

	if (wire.count == 0)
		return;
	wire.first = (wire.first + 1) % WAITING_MAX;
	wire.count--;
	while (in.left >= 3 && w.len > 0) {
		size_t at = mr_rd_le16(&in) % w.len;

		w.bytes[at] ^= mr_rd_u8(&in);
	}
	if ((how & 0x80) && w.ethertype == IP_ETHERTYPE_IPV4)
		put_sums(w.bytes, w.len);
	for (unsigned times = 0; times <= (how & 1u); times++)
		for (unsigned i = 0; i < 3; i++)
			if (i != w.from && (i == 1) != (w.from == 1)) /* clients do not hear each other */
				ip_if_input(side[i].net, w.dst, w.ethertype, w.bytes, w.len);
}

static void carry_all(struct side side[static 3])
{
	for (unsigned i = 0; i < 64 && wire.count > 0; i++) {
		carry(side, (struct mr_rd){ .left = 0 });
		run_for(1000);
	}
}

static void open_side(struct ip_stack *stack, struct side *side, uint32_t own, uint32_t peer)
{
	memset(side, 0, sizeof(*side));
	memcpy(side->mac, (uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)own }, 6);
	side->own = own;
	side->peer = peer;
	side->number = own == THERE ? 1 : own == HERE ? 0 : 2;
	side->net = ip_if_create(stack, side->mac, &events, side);
	ip_if_static(side->net, own, MASK, 0);
}

static void learn_peer(struct side *side)
{
	uint8_t packet[28];
	struct mr_wr w = mr_wr_over(packet, sizeof(packet));

	mr_wr_be64(&w, 0x0001080006040001);
	mr_wr_bytes(&w, (uint8_t[]){ 2, 0, 0, 0, 0, 9 }, 6);
	mr_wr_be32(&w, side->peer);
	mr_wr_be(&w, 0, 6);
	mr_wr_be32(&w, side->own);
	ip_if_input(side->net, side->mac, IP_ETHERTYPE_ARP, packet, sizeof(packet));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct entropy *entropy = entropy_create_seeded(1, "fuzz");
	struct side side[3], lookers[2];
	struct mr_rd in = mr_rd_over(bytes, len);
	struct ip_stack *stack;

	wire.first = wire.count = 0;
	loop = loop_create_virtual(0);
	stack = ip_stack_create(loop, entropy, 8);
	assert(stack);
	open_side(stack, &lookers[0], HERE, THERE);
	open_side(stack, &side[0], HERE, THERE);
	open_side(stack, &side[1], THERE, HERE);
	open_side(stack, &side[2], HERE + 1, THERE);
	open_side(stack, &lookers[1], THERE, HERE);
	lookers[0].silent = lookers[1].silent = true;
	ip_if_dhcp(side[2].net, 100000000);
	ip_if_serve_dhcp(side[1].net, HERE, 2, 60);
	(void)ip_listen(side[1].net, 80, on_accepted, &side[1]);
	(void)ip_listen(lookers[1].net, 80, on_accepted, &lookers[1]);
	side[1].port = 80;
	side[1].peer_port = 50000;
	learn_peer(&side[0]);
	learn_peer(&side[1]);
	side[0].s = ip_connect(side[0].net, THERE, 80, &stream_events, &side[0]);
	run_for(1000);
	while (in.left > 0) {
		uint8_t kind = mr_rd_u8(&in);
		struct mr_rd piece = mr_rd_sub(&in, mr_rd_u8(&in));
		struct side *to = &side[(kind >> 4) % 3];

		if (kind & 4 && kind & 1)
			carry_all(side);
		else if (kind & 4)
			carry(side, piece);
		else if (kind & 1)
			input_segment(to, piece);
		else
			ip_if_input(to->net, to->mac, kind & 2 ? IP_ETHERTYPE_IPV4 : IP_ETHERTYPE_ARP, piece.at,
				    piece.left);
		run_for(kind & 8 ? 400000 : 100);
	}
	run_for(3000000);
	assert(lookers[0].frames + lookers[1].frames == 0);
	ip_stack_destroy(stack);
	loop_destroy(loop);
	entropy_destroy(entropy);
	return 0;
}
