/*
 * The PIN on the device's side, over its API: agreed on, counted, paused, locked; what a session under its key carries.
 *
 * links: agent/port/linux/crypto_openssl.c tests/support/board.c tests/support/methods_all.c
 * links: tests/support/browser.c tests/support/factory.c agent/libmr.a
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

#include "agent/core/pin.h"
#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "agent/wire/hkdf.h"
#include "agent/wire/spake2plus.h"
#include "tests/support/browser.h"
#include "tests/support/factory.h"
#include "tests/unit/hex.h"

static const uint8_t right_w0[32] = { 0x11, 1 }, right_w1[32] = { 0x22, 2 }, wrong_w0[32] = { 0x11, 3 };
static const uint8_t salt[16] = { 0x5a, 1 }, station_key[32] = { 9 }, batch_key[32] = { 0xba };

struct hut {
	struct board board;
	struct browser browser;
	struct factory factory;
	struct mr_pin_verifier pin;
	uint8_t x[32], share_p[65], share_v[65], confirm_v[32];
	struct mr_spake2plus_keys keys;
	uint8_t request_key[32], response_key[32], binding[32];
	uint64_t counter;
	uint8_t request[MR_MESSAGE_MAX], sealed[MR_MESSAGE_MAX], answer[MR_MESSAGE_MAX];
	struct mr_message response;
};

static void restart(struct hut *h)
{
	assert_true(board_start(&h->board));
	browser_open(&h->browser, &h->board, MR_LINK_OPEN, NULL);
}

static int hut_make(void **state)
{
	struct hut *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	factory_make(&h->factory);
	memcpy(h->pin.salt, salt, 16);
	h->pin.salt_len = 16;
	h->pin.iterations = 1000;
	memcpy(h->pin.w0, right_w0, 32);
	assert_true(mr_p256_public(right_w1, h->pin.l));
	board_make(&h->board, 7, station_key, batch_key);
	board_give_wifi(&h->board);
	h->board.config.channel_count = 0;
	h->board.config.ap =
		(struct mr_ap_config){ .method = MR_AP_PIN, .ssid = "AC-", .freq_mhz = 2412, .pin = &h->pin };
	restart(h);
	*state = h;
	return 0;
}

static int hut_wipe(void **state)
{
	struct hut *h = *state;

	factory_wipe(&h->factory);
	free(h);
	return 0;
}

static const char *member(const struct hut *h, const char *name)
{
	static char text[32];
	const char *at;

	snprintf(text, sizeof(text), "\"%s\":", name);
	at = strstr(h->browser.body, text);
	assert_non_null(at);
	return at + strlen(text);
}

static unsigned tries_left(struct hut *h)
{
	assert_true(browser_get(&h->browser, "/v1/pin"));
	assert_int_equal(h->browser.status, 200);
	return (unsigned)strtoul(member(h, "tries_left"), NULL, 10);
}

static void put_hex(char *to, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		snprintf(to + 2 * i, 3, "%02X", octets[i]);
}

static void take_hex(const struct hut *h, const char *name, uint8_t *out, size_t len)
{
	char text[131];

	assert_int_equal(member(h, name)[0], '"');
	snprintf(text, sizeof(text), "%.*s", (int)(2 * len), member(h, name) + 1);
	assert_int_equal(hex(text, out, len), len);
}

/* POST /v1/pin, and the prover's end of it. Returns the status. */
static int begin_pin(struct hut *h, const uint8_t w0[static 32])
{
	static const char context[] = "millrace pin v1";
	const struct mr_spake2plus_names names = { context, "station", "d001020304050607", sizeof(context) - 1, 7, 16 };
	char form[6 + 131] = "share=";

	h->x[31]++;
	assert_true(mr_spake2plus_prover_share(w0, h->x, h->share_p));
	put_hex(form + 6, h->share_p, 65);
	assert_true(browser_form(&h->browser, "/v1/pin", form));
	if (h->browser.status != 200)
		return h->browser.status;
	take_hex(h, "share", h->share_v, 65);
	take_hex(h, "confirm", h->confirm_v, 32);
	assert_true(mr_spake2plus_prover_finish(&names, w0, right_w1, h->x, h->share_p, h->share_v, &h->keys));
	return 200;
}

static int confirm_pin(struct hut *h)
{
	char form[8 + 65] = "confirm=";

	put_hex(form + 8, h->keys.own, 32);
	assert_true(browser_form(&h->browser, "/v1/pin/confirm", form));
	return h->browser.status;
}

static int try_pin(struct hut *h, const uint8_t w0[static 32])
{
	int status = begin_pin(h, w0);

	return status == 200 ? confirm_pin(h) : status;
}

static void open_session(struct hut *h)
{
	uint8_t both[64];

	assert_int_equal(try_pin(h, right_w0), 204);
	assert_memory_equal(h->confirm_v, h->keys.theirs, 32);
	assert_true(mr_hkdf_sha256(NULL, 0, h->keys.shared, 32, "millrace pin session", 20, both, 64) &&
		    mr_hkdf_sha256(NULL, 0, h->keys.shared, 32, "millrace pin binding", 20, h->binding, 32));
	memcpy(h->request_key, both, 32);
	memcpy(h->response_key, both + 32, 32);
	h->counter = 0;
}

/* Seals the request under `counter`, sends `len` octets of it. Returns the status. */
static int send_sealed(struct hut *h, const struct mr_wr *request, uint64_t counter, int cut)
{
	struct mr_wr w = mr_wr_over(h->sealed, sizeof(h->sealed));
	uint8_t iv[12] = { 0 };

	mr_wr_be64(&w, counter);
	memcpy(iv + 4, h->sealed, 8);
	assert_true(mr_aes_gcm_seal(h->request_key, iv, "request", 7, request->buf, request->len, h->sealed + 8));
	assert_true(browser_post(&h->browser, "/v1/pin/operation", "application/octet-stream", h->sealed,
				 8 + request->len + 16 - (size_t)cut));
	return h->browser.status;
}

static int ask(struct hut *h, struct mr_wr request)
{
	uint8_t iv[12] = { 0 };
	size_t len;

	if (send_sealed(h, &request, ++h->counter, 0) != 200)
		return -1;
	assert_memory_equal(h->browser.body, h->sealed, 8);
	memcpy(iv + 4, h->browser.body, 8);
	len = h->browser.body_len - 8;
	assert_true(mr_aes_gcm_open(h->response_key, iv, "response", 8, h->browser.body + 8, len, h->answer));
	assert_true(mr_message_parse(mr_rd_over(h->answer, len - 16), &h->response) && h->response.response);
	return h->response.cause;
}

static struct mr_wr begin(struct hut *h, enum mr_operation operation)
{
	struct mr_wr w = mr_wr_over(h->request, sizeof(h->request));

	mr_request_begin(&w, operation);
	return w;
}

/* ---- */

static void the_right_pin_opens_a_session_whose_key_binds_signatures(void **state)
{
	struct hut *h = *state;
	struct mr_digest_field fields[3] = { { h->binding, 32 }, { NULL, 0 } };
	uint8_t hash[32], pub[65], certificate[900];
	struct mr_wr w;

	h->browser.piece = 50;
	assert_int_equal(tries_left(h), 10);
	assert_memory_equal(member(h, "salt"), "\"5a01", 5);
	assert_memory_equal(member(h, "iterations"), "1000,", 5);
	assert_memory_equal(member(h, "locked"), "false", 5);
	open_session(h);
	assert_int_equal(tries_left(h), 10);
	assert_int_equal(ask(h, begin(h, MR_OP_STATUS)), MR_CAUSE_OK);
	w = begin(h, MR_OP_KEY);
	mr_attribute_add(&w, MR_AT_ENTROPY, batch_key, 32);
	assert_int_equal(ask(h, w), MR_CAUSE_OK);
	assert_int_not_equal(factory_certify(&h->factory, h->response.value[MR_AT_CSR].at,
					     h->response.value[MR_AT_CSR].left, "Brook lamp", "d001020304050607",
					     certificate, sizeof(certificate), pub),
			     0);
	assert_int_equal(ask(h, begin(h, MR_OP_STATUS)), MR_CAUSE_OK);
	fields[2] = (struct mr_digest_field){ h->response.before_signature.at, h->response.before_signature.left };
	assert_true(mr_digest(hash, "millrace status 2", fields, 3));
	assert_true(mr_p256_verify(pub, hash, h->response.value[MR_AT_SIGNATURE].at));
	/* The session outlives the connection, not the power. */
	browser_open(&h->browser, &h->board, MR_LINK_OPEN, NULL);
	assert_int_equal(ask(h, begin(h, MR_OP_STATUS)), MR_CAUSE_OK);
	restart(h);
	assert_int_equal(ask(h, begin(h, MR_OP_STATUS)), -1);
	assert_int_equal(h->browser.status, 409);
}

static void what_is_replayed_changed_or_cut_is_refused_and_disturbs_nothing(void **state)
{
	struct hut *h = *state;
	struct mr_wr w = begin(h, MR_OP_STATUS);

	open_session(h);
	h->counter = 5;
	assert_int_equal(ask(h, w), MR_CAUSE_OK); /* 6: gaps are fine */
	assert_int_equal(send_sealed(h, &w, 6, 0), 403);
	assert_int_equal(send_sealed(h, &w, 0, 0), 403);
	assert_int_equal(send_sealed(h, &w, 5, 0), 403);
	for (int cut = 1; cut <= 8 + 1 + 16; cut++)
		assert_int_equal(send_sealed(h, &w, 7, cut), 403);
	for (size_t i = 0; i < 8 + 1 + 16; i++) {
		uint8_t octets[25];

		(void)send_sealed(h, &w, 7, 1);
		memcpy(octets, h->sealed, sizeof(octets));
		octets[i] ^= 0x80;
		assert_true(browser_post(&h->browser, "/v1/pin/operation", "application/octet-stream", octets,
					 sizeof(octets)));
		assert_int_equal(h->browser.status, 403);
	}
	assert_int_equal(send_sealed(h, &w, 7, 0), 200);
	assert_int_equal(send_sealed(h, &w, UINT64_MAX, 0), 200);
	assert_int_equal(send_sealed(h, &w, UINT64_MAX, 0), 403);
}

static void a_wrong_pin_is_counted_before_the_device_shows_anything(void **state)
{
	struct hut *h = *state;

	assert_int_equal(begin_pin(h, wrong_w0), 200);
	restart(h); /* the answer is known, the confirmation never sent */
	assert_int_equal(tries_left(h), 9);
	assert_int_equal(try_pin(h, wrong_w0), 403);
	assert_int_equal(tries_left(h), 8);
	assert_int_equal(confirm_pin(h), 409); /* one exchange, one confirmation */
	assert_int_equal(tries_left(h), 8);
	assert_int_equal(begin_pin(h, right_w0), 200);
	h->keys.own[31] ^= 1;
	assert_int_equal(confirm_pin(h), 403);
	assert_int_equal(tries_left(h), 7);
	assert_int_equal(try_pin(h, right_w0), 204);
	assert_int_equal(tries_left(h), 10);
	restart(h);
	assert_int_equal(tries_left(h), 10);
}

static void power_that_goes_while_an_attempt_is_counted_gives_no_answer(void **state)
{
	struct hut *h = *state;
	struct board *b = &h->board;
	jmp_buf power;
	volatile size_t cut = 0;
	volatile unsigned before = 10;

	for (; cut < 120; cut += 3) {
		b->power = &power;
		b->power_cut_at = cut;
		if (setjmp(power) == 0) {
			(void)begin_pin(h, wrong_w0);
			fail();
		}
		restart(h);
		assert_in_range(before - tries_left(h), 0, 1);
		assert_int_equal(try_pin(h, right_w0), 204);
		before = 10;
	}
}

static void a_storage_that_fails_makes_no_guess_possible(void **state)
{
	struct hut *h = *state;

	h->board.write_fails = true;
	assert_int_equal(begin_pin(h, wrong_w0), 500);
	assert_null(strstr(h->browser.raw, "confirm\":"));
	h->board.write_fails = false;
	assert_int_equal(begin_pin(h, right_w0), 200);
	h->board.write_fails = true;
	assert_int_equal(confirm_pin(h), 500);
	assert_int_equal(ask(h, begin(h, MR_OP_STATUS)), -1);
	h->board.write_fails = false;
	h->board.random_fails = true;
	assert_int_equal(begin_pin(h, right_w0), 500);
}

static void wait_s(struct hut *h, uint64_t s)
{
	h->board.now_us += s * 1000000;
	mr_agent_expire(&h->board.agent);
	browser_open(&h->browser, &h->board, MR_LINK_OPEN, NULL);
}

static void five_wrong_pins_bring_pauses_and_ten_the_lock(void **state)
{
	struct hut *h = *state;
	uint64_t pause_s = 60;

	for (int i = 0; i < 4; i++)
		assert_int_equal(try_pin(h, wrong_w0), 403);
	for (int i = 4; i < 9; i++, pause_s *= 2) {
		char want[48];

		assert_int_equal(try_pin(h, wrong_w0), 403);
		assert_int_equal(try_pin(h, right_w0), 429);
		snprintf(want, sizeof(want), "\r\nRetry-After: %u\r\n", (unsigned)pause_s);
		assert_non_null(strstr(h->browser.raw, want));
		assert_int_equal(tries_left(h), 9 - i);
		restart(h); /* does not shorten it */
		wait_s(h, pause_s - 1);
		assert_int_equal(try_pin(h, right_w0), 429);
		wait_s(h, 1);
	}
	assert_int_equal(try_pin(h, wrong_w0), 423);
	assert_int_equal(tries_left(h), 0);
	assert_memory_equal(member(h, "locked"), "true", 4);
	wait_s(h, 1000000);
	restart(h);
	assert_int_equal(try_pin(h, right_w0), 423);
	assert_non_null(strstr(h->browser.body, "\"pin-locked\""));
	assert_int_equal(confirm_pin(h), 409);
}

static void the_last_try_may_be_the_right_one(void **state)
{
	struct hut *h = *state;

	for (int i = 0; i < 9; i++) {
		assert_int_equal(try_pin(h, wrong_w0), 403);
		wait_s(h, 1000);
	}
	assert_int_equal(try_pin(h, right_w0), 204);
	assert_int_equal(tries_left(h), 10);
}

static int over_wpa2(struct hut *h, const struct mr_wr *w)
{
	int cause;

	browser_open(&h->browser, &h->board, MR_LINK_WPA2, NULL);
	cause = browser_operation(&h->browser, w, &h->response) ? h->response.cause : -1;
	return cause;
}

static void a_new_identity_unlocks_and_brings_its_own_pin(void **state)
{
	struct hut *h = *state;
	uint8_t certificate[900], pub[65], l[65];
	struct mr_wr w = begin(h, MR_OP_KEY);
	size_t len;

	for (int i = 0; i < 10; i++) {
		(void)try_pin(h, wrong_w0);
		wait_s(h, 2000);
	}
	assert_int_equal(tries_left(h), 0);
	mr_attribute_add(&w, MR_AT_ENTROPY, batch_key, 32);
	assert_int_equal(over_wpa2(h, &w), MR_CAUSE_OK);
	len = factory_certify(&h->factory, h->response.value[MR_AT_CSR].at, h->response.value[MR_AT_CSR].left,
			      "Brook lamp", "d001020304050607", certificate, sizeof(certificate), pub);
	assert_true(mr_p256_public(right_w1, l));
	w = begin(h, MR_OP_IDENTITY);
	mr_attribute_add_u64(&w, MR_AT_TXN, 1);
	mr_attribute_add(&w, MR_AT_SERIAL, "BR-1", 4);
	mr_attribute_add(&w, MR_AT_CERTIFICATE, certificate, len);
	mr_attribute_add(&w, MR_AT_ISSUER, h->factory.ca_der, h->factory.ca_len);
	mr_attribute_add(&w, MR_AT_PIN_SALT, "saltsaltsaltsaltsalt", 20);
	mr_attribute_add_u32(&w, MR_AT_PIN_ITERATIONS, 4711);
	mr_attribute_add(&w, MR_AT_PIN_W0, wrong_w0, 32);
	mr_attribute_add(&w, MR_AT_PIN_L, l, 65);
	assert_int_equal(over_wpa2(h, &w), MR_CAUSE_OK);
	assert_int_equal(tries_left(h), 0); /* prepared is not committed */
	w = begin(h, MR_OP_COMMIT);
	mr_attribute_add_u64(&w, MR_AT_TXN, 1);
	assert_int_equal(over_wpa2(h, &w), MR_CAUSE_OK);
	assert_int_equal(tries_left(h), 10);
	assert_memory_equal(member(h, "iterations"), "4711,", 5);
	assert_int_equal(try_pin(h, wrong_w0), 204); /* which is now the right one */
}

static void shares_and_confirmations_that_are_none_are_refused_and_not_counted(void **state)
{
	static const char *const bad[] = { "",
					   "share=",
					   "share=04",
					   "confirm=04",
					   "share=zz",
					   "share="
					   "04ef3bd051bf78a2234ec0df197f7828060fe9856503579bb1733009042c15c0c1de127727f"
					   "418b5966afadfdd95a6e4591d171056b333dab97a79c7193e341728",
					   "share="
					   "04ef3bd051bf78a2234ec0df197f7828060fe9856503579bb1733009042c15c0c1de127727f"
					   "418b5966afadfdd95a6e4591d171056b333dab97a79c7193e34172g",
					   "share="
					   "04ef3bd051bf78a2234ec0df197f7828060fe9856503579bb1733009042c15c0c1de127727f"
					   "418b5966afadfdd95a6e4591d171056b333dab97a79c7193e34172700" };
	struct hut *h = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(browser_form(&h->browser, "/v1/pin", bad[i]));
		assert_int_equal(h->browser.status, 400);
	}
	assert_int_equal(tries_left(h), 10);
	assert_int_equal(h->board.writes, 0);
	assert_int_equal(begin_pin(h, right_w0), 200);
	assert_true(browser_form(&h->browser, "/v1/pin/confirm", "confirm=00"));
	assert_int_equal(h->browser.status, 400);
	assert_int_equal(confirm_pin(h), 204);
}

static void a_device_without_a_pin_says_so(void **state)
{
	struct hut *h = *state;

	h->board.config.ap.pin = NULL;
	restart(h);
	assert_true(browser_get(&h->browser, "/v1/pin"));
	assert_int_equal(h->browser.status, 409);
	assert_int_equal(begin_pin(h, right_w0), 409);
}

static void an_exchange_and_a_session_end_when_nothing_comes(void **state)
{
	struct hut *h = *state;

	assert_int_equal(begin_pin(h, right_w0), 200);
	wait_s(h, 30);
	assert_int_equal(confirm_pin(h), 409);
	open_session(h);
	wait_s(h, 119);
	assert_int_equal(ask(h, begin(h, MR_OP_STATUS)), MR_CAUSE_OK);
	wait_s(h, 120);
	assert_int_equal(ask(h, begin(h, MR_OP_STATUS)), -1);
	assert_int_equal(mr_agent_deadline_us(&h->board.agent), UINT64_MAX);
	/* A new exchange ends the session that is on. */
	open_session(h);
	assert_int_equal(begin_pin(h, wrong_w0), 200);
	assert_int_equal(ask(h, begin(h, MR_OP_STATUS)), -1);
}

int main(void)
{
#define IN_A_HUT(test) cmocka_unit_test_setup_teardown(test, hut_make, hut_wipe)
	const struct CMUnitTest tests[] = {
		IN_A_HUT(the_right_pin_opens_a_session_whose_key_binds_signatures),
		IN_A_HUT(what_is_replayed_changed_or_cut_is_refused_and_disturbs_nothing),
		IN_A_HUT(a_wrong_pin_is_counted_before_the_device_shows_anything),
		IN_A_HUT(power_that_goes_while_an_attempt_is_counted_gives_no_answer),
		IN_A_HUT(a_storage_that_fails_makes_no_guess_possible),
		IN_A_HUT(five_wrong_pins_bring_pauses_and_ten_the_lock),
		IN_A_HUT(the_last_try_may_be_the_right_one),
		IN_A_HUT(a_new_identity_unlocks_and_brings_its_own_pin),
		IN_A_HUT(shares_and_confirmations_that_are_none_are_refused_and_not_counted),
		IN_A_HUT(a_device_without_a_pin_says_so),
		IN_A_HUT(an_exchange_and_a_session_end_when_nothing_comes),
	};

	return cmocka_run_group_tests_name("device_pin", tests, NULL, NULL);
}
