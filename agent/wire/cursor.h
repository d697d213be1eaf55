/*
 * A bounds-checked cursor over bytes: the one place where wire bytes meet pointers.
 *
 * Reader: the first read past the end sets `bad`; from then on every read gives 0 or an empty reader, so a
 * decoder reads straight down the clause and asks once, at the end. Writer: the same with `bad` for "does not
 * fit"; nothing is written past `cap`. Layout is ours, not the caller's to rely on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_rd {
	const uint8_t *at;
	size_t left;
	bool bad;
};

struct mr_wr {
	uint8_t *buf;
	size_t len;
	size_t cap;
	bool bad;
};

static inline struct mr_rd mr_rd_over(const void *bytes, size_t len)
{
	return (struct mr_rd){ .at = bytes, .left = len };
}

/* The next `n` octets, still owned by whoever owns the buffer; NULL (and `bad`) when there are fewer. */
static inline const uint8_t *mr_rd_take(struct mr_rd *r, size_t n)
{
	const uint8_t *at = r->at;

	if (r->bad || n > r->left) {
		r->bad = true;
		r->left = 0;
		return NULL;
	}
	if (n > 0)
		r->at += n;
	r->left -= n;
	return at;
}

static inline struct mr_rd mr_rd_sub(struct mr_rd *r, size_t n)
{
	const uint8_t *at = mr_rd_take(r, n);

	return at ? (struct mr_rd){ .at = at, .left = n } : (struct mr_rd){ .bad = n > 0 };
}

static inline void mr_rd_skip(struct mr_rd *r, size_t n) { (void)mr_rd_take(r, n); }

/* Copies `n` octets to `out`; zeros when there are fewer. */
static inline void mr_rd_copy(struct mr_rd *r, void *out, size_t n)
{
	const uint8_t *at = mr_rd_take(r, n);
	uint8_t *to = out;

	for (size_t i = 0; i < n; i++)
		to[i] = at ? at[i] : 0;
}

static inline uint8_t mr_rd_u8(struct mr_rd *r)
{
	const uint8_t *at = mr_rd_take(r, 1);

	return at ? at[0] : 0;
}

static inline uint64_t mr_rd_le(struct mr_rd *r, size_t n)
{
	const uint8_t *at = mr_rd_take(r, n);
	uint64_t v = 0;

	for (size_t i = n; at && i > 0; i--)
		v = v << 8 | at[i - 1];
	return v;
}

static inline uint64_t mr_rd_be(struct mr_rd *r, size_t n)
{
	const uint8_t *at = mr_rd_take(r, n);
	uint64_t v = 0;

	for (size_t i = 0; at && i < n; i++)
		v = v << 8 | at[i];
	return v;
}

static inline uint16_t mr_rd_le16(struct mr_rd *r) { return (uint16_t)mr_rd_le(r, 2); }
static inline uint32_t mr_rd_le32(struct mr_rd *r) { return (uint32_t)mr_rd_le(r, 4); }
static inline uint64_t mr_rd_le64(struct mr_rd *r) { return mr_rd_le(r, 8); }
static inline uint16_t mr_rd_be16(struct mr_rd *r) { return (uint16_t)mr_rd_be(r, 2); }
static inline uint32_t mr_rd_be32(struct mr_rd *r) { return (uint32_t)mr_rd_be(r, 4); }
static inline uint64_t mr_rd_be64(struct mr_rd *r) { return mr_rd_be(r, 8); }

static inline struct mr_wr mr_wr_over(void *buf, size_t cap) { return (struct mr_wr){ .buf = buf, .cap = cap }; }

/* Room for `n` octets, to be filled by the caller at once; NULL (and `bad`) when they do not fit. */
static inline uint8_t *mr_wr_room(struct mr_wr *w, size_t n)
{
	uint8_t *at = w->buf + w->len;

	if (w->bad || n > w->cap - w->len) {
		w->bad = true;
		return NULL;
	}
	w->len += n;
	return at;
}

static inline void mr_wr_bytes(struct mr_wr *w, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;
	uint8_t *at = mr_wr_room(w, n);

	for (size_t i = 0; at && i < n; i++)
		at[i] = from[i];
}

static inline void mr_wr_le(struct mr_wr *w, uint64_t v, size_t n)
{
	uint8_t *at = mr_wr_room(w, n);

	for (size_t i = 0; at && i < n; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static inline void mr_wr_be(struct mr_wr *w, uint64_t v, size_t n)
{
	uint8_t *at = mr_wr_room(w, n);

	for (size_t i = 0; at && i < n; i++)
		at[i] = (uint8_t)(v >> 8 * (n - 1 - i));
}

static inline void mr_wr_u8(struct mr_wr *w, uint8_t v) { mr_wr_le(w, v, 1); }
static inline void mr_wr_le16(struct mr_wr *w, uint16_t v) { mr_wr_le(w, v, 2); }
static inline void mr_wr_le32(struct mr_wr *w, uint32_t v) { mr_wr_le(w, v, 4); }
static inline void mr_wr_le64(struct mr_wr *w, uint64_t v) { mr_wr_le(w, v, 8); }
static inline void mr_wr_be16(struct mr_wr *w, uint16_t v) { mr_wr_be(w, v, 2); }
static inline void mr_wr_be32(struct mr_wr *w, uint32_t v) { mr_wr_be(w, v, 4); }
static inline void mr_wr_be64(struct mr_wr *w, uint64_t v) { mr_wr_be(w, v, 8); }

/* Leaves room for a 16-bit length and returns its mark; close writes how much came after it. */
static inline size_t mr_wr_open16(struct mr_wr *w)
{
	size_t mark = w->len;

	mr_wr_le16(w, 0);
	return mark;
}

static inline void mr_wr_close_le16(struct mr_wr *w, size_t mark)
{
	if (w->bad || w->len - mark - 2 > UINT16_MAX) {
		w->bad = true;
		return;
	}
	w->buf[mark] = (uint8_t)(w->len - mark - 2);
	w->buf[mark + 1] = (uint8_t)((w->len - mark - 2) >> 8);
}

static inline void mr_wr_close_be16(struct mr_wr *w, size_t mark)
{
	if (w->bad || w->len - mark - 2 > UINT16_MAX) {
		w->bad = true;
		return;
	}
	w->buf[mark] = (uint8_t)((w->len - mark - 2) >> 8);
	w->buf[mark + 1] = (uint8_t)(w->len - mark - 2);
}

/* What was written so far, as a reader. */
static inline struct mr_rd mr_wr_written(const struct mr_wr *w) { return mr_rd_over(w->buf, w->bad ? 0 : w->len); }

static inline void mr_copy(void *to, const void *from, size_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	for (size_t i = 0; i < n; i++)
		t[i] = f[i];
}

static inline void mr_zero(void *at, size_t n)
{
	uint8_t *p = at;

	for (size_t i = 0; i < n; i++)
		p[i] = 0;
}

/* Public bytes only; secrets go through mr_equal_ct. */
static inline bool mr_equal(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return false;
	return true;
}

/* Constant time in the bytes (not in `n`). */
static inline bool mr_equal_ct(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t d = 0;

	for (size_t i = 0; i < n; i++)
		d = (uint8_t)(d | (x[i] ^ y[i]));
	return d == 0;
}

/* Survives the optimiser: every owner of a secret calls it when done. */
static inline void mr_wipe(void *at, size_t n)
{
	volatile uint8_t *p = at;

	for (size_t i = 0; i < n; i++)
		p[i] = 0;
}
