#include "agent/wire/spake2plus.h"

#include "agent/port/crypto.h"
#include "agent/wire/cursor.h"
#include "agent/wire/hkdf.h"

/* Section 4, P-256: M and N, and what is subtracted, -M and -N (the same x; y is p - y). */
static const uint8_t point_m[65] = {
	0x04, 0x88, 0x6e, 0x2f, 0x97, 0xac, 0xe4, 0x6e, 0x55, 0xba, 0x9d, 0xd7, 0x24, 0x25, 0x79, 0xf2, 0x99,
	0x3b, 0x64, 0xe1, 0x6e, 0xf3, 0xdc, 0xab, 0x95, 0xaf, 0xd4, 0x97, 0x33, 0x3d, 0x8f, 0xa1, 0x2f, 0x5f,
	0xf3, 0x55, 0x16, 0x3e, 0x43, 0xce, 0x22, 0x4e, 0x0b, 0x0e, 0x65, 0xff, 0x02, 0xac, 0x8e, 0x5c, 0x7b,
	0xe0, 0x94, 0x19, 0xc7, 0x85, 0xe0, 0xca, 0x54, 0x7d, 0x55, 0xa1, 0x2e, 0x2d, 0x20,
};
static const uint8_t point_n[65] = {
	0x04, 0xd8, 0xbb, 0xd6, 0xc6, 0x39, 0xc6, 0x29, 0x37, 0xb0, 0x4d, 0x99, 0x7f, 0x38, 0xc3, 0x77, 0x07,
	0x19, 0xc6, 0x29, 0xd7, 0x01, 0x4d, 0x49, 0xa2, 0x4b, 0x4f, 0x98, 0xba, 0xa1, 0x29, 0x2b, 0x49, 0x07,
	0xd6, 0x0a, 0xa6, 0xbf, 0xad, 0xe4, 0x50, 0x08, 0xa6, 0x36, 0x33, 0x7f, 0x51, 0x68, 0xc6, 0x4d, 0x9b,
	0xd3, 0x60, 0x34, 0x80, 0x8c, 0xd5, 0x64, 0x49, 0x0b, 0x1e, 0x65, 0x6e, 0xdb, 0xe7,
};

/* -(x, y) = (x, p - y), p = 2^256 - 2^224 + 2^192 + 2^96 - 1. For the constants above, whose y is not 0. */
static void negate(const uint8_t point[static 65], uint8_t out[static 65])
{
	static const uint8_t p[32] = { 0xff, 0xff, 0xff, 0xff, 0,    0,	   0,	 1,    0,    0,	   0,
				       0,    0,	   0,	 0,    0,    0,	   0,	 0,    0,    0xff, 0xff,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	int borrow = 0;

	mr_copy(out, point, 33);
	for (size_t i = 32; i-- > 0;) {
		int digit = p[i] - point[33 + i] - borrow;

		borrow = digit < 0;
		out[33 + i] = (uint8_t)(digit & 0xff);
	}
}

bool mr_spake2plus_prover_share(const uint8_t w0[static 32], const uint8_t x[static 32], uint8_t share[static 65])
{
	return mr_p256_muladd(point_m, w0, NULL, x, share);
}

bool mr_spake2plus_verifier_share(const uint8_t w0[static 32], const uint8_t y[static 32], uint8_t share[static 65])
{
	return mr_p256_muladd(point_n, w0, NULL, y, share);
}

/* share - w0 * mask. With a cofactor of 1 there is no other subgroup to be led into. */
static bool unmask(const uint8_t share[static 65], const uint8_t mask[static 65], const uint8_t w0[static 32],
		   uint8_t out[static 65])
{
	static const uint8_t one[32] = { [31] = 1 };
	uint8_t negative[65];

	negate(mask, negative);
	return share[0] == 4 && mr_p256_muladd(share, one, negative, w0, out);
}

/* Section 3.3: every part with its length in front, 8 octets, little-endian. */
static bool transcript(const struct mr_spake2plus_names *names, const uint8_t w0[static 32],
		       const uint8_t share_p[static 65], const uint8_t share_v[static 65], const uint8_t z[static 65],
		       const uint8_t v[static 65], uint8_t k_main[static 32])
{
	const struct mr_piece parts[] = {
		{ names->context, names->context_len },
		{ names->prover, names->prover_len },
		{ names->verifier, names->verifier_len },
		{ point_m, 65 },
		{ point_n, 65 },
		{ share_p, 65 },
		{ share_v, 65 },
		{ z, 65 },
		{ v, 65 },
		{ w0, 32 },
	};
	enum { COUNT = sizeof(parts) / sizeof(parts[0]) };
	struct mr_piece pieces[2 * COUNT];
	uint8_t lengths[8 * COUNT];
	struct mr_wr w = mr_wr_over(lengths, sizeof(lengths));

	for (size_t i = 0; i < COUNT; i++) {
		mr_wr_le64(&w, parts[i].len);
		pieces[2 * i] = (struct mr_piece){ lengths + 8 * i, 8 };
		pieces[2 * i + 1] = parts[i];
	}
	return mr_sha256_pieces(pieces, 2 * COUNT, k_main);
}

/* Section 3.4: `confirm` is confirmP, then confirmV. */
static bool derive(const uint8_t k_main[static 32], const uint8_t share_p[static 65], const uint8_t share_v[static 65],
		   uint8_t shared[static 32], uint8_t confirm[static 64])
{
	uint8_t k_confirm[64];
	bool ok = mr_hkdf_sha256(NULL, 0, k_main, 32, "ConfirmationKeys", 16, k_confirm, sizeof(k_confirm)) &&
		  mr_hkdf_sha256(NULL, 0, k_main, 32, "SharedKey", 9, shared, 32) &&
		  mr_hmac_sha256(k_confirm, 32, share_v, 65, confirm) &&
		  mr_hmac_sha256(k_confirm + 32, 32, share_p, 65, confirm + 32);

	mr_wipe(k_confirm, sizeof(k_confirm));
	return ok;
}

static bool agree(const struct mr_spake2plus_names *names, const uint8_t w0[static 32],
		  const uint8_t share_p[static 65], const uint8_t share_v[static 65], const uint8_t z[static 65],
		  const uint8_t v[static 65], bool prover, struct mr_spake2plus_keys *keys)
{
	uint8_t k_main[32], confirm[64];
	bool ok = transcript(names, w0, share_p, share_v, z, v, k_main) &&
		  derive(k_main, share_p, share_v, keys->shared, confirm);

	if (ok) {
		mr_copy(keys->own, confirm + (prover ? 0 : 32), 32);
		mr_copy(keys->theirs, confirm + (prover ? 32 : 0), 32);
	}
	mr_wipe(k_main, sizeof(k_main));
	mr_wipe(confirm, sizeof(confirm));
	return ok;
}

bool mr_spake2plus_prover_finish(const struct mr_spake2plus_names *names, const uint8_t w0[static 32],
				 const uint8_t w1[static 32], const uint8_t x[static 32],
				 const uint8_t share_p[static 65], const uint8_t share_v[static 65],
				 struct mr_spake2plus_keys *keys)
{
	uint8_t y[65], z[65], v[65];
	bool ok = unmask(share_v, point_n, w0, y) && mr_p256_mul(y, x, z) && mr_p256_mul(y, w1, v) &&
		  agree(names, w0, share_p, share_v, z, v, true, keys);

	mr_wipe(y, sizeof(y));
	mr_wipe(z, sizeof(z));
	mr_wipe(v, sizeof(v));
	if (!ok)
		mr_wipe(keys, sizeof(*keys));
	return ok;
}

bool mr_spake2plus_verifier_finish(const struct mr_spake2plus_names *names, const uint8_t w0[static 32],
				   const uint8_t l[static 65], const uint8_t y[static 32],
				   const uint8_t share_p[static 65], const uint8_t share_v[static 65],
				   struct mr_spake2plus_keys *keys)
{
	uint8_t x[65], z[65], v[65];
	bool ok = unmask(share_p, point_m, w0, x) && mr_p256_mul(x, y, z) && mr_p256_mul(l, y, v) &&
		  agree(names, w0, share_p, share_v, z, v, false, keys);

	mr_wipe(x, sizeof(x));
	mr_wipe(z, sizeof(z));
	mr_wipe(v, sizeof(v));
	if (!ok)
		mr_wipe(keys, sizeof(*keys));
	return ok;
}
