/*
 * The interfaces. lwIP's own timers are not run: of them only TCP's has work here, and tcp_tmr is called directly,
 * every 250 ms while there are connections. So the wall clock never enters, and a loop without connections has nothing
 * to do.
 */
#include "station/ip/ip.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <lwip/inet_chksum.h>
#include <lwip/init.h>
#include <lwip/mem.h>
#include <lwip/prot/ip.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/udp.h>

#include <openssl/crypto.h>

#include "agent/wire/cause.h"
#include "station/ip/ip_private.h"

#define IP_HEADER 20u
#define TCP_HEADER 20u
#define UDP_HEADER 8u
#define DONT_FRAGMENT 0x4000u
#define ICMP_ECHO_REQUEST 8u
#define EVERYBODY UINT32_MAX
#define TCP_TURN_US (TCP_TMR_INTERVAL * UINT64_C(1000))

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* lwIP keeps its lists in variables of its own and cannot be initialised twice: what a process may do only once, or one
 * at a time. */
static struct {
	bool initialised, standing;
} library;

/*
 * In place of lwIP's own, for all that it gives back: what goes through TCP is in the clear behind WPA2, and lwIP does
 * not ask before it frees a segment that was acknowledged. Its memory is the C library's (MEM_LIBC_MALLOC).
 */
void mem_free(void *at)
{
	explicit_bzero(at, malloc_usable_size(at));
	free(at);
}

/* --- frames on their way out --- */

static void frame_free(struct ip_frame *f)
{
	OPENSSL_cleanse(f->bytes, f->len);
	free(f);
}

static void queue_init(struct ip_queue *q) { *q = (struct ip_queue){ .end = &q->first }; }

static void queue_put(struct ip_queue *q, struct ip_frame *f)
{
	f->next = NULL;
	*q->end = f;
	q->end = &f->next;
	q->count++;
}

static struct ip_frame *queue_take(struct ip_queue *q)
{
	struct ip_frame *f = q->first;

	if (!f)
		return NULL;
	assert(q->count > 0);
	q->first = f->next;
	if (!q->first)
		q->end = &q->first;
	q->count--;
	return f;
}

static void queue_clear(struct ip_queue *q)
{
	for (struct ip_frame *f; (f = queue_take(q));)
		frame_free(f);
	assert(q->count == 0);
}

static struct ip_frame *frame_create(struct ip_if *net, uint16_t ethertype, size_t len)
{
	struct ip_frame *f = NULL;

	if (net->out.count + net->waiting.count < IP_QUEUE_MAX)
		f = calloc(1, sizeof(*f) + len);
	if (!f) {
		net->counters.overflowed++;
		return NULL;
	}
	f->ethertype = ethertype;
	f->len = (uint16_t)len;
	return f;
}

/* --- ARP --- */

static void send_arp(struct ip_if *net, const struct mr_wr *packet, const uint8_t dst[static 6])
{
	struct ip_frame *f = frame_create(net, IP_ETHERTYPE_ARP, packet->len);

	assert(!packet->bad && packet->len == ARP_LEN);
	if (!f)
		return;
	memcpy(f->bytes, packet->buf, packet->len);
	memcpy(f->dst, dst, 6);
	queue_put(&net->out, f);
}

/* What waited for `address` goes on to `mac`; NULL: it is dropped. */
static void release(struct ip_if *net, uint32_t address, const uint8_t *mac)
{
	struct ip_queue waiting = net->waiting;

	if (!waiting.first)
		return;
	queue_init(&net->waiting);
	for (struct ip_frame *f; (f = queue_take(&waiting));) {
		if (f->next_hop != address) {
			queue_put(&net->waiting, f);
		} else if (mac) {
			memcpy(f->dst, mac, 6);
			queue_put(&net->out, f);
		} else {
			net->counters.absent++;
			frame_free(f);
		}
	}
}

static void on_arp(struct ip_if *net, struct mr_rd in)
{
	uint8_t packet[ARP_LEN];
	struct mr_wr out = mr_wr_over(packet, sizeof(packet));
	struct arp_result r = arp_receive(&net->arp, in, &out);

	if (r.event == ARP_SEND)
		send_arp(net, &out, r.mac);
	if (r.event == ARP_SEND || r.event == ARP_FOUND)
		release(net, r.address, r.mac);
}

static void expire_arp(struct ip_if *net, uint64_t now_us)
{
	while (arp_deadline_us(&net->arp) <= now_us) {
		uint8_t packet[ARP_LEN];
		struct mr_wr out = mr_wr_over(packet, sizeof(packet));
		struct arp_result r = arp_expire(&net->arp, now_us, &out);

		if (r.event == ARP_SEND)
			send_arp(net, &out, r.mac);
		else if (r.event == ARP_ABSENT)
			release(net, r.address, NULL);
	}
}

/* --- lwIP sends --- */

/* RFC 1112 section 6.4: the group's address has 23 bits of its own. */
static void group_mac(uint32_t group, uint8_t mac[static 6])
{
	struct mr_wr w = mr_wr_over(mac, 6);

	mr_wr_be16(&w, 0x0100);
	mr_wr_be32(&w, 0x5e000000u | (group & 0x7fffffu));
}

static uint32_t own_address(const struct ip_if *net) { return lwip_ntohl(ip_2_ip4(&net->netif.ip_addr)->addr); }
static uint32_t own_mask(const struct ip_if *net) { return lwip_ntohl(ip_2_ip4(&net->netif.netmask)->addr); }

static uint32_t next_hop(const struct ip_if *net, uint32_t to)
{
	uint32_t router = lwip_ntohl(ip_2_ip4(&net->netif.gw)->addr);

	return ((to ^ own_address(net)) & own_mask(net)) == 0 || router == 0 ? to : router;
}

/*
 * netif->output: the packet is copied, for lwIP keeps segments to send them again. Its identification counts over all
 * interfaces of the process and all runs in it; RFC 6864 4.1 has no use for one in packets that are not to be
 * fragmented.
 */
static err_t on_output(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
	struct ip_if *net = netif->state;
	struct ip_frame *f = p->tot_len >= IP_HEADER ? frame_create(net, IP_ETHERTYPE_IPV4, p->tot_len) : NULL;
	uint32_t address = lwip_ntohl(to->addr);
	struct mr_wr w;
	uint16_t sum;

	if (!f)
		return ERR_BUF;
	pbuf_copy_partial(p, f->bytes, p->tot_len, 0);
	w = mr_wr_over(f->bytes + 4, 4);
	mr_wr_be16(&w, 0); /* identification */
	mr_wr_be16(&w, DONT_FRAGMENT);
	memset(f->bytes + 10, 0, 2);
	sum = inet_chksum(f->bytes, IP_HEADER);
	memcpy(f->bytes + 10, &sum, 2);
	if (address == EVERYBODY) {
		memcpy(f->dst, everybody, 6);
		queue_put(&net->out, f);
	} else if (address >> 28 == 0xe) {
		group_mac(address, f->dst);
		queue_put(&net->out, f);
	} else {
		f->next_hop = next_hop(net, address);
		queue_put(arp_find(&net->arp, f->next_hop, f->dst, loop_now_us(net->stack->loop)) ? &net->out
												  : &net->waiting,
			  f);
	}
	ip_if_wake(net);
	return ERR_OK;
}

/* --- DHCP: received here, since lwIP takes no packets for an interface without address; sent through its UDP --- */

static void send_dhcp(struct ip_if *net, const struct mr_wr *message, uint16_t from, uint16_t to)
{
	struct udp_pcb *pcb = udp_new();
	struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)message->len, PBUF_RAM);
	ip_addr_t source = net->netif.ip_addr, all = IPADDR4_INIT(EVERYBODY);

	if (pcb && p && pbuf_take(p, message->buf, (u16_t)message->len) == ERR_OK) {
		pcb->local_port =
			from; /* not bound: nothing is received by it, and all interfaces send from this port */
		(void)udp_sendto_if_src(pcb, p, &all, to, &net->netif, &source);
	}
	if (p)
		pbuf_free(p);
	if (pcb)
		udp_remove(pcb);
}

static void set_address(struct ip_if *net, uint32_t address, uint32_t mask, uint32_t router)
{
	/* Not by netif_set_addr: that, like netif_remove, aborts the connections of all interfaces with the old
	 * address. */
	ip_addr_set_ip4_u32_val(net->netif.ip_addr, lwip_htonl(address));
	ip_addr_set_ip4_u32_val(net->netif.netmask, lwip_htonl(mask));
	ip_addr_set_ip4_u32_val(net->netif.gw, lwip_htonl(router));
	net->arp.address = address;
}

static void on_lease(struct ip_if *net, int result)
{
	if (result == DHCP_NOTHING)
		return;
	assert(result == DHCP_BOUND || result < 0);
	if (result == DHCP_BOUND)
		set_address(net, net->client.lease.address, net->client.lease.mask, net->client.lease.router);
	else
		set_address(net, 0, 0, 0);
	net->address_result = result == DHCP_BOUND ? 0 : result;
	net->address_pending = true;
}

static void expire_dhcp(struct ip_if *net, uint64_t now_us)
{
	uint8_t message[DHCP_MESSAGE_MAX];
	struct mr_wr out = mr_wr_over(message, sizeof(message));

	if (dhcp_client_deadline_us(&net->client) > now_us)
		return;
	on_lease(net, dhcp_client_expire(&net->client, now_us, &out));
	if (out.len > 0 && !out.bad)
		send_dhcp(net, &out, DHCP_CLIENT_PORT, DHCP_SERVER_PORT);
}

/* RFC 768; a sum of 0 means that none was made. */
static bool udp_sum_is_right(const uint8_t *ip, struct mr_rd udp)
{
	uint8_t copy[12 + IP_MTU + 1];
	struct mr_wr w = mr_wr_over(copy, sizeof(copy));

	if (udp.left >= UDP_HEADER && udp.at[6] == 0 && udp.at[7] == 0)
		return true;
	mr_wr_bytes(&w, ip + 12, 8);
	mr_wr_be16(&w, IP_PROTO_UDP);
	mr_wr_be16(&w, (uint16_t)udp.left);
	mr_wr_bytes(&w, udp.at, udp.left);
	return !w.bad && inet_chksum(copy, (u16_t)w.len) == 0;
}

static bool from_a_host(const struct ip_if *net, uint32_t from)
{
	uint32_t own = own_address(net), mask = own_mask(net);

	return own != 0 && from != own && ((from ^ own) & mask) == 0 && (from & ~mask) != 0 &&
	       (from | mask) != UINT32_MAX;
}

static bool on_udp(struct ip_if *net, const uint8_t *ip, struct mr_rd udp)
{
	struct mr_rd in = udp, addresses = mr_rd_over(ip + 12, 8);
	uint32_t source = mr_rd_be32(&addresses), destination = mr_rd_be32(&addresses);
	uint16_t from = mr_rd_be16(&in), to = mr_rd_be16(&in), len = mr_rd_be16(&in);
	uint8_t message[DHCP_MESSAGE_MAX];
	struct mr_wr out = mr_wr_over(message, sizeof(message));

	mr_rd_skip(&in, 2);
	if (in.bad || len != udp.left || inet_chksum(ip, IP_HEADER) != 0 || !udp_sum_is_right(ip, udp))
		return false;
	if (from == DHCP_SERVER_PORT && to == DHCP_CLIENT_PORT) {
		on_lease(net, dhcp_client_receive(&net->client, in, source, loop_now_us(net->stack->loop)));
		return true;
	}
	if (from == DHCP_CLIENT_PORT && to == DHCP_SERVER_PORT && net->serves) {
		net->server.now_us = loop_now_us(net->stack->loop);
		if (dhcp_server_receive(&net->server, in, &out))
			send_dhcp(net, &out, DHCP_SERVER_PORT, DHCP_CLIENT_PORT);
		return true;
	}
	return from_a_host(net, source) && ip_udp_take(net, source, from, destination, to, in);
}

/* --- what a device sends --- */

/* RFC 9293 3.1: the header and its options are whole. lwIP 2.1.3 reads an octet past options that are cut. */
static bool tcp_is_sane(struct mr_rd in)
{
	struct mr_rd options;

	mr_rd_skip(&in, 12);
	size_t header_len = (size_t)(mr_rd_u8(&in) >> 4) * 4;

	mr_rd_skip(&in, 7);
	if (in.bad || header_len < TCP_HEADER)
		return false;
	options = mr_rd_sub(&in, header_len - TCP_HEADER);
	while (options.left > 0) {
		uint8_t kind = mr_rd_u8(&options);

		if (kind == 0)
			break;
		if (kind == 1)
			continue;
		uint8_t len = mr_rd_u8(&options);

		if (len < 2)
			return false;
		mr_rd_skip(&options, len - 2u);
	}
	return !in.bad && !options.bad;
}

/* For that time `net` is the only interface that lwIP knows: no packet leaves by another one, whatever it says. */
static void give_to_lwip(struct ip_if *net, const uint8_t *packet, size_t len)
{
	struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
	struct netif *all = netif_list, *next = net->netif.next;

	if (!p)
		return;
	(void)pbuf_take(p, packet, (u16_t)len);
	netif_list = &net->netif;
	net->netif.next = NULL;
	(void)ip4_input(p, &net->netif);
	net->netif.next = next;
	netif_list = all;
}

/* RFC 791 3.1. */
static bool on_ipv4(struct ip_if *net, const uint8_t *packet, size_t packet_len)
{
	struct mr_rd in = mr_rd_over(packet, packet_len);
	uint8_t version = mr_rd_u8(&in);

	mr_rd_skip(&in, 1);
	uint16_t len = mr_rd_be16(&in);

	mr_rd_skip(&in, 2);
	uint16_t fragment = mr_rd_be16(&in);

	mr_rd_skip(&in, 1);
	uint8_t protocol = mr_rd_u8(&in);

	mr_rd_skip(&in, 2);
	uint32_t from = mr_rd_be32(&in), to = mr_rd_be32(&in);

	if (in.bad || version != 0x45 || len < IP_HEADER || len > packet_len || (fragment & ~DONT_FRAGMENT) != 0)
		return false;
	in.left = len - IP_HEADER; /* short frames are padded */
	if (protocol == IP_PROTO_UDP)
		return on_udp(net, packet, in);
	if (to != own_address(net) || !from_a_host(net, from))
		return false;
	if (protocol == IP_PROTO_TCP ? !tcp_is_sane(in)
				     : protocol != IP_PROTO_ICMP || mr_rd_u8(&in) != ICMP_ECHO_REQUEST)
		return false;
	give_to_lwip(net, packet, len);
	return true;
}

void ip_if_input(struct ip_if *net, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload, size_t len)
{
	bool taken = false;

	assert(net->used);
	if (!mr_equal(dst, net->mac, 6) && !(dst[0] & 1))
		return;
	if (ethertype == IP_ETHERTYPE_ARP) {
		on_arp(net, mr_rd_over(payload, len));
		taken = true;
	} else if (ethertype == IP_ETHERTYPE_IPV4) {
		taken = on_ipv4(net, payload, len);
	}
	net->counters.received++;
	net->counters.refused += !taken;
	ip_if_wake(net);
}

/* --- turns --- */

void ip_if_wake(struct ip_if *net)
{
	struct ip_stack *stack = net->stack;
	enum loop_side side = loop_enter(stack->loop, (enum loop_side)net->side);
	uint64_t at_us = arp_deadline_us(&net->arp), dhcp_us = dhcp_client_deadline_us(&net->client);

	if (dhcp_us < at_us)
		at_us = dhcp_us;
	if (net->out.first || net->address_pending || net->udp.first || ip_streams_pending(net))
		at_us = loop_now_us(stack->loop);
	if (at_us != net->turn.at_us || net->turn.slot == 0)
		loop_at(stack->loop, &net->turn, at_us);
	(void)loop_enter(stack->loop, side);
	if ((tcp_active_pcbs || tcp_tw_pcbs) && stack->tcp.slot == 0)
		loop_at(stack->loop, &stack->tcp, loop_now_us(stack->loop) + TCP_TURN_US);
}

/* False: the interface was destroyed by a callback. */
static bool deliver(struct ip_if *net)
{
	struct ip_stack *stack = net->stack;

	for (struct ip_frame *f; stack->turning == net && (f = queue_take(&net->out));) {
		net->counters.sent++;
		net->events->output(net->ctx, f->dst, f->ethertype, f->bytes, f->len);
		frame_free(f);
	}
	if (stack->turning == net && net->address_pending) {
		net->address_pending = false;
		if (net->events->address)
			net->events->address(net->ctx, net->address_result, &net->client.lease);
	}
	return stack->turning == net && ip_udp_turn(net) && ip_streams_turn(net);
}

static void on_turn(void *ctx, uint64_t now_us)
{
	struct ip_if *net = ctx;
	struct ip_stack *stack = net->stack;

	expire_arp(net, now_us);
	expire_dhcp(net, now_us);
	assert(!stack->turning); /* a turn runs from the loop, never inside another one */
	stack->turning = net;
	bool alive = deliver(net);

	stack->turning = NULL;
	if (alive)
		ip_if_wake(net);
}

static void on_tcp_timer(void *ctx, uint64_t now_us)
{
	struct ip_stack *stack = ctx;

	tcp_tmr();
	if (tcp_active_pcbs || tcp_tw_pcbs)
		loop_at(stack->loop, &stack->tcp, now_us + TCP_TURN_US);
}

/* --- life --- */

static err_t on_netif(struct netif *netif)
{
	netif->name[0] = 'm';
	netif->name[1] = 'r';
	netif->output = on_output;
	netif->mtu = IP_MTU;
	netif->flags = NETIF_FLAG_BROADCAST |
		       NETIF_FLAG_LINK_UP; /* no ETHARP, no IGMP, no MLD: none of them is lwIP's here */
	return ERR_OK;
}

struct ip_if *ip_if_create(struct ip_stack *stack, const uint8_t mac[static 6], const struct ip_if_events *events,
			   void *ctx)
{
	struct ip_if *net = stack->free_list;

	if (!net)
		return NULL;
	stack->free_list = net->next_free;
	*net = (struct ip_if){ .stack = stack, .events = events, .ctx = ctx, .used = true };
	memcpy(net->mac, mac, 6);
	/* Its work is charged to the side that makes it. */
	net->side = (uint8_t)loop_enter(stack->loop, LOOP_STATION);
	(void)loop_enter(stack->loop, (enum loop_side)net->side);
	net->turn = (struct loop_timer){ .fn = on_turn, .ctx = net, .at_us = LOOP_NEVER };
	net->port = (uint16_t)(IP_PORT_FIRST + entropy_below(stack->entropy, UINT16_MAX - IP_PORT_FIRST + 1));
	queue_init(&net->out);
	queue_init(&net->waiting);
	arp_init(&net->arp, mac);
	(void)netif_add(&net->netif, NULL, NULL, NULL, net, on_netif, ip4_input);
	netif_set_up(&net->netif);
	return net;
}

void ip_if_log(struct ip_if *net, const struct log_tag *tag)
{
	assert(net->used);
	net->tag = net->arp.tag = tag;
}

void ip_if_destroy(struct ip_if *net)
{
	struct ip_stack *stack;

	if (!net)
		return;
	assert(net->used);
	stack = net->stack;
	ip_streams_destroy(net);
	ip_udp_destroy(net);
	set_address(net, 0, 0, 0); /* or netif_remove would abort the connections of the others that have the same */
	netif_remove(&net->netif);
	queue_clear(&net->out);
	queue_clear(&net->waiting);
	loop_cancel(stack->loop, &net->turn);
	if (stack->turning == net)
		stack->turning = NULL;
	net->used = false;
	net->next_free = stack->free_list;
	stack->free_list = net;
}

/*
 * lwIP counts ticks and turns of its TCP timer over all runs of a process; a run begins with both at zero, or the
 * second simulation in a process would differ from the first. (Sequence numbers: see ip_connect. Ports are drawn here.)
 */
static void rewind_tcp(void)
{
	tcp_ticks = 0;
	tcp_tmr();
	if (tcp_ticks != 0) /* that was a slow turn; after the fast one that follows the next is slow again */
		tcp_tmr();
	tcp_ticks = 0;
}

struct ip_stack *ip_stack_create(struct loop *loop, struct entropy *entropy, unsigned ifs_max)
{
	struct ip_stack *stack;

	assert(ifs_max > 0 && ifs_max <= IP_IFS_MAX);
	if (library.standing)
		return NULL;
	stack = calloc(1, sizeof(*stack) + ifs_max * sizeof(stack->pool[0]));
	if (!stack)
		return NULL;
	if (!library.initialised)
		lwip_init();
	library.initialised = library.standing = true;
	rewind_tcp();
	stack->loop = loop;
	stack->entropy = entropy;
	stack->ifs = ifs_max;
	stack->tcp = (struct loop_timer){ .fn = on_tcp_timer, .ctx = stack, .at_us = LOOP_NEVER };
	for (unsigned i = ifs_max; i-- > 0;) {
		stack->pool[i].next_free = stack->free_list;
		stack->free_list = &stack->pool[i];
	}
	return stack;
}

void ip_stack_destroy(struct ip_stack *stack)
{
	if (!stack)
		return;
	for (unsigned i = 0; i < stack->ifs; i++)
		if (stack->pool[i].used)
			ip_if_destroy(&stack->pool[i]);
	loop_cancel(stack->loop, &stack->tcp);
	library.standing = false;
	free(stack);
}

void ip_if_dhcp(struct ip_if *net, uint64_t give_up_us)
{
	uint32_t xid = (uint32_t)entropy_below(net->stack->entropy, UINT64_C(1) << 32);

	set_address(net, 0, 0, 0);
	dhcp_client_start(&net->client, net->mac, xid, give_up_us, loop_now_us(net->stack->loop), net->tag);
	ip_if_wake(net);
}

void ip_if_static(struct ip_if *net, uint32_t address, uint32_t mask, uint32_t router)
{
	net->client = (struct dhcp_client){ 0 };
	set_address(net, address, mask, router);
}

uint32_t ip_link_local(struct entropy *entropy)
{
	return 0xa9fe0100u + (uint32_t)entropy_below(entropy, 0xfe00); /* 169.254.1.0 to 169.254.254.255 */
}

void ip_if_serve_dhcp(struct ip_if *net, uint32_t first, unsigned leases, uint32_t lease_s)
{
	dhcp_server_init(&net->server, own_address(net), own_mask(net), first, leases, lease_s);
	net->serves = true;
}

uint32_t ip_if_address(const struct ip_if *net) { return own_address(net); }
struct ip_if_counters ip_if_counters(const struct ip_if *net) { return net->counters; }

void ip_if_dhcp_manner(struct ip_if *net, enum dhcp_manner manner) { net->server.manner = manner; }
