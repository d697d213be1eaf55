/*
 * Any octets as an MPDU: what parses builds back to the same octets; networks and TIMs are read without complaint.
 *
 * links: station/wifi/ieee80211.c agent/wire/channel.c
 */
#include <assert.h>
#include <string.h>

#include "station/wifi/ieee80211.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void header_builds_back(const uint8_t *bytes, const struct ieee80211_header *h, size_t header_len)
{
	uint8_t again[64];
	struct mr_wr w = mr_wr_over(again, sizeof(again));

	ieee80211_header_build(&w, h);
	assert(!w.bad && w.len == header_len);
	if (!(h->flags & IEEE80211_ORDER)) /* HT Control is not kept */
		assert(!memcmp(again, bytes, w.len));
}

static void rsn_builds_back(struct mr_rd body)
{
	struct ieee80211_rsn rsn, again;
	uint8_t bytes[512];
	struct mr_wr w = mr_wr_over(bytes, sizeof(bytes));

	if (!ieee80211_rsn_parse(body, &rsn))
		return;
	ieee80211_put_rsn(&w, &rsn);
	assert(!w.bad && ieee80211_rsn_parse(mr_rd_over(bytes + 2, w.len - 2), &again));
	assert(again.capabilities == rsn.capabilities);
	if (rsn.pairwise < 1u << 31 && rsn.akm < 1u << 31)
		assert(again.pairwise == rsn.pairwise && again.akm == rsn.akm);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const struct radio_rx rx = { .freq_mhz = 2437 };
	struct mr_rd mpdu = mr_rd_over(bytes, len), body = mpdu;
	struct ieee80211_association_request q;
	struct ieee80211_elements e;
	struct ieee80211_header h;
	struct ieee80211_network n;
	struct ieee80211_beacon b;
	uint16_t ethertype;

	if (!ieee80211_header_parse(&body, &h))
		return 0;
	header_builds_back(bytes, &h, len - body.left);
	(void)ieee80211_da(&h);
	(void)ieee80211_sa(&h);
	(void)ieee80211_bssid(&h);
	if (ieee80211_network_of(mpdu, &rx, &n))
		assert(n.ssid_len <= IEEE80211_SSID_MAX &&
		       *ieee80211_security_name((enum ieee80211_security)n.security));
	(void)ieee80211_snap_parse(&(struct mr_rd){ body.at, body.left, false }, &ethertype);
	(void)ieee80211_association_request_parse(body, len % 2, &q);
	if (!ieee80211_beacon_parse(body, &b) || !ieee80211_elements_parse(b.elements, &e))
		return 0;
	(void)ieee80211_vendor(b.elements, (const uint8_t[3]){ 0x00, 0x50, 0xf2 }, 4);
	for (unsigned aid = 0; e.tim.at && aid < 2100; aid += 7)
		(void)ieee80211_tim_has(e.tim, (uint16_t)aid);
	if (e.rsn.at)
		rsn_builds_back(e.rsn);
	return 0;
}
