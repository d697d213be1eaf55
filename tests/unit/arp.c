/*
 * Who has which address on one link: questions, answers, patience, and what strangers cannot do.
 *
 * links: station/ip/arp.c
 * links: station/base/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "station/ip/arp.h"
#include "tests/support/voice.h"

#define OWN 0xc0a80402u
#define PEER 0xc0a80401u

static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 2 }, peer_mac[6] = { 2, 0, 0, 0, 0, 1 };

/* RFC 826, laid out by hand: request for 192.168.4.2 from 192.168.4.1. */
static const uint8_t request[ARP_LEN] = { 0,   1,   8, 0, 6, 4, 0, 1, 2, 0, 0,	 0,   0, 1,
					  192, 168, 4, 1, 0, 0, 0, 0, 0, 0, 192, 168, 4, 2 };
static const uint8_t reply[ARP_LEN] = { 0,   1,	  8, 0, 6, 4, 0, 2, 2, 0, 0,   0,   0, 1,
					192, 168, 4, 1, 2, 0, 0, 0, 0, 2, 192, 168, 4, 2 };
static const uint8_t question[ARP_LEN] = { 0,	1,   8, 0, 6, 4, 0, 1, 2, 0, 0,	  0,   0, 2,
					   192, 168, 4, 2, 0, 0, 0, 0, 0, 0, 192, 168, 4, 1 };
static const uint8_t answer[ARP_LEN] = { 0,   1,   8, 0, 6, 4, 0, 2, 2, 0, 0,	0,   0, 2,
					 192, 168, 4, 2, 2, 0, 0, 0, 0, 1, 192, 168, 4, 1 };

static struct arp arp;
static uint8_t packet[ARP_LEN], mac[6];

static struct mr_wr fresh(void)
{
	memset(packet, 0, sizeof(packet));
	return mr_wr_over(packet, sizeof(packet));
}

static int setup(void **state)
{
	(void)state;
	arp_init(&arp, own_mac);
	arp.address = OWN;
	return 0;
}

static struct arp_result receive(const uint8_t bytes[static ARP_LEN], size_t len)
{
	struct mr_wr out = fresh();

	return arp_receive(&arp, mr_rd_over(bytes, len), &out);
}

static void a_question_is_asked_after_0_60_180_420_900_and_1860_ms_and_then_given_up(void **state)
{
	static const uint64_t at_ms[] = { 0, 60, 180, 420, 900, 1860 };
	struct arp_result r;
	struct mr_wr out;

	(void)state;
	assert_false(arp_find(&arp, PEER, mac, 5000));
	for (size_t i = 0; i < 6; i++) {
		uint64_t now_us = 5000 + at_ms[i] * 1000;

		assert_int_equal(arp_deadline_us(&arp), now_us);
		out = fresh();
		r = arp_expire(&arp, now_us, &out);
		assert_int_equal(r.event, ARP_SEND);
		assert_memory_equal(packet, question, ARP_LEN);
		assert_memory_equal(r.mac, "\xff\xff\xff\xff\xff\xff", 6);
		out = fresh();
		assert_int_equal(arp_expire(&arp, now_us, &out).event, ARP_NOTHING);
	}
	out = fresh();
	r = arp_expire(&arp, arp_deadline_us(&arp), &out);
	assert_int_equal(r.event, ARP_ABSENT);
	assert_int_equal(r.address, PEER);
	assert_int_equal(arp_deadline_us(&arp), UINT64_MAX);
}

static void an_answer_ends_the_question(void **state)
{
	struct arp_result r;

	(void)state;
	assert_false(arp_find(&arp, PEER, mac, 0));
	r = receive(reply, ARP_LEN);
	assert_int_equal(r.event, ARP_FOUND);
	assert_int_equal(r.address, PEER);
	assert_true(arp_find(&arp, PEER, mac, 0));
	assert_memory_equal(mac, peer_mac, 6);
	assert_int_equal(arp_deadline_us(&arp), UINT64_MAX);
}

static void an_answer_that_nobody_asked_for_is_ignored(void **state)
{
	(void)state;
	assert_int_equal(receive(reply, ARP_LEN).event, ARP_NOTHING);
	assert_false(arp_find(&arp, PEER, mac, 0));
}

static void who_asks_for_us_is_answered_and_remembered(void **state)
{
	struct arp_result r = receive(request, ARP_LEN);

	(void)state;
	assert_int_equal(r.event, ARP_SEND);
	assert_memory_equal(packet, answer, ARP_LEN);
	assert_memory_equal(r.mac, peer_mac, 6);
	assert_true(arp_find(&arp, PEER, mac, 0));
}

static void a_packet_cut_anywhere_is_ignored(void **state)
{
	(void)state;
	for (size_t len = 0; len < ARP_LEN; len++)
		assert_int_equal(receive(request, len).event, ARP_NOTHING);
}

static void packets_for_other_hardware_or_from_group_addresses_are_ignored(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = { { 1, 6 }, { 2, 0x86 }, { 4, 8 }, { 5, 16 }, { 8, 3 }, { 17, 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint8_t bad[ARP_LEN];

		memcpy(bad, request, ARP_LEN);
		bad[wrong[i].at] = wrong[i].value;
		assert_int_equal(receive(bad, ARP_LEN).event, ARP_NOTHING);
	}
	arp.address = 0;
	assert_int_equal(receive(request, ARP_LEN).event, ARP_NOTHING);
}

static void strangers_do_not_drive_out_who_answers(void **state)
{
	(void)state;
	receive(request, ARP_LEN);
	for (uint8_t i = 10; i < 200; i++)
		assert_false(arp_find(&arp, 0xc0a80400u + i, mac, 0));
	assert_true(arp_find(&arp, PEER, mac, 0));
}

static void the_log_tells_who_does_not_answer(void **state)
{
	struct voice v;
	struct mr_wr out;

	(void)state;
	arp.tag = voice_open(&v, LOG_DEBUG);
	assert_false(arp_find(&arp, PEER, mac, 0));
	for (uint64_t us = 0; us < 10000000; us += 20000) {
		out = fresh();
		(void)arp_expire(&arp, us, &out);
	}
	assert_string_equal(voice_text(&v), "ip: free -> asking (ARP: 192.168.4.1 is asked for)\n"
					    "ip: asking -> free (ARP: 192.168.4.1 does not answer)\n");
	voice_close(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_log_tells_who_does_not_answer, setup),
		cmocka_unit_test_setup(a_question_is_asked_after_0_60_180_420_900_and_1860_ms_and_then_given_up, setup),
		cmocka_unit_test_setup(an_answer_ends_the_question, setup),
		cmocka_unit_test_setup(an_answer_that_nobody_asked_for_is_ignored, setup),
		cmocka_unit_test_setup(who_asks_for_us_is_answered_and_remembered, setup),
		cmocka_unit_test_setup(a_packet_cut_anywhere_is_ignored, setup),
		cmocka_unit_test_setup(packets_for_other_hardware_or_from_group_addresses_are_ignored, setup),
		cmocka_unit_test_setup(strangers_do_not_drive_out_who_answers, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
