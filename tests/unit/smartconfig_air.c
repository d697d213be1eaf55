/*
 * The listener of sniffer mode in the air as it is: loss, repetitions, strangers, ciphers, other traffic of the sender.
 * In each of these nothing wrong may be heard; and what was sent is heard in the end.
 *
 * links: agent/wire/smartconfig.c agent/wire/smartconfig_send.c agent/wire/esptouch1.c agent/wire/esptouch2.c
 * links: agent/wire/airkiss.c agent/wire/cc3000.c agent/wire/ezconnect.c agent/wire/crc.c agent/wire/overheard.c
 * links: agent/port/linux/crypto_wsc_openssl.c agent/port/linux/crypto_smart_openssl.c tests/support/smart_air.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/wire/crc.h"
#include "agent/wire/smartconfig.h"
#include "tests/support/smart_air.h"

static const struct mr_smart_coder *const coders[] = MR_SMART_CODERS_ALL;

/* --- what is sent --- */

struct sent {
	enum mr_smart_scheme scheme;
	struct mr_smart_settings settings;
};
enum { KINDS = 10 };

static struct mr_smart_settings plain(void)
{
	return (struct mr_smart_settings){
		.ssid = "factory-net",
		.ssid_len = 11,
		.passphrase = "correct horse",
		.passphrase_len = 13,
		.bssid = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 },
		.ip = { 192, 168, 77, 1 },
	};
}

static struct sent kind(unsigned i)
{
	static const enum mr_smart_scheme schemes[KINDS] = {
		MR_SMART_ESPTOUCH1, MR_SMART_AIRKISS,	MR_SMART_CC3000,    MR_SMART_EZCONNECT, MR_SMART_ESPTOUCH2,
		MR_SMART_ESPTOUCH2, MR_SMART_ESPTOUCH2, MR_SMART_ESPTOUCH2, MR_SMART_CC3000,	MR_SMART_EZCONNECT,
	};
	struct sent sent = { schemes[i], plain() };
	struct mr_smart_settings *s = &sent.settings;

	if (sent.scheme == MR_SMART_AIRKISS)
		s->token = 0x5a;
	if (i == 5 || i == 7) {
		memcpy(s->reserved, "line7", 5);
		s->reserved_len = 5;
	}
	if (i >= 6) {
		s->key_len = 16;
		memcpy(s->key, "0123456789abcdef", 16);
	}
	if (i == 7)
		memset(s->iv, 0xa5, sizeof(s->iv));
	return sent;
}

static void listen_for(struct mr_smart_listener *listener, const struct sent *sent)
{
	memset(listener, 0, sizeof(*listener));
	listener->coders = coders;
	listener->key_len = sent->settings.key_len;
	memcpy(listener->key, sent->settings.key, sizeof(listener->key));
}

static void assert_same(const struct mr_smart_settings *sent, const struct mr_smart_settings *heard)
{
	assert_int_equal(heard->ssid_len, sent->ssid_len);
	assert_memory_equal(heard->ssid, sent->ssid, sizeof(sent->ssid));
	assert_int_equal(heard->passphrase_len, sent->passphrase_len);
	assert_memory_equal(heard->passphrase, sent->passphrase, sizeof(sent->passphrase));
	assert_int_equal(heard->reserved_len, sent->reserved_len);
	assert_memory_equal(heard->reserved, sent->reserved, sizeof(sent->reserved));
}

/* The listener has it, and it is what was sent. */
static void assert_taken(struct mr_smart_listener *listener, const struct sent *sent)
{
	struct mr_smart_settings heard;

	assert_int_equal(mr_smart_take(listener, &heard), sent->scheme);
	assert_same(&sent->settings, &heard);
	if (sent->scheme != MR_SMART_ESPTOUCH1)
		assert_int_equal(heard.token, sent->settings.token);
}

static void begin(struct mr_smart_sender *sender, const struct sent *sent)
{
	assert_null(mr_smart_refuses(sent->scheme, &sent->settings));
	assert_true(mr_smart_begin(sender, sent->scheme, &sent->settings));
}

/* Rounds until it is heard; it is right then. Fails behind `limit`. */
static uint32_t rounds_until(const struct sent *sent, const struct smart_air *as, uint64_t seed, unsigned limit)
{
	struct mr_smart_listener listener;
	struct mr_smart_sender sender;
	struct smart_air air = *as;

	air.seed = seed;
	listen_for(&listener, sent);
	begin(&sender, sent);
	if (!smart_air_run(&air, &sender, &listener, limit))
		fail_msg("%s, seed %u: nothing was heard in %u rounds", mr_smart_name(sent->scheme), (unsigned)seed,
			 limit);
	assert_taken(&listener, sent);
	return air.rounds + !air.ended;
}

/* The mean of several seeds; as text it is for docs/performance.md. */
static void rounds_of_each(const char *what, const struct smart_air *air, unsigned seeds, unsigned limit)
{
	for (unsigned i = 0; i < KINDS; i++) {
		struct sent sent = kind(i);
		uint32_t sum = 0, most = 0;

		for (uint64_t seed = 1; seed <= seeds; seed++) {
			uint32_t rounds = rounds_until(&sent, air, seed, limit);

			sum += rounds;
			most = rounds > most ? rounds : most;
		}
		print_message("%s: %s%s: %u.%u rounds, at most %u\n", what, mr_smart_name(sent.scheme),
			      sent.settings.key_len ? " with a key" : "", sum / seeds, sum * 10 / seeds % 10, most);
	}
}

/* --- loss, repetition, order --- */

static void loss_costs_rounds_and_nothing_else(void **state)
{
	static const struct {
		unsigned percent, limit;
	} losses[] = { { 0, 1 }, { 5, 12 }, { 20, 60 }, { 40, 500 } };
	struct smart_air air;

	(void)state;
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		char what[16] = "loss";

		smart_air_init(&air, 1);
		air.lost_percent = losses[i].percent;
		(void)snprintf(what, sizeof(what), "loss %u %%", losses[i].percent);
		rounds_of_each(what, &air, losses[i].percent == 0 ? 2 : 20, losses[i].limit);
	}
}

static void repeated_frames_count_once(void **state)
{
	struct smart_air air;

	(void)state;
	smart_air_init(&air, 1);
	air.repeated_percent = 40;
	rounds_of_each("repeated", &air, 5, 1);
	air.lost_percent = 10;
	rounds_of_each("repeated and lost", &air, 5, 40);
}

static void frames_that_change_places_are_left_out(void **state)
{
	struct smart_air air;

	(void)state;
	smart_air_init(&air, 1);
	air.swapped_percent = 10;
	rounds_of_each("swapped", &air, 10, 60);
}

/* Numbers of a busy access point: others are in between. What is heard twice in the same place is believed. */
static void numbers_that_others_share_cost_a_second_round(void **state)
{
	struct smart_air air;

	(void)state;
	smart_air_init(&air, 1);
	air.skipped_percent = 30;
	rounds_of_each("numbers shared", &air, 10, 40);
	air.lost_percent = 5;
	rounds_of_each("numbers shared, 5 % lost", &air, 10, 100);
}

/* Drivers that give one number to all that they inject. */
static void a_sender_without_numbers_is_heard(void **state)
{
	struct smart_air air;

	(void)state;
	smart_air_init(&air, 1);
	air.unnumbered = true;
	rounds_of_each("no numbers", &air, 5, 8);
	air.lost_percent = 3;
	rounds_of_each("no numbers, 3 % lost", &air, 10, 100);
}

/* Wherever the listener comes, and in its own numbering's wrap. */
static void a_listener_may_come_at_any_time(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		struct sent sent = kind(i);

		for (unsigned late = 1; late < 1500; late += 37) {
			struct mr_smart_listener listener;
			struct mr_smart_sender sender;
			struct mr_smart_frame frame;
			struct smart_air air;

			smart_air_init(&air, late);
			listen_for(&listener, &sent);
			begin(&sender, &sent);
			for (unsigned k = 0; k < late; k++)
				mr_smart_next(&sender, &frame);
			assert_true(smart_air_run(&air, &sender, &listener, 10));
			assert_taken(&listener, &sent);
		}
	}
}

/* --- lengths --- */

static void every_legal_offset_is_found_and_no_other(void **state)
{
	static const uint16_t above_protected[] = { 8, 16, 20, 24 };

	(void)state;
	for (unsigned i = 0; i < KINDS; i++)
		for (unsigned above = 0; above <= 32; above++)
			for (int flags = 0; flags < 4; flags++) {
				struct sent sent = kind(i);
				struct mr_smart_listener listener;
				struct mr_smart_sender sender;
				struct smart_air air;
				bool qos = flags & 1, protected = flags & 2, legal = false, heard;
				int cipher = (int)above - (qos ? 2 : 0);

				for (int k = 0; k < 4; k++)
					legal = legal || (protected && (cipher == above_protected[k] ||
									cipher == above_protected[k] + 4));
				legal = legal || (!protected && (cipher == 0 || cipher == 4));
				smart_air_init(&air, 1);
				air.qos = qos;
				air.protected = protected;
				air.above = (uint16_t)above;
				listen_for(&listener, &sent);
				begin(&sender, &sent);
				heard = smart_air_run(&air, &sender, &listener, 2);
				assert_int_equal(heard, legal || sent.scheme == MR_SMART_EZCONNECT);
				if (heard)
					assert_taken(&listener, &sent);
			}
}

/* The same packets from the phone and from its access point, two octets apart and each numbered by its own sender. */
static void both_directions_of_a_packet_do_not_mix(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++)
		for (unsigned lost = 0; lost <= 30; lost += 15) {
			struct sent sent = kind(i);
			struct mr_smart_listener listener;
			struct mr_smart_sender up, down;
			struct smart_air phone, ap;
			enum mr_smart_result result = MR_SMART_NOTHING;

			smart_air_init(&phone, 7);
			smart_air_init(&ap, 8);
			phone.from_ds = false;
			phone.qos = phone.protected = ap.protected = true;
			phone.above = 18;
			ap.above = 16;
			phone.lost_percent = ap.lost_percent = lost;
			listen_for(&listener, &sent);
			begin(&up, &sent);
			begin(&down, &sent);
			while (result != MR_SMART_COMPLETE && ap.rounds < 100) {
				result = smart_air_next(&phone, &up, &listener);
				if (result != MR_SMART_COMPLETE)
					result = smart_air_next(&ap, &down, &listener);
			}
			assert_int_equal(result, MR_SMART_COMPLETE);
			assert_taken(&listener, &sent);
		}
}

/* --- others --- */

/* Every pair of schemes at once, each with a network of its own: both come, whole. */
static void two_stations_at_once_are_both_heard(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++)
		for (unsigned k = 0; k < 6; k++) {
			struct sent sent[2] = { kind(i), kind(k) };
			struct mr_smart_sender senders[2];
			struct mr_smart_listener listener;
			struct smart_air air[2];
			bool heard[2] = { false, false };

			memcpy(sent[1].settings.passphrase, "wrong horse\0\0", 13);
			sent[1].settings.passphrase_len = 11;
			listen_for(&listener, &sent[0]);
			for (int n = 0; n < 2; n++) {
				smart_air_init(&air[n], 1);
				air[n].source[5] = (uint8_t)(1 + n);
				air[n].lost_percent = 5;
				begin(&senders[n], &sent[n]);
			}
			for (int n = 0; !(heard[0] && heard[1]); n = 1 - n) {
				struct mr_smart_settings got;

				assert_true(air[n].rounds < 60);
				if (smart_air_next(&air[n], &senders[n], &listener) != MR_SMART_COMPLETE)
					continue;
				assert_int_equal(mr_smart_take(&listener, &got), sent[n].scheme);
				assert_same(&sent[n].settings, &got);
				heard[n] = true;
			}
		}
}

static void other_frame(struct smart_air *air, struct mr_smart_listener *listener, uint16_t length,
			const uint8_t destination[static 4])
{
	struct mr_smart_frame frame = { .length = length };
	struct mr_overheard heard;

	memcpy(frame.destination, destination, 4);
	smart_air_overhear(air, &frame, &heard);
	(void)mr_smart_hear(listener, &heard, air->now_us);
}

/*
 * The sender's own other packets, of any length that its scheme may have as well, broadcast or to groups like mDNS's.
 * One in eight frames is such a one.
 */
static void other_packets_of_the_sender_do_no_harm(void **state)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 }, mdns[4] = { 224, 0, 0, 251 }, nowhere[4];

	(void)state;
	for (unsigned i = 0; i < KINDS; i++)
		for (unsigned seed = 1; seed <= 10; seed++) {
			struct sent sent = kind(i);
			struct mr_smart_listener listener;
			struct mr_smart_sender sender;
			struct smart_air air;
			bool heard = false;

			smart_air_init(&air, seed);
			listen_for(&listener, &sent);
			begin(&sender, &sent);
			while (!heard && air.rounds < 400) {
				static const uint16_t spans[] = { 16, 130, 460, 1100 };
				unsigned span = spans[smart_air_below(&air, 4)];

				if (smart_air_below(&air, 8) == 0)
					other_frame(&air, &listener, (uint16_t)smart_air_below(&air, span),
						    sent.scheme == MR_SMART_CC3000  ? nowhere
						    : smart_air_below(&air, 2) == 0 ? mdns
										    : broadcast);
				heard = smart_air_next(&air, &sender, &listener) == MR_SMART_COMPLETE;
			}
			if (!heard)
				fail_msg("%s, seed %u", mr_smart_name(sent.scheme), seed);
			assert_taken(&listener, &sent);
		}
}

/* A guide of ESP-Touch with a foreign length in each of them gives no lock; whole ones behind it do. */
static void a_foreign_length_in_a_guide_breaks_that_guide(void **state)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };
	static const uint16_t broken[] = { 515, 514, 700, 513, 512, 515, 60, 514, 513, 512, 100 };
	struct mr_smart_listener listener = { .coders = coders };
	enum mr_smart_scheme scheme;
	struct smart_air air;
	unsigned have, of;

	(void)state;
	smart_air_init(&air, 1);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		other_frame(&air, &listener, broken[i], broadcast);
		mr_smart_progress(&listener, &scheme, &have, &of);
		assert_int_equal(scheme, MR_SMART_NONE);
	}
	for (uint16_t length = 515; length >= 512; length--)
		other_frame(&air, &listener, length, broadcast);
	mr_smart_progress(&listener, &scheme, &have, &of);
	assert_int_equal(scheme, MR_SMART_ESPTOUCH1);
}

/* Hundreds of strangers, some with lengths of a guide: who was recognised keeps its place, for a while. */
static void a_crowd_does_not_push_a_sender_out(void **state)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		struct sent sent = kind(i);
		struct mr_smart_listener listener;
		struct mr_smart_sender sender;
		struct smart_air air, crowd;
		bool heard = false;

		smart_air_init(&air, 1);
		smart_air_init(&crowd, 2);
		listen_for(&listener, &sent);
		begin(&sender, &sent);
		for (unsigned n = 0; !heard && air.rounds < 3; n++) {
			crowd.source[4] = (uint8_t)(n >> 8);
			crowd.source[5] = (uint8_t)n;
			other_frame(&crowd, &listener, (uint16_t)(n % 3 == 0 ? 515 : 200 + n % 1000), broadcast);
			heard = smart_air_next(&air, &sender, &listener) == MR_SMART_COMPLETE;
		}
		assert_true(heard);
		assert_taken(&listener, &sent);
	}
}

static void what_was_forgotten_is_gone(void **state)
{
	struct sent sent = kind(0);
	struct mr_smart_listener listener;
	struct mr_smart_sender sender;
	struct smart_air air;
	enum mr_smart_scheme scheme;
	unsigned have, of;

	(void)state;
	smart_air_init(&air, 1);
	listen_for(&listener, &sent);
	begin(&sender, &sent);
	for (int i = 0; i < 252 + 116; i++)
		assert_int_not_equal(smart_air_next(&air, &sender, &listener), MR_SMART_COMPLETE);
	mr_smart_progress(&listener, &scheme, &have, &of);
	assert_true(scheme == MR_SMART_ESPTOUCH1 && have == 38 && of == 39);
	mr_smart_forget(&listener);
	mr_smart_progress(&listener, &scheme, &have, &of);
	assert_true(scheme == MR_SMART_NONE && have == 0 && of == 0);
	for (size_t i = 0; i < sizeof(listener.streams); i++)
		assert_int_equal(((const uint8_t *)listener.streams)[i], 0);
	assert_true(smart_air_run(&air, &sender, &listener, 10));
	assert_taken(&listener, &sent);
	for (size_t i = 0; i < sizeof(listener.streams); i++)
		assert_int_equal(((const uint8_t *)listener.streams)[i], 0);
}

/* --- keys --- */

static bool heard_with(const struct sent *sent, const char *key, uint32_t *spoilt)
{
	struct mr_smart_listener listener = { .coders = coders, .key_len = (uint8_t)strlen(key) };
	struct mr_smart_sender sender;
	struct smart_air air;
	bool heard;

	memcpy(listener.key, key, listener.key_len);
	smart_air_init(&air, 1);
	begin(&sender, sent);
	heard = smart_air_run(&air, &sender, &listener, 3);
	*spoilt = listener.spoilt;
	return heard;
}

/* cc3000 has nothing but zeros that tell ciphertext from a passphrase: without a key it hears octets of no use. */
static void a_key_is_needed_and_is_insisted_on(void **state)
{
	uint32_t spoilt;

	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		struct sent sent = kind(i);
		bool keyed = sent.settings.key_len > 0;

		assert_int_equal(heard_with(&sent, "0123456789abcdef", &spoilt), keyed);
		assert_int_equal(spoilt > 0,
				 !keyed && sent.scheme != MR_SMART_ESPTOUCH1 && sent.scheme != MR_SMART_AIRKISS);
		assert_false(heard_with(&sent, "0123456789abcdee", &spoilt));
		if (keyed && sent.scheme != MR_SMART_CC3000) {
			assert_false(heard_with(&sent, "", &spoilt));
			assert_true(spoilt > 0);
		}
	}
}

/* --- messages that are none --- */

/* A unit of ESP-Touch v1. */
static void unit(struct smart_air *air, struct mr_smart_listener *listener, uint8_t octet, uint8_t index,
		 uint8_t coded_index)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };
	const uint8_t checked[2] = { octet, index };
	uint8_t crc = mr_crc8(0, checked, 2);

	other_frame(air, listener, (uint16_t)(40 + ((crc & 0xf0) | octet >> 4)), broadcast);
	other_frame(air, listener, (uint16_t)(296 + coded_index), broadcast);
	other_frame(air, listener, (uint16_t)(40 + ((crc << 4 & 0xf0) | (octet & 15))), broadcast);
}

static void guide(struct smart_air *air, struct mr_smart_listener *listener)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	for (uint16_t length = 515; length >= 512; length--)
		other_frame(air, listener, length, broadcast);
}

static void a_total_that_cannot_be_is_no_total(void **state)
{
	static const uint8_t totals[] = { 0, 1, 9, 106, 128, 255 };

	(void)state;
	for (size_t i = 0; i < sizeof(totals); i++) {
		struct mr_smart_listener listener = { .coders = coders };
		enum mr_smart_scheme scheme;
		struct smart_air air;
		unsigned have, of;

		smart_air_init(&air, 1);
		guide(&air, &listener);
		unit(&air, &listener, totals[i], 0, 0);
		for (unsigned index = 1; index < 128; index++)
			unit(&air, &listener, 0, (uint8_t)index, (uint8_t)index);
		mr_smart_progress(&listener, &scheme, &have, &of);
		assert_true(scheme == MR_SMART_ESPTOUCH1 && of == 0 && have == 110);
		assert_int_equal(listener.complete, 0);
		unit(&air, &listener, 10, 0,
		     0); /* a passphrase of no octets, an SSID of one: zeros, and its CRC is zero */
		assert_int_equal(listener.complete, 0);
		assert_int_equal(listener.spoilt, 1); /* the xor is not */
	}
}

/*
 * A unit whose CRC fits another index: one in 256 is such a one. It is taken for that, and the total check finds it.
 */
static void a_unit_under_a_wrong_index_spoils_no_message(void **state)
{
	struct sent sent = kind(0);
	unsigned tried = 0;

	(void)state;
	for (unsigned index = 5; index < 33; index++) {
		struct mr_smart_listener listener;
		struct mr_smart_sender sender;
		struct smart_air air;
		uint8_t checked[2], other[2], octet;

		smart_air_init(&air, 1);
		listen_for(&listener, &sent);
		begin(&sender, &sent);
		checked[0] = sender.body[index];
		checked[1] = (uint8_t)index;
		/* The octet that has, under the next index, the CRC which this one has. */
		other[1] = (uint8_t)(index + 1);
		for (unsigned o = 0; o < 256; o++) {
			other[0] = (uint8_t)o;
			if (mr_crc8(0, other, 2) == mr_crc8(0, checked, 2))
				break;
		}
		octet = other[0];
		if (octet == sender.body[index + 1])
			continue;
		tried++;
		guide(&air, &listener);
		unit(&air, &listener, octet, (uint8_t)(index + 1), (uint8_t)(index + 1));
		air.lost_percent = 20;
		assert_true(smart_air_run(&air, &sender, &listener, 60));
		assert_taken(&listener, &sent);
	}
	assert_true(tried > 20);
}

/* Groups behind the last are left out, whatever is in them; so is a count that no message has. */
static void a_group_beyond_the_message_is_left_out(void **state)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };
	struct sent sent = kind(4);
	struct mr_smart_listener listener;
	struct mr_smart_sender sender;
	struct mr_smart_frame frame;
	struct smart_air air;
	enum mr_smart_result result = MR_SMART_NOTHING;

	(void)state;
	smart_air_init(&air, 1);
	listen_for(&listener, &sent);
	begin(&sender, &sent);
	for (int i = 0; i < 67; i++) {
		struct mr_overheard heard;

		assert_int_not_equal(result, MR_SMART_COMPLETE);
		if (i == 12 || i == 23)
			for (unsigned group = 5; group < 64; group++) {
				other_frame(&air, &listener, (uint16_t)(128 + group), broadcast);
				for (unsigned plane = 0; plane < 8; plane++)
					other_frame(&air, &listener, (uint16_t)(plane << 7 | 0x40 | group), broadcast);
			}
		if (i == 34)
			other_frame(&air, &listener, 1072 + 41, broadcast);
		mr_smart_next(&sender, &frame);
		smart_air_overhear(&air, &frame, &heard);
		result = mr_smart_hear(&listener, &heard, air.now_us);
	}
	assert_int_equal(result, MR_SMART_COMPLETE);
	assert_taken(&listener, &sent);
}

/* Another message of the same sender: of the first nothing is left, once one octet of it is seen to differ. */
static void a_sender_may_change_its_message(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++)
		for (unsigned after = 100; after < 600; after += 60) {
			struct sent sent[2] = { kind(i), kind(i) };
			struct mr_smart_listener listener;
			struct mr_smart_sender sender;
			struct smart_air air;
			enum mr_smart_result result = MR_SMART_NOTHING;
			struct mr_smart_settings heard;

			memcpy(sent[1].settings.ssid, "other-net12", 11);
			memcpy(sent[1].settings.passphrase, "battery stapl", 13);
			smart_air_init(&air, after);
			listen_for(&listener, &sent[0]);
			begin(&sender, &sent[0]);
			air.lost_percent = 30;
			for (unsigned k = 0; k < after && result != MR_SMART_COMPLETE; k++)
				result = smart_air_next(&air, &sender, &listener);
			air.lost_percent = 0;
			if (result == MR_SMART_COMPLETE)
				continue;
			begin(&sender, &sent[1]);
			assert_true(smart_air_run(&air, &sender, &listener, 20));
			assert_int_equal(mr_smart_take(&listener, &heard), sent[1].scheme);
			/* Both alike have groups and pieces with a check of their own each, and no check of the whole
			 * passphrase. */
			if (sent[1].scheme != MR_SMART_ESPTOUCH2 && sent[1].scheme != MR_SMART_AIRKISS)
				assert_same(&sent[1].settings, &heard);
		}
}

/* --- whatever can be sent --- */

static void random_octets(struct smart_air *air, uint8_t *out, unsigned len, bool printable)
{
	for (unsigned i = 0; i < len; i++)
		out[i] = (uint8_t)(printable ? ' ' + smart_air_below(air, 95) : smart_air_below(air, 256));
}

static struct sent any(struct smart_air *air)
{
	struct sent sent = { (enum mr_smart_scheme)(1 + smart_air_below(air, MR_SMART_COUNT - 1)), { .ssid_len = 0 } };
	struct mr_smart_settings *s = &sent.settings;
	bool cc3000 = sent.scheme == MR_SMART_CC3000, printable = smart_air_below(air, 2);
	unsigned longest = cc3000 ? 32 : 64;

	memcpy(s->bssid, air->bssid, 6);
	random_octets(air, s->iv, smart_air_below(air, 2) * 20, false);
	if (sent.scheme != MR_SMART_ESPTOUCH1 && sent.scheme != MR_SMART_AIRKISS && smart_air_below(air, 2)) {
		s->key_len = sent.scheme == MR_SMART_EZCONNECT ? (uint8_t)(1 + smart_air_below(air, 32)) : 16;
		longest -= cc3000;
	}
	random_octets(air, s->key, s->key_len, false);
	s->ssid_len = (uint8_t)(smart_air_below(air, 4) == 0 ? 32 : 1 + smart_air_below(air, 32));
	random_octets(air, s->ssid, s->ssid_len, printable);
	s->passphrase_len = (uint8_t)(smart_air_below(air, 4) == 0 ? longest : smart_air_below(air, longest + 1));
	random_octets(air, s->passphrase, s->passphrase_len, printable);
	if (s->passphrase_len > 0 && s->passphrase[s->passphrase_len - 1] == 0)
		s->passphrase[s->passphrase_len - 1] = 1;
	s->token = (uint8_t)smart_air_below(air, sent.scheme == MR_SMART_AIRKISS     ? 256
						 : sent.scheme == MR_SMART_ESPTOUCH2 ? 4
										     : 1);
	if (sent.scheme == MR_SMART_ESPTOUCH2 && smart_air_below(air, 2)) {
		s->reserved_len = (uint8_t)smart_air_below(air, 65);
		random_octets(air, s->reserved, s->reserved_len, smart_air_below(air, 2));
	}
	return sent;
}

static void any_settings_come_through(void **state)
{
	struct smart_air air, clean;

	(void)state;
	smart_air_init(&air, 20260101);
	smart_air_init(&clean, 1);
	for (int i = 0; i < 600; i++) {
		struct sent sent = any(&air);

		clean.lost_percent = i % 3 == 0 ? 8 : 0;
		(void)rounds_until(&sent, &clean, (uint64_t)i, clean.lost_percent ? 80 : 1);
	}
}

static void the_largest_and_the_emptiest_come_through(void **state)
{
	struct smart_air air;

	(void)state;
	smart_air_init(&air, 1);
	for (unsigned i = 0; i < KINDS; i++) {
		struct sent sent = kind(i);
		struct mr_smart_settings *s = &sent.settings;

		s->passphrase_len = 0;
		memset(s->passphrase, 0, 64);
		(void)rounds_until(&sent, &air, 1, 1);
		s->ssid_len = 1;
		memset(s->ssid + 1, 0, 31);
		(void)rounds_until(&sent, &air, 1, 1);
		for (unsigned high = 0; high < 2; high++) {
			s->ssid_len = 32;
			s->passphrase_len = sent.scheme != MR_SMART_CC3000 ? 64 : s->key_len ? 31 : 32;
			memset(s->ssid, high ? 0xff : 'S', 32);
			memset(s->passphrase, high ? 0xff : 'p', s->passphrase_len);
			if (sent.scheme == MR_SMART_ESPTOUCH2) {
				s->reserved_len = 64;
				memset(s->reserved, high ? 0x80 : 'r', 64);
			}
			(void)rounds_until(&sent, &air, 1, 1);
			air.lost_percent = 20;
			(void)rounds_until(&sent, &air, 1, 80);
			air.lost_percent = 0;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss_costs_rounds_and_nothing_else),
		cmocka_unit_test(repeated_frames_count_once),
		cmocka_unit_test(frames_that_change_places_are_left_out),
		cmocka_unit_test(numbers_that_others_share_cost_a_second_round),
		cmocka_unit_test(a_sender_without_numbers_is_heard),
		cmocka_unit_test(a_listener_may_come_at_any_time),
		cmocka_unit_test(every_legal_offset_is_found_and_no_other),
		cmocka_unit_test(both_directions_of_a_packet_do_not_mix),
		cmocka_unit_test(two_stations_at_once_are_both_heard),
		cmocka_unit_test(other_packets_of_the_sender_do_no_harm),
		cmocka_unit_test(a_foreign_length_in_a_guide_breaks_that_guide),
		cmocka_unit_test(a_crowd_does_not_push_a_sender_out),
		cmocka_unit_test(what_was_forgotten_is_gone),
		cmocka_unit_test(a_key_is_needed_and_is_insisted_on),
		cmocka_unit_test(a_total_that_cannot_be_is_no_total),
		cmocka_unit_test(a_unit_under_a_wrong_index_spoils_no_message),
		cmocka_unit_test(a_group_beyond_the_message_is_left_out),
		cmocka_unit_test(a_sender_may_change_its_message),
		cmocka_unit_test(any_settings_come_through),
		cmocka_unit_test(the_largest_and_the_emptiest_come_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
