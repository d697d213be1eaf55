/* One STA towards the access point: 802.11-2020 11.3 (authentication, association), 12.7 (keys), 11.13 (SA Query). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "station/wifi/soft_ap_internal.h"

#define IDLE_US (5 * UINT64_C(1000000)) /* authenticated, and then nothing */
#define QUERY_TU 200u /* dot11AssociationSAQueryMaximumTimeout: 1000 TU in the standard; hostapd's default */
#define SA_QUERY 8    /* category, table 9-51 */
enum { SA_QUERY_REQUEST, SA_QUERY_RESPONSE };

struct soft_ap_sta *soft_ap_find(const struct soft_ap *ap, const uint8_t mac[static 6])
{
	return map_get(&ap->by_mac, map_key_mac(mac));
}

/* --- coming and going --- */

static bool take_aid(struct soft_ap *ap, uint16_t *aid)
{
	for (uint16_t i = 1; i <= ap->config.stas_max; i++)
		if (!(ap->aids[i / 8] >> i % 8 & 1)) {
			ap->aids[i / 8] = (uint8_t)(ap->aids[i / 8] | 1u << i % 8);
			*aid = i;
			return true;
		}
	return false;
}

static struct soft_ap_sta *admit(struct soft_ap *ap, const uint8_t mac[static 6])
{
	struct soft_ap_sta *sta = calloc(1, sizeof(*sta)), **end = &ap->stas;

	if (!sta || !take_aid(ap, &sta->aid)) {
		free(sta);
		return NULL;
	}
	memcpy(sta->mac, mac, 6);
	sta->query_us = UINT64_MAX;
	sta->rate = SOFT_AP_RATE_FIRST;
	if (!map_put(&ap->by_mac, map_key_mac(mac), sta)) {
		ap->aids[sta->aid / 8] = (uint8_t)(ap->aids[sta->aid / 8] & ~(1u << sta->aid % 8));
		free(sta);
		return NULL;
	}
	while (*end)
		end = &(*end)->next;
	*end = sta;
	ap->count++;
	return sta;
}

/* The only writer of `state`. */
static void enter(struct soft_ap *ap, struct soft_ap_sta *sta, enum peer_state state, const char *why)
{
	static const char *const names[] = { [PEER_NEW] = "new",
					     [PEER_AUTHENTICATED] = "authenticated",
					     [PEER_ASSOCIATED] = "associated",
					     [PEER_JOINED] = "joined" };
	const uint8_t *m = sta->mac;

	/* Whoever is thrown out is authenticated again; the way up has no short cut. */
	assert(state == PEER_AUTHENTICATED || (state == PEER_ASSOCIATED && sta->state == PEER_AUTHENTICATED) ||
	       (state == PEER_JOINED && sta->state == PEER_ASSOCIATED));
	log_state(ap->config.tag, LOG_AP, names[sta->state], names[state],
		  "STA %02x:%02x:%02x:%02x:%02x:%02x, aid %u: %s", m[0], m[1], m[2], m[3], m[4], m[5], sta->aid, why);
	sta->state = state;
}

/* Back to "authenticated": keys, what waits and the news of having joined are gone. */
static void reset(struct soft_ap *ap, struct soft_ap_sta *sta, int reason)
{
	bool had_joined = sta->state == PEER_JOINED, had_enrolled = sta->enrolls;
	uint8_t mac[6];

	soft_ap_drop_waiting(ap, sta);
	assert(!sta->asleep || ap->asleep > 0);
	if (sta->asleep)
		ap->asleep--;
	if (sta->secured)
		wpa_ap_wipe(&sta->wpa);
	mr_wipe(sta->tk, sizeof(sta->tk));
	sta->secured = sta->pmf = sta->qos = sta->keyed = sta->asleep = sta->enrolls = false;
	sta->tx_pn = sta->rx_pn = sta->rx_management_pn = 0;
	sta->query_us = UINT64_MAX;
	sta->failures = sta->successes = 0;
	enter(ap, sta, PEER_AUTHENTICATED, ieee80211_reason_words((uint16_t)reason));
	memcpy(mac, sta->mac, 6);
	assert(!had_joined || ap->joined > 0);
	ap->joined -= had_joined;
	if (had_enrolled && ap->config.wsc)
		ap->config.wsc->left(ap->config.wsc->ctx, mac, reason);
	if (had_joined && ap->events.left)
		ap->events.left(ap->events.ctx, mac, reason);
}

void soft_ap_forget(struct soft_ap *ap, struct soft_ap_sta *sta, int reason)
{
	struct soft_ap_sta **at = &ap->stas;

	while (*at != sta)
		at = &(*at)->next;
	*at = sta->next;
	map_remove(&ap->by_mac, map_key_mac(sta->mac));
	assert(ap->count > 0 && (ap->aids[sta->aid / 8] >> sta->aid % 8 & 1));
	ap->aids[sta->aid / 8] = (uint8_t)(ap->aids[sta->aid / 8] & ~(1u << sta->aid % 8));
	ap->count--;
	reset(ap, sta, reason);
	free(sta);
}

static void joined(struct soft_ap *ap, struct soft_ap_sta *sta)
{
	if (sta->state == PEER_JOINED)
		return;
	enter(ap, sta, PEER_JOINED, sta->keyed ? "M4 is true" : "the network is open");
	ap->joined++;
	assert(ap->joined <= ap->count);
	if (ap->events.joined)
		ap->events.joined(ap->events.ctx, sta->mac);
}

/* --- management frames to one STA, protected where that was agreed --- */

static void send_robust(struct soft_ap *ap, struct soft_ap_sta *sta, const struct mr_wr *plain)
{
	uint8_t sealed[SOFT_AP_FRAME_MAX];
	struct mr_wr w = *plain;

	if (sta && sta->pmf && sta->keyed) {
		size_t len = ccmp_seal(sta->tk, (struct ccmp_info){ .pn = ++sta->tx_pn }, mr_wr_written(plain), sealed,
				       sizeof(sealed));

		w = mr_wr_over(sealed, sizeof(sealed));
		w.len = len;
	}
	(void)soft_ap_transmit(ap, &w, soft_ap_basic_rate(ap), RADIO_NORMAL, COOKIE_OTHER);
}

void soft_ap_deauthenticate(struct soft_ap *ap, const uint8_t mac[static 6], enum ieee80211_reason reason,
			    uint64_t now_us)
{
	uint8_t buf[SOFT_AP_FRAME_MAX];
	struct mr_wr w = soft_ap_begin(ap, buf, IEEE80211_DEAUTHENTICATION, mac);

	(void)now_us;
	mr_wr_le16(&w, (uint16_t)reason);
	send_robust(ap, soft_ap_find(ap, mac), &w);
}

/* --- authentication, 11.3.4.3 --- */

static void answer_authentication(struct soft_ap *ap, const uint8_t da[static 6], uint16_t algorithm,
				  enum ieee80211_status status)
{
	uint8_t buf[SOFT_AP_FRAME_MAX];
	struct mr_wr w = soft_ap_begin(ap, buf, IEEE80211_AUTHENTICATION, da);

	ap->counters.refused += status != IEEE80211_SUCCESS;
	ieee80211_authentication_build(&w, &(struct ieee80211_authentication){ .algorithm = algorithm,
									       .transaction = 2,
									       .status = (uint16_t)status });
	(void)soft_ap_transmit(ap, &w, soft_ap_basic_rate(ap), RADIO_NORMAL, COOKIE_OTHER);
}

void soft_ap_on_authentication(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd body, uint64_t now_us)
{
	struct soft_ap_sta *sta = soft_ap_find(ap, h->address2);
	struct ieee80211_authentication a;

	if (!ieee80211_authentication_parse(body, &a) || a.transaction != 1)
		return;
	if (a.algorithm != IEEE80211_OPEN_SYSTEM) {
		answer_authentication(ap, h->address2, a.algorithm, IEEE80211_UNKNOWN_ALGORITHM);
		return;
	}
	if (ap->config.ibss) { /* 11.3.4: optional there; nothing depends on it */
		answer_authentication(ap, h->address2, a.algorithm, IEEE80211_SUCCESS);
		return;
	}
	if (!sta)
		sta = admit(ap, h->address2);
	else if (!(sta->pmf &&
		   sta->keyed)) /* 11.3.4.3 e: with protected management frames the old association stays for now */
		reset(ap, sta, IEEE80211_INVALID_AUTHENTICATION);
	if (!sta) {
		answer_authentication(ap, h->address2, a.algorithm, IEEE80211_TOO_MANY_STAS);
		return;
	}
	sta->active_us = now_us;
	soft_ap_due(ap, soft_ap_sta_deadline_us(ap, sta));
	answer_authentication(ap, h->address2, a.algorithm, IEEE80211_SUCCESS);
}

/* --- association, 11.3.5.3 --- */

static bool serves(const struct soft_ap *ap)
{
	return ap->config.security == IEEE80211_OPEN || ap->config.security == IEEE80211_WPA2_PSK ||
	       ap->config.security == IEEE80211_WPA2_WPA3;
}

/* Wi-Fi Simple Configuration 2.0.5 section 8.2.2: with its element there, and none of RSN, it comes to be enrolled. */
static bool enrolls(const struct soft_ap *ap, const struct soft_ap_sta *sta, const struct ieee80211_elements *e,
		    struct mr_rd elements)
{
	struct mr_rd wsc = ieee80211_vendor(elements, soft_ap_wsc_oui, soft_ap_wsc_oui[3]);

	return ap->config.wsc && wsc.at && !e->rsn.at && ap->config.wsc->enrolls(ap->config.wsc->ctx, sta->mac, wsc);
}

static enum ieee80211_status judge(const struct soft_ap *ap, struct soft_ap_sta *sta, struct mr_rd elements,
				   struct ieee80211_rsn *rsn, bool *to_enroll)
{
	const uint32_t psk = IEEE80211_BIT(IEEE80211_AKM_PSK);
	struct ieee80211_elements e;

	*rsn = (struct ieee80211_rsn){ 0 };
	if (!ieee80211_elements_parse(elements, &e))
		return IEEE80211_REFUSED;
	if (!e.ssid.at || e.ssid.left != ap->config.ssid_len || !mr_equal(e.ssid.at, ap->config.ssid, e.ssid.left))
		return IEEE80211_REFUSED;
	*to_enroll = enrolls(ap, sta, &e, elements);
	if (*to_enroll)
		return IEEE80211_SUCCESS;
	if (!serves(ap) || (ap->events.admits && !ap->events.admits(ap->events.ctx, sta->mac)))
		return IEEE80211_REFUSED;
	if (ap->rsn.akm == 0)
		return IEEE80211_SUCCESS;
	if (!e.rsn.at || !ieee80211_rsn_parse(e.rsn, rsn))
		return IEEE80211_INVALID_ELEMENT;
	if (rsn->group != ap->rsn.group || rsn->pairwise != IEEE80211_BIT(IEEE80211_CIPHER_CCMP))
		return IEEE80211_INVALID_ELEMENT;
	if (rsn->akm != psk)
		return IEEE80211_INVALID_AKM;
	if (((ap->rsn.capabilities & IEEE80211_MFPR) && !(rsn->capabilities & IEEE80211_MFPC)) ||
	    ((rsn->capabilities & IEEE80211_MFPR) && !(ap->rsn.capabilities & IEEE80211_MFPC)))
		return IEEE80211_REFUSED_PMF;
	return IEEE80211_SUCCESS;
}

static void answer_association(struct soft_ap *ap, const struct ieee80211_header *h, uint16_t aid,
			       enum ieee80211_status status, bool to_enroll)
{
	enum ieee80211_kind kind = h->kind == IEEE80211_ASSOCIATION_REQUEST ? IEEE80211_ASSOCIATION_RESPONSE
									    : IEEE80211_REASSOCIATION_RESPONSE;
	uint8_t buf[SOFT_AP_FRAME_MAX], interval[5] = { 3 }; /* 9.4.2.48: association comeback time */
	struct mr_wr w = soft_ap_begin(ap, buf, kind, h->address2), t = mr_wr_over(interval + 1, 4);
	uint16_t capability = (uint16_t)(IEEE80211_ESS | IEEE80211_SHORT_SLOT | (ap->rsn.akm ? IEEE80211_PRIVACY : 0));

	ap->counters.refused += status != IEEE80211_SUCCESS;
	ieee80211_association_response_build(
		&w, &(struct ieee80211_association_response){ .capability = capability,
							      .status = (uint16_t)status,
							      .aid = status == IEEE80211_SUCCESS ? aid : 0 });
	ieee80211_put_rates(&w, ap->config.freq_mhz);
	if (status == IEEE80211_TRY_AGAIN_LATER) {
		mr_wr_le32(&t, QUERY_TU);
		ieee80211_put_element(&w, IEEE80211_TIMEOUT_INTERVAL, interval, sizeof(interval));
	}
	soft_ap_put_ht(ap, &w);
	if (ap->config.wmm)
		ieee80211_put_wmm(&w, true);
	if (to_enroll)
		soft_ap_put_wsc(ap, IEEE80211_ASSOCIATION_RESPONSE, h->address2, &w);
	(void)soft_ap_transmit(ap, &w, soft_ap_basic_rate(ap), RADIO_NORMAL, COOKIE_OTHER);
}

static void send_eapol(struct soft_ap *ap, struct soft_ap_sta *sta, const struct mr_wr *pdu)
{
	/* The first handshake goes in the clear; whatever comes when keys are there is sealed with them. */
	if (!pdu->bad && pdu->len > 0)
		soft_ap_give(ap, sta, NULL, EAPOL_ETHERTYPE, mr_wr_written(pdu), true);
}

static void begin_handshake(struct soft_ap *ap, struct soft_ap_sta *sta, const struct ieee80211_rsn *rsn,
			    uint64_t now_us)
{
	uint8_t buf[EAPOL_MAX];
	struct mr_wr m1 = mr_wr_over(buf, sizeof(buf));

	sta->secured = true;
	sta->pmf = (rsn->capabilities & ap->rsn.capabilities & IEEE80211_MFPC) != 0;
	wpa_ap_init(&sta->wpa, IEEE80211_AKM_PSK, ap->config.psk, ap->config.mac, sta->mac,
		    mr_rd_over(ap->rsne, ap->rsne_len), rsn, sta->pmf, &ap->group, ap->entropy);
	sta->wpa.tag = ap->config.tag;
	wpa_ap_start(&sta->wpa, &m1, now_us);
	send_eapol(ap, sta, &m1);
	soft_ap_due(ap, soft_ap_sta_deadline_us(ap, sta));
}

/* 11.13: is the STA that has the keys still there? Whoever asks to associate now may be somebody else. */
static void query(struct soft_ap *ap, struct soft_ap_sta *sta, uint64_t now_us)
{
	uint8_t buf[SOFT_AP_FRAME_MAX];
	struct mr_wr w = soft_ap_begin(ap, buf, IEEE80211_ACTION, sta->mac);

	if (sta->query_us != UINT64_MAX)
		return;
	sta->query++;
	sta->query_us = now_us + QUERY_TU * 1024u;
	soft_ap_due(ap, sta->query_us);
	mr_wr_u8(&w, SA_QUERY);
	mr_wr_u8(&w, SA_QUERY_REQUEST);
	mr_wr_le16(&w, sta->query);
	send_robust(ap, sta, &w);
}

void soft_ap_on_association(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd body, uint64_t now_us)
{
	struct soft_ap_sta *sta = soft_ap_find(ap, h->address2);
	struct ieee80211_association_request request;
	enum ieee80211_status status;
	struct ieee80211_rsn rsn;
	bool to_enroll = false;

	if (!ieee80211_association_request_parse(body, h->kind == IEEE80211_REASSOCIATION_REQUEST, &request))
		return;
	if (!sta) {
		soft_ap_deauthenticate(ap, h->address2, IEEE80211_NOT_AUTHENTICATED, now_us);
		return;
	}
	if (sta->pmf && sta->keyed) {
		answer_association(ap, h, sta->aid, IEEE80211_TRY_AGAIN_LATER, false);
		query(ap, sta, now_us);
		return;
	}
	status = judge(ap, sta, request.elements, &rsn, &to_enroll);
	answer_association(ap, h, sta->aid, status, to_enroll);
	if (status != IEEE80211_SUCCESS)
		return;
	reset(ap, sta, IEEE80211_UNSPECIFIED);
	enter(ap, sta, PEER_ASSOCIATED, "associated");
	sta->qos = ap->config.wmm && ieee80211_has_wmm(request.elements);
	sta->active_us = now_us;
	soft_ap_due(ap, soft_ap_sta_deadline_us(ap, sta));
	sta->enrolls = to_enroll;
	if (to_enroll)
		ap->config.wsc->eapol(ap->config.wsc->ctx, sta->mac, (struct mr_rd){ 0 }, now_us);
	else if (ap->rsn.akm != 0)
		begin_handshake(ap, sta, &rsn, now_us);
	else
		joined(ap, sta);
}

void soft_ap_on_leaving(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd body, uint64_t now_us)
{
	struct soft_ap_sta *sta = soft_ap_find(ap, h->address2);
	uint16_t reason;

	if (!sta || !ieee80211_reason_parse(body, &reason))
		return;
	if (h->kind == IEEE80211_DEAUTHENTICATION) {
		soft_ap_forget(ap, sta, reason);
		return;
	}
	reset(ap, sta, reason);
	sta->active_us = now_us;
	soft_ap_due(ap, soft_ap_sta_deadline_us(ap, sta));
}

void soft_ap_on_action(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd body, uint64_t now_us)
{
	struct soft_ap_sta *sta = soft_ap_find(ap, h->address2);
	uint8_t category = mr_rd_u8(&body), action = mr_rd_u8(&body), buf[SOFT_AP_FRAME_MAX];
	uint16_t transaction = mr_rd_le16(&body);
	struct mr_wr w;

	if (!sta || !sta->keyed || !sta->pmf || body.bad || category != SA_QUERY)
		return;
	sta->active_us = now_us;
	if (action == SA_QUERY_RESPONSE && sta->query_us != UINT64_MAX && transaction == sta->query) {
		sta->query_us = UINT64_MAX; /* it is: the one who asked was another */
	} else if (action == SA_QUERY_REQUEST) {
		w = soft_ap_begin(ap, buf, IEEE80211_ACTION, sta->mac);
		mr_wr_u8(&w, SA_QUERY);
		mr_wr_u8(&w, SA_QUERY_RESPONSE);
		mr_wr_le16(&w, transaction);
		send_robust(ap, sta, &w);
	}
}

/* --- keys --- */

/* The handshake has failed for good. */
static void end_handshake(struct soft_ap *ap, struct soft_ap_sta *sta, int cause, uint64_t now_us)
{
	bool other_key = cause == -MR_CAUSE_PASSPHRASE_REFUSED;
	enum ieee80211_reason reason = other_key ? IEEE80211_INVALID_AUTHENTICATION : IEEE80211_4WAY_TIMEOUT;

	ap->counters.bad_secrets += other_key;
	soft_ap_deauthenticate(ap, sta->mac, reason, now_us);
	soft_ap_forget(ap, sta, (int)reason);
}

void soft_ap_on_eapol(struct soft_ap *ap, struct soft_ap_sta *sta, struct mr_rd pdu, uint64_t now_us)
{
	uint8_t buf[EAPOL_MAX];
	struct mr_wr answer = mr_wr_over(buf, sizeof(buf));
	int event;

	if (sta->enrolls) {
		ap->config.wsc->eapol(ap->config.wsc->ctx, sta->mac, pdu, now_us); /* which may end the STA */
		return;
	}
	if (!sta->secured)
		return;
	event = wpa_ap_receive(&sta->wpa, pdu, &answer, now_us);
	if (event < 0) {
		end_handshake(ap, sta, event, now_us);
		return;
	}
	send_eapol(ap, sta, &answer);
	soft_ap_due(ap, soft_ap_sta_deadline_us(ap, sta));
	if (event != WPA_ESTABLISHED)
		return;
	/* Numbers belong to a key. The first handshake's M4 may have come sealed, and was counted under this one. */
	if (sta->keyed)
		sta->tx_pn = sta->rx_pn = sta->rx_management_pn = 0;
	memcpy(sta->tk, sta->wpa.ptk.tk, sizeof(sta->tk));
	sta->keyed = true;
	joined(ap, sta);
}

bool soft_ap_send_eapol(struct soft_ap *ap, const uint8_t dst[static 6], struct mr_rd pdu)
{
	struct soft_ap_sta *sta = soft_ap_find(ap, dst);

	if (!sta || !sta->enrolls)
		return false;
	soft_ap_give(ap, sta, NULL, EAPOL_ETHERTYPE, pdu, false);
	return true;
}

void soft_ap_rekey(struct soft_ap *ap, uint64_t now_us)
{
	for (struct soft_ap_sta *sta = ap->stas; sta; sta = sta->next) {
		uint8_t buf[EAPOL_MAX];
		struct mr_wr m1 = mr_wr_over(buf, sizeof(buf));

		/* One handshake at a time: begun anew it would make an answer to the one before void, for ever. */
		if (!sta->keyed || sta->state != PEER_JOINED || sta->wpa.state != WPA_AP_UP)
			continue;
		wpa_ap_start(&sta->wpa, &m1, now_us);
		send_eapol(ap, sta, &m1);
		soft_ap_due(ap, soft_ap_sta_deadline_us(ap, sta));
	}
}

static void expire_handshake(struct soft_ap *ap, struct soft_ap_sta *sta, uint64_t now_us)
{
	uint8_t buf[EAPOL_MAX];
	struct mr_wr repeat = mr_wr_over(buf, sizeof(buf));
	int event = wpa_ap_expire(&sta->wpa, &repeat, now_us);

	if (event < 0)
		end_handshake(ap, sta, event, now_us);
	else
		send_eapol(ap, sta, &repeat);
}

/* --- time --- */

static uint64_t idle_until_us(const struct soft_ap *ap, const struct soft_ap_sta *sta)
{
	return sta->active_us + (sta->state < PEER_ASSOCIATED ? IDLE_US : ap->config.inactivity_us);
}

uint64_t soft_ap_sta_deadline_us(const struct soft_ap *ap, const struct soft_ap_sta *sta)
{
	uint64_t at_us = idle_until_us(ap, sta);

	if (sta->secured && wpa_ap_deadline_us(&sta->wpa) < at_us)
		at_us = wpa_ap_deadline_us(&sta->wpa);
	return sta->query_us < at_us ? sta->query_us : at_us;
}

void soft_ap_sta_expire(struct soft_ap *ap, struct soft_ap_sta *sta, uint64_t now_us)
{
	if (sta->query_us <= now_us) { /* nobody with the keys is there any more */
		reset(ap, sta, IEEE80211_UNSPECIFIED);
		sta->active_us = now_us;
		return;
	}
	if (idle_until_us(ap, sta) <= now_us) {
		if (sta->state >= PEER_ASSOCIATED)
			soft_ap_deauthenticate(ap, sta->mac, IEEE80211_INACTIVE, now_us);
		soft_ap_forget(ap, sta, IEEE80211_INACTIVE);
		return;
	}
	if (sta->secured && wpa_ap_deadline_us(&sta->wpa) <= now_us)
		expire_handshake(ap, sta, now_us);
}
