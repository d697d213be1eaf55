/*
 * The least that is an HTTP client: sends whole requests to one device's API in pieces of any size, reads whole
 * responses.
 */
#pragma once

#include "agent/core/api.h"
#include "tests/support/board.h"

struct browser {
	struct board *board;
	struct mr_api api;
	size_t piece;	 /* octets given and taken at a time; 0: all there are */
	char raw[16384]; /* the last response as it came, ends with NUL */
	size_t raw_len;
	int status; /* of it; 0: none came */
	char *body; /* in raw */
	size_t body_len;
};

void browser_open(struct browser *w, struct board *board, enum mr_link link, const uint8_t *binding);
/* Gives octets and reads what comes of them; true: all were taken and a whole response came. */
bool browser_send(struct browser *w, const void *octets, size_t len);
bool browser_get(struct browser *w, const char *path);
bool browser_post(struct browser *w, const char *path, const char *type, const void *body, size_t len);
bool browser_form(struct browser *w, const char *path, const char *form);
/* One operation through `path`: the response parsed, its octets in browser's body. false: no 200. */
bool browser_operation(struct browser *w, const struct mr_wr *request, struct mr_message *response);
