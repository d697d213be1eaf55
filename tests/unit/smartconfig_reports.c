/*
 * What broke other people's receivers, by the reports that they published: each of them is tried here.
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

#include "agent/wire/smartconfig.h"
#include "tests/support/smart_air.h"

static const struct mr_smart_coder *const coders[] = MR_SMART_CODERS_ALL;

static struct mr_smart_settings settings_of(const char *ssid, const char *passphrase)
{
	struct mr_smart_settings s = { .bssid = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 }, .ip = { 192, 168, 77, 1 } };

	s.ssid_len = (uint8_t)strlen(ssid);
	memcpy(s.ssid, ssid, s.ssid_len);
	s.passphrase_len = (uint8_t)strlen(passphrase);
	memcpy(s.passphrase, passphrase, s.passphrase_len);
	return s;
}

static void assert_taken(struct mr_smart_listener *listener, enum mr_smart_scheme scheme,
			 const struct mr_smart_settings *sent)
{
	struct mr_smart_settings heard;

	assert_int_equal(mr_smart_take(listener, &heard), scheme);
	assert_int_equal(heard.ssid_len, sent->ssid_len);
	assert_memory_equal(heard.ssid, sent->ssid, sizeof(sent->ssid));
	assert_int_equal(heard.passphrase_len, sent->passphrase_len);
	assert_memory_equal(heard.passphrase, sent->passphrase, sizeof(sent->passphrase));
}

/* A chip's AirKiss took messages of 11 to 24 octets and no others (WeChatAirKiss, issue 1). */
static void airkiss_of_every_length_is_heard(void **state)
{
	struct mr_smart_settings s = settings_of("p", "");

	(void)state;
	for (unsigned total = 2; total <= 97; total++) {
		struct mr_smart_listener listener = { .coders = coders };
		struct mr_smart_sender sender;
		struct smart_air air;

		s.token = (uint8_t)total;
		s.ssid_len = (uint8_t)(total <= 66 ? 1 : total - 65);
		memset(s.ssid, 'p', s.ssid_len);
		s.passphrase_len = (uint8_t)(total - 1 - s.ssid_len);
		for (unsigned i = 0; i < s.passphrase_len; i++)
			s.passphrase[i] = (uint8_t)('1' + i % 9);
		smart_air_init(&air, total);
		assert_true(mr_smart_begin(&sender, MR_SMART_AIRKISS, &s));
		assert_true(smart_air_run(&air, &sender, &listener, 1));
		assert_taken(&listener, MR_SMART_AIRKISS, &s);
	}
}

/* An SSID in Chinese became negative lengths (WeChatAirKiss, issues 6 and 7); digits and '@' failed (ESP-IDF 5243). */
static void names_in_any_script_are_heard(void **state)
{
	static const char *const ssids[] = { "\xe5\xb7\xa5\xe5\x8e\x82\xe7\xbd\x91\xe7\xbb\x9c", "GreenGiant-24",
					     "caf\xc3\xa9 \xf0\x9f\x93\xb6" };

	(void)state;
	for (enum mr_smart_scheme scheme = MR_SMART_ESPTOUCH1; scheme < MR_SMART_COUNT; scheme++)
		for (int i = 0; i < 3; i++) {
			struct mr_smart_settings s = settings_of(ssids[i], "p@ss\xc3\xb6rd 12345");
			struct mr_smart_listener listener = { .coders = coders };
			struct mr_smart_sender sender;
			struct smart_air air;

			smart_air_init(&air, 1);
			assert_true(mr_smart_begin(&sender, scheme, &s));
			assert_true(smart_air_run(&air, &sender, &listener, 1));
			assert_taken(&listener, scheme, &s);
		}
}

/* The SSID of one network under the BSSID of another: a receiver reported a third (ESP-IDF 8761). */
static void what_was_sent_is_said_and_no_other_network(void **state)
{
	struct mr_smart_settings s = settings_of("network-b", "correct horse"), heard;
	struct mr_smart_listener listener = { .coders = coders };
	struct mr_smart_sender sender;
	struct smart_air air;

	(void)state;
	smart_air_init(&air, 1);
	s.bssid[5] = 0x56;
	assert_true(mr_smart_begin(&sender, MR_SMART_ESPTOUCH2, &s));
	assert_true(smart_air_run(&air, &sender, &listener, 1));
	assert_int_equal(mr_smart_take(&listener, &heard), MR_SMART_ESPTOUCH2);
	assert_memory_equal(heard.ssid, "network-b", 9);
	assert_memory_equal(heard.bssid, "\0\0\0\0\0\0", 6);
}

/* Two of the three frames that announce a group are lost, behind an access point with 40 MHz (ESP-IDF 8431). */
static void one_announcement_of_a_group_is_enough(void **state)
{
	struct mr_smart_settings s = settings_of("Mengsk", "correct horse");
	struct mr_smart_listener listener = { .coders = coders };
	enum mr_smart_result result = MR_SMART_NOTHING;
	struct mr_smart_sender sender;
	struct smart_air air;
	unsigned announced = 0;

	(void)state;
	smart_air_init(&air, 1);
	air.protected = true;
	air.above = 16;
	assert_true(mr_smart_begin(&sender, MR_SMART_ESPTOUCH2, &s));
	for (int i = 0; i < 4 * 67 && result != MR_SMART_COMPLETE; i++) {
		struct mr_smart_frame frame;
		struct mr_overheard heard;

		mr_smart_next(&sender, &frame);
		smart_air_overhear(&air, &frame, &heard);
		announced = frame.length >= 128 && frame.length < 192 ? announced + 1 : 0;
		if (announced == 0 || announced == 1 + (unsigned)i % 3)
			result = mr_smart_hear(&listener, &heard, air.now_us += frame.gap_us);
	}
	assert_int_equal(result, MR_SMART_COMPLETE);
	assert_taken(&listener, MR_SMART_ESPTOUCH2, &s);
}

/*
 * An access point takes the flood for an attack and throws the phone out (EsptouchForAndroid, issue 2): it comes back
 * seconds later, and its sequence numbers begin anew. A receiver that starts over each time never ends (ESP8266 RTOS
 * SDK 1013).
 */
static void a_sender_that_was_thrown_out_goes_on(void **state)
{
	(void)state;
	for (enum mr_smart_scheme scheme = MR_SMART_ESPTOUCH1; scheme < MR_SMART_COUNT; scheme++) {
		struct mr_smart_settings s = settings_of("factory-net", "correct horse");
		struct mr_smart_listener listener = { .coders = coders };
		enum mr_smart_result result = MR_SMART_NOTHING;
		struct mr_smart_sender sender;
		struct smart_air air;
		unsigned frames = 0;

		smart_air_init(&air, 3);
		air.lost_percent = 10;
		assert_true(mr_smart_begin(&sender, scheme, &s));
		for (; result != MR_SMART_COMPLETE && air.rounds < 40; frames++) {
			if (frames % 97 == 96) {
				air.now_us += 6000000;
				air.sequence = (uint16_t)(air.sequence * 31 + 7);
			}
			result = smart_air_next(&air, &sender, &listener);
		}
		assert_int_equal(result, MR_SMART_COMPLETE);
		assert_taken(&listener, scheme, &s);
	}
}

/* Two networks of one access point repeat each packet and share its sequence numbers (a capture of airkissOpen). */
static void networks_of_one_access_point_share_its_numbers(void **state)
{
	(void)state;
	for (enum mr_smart_scheme scheme = MR_SMART_ESPTOUCH1; scheme < MR_SMART_COUNT; scheme++)
		for (unsigned lost = 0; lost <= 10; lost += 10) {
			struct mr_smart_settings s = settings_of("CDHN_103", "qwertyuiop");
			struct mr_smart_listener listener = { .coders = coders };
			enum mr_smart_result result = MR_SMART_NOTHING;
			struct mr_smart_sender senders[2];
			struct smart_air air[2];

			for (int n = 0; n < 2; n++) {
				smart_air_init(&air[n], 5 + (unsigned)n);
				air[n].bssid[5] = (uint8_t)n;
				air[n].lost_percent = lost;
				assert_true(mr_smart_begin(&senders[n], scheme, &s));
			}
			for (int n = 0; result != MR_SMART_COMPLETE && air[0].rounds < 20; n = 1 - n) {
				air[n].sequence = (uint16_t)(air[0].frames + air[1].frames);
				result = smart_air_next(&air[n], &senders[n], &listener);
			}
			assert_int_equal(result, MR_SMART_COMPLETE);
			assert_taken(&listener, scheme, &s);
			/* ezconnect's frames and those with a guide: sure at once. */
			if (lost == 0 && scheme != MR_SMART_CC3000)
				assert_true(air[0].rounds <= 2);
		}
}

/* Senders that know no BSSID give none, and zero as its CRC (EsptouchPython). */
static void a_message_without_a_bssid_is_whole(void **state)
{
	struct mr_smart_settings s = settings_of("factory-net", "correct horse"), heard;
	struct mr_smart_listener listener = { .coders = coders };
	enum mr_smart_result result = MR_SMART_NOTHING;
	struct mr_smart_sender sender;
	struct smart_air air;
	unsigned index = 0;

	(void)state;
	smart_air_init(&air, 1);
	memset(s.bssid, 0, 6); /* its CRC is zero, too */
	assert_true(mr_smart_begin(&sender, MR_SMART_ESPTOUCH1, &s));
	for (int i = 0; i < 252 + 117 && result != MR_SMART_COMPLETE; i++) {
		struct mr_smart_frame frame, next;
		struct mr_overheard overheard;

		mr_smart_next(&sender, &frame);
		if (i >= 252 && i % 3 == 0) { /* the second of a unit is its index */
			struct mr_smart_sender ahead = sender;

			mr_smart_next(&ahead, &next);
			index = next.length - 296u;
		}
		if (i >= 252 && index >= 33)
			continue;
		smart_air_overhear(&air, &frame, &overheard);
		result = mr_smart_hear(&listener, &overheard, air.now_us += frame.gap_us);
	}
	assert_int_equal(result, MR_SMART_COMPLETE);
	assert_int_equal(mr_smart_take(&listener, &heard), MR_SMART_ESPTOUCH1);
	assert_memory_equal(heard.passphrase, s.passphrase, 64);
	assert_memory_equal(heard.bssid, s.bssid, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(airkiss_of_every_length_is_heard),
		cmocka_unit_test(names_in_any_script_are_heard),
		cmocka_unit_test(what_was_sent_is_said_and_no_other_network),
		cmocka_unit_test(one_announcement_of_a_group_is_enough),
		cmocka_unit_test(a_sender_that_was_thrown_out_goes_on),
		cmocka_unit_test(networks_of_one_access_point_share_its_numbers),
		cmocka_unit_test(a_message_without_a_bssid_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
