/*
 * The link to one device, against a device made of the wire's own functions: the way through, what is lost, repeated,
 * forged or cut on it, and who pays for silence.
 *
 * links: station/link/action.c agent/wire/frame.c agent/wire/noise.c agent/wire/hkdf.c
 * links: agent/port/linux/crypto_openssl.c
 * links: station/base/log.c agent/wire/cause.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/wire/cause.h"
#include "tests/support/voice.h"
#include "tests/unit/action_device.h"

static uint8_t fill[MR_MESSAGE_MAX + 1]; /* written in main, before the tests */

static int setup(void **state)
{
	*state = bench_create();
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	return 0;
}

/* Time passes until the deadline, with the radio there. */
static int expire(struct bench *b)
{
	b->now_us = link_deadline_us(&b->link.base);
	return link_expire(&b->link.base, b->now_us);
}

static int answer(struct bench *b, uint16_t seq, size_t len)
{
	uint8_t frame[RADIO_FRAME_MAX];
	int event = ACTION_NOTHING;

	for (unsigned i = 0; i * MR_FRAGMENT_MAX < len; i++) {
		size_t n = device_response(b, seq, fill, len, i, frame);

		assert_int_equal(event, ACTION_NOTHING);
		event = bench_air(b, frame, n);
	}
	return event;
}

static int progress(struct bench *b, enum mr_progress_state state, uint16_t seq, uint8_t have, uint16_t remaining_ms)
{
	uint8_t frame[RADIO_FRAME_MAX];

	return bench_air(b, frame, device_progress(b, state, seq, have, remaining_ms, frame));
}

/* --- the way through --- */

static void a_session_goes_from_invitation_to_answer(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX];

	assert_int_equal(b->link.state, ACTION_INVITING);
	assert_true(link_ready(&b->link.base));
	bench_to_invited(b);
	assert_true(link_unsafe(&b->link.base) && !link_ready(&b->link.base));
	assert_int_equal(bench_air(b, frame, device_handshake_1(b, frame)), ACTION_HANDSHAKE);
	assert_int_equal(b->message_len, sizeof(STATUS));
	assert_memory_equal(b->message, STATUS, sizeof(STATUS));
	bench_accept(b);
	assert_true(link_unsafe(&b->link.base));
	assert_true(bench_send(b, true, true) > 0);
	assert_int_equal(b->link.state, ACTION_IDLE);
	assert_false(link_unsafe(&b->link.base));
	assert_memory_equal(b->keys.to_device, b->link.keys.to_device, 32);
	assert_memory_equal(b->keys.handshake_hash, b->link.keys.handshake_hash, 32);
	assert_null(b->link.noise);
	bench_ask(b, fill, 10, 5000);
	assert_true(bench_send(b, true, true) > 0);
	assert_int_equal(b->link.state, ACTION_WAITING);
	assert_int_equal(link_due_us(&b->link.base), b->now_us + 5000);
	assert_int_equal(answer(b, 1, 20), ACTION_RESPONSE);
	assert_int_equal(b->message_len, 20);
	assert_memory_equal(b->message, fill, 20);
	assert_int_equal(link_due_us(&b->link.base), UINT64_MAX);
	assert_int_equal(link_deadline_us(&b->link.base), UINT64_MAX);
}

/* One line for each change of state, with the reason; and the end with its cause. */
static void the_log_tells_how_far_the_session_came(void **state)
{
	struct bench *b = *state;
	struct voice v;

	b->link.base.tag = voice_open(&v, LOG_DEBUG);
	bench_to_waiting(b, fill, 10, 5000);
	assert_int_equal(answer(b, 1, 20), ACTION_RESPONSE);
	assert_string_equal(voice_text(&v),
			    "action: inviting -> invited (INVITE is acknowledged)\n"
			    "action: message 1 decrypts, payload of 19 octets\n"
			    "action: invited -> answering (message 1 is accepted)\n"
			    "action: answering -> idle (message 2 is acknowledged: the session is up)\n"
			    "action: idle -> asking (request 1, 1 fragments)\n"
			    "action: asking -> waiting (request 1 is acknowledged, its work will take about 5 ms)\n"
			    "action: waiting -> idle (response 1, 20 octets, 0 polls so far)\n");
	voice_close(&v);

	b->link.base.tag = voice_open(&v, LOG_INFO);
	bench_ask(b, fill, 10, 0);
	while (bench_send(b, true, true))
		;
	for (int result = 0; result == 0;) {
		result = expire(b);
		while (bench_send(b, true, false))
			;
	}
	assert_int_equal(
		strncmp(voice_text(&v), "action: waiting -> no-answer (no answer to request 2, silent for 4", 66), 0);
	voice_close(&v);
	b->link.base.tag = NULL;
}

static void messages_of_every_length_around_a_fragment_arrive_whole(void **state)
{
	static const size_t lengths[] = {
		1, MR_FRAGMENT_MAX - 1, MR_FRAGMENT_MAX, MR_FRAGMENT_MAX + 1, MR_MESSAGE_MAX - 1, MR_MESSAGE_MAX
	};
	struct bench *b = *state;

	bench_to_idle(b);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t len = 0;

		bench_ask(b, fill, lengths[i], 0);
		while (bench_send(b, true, true))
			;
		assert_int_equal(b->have, (1u << b->fragments) - 1);
		for (unsigned k = 0; k < b->fragments; k++)
			len += b->request_len[k];
		assert_int_equal(len, lengths[i]);
		assert_memory_equal(b->request, fill, len);
		assert_int_equal(answer(b, b->seq, lengths[i]), ACTION_RESPONSE);
		assert_int_equal(b->message_len, lengths[i]);
		assert_memory_equal(b->message, fill, lengths[i]);
	}
}

static void a_message_too_long_or_empty_is_refused(void **state)
{
	struct bench *b = *state;

	bench_to_idle(b);
	assert_int_equal(link_request(&b->link.base, mr_rd_over(fill, MR_MESSAGE_MAX + 1), 0, b->now_us),
			 -MR_CAUSE_TOO_LONG);
	assert_int_equal(link_request(&b->link.base, mr_rd_over(fill, 0), 0, b->now_us), -MR_CAUSE_TOO_LONG);
}

static void fragments_may_come_in_any_order_and_twice(void **state)
{
	struct bench *b = *state;
	uint8_t frame[2][RADIO_FRAME_MAX];
	size_t len[2];

	bench_to_waiting(b, fill, 10, 0);
	for (unsigned i = 0; i < 2; i++)
		len[i] = device_response(b, 1, fill, MR_FRAGMENT_MAX + 7, i, frame[i]);
	assert_int_equal(bench_air(b, frame[1], len[1]), ACTION_NOTHING);
	assert_int_equal(bench_air(b, frame[1], len[1]), ACTION_NOTHING);
	assert_int_equal(bench_air(b, frame[0], len[0]), ACTION_RESPONSE);
	assert_int_equal(b->message_len, MR_FRAGMENT_MAX + 7);
	assert_memory_equal(b->message, fill, b->message_len);
	for (unsigned i = 0; i < 2; i++) /* the same answer, played again */
		assert_int_equal(bench_air(b, frame[i], len[i]), ACTION_NOTHING);
	assert_int_equal(b->link.state, ACTION_IDLE);
}

static void an_answer_may_overtake_the_report_on_its_question(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX], what;
	size_t len;

	bench_to_idle(b);
	bench_ask(b, fill, 10, 0);
	len = link_pull(&b->link.base, frame, false, &what, b->now_us);
	assert_true(device_takes(b, frame, len));
	assert_int_equal(answer(b, 1, 30), ACTION_RESPONSE);
	link_sent(&b->link.base, what, false, 7, b->now_us);
	assert_int_equal(b->link.state, ACTION_IDLE);
	assert_false(link_ready(&b->link.base));
	bench_ask(b, fill, 10, 0);
	while (bench_send(b, true, true))
		;
	assert_int_equal(answer(b, 2, 30), ACTION_RESPONSE);
}

static void hold_is_said_in_the_frame_and_does_not_break_its_seal(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX], what;
	struct mr_frame f;
	size_t len;

	bench_to_idle(b);
	bench_ask(b, fill, 2 * 10, 0);
	len = link_pull(&b->link.base, frame, true, &what, b->now_us);
	assert_true(mr_frame_parse(mr_rd_over(frame, len), &f));
	assert_int_equal(f.data.flags, MR_DATA_HOLD);
	assert_true(device_takes(b, frame, len));
	link_sent(&b->link.base, what, false, 7, b->now_us);
	assert_int_equal(expire(b), ACTION_NOTHING);
	len = link_pull(&b->link.base, frame, false, &what, b->now_us); /* the radio stays after all */
	assert_true(mr_frame_parse(mr_rd_over(frame, len), &f));
	assert_int_equal(f.data.flags, 0);
	assert_true(device_takes(b, frame, len));
}

static void sequence_numbers_go_round_over_all_links(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX], what;
	struct mr_frame f;

	b->station.sequence = 0xfff;
	assert_true(mr_frame_parse(mr_rd_over(frame, link_pull(&b->link.base, frame, false, &what, 0)), &f));
	assert_int_equal(f.header.sequence, 0xfff);
	assert_int_equal(b->station.sequence, 0);
}

/* --- what is lost --- */

static void an_invitation_that_nobody_acknowledges_ends_in_a_timeout(void **state)
{
	struct bench *b = *state;
	unsigned sent = 0;
	int result = ACTION_NOTHING;

	while (result == ACTION_NOTHING && sent < 100) {
		sent += bench_send(b, false, false) > 0;
		result = expire(b);
	}
	assert_int_equal(result, -MR_CAUSE_HANDSHAKE_TIMEOUT);
	assert_int_equal(sent, 5);
}

static void an_invited_device_that_stays_silent_ends_in_a_timeout(void **state)
{
	struct bench *b = *state;

	bench_to_invited(b);
	assert_int_equal(link_expire(&b->link.base, link_deadline_us(&b->link.base) - 1), ACTION_NOTHING);
	assert_int_equal(expire(b), -MR_CAUSE_HANDSHAKE_TIMEOUT);
}

static void message_1_counts_even_when_the_invitations_ack_was_lost(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX];

	assert_true(bench_send(b, true, false) > 0);
	assert_int_equal(expire(b), ACTION_NOTHING);
	assert_true(link_ready(&b->link.base)); /* the INVITE again */
	assert_int_equal(bench_air(b, frame, device_handshake_1(b, frame)), ACTION_HANDSHAKE);
	bench_accept(b);
	assert_true(bench_send(b, true, true) > 0); /* message 2, not the INVITE */
	assert_int_equal(b->link.state, ACTION_IDLE);
}

static void message_1_once_more_gets_message_2_once_more(void **state)
{
	struct bench *b = *state;
	uint8_t again[RADIO_FRAME_MAX], first[RADIO_FRAME_MAX], second[RADIO_FRAME_MAX], what;
	size_t again_len, len;

	bench_to_answering(b);
	again_len = device_handshake_1(b, again); /* the same ephemeral key: the same octets */
	len = link_pull(&b->link.base, first, false, &what, b->now_us);
	link_sent(&b->link.base, what, true, 1, b->now_us);
	assert_int_equal(b->link.state, ACTION_IDLE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bench_air(b, again, again_len), ACTION_NOTHING);
		assert_int_equal(link_pull(&b->link.base, second, false, &what, b->now_us), len);
		assert_memory_equal(second + MR_PREFIX_LEN, first + MR_PREFIX_LEN, len - MR_PREFIX_LEN);
		link_sent(&b->link.base, what, i == 0, 1, b->now_us);
		assert_int_equal(b->link.state, ACTION_IDLE);
		assert_int_equal(link_pull(&b->link.base, second, false, &what, b->now_us), 0);
	}
	assert_true(device_takes(b, first, len));
}

/* A stranger needs no key to repeat it; between the handshake and the first request the record may be awaited. */
static void message_1_repeated_by_a_stranger_does_not_stop_the_first_request(void **state)
{
	struct bench *b = *state;
	uint8_t again[RADIO_FRAME_MAX];
	size_t again_len;

	bench_to_idle(b);
	again_len = device_handshake_1(b, again);
	assert_int_equal(bench_air(b, again, again_len), ACTION_NOTHING);
	assert_int_equal(b->link.state, ACTION_IDLE);
	assert_false(link_unsafe(&b->link.base)); /* nor does it keep the radio here */
	bench_ask(b, fill, 10, 0);
	assert_int_equal(bench_air(b, again, again_len), ACTION_NOTHING);
	assert_true(bench_send(b, true, true) > 0);
	assert_int_equal(b->link.state, ACTION_WAITING);
	assert_int_equal(bench_air(b, again, again_len), ACTION_NOTHING);
	assert_int_equal(answer(b, 1, 30), ACTION_RESPONSE);
	assert_int_equal(bench_air(b, again, again_len), ACTION_NOTHING);
	assert_false(link_ready(&b->link.base));
}

static void a_lost_fragment_is_sent_again_the_same_to_the_octet(void **state)
{
	struct bench *b = *state;
	uint8_t first[RADIO_FRAME_MAX], second[RADIO_FRAME_MAX], what;
	size_t len;

	bench_to_idle(b);
	bench_ask(b, fill, 2 * MR_FRAGMENT_MAX - 700, 0);
	len = link_pull(&b->link.base, first, false, &what, b->now_us);
	link_sent(&b->link.base, what, false, 8, b->now_us);
	assert_int_equal(b->link.base.retries, 7);
	assert_true(bench_send(b, true, true) > 0); /* the second gets through */
	assert_int_equal(expire(b), ACTION_NOTHING);
	assert_int_equal(link_pull(&b->link.base, second, false, &what, b->now_us), len);
	assert_memory_equal(second + MR_PREFIX_LEN, first + MR_PREFIX_LEN, len - MR_PREFIX_LEN);
	assert_true(device_takes(b, second, len));
}

static void the_device_names_the_fragment_that_it_lacks(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX], what;
	struct mr_frame f;

	bench_to_waiting(b, fill, MR_FRAGMENT_MAX + 1, 1000);
	assert_int_equal(progress(b, MR_PROGRESS_INCOMPLETE, 2, 0, 0), ACTION_NOTHING); /* of another request */
	assert_false(link_ready(&b->link.base));
	assert_int_equal(progress(b, MR_PROGRESS_INCOMPLETE, 1, 1, 0), ACTION_NOTHING);
	assert_int_equal(b->link.state, ACTION_ASKING);
	assert_true(mr_frame_parse(mr_rd_over(frame, link_pull(&b->link.base, frame, false, &what, b->now_us)), &f));
	assert_int_equal(f.data.fragment, 1);
	assert_false(link_ready(&b->link.base));
	link_sent(&b->link.base, what, true, 1, b->now_us);
	assert_int_equal(b->link.state, ACTION_WAITING);
	assert_int_equal(progress(b, MR_PROGRESS_INCOMPLETE, 1, 0xff, 0), ACTION_NOTHING); /* lacks nothing */
	assert_int_equal(b->link.state, ACTION_WAITING);
}

static void a_lost_answer_is_asked_for_and_the_poll_says_what_is_there(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX], what;
	struct mr_frame f;
	size_t len;

	bench_to_waiting(b, fill, 10, 10000);
	len = device_response(b, 1, fill, MR_FRAGMENT_MAX + 9, 1, frame);
	assert_int_equal(bench_air(b, frame, len), ACTION_NOTHING); /* the first was lost */
	assert_int_equal(expire(b), ACTION_NOTHING);
	assert_true(mr_frame_parse(mr_rd_over(frame, link_pull(&b->link.base, frame, false, &what, b->now_us)), &f));
	assert_int_equal(f.type, MR_POLL);
	assert_int_equal(f.poll.seq, 1);
	assert_int_equal(f.poll.have, 2);
	link_sent(&b->link.base, what, true, 1, b->now_us);
	len = device_response(b, 1, fill, MR_FRAGMENT_MAX + 9, 0, frame);
	assert_int_equal(bench_air(b, frame, len), ACTION_RESPONSE);
	assert_int_equal(b->message_len, MR_FRAGMENT_MAX + 9);
}

/* --- patience --- */

static void silence_costs_patience_only_when_expire_is_called(void **state)
{
	struct bench *b = *state;

	bench_to_waiting(b, fill, 10, 1000);
	b->now_us += 3600000000u; /* an hour without a radio */
	link_resume(&b->link.base, b->now_us);
	assert_int_equal(b->link.silent_us, 0);
	assert_true(link_deadline_us(&b->link.base) > b->now_us);
	assert_int_equal(answer(b, 1, 10), ACTION_RESPONSE);
}

static void a_silent_device_is_given_up_after_its_patience_and_not_before(void **state)
{
	struct bench *b = *state;
	uint64_t asked_us;
	unsigned polls = 0;
	int result = ACTION_NOTHING;

	bench_to_waiting(b, fill, 10, 50000);
	asked_us = b->now_us;
	while ((result = expire(b)) == ACTION_NOTHING) {
		assert_true(b->now_us < asked_us + 2 * b->link.base.patience_us);
		polls += bench_send(b, true, true) > 0;
	}
	assert_int_equal(result, -MR_CAUSE_NO_ANSWER);
	/* What the request takes is no silence. */
	assert_true(b->now_us - asked_us >= b->link.base.patience_us + 50000);
	assert_in_range(polls, 4, 20);
	assert_int_equal(b->link.polls, polls);
}

static void a_working_device_is_waited_for_as_long_as_it_says_so(void **state)
{
	struct bench *b = *state;

	bench_to_waiting(b, fill, 10, 1000);
	for (unsigned i = 0; i < 200; i++) { /* some minutes: far more than the patience */
		assert_int_equal(expire(b), ACTION_NOTHING);
		assert_true(bench_send(b, true, true) > 0);
		assert_int_equal(progress(b, MR_PROGRESS_WORKING, 1, 1, 3000), ACTION_NOTHING);
		assert_true(link_deadline_us(&b->link.base) > b->now_us + 3000000);
	}
	assert_int_equal(answer(b, 1, 10), ACTION_RESPONSE);
}

static void what_waits_in_our_own_queue_costs_the_device_nothing(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < 1000; i++) /* the channel is full: nobody pulls the INVITE */
		assert_int_equal(expire(b), ACTION_NOTHING);
	bench_to_answering(b);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(expire(b), ACTION_NOTHING);
	assert_true(bench_send(b, true, true) > 0);
	bench_ask(b, fill, 10, 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(expire(b), ACTION_NOTHING);
	assert_int_equal(b->link.base.misses, 0); /* and it goes at its own rate, not at the rate for repeats */
	assert_int_equal(b->link.silent_us, 0);
	assert_true(bench_send(b, true, true) > 0);
	assert_int_equal(expire(b), ACTION_NOTHING);
	for (unsigned i = 0; i < 1000; i++) /* the POLL neither */
		assert_int_equal(expire(b), ACTION_NOTHING);
	assert_true(bench_send(b, true, true) > 0);
	assert_int_equal(answer(b, 1, 10), ACTION_RESPONSE);
}

static void a_request_that_is_never_acknowledged_ends_in_no_answer(void **state)
{
	struct bench *b = *state;
	int result = ACTION_NOTHING;

	bench_to_idle(b);
	bench_ask(b, fill, MR_MESSAGE_MAX, 0);
	for (unsigned i = 0; result == ACTION_NOTHING; i++) {
		assert_true(i < 1000);
		while (bench_send(b, false, false))
			;
		result = expire(b);
	}
	assert_int_equal(result, -MR_CAUSE_NO_ANSWER);
}

/* --- UNKNOWN --- */

static void unknown_is_believed_when_said_to_two_polls_in_a_row(void **state)
{
	struct bench *b = *state;

	bench_to_waiting(b, fill, 10, 1000);
	assert_int_equal(expire(b), ACTION_NOTHING);
	assert_true(bench_send(b, true, true) > 0);
	assert_int_equal(progress(b, MR_PROGRESS_UNKNOWN, 0, 0, 0), ACTION_NOTHING);
	assert_int_equal(link_deadline_us(&b->link.base), b->now_us); /* asked again at once */
	assert_int_equal(expire(b), ACTION_NOTHING);
	assert_true(bench_send(b, true, true) > 0);
	assert_int_equal(progress(b, MR_PROGRESS_UNKNOWN, 0, 0, 0), ACTION_RESTARTED);
}

static void forged_unknown_does_not_end_a_session_whose_device_answers(void **state)
{
	static const enum mr_progress_state true_words[] = { MR_PROGRESS_WORKING, MR_PROGRESS_READY,
							     MR_PROGRESS_INCOMPLETE };
	struct bench *b = *state;

	bench_to_waiting(b, fill, 10, 1000);
	for (unsigned i = 0; i < 50; i++) /* unasked: before any poll */
		assert_int_equal(progress(b, MR_PROGRESS_UNKNOWN, (uint16_t)i, 0, 0), ACTION_NOTHING);
	for (unsigned i = 0; i < 12; i++) {
		assert_int_equal(expire(b), ACTION_NOTHING);
		while (bench_send(b, true, true))
			;
		for (unsigned k = 0; k < 50; k++) /* however often to one poll */
			assert_int_equal(progress(b, MR_PROGRESS_UNKNOWN, 1, 0, 0), ACTION_NOTHING);
		assert_int_equal(progress(b, true_words[i % 3], 1, 1, 100), ACTION_NOTHING);
	}
	assert_int_equal(answer(b, 1, 10), ACTION_RESPONSE);
}

static void progress_means_nothing_outside_a_request(void **state)
{
	struct bench *b = *state;

	for (int step = 0; step < 4; step++) {
		if (step == 1)
			bench_to_invited(b);
		if (step >= 2) {
			bench_destroy(b);
			*state = b = bench_create();
			step == 2 ? bench_to_answering(b) : bench_to_idle(b);
		}
		struct action_link before = b->link;

		for (int s = MR_PROGRESS_INCOMPLETE; s <= MR_PROGRESS_UNKNOWN; s++)
			for (uint16_t seq = 0; seq < 3; seq++)
				assert_int_equal(progress(b, (enum mr_progress_state)s, seq, 0, 9), ACTION_NOTHING);
		before.base.frames_received += 12;
		assert_memory_equal(&b->link, &before, sizeof(before));
	}
}

/* --- forged, cut, foreign --- */

static void a_handshake_of_a_stranger_changes_nothing(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX];
	size_t len;

	bench_to_invited(b);
	memset(b->batch_key, 1, 32); /* the device's; the station's is read through the same pointer, so: */
	len = device_handshake_1(b, frame);
	memset(b->batch_key, 0x62, 32);
	assert_int_equal(bench_air(b, frame, len), ACTION_NOTHING);
	b->mac[5] ^= 1; /* another device's MAC in the prologue */
	len = device_handshake_1(b, frame);
	b->mac[5] ^= 1;
	assert_int_equal(bench_air(b, frame, len), ACTION_NOTHING);
	b->session_id[7] ^= 1; /* of another session, the number in front is the same */
	len = device_handshake_1(b, frame);
	b->session_id[7] ^= 1;
	assert_int_equal(bench_air(b, frame, len), ACTION_NOTHING);
	assert_null(b->link.noise);
	assert_int_equal(b->message_len, 0);
	assert_int_equal(bench_air(b, frame, device_handshake_1(b, frame)), ACTION_HANDSHAKE);
}

static int agrees_with_nobody(const void *ctx, const uint8_t peer[static 32], uint8_t shared[static 32])
{
	(void)ctx, (void)peer, (void)shared;
	return -MR_CAUSE_SIGNER_UNAVAILABLE;
}

/* Our trouble, and no fault of the device's: it is not a handshake that failed. */
static void without_the_stations_key_the_session_ends_as_ours(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX];
	size_t len;

	bench_to_invited(b);
	len = device_handshake_1(b, frame);
	b->station.agree = agrees_with_nobody;
	assert_int_equal(bench_air(b, frame, len), -MR_CAUSE_SIGNER_UNAVAILABLE);
	assert_null(b->link.noise);
	assert_int_equal(b->message_len, 0);
}

static void every_changed_octet_of_an_answer_is_refused(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX];
	size_t len;

	bench_to_waiting(b, fill, 10, 1000);
	len = device_response(b, 1, fill, 33, 0, frame);
	for (size_t i = MR_PREFIX_LEN - 2; i < len; i++) /* from `version` on: the address is the lane's business */
		for (unsigned bit = 0; bit < 8; bit++) {
			frame[i] = (uint8_t)(frame[i] ^ 1u << bit);
			/* HOLD is the one bit that may change on the way. */
			if (i != MR_PREFIX_LEN + 8 || bit != 1)
				assert_int_equal(bench_air(b, frame, len), ACTION_NOTHING);
			frame[i] = (uint8_t)(frame[i] ^ 1u << bit);
		}
	assert_int_equal(b->link.state, ACTION_WAITING);
	assert_int_equal(bench_air(b, frame, len), ACTION_RESPONSE);
	assert_memory_equal(b->message, fill, 33);
}

static void every_changed_octet_of_message_1_is_refused(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX];
	size_t len;

	bench_to_invited(b);
	len = device_handshake_1(b, frame);
	for (size_t i = MR_PREFIX_LEN - 2; i < len; i++) {
		uint8_t was = frame[i];

		/* Curve25519 ignores the highest bit of the key; it is in the hash all the same. */
		frame[i] = (uint8_t)(was ^ 0x80);
		assert_int_equal(bench_air(b, frame, len), ACTION_NOTHING);
		frame[i] = (uint8_t)(was ^ 1);
		assert_int_equal(bench_air(b, frame, len), ACTION_NOTHING);
		frame[i] = was;
	}
	assert_int_equal(bench_air(b, frame, len), ACTION_HANDSHAKE);
}

static void every_frame_cut_anywhere_is_refused(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX];
	size_t len;

	bench_to_invited(b);
	len = device_handshake_1(b, frame);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(bench_air(b, frame, cut), ACTION_NOTHING);
	assert_int_equal(bench_air(b, frame, len), ACTION_HANDSHAKE);
	bench_accept(b);
	assert_true(bench_send(b, true, true) > 0);
	bench_ask(b, fill, 10, 1000);
	assert_true(bench_send(b, true, true) > 0);
	len = device_progress(b, MR_PROGRESS_INCOMPLETE, 1, 0, 0, frame);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(bench_air(b, frame, cut), ACTION_NOTHING);
	assert_false(link_ready(&b->link.base));
	for (unsigned i = 0; i < 2; i++) {
		len = device_response(b, 1, fill, MR_FRAGMENT_MAX + 40, i, frame);
		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(bench_air(b, frame, cut), ACTION_NOTHING);
		assert_int_equal(b->link.have, i); /* only the whole one of before */
		assert_int_equal(bench_air(b, frame, len), i == 0 ? ACTION_NOTHING : ACTION_RESPONSE);
	}
	assert_int_equal(b->message_len, MR_FRAGMENT_MAX + 40);
}

static void an_answer_to_another_question_is_not_taken(void **state)
{
	struct bench *b = *state;
	uint8_t old[RADIO_FRAME_MAX], frame[RADIO_FRAME_MAX];
	size_t old_len;

	bench_to_waiting(b, fill, 10, 1000);
	old_len = device_response(b, 1, fill, 50, 0, old);
	assert_int_equal(bench_air(b, old, old_len), ACTION_RESPONSE);
	bench_ask(b, fill, 10, 1000);
	while (bench_send(b, true, true))
		;
	assert_int_equal(bench_air(b, old, old_len), ACTION_NOTHING); /* played again */
	assert_int_equal(bench_air(b, frame, device_response(b, 3, fill, 50, 0, frame)), ACTION_NOTHING);
	assert_int_equal(answer(b, 2, 60), ACTION_RESPONSE);
	assert_int_equal(b->message_len, 60);
}

static void our_own_request_sent_back_is_no_answer(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX], what;
	size_t len;

	bench_to_idle(b);
	bench_ask(b, fill, 10, 0);
	len = link_pull(&b->link.base, frame, false, &what, b->now_us);
	assert_int_equal(bench_air(b, frame, len), ACTION_NOTHING);
	frame[MR_PREFIX_LEN + 8] |= MR_DATA_RESPONSE;
	assert_int_equal(bench_air(b, frame, len), ACTION_NOTHING);
	assert_int_equal(b->link.state, ACTION_ASKING);
}

/* Its own device, with its own keys, changes its mind about the number of fragments. */
static void a_device_that_contradicts_itself_ends_its_session(void **state)
{
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX];

	bench_to_waiting(b, fill, 10, 1000);
	assert_int_equal(bench_air(b, frame, device_response(b, 1, fill, MR_FRAGMENT_MAX + 1, 0, frame)),
			 ACTION_NOTHING);
	assert_int_equal(bench_air(b, frame, device_response(b, 1, fill, 2 * MR_FRAGMENT_MAX + 1, 1, frame)),
			 -MR_CAUSE_BAD_RESPONSE);
}

/* Three full fragments are more than a message may have. */
static void an_answer_longer_than_a_message_ends_the_session(void **state)
{
	static uint8_t long_one[3 * MR_FRAGMENT_MAX];
	struct bench *b = *state;
	uint8_t frame[RADIO_FRAME_MAX];
	int event = ACTION_NOTHING;

	bench_to_waiting(b, fill, 10, 1000);
	for (unsigned i = 0; i < 3; i++)
		event = bench_air(b, frame, device_response(b, 1, long_one, sizeof(long_one), i, frame));
	assert_int_equal(event, -MR_CAUSE_BAD_RESPONSE);
}

static void a_wiped_link_keeps_no_secret(void **state)
{
	struct bench *b = *state;
	struct action_link zero;

	bench_to_waiting(b, fill, 10, 1000);
	link_wipe(&b->link.base);
	memset(&zero, 0, sizeof(zero));
	assert_memory_equal(&b->link, &zero, sizeof(zero));
}

/* --- a bad channel, from a seed --- */

enum { KEPT = 8 }; /* frames */

struct bad_channel {
	uint64_t x;    /* the next random number */
	unsigned loss; /* out of 256 */
	uint8_t kept[KEPT][RADIO_FRAME_MAX];
	size_t kept_len[KEPT];
};

/* The reply that the device has built already, or what it says while it is waited for. Gives its length, 0: nothing. */
static size_t answer_of(struct bench *b, uint64_t x, size_t reply_len, uint8_t *reply)
{
	if (!reply_len && b->link.state == ACTION_WAITING && b->seq == b->link.seq &&
	    b->have == (1u << b->fragments) - 1)
		return device_response(b, b->seq, fill, b->seq * 600u, (unsigned)(x >> 16) & (b->seq > 2), reply);
	if (!reply_len && b->link.state == ACTION_WAITING)
		return device_progress(b, MR_PROGRESS_INCOMPLETE, b->link.seq, b->seq == b->link.seq ? b->have : 0, 0,
				       reply);
	return reply_len;
}

/* It is kept for later, lost, or something old comes in its place, perhaps with an octet changed. */
static size_t through(struct bad_channel *c, uint8_t *reply, size_t reply_len)
{
	uint64_t x = c->x;

	if (reply_len && c->kept_len[x >> 20 & (KEPT - 1)] == 0) {
		memcpy(c->kept[x >> 20 & (KEPT - 1)], reply, reply_len);
		c->kept_len[x >> 20 & (KEPT - 1)] = reply_len;
	}
	if ((x >> 24 & 7) == 0) {
		unsigned k = x >> 28 & (KEPT - 1);

		memcpy(reply, c->kept[k], c->kept_len[k]);
		reply_len = c->kept_len[k];
		if (reply_len && x >> 32 & 1)
			reply[(x >> 33) % reply_len] ^= (uint8_t)(x >> 50);
		c->kept_len[k] = 0;
	} else if ((x >> 40 & 255) < c->loss) {
		reply_len = 0;
	}
	return reply_len;
}

/* One step in time: a frame of the link, if it has one, and what comes back. Gives the event. */
static int step(struct bench *b, struct bad_channel *c, int result)
{
	uint8_t frame[RADIO_FRAME_MAX], reply[RADIO_FRAME_MAX], what;
	size_t len = link_pull(&b->link.base, frame, false, &what, b->now_us), reply_len = 0;
	bool took = false;

	c->x ^= c->x << 13, c->x ^= c->x >> 7, c->x ^= c->x << 17;
	b->now_us += 500;
	if (len && (c->x & 255) >= c->loss) {
		took = device_takes(b, frame, len);
		if (took && b->link.state == ACTION_INVITING)
			reply_len = device_handshake_1(b, reply);
	}
	if (len)
		link_sent(&b->link.base, what, took && (c->x >> 8 & 255) >= c->loss, 1, b->now_us);
	reply_len = through(c, reply, answer_of(b, c->x, reply_len, reply));
	return reply_len ? bench_air(b, reply, reply_len) : result;
}

/* Frames lost, reports lost, frames doubled, kept and played later, changed; each session ends with the right answers
 * or with a cause, and never with a wrong answer. */
static void a_session_survives_a_bad_channel_or_ends_with_a_cause(void **state)
{
	static struct bad_channel channel = { .x = 0x5eed0011 };
	unsigned whole = 0, ended = 0;

	(void)state;
	for (unsigned run = 0; run < 60; run++) {
		struct bench *b = bench_create();
		unsigned answers = 0;
		int result = ACTION_NOTHING;

		channel.loss = run % 12 * 8;
		memset(channel.kept_len, 0, sizeof(channel.kept_len));
		for (unsigned turn = 0; turn < 5000 && result >= 0 && answers < 5; turn++) {
			result = step(b, &channel, result);
			if (result == ACTION_HANDSHAKE) {
				assert_memory_equal(b->message, STATUS, sizeof(STATUS));
				bench_accept(b);
			} else if (result == ACTION_RESPONSE) {
				answers++;
				assert_int_equal(b->message_len, answers * 600);
				assert_memory_equal(b->message, fill, b->message_len);
			} else if (result == ACTION_RESTARTED) {
				break;
			}
			if (result >= 0 && b->link.state == ACTION_IDLE && b->seq == b->link.seq &&
			    !link_ready(&b->link.base) && answers == b->link.seq && answers < 3)
				bench_ask(b, fill, answers * 600 + 100, 1000);
			if (answers == 3 || b->link.state == ACTION_IDLE)
				b->now_us += 10000;
			if (answers == 3)
				break;
			if (result >= 0)
				result = link_expire(&b->link.base, b->now_us);
		}
		whole += answers == 3;
		ended += result < 0;
		if (channel.loss == 0)
			assert_true(answers == 3);
		bench_destroy(b);
	}
	assert_true(whole >= 30);
	assert_int_equal(whole + ended, 60);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_log_tells_how_far_the_session_came, setup, teardown),
		T(a_session_goes_from_invitation_to_answer),
		T(messages_of_every_length_around_a_fragment_arrive_whole),
		T(a_message_too_long_or_empty_is_refused),
		T(fragments_may_come_in_any_order_and_twice),
		T(an_answer_may_overtake_the_report_on_its_question),
		T(hold_is_said_in_the_frame_and_does_not_break_its_seal),
		T(sequence_numbers_go_round_over_all_links),
		T(an_invitation_that_nobody_acknowledges_ends_in_a_timeout),
		T(an_invited_device_that_stays_silent_ends_in_a_timeout),
		T(message_1_counts_even_when_the_invitations_ack_was_lost),
		T(message_1_once_more_gets_message_2_once_more),
		T(message_1_repeated_by_a_stranger_does_not_stop_the_first_request),
		T(a_lost_fragment_is_sent_again_the_same_to_the_octet),
		T(the_device_names_the_fragment_that_it_lacks),
		T(a_lost_answer_is_asked_for_and_the_poll_says_what_is_there),
		T(silence_costs_patience_only_when_expire_is_called),
		T(a_silent_device_is_given_up_after_its_patience_and_not_before),
		T(a_working_device_is_waited_for_as_long_as_it_says_so),
		T(what_waits_in_our_own_queue_costs_the_device_nothing),
		T(a_request_that_is_never_acknowledged_ends_in_no_answer),
		T(unknown_is_believed_when_said_to_two_polls_in_a_row),
		T(forged_unknown_does_not_end_a_session_whose_device_answers),
		T(progress_means_nothing_outside_a_request),
		T(a_handshake_of_a_stranger_changes_nothing),
		T(without_the_stations_key_the_session_ends_as_ours),
		T(every_changed_octet_of_an_answer_is_refused),
		T(every_changed_octet_of_message_1_is_refused),
		T(every_frame_cut_anywhere_is_refused),
		T(an_answer_to_another_question_is_not_taken),
		T(our_own_request_sent_back_is_no_answer),
		T(a_device_that_contradicts_itself_ends_its_session),
		T(an_answer_longer_than_a_message_ends_the_session),
		T(a_wiped_link_keeps_no_secret),
		cmocka_unit_test(a_session_survives_a_bad_channel_or_ends_with_a_cause),
	};

	for (size_t i = 0; i < sizeof(fill); i++)
		fill[i] = (uint8_t)(i * 7 + i / 256 + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
