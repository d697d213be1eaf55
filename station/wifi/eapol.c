#include "station/wifi/eapol.h"

#include <assert.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "station/wifi/aes.h"
#include "station/wifi/ieee80211.h"

#define DESCRIPTOR_RSN 2
#define MIC_AT 81 /* in the PDU */
#define INFO_AT 5

void eapol_build(struct mr_wr *w, uint8_t protocol, enum eapol_type type, const struct mr_wr *body)
{
	mr_wr_u8(w, protocol);
	mr_wr_u8(w, (uint8_t)type);
	mr_wr_be16(w, (uint16_t)(body ? body->len : 0));
	if (body)
		mr_wr_bytes(w, body->buf, body->len);
}

int eapol_type(struct mr_rd *pdu)
{
	struct mr_rd in = *pdu, whole = *pdu;
	uint8_t type;
	uint16_t len;

	mr_rd_skip(&in, 1);
	type = mr_rd_u8(&in);
	len = mr_rd_be16(&in);
	if (in.bad || len > in.left)
		return -1;
	*pdu = mr_rd_sub(&whole, 4u + len);
	return type;
}

bool eapol_key_parse(struct mr_rd pdu, struct eapol_key *out)
{
	bool ours;

	*out = (struct eapol_key){ 0 };
	out->protocol = mr_rd_u8(&pdu);
	ours = mr_rd_u8(&pdu) == EAPOL_KEY;
	ours = mr_rd_be16(&pdu) == pdu.left && ours;
	ours = mr_rd_u8(&pdu) == DESCRIPTOR_RSN && ours;
	out->info = mr_rd_be16(&pdu);
	out->key_len = mr_rd_be16(&pdu);
	out->replay = mr_rd_be64(&pdu);
	mr_rd_copy(&pdu, out->nonce, sizeof(out->nonce));
	mr_rd_skip(&pdu, 16); /* EAPOL-Key IV: RC4's only */
	mr_rd_copy(&pdu, out->rsc, sizeof(out->rsc));
	mr_rd_skip(&pdu, 8);
	mr_rd_copy(&pdu, out->mic, sizeof(out->mic));
	out->data = mr_rd_sub(&pdu, mr_rd_be16(&pdu));
	return ours && !pdu.bad && pdu.left == 0;
}

void eapol_key_build(struct mr_wr *w, const struct eapol_key *key)
{
	static const uint8_t zeros[16] = { 0 };

	mr_wr_u8(w, key->protocol);
	mr_wr_u8(w, EAPOL_KEY);
	mr_wr_be16(w, (uint16_t)(EAPOL_KEY_LEN - 4 + key->data.left));
	mr_wr_u8(w, DESCRIPTOR_RSN);
	mr_wr_be16(w, key->info);
	mr_wr_be16(w, key->key_len);
	mr_wr_be64(w, key->replay);
	mr_wr_bytes(w, key->nonce, sizeof(key->nonce));
	mr_wr_bytes(w, zeros, 16);
	mr_wr_bytes(w, key->rsc, sizeof(key->rsc));
	mr_wr_bytes(w, zeros, 8);
	mr_wr_bytes(w, key->mic, sizeof(key->mic));
	mr_wr_be16(w, (uint16_t)key->data.left);
	mr_wr_bytes(w, key->data.at, key->data.left);
}

/* Over the whole PDU with zeros in place of the MIC; 12.7.2 b) 11. */
static bool mic_of(const uint8_t *kck, struct mr_rd pdu, uint8_t mic[static 16])
{
	uint8_t whole[EAPOL_MAX], hash[EVP_MAX_MD_SIZE] = { 0 };
	size_t len = pdu.left;
	unsigned version;

	if (len < EAPOL_KEY_LEN || len > sizeof(whole))
		return false;
	mr_rd_copy(&pdu, whole, len);
	mr_zero(whole + MIC_AT, 16);
	version = whole[INFO_AT + 1] & EAPOL_VERSION;
	if (version == EAPOL_AES_CMAC)
		return aes_cmac(kck, mr_rd_over(whole, len), mr_rd_over(NULL, 0), mic);
	if (version != EAPOL_HMAC_SHA1 || !HMAC(EVP_sha1(), kck, 16, whole, len, hash, NULL))
		return false;
	mr_copy(mic, hash, 16);
	return true;
}

bool eapol_verify(const uint8_t kck[static 16], struct mr_rd pdu)
{
	uint8_t mic[16];

	return mic_of(kck, pdu, mic) && mr_equal_ct(mic, pdu.at + MIC_AT, sizeof(mic));
}

/* --- key data --- */

static const uint8_t oui_80211[3] = { 0x00, 0x0f, 0xac };
enum kde { KDE_GTK = 1, KDE_IGTK = 9 }; /* table 12-9 */

static bool kde_gtk(struct mr_rd body, struct eapol_data *out)
{
	uint8_t id = mr_rd_u8(&body) & 0x03;

	mr_rd_skip(&body, 1);
	if (body.bad || id == 0 || body.left < 5 || body.left > 32)
		return false;
	out->gtk_id = id;
	out->gtk = body;
	return true;
}

static bool kde_igtk(struct mr_rd body, struct eapol_data *out)
{
	uint16_t id = mr_rd_le16(&body);
	uint64_t ipn = mr_rd_le(&body, 6);

	if (body.bad || (id != 4 && id != 5) || body.left != 16)
		return false;
	out->ipn = ipn;
	out->igtk_id = (uint8_t)id;
	out->igtk = body;
	return true;
}

static void odd(struct eapol_data *out) { out->odd = (uint8_t)(out->odd + (out->odd < UINT8_MAX)); }

bool eapol_data_parse(struct mr_rd data, struct eapol_data *out)
{
	*out = (struct eapol_data){ 0 };
	while (data.left > 0) {
		uint8_t id = mr_rd_u8(&data), len = mr_rd_u8(&data), type;
		struct mr_rd body;

		if (id == IEEE80211_VENDOR && len == 0)
			break; /* the padding; a single dd at the end, too */
		body = mr_rd_sub(&data, len);
		if (data.bad) {
			odd(out);
			break;
		}
		if (id == IEEE80211_RSN && !out->rsn.at)
			out->rsn = body;
		if (id != IEEE80211_VENDOR || body.left < 4 || !mr_equal(mr_rd_take(&body, 3), oui_80211, 3))
			continue;
		type = mr_rd_u8(&body);
		if ((type == KDE_GTK && !kde_gtk(body, out)) || (type == KDE_IGTK && !kde_igtk(body, out)))
			odd(out);
	}
	return out->odd == 0;
}

static void put_kde(struct mr_wr *w, enum kde type, size_t len)
{
	mr_wr_u8(w, IEEE80211_VENDOR);
	mr_wr_u8(w, (uint8_t)(4 + len));
	mr_wr_bytes(w, oui_80211, 3);
	mr_wr_u8(w, (uint8_t)type);
}

void eapol_put_gtk(struct mr_wr *w, uint8_t key_id, const uint8_t *gtk, size_t len)
{
	put_kde(w, KDE_GTK, 2 + len);
	mr_wr_u8(w, (uint8_t)(key_id & 0x03)); /* Tx is 0: a STA sends nothing under the group key */
	mr_wr_u8(w, 0);
	mr_wr_bytes(w, gtk, len);
}

void eapol_put_igtk(struct mr_wr *w, uint8_t key_id, uint64_t ipn, const uint8_t igtk[static 16])
{
	put_kde(w, KDE_IGTK, 24);
	mr_wr_le16(w, key_id);
	mr_wr_le(w, ipn, 6);
	mr_wr_bytes(w, igtk, 16);
}

/* 12.7.2 j): shorter than 16, or no multiple of 8: dd, then zeros. */
size_t eapol_wrap(const uint8_t kek[static 16], struct mr_rd plain, uint8_t *out)
{
	uint8_t padded[EAPOL_DATA_MAX - 8] = { 0 };
	size_t len = plain.left, whole = len < 16 ? 16 : (len + 7) & ~(size_t)7;

	if (whole > sizeof(padded))
		return 0;
	assert(whole % 8 == 0 && whole >= len);
	mr_rd_copy(&plain, padded, len);
	if (whole > len)
		padded[len] = IEEE80211_VENDOR;
	whole = aes_wrap(kek, padded, whole, out) ? whole + 8 : 0;
	OPENSSL_cleanse(padded, sizeof(padded));
	return whole;
}

size_t eapol_unwrap(const uint8_t kek[static 16], struct mr_rd wrapped, uint8_t *plain)
{
	if (wrapped.left > EAPOL_DATA_MAX || !aes_unwrap(kek, wrapped.at, wrapped.left, plain))
		return 0;
	return wrapped.left - 8;
}

bool eapol_key_seal(struct mr_wr *w, const struct eapol_key *key, const uint8_t *kck, const uint8_t *kek)
{
	uint8_t wrapped[EAPOL_DATA_MAX], mic[16];
	struct eapol_key k = *key;

	if (k.info & EAPOL_ENCRYPTED) {
		k.data = mr_rd_over(wrapped, eapol_wrap(kek, key->data, wrapped));
		w->bad = w->bad || k.data.left == 0;
	}
	w->bad = w->bad || w->len > 0;
	eapol_key_build(w, &k);
	if (w->bad || ((k.info & EAPOL_MIC) && !mic_of(kck, mr_wr_written(w), mic))) {
		w->bad = true;
		return false;
	}
	assert(w->len >= MIC_AT + sizeof(mic));
	if (k.info & EAPOL_MIC)
		mr_copy(w->buf + MIC_AT, mic, sizeof(mic));
	return true;
}
