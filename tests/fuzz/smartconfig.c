/*
 * Any sequence of frames to a listener of all schemes. What it completes could have been sent: its sender takes it, and
 * another listener hears the same. First an octet: with a key or without; then frames,
 *
 *	octet	bits 0 to 3 from DS, QoS, protected, retry; 4, 5 which sender; 6, 7 to whom: broadcast, one, a group
 *	octet	how far its sequence number is ahead of the one before
 *	2	octets of the MPDU, big-endian
 *	3	of a group: the end of its address
 *
 * links: agent/wire/smartconfig.c agent/wire/smartconfig_send.c agent/wire/esptouch1.c agent/wire/esptouch2.c
 * links: agent/wire/airkiss.c agent/wire/cc3000.c agent/wire/ezconnect.c agent/wire/crc.c agent/wire/overheard.c
 * links: agent/port/linux/crypto_wsc_openssl.c agent/port/linux/crypto_smart_openssl.c tests/support/smart_air.c
 */
#include <assert.h>
#include <string.h>

#include "agent/wire/smartconfig.h"
#include "tests/support/smart_air.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct mr_smart_coder *const coders[] = MR_SMART_CODERS_ALL;

static struct mr_smart_listener listener_with(bool keyed)
{
	struct mr_smart_listener listener = { .coders = coders, .key_len = keyed ? 16 : 0 };

	memcpy(listener.key, "0123456789abcdef", listener.key_len);
	return listener;
}

static void could_have_been_sent(enum mr_smart_scheme scheme, struct mr_smart_settings *heard, bool keyed)
{
	struct mr_smart_listener again = listener_with(keyed);
	struct mr_smart_sender sender;
	struct mr_smart_settings second;
	struct smart_air air;

	smart_air_init(&air, 1);
	memcpy(air.bssid, heard->bssid, 6);
	heard->key_len = keyed ? 16 : 0;
	memcpy(heard->key, again.key, heard->key_len);
	assert(!mr_smart_refuses(scheme, heard) && mr_smart_begin(&sender, scheme, heard));
	assert(smart_air_run(&air, &sender, &again, 2) && mr_smart_take(&again, &second) == scheme);
	assert(second.ssid_len == heard->ssid_len && !memcmp(second.ssid, heard->ssid, 32));
	assert(second.passphrase_len == heard->passphrase_len && !memcmp(second.passphrase, heard->passphrase, 64));
	assert(second.reserved_len == heard->reserved_len && !memcmp(second.reserved, heard->reserved, 64));
	assert(second.token == heard->token);
}

static struct mr_overheard next_frame(struct mr_rd *in, uint16_t *sequence)
{
	struct mr_overheard frame = { .bssid = { 2 }, .source = { 2, 1 }, .destination = { 0xff } };
	uint8_t flags = mr_rd_u8(in);

	frame.from_ds = flags & 1;
	frame.qos = flags & 2;
	frame.protected = flags & 4;
	frame.retry = flags & 8;
	frame.source[5] = flags >> 4 & 3;
	*sequence = (uint16_t)((*sequence + mr_rd_u8(in)) & 0xfff);
	frame.sequence = *sequence;
	frame.octets = mr_rd_be16(in);
	if (flags >> 6 == 1)
		frame.destination[0] = 2;
	if (flags >> 6 == 2) {
		memcpy(frame.destination, "\x01\x00\x5e", 3);
		mr_rd_copy(in, frame.destination + 3, 3);
	}
	return frame;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct mr_rd in = mr_rd_over(bytes, len);
	bool keyed = mr_rd_u8(&in) & 1;
	struct mr_smart_listener listener = listener_with(keyed);
	uint16_t sequence = 0;

	for (uint64_t now_us = 1; in.left > 0; now_us += 5000) {
		struct mr_overheard frame = next_frame(&in, &sequence);
		struct mr_smart_settings heard;
		enum mr_smart_scheme scheme;
		enum mr_smart_result result;
		unsigned have, of;

		if (in.bad)
			break;
		result = mr_smart_hear(&listener, &frame, now_us);
		mr_smart_progress(&listener, &scheme, &have, &of);
		assert(of == 0 || have <= of);
		scheme = mr_smart_take(&listener, &heard);
		assert((scheme != MR_SMART_NONE) == (result == MR_SMART_COMPLETE));
		if (scheme != MR_SMART_NONE)
			could_have_been_sent(scheme, &heard, keyed);
	}
	mr_smart_forget(&listener);
	return 0;
}
