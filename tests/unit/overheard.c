/*
 * Data frames as somebody sees them who is not meant.
 *
 * links: agent/wire/overheard.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/overheard.h"
#include "tests/unit/hex.h"

static const struct mr_overheard_out sample = {
	.bssid = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 },
	.source = { 0x02, 0xaa, 0, 0, 0, 1 },
	.destination = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	.from_ds = true,
	.sequence = 1,
	.source_ip = { 192, 168, 77, 1 },
	.destination_ip = { 255, 255, 255, 255 },
	.source_port = 7001,
	.port = 7001,
	.length = 42,
};

static size_t sample_frame(uint8_t out[static 200])
{
	size_t len = hex("08020000 ffffffffffff 021122334455 02aa00000001 1000 aaaa030000000800"
			 "45000046 00010000 4011 6cfd c0a84d01 ffffffff 1b591b59 0032 0000",
			 out, 200);

	memset(out + len, '1', 42);
	return len + 42;
}

static void the_sample_frame_is_built_and_read(void **state)
{
	uint8_t expected[200], built[200];
	struct mr_wr w = mr_wr_over(built, sizeof(built));
	size_t len = sample_frame(expected);
	struct mr_overheard heard;

	(void)state;
	assert_int_equal(len, MR_OVERHEARD_BASE + 42);
	assert_true(mr_overheard_build(&w, &sample));
	assert_int_equal(w.len, len);
	assert_memory_equal(built, expected, len);
	assert_true(mr_overheard_parse(mr_rd_over(expected, len), &heard));
	assert_memory_equal(heard.bssid, sample.bssid, 6);
	assert_memory_equal(heard.source, sample.source, 6);
	assert_memory_equal(heard.destination, sample.destination, 6);
	assert_true(heard.from_ds && !heard.qos && !heard.protected && !heard.retry);
	assert_int_equal(heard.sequence, 1);
	assert_int_equal(heard.octets, len);
	assert_int_equal(heard.port, 7001);
	assert_int_equal(heard.payload.left, 42);
	assert_ptr_equal(heard.payload.at, expected + MR_OVERHEARD_BASE);
}

static void both_directions_have_their_addresses_in_place(void **state)
{
	struct mr_overheard_out out = sample;
	struct mr_overheard heard;
	uint8_t frame[200];
	struct mr_wr w = mr_wr_over(frame, sizeof(frame));

	(void)state;
	out.from_ds = false;
	out.sequence = 0xfff;
	mr_overheard_group((const uint8_t[]){ 239, 0x8a, 3, 4 }, out.destination);
	out.payload = "ab";
	out.payload_len = 2;
	out.length = 3;
	assert_true(mr_overheard_build(&w, &out));
	assert_memory_equal(frame, "\x08\x01\0\0", 4);
	assert_memory_equal(frame + 4, sample.bssid, 6);
	assert_memory_equal(frame + 10, sample.source, 6);
	assert_memory_equal(frame + 16, "\x01\x00\x5e\x0a\x03\x04", 6);
	assert_memory_equal(frame + 22, "\xf0\xff", 2);
	assert_memory_equal(frame + MR_OVERHEARD_BASE, "ab1", 3);
	assert_true(mr_overheard_parse(mr_wr_written(&w), &heard));
	assert_false(heard.from_ds);
	assert_memory_equal(heard.bssid, sample.bssid, 6);
	assert_memory_equal(heard.source, sample.source, 6);
	assert_memory_equal(heard.destination, out.destination, 6);
	assert_int_equal(heard.sequence, 0xfff);
}

static void what_does_not_fit_is_not_built(void **state)
{
	static uint8_t buf[MR_OVERHEARD_BASE + MR_OVERHEARD_PAYLOAD_MAX];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_overheard_out out = sample;

	(void)state;
	out.length = MR_OVERHEARD_PAYLOAD_MAX;
	assert_true(mr_overheard_build(&w, &out));
	assert_int_equal(w.len, sizeof(buf));
	w = mr_wr_over(buf, sizeof(buf) - 1);
	assert_false(mr_overheard_build(&w, &out));
	assert_true(w.bad);
	out.length++;
	w = mr_wr_over(buf, sizeof(buf));
	assert_false(mr_overheard_build(&w, &out));
	out.length = 1;
	out.payload = "ab";
	out.payload_len = 2;
	w = mr_wr_over(buf, sizeof(buf));
	assert_false(mr_overheard_build(&w, &out));
	assert_true(w.bad);
}

/* RFC 1112 6.4 */
static void groups_keep_23_bits(void **state)
{
	uint8_t mac[6];

	(void)state;
	mr_overheard_group((const uint8_t[]){ 224, 0, 0, 251 }, mac);
	assert_memory_equal(mac, "\x01\x00\x5e\x00\x00\xfb", 6);
	mr_overheard_group((const uint8_t[]){ 239, 255, 255, 250 }, mac);
	assert_memory_equal(mac, "\x01\x00\x5e\x7f\xff\xfa", 6);
	mr_overheard_group((const uint8_t[]){ 255, 255, 255, 255 }, mac);
	assert_memory_equal(mac, "\xff\xff\xff\xff\xff\xff", 6);
	mr_overheard_group((const uint8_t[]){ 192, 168, 1, 255 }, mac);
	assert_memory_equal(mac, "\xff\xff\xff\xff\xff\xff", 6);
}

struct change {
	const char *what;
	size_t at;
	uint8_t value;
};

static void what_is_no_whole_data_frame_of_one_msdu_is_left(void **state)
{
	static const struct change refused[] = {
		{ "version", 0, 0x09 },	    { "management", 0, 0x80 },
		{ "control", 0, 0xd4 },	    { "extension", 0, 0x0c },
		{ "null", 0, 0x48 },	    { "data and CF-Ack", 0, 0x18 },
		{ "QoS null", 0, 0xc8 },    { "QoS and CF-Poll", 0, 0xa8 },
		{ "no DS", 1, 0 },	    { "four addresses", 1, 3 },
		{ "more fragments", 1, 6 }, { "a later fragment", 22, 0x11 },
	};
	uint8_t frame[200];
	struct mr_overheard heard;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		size_t len = sample_frame(frame);

		assert_true(mr_overheard_parse(mr_rd_over(frame, len), &heard));
		frame[refused[i].at] = refused[i].value;
		if (mr_overheard_parse(mr_rd_over(frame, len), &heard))
			fail_msg("%s was taken", refused[i].what);
	}
}

/* QoS data: two octets of QoS Control, and four of HT Control when Order says so; neither counts as payload. */
static void qos_and_ht_control_are_accounted_for(void **state)
{
	uint8_t plain[200], frame[210];
	struct mr_overheard heard;
	size_t len = sample_frame(plain);

	(void)state;
	memcpy(frame, plain, 24);
	frame[0] = 0x88;
	memset(frame + 24, 0, 2);
	memcpy(frame + 26, plain + 24, len - 24);
	assert_true(mr_overheard_parse(mr_rd_over(frame, len + 2), &heard));
	assert_true(heard.qos && heard.payload.left == 42);
	assert_int_equal(heard.octets, len + 2);
	frame[1] |= 0x80;
	memset(frame + 26, 0x55, 4);
	memcpy(frame + 30, plain + 24, len - 24);
	assert_true(mr_overheard_parse(mr_rd_over(frame, len + 6), &heard));
	assert_true(heard.qos && heard.payload.left == 42);
	assert_int_equal(heard.octets, len + 2);
	frame[24] = 0x80; /* A-MSDU */
	assert_false(mr_overheard_parse(mr_rd_over(frame, len + 6), &heard));
	/* Without QoS the bit means strict order, and nothing follows. */
	plain[1] |= 0x80;
	assert_true(mr_overheard_parse(mr_rd_over(plain, len), &heard));
	assert_int_equal(heard.octets, len);
	assert_int_equal(heard.payload.left, 42);
}

static void a_retry_and_a_cipher_are_seen(void **state)
{
	uint8_t frame[200];
	struct mr_overheard heard;
	size_t len = sample_frame(frame);

	(void)state;
	frame[1] |= 0x48;
	assert_true(mr_overheard_parse(mr_rd_over(frame, len), &heard));
	assert_true(heard.retry && heard.protected);
	assert_int_equal(heard.octets, len);
	assert_int_equal(heard.payload.left, 0); /* whatever it looks like */
	assert_int_equal(heard.port, 0);
}

static void other_bodies_have_no_payload(void **state)
{
	static const struct change changes[] = {
		{ "another LLC", 24, 0x42 },
		{ "another EtherType", 31, 0x06 },
		{ "IPv6", 32, 0x65 },
		{ "a short IHL", 32, 0x44 },
		{ "a long IHL", 32, 0x4f },
		{ "total above the frame", 34, 1 },
		{ "total below the header", 35, 19 },
		{ "more fragments", 38, 0x20 },
		{ "a fragment", 39, 1 },
		{ "TCP", 41, 6 },
		{ "UDP above IP", 57, 51 },
		{ "UDP below its header", 57, 7 },
	};
	uint8_t frame[200];
	struct mr_overheard heard;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		size_t len = sample_frame(frame);

		frame[changes[i].at] = changes[i].value;
		assert_true(mr_overheard_parse(mr_rd_over(frame, len), &heard));
		if (heard.payload.left != 0 || heard.port != 0)
			fail_msg("%s had a payload", changes[i].what);
		assert_int_equal(heard.octets, len);
	}
}

/* Options of IP, padding of an Ethernet behind it, "do not fragment". */
static void a_payload_is_found_behind_options_and_before_padding(void **state)
{
	uint8_t frame[210], plain[200];
	struct mr_overheard heard;
	size_t len = sample_frame(plain);

	(void)state;
	memcpy(frame, plain, 52);
	frame[32] = 0x46;
	frame[35] = (uint8_t)(frame[35] + 4);
	frame[38] = 0x40;
	memset(frame + 52, 1, 4);
	memcpy(frame + 56, plain + 52, len - 52);
	memset(frame + len + 4, 0, 6);
	assert_true(mr_overheard_parse(mr_rd_over(frame, len + 10), &heard));
	assert_int_equal(heard.payload.left, 42);
	assert_int_equal(heard.octets, len + 10);
	assert_int_equal(heard.payload.at[0], '1');
}

static void a_frame_cut_anywhere_has_no_payload_or_is_left(void **state)
{
	uint8_t frame[200];
	struct mr_overheard heard;
	size_t len = sample_frame(frame);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		bool taken = mr_overheard_parse(mr_rd_over(frame, cut), &heard);

		assert_int_equal(taken, cut > 24);
		assert_int_equal(heard.payload.left, 0);
		assert_int_equal(heard.octets, taken ? cut : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sample_frame_is_built_and_read),
		cmocka_unit_test(both_directions_have_their_addresses_in_place),
		cmocka_unit_test(what_does_not_fit_is_not_built),
		cmocka_unit_test(groups_keep_23_bits),
		cmocka_unit_test(what_is_no_whole_data_frame_of_one_msdu_is_left),
		cmocka_unit_test(qos_and_ht_control_are_accounted_for),
		cmocka_unit_test(a_retry_and_a_cipher_are_seen),
		cmocka_unit_test(other_bodies_have_no_payload),
		cmocka_unit_test(a_payload_is_found_behind_options_and_before_padding),
		cmocka_unit_test(a_frame_cut_anywhere_has_no_payload_or_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
