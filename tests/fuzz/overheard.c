/*
 * Any octets as a frame: what is read lies within it; an open frame without QoS, options of IP and padding builds back.
 *
 * links: agent/wire/overheard.c
 */
#include <assert.h>
#include <string.h>

#include "agent/wire/overheard.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void builds_back(const uint8_t *bytes, size_t len, const struct mr_overheard *heard)
{
	static uint8_t again[MR_OVERHEARD_BASE + MR_OVERHEARD_PAYLOAD_MAX];
	struct mr_wr w = mr_wr_over(again, sizeof(again));
	struct mr_overheard_out out = {
		.from_ds = heard->from_ds,
		.sequence = heard->sequence,
		.port = heard->port,
		.payload = heard->payload.at,
		.payload_len = heard->payload.left,
		.length = (uint16_t)heard->payload.left,
	};
	struct mr_overheard second;

	memcpy(out.bssid, heard->bssid, 6);
	memcpy(out.source, heard->source, 6);
	memcpy(out.destination, heard->destination, 6);
	memcpy(out.source_ip, bytes + 44, 4);
	memcpy(out.destination_ip, bytes + 48, 4);
	out.source_port = (uint16_t)(bytes[52] << 8 | bytes[53]);
	if (!mr_overheard_build(&w, &out))
		return;
	assert(w.len == len && !memcmp(again + 4, bytes + 4, 20));
	assert(!memcmp(again + 44, bytes + 44, 14) && !memcmp(again + 60, bytes + 60, len - 60));
	assert(mr_overheard_parse(mr_wr_written(&w), &second));
	assert(second.octets == heard->octets && second.payload.left == heard->payload.left);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct mr_overheard heard;
	const uint8_t *at;

	if (!mr_overheard_parse(mr_rd_over(bytes, len), &heard))
		return 0;
	at = heard.payload.at;
	assert(heard.octets <= len && heard.sequence < 4096);
	assert(!at || (at >= bytes + MR_OVERHEARD_BASE && at + heard.payload.left <= bytes + len));
	assert(!at || !heard.protected);
	/* A UDP length that is shorter than IP's leaves octets over, as padding does. */
	if (at == bytes + MR_OVERHEARD_BASE && !heard.qos && at + heard.payload.left == bytes + len)
		builds_back(bytes, len, &heard);
	return 0;
}
