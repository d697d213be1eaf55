/*
 * Multicast DNS: what we ask and answer is what we read; a response as responders write them, with compressed names and
 * records of others between; each message cut short; pointers that lead nowhere, forward or in circles.
 *
 * links: agent/wire/mdns.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/mdns.h"
#include "tests/unit/hex.h"

#define SERVICE "_mfi-config._tcp"

/* RFC 1035 4.1.4: the type at 12, "Plug.1" at 46, its host at 115. Before and between: a record of another type, one of
 * another class, a good-bye. */
#define COMPRESSED                                                                                                     \
	"0000 8400 0000 0006 0000 0001"                                                                                \
	"0b5f6d66692d636f6e666967 045f746370 056c6f63616c 00 000c 0001 00001194 0009 06506c75672e31 c00c"              \
	"c02e 000c 0001 00000000 0002 c02e"                                                                            \
	"c02e 0021 8003 00000078 0002 c02e"                                                                            \
	"c02e 002f 8001 00000078 0002 c02e"                                                                            \
	"c02e 0021 8001 00000078 000d 0000 0000 15b3 04504c5547 c01d"                                                  \
	"c02e 0010 8001 00001194 000d 05584f583d31 0673656564 3d37"                                                    \
	"c073 0001 8001 00000078 0004 c0a80101"

static struct mr_rd compressed(uint8_t out[static 400]) { return mr_rd_over(out, hex(COMPRESSED, out, 400)); }

static void our_question_is_understood(void **state)
{
	uint8_t out[64];
	bool unicast;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct mr_wr w = mr_wr_over(out, sizeof(out));

		mr_mdns_query_build(SERVICE, i, &w);
		assert_int_equal(w.len, 12 + 12 + 5 + 6 + 1 + 4);
		assert_true(mr_mdns_asks(mr_wr_written(&w), "_MFI-config._tcp", &unicast));
		assert_int_equal(unicast, i);
		assert_false(mr_mdns_asks(mr_wr_written(&w), "_airplay._tcp", &unicast));
		for (size_t cut = 0; cut < w.len; cut++)
			assert_false(mr_mdns_asks(mr_rd_over(out, cut), SERVICE, &unicast));
		out[2] = 0x84; /* a response asks nothing */
		assert_false(mr_mdns_asks(mr_wr_written(&w), SERVICE, &unicast));
		out[2] = 0x08; /* another operation */
		assert_false(mr_mdns_asks(mr_wr_written(&w), SERVICE, &unicast));
	}
}

static size_t answer(uint8_t *out, size_t cap)
{
	uint8_t text[64];
	struct mr_wr txt = mr_wr_over(text, sizeof(text)), w = mr_wr_over(out, cap);

	mr_mdns_txt_put(&txt, "deviceid", "02:AA:BB:CC:DD:01");
	mr_mdns_txt_put(&txt, "seed", "41");
	mr_mdns_answer_build(&(struct mr_mdns_answer){ .instance = "Smart Plug. 1",
						       .service = SERVICE,
						       .host = "plug-1",
						       .port = 80,
						       .address = 0xc0a80101,
						       .txt = mr_wr_written(&txt),
						       .ttl_s = 120 },
			     &w);
	assert_false(w.bad);
	return w.len;
}

static void our_answer_is_understood(void **state)
{
	uint8_t out[400];
	size_t len = answer(out, sizeof(out));
	struct mr_mdns_service s;
	struct mr_rd value;

	(void)state;
	assert_true(mr_mdns_find(mr_rd_over(out, len), SERVICE, 0, &s));
	assert_false(mr_mdns_find(mr_rd_over(out, len), "_http._tcp", 0, &s));
	assert_true(mr_mdns_find(mr_rd_over(out, len), SERVICE, 0, &s));
	assert_int_equal(s.instance.left, 13);
	assert_memory_equal(s.instance.at, "Smart Plug. 1", 13);
	assert_int_equal(s.port, 80);
	assert_int_equal(s.address, 0xc0a80101);
	assert_true(mr_mdns_txt_find(s.txt, "SEED", &value));
	assert_int_equal(value.left, 2);
	assert_memory_equal(value.at, "41", 2);
	assert_true(mr_mdns_txt_find(s.txt, "deviceid", &value));
	assert_int_equal(value.left, 17);
	assert_false(mr_mdns_txt_find(s.txt, "device", &value));
	assert_false(mr_mdns_find(mr_rd_over(out, len), SERVICE, 1, &s));
	/* Without the address of its host it is still the service. */
	for (size_t cut = 0; cut < len; cut++)
		if (mr_mdns_find(mr_rd_over(out, cut), SERVICE, 0, &s))
			assert_int_equal(s.address, 0);
	out[3] = 0x03; /* an error is ignored, RFC 6762 section 18.11 */
	assert_false(mr_mdns_find(mr_rd_over(out, len), SERVICE, 0, &s));
}

static void compressed_names_and_strange_records_are_read(void **state)
{
	uint8_t octets[400];
	struct mr_rd message = compressed(octets), value;
	struct mr_mdns_service s;

	(void)state;
	assert_true(mr_mdns_find(message, SERVICE, 0, &s));
	assert_int_equal(s.instance.left, 6);
	assert_memory_equal(s.instance.at, "Plug.1", 6);
	assert_int_equal(s.port, 5555);
	assert_int_equal(s.address, 0xc0a80101);
	assert_true(mr_mdns_txt_find(s.txt, "seed", &value));
	assert_memory_equal(value.at, "7", 1);
	assert_false(mr_mdns_find(message, SERVICE, 1, &s));
	for (size_t cut = 0; cut < message.left; cut++)
		if (mr_mdns_find(mr_rd_over(octets, cut), SERVICE, 0, &s))
			assert_int_equal(s.address, 0);
	for (size_t i = 0; i < message.left; i++) /* whatever an octet says, nothing is read past the end */
		for (unsigned v = 0; v < 256; v += 5) {
			uint8_t other[400];

			memcpy(other, octets, message.left);
			other[i] = (uint8_t)v;
			for (unsigned n = 0; n < 3; n++)
				(void)mr_mdns_find(mr_rd_over(other, message.left), SERVICE, n, &s);
		}
}

static bool reads(const char *text, size_t from, struct mr_mdns_name *name)
{
	uint8_t octets[600];
	struct mr_rd whole = mr_rd_over(octets, hex(text, octets, sizeof(octets))), in = whole;

	mr_rd_skip(&in, from);
	return mr_mdns_name_read(whole, &in, name);
}

static void pointers_lead_back_and_end(void **state)
{
	struct mr_mdns_name name;
	uint8_t octets[700] = { 0 };
	struct mr_rd whole = mr_rd_over(octets, sizeof(octets)), in = whole;
	size_t at = 0;

	(void)state;
	assert_true(reads("0141 00 0142 c000", 3, &name));
	assert_int_equal(name.len, 5);
	assert_memory_equal(name.octets, "\1b\1a", 5);
	assert_false(reads("c000", 0, &name));	       /* itself */
	assert_false(reads("0141 c000", 0, &name));    /* its own beginning */
	assert_false(reads("c002 c000", 2, &name));    /* in a circle */
	assert_false(reads("c004 0000 00", 0, &name)); /* forward */
	assert_false(reads("0000 c0", 2, &name));      /* half a pointer */
	assert_false(reads("4041 00", 0, &name));      /* a label of a kind that was never defined */
	assert_false(reads("0541", 0, &name));
	for (unsigned i = 0; i < 10; i++) { /* ten labels of 63 octets are no name */
		octets[at] = 63;
		at += 64;
	}
	assert_false(mr_mdns_name_read(whole, &in, &name));
	/* 255 octets are one: 3 of 63, one of 61, and the end. */
	in = whole;
	octets[3 * 64] = 61;
	octets[3 * 64 + 62] = 0;
	assert_true(mr_mdns_name_read(whole, &in, &name));
	assert_int_equal(name.len, 255);
	octets[3 * 64] = 62;
	octets[3 * 64 + 63] = 0;
	in = whole;
	assert_false(mr_mdns_name_read(whole, &in, &name));
}

static void texts_that_are_cut_or_odd_give_no_value(void **state)
{
	static const uint8_t txt[] = "\x06seed=1\x04seed\x06seed=2\x00\x05"
				     "a=b";
	struct mr_rd value;

	(void)state;
	assert_true(mr_mdns_txt_find(mr_rd_over(txt, sizeof(txt) - 1), "seed", &value));
	assert_memory_equal(value.at, "1", 1);
	assert_false(mr_mdns_txt_find(mr_rd_over(txt, sizeof(txt) - 1), "a", &value));
	assert_false(mr_mdns_txt_find(mr_rd_over(txt + 7, 5), "seed", &value)); /* no value at all */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_question_is_understood),
		cmocka_unit_test(our_answer_is_understood),
		cmocka_unit_test(compressed_names_and_strange_records_are_read),
		cmocka_unit_test(pointers_lead_back_and_end),
		cmocka_unit_test(texts_that_are_cut_or_odd_give_no_value),
	};

	return cmocka_run_group_tests_name("mdns", tests, NULL, NULL);
}
