/*
 * DHCP, as far as a link to one device needs it: RFC 2131, options of RFC 2132. Messages, a client, and the small
 * server that a simulated device runs. Bytes and time in, bytes and a deadline out. Addresses in host order.
 *
 *	dhcp_client_start -> { dhcp_client_receive | dhcp_client_expire at its deadline } -> DHCP_BOUND ...
 *	dhcp_server_init  -> { dhcp_server_receive }
 *
 * Not done: relays, DECLINE; the address is not probed before use (RFC 2131 4.4.1).
 */
#pragma once

#include "agent/wire/cursor.h"
#include "station/base/log.h"

#define DHCP_SERVER_PORT 67u
#define DHCP_CLIENT_PORT 68u
#define DHCP_MESSAGE_MAX 576u /* octets; what every client must take, RFC 2131 section 2 */

/* RFC 2132 9.6. */
enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK, DHCP_RELEASE };

/* 0 where a field or an option is absent. */
struct dhcp_message {
	enum dhcp_type type;
	uint32_t xid;
	bool broadcast;
	uint32_t ciaddr, yiaddr;
	uint8_t chaddr[6];
	uint32_t mask, router, requested, lease_s, server; /* options 1, 3, 50, 51, 54 */
	unsigned odd;					   /* options that were skipped: of a wrong length, or cut */
};

/* What is whole is used; odd options are skipped and counted. False: no DHCP message for Ethernet, or of no type. */
bool dhcp_parse(struct mr_rd in, struct dhcp_message *out);
void dhcp_build(const struct dhcp_message *message, struct mr_wr *out);

/* What a link was given. */
struct ip_lease {
	uint32_t address, mask;
	uint32_t router;  /* 0: none */
	uint32_t server;  /* option 54 of whoever gave it; 0: it has none, or the address was set by hand */
	uint32_t from;	  /* the source address of what it said; 0: not known */
	uint32_t lease_s; /* UINT32_MAX: for ever */
};

enum dhcp_client_state { DHCP_IDLE, DHCP_SELECTING, DHCP_REQUESTING, DHCP_LEASED, DHCP_RENEWING };

/* Layout is ours. */
struct dhcp_client {
	enum dhcp_client_state state;
	const struct log_tag *tag;
	uint8_t mac[6];
	uint32_t xid;
	unsigned tries;
	uint64_t deadline_us, give_up_us; /* give_up_us: no address by then; while renewing: the lease ends */
	struct ip_lease lease;		  /* offered, then given */
};

enum { DHCP_NOTHING, DHCP_BOUND };

/* `xid`: random. No lease by `give_up_us`: -MR_CAUSE_ADDRESS_TIMEOUT from dhcp_client_expire. `tag` NULL: silent. */
void dhcp_client_start(struct dhcp_client *c, const uint8_t mac[static 6], uint32_t xid, uint64_t give_up_us,
		       uint64_t now_us, const struct log_tag *tag);

/* DHCP_BOUND: `lease` is valid from now on. Below zero: -(cause), the address must not be used any longer (a renewal
 * was refused). `from`: the source address of the packet, in host order; 0: not known. A server that names itself in no
 * option 54 is known by that; an ACK without a lease is one for an hour. */
int dhcp_client_receive(struct dhcp_client *c, struct mr_rd in, uint32_t from, uint64_t now_us);

uint64_t dhcp_client_deadline_us(const struct dhcp_client *c);
/* At the deadline: a message to be broadcast is in `out` when it is not empty. Below zero: -(cause), the client is
 * idle. */
int dhcp_client_expire(struct dhcp_client *c, uint64_t now_us, struct mr_wr *out);

#define DHCP_LEASES_MAX 250u /* of a home's router; its leases are never given to another */

/* What real servers do, and the textbook does not. */
enum dhcp_manner {
	DHCP_PLAIN,
	DHCP_OTHER_GATEWAY, /* option 3 names somebody who is not there */
	DHCP_TERSE,	    /* says neither who it is (54) nor for how long (51) */
	DHCP_OVERLOADED,    /* all options but the type are in `file` (52) */
	DHCP_SLOW,	    /* pings an address for 3 s before it is offered */
};

/* Layout is ours. */
struct dhcp_server {
	uint32_t address, mask, first, lease_s;
	unsigned leases;
	enum dhcp_manner manner;
	uint64_t now_us;   /* DHCP_SLOW: by its owner's clock, before each message */
	uint64_t asked_us; /* DHCP_SLOW: when it was asked first; 0: not yet */
	struct {
		uint8_t mac[6];
		bool taken;
	} lease[DHCP_LEASES_MAX];
};

/* Gives away `leases` (at most DHCP_LEASES_MAX) addresses from `first` on; router and server are `address`. */
void dhcp_server_init(struct dhcp_server *s, uint32_t address, uint32_t mask, uint32_t first, unsigned leases,
		      uint32_t lease_s);
/* True: the answer is in `out`, for broadcast. */
bool dhcp_server_receive(struct dhcp_server *s, struct mr_rd in, struct mr_wr *out);
