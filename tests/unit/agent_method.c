/*
 * The table of methods that an image carries: what is in it works, what is not in it is refused or unknown, and the
 * core needs none of them.
 *
 * links: agent/port/linux/crypto_openssl.c tests/support/board.c tests/support/methods_all.c tests/support/browser.c
 * links: tests/support/peer.c agent/libmr.a
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
#include "tests/support/browser.h"
#include "tests/support/peer.h"

struct bench {
	struct board board;
	struct peer peer;
	struct browser browser;
};

static const uint8_t batch_key[32] = { 0xba, 0x7c };

static int bench_make(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	peer_make(&b->peer, 7, batch_key);
	board_make(&b->board, 0x11, b->peer.s_pub, batch_key);
	b->peer.board = &b->board;
	board_give_wifi(&b->board);
	*state = b;
	return 0;
}

static int bench_wipe(void **state)
{
	free(*state);
	return 0;
}

static void give_network(struct bench *b, enum mr_ap_method method)
{
	b->board.config.ap = (struct mr_ap_config){
		.method = method, .ssid = "AC-", .passphrase = "as it was built", .freq_mhz = 2437
	};
}

static bool starts(struct bench *b, const struct mr_method *const *table)
{
	b->board.config.methods = table;
	return board_start(&b->board);
}

static const struct mr_method *const direct[] = { &mr_method_direct, NULL };
static const struct mr_method *const micro_ap[] = { &mr_part_wifi, &mr_part_api, &mr_method_micro_ap, NULL };
static const struct mr_method *const pin[] = { &mr_part_wifi, &mr_part_api, &mr_method_pin, NULL };
static const struct mr_method *const both[] = { &mr_method_direct, &mr_part_wifi, &mr_part_api, &mr_method_micro_ap,
						NULL };

/* ---- the table and the config ---- */

static void what_the_config_asks_for_and_the_image_lacks_is_refused(void **state)
{
	struct bench *b = *state;

	assert_true(starts(b, direct));
	assert_false(starts(b, micro_ap)); /* a plan, and nobody who hears action frames */
	give_network(b, MR_AP_WPA2);
	assert_false(starts(b, direct));
	assert_false(starts(b, micro_ap));
	assert_true(starts(b, both));
	b->board.config.channel_count = 0;
	assert_true(starts(b, micro_ap));
	assert_true(starts(b, both));
	assert_false(starts(b, pin));
	give_network(b, MR_AP_PIN);
	assert_false(starts(b, micro_ap));
	assert_true(starts(b, pin));
	give_network(b, MR_AP_IBSS);
	assert_true(starts(b, pin));
	give_network(b, MR_AP_NONE);
	assert_false(starts(b, pin));
	assert_false(starts(b, NULL));
}

static void a_row_stands_below_the_part_that_it_needs(void **state)
{
	static const struct mr_method *const tables[][4] = {
		{ &mr_method_micro_ap, NULL },
		{ &mr_part_api, &mr_method_micro_ap, NULL },
		{ &mr_part_wifi, &mr_method_micro_ap, NULL },
		{ &mr_part_api, &mr_part_wifi, &mr_method_micro_ap, NULL },
		{ &mr_method_micro_ap, &mr_part_wifi, &mr_part_api, NULL },
	};
	struct bench *b = *state;

	give_network(b, MR_AP_WPA2);
	b->board.config.channel_count = 0;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		assert_false(starts(b, tables[i]));
	assert_true(starts(b, micro_ap));
}

static void a_row_for_whose_state_there_is_no_room_is_refused(void **state)
{
	static const struct mr_method homeless = { .name = "homeless", .has_room = false };
	static const struct mr_method *const table[] = { &mr_method_direct, &homeless, NULL };
	struct bench *b = *state;

	assert_false(starts(b, table));
	assert_true(mr_method_direct.has_room && mr_part_wifi.has_room && mr_method_pin.has_room &&
		    mr_method_https.has_room && mr_method_sniffer.has_room);
}

static void a_board_learns_what_it_must_give(void **state)
{
	struct bench *b = *state;
	struct mr_agent_config *c = &b->board.config;

	assert_int_equal(mr_agent_wants(c), MR_WANTS_ACTION_FRAMES | MR_WANTS_GROUP_FRAMES);
	for (enum mr_ap_method method = MR_AP_WPA2; method <= MR_AP_TLS; method++) {
		give_network(b, method);
		assert_int_equal(mr_agent_wants(c),
				 MR_WANTS_ACTION_FRAMES | MR_WANTS_GROUP_FRAMES | MR_WANTS_ACCESS_POINT);
	}
	c->channel_count = 0;
	assert_int_equal(mr_agent_wants(c), MR_WANTS_ACCESS_POINT);
	c->ap.ssid = NULL;
	assert_int_equal(mr_agent_wants(c), 0);
	give_network(b, MR_AP_NONE);
	assert_int_equal(mr_agent_wants(c), 0);
}

/* ---- who is asked, and in which order ---- */

static char order[16];
static bool takes;

static void note(char c)
{
	size_t len = strlen(order);

	assert_true(len < sizeof(order) - 1);
	order[len] = c;
	order[len + 1] = '\0';
}

static bool first_start(struct mr_agent *agent)
{
	(void)agent;
	note('1');
	return true;
}

static bool second_start(struct mr_agent *agent)
{
	(void)agent;
	note('2');
	return true;
}

static void first_expire(struct mr_agent *agent)
{
	(void)agent;
	note('1');
}

static void second_expire(struct mr_agent *agent)
{
	(void)agent;
	note('2');
}

static bool first_hear(struct mr_agent *agent, struct mr_rd mpdu)
{
	(void)agent;
	assert_int_equal(mpdu.left, 3);
	note('1');
	return takes;
}

static bool second_hear(struct mr_agent *agent, struct mr_rd mpdu)
{
	(void)agent;
	assert_int_equal(mpdu.left, 3);
	note('2');
	return true;
}

static void rows_start_in_order_expire_in_reverse_and_a_frame_goes_to_the_first_that_takes_it(void **state)
{
	static const struct mr_method first = {
		.has_room = true, .start = first_start, .expire = first_expire, .hear = first_hear
	};
	static const struct mr_method second = {
		.has_room = true, .start = second_start, .expire = second_expire, .hear = second_hear
	};
	static const struct mr_method *const table[] = { &mr_method_direct, &first, &second, NULL };
	struct bench *b = *state;

	order[0] = '\0';
	assert_true(starts(b, table));
	assert_string_equal(order, "12");
	mr_agent_expire(&b->board.agent);
	assert_string_equal(order, "1221");
	order[0] = '\0';
	takes = false;
	board_hear(&b->board, "abc", 3);
	assert_string_equal(order, "12");
	takes = true;
	board_hear(&b->board, "abc", 3);
	assert_string_equal(order, "121");
}

static void the_buffer_has_one_holder_at_a_time(void **state)
{
	static const uint8_t nothing[MR_MESSAGE_MAX];
	struct bench *b = *state;
	struct mr_agent *agent = &b->board.agent;

	assert_true(starts(b, direct));
	assert_true(mr_agent_hold(agent, MR_HELD_BY_REQUEST));
	assert_false(mr_agent_hold(agent, MR_HELD_BY_REQUEST));
	assert_false(mr_agent_hold(agent, MR_HELD_BY_SESSION));
	agent->buf[0] = agent->buf[MR_MESSAGE_MAX - 1] = 1;
	agent->held.response.to = 1;
	mr_agent_release(agent, MR_HELD_BY_SESSION); /* not the holder */
	assert_int_equal(agent->holder, MR_HELD_BY_REQUEST);
	assert_int_equal(agent->buf[0], 1);
	mr_agent_release(agent, MR_HELD_BY_REQUEST);
	assert_memory_equal(agent->buf, nothing, MR_MESSAGE_MAX);
	assert_memory_equal(&agent->held, nothing, sizeof(agent->held));
	assert_true(peer_connects(&b->peer));
	assert_int_equal(agent->holder, MR_HELD_BY_SESSION);
	assert_false(mr_agent_hold(agent, MR_HELD_BY_REQUEST));
}

/* ---- what is not carried is not there ---- */

static int ask(struct bench *b, enum mr_operation operation)
{
	uint8_t request[64];
	struct mr_wr w = mr_wr_over(request, sizeof(request));

	mr_request_begin(&w, operation);
	mr_attribute_add_u64(&w, MR_AT_TXN, 1);
	return peer_asks(&b->peer, &w) ? b->peer.response.cause : -1;
}

static void a_device_looks_around_and_joins_when_it_carries_the_part_that_does(void **state)
{
	static const struct mr_method *const joins[] = { &mr_method_direct, &mr_part_wifi, NULL };
	struct bench *b = *state;

	assert_true(starts(b, direct) && peer_connects(&b->peer));
	assert_int_equal(ask(b, MR_OP_NETWORKS), MR_CAUSE_UNSUPPORTED);
	assert_int_equal(ask(b, MR_OP_JOIN), MR_CAUSE_UNSUPPORTED);
	assert_true(starts(b, joins) && peer_connects(&b->peer));
	assert_int_equal(ask(b, MR_OP_NETWORKS), MR_CAUSE_OK);
	assert_int_equal(ask(b, MR_OP_JOIN), MR_CAUSE_OUT_OF_ORDER); /* there are no credentials yet */
}

static void a_device_names_the_methods_and_paths_that_it_carries(void **state)
{
	static const struct mr_pin_verifier verifier = { .salt_len = 16, .iterations = 1000 };
	struct bench *b = *state;

	give_network(b, MR_AP_WPA2);
	b->board.config.ap.pin = &verifier;
	assert_true(starts(b, both));
	browser_open(&b->browser, &b->board, MR_LINK_WPA2, NULL);
	assert_true(browser_get(&b->browser, "/v1/device"));
	assert_non_null(strstr(b->browser.body, "\"methods\":[\"direct\",\"micro-ap\"]"));
	assert_true(browser_get(&b->browser, "/v1/pin"));
	assert_int_equal(b->browser.status, 404);
	assert_non_null(strstr(b->browser.body, "\"GET /v1/device, /v1/networks, /v1/status; POST /v1/credentials, "
						"/v1/operation\""));
	mr_api_close(&b->browser.api);

	assert_true(starts(b, board_methods));
	browser_open(&b->browser, &b->board, MR_LINK_WPA2, NULL);
	assert_true(browser_get(&b->browser, "/v1/device"));
	assert_non_null(strstr(b->browser.body, "\"methods\":[\"direct\",\"micro-ap\",\"pin\"]"));
	assert_true(browser_get(&b->browser, "/v1/pin"));
	assert_int_equal(b->browser.status, 200);
	assert_true(browser_get(&b->browser, "/v1/pins"));
	assert_non_null(strstr(b->browser.body, "\"GET /v1/device, /v1/networks, /v1/status, /v1/pin; POST "
						"/v1/credentials, /v1/operation, /v1/pin, /v1/pin/confirm, "
						"/v1/pin/operation\""));
	mr_api_close(&b->browser.api);
}

#define test(name) cmocka_unit_test_setup_teardown(name, bench_make, bench_wipe)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(what_the_config_asks_for_and_the_image_lacks_is_refused),
		test(a_row_stands_below_the_part_that_it_needs),
		test(a_row_for_whose_state_there_is_no_room_is_refused),
		test(a_board_learns_what_it_must_give),
		test(rows_start_in_order_expire_in_reverse_and_a_frame_goes_to_the_first_that_takes_it),
		test(the_buffer_has_one_holder_at_a_time),
		test(a_device_looks_around_and_joins_when_it_carries_the_part_that_does),
		test(a_device_names_the_methods_and_paths_that_it_carries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
