/*
 * The device against a minimal station: calls, handshake, requests, repeats, power cuts. OpenSSL judges what the
 * device signs. The board's clock and random octets are fixed, so every run is the same run.
 *
 * links: agent/port/linux/crypto_openssl.c tests/support/board.c tests/support/methods_direct.c
 * links: tests/support/peer.c tests/support/factory.c agent/libmr.a
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/board.h"

#include <cmocka.h>

#include "agent/port/crypto.h"
#include "agent/wire/cause.h"
#include "tests/support/factory.h"
#include "tests/support/peer.h"

/* What a step sends, and where its answer lies: shared by the tests through cmocka's state. */
struct line {
	struct board board;
	struct peer peer;
	struct factory factory;
	uint8_t pub[65], certificate[900];
	size_t certificate_len;
	uint8_t request[MR_MESSAGE_MAX], frame[MR_FRAME_MAX];
};

static const uint8_t batch_key[32] = { 0xba, 0x7c, 4, 5, 6 };
static const uint8_t challenge[32] = { 0xc4, 1, 2, 3 };
static const uint8_t entropy[32] = { 0xe7, 9, 8, 7 };
static const uint8_t salt[16] = { 0x5a, 1 }, w0[32] = { 0x77, 2 }, l_point[65] = { 4, 3 };
#define SERIAL "BR-000042"
#define SSID "mill hall"
#define PASSPHRASE "a weir above the wheel"
#define ITERATIONS 2000

static int line_make(void **state)
{
	struct line *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	factory_make(&l->factory);
	peer_make(&l->peer, 99, batch_key);
	board_make(&l->board, 7, l->peer.s_pub, batch_key);
	l->peer.board = &l->board;
	assert_true(board_start(&l->board));
	*state = l;
	return 0;
}

static int line_wipe(void **state)
{
	struct line *l = *state;

	factory_wipe(&l->factory);
	free(l);
	return 0;
}

/* ---- requests ---- */

static struct mr_wr begin(struct line *l, enum mr_operation operation)
{
	struct mr_wr w = mr_wr_over(l->request, sizeof(l->request));

	mr_request_begin(&w, operation);
	return w;
}

static int ask(struct line *l, struct mr_wr w) { return peer_asks(&l->peer, &w) ? l->peer.response.cause : -1; }

static struct mr_wr key_request(struct line *l)
{
	struct mr_wr w = begin(l, MR_OP_KEY);

	mr_attribute_add(&w, MR_AT_ENTROPY, entropy, sizeof(entropy));
	return w;
}

static struct mr_wr identity_request(struct line *l, uint64_t txn)
{
	struct mr_wr w = begin(l, MR_OP_IDENTITY);

	mr_attribute_add_u64(&w, MR_AT_TXN, txn);
	mr_attribute_add(&w, MR_AT_SERIAL, SERIAL, strlen(SERIAL));
	mr_attribute_add(&w, MR_AT_CERTIFICATE, l->certificate, l->certificate_len);
	mr_attribute_add(&w, MR_AT_ISSUER, l->factory.ca_der, l->factory.ca_len);
	mr_attribute_add(&w, MR_AT_PIN_SALT, salt, sizeof(salt));
	mr_attribute_add_u32(&w, MR_AT_PIN_ITERATIONS, ITERATIONS);
	mr_attribute_add(&w, MR_AT_PIN_W0, w0, sizeof(w0));
	mr_attribute_add(&w, MR_AT_PIN_L, l_point, sizeof(l_point));
	return w;
}

static struct mr_wr credentials_request(struct line *l, uint64_t txn)
{
	struct mr_wr w = begin(l, MR_OP_CREDENTIALS);

	mr_attribute_add_u64(&w, MR_AT_TXN, txn);
	mr_attribute_add(&w, MR_AT_SSID, SSID, strlen(SSID));
	mr_attribute_add_u8(&w, MR_AT_SECURITY, MR_SECURITY_WPA2);
	mr_attribute_add(&w, MR_AT_PASSPHRASE, PASSPHRASE, strlen(PASSPHRASE));
	return w;
}

static struct mr_wr commit_request(struct line *l, uint64_t txn)
{
	struct mr_wr w = begin(l, MR_OP_COMMIT);

	mr_attribute_add_u64(&w, MR_AT_TXN, txn);
	return w;
}

static struct mr_wr seal_request(struct line *l, uint64_t txn)
{
	struct mr_wr w = begin(l, MR_OP_SEAL);

	mr_attribute_add_u64(&w, MR_AT_TXN, txn);
	mr_attribute_add(&w, MR_AT_CHALLENGE, challenge, sizeof(challenge));
	return w;
}

static struct mr_wr finish_request(struct line *l, enum mr_verdict verdict)
{
	struct mr_wr w = begin(l, MR_OP_FINISH);

	mr_attribute_add_u8(&w, MR_AT_VERDICT, (uint8_t)verdict);
	return w;
}

/* ---- what the station would compute ---- */

static struct mr_digest_field f(const void *bytes, size_t len) { return (struct mr_digest_field){ bytes, len }; }

static void identity_digest(const struct line *l, uint64_t txn, uint8_t out[32])
{
	uint8_t t[8], iterations[4];
	struct mr_wr tw = mr_wr_over(t, 8), iw = mr_wr_over(iterations, 4);
	struct mr_digest_field fields[] = { f(t, 8),
					    f(SERIAL, strlen(SERIAL)),
					    f(l->certificate, l->certificate_len),
					    f(l->factory.ca_der, l->factory.ca_len),
					    f(salt, 16),
					    f(iterations, 4),
					    f(w0, 32),
					    f(l_point, 65),
					    { NULL, 0 } };

	mr_wr_le64(&tw, txn);
	mr_wr_le32(&iw, ITERATIONS);
	assert_true(mr_digest(out, "millrace identity", fields, 9));
}

static void credentials_digest(uint64_t txn, uint8_t out[32])
{
	uint8_t t[8], security[1] = { MR_SECURITY_WPA2 };
	struct mr_wr tw = mr_wr_over(t, 8);
	struct mr_digest_field fields[] = { f(t, 8), f(SSID, strlen(SSID)), f(security, 1),
					    f(PASSPHRASE, strlen(PASSPHRASE)) };

	mr_wr_le64(&tw, txn);
	assert_true(mr_digest(out, "millrace credentials", fields, 4));
}

static void state_digest(const struct line *l, uint8_t stage, uint64_t identity_txn, uint64_t credentials_txn,
			 uint8_t out[32])
{
	uint8_t identity[32], credentials[32];
	struct mr_digest_field fields[] = { f(&stage, 1), f(identity, 32), f(credentials, 32) };

	identity_digest(l, identity_txn, identity);
	credentials_digest(credentials_txn, credentials);
	assert_true(mr_digest(out, "millrace state", fields, 3));
}

static void assert_value(const struct line *l, enum mr_attribute id, const void *want, size_t len)
{
	assert_true(l->peer.response.has[id]);
	assert_int_equal(l->peer.response.value[id].left, len);
	assert_memory_equal(l->peer.response.value[id].at, want, len);
}

static void assert_signed(const struct line *l, const char *label, const struct mr_digest_field *fields, size_t count)
{
	uint8_t hash[32];

	assert_true(l->peer.response.has[MR_AT_SIGNATURE]);
	assert_true(mr_digest(hash, label, fields, count));
	assert_true(mr_p256_verify(l->pub, hash, l->peer.response.value[MR_AT_SIGNATURE].at));
	hash[0] ^= 1;
	assert_false(mr_p256_verify(l->pub, hash, l->peer.response.value[MR_AT_SIGNATURE].at));
}

/* ---- steps ---- */

static void take_key(struct line *l)
{
	assert_int_equal(ask(l, key_request(l)), MR_CAUSE_OK);
	assert_true(l->peer.response.has[MR_AT_CSR]);
	l->certificate_len = factory_certify(&l->factory, l->peer.response.value[MR_AT_CSR].at,
					     l->peer.response.value[MR_AT_CSR].left, "Brook lamp", "d001020304050607",
					     l->certificate, sizeof(l->certificate), l->pub);
	assert_int_not_equal(l->certificate_len, 0);
}

#define TXN_IDENTITY 0x1111
#define TXN_CREDENTIALS 0x2222
#define TXN_SEAL 0x3333
#define STAGE_WHOLE (MR_STAGE_KEY | MR_STAGE_IDENTITY | MR_STAGE_CREDENTIALS)

static void provision(struct line *l)
{
	uint8_t digest[32];

	take_key(l);
	assert_int_equal(ask(l, identity_request(l, TXN_IDENTITY)), MR_CAUSE_OK);
	identity_digest(l, TXN_IDENTITY, digest);
	assert_value(l, MR_AT_DIGEST, digest, 32);
	assert_int_equal(ask(l, commit_request(l, TXN_IDENTITY)), MR_CAUSE_OK);
	assert_int_equal(ask(l, credentials_request(l, TXN_CREDENTIALS)), MR_CAUSE_OK);
	credentials_digest(TXN_CREDENTIALS, digest);
	assert_value(l, MR_AT_DIGEST, digest, 32);
	assert_int_equal(ask(l, commit_request(l, TXN_CREDENTIALS)), MR_CAUSE_OK);
	assert_value(l, MR_AT_STAGE, &(uint8_t){ STAGE_WHOLE }, 1);
}

/* ---- calls and hellos ---- */

static void a_called_device_says_hello_in_a_slot_of_the_window(void **state)
{
	struct line *l = *state;
	unsigned seen[4] = { 0 };

	for (uint8_t i = 0; i < 64; i++) {
		uint64_t called_us;
		size_t len;

		board_make(&l->board, i, l->peer.s_pub, batch_key);
		assert_true(board_start(&l->board));
		assert_int_equal(l->board.freq_mhz, 2412);
		len = peer_build_call(&l->peer, MR_CALL_INVENTORY, 4, 500, l->frame);
		board_hear(&l->board, l->frame, len);
		called_us = l->board.now_us;
		assert_true(board_wait(&l->board, 2000));
		assert_true(l->board.now_us - called_us < 2000);
		seen[(l->board.now_us - called_us) / 500]++;
	}
	for (size_t i = 0; i < 4; i++)
		assert_in_range(seen[i], 4, 40);
}

static void a_hello_names_batch_and_device_and_has_a_nonce_of_its_own(void **state)
{
	struct line *l = *state;
	uint8_t nonce[8];

	assert_true(peer_meets(&l->peer));
	assert_memory_equal(l->peer.hello.batch_tag, l->peer.batch_tag, 8);
	assert_memory_equal(l->peer.hello.device_id, l->board.config.device_id, 8);
	memcpy(nonce, l->peer.hello.nonce, 8);
	l->board.now_us += 20000000; /* patience is over */
	mr_agent_expire(&l->board.agent);
	assert_true(peer_meets(&l->peer));
	assert_memory_not_equal(l->peer.hello.nonce, nonce, 8);
}

static void a_call_of_another_batch_station_or_time_is_not_answered(void **state)
{
	struct line *l = *state;
	uint8_t other_key[32] = { 1 };
	struct peer other;
	size_t len;

	/* Another batch; another station that even knows the batch key; a call without INVENTORY. */
	peer_make(&other, 99, other_key);
	other.board = &l->board;
	assert_false(peer_meets(&other));
	peer_make(&other, 100, batch_key);
	other.board = &l->board;
	assert_false(peer_meets(&other));
	board_hear(&l->board, l->frame, peer_build_call(&l->peer, MR_CALL_PRESENT, 4, 500, l->frame));
	assert_false(board_wait(&l->board, 100000));

	/* Any octet changed, from the version on; then the true one; then the same again. */
	len = peer_build_call(&l->peer, MR_CALL_INVENTORY, 1, 0, l->frame);
	for (size_t i = MR_HEADER_LEN; i < len; i++) {
		l->frame[i] ^= 0x40;
		board_hear(&l->board, l->frame, len);
		l->frame[i] ^= 0x40;
	}
	assert_false(board_wait(&l->board, 100000));
	board_hear(&l->board, l->frame, len);
	assert_true(board_wait(&l->board, 0));
	(void)board_take(&l->board, false);
	board_hear(&l->board, l->frame, len);
	assert_false(board_wait(&l->board, 100000));
}

static void a_device_whose_hello_was_not_acked_answers_the_next_call(void **state)
{
	struct line *l = *state;
	uint8_t flags = MR_CALL_INVENTORY;

	board_hear(&l->board, l->frame, peer_build_call(&l->peer, flags, 1, 0, l->frame));
	assert_true(board_wait(&l->board, 0));
	(void)board_take(&l->board, false);
	board_hear(&l->board, l->frame, peer_build_call(&l->peer, flags, 1, 0, l->frame));
	assert_true(board_wait(&l->board, 0));
	(void)board_take(&l->board, true);

	/* Acked: it waits ten seconds for its invitation, then answers again. */
	for (int i = 0; i < 9; i++) {
		board_hear(&l->board, l->frame, peer_build_call(&l->peer, flags, 1, 0, l->frame));
		assert_false(board_wait(&l->board, 1000000));
	}
	assert_false(board_wait(&l->board, 1500000));
	board_hear(&l->board, l->frame, peer_build_call(&l->peer, flags, 1, 0, l->frame));
	assert_true(board_wait(&l->board, 0));
}

static void a_device_that_nobody_calls_looks_on_the_next_channel(void **state)
{
	struct line *l = *state;

	l->board.config.roam_us = 3000000;
	assert_true(board_start(&l->board));
	assert_false(board_wait(&l->board, 2900000));
	assert_int_equal(l->board.freq_mhz, 2412);
	assert_false(board_wait(&l->board, 200000));
	assert_int_equal(l->board.freq_mhz, 2437);
	board_hear(&l->board, l->frame, peer_build_call(&l->peer, MR_CALL_PRESENT, 0, 0, l->frame));
	assert_false(board_wait(&l->board, 2900000));
	assert_int_equal(l->board.freq_mhz, 2437);
	assert_false(board_wait(&l->board, 3000000));
	assert_int_equal(l->board.freq_mhz, 5180);
	assert_false(board_wait(&l->board, 3000000));
	assert_int_equal(l->board.freq_mhz, 2412);
}

static void a_radio_that_does_not_tune_is_tried_again(void **state)
{
	struct line *l = *state;

	l->board.tune_fails = true;
	assert_false(board_start(&l->board));
	assert_false(board_wait(&l->board, 1500000));
	l->board.tune_fails = false;
	l->board.freq_mhz = 0;
	assert_false(board_wait(&l->board, 1500000));
	assert_int_equal(l->board.freq_mhz, 2412);
	assert_true(peer_connects(&l->peer));
}

/* ---- the handshake ---- */

static void an_invitation_is_obeyed_when_it_is_authentic_fresh_and_on_a_planned_channel(void **state)
{
	struct line *l = *state;
	uint8_t nonce[8];
	size_t len;

	assert_true(peer_meets(&l->peer));
	peer_random(&l->peer, l->peer.session_id, 8);
	board_hear(&l->board, l->frame, peer_build_invite(&l->peer, 2462, l->frame));
	memcpy(nonce, l->peer.hello.nonce, 8);
	l->peer.hello.nonce[0] ^= 1;
	board_hear(&l->board, l->frame, peer_build_invite(&l->peer, 2437, l->frame));
	memcpy(l->peer.hello.nonce, nonce, 8);
	len = peer_build_invite(&l->peer, 2437, l->frame);
	l->frame[len - 1] ^= 1;
	board_hear(&l->board, l->frame, len);
	assert_false(board_wait(&l->board, 1000));
	assert_int_equal(l->board.freq_mhz, 2412);

	l->frame[len - 1] ^= 1;
	board_hear(&l->board, l->frame, len);
	assert_true(board_wait(&l->board, 0));
	assert_int_equal(l->board.freq_mhz, 2437);
	assert_true(peer_accepts(&l->peer, board_take(&l->board, true)));
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
}

static void message_1_introduces_the_device(void **state)
{
	struct line *l = *state;
	struct mr_message m;

	assert_true(peer_connects(&l->peer));
	assert_true(mr_message_parse(mr_rd_over(l->peer.introduction, l->peer.introduction_len), &m));
	assert_true(m.response && m.operation == MR_OP_STATUS && m.cause == MR_CAUSE_OK);
	assert_memory_equal(m.value[MR_AT_DEVICE_ID].at, l->board.config.device_id, 8);
	assert_int_equal(m.value[MR_AT_PRODUCT].left, 10);
	assert_memory_equal(m.value[MR_AT_PRODUCT].at, "Brook lamp", 10);
	assert_int_equal(m.value[MR_AT_STAGE].at[0], 0);
	assert_true(m.has[MR_AT_HW_REV] && m.has[MR_AT_FIRMWARE] && m.has[MR_AT_RESTARTS]);
	assert_false(m.has[MR_AT_SERIAL] || m.has[MR_AT_KEY_ID] || m.has[MR_AT_TXN] || m.has[MR_AT_SIGNATURE]);
}

static void message_1_is_repeated_octet_for_octet_and_given_up_in_the_end(void **state)
{
	struct line *l = *state;
	struct board_frame first;
	size_t tries = 1;

	assert_true(peer_meets(&l->peer));
	board_hear(&l->board, l->frame, peer_build_invite(&l->peer, 2437, l->frame));
	assert_true(board_wait(&l->board, 0));
	first = *board_take(&l->board, true);
	while (board_wait(&l->board, 30000000)) {
		const struct board_frame *again = board_take(&l->board, tries % 2 == 0);

		assert_int_equal(again->len, first.len);
		assert_memory_equal(again->bytes + MR_HEADER_LEN, first.bytes + MR_HEADER_LEN,
				    first.len - MR_HEADER_LEN);
		assert_memory_not_equal(again->bytes + MR_HEADER_LEN - 2, first.bytes + MR_HEADER_LEN - 2, 2);
		tries++;
	}
	assert_in_range(tries, 4, 10);
	assert_int_equal(l->board.freq_mhz, 2412);
	/* The nonce is used up: the same invitation does not work again, a new HELLO does. */
	board_hear(&l->board, l->frame, peer_build_invite(&l->peer, 2437, l->frame));
	assert_false(board_wait(&l->board, 100000));
	assert_true(peer_connects(&l->peer));
}

static void a_repeated_invitation_brings_message_1_again(void **state)
{
	struct line *l = *state;
	struct board_frame first;

	assert_true(peer_meets(&l->peer));
	peer_random(&l->peer, l->peer.session_id, 8);
	board_hear(&l->board, l->frame, peer_build_invite(&l->peer, 0, l->frame));
	assert_true(board_wait(&l->board, 0));
	first = *board_take(&l->board, true);
	assert_int_equal(l->board.freq_mhz, 2412);
	board_hear(&l->board, l->frame, peer_build_invite(&l->peer, 0, l->frame));
	assert_true(board_wait(&l->board, 0));
	assert_memory_equal(board_take(&l->board, true)->bytes + MR_HEADER_LEN, first.bytes + MR_HEADER_LEN,
			    first.len - MR_HEADER_LEN);
	/* Another session while this handshake runs: not now. */
	l->peer.session_id[0] ^= 1;
	board_hear(&l->board, l->frame, peer_build_invite(&l->peer, 0, l->frame));
	assert_int_equal(l->board.count, 0);
	l->peer.session_id[0] ^= 1;
	assert_true(peer_accepts(&l->peer, &first));
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
}

static void a_forged_message_2_does_not_end_the_handshake(void **state)
{
	struct line *l = *state;
	uint8_t noise[80];
	struct mr_wr w = mr_wr_over(l->frame, sizeof(l->frame));
	struct mr_frame forged = { .type = MR_HANDSHAKE_2, .handshake = { .noise = mr_rd_over(noise, sizeof(noise)) } };
	struct board_frame first;

	assert_true(peer_meets(&l->peer));
	peer_random(&l->peer, l->peer.session_id, 8);
	board_hear(&l->board, l->frame, peer_build_invite(&l->peer, 2437, l->frame));
	assert_true(board_wait(&l->board, 0));
	first = *board_take(&l->board, true);
	memset(noise, 0x42, sizeof(noise));
	memcpy(forged.header.receiver, l->board.config.mac, 6);
	memcpy(forged.handshake.session_id, l->peer.session_id, 8);
	assert_true(mr_frame_build(&w, &forged, NULL));
	board_hear(&l->board, l->frame, w.len);
	assert_true(peer_accepts(&l->peer, &first));
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
}

/* A station whose message 2 was lost goes on with DATA; the device then repeats message 1 at once. */
static void data_during_the_handshake_brings_message_1_again(void **state)
{
	struct line *l = *state;
	struct mr_wr w;

	assert_true(peer_meets(&l->peer));
	peer_random(&l->peer, l->peer.session_id, 8);
	board_hear(&l->board, l->frame, peer_build_invite(&l->peer, 2437, l->frame));
	assert_true(board_wait(&l->board, 0));
	(void)board_take(&l->board, true);
	w = begin(l, MR_OP_STATUS);
	board_hear(&l->board, l->frame, peer_build_data(&l->peer, w.buf, w.len, 1, 0, 0, l->frame));
	assert_int_equal(l->board.count, 1);
	assert_true(peer_accepts(&l->peer, board_take(&l->board, true)));
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
}

/* ---- the whole way ---- */

static void a_device_goes_the_whole_way_and_every_signature_holds(void **state)
{
	struct line *l = *state;
	uint8_t digest[32], receipt[160], text[8];
	struct mr_digest_field status[3], verify[3], receipt_fields[2];
	struct mr_wr w, r = mr_wr_over(receipt, sizeof(receipt)), t = mr_wr_over(text, 8);

	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask(l, begin(l, MR_OP_SELFTEST)), MR_CAUSE_OK);
	assert_int_equal(l->peer.response.item_count, 3);
	assert_string_equal(l->peer.response.items[0].name, "supply_mv");
	assert_int_equal(l->peer.response.items[2].value, -41);
	provision(l);
	assert_string_equal(mr_agent_serial(&l->board.agent), SERIAL);

	w = begin(l, MR_OP_STATUS);
	mr_attribute_add(&w, MR_AT_CHALLENGE, challenge, 32);
	assert_int_equal(ask(l, w), MR_CAUSE_OK);
	status[0] = f(l->peer.keys.handshake_hash, 32);
	status[1] = f(challenge, 32);
	status[2] = f(l->peer.response.before_signature.at, l->peer.response.before_signature.left);
	assert_signed(l, "millrace status 2", status, 3);
	assert_value(l, MR_AT_PROTOCOL, "\2", 1);
	assert_value(l, MR_AT_SERIAL, SERIAL, strlen(SERIAL));
	assert_true(l->peer.response.has[MR_AT_KEY_ID]);

	w = begin(l, MR_OP_VERIFY);
	mr_attribute_add(&w, MR_AT_CHALLENGE, challenge, 32);
	assert_int_equal(ask(l, w), MR_CAUSE_OK);
	state_digest(l, STAGE_WHOLE, TXN_IDENTITY, TXN_CREDENTIALS, digest);
	assert_value(l, MR_AT_DIGEST, digest, 32);
	verify[0] = status[0];
	verify[1] = f(challenge, 32);
	verify[2] = f(digest, 32);
	assert_signed(l, "millrace verify", verify, 3);

	assert_int_equal(ask(l, seal_request(l, TXN_SEAL)), MR_CAUSE_OK);
	mr_wr_u8(&r, 1);
	mr_wr_bytes(&r, l->peer.batch_tag, 8);
	mr_wr_bytes(&r, l->board.config.device_id, 8);
	mr_wr_u8(&r, STAGE_WHOLE | MR_STAGE_SEALED);
	mr_wr_le64(&t, TXN_SEAL);
	mr_wr_bytes(&r, text, 8);
	state_digest(l, STAGE_WHOLE | MR_STAGE_SEALED, TXN_IDENTITY, TXN_CREDENTIALS, digest);
	mr_wr_bytes(&r, digest, 32);
	mr_wr_le32(&r, 0);
	mr_wr_u8(&r, (uint8_t)strlen(SERIAL));
	mr_wr_bytes(&r, SERIAL, strlen(SERIAL));
	assert_value(l, MR_AT_RECEIPT, receipt, r.len);
	receipt_fields[0] = f(challenge, 32);
	receipt_fields[1] = f(receipt, r.len);
	assert_signed(l, "millrace receipt", receipt_fields, 2);

	/* Again, after a restart too: the same receipt. */
	assert_int_equal(ask(l, seal_request(l, TXN_SEAL)), MR_CAUSE_OK);
	assert_value(l, MR_AT_RECEIPT, receipt, r.len);
	assert_true(board_start(&l->board));
	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask(l, seal_request(l, TXN_SEAL)), MR_CAUSE_OK);
	assert_value(l, MR_AT_RECEIPT, receipt, r.len);

	assert_int_equal(ask(l, finish_request(l, MR_VERDICT_PASS)), MR_CAUSE_OK);
	assert_int_equal(l->board.verdict, MR_VERDICT_PASS);
	assert_true(mr_agent_finished(&l->board.agent));
	assert_false(board_wait(&l->board, 60000000));
	assert_false(peer_meets(&l->peer));
	assert_true(board_start(&l->board));
	assert_true(mr_agent_finished(&l->board.agent));
	assert_false(peer_meets(&l->peer));
}

static void a_failed_self_test_says_so_and_shows_every_item(void **state)
{
	struct line *l = *state;

	assert_true(peer_connects(&l->peer));
	l->board.selftest_fails = true;
	assert_int_equal(ask(l, begin(l, MR_OP_SELFTEST)), MR_CAUSE_SELFTEST_FAILED);
	assert_int_equal(l->peer.response.item_count, 3);
	assert_true(l->peer.response.items[0].passed);
	assert_false(l->peer.response.items[2].passed);
}

static void a_key_is_made_once_and_depends_on_the_stations_entropy(void **state)
{
	struct line *l = *state;
	uint8_t first[65];
	struct mr_wr w;

	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask(l, begin(l, MR_OP_KEY)), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(mr_agent_stage(&l->board.agent), 0);
	take_key(l);
	memcpy(first, l->pub, 65);
	assert_int_equal(l->board.work[MR_WORK_P256_KEYGEN], 1);
	take_key(l);
	assert_memory_equal(l->pub, first, 65);
	assert_int_equal(l->board.work[MR_WORK_P256_KEYGEN], 1);
	assert_true(l->peer.response.busy_us >= 1000); /* the board charges that for a signature */

	/* The same device with the same random octets, and other entropy. */
	peer_make(&l->peer, 99, batch_key);
	board_make(&l->board, 7, l->peer.s_pub, batch_key);
	l->peer.board = &l->board;
	assert_true(board_start(&l->board));
	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask(l, begin(l, MR_OP_KEY)), MR_CAUSE_BAD_REQUEST);
	w = begin(l, MR_OP_KEY);
	mr_attribute_add(&w, MR_AT_ENTROPY, challenge, 32);
	assert_int_equal(ask(l, w), MR_CAUSE_OK);
	assert_int_not_equal(factory_certify(&l->factory, l->peer.response.value[MR_AT_CSR].at,
					     l->peer.response.value[MR_AT_CSR].left, "Brook lamp", "d001020304050607",
					     l->certificate, sizeof(l->certificate), l->pub),
			     0);
	assert_memory_not_equal(l->pub, first, 65);
}

static void a_device_without_entropy_makes_no_key(void **state)
{
	struct line *l = *state;

	assert_true(peer_connects(&l->peer));
	l->board.random_fails = true;
	assert_int_equal(ask(l, key_request(l)), MR_CAUSE_CRYPTO_FAILED);
	assert_int_equal(mr_agent_stage(&l->board.agent), 0);
	l->board.random_fails = false;
	take_key(l);
}

static void steps_out_of_order_are_refused(void **state)
{
	struct line *l = *state;
	struct mr_wr w;

	assert_true(peer_connects(&l->peer));
	memset(l->certificate, 0x30, 64);
	l->certificate_len = 64;
	assert_int_equal(ask(l, identity_request(l, 1)), MR_CAUSE_OUT_OF_ORDER);
	w = begin(l, MR_OP_VERIFY);
	mr_attribute_add(&w, MR_AT_CHALLENGE, challenge, 32);
	assert_int_equal(ask(l, w), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask(l, commit_request(l, 1)), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask(l, seal_request(l, 1)), MR_CAUSE_OUT_OF_ORDER);
	take_key(l);
	assert_int_equal(ask(l, identity_request(l, TXN_IDENTITY)), MR_CAUSE_OK);
	assert_int_equal(ask(l, commit_request(l, TXN_IDENTITY + 1)), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask(l, commit_request(l, TXN_IDENTITY)), MR_CAUSE_OK);
	assert_int_equal(ask(l, commit_request(l, TXN_IDENTITY)), MR_CAUSE_OK);
	assert_int_equal(ask(l, seal_request(l, TXN_SEAL)), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask(l, credentials_request(l, TXN_CREDENTIALS)), MR_CAUSE_OK);
	assert_int_equal(ask(l, seal_request(l, TXN_SEAL)), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask(l, commit_request(l, TXN_CREDENTIALS)), MR_CAUSE_OK);
	assert_int_equal(ask(l, seal_request(l, TXN_SEAL)), MR_CAUSE_OK);

	/* Sealed: nothing changes any more, what was committed can still be confirmed. */
	assert_int_equal(ask(l, key_request(l)), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask(l, identity_request(l, 9)), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask(l, credentials_request(l, 9)), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask(l, seal_request(l, 9)), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask(l, commit_request(l, 9)), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask(l, commit_request(l, TXN_CREDENTIALS)), MR_CAUSE_OK);
	assert_int_equal(ask(l, identity_request(l, TXN_IDENTITY)), MR_CAUSE_OK);
	assert_int_equal(mr_agent_stage(&l->board.agent), STAGE_WHOLE | MR_STAGE_SEALED);
}

static void a_new_transaction_replaces_the_open_one_and_a_restart_keeps_it(void **state)
{
	struct line *l = *state;

	assert_true(peer_connects(&l->peer));
	take_key(l);
	assert_int_equal(ask(l, identity_request(l, 1)), MR_CAUSE_OK);
	assert_int_equal(ask(l, credentials_request(l, 2)), MR_CAUSE_OK);
	assert_int_equal(ask(l, commit_request(l, 1)), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask(l, identity_request(l, 3)), MR_CAUSE_OK);
	assert_int_equal(ask(l, commit_request(l, 2)), MR_CAUSE_OUT_OF_ORDER);

	assert_true(board_start(&l->board));
	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
	assert_value(l, MR_AT_TXN, "\3\0\0\0\0\0\0", 8);
	assert_value(l, MR_AT_TXN_OPERATION, &(uint8_t){ MR_OP_IDENTITY }, 1);
	assert_value(l, MR_AT_RESTARTS, "\1\0\0", 4);
	assert_value(l, MR_AT_STAGE, &(uint8_t){ MR_STAGE_KEY }, 1);
	assert_int_equal(ask(l, commit_request(l, 3)), MR_CAUSE_OK);
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
	assert_false(l->peer.response.has[MR_AT_TXN]);

	/* A second identity may be prepared and committed over the first, as long as the device is not sealed. */
	assert_int_equal(ask(l, identity_request(l, 4)), MR_CAUSE_OK);
	assert_int_equal(ask(l, commit_request(l, 4)), MR_CAUSE_OK);
	assert_int_equal(ask(l, commit_request(l, 3)), MR_CAUSE_OUT_OF_ORDER);
}

static void values_that_make_no_sense_are_refused(void **state)
{
	struct line *l = *state;
	uint8_t good[900];
	size_t good_len;
	struct mr_wr w;

	assert_true(peer_connects(&l->peer));
	take_key(l);
	assert_int_equal(ask(l, identity_request(l, 0)), MR_CAUSE_BAD_REQUEST);
	good_len = l->certificate_len;
	memcpy(good, l->certificate, good_len);
	/* The CA's own certificate is for another key; one octet short, or one too many, it is none. */
	memcpy(l->certificate, l->factory.ca_der, l->factory.ca_len);
	l->certificate_len = l->factory.ca_len;
	assert_int_equal(ask(l, identity_request(l, 1)), MR_CAUSE_BAD_REQUEST);
	memcpy(l->certificate, good, good_len);
	l->certificate_len = good_len - 1;
	assert_int_equal(ask(l, identity_request(l, 1)), MR_CAUSE_BAD_REQUEST);
	l->certificate_len = good_len + 1;
	assert_int_equal(ask(l, identity_request(l, 1)), MR_CAUSE_BAD_REQUEST);
	l->certificate_len = good_len;

	w = begin(l, MR_OP_CREDENTIALS);
	mr_attribute_add_u64(&w, MR_AT_TXN, 1);
	mr_attribute_add(&w, MR_AT_SSID, "x", 1);
	mr_attribute_add_u8(&w, MR_AT_SECURITY, MR_SECURITY_WPA2);
	assert_int_equal(ask(l, w), MR_CAUSE_BAD_REQUEST); /* no passphrase */
	l->request[w.len - 1] = MR_SECURITY_OPEN;
	assert_int_equal(ask(l, w), MR_CAUSE_OK);
	l->request[w.len - 1] = 3;
	assert_int_equal(ask(l, w), MR_CAUSE_BAD_REQUEST); /* no such security */
	l->request[w.len - 1] = MR_SECURITY_WPA3;
	mr_attribute_add(&w, MR_AT_PASSPHRASE, "tab\tin it", 9);
	assert_int_equal(ask(l, w), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(ask(l, finish_request(l, MR_VERDICT_NONE)), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(ask(l, finish_request(l, (enum mr_verdict)5)), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(ask(l, identity_request(l, TXN_IDENTITY)), MR_CAUSE_OK);
}

static void a_request_cut_anywhere_is_refused_or_harmless(void **state)
{
	struct line *l = *state;
	struct mr_wr w;
	size_t len;

	assert_true(peer_connects(&l->peer));
	take_key(l);
	w = credentials_request(l, 5);
	for (len = w.len - 1; len > 0; len--) {
		w.len = len;
		assert_int_equal(ask(l, w), MR_CAUSE_BAD_REQUEST);
	}
	w = identity_request(l, 5);
	for (len = w.len - 1; len > 0; len -= len > 100 ? 37 : 1) {
		int cause;

		w.len = len;
		cause = ask(l, w);
		/* Cut before the PIN values, it is an identity without a PIN. */
		assert_true(cause == MR_CAUSE_BAD_REQUEST || cause == MR_CAUSE_OK);
	}
	/* No operation of ours; a response instead of a request. */
	assert_int_equal(ask(l, begin(l, (enum mr_operation)0x55)), -1);
	assert_int_equal(ask(l, begin(l, (enum mr_operation)(MR_OP_STATUS | 0x80))), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
}

/* ---- repeats ---- */

static void a_repeated_request_is_answered_with_the_same_octets_and_done_once(void **state)
{
	struct line *l = *state;
	struct board_frame first;
	struct mr_wr w;
	size_t len;

	assert_true(peer_connects(&l->peer));
	w = key_request(l);
	assert_int_equal(ask(l, w), MR_CAUSE_OK);
	first = l->peer.raw;
	w = key_request(l);
	len = peer_build_data(&l->peer, w.buf, w.len, l->peer.seq, 0, 0, l->frame);
	for (int i = 0; i < 3; i++) {
		board_hear(&l->board, l->frame, len);
		assert_true(peer_hears(&l->peer, 0));
		assert_int_equal(l->peer.raw.len, first.len);
		assert_memory_equal(l->peer.raw.bytes + MR_HEADER_LEN, first.bytes + MR_HEADER_LEN,
				    first.len - MR_HEADER_LEN);
	}
	assert_int_equal(l->board.work[MR_WORK_P256_SIGN], 1);
	/* Another request under the same number: the answer stays the first one's, nothing new is sealed. */
	w = begin(l, MR_OP_STATUS);
	board_hear(&l->board, l->frame, peer_build_data(&l->peer, w.buf, w.len, l->peer.seq, 0, 0, l->frame));
	assert_true(peer_hears(&l->peer, 0));
	assert_memory_equal(l->peer.raw.bytes + MR_HEADER_LEN, first.bytes + MR_HEADER_LEN, first.len - MR_HEADER_LEN);

	/* Older and too new ones are not heard at all. */
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
	board_hear(&l->board, l->frame, len);
	assert_int_equal(l->board.count, 0);
	board_hear(&l->board, l->frame,
		   peer_build_data(&l->peer, w.buf, w.len, (uint16_t)(l->peer.seq + 2), 0, 0, l->frame));
	assert_int_equal(l->board.count, 0);
}

static void fragments_come_in_any_order_and_what_is_missing_is_told(void **state)
{
	struct line *l = *state;
	uint8_t one[MR_FRAME_MAX], two[MR_FRAME_MAX];
	size_t one_len, two_len;
	struct mr_wr w;

	assert_true(peer_connects(&l->peer));
	take_key(l);
	w = identity_request(l, TXN_IDENTITY);
	while (w.len <= MR_FRAGMENT_MAX) { /* attributes of a newer station make it long */
		mr_wr_u8(&w, 0xee);
		mr_wr_le16(&w, 200);
		memset(mr_wr_room(&w, 200), 0xee, 200);
	}
	l->peer.seq++;
	one_len = peer_build_data(&l->peer, w.buf, w.len, l->peer.seq, 0, 0, one);
	two_len = peer_build_data(&l->peer, w.buf, w.len, l->peer.seq, 1, 0, two);
	/* Asked before anything came; after the second half; then the first half comes, and comes again. */
	board_hear(&l->board, l->frame, peer_build_poll(&l->peer, l->peer.seq, 0, l->frame));
	assert_false(peer_hears(&l->peer, 0));
	assert_int_equal(l->peer.progress.state, MR_PROGRESS_INCOMPLETE);
	assert_int_equal(l->peer.progress.have, 0);
	board_hear(&l->board, two, two_len);
	board_hear(&l->board, two, two_len);
	board_hear(&l->board, l->frame, peer_build_poll(&l->peer, l->peer.seq, 0, l->frame));
	assert_false(peer_hears(&l->peer, 0));
	assert_int_equal(l->peer.progress.state, MR_PROGRESS_INCOMPLETE);
	assert_int_equal(l->peer.progress.have, 2);
	/* The next request has to wait for the answer to this one. */
	board_hear(&l->board, l->frame,
		   peer_build_data(&l->peer, "\1", 1, (uint16_t)(l->peer.seq + 1), 0, 0, l->frame));
	assert_int_equal(l->board.count, 0);
	board_hear(&l->board, one, one_len);
	assert_true(peer_hears(&l->peer, 0));
	assert_int_equal(l->peer.response.cause, MR_CAUSE_OK);
	board_hear(&l->board, two, two_len);
	assert_true(peer_hears(&l->peer, 0));
}

static void a_request_longer_than_the_buffer_is_not_taken(void **state)
{
	struct line *l = *state;
	uint8_t huge[2 * MR_FRAGMENT_MAX + 10] = { MR_OP_STATUS };

	assert_true(peer_connects(&l->peer));
	for (uint8_t i = 0; i < 3; i++)
		board_hear(&l->board, l->frame, peer_build_data(&l->peer, huge, sizeof(huge), 1, i, 0, l->frame));
	assert_false(board_wait(&l->board, 1000000));
}

static void a_held_answer_waits_for_the_call_of_its_own_station(void **state)
{
	struct line *l = *state;
	struct peer other;
	struct mr_wr w;

	assert_true(peer_connects(&l->peer));
	w = begin(l, MR_OP_STATUS);
	board_hear(&l->board, l->frame,
		   peer_build_data(&l->peer, w.buf, w.len, ++l->peer.seq, 0, MR_DATA_HOLD, l->frame));
	assert_false(board_wait(&l->board, 1000000));
	peer_make(&other, 100, batch_key);
	other.board = &l->board;
	board_hear(&l->board, l->frame, peer_build_call(&other, MR_CALL_PRESENT, 0, 0, l->frame));
	board_hear(&l->board, l->frame, peer_build_call(&l->peer, MR_CALL_INVENTORY, 4, 500, l->frame));
	assert_false(board_wait(&l->board, 1000000));
	board_hear(&l->board, l->frame, peer_build_call(&l->peer, MR_CALL_PRESENT, 0, 0, l->frame));
	assert_true(peer_hears(&l->peer, 5000));
	/* It was acknowledged: the next call does not bring it again. */
	board_hear(&l->board, l->frame, peer_build_call(&l->peer, MR_CALL_PRESENT, 0, 0, l->frame));
	assert_false(board_wait(&l->board, 1000000));

	/* A poll brings it out too; so does the request without HOLD. */
	w = begin(l, MR_OP_STATUS);
	board_hear(&l->board, l->frame,
		   peer_build_data(&l->peer, w.buf, w.len, ++l->peer.seq, 0, MR_DATA_HOLD, l->frame));
	assert_false(board_wait(&l->board, 1000000));
	board_hear(&l->board, l->frame, peer_build_poll(&l->peer, l->peer.seq, 1, l->frame));
	assert_false(board_wait(&l->board, 0));
	board_hear(&l->board, l->frame, peer_build_poll(&l->peer, l->peer.seq, 0, l->frame));
	assert_true(peer_hears(&l->peer, 0));
	w = begin(l, MR_OP_STATUS);
	board_hear(&l->board, l->frame,
		   peer_build_data(&l->peer, w.buf, w.len, ++l->peer.seq, 0, MR_DATA_HOLD, l->frame));
	board_hear(&l->board, l->frame, peer_build_data(&l->peer, w.buf, w.len, l->peer.seq, 0, 0, l->frame));
	assert_true(peer_hears(&l->peer, 0));
}

static void an_answer_that_is_not_acked_is_sent_again_ever_less_often_and_then_waits(void **state)
{
	struct line *l = *state;
	uint64_t last_us = 0, spacing_us = 0;
	unsigned tries = 0;
	struct mr_wr w;

	assert_true(peer_connects(&l->peer));
	w = begin(l, MR_OP_STATUS);
	board_hear(&l->board, l->frame, peer_build_data(&l->peer, w.buf, w.len, ++l->peer.seq, 0, 0, l->frame));
	while (board_wait(&l->board, 10000000)) {
		uint64_t at_us = board_take(&l->board, false)->at_us;

		if (tries > 0) {
			assert_true(at_us - last_us > spacing_us);
			spacing_us = at_us - last_us;
		}
		last_us = at_us;
		tries++;
	}
	assert_in_range(tries, 3, 6);
	board_hear(&l->board, l->frame, peer_build_call(&l->peer, MR_CALL_PRESENT, 0, 0, l->frame));
	assert_true(peer_hears(&l->peer, 5000));

	/* A full queue is no loss; neither is a report that never comes. */
	l->board.queue_full = true;
	w = begin(l, MR_OP_STATUS);
	board_hear(&l->board, l->frame, peer_build_data(&l->peer, w.buf, w.len, ++l->peer.seq, 0, 0, l->frame));
	assert_false(board_wait(&l->board, 5000));
	l->board.queue_full = false;
	assert_true(board_wait(&l->board, 100000));
	l->board.count = 0; /* the frame is gone without a word */
	assert_true(peer_hears(&l->peer, 1000000));
}

static void forged_data_neither_disturbs_the_answer_nor_is_heard(void **state)
{
	struct line *l = *state;
	struct board_frame first;
	struct mr_wr w;
	size_t len;

	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
	first = l->peer.raw;
	w = begin(l, MR_OP_SELFTEST);
	len = peer_build_data(&l->peer, w.buf, w.len, (uint16_t)(l->peer.seq + 1), 0, 0, l->frame);
	for (size_t i = MR_PREFIX_LEN - 2; i < len; i++) {
		l->frame[i] ^= 2; /* HOLD is the one bit that may change: see below */
		if (i != MR_PREFIX_LEN + 8)
			board_hear(&l->board, l->frame, len);
		l->frame[i] ^= 2;
	}
	while (l->board.count > 0)
		(void)board_take(&l->board, true); /* refusals of sessions that it does not have */
	board_hear(&l->board, l->frame, peer_build_poll(&l->peer, l->peer.seq, 0, l->frame));
	assert_true(peer_hears(&l->peer, 0));
	assert_memory_equal(l->peer.raw.bytes + MR_HEADER_LEN, first.bytes + MR_HEADER_LEN, first.len - MR_HEADER_LEN);
	/* The device's own answer, sent back at it, is no request. */
	board_hear(&l->board, first.bytes, first.len);
	memcpy(first.bytes + 4, l->board.config.mac, 6);
	board_hear(&l->board, first.bytes, first.len);
	assert_int_equal(l->board.count, 0);
	assert_int_equal(ask(l, begin(l, MR_OP_SELFTEST)), MR_CAUSE_OK);
}

/* ---- endings ---- */

static void silence_longer_than_the_lease_ends_the_session(void **state)
{
	struct line *l = *state;

	l->peer.lease_s = 5;
	assert_true(peer_connects(&l->peer));
	assert_false(board_wait(&l->board, 4900000));
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
	assert_false(board_wait(&l->board, 4900000));
	assert_int_equal(l->board.freq_mhz, 2437);
	/* Calls do not keep a session alive: a station that restarted calls too, and has forgotten it. */
	board_hear(&l->board, l->frame, peer_build_call(&l->peer, MR_CALL_PRESENT, 0, 0, l->frame));
	assert_false(board_wait(&l->board, 200000));
	assert_int_equal(l->board.freq_mhz, 2412);
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), -1);
	assert_true(peer_connects(&l->peer));
}

static void a_restarted_device_says_that_it_does_not_know_the_session(void **state)
{
	struct line *l = *state;
	struct mr_wr w;
	size_t len;

	assert_true(peer_connects(&l->peer));
	assert_true(board_start(&l->board));
	board_hear(&l->board, l->frame, peer_build_poll(&l->peer, 1, 0, l->frame));
	assert_false(peer_hears(&l->peer, 0));
	assert_int_equal(l->peer.progress.state, MR_PROGRESS_UNKNOWN);
	w = begin(l, MR_OP_STATUS);
	for (int i = 0; i < 100; i++)
		board_hear(&l->board, l->frame, peer_build_data(&l->peer, w.buf, w.len, 1, 0, 0, l->frame));
	assert_int_equal(l->board.count, 1); /* two in a row, then one in 100 ms */
	(void)board_take(&l->board, true);
	assert_false(board_wait(&l->board, 150000));
	board_hear(&l->board, l->frame, peer_build_data(&l->peer, w.buf, w.len, 1, 0, 0, l->frame));
	assert_int_equal(l->board.count, 1);
	/* To somebody else's address: not our business. */
	(void)board_take(&l->board, true);
	assert_false(board_wait(&l->board, 500000));
	len = peer_build_poll(&l->peer, 1, 0, l->frame);
	l->frame[4 + 5] ^= 1;
	board_hear(&l->board, l->frame, len);
	assert_int_equal(l->board.count, 0);
}

static void a_device_told_to_retry_answers_calls_after_a_pause(void **state)
{
	struct line *l = *state;

	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask(l, finish_request(l, MR_VERDICT_RETRY)), MR_CAUSE_OK);
	assert_int_equal(l->board.verdict, MR_VERDICT_RETRY);
	assert_false(mr_agent_finished(&l->board.agent));
	assert_false(peer_meets(&l->peer));
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), -1);
	assert_false(board_wait(&l->board, 1000000));
	assert_int_equal(l->board.freq_mhz, 2412);
	assert_true(peer_connects(&l->peer));
}

static void a_device_that_failed_is_silent_until_it_is_restarted(void **state)
{
	struct line *l = *state;
	struct mr_wr w;

	assert_true(peer_connects(&l->peer));
	provision(l);
	assert_int_equal(ask(l, finish_request(l, MR_VERDICT_FAIL)), MR_CAUSE_OK);
	assert_true(mr_agent_finished(&l->board.agent));
	/* The answer may have been lost: a repeat is still answered, a new request is not. */
	w = finish_request(l, MR_VERDICT_FAIL);
	board_hear(&l->board, l->frame, peer_build_data(&l->peer, w.buf, w.len, l->peer.seq, 0, 0, l->frame));
	assert_true(peer_hears(&l->peer, 0));
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), -1);
	assert_false(board_wait(&l->board, 60000000));
	assert_false(peer_meets(&l->peer));
	board_hear(&l->board, l->frame, peer_build_poll(&l->peer, 1, 0, l->frame));
	assert_int_equal(l->board.count, 0);
	assert_true(board_start(&l->board));
	assert_true(peer_connects(&l->peer));
	assert_int_equal(mr_agent_stage(&l->board.agent), STAGE_WHOLE);
}

/* ---- storage ---- */

static void a_storage_that_fails_is_reported_and_nothing_changes(void **state)
{
	struct line *l = *state;

	assert_true(peer_connects(&l->peer));
	l->board.write_fails = true;
	assert_int_equal(ask(l, key_request(l)), MR_CAUSE_STORAGE_FAILED);
	assert_int_equal(mr_agent_stage(&l->board.agent), 0);
	l->board.write_fails = false;
	take_key(l);
	assert_int_equal(ask(l, identity_request(l, 1)), MR_CAUSE_OK);
	l->board.write_fails = true;
	assert_int_equal(ask(l, commit_request(l, 1)), MR_CAUSE_STORAGE_FAILED);
	assert_int_equal(mr_agent_stage(&l->board.agent), MR_STAGE_KEY);
	l->board.write_fails = false;
	assert_int_equal(ask(l, commit_request(l, 1)), MR_CAUSE_OK);
}

static void an_octet_lost_in_storage_is_found_by_verify(void **state)
{
	struct line *l = *state;
	struct mr_wr w;

	assert_true(peer_connects(&l->peer));
	provision(l);
	l->board.slot[l->board.agent.store.slot][200] ^= 4;
	w = begin(l, MR_OP_VERIFY);
	mr_attribute_add(&w, MR_AT_CHALLENGE, challenge, 32);
	assert_int_equal(ask(l, w), MR_CAUSE_STORAGE_FAILED);
	/* The older slot speaks now: before the last commit. */
	assert_int_equal(mr_agent_stage(&l->board.agent), MR_STAGE_KEY | MR_STAGE_IDENTITY);
	assert_int_equal(ask(l, commit_request(l, TXN_CREDENTIALS)), MR_CAUSE_OK);
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
}

/* The steps that write, in order; `n` counts from 0. */
static struct mr_wr writing_step(struct line *l, unsigned n)
{
	switch (n) {
	case 0: return key_request(l);
	case 1: return identity_request(l, TXN_IDENTITY);
	case 2: return commit_request(l, TXN_IDENTITY);
	case 3: return credentials_request(l, TXN_CREDENTIALS);
	case 4: return commit_request(l, TXN_CREDENTIALS);
	case 5: return seal_request(l, TXN_SEAL);
	default: return finish_request(l, MR_VERDICT_PASS);
	}
}

#define WRITING_STEPS 7

static void run_step(struct line *l, unsigned n)
{
	if (n == 0)
		take_key(l);
	else
		assert_int_equal(ask(l, writing_step(l, n)), MR_CAUSE_OK);
}

/* What the storage says, as text that can be compared: the sections of the newest slot without the restarts. */
static size_t flash_dump(struct board *b, uint8_t out[MR_STORE_MAX])
{
	struct mr_store s;
	struct mr_port port = b->port;

	mr_store_load(&s, &port);
	mr_store_drop(&s, MR_SECTION_RESTARTS);
	memcpy(out, s.image + MR_STORE_HEAD_LEN, s.len - MR_STORE_HEAD_LEN);
	return s.len - MR_STORE_HEAD_LEN;
}

/* Jumps out of the storage write when the power goes; in a function of its own for setjmp's sake. */
static bool power_goes(struct line *l, unsigned step, size_t cut_at)
{
	struct mr_wr w = writing_step(l, step);
	jmp_buf power;

	if (setjmp(power) != 0)
		return true;
	l->board.power = &power;
	l->board.power_cut_at = cut_at;
	(void)peer_asks(&l->peer, &w);
	l->board.power = NULL;
	return false;
}

/* How many octets of the write since `before` must be there: erased flash reads 0xff, so the last ones may be right
 * already. */
static size_t octets_needed(const struct board *before, const struct board *after)
{
	size_t len = after->last_write_len, slot = 0;

	while (slot + 1 < MR_STORE_SLOTS && memcmp(before->slot[slot], after->slot[slot], len) == 0)
		slot++;
	while (len > 0 && after->slot[slot][len - 1] == 0xff)
		len--;
	return len;
}

static void power_may_go_at_any_octet_of_any_write_and_the_device_resumes(void **state)
{
	struct line *l = *state;
	struct line before; /* the line as it was before the step */
	uint8_t old[MR_STORE_MAX], new[MR_STORE_MAX], now[MR_STORE_MAX];

	assert_true(peer_connects(&l->peer));
	for (unsigned step = 0; step < WRITING_STEPS; step++) {
		size_t old_len, new_len, write_len, needed;
		unsigned writes = l->board.writes;

		before = *l;
		old_len = flash_dump(&l->board, old);
		run_step(l, step);
		assert_int_equal(l->board.writes, writes + 1);
		new_len = flash_dump(&l->board, new);
		write_len = l->board.last_write_len;
		needed = octets_needed(&before.board, &l->board);
		for (size_t cut = 0; cut <= write_len; cut++) {
			size_t len;

			*l = before;
			assert_true(power_goes(l, step, cut));
			(void)board_start(&l->board);
			len = flash_dump(&l->board, now);
			if (cut < needed) { /* before the write, to the octet */
				assert_int_equal(len, old_len);
				assert_memory_equal(now, old, len);
			} else { /* after it */
				assert_int_equal(len, new_len);
				assert_memory_equal(now, new, len);
			}
			if (cut % 211 != 0 && cut != write_len)
				continue;
			/* All the way to the end from here. The key may be a new one if none was stored. */
			for (unsigned rest = 0; rest < WRITING_STEPS && !mr_agent_finished(&l->board.agent); rest++) {
				if (rest == 0)
					assert_true(peer_connects(&l->peer));
				if (rest > 0 || !(mr_agent_stage(&l->board.agent) & MR_STAGE_SEALED))
					run_step(l, rest);
			}
			assert_true(mr_agent_finished(&l->board.agent));
			assert_int_equal(mr_agent_stage(&l->board.agent), STAGE_WHOLE | MR_STAGE_SEALED);
			assert_string_equal(mr_agent_serial(&l->board.agent), SERIAL);
		}
		/* On with the step as it went without a cut. */
		*l = before;
		run_step(l, step);
	}
}

/* ---- garbage ---- */

static void nothing_that_is_heard_can_harm_the_agent(void **state)
{
	struct line *l = *state;
	struct mr_wr w;

	assert_true(peer_connects(&l->peer));
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t junk[256];
		size_t len;

		peer_random(&l->peer, junk, sizeof(junk));
		len = junk[0];
		if (i % 4 != 0) { /* of our kind at least */
			w = begin(l, MR_OP_STATUS);
			(void)peer_build_data(&l->peer, w.buf, w.len, (uint16_t)(l->peer.seq + 1), 0, 0, l->frame);
			memcpy(junk, l->frame, MR_PREFIX_LEN - 1);
			junk[MR_PREFIX_LEN - 1] = (uint8_t)(1 + i % 8);
		}
		board_hear(&l->board, junk, len);
		while (l->board.count > 0)
			(void)board_take(&l->board, i % 2);
	}
	assert_int_equal(ask(l, begin(l, MR_OP_STATUS)), MR_CAUSE_OK);
}

static void a_configuration_out_of_range_is_refused(void **state)
{
	struct line *l = *state;

	l->board.config.channel_count = 0;
	assert_false(board_start(&l->board));
	l->board.config.channel_count = MR_CHANNELS_MAX + 1;
	assert_false(board_start(&l->board));
	l->board.config.channel_count = 1;
	l->board.config.product = "";
	assert_false(board_start(&l->board));
	l->board.config.product = "123456789012345678901234567890123";
	assert_false(board_start(&l->board));
	l->board.config.product = "12345678901234567890123456789012";
	assert_true(board_start(&l->board));
}

#define test(name) cmocka_unit_test_setup_teardown(name, line_make, line_wipe)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_called_device_says_hello_in_a_slot_of_the_window),
		test(a_hello_names_batch_and_device_and_has_a_nonce_of_its_own),
		test(a_call_of_another_batch_station_or_time_is_not_answered),
		test(a_device_whose_hello_was_not_acked_answers_the_next_call),
		test(a_device_that_nobody_calls_looks_on_the_next_channel),
		test(a_radio_that_does_not_tune_is_tried_again),
		test(an_invitation_is_obeyed_when_it_is_authentic_fresh_and_on_a_planned_channel),
		test(message_1_introduces_the_device),
		test(message_1_is_repeated_octet_for_octet_and_given_up_in_the_end),
		test(a_repeated_invitation_brings_message_1_again),
		test(a_forged_message_2_does_not_end_the_handshake),
		test(data_during_the_handshake_brings_message_1_again),
		test(a_device_goes_the_whole_way_and_every_signature_holds),
		test(a_failed_self_test_says_so_and_shows_every_item),
		test(a_key_is_made_once_and_depends_on_the_stations_entropy),
		test(a_device_without_entropy_makes_no_key),
		test(steps_out_of_order_are_refused),
		test(a_new_transaction_replaces_the_open_one_and_a_restart_keeps_it),
		test(values_that_make_no_sense_are_refused),
		test(a_request_cut_anywhere_is_refused_or_harmless),
		test(a_repeated_request_is_answered_with_the_same_octets_and_done_once),
		test(fragments_come_in_any_order_and_what_is_missing_is_told),
		test(a_request_longer_than_the_buffer_is_not_taken),
		test(a_held_answer_waits_for_the_call_of_its_own_station),
		test(an_answer_that_is_not_acked_is_sent_again_ever_less_often_and_then_waits),
		test(forged_data_neither_disturbs_the_answer_nor_is_heard),
		test(silence_longer_than_the_lease_ends_the_session),
		test(a_restarted_device_says_that_it_does_not_know_the_session),
		test(a_device_told_to_retry_answers_calls_after_a_pause),
		test(a_device_that_failed_is_silent_until_it_is_restarted),
		test(a_storage_that_fails_is_reported_and_nothing_changes),
		test(an_octet_lost_in_storage_is_found_by_verify),
		test(power_may_go_at_any_octet_of_any_write_and_the_device_resumes),
		test(nothing_that_is_heard_can_harm_the_agent),
		test(a_configuration_out_of_range_is_refused),
	};

	return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
