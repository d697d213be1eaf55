/*
 * The device's HTTP API: a person's way, the station's way, and what is refused. jansson judges the JSON, OpenSSL the
 * signatures.
 *
 * links: agent/port/linux/crypto_openssl.c tests/support/board.c tests/support/methods_all.c
 * links: tests/support/browser.c tests/support/peer.c tests/support/factory.c agent/libmr.a
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
#include <jansson.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "tests/support/browser.h"
#include "tests/support/factory.h"
#include "tests/support/peer.h"

struct desk {
	struct board board;
	struct browser browser;
	struct peer peer;
	struct factory factory;
	struct mr_message response;
	uint8_t pub[65], certificate[900], request[MR_MESSAGE_MAX];
	size_t certificate_len;
};

static const uint8_t batch_key[32] = { 0xba, 0x7c };
static const uint8_t challenge[32] = { 0xc4, 1 }, zeros[32];
#define AP_PASSPHRASE "a sluice, a wheel"

static int desk_make(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	factory_make(&d->factory);
	peer_make(&d->peer, 99, batch_key);
	board_make(&d->board, 7, d->peer.s_pub, batch_key);
	d->peer.board = &d->board;
	board_give_wifi(&d->board);
	d->board.config.ap = (struct mr_ap_config){
		.method = MR_AP_WPA2, .ssid = "AC-", .passphrase = "as it was built", .freq_mhz = 2437
	};
	assert_true(board_start(&d->board));
	browser_open(&d->browser, &d->board, MR_LINK_WPA2, NULL);
	*state = d;
	return 0;
}

static int desk_wipe(void **state)
{
	struct desk *d = *state;

	mr_api_close(&d->browser.api);
	factory_wipe(&d->factory);
	free(d);
	return 0;
}

static json_t *json(struct desk *d)
{
	json_error_t error;
	json_t *whole = json_loadb(d->browser.body, d->browser.body_len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
				   &error);

	if (!whole)
		fail_msg("%s: %.*s", error.text, (int)d->browser.body_len, d->browser.body);
	assert_non_null(strstr(d->browser.raw, "Content-Type: application/json\r\n"));
	return whole;
}

static void assert_refused(struct desk *d, int status, const char *error)
{
	json_t *whole = json(d);

	assert_string_equal(json_string_value(json_object_get(whole, "error")), error);
	assert_true(json_string_length(json_object_get(whole, "message")) > 10);
	assert_int_equal(d->browser.status, status);
	json_decref(whole);
}

static struct mr_wr begin(struct desk *d, enum mr_operation operation)
{
	struct mr_wr w = mr_wr_over(d->request, sizeof(d->request));

	mr_request_begin(&w, operation);
	return w;
}

static int ask(struct desk *d, struct mr_wr w)
{
	return browser_operation(&d->browser, &w, &d->response) ? d->response.cause : -1;
}

static int commit(struct desk *d, uint64_t txn)
{
	struct mr_wr w = begin(d, MR_OP_COMMIT);

	mr_attribute_add_u64(&w, MR_AT_TXN, txn);
	return ask(d, w);
}

static void give_key(struct desk *d)
{
	struct mr_wr w = begin(d, MR_OP_KEY);

	mr_attribute_add(&w, MR_AT_ENTROPY, challenge, 32);
	assert_int_equal(ask(d, w), MR_CAUSE_OK);
	d->certificate_len = factory_certify(&d->factory, d->response.value[MR_AT_CSR].at,
					     d->response.value[MR_AT_CSR].left, "Brook lamp", "d001020304050607",
					     d->certificate, sizeof(d->certificate), d->pub);
	assert_int_not_equal(d->certificate_len, 0);
}

static struct mr_wr identity_request(struct desk *d, uint64_t txn, const char *passphrase)
{
	struct mr_wr w = begin(d, MR_OP_IDENTITY);

	mr_attribute_add_u64(&w, MR_AT_TXN, txn);
	mr_attribute_add(&w, MR_AT_SERIAL, "BR-000042", 9);
	mr_attribute_add(&w, MR_AT_CERTIFICATE, d->certificate, d->certificate_len);
	mr_attribute_add(&w, MR_AT_ISSUER, d->factory.ca_der, d->factory.ca_len);
	if (passphrase)
		mr_attribute_add(&w, MR_AT_AP_PASSPHRASE, passphrase, strlen(passphrase));
	return w;
}

static void assert_signed(struct desk *d, const char *label, const struct mr_digest_field *fields, size_t count)
{
	uint8_t hash[32];

	assert_true(d->response.has[MR_AT_SIGNATURE] && mr_digest(hash, label, fields, count));
	assert_true(mr_p256_verify(d->pub, hash, d->response.value[MR_AT_SIGNATURE].at));
}

static bool same_text(const json_t *object, const char *name, const char *want)
{
	const char *got = json_string_value(json_object_get(object, name));

	return got && strcmp(got, want) == 0;
}

/* ---- reading ---- */

static void a_device_describes_itself_in_any_cuts(void **state)
{
	struct desk *d = *state;

	for (d->browser.piece = 0; d->browser.piece < 90; d->browser.piece++) {
		json_t *whole;

		assert_true(browser_get(&d->browser, "/v1/device"));
		assert_int_equal(d->browser.status, 200);
		whole = json(d);
		assert_int_equal(json_integer_value(json_object_get(whole, "api")), 1);
		assert_true(same_text(whole, "device_id", "d001020304050607") &&
			    same_text(whole, "product", "Brook lamp") && same_text(whole, "hw_rev", "B2") &&
			    same_text(whole, "firmware", "1.4.0"));
		assert_true(json_is_null(json_object_get(whole, "serial")) &&
			    json_is_false(json_object_get(whole, "sealed")));
		assert_int_equal(json_array_size(json_object_get(whole, "stage")), 0);
		assert_string_equal(json_string_value(json_array_get(json_object_get(whole, "methods"), 1)),
				    "micro-ap");
		json_decref(whole);
	}
	assert_false(mr_api_ended(&d->browser.api));
	assert_int_equal(d->board.agent.holder, MR_HELD_BY_NOBODY);
}

static void paths_methods_types_and_lengths_that_are_wrong_are_told_so(void **state)
{
	struct desk *d = *state;
	static char much[MR_API_BODY_MAX + 1];

	assert_true(browser_get(&d->browser, "/v1/devices"));
	assert_refused(d, 404, "unknown-path");
	assert_non_null(strstr(d->browser.body, "/v1/credentials"));
	assert_true(browser_get(&d->browser, "/v1/credentials"));
	assert_refused(d, 405, "wrong-method");
	assert_non_null(strstr(d->browser.raw, "\r\nAllow: POST\r\n"));
	assert_true(browser_form(&d->browser, "/v1/status", "a=b"));
	assert_refused(d, 405, "wrong-method");
	assert_non_null(strstr(d->browser.raw, "\r\nAllow: GET\r\n"));
	assert_true(browser_form(&d->browser, "/v1/operation", "a=b"));
	assert_refused(d, 415, "bad-type");
	assert_true(browser_post(&d->browser, "/v1/credentials", "application/json", "{}", 2));
	assert_refused(d, 415, "bad-type");
	memset(much, 'a', sizeof(much));
	assert_true(browser_post(&d->browser, "/v1/credentials", "application/x-www-form-urlencoded", much,
				 MR_API_BODY_MAX));
	assert_refused(d, 400, "bad-form");
	assert_false(mr_api_ended(&d->browser.api));
	assert_true(
		browser_post(&d->browser, "/v1/credentials", "application/x-www-form-urlencoded", much, sizeof(much)));
	assert_refused(d, 413, "too-long");
	assert_true(mr_api_ended(&d->browser.api));
	assert_non_null(strstr(d->browser.raw, "\r\nConnection: close\r\n"));
	assert_int_equal(mr_api_receive(&d->browser.api, (const uint8_t *)"more", 4), 4);
	assert_int_equal(mr_api_pull(&d->browser.api, d->request, sizeof(d->request)), 0);
}

static void what_is_not_http_is_answered_and_the_connection_ends(void **state)
{
	struct desk *d = *state;

	assert_true(browser_send(&d->browser, "\x16\x03\x01\x02\x00\x01\n", 7)); /* a TLS client at port 80 */
	assert_refused(d, 400, "bad-http");
	assert_true(mr_api_ended(&d->browser.api));
	browser_open(&d->browser, &d->board, MR_LINK_WPA2, NULL);
	assert_true(browser_send(&d->browser, "HEAD /v1/device HTTP/1.1\r\nHost: a\r\n\r\n", 38));
	assert_int_equal(d->browser.status, 405);
	assert_true(mr_api_ended(&d->browser.api));
}

static void a_web_page_of_somebody_else_changes_nothing(void **state)
{
	struct desk *d = *state;
	static const char text[] =
		"POST /v1/credentials HTTP/1.1\r\nHost: 192.168.4.1\r\nOrigin: http://evil.example\r\n"
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 21\r\n\r\n"
		"ssid=a&security=open&";

	assert_true(browser_send(&d->browser, text, sizeof(text) - 1));
	assert_refused(d, 403, "cross-origin");
	assert_int_equal(mr_agent_stage(&d->board.agent), 0);
}

static void requests_one_behind_the_other_are_answered_in_order(void **state)
{
	struct desk *d = *state;
	static const char two[] = "GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/device HTTP/1.1\r\nHost: "
				  "a\r\nConnection: close\r\n\r\n";
	char *second;

	for (d->browser.piece = 0; d->browser.piece < 100; d->browser.piece++) {
		browser_open(&d->browser, &d->board, MR_LINK_WPA2, NULL);
		(void)browser_send(&d->browser, two, sizeof(two) - 1);
		assert_int_equal(d->browser.status, 200);
		assert_memory_equal(d->browser.body, "{\"stage\"", 8);
		second = d->browser.body + d->browser.body_len;
		assert_memory_equal(second, "HTTP/1.1 200 OK\r\n", 17);
		assert_non_null(strstr(second, "\"api\":1"));
		assert_true(mr_api_ended(&d->browser.api));
	}
}

static void a_client_that_waits_to_be_told_to_continue_is_told(void **state)
{
	struct desk *d = *state;
	static const char head[] =
		"POST /v1/credentials HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 20\r\n"
		"Content-Type: application/x-www-form-urlencoded\r\n\r\n";

	assert_false(browser_send(&d->browser, head, sizeof(head) - 1));
	assert_string_equal(d->browser.raw, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_true(browser_send(&d->browser, "ssid=a&security=open", 20));
	assert_int_equal(d->browser.status, 202);
	/* Not waited for, it comes before the answer. */
	for (d->browser.piece = 0; d->browser.piece < 3; d->browser.piece++) {
		char both[400];
		int len = snprintf(both, sizeof(both), "%sssid=b&security=open", head);

		assert_true(browser_send(&d->browser, both, (size_t)len));
		assert_int_equal(d->browser.status, 202);
	}
}

static void every_network_is_listed_however_it_is_called(void **state)
{
	struct desk *d = *state;
	struct board *b = &d->board;
	json_t *whole, *list, *one;

	assert_true(browser_get(&d->browser, "/v1/networks"));
	whole = json(d);
	assert_int_equal(json_array_size(json_object_get(whole, "networks")), 0);
	assert_true(json_is_true(json_object_get(whole, "scanning")));
	json_decref(whole);
	assert_int_equal(b->scans, 0); /* not while the answer is on its way */
	(void)board_wait(b, 200000);
	assert_int_equal(b->scans, 1);
	b->scanning = false;
	b->network_count = 20;
	for (uint8_t i = 0; i < 20; i++) {
		b->networks[i] = (struct mr_network){ { 2, 0, 0, 0, 0, i }, 2412, (int8_t)(-30 - i),
						      (uint8_t)(i % 4),	    32,	  { 0 } };
		memset(b->networks[i].ssid, i == 1 ? 0xff : 1, 32); /* all control characters: the longest JSON */
	}
	b->networks[2] = (struct mr_network){ { 2, 0, 0, 0, 0, 2 }, 5180, -41,
					      MR_SECURITY_OTHER,    10,	  "m\xc3\xbchl \"1\"\\" };
	b->networks[3].freq_mhz = 2484;
	for (d->browser.piece = 0; d->browser.piece < 40; d->browser.piece++) {
		assert_true(browser_get(&d->browser, "/v1/networks"));
		assert_int_equal(d->browser.status, 200);
		whole = json(d);
		assert_true(json_is_false(json_object_get(whole, "scanning")));
		list = json_object_get(whole, "networks");
		assert_int_equal(json_array_size(list), MR_NETWORKS_MAX);
		one = json_array_get(list, 1);
		assert_true(json_is_null(json_object_get(one, "ssid")));
		assert_true(
			same_text(one, "ssid_hex", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"));
		assert_true(same_text(one, "security", "wpa2") && same_text(one, "bssid", "02:00:00:00:00:01"));
		one = json_array_get(list, 2);
		assert_true(same_text(one, "ssid", "m\xc3\xbchl \"1\"\\") && same_text(one, "security", "other"));
		assert_int_equal(json_integer_value(json_object_get(one, "channel")), 36);
		assert_int_equal(json_integer_value(json_object_get(one, "freq_mhz")), 5180);
		assert_int_equal(json_integer_value(json_object_get(one, "rssi_dbm")), -41);
		assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 3), "channel")), 14);
		json_decref(whole);
	}
	assert_int_equal(b->scans, 1); /* the list is fresh */
	b->port.wifi = b->agent.port.wifi = NULL;
	assert_true(browser_get(&d->browser, "/v1/networks"));
	assert_refused(d, 501, "unsupported");
}

/* ---- a person's way ---- */

static void credentials_are_stored_and_the_network_joined_when_the_answer_has_left(void **state)
{
	struct desk *d = *state;
	struct board *b = &d->board;
	json_t *whole, *join;

	assert_true(b->ap_up);
	assert_true(browser_form(&d->browser, "/v1/credentials",
				 "ssid=mill+hall&security=wpa2&passphrase=a+weir%21+%2B+wheel&join=1"));
	assert_int_equal(d->browser.status, 202);
	whole = json(d);
	assert_true(json_is_true(json_object_get(whole, "stored")) && json_is_true(json_object_get(whole, "joins")));
	json_decref(whole);
	assert_int_equal(mr_agent_stage(&b->agent), MR_STAGE_CREDENTIALS);
	assert_true(b->ap_up);
	assert_true(browser_get(&d->browser, "/v1/status"));
	whole = json(d);
	assert_true(same_text(json_object_get(whole, "join"), "state", "joining"));
	json_decref(whole);
	(void)board_wait(b, 150000);
	assert_false(b->ap_up);
	assert_true(b->joins);
	assert_int_equal(b->join_ssid_len, 9);
	assert_memory_equal(b->join_ssid, "mill hall", 9);
	assert_int_equal(b->join_passphrase_len, 15);
	assert_memory_equal(b->join_passphrase, "a weir! + wheel", 15);
	assert_int_equal(b->join_security, MR_SECURITY_WPA2);
	mr_api_close(&d->browser.api);
	b->join = (struct mr_join){ MR_JOIN_FAILED, MR_CAUSE_NETWORK_NOT_SEEN, { 0 }, 0, 0 };
	(void)board_wait(b, 100000);
	assert_true(b->ap_up);
	browser_open(&d->browser, b, MR_LINK_WPA2, NULL);
	assert_true(browser_get(&d->browser, "/v1/status"));
	whole = json(d);
	join = json_object_get(whole, "join");
	assert_true(same_text(join, "state", "failed") && same_text(join, "cause", "network-not-seen") &&
		    same_text(join, "ssid", "mill hall"));
	json_decref(whole);
}

static void credentials_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"ssid=",
		"ssid=a",
		"security=open",
		"ssid=a&security=wep5",
		"ssid=a&security=opens",
		"ssid=a&security=ope",
		"ssid=a&security=wpa2",
		"ssid=a&security=wpa2&passphrase=",
		"ssid=a&security=wpa2&passphrase=1234567",
		"ssid=a&security=open&passphrase=12345678",
		"ssid=a&security=wpa2&passphrase=1234567%0a",
		"ssid=a&security=wpa2&passphrase=12345678&join=2",
		"ssid=a&security=wpa2&passphrase=12345678&join=yes",
		"ssid=a&ssid=b&security=open",
		"ssid=%&security=open",
		"ssid=123456789012345678901234567890123&security=open",
		"ssid=a&security=wpa2&passphrase=12345678901234567890123456789012345678901234567890123456789012345",
		"ssid=a&security=wpa2&passphrase=123456789012345678901234567890123456789012345678901234567890123x",
	};
	struct desk *d = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(browser_form(&d->browser, "/v1/credentials", bad[i]));
		if (d->browser.status != 400)
			fail_msg("%d: %s", d->browser.status, bad[i]);
	}
	assert_int_equal(mr_agent_stage(&d->board.agent), 0);
	assert_true(browser_form(&d->browser, "/v1/credentials", /* 64 hexadecimal digits are a key */
				 "ssid=a&security=wpa3&join=0&passphrase="
				 "123456789012345678901234567890123456789012345678901234567890123F"));
	assert_int_equal(d->browser.status, 202);
	assert_false(board_wait(&d->board, 5000000));
	assert_false(d->board.joins);
}

static void a_device_that_cannot_store_or_join_says_so(void **state)
{
	struct desk *d = *state;

	d->board.write_fails = true;
	assert_true(browser_form(&d->browser, "/v1/credentials", "ssid=a&security=open"));
	assert_refused(d, 500, "storage-failed");
	d->board.write_fails = false;
	d->board.random_fails = true;
	assert_true(browser_form(&d->browser, "/v1/credentials", "ssid=a&security=open"));
	assert_refused(d, 500, "crypto-failed");
	d->board.random_fails = false;
	d->board.agent.port.wifi = NULL;
	assert_true(browser_form(&d->browser, "/v1/credentials", "ssid=a&security=open&join=1"));
	assert_refused(d, 501, "unsupported");
	assert_int_equal(mr_agent_stage(&d->board.agent), 0);
	assert_true(browser_form(&d->browser, "/v1/credentials", "ssid=a&security=open"));
	assert_int_equal(d->browser.status, 202);
}

static void nothing_is_changed_over_an_open_network(void **state)
{
	struct desk *d = *state;

	browser_open(&d->browser, &d->board, MR_LINK_OPEN, NULL);
	assert_true(browser_form(&d->browser, "/v1/credentials", "ssid=a&security=open"));
	assert_refused(d, 403, "open-network");
	assert_non_null(strstr(d->browser.body, "/v1/pin"));
	assert_int_equal(ask(d, begin(d, MR_OP_STATUS)), -1);
	assert_refused(d, 403, "open-network");
	assert_true(browser_get(&d->browser, "/v1/device"));
	assert_int_equal(d->browser.status, 200);
	assert_int_equal(mr_agent_stage(&d->board.agent), 0);
	assert_int_equal(d->board.writes, 0);
}

/* ---- the station's way ---- */

/* The report of a join, the stage, the serial number: all of what it says, for this challenge, over this channel. */
static void each_octet_of_a_status_is_signed(struct desk *d, const struct mr_digest_field fields[static 3])
{
	uint8_t hash[32], text[MR_MESSAGE_MAX];
	struct mr_digest_field other[3] = { fields[0], { zeros, 32 }, fields[2] };

	assert_true(fields[2].len > 60 && d->response.has[MR_AT_PROTOCOL]);
	assert_true(mr_digest(hash, "millrace status 2", other, 3));
	assert_false(mr_p256_verify(d->pub, hash, d->response.value[MR_AT_SIGNATURE].at));
	memcpy(text, fields[2].bytes, fields[2].len);
	other[1] = fields[1];
	other[2].bytes = text;
	for (size_t i = 0; i < fields[2].len; i++) {
		text[i] ^= 1;
		assert_true(mr_digest(hash, "millrace status 2", other, 3));
		assert_false(mr_p256_verify(d->pub, hash, d->response.value[MR_AT_SIGNATURE].at));
		text[i] ^= 1;
	}
}

/* What the access point came up with, before IDENTITY: docs/protocol.md, "HTTP". */
static const uint8_t *of_its_network(void)
{
	static const struct mr_digest_field fields[] = { { "AC-000007", 9 }, { "as it was built", 15 } };
	static uint8_t out[32];

	assert_true(mr_digest(out, "millrace wpa2", fields, 2));
	return out;
}

static void go_whole_way(struct desk *d, const uint8_t binding[static 32])
{
	struct mr_wr w;
	struct mr_digest_field fields[3] = { { binding, 32 } };

	give_key(d);
	assert_int_equal(ask(d, identity_request(d, 1, AP_PASSPHRASE)), MR_CAUSE_OK);
	assert_int_equal(commit(d, 1), MR_CAUSE_OK);
	w = begin(d, MR_OP_CREDENTIALS);
	mr_attribute_add_u64(&w, MR_AT_TXN, 2);
	mr_attribute_add(&w, MR_AT_SSID, "mill", 4);
	mr_attribute_add_u8(&w, MR_AT_SECURITY, MR_SECURITY_OPEN);
	assert_int_equal(ask(d, w), MR_CAUSE_OK);
	assert_int_equal(commit(d, 2), MR_CAUSE_OK);
	w = begin(d, MR_OP_STATUS);
	mr_attribute_add(&w, MR_AT_CHALLENGE, challenge, 32);
	assert_int_equal(ask(d, w), MR_CAUSE_OK);
	fields[1] = (struct mr_digest_field){ challenge, 32 };
	fields[2] = (struct mr_digest_field){ d->response.before_signature.at, d->response.before_signature.left };
	assert_signed(d, "millrace status 2", fields, 3);
	each_octet_of_a_status_is_signed(d, fields);
	w = begin(d, MR_OP_VERIFY);
	mr_attribute_add(&w, MR_AT_CHALLENGE, challenge, 32);
	assert_int_equal(ask(d, w), MR_CAUSE_OK);
	fields[1] = (struct mr_digest_field){ challenge, 32 };
	fields[2] = (struct mr_digest_field){ d->response.value[MR_AT_DIGEST].at, 32 };
	assert_signed(d, "millrace verify", fields, 3);
	w = begin(d, MR_OP_SEAL);
	mr_attribute_add_u64(&w, MR_AT_TXN, 3);
	mr_attribute_add(&w, MR_AT_CHALLENGE, challenge, 32);
	assert_int_equal(ask(d, w), MR_CAUSE_OK);
	fields[0] = (struct mr_digest_field){ challenge, 32 };
	fields[1] = (struct mr_digest_field){ d->response.value[MR_AT_RECEIPT].at,
					      d->response.value[MR_AT_RECEIPT].left };
	assert_signed(d, "millrace receipt", fields, 2);
}

static void the_same_operations_go_over_http_and_wpa2_binds_to_what_opened_it(void **state)
{
	struct desk *d = *state;

	d->browser.piece = 100;
	go_whole_way(d, of_its_network());
	assert_true(browser_form(&d->browser, "/v1/credentials", "ssid=a&security=open"));
	assert_refused(d, 409, "sealed");
}

static void over_tls_signatures_are_bound_to_the_connection(void **state)
{
	struct desk *d = *state;
	static const uint8_t exporter[32] = { 0xe8, 1, 2 };

	browser_open(&d->browser, &d->board, MR_LINK_TLS, exporter);
	go_whole_way(d, exporter);
}

static void until_it_has_a_key_of_its_own_a_tls_server_shows_one_and_the_same(void **state)
{
	struct desk *d = *state;
	struct mr_tls_identity identity;
	uint8_t first[32], pub[65];

	mr_api_identity(&d->board.agent, &identity);
	assert_non_null(identity.priv);
	assert_int_equal(identity.certificate.left, 0);
	memcpy(first, identity.priv, 32);
	assert_true(mr_p256_public(first, pub));
	mr_api_identity(&d->board.agent, &identity);
	assert_memory_equal(identity.priv, first, 32);
	go_whole_way(d, of_its_network());
	mr_api_identity(&d->board.agent, &identity);
	assert_memory_not_equal(identity.priv, first, 32);
	assert_true(identity.certificate.left > 0);
}

static void a_finished_device_closes_its_access_point_and_repeats_only_its_farewell(void **state)
{
	struct desk *d = *state;
	struct board *b = &d->board;
	struct mr_wr w;

	go_whole_way(d, of_its_network());
	for (int i = 0; i < 2; i++) {
		w = begin(d, MR_OP_FINISH);
		mr_attribute_add_u8(&w, MR_AT_VERDICT, MR_VERDICT_PASS);
		assert_int_equal(ask(d, w), MR_CAUSE_OK);
		assert_int_equal(b->verdict, MR_VERDICT_PASS);
	}
	assert_int_equal(ask(d, begin(d, MR_OP_STATUS)), -1);
	assert_refused(d, 410, "finished");
	assert_true(browser_form(&d->browser, "/v1/credentials", "ssid=a&security=open"));
	assert_refused(d, 410, "finished");
	assert_true(b->ap_up);
	assert_false(board_wait(b, 10000000));
	assert_false(b->ap_up);
	assert_int_equal(mr_agent_deadline_us(&b->agent), UINT64_MAX);
	assert_false(peer_meets(&d->peer));
	assert_true(board_start(b));
	assert_false(b->ap_up);
	assert_int_equal(b->ap_ups, 1);
}

static void a_device_told_to_retry_stays(void **state)
{
	struct desk *d = *state;
	struct mr_wr w = begin(d, MR_OP_FINISH);

	mr_attribute_add_u8(&w, MR_AT_VERDICT, MR_VERDICT_RETRY);
	assert_int_equal(ask(d, w), MR_CAUSE_OK);
	assert_false(board_wait(&d->board, 10000000));
	assert_true(d->board.ap_up);
	assert_int_equal(ask(d, begin(d, MR_OP_STATUS)), MR_CAUSE_OK);
}

static void a_request_that_is_none_is_answered_as_in_a_session(void **state)
{
	struct desk *d = *state;
	struct mr_wr w = mr_wr_over(d->request, sizeof(d->request));

	assert_true(browser_post(&d->browser, "/v1/operation", "application/octet-stream", "", 0));
	assert_int_equal(d->browser.status, 200);
	assert_int_equal(d->browser.body_len, 7);
	mr_wr_u8(&w, MR_OP_VERIFY);
	mr_wr_u8(&w, 1);
	assert_int_equal(ask(d, w), MR_CAUSE_BAD_REQUEST);
	give_key(d);
	for (size_t cut = 1; cut < identity_request(d, 1, AP_PASSPHRASE).len; cut++) {
		w = identity_request(d, 1, AP_PASSPHRASE);
		w.len = cut;
		(void)ask(d, w);
		assert_int_equal(d->browser.status, 200);
		assert_int_equal(mr_agent_stage(&d->board.agent), MR_STAGE_KEY);
	}
	assert_int_equal(ask(d, identity_request(d, 1, "tab\there")), MR_CAUSE_BAD_REQUEST);
}

/* ---- who else is there ---- */

static void a_session_over_action_frames_and_a_request_keep_each_other_out(void **state)
{
	struct desk *d = *state;
	uint8_t frame[MR_FRAME_MAX];
	static const char half[] = "POST /v1/operation HTTP/1.1\r\nHost: a\r\nContent-Type: "
				   "application/octet-stream\r\nContent-Length: 2\r\n\r\n\x01";

	/* A request that has begun: no invitation is taken. */
	assert_true(peer_meets(&d->peer));
	assert_false(browser_send(&d->browser, half, sizeof(half) - 1));
	peer_random(&d->peer, d->peer.session_id, 8);
	board_hear(&d->board, frame, peer_build_invite(&d->peer, 2437, frame));
	assert_false(board_wait(&d->board, 1000));
	assert_true(browser_send(&d->browser, "", 0) == false);
	assert_true(browser_send(&d->browser, "\x00", 1));
	assert_int_equal(d->browser.status, 200);
	/* A session: no request is taken. */
	(void)board_wait(&d->board, 20000000);
	assert_true(peer_connects(&d->peer));
	assert_true(browser_get(&d->browser, "/v1/device"));
	assert_refused(d, 503, "busy");
	assert_non_null(strstr(d->browser.raw, "\r\nRetry-After: "));
	assert_true(mr_api_ended(&d->browser.api));
}

static void a_client_that_says_nothing_more_loses_the_connection(void **state)
{
	struct desk *d = *state;
	struct mr_api *api = &d->browser.api;

	d->board.now_us += MR_API_IDLE_US - 1;
	mr_api_expire(api);
	assert_false(mr_api_ended(api));
	(void)browser_send(&d->browser, "POST /v1/operation HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1", 59);
	assert_int_equal(d->board.agent.holder, MR_HELD_BY_REQUEST);
	assert_int_equal(mr_api_deadline_us(api), d->board.now_us + MR_API_REQUEST_US);
	d->board.now_us += MR_API_REQUEST_US;
	mr_api_expire(api);
	assert_true(mr_api_ended(api));
	assert_int_equal(d->board.agent.holder, MR_HELD_BY_NOBODY);
	assert_int_equal(mr_api_receive(api, (const uint8_t *)"x", 1), 1);
	mr_api_close(api);
	assert_int_equal(mr_api_deadline_us(api), UINT64_MAX);
	assert_false(mr_api_ended(api));
}

static void a_second_connection_is_told_to_come_back(void **state)
{
	uint8_t out[512];
	size_t len = mr_api_busy(out, sizeof(out));

	(void)state;
	assert_memory_equal(out, "HTTP/1.1 503 Service Unavailable\r\n", 34);
	assert_int_equal(out[len - 1], '\n');
	for (size_t cap = 0; cap < len; cap++)
		assert_int_equal(mr_api_busy(out, cap), 0);
}

int main(void)
{
#define ON_A_DESK(test) cmocka_unit_test_setup_teardown(test, desk_make, desk_wipe)
	const struct CMUnitTest tests[] = {
		ON_A_DESK(a_device_describes_itself_in_any_cuts),
		ON_A_DESK(paths_methods_types_and_lengths_that_are_wrong_are_told_so),
		ON_A_DESK(what_is_not_http_is_answered_and_the_connection_ends),
		ON_A_DESK(a_web_page_of_somebody_else_changes_nothing),
		ON_A_DESK(requests_one_behind_the_other_are_answered_in_order),
		ON_A_DESK(a_client_that_waits_to_be_told_to_continue_is_told),
		ON_A_DESK(every_network_is_listed_however_it_is_called),
		ON_A_DESK(credentials_are_stored_and_the_network_joined_when_the_answer_has_left),
		ON_A_DESK(credentials_that_make_no_sense_are_refused),
		ON_A_DESK(a_device_that_cannot_store_or_join_says_so),
		ON_A_DESK(nothing_is_changed_over_an_open_network),
		ON_A_DESK(the_same_operations_go_over_http_and_wpa2_binds_to_what_opened_it),
		ON_A_DESK(over_tls_signatures_are_bound_to_the_connection),
		ON_A_DESK(until_it_has_a_key_of_its_own_a_tls_server_shows_one_and_the_same),
		ON_A_DESK(a_finished_device_closes_its_access_point_and_repeats_only_its_farewell),
		ON_A_DESK(a_device_told_to_retry_stays),
		ON_A_DESK(a_request_that_is_none_is_answered_as_in_a_session),
		ON_A_DESK(a_session_over_action_frames_and_a_request_keep_each_other_out),
		ON_A_DESK(a_client_that_says_nothing_more_loses_the_connection),
		ON_A_DESK(a_second_connection_is_told_to_come_back),
	};

	return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
