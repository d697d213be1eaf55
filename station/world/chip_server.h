/*
 * The HTTP server of a simulated device: a listener on its interface and one connection at a time, through TLS if
 * that is asked for, into the real agent's API (agent/core/api.h). TCP runs beside the application, as in any chip's
 * SDK; what TLS and the API make of the octets is work for the one slow core, and what they answer leaves when the
 * core is done with it.
 *
 *	chip_server_create -> { chip_server_wants_core -> chip_server_work -> (core is done) -> chip_server_release }
 *		...
 */
#pragma once

#include "agent/core/api.h"
#include "agent/port/sim/chip.h"
#include "station/job/device_fault.h"
#include "station/ip/ip_stream.h"

struct chip_server;

struct chip_server_config {
	struct mr_agent *agent;
	struct mr_chip *chip;	 /* charged for TLS */
	enum mr_link link;	 /* MR_LINK_TLS: port 443, else port 80 */
	enum device_fault fault; /* of its server: busy, hangs-up, trickles, forged; others change nothing here */
	void *ctx;
	void (*changed)(void *ctx); /* it may want the core, or its deadline is another; from the loop only */
};

/* On an interface with an address; ended before the interface. NULL: no memory. */
struct chip_server *chip_server_create(struct ip_if *net, const struct chip_server_config *config);
void chip_server_destroy(struct chip_server *server);

/*
 * A segment has arrived, or the link has acknowledged all frames since chip_server_release (`link_acked`): a response
 * has arrived when TCP or the link says so. A client that has left after its last answer acknowledges no segment any
 * more.
 */
void chip_server_check(struct chip_server *server, bool link_acked);

bool chip_server_wants_core(const struct chip_server *server, uint64_t now_us);
uint64_t chip_server_deadline_us(const struct chip_server *server); /* of the API: the core is wanted then */
/* Between mr_chip_begin and mr_chip_end. */
void chip_server_work(struct chip_server *server);
/* The core has come to the end of it: the answer leaves. */
void chip_server_release(struct chip_server *server);
