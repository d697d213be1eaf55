#include "station/wifi/wpa.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define OUT_MAX 64
#define CONTEXT_MAX 128

bool wpa_psk(const char *passphrase, const uint8_t *ssid, size_t ssid_len, uint8_t psk[static 32])
{
	size_t len = strlen(passphrase);

	return len >= 8 && len <= 63 && ssid_len <= IEEE80211_SSID_MAX &&
	       PKCS5_PBKDF2_HMAC_SHA1(passphrase, (int)len, ssid, (int)ssid_len, 4096, 32, psk) == 1;
}

uint16_t wpa_version(uint8_t akm) { return akm == IEEE80211_AKM_PSK_SHA256 ? EAPOL_AES_CMAC : EAPOL_HMAC_SHA1; }

/* One block after the other through `hash`, each over what `input` holds but for the counter, which is at `count_at`.
 */
static bool expand(const EVP_MD *hash, const void *key, size_t key_len, uint8_t *input, size_t input_len,
		   size_t count_at, uint8_t first, uint8_t *out, size_t out_len)
{
	uint8_t block[EVP_MAX_MD_SIZE];
	unsigned block_len = 0;
	size_t done = 0;

	assert(count_at < input_len);
	input[count_at] = first;
	while (done < out_len && HMAC(hash, key, (int)key_len, input, input_len, block, &block_len)) {
		size_t n = out_len - done < block_len ? out_len - done : block_len;

		mr_copy(out + done, block, n);
		done += n;
		input[count_at]++;
	}
	OPENSSL_cleanse(block, sizeof(block));
	return done == out_len;
}

/* Label, a zero, the context, the number of the block. */
bool wpa_prf_sha1(const void *key, size_t key_len, const char *label, struct mr_rd context, uint8_t *out,
		  size_t out_len)
{
	uint8_t input[CONTEXT_MAX + 64];
	struct mr_wr w = mr_wr_over(input, sizeof(input));

	mr_wr_bytes(&w, label, strlen(label) + 1);
	mr_wr_bytes(&w, context.at, context.left);
	mr_wr_u8(&w, 0);
	return !w.bad && out_len <= OUT_MAX &&
	       expand(EVP_sha1(), key, key_len, input, w.len, w.len - 1, 0, out, out_len);
}

/* The number of the block from 1, label, context, how many bits are wanted; numbers little-endian. */
bool wpa_kdf_sha256(const void *key, size_t key_len, const char *label, struct mr_rd context, uint8_t *out,
		    size_t out_len)
{
	uint8_t input[CONTEXT_MAX + 64];
	struct mr_wr w = mr_wr_over(input, sizeof(input));

	mr_wr_le16(&w, 0);
	mr_wr_bytes(&w, label, strlen(label));
	mr_wr_bytes(&w, context.at, context.left);
	mr_wr_le16(&w, (uint16_t)(8 * out_len));
	return !w.bad && out_len <= OUT_MAX && expand(EVP_sha256(), key, key_len, input, w.len, 0, 1, out, out_len);
}

static void put_ordered(struct mr_wr *w, const uint8_t *a, const uint8_t *b, size_t len)
{
	bool a_first = memcmp(a, b, len) < 0;

	mr_wr_bytes(w, a_first ? a : b, len);
	mr_wr_bytes(w, a_first ? b : a, len);
}

bool wpa_ptk(uint8_t akm, const uint8_t pmk[static 32], const uint8_t aa[static 6], const uint8_t spa[static 6],
	     const uint8_t anonce[static 32], const uint8_t snonce[static 32], struct wpa_ptk *out)
{
	static const char label[] = "Pairwise key expansion";
	uint8_t context[76], bits[48];
	struct mr_wr w = mr_wr_over(context, sizeof(context));
	bool ok;

	put_ordered(&w, aa, spa, 6);
	put_ordered(&w, anonce, snonce, 32);
	assert(w.len == sizeof(context));
	ok = akm == IEEE80211_AKM_PSK_SHA256 ? wpa_kdf_sha256(pmk, 32, label, mr_wr_written(&w), bits, sizeof(bits))
					     : wpa_prf_sha1(pmk, 32, label, mr_wr_written(&w), bits, sizeof(bits));
	mr_copy(out->kck, bits, 16);
	mr_copy(out->kek, bits + 16, 16);
	mr_copy(out->tk, bits + 32, 16);
	if (!ok)
		mr_wipe(out, sizeof(*out));
	OPENSSL_cleanse(bits, sizeof(bits));
	return ok;
}
