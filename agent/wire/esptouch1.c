/*
 * ESP-Touch, the first. Octet b of index i goes as three lengths, of which the one in the middle is the index:
 *
 *	40 + (high half of CRC-8(b, i), high half of b)		296 + i		40 + (low half of the CRC-8, low half of
 *b)
 *
 *	index	0 total = 9 + P + S   1 P   2 CRC-8 of the SSID   3 CRC-8 of the BSSID   4 xor of all but the BSSID
 *		5 to 8 IPv4 address of the sender   9 passphrase (P)   SSID (S)   BSSID (6)
 *
 * A guide of 515, 514, 513, 512 comes first, and again and again.
 */
#include "agent/wire/smartconfig_coder.h"

enum {
	TOTAL,
	PASSPHRASE_LEN,
	SSID_CRC,
	BSSID_CRC,
	XOR,
	IP,
	PASSPHRASE = IP + 4,
	DATA_FIRST = 40,
	INDEX_FIRST = 296,
	INDEX_LAST = 423,
	GUIDE_FIRST = 515,
	GUIDE_LAST = 512,
};

#define GAP_US 8000
#define GUIDE_FRAMES 252 /* 2 s, whole guides */
#define DATA_FRAMES 501	 /* 4 s, whole octets */

/* The lengths of data without the 40. */
static void unit(uint8_t octet, uint8_t index, uint8_t out[static 2])
{
	const uint8_t checked[2] = { octet, index };
	uint8_t crc = mr_crc8(0, checked, 2);

	out[0] = (uint8_t)((crc & 0xf0) | octet >> 4);
	out[1] = (uint8_t)(crc << 4 | (octet & 15));
}

static uint8_t xor_of(const uint8_t *octets, size_t len)
{
	uint8_t x = 0;

	for (size_t i = 0; i < len; i++)
		x ^= octets[i];
	return x;
}

/* --- sending --- */

#define ORDER_AT 128 /* in the sender's body: octets first, then their indices in the order of the air */

/* The BSSID is put between the others: at the places 5, 9, 13 ... of the list, or behind it. */
static void put_in_order(uint8_t *order, size_t total)
{
	size_t len = total;

	for (size_t i = 0; i < total; i++)
		order[i] = (uint8_t)i;
	for (size_t i = 0; i < 6; i++, len++) {
		size_t at = 5 + 4 * i < len ? 5 + 4 * i : len;

		for (size_t k = len; k > at; k--)
			order[k] = order[k - 1];
		order[at] = (uint8_t)(total + i);
	}
}

static bool begin(struct mr_smart_sender *sender)
{
	static const uint8_t nobody[4];
	struct mr_smart_settings *s = &sender->settings;
	struct mr_wr w = mr_wr_over(sender->body, ORDER_AT);

	s->token = (uint8_t)(PASSPHRASE + s->passphrase_len + s->ssid_len);
	mr_wr_u8(&w, s->token);
	mr_wr_u8(&w, s->passphrase_len);
	mr_wr_u8(&w, mr_crc8(0, s->ssid, s->ssid_len));
	mr_wr_u8(&w, mr_crc8(0, s->bssid, 6));
	mr_wr_u8(&w, 0);
	mr_wr_bytes(&w, mr_equal(s->ip, nobody, 4) ? (const uint8_t[]){ 255, 255, 255, 255 } : s->ip, 4);
	mr_wr_bytes(&w, s->passphrase, s->passphrase_len);
	mr_wr_bytes(&w, s->ssid, s->ssid_len);
	sender->body[XOR] = xor_of(sender->body, w.len);
	mr_wr_bytes(&w, s->bssid, 6);
	sender->body_len = w.len;
	put_in_order(sender->body + ORDER_AT, s->token);
	return !w.bad;
}

/* Guides and data take turns; data goes on where it was. */
static void next(struct mr_smart_sender *sender, struct mr_smart_frame *out)
{
	uint32_t turn = sender->at / (GUIDE_FRAMES + DATA_FRAMES), at = sender->at % (GUIDE_FRAMES + DATA_FRAMES);
	uint64_t data = (uint64_t)turn * DATA_FRAMES + at - GUIDE_FRAMES;
	size_t place = (size_t)(data / 3 % sender->body_len);
	uint8_t index = sender->body[ORDER_AT + place], halves[2];

	sender->at++;
	out->gap_us = GAP_US;
	if (at < GUIDE_FRAMES) {
		out->length = (uint16_t)(GUIDE_FIRST - at % 4);
		return;
	}
	unit(sender->body[index], index, halves);
	if (data % 3 == 1)
		out->length = (uint16_t)(INDEX_FIRST + index);
	else
		out->length = (uint16_t)(DATA_FIRST + halves[data % 3 / 2]);
	out->ends_round = data % 3 == 2 && place == sender->body_len - 1;
}

const struct mr_smart_script mr_smart_esptouch1_script = {
	.scheme = MR_SMART_ESPTOUCH1,
	.begin = begin,
	.next = next,
};

/* --- listening --- */

static bool begins(const struct mr_overheard *frame) { return mr_smart_may_be(frame, GUIDE_LAST, GUIDE_FIRST); }

static bool guides(const struct mr_smart_stream *stream, const struct mr_overheard *frame, uint16_t *offset)
{
	const uint16_t *last = stream->last;
	int newest = GUIDE_LAST;

	if (stream->last_count < 4)
		return false;
	/* One step up at the most, from 512 to 515. */
	for (; newest <= GUIDE_FIRST; newest++) {
		int expected = newest, i = 0;

		for (; i < 4 && last[i] - last[0] == expected - newest; i++)
			expected = expected == GUIDE_FIRST ? GUIDE_LAST : expected + 1;
		if (i == 4 && mr_smart_offset(frame, last[0] - newest))
			break;
	}
	*offset = (uint16_t)(last[0] - newest);
	return newest <= GUIDE_FIRST;
}

/* Octets there are; 0: not known. Senders that know no BSSID send none, and zero as its CRC. */
static unsigned count_of(const struct mr_esptouch1_state *s)
{
	bool no_bssid = mr_cell_is(s->sure, BSSID_CRC) && s->octets[BSSID_CRC] == 0;

	return mr_cell_is(s->sure, TOTAL) ? s->octets[TOTAL] + (no_bssid ? 0 : 6u) : 0;
}

/* It came, every octet of it. */
static bool has_bssid(const struct mr_esptouch1_state *s)
{
	for (unsigned i = 0; i < 6; i++)
		if (!mr_cell_is(s->sure, s->octets[TOTAL] + i))
			return false;
	return true;
}

static enum mr_smart_result whole_unit(struct mr_esptouch1_state *s, uint8_t last)
{
	const struct mr_cells cells = { s->octets, s->have, s->sure, 1, MR_ESPTOUCH1_UNITS };
	uint8_t octet = (uint8_t)(s->first << 4 | (last & 15)), expected[2];
	unsigned count;

	unit(octet, s->index, expected);
	if (expected[0] != s->first || expected[1] != last || s->index >= MR_ESPTOUCH1_UNITS ||
	    (s->index == TOTAL && (octet <= PASSPHRASE || octet > MR_ESPTOUCH1_UNITS - 6)))
		return MR_SMART_NOTHING;
	if (mr_cell_put(&cells, s->index, &octet, !s->loose) == MR_CELL_SAME)
		return MR_SMART_NOTHING;
	count = count_of(s);
	return count > 0 && mr_cells_set(s->sure, count) == count ? MR_SMART_COMPLETE : MR_SMART_PROGRESS;
}

static enum mr_smart_result hear(union mr_smart_state *state, const struct mr_smart_heard *heard)
{
	struct mr_esptouch1_state *s = &state->esptouch1;
	enum mr_smart_result result = MR_SMART_NOTHING;
	unsigned length = heard->length;

	s->loose = s->loose || heard->step != 1;
	if (length >= DATA_FIRST && length < INDEX_FIRST) {
		if (s->heard == 2)
			result = whole_unit(s, (uint8_t)(length - DATA_FIRST));
		s->first = (uint8_t)(length - DATA_FIRST);
		s->heard = 1;
		s->loose = false;
	} else if (length >= INDEX_FIRST && length <= INDEX_LAST) {
		s->index = (uint8_t)(length - INDEX_FIRST);
		s->heard = s->heard == 1 ? 2 : 0;
	}
	return result;
}

/* Both CRCs are over what the units bring one by one; the xor is over all but the BSSID. */
static bool finish(const union mr_smart_state *state, const struct mr_smart_key *key, const struct mr_overheard *frame,
		   struct mr_smart_settings *out)
{
	const uint8_t *octets = state->esptouch1.octets;
	struct mr_rd in = mr_rd_over(octets + IP, octets[TOTAL] + 6u - IP);
	size_t passphrase_len = octets[PASSPHRASE_LEN], ssid_len = (size_t)octets[TOTAL] - PASSPHRASE - passphrase_len;

	(void)key;
	(void)frame;
	if (passphrase_len > MR_SMART_PASSPHRASE_MAX || ssid_len == 0 || ssid_len > MR_SMART_SSID_MAX ||
	    xor_of(octets, octets[TOTAL]) != 0)
		return false;
	out->token = octets[TOTAL];
	out->passphrase_len = (uint8_t)passphrase_len;
	out->ssid_len = (uint8_t)ssid_len;
	mr_rd_copy(&in, out->ip, 4);
	mr_rd_copy(&in, out->passphrase, passphrase_len);
	mr_rd_copy(&in, out->ssid, ssid_len);
	if (has_bssid(&state->esptouch1))
		mr_rd_copy(&in, out->bssid, 6);
	return !in.bad && mr_crc8(0, out->ssid, ssid_len) == octets[SSID_CRC] &&
	       mr_crc8(0, out->bssid, 6) == octets[BSSID_CRC];
}

static unsigned units(const union mr_smart_state *state, unsigned *of)
{
	const struct mr_esptouch1_state *s = &state->esptouch1;

	*of = count_of(s);
	return mr_cells_set(s->sure, *of > 0 ? *of : MR_ESPTOUCH1_UNITS);
}

const struct mr_smart_coder mr_smart_esptouch1 = {
	.scheme = MR_SMART_ESPTOUCH1,
	.begins = begins,
	.guides = guides,
	.hear = hear,
	.finish = finish,
	.units = units,
};
