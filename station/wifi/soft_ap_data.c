/* MSDUs in and out, the rate for each STA, and power save: 802.11-2020 11.2.3. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "station/wifi/soft_ap_internal.h"

/*
 * Automatic rate fallback (Kamerman, Monteban 1997): one step down after a frame that was never acknowledged, one up
 * after ten in a row that were. 6 to 54 Mb/s.
 */
static const uint8_t rates[] = { 12, 24, 48, 72, 108 };
#define SUCCESSES_UP 10u
/* So many frames in a row without acknowledgement and a STA is gone: order of Linux's STA_LOST_PKT_THRESHOLD, 50. */
#define FAILURES_GONE 50u

void soft_ap_count_status(struct soft_ap *ap, struct soft_ap_sta *sta, bool acked, uint64_t now_us)
{
	if (acked) {
		sta->failures = 0;
		sta->active_us = now_us;
		if (++sta->successes >= SUCCESSES_UP) {
			sta->successes = 0;
			sta->rate = (uint8_t)(sta->rate + (sta->rate + 1u < sizeof(rates)));
		}
		return;
	}
	sta->successes = 0;
	sta->rate = (uint8_t)(sta->rate - (sta->rate > 0));
	if (sta->asleep || ++sta->failures < FAILURES_GONE)
		return;
	soft_ap_deauthenticate(ap, sta->mac, IEEE80211_INACTIVE, now_us);
	soft_ap_forget(ap, sta, IEEE80211_INACTIVE);
}

/* --- what waits for sleepers --- */

static bool keep(struct waiting_queue *q, struct mr_rd frame)
{
	struct waiting *w = q->count < SOFT_AP_BUFFER_MAX ? malloc(sizeof(*w) + frame.left) : NULL;

	if (!w)
		return false;
	w->next = NULL;
	w->len = frame.left;
	memcpy(w->bytes, frame.at, frame.left);
	*(q->last ? &q->last->next : &q->first) = w;
	q->last = w;
	q->count++;
	return true;
}

static struct waiting *take_waiting(struct waiting_queue *q)
{
	struct waiting *w = q->first;

	if (!w)
		return NULL;
	assert(q->count > 0);
	q->first = w->next;
	if (!q->first)
		q->last = NULL;
	q->count--;
	return w;
}

static void waiting_free(struct waiting *w)
{
	OPENSSL_cleanse(w->bytes, w->len);
	free(w);
}

static void mark(struct soft_ap *ap, const struct soft_ap_sta *sta)
{
	uint8_t bit = (uint8_t)(1u << sta->aid % 8);
	uint8_t *octet = &ap->waiting[sta->aid / 8];

	*octet = (uint8_t)(sta->waiting.first ? *octet | bit : *octet & ~bit);
}

void soft_ap_drop_waiting(struct soft_ap *ap, struct soft_ap_sta *sta)
{
	struct waiting_queue *q = sta ? &sta->waiting : &ap->group_waiting;

	for (struct waiting *w; (w = take_waiting(q));)
		waiting_free(w);
	if (sta)
		mark(ap, sta);
}

/* --- out --- */

/* Addresses of table 9-30: from the access point, or within an IBSS. `src`: whose it is, NULL: our own. */
static struct mr_wr begin_data(struct soft_ap *ap, uint8_t *buf, const uint8_t dst[static 6], const uint8_t *src,
			       bool qos, uint16_t ethertype, struct mr_rd payload)
{
	struct ieee80211_header h = { .kind = qos ? IEEE80211_QOS_DATA : IEEE80211_DATA,
				      .flags = ap->config.ibss ? 0 : IEEE80211_FROM_DS };
	struct mr_wr w = mr_wr_over(buf, SOFT_AP_FRAME_MAX);

	memcpy(h.address1, dst, 6);
	memcpy(h.address2, ap->config.mac, 6);
	memcpy(h.address3, ap->config.ibss ? ap->bssid : src ? src : ap->config.mac, 6);
	ieee80211_header_build(&w, &h);
	ieee80211_put_snap(&w, ethertype);
	mr_wr_bytes(&w, payload.at, payload.left);
	return w;
}

static struct mr_wr seal(const uint8_t tk[static 16], struct ccmp_info info, struct mr_rd plain, uint8_t *buf)
{
	struct mr_wr w = mr_wr_over(buf, SOFT_AP_FRAME_MAX);

	w.len = ccmp_seal(tk, info, plain, buf, SOFT_AP_FRAME_MAX);
	w.bad = w.len == 0;
	return w;
}

/* A plain frame to one STA leaves, as it is or sealed: packet numbers are given in the order of leaving. */
static void leave(struct soft_ap *ap, struct soft_ap_sta *sta, uint8_t *plain, size_t len, bool more)
{
	uint8_t sealed[SOFT_AP_FRAME_MAX];
	struct mr_wr w = mr_wr_over(plain, len);

	w.len = len;
	if (more)
		plain[1] |= IEEE80211_MORE_DATA;
	if (plain[1] & IEEE80211_PROTECTED) { /* marked by soft_ap_give, not sealed yet */
		plain[1] = (uint8_t)(plain[1] & ~IEEE80211_PROTECTED);
		w = seal(sta->tk, (struct ccmp_info){ .pn = ++sta->tx_pn }, mr_rd_over(plain, len), sealed);
	}
	assert(sta->rate < sizeof(rates));
	(void)soft_ap_transmit(ap, &w,
			       sta->keyed || !(sta->secured || sta->enrolls) ? rates[sta->rate] : SOFT_AP_RATE_6M,
			       RADIO_NORMAL, COOKIE_DATA | (uint64_t)sta->aid << 8);
}

void soft_ap_give(struct soft_ap *ap, struct soft_ap_sta *sta, const uint8_t *src, uint16_t ethertype,
		  struct mr_rd payload, bool protect)
{
	uint8_t buf[SOFT_AP_FRAME_MAX];
	struct mr_wr w = begin_data(ap, buf, sta->mac, src, sta->qos, ethertype, payload);

	if (w.bad)
		return;
	if (protect && sta->keyed)
		buf[1] |= IEEE80211_PROTECTED;
	if (sta->asleep) {
		ap->counters.discarded += !keep(&sta->waiting, mr_wr_written(&w));
		mark(ap, sta);
	} else {
		leave(ap, sta, buf, w.len, false);
	}
	OPENSSL_cleanse(buf, w.len);
}

static void leave_to_all(struct soft_ap *ap, struct mr_rd plain)
{
	uint8_t sealed[SOFT_AP_FRAME_MAX], buf[SOFT_AP_FRAME_MAX];
	struct mr_wr w = mr_wr_over(buf, sizeof(buf));

	mr_wr_bytes(&w, plain.at, plain.left);
	if (ap->rsn.akm != 0) {
		struct ccmp_info info = { .pn = ++ap->group.pn, .key_id = ap->group.gtk_id };

		w = mr_wr_over(sealed, sizeof(sealed));
		w.len = ap->group.gtk_len == TKIP_KEY_LEN
				? tkip_seal(ap->group.gtk, info, plain, sealed, sizeof(sealed))
				: ccmp_seal(ap->group.gtk, info, plain, sealed, sizeof(sealed));
		w.bad = w.len == 0;
	}
	(void)soft_ap_transmit(ap, &w, soft_ap_basic_rate(ap), RADIO_NORMAL, COOKIE_OTHER);
	OPENSSL_cleanse(buf, plain.left);
}

/* 11.2.3.6: after the beacon of a DTIM, while all STAs are awake. */
void soft_ap_release_group(struct soft_ap *ap)
{
	for (struct waiting *w; (w = take_waiting(&ap->group_waiting));) {
		if (ap->group_waiting.first)
			w->bytes[1] |= IEEE80211_MORE_DATA;
		leave_to_all(ap, mr_rd_over(w->bytes, w->len));
		waiting_free(w);
	}
}

bool soft_ap_relay(struct soft_ap *ap, const uint8_t dst[static 6], const uint8_t *src, uint16_t ethertype,
		   const uint8_t *payload, size_t len)
{
	struct soft_ap_sta *sta = soft_ap_find(ap, dst);
	uint8_t buf[SOFT_AP_FRAME_MAX];
	struct mr_wr w;

	if (len > SOFT_AP_MSDU_MAX)
		return false;
	if (!ap->config.ibss && !ieee80211_is_group(dst)) {
		if (!sta || sta->state != PEER_JOINED)
			return false;
		soft_ap_give(ap, sta, src, ethertype, mr_rd_over(payload, len), true);
		return true;
	}
	w = begin_data(ap, buf, dst, src, false, ethertype, mr_rd_over(payload, len));
	if (ap->config.ibss)
		return soft_ap_transmit(ap, &w, SOFT_AP_RATE_6M, RADIO_NORMAL, COOKIE_OTHER);
	if (ap->joined == 0)
		return false;
	if (ap->asleep > 0)
		ap->counters.discarded += !keep(&ap->group_waiting, mr_wr_written(&w));
	else
		leave_to_all(ap, mr_wr_written(&w));
	OPENSSL_cleanse(buf, w.len);
	return true;
}

bool soft_ap_send(struct soft_ap *ap, const uint8_t dst[static 6], uint16_t ethertype, const uint8_t *payload,
		  size_t len, uint64_t now_us)
{
	(void)now_us;
	return soft_ap_relay(ap, dst, NULL, ethertype, payload, len);
}

/* --- in --- */

static void fall_asleep_or_wake(struct soft_ap *ap, struct soft_ap_sta *sta, bool asleep)
{
	if (sta->asleep == asleep)
		return;
	sta->asleep = asleep;
	if (asleep) {
		ap->asleep++;
		assert(ap->asleep <= ap->count);
		return;
	}
	assert(ap->asleep > 0);
	ap->asleep--;
	for (struct waiting *w; !sta->asleep && (w = take_waiting(&sta->waiting));) {
		leave(ap, sta, w->bytes, w->len, sta->waiting.first != NULL);
		waiting_free(w);
	}
	mark(ap, sta);
}

void soft_ap_on_ps_poll(struct soft_ap *ap, const struct ieee80211_header *h, uint64_t now_us)
{
	struct soft_ap_sta *sta = soft_ap_find(ap, h->address2);
	struct waiting *w;

	if (!sta || sta->state < PEER_ASSOCIATED || (h->duration & 0x3fff) != sta->aid) {
		soft_ap_deauthenticate(ap, h->address2, IEEE80211_NOT_ASSOCIATED, now_us);
		return;
	}
	sta->active_us = now_us;
	w = sta->asleep ? take_waiting(&sta->waiting) : NULL;
	if (!w)
		return;
	leave(ap, sta, w->bytes, w->len, sta->waiting.first != NULL);
	waiting_free(w);
	mark(ap, sta);
}

bool soft_ap_open(struct soft_ap *ap, struct soft_ap_sta *sta, bool management, struct mr_rd frame, uint8_t *out,
		  struct mr_rd *body)
{
	/* M4 may come sealed with the keys that it confirms. */
	const uint8_t *tk = sta->keyed ? sta->tk : sta->wpa.trial.tk;
	uint64_t *last = management ? &sta->rx_management_pn : &sta->rx_pn;
	struct ccmp_info info;
	size_t len;

	if (!sta->secured || (!sta->keyed && sta->wpa.state != WPA_AP_M3) || frame.left > SOFT_AP_FRAME_MAX ||
	    !ccmp_peek(frame, &info) || info.key_id != 0 || info.pn <= *last || !ccmp_open(tk, frame, out, &len)) {
		ap->counters.discarded++;
		return false;
	}
	*last = info.pn;
	*body = mr_rd_over(out, len);
	return true;
}

static void pass_on(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd msdu)
{
	uint16_t ethertype;

	if (ieee80211_snap_parse(&msdu, &ethertype) && ethertype != EAPOL_ETHERTYPE)
		ap->events.received(ap->events.ctx, ieee80211_da(h), ieee80211_sa(h), ethertype, msdu);
	else
		ap->counters.discarded++;
}

static void on_msdu(struct soft_ap *ap, struct soft_ap_sta *sta, const struct ieee80211_header *h, struct mr_rd body,
		    bool sealed, uint64_t now_us)
{
	struct mr_rd msdu = body;
	uint16_t ethertype;

	if (ieee80211_snap_parse(&msdu, &ethertype) && ethertype == EAPOL_ETHERTYPE && (sealed || !sta->keyed)) {
		soft_ap_on_eapol(ap, sta, msdu, now_us);
		return;
	}
	if (sta->state != PEER_JOINED || (sta->secured && !sealed)) {
		ap->counters.discarded++;
		return;
	}
	pass_on(ap, h, body);
}

void soft_ap_on_data(struct soft_ap *ap, const struct ieee80211_header *h, struct mr_rd frame, struct mr_rd body,
		     uint64_t now_us)
{
	struct soft_ap_sta *sta = soft_ap_find(ap, h->address2);
	bool null = h->kind == IEEE80211_NULL || h->kind == IEEE80211_QOS_NULL;
	uint8_t opened[SOFT_AP_FRAME_MAX];
	bool sealed = h->flags & IEEE80211_PROTECTED;

	if (ap->config.ibss) {
		if (!(h->flags & (IEEE80211_TO_DS | IEEE80211_FROM_DS)) && !sealed && !null &&
		    mr_equal(h->address3, ap->bssid, 6))
			pass_on(ap, h, body);
		return;
	}
	if ((h->flags & (IEEE80211_TO_DS | IEEE80211_FROM_DS)) != IEEE80211_TO_DS)
		return;
	if (!sta || sta->state < PEER_ASSOCIATED) { /* 11.3.5.5 c */
		soft_ap_deauthenticate(ap, h->address2, sta ? IEEE80211_NOT_ASSOCIATED : IEEE80211_NOT_AUTHENTICATED,
				       now_us);
		return;
	}
	sta->active_us = now_us;
	fall_asleep_or_wake(ap, sta, h->flags & IEEE80211_POWER_MANAGEMENT);
	if (null)
		return;
	if (ieee80211_has_amsdu(h) || (h->flags & IEEE80211_MORE_FRAGMENTS) || h->fragment != 0 ||
	    body.left > SOFT_AP_FRAME_MAX) {
		ap->counters.discarded++; /* nobody fragments here: MSDUs are short */
		return;
	}
	if (sealed && !soft_ap_open(ap, sta, false, frame, opened, &body))
		return;
	on_msdu(ap, sta, h, body, sealed, now_us);
	if (sealed)
		OPENSSL_cleanse(opened, frame.left);
}
