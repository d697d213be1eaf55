#include "agent/wire/erasure.h"

#include "agent/wire/cursor.h"

/* Addition in these fields is exclusive or. The same time for all elements: what is coded is ciphertext, but who knows
 * what somebody will send this way one day. */
static uint8_t times(unsigned field, unsigned a, unsigned b)
{
	unsigned top = field & 0x100 ? 0x100 : 0x80, r = 0;

	for (unsigned bit = top >> 1; bit > 0; bit >>= 1) {
		r <<= 1;
		r ^= field & (0u - ((r & top) != 0));
		r ^= a & (0u - ((b & bit) != 0));
	}
	return (uint8_t)r;
}

/* a^(2^m - 2), for a != 0. */
static uint8_t inverse(unsigned field, unsigned a)
{
	uint8_t r = 1;

	for (unsigned bit = field & 0x100 ? 0x80 : 0x40; bit > 0; bit >>= 1) {
		r = times(field, r, r);
		if (bit > 1)
			r = times(field, r, a);
	}
	return r;
}

uint8_t mr_erasure_value(enum mr_erasure_field field, const uint8_t *coefficients, size_t count, size_t stride,
			 uint8_t point)
{
	uint8_t v = 0;

	while (count-- > 0)
		v = times(field, v, point) ^ coefficients[count * stride];
	return v;
}

size_t mr_erasure_room(size_t lanes)
{
	size_t room = MR_ERASURE_OCTETS_MAX / lanes;

	return room < MR_ERASURE_SYMBOLS_MAX ? room : MR_ERASURE_SYMBOLS_MAX;
}

/* product *= x - point */
static void multiply(struct mr_erasure *e, unsigned field, uint8_t point)
{
	uint8_t above = 1; /* the coefficient that is leading now */

	for (size_t i = e->have + 1u; i-- > 0;) {
		uint8_t lower = i > 0 ? e->product[i - 1] : 0;

		e->product[i] = lower ^ times(field, above, point);
		above = lower;
	}
}

enum mr_erasure_taken mr_erasure_take(struct mr_erasure *e, enum mr_erasure_field field, size_t lanes, uint8_t point,
				      const uint8_t *value)
{
	uint8_t gap[MR_ERASURE_LANES_MAX], at = 1, scale;
	bool off = false;

	for (size_t i = e->have; i-- > 0;)
		at = times(field, at, point) ^ e->product[i];
	for (size_t lane = 0; lane < lanes; lane++) {
		gap[lane] = value[lane] ^ mr_erasure_value(field, e->sum + lane, e->have, lanes, point);
		off = off || gap[lane] != 0;
	}
	if (at == 0) /* one of the points: the product has no other zeros */
		return off ? MR_ERASURE_CONTRADICTS : MR_ERASURE_KNOWN;
	if (e->have == mr_erasure_room(lanes))
		return off ? MR_ERASURE_CONTRADICTS : MR_ERASURE_AGREES;
	scale = inverse(field, at);
	for (size_t lane = 0; lane < lanes; lane++) {
		uint8_t d = times(field, gap[lane], scale);

		for (size_t i = 0; i < e->have; i++)
			e->sum[i * lanes + lane] ^= times(field, d, e->product[i]);
		e->sum[e->have * lanes + lane] = d;
	}
	multiply(e, field, point);
	e->have++;
	return off ? MR_ERASURE_NEW : MR_ERASURE_AGREES;
}
