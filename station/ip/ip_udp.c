/*
 * Datagrams. They go out through lwIP's UDP, as DHCP's do, and come in past it: all interfaces listen at the same
 * ports.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lwip/prot/ip4.h>
#include <lwip/udp.h>

#include <openssl/crypto.h>

#include "station/ip/ip_private.h"

#define WAITING_MAX 16u /* datagrams; more are lost */
#define HEADERS 28u
#define HOPS 255

static bool of_the_link(uint32_t group) { return group >> 8 == 0xe00000u; }

void ip_udp_listen(struct ip_if *net, uint16_t port,
		   void (*received)(void *ctx, uint32_t from, uint16_t from_port, struct mr_rd datagram), void *ctx)
{
	assert(port != 0 && received);
	ip_udp_destroy(net);
	net->udp = (struct ip_udp){ .port = port, .received = received, .ctx = ctx };
}

bool ip_udp_send(struct ip_if *net, uint32_t to, uint16_t to_port, uint16_t from_port, struct mr_rd datagram)
{
	struct udp_pcb *pcb;
	struct pbuf *p;
	ip_addr_t source = net->netif.ip_addr, target = IPADDR4_INIT(lwip_htonl(to));
	bool sent = false;

	if (ip_if_address(net) == 0 || datagram.bad || datagram.left > IP_MTU - HEADERS)
		return false;
	pcb = udp_new();
	p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)datagram.left, PBUF_RAM);
	if (pcb && p && pbuf_take(p, datagram.at, (u16_t)datagram.left) == ERR_OK) {
		pcb->local_port = from_port; /* not bound: nothing is received by it */
		pcb->ttl = HOPS;
#if LWIP_MULTICAST_TX_OPTIONS
		udp_set_multicast_ttl(pcb, HOPS);
#endif
		sent = udp_sendto_if_src(pcb, p, &target, to_port, &net->netif, &source) == ERR_OK;
	}
	if (p)
		pbuf_free(p);
	if (pcb)
		udp_remove(pcb);
	return sent;
}

bool ip_udp_take(struct ip_if *net, uint32_t from, uint16_t from_port, uint32_t to, uint16_t to_port,
		 struct mr_rd datagram)
{
	struct ip_udp *u = &net->udp;
	struct ip_datagram *d;

	if (u->port == 0 || to_port != u->port || !(to == ip_if_address(net) || of_the_link(to)) ||
	    u->count >= WAITING_MAX)
		return false;
	d = malloc(sizeof(*d) + datagram.left);
	if (!d)
		return false;
	*d = (struct ip_datagram){ .from = from, .from_port = from_port, .len = (uint16_t)datagram.left };
	memcpy(d->bytes, datagram.at, datagram.left);
	if (u->count++ == 0)
		u->end = &u->first;
	*u->end = d;
	u->end = &d->next;
	return true;
}

bool ip_udp_turn(struct ip_if *net)
{
	struct ip_stack *stack = net->stack;
	struct ip_datagram *d;

	while (stack->turning == net && (d = net->udp.first)) {
		struct ip_udp *u = &net->udp;

		u->first = d->next;
		u->count--;
		if (!u->first)
			u->end = &u->first;
		u->received(u->ctx, d->from, d->from_port, mr_rd_over(d->bytes, d->len));
		free(d);
	}
	return stack->turning == net;
}

void ip_udp_destroy(struct ip_if *net)
{
	for (struct ip_datagram *d = net->udp.first, *next; d; d = next) {
		next = d->next;
		free(d);
	}
	net->udp = (struct ip_udp){ 0 };
}
