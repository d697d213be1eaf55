/*
 * The server's half of HTTP/1.1 (RFC 9110, 9112), as much as the API needs: one request at a time, GET and POST, bodies
 * with a Content-Length. Octets come in any cuts. What does not fit the limits below is refused with the status that
 * RFC 9110 has for it, never guessed at.
 *
 *	mr_http_begin -> mr_http_receive ... HEAD -> mr_http_body -> mr_http_receive ... WHOLE -> mr_http_begin
 *	                                     BAD: answer with `status`, then end the connection
 */
#pragma once

#include "agent/wire/cursor.h"

#define MR_HTTP_LINE_MAX 160 /* octets kept of a header line; only headers that we do not read may be longer */
#define MR_HTTP_PATH_MAX 32
#define MR_HTTP_HEAD_MAX 8192 /* octets of request line and headers */
#define MR_HTTP_HEADERS_MAX 64

enum mr_http_state { MR_HTTP_LINE = 1, MR_HTTP_HEADERS, MR_HTTP_HEAD, MR_HTTP_BODY, MR_HTTP_WHOLE, MR_HTTP_BAD };
enum mr_http_method { MR_HTTP_OTHER, MR_HTTP_GET, MR_HTTP_POST };
enum mr_http_type { MR_HTTP_NO_TYPE, MR_HTTP_FORM, MR_HTTP_OCTETS, MR_HTTP_OTHER_TYPE };

/* Layout is ours, but for what mr_http_receive leaves in the part marked so. */
struct mr_http {
	enum mr_http_state state;
	/* of the request, from HEAD on */
	enum mr_http_method method;
	enum mr_http_type type;
	char path[MR_HTTP_PATH_MAX + 1]; /* without the query; "" when it is longer than any of ours */
	size_t body_len;		 /* as announced */
	bool keep_alive;
	bool expects_continue; /* the client waits for "100 Continue" before it sends the body */
	bool has_origin;       /* a web page in a browser asks, not an app */
	uint16_t status;       /* of BAD */

	bool has_length, has_host, is_1_0, cut, cr;
	unsigned headers;
	size_t head_len, line_len;
	uint8_t line[MR_HTTP_LINE_MAX];
	uint8_t *body;
	size_t body_have;
};

void mr_http_begin(struct mr_http *http);
/* Takes octets up to where the state changes to HEAD, WHOLE or BAD, and returns how many. In these states it takes
 * none. */
size_t mr_http_receive(struct mr_http *http, const uint8_t *octets, size_t len);
/* After HEAD: where the body goes, body_len octets. The caller has checked the length. */
void mr_http_body(struct mr_http *http, uint8_t *body);

/* The value of field `name` in an application/x-www-form-urlencoded body, decoded. MR_FORM_ABSENT; MR_FORM_BAD: named
 * twice, longer than `cap`, or not well-formed. */
enum mr_form { MR_FORM_OK, MR_FORM_ABSENT, MR_FORM_BAD };
enum mr_form mr_form_get(struct mr_rd body, const char *name, uint8_t *out, size_t cap, size_t *len);

/* Status line and headers. `type` NULL: no body (204). `extra` (NULL: none): further headers, each with its CR LF. */
void mr_http_head(struct mr_wr *w, uint16_t status, const char *type, size_t body_len, bool keep_alive,
		  const char *extra);
