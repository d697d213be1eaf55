/*
 * Matter: 88 bits, the least significant first, in base 38; and the manual pairing code with Verhoeff's check digit.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "station/label/payload.h"

#define SETUP_OCTETS 11 /* the 88 bits of the payload */

struct bits {
	uint8_t octets[SETUP_OCTETS];
	unsigned count;
};

static void put_bits(struct bits *bits, uint32_t value, unsigned width)
{
	for (unsigned i = 0; i < width; i++, bits->count++)
		if (value >> i & 1)
			bits->octets[bits->count / 8] |= (uint8_t)(1u << bits->count % 8);
}

/* Core specification section 5.1.3.1: three octets, little-endian, are five digits, two are four, one is two; the least
 * significant digit comes first. */
static void base38(const uint8_t *octets, size_t len, char *out)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-.";
	static const unsigned width[] = { 0, 2, 4, 5 };

	while (len > 0) {
		size_t take = len < 3 ? len : 3;
		uint32_t value = 0;

		for (size_t i = take; i-- > 0;)
			value = value << 8 | octets[i];
		for (unsigned i = 0; i < width[take]; i++, value /= 38)
			*out++ = digits[value % 38];
		octets += take;
		len -= take;
	}
	*out = '\0';
}

/* 1 to 99999998 without the twelve that everybody would guess (section 5.1.7.1). */
static bool passcode_is_good(uint32_t passcode)
{
	return passcode >= 1 && passcode <= 99999998 && passcode % 11111111 != 0 && passcode != 12345678 &&
	       passcode != 87654321;
}

static const char *setup_wrong(const struct matter_setup *setup)
{
	if (!passcode_is_good(setup->passcode))
		return "the PIN is none that Matter allows (00000001 to 99999998, no trivial one)";
	if (setup->discriminator > 0xfff)
		return "a discriminator has 12 bits";
	if (setup->flow > 2)
		return "the flow is 0, 1 or 2";
	return NULL;
}

/* Table 38: version, vendor, product, flow, discovery, discriminator, passcode, padding. */
const char *payload_matter(const struct matter_setup *setup, char *out, size_t cap)
{
	const char *wrong = setup_wrong(setup);
	struct bits bits = { 0 };

	*out = '\0';
	if (wrong)
		return wrong;
	if (cap < sizeof("MT:") + 19)
		return "is too long for a label";
	put_bits(&bits, 0, 3);
	put_bits(&bits, setup->vendor, 16);
	put_bits(&bits, setup->product, 16);
	put_bits(&bits, setup->flow, 2);
	put_bits(&bits, setup->discovery, 8);
	put_bits(&bits, setup->discriminator, 12);
	put_bits(&bits, setup->passcode, 27);
	put_bits(&bits, 0, 4);
	memcpy(out, "MT:", 3);
	base38(bits.octets, sizeof(bits.octets), out + 3);
	OPENSSL_cleanse(&bits, sizeof(bits));
	return NULL;
}

/* J. Verhoeff, 1969: multiplication in the dihedral group of order ten, and a permutation that moves with the place. */
char verhoeff_digit(const char *digits, size_t count)
{
	static const uint8_t permutation[8][10] = {
		{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, { 1, 5, 7, 6, 2, 8, 3, 0, 9, 4 }, { 5, 8, 0, 3, 7, 9, 6, 1, 4, 2 },
		{ 8, 9, 1, 6, 0, 4, 3, 5, 2, 7 }, { 9, 4, 5, 3, 1, 2, 6, 8, 7, 0 }, { 4, 2, 8, 6, 5, 7, 3, 9, 0, 1 },
		{ 2, 7, 9, 3, 8, 0, 6, 4, 1, 5 }, { 7, 0, 4, 6, 9, 1, 3, 2, 5, 8 },
	};
	unsigned check = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned digit = permutation[(i + 1) % 8][digits[count - 1 - i] - '0'];

		/* Rotations are 0 to 4, reflections 5 to 9. */
		if (check < 5)
			check = digit < 5 ? (check + digit) % 5 : 5 + (check + digit) % 5;
		else
			check = digit < 5 ? 5 + (check + 5 - digit) % 5 : (check + 5 - digit % 5) % 5;
	}
	/* The inverse: a rotation back, a reflection itself. */
	return (char)('0' + (check < 5 ? (5 - check) % 5 : check));
}

/* Section 5.1.4.1: a digit, five and four; then vendor and product when the flow is not the standard one. */
const char *payload_matter_manual(const struct matter_setup *setup, char *out, size_t cap)
{
	const char *wrong = setup_wrong(setup);
	unsigned top = setup->discriminator >> 8; /* the four bits that it has room for */
	size_t len;

	*out = '\0';
	if (wrong)
		return wrong;
	if (cap < 22)
		return "is too long for a label";
	snprintf(out, cap, "%u%05u%04u", (setup->flow ? 4u : 0u) | top >> 2,
		 (top & 3) << 14 | (setup->passcode & 0x3fff), setup->passcode >> 14);
	if (setup->flow)
		snprintf(out + 10, cap - 10, "%05u%05u", setup->vendor, setup->product);
	len = strlen(out);
	out[len] = verhoeff_digit(out, len);
	out[len + 1] = '\0';
	return NULL;
}
