#include "station/wifi/ccmp.h"

#include <assert.h>

#include "station/wifi/aes.h"

#define HEADER_LEN 8 /* of CCMP, figure 12-17 */
#define EXT_IV 0x20
#define AD_MAX 30
#define QOS_TID 0x0f
#define MANAGEMENT_FLAG 0x10 /* of the nonce */

/* 12.5.3.3.3: what a retry or a relay may change is masked out. */
static struct mr_rd additional_data(const struct ieee80211_header *h, uint8_t ad[static AD_MAX])
{
	const uint8_t both = IEEE80211_TO_DS | IEEE80211_FROM_DS;
	const uint8_t changing = IEEE80211_RETRY | IEEE80211_POWER_MANAGEMENT | IEEE80211_MORE_DATA;
	struct mr_wr w = mr_wr_over(ad, AD_MAX);
	uint8_t flags = (uint8_t)((h->flags & ~changing) | IEEE80211_PROTECTED);

	if (ieee80211_has_qos(h))
		flags = (uint8_t)(flags & ~IEEE80211_ORDER);
	mr_wr_u8(&w, ieee80211_is_data(h) ? h->kind & 0x8f : h->kind);
	mr_wr_u8(&w, flags);
	mr_wr_bytes(&w, h->address1, 6);
	mr_wr_bytes(&w, h->address2, 6);
	mr_wr_bytes(&w, h->address3, 6);
	mr_wr_le16(&w, h->fragment);
	if (ieee80211_is_data(h) && (h->flags & both) == both)
		mr_wr_bytes(&w, h->address4, 6);
	if (ieee80211_has_qos(h))
		mr_wr_le16(&w, h->qos & QOS_TID);
	assert(!w.bad);
	return mr_wr_written(&w);
}

/* 12.5.3.3.4 */
static void nonce_of(const struct ieee80211_header *h, uint64_t pn, uint8_t nonce[static 13])
{
	struct mr_wr w = mr_wr_over(nonce, 13);

	mr_wr_u8(&w, (uint8_t)((ieee80211_has_qos(h) ? h->qos & QOS_TID : 0) |
			       (ieee80211_is_management(h) ? MANAGEMENT_FLAG : 0)));
	mr_wr_bytes(&w, h->address2, 6);
	mr_wr_be(&w, pn, 6);
	assert(w.len == 13);
}

size_t ccmp_seal(const uint8_t tk[static 16], struct ccmp_info info, struct mr_rd mpdu, uint8_t *out, size_t cap)
{
	struct mr_wr w = mr_wr_over(out, cap);
	uint8_t ad[AD_MAX], nonce[13], *sealed;
	struct ieee80211_header h;

	assert(info.pn > 0 && info.pn < UINT64_C(1) << 48 && info.key_id < 4);
	if (!ieee80211_header_parse(&mpdu, &h) || h.kind == IEEE80211_PS_POLL)
		return 0;
	h.flags |= IEEE80211_PROTECTED;
	ieee80211_header_build(&w, &h);
	mr_wr_le16(&w, info.pn & 0xffff);
	mr_wr_u8(&w, 0);
	mr_wr_u8(&w, (uint8_t)(EXT_IV | info.key_id << 6));
	mr_wr_le32(&w, (uint32_t)(info.pn >> 16));
	sealed = mr_wr_room(&w, mpdu.left + AES_CCM_TAG);
	nonce_of(&h, info.pn, nonce);
	if (!sealed || !aes_ccm_seal(tk, nonce, additional_data(&h, ad), mpdu.at, mpdu.left, sealed))
		return 0;
	return w.len;
}

/* Header and CCMP header; leaves `mpdu` at what is encrypted, MIC included. */
static bool opened(struct mr_rd *mpdu, struct ieee80211_header *h, struct ccmp_info *info)
{
	uint8_t bits;

	if (!ieee80211_header_parse(mpdu, h) || h->kind == IEEE80211_PS_POLL || !(h->flags & IEEE80211_PROTECTED))
		return false;
	info->pn = mr_rd_le16(mpdu);
	mr_rd_skip(mpdu, 1);
	bits = mr_rd_u8(mpdu);
	info->key_id = bits >> 6;
	info->pn |= (uint64_t)mr_rd_le32(mpdu) << 16;
	return !mpdu->bad && (bits & EXT_IV) && mpdu->left >= AES_CCM_TAG;
}

bool ccmp_peek(struct mr_rd mpdu, struct ccmp_info *info)
{
	struct ieee80211_header h;

	return opened(&mpdu, &h, info);
}

bool ccmp_open(const uint8_t tk[static 16], struct mr_rd mpdu, uint8_t *body, size_t *body_len)
{
	struct ieee80211_header h;
	struct ccmp_info info;
	uint8_t ad[AD_MAX], nonce[13];

	*body_len = 0;
	if (!opened(&mpdu, &h, &info))
		return false;
	nonce_of(&h, info.pn, nonce);
	if (!aes_ccm_open(tk, nonce, additional_data(&h, ad), mpdu.at, mpdu.left - AES_CCM_TAG, body))
		return false;
	*body_len = mpdu.left - AES_CCM_TAG;
	return true;
}

/* --- BIP --- */

#define MME_ID 76 /* 9.4.2.54: id, 16, key id 2, IPN 6, MIC 8 */
#define MME_MIC 8

/* 12.5.4.3: as for CCMP, without the sequence control. */
static struct mr_rd bip_additional_data(const struct ieee80211_header *h, uint8_t ad[static 20])
{
	struct mr_wr w = mr_wr_over(ad, 20);

	mr_wr_u8(&w, h->kind);
	mr_wr_u8(&w, (uint8_t)(h->flags & ~(IEEE80211_RETRY | IEEE80211_POWER_MANAGEMENT | IEEE80211_MORE_DATA)));
	mr_wr_bytes(&w, h->address1, 6);
	mr_wr_bytes(&w, h->address2, 6);
	mr_wr_bytes(&w, h->address3, 6);
	return mr_wr_written(&w);
}

/* The MIC of a frame, MME included; its own eight octets, the last ones, count as zeros. */
static bool bip_mic(const uint8_t *igtk, struct mr_rd mpdu, uint8_t mic[static 16])
{
	uint8_t ad[20], body[RADIO_FRAME_MAX] = { 0 };
	struct mr_wr w = mr_wr_over(body, sizeof(body));
	struct ieee80211_header h;

	if (!ieee80211_header_parse(&mpdu, &h) || !ieee80211_is_management(&h) || mpdu.left < BIP_MME_LEN)
		return false;
	mr_wr_bytes(&w, mpdu.at, mpdu.left - MME_MIC);
	(void)mr_wr_room(&w, MME_MIC);
	return !w.bad && aes_cmac(igtk, bip_additional_data(&h, ad), mr_wr_written(&w), mic);
}

bool bip_protect(const uint8_t igtk[static 16], struct bip_info info, struct mr_wr *w)
{
	static const uint8_t zeros[MME_MIC] = { 0 };
	uint8_t mic[16];

	mr_wr_u8(w, MME_ID);
	mr_wr_u8(w, BIP_MME_LEN - 2);
	mr_wr_le16(w, info.key_id);
	mr_wr_le(w, info.ipn, 6);
	mr_wr_bytes(w, zeros, sizeof(zeros));
	if (w->bad || !bip_mic(igtk, mr_wr_written(w), mic))
		return false;
	w->len -= MME_MIC;
	mr_wr_bytes(w, mic, MME_MIC);
	return true;
}

bool bip_peek(struct mr_rd mpdu, struct bip_info *info)
{
	struct ieee80211_header h;
	uint16_t key_id;

	if (!ieee80211_header_parse(&mpdu, &h) || !ieee80211_is_management(&h) || mpdu.left < BIP_MME_LEN)
		return false;
	mr_rd_skip(&mpdu, mpdu.left - BIP_MME_LEN);
	if (mr_rd_u8(&mpdu) != MME_ID || mr_rd_u8(&mpdu) != BIP_MME_LEN - 2)
		return false;
	key_id = mr_rd_le16(&mpdu);
	info->key_id = (uint8_t)key_id;
	info->ipn = mr_rd_le(&mpdu, 6);
	return key_id == 4 || key_id == 5;
}

bool bip_verify(const uint8_t igtk[static 16], struct mr_rd mpdu)
{
	struct bip_info info;
	uint8_t mic[16];

	return bip_peek(mpdu, &info) && bip_mic(igtk, mpdu, mic) &&
	       mr_equal_ct(mic, mpdu.at + mpdu.left - MME_MIC, MME_MIC);
}
