/*
 * The device's HTTP API, docs/protocol.md "HTTP": what a person with curl, a phone's app or the station asks of a
 * device that is an access point. Sans-IO: octets of one connection in, octets out; a board or the Linux daemon has the
 * sockets, and TLS (agent/port/tls.h) where the link asks for it.
 *
 *	mr_api_open -> { mr_api_receive | mr_api_pull | mr_api_sent | mr_api_expire } ... mr_api_ended -> mr_api_close
 *
 * One connection at a time; a second one takes the place of one that is idle (mr_api_idle), else it gets mr_api_busy
 * and is closed. Requests and responses lie in the agent's
 * buffer, so a session over action frames and a request here keep each other out for as long as they last.
 */
#pragma once

#include "agent/core/agent.h"
#include "agent/core/http.h"
#include "agent/port/tls.h"

#define MR_API_BODY_MAX MR_MESSAGE_MAX
#define MR_API_HEAD_MAX 704	   /* of our responses; those that say what is wrong fit whole */
#define MR_API_IDLE_US 30000000	   /* between requests */
#define MR_API_REQUEST_US 10000000 /* from its first octet to its last; and for the response to be taken */

/* What protects the connection. */
enum mr_link {
	MR_LINK_OPEN, /* nothing: changes need the PIN */
	MR_LINK_WPA2, /* the access point's own passphrase */
	MR_LINK_TLS,
};

/* Layout is ours. */
struct mr_api {
	struct mr_agent *agent; /* NULL: closed */
	enum mr_link link;
	uint8_t binding[32];
	struct mr_http http;
	uint8_t head[MR_API_HEAD_MAX];
	size_t head_len, head_at;
	bool continues; /* the head is a "100 Continue": the request is still to come */
	bool answers;	/* a response is under way; its body: struct mr_response */
	bool ends;	/* with this response */
	bool heard;	/* an octet of the present request */
	uint64_t deadline_us;
};

/* `binding`: 32 octets of the TLS exporter (RFC 9266); NULL: WPA2's own, which the agent knows, or none. */
void mr_api_open(struct mr_api *api, struct mr_agent *agent, enum mr_link link, const uint8_t *binding);
void mr_api_close(struct mr_api *api);

/* Takes octets; returns how many. Fewer than given: pull first, then give the rest again. After the end it takes and
 * forgets all. */
size_t mr_api_receive(struct mr_api *api, const uint8_t *octets, size_t len);
/* The next octets to be sent, at most `cap`; they are the caller's now. 0: none. */
size_t mr_api_pull(struct mr_api *api, uint8_t *out, size_t cap);
/* All that was pulled has reached the other end, as far as the transport can tell. */
void mr_api_sent(struct mr_api *api);
/* Everything has been pulled and nothing more will come: end the connection. */
bool mr_api_ended(const struct mr_api *api);
/* Between two requests: this connection may be given up for a new one, as its client connects again when it asks. */
bool mr_api_idle(const struct mr_api *api);
/* Call at (or after) the deadline: it ended, if mr_api_ended says so. */
void mr_api_expire(struct mr_api *api);
uint64_t mr_api_deadline_us(const struct mr_api *api);

/* Whom the device shows itself as under TLS. Points into the agent's store: use it at once. For images that carry
 * mr_method_https. */
void mr_api_identity(struct mr_agent *agent, struct mr_tls_identity *out);

/* The whole response for a connection that is one too many: send it and close. Returns its length, 0 when `cap` is too
 * small. */
size_t mr_api_busy(uint8_t *out, size_t cap);
