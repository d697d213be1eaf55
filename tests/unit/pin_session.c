/*
 * The PIN method from the station's end, against the device's own code: right and wrong PINs, lies, and what is sealed.
 *
 * links: station/link/pin_session.c station/wifi/psk.c station/base/map.c station/identity/pin.c
 * links: station/identity/identity.c station/identity/keyfile.c station/identity/ceremony.c
 * links: station/identity/certificate.c station/identity/serial.c station/identity/signer_file.c
 * links: station/base/entropy.c station/base/log.c station/base/loop.c agent/port/linux/crypto_openssl.c
 * links: tests/support/board.c tests/support/methods_all.c tests/support/browser.c tests/support/peer.c
 * links: agent/libmr.a
 * links: station/base/reach.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/cause.h"
#include "station/link/pin_session.h"
#include "tests/support/browser.h"
#include "tests/support/voice.h"

#define PIN "48151623"

struct desk {
	struct board board;
	struct browser browser;
	struct mr_pin_verifier verifier;
	struct entropy *entropy;
	struct pin_session pin;
};

static int desk_make(void **state)
{
	static const uint8_t key[32] = { 9 };
	struct desk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	d->entropy = entropy_create_seeded(5, "pin session");
	d->verifier = (struct mr_pin_verifier){ .salt_len = 16, .iterations = 1000, .salt = { 1, 2, 3 } };
	assert_int_equal(pin_verifier(PIN, "", d->verifier.salt, 1000, d->verifier.w0, d->verifier.l), 0);
	board_make(&d->board, 7, key, key);
	board_give_wifi(&d->board);
	d->board.config.ap =
		(struct mr_ap_config){ .method = MR_AP_PIN, .ssid = "AC-", .pin = &d->verifier, .freq_mhz = 2437 };
	assert_true(board_start(&d->board));
	browser_open(&d->browser, &d->board, MR_LINK_OPEN, NULL);
	*state = d;
	return 0;
}

static int desk_wipe(void **state)
{
	struct desk *d = *state;

	mr_api_close(&d->browser.api);
	entropy_destroy(d->entropy);
	free(d);
	return 0;
}

/* One step: asks the device and takes its answer. */
static int step(struct desk *d)
{
	uint8_t room[256];
	struct mr_wr w = mr_wr_over(room, sizeof(room));
	const char *path = pin_session_ask(&d->pin, &w);

	assert_false(w.bad);
	if (w.len == 0) {
		assert_true(browser_get(&d->browser, path));
	} else {
		room[w.len] = '\0';
		assert_true(browser_form(&d->browser, path, (const char *)room));
	}
	return pin_session_take(&d->pin, (unsigned)d->browser.status, mr_rd_over(d->browser.body, d->browser.body_len));
}

static int exchange(struct desk *d, const char *pin)
{
	int result = 0;

	pin_session_init(&d->pin, pin, d->entropy);
	while (result == 0 && d->pin.step != PIN_SESSION_OPEN)
		result = step(d);
	return result;
}

static bool ask_status(struct desk *d, struct mr_message *out, uint8_t answer[static MR_MESSAGE_MAX])
{
	uint8_t room[64], sealed[128];
	struct mr_wr w = mr_wr_over(room, sizeof(room)), s = mr_wr_over(sealed, sizeof(sealed)),
		     m = mr_wr_over(answer, MR_MESSAGE_MAX);

	mr_request_begin(&w, MR_OP_STATUS);
	if (!pin_session_seal(&d->pin, mr_wr_written(&w), &s))
		return false;
	if (!browser_post(&d->browser, "/v1/pin/operation", "application/octet-stream", sealed, s.len) ||
	    d->browser.status != 200)
		return false;
	return pin_session_unseal(&d->pin, mr_rd_over(d->browser.body, d->browser.body_len), &m) &&
	       mr_message_parse(mr_wr_written(&m), out);
}

static void the_right_pin_opens_a_session_and_the_wrong_one_does_not(void **state)
{
	struct desk *d = *state;
	uint8_t answer[MR_MESSAGE_MAX];
	struct mr_message m;

	assert_int_equal(exchange(d, "48151624"), -MR_CAUSE_PIN_REFUSED);
	assert_int_equal(exchange(d, PIN), 0);
	assert_true(ask_status(d, &m, answer));
	assert_true(m.response && m.operation == MR_OP_STATUS && m.has[MR_AT_DEVICE_ID]);
	assert_true(ask_status(d, &m, answer));
	assert_memory_equal(d->pin.binding, d->board.agent.binding, 32);
}

/* RFC 9383 leaves salt and rounds to us: 16 to 32 octets, and as many rounds as docs/protocol.md has. */
static void a_salt_and_its_rounds_are_taken_within_their_limits(void **state)
{
	static const struct {
		unsigned digits;
		unsigned long rounds;
		int result;
	} all[] = { { 32, 1000, 0 },
		    { 64, 1000, 0 },
		    { 30, 1000, -MR_CAUSE_BAD_RESPONSE },
		    { 66, 1000, -MR_CAUSE_BAD_RESPONSE },
		    { 33, 1000, -MR_CAUSE_BAD_RESPONSE },
		    { 0, 1000, -MR_CAUSE_BAD_RESPONSE },
		    { 32, IDENTITY_PIN_ITERATIONS_MIN, 0 },
		    { 32, IDENTITY_PIN_ITERATIONS_MIN - 1, -MR_CAUSE_BAD_RESPONSE },
		    { 32, 1200, 0 },
		    { 32, 1201, -MR_CAUSE_UNSUPPORTED }, /* more than the job gives a device */
		    { 32, IDENTITY_PIN_ITERATIONS_MAX, -MR_CAUSE_UNSUPPORTED },
		    { 32, IDENTITY_PIN_ITERATIONS_MAX + 1, -MR_CAUSE_BAD_RESPONSE } };
	struct desk *d = *state;
	char body[200], digits[80];

	memset(digits, 'a', sizeof(digits));
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int result;

		pin_session_init(&d->pin, PIN, d->entropy);
		d->pin.step = PIN_SESSION_SALT;
		d->pin.iterations_max = 1200;
		snprintf(body, sizeof(body), "{\"salt\": \"%.*s\", \"iterations\": %lu, \"locked\": false}",
			 (int)all[i].digits, digits, all[i].rounds);
		result = pin_session_take(&d->pin, 200, mr_rd_over(body, strlen(body)));
		if (result != all[i].result)
			fail_msg("%s: %d", body, result);
		assert_int_equal(d->pin.step, result == 0 ? PIN_SESSION_SHARE : PIN_SESSION_SALT);
		if (result == 0)
			assert_int_equal(d->pin.salt_len, all[i].digits / 2);
		pin_session_wipe(&d->pin);
	}
}

static void a_salt_is_read_in_either_case_and_in_digits_only(void **state)
{
	static const uint8_t octets[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
					    0xAB, 0xCD, 0xEF, 0xfA, 0x9F, 0xa0, 0x90, 0x0F };
	char salt[] = "0123456789abcdefABCDEFfA9Fa0900F", body[120];
	struct desk *d = *state;

	for (const char *wrong = " /:@G`g\x7f"; *wrong; wrong++)
		for (size_t at = 0; at <= 31; at += 31) {
			char right = salt[at];

			pin_session_init(&d->pin, PIN, d->entropy);
			d->pin.step = PIN_SESSION_SALT;
			salt[at] = *wrong;
			snprintf(body, sizeof(body), "{\"salt\": \"%s\", \"iterations\": 1000}", salt);
			assert_int_equal(pin_session_take(&d->pin, 200, mr_rd_over(body, strlen(body))),
					 -MR_CAUSE_BAD_RESPONSE);
			salt[at] = right;
		}
	pin_session_init(&d->pin, PIN, d->entropy);
	d->pin.step = PIN_SESSION_SALT;
	snprintf(body, sizeof(body), "{\"salt\": \"%s\", \"iterations\": 1000}", salt);
	assert_int_equal(pin_session_take(&d->pin, 200, mr_rd_over(body, strlen(body))), 0);
	assert_int_equal(d->pin.salt_len, 16);
	assert_memory_equal(d->pin.salt, octets, 16);
	pin_session_wipe(&d->pin);
}

static void wrong_pins_in_a_row_bring_a_pause_and_then_a_lock(void **state)
{
	struct desk *d = *state;
	int result = 0;

	for (int i = 0; i < 5; i++)
		assert_int_equal(exchange(d, "48151624"), -MR_CAUSE_PIN_REFUSED);
	assert_int_equal(exchange(d, PIN), -MR_CAUSE_NO_ANSWER);
	for (int i = 0; i < 40 && result != -MR_CAUSE_PIN_LOCKED; i++) {
		d->board.now_us += 7200000000u;
		result = exchange(d, "48151624");
	}
	assert_int_equal(result, -MR_CAUSE_PIN_LOCKED);
	d->board.now_us += 7200000000u;
	assert_int_equal(exchange(d, PIN), -MR_CAUSE_PIN_LOCKED);
}

static void sealed_octets_altered_or_played_again_do_not_open(void **state)
{
	struct desk *d = *state;
	uint8_t answer[MR_MESSAGE_MAX], again[MR_MESSAGE_MAX];
	struct mr_message m;
	struct mr_wr w;
	size_t len;

	assert_int_equal(exchange(d, PIN), 0);
	assert_true(ask_status(d, &m, answer));
	len = d->browser.body_len;
	memcpy(again, d->browser.body, len);
	for (size_t i = 0; i < len; i++) {
		again[i] ^= 1;
		w = mr_wr_over(answer, sizeof(answer));
		assert_false(pin_session_unseal(&d->pin, mr_rd_over(again, len), &w));
		w = mr_wr_over(answer, sizeof(answer));
		again[i] ^= 1;
		assert_false(pin_session_unseal(&d->pin, mr_rd_over(again, i), &w));
	}
	assert_true(ask_status(d, &m, answer));
	w = mr_wr_over(answer, sizeof(answer));
	assert_false(pin_session_unseal(&d->pin, mr_rd_over(again, len), &w)); /* the answer to the request before */
}

static void what_a_device_says_is_refused_when_it_is_nonsense(void **state)
{
	static const struct {
		enum pin_session_step step;
		unsigned status;
		const char *body;
	} cases[] = {
		{ PIN_SESSION_DEVICE, 200, "" },
		{ PIN_SESSION_DEVICE, 200, "{}" },
		{ PIN_SESSION_DEVICE, 200, "[1" },
		{ PIN_SESSION_DEVICE, 200, "{\"device_id\":\"d0\"}" },
		{ PIN_SESSION_DEVICE, 200, "{\"device_id\":7}" },
		{ PIN_SESSION_DEVICE, 200, "{\"device_id\":\"00000000000000zz\"}" },
		{ PIN_SESSION_DEVICE, 200,
		  "{\"device_id\":\"0011223344556677\",\"serial\":"
		  "\"0123456789012345678901234567890123456789\"}" },
		{ PIN_SESSION_DEVICE, 500, "{\"device_id\":\"0011223344556677\"}" },
		{ PIN_SESSION_SALT, 200, "{\"salt\":\"00\",\"iterations\":1000}" },
		{ PIN_SESSION_SALT, 200, "{\"salt\":\"00112233445566778899aabbccddeeff\",\"iterations\":1}" },
		{ PIN_SESSION_SALT, 200, "{\"salt\":\"00112233445566778899aabbccddeeff\",\"iterations\":4000000000}" },
		{ PIN_SESSION_SALT, 200, "{\"salt\":\"00112233445566778899aabbccddeeff\",\"iterations\":1000001}" },
		{ PIN_SESSION_SALT, 200, "{\"salt\":\"00112233445566778899aabbccddeeff\",\"iterations\":-5}" },
		{ PIN_SESSION_SHARE, 200, "{\"share\":\"04\",\"confirm\":\"00\"}" },
	};
	struct desk *d = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pin_session_init(&d->pin, PIN, d->entropy);
		d->pin.step = cases[i].step;
		assert_int_equal(
			pin_session_take(&d->pin, cases[i].status, mr_rd_over(cases[i].body, strlen(cases[i].body))),
			-MR_CAUSE_BAD_RESPONSE);
	}
}

static void more_rounds_than_the_job_has_are_not_worked_for(void **state)
{
	struct desk *d = *state;

	pin_session_init(&d->pin, PIN, d->entropy);
	d->pin.iterations_max = 999;
	assert_int_equal(step(d), 0);
	assert_int_equal(step(d), -MR_CAUSE_UNSUPPORTED);
	pin_session_init(&d->pin, PIN, d->entropy);
	d->pin.iterations_max = 1000;
	assert_int_equal(step(d), 0);
	assert_int_equal(step(d), 0);
}

/* Steps and ends are told; the PIN is not. */
static void the_log_tells_how_far_the_exchange_came_and_no_pin(void **state)
{
	static const char *const pins[] = { PIN, "48151624" };
	struct desk *d = *state;
	struct voice v;

	(void)voice_open(&v, LOG_TRACE);
	for (size_t i = 0; i < 2; i++) {
		int result = 0;

		pin_session_init(&d->pin, pins[i], d->entropy);
		d->pin.tag = &v.tag;
		while (result == 0 && d->pin.step != PIN_SESSION_OPEN)
			result = step(d);
	}
	assert_true(voice_says(&v, "pin: share -> confirm (it knows the PIN's verifier)\n"
				   "pin: confirm -> open (it has accepted our confirmation)\n"));
	assert_true(voice_says(&v, "pin: share -> pin-refused (its confirmation is of another PIN)\n"));
	assert_false(voice_says(&v, PIN) || voice_says(&v, "48151624"));
	voice_close(&v);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_make, desk_wipe)
	const struct CMUnitTest tests[] = {
		TEST(the_log_tells_how_far_the_exchange_came_and_no_pin),
		TEST(more_rounds_than_the_job_has_are_not_worked_for),
		TEST(the_right_pin_opens_a_session_and_the_wrong_one_does_not),
		TEST(a_salt_and_its_rounds_are_taken_within_their_limits),
		TEST(a_salt_is_read_in_either_case_and_in_digits_only),
		TEST(wrong_pins_in_a_row_bring_a_pause_and_then_a_lock),
		TEST(sealed_octets_altered_or_played_again_do_not_open),
		TEST(what_a_device_says_is_refused_when_it_is_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
