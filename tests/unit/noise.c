/*
 * Noise_NKpsk0_25519_AESGCM_SHA256 against the vector of the cacophony suite (also carried by snow), the HKDF
 * against RFC 5869 appendix A, and both against damage.
 *
 * links: agent/wire/noise.c agent/wire/hkdf.c agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/port/crypto.h"
#include "agent/wire/hkdf.h"
#include "agent/wire/noise.h"
#include "tests/unit/hex.h"

/* cacophony, vectors/cacophony.txt */
#define PROLOGUE "4a6f686e2047616c74"
#define PSK "54686973206973206d7920417573747269616e20706572737065637469766521"
#define INIT_E "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"
#define RESP_S "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893"
#define RESP_S_PUBLIC "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62"
#define RESP_E "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"
#define HANDSHAKE_HASH "c9855b6c52aeba6b7d07097d260e058ea90e85fa810c0c3e2ec3869f3f4319c9"

static const struct {
	const char *payload, *ciphertext;
} messages[] = {
	{ "4c756477696720766f6e204d69736573",
	  "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944052cffc8d5cdfaed3f9ca0a86c406cf58d24cfc3"
	  "cec1af5060fd25c4e8a5ac04" },
	{ "4d757272617920526f746862617264",
	  "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843afd57077a1747b71254c19bd798c87ac61a2d480"
	  "8a30a1372f81b2cb4d85f6" },
	{ "462e20412e20486179656b", "0ed5fabce6ef0ded315c4f213c51ea1e89be89f86c5dc98e50d15d" },
	{ "4361726c204d656e676572", "ba3cbc8800e6eb1b585269dca0f00fdc21f830eb1a497589215f7f" },
	{ "4a65616e2d426170746973746520536179", "f1205cc05144bce5aad775bc12a7d569bfdd474337cdb03b09ae5478c0cd166eb4" },
	{ "457567656e2042f6686d20766f6e2042617765726b",
	  "32b8e77e5be275d093618c2a1fef8b6c4c263b23a39d25cce751015d44a7b4003aa4f66512" },
};

struct given {
	uint8_t prologue[16], psk[32], init_e[32], resp_s[32], resp_s_public[32], resp_e[32];
	size_t prologue_len;
	struct mr_noise device, station;
};

static void given_init(struct given *g)
{
	g->prologue_len = hex(PROLOGUE, g->prologue, sizeof(g->prologue));
	hex(PSK, g->psk, 32);
	hex(INIT_E, g->init_e, 32);
	hex(RESP_S, g->resp_s, 32);
	hex(RESP_S_PUBLIC, g->resp_s_public, 32);
	hex(RESP_E, g->resp_e, 32);
	assert_true(mr_noise_init(&g->device, g->prologue, g->prologue_len, g->resp_s_public));
	assert_true(mr_noise_init(&g->station, g->prologue, g->prologue_len, g->resp_s_public));
}

static struct mr_rd rd_hex(const char *text, uint8_t *buf, size_t cap) { return mr_rd_over(buf, hex(text, buf, cap)); }

static void assert_written(const struct mr_wr *w, const char *text)
{
	uint8_t want[256];
	size_t len = hex(text, want, sizeof(want));

	assert_false(w->bad);
	assert_int_equal(w->len, len);
	assert_memory_equal(w->buf, want, len);
}

static void both_roles_reproduce_the_public_vector(void **state)
{
	uint8_t payload[64], one[128], two[128], got[128];
	struct mr_wr w1 = mr_wr_over(one, sizeof(one)), w2 = mr_wr_over(two, sizeof(two));
	struct mr_wr got1 = mr_wr_over(got, sizeof(got)), got2 = mr_wr_over(got, sizeof(got));
	struct mr_noise_keys device, station;
	uint8_t hash[32];
	struct given g;

	(void)state;
	given_init(&g);
	assert_true(mr_noise_write_1(&g.device, g.psk, g.init_e, g.resp_s_public,
				     rd_hex(messages[0].payload, payload, sizeof(payload)), &w1));
	assert_written(&w1, messages[0].ciphertext);
	assert_true(mr_noise_read_1(&g.station, g.psk, g.resp_s, mr_wr_written(&w1), &got1));
	assert_written(&got1, messages[0].payload);

	assert_true(mr_noise_write_2(&g.station, g.resp_e, rd_hex(messages[1].payload, payload, sizeof(payload)), &w2,
				     &station));
	assert_written(&w2, messages[1].ciphertext);
	assert_true(mr_noise_read_2(&g.device, mr_wr_written(&w2), &got2, &device));
	assert_written(&got2, messages[1].payload);

	hex(HANDSHAKE_HASH, hash, 32);
	assert_memory_equal(device.handshake_hash, hash, 32);
	assert_memory_equal(&device, &station, sizeof(device));

	/* Transport messages take turns, each direction with its own key and its own count. */
	for (size_t i = 2; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const uint8_t *key = i % 2 == 0 ? device.to_station : device.to_device;
		uint8_t want[64], sealed[64];
		size_t len = hex(messages[i].payload, payload, sizeof(payload));

		hex(messages[i].ciphertext, want, sizeof(want));
		assert_true(mr_noise_seal(key, i / 2 - 1, NULL, 0, payload, len, sealed));
		assert_memory_equal(sealed, want, len + 16);
		assert_true(mr_noise_open(key, i / 2 - 1, NULL, 0, sealed, len + 16, sealed));
		assert_memory_equal(sealed, payload, len);
	}
}

static void a_message_1_with_any_octet_changed_is_refused_and_the_true_one_still_works(void **state)
{
	uint8_t one[128], got[64];
	size_t len = hex(messages[0].ciphertext, one, sizeof(one));
	struct mr_wr payload = mr_wr_over(got, sizeof(got));
	struct given g;

	(void)state;
	given_init(&g);
	for (size_t i = 0; i < len; i++) {
		one[i] ^= 1;
		assert_false(mr_noise_read_1(&g.station, g.psk, g.resp_s, mr_rd_over(one, len), &payload));
		assert_int_equal(payload.len, 0);
		one[i] ^= 1;
	}
	for (size_t cut = 0; cut < len; cut++) {
		payload = mr_wr_over(got, sizeof(got));
		assert_false(mr_noise_read_1(&g.station, g.psk, g.resp_s, mr_rd_over(one, cut), &payload));
	}
	payload = mr_wr_over(got, sizeof(got));
	assert_true(mr_noise_read_1(&g.station, g.psk, g.resp_s, mr_rd_over(one, len), &payload));
	assert_written(&payload, messages[0].payload);
}

static void a_message_2_with_any_octet_changed_is_refused_and_the_true_one_still_works(void **state)
{
	uint8_t scratch[128], two[128], got[64];
	size_t len = hex(messages[1].ciphertext, two, sizeof(two));
	struct mr_wr w1 = mr_wr_over(scratch, sizeof(scratch)), payload = mr_wr_over(got, sizeof(got));
	struct mr_noise_keys keys;
	struct given g;

	(void)state;
	given_init(&g);
	assert_true(mr_noise_write_1(&g.device, g.psk, g.init_e, g.resp_s_public,
				     rd_hex(messages[0].payload, got, sizeof(got)), &w1));
	for (size_t i = 0; i < len; i++) {
		two[i] ^= 0x80;
		assert_false(mr_noise_read_2(&g.device, mr_rd_over(two, len), &payload, &keys));
		two[i] ^= 0x80;
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_false(mr_noise_read_2(&g.device, mr_rd_over(two, cut), &payload, &keys));
	payload = mr_wr_over(got, sizeof(got));
	assert_true(mr_noise_read_2(&g.device, mr_rd_over(two, len), &payload, &keys));
	assert_written(&payload, messages[1].payload);
}

static void another_psk_prologue_or_station_does_not_open_message_1(void **state)
{
	uint8_t one[128], got[64], other[32];
	size_t len = hex(messages[0].ciphertext, one, sizeof(one));
	struct mr_wr payload = mr_wr_over(got, sizeof(got));
	struct given g;

	(void)state;
	given_init(&g);
	memcpy(other, g.psk, 32);
	other[31] ^= 1;
	assert_false(mr_noise_read_1(&g.station, other, g.resp_s, mr_rd_over(one, len), &payload));
	memcpy(other, g.resp_s, 32);
	other[15] ^= 1;
	assert_false(mr_noise_read_1(&g.station, g.psk, other, mr_rd_over(one, len), &payload));
	g.prologue[0] ^= 1;
	assert_true(mr_noise_init(&g.station, g.prologue, g.prologue_len, g.resp_s_public));
	assert_false(mr_noise_read_1(&g.station, g.psk, g.resp_s, mr_rd_over(one, len), &payload));
}

/* RFC 7748 section 6.1: a public key of small order would make a secret that everybody knows. */
static void an_ephemeral_key_of_small_order_is_refused(void **state)
{
	uint8_t zero[48] = { 0 }, got[64];
	struct mr_wr payload = mr_wr_over(got, sizeof(got));
	struct given g;

	(void)state;
	given_init(&g);
	assert_false(mr_noise_read_1(&g.station, g.psk, g.resp_s, mr_rd_over(zero, sizeof(zero)), &payload));
	assert_false(mr_x25519(g.resp_s, zero, got));
}

static void a_payload_that_does_not_fit_is_refused(void **state)
{
	uint8_t one[128], got[64], text[64];
	struct given g;

	(void)state;
	given_init(&g);
	for (size_t cap = 0; cap < 64; cap++) {
		struct mr_wr w = mr_wr_over(one, cap);
		struct mr_noise fresh = g.device;

		assert_false(mr_noise_write_1(&fresh, g.psk, g.init_e, g.resp_s_public,
					      rd_hex(messages[0].payload, text, sizeof(text)), &w));
	}
	for (size_t cap = 0; cap < 16; cap++) {
		struct mr_wr w = mr_wr_over(got, cap);
		size_t len = hex(messages[0].ciphertext, one, sizeof(one));

		assert_false(mr_noise_read_1(&g.station, g.psk, g.resp_s, mr_rd_over(one, len), &w));
	}
}

static void a_wiped_state_holds_no_octet_of_a_secret_and_works_no_more(void **state)
{
	uint8_t one[128], zero[sizeof(struct mr_noise)] = { 0 };
	struct mr_wr w = mr_wr_over(one, sizeof(one));
	struct given g;

	(void)state;
	given_init(&g);
	mr_noise_wipe(&g.device);
	assert_memory_equal(&g.device, zero, offsetof(struct mr_noise, failed));
	assert_false(mr_noise_write_1(&g.device, g.psk, g.init_e, g.resp_s_public, mr_rd_over("", 0), &w));
}

/* RFC 5869 appendix A.1, A.2 (82 octets) and A.3 (no salt, no info) */
static void hkdf_reproduces_rfc_5869(void **state)
{
	static const char *const okm[] = {
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
	};
	uint8_t ikm[22], salt[16], info[16], out[MR_HKDF_LEN_MAX + 1], want[96];

	(void)state;
	memset(ikm, 0x0b, sizeof(ikm));
	hex("000102030405060708090a0b0c", salt, sizeof(salt));
	hex("f0f1f2f3f4f5f6f7f8f9", info, sizeof(info));
	assert_true(mr_hkdf_sha256(salt, 13, ikm, 22, info, 10, out, 42));
	hex(okm[0], want, sizeof(want));
	assert_memory_equal(out, want, 42);
	assert_true(mr_hkdf_sha256("", 0, ikm, 22, NULL, 0, out, 42));
	hex(okm[1], want, sizeof(want));
	assert_memory_equal(out, want, 42);
	assert_false(mr_hkdf_sha256(salt, 13, ikm, 22, info, MR_HKDF_INFO_MAX + 1, out, 42));
	assert_false(mr_hkdf_sha256(salt, 13, ikm, 22, info, 10, out, MR_HKDF_LEN_MAX + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_roles_reproduce_the_public_vector),
		cmocka_unit_test(a_message_1_with_any_octet_changed_is_refused_and_the_true_one_still_works),
		cmocka_unit_test(a_message_2_with_any_octet_changed_is_refused_and_the_true_one_still_works),
		cmocka_unit_test(another_psk_prologue_or_station_does_not_open_message_1),
		cmocka_unit_test(an_ephemeral_key_of_small_order_is_refused),
		cmocka_unit_test(a_payload_that_does_not_fit_is_refused),
		cmocka_unit_test(a_wiped_state_holds_no_octet_of_a_secret_and_works_no_more),
		cmocka_unit_test(hkdf_reproduces_rfc_5869),
	};

	return cmocka_run_group_tests_name("noise", tests, NULL, NULL);
}
