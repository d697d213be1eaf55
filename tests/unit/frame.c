/*
 * The frames: every field there and back, every cut and every foreign frame refused, the mac over what it is to
 * cover. The octets of a CALL are here in full, so that the layout cannot drift unseen.
 *
 * links: agent/wire/frame.c agent/wire/hkdf.c agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/frame.h"
#include "tests/unit/hex.h"

static const uint8_t batch_key[32] = { 1, 2, 3 };
static const uint8_t sealed[MR_FRAGMENT_MAX + MR_TAG_LEN + 1] = { 0x5e };
static const uint8_t noise[96] = { 0x70 };

static const uint8_t *call_key(uint8_t key[static 32])
{
	uint8_t tag[8];

	assert_true(mr_batch_keys(batch_key, key, tag));
	return key;
}

/* One of each type, with no field zero. */
static struct mr_frame example(enum mr_frame_type type)
{
	struct mr_frame f = { .header = { { 2, 0x4d, 0x52, 0, 0, 7 }, { 2, 0x4d, 0x52, 0xff, 0, 1 }, 0x0abc },
			      .type = type };

	switch (type) {
	case MR_CALL:
		f.call = (struct mr_call){ { 0x51, 1, 2, 3, 4, 5, 6, 7 },
					   { 0xb7, 1, 2, 3, 4, 5, 6, 7 },
					   0x0102030405060708,
					   MR_CALL_PRESENT | MR_CALL_INVENTORY,
					   300,
					   1200,
					   { 0 } };
		break;
	case MR_HELLO:
		f.hello = (struct mr_hello){ { 0xb7, 1 }, { 0xd0, 2 }, 0x0102030405060708, { 0x0c, 3 }, { 0 } };
		break;
	case MR_INVITE: f.invite = (struct mr_invite){ { 0x5e, 1 }, { 0x0c, 3 }, 5180, 45, { 0 } }; break;
	case MR_HANDSHAKE_1:
	case MR_HANDSHAKE_2:
		f.handshake = (struct mr_handshake){ { 0x5e, 1 }, mr_rd_over(noise, sizeof(noise)) };
		break;
	case MR_DATA:
		f.data = (struct mr_data){
			0x11223344, 0x0506, 1, 2, MR_DATA_RESPONSE | MR_DATA_HOLD, mr_rd_over(sealed, 40)
		};
		break;
	case MR_POLL: f.poll = (struct mr_poll){ 0x11223344, 0x0506, 5 }; break;
	case MR_PROGRESS: f.progress = (struct mr_progress){ 0x11223344, 0x0506, MR_PROGRESS_WORKING, 3, 1500 }; break;
	}
	return f;
}

static size_t build(const struct mr_frame *f, uint8_t *out)
{
	uint8_t key[32];
	struct mr_wr w = mr_wr_over(out, MR_FRAME_MAX);

	assert_true(mr_frame_build(&w, f, call_key(key)));
	return w.len;
}

/* Computed apart from this code: HKDF and HMAC of Python's standard library over the octets written by hand. */
#define CALL_OCTETS                                                                                                    \
	"d0000000 024d52000007 024d52ff0001 ffffffffffff c0ab 7f024d52 01 01"                                          \
	"5101020304050607 b701020304050607 0807060504030201 03 2c01 b004"
#define CALL_MAC "72c6628c6cabd8cc"
#define BATCH_TAG "160cfe75cafabc9a"

static void the_octets_of_a_call_are_these(void **state)
{
	struct mr_frame f = example(MR_CALL);
	uint8_t out[MR_FRAME_MAX], want[128], key[32], tag[8];
	size_t len = build(&f, out), want_len = hex(CALL_OCTETS CALL_MAC, want, sizeof(want));

	(void)state;
	assert_int_equal(len, want_len);
	assert_memory_equal(out, want, len);
	hex(BATCH_TAG, want, sizeof(want));
	assert_true(mr_batch_keys(batch_key, key, tag));
	assert_memory_equal(tag, want, 8);
}

static void every_type_comes_back_as_it_went(void **state)
{
	(void)state;
	for (int type = MR_CALL; type <= MR_PROGRESS; type++) {
		struct mr_frame f = example((enum mr_frame_type)type), got;
		uint8_t out[MR_FRAME_MAX], again[MR_FRAME_MAX], key[32];
		size_t len = build(&f, out);

		assert_true(mr_frame_parse(mr_rd_over(out, len), &got));
		assert_int_equal(got.type, type);
		assert_memory_equal(&got.header, &f.header, sizeof(f.header));
		assert_int_equal(build(&got, again), len);
		assert_memory_equal(again, out, len);
		assert_int_equal(mr_frame_authentic(&got, call_key(key)),
				 type == MR_CALL || type == MR_HELLO || type == MR_INVITE);
	}
}

static void the_fields_lie_where_they_are_read(void **state)
{
	uint8_t out[MR_FRAME_MAX];
	struct mr_frame f, got;

	(void)state;
	f = example(MR_CALL);
	assert_true(mr_frame_parse(mr_rd_over(out, build(&f, out)), &got));
	assert_memory_equal(&got.call, &f.call, offsetof(struct mr_call, mac));
	f = example(MR_DATA);
	assert_true(mr_frame_parse(mr_rd_over(out, build(&f, out)), &got));
	assert_memory_equal(&got.data, &f.data, offsetof(struct mr_data, sealed));
	assert_int_equal(got.data.sealed.left, 40);
	assert_memory_equal(got.data.sealed.at, sealed, 40);
	f = example(MR_PROGRESS);
	assert_true(mr_frame_parse(mr_rd_over(out, build(&f, out)), &got));
	assert_memory_equal(&got.progress, &f.progress, sizeof(f.progress));
	f = example(MR_INVITE);
	assert_true(mr_frame_parse(mr_rd_over(out, build(&f, out)), &got));
	assert_int_equal(got.invite.freq_mhz, 5180);
	assert_int_equal(got.invite.lease_s, 45);
}

static void a_frame_cut_anywhere_or_with_an_octet_too_many_is_refused(void **state)
{
	(void)state;
	for (int type = MR_CALL; type <= MR_PROGRESS; type++) {
		struct mr_frame f = example((enum mr_frame_type)type), got;
		uint8_t out[MR_FRAME_MAX + 1] = { 0 };
		size_t len = build(&f, out), least = len;

		/* The two whose last field is "the rest" can be cut down to their shortest. */
		if (type == MR_HANDSHAKE_1 || type == MR_HANDSHAKE_2)
			least = MR_PREFIX_LEN + 8 + 48;
		if (type == MR_DATA)
			least = MR_PREFIX_LEN + MR_DATA_HEADER_LEN + MR_TAG_LEN + 1;
		for (size_t cut = 0; cut < least; cut++)
			assert_false(mr_frame_parse(mr_rd_over(out, cut), &got));
		if (least == len)
			assert_false(mr_frame_parse(mr_rd_over(out, len + 1), &got));
	}
}

static void what_is_not_ours_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} foreign[] = {
		{ 0, 0x80 },		 /* a beacon */
		{ 0, 0xd1 },		 /* another protocol version of 802.11 */
		{ 1, 0x40 },		 /* protected */
		{ 1, 0x01 },		 /* to the DS */
		{ 1, 0x80 },		 /* with HT control: the body lies elsewhere */
		{ 1, 0x04 },		 /* more fragments */
		{ 16, 0x02 },		 /* a BSSID */
		{ 22, 0x01 },		 /* fragment 1 */
		{ 24, 0x04 },		 /* another category */
		{ 27, 0x53 },		 /* another OUI */
		{ 28, 2 },		 /* another version */
		{ 29, 0 },    { 29, 9 }, /* no such type */
	};
	struct mr_frame f = example(MR_CALL), got;
	uint8_t out[MR_FRAME_MAX], saved;
	size_t len = build(&f, out);

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		saved = out[foreign[i].at];
		out[foreign[i].at] = foreign[i].value;
		assert_false(mr_frame_parse(mr_rd_over(out, len), &got));
		out[foreign[i].at] = saved;
	}
	/* Retry, power management, more data: the sender's hardware sets them. */
	out[1] = 0x38;
	out[2] = 44; /* duration */
	assert_true(mr_frame_parse(mr_rd_over(out, len), &got));
}

static void the_mac_covers_everything_from_the_version_on(void **state)
{
	static const enum mr_frame_type types[] = { MR_CALL, MR_HELLO, MR_INVITE };
	uint8_t key[32], other[32];

	(void)state;
	call_key(key);
	memcpy(other, key, 32);
	other[31] ^= 1;
	for (size_t t = 0; t < 3; t++) {
		struct mr_frame f = example(types[t]), got;
		uint8_t out[MR_FRAME_MAX];
		size_t len = build(&f, out);

		for (size_t i = MR_PREFIX_LEN - 2; i < len; i++) {
			out[i] ^= 0x10;
			if (mr_frame_parse(mr_rd_over(out, len), &got))
				assert_false(mr_frame_authentic(&got, key));
			out[i] ^= 0x10;
		}
		assert_true(mr_frame_parse(mr_rd_over(out, len), &got));
		assert_true(mr_frame_authentic(&got, key));
		assert_false(mr_frame_authentic(&got, other));
	}
}

static void data_that_contradicts_itself_is_refused(void **state)
{
	const struct mr_data good = example(MR_DATA).data;
	struct mr_data bad[8];
	uint8_t out[MR_FRAME_MAX + 64], key[32];

	(void)state;
	for (size_t i = 0; i < 8; i++)
		bad[i] = good;
	bad[0].seq = 0;
	bad[1].fragments = 0;
	bad[2].fragments = MR_FRAGMENTS_MAX + 1;
	bad[3].fragment = 2;
	bad[4].fragment = 0;		 /* not the last, and not full */
	bad[5].sealed.left = MR_TAG_LEN; /* nothing in it */
	bad[6].sealed.left = MR_FRAGMENT_MAX + MR_TAG_LEN + 1;
	bad[7].sealed.bad = true;
	for (size_t i = 0; i < 8; i++) {
		struct mr_frame f = example(MR_DATA);
		struct mr_wr w = mr_wr_over(out, sizeof(out));

		f.data = bad[i];
		assert_false(mr_frame_build(&w, &f, call_key(key)));
	}
	/* The same over the wire: built whole, then changed. */
	for (size_t at = 0; at < 4; at++) {
		static const struct {
			size_t at;
			uint8_t value;
		} change[] = { { 6, 2 }, { 6, 0 }, { 7, 0 }, { 7, 4 } };
		struct mr_frame f = example(MR_DATA), got;
		size_t len = build(&f, out);

		out[MR_PREFIX_LEN + change[at].at] = change[at].value;
		assert_false(mr_frame_parse(mr_rd_over(out, len), &got));
	}
}

static void the_longest_fragment_makes_the_longest_frame(void **state)
{
	struct mr_frame f = example(MR_DATA), got;
	uint8_t out[MR_FRAME_MAX];

	(void)state;
	f.data.fragment = 0;
	f.data.sealed = mr_rd_over(sealed, MR_FRAGMENT_MAX + MR_TAG_LEN);
	assert_int_equal(build(&f, out), MR_FRAME_MAX);
	assert_true(mr_frame_parse(mr_rd_over(out, MR_FRAME_MAX), &got));
}

static void only_hold_is_left_out_of_the_associated_data(void **state)
{
	struct mr_data d = example(MR_DATA).data;
	uint8_t ad[2 + MR_DATA_HEADER_LEN], again[sizeof(ad)], want[sizeof(ad)];

	(void)state;
	mr_data_ad(&d, ad);
	hex("01 06 44332211 0605 01 02 01", want, sizeof(want));
	assert_memory_equal(ad, want, sizeof(ad));
	d.flags = MR_DATA_RESPONSE;
	mr_data_ad(&d, again);
	assert_memory_equal(ad, again, sizeof(ad));
	d.flags = MR_DATA_HOLD;
	mr_data_ad(&d, again);
	assert_memory_not_equal(ad, again, sizeof(ad));
}

static void a_frame_that_does_not_fit_the_buffer_is_not_built(void **state)
{
	uint8_t out[MR_FRAME_MAX], key[32];

	(void)state;
	for (int type = MR_CALL; type <= MR_PROGRESS; type++) {
		struct mr_frame f = example((enum mr_frame_type)type);
		size_t len = build(&f, out);

		for (size_t cap = 0; cap < len; cap++) {
			struct mr_wr w = mr_wr_over(out, cap);

			assert_false(mr_frame_build(&w, &f, call_key(key)));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_octets_of_a_call_are_these),
		cmocka_unit_test(every_type_comes_back_as_it_went),
		cmocka_unit_test(the_fields_lie_where_they_are_read),
		cmocka_unit_test(a_frame_cut_anywhere_or_with_an_octet_too_many_is_refused),
		cmocka_unit_test(what_is_not_ours_is_refused),
		cmocka_unit_test(the_mac_covers_everything_from_the_version_on),
		cmocka_unit_test(data_that_contradicts_itself_is_refused),
		cmocka_unit_test(the_longest_fragment_makes_the_longest_frame),
		cmocka_unit_test(only_hold_is_left_out_of_the_associated_data),
		cmocka_unit_test(a_frame_that_does_not_fit_the_buffer_is_not_built),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
