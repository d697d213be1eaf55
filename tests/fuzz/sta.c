/*
 * A STA in the hands of any octets: each step of the input is a frame from the device (addresses are set right, so that
 * it is not all thrown away at once), a report, time, an MSDU, a radio that comes and goes. Nothing but our own limits
 * may hold, and without the key no MSDU comes out.
 *
 * links: station/wifi/sta.c station/wifi/sta_send.c station/wifi/sta_receive.c station/wifi/defragment.c
 * links: station/wifi/wpa.c station/wifi/wpa_sta.c station/wifi/eapol.c station/wifi/ccmp.c station/wifi/tkip.c
 * links: station/wifi/aes.c station/wifi/ieee80211.c station/base/entropy.c
 * links: station/base/log.c agent/wire/cause.c agent/wire/channel.c
 */
#include <assert.h>
#include <string.h>

#include "station/wifi/sta.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct sta_out out;

struct fuzz {
	struct sta *sta;
	struct sta_config config;
	uint64_t now_us;
	uint8_t what;
	bool over;
};

static void frame(struct fuzz *f, struct mr_rd bytes, bool raw)
{
	const struct radio_rx rx = { .freq_mhz = 2437, .time_us = f->now_us };
	uint8_t mpdu[RADIO_FRAME_MAX];
	size_t len = bytes.left < sizeof(mpdu) ? bytes.left : sizeof(mpdu);
	int result;

	if (!bytes.at)
		return;
	memcpy(mpdu, bytes.at, len);
	if (!raw && len >= 24) {
		if (!(mpdu[4] & 1))
			memcpy(mpdu + 4, f->config.own, 6);
		memcpy(mpdu + 10, f->config.ibss ? f->config.peer : f->config.bssid, 6);
		if ((mpdu[0] & 0x0c) == 0 || f->config.ibss)
			memcpy(mpdu + 16, f->config.bssid, 6);
	}
	result = sta_receive(f->sta, mr_rd_over(mpdu, len), &rx, &out, f->now_us);
	f->over = result < 0;
	if (result == 0 && out.event == STA_MSDU) {
		assert(!f->config.secure && sta_up(f->sta));
		assert(out.payload.left <= RADIO_FRAME_MAX);
	}
}

static void pull(struct fuzz *f, bool hold)
{
	uint8_t mpdu[RADIO_FRAME_MAX];
	bool ready = sta_ready(f->sta);
	size_t len = sta_pull(f->sta, mpdu, hold, &f->what, f->now_us);

	assert(len <= sizeof(mpdu) && (hold || !ready || len > 0));
}

static void step(struct fuzz *f, struct mr_rd *in)
{
	uint8_t act = mr_rd_u8(in);

	switch (act % 8) {
	case 0:
	case 1: frame(f, mr_rd_sub(in, mr_rd_le16(in) % 1024u), act == 0); break;
	case 2: pull(f, act & 0x80); break;
	case 3: sta_sent(f->sta, f->what, act & 0x10, act >> 5, f->now_us); break;
	case 4:
		f->now_us += (uint64_t)mr_rd_le16(in) * 100;
		f->over = sta_expire(f->sta, f->now_us) < 0;
		break;
	case 5: (void)sta_send(f->sta, NULL, 0x0800, "0123456789abcdef", act >> 4); break;
	case 6:
		if (act & 0x80)
			sta_park(f->sta, f->now_us);
		else
			sta_resume(f->sta, f->now_us);
		break;
	case 7:
		if (act == 0xff)
			sta_leave(f->sta, f->now_us);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct mr_rd in = mr_rd_over(bytes, len);
	uint8_t how = mr_rd_u8(&in);
	uint16_t sequence = 4090;
	struct fuzz f = { .config = { .own = { 2, 0, 0, 0, 2, 0 },
				      .bssid = { 2, 0, 0, 0, 1, 0 },
				      .peer = { 2, 0, 0, 0, 7, 7 },
				      .ssid = "device",
				      .ssid_len = 6,
				      .freq_mhz = 2437,
				      .ibss = how & 1,
				      .secure = how & 2,
				      .pmk = { 7 },
				      .patience_us = 20000000,
				      .sequence = &sequence },
			  .now_us = 1000000 };

	if ((how & 4) && f.config.secure)
		f.config.rsn = (struct ieee80211_rsn){ .group = 4,
						       .group_management = 6,
						       .pairwise = 1u << 4,
						       .akm = how & 8 ? 1u << 6 : 1u << 2,
						       .capabilities = how & 16 ? IEEE80211_MFPC | IEEE80211_MFPR : 0 };
	f.config.entropy = entropy_create_seeded(1, "fuzz");
	f.sta = sta_create(&f.config, f.now_us);
	while (in.left > 0 && !in.bad && !f.over)
		step(&f, &in);
	sta_destroy(f.sta);
	entropy_destroy(f.config.entropy);
	return 0;
}
