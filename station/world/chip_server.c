#include "station/world/chip_server.h"

#include <stdlib.h>
#include <string.h>

#define IN_MAX 16384u	    /* octets that wait for the core; a client that sends more is cut off */
#define LINGER_US 5000000u  /* for the last octets to be acknowledged after the end of a connection */
#define TRICKLE_US 1000000u /* from octet to octet */
#define HTTP_PORT 80u	    /* RFC 9110 section 4.2.1 */
#define HTTPS_PORT 443u	    /* RFC 9110 section 4.2.2 */

struct octets {
	uint8_t *at;
	size_t len, room;
};

struct chip_server {
	struct chip_server_config config;
	struct ip_listener *listener;
	struct ip_stream *stream; /* NULL: nobody is connected */
	struct mr_tls *tls;
	struct mr_api api;     /* open from the first octet on; under TLS when its handshake is done */
	bool fresh;	       /* connected, and the core has not seen it yet */
	bool eof;	       /* the client has sent all */
	bool unacked;	       /* octets left whose acknowledgement the agent waits for */
	bool acked;	       /* it arrived: news for the core */
	bool ends;	       /* nothing more will be sent after `out` */
	struct octets in, out; /* for the core; for TCP */
	size_t held;	       /* of `out`: written by work that the core is still at */
	uint64_t linger_us;
	uint64_t trickle_us; /* DEVICE_FAULT_TRICKLES: of the next octet */
	bool forged;	     /* DEVICE_FAULT_FORGED has struck */
};

static void empty(struct octets *o)
{
	if (o->at)
		mr_wipe(o->at, o->room);
	free(o->at);
	*o = (struct octets){ 0 };
}

/* Not by realloc, which leaves where they lay as it is. */
static bool widen(struct octets *o, size_t room)
{
	struct octets wider = { .at = malloc(room), .len = o->len, .room = room };

	if (!wider.at)
		return false;
	if (o->len)
		memcpy(wider.at, o->at, o->len);
	empty(o);
	*o = wider;
	return true;
}

static bool put(struct octets *o, const uint8_t *bytes, size_t len)
{
	if (o->room - o->len < len && !widen(o, 2 * (o->len + len)))
		return false;
	if (len)
		memcpy(o->at + o->len, bytes, len);
	o->len += len;
	return true;
}

static void drop(struct octets *o, size_t len)
{
	o->len -= len;
	if (len > 0 && o->len > 0)
		memmove(o->at, o->at + len, o->len);
}

static void forget(struct chip_server *s)
{
	mr_api_close(&s->api);
	mr_tls_destroy(s->tls);
	empty(&s->in);
	empty(&s->out);
	s->tls = NULL;
	s->stream = NULL;
	s->fresh = s->eof = s->unacked = s->acked = s->ends = false;
	s->held = 0;
	s->linger_us = s->trickle_us = UINT64_MAX;
}

static void end(struct chip_server *s, void (*how)(struct ip_stream *stream))
{
	struct ip_stream *stream = s->stream;

	if (!stream)
		return;
	forget(s);
	how(stream);
}

static void changed(struct chip_server *s) { s->config.changed(s->config.ctx); }

/* --- TCP --- */

/* TCP takes what the core has answered as far as there is room; after the last octet's acknowledgement it may be
 * over. */
static void flush(struct chip_server *s, bool link_acked)
{
	size_t ready = s->out.len - s->held;

	if (!s->stream)
		return;
	if (ready > 0)
		drop(&s->out, ip_stream_write(s->stream, s->out.at, ready));
	if (s->out.len > 0 || (ip_stream_unacked(s->stream) > 0 && (!link_acked || ip_stream_unsent(s->stream))))
		return;
	if (s->unacked) {
		s->unacked = false;
		s->acked = true;
	} else if (s->ends && !s->acked) {
		end(s, ip_stream_close);
	}
}

static void say(struct chip_server *s, const char *text)
{
	if (put(&s->out, (const uint8_t *)text, strlen(text)))
		flush(s, false);
}

/* True: a request got what its fault makes of it. */
static bool misbehaves(struct chip_server *s)
{
	switch (s->config.fault) {
	case DEVICE_FAULT_HANGS_UP: end(s, ip_stream_abort); return true;
	case DEVICE_FAULT_TRICKLES:
		if (s->trickle_us == UINT64_MAX)
			say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2048\r\n\r\n");
		s->trickle_us = mr_chip_now_us(s->config.chip) + TRICKLE_US;
		return true;
	case DEVICE_FAULT_FORGED:
		if (s->forged)
			return false;
		s->forged = true;
		say(s, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
		return true;
	default: return false;
	}
}

static void on_received(void *ctx, const uint8_t *bytes, size_t len)
{
	struct chip_server *s = ctx;

	if (s->ends)
		return;
	if (misbehaves(s)) {
		changed(s);
		return;
	}
	if (s->in.len + len > IN_MAX || !put(&s->in, bytes, len))
		end(s, ip_stream_abort);
	changed(s);
}

static void on_sent(void *ctx)
{
	flush(ctx, false);
	changed(ctx);
}

static void on_closed(void *ctx, int cause)
{
	struct chip_server *s = ctx;

	s->eof = true;
	if (cause != 0)
		end(s, ip_stream_abort);
	changed(s);
}

/* Nothing is under way: the connection may be given up for a new one, as small servers do that have room for one. */
static bool idle(const struct chip_server *s)
{
	return s->stream && !s->fresh && !s->acked && !s->unacked && s->in.len == 0 && s->out.len == 0 &&
	       (!s->api.agent || mr_api_idle(&s->api));
}

static void refuse(struct chip_server *s, struct ip_stream *stream)
{
	uint8_t busy[MR_API_HEAD_MAX];
	size_t len = s->config.link == MR_LINK_TLS ? 0 : mr_api_busy(busy, sizeof(busy));

	if (len > 0 && ip_stream_write(stream, busy, len) == len)
		ip_stream_close(stream);
	else
		ip_stream_abort(stream);
}

static void on_accepted(void *ctx, struct ip_stream *stream)
{
	static const struct ip_stream_events events = { NULL, on_received, on_sent, on_closed };
	struct chip_server *s = ctx;

	if (idle(s))
		end(s, ip_stream_abort);
	if (s->stream || s->config.fault == DEVICE_FAULT_BUSY) {
		refuse(s, stream);
		return;
	}
	ip_stream_use(stream, &events, s);
	s->stream = stream;
	s->fresh = true;
	changed(s);
}

struct chip_server *chip_server_create(struct ip_if *net, const struct chip_server_config *config)
{
	struct chip_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	s->linger_us = s->trickle_us = UINT64_MAX;
	s->listener = ip_listen(net, config->link == MR_LINK_TLS ? HTTPS_PORT : HTTP_PORT, on_accepted, s);
	if (s->listener)
		return s;
	free(s);
	return NULL;
}

void chip_server_destroy(struct chip_server *s)
{
	if (!s)
		return;
	end(s, ip_stream_abort);
	ip_listener_close(s->listener);
	free(s);
}

void chip_server_check(struct chip_server *s, bool link_acked)
{
	if (!s->stream)
		return;
	flush(s, link_acked);
	changed(s);
}

/* --- the core --- */

bool chip_server_wants_core(const struct chip_server *s, uint64_t now_us)
{
	return s->stream &&
	       (s->fresh || s->acked || (s->in.len > 0 && !s->ends) || s->eof || now_us >= chip_server_deadline_us(s));
}

uint64_t chip_server_deadline_us(const struct chip_server *s)
{
	uint64_t api_us = mr_api_deadline_us(&s->api);

	if (s->trickle_us < api_us)
		api_us = s->trickle_us;
	return !s->stream ? UINT64_MAX : api_us < s->linger_us ? api_us : s->linger_us;
}

static void charge(struct chip_server *s, enum mr_work kind, size_t n)
{
	const struct mr_port *port = &s->config.agent->port;

	port->work(port->ctx, kind, n);
}

/* The attribute becomes one that nobody knows. */
static void hide_protocol(uint8_t *octets, size_t len)
{
	static const uint8_t attribute[] = { MR_AT_PROTOCOL, 1, 0, MR_PROTOCOL };
	uint8_t *at = memmem(octets, len, attribute, sizeof(attribute));

	if (at)
		*at = UINT8_MAX;
}

static void answer(struct chip_server *s, const uint8_t *octets, size_t len)
{
	if (s->tls) {
		charge(s, MR_WORK_AEAD, len);
		s->ends = !mr_tls_write(s->tls, octets, len) || s->ends;
	} else if (!put(&s->out, octets, len)) {
		s->ends = true;
	} else if (s->config.fault == DEVICE_FAULT_OLD_FIRMWARE) {
		hide_protocol(s->out.at + s->out.len - len, len);
	}
	s->unacked = true;
}

static void pull(struct chip_server *s)
{
	uint8_t octets[512];

	if (s->config.fault == DEVICE_FAULT_BLANK_LINE && !s->tls && s->api.answers && s->api.head_at == 0)
		(void)put(&s->out, (const uint8_t *)"\r\n", 2);

	for (size_t len; (len = mr_api_pull(&s->api, octets, sizeof(octets))) > 0;)
		answer(s, octets, len);
	mr_wipe(octets, sizeof(octets));
	s->ends = s->ends || mr_api_ended(&s->api);
}

/* Plaintext for the API; what it does not take now it takes after its answer was pulled. */
static void give(struct chip_server *s, const uint8_t *octets, size_t len)
{
	for (size_t taken; len > 0; octets += taken, len -= taken) {
		taken = mr_api_receive(&s->api, octets, len);
		pull(s);
		if (taken == 0 && s->ends)
			return;
	}
}

static void open_tls(struct chip_server *s)
{
	struct mr_tls_identity identity;

	mr_api_identity(s->config.agent, &identity);
	if (identity.certificate.left == 0)
		charge(s, MR_WORK_P256_SIGN, 0);
	charge(s, MR_WORK_TLS, 0);
	s->tls = mr_tls_create(&identity);
	s->ends = !s->tls;
}

static void take_records(struct chip_server *s)
{
	uint8_t octets[1024];

	for (size_t len; s->tls && (len = mr_tls_take(s->tls, octets, sizeof(octets))) > 0;)
		s->ends = !put(&s->out, octets, len) || s->ends;
}

static void feed_tls(struct chip_server *s)
{
	uint8_t octets[1024], binding[32];
	bool alive;

	if (!s->tls && s->in.len > 0)
		open_tls(s);
	if (!s->tls)
		return;
	alive = mr_tls_feed(s->tls, s->in.at, s->in.len);
	if (alive && !s->api.agent && mr_tls_ready(s->tls)) {
		if (mr_tls_binding(s->tls, binding))
			mr_api_open(&s->api, s->config.agent, MR_LINK_TLS, binding);
		else
			alive = false;
	}
	for (size_t len; s->api.agent && (len = mr_tls_read(s->tls, octets, sizeof(octets))) > 0;) {
		charge(s, MR_WORK_AEAD, len);
		give(s, octets, len);
	}
	mr_wipe(octets, sizeof(octets));
	s->ends = s->ends || !alive;
	if (s->ends && alive)
		mr_tls_close(s->tls);
	take_records(s);
}

void chip_server_work(struct chip_server *s)
{
	size_t before = s->out.len;

	if (s->linger_us <= mr_chip_now_us(s->config.chip)) {
		end(s, ip_stream_abort);
		return;
	}
	if (s->trickle_us <= mr_chip_now_us(s->config.chip)) {
		s->trickle_us = mr_chip_now_us(s->config.chip) + TRICKLE_US;
		say(s, "a");
		return;
	}
	if (s->fresh && s->config.link != MR_LINK_TLS)
		mr_api_open(&s->api, s->config.agent, s->config.link, NULL);
	s->fresh = false;
	if (s->acked) {
		s->acked = false;
		mr_api_sent(&s->api);
	}
	if (mr_api_deadline_us(&s->api) <= mr_chip_now_us(s->config.chip))
		mr_api_expire(&s->api);
	s->ends = s->ends || mr_api_ended(&s->api);
	if (s->in.len > 0 && !s->ends) {
		if (s->config.link == MR_LINK_TLS)
			feed_tls(s);
		else
			give(s, s->in.at, s->in.len);
	}
	drop(&s->in, s->in.len);
	s->ends = s->ends || s->eof;
	s->eof = false;
	s->held = s->out.len - before;
	if (s->ends && s->linger_us == UINT64_MAX)
		s->linger_us = mr_chip_now_us(s->config.chip) + LINGER_US;
}

void chip_server_release(struct chip_server *s)
{
	s->held = 0;
	flush(s, false);
}
