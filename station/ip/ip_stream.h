/*
 * TCP connections over an interface of ip.h. Events come from a timer of the interface, never from inside a call.
 *
 *	ip_connect -> connected -> { received | sent | ip_stream_write } -> closed -> ip_stream_close
 *	ip_listen  -> accepted  -> ip_stream_use -> the same
 *
 * The owner ends each stream with ip_stream_close or ip_stream_abort, after the event `closed` too. Streams of an
 * interface go with it.
 */
#pragma once

#include "station/ip/ip.h"

struct ip_stream;
struct ip_listener;

/* All of a stream's functions may be called from these, also those that end it. Functions that are NULL are not called.
 */
struct ip_stream_events {
	void (*connected)(void *ctx);
	void (*received)(void *ctx, const uint8_t *bytes, size_t len); /* lives until the function returns */
	void (*sent)(void *ctx); /* there is room again, after a write that was cut short */
	/*
	 * Once. 0: the peer has sent all it wanted (it may still read). -MR_CAUSE_CONNECT_FAILED: refused or no answer;
	 * -MR_CAUSE_LINK_LOST: reset by the peer; -MR_CAUSE_NO_ANSWER: what was sent is not acknowledged.
	 */
	void (*closed)(void *ctx, int cause);
};

/*
 * Connects; the interface must have its address. NULL: no memory, or no address that can be connected to. SYNs are
 * repeated every second, seven times; earlier ends are the caller's.
 */
struct ip_stream *ip_connect(struct ip_if *net, uint32_t address, uint16_t port, const struct ip_stream_events *events,
			     void *ctx);

/* Takes as much as there is room for (0 to len octets, copied) and sends it; after less than `len` comes `sent`. */
size_t ip_stream_write(struct ip_stream *s, const void *bytes, size_t len);

/* Octets written that the peer's TCP has not acknowledged yet; 0 as well once it has closed. */
size_t ip_stream_unacked(const struct ip_stream *s);
bool ip_stream_unsent(const struct ip_stream *s); /* octets wait for the peer's window */

/* Ends it in order: what was written is still sent, then FIN. Of what still comes in nothing is kept. NULL is ignored.
 */
void ip_stream_close(struct ip_stream *s);
/* Ends it with a reset. NULL is ignored. */
void ip_stream_abort(struct ip_stream *s);

/*
 * Listens on `port` of this interface alone: each device of a simulation has its own port 80 at 192.168.4.1.
 * `accepted` hands over a stream: call ip_stream_use, or end it. NULL: taken on this interface, or no memory.
 */
struct ip_listener *ip_listen(struct ip_if *net, uint16_t port, void (*accepted)(void *ctx, struct ip_stream *s),
			      void *ctx);
void ip_listener_close(struct ip_listener *listener); /* its streams go on */

void ip_stream_use(struct ip_stream *s, const struct ip_stream_events *events, void *ctx);
