/* The BSS: what it says about itself, and who gets which frame. Its STAs are in soft_ap_sta.c and soft_ap_data.c. */
#include "agent/wire/channel.h"
#include "station/wifi/soft_ap_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TU_US 1024u
#define INTERVAL_TU 100u
#define DTIM_PERIOD 2u
#define INACTIVITY_US (300 * UINT64_C(1000000))
#define MAC_RETRIES 7u
#define PROBE_RETRIES 1u
#define PROBES_MAX 8u
#define CCK_11M 22u
#define HT_CAPABILITIES 45 /* table 9-92, as the next two */
#define HT_OPERATION 61
#define EXTENDED_CAPABILITIES 127

const uint8_t soft_ap_wsc_oui[4] = { 0x00, 0x50, 0xf2, 4 };

/* --- what beacons say --- */

static struct ieee80211_rsn rsn_of(const struct soft_ap_config *c)
{
	struct ieee80211_rsn rsn = { .group = IEEE80211_CIPHER_CCMP,
				     .group_management = IEEE80211_CIPHER_BIP_CMAC,
				     .pairwise = IEEE80211_BIT(IEEE80211_CIPHER_CCMP) };
	bool capable = c->pmf_capable || c->pmf_required, required = c->pmf_required;

	switch ((enum ieee80211_security)c->security) {
	case IEEE80211_OPEN:
	case IEEE80211_WEP:
	case IEEE80211_WPA:
	case IEEE80211_OTHER: return (struct ieee80211_rsn){ 0 };
	case IEEE80211_WPA2_PSK:
		rsn.akm = IEEE80211_BIT(IEEE80211_AKM_PSK);
		rsn.group = c->group_tkip ? IEEE80211_CIPHER_TKIP : IEEE80211_CIPHER_CCMP;
		rsn.pairwise |= c->group_tkip ? IEEE80211_BIT(IEEE80211_CIPHER_TKIP) : 0;
		break;
	case IEEE80211_WPA2_WPA3:
		rsn.akm = IEEE80211_BIT(IEEE80211_AKM_PSK) | IEEE80211_BIT(IEEE80211_AKM_SAE);
		capable = true;
		break;
	case IEEE80211_WPA3_SAE:
		rsn.akm = IEEE80211_BIT(IEEE80211_AKM_SAE);
		capable = required = true;
		break;
	case IEEE80211_OWE:
		rsn.akm = IEEE80211_BIT(IEEE80211_AKM_OWE);
		capable = required = true;
		break;
	case IEEE80211_ENTERPRISE: rsn.akm = IEEE80211_BIT(IEEE80211_AKM_8021X); break;
	}
	rsn.capabilities = (uint16_t)((capable ? IEEE80211_MFPC : 0) | (required ? IEEE80211_MFPR : 0));
	return rsn;
}

/* What WPA was before RSN: OUI 00-50-F2 type 1, TKIP and a passphrase. */
static void put_wpa(struct mr_wr *w)
{
	static const uint8_t body[] = { 0x00, 0x50, 0xf2, 1,	1, 0, 0x00, 0x50, 0xf2, 2,    1,
					0,    0x00, 0x50, 0xf2, 2, 1, 0,    0x00, 0x50, 0xf2, 2 };

	ieee80211_put_element(w, IEEE80211_VENDOR, body, sizeof(body));
}

static uint16_t capability(const struct soft_ap *ap)
{
	return (uint16_t)((ap->config.ibss ? IEEE80211_IBSS : IEEE80211_ESS) | IEEE80211_SHORT_SLOT |
			  (ap->config.security != IEEE80211_OPEN ? IEEE80211_PRIVACY : 0));
}

/* As access points in the field have them: an ERP of length 0, a time-out of one octet, tails, an FCS left on. */
static void put_odd(struct mr_wr *w, uint8_t which)
{
	static const struct {
		uint8_t len, bytes[8];
	} tails[SOFT_AP_ODD_MAX] = {
		{ 2, { 42, 0 } },
		{ 3, { 56, 1, 0 } },
		{ 6, { 221, 24, 0x00, 0x50, 0xf2, 2 } },
		{ 1, { 7 } },
		{ 4, { 0x7a, 0x1c, 0x9b, 0xd4 } },
		{ 7, { 40, 65, 'A', 'A', 'A', 'A', 'A' } },
	};

	mr_wr_bytes(w, tails[which - 1].bytes, tails[which - 1].len);
}

static void put_rates(const struct soft_ap *ap, struct mr_wr *w)
{
	static const uint8_t rates[4] = { 2, 4, 11, 22 };
	uint16_t set = 0;

	for (size_t i = 0; ap->config.cck_only && i < sizeof(rates); i++)
		set |= ieee80211_rate_bit(rates[i]);
	ieee80211_put_rates_of(w, ap->config.freq_mhz, set);
}

/* As hostapd has them for one stream of 20 MHz: short guard interval, one stream of STBC, MCS 0 to 7. */
void soft_ap_put_ht(const struct soft_ap *ap, struct mr_wr *w)
{
	static const uint8_t capabilities[26] = { 0x2c, 0x01, 0x17, 0xff },
			     extended[8] = { 0x04, 0, 0, 0, 0, 0, 0, 0x40 };
	const uint8_t operation[22] = { (uint8_t)mr_mhz_to_channel(ap->config.freq_mhz) };

	if (!ap->config.ht)
		return;
	ieee80211_put_element(w, HT_CAPABILITIES, capabilities, sizeof(capabilities));
	ieee80211_put_element(w, HT_OPERATION, operation, sizeof(operation));
	ieee80211_put_element(w, EXTENDED_CAPABILITIES, extended, sizeof(extended));
}

void soft_ap_put_wsc(const struct soft_ap *ap, enum ieee80211_kind kind, const uint8_t *sta, struct mr_wr *w)
{
	uint8_t body[IEEE80211_ELEMENT_MAX];
	struct mr_wr inner = mr_wr_over(body, sizeof(body));

	if (!ap->config.wsc)
		return;
	mr_wr_bytes(&inner, soft_ap_wsc_oui, sizeof(soft_ap_wsc_oui));
	ap->config.wsc->element(ap->config.wsc->ctx, kind, sta, &inner);
	assert(!inner.bad); /* its owner writes names of bounded length */
	if (inner.len > sizeof(soft_ap_wsc_oui))
		ieee80211_put_element(w, IEEE80211_VENDOR, body, inner.len);
}

/* 9.4.2.18: 1 is the last beacon that says so. STAs may go on sending until then. */
static void put_switch(const struct soft_ap *ap, struct mr_wr *w)
{
	const uint8_t body[3] = { 0, (uint8_t)mr_mhz_to_channel(ap->switch_mhz), ap->switch_beacons };

	ieee80211_put_element(w, IEEE80211_CHANNEL_SWITCH, body, sizeof(body));
}

/* Tables 9-32 and 9-39, the elements of an 802.11g or 802.11a BSS; TIM in beacons only. */
static void put_description(const struct soft_ap *ap, struct mr_wr *w, const uint8_t *to, uint64_t now_us)
{
	bool beacon = !to;
	static const uint8_t atim_window[2] = { 0, 0 }, erp = 0;
	const struct soft_ap_config *c = &ap->config;
	bool names = !(beacon && c->hidden);

	ieee80211_beacon_build(w, &(struct ieee80211_beacon){ .timestamp_us = now_us - ap->up_us,
							      .interval_tu = c->interval_tu,
							      .capability = capability(ap) });
	ieee80211_put_ssid(w, c->ssid, names ? c->ssid_len : 0);
	put_rates(ap, w);
	ieee80211_put_ds(w, c->freq_mhz);
	if (c->ibss)
		ieee80211_put_element(w, IEEE80211_IBSS_PARAMETER, atim_window, sizeof(atim_window));
	else if (beacon)
		ieee80211_put_tim(w, ap->dtim_count, c->dtim_period, ap->group_waiting.first != NULL, ap->waiting);
	if (mr_band(c->freq_mhz) == MR_BAND_2GHZ && !c->cck_only)
		ieee80211_put_element(w, IEEE80211_ERP, &erp, 1);
	if (ap->switch_mhz)
		put_switch(ap, w);
	mr_wr_bytes(w, ap->rsne, ap->rsne_len);
	if (c->security == IEEE80211_WPA || c->group_tkip)
		put_wpa(w);
	soft_ap_put_ht(ap, w);
	if (c->wmm)
		ieee80211_put_wmm(w, true);
	soft_ap_put_wsc(ap, beacon ? IEEE80211_BEACON : IEEE80211_PROBE_RESPONSE, to, w);
	mr_wr_bytes(w, c->vendor.at, c->vendor.left);
	if (c->odd)
		put_odd(w, c->odd);
}

/* --- out --- */

uint8_t soft_ap_basic_rate(const struct soft_ap *ap)
{
	return mr_band(ap->config.freq_mhz) == MR_BAND_2GHZ ? 2 : SOFT_AP_RATE_6M;
}

struct mr_wr soft_ap_begin(struct soft_ap *ap, uint8_t *buf, enum ieee80211_kind kind, const uint8_t da[static 6])
{
	struct ieee80211_header h = { .kind = (uint8_t)kind };
	struct mr_wr w = mr_wr_over(buf, SOFT_AP_FRAME_MAX);

	memcpy(h.address1, da, 6);
	memcpy(h.address2, ap->config.mac, 6);
	memcpy(h.address3, ap->bssid, 6);
	ieee80211_header_build(&w, &h);
	return w;
}

bool soft_ap_transmit(struct soft_ap *ap, const struct mr_wr *frame, uint8_t rate_500kbps, enum radio_priority priority,
		      uint64_t cookie)
{
	struct radio_tx tx = { .rate_500kbps = rate_500kbps, .priority = priority, .cookie = SOFT_AP_COOKIE | cookie };
	struct mr_wr control = mr_wr_over(frame->buf + 22, 2);

	if (frame->bad || frame->len < IEEE80211_HEADER_LEN)
		return false;
	if (ap->config.cck_only && rate_500kbps >= SOFT_AP_RATE_6M)
		tx.rate_500kbps = CCK_11M;
	assert(ap->sequence <= 0xfff && frame->len <= SOFT_AP_FRAME_MAX);
	mr_wr_le16(&control, (uint16_t)(ap->sequence << 4)); /* not covered by CCMP's additional data */
	ap->sequence = (ap->sequence + 1) & 0xfff;
	tx.retries = ieee80211_is_group(frame->buf + 4) ? 0 : cookie == COOKIE_PROBE ? PROBE_RETRIES : MAC_RETRIES;
	return ap->events.send(ap->events.ctx, mr_wr_written(frame), &tx);
}

static void beacon(struct soft_ap *ap, uint64_t now_us)
{
	uint8_t buf[SOFT_AP_FRAME_MAX];
	struct mr_wr w = soft_ap_begin(ap, buf, IEEE80211_BEACON, ieee80211_broadcast);
	bool dtim = ap->dtim_count == 0;

	put_description(ap, &w, NULL, now_us);
	ap->dtim_count = (uint8_t)(dtim ? ap->config.dtim_period - 1 : ap->dtim_count - 1);
	if (ap->switch_beacons > 0)
		ap->switch_beacons--;
	if (ap->beacon_waits) {
		ap->counters.skipped++;
		return;
	}
	ap->beacon_waits = soft_ap_transmit(ap, &w, soft_ap_basic_rate(ap), RADIO_URGENT, COOKIE_BEACON);
	if (!ap->beacon_waits) {
		ap->counters.skipped++;
		return;
	}
	ap->counters.beacons++;
	if (dtim)
		soft_ap_release_group(ap);
}

/*
 * 11.1.4.3.4: to those who ask for any network, unless this one hides, and to those who ask for it. Last in the queue,
 * repeated once and not many at a time: who looks around is on another channel soon, and frames that nobody
 * acknowledges would stop all else.
 */
static void on_probe_request(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd body, uint64_t now_us)
{
	uint8_t buf[SOFT_AP_FRAME_MAX];
	struct mr_rd wsc = ieee80211_vendor(body, soft_ap_wsc_oui, soft_ap_wsc_oui[3]);
	struct ieee80211_elements e;
	struct mr_wr w;
	bool named;

	if (wsc.at && ap->config.wsc)
		ap->config.wsc->probed(ap->config.wsc->ctx, h->address2, wsc);
	if (!ieee80211_elements_parse(body, &e) || !e.ssid.at)
		return;
	named = e.ssid.left == ap->config.ssid_len && mr_equal(e.ssid.at, ap->config.ssid, e.ssid.left);
	if ((!named && (e.ssid.left > 0 || ap->config.hidden)) || ap->probes_wait >= PROBES_MAX)
		return;
	w = soft_ap_begin(ap, buf, IEEE80211_PROBE_RESPONSE, h->address2);
	put_description(ap, &w, h->address2, now_us);
	ap->probes_wait += soft_ap_transmit(ap, &w, soft_ap_basic_rate(ap), RADIO_BULK, COOKIE_PROBE);
}

/* --- in --- */

static void on_management(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd frame, struct mr_rd body,
			  uint64_t now_us)
{
	struct soft_ap_sta *sta = soft_ap_find(ap, h->address2);
	uint8_t opened[SOFT_AP_FRAME_MAX];
	bool robust = h->kind == IEEE80211_DEAUTHENTICATION || h->kind == IEEE80211_DISASSOCIATION ||
		      h->kind == IEEE80211_ACTION;

	if (h->flags & IEEE80211_PROTECTED) {
		if (!sta || !soft_ap_open(ap, sta, true, frame, opened, &body))
			return;
	} else if (robust && sta && sta->pmf && sta->keyed) { /* 12.6.19: not protected, not believed */
		ap->counters.discarded++;
		return;
	}
	switch (h->kind) {
	case IEEE80211_AUTHENTICATION: soft_ap_on_authentication(ap, h, body, now_us); return;
	case IEEE80211_ASSOCIATION_REQUEST:
	case IEEE80211_REASSOCIATION_REQUEST:
		if (!ap->config.ibss)
			soft_ap_on_association(ap, h, body, now_us);
		return;
	case IEEE80211_DEAUTHENTICATION:
	case IEEE80211_DISASSOCIATION: soft_ap_on_leaving(ap, h, body, now_us); return;
	case IEEE80211_ACTION: soft_ap_on_action(ap, h, body, now_us); return;
	default: return;
	}
}

/* A repeat of what was heard: 10.3.2.14. For STAs only: what strangers repeat is answered again. */
static bool is_repeat(const struct soft_ap *ap, const struct ieee80211_header *h)
{
	struct soft_ap_sta *sta = soft_ap_find(ap, h->address2);
	uint16_t control = (uint16_t)(h->sequence << 4 | h->fragment);
	bool repeat;

	if (!sta)
		return false;
	repeat = sta->heard && (h->flags & IEEE80211_RETRY) && control == sta->last_control;
	sta->heard = true;
	sta->last_control = control;
	return repeat;
}

void soft_ap_receive(struct soft_ap *ap, struct mr_rd frame, uint64_t now_us)
{
	struct mr_rd body = frame;
	struct ieee80211_header h;
	bool own;

	if (frame.left > RADIO_FRAME_MAX || !ieee80211_header_parse(&body, &h) || ieee80211_is_group(h.address2) ||
	    mr_equal(h.address2, ap->config.mac, 6))
		return;
	own = mr_equal(h.address1, ap->config.mac, 6);
	if (h.kind == IEEE80211_PROBE_REQUEST) {
		if (own || ieee80211_is_group(h.address1))
			on_probe_request(ap, &h, body, now_us);
		return;
	}
	if (h.kind == IEEE80211_PS_POLL) {
		if (own && !ap->config.ibss)
			soft_ap_on_ps_poll(ap, &h, now_us);
		return;
	}
	if (!own && !(ap->config.ibss && ieee80211_is_group(h.address1) && mr_equal(h.address3, ap->bssid, 6)))
		return;
	if (is_repeat(ap, &h))
		return;
	if (ieee80211_is_data(&h))
		soft_ap_on_data(ap, &h, frame, body, now_us);
	else
		on_management(ap, &h, frame, body, now_us);
}

void soft_ap_sent(struct soft_ap *ap, uint64_t cookie, bool acked, uint64_t now_us)
{
	uint16_t aid = (uint16_t)(cookie >> 8);

	switch (cookie & 0xff) {
	case COOKIE_BEACON: ap->beacon_waits = false; return;
	case COOKIE_PROBE: ap->probes_wait -= ap->probes_wait > 0; return;
	case COOKIE_DATA:
		for (struct soft_ap_sta *sta = ap->stas; sta; sta = sta->next)
			if (sta->aid == aid) {
				soft_ap_count_status(ap, sta, acked, now_us);
				return;
			}
		return;
	default: return;
	}
}

/* --- time --- */

void soft_ap_due(struct soft_ap *ap, uint64_t at_us)
{
	if (at_us < ap->stas_us)
		ap->stas_us = at_us;
}

/* Its place is taken by the move: the radio is on its way. */
static bool moves(struct soft_ap *ap)
{
	uint16_t to_mhz = ap->switch_mhz;

	if (!to_mhz || ap->switch_beacons > 0)
		return false;
	ap->switch_mhz = 0;
	if (ap->events.moves)
		ap->events.moves(ap->events.ctx, to_mhz);
	return true;
}

void soft_ap_expire(struct soft_ap *ap, uint64_t now_us)
{
	if (now_us >= ap->beacon_us) {
		uint64_t interval_us = (uint64_t)ap->config.interval_tu * TU_US;

		if (!moves(ap))
			beacon(ap, now_us);
		ap->beacon_us += ((now_us - ap->beacon_us) / interval_us + 1) *
				 interval_us; /* TBTTs keep their places */
	}
	if (now_us >= ap->rekey_us) {
		ap->rekey_us = now_us + ap->config.rekey_us;
		soft_ap_rekey(ap, now_us);
	}
	if (now_us < ap->stas_us)
		return;
	for (struct soft_ap_sta *sta = ap->stas, *next; sta; sta = next) {
		next = sta->next;
		if (soft_ap_sta_deadline_us(ap, sta) <= now_us)
			soft_ap_sta_expire(ap, sta, now_us);
	}
	ap->stas_us = UINT64_MAX;
	for (struct soft_ap_sta *sta = ap->stas; sta; sta = sta->next)
		soft_ap_due(ap, soft_ap_sta_deadline_us(ap, sta));
}

uint64_t soft_ap_deadline_us(const struct soft_ap *ap)
{
	uint64_t at_us = ap->beacon_us < ap->stas_us ? ap->beacon_us : ap->stas_us;

	return at_us < ap->rekey_us ? at_us : ap->rekey_us;
}

/* --- from cradle to grave --- */

static void make_group_keys(struct soft_ap *ap)
{
	ap->group.gtk_len = ap->rsn.group == IEEE80211_CIPHER_TKIP ? TKIP_KEY_LEN : 16;
	entropy_fill(ap->entropy, ap->group.gtk, ap->group.gtk_len);
	ap->group.gtk_id = 1;
	if (!(ap->rsn.capabilities & IEEE80211_MFPC))
		return;
	entropy_fill(ap->entropy, ap->group.igtk, sizeof(ap->group.igtk));
	ap->group.igtk_id = 4;
}

struct soft_ap *soft_ap_create(const struct soft_ap_config *config, const struct soft_ap_events *events,
			       struct entropy *entropy, uint64_t now_us)
{
	struct soft_ap *ap = calloc(1, sizeof(*ap));
	struct mr_wr w;

	if (!ap)
		return NULL;
	assert(!config->group_tkip || config->security == IEEE80211_WPA2_PSK);
	assert(!config->ht || (config->wmm && !config->cck_only && !config->ibss));
	assert(config->odd <= SOFT_AP_ODD_MAX && !(config->cck_only && mr_band(config->freq_mhz) != MR_BAND_2GHZ));
	ap->config = *config;
	ap->events = *events;
	ap->entropy = entropy;
	if (ap->config.interval_tu == 0)
		ap->config.interval_tu = INTERVAL_TU;
	if (ap->config.dtim_period == 0)
		ap->config.dtim_period = DTIM_PERIOD;
	if (ap->config.inactivity_us == 0)
		ap->config.inactivity_us = INACTIVITY_US;
	if (ap->config.stas_max > SOFT_AP_STAS_MAX)
		ap->config.stas_max = SOFT_AP_STAS_MAX;
	memcpy(ap->bssid, config->mac, 6);
	if (config->ibss) { /* 9.2.4.3.4: 46 random bits, individual and local */
		entropy_fill(entropy, ap->bssid, 6);
		ap->bssid[0] = (uint8_t)((ap->bssid[0] & 0xfc) | 0x02);
	}
	ap->rsn = rsn_of(&ap->config);
	w = mr_wr_over(ap->rsne, sizeof(ap->rsne));
	if (ap->rsn.akm != 0)
		ieee80211_put_rsn(&w, &ap->rsn);
	assert(!w.bad);
	ap->rsne_len = mr_wr_written(&w).left;
	make_group_keys(ap);
	ap->up_us = now_us;
	ap->beacon_us = now_us + entropy_below(entropy, (uint64_t)ap->config.interval_tu * TU_US);
	ap->stas_us = UINT64_MAX;
	ap->rekey_us = ap->config.rekey_us ? now_us + ap->config.rekey_us : UINT64_MAX;
	return ap;
}

void soft_ap_destroy(struct soft_ap *ap)
{
	if (!ap)
		return;
	ap->events.left = NULL;
	ap->config.wsc = NULL;
	while (ap->stas)
		soft_ap_forget(ap, ap->stas, 0);
	soft_ap_drop_waiting(ap, NULL);
	map_free(&ap->by_mac);
	mr_wipe(ap, sizeof(*ap));
	free(ap);
}

void soft_ap_dismiss(struct soft_ap *ap, const uint8_t *mac, enum ieee80211_reason reason, uint64_t now_us)
{
	for (struct soft_ap_sta *sta = ap->stas, *next; sta; sta = next) {
		next = sta->next;
		if (mac && !mr_equal(mac, sta->mac, 6))
			continue;
		soft_ap_deauthenticate(ap, sta->mac, reason, now_us);
		soft_ap_forget(ap, sta, (int)reason);
		if (mac) /* it may have been freed by who was told that the STA has left */
			return;
	}
}

void soft_ap_switch(struct soft_ap *ap, uint16_t freq_mhz, uint8_t beacons)
{
	assert(freq_mhz != 0 && beacons > 0);
	ap->switch_mhz = freq_mhz;
	ap->switch_beacons = beacons;
}

void soft_ap_moved(struct soft_ap *ap, uint16_t freq_mhz) { ap->config.freq_mhz = freq_mhz; }
const uint8_t *soft_ap_bssid(const struct soft_ap *ap) { return ap->bssid; }
size_t soft_ap_stas(const struct soft_ap *ap) { return ap->joined; }

bool soft_ap_waits(const struct soft_ap *ap)
{
	for (const struct soft_ap_sta *sta = ap->asleep > 0 ? ap->stas : NULL; sta; sta = sta->next)
		if (sta->waiting.first)
			return true;
	return false;
}

struct soft_ap_counters soft_ap_counters(const struct soft_ap *ap) { return ap->counters; }
