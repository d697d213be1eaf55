/*
 * The supplicant. What defends against messages sent again or made up:
 * - M1 is not authenticated. It may choose our answer, but not our SNonce, and the PTK that counts is the one under
 *   which M3 verifies, derived from M3's own ANonce: forged M1s between M2 and M3 do no harm (12.7.6.2 leaves that
 * open).
 * - Keys are installed once (12.7.6.4): an M3 for the PTK in use is answered, because our M4 may have been lost, and
 *   changes nothing. A group key that is in use already is not installed again either.
 * - The replay counter moves only with a true MIC.
 */
#include "station/wifi/wpa.h"

#include <assert.h>

#include <openssl/crypto.h>

#include "agent/wire/cause.h"

void wpa_sta_init(struct wpa_sta *w, uint8_t akm, const uint8_t *pmk, const uint8_t aa[static 6],
		  const uint8_t spa[static 6], const struct ieee80211_rsn *rsn, struct mr_rd rsne, bool pmf,
		  struct entropy *entropy)
{
	*w = (struct wpa_sta){ .pmk = pmk, .entropy = entropy, .akm = akm, .rsn = *rsn, .pmf = pmf };
	mr_copy(w->aa, aa, 6);
	mr_copy(w->spa, spa, 6);
	assert(rsne.left <= sizeof(w->rsne));
	w->rsne_len = (uint8_t)rsne.left;
	mr_copy(w->rsne, rsne.at, w->rsne_len);
}

void wpa_sta_wipe(struct wpa_sta *w) { OPENSSL_cleanse(w, sizeof(*w)); }

static int answer_with(struct wpa_sta *w, const struct wpa_ptk *ptk, uint16_t info, const struct eapol_key *to,
		       const uint8_t *nonce, struct mr_rd data, struct mr_wr *answer, int event)
{
	struct eapol_key key = { .protocol = to->protocol,
				 .info = (uint16_t)(wpa_version(w->akm) | EAPOL_MIC | info),
				 .replay = to->replay,
				 .data = data };

	if (nonce)
		mr_copy(key.nonce, nonce, sizeof(key.nonce));
	return eapol_key_seal(answer, &key, ptk->kck, ptk->kek) ? event : -MR_CAUSE_NO_MEMORY;
}

static int on_m1(struct wpa_sta *w, const struct eapol_key *key, struct mr_wr *answer)
{
	if (!w->wanted) {
		entropy_fill(w->entropy, w->snonce, sizeof(w->snonce));
		w->wanted = true;
		w->tried = false;
	}
	w->m1++;
	if (w->tried && mr_equal(w->anonce, key->nonce, sizeof(w->anonce)))
		w->m1_same++;
	mr_copy(w->anonce, key->nonce, sizeof(w->anonce));
	w->tried = wpa_ptk(w->akm, w->pmk, w->aa, w->spa, w->anonce, w->snonce, &w->trial);
	if (!w->tried)
		return -MR_CAUSE_NO_MEMORY;
	log_state(w->tag, LOG_WPA, "M1", "M2", "replay counter %llu, M1s of this association: %u",
		  (unsigned long long)key->replay, w->m1);
	return answer_with(w, &w->trial, (uint16_t)(EAPOL_PAIRWISE | (key->info & EAPOL_SECURE)), key, w->snonce,
			   mr_rd_over(w->rsne, w->rsne_len), answer, WPA_ANSWER);
}

static bool same_rsn(const struct ieee80211_rsn *a, const struct ieee80211_rsn *b)
{
	return a->group == b->group && a->group_management == b->group_management && a->pairwise == b->pairwise &&
	       a->akm == b->akm && a->capabilities == b->capabilities;
}

/* Takes over the group keys that are new. A GTK whose length is not that of its cipher leaves group frames closed. */
static void take_group(struct wpa_sta *w, const struct eapol_data *data, const uint8_t rsc[static 8])
{
	struct wpa_group *g = &w->group;
	struct mr_rd pn = mr_rd_over(rsc, 6);

	size_t len = w->rsn.group == IEEE80211_CIPHER_TKIP ? 32 : w->rsn.group == IEEE80211_CIPHER_CCMP ? 16 : 0;

	if (len > 0 && data->gtk.left == len &&
	    (g->gtk_id != data->gtk_id || g->gtk_len != len || !mr_equal_ct(g->gtk, data->gtk.at, len))) {
		mr_copy(g->gtk, data->gtk.at, len);
		g->gtk_len = (uint8_t)len;
		g->gtk_id = data->gtk_id;
		g->pn = mr_rd_le(&pn, 6);
		w->new_gtk = true;
	}
	if (data->igtk.left == 16 && (g->igtk_id != data->igtk_id || !mr_equal_ct(g->igtk, data->igtk.at, 16))) {
		mr_copy(g->igtk, data->igtk.at, 16);
		g->igtk_id = data->igtk_id;
		g->ipn = data->ipn;
		w->new_igtk = true;
	}
}

static int repeated_m3(struct wpa_sta *w, const struct eapol_key *key, struct mr_rd pdu, struct mr_wr *answer)
{
	if (!w->established || !eapol_verify(w->ptk.kck, pdu)) {
		log_write(w->tag, LOG_WPA, LOG_DEBUG, "M3 ignored: its MIC is not true");
		return WPA_NOTHING;
	}
	log_state(w->tag, LOG_WPA, "M3", "M4", "replay counter %llu, repeated: installs nothing",
		  (unsigned long long)key->replay);
	w->replay = key->replay;
	return answer_with(w, &w->ptk, EAPOL_PAIRWISE | EAPOL_SECURE, key, NULL, mr_rd_over(NULL, 0), answer,
			   WPA_ANSWER);
}

/* The PTK of this M3 into `ptk`, if it is true. */
static bool ptk_of_m3(const struct wpa_sta *w, const struct eapol_key *key, struct mr_rd pdu, struct wpa_ptk *ptk)
{
	bool same = w->tried && mr_equal(w->anonce, key->nonce, sizeof(w->anonce));

	if (same)
		*ptk = w->trial;
	else if (!wpa_ptk(w->akm, w->pmk, w->aa, w->spa, key->nonce, w->snonce, ptk))
		return false;
	return eapol_verify(ptk->kck, pdu);
}

static int accept_m3(struct wpa_sta *w, const struct eapol_key *key, const struct wpa_ptk *ptk, struct mr_rd plain)
{
	struct eapol_data data;
	struct ieee80211_rsn rsn;

	assert(w->wanted); /* or a key that is in use would be installed again */
	if (!eapol_data_parse(plain, &data))
		log_write(w->tag, LOG_WPA, LOG_INFO, "M3 has key data that is odd, skipped: %u", data.odd);
	if (!data.gtk.at || (w->pmf && !data.igtk.at)) {
		log_write(w->tag, LOG_WPA, LOG_DEBUG, "M3 ignored: it brings no group key");
		return WPA_NOTHING;
	}
	if (!data.rsn.at || !ieee80211_rsn_parse(data.rsn, &rsn) || !same_rsn(&rsn, &w->rsn)) {
		log_write(w->tag, LOG_WPA, LOG_INFO, "M3 refused: its RSN element is not that of the beacons");
		return -MR_CAUSE_ASSOCIATION_REFUSED; /* 12.7.6.4: the beacons lied, or somebody for them */
	}
	w->replay = key->replay;
	w->heard = w->established = true;
	w->wanted = w->tried = false;
	w->ptk = *ptk;
	OPENSSL_cleanse(&w->trial, sizeof(w->trial));
	mr_copy(w->anonce, key->nonce, sizeof(w->anonce));
	take_group(w, &data, key->rsc);
	log_state(w->tag, LOG_WPA, "M3", "M4", "replay counter %llu, keys agreed, group key %u%s",
		  (unsigned long long)key->replay, w->group.gtk_id,
		  w->group.gtk_id ? "" : ": of a cipher that is not ours");
	return WPA_ESTABLISHED;
}

static int on_m3(struct wpa_sta *w, const struct eapol_key *key, struct mr_rd pdu, struct mr_wr *answer)
{
	const uint16_t must = EAPOL_SECURE | EAPOL_ENCRYPTED | EAPOL_INSTALL;
	uint8_t plain[EAPOL_DATA_MAX];
	struct wpa_ptk ptk;
	int event = WPA_NOTHING;
	size_t len;

	if ((key->info & must) != must)
		return WPA_NOTHING;
	if (!w->wanted || !ptk_of_m3(w, key, pdu, &ptk))
		return repeated_m3(w, key, pdu, answer);
	len = eapol_unwrap(ptk.kek, key->data, plain);
	if (len > 0)
		event = accept_m3(w, key, &ptk, mr_rd_over(plain, len));
	OPENSSL_cleanse(&ptk, sizeof(ptk));
	OPENSSL_cleanse(plain, sizeof(plain));
	if (event != WPA_ESTABLISHED)
		return event;
	return answer_with(w, &w->ptk, EAPOL_PAIRWISE | EAPOL_SECURE, key, NULL, mr_rd_over(NULL, 0), answer, event);
}

static int on_group(struct wpa_sta *w, const struct eapol_key *key, struct mr_rd pdu, struct mr_wr *answer)
{
	const uint16_t must = EAPOL_SECURE | EAPOL_ENCRYPTED;
	uint8_t plain[EAPOL_DATA_MAX];
	struct eapol_data data;
	bool good;
	size_t len;

	if (!w->established || (key->info & must) != must || !eapol_verify(w->ptk.kck, pdu))
		return WPA_NOTHING;
	len = eapol_unwrap(w->ptk.kek, key->data, plain);
	(void)eapol_data_parse(mr_rd_over(plain, len), &data);
	good = data.gtk.at != NULL;
	if (good) {
		w->replay = key->replay;
		take_group(w, &data, key->rsc);
	}
	OPENSSL_cleanse(plain, sizeof(plain));
	if (!good)
		return WPA_NOTHING;
	log_state(w->tag, LOG_WPA, "group 1", "group 2", "replay counter %llu, group key %u%s",
		  (unsigned long long)key->replay, w->group.gtk_id,
		  w->new_gtk || w->new_igtk ? "" : ", in use already: installs nothing");
	return answer_with(w, &w->ptk, EAPOL_SECURE, key, NULL, mr_rd_over(NULL, 0), answer,
			   w->new_gtk || w->new_igtk ? WPA_GROUP : WPA_ANSWER);
}

int wpa_sta_receive(struct wpa_sta *w, struct mr_rd pdu, struct mr_wr *answer)
{
	struct eapol_key key;

	w->new_gtk = w->new_igtk = false;
	if (eapol_type(&pdu) != EAPOL_KEY || !eapol_key_parse(pdu, &key) ||
	    (key.info & EAPOL_VERSION) != wpa_version(w->akm) || !(key.info & EAPOL_ACK) ||
	    (key.info & (EAPOL_REQUEST | EAPOL_ERROR)) || (w->heard && key.replay <= w->replay))
		return WPA_NOTHING;
	if (!(key.info & EAPOL_MIC))
		return key.info & EAPOL_PAIRWISE ? on_m1(w, &key, answer) : WPA_NOTHING;
	return key.info & EAPOL_PAIRWISE ? on_m3(w, &key, pdu, answer) : on_group(w, &key, pdu, answer);
}
