/* The authenticator, 12.7.6 and 12.7.7, as plain as one access point with one PSK needs it. */
#include "station/wifi/wpa.h"

#include <assert.h>

#include <openssl/crypto.h>

#include "agent/wire/cause.h"

#define TRIES_MAX 4	      /* dot11RSNAConfigPairwiseUpdateCount and ...GroupUpdateCount are 3 or 4 in the field */
#define FIRST_WAIT_US 100000u /* the first message is the one that comes too early for a slow client */
#define WAIT_US 1000000u

void wpa_ap_init(struct wpa_ap *w, uint8_t akm, const uint8_t *pmk, const uint8_t aa[static 6],
		 const uint8_t spa[static 6], struct mr_rd rsne, const struct ieee80211_rsn *sta_rsn, bool pmf,
		 const struct wpa_group *group, struct entropy *entropy)
{
	*w = (struct wpa_ap){ .pmk = pmk,
			      .group = group,
			      .entropy = entropy,
			      .akm = akm,
			      .pmf = pmf,
			      .rsn = *sta_rsn,
			      .deadline_us = UINT64_MAX };
	mr_copy(w->aa, aa, 6);
	mr_copy(w->spa, spa, 6);
	assert(rsne.left <= sizeof(w->rsne));
	w->rsne_len = (uint8_t)rsne.left;
	mr_copy(w->rsne, rsne.at, w->rsne_len);
}

void wpa_ap_wipe(struct wpa_ap *w) { OPENSSL_cleanse(w, sizeof(*w)); }
uint64_t wpa_ap_deadline_us(const struct wpa_ap *w) { return w->deadline_us; }

static void put_group_keys(const struct wpa_ap *w, struct mr_wr *data)
{
	eapol_put_gtk(data, w->group->gtk_id, w->group->gtk, w->group->gtk_len);
	if (w->pmf && w->group->igtk_id)
		eapol_put_igtk(data, w->group->igtk_id, w->group->ipn, w->group->igtk);
}

/* The message of the present state, with the next replay counter. */
static int send(struct wpa_ap *w, struct mr_wr *out, uint64_t now_us)
{
	uint8_t bytes[EAPOL_DATA_MAX - 8];
	struct mr_wr data = mr_wr_over(bytes, sizeof(bytes)), rsc;
	struct eapol_key key = { .protocol = 2, .replay = ++w->replay, .key_len = 16 };
	const struct wpa_ptk *ptk = w->state == WPA_AP_GROUP ? &w->ptk : &w->trial;
	bool sealed;

	assert(w->state != WPA_AP_IDLE && w->state != WPA_AP_UP && w->tries < TRIES_MAX);
	key.info = (uint16_t)(wpa_version(w->akm) | EAPOL_ACK | (w->keyed ? EAPOL_SECURE : 0));
	if (w->state == WPA_AP_M1 || w->state == WPA_AP_M3) {
		key.info |= EAPOL_PAIRWISE;
		mr_copy(key.nonce, w->anonce, sizeof(key.nonce));
	}
	if (w->state == WPA_AP_M3) {
		key.info |= EAPOL_INSTALL;
		mr_wr_bytes(&data, w->rsne, w->rsne_len);
	}
	if (w->state != WPA_AP_M1) {
		key.info |= EAPOL_MIC | EAPOL_SECURE | EAPOL_ENCRYPTED;
		put_group_keys(w, &data);
		rsc = mr_wr_over(key.rsc, sizeof(key.rsc));
		mr_wr_le(&rsc, w->group->pn, 6);
	}
	key.data = mr_wr_written(&data);
	w->tries++;
	w->deadline_us = now_us + (w->tries == 1 ? FIRST_WAIT_US : WAIT_US);
	sealed = !data.bad && eapol_key_seal(out, &key, ptk->kck, ptk->kek);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return sealed ? WPA_ANSWER : -MR_CAUSE_NO_MEMORY;
}

static const char *const names[] = {
	[WPA_AP_IDLE] = "idle", [WPA_AP_M1] = "M1", [WPA_AP_M3] = "M3", [WPA_AP_UP] = "up", [WPA_AP_GROUP] = "group 1",
};

#define BIT(state) (1u << (state))

/* What may follow a state; M1 follows each: new keys may be wanted at any time. */
static const uint8_t follows[] = {
	[WPA_AP_IDLE] = BIT(WPA_AP_M1),
	[WPA_AP_M1] = BIT(WPA_AP_M1) | BIT(WPA_AP_M3),
	[WPA_AP_M3] = BIT(WPA_AP_M1) | BIT(WPA_AP_UP),
	[WPA_AP_UP] = BIT(WPA_AP_M1) | BIT(WPA_AP_GROUP),
	[WPA_AP_GROUP] = BIT(WPA_AP_M1) | BIT(WPA_AP_GROUP) | BIT(WPA_AP_UP),
};

/* The only writer of `state`: restarts the count of tries and sends the message of the state. */
static int enter(struct wpa_ap *w, enum wpa_ap_state state, struct mr_wr *out, uint64_t now_us, const char *why)
{
	assert(follows[w->state] & BIT(state));
	log_state(w->tag, LOG_WPA, names[w->state], names[state], "%s", why);
	w->state = (uint8_t)state;
	w->tries = 0;
	w->replay_first = w->replay + 1;
	w->deadline_us = UINT64_MAX;
	return state == WPA_AP_UP ? WPA_NOTHING : send(w, out, now_us);
}

void wpa_ap_start(struct wpa_ap *w, struct mr_wr *out, uint64_t now_us)
{
	entropy_fill(w->entropy, w->anonce, sizeof(w->anonce));
	w->bad_mics = 0;
	(void)enter(w, WPA_AP_M1, out, now_us, w->keyed ? "new keys are wanted" : "associated");
}

void wpa_ap_regroup(struct wpa_ap *w, struct mr_wr *out, uint64_t now_us)
{
	if (w->state == WPA_AP_UP || w->state == WPA_AP_GROUP)
		(void)enter(w, WPA_AP_GROUP, out, now_us, "new group keys");
}

static bool same_as_asked(const struct ieee80211_rsn *asked, struct mr_rd key_data)
{
	struct eapol_data data;
	struct ieee80211_rsn rsn;

	return eapol_data_parse(key_data, &data) && data.rsn.at && ieee80211_rsn_parse(data.rsn, &rsn) &&
	       rsn.group == asked->group && rsn.pairwise == asked->pairwise && rsn.akm == asked->akm &&
	       rsn.capabilities == asked->capabilities && rsn.group_management == asked->group_management;
}

static int on_m2(struct wpa_ap *w, const struct eapol_key *key, struct mr_rd pdu, struct mr_wr *out, uint64_t now_us)
{
	mr_copy(w->snonce, key->nonce, sizeof(w->snonce));
	if (!wpa_ptk(w->akm, w->pmk, w->aa, w->spa, w->anonce, w->snonce, &w->trial))
		return -MR_CAUSE_NO_MEMORY;
	if (!eapol_verify(w->trial.kck, pdu)) {
		w->bad_mics = (uint8_t)(w->bad_mics + (w->bad_mics < UINT8_MAX));
		log_write(w->tag, LOG_WPA, LOG_DEBUG, "M2 ignored: it is signed with another key, %u times so far",
			  w->bad_mics);
		return WPA_NOTHING;
	}
	if (!same_as_asked(&w->rsn, key->data)) {
		log_write(w->tag, LOG_WPA, LOG_INFO, "M2 refused: its RSN element is not that of the association");
		return -MR_CAUSE_ASSOCIATION_REFUSED;
	}
	w->bad_mics = 0;
	return enter(w, WPA_AP_M3, out, now_us, "M2 is true");
}

static int on_m4(struct wpa_ap *w, struct mr_rd pdu, struct mr_wr *out, uint64_t now_us)
{
	if (!eapol_verify(w->trial.kck, pdu))
		return WPA_NOTHING;
	w->ptk = w->trial;
	w->keyed = true;
	(void)enter(w, WPA_AP_UP, out, now_us, "M4 is true");
	return WPA_ESTABLISHED;
}

static int on_group_2(struct wpa_ap *w, struct mr_rd pdu, struct mr_wr *out, uint64_t now_us)
{
	if (!eapol_verify(w->ptk.kck, pdu))
		return WPA_NOTHING;
	(void)enter(w, WPA_AP_UP, out, now_us, "group 2 is true");
	return WPA_GROUP;
}

int wpa_ap_receive(struct wpa_ap *w, struct mr_rd pdu, struct mr_wr *out, uint64_t now_us)
{
	struct eapol_key key;
	bool pairwise;

	if (eapol_type(&pdu) != EAPOL_KEY || !eapol_key_parse(pdu, &key) ||
	    (key.info & EAPOL_VERSION) != wpa_version(w->akm) || !(key.info & EAPOL_MIC) ||
	    (key.info & (EAPOL_ACK | EAPOL_ERROR | EAPOL_REQUEST)) || key.replay < w->replay_first ||
	    key.replay > w->replay)
		return WPA_NOTHING;
	pairwise = key.info & EAPOL_PAIRWISE;
	switch ((enum wpa_ap_state)w->state) {
	case WPA_AP_M1: return pairwise && key.data.left > 0 ? on_m2(w, &key, pdu, out, now_us) : WPA_NOTHING;
	case WPA_AP_M3: return pairwise && key.data.left == 0 ? on_m4(w, pdu, out, now_us) : WPA_NOTHING;
	case WPA_AP_GROUP: return pairwise ? WPA_NOTHING : on_group_2(w, pdu, out, now_us);
	case WPA_AP_IDLE:
	case WPA_AP_UP: break;
	}
	return WPA_NOTHING;
}

int wpa_ap_expire(struct wpa_ap *w, struct mr_wr *out, uint64_t now_us)
{
	if (now_us < w->deadline_us)
		return WPA_NOTHING;
	if (w->tries < TRIES_MAX)
		return send(w, out, now_us);
	log_write(w->tag, LOG_WPA, LOG_INFO, "%s given up after %u tries; M2s signed with another key: %u",
		  names[w->state], w->tries, w->bad_mics);
	return w->state == WPA_AP_M1 && w->bad_mics > 0 ? -MR_CAUSE_PASSPHRASE_REFUSED : -MR_CAUSE_HANDSHAKE_TIMEOUT;
}
