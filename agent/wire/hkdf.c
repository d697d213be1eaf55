#include "agent/wire/hkdf.h"

#include "agent/port/crypto.h"
#include "agent/wire/cursor.h"

bool mr_hkdf_sha256(const void *salt, size_t salt_len, const void *ikm, size_t ikm_len, const void *info,
		    size_t info_len, uint8_t *out, size_t len)
{
	uint8_t prk[32], block[32 + MR_HKDF_INFO_MAX + 1];
	size_t done = 0, previous = 0;
	bool ok;

	if (info_len > MR_HKDF_INFO_MAX || len > MR_HKDF_LEN_MAX) {
		mr_zero(out, len);
		return false;
	}
	ok = mr_hmac_sha256(salt, salt_len, ikm, ikm_len, prk);
	/* RFC 5869 section 2.3: T(i) = HMAC(PRK, T(i - 1) || info || i) */
	for (uint8_t i = 1; ok && done < len; i++) {
		uint8_t t[32];
		size_t n = len - done < sizeof(t) ? len - done : sizeof(t);

		mr_copy(block + previous, info, info_len);
		block[previous + info_len] = i;
		ok = mr_hmac_sha256(prk, sizeof(prk), block, previous + info_len + 1, t);
		mr_copy(out + done, t, n);
		mr_copy(block, t, sizeof(t));
		mr_wipe(t, sizeof(t));
		previous = sizeof(t);
		done += n;
	}
	if (!ok)
		mr_zero(out, len);
	mr_wipe(prk, sizeof(prk));
	mr_wipe(block, sizeof(block));
	return ok;
}
