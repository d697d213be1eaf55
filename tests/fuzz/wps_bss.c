/*
 * The station's BSS for Wi-Fi Simple Configuration behind association: STAs associate to be enrolled, and then EAPOL
 * comes as the input has it, beside one true enrollee whose messages get through, are lost, or are changed in some
 * octets. A run ends well only when that one has the credentials, and every run ends.
 *
 * links: station/method/wps_bss.c station/method/wps_registrar.c
 * links: station/wifi/soft_ap.c station/wifi/soft_ap_sta.c station/wifi/soft_ap_data.c
 * links: station/wifi/ieee80211.c
 * links: station/wifi/wpa.c station/wifi/wpa_ap.c station/wifi/eapol.c station/wifi/ccmp.c station/wifi/tkip.c
 * links: station/wifi/aes.c agent/wire/channel.c station/base/entropy.c station/base/map.c station/base/log.c
 * links: agent/wire/cause.c agent/wire/wsc.c agent/wire/eap.c agent/core/wsc_enrollee.c
 * links: agent/port/linux/crypto_openssl.c agent/port/linux/crypto_wsc_openssl.c
 */
#include <assert.h>
#include <string.h>

#include "agent/core/wsc_enrollee.h"
#include "agent/wire/eap.h"
#include "station/method/wps_bss.h"
#include "station/wifi/eapol.h"
#include "station/wifi/ieee80211.h"

#define STAS 4u
#define PIN "12345670"
#define FRAME_MAX 1600u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct mr_wsc_device us = { .uuid = { 1 }, .manufacturer = "M", .model_name = "station", .rf_bands = 1 };
static const struct mr_wsc_credential network = { .ssid = "net",
						  .ssid_len = 3,
						  .authentication = MR_WSC_WPA2_PSK,
						  .encryption = MR_WSC_AES,
						  .key = "passphrase",
						  .key_len = 10 };

struct world {
	struct wps_bss *bss;
	struct entropy *entropy;
	uint64_t now_us;
	uint16_t sequence;
	/* The true one, which is STA 0. */
	struct mr_eap eap;
	struct mr_wsc_enrollee enrollee;
	bool begun, has_credentials;
	uint8_t reply[MR_EAP_PACKET_MAX];
	size_t reply_len;
};

static void address(unsigned sta, uint8_t mac[static 6])
{
	const uint8_t of[6] = { 0x02, 'p', 'e', 'e', 'r', (uint8_t)sta };

	memcpy(mac, of, 6);
}

static bool draw(void *ctx, uint8_t *out, size_t len)
{
	entropy_fill(ctx, out, len);
	return true;
}

/* --- what the BSS tells --- */

static void asked(void *ctx, const uint8_t mac[static 6], const struct wps_enrollee *enrollee)
{
	struct world *w = ctx;

	if (mac[5] <= 1 && !enrollee->button)
		(void)wps_bss_admit(w->bss, mac, PIN, &network, w->now_us);
	else
		wps_bss_decline(w->bss, mac, MR_WSC_NO_ERROR, w->now_us);
}

static void ended(void *ctx, const uint8_t mac[static 6], const struct wps_bss_end *end)
{
	const struct world *w = ctx;

	assert(end->cause != 0 || (mac[5] == 0 && w->has_credentials && end->begun && end->exposed == 0));
}

static bool button(void *ctx, const uint8_t mac[static 6]) { return (void)ctx, mac[5] & 1; }
static void probed(void *ctx, const uint8_t mac[static 6], bool pressed) { (void)ctx, (void)mac, (void)pressed; }

/* --- the true enrollee --- */

static void hear(struct world *w, struct mr_rd packet)
{
	const struct mr_wsc_enrollee_config config = {
		.device = &us, .mac = { 2 }, .pin = PIN, .random = draw, .random_ctx = w->entropy
	};
	struct mr_wr reply = mr_wr_over(w->reply, sizeof(w->reply));
	struct mr_wsc_answer answer = { 0 };
	struct mr_eap_message m;

	if (mr_eap_receive(&w->eap, packet, &m, &reply) == MR_EAP_MESSAGE) {
		if (m.op == MR_EAP_START)
			w->begun = mr_wsc_enrollee_begin(&w->enrollee, &config, &answer);
		else if (w->begun &&
			 mr_wsc_enrollee_receive(&w->enrollee, m.op, m.message, &answer) == MR_WSC_CREDENTIALS)
			w->has_credentials = true;
		if (answer.op)
			mr_eap_send(&w->eap, (enum mr_eap_op)answer.op, answer.message, &reply);
	}
	if (!reply.bad && reply.len > 0)
		w->reply_len = reply.len;
}

static void listen(struct world *w, struct mr_rd frame)
{
	struct ieee80211_header h;
	uint8_t mac[6];
	uint16_t ethertype;

	address(0, mac);
	if (!ieee80211_header_parse(&frame, &h) || h.kind != IEEE80211_DATA || !mr_equal(h.address1, mac, 6) ||
	    !ieee80211_snap_parse(&frame, &ethertype) || ethertype != EAPOL_ETHERTYPE)
		return;
	mr_rd_skip(&frame, 4);
	if (!frame.bad)
		hear(w, frame);
}

static void pull(struct world *w)
{
	uint8_t frame[RADIO_FRAME_MAX];
	struct radio_tx tx;
	size_t len;

	while ((len = wps_bss_pull(w->bss, frame, &tx, w->now_us)) > 0) {
		assert(len <= sizeof(frame) && tx.rate_500kbps > 0);
		listen(w, mr_rd_over(frame, len));
	}
}

/* --- what STAs send --- */

static struct mr_wr begin(struct world *w, uint8_t *buf, enum ieee80211_kind kind, unsigned sta)
{
	static const uint8_t bssid[6] = { 0x02, 0x4d, 0x52, 0, 0, 7 };
	struct ieee80211_header h = { .kind = (uint8_t)kind, .sequence = w->sequence++ & 0xfff };
	struct mr_wr out = mr_wr_over(buf, FRAME_MAX);

	if (kind == IEEE80211_DATA)
		h.flags = IEEE80211_TO_DS;
	memcpy(h.address1, bssid, 6);
	address(sta, h.address2);
	memcpy(h.address3, bssid, 6);
	ieee80211_header_build(&out, &h);
	return out;
}

static void send(struct world *w, const struct mr_wr *frame)
{
	assert(!frame->bad);
	wps_bss_receive(w->bss, mr_wr_written(frame), w->now_us);
	pull(w);
}

static void associate(struct world *w, unsigned sta)
{
	static const uint8_t wsc[] = { 0x00, 0x50, 0xf2, 4,    0x10, 0x4a, 0,	 1,    0x10, 0x10, 0x3a, 0,
				       1,    1,	   0x10, 0x49, 0,    6,	   0x00, 0x37, 0x2a, 0x00, 0x01, 0x20 };
	uint8_t buf[FRAME_MAX];
	struct mr_wr out = begin(w, buf, IEEE80211_AUTHENTICATION, sta);

	ieee80211_authentication_build(&out, &(struct ieee80211_authentication){ .transaction = 1 });
	send(w, &out);
	if (sta == 0) {
		mr_eap_init(&w->eap, false, MR_EAP_ENROLLEE, 0);
		w->begun = w->has_credentials = false;
		w->reply_len = 0;
	}
	out = begin(w, buf, IEEE80211_ASSOCIATION_REQUEST, sta);
	ieee80211_association_request_build(&out, &(struct ieee80211_association_request){ .listen_interval = 1 });
	ieee80211_put_ssid(&out, (const uint8_t *)"wps", 3);
	ieee80211_put_rates(&out, 2437);
	ieee80211_put_element(&out, IEEE80211_VENDOR, wsc, sizeof(wsc));
	send(w, &out);
}

static void send_eapol(struct world *w, unsigned sta, uint8_t type, struct mr_rd body)
{
	uint8_t buf[FRAME_MAX];
	struct mr_wr out = begin(w, buf, IEEE80211_DATA, sta);

	ieee80211_put_snap(&out, EAPOL_ETHERTYPE);
	mr_wr_u8(&out, 1);
	mr_wr_u8(&out, type);
	mr_wr_be16(&out, (uint16_t)body.left);
	mr_wr_bytes(&out, body.at, body.left);
	send(w, &out);
}

/* What the true one has to say, with octets changed where the input says so. */
static void answer(struct world *w, struct mr_rd changes)
{
	uint8_t packet[MR_EAP_PACKET_MAX];
	size_t len = w->reply_len;

	if (len == 0)
		return;
	memcpy(packet, w->reply, len);
	w->reply_len = 0;
	while (changes.left >= 3) {
		uint16_t at = mr_rd_be16(&changes);

		packet[at % len] ^= mr_rd_u8(&changes);
	}
	send_eapol(w, 0, EAPOL_EAP, mr_rd_over(packet, len));
}

static void step(struct world *w, struct mr_rd *in)
{
	uint8_t what = mr_rd_u8(in);
	unsigned sta = what >> 4 & (STAS - 1);
	struct mr_rd body;
	uint8_t buf[FRAME_MAX];
	struct mr_wr out;

	switch (what & 7) {
	case 0: associate(w, sta); return;
	case 1:
		w->now_us += (uint64_t)mr_rd_u8(in) * 20000;
		wps_bss_expire(w->bss, w->now_us);
		pull(w);
		return;
	case 2: answer(w, (struct mr_rd){ 0 }); return;
	case 3: answer(w, mr_rd_sub(in, mr_rd_u8(in))); return;
	case 4: send_eapol(w, sta, EAPOL_START, (struct mr_rd){ 0 }); return;
	case 5: wps_bss_pause(w->bss); return;
	case 6:
		body = mr_rd_sub(in, mr_rd_u8(in));
		out = begin(w, buf, (enum ieee80211_kind)(mr_rd_u8(in) & 0x3f), sta);
		mr_wr_bytes(&out, body.at, body.bad ? 0 : body.left);
		if (!out.bad)
			send(w, &out);
		return;
	default:
		body = mr_rd_sub(in, mr_rd_be16(in) % 600);
		if (!body.bad)
			send_eapol(w, sta, what & 8 ? EAPOL_EAP : 3, body);
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct world w = { .entropy = entropy_create_seeded(5, "fuzz") };
	struct wps_bss_config config = { .mac = { 0x02, 0x4d, 0x52, 0, 0, 7 },
					 .ssid = "wps",
					 .ssid_len = 3,
					 .freq_mhz = 2437,
					 .pins = true,
					 .device = &us,
					 .entropy = w.entropy };
	const struct wps_bss_events events = { &w, asked, ended, button, probed, NULL };
	struct mr_rd in = mr_rd_over(bytes, len);

	w.bss = wps_bss_create(&config, &events, 0);
	assert(w.entropy && w.bss);
	mr_eap_init(&w.eap, false, MR_EAP_ENROLLEE, 0);
	while (in.left > 0 && !in.bad)
		step(&w, &in);
	/* Progress of a lower layer is no patience of a higher one: with nobody there every run is over soon. */
	for (unsigned i = 0; i < 400; i++) {
		w.now_us += 100000;
		wps_bss_expire(w.bss, w.now_us);
		pull(&w);
	}
	assert(wps_bss_runs(w.bss) == 0);
	wps_bss_destroy(w.bss);
	mr_wsc_enrollee_wipe(&w.enrollee);
	entropy_destroy(w.entropy);
	return 0;
}
