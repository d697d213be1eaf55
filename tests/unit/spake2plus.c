/*
 * SPAKE2+ against the test vector of RFC 9383 appendix C for P256-SHA256-HKDF-SHA256-HMAC-SHA256, byte for byte and
 * both roles; then every share that is none. And the group operations it rests on.
 *
 * links: agent/wire/spake2plus.c agent/wire/hkdf.c agent/port/linux/crypto_openssl.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/port/crypto.h"
#include "agent/wire/cursor.h"
#include "agent/wire/spake2plus.h"
#include "tests/unit/hex.h"

/* Context, then idProver 'client', idVerifier 'server'. */
static const char context[] = "SPAKE2+-P256-SHA256-HKDF-SHA256-HMAC-SHA256 Test Vectors";
static const struct mr_spake2plus_names names = { context, "client", "server", sizeof(context) - 1, 6, 6 };

struct vector {
	uint8_t w0[32], w1[32], l[65], x[32], share_p[65], y[32], share_v[65], confirm_p[32], confirm_v[32], shared[32];
};

static int vector_read(void **state)
{
	static struct vector v; /* read anew for every test */

	hex("bb8e1bbcf3c48f62c08db243652ae55d3e5586053fca77102994f23ad95491b3", v.w0, 32);
	hex("7e945f34d78785b8a3ef44d0df5a1a97d6b3b460409a345ca7830387a74b1dba", v.w1, 32);
	hex("04eb7c9db3d9a9eb1f8adab81b5794c1f13ae3e225efbe91ea487425854c7fc00f00bfedcbd09b2400142d40a14f2064ef31dfaa90"
	    "3b91d1"
	    "faea7093d835966efd",
	    v.l, 65);
	hex("d1232c8e8693d02368976c174e2088851b8365d0d79a9eee709c6a05a2fad539", v.x, 32);
	hex("04ef3bd051bf78a2234ec0df197f7828060fe9856503579bb1733009042c15c0c1de127727f418b5966afadfdd95a6e4591d171056"
	    "b333da"
	    "b97a79c7193e341727",
	    v.share_p, 65);
	hex("717a72348a182085109c8d3917d6c43d59b224dc6a7fc4f0483232fa6516d8b3", v.y, 32);
	hex("04c0f65da0d11927bdf5d560c69e1d7d939a05b0e88291887d679fcadea75810fb5cc1ca7494db39e82ff2f50665255d76173e0998"
	    "6ab467"
	    "42c798a9a68437b048",
	    v.share_v, 65);
	hex("926cc713504b9b4d76c9162ded04b5493e89109f6d89462cd33adc46fda27527", v.confirm_p, 32);
	hex("9747bcc4f8fe9f63defee53ac9b07876d907d55047e6ff2def2e7529089d3e68", v.confirm_v, 32);
	hex("0c5f8ccd1413423a54f6c1fb26ff01534a87f893779c6e68666d772bfd91f3e7", v.shared, 32);
	*state = &v;
	return 0;
}

static void both_roles_give_the_octets_of_the_vector(void **state)
{
	const struct vector *v = *state;
	struct mr_spake2plus_keys keys;
	uint8_t share[65], l[65];

	assert_true(mr_p256_public(v->w1, l));
	assert_memory_equal(l, v->l, 65);
	assert_true(mr_spake2plus_prover_share(v->w0, v->x, share));
	assert_memory_equal(share, v->share_p, 65);
	assert_true(mr_spake2plus_verifier_share(v->w0, v->y, share));
	assert_memory_equal(share, v->share_v, 65);

	assert_true(mr_spake2plus_prover_finish(&names, v->w0, v->w1, v->x, v->share_p, v->share_v, &keys));
	assert_memory_equal(keys.shared, v->shared, 32);
	assert_memory_equal(keys.own, v->confirm_p, 32);
	assert_memory_equal(keys.theirs, v->confirm_v, 32);

	assert_true(mr_spake2plus_verifier_finish(&names, v->w0, v->l, v->y, v->share_p, v->share_v, &keys));
	assert_memory_equal(keys.shared, v->shared, 32);
	assert_memory_equal(keys.own, v->confirm_v, 32);
	assert_memory_equal(keys.theirs, v->confirm_p, 32);
}

static void one_bit_of_anything_makes_another_key(void **state)
{
	const struct vector *v = *state;
	struct mr_spake2plus_keys keys;
	struct mr_spake2plus_names other = names;
	uint8_t w0[32], w1[32];

	memcpy(w0, v->w0, 32);
	memcpy(w1, v->w1, 32);
	w0[31] ^= 1;
	assert_true(mr_spake2plus_prover_finish(&names, w0, v->w1, v->x, v->share_p, v->share_v, &keys));
	assert_memory_not_equal(keys.shared, v->shared, 32);
	assert_memory_not_equal(keys.theirs, v->confirm_v, 32);
	assert_true(mr_spake2plus_verifier_finish(&names, w0, v->l, v->y, v->share_p, v->share_v, &keys));
	assert_memory_not_equal(keys.theirs, v->confirm_p, 32);
	w1[0] ^= 0x40;
	assert_true(mr_spake2plus_prover_finish(&names, v->w0, w1, v->x, v->share_p, v->share_v, &keys));
	assert_memory_not_equal(keys.theirs, v->confirm_v, 32);
	/* An octet that moves from one name to its neighbour. */
	other.prover = "clients";
	other.prover_len = 7;
	other.verifier = "erver";
	other.verifier_len = 5;
	assert_true(mr_spake2plus_verifier_finish(&other, v->w0, v->l, v->y, v->share_p, v->share_v, &keys));
	assert_memory_not_equal(keys.shared, v->shared, 32);
	other = names;
	other.context_len--;
	assert_true(mr_spake2plus_verifier_finish(&other, v->w0, v->l, v->y, v->share_p, v->share_v, &keys));
	assert_memory_not_equal(keys.shared, v->shared, 32);
}

static void assert_no_share(const struct vector *v, const uint8_t share[65])
{
	static const struct mr_spake2plus_keys none;
	struct mr_spake2plus_keys keys;

	memset(&keys, 0x5a, sizeof(keys));
	assert_false(mr_spake2plus_verifier_finish(&names, v->w0, v->l, v->y, share, v->share_v, &keys));
	assert_memory_equal(&keys, &none, sizeof(keys));
	memset(&keys, 0x5a, sizeof(keys));
	assert_false(mr_spake2plus_prover_finish(&names, v->w0, v->w1, v->x, v->share_p, share, &keys));
	assert_memory_equal(&keys, &none, sizeof(keys));
}

static void a_share_that_is_no_point_is_refused(void **state)
{
	const struct vector *v = *state;
	uint8_t share[65];

	for (unsigned first = 0; first < 256; first++) { /* infinity, compressed, hybrid and unknown forms */
		memcpy(share, v->share_p, 65);
		share[0] = (uint8_t)first;
		if (first != 4)
			assert_no_share(v, share);
	}
	for (size_t i = 1; i < 65; i++) { /* off the curve */
		memcpy(share, v->share_p, 65);
		share[i] ^= 0x10;
		assert_no_share(v, share);
	}
	memset(share, 0, 65);
	share[0] = 4;
	assert_no_share(v, share);
	memset(share + 1, 0xff, 64); /* coordinates beyond p */
	assert_no_share(v, share);
}

/* Who sends w0 * M and nothing of his own would make Z the point at infinity, which depends on nobody's secret. */
static void a_share_that_is_the_mask_alone_is_refused(void **state)
{
	static const uint8_t one[32] = { [31] = 1 };
	const struct vector *v = *state;
	struct mr_spake2plus_keys keys;
	uint8_t minus_one[32], generator[65], m_plus_g[65], share[65], opposite[65];

	/* (w0 * M + G) - G, from what the interface offers */
	hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550", minus_one, 32);
	assert_true(mr_p256_public(one, generator));
	assert_true(mr_spake2plus_prover_share(v->w0, one, m_plus_g));
	assert_true(mr_p256_muladd(m_plus_g, one, generator, minus_one, share));
	assert_false(mr_spake2plus_verifier_finish(&names, v->w0, v->l, v->y, share, v->share_v, &keys));
	/* and for the other role */
	assert_true(mr_spake2plus_verifier_share(v->w0, one, m_plus_g));
	assert_true(mr_p256_muladd(m_plus_g, one, generator, minus_one, share));
	assert_false(mr_spake2plus_prover_finish(&names, v->w0, v->w1, v->x, v->share_p, share, &keys));
	/* The opposite point is as good as any. */
	assert_true(mr_p256_mul(share, minus_one, opposite));
	assert_true(mr_spake2plus_prover_finish(&names, v->w0, v->w1, v->x, v->share_p, opposite, &keys));
}

static void the_group_refuses_what_is_no_scalar(void **state)
{
	static const uint8_t zero[32], one[32] = { [31] = 1 };
	const struct vector *v = *state;
	uint8_t order[32], out[65], nothing[65] = { 0 };

	hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", order, 32);
	assert_true(mr_p256_mul(v->l, one, out));
	assert_memory_equal(out, v->l, 65);
	memset(out, 0x5a, 65);
	assert_false(mr_p256_mul(v->l, zero, out));
	assert_memory_equal(out, nothing, 65);
	assert_false(mr_p256_mul(v->l, order, out));
	assert_false(mr_p256_muladd(v->l, zero, NULL, one, out));
	assert_false(mr_p256_muladd(v->l, one, NULL, order, out));
	assert_false(mr_p256_muladd(nothing, one, NULL, one, out));
	assert_false(mr_p256_muladd(v->l, one, nothing, one, out));
	/* P + P, and in place */
	memcpy(out, v->l, 65);
	assert_true(mr_p256_muladd(out, one, v->l, one, out));
	order[31] = 2;
	memset(order, 0, 31);
	assert_true(mr_p256_mul(v->l, order, nothing));
	assert_memory_equal(out, nothing, 65);
	assert_false(mr_spake2plus_prover_share(zero, v->x, out));
	assert_false(mr_spake2plus_verifier_share(v->w0, zero, out));
}

int main(void)
{
#define ON_THE_VECTOR(test) cmocka_unit_test_setup(test, vector_read)
	const struct CMUnitTest tests[] = {
		ON_THE_VECTOR(both_roles_give_the_octets_of_the_vector),
		ON_THE_VECTOR(one_bit_of_anything_makes_another_key),
		ON_THE_VECTOR(a_share_that_is_no_point_is_refused),
		ON_THE_VECTOR(a_share_that_is_the_mask_alone_is_refused),
		ON_THE_VECTOR(the_group_refuses_what_is_no_scalar),
	};

	return cmocka_run_group_tests_name("spake2plus", tests, NULL, NULL);
}
