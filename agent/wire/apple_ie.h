/*
 * Apple's vendor element by which accessories tell in beacons and probe responses who they are and that they are not
 * configured. There is no public specification; what is here is known from openly licensed implementations.
 *
 *   221, length, 00 a0 40 00, { element id (u8), length (u8), value }*
 */
#pragma once

#include "agent/wire/cursor.h"

#define MR_APPLE_IE_MAX 257u /* octets, id and length included */

/* id, name, shortest, longest value */
#define MR_APPLE_IE_ELEMENTS(X)                                                                                        \
	X(0, flags, 1, 255)                                                                                            \
	X(1, name, 0, 255)                                                                                             \
	X(2, manufacturer, 0, 255)                                                                                     \
	X(3, model, 0, 255)                                                                                            \
	X(4, oui, 3, 3)                                                                                                \
	X(5, dwds, 2, 2)                                                                                               \
	X(6, bluetooth, 6, 6)                                                                                          \
	X(7, device_id, 6, 6)

/* Bits of the flags, the most significant one of the first octet is 0. */
enum mr_apple_flag {
	MR_APPLE_AIRPLAY = 0,
	MR_APPLE_UNCONFIGURED = 1,
	MR_APPLE_CONFIGURES = 2, /* it speaks MFi configuration v1 */
	MR_APPLE_2GHZ = 14,
	MR_APPLE_5GHZ = 15,
};

/* Those that are there; `at` is NULL where there is none. UTF-8 by its sender's word: nobody has looked. */
struct mr_apple_ie {
#define MR_APPLE_IE_MEMBER(id, name, shortest, longest) struct mr_rd name;
	MR_APPLE_IE_ELEMENTS(MR_APPLE_IE_MEMBER)
#undef MR_APPLE_IE_MEMBER
	unsigned odd; /* elements that were skipped: of an impossible length, or cut */
};

extern const uint8_t mr_apple_oui[3]; /* and type 0 */

/*
 * What follows OUI and type. As with all that strangers announce, what is whole is taken and what is odd is skipped;
 * the first of two elements with one id counts. False: nothing in it could be read.
 */
bool mr_apple_ie_parse(struct mr_rd body, struct mr_apple_ie *out);
bool mr_apple_ie_flag(const struct mr_apple_ie *ie, enum mr_apple_flag flag);
/* The whole vendor element, in the order of the ids; what has no `at` is left out. */
void mr_apple_ie_build(const struct mr_apple_ie *ie, struct mr_wr *w);
