#include "tests/support/browser.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void browser_open(struct browser *w, struct board *board, enum mr_link link, const uint8_t *binding)
{
	w->board = board;
	mr_api_open(&w->api, &board->agent, link, binding);
}

static void take(struct browser *w)
{
	size_t n, cap;

	do {
		cap = sizeof(w->raw) - 1 - w->raw_len;
		if (w->piece && w->piece < cap)
			cap = w->piece;
		n = mr_api_pull(&w->api, (uint8_t *)w->raw + w->raw_len, cap);
		w->raw_len += n;
	} while (n > 0);
	w->raw[w->raw_len] = '\0';
}

/* Cuts the last response up. A "100 Continue" before it is left off. */
static bool read_response(struct browser *w)
{
	char *at = w->raw, *end, *length;

	w->status = 0;
	if (strncmp(at, "HTTP/1.1 100 ", 13) == 0)
		at = strstr(at, "\r\n\r\n") + 4;
	end = strstr(at, "\r\n\r\n");
	if (!end || sscanf(at, "HTTP/1.1 %d ", &w->status) != 1)
		return false;
	w->body = end + 4;
	length = strcasestr(at, "\r\nContent-Length: ");
	w->body_len = length && length < end ? strtoul(length + 18, NULL, 10) : 0;
	return w->raw + w->raw_len == w->body + w->body_len;
}

bool browser_send(struct browser *w, const void *octets, size_t len)
{
	const uint8_t *at = octets;

	w->raw_len = 0;
	while (len > 0) {
		size_t give = w->piece && w->piece < len ? w->piece : len, took = mr_api_receive(&w->api, at, give);

		take(w);
		if (took == 0)
			took = mr_api_receive(&w->api, at, give);
		if (took == 0)
			return false;
		at += took;
		len -= took;
	}
	take(w);
	mr_api_sent(&w->api);
	return read_response(w);
}

bool browser_get(struct browser *w, const char *path)
{
	char text[256];
	int len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: 192.168.4.1\r\n\r\n", path);

	return browser_send(w, text, (size_t)len);
}

bool browser_post(struct browser *w, const char *path, const char *type, const void *body, size_t len)
{
	char text[4096];
	int head = snprintf(text, sizeof(text),
			    "POST %s HTTP/1.1\r\nHost: 192.168.4.1\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
			    path, type, len);

	assert((size_t)head + len <= sizeof(text));
	if (len > 0)
		memcpy(text + head, body, len);
	return browser_send(w, text, (size_t)head + len);
}

bool browser_form(struct browser *w, const char *path, const char *form)
{
	return browser_post(w, path, "application/x-www-form-urlencoded", form, strlen(form));
}

bool browser_operation(struct browser *w, const struct mr_wr *request, struct mr_message *response)
{
	assert(!request->bad);
	return browser_post(w, "/v1/operation", "application/octet-stream", request->buf, request->len) &&
	       w->status == 200 && mr_message_parse(mr_rd_over(w->body, w->body_len), response) && response->response;
}
