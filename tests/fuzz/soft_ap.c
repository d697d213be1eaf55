/*
 * The access point against whatever comes, with a STA beside it that has the passphrase: frames of strangers with their
 * two addresses put right, reports, MSDUs, time, and the frames between the two, which are carried as they are, twice,
 * changed, or not at all. So a script reaches the end of the 4-way handshake and what comes after it: power save, new
 * keys, another channel. Nothing may be passed on at either end that was not sent at the other.
 *
 * links: station/wifi/soft_ap.c station/wifi/soft_ap_sta.c station/wifi/soft_ap_data.c
 * links: station/wifi/sta.c station/wifi/sta_send.c station/wifi/sta_receive.c station/wifi/defragment.c
 * links: station/wifi/ieee80211.c station/wifi/wpa_sta.c
 * links: station/wifi/wpa.c station/wifi/wpa_ap.c station/wifi/eapol.c station/wifi/ccmp.c station/wifi/tkip.c
 * links: station/wifi/aes.c agent/wire/channel.c station/base/entropy.c station/base/map.c
 * links: agent/wire/cause.c
 * links: station/base/log.c
 */
#include <assert.h>
#include <string.h>

#include "station/wifi/soft_ap.h"
#include "station/wifi/sta.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define WAITING_MAX 32u

static const uint8_t ap_mac[6] = { 0x02, 0x4d, 0x52, 0, 0, 7 }, peer[6] = { 0x02, 'p', 'e', 'e', 'r', 1 };
static const uint8_t down[] = "to the STA, and to no other", up[] = "to the access point, as it was said";
static struct sta_out heard;

struct waiting {
	uint8_t bytes[RADIO_FRAME_MAX];
	size_t len;
};

struct fuzz {
	struct soft_ap *ap;
	struct sta *sta; /* NULL: it has given up */
	struct sta_config config;
	struct entropy *entropy;
	uint64_t now_us, cookie;
	bool joined;			     /* at some time */
	struct waiting waiting[WAITING_MAX]; /* for the STA */
	size_t first, count;
};

static bool on_send(void *ctx, struct mr_rd frame, const struct radio_tx *tx)
{
	struct fuzz *f = ctx;
	struct waiting *w = &f->waiting[(f->first + f->count) % WAITING_MAX];
	bool beacon = frame.at[0] == IEEE80211_BEACON;

	assert(frame.left >= IEEE80211_HEADER_LEN && frame.left <= RADIO_FRAME_MAX && (tx->cookie & SOFT_AP_COOKIE));
	f->cookie = tx->cookie;
	if (!beacon && f->count < WAITING_MAX) {
		memcpy(w->bytes, frame.at, frame.left);
		w->len = frame.left;
		f->count++;
	}
	return tx->rate_500kbps != 0;
}

static void on_received(void *ctx, const uint8_t *dst, const uint8_t *src, uint16_t ethertype, struct mr_rd payload)
{
	const struct fuzz *f = ctx;

	assert(f->joined && mr_equal(src, peer, 6) && mr_equal(dst, ap_mac, 6) && ethertype == 0x0800);
	assert(payload.left <= sizeof(up) && mr_equal(payload.at, up, payload.left));
}

static void on_joined(void *ctx, const uint8_t *mac)
{
	assert(mr_equal(mac, peer, 6));
	((struct fuzz *)ctx)->joined = true;
}

static void start_sta(struct fuzz *f)
{
	if (!f->sta)
		f->sta = sta_create(&f->config, f->now_us);
	assert(f->sta);
}

static void end_sta(struct fuzz *f)
{
	sta_destroy(f->sta);
	f->sta = NULL;
}

static void to_sta(struct fuzz *f, const uint8_t *bytes, size_t len)
{
	const struct radio_rx rx = { .freq_mhz = 2437, .time_us = f->now_us };

	if (!f->sta)
		return;
	if (sta_receive(f->sta, mr_rd_over(bytes, len), &rx, &heard, f->now_us) < 0)
		end_sta(f);
	else if (heard.event == STA_MSDU)
		assert(heard.payload.left == sizeof(down) && mr_equal(heard.payload.at, down, sizeof(down)));
}

/* An octet says how it is carried; the frame may be changed. How often it arrives. */
static unsigned on_the_way(struct mr_rd *in, uint8_t *bytes, size_t len)
{
	uint8_t how = in ? mr_rd_u8(in) : 0;

	if (how & 0x80) {
		size_t at = mr_rd_le16(in) % len;

		bytes[at] ^= mr_rd_u8(in);
	}
	return (how & 3) == 1 ? 2 : (how & 3) == 2 ? 0 : 1;
}

/* `in` NULL: as they are. false: there is none. */
static bool carry_up(struct fuzz *f, struct mr_rd *in)
{
	uint8_t frame[RADIO_FRAME_MAX], what;
	size_t len = f->sta ? sta_pull(f->sta, frame, false, &what, f->now_us) : 0;
	unsigned times;

	if (len == 0)
		return false;
	times = on_the_way(in, frame, len);
	for (unsigned i = 0; i < times; i++)
		soft_ap_receive(f->ap, mr_rd_over(frame, len), f->now_us);
	sta_sent(f->sta, what, times > 0, 1, f->now_us);
	return true;
}

static bool carry_down(struct fuzz *f, struct mr_rd *in)
{
	struct waiting *w = &f->waiting[f->first];
	unsigned times;

	if (f->count == 0)
		return false;
	f->first = (f->first + 1) % WAITING_MAX;
	f->count--;
	times = on_the_way(in, w->bytes, w->len);
	for (unsigned i = 0; i < times; i++)
		to_sta(f, w->bytes, w->len);
	soft_ap_sent(f->ap, f->cookie, times > 0, f->now_us);
	return true;
}

static void carry_all(struct fuzz *f)
{
	start_sta(f);
	for (unsigned i = 0; i < 64; i++) {
		bool went = carry_up(f, NULL);

		went = carry_down(f, NULL) || went;
		f->now_us += 1000;
		if (!went)
			break;
	}
}

static void stranger(struct fuzz *f, struct mr_rd *in)
{
	uint8_t frame[600], who = mr_rd_u8(in);
	size_t frame_len = mr_rd_le16(in) % sizeof(frame);

	frame_len = frame_len < in->left ? frame_len : in->left;
	mr_rd_copy(in, frame, frame_len);
	if (frame_len >= 16 && (who & 0x80)) {
		memcpy(frame + 4, ap_mac, 6);
		memcpy(frame + 10, peer, 5);
		frame[15] = who & 7;
	}
	soft_ap_receive(f->ap, mr_rd_over(frame, frame_len), f->now_us);
}

static void pass_time(struct fuzz *f, uint64_t us)
{
	f->now_us += us;
	soft_ap_expire(f->ap, f->now_us);
	assert(soft_ap_deadline_us(f->ap) > f->now_us);
	if (f->sta && f->now_us >= sta_deadline_us(f->sta) && sta_expire(f->sta, f->now_us) < 0)
		end_sta(f);
}

static void send_down(struct fuzz *f, uint8_t how)
{
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	bool taken = soft_ap_send(f->ap, how & 1 ? all : peer, 0x0800, down, sizeof(down), f->now_us);

	assert(!taken || f->joined);
}

static void act(struct fuzz *f, uint8_t what)
{
	switch (what % 8) {
	case 0: soft_ap_rekey(f->ap, f->now_us); break;
	case 1: soft_ap_dismiss(f->ap, NULL, IEEE80211_LEAVING, f->now_us); break;
	case 2: soft_ap_switch(f->ap, 2462, 3); break;
	case 3: soft_ap_moved(f->ap, 2462); break;
	case 4:
		if (f->sta)
			sta_park(f->sta, f->now_us);
		break;
	case 5:
		if (f->sta)
			sta_resume(f->sta, f->now_us);
		break;
	case 6:
		if (f->sta)
			sta_leave(f->sta, f->now_us);
		break;
	case 7: start_sta(f); break;
	}
}

static void step(struct fuzz *f, struct mr_rd *in)
{
	switch (mr_rd_u8(in) & 15) {
	case 0: pass_time(f, mr_rd_le16(in) * UINT64_C(64)); break;
	case 1: soft_ap_sent(f->ap, f->cookie, mr_rd_u8(in) & 1, f->now_us); break;
	case 2: send_down(f, mr_rd_u8(in)); break;
	case 8:
	case 9: (void)carry_up(f, in); break;
	case 10:
	case 11: (void)carry_down(f, in); break;
	case 12:
		if (f->sta)
			(void)sta_send(f->sta, NULL, 0x0800, up, mr_rd_u8(in) % sizeof(up) + 1u);
		break;
	case 13: act(f, mr_rd_u8(in)); break;
	case 14:
	case 15: carry_all(f); break;
	default: stranger(f, in); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct fuzz f;
	struct mr_rd in = mr_rd_over(bytes, len);
	uint8_t kind = mr_rd_u8(&in);
	struct soft_ap_config c = { .ssid = "AC-1",
				    .ssid_len = 4,
				    .freq_mhz = 2437,
				    .stas_max = 4,
				    .security = IEEE80211_WPA2_PSK,
				    .pmf_capable = kind & 1,
				    .hidden = kind & 2,
				    .pmf_required = (kind & 5) == 5,
				    .wmm = kind & 8,
				    .group_tkip = kind & 16,
				    .psk = { 7 },
				    .rekey_us = kind & 32 ? 3000000 : 0 };
	struct soft_ap_events events = { &f, on_send, on_received, NULL, on_joined, NULL, NULL };
	uint16_t sequence = 4090;

	memcpy(c.mac, ap_mac, 6);
	f = (struct fuzz){ .config = { .ssid = "AC-1",
				       .ssid_len = 4,
				       .freq_mhz = 2437,
				       .qos = kind & 8,
				       .secure = true,
				       .pmk = { kind & 64 ? 8 : 7 },
				       .patience_us = 20000000,
				       .sequence = &sequence } };
	memcpy(f.config.own, peer, 6);
	memcpy(f.config.bssid, ap_mac, 6);
	f.entropy = f.config.entropy = entropy_create_seeded(kind, "fuzz");
	f.ap = soft_ap_create(&c, &events, f.entropy, f.now_us);
	assert(f.ap);
	start_sta(&f);
	while (in.left > 0)
		step(&f, &in);
	assert(soft_ap_stas(f.ap) <= (f.joined ? 1 : 0) && (!f.joined || !(kind & 64)));
	soft_ap_destroy(f.ap);
	end_sta(&f);
	entropy_destroy(f.entropy);
	return 0;
}
