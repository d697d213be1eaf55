/*
 * Any octets as 802.1X PDUs, several in a row (each behind a length of two octets), to both ends of the handshake and
 * to the witness; key data by itself. What parses builds back; without the key nothing comes of it.
 *
 * links: station/wifi/wpa.c station/wifi/wpa_sta.c station/wifi/wpa_ap.c station/wifi/wpa_witness.c
 * links: station/wifi/eapol.c station/wifi/aes.c station/wifi/ieee80211.c agent/wire/channel.c
 * links: station/base/entropy.c
 * links: station/base/log.c agent/wire/cause.c
 */
#include <assert.h>
#include <string.h>

#include "station/wifi/wpa.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const uint8_t pmk[32] = { 7 }, aa[6] = { 2, 0, 0, 0, 1, 0 }, spa[6] = { 2, 0, 0, 0, 2, 0 };
static const uint8_t rsne[] = { 48, 20, 1, 0, 0, 15, 172, 4, 1, 0, 0, 15, 172, 4, 1, 0, 0, 15, 172, 2, 0, 0 };

static void builds_back(struct mr_rd pdu)
{
	uint8_t again[4096];
	struct mr_wr w = mr_wr_over(again, sizeof(again));
	struct eapol_key key;

	if (!eapol_key_parse(pdu, &key) || pdu.left > sizeof(again))
		return;
	eapol_key_build(&w, &key);
	assert(!w.bad && w.len == pdu.left && !memcmp(again, pdu.at, 17 + 32));
}

static void three_views(struct wpa_sta *sta, struct wpa_ap *ap, struct wpa_witness *witness, struct mr_rd pdu,
			uint64_t now_us)
{
	uint8_t answer[EAPOL_MAX];
	struct mr_wr w = mr_wr_over(answer, sizeof(answer));
	int event = wpa_sta_receive(sta, pdu, &w);

	assert(event == WPA_NOTHING || event == WPA_ANSWER);
	assert((event == WPA_ANSWER) == (w.len > 0));
	assert(!sta->established);
	w = mr_wr_over(answer, sizeof(answer));
	assert(wpa_ap_receive(ap, pdu, &w, now_us) == WPA_NOTHING && w.len == 0);
	for (int from_ap = 0; from_ap < 2; from_ap++)
		assert(wpa_witness_receive(witness, from_ap, pdu) <= WPA_WITNESS_WRONG);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct entropy *entropy = entropy_create_seeded(1, "fuzz");
	struct wpa_group group = { .gtk_len = 16, .gtk_id = 1 };
	struct mr_rd in = mr_rd_over(bytes, len);
	uint8_t m1[EAPOL_MAX];
	struct mr_wr w = mr_wr_over(m1, sizeof(m1));
	struct wpa_witness witness;
	struct ieee80211_rsn rsn;
	struct eapol_data data;
	struct wpa_sta sta;
	struct wpa_ap ap;

	(void)eapol_data_parse(in, &data);
	(void)ieee80211_rsn_parse(mr_rd_over(rsne + 2, 20), &rsn);
	wpa_sta_init(&sta, IEEE80211_AKM_PSK, pmk, aa, spa, &rsn, mr_rd_over(rsne, 22), false, entropy);
	wpa_ap_init(&ap, IEEE80211_AKM_PSK, pmk, aa, spa, mr_rd_over(rsne, 22), &rsn, false, &group, entropy);
	wpa_witness_init(&witness, pmk, aa, spa);
	wpa_ap_start(&ap, &w, 0);
	for (uint64_t now_us = 1; in.left > 0; now_us++) {
		struct mr_rd pdu = mr_rd_sub(&in, mr_rd_be16(&in)), cut = pdu;

		if (in.bad)
			break;
		if (eapol_type(&cut) == EAPOL_KEY)
			builds_back(cut);
		three_views(&sta, &ap, &witness, pdu, now_us);
	}
	wpa_sta_wipe(&sta);
	wpa_ap_wipe(&ap);
	wpa_witness_wipe(&witness);
	entropy_destroy(entropy);
	return 0;
}
