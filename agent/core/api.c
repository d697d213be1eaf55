/*
 * One connection: requests in, the endpoint found, responses out. What each endpoint does is in endpoint.c.
 */
#include "agent/core/api.h"

#include "agent/core/assert.h"
#include "agent/core/endpoint.h"
#include "agent/core/method.h"

static uint64_t now(const struct mr_api *api) { return api->agent->port.now_us(api->agent->port.ctx); }

/* Else it answers from its own head alone, and the buffer may be a session's. */
static bool is_holder(const struct mr_api *api) { return api->agent->holder == MR_HELD_BY_REQUEST; }

static void release(struct mr_api *api) { mr_agent_release(api->agent, MR_HELD_BY_REQUEST); }

static void next_request(struct mr_api *api)
{
	mr_http_begin(&api->http);
	api->heard = api->answers = api->continues = false;
	api->head_len = api->head_at = 0;
	api->deadline_us = now(api) + MR_API_IDLE_US;
}

void mr_api_open(struct mr_api *api, struct mr_agent *agent, enum mr_link link, const uint8_t *binding)
{
	mr_zero(api, sizeof(*api));
	api->agent = agent;
	api->link = link;
	if (!binding && link == MR_LINK_WPA2)
		binding = agent->wifi.binding;
	if (binding)
		mr_copy(api->binding, binding, sizeof(api->binding));
	next_request(api);
}

void mr_api_close(struct mr_api *api)
{
	if (api->agent)
		release(api);
	mr_wipe(api, sizeof(*api));
}

/* --- responses --- */

static void begin_answer(struct mr_api *api, uint16_t status, const char *type, size_t len, const char *extra)
{
	struct mr_wr w = mr_wr_over(api->head, sizeof(api->head));

	api->answers = true;
	api->ends = api->ends || !api->http.keep_alive;
	api->deadline_us = now(api) + MR_API_REQUEST_US;
	mr_http_head(&w, status, type, len, !api->ends, extra);
	api->head_len = w.len;
	api->head_at = 0;
}

void mr_api_answer(struct mr_api *api, uint16_t status, const char *type, size_t from, size_t to, size_t whole)
{
	MR_ASSERT(is_holder(api) && from <= to && to <= sizeof(api->agent->buf));
	begin_answer(api, status, type, whole, NULL);
	api->agent->held.response.from = from;
	api->agent->held.response.to = to;
}

void mr_api_refuse(struct mr_api *api, uint16_t status, const char *error, const char *message, const char *extra)
{
	uint8_t text[400];
	struct mr_json j = mr_json_over(text, sizeof(text));
	struct mr_wr w;

	mr_json_open(&j, NULL, '{');
	mr_json_word(&j, "error", error);
	mr_json_word(&j, "message", message);
	mr_json_close(&j, '}');
	mr_wr_u8(&j.w, '\n');
	begin_answer(api, status, "application/json", j.w.len, extra);
	w = mr_wr_over(api->head + api->head_len, sizeof(api->head) - api->head_len);
	mr_wr_bytes(&w, text, j.w.len);
	api->head_len += w.len;
	if (is_holder(api))
		api->agent->held.response = (struct mr_response){ 0 }; /* all of it is in the head */
}

size_t mr_api_busy(uint8_t *out, size_t cap)
{
	static const char body[] =
		"{\"error\":\"busy\",\"message\":\"another connection is in use: try again soon\"}\n";
	struct mr_wr w = mr_wr_over(out, cap);

	mr_http_head(&w, 503, "application/json", sizeof(body) - 1, false, "Retry-After: 2\r\n");
	mr_wr_bytes(&w, body, sizeof(body) - 1);
	return w.bad ? 0 : w.len;
}

/* --- requests --- */

static void on_bad(struct mr_api *api)
{
	api->ends = true;
	mr_api_refuse(api, api->http.status, "bad-http",
		      "the request is not HTTP/1.1 as this device reads it: see the status line", NULL);
}

static void on_head(struct mr_api *api)
{
	struct mr_http *http = &api->http;

	if (http->body_len > MR_API_BODY_MAX) {
		api->ends = true;
		mr_api_refuse(api, 413, "too-long", "a body has 2048 octets at most", NULL);
	} else if (!mr_agent_hold(api->agent, MR_HELD_BY_REQUEST)) {
		api->ends = true;
		mr_api_refuse(api, 503, "busy", "the device is in a session over action frames: try again soon",
			      "Retry-After: 2\r\n");
	} else {
		if (http->expects_continue && http->body_len > 0) {
			static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

			mr_copy(api->head, text, sizeof(text) - 1);
			api->head_len = sizeof(text) - 1;
			api->continues = true;
		}
		mr_http_body(http, api->agent->buf);
	}
}

/* What is due once the state of the parser has changed. */
static void act(struct mr_api *api)
{
	switch (api->http.state) {
	case MR_HTTP_LINE:
	case MR_HTTP_HEADERS:
	case MR_HTTP_BODY: return;
	case MR_HTTP_HEAD:
		on_head(api);
		if (api->http.state == MR_HTTP_WHOLE) /* no body */
			act(api);
		return;
	case MR_HTTP_WHOLE: mr_endpoint_run(api); return;
	case MR_HTTP_BAD: on_bad(api); return;
	}
}

size_t mr_api_receive(struct mr_api *api, const uint8_t *octets, size_t len)
{
	size_t taken = 0;

	if (!api->agent || (api->ends && !api->answers))
		return len;
	while (taken < len && !api->answers && !api->continues) {
		if (!api->heard)
			api->deadline_us = now(api) + MR_API_REQUEST_US;
		api->heard = true;
		taken += mr_http_receive(&api->http, octets + taken, len - taken);
		act(api);
	}
	return taken;
}

static size_t pull_from(const uint8_t *octets, size_t *at, size_t end, uint8_t *out, size_t cap)
{
	size_t n = end - *at < cap ? end - *at : cap;

	mr_copy(out, octets + *at, n);
	*at += n;
	return n;
}

size_t mr_api_pull(struct mr_api *api, uint8_t *out, size_t cap)
{
	struct mr_response *r;
	size_t done;

	if (!api->agent || (!api->answers && !api->continues))
		return 0;
	MR_ASSERT(api->head_at <= api->head_len && api->head_len <= sizeof(api->head));
	r = &api->agent->held.response;
	done = pull_from(api->head, &api->head_at, api->head_len, out, cap);
	if (api->continues && api->head_at == api->head_len) {
		api->continues = false;
		api->head_at = api->head_len = 0;
	}
	while (api->answers && api->head_at == api->head_len && done < cap) {
		if (is_holder(api)) {
			done += pull_from(api->agent->buf, &r->from, r->to, out + done, cap - done);
			if (r->from < r->to)
				break;
			if (mr_endpoint_more(api))
				continue;
		}
		release(api);
		next_request(api);
	}
	return done;
}

void mr_api_sent(struct mr_api *api)
{
	if (api->agent && !api->answers && !api->continues)
		mr_agent_response_left(api->agent);
}

bool mr_api_ended(const struct mr_api *api) { return api->agent && api->ends && !api->answers; }

bool mr_api_idle(const struct mr_api *api) { return api->agent && !api->heard && !api->answers && !api->continues; }

void mr_api_expire(struct mr_api *api)
{
	if (!api->agent || now(api) < api->deadline_us)
		return;
	release(api);
	next_request(api);
	api->ends = true;
	api->deadline_us = UINT64_MAX;
}

uint64_t mr_api_deadline_us(const struct mr_api *api) { return api->agent ? api->deadline_us : UINT64_MAX; }
