/*
 * Any octets as a response, whole and cut at the place that the first octet names: both must read the same.
 *
 * links: station/ip/http.c agent/wire/cause.c
 * links: station/base/log.c
 */
#include <assert.h>
#include <string.h>

#include "station/ip/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define CAP 512u

static int read_in(struct http_response *r, uint8_t *body, const uint8_t *bytes, size_t len, size_t cut)
{
	struct mr_rd in = mr_rd_over(bytes, cut);
	int result;

	http_response_init(r, body, CAP, false);
	result = http_response_receive(r, &in);
	assert(result != HTTP_MORE || in.left == 0);
	if (result != HTTP_MORE)
		return result;
	in = mr_rd_over(bytes + cut, len - cut);
	result = http_response_receive(r, &in);
	assert(result != HTTP_MORE || in.left == 0);
	return result == HTTP_MORE ? http_response_end(r) : result;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct http_response whole, parts;
	static uint8_t body[2][CAP];
	struct mr_rd value;
	size_t cut;
	int one, two;

	if (len < 2)
		return 0;
	cut = *bytes++;
	len--;
	one = read_in(&whole, body[0], bytes, len, len);
	two = read_in(&parts, body[1], bytes, len, cut < len ? cut : len);
	assert(one == two);
	if (one != HTTP_DONE)
		return 0;
	assert(whole.status >= 200 && whole.status <= 599 && whole.status == parts.status && whole.keep == parts.keep);
	assert(whole.body_len <= CAP && whole.body_len == parts.body_len && !memcmp(body[0], body[1], whole.body_len));
	assert(whole.fields == parts.fields && whole.fields <= HTTP_FIELDS_MAX);
	for (unsigned i = 0; i < whole.fields; i++)
		assert((size_t)whole.field[i].value_at + whole.field[i].value_len <= HTTP_HEAD_MAX &&
		       !memcmp(&whole.field[i], &parts.field[i], sizeof(whole.field[i])));
	if (http_response_field(&whole, "content-type", &value))
		assert(value.at >= whole.head && value.at + value.left <= whole.head + whole.head_len);
	return 0;
}
