/*
 * Any 65 octets as the other end's share: refused, or both roles come to keys; never to the same ones by chance.
 *
 * links: agent/wire/spake2plus.c agent/wire/hkdf.c agent/port/linux/crypto_openssl.c
 */
#include <assert.h>
#include <string.h>

#include "agent/port/crypto.h"
#include "agent/wire/spake2plus.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint8_t w0[32] = { 0x11, 2 }, w1[32] = { 0x22, 3 }, x[32] = { 0x33, 4 }, y[32] = { 0x44, 5 };
	const struct mr_spake2plus_names names = { bytes, "station", "device", len < 20 ? len : 20, 7, 6 };
	struct mr_spake2plus_keys verifier, prover;
	uint8_t share[65] = { 0 }, share_p[65], share_v[65], l[65];

	assert(mr_p256_public(w1, l) && mr_spake2plus_prover_share(w0, x, share_p) &&
	       mr_spake2plus_verifier_share(w0, y, share_v));
	/* A true share, changed a little, or octets as they come. */
	if (len > 0 && len < 9) {
		memcpy(share, share_p, 65);
		for (size_t i = 1; i < len; i++)
			share[bytes[i] % 65] ^= (uint8_t)(1 << (bytes[i] >> 5));
	} else {
		memcpy(share, bytes, len < 65 ? len : 65);
	}
	if (mr_spake2plus_verifier_finish(&names, w0, l, y, share, share_v, &verifier)) {
		assert(share[0] == 4);
		if (!memcmp(share, share_p, 65)) {
			assert(mr_spake2plus_prover_finish(&names, w0, w1, x, share_p, share_v, &prover));
			assert(!memcmp(prover.shared, verifier.shared, 32) &&
			       !memcmp(prover.own, verifier.theirs, 32) && !memcmp(prover.theirs, verifier.own, 32));
		}
	}
	(void)mr_spake2plus_prover_finish(&names, w0, w1, x, share_p, share, &prover);
	return 0;
}
