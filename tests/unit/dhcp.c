/*
 * DHCP messages, the client's states and patience, the small server; answers of servers that mean ill.
 *
 * links: station/ip/dhcp.c agent/wire/cause.c
 * links: station/base/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/cause.h"
#include "station/ip/dhcp.h"
#include "tests/support/voice.h"

#define SERVER 0xc0a80401u
#define ADDRESS 0xc0a80402u
#define MASK 0xffffff00u
#define XID 0x3903f326u
#define GIVE_UP 10000000u

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };

/* An offer as RFC 2131 figure 1 lays it out, by hand; 236 octets of header, then cookie and options. */
static uint8_t offer[300];
static const uint8_t options[] = { 99, 130, 83,	 99,  53,  1,	2,   1,	  4,  255, 255, 255, 0,	 0,
				   3,  8,   192, 168, 4,   1,	192, 168, 4,  9,   51,	4,   0,	 0,
				   14, 16,  54,	 4,   192, 168, 4,   1,	  43, 2,   9,	9,   255 };

static struct dhcp_client client;
static uint8_t sent[DHCP_MESSAGE_MAX];
static size_t sent_len;

static int setup(void **state)
{
	(void)state;
	memset(offer, 0, sizeof(offer));
	memcpy(offer, (uint8_t[]){ 2, 1, 6, 0, 0x39, 3, 0xf3, 0x26 }, 8);
	memcpy(offer + 16, (uint8_t[]){ 192, 168, 4, 2 }, 4);
	memcpy(offer + 28, mac, 6);
	memcpy(offer + 236, options, sizeof(options));
	dhcp_client_start(&client, mac, XID, GIVE_UP, 0, NULL);
	return 0;
}

static int expire(uint64_t now_us)
{
	struct mr_wr out = mr_wr_over(sent, sizeof(sent));
	int result = dhcp_client_expire(&client, now_us, &out);

	sent_len = out.len;
	return result;
}

static enum dhcp_type sent_type(void)
{
	struct dhcp_message m;

	assert_true(dhcp_parse(mr_rd_over(sent, sent_len), &m));
	assert_int_equal(m.xid, XID);
	return m.type;
}

static int receive(uint64_t now_us)
{
	return dhcp_client_receive(&client, mr_rd_over(offer, sizeof(offer)), 0, now_us);
}

static void an_offer_is_read(void **state)
{
	struct dhcp_message m;

	(void)state;
	assert_true(dhcp_parse(mr_rd_over(offer, sizeof(offer)), &m));
	assert_int_equal(m.type, DHCP_OFFER);
	assert_int_equal(m.xid, XID);
	assert_int_equal(m.yiaddr, ADDRESS);
	assert_int_equal(m.mask, MASK);
	assert_int_equal(m.router, SERVER);
	assert_int_equal(m.server, SERVER);
	assert_int_equal(m.lease_s, 3600);
	assert_memory_equal(m.chaddr, mac, 6);
}

/* Refused is what has no type; of the rest what is whole is used, and what is cut is counted. */
static void a_message_that_is_cut_is_read_as_far_as_it_is_whole(void **state)
{
	struct dhcp_message m;

	(void)state;
	for (size_t len = 0; len < 236 + sizeof(options) - 1; len++) {
		uint8_t *exact = test_malloc(len ? len : 1);

		memcpy(exact, offer, len);
		/* Cut between options it is whole, if it has its type; RFC 2131 wants the end option, but some leave it
		 * out. */
		bool between = len == 243 || len == 249 || len == 250 || len == 260 || len == 266 || len == 272 ||
			       len == 276;

		assert_int_equal(dhcp_parse(mr_rd_over(exact, len), &m), len >= 243);
		if (len >= 243)
			assert_int_equal(m.odd, !between);
		if (len < 249)
			assert_int_equal(m.mask, 0);
		test_free(exact);
	}
}

static void options_of_wrong_length_are_skipped_and_counted(void **state)
{
	static const uint8_t wrong[][8] = {
		{ 53, 2, 2, 2 }, { 53, 0 },    { 1, 3, 255, 255, 255 }, { 1, 5, 255, 255, 255, 0, 0 }, { 3, 2, 1, 1 },
		{ 3, 0 },	 { 51, 1, 9 }, { 54, 3, 1, 1, 1 },	{ 50, 5, 1, 1, 1, 1, 1 },      { 43, 255, 1 },
		{ 3, 253, 1 }
	};
	struct dhcp_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(offer + 236 + 7, wrong[i], 8);
		assert_true(dhcp_parse(mr_rd_over(offer, sizeof(offer)), &m));
		assert_true(m.odd > 0);
		assert_int_equal(m.type, DHCP_OFFER);
		assert_int_equal(m.mask, 0);
	}
}

/* RFC 2132 9.3 */
static void options_in_file_and_sname_are_read_where_they_are_announced(void **state)
{
	static const uint8_t here[] = { 53, 1, 2, 52, 1, 3, 255 }, file[] = { 54, 4, 10, 0, 0, 1, 52, 1, 3, 255 },
			     sname[] = { 0, 51, 4, 0, 0, 1, 0, 1, 9 };
	struct dhcp_message m;

	(void)state;
	memcpy(offer + 240, here, sizeof(here));
	memcpy(offer + 108, file, sizeof(file));
	memcpy(offer + 44, sname, sizeof(sname));
	assert_true(dhcp_parse(mr_rd_over(offer, sizeof(offer)), &m));
	assert_int_equal(m.server, 0x0a000001);
	assert_int_equal(m.lease_s, 256);
	assert_int_equal(m.odd, 1); /* the last of sname, whose length is that of a mask no more */
	offer[245] = 1;
	assert_true(dhcp_parse(mr_rd_over(offer, sizeof(offer)), &m));
	assert_int_equal(m.lease_s, 0);
	offer[245] = 0;
	assert_true(dhcp_parse(mr_rd_over(offer, sizeof(offer)), &m));
	assert_int_equal(m.server, 0);
}

static void messages_of_other_hardware_cookie_or_direction_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = { { 0, 1 }, { 0, 3 }, { 1, 6 }, { 2, 16 }, { 236, 98 }, { 242, 0 }, { 242, 8 }, { 242, 1 } };
	struct dhcp_message m;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setup(state);
		offer[wrong[i].at] = wrong[i].value;
		assert_false(dhcp_parse(mr_rd_over(offer, sizeof(offer)), &m));
	}
}

static void what_is_built_parses_back(void **state)
{
	struct dhcp_message in = { .type = DHCP_ACK,
				   .xid = 7,
				   .broadcast = true,
				   .ciaddr = 1,
				   .yiaddr = ADDRESS,
				   .chaddr = { 1, 2, 3 },
				   .mask = MASK,
				   .router = SERVER,
				   .requested = 4,
				   .lease_s = 5,
				   .server = SERVER },
			    out;
	uint8_t again[DHCP_MESSAGE_MAX];
	struct mr_wr w = mr_wr_over(sent, sizeof(sent)), w2 = mr_wr_over(again, sizeof(again));

	(void)state;
	dhcp_build(&in, &w);
	assert_false(w.bad);
	assert_int_equal(w.len, 300);
	assert_true(dhcp_parse(mr_wr_written(&w), &out));
	dhcp_build(&out, &w2);
	assert_int_equal(w2.len, w.len);
	assert_memory_equal(sent, again, w.len);
	assert_int_equal(out.requested, 4);
	w = mr_wr_over(sent, 299);
	dhcp_build(&in, &w);
	assert_true(w.bad);
}

static void the_client_asks_after_0_60_310_810_1810_3810_ms_and_gives_up_at_its_time(void **state)
{
	static const uint64_t at_ms[] = { 0, 60, 310, 810, 1810, 3810, 5810 };

	(void)state;
	for (size_t i = 0; i < sizeof(at_ms) / sizeof(at_ms[0]); i++) {
		assert_int_equal(dhcp_client_deadline_us(&client), at_ms[i] * 1000);
		assert_int_equal(expire(at_ms[i] * 1000), DHCP_NOTHING);
		assert_int_equal(sent_type(), DHCP_DISCOVER);
		expire(at_ms[i] * 1000 + 1);
		assert_int_equal(sent_len, 0);
	}
	expire(7810000);
	expire(9810000);
	assert_int_equal(dhcp_client_deadline_us(&client), GIVE_UP);
	assert_int_equal(expire(GIVE_UP), -MR_CAUSE_ADDRESS_TIMEOUT);
	assert_int_equal(sent_len, 0);
	assert_int_equal(dhcp_client_deadline_us(&client), UINT64_MAX);
}

static void an_offer_is_requested_and_acknowledged(void **state)
{
	struct dhcp_message m;

	(void)state;
	expire(0);
	offer[242] = DHCP_ACK; /* not before the request */
	assert_int_equal(receive(1000), DHCP_NOTHING);
	offer[242] = DHCP_OFFER;
	assert_int_equal(receive(1000), DHCP_NOTHING);
	assert_int_equal(dhcp_client_deadline_us(&client), 1000);
	expire(1000);
	assert_int_equal(sent_type(), DHCP_REQUEST);
	assert_true(dhcp_parse(mr_rd_over(sent, sent_len), &m));
	assert_int_equal(m.requested, ADDRESS);
	assert_int_equal(m.server, SERVER);
	assert_int_equal(m.ciaddr, 0);
	assert_true(m.broadcast);
	offer[242] = DHCP_ACK;
	assert_int_equal(receive(2000), DHCP_BOUND);
	assert_int_equal(client.lease.address, ADDRESS);
	assert_int_equal(client.lease.lease_s, 3600);
	assert_int_equal(dhcp_client_deadline_us(&client), 2000 + UINT64_C(1800000000));
}

static void answers_to_others_are_ignored(void **state)
{
	(void)state;
	expire(0);
	offer[4] ^= 1;
	receive(1000);
	offer[4] ^= 1;
	offer[28] ^= 4;
	receive(1000);
	offer[28] ^= 4;
	assert_int_equal(client.state, DHCP_SELECTING);
	receive(1000);
	expire(1000);
	offer[242] = DHCP_ACK;
	offer[236 + 35] ^= 4; /* another server's */
	assert_int_equal(receive(2000), DHCP_NOTHING);
	offer[236 + 35] ^= 4;
	offer[19] = 9; /* another address than offered */
	assert_int_equal(receive(2000), DHCP_NOTHING);
	offer[19] = 2;
	assert_int_equal(receive(2000), DHCP_BOUND);
}

static void addresses_that_no_host_can_have_are_refused(void **state)
{
	static const struct {
		uint8_t address[4], mask[4];
	} wrong[] = {
		{ { 0, 0, 0, 5 }, { 255, 255, 255, 0 } },	{ { 127, 0, 0, 1 }, { 255, 0, 0, 0 } },
		{ { 224, 0, 0, 1 }, { 255, 255, 255, 0 } },	{ { 255, 255, 255, 255 }, { 255, 255, 255, 0 } },
		{ { 192, 168, 4, 0 }, { 255, 255, 255, 0 } },	{ { 192, 168, 4, 255 }, { 255, 255, 255, 0 } },
		{ { 192, 168, 4, 1 }, { 255, 255, 255, 0 } }, /* the server's own */
		{ { 192, 168, 4, 2 }, { 255, 0, 255, 0 } },	{ { 192, 168, 4, 2 }, { 255, 255, 255, 255 } },
		{ { 192, 168, 4, 2 }, { 255, 255, 255, 254 } },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setup(state);
		expire(0);
		memcpy(offer + 16, wrong[i].address, 4);
		memcpy(offer + 236 + 9, wrong[i].mask, 4);
		receive(1000);
		assert_int_equal(client.state, DHCP_SELECTING);
	}
}

static void a_server_without_mask_means_24_bits_and_without_a_name_is_who_answers(void **state)
{
	(void)state;
	expire(0);
	memset(offer + 236 + 7, 0, 6);
	offer[236 + 30] = 60; /* its name, under another option */
	assert_int_equal(dhcp_client_receive(&client, mr_rd_over(offer, sizeof(offer)), SERVER, 1000), DHCP_NOTHING);
	assert_int_equal(client.state, DHCP_REQUESTING);
	assert_int_equal(client.lease.mask, MASK);
	assert_int_equal(client.lease.server, 0);
	expire(1000);
	offer[242] = DHCP_ACK;
	memset(offer + 236 + 22, 0, 2);
	assert_int_equal(dhcp_client_receive(&client, mr_rd_over(offer, sizeof(offer)), SERVER + 9, 2000),
			 DHCP_NOTHING);
	assert_int_equal(client.state, DHCP_REQUESTING);
	assert_int_equal(dhcp_client_receive(&client, mr_rd_over(offer, sizeof(offer)), SERVER, 2000), DHCP_BOUND);
	assert_int_equal(client.lease.from, SERVER);
}

static void a_refusal_begins_again_but_not_at_once(void **state)
{
	(void)state;
	expire(0);
	receive(1000);
	expire(1000);
	offer[242] = DHCP_NAK;
	assert_int_equal(receive(2000), DHCP_NOTHING);
	assert_int_equal(dhcp_client_deadline_us(&client), 252000);
	expire(252000);
	assert_int_equal(sent_type(), DHCP_DISCOVER);
}

static void an_offer_that_is_not_kept_is_forgotten(void **state)
{
	(void)state;
	expire(0);
	receive(0);
	for (int i = 0; i < 5; i++) {
		expire(dhcp_client_deadline_us(&client));
		assert_int_equal(sent_type(), DHCP_REQUEST);
	}
	expire(dhcp_client_deadline_us(&client));
	assert_int_equal(sent_type(), DHCP_DISCOVER);
}

static void a_lease_is_renewed_or_lost(void **state)
{
	struct dhcp_message m;

	(void)state;
	expire(0);
	receive(0);
	expire(0);
	offer[242] = DHCP_ACK;
	assert_int_equal(receive(0), DHCP_BOUND);
	assert_int_equal(receive(0), DHCP_NOTHING); /* a repeated one changes nothing */
	expire(UINT64_C(1800000000));
	assert_true(dhcp_parse(mr_rd_over(sent, sent_len), &m));
	assert_int_equal(m.type, DHCP_REQUEST);
	assert_int_equal(m.ciaddr, ADDRESS);
	assert_int_equal(m.requested, 0);
	assert_int_equal(receive(UINT64_C(1800001000)), DHCP_BOUND);
	expire(UINT64_C(3600001000));
	offer[242] = DHCP_NAK;
	assert_int_equal(receive(UINT64_C(3600002000)), -MR_CAUSE_ADDRESS_TIMEOUT);
	assert_int_equal(dhcp_client_deadline_us(&client), UINT64_MAX);
}

/* --- the server --- */

static struct dhcp_server server;

static bool ask(enum dhcp_type type, uint8_t last, uint32_t requested, uint32_t ciaddr, uint32_t to,
		struct dhcp_message *answer)
{
	struct dhcp_message m = { .type = type,
				  .xid = XID,
				  .chaddr = { 2, 0, 0, 0, 0, last },
				  .requested = requested,
				  .ciaddr = ciaddr,
				  .server = to };
	uint8_t question[DHCP_MESSAGE_MAX];
	struct mr_wr q = mr_wr_over(question, sizeof(question)), out = mr_wr_over(sent, sizeof(sent));

	dhcp_build(&m, &q);
	return dhcp_server_receive(&server, mr_wr_written(&q), &out) && dhcp_parse(mr_wr_written(&out), answer);
}

static void the_server_gives_each_client_its_address(void **state)
{
	struct dhcp_message a;

	(void)state;
	dhcp_server_init(&server, SERVER, MASK, ADDRESS, 2, 60);
	for (uint8_t i = 0; i < 2; i++) {
		assert_true(ask(DHCP_DISCOVER, i, 0, 0, 0, &a));
		assert_int_equal(a.type, DHCP_OFFER);
		assert_int_equal(a.yiaddr, ADDRESS + i);
		assert_true(ask(DHCP_REQUEST, i, ADDRESS + 2, 0, SERVER, &a));
		assert_int_equal(a.type, DHCP_NAK);
		assert_true(ask(DHCP_REQUEST, i, ADDRESS + i, 0, SERVER, &a));
		assert_int_equal(a.type, DHCP_ACK);
		assert_int_equal(a.lease_s, 60);
		assert_true(ask(DHCP_REQUEST, i, 0, ADDRESS + i, 0, &a));
		assert_int_equal(a.type, DHCP_ACK);
	}
	assert_false(ask(DHCP_DISCOVER, 9, 0, 0, 0, &a));
	assert_true(ask(DHCP_REQUEST, 9, ADDRESS, 0, 0, &a));
	assert_int_equal(a.type, DHCP_NAK);
	assert_false(ask(DHCP_REQUEST, 0, ADDRESS, 0, SERVER + 7, &a));
	assert_false(ask(DHCP_RELEASE, 0, 0, ADDRESS, SERVER, &a));
}

static void the_log_tells_how_the_address_came_and_went(void **state)
{
	struct voice v;

	(void)state;
	dhcp_client_start(&client, mac, XID, GIVE_UP, 0, voice_open(&v, LOG_DEBUG));
	assert_int_equal(expire(0), DHCP_NOTHING);
	assert_int_equal(receive(1000), DHCP_NOTHING);
	assert_int_equal(expire(GIVE_UP), -MR_CAUSE_ADDRESS_TIMEOUT);
	assert_string_equal(voice_text(&v),
			    "ip: idle -> selecting (asks for an address)\n"
			    "ip: selecting -> requesting (OFFER, 192.168.4.2)\n"
			    "ip: requesting -> idle (the server that offered an address does not answer)\n");
	voice_close(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_log_tells_how_the_address_came_and_went, setup),
		cmocka_unit_test_setup(an_offer_is_read, setup),
		cmocka_unit_test_setup(a_message_that_is_cut_is_read_as_far_as_it_is_whole, setup),
		cmocka_unit_test_setup(options_of_wrong_length_are_skipped_and_counted, setup),
		cmocka_unit_test_setup(options_in_file_and_sname_are_read_where_they_are_announced, setup),
		cmocka_unit_test_setup(messages_of_other_hardware_cookie_or_direction_are_refused, setup),
		cmocka_unit_test_setup(what_is_built_parses_back, setup),
		cmocka_unit_test_setup(the_client_asks_after_0_60_310_810_1810_3810_ms_and_gives_up_at_its_time, setup),
		cmocka_unit_test_setup(an_offer_is_requested_and_acknowledged, setup),
		cmocka_unit_test_setup(answers_to_others_are_ignored, setup),
		cmocka_unit_test_setup(addresses_that_no_host_can_have_are_refused, setup),
		cmocka_unit_test_setup(a_server_without_mask_means_24_bits_and_without_a_name_is_who_answers, setup),
		cmocka_unit_test_setup(a_refusal_begins_again_but_not_at_once, setup),
		cmocka_unit_test_setup(an_offer_that_is_not_kept_is_forgotten, setup),
		cmocka_unit_test_setup(a_lease_is_renewed_or_lost, setup),
		cmocka_unit_test_setup(the_server_gives_each_client_its_address, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
