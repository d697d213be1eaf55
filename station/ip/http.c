#include "station/ip/http.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/wire/cause.h"

/* --- characters: RFC 9110 5.6.2, RFC 9112 2.2, 3.2 --- */

static bool is_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_visible(uint8_t c) { return c > ' ' && c < 0x7f; }
static bool is_value(uint8_t c) { return c == '\t' || (c >= ' ' && c != 0x7f); }

static bool all(const char *text, bool (*is)(uint8_t c), size_t len_min)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (!is((uint8_t)text[i]))
			return false;
	return len >= len_min;
}

/* --- the request --- */

static void put(struct mr_wr *out, const char *text) { mr_wr_bytes(out, text, strlen(text)); }

static void put_field(struct mr_wr *out, const char *name, const char *value)
{
	put(out, name);
	put(out, ": ");
	put(out, value);
	put(out, "\r\n");
}

static bool wants_length(const struct http_request *q)
{
	return q->body.left > 0 || !strcmp(q->method, "POST") || !strcmp(q->method, "PUT") ||
	       !strcmp(q->method, "PATCH");
}

bool http_request_write(const struct http_request *q, struct mr_wr *out)
{
	char length[24];

	if (!all(q->method, is_token, 1) || !all(q->target, is_visible, 1) || !all(q->host, is_visible, 1))
		return false;
	for (size_t i = 0; i < q->field_count; i++)
		if (!all(q->fields[i].name, is_token, 1) || !all(q->fields[i].value, is_value, 0))
			return false;
	put(out, q->method);
	put(out, " ");
	put(out, q->target);
	put(out, " HTTP/1.1\r\n");
	put_field(out, "Host", q->host);
	if (wants_length(q)) {
		(void)snprintf(length, sizeof(length), "%zu", q->body.left);
		put_field(out, "Content-Length", length);
	}
	put_field(out, "Connection", q->close ? "close" : "keep-alive");
	for (size_t i = 0; i < q->field_count; i++)
		put_field(out, q->fields[i].name, q->fields[i].value);
	put(out, "\r\n");
	mr_wr_bytes(out, q->body.at, q->body.left);
	return !out->bad;
}

/* --- the response --- */

void http_response_init(struct http_response *r, uint8_t *body, size_t body_cap, bool without_body)
{
	r->state = HTTP_STATUS_LINE;
	r->tag = NULL;
	r->status = 0;
	r->keep = false;
	r->body = body;
	r->body_len = 0;
	r->body_cap = body_cap;
	r->without_body = without_body;
	r->left = 0;
	r->interim = r->blank = 0;
	r->head_len = r->line_at = 0;
	r->fields = 0;
}

#define BIT(state) (1u << (state))

/* What may follow a state; any of them may be refused. After an interim response comes another status line. */
static const uint16_t follows[] = {
	[HTTP_STATUS_LINE] = BIT(HTTP_FIELDS),
	[HTTP_FIELDS] = BIT(HTTP_STATUS_LINE) | BIT(HTTP_BODY) | BIT(HTTP_BODY_TO_CLOSE) | BIT(HTTP_CHUNK_SIZE) |
			BIT(HTTP_COMPLETE),
	[HTTP_BODY] = BIT(HTTP_COMPLETE),
	[HTTP_BODY_TO_CLOSE] = BIT(HTTP_COMPLETE),
	[HTTP_CHUNK_SIZE] = BIT(HTTP_CHUNK) | BIT(HTTP_TRAILER),
	[HTTP_CHUNK] = BIT(HTTP_CHUNK_END),
	[HTTP_CHUNK_END] = BIT(HTTP_CHUNK_SIZE),
	[HTTP_TRAILER] = BIT(HTTP_COMPLETE),
	[HTTP_COMPLETE] = 0,
	[HTTP_REFUSED] = 0,
};

/* The only writer of `state`, but for http_response_init. */
static void enter(struct http_response *r, enum http_state state, const char *why)
{
	static const char *const names[] = {
		[HTTP_STATUS_LINE] = "status line",
		[HTTP_FIELDS] = "fields",
		[HTTP_BODY] = "body",
		[HTTP_BODY_TO_CLOSE] = "body to close",
		[HTTP_CHUNK_SIZE] = "chunk size",
		[HTTP_CHUNK] = "chunk",
		[HTTP_CHUNK_END] = "chunk end",
		[HTTP_TRAILER] = "trailer",
		[HTTP_COMPLETE] = "complete",
		[HTTP_REFUSED] = "refused",
	};
	enum log_level level = state == HTTP_REFUSED ? LOG_INFO : state == HTTP_COMPLETE ? LOG_DEBUG : LOG_TRACE;

	assert(state == HTTP_REFUSED || (follows[r->state] & BIT(state)));
	assert(r->body_len <= r->body_cap && r->head_len <= HTTP_HEAD_MAX);
	log_state_at(r->tag, LOG_HTTP, level, names[r->state], names[state], "status %u, %zu octets%s%s", r->status,
		     r->body_len, why ? ": " : "", why ? why : "");
	r->state = state;
}

static int refuse(struct http_response *r, const char *why)
{
	if (r->state != HTTP_REFUSED)
		enter(r, HTTP_REFUSED, why);
	return -MR_CAUSE_BAD_RESPONSE;
}

/* Octets of a line go to `head`; true: it is whole, without its end. A lone LF ends it too (RFC 9112 2.2). */
static bool take_line(struct http_response *r, struct mr_rd *in, struct mr_rd *line)
{
	while (in->left > 0 && r->head_len < HTTP_HEAD_MAX) {
		uint8_t c = mr_rd_u8(in);
		size_t len;

		r->head[r->head_len++] = c;
		if (c != '\n')
			continue;
		len = r->head_len - 1 - r->line_at;
		if (len > 0 && r->head[r->head_len - 2] == '\r')
			len--;
		*line = mr_rd_over(r->head + r->line_at, len);
		r->line_at = r->head_len;
		return true;
	}
	return false;
}

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* RFC 9112 4: HTTP/1.x SP 3DIGIT, then SP and any reason; the SP is left out by some servers. */
static bool on_status_line(struct http_response *r, struct mr_rd line)
{
	const uint8_t *at = line.at;

	if (line.left < 12 || memcmp(at, "HTTP/1.", 7) != 0 || (at[7] != '0' && at[7] != '1') || at[8] != ' ')
		return false;
	if (!is_digit(at[9]) || !is_digit(at[10]) || !is_digit(at[11]) || (line.left > 12 && at[12] != ' '))
		return false;
	for (size_t i = 12; i < line.left; i++)
		if (!is_value(at[i]))
			return false;
	r->minor_1 = at[7] == '1';
	r->status = (unsigned)(at[9] - '0') * 100 + (unsigned)(at[10] - '0') * 10 + (unsigned)(at[11] - '0');
	r->fields = 0;
	enter(r, HTTP_FIELDS, NULL);
	return r->status >= 100 && r->status <= 599;
}

/* RFC 9112 5.2: a line that begins with white space goes on with the value before it; what was between becomes spaces.
 */
static bool on_folded(struct http_response *r, struct mr_rd line)
{
	size_t from, to = (size_t)(line.at - r->head) + line.left;

	if (r->fields == 0)
		return false;
	from = (size_t)r->field[r->fields - 1].value_at + r->field[r->fields - 1].value_len;
	for (size_t i = from; i < to; i++)
		if (r->head[i] == '\r' || r->head[i] == '\n')
			r->head[i] = ' ';
	r->field[r->fields - 1].value_len = (uint16_t)(to - r->field[r->fields - 1].value_at);
	return true;
}

static bool is_space(uint8_t c) { return c == ' ' || c == '\t'; }

static bool on_field(struct http_response *r, struct mr_rd line)
{
	size_t name_len = 0, at = (size_t)(line.at - r->head), end = at + line.left, value_at;

	for (size_t i = 0; i < line.left; i++)
		if (!is_value(line.at[i]))
			return false;
	while (end > at && is_space(r->head[end - 1]))
		end--;
	if (line.left > 0 && is_space(line.at[0]))
		return on_folded(r, mr_rd_over(line.at, end - at));
	while (name_len < line.left && is_token(line.at[name_len]))
		name_len++;
	if (name_len == 0 || name_len == line.left || line.at[name_len] != ':' || r->fields == HTTP_FIELDS_MAX)
		return false;
	value_at = at + name_len + 1;
	while (value_at < end && is_space(r->head[value_at]))
		value_at++;
	r->field[r->fields].name_at = (uint16_t)at;
	r->field[r->fields].name_len = (uint16_t)name_len;
	r->field[r->fields].value_at = (uint16_t)value_at;
	r->field[r->fields].value_len = (uint16_t)(end > value_at ? end - value_at : 0);
	r->fields++;
	return true;
}

static struct mr_rd value_of(const struct http_response *r, unsigned i)
{
	return mr_rd_over(r->head + r->field[i].value_at, r->field[i].value_len);
}

static bool is_named(const struct http_response *r, unsigned i, const char *name)
{
	return r->field[i].name_len == strlen(name) &&
	       !strncasecmp((const char *)r->head + r->field[i].name_at, name, r->field[i].name_len);
}

bool http_response_field(const struct http_response *r, const char *name, struct mr_rd *value)
{
	for (unsigned i = 0; i < r->fields; i++)
		if (is_named(r, i, name)) {
			*value = value_of(r, i);
			return true;
		}
	return false;
}

/* The next of a list with commas, without the space around it; false: there is none. */
static bool next_of_list(struct mr_rd *list, struct mr_rd *item)
{
	while (list->left > 0) {
		const uint8_t *at = list->at;
		size_t len = 0;

		while (len < list->left && at[len] != ',')
			len++;
		mr_rd_skip(list, len < list->left ? len + 1 : len);
		while (len > 0 && is_space(at[0])) {
			at++;
			len--;
		}
		while (len > 0 && is_space(at[len - 1]))
			len--;
		*item = mr_rd_over(at, len);
		if (len > 0)
			return true;
	}
	return false;
}

static bool is_word(struct mr_rd item, const char *word)
{
	return item.left == strlen(word) && !strncasecmp((const char *)item.at, word, item.left);
}

static bool read_number(struct mr_rd item, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < item.left; i++) {
		if (!is_digit(item.at[i]) || v > (UINT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(item.at[i] - '0');
	}
	*out = v;
	return item.left > 0;
}

/* RFC 9112 6.3 (5): equal values may be repeated, in one field or several. */
static bool on_length(struct http_response *r, struct mr_rd list)
{
	struct mr_rd item;
	uint64_t v;
	unsigned n = 0;

	for (; next_of_list(&list, &item); n++) {
		if (!read_number(item, &v) || (r->has_length && v != r->left))
			return false;
		r->has_length = true;
		r->left = v;
	}
	return n > 0;
}

static bool on_coding(struct http_response *r, struct mr_rd list)
{
	struct mr_rd item;

	while (next_of_list(&list, &item)) {
		if (r->chunked || !is_word(item, "chunked"))
			return false; /* we asked for no other coding */
		r->chunked = true;
	}
	return r->chunked;
}

static void on_connection(struct http_response *r, struct mr_rd list)
{
	struct mr_rd item;

	while (next_of_list(&list, &item)) {
		if (is_word(item, "close"))
			r->keep = false;
		else if (is_word(item, "keep-alive") && !r->minor_1)
			r->keep = true;
	}
}

static bool read_framing(struct http_response *r)
{
	r->chunked = r->has_length = false;
	r->left = 0;
	r->keep = r->minor_1;
	for (unsigned i = 0; i < r->fields; i++) {
		if (is_named(r, i, "content-length") && !on_length(r, value_of(r, i)))
			return false;
		if (is_named(r, i, "transfer-encoding") && !on_coding(r, value_of(r, i)))
			return false;
		if (is_named(r, i, "connection"))
			on_connection(r, value_of(r, i));
	}
	/* RFC 9112 6.1: both, or chunks in HTTP/1.0, is the mark of an attack or of a faulty server. */
	return !r->chunked || (!r->has_length && r->minor_1);
}

/* RFC 9112 6.3: what follows the empty line. */
static bool on_head(struct http_response *r)
{
	if (!read_framing(r))
		return false;
	if (r->status < 200) {
		enter(r, HTTP_STATUS_LINE, "interim");
		return r->status != 101 && ++r->interim <= HTTP_INTERIM_MAX; /* nobody asked for an upgrade */
	}
	if (r->without_body || r->status == 204 || r->status == 304) {
		enter(r, HTTP_COMPLETE, NULL);
	} else if (r->chunked) {
		enter(r, HTTP_CHUNK_SIZE, NULL);
	} else if (r->has_length) {
		enter(r, r->left > 0 ? HTTP_BODY : HTTP_COMPLETE, NULL);
		return r->left <= r->body_cap;
	} else {
		enter(r, HTTP_BODY_TO_CLOSE, NULL);
		r->keep = false;
	}
	return true;
}

static int hex(uint8_t c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 9112 7.1: the size in hex, then perhaps extensions, which are skipped. */
static bool on_chunk_size(struct http_response *r, struct mr_rd line)
{
	uint64_t size = 0;
	size_t n = 0;

	for (; n < line.left && hex(line.at[n]) >= 0; n++) {
		if (size >> 60)
			return false;
		size = size << 4 | (uint64_t)hex(line.at[n]);
	}
	if (n == 0 || (n < line.left && line.at[n] != ';' && !is_space(line.at[n])) || size > r->body_cap - r->body_len)
		return false;
	r->left = size;
	enter(r, size > 0 ? HTTP_CHUNK : HTTP_TRAILER, NULL);
	return true;
}

static bool on_line(struct http_response *r, struct mr_rd line)
{
	switch (r->state) {
	case HTTP_STATUS_LINE:
		if (line.left > 0)
			return on_status_line(r, line);
		/* RFC 9112 2.2 has servers take it; some servers send it, after a body whose length was wrong by that.
		 */
		r->head_len = r->line_at = (size_t)(line.at - r->head);
		return ++r->blank <= HTTP_BLANK_MAX;
	case HTTP_FIELDS: return line.left > 0 ? on_field(r, line) : on_head(r);
	case HTTP_CHUNK_SIZE:
	case HTTP_CHUNK_END:
		/* The fields stay; the room of the line is used again, so that many small chunks fit. */
		r->head_len = r->line_at = (size_t)(line.at - r->head);
		if (r->state == HTTP_CHUNK_SIZE)
			return on_chunk_size(r, line);
		enter(r, HTTP_CHUNK_SIZE, NULL);
		return line.left == 0;
	case HTTP_TRAILER:
		if (line.left == 0)
			enter(r, HTTP_COMPLETE, NULL);
		return true;
	case HTTP_BODY:
	case HTTP_BODY_TO_CLOSE:
	case HTTP_CHUNK:
	case HTTP_COMPLETE:
	case HTTP_REFUSED: break;
	}
	return false;
}

static bool take_body(struct http_response *r, struct mr_rd *in)
{
	bool counted = r->state != HTTP_BODY_TO_CLOSE;
	size_t n = counted && in->left > r->left ? (size_t)r->left : in->left;

	if (n > r->body_cap - r->body_len)
		return false;
	mr_rd_copy(in, r->body + r->body_len, n);
	r->body_len += n;
	if (counted && (r->left -= n) == 0)
		enter(r, r->state == HTTP_CHUNK ? HTTP_CHUNK_END : HTTP_COMPLETE, NULL);
	return true;
}

int http_response_receive(struct http_response *r, struct mr_rd *in)
{
	struct mr_rd line;

	while (r->state != HTTP_COMPLETE) {
		if (r->state == HTTP_REFUSED)
			return refuse(r, NULL);
		if (in->left == 0)
			return HTTP_MORE;
		if (r->state == HTTP_BODY || r->state == HTTP_BODY_TO_CLOSE || r->state == HTTP_CHUNK) {
			if (!take_body(r, in))
				return refuse(r, "the body is too long");
		} else if (take_line(r, in, &line)) {
			if (!on_line(r, line))
				return refuse(r, "a line that is malformed, or announces too much");
		} else if (in->left > 0 || r->head_len == HTTP_HEAD_MAX) {
			return refuse(r, "the head is too long");
		}
	}
	return HTTP_DONE;
}

int http_response_end(struct http_response *r)
{
	if (r->state == HTTP_BODY_TO_CLOSE)
		enter(r, HTTP_COMPLETE, "closed");
	if (r->state == HTTP_COMPLETE)
		return HTTP_DONE;
	if (r->state == HTTP_STATUS_LINE && r->head_len == 0)
		return -MR_CAUSE_LINK_LOST;
	return refuse(r, "cut short");
}
