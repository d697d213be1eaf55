#include "agent/core/der.h"

struct mr_rd mr_der_take(struct mr_rd *in, uint8_t tag)
{
	uint8_t found = mr_rd_u8(in);
	size_t len = mr_rd_u8(in);

	/* X.690 section 10.1: the shortest form of the length, and only that. */
	if (len == 0x81) {
		len = mr_rd_u8(in);
		in->bad = in->bad || len < 0x80;
	} else if (len == 0x82) {
		len = mr_rd_be16(in);
		in->bad = in->bad || len < 0x100;
	} else if (len >= 0x80) {
		in->bad = true;
	}
	if (in->bad || found != tag) {
		*in = (struct mr_rd){ .bad = true };
		return *in;
	}
	return mr_rd_sub(in, len);
}

size_t mr_der_open(struct mr_wr *w, uint8_t tag)
{
	mr_wr_u8(w, tag);
	mr_wr_u8(w, 0);
	return w->len;
}

void mr_der_close(struct mr_wr *w, size_t mark)
{
	size_t len = w->len - mark;
	size_t more = len < 0x80 ? 0 : len < 0x100 ? 1 : 2;

	if (w->bad || len > UINT16_MAX || !mr_wr_room(w, more)) {
		w->bad = true;
		return;
	}
	for (size_t i = len; more > 0 && i > 0; i--)
		w->buf[mark + more + i - 1] = w->buf[mark + i - 1];
	if (more == 0) {
		w->buf[mark - 1] = (uint8_t)len;
	} else if (more == 1) {
		w->buf[mark - 1] = 0x81;
		w->buf[mark] = (uint8_t)len;
	} else {
		w->buf[mark - 1] = 0x82;
		w->buf[mark] = (uint8_t)(len >> 8);
		w->buf[mark + 1] = (uint8_t)len;
	}
}

void mr_der_add(struct mr_wr *w, uint8_t tag, const void *content, size_t len)
{
	size_t mark = mr_der_open(w, tag);

	mr_wr_bytes(w, content, len);
	mr_der_close(w, mark);
}

void mr_der_add_integer(struct mr_wr *w, const uint8_t *number, size_t len)
{
	size_t mark = mr_der_open(w, MR_DER_INTEGER);

	while (len > 1 && number[0] == 0) {
		number++;
		len--;
	}
	if (len == 0 || number[0] >= 0x80)
		mr_wr_u8(w, 0);
	mr_wr_bytes(w, number, len);
	mr_der_close(w, mark);
}
