/*
 * HTTP/1.1: requests as written, responses cut at every place, and servers that mean ill.
 *
 * links: station/ip/http.c agent/wire/cause.c
 * links: station/base/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/cause.h"
#include "station/ip/http.h"
#include "tests/support/voice.h"

#define BODY 1000u

static struct http_response r;
static uint8_t body[BODY], out[4096];

static int receive(const char *text, size_t len)
{
	struct mr_rd in = mr_rd_over(text, len);
	int result = http_response_receive(&r, &in);

	assert_true(result < 0 || result == (r.state == HTTP_COMPLETE ? HTTP_DONE : HTTP_MORE));
	return result;
}

static int whole(const char *text)
{
	http_response_init(&r, body, BODY, false);
	return receive(text, strlen(text));
}

static void assert_refused(const char *text)
{
	if (whole(text) != -MR_CAUSE_BAD_RESPONSE)
		fail_msg("not refused: %s", text);
	assert_int_equal(receive("x", 1), -MR_CAUSE_BAD_RESPONSE); /* and stays so */
}

static void assert_field(const char *name, const char *value)
{
	struct mr_rd v;

	assert_true(http_response_field(&r, name, &v));
	assert_int_equal(v.left, strlen(value));
	assert_memory_equal(v.at, value, v.left);
}

/* --- requests --- */

static void a_request_is_written_as_rfc_9112_has_it(void **state)
{
	static const struct http_field fields[] = { { "Content-Type", "application/octet-stream" } };
	static const char expected[] =
		"POST /prov/session?x=1 HTTP/1.1\r\nHost: 192.168.4.1\r\nContent-Length: 4\r\n"
		"Connection: keep-alive\r\nContent-Type: application/octet-stream\r\n\r\n\0\r\n\xff";
	struct http_request q = { .method = "POST",
				  .host = "192.168.4.1",
				  .target = "/prov/session?x=1",
				  .fields = fields,
				  .field_count = 1,
				  .body = mr_rd_over("\0\r\n\xff", 4) };
	struct mr_wr w = mr_wr_over(out, sizeof(out));

	(void)state;
	assert_true(http_request_write(&q, &w));
	assert_int_equal(w.len, sizeof(expected) - 1);
	assert_memory_equal(out, expected, w.len);
	for (size_t cap = 0; cap < sizeof(expected) - 1; cap++) {
		w = mr_wr_over(out, cap);
		assert_false(http_request_write(&q, &w));
	}
}

static void get_has_no_length_and_an_empty_post_has_one(void **state)
{
	struct http_request q = { .method = "GET", .host = "h", .target = "/", .close = true };
	struct mr_wr w = mr_wr_over(out, sizeof(out));

	(void)state;
	assert_true(http_request_write(&q, &w));
	assert_int_equal(w.len, strlen("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
	assert_memory_equal(out, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", w.len);
	q.method = "POST";
	w = mr_wr_over(out, sizeof(out));
	assert_true(http_request_write(&q, &w));
	assert_non_null(memmem(out, w.len, "Content-Length: 0\r\n", 19));
}

static void what_would_end_a_line_or_a_word_is_not_written(void **state)
{
	static const struct http_request wrong[] = {
		{ .method = "", .host = "h", .target = "/" },
		{ .method = "G T", .host = "h", .target = "/" },
		{ .method = "GET", .host = "", .target = "/" },
		{ .method = "GET", .host = "h\r\nX: y", .target = "/" },
		{ .method = "GET", .host = "h", .target = "" },
		{ .method = "GET", .host = "h", .target = "/a b" },
		{ .method = "GET", .host = "h", .target = "/\n" },
		{ .method = "GET", .host = "h", .target = "/\xc3\xa4" },
	};
	static const struct http_field fields[] = { { "X", "a\r\nY: b" }, { "X:", "a" },   { "", "a" },
						    { "X Y", "a" },	  { "X", "a\nb" }, { "X", "\x01" } };
	struct http_request q = { .method = "GET", .host = "h", .target = "/", .field_count = 1 };
	struct mr_wr w = mr_wr_over(out, sizeof(out));

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(http_request_write(&wrong[i], &w));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		q.fields = &fields[i];
		assert_false(http_request_write(&q, &w));
	}
	assert_int_equal(w.len, 0);
}

/* --- responses, cut at every place --- */

static const struct {
	const char *text;
	unsigned status;
	const char *body;
	bool keep, by_close;
} good[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true, false },
	{ "HTTP/1.1 200\r\ncontent-length:5 \r\nX: \r\nConnection: Foo, Close\r\n\r\nhello", 200, "hello", false,
	  false },
	{ "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", 404, "", true, false },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false, false },
	{ "HTTP/1.1 200 OK\r\n\r\nuntil\r\nthe end", 200, "until\r\nthe end", false, true },
	{ "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", 204, "", true, false },
	{ "HTTP/1.1 304 \r\nTransfer-Encoding: chunked\r\n\r\n", 304, "", true, false },
	{ "HTTP/1.1 200 OK\nContent-Length: 3, 3\nContent-Length: 3\n\nabc", 200, "abc", true, false },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nContent-Length: 9\r\n\r\nHTTP/1.1 201 "
	  "Created\r\nContent-Length: 1\r\n\r\nx",
	  201, "x", true, false },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00A ;name=\"v\"\r\n, "
	  "chunked!\r\n0\r\nTrailer: x\r\n\r\n",
	  200, "hello, chunked!", true, false },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "", true, false },
	{ "HTTP/1.1 200 OK\r\nX: folded\r\n value \r\n\there\r\nContent-Length: 1\r\n\r\n!", 200, "!", true, false },
};

static void assert_good(size_t i, int result)
{
	if (good[i].by_close) {
		assert_int_equal(result, HTTP_MORE);
		result = http_response_end(&r);
	}
	assert_int_equal(result, HTTP_DONE);
	assert_int_equal(r.status, good[i].status);
	assert_int_equal(r.keep, good[i].keep);
	assert_int_equal(r.body_len, strlen(good[i].body));
	assert_memory_equal(r.body, good[i].body, r.body_len);
}

static void a_response_may_be_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t len = strlen(good[i].text);

		assert_good(i, whole(good[i].text));
		for (size_t cut = 0; cut < len; cut++) {
			http_response_init(&r, body, BODY, false);
			assert_int_equal(receive(good[i].text, cut), HTTP_MORE);
			assert_good(i, receive(good[i].text + cut, len - cut));
		}
		http_response_init(&r, body, BODY, false);
		for (size_t at = 0; at + 1 < len; at++)
			assert_int_equal(receive(good[i].text + at, 1), HTTP_MORE);
		assert_good(i, receive(good[i].text + len - 1, 1));
	}
}

static void a_response_that_ends_early_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		for (size_t cut = 0; cut < strlen(good[i].text); cut++) {
			http_response_init(&r, body, BODY, false);
			assert_int_equal(receive(good[i].text, cut), HTTP_MORE);
			if (good[i].by_close && r.state == HTTP_BODY_TO_CLOSE)
				continue;
			assert_int_equal(http_response_end(&r),
					 cut == 0 ? -MR_CAUSE_LINK_LOST : -MR_CAUSE_BAD_RESPONSE);
		}
}

static void what_comes_after_a_response_is_left(void **state)
{
	static const char two[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 201 OK\r\nContent-Length: 1\r\n\r\nb";
	struct mr_rd in = mr_rd_over(two, sizeof(two) - 1);

	(void)state;
	http_response_init(&r, body, BODY, false);
	assert_int_equal(http_response_receive(&r, &in), HTTP_DONE);
	assert_int_equal(in.left, (sizeof(two) - 1) / 2);
	http_response_init(&r, body, BODY, false);
	assert_int_equal(http_response_receive(&r, &in), HTTP_DONE);
	assert_int_equal(r.status, 201);
	assert_int_equal(in.left, 0);
}

static void fields_are_found_by_name_in_any_case(void **state)
{
	struct mr_rd v;

	(void)state;
	whole("HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/\r\nSET-COOKIE: two\r\nX-Long: a\r\n  "
	      "b\r\nEmpty:\r\nContent-Length: 0\r\n\r\n");
	assert_field("set-cookie", "session=1; Path=/");
	assert_field("X-LONG", "a    b");
	assert_field("empty", "");
	assert_false(http_response_field(&r, "set-cooki", &v));
	assert_false(http_response_field(&r, "cookie", &v));
}

static void the_answer_to_head_has_no_body(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n";

	(void)state;
	http_response_init(&r, body, BODY, true);
	assert_int_equal(receive(text, sizeof(text) - 1), HTTP_DONE);
	assert_int_equal(r.body_len, 0);
}

/* --- servers that mean ill --- */

/* As the case http-leading-crlf has it, in any cuts. */
static void empty_lines_before_the_status_line_are_skipped(void **state)
{
	static const char text[] = "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

	(void)state;
	for (size_t cut = 0; cut < sizeof(text) - 1; cut++) {
		http_response_init(&r, body, BODY, false);
		if (cut)
			assert_int_equal(receive(text, cut), HTTP_MORE);
		assert_int_equal(receive(text + cut, sizeof(text) - 1 - cut), HTTP_DONE);
		assert_int_equal(r.status, 200);
		assert_memory_equal(body, "hi", 2);
	}
	assert_int_equal(whole("\r\n\r\n\r\n\r\nHTTP/1.1 204 \r\n\r\n"), HTTP_DONE);
}

static void malformed_heads_are_refused(void **state)
{
	static const char *const wrong[] = {
		"\r\n\r\n\r\n\r\n\r\n",
		"\r\n \r\nHTTP/1.1 200 OK\r\n",
		"HTTP/1.1\r\n",
		"HTTP/2.0 200 OK\r\n",
		"HTTP/1.2 200 OK\r\n",
		"HTTP/1.1  200 OK\r\n",
		"http/1.1 200 OK\r\n",
		"HTTP/1.1 20 OK\r\n",
		"HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1 099 OK\r\n",
		"HTTP/1.1 600 OK\r\n",
		"HTTP/1.1 2x0 OK\r\n",
		"ICY 200 OK\r\n",
		"HTTP/1.1 200 O\rK\r\n",
		"HTTP/1.1 200 O\x01K\r\n",
		"HTTP/1.1 101 Switching\r\n\r\n",
		"HTTP/1.1 200 OK\r\nno colon\r\n",
		"HTTP/1.1 200 OK\r\nName : x\r\n",
		"HTTP/1.1 200 OK\r\n: x\r\n",
		"HTTP/1.1 200 OK\r\n folded: x\r\n",
		"HTTP/1.1 200 OK\r\nA: b\rc\r\n",
		"HTTP/1.1 200 OK\r\nA: b\x7f\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_refused(wrong[i]);
}

static void lengths_that_lie_are_refused(void **state)
{
	static const char *const wrong[] = {
		"Content-Length: 1001",
		"Content-Length: -1",
		"Content-Length: +1",
		"Content-Length: 1 1",
		"Content-Length: 0x1",
		"Content-Length:",
		"Content-Length: ,",
		"Content-Length: 1, 2",
		"Content-Length: 1\r\nContent-Length: 2",
		"Content-Length: 18446744073709551616",
		"Content-Length: 18446744073709551617",
		"Content-Length: 99999999999999999999999",
		"Transfer-Encoding: chunked\r\nContent-Length: 1",
		"Content-Length: 1\r\nTransfer-Encoding: chunked",
		"Transfer-Encoding: gzip, chunked",
		"Transfer-Encoding: chunked, chunked",
		"Transfer-Encoding: identity",
		"Transfer-Encoding:",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n\r\n", wrong[i]);
		assert_refused(text);
	}
	assert_refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void chunk_sizes_that_lie_are_refused(void **state)
{
	static const char *const wrong[] = {
		"\r\n",
		"x\r\n",
		"-1\r\n",
		"3e9\r\n",
		"5,\r\n",
		"1_\r\n",
		"10000000000000000\r\n",
		"10000000000000005\r\nhello\r\n",
		"fffffffffffffffff\r\n",
		"ffffffffffffffff\r\n",
		"fffffffffffffffc\r\n",
		"8000000000000000\r\n",
		"5\r\nhello!\r\n",
		"5\r\nhellox\r\n",
		"3e8\r\n%1000s\r\n1\r\n",
	};
	static char text[4096], chunk[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(chunk, sizeof(chunk), wrong[i], "");
		(void)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s", chunk);
		assert_refused(text);
	}
}

static void a_body_that_fits_exactly_is_taken_and_one_octet_more_is_not(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
	static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

	(void)state;
	whole(head);
	for (size_t i = 0; i < BODY; i++)
		assert_int_equal(receive("x", 1), HTTP_MORE);
	assert_int_equal(receive("x", 1), -MR_CAUSE_BAD_RESPONSE);
	whole(chunked); /* a thousand chunks: their lines do not add up */
	for (size_t i = 0; i < BODY; i++)
		assert_int_equal(receive("1;aaaaaaaaaaaaaaaaaaaa\r\nx\r\n", 27), HTTP_MORE);
	assert_int_equal(receive("1\r\n", 3), -MR_CAUSE_BAD_RESPONSE);
	whole("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
	for (size_t i = 0; i < BODY - 1; i++)
		assert_int_equal(receive("x", 1), HTTP_MORE);
	assert_int_equal(receive("x", 1), HTTP_DONE);
}

/* Feeds `part` until the answer is no longer HTTP_MORE; the octets it took. */
static size_t endless(const char *begin, const char *part)
{
	size_t n = 0;

	whole(begin);
	while (receive(part, strlen(part)) == HTTP_MORE && n < 100000)
		n += strlen(part);
	assert_int_equal(r.state, HTTP_REFUSED);
	return n;
}

static void what_has_no_end_is_refused(void **state)
{
	(void)state;
	assert_in_range(endless("HTTP/1.1 200 ", "a"), 8000, HTTP_HEAD_MAX);
	assert_in_range(endless("HTTP/1.1 200 OK\r\nA: ", "a"), 8000, HTTP_HEAD_MAX);
	assert_in_range(endless("HTTP/1.1 200 OK\r\n", "A: b\r\n"), 64 * 6, 64 * 6);
	assert_in_range(endless("HTTP/1.1 200 OK\r\nA: b\r\n", " b\r\n"), 8000, HTTP_HEAD_MAX);
	assert_in_range(endless("", "HTTP/1.1 100 Continue\r\n\r\n"), 8 * 25, 8 * 25);
	assert_in_range(endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "a"), 8000, HTTP_HEAD_MAX);
	assert_in_range(endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n"), 8000,
			HTTP_HEAD_MAX);
}

static void the_log_tells_how_a_response_ended(void **state)
{
	struct voice v;

	(void)state;
	http_response_init(&r, body, BODY, false);
	r.tag = voice_open(&v, LOG_DEBUG);
	assert_int_equal(receive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 41), HTTP_DONE);
	http_response_init(&r, body, BODY, false);
	r.tag = &v.tag;
	assert_int_equal(receive("HTTP/1.1 204 None\r\n", 19), HTTP_MORE);
	assert_int_equal(http_response_end(&r), -MR_CAUSE_BAD_RESPONSE);
	assert_int_equal(http_response_end(&r), -MR_CAUSE_BAD_RESPONSE);
	assert_string_equal(voice_text(&v), "http: body -> complete (status 200, 2 octets)\n"
					    "http: fields -> refused (status 204, 0 octets: cut short)\n");
	voice_close(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_tells_how_a_response_ended),
		cmocka_unit_test(a_request_is_written_as_rfc_9112_has_it),
		cmocka_unit_test(get_has_no_length_and_an_empty_post_has_one),
		cmocka_unit_test(what_would_end_a_line_or_a_word_is_not_written),
		cmocka_unit_test(a_response_may_be_cut_anywhere),
		cmocka_unit_test(a_response_that_ends_early_is_refused),
		cmocka_unit_test(what_comes_after_a_response_is_left),
		cmocka_unit_test(fields_are_found_by_name_in_any_case),
		cmocka_unit_test(the_answer_to_head_has_no_body),
		cmocka_unit_test(empty_lines_before_the_status_line_are_skipped),
		cmocka_unit_test(malformed_heads_are_refused),
		cmocka_unit_test(lengths_that_lie_are_refused),
		cmocka_unit_test(chunk_sizes_that_lie_are_refused),
		cmocka_unit_test(a_body_that_fits_exactly_is_taken_and_one_octet_more_is_not),
		cmocka_unit_test(what_has_no_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
