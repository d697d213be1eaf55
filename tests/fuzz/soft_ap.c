/*
 * The access point against whatever comes: frames with their two addresses put right, reports, MSDUs, time. Nothing may
 * be passed on that was not sealed with the key of a STA, and none of these STAs has one.
 *
 * links: station/wifi/soft_ap.c station/wifi/soft_ap_sta.c station/wifi/soft_ap_data.c
 * links: station/wifi/ieee80211.c
 * links: station/wifi/wpa.c station/wifi/wpa_ap.c station/wifi/eapol.c station/wifi/ccmp.c station/wifi/tkip.c
 * links: station/wifi/aes.c agent/wire/channel.c station/base/entropy.c station/base/map.c
 * links: agent/wire/cause.c
 * links: station/base/log.c
 */
#include <assert.h>
#include <string.h>

#include "station/wifi/soft_ap.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const uint8_t ap_mac[6] = { 0x02, 0x4d, 0x52, 0, 0, 7 };

static bool on_send(void *ctx, struct mr_rd frame, const struct radio_tx *tx)
{
	assert(frame.left >= IEEE80211_HEADER_LEN && frame.left <= RADIO_FRAME_MAX && (tx->cookie & SOFT_AP_COOKIE));
	*(uint64_t *)ctx = tx->cookie;
	return tx->rate_500kbps != 0;
}

static void on_received(void *ctx, const uint8_t *dst, const uint8_t *src, uint16_t ethertype, struct mr_rd payload)
{
	(void)ctx, (void)dst, (void)src, (void)ethertype, (void)payload;
	assert(false);
}

static void receive(struct soft_ap *ap, struct mr_rd *in, uint64_t now_us)
{
	uint8_t frame[600], who = mr_rd_u8(in);
	size_t frame_len = mr_rd_le16(in) % sizeof(frame);

	frame_len = frame_len < in->left ? frame_len : in->left;
	mr_rd_copy(in, frame, frame_len);
	if (frame_len >= 16 && (who & 0x80)) {
		memcpy(frame + 4, ap_mac, 6);
		memcpy(frame + 10, "\x02peer", 5);
		frame[15] = who & 7;
	}
	soft_ap_receive(ap, mr_rd_over(frame, frame_len), now_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct mr_rd in = mr_rd_over(bytes, len);
	uint8_t kind = mr_rd_u8(&in), dst[6] = { 0x02, 'p', 'e', 'e', 'r', 1 };
	struct soft_ap_config c = { .ssid = "AC-1",
				    .ssid_len = 4,
				    .freq_mhz = 2437,
				    .stas_max = 4,
				    .security = IEEE80211_WPA2_PSK,
				    .pmf_capable = kind & 1,
				    .hidden = kind & 2 };
	uint64_t now_us = 0, cookie = 0;
	struct soft_ap_events events = { &cookie, on_send, on_received, NULL, NULL, NULL, NULL };
	struct entropy *entropy = entropy_create_seeded(kind, "fuzz");
	struct soft_ap *ap;

	memcpy(c.mac, ap_mac, 6);
	ap = soft_ap_create(&c, &events, entropy, now_us);
	assert(ap);
	while (in.left > 0) {
		switch (mr_rd_u8(&in) & 7) {
		case 0:
			now_us += mr_rd_le16(&in) * UINT64_C(64);
			soft_ap_expire(ap, now_us);
			assert(soft_ap_deadline_us(ap) > now_us);
			break;
		case 1: soft_ap_sent(ap, cookie, mr_rd_u8(&in) & 1, now_us); break;
		case 2:
			assert(!soft_ap_send(ap, dst, 0x0800, dst, sizeof(dst), now_us)); /* nobody ever joins */
			break;
		default: receive(ap, &in, now_us); break;
		}
	}
	assert(soft_ap_stas(ap) == 0);
	soft_ap_destroy(ap);
	entropy_destroy(entropy);
	return 0;
}
