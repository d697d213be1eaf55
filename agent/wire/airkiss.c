/*
 * AirKiss without AES. Codes of nine bits are lengths; a message is passphrase, one random octet, SSID, of T octets.
 *
 *	guide		1 2 3 4
 *	magic		T >> 4 (8 stands for 0), 0x10 | T & 15, 0x20 | c >> 4, 0x30 | c & 15		c: CRC-8 of the
 *SSID prefix		0x40 | P >> 4, 0x50 | P & 15, 0x60 | k >> 4, 0x70 | k & 15			k: CRC-8 of P
 *	piece s		0x80 | CRC-8(s, octets) & 0x7f, 0x80 | s, then 0x100 | octet four times, fewer in the last
 */
#include "agent/wire/smartconfig_coder.h"

#define GAP_US 5000
#define GUIDE_FRAMES 80 /* 400 ms */
#define MAGIC_FRAMES 20
#define TIMES 5 /* prefix and pieces, until the next guide */
#define PREFIX_FRAMES 4

enum { TOTAL, SSID_CRC, PASSPHRASE_LEN };

/* Length and CRC in four codes: magic from 0x00 on, prefix from 0x40 on. */
static uint8_t nibble_code(uint8_t first, unsigned at, uint8_t len, uint8_t crc)
{
	const uint8_t nibbles[4] = { len >> 4, len & 15, crc >> 4, crc & 15 };
	uint8_t code = (uint8_t)(first + 0x10 * at + nibbles[at]);

	return code == 0 ? 8 : code;
}

static uint8_t piece_crc(uint8_t number, const uint8_t *octets, size_t count)
{
	return mr_crc8(mr_crc8(0, &number, 1), octets, count) & 0x7f;
}

/* --- sending --- */

static bool begin(struct mr_smart_sender *sender)
{
	const struct mr_smart_settings *s = &sender->settings;
	struct mr_wr w = mr_wr_over(sender->body, sizeof(sender->body));

	mr_wr_bytes(&w, s->passphrase, s->passphrase_len);
	mr_wr_u8(&w, s->token);
	mr_wr_bytes(&w, s->ssid, s->ssid_len);
	sender->body_len = w.len;
	return !w.bad;
}

static uint16_t piece_code(const struct mr_smart_sender *sender, size_t at)
{
	size_t number = at / 6, from = 4 * number, left = sender->body_len - from;

	switch (at % 6) {
	case 0: return (uint16_t)(0x80 | piece_crc((uint8_t)number, sender->body + from, left < 4 ? left : 4));
	case 1: return (uint16_t)(0x80 | number);
	default: return (uint16_t)(0x100 | sender->body[from + at % 6 - 2]);
	}
}

static void next(struct mr_smart_sender *sender, struct mr_smart_frame *out)
{
	const struct mr_smart_settings *s = &sender->settings;
	size_t pieces = 2 * ((sender->body_len + 3) / 4) + sender->body_len, once = PREFIX_FRAMES + pieces;
	size_t turn = GUIDE_FRAMES + MAGIC_FRAMES + TIMES * once, at = sender->at % turn;

	out->port = 10001;
	out->gap_us = GAP_US;
	sender->at = (uint32_t)((at + 1) % turn);
	if (at < GUIDE_FRAMES) {
		out->length = (uint16_t)(1 + at % 4);
		return;
	}
	if (at < GUIDE_FRAMES + MAGIC_FRAMES) {
		out->length = nibble_code(0, at % 4, (uint8_t)sender->body_len, mr_crc8(0, s->ssid, s->ssid_len));
		return;
	}
	at = (at - GUIDE_FRAMES - MAGIC_FRAMES) % once;
	if (at < PREFIX_FRAMES)
		out->length = nibble_code(0x40, (unsigned)at, s->passphrase_len, mr_crc8(0, &s->passphrase_len, 1));
	else
		out->length = piece_code(sender, at - PREFIX_FRAMES);
	out->ends_round = at == once - 1;
}

const struct mr_smart_script mr_smart_airkiss_script = {
	.scheme = MR_SMART_AIRKISS,
	.begin = begin,
	.next = next,
};

/* --- listening --- */

static bool begins(const struct mr_overheard *frame) { return mr_smart_may_be(frame, 1, 4); }

/* Two guides in a row: steps of one octet are frequent. */
static bool guides(const struct mr_smart_stream *stream, const struct mr_overheard *frame, uint16_t *offset)
{
	const uint16_t *last = stream->last;
	int newest = 1;

	if (stream->last_count < 8)
		return false;
	for (; newest <= 4; newest++) {
		int i = 0;

		for (; i < 8 && last[i] - last[0] == (newest - 1 - i + 8) % 4 + 1 - newest; i++)
			continue;
		if (i == 8 && mr_smart_offset(frame, last[0] - newest))
			break;
	}
	*offset = (uint16_t)(last[0] - newest);
	return newest <= 4;
}

enum kind { NOTHING, MAGIC, PREFIX, PIECE };

/* Pieces there are; 0: not known. */
static unsigned pieces_of(const struct mr_airkiss_state *s)
{
	return mr_cell_is(&s->sure_field, TOTAL) ? (s->fields[TOTAL] + 3u) / 4 : 0;
}

static bool whole(const struct mr_airkiss_state *s)
{
	unsigned pieces = pieces_of(s);

	return pieces > 0 && s->sure_field == 7 && mr_cells_set(s->sure, pieces) == pieces;
}

static bool put_field(struct mr_airkiss_state *s, unsigned i, uint8_t value)
{
	const struct mr_cells fields = { s->fields, &s->have_field, &s->sure_field, 1, sizeof(s->fields) };
	enum mr_cell put = mr_cell_put(&fields, i, &value, !s->loose);

	if (put == MR_CELL_CHANGED) { /* another message, pieces and all */
		mr_wipe(s->have, sizeof(s->have));
		mr_wipe(s->sure, sizeof(s->sure));
	}
	return put != MR_CELL_SAME;
}

/* Four codes of a magic or a prefix. */
static bool end_nibbles(struct mr_airkiss_state *s)
{
	const uint8_t *c = s->coming;
	uint8_t len = (uint8_t)(c[0] << 4 | (c[1] & 15)), crc = (uint8_t)(c[2] << 4 | (c[3] & 15));
	bool crc_new;

	if (s->kind == PREFIX)
		return len <= MR_SMART_PASSPHRASE_MAX && crc == mr_crc8(0, &len, 1) &&
		       put_field(s, PASSPHRASE_LEN, len);
	if (c[0] == 8)
		len &= 15;
	if (len < 2 || len > MR_SMART_PASSPHRASE_MAX + 1 + MR_SMART_SSID_MAX)
		return false;
	crc_new = put_field(s, SSID_CRC, crc);
	return put_field(s, TOTAL, len) || crc_new;
}

/* The codes that came so far are a piece when they are four octets, or as many as the message ends with. */
static bool end_piece(struct mr_airkiss_state *s)
{
	const struct mr_cells pieces = { s->octets, s->have, s->sure, 4, MR_AIRKISS_PIECES };
	uint8_t number = s->coming[1] & 0x7f, octets[4] = { 0 };
	unsigned count = s->count - 2u, total = pieces_of(s) > 0 ? s->fields[TOTAL] : 0;

	mr_copy(octets, s->coming + 2, count);
	if (number >= MR_AIRKISS_PIECES || (s->coming[0] & 0x7f) != piece_crc(number, octets, count) ||
	    (total > 0 && 4u * number + count > total))
		return false;
	return mr_cell_put(&pieces, number, octets, !s->loose) != MR_CELL_SAME;
}

static bool ends_piece(const struct mr_airkiss_state *s)
{
	unsigned end = 4u * (s->coming[1] & 0x7f) + s->count - 2u;

	return s->count == 6 || (pieces_of(s) > 0 && end == s->fields[TOTAL]);
}

static void start(struct mr_airkiss_state *s, enum kind kind, uint16_t code)
{
	s->kind = kind;
	s->count = 1;
	s->coming[0] = (uint8_t)code;
	s->loose = false;
}

/* What was coming is over, or goes on with this code. */
static void take_code(struct mr_airkiss_state *s, uint16_t code)
{
	enum kind kind = code < 0x40 ? MAGIC : code < 0x80 ? PREFIX : PIECE;
	unsigned place = code >> 4 & 3;

	if (code >= 0x100) {
		if (s->kind == PIECE && s->count >= 2)
			s->coming[s->count++] = (uint8_t)code;
		else
			s->kind = NOTHING;
	} else if (kind == PIECE) {
		if (s->kind == PIECE && s->count == 1)
			s->coming[s->count++] = (uint8_t)code;
		else
			start(s, PIECE, code);
	} else if (place == 0) {
		start(s, kind, code);
	} else if (s->kind == kind && s->count == place) {
		s->coming[s->count++] = (uint8_t)(code & 15);
	} else {
		s->kind = NOTHING;
	}
}

static enum mr_smart_result hear(union mr_smart_state *state, const struct mr_smart_heard *heard)
{
	struct mr_airkiss_state *s = &state->airkiss;
	bool progress = false;

	s->loose = s->loose || heard->step != 1;
	if (heard->length == 0 || heard->length >= 0x200)
		return MR_SMART_NOTHING;
	take_code(s, heard->length);
	if (s->kind == PIECE && s->count > 2 && ends_piece(s)) {
		progress = end_piece(s);
		s->kind = NOTHING;
	} else if ((s->kind == MAGIC || s->kind == PREFIX) && s->count == 4) {
		progress = end_nibbles(s);
		s->kind = NOTHING;
	}
	if (!progress)
		return MR_SMART_NOTHING;
	return whole(s) ? MR_SMART_COMPLETE : MR_SMART_PROGRESS;
}

static bool finish(const union mr_smart_state *state, const struct mr_smart_key *key, const struct mr_overheard *frame,
		   struct mr_smart_settings *out)
{
	const struct mr_airkiss_state *s = &state->airkiss;
	size_t total = s->fields[TOTAL], passphrase_len = s->fields[PASSPHRASE_LEN];
	size_t ssid_len = total - 1 - passphrase_len;
	struct mr_rd in = mr_rd_over(s->octets, total);

	(void)key;
	(void)frame;
	if (passphrase_len + 1 >= total || ssid_len > MR_SMART_SSID_MAX)
		return false;
	out->passphrase_len = (uint8_t)passphrase_len;
	out->ssid_len = (uint8_t)ssid_len;
	mr_rd_copy(&in, out->passphrase, passphrase_len);
	out->token = mr_rd_u8(&in);
	mr_rd_copy(&in, out->ssid, ssid_len);
	return !in.bad && mr_crc8(0, out->ssid, ssid_len) == s->fields[SSID_CRC];
}

static unsigned units(const union mr_smart_state *state, unsigned *of)
{
	const struct mr_airkiss_state *s = &state->airkiss;

	*of = pieces_of(s);
	return mr_cells_set(s->sure, *of > 0 ? *of : MR_AIRKISS_PIECES);
}

const struct mr_smart_coder mr_smart_airkiss = {
	.scheme = MR_SMART_AIRKISS,
	.begins = begins,
	.guides = guides,
	.hear = hear,
	.finish = finish,
	.units = units,
};
