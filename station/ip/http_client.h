/*
 * A connection to a device's server: TCP (ip_stream.h), with TLS (tls.h) where that is wanted, and over it one exchange
 * of HTTP (http.h) at a time.
 *
 *	http_client_init -> { http_client_connect -> connected() [-> http_client_secure -> secured()]
 *		-> { http_client_ask -> answered() } -> closed() -> http_client_drop } ... -> http_client_drop
 *
 * Events come from lwIP's timer or from the loop, never from inside a call; all functions may be called from them. How
 * long a device may take, and whether a connection that was lost is made again, is for the owner to decide.
 */
#pragma once

#include "station/ip/http.h"
#include "station/ip/ip_stream.h"
#include "station/ip/tls.h"

#define HTTP_CLIENT_BODY_MAX 4096u /* octets, of a request and of a response */

struct http_client_events {
	void (*connected)(void *ctx); /* TCP: ask, or secure it first */
	void (*secured)(void *ctx);   /* TLS is up, and the certificate accepted: ask */
	void (*heard)(void *ctx);     /* octets of a response have come */
	/* The response; `body` lives until the function returns, then it is wiped. */
	void (*answered)(void *ctx, unsigned status, struct mr_rd body);
	/* By the other end: 0: in order, else a cause of ip_stream.h. http_client_finish, http_client_drop. */
	void (*closed)(void *ctx, int cause);
	/* The connection is of no more use: an enum mr_cause, and why, in words. http_client_drop. */
	void (*failed)(void *ctx, int cause, const char *why);
	void (*changed)(void *ctx); /* there may be something to be sent */
};

struct http_exchange;

/* Layout is ours. Contains secrets. Placed in its owner. */
struct http_client {
	const struct http_client_events *events;
	void *ctx;
	const struct log_tag *tag; /* the owner sets it; NULL: silent */
	size_t body_max;
	bool heard;
	struct ip_stream *stream; /* NULL: not connected */
	struct tls *tls;
	struct http_exchange *exchange; /* under way */
	uint8_t *out;			/* octets that TCP has not taken yet */
	size_t out_len, out_at;
};

/* `body_max`: octets of the longest response, HTTP_CLIENT_BODY_MAX at most. */
void http_client_init(struct http_client *c, size_t body_max, const struct http_client_events *events, void *ctx);
/* Ends the connection with a reset, if there is one, and forgets what was asked. */
void http_client_drop(struct http_client *c);

/* Without a connection. False: no memory, or no address that can be connected to. */
bool http_client_connect(struct http_client *c, struct ip_if *net, uint32_t address, uint16_t port);
bool http_client_connected(const struct http_client *c);
/* After connected(), before anything is asked. False: no memory. */
bool http_client_secure(struct http_client *c, struct tls_trust *trust, const struct tls_policy *policy);
bool http_client_heard(const struct http_client *c);		/* anything at all over this connection */
const struct tls *http_client_tls(const struct http_client *c); /* NULL: without TLS */

/*
 * One request; what was asked before is forgotten. False: no memory, or it does not fit. After a response whose sender
 * will not answer another one the connection is closed: then connect again.
 */
bool http_client_ask(struct http_client *c, const struct http_request *request);
/* After closed(ctx, 0): true: that was the end of the response, and answered() was called. */
bool http_client_finish(struct http_client *c);

size_t http_client_memory(const struct http_client *c); /* octets that wait to be sent */
