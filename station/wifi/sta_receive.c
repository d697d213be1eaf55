/* Frames as they come in: addresses, duplicates, decryption, replays, fragments, then the kind. In this order, 5.1.5
 * and figure 5-1. */
#include "station/wifi/sta_private.h"

/* A retransmission of what we have had: Retry, and the sequence control of the last frame, 10.3.2.14. */
static bool duplicate(struct sta *sta, const struct ieee80211_header *h)
{
	struct sta_seen *seen = ieee80211_is_data(h) ? &sta->seen_data : &sta->seen_management;
	uint16_t control = (uint16_t)(h->sequence << 4 | h->fragment);
	bool again = seen->valid && (h->flags & IEEE80211_RETRY) && seen->control == control;

	if (ieee80211_is_group(h->address1))
		return false; /* never sent again */
	seen->control = control;
	seen->valid = true;
	return again;
}

/* Replay counters only move with a true MIC. */
static bool newer(struct sta *sta, uint64_t pn, uint64_t *last)
{
	if (pn <= *last) {
		sta->counts.replays++;
		return false;
	}
	*last = pn;
	return true;
}

static bool open_with(struct sta *sta, struct sta_pairwise *key, const struct ieee80211_header *h, struct mr_rd mpdu,
		      uint64_t pn, struct sta_out *out, size_t *len)
{
	uint64_t *last = ieee80211_is_data(h) ? &key->rx_pn : &key->rx_management_pn;

	if (!key->valid || !ccmp_open(key->tk, mpdu, out->bytes, len) || !newer(sta, pn, last))
		return false;
	key->in_use = true;
	return true;
}

static bool open_pairwise(struct sta *sta, const struct ieee80211_header *h, struct mr_rd mpdu, uint64_t pn,
			  struct sta_out *out, size_t *len)
{
	if (open_with(sta, &sta->pairwise, h, mpdu, pn, out, len))
		return true;
	if (!open_with(sta, &sta->next, h, mpdu, pn, out, len))
		return false;
	sta_promote(sta); /* it uses the key, so it has our M4 */
	defragment_drop(&sta->defragment);
	return true;
}

static bool open_group(struct sta *sta, struct ccmp_info *info, struct mr_rd mpdu, struct sta_out *out, size_t *len)
{
	struct sta_group *slot;

	if (info->key_id < 1 || info->key_id > 3)
		return false;
	slot = &sta->gtk[info->key_id - 1];
	if (!slot->valid || mpdu.left > sizeof(out->bytes))
		return false;
	if (!slot->tkip)
		return ccmp_open(slot->key, mpdu, out->bytes, len) && newer(sta, info->pn, &slot->pn);
	return tkip_peek(mpdu, info) && tkip_open(slot->key, mpdu, out->bytes, len) && newer(sta, info->pn, &slot->pn);
}

/* The body in the clear. False: it is not true, or we have no key. */
static bool unseal(struct sta *sta, const struct ieee80211_header *h, struct mr_rd mpdu, struct mr_rd *body,
		   uint64_t *pn, struct sta_out *out)
{
	struct ccmp_info info;
	size_t len = 0;
	bool ok;

	*pn = 0;
	if (!(h->flags & IEEE80211_PROTECTED))
		return true;
	if (!ccmp_peek(mpdu, &info)) {
		sta->counts.undecrypted++;
		return false;
	}
	ok = ieee80211_is_group(h->address1) ? ieee80211_is_data(h) && open_group(sta, &info, mpdu, out, &len)
					     : info.key_id == 0 && open_pairwise(sta, h, mpdu, info.pn, out, &len);
	if (!ok) {
		sta->counts.undecrypted++;
		return false;
	}
	*body = mr_rd_over(out->bytes, len);
	*pn = info.pn;
	return true;
}

/* A group addressed farewell in a BSS with PMF, 11.13, 12.5.4.6: true only with its MIC. */
static bool group_management_true(struct sta *sta, struct mr_rd mpdu)
{
	struct bip_info info;
	struct sta_group *slot;

	if (!bip_peek(mpdu, &info))
		return false;
	slot = &sta->igtk[info.key_id - 4];
	return slot->valid && bip_verify(slot->key, mpdu) && newer(sta, info.ipn, &slot->pn);
}

static bool robust(const struct ieee80211_header *h)
{
	return h->kind == IEEE80211_DEAUTHENTICATION || h->kind == IEEE80211_DISASSOCIATION ||
	       h->kind == IEEE80211_ACTION;
}

static int on_management(struct sta *sta, const struct ieee80211_header *h, struct mr_rd mpdu, struct mr_rd body,
			 const struct radio_rx *rx, struct sta_out *out, uint64_t now_us)
{
	uint64_t pn;
	bool sealed;

	if (!unseal(sta, h, mpdu, &body, &pn, out))
		return 0;
	sealed = pn > 0;
	if (ieee80211_is_group(h->address1) && robust(h) && sta->pmf && sta_up(sta))
		sealed = group_management_true(sta, mpdu);
	if ((h->flags & IEEE80211_MORE_FRAGMENTS) || h->fragment > 0)
		return 0; /* nothing that we wait for is that long */
	return sta_on_management(sta, h, mpdu, body, sealed, rx, out, now_us);
}

/* 12.2: with a key in use nothing comes in the clear but EAPOL while the device may still be about to install it. */
static bool may_be_plain(const struct sta *sta, const struct ieee80211_header *h, uint16_t ethertype)
{
	if (!sta->config.secure)
		return true;
	return ethertype == EAPOL_ETHERTYPE && !ieee80211_is_group(h->address1) && !sta->pairwise.in_use;
}

static int on_msdu(struct sta *sta, const struct ieee80211_header *h, struct mr_rd body, bool sealed,
		   struct sta_out *out, uint64_t now_us)
{
	uint16_t ethertype;

	if (!ieee80211_snap_parse(&body, &ethertype) || (!sealed && !may_be_plain(sta, h, ethertype))) {
		sta->counts.ignored++;
		return 0;
	}
	if (sta->config.secure && ethertype == EAPOL_ETHERTYPE)
		return sta->state >= STA_HANDSHAKING && !ieee80211_is_group(h->address1)
			       ? sta_on_eapol(sta, body, sealed, out, now_us)
			       : 0;
	if (!sta_up(sta))
		return 0;
	sta->attempts = 0;
	sta_heard(sta);
	out->event = STA_MSDU;
	out->ethertype = ethertype;
	out->payload = body;
	mr_copy(out->src, ieee80211_sa(h), 6);
	mr_copy(out->dst, ieee80211_da(h), 6);
	return 0;
}

static int on_data(struct sta *sta, const struct ieee80211_header *h, struct mr_rd mpdu, struct mr_rd body,
		   struct sta_out *out, uint64_t now_us)
{
	const uint8_t direction = h->flags & (IEEE80211_TO_DS | IEEE80211_FROM_DS);
	uint64_t pn;

	if ((h->kind != IEEE80211_DATA && h->kind != IEEE80211_QOS_DATA) || ieee80211_has_amsdu(h) ||
	    direction != (sta->config.ibss ? 0 : IEEE80211_FROM_DS) ||
	    mr_equal(ieee80211_sa(h), sta->config.own, 6) || /* our own broadcast, relayed */
	    !unseal(sta, h, mpdu, &body, &pn, out) || !defragment_add(&sta->defragment, h, pn, &body, now_us))
		return 0;
	return on_msdu(sta, h, body, pn > 0, out, now_us);
}

/* From the device, to us or to everybody, of this BSS. An IBSS changes its BSSID, and says so in beacons. */
static bool for_us(const struct sta *sta, const struct ieee80211_header *h)
{
	const struct sta_config *c = &sta->config;
	const uint8_t *bssid = ieee80211_bssid(h);
	bool beacon = h->kind == IEEE80211_BEACON || h->kind == IEEE80211_PROBE_RESPONSE;

	return mr_equal(h->address2, c->peer, 6) &&
	       (ieee80211_is_group(h->address1) || mr_equal(h->address1, c->own, 6)) && bssid &&
	       (mr_equal(bssid, c->bssid, 6) || (c->ibss && beacon));
}

int sta_receive(struct sta *sta, struct mr_rd mpdu, const struct radio_rx *rx, struct sta_out *out, uint64_t now_us)
{
	struct ieee80211_header h;
	struct mr_rd body = mpdu;

	out->event = STA_NOTHING;
	out->reason = 0;
	if (sta->left || sta->unsupported || !ieee80211_header_parse(&body, &h) || h.kind == IEEE80211_PS_POLL ||
	    !for_us(sta, &h))
		return 0;
	sta->counts.received++;
	if (duplicate(sta, &h)) {
		sta->counts.duplicates++;
		return 0;
	}
	log_write(sta->config.tag, LOG_STA, LOG_TRACE, "receives %s, sequence %u, %zu octets, %d dBm",
		  ieee80211_kind_name(h.kind), h.sequence, mpdu.left, rx->rssi_dbm);
	return ieee80211_is_data(&h) ? on_data(sta, &h, mpdu, body, out, now_us)
				     : on_management(sta, &h, mpdu, body, rx, out, now_us);
}
