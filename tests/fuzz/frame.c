/*
 * Any octets as a frame: what parses builds back to the same octets, but for the flags and the duration that the
 * sender's hardware fills in, and the mac, which the builder makes itself.
 *
 * links: agent/wire/frame.c agent/wire/hkdf.c agent/port/linux/crypto_openssl.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint8_t call_key[32] = { 1 };
	uint8_t again[MR_FRAME_MAX], ad[2 + MR_DATA_HEADER_LEN];
	struct mr_wr w = mr_wr_over(again, sizeof(again));
	struct mr_frame frame;
	size_t mac_len = 0;

	if (!mr_frame_parse(mr_rd_over(bytes, len), &frame))
		return 0;
	assert(mr_frame_build(&w, &frame, call_key) && w.len == len);
	if (frame.type == MR_CALL || frame.type == MR_HELLO || frame.type == MR_INVITE) {
		assert(!mr_frame_authentic(&frame, call_key) || !memcmp(again + len - 8, bytes + len - 8, 8));
		mac_len = 8;
	}
	assert(again[0] == bytes[0] && !memcmp(again + 4, bytes + 4, len - 4 - mac_len));
	if (frame.type == MR_DATA) {
		mr_data_ad(&frame.data, ad);
		assert(!memcmp(ad, bytes + MR_PREFIX_LEN - 2, sizeof(ad) - 1));
	}
	return 0;
}
