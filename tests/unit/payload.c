/*
 * What codes say: the published examples of each format, then what each must refuse.
 *
 * links: station/label/payload.c station/label/matter.c station/label/homekit.c station/label/buffer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "station/label/payload.h"

static char out[PAYLOAD_MAX];

#define assert_good(call, expected)                                                                                    \
	do {                                                                                                           \
		const char *wrong_ = (call);                                                                           \
		if (wrong_)                                                                                            \
			fail_msg("%s", wrong_);                                                                        \
		assert_string_equal(out, expected);                                                                    \
	} while (0)
#define assert_refused(call, words)                                                                                    \
	do {                                                                                                           \
		const char *wrong_ = (call);                                                                           \
		if (!wrong_ || !strstr(wrong_, words))                                                                 \
			fail_msg("\"%s\" does not say \"%s\"", wrong_ ? wrong_ : out, words);                          \
		assert_string_equal(out, "");                                                                          \
	} while (0)

/* --- WIFI: --- */

static void a_network_is_joined_as_zxing_writes_it(void **state)
{
	(void)state;
	/* The examples of ZXing's page "Barcode Contents", and its escapes. */
	assert_good(payload_wifi("mynetwork", "mypass12", false, out, sizeof(out)),
		    "WIFI:T:WPA;S:mynetwork;P:mypass12;;");
	assert_good(payload_wifi("\"foo;bar\\baz\"", NULL, false, out, sizeof(out)),
		    "WIFI:T:nopass;S:\\\"foo\\;bar\\\\baz\\\";;");
	/* Could be hexadecimal: in quotes. */
	assert_good(payload_wifi("ABCD", NULL, false, out, sizeof(out)), "WIFI:T:nopass;S:\"ABCD\";;");
	assert_good(payload_wifi("a:b,c", "p;w\\d\":,", true, out, sizeof(out)),
		    "WIFI:T:WPA;S:a\\:b\\,c;P:p\\;w\\\\d\\\"\\:\\,;H:true;;");
	assert_good(payload_wifi("Wärme", "12345678", false, out, sizeof(out)), "WIFI:T:WPA;S:Wärme;P:12345678;;");
}

static void a_network_that_cannot_be_is_refused(void **state)
{
	char long_name[34], long_secret[65];

	(void)state;
	memset(long_name, 'x', 33);
	long_name[33] = '\0';
	memset(long_secret, 'x', 64);
	long_secret[64] = '\0';
	assert_refused(payload_wifi("", NULL, false, out, sizeof(out)), "1 to 32 octets");
	assert_refused(payload_wifi(long_name, NULL, false, out, sizeof(out)), "1 to 32 octets");
	assert_refused(payload_wifi("n", "1234567", false, out, sizeof(out)), "8 to 63 characters");
	assert_refused(payload_wifi("n", long_secret, false, out, sizeof(out)), "8 to 63 characters");
	assert_refused(payload_wifi("n", "12345678\n", false, out, sizeof(out)), "printable ASCII");
	assert_refused(payload_wifi("n", "12345678", false, out, 10), "too long");
	assert_good(payload_wifi("n", long_secret + 1, false, out, sizeof(out)),
		    "WIFI:T:WPA;S:n;P:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;;");
}

/* --- DPP --- */

/* The point of a key in base64 as the specification prints it, uncompressed, by OpenSSL. */
static void point_of(const char *base64, uint8_t point[static 65])
{
	uint8_t der[100];
	const uint8_t *at = der;
	EVP_PKEY *key;
	size_t len;
	int got = EVP_DecodeBlock(der, (const uint8_t *)base64, (int)strlen(base64));

	assert_true(got > 0);
	key = d2i_PUBKEY(NULL, &at, got);
	assert_non_null(key);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "point-format", "uncompressed"), 1);
	assert_int_equal(EVP_PKEY_get_octet_string_param(key, "pub", point, 65, &len), 1);
	assert_int_equal(len, 65);
	EVP_PKEY_free(key);
}

static void a_dpp_uri_is_the_one_of_the_specification(void **state)
{
	static const uint8_t mac[6] = { 1, 2, 3, 4, 5, 6 };
	uint8_t point[65];

	(void)state;
	/* Wi-Fi Easy Connect, examples of section 5.2.1: channels and key; information, address and key. */
	point_of("MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADM2206avxHJaHXgLMkq/24e0rsrfMP9K1Tm8gx+ovP0I=", point);
	assert_good(payload_dpp("81/1,115/36", NULL, "", point, out, sizeof(out)),
		    "DPP:C:81/1,115/36;K:MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADM2206avxHJaHXgLMkq/"
		    "24e0rsrfMP9K1Tm8gx+ovP0I=;;");
	point_of("MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADURzxmttZoIRIPWGoQMV00XHWCAQIhXruVWOz0NjlkIA=", point);
	assert_good(payload_dpp("", mac, "SN=4774LH2b4044", point, out, sizeof(out)),
		    "DPP:I:SN=4774LH2b4044;M:010203040506;K:"
		    "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADURzxmttZoIRIPWGoQMV00XHWCAQIhXruVWOz0Njl"
		    "kIA=;;");
}

static void a_dpp_uri_of_nonsense_is_refused(void **state)
{
	static const char *const channels[] = { "81",	       "81/",	     "/1",     "81/1,", ",81/1",
						"81/1;115/36", "81/1,,81/2", "8111/1", "81/1x" };
	uint8_t point[65] = { 4 };

	(void)state;
	for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++)
		assert_refused(payload_dpp(channels[i], NULL, "", point, out, sizeof(out)), "class/channel");
	assert_refused(payload_dpp("", NULL, "a;b", point, out, sizeof(out)), "information");
	point[0] = 2;
	assert_refused(payload_dpp("", NULL, "", point, out, sizeof(out)), "no uncompressed point");
}

/* --- ESP --- */

static void provisioning_json_is_espressifs(void **state)
{
	json_t *read;

	(void)state;
	/* As the application of esp-idf's example wifi_prov_mgr prints it. */
	assert_good(payload_esp("PROV_F279F4", "wifiprov", "abcd1234", "softap", out, sizeof(out)),
		    "{\"ver\":\"v1\",\"name\":\"PROV_F279F4\",\"username\":\"wifiprov\",\"pop\":\"abcd1234\","
		    "\"transport\":\"softap\"}");
	assert_good(payload_esp("PROV_1", "", "12345678", "ble", out, sizeof(out)),
		    "{\"ver\":\"v1\",\"name\":\"PROV_1\",\"pop\":\"12345678\",\"transport\":\"ble\"}");
	assert_null(payload_esp("a\"b\\c\n", "", "", "softap", out, sizeof(out)));
	read = json_loads(out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(read, "name")), "a\"b\\c\n");
	json_decref(read);
	assert_refused(payload_esp("\xff", "", "", "softap", out, sizeof(out)), "not UTF-8");
}

/* --- Matter --- */

static void matter_payloads_are_those_of_the_reference_implementation(void **state)
{
	struct matter_setup setup = { .vendor = 0xfff1,
				      .product = 0x8000,
				      .discovery = MATTER_BLE,
				      .discriminator = 3840,
				      .passcode = 20202021 };

	(void)state;
	assert_good(payload_matter(&setup, out, sizeof(out)), "MT:Y.K9042C00KA0648G00");
	assert_good(payload_matter_manual(&setup, out, sizeof(out)), "34970112332");
	setup = (struct matter_setup){
		.vendor = 12, .product = 1, .discovery = MATTER_SOFTAP, .discriminator = 128, .passcode = 2048
	};
	assert_good(payload_matter(&setup, out, sizeof(out)), "MT:M5L90MP500K64J00000");
	assert_good(payload_matter_manual(&setup, out, sizeof(out)), "00204800002");
	setup = (struct matter_setup){ .vendor = 45367, .product = 14526, .discriminator = 2560, .passcode = 12345679 };
	assert_null(payload_matter_manual(&setup, out, sizeof(out)));
	assert_memory_equal(out, "2412950753", 10);
	assert_int_equal(strlen(out), 11);
	setup.flow = 2;
	assert_null(payload_matter_manual(&setup, out, sizeof(out)));
	assert_memory_equal(out, "64129507534536714526", 20);
	assert_int_equal(strlen(out), 21);
}

static void a_trivial_passcode_is_refused(void **state)
{
	static const uint32_t trivial[] = { 0,	      11111111, 22222222, 33333333, 44444444, 55555555, 66666666,
					    77777777, 88888888, 99999999, 12345678, 87654321, 100000000 };
	struct matter_setup setup = { .passcode = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(trivial) / sizeof(trivial[0]); i++) {
		setup.passcode = trivial[i];
		assert_refused(payload_matter(&setup, out, sizeof(out)), "none that Matter allows");
		assert_refused(payload_matter_manual(&setup, out, sizeof(out)), "none that Matter allows");
		assert_false(homekit_code_is_good(trivial[i]));
	}
	setup.passcode = 1;
	assert_null(payload_matter(&setup, out, sizeof(out)));
	setup.discriminator = 4096;
	assert_refused(payload_matter(&setup, out, sizeof(out)), "12 bits");
}

/* Verhoeff's own promise: every single wrong digit and every swap of neighbours changes the check digit. */
static void verhoeff_finds_every_wrong_digit_and_swap(void **state)
{
	static const char number[] = "3497011233";

	(void)state;
	assert_int_equal(verhoeff_digit("236", 3), '3');
	assert_int_equal(verhoeff_digit("12345", 5), '1');
	assert_int_equal(verhoeff_digit(number, 10), '2');
	for (size_t i = 0; i < 10; i++) {
		char wrong[11];

		for (char digit = '0'; digit <= '9'; digit++) {
			strcpy(wrong, number);
			wrong[i] = digit;
			assert_int_equal(verhoeff_digit(wrong, 10) == '2', digit == number[i]);
		}
		strcpy(wrong, number);
		if (i + 1 < 10 && number[i] != number[i + 1]) {
			wrong[i] = number[i + 1];
			wrong[i + 1] = number[i];
			assert_int_not_equal(verhoeff_digit(wrong, 10), '2');
		}
	}
}

/* --- HomeKit --- */

static void homekit_payloads_are_those_of_the_specification(void **state)
{
	/* HAP specification R13 section 4.3: an outlet with WAC and IP; the same over BLE. A bridge, as others print
	 * it. */
	struct homekit_setup setup = {
		.category = 7, .flags = HOMEKIT_WAC | HOMEKIT_IP, .code = 51808582, .id = "7OSX"
	};

	(void)state;
	assert_good(payload_homekit(&setup, out, sizeof(out)), "X-HM://007JNU5AE7OSX");
	assert_good(payload_homekit_code(51808582, out, sizeof(out)), "518-08-582");
	setup.flags = HOMEKIT_BLE;
	assert_good(payload_homekit(&setup, out, sizeof(out)), "X-HM://0076CDMX27OSX");
	setup = (struct homekit_setup){ .category = 2, .flags = HOMEKIT_IP, .code = 3145154, .id = "ACMN" };
	assert_good(payload_homekit(&setup, out, sizeof(out)), "X-HM://0023ISYWYACMN");
	assert_good(payload_homekit_code(3145154, out, sizeof(out)), "031-45-154");
}

static void a_setup_id_is_four_capitals_or_digits(void **state)
{
	static const char *const ids[] = { "", "7OS", "7osx", "7O X", "7O\x01X" };
	struct homekit_setup setup = { .category = 7, .code = 51808582 };

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		strcpy(setup.id, ids[i]);
		assert_refused(payload_homekit(&setup, out, sizeof(out)), "four characters");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_is_joined_as_zxing_writes_it),
		cmocka_unit_test(a_network_that_cannot_be_is_refused),
		cmocka_unit_test(a_dpp_uri_is_the_one_of_the_specification),
		cmocka_unit_test(a_dpp_uri_of_nonsense_is_refused),
		cmocka_unit_test(provisioning_json_is_espressifs),
		cmocka_unit_test(matter_payloads_are_those_of_the_reference_implementation),
		cmocka_unit_test(a_trivial_passcode_is_refused),
		cmocka_unit_test(verhoeff_finds_every_wrong_digit_and_swap),
		cmocka_unit_test(homekit_payloads_are_those_of_the_specification),
		cmocka_unit_test(a_setup_id_is_four_capitals_or_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
