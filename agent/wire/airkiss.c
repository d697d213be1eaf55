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

#define GUIDE_HEARD 6

/* Do so many frames go 1 2 3 4 1 2? With loss, by their sequence numbers. Steps of one octet alone are frequent. */
static bool goes_round(const struct mr_smart_stream *stream, int newest, bool by_numbers)
{
	const uint16_t *last = stream->last;
	unsigned place = (unsigned)newest + 0x1000;

	for (int i = 0; i < GUIDE_HEARD; i++) {
		if (last[i] - last[0] != (int)(place & 3) - newest)
			return false;
		place -= by_numbers ? (unsigned)stream->steps[i] / stream->stride : 1u;
	}
	return true;
}

static bool guides(const struct mr_smart_stream *stream, const struct mr_overheard *frame, uint16_t *offset)
{
	for (int newest = 0; stream->last_count >= GUIDE_HEARD && newest < 4; newest++) {
		*offset = (uint16_t)(stream->last[0] - newest - 1);
		if (mr_smart_offset(frame, *offset) &&
		    (goes_round(stream, newest, false) || goes_round(stream, newest, true)))
			return true;
	}
	return false;
}

enum kind { NOTHING, MAGIC, PREFIX };

/* A piece is six codes: CRC, number, four octets. */
enum { CODE_CRC, CODE_NUMBER, CODE_OCTETS, PIECE_CODES = 6 };
#define LOST UINT8_MAX

static struct mr_cells cells_of(struct mr_airkiss_state *s)
{
	return (struct mr_cells){ s->cells, s->have, s->sure, 1, MR_AIRKISS_CELLS };
}

/* 0: not known. */
static unsigned total_of(const struct mr_airkiss_state *s)
{
	return mr_cell_is(&s->sure_field, TOTAL) ? s->fields[TOTAL] : 0;
}

static unsigned octets_of_piece(unsigned total, unsigned piece)
{
	unsigned left = total - 4 * piece;

	return left < 4 ? left : 4;
}

#define DOUBTFUL_MAX 2

/* Its CRC and octets were heard, and all but a few are sure; the CRC is to say the rest. */
static bool piece_is_heard(const struct mr_airkiss_state *s, unsigned piece, unsigned octets)
{
	unsigned sure = 0;

	for (unsigned i = 5 * piece; i <= 5 * piece + octets; i++) {
		if (!mr_cell_is(s->have, i))
			return false;
		sure += mr_cell_is(s->sure, i);
	}
	return sure + DOUBTFUL_MAX > octets;
}

/* What is doubtful of it; and the rest is so from now on. */
static void doubt_piece(struct mr_airkiss_state *s, unsigned piece)
{
	for (unsigned i = 5 * piece; i < 5 * piece + 5; i++) {
		mr_cell_set(s->have, i, mr_cell_is(s->sure, i));
		mr_cell_set(s->sure, i, false);
	}
}

/* A piece whose check fails is doubted. */
static bool all_pieces_are_whole(struct mr_airkiss_state *s)
{
	unsigned total = total_of(s);
	bool whole = s->sure_field == 7 && total > 0;

	for (unsigned piece = 0; 4 * piece < total; piece++) {
		unsigned octets = octets_of_piece(total, piece);
		const uint8_t *cells = s->cells + 5 * piece;
		bool heard = piece_is_heard(s, piece, octets);

		if (heard && (cells[0] & 0x7f) != piece_crc((uint8_t)piece, cells + 1, octets)) {
			doubt_piece(s, piece);
			heard = false;
		}
		whole = whole && heard;
	}
	return whole;
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

/* Within a guide: do the sequence numbers count others' frames, or those of the guide that were lost? */
static void judge_numbers(struct mr_airkiss_state *s, uint8_t code, uint8_t step)
{
	uint8_t before = s->coming[0];

	if (s->kind != MAGIC || s->count != 1 || before < 1 || before > 4 || code < 1 || code > 4 || step < 2 ||
	    step > 4)
		return;
	s->shared = (before + step - 1) % 4 + 1 != code;
}

static bool hear_nibble(struct mr_airkiss_state *s, uint8_t code, uint8_t step)
{
	uint8_t kind = code < 0x40 ? MAGIC : PREFIX, place = code >> 4 & 3;
	bool new = false;

	judge_numbers(s, code, step);
	s->place = LOST;
	s->loose = s->loose || step != 1;
	if (place == 0) {
		s->kind = kind;
		s->count = 0;
		s->loose = false;
	} else if (s->kind != kind || s->count != place) {
		s->kind = NOTHING;
	}
	if (s->kind == NOTHING)
		return false;
	s->coming[s->count++] = place == 0 ? code & 0x3f : code & 15;
	if (s->count == 4) {
		new = end_nibbles(s);
		s->kind = NOTHING;
	}
	return new;
}

/*
 * Where in the pieces we are: by sequence numbers behind a CRC and a number that stand together. Each number that is
 * where it is expected says that this was right; what stands behind a gap is not sure until then.
 */
static void go_on(struct mr_airkiss_state *s, uint8_t step, uint16_t code)
{
	unsigned place = s->place + (step > 0 && !s->shared ? step : 1u), total = total_of(s),
		 piece = place / PIECE_CODES;
	bool is_octet = code >= 0x100, number = place % PIECE_CODES == CODE_NUMBER;
	bool first_of_two = !is_octet && s->header && (step <= 1 || s->shared);

	if (s->place == LOST || piece >= MR_AIRKISS_PIECES || is_octet != (place % PIECE_CODES >= CODE_OCTETS) ||
	    (total > 0 && 4 * piece + (is_octet ? place % PIECE_CODES - CODE_OCTETS : 0) >= total) ||
	    (number && (code & 0x7fu) != piece))
		place = LOST;
	s->placed = place != LOST && ((s->placed && step == 1) || (number && step > 0 && !s->shared));
	if (place == LOST && first_of_two && (code & 0x7fu) < MR_AIRKISS_PIECES) {
		place = PIECE_CODES * (code & 0x7fu) + CODE_NUMBER;
		s->placed = step == 1;
	}
	s->place = (uint8_t)place;
}

static bool hear_piece(struct mr_airkiss_state *s, uint8_t step, uint16_t code)
{
	const struct mr_cells cells = cells_of(s);
	uint8_t header = s->header, value = (uint8_t)code, at;
	bool new = false;

	go_on(s, step, code);
	s->header = code < 0x100 ? (uint8_t)code : 0;
	if (s->place == LOST)
		return false;
	at = s->place % PIECE_CODES;
	/* The CRC came before it was known to be one. */
	if (at == CODE_NUMBER && header && (step <= 1 || s->shared))
		new = mr_cell_put(&cells, 5u * (s->place / PIECE_CODES), &header, s->placed) != MR_CELL_SAME;
	if (at >= CODE_OCTETS)
		new = mr_cell_put(&cells, 5u * (s->place / PIECE_CODES) + at - 1, &value, s->placed) != MR_CELL_SAME;
	return new;
}

static enum mr_smart_result hear(union mr_smart_state *state, const struct mr_smart_heard *heard)
{
	struct mr_airkiss_state *s = &state->airkiss;
	bool new;

	if (s->count == 0 && s->kind == NOTHING && !s->begun) {
		s->begun = true;
		s->place = LOST;
	}
	if (heard->length == 0 || heard->length >= 0x200) { /* somebody else's; it has a number all the same */
		s->loose = true;
		s->placed = false;
		return MR_SMART_NOTHING;
	}
	if (heard->length < 0x80) {
		new = hear_nibble(s, (uint8_t)heard->length, heard->step);
		s->header = 0;
	} else {
		s->kind = NOTHING;
		new = hear_piece(s, heard->step, heard->length);
	}
	if (!new)
		return MR_SMART_NOTHING;
	return all_pieces_are_whole(s) ? MR_SMART_COMPLETE : MR_SMART_PROGRESS;
}

static bool finish(const union mr_smart_state *state, const struct mr_smart_key *key, const struct mr_overheard *frame,
		   struct mr_smart_settings *out)
{
	const struct mr_airkiss_state *s = &state->airkiss;
	size_t total = s->fields[TOTAL], passphrase_len = s->fields[PASSPHRASE_LEN];
	size_t ssid_len = total - 1 - passphrase_len;
	uint8_t message[4 * MR_AIRKISS_PIECES] = { 0 };
	struct mr_rd in = mr_rd_over(message, total);

	(void)key;
	(void)frame;
	if (passphrase_len + 1 >= total || ssid_len > MR_SMART_SSID_MAX)
		return false;
	for (unsigned i = 0; i < total; i++)
		message[i] = s->cells[5 * (i / 4) + 1 + i % 4];
	out->passphrase_len = (uint8_t)passphrase_len;
	out->ssid_len = (uint8_t)ssid_len;
	mr_rd_copy(&in, out->passphrase, passphrase_len);
	out->token = mr_rd_u8(&in);
	mr_rd_copy(&in, out->ssid, ssid_len);
	mr_wipe(message, sizeof(message));
	return !in.bad && mr_crc8(0, out->ssid, ssid_len) == s->fields[SSID_CRC];
}

static unsigned units(const union mr_smart_state *state, unsigned *of)
{
	const struct mr_airkiss_state *s = &state->airkiss;
	unsigned total = total_of(s), count = 0;

	*of = (total + 3) / 4;
	for (unsigned piece = 0; piece < (total > 0 ? *of : MR_AIRKISS_PIECES); piece++)
		count += piece_is_heard(s, piece, total > 0 ? octets_of_piece(total, piece) : 4);
	return count;
}

const struct mr_smart_coder mr_smart_airkiss = {
	.scheme = MR_SMART_AIRKISS,
	.begins = begins,
	.guides = guides,
	.hear = hear,
	.finish = finish,
	.units = units,
};
