/*
 * Sealed broadcasts: vectors made once and kept, each octet changed, and what listeners with three kinds of chips make
 * of them under loss, from any frame on, beside others.
 *
 * links: agent/wire/sealed.c agent/wire/erasure.c agent/wire/hkdf.c agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/port/crypto.h"
#include "agent/wire/sealed.h"
#include "tests/unit/hex.h"

static const uint8_t batch_key[32] = "the batch key, 32 octets of it..";
static const uint8_t other_key[32] = "another batch's key, of 32 too..";

static uint32_t seed;

static uint32_t draw(uint32_t limit)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)seed * limit >> 32);
}

static struct mr_sealed network_of(const char *ssid, const char *passphrase, uint64_t issue)
{
	struct mr_sealed m = { .issue = issue, .lifetime_s = 60, .security = MR_SECURITY_WPA2 };

	m.ssid_len = (uint8_t)strlen(ssid);
	memcpy(m.ssid, ssid, m.ssid_len);
	m.passphrase_len = (uint8_t)strlen(passphrase);
	memcpy(m.passphrase, passphrase, m.passphrase_len);
	if (m.passphrase_len == 0)
		m.security = MR_SECURITY_OPEN;
	return m;
}

#define SHORT "factory-net", "correct horse"
#define MIDDLE "the network of hall 4, line 7", "a passphrase of some length, 31"
#define LONGEST "thirty-two octets for one SSID..", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static size_t seal(struct mr_sealed m, uint8_t out[static MR_SEALED_MAX])
{
	size_t len;

	assert_true(mr_sealed_seal(batch_key, &m, out, &len));
	return len;
}

/* --- the message --- */

static const struct {
	const char *ssid, *passphrase;
	uint64_t issue;
	const char *octets;
} vectors[] = {
	{ SHORT, 1,
	  "1101000000000000003c007a77a669ac331d5638c99e25d8c32b399e429ebef27f40ae7f9fe474bb3ab72fb8eb19b9ba"
	  "602ce7ff486e8f96d16a8c64567996e8" },
	{ MIDDLE, 0x0123456789abcdef,
	  "12efcdab89674523013c00bff75f36e6df60a8b241b54018194e73da8b7344ae524b1a34b8c0e50e2eb268ac2fa38a99"
	  "4233dd6e046336cf38cbe6a26f73ba774a624ec11863fefcf1464c5c3cfecb7b2f393edf88794b4788525ab0c096c856" },
	{ LONGEST, UINT64_MAX,
	  "13ffffffffffffffff3c00f61d478d1fe679f29a0bfda1a575dd30c771c83083dc843fdc2808e5a84f1e4ac08a4eba0f"
	  "8f78daf3f6e3555f92ccc84a3bacb4a858e574eee94724b9d46224abf80e20cd941b9654b0ff616c2728adfc2d875032"
	  "a3b8adf9cd9792f981a3fe7f68f769bb0db0c14b977633aee301f4b71045d222" },
	{ "n", "", 7,
	  "1107000000000000003c0080258a4b2ef7a0a5496d52f138e0fb64dfc14ed273faf69d1c3e01ec482d279a9f98fda1a9"
	  "88a7c7785d4daaf78c689c6f3f09249b" },
};

#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static void a_message_is_what_it_was(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		struct mr_sealed m = network_of(vectors[i].ssid, vectors[i].passphrase, vectors[i].issue), opened;
		uint8_t want[MR_SEALED_MAX], got[MR_SEALED_MAX];
		size_t len = hex(vectors[i].octets, want, sizeof(want));
		uint64_t issue;

		assert_int_equal(seal(m, got), len);
		assert_memory_equal(got, want, len);
		assert_true(mr_sealed_issue(want, len, &issue));
		assert_int_equal(issue, vectors[i].issue);
		assert_true(mr_sealed_open(batch_key, want, len, &opened));
		assert_int_equal(opened.issue, m.issue);
		assert_int_equal(opened.lifetime_s, 60);
		assert_int_equal(opened.security, m.security);
		assert_int_equal(opened.ssid_len, m.ssid_len);
		assert_memory_equal(opened.ssid, m.ssid, sizeof(m.ssid));
		assert_int_equal(opened.passphrase_len, m.passphrase_len);
		assert_memory_equal(opened.passphrase, m.passphrase, sizeof(m.passphrase));
	}
}

static void a_changed_octet_is_noticed(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		uint8_t octets[MR_SEALED_MAX];
		size_t len = hex(vectors[i].octets, octets, sizeof(octets));
		struct mr_sealed opened;

		for (size_t at = 0; at < len; at++)
			for (unsigned bit = 1; bit < 0x100; bit <<= 1) {
				octets[at] ^= (uint8_t)bit;
				assert_false(mr_sealed_open(batch_key, octets, len, &opened));
				assert_int_equal(opened.ssid_len + opened.passphrase_len, 0);
				octets[at] ^= (uint8_t)bit;
			}
		for (size_t cut = 0; cut < len; cut++)
			assert_false(mr_sealed_open(batch_key, octets, cut, &opened));
		assert_false(mr_sealed_open(other_key, octets, len, &opened));
		assert_true(mr_sealed_open(batch_key, octets, len, &opened));
	}
}

static void what_no_network_has_is_not_sealed(void **state)
{
	struct mr_sealed good = network_of(SHORT, 5), m;
	uint8_t out[MR_SEALED_MAX];
	size_t len;

	(void)state;
#define REFUSED(change)                                                                                                \
	m = good;                                                                                                      \
	m.change;                                                                                                      \
	assert_false(mr_sealed_seal(batch_key, &m, out, &len));                                                        \
	assert_int_equal(len, 0)
	REFUSED(issue = 0);
	REFUSED(lifetime_s = 0);
	REFUSED(ssid_len = 0);
	REFUSED(ssid_len = 33);
	REFUSED(passphrase_len = 7);
	REFUSED(passphrase_len = 65);
	REFUSED(security = MR_SECURITY_OPEN);
	REFUSED(security = MR_SECURITY_WPA3 + 1);
	REFUSED(security = MR_SECURITY_OTHER);
	assert_true(mr_sealed_seal(batch_key, &good, out, &len));
}

/* Whoever cannot open it learns one of three sizes. */
static void the_length_hides_that_of_the_passphrase(void **state)
{
	(void)state;
	for (unsigned ssid_len = 1; ssid_len <= 32; ssid_len++)
		for (unsigned len = 8; len <= 64; len++) {
			struct mr_sealed m = network_of("", "", 9);
			unsigned sum = ssid_len + len;
			uint8_t out[MR_SEALED_MAX];

			m.security = MR_SECURITY_WPA3;
			m.ssid_len = (uint8_t)ssid_len;
			m.passphrase_len = (uint8_t)len;
			assert_int_equal(seal(m, out), sum <= 34 ? 64 : sum <= 66 ? 96 : 128);
		}
}

/* --- the air --- */

enum chip { WHOLE_FRAMES, HEADERS_ONLY, LENGTHS_ONLY };

/* Everything in front of the payload, by the sheet on published schemes: ciphers, QoS, HT control or FCS. */
struct air {
	struct mr_sealed_sender sender;
	enum chip chip;
	uint16_t base, sequence;
	uint8_t source;
	unsigned loss; /* percent */
	uint64_t now_us;
	unsigned sent, heard;
};

static void on_air(struct air *air, const uint8_t *message, size_t len, enum mr_sealed_form form)
{
	*air = (struct air){ .base = MR_OVERHEARD_BASE, .source = 1, .now_us = 1000000 };
	mr_sealed_begin(&air->sender, message, len, form);
}

static struct mr_overheard overheard(const struct air *air, const struct mr_sealed_frame *frame)
{
	struct mr_overheard o = { .from_ds = true,
				  .destination = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
				  .sequence = air->sequence,
				  .octets = (uint16_t)(air->base + frame->length) };

	memcpy(o.source, (const uint8_t[]){ 2, 0xaa, 0, 0, 0, air->source }, 6);
	memcpy(o.bssid, (const uint8_t[]){ 2, 0x11, 0, 0, 0, air->source }, 6);
	if (air->chip != LENGTHS_ONLY) {
		assert_int_equal(frame->destination[0], 239);
		memcpy(o.destination,
		       (const uint8_t[]){ 1, 0, 0x5e, frame->destination[1], frame->destination[2],
					  frame->destination[3] },
		       6);
	}
	if (air->chip == WHOLE_FRAMES) {
		o.payload = mr_rd_over(frame->payload, frame->payload_len);
		o.port = MR_SEALED_PORT;
	}
	return o;
}

/* The next frame. true: it was not lost. */
static bool transmit(struct air *air, struct mr_overheard *o)
{
	struct mr_sealed_frame frame;

	mr_sealed_next(&air->sender, &frame);
	assert_true(frame.length <= MR_OVERHEARD_PAYLOAD_MAX && frame.payload_len <= frame.length);
	assert_true(frame.destination[1] < 128);
	*o = overheard(air, &frame);
	air->sequence = (air->sequence + 1) & 0xfff;
	air->now_us += frame.gap_us;
	air->sent++;
	if (draw(100) < air->loss)
		return false;
	air->heard++;
	return true;
}

/* Frames that were sent until the message was there; fails after `most`. */
static unsigned until_heard(struct air *air, struct mr_sealed_listener *l, unsigned most, const uint8_t *message,
			    size_t len)
{
	unsigned from = air->sent;
	struct mr_overheard o;
	struct mr_rd got;

	while (air->sent - from < most) {
		if (!transmit(air, &o) || mr_sealed_hear(l, &o, air->now_us, &got) != MR_SEALED_MESSAGE)
			continue;
		assert_int_equal(got.left, len);
		assert_memory_equal(got.at, message, len);
		return air->sent - from;
	}
	fail_msg("not heard in %u frames, seed %u", most, seed);
	return most;
}

static const struct {
	const char *ssid, *passphrase;
	unsigned by_headers, by_lengths; /* symbols */
} sizes[] = { { SHORT, 32, 74 }, { MIDDLE, 48, 110 }, { LONGEST, 64, 148 } };

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void one_whole_frame_is_enough(void **state)
{
	(void)state;
	for (size_t s = 0; s < SIZES; s++)
		for (unsigned skip = 0; skip < 264; skip++) {
			struct mr_sealed_listener l = { 0 };
			uint8_t message[MR_SEALED_MAX];
			size_t len = seal(network_of(sizes[s].ssid, sizes[s].passphrase, 3), message);
			struct mr_overheard o;
			struct air air;

			on_air(&air, message, len, skip % 2 ? MR_SEALED_BY_HEADERS : MR_SEALED_BY_LENGTHS);
			for (unsigned i = 0; i < skip; i++)
				transmit(&air, &o);
			/* by lengths some frames are shorter than the message */
			assert_true(until_heard(&air, &l, skip % 2 ? 1 : 2, message, len) >= 1);
		}
}

static void without_loss_no_frame_is_wasted(void **state)
{
	(void)state;
	for (size_t s = 0; s < SIZES; s++)
		for (unsigned skip = 0; skip < 264; skip++) {
			struct mr_sealed_listener l = { 0 };
			uint8_t message[MR_SEALED_MAX];
			size_t len = seal(network_of(sizes[s].ssid, sizes[s].passphrase, 3), message);
			struct mr_overheard o;
			unsigned frames;
			struct air air;

			on_air(&air, message, len, MR_SEALED_BY_HEADERS);
			air.chip = HEADERS_ONLY;
			for (unsigned i = 0; i < skip; i++)
				transmit(&air, &o);
			frames = until_heard(&air, &l, 200, message, len);
			assert_in_range(frames, sizes[s].by_headers + 1, sizes[s].by_headers + 4);

			l = (struct mr_sealed_listener){ 0 };
			on_air(&air, message, len, MR_SEALED_BY_LENGTHS);
			air.chip = LENGTHS_ONLY;
			for (unsigned i = 0; i < skip; i++)
				transmit(&air, &o);
			frames = until_heard(&air, &l, 300, message, len);
			assert_in_range(frames, sizes[s].by_lengths + 2, sizes[s].by_lengths + 16);
		}
}

static void lossy(enum chip chip, enum mr_sealed_form form, size_t s, unsigned loss, unsigned most)
{
	struct mr_sealed_listener l = { 0 };
	uint8_t message[MR_SEALED_MAX];
	size_t len = seal(network_of(sizes[s].ssid, sizes[s].passphrase, 3), message);
	uint32_t skip = draw(1000);
	struct mr_overheard o;
	struct air air;

	on_air(&air, message, len, form);
	air.chip = chip;
	for (uint32_t i = 0; i < skip; i++)
		transmit(&air, &o);
	air.loss = loss;
	until_heard(&air, &l, most, message, len);
}

static void loss_only_costs_time(void **state)
{
	static const unsigned losses[] = { 1, 5, 20, 40 };

	(void)state;
	for (uint32_t run = 0; run < 100; run++)
		for (size_t s = 0; s < SIZES; s++)
			for (size_t i = 0; i < 4; i++) {
				seed = run * 1000 + losses[i];
				lossy(HEADERS_ONLY, MR_SEALED_BY_HEADERS, s, losses[i], 400);
				lossy(HEADERS_ONLY, MR_SEALED_BY_LENGTHS, s, losses[i], 400);
				lossy(LENGTHS_ONLY, MR_SEALED_BY_LENGTHS, s, losses[i], 2000);
			}
}

static void by_lengths_in_front_of_any_payload(void **state)
{
	(void)state;
	for (uint16_t base = 60; base <= 90; base = (uint16_t)(base + 2))
		for (size_t s = 0; s < SIZES; s++) {
			struct mr_sealed_listener l = { 0 };
			uint8_t message[MR_SEALED_MAX];
			size_t len = seal(network_of(sizes[s].ssid, sizes[s].passphrase, 3), message);
			struct air air;

			seed = base;
			on_air(&air, message, len, MR_SEALED_BY_LENGTHS);
			air.chip = LENGTHS_ONLY;
			air.base = base;
			air.loss = 10;
			until_heard(&air, &l, 1000, message, len);
			assert_int_equal(l.base, base);
		}
}

/* No cipher and no header makes it odd, or that long. */
static void a_base_that_nobody_has_is_not_believed(void **state)
{
	static const uint16_t bases[] = { 0, 58, 61, 92, 200 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct mr_sealed_listener l = { 0 };
		uint8_t message[MR_SEALED_MAX];
		size_t len = seal(network_of(SHORT, 3), message);
		struct mr_overheard o;
		struct mr_rd got;
		struct air air;

		on_air(&air, message, len, MR_SEALED_BY_LENGTHS);
		air.chip = LENGTHS_ONLY;
		air.base = bases[i];
		while (air.sent < 1000)
			if (transmit(&air, &o))
				assert_int_not_equal(mr_sealed_hear(&l, &o, air.now_us, &got), MR_SEALED_MESSAGE);
	}
}

static void order_and_repetitions_do_not_matter(void **state)
{
	struct mr_sealed_listener l = { 0 };
	struct mr_overheard frames[131];
	uint8_t message[MR_SEALED_MAX];
	size_t len = seal(network_of(LONGEST, 3), message);
	unsigned heard = 0;
	struct mr_rd got;
	struct air air;

	(void)state;
	on_air(&air, message, len, MR_SEALED_BY_HEADERS);
	air.chip = HEADERS_ONLY;
	for (size_t i = 0; i < 131; i++)
		transmit(&air, &frames[i]);
	for (size_t i = 0; i < 131 && heard == 0; i++) {
		const struct mr_overheard *o = &frames[(i * 37) % 131];

		for (unsigned times = 0; times < 3 && heard == 0; times++)
			heard += mr_sealed_hear(&l, o, air.now_us + i, &got) == MR_SEALED_MESSAGE;
	}
	assert_int_equal(heard, 1);
	assert_memory_equal(got.at, message, len);
}

/* A frame that is heard twice (the retry bit of a relay, a driver) is one. */
static void by_lengths_a_repeated_frame_is_one(void **state)
{
	struct mr_sealed_listener l = { 0 };
	uint8_t message[MR_SEALED_MAX];
	size_t len = seal(network_of(SHORT, 3), message);
	struct mr_overheard o;
	bool heard = false;
	struct mr_rd got;
	struct air air;

	(void)state;
	on_air(&air, message, len, MR_SEALED_BY_LENGTHS);
	air.chip = LENGTHS_ONLY;
	while (air.sent < 120 && !heard) {
		transmit(&air, &o);
		heard = mr_sealed_hear(&l, &o, air.now_us, &got) == MR_SEALED_MESSAGE;
		o.retry = true;
		if (air.sent % 3 == 0 && !heard)
			heard = mr_sealed_hear(&l, &o, air.now_us + 100, &got) == MR_SEALED_MESSAGE;
	}
	assert_true(heard);
	assert_memory_equal(got.at, message, len);
}

/* By lengths, a silence may be more frames than the phases tell apart. */
static void by_lengths_a_silence_costs_only_what_was_missed(void **state)
{
	(void)state;
	for (unsigned silence = 0; silence < 50; silence++) {
		struct mr_sealed_listener l = { 0 };
		uint8_t message[MR_SEALED_MAX];
		size_t len = seal(network_of(SHORT, 3), message);
		struct mr_overheard o;
		struct mr_rd got;
		struct air air;

		on_air(&air, message, len, MR_SEALED_BY_LENGTHS);
		air.chip = LENGTHS_ONLY;
		for (unsigned i = 0; i < 40; i++) {
			transmit(&air, &o);
			mr_sealed_hear(&l, &o, air.now_us, &got);
		}
		for (unsigned i = 0; i < silence; i++)
			transmit(&air, &o);
		/* 37 symbols are there, 37 are still to come: two anchors among them, and one of either kind at most
		 * until the place is known again */
		assert_in_range(until_heard(&air, &l, 200, message, len), 37, 37 + 18 + 2);
	}
}

/* --- more than one --- */

/* Two stations, two batches, frame by frame in turn; a device of either batch gets its own. */
static void two_at_once(enum chip chip, enum mr_sealed_form form, unsigned loss, bool ours_first)
{
	struct mr_sealed_listener l = { 0 };
	struct mr_sealed opened, their_network = network_of(MIDDLE, 8);
	uint8_t ours[MR_SEALED_MAX], theirs[MR_SEALED_MAX];
	size_t len = seal(network_of(SHORT, 3), ours), their_len;
	struct air airs[2];
	bool open = false;

	assert_true(mr_sealed_seal(other_key, &their_network, theirs, &their_len));
	on_air(&airs[ours_first ? 0 : 1], ours, len, form);
	on_air(&airs[ours_first ? 1 : 0], theirs, their_len, form);
	for (unsigned i = 0; i < 2; i++) {
		airs[i].chip = chip;
		airs[i].source = (uint8_t)(10 + i);
		airs[i].loss = loss;
	}
	while (airs[0].sent < 4000 && !open)
		for (unsigned i = 0; i < 2 && !open; i++) {
			struct mr_overheard o;
			struct mr_rd got;

			if (!transmit(&airs[i], &o) ||
			    mr_sealed_hear(&l, &o, airs[i].now_us, &got) != MR_SEALED_MESSAGE)
				continue;
			if (mr_sealed_open(batch_key, got.at, got.left, &opened))
				open = true;
			else
				mr_sealed_refuse(&l, got);
		}
	assert_true(open);
	assert_int_equal(opened.issue, 3);
}

static void two_broadcasts_at_once_do_not_mix(void **state)
{
	(void)state;
	for (unsigned loss = 0; loss <= 40; loss += 10)
		for (unsigned first = 0; first < 2; first++) {
			seed = loss + first;
			two_at_once(WHOLE_FRAMES, MR_SEALED_BY_HEADERS, loss, first);
			two_at_once(HEADERS_ONLY, MR_SEALED_BY_HEADERS, loss, first);
			two_at_once(LENGTHS_ONLY, MR_SEALED_BY_LENGTHS, loss, first);
		}
}

/* Ordinary frames to groups: mDNS, SSDP, a stream of video, ARP; from the station's own network and from others. */
static void foreign(struct mr_overheard *o, unsigned i)
{
	static const uint8_t groups[][6] = { { 1, 0, 0x5e, 0, 0, 0xfb },
					     { 1, 0, 0x5e, 0x7f, 0xff, 0xfa },
					     { 1, 0, 0x5e, 1, 2, 3 },
					     { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
					     { 0x33, 0x33, 0, 0, 0, 1 } };
	bool stream = i % 3 != 0;

	*o = (struct mr_overheard){ .from_ds = true, .protected = i % 2, .sequence = (uint16_t)(i & 0xfff) };
	memcpy(o->source, (const uint8_t[]){ 6, 1, 1, 1, 1, (uint8_t)(stream ? 99 : draw(6)) }, 6);
	memcpy(o->destination, groups[stream ? 2 : draw(5)], 6);
	o->octets = (uint16_t)(stream ? 1400 : 60 + draw(1500));
}

static void foreign_frames_only_delay_it(void **state)
{
	(void)state;
	for (uint32_t run = 0; run < 60; run++) {
		struct mr_sealed_listener l = { 0 };
		uint8_t message[MR_SEALED_MAX];
		size_t len = seal(run % 2 ? network_of(SHORT, 3) : network_of(LONGEST, 3), message);
		bool by_lengths = run % 3 == 2, heard = false;
		struct mr_overheard o;
		struct mr_rd got;
		struct air air;

		seed = run;
		on_air(&air, message, len, by_lengths ? MR_SEALED_BY_LENGTHS : MR_SEALED_BY_HEADERS);
		air.chip = by_lengths ? LENGTHS_ONLY : HEADERS_ONLY;
		air.loss = 20;
		for (unsigned i = 0; i < 200; i++) { /* they were there first */
			foreign(&o, i);
			assert_int_not_equal(mr_sealed_hear(&l, &o, air.now_us += 3000, &got), MR_SEALED_MESSAGE);
		}
		while (air.sent < 3000 && !heard) {
			foreign(&o, air.sent);
			if (draw(2))
				mr_sealed_hear(&l, &o, air.now_us, &got);
			if (transmit(&air, &o))
				heard = mr_sealed_hear(&l, &o, air.now_us, &got) == MR_SEALED_MESSAGE;
		}
		assert_true(heard);
		assert_int_equal(got.left, len);
		assert_memory_equal(got.at, message, len);
	}
}

static void another_message_in_mid_course_replaces_it(void **state)
{
	(void)state;
	for (unsigned after = 1; after < 200; after++)
		for (unsigned k = 0; k < 2; k++) {
			struct mr_sealed_listener l = { 0 };
			uint8_t first[MR_SEALED_MAX], second[MR_SEALED_MAX];
			size_t len = seal(network_of(SHORT, 3), first);
			struct mr_overheard o;
			struct mr_rd got;
			struct air air;

			on_air(&air, first, len, k ? MR_SEALED_BY_LENGTHS : MR_SEALED_BY_HEADERS);
			air.chip = k ? LENGTHS_ONLY : HEADERS_ONLY;
			while (air.sent < after) {
				transmit(&air, &o);
				mr_sealed_hear(&l, &o, air.now_us, &got);
			}
			len = seal(after % 2 ? network_of(SHORT, 4) : network_of(MIDDLE, 4), second);
			mr_sealed_begin(&air.sender, second, len, k ? MR_SEALED_BY_LENGTHS : MR_SEALED_BY_HEADERS);
			/* by lengths it is looked at again after ten seconds, where the first was complete */
			for (bool heard = false; !heard;) {
				transmit(&air, &o);
				assert_true(air.sent < 2600);
				heard = mr_sealed_hear(&l, &o, air.now_us, &got) == MR_SEALED_MESSAGE;
				if (heard && memcmp(got.at, second, len) != 0) {
					heard = false;
					if (memcmp(got.at, first, got.left) != 0)
						mr_sealed_refuse(&l, got);
				}
			}
		}
}

static void a_complete_message_is_given_out_now_and_then(void **state)
{
	struct mr_sealed_listener l = { 0 };
	uint8_t message[MR_SEALED_MAX];
	size_t len = seal(network_of(SHORT, 3), message);
	unsigned times = 0;
	struct mr_overheard o;
	struct mr_rd got;
	struct air air;

	(void)state;
	on_air(&air, message, len, MR_SEALED_BY_HEADERS);
	air.chip = HEADERS_ONLY;
	while (air.now_us < 31000000) {
		transmit(&air, &o);
		times += mr_sealed_hear(&l, &o, air.now_us, &got) == MR_SEALED_MESSAGE;
	}
	assert_int_equal(times, 3);
}

/* One forged symbol in each collection, in the name of the source: nothing but noise to whoever hears whole frames. */
static void a_forger_can_only_delay_it(void **state)
{
	struct mr_sealed_listener l = { 0 }, whole = { 0 };
	uint8_t message[MR_SEALED_MAX];
	size_t len = seal(network_of(SHORT, 3), message);
	struct mr_overheard o, forged;
	struct mr_sealed opened;
	struct mr_rd got;
	struct air air;

	(void)state;
	on_air(&air, message, len, MR_SEALED_BY_HEADERS);
	air.chip = HEADERS_ONLY;
	while (air.sent < 1000) {
		transmit(&air, &o);
		forged = o;
		forged.destination[5] ^= 1;
		if (air.sent % 20 == 5)
			mr_sealed_hear(&l, &forged, air.now_us, &got);
		if (mr_sealed_hear(&l, &o, air.now_us, &got) == MR_SEALED_MESSAGE) {
			assert_false(mr_sealed_open(batch_key, got.at, got.left, &opened));
			mr_sealed_refuse(&l, got);
		}
	}
	until_heard(&air, &l, 150, message, len); /* the forger is gone */

	/* The same to somebody who hears payloads: a spoiled one is refused, and the next is whole. */
	air.chip = WHOLE_FRAMES;
	for (unsigned i = 0; i < 100; i++) {
		uint8_t spoiled[MR_SEALED_MAX];

		memcpy(spoiled, message, len);
		spoiled[i % (len - 1) + 1] ^= 1;
		transmit(&air, &o);
		forged = o;
		forged.payload = mr_rd_over(spoiled, len);
		if (mr_sealed_hear(&whole, &forged, air.now_us, &got) == MR_SEALED_MESSAGE) {
			assert_false(mr_sealed_open(batch_key, got.at, got.left, &opened));
			mr_sealed_refuse(&whole, got);
			/* not again; its address still counts as one of the source */
			if (mr_sealed_hear(&whole, &forged, air.now_us, &got) == MR_SEALED_MESSAGE)
				assert_memory_equal(got.at, message, len);
		}
		assert_int_equal(mr_sealed_hear(&whole, &o, air.now_us, &got), MR_SEALED_MESSAGE);
		assert_true(mr_sealed_open(batch_key, got.at, got.left, &opened));
	}
}

static void frames_of_one_device_are_nobodys_broadcast(void **state)
{
	struct mr_sealed_listener l = { 0 };
	uint8_t message[MR_SEALED_MAX];
	size_t len = seal(network_of(SHORT, 3), message);
	struct mr_overheard o;
	struct mr_rd got;
	struct air air;

	(void)state;
	on_air(&air, message, len, MR_SEALED_BY_LENGTHS);
	air.chip = LENGTHS_ONLY;
	while (air.sent < 300) {
		transmit(&air, &o);
		o.destination[0] = 2; /* to one station */
		assert_int_equal(mr_sealed_hear(&l, &o, air.now_us, &got), MR_SEALED_FOREIGN);
		o.destination[0] = 0xff;
		o.port = 5353; /* an open frame of somebody else */
		assert_int_equal(mr_sealed_hear(&l, &o, air.now_us, &got), MR_SEALED_FOREIGN);
	}
}

static void what_a_device_keeps_for_it_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct mr_sealed_listener) <= 864);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_what_it_was),
		cmocka_unit_test(a_changed_octet_is_noticed),
		cmocka_unit_test(what_no_network_has_is_not_sealed),
		cmocka_unit_test(the_length_hides_that_of_the_passphrase),
		cmocka_unit_test(one_whole_frame_is_enough),
		cmocka_unit_test(without_loss_no_frame_is_wasted),
		cmocka_unit_test(loss_only_costs_time),
		cmocka_unit_test(by_lengths_in_front_of_any_payload),
		cmocka_unit_test(a_base_that_nobody_has_is_not_believed),
		cmocka_unit_test(order_and_repetitions_do_not_matter),
		cmocka_unit_test(by_lengths_a_repeated_frame_is_one),
		cmocka_unit_test(by_lengths_a_silence_costs_only_what_was_missed),
		cmocka_unit_test(two_broadcasts_at_once_do_not_mix),
		cmocka_unit_test(foreign_frames_only_delay_it),
		cmocka_unit_test(another_message_in_mid_course_replaces_it),
		cmocka_unit_test(a_complete_message_is_given_out_now_and_then),
		cmocka_unit_test(a_forger_can_only_delay_it),
		cmocka_unit_test(frames_of_one_device_are_nobodys_broadcast),
		cmocka_unit_test(what_a_device_keeps_for_it_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
