/*
 * Writes JSON (RFC 8259) into a fixed buffer: objects and arrays of names and values, in order. Commas are ours.
 * `name` is NULL inside an array, and plain ASCII. `w.bad` tells at the end that it did not fit.
 */
#pragma once

#include "agent/wire/cursor.h"

struct mr_json {
	struct mr_wr w;
	bool comma; /* one is due before the next member */
};

struct mr_json mr_json_over(void *buf, size_t cap);
void mr_json_open(struct mr_json *j, const char *name, char bracket); /* '{' or '[' */
void mr_json_close(struct mr_json *j, char bracket);		      /* '}' or ']' */
void mr_json_number(struct mr_json *j, const char *name, int64_t value);
void mr_json_bool(struct mr_json *j, const char *name, bool value);
void mr_json_null(struct mr_json *j, const char *name);
/* Any octets as two digits each. */
void mr_json_hex(struct mr_json *j, const char *name, const void *octets, size_t len);
/* Six octets as 02:4d:52:00:00:01. */
void mr_json_mac(struct mr_json *j, const char *name, const uint8_t mac[static 6]);
/* Text in UTF-8, escaped; null when it is not UTF-8 (RFC 3629: no surrogates, nothing longer than it need be). */
void mr_json_text(struct mr_json *j, const char *name, const void *text, size_t len);
void mr_json_word(struct mr_json *j, const char *name, const char *text);
