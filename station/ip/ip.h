/*
 * IPv4 over links of our own: each device is behind an 802.11 link of its own, and all of them are 192.168.4.1. One
 * interface per link, all of them lwIP's (Debian's liblwip, raw API), on the loop's clock; no network namespaces, no
 * TUN. The simulated devices use the same interfaces from the other end, in the same process.
 *
 *	ip_stack_create -> ip_if_create -> ip_if_dhcp | ip_if_static -> (up) -> ip_stream.h ... -> ip_if_destroy ->
 *		ip_stack_destroy
 *
 * Nothing is called back from inside a call: frames to be sent and events come from a timer of the interface, without
 * delay, in the order in which they arose. Any function here may be called from a callback, ip_if_destroy included.
 *
 * Packets of a device are sifted before lwIP sees them: IPv4 without options, whole (lwIP's reassembly knows no
 * interfaces), from another host of the subnet, to us, with sane TCP options; ARP. While lwIP works on a packet of one
 * interface, that interface is the only one that lwIP knows, so no packet is answered or forwarded on the link of
 * another device.
 *
 * Addresses are uint32_t in host order: 0xc0a80401 is 192.168.4.1.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "station/base/entropy.h"
#include "station/base/loop.h"
#include "station/ip/dhcp.h"

#define IP_IFS_MAX 254u /* in a process: lwIP numbers interfaces with 8 bits */
#define IP_MTU 1280u	/* octets: an encrypted MPDU of 1334, TCP segments of 1240 */
/* Frames of one interface that wait for the link or for ARP; more are lost, as on any link. */
#define IP_QUEUE_MAX 96u

#define IP_ETHERTYPE_IPV4 0x0800u
#define IP_ETHERTYPE_ARP 0x0806u

struct ip_stack;
struct ip_if;

struct ip_if_events {
	/* An MSDU to be sent to `dst` from the interface's address. `payload` lives until the function returns. */
	void (*output)(void *ctx, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload, size_t len);
	/*
	 * After ip_if_dhcp: result 0: the interface has the address of `lease`, again after each renewal.
	 * -MR_CAUSE_ADDRESS_TIMEOUT: no lease came, or it was taken back. NULL: not wanted (static addresses, servers).
	 */
	void (*address)(void *ctx, int result, const struct ip_lease *lease);
};

struct ip_if_counters {
	uint32_t received, sent; /* MSDUs */
	uint32_t refused;	 /* received, but not for us, malformed, or of no protocol that is spoken here */
	uint32_t overflowed;	 /* not sent: the queue was full */
	uint32_t absent;	 /* not sent: nobody answered for the address */
};

/*
 * One at a time in a process; NULL: there is one already, or no memory. `entropy` gives ports, sequence numbers and
 * DHCP's transaction numbers and outlives the stack. The pool of `ifs_max` interfaces (1 to IP_IFS_MAX) is made here.
 */
struct ip_stack *ip_stack_create(struct loop *loop, struct entropy *entropy, unsigned ifs_max);
void ip_stack_destroy(struct ip_stack *stack); /* interfaces that are left go with it */

/* NULL: the pool is empty. `mac`: own address on that link; several interfaces may have the same. */
struct ip_if *ip_if_create(struct ip_stack *stack, const uint8_t mac[static 6], const struct ip_if_events *events,
			   void *ctx);
/* Its streams and listeners are gone with it, without an event: do not touch them any more. */
void ip_if_destroy(struct ip_if *net);

/* Whose interface it is, for the log: DHCP, ARP, connections. At once after ip_if_create; outlives it. */
void ip_if_log(struct ip_if *net, const struct log_tag *tag);

/* An MSDU that the link received. Frames for other stations are ignored. */
void ip_if_input(struct ip_if *net, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload,
		 size_t len);

/* Asks for an address until `give_up_us` (loop time). */
void ip_if_dhcp(struct ip_if *net, uint64_t give_up_us);
/* Has an address at once. router 0: none. */
void ip_if_static(struct ip_if *net, uint32_t address, uint32_t mask, uint32_t router);
/* RFC 3927 2.1: an address of 169.254/16 (mask 0xffff0000) for ad-hoc networks. It is not probed: the link has two
 * ends. */
uint32_t ip_link_local(struct entropy *entropy);
/* The simulated device: gives `leases` addresses from `first` on to those who ask. After ip_if_static. */
void ip_if_serve_dhcp(struct ip_if *net, uint32_t first, unsigned leases, uint32_t lease_s);
/* After it: how that server behaves, for simulated devices. */
void ip_if_dhcp_manner(struct ip_if *net, enum dhcp_manner manner);

/*
 * UDP, beside DHCP's: datagrams of hosts of the subnet to `port` at the interface's address or at a group of the link
 * (224.0.0/24) go to `received`, in the interface's turn. One port of an interface; another one takes its place.
 */
void ip_udp_listen(struct ip_if *net, uint16_t port,
		   void (*received)(void *ctx, uint32_t from, uint16_t from_port, struct mr_rd datagram), void *ctx);
/* With 255 hops, as RFC 6762 section 11 has it. False: no address yet, too long for one packet, or no memory. */
bool ip_udp_send(struct ip_if *net, uint32_t to, uint16_t to_port, uint16_t from_port, struct mr_rd datagram);

uint32_t ip_if_address(const struct ip_if *net); /* 0: none yet */
struct ip_if_counters ip_if_counters(const struct ip_if *net);
