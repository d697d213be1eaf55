/*
 * Any octets as a protected MPDU: nothing opens without its key; what is sealed opens to what it was.
 *
 * links: station/wifi/ccmp.c station/wifi/aes.c station/wifi/ieee80211.c agent/wire/channel.c
 */
#include <assert.h>
#include <string.h>

#include "station/wifi/ccmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint8_t key[16] = { 0x5e };
	uint8_t body[RADIO_FRAME_MAX], sealed[RADIO_FRAME_MAX + CCMP_OVERHEAD];
	struct mr_rd mpdu = mr_rd_over(bytes, len), rest = mpdu;
	struct ieee80211_header h;
	struct ccmp_info info;
	struct bip_info bip;
	size_t sealed_len, body_len;

	if (len > RADIO_FRAME_MAX)
		return 0;
	(void)ccmp_peek(mpdu, &info);
	(void)bip_peek(mpdu, &bip);
	assert(!ccmp_open(key, mpdu, body, &body_len) && body_len == 0);
	assert(!bip_verify(key, mpdu));
	if (!ieee80211_header_parse(&rest, &h) || (h.flags & IEEE80211_ORDER))
		return 0;
	sealed_len = ccmp_seal(key, (struct ccmp_info){ 0x123456789a, 2 }, mpdu, sealed, sizeof(sealed));
	if (h.kind == IEEE80211_PS_POLL) {
		assert(sealed_len == 0);
		return 0;
	}
	assert(sealed_len == len + CCMP_OVERHEAD);
	assert(ccmp_peek(mr_rd_over(sealed, sealed_len), &info) && info.pn == 0x123456789a && info.key_id == 2);
	assert(ccmp_open(key, mr_rd_over(sealed, sealed_len), body, &body_len));
	assert(body_len == rest.left && !memcmp(body, rest.at, body_len));
	return 0;
}
