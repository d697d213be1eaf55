/*
 * Apple's TLV8, as far as Wireless Accessory Configuration uses it: type (u8), length (u8), value of 0 to 255 octets.
 * No value is continued in a second element.
 */
#pragma once

#include "agent/wire/cursor.h"

#define MR_TLV8_VALUE_MAX 255u

/* The next element; false: there is none, or it is cut (`in->bad`). */
static inline bool mr_tlv8_next(struct mr_rd *in, uint8_t *type, struct mr_rd *value)
{
	if (in->bad || in->left == 0)
		return false;
	*type = mr_rd_u8(in);
	*value = mr_rd_sub(in, mr_rd_u8(in));
	if (in->bad || value->bad)
		in->bad = true;
	return !in->bad;
}

static inline void mr_tlv8_put(struct mr_wr *w, uint8_t type, const void *value, size_t len)
{
	if (len > MR_TLV8_VALUE_MAX) {
		w->bad = true;
		return;
	}
	mr_wr_u8(w, type);
	mr_wr_u8(w, (uint8_t)len);
	mr_wr_bytes(w, value, len);
}
