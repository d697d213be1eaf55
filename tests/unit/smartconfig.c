/*
 * The schemes of sniffer mode, both ends: vectors of other people's encoders, then what air and other people do.
 *
 * links: agent/wire/smartconfig.c agent/wire/smartconfig_send.c agent/wire/esptouch1.c agent/wire/esptouch2.c
 * links: agent/wire/airkiss.c agent/wire/cc3000.c agent/wire/ezconnect.c agent/wire/crc.c agent/wire/overheard.c
 * links: agent/port/linux/crypto_wsc_openssl.c agent/port/linux/crypto_smart_openssl.c tests/support/smart_air.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/crc.h"
#include "agent/wire/smartconfig.h"
#include "tests/support/smart_air.h"

static const struct mr_smart_coder *const coders[] = MR_SMART_CODERS_ALL;

static const struct mr_smart_settings plain = {
	.ssid = "factory-net",
	.ssid_len = 11,
	.passphrase = "correct horse",
	.passphrase_len = 13,
	.bssid = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 },
	.ip = { 192, 168, 77, 1 },
};

static void both_check_sums_are_the_known_ones(void **state)
{
	(void)state;
	assert_int_equal(mr_crc8(0, "123456789", 9), 0xa1);
	assert_int_equal(mr_crc8(0, "factory-net", 11), 0xbf);
	assert_int_equal(mr_crc8(mr_crc8(0, "fact", 4), "ory-net", 7), 0xbf);
	assert_int_equal(mr_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(mr_crc32("factory-net", 11), 0x301209a4);
}

/* The lengths of a vector are what is sent, from `skip` frames on; the last ends a round. */
static void sends(enum mr_smart_scheme scheme, const struct mr_smart_settings *settings, unsigned skip,
		  const uint16_t *lengths, size_t count)
{
	struct mr_smart_sender sender;
	struct mr_smart_frame frame;

	assert_null(mr_smart_refuses(scheme, settings));
	assert_true(mr_smart_begin(&sender, scheme, settings));
	for (unsigned i = 0; i < skip; i++) {
		mr_smart_next(&sender, &frame);
		assert_false(frame.ends_round);
	}
	for (size_t i = 0; i < count; i++) {
		mr_smart_next(&sender, &frame);
		if (frame.length != lengths[i])
			print_error("frame %zu of %s\n", i, mr_smart_name(scheme));
		assert_int_equal(frame.length, lengths[i]);
		assert_int_equal(frame.ends_round, i == count - 1);
	}
}

static const uint16_t esptouch1_lengths[] = {
	42,  296, 121, 248, 297, 165, 211, 298, 151, 69,  299, 46,  95,	 300, 50,  264, 329, 234, 180, 301,
	216, 114, 302, 128, 188, 303, 69,  217, 330, 153, 40,  304, 137, 190, 305, 91,	94,  306, 247, 186,
	331, 58,  47,  307, 154, 175, 308, 106, 126, 309, 173, 91,  332, 203, 62,  310, 43,  239, 311, 236,
	122, 312, 232, 220, 333, 236, 270, 313, 288, 142, 314, 103, 127, 315, 170, 157, 334, 141, 63,  316,
	283, 46,  317, 157, 222, 318, 46,  174, 319, 41,  126, 320, 43,	 175, 321, 236, 206, 322, 71,  191,
	323, 202, 95,  324, 209, 74,  325, 181, 46,  326, 118, 158, 327, 189, 207, 328, 268,
};

static void esptouch1_sends_its_vector(void **state)
{
	(void)state;
	sends(MR_SMART_ESPTOUCH1, &plain, 252, esptouch1_lengths, 117);
}

static const uint16_t airkiss_lengths[] = {
	1,   25,  43,  63,  64,	 93,  111, 125, 129, 128, 355, 367, 370, 370, 179, 129,
	357, 355, 372, 288, 200, 130, 360, 367, 370, 371, 133, 131, 357, 346, 358, 353,
	240, 132, 355, 372, 367, 370, 177, 133, 377, 301, 366, 357, 179, 134, 372,
};

static void airkiss_sends_its_vector(void **state)
{
	struct mr_smart_settings settings = plain;

	(void)state;
	settings.token = 0x5a;
	sends(MR_SMART_AIRKISS, &settings, 80 + 16, airkiss_lengths, 47);
}

static void same(const struct mr_smart_settings *a, const struct mr_smart_settings *b)
{
	assert_int_equal(a->ssid_len, b->ssid_len);
	assert_memory_equal(a->ssid, b->ssid, sizeof(a->ssid));
	assert_int_equal(a->passphrase_len, b->passphrase_len);
	assert_memory_equal(a->passphrase, b->passphrase, sizeof(a->passphrase));
}

static void everything_sent_is_heard_in_one_round(void **state)
{
	(void)state;
	for (int scheme = 1; scheme < MR_SMART_COUNT; scheme++) {
		struct mr_smart_listener listener = { .coders = coders };
		struct mr_smart_settings heard;
		struct mr_smart_sender sender;
		struct smart_air air;

		print_message("%s\n", mr_smart_name(scheme));
		smart_air_init(&air, 1);
		assert_true(mr_smart_begin(&sender, scheme, &plain));
		assert_true(smart_air_run(&air, &sender, &listener, 1));
		assert_int_equal(mr_smart_take(&listener, &heard), scheme);
		same(&heard, &plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_check_sums_are_the_known_ones),
		cmocka_unit_test(esptouch1_sends_its_vector),
		cmocka_unit_test(airkiss_sends_its_vector),
		cmocka_unit_test(everything_sent_is_heard_in_one_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
