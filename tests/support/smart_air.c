#include "tests/support/smart_air.h"

#include <assert.h>
#include <string.h>

void smart_air_init(struct smart_air *air, uint64_t seed)
{
	static const uint8_t bssid[6] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 }, source[6] = { 0x02, 0xaa, 0, 0, 0, 1 };

	memset(air, 0, sizeof(*air));
	air->seed = seed;
	air->now_us = 1000000;
	air->from_ds = true;
	air->sequence = (uint16_t)(seed * 977);
	memcpy(air->bssid, bssid, 6);
	memcpy(air->source, source, 6);
}

/* splitmix64 */
unsigned smart_air_below(struct smart_air *air, unsigned limit)
{
	uint64_t z = air->seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (unsigned)((z ^ z >> 31) % limit);
}

static bool happens(struct smart_air *air, unsigned percent) { return smart_air_below(air, 100) < percent; }

void smart_air_overhear(struct smart_air *air, const struct mr_smart_frame *frame, struct mr_overheard *out)
{
	static const uint8_t gateway[6] = { 0x02, 0xfe, 0, 0, 0, 9 }, nowhere[4];
	struct mr_overheard_out to_send = {
		.from_ds = air->from_ds,
		.sequence = air->sequence & 0xfff,
		.source_ip = { 192, 168, 77, 1 },
		.source_port = 7001,
		.port = frame->port,
		.length = frame->length,
	};
	uint8_t mpdu[1600];
	struct mr_wr w = mr_wr_over(mpdu, sizeof(mpdu));

	memcpy(to_send.bssid, air->bssid, 6);
	memcpy(to_send.source, air->source, 6);
	memcpy(to_send.destination_ip, frame->destination, 4);
	if (memcmp(frame->destination, nowhere, 4) != 0)
		mr_overheard_group(frame->destination, to_send.destination);
	else
		memcpy(to_send.destination, gateway, 6);
	assert(mr_overheard_build(&w, &to_send) && mr_overheard_parse(mr_wr_written(&w), out));
	out->payload = (struct mr_rd){ 0 };
	out->qos = air->qos;
	out->protected = air->protected;
	out->octets = (uint16_t)(out->octets + air->above);
	if (!air->unnumbered)
		air->sequence++;
}

static enum mr_smart_result arrives(struct smart_air *air, struct mr_smart_listener *listener,
				    const struct mr_overheard *heard)
{
	struct mr_overheard again = *heard;
	enum mr_smart_result result;

	if (happens(air, air->lost_percent))
		return MR_SMART_NOTHING;
	result = mr_smart_hear(listener, heard, air->now_us);
	again.retry = true;
	while (result != MR_SMART_COMPLETE && happens(air, air->repeated_percent)) {
		enum mr_smart_result repeated = mr_smart_hear(listener, &again, air->now_us);

		assert(repeated == MR_SMART_NOTHING);
	}
	return result;
}

enum mr_smart_result smart_air_next(struct smart_air *air, struct mr_smart_sender *sender,
				    struct mr_smart_listener *listener)
{
	struct mr_smart_frame frame;
	struct mr_overheard heard;
	enum mr_smart_result result, late = MR_SMART_NOTHING;

	mr_smart_next(sender, &frame);
	smart_air_overhear(air, &frame, &heard);
	air->frames++;
	air->rounds += frame.ends_round;
	air->ended = frame.ends_round;
	air->now_us += frame.gap_us;
	if (happens(air, air->skipped_percent))
		air->sequence++;
	if (!air->has_held && happens(air, air->swapped_percent)) {
		air->held = heard;
		air->has_held = true;
		return MR_SMART_NOTHING;
	}
	result = arrives(air, listener, &heard);
	if (air->has_held && result != MR_SMART_COMPLETE)
		late = arrives(air, listener, &air->held);
	air->has_held = false;
	return late > result ? late : result;
}

bool smart_air_run(struct smart_air *air, struct mr_smart_sender *sender, struct mr_smart_listener *listener,
		   unsigned rounds)
{
	uint32_t until = air->rounds + rounds;

	while (air->rounds < until)
		if (smart_air_next(air, sender, listener) == MR_SMART_COMPLETE)
			return true;
	return false;
}
