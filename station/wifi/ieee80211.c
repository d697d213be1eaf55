#include "station/wifi/ieee80211.h"

#include <string.h>

#include "agent/wire/channel.h"

const uint8_t ieee80211_broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static const uint8_t oui_80211[3] = { 0x00, 0x0f, 0xac };
static const uint8_t oui_microsoft[3] = { 0x00, 0x50, 0xf2 };
#define TYPE_WPA 1 /* of oui_microsoft */
#define TYPE_WMM 2
#define TYPE_WSC 4

/* --- the header --- */

bool ieee80211_is_management(const struct ieee80211_header *header) { return (header->kind & 0x0c) == 0x00; }
bool ieee80211_is_data(const struct ieee80211_header *header) { return (header->kind & 0x0c) == 0x08; }
bool ieee80211_has_qos(const struct ieee80211_header *header) { return (header->kind & 0x8c) == 0x88; }
bool ieee80211_has_amsdu(const struct ieee80211_header *header)
{
	return ieee80211_has_qos(header) && (header->qos & 0x0080);
}
bool ieee80211_is_group(const uint8_t address[static 6]) { return address[0] & 1; }

static bool four_addresses(const struct ieee80211_header *header)
{
	const uint8_t both = IEEE80211_TO_DS | IEEE80211_FROM_DS;

	return ieee80211_is_data(header) && (header->flags & both) == both;
}

/* 9.2.4.6.1: HT Control follows in QoS data and management frames whose +HTC bit says so. */
static bool ht_control(const struct ieee80211_header *header)
{
	return (header->flags & IEEE80211_ORDER) && (ieee80211_has_qos(header) || ieee80211_is_management(header));
}

bool ieee80211_header_parse(struct mr_rd *in, struct ieee80211_header *out)
{
	uint16_t control;

	*out = (struct ieee80211_header){ 0 };
	out->kind = mr_rd_u8(in);
	out->flags = mr_rd_u8(in);
	if ((out->kind & 0x03) != 0)
		return false;
	out->duration = mr_rd_le16(in);
	mr_rd_copy(in, out->address1, 6);
	mr_rd_copy(in, out->address2, 6);
	if (out->kind == IEEE80211_PS_POLL)
		return !in->bad;
	if (!ieee80211_is_management(out) && !ieee80211_is_data(out))
		return false;
	mr_rd_copy(in, out->address3, 6);
	control = mr_rd_le16(in);
	out->sequence = control >> 4;
	out->fragment = control & 0x0f;
	if (four_addresses(out))
		mr_rd_copy(in, out->address4, 6);
	if (ieee80211_has_qos(out))
		out->qos = mr_rd_le16(in);
	if (ht_control(out))
		mr_rd_skip(in, 4);
	return !in->bad;
}

void ieee80211_header_build(struct mr_wr *w, const struct ieee80211_header *header)
{
	mr_wr_u8(w, header->kind);
	mr_wr_u8(w, header->flags);
	mr_wr_le16(w, header->duration);
	mr_wr_bytes(w, header->address1, 6);
	mr_wr_bytes(w, header->address2, 6);
	if (header->kind == IEEE80211_PS_POLL)
		return;
	mr_wr_bytes(w, header->address3, 6);
	mr_wr_le16(w, (uint16_t)(header->sequence << 4 | (header->fragment & 0x0f)));
	if (four_addresses(header))
		mr_wr_bytes(w, header->address4, 6);
	if (ieee80211_has_qos(header))
		mr_wr_le16(w, header->qos);
	if (ht_control(header))
		mr_wr_le32(w, 0);
}

const uint8_t *ieee80211_da(const struct ieee80211_header *header)
{
	if (header->kind == IEEE80211_PS_POLL)
		return NULL;
	return ieee80211_is_data(header) && (header->flags & IEEE80211_TO_DS) ? header->address3 : header->address1;
}

const uint8_t *ieee80211_sa(const struct ieee80211_header *header)
{
	if (four_addresses(header))
		return header->address4;
	return ieee80211_is_data(header) && (header->flags & IEEE80211_FROM_DS) ? header->address3 : header->address2;
}

const uint8_t *ieee80211_bssid(const struct ieee80211_header *header)
{
	if (header->kind == IEEE80211_PS_POLL)
		return header->address1;
	if (four_addresses(header))
		return NULL;
	if (!ieee80211_is_data(header))
		return header->address3;
	if (header->flags & IEEE80211_TO_DS)
		return header->address1;
	return header->flags & IEEE80211_FROM_DS ? header->address2 : header->address3;
}

/* --- LLC/SNAP --- */

static const uint8_t snap_rfc1042[6] = { 0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00 };
static const uint8_t snap_bridge[6] = { 0xaa, 0xaa, 0x03, 0x00, 0x00, 0xf8 };

bool ieee80211_snap_parse(struct mr_rd *in, uint16_t *ethertype)
{
	const uint8_t *snap = mr_rd_take(in, sizeof(snap_rfc1042));

	*ethertype = mr_rd_be16(in);
	return !in->bad &&
	       (mr_equal(snap, snap_rfc1042, sizeof(snap_rfc1042)) || mr_equal(snap, snap_bridge, sizeof(snap_bridge)));
}

void ieee80211_put_snap(struct mr_wr *w, uint16_t ethertype)
{
	/* 802.1H: these two were not Ethernet's own, AppleTalk AARP and IPX */
	mr_wr_bytes(w, ethertype == 0x80f3 || ethertype == 0x8137 ? snap_bridge : snap_rfc1042, sizeof(snap_rfc1042));
	mr_wr_be16(w, ethertype);
}

/* --- management bodies --- */

bool ieee80211_beacon_parse(struct mr_rd body, struct ieee80211_beacon *out)
{
	out->timestamp_us = mr_rd_le64(&body);
	out->interval_tu = mr_rd_le16(&body);
	out->capability = mr_rd_le16(&body);
	out->elements = body;
	return !body.bad;
}

void ieee80211_beacon_build(struct mr_wr *w, const struct ieee80211_beacon *body)
{
	mr_wr_le64(w, body->timestamp_us);
	mr_wr_le16(w, body->interval_tu);
	mr_wr_le16(w, body->capability);
	mr_wr_bytes(w, body->elements.at, body->elements.left);
}

bool ieee80211_authentication_parse(struct mr_rd body, struct ieee80211_authentication *out)
{
	out->algorithm = mr_rd_le16(&body);
	out->transaction = mr_rd_le16(&body);
	out->status = mr_rd_le16(&body);
	out->rest = body;
	return !body.bad;
}

void ieee80211_authentication_build(struct mr_wr *w, const struct ieee80211_authentication *body)
{
	mr_wr_le16(w, body->algorithm);
	mr_wr_le16(w, body->transaction);
	mr_wr_le16(w, body->status);
	mr_wr_bytes(w, body->rest.at, body->rest.left);
}

bool ieee80211_association_request_parse(struct mr_rd body, bool again, struct ieee80211_association_request *out)
{
	*out = (struct ieee80211_association_request){ .again = again };
	out->capability = mr_rd_le16(&body);
	out->listen_interval = mr_rd_le16(&body);
	if (again)
		mr_rd_copy(&body, out->current_ap, 6);
	out->elements = body;
	return !body.bad;
}

void ieee80211_association_request_build(struct mr_wr *w, const struct ieee80211_association_request *body)
{
	mr_wr_le16(w, body->capability);
	mr_wr_le16(w, body->listen_interval);
	if (body->again)
		mr_wr_bytes(w, body->current_ap, 6);
	mr_wr_bytes(w, body->elements.at, body->elements.left);
}

/* 9.4.1.8: the two high bits of the AID field are set on the air. */
#define AID_BITS 0xc000u

bool ieee80211_association_response_parse(struct mr_rd body, struct ieee80211_association_response *out)
{
	out->capability = mr_rd_le16(&body);
	out->status = mr_rd_le16(&body);
	out->aid = (uint16_t)(mr_rd_le16(&body) & ~AID_BITS);
	out->elements = body;
	return !body.bad;
}

void ieee80211_association_response_build(struct mr_wr *w, const struct ieee80211_association_response *body)
{
	mr_wr_le16(w, body->capability);
	mr_wr_le16(w, body->status);
	mr_wr_le16(w, (uint16_t)(body->aid | AID_BITS));
	mr_wr_bytes(w, body->elements.at, body->elements.left);
}

bool ieee80211_reason_parse(struct mr_rd body, uint16_t *reason)
{
	*reason = mr_rd_le16(&body);
	return !body.bad;
}

/* --- elements --- */

static const struct {
	uint8_t id, shortest, longest;
	size_t member;
} element_table[] = {
#define ELEMENT_ROW(name, NAME, id, shortest, longest)                                                                 \
	{ id, shortest, longest, offsetof(struct ieee80211_elements, name) },
	IEEE80211_ELEMENTS(ELEMENT_ROW)
#undef ELEMENT_ROW
};

static bool vendor_is(struct mr_rd *body, const uint8_t oui[static 3], uint8_t type)
{
	const uint8_t *at = mr_rd_take(body, 3);

	return at && mr_equal(at, oui, 3) && mr_rd_u8(body) == type && !body->bad;
}

static bool keep(struct ieee80211_elements *out, uint8_t id, struct mr_rd body)
{
	for (size_t i = 0; i < sizeof(element_table) / sizeof(element_table[0]); i++) {
		struct mr_rd *member = (struct mr_rd *)(void *)((uint8_t *)out + element_table[i].member);

		if (element_table[i].id != id)
			continue;
		if (body.left < element_table[i].shortest || body.left > element_table[i].longest)
			return false;
		if (!member->at)
			*member = body;
		return true;
	}
	if (id == IEEE80211_VENDOR && !out->wpa.at && vendor_is(&body, oui_microsoft, TYPE_WPA))
		out->wpa = body;
	return true;
}

bool ieee80211_elements_parse(struct mr_rd in, struct ieee80211_elements *out)
{
	const struct mr_rd all = in;

	*out = (struct ieee80211_elements){ 0 };
	while (in.left > 0) {
		uint8_t id = mr_rd_u8(&in);
		struct mr_rd body = mr_rd_sub(&in, mr_rd_u8(&in));
		bool whole = !in.bad && keep(out, id, body);

		out->odd = (uint8_t)(out->odd + (!whole && out->odd < UINT8_MAX));
		if (in.bad && id == IEEE80211_RSN && !out->rsn.at)
			out->rsn = mr_rd_over(all.at, 0); /* there is one, and it cannot be read */
		if (in.bad)
			break;
	}
	return out->odd == 0;
}

struct mr_rd ieee80211_vendor(struct mr_rd elements, const uint8_t oui[static 3], uint8_t type)
{
	while (elements.left > 0) {
		uint8_t id = mr_rd_u8(&elements);
		struct mr_rd body = mr_rd_sub(&elements, mr_rd_u8(&elements));

		if (!elements.bad && id == IEEE80211_VENDOR && vendor_is(&body, oui, type))
			return body;
	}
	return (struct mr_rd){ 0 };
}

void ieee80211_put_element(struct mr_wr *w, uint8_t id, const void *bytes, size_t len)
{
	if (len > IEEE80211_ELEMENT_MAX)
		w->bad = true;
	mr_wr_u8(w, id);
	mr_wr_u8(w, (uint8_t)len);
	mr_wr_bytes(w, bytes, len);
}

void ieee80211_put_ssid(struct mr_wr *w, const uint8_t *ssid, size_t len)
{
	if (len > IEEE80211_SSID_MAX)
		w->bad = true;
	ieee80211_put_element(w, IEEE80211_SSID, ssid, len);
}

static const uint8_t all_rates[12] = { 2, 4, 11, 12, 18, 22, 24, 36, 48, 72, 96, 108 };
#define BASIC 0x80u

uint16_t ieee80211_rate_bit(uint8_t rate)
{
	for (unsigned i = 0; i < sizeof(all_rates); i++)
		if (all_rates[i] == (rate & ~BASIC))
			return (uint16_t)(1u << i);
	return 0; /* a BSS membership selector, 9.4.2.3, is no rate */
}

uint8_t ieee80211_rate_of(uint16_t set, uint8_t wanted)
{
	uint8_t rate = 0;

	for (unsigned i = 0; i < sizeof(all_rates); i++)
		if ((set >> i & 1) && (rate == 0 || all_rates[i] <= wanted))
			rate = all_rates[i];
	return rate ? rate : wanted;
}

static void put_some(struct mr_wr *w, uint8_t id, const uint8_t *rates, size_t count, uint16_t set)
{
	uint8_t some[8];
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (set == 0 || (set & ieee80211_rate_bit(rates[i])))
			some[n++] = rates[i];
	if (n > 0)
		ieee80211_put_element(w, id, some, n);
}

/* In 500 kb/s; bit 7: basic. What every 802.11g (or 802.11a) access point has as its basic rates. */
void ieee80211_put_rates(struct mr_wr *w, uint16_t freq_mhz) { ieee80211_put_rates_of(w, freq_mhz, 0); }

void ieee80211_put_rates_of(struct mr_wr *w, uint16_t freq_mhz, uint16_t set)
{
	static const uint8_t g[8] = { 0x82, 0x84, 0x8b, 0x96, 12, 18, 24, 36 };
	static const uint8_t g_more[4] = { 48, 72, 96, 108 };
	static const uint8_t a[8] = { 0x8c, 18, 0x98, 36, 0xb0, 72, 96, 108 };

	const bool low = mr_band(freq_mhz) == MR_BAND_2GHZ;

	put_some(w, IEEE80211_RATES, low ? g : a, 8, set);
	if (low)
		put_some(w, IEEE80211_EXTENDED_RATES, g_more, sizeof(g_more), set);
}

/* WMM 1.2, 2.2.1 and 2.2.2; AIFSN, contention windows and TXOP limits of its table 14. */
void ieee80211_put_wmm(struct mr_wr *w, bool announcement)
{
	static const uint8_t information[] = { 0x00, 0x50, 0xf2, TYPE_WMM, 0, 1, 0 };
	static const uint8_t parameter[] = { 0x00, 0x50, 0xf2, TYPE_WMM, 1,    1,    0,	   0, 0x03, 0xa4, 0,	0,
					     0x27, 0xa4, 0,    0,	 0x42, 0x43, 0x5e, 0, 0x62, 0x32, 0x2f, 0 };

	if (announcement)
		ieee80211_put_element(w, IEEE80211_VENDOR, parameter, sizeof(parameter));
	else
		ieee80211_put_element(w, IEEE80211_VENDOR, information, sizeof(information));
}

bool ieee80211_has_wmm(struct mr_rd elements) { return ieee80211_vendor(elements, oui_microsoft, TYPE_WMM).at != NULL; }

void ieee80211_put_ds(struct mr_wr *w, uint16_t freq_mhz)
{
	uint8_t channel = (uint8_t)mr_mhz_to_channel(freq_mhz);

	if (mr_band(freq_mhz) == MR_BAND_2GHZ)
		ieee80211_put_element(w, IEEE80211_DS_PARAMETER, &channel, 1);
}

#define TIM_BITMAP_LEN 251

/* 9.4.2.5.1: of the bitmap only octets N1 (even) to N2 are sent; N1 / 2 is the offset in the Bitmap Control field. */
void ieee80211_put_tim(struct mr_wr *w, uint8_t dtim_count, uint8_t dtim_period, bool group, const uint8_t *bitmap)
{
	size_t n1 = 0, n2 = 0;

	for (size_t i = TIM_BITMAP_LEN; bitmap && i > 0; i--) {
		if (!bitmap[i - 1])
			continue;
		n1 = (i - 1) & ~(size_t)1;
		if (n2 == 0)
			n2 = i - 1;
	}
	mr_wr_u8(w, IEEE80211_TIM);
	mr_wr_u8(w, (uint8_t)(3 + n2 - n1 + 1));
	mr_wr_u8(w, dtim_count);
	mr_wr_u8(w, dtim_period);
	mr_wr_u8(w, (uint8_t)(n1 | (group ? 1 : 0)));
	for (size_t i = n1; i <= n2; i++)
		mr_wr_u8(w, bitmap ? bitmap[i] : 0);
}

/* A TIM of one octet (9.4.2.5, S1G) says nothing and has nothing. */
bool ieee80211_tim_has(struct mr_rd tim, uint16_t aid)
{
	uint8_t control;
	size_t first, octet = aid / 8;

	mr_rd_skip(&tim, 2);
	control = mr_rd_u8(&tim);
	if (tim.bad)
		return false;
	if (aid == 0)
		return control & 1;
	first = control & 0xfe;
	if (octet < first || octet - first >= tim.left)
		return false;
	mr_rd_skip(&tim, octet - first);
	return mr_rd_u8(&tim) >> aid % 8 & 1;
}

/* --- RSN --- */

static uint8_t suite(struct mr_rd *in)
{
	const uint8_t *oui = mr_rd_take(in, 3);
	uint8_t type = mr_rd_u8(in);

	return oui && mr_equal(oui, oui_80211, 3) && type < IEEE80211_CIPHER_UNKNOWN ? type : IEEE80211_CIPHER_UNKNOWN;
}

static uint32_t suites(struct mr_rd *in)
{
	uint16_t count = mr_rd_le16(in);
	uint32_t bits = 0;

	for (; count > 0 && !in->bad; count--)
		bits |= IEEE80211_BIT(suite(in));
	return bits;
}

bool ieee80211_rsn_parse(struct mr_rd body, struct ieee80211_rsn *out)
{
	*out = (struct ieee80211_rsn){ .group = IEEE80211_CIPHER_CCMP,
				       .group_management = IEEE80211_CIPHER_BIP_CMAC,
				       .pairwise = IEEE80211_BIT(IEEE80211_CIPHER_CCMP),
				       .akm = IEEE80211_BIT(IEEE80211_AKM_8021X) };
	if (mr_rd_le16(&body) != 1)
		return false;
	if (body.left > 0)
		out->group = suite(&body);
	if (body.left > 0)
		out->pairwise = suites(&body);
	if (body.left > 0)
		out->akm = suites(&body);
	if (body.bad)
		return false;
	if (body.left >= 2)
		out->capabilities = mr_rd_le16(&body);
	if (body.left >= 2)
		mr_rd_skip(&body, 16u * mr_rd_le16(&body)); /* PMKIDs */
	if (!body.bad && body.left >= 4)
		out->group_management = suite(&body);
	out->odd = body.bad || body.left > 0;
	return true;
}

static void put_suite(struct mr_wr *w, uint8_t type)
{
	mr_wr_bytes(w, oui_80211, 3);
	mr_wr_u8(w, type);
}

static void put_suites(struct mr_wr *w, uint32_t bits)
{
	mr_wr_le16(w, (uint16_t)__builtin_popcount(bits));
	for (uint8_t i = 0; i < 32; i++)
		if (bits & IEEE80211_BIT(i))
			put_suite(w, i);
}

void ieee80211_put_rsn(struct mr_wr *w, const struct ieee80211_rsn *rsn)
{
	uint8_t body[IEEE80211_ELEMENT_MAX];
	struct mr_wr b = mr_wr_over(body, sizeof(body));

	mr_wr_le16(&b, 1);
	put_suite(&b, rsn->group);
	put_suites(&b, rsn->pairwise);
	put_suites(&b, rsn->akm);
	mr_wr_le16(&b, rsn->capabilities);
	if ((rsn->capabilities & IEEE80211_MFPC) && rsn->group_management != IEEE80211_CIPHER_BIP_CMAC) {
		mr_wr_le16(&b, 0);
		put_suite(&b, rsn->group_management);
	}
	w->bad = w->bad || b.bad;
	ieee80211_put_element(w, IEEE80211_RSN, body, b.len);
}

/* --- a network --- */

static enum ieee80211_security security_of(const struct ieee80211_network *n)
{
	const uint32_t psk = IEEE80211_BIT(IEEE80211_AKM_PSK) | IEEE80211_BIT(IEEE80211_AKM_PSK_SHA256);
	const uint32_t sae = IEEE80211_BIT(IEEE80211_AKM_SAE) | IEEE80211_BIT(IEEE80211_AKM_FT_SAE);
	const uint32_t x = IEEE80211_BIT(IEEE80211_AKM_8021X) | IEEE80211_BIT(IEEE80211_AKM_8021X_SHA256);
	uint32_t akm = n->rsn.akm;

	if (akm & psk)
		return akm & sae ? IEEE80211_WPA2_WPA3 : IEEE80211_WPA2_PSK;
	if (akm & sae)
		return IEEE80211_WPA3_SAE;
	if (akm & IEEE80211_BIT(IEEE80211_AKM_OWE))
		return IEEE80211_OWE;
	if (akm & x)
		return IEEE80211_ENTERPRISE;
	if (akm)
		return IEEE80211_OTHER;
	if (n->wpa)
		return IEEE80211_WPA;
	return n->privacy ? IEEE80211_WEP : IEEE80211_OPEN;
}

/* Hidden networks send no SSID, or as many zeros as it has octets. */
static void keep_ssid(struct ieee80211_network *n, struct mr_rd ssid)
{
	uint8_t any = 0;

	n->ssid_len = (uint8_t)ssid.left;
	mr_rd_copy(&ssid, n->ssid, ssid.left);
	for (size_t i = 0; i < n->ssid_len; i++)
		any |= n->ssid[i];
	n->hidden = any == 0;
	if (n->hidden)
		n->ssid_len = 0;
}

static uint16_t own_freq(const struct ieee80211_elements *e, uint16_t heard_mhz)
{
	struct mr_rd ds = e->ds;
	uint16_t freq = ds.at ? mr_channel_to_mhz(mr_rd_u8(&ds)) : 0;

	return freq != 0 && mr_band(heard_mhz) == MR_BAND_2GHZ ? freq : heard_mhz;
}

static void keep_switch(struct ieee80211_network *n, const struct ieee80211_elements *e)
{
	struct mr_rd in = e->channel_switch.at ? e->channel_switch : e->extended_switch;

	if (!in.at)
		return;
	mr_rd_skip(&in, e->channel_switch.at ? 1 : 2); /* mode; and the operating class */
	n->switch_mhz = mr_channel_to_mhz(mr_rd_u8(&in));
	n->switch_beacons = mr_rd_u8(&in);
}

static void keep_rates(struct ieee80211_network *n, struct mr_rd rates)
{
	while (rates.left > 0) {
		uint8_t rate = mr_rd_u8(&rates);

		n->rates |= ieee80211_rate_bit(rate);
		if (rate & BASIC)
			n->basic |= ieee80211_rate_bit(rate);
	}
}

bool ieee80211_network_of(struct mr_rd mpdu, const struct radio_rx *rx, struct ieee80211_network *out)
{
	struct ieee80211_header h;
	struct ieee80211_beacon b;
	struct ieee80211_elements e;
	bool readable;

	*out = (struct ieee80211_network){ .rssi_dbm = rx->rssi_dbm, .heard_us = rx->time_us };
	if (!ieee80211_header_parse(&mpdu, &h) || (h.kind != IEEE80211_BEACON && h.kind != IEEE80211_PROBE_RESPONSE) ||
	    !ieee80211_beacon_parse(mpdu, &b))
		return false;
	(void)ieee80211_elements_parse(b.elements, &e);
	out->odd = e.odd;
	mr_copy(out->bssid, h.address3, 6);
	mr_copy(out->sender, h.address2, 6);
	keep_ssid(out, e.ssid);
	keep_switch(out, &e);
	keep_rates(out, e.rates);
	keep_rates(out, e.extended_rates);
	out->freq_mhz = own_freq(&e, rx->freq_mhz);
	out->interval_tu = b.interval_tu;
	out->tsf_us = b.timestamp_us;
	out->ibss = b.capability & IEEE80211_IBSS;
	out->privacy = b.capability & IEEE80211_PRIVACY;
	out->wpa = e.wpa.at != NULL;
	out->wsc = ieee80211_vendor(b.elements, oui_microsoft, TYPE_WSC).at != NULL;
	out->wmm = ieee80211_has_wmm(b.elements);
	readable = !e.rsn.at || ieee80211_rsn_parse(e.rsn, &out->rsn);
	if (!readable)
		out->rsn = (struct ieee80211_rsn){ 0 };
	out->odd = (uint8_t)(out->odd + ((!readable || out->rsn.odd) && out->odd < UINT8_MAX));
	out->pmf_capable = out->rsn.capabilities & IEEE80211_MFPC;
	out->pmf_required = out->rsn.capabilities & IEEE80211_MFPR;
	out->security = (uint8_t)(readable ? security_of(out) : IEEE80211_OTHER);
	return true;
}

const char *ieee80211_security_name(enum ieee80211_security security)
{
	switch (security) {
	case IEEE80211_OPEN: return "open";
	case IEEE80211_WEP: return "wep";
	case IEEE80211_WPA: return "wpa";
	case IEEE80211_WPA2_PSK: return "wpa2-psk";
	case IEEE80211_WPA2_WPA3: return "wpa2-wpa3";
	case IEEE80211_WPA3_SAE: return "wpa3-sae";
	case IEEE80211_OWE: return "owe";
	case IEEE80211_ENTERPRISE: return "enterprise";
	case IEEE80211_OTHER: break;
	}
	return "other";
}

/* --- words --- */

struct words {
	uint16_t number;
	const char *text;
};

static const char *words_of(const struct words *list, size_t count, uint16_t number)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].number == number)
			return list[i].text;
	return "unknown";
}

/* Table 9-49, as far as access points of today give them: not those of TDLS, mesh and QoS. */
const char *ieee80211_reason_words(uint16_t reason)
{
	static const struct words list[] = {
		{ 1, "unspecified" },
		{ 2, "prior authentication not valid" },
		{ 3, "the sender leaves the network" },
		{ 4, "inactivity" },
		{ 5, "too many STAs" },
		{ 6, "class 2 frame from a STA that is not authenticated" },
		{ 7, "class 3 frame from a STA that is not associated" },
		{ 8, "the sender leaves the BSS" },
		{ 9, "association without authentication" },
		{ 10, "power capability" },
		{ 11, "supported channels" },
		{ 12, "BSS transition" },
		{ 13, "invalid element" },
		{ 14, "MIC failure" },
		{ 15, "4-way handshake timeout" },
		{ 16, "group key handshake timeout" },
		{ 17, "an element of the handshake differs from that of the association" },
		{ 18, "invalid group cipher" },
		{ 19, "invalid pairwise cipher" },
		{ 20, "invalid AKM" },
		{ 21, "RSNE version" },
		{ 22, "RSNE capabilities" },
		{ 23, "802.1X authentication failed" },
		{ 24, "cipher rejected by policy" },
		{ 34, "too many frames without acknowledgement" },
	};

	return words_of(list, sizeof(list) / sizeof(list[0]), reason);
}

/* Table 9-50, likewise. */
const char *ieee80211_status_words(uint16_t status)
{
	static const struct words list[] = {
		{ 0, "success" },
		{ 1, "refused" },
		{ 10, "capabilities" },
		{ 11, "no association to continue" },
		{ 12, "refused for a reason outside the standard" },
		{ 13, "authentication algorithm" },
		{ 14, "authentication out of sequence" },
		{ 15, "challenge failure" },
		{ 16, "authentication timeout" },
		{ 17, "too many STAs" },
		{ 18, "basic rates" },
		{ 19, "short preamble" },
		{ 22, "spectrum management" },
		{ 23, "power capability" },
		{ 24, "supported channels" },
		{ 25, "short slot time" },
		{ 27, "HT" },
		{ 30, "try again later" },
		{ 31, "policy of protected management frames" },
		{ 32, "unspecified, QoS" },
		{ 33, "not enough bandwidth" },
		{ 34, "poor channel" },
		{ 35, "QoS" },
		{ 37, "declined" },
		{ 38, "invalid parameters" },
		{ 40, "invalid element" },
		{ 41, "invalid group cipher" },
		{ 42, "invalid pairwise cipher" },
		{ 43, "invalid AKM" },
		{ 44, "RSNE version" },
		{ 45, "RSNE capabilities" },
		{ 46, "cipher rejected by policy" },
		{ 51, "listen interval" },
		{ 53, "invalid PMKID" },
		{ 76, "anti-clogging token" },
		{ 77, "finite cyclic group" },
	};

	return words_of(list, sizeof(list) / sizeof(list[0]), status);
}

const char *ieee80211_cipher_name(uint8_t cipher)
{
	static const struct words list[] = {
		{ IEEE80211_CIPHER_GROUP, "the group cipher" },
		{ IEEE80211_CIPHER_WEP40, "WEP-40" },
		{ IEEE80211_CIPHER_TKIP, "TKIP" },
		{ IEEE80211_CIPHER_CCMP, "CCMP" },
		{ IEEE80211_CIPHER_WEP104, "WEP-104" },
		{ IEEE80211_CIPHER_BIP_CMAC, "BIP-CMAC" },
		{ IEEE80211_CIPHER_NO_GROUP, "no group traffic" },
		{ 8, "GCMP" },
		{ 9, "GCMP-256" },
		{ 10, "CCMP-256" },
		{ 11, "BIP-GMAC" },
		{ 12, "BIP-GMAC-256" },
		{ 13, "BIP-CMAC-256" },
	};

	return words_of(list, sizeof(list) / sizeof(list[0]), cipher);
}

const char *ieee80211_kind_name(uint8_t kind)
{
	static const struct words list[] = {
		{ IEEE80211_ASSOCIATION_REQUEST, "association request" },
		{ IEEE80211_ASSOCIATION_RESPONSE, "association response" },
		{ IEEE80211_REASSOCIATION_REQUEST, "reassociation request" },
		{ IEEE80211_REASSOCIATION_RESPONSE, "reassociation response" },
		{ IEEE80211_PROBE_REQUEST, "probe request" },
		{ IEEE80211_PROBE_RESPONSE, "probe response" },
		{ IEEE80211_BEACON, "beacon" },
		{ IEEE80211_DISASSOCIATION, "disassociation" },
		{ IEEE80211_AUTHENTICATION, "authentication" },
		{ IEEE80211_DEAUTHENTICATION, "deauthentication" },
		{ IEEE80211_ACTION, "action" },
		{ IEEE80211_PS_POLL, "PS-Poll" },
		{ IEEE80211_DATA, "data" },
		{ IEEE80211_NULL, "null" },
		{ IEEE80211_QOS_DATA, "QoS data" },
		{ IEEE80211_QOS_NULL, "QoS null" },
	};

	return words_of(list, sizeof(list) / sizeof(list[0]), kind);
}
