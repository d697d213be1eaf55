/*
 * DER (ITU-T X.690 section 10) over the cursor: just what a certificate and a request need. Lengths are
 * definite and the shortest possible, tags have one octet, contents stay under 64 KiB; a reader refuses
 * everything else by `bad`.
 */
#pragma once

#include <string.h>

#include "agent/wire/cursor.h"

enum der_tag {
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT = 0x80,	       /* [0], primitive or implicit of one */
	DER_CONTEXT_CONSTRUCTED = 0xa0 /* [0], explicit, or implicit of a constructed one */
};

/* The contents of the next element, which has this tag. `whole`, when wanted: the element with its header. */
static inline struct mr_rd der_read(struct mr_rd *in, uint8_t tag, struct mr_rd *whole)
{
	struct mr_rd start = *in, content;
	uint8_t got = mr_rd_u8(in);
	size_t len = mr_rd_u8(in);

	if (got != tag || len == 0x80 || len > 0x82) {
		in->bad = true;
	} else if (len > 0x80) {
		size_t octets = len & 0x7f;

		len = (size_t)mr_rd_be(in, octets);
		if (len < 0x80 || (octets == 2 && len < 0x100))
			in->bad = true;
	}
	content = mr_rd_sub(in, in->bad ? 1 : len);
	if (in->bad) {
		in->left = 0;
		content = (struct mr_rd){ .bad = true };
	}
	if (whole)
		*whole = in->bad ? content : mr_rd_over(start.at, start.left - in->left);
	return content;
}

/* Opens an element and returns its mark; der_close writes the length, making room for it when it needs more
 * octets. */
static inline size_t der_open(struct mr_wr *out, uint8_t tag)
{
	mr_wr_u8(out, tag);
	mr_wr_u8(out, 0);
	return out->len;
}

static inline void der_close(struct mr_wr *out, size_t mark)
{
	size_t len = out->len - mark;
	size_t more = len < 0x80 ? 0 : len < 0x100 ? 1 : 2;

	if (out->bad || len > UINT16_MAX || !mr_wr_room(out, more)) {
		out->bad = true;
		return;
	}
	if (more == 0) {
		out->buf[mark - 1] = (uint8_t)len;
		return;
	}
	memmove(out->buf + mark + more, out->buf + mark, len);
	out->buf[mark - 1] = (uint8_t)(0x80 | more);
	if (more == 2)
		out->buf[mark] = (uint8_t)(len >> 8);
	out->buf[mark + more - 1] = (uint8_t)len;
}

static inline void der_write(struct mr_wr *out, uint8_t tag, const void *content, size_t len)
{
	size_t mark = der_open(out, tag);

	mr_wr_bytes(out, content, len);
	der_close(out, mark);
}
