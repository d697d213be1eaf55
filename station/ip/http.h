/*
 * HTTP/1.1, the client's side: RFC 9110, RFC 9112. A request is written whole; a response is read from octets cut
 * anywhere. No connection, no clock: the caller gives up on a server that says nothing.
 *
 *	http_request_write -> (send) -> http_response_init -> { http_response_receive } -> HTTP_DONE |
 *		http_response_end
 *
 * A response has an end: a head of 8 KiB and 64 fields, a body as large as the caller's buffer, a handful of interim
 * responses.
 */
#pragma once

#include "agent/wire/cursor.h"
#include "station/base/log.h"

#define HTTP_HEAD_MAX 8192u /* octets: status line and fields, all interim responses, chunk trailers */
#define HTTP_FIELDS_MAX 64u
#define HTTP_INTERIM_MAX 8u /* 1xx responses before the final one */
#define HTTP_BLANK_MAX 4u

struct http_field {
	const char *name, *value;
};

struct http_request {
	const char *method;		 /* "GET", "POST" ... */
	const char *host;		 /* "192.168.4.1", with ":port" when it is not the scheme's own */
	const char *target;		 /* "/path?query" */
	const struct http_field *fields; /* further ones: Content-Type, Authorization ... */
	size_t field_count;
	struct mr_rd body; /* Content-Length is written when there is a body, and for POST, PUT and PATCH */
	bool close;	   /* no other request will go over this connection */
};

/* False: the request does not fit, or a part of it has characters that would end a line or a word (RFC 9112 11.1). */
bool http_request_write(const struct http_request *request, struct mr_wr *out);

enum http_state {
	HTTP_STATUS_LINE,
	HTTP_FIELDS,
	HTTP_BODY,
	HTTP_BODY_TO_CLOSE,
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK,
	HTTP_CHUNK_END,
	HTTP_TRAILER,
	HTTP_COMPLETE,
	HTTP_REFUSED,
};

/* Layout is ours, but for the fields marked. About 9 KiB, placed by the owner. */
struct http_response {
	enum http_state state;
	const struct log_tag *tag; /* the owner sets it after http_response_init; NULL: silent */
	unsigned status;	   /* read it: 200 to 599, from HTTP_DONE on */
	bool keep;		   /* read it: the connection takes another request */
	uint8_t *body;		   /* read it: the caller's buffer */
	size_t body_len;	   /* read it */
	size_t body_cap;
	bool without_body; /* the request was HEAD */
	bool chunked, has_length, minor_1;
	uint64_t left;		 /* of the body or chunk */
	unsigned interim, blank; /* interim responses, empty lines before the status line */
	size_t head_len, line_at;
	unsigned fields;
	struct {
		uint16_t name_at, name_len, value_at, value_len;
	} field[HTTP_FIELDS_MAX];
	uint8_t head[HTTP_HEAD_MAX];
};

enum { HTTP_MORE, HTTP_DONE };

/* The body goes to `body`; a longer one is refused. `without_body`: the request was HEAD. */
void http_response_init(struct http_response *r, uint8_t *body, size_t body_cap, bool without_body);

/*
 * Reads what the server sent. HTTP_MORE: all of `in` is used. HTTP_DONE: `in` is left at what follows the response
 * (nothing, if the server sends only what it was asked for). Below zero: -MR_CAUSE_BAD_RESPONSE; end the connection.
 */
int http_response_receive(struct http_response *r, struct mr_rd *in);
/* The server closed: HTTP_DONE, or -MR_CAUSE_LINK_LOST before the first octet, else -MR_CAUSE_BAD_RESPONSE: cut short.
 */
int http_response_end(struct http_response *r);

/* The value of the first field of that name (any case); false: there is none. It lives in `r`. */
bool http_response_field(const struct http_response *r, const char *name, struct mr_rd *value);
