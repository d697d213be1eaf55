/*
 * A device that enrols itself: the agent's row (agent/core/wps.c) with a BSS of the station, by PIN and by button; who
 * it chooses, whom it refuses, what it stores and when; that calls are heard in its pauses.
 *
 * links: tests/support/board.c tests/support/methods_direct.c agent/libmr.a
 * links: station/method/wps_bss.c station/method/wps_registrar.c
 * links: station/wifi/soft_ap.c station/wifi/soft_ap_sta.c station/wifi/soft_ap_data.c station/wifi/ieee80211.c
 * links: station/wifi/wpa.c station/wifi/wpa_ap.c station/wifi/eapol.c station/wifi/ccmp.c station/wifi/tkip.c
 * links: station/wifi/aes.c station/base/entropy.c station/base/map.c station/base/log.c
 * links: agent/port/linux/crypto_openssl.c agent/port/linux/crypto_wsc_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/core/method.h"
#include "agent/core/wps.h"
#include "station/base/entropy.h"
#include "station/method/wps_bss.h"
#include "station/wifi/ieee80211.h"
#include "tests/support/board.h"

#define PIN "12345670"
#define SECOND UINT64_C(1000000)

static const struct mr_method *const image[] = { &mr_method_direct, &mr_part_wps, &mr_method_wps_pin,
						 &mr_method_wps_pbc, NULL };
static const struct mr_wsc_credential network = { .ssid = "Target",
						  .ssid_len = 6,
						  .authentication = MR_WSC_WPA2_PSK,
						  .encryption = MR_WSC_AES,
						  .key = "correct horse 42",
						  .key_len = 16 };

/* An access point with a registrar. */
struct registrar {
	struct bench *bench;
	struct wps_bss *bss;
	struct mr_wsc_device device;
	uint16_t freq_mhz;
	const char *pin; /* that it has for everybody; NULL: a button */
	bool declines, deaf;
	unsigned asked, enrolled, failed;
	unsigned lose; /* the n-th frame to the device is lost; 0: none */
	unsigned frames;
};

struct bench {
	struct board board;
	struct mr_wps wps;
	struct entropy *entropy;
	struct registrar at[2];
	size_t count;
	unsigned calls; /* frames of the method direct that left */
};

/* --- the registrars --- */

static void on_asked(void *ctx, const uint8_t mac[static 6], const struct wps_enrollee *e)
{
	struct registrar *r = ctx;

	r->asked++;
	assert_string_equal(e->model, "Brook lamp");
	assert_string_equal(e->manufacturer, "Acme");
	if (r->declines || e->button != (r->pin == NULL))
		wps_bss_decline(r->bss, mac, MR_WSC_NO_ERROR, r->bench->board.now_us);
	else
		assert_true(wps_bss_admit(r->bss, mac, r->pin, &network, r->bench->board.now_us));
}

static void on_ended(void *ctx, const uint8_t mac[static 6], const struct wps_bss_end *end)
{
	struct registrar *r = ctx;

	(void)mac;
	assert_null(end->weakness);
	r->enrolled += end->begun && end->cause == MR_CAUSE_OK;
	r->failed += end->begun && end->cause != MR_CAUSE_OK;
}

static bool on_button(void *ctx, const uint8_t mac[static 6])
{
	(void)mac;
	return ((const struct registrar *)ctx)->pin == NULL;
}

static void on_probed(void *ctx, const uint8_t mac[static 6], bool button) { (void)ctx, (void)mac, (void)button; }

static struct registrar *add(struct bench *b, uint16_t freq_mhz, const char *pin)
{
	struct registrar *r = &b->at[b->count++];
	struct wps_bss_config config = {
		.mac = { 0x02, 0xa0, 0, 0, 0, (uint8_t)b->count }, .ssid = "hall", .ssid_len = 4, .freq_mhz = freq_mhz
	};

	*r = (struct registrar){ .bench = b, .freq_mhz = freq_mhz, .pin = pin };
	r->device = (struct mr_wsc_device){ .uuid = { (uint8_t)b->count },
					    .manufacturer = "M",
					    .model_name = "s",
					    .model_number = "1",
					    .serial = "1",
					    .name = "s",
					    .methods = MR_WSC_LABEL | MR_WSC_PUSH_BUTTON,
					    .rf_bands = 1 };
	config.pins = pin != NULL;
	config.device = &r->device;
	config.entropy = b->entropy;
	r->bss = wps_bss_create(&config, &(struct wps_bss_events){ r, on_asked, on_ended, on_button, on_probed, NULL },
				b->board.now_us);
	assert_non_null(r->bss);
	return r;
}

/* --- the air: one channel at a time is heard by the device --- */

static void from_registrar(struct bench *b, struct registrar *r)
{
	uint8_t frame[RADIO_FRAME_MAX];
	struct radio_tx tx;
	size_t len;

	wps_bss_expire(r->bss, b->board.now_us);
	while ((len = wps_bss_pull(r->bss, frame, &tx, b->board.now_us)) > 0)
		if (b->board.freq_mhz == r->freq_mhz && !(frame[0] != 0x80 && ++r->frames == r->lose))
			board_hear(&b->board, frame, len);
}

static void from_device(struct bench *b)
{
	const struct board_frame *f;

	while ((f = board_take(&b->board, true))) {
		b->calls += f->bytes[0] == 0xd0;
		for (size_t i = 0; i < b->count; i++)
			if (b->board.freq_mhz == b->at[i].freq_mhz && !b->at[i].deaf)
				wps_bss_receive(b->at[i].bss, mr_rd_over(f->bytes, f->len), b->board.now_us);
	}
}

static void pass(struct bench *b, uint64_t us)
{
	uint64_t end_us = b->board.now_us + us;

	while (b->board.now_us < end_us) {
		for (size_t i = 0; i < b->count; i++)
			from_registrar(b, &b->at[i]);
		(void)board_wait(&b->board, 1000);
		from_device(b);
	}
}

static bool has_credentials(const struct bench *b) { return mr_agent_stage(&b->board.agent) & MR_STAGE_CREDENTIALS; }

static bool value_is(const struct bench *b, uint8_t id, const void *octets, size_t len)
{
	struct mr_rd v = mr_store_value(mr_store_find(&b->board.agent.store, MR_SECTION_CREDENTIALS), id);

	return !v.bad && v.left == len && mr_equal(v.at, octets, len);
}

static bool has_what_was_given(const struct bench *b)
{
	static const uint8_t wpa2[] = { MR_SECURITY_WPA2 };

	return has_credentials(b) && value_is(b, MR_AT_SSID, "Target", 6) &&
	       value_is(b, MR_AT_PASSPHRASE, "correct horse 42", 16) && value_is(b, MR_AT_SECURITY, wpa2, 1);
}

static int make(void **state)
{
	static const uint8_t station_key[32] = { 9 }, batch_key[32] = { 0xba };
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	board_make(&b->board, 0x11, station_key, batch_key);
	b->entropy = entropy_create_seeded(3, "registrars");
	b->wps = (struct mr_wps){ .pin = PIN, .manufacturer = "Acme" };
	b->board.config.methods = image;
	b->board.config.wps = &b->wps;
	*state = b;
	return 0;
}

static int wipe(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < b->count; i++)
		wps_bss_destroy(b->at[i].bss);
	entropy_destroy(b->entropy);
	free(b);
	return 0;
}

/* --- what is asked --- */

static void by_its_pin_it_gets_credentials_and_keeps_them(void **state)
{
	struct bench *b = *state;
	struct registrar *r = add(b, 2437, PIN);
	uint64_t began_us;

	assert_true(board_start(&b->board));
	began_us = b->board.now_us;
	while (!has_credentials(b) && b->board.now_us < began_us + 10 * SECOND)
		pass(b, 1000);
	assert_true(has_what_was_given(b));
	assert_true(b->board.now_us < began_us + SECOND); /* one look at three channels, one run */
	pass(b, SECOND);
	assert_int_equal(r->enrolled, 1);
	assert_int_equal(b->board.work[MR_WORK_MODP1536], 2);
	assert_int_equal(b->wps.phase, MR_WPS_OFF);
	assert_int_equal(b->board.agent.holder, MR_HELD_BY_NOBODY);
	/* With credentials it looks no more, after a restart neither. */
	assert_true(board_start(&b->board));
	assert_true(has_what_was_given(b));
	pass(b, 5 * SECOND);
	assert_int_equal(r->asked, 1);
}

static void by_its_button_it_gets_credentials(void **state)
{
	struct bench *b = *state;
	struct registrar *r = add(b, 2437, NULL);

	b->wps.pin = NULL;
	assert_true(board_start(&b->board));
	pass(b, 2 * SECOND);
	assert_true(has_what_was_given(b));
	assert_int_equal(r->enrolled, 1);
}

/* Both ends repeat what is lost; any one frame may be. */
static void a_lost_frame_costs_time_and_nothing_else(void **state)
{
	struct bench *b = *state;

	for (unsigned lose = 1; lose <= 14; lose++) {
		struct registrar *r;

		b->count = 0;
		r = add(b, 2437, PIN);
		r->lose = lose;
		memset(b->board.written, 0, sizeof(b->board.written));
		b->wps.pin = PIN;
		assert_true(board_start(&b->board));
		pass(b, 8 * SECOND);
		assert_true(has_what_was_given(b));
		wps_bss_destroy(r->bss);
		b->count = 0;
	}
}

static void messages_may_come_and_go_in_fragments(void **state)
{
	struct bench *b = *state;
	struct registrar *r = add(b, 2437, PIN);

	b->wps.fragment_max = MR_EAP_FRAGMENT_MIN;
	assert_true(board_start(&b->board));
	pass(b, 3 * SECOND);
	assert_true(has_what_was_given(b));
	assert_true(r->frames > 15); /* of which eight acknowledge fragments */
}

/* The first wrong ones cost half a second each, then each costs more, and the eleventh is never made. */
static void a_false_registrar_may_guess_ten_times(void **state)
{
	struct bench *b = *state;
	struct registrar *r = add(b, 2437, "76543210");

	assert_true(board_start(&b->board));
	pass(b, 20 * SECOND);
	assert_int_equal(r->failed, MR_WPS_WRONG_FREE);
	assert_false(has_credentials(b));
	pass(b, 60 * SECOND);
	assert_int_equal(r->failed, MR_WPS_WRONG_FREE + 1);
	pass(b, 120 * SECOND);
	assert_int_equal(r->failed, MR_WPS_WRONG_FREE + 2);
	b->board.now_us += 10000 * SECOND;
	for (unsigned i = 0; i < 12; i++) {
		pass(b, 5 * SECOND);
		b->board.now_us += 10000 * SECOND;
	}
	assert_int_equal(r->failed, MR_WPS_WRONG_MAX);
	assert_int_equal(b->wps.phase, MR_WPS_OFF);
	assert_false(has_credentials(b));
}

/* The right one is behind the wrong one: each look goes on to another than the last. */
static void who_refuses_is_tried_last(void **state)
{
	struct bench *b = *state;
	struct registrar *first = add(b, 2412, "76543210"), *right = add(b, 2437, PIN);

	first->declines = true;
	assert_true(board_start(&b->board));
	pass(b, 5 * SECOND);
	assert_true(has_what_was_given(b));
	assert_int_equal(first->asked, 1);
	assert_int_equal(right->enrolled, 1);
}

static void two_registrars_for_one_button_are_refused(void **state)
{
	struct bench *b = *state;
	struct registrar *one = add(b, 2412, NULL), *other = add(b, 2437, NULL);

	b->wps.pin = NULL;
	assert_true(board_start(&b->board));
	pass(b, 5 * SECOND);
	assert_false(has_credentials(b));
	assert_int_equal(one->asked + other->asked, 0);
	assert_int_equal(b->wps.phase, MR_WPS_OFF);
	/* Pressed again, when one of them has gone. */
	one->deaf = true;
	wps_bss_pause(one->bss);
	mr_wps_press(&b->board.agent);
	pass(b, 5 * SECOND);
	assert_true(has_what_was_given(b));
	assert_int_equal(other->enrolled, 1);
}

static void a_button_is_forgotten_after_two_minutes(void **state)
{
	struct bench *b = *state;
	struct registrar *r;

	b->wps.pin = NULL;
	assert_true(board_start(&b->board));
	pass(b, 121 * SECOND);
	r = add(b, 2437, NULL);
	pass(b, 5 * SECOND);
	assert_int_equal(r->asked, 0);
	mr_wps_press(&b->board.agent);
	pass(b, 5 * SECOND);
	assert_int_equal(r->enrolled, 1);
}

/* It asks whoever authorizes it, as wpa_supplicant does, and is told that this one is for another (M2D). */
static void a_registrar_for_a_button_gives_a_pin_nothing(void **state)
{
	struct bench *b = *state;
	struct registrar *r = add(b, 2437, NULL);

	assert_true(board_start(&b->board));
	pass(b, 10 * SECOND);
	assert_true(r->asked > 1);
	assert_int_equal(r->enrolled + r->failed, 0);
	assert_false(has_credentials(b));
	assert_int_equal(b->wps.wrong, 0);
}

/* What it cannot keep it does not say that it has; the registrar counts it as failed. */
static void what_is_not_stored_is_not_acknowledged(void **state)
{
	struct bench *b = *state;
	struct registrar *r = add(b, 2437, PIN);

	assert_true(board_start(&b->board));
	b->board.write_fails = true;
	pass(b, 4 * SECOND);
	assert_false(has_credentials(b));
	assert_int_equal(r->enrolled, 0);
	assert_true(r->failed > 0);
	b->board.write_fails = false;
	pass(b, 4 * SECOND);
	assert_true(has_what_was_given(b));
	assert_int_equal(r->enrolled, 1);
}

static void without_entropy_nothing_is_said(void **state)
{
	struct bench *b = *state;
	struct registrar *r = add(b, 2437, PIN);

	assert_true(board_start(&b->board));
	b->board.random_fails = true;
	pass(b, 10 * SECOND);
	assert_int_equal(r->asked, 0);
	b->board.random_fails = false;
	pass(b, 20 * SECOND);
	assert_true(has_what_was_given(b));
}

static void no_registrar_leaves_the_radio_to_calls(void **state)
{
	struct bench *b = *state;
	uint64_t elsewhere_us = 0, until_us;

	assert_true(board_start(&b->board));
	until_us = b->board.now_us + 60 * SECOND;
	while (b->board.now_us < until_us) {
		pass(b, 1000);
		if (b->board.agent.holder == MR_HELD_BY_NOBODY) {
			assert_int_equal(b->board.freq_mhz, 2412); /* home */
			elsewhere_us += 1000;
		}
	}
	assert_true(elsewhere_us > 30 * SECOND);
	assert_int_equal(b->calls, 0);
}

static void a_config_out_of_range_is_refused(void **state)
{
	static const struct mr_method *const without[] = { &mr_method_direct, NULL };
	struct bench *b = *state;

	assert_int_equal(mr_agent_wants(&b->board.config), MR_WANTS_ACTION_FRAMES | MR_WANTS_OPEN_LINK);
	b->wps.pin = "12345671";
	assert_false(board_start(&b->board));
	b->wps.pin = "1234567";
	assert_false(board_start(&b->board));
	b->wps.pin = "1234";
	assert_true(board_start(&b->board));
	b->board.config.methods = without;
	assert_false(board_start(&b->board));
}

/* Frames that end anywhere, with bits that are other ones. */
static void a_spoilt_frame_is_no_frame(void **state)
{
	struct bench *b = *state;
	struct registrar *r = add(b, 2437, PIN);
	uint8_t frame[RADIO_FRAME_MAX];
	struct radio_tx tx;
	size_t len = 0;

	assert_true(board_start(&b->board));
	while (b->board.freq_mhz != 2437 || b->wps.phase != MR_WPS_LOOKING)
		(void)board_wait(&b->board, 1000), (void)board_take(&b->board, true);
	while (len == 0) {
		b->board.now_us += 1000;
		wps_bss_expire(r->bss, b->board.now_us);
		len = wps_bss_pull(r->bss, frame, &tx, b->board.now_us);
	}
	assert_int_equal(frame[0], 0x80);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1);

		assert_non_null(copy);
		memcpy(copy, frame, cut);
		board_hear(&b->board, copy, cut);
		free(copy);
	}
	assert_false(b->wps.has_found);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		uint8_t other[RADIO_FRAME_MAX];

		memcpy(other, frame, len);
		other[bit / 8] ^= (uint8_t)(1u << bit % 8);
		board_hear(&b->board, other, len);
	}
	b->wps.has_found = false;
	board_hear(&b->board, frame, len);
	assert_true(b->wps.has_found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_its_pin_it_gets_credentials_and_keeps_them, make, wipe),
		cmocka_unit_test_setup_teardown(by_its_button_it_gets_credentials, make, wipe),
		cmocka_unit_test_setup_teardown(a_lost_frame_costs_time_and_nothing_else, make, wipe),
		cmocka_unit_test_setup_teardown(messages_may_come_and_go_in_fragments, make, wipe),
		cmocka_unit_test_setup_teardown(a_false_registrar_may_guess_ten_times, make, wipe),
		cmocka_unit_test_setup_teardown(who_refuses_is_tried_last, make, wipe),
		cmocka_unit_test_setup_teardown(two_registrars_for_one_button_are_refused, make, wipe),
		cmocka_unit_test_setup_teardown(a_button_is_forgotten_after_two_minutes, make, wipe),
		cmocka_unit_test_setup_teardown(a_registrar_for_a_button_gives_a_pin_nothing, make, wipe),
		cmocka_unit_test_setup_teardown(what_is_not_stored_is_not_acknowledged, make, wipe),
		cmocka_unit_test_setup_teardown(without_entropy_nothing_is_said, make, wipe),
		cmocka_unit_test_setup_teardown(no_registrar_leaves_the_radio_to_calls, make, wipe),
		cmocka_unit_test_setup_teardown(a_config_out_of_range_is_refused, make, wipe),
		cmocka_unit_test_setup_teardown(a_spoilt_frame_is_no_frame, make, wipe),
	};

	return cmocka_run_group_tests_name("agent_wps", tests, NULL, NULL);
}
