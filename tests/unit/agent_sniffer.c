/*
 * A device that listens to broadcasts, against a minimal station: the network that was heard before or in the session
 * becomes the device's own when CREDENTIALS names it, with the digest of one that was sent; not when it is another,
 * when its time is up, or when the image has no ear for it.
 *
 * links: agent/port/linux/crypto_openssl.c tests/support/board.c tests/support/methods_direct.c
 * links: tests/support/peer.c agent/libmr.a
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/board.h"

#include <cmocka.h>

#include "agent/core/method.h"
#include "agent/wire/cause.h"
#include "tests/support/peer.h"

static const struct mr_method *const image[] = { &mr_method_direct, &mr_method_sniffer, NULL };

static const uint8_t batch_key[32] = { 0xba, 0x7c, 4, 5, 6 };
static const uint8_t other_key[32] = { 0xba, 0x7c, 4, 5, 7 };
static const uint8_t challenge[32] = { 0xc4, 1, 2, 3 };
static const uint8_t entropy[32] = { 0xe7, 9, 8, 7 };

#define SSID "mill hall"
#define PASSPHRASE "a weir above the wheel"
#define LIFETIME_S 60
#define TXN 0x1234u

/* What the chip tells of frames that are not for it. */
enum ear { WHOLE_FRAMES, HEADERS, LENGTHS };

struct line {
	struct board board;
	struct peer peer;
	struct mr_sealed_sender sender;
	uint16_t sequence;
	enum ear ear;
	uint8_t request[MR_MESSAGE_MAX], digest[32];
};

static int line_make(void **state)
{
	struct line *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	peer_make(&l->peer, 99, batch_key);
	board_make(&l->board, 7, l->peer.s_pub, batch_key);
	l->peer.board = &l->board;
	l->board.config.methods = image;
	assert_true(board_start(&l->board));
	*state = l;
	return 0;
}

static int line_wipe(void **state)
{
	free(*state);
	return 0;
}

/* ---- the air ---- */

static void seal(struct line *l, const uint8_t key[static 32], uint64_t issue, const char *ssid, uint16_t lifetime_s)
{
	struct mr_sealed m = { .issue = issue, .lifetime_s = lifetime_s, .security = MR_SECURITY_WPA2 };
	uint8_t message[MR_SEALED_MAX];
	size_t len;

	m.ssid_len = (uint8_t)strlen(ssid);
	memcpy(m.ssid, ssid, m.ssid_len);
	m.passphrase_len = (uint8_t)strlen(PASSPHRASE);
	memcpy(m.passphrase, PASSPHRASE, m.passphrase_len);
	assert_true(mr_sealed_seal(key, &m, message, &len));
	mr_sealed_begin(&l->sender, message, len, l->ear == LENGTHS ? MR_SEALED_BY_LENGTHS : MR_SEALED_BY_HEADERS);
}

static void on_air(struct line *l, unsigned frames)
{
	while (frames-- > 0) {
		struct mr_overheard_out out = { .bssid = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 },
						.source = { 2, 0xaa, 0, 0, 0, 1 },
						.from_ds = true,
						.source_ip = { 192, 168, 77, 1 },
						.source_port = MR_SEALED_PORT,
						.port = MR_SEALED_PORT };
		uint8_t bytes[MR_OVERHEARD_BASE + MR_OVERHEARD_PAYLOAD_MAX];
		struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));
		struct mr_sealed_frame frame;

		mr_sealed_next(&l->sender, &frame);
		out.sequence = l->sequence++ & 0xfff;
		mr_overheard_group(frame.destination, out.destination);
		memcpy(out.destination_ip, frame.destination, 4);
		out.payload = frame.payload;
		out.payload_len = frame.payload_len;
		out.length = (uint16_t)frame.length;
		assert_true(mr_overheard_build(&w, &out));
		if (l->ear != WHOLE_FRAMES)
			memset(bytes + MR_HEADER_LEN, 0, w.len - MR_HEADER_LEN);
		if (l->ear == LENGTHS)
			memset(bytes + 4, 0xff, 6);
		board_hear(&l->board, bytes, w.len);
		board_wait(&l->board, frame.gap_us);
	}
}

/* Enough for each ear. */
static void broadcast(struct line *l, uint64_t issue)
{
	static const unsigned enough[] = { 1, 40, 100 };

	seal(l, batch_key, issue, SSID, LIFETIME_S);
	on_air(l, enough[l->ear]);
}

/* ---- requests ---- */

static struct mr_wr begin(struct line *l, enum mr_operation operation, uint64_t txn)
{
	struct mr_wr w = mr_wr_over(l->request, sizeof(l->request));

	mr_request_begin(&w, operation);
	mr_attribute_add_u64(&w, MR_AT_TXN, txn);
	return w;
}

static int ask(struct line *l, struct mr_wr w) { return peer_asks(&l->peer, &w) ? l->peer.response.cause : -1; }

static int ask_for(struct line *l, uint64_t txn, uint64_t issue)
{
	struct mr_wr w = begin(l, MR_OP_CREDENTIALS, txn);

	mr_attribute_add_u64(&w, MR_AT_ISSUE, issue);
	return ask(l, w);
}

static int commit(struct line *l, uint64_t txn) { return ask(l, begin(l, MR_OP_COMMIT, txn)); }

/* Of the network as it would have been sent, by the rule of message.h. */
static void digest_is_that_of_the_network(const struct line *l)
{
	uint8_t txn[8] = { TXN & 0xff, TXN >> 8 }, security = MR_SECURITY_WPA2, want[32];
	const struct mr_digest_field fields[] = {
		{ txn, 8 }, { SSID, strlen(SSID) }, { &security, 1 }, { PASSPHRASE, strlen(PASSPHRASE) }
	};

	assert_true(mr_digest(want, "millrace credentials", fields, 4));
	assert_true(l->peer.response.has[MR_AT_DIGEST]);
	assert_memory_equal(l->peer.response.value[MR_AT_DIGEST].at, want, 32);
}

static bool has_credentials(const struct line *l) { return mr_agent_stage(&l->board.agent) & MR_STAGE_CREDENTIALS; }

/* ---- tests ---- */

static void what_was_heard_before_the_session_is_prepared(void **state)
{
	struct line *l = *state;

	for (l->ear = WHOLE_FRAMES; l->ear <= LENGTHS; l->ear++) {
		memset(l->board.written, 0, sizeof(l->board.written));
		assert_true(board_start(&l->board));
		broadcast(l, 5);
		assert_int_equal(l->board.writes, l->ear * 2); /* hearing stores nothing */
		assert_true(peer_connects(&l->peer));
		assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_OK);
		digest_is_that_of_the_network(l);
		assert_false(has_credentials(l));
		assert_int_equal(commit(l, TXN), MR_CAUSE_OK);
		assert_true(has_credentials(l));
	}
}

/* The buffer is the session's; what is collected has a place of its own. */
static void what_is_heard_in_the_session_is_prepared(void **state)
{
	struct line *l = *state;

	for (l->ear = WHOLE_FRAMES; l->ear <= LENGTHS; l->ear++) {
		memset(l->board.written, 0, sizeof(l->board.written));
		assert_true(board_start(&l->board));
		assert_true(peer_connects(&l->peer));
		assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_NOT_HEARD);
		broadcast(l, 5);
		assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_OK);
		digest_is_that_of_the_network(l);
	}
}

static void another_broadcast_is_not_the_one_asked_for(void **state)
{
	struct line *l = *state;

	broadcast(l, 5);
	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask_for(l, TXN, 4), MR_CAUSE_NOT_HEARD);
	assert_int_equal(ask_for(l, TXN, 6), MR_CAUSE_NOT_HEARD);
	assert_int_equal(ask_for(l, TXN, 0), MR_CAUSE_NOT_HEARD);
	assert_int_equal(commit(l, TXN), MR_CAUSE_OUT_OF_ORDER);
	broadcast(l, 6);
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_NOT_HEARD);
	assert_int_equal(ask_for(l, TXN, 6), MR_CAUSE_OK);
	broadcast(l, 5); /* somebody's replay */
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_NOT_HEARD);
	assert_int_equal(ask_for(l, TXN, 6), MR_CAUSE_OK);
}

static void of_another_batch_or_forged_it_is_not_heard(void **state)
{
	struct line *l = *state;

	for (l->ear = WHOLE_FRAMES; l->ear <= HEADERS; l->ear++) {
		seal(l, other_key, 5, SSID, LIFETIME_S);
		on_air(l, 200);
		seal(l, batch_key, 5, SSID, LIFETIME_S);
		l->sender.message[20] ^= 1;
		on_air(l, 200);
	}
	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_NOT_HEARD);
	l->ear = WHOLE_FRAMES;
	broadcast(l, 5);
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_OK);
}

static void it_is_forgotten_after_its_time(void **state)
{
	struct line *l = *state;

	broadcast(l, 5);
	while (board_wait(&l->board, 1000000u * LIFETIME_S / 2 - 500000))
		(void)board_take(&l->board, true);
	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_OK);
	while (board_wait(&l->board, 1000000u * LIFETIME_S))
		(void)board_take(&l->board, true);
	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_NOT_HEARD);
	broadcast(l, 4); /* an older one is no newer for that */
	assert_int_equal(ask_for(l, TXN, 4), MR_CAUSE_NOT_HEARD);
	broadcast(l, 5);
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_OK);
}

/* While it is on the air it stays; and it is not opened at each frame. */
static void while_it_is_on_the_air_it_stays(void **state)
{
	struct line *l = *state;
	unsigned opened;

	for (l->ear = WHOLE_FRAMES; l->ear <= LENGTHS; l->ear++) {
		opened = l->board.work[MR_WORK_AEAD];
		seal(l, batch_key, 5 + l->ear, SSID, LIFETIME_S);
		on_air(l, 3 * LIFETIME_S * 1000000u / MR_SEALED_GAP_US);
		assert_in_range(l->board.work[MR_WORK_AEAD] - opened, 5, 7);
		assert_true(peer_connects(&l->peer));
		assert_int_equal(ask_for(l, TXN, 5 + l->ear), MR_CAUSE_OK);
		assert_true(board_start(&l->board));
	}
}

/* RAM is lost; what was prepared is not, and is asked for again only if the station does. */
static void a_power_cut_forgets_what_was_heard_and_keeps_what_was_stored(void **state)
{
	struct line *l = *state;

	broadcast(l, 5);
	assert_true(board_start(&l->board));
	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_NOT_HEARD);
	broadcast(l, 5);
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_OK);
	assert_true(board_start(&l->board));
	assert_true(peer_connects(&l->peer));
	assert_int_equal(commit(l, TXN), MR_CAUSE_OK);
	assert_true(board_start(&l->board));
	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_OK); /* is committed: the same answer, without a broadcast */
	digest_is_that_of_the_network(l);
	assert_int_equal(ask_for(l, TXN + 1, 5), MR_CAUSE_NOT_HEARD);
}

static void a_write_that_power_cut_is_asked_for_again(void **state)
{
	struct line *l = *state;
	jmp_buf power;

	broadcast(l, 5);
	assert_true(peer_connects(&l->peer));
	l->board.power_cut_at = 30;
	if (setjmp(power) == 0) {
		l->board.power = &power;
		(void)ask_for(l, TXN, 5);
		fail_msg("power did not go");
	}
	assert_true(board_start(&l->board));
	broadcast(l, 5);
	assert_true(peer_connects(&l->peer));
	assert_int_equal(commit(l, TXN), MR_CAUSE_OUT_OF_ORDER);
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_OK);
	assert_int_equal(commit(l, TXN), MR_CAUSE_OK);
}

static void an_issue_and_a_network_are_one_too_many(void **state)
{
	struct line *l = *state;
	struct mr_wr w;

	broadcast(l, 5);
	assert_true(peer_connects(&l->peer));
	w = begin(l, MR_OP_CREDENTIALS, TXN);
	mr_attribute_add_u64(&w, MR_AT_ISSUE, 5);
	mr_attribute_add(&w, MR_AT_SSID, SSID, strlen(SSID));
	assert_int_equal(ask(l, w), MR_CAUSE_BAD_REQUEST);
	assert_int_equal(ask_for(l, 0, 5), MR_CAUSE_BAD_REQUEST); /* no transaction */
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_OK);
}

static void an_image_without_the_row_says_so(void **state)
{
	static const struct mr_method *const deaf[] = { &mr_method_direct, NULL };
	struct line *l = *state;

	l->board.config.methods = deaf;
	assert_int_equal(mr_agent_wants(&l->board.config), MR_WANTS_ACTION_FRAMES);
	assert_true(board_start(&l->board));
	broadcast(l, 5);
	assert_true(peer_connects(&l->peer));
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_UNSUPPORTED);
	l->board.config.methods = image;
	assert_int_equal(mr_agent_wants(&l->board.config), MR_WANTS_ACTION_FRAMES | MR_WANTS_GROUP_FRAMES);
}

/* Whoever has had its verdict listens no more. */
static void a_device_that_is_finished_does_not_listen(void **state)
{
	struct line *l = *state;
	struct mr_wr w;

	broadcast(l, 5);
	assert_true(peer_connects(&l->peer));
	w = begin(l, MR_OP_FINISH, TXN);
	mr_attribute_add_u8(&w, MR_AT_VERDICT, MR_VERDICT_FAIL);
	assert_int_equal(ask(l, w), MR_CAUSE_OK);
	for (size_t i = 0; i < sizeof(l->board.agent.sniffer); i++)
		assert_int_equal(((const uint8_t *)&l->board.agent.sniffer)[i], 0);
	l->board.work[MR_WORK_ERASURE] = 0;
	broadcast(l, 6);
	assert_int_equal(l->board.work[MR_WORK_ERASURE], 0);
}

static void everything_behind_it_is_as_ever(void **state)
{
	struct line *l = *state;
	struct mr_wr w;

	broadcast(l, 5);
	assert_true(peer_connects(&l->peer));
	w = begin(l, MR_OP_KEY, TXN);
	mr_attribute_add(&w, MR_AT_ENTROPY, entropy, sizeof(entropy));
	assert_int_equal(ask(l, w), MR_CAUSE_OK);
	assert_int_equal(ask_for(l, TXN, 5), MR_CAUSE_OK);
	memcpy(l->digest, l->peer.response.value[MR_AT_DIGEST].at, 32);
	assert_int_equal(commit(l, TXN), MR_CAUSE_OK);
	w = begin(l, MR_OP_VERIFY, TXN);
	mr_attribute_add(&w, MR_AT_CHALLENGE, challenge, sizeof(challenge));
	assert_int_equal(ask(l, w), MR_CAUSE_OK);
	{
		uint8_t stage = MR_STAGE_KEY | MR_STAGE_CREDENTIALS, want[32];
		const struct mr_digest_field fields[] = { { &stage, 1 }, { NULL, 0 }, { l->digest, 32 } };

		assert_true(mr_digest(want, "millrace state", fields, 3));
		assert_memory_equal(l->peer.response.value[MR_AT_DIGEST].at, want, 32);
	}
}

#define test(name) cmocka_unit_test_setup_teardown(name, line_make, line_wipe)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(what_was_heard_before_the_session_is_prepared),
		test(what_is_heard_in_the_session_is_prepared),
		test(another_broadcast_is_not_the_one_asked_for),
		test(of_another_batch_or_forged_it_is_not_heard),
		test(it_is_forgotten_after_its_time),
		test(while_it_is_on_the_air_it_stays),
		test(a_power_cut_forgets_what_was_heard_and_keeps_what_was_stored),
		test(a_write_that_power_cut_is_asked_for_again),
		test(an_issue_and_a_network_are_one_too_many),
		test(an_image_without_the_row_says_so),
		test(a_device_that_is_finished_does_not_listen),
		test(everything_behind_it_is_as_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
