/*
 * Messages and digests: there and back, every cut, every length outside the table.
 *
 * links: agent/wire/message.c agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/frame.h"
#include "agent/wire/message.h"
#include "tests/unit/hex.h"

static const struct {
	enum mr_attribute id;
	size_t shortest, longest;
} table[] = {
#define ROW(name, id, shortest, longest) { MR_AT_##name, shortest, longest },
	MR_ATTRIBUTES(ROW)
#undef ROW
};

static const uint8_t zeros[1024];

static void a_request_is_read_as_it_was_written(void **state)
{
	uint8_t buf[256];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_message m;

	(void)state;
	mr_request_begin(&w, MR_OP_CREDENTIALS);
	mr_attribute_add_u64(&w, MR_AT_TXN, 0x0102030405060708);
	mr_attribute_add(&w, MR_AT_SSID, "mill", 4);
	mr_attribute_add_u8(&w, MR_AT_SECURITY, MR_SECURITY_WPA3);
	assert_false(w.bad);
	assert_true(mr_message_parse(mr_wr_written(&w), &m));
	assert_int_equal(m.operation, MR_OP_CREDENTIALS);
	assert_false(m.response);
	assert_memory_equal(m.value[MR_AT_TXN].at, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
	assert_int_equal(m.value[MR_AT_SSID].left, 4);
	assert_int_equal(m.value[MR_AT_SECURITY].at[0], MR_SECURITY_WPA3);
	assert_false(m.has[MR_AT_PASSPHRASE]);
	assert_null(m.value[MR_AT_PASSPHRASE].at);
}

static void a_response_has_these_octets(void **state)
{
	uint8_t buf[64], want[64];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_message m;
	size_t len;

	(void)state;
	mr_response_begin(&w, MR_OP_COMMIT);
	mr_attribute_add_u8(&w, MR_AT_STAGE, 7);
	mr_attribute_add_u32(&w, MR_AT_RESTARTS, 3);
	mr_response_end(&w, 41, 1000000);
	len = hex("86 2900 40420f00 05 0100 07 1b 0400 03000000", want, sizeof(want));
	assert_int_equal(w.len, len);
	assert_memory_equal(buf, want, len);
	assert_true(mr_message_parse(mr_wr_written(&w), &m));
	assert_true(m.response);
	assert_int_equal(m.cause, 41);
	assert_int_equal(m.busy_us, 1000000);
}

static void every_length_of_the_table_is_held_to(void **state)
{
	uint8_t buf[1024];
	struct mr_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (size_t len = 0; len <= table[i].longest + 1; len++) {
			struct mr_wr w = mr_wr_over(buf, sizeof(buf));
			bool fits = len >= table[i].shortest && len <= table[i].longest;
			bool item = table[i].id == MR_AT_SELFTEST_ITEM;

			mr_request_begin(&w, MR_OP_STATUS);
			mr_wr_u8(&w, (uint8_t)table[i].id);
			mr_wr_le16(&w, (uint16_t)len);
			if (item) /* its name must be printable */
				memset(mr_wr_room(&w, len), ' ', len);
			else
				mr_wr_bytes(&w, zeros, len);
			assert_int_equal(mr_message_parse(mr_wr_written(&w), &m), fits);
			/* The builder will not write what no parser takes. */
			w = mr_wr_over(buf, sizeof(buf));
			mr_attribute_add(&w, table[i].id, zeros, len);
			assert_int_equal(!w.bad, fits);
		}
	}
}

static void a_message_cut_anywhere_but_between_attributes_is_refused(void **state)
{
	uint8_t buf[256];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_message m;
	size_t ends[3];

	(void)state;
	mr_response_begin(&w, MR_OP_STATUS);
	ends[0] = w.len;
	mr_attribute_add(&w, MR_AT_PRODUCT, "lamp", 4);
	ends[1] = w.len;
	mr_attribute_add(&w, MR_AT_HW_REV, "", 0);
	ends[2] = w.len;
	mr_attribute_add_u8(&w, MR_AT_STAGE, 1);
	for (size_t cut = 0; cut < w.len; cut++)
		assert_int_equal(mr_message_parse(mr_rd_over(buf, cut), &m),
				 cut == ends[0] || cut == ends[1] || cut == ends[2]);
	assert_true(mr_message_parse(mr_rd_over(buf, w.len), &m));
	assert_true(m.has[MR_AT_HW_REV]);
}

static void a_known_attribute_twice_is_refused_and_an_unknown_one_skipped(void **state)
{
	uint8_t buf[256];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_message m;

	(void)state;
	mr_request_begin(&w, MR_OP_FINISH);
	mr_wr_u8(&w, 200);
	mr_wr_le16(&w, 3);
	mr_wr_bytes(&w, "new", 3);
	mr_wr_u8(&w, 0);
	mr_wr_le16(&w, 0);
	mr_attribute_add_u8(&w, MR_AT_VERDICT, MR_VERDICT_PASS);
	assert_true(mr_message_parse(mr_wr_written(&w), &m));
	assert_int_equal(m.value[MR_AT_VERDICT].at[0], MR_VERDICT_PASS);
	mr_attribute_add_u8(&w, MR_AT_VERDICT, MR_VERDICT_PASS);
	assert_false(mr_message_parse(mr_wr_written(&w), &m));
}

static void an_operation_outside_the_table_is_refused_and_named_unknown(void **state)
{
	struct mr_message m;

	(void)state;
	for (unsigned op = 0; op < 256; op++) {
		uint8_t octets[7] = { (uint8_t)op };
		bool known = (op & 0x7f) >= MR_OP_STATUS && (op & 0x7f) <= MR_OP_JOIN;

		assert_int_equal(mr_message_parse(mr_rd_over(octets, op & 0x80 ? 7 : 1), &m), known);
		if (op < 0x80)
			assert_int_equal(strcmp(mr_operation_name((uint8_t)op), "unknown") != 0, known);
	}
	assert_string_equal(mr_operation_name(MR_OP_KEY), "key");
}

static void self_test_items_keep_sign_and_name_and_there_are_eight_at_most(void **state)
{
	struct mr_selftest_item item = { .index = 3, .passed = true, .value = -41, .name = "antenna_rssi_dbm" };
	uint8_t buf[512];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_message m;

	(void)state;
	mr_response_begin(&w, MR_OP_SELFTEST);
	for (int i = 0; i < MR_SELFTEST_ITEMS_MAX; i++)
		mr_selftest_item_add(&w, &item);
	assert_true(mr_message_parse(mr_wr_written(&w), &m));
	assert_int_equal(m.item_count, MR_SELFTEST_ITEMS_MAX);
	assert_int_equal(m.items[7].index, 3);
	assert_true(m.items[7].passed);
	assert_int_equal(m.items[7].value, -41);
	assert_string_equal(m.items[7].name, "antenna_rssi_dbm");
	mr_selftest_item_add(&w, &item);
	assert_false(mr_message_parse(mr_wr_written(&w), &m));

	/* The longest name; then one that would upset a terminal. */
	memset(item.name, 'n', sizeof(item.name) - 1);
	w = mr_wr_over(buf, sizeof(buf));
	mr_response_begin(&w, MR_OP_SELFTEST);
	mr_selftest_item_add(&w, &item);
	assert_true(mr_message_parse(mr_wr_written(&w), &m));
	assert_string_equal(m.items[0].name, item.name);
	buf[w.len - 1] = 0x1b;
	assert_false(mr_message_parse(mr_wr_written(&w), &m));
	item.name[2] = '\n';
	w = mr_wr_over(buf, sizeof(buf));
	mr_response_begin(&w, MR_OP_SELFTEST);
	mr_selftest_item_add(&w, &item);
	assert_true(mr_message_parse(mr_wr_written(&w), &m));
	assert_string_equal(m.items[0].name, "nn");
}

static void networks_keep_their_octets_and_there_are_sixteen_at_most(void **state)
{
	struct mr_network network = { { 2, 0x4d, 0x52, 9, 8, 7 }, 5180, -71, MR_SECURITY_OTHER, 3, "a\0\xff" }, back;
	uint8_t buf[1024], want[32];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_message m;

	(void)state;
	mr_response_begin(&w, MR_OP_NETWORKS);
	mr_network_add(&w, &network);
	hex("1c 0d00 024d52090807 3c14 b9 ff 6100ff", want, sizeof(want));
	assert_int_equal(w.len, 7 + 16);
	assert_memory_equal(buf + 7, want, 16);
	network.ssid_len = MR_SSID_MAX;
	for (int i = 1; i < MR_NETWORKS_MAX; i++)
		mr_network_add(&w, &network);
	assert_true(w.len <= MR_FRAGMENT_MAX); /* the fullest list is one fragment */
	assert_true(mr_message_parse(mr_wr_written(&w), &m));
	assert_int_equal(m.network_count, MR_NETWORKS_MAX);
	assert_true(mr_network_read(m.networks[0], &back));
	assert_memory_equal(back.bssid, network.bssid, 6);
	assert_int_equal(back.freq_mhz, 5180);
	assert_int_equal(back.rssi_dbm, -71);
	assert_int_equal(back.security, MR_SECURITY_OTHER);
	assert_int_equal(back.ssid_len, 3);
	assert_memory_equal(back.ssid, "a\0\xff\0", 4);
	assert_true(mr_network_read(m.networks[15], &back));
	assert_int_equal(back.ssid_len, MR_SSID_MAX);
	mr_network_add(&w, &network);
	assert_false(mr_message_parse(mr_wr_written(&w), &m));
	network.ssid_len++;
	w = mr_wr_over(buf, sizeof(buf));
	mr_network_add(&w, &network);
	assert_true(w.bad);
	for (size_t cut = 0; cut < 10; cut++)
		assert_false(mr_network_read(mr_rd_over(want, cut), &back));
	assert_false(mr_network_read(mr_rd_over(buf, 43), &back));
}

static void the_report_of_a_join_has_these_octets(void **state)
{
	const struct mr_join join = { MR_JOIN_FAILED, 51, { 1, 2, 3, 4, 5, 6 }, 2412, 70000 };
	uint8_t buf[32], want[32];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_join back;

	(void)state;
	mr_join_add(&w, &join);
	assert_int_equal(w.len, hex("1d 0f00 03 3300 010203040506 6c09 70110100", want, sizeof(want)));
	assert_memory_equal(buf, want, w.len);
	assert_true(mr_join_read(mr_rd_over(buf + 3, 15), &back));
	assert_memory_equal(&back.bssid, join.bssid, 6);
	assert_true(back.state == join.state && back.cause == join.cause && back.freq_mhz == join.freq_mhz &&
		    back.took_ms == join.took_ms);
	for (size_t cut = 0; cut < 15; cut++)
		assert_false(mr_join_read(mr_rd_over(buf + 3, cut), &back));
	assert_false(mr_join_read(mr_rd_over(buf, 16), &back));
}

static void a_message_that_does_not_fit_is_marked_bad(void **state)
{
	(void)state;
	for (size_t cap = 0; cap < 18; cap++) {
		uint8_t buf[32] = { 0 };
		struct mr_wr w = mr_wr_over(buf, cap);

		mr_response_begin(&w, MR_OP_KEY);
		mr_attribute_add_u64(&w, MR_AT_TXN, 1);
		mr_response_end(&w, 1, 2);
		assert_true(w.bad);
		for (size_t i = cap; i < sizeof(buf); i++)
			assert_int_equal(buf[i], 0);
	}
}

static void the_welcome_is_ten_octets_and_may_grow(void **state)
{
	uint8_t buf[16] = { 0 }, want[16];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_welcome out;

	(void)state;
	mr_welcome_build(&w, &(struct mr_welcome){ .lease_s = 300, .utc_us = 0x0102030405060708 });
	assert_int_equal(w.len, MR_WELCOME_LEN);
	hex("2c01 0807060504030201", want, sizeof(want));
	assert_memory_equal(buf, want, MR_WELCOME_LEN);
	assert_true(mr_welcome_parse(mr_rd_over(buf, 16), &out));
	assert_int_equal(out.lease_s, 300);
	for (size_t cut = 0; cut < MR_WELCOME_LEN; cut++)
		assert_false(mr_welcome_parse(mr_rd_over(buf, cut), &out));
}

/* Computed apart from this code, with Python's hashlib. */
static void the_credentials_digest_is_the_documented_one(void **state)
{
	uint8_t out[32], other[32], want[32];
	struct mr_digest_field fields[] = { { "\1\0\0\0\0\0\0\0", 8 }, { "mill", 4 }, { "\1", 1 }, { "12345678", 8 } };

	(void)state;
	assert_true(mr_digest(out, "millrace credentials", fields, 4));
	hex("6b978c9e5fb29d1fe3c0cecf7da9a4597f5e8a6f1786cb687a102367b1f684c1", want, sizeof(want));
	assert_memory_equal(out, want, 32);
	/* Octets moved from one field to its neighbour make another digest. */
	fields[1] = (struct mr_digest_field){ "mill\1", 5 };
	fields[2].len = 0;
	assert_true(mr_digest(other, "millrace credentials", fields, 4));
	assert_memory_not_equal(out, other, 32);
}

static void a_digest_over_too_much_is_refused(void **state)
{
	static const uint8_t much[MR_MESSAGE_MAX];
	struct mr_digest_field fields[MR_DIGEST_FIELDS_MAX + 1] = { { much, MR_MESSAGE_MAX } };
	uint8_t out[32];

	(void)state;
	assert_false(mr_digest(out, "x", fields, 1));
	fields[0].len--;
	assert_true(mr_digest(out, "x", fields, 1));
	assert_true(mr_digest(out, "x", fields, MR_DIGEST_FIELDS_MAX));
	assert_false(mr_digest(out, "x", fields, MR_DIGEST_FIELDS_MAX + 1));
	fields[1].len = SIZE_MAX;
	assert_false(mr_digest(out, "x", fields, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read_as_it_was_written),
		cmocka_unit_test(a_response_has_these_octets),
		cmocka_unit_test(every_length_of_the_table_is_held_to),
		cmocka_unit_test(a_message_cut_anywhere_but_between_attributes_is_refused),
		cmocka_unit_test(a_known_attribute_twice_is_refused_and_an_unknown_one_skipped),
		cmocka_unit_test(an_operation_outside_the_table_is_refused_and_named_unknown),
		cmocka_unit_test(self_test_items_keep_sign_and_name_and_there_are_eight_at_most),
		cmocka_unit_test(networks_keep_their_octets_and_there_are_sixteen_at_most),
		cmocka_unit_test(the_report_of_a_join_has_these_octets),
		cmocka_unit_test(a_message_that_does_not_fit_is_marked_bad),
		cmocka_unit_test(the_welcome_is_ten_octets_and_may_grow),
		cmocka_unit_test(the_credentials_digest_is_the_documented_one),
		cmocka_unit_test(a_digest_over_too_much_is_refused),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
