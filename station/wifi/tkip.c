#include "station/wifi/tkip.h"

#include <assert.h>

#include <openssl/crypto.h>

#define HEADER_LEN 8
#define EXT_IV 0x20
#define MIC_LEN 8
#define ICV_LEN 4
#define MICHAEL_HEAD_LEN 16 /* DA, SA, priority, three zeros: 12.5.2.3.2 */

/* --- key mixing, 12.5.2.6 --- */

/* The S-box of AES (FIPS 197, 5.1.1), by walking the field with the generator 3 and its inverse. */
static void make_sbox(uint8_t sbox[static 256])
{
	uint8_t p = 1, q = 1;

	do {
		uint8_t x;

		p = (uint8_t)(p ^ p << 1 ^ (p & 0x80 ? 0x1b : 0));
		q = (uint8_t)(q ^ q << 1);
		q = (uint8_t)(q ^ q << 2);
		q = (uint8_t)(q ^ q << 4);
		q = (uint8_t)(q ^ (q & 0x80 ? 0x09 : 0));
		x = (uint8_t)(q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4));
		sbox[p] = x ^ 0x63;
	} while (p != 1);
	sbox[0] = 0x63;
}

/* An entry of the table of 12.5.2.6.2: twice and three times the S-box, in the field of AES. */
static uint16_t entry(const uint8_t *sbox, uint8_t i)
{
	uint8_t s = sbox[i], twice = (uint8_t)(s << 1 ^ (s & 0x80 ? 0x1b : 0));

	return (uint16_t)(twice << 8 | (twice ^ s));
}

static uint16_t substitute(const uint8_t *sbox, uint16_t v)
{
	uint16_t high = entry(sbox, (uint8_t)(v >> 8));

	return (uint16_t)(entry(sbox, (uint8_t)v) ^ (uint16_t)(high << 8 | high >> 8));
}

static uint16_t le16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }
static uint16_t rotate(uint16_t v) { return (uint16_t)(v >> 1 | v << 15); }

void tkip_mix(const uint8_t tk[static 16], const uint8_t ta[static 6], uint64_t tsc, uint8_t rc4_key[static 16])
{
	uint16_t k[6] = { (uint16_t)(tsc >> 16), (uint16_t)(tsc >> 32), le16(ta), le16(ta + 2), le16(ta + 4), 0 };
	uint16_t iv16 = (uint16_t)tsc;
	uint8_t sbox[256];

	make_sbox(sbox);
	for (unsigned i = 0; i < 8; i++) {
		unsigned j = 2 * (i & 1);

		for (unsigned n = 0; n < 5; n++)
			k[n] = (uint16_t)(k[n] + substitute(sbox, k[(n + 4) % 5] ^ le16(tk + 4 * (n % 4) + j)) +
					  (n == 4 ? i : 0));
	}
	k[5] = (uint16_t)(k[4] + iv16);
	for (unsigned n = 0; n < 6; n++)
		k[n] = (uint16_t)(k[n] + substitute(sbox, k[(n + 5) % 6] ^ le16(tk + 2 * n)));
	k[0] = (uint16_t)(k[0] + rotate(k[5] ^ le16(tk + 12)));
	k[1] = (uint16_t)(k[1] + rotate(k[0] ^ le16(tk + 14)));
	for (unsigned n = 2; n < 6; n++)
		k[n] = (uint16_t)(k[n] + rotate(k[n - 1]));
	rc4_key[0] = (uint8_t)(iv16 >> 8);
	rc4_key[1] = (uint8_t)((iv16 >> 8 | 0x20) & 0x7f);
	rc4_key[2] = (uint8_t)iv16;
	rc4_key[3] = (uint8_t)((k[5] ^ le16(tk)) >> 1);
	for (unsigned n = 0; n < 6; n++) {
		rc4_key[4 + 2 * n] = (uint8_t)k[n];
		rc4_key[5 + 2 * n] = (uint8_t)(k[n] >> 8);
	}
}

/* --- RC4, in place; OpenSSL keeps it in a provider that need not be there --- */

static void rc4(const uint8_t key[static 16], uint8_t *bytes, size_t len)
{
	uint8_t s[256], j = 0, x = 0, y = 0;

	for (unsigned i = 0; i < 256; i++)
		s[i] = (uint8_t)i;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t t = s[i];

		j = (uint8_t)(j + t + key[i % 16]);
		s[i] = s[j];
		s[j] = t;
	}
	for (size_t i = 0; i < len; i++) {
		uint8_t t = s[++x];

		y = (uint8_t)(y + t);
		s[x] = s[y];
		s[y] = t;
		bytes[i] ^= s[(uint8_t)(s[x] + t)];
	}
	OPENSSL_cleanse(s, sizeof(s));
}

/* The ICV, 12.3.2.2: CRC-32 of IEEE 802.3. */
static uint32_t crc32_of(const uint8_t *bytes, size_t len)
{
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* --- Michael, 12.5.2.3 --- */

static uint32_t rol(uint32_t v, unsigned bits) { return v << bits | v >> (32 - bits); }

struct michael {
	uint32_t l, r, word;
	unsigned octets;
};

static void michael_octet(struct michael *m, uint8_t octet)
{
	m->word |= (uint32_t)octet << 8 * (m->octets++ % 4);
	if (m->octets % 4)
		return;
	m->l ^= m->word;
	m->word = 0;
	m->r ^= rol(m->l, 17);
	m->l += m->r;
	m->r ^= (m->l & 0xff00ff00u) >> 8 | (m->l & 0x00ff00ffu) << 8;
	m->l += m->r;
	m->r ^= rol(m->l, 3);
	m->l += m->r;
	m->r ^= rol(m->l, 30);
	m->l += m->r;
}

void tkip_michael(const uint8_t key[static 8], struct mr_rd head, struct mr_rd data, uint8_t mic[static 8])
{
	struct mr_rd k = mr_rd_over(key, 8);
	struct michael m = { .l = mr_rd_le32(&k) };
	struct mr_wr w = mr_wr_over(mic, 8);

	m.r = mr_rd_le32(&k);
	while (head.left > 0)
		michael_octet(&m, mr_rd_u8(&head));
	while (data.left > 0)
		michael_octet(&m, mr_rd_u8(&data));
	michael_octet(&m, 0x5a);
	for (unsigned zeros = 0; zeros < 4 || m.octets % 4; zeros++)
		michael_octet(&m, 0);
	mr_wr_le32(&w, m.l);
	mr_wr_le32(&w, m.r);
}

static void mic_of(const uint8_t *key, const struct ieee80211_header *h, struct mr_rd data, uint8_t mic[static 8])
{
	uint8_t head[MICHAEL_HEAD_LEN];
	struct mr_wr w = mr_wr_over(head, sizeof(head));

	mr_wr_bytes(&w, ieee80211_da(h), 6);
	mr_wr_bytes(&w, ieee80211_sa(h), 6);
	mr_wr_u8(&w, (uint8_t)(ieee80211_has_qos(h) ? h->qos & 7 : 0));
	mr_wr_u8(&w, 0);
	mr_wr_le16(&w, 0);
	tkip_michael(key + 16, mr_wr_written(&w), data, mic);
}

/* --- frames, 12.5.2.2 --- */

static bool opened(struct mr_rd *mpdu, struct ieee80211_header *h, struct ccmp_info *info)
{
	uint8_t tsc1, tsc0, seed, bits;

	if (!ieee80211_header_parse(mpdu, h) || !ieee80211_is_data(h) || !(h->flags & IEEE80211_PROTECTED) ||
	    !ieee80211_da(h) || !ieee80211_sa(h))
		return false;
	tsc1 = mr_rd_u8(mpdu);
	seed = mr_rd_u8(mpdu);
	tsc0 = mr_rd_u8(mpdu);
	bits = mr_rd_u8(mpdu);
	info->key_id = bits >> 6;
	info->pn = (uint64_t)mr_rd_le32(mpdu) << 16 | (uint64_t)tsc1 << 8 | tsc0;
	return !mpdu->bad && (bits & EXT_IV) && seed == ((tsc1 | 0x20) & 0x7f) && mpdu->left >= MIC_LEN + ICV_LEN;
}

bool tkip_peek(struct mr_rd mpdu, struct ccmp_info *info)
{
	struct ieee80211_header h;

	return opened(&mpdu, &h, info);
}

bool tkip_open(const uint8_t key[static TKIP_KEY_LEN], struct mr_rd mpdu, uint8_t *body, size_t *body_len)
{
	uint8_t rc4_key[16], mic[MIC_LEN];
	struct ieee80211_header h;
	struct ccmp_info info;
	struct mr_rd icv;
	size_t len, plain;

	*body_len = 0;
	if (!opened(&mpdu, &h, &info) || h.fragment != 0 || (h.flags & IEEE80211_MORE_FRAGMENTS))
		return false;
	len = mpdu.left - ICV_LEN;
	plain = len - MIC_LEN;
	mr_rd_copy(&mpdu, body, mpdu.left);
	tkip_mix(key, h.address2, info.pn, rc4_key);
	rc4(rc4_key, body, len + ICV_LEN);
	OPENSSL_cleanse(rc4_key, sizeof(rc4_key));
	icv = mr_rd_over(body + len, ICV_LEN);
	mic_of(key, &h, mr_rd_over(body, plain), mic);
	if (mr_rd_le32(&icv) != crc32_of(body, len) || !mr_equal_ct(mic, body + plain, MIC_LEN))
		return false;
	*body_len = plain;
	return true;
}

size_t tkip_seal(const uint8_t key[static TKIP_KEY_LEN], struct ccmp_info info, struct mr_rd mpdu, uint8_t *out,
		 size_t cap)
{
	struct mr_wr w = mr_wr_over(out, cap);
	uint8_t rc4_key[16], mic[MIC_LEN];
	struct ieee80211_header h;
	size_t at;

	assert(info.pn > 0 && info.pn < UINT64_C(1) << 48 && info.key_id < 4);
	if (!ieee80211_header_parse(&mpdu, &h) || !ieee80211_is_data(&h))
		return 0;
	mic_of(key, &h, mpdu, mic);
	h.flags |= IEEE80211_PROTECTED;
	ieee80211_header_build(&w, &h);
	mr_wr_u8(&w, (uint8_t)(info.pn >> 8));
	mr_wr_u8(&w, (uint8_t)((info.pn >> 8 | 0x20) & 0x7f));
	mr_wr_u8(&w, (uint8_t)info.pn);
	mr_wr_u8(&w, (uint8_t)(EXT_IV | info.key_id << 6));
	mr_wr_le32(&w, (uint32_t)(info.pn >> 16));
	at = w.len;
	mr_wr_bytes(&w, mpdu.at, mpdu.left);
	mr_wr_bytes(&w, mic, sizeof(mic));
	if (w.bad)
		return 0;
	mr_wr_le32(&w, crc32_of(out + at, w.len - at));
	if (w.bad)
		return 0;
	tkip_mix(key, h.address2, info.pn, rc4_key);
	rc4(rc4_key, out + at, w.len - at);
	OPENSSL_cleanse(rc4_key, sizeof(rc4_key));
	return w.len;
}
