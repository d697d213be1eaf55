/*
 * A listener to sealed broadcasts that is fed a sequence of frames: those of a true broadcast, some lost, changed,
 * repeated or late, and any others. First octet: by lengths or not, what the chip tells, base. Then one octet for each
 * frame: what becomes of it. Nothing but the true network may come of it, and the listener stays within itself.
 *
 * links: agent/wire/sealed.c agent/wire/erasure.c agent/wire/overheard.c agent/wire/hkdf.c
 * links: agent/port/linux/crypto_openssl.c
 */
#include <assert.h>
#include <string.h>

#include "agent/wire/sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define LEN_MAX 4096

static const uint8_t batch_key[32] = { 0xba };
static const struct mr_sealed networks[] = {
	{ 7, 60, "hall", 4, MR_SECURITY_WPA2, "of the weir", 11 },
	{ 8, 60, "thirty-two octets for one SSID.", 31, MR_SECURITY_WPA3,
	  "a passphrase of sixty-three characters, no more and no less ...", 63 },
};

static void stays_within_itself(const struct mr_sealed_listener *l)
{
	assert(l->size <= 3 && l->raw_count <= MR_SEALED_RAW_MAX && l->position < 264);
	assert(l->halves[0].have <= MR_ERASURE_SYMBOLS_MAX && l->halves[1].have <= MR_ERASURE_SYMBOLS_MAX);
	assert(l->base == 0 || (l->base >= 60 && l->base <= 90));
	assert(!l->placed || l->base != 0);
}

/* 0 to 3: what the chip tells of it. */
static struct mr_overheard overheard(const struct mr_sealed_frame *frame, unsigned chip, uint16_t base,
				     uint16_t sequence)
{
	struct mr_overheard o = { .from_ds = true, .source = { 2, 1 }, .sequence = sequence };

	o.octets = (uint16_t)(base + frame->length);
	mr_overheard_group(frame->destination, o.destination);
	if (chip == 0) {
		o.payload = mr_rd_over(frame->payload, frame->payload_len);
		o.port = MR_SEALED_PORT;
	} else if (chip > 1) {
		memset(o.destination, 0xff, 6);
	}
	return o;
}

static void hear(struct mr_sealed_listener *l, const struct mr_overheard *o, uint64_t now_us)
{
	struct mr_sealed opened;
	struct mr_rd message;
	uint64_t issue;

	if (mr_sealed_hear(l, o, now_us, &message) == MR_SEALED_MESSAGE) {
		assert(message.left >= 64 && message.left <= MR_SEALED_MAX);
		(void)mr_sealed_issue(message.at, message.left, &issue);
		if (mr_sealed_open(batch_key, message.at, message.left, &opened))
			assert(!memcmp(&opened, &networks[0], sizeof(opened)) ||
			       !memcmp(&opened, &networks[1], sizeof(opened)));
		else
			mr_sealed_refuse(l, message);
	}
	stays_within_itself(l);
}

/* Frame by frame; `kind` says what becomes of this one. */
static void step(struct mr_sealed_listener *l, uint8_t kind, struct mr_overheard *o, struct mr_rd *in, uint64_t *now_us)
{
	struct mr_overheard other;
	uint8_t changed[MR_SEALED_MAX];

	switch (kind & 7) {
	case 0: hear(l, o, *now_us); break;
	case 1: break; /* lost */
	case 2:
		hear(l, o, *now_us);
		o->retry = true;
		hear(l, o, *now_us);
		break;
	case 3: /* of this source, but not as it was sent */
		o->destination[3 + (kind >> 3) % 3] ^= mr_rd_u8(in);
		o->octets = (uint16_t)(o->octets + mr_rd_le16(in));
		hear(l, o, *now_us);
		break;
	case 4:
		*now_us += mr_rd_le16(in) * 100u;
		hear(l, o, *now_us);
		break;
	case 5: /* somebody else's */
		o->source[5] = kind >> 3;
		o->destination[3] ^= mr_rd_u8(in);
		hear(l, o, *now_us);
		break;
	case 6: /* any frame */
		if (mr_overheard_parse(mr_rd_sub(in, mr_rd_u8(in)), &other))
			hear(l, &other, *now_us);
		break;
	case 7: /* a payload with one octet changed */
		if (o->payload.left > 0 && o->payload.left <= sizeof(changed)) {
			memcpy(changed, o->payload.at, o->payload.left);
			changed[mr_rd_u8(in) % o->payload.left] ^= kind | 1;
			o->payload = mr_rd_over(changed, o->payload.left);
			hear(l, o, *now_us);
		}
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct mr_rd in = mr_rd_over(bytes, len);
	uint8_t how = mr_rd_u8(&in), message[MR_SEALED_MAX];
	enum mr_sealed_form form = how & 1 ? MR_SEALED_BY_LENGTHS : MR_SEALED_BY_HEADERS;
	struct mr_sealed_listener l = { 0 };
	struct mr_sealed_sender sender;
	uint16_t base = (uint16_t)(60 + (how >> 4) * 2), sequence = 0;
	uint64_t now_us = 1000000;
	size_t message_len;
	bool ok;

	if (len > LEN_MAX)
		return 0;
	ok = mr_sealed_seal(batch_key, &networks[how >> 3 & 1], message, &message_len);
	assert(ok);
	mr_sealed_begin(&sender, message, message_len, form);
	while (in.left > 0) {
		uint8_t kind = mr_rd_u8(&in);
		struct mr_sealed_frame frame;
		struct mr_overheard o;

		mr_sealed_next(&sender, &frame);
		now_us += frame.gap_us;
		o = overheard(&frame, how >> 1 & 3, base, sequence);
		sequence = (sequence + 1) & 0xfff;
		step(&l, kind, &o, &in, &now_us);
	}
	return 0;
}
