#include "agent/core/http.h"

#include "agent/core/assert.h"

void mr_http_begin(struct mr_http *http)
{
	mr_wipe(http, sizeof(*http));
	http->state = MR_HTTP_LINE;
	http->keep_alive = true;
}

static void refuse(struct mr_http *http, uint16_t status)
{
	http->state = MR_HTTP_BAD;
	http->status = status;
	http->keep_alive = false;
}

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

/* Does `in` begin with this word, in any case? Then it is skipped. */
static bool skip_word(struct mr_rd *in, const char *word)
{
	size_t len = 0;

	while (word[len]) {
		if (len >= in->left || lower(in->at[len]) != (uint8_t)word[len])
			return false;
		len++;
	}
	mr_rd_skip(in, len);
	return true;
}

static bool is_word(struct mr_rd in, const char *word) { return skip_word(&in, word) && in.left == 0; }

/* RFC 9110 5.6.2 */
static bool is_token(uint8_t c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; others[i]; i++)
		if (c == (uint8_t)others[i])
			return true;
	return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* Up to `end`, which is skipped; `bad` when it is not there. */
static struct mr_rd take_to(struct mr_rd *in, uint8_t end)
{
	size_t len = 0;
	struct mr_rd part;

	while (len < in->left && in->at[len] != end)
		len++;
	part = mr_rd_sub(in, len);
	if (in->left == 0)
		part.bad = true;
	else
		mr_rd_skip(in, 1);
	return part;
}

/* Origin-form or absolute-form (RFC 9112 3.2); the query is left off. */
static bool take_target(struct mr_http *http, struct mr_rd target)
{
	size_t len = 0;

	if (skip_word(&target, "http://") || skip_word(&target, "https://"))
		while (target.left > 0 && target.at[0] != '/')
			mr_rd_skip(&target, 1);
	if (target.left == 0 || target.at[0] != '/')
		return false;
	for (size_t i = 0; i < target.left; i++)
		if (target.at[i] <= ' ' || target.at[i] > '~')
			return false;
	while (len < target.left && target.at[len] != '?')
		len++;
	if (len <= MR_HTTP_PATH_MAX)
		mr_rd_copy(&target, http->path, len);
	return true;
}

/* RFC 9112 section 3 */
static void on_request_line(struct mr_http *http)
{
	struct mr_rd line = mr_rd_over(http->line, http->line_len), method = take_to(&line, ' '),
		     target = take_to(&line, ' ');

	if (http->cut) {
		refuse(http, 414);
		return;
	}
	for (size_t i = 0; i < method.left; i++)
		if (!is_token(method.at[i]))
			method.bad = true;
	if (method.bad || method.left == 0 || target.bad || !take_target(http, target)) {
		refuse(http, 400);
		return;
	}
	/* Methods are told apart by case (RFC 9110 9.1). */
	http->method = method.left == 3 && mr_equal(method.at, "GET", 3)    ? MR_HTTP_GET
		       : method.left == 4 && mr_equal(method.at, "POST", 4) ? MR_HTTP_POST
									    : MR_HTTP_OTHER;
	if (line.left != 8 || !mr_equal(line.at, "HTTP/", 5) || line.at[6] != '.')
		refuse(http, 400);
	else if (line.at[5] != '1')
		refuse(http, 505);
	else
		http->state = MR_HTTP_HEADERS;
	http->is_1_0 = line.left == 8 && line.at[7] == '0';
	if (http->is_1_0 && http->state == MR_HTTP_HEADERS)
		http->keep_alive = false;
}

static struct mr_rd trim(struct mr_rd in)
{
	while (in.left > 0 && (in.at[0] == ' ' || in.at[0] == '\t'))
		mr_rd_skip(&in, 1);
	while (in.left > 0 && (in.at[in.left - 1] == ' ' || in.at[in.left - 1] == '\t'))
		in.left--;
	return in;
}

/* RFC 9112 6.3: digits only; said twice, it must be the same. */
static void on_length(struct mr_http *http, struct mr_rd value)
{
	size_t len = 0;

	if (value.left == 0) {
		refuse(http, 400);
		return;
	}
	while (value.left > 0) {
		uint8_t c = mr_rd_u8(&value);

		if (c < '0' || c > '9') {
			refuse(http, 400);
			return;
		}
		len = len > SIZE_MAX / 16 ? SIZE_MAX / 16 : len * 10 + (size_t)(c - '0');
	}
	if (http->has_length && http->body_len != len)
		refuse(http, 400);
	http->has_length = true;
	http->body_len = len;
}

static void on_connection(struct mr_http *http, struct mr_rd value)
{
	while (value.left > 0) {
		struct mr_rd option = take_to(&value, ',');

		option.bad = false;
		option = trim(option);
		if (is_word(option, "close"))
			http->keep_alive = false;
		else if (is_word(option, "keep-alive") && http->is_1_0)
			http->keep_alive = true;
	}
}

static void on_type(struct mr_http *http, struct mr_rd value)
{
	struct mr_rd type = take_to(&value, ';');

	type.bad = false;
	type = trim(type);
	http->type = is_word(type, "application/x-www-form-urlencoded") ? MR_HTTP_FORM
		     : is_word(type, "application/octet-stream")	? MR_HTTP_OCTETS
									: MR_HTTP_OTHER_TYPE;
}

static void on_known_header(struct mr_http *http, struct mr_rd name, struct mr_rd value)
{
	if (is_word(name, "content-length")) {
		on_length(http, value);
	} else if (is_word(name, "host")) {
		if (http->has_host)
			refuse(http, 400); /* RFC 9112 3.2 */
		http->has_host = true;
	} else if (is_word(name, "connection")) {
		on_connection(http, value);
	} else if (is_word(name, "content-type")) {
		on_type(http, value);
	} else if (is_word(name, "expect")) {
		http->expects_continue = is_word(value, "100-continue");
		if (!http->expects_continue)
			refuse(http, 417);
	} else {
		refuse(http, 501); /* transfer-encoding: of the codings we have none */
	}
}

static void on_header(struct mr_http *http)
{
	static const char *const known[] = { "content-length", "host",	 "connection",
					     "content-type",   "expect", "transfer-encoding" };
	struct mr_rd value = mr_rd_over(http->line, http->line_len), name = take_to(&value, ':');

	if (++http->headers > MR_HTTP_HEADERS_MAX) {
		refuse(http, 431);
		return;
	}
	for (size_t i = 0; i < name.left; i++) /* no space before the colon, no folded line (RFC 9112 5.1, 5.2) */
		if (!is_token(name.at[i]))
			name.bad = true;
	if (name.left == 0 || name.bad) {
		refuse(http, http->cut && name.left > 0 ? 431 : 400);
		return;
	}
	http->has_origin = http->has_origin || is_word(name, "origin");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!is_word(name, known[i]))
			continue;
		if (http->cut && i != 1) /* of Host only its presence counts */
			refuse(http, 431);
		else
			on_known_header(http, name, trim(value));
		return;
	}
}

static void on_head_end(struct mr_http *http)
{
	if (!http->is_1_0 && !http->has_host)
		refuse(http, 400);
	else if (http->method == MR_HTTP_POST && !http->has_length)
		refuse(http, 411);
	else
		http->state = MR_HTTP_HEAD;
}

static void on_line(struct mr_http *http)
{
	if (http->state == MR_HTTP_HEADERS && http->line_len == 0)
		on_head_end(http);
	else if (http->state == MR_HTTP_HEADERS)
		on_header(http);
	else if (http->line_len > 0) /* an empty line before a request is ignored (RFC 9112 2.2) */
		on_request_line(http);
	http->line_len = 0;
	http->cut = false;
}

/* Lines end with CR LF; LF alone will do (RFC 9112 2.2); CR alone will not, nor will NUL. */
static void on_head_octet(struct mr_http *http, uint8_t c)
{
	bool cr = http->cr;

	http->cr = c == '\r';
	if (++http->head_len > MR_HTTP_HEAD_MAX)
		refuse(http, 431);
	else if (c == '\n')
		on_line(http);
	else if (cr || c == 0)
		refuse(http, 400);
	else if (c != '\r' && http->line_len < sizeof(http->line))
		http->line[http->line_len++] = c;
	else if (c != '\r')
		http->cut = true;
}

size_t mr_http_receive(struct mr_http *http, const uint8_t *octets, size_t len)
{
	struct mr_rd in = mr_rd_over(octets, len);

	while (in.left > 0 && (http->state == MR_HTTP_LINE || http->state == MR_HTTP_HEADERS))
		on_head_octet(http, mr_rd_u8(&in));
	MR_ASSERT(http->line_len <= sizeof(http->line));
	if (http->state == MR_HTTP_BODY) {
		size_t want = http->body_len - http->body_have, n = in.left < want ? in.left : want;

		mr_rd_copy(&in, http->body + http->body_have, n);
		http->body_have += n;
		if (n == want)
			http->state = MR_HTTP_WHOLE;
	}
	return len - in.left;
}

void mr_http_body(struct mr_http *http, uint8_t *body)
{
	MR_ASSERT(http->state == MR_HTTP_HEAD && http->body_have == 0);
	http->body = body;
	http->state = http->body_len > 0 ? MR_HTTP_BODY : MR_HTTP_WHOLE;
}

/* --- forms: URL Standard, application/x-www-form-urlencoded --- */

static int hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

/* The next octet, decoded; -1: a % without two digits behind it. */
static int form_octet(struct mr_rd *in)
{
	uint8_t c = mr_rd_u8(in);
	int high, low;

	if (c != '%')
		return c == '+' ? ' ' : c;
	high = hex_digit(mr_rd_u8(in));
	low = hex_digit(mr_rd_u8(in));
	return in->bad || high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool names(struct mr_rd in, const char *name)
{
	while (in.left > 0 && *name)
		if (form_octet(&in) != (uint8_t)*name++)
			return false;
	return in.left == 0 && !*name;
}

enum mr_form mr_form_get(struct mr_rd body, const char *name, uint8_t *out, size_t cap, size_t *len)
{
	enum mr_form result = MR_FORM_ABSENT;

	*len = 0;
	while (body.left > 0) {
		struct mr_rd value = take_to(&body, '&'), key;

		value.bad = false;
		key = take_to(&value, '=');
		key.bad = false;
		if (!names(key, name))
			continue;
		if (result != MR_FORM_ABSENT)
			return MR_FORM_BAD;
		result = MR_FORM_OK;
		while (value.left > 0) {
			int c = form_octet(&value);

			if (c < 0 || *len == cap)
				return MR_FORM_BAD;
			out[(*len)++] = (uint8_t)c;
		}
	}
	return result;
}

/* --- responses --- */

static const struct {
	uint16_t status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 423, "Locked" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

static void put_text(struct mr_wr *w, const char *text)
{
	while (*text)
		mr_wr_u8(w, (uint8_t)*text++);
}

static void put_number(struct mr_wr *w, size_t n)
{
	if (n >= 10)
		put_number(w, n / 10);
	mr_wr_u8(w, (uint8_t)('0' + n % 10));
}

void mr_http_head(struct mr_wr *w, uint16_t status, const char *type, size_t body_len, bool keep_alive,
		  const char *extra)
{
	put_text(w, "HTTP/1.1 ");
	put_number(w, status);
	put_text(w, " ");
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			put_text(w, reasons[i].reason);
	put_text(w, "\r\n");
	if (type) {
		put_text(w, "Content-Type: ");
		put_text(w, type);
		put_text(w, "\r\nContent-Length: ");
		put_number(w, body_len);
		put_text(w, "\r\n");
	}
	put_text(w, "Cache-Control: no-store\r\n");
	if (!keep_alive)
		put_text(w, "Connection: close\r\n");
	if (extra)
		put_text(w, extra);
	put_text(w, "\r\n");
}
