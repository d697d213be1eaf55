/*
 * An erasure code for a message in small symbols, of which many are lost: Reed-Solomon in its first form (Reed and
 * Solomon 1960). The symbols of the message are the coefficients of a polynomial, and what is sent are its values at
 * the points 0, 1, 2, ...: any k of them, of whatever points in whatever order, give back the k symbols.
 *
 * They are taken in as they come, by Newton's interpolation: with each new point the polynomial through all points so
 * far grows by one term. That needs the polynomial itself and the product of all (x - point), and neither a matrix nor
 * the points: 2 or 3 octets for each symbol. A random linear code over GF(2) needs a triangular matrix beside the
 * symbols, and about two symbols more; RaptorQ is at its best with thousands of symbols and wants a heap.
 * docs/protocol.md has the figures.
 *
 * The field is GF(2^m) with m 7 or 8: there are 2^m points. An element fills one octet; two lanes with the same points
 * make a symbol of two.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By the field: x^7 + x + 1, and x^8 + x^4 + x^3 + x^2 + 1. Both are irreducible. */
enum mr_erasure_field { MR_ERASURE_GF128 = 0x83, MR_ERASURE_GF256 = 0x11d };

/* The value at `point` of the polynomial with the coefficients coefficients[0], coefficients[stride], ... */
uint8_t mr_erasure_value(enum mr_erasure_field field, const uint8_t *coefficients, size_t count, size_t stride,
			 uint8_t point);

#define MR_ERASURE_LANES_MAX 2
#define MR_ERASURE_SYMBOLS_MAX 74
#define MR_ERASURE_OCTETS_MAX 128

/* What has been taken in; zeros: nothing. Layout is ours. */
struct mr_erasure {
	uint8_t have;				 /* points */
	uint8_t sum[MR_ERASURE_OCTETS_MAX];	 /* the polynomial through them, lanes interleaved */
	uint8_t product[MR_ERASURE_SYMBOLS_MAX]; /* of all (x - point), without its leading 1 */
};

/* For how many points there is room. */
size_t mr_erasure_room(size_t lanes);

enum mr_erasure_taken {
	MR_ERASURE_NEW,
	MR_ERASURE_AGREES,     /* new, and on the polynomial as it was before: it was complete, or this is chance */
	MR_ERASURE_KNOWN,      /* that point was taken before, with this value */
	MR_ERASURE_CONTRADICTS /* it was, with another value, or there is no room for it: two messages, or a forger */
};

/*
 * Takes in the value of one point: `lanes` octets (MR_ERASURE_LANES_MAX at most), each an element of the field. After k
 * different points sum[] is the message. Costs 2 (lanes + 1) multiplications for each point so far.
 */
enum mr_erasure_taken mr_erasure_take(struct mr_erasure *e, enum mr_erasure_field field, size_t lanes, uint8_t point,
				      const uint8_t *value);
