/*
 * Any octets as requests, one behind the other: whole and in cuts they are read alike.
 *
 * links: agent/core/http.c
 */
#include <assert.h>
#include <string.h>

#include "agent/core/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct reading {
	struct mr_http http;
	uint8_t body[2048];
	size_t taken;
};

/* One request from `octets`, `piece` at a time. */
static void read_one(struct reading *r, const uint8_t *octets, size_t len, size_t piece)
{
	memset(r, 0, sizeof(*r));
	mr_http_begin(&r->http);
	while (r->taken < len && r->http.state != MR_HTTP_WHOLE && r->http.state != MR_HTTP_BAD) {
		size_t n = len - r->taken < piece ? len - r->taken : piece, took;

		if (r->http.state == MR_HTTP_HEAD && r->http.body_len > sizeof(r->body))
			break;
		if (r->http.state == MR_HTTP_HEAD) {
			mr_http_body(&r->http, r->body);
			continue;
		}
		took = mr_http_receive(&r->http, octets + r->taken, n);
		assert(took > 0 && took <= n);
		r->taken += took;
	}
	if (r->http.state == MR_HTTP_HEAD && r->http.body_len == 0)
		mr_http_body(&r->http, r->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (at < len) {
		struct reading whole, cut;

		read_one(&whole, bytes + at, len - at, SIZE_MAX);
		read_one(&cut, bytes + at, len - at, 1 + bytes[at] % 7);
		assert(whole.taken == cut.taken && whole.http.state == cut.http.state &&
		       whole.http.status == cut.http.status && whole.http.method == cut.http.method &&
		       whole.http.type == cut.http.type && !strcmp(whole.http.path, cut.http.path) &&
		       !memcmp(whole.body, cut.body, sizeof(cut.body)));
		assert((whole.http.state == MR_HTTP_BAD) == (whole.http.status >= 400));
		if (whole.http.state != MR_HTTP_WHOLE)
			return 0;
		at += whole.taken;
	}
	return 0;
}
