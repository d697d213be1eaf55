/*
 * The schemes of sniffer mode, both ends, against vectors of other people's encoders; what they refuse, their pace.
 *
 * links: agent/wire/smartconfig.c agent/wire/smartconfig_send.c agent/wire/esptouch1.c agent/wire/esptouch2.c
 * links: agent/wire/airkiss.c agent/wire/cc3000.c agent/wire/ezconnect.c agent/wire/crc.c agent/wire/overheard.c
 * links: agent/port/linux/crypto_wsc_openssl.c agent/port/linux/crypto_smart_openssl.c tests/support/smart_air.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/crc.h"
#include "agent/wire/smartconfig.h"
#include "tests/support/smart_air.h"
#include "tests/unit/smartconfig_vectors.h"

static const struct mr_smart_coder *const coders[] = MR_SMART_CODERS_ALL;

static const struct mr_smart_settings plain = {
	.ssid = "factory-net",
	.ssid_len = 11,
	.passphrase = "correct horse",
	.passphrase_len = 13,
	.bssid = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 },
	.ip = { 192, 168, 77, 1 },
};

static struct mr_smart_settings with_key(const char *key)
{
	struct mr_smart_settings s = plain;

	s.key_len = (uint8_t)strlen(key);
	memcpy(s.key, key, s.key_len);
	return s;
}

static struct mr_smart_settings with_reserved(struct mr_smart_settings s)
{
	memcpy(s.reserved, "line7", 5);
	s.reserved_len = 5;
	return s;
}

static struct mr_smart_settings with_token(struct mr_smart_settings s, uint8_t token)
{
	s.token = token;
	return s;
}

static struct mr_smart_settings with_iv(struct mr_smart_settings s)
{
	for (unsigned i = 0; i < sizeof(s.iv); i++)
		s.iv[i] = (uint8_t)(0xa0 + i);
	return s;
}

static struct mr_smart_settings high_octets(void)
{
	struct mr_smart_settings s = with_token(with_reserved(plain), 2);

	s.ssid_len = 7;
	memcpy(s.ssid, "fabr\xc3\xadk\0\0\0\0", 11);
	s.passphrase_len = 10;
	memcpy(s.passphrase, "p\xc3\xa4ssw\xc3\xb6rt\0\0\0", 13);
	return s;
}

static void both_check_sums_are_the_known_ones(void **state)
{
	(void)state;
	assert_int_equal(mr_crc8(0, "123456789", 9), 0xa1);
	assert_int_equal(mr_crc8(0, "factory-net", 11), 0xbf);
	assert_int_equal(mr_crc8(mr_crc8(0, "fact", 4), "ory-net", 7), 0xbf);
	assert_int_equal(mr_crc8(0, "\x0d", 1), 0xfd);
	assert_int_equal(mr_crc8(0, plain.bssid, 6), 0xd6);
	assert_int_equal(mr_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(mr_crc32("factory-net", 11), 0x301209a4);
	assert_int_equal(mr_crc32("", 0), 0);
}

static void every_scheme_has_a_name_and_no_other(void **state)
{
	(void)state;
	for (enum mr_smart_scheme scheme = MR_SMART_ESPTOUCH1; scheme < MR_SMART_COUNT; scheme++) {
		const char *name = mr_smart_name(scheme);

		assert_int_equal(mr_smart_named(name, strlen(name)), scheme);
		assert_int_equal(mr_smart_named(name, strlen(name) - 1), MR_SMART_NONE);
	}
	assert_string_equal(mr_smart_name(MR_SMART_ESPTOUCH2), "esptouch-v2");
	assert_null(mr_smart_name(MR_SMART_NONE));
	assert_null(mr_smart_name(MR_SMART_COUNT));
	assert_int_equal(mr_smart_named("esptouch-v3", 11), MR_SMART_NONE);
	assert_int_equal(mr_smart_named("", 0), MR_SMART_NONE);
}

/* --- vectors --- */

struct vector {
	const char *name;
	enum mr_smart_scheme scheme;
	struct mr_smart_settings settings;
	unsigned skip; /* frames of guide before it */
	const uint16_t *lengths;
	size_t count;
};
#define LENGTHS(v) (v), sizeof(v) / sizeof((v)[0])

static const char *const key16 = "0123456789abcdef";

static size_t all_vectors(struct vector out[static 10])
{
	const struct vector v[] = {
		{ "v1", MR_SMART_ESPTOUCH1, plain, 252, LENGTHS(esptouch1_vector) },
		{ "v2", MR_SMART_ESPTOUCH2, plain, 0, LENGTHS(esptouch2_in_clear) },
		{ "v2, reserved", MR_SMART_ESPTOUCH2, with_reserved(plain), 0, LENGTHS(esptouch2_with_reserved) },
		{ "v2, zero IV", MR_SMART_ESPTOUCH2, with_key(key16), 0, LENGTHS(esptouch2_zero_iv) },
		{ "v2, random IV", MR_SMART_ESPTOUCH2, with_iv(with_token(with_reserved(with_key(key16)), 1)), 0,
		  LENGTHS(esptouch2_random_iv) },
		{ "v2, high octets", MR_SMART_ESPTOUCH2, high_octets(), 0, LENGTHS(esptouch2_high_octets) },
		{ "airkiss", MR_SMART_AIRKISS, with_token(plain, 0x5a), 96, LENGTHS(airkiss_vector) },
		{ "cc3000", MR_SMART_CC3000, plain, 0, LENGTHS(cc3000_in_clear) },
		{ "cc3000, key", MR_SMART_CC3000, with_key(key16), 0, LENGTHS(cc3000_with_key) },
	};

	memcpy(out, v, sizeof(v));
	return sizeof(v) / sizeof(v[0]);
}

static void what_is_sent_is_the_vector(void **state)
{
	struct vector vectors[10];
	size_t count = all_vectors(vectors);

	(void)state;
	for (const struct vector *v = vectors; v < vectors + count; v++) {
		struct mr_smart_sender sender;
		struct mr_smart_frame frame;

		assert_null(mr_smart_refuses(v->scheme, &v->settings));
		assert_true(mr_smart_begin(&sender, v->scheme, &v->settings));
		for (unsigned i = 0; i < v->skip; i++) {
			mr_smart_next(&sender, &frame);
			assert_false(frame.ends_round);
		}
		for (size_t i = 0; i < v->count; i++) {
			mr_smart_next(&sender, &frame);
			if (frame.length != v->lengths[i])
				print_error("%s, frame %zu\n", v->name, i);
			assert_int_equal(frame.length, v->lengths[i]);
			assert_int_equal(frame.ends_round, i == v->count - 1);
		}
	}
}

/* What the scheme carries of them. */
static void assert_heard(enum mr_smart_scheme scheme, const struct mr_smart_settings *sent,
			 const struct mr_smart_settings *heard)
{
	assert_int_equal(heard->ssid_len, sent->ssid_len);
	assert_memory_equal(heard->ssid, sent->ssid, sizeof(sent->ssid));
	assert_int_equal(heard->passphrase_len, sent->passphrase_len);
	assert_memory_equal(heard->passphrase, sent->passphrase, sizeof(sent->passphrase));
	assert_int_equal(heard->reserved_len, sent->reserved_len);
	assert_memory_equal(heard->reserved, sent->reserved, sizeof(sent->reserved));
	if (scheme == MR_SMART_ESPTOUCH1)
		assert_memory_equal(heard->ip, sent->ip, 4);
	if (scheme == MR_SMART_ESPTOUCH1 || scheme == MR_SMART_ESPTOUCH2)
		assert_memory_equal(heard->bssid, sent->bssid, 6);
	assert_int_equal(heard->token,
			 scheme == MR_SMART_ESPTOUCH1 ? 9u + sent->ssid_len + sent->passphrase_len : sent->token);
}

static enum mr_smart_result hear_length(struct smart_air *air, struct mr_smart_listener *listener, uint16_t length,
					const uint8_t destination[static 4])
{
	struct mr_smart_frame frame = { .length = length };
	struct mr_overheard heard;

	memcpy(frame.destination, destination, 4);
	smart_air_overhear(air, &frame, &heard);
	return mr_smart_hear(listener, &heard, air->now_us += 5000);
}

/* The lengths alone, as a stranger sends them: its pattern twice, the vector, and v2 and cc3000 have theirs in it. */
static void what_the_vector_says_is_heard(void **state)
{
	static const uint16_t v1_guide[] = { 515, 514, 513, 512 }, airkiss_guide[] = { 1, 2, 3, 4 };
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };
	struct vector vectors[10];
	size_t count = all_vectors(vectors);

	(void)state;
	for (const struct vector *v = vectors; v < vectors + count; v++) {
		struct mr_smart_listener listener = { .coders = coders, .key_len = v->settings.key_len };
		enum mr_smart_result result = MR_SMART_NOTHING;
		struct mr_smart_settings heard;
		enum mr_smart_scheme scheme;
		struct smart_air air;
		/* cc3000 ends with two separators, which tell nothing. */
		size_t last = v->count - (v->scheme == MR_SMART_CC3000 ? 2 : 0);
		unsigned have, of;

		smart_air_init(&air, 1);
		memcpy(listener.key, v->settings.key, sizeof(listener.key));
		for (int i = 0; i < 8; i++)
			if (v->skip > 0)
				result = hear_length(&air, &listener,
						     (v->scheme == MR_SMART_AIRKISS ? airkiss_guide : v1_guide)[i % 4],
						     broadcast);
		assert_int_equal(result, v->skip > 0 ? MR_SMART_GUIDE : MR_SMART_NOTHING);
		for (size_t i = 0; i < last; i++) {
			assert_int_not_equal(result, MR_SMART_COMPLETE);
			result = hear_length(&air, &listener, v->lengths[i], broadcast);
			mr_smart_progress(&listener, &scheme, &have, &of);
			assert_true(of == 0 || have <= of);
		}
		assert_int_equal(result, MR_SMART_COMPLETE);
		assert_int_equal(mr_smart_take(&listener, &heard), v->scheme);
		assert_heard(v->scheme, &v->settings, &heard);
		assert_int_equal(mr_smart_take(&listener, &heard), MR_SMART_NONE);
		assert_int_equal(listener.spoilt, 0);
	}
}

static void ezconnect_both_ways(const struct mr_smart_settings *settings, const uint8_t (*last)[3], size_t count)
{
	struct mr_smart_listener listener = { .coders = coders, .key_len = settings->key_len };
	enum mr_smart_result result = MR_SMART_NOTHING;
	struct mr_smart_settings heard;
	struct mr_smart_sender sender;
	struct mr_smart_frame frame;
	struct smart_air air;

	smart_air_init(&air, 1);
	memcpy(listener.key, settings->key, sizeof(listener.key));
	assert_true(mr_smart_begin(&sender, MR_SMART_EZCONNECT, settings));
	for (size_t i = 0; i < 12 + count; i++) {
		const uint8_t *expected = i < 12 ? ezconnect_in_clear[i] : last[i - 12];
		uint8_t mac[6];

		mr_smart_next(&sender, &frame);
		mr_overheard_group(frame.destination, mac);
		assert_memory_equal(mac, "\x01\x00\x5e", 3);
		assert_memory_equal(mac + 3, expected, 3);
		assert_int_equal(frame.ends_round, i == 12 + count - 1);
		assert_int_not_equal(result, MR_SMART_COMPLETE);
		result = hear_length(&air, &listener, (uint16_t)(100 + i),
				     (const uint8_t[]){ 226, expected[0], expected[1], expected[2] });
		assert_int_equal(result == MR_SMART_GUIDE, i < 3);
	}
	assert_int_equal(result, MR_SMART_COMPLETE);
	assert_int_equal(mr_smart_take(&listener, &heard), MR_SMART_EZCONNECT);
	assert_heard(MR_SMART_EZCONNECT, settings, &heard);
}

static void ezconnect_addresses_are_those_of_the_vector(void **state)
{
	struct mr_smart_settings keyed = with_key("batch-key-2026");

	(void)state;
	ezconnect_both_ways(&plain, ezconnect_in_clear + 12, 10);
	ezconnect_both_ways(&keyed, ezconnect_with_key, 11);
}

/* --- refusals, pace, acknowledgements --- */

static void what_a_scheme_cannot_carry_it_refuses(void **state)
{
	struct mr_smart_settings s = plain;
	struct mr_smart_sender sender;

	(void)state;
	assert_non_null(mr_smart_refuses(MR_SMART_NONE, &plain));
	assert_non_null(mr_smart_refuses(MR_SMART_COUNT, &plain));
	for (enum mr_smart_scheme scheme = MR_SMART_ESPTOUCH1; scheme < MR_SMART_COUNT; scheme++) {
		bool v2 = scheme == MR_SMART_ESPTOUCH2, cc3000 = scheme == MR_SMART_CC3000;
		bool ezconnect = scheme == MR_SMART_EZCONNECT;

		s = plain;
		s.ssid_len = 0;
		assert_string_equal(mr_smart_refuses(scheme, &s), "an SSID of no octets cannot be sent");
		s.ssid_len = 33;
		assert_string_equal(mr_smart_refuses(scheme, &s), "an SSID of 32 octets is the longest");
		assert_false(mr_smart_begin(&sender, scheme, &s));
		s.ssid_len = 32;
		s.passphrase_len = 65;
		assert_non_null(mr_smart_refuses(scheme, &s));
		s.passphrase_len = 64;
		assert_int_equal(mr_smart_refuses(scheme, &s) != NULL, cc3000);
		s.passphrase_len = 32;
		assert_null(mr_smart_refuses(scheme, &s));
		s.passphrase_len = 0;
		assert_null(mr_smart_refuses(scheme, &s));
		s.reserved_len = 1;
		assert_int_equal(mr_smart_refuses(scheme, &s) == NULL, v2);
		s.reserved_len = 65;
		assert_non_null(mr_smart_refuses(scheme, &s));
		s.reserved_len = 0;
		s.key_len = 15;
		assert_int_equal(mr_smart_refuses(scheme, &s) == NULL, ezconnect);
		s.key_len = 16;
		assert_int_equal(mr_smart_refuses(scheme, &s) == NULL, v2 || cc3000 || ezconnect);
		s.key_len = 33;
		assert_non_null(mr_smart_refuses(scheme, &s));
	}
	s = with_token(plain, 4);
	assert_non_null(mr_smart_refuses(MR_SMART_ESPTOUCH2, &s));
	s = with_key(key16);
	s.passphrase_len = 31;
	assert_null(mr_smart_refuses(MR_SMART_CC3000, &s));
	s.passphrase_len = 32;
	assert_non_null(mr_smart_refuses(MR_SMART_CC3000, &s));
	s.passphrase[31] = 0;
	assert_non_null(mr_smart_refuses(MR_SMART_EZCONNECT, &s));
	s.passphrase[31] = 'x';
	assert_null(mr_smart_refuses(MR_SMART_EZCONNECT, &s));
}

/* The largest message is below 128 octets: the magic of 128 to 143 would be that of 0 to 15. */
static void airkiss_never_needs_a_length_that_it_cannot_tell(void **state)
{
	struct mr_smart_settings s = plain;
	struct mr_smart_sender sender;
	struct mr_smart_frame frame;
	bool eight = false;

	(void)state;
	s.ssid_len = 32;
	s.passphrase_len = 64;
	assert_true(mr_smart_begin(&sender, MR_SMART_AIRKISS, &s));
	assert_true(sender.body_len < 128);
	s.ssid_len = 2;
	s.passphrase_len = 8;
	assert_true(mr_smart_begin(&sender, MR_SMART_AIRKISS, &s));
	for (int i = 0; i < 100; i++) {
		mr_smart_next(&sender, &frame);
		assert_int_not_equal(frame.length, 0);
		eight = eight || frame.length == 8;
	}
	assert_true(eight);
}

/* Section by section: gap in us, and how long guide and round take. */
static void each_sender_keeps_its_pace(void **state)
{
	static const struct {
		enum mr_smart_scheme scheme;
		uint16_t port;
		uint32_t gap_us, guide_frames;
	} paces[] = {
		{ MR_SMART_ESPTOUCH1, 7001, 8000, 252 }, { MR_SMART_ESPTOUCH2, 7001, 15000, 0 },
		{ MR_SMART_AIRKISS, 10001, 5000, 80 },	 { MR_SMART_CC3000, 15000, 2000, 0 },
		{ MR_SMART_EZCONNECT, 7001, 5000, 0 },
	};

	(void)state;
	for (size_t k = 0; k < sizeof(paces) / sizeof(paces[0]); k++) {
		uint32_t guides = 0, turns = 0;
		struct mr_smart_sender sender;
		struct mr_smart_frame frame;
		uint64_t us = 0;

		assert_true(mr_smart_begin(&sender, paces[k].scheme, &plain));
		for (int i = 0; i < 3000; i++) {
			bool guide;

			mr_smart_next(&sender, &frame);
			us += frame.gap_us;
			assert_int_equal(frame.port, paces[k].port);
			assert_int_equal(sender.sent_us, us);
			assert_int_equal(frame.gap_us, frame.ends_round && paces[k].scheme == MR_SMART_CC3000
							       ? 100000
							       : paces[k].gap_us);
			guide = paces[k].scheme == MR_SMART_ESPTOUCH1 ? frame.length >= 512 : frame.length <= 4;
			if (paces[k].guide_frames == 0)
				continue;
			guides = guide ? guides + 1 : 0;
			turns += guides == paces[k].guide_frames;
			assert_true(guides <= paces[k].guide_frames + 1); /* the magic may begin with 1 to 4 */
		}
		assert_true(paces[k].guide_frames == 0 || turns >= 3);
	}
}

/* 4 s of octets between guides; the next ones go on where they ended. */
static void esptouch1_goes_on_behind_a_guide(void **state)
{
	struct mr_smart_sender sender;
	struct mr_smart_frame frame;
	size_t at = 0;

	(void)state;
	assert_true(mr_smart_begin(&sender, MR_SMART_ESPTOUCH1, &plain));
	for (int turn = 0; turn < 5; turn++) {
		for (int i = 0; i < 252; i++) {
			mr_smart_next(&sender, &frame);
			assert_int_equal(frame.length, 515 - i % 4);
		}
		for (int i = 0; i < 501; i++, at++) {
			mr_smart_next(&sender, &frame);
			assert_int_equal(frame.length, esptouch1_vector[at % 117]);
			assert_int_equal(frame.ends_round, at % 117 == 116);
		}
	}
	assert_int_equal(sender.round, 5 * 501 / 117);
}

static void nobodys_address_is_everybodys(void **state)
{
	struct mr_smart_listener listener = { .coders = coders };
	struct mr_smart_settings s = plain, heard;
	struct mr_smart_sender sender;
	struct smart_air air;

	(void)state;
	memset(s.ip, 0, 4);
	smart_air_init(&air, 1);
	assert_true(mr_smart_begin(&sender, MR_SMART_ESPTOUCH1, &s));
	assert_true(smart_air_run(&air, &sender, &listener, 1));
	assert_int_equal(mr_smart_take(&listener, &heard), MR_SMART_ESPTOUCH1);
	assert_memory_equal(heard.ip, "\xff\xff\xff\xff", 4);
}

static void each_scheme_says_where_its_acknowledgement_goes(void **state)
{
	struct mr_smart_settings s = with_token(plain, 3);
	struct mr_smart_ack ack;

	(void)state;
	mr_smart_ack_of(MR_SMART_ESPTOUCH2, &s, &ack);
	assert_true(ack.port == 48266 && ack.token == 3 && ack.octets == 7 && ack.wake_port == 0);
	s.token = 33;
	mr_smart_ack_of(MR_SMART_ESPTOUCH1, &s, &ack);
	assert_true(ack.port == 18266 && ack.token == 33 && ack.octets == 11 && ack.wake_port == 0);
	s.token = 0x5a;
	mr_smart_ack_of(MR_SMART_AIRKISS, &s, &ack);
	assert_true(ack.port == 10000 && ack.token == 0x5a && ack.octets == 7 && ack.wake_port == 10001);
	for (enum mr_smart_scheme scheme = MR_SMART_NONE; scheme <= MR_SMART_COUNT; scheme++) {
		mr_smart_ack_of(scheme, &s, &ack);
		assert_int_equal(ack.port == 0, scheme == MR_SMART_NONE || scheme >= MR_SMART_CC3000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_check_sums_are_the_known_ones),
		cmocka_unit_test(every_scheme_has_a_name_and_no_other),
		cmocka_unit_test(what_is_sent_is_the_vector),
		cmocka_unit_test(what_the_vector_says_is_heard),
		cmocka_unit_test(ezconnect_addresses_are_those_of_the_vector),
		cmocka_unit_test(what_a_scheme_cannot_carry_it_refuses),
		cmocka_unit_test(airkiss_never_needs_a_length_that_it_cannot_tell),
		cmocka_unit_test(each_sender_keeps_its_pace),
		cmocka_unit_test(esptouch1_goes_on_behind_a_guide),
		cmocka_unit_test(nobodys_address_is_everybodys),
		cmocka_unit_test(each_scheme_says_where_its_acknowledgement_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
