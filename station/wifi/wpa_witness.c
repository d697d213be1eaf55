/*
 * Somebody else's 4-way handshake, overheard with gaps. Only MICs prove something: M2's that the STA has the PMK (it
 * holds both nonces and both addresses), M3's that the access point does and took M2 for true, M4's that the STA took
 * M3 for true.
 */
#include "station/wifi/wpa.h"

#include <openssl/crypto.h>

void wpa_witness_init(struct wpa_witness *w, const uint8_t pmk[static 32], const uint8_t aa[static 6],
		      const uint8_t spa[static 6])
{
	*w = (struct wpa_witness){ 0 };
	mr_copy(w->pmk, pmk, 32);
	mr_copy(w->aa, aa, 6);
	mr_copy(w->spa, spa, 6);
}

void wpa_witness_wipe(struct wpa_witness *w) { OPENSSL_cleanse(w, sizeof(*w)); }

static bool derive(struct wpa_witness *w, const struct eapol_key *key)
{
	uint8_t akm = (key->info & EAPOL_VERSION) == EAPOL_AES_CMAC ? IEEE80211_AKM_PSK_SHA256 : IEEE80211_AKM_PSK;

	return wpa_ptk(akm, w->pmk, w->aa, w->spa, w->anonce, w->snonce, &w->ptk);
}

static enum wpa_witness_event judge_m2(struct wpa_witness *w, const struct eapol_key *key, struct mr_rd m2)
{
	bool right = derive(w, key) && eapol_verify(w->ptk.kck, m2);

	w->proven = right;
	return right ? WPA_WITNESS_HOLDS : WPA_WITNESS_WRONG;
}

static enum wpa_witness_event on_m1(struct wpa_witness *w, const struct eapol_key *key)
{
	bool repeated = w->have_m1 && mr_equal(w->anonce, key->nonce, sizeof(w->anonce));

	w->m1_last = key->replay;
	if (repeated)
		return WPA_WITNESS_NOTHING;
	mr_copy(w->anonce, key->nonce, sizeof(w->anonce));
	w->m1_first = key->replay;
	w->have_m1 = true;
	w->have_m2 = w->proven = false;
	return WPA_WITNESS_NOTHING;
}

static enum wpa_witness_event on_m2(struct wpa_witness *w, const struct eapol_key *key, struct mr_rd pdu)
{
	mr_copy(w->snonce, key->nonce, sizeof(w->snonce));
	w->have_m2 = true;
	w->proven = false;
	if (!w->have_m1 || key->replay < w->m1_first || key->replay > w->m1_last)
		return WPA_WITNESS_NOTHING; /* its M1 was not heard: M3 has the ANonce too */
	return judge_m2(w, key, pdu);
}

static enum wpa_witness_event on_m3(struct wpa_witness *w, const struct eapol_key *key, struct mr_rd pdu)
{
	if (!w->have_m2)
		return WPA_WITNESS_NOTHING;
	w->have_m1 = w->have_m1 && mr_equal(w->anonce, key->nonce, sizeof(w->anonce));
	mr_copy(w->anonce, key->nonce, sizeof(w->anonce));
	if (!derive(w, key) || !eapol_verify(w->ptk.kck, pdu))
		return WPA_WITNESS_NOTHING;
	w->proven = true;
	return WPA_WITNESS_AGREED;
}

static enum wpa_witness_event hear(struct wpa_witness *w, bool from_ap, struct mr_rd pdu)
{
	struct eapol_key key;
	uint16_t version;

	if (eapol_type(&pdu) != EAPOL_KEY || !eapol_key_parse(pdu, &key))
		return WPA_WITNESS_NOTHING;
	version = key.info & EAPOL_VERSION;
	if ((version != EAPOL_HMAC_SHA1 && version != EAPOL_AES_CMAC) || !(key.info & EAPOL_PAIRWISE) ||
	    (key.info & (EAPOL_REQUEST | EAPOL_ERROR)) || from_ap != !!(key.info & EAPOL_ACK))
		return WPA_WITNESS_NOTHING;
	if (from_ap)
		return key.info & EAPOL_MIC ? on_m3(w, &key, pdu) : on_m1(w, &key);
	if (!(key.info & EAPOL_MIC))
		return WPA_WITNESS_NOTHING;
	if (key.data.left > 0)
		return on_m2(w, &key, pdu);
	return w->proven && eapol_verify(w->ptk.kck, pdu) ? WPA_WITNESS_JOINED : WPA_WITNESS_NOTHING;
}

enum wpa_witness_event wpa_witness_receive(struct wpa_witness *w, bool from_ap, struct mr_rd pdu)
{
	enum wpa_witness_event event = hear(w, from_ap, pdu);

	switch (event) {
	case WPA_WITNESS_NOTHING: break;
	case WPA_WITNESS_WRONG:
		log_write(w->tag, LOG_WPA, LOG_INFO,
			  "witness: M2 is signed with another key, so the passphrase is another");
		break;
	case WPA_WITNESS_HOLDS:
		log_write(w->tag, LOG_WPA, LOG_DEBUG, "witness: M2 is signed with the right key");
		break;
	case WPA_WITNESS_AGREED: log_write(w->tag, LOG_WPA, LOG_DEBUG, "witness: M3 accepts that M2"); break;
	case WPA_WITNESS_JOINED: log_write(w->tag, LOG_WPA, LOG_DEBUG, "witness: M4 ends the handshake"); break;
	}
	return event;
}
