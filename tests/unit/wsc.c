/*
 * The messages of Wi-Fi Simple Configuration against a captured run of hostapd with wpa_supplicant: each message
 * parsed, its Authenticator, hashes and settings checked with the keys derived from the run's private numbers; a group
 * with zeros in front; each message cut short and with each bit turned.
 *
 * links: agent/wire/wsc.c agent/port/linux/crypto_openssl.c agent/port/linux/crypto_wsc_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/wsc.h"
#include "agent/wire/wsc_pin.h"
#include "tests/unit/hex.h"
#include "tests/unit/wsc_run.h"

#define PIN "12345670"

static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0x02, 0 };

struct message {
	const char *text;
	uint8_t octets[MR_WSC_MESSAGE_MAX];
	size_t len;
	struct mr_wsc parsed;
};

/* The run: message i answers message i - 1. */
static struct run {
	struct message m[8]; /* M1 to M8 */
	struct mr_wsc_keys keys;
	uint8_t enrollee_key[MR_WSC_KEY_LEN], registrar_key[MR_WSC_KEY_LEN], psk[2][16];
} run;

static struct mr_rd octets_of(const struct message *m) { return mr_rd_over(m->octets, m->len); }

static int run_read(void **state)
{
	static const char *const texts[8] = { wsc_m1, wsc_m2, wsc_m3, wsc_m4, wsc_m5, wsc_m6, wsc_m7, wsc_m8 };
	uint8_t priv[32] = { 0 }, z[MR_WSC_KEY_LEN], n1[16], n2[16];

	for (size_t i = 0; i < 8; i++) {
		struct message *m = &run.m[i];

		m->text = texts[i];
		m->len = hex(m->text, m->octets, sizeof(m->octets));
		assert_true(mr_wsc_parse(octets_of(m), &m->parsed));
	}
	hex("63840a7733015f0922459fd03dccbadfcce4b3f7ef32babdab", priv + 7, 25);
	hex("b10d0fab7abaa12e56a289d948dcf553", n1, 16);
	hex("5318a362b042675a8ccbb356c1ce3921", n2, 16);
	assert_true(mr_modp1536_public(priv, run.enrollee_key));
	assert_true(mr_wsc_public_key(&run.m[1].parsed, run.registrar_key));
	assert_true(mr_modp1536(priv, run.registrar_key, z));
	assert_true(mr_wsc_derive(z, n1, mac, n2, &run.keys));
	assert_true(mr_wsc_psk(&run.keys, PIN, 8, run.psk[0], run.psk[1]));
	*state = &run;
	return 0;
}

static void is_hex(const uint8_t *octets, size_t len, const char *text)
{
	uint8_t want[256];

	assert_int_equal(hex(text, want, sizeof(want)), len);
	assert_memory_equal(octets, want, len);
}

static void the_keys_are_those_of_the_run(void **state)
{
	const struct run *r = *state;

	assert_true(mr_wsc_is(&r->m[0].parsed, MR_WSC_PUBLIC_KEY, r->enrollee_key, MR_WSC_KEY_LEN));
	is_hex(r->keys.auth, 32, "1ebb05b16d2d66da1e541aef6e61e8822e2fdd849cf63d4b03defc503a652736");
	is_hex(r->keys.wrap, 16, "096249a87280a1203362d2455a0db638");
	is_hex(r->keys.emsk, 32, "7d9d172d9cf2e0088768b2dedadf36ae94f69c1e1428c19f0ef1f4b545c2af6d");
	is_hex(r->psk[0], 16, "88d6f11e2fb80e0c487bf0edd0726c97");
	is_hex(r->psk[1], 16, "4bd1065007030c3b6d623f47c250c43a");
}

/* Section 14 of the vectors: with the zero dropped, another key would come out. */
static void zeros_in_front_are_kept(void **state)
{
	uint8_t x[32] = { 0 }, y[32] = { 0 }, pke[MR_WSC_KEY_LEN], pkr[MR_WSC_KEY_LEN], z[2][MR_WSC_KEY_LEN], n1[16],
		n2[16];
	struct mr_wsc_keys keys;

	(void)state;
	hex("516e584e55fbbb67afc3ab954a49057d3a45cb9f43fe6c30", x + 8, 24);
	hex("03dd6fb06a33fa43a50a0277d7f5010a29d24907ba9abb87", y + 8, 24);
	assert_true(mr_modp1536_public(x, pke) && mr_modp1536_public(y, pkr));
	assert_int_equal(pke[0], 0);
	is_hex(pke, 8, "00101a80e8e879e5");
	assert_true(mr_modp1536(x, pkr, z[0]) && mr_modp1536(y, pke, z[1]));
	assert_memory_equal(z[0], z[1], MR_WSC_KEY_LEN);
	is_hex(z[0], 8, "002d7ffff436adbe");
	for (uint8_t i = 0; i < 16; i++) {
		n1[i] = (uint8_t)(0x10 + i);
		n2[i] = (uint8_t)(0x20 + i);
	}
	assert_true(mr_wsc_derive(z[0], n1, mac, n2, &keys));
	is_hex(keys.auth, 32, "6bc4445a97989689116c4d20e48f00cd7b56a89fe79c7e3dc7bb128abf67e4b2");
	is_hex(keys.wrap, 16, "044291519f538648f9a796dfa2f01a29");
}

static void keys_outside_the_group_are_refused(void **state)
{
	uint8_t x[32] = { 7 }, peer[MR_WSC_KEY_LEN] = { 0 }, z[MR_WSC_KEY_LEN];
	/* p - 1 and p of RFC 3526 begin and end so; the middle does not matter to who compares whole numbers. */
	uint8_t all[MR_WSC_KEY_LEN];

	(void)state;
	assert_false(mr_modp1536(x, peer, z)); /* 0 */
	peer[MR_WSC_KEY_LEN - 1] = 1;
	assert_false(mr_modp1536(x, peer, z)); /* 1 */
	memset(all, 0xff, sizeof(all));
	assert_false(mr_modp1536(x, all, z));
	for (size_t i = 0; i < sizeof(z); i++)
		assert_int_equal(z[i], 0);
	peer[MR_WSC_KEY_LEN - 1] = 2;
	assert_true(mr_modp1536(x, peer, z));
	memset(x, 0, sizeof(x));
	assert_false(mr_modp1536_public(x, z)); /* no private number */
}

static void each_message_is_true_under_its_predecessor(void **state)
{
	const struct run *r = *state;

	for (size_t i = 1; i < 8; i++) {
		assert_int_equal(mr_wsc_type(&r->m[i].parsed), i < 2 ? MR_WSC_M2 : MR_WSC_M3 + i - 2);
		assert_true(mr_wsc_verify(&r->m[i].parsed, octets_of(&r->m[i]), &r->keys, octets_of(&r->m[i - 1])));
		/* Another predecessor, another Authenticator. */
		assert_false(mr_wsc_verify(&r->m[i].parsed, octets_of(&r->m[i]), &r->keys, octets_of(&r->m[i])));
	}
}

static void commitments_open_as_they_were_made(void **state)
{
	const struct run *r = *state;
	const struct {
		unsigned opens, commits, half;
		enum mr_wsc_attribute snonce, hash;
	} halves[4] = {
		{ 3, 3, 0, MR_WSC_R_SNONCE1, MR_WSC_R_HASH1 },
		{ 4, 2, 0, MR_WSC_E_SNONCE1, MR_WSC_E_HASH1 },
		{ 5, 3, 1, MR_WSC_R_SNONCE2, MR_WSC_R_HASH2 },
		{ 6, 2, 1, MR_WSC_E_SNONCE2, MR_WSC_E_HASH2 },
	};

	for (size_t i = 0; i < 4; i++) {
		uint8_t plain[MR_WSC_SETTINGS_MAX], hash[MR_WSC_HASH_LEN];
		struct mr_wsc settings;

		assert_true(mr_wsc_open_settings(&r->m[halves[i].opens].parsed, &r->keys, plain, &settings));
		assert_int_equal(settings.value[halves[i].snonce].left, 16);
		assert_true(mr_wsc_commit(&r->keys, settings.value[halves[i].snonce].at, r->psk[halves[i].half],
					  r->enrollee_key, r->registrar_key, hash));
		assert_true(mr_wsc_is(&r->m[halves[i].commits].parsed, halves[i].hash, hash, sizeof(hash)));
	}
}

static void the_credential_of_m8_is_the_network(void **state)
{
	const struct run *r = *state;
	uint8_t plain[MR_WSC_SETTINGS_MAX];
	struct mr_wsc_credential credential;
	struct mr_wsc settings;

	assert_true(mr_wsc_open_settings(&r->m[7].parsed, &r->keys, plain, &settings));
	assert_true(mr_wsc_credential(mr_rd_over(plain, settings.unsigned_len), &credential));
	assert_int_equal(credential.ssid_len, 12);
	assert_memory_equal(credential.ssid, "FactorySetup", 12);
	assert_int_equal(credential.authentication, MR_WSC_WPA2_PSK);
	assert_int_equal(credential.encryption, MR_WSC_AES);
	assert_int_equal(credential.key_len, 64);
	assert_memory_equal(credential.key, "1c8a1443d70e8baa7d392da90f9a57b4666923667e3d2e5aeb226a633bc7c6c1", 64);
}

/* Settings that we write are read again, and are hostap's octets when they have its nonce and IV. */
static void settings_are_written_as_hostap_writes_them(void **state)
{
	const struct run *r = *state;
	const struct mr_rd *theirs = &r->m[3].parsed.value[MR_WSC_ENCRYPTED_SETTINGS];
	uint8_t buf[MR_WSC_MESSAGE_MAX], plain[MR_WSC_SETTINGS_MAX], snonce[16];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf)), inner = mr_wr_over(plain, sizeof(plain));

	hex("ab1c4a4af4d5aabe9234fcc14fbc28ca", snonce, 16);
	mr_wsc_put(&inner, MR_WSC_R_SNONCE1, snonce, 16);
	mr_wsc_put_settings(&w, &r->keys, theirs->at, &inner);
	assert_false(w.bad);
	assert_int_equal(w.len, 4 + theirs->left);
	assert_memory_equal(buf + 4, theirs->at, theirs->left);
	for (size_t i = 0; i < inner.len; i++)
		assert_int_equal(plain[i], 0);
}

/* The whole of M4, from nonces and commitments to its Authenticator, as hostapd sent it. */
static void a_whole_message_is_written_as_hostap_writes_it(void **state)
{
	const struct run *r = *state;
	const struct mr_wsc *m4 = &r->m[3].parsed;
	uint8_t buf[MR_WSC_MESSAGE_MAX], plain[MR_WSC_SETTINGS_MAX], snonce[16];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf)), inner = mr_wr_over(plain, sizeof(plain));

	hex("ab1c4a4af4d5aabe9234fcc14fbc28ca", snonce, 16);
	mr_wsc_begin(&w, MR_WSC_M4);
	mr_wsc_put(&w, MR_WSC_ENROLLEE_NONCE, m4->value[MR_WSC_ENROLLEE_NONCE].at, 16);
	mr_wsc_put(&w, MR_WSC_R_HASH1, m4->value[MR_WSC_R_HASH1].at, 32);
	mr_wsc_put(&w, MR_WSC_R_HASH2, m4->value[MR_WSC_R_HASH2].at, 32);
	mr_wsc_put(&inner, MR_WSC_R_SNONCE1, snonce, 16);
	mr_wsc_put_settings(&w, &r->keys, m4->value[MR_WSC_ENCRYPTED_SETTINGS].at, &inner);
	mr_wsc_sign(&w, &r->keys, octets_of(&r->m[2]));
	assert_false(w.bad);
	assert_int_equal(w.len, r->m[3].len);
	assert_memory_equal(buf, r->m[3].octets, w.len);
}

static void a_message_cut_anywhere_is_refused_or_is_not_true(void **state)
{
	const struct run *r = *state;

	for (size_t i = 1; i < 8; i++)
		for (size_t len = 0; len < r->m[i].len; len++) {
			struct mr_rd cut = mr_rd_over(r->m[i].octets, len);
			struct mr_wsc m;

			assert_false(mr_wsc_parse(cut, &m) &&
				     mr_wsc_verify(&m, cut, &r->keys, octets_of(&r->m[i - 1])));
		}
}

static void a_message_with_a_bit_turned_is_not_true(void **state)
{
	const struct run *r = *state;

	for (size_t i = 1; i < 8; i++)
		for (size_t bit = 0; bit < 8 * r->m[i].len; bit++) {
			uint8_t octets[MR_WSC_MESSAGE_MAX];
			struct mr_wsc m;

			memcpy(octets, r->m[i].octets, r->m[i].len);
			octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(
				mr_wsc_parse(mr_rd_over(octets, r->m[i].len), &m) &&
				mr_wsc_verify(&m, mr_rd_over(octets, r->m[i].len), &r->keys, octets_of(&r->m[i - 1])));
		}
}

static void nothing_may_follow_the_authenticator(void **state)
{
	const struct run *r = *state;
	uint8_t octets[MR_WSC_MESSAGE_MAX];
	struct mr_wsc m;

	memcpy(octets, r->m[2].octets, r->m[2].len);
	memcpy(octets + r->m[2].len, "\x10\x4a\x00\x01\x10", 5);
	assert_false(mr_wsc_parse(mr_rd_over(octets, r->m[2].len + 5), &m));
}

static void elements_of_the_capture_are_read(void **state)
{
	static const char
		active[] = "104a00011010440001021057000101104100010110120002000010530002210c1049000e00372a000120"
			   "0106ffffffffffff",
		asks[] = "104a000110103a00010110080002000410470010123456789abcdef0123456789abcdef0105400080001"
			 "0050f2040001103c0001031002000200001009000200001012000200001021000441636d6510230002573"
			 "11024000131101100065769646765741049000900372a000120030101";
	uint8_t octets[256];
	struct mr_wsc m;

	(void)state;
	assert_true(mr_wsc_parse(mr_rd_over(octets, hex(active, octets, sizeof(octets))), &m));
	assert_int_equal(m.version2, 0x20);
	assert_int_equal(m.authorized.left, 6);
	assert_int_equal(mr_wsc_number(&m, MR_WSC_STATE, 0), MR_WSC_CONFIGURED);
	assert_int_equal(mr_wsc_number(&m, MR_WSC_SELECTED_REGISTRAR, 0), 1);
	assert_int_equal(mr_wsc_number(&m, MR_WSC_SETUP_LOCKED, 0), 1);
	assert_false(m.wants_to_enroll);
	assert_true(mr_wsc_parse(mr_rd_over(octets, hex(asks, octets, sizeof(octets))), &m));
	assert_true(m.wants_to_enroll);
	assert_int_equal(mr_wsc_number(&m, MR_WSC_PASSWORD_ID, 99), MR_WSC_PIN);
	assert_int_equal(mr_wsc_number(&m, MR_WSC_REQUEST_TYPE, 99), MR_WSC_ENROLLEE);
}

/* Liberal with old enrollees, strict with impossible ones. */
static void a_key_of_190_octets_is_padded_and_one_of_189_refused(void **state)
{
	uint8_t buf[256], key[MR_WSC_KEY_LEN];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));
	struct mr_wsc m;

	(void)state;
	memset(key, 5, sizeof(key));
	mr_wsc_put(&w, MR_WSC_PUBLIC_KEY, key, 190);
	assert_true(mr_wsc_parse(mr_wr_written(&w), &m));
	assert_true(mr_wsc_public_key(&m, key));
	assert_int_equal(key[0] + key[1], 0);
	assert_int_equal(key[2], 5);
	buf[3] = 189;
	assert_false(mr_wsc_parse(mr_rd_over(buf, 4 + 189), &m));
}

static void credentials_of_weak_kinds_are_passed_over(void **state)
{
	const struct {
		uint16_t authentication, encryption;
		const char *key;
		bool taken;
	} kinds[] = {
		{ 0x0001, 0x0002, "12345", false },	   /* WEP */
		{ 0x0002, 0x0004, "passphrase", false },   /* WPA with TKIP */
		{ 0x0020, 0x0004, "passphrase", false },   /* WPA2 with TKIP */
		{ 0x0020, 0x0008, "short", false },	   /* no passphrase has five octets */
		{ 0x0020, 0x0008, "pass\nphrase", false }, /* a line end would break a configuration file */
		{ 0x0010, 0x0008, "passphrase", false },   /* enterprise */
		{ 0x0001, 0x0001, "", true },
		{ 0x0022, 0x000c, "passphrase", true }, /* with WPA beside it */
		{ 0x0020, 0x0008, "passphrase", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct mr_wsc_credential one = { .ssid = "net",
						 .ssid_len = 3,
						 .authentication = kinds[i].authentication,
						 .encryption = kinds[i].encryption },
					 other = { .ssid = "good",
						   .ssid_len = 4,
						   .authentication = MR_WSC_OPEN,
						   .encryption = MR_WSC_NONE },
					 got;
		uint8_t buf[512];
		struct mr_wr w = mr_wr_over(buf, sizeof(buf));

		one.key_len = (uint8_t)strlen(kinds[i].key);
		memcpy(one.key, kinds[i].key, one.key_len);
		mr_wsc_put_credential(&w, &one, false);
		assert_int_equal(mr_wsc_credential(mr_wr_written(&w), &got), kinds[i].taken);
		/* A good one behind it is found all the same. */
		mr_wsc_put_credential(&w, &other, false);
		assert_true(mr_wsc_credential(mr_wr_written(&w), &got));
		assert_int_equal(got.ssid_len, kinds[i].taken ? 3 : 4);
		/* To an access point they stand by themselves. */
		w = mr_wr_over(buf, sizeof(buf));
		mr_wsc_put_credential(&w, &one, true);
		assert_int_equal(mr_wsc_credential(mr_wr_written(&w), &got), kinds[i].taken);
	}
}

static void pins_have_their_check_digit(void **state)
{
	static const char *const good[] = { "12345670", "00000000", "99999995", "23456785",
					    "76543210", "10000007", "1234" },
				 *const bad[] = {
					 "12345671", "1234567", "123456700", "123", "1234567a", "", "12345 70"
				 };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(mr_wsc_pin_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(mr_wsc_pin_valid(bad[i], strlen(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_keys_are_those_of_the_run),
		cmocka_unit_test(zeros_in_front_are_kept),
		cmocka_unit_test(keys_outside_the_group_are_refused),
		cmocka_unit_test(each_message_is_true_under_its_predecessor),
		cmocka_unit_test(commitments_open_as_they_were_made),
		cmocka_unit_test(the_credential_of_m8_is_the_network),
		cmocka_unit_test(settings_are_written_as_hostap_writes_them),
		cmocka_unit_test(a_whole_message_is_written_as_hostap_writes_it),
		cmocka_unit_test(a_message_cut_anywhere_is_refused_or_is_not_true),
		cmocka_unit_test(a_message_with_a_bit_turned_is_not_true),
		cmocka_unit_test(nothing_may_follow_the_authenticator),
		cmocka_unit_test(elements_of_the_capture_are_read),
		cmocka_unit_test(a_key_of_190_octets_is_padded_and_one_of_189_refused),
		cmocka_unit_test(credentials_of_weak_kinds_are_passed_over),
		cmocka_unit_test(pins_have_their_check_digit),
	};

	return cmocka_run_group_tests_name("wsc", tests, run_read, NULL);
}
