/*
 * The device as an access point, joining a network and coming back; over action frames, for the API's tests have the
 * rest.
 *
 * links: agent/port/linux/crypto_openssl.c tests/support/board.c tests/support/methods_all.c
 * links: tests/support/peer.c tests/support/factory.c agent/libmr.a
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/cause.h"
#include "tests/support/factory.h"
#include "tests/support/peer.h"

struct yard {
	struct board board;
	struct peer peer;
	struct factory factory;
	uint8_t request[MR_MESSAGE_MAX];
};

static const uint8_t batch_key[32] = { 0xba, 0x7c };
static const uint8_t entropy[32] = { 0xe7 };
#define TXN 0x2222

static int yard_make(void **state)
{
	struct yard *y = calloc(1, sizeof(*y));

	assert_non_null(y);
	factory_make(&y->factory);
	peer_make(&y->peer, 99, batch_key);
	board_make(&y->board, 0xc7, y->peer.s_pub, batch_key);
	y->peer.board = &y->board;
	board_give_wifi(&y->board);
	y->board.config.ap = (struct mr_ap_config){
		.method = MR_AP_WPA2, .ssid = "AC-", .passphrase = "as it was built", .freq_mhz = 2437
	};
	*state = y;
	return 0;
}

static int yard_wipe(void **state)
{
	struct yard *y = *state;

	factory_wipe(&y->factory);
	free(y);
	return 0;
}

static struct mr_wr begin(struct yard *y, enum mr_operation operation)
{
	struct mr_wr w = mr_wr_over(y->request, sizeof(y->request));

	mr_request_begin(&w, operation);
	return w;
}

static int ask(struct yard *y, struct mr_wr w) { return peer_asks(&y->peer, &w) ? y->peer.response.cause : -1; }

static int ask_txn(struct yard *y, enum mr_operation operation, uint64_t txn)
{
	struct mr_wr w = begin(y, operation);

	mr_attribute_add_u64(&w, MR_AT_TXN, txn);
	return ask(y, w);
}

static void give_credentials(struct yard *y)
{
	struct mr_wr w = begin(y, MR_OP_CREDENTIALS);

	mr_attribute_add_u64(&w, MR_AT_TXN, TXN);
	mr_attribute_add(&w, MR_AT_SSID, "mill", 4);
	mr_attribute_add_u8(&w, MR_AT_SECURITY, MR_SECURITY_WPA3);
	mr_attribute_add(&w, MR_AT_PASSPHRASE, "by the wheel", 12);
	assert_int_equal(ask(y, w), MR_CAUSE_OK);
	assert_int_equal(ask_txn(y, MR_OP_COMMIT, TXN), MR_CAUSE_OK);
}

static void give_identity(struct yard *y, const char *serial, const char *passphrase)
{
	uint8_t certificate[900], pub[65];
	struct mr_wr w = begin(y, MR_OP_KEY);
	size_t len;

	mr_attribute_add(&w, MR_AT_ENTROPY, entropy, sizeof(entropy));
	assert_int_equal(ask(y, w), MR_CAUSE_OK);
	len = factory_certify(&y->factory, y->peer.response.value[MR_AT_CSR].at, y->peer.response.value[MR_AT_CSR].left,
			      "Brook lamp", "d0010203040506c7", certificate, sizeof(certificate), pub);
	w = begin(y, MR_OP_IDENTITY);
	mr_attribute_add_u64(&w, MR_AT_TXN, 1);
	mr_attribute_add(&w, MR_AT_SERIAL, serial, strlen(serial));
	mr_attribute_add(&w, MR_AT_CERTIFICATE, certificate, len);
	mr_attribute_add(&w, MR_AT_ISSUER, y->factory.ca_der, y->factory.ca_len);
	mr_attribute_add(&w, MR_AT_AP_PASSPHRASE, passphrase, strlen(passphrase));
	assert_int_equal(ask(y, w), MR_CAUSE_OK);
	assert_int_equal(ask_txn(y, MR_OP_COMMIT, 1), MR_CAUSE_OK);
}

static struct mr_join join_of(struct yard *y)
{
	struct mr_join join = { 0 };

	assert_int_equal(ask(y, begin(y, MR_OP_STATUS)), MR_CAUSE_OK);
	if (y->peer.response.has[MR_AT_JOIN])
		assert_true(mr_join_read(y->peer.response.value[MR_AT_JOIN], &join));
	return join;
}

static void assert_named(const struct yard *y, const char *ssid, const char *passphrase)
{
	assert_true(y->board.ap_up);
	assert_int_equal(y->board.ap.ssid_len, strlen(ssid));
	assert_memory_equal(y->board.ap.ssid, ssid, strlen(ssid));
	assert_string_equal(y->board.ap.passphrase, passphrase);
}

/* ---- standing ---- */

static void the_access_point_has_the_name_and_security_of_the_config(void **state)
{
	struct yard *y = *state;
	struct mr_ap_config *ap = &y->board.config.ap;
	unsigned pbkdf2;

	assert_true(board_start(&y->board));
	assert_named(y, "AC-0000c7", "as it was built");
	assert_int_equal(y->board.ap.security, MR_SECURITY_WPA2);
	assert_int_equal(y->board.ap.freq_mhz, 2437);
	pbkdf2 = y->board.work[MR_WORK_PBKDF2];
	assert_int_equal(pbkdf2, 1);
	ap->ssid_is_whole = true;
	assert_true(board_start(&y->board));
	assert_named(y, "AC-", "as it was built");
	ap->method = MR_AP_IBSS;
	ap->passphrase = NULL;
	assert_true(board_start(&y->board));
	assert_true(y->board.ap.ibss && y->board.ap.security == MR_SECURITY_OPEN && !y->board.ap.tls);
	ap->method = MR_AP_TLS;
	assert_true(board_start(&y->board));
	assert_true(!y->board.ap.ibss && y->board.ap.security == MR_SECURITY_OPEN && y->board.ap.tls);
	ap->method = MR_AP_NONE;
	y->board.ap_ups = 0;
	assert_true(board_start(&y->board));
	assert_int_equal(y->board.ap_ups, 0);
}

static void a_wpa2_access_point_without_a_passphrase_does_not_stand(void **state)
{
	struct yard *y = *state;
	struct mr_access_point ap;

	y->board.config.ap.passphrase = NULL;
	assert_true(board_start(&y->board));
	assert_int_equal(y->board.ap_ups, 0);
	assert_false(mr_agent_access_point(&y->board.agent, &ap));
}

static void a_configuration_out_of_range_is_refused(void **state)
{
	static const struct mr_pin_verifier short_salt = { .salt_len = 15, .iterations = 1000 };
	struct yard *y = *state;
	struct mr_ap_config *ap = &y->board.config.ap, good = *ap;

	y->board.config.channel_count = 0;
	assert_true(board_start(&y->board));
	*ap = good, ap->method = MR_AP_NONE;
	assert_false(board_start(&y->board));
	*ap = good, ap->passphrase = "1234567";
	assert_false(board_start(&y->board));
	*ap = good, ap->passphrase = "1234567890123456789012345678901234567890123456789012345678901234";
	assert_false(board_start(&y->board));
	*ap = good, ap->ssid = NULL;
	assert_false(board_start(&y->board));
	*ap = good, ap->ssid = "123456789012345678901234567890123";
	assert_false(board_start(&y->board));
	*ap = good, ap->ssid = "", ap->ssid_is_whole = true;
	assert_false(board_start(&y->board));
	*ap = good, ap->pin = &short_salt;
	assert_false(board_start(&y->board));
}

static void an_access_point_that_does_not_come_up_is_tried_again(void **state)
{
	struct yard *y = *state;

	y->board.ap_fails = true;
	assert_true(board_start(&y->board));
	assert_false(board_wait(&y->board, 2500000));
	assert_int_equal(y->board.ap_ups, 3);
	y->board.ap_fails = false;
	assert_false(board_wait(&y->board, 5000000));
	assert_int_equal(y->board.ap_ups, 4);
	assert_true(y->board.ap_up);
}

static void a_device_without_a_plan_hears_no_frames(void **state)
{
	struct yard *y = *state;

	y->board.config.channel_count = 0;
	assert_true(board_start(&y->board));
	assert_int_equal(mr_agent_deadline_us(&y->board.agent), UINT64_MAX);
	assert_false(peer_meets(&y->peer));
	assert_false(mr_agent_finished(&y->board.agent));
	assert_int_equal(y->board.freq_mhz, 0);
}

static void what_identity_brings_names_the_access_point_from_the_next_time_on(void **state)
{
	struct yard *y = *state;

	assert_true(board_start(&y->board));
	assert_true(peer_connects(&y->peer));
	give_identity(y, "BR-000042", "a sluice, a wheel");
	assert_named(y, "AC-0000c7", "as it was built");
	assert_true(board_start(&y->board));
	assert_named(y, "AC-BR-000042", "a sluice, a wheel");
}

static void a_name_that_is_too_long_loses_its_beginning(void **state)
{
	struct yard *y = *state;

	assert_true(board_start(&y->board));
	assert_true(peer_connects(&y->peer));
	give_identity(y, "123456789012345678901234567890", "a sluice, a wheel");
	assert_true(board_start(&y->board));
	assert_named(y, "AC123456789012345678901234567890", "a sluice, a wheel");
}

/* ---- joining ---- */

static void a_device_joins_stays_to_be_seen_and_comes_back_into_its_session(void **state)
{
	struct yard *y = *state;
	struct board *b = &y->board;
	struct mr_join join;
	uint64_t from_us;

	assert_true(board_start(b));
	assert_true(peer_connects(&y->peer));
	give_credentials(y);
	assert_int_equal(join_of(y).state, MR_JOIN_IDLE);
	assert_false(y->peer.response.has[MR_AT_JOIN]);
	assert_int_equal(ask_txn(y, MR_OP_JOIN, TXN), MR_CAUSE_OK);
	assert_true(b->ap_up);
	from_us = b->now_us;
	while (!b->joins && b->now_us < from_us + 200000)
		(void)board_wait(b, 1000);
	assert_false(b->ap_up);
	assert_true(b->joins && !b->join_chosen);
	assert_int_equal(b->join_security, MR_SECURITY_WPA3);
	assert_memory_equal(b->join_passphrase, "by the wheel", 12);
	b->freq_mhz = 5180;
	from_us = b->now_us;
	(void)board_wait(b, 1000000);
	b->join = (struct mr_join){ MR_JOIN_JOINED, 0, { 2, 4, 6, 8, 10, 12 }, 5180, 0 };
	(void)board_wait(b, 1000000);
	assert_true(b->joins);
	(void)board_wait(b, 200000);
	assert_false(b->joins);
	assert_true(b->ap_up);
	assert_int_equal(b->freq_mhz, 2437);
	join = join_of(y);
	assert_int_equal(join.state, MR_JOIN_JOINED);
	assert_int_equal(join.cause, MR_CAUSE_OK);
	assert_int_equal(join.freq_mhz, 5180);
	assert_memory_equal(join.bssid, "\2\4\6\10\12\14", 6);
	assert_in_range(join.took_ms, 1000, 1100);
}

static void join_names_committed_credentials_and_may_name_an_access_point(void **state)
{
	struct yard *y = *state;
	struct mr_wr w;

	assert_true(board_start(&y->board));
	assert_true(peer_connects(&y->peer));
	assert_int_equal(ask(y, begin(y, MR_OP_JOIN)), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(ask_txn(y, MR_OP_JOIN, TXN), MR_CAUSE_OUT_OF_ORDER);
	give_credentials(y);
	assert_int_equal(ask_txn(y, MR_OP_JOIN, TXN + 1), MR_CAUSE_OUT_OF_ORDER);
	w = begin(y, MR_OP_JOIN);
	mr_attribute_add_u64(&w, MR_AT_TXN, TXN);
	mr_attribute_add(&w, MR_AT_BSSID, "\2\4\6\10\12\14", 6);
	assert_int_equal(ask(y, w), MR_CAUSE_OK);
	/* Asked again before it has left: the same. */
	assert_int_equal(ask_txn(y, MR_OP_JOIN, TXN), MR_CAUSE_OK);
	assert_int_equal(join_of(y).state, MR_JOIN_JOINING);
	(void)board_wait(&y->board, 3000000);
	assert_true(y->board.join_chosen);
	assert_memory_equal(y->board.join_bssid, "\2\4\6\10\12\14", 6);
}

static void a_join_that_fails_or_takes_too_long_is_told(void **state)
{
	struct yard *y = *state;
	struct board *b = &y->board;
	struct mr_join join;

	y->peer.lease_s = 300;
	assert_true(board_start(b));
	assert_true(peer_connects(&y->peer));
	give_credentials(y);
	assert_int_equal(ask_txn(y, MR_OP_JOIN, TXN), MR_CAUSE_OK);
	(void)board_wait(b, 1000000);
	b->join = (struct mr_join){ MR_JOIN_FAILED, MR_CAUSE_PASSPHRASE_REFUSED, { 0 }, 2412, 0 };
	(void)board_wait(b, 100000);
	join = join_of(y);
	assert_int_equal(join.state, MR_JOIN_FAILED);
	assert_int_equal(join.cause, MR_CAUSE_PASSPHRASE_REFUSED);

	assert_int_equal(ask_txn(y, MR_OP_JOIN, TXN), MR_CAUSE_OK);
	(void)board_wait(b, 29000000);
	assert_true(b->joins);
	(void)board_wait(b, 2000000);
	join = join_of(y);
	assert_int_equal(join.state, MR_JOIN_FAILED);
	assert_int_equal(join.cause, MR_CAUSE_JOIN_FAILED);
	assert_in_range(join.took_ms, 30000, 30100);

	b->join_fails = true;
	assert_int_equal(ask_txn(y, MR_OP_JOIN, TXN), MR_CAUSE_OK);
	(void)board_wait(b, 1000000);
	assert_true(b->ap_up);
	assert_int_equal(join_of(y).state, MR_JOIN_FAILED);
}

static void a_device_that_is_away_neither_hears_nor_sends(void **state)
{
	struct yard *y = *state;
	struct board *b = &y->board;
	uint8_t frame[MR_FRAME_MAX];

	assert_true(board_start(b));
	assert_true(peer_connects(&y->peer));
	give_credentials(y);
	assert_int_equal(ask_txn(y, MR_OP_JOIN, TXN), MR_CAUSE_OK);
	(void)board_wait(b, 1000000);
	assert_true(b->joins);
	board_hear(b, frame, peer_build_poll(&y->peer, y->peer.seq, 0, frame));
	assert_false(board_wait(b, 1000000));
	/* The lease ran out meanwhile: back, the device waits to be called. */
	assert_false(board_wait(b, 40000000));
	assert_true(b->ap_up);
	assert_int_equal(b->freq_mhz, 2412);
	assert_true(peer_connects(&y->peer));
	assert_int_equal(join_of(y).state, MR_JOIN_FAILED);
}

static void a_response_that_nobody_acknowledges_does_not_keep_a_device(void **state)
{
	struct yard *y = *state;
	struct board *b = &y->board;
	struct mr_wr w;
	uint8_t frame[MR_FRAME_MAX];

	assert_true(board_start(b));
	assert_true(peer_connects(&y->peer));
	give_credentials(y);
	w = begin(y, MR_OP_JOIN);
	mr_attribute_add_u64(&w, MR_AT_TXN, TXN);
	board_hear(b, frame, peer_build_data(&y->peer, w.buf, w.len, (uint16_t)(y->peer.seq + 1), 0, 0, frame));
	for (uint64_t until_us = b->now_us + 1900000; b->now_us < until_us;)
		if (board_wait(b, 10000))
			(void)board_take(b, false);
	assert_true(b->ap_up && !b->joins);
	for (uint64_t until_us = b->now_us + 200000; b->now_us < until_us;)
		if (board_wait(b, 10000))
			(void)board_take(b, false);
	assert_true(!b->ap_up && b->joins);
}

/* ---- looking around ---- */

static void the_scan_list_is_made_after_the_answer_and_kept_for_ten_seconds(void **state)
{
	struct yard *y = *state;
	struct board *b = &y->board;
	struct mr_network network;

	y->peer.lease_s = 300;
	b->network_count = 18;
	for (uint8_t i = 0; i < 18; i++)
		b->networks[i] = (struct mr_network){ { i }, 2412, (int8_t)-i, MR_SECURITY_WPA2, 32, { i } };
	assert_true(board_start(b));
	assert_true(peer_connects(&y->peer));
	assert_int_equal(ask(y, begin(y, MR_OP_NETWORKS)), MR_CAUSE_OK);
	assert_int_equal(y->peer.response.network_count, MR_NETWORKS_MAX);
	assert_true(mr_network_read(y->peer.response.networks[15], &network));
	assert_int_equal(network.bssid[0], 15);
	assert_int_equal(b->scans, 0);
	(void)board_wait(b, 150000);
	assert_int_equal(b->scans, 1);
	for (int i = 0; i < 2; i++) { /* one is on; then the list is fresh */
		assert_int_equal(ask(y, begin(y, MR_OP_NETWORKS)), MR_CAUSE_OK);
		(void)board_wait(b, 150000);
		assert_int_equal(b->scans, 1);
		b->scanning = false;
	}
	(void)board_wait(b, 11000000);
	assert_int_equal(ask(y, begin(y, MR_OP_NETWORKS)), MR_CAUSE_OK);
	(void)board_wait(b, 150000);
	assert_int_equal(b->scans, 2);
}

static unsigned ask_for(struct yard *y, const char *ssid)
{
	struct mr_wr w = begin(y, MR_OP_NETWORKS);

	mr_attribute_add(&w, MR_AT_SSID, ssid, strlen(ssid));
	assert_int_equal(ask(y, w), MR_CAUSE_OK);
	(void)board_wait(&y->board, 150000);
	return (unsigned)y->peer.response.network_count;
}

/* However long a look takes: what is asked for was not in it, so it is of no use. */
static void a_list_without_what_was_asked_for_is_made_anew_and_for_that_name(void **state)
{
	struct yard *y = *state;
	struct board *b = &y->board;

	y->peer.lease_s = 300;
	b->network_count = 3;
	for (uint8_t i = 0; i < 3; i++)
		b->networks[i] = (struct mr_network){ { i }, 2412, (int8_t)-i, MR_SECURITY_WPA2, 1, { 'a' + i } };
	assert_true(board_start(b));
	assert_true(peer_connects(&y->peer));
	assert_int_equal(ask(y, begin(y, MR_OP_NETWORKS)), MR_CAUSE_OK);
	(void)board_wait(b, 150000);
	assert_int_equal(b->scans, 1);
	assert_int_equal(b->scan_ssid_len, 0);
	b->scanning = false;
	assert_int_equal(ask_for(y, "mill hall"), 3);
	assert_int_equal(b->scans, 2);
	assert_int_equal(b->scan_ssid_len, 9);
	assert_memory_equal(b->scan_ssid, "mill hall", 9);
	assert_int_equal(ask_for(y, "mill hall"), 3); /* one is on */
	assert_int_equal(b->scans, 2);
	(void)board_wait(b, 3000000);
	b->scanning = false;
	assert_int_equal(ask_for(y, "mill hall"), 3);
	assert_int_equal(b->scans, 3);
	b->scanning = false;
	assert_int_equal(ask_for(y, "b"), 3); /* it is there, and new */
	assert_int_equal(b->scans, 3);
}

static void a_device_without_wifi_cannot_look_or_join(void **state)
{
	struct yard *y = *state;

	y->board.config.ap.method = MR_AP_NONE;
	y->board.port.wifi = NULL;
	assert_true(board_start(&y->board));
	assert_true(peer_connects(&y->peer));
	assert_int_equal(ask(y, begin(y, MR_OP_NETWORKS)), MR_CAUSE_UNSUPPORTED);
	give_credentials(y);
	assert_int_equal(ask_txn(y, MR_OP_JOIN, TXN), MR_CAUSE_UNSUPPORTED);
}

int main(void)
{
#define IN_A_YARD(test) cmocka_unit_test_setup_teardown(test, yard_make, yard_wipe)
	const struct CMUnitTest tests[] = {
		IN_A_YARD(the_access_point_has_the_name_and_security_of_the_config),
		IN_A_YARD(a_wpa2_access_point_without_a_passphrase_does_not_stand),
		IN_A_YARD(a_configuration_out_of_range_is_refused),
		IN_A_YARD(an_access_point_that_does_not_come_up_is_tried_again),
		IN_A_YARD(a_device_without_a_plan_hears_no_frames),
		IN_A_YARD(what_identity_brings_names_the_access_point_from_the_next_time_on),
		IN_A_YARD(a_name_that_is_too_long_loses_its_beginning),
		IN_A_YARD(a_device_joins_stays_to_be_seen_and_comes_back_into_its_session),
		IN_A_YARD(join_names_committed_credentials_and_may_name_an_access_point),
		IN_A_YARD(a_join_that_fails_or_takes_too_long_is_told),
		IN_A_YARD(a_device_that_is_away_neither_hears_nor_sends),
		IN_A_YARD(a_response_that_nobody_acknowledges_does_not_keep_a_device),
		IN_A_YARD(the_scan_list_is_made_after_the_answer_and_kept_for_ten_seconds),
		IN_A_YARD(a_list_without_what_was_asked_for_is_made_anew_and_for_that_name),
		IN_A_YARD(a_device_without_wifi_cannot_look_or_join),
	};

	return cmocka_run_group_tests_name("wifi", tests, NULL, NULL);
}
