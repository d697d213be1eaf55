#include "station/ip/http_client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "agent/wire/cause.h"

#define HEAD_MAX 256u /* octets of our requests */

/* One response, as it comes in. */
struct http_exchange {
	struct http_response response;
	size_t body_max;
	uint8_t body[];
};

/* --- taking it down --- */

static void drop_out(struct http_client *c)
{
	if (c->out)
		OPENSSL_cleanse(c->out, c->out_len);
	free(c->out);
	c->out = NULL;
	c->out_len = c->out_at = 0;
}

static void free_exchange(struct http_exchange *x)
{
	if (x)
		OPENSSL_clear_free(x, sizeof(*x) + x->body_max);
}

static void drop_exchange(struct http_client *c)
{
	free_exchange(c->exchange);
	c->exchange = NULL;
}

void http_client_drop(struct http_client *c)
{
	ip_stream_abort(c->stream);
	c->stream = NULL;
	tls_destroy(c->tls);
	c->tls = NULL;
	drop_exchange(c);
	drop_out(c);
}

/* --- what is sent --- */

/* As much as TCP takes; the rest when it has room. */
static void flush(struct http_client *c)
{
	if (c->stream && c->out_at < c->out_len)
		c->out_at += ip_stream_write(c->stream, c->out + c->out_at, c->out_len - c->out_at);
	assert(c->out_at <= c->out_len);
	if (c->out_at == c->out_len)
		drop_out(c);
	c->events->changed(c->ctx);
}

static bool append(struct http_client *c, const uint8_t *bytes, size_t len)
{
	size_t left = c->out_len - c->out_at;
	uint8_t *out = malloc(left + len + 1);

	if (!out)
		return false;
	if (left)
		memcpy(out, c->out + c->out_at, left);
	memcpy(out + left, bytes, len);
	drop_out(c);
	c->out = out;
	c->out_len = left + len;
	return true;
}

/* What TLS wants to be sent. */
static bool take_records(struct http_client *c)
{
	uint8_t room[2048];
	size_t len;

	while (c->tls && (len = tls_take(c->tls, room, sizeof(room))) > 0)
		if (!append(c, room, len))
			return false;
	return true;
}

/* A request is a few records: taken out as they are made, so that TLS always has room. */
static bool encrypt(struct http_client *c, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t taken = 0;

		if (tls_write(c->tls, bytes, len, &taken) < 0 || !take_records(c) || taken == 0)
			return false;
		assert(taken <= len);
		bytes += taken;
		len -= taken;
	}
	return true;
}

bool http_client_ask(struct http_client *c, const struct http_request *request)
{
	uint8_t room[HEAD_MAX + HTTP_CLIENT_BODY_MAX];
	struct mr_wr w = mr_wr_over(room, sizeof(room));
	struct http_exchange *x;
	bool ok;

	drop_exchange(c);
	x = c->exchange = OPENSSL_malloc(sizeof(*x) + c->body_max);
	if (x) {
		x->body_max = c->body_max;
		http_response_init(&x->response, x->body, x->body_max, false);
		x->response.tag = c->tag;
	}
	ok = x && http_request_write(request, &w);
	if (ok && c->tls)
		ok = encrypt(c, room, w.len);
	else if (ok)
		ok = append(c, room, w.len);
	OPENSSL_cleanse(room, w.len);
	if (!ok)
		return false;
	log_write(c->tag, LOG_HTTP, LOG_DEBUG, "%s %s, body of %zu octets", request->method, request->target,
		  request->body.left);
	flush(c);
	return true;
}

/* --- what comes --- */

static void finish_exchange(struct http_client *c)
{
	struct http_exchange *x = c->exchange;

	c->exchange = NULL;
	if (!x->response.keep) { /* the next request makes another connection */
		ip_stream_close(c->stream);
		c->stream = NULL;
		tls_destroy(c->tls);
		c->tls = NULL;
		drop_out(c);
	}
	assert(x->response.body_len <= x->body_max);
	c->events->answered(c->ctx, x->response.status, mr_rd_over(x->body, x->response.body_len));
	free_exchange(x);
}

bool http_client_finish(struct http_client *c)
{
	/* RFC 9112 9.8: a body that ends with the connection is whole only when TLS says that it was meant to end. */
	if (!c->exchange || (c->tls && tls_end(c->tls) != TLS_CLOSED) ||
	    http_response_end(&c->exchange->response) != HTTP_DONE)
		return false;
	finish_exchange(c);
	return true;
}

/* False: the connection is of no more use. */
static bool on_plain(struct http_client *c, const uint8_t *bytes, size_t len)
{
	struct mr_rd in = mr_rd_over(bytes, len);
	int result;

	if (!c->exchange)
		return true;
	result = http_response_receive(&c->exchange->response, &in);
	if (result < 0) {
		c->events->failed(c->ctx, -result, "the response is malformed");
		return false;
	}
	c->events->heard(c->ctx);
	if (result == HTTP_DONE)
		finish_exchange(c);
	return true;
}

static void read_plain(struct http_client *c)
{
	uint8_t room[2048];
	size_t len = 0;
	bool good = true;
	int result;

	do {
		result = tls_read(c->tls, room, sizeof(room), &len);
		if (len > 0)
			good = on_plain(c, room, len);
	} while (good && c->tls && result == TLS_NOTHING && len > 0);
	OPENSSL_cleanse(room, sizeof(room));
	if (good && result < 0)
		c->events->failed(c->ctx, -result, c->tls ? tls_words(c->tls) : "TLS");
}

static void on_ciphertext(struct http_client *c, const uint8_t *bytes, size_t len)
{
	int result = tls_receive(c->tls, bytes, len);
	bool taken = take_records(c);

	flush(c); /* an alert too */
	if (!taken)
		c->events->failed(c->ctx, MR_CAUSE_NO_MEMORY, "no room for TLS records");
	else if (result < 0)
		c->events->failed(c->ctx, -result, tls_words(c->tls));
	else if (result == TLS_UP)
		c->events->secured(c->ctx);
	if (taken && result >= 0 && c->tls)
		read_plain(c);
}

static void on_connected(void *ctx)
{
	struct http_client *c = ctx;

	c->events->connected(c->ctx);
}

static void on_received(void *ctx, const uint8_t *bytes, size_t len)
{
	struct http_client *c = ctx;

	c->heard = true;
	if (c->tls)
		on_ciphertext(c, bytes, len);
	else
		(void)on_plain(c, bytes, len);
}

static void on_sent(void *ctx) { flush(ctx); }

static void on_closed(void *ctx, int cause)
{
	struct http_client *c = ctx;

	c->events->closed(c->ctx, cause);
}

/* --- life --- */

void http_client_init(struct http_client *c, size_t body_max, const struct http_client_events *events, void *ctx)
{
	assert(body_max <= HTTP_CLIENT_BODY_MAX);
	*c = (struct http_client){ .events = events, .ctx = ctx, .body_max = body_max };
}

bool http_client_connect(struct http_client *c, struct ip_if *net, uint32_t address, uint16_t port)
{
	static const struct ip_stream_events events = { on_connected, on_received, on_sent, on_closed };

	assert(!c->stream && !c->tls);
	c->heard = false;
	c->stream = ip_connect(net, address, port, &events, c);
	return c->stream != NULL;
}

bool http_client_connected(const struct http_client *c) { return c->stream != NULL; }

bool http_client_secure(struct http_client *c, struct tls_trust *trust, const struct tls_policy *policy)
{
	assert(c->stream && !c->tls);
	c->tls = tls_create(trust, policy);
	if (!c->tls || !take_records(c))
		return false;
	flush(c);
	return true;
}

bool http_client_heard(const struct http_client *c) { return c->heard; }
const struct tls *http_client_tls(const struct http_client *c) { return c->tls; }
size_t http_client_memory(const struct http_client *c) { return c->out_len; }
