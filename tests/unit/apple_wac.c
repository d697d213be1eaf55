/*
 * Apple's Wireless Accessory Configuration on the wire, against vectors of an independent implementation: the vendor
 * element, the keys and the one key stream of a session, /auth-setup and /config; each message cut short and wrong in
 * every way that has a name.
 *
 * links: agent/wire/apple_ie.c agent/wire/mfi_sap.c agent/wire/wac.c
 * links: agent/port/linux/crypto_openssl.c agent/port/linux/crypto_wac_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/port/crypto.h"
#include "agent/port/crypto_wac.h"
#include "agent/wire/apple_ie.h"
#include "agent/wire/mfi_sap.h"
#include "agent/wire/tlv8.h"
#include "agent/wire/wac.h"
#include "tests/unit/hex.h"

#define MINIMAL "dd2b00a04000 070602aabbccdd01 00026002 010a536d61727420506c7567 020441636d65 0307506c7567312c31"
#define FULL                                                                                                           \
	"dd3c00a04000 00026002 010a536d61727420506c7567 020441636d65 0307506c7567312c31 040302aabb 05020000 "          \
	"0606ffffffffffff 070602aabbccdd01"
/* RFC 7748 section 6.1: Alice is the client, Bob the server. */
#define CLIENT "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
#define SERVER "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
#define SHARED "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
#define SIGNATURE                                                                                                      \
	"766400c78ae8034abf9e58a38896469a659d41b5ab6afbb6f72e74a8485f40aa"                                             \
	"7e3df85232adde3253e872d765e12959516c4fba418c1aa9cd26747fc5dae7b3"
#define REQUEST "0806756e69742d370c0b666163746f72792d6e65740b0d636f727265637420686f727365"
#define REQUEST_AFTER_64 "b4035779f8e917ceeb67bfa8e061208ae01292f6b90c7aeaacac05f6dc4201e6a66bd4fb"
#define REQUEST_AFTER_128 "51b3bc96ad2a4576942a932873ab48ee6c855111a5ef5a7a44562fcde195cf0b7dbf4aa8"
#define RESPONSE "0806756e69742d370707506c7567312c310a04534e34320203312e30030141"
#define RESPONSE_AFTER_64 "dc5651603c49d1694193f149904774433fb511f359fa6e5c7960809d5ab488"

static bool is(struct mr_rd value, const char *text)
{
	return value.left == strlen(text) && memcmp(value.at, text, value.left) == 0;
}

static struct mr_rd text(const char *s) { return mr_rd_over(s, strlen(s)); }

static void assert_octets(const uint8_t *got, const char *expected)
{
	uint8_t want[256];
	size_t len = hex(expected, want, sizeof(want));

	assert_memory_equal(got, want, len);
}

/* --- the element --- */

static void check_plug(const struct mr_apple_ie *ie)
{
	assert_true(is(ie->name, "Smart Plug"));
	assert_true(is(ie->manufacturer, "Acme"));
	assert_true(is(ie->model, "Plug1,1"));
	assert_int_equal(ie->device_id.left, 6);
	assert_octets(ie->device_id.at, "02aabbccdd01");
	assert_false(mr_apple_ie_flag(ie, MR_APPLE_AIRPLAY));
	assert_true(mr_apple_ie_flag(ie, MR_APPLE_UNCONFIGURED));
	assert_true(mr_apple_ie_flag(ie, MR_APPLE_CONFIGURES));
	assert_true(mr_apple_ie_flag(ie, MR_APPLE_2GHZ));
	assert_false(mr_apple_ie_flag(ie, MR_APPLE_5GHZ));
	assert_int_equal(ie->odd, 0);
}

static void the_element_is_read_in_any_order(void **state)
{
	static const char *const texts[] = { MINIMAL, FULL };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t octets[MR_APPLE_IE_MAX];
		size_t len = hex(texts[i], octets, sizeof(octets));
		struct mr_apple_ie ie;

		assert_int_equal(octets[1], len - 2);
		assert_true(mr_apple_ie_parse(mr_rd_over(octets + 6, len - 6), &ie));
		check_plug(&ie);
		assert_int_equal(ie.oui.at != NULL, i == 1);
	}
}

static void the_element_is_written_as_others_write_it(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0xaa, 0xbb, 0xcc, 0xdd, 1 }, none[6] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t flags[2] = { 0x60, 0x02 }, zeros[2] = { 0 };
	struct mr_apple_ie ie = { .flags = mr_rd_over(flags, 2),
				  .name = text("Smart Plug"),
				  .manufacturer = text("Acme"),
				  .model = text("Plug1,1"),
				  .oui = mr_rd_over(mac, 3),
				  .dwds = mr_rd_over(zeros, 2),
				  .bluetooth = mr_rd_over(none, 6),
				  .device_id = mr_rd_over(mac, 6) };
	uint8_t out[MR_APPLE_IE_MAX], want[MR_APPLE_IE_MAX], name[255] = { 0 };
	struct mr_wr w = mr_wr_over(out, sizeof(out));

	(void)state;
	mr_apple_ie_build(&ie, &w);
	assert_false(w.bad);
	assert_int_equal(w.len, hex(FULL, want, sizeof(want)));
	assert_memory_equal(out, want, w.len);
	ie.name = mr_rd_over(name, sizeof(name)); /* a whole element has 255 octets */
	w = mr_wr_over(out, sizeof(out));
	mr_apple_ie_build(&ie, &w);
	assert_true(w.bad);
}

static void odd_elements_are_skipped_and_counted(void **state)
{
	uint8_t octets[64];
	size_t len = hex("0705aabbccddee 0001 60 2a0100 0002ffff 0706010203040506 0109ab", octets, sizeof(octets));
	struct mr_apple_ie ie;

	(void)state;
	assert_true(mr_apple_ie_parse(mr_rd_over(octets, len), &ie));
	assert_int_equal(ie.odd, 2); /* a device id of five octets; a name that is cut */
	assert_int_equal(ie.flags.left, 1);
	assert_true(mr_apple_ie_flag(&ie, MR_APPLE_UNCONFIGURED));
	assert_false(mr_apple_ie_flag(&ie, MR_APPLE_2GHZ)); /* octets that were left out are zeros */
	assert_octets(ie.device_id.at, "010203040506");
	assert_null(ie.name.at);
	assert_false(mr_apple_ie_parse(mr_rd_over(octets, 0), &ie));
	assert_false(mr_apple_ie_parse(mr_rd_over(octets, 7), &ie));
}

/* --- keys and stream --- */

static void session(struct mr_mfi_stream *stream)
{
	uint8_t shared[32];

	hex(SHARED, shared, 32);
	assert_true(mr_mfi_keys(shared, stream));
}

static void the_keys_are_those_of_the_vector(void **state)
{
	struct mr_mfi_stream stream;
	uint8_t server[32], client[32], message[64], digest[32];

	(void)state;
	session(&stream);
	assert_octets(stream.key, "70fd622a3669c015dbc3789d1ec001c3");
	assert_octets(stream.iv, "ef33b5d2bf3e77a668b3a7a11214132e");
	hex(SERVER, server, 32);
	hex(CLIENT, client, 32);
	mr_mfi_message(server, client, message);
	assert_true(mr_sha1(message, sizeof(message), digest));
	assert_octets(digest, "549b2f840c0c838ff5cbb82f418426b26219601e");
	assert_true(mr_sha256(message, sizeof(message), digest));
	assert_octets(digest, "1f90078f5f86bbb8741a7c5419989396512820c815e098351bb025af31d90a2a");
}

/* Signature, request and response use up one stream: begun anew for each message they would be garbage. */
static void one_stream_runs_through_the_session(void **state)
{
	struct mr_mfi_stream stream, other;
	uint8_t signature[128], octets[128], again[128];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(signature); i++)
		signature[i] = (uint8_t)i;
	session(&stream);
	other = stream;
	assert_true(mr_mfi_crypt(&stream, signature, 64, signature));
	assert_octets(signature, SIGNATURE);
	len = hex(REQUEST, octets, sizeof(octets));
	assert_true(mr_mfi_crypt(&stream, octets, len, octets));
	assert_octets(octets, REQUEST_AFTER_64);
	len = hex(RESPONSE, octets, sizeof(octets));
	assert_true(mr_mfi_crypt(&stream, octets, len, octets));
	assert_octets(octets, RESPONSE_AFTER_64);
	len = hex(REQUEST, octets, sizeof(octets));
	assert_true(mr_mfi_crypt(&other, octets, len, again)); /* in the place of the signature */
	other.at = 128;
	assert_true(mr_mfi_crypt(&other, octets, len, octets));
	assert_octets(octets, REQUEST_AFTER_128);
	assert_memory_not_equal(again, octets, len);
}

/* SP 800-38A F.5.1, and a counter that runs over. */
static void the_stream_is_counter_mode_from_any_octet_on(void **state)
{
	uint8_t key[16], iv[16], clear[64], out[64], part[64];

	(void)state;
	hex("2b7e151628aed2a6abf7158809cf4f3c", key, 16);
	hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", iv, 16);
	hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
	    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
	    clear, 64);
	assert_true(mr_aes128_ctr(key, iv, 0, clear, 64, out));
	assert_octets(out, "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
			   "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee");
	for (size_t from = 0; from < 64; from++) {
		assert_true(mr_aes128_ctr(key, iv, from, clear + from, 64 - from, part));
		assert_memory_equal(part, out + from, 64 - from);
	}
	memset(iv, 0xff, 16); /* the block after it is that of zero */
	assert_true(mr_aes128_ctr(key, iv, 16, clear, 16, out));
	memset(iv, 0, 16);
	assert_true(mr_aes128_ctr(key, iv, 0, clear, 16, part));
	assert_memory_equal(part, out, 16);
}

/* --- /auth-setup --- */

static void a_request_has_version_and_key(void **state)
{
	uint8_t key[32], out[40];
	struct mr_wr w = mr_wr_over(out, sizeof(out));
	const uint8_t *parsed;

	(void)state;
	hex(CLIENT, key, 32);
	mr_mfi_request_build(key, &w);
	assert_int_equal(w.len, MR_MFI_REQUEST_LEN);
	assert_true(mr_mfi_request_parse(mr_rd_over(out, 33), &parsed));
	assert_memory_equal(parsed, key, 32);
	assert_false(mr_mfi_request_parse(mr_rd_over(out, 32), &parsed));
	assert_false(mr_mfi_request_parse(mr_rd_over(out, 34), &parsed));
	out[0] = 2;
	assert_false(mr_mfi_request_parse(mr_rd_over(out, 33), &parsed));
}

static size_t response(uint8_t *out, size_t cap, size_t certificate_len, size_t signature_len)
{
	static uint8_t certificate[MR_MFI_CERTIFICATE_MAX + 1], signature[200], key[32];
	struct mr_wr w = mr_wr_over(out, cap);

	memset(certificate, 0x30, sizeof(certificate));
	mr_mfi_response_build(&(struct mr_mfi_response){ .public_key = key,
							 .certificate = mr_rd_over(certificate, certificate_len),
							 .signature = mr_rd_over(signature, signature_len) },
			      &w);
	assert_false(w.bad);
	return w.len;
}

static void a_response_of_impossible_lengths_is_refused(void **state)
{
	uint8_t out[2000];
	struct mr_mfi_response r;
	size_t len = response(out, sizeof(out), 600, 64);

	(void)state;
	assert_true(mr_mfi_response_parse(mr_rd_over(out, len), &r));
	assert_int_equal(r.certificate.left, 600);
	assert_int_equal(r.signature.left, 64);
	for (size_t cut = 0; cut < len; cut++)
		assert_false(mr_mfi_response_parse(mr_rd_over(out, cut), &r));
	out[len] = 0;
	assert_false(mr_mfi_response_parse(mr_rd_over(out, len + 1), &r));
	len = response(out, sizeof(out), MR_MFI_CERTIFICATE_MAX, 128);
	assert_int_equal(len, MR_MFI_RESPONSE_MAX);
	assert_true(mr_mfi_response_parse(mr_rd_over(out, len), &r));
	assert_false(mr_mfi_response_parse(mr_rd_over(out, response(out, sizeof(out), MR_MFI_CERTIFICATE_MAX + 1, 128)),
					   &r));
	assert_false(mr_mfi_response_parse(mr_rd_over(out, response(out, sizeof(out), 0, 128)), &r));
	assert_false(mr_mfi_response_parse(mr_rd_over(out, response(out, sizeof(out), 600, 72)), &r));
	assert_false(mr_mfi_response_parse(mr_rd_over(out, response(out, sizeof(out), 600, 0)), &r));
}

/* --- /config --- */

static void a_request_is_that_of_the_vector(void **state)
{
	struct mr_wac_request m = { .name = text("unit-7"),
				    .ssid = text("factory-net"),
				    .passphrase = text("correct horse") },
			      parsed;
	uint8_t out[128];
	struct mr_wr w = mr_wr_over(out, sizeof(out));

	(void)state;
	mr_wac_request_build(&m, &w);
	assert_int_equal(w.len, 36);
	assert_octets(out, REQUEST);
	assert_true(mr_wac_request_parse(mr_wr_written(&w), &parsed));
	assert_true(is(parsed.name, "unit-7"));
	assert_true(is(parsed.ssid, "factory-net"));
	assert_true(is(parsed.passphrase, "correct horse"));
	assert_null(parsed.play_password.at);
}

static bool takes(const char *octets)
{
	uint8_t in[300];
	struct mr_wac_request m;

	return mr_wac_request_parse(mr_rd_over(in, hex(octets, in, sizeof(in))), &m);
}

static void a_request_that_is_wrong_is_refused_whole(void **state)
{
	uint8_t out[128], passphrase[64];
	struct mr_wac_request parsed;

	(void)state;
	assert_true(takes("0c0141"));			    /* an open network */
	assert_true(takes("0c0141 55020000 fe00"));	    /* others are skipped */
	assert_false(takes(""));			    /* no SSID */
	assert_false(takes("0800"));			    /* the same */
	assert_false(takes("0c00"));			    /* an empty one */
	assert_false(takes("0c0141 0c0142"));		    /* twice */
	assert_false(takes("0c0141 0b0731323334353637"));   /* 7 characters */
	assert_true(takes("0c0141 0b083132333435363738"));  /* 8 */
	assert_false(takes("0c0141 0b093132333435363738")); /* its length is past the end */
	assert_false(takes("0c0141 0b"));
	memset(passphrase, 'x', sizeof(passphrase));
	for (size_t len = 0; len <= 64; len++) {
		struct mr_wr w = mr_wr_over(out, sizeof(out));

		mr_tlv8_put(&w, 0x0c, passphrase, len);
		assert_int_equal(mr_wac_request_parse(mr_wr_written(&w), &parsed), len >= 1 && len <= 32);
		w = mr_wr_over(out, sizeof(out));
		mr_tlv8_put(&w, 0x0c, passphrase, 1);
		mr_tlv8_put(&w, 0x0b, passphrase, len);
		assert_int_equal(mr_wac_request_parse(mr_wr_written(&w), &parsed), len >= 8 && len <= 63);
	}
}

static void a_response_is_that_of_the_vector(void **state)
{
	struct mr_wac_response m = { .name = text("unit-7"),
				     .model = text("Plug1,1"),
				     .serial = text("SN42"),
				     .firmware = text("1.0"),
				     .hardware = text("A") },
			       parsed;
	uint8_t out[600], name[256] = { 0 };
	struct mr_wr w = mr_wr_over(out, sizeof(out));

	(void)state;
	mr_wac_response_build(&m, &w);
	assert_int_equal(w.len, 31);
	assert_octets(out, RESPONSE);
	for (size_t len = 0; len <= w.len; len++) {
		bool whole = len == 0 || len == 8 || len == 17 || len == 23 || len == 28 || len == 31;

		assert_int_equal(mr_wac_response_parse(mr_rd_over(out, len), &parsed), whole);
	}
	assert_true(is(parsed.serial, "SN42"));
	for (size_t len = 0; len <= 256; len++) {
		w = mr_wr_over(out, sizeof(out));
		mr_tlv8_put(&w, 0x08, name, len);
		assert_int_equal(w.bad, len > 255);
		assert_true(w.bad || (mr_wac_response_parse(mr_wr_written(&w), &parsed) && parsed.name.left == len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_element_is_read_in_any_order),
		cmocka_unit_test(the_element_is_written_as_others_write_it),
		cmocka_unit_test(odd_elements_are_skipped_and_counted),
		cmocka_unit_test(the_keys_are_those_of_the_vector),
		cmocka_unit_test(one_stream_runs_through_the_session),
		cmocka_unit_test(the_stream_is_counter_mode_from_any_octet_on),
		cmocka_unit_test(a_request_has_version_and_key),
		cmocka_unit_test(a_response_of_impossible_lengths_is_refused),
		cmocka_unit_test(a_request_is_that_of_the_vector),
		cmocka_unit_test(a_request_that_is_wrong_is_refused_whole),
		cmocka_unit_test(a_response_is_that_of_the_vector),
	};

	return cmocka_run_group_tests_name("apple_wac", tests, NULL, NULL);
}
