/*
 * The other end for tests of the STA: one access point with one client, and the air between them, which loses frames
 * and acknowledgements from a seed. It is strict: what it does not expect, it counts or fails the test.
 */
#pragma once

#include <string.h>

#include "agent/wire/cause.h"
#include "station/wifi/ccmp.h"
#include "station/wifi/sta.h"
#include "station/wifi/wpa.h"

#define AIR_FRAMES 64

struct air_frame {
	uint8_t bytes[RADIO_FRAME_MAX];
	size_t len;
};

struct test_ap {
	uint8_t bssid[6], client[6], ssid[32], ssid_len, pmk[32];
	bool secure, sha256, pmf, offered, hidden, silent,
		deaf; /* offered: PMF is not demanded; silent: answers nothing; deaf: acknowledges nothing */
	bool no_eapol;
	uint16_t authentication_status, association_status, comeback_tu;

	bool authenticated, associated, sleeping;
	struct wpa_ap wpa;
	struct wpa_group group;
	struct entropy *entropy;
	uint64_t tx_pn, rx_pn, rx_management_pn;
	bool keyed;
	uint16_t sequence, last_control;
	bool last_valid;
	struct air_frame out[AIR_FRAMES]; /* to the client, in order */
	size_t out_count;

	unsigned authentications, associations, probes, msdus, nulls, sa_requests, sa_responses, leaves, plain_data,
		replays;
	uint8_t msdu[STA_MSDU_MAX];
	size_t msdu_len;
	uint16_t ethertype;
	uint8_t da[6];
};

static struct mr_wr ap_room(struct test_ap *ap)
{
	assert_true(ap->out_count < AIR_FRAMES);
	return mr_wr_over(ap->out[ap->out_count].bytes, RADIO_FRAME_MAX);
}

static void ap_header(struct test_ap *ap, struct mr_wr *w, uint8_t kind, uint8_t flags, const uint8_t *to)
{
	struct ieee80211_header h = { .kind = kind, .flags = flags, .sequence = ap->sequence };

	ap->sequence = (ap->sequence + 1) & 0xfff;
	memcpy(h.address1, to, 6);
	memcpy(h.address2, ap->bssid, 6);
	memcpy(h.address3, ap->bssid, 6);
	ieee80211_header_build(w, &h);
}

static void ap_send(struct test_ap *ap, const struct mr_wr *w)
{
	assert_false(w->bad);
	ap->out[ap->out_count++].len = w->len;
}

static void ap_send_sealed(struct test_ap *ap, const struct mr_wr *w)
{
	struct air_frame *f = &ap->out[ap->out_count++];
	uint8_t plain[RADIO_FRAME_MAX];

	memcpy(plain, w->buf, w->len);
	f->len = ccmp_seal(ap->wpa.ptk.tk, (struct ccmp_info){ ++ap->tx_pn, 0 }, mr_rd_over(plain, w->len), f->bytes,
			   RADIO_FRAME_MAX);
	assert_true(f->len > 0);
}

static struct ieee80211_rsn ap_rsn(const struct test_ap *ap)
{
	return (struct ieee80211_rsn){ .group = IEEE80211_CIPHER_CCMP,
				       .group_management = IEEE80211_CIPHER_BIP_CMAC,
				       .pairwise = IEEE80211_BIT(IEEE80211_CIPHER_CCMP),
				       .akm = IEEE80211_BIT(ap->sha256 ? IEEE80211_AKM_PSK_SHA256 : IEEE80211_AKM_PSK),
				       .capabilities = !ap->pmf	     ? 0
						       : ap->offered ? IEEE80211_MFPC
								     : IEEE80211_MFPC | IEEE80211_MFPR };
}

static void ap_beacon(struct test_ap *ap, uint8_t kind, const uint8_t *to)
{
	struct mr_wr w = ap_room(ap);
	struct ieee80211_rsn rsn = ap_rsn(ap);
	struct ieee80211_beacon b = { .interval_tu = 100, .capability = ap->secure ? 0x11 : 0x01 };
	bool name = !ap->hidden || kind == IEEE80211_PROBE_RESPONSE;

	ap_header(ap, &w, kind, 0, to);
	ieee80211_beacon_build(&w, &b);
	ieee80211_put_ssid(&w, ap->ssid, name ? ap->ssid_len : 0);
	ieee80211_put_rates(&w, 2437);
	ieee80211_put_ds(&w, 2437);
	if (ap->secure)
		ieee80211_put_rsn(&w, &rsn);
	ap_send(ap, &w);
}

static void ap_data(struct test_ap *ap, const uint8_t *to, const uint8_t *sa, uint16_t ethertype, const void *bytes,
		    size_t len, bool sealed)
{
	struct mr_wr w = ap_room(ap);
	struct ieee80211_header h = { .kind = IEEE80211_DATA, .flags = IEEE80211_FROM_DS, .sequence = ap->sequence };

	ap->sequence = (ap->sequence + 1) & 0xfff;
	memcpy(h.address1, to, 6);
	memcpy(h.address2, ap->bssid, 6);
	memcpy(h.address3, sa, 6);
	ieee80211_header_build(&w, &h);
	ieee80211_put_snap(&w, ethertype);
	mr_wr_bytes(&w, bytes, len);
	if (!sealed) {
		ap_send(ap, &w);
	} else if (to[0] & 1) {
		struct air_frame *f = &ap->out[ap->out_count++];
		uint8_t plain[RADIO_FRAME_MAX];

		memcpy(plain, w.buf, w.len);
		f->len = ccmp_seal(ap->group.gtk, (struct ccmp_info){ ++ap->group.pn, ap->group.gtk_id },
				   mr_rd_over(plain, w.len), f->bytes, RADIO_FRAME_MAX);
	} else {
		ap_send_sealed(ap, &w);
	}
}

static void ap_eapol(struct test_ap *ap, const struct mr_wr *pdu)
{
	if (pdu->len > 0 && !ap->no_eapol)
		ap_data(ap, ap->client, ap->bssid, EAPOL_ETHERTYPE, pdu->buf, pdu->len, ap->keyed);
}

static void ap_farewell(struct test_ap *ap, uint8_t kind, uint16_t reason, bool sealed)
{
	struct mr_wr w = ap_room(ap);

	ap_header(ap, &w, kind, 0, ap->client);
	mr_wr_le16(&w, reason);
	if (sealed)
		ap_send_sealed(ap, &w);
	else
		ap_send(ap, &w);
}

static void ap_sa(struct test_ap *ap, uint8_t action, uint16_t id, bool sealed)
{
	struct mr_wr w = ap_room(ap);

	ap_header(ap, &w, IEEE80211_ACTION, 0, ap->client);
	mr_wr_u8(&w, 8);
	mr_wr_u8(&w, action);
	mr_wr_le16(&w, id);
	if (sealed)
		ap_send_sealed(ap, &w);
	else
		ap_send(ap, &w);
}

static void ap_forget(struct test_ap *ap)
{
	ap->authenticated = ap->associated = ap->keyed = ap->last_valid = false;
	wpa_ap_wipe(&ap->wpa);
	ap->wpa.deadline_us = UINT64_MAX;
	ap->tx_pn = ap->rx_pn = ap->rx_management_pn = 0;
}

static void ap_on_association(struct test_ap *ap, struct mr_rd body, uint64_t now_us)
{
	struct ieee80211_association_request r;
	struct ieee80211_elements e;
	struct ieee80211_rsn asked, own = ap_rsn(ap);
	struct ieee80211_association_response a = { .capability = 1, .status = ap->association_status, .aid = 5 };
	struct mr_wr w = ap_room(ap);
	uint8_t rsne[WPA_RSNE_MAX], m1[EAPOL_MAX];
	struct mr_wr rw = mr_wr_over(rsne, sizeof(rsne)), m = mr_wr_over(m1, sizeof(m1));

	assert_true(ap->authenticated);
	assert_true(ieee80211_association_request_parse(body, false, &r) && ieee80211_elements_parse(r.elements, &e));
	assert_int_equal(e.ssid.left, ap->ssid_len);
	assert_memory_equal(e.ssid.at, ap->ssid, ap->ssid_len);
	assert_true(e.rates.left == 8 && e.extended_rates.left == 4);
	assert_int_equal(e.rsn.at != NULL, ap->secure);
	ap->associations++;
	ap_header(ap, &w, IEEE80211_ASSOCIATION_RESPONSE, 0, ap->client);
	ieee80211_association_response_build(&w, &a);
	ieee80211_put_rates(&w, 2437);
	if (ap->comeback_tu) {
		uint8_t t[5] = { 3, (uint8_t)ap->comeback_tu, (uint8_t)(ap->comeback_tu >> 8), 0, 0 };

		ieee80211_put_element(&w, IEEE80211_TIMEOUT_INTERVAL, t, sizeof(t));
	}
	ap_send(ap, &w);
	if (a.status)
		return;
	ap->associated = true;
	ap->keyed = false;
	ap->tx_pn = ap->rx_pn = ap->rx_management_pn = 0;
	if (!ap->secure)
		return;
	assert_true(ieee80211_rsn_parse(e.rsn, &asked));
	assert_int_equal(asked.capabilities & IEEE80211_MFPC ? 1 : 0, ap->pmf);
	assert_int_equal(asked.akm, own.akm);
	ieee80211_put_rsn(&rw, &own);
	wpa_ap_init(&ap->wpa, ap->sha256 ? IEEE80211_AKM_PSK_SHA256 : IEEE80211_AKM_PSK, ap->pmk, ap->bssid, ap->client,
		    mr_wr_written(&rw), &asked, ap->pmf, &ap->group, ap->entropy);
	wpa_ap_start(&ap->wpa, &m, now_us);
	ap_eapol(ap, &m);
}

static void ap_on_msdu(struct test_ap *ap, const struct ieee80211_header *h, struct mr_rd body, bool sealed,
		       uint64_t now_us)
{
	uint8_t answer[EAPOL_MAX];
	struct mr_wr w = mr_wr_over(answer, sizeof(answer));
	uint16_t ethertype;
	int event;

	assert_true(ap->associated);
	assert_true(ieee80211_snap_parse(&body, &ethertype));
	if (ap->secure && ethertype == EAPOL_ETHERTYPE) {
		event = wpa_ap_receive(&ap->wpa, body, &w, now_us);
		ap_eapol(ap, &w);
		if (event == WPA_ESTABLISHED) {
			ap->keyed = true;
			ap->tx_pn = ap->rx_pn = ap->rx_management_pn = 0;
		}
		return;
	}
	if (ap->secure && !sealed) {
		ap->plain_data++;
		return;
	}
	ap->msdus++;
	ap->ethertype = ethertype;
	ap->msdu_len = body.left;
	memcpy(ap->da, ieee80211_da(h), 6);
	mr_rd_copy(&body, ap->msdu, body.left);
}

/* Decrypts; false: not with this key, or seen before. */
static bool ap_unseal(struct test_ap *ap, const struct ieee80211_header *h, struct mr_rd mpdu, uint8_t *plain,
		      struct mr_rd *body)
{
	uint64_t *last = ieee80211_is_data(h) ? &ap->rx_pn : &ap->rx_management_pn;
	struct ccmp_info info;
	size_t len;

	if (!ap->keyed || !ccmp_peek(mpdu, &info) || !ccmp_open(ap->wpa.ptk.tk, mpdu, plain, &len))
		return false;
	if (info.pn <= *last) {
		ap->replays++;
		return false;
	}
	*last = info.pn;
	*body = mr_rd_over(plain, len);
	return true;
}

static void ap_on_authentication(struct test_ap *ap, struct mr_rd body, uint16_t control)
{
	struct ieee80211_authentication a;
	struct mr_wr w = ap_room(ap);

	assert_true(ieee80211_authentication_parse(body, &a) && a.transaction == 1 && a.algorithm == 0);
	ap->authentications++;
	ap_forget(ap);
	ap->last_control = control;
	ap->last_valid = true;
	ap->authenticated = ap->authentication_status == 0;
	a = (struct ieee80211_authentication){ 0, 2, ap->authentication_status, { 0 } };
	ap_header(ap, &w, IEEE80211_AUTHENTICATION, 0, ap->client);
	ieee80211_authentication_build(&w, &a);
	ap_send(ap, &w);
}

static void ap_receive(struct test_ap *ap, const uint8_t *bytes, size_t frame_len, uint64_t now_us)
{
	struct mr_rd mpdu = mr_rd_over(bytes, frame_len), body = mpdu;
	uint8_t plain[RADIO_FRAME_MAX];
	struct ieee80211_header h;
	bool sealed;
	uint16_t control;

	assert_true(ieee80211_header_parse(&body, &h));
	assert_memory_equal(h.address2, ap->client, 6);
	control = (uint16_t)(h.sequence << 4 | h.fragment);
	if (ap->silent || (!(h.address1[0] & 1) && memcmp(h.address1, ap->bssid, 6) != 0) ||
	    ((h.flags & IEEE80211_RETRY) && ap->last_valid && control == ap->last_control))
		return;
	ap->last_control = control;
	ap->last_valid = true;
	sealed = h.flags & IEEE80211_PROTECTED;
	if (ieee80211_is_data(&h) && !ap->associated) {
		ap_farewell(ap, IEEE80211_DEAUTHENTICATION, IEEE80211_NOT_ASSOCIATED, false);
		return;
	}
	if (sealed && !ap_unseal(ap, &h, mpdu, plain, &body))
		return;
	ap->sleeping = h.flags & IEEE80211_POWER_MANAGEMENT;
	switch (h.kind) {
	case IEEE80211_PROBE_REQUEST:
		ap->probes++;
		ap_beacon(ap, IEEE80211_PROBE_RESPONSE, ap->client);
		break;
	case IEEE80211_AUTHENTICATION: ap_on_authentication(ap, body, control); break;
	case IEEE80211_ASSOCIATION_REQUEST:
		if (ap->authenticated)
			ap_on_association(ap, body, now_us);
		break;
	case IEEE80211_NULL: ap->nulls++; break;
	case IEEE80211_DATA:
		assert_int_equal(h.flags & 3, IEEE80211_TO_DS);
		ap_on_msdu(ap, &h, body, sealed, now_us);
		break;
	case IEEE80211_ACTION:
		assert_true(sealed && body.left == 4);
		if (body.at[1] == 0) {
			ap->sa_requests++;
			ap_sa(ap, 1, (uint16_t)(body.at[2] | body.at[3] << 8), true);
		} else {
			ap->sa_responses++;
		}
		break;
	case IEEE80211_DEAUTHENTICATION:
		if (ap->pmf && ap->keyed)
			assert_true(sealed);
		ap->leaves++;
		ap_forget(ap);
		break;
	default: fail_msg("kind %02x", h.kind);
	}
}

/* --- the air and the loop --- */

struct world {
	struct test_ap ap;
	struct sta *sta;
	struct sta_config config;
	struct sta_out out;
	struct entropy *entropy;
	uint16_t sequence;
	uint64_t now_us;
	unsigned loss_percent; /* of frames and of acknowledgements, each */
	uint32_t dice;
	int over; /* what ended it */
	uint16_t reason;
	unsigned ups, downs, msdus;
	uint8_t msdu[RADIO_FRAME_MAX], src[6];
	size_t msdu_len;
};

static bool lost(struct world *w)
{
	w->dice = w->dice * 1664525u + 1013904223u;
	return (w->dice >> 16) % 100 < w->loss_percent;
}

static void note(struct world *w, int result)
{
	if (result < 0) {
		w->over = result;
		return;
	}
	switch (w->out.event) {
	case STA_UP: w->ups++; break;
	case STA_DOWN:
		w->downs++;
		w->reason = w->out.reason;
		break;
	case STA_MSDU:
		w->msdus++;
		w->msdu_len = w->out.payload.left;
		memcpy(w->msdu, w->out.payload.at, w->msdu_len);
		memcpy(w->src, w->out.src, 6);
		break;
	case STA_NOTHING: break;
	}
}

static void hear(struct world *w, const uint8_t *bytes, size_t len)
{
	const struct radio_rx rx = { .freq_mhz = 2437, .rssi_dbm = -50, .time_us = w->now_us };

	if (w->over == 0 && w->sta)
		note(w, sta_receive(w->sta, mr_rd_over(bytes, len), &rx, &w->out, w->now_us));
}

/* The MAC below: unicast up to 4 times until acknowledged, later ones with Retry; the receiver sees every copy. */
static bool on_air(struct world *w, uint8_t *bytes, size_t len, bool to_ap, unsigned *tries)
{
	bool group = bytes[4] & 1;

	for (*tries = 1; *tries <= 4; ++*tries) {
		if (!lost(w) && !(to_ap && w->ap.deaf)) {
			if (to_ap)
				ap_receive(&w->ap, bytes, len, w->now_us);
			else
				hear(w, bytes, len);
			if (group || !lost(w))
				return !group;
		}
		if (group)
			return false;
		bytes[1] |= IEEE80211_RETRY;
	}
	*tries = 4;
	return false;
}

static void ap_to_air(struct world *w)
{
	for (size_t i = 0; i < w->ap.out_count; i++) {
		struct air_frame f = w->ap.out[i];
		unsigned tries;

		(void)on_air(w, f.bytes, f.len, false, &tries);
	}
	w->ap.out_count = 0;
}

static void sta_to_air(struct world *w)
{
	uint8_t frame[RADIO_FRAME_MAX], what;
	size_t len;

	while (w->over == 0 && w->ap.out_count < AIR_FRAMES / 2 &&
	       (len = sta_pull(w->sta, frame, false, &what, w->now_us)) > 0) {
		unsigned tries;
		bool acked;

		w->now_us += 1000;
		acked = on_air(w, frame, len, true, &tries);
		sta_sent(w->sta, what, acked, tries, w->now_us);
	}
}

/* Until `until_us`, or the end. */
static void run(struct world *w, uint64_t until_us)
{
	while (w->over == 0 && w->now_us < until_us) {
		uint64_t next, sta_us, ap_us = wpa_ap_deadline_us(&w->ap.wpa);

		sta_to_air(w);
		ap_to_air(w);
		sta_us = sta_deadline_us(w->sta);
		next = sta_us < ap_us ? sta_us : ap_us;
		if (w->over != 0 || sta_ready(w->sta) || w->ap.out_count > 0)
			continue;
		if (next > until_us) {
			w->now_us = until_us;
			break;
		}
		w->now_us = next > w->now_us ? next : w->now_us;
		if (w->now_us >= sta_us) {
			w->out.reason = 0;
			int result = sta_expire(w->sta, w->now_us);

			w->out.event = result < 0 ? STA_NOTHING : (enum sta_event)result;
			note(w, result);
			w->out.event = STA_NOTHING;
		}
		if (w->now_us >= ap_us) {
			uint8_t bytes[EAPOL_MAX];
			struct mr_wr m = mr_wr_over(bytes, sizeof(bytes));

			if (wpa_ap_expire(&w->ap.wpa, &m, w->now_us) < 0) {
				ap_farewell(&w->ap, IEEE80211_DEAUTHENTICATION,
					    w->ap.wpa.bad_mics ? IEEE80211_INVALID_AUTHENTICATION
							       : IEEE80211_4WAY_TIMEOUT,
					    false);
				ap_forget(&w->ap);
			}
			ap_eapol(&w->ap, &m);
		}
	}
}

enum how { OPEN = 0, SECURE = 1, SHA256 = 2, PMF = 4, UNKNOWN = 8, HIDDEN = 16, OFFERED = 32 };

static void open_world_heard(struct world *w, unsigned how, uint32_t seed, const struct log_tag *tag)
{
	memset(w, 0, sizeof(*w));
	w->entropy = entropy_create_seeded(seed, "sta");
	w->dice = seed;
	w->now_us = 1000000;
	w->sequence = 0xff0;
	w->ap = (struct test_ap){ .bssid = { 2, 0, 0, 0, 1, 0 },
				  .client = { 2, 0, 0, 0, 2, 0 },
				  .ssid = "device",
				  .ssid_len = 6,
				  .pmk = { 7 },
				  .secure = how & SECURE,
				  .sha256 = how & SHA256,
				  .pmf = how & PMF,
				  .offered = how & OFFERED,
				  .hidden = how & HIDDEN,
				  .group = { { 0x61 }, { 0x62 }, 16, 1, how & PMF ? 4 : 0, 500, 600 },
				  .entropy = w->entropy };
	w->ap.wpa.deadline_us = UINT64_MAX;
	w->config = (struct sta_config){ .own = { 2, 0, 0, 0, 2, 0 },
					 .bssid = { 2, 0, 0, 0, 1, 0 },
					 .ssid = "device",
					 .ssid_len = 6,
					 .freq_mhz = 2437,
					 .secure = how & SECURE,
					 .pmk = { 7 },
					 .patience_us = 20000000,
					 .entropy = w->entropy,
					 .sequence = &w->sequence,
					 .tag = tag };
	if ((how & SECURE) && !(how & UNKNOWN))
		w->config.rsn = ap_rsn(&w->ap);
	w->sta = sta_create(&w->config, w->now_us);
	assert_non_null(w->sta);
}

static void open_world(struct world *w, unsigned how, uint32_t seed) { open_world_heard(w, how, seed, NULL); }

static void close_world(struct world *w)
{
	sta_destroy(w->sta);
	entropy_destroy(w->entropy);
	wpa_ap_wipe(&w->ap.wpa);
}

/* Sends one MSDU each way and sees both arrive. */
static void both_ways(struct world *w)
{
	unsigned at_ap = w->ap.msdus, at_sta = w->msdus;

	assert_int_equal(sta_send(w->sta, NULL, 0x0800, "to the device", 13), 0);
	run(w, w->now_us + 3000000);
	assert_int_equal(w->ap.msdus, at_ap + 1);
	assert_int_equal(w->ap.msdu_len, 13);
	assert_memory_equal(w->ap.msdu, "to the device", 13);
	ap_data(&w->ap, w->ap.client, w->ap.bssid, 0x0800, "to the station", 14, w->ap.keyed);
	run(w, w->now_us + 1000000);
	assert_int_equal(w->msdus, at_sta + 1);
	assert_memory_equal(w->msdu, "to the station", 14);
	assert_int_equal(w->ap.plain_data, 0);
}
