/* What ip.c and ip_stream.c know of each other. */
#pragma once

#include <lwip/netif.h>
#include <lwip/tcp.h>

#include "station/ip/arp.h"
#include "station/ip/ip_stream.h"

#define IP_PORT_FIRST 0xc000u /* RFC 6335 section 6: dynamic ports */

/* An IP packet or ARP message on its way out. */
struct ip_frame {
	struct ip_frame *next;
	uint32_t next_hop; /* while it waits for ARP */
	uint16_t ethertype, len;
	uint8_t dst[6];
	uint8_t bytes[];
};

struct ip_queue {
	struct ip_frame *first, **end;
	unsigned count;
};

/* A datagram that has come. */
struct ip_datagram {
	struct ip_datagram *next;
	uint32_t from;
	uint16_t from_port, len;
	uint8_t bytes[];
};

/* Layout is ours. */
struct ip_udp {
	uint16_t port; /* 0: nobody listens */
	void (*received)(void *ctx, uint32_t from, uint16_t from_port, struct mr_rd datagram);
	void *ctx;
	struct ip_datagram *first, **end;
	unsigned count;
};

struct ip_if {
	struct netif netif;
	struct ip_stack *stack;
	const struct ip_if_events *events;
	void *ctx;
	struct ip_if *next_free;
	uint8_t mac[6];
	const struct log_tag *tag;
	bool used, serves;
	uint8_t side; /* enum loop_side: whose it is */
	struct arp arp;
	struct dhcp_client client;
	struct dhcp_server server;
	int address_result;
	bool address_pending;
	struct ip_queue out, waiting;
	struct loop_timer turn; /* frames and events at once, else ARP and DHCP when due */
	struct ip_stream *streams;
	struct ip_listener *listeners;
	struct ip_udp udp;
	uint16_t port; /* the local port of the next connection */
	struct ip_if_counters counters;
};

struct ip_stack {
	struct loop *loop;
	struct entropy *entropy;
	struct loop_timer tcp;	   /* lwIP's 250 ms, while there are connections */
	struct ip_if *turning;	   /* whose callbacks run; NULL again when it was destroyed by one of them */
	struct ip_stream *telling; /* likewise */
	struct ip_if *free_list;
	unsigned ifs;
	struct ip_if pool[];
};

/* After anything that may have made frames, events or deadlines. */
void ip_if_wake(struct ip_if *net);

/* ip_stream.c: delivers the events of all streams; false: the interface was destroyed by one of them. */
bool ip_streams_turn(struct ip_if *net);
bool ip_streams_pending(const struct ip_if *net);
void ip_streams_destroy(struct ip_if *net);

/* ip_udp.c: the same of datagrams. ip_udp_take: false: it is for nobody. */
bool ip_udp_take(struct ip_if *net, uint32_t from, uint16_t from_port, uint32_t to, uint16_t to_port,
		 struct mr_rd datagram);
bool ip_udp_turn(struct ip_if *net);
void ip_udp_destroy(struct ip_if *net);
