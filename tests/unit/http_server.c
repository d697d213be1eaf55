/*
 * HTTP/1.1 as the device reads it, forms, and JSON: each request whole and in single octets; what RFC 9112 forbids.
 *
 * links: agent/core/http.c agent/core/json.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/core/http.h"
#include "agent/core/json.h"

static uint8_t body[2048];

/* Gives a request in pieces up to where it is whole or refused. Returns how many octets were taken. */
static size_t give(struct mr_http *http, const char *text, size_t len, size_t piece)
{
	size_t at = 0;

	mr_http_begin(http);
	while (http->state != MR_HTTP_WHOLE && http->state != MR_HTTP_BAD) {
		size_t n = len - at < piece ? len - at : piece;

		if (http->state == MR_HTTP_HEAD && http->body_len <= sizeof(body)) {
			mr_http_body(http, body);
			continue;
		}
		if (n == 0 || http->state == MR_HTTP_HEAD)
			return at;
		at += mr_http_receive(http, (const uint8_t *)text + at, n);
	}
	return at;
}

static int status_of(const char *text)
{
	struct mr_http whole, single;

	(void)give(&whole, text, strlen(text), SIZE_MAX);
	(void)give(&single, text, strlen(text), 1);
	assert_int_equal(whole.state, single.state);
	assert_int_equal(whole.status, single.status);
	return whole.state == MR_HTTP_BAD ? whole.status : whole.state == MR_HTTP_WHOLE ? 200 : 0;
}

static void a_request_is_read_in_any_cuts(void **state)
{
	static const char text[] = "\r\nPOST /v1/credentials?x=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: b\r\n"
				   "content-type:  application/x-www-form-urlencoded; charset=utf-8 \r\n"
				   "Content-Length: 6\r\n\r\nssid=aGET /";
	struct mr_http http;

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		memset(body, 0, sizeof(body));
		assert_int_equal(give(&http, text, sizeof(text) - 1, piece), sizeof(text) - 1 - 5);
		assert_int_equal(http.state, MR_HTTP_WHOLE);
		assert_int_equal(http.method, MR_HTTP_POST);
		assert_string_equal(http.path, "/v1/credentials");
		assert_int_equal(http.type, MR_HTTP_FORM);
		assert_int_equal(http.body_len, 6);
		assert_true(http.keep_alive);
		assert_false(http.has_origin);
		assert_memory_equal(body, "ssid=a", 7);
	}
}

static void a_request_cut_short_is_not_whole(void **state)
{
	static const char text[] = "POST /v1/pin HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
	struct mr_http http;

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		(void)give(&http, text, len, SIZE_MAX);
		assert_true(http.state == MR_HTTP_LINE || http.state == MR_HTTP_HEADERS || http.state == MR_HTTP_BODY);
	}
	(void)give(&http, text, sizeof(text) - 1, SIZE_MAX);
	assert_int_equal(http.state, MR_HTTP_WHOLE);
}

static void what_http_forbids_is_refused_with_its_status(void **state)
{
	static const struct {
		int status;
		const char *text;
	} cases[] = {
		{ 200, "GET / HTTP/1.1\nHost: a\n\n" }, /* LF alone will do */
		{ 200, "GET / HTTP/1.0\r\n\r\n" },	/* 1.0 knows no Host */
		{ 200, "GET http://device/v1/status HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 200, "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n" }, /* a method of others: for the endpoint to refuse */
		{ 200, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" },
		{ 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET / \r\nHost: a\r\n\r\n" },
		{ 400, "GET\r\n\r\n" },
		{ 400, " / HTTP/1.1\r\n\r\n" },
		{ 400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET v1 HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET / HTTP/11\r\nHost: a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\rHost: a\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab" },
		{ 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na" },
		{ 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na" },
		{ 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\na" },
		{ 411, "POST / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 0\r\n\r\n" },
		{ 501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
		{ 501, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0" },
		{ 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = status_of(cases[i].text);

		if (status != cases[i].status)
			fail_msg("%d, not %d: %s", status, cases[i].status, cases[i].text);
	}
}

static void every_limit_is_held_to(void **state)
{
	static char text[2 * MR_HTTP_HEAD_MAX];
	struct mr_http http;
	size_t len;

	(void)state;
	/* A path longer than any of ours is just unknown; a request line longer than the buffer is refused. */
	len = (size_t)snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", MR_HTTP_PATH_MAX, 0);
	(void)give(&http, text, len, 7);
	assert_int_equal(http.state, MR_HTTP_WHOLE);
	assert_string_equal(http.path, "");
	(void)snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", MR_HTTP_LINE_MAX, 0);
	assert_int_equal(status_of(text), 414);
	/* A long header of no interest, a long Host; a long one that matters. */
	(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %0500d\r\nUser-Agent: %04000d\r\n\r\n", 0, 0);
	assert_int_equal(status_of(text), 200);
	(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: %0200d\r\n\r\n", 0);
	assert_int_equal(status_of(text), 431);
	(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%0200d: x\r\n\r\n", 0);
	assert_int_equal(status_of(text), 431);
	(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nX: %0*d\r\n\r\n", MR_HTTP_HEAD_MAX, 0);
	assert_int_equal(status_of(text), 431);
	len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < MR_HTTP_HEADERS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "X: y\r\n");
	(void)snprintf(text + len, sizeof(text) - len, "\r\n");
	assert_int_equal(status_of(text), 431);
	/* A length that would wrap round stays large. */
	(void)give(&http, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n", 67, SIZE_MAX);
	assert_int_equal(http.state, MR_HTTP_HEAD);
	assert_true(http.body_len > sizeof(body));
	/* NUL is no character of a header. */
	(void)give(&http, "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", 28, SIZE_MAX);
	assert_int_equal(http.status, 400);
}

static void the_connection_stays_or_ends_as_asked(void **state)
{
	static const struct {
		bool stays;
		const char *text;
	} cases[] = {
		{ true, "GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ false, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n" },
		{ false, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade , close\r\n\r\n" },
		{ false, "GET / HTTP/1.0\r\n\r\n" },
		{ true, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" },
	};
	struct mr_http http;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)give(&http, cases[i].text, strlen(cases[i].text), 3);
		assert_int_equal(http.state, MR_HTTP_WHOLE);
		assert_int_equal(http.keep_alive, cases[i].stays);
	}
	(void)give(&http,
		   "POST / HTTP/1.1\r\nHost: a\r\nOrigin: null\r\nExpect: 100-Continue\r\nContent-Length: 0\r\n\r\n",
		   83, 1);
	assert_true(http.has_origin && http.expects_continue);
}

static enum mr_form form(const char *text, const char *name, uint8_t *out, size_t cap, size_t *len)
{
	return mr_form_get(mr_rd_over(text, strlen(text)), name, out, cap, len);
}

static void a_form_gives_each_value_decoded(void **state)
{
	static const char text[] = "ssid=mill+hall%21%00%ff&security=wpa2&&pass%70hrase=a%26b%3dc&empty=&none";
	uint8_t out[32];
	size_t len;

	(void)state;
	assert_int_equal(form(text, "ssid", out, sizeof(out), &len), MR_FORM_OK);
	assert_int_equal(len, 12);
	assert_memory_equal(out, "mill hall!\0\xff", 12);
	assert_int_equal(form(text, "passphrase", out, sizeof(out), &len), MR_FORM_OK);
	assert_int_equal(len, 5);
	assert_memory_equal(out, "a&b=c", 5);
	assert_int_equal(form(text, "empty", out, sizeof(out), &len), MR_FORM_OK);
	assert_int_equal(len, 0);
	assert_int_equal(form(text, "none", out, sizeof(out), &len), MR_FORM_OK);
	assert_int_equal(form(text, "ssi", out, sizeof(out), &len), MR_FORM_ABSENT);
	assert_int_equal(form(text, "ssidx", out, sizeof(out), &len), MR_FORM_ABSENT);
	assert_int_equal(form("", "ssid", out, sizeof(out), &len), MR_FORM_ABSENT);
}

static void a_form_that_is_not_well_formed_is_refused(void **state)
{
	static const char *const bad[] = { "a=%", "a=%4", "a=%4g", "a=%g4", "a=x%", "a=1&a=1", "a=12345", "a=1234%35" };
	uint8_t out[5] = { 0, 0, 0, 0, 0x5a };
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(form(bad[i], "a", out, 4, &len), MR_FORM_BAD);
	assert_int_equal(out[4], 0x5a);
	assert_int_equal(form("a=1234&b=%", "a", out, 4, &len), MR_FORM_OK);
	assert_int_equal(form("%zz=1&a=2", "a", out, 4, &len), MR_FORM_OK);
}

static void json_is_written_with_its_commas_and_escapes(void **state)
{
	static const uint8_t mac[] = { 2, 0x4d, 0x52, 0, 0, 0xff };
	char text[512];
	struct mr_json j = mr_json_over(text, sizeof(text));

	(void)state;
	mr_json_open(&j, NULL, '{');
	mr_json_word(&j, "a", "q\"b\\\n\x7f\xc3\xa9\xf0\x9f\x8c\x8a");
	mr_json_open(&j, "list", '[');
	mr_json_number(&j, NULL, 0);
	mr_json_number(&j, NULL, -71);
	mr_json_number(&j, NULL, INT64_MIN);
	mr_json_close(&j, ']');
	mr_json_open(&j, "none", '{');
	mr_json_close(&j, '}');
	mr_json_bool(&j, "yes", true);
	mr_json_bool(&j, "no", false);
	mr_json_null(&j, "null");
	mr_json_hex(&j, "hex", "\x00\xff", 2);
	mr_json_mac(&j, "mac", mac);
	mr_json_close(&j, '}');
	mr_wr_u8(&j.w, 0);
	assert_false(j.w.bad);
	assert_string_equal(
		text,
		"{\"a\":\"q\\\"b\\\\\\u000a\\u007f\xc3\xa9\xf0\x9f\x8c\x8a\",\"list\":[0,-71,-9223372036854775808],"
		"\"none\":{},\"yes\":true,\"no\":false,\"null\":null,\"hex\":\"00ff\",\"mac\":\"02:4d:52:00:00:ff\"}");
	j = mr_json_over(text, 10);
	mr_json_word(&j, "name", "too long");
	assert_true(j.w.bad);
}

/* RFC 3629 sections 3 and 4: what is too long, a surrogate, beyond U+10FFFF, or cut. */
static void text_that_is_not_utf8_is_null(void **state)
{
	static const char *const bad[] = { "\x80",
					   "\xc0\x80",
					   "\xc1\xbf",
					   "\xc3",
					   "\xc3(",
					   "\xe0\x9f\xbf",
					   "\xe2\x82",
					   "\xed\xa0\x80",
					   "\xf0\x8f\xbf\xbf",
					   "\xf0\x9f\x8c",
					   "\xf4\x90\x80\x80",
					   "\xf5\x80\x80\x80",
					   "\xff",
					   "a\xe2\x28\xa1" };
	static const char *const good[] = {
		"", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"
	};
	char text[64];
	struct mr_json j;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		j = mr_json_over(text, sizeof(text));
		mr_json_word(&j, NULL, bad[i]);
		assert_int_equal(j.w.len, 4);
		assert_memory_equal(text, "null", 4);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		j = mr_json_over(text, sizeof(text));
		mr_json_word(&j, NULL, good[i]);
		assert_int_equal(j.w.len, strlen(good[i]) + 2);
	}
}

static void a_response_has_this_head(void **state)
{
	char text[256];
	struct mr_wr w = mr_wr_over(text, sizeof(text));

	(void)state;
	mr_http_head(&w, 429, "application/json", 1207, false, "Retry-After: 60\r\n");
	mr_wr_u8(&w, 0);
	assert_string_equal(
		text, "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: 1207\r\n"
		      "Cache-Control: no-store\r\nConnection: close\r\nRetry-After: 60\r\n\r\n");
	w = mr_wr_over(text, sizeof(text));
	mr_http_head(&w, 204, NULL, 0, true, NULL);
	mr_wr_u8(&w, 0);
	assert_string_equal(text, "HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\n\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read_in_any_cuts),
		cmocka_unit_test(a_request_cut_short_is_not_whole),
		cmocka_unit_test(what_http_forbids_is_refused_with_its_status),
		cmocka_unit_test(every_limit_is_held_to),
		cmocka_unit_test(the_connection_stays_or_ends_as_asked),
		cmocka_unit_test(a_form_gives_each_value_decoded),
		cmocka_unit_test(a_form_that_is_not_well_formed_is_refused),
		cmocka_unit_test(json_is_written_with_its_commas_and_escapes),
		cmocka_unit_test(text_that_is_not_utf8_is_null),
		cmocka_unit_test(a_response_has_this_head),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
